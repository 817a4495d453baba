/* http_intake.c: from received bytes to heads, bodies and the handler. Hot path: one recv into the server's scratch
 * buffer, one copy of the head into the exchange's block, one of the body; a large body is received in place.
 *
 * Only one request of a connection is open at a time, and none is begun while earlier output is still queued. So what a
 * pipelining client makes us hold is bounded by one reply and `in`, and the stack does not grow with its requests: the
 * next one starts from the flush task. */
#include "base/err.h"
#include "base/mem.h"
#include "net/http_server_priv.h"
#include <assert.h>
#include <errno.h>

enum {
    BODY_FIRST_BYTES = 64 * 1024, /* reserved for an announced body before a byte of it came … */
    BODY_GROWTH = 16,             /* … and then this many times what did come: announcing is cheap, sending is not */
    BODY_RECV_MAX = 256 * 1024,   /* per turn, so that one upload does not hold the others */
    BODY_DIRECT_MIN = 4096,       /* a smaller rest goes by way of the scratch buffer */
    RATE_GRACE_US = 30 * 1000000, /* body_rate_min counts from here on */
};

/* --- handing over ------------------------------------------------------------------------------------------------- */

/* Calls the handler. False when that ended the exchange. */
static bool hand(struct http_conn *c, void (*fn)(struct http_exchange *x, void *ctx))
{
    struct http_server *s = c->server;
    c->x->seen = true;
    s->calling++;
    fn(c->x, s->opt.ctx);
    s->calling--;
    return c->x != NULL;
}

static struct http_exchange *exchange_new(struct http_conn *c, size_t header_count, size_t head_bytes)
{
    size_t size;
    struct http_exchange *x =
        http_pool_get(&c->server->pool, sizeof *x + header_count * sizeof(struct http_header) + head_bytes, &size);
    if (!x)
        return NULL;
    *x = (struct http_exchange){.conn = c, .block_size = size};
    x->request.received_us = c->first_us;
    x->request.minor = 1; /* until the request line says otherwise */
    c->x = x;
    return x;
}

static void refuse(struct http_conn *c, int status, const char *why)
{
    struct http_server *s = c->server;
    assert(c->x && !c->x->begun);
    c->state = HTTP_BUSY;
    c->close = c->unread = true;
    http_conn_arm(c, s->opt.idle_timeout_ms);
    if (s->opt.handler.on_refuse) {
        c->x->seen = true;
        s->calling++;
        s->opt.handler.on_refuse(c->x, status, why, s->opt.ctx);
        s->calling--;
        return;
    }
    const struct http_header type = {STR("content-type"), STR("text/plain; charset=utf-8")};
    if (http_reply(c->x, status, &type, 1, str_from(why)) < 0)
        http_conn_gone(c);
}

void http_intake_refuse(struct http_conn *c, int status, const char *why)
{
    if (!c->x && !exchange_new(c, 0, 0))
        http_conn_close(c); /* no memory even for an excuse */
    else
        refuse(c, status, why);
    http_conn_watch(c);
}

/* --- bodies ------------------------------------------------------------------------------------------------------- */

static void body_complete(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    c->state = HTTP_BUSY;
    x->request.body = x->diverted ? STR_NONE : buf_str(&x->body);
    http_conn_arm(c, c->server->opt.idle_timeout_ms);
    (void)hand(c, c->server->opt.handler.on_request);
}

static const char too_much_held[] = "too many bytes of other requests are held here now; try again in a moment";

/* Counts what the body's buffer has become. False: more is held by all connections together than may be. */
static bool body_charge(struct http_exchange *x)
{
    size_t more = x->body.cap - x->body_held;
    struct gauge *held = x->conn->server->opt.held;
    if (more == 0)
        return true;
    x->body_held = x->body.cap;
    gauge_add(held, (int64_t)more);
    return gauge_fits(held, 0);
}

void http_intake_body_free(struct http_exchange *x)
{
    gauge_add(x->conn->server->opt.held, -(int64_t)x->body_held);
    x->body_held = 0;
    buf_fini(&x->body);
}

static int body_refusal(int rc, const char **why)
{
    *why = rc == ERR_LIMIT    ? "the request body is too large"
           : rc == ERR_BUSY   ? too_much_held
           : rc == ERR_SYNTAX ? "the chunked request body is malformed"
                              : "out of memory";
    return rc == ERR_LIMIT ? 413 : rc == ERR_SYNTAX ? 400 : 503;
}

static bool too_slow(const struct http_conn *c)
{
    const struct http_exchange *x = c->x;
    int64_t took_us = loop_now_us(c->server->loop) - x->body_begin_us;
    return took_us > RATE_GRACE_US && (int64_t)(x->body.len + x->diverted_bytes) < took_us / 1000000 * c->server->opt.body_rate_min;
}

/* More of the body has come; `rc` is 1 when it is complete, 0 when not, or what went wrong. */
static void body_advance(struct http_conn *c, int rc)
{
    const char *why;
    if (rc < 0) {
        int status = body_refusal(rc, &why);
        refuse(c, status, why);
    } else if (rc == 1) {
        body_complete(c);
    } else if (too_slow(c)) {
        refuse(c, 408, "the body of the request comes too slowly");
    } else {
        http_conn_arm(c, c->server->opt.body_timeout_ms);
    }
}

static int body_reserve(struct http_exchange *x)
{
    size_t want = x->body.len ? x->body.len * BODY_GROWTH : BODY_FIRST_BYTES;
    if (x->body.len < x->body.cap)
        return 0;
    return buf_reserve(&x->body, want < x->body.max - x->body.len ? want : x->body.max - x->body.len);
}

/* The handler has had a piece. False when it has answered, and the rest is nobody's. */
static bool divert(struct http_conn *c, struct str bytes)
{
    struct http_server *s = c->server;
    struct http_exchange *x = c->x;
    x->diverted_bytes += bytes.len;
    if (bytes.len) {
        s->calling++;
        s->opt.handler.on_body(x, bytes, s->opt.ctx);
        s->calling--;
    }
    return c->x && !c->x->begun;
}

/* The same for a body that the handler takes piece by piece: nothing of it stays here. */
static size_t diverted_feed(struct http_conn *c, const char *p, size_t n)
{
    struct http_exchange *x = c->x;
    size_t used = n;
    int rc = 0;
    if (x->framing.content_length < 0) {
        x->body.max = c->server->opt.body_bytes_max - (size_t)x->diverted_bytes; /* what may still come */
        rc = http_chunked_feed(&x->chunked, str_of(p, n), &x->body, &used);
        if (!divert(c, buf_str(&x->body)))
            return n;
        buf_clear(&x->body);
    } else {
        uint64_t left = (uint64_t)x->framing.content_length - x->diverted_bytes;
        if (used > left)
            used = (size_t)left;
        if (!divert(c, str_of(p, used)))
            return n;
        rc = x->diverted_bytes == (uint64_t)x->framing.content_length;
    }
    body_advance(c, rc);
    return rc < 0 ? n : used;
}

/* Takes what belongs to the body from p; returns how much that was. */
static size_t body_feed(struct http_conn *c, const char *p, size_t n)
{
    struct http_exchange *x = c->x;
    size_t used = n;
    int rc;
    if (x->diverted)
        return diverted_feed(c, p, n);
    if (x->framing.content_length < 0) {
        rc = http_chunked_feed(&x->chunked, str_of(p, n), &x->body, &used);
    } else {
        if (used > x->body.max - x->body.len)
            used = x->body.max - x->body.len;
        rc = buf_append(&x->body, str_of(p, used));
        if (rc == 0)
            rc = x->body.len == x->body.max;
    }
    if (rc >= 0 && !body_charge(x))
        rc = ERR_BUSY;
    body_advance(c, rc);
    return rc < 0 ? n : used;
}

/* A long rest of known length is received where it belongs. */
static bool body_is_direct(const struct http_conn *c)
{
    const struct http_exchange *x = c->x;
    return c->state == HTTP_BODY && !x->diverted && x->framing.content_length >= 0 && x->body.max - x->body.len >= BODY_DIRECT_MIN;
}

/* What recv said when it did not bring bytes. */
static void recv_failed(struct http_conn *c, ssize_t n)
{
    if (n < 0 && errno != EAGAIN && errno != EINTR) /* a FIN (0) is reported by epoll as well, and dealt with there */
        http_conn_gone(c);
}

static void body_receive(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    int rc = body_reserve(x);
    if (rc == 0 && !body_charge(x))
        rc = ERR_BUSY;
    if (rc < 0) {
        body_advance(c, rc);
        return;
    }
    size_t room = x->body.cap - x->body.len;
    ssize_t n = recv(c->io.fd, x->body.ptr + x->body.len, room < BODY_RECV_MAX ? room : BODY_RECV_MAX, 0);
    if (n <= 0) {
        recv_failed(c, n);
        return;
    }
    x->body.len += (size_t)n;
    body_advance(c, x->body.len == x->body.max);
}

/* --- heads -------------------------------------------------------------------------------------------------------- */

/* The head is proper: whether we want the request. False when it was refused. */
static bool request_admit(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    const struct http_server_options *opt = &c->server->opt;
    if (x->framing.content_length > 0 && (uint64_t)x->framing.content_length > opt->body_bytes_max) {
        refuse(c, 413, "the request body is too large");
        return false;
    }
    x->body = BUF_INIT(x->framing.content_length < 0 ? opt->body_bytes_max : (size_t)x->framing.content_length);
    x->body_begin_us = loop_now_us(c->server->loop);
    c->state = x->framing.content_length ? HTTP_BODY : HTTP_BUSY;
    c->close = !x->framing.keep_alive || c->server->draining;
    http_conn_arm(c, x->framing.content_length ? opt->body_timeout_ms : opt->idle_timeout_ms);
    if (opt->handler.on_head && (!hand(c, opt->handler.on_head) || x->begun))
        return false;
    int64_t announced = x->framing.content_length > 0 ? x->framing.content_length : 0;
    if (x->framing.content_length && !x->diverted && !gauge_fits(opt->held, announced)) { /* what has no body always gets through */
        refuse(c, 503, too_much_held);
        return false;
    }
    return true;
}


/* `head` is complete, from its request line to the empty line. */
static void head_complete(struct http_conn *c, struct str head, uint32_t lines, bool more_came)
{
    struct http_server *s = c->server;
    size_t fields = lines - 1 < s->opt.headers_max ? lines - 1 : s->opt.headers_max;
    struct http_exchange *x = exchange_new(c, fields, head.len);
    if (!x) {
        http_conn_close(c);
        return;
    }
    struct http_header *header = (struct http_header *)(x + 1);
    char *copy = (char *)(header + fields);
    memcpy(copy, head.ptr, head.len);
    const char *why;
    int status = http_head_parse(copy, head.len, header, fields, &x->request, &x->framing, &why);
    if (status) {
        refuse(c, status, why);
        return;
    }
    if (!request_admit(c))
        return;
    if (c->state == HTTP_BUSY)
        body_complete(c);
    else if (x->framing.expect_continue && !more_came)
        http_queue_interim(c, STR("HTTP/1.1 100 Continue\r\n\r\n")); /* without it the client sends after a while */
}

/* Refused before the head was complete. The request line is told to the handler if it can be. */
static void head_refuse(struct http_conn *c, const char *p, const struct http_scan *scan, int status, const char *why)
{
    const char *line = p + scan->start;
    const char *end = scan->lines ? memchr(line, '\r', scan->pos - scan->start) : NULL;
    size_t len = end ? (size_t)(end - line) : 0;
    struct http_exchange *x = exchange_new(c, 0, len);
    if (!x) {
        http_conn_close(c);
        return;
    }
    const char *ignored;
    if (len)
        memcpy(x + 1, line, len);
    (void)http_line_parse(str_of(x + 1, len), &x->request, &ignored); /* unreadable: left empty, as promised */
    refuse(c, status, why);
}

/* Looks for one head at p; returns the bytes taken, 0 when it is not complete. */
static size_t head_feed(struct http_conn *c, const char *p, size_t n)
{
    const struct http_server_options *opt = &c->server->opt;
    const char *why;
    if (c->first_us == 0)
        c->first_us = loop_now_us(c->server->loop);
    int rc = http_head_scan(&c->scan, str_of(p, n), opt->head_bytes_max, &why);
    if (rc == HTTP_SCAN_MORE)
        return 0;
    struct http_scan scan = c->scan;
    c->scan = (struct http_scan){0};
    c->head_timed = false;
    if (rc == HTTP_SCAN_DONE)
        head_complete(c, str_of(p + scan.start, scan.pos - scan.start), scan.lines, n > scan.pos);
    else
        head_refuse(c, p, &scan, rc, why);
    c->first_us = 0;
    return rc == HTTP_SCAN_DONE ? scan.pos : n;
}

/* --- bytes -------------------------------------------------------------------------------------------------------- */

/* Understands as much as the state allows; returns how much of it is done with. */
static size_t feed(struct http_conn *c, const char *p, size_t n)
{
    size_t used = 0;
    while (used < n) {
        if (c->unread || c->state >= HTTP_CLOSING)
            return n; /* nobody will read it */
        if (c->state == HTTP_BUSY || (c->state == HTTP_READY && c->out.bytes))
            return used; /* it waits for its turn */
        size_t k = c->state == HTTP_BODY ? body_feed(c, p + used, n - used) : head_feed(c, p + used, n - used);
        if (k == 0)
            return used;
        used += k;
    }
    return used;
}

/* After feeding: half a head has its time-out, an empty connection gives its buffer back. */
static void rest(struct http_conn *c)
{
    if (c->state == HTTP_DEAD)
        return;
    if (c->in.len == 0) {
        buf_fini(&c->in);
        return;
    }
    if (c->first_us == 0)
        c->first_us = loop_now_us(c->server->loop);
    if (c->state == HTTP_READY && c->out.bytes == 0 && !c->head_timed) {
        c->head_timed = true;
        http_conn_arm(c, c->server->opt.head_timeout_ms);
    }
}

void http_intake_pending(struct http_conn *c)
{
    if (c->in.len == 0)
        return;
    size_t used = feed(c, c->in.ptr, c->in.len);
    if (c->state != HTTP_DEAD)
        buf_consume(&c->in, used);
    rest(c);
}

static void read_more(struct http_conn *c)
{
    size_t room = c->in.max - c->in.len < HTTP_SCRATCH_BYTES ? c->in.max - c->in.len : HTTP_SCRATCH_BYTES;
    ssize_t n = recv(c->io.fd, c->server->scratch, room, 0);
    if (n <= 0)
        recv_failed(c, n);
    else if (buf_append(&c->in, str_of(c->server->scratch, (size_t)n)) < 0)
        http_conn_gone(c);
    else
        http_intake_pending(c);
}

static void read_first(struct http_conn *c)
{
    struct http_server *s = c->server;
    ssize_t n = recv(c->io.fd, s->scratch, sizeof s->scratch, 0);
    if (n <= 0) {
        recv_failed(c, n);
        return;
    }
    size_t used = feed(c, s->scratch, (size_t)n);
    if (c->state == HTTP_DEAD)
        return;
    if (used < (size_t)n && buf_append(&c->in, str_of(s->scratch + used, (size_t)n - used)) < 0) {
        http_conn_gone(c);
        return;
    }
    rest(c);
}

void http_intake_read(struct http_conn *c)
{
    if (body_is_direct(c))
        body_receive(c);
    else if (c->in.len == 0)
        read_first(c);
    else
        read_more(c);
}
