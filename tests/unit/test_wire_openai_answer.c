/* test_wire_openai_answer.c: answers, streams and errors in OpenAI's chat dialect: read in each vendor's dress, written as
 * OpenAI writes them. */
#include "base/err.h"
#include "test.h"
#include "wire/codec.h"

static struct arena arena = ARENA_INIT(64 * MiB);

static void fresh(void)
{
    arena_fini(&arena);
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* An answer as a line: what was said, in order, then how it ended and what it cost. */
static void part_line(struct buf *out, const struct part *p)
{
    static const char *const words[] = {[PART_TEXT] = "text", [PART_REASONING] = "thought", [PART_HIDDEN] = "hidden", [PART_REFUSAL] = "refusal",
                                        [PART_CALL] = "call", [PART_OPAQUE] = "opaque"};
    (void)buf_append_format(out, "%s", words[p->kind]);
    if (p->kind == PART_CALL)
        (void)buf_append_format(out, "%s(%.*s %.*s %.*s)", p->custom ? "*" : "", STR_FMT(p->id), STR_FMT(p->name), STR_FMT(p->arguments));
    else if (p->kind == PART_OPAQUE)
        (void)buf_append_format(out, "(%.*s)", STR_FMT(p->name));
    else
        (void)buf_append_format(out, "(%.*s)", STR_FMT(p->text));
    if (p->signature.len)
        (void)buf_append_format(out, "seal(%.*s)", STR_FMT(p->signature));
    (void)buf_append_char(out, ' ');
}

static void usage_line(struct buf *out, const struct usage *u)
{
    (void)buf_append_format(out, "usage(%lld/%lld/%lld %lld/%lld)", (long long)u->input, (long long)u->cached, (long long)u->cache_write,
                            (long long)u->output, (long long)u->reasoning);
}

static void answer_line(struct buf *out, const struct chat_answer *a)
{
    if (a->has_error) {
        (void)buf_append_text(out, "error");
        return;
    }
    (void)buf_append_format(out, "%.*s ", STR_FMT(a->id));
    for (const struct part *p = a->part; p; p = p->next)
        part_line(out, p);
    (void)buf_append_format(out, "%s ", finish_name(a->finish));
    if (a->stop.len)
        (void)buf_append_format(out, "stop(%.*s) ", STR_FMT(a->stop));
    if (a->has_usage)
        usage_line(out, &a->usage);
    while (out->len && out->ptr[out->len - 1] == ' ')
        out->len--;
}

#define CHOICE(message, finish) "{\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":" message ",\"finish_reason\":" finish "}]"

TEST(an_answer_is_understood_in_each_vendors_dress)
{
    static const struct {
        const char *body, *line;
    } cases[] = {
        {CHOICE("{\"role\":\"assistant\",\"content\":\"Hello\",\"refusal\":null,\"annotations\":[]}", "\"stop\"")
         ",\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":30,\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":{\"reasoning_tokens\":22}}}",
         "i text(Hello) stop usage(12/3/0 30/22)"},
        {" \n\n" CHOICE("{\"content\":\"a\\nb\",\"reasoning_content\":\"hm\"}", "\"length\"") "}", "i thought(hm) text(a\nb) length"},
        {"\xef\xbb\xbf" CHOICE("{\"content\":\"a\"}", "\"stop\"") "}", "i text(a) stop"},
        {CHOICE("{\"reasoning\":\"hm\",\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]}", "\"tool_calls\"") "}",
         "i thought(hm) call(c f {\"a\":1}) tool_calls"},
        {CHOICE("{\"content\":\"\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\": 9007199254740993}}},{\"function\":{\"name\":\"g\"}}]}", "\"stop\"") "}",
         "i call(c f {\"a\": 9007199254740993}) call(call_8601fa240001 g ) tool_calls"},
        {CHOICE("{\"content\":null,\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}}", "\"function_call\"") "}", "i call(call_8601fa240000 f {}) tool_calls"},
        {CHOICE("{\"tool_calls\":[{\"id\":\"c\",\"type\":\"custom\",\"custom\":{\"name\":\"p\",\"input\":\"x y\"}}]}", "\"tool_calls\"") "}", "i call*(c p x y) tool_calls"},
        {CHOICE("{\"content\":null,\"refusal\":\"no\"}", "\"content_filter\"") "}", "i refusal(no) content_filter"},
        {CHOICE("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"hm\"}]},{\"type\":\"text\",\"text\":\"a\"}]}", "\"stop\"") "}", "i thought(hm) text(a) stop"},
        {CHOICE("{\"content\":\"a\",\"reasoning\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\",\"signature\":\"s\",\"format\":\"anthropic-claude-v1\"},{\"type\":\"reasoning.encrypted\",\"data\":\"d\"}]}", "\"stop\"") "}",
         "i thought(hm)seal(s) hidden(d) text(a) stop"},
        {CHOICE("{\"content\":\"a\",\"reasoning\":\"hm\",\"reasoning_details\":[{\"data\":\"d\",\"format\":\"openai-responses-v1\"}]}", "\"stop\"") "}", "i thought(hm) opaque(reasoning_details) text(a) stop"},
        {CHOICE("{\"content\":\"a\",\"images\":[{}],\"annotations\":[{\"type\":\"url_citation\"}]}", "\"stop\"") "}", "i text(a) opaque(images) opaque(annotations) stop"},
        {CHOICE("{\"content\":null,\"audio\":{\"id\":\"a\",\"data\":\"AAAA\",\"transcript\":\"said\"}}", "\"stop\"") "}", "i text(said) stop"},
        {"{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\",\"stop_reason\":\"END\"}]}", " text(a) stop stop(END)"},
        {"{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\",\"stop_reason\":7}]}", " text(a) stop"},
        {"{\"choices\":[{\"message\":{\"content\":\"b\"},\"index\":1},{\"message\":{\"content\":\"a\"},\"index\":0}]}", " text(a) none"},
        {"{\"choices\":[{\"text\":\"a\",\"finish_reason\":\"eos\"}],\"timings\":{\"cache_n\":5},\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}", " text(a) stop usage(9/5/0 1/0)"},
        {"{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"MAX_TOKENS\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1,\"cached_tokens\":4}}],\"usage\":null}", " text(a) length usage(9/4/0 1/0)"},
        {"{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"insufficient_system_resource\"}]}", " interrupted"},
        {"{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"repetition\"}]}", " other"},
        {"{\"error\":{\"message\":\"x\",\"code\":500},\"choices\":[{\"message\":{\"content\":\"a\"}}]}", "error"},
        {"{\"choices\":[{\"error\":{\"code\":502},\"message\":{\"content\":\"a\"}}]}", "error"},
        {"{\"choices\":[{\"message\":{\"content\":\"a\"}},{\"index\":1,\"error\":{\"code\":502}}]}", "error"},
        {"{\"object\":\"error\",\"message\":\"x\"}", "error"},
        {"{\"choices\":[]}", " none"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf line = BUF_INIT(64 * KiB);
        struct chat_answer a = {.arena = &arena};
        struct err e = {0};
        fresh();
        int rc = codec_openai.answer_read(&a, WIRE_CHAT, str_from(cases[i].body), &e);
        if (rc) {
            test_fail(__FILE__, __LINE__, "%s: %d %s", cases[i].body, rc, e.text);
            continue;
        }
        answer_line(&line, &a);
        EXPECT_STR(buf_str(&line), cases[i].line);
    }
}

TEST(what_is_no_json_object_is_no_answer)
{
    static const char *const bodies[] = {"", "[]", "<html>", "{\"choices\":", "{} x"};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct chat_answer a = {.arena = &arena};
        struct err e = {0};
        EXPECT_I64(codec_openai.answer_read(&a, WIRE_CHAT, str_from(bodies[i]), &e), ERR_SYNTAX);
        EXPECT(e.text[0]);
    }
}

TEST(an_answer_is_written_as_openai_writes_it)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB), line = BUF_INIT(64 * KiB);
    struct chat_answer a = {.arena = &arena, .id = STR("chatcmpl-1"), .model = STR("job"), .created_s = 1790000000, .finish = FINISH_STOP,
                            .has_usage = true, .usage = {.input = 10, .cached = 4, .cache_write = 2, .output = 5, .reasoning = 3}};
    struct lost l = {.count = 0};

    fresh();
    struct part *thought = chat_answer_add(&a, PART_REASONING), *text = chat_answer_add(&a, PART_TEXT), *call = chat_answer_add(&a, PART_CALL);
    struct part *source = chat_answer_add(&a, PART_OPAQUE);
    REQUIRE(thought && text && call && source);
    thought->text = STR("hm");
    thought->signature = STR("s");
    text->text = STR("Hi \"you\"");
    call->id = STR("c");
    call->name = STR("f");
    source->name = STR("web_search_tool_result");
    REQUIRE(codec_openai.answer_write(&a, WIRE_CHAT, &l, &out) == 0);
    EXPECT_STR(buf_str(&out),
               "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"job\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"Hi \\\"you\\\"\",\"refusal\":null,\"reasoning_content\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\","
               "\"format\":\"anthropic-claude-v1\",\"index\":0}],\"tool_calls\":[{\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
               "\"logprobs\":null,\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,"
               "\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":2},\"completion_tokens_details\":{\"reasoning_tokens\":3}}}");
    EXPECT(l.count == 1 && str_eq(l.name[0], STR("web_search_tool_result")));

    struct chat_answer back = {.arena = &arena};
    REQUIRE(codec_openai.answer_read(&back, WIRE_CHAT, buf_str(&out), NULL) == 0);
    answer_line(&line, &back);
    EXPECT_STR(buf_str(&line), "chatcmpl-1 thought(hm)seal(s) text(Hi \"you\") call(c f {}) tool_calls usage(10/4/2 5/3)");
}

TEST(what_openai_sealed_comes_back_to_it_through_a_client)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    struct chat_answer a = {.arena = &arena, .finish = FINISH_STOP}, back = {.arena = &arena};
    struct lost l = {.count = 0};

    fresh();
    struct part *hidden = chat_answer_add(&a, PART_HIDDEN);
    REQUIRE(hidden);
    hidden->text = STR("d");
    hidden->id = STR("rs_1");
    REQUIRE(codec_openai.answer_write(&a, WIRE_CHAT, &l, &out) == 0);
    EXPECT(str_find(buf_str(&out), STR("{\"type\":\"reasoning.encrypted\",\"data\":\"d\",\"id\":\"rs_1\",\"format\":\"hearth-responses-v1\"")) > 0);
    REQUIRE(codec_openai.answer_read(&back, WIRE_CHAT, buf_str(&out), NULL) == 0);
    EXPECT(back.part && back.part->kind == PART_HIDDEN && str_eq(back.part->id, STR("rs_1")) && str_eq(back.part->text, STR("d")));
}

TEST(content_is_null_beside_calls_and_empty_in_silence)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    struct chat_answer a = {.arena = &arena, .finish = FINISH_LENGTH};
    struct lost l = {.count = 0};

    fresh();
    REQUIRE(codec_openai.answer_write(&a, WIRE_CHAT, &l, &out) == 0);
    EXPECT(str_find(buf_str(&out), STR("\"content\":\"\"")) > 0 && str_find(buf_str(&out), STR("\"finish_reason\":\"length\"")) > 0);
    EXPECT(str_find(buf_str(&out), STR("usage")) < 0);
    struct part *call = chat_answer_add(&a, PART_CALL);
    REQUIRE(call);
    call->name = STR("f");
    buf_clear(&out);
    REQUIRE(codec_openai.answer_write(&a, WIRE_CHAT, &l, &out) == 0);
    EXPECT(str_find(buf_str(&out), STR("\"content\":null")) > 0 && str_find(buf_str(&out), STR("\"finish_reason\":\"length\"")) > 0);
}

TEST(errors_are_openais)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    struct wire_error e = {.status = 429, .message = STR("slow"), .code = "rate_limit_exceeded"};

    REQUIRE(codec_openai.error_write(&e, &out) == 0);
    EXPECT_STR(buf_str(&out), "{\"error\":{\"message\":\"slow\",\"type\":\"rate_limit_exceeded\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}");
    EXPECT_I64(codec_openai.error_status(529), 503);
    EXPECT_I64(codec_openai.error_status(404), 404);
}

/* --- streams ------------------------------------------------------------------------------------------------------- */

struct heard {
    struct buf line;
    int stop_after; /* deltas; -1: none */
};

static int hear(const struct delta *d, void *ctx)
{
    static const char *const words[] = {[DELTA_TEXT] = "text", [DELTA_REFUSAL] = "refusal", [DELTA_REASONING] = "thought",
                                        [DELTA_SIGNATURE] = "seal", [DELTA_HIDDEN] = "hidden"};
    struct heard *h = ctx;

    switch (d->kind) {
    case DELTA_BEGIN: (void)buf_append_format(&h->line, "begin(%.*s %.*s) ", STR_FMT(d->id), STR_FMT(d->model)); break;
    case DELTA_CALL: (void)buf_append_format(&h->line, "call%d(%.*s %.*s) ", d->call, STR_FMT(d->id), STR_FMT(d->name)); break;
    case DELTA_ARGUMENTS: (void)buf_append_format(&h->line, "args%d(%.*s) ", d->call, STR_FMT(d->text)); break;
    case DELTA_FINISH: (void)buf_append_format(&h->line, "%s(%.*s) ", finish_name(d->finish), STR_FMT(d->text)); break;
    case DELTA_USAGE:
        usage_line(&h->line, &d->usage);
        (void)buf_append_char(&h->line, ' ');
        break;
    case DELTA_ALIVE: (void)buf_append_text(&h->line, "alive "); break;
    case DELTA_FAILED: (void)buf_append_text(&h->line, "failed "); break;
    case DELTA_END: (void)buf_append_text(&h->line, "end "); break;
    default:
        if (d->text.len == 0)
            test_fail(__FILE__, __LINE__, "an empty piece");
        (void)buf_append_format(&h->line, "%s(%.*s%s%.*s) ", words[d->kind], STR_FMT(d->text), d->id.len ? " " : "", STR_FMT(d->id));
    }
    return h->stop_after > 0 && --h->stop_after == 0 ? -77 : 0;
}

/* Events are the lines of `sse` that begin with "data: "; an "event: " line names the next. */
static int listen(struct str sse, struct heard *h)
{
    struct stream_reader r;
    struct str line, name = STR_NONE;
    int rc = 0;

    stream_reader_init(&r, &codec_openai, WIRE_CHAT, &arena, hear, h);
    while (rc == 0 && str_cut(&sse, '\n', &line)) {
        line = str_ends(line, STR("\r")) ? str_slice(line, 0, line.len - 1) : line;
        if (str_starts(line, STR("event: ")))
            name = str_skip(line, 7);
        if (!str_starts(line, STR("data: ")))
            continue;
        rc = codec_openai.event_read(&r, name, str_skip(line, 6));
        name = STR_NONE;
    }
    stream_reader_fini(&r);
    while (h->line.len && h->line.ptr[h->line.len - 1] == ' ')
        h->line.len--;
    return rc;
}

#define D(delta) "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":null}]}\n\n"
#define F(finish) "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"" finish "\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define T(entry) D("{\"tool_calls\":[" entry "]}")

TEST(a_stream_is_understood_whatever_its_server_makes_of_it)
{
    static const struct {
        const char *title, *sse, *line;
    } cases[] = {
        {"text", D("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}") D("{\"content\":\"Hel\"}") D("{\"content\":\"lo\\n\"}") F("stop")
         "data: {\"id\":\"i\",\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2}}\n\n" DONE,
         "begin(i m) text(Hel) text(lo\n) stop() usage(12/0/0 2/0) end"},
        {"nothing in it", "data: {\"choices\":[]}\n\n" "data: {\"choices\":[{\"delta\":null}]}\n\n" "data: {\"choices\":[{}]}\n\n" D("{\"content\":null,\"x\":{}}"), "begin( )"},
        {"Azure's first event", "data: {\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n" D("{\"content\":\"a\"}"), "begin(i m) text(a)"},
        {"DeepSeek", D("{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"\"}") D("{\"content\":null,\"reasoning_content\":\"hm\"}") D("{\"content\":\"a\",\"reasoning_content\":null}")
         "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"prompt_cache_hit_tokens\":4}}\n\n" DONE,
         "begin(i m) thought(hm) text(a) stop() usage(9/4/0 2/0) end"},
        {"thinking and text in one chunk", D("{\"content\":\"a\",\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"}"), "begin(i m) thought(hm) text(a)"},
        {"Kimi's usage in the choice", "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"cached_tokens\":3}}]}\n\n" DONE,
         "begin(i m) stop() usage(9/3/0 2/0) end"},
        {"Groq", "data: {\"id\":\"i\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}}\n\n",
         "begin(i m) stop() usage(9/0/0 2/0)"},
        {"two usages", "data: {\"id\":\"i\",\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2},\"choices\":[{\"delta\":{},\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}]}\n\n",
         "begin(i ) usage(8/0/0 2/0)"},
        {"two usages, the other way round", "data: {\"id\":\"i\",\"choices\":[{\"delta\":{},\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":2}}\n\n",
         "begin(i ) usage(8/0/0 2/0)"},
        {"Groq's error", D("{\"content\":\"a\"}") "event: error\ndata: whatever\n\n", "begin(i m) text(a) failed"},
        {"an error", "data: {\"error\":{\"message\":\"x\",\"code\":429}}\n\n", "failed"},
        {"an error beside text", "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"error\"}],\"error\":{\"code\":502}}\n\n", "failed"},
        {"a flat error", "data: {\"object\":\"error\",\"message\":\"x\",\"code\":400}\n\n", "failed"},
        {"null is no error", "data: {\"id\":\"i\",\"model\":\"m\",\"error\":null,\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n", "begin(i m) text(a)"},
        {"OpenRouter's usage chunk repeats the finish", F("stop") "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"cost\":0.5}}\n\n",
         "begin(i m) stop() usage(9/0/0 2/0)"},
        {"OpenRouter's seals", D("{\"reasoning\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\"}]}") D("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\",\"format\":\"anthropic-claude-v1\"}]}")
         D("{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"d\"},{\"data\":\"x\",\"format\":\"openai-responses-v1\"},{\"summary\":\"so\"}]}"),
         "begin(i m) thought(hm) seal(s) hidden(d) thought(so)"},
        {"seals of the Responses API", D("{\"reasoning_details\":[{\"data\":\"d\",\"id\":\"rs_1\",\"format\":\"hearth-responses-v1\"},{\"data\":\"e\",\"format\":\"hearth-responses-v1\"}]}"),
         "begin(i m) hidden(d rs_1)"},
        {"vLLM's usage in each chunk", "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n"
         "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\",\"stop_reason\":\"END\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n",
         "begin(i ) text(a) usage(9/0/0 1/0) text(b) stop(END) usage(9/0/0 2/0)"},
        {"zeros are no usage", "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}\n\n", "begin(i ) text(a)"},
        {"llama-server", "data: {\"id\":\"i\",\"choices\":[],\"timings\":{\"cache_n\":7},\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n", "begin(i ) usage(9/7/0 2/0)"},
        {"other choices", "data: {\"id\":\"i\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n" D("{\"content\":\"a\"}"), "begin(i ) text(a)"},
        {"calls", T("{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}") T("{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}")
         T("{\"index\":0,\"function\":{\"arguments\":\":1}\"}}") T("{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}") F("tool_calls"),
         "begin(i m) call0(c1 f) args0({\"a\") args0(:1}) call1(c2 g) args1({}) tool_calls()"},
        {"without index", T("{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}") T("{\"function\":{\"arguments\":\"{\"}}") T("{\"id\":\"c2\",\"function\":{\"arguments\":\"}\"}}"),
         "begin(i m) call0(c1 f) args0({}) call1(c2 g) args1({) args1(})"},
        {"without index and id", T("{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}"),
         "begin(i m) call0(call_8601fa240000 f) args0({}) call1(call_8601fa240001 g) args1({})"},
        {"one index for all", T("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"index\":0,\"id\":\"c2\",\"function\":{\"name\":\"f\",\"arguments\":\"[\"}}") T("{\"index\":0,\"function\":{\"arguments\":\"]\"}}"),
         "begin(i m) call0(c1 f) args0({}) call1(c2 f) args1([) args1(])"},
        {"id and name in each piece", T("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}") T("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"}\"}}") T("{\"index\":0,\"id\":\"\",\"function\":{\"name\":null,\"arguments\":null}}"),
         "begin(i m) call0(c1 f) args0({) args0(})"},
        {"another id in each piece", T("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\"}}") T("{\"index\":0,\"id\":\"x2\",\"function\":{\"arguments\":\"{}\"}}"), "begin(i m) call0(c1 f) args0({})"},
        {"a late name", T("{\"index\":0,\"id\":\"c1\",\"function\":{\"arguments\":\"{\\\"a\"}}") T("{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\",\"name\":\"f\"}}"), "begin(i m) call0(c1 f) args0({\"a) args0(\":1})"},
        {"arguments as an object", T("{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\": 1}}}"), "begin(i m) call0(c1 f) args0({\"a\": 1})"},
        {"the form of 2023", D("{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}") D("{\"function_call\":{\"arguments\":\"{}\"}}") F("function_call"), "begin(i m) call0(call_8601fa240000 f) args0({}) tool_calls()"},
        {"calls that interleave", T("{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\"}}") T("{\"index\":0,\"function\":{\"arguments\":\"1\"}},{\"index\":1,\"function\":{\"arguments\":\"2\"}}"),
         "begin(i m) call0(a f) call1(b g) args0(1) args1(2)"},
        {"a whole answer in place of a stream", "data: " CHOICE("{\"content\":\"a\",\"tool_calls\":[{\"id\":\"c\",\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"c\",\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}", "\"stop\"") "}\n\n",
         "begin(i m) text(a) call0(c f) args0({}) call1(c f) args1({}) stop()"},
        {"parts for content", D("{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":\"h\\u006d\"}]},{\"type\":\"text\",\"text\":\"a\"}]}"), "begin(i m) thought(hm) text(a)"},
        {"a refusal", D("{\"refusal\":\"no\"}") F("content_filter"), "begin(i m) refusal(no) content_filter()"},
        {"done, whatever follows the word", "data: [DONE] \n\n", "end"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct heard h = {.line = BUF_INIT(64 * KiB)};
        fresh();
        int rc = listen(str_from(cases[i].sse), &h);
        if (rc || !str_eq(buf_str(&h.line), str_from(cases[i].line)))
            test_fail(__FILE__, __LINE__, "%s: %d\n got  %.*s\n want %s", cases[i].title, rc, STR_FMT(buf_str(&h.line)), cases[i].line);
        buf_fini(&h.line);
    }
}

TEST(a_broken_event_and_too_many_calls_are_errors)
{
    struct heard h = {.line = BUF_INIT(4 * MiB)};
    AUTO_BUF struct buf sse = BUF_INIT(4 * MiB);

    fresh();
    EXPECT_I64(listen(STR("data: {\"choices\":\n\n"), &h), ERR_SYNTAX);
    EXPECT_I64(listen(STR("data: 7\n\n"), &h), ERR_SYNTAX);
    for (int i = 0; i <= STREAM_CALLS_MAX; i++)
        (void)buf_append_format(&sse, "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,\"id\":\"c%d\",\"function\":{\"name\":\"f\"}}]}}]}\n\n", i, i);
    EXPECT_I64(listen(buf_str(&sse), &h), ERR_LIMIT);
    buf_fini(&h.line);
}

TEST(a_listener_that_stops_is_heeded)
{
    for (int n = 1; n <= 8; n++) {
        struct heard h = {.line = BUF_INIT(64 * KiB), .stop_after = n};
        fresh();
        int rc = listen(STR(D("{\"content\":\"a\",\"reasoning\":\"h\",\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}") F("stop") DONE), &h);
        EXPECT_I64(rc, n <= 7 ? -77 : 0);
        buf_fini(&h.line);
    }
}

/* The recorded shapes that the relay is tested with. */
TEST(recorded_streams_say_what_the_relay_counts)
{
    static const char *const files[] = {"openai_stream.sse", "openai_stream_tools.sse", "deepseek_stream.sse", "groq_stream.sse", "kimi_stream.sse",
                                        "llama_server_stream.sse", "openrouter_stream.sse", "vllm_stream_usage_in_each.sse", "groq_error.sse",
                                        "openrouter_error.sse", "vllm_flat_error.sse"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        AUTO_BUF struct buf sse = BUF_INIT(1 * MiB);
        struct heard h = {.line = BUF_INIT(1 * MiB)};
        struct err e = {0};
        char path[200];
        fresh();
        text_format(path, sizeof(path), "tests/golden/openai/%s", files[i]);
        REQUIRE(buf_read_file(&sse, path, &e) == 0);
        EXPECT_I64(listen(buf_str(&sse), &h), 0);
        bool failing = strstr(files[i], "error");
        EXPECT(failing == (str_find(buf_str(&h.line), STR("failed")) >= 0));
        bool told = str_find(buf_str(&sse), STR("\"usage\":{")) > 0;
        EXPECT(told == (str_find(buf_str(&h.line), STR("usage(")) > 0));
        EXPECT(failing || str_find(buf_str(&h.line), STR("begin(")) == 0);
        buf_fini(&h.line);
    }
}

/* --- streams, written ---------------------------------------------------------------------------------------------- */

#define HEAD "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"job\",\"choices\":["
#define OUT(delta) HEAD "{\"index\":0,\"delta\":" delta ",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
#define OUT_USAGE(delta) HEAD "{\"index\":0,\"delta\":" delta ",\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n"
#define ROLE "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"

static void writer_init(struct stream_writer *w, bool include_usage)
{
    stream_writer_init(w, &codec_openai, WIRE_CHAT, &arena);
    w->id = STR("chatcmpl-1");
    w->model = STR("job");
    w->created_s = 1790000000;
    w->include_usage = include_usage;
}

TEST(a_stream_is_written_as_openai_writes_it)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct stream_writer w;

    fresh();
    writer_init(&w, false);
    const struct delta deltas[] = {
        {.kind = DELTA_BEGIN, .id = STR("x")},
        {.kind = DELTA_ALIVE},
        {.kind = DELTA_REASONING, .text = STR("hm\n")},
        {.kind = DELTA_SIGNATURE, .text = STR("s")},
        {.kind = DELTA_HIDDEN, .text = STR("d")},
        {.kind = DELTA_TEXT, .text = STR("a\"b")},
        {.kind = DELTA_CALL, .call = 0, .id = STR("c1"), .name = STR("f")},
        {.kind = DELTA_ARGUMENTS, .call = 0, .text = STR("{\"a\"")},
        {.kind = DELTA_CALL, .call = 1, .id = STR("c2"), .name = STR("g")},
        {.kind = DELTA_ARGUMENTS, .call = 0, .text = STR(":1}")},
        {.kind = DELTA_USAGE, .usage = {.input = 1, .output = 1}},
        {.kind = DELTA_FINISH, .finish = FINISH_STOP},
    };
    for (size_t i = 0; i < COUNT_OF(deltas); i++)
        REQUIRE(stream_write(&w, &deltas[i], &out) == 0);
    REQUIRE(stream_write_end(&w, &out) == 0);
    EXPECT_STR(buf_str(&out),
               OUT(ROLE) ": keep-alive\n\n" OUT("{\"reasoning_content\":\"hm\\n\"}")
               OUT("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"signature\":\"s\",\"format\":\"anthropic-claude-v1\",\"index\":0}]}")
               OUT("{\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"d\",\"format\":\"anthropic-claude-v1\",\"index\":0}]}")
               OUT("{\"content\":\"a\\\"b\"}")
               OUT("{\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}")
               OUT("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]}") OUT("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}]}")
               OUT("{\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}")
               OUT("{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]}")
               HEAD "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"tool_calls\"}]}\n\n" DONE);
    stream_writer_fini(&w);
}

TEST(the_usage_chunk_is_for_those_who_asked)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct stream_writer w;

    fresh();
    writer_init(&w, true);
    REQUIRE(stream_write(&w, &(struct delta){.kind = DELTA_TEXT, .text = STR("a")}, &out) == 0);
    w.usage = (struct usage){.input = 10, .output = 2, .cached = 4};
    w.has_usage = true;
    REQUIRE(stream_write_end(&w, &out) == 0);
    EXPECT_STR(buf_str(&out), OUT_USAGE(ROLE) OUT_USAGE("{\"content\":\"a\"}")
               HEAD "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
               HEAD "],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2,\"total_tokens\":12,\"prompt_tokens_details\":{\"cached_tokens\":4},"
               "\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n" DONE);
    stream_writer_fini(&w);
}

TEST(an_error_ends_a_stream_in_band)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct stream_writer w;

    fresh();
    writer_init(&w, false);
    REQUIRE(stream_write_error(&w, &(struct wire_error){.status = 502, .message = STR("gone"), .type = "server_error", .code = "stream_interrupted"}, &out) == 0);
    EXPECT_STR(buf_str(&out), "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\",\"param\":null,\"code\":\"stream_interrupted\"}}\n\n");
    stream_writer_fini(&w);
}

static int tell(const struct delta *d, void *ctx)
{
    void **pair = ctx;
    return d->kind == DELTA_END ? 0 : stream_write(pair[0], d, pair[1]);
}

/* Read, written and read again, it says the same. */
TEST(a_stream_survives_its_own_translation)
{
    const struct str sse = STR(D("{\"reasoning_content\":\"h\"}") D("{\"reasoning_details\":[{\"signature\":\"s\"}]}") D("{\"content\":\"a\\u00e9\\ud83d\\ude00\"}")
        T("{\"index\":0,\"id\":\"functions.f:0\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"n\\\":9007199254740993}\"}}") F("tool_calls")
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":2}}\n\n" DONE);
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct heard first = {.line = BUF_INIT(64 * KiB)}, second = {.line = BUF_INIT(64 * KiB)};
    struct stream_writer w;
    struct stream_reader r;
    struct str rest = sse, line;

    fresh();
    REQUIRE(listen(sse, &first) == 0);
    writer_init(&w, true);
    w.id = STR("i");
    w.model = STR("m");
    stream_reader_init(&r, &codec_openai, WIRE_CHAT, &arena, tell, (void *[]){&w, &out});
    while (str_cut(&rest, '\n', &line))
        if (str_starts(line, STR("data: ")))
            REQUIRE(codec_openai.event_read(&r, STR_NONE, str_skip(line, 6)) == 0);
    REQUIRE(stream_write_end(&w, &out) == 0);
    REQUIRE(listen(buf_str(&out), &second) == 0);
    EXPECT_STR(buf_str(&second.line), buf_text(&first.line));
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    buf_fini(&first.line);
    buf_fini(&second.line);
}

/* --- without memory ------------------------------------------------------------------------------------------------ */

static int answer_once(void *ctx)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct chat_answer a = {.arena = &arena};
    struct lost l = {.count = 0};
    (void)ctx;
    fresh();
    int rc = codec_openai.answer_read(&a, WIRE_CHAT, STR(CHOICE("{\"content\":\"a\\n\",\"reasoning\":\"h\\n\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]}", "\"stop\"") "}"), NULL);
    return rc ? rc : codec_openai.answer_write(&a, WIRE_CHAT, &l, &out);
}

static int stream_once(void *ctx)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct str rest = STR(D("{\"content\":\"a\\n\"}") T("{\"index\":0,\"id\":\"\\u0063\",\"function\":{\"arguments\":\"{\\\"a\"}}") T("{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"\\\":1}\"}}")
                          D("{\"reasoning_details\":[{\"signature\":\"s\"}]}") F("stop")), line;
    struct stream_writer w;
    struct stream_reader r;
    int rc = 0;
    (void)ctx;

    fresh();
    writer_init(&w, true);
    stream_reader_init(&r, &codec_openai, WIRE_CHAT, &arena, tell, (void *[]){&w, &out});
    while (rc == 0 && str_cut(&rest, '\n', &line))
        if (str_starts(line, STR("data: ")))
            rc = codec_openai.event_read(&r, STR_NONE, str_skip(line, 6));
    if (rc == 0)
        rc = stream_write_end(&w, &out);
    stream_reader_fini(&r);
    stream_writer_fini(&w);
    return rc;
}

TEST(an_arena_that_is_full_is_out_of_memory)
{
    int (*const once[])(void *) = {answer_once, stream_once};

    for (size_t i = 0; i < COUNT_OF(once); i++) {
        int failed = 0, rc = ERR_NOMEM;
        for (size_t max = 0; rc && max < 1 * MiB; max += 16) {
            fresh();
            arena.max = max;
            rc = once[i](NULL);
            EXPECT(rc == 0 || rc == ERR_NOMEM);
            failed += rc != 0;
        }
        EXPECT(failed > 10 && rc == 0);
    }
    arena.max = 64 * MiB;
}

TEST(running_out_of_memory_is_an_error_of_its_own)
{
    test_torture("codec_openai answers", answer_once, NULL);
    test_torture("codec_openai streams", stream_once, NULL);
    fresh();
}
