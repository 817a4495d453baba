/* test_wire_ollama_answer.c: answers of Ollama's dialect, both ways: whole, in streams (tests/golden/ollama has some in the shape in
 * which a server sends them), and as errors. */
#include "ollama_kit.h"
#include "test.h"

static bool golden_read(struct buf *b, const char *name)
{
    char path[200];
    struct err e;
    text_format(path, sizeof path, "tests/golden/ollama/%s", name);
    if (buf_read_file(b, path, &e) == 0)
        return true;
    test_fail(__FILE__, __LINE__, "%s: %s", path, e.text);
    return false;
}

/* --- reading streams --------------------------------------------------------------------------------------------------- */

/* Deltas as text. */
static int note(const struct delta *d, void *ctx)
{
    static const char *const kinds[] = {"BEGIN",     "TEXT",   "REFUSAL", "REASONING", "SIGNATURE", "HIDDEN", "CALL",
                                        "ARGUMENTS", "FINISH", "USAGE",   "ALIVE",     "FAILED",    "END"};
    struct buf *b = ctx;
    (void)buf_append_text(b, kinds[d->kind]);
    if (d->kind == DELTA_CALL || d->kind == DELTA_ARGUMENTS)
        (void)buf_append_format(b, " %d", d->call);
    kit_field(b, "id", d->id);
    kit_field(b, "name", d->name);
    kit_field(b, "model", d->model);
    kit_field(b, "text", d->text);
    if (d->kind == DELTA_FINISH)
        (void)buf_append_format(b, " %s", finish_name(d->finish));
    if (d->kind == DELTA_USAGE)
        (void)buf_append_format(b, " %lld %lld%s", (long long)d->usage.input, (long long)d->usage.output,
                                d->usage.reported ? "" : "?");
    return buf_append_char(b, '\n');
}

static int read_lines(struct str text, enum wire_op op, delta_fn *emit, void *ctx)
{
    struct arena a = ARENA_INIT(MiB);
    struct stream_reader r;
    struct str line;
    int rc = 0;
    stream_reader_init(&r, &codec_ollama, op, &a, emit, ctx);
    while (rc == 0 && str_cut(&text, '\n', &line))
        rc = codec_ollama.event_read(&r, STR_NONE, line);
    stream_reader_fini(&r);
    arena_fini(&a);
    return rc;
}

static void expect_deltas(int line, const char *text, const char *want)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    int rc = read_lines(str_from(text), WIRE_CHAT, note, &got);
    if (rc != 0 || !str_eq(buf_str(&got), str_from(want)))
        test_fail(__FILE__, line, "%s\n%d, got:\n%.*s\nexpected:\n%s", text, rc, STR_FMT(buf_str(&got)), want);
}
#define EXPECT_DELTAS(text, want) expect_deltas(__LINE__, text, want)

TEST(recorded_shapes_become_deltas)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"chat_text.ndjson", "BEGIN model=qwen3:8b\nTEXT text=Hel\nTEXT text=lo \"you\"\n\nTEXT text=\xc3\xa9\nUSAGE "
                             "171 58\nFINISH stop\nEND\n"},
        {"chat_thinking_tools.ndjson",
         "BEGIN model=qwen3:8b\nREASONING text=The user\nREASONING text= asks twice.\nTEXT text=Let me look.\n"
         "CALL 0 id=call_k3v9x1a2 name=get_weather\nARGUMENTS 0 text={\"city\":\"Oslo\",\"id\":9007199254740993}\n"
         "CALL 1 id=call_6fd62dd30001 name=get_time\nARGUMENTS 1 text={}\nUSAGE 171 58\nFINISH tool_calls\nEND\n"},
        {"chat_length.ndjson", "BEGIN model=qwen3:8b\nTEXT text=1 2 3\nUSAGE 171 58\nFINISH length\nEND\n"},
        {"chat_error_midway.ndjson", "BEGIN model=qwen3:8b\nTEXT text=So\nFAILED\n"},
        {"chat_cut.ndjson", "BEGIN model=qwen3:8b\nTEXT text=So\nTEXT text= it\n"},
        {"generate_text.ndjson",
         "BEGIN model=qwen3:8b\nREASONING text=hm\nTEXT text=return\nTEXT text= x;\nUSAGE 9 2\nFINISH stop\nEND\n"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf text = BUF_INIT(MiB);
        if (golden_read(&text, cases[i].name))
            EXPECT_DELTAS(buf_text(&text), cases[i].want);
    }
}

TEST(odd_lines_are_understood)
{
    /* blank lines, lines behind the end, old servers without a reason, counts of 0, calls in one line, arguments in a string */
    EXPECT_DELTAS("\n "
                  "\r\n{\"model\":\"m\",\"message\":{\"content\":\"a\"}}\r\n{\"done\":true}\n{\"message\":{\"content\":"
                  "\"late\"}}",
                  "BEGIN model=m\nTEXT text=a\nFINISH stop\nEND\n");
    EXPECT_DELTAS("{\"done\":true,\"eval_count\":5}", "BEGIN\nUSAGE 0 5\nFINISH stop\nEND\n");
    EXPECT_DELTAS("{\"done\":true,\"done_reason\":\"load\"}", "BEGIN\nFINISH stop\nEND\n");
    EXPECT_DELTAS("{\"done\":true,\"done_reason\":\"tired\",\"prompt_eval_count\":-1}", "BEGIN\nFINISH other\nEND\n");
    EXPECT_DELTAS(
        "{\"message\":{\"tool_calls\":[{\"id\":\"a\\u0062\",\"function\":{\"name\":\"f\\/"
        "\",\"arguments\":\"{\\\"x\\\":1}\"}},"
        "{\"id\":\"c\",\"function\":{\"name\":\"g\"}},{\"function\":{}},3]},\"done\":true,\"done_reason\":\"length\"}",
        "BEGIN\nCALL 0 id=ab name=f/\nARGUMENTS 0 text={\"x\":1}\nCALL 1 id=c name=g\nARGUMENTS 1 text={}\nFINISH length\nEND\n");
    EXPECT_DELTAS("{\"model\":5,\"message\":null,\"done\":\"yes\"}", "BEGIN\n");
    EXPECT_DELTAS("{\"model\":\"m\",\"message\":{\"content\":null,\"tool_calls\":null},\"error\":null}",
                  "BEGIN model=m\n");
    EXPECT_DELTAS("{\"error\":{\"message\":\"x\"}}", "FAILED\n");
}

TEST(a_line_that_is_no_object_ends_the_reading)
{
    static const char *const bad[] = {"{\"model\"", "[1]", "1", "data: {}", "{\"message\":{\"content\":\"\xff\"}}"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_BUF struct buf got = BUF_INIT(MiB);
        EXPECT_I64(read_lines(str_from(bad[i]), WIRE_CHAT, note, &got), ERR_SYNTAX);
        EXPECT(got.len == 0);
    }
}

static int refuse(const struct delta *d, void *ctx)
{
    return d->kind == *(enum delta_kind *)ctx ? -7 : 0;
}

TEST(what_emit_returns_stops_the_reader)
{
    AUTO_BUF struct buf text = BUF_INIT(MiB);
    static const enum delta_kind kinds[] = {DELTA_BEGIN,     DELTA_TEXT,   DELTA_REASONING, DELTA_CALL,
                                            DELTA_ARGUMENTS, DELTA_FINISH, DELTA_USAGE,     DELTA_END};
    REQUIRE(golden_read(&text, "chat_thinking_tools.ndjson"));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        enum delta_kind kind = kinds[i];
        EXPECT_I64(read_lines(buf_str(&text), WIRE_CHAT, refuse, &kind), -7);
    }
}

TEST(more_calls_than_there_is_room_for_are_an_error)
{
    AUTO_BUF struct buf line = BUF_INIT(MiB), got = BUF_INIT(MiB);
    (void)buf_append_text(&line, "{\"message\":{\"tool_calls\":[");
    for (int i = 0; i < STREAM_CALLS_MAX + 1; i++)
        (void)buf_append_format(&line, "%s{\"function\":{\"name\":\"f\"}}", i ? "," : "");
    (void)buf_append_text(&line, "]}}");
    EXPECT_I64(read_lines(buf_str(&line), WIRE_CHAT, note, &got), ERR_LIMIT);
}

/* --- writing streams ----------------------------------------------------------------------------------------------------- */

static int pass_on(const struct delta *d, void *ctx)
{
    void **both = ctx;
    return stream_write(both[0], d, both[1]);
}

static void writer_begin(struct stream_writer *w, enum wire_op op, struct arena *a)
{
    stream_writer_init(w, &codec_ollama, op, a);
    w->model = STR("mine");
    w->created_s = 1790000000;
}

/* What a client reads of a stream that came in. */
static int translate(struct str text, enum wire_op op, struct buf *out)
{
    struct arena a = ARENA_INIT(MiB);
    struct stream_writer w;
    writer_begin(&w, op, &a);
    w.elapsed_us = 1500;
    int rc = read_lines(text, op, pass_on, (void *[]){&w, out});
    rc = rc ? rc : stream_write_end(&w, out);
    stream_writer_fini(&w);
    arena_fini(&a);
    return rc;
}

#define HEAD "{\"model\":\"mine\",\"created_at\":\"2026-09-21T14:13:20.000Z\","
#define SAYS HEAD "\"message\":{\"role\":\"assistant\",\"content\":"

static void expect_stream(int line, const char *golden, enum wire_op op, const char *want)
{
    AUTO_BUF struct buf text = BUF_INIT(MiB), got = BUF_INIT(MiB);
    int rc = golden_read(&text, golden) ? translate(buf_str(&text), op, &got) : 0;
    if (rc || !str_eq(buf_str(&got), str_from(want)))
        test_fail(__FILE__, line, "%s: %d, got:\n%.*s\nexpected:\n%s", golden, rc, STR_FMT(buf_str(&got)), want);
}

TEST(streams_are_written_line_by_line)
{
    expect_stream(__LINE__, "chat_text.ndjson", WIRE_CHAT,
                  SAYS "\"Hel\"},\"done\":false}\n" SAYS "\"lo \\\"you\\\"\\n\"},\"done\":false}\n" SAYS
                       "\"\xc3\xa9\"},\"done\":false}\n" SAYS
                       "\"\"},\"done_reason\":\"stop\",\"done\":true,\"total_duration\":1500000,\"prompt_eval_count\":"
                       "171,\"eval_count\":58}\n");
    expect_stream(
        __LINE__, "chat_thinking_tools.ndjson", WIRE_CHAT,
        SAYS
        "\"\",\"thinking\":\"The user\"},\"done\":false}\n" SAYS
        "\"\",\"thinking\":\" asks twice.\"},\"done\":false}\n" SAYS "\"Let me look.\"},\"done\":false}\n" SAYS
        "\"\",\"tool_calls\":[{\"id\":\"call_k3v9x1a2\",\"function\":{\"index\":0,"
        "\"name\":\"get_weather\",\"arguments\":{\"city\":\"Oslo\",\"id\":9007199254740993}}}]},\"done\":false}\n" SAYS
        "\"\",\"tool_calls\":[{\"id\":\"call_6fd62dd30001\",\"function\":{\"index\":1,\"name\":\"get_time\","
        "\"arguments\":{}}}]},"
        "\"done\":false}\n" SAYS "\"\"},\"done_reason\":\"stop\",\"done\":true,\"total_duration\":1500000,\"prompt_"
                                 "eval_count\":171,\"eval_count\":58}\n");
    expect_stream(__LINE__, "generate_text.ndjson", WIRE_GENERATE,
                  HEAD "\"response\":\"\",\"thinking\":\"hm\",\"done\":false}\n" HEAD
                       "\"response\":\"return\",\"done\":false}\n" HEAD "\"response\":\" x;\",\"done\":false}\n" HEAD
                       "\"response\":\"\",\"done_reason\":\"stop\",\"done\":true,\"total_duration\":1500000,\"prompt_"
                       "eval_count\":9,\"eval_count\":2}\n");
    expect_stream(__LINE__, "chat_length.ndjson", WIRE_CHAT,
                  SAYS "\"1 2 3\"},\"done\":false}\n" SAYS
                       "\"\"},\"done_reason\":\"length\",\"done\":true,\"total_duration\":1500000,\"prompt_eval_"
                       "count\":171,\"eval_count\":58}\n");
}

static void write_all(struct stream_writer *w, const struct delta *d, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        if (stream_write(w, &d[i], out) != 0)
            test_fail(__FILE__, __LINE__, "delta %zu", i);
    if (stream_write_end(w, out) != 0)
        test_fail(__FILE__, __LINE__, "the end");
}

/* Fragments, two calls at once, broken arguments, a refusal, a seal, a sign of life, no usage: of any other dialect. */
TEST(streams_of_others_become_whole_calls)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(MiB);
    struct stream_writer w;
    static const struct delta d[] = {
        {.kind = DELTA_BEGIN},
        {.kind = DELTA_ALIVE},
        {.kind = DELTA_HIDDEN, .text = {"zz", 2}},
        {.kind = DELTA_SIGNATURE, .text = {"seal", 4}},
        {.kind = DELTA_REFUSAL, .text = {"no", 2}},
        {.kind = DELTA_CALL, .call = 0, .id = {"a", 1}, .name = {"f", 1}},
        {.kind = DELTA_CALL, .call = 1, .id = {"b", 1}, .name = {"g", 1}},
        {.kind = DELTA_ARGUMENTS, .call = 0, .text = {"{\"x\"", 4}},
        {.kind = DELTA_ARGUMENTS, .call = 1, .text = {"{\"y\":", 5}},
        {.kind = DELTA_ARGUMENTS, .call = 0, .text = {":1}", 3}},
        {.kind = DELTA_FINISH, .finish = FINISH_STOP},
    };
    writer_begin(&w, WIRE_CHAT, &a);
    write_all(&w, d, COUNT_OF(d), &got);
    EXPECT_STR(buf_str(&got),
               SAYS "\"no\"},\"done\":false}\n" SAYS "\"\",\"tool_calls\":[{\"id\":\"a\",\"function\":{\"index\":0,"
                                                     "\"name\":\"f\",\"arguments\":{\"x\":1}}}]},\"done\":false}\n" SAYS
                    "\"\",\"tool_calls\":[{\"id\":\"b\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{\"_"
                    "raw\":\"{\\\"y\\\":\"}}}]},"
                    "\"done\":false}\n" SAYS "\"\"},\"done_reason\":\"stop\",\"done\":true}\n");
    stream_writer_fini(&w);
    arena_fini(&a);
}

/* Models like to write their arguments on several lines. */
TEST(arguments_stay_on_one_line)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(MiB);
    struct stream_writer w;
    static const struct delta d[] = {{.kind = DELTA_CALL, .id = {"a", 1}, .name = {"f", 1}},
                                     {.kind = DELTA_ARGUMENTS, .text = {"{\r\n  \"x\": \"a\\nb\"\n}", 18}}};
    writer_begin(&w, WIRE_CHAT, &a);
    write_all(&w, d, COUNT_OF(d), &got);
    EXPECT(str_find(buf_str(&got), STR("\"arguments\":{    \"x\": \"a\\nb\" }}}]}")) > 0);
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(an_error_is_the_last_line)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(MiB);
    struct stream_writer w;
    struct wire_error e = {.status = 502, .message = STR("it \"broke\"")};
    writer_begin(&w, WIRE_CHAT, &a);
    EXPECT_I64(stream_write_error(&w, &e, &got), 0);
    EXPECT_STR(buf_str(&got), "{\"error\":\"it \\\"broke\\\"\"}\n");
    buf_clear(&got);
    EXPECT_I64(codec_ollama.error_write(&e, &got), 0);
    EXPECT_STR(buf_str(&got), "{\"error\":\"it \\\"broke\\\"\"}");
    EXPECT_I64(codec_ollama.error_status(529), 503);
    EXPECT_I64(codec_ollama.error_status(404), 404);
    stream_writer_fini(&w);
    arena_fini(&a);
}

/* The Python client takes each line for JSON, an empty one as well. */
TEST(there_is_never_an_empty_line)
{
    static const char *const golden[] = {"chat_text.ndjson", "chat_thinking_tools.ndjson", "chat_length.ndjson",
                                         "generate_text.ndjson"};
    EXPECT(codec_ollama.keep_alive.len == 0);
    for (size_t i = 0; i < COUNT_OF(golden); i++) {
        AUTO_BUF struct buf text = BUF_INIT(MiB), got = BUF_INIT(MiB);
        REQUIRE(golden_read(&text, golden[i]) && translate(buf_str(&text), WIRE_CHAT, &got) == 0);
        struct str rest = buf_str(&got), line;
        EXPECT(str_ends(rest, STR("}\n")));
        while (str_cut(&rest, '\n', &line))
            EXPECT(json_check(line, NULL) == 0);
    }
}

/* --- whole answers --------------------------------------------------------------------------------------------------------- */

static struct arena arena;

static int read_answer(struct chat_answer *a, enum wire_op op, const char *body, struct err *e)
{
    arena_fini(&arena);
    arena = ARENA_INIT(MiB);
    *a = (struct chat_answer){.arena = &arena};
    return codec_ollama.answer_read(a, op, str_from(body), e);
}

static void expect_answer(int line, const char *body, const char *want)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct chat_answer a;
    struct err e = {0};
    int rc = read_answer(&a, WIRE_CHAT, body, &e);
    if (rc == 0) {
        (void)buf_append_format(&got, "%.*s %s", STR_FMT(a.model), finish_name(a.finish));
        if (a.has_usage)
            (void)buf_append_format(&got, " %lld/%lld", (long long)a.usage.input, (long long)a.usage.output);
        kit_parts(&got, a.part, &arena);
    }
    if (rc || !str_eq(buf_str(&got), str_from(want)))
        test_fail(__FILE__, line, "%s: %d %s, got:\n%.*s\nexpected:\n%s", body, rc, e.text, STR_FMT(buf_str(&got)),
                  want);
}

TEST(reads_whole_answers)
{
    AUTO_BUF struct buf text = BUF_INIT(MiB);
    REQUIRE(golden_read(&text, "chat_whole.json"));
    expect_answer(__LINE__, buf_text(&text),
                  "qwen3:8b tool_calls 7/3 [reasoning text=t] [text text=Hi] [call id=call_3b1aee490000 name=f "
                  "arguments={\"a\": 1}]");
    expect_answer(__LINE__,
                  "\n "
                  "{\"model\":\"m\",\"response\":\"r\\n\",\"thinking\":\"t\",\"done\":true,\"done_reason\":\"length\","
                  "\"eval_count\":1}",
                  "m length 0/1 [reasoning text=t] [text text=r\n]");
    expect_answer(__LINE__, "{\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"load\"}",
                  "m stop");
    expect_answer(__LINE__, "{}", " none");
}

TEST(an_answer_tells_what_it_is)
{
    struct chat_answer a;
    struct err e = {0};
    EXPECT_I64(read_answer(&a, WIRE_CHAT, "{\"error\":\"model 'x' not found\"}", &e), 0);
    EXPECT(a.has_error && a.choice_count == 0);
    EXPECT_I64(read_answer(&a, WIRE_CHAT, "{\"message\":{}}", &e), 0);
    EXPECT(!a.has_error && a.choice_count == 1 && a.finish == FINISH_NONE && !a.has_usage);
    EXPECT_I64(read_answer(&a, WIRE_CHAT, "[]", &e), ERR_SYNTAX);
    EXPECT_I64(read_answer(&a, WIRE_CHAT, "<html>", &e), ERR_SYNTAX);
    EXPECT_I64(read_answer(&a, WIRE_CHAT, "{\"eval_count\":99999999999999}", &e), 0);
    EXPECT(a.usage.output == (int64_t)1 << 40);
}

static struct part *answer_part(struct chat_answer *a, enum part_kind kind, const char *text)
{
    struct part *p = chat_answer_add(a, kind);
    p->text = str_from(text);
    return p;
}

TEST(writes_whole_answers)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    arena_fini(&arena);
    arena = ARENA_INIT(MiB);
    struct chat_answer a = {.arena = &arena,
                            .model = STR("mine"),
                            .created_s = 1790000000,
                            .finish = FINISH_TOOLS,
                            .has_usage = true,
                            .usage = {.input = 10, .cached = 4, .output = 0},
                            .elapsed_us = 2};
    answer_part(&a, PART_REASONING, "t1")->signature = STR("seal");
    answer_part(&a, PART_REASONING, "t2");
    answer_part(&a, PART_TEXT, "a");
    answer_part(&a, PART_REFUSAL, "b");
    answer_part(&a, PART_HIDDEN, "h");
    answer_part(&a, PART_OPAQUE, "")->name = STR("web_search_tool_result");
    struct part *p = answer_part(&a, PART_CALL, "");
    p->id = STR("c1");
    p->name = STR("f");
    p = answer_part(&a, PART_CALL, "");
    p->id = STR("c2");
    p->name = STR("g");
    p->custom = true;
    p->arguments = STR("free \"text\"");
    EXPECT_I64(codec_ollama.answer_write(&a, WIRE_CHAT, &lost, &got), 0);
    EXPECT_STR(
        buf_str(&got), SAYS
        "\"ab\",\"thinking\":\"t1t2\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"index\":0,\"name\":\"f\","
        "\"arguments\":{}}},"
        "{\"id\":\"c2\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{\"input\":\"free \\\"text\\\"\"}}}]},"
        "\"done_reason\":\"stop\",\"done\":true,\"total_duration\":2000,\"prompt_eval_count\":10,\"eval_count\":0}");
    EXPECT_I64(lost.count, 3);
    buf_clear(&got);
    a = (struct chat_answer){.arena = &arena, .model = STR("mine"), .created_s = 1790000000, .finish = FINISH_LENGTH};
    answer_part(&a, PART_TEXT, "x");
    EXPECT_I64(codec_ollama.answer_write(&a, WIRE_GENERATE, &lost, &got), 0);
    EXPECT_STR(buf_str(&got), HEAD "\"response\":\"x\",\"done_reason\":\"length\",\"done\":true}");
    arena_fini(&arena);
}

/* --- memory -------------------------------------------------------------------------------------------------------------------- */

static const char *const hard =
    "{\"model\":\"a\\u0062\",\"created_at\":\"2026\",\"message\":{\"content\":\"x\\ny\",\"thinking\":\"\\t\",\"tool_"
    "calls\":"
    "[{\"function\":{\"name\":\"f\\u0066\",\"arguments\":{\"a\":1}}},{\"id\":\"i\",\"function\":{\"name\":\"g\","
    "\"arguments\":\"\\\"\"}}]},\"done\":true,\"eval_count\":1}";

static int torture_stream(void *ctx)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    (void)ctx;
    int rc = translate(str_from(hard), WIRE_CHAT, &out);
    if (rc != 0 && rc != ERR_NOMEM)
        test_fail(__FILE__, __LINE__, "%s", err_name(rc));
    return rc;
}

static int torture_answer(void *ctx)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct chat_answer answer = {.arena = &a};
    (void)ctx;
    int rc = codec_ollama.answer_read(&answer, WIRE_CHAT, str_from(hard), NULL);
    rc = rc ? rc : codec_ollama.answer_write(&answer, WIRE_CHAT, &lost, &out);
    if (rc != 0 && rc != ERR_NOMEM)
        test_fail(__FILE__, __LINE__, "%s", err_name(rc));
    arena_fini(&a);
    return rc;
}

TEST(answers_survive_torture)
{
    (void)test_torture("a stream of Ollama's, both ways", torture_stream, NULL); /* counts and judges for itself */
    (void)test_torture("an answer of Ollama's, both ways", torture_answer, NULL);
}

/* The reader's arena holds ids and names and the model, no text: a stream may be long. */
TEST(a_stream_holds_no_text)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct arena a = ARENA_INIT(MiB);
    struct stream_reader r;
    struct str line = STR(
        "{\"model\":\"m\",\"created_at\":\"2026\",\"message\":{\"content\":\"\\n0123456789\",\"thinking\":\"\\t\"}}");
    stream_reader_init(&r, &codec_ollama, WIRE_CHAT, &a, note, &got);
    EXPECT_I64(codec_ollama.event_read(&r, STR_NONE, line), 0);
    size_t used = a.used;
    for (int i = 0; i < 1000; i++)
        EXPECT_I64(codec_ollama.event_read(&r, STR_NONE, line), 0);
    EXPECT_I64(a.used, used);
    stream_reader_fini(&r);
    arena_fini(&a);
}
