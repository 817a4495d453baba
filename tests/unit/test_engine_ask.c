/* test_engine_ask.c: requests to the engine, member by member: what is taken, and what is refused with the member's name in the story. */
#include "gateway/engine_face_priv.h"
#include "test.h"
#include <math.h>

#define NOW_US 1000000

static struct engine_ask ask;

static int read_ask(enum host_kind kind, const char *body, struct err *e)
{
    engine_ask_fini(&ask);
    *e = (struct err){0};
    return engine_ask_read(&ask, kind, str_from(body), NOW_US, e);
}

#define WITH(members) "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]," members "}"
#define TOOL(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"

TEST(each_member_of_a_chat_is_read)
{
    struct err e;
    REQUIRE(read_ask(HOST_CHAT,
                     WITH("\"temperature\":0.5,\"top_p\":0.9,\"min_p\":0.1,\"top_k\":40,\"presence_penalty\":-1,\"frequency_penalty\":1.5,\"repetition_penalty\":1.1,"
                          "\"repeat_last_n\":12,\"seed\":-7,\"max_tokens\":5,\"stop\":[\"x\",\"yz\"],\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                          "\"logprobs\":true,\"top_logprobs\":4,\"logit_bias\":{\"17\":3.5,\"18\":-100},\"n\":1,\"user\":\"somebody\","
                          "\"hearth\":{\"class\":\"batch\",\"deadline_ms\":250,\"overflow\":\"drop_oldest\",\"conversation\":\"c1\"},\"chat_template_kwargs\":{\"enable_thinking\":false},"
                          "\"tools\":[" TOOL("f") "," TOOL("g") "],\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}"),
                     &e) == 0);
    const struct sampler_options *s = &ask.host.sampling;
    EXPECT(s->temperature == 0.5f && s->top_p == 0.9f && s->min_p == 0.1f && s->top_k == 40 && s->presence_penalty == -1 && s->frequency_penalty == 1.5f);
    EXPECT(s->repeat_penalty == 1.1f && s->repeat_last_n == 12 && s->answer_last_n == 12 && s->seed == (uint64_t)-7 && s->logprobs && s->logprobs_top == 4);
    EXPECT(s->bias_count == 2 && s->bias[0].token == 17 && s->bias[0].bias == 3.5f && s->bias[1].token == 18 && isinf(s->bias[1].bias) && s->bias[1].bias < 0);
    EXPECT(ask.host.answer_max == 5 && ask.stream && ask.include_usage && ask.host.class == SCHED_BATCH && ask.host.deadline_us == NOW_US + 250000);
    EXPECT(ask.host.conversation != 0 && ask.host.stop_count == 2 && ask.host.drop_oldest && ask.host.must_call && ask.host.tools && ask.host.tools->count == 2 && ask.host.kwargs);
    EXPECT_STR(ask.host.stop[1], "yz");
    EXPECT_STR(ask.host.call_name, "g");
    EXPECT_STR(ask.model, "m");
    REQUIRE(read_ask(HOST_CHAT, WITH("\"temperature\":null,\"stop\":null,\"seed\":null,\"tools\":null,\"max_tokens\":8,\"max_completion_tokens\":8,\"frequency_penalty\":1,"
                                     "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\",\"schema\":{\"type\":\"object\"}}}"), &e) == 0);
    EXPECT(ask.host.sampling.temperature == 1 && ask.host.stop_count == 0 && !ask.host.tools && ask.host.answer_max == 8 && !ask.host.json && !ask.host.must_call);
    EXPECT(ask.host.sampling.answer_last_n == SAMPLER_LAST_MAX); /* all of the answer */
    EXPECT_STR(ask.host.schema, "{\"type\":\"object\"}");
    REQUIRE(read_ask(HOST_CHAT, WITH("\"tools\":[" TOOL("f") "],\"tool_choice\":\"none\",\"stop\":\"one\",\"response_format\":{\"type\":\"json_object\"}"), &e) == 0);
    EXPECT(!ask.host.tools && ask.host.stop_count == 1 && ask.host.json && !ask.host.drop_oldest && ask.host.conversation == 0 && ask.host.class == SCHED_INTERACTIVE);
    REQUIRE(read_ask(HOST_CHAT, WITH("\"tools\":[" TOOL("f") "],\"tool_choice\":\"required\""), &e) == 0);
    EXPECT(ask.host.must_call && !ask.host.call_name.len && !ask.host.one_call);
    REQUIRE(read_ask(HOST_CHAT, WITH("\"tools\":[" TOOL("f") "],\"parallel_tool_calls\":false"), &e) == 0);
    EXPECT(ask.host.tools && ask.host.one_call && !ask.host.must_call);
    engine_ask_fini(&ask);
}

/* The same number under two names looks back as far as those do who made the names. */
TEST(a_penalty_looks_back_as_far_as_its_name_says)
{
    static const struct {
        const char *body;
        float penalty;
        uint32_t text, answer;
    } rows[] = {
        {WITH("\"repeat_penalty\":1.5"), 1.5f, 64, SAMPLER_LAST_MAX},
        {WITH("\"repetition_penalty\":1.5"), 1.5f, SAMPLER_LAST_MAX, SAMPLER_LAST_MAX},
        {WITH("\"repetition_penalty\":1.5,\"repeat_penalty\":1.5"), 1.5f, SAMPLER_LAST_MAX, SAMPLER_LAST_MAX},
        {WITH("\"repeat_penalty\":1.5,\"repeat_last_n\":-1"), 1.5f, SAMPLER_LAST_MAX, SAMPLER_LAST_MAX},
        {WITH("\"repetition_penalty\":1.5,\"repeat_last_n\":7"), 1.5f, 7, 7},
        {WITH("\"repeat_penalty\":1.5,\"repeat_last_n\":0"), 1.5f, 0, 0},
        {WITH("\"presence_penalty\":1"), 1, 64, SAMPLER_LAST_MAX},
    };
    struct err e;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct sampler_options *s = &ask.host.sampling;
        REQUIRE(read_ask(HOST_CHAT, rows[i].body, &e) == 0);
        if (s->repeat_penalty != rows[i].penalty || s->repeat_last_n != rows[i].text || s->answer_last_n != rows[i].answer)
            test_fail(__FILE__, __LINE__, "%s: %g over %u of the text and %u of the answer", rows[i].body, (double)s->repeat_penalty, s->repeat_last_n, s->answer_last_n);
    }
    engine_ask_fini(&ask);
}

/* What other servers have and the engine has not passes as long as it asks for nothing, and so do names and tags. */
TEST(what_asks_for_nothing_passes)
{
    static const struct {
        enum host_kind kind;
        const char *body;
    } fine[] = {
        {HOST_CHAT, WITH("\"mirostat\":0,\"typical_p\":1.0,\"tfs_z\":1,\"xtc_probability\":0.0,\"dry_multiplier\":0,\"top_n_sigma\":-1,\"min_tokens\":0")},
        {HOST_CHAT, WITH("\"ignore_eos\":false,\"stop_token_ids\":[],\"grammar\":\"\",\"guided_json\":null,\"skip_special_tokens\":true,\"add_generation_prompt\":true")},
        {HOST_CHAT, WITH("\"verbosity\":\"medium\",\"audio\":null,\"include_reasoning\":true,\"reasoning_format\":\"auto\",\"n_predict\":-1,\"n_probs\":0,\"best_of\":1,\"top_logprobs\":0,\"echo\":false,\"functions\":null")},
        {HOST_CHAT, WITH("\"user\":\"u\",\"metadata\":{\"a\":\"b\"},\"store\":true,\"service_tier\":\"auto\",\"prompt_cache_key\":\"k\",\"something_of_tomorrow\":1")},
        {HOST_CHAT, WITH("\"stream_options\":null,\"tool_choice\":\"auto\",\"logprobs\":false,\"stop\":[]")},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"echo\":false,\"suffix\":\"\",\"best_of\":1,\"logprobs\":0}"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":null,\"truncate\":\"NONE\",\"normalize\":true,\"user\":\"u\"}"},
    };
    struct err e;
    for (size_t i = 0; i < COUNT_OF(fine); i++)
        if (read_ask(fine[i].kind, fine[i].body, &e) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", fine[i].body, e.text);
    engine_ask_fini(&ask);
}

/* How much to think is told to the template in the words that templates have; the caller's own variables go first. */
TEST(an_effort_becomes_what_templates_read)
{
    struct err e;
    REQUIRE(read_ask(HOST_CHAT, WITH("\"reasoning_effort\":\"none\""), &e) == 0);
    EXPECT(json_get(ask.host.kwargs, "enable_thinking")->type == JSON_FALSE);
    REQUIRE(read_ask(HOST_CHAT, WITH("\"reasoning_effort\":\"high\",\"chat_template_kwargs\":{\"a\":1}"), &e) == 0);
    EXPECT(json_get(ask.host.kwargs, "enable_thinking")->type == JSON_TRUE && ask.host.kwargs->count == 3 && json_get(ask.host.kwargs, "a"));
    EXPECT_STR(json_get_text(ask.host.kwargs, "reasoning_effort"), "high");
    REQUIRE(read_ask(HOST_CHAT, WITH("\"reasoning_effort\":\"none\",\"chat_template_kwargs\":{\"enable_thinking\":true}"), &e) == 0);
    EXPECT(json_get(ask.host.kwargs, "enable_thinking")->type == JSON_TRUE && ask.host.kwargs->count == 2);
    REQUIRE(read_ask(HOST_CHAT, WITH("\"reasoning_effort\":\"default\""), &e) == 0);
    EXPECT(!ask.host.kwargs);
    REQUIRE(read_ask(HOST_CHAT, WITH("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}]"), &e) == 0);
    EXPECT(ask.strict);
    REQUIRE(read_ask(HOST_CHAT, WITH("\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"strict\":true}}]"), &e) == 0);
    EXPECT(!ask.strict);
    engine_ask_fini(&ask);
}

/* Each maker's own member for it; those that agree may stand beside each other. */
TEST(whether_to_think_is_understood_in_the_words_of_each_maker)
{
    static const struct {
        const char *body, *effort; /* NULL: not said */
        enum json_type on;         /* JSON_NULL: not said */
    } rows[] = {
        {WITH("\"enable_thinking\":false"), NULL, JSON_FALSE},
        {WITH("\"enable_thinking\":true"), NULL, JSON_TRUE},
        {WITH("\"think\":false"), NULL, JSON_FALSE},
        {WITH("\"think\":\"low\""), "low", JSON_TRUE},
        {WITH("\"thinking\":{\"type\":\"disabled\"}"), NULL, JSON_FALSE},
        {WITH("\"thinking\":{\"type\":\"enabled\"},\"reasoning_effort\":\"high\""), "high", JSON_TRUE},
        {WITH("\"thinking\":{\"type\":\"auto\"}"), NULL, JSON_NULL},
        {WITH("\"reasoning\":{\"enabled\":false,\"exclude\":false}"), NULL, JSON_FALSE},
        {WITH("\"reasoning\":{\"effort\":\"minimal\"}"), "minimal", JSON_TRUE},
        {WITH("\"reasoning\":{},\"thinking\":null"), NULL, JSON_NULL},
    };
    struct err e;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        REQUIRE(read_ask(HOST_CHAT, rows[i].body, &e) == 0);
        const struct json_node *on = json_get(ask.host.kwargs, "enable_thinking"), *effort = json_get(ask.host.kwargs, "reasoning_effort");
        if ((on ? on->type : JSON_NULL) != rows[i].on || !effort != !rows[i].effort || (effort && !str_eq(effort->text, str_from(rows[i].effort))))
            test_fail(__FILE__, __LINE__, "%s is not understood", rows[i].body);
    }
    engine_ask_fini(&ask);
}

/* --- answers: what the face cannot be made to say with a model that knows nothing ----------------------------------------------------- */

static void expect_has(const struct buf *b, const char *what)
{
    if (str_find(buf_str(b), str_from(what)) < 0)
        test_fail(__FILE__, __LINE__, "%.*s\n  lacks %s", STR_FMT(buf_str(b)), what);
}

TEST(with_usage_every_chunk_has_the_member_and_the_last_has_the_numbers)
{
    struct engine_say s = {.kind = HOST_CHAT, .model = STR("m"), .stream = true, .include_usage = true, .id = "chatcmpl-1"};
    const struct sched_counts counts = {.prompt = 5, .answer = 2};
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    REQUIRE(engine_say_init(&s, 0) == 0);
    REQUIRE(engine_say_event(&s, &(struct host_event){.said = HOST_SAID_TEXT, .text = STR("hello")}, &out) == 0 && engine_say_end(&s, HOST_STOP, &counts, &out) == 0);
    struct str rest = buf_str(&out), one;
    size_t chunks = 0, nulls = 0;
    while (str_cut(&rest, '\n', &one)) {
        chunks += str_starts(one, STR("data: {"));
        nulls += str_find(one, STR("\"usage\":null")) >= 0;
    }
    EXPECT_I64(chunks, 4); /* role, text, finish, usage */
    EXPECT_I64(nulls, 3);
    expect_has(&out, "\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2,\"total_tokens\":7");
    engine_say_fini(&s);
}

TEST(where_a_token_began_is_told_in_characters)
{
    struct engine_say s = {.kind = HOST_TEXT, .model = STR("m"), .id = "cmpl-1"};
    const struct sched_counts counts = {.prompt = 1, .answer = 3};
    const struct sampler_choice choice = {.logprob = -1};
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    REQUIRE(engine_say_init(&s, 0) == 0);
    static const char *const piece[] = {"\xC3\xA9t", "\xE2\x82", "\xAC", "x"}; /* ét, half a euro, its other half, x */
    for (size_t i = 0; i < COUNT_OF(piece); i++)
        REQUIRE(engine_say_token(&s, &(struct host_event){.said = HOST_SAID_TOKEN, .text = str_from(piece[i]), .choice = &choice}, NULL) == 0);
    REQUIRE(engine_say_end(&s, HOST_STOP, &counts, &out) == 0);
    expect_has(&out, "\"text_offset\":[0,2,3,3]");
    engine_say_fini(&s);
}

static int say_once(void *ctx)
{
    struct buf *out = ctx;
    struct engine_say s = {.kind = HOST_CHAT, .model = STR("m"), .id = "chatcmpl-1"};
    const struct sched_counts counts = {.prompt = 1, .answer = 3};
    const struct sampler_choice choice = {.logprob = -1};
    int rc = engine_say_init(&s, 0);
    buf_fini(out);
    for (int i = 0; i < 20 && rc == 0; i++) {
        rc = engine_say_token(&s, &(struct host_event){.said = HOST_SAID_TOKEN, .text = STR("piece"), .choice = &choice}, NULL);
        rc = rc < 0 ? rc : engine_say_event(&s, &(struct host_event){.said = HOST_SAID_CALL, .text = STR("function"), .call = (uint32_t)i}, out);
        rc = rc < 0 ? rc : engine_say_event(&s, &(struct host_event){.said = HOST_SAID_ARGUMENTS, .text = STR("{\"a\": 1}"), .call = (uint32_t)i}, out);
        rc = rc < 0 ? rc : engine_say_event(&s, &(struct host_event){.said = HOST_SAID_CALL_END, .call = (uint32_t)i}, out);
    }
    rc = rc < 0 ? rc : engine_say_end(&s, HOST_CALLS, &counts, out);
    EXPECT(rc < 0 || json_check(buf_str(out), NULL) == 0); /* all of it, or an error */
    engine_say_fini(&s);
    return rc;
}

TEST(an_answer_is_whole_or_an_error_when_memory_is_out)
{
    struct buf out = BUF_INIT(1 * MiB);
    EXPECT(test_torture("engine_say", say_once, &out) > 5);
    buf_fini(&out);
}

TEST(what_cannot_be_is_refused_by_name)
{
    static const struct {
        enum host_kind kind;
        const char *body, *names;
    } bad[] = {
        {HOST_CHAT, "", ""},
        {HOST_CHAT, "[]", "object"},
        {HOST_CHAT, "{\"messages\":[]}", "model"},
        {HOST_CHAT, "{\"model\":5,\"messages\":[{}]}", "model"},
        {HOST_CHAT, "{\"model\":\"m\"}", "messages"},
        {HOST_CHAT, "{\"model\":\"m\",\"messages\":[]}", "messages"},
        {HOST_CHAT, "{\"model\":\"m\",\"messages\":\"a\"}", "messages"},
        {HOST_CHAT, WITH("\"temperature\":-1"), "temperature"},
        {HOST_CHAT, WITH("\"temperature\":\"hot\""), "temperature"},
        {HOST_CHAT, WITH("\"temperature\":1e999"), "temperature"},
        {HOST_CHAT, WITH("\"top_p\":1.01"), "top_p"},
        {HOST_CHAT, WITH("\"min_p\":-0.1"), "min_p"},
        {HOST_CHAT, WITH("\"top_k\":1.5"), "top_k"},
        {HOST_CHAT, WITH("\"top_k\":-1"), "top_k"},
        {HOST_CHAT, WITH("\"presence_penalty\":3"), "presence_penalty"},
        {HOST_CHAT, WITH("\"frequency_penalty\":-3"), "frequency_penalty"},
        {HOST_CHAT, WITH("\"repetition_penalty\":0"), "repetition_penalty"},
        {HOST_CHAT, WITH("\"repeat_last_n\":9999999"), "repeat_last_n"},
        {HOST_CHAT, WITH("\"repeat_last_n\":1.5"), "repeat_last_n"},
        {HOST_CHAT, WITH("\"repetition_penalty\":1.1,\"repeat_penalty\":1.2"), "repeat_penalty"},
        {HOST_CHAT, WITH("\"seed\":1.5"), "seed"},
        {HOST_CHAT, WITH("\"seed\":\"5\""), "seed"},
        {HOST_CHAT, WITH("\"max_tokens\":0"), "max_tokens"},
        {HOST_CHAT, WITH("\"max_tokens\":-5"), "max_tokens"},
        {HOST_CHAT, WITH("\"max_completion_tokens\":1.5"), "max_completion_tokens"},
        {HOST_CHAT, WITH("\"max_tokens\":7,\"max_completion_tokens\":8"), "max_completion_tokens"},
        {HOST_CHAT, WITH("\"stop\":\"\""), "stop"},
        {HOST_CHAT, WITH("\"stop\":[\"a\",\"\"]"), "stop"},
        {HOST_CHAT, WITH("\"stream_options\":true"), "stream_options"},
        {HOST_CHAT, WITH("\"logprobs\":2"), "logprobs"},
        {HOST_CHAT, WITH("\"top_logprobs\":2"), "`logprobs` is true"},
        {HOST_CHAT, WITH("\"logprobs\":false,\"top_logprobs\":2"), "`logprobs` is true"},
        {HOST_CHAT, WITH("\"reasoning_effort\":\"very\""), "reasoning_effort"},
        {HOST_CHAT, WITH("\"reasoning_effort\":3"), "reasoning_effort"},
        {HOST_CHAT, WITH("\"enable_thinking\":\"no\""), "enable_thinking"},
        {HOST_CHAT, WITH("\"enable_thinking\":false,\"reasoning_effort\":\"high\""), "`enable_thinking` says another thing than `reasoning_effort`"},
        {HOST_CHAT, WITH("\"enable_thinking\":true,\"reasoning_effort\":\"none\""), "`enable_thinking` says another thing than `reasoning_effort`"},
        {HOST_CHAT, WITH("\"think\":\"low\",\"reasoning_effort\":\"high\""), "`think` says another thing than `reasoning_effort`"},
        {HOST_CHAT, WITH("\"thinking\":true"), "thinking"},
        {HOST_CHAT, WITH("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}"), "thinking.budget_tokens"},
        {HOST_CHAT, WITH("\"reasoning\":\"high\""), "reasoning"},
        {HOST_CHAT, WITH("\"reasoning\":{\"effort\":\"very\"}"), "reasoning.effort"},
        {HOST_CHAT, WITH("\"reasoning\":{\"max_tokens\":100}"), "reasoning.max_tokens"},
        {HOST_CHAT, WITH("\"reasoning\":{\"exclude\":true}"), "reasoning.exclude"},
        {HOST_CHAT, WITH("\"thinking_budget\":100"), "thinking_budget"},
        {HOST_CHAT, WITH("\"include_reasoning\":false"), "include_reasoning"},
        {HOST_CHAT, WITH("\"reasoning_format\":\"hidden\""), "reasoning_format"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"n_predict\":5}", "n_predict"},
        {HOST_CHAT, WITH("\"n_probs\":5"), "n_probs"},
        {HOST_CHAT, WITH("\"allowed_token_ids\":[5]"), "allowed_token_ids"},
        {HOST_CHAT, WITH("\"samplers\":[\"top_k\"]"), "samplers"},
        {HOST_CHAT, WITH("\"mirostat\":2"), "mirostat"},
        {HOST_CHAT, WITH("\"typical_p\":0.5"), "typical_p"},
        {HOST_CHAT, WITH("\"xtc_probability\":0.5"), "xtc_probability"},
        {HOST_CHAT, WITH("\"dry_multiplier\":0.8"), "dry_multiplier"},
        {HOST_CHAT, WITH("\"min_tokens\":5"), "min_tokens"},
        {HOST_CHAT, WITH("\"ignore_eos\":true"), "ignore_eos"},
        {HOST_CHAT, WITH("\"stop_token_ids\":[7]"), "stop_token_ids"},
        {HOST_CHAT, WITH("\"skip_special_tokens\":false"), "skip_special_tokens"},
        {HOST_CHAT, WITH("\"grammar\":\"root ::= x\""), "grammar"},
        {HOST_CHAT, WITH("\"guided_json\":{\"type\":\"object\"}"), "guided_json"},
        {HOST_CHAT, WITH("\"verbosity\":\"low\""), "verbosity"},
        {HOST_CHAT, WITH("\"audio\":{\"voice\":\"a\"}"), "audio"},
        {HOST_CHAT, WITH("\"chat_template\":\"{{ x }}\""), "chat_template"},
        {HOST_CHAT, WITH("\"continue_final_message\":true"), "continue_final_message"},
        {HOST_CHAT, WITH("\"web_search_options\":{}"), "web_search_options"},
        {HOST_CHAT, WITH("\"echo\":true"), "echo"},
        {HOST_CHAT, WITH("\"truncate_prompt_tokens\":10"), "truncate_prompt_tokens"},
        {HOST_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"prefix\":true}]}", "prefix"},
        {HOST_CHAT, WITH("\"tools\":[{\"type\":\"custom\",\"function\":{\"name\":\"f\"}}]"), "tools"},
        {HOST_CHAT, WITH("\"response_format\":\"json_object\""), "response_format"},
        {HOST_CHAT, WITH("\"hearth\":{\"class\":5}"), "class"},
        {HOST_CHAT, WITH("\"hearth\":{\"overflow\":true}"), "overflow"},
        {HOST_CHAT, WITH("\"stop\":5"), "stop"},
        {HOST_CHAT, WITH("\"stop\":[5]"), "stop"},
        {HOST_CHAT, WITH("\"stop\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]"), "stop"},
        {HOST_CHAT, WITH("\"stream\":\"yes\""), "stream"},
        {HOST_CHAT, WITH("\"stream_options\":{\"include_usage\":1}"), "include_usage"},
        {HOST_CHAT, WITH("\"logprobs\":\"yes\""), "logprobs"},
        {HOST_CHAT, WITH("\"top_logprobs\":21"), "top_logprobs"},
        {HOST_CHAT, WITH("\"logit_bias\":[1]"), "logit_bias"},
        {HOST_CHAT, WITH("\"logit_bias\":{\"a\":1}"), "logit_bias"},
        {HOST_CHAT, WITH("\"logit_bias\":{\"1\":101}"), "logit_bias"},
        {HOST_CHAT, WITH("\"logit_bias\":{\"4294967296\":1}"), "logit_bias"},
        {HOST_CHAT, WITH("\"n\":2"), "`n`"},
        {HOST_CHAT, WITH("\"max_tokens\":0"), "from 1 to 1000000000"},
        {HOST_CHAT, WITH("\"best_of\":2"), "`best_of`"},
        {HOST_CHAT, WITH("\"response_format\":{\"type\":\"xml\"}"), "response_format"},
        {HOST_CHAT, WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{}}"), "response_format"},
        {HOST_CHAT, WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":\"{}\"}}"), "response_format"},
        {HOST_CHAT, WITH("\"tools\":5"), "tools"},
        {HOST_CHAT, WITH("\"tools\":[5]"), "tools"},
        {HOST_CHAT, WITH("\"tools\":[{\"type\":\"function\",\"function\":{}}]"), "tools"},
        {HOST_CHAT, WITH("\"tool_choice\":\"required\""), "tool_choice"},
        {HOST_CHAT, WITH("\"tools\":[" TOOL("f") "],\"tool_choice\":\"any\""), "tool_choice"},
        {HOST_CHAT, WITH("\"tools\":[" TOOL("f") "],\"tool_choice\":{\"type\":\"function\"}"), "tool_choice"},
        {HOST_CHAT, WITH("\"functions\":[]"), "functions"},
        {HOST_CHAT, WITH("\"chat_template_kwargs\":5"), "chat_template_kwargs"},
        {HOST_CHAT, WITH("\"hearth\":5"), "hearth"},
        {HOST_CHAT, WITH("\"hearth\":{\"class\":\"urgent\"}"), "hearth.class"},
        {HOST_CHAT, WITH("\"hearth\":{\"overflow\":\"cut\"}"), "hearth.overflow"},
        {HOST_CHAT, WITH("\"hearth\":{\"deadline_ms\":0}"), "deadline_ms"},
        {HOST_TEXT, "{\"model\":\"m\"}", "prompt"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}", "prompt"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":[1,2]}", "prompt"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"echo\":true}", "echo"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":\"b\"}", "suffix"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":5}", "suffix"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"best_of\":2}", "best_of"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"logprobs\":2,\"top_logprobs\":3}", "top_logprobs"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"tools\":[" TOOL("f") "]}", "tools"},
        {HOST_TEXT, "{\"model\":\"m\",\"prompt\":\"a\",\"logprobs\":21}", "logprobs"},
        {HOST_EMBED, "{\"model\":\"m\"}", "input"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":[]}", "input"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"\"}", "input"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":[\"a\",5]}", "input"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":[1,2,3]}", "input"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":64}", "dimensions"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":5}", "encoding_format"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"truncate\":true}", "truncate"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"input_type\":\"query\"}", "input_type"},
        {HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"normalize\":false}", "normalize"},
    };
    struct err e;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        int rc = read_ask(bad[i].kind, bad[i].body, &e);
        if (rc >= 0 || !strstr(e.text, bad[i].names) || !e.text[0])
            test_fail(__FILE__, __LINE__, "%s: %d, `%s` does not name %s", bad[i].body, rc, e.text, bad[i].names);
    }
    engine_ask_fini(&ask);
}

TEST(texts_and_prompts_are_taken_alone_and_in_lists)
{
    struct err e;
    REQUIRE(read_ask(HOST_TEXT, "{\"model\":\"m\",\"prompt\":[\"a\"],\"logprobs\":3,\"echo\":false}", &e) == 0);
    EXPECT(ask.host.answer_max == 16 && ask.host.sampling.logprobs && ask.host.sampling.logprobs_top == 3);
    EXPECT_STR(ask.host.text, "a");
    REQUIRE(read_ask(HOST_EMBED, "{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"base64\",\"hearth\":{\"class\":\"batch\"}}", &e) == 0);
    EXPECT(ask.text_count == 1 && ask.base64 && ask.host.class == SCHED_BATCH);
    struct buf b = BUF_INIT(64 * KiB);
    for (int count = ENGINE_TEXTS_MAX; count <= ENGINE_TEXTS_MAX + 1; count++) {
        buf_clear(&b);
        (void)buf_append_text(&b, "{\"model\":\"m\",\"input\":[\"0\"");
        for (int i = 1; i < count; i++)
            (void)buf_append_format(&b, ",\"%d\"", i);
        (void)buf_append_text(&b, "]}");
        int rc = read_ask(HOST_EMBED, buf_text(&b), &e);
        EXPECT(count == ENGINE_TEXTS_MAX ? rc == 0 && ask.text_count == ENGINE_TEXTS_MAX : rc == ERR_INVALID && strstr(e.text, "2049 texts, and 2048 are"));
    }
    buf_fini(&b);
    engine_ask_fini(&ask);
}

static int tortured(void *ctx)
{
    struct err e;
    (void)ctx;
    int rc = read_ask(HOST_CHAT, WITH("\"logit_bias\":{\"17\":3.5},\"stop\":[\"a\\n\"],\"tools\":[" TOOL("f") "]"), &e);
    engine_ask_fini(&ask);
    return rc;
}

TEST(a_request_that_memory_runs_out_for_is_an_error)
{
    (void)test_torture("engine_ask_read", tortured, NULL);
}
