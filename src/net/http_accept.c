/* http_accept.c: the listeners of a server: taking connections, and knowing when not to. Listeners leave epoll while all
 * places are taken (the backlog keeps the rest), while the process is out of descriptors (tried again a little later,
 * since a listener that stays ready would spin), for a moment while this loop has clearly more connections than the others,
 * and for good when draining. */
#include "base/mem.h"
#include "net/http_server_priv.h"
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/un.h>

enum {
    ACCEPTS_PER_EVENT = 8, /* few, so that loops which share a listener each get some */
    BACKOFF_MS = 100,      /* after EMFILE and its like */
    SHARE_SLACK = 8,       /* connections more than a quarter above the mean: few connections need no balance */
    SHARE_MS = 20,         /* how long connections are left to the others; then a few of those that wait are taken */
};

static bool address_is_local(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)a;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (a->ss_family == AF_INET6) {
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
    }
    return a->ss_family == AF_UNIX;
}

static void on_backoff_end(struct loop_timer *t)
{
    http_accept_resume((struct http_server *)((char *)t - offsetof(struct http_server, accept_timer)));
}

static void back_off(struct http_server *s)
{
    http_accept_pause(s);
    /* When even the timer finds no memory, the next connection that closes resumes. */
    (void)loop_timer_set(s->loop, &s->accept_timer, BACKOFF_MS, on_backoff_end);
}

/* --- the share of this loop --------------------------------------------------------------------------------------- */

static void set_listening(struct http_server *s, bool listening)
{
    if (s->opt.share && s->listening != listening)
        atomic_fetch_add(&s->opt.share->listening, listening ? 1 : -1);
    s->listening = listening;
}

/* Above its share, and somebody else is there to take what comes. */
static bool has_enough(const struct http_server *s)
{
    const struct http_share *share = s->opt.share;
    if (!share)
        return false;
    int servers = atomic_load_explicit(&share->servers, memory_order_relaxed);
    size_t mean = (size_t)atomic_load_explicit(&share->connections, memory_order_relaxed) / (size_t)(servers > 0 ? servers : 1);
    bool others = atomic_load(&share->listening) > (s->listening ? 1 : 0);
    return others && s->conn_count > mean + mean / 4 + SHARE_SLACK;
}

/* Only one loop is woken for a connection (EPOLLEXCLUSIVE). When that was this one, and it left the connection, nobody else
 * may know of it: so what still waits after a moment is ours after all. */
static void on_share_end(struct loop_timer *t)
{
    struct http_server *s = (struct http_server *)((char *)t - offsetof(struct http_server, accept_timer));
    s->left_long_enough = true;
    http_accept_resume(s);
}

static void leave_to_others(struct http_server *s)
{
    http_accept_pause(s);
    if (loop_timer_set(s->loop, &s->accept_timer, SHARE_MS, on_share_end) < 0)
        http_accept_resume(s); /* an unfair share is better than none */
}

/* --- taking ------------------------------------------------------------------------------------------------------- */

/* False when there is nothing to take now. */
static bool accept_one(struct http_listener *l)
{
    struct http_server *s = l->server;
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof peer;
    int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (!l->tcp)
            peer.ss_family = AF_UNIX; /* an unnamed peer may leave the address empty */
        http_conn_open(s, fd, l->tcp, address_is_local(&peer));
        return true;
    }
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: back_off(s); return false;
    case EAGAIN:
    case EBADF:
    case EINVAL: return false;
    default: /* this connection failed before we took it (ECONNABORTED, EPROTO, …); the next may be fine */ return true;
    }
}

static void on_listener(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct http_listener *l = (struct http_listener *)io;
    struct http_server *s = l->server;
    for (int i = 0; i < ACCEPTS_PER_EVENT && s->listening; i++) {
        if (s->conn_count >= s->opt.connections_max)
            http_accept_pause(s);
        else if (!s->left_long_enough && has_enough(s))
            leave_to_others(s);
        else if (!accept_one(l))
            break;
    }
    s->left_long_enough = false;
}

void http_accept_rest(struct http_server *s)
{
    enum { REST_MAX = 4096 }; /* a backlog is no longer than that (somaxconn); whoever dials on and on must not hold us */
    int taken = 0;
    for (struct http_listener *l = s->listener; l; l = l->next)
        while (s->conn_count < s->opt.connections_max && taken < REST_MAX && accept_one(l))
            taken++;
}

void http_accept_pause(struct http_server *s)
{
    for (struct http_listener *l = s->listener; l; l = l->next)
        loop_io_del(s->loop, &l->io);
    set_listening(s, false);
}

void http_accept_resume(struct http_server *s)
{
    if (s->listening || s->draining || s->conn_count >= s->opt.connections_max)
        return;
    set_listening(s, true);
    for (struct http_listener *l = s->listener; l; l = l->next)
        if (loop_io_add(s->loop, &l->io, l->fd, EPOLLIN | EPOLLEXCLUSIVE, on_listener) < 0) {
            back_off(s);
            return;
        }
}

int http_server_listen(struct http_server *s, int fd)
{
    int domain = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain}) < 0)
        return ERR_INVALID;
    struct http_listener *l = new0(struct http_listener);
    if (!l)
        return ERR_NOMEM;
    *l = (struct http_listener){.io = LOOP_IO_INIT, .server = s, .fd = fd, .tcp = domain != AF_UNIX};
    if (s->listening || !s->listener) {
        int rc = loop_io_add(s->loop, &l->io, fd, EPOLLIN | EPOLLEXCLUSIVE, on_listener);
        if (rc < 0) {
            mem_free(l);
            return rc;
        }
        set_listening(s, true);
    }
    l->next = s->listener;
    s->listener = l;
    return 0;
}
