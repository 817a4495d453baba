/* test_wire_tools.c: tools that go under other names, and free text that goes as a function, there and back. */
#include "base/err.h"
#include "test.h"
#include "wire/codec.h"

static struct arena arena = ARENA_INIT(16 * MiB);

static const struct name_rule *rule_of(enum dialect to, const char *vendor)
{
    return tool_names_of(to, DIALECT_OLLAMA, vendor ? vendor_find(str_from(vendor)) : NULL);
}

static struct str letters(size_t count)
{
    static char text[300];
    memset(text, 'a', sizeof text);
    return str_of(text, count);
}

/* --- names --------------------------------------------------------------------------------------------------------- */

TEST(a_name_that_fits_stays)
{
    static const struct {
        enum dialect to;
        const char *vendor;
        size_t longest; /* 0: any */
    } cases[] = {
        {DIALECT_OPENAI, "openai", 64},      {DIALECT_OPENAI, NULL, 64},      {DIALECT_OPENAI, "gemini", 64}, {DIALECT_RESPONSES, "openai", 64},
        {DIALECT_ANTHROPIC, "anthropic", 128}, {DIALECT_OPENAI, "anthropic", 128}, {DIALECT_OPENAI, "vllm", 0},   {DIALECT_OLLAMA, "ollama", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct name_rule *rule = rule_of(cases[i].to, cases[i].vendor);
        size_t longest = cases[i].longest ? cases[i].longest : 300;
        struct str fits = letters(longest), out = tool_name_fit(rule, fits, &arena);
        EXPECT(out.ptr == fits.ptr && out.len == fits.len);
        EXPECT_STR(tool_name_fit(rule, STR("mcp__files-1__read"), &arena), "mcp__files-1__read");
        EXPECT_STR(tool_name_fit(rule, STR("files.read"), &arena), cases[i].longest ? "hx_files-2Eread" : "files.read");
        EXPECT_STR(tool_name_fit(rule, STR("9lives"), &arena), cases[i].vendor && str_eq(str_from(cases[i].vendor), STR("gemini")) ? "hx_9lives" : "9lives");
        if (!cases[i].longest)
            continue;
        out = tool_name_fit(rule, letters(longest + 1), &arena);
        EXPECT_I64((int64_t)out.len, (int64_t)longest);
        EXPECT(str_starts(out, STR("hx_aaaa")));
    }
    EXPECT(tool_names_of(DIALECT_ANTHROPIC, DIALECT_ANTHROPIC, NULL) == NULL); /* its own dialect: as it came */
    arena_fini(&arena);
}

TEST(every_name_comes_back)
{
    static const char *const names[] = {"files.read", "hx_files-2Eread", "hx_x", "9lives", "a b", "\xc3\xa9", "mcp.a", "mcp-a", "fine"};
    static const char *const vendors[] = {"openai", "gemini", "vllm"};
    char longer[2][100];
    struct chat asked = {.arena = &arena};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        chat_tool_add(&asked)->name = str_from(names[i]);
    for (size_t i = 0; i < COUNT_OF(longer); i++) { /* which differ in their last byte */
        memset(longer[i], 'x', sizeof longer[i]);
        longer[i][99] = (char)('0' + i);
        chat_tool_add(&asked)->name = str_of(longer[i], 100);
    }
    for (size_t v = 0; v < COUNT_OF(vendors); v++) {
        const struct name_rule *rule = rule_of(DIALECT_OPENAI, vendors[v]);
        for (const struct tool *t = asked.tool; t; t = t->next) {
            struct str there = tool_name_fit(rule, t->name, &arena), back = there;
            EXPECT(tool_name_plain(&asked, rule, &back, &arena));
            EXPECT(str_eq(back, t->name));
            for (const struct tool *o = asked.tool; o != t; o = o->next)
                EXPECT(!str_eq(tool_name_fit(rule, o->name, &arena), there)); /* no two are one */
        }
    }
    struct str unlisted = STR("hx_gone-2Enow");
    EXPECT(tool_name_plain(NULL, rule_of(DIALECT_OPENAI, "openai"), &unlisted, &arena));
    EXPECT_STR(unlisted, "gone.now");
    arena_fini(&arena);
}

/* The tool, the choice of it, its calls in the history: all under the one name, in each dialect. */
TEST(writers_use_one_name)
{
    static const struct {
        enum dialect to;
        const char *vendor;
        int times;
    } cases[] = {{DIALECT_OPENAI, "openai", 3}, {DIALECT_RESPONSES, "openai", 3}, {DIALECT_ANTHROPIC, "anthropic", 3}, {DIALECT_OPENAI, "gemini", 3}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        struct lost lost = {.count = 0};
        struct chat c = {.arena = &arena, .from = DIALECT_OLLAMA, .max_tokens = -1, .budget = -1, .choices = 1};
        struct part *p = chat_part_add(&c, &chat_message_add(&c, ROLE_USER)->part, PART_TEXT);
        p->text = STR("hi");
        p = chat_part_add(&c, &chat_message_add(&c, ROLE_ASSISTANT)->part, PART_CALL);
        p->id = STR("call_1");
        p->name = STR("files.read");
        p = chat_part_add(&c, &chat_message_add(&c, ROLE_USER)->part, PART_RESULT);
        p->id = STR("call_1");
        chat_tool_add(&c)->name = STR("files.read");
        c.choice = CHOICE_NAMED;
        c.choice_name = STR("files.read");
        struct chat_write w = {.op = WIRE_CHAT, .model = STR("m"), .vendor = vendor_find(str_from(cases[i].vendor)), .arena = &arena, .lost = &lost};
        REQUIRE(codec_of(cases[i].to)->request_write(&c, &w, &out, NULL) == 0);
        int times = 0;
        struct str rest = buf_str(&out);
        for (ptrdiff_t at; (at = str_find(rest, STR("\"name\":\"hx_files-2Eread\""))) >= 0; times++)
            rest = str_skip(rest, (size_t)at + 1);
        EXPECT_I64(times, cases[i].times);
        EXPECT(str_find(buf_str(&out), STR("files.read")) < 0);
    }
    arena_fini(&arena);
}

/* --- free text ------------------------------------------------------------------------------------------------------- */

TEST(free_text_comes_out_of_its_object)
{
    static const struct {
        const char *arguments, *input;
    } cases[] = {
        {"{\"input\":\"a\\n\\\"b\\\"\"}", "a\n\"b\""}, {" { \"x\": [1], \"input\" : \"\" } ", ""}, {"{\"input\":\"1\",\"input\":\"2\"}", "2"},
        {"*** plain", "*** plain"}, {"{\"input\":5}", "{\"input\":5}"}, {"{\"input\":\"cut", "{\"input\":\"cut"}, {"{\"in\\u0070ut\":\"e\"}", "e"}, {"", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        EXPECT_STR(tool_input_plain(str_from(cases[i].arguments), &arena), cases[i].input);
    EXPECT_STR(tool_input_plain(tool_input_object(STR("a\\\"\x01"), &arena), &arena), "a\\\"\x01");
    arena_fini(&arena);
}

TEST(calls_of_a_whole_answer_are_the_clients)
{
    struct chat asked = {.arena = &arena};
    struct tool *t = chat_tool_add(&asked);
    t->name = STR("apply.patch");
    t->custom = true;
    chat_tool_add(&asked)->name = STR("f");
    struct chat_answer a = {.arena = &arena};
    struct part *p = chat_answer_add(&a, PART_CALL);
    p->name = STR("hx_apply-2Epatch");
    p->arguments = STR("{\"input\":\"*** x\"}");
    struct part *f = chat_answer_add(&a, PART_CALL);
    f->name = STR("f");
    f->arguments = STR("{\"input\":\"stays\"}");
    REQUIRE(tool_calls_plain(&a, &asked, rule_of(DIALECT_OPENAI, NULL)) == 0);
    EXPECT(p->custom && !f->custom);
    EXPECT_STR(p->name, "apply.patch");
    EXPECT_STR(p->arguments, "*** x");
    EXPECT_STR(f->arguments, "{\"input\":\"stays\"}");
    arena_fini(&arena);
}

static int write_on(const struct delta *d, void *ctx)
{
    struct stream_writer *w = ((void **)ctx)[0];
    return stream_write(w, d, ((void **)ctx)[1]);
}

/* What a functions-only upstream streams, as a client of OpenAI's dialect reads it: in one piece, once it is whole; the next call
 * waits for its end. */
TEST(a_stream_of_a_function_becomes_free_text)
{
    static const char *const chunks[] = {
        "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":"
        "\"hx_apply-2Epatch\",\"arguments\":\"{\\\"input\\\":\\\"*** \"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\\n\\\"}\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"d\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}",
    };
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct chat asked = {.arena = &arena};
    struct tool *t = chat_tool_add(&asked);
    t->name = STR("apply.patch");
    t->custom = true;
    struct stream_writer w;
    stream_writer_init(&w, &codec_openai, WIRE_CHAT, &arena);
    w.id = STR("chatcmpl-1");
    w.model = STR("m");
    w.asked = &asked;
    w.names = rule_of(DIALECT_OPENAI, NULL);
    struct stream_reader r;
    stream_reader_init(&r, &codec_openai, WIRE_CHAT, &arena, write_on, (void *[]){&w, &out});
    for (size_t i = 0; i < COUNT_OF(chunks); i++)
        REQUIRE(codec_openai.event_read(&r, STR_NONE, str_from(chunks[i])) == 0);
    REQUIRE(stream_write_end(&w, &out) == 0);
    EXPECT(str_find(buf_str(&out), STR("{\"index\":0,\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"apply.patch\",\"input\":\"\"}}")) > 0);
    EXPECT(str_find(buf_str(&out), STR("{\"index\":0,\"custom\":{\"input\":\"*** {\\n\"}}")) > 0);
    EXPECT(str_find(buf_str(&out), STR("{\"index\":1,\"id\":\"d\",\"type\":\"function\",\"function\":{\"name\":\"f\"")) > 0);
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    arena_fini(&arena);
}

/* OpenAI's own stream of such a call keeps its form, piece by piece. */
TEST(a_stream_of_free_text_stays_free_text)
{
    static const char *const chunks[] = {
        "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":\"custom\",\"custom\":{"
        "\"name\":\"p\",\"input\":\"\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"a\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"b\"}}]}}]}",
    };
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct stream_writer w;
    stream_writer_init(&w, &codec_openai, WIRE_CHAT, &arena);
    struct stream_reader r;
    stream_reader_init(&r, &codec_openai, WIRE_CHAT, &arena, write_on, (void *[]){&w, &out});
    for (size_t i = 0; i < COUNT_OF(chunks); i++)
        REQUIRE(codec_openai.event_read(&r, STR_NONE, str_from(chunks[i])) == 0);
    REQUIRE(stream_write_end(&w, &out) == 0);
    EXPECT(str_find(buf_str(&out), STR("\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":\"\"}")) > 0);
    EXPECT(str_find(buf_str(&out), STR("{\"index\":0,\"custom\":{\"input\":\"a\"}}")) > 0);
    EXPECT(str_find(buf_str(&out), STR("{\"index\":0,\"custom\":{\"input\":\"b\"}}")) > 0);
    EXPECT(str_find(buf_str(&out), STR("\"arguments\"")) < 0);
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    arena_fini(&arena);
}

/* The result of a call of free text does not say so in OpenAI's dialect, but does in Responses. */
TEST(results_of_free_text_are_known)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct chat c = {.arena = &arena, .from = DIALECT_OPENAI, .max_tokens = -1, .budget = -1, .choices = 1};
    REQUIRE(codec_openai.request_read(&c, WIRE_CHAT,
                                      STR("{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\","
                                          "\"custom\":{\"name\":\"p\",\"input\":\"x\"}},{\"id\":\"d\",\"type\":\"function\",\"function\":{\"name\":"
                                          "\"f\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c\",\"content\":\"1\"},"
                                          "{\"role\":\"tool\",\"tool_call_id\":\"d\",\"content\":\"2\"}]}"),
                                      NULL) == 0);
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("m"), .arena = &arena, .lost = &lost};
    REQUIRE(codec_responses.request_write(&c, &w, &out, NULL) == 0);
    EXPECT(str_find(buf_str(&out), STR("{\"type\":\"custom_tool_call_output\",\"call_id\":\"c\"")) > 0);
    EXPECT(str_find(buf_str(&out), STR("{\"type\":\"function_call_output\",\"call_id\":\"d\"")) > 0);
    arena_fini(&arena);
}
