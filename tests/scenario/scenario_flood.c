/* scenario_flood.c: more calls than there is room for: so many new connections a second, whatever becomes of the ones before.
 * What is counted: answers, refusals that say when to come back, refusals that were slow, and everything else. */
#include "scenario.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLOOD_MAX = 512, HEAD_BYTES = 4096, LATE_MS = 50, END_MS = 5000 * SLOWER };

struct drop {
    int fd; /* -1: the place is free */
    int64_t started_ms, head_ms;
    char head[HEAD_BYTES]; /* its beginning; NUL-terminated */
    size_t len;
};

struct flood {
    struct drop drop[FLOOD_MAX];
    struct str request;
    int open;
};

static struct drop *free_place(struct flood *f)
{
    for (int i = 0; i < FLOOD_MAX; i++)
        if (f->drop[i].fd < 0)
            return &f->drop[i];
    return NULL;
}

static bool fall(struct scenario *s, struct flood *f)
{
    struct drop *d = free_place(f);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (!d)
        return scenario_fail(s, "flood: more than %d calls wait for their answers", FLOOD_MAX);
    *d = (struct drop){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .started_ms = now_ms()};
    if (d->fd < 0 || connect(d->fd, (struct sockaddr *)&a, sizeof a) != 0 || fcntl(d->fd, F_SETFL, O_NONBLOCK) < 0 ||
        send(d->fd, f->request.ptr, f->request.len, MSG_NOSIGNAL) != (ssize_t)f->request.len)
        return scenario_fail(s, "flood: cannot ask: errno %d", errno);
    f->open++;
    return true;
}

static void judge(struct scenario *s, const struct drop *d)
{
    struct flood_seen *seen = &s->flood;
    bool refused = strncmp(d->head, "HTTP/1.1 429", 12) == 0 || strncmp(d->head, "HTTP/1.1 503", 12) == 0;
    if (strncmp(d->head, "HTTP/1.1 200", 12) == 0) {
        seen->answered++;
    } else if (refused && strstr(d->head, "\r\nretry-after: ")) {
        seen->refused++;
        seen->late += d->head_ms - d->started_ms > LATE_MS;
    } else {
        seen->other++;
    }
}

/* Reads what is there; a reply is over when its connection is. */
static void look(struct scenario *s, struct flood *f, struct drop *d)
{
    char text[HEAD_BYTES];
    ssize_t n = recv(d->fd, text, sizeof text, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0) {
        if (d->len == 0)
            d->head_ms = now_ms();
        size_t room = HEAD_BYTES - 1 - d->len, take = (size_t)n < room ? (size_t)n : room;
        memcpy(d->head + d->len, text, take);
        d->len += take;
        return;
    }
    judge(s, d);
    close(d->fd);
    d->fd = -1;
    f->open--;
}

static void look_around(struct scenario *s, struct flood *f, int wait_ms)
{
    struct pollfd p[FLOOD_MAX];
    for (int i = 0; i < FLOOD_MAX; i++)
        p[i] = (struct pollfd){.fd = f->drop[i].fd, .events = POLLIN};
    (void)poll(p, FLOOD_MAX, wait_ms);
    for (int i = 0; i < FLOOD_MAX; i++)
        if (f->drop[i].fd >= 0 && p[i].revents)
            look(s, f, &f->drop[i]);
}

static bool pour(struct scenario *s, struct flood *f, int64_t rate, int64_t ms)
{
    int64_t start = now_ms(), fallen = 0;
    for (int64_t now; (now = now_ms()) < start + ms; look_around(s, f, POLL_MS))
        for (; fallen < (now - start) * rate / 1000; fallen++)
            if (!fall(s, f))
                return false;
    while (f->open && now_ms() < start + ms + END_MS)
        look_around(s, f, POLL_MS);
    return f->open == 0 || scenario_fail(s, "flood: %d calls were never answered", f->open);
}

/* flood RATE MS METHOD PATH <<EOF: RATE new calls a second for so long. */
bool flood_verb(struct scenario *s, struct words *w)
{
    static struct flood f; /* a scenario is a process of its own, and this is too large for its stack */
    int64_t rate, ms;
    AUTO_BUF struct buf request = BUF_INIT(1 * MiB);
    if (!words_number(w, &rate) || !words_number(w, &ms))
        return scenario_fail(s, "flood RATE MS METHOD PATH");
    struct str method = words_next(w), path = words_next(w);
    (void)buf_append_format(&request,
                            "%.*s %.*s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
                            "connection: close\r\ncontent-length: %zu\r\n\r\n",
                            STR_FMT(method), STR_FMT(path), s->port, w->here.len);
    (void)buf_append(&request, w->here);
    f = (struct flood){.request = buf_str(&request)};
    s->flood = (struct flood_seen){0};
    for (int i = 0; i < FLOOD_MAX; i++)
        f.drop[i].fd = -1;
    bool ok = pour(s, &f, rate, ms);
    for (int i = 0; i < FLOOD_MAX; i++)
        if (f.drop[i].fd >= 0)
            close(f.drop[i].fd);
    return ok;
}

/* expect flood answered|refused|late|other TEXT */
bool expect_flood(struct scenario *s, struct words *w)
{
    const struct {
        const char *word;
        int count;
    } of[] = {{"answered", s->flood.answered}, {"refused", s->flood.refused}, {"late", s->flood.late}, {"other", s->flood.other}};
    struct str what = words_next(w);
    for (size_t i = 0; i < COUNT_OF(of); i++)
        if (str_eq(what, str_from(of[i].word))) {
            char text[32];
            size_t n = text_format(text, sizeof text, "%d", of[i].count);
            return expect_text(s, of[i].word, str_of(text, n), w);
        }
    return scenario_fail(s, "expect flood answered|refused|late|other");
}
