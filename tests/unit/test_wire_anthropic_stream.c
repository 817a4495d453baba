/* test_wire_anthropic_stream.c: the Anthropic dialect's answers, whole and streamed, both ways, and its errors. */
#include "test.h"
#include "wire/codec.h"

static struct arena arena = ARENA_INIT(64 * MiB);

static void reset(void)
{
    arena_fini(&arena);
    arena = ARENA_INIT(64 * MiB);
}

/* --- streams, read ------------------------------------------------------------------------------------------------ */

static int note(const struct delta *d, void *ctx)
{
    static const char *const kinds[] = {"begin",     "text",   "refusal", "reasoning", "signature", "hidden", "call",
                                        "arguments", "finish", "usage",   "alive",     "failed",    "end"};
    struct buf *b = ctx;
    int rc = buf_append_format(b, "%s", kinds[d->kind]);
    if (d->kind == DELTA_BEGIN)
        rc = buf_append_format(b, " id=%.*s model=%.*s", STR_FMT(d->id), STR_FMT(d->model));
    if (d->kind == DELTA_CALL)
        rc = buf_append_format(b, " %d id=%.*s name=%.*s", d->call, STR_FMT(d->id), STR_FMT(d->name));
    if (d->kind == DELTA_ARGUMENTS)
        rc = buf_append_format(b, " %d", d->call);
    if (d->kind == DELTA_FINISH)
        rc = buf_append_format(b, " %s", finish_name(d->finish));
    if (d->kind == DELTA_USAGE)
        rc = buf_append_format(b, " in=%lld cached=%lld written=%lld out=%lld thought=%lld", (long long)d->usage.input,
                               (long long)d->usage.cached, (long long)d->usage.cache_write, (long long)d->usage.output,
                               (long long)d->usage.reasoning);
    if (rc == 0 && d->text.len)
        rc = buf_append_format(b, " %.*s", STR_FMT(d->text));
    return rc ? rc : buf_append_char(b, '\n');
}

/* Each event of `sse` alone, in memory of its own that goes with it. */
static int read_events(struct stream_reader *r, struct str sse)
{
    struct str event = STR_NONE, line;
    int rc = 0;
    while (rc == 0 && str_cut(&sse, '\n', &line)) {
        if (str_starts(line, STR("event: ")))
            event = str_skip(line, 7);
        if (!str_starts(line, STR("data: ")))
            continue;
        AUTO_BUF struct buf name = BUF_INIT(KiB), data = BUF_INIT(MiB);
        rc = buf_append(&name, event) ? ERR_NOMEM : buf_append(&data, str_skip(line, 6));
        rc = rc ? rc : codec_anthropic.event_read(r, buf_str(&name), buf_str(&data));
        event = STR_NONE;
    }
    return rc;
}

static int read_stream(struct str sse, struct buf *out)
{
    struct stream_reader r;
    stream_reader_init(&r, &codec_anthropic, WIRE_CHAT, &arena, note, out);
    int rc = read_events(&r, sse);
    stream_reader_fini(&r);
    return rc;
}

TEST(a_stream_becomes_deltas)
{
    AUTO_BUF struct buf sse = BUF_INIT(MiB), out = BUF_INIT(MiB);
    REQUIRE(buf_read_file(&sse, "tests/golden/anthropic/thinking_tools.sse", NULL) == 0);
    EXPECT(read_stream(buf_str(&sse), &out) == 0);
    EXPECT_STR(buf_str(&out), "alive\n"
                              "begin id=msg_1 model=claude-x\n"
                              "usage in=927 cached=900 written=7 out=1 thought=0\n"
                              "reasoning Oslo\xE2\x80\xA6\nthen Bergen\n"
                              "signature EqQB\n"
                              "hidden R0\n"
                              "alive\n"
                              "text I will \"look\".\n"
                              "call 0 id=toolu_1 name=hx_get-2Eweather\n"
                              "arguments 0 {\"city\":\n"
                              "arguments 0 \"Oslo\"}\n"
                              "call 1 id=now:0 name=now\n"
                              "arguments 1 {}\n"
                              "call 2 id=toolu_3 name=whole\n"
                              "arguments 2 {\"a\":1}\n"
                              "alive\n"
                              "usage in=932 cached=900 written=7 out=55 thought=30\n"
                              "finish tool_calls\n"
                              "end\n");
    reset();
}

#define EVENT(json) "data: " json "\n"
#define START                                                                                                    \
    EVENT("{\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"x\",\"usage\":{\"input_tokens\":9," \
          "\"output_tokens\":1}}}")
#define STARTED "begin id=m model=x\nusage in=9 cached=0 written=0 out=1 thought=0\n"

TEST(odd_streams_are_understood)
{
    static const struct {
        const char *sse, *deltas;
        int rc;
    } cases[] = {
        /* a refusal has no block, and may say why */
        {START EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":{\"type\":"
                     "\"refusal\",\"explanation\":\"not this\"}},\"usage\":{\"output_tokens\":3}}"),
         STARTED "usage in=9 cached=0 written=0 out=3 thought=0\nrefusal not this\nfinish content_filter\n", 0},
        {START EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":null}}"),
         STARTED "finish content_filter\n", 0},
        /* zeros do not undo what is known */
        {START EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":"
                     "0,\"cache_read_input_tokens\":0,\"output_tokens\":5}}"),
         STARTED "usage in=9 cached=0 written=0 out=5 thought=0\nfinish stop\n", 0},
        {START EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":"
                     "\"E\\nND\"},\"usage\":null}"),
         STARTED "finish stop E\nND\n", 0},
        {START EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"pause_turn\"}}")
             EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}"),
         STARTED "finish other\n", 0},
        {START EVENT("{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"model_context_window_exceeded\"}}"),
         STARTED "finish length\n", 0},
        /* errors, however they come */
        {START "event: error\n" EVENT(
             "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}"),
         STARTED "failed\n", 0},
        {EVENT("{\"error\":{\"message\":\"x\"}}"), "failed\n", 0},
        {EVENT("{\"type\":\"error\"}"), "failed\n", 0},
        {"event: error\ndata: upstream went away\n", "failed\n", 0},
        {EVENT("{\"type\":\"ping\",\"error\":null}"), "alive\n", 0},
        {"event: ping\ndata: \n", "alive\n", 0},
        /* no message_start; members in another order; the type only in the event's name */
        {EVENT("{\"delta\":{\"text\":\"a\",\"type\":\"text_delta\"},\"index\":0,\"type\":\"content_block_delta\"}"),
         "begin id= model=\ntext a\n", 0},
        {"event: content_block_delta\n" EVENT("{\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}"),
         "begin id= model=\ntext a\n", 0},
        {START START EVENT(
             "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"\"}}"),
         STARTED, 0},
        {START EVENT(
             "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"whole\"}}"),
         STARTED "text whole\n", 0},
        /* arguments cut by max_tokens stay broken; a call without an id gets one */
        {START EVENT(
             "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"name\":\"f\"}}")
             EVENT("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_"
                   "json\":\"{\\\"a\"}}") EVENT("{\"type\":\"content_block_stop\",\"index\":0}"),
         STARTED "call 0 id=call_8601f3580000 name=f\narguments 0 {\"a\n", 0},
        /* thinking that is not shown has only its signature */
        {START EVENT("{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\","
                     "\"thinking\":\"\",\"signature\":\"\"}}")
             EVENT("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\","
                   "\"signature\":\"S\"}}"),
         STARTED "signature S\n", 0},
        {START "data: [DONE]\n", STARTED, 0},
        {START "data: {broken\n", STARTED, ERR_SYNTAX},
        {"data: [1]\n", "", ERR_SYNTAX},
        {START EVENT("{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":5}}"),
         STARTED, ERR_SYNTAX},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        int rc = read_stream(str_from(cases[i].sse), &out);
        if (rc != cases[i].rc)
            test_fail(__FILE__, __LINE__, "%s: %s", cases[i].sse, err_name(rc));
        EXPECT_STR(buf_str(&out), cases[i].deltas);
        reset();
    }
}

/* --- streams, written --------------------------------------------------------------------------------------------- */

static int write_all(struct stream_writer *w, const struct delta *d, size_t count, struct buf *out)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = stream_write(w, &d[i], out);
    return rc ? rc : stream_write_end(w, out);
}

static void writer_init(struct stream_writer *w)
{
    stream_writer_init(w, &codec_anthropic, WIRE_CHAT, &arena);
    w->id = STR("msg_2");
    w->model = STR("claude-x");
    w->input_estimated = 12;
}

static const struct delta script[] = {
    {.kind = DELTA_BEGIN},
    {.kind = DELTA_ALIVE},
    {.kind = DELTA_REASONING, .text = {"hm \"1\"", 6}},
    {.kind = DELTA_TEXT, .text = {"a\n", 2}},
    {.kind = DELTA_HIDDEN, .text = {"D", 1}},
    {.kind = DELTA_CALL, .call = 0, .id = {"f.x:0", 5}, .name = {"f", 1}},
    {.kind = DELTA_CALL, .call = 1, .id = {"call_2", 6}, .name = {"g", 1}},
    {.kind = DELTA_ARGUMENTS, .call = 1, .text = {"{\"b\":2}", 7}},
    {.kind = DELTA_ARGUMENTS, .call = 0, .text = {"{\"a\":1}", 7}},
    {.kind = DELTA_FINISH, .finish = FINISH_STOP},
    {.kind = DELTA_USAGE, .usage = {.input = 100, .cached = 60, .cache_write = 10, .output = 9, .reasoning = 4}},
};
#define OUT(name, json) "event: " name "\ndata: {\"type\":\"" name "\"" json "}\n\n"
#define OUT_START                                                                                            \
    OUT("message_start",                                                                                     \
        ",\"message\":{\"id\":\"msg_2\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\"," \
        "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,"         \
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}")

TEST(deltas_become_a_stream)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w);
    EXPECT(write_all(&w, script, COUNT_OF(script), &out) == 0);
    EXPECT_STR(
        buf_str(&out),
        OUT_START "event: ping\ndata: {\"type\":\"ping\"}\n\n" OUT(
            "content_block_start",
            ",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
            OUT("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm "
                                       "\\\"1\\\"\"}") OUT(
                "content_block_delta",
                ",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"\"}") OUT("content_block_stop",
                                                                                                ",\"index\":0")
                OUT("content_block_start", ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}") OUT(
                    "content_block_delta", ",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\\n\"}")
                    OUT("content_block_stop", ",\"index\":1") OUT(
                        "content_block_start", ",\"index\":2,\"content_block\":{\"type\":\"redacted_thinking\","
                                               "\"data\":\"hx_D\"}") OUT("content_block_stop", ",\"index\":2")
                        OUT("content_block_start", ",\"index\":3,\"content_block\":{\"type\":\"tool_use\","
                                                   "\"id\":\"hx_f-2Ex-3A0\",\"name\":\"f\",\"input\":{}}")
                            OUT("content_block_delta",
                                ",\"index\":3,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{"
                                "\\\"a\\\":1}\"}") OUT("content_block_stop", ",\"index\":3")
                                OUT("content_block_start", ",\"index\":4,\"content_block\":{\"type\":\"tool_use\","
                                                           "\"id\":\"call_2\",\"name\":\"g\",\"input\":{}}")
                                    OUT("content_block_delta",
                                        ",\"index\":4,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{"
                                        "\\\"b\\\":2}\"}") OUT("content_block_stop", ",\"index\":4")
                                        OUT("message_delta",
                                            ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null},"
                                            "\"usage\":{\"input_tokens\":30,"
                                            "\"cache_creation_input_tokens\":10,\"cache_read_input_tokens\":60,"
                                            "\"output_tokens\":9,\"output_tokens_details\":{\"thinking_tokens\":4}}")
                                            OUT("message_stop", ""));
    stream_writer_fini(&w);
    reset();
}

TEST(a_stream_without_a_word_has_one_empty_block_and_some_usage)
{
    static const struct delta silent[] = {{.kind = DELTA_FINISH, .finish = FINISH_STOP, .text = {"END", 3}}};
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w);
    EXPECT(write_all(&w, silent, COUNT_OF(silent), &out) == 0);
    EXPECT_STR(buf_str(&out),
               OUT_START OUT("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
                   OUT("content_block_stop", ",\"index\":0")
                       OUT("message_delta",
                           ",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\"},\"usage\":{"
                           "\"input_tokens\":12,"
                           "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}")
                           OUT("message_stop", ""));
    stream_writer_fini(&w);
    reset();
}

TEST(an_error_ends_a_stream)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w);
    EXPECT(stream_write_error(&w, &(struct wire_error){.status = 503, .message = STR("busy"), .id = STR("req_1")},
                              &out) == 0);
    EXPECT_STR(buf_str(&out), "event: error\ndata: "
                              "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"},"
                              "\"request_id\":\"req_1\"}\n\n");
    stream_writer_fini(&w);
    reset();
}

/* What a stream says when it went through both halves: signatures, ids and arguments stay. */
static int pass(const struct delta *d, void *ctx)
{
    void **to = ctx;
    return stream_write(to[0], d, to[1]);
}

TEST(a_stream_that_is_read_and_written_says_the_same)
{
    AUTO_BUF struct buf sse = BUF_INIT(MiB), first = BUF_INIT(MiB), out = BUF_INIT(MiB), second = BUF_INIT(MiB);
    struct stream_reader r;
    struct stream_writer w;
    void *to[] = {&w, &out};
    REQUIRE(buf_read_file(&sse, "tests/golden/anthropic/thinking_tools.sse", NULL) == 0);
    writer_init(&w);
    w.names = tool_names_of(DIALECT_ANTHROPIC, DIALECT_OPENAI, NULL);
    stream_reader_init(&r, &codec_anthropic, WIRE_CHAT, &arena, pass, to);
    EXPECT(read_events(&r, buf_str(&sse)) == 0);
    EXPECT(stream_write_end(&w, &out) == 0);
    EXPECT(read_stream(buf_str(&out), &second) == 0);
    EXPECT_STR(buf_str(&second), "alive\n"
                                 "begin id=msg_2 model=claude-x\n"
                                 "usage in=12 cached=0 written=0 out=1 thought=0\n"
                                 "reasoning Oslo\xE2\x80\xA6\nthen Bergen\n"
                                 "signature EqQB\n"
                                 "hidden hx_R0\n"
                                 "alive\n"
                                 "text I will \"look\".\n"
                                 "call 0 id=toolu_1 name=get.weather\n"
                                 "arguments 0 {\"city\":\n"
                                 "arguments 0 \"Oslo\"}\n"
                                 "call 1 id=now:0 name=now\n"
                                 "arguments 1 {}\n"
                                 "call 2 id=toolu_3 name=whole\n"
                                 "arguments 2 {\"a\":1}\n"
                                 "alive\n"
                                 "usage in=932 cached=900 written=7 out=55 thought=30\n"
                                 "finish tool_calls\n"
                                 "end\n");
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    reset();
}

static int torture_stream(void *ctx)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(MiB);
    struct stream_reader r;
    struct stream_writer w;
    void *to[] = {&w, &out};
    stream_writer_init(&w, &codec_anthropic, WIRE_CHAT, &a);
    stream_reader_init(&r, &codec_anthropic, WIRE_CHAT, &a, pass, to);
    int rc = read_events(&r, *(struct str *)ctx);
    rc = rc ? rc : stream_write_end(&w, &out);
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    arena_fini(&a);
    return rc;
}

TEST(torture_a_stream)
{
    AUTO_BUF struct buf sse = BUF_INIT(MiB);
    REQUIRE(buf_read_file(&sse, "tests/golden/anthropic/thinking_tools.sse", NULL) == 0);
    struct str text = buf_str(&sse);
    EXPECT(test_torture("anthropic stream", torture_stream, &text) > 0);
}

/* --- whole answers ------------------------------------------------------------------------------------------------ */

static const char whole[] =
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\",\"container\":null,"
    "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"EqQB\"},{\"type\":\"redacted_thinking\","
    "\"data\":\"D\"},"
    "{\"type\":\"text\",\"text\":\"I \\\"look\\\".\"},{\"type\":\"web_search_tool_result\",\"content\":[]},"
    "{\"type\":\"tool_use\",\"id\":\"hx_f-3A0\",\"name\":\"hx_get-2Ex\",\"input\":{\"n\":12345678901234567890, "
    "\"a\":1.0}}],"
    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"stop_details\":null,\"error\":null,"
    "\"usage\":{\"input_tokens\":20,\"cache_creation_input_tokens\":null,\"cache_read_input_tokens\":900,"
    "\"output_tokens\":55,\"output_tokens_details\":{\"thinking_tokens\":30},\"server_tool_use\":null}}";

TEST(a_whole_answer_is_read)
{
    struct chat_answer a = {.arena = &arena};
    struct wire_answer facts;
    REQUIRE(codec_anthropic.answer_read(&a, WIRE_CHAT, str_from(whole), NULL) == 0);
    EXPECT_STR(a.id, "msg_1");
    EXPECT_STR(a.model, "claude-x");
    EXPECT(a.finish == FINISH_TOOLS && !a.has_error && a.choice_count == 1);
    EXPECT(a.has_usage && a.usage.reported);
    EXPECT_I64(a.usage.input, 920);
    EXPECT_I64(a.usage.cached, 900);
    EXPECT_I64(a.usage.cache_write, 0);
    EXPECT_I64(a.usage.output, 55);
    EXPECT_I64(a.usage.reasoning, 30);
    EXPECT_I64(a.usage.cost_nusd, -1);
    const struct part *p = a.part;
    REQUIRE(p && p->next && p->next->next && p->next->next->next && p->next->next->next->next);
    EXPECT(p->kind == PART_REASONING);
    EXPECT_STR(p->text, "hm");
    EXPECT_STR(p->signature, "EqQB");
    p = p->next;
    EXPECT(p->kind == PART_HIDDEN);
    EXPECT_STR(p->text, "D");
    p = p->next;
    EXPECT_STR(p->text, "I \"look\".");
    p = p->next;
    EXPECT(p->kind == PART_OPAQUE);
    EXPECT_STR(p->name, "web_search_tool_result");
    p = p->next;
    EXPECT(p->kind == PART_CALL);
    EXPECT_STR(p->id, "f:0");
    EXPECT_STR(p->name, "hx_get-2Ex"); /* tools.c knows which tool that is */
    EXPECT_STR(p->arguments, "{\"n\":12345678901234567890, \"a\":1.0}");
    chat_answer_facts(&a, &facts);
    EXPECT(facts.has_content && facts.has_usage && !facts.finish_pending);
    reset();
}

TEST(odd_answers_are_told_apart)
{
    struct chat_answer a = {.arena = &arena};
    EXPECT(codec_anthropic.answer_read(&a, WIRE_CHAT, STR("{\"type\":\"error\",\"error\":{\"type\":\"x\"}}"), NULL) ==
               0 &&
           a.has_error);
    EXPECT(codec_anthropic.answer_read(&a, WIRE_CHAT, STR("{\"error\":\"x\"}"), NULL) == 0 && a.has_error);
    EXPECT_I64(codec_anthropic.answer_read(&a, WIRE_CHAT, STR("{\"choices\":[]}"), NULL), ERR_SYNTAX);
    EXPECT_I64(codec_anthropic.answer_read(&a, WIRE_CHAT, STR("[]"), NULL), ERR_SYNTAX);
    EXPECT_I64(codec_anthropic.answer_read(&a, WIRE_CHAT, STR("<html>"), NULL), ERR_SYNTAX);
    REQUIRE(codec_anthropic.answer_read(&a, WIRE_CHAT,
                                        STR("{\"content\":[],\"stop_reason\":\"refusal\",\"stop_details\":{"
                                            "\"explanation\":\"not this\"},\"usage\":null}"),
                                        NULL) == 0);
    REQUIRE(a.part != NULL);
    EXPECT(a.part->kind == PART_REFUSAL && a.finish == FINISH_FILTER && !a.has_usage);
    EXPECT_STR(a.part->text, "not this");
    reset();
}

static struct part *add(struct chat_answer *a, enum part_kind kind, const char *text)
{
    struct part *p = chat_answer_add(a, kind);
    if (p)
        p->text = str_from(text);
    return p;
}

TEST(a_whole_answer_is_written)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct lost lost = {0};
    struct chat_answer a = {.arena = &arena,
                            .id = STR("msg_2"),
                            .model = STR("m"),
                            .finish = FINISH_STOP,
                            .usage = {.input = 10, .cached = 4, .output = 5},
                            .has_usage = true};
    add(&a, PART_REASONING, "hm");
    add(&a, PART_TEXT, "");
    add(&a, PART_TEXT, "yes");
    add(&a, PART_HIDDEN, "E");
    struct part *p = add(&a, PART_CALL, "");
    p->id = STR("f:0");
    p->name = STR("f");
    add(&a, PART_OPAQUE, "")->name = STR("image_generation_call");
    REQUIRE(codec_anthropic.answer_write(&a, WIRE_CHAT, &lost, &out) == 0);
    EXPECT_STR(buf_str(&out),
               "{\"id\":\"msg_2\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":["
               "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"\"},{\"type\":\"text\",\"text\":\"yes\"},"
               "{\"type\":\"redacted_thinking\",\"data\":\"hx_E\"},{\"type\":\"tool_use\",\"id\":\"hx_f-3A0\",\"name\":"
               "\"f\",\"input\":{}}],"
               "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":6,\"cache_creation_"
               "input_tokens\":0,"
               "\"cache_read_input_tokens\":4,\"output_tokens\":5}}");
    EXPECT_I64(lost.count, 1);
    EXPECT_STR(lost.name[0], "image_generation_call");

    buf_clear(&out);
    a = (struct chat_answer){
        .arena = &arena, .id = STR("i"), .model = STR("m"), .finish = FINISH_STOP, .stop = STR("END")};
    REQUIRE(codec_anthropic.answer_write(&a, WIRE_CHAT, &lost, &out) == 0);
    EXPECT_STR(buf_str(&out), "{\"id\":\"i\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{"
                              "\"type\":\"text\",\"text\":\"\"}],"
                              "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\",\"usage\":{\"input_tokens\":"
                              "0,\"cache_creation_input_tokens\":0,"
                              "\"cache_read_input_tokens\":0,\"output_tokens\":0}}");
    reset();
}

static int torture_answer(void *ctx)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(MiB);
    struct chat_answer answer = {.arena = &a};
    struct lost lost = {0};
    int rc = codec_anthropic.answer_read(&answer, WIRE_CHAT, str_from(ctx), NULL);
    if (rc == 0)
        rc = codec_anthropic.answer_write(&answer, WIRE_CHAT, &lost, &out);
    arena_fini(&a);
    return rc;
}

TEST(torture_an_answer)
{
    EXPECT(test_torture("anthropic answer", torture_answer, (void *)whole) > 0);
}

TEST(reasons_to_end_go_both_ways)
{
    static const struct {
        enum finish finish;
        const char *word;
    } cases[] = {
        {FINISH_STOP, "end_turn"},  {FINISH_LENGTH, "max_tokens"}, {FINISH_TOOLS, "tool_use"},
        {FINISH_FILTER, "refusal"}, {FINISH_NONE, "end_turn"},     {FINISH_INTERRUPTED, "end_turn"},
        {FINISH_OTHER, "end_turn"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        struct lost lost = {0};
        struct chat_answer a = {.arena = &arena, .finish = cases[i].finish};
        REQUIRE(codec_anthropic.answer_write(&a, WIRE_CHAT, &lost, &out) == 0);
        EXPECT(str_find(buf_str(&out), str_from(arena_format(&arena, "\"stop_reason\":\"%s\"", cases[i].word))) > 0);
        reset();
    }
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

TEST(errors_have_the_types_that_clients_know)
{
    static const struct {
        int status;
        const char *code, *message, *type, *told;
    } cases[] = {
        {400, NULL, "bad", "invalid_request_error", "bad"},
        {401, NULL, "no", "authentication_error", "no"},
        {402, NULL, "no", "billing_error", "no"},
        {403, NULL, "no", "permission_error", "no"},
        {404, NULL, "no", "not_found_error", "no"},
        {409, NULL, "no", "invalid_request_error", "no"},
        {413, NULL, "no", "request_too_large", "no"},
        {429, NULL, "slow", "rate_limit_error", "slow"},
        {429, "budget_exhausted", "spent", "billing_error", "spent"},
        {500, NULL, "x", "api_error", "x"},
        {502, NULL, "x", "api_error", "x"},
        {503, NULL, "x", "overloaded_error", "x"},
        {504, NULL, "x", "timeout_error", "x"},
        {529, NULL, "x", "overloaded_error", "x"},
        {0, "overloaded", "x", "overloaded_error", "x"},
        {400, "context_length_exceeded", "9 tokens > 5 maximum", "invalid_request_error",
         "prompt is too long: 9 tokens > 5 maximum"},
        {400, "context_length_exceeded", "prompt is too long: 9", "invalid_request_error", "prompt is too long: 9"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        struct wire_error e = {.status = cases[i].status, .message = str_from(cases[i].message), .code = cases[i].code};
        EXPECT(codec_anthropic.error_write(&e, &out) == 0);
        EXPECT_STR(buf_str(&out),
                   arena_format(&arena, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"}}",
                                cases[i].type, cases[i].told));
        reset();
    }
    EXPECT_I64(codec_anthropic.error_status(503), 529);
    EXPECT_I64(codec_anthropic.error_status(429), 429);
    EXPECT_I64(codec_anthropic.error_status(502), 502);
}
