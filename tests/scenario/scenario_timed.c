/* scenario_timed.c: what a call costs inside the binary, measured from outside, and held against x-hearth-overhead-us.
 *
 * A client and an upstream of our own stand on both sides of it:
 *
 *   client --t0--> binary --t1--> upstream --t2--> binary --t3--> client        overhead = (t1 - t0) + (t3 - t2)
 *
 * All four are stamps of the kernel (SO_TIMESTAMPING): when the last byte left our socket, when it came to it. So nothing
 * counts for which our own two threads had to be woken or held up, however busy the machine is. What remains of its noise
 * is the binary's own waiting for a core, which the header cannot know. It only ever adds, so the calls that took least
 * are looked at, not all of them. */
#include "base/mem.h"
#include "scenario.h"
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNS_MAX = 8,
    MESSAGE_MAX = 64 * 1024,
    THINK_MS = 1, /* of the upstream, per request: far more than any overhead, so that counting it in shows */
    PARTS = 40,   /* one in so many calls, the least disturbed, is looked at */
    CALLS_MIN = 5 * PARTS,
    ROUNDS = 6, /* a machine that is busy for a whole round may have a better one: a wrong header never has */
    READ_MS = 10000 * SLOWER,
};

struct conn {
    int fd;
    size_t len;
    char in[MESSAGE_MAX];
};

struct timed {
    int listen_fd, port;
    pthread_t thread;
    atomic_bool over;
    atomic_llong thought_ns; /* what the upstream has taken of the call under way */
    atomic_int answered;     /* its requests of that call, counted after their time; pairs with the client's look */
    struct conn conn[CONNS_MAX];
};

/* --- both sides --------------------------------------------------------------------------------------------------- */

static int64_t real_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t); /* the clock of the kernel's stamps; cannot fail for it */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool want_stamps(int fd)
{
    int on = SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
             SOF_TIMESTAMPING_OPT_TSONLY;
    return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &on, sizeof on) == 0;
}

/* recvmsg with the kernel's stamp; *at_ns is our own time if there is none. */
static ssize_t receive(int fd, struct iovec *iov, int flags, int64_t *at_ns)
{
    union {
        struct cmsghdr align;
        char room[512];
    } control;
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &m, flags);
    *at_ns = real_ns();
    for (struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPING) {
            struct scm_timestamping t;
            memcpy(&t, CMSG_DATA(h), sizeof t);
            *at_ns = (int64_t)t.ts[0].tv_sec * 1000000000 + t.ts[0].tv_nsec;
        }
    return n;
}

/* Sends all of it; *at_ns is when its last byte left. */
static bool send_stamped(int fd, struct str bytes, int64_t *at_ns)
{
    char none[1];
    struct iovec nothing = {.iov_base = none, .iov_len = sizeof none};
    *at_ns = real_ns();
    if (send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) != (ssize_t)bytes.len)
        return false;
    int64_t left_ns;
    while (receive(fd, &nothing, MSG_ERRQUEUE | MSG_DONTWAIT, &left_ns) >= 0)
        *at_ns = left_ns; /* one for each packet; on loopback they are there when send returns */
    return true;
}

/* Reads more of a message; *at_ns is when its last byte came. False at the end of the connection. */
static bool read_stamped(struct conn *c, int64_t *at_ns)
{
    struct iovec iov = {.iov_base = c->in + c->len, .iov_len = sizeof c->in - c->len};
    ssize_t n = receive(c->fd, &iov, 0, at_ns);
    c->len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Is a whole message there? All have a content-length. */
static bool is_whole(const struct conn *c, struct reply *head)
{
    struct str all = str_of(c->in, c->len);
    ptrdiff_t end = str_find(all, STR("\r\n\r\n"));
    uint64_t length = 0;
    if (end < 0)
        return false;
    *head = (struct reply){.head = str_slice(all, 0, (size_t)end + 2), .body = str_skip(all, (size_t)end + 4)};
    return str_to_u64(reply_header(head, STR("content-length")), &length) && head->body.len >= length;
}

/* --- the upstream ------------------------------------------------------------------------------------------------- */

/* A model whose name begins with `busy` answers 409, which says nothing of the target's health; all others answer. */
static void upstream_answers(struct timed *t, struct conn *c)
{
    static const char body[] =
        "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}";
    int64_t came_ns;
    struct reply request;
    AUTO_BUF struct buf out = BUF_INIT(4 * KiB);
    if (!read_stamped(c, &came_ns)) {
        close(c->fd);
        c->fd = -1;
    }
    if (c->fd < 0 || !is_whole(c, &request))
        return;
    bool busy = str_find(request.body, STR("\"model\":\"busy")) >= 0;
    (void)buf_append_format(&out, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                            busy ? "409 Conflict" : "200 OK", busy ? 2 : sizeof body - 1,
                            busy ? "{}" : body); /* it fits by far */
    c->len = 0;
    (void)poll(NULL, 0, THINK_MS);
    int64_t went_ns;
    (void)send_stamped(c->fd, buf_str(&out), &went_ns); /* a binary that has left misses its answer by itself */
    (void)atomic_fetch_add(&t->thought_ns, went_ns - came_ns);
    (void)atomic_fetch_add(&t->answered, 1);
}

static void upstream_accepts(struct timed *t)
{
    int fd = accept4(t->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    for (int i = 0; fd >= 0 && i < CONNS_MAX; i++)
        if (t->conn[i].fd < 0) {
            (void)want_stamps(fd); /* the client's side has found out whether they are to be had */
            t->conn[i].fd = fd;
            t->conn[i].len = 0;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void *upstream_run(void *arg)
{
    struct timed *t = arg;
    while (!atomic_load(&t->over)) {
        struct pollfd p[CONNS_MAX + 1] = {{.fd = t->listen_fd, .events = POLLIN}};
        for (int i = 0; i < CONNS_MAX; i++)
            p[i + 1] = (struct pollfd){.fd = t->conn[i].fd, .events = POLLIN}; /* -1 is passed over */
        (void)poll(p, CONNS_MAX + 1, 100);
        for (int i = 0; i < CONNS_MAX; i++)
            if (t->conn[i].fd >= 0 && p[i + 1].revents)
                upstream_answers(t, &t->conn[i]);
        if (p[0].revents)
            upstream_accepts(t);
    }
    return NULL;
}

/* The upstream of the flavour `timed`; its port, or 0. */
int timed_open(struct scenario *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    if (s->timed)
        return s->timed->port;
    struct timed *t = new0(struct timed);
    if (!t)
        return 0;
    for (int i = 0; i < CONNS_MAX; i++)
        t->conn[i].fd = -1;
    t->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (t->listen_fd < 0 || bind(t->listen_fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(t->listen_fd, 16) != 0 ||
        getsockname(t->listen_fd, (struct sockaddr *)&a, &len) != 0 ||
        pthread_create(&t->thread, NULL, upstream_run, t) != 0) {
        if (t->listen_fd >= 0)
            close(t->listen_fd);
        mem_free(t);
        return 0;
    }
    s->timed = t;
    return t->port = ntohs(a.sin_port);
}

void timed_close(struct timed *t)
{
    if (!t)
        return;
    atomic_store(&t->over, true);
    (void)pthread_join(t->thread, NULL);
    close(t->listen_fd);
    for (int i = 0; i < CONNS_MAX; i++)
        if (t->conn[i].fd >= 0)
            close(t->conn[i].fd);
    mem_free(t);
}

/* --- the client --------------------------------------------------------------------------------------------------- */

struct sample {
    int64_t measured_us, told_us;
};

static int by_measured(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return (x->measured_us > y->measured_us) - (x->measured_us < y->measured_us);
}

static int by_told(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    return (x->told_us > y->told_us) - (x->told_us < y->told_us);
}

/* The upstream adds up after it has answered, so it may be a moment behind. */
static bool upstream_is_through(struct scenario *s, struct str attempts, int64_t until)
{
    int64_t want;
    if (!str_to_i64(attempts, &want))
        return scenario_fail(s, "a timed call does not tell its attempts");
    while (atomic_load(&s->timed->answered) < want)
        if (!poll_again(s, until))
            return scenario_fail(s, "a timed call did not pass the timed upstream");
    return true;
}

static bool one_call(struct scenario *s, struct conn *c, struct str request, struct sample *out)
{
    struct reply reply;
    int64_t came_ns = 0, went_ns, until = now_ms() + READ_MS;
    c->len = 0;
    atomic_store(&s->timed->thought_ns, 0); /* nothing is under way there */
    atomic_store(&s->timed->answered, 0);
    if (!send_stamped(c->fd, request, &went_ns))
        return scenario_fail(s, "the request could not be sent in one piece");
    while (!is_whole(c, &reply)) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (poll(&p, 1, (int)(until - now_ms())) <= 0 || now_ms() >= s->deadline_ms || !read_stamped(c, &came_ns))
            return scenario_fail(s, "no complete reply to a timed call");
    }
    if (!str_starts(reply.head, STR("HTTP/1.1 200")) ||
        !str_to_i64(reply_header(&reply, STR("x-hearth-overhead-us")), &out->told_us))
        return scenario_fail(s, "a timed call was answered: %.*s%.*s", STR_FMT(reply.head), STR_FMT(reply.body));
    if (!upstream_is_through(s, reply_header(&reply, STR("x-hearth-attempts")), until))
        return false;
    out->measured_us = (came_ns - went_ns - atomic_load(&s->timed->thought_ns)) / 1000;
    return true;
}

/* Of the least disturbed calls: the median of what was measured, and of what was told. */
static bool compare(struct scenario *s, struct sample *sample, int count, int64_t us, int64_t percent)
{
    qsort(sample, (size_t)count, sizeof *sample, by_measured);
    int least = count / PARTS;
    int64_t measured = sample[least / 2].measured_us;
    qsort(sample, (size_t)least, sizeof *sample, by_told);
    int64_t told = sample[least / 2].told_us, allowed = measured * percent / 100 > us ? measured * percent / 100 : us;
    int64_t off = told > measured ? told - measured : measured - told;
    return off <= allowed ||
           scenario_fail(s, "x-hearth-overhead-us says %lld, measured were %lld: more than %lld apart", (long long)told,
                         (long long)measured, (long long)allowed);
}

/* timed N within US PERCENT METHOD PATH <<X: N calls, one after the other on one connection; then what the header says
 * of them is within US microseconds or PERCENT of what was measured, whichever is larger. */
bool timed_verb(struct scenario *s, struct words *w)
{
    int64_t count, us, percent;
    if (!s->timed || !words_number(w, &count) || count < CALLS_MIN || !words_take(w, "within") ||
        !words_number(w, &us) || !words_number(w, &percent))
        return scenario_fail(s, "timed N within US PERCENT METHOD PATH, N at least %d, and an upstream that is timed",
                             CALLS_MIN);
    struct str method = words_next(w), path = words_next(w);
    AUTO_BUF struct buf request = BUF_INIT(1 * MiB);
    (void)buf_append_format(
        &request,
        "%.*s %.*s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n",
        STR_FMT(method), STR_FMT(path), s->port, w->here.len);
    struct sample *sample = arena_new_array(&s->arena, struct sample, (size_t)count);
    struct conn *conn = arena_new(&s->arena, struct conn);
    struct client *c = client_connect(s, STR("timed"));
    if (!sample || !conn || buf_append(&request, w->here) != 0)
        return scenario_fail(s, "out of memory");
    if (!c)
        return false;
    conn->fd = c->fd;
    if (!want_stamps(conn->fd))
        return scenario_fail(s, "this kernel does not stamp packets");
    bool agrees = false;
    for (int round = 0; round < ROUNDS && !agrees; round++) {
        for (int64_t i = 0; i < count; i++)
            if (!one_call(s, conn, buf_str(&request), &sample[i]))
                return false;
        agrees = compare(s, sample, (int)count, us, percent);
    }
    if (agrees)
        buf_clear(&s->problem);
    return agrees;
}
