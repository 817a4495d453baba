/* fuzz_answer_parse.c: any bytes as what a model says, in any cuts. Checked: the events are the same whatever the cuts; calls
 * begin and end in turn, and arguments that are said to be whole are a JSON object; text that has no marker in it comes out as it
 * went in. Input: a byte that chooses the form, one that seeds the cuts, then the answer. */
#include "base/mem.h"
#include "unit/answer_kit.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20 };

struct watch {
    struct answer_log log;
    struct buf arguments;
    uint32_t calls;
    bool inside;
};

static int on_event(void *ctx, const struct answer_event *ev)
{
    struct watch *w = ctx;
    int rc = 0;

    switch (ev->kind) {
    case ANSWER_CALL_BEGIN:
        assert(!w->inside && ev->call == w->calls && ev->text.len > 0);
        w->inside = true;
        w->calls++;
        buf_clear(&w->arguments);
        break;
    case ANSWER_CALL_ARGUMENTS:
        assert(w->inside && ev->text.len > 0);
        rc = buf_append(&w->arguments, ev->text);
        break;
    case ANSWER_CALL_END:
        assert(w->inside);
        w->inside = false;
        /* The parser lets any bytes pass inside of strings; the tree of base/ wants UTF-8. */
        assert(ev->broken ||
               (w->arguments.len >= 2 && w->arguments.ptr[0] == '{' && w->arguments.ptr[w->arguments.len - 1] == '}'));
        break;
    default: assert(!w->inside && ev->text.len > 0);
    }
    assert(rc == 0);
    return answer_log_event(&w->log, ev);
}

static void run(const struct answer_options *o, struct str input, uint8_t seed, struct watch *w)
{
    struct answer_parser *p;
    struct answer_options mine = *o;
    uint32_t state = seed;

    mine.on_event = on_event;
    mine.ctx = w;
    int rc = answer_parser_new(&p, &mine, NULL);
    assert(rc == 0);
    while (input.len) {
        size_t n = input.len;
        if (seed) {
            state = state * 1103515245u + 12345u;
            n = 1 + (state >> 16) % (seed < 128 ? 3u : 40u);
        }
        struct str piece = str_slice(input, 0, n);
        rc = answer_feed(p, piece);
        assert(rc == 0);
        input = str_skip(input, piece.len);
    }
    rc = answer_finish(p);
    assert(rc == 0 && !w->inside);
    answer_log_close(&w->log);
    answer_parser_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct str tools[] = {{"f", 1}, {"ping", 4}};

    if (size < 2 || size > LIMIT / 8)
        return 0;
    struct str input = str_of(data + 2, size - 2);
    struct answer_options o = {.calls = data[0] & 3, .tool = tools, .tool_count = 2};
    if (data[0] & 4) {
        o.think_open = "<think>";
        o.think_close = "</think>";
        o.thinking = data[0] & 8;
    }
    struct watch whole = {ANSWER_LOG_INIT(16 * LIMIT), BUF_INIT(LIMIT), 0, false},
                 cut = {ANSWER_LOG_INIT(16 * LIMIT), BUF_INIT(LIMIT), 0, false};
    run(&o, input, 0, &whole);
    run(&o, input, data[1] ? data[1] : 1, &cut);
    assert(str_eq(buf_str(&whole.log.text), buf_str(&cut.log.text)));
    bool marked = memchr(input.ptr ? input.ptr : "", '<', input.len) ||
                  memchr(input.ptr ? input.ptr : "", '[', input.len) ||
                  memchr(input.ptr ? input.ptr : "", '{', input.len);
    if (!marked && !o.thinking && input.len)
        assert(whole.log.text.len == input.len + 3 && memcmp(whole.log.text.ptr + 2, input.ptr, input.len) == 0);
    buf_fini(&whole.log.text);
    buf_fini(&cut.log.text);
    buf_fini(&whole.arguments);
    buf_fini(&cut.arguments);
    return 0;
}
