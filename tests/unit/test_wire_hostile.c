/* test_wire_hostile.c: what a client or an upstream can make a translation do is in proportion to what it sent: many of anything, one of
 * anything long, in every dialect, to every dialect. Time is the thread's own; the bounds are fifty times what is needed, and a walk
 * over a list for each of its elements is a thousand times that. */
#include "unit/test.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/codec.h"
#include <time.h>

enum { MANY = 30000, ARENA_MAX = 512 * 1024 * 1024, SECONDS_MAX = 4 };

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- requests --------------------------------------------------------------------------------------------------------- */

/* `each` may name its number, once as %d and twice. */
struct flood {
    enum dialect from;
    const char *before, *each, *between, *each_too, *after;
};
#define OPENAI_HEAD "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}"
#define ANTHROPIC_HEAD "{\"model\":\"m\",\"max_tokens\":9,\"messages\":["
static const struct flood floods[] = {
    {DIALECT_OPENAI, OPENAI_HEAD, ",{\"role\":\"assistant\",\"content\":\"%d\"}", "", "", "]}"},
    {DIALECT_OPENAI, OPENAI_HEAD, ",{\"role\":\"system\",\"content\":\"%d\"},{\"role\":\"user\",\"content\":\"x\"}", "", "", "]}"},
    {DIALECT_OPENAI, OPENAI_HEAD, ",{\"role\":\"tool\",\"tool_call_id\":\"c%d\",\"content\":\"x\"}", "", "", "]}"},
    {DIALECT_OPENAI, OPENAI_HEAD ",{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}", ",{\"type\":\"text\",\"text\":\"%d\"}",
     "", "", "]}]}"},
    {DIALECT_OPENAI, OPENAI_HEAD ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"t\","
                                 "\"arguments\":\"{}\"}}",
     ",{\"id\":\"c%d\",\"type\":\"function\",\"function\":{\"name\":\"t\",\"arguments\":\"{}\"}}", "]}",
     ",{\"role\":\"tool\",\"tool_call_id\":\"c%d\",\"content\":\"x\"}", "]}"},
    {DIALECT_OPENAI, OPENAI_HEAD, ",{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c%d\",\"type\":\"function\",\"function\":{\"name\":\"t\","
                                  "\"arguments\":\"{}\"}}]},{\"role\":\"user\",\"content\":\"x\"}",
     "", ",{\"role\":\"tool\",\"tool_call_id\":\"c%d\",\"content\":\"x\"}", "]}"},
    {DIALECT_OPENAI, OPENAI_HEAD ",{\"role\":\"user\",\"content\":\"", "\\\"\\n\\u0001\\u00e4%d", "", "", "\"}]}"},
    {DIALECT_OPENAI, OPENAI_HEAD "],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"t\",\"parameters\":{\"type\":\"object\","
                                 "\"properties\":{\"p\":{}",
     ",\"p%d\":{\"type\":\"string\"}", "", "", "}}}}]}"},
    {DIALECT_ANTHROPIC, ANTHROPIC_HEAD "{\"role\":\"user\",\"content\":\"x\"}", ",{\"role\":\"user\",\"content\":\"%d\"}", "", "", "]}"},
    {DIALECT_ANTHROPIC, ANTHROPIC_HEAD "{\"role\":\"user\",\"content\":\"x\"}],\"system\":[{\"type\":\"text\",\"text\":\"x\"}",
     ",{\"type\":\"text\",\"text\":\"%d\"}", "", "", "]}"},
    {DIALECT_ANTHROPIC, ANTHROPIC_HEAD "{\"role\":\"user\",\"content\":\"x\"}],\"tools\":[{\"name\":\"t\",\"input_schema\":{}}",
     ",{\"name\":\"t%d\",\"input_schema\":{}}", "", "", "]}"},
    {DIALECT_ANTHROPIC, ANTHROPIC_HEAD "{\"role\":\"user\",\"content\":\"x\"}],\"stop_sequences\":[\"x\"", ",\"s%d\"", "", "", "]}"},
    {DIALECT_ANTHROPIC, ANTHROPIC_HEAD "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}",
     ",{\"type\":\"tool_use\",\"id\":\"c%d\",\"name\":\"t\",\"input\":{}}",
     "]},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}",
     ",{\"type\":\"tool_result\",\"tool_use_id\":\"c%d\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}", "]}]}"},
    {DIALECT_RESPONSES, "{\"model\":\"m\",\"input\":[{\"role\":\"user\",\"content\":\"x\"}",
     ",{\"type\":\"function_call\",\"call_id\":\"c%d\",\"name\":\"t\",\"arguments\":\"{}\"}", "",
     ",{\"type\":\"function_call_output\",\"call_id\":\"c%d\",\"output\":\"x\"}", "]}"},
    {DIALECT_RESPONSES, "{\"model\":\"m\",\"input\":\"x\",\"tools\":[{\"type\":\"function\",\"name\":\"t\",\"parameters\":{}}",
     ",{\"type\":\"function\",\"name\":\"t%d\",\"parameters\":{}}", "", "", "]}"},
    {DIALECT_OLLAMA, OPENAI_HEAD, ",{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"t%d\",\"arguments\":{}}}]}",
     "", ",{\"role\":\"tool\",\"tool_name\":\"t%d\",\"content\":\"x\"}", "]}"},
    {DIALECT_OLLAMA, OPENAI_HEAD ",{\"role\":\"user\",\"content\":\"x\",\"images\":[\"iVBORw0KGgo\"", ",\"iVBORw0KGgo%d\"", "", "", "]}]}"},
};

static void append_each(struct buf *b, const char *form, int i)
{
    const char *number = strstr(form, "%d");
    EXPECT(buf_append(b, number ? str_of(form, (size_t)(number - form)) : str_from(form)) == 0);
    if (number)
        EXPECT(buf_append_i64(b, i) == 0 && buf_append_text(b, number + 2) == 0);
}

static void flood_make(struct buf *b, const struct flood *f)
{
    EXPECT(buf_append_text(b, f->before) == 0);
    for (int i = 0; i < MANY; i++)
        append_each(b, f->each, i);
    EXPECT(buf_append_text(b, f->between) == 0);
    for (int i = MANY - 1; i >= 0 && f->each_too[0]; i--) /* the other way round */
        append_each(b, f->each_too, i);
    EXPECT(buf_append_text(b, f->after) == 0);
}

static void flood_pass(const struct flood *f, const struct codec *to)
{
    struct arena read = ARENA_INIT(ARENA_MAX), write = ARENA_INIT(ARENA_MAX);
    AUTO_BUF struct buf body = BUF_INIT(64 * MiB), out = BUF_INIT(256 * MiB);
    struct chat *c = arena_new(&read, struct chat);
    struct lost lost = {.count = 0};
    struct call facts = {0};
    struct err e = {0};
    REQUIRE(c);
    flood_make(&body, f);
    *c = (struct chat){.arena = &read, .from = f->from, .max_tokens = -1, .budget = -1, .choices = 1};
    double from = thread_seconds();
    int rc = codec_of(f->from)->request_read(c, WIRE_CHAT, buf_str(&body), &e);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", codec_of(f->from)->name, e.text);
    if (rc == 0)
        chat_facts(c, &facts);
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("m"), .arena = &write, .lost = &lost};
    if (rc == 0)
        (void)to->request_write(c, &w, &out, &e); /* some refuse so many */
    double took = thread_seconds() - from;
    if (took > SECONDS_MAX)
        test_fail(__FILE__, __LINE__, "%s to %s: %.1f s for %zu bytes of %.60s", codec_of(f->from)->name, to->name, took, body.len, f->each);
    arena_fini(&read);
    arena_fini(&write);
}

TEST(many_of_anything_in_a_request_cost_what_they_are)
{
    static const enum dialect all[] = {DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_RESPONSES, DIALECT_OLLAMA};
    for (size_t i = 0; i < COUNT_OF(floods); i++)
        for (size_t to = 0; to < COUNT_OF(all); to++)
            if (all[to] != floods[i].from)
                flood_pass(&floods[i], codec_of(all[to]));
}

/* --- streams ---------------------------------------------------------------------------------------------------------- */

static int on_delta(const struct delta *d, void *ctx)
{
    struct buf *out = ((void **)ctx)[1];
    buf_clear(out);
    return stream_write(((void **)ctx)[0], d, out);
}

static void event(struct stream_reader *r, struct buf *data)
{
    EXPECT(r->codec->event_read(r, STR_NONE, buf_str(data)) == 0);
    buf_clear(data);
}

static void call_event(struct stream_reader *r, struct buf *data, int call, const char *name, const char *arguments)
{
    EXPECT(buf_append_format(data, "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":%d%s%s%s,\"function\":{%s%s%s\"arguments\":\"%s\"}}]}}]}",
                             call, name ? ",\"id\":\"c" : "", name ? name : "", name ? "\"" : "", name ? "\"name\":\"" : "", name ? name : "",
                             name ? "\"," : "", arguments) == 0);
    event(r, data);
}

/* While call 0 goes on, others wait for it to be a whole value: that is asked after each piece. */
static void calls_pass(const struct codec *to, const char *open, const char *piece, int waiting)
{
    enum { PIECES = 60000 };
    struct arena a = ARENA_INIT(ARENA_MAX);
    AUTO_BUF struct buf data = BUF_INIT(MiB), out = BUF_INIT(64 * MiB);
    struct stream_writer w;
    struct stream_reader r;
    void *ctx[2] = {&w, &out};
    char name[20];
    stream_writer_init(&w, to, WIRE_CHAT, &a);
    stream_reader_init(&r, &codec_openai, WIRE_CHAT, &a, on_delta, ctx);
    double from = thread_seconds();
    call_event(&r, &data, 0, "first", open);
    for (int i = 1; i <= waiting; i++) {
        text_format(name, sizeof name, "t%d", i);
        call_event(&r, &data, i, name, "{");
    }
    int said = 0;
    for (; said < PIECES && thread_seconds() - from < SECONDS_MAX; said++)
        call_event(&r, &data, said % 2 ? 1 + said % waiting : 0, NULL, piece);
    buf_clear(&out);
    EXPECT(stream_write_end(&w, &out) == 0);
    if (said < PIECES)
        test_fail(__FILE__, __LINE__, "to %s: only %d pieces of %s in %d s", to->name, said, piece, SECONDS_MAX);
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(calls_that_interleave_cost_what_they_say)
{
    static const char *const pieces[] = {"some text of thirty bytes     ", "[]", "}", "\\\"", "{\\\"a\\\":{"};
    static const char *const opens[] = {"{\\\"path\\\":\\\"", "{", "{x}", "[1,", "1"};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        calls_pass(&codec_anthropic, opens[i], pieces[i], 255);
        calls_pass(&codec_openai, opens[i], pieces[i], 1);
        calls_pass(&codec_ollama, opens[i], pieces[i], 255);
        calls_pass(&codec_responses, opens[i], pieces[i], 255);
    }
}

/* The value of a call as a writer sees it, piece by piece: when may the next call begin? */
TEST(the_next_call_begins_when_the_arguments_are_a_whole_value)
{
    static const struct {
        const char *pieces[4];
        int whole; /* after so many; 0: never */
    } rows[] = {
        {{"{", "}"}, 2},
        {{" ", "{\\\"a\\\":\\\"}\\\"", "}"}, 3},
        {{"{\\\"a\\\":\\\"\\\\\\\"", "}\\\"", "}"}, 3},
        {{"{}"}, 1},
        {{"{\\\"a\\\":[{}", "]", "}"}, 3},
        {{"[1", ",2]"}, 2},
        {{"{x}", "{}"}, 0},
        {{"{]", "}"}, 0},
        {{"\\\"a", "\\\""}, 2},
        {{"12"}, 1},
        {{"tru", "e"}, 2},
        {{"nothing"}, 0},
        {{"{\\\"a\\\":", "1"}, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a = ARENA_INIT(MiB);
        AUTO_BUF struct buf data = BUF_INIT(MiB), out = BUF_INIT(MiB);
        struct stream_writer w;
        struct stream_reader r;
        void *ctx[2] = {&w, &out};
        int whole = 0;
        stream_writer_init(&w, &codec_openai, WIRE_CHAT, &a);
        stream_reader_init(&r, &codec_openai, WIRE_CHAT, &a, on_delta, ctx);
        call_event(&r, &data, 0, "first", "");
        call_event(&r, &data, 1, "second", "");
        for (int n = 0; n < 4 && rows[i].pieces[n]; n++) {
            call_event(&r, &data, 0, NULL, rows[i].pieces[n]);
            if (!whole && w.block.call == 1)
                whole = n + 1;
        }
        if (whole != rows[i].whole)
            test_fail(__FILE__, __LINE__, "row %zu: after %d, wanted %d", i, whole, rows[i].whole);
        stream_reader_fini(&r);
        stream_writer_fini(&w);
        arena_fini(&a);
    }
}
