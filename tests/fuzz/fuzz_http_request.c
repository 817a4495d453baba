/* fuzz_http_request.c: the request parser and the chunked decoder against any bytes and any cuts. Checked: a connection's
 * requests and the status it ends with are the same whatever the cuts; what is accepted keeps the rules that guard
 * against smuggling; and written out again in one plain form it reads the same. Input: one byte seeds the cuts, the rest
 * is what the client sends. */
#include "base/clock.h"
#include "base/mem.h"
#include "net/http_parse_priv.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_MAX = 2048, FIELDS_MAX = 20, BODY_MAX = 4096, LOG_MAX = 1 << 22 };

struct input {
    struct str bytes;
    size_t seen;     /* how many of them have arrived */
    size_t at;       /* how many are done with */
    struct rng *rng; /* of the cuts; NULL: all at once */
    size_t step_max;
};

static bool more(struct input *in)
{
    if (in->seen == in->bytes.len)
        return false;
    size_t left = in->bytes.len - in->seen, n = in->rng ? 1 + (size_t)rng_below(in->rng, in->step_max) : left;
    in->seen += n < left ? n : left;
    return true;
}

/* What has arrived and is not done with, in memory of just that size so that a read past it is seen. */
static char *arrived(const struct input *in, struct str *out)
{
    size_t len = in->seen - in->at;
    char *copy = mem_dup(in->bytes.ptr ? in->bytes.ptr + in->at : "", len); /* an empty input has no address */
    assert(copy);
    *out = str_of(copy, len);
    return copy;
}

static void put(struct buf *b, struct str s)
{
    int rc = buf_append(b, s);
    assert(rc == 0);
}

static void put_number(struct buf *b, const char *what, int64_t n)
{
    int rc = buf_append_format(b, "%s%lld\n", what, (long long)n);
    assert(rc == 0);
}

/* --- rules of what is accepted ------------------------------------------------------------------------------------ */

static void check_text(struct str s, bool token)
{
    for (size_t i = 0; i < s.len; i++) {
        assert(s.ptr[i] != '\r' && s.ptr[i] != '\n' && s.ptr[i] != '\0');
        assert(!token || http_token_lower[(uint8_t)s.ptr[i]]);
    }
}

static void check_request(const struct http_request *r, const struct http_framing *f)
{
    size_t hosts = 0, lengths = 0, codings = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        const struct http_header *h = &r->header[i];
        check_text(h->name, true);
        check_text(h->value, false);
        assert(h->name.len > 0 && str_eq(str_trim(h->value), h->value));
        for (size_t k = 0; k < h->name.len; k++)
            assert(http_token_lower[(uint8_t)h->name.ptr[k]] == (uint8_t)h->name.ptr[k]);
        hosts += str_eq(h->name, STR("host"));
        lengths += str_eq(h->name, STR("content-length"));
        codings += str_eq(h->name, STR("transfer-encoding"));
    }
    assert(hosts == 1 || (hosts == 0 && r->minor == 0));
    assert(lengths + codings <= 1);
    assert((codings == 1) == (f->content_length < 0) && f->content_length >= -1);
    assert(lengths == 1 || f->content_length <= 0);
    assert(r->body_length == f->content_length);
    check_text(r->method_text, true);
    check_text(r->target, false);
    assert(r->target.len > 0 && str_starts(r->target, r->path) && str_ends(r->target, r->query));
    assert(r->path.len + r->query.len + (r->path.len < r->target.len) == r->target.len);
}

/* --- the plain form ----------------------------------------------------------------------------------------------- */

static void put_head(struct buf *b, const struct http_request *r)
{
    put(b, r->method_text);
    put(b, STR(" "));
    put(b, r->target);
    put(b, r->minor ? STR(" HTTP/1.1\r\n") : STR(" HTTP/1.0\r\n"));
    for (size_t i = 0; i < r->header_count; i++) {
        put(b, r->header[i].name);
        put(b, STR(": "));
        put(b, r->header[i].value);
        put(b, STR("\r\n"));
    }
    put(b, STR("\r\n"));
}

static void put_body(struct buf *b, const struct http_framing *f, struct str body)
{
    if (f->content_length >= 0) {
        put(b, body);
        return;
    }
    if (body.len) {
        int rc = buf_append_format(b, "%zx\r\n", body.len);
        assert(rc == 0);
        put(b, body);
        put(b, STR("\r\n"));
    }
    put(b, STR("0\r\n\r\n"));
}

/* --- one connection ----------------------------------------------------------------------------------------------- */

struct conn {
    struct input in;
    size_t head_max;
    struct buf log;   /* what happened, in words */
    struct buf plain; /* the accepted requests, written out again */
    struct http_header header[FIELDS_MAX];
};

/* A status when the body is refused, 0 when it is complete, -1 when it never completes. */
static int read_body(struct conn *c, const struct http_framing *f, struct buf *body)
{
    struct http_chunked d = {0};
    if (f->content_length > BODY_MAX)
        return 413;
    for (;;) {
        struct str bytes;
        char *copy = arrived(&c->in, &bytes);
        size_t used = bytes.len;
        int rc;
        if (f->content_length < 0) {
            rc = http_chunked_feed(&d, bytes, body, &used);
        } else {
            used = used < (size_t)f->content_length - body->len ? used : (size_t)f->content_length - body->len;
            put(body, str_of(copy, used));
            rc = body->len == (size_t)f->content_length;
        }
        mem_free(copy);
        if (rc < 0)
            return rc == ERR_LIMIT ? 413 : 400;
        assert(used <= bytes.len && (rc == 1 || used == bytes.len) && body->len <= BODY_MAX);
        c->in.at += used;
        if (rc == 1)
            return 0;
        if (!more(&c->in))
            return -1;
    }
}

/* Reads one request whose head is complete in `head`; the same answers as read_body. */
static int read_request(struct conn *c, struct str head, uint32_t lines)
{
    char *copy = mem_dup(head.ptr, head.len);
    assert(copy);
    struct http_request r = {0};
    struct http_framing f;
    const char *why = NULL;
    size_t fields = lines - 1 < FIELDS_MAX ? lines - 1 : FIELDS_MAX;
    int status = http_head_parse(copy, head.len, c->header, fields, &r, &f, &why);
    assert(status == 0 || (status >= 400 && why && *why));
    struct buf body = BUF_INIT(BODY_MAX);
    if (status == 0) {
        check_request(&r, &f);
        status = read_body(c, &f, &body);
    }
    if (status == 0) {
        put(&c->log, STR("accepted "));
        put_head(&c->log, &r);
        put_number(&c->log, "method ", r.method);
        put_number(&c->log, "length ", f.content_length);
        put_number(&c->log, "keep ", f.keep_alive);
        put_number(&c->log, "expect ", f.expect_continue);
        put(&c->log, buf_str(&body));
        put_head(&c->plain, &r);
        put_body(&c->plain, &f, buf_str(&body));
    }
    buf_fini(&body);
    mem_free(copy);
    return status;
}

/* Reads requests until one is refused or the bytes end. */
static void converse(struct conn *c)
{
    struct http_scan scan = {0};
    int status = 0;
    while (status == 0) {
        const char *why = NULL;
        struct str bytes;
        char *copy = arrived(&c->in, &bytes);
        int rc = http_head_scan(&scan, bytes, c->head_max, &why);
        if (rc == HTTP_SCAN_DONE) {
            assert(scan.pos <= bytes.len && scan.lines > 0);
            c->in.at += scan.pos;
            status = read_request(c, str_slice(bytes, scan.start, scan.pos), scan.lines);
            scan = (struct http_scan){0};
        } else if (rc != HTTP_SCAN_MORE) {
            assert(why && *why);
            status = rc;
        } else if (!more(&c->in)) {
            status = -1;
        }
        mem_free(copy);
    }
    put_number(&c->log, "ended by ", status);
}

static void conn_run(struct conn *c, struct str bytes, size_t head_max, struct rng *rng, size_t step_max)
{
    *c = (struct conn){.in = {.bytes = bytes, .rng = rng, .step_max = step_max}, .head_max = head_max};
    c->log = BUF_INIT(LOG_MAX);
    c->plain = BUF_INIT(LOG_MAX);
    converse(c);
}

static void conn_fini(struct conn *c)
{
    buf_fini(&c->log);
    buf_fini(&c->plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 7, 300};
    if (size == 0)
        return 0;
    struct str bytes = str_of(data + 1, size - 1);
    struct conn whole, other;
    conn_run(&whole, bytes, HEAD_MAX, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct rng rng;
        rng_seed(&rng, data[0]);
        conn_run(&other, bytes, HEAD_MAX, &rng, steps[i]);
        assert(str_eq(buf_str(&whole.log), buf_str(&other.log)));
        conn_fini(&other);
    }
    /* The plain form has the same requests in it and nothing else. A blank after each colon may have made it longer. */
    conn_run(&other, buf_str(&whole.plain), HEAD_MAX + FIELDS_MAX, NULL, 0);
    assert(str_eq(buf_str(&whole.plain), buf_str(&other.plain)));
    assert(other.in.at == whole.plain.len);
    conn_fini(&other);
    conn_fini(&whole);
    return 0;
}
