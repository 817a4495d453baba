/* scenario_crowd.c: many open streams at once, more than there are clients: a crowd. Each member is a descriptor and the
 * end of what it has read; what counts is whether it has begun, and whether it came to its proper end. */
#include "base/mem.h"
#include "scenario.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CROWD_MAX = 2000, TAIL_BYTES = 64 };

struct member {
    int fd; /* -1 when its end has come */
    bool begun, whole;
    char tail[TAIL_BYTES]; /* the last bytes, to find words that came in two parts */
    size_t tail_len;
};
struct crowd {
    struct member member[CROWD_MAX];
    int count;
};

void crowd_close(struct scenario *s)
{
    for (int i = 0; s->crowd && i < s->crowd->count; i++)
        if (s->crowd->member[i].fd >= 0)
            close(s->crowd->member[i].fd);
    mem_free(s->crowd);
    s->crowd = NULL;
}

static bool join(struct scenario *s, struct member *m, struct str request)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    m->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (m->fd < 0 || connect(m->fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        send(m->fd, request.ptr, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
        return scenario_fail(s, "a member of the crowd could not ask: %m");
    return true;
}

static void take(struct member *m, struct str bytes)
{
    AUTO_BUF struct buf all = BUF_INIT(128 * KiB);
    (void)buf_append(&all, str_of(m->tail, m->tail_len));
    (void)buf_append(&all, bytes);
    m->begun |= str_find(buf_str(&all), STR("\"content\":\"")) >= 0;
    m->whole |= str_find(buf_str(&all), STR("data: [DONE]")) >= 0;
    struct str tail = str_skip(buf_str(&all), all.len > TAIL_BYTES ? all.len - TAIL_BYTES : 0);
    memcpy(m->tail, tail.ptr, tail.len);
    m->tail_len = tail.len;
}

static void listen_to(struct member *m)
{
    char bytes[64 * 1024];
    ssize_t n = recv(m->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        take(m, str_of(bytes, (size_t)n));
    if (n > 0 ? m->whole : n == 0 || errno != EAGAIN) {
        close(m->fd);
        m->fd = -1;
    }
}

static int count(const struct crowd *c, bool begun, bool open, bool whole)
{
    int n = 0;
    for (int i = 0; i < c->count; i++) {
        const struct member *m = &c->member[i];
        n += (begun && m->begun) || (open && m->fd >= 0) || (whole && m->whole);
    }
    return n;
}

static void listen_to_all(struct crowd *c)
{
    for (int i = 0; i < c->count; i++)
        if (c->member[i].fd >= 0)
            listen_to(&c->member[i]);
}

/* crowd N METHOD PATH <<X: N streams; goes on when each has begun. */
bool crowd_verb(struct scenario *s, struct words *w)
{
    int64_t n;
    AUTO_BUF struct buf request = BUF_INIT(1 * MiB);
    if (!words_number(w, &n) || n < 1 || n > CROWD_MAX)
        return scenario_fail(s, "crowd N METHOD PATH, N at most %d", CROWD_MAX);
    struct str method = words_next(w), path = words_next(w);
    (void)buf_append_format(
        &request,
        "%.*s %.*s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n",
        STR_FMT(method), STR_FMT(path), s->port, w->here.len);
    crowd_close(s);
    s->crowd = new0(struct crowd);
    if (!s->crowd || buf_append(&request, w->here) != 0)
        return scenario_fail(s, "out of memory");
    while (s->crowd->count < n)
        if (!join(s, &s->crowd->member[s->crowd->count++], buf_str(&request)))
            return false;
    int64_t until = now_ms() + SCENARIO_LIMIT_MS;
    for (listen_to_all(s->crowd); count(s->crowd, true, false, false) < n; listen_to_all(s->crowd)) {
        notify_hear(s);
        if (!poll_again(s, until))
            return scenario_fail(s, "only %d of the crowd have begun", count(s->crowd, true, false, false));
    }
    return true;
}

/* expect crowd N whole: waits for the end of all; so many came to their proper end. */
bool expect_crowd(struct scenario *s, struct words *w)
{
    int64_t n;
    if (!s->crowd || !words_number(w, &n) || !words_take(w, "whole"))
        return scenario_fail(s, "expect crowd N whole, after `crowd`");
    int64_t until = now_ms() + SCENARIO_LIMIT_MS;
    for (listen_to_all(s->crowd); count(s->crowd, false, true, false) > 0; listen_to_all(s->crowd)) {
        notify_hear(s);
        if (!poll_again(s, until))
            return scenario_fail(s, "%d of the crowd are still open", count(s->crowd, false, true, false));
    }
    int whole = count(s->crowd, false, false, true);
    return whole == n || scenario_fail(s, "expected %d whole streams, got %d", (int)n, whole);
}
