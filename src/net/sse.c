/* sse.c: server-sent events read from a byte stream; see sse.h.
 *
 * Reading is two passes over bytes that are in the cache: `block_end` looks for the blank line, then `block_parse` walks
 * the lines of the finished block. An event that lies whole in one feed is never copied; only an unfinished tail is
 * kept in `pending`. This is a hot path: once per chunk of every relayed stream.
 *
 * The one ambiguity is a CR at the end of a feed: a line end of its own, or the first half of CRLF? We wait for the next
 * byte, unless the line before ended in CR alone: then the stream evidently uses CR and waiting would hold an event back
 * until the next one comes. A LF that follows after all goes, as no line, to the front of the next event. */
#include "net/sse.h"
#include "base/mem.h"
#include <assert.h>

#define BOM "\xEF\xBB\xBF"
enum { BOM_BYTES = 3 };

typedef int sse_fn(const struct sse_event *ev, void *ctx);

void sse_reader_init(struct sse_reader *r, size_t event_bytes_max)
{
    *r = (struct sse_reader){
        .pending = BUF_INIT(event_bytes_max + 1), /* and one byte that decides what a CR at its end was */
        .joined = BUF_INIT(event_bytes_max),
        .bytes_max = event_bytes_max,
    };
}

void sse_reader_fini(struct sse_reader *r)
{
    buf_fini(&r->pending);
    buf_fini(&r->joined);
}

static void block_reset(struct sse_reader *r)
{
    r->lead = r->line = r->scanned = 0;
    r->placed = false;
}

/* Settles how many bytes at the start of the block are no text. False when more bytes are needed to tell. */
static bool block_place(struct sse_reader *r, struct str b)
{
    if (!r->started) {
        if (b.len < BOM_BYTES && memcmp(b.ptr, BOM, b.len) == 0)
            return false;
        r->started = true;
        if (b.len >= BOM_BYTES && memcmp(b.ptr, BOM, BOM_BYTES) == 0)
            r->lead = BOM_BYTES;
    } else if (r->swallow_lf) {
        r->swallow_lf = false;
        if (b.ptr[0] == '\n')
            r->lead = 1;
    }
    r->line = r->scanned = r->lead;
    r->placed = true;
    return true;
}

/* First CR or LF at or after `from`, or b.len. */
static size_t line_end(struct str b, size_t from)
{
    size_t left = b.len - from;
    const char *lf = left ? memchr(b.ptr + from, '\n', left) : NULL;
    if (lf)
        left = (size_t)(lf - (b.ptr + from));
    const char *cr = left ? memchr(b.ptr + from, '\r', left) : NULL;
    return cr ? (size_t)(cr - b.ptr) : from + left;
}

/* Length of the block at the start of b, its blank line included; 0 when that has not come yet. */
static size_t block_end(struct sse_reader *r, struct str b)
{
    if (b.len == 0 || (!r->placed && !block_place(r, b)))
        return 0;
    for (;;) {
        size_t end = line_end(b, r->scanned);
        r->scanned = end;
        if (end == b.len)
            return 0;
        bool blank = end == r->line;
        size_t next = end + 1;
        if (b.ptr[end] == '\r') {
            if (blank && r->bare_cr) {
                r->swallow_lf = true;
                return next;
            }
            if (next == b.len)
                return 0;
            r->bare_cr = b.ptr[next] != '\n';
            next += !r->bare_cr;
        } else {
            r->bare_cr = false;
        }
        if (blank)
            return next;
        r->line = r->scanned = next;
    }
}

/* Another line of data: the first is lent from the block, further ones make a joined copy. */
static int data_add(struct sse_reader *r, struct sse_event *ev, struct str line)
{
    if (!ev->data.ptr) {
        ev->data = line;
        return 0;
    }
    int rc = 0;
    if (ev->data.ptr != r->joined.ptr) {
        buf_clear(&r->joined);
        rc = buf_append(&r->joined, ev->data);
    }
    if (rc == 0)
        rc = buf_append_char(&r->joined, '\n');
    if (rc == 0)
        rc = buf_append(&r->joined, line);
    if (rc == 0)
        ev->data = buf_str(&r->joined);
    return rc;
}

static int line_parse(struct sse_reader *r, struct sse_event *ev, struct str line)
{
    ptrdiff_t colon = str_find_char(line, ':');
    struct str field = line, value = {line.ptr + line.len, 0};
    if (colon >= 0) {
        field.len = (size_t)colon;
        value = str_skip(line, field.len + 1);
        if (value.len && value.ptr[0] == ' ')
            value = str_skip(value, 1);
    }
    if (str_eq(field, STR("data")))
        return data_add(r, ev, value);
    if (str_eq(field, STR("event")))
        ev->name = value;
    return 0;
}

/* Fills *ev from a whole block. */
static int block_parse(struct sse_reader *r, struct str block, struct sse_event *ev)
{
    *ev = (struct sse_event){.raw = block};
    for (size_t at = r->lead; at < block.len;) {
        size_t end = line_end(block, at);
        int rc = end > at ? line_parse(r, ev, str_slice(block, at, end)) : 0;
        if (rc < 0)
            return rc;
        at = end + 1;
        if (end + 1 < block.len && block.ptr[end] == '\r' && block.ptr[end + 1] == '\n')
            at++;
    }
    return 0;
}

static int block_deliver(struct sse_reader *r, struct str block, sse_fn *fn, void *ctx)
{
    struct sse_event ev;
    int rc = block.len > r->bytes_max ? ERR_LIMIT : block_parse(r, block, &ev);
    block_reset(r);
    return rc < 0 ? rc : fn(&ev, ctx);
}

/* The bytes to move to `pending` next: to the end of the line, so that what follows the event can stay where it is. */
static size_t pending_want(const struct sse_reader *r, struct str bytes)
{
    if (r->pending.ptr[r->pending.len - 1] == '\r')
        return 1;
    size_t end = line_end(bytes, 0);
    return end < bytes.len ? end + 1 : end;
}

/* Goes on with the unfinished event, taking from *bytes, until it is whole and delivered or the bytes are used up. */
static int pending_feed(struct sse_reader *r, struct str *bytes, sse_fn *fn, void *ctx)
{
    while (r->pending.len && bytes->len) {
        size_t n = pending_want(r, *bytes);
        int rc = buf_append(&r->pending, str_of(bytes->ptr, n));
        if (rc < 0)
            return rc;
        *bytes = str_skip(*bytes, n);
        size_t len;
        while ((len = block_end(r, buf_str(&r->pending)))) {
            rc = block_deliver(r, str_of(r->pending.ptr, len), fn, ctx);
            buf_consume(&r->pending, len);
            if (rc)
                return rc;
        }
        if (r->pending.len > r->bytes_max)
            return ERR_LIMIT;
    }
    return 0;
}

int sse_feed(struct sse_reader *r, struct str bytes, sse_fn *fn, void *ctx)
{
    int rc = pending_feed(r, &bytes, fn, ctx);
    if (rc)
        return rc;
    size_t len;
    while ((len = block_end(r, bytes))) {
        rc = block_deliver(r, str_of(bytes.ptr, len), fn, ctx);
        if (rc)
            return rc;
        bytes = str_skip(bytes, len);
    }
    return bytes.len > r->bytes_max ? ERR_LIMIT : buf_append(&r->pending, bytes);
}

int sse_finish(struct sse_reader *r, sse_fn *fn, void *ctx)
{
    if (r->pending.len == 0)
        return 0;
    struct str rest = buf_str(&r->pending);
    if (!r->placed) { /* a beginning of a BOM is no BOM */
        r->started = true;
        (void)block_place(r, rest);
    }
    int rc = block_deliver(r, rest, fn, ctx);
    buf_clear(&r->pending);
    return rc;
}
