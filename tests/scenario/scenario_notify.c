/* scenario_notify.c: plays the service manager: a datagram socket in $NOTIFY_SOCKET, and what was written to it. */
#include "scenario.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
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
    s->watchdog_ms = ms;
    s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1; /* when it was sent, not when we come to read it */
    if (rc || s->notify_fd < 0 || setsockopt(s->notify_fd, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on) != 0 ||
        bind(s->notify_fd, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0)
        return scenario_fail(s, "the service manager's socket cannot be made: %m");
    return true;
}

static void count_pulse(struct scenario *s, struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    struct timeval at = {0};
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMP)
        memcpy(&at, CMSG_DATA(c), sizeof at);
    int64_t us = (int64_t)at.tv_sec * 1000000 + at.tv_usec;
    if (s->pulse_us && us - s->pulse_us > s->pulse_gap_us)
        s->pulse_gap_us = us - s->pulse_us;
    s->pulse_us = us;
}

void notify_hear(struct scenario *s)
{
    char bytes[4096], control[256];
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    ssize_t n;
    for (;;) {
        struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        if (s->notify_fd <= 0 || (n = recvmsg(s->notify_fd, &m, 0)) <= 0)
            return;
        if (str_find(str_of(bytes, (size_t)n), STR("WATCHDOG=1")) >= 0)
            count_pulse(s, &m);
        (void)buf_append_format(&s->notified, "[%.*s]\n", (int)n,
                                bytes); /* its ceiling is far above a scenario's time */
    }
}

/* A service manager would have killed it when it heard nothing for the time it asked for. */
static bool expect_fed(struct scenario *s)
{
    notify_hear(s);
    if (!s->pulse_gap_us)
        return scenario_fail(s, "expected the watchdog to be fed more than once");
    return s->pulse_gap_us <= s->watchdog_ms * 1000 ||
           scenario_fail(s, "the watchdog was not fed for %lld ms, and asks for it every %lld",
                         (long long)s->pulse_gap_us / 1000, (long long)s->watchdog_ms);
}

/* expect notified TEXT: of all that was written so far, each datagram in brackets; `notified again TEXT`: from now on;
 * `notified fed`: no time between two pulses for the watchdog was longer than it takes. */
bool expect_notified(struct scenario *s, struct words *w)
{
    int64_t until = now_ms() + SCENARIO_LIMIT_MS / 2;
    if (s->notify_fd <= 0)
        return scenario_fail(s, "expect notified, after `notify`");
    if (words_take(w, "fed"))
        return expect_fed(s);
    if (words_take(w, "again")) {
        notify_hear(s);
        buf_clear(&s->notified);
    }
    for (;;) {
        struct words again = *w;
        notify_hear(s);
        if (expect_text(s, "notified", s->notified.len ? buf_str(&s->notified) : STR(""), &again))
            break;
        if (!poll_again(s, until))
            return false;
    }
    buf_clear(&s->problem);
    return true;
}
