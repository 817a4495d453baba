/* http_plain_conn.c: connections of the plain transport: made, kept and closed; see http_plain_priv.h.
 *
 * Several addresses: they are tried in turn, and the next one begins when the one before failed or after 200 ms, beside
 * it (RFC 8305). The first to be connected carries the request, the others are closed. Kept connections are used last in,
 * first out, so that a crowd's leftovers grow old and are swept. */
#include "net/http_plain_priv.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    NEXT_ADDRESS_MS = 200,
    UNIX_RETRY_MS = 10,      /* a unix socket whose queue is full does not tell when it has room */
    KEPT_US = 118 * 1000000, /* servers close theirs after 60, 75 or 120 s */
    TRIM_KEPT_MAX = 32,      /* of each site, after a busy time */
};

static void list_add(struct conn *c, struct conn **list)
{
    c->next = *list;
    c->link = list;
    if (c->next)
        c->next->link = &c->next;
    *list = c;
}

static void list_remove(struct conn *c)
{
    if (!c->link)
        return;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->link = NULL;
}

static void conn_close(struct conn *c)
{
    if (!c->fetch)
        c->client->idle_count--;
    else if (c->fetch->conn == c)
        c->fetch->conn = NULL;
    list_remove(c);
    loop_io_del(c->client->loop, &c->io);
    close(c->fd);
    mem_free(c);
}

/* --- connecting ---------------------------------------------------------------------------------------------------- */

static void connect_next(struct plain_fetch *f);

static void connected(struct conn *c)
{
    struct plain_fetch *f = c->fetch;
    c->connecting = false;
    list_remove(c);
    while (f->attempts)
        conn_close(f->attempts);
    loop_timer_cancel(c->client->loop, &f->next_timer);
    f->conn = c;
    if (c->address.any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &c->address.v4.sin_addr, c->peer, sizeof c->peer);
    else if (c->address.any.sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &c->address.v6.sin6_addr, c->peer, sizeof c->peer);
    if (loop_io_set(c->client->loop, &c->io, EPOLLIN) < 0) {
        fetch_finish(&f->base, FETCH_NOMEM, NULL);
        return;
    }
    plain_connected(f);
}

void conn_event(struct loop_io *io, uint32_t events)
{
    struct conn *c = (struct conn *)io;
    struct plain_fetch *f = c->fetch;
    if (!f) { /* the peer ended it, or says what nobody asked for */
        conn_close(c);
        return;
    }
    if (!c->connecting) {
        plain_ready(f, events);
        return;
    }
    int problem = 0;
    socklen_t len = sizeof problem;
    if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &problem, &len) < 0)
        problem = errno;
    if (problem == 0) {
        connected(c);
        return;
    }
    f->problem = problem;
    conn_close(c);
    connect_next(f);
}

static int open_socket(struct plain_fetch *f, const struct sockaddr *address)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        f->problem = errno;
        return -1;
    }
    if (address->sa_family != AF_UNIX) /* fails on no socket of ours */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

static struct conn *conn_new(struct plain_fetch *f, int fd)
{
    struct http_client *client = f->base.client;
    struct conn *c = new0(struct conn);
    if (!c)
        return NULL;
    *c = (struct conn){
        .io = LOOP_IO_INIT, .fd = fd, .client = client, .site = f->base.site, .fetch = f, .connecting = true};
    if (loop_io_add(client->loop, &c->io, fd, EPOLLOUT, conn_event) < 0) {
        mem_free(c);
        return NULL;
    }
    list_add(c, &f->attempts);
    return c;
}

/* 1 = connected, 0 = under way, ERR_NOMEM, or ERR_REFUSED and f->problem says why. */
static int attempt(struct plain_fetch *f, const struct sockaddr *address, socklen_t len, struct conn **out)
{
    int fd = open_socket(f, address);
    if (fd < 0)
        return f->problem == ENOMEM || f->problem == ENOBUFS ? ERR_NOMEM : ERR_REFUSED;
    f->base.opened = true;
    int rc = connect(fd, address, len) == 0;
    if (!rc && errno != EINPROGRESS) {
        f->problem = errno;
        close(fd);
        return ERR_REFUSED;
    }
    struct conn *c = conn_new(f, fd);
    if (!c) {
        close(fd);
        return ERR_NOMEM;
    }
    if (address->sa_family != AF_UNIX)
        memcpy(&c->address, address, address->sa_family == AF_INET ? sizeof c->address.v4 : sizeof c->address.v6);
    *out = c;
    return rc;
}

static void next_due(struct loop_timer *t)
{
    connect_next((struct plain_fetch *)((char *)t - offsetof(struct plain_fetch, next_timer)));
}

static void next_later(struct plain_fetch *f, int after_ms)
{
    if (loop_timer_set(f->base.client->loop, &f->next_timer, after_ms, next_due) < 0)
        fetch_finish(&f->base, FETCH_NOMEM, NULL);
}

static void connect_unix(struct plain_fetch *f)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct str path = f->base.site->host;
    assert(path.len < sizeof at.sun_path); /* http_client.c looked */
    memcpy(at.sun_path, path.ptr, path.len);
    struct conn *c;
    int rc = attempt(f, (const struct sockaddr *)&at, sizeof at, &c);
    struct err e;
    if (rc == 1)
        connected(c);
    else if (rc == ERR_REFUSED && f->problem == EAGAIN)
        next_later(f, UNIX_RETRY_MS);
    else if (rc == ERR_NOMEM)
        fetch_finish(&f->base, FETCH_NOMEM, NULL);
    else if (rc == ERR_REFUSED) {
        (void)err_set_errno(&e, ERR_REFUSED, f->problem, "%.*s", STR_FMT(path));
        fetch_finish(&f->base, FETCH_CONNECT, e.text);
    }
}

/* No address is left, and none is under way. */
static void out_of_addresses(struct plain_fetch *f)
{
    const struct site *s = f->base.site;
    struct err e;
    if (f->base.fenced && !f->base.opened) {
        fetch_finish(&f->base, FETCH_FENCED, "none of the addresses is allowed");
        return;
    }
    (void)err_set_errno(&e, ERR_REFUSED, f->problem, "%.*s port %d", STR_FMT(s->host), s->port);
    fetch_finish(&f->base, FETCH_CONNECT, e.text);
}

/* Begins with the next address that is allowed. */
static void connect_next(struct plain_fetch *f)
{
    const struct site *s = f->base.site;
    if (s->port == 0) {
        connect_unix(f);
        return;
    }
    while (f->address_at < s->address_count) {
        const struct sockaddr *address = (const struct sockaddr *)&s->address[f->address_at++];
        if (!fetch_allows(&f->base, address))
            continue;
        struct conn *c;
        int rc = attempt(f, address, sizeof *s->address, &c);
        if (rc == 1) {
            connected(c);
            return;
        }
        if (rc == ERR_NOMEM) {
            fetch_finish(&f->base, FETCH_NOMEM, NULL);
            return;
        }
        if (rc == 0) {
            if (f->address_at < s->address_count)
                next_later(f, NEXT_ADDRESS_MS);
            return;
        }
    }
    if (!f->attempts)
        out_of_addresses(f);
}

/* --- keeping ------------------------------------------------------------------------------------------------------- */

/* The one used last whose address is still allowed. */
static struct conn *kept(struct plain_fetch *f)
{
    const struct http_client *client = f->base.client;
    struct conn *c;
    while ((c = f->base.site->idle)) {
        bool young = loop_now_us(client->loop) - c->idle_since_us < KEPT_US;
        if (young && (c->address.any.sa_family == 0 || fetch_allows(&f->base, &c->address.any)))
            return c;
        conn_close(c);
    }
    return NULL;
}

void conn_find(struct plain_fetch *f)
{
    struct conn *c = kept(f);
    if (c) {
        list_remove(c);
        c->client->idle_count--;
        c->fetch = f;
        f->conn = c;
        plain_connected(f);
        return;
    }
    if (fetch_connect_timer(&f->base) < 0)
        fetch_finish(&f->base, FETCH_NOMEM, NULL);
    else
        connect_next(f);
}

static void conn_keep(struct conn *c)
{
    struct http_client *client = c->client;
    bool watched = c->io.fd >= 0 && loop_io_set(client->loop, &c->io, EPOLLIN) == 0;
    if (!watched || client->idle_count >= client->connections_max || client_sweep_later(client) < 0) {
        conn_close(c);
        return;
    }
    c->fetch->conn = NULL;
    c->fetch = NULL;
    c->idle_since_us = loop_now_us(client->loop);
    list_add(c, &c->site->idle);
    client->idle_count++;
}

/* A peer that has not read the whole request would learn of our leaving only behind all of it. */
static void reset_when_closed(const struct conn *c)
{
    static const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* without it: as any other close */
}

void conns_leave(struct plain_fetch *f)
{
    struct conn *c = f->conn;
    loop_timer_cancel(f->base.client->loop, &f->next_timer);
    while (f->attempts)
        conn_close(f->attempts);
    if (!c)
        return;
    if (f->keep) {
        conn_keep(c);
        return;
    }
    if (!transport_plain.sent_all(&f->base))
        reset_when_closed(c);
    conn_close(c);
}

bool conns_sweep(struct http_client *client)
{
    int64_t now_us = loop_now_us(client->loop);
    bool more = false;
    for (struct site *s = client->sites; s; s = s->next)
        for (struct conn *c = s->idle, *next; c; c = next) {
            next = c->next;
            if (now_us - c->idle_since_us >= KEPT_US)
                conn_close(c);
            else
                more = true;
        }
    return more;
}

void conns_trim(struct http_client *client)
{
    for (struct site *s = client->sites; s; s = s->next) {
        int count = 0;
        for (struct conn *c = s->idle, *next; c; c = next) {
            next = c->next;
            if (++count > TRIM_KEPT_MAX)
                conn_close(c);
        }
    }
}

void conns_close(struct http_client *client)
{
    for (struct site *s = client->sites; s; s = s->next)
        while (s->idle)
            conn_close(s->idle);
}
