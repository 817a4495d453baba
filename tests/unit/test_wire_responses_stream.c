/* test_wire_responses_stream.c: streams of the Responses dialect: events into deltas, deltas into events, and both ways. */
#include "responses_kit.h"
#include "test.h"

static const struct codec *const it = &codec_responses;

static bool golden_read(struct buf *b, const char *name)
{
    char path[200];
    struct err e;
    text_format(path, sizeof(path), "tests/golden/responses/%s", name);
    if (buf_read_file(b, path, &e) == 0)
        return true;
    test_fail(__FILE__, __LINE__, "%s: %s", path, e.text);
    return false;
}

/* --- reading ---------------------------------------------------------------------------------------------------------------------- */

static int note(const struct delta *d, void *ctx)
{
    kit_delta(ctx, d);
    return 0;
}

/* Every event of a recorded stream into the reader; comments and blank lines are the transport's. */
static int feed(struct stream_reader *r, struct str stream)
{
    struct str line, name = STR_NONE;
    int rc = 0;
    while (rc == 0 && str_cut(&stream, '\n', &line)) {
        if (str_starts(line, STR("event: ")))
            name = str_skip(line, 7);
        else if (str_starts(line, STR("data: ")))
            rc = it->event_read(r, name, str_skip(line, 6));
        else if (line.len == 0)
            name = STR_NONE;
    }
    return rc;
}

static int read_stream(struct str stream, struct buf *out)
{
    struct arena a = ARENA_INIT(MiB);
    struct stream_reader r;
    stream_reader_init(&r, it, WIRE_CHAT, &a, note, out);
    int rc = feed(&r, stream);
    stream_reader_fini(&r);
    arena_fini(&a);
    return rc;
}

TEST(recorded_streams_are_understood)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"text_and_calls.sse",
         "begin(resp_1,gpt-x) .reasoning(Let me) reasoning(\n\n) reasoning(think) hidden(gAAAA==#rs_1) text(Hel) text(lo \"w\") "
         ".call 0(call_1,get_weather) args 0({\"city\") args 0(:\"Oslo\"}) .call 1(call_2,get_time) args 1({}) ."
         "finish:tool_calls usage:120/100/45/30 end "},
        {"incomplete.sse", "begin(resp_2,gpt-x) text(Cut) finish:length usage:10/0/16/0 end "},
        {"error_nested.sse", "begin(resp_3,gpt-x) text(a) failed "},
        {"only_done.sse", /* no deltas at all, and a call that is told in the last event only */
         "begin(resp_4,small) text(Hi) call 0(call_9,f) args 0({\"a\":1}) finish:tool_calls usage:5/0/3/0 end "},
        {"open_model.sse", /* raw reasoning, no created event, no output_index, a mark at the end, no usage */
         "begin(,) reasoning(hm) refusal(I will not) finish:stop end "},
        {"custom_tool.sse",
         "begin(resp_6,gpt-x) call* 0(call_1,apply_patch) args 0(*** Begin) args 0( Patch\n) finish:tool_calls usage:9/0/4/0 end "},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
        if (!golden_read(&stream, rows[i].name))
            continue;
        EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
        EXPECT_STR(buf_str(&out), rows[i].want);
    }
}

TEST(odd_events_do_not_break_a_stream)
{
    static const struct {
        const char *data, *want;
        int rc;
    } rows[] = {
        {"", "", 0},
        {"[DONE]", "", 0},
        {"{", "", ERR_SYNTAX},
        {"[]", "", ERR_SYNTAX},
        {"{\"type\":\"response.output_text.delta\",\"delta\":\"a\"", "", ERR_SYNTAX},
        {"{}", ".", 0},
        {"{\"type\":7,\"delta\":{}}", ".", 0},
        {"{\"type\":\"keepalive\",\"sequence_number\":3}", ".", 0},
        {"{\"type\":\"response.web_search_call.searching\",\"output_index\":0}", "begin(,) .", 0},
        {"{\"type\":\"response.output_text.delta\",\"delta\":\"\",\"obfuscation\":\"xyz\"}", "begin(,) ", 0},
        {"{\"type\":\"response.output_text.delta\",\"delta\":null}", "begin(,) ", 0},
        {"{\"type\":\"response.output_text.delta\",\"delta\":\"\\ud83d\\ude00\\ud800\"}", "begin(,) text(\xF0\x9F\x98\x80\xEF\xBF\xBD) ", 0},
        {"{\"type\":\"response.output_item.added\",\"output_index\":-1,\"item\":7}", "begin(,) ", 0},
        {"{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"new_thing\"}}", "begin(,) ", 0},
        {"{\"type\":\"response.function_call_arguments.delta\",\"output_index\":1,\"delta\":\"{\"}", "begin(,) ", 0},
        {"{\"type\":\"response.completed\"}", "begin(,) finish:stop end ", 0},
        {"{\"type\":\"response.completed\",\"response\":{\"output\":7,\"usage\":[],\"incomplete_details\":1}}",
         "begin(,) finish:stop end ", 0},
        {"{\"type\":\"response.incomplete\",\"response\":{\"incomplete_details\":{\"reason\":\"content_filter\"}}}",
         "begin(,) finish:content_filter end ", 0},
        {"{\"type\":\"error\",\"code\":\"server_error\",\"message\":\"m\",\"param\":null,\"sequence_number\":4}", "failed ", 0},
        {"{\"type\":\"error\",\"error\":{\"message\":\"m\"}}", "failed ", 0},
        {"{\"error\":{\"message\":\"m\"}}", "failed ", 0},
        {"{\"error\":null,\"type\":\"response.refusal.delta\",\"delta\":\"n\"}", "begin(,) refusal(n) ", 0},
        {"{\"type\":\"response.failed\",\"response\":{\"error\":{\"code\":\"x\",\"message\":\"m\"}}}", "failed ", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        struct arena a = ARENA_INIT(MiB);
        struct stream_reader r;
        stream_reader_init(&r, it, WIRE_CHAT, &a, note, &out);
        int rc = it->event_read(&r, STR_NONE, str_from(rows[i].data));
        if (rc != rows[i].rc || !str_eq(buf_str(&out), str_from(rows[i].want)))
            test_fail(__FILE__, __LINE__, "row %zu: %d \"%s\"", i, rc, out.len ? buf_text(&out) : "");
        stream_reader_fini(&r);
        arena_fini(&a);
    }
}

/* Arguments that come before the name wait for it. */
TEST(a_call_whose_name_comes_late_loses_nothing)
{
    static const char stream[] =
        "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\"{\\\"a\\\"\"}\n"
        "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":0,\"delta\":\":1}\"}\n"
        "data: {\"type\":\"response.output_item.done\",\"output_index\":0,\"item\":{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":"
        "\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}\n";
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    EXPECT_I64(read_stream(str_from(stream), &out), 0);
    EXPECT_STR(buf_str(&out), "begin(,) call 0(c,f) args 0({\"a\":1}) ");
}

static int stop_at_text(const struct delta *d, void *ctx)
{
    (void)ctx;
    return d->kind == DELTA_TEXT ? 77 : 0;
}

TEST(who_listens_may_stop_the_reader)
{
    struct arena a = ARENA_INIT(MiB);
    struct stream_reader r;
    stream_reader_init(&r, it, WIRE_CHAT, &a, stop_at_text, NULL);
    EXPECT_I64(it->event_read(&r, STR_NONE, STR("{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}")), 77);
    stream_reader_fini(&r);
    arena_fini(&a);
}

TEST(the_words_of_a_failed_response_are_found)
{
    struct wire_failure f;
    failure_read(0, STR("{\"type\":\"response.failed\",\"sequence_number\":3,\"response\":{\"id\":\"r\",\"status\":\"failed\",\"metadata\":{"
                        "\"message\":\"not this\"},\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"Slow down\"}}}"),
                 &f);
    EXPECT_STR(str_from(f.message), "Slow down");
    EXPECT_STR(str_from(f.code), "rate_limit_exceeded");
    EXPECT(f.fault == FAULT_RATE);
}

/* --- writing ------------------------------------------------------------------------------------------------------------------------- */

static void writer_init(struct stream_writer *w, struct arena *a)
{
    stream_writer_init(w, it, WIRE_CHAT, a);
    w->id = STR("h1");
    w->model = STR("m");
    w->created_s = 1790000000;
}

static struct delta says(enum delta_kind kind, const char *text)
{
    return (struct delta){.kind = kind, .text = str_from(text)};
}

static void write_all(struct stream_writer *w, const struct delta *d, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        EXPECT_I64(stream_write(w, &d[i], out), 0);
}

/* Numbered from 0 without gaps, and called in `event:` what they are called in `type`. Returns how many there are. */
static int check_events(struct str stream)
{
    struct str line, name = STR_NONE;
    int64_t next = 0;
    while (str_cut(&stream, '\n', &line)) {
        if (str_starts(line, STR("event: ")))
            name = str_skip(line, 7);
        if (!str_starts(line, STR("data: ")))
            continue;
        struct arena a = ARENA_INIT(16 * MiB);
        struct json_node *node;
        int64_t n = -1;
        if (json_parse(&a, str_skip(line, 6), &node, NULL) == 0) {
            json_get_i64(node, "sequence_number", &n);
            EXPECT(str_eq(json_get_text(node, "type"), name));
        }
        EXPECT_I64(n, next);
        next++;
        EXPECT(str_starts(stream, STR("\n")));
        arena_fini(&a);
    }
    return (int)next;
}

/* The golden case: reasoning, text, and two calls that interleave. */
static const struct delta golden[] = {
    {.kind = DELTA_BEGIN, .id = STR("chatcmpl-1"), .model = STR("up")},
    {.kind = DELTA_REASONING, .text = STR("Let me")},
    {.kind = DELTA_REASONING, .text = STR(" think")},
    {.kind = DELTA_SIGNATURE, .text = STR("SIG")},
    {.kind = DELTA_TEXT, .text = STR("Hel")},
    {.kind = DELTA_TEXT, .text = STR("lo \"you\"\n")},
    {.kind = DELTA_CALL, .call = 0, .id = STR("call_1"), .name = STR("f")},
    {.kind = DELTA_ARGUMENTS, .call = 0, .text = STR("{\"a\"")},
    {.kind = DELTA_CALL, .call = 1, .id = STR("call_2"), .name = STR("g")},
    {.kind = DELTA_ARGUMENTS, .call = 1, .text = STR("{}")},
    {.kind = DELTA_ARGUMENTS, .call = 0, .text = STR(":1}")},
    {.kind = DELTA_FINISH, .finish = FINISH_STOP},
    {.kind = DELTA_USAGE, .usage = {.input = 10, .cached = 4, .output = 5, .reasoning = 2, .reported = true}},
};

TEST(a_stream_has_every_event_in_its_place)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB), want = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    write_all(&w, golden, COUNT_OF(golden), &out);
    EXPECT_I64(stream_write_end(&w, &out), 0);
    EXPECT_I64(check_events(buf_str(&out)), 26);
    if (golden_read(&want, "written.sse"))
        EXPECT_STR(buf_str(&out), buf_text(&want));
    stream_writer_fini(&w);
    arena_fini(&a);
}

/* Whatever the codec's writer says, its reader understands: the deltas come back, calls one after the other. */
TEST(what_is_written_reads_back)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    write_all(&w, golden, COUNT_OF(golden), &stream);
    EXPECT_I64(stream_write_end(&w, &stream), 0);
    EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
    EXPECT_STR(buf_str(&out),
               "begin(resp_h1,m) ."
               "reasoning(Let me) reasoning( think) hidden(hearth-seal:SIG#rs_hx_h1_0) "
               "text(Hel) text(lo \"you\"\n) "
               "call 0(call_1,f) args 0({\"a\") args 0(:1}) call 1(call_2,g) args 1({}) "
               "finish:tool_calls usage:10/4/5/2 end ");
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(every_piece_is_one_event_of_one_write)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    write_all(&w, (struct delta[]){says(DELTA_TEXT, "a")}, 1, &out);
    buf_clear(&out);
    write_all(&w, (struct delta[]){says(DELTA_TEXT, "b\nc")}, 1, &out);
    EXPECT_STR(buf_str(&out),
               "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":5,\"item_id\":"
               "\"msg_h1_0\",\"output_index\":0,\"content_index\":0,\"delta\":\"b\\nc\",\"logprobs\":[]}\n\n");
    buf_clear(&out);
    write_all(&w, (struct delta[]){{.kind = DELTA_ALIVE}}, 1, &out);
    EXPECT_STR(buf_str(&out), ": keep-alive\n\n");
    stream_writer_fini(&w);
    arena_fini(&a);
}

/* Free text comes from some upstreams as it is, from others in an object, because they know functions only. */
TEST(a_custom_tool_is_called_with_free_text)
{
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        struct arena a = ARENA_INIT(MiB);
        AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
        struct tool patch = {.name = STR("patch"), .custom = true};
        struct chat asked = {.tool = &patch, .from = DIALECT_RESPONSES};
        struct stream_writer w;
        writer_init(&w, &a);
        w.asked = &asked;
        struct delta d[] = {
            {.kind = DELTA_CALL, .id = STR("c"), .name = STR("patch"), .custom = !wrapped},
            says(DELTA_ARGUMENTS, wrapped ? "{\"input\":\"*** " : "*** "),
            says(DELTA_ARGUMENTS, wrapped ? "\\\"x\\\"\"}" : "\"x\""),
        };
        write_all(&w, d, COUNT_OF(d), &stream);
        EXPECT_I64(stream_write_end(&w, &stream), 0);
        (void)check_events(buf_str(&stream));
        EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
        EXPECT_STR(buf_str(&out), wrapped ? "begin(resp_h1,m) .call* 0(c,patch) args 0(*** \"x\") finish:tool_calls end "
                                          : "begin(resp_h1,m) .call* 0(c,patch) args 0(*** ) args 0(\"x\") finish:tool_calls end ");
        EXPECT(str_find(buf_str(&stream), STR("\"type\":\"custom_tool_call\",\"id\":\"ctc_h1_0\",\"call_id\":\"c\",\"name\":\"patch\","
                                              "\"input\":\"*** \\\"x\\\"\",\"status\":\"completed\"}]")) > 0);
        stream_writer_fini(&w);
        arena_fini(&a);
    }
}

/* Free text may look like a whole JSON value in its middle; the next call waits for its end all the same. */
TEST(free_text_is_not_over_because_it_looks_whole)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    struct delta d[] = {
        {.kind = DELTA_CALL, .id = STR("c"), .name = STR("patch"), .custom = true},
        says(DELTA_ARGUMENTS, "1"),
        {.kind = DELTA_CALL, .call = 1, .id = STR("d"), .name = STR("f")},
        says(DELTA_ARGUMENTS, " more"),
    };
    write_all(&w, d, COUNT_OF(d), &stream);
    EXPECT_I64(stream_write_end(&w, &stream), 0);
    EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
    EXPECT_STR(buf_str(&out),
               "begin(resp_h1,m) .call* 0(c,patch) args 0(1) args 0( more) call 1(d,f) args 1({}) finish:tool_calls end ");
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(a_call_without_arguments_gets_an_empty_object)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    write_all(&w, (struct delta[]){{.kind = DELTA_CALL, .id = STR("c"), .name = STR("f")}}, 1, &stream);
    EXPECT_I64(stream_write_end(&w, &stream), 0);
    EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
    EXPECT_STR(buf_str(&out), "begin(resp_h1,m) .call 0(c,f) args 0({}) finish:tool_calls end ");
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(hidden_reasoning_and_seals_without_text_are_items)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    struct delta d[] = {
        {.kind = DELTA_HIDDEN, .text = STR("ENC"), .id = STR("rs_9")},
        says(DELTA_HIDDEN, "RED"),
        says(DELTA_SIGNATURE, "SIG"),
        says(DELTA_REFUSAL, "No"),
    };
    write_all(&w, d, COUNT_OF(d), &stream);
    EXPECT_I64(stream_write_end(&w, &stream), 0);
    (void)check_events(buf_str(&stream));
    EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
    EXPECT_STR(buf_str(&out), "begin(resp_h1,m) .hidden(ENC#rs_9) hidden(hearth-hidden:RED#rs_hx_h1_1) "
                              "hidden(hearth-seal:SIG#rs_hx_h1_2) refusal(No) finish:stop end ");
    EXPECT(str_find(buf_str(&stream), STR("summary_part")) < 0);
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(a_stream_that_was_cut_says_so)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    struct delta d[] = {says(DELTA_TEXT, "a"), {.kind = DELTA_FINISH, .finish = FINISH_LENGTH},
                        {.kind = DELTA_USAGE, .usage = {.input = 7, .output = 3}}};
    write_all(&w, d, COUNT_OF(d), &stream);
    EXPECT_I64(stream_write_end(&w, &stream), 0);
    EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
    EXPECT_STR(buf_str(&out), "begin(resp_h1,m) .text(a) finish:length usage:7/0/3/0 end ");
    EXPECT(str_find(buf_str(&stream), STR("event: response.incomplete\n")) > 0);
    EXPECT(str_find(buf_str(&stream), STR("\"id\":\"msg_h1_0\",\"status\":\"incomplete\"")) > 0);
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(an_empty_stream_is_a_whole_one)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
    struct stream_writer w;
    writer_init(&w, &a);
    EXPECT_I64(stream_write_end(&w, &stream), 0);
    EXPECT_I64(check_events(buf_str(&stream)), 3);
    EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
    EXPECT_STR(buf_str(&out), "begin(resp_h1,m) .finish:stop end ");
    stream_writer_fini(&w);
    arena_fini(&a);
}

TEST(an_error_ends_a_stream_in_both_ways_that_clients_know)
{
    for (int begun = 0; begun < 2; begun++) {
        struct arena a = ARENA_INIT(MiB);
        AUTO_BUF struct buf stream = BUF_INIT(MiB), out = BUF_INIT(MiB);
        struct stream_writer w;
        struct wire_error e = {.status = begun ? 502 : 429, .message = STR("it \"broke\"")};
        writer_init(&w, &a);
        if (begun)
            write_all(&w, (struct delta[]){says(DELTA_TEXT, "a")}, 1, &stream);
        EXPECT_I64(stream_write_error(&w, &e, &stream), 0);
        EXPECT_I64(check_events(buf_str(&stream)), begun ? 7 : 4);
        const char *code = begun ? "server_error" : "rate_limit_exceeded";
        EXPECT(str_find(buf_str(&stream), str_from(arena_format(&a, "\"code\":\"%s\",\"message\":\"it \\\"broke\\\"\",\"param\":null}\n\n"
                                                                    "event: response.failed\n", code))) > 0);
        EXPECT(str_find(buf_str(&stream), str_from(arena_format(&a, "\"status\":\"failed\",\"error\":{\"code\":\"%s\",\"message\":\"it "
                                                                    "\\\"broke\\\"\"}", code))) > 0);
        EXPECT_I64(read_stream(buf_str(&stream), &out), 0);
        EXPECT(str_ends(buf_str(&out), STR("failed ")));
        stream_writer_fini(&w);
        arena_fini(&a);
    }
}

/* --- no memory -------------------------------------------------------------------------------------------------------------------------- */

static int to_writer(const struct delta *d, void *ctx)
{
    struct stream_writer *w = ctx;
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    return stream_write(w, d, &out);
}

static int translate_once(void *ctx)
{
    struct arena a = ARENA_INIT(MiB), b = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct stream_writer w;
    struct stream_reader r;
    writer_init(&w, &a);
    stream_reader_init(&r, it, WIRE_CHAT, &b, to_writer, &w);
    int rc = feed(&r, buf_str(ctx));
    if (rc == 0)
        rc = stream_write_end(&w, &out);
    EXPECT(rc == 0 || rc == ERR_NOMEM);
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    arena_fini(&a);
    arena_fini(&b);
    return rc;
}

TEST(running_out_of_memory_is_an_error_of_its_own)
{
    AUTO_BUF struct buf stream = BUF_INIT(MiB);
    REQUIRE(golden_read(&stream, "text_and_calls.sse"));
    test_torture("responses: a stream", translate_once, &stream);
}
