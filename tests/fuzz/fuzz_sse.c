/* fuzz_sse.c: the event reader against any bytes and any cuts. Checked: the events are the same whatever the cuts; their
 * raws, joined with what is unfinished, are the input; and names and data agree with a naive reader that first turns
 * every line end into LF. Input: one byte seeds the cuts, the rest is the stream. */
#include "net/sse.h"
#include "base/mem.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20 };

struct log {
    struct buf raw;    /* joined */
    struct buf fields; /* of events with data: length-prefixed name and data */
    struct buf exact;  /* all events, with the lengths of their raws */
};

static void put(struct buf *b, struct str s)
{
    int rc = buf_append_format(b, "%zu:", s.len);
    assert(rc == 0);
    rc = buf_append(b, s);
    assert(rc == 0);
}

static int on_event(const struct sse_event *ev, void *ctx)
{
    struct log *l = ctx;
    assert(ev->raw.len > 0);
    int rc = buf_append(&l->raw, ev->raw);
    assert(rc == 0);
    put(&l->exact, ev->raw);
    put(&l->exact, ev->name);
    put(&l->exact, ev->data.ptr ? ev->data : STR("none"));
    if (ev->data.ptr) {
        put(&l->fields, ev->name);
        put(&l->fields, ev->data);
    }
    return 0;
}

static void log_fini(struct log *l)
{
    buf_fini(&l->raw);
    buf_fini(&l->fields);
    buf_fini(&l->exact);
}

#define LOG_INIT ((struct log){BUF_INIT(4 * LIMIT), BUF_INIT(4 * LIMIT), BUF_INIT(8 * LIMIT)})

/* seed 0: all in one feed */
static void run(struct str input, uint8_t seed, struct log *l)
{
    struct sse_reader r;
    sse_reader_init(&r, LIMIT);
    uint32_t state = seed;
    struct str rest = input;
    while (rest.len) {
        size_t n = rest.len;
        if (seed) {
            state = state * 1103515245u + 12345u;
            n = 1 + (state >> 16) % (seed < 128 ? 3u : 40u);
        }
        struct str piece = str_slice(rest, 0, n);
        int rc = sse_feed(&r, piece, on_event, l);
        assert(rc == 0);
        rest = str_skip(rest, piece.len);
    }
    struct str tail = buf_str(&r.pending);
    assert(l->raw.len + tail.len == input.len);
    assert(tail.len == 0 || memcmp(input.ptr + l->raw.len, tail.ptr, tail.len) == 0);
    int rc = sse_finish(&r, on_event, l);
    assert(rc == 0);
    assert(str_eq(buf_str(&l->raw), input));
    sse_reader_fini(&r);
}

/* The naive reader. */
static void naive(struct str input, struct buf *fields)
{
    if (str_starts(input, STR("\xEF\xBB\xBF")))
        input = str_skip(input, 3);
    struct buf name = BUF_INIT(LIMIT), joined = BUF_INIT(2 * LIMIT);
    bool any = false;
    for (size_t at = 0;;) {
        size_t end = at;
        while (end < input.len && input.ptr[end] != '\n' && input.ptr[end] != '\r')
            end++;
        struct str line = str_slice(input, at, end);
        bool last = end == input.len;
        if (line.len == 0) {
            if (any) {
                put(fields, buf_str(&name));
                put(fields, buf_str(&joined));
            }
            any = false;
            buf_clear(&name);
            buf_clear(&joined);
        }
        ptrdiff_t colon = str_find_char(line, ':');
        struct str field = colon < 0 ? line : str_slice(line, 0, (size_t)colon);
        struct str value = colon < 0 ? STR("") : str_skip(line, (size_t)colon + 1);
        if (value.len && value.ptr[0] == ' ')
            value = str_skip(value, 1);
        int rc = 0;
        if (str_eq(field, STR("event"))) {
            buf_clear(&name);
            rc = buf_append(&name, value);
        } else if (str_eq(field, STR("data"))) {
            rc = any ? buf_append_char(&joined, '\n') : 0;
            assert(rc == 0);
            any = true;
            rc = buf_append(&joined, value);
        }
        assert(rc == 0);
        if (last && line.len == 0)
            break;
        if (last) { /* the end of the stream stands for a blank line */
            at = input.len;
            continue;
        }
        at = end + 1;
        if (input.ptr[end] == '\r' && at < input.len && input.ptr[at] == '\n')
            at++;
    }
    buf_fini(&name);
    buf_fini(&joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > LIMIT / 8)
        return 0;
    struct str input = str_of(data + 1, size - 1);
    struct log whole = LOG_INIT, cut = LOG_INIT;
    struct buf expected = BUF_INIT(4 * LIMIT);
    run(input, 0, &whole);
    run(input, data[0] ? data[0] : 1, &cut);
    assert(str_eq(buf_str(&whole.exact), buf_str(&cut.exact)));
    naive(input, &expected);
    assert(str_eq(buf_str(&whole.fields), buf_str(&expected)));
    log_fini(&whole);
    log_fini(&cut);
    buf_fini(&expected);
    return 0;
}
