/* test_wire_ollama.c: requests of Ollama's dialect, both ways; answers, streams and errors are in test_wire_ollama_answer.c. */
#include "ollama_kit.h"
#include "test.h"

#define CHAT(members) "{\"model\":\"m\"," members "}"
#define MESSAGES(list) CHAT("\"messages\":[" list "]")

static struct arena arena;

static int read_request(struct chat *c, enum wire_op op, const char *body, struct err *e)
{
    arena_fini(&arena);
    arena = ARENA_INIT(16 * MiB);
    *c = (struct chat){.arena = &arena};
    return codec_ollama.request_read(c, op, str_from(body), e);
}

static void expect_read(int line, enum wire_op op, const char *body, const char *want)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct chat c;
    struct err e = {0};
    if (read_request(&c, op, body, &e) < 0)
        test_fail(__FILE__, line, "%s: %s", body, e.text);
    else
        kit_chat(&got, &c, &arena);
    if (e.code == 0 && !str_eq(buf_str(&got), str_from(want)))
        test_fail(__FILE__, line, "%s\ngot:\n%.*s\nexpected:\n%s", body, STR_FMT(buf_str(&got)), want);
}
#define EXPECT_READ(op, body, want) expect_read(__LINE__, op, body, want)

static void expect_refused(int line, enum wire_op op, const char *body, const char *story)
{
    struct chat c;
    struct err e = {0};
    int rc = read_request(&c, op, body, &e);
    if ((rc != ERR_INVALID && rc != ERR_SYNTAX) || str_find(str_from(e.text), str_from(story)) < 0)
        test_fail(__FILE__, line, "%s\ngot %s \"%s\", expected a story with \"%s\"", body, err_name(rc), e.text, story);
}
#define EXPECT_REFUSED(op, body, story) expect_refused(__LINE__, op, body, story)

#define PLAIN "\nmax=-1 format=0 effort=0 thinks=0 show=0 raw=0"

/* --- reading ----------------------------------------------------------------------------------------------------------- */

TEST(streams_unless_told_not_to)
{
    EXPECT_READ(WIRE_CHAT, MESSAGES(""), "model=m stream=1" PLAIN);
    EXPECT_READ(WIRE_CHAT, CHAT("\"stream\":null"), "model=m stream=1" PLAIN);
    EXPECT_READ(WIRE_CHAT, CHAT("\"stream\":false"), "model=m stream=0" PLAIN);
    EXPECT_READ(WIRE_GENERATE, CHAT("\"prompt\":\"a\""), "model=m stream=1\nuser: [text text=a]" PLAIN);
}

TEST(reads_what_messages_are_made_of)
{
    EXPECT_READ(WIRE_CHAT,
                MESSAGES("{\"role\":\"System\",\"content\":\"be\"},{\"role\":\"user\",\"content\":\"h\\u00e9\","
                         "\"images\":[\"iVBORw0KGgoAA\"]},"
                         "{\"role\":\"assistant\",\"content\":\"x\",\"thinking\":\"t\",\"tool_calls\":[{\"id\":\"c9\","
                         "\"function\":{\"index\":0,"
                         "\"name\":\"f\",\"arguments\":{\"b\":9007199254740993,\"a\":1.50}}}]},"
                         "{\"role\":\"tool\",\"tool_call_id\":\"c9\",\"tool_name\":\"f\",\"content\":\"r\"},"
                         "{\"role\":\"user\",\"content\":\"\"}"),
                "model=m stream=1\nsystem: [text text=be]\nuser: [image type=image/png data=iVBORw0KGgoAA] [text "
                "text=h\xc3\xa9]"
                "\nassistant: [reasoning text=t] [text text=x] [call id=c9 name=f "
                "arguments={\"b\":9007199254740993,\"a\":1.50}]"
                "\nuser: [result id=c9 name=f [text text=r]]\nuser:" PLAIN);
}

TEST(images_are_known_by_their_first_bytes)
{
    EXPECT_READ(WIRE_CHAT,
                MESSAGES("{\"role\":\"user\",\"images\":[\"/9j/4AA\",\"R0lGODlh\",\"UklGRg\",\"AAAA\",\"data:image/"
                         "jpg;base64,/9j/4BB\"]}"),
                "model=m stream=1\nuser: [image type=image/jpeg data=/9j/4AA] [image type=image/gif data=R0lGODlh] "
                "[image type=image/webp data=UklGRg] [image data=AAAA] [image type=image/jpeg data=/9j/4BB]" PLAIN);
}

#define CALL(name) "{\"function\":{\"name\":\"" name "\",\"arguments\":{}}}"
#define CALLS(list) "{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":[" list "]}"

/* The same conversation, a turn later, must find the same ids: prompt caches and agents live on it. */
TEST(ids_of_calls_are_made_of_their_place)
{
    EXPECT_READ(WIRE_CHAT, MESSAGES("{\"role\":\"user\",\"content\":\"q\"}," CALLS(CALL("f") "," CALL("g"))),
                "model=m stream=1\nuser: [text text=q]\nassistant: [call id=call_m1c0 name=f arguments={}] "
                "[call id=call_m1c1 name=g arguments={}]" PLAIN);
}

TEST(results_find_their_calls)
{
    /* by name; the other way round; without any name; a second turn of the same tool; ids first; an id nobody knows */
    EXPECT_READ(
        WIRE_CHAT,
        MESSAGES(CALLS(CALL("f") "," CALL("g")) ",{\"role\":\"tool\",\"tool_name\":\"g\",\"content\":\"1\"},"
                                                "{\"role\":\"tool\",\"tool_name\":\"f\",\"content\":\"2\"}"),
        "model=m stream=1\nassistant: [call id=call_m0c0 name=f arguments={}] [call id=call_m0c1 name=g arguments={}]"
        "\nuser: [result id=call_m0c1 name=g [text text=1]] [result id=call_m0c0 name=f [text text=2]]" PLAIN);
    EXPECT_READ(
        WIRE_CHAT,
        MESSAGES(CALLS(
            CALL("f") "," CALL("f")) ",{\"role\":\"tool\",\"content\":\"1\"},{\"role\":\"tool\",\"content\":\"2\"}"),
        "model=m stream=1\nassistant: [call id=call_m0c0 name=f arguments={}] [call id=call_m0c1 name=f arguments={}]"
        "\nuser: [result id=call_m0c0 name=f [text text=1]] [result id=call_m0c1 name=f [text text=2]]" PLAIN);
    EXPECT_READ(
        WIRE_CHAT,
        MESSAGES(CALLS(CALL("f")) "," CALLS(CALL("f")) ",{\"role\":\"tool\",\"tool_name\":\"f\",\"content\":\"2\"},"
                                                       "{\"role\":\"tool\",\"tool_name\":\"f\",\"content\":\"1\"}"),
        "model=m stream=1\nassistant: [call id=call_m0c0 name=f arguments={}]\nassistant: [call id=call_m1c0 name=f "
        "arguments={}]"
        "\nuser: [result id=call_m1c0 name=f [text text=2]] [result id=call_m0c0 name=f [text text=1]]" PLAIN);
    EXPECT_READ(WIRE_CHAT,
                MESSAGES(CALLS("{\"id\":\"a\",\"function\":{\"name\":\"f\"}},{\"id\":\"b\",\"function\":{\"name\":"
                               "\"f\"}}") ",{\"role\":\"tool\",\"tool_call_id\":\"b\",\"tool_name\":\"f\",\"content\":"
                                          "\"1\"},"
                                          "{\"role\":\"tool\",\"tool_call_id\":\"zz\",\"content\":\"2\"},{\"role\":"
                                          "\"tool\",\"tool_call_id\":\"a\"}"),
                "model=m stream=1\nassistant: [call id=a name=f arguments={}] [call id=b name=f arguments={}]"
                "\nuser: [result id=b name=f [text text=1]] [result id=zz [text text=2]] [result id=a name=f]" PLAIN);
    EXPECT_READ(WIRE_CHAT, MESSAGES("{\"role\":\"tool\",\"content\":\"1\"}"),
                "model=m stream=1\nuser: [result id=call_m0c0 [text text=1]]" PLAIN);
}

/* Some clients number their calls from 0 in each turn. */
TEST(an_id_that_comes_again_means_the_call_that_waits)
{
#define RESULT "{\"role\":\"tool\",\"tool_call_id\":\"0\"}"
#define CALL_0(name) CALLS("{\"id\":\"0\",\"function\":{\"name\":\"" name "\"}}")
    const char *body = MESSAGES(CALL_0("f") "," RESULT "," CALL_0("g") "," RESULT "," RESULT);
    struct chat c;
    REQUIRE(read_request(&c, WIRE_CHAT, body, NULL) == 0);
    EXPECT_STR(c.message->next->part->name, "f");
    EXPECT_STR(c.last_message->part->name, "g");
    EXPECT_STR(c.last_message->part->next->name, "g"); /* told twice */
}

TEST(reads_options)
{
    EXPECT_READ(WIRE_CHAT,
                CHAT("\"options\":{\"num_predict\":128,\"temperature\":0.70,\"top_p\":0.9,\"top_k\":40,\"min_p\":0.05,"
                     "\"seed\":18446744073709551615,"
                     "\"presence_penalty\":0.1,\"frequency_penalty\":0.2,\"repeat_penalty\":1.1,\"stop\":[\"a\","
                     "\"\\n\"],\"num_ctx\":8192,"
                     "\"num_gpu\":null,\"mirostat\":0},\"keep_alive\":\"5m\",\"keep\":\"a\\\"b\",\"think\":\"high\","
                     "\"format\":\"json\""),
                "model=m stream=1\nmax=128 format=1 effort=5 thinks=0 show=2 raw=0 temperature=0.70 top_p=0.9 top_k=40 "
                "min_p=0.05 "
                "seed=18446744073709551615 presence=0.1 frequency=0.2 repeat=1.1 stop=\"a\" stop=\"\n\"\nextra "
                "options.num_ctx=8192"
                "\nextra options.mirostat=0\nextra keep_alive=\"5m\"\nextra keep=\"a\\\"b\"");
    EXPECT_READ(WIRE_CHAT, CHAT("\"options\":{\"num_predict\":-2,\"stop\":\"x\"},\"think\":true"),
                "model=m stream=1\nmax=-1 format=0 effort=4 thinks=1 show=2 raw=0 stop=\"x\"");
    EXPECT_READ(WIRE_CHAT, CHAT("\"options\":null,\"think\":false,\"format\":{\"type\":\"object\"},\"tools\":null"),
                "model=m stream=1\nmax=-1 format=2 effort=1 thinks=0 show=1 raw=0 schema={\"type\":\"object\"}");
    EXPECT_READ(WIRE_CHAT, CHAT("\"format\":\"\",\"think\":\"\""), "model=m stream=1" PLAIN);
}

TEST(reads_tools)
{
    EXPECT_READ(WIRE_CHAT,
                CHAT("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\","
                     "\"parameters\":{\"type\":\"object\"}}},"
                     "{\"function\":{\"name\":\"g\"}},{\"type\":\"search\",\"x\":1}]"),
                "model=m stream=1\ntool f about=d schema={\"type\":\"object\"}\ntool g "
                "schema={\"type\":\"object\",\"properties\":{}}"
                "\ntool  schema={\"type\":\"search\",\"x\":1} opaque=search" PLAIN);
}

TEST(reads_generate)
{
    EXPECT_READ(WIRE_GENERATE,
                CHAT("\"prompt\":\"p\",\"system\":\"s\",\"suffix\":\"x\",\"images\":[\"/9j/"
                     "\"],\"raw\":true,\"template\":\"t\",\"context\":[1,2]"),
                "model=m stream=1\nsystem: [text text=s]\nuser: [image type=image/jpeg data=/9j/] [text text=p]"
                "\nmax=-1 format=0 effort=0 thinks=0 show=0 raw=1 suffix=x\nextra template=\"t\"\nextra context=[1,2]");
}

TEST(without_a_prompt_there_is_no_message)
{
    EXPECT_READ(WIRE_GENERATE, CHAT("\"prompt\":\"\",\"system\":\"s\",\"keep_alive\":0"),
                "model=m stream=1" PLAIN "\nextra keep_alive=0");
    EXPECT_READ(WIRE_GENERATE, "{\"model\":\"m\"}", "model=m stream=1" PLAIN);
    EXPECT_READ(WIRE_CHAT, MESSAGES(""), "model=m stream=1" PLAIN);
}

TEST(refusals_name_the_member)
{
    static const struct {
        enum wire_op op;
        const char *body, *story;
    } cases[] = {
        {WIRE_CHAT, "[1]", "the body must be a JSON object"},
        {WIRE_CHAT, "{\"model\":\"m\"", "not valid JSON"},
        {WIRE_CHAT, "{\"model\":\"m\",\"model\":\"n\"}", "a key is given twice"},
        {WIRE_CHAT, "{}", "model is missing"},
        {WIRE_CHAT, "{\"model\":\"\"}", "model is empty"},
        {WIRE_CHAT, "{\"model\":1}", "model must be a string"},
        {WIRE_CHAT, "{\"model\":\"a\\u0007\"}", "model holds a control character"},
        {WIRE_CHAT, "{\"model\":\"a\\u0085\"}", "model holds a control character"},
        {WIRE_CHAT, "{\"model\":\"m\",\"Model\":\"n\"}", "spelled almost like model"},
        {WIRE_CHAT, "{\"model\":\"m\",\"me\\u017Fsages\":[]}", "spelled almost like messages"},
        {WIRE_CHAT, "{\"model\":\"m\",\"thin\\u212a\":true}", "spelled almost like think"},
        {WIRE_CHAT, CHAT("\"options.num_ctx\":1"), "put it into the object options"},
        {WIRE_CHAT, CHAT("\"stream\":1"), "stream must be true or false"},
        {WIRE_CHAT, CHAT("\"messages\":{}"), "messages must be an array"},
        {WIRE_CHAT, MESSAGES("1"), "messages.0.role must be"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"user\"},{\"role\":\"robot\"}"), "messages.1.role must be"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"user\",\"content\":[]}"), "messages.0.content must be a string"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"tool\",\"tool_name\":1}"), "messages.0.tool_name must be a string"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"tool\",\"tool_call_id\":1}"), "messages.0.tool_call_id must be a string"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"assistant\",\"thinking\":1}"), "messages.0.thinking must be a string"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"user\",\"images\":\"a\"}"), "messages.0.images must be an array"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"user\",\"images\":[1]}"), "messages.0.images must be an array"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"assistant\",\"tool_calls\":{}}"), "messages.0.tool_calls must be an array"},
        {WIRE_CHAT, MESSAGES("{\"role\":\"assistant\",\"tool_calls\":[{}]}"), "messages.0.tool_calls.0.function.name"},
        {WIRE_CHAT, MESSAGES(CALLS("{\"function\":{\"name\":\"f\",\"arguments\":[]}}")),
         "messages.0.tool_calls.0.function.arguments"},
        {WIRE_CHAT, CHAT("\"tools\":1"), "tools must be an array"},
        {WIRE_CHAT, CHAT("\"tools\":[{\"type\":\"function\"}]"), "tools.0 must be a function with a name"},
        {WIRE_CHAT, CHAT("\"tools\":[{\"function\":{\"name\":\"f\",\"parameters\":1}}]"),
         "tools.0.function.parameters must be an object"},
        {WIRE_CHAT, CHAT("\"options\":1"), "options must be an object"},
        {WIRE_CHAT, CHAT("\"options\":{\"temperature\":\"1\"}"), "options.temperature must be a number"},
        {WIRE_CHAT, CHAT("\"options\":{\"num_predict\":1.5}"), "options.num_predict must be a whole number"},
        {WIRE_CHAT, CHAT("\"options\":{\"stop\":[1]}"), "options.stop must be a string or a list of strings"},
        {WIRE_CHAT, CHAT("\"format\":\"xml\""), "format must be"},
        {WIRE_CHAT, CHAT("\"think\":\"hard\""), "think must be"},
        {WIRE_CHAT, CHAT("\"think\":1"), "think must be"},
        {WIRE_GENERATE, CHAT("\"prompt\":1"), "prompt must be a string"},
        {WIRE_GENERATE, CHAT("\"prompt\":\"a\",\"images\":[1]"), "images must be an array"},
        {WIRE_GENERATE, CHAT("\"raw\":1"), "raw must be true or false"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        EXPECT_REFUSED(cases[i].op, cases[i].body, cases[i].story);
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

/* A conversation of another dialect, to begin with. */
static struct chat chat_of(enum dialect from)
{
    arena_fini(&arena);
    arena = ARENA_INIT(16 * MiB);
    return (struct chat){
        .arena = &arena, .from = from, .model = STR("client"), .max_tokens = -1, .budget = -1, .choices = 1};
}

static int write_request(const struct chat *c, enum wire_op op, struct buf *out, struct lost *lost, struct err *e)
{
    struct chat_write w = {.op = op, .model = STR("m"), .arena = &arena, .lost = lost};
    return codec_ollama.request_write(c, &w, out, e);
}

/* `lost`: the names, each behind a blank. */
static void expect_written(int line, const struct chat *c, enum wire_op op, const char *want, const char *want_lost)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB), names = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct err e = {0};
    int rc = write_request(c, op, &got, &lost, &e);
    for (int i = 0; i < lost.count; i++)
        (void)buf_append_format(&names, " %.*s", STR_FMT(lost.name[i]));
    if (rc < 0)
        test_fail(__FILE__, line, "%s", e.text);
    else if (!str_eq(buf_str(&got), str_from(want)))
        test_fail(__FILE__, line, "got:\n%.*s\nexpected:\n%s", STR_FMT(buf_str(&got)), want);
    else if (!str_eq(buf_str(&names), str_from(want_lost)))
        test_fail(__FILE__, line, "lost:%.*s, expected:%s", STR_FMT(buf_str(&names)), want_lost);
    else if (json_check(buf_str(&got), &e) < 0)
        test_fail(__FILE__, line, "%s", e.text);
}
#define EXPECT_WRITTEN(c, op, want, lost) expect_written(__LINE__, c, op, want, lost)

static void expect_cannot(int line, const struct chat *c, enum wire_op op, const char *field)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct err e = {0};
    int rc = write_request(c, op, &got, &lost, &e);
    if (rc != ERR_INVALID || !str_starts(str_from(e.text), str_from(field)) ||
        str_find(str_from(e.text), STR(" cannot be said in the ollama dialect: ")) < 0)
        test_fail(__FILE__, line, "got %s \"%s\", expected %s to be refused", err_name(rc), e.text, field);
}
#define EXPECT_CANNOT(c, op, field) expect_cannot(__LINE__, c, op, field)

static struct part *say(struct chat *c, enum chat_role role, const char *text)
{
    struct message *m = chat_message_add(c, role);
    struct part *p = chat_part_add(c, &m->part, PART_TEXT);
    p->text = str_from(text);
    return p;
}

static struct part *more(struct chat *c, enum part_kind kind)
{
    return chat_part_add(c, &c->last_message->part, kind);
}

TEST(writes_a_conversation)
{
    struct chat c = chat_of(DIALECT_ANTHROPIC);
    c.stream = true;
    say(&c, ROLE_SYSTEM, "be");
    say(&c, ROLE_USER, "one");
    more(&c, PART_TEXT)->text = STR("two");
    struct part *p = more(&c, PART_IMAGE);
    p->source = SOURCE_BASE64;
    p->data = STR("/9j/");
    say(&c, ROLE_ASSISTANT, "a");
    more(&c, PART_TEXT)->text = STR("b");
    p = more(&c, PART_REASONING);
    p->text = STR("hm");
    p->signature = STR("seal");
    p = more(&c, PART_CALL);
    p->id = STR("c1");
    p->name = STR("f");
    p->arguments = STR("{\"z\":9007199254740993, \"a\":1}");
    p = more(&c, PART_CALL);
    p->id = STR("c2");
    p->name = STR("g");
    p->arguments = STR("{broken");
    chat_message_add(&c, ROLE_USER);
    more(&c, PART_TEXT)->text = STR("and");
    p = more(&c, PART_RESULT);
    p->id = STR("c2");
    p->failed = true;
    chat_part_add(&c, &p->content, PART_TEXT)->text = STR("no such file");
    p = more(&c, PART_RESULT);
    p->id = STR("c1");
    chat_part_add(&c, &p->content, PART_TEXT)->text = STR("l1");
    chat_part_add(&c, &p->content, PART_TEXT)->text = STR("l2");
    EXPECT_WRITTEN(
        &c, WIRE_CHAT,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be\"},"
        "{\"role\":\"user\",\"content\":\"one\\ntwo\",\"images\":[\"/9j/\"]},"
        "{\"role\":\"assistant\",\"content\":\"ab\",\"thinking\":\"hm\",\"tool_calls\":["
        "{\"id\":\"c1\",\"function\":{\"index\":0,\"name\":\"f\",\"arguments\":{\"z\":9007199254740993, \"a\":1}}},"
        "{\"id\":\"c2\",\"function\":{\"index\":1,\"name\":\"g\",\"arguments\":{\"_raw\":\"{broken\"}}}]},"
        "{\"role\":\"tool\",\"content\":\"Error: no such file\",\"tool_name\":\"g\",\"tool_call_id\":\"c2\"},"
        "{\"role\":\"tool\",\"content\":\"l1\\nl2\",\"tool_name\":\"f\",\"tool_call_id\":\"c1\"},"
        "{\"role\":\"user\",\"content\":\"and\"}],\"stream\":true,\"truncate\":false}",
        " signature");
}

TEST(writes_wishes)
{
    struct chat c = chat_of(DIALECT_OPENAI);
    c.max_tokens = 100;
    c.temperature = STR("0.70");
    c.top_k = STR("40");
    c.seed = STR("18446744073709551615");
    c.format = FORMAT_JSON_SCHEMA;
    c.schema = STR("{\"b\":1,\"a\":2}");
    c.effort = EFFORT_XHIGH;
    chat_stop_add(&c, STR("\n"));
    struct tool *t = chat_tool_add(&c);
    t->name = STR("f");
    EXPECT_WRITTEN(
        &c, WIRE_CHAT,
        "{\"model\":\"m\",\"messages\":[],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
        "\"parameters\":"
        "{\"type\":\"object\",\"properties\":{}}}}],\"stream\":false,\"format\":{\"b\":1,\"a\":2},\"think\":\"max\","
        "\"options\":"
        "{\"num_predict\":100,\"temperature\":0.70,\"top_k\":40,\"seed\":18446744073709551615,\"stop\":[\"\\n\"]},"
        "\"truncate\":false}",
        "");
}

TEST(effort_becomes_a_word)
{
    static const struct {
        enum effort effort;
        int64_t budget;
        const char *want;
    } cases[] = {
        {EFFORT_UNSET, -1, NULL},      {EFFORT_NONE, -1, "false"},        {EFFORT_MINIMAL, -1, "\"low\""},
        {EFFORT_LOW, -1, "\"low\""},   {EFFORT_MEDIUM, -1, "\"medium\""}, {EFFORT_HIGH, -1, "\"high\""},
        {EFFORT_XHIGH, -1, "\"max\""}, {EFFORT_MAX, -1, "\"max\""},       {EFFORT_UNSET, 2048, "\"medium\""},
        {EFFORT_UNSET, 0, "false"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf want = BUF_INIT(KiB);
        struct chat c = chat_of(DIALECT_OPENAI);
        c.effort = cases[i].effort;
        c.budget = cases[i].budget;
        (void)buf_append_text(&want, "{\"model\":\"m\",\"messages\":[],\"stream\":false,");
        if (cases[i].want)
            (void)buf_append_format(&want, "\"think\":%s,", cases[i].want);
        (void)buf_append_text(&want, "\"truncate\":false}");
        EXPECT_WRITTEN(&c, WIRE_CHAT, buf_text(&want), cases[i].budget >= 0 ? " budget_tokens" : "");
    }
}

/* Of a job's defaults, or a client that knows what is behind the gateway. */
TEST(options_of_ollama_pass_from_other_dialects)
{
    struct chat c = chat_of(DIALECT_OPENAI);
    c.temperature = STR("0");
    chat_extra_add(&c, STR("options"), STR("{\"num_ctx\":16384,\"temperature\":1,\"x\":\"y\"}"));
    chat_extra_add(&c, STR("keep_alive"), STR("-1"));
    chat_extra_add(&c, STR("store"), STR("false"));
    chat_extra_add(&c, STR("verbosity"), STR("\"low\""));
    EXPECT_WRITTEN(&c, WIRE_CHAT,
                   "{\"model\":\"m\",\"messages\":[],\"stream\":false,\"options\":{\"temperature\":0,\"num_ctx\":16384,"
                   "\"x\":\"y\"},"
                   "\"keep_alive\":-1,\"truncate\":false}",
                   " verbosity");
}

TEST(writes_generate)
{
    struct chat c = chat_of(DIALECT_OLLAMA);
    say(&c, ROLE_SYSTEM, "s");
    say(&c, ROLE_USER, "p");
    c.suffix = STR("x");
    c.raw_prompt = true;
    EXPECT_WRITTEN(&c, WIRE_GENERATE,
                   "{\"model\":\"m\",\"system\":\"s\",\"prompt\":\"p\",\"suffix\":\"x\",\"raw\":true,\"stream\":false}",
                   "");
    struct chat empty = chat_of(DIALECT_OLLAMA);
    EXPECT_WRITTEN(&empty, WIRE_GENERATE, "{\"model\":\"m\",\"prompt\":\"\",\"stream\":false}", "");
    struct chat turns = chat_of(DIALECT_OPENAI);
    say(&turns, ROLE_USER, "p");
    say(&turns, ROLE_ASSISTANT, "q");
    EXPECT_CANNOT(&turns, WIRE_GENERATE, "messages");
}

TEST(free_text_is_the_argument_of_a_function)
{
    struct chat c = chat_of(DIALECT_OPENAI);
    struct lost lost = {.count = 0};
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct tool *t = chat_tool_add(&c);
    t->name = STR("apply.patch");
    t->custom = true;
    t->format = STR("{\"type\":\"text\"}");
    struct chat_write w = {.op = WIRE_CHAT, .model = STR("m"), .arena = &arena, .lost = &lost};
    EXPECT_I64(codec_ollama.request_write(&c, &w, &out, NULL), 0);
    EXPECT(str_find(buf_str(&out), STR("{\"name\":\"apply.patch\",\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{")) > 0);
    EXPECT_STR(lost.name[0], "tools.custom");
}

TEST(no_tools_are_told_of_when_none_may_be_called)
{
    struct chat c = chat_of(DIALECT_OPENAI);
    chat_tool_add(&c)->name = STR("f");
    c.choice = CHOICE_NONE;
    EXPECT_WRITTEN(&c, WIRE_CHAT, "{\"model\":\"m\",\"messages\":[],\"stream\":false,\"truncate\":false}", "");
    c.choice = CHOICE_REQUIRED;
    EXPECT_CANNOT(&c, WIRE_CHAT, "tool_choice");
    c.choice = CHOICE_NAMED;
    EXPECT_CANNOT(&c, WIRE_CHAT, "tool_choice");
}

static struct part *one_part(struct chat *c, enum part_kind kind)
{
    *c = chat_of(DIALECT_OPENAI);
    chat_message_add(c, ROLE_USER);
    return more(c, kind);
}

TEST(what_would_make_the_answer_wrong_is_refused)
{
    static const char *const extras[] = {"logprobs",           "top_logprobs", "logit_bias", "audio",
                                         "web_search_options", "mcp_servers",  "best_of"};
    struct chat c;
    for (size_t i = 0; i < COUNT_OF(extras); i++) {
        c = chat_of(DIALECT_OPENAI);
        chat_extra_add(&c, str_from(extras[i]), STR("5"));
        EXPECT_CANNOT(&c, WIRE_CHAT, extras[i]);
    }
    c = chat_of(DIALECT_OPENAI);
    c.choices = 2;
    EXPECT_CANNOT(&c, WIRE_CHAT, "n");
    one_part(&c, PART_AUDIO);
    EXPECT_CANNOT(&c, WIRE_CHAT, "input_audio");
    one_part(&c, PART_FILE)->source = SOURCE_BASE64;
    EXPECT_CANNOT(&c, WIRE_CHAT, "file");
    struct part *p = one_part(&c, PART_IMAGE);
    p->source = SOURCE_URL;
    p->data = STR("https://example.com/a.png");
    EXPECT_CANNOT(&c, WIRE_CHAT, "image_url");
    one_part(&c, PART_IMAGE)->source = SOURCE_ID;
    EXPECT_CANNOT(&c, WIRE_CHAT, "file_id");
    c = chat_of(DIALECT_ANTHROPIC);
    chat_tool_add(&c)->opaque = STR("web_search_20250305");
    EXPECT_CANNOT(&c, WIRE_CHAT, "tools.type");
    c = chat_of(DIALECT_OLLAMA);
    c.suffix = STR("x");
    EXPECT_CANNOT(&c, WIRE_CHAT, "suffix");
    c = chat_of(DIALECT_OLLAMA);
    c.raw_prompt = true;
    EXPECT_CANNOT(&c, WIRE_CHAT, "raw");
}

TEST(hints_are_lost_and_listed)
{
    struct chat c = chat_of(DIALECT_ANTHROPIC);
    say(&c, ROLE_USER, "a")->cache = STR("{}");
    c.last_message->name = STR("bob");
    struct part *p = more(&c, PART_OPAQUE);
    p->name = STR("search_result");
    p = more(&c, PART_FILE);
    p->source = SOURCE_TEXT;
    p->title = STR("n.txt");
    p->data = STR("note");
    p = more(&c, PART_IMAGE);
    p->source = SOURCE_URL;
    p->data = STR("data:image/png;base64,iVBO");
    p->detail = STR("low");
    more(&c, PART_HIDDEN)->text = STR("x");
    struct tool *t = chat_tool_add(&c);
    t->name = STR("f");
    t->schema = STR("{}");
    t->strict = STR("true");
    c.parallel = NO;
    c.user = STR("u");
    c.tier = STR("flex");
    chat_extra_add(&c, STR("context_management"), STR("{}"));
    EXPECT_WRITTEN(
        &c, WIRE_CHAT,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\\nn.txt\\nnote\",\"images\":[\"iVBO\"]}],"
        "\"tools\":"
        "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{}}}],\"stream\":false,\"truncate\":"
        "false}",
        " user service_tier cache_control search_result redacted_thinking name detail parallel_tool_calls tools.strict "
        "context_management");
}

/* --- both ---------------------------------------------------------------------------------------------------------------- */

static const struct {
    enum wire_op op;
    const char *body;
} round_trips[] = {
    {WIRE_CHAT, MESSAGES("")},
    {WIRE_CHAT,
     CHAT(
         "\"stream\":false,\"think\":true,\"truncate\":true,\"shift\":false,\"logprobs\":true,\"keep_alive\":\"-1m\"")},
    {WIRE_CHAT, CHAT("\"think\":\"max\",\"format\":\"json\",\"options\":{\"num_ctx\":4096,\"stop\":[\"a\",\"\"],"
                     "\"temperature\":1e-3,"
                     "\"seed\":9223372036854775808,\"num_predict\":5,\"odd\":{\"b\":1,\"a\":[null]}}")},
    {WIRE_CHAT, CHAT("\"think\":false,\"format\":{\"type\":\"object\",\"properties\":{\"z\":{\"type\":[\"string\","
                     "\"null\"]},\"a\":{}}}")},
    {WIRE_CHAT,
     CHAT("\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"description\":\"d\\u0000e\",\"parameters\":"
          "{\"z\":1.0}}}],"
          "\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"q\",\"images\":[\"/"
          "9j/\",\"AA\"]},"
          "{\"role\":\"assistant\",\"thinking\":\"t\",\"content\":\"c\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
          "\"arguments\":"
          "{\"n\":9007199254740993}}},{\"id\":\"x:1.2\",\"function\":{\"name\":\"g\",\"arguments\":\"free\"}}]},"
          "{\"role\":\"tool\",\"tool_name\":\"g\",\"content\":\"2\",\"images\":[\"R0lGOD\"]},{\"role\":\"tool\","
          "\"content\":\"1\"},"
          "{\"role\":\"user\",\"content\":\"\"},{\"role\":\"assistant\"}]")},
    {WIRE_GENERATE,
     CHAT("\"prompt\":\"p\",\"system\":\"s\",\"suffix\":\"x\",\"raw\":true,\"images\":[\"/9j/\"],\"context\":[1,2,3]")},
    {WIRE_GENERATE, CHAT("\"prompt\":\"\",\"keep_alive\":0,\"template\":\"{{.Prompt}}\"")},
};

TEST(what_is_read_and_written_reads_the_same)
{
    for (size_t i = 0; i < COUNT_OF(round_trips); i++) {
        AUTO_BUF struct buf first = BUF_INIT(MiB), text = BUF_INIT(MiB), second = BUF_INIT(MiB);
        struct lost lost = {.count = 0};
        struct chat c;
        struct err e = {0};
        if (read_request(&c, round_trips[i].op, round_trips[i].body, &e) < 0 ||
            write_request(&c, round_trips[i].op, &text, &lost, &e) < 0)
            test_fail(__FILE__, __LINE__, "%s: %s", round_trips[i].body, e.text);
        REQUIRE(e.code == 0);
        EXPECT(lost.count == 0);
        kit_chat(&first, &c, &arena);
        REQUIRE(read_request(&c, round_trips[i].op, buf_text(&text), &e) == 0);
        kit_chat(&second, &c, &arena);
        if (!str_eq(buf_str(&first), buf_str(&second)))
            test_fail(__FILE__, __LINE__, "%s\nbecame %.*s\nfirst:\n%.*s\nsecond:\n%.*s", round_trips[i].body,
                      STR_FMT(buf_str(&text)), STR_FMT(buf_str(&first)), STR_FMT(buf_str(&second)));
    }
}

TEST(a_result_further_back_than_we_look_keeps_its_id)
{
    AUTO_BUF struct buf body = BUF_INIT(MiB);
    struct chat c;
    (void)buf_append_text(&body, "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[");
    for (int i = 0; i < 300; i++)
        (void)buf_append_format(&body, "%s{\"id\":\"i%d\",\"function\":{\"name\":\"f\"}}", i ? "," : "", i);
    (void)buf_append_text(
        &body, "]},{\"role\":\"tool\",\"tool_call_id\":\"i0\"},{\"role\":\"tool\",\"tool_call_id\":\"i299\"},"
               "{\"role\":\"tool\",\"tool_name\":\"f\"}]}");
    REQUIRE(read_request(&c, WIRE_CHAT, buf_text(&body), NULL) == 0);
    const struct part *p = c.last_message->part;
    EXPECT_STR(p->id, "i0");
    EXPECT(p->name.len == 0);
    EXPECT_STR(p->next->name, "f");
    EXPECT_STR(p->next->next->id, "i44");
}

static int torture_round_trip(void *ctx)
{
    size_t i = *(size_t *)ctx;
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct chat c = {.arena = &a};
    struct err e = {0};
    struct chat_write w = {.op = round_trips[i].op, .model = STR("m"), .arena = &a, .lost = &lost};
    int rc = codec_ollama.request_read(&c, round_trips[i].op, str_from(round_trips[i].body), &e);
    rc = rc ? rc : codec_ollama.request_write(&c, &w, &out, &e);
    if (rc != 0 && rc != ERR_NOMEM)
        test_fail(__FILE__, __LINE__, "%s: %s", err_name(rc), e.text);
    arena_fini(&a);
    return rc;
}

TEST(requests_survive_torture)
{
    for (size_t i = 0; i < COUNT_OF(round_trips); i++)
        (void)test_torture("a request of Ollama's, both ways", torture_round_trip,
                           &i); /* counts and judges for itself */
    arena_fini(&arena);
}
