/* http_reply.c: replies, and the exchange as the handler sees it. Hot path: a whole reply is one piece of memory, its
 * size known beforehand, filled front to back, and sent by one system call at the end of the turn. Nothing here calls
 * back into the handler, so replies may be given from anywhere on the loop. */
#include "base/err.h"
#include "net/http_put_priv.h"
#include "net/http_server_priv.h"
#include <assert.h>

enum {
    /* "HTTP/1.1 200 ", date, "content-length: " + 20 digits, "connection: keep-alive", the CRLFs, and to spare; the
     * reason phrase comes on top. */
    HEAD_FIXED_BYTES = 160,
    CHUNK_FRAME_BYTES = 16 + 2 + 2, /* size, CRLF, CRLF */
};

/* --- pieces of a head --------------------------------------------------------------------------------------------- */

static struct str reason(int status)
{
    static const struct {
        int status;
        struct str text;
    } known[] = {
        {200, {"OK", 2}},
        {201, {"Created", 7}},
        {202, {"Accepted", 8}},
        {204, {"No Content", 10}},
        {206, {"Partial Content", 15}},
        {301, {"Moved Permanently", 17}},
        {302, {"Found", 5}},
        {303, {"See Other", 9}},
        {304, {"Not Modified", 12}},
        {307, {"Temporary Redirect", 18}},
        {308, {"Permanent Redirect", 18}},
        {400, {"Bad Request", 11}},
        {401, {"Unauthorized", 12}},
        {402, {"Payment Required", 16}},
        {403, {"Forbidden", 9}},
        {404, {"Not Found", 9}},
        {405, {"Method Not Allowed", 18}},
        {406, {"Not Acceptable", 14}},
        {408, {"Request Timeout", 15}},
        {409, {"Conflict", 8}},
        {410, {"Gone", 4}},
        {412, {"Precondition Failed", 19}},
        {413, {"Content Too Large", 17}},
        {414, {"URI Too Long", 12}},
        {415, {"Unsupported Media Type", 22}},
        {417, {"Expectation Failed", 18}},
        {421, {"Misdirected Request", 19}},
        {422, {"Unprocessable Content", 21}},
        {424, {"Failed Dependency", 17}},
        {425, {"Too Early", 9}},
        {428, {"Precondition Required", 21}},
        {429, {"Too Many Requests", 17}},
        {431, {"Request Header Fields Too Large", 31}},
        {500, {"Internal Server Error", 21}},
        {501, {"Not Implemented", 15}},
        {502, {"Bad Gateway", 11}},
        {503, {"Service Unavailable", 19}},
        {504, {"Gateway Timeout", 15}},
        {505, {"HTTP Version Not Supported", 26}},
        {507, {"Insufficient Storage", 20}},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (known[i].status == status)
            return known[i].text;
    return STR(""); /* 529 and the like: the phrase may be empty */
}

/* The date field, made once a second. */
static struct str date_field(struct http_server *s)
{
    static const char day[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char month[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now_s = loop_wall_ms(s->loop) / 1000;
    if (now_s != s->date_s) {
        struct civil t = civil_from_ms(now_s * 1000);
        size_t len = text_format(s->date, sizeof s->date, "date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                                 day[t.weekday], t.day, month[t.month - 1], t.year, t.hour, t.minute, t.second);
        assert(len == sizeof s->date - 1);
        s->date_s = now_s;
    }
    return str_of(s->date, sizeof s->date - 1);
}

static bool is_ours(
    struct str name) /* fields that this layer adds, and that would change the framing or contradict it */
{
    switch (name.len) {
    case 4: return str_eq_fold(name, STR("date"));
    case 10: return str_eq_fold(name, STR("connection"));
    case 14: return str_eq_fold(name, STR("content-length"));
    case 17: return str_eq_fold(name, STR("transfer-encoding"));
    default: return false;
    }
}

static bool header_valid(const struct http_header *h)
{
    for (size_t i = 0; i < h->name.len; i++)
        if (!http_token_lower[(uint8_t)h->name.ptr[i]])
            return false;
    return h->name.len > 0 && !is_ours(h->name) && http_value_is_one_line(h->value);
}

/* --- the head ----------------------------------------------------------------------------------------------------- */

enum { LENGTH_CHUNKED = -1, LENGTH_NONE = -2 }; /* beside a real content-length */

struct reply_head {
    int status;
    const struct http_header *header;
    size_t header_count;
    int64_t length;
    bool keep_alive;
};

static char *put_head(char *at, struct http_exchange *x, const struct reply_head *h)
{
    at = http_put(at, STR("HTTP/1.1 "));
    at = http_put_u64(at, (uint64_t)h->status);
    at = http_put(at, STR(" "));
    at = http_put(at, reason(h->status));
    at = http_put(at, STR("\r\n"));
    at = http_put(at, date_field(x->conn->server));
    for (size_t i = 0; i < h->header_count; i++) {
        at = http_put(at, h->header[i].name);
        at = http_put(at, STR(": "));
        at = http_put(at, h->header[i].value);
        at = http_put(at, STR("\r\n"));
    }
    if (h->length >= 0) {
        at = http_put(at, STR("content-length: "));
        at = http_put_u64(at, (uint64_t)h->length);
        at = http_put(at, STR("\r\n"));
    } else if (h->length == LENGTH_CHUNKED) {
        at = http_put(at, STR("transfer-encoding: chunked\r\n"));
    }
    if (!h->keep_alive)
        at = http_put(at, STR("connection: close\r\n"));
    else if (x->request.minor == 0)
        at = http_put(at, STR("connection: keep-alive\r\n"));
    return http_put(at, STR("\r\n"));
}

/* Queues head and body. On failure nothing has changed. */
static int queue_reply(struct http_exchange *x, const struct reply_head *h, struct str body)
{
    struct http_conn *c = x->conn;
    size_t bytes = HEAD_FIXED_BYTES + reason(h->status).len + body.len;
    for (size_t i = 0; i < h->header_count; i++) {
        if (!header_valid(&h->header[i]))
            return ERR_INVALID;
        bytes += h->header[i].name.len + h->header[i].value.len + 4;
    }
    char *begin = http_out_room(&c->out, &c->server->pool, bytes);
    if (!begin)
        return ERR_NOMEM;
    char *end = put_head(begin, x, h);
    end = http_put(end, body);
    assert((size_t)(end - begin) <= bytes);
    http_out_added(&c->out, (size_t)(end - begin));

    x->begun = true;
    c->close = !h->keep_alive;
    if (c->state == HTTP_BODY) { /* answered before it was read: what still comes of it is thrown away */
        c->state = HTTP_BUSY;
        c->unread = true;
        http_conn_arm(c, c->server->opt.idle_timeout_ms);
    }
    http_conn_flush_later(c);
    return 0;
}

static bool may_keep_alive(const struct http_exchange *x)
{
    const struct http_conn *c = x->conn;
    return !c->close && c->state != HTTP_BODY && !c->server->draining;
}

static bool never_has_body(int status)
{
    return status == 204 || status == 304;
}

static void reply_ended(struct http_exchange *x)
{
    struct http_conn *c = x->conn;
    http_exchange_free(x);
    c->close |= c->server->draining;
    c->state = c->close ? HTTP_CLOSING : HTTP_READY;
    if (!c->blocked)
        http_conn_arm(c, c->server->opt.idle_timeout_ms);
    http_conn_flush_later(c);
}

/* --- replies ------------------------------------------------------------------------------------------------------ */

int http_reply(struct http_exchange *x, int status, const struct http_header *h, size_t count, struct str body)
{
    assert(!x->begun && status >= 200 && status <= 999);
    if (x->gone)
        return ERR_CLOSED;
    bool none = never_has_body(status);
    if (none && body.len)
        return ERR_INVALID;
    struct reply_head head = {status, h, count, none ? LENGTH_NONE : (int64_t)body.len, may_keep_alive(x)};
    int rc = queue_reply(x, &head, x->request.method == HTTP_HEAD ? STR_NONE : body);
    if (rc == 0)
        reply_ended(x);
    return rc;
}

void http_queue_interim(struct http_conn *c, struct str head)
{
    char *room = http_out_room(&c->out, &c->server->pool, head.len);
    if (!room)
        return;
    memcpy(room, head.ptr, head.len);
    http_out_added(&c->out, head.len);
    http_conn_flush_later(c);
}

void http_reply_interim(struct http_exchange *x)
{
    assert(!x->begun);
    struct http_conn *c = x->conn;
    if (!x->gone && x->request.minor > 0 && c->out.bytes == 0) /* HTTP/1.0 has none */
        http_queue_interim(c, STR("HTTP/1.1 102 Processing\r\n\r\n"));
}

int http_reply_begin(struct http_exchange *x, int status, const struct http_header *h, size_t count)
{
    assert(!x->begun && status >= 200 && status <= 999);
    if (x->gone)
        return ERR_CLOSED;
    bool none = never_has_body(status), old = x->request.minor == 0;
    bool bodyless = none || x->request.method == HTTP_HEAD;
    struct reply_head head = {status, h, count, none || old ? LENGTH_NONE : LENGTH_CHUNKED,
                              may_keep_alive(x) && (bodyless || !old)}; /* to 1.0 the end is the closing */
    int rc = queue_reply(x, &head, STR_NONE);
    if (rc == 0) {
        x->bodyless = bodyless;
        x->chunking = !bodyless && !old;
    }
    return rc;
}

static char *put_chunk(char *at, struct str piece)
{
    static const char hex[] = "0123456789abcdef";
    int shift = 60;
    while (shift > 0 && piece.len >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *at++ = hex[piece.len >> shift & 15];
    at = http_put(at, STR("\r\n"));
    at = http_put(at, piece);
    return http_put(at, STR("\r\n"));
}

int http_reply_write(struct http_exchange *x, struct str piece)
{
    assert(x->begun);
    struct http_conn *c = x->conn;
    if (x->gone)
        return ERR_CLOSED;
    if (piece.len && !x->bodyless) { /* an empty chunk would be the last one */
        char *begin = http_out_room(&c->out, &c->server->pool, piece.len + CHUNK_FRAME_BYTES);
        if (!begin)
            return ERR_NOMEM;
        char *end = x->chunking ? put_chunk(begin, piece) : http_put(begin, piece);
        http_out_added(&c->out, (size_t)(end - begin));
        http_conn_flush_later(c);
    }
    if (c->out.bytes < c->server->opt.write_high_bytes)
        return 0;
    x->stopped = true;
    return 1;
}

void http_reply_end(struct http_exchange *x)
{
    assert(x->begun);
    struct http_conn *c = x->conn;
    if (x->gone)
        return;
    if (x->chunking) {
        struct str last = STR("0\r\n\r\n");
        char *begin = http_out_room(&c->out, &c->server->pool, last.len);
        if (!begin) {
            http_reply_abort(x); /* without its end the client must not take it for whole */
            return;
        }
        http_put(begin, last);
        http_out_added(&c->out, last.len);
    }
    reply_ended(x);
}

void http_reply_abort(struct http_exchange *x)
{
    if (x->gone)
        return; /* its connection is closing already */
    if (x->begun && !x->chunking && !x->bodyless) {
        /* An orderly close is how such a reply ends, so the client must see a reset. */
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(x->conn->io.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    http_conn_close(x->conn);
}

bool http_reply_begun(const struct http_exchange *x)
{
    return x->begun;
}

size_t http_reply_pending(const struct http_exchange *x)
{
    return x->conn->out.bytes;
}

/* --- the exchange ------------------------------------------------------------------------------------------------- */

void http_exchange_free(struct http_exchange *x)
{
    struct http_conn *c = x->conn;
    c->x = NULL;
    http_intake_body_free(x);
    http_pool_put(&c->server->pool, x, x->block_size);
}

const struct http_request *http_exchange_request(const struct http_exchange *x)
{
    return &x->request;
}

struct loop *http_exchange_loop(const struct http_exchange *x)
{
    return x->conn->server->loop;
}

bool http_exchange_is_local(const struct http_exchange *x)
{
    return x->conn->local;
}

void http_exchange_set(struct http_exchange *x, void *data)
{
    x->data = data;
}

void *http_exchange_get(const struct http_exchange *x)
{
    return x->data;
}

void http_exchange_divert(struct http_exchange *x)
{
    assert(!x->begun && x->body.len == 0);
    x->diverted = true;
}

void http_exchange_body_take(struct http_exchange *x, struct buf *out)
{
    *out = x->body;
    x->body = (struct buf){.max = out->max};
    http_exchange_body_free(x);
}

void http_exchange_body_free(struct http_exchange *x)
{
    http_intake_body_free(x);
    x->request.body = STR_NONE;
}
