/* test_answer_parse.c: what models say, taken apart: each form, whole and byte by byte, broken ones, and what is held back. */
#include "answer_kit.h"
#include "test.h"
#include "work_kit.h"

static const struct str TOOLS[] = {{"get_weather", 11}, {"ping", 4}};

struct row {
    const char *said, *want;
};

static void check(const struct answer_options *o, const struct row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t piece = 0; piece < 6; piece++) {
            struct answer_log l = ANSWER_LOG_INIT(1 * MiB);
            int rc = answer_log_run(o, str_from(row[i].said), piece, &l);
            if (rc < 0 || !str_eq(buf_str(&l.text), str_from(row[i].want)))
                test_fail(__FILE__, __LINE__, "%s\n  in pieces of %zu gives (%d)\n    %.*s\n  expected\n    %s",
                          row[i].said, piece, rc, STR_FMT(buf_str(&l.text)), row[i].want);
            buf_fini(&l.text);
        }
    }
}

static struct answer_options with_calls(enum chat_calls calls)
{
    return (struct answer_options){.calls = calls, .tool = TOOLS, .tool_count = COUNT_OF(TOOLS)};
}

TEST(without_markers_everything_is_text)
{
    static const struct row rows[] = {
        {"", ""},
        {"Hello <think>x</think> <tool_call>{\"name\":\"ping\"}</tool_call>\n",
         "T(Hello <think>x</think> <tool_call>{\"name\":\"ping\"}</tool_call>\n)"},
        {"{\"name\":\"ping\",\"parameters\":{}}", "T({\"name\":\"ping\",\"parameters\":{}})"},
    };
    const struct answer_options none = {0}, no_tools = {.calls = CHAT_CALLS_HERMES};

    check(&none, rows, COUNT_OF(rows));
    check(&no_tools, rows, COUNT_OF(rows));
}

TEST(reasoning_is_told_apart)
{
    static const struct row rows[] = {
        {"<think>\nhm, so\n</think>\n\nHello", "R(hm, so)T(Hello)"},
        {" \n<think>a b\n\nc </think>d", "R(a b\n\nc)T(d)"},
        {"<think>\n\n</think>\n\nHello\n", "T(Hello\n)"},
        {"<think>never ends\n", "R(never ends\n)"},
        {"<think>a </thin b</think>c", "R(a </thin b)T(c)"},
        {"<think>a</think>b <think>c</think>", "R(a)T(b <think>c</think>)"},
        {"<thin", "T(<thin)"},
        {" <thinking> hard", "T( <thinking> hard)"},
        {"  plain", "T(  plain)"},
        {"", ""},
        {"<think>", ""},
        {"<think>a</think>", "R(a)"},
        {"<think>a</thi", "R(a</thi)"},
        {"<think>a</think> \n", "R(a)"},
    };
    static const struct row opened[] = {
        {"hm, so\n</think>\n\nHello", "R(hm, so)T(Hello)"},
        {"\nhm</think>Hello", "R(hm)T(Hello)"},
        {"<think>\nhm</think>Hello", "R(hm)T(Hello)"},
        {"\n</think>\nHello", "T(Hello)"},
        {"cut", "R(cut)"},
        {"\n", ""},
    };
    struct answer_options o = {.think_open = "<think>", .think_close = "</think>"};

    check(&o, rows, COUNT_OF(rows));
    o.thinking = true;
    check(&o, opened, COUNT_OF(opened));
}

TEST(hermes_calls_are_read)
{
    static const struct row rows[] = {
        {"<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"K\\u00f6ln\", \"n\": [1, {\"x\": "
         "null}]}}\n</tool_call>",
         "C0:get_weatherA0({\"city\": \"K\\u00f6ln\", \"n\": [1, {\"x\": null}]})E0"},
        {"Let me "
         "look.\n<tool_call>{\"name\":\"ping\",\"arguments\":{}}</"
         "tool_call>\n<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":1}}</tool_call>\n",
         "T(Let me look.)C0:pingA0({})E0C1:pingA1({\"a\":1})E1"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{}}</tool_call> done", "C0:pingA0({})E0T( done)"},
        {"<tool_call>{\"arguments\":{\"a\":1},\"name\":\"ping\"}</tool_call>", "C0:pingA0({\"a\":1})E0"},
        {"<tool_call>{\"id\":7,\"name\":\"ping\",\"parameters\":{\"a\":1.5e3} , \"x\":[true]}</tool_call>",
         "C0:pingA0({\"a\":1.5e3})E0"},
        {"<tool_call>{\"name\":\"ping\"}</tool_call>", "C0:pingA0({})E0"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":null}</tool_call>", "C0:pingA0({})E0"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":\"{\\\"a\\\": 1}\"}</tool_call>", "C0:pingA0({\"a\": 1})E0"},
        {"<tool_call>{\"name\":\"unheard_of\",\"arguments\":{}}</tool_call>", "C0:unheard_ofA0({})E0"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":\"</tool_call>\"}}</tool_call>",
         "C0:pingA0({\"a\":\"</tool_call>\"})E0"},
        /* a bracket or the end is missing */
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":1}</tool_call> x", "C0:pingA0({\"a\":1})E0T( x)"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":1}}", "C0:pingA0({\"a\":1})E0"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":1}", "C0:pingA0({\"a\":1})E0"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":1}}<tool_call>{\"name\":\"ping\"}",
         "C0:pingA0({\"a\":1})E0C1:pingA1({})E1"},
        /* no calls: given back, and what follows is read */
        {"<tool_call>ping()</tool_call>", "T(<tool_call>ping()</tool_call>)"},
        {"<tool_call>{\"name\":5}</tool_call>", "T(<tool_call>{\"name\":5}</tool_call>)"},
        {"a <tool_call>{\"nome\":\"ping\"}</tool_call>", "T(a <tool_call>{\"nome\":\"ping\"}</tool_call>)"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":[1]}</tool_call>",
         "T(<tool_call>{\"name\":\"ping\",\"arguments\":[1]}</tool_call>)"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":\"no\"}</tool_call>",
         "T(<tool_call>{\"name\":\"ping\",\"arguments\":\"no\"}</tool_call>)"},
        {"<tool_call>oops <tool_call>{\"name\":\"ping\"}</tool_call>", "T(<tool_call>oops)C0:pingA0({})E0"},
        {"<tool_call>{\"name\":\"pi", "T(<tool_call>{\"name\":\"pi)"},
        {"<tool_call>\n", "T(<tool_call>\n)"},
        {"a <tool_cal", "T(a <tool_cal)"},
        {"1 < 2 <tool", "T(1 < 2 <tool)"},
        /* broken within the arguments */
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":oops}}</tool_call>",
         "C0:pingA0({\"a\":)X0T(oops}}</tool_call>)"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":1", "C0:pingA0({\"a\":1)X0"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{} , \"x\"!}</tool_call>",
         "C0:pingA0({})E0T( , \"x\"!}</tool_call>)"},
        {"<tool_call>{\"name\":\"ping\",\"arguments\":{}, \"x\"", "C0:pingA0({})E0T(, \"x\")"},
    };
    struct answer_options o = with_calls(CHAT_CALLS_HERMES);

    check(&o, rows, COUNT_OF(rows));
}

TEST(reasoning_comes_before_calls)
{
    static const struct row rows[] = {
        {"<think>\nuse <tool_call> now\n</think>\n\n<tool_call>{\"name\":\"ping\"}</tool_call>",
         "R(use <tool_call> now)C0:pingA0({})E0"},
        {"<think>x</think>Well. <tool_call>{\"name\":\"ping\"}</tool_call>", "R(x)T(Well.)C0:pingA0({})E0"},
    };
    struct answer_options o = with_calls(CHAT_CALLS_HERMES);

    o.think_open = "<think>";
    o.think_close = "</think>";
    check(&o, rows, COUNT_OF(rows));
}

TEST(llama_calls_are_read)
{
    static const struct row rows[] = {
        {"{\"name\": \"get_weather\", \"parameters\": {\"city\": \"K\"}}", "C0:get_weatherA0({\"city\": \"K\"})E0"},
        {"\n{\"type\": \"function\", \"name\": \"ping\", \"parameters\": {}}\n", "C0:pingA0({})E0"},
        {"<|python_tag|>{\"name\": \"ping\", \"parameters\": {\"a\":1}}", "C0:pingA0({\"a\":1})E0"},
        {"{\"name\":\"ping\",\"parameters\":{}}; {\"name\":\"get_weather\",\"parameters\":{\"b\":2}}",
         "C0:pingA0({})E0C1:get_weatherA1({\"b\":2})E1"},
        {"{\"name\":\"ping\",\"parameters\":{}}\n{\"name\":\"ping\"}", "C0:pingA0({})E0C1:pingA1({})E1"},
        {"<|python_tag|>[{\"name\":\"ping\",\"parameters\":{}}, {\"name\":\"ping\",\"parameters\":{\"a\":1}}]",
         "C0:pingA0({})E0C1:pingA1({\"a\":1})E1"},
        {"Sure: <|python_tag|>{\"name\":\"ping\",\"parameters\":{}}", "T(Sure:)C0:pingA0({})E0"},
        {"{\"name\":\"ping\",\"parameters\":{}} Done", "C0:pingA0({})E0T( Done)"},
        /* an answer in JSON is no call */
        {"{\"answer\": 42}", "T({\"answer\": 42})"},
        {"{\"name\": \"Ada\", \"parameters\": {}}", "T({\"name\": \"Ada\", \"parameters\": {}})"},
        {"{}", "T({})"},
        {"{", "T({)"},
        {"{\"name\": \"ping\", \"born\": 1815}", "T({\"name\": \"ping\", \"born\": 1815})"},
        {"In JSON: {\"name\":\"ping\",\"parameters\":{}}", "T(In JSON: {\"name\":\"ping\",\"parameters\":{}})"},
        {"<|python_tag|>print(1)", "T(<|python_tag|>print(1))"},
        {"{\"name\":\"ping\",\"parameters\":{}}; so", "C0:pingA0({})E0T(; so)"},
        {"{\"name\":\"ping\",\"parameters\":{}}\n{\"x\":1}", "C0:pingA0({})E0T(\n{\"x\":1})"},
    };
    struct answer_options o = with_calls(CHAT_CALLS_LLAMA3);

    check(&o, rows, COUNT_OF(rows));
}

TEST(mistral_calls_are_read)
{
    static const struct row rows[] = {
        {"[TOOL_CALLS] [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"K\"}, \"id\": \"abcdefghi\"}]",
         "C0:get_weatherA0({\"city\": \"K\"})E0"},
        {"[TOOL_CALLS][{\"name\":\"ping\",\"arguments\":{}},{\"name\":\"ping\",\"arguments\":{\"a\":[]}}] ok",
         "C0:pingA0({})E0C1:pingA1({\"a\":[]})E1T( ok)"},
        {"I look.[TOOL_CALLS]get_weather[ARGS]{\"city\": \"K\"}", "T(I look.)C0:get_weatherA0({\"city\": \"K\"})E0"},
        {"[TOOL_CALLS]ping[ARGS]{}[TOOL_CALLS]ping[ARGS]{\"a\": 1}", "C0:pingA0({})E0C1:pingA1({\"a\": 1})E1"},
        {"[TOOL_CALLS]ping[CALL_ID]abc123def[ARGS]{}", "C0:pingA0({})E0"},
        {"[TOOL_CALLS]ping{\"a\": 1}", "C0:pingA0({\"a\": 1})E0"},
        {"[TOOL_CALLS] ping [ARGS] {\"a\": 1}", "C0:pingA0({\"a\": 1})E0"},
        {"[TOOL_CALLS]", "T([TOOL_CALLS])"},
        {"[TOOL_CALLS] []", "T([TOOL_CALLS] [])"},
        {"[TOOL_CALLS] are nice", "T([TOOL_CALLS] are nice)"},
        {"[TOOL_CALLS]ping[ARGS]oops", "T([TOOL_CALLS]ping[ARGS]oops)"},
        {"[TOOL_CALLS]ping[ARGS]{\"a\":}", "C0:pingA0({\"a\":)X0T(})"},
        {"[TOOL_CALLS]ping[ARGS]{\"a\":1", "C0:pingA0({\"a\":1)X0"},
        {"[TOOL_CALLS]abc[TOOL_CALLS]ping[ARGS]{}", "T([TOOL_CALLS]abc)C0:pingA0({})E0"},
        {"[TOOL_CALLS][{\"name\":\"ping\",\"arguments\":{}}, oops", "C0:pingA0({})E0T(, oops)"},
        {"see [1] and [2]", "T(see [1] and [2])"},
        {"see [TOOL", "T(see [TOOL)"},
    };
    struct answer_options o = with_calls(CHAT_CALLS_MISTRAL);

    check(&o, rows, COUNT_OF(rows));
}

struct count {
    size_t events, bytes;
};

static int count_event(void *ctx, const struct answer_event *ev)
{
    struct count *c = ctx;

    c->events++;
    c->bytes += ev->text.len;
    return 0;
}

TEST(only_what_may_be_a_marker_is_held_back)
{
    struct count c = {0};
    struct answer_options o = with_calls(CHAT_CALLS_HERMES);
    struct answer_parser *p;

    o.on_event = count_event;
    o.ctx = &c;
    REQUIRE(answer_parser_new(&p, &o, NULL) == 0);
    EXPECT(answer_feed(p, STR("Hello world <to")) == 0);
    EXPECT_I64(c.bytes, 11);
    EXPECT_I64(c.events, 1); /* not one for each byte */
    EXPECT(answer_feed(p, STR("m>")) == 0);
    EXPECT_I64(c.bytes, 17);
    EXPECT(answer_feed(p, STR(" <tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":\"lo")) == 0);
    EXPECT_I64(c.bytes, 17 + 4 + 8); /* the name, and what there is of the arguments */
    EXPECT(answer_feed(p, STR("ng")) == 0);
    EXPECT_I64(c.bytes, 17 + 4 + 10);
    answer_parser_free(p);
}

TEST(a_call_without_end_is_bounded)
{
    struct count c = {0};
    struct answer_options o = with_calls(CHAT_CALLS_HERMES);
    struct answer_parser *p;
    struct str head = STR("<tool_call>{\"name\":\""),
               head_2 = STR("<tool_call>{\"name\":\"ping\",\"arguments\":{\"a\":\"");

    o.on_event = count_event;
    o.ctx = &c;
    REQUIRE(answer_parser_new(&p, &o, NULL) == 0);
    EXPECT(answer_feed(p, head) == 0);
    for (size_t i = 0; i < 3 * MiB / 8; i++)
        EXPECT(answer_feed(p, STR("12345678")) == 0);
    EXPECT(answer_feed(p, head_2) == 0);
    for (size_t i = 0; i < 3 * MiB / 8; i++)
        EXPECT(answer_feed(p, STR("12345678")) == 0);
    EXPECT(answer_finish(p) == 0);
    EXPECT_I64(c.bytes, 6 * MiB + head.len + 4 + 6); /* nothing is lost but the form of the second call */
    answer_parser_free(p);
}

static int stop(void *ctx, const struct answer_event *ev)
{
    (void)ctx, (void)ev;
    return ERR_CLOSED;
}

TEST(what_the_listener_answers_comes_back)
{
    struct answer_options o = with_calls(CHAT_CALLS_HERMES);
    struct answer_parser *p;

    o.on_event = stop;
    REQUIRE(answer_parser_new(&p, &o, NULL) == 0);
    EXPECT_I64(answer_feed(p, STR("Hello")), ERR_CLOSED);
    answer_parser_free(p);
}

static int parse_once(void *ctx)
{
    struct answer_log *l = ctx;
    struct answer_options o = with_calls(CHAT_CALLS_HERMES);

    buf_clear(&l->text);
    l->last = -1;
    return answer_log_run(&o, STR("a <tool_call>x <tool_call>{\"name\":\"ping\",\"arguments\":\"{}\"}</tool_call> b"),
                          3, l);
}

TEST(parsing_copes_when_memory_is_out)
{
    struct answer_log l = ANSWER_LOG_INIT(1 * MiB);

    REQUIRE(parse_once(&l) == 0);
    EXPECT(test_torture("answer", parse_once, &l) > 3);
    buf_fini(&l.text);
}

/* --- hostile answers ---------------------------------------------------------------------------------------------------------- */

/* How long it takes to read `bytes`, and how much of it came out. */
static double read_seconds(const struct answer_options *o, const struct buf *bytes, size_t *came)
{
    struct answer_log l = ANSWER_LOG_INIT(8 * MiB);
    double t = cpu_seconds();
    EXPECT(answer_log_run(o, buf_str(bytes), 4096, &l) == 0);
    t = cpu_seconds() - t;
    *came = l.text.len;
    buf_fini(&l.text);
    return t;
}

TEST(blanks_without_end_are_read_in_no_time_and_come_out)
{
    struct answer_options o = with_calls(CHAT_CALLS_HERMES), thinks = {.think_open = "<think>", .think_close = "</think>", .thinking = true}, leads = thinks;
    leads.thinking = false;
    const struct answer_options *all[] = {&o, &thinks, &leads};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        AUTO_BUF struct buf b = BUF_INIT(4 * MiB);
        size_t came;
        REQUIRE(buf_append_text(&b, "x") == 0);
        for (int k = 0; k < 200 * 1000; k++)
            REQUIRE(buf_append_char(&b, " \n\t"[k % 3]) == 0);
        REQUIRE(buf_append_text(&b, "y") == 0);
        if (i == 2)
            buf_consume(&b, 1); /* the blanks begin the answer */
        EXPECT(read_seconds(all[i], &b, &came) < 0.5 * SLOWER);
        EXPECT_I64(came, (int64_t)b.len + 3); /* T(…) */
    }
}

TEST(a_mark_behind_many_blanks_is_a_mark)
{
    for (size_t blanks = 1010; blanks < 1040; blanks++) {
        struct answer_options o = with_calls(CHAT_CALLS_HERMES);
        struct answer_log l = ANSWER_LOG_INIT(1 * MiB);
        AUTO_BUF struct buf b = BUF_INIT(64 * KiB);
        REQUIRE(buf_append_text(&b, "x") == 0);
        for (size_t k = 0; k < blanks; k++)
            REQUIRE(buf_append_char(&b, ' ') == 0);
        REQUIRE(buf_append_text(&b, "<tool_call>{\"name\":\"ping\",\"arguments\":{}}</tool_call>") == 0);
        EXPECT(answer_log_run(&o, buf_str(&b), 1, &l) == 0);
        EXPECT(str_ends(buf_str(&l.text), STR("C0:pingA0({})E0")));
        buf_fini(&l.text);
    }
}

TEST(marks_inside_of_what_was_no_call_are_read_in_no_time)
{
    struct answer_options o = with_calls(CHAT_CALLS_HERMES);
    AUTO_BUF struct buf b = BUF_INIT(4 * MiB);
    size_t came;
    REQUIRE(buf_append_text(&b, "<tool_call>{\"a\":\"") == 0);
    while (b.len < 900 * KiB)
        REQUIRE(buf_append_text(&b, "<tool_call>x") == 0);
    REQUIRE(buf_append_text(&b, "\"]") == 0);
    EXPECT(read_seconds(&o, &b, &came) < 0.5 * SLOWER);
    EXPECT_I64(came, (int64_t)b.len + 3);
}
