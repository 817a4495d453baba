/* http_plain.c: HTTP/1.1 for http:// and unix sockets: one request and its reply on one connection; see http_plain_priv.h.
 *
 * Hot path: on a kept connection a call is one sendmsg (the head and the borrowed pieces of the body) and one recv, into a
 * buffer that all connections of the client share. The reply's head is parsed and its body unframed where they lie, and
 * handed out from there. Nothing is allocated unless the head comes in parts or the consumer pauses in it.
 *
 * Any callback may cancel the fetch. It is then detached already, its connection closed, and all that is left to do here
 * is to recycle it. */
#include "net/http_plain_priv.h"
#include "base/mem.h"
#include "net/http_put_priv.h"
#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    RECEIVE_BYTES =
        16 * 1024, /* what one recv takes at most; one a turn, so that a fast reply does not hold the others */
    REQUEST_FIRST_BYTES = 512,   /* of most requests without their body */
    REQUEST_KEPT_MAX = 2 * 1024, /* beyond this the memory is given back after the request */
    PIECES_AT_ONCE = 64,         /* per sendmsg */
};

struct plain_part {
    char in[RECEIVE_BYTES];
};

/* --- the request as text ------------------------------------------------------------------------------------------- */

static bool request_reserve(struct plain_fetch *f, const struct http_fetch_options *opt)
{
    size_t bytes = 128 + opt->url.len + opt->method.len; /* what is fixed below is less than that */
    for (size_t i = 0; i < opt->header_count; i++)
        bytes += opt->header[i].name.len + opt->header[i].value.len + 4;
    if (bytes <= f->request_max)
        return true;
    bytes = bytes < REQUEST_FIRST_BYTES ? REQUEST_FIRST_BYTES : bytes;
    mem_free(f->request);
    f->request = mem_alloc(bytes);
    f->request_max = f->request ? bytes : 0;
    return f->request != NULL;
}

static char *put_headers(char *at, const struct http_fetch_options *opt)
{
    for (size_t i = 0; i < opt->header_count; i++) {
        const struct http_header *h = &opt->header[i];
        if (http_header_is_ours(h->name))
            continue;
        struct str value = str_trim(h->value);
        at = http_put(at, h->name);
        at = value.len ? http_put(http_put(at, STR(": ")), h->value) : http_put(at, STR(":"));
        at = http_put(at, STR("\r\n"));
    }
    return at;
}

static int prepare(struct http_fetch *base, const struct http_fetch_options *opt, const struct http_url *url,
                   struct err *e)
{
    struct plain_fetch *f = plain_of(base);
    if (!request_reserve(f, opt))
        return err_set(e, ERR_NOMEM, "out of memory for a request");
    char *at = http_put(f->request, opt->method);
    at = http_put(at, url->path.len && url->path.ptr[0] == '/' ? STR(" ") : STR(" /"));
    at = http_put(at, url->path);
    at = http_put(at, STR(" HTTP/1.1\r\nHost: "));
    at = http_put(at, url->authority);
    at = put_headers(http_put(at, STR("\r\n")), opt);
    at = http_put(at, STR("accept-encoding: identity\r\n"));
    if (http_request_has_length(opt)) {
        at = http_put(at, STR("Content-Length: "));
        at = http_put(http_put_u64(at, base->body_bytes), STR("\r\n"));
    }
    at = http_put(at, STR("\r\n"));
    f->request_bytes = (size_t)(at - f->request);
    assert(f->request_bytes <= f->request_max);
    f->no_body = str_eq(opt->method, STR("HEAD"));
    return 0;
}

/* --- sending ------------------------------------------------------------------------------------------------------- */

static bool sent_any(const struct http_fetch *base)
{
    return ((const struct plain_fetch *)base)->sent > 0;
}

static bool sent_all(const struct http_fetch *base)
{
    const struct plain_fetch *f = (const struct plain_fetch *)base;
    return base->begun && f->sent == f->request_bytes + base->body_bytes;
}

/* Of head and body: what may be sent now. */
static size_t sendable(const struct plain_fetch *f)
{
    return f->request_bytes + f->base.body_ready;
}

/* What is not sent yet, as far as it is there and fits. */
static size_t gather(const struct plain_fetch *f, struct iovec *out)
{
    const struct http_fetch *base = &f->base;
    size_t count = 0, room = sendable(f) - (f->sent > f->request_bytes ? f->sent : f->request_bytes); /* for the body */
    if (f->sent < f->request_bytes)
        out[count++] = (struct iovec){f->request + f->sent, f->request_bytes - f->sent};
    for (size_t i = f->piece; i < base->opt.body_count && count < PIECES_AT_ONCE && room; i++) {
        struct str left = str_slice(str_skip(base->opt.body[i], i == f->piece ? f->piece_at : 0), 0, room);
        room -= left.len;
        if (left.len)
            out[count++] = (struct iovec){(char *)left.ptr, left.len};
    }
    return count;
}

static void advance(struct plain_fetch *f, size_t n)
{
    size_t head = f->request_bytes - (f->sent < f->request_bytes ? f->sent : f->request_bytes);
    f->sent += n;
    n -= n < head ? n : head;
    while (n) {
        size_t left = f->base.opt.body[f->piece].len - f->piece_at;
        if (n < left) {
            f->piece_at += n;
            return;
        }
        n -= left;
        f->piece++;
        f->piece_at = 0;
    }
}

enum push { PUSH_ALL, PUSH_FULL, PUSH_BROKEN, PUSH_GONE };

static enum push push(struct plain_fetch *f)
{
    while (f->sent < sendable(f) && !f->broken) {
        if (f->base.body_gone && f->base.body_bytes)
            return PUSH_GONE;
        struct iovec piece[PIECES_AT_ONCE];
        struct msghdr m = {.msg_iov = piece, .msg_iovlen = gather(f, piece)};
        ssize_t n = sendmsg(f->conn->fd, &m, MSG_NOSIGNAL);
        if (n >= 0)
            advance(f, (size_t)n);
        else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
            return PUSH_FULL;
        else if (errno != EINTR)
            return PUSH_BROKEN;
    }
    return PUSH_ALL;
}

/* --- the reply ----------------------------------------------------------------------------------------------------- */

/* The connection ended or broke before the reply was whole. */
static void broken(struct plain_fetch *f, const char *why)
{
    const struct http_fetch *base = &f->base;
    bool silent = !base->opened && base->head.bytes == 0 && !base->head_done;
    fetch_finish(&f->base, silent ? FETCH_STALE : FETCH_RESET, why);
}

static void ended(struct plain_fetch *f)
{
    if (!f->base.head_done)
        broken(f, f->base.head.bytes ? "the connection was closed in the middle of the head"
                                     : "the connection was closed without a reply");
    else if (f->body.kind == HTTP_BODY_CLOSE)
        fetch_finish(&f->base, FETCH_OK, NULL);
    else
        fetch_finish(&f->base, FETCH_TRUNCATED,
                     f->body.kind == HTTP_BODY_CHUNKED ? "the connection was closed before the last chunk"
                                                       : "the connection was closed before the announced length");
}

/* False when the fetch is over. */
static bool body_take(struct plain_fetch *f, char *bytes, size_t n)
{
    struct str data = STR_NONE;
    size_t used = 0;
    int rc = http_body_feed(&f->body, bytes, n, &data, &used);
    if (data.len && !fetch_tell_body(&f->base, data)) {
        fetch_recycle(&f->base);
        return false;
    }
    if (rc < 0) {
        fetch_finish(&f->base, FETCH_PROTOCOL, "a chunk is malformed");
    } else if (rc == 1) {
        f->keep = f->base.head.keep_alive && used == n && sent_all(&f->base);
        fetch_finish(&f->base, FETCH_OK, NULL);
    }
    return rc == 0;
}

static void hold(struct plain_fetch *f, struct str bytes)
{
    f->held = BUF_INIT(RECEIVE_BYTES);
    f->base.held = true;
    if (buf_append(&f->held, bytes) < 0)
        fetch_finish(&f->base, FETCH_NOMEM, NULL);
}

static void head_done(struct plain_fetch *f, char *bytes, size_t n)
{
    http_body_init(&f->body, &f->base.head, f->no_body);
    bool nothing = f->body.kind == HTTP_BODY_LENGTH && f->body.left == 0;
    if (!fetch_tell_head(&f->base))
        fetch_recycle(&f->base);
    else if (f->base.paused && n && !nothing)
        hold(f, str_of(bytes, n));
    else if (n || nothing)
        (void)body_take(f, bytes, n);
}

static void take(struct plain_fetch *f, char *bytes, size_t n)
{
    struct http_fetch *base = &f->base;
    if (base->head_done) {
        (void)body_take(f, bytes, n);
        return;
    }
    size_t used;
    enum http_head_rc rc = http_head_feed(&base->head, &base->client->fields, bytes, n, &used);
    fetch_tell_interims(base);
    switch (rc) {
    case HEAD_MORE: return;
    case HEAD_COMPLETE: head_done(f, bytes + used, n - used); return;
    case HEAD_BAD: fetch_finish(base, FETCH_PROTOCOL, base->head.problem); return;
    case HEAD_TOO_LARGE: fetch_finish(base, FETCH_TOO_LARGE, "the reply's head is above the limit"); return;
    case HEAD_NOMEM: fetch_finish(base, FETCH_NOMEM, NULL); return;
    }
}

static void problem_told(struct plain_fetch *f, int problem)
{
    struct err e;
    (void)err_set_errno(&e, ERR_IO, problem, "reading the reply");
    broken(f, e.text);
}

static void receive(struct plain_fetch *f)
{
    char *in = f->base.client->plain->in;
    ssize_t n = recv(f->conn->fd, in, RECEIVE_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        problem_told(f, errno);
    else if (n == 0)
        ended(f);
    else
        take(f, in, (size_t)n);
}

/* --- driving ------------------------------------------------------------------------------------------------------- */

/* Asks epoll for what is wanted now; no system call when that has not changed. The last thing done to a fetch. */
static void watch(struct plain_fetch *f)
{
    struct loop *l = f->base.client->loop;
    struct conn *c = f->conn;
    uint32_t events = (f->base.held ? 0 : EPOLLIN) | (f->blocked ? EPOLLOUT : 0);
    int rc = c->io.fd >= 0 ? loop_io_set(l, &c->io, events) : loop_io_add(l, &c->io, c->fd, events, conn_event);
    if (rc < 0)
        fetch_finish(&f->base, FETCH_NOMEM, NULL);
}

static void send_on(struct plain_fetch *f)
{
    enum push end = push(f);
    if (end == PUSH_GONE) {
        fetch_finish(&f->base, FETCH_RESET,
                     "the reply began before the request was sent, and the rest of that is gone");
        return;
    }
    f->blocked = end == PUSH_FULL;
    f->broken |= end == PUSH_BROKEN; /* a server that answers early and hangs up is heard: reading tells how it ends */
    watch(f);
}

static void more(struct http_fetch *base)
{
    struct plain_fetch *f = plain_of(base);
    if (f->conn->io.fd >= 0 && !f->blocked) /* else it goes on by itself, or has broken */
        send_on(f);
}

void plain_connected(struct plain_fetch *f)
{
    fetch_begin(&f->base);
    send_on(f);
}

/* Paused: what comes stays in the kernel. A connection that broke would be told for ever, so it is not watched at all;
 * what it brought before can still be read after the pause. */
static void stop_reading(struct plain_fetch *f, uint32_t events)
{
    f->base.held = true;
    if (events & (EPOLLHUP | EPOLLERR))
        loop_io_del(f->base.client->loop, &f->conn->io);
    else
        watch(f);
}

void plain_ready(struct plain_fetch *f, uint32_t events)
{
    if (f->base.paused && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        stop_reading(f, events);
    else if (f->blocked && events & EPOLLOUT)
        send_on(f); /* what there is to read is told again in the next turn */
    else
        receive(f);
}

static void resume(struct http_fetch *base)
{
    struct plain_fetch *f = plain_of(base);
    struct buf held = f->held;
    f->held = (struct buf){0};
    bool alive = !held.len || body_take(f, held.ptr, held.len);
    buf_fini(&held);
    if (!alive)
        return;
    base->held = base->paused; /* again, in there */
    watch(f);
}

/* --- the transport ------------------------------------------------------------------------------------------------- */

static int open_part(struct http_client *c, const struct http_client_options *opt, struct err *e)
{
    (void)opt;
    c->plain = mem_alloc(sizeof *c->plain);
    return c->plain ? 0 : err_set(e, ERR_NOMEM, "out of memory for the HTTP client");
}

static void close_part(struct http_client *c)
{
    conns_close(c);
    mem_free(c->plain);
    c->plain = NULL;
}

static struct http_fetch *make(struct http_client *c)
{
    (void)c;
    struct plain_fetch *f = new0(struct plain_fetch);
    return f ? &f->base : NULL;
}

static void release(struct http_fetch *base)
{
    mem_free(plain_of(base)->request);
    mem_free(base);
}

static void reset(struct http_fetch *base)
{
    struct plain_fetch *f = plain_of(base);
    buf_fini(&f->held);
    if (f->request_max > REQUEST_KEPT_MAX) {
        mem_free(f->request);
        f->request = NULL;
        f->request_max = 0;
    }
    *f = (struct plain_fetch){.base = *base, .request = f->request, .request_max = f->request_max};
}

static void launch(struct http_fetch *base)
{
    conn_find(plain_of(base));
}

static bool may_leave(struct http_fetch *base)
{
    (void)base;
    return true;
}

static void leave(struct http_fetch *base)
{
    conns_leave(plain_of(base));
}

static void body_free(struct http_fetch *base)
{
    base->opt.body_count = 0; /* nor the list of pieces */
}

static struct str peer(const struct http_fetch *base)
{
    const struct conn *c = ((const struct plain_fetch *)base)->conn;
    return c ? str_from(c->peer) : STR_NONE;
}

const struct transport transport_plain = {
    .open = open_part,
    .close = close_part,
    .sweep = conns_sweep,
    .trim = conns_trim,
    .make = make,
    .drop = release,
    .reset = reset,
    .prepare = prepare,
    .launch = launch,
    .may_leave = may_leave,
    .leave = leave,
    .resume = resume,
    .more = more,
    .sent_any = sent_any,
    .sent_all = sent_all,
    .body_free = body_free,
    .peer = peer,
};
