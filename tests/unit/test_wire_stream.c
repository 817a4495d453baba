/* test_wire_stream.c: whatever order an upstream says things in, a client of every dialect reads all of it, one block after the other. */
#include "unit/test.h"
#include "base/buf.h"
#include "wire/codec.h"
#include "net/sse.h"

static struct arena arena = ARENA_INIT(16 * MiB);

static const struct codec *const codecs[] = {&codec_openai, &codec_responses, &codec_anthropic, &codec_ollama};

/* --- what a client makes of it: each kind of thing joined, calls by their number ------------------------------------------------------ */

enum { CALLS = 3 };
struct heard {
    struct buf text, thought, sealed, call[CALLS];
};

/* Seals and sealed thinking of others go to some clients under a mark. */
static struct str unmarked(struct str text)
{
    static const struct str marks[] = {STR("hx_"), STR("hearth-seal:"), STR("hearth-hidden:")};
    for (size_t i = 0; i < COUNT_OF(marks); i++)
        if (str_starts(text, marks[i]))
            return str_skip(text, marks[i].len);
    return text;
}

static int hear(const struct delta *d, void *ctx)
{
    struct heard *h = ctx;
    switch (d->kind) {
    case DELTA_TEXT:
    case DELTA_REFUSAL: return buf_append(&h->text, d->text);
    case DELTA_REASONING: return buf_append(&h->thought, d->text);
    case DELTA_SIGNATURE:
    case DELTA_HIDDEN: return buf_append(&h->sealed, unmarked(d->text));
    case DELTA_CALL: return d->call < CALLS ? buf_append_format(&h->call[d->call], "%.*s", STR_FMT(d->name)) : ERR_LIMIT;
    case DELTA_ARGUMENTS: return buf_append(&h->call[d->call], d->text);
    default: return 0;
    }
}

static int hear_event(const struct sse_event *ev, void *ctx)
{
    struct stream_reader *r = ctx;
    return ev->data.ptr ? r->codec->event_read(r, ev->name, ev->data) : 0;
}

static void listen(const struct codec *c, struct str bytes, struct heard *h)
{
    struct stream_reader r;
    stream_reader_init(&r, c, WIRE_CHAT, &arena, hear, h);
    if (c->framing == FRAMING_SSE) {
        struct sse_reader sse;
        sse_reader_init(&sse, 1 * MiB);
        EXPECT_I64(sse_feed(&sse, bytes, hear_event, &r), 0);
        sse_reader_fini(&sse);
    } else {
        for (struct str line; str_cut(&bytes, '\n', &line);)
            EXPECT_I64(c->event_read(&r, STR_NONE, line), 0);
    }
    stream_reader_fini(&r);
}

static void put(struct buf *line, const char *word, struct buf *b)
{
    if (b->len)
        (void)buf_append_format(line, "%s(%.*s) ", word, STR_FMT(buf_str(b)));
    buf_fini(b);
}

/* In one line: what a client of that dialect reads when an upstream says `d`. Ollama's has no word for seals. */
static void said(const struct codec *c, const struct delta *d, size_t count, struct buf *line)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct heard h = {BUF_INIT(64 * KiB), BUF_INIT(64 * KiB), BUF_INIT(64 * KiB), {BUF_INIT(64 * KiB), BUF_INIT(64 * KiB), BUF_INIT(64 * KiB)}};
    struct stream_writer w;
    stream_writer_init(&w, c, WIRE_CHAT, &arena);
    w.id = STR("id_1");
    w.model = STR("m");
    for (size_t i = 0; i < count; i++)
        EXPECT_I64(stream_write(&w, &d[i], &out), 0);
    EXPECT_I64(stream_write_end(&w, &out), 0);
    stream_writer_fini(&w);
    listen(c, buf_str(&out), &h);
    put(line, "thought", &h.thought);
    put(line, "text", &h.text);
    for (int i = 0; i < CALLS; i++)
        put(line, "call", &h.call[i]);
    put(line, "sealed", &h.sealed);
    arena_fini(&arena);
}

#define S(words) {words, sizeof words - 1}
#define CALL0 {.kind = DELTA_CALL, .call = 0, .id = S("c0"), .name = S("f")}
#define CALL1 {.kind = DELTA_CALL, .call = 1, .id = S("c1"), .name = S("g")}
#define ARGS(n, words) {.kind = DELTA_ARGUMENTS, .call = n, .text = S(words)}
#define SAY(what, words) {.kind = DELTA_##what, .text = S(words)}

TEST(what_comes_in_the_middle_of_a_call_waits_and_the_call_stays_whole)
{
    static const struct {
        struct delta d[6]; /* up to one of kind BEGIN */
        const char *want, *sealed;
    } rows[] = {
        {{CALL0, SAY(TEXT, "a"), ARGS(0, "{\"x\""), ARGS(0, ":1}")}, "text(a) call(f{\"x\":1}) ", ""},
        {{CALL0, ARGS(0, "{\"x\""), SAY(TEXT, "a"), ARGS(0, ":1}"), SAY(TEXT, "b")}, "text(ab) call(f{\"x\":1}) ", ""},
        {{CALL0, SAY(REFUSAL, "no"), ARGS(0, "{\"x\":1}")}, "text(no) call(f{\"x\":1}) ", ""},
        {{CALL0, SAY(REASONING, "hm"), ARGS(0, "{\"x\":1}")}, "thought(hm) call(f{\"x\":1}) ", ""},
        {{CALL0, ARGS(0, "{"), SAY(HIDDEN, "D"), ARGS(0, "}"), CALL1}, "call(f{}) call(g{}) ", "sealed(D) "},
        {{CALL0, ARGS(0, "{"), SAY(HIDDEN, "D"), SAY(HIDDEN, "E"), ARGS(0, "}")}, "call(f{}) ", "sealed(DE) "},
        {{CALL0, ARGS(0, "{"), SAY(REASONING, "hm"), SAY(SIGNATURE, "S"), ARGS(0, "}")}, "thought(hm) call(f{}) ", "sealed(S) "},
        {{CALL0, SAY(SIGNATURE, "S"), ARGS(0, "{}")}, "call(f{}) ", "sealed(S) "},
        {{CALL0, CALL1, SAY(TEXT, "a"), ARGS(1, "{\"y\":2}"), ARGS(0, "{\"x\":1}")}, "text(a) call(f{\"x\":1}) call(g{\"y\":2}) ", ""},
        {{CALL0, SAY(TEXT, "a")}, "text(a) call(f{}) ", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t k = 0; k < COUNT_OF(codecs); k++) {
            AUTO_BUF struct buf line = BUF_INIT(64 * KiB), want = BUF_INIT(64 * KiB);
            size_t count = 0;
            while (count < COUNT_OF(rows[i].d) && rows[i].d[count].kind != DELTA_BEGIN)
                count++;
            said(codecs[k], rows[i].d, count, &line);
            (void)buf_append_format(&want, "%s%s", rows[i].want, codecs[k] == &codec_ollama ? "" : rows[i].sealed);
            if (!str_eq(buf_str(&line), buf_str(&want)))
                test_fail(__FILE__, __LINE__, "row %zu to %s: got %s, wanted %s", i, codecs[k]->name, buf_text(&line), buf_text(&want));
        }
}
