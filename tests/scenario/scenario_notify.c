/* scenario_notify.c: plays the service manager: a datagram socket in $NOTIFY_SOCKET, and what was written to it. */
#include "scenario.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_close(struct scenario *s)
{
    if (s->notify_fd > 0)
        close(s->notify_fd);
    buf_fini(&s->notified);
}

/* notify path|abstract [watchdog MS] */
bool notify_verb(struct scenario *s, struct words *w)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    bool abstract = words_take(w, "abstract");
    int64_t ms = 0;
    if (!abstract && !words_take(w, "path"))
        return scenario_fail(s, "notify path|abstract [watchdog MS]");
    size_t len = text_format(a.sun_path, sizeof a.sun_path, "%s%s/notify", abstract ? "@" : "", s->folder);
    int rc = buf_append_format(&s->env, "NOTIFY_SOCKET=%s\n", a.sun_path);
    if (rc == 0 && words_take(w, "watchdog") && words_number(w, &ms))
        rc = buf_append_format(&s->env, "WATCHDOG_USEC=%lld\n", (long long)ms * 1000);
    if (abstract)
        a.sun_path[0] = '\0';
    s->notified = BUF_INIT(1 * MiB);
    s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (rc || s->notify_fd < 0 ||
        bind(s->notify_fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0)
        return scenario_fail(s, "the service manager's socket cannot be made: %m");
    return true;
}

static void hear(struct scenario *s)
{
    char bytes[4096];
    ssize_t n;
    while ((n = recv(s->notify_fd, bytes, sizeof bytes, 0)) > 0)
        (void)buf_append_format(&s->notified, "[%.*s]\n", (int)n,
                                bytes); /* its ceiling is far above a scenario's time */
}

/* expect notified TEXT: of all that was written so far, each datagram in brackets; `notified again TEXT`: from now on. */
bool expect_notified(struct scenario *s, struct words *w)
{
    int64_t until = now_ms() + SCENARIO_LIMIT_MS / 2;
    if (s->notify_fd <= 0)
        return scenario_fail(s, "expect notified, after `notify`");
    if (words_take(w, "again")) {
        hear(s);
        buf_clear(&s->notified);
    }
    for (;;) {
        struct words again = *w;
        hear(s);
        if (expect_text(s, "notified", s->notified.len ? buf_str(&s->notified) : STR(""), &again))
            break;
        if (!poll_again(s, until))
            return false;
    }
    buf_clear(&s->problem);
    return true;
}
