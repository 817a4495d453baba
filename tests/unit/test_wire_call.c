/* test_wire_call.c: what one scan of a request finds, and how little of it a rewrite changes. */
#include "test.h"
#include "wire/call_priv.h"
#include "wire/wire.h"

static int read_text(struct call *c, enum wire_op op, const char *body, struct arena *a, struct err *e)
{
    return call_read(c, op, str_from(body), a, e);
}

/* The request after the rewrite, as one text; it must be valid JSON. */
static void rewrite(const struct call *c, const struct call_rewrite *w, struct buf *out)
{
    struct str piece[2 * JSON_EDITS_MAX + 1];
    struct arena a = ARENA_INIT(MiB);
    int n = call_write(c, w, &a, piece);
    EXPECT(n > 0);
    for (int i = 0; i < n; i++)
        EXPECT(buf_append(out, piece[i]) == 0);
    EXPECT_I64(json_check(buf_str(out), NULL), 0);
    arena_fini(&a);
}

TEST(the_facts_of_an_agents_request_are_found)
{
    AUTO_BUF struct buf b = BUF_INIT(MiB);
    struct err e;
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    REQUIRE(buf_read_file(&b, "tests/golden/openai/request_agent.json", &e) == 0);
    REQUIRE(call_read(&c, WIRE_CHAT, buf_str(&b), &a, &e) == 0);
    EXPECT_STR(c.model, "hard");
    EXPECT_STR(str_of(c.body.ptr + c.model_offset, c.model_len), "\"hard\"");
    EXPECT(c.stream);
    EXPECT(!c.wants_usage);
    EXPECT_I64(c.insert_offset, 1);
    EXPECT_STR(str_of(c.body.ptr + c.stream_options_offset, c.stream_options_len), "{\"include_usage\":false}");
    EXPECT_STR(str_of(c.body.ptr + c.include_usage_offset, c.include_usage_len), "false");
    EXPECT_I64(c.needs, NEED_TOOLS | NEED_VISION | NEED_JSON);
    EXPECT_I64(c.format, FORMAT_JSON_SCHEMA);
    EXPECT_I64(c.max_tokens, 500);
    EXPECT_I64(c.choices, 1);
    EXPECT(c.text_bytes > 250 && c.text_bytes < 420); /* the image's 140 bytes are not among them */
    EXPECT(c.tokens_estimated > 860 && c.tokens_estimated < 960);
    EXPECT(call_has_member(&c, STR("temperature")));
    EXPECT(call_has_member(&c, STR("x_unknown")));
    EXPECT(!call_has_member(&c, STR("deep")));
    EXPECT(!call_has_member(&c, STR("max_tokens")));
    arena_fini(&a);
}

#define CHAT(members) "{\"model\":\"m\",\"messages\":[]," members "}"

TEST(a_request_that_is_wrong_is_refused_with_its_story)
{
    static const struct {
        enum wire_op op;
        const char *body;
        int rc;
        const char *story;
    } rows[] = {
        {WIRE_CHAT, "", ERR_SYNTAX, "ends too early"},
        {WIRE_CHAT, "{\"model\":\"m\",\"messages\":[]", ERR_SYNTAX, "ends too early"},
        {WIRE_CHAT, "{\"model\":\"m\",\"messages\":[]}}", ERR_SYNTAX, "follows the value"},
        {WIRE_CHAT, "{\"model\":\"m\",\"messages\":[],}", ERR_SYNTAX, "key is missing"},
        {WIRE_CHAT, CHAT("\"x\":\"\xFF\""), ERR_SYNTAX, "UTF-8"},
        {WIRE_CHAT, "[]", ERR_INVALID, "must be a JSON object"},
        {WIRE_CHAT, "\"x\"", ERR_INVALID, "must be a JSON object"},
        {WIRE_CHAT, "{}", ERR_INVALID, "model is missing"},
        {WIRE_CHAT, "{\"messages\":[]}", ERR_INVALID, "model is missing"},
        {WIRE_CHAT, "{\"model\":7,\"messages\":[]}", ERR_INVALID, "model must be a string"},
        {WIRE_CHAT, "{\"model\":null,\"messages\":[]}", ERR_INVALID, "model must be a string"},
        {WIRE_CHAT, "{\"model\":\"\",\"messages\":[]}", ERR_INVALID, "model is empty"},
        {WIRE_CHAT, "{\"model\":\"a\\r\\nx: y\",\"messages\":[]}", ERR_INVALID, "control character"},
        {WIRE_CHAT, "{\"model\":\"a\\u009b2J\",\"messages\":[]}", ERR_INVALID, "control character"},
        {WIRE_CHAT, "{\"model\":\"a\xc2\x80\",\"messages\":[]}", ERR_INVALID, "control character"},
        {WIRE_CHAT, "{\"model\":\"a\\u0000\",\"messages\":[]}", ERR_INVALID, "control character"},
        {WIRE_CHAT, "{\"model\":\"m\"}", ERR_INVALID, "messages is missing"},
        {WIRE_CHAT, "{\"model\":\"m\",\"prompt\":\"p\"}", ERR_INVALID, "messages is missing"},
        {WIRE_COMPLETIONS, "{\"model\":\"m\",\"messages\":[]}", ERR_INVALID, "prompt is missing"},
        {WIRE_EMBEDDINGS, "{\"model\":\"m\",\"prompt\":\"x\"}", ERR_INVALID, "input is missing"},
        {WIRE_CHAT, "{\"model\":\"m\",\"messages\":{}}", ERR_INVALID, "messages must be an array"},
        {WIRE_CHAT, "{\"model\":\"m\",\"messages\":[{},\"x\"]}", ERR_INVALID, "messages[1] must be an object"},
        {WIRE_COMPLETIONS, "{\"model\":\"m\",\"prompt\":7}", ERR_INVALID, "prompt must be"},
        {WIRE_EMBEDDINGS, "{\"model\":\"m\",\"input\":{}}", ERR_INVALID, "input must be"},
        {WIRE_CHAT, CHAT("\"stream\":\"true\""), ERR_INVALID, "stream must be true or false"},
        {WIRE_CHAT, CHAT("\"stream\":1"), ERR_INVALID, "stream must be true or false"},
        {WIRE_CHAT, CHAT("\"stream_options\":[]"), ERR_INVALID, "stream_options must be an object"},
        {WIRE_CHAT, CHAT("\"stream_options\":{\"include_usage\":1}"), ERR_INVALID,
         "include_usage must be true or false"},
        {WIRE_CHAT, CHAT("\"max_tokens\":\"5\""), ERR_INVALID, "max_tokens must be a whole number"},
        {WIRE_CHAT, CHAT("\"max_tokens\":1.5"), ERR_INVALID, "max_tokens must be a whole number"},
        {WIRE_CHAT, CHAT("\"max_completion_tokens\":1e300"), ERR_INVALID,
         "max_completion_tokens must be a whole number"},
        {WIRE_CHAT, CHAT("\"max_tokens\":1099511627777"), ERR_INVALID, "max_tokens must be a whole number"},
        {WIRE_CHAT, CHAT("\"n\":0"), ERR_INVALID, "n must be 1 to 128"},
        {WIRE_CHAT, CHAT("\"n\":129"), ERR_INVALID, "n must be 1 to 128"},
        {WIRE_CHAT, CHAT("\"n\":true"), ERR_INVALID, "n must be a whole number"},
        {WIRE_CHAT, CHAT("\"tools\":{}"), ERR_INVALID, "tools must be an array"},
        {WIRE_CHAT, CHAT("\"functions\":\"f\""), ERR_INVALID, "functions must be an array"},
        {WIRE_CHAT, CHAT("\"response_format\":\"json\""), ERR_INVALID, "response_format must be an object"},
        {WIRE_CHAT, CHAT("\"hearth\":[]"), ERR_INVALID, "hearth must be an object"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"class\":\"slow\"}"), ERR_INVALID, "hearth.class must be interactive or batch"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"class\":1}"), ERR_INVALID, "hearth.class must be interactive or batch"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"overflow\":\"\"}"), ERR_INVALID, "hearth.overflow must be error or drop_oldest"},
        {WIRE_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"x\",\"hearth\":{\"deadline_ms\":0}}", ERR_INVALID, "hearth.deadline_ms must be a whole number from 1"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"deadline_ms\":\"5\"}"), ERR_INVALID, "hearth.deadline_ms"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"deadline_ms\":1.5}"), ERR_INVALID, "hearth.deadline_ms"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"deadline_ms\":1e12}"), ERR_INVALID, "hearth.deadline_ms"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"conversation\":\"\"}"), ERR_INVALID, "hearth.conversation must be a text of 1 to 64 bytes"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"conversation\":\"0123456789012345678901234567890123456789012345678901234567890123x\"}"), ERR_INVALID, "hearth.conversation"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"class\":\"batch\",\"cl\\u0061ss\":\"batch\"}"), ERR_INVALID, "hearth.class is given twice"},
        {WIRE_CHAT, CHAT("\"hearth\":{\"priority\":1}"), ERR_INVALID, "and no others"},
        {WIRE_CHAT, CHAT("\"hearth\":{},\"hearth\":{}"), ERR_INVALID, "hearth is given twice"},
        {WIRE_CHAT, CHAT("\"Hearth\":{}"), ERR_INVALID, "spelled almost like hearth"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a = ARENA_INIT(MiB);
        struct call c;
        struct err e = {0};
        int rc = read_text(&c, rows[i].op, rows[i].body, &a, &e);
        if (rc != rows[i].rc || !str_contains_fold(str_from(e.text), str_from(rows[i].story)))
            test_fail(__FILE__, __LINE__, "%s: %d, %s", rows[i].body, rc, e.text);
        arena_fini(&a);
    }
}

TEST(a_member_of_ours_given_twice_is_refused_in_any_spelling)
{
    static const char *const twice[] = {
        "\"model\":\"x\"",
        "\"mod\\u0065l\":\"x\"",
        "\"Model\":\"x\"",
        "\"MOD\\u0045L\":\"x\"",
        "\"me\\u017f\xc5\xbf" "age\\u017f\":[]",
        "\"best_of\":2,\"best_of\":3",
        "\"\\u006dodel\":\"x\"",
        "\"messages\":[]",
        "\"m\\u0065ssages\":[]",
        "\"stream\":true,\"stre\\u0061m\":false",
        "\"stream\":null,\"stream\":true",
        "\"n\":1,\"\\u006e\":2",
        "\"n\":1,\"\\u006E\":2",
        "\"stream_options\":null,\"stream_options\":{}",
        "\"max_tokens\":1,\"max_tokens\":2",
        "\"max_completion_tokens\":1,\"max_\\u0063ompletion_tokens\":2",
        "\"tools\":[],\"tools\":[{}]",
        "\"functions\":[],\"functions\":[]",
        "\"response_format\":null,\"response_format\":{}",
        "\"prompt\":1,\"prompt\":1",
        "\"input\":1,\"input\":1",
        "\"stream_options\":{\"include_usage\":true,\"include_usage\":true}",
        "\"stream_options\":{\"include_usage\":true,\"includ\\u0065_usage\":false}",
        "\"stream_options\":{\"include_usage\":null,\"include_usage\":true}",
    };
    for (size_t i = 0; i < COUNT_OF(twice); i++) {
        AUTO_BUF struct buf b = BUF_INIT(1000);
        struct arena a = ARENA_INIT(MiB);
        struct call c;
        struct err e = {0};
        EXPECT(buf_append_format(&b, "{\"model\":\"m\",\"messages\":[],%s}", twice[i]) == 0);
        if (call_read(&c, WIRE_CHAT, buf_str(&b), &a, &e) != ERR_INVALID ||
            (!str_contains_fold(str_from(e.text), STR("given twice")) && !str_contains_fold(str_from(e.text), STR("spelled almost"))))
            test_fail(__FILE__, __LINE__, "%s: %s", twice[i], e.text);
        arena_fini(&a);
    }
}

TEST(what_is_not_ours_is_left_alone)
{
    static const char *const fine[] = {
        "\"x\":1,\"x\":2",
        "\"temperature\":\"hot\"",
        "\"metadata\":{\"model\":\"other\",\"model\":\"twice\"}",
        "\"stream\":null",
        "\"n\":null",
        "\"max_tokens\":null",
        "\"tools\":null",
        "\"response_format\":null",
        "\"stream_options\":null",
        "\"stream_options\":{}",
        "\"stream_options\":{\"include_usage\":null,\"x\":1,\"x\":2}",
        "\"max_tokens\":-1",
        "\"max_tokens\":5.0",
        "\"prompt\":7",
        "\"input\":{}",
        "\"response_format\":{\"type\":7}",
        "\"response_format\":{\"type\":\"grammar\",\"value\":1}",
        "\"n\":128",
        "\"Models\":\"x\"",
        "\"stop\":[1,2,3]",
    };
    for (size_t i = 0; i < COUNT_OF(fine); i++) {
        AUTO_BUF struct buf b = BUF_INIT(1000);
        struct arena a = ARENA_INIT(MiB);
        struct call c;
        struct err e = {0};
        EXPECT(buf_append_format(&b, " {\"model\":\"m\",\"messages\":[],%s}\n", fine[i]) == 0);
        if (call_read(&c, WIRE_CHAT, buf_str(&b), &a, &e) != 0 || c.stream || c.wants_usage || c.needs)
            test_fail(__FILE__, __LINE__, "%s: %s", fine[i], e.text);
        arena_fini(&a);
    }
}

TEST(the_content_says_what_it_needs)
{
#define USER(content) "\"messages\":[{\"role\":\"user\",\"content\":" content "}]"
    static const struct {
        const char *members;
        unsigned needs;
        enum wire_format format;
    } rows[] = {
        {USER("\"hi\""), 0, FORMAT_TEXT},
        {USER("null"), 0, FORMAT_TEXT},
        {USER("[{\"type\":\"text\",\"text\":\"image_url\"}]"), 0, FORMAT_TEXT},
        {USER("[{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://x\"}}]"), NEED_VISION, FORMAT_TEXT},
        {USER("[{\"image_url\":\"data:\",\"type\":\"image_url\"}]"), NEED_VISION, FORMAT_TEXT},
        {USER("[{\"type\":\"im\\u0061ge_url\",\"x\":1}]"), NEED_VISION, FORMAT_TEXT},
        {USER("[{\"image\\u005furl\":\"data:\"}]"), NEED_VISION, FORMAT_TEXT},
        {USER("[{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"AAAA\",\"format\":\"wav\"}}]"), NEED_AUDIO,
         FORMAT_TEXT},
        {USER("[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,AAAA\"}}]"), NEED_PDF, FORMAT_TEXT},
        {USER("[\"a\",7,null,{\"type\":7}]"), 0, FORMAT_TEXT},
        {USER("\"\"") ",\"tools\":[]", 0, FORMAT_TEXT},
        {USER("\"\"") ",\"tools\":[{}]", NEED_TOOLS, FORMAT_TEXT},
        {USER("\"\"") ",\"functions\":[{\"name\":\"f\"}]", NEED_TOOLS, FORMAT_TEXT},
        {USER("\"\"") ",\"response_format\":{\"type\":\"text\"}", 0, FORMAT_TEXT},
        {USER("\"\"") ",\"response_format\":{\"type\":\"json_object\"}", NEED_JSON, FORMAT_JSON_OBJECT},
        {USER("\"\"") ",\"response_format\":{\"json_schema\":{},\"type\":\"json\\u005fschema\"}", NEED_JSON,
         FORMAT_JSON_SCHEMA},
        {USER("[{\"type\":\"image_url\",\"image_url\":{}},{\"type\":\"input_audio\",\"input_audio\":null}]") ",\"tools"
                                                                                                             "\":[1]",
         NEED_VISION | NEED_AUDIO | NEED_TOOLS, FORMAT_TEXT},
    };
#undef USER
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf b = BUF_INIT(1000);
        struct arena a = ARENA_INIT(MiB);
        struct call c;
        struct err e = {0};
        EXPECT(buf_append_format(&b, "{%s,\"model\":\"m\"}", rows[i].members) == 0);
        if (call_read(&c, WIRE_CHAT, buf_str(&b), &a, &e) != 0 || c.needs != rows[i].needs ||
            c.format != rows[i].format)
            test_fail(__FILE__, __LINE__, "%s: %s, needs %u", rows[i].members, e.text, c.needs);
        arena_fini(&a);
    }
}

static int64_t text_bytes(enum wire_op op, const char *body, int64_t *tokens)
{
    struct arena a = ARENA_INIT(MiB);
    struct call c = {0};
    EXPECT_I64(read_text(&c, op, body, &a, NULL), 0);
    if (tokens)
        *tokens = c.tokens_estimated;
    arena_fini(&a);
    return c.text_bytes;
}

TEST(text_that_becomes_tokens_is_counted_and_nothing_else)
{
#define MESSAGE(members) "{\"model\":\"m\",\"messages\":[{" members "}]}"
    EXPECT_I64(text_bytes(WIRE_CHAT, MESSAGE("\"role\":\"user\",\"content\":\"hello\""), NULL), 5);
    EXPECT_I64(text_bytes(WIRE_CHAT, MESSAGE("\"content\":[{\"text\":\"abc\"},\"de\",{\"refusal\":\"f\"}]"), NULL), 6);
    EXPECT_I64(text_bytes(WIRE_CHAT,
                          MESSAGE("\"content\":[{\"image_url\":{\"url\":\"data:image/png;base64,AAAAAAAA\"}}]"), NULL),
               0);
    EXPECT_I64(text_bytes(WIRE_CHAT, MESSAGE("\"content\":[{\"file\":{\"file_data\":\"data:AAAAAAAA\"}}]"), NULL), 0);
    EXPECT_I64(text_bytes(WIRE_CHAT, MESSAGE("\"content\":[{\"input_audio\":{\"data\":\"AAAAAAAA\"}}]"), NULL), 0);
    EXPECT_I64(text_bytes(WIRE_CHAT, MESSAGE("\"reasoning_content\":\"abc\",\"name\":\"bob\",\"id\":\"xx\""), NULL), 6);
    EXPECT_I64(
        text_bytes(WIRE_CHAT,
                   MESSAGE("\"tool_calls\":[{\"id\":\"call_1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]"),
                   NULL),
        3);
    EXPECT_I64(text_bytes(WIRE_CHAT,
                          MESSAGE("\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}}]"), NULL),
               8);
    EXPECT_I64(text_bytes(WIRE_CHAT, MESSAGE("\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}"), NULL), 3);
    EXPECT_I64(
        text_bytes(WIRE_CHAT, "{\"model\":\"m\",\"messages\":[],\"tools\":[{\"a\":1},{}],\"user\":\"xxxxx\"}", NULL),
        9);
#undef MESSAGE
    EXPECT_I64(text_bytes(WIRE_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"abc\"}", NULL), 3);
    EXPECT_I64(text_bytes(WIRE_COMPLETIONS, "{\"model\":\"m\",\"prompt\":[\"abc\",\"de\"]}", NULL), 5);
    int64_t tokens;
    EXPECT_I64(text_bytes(WIRE_EMBEDDINGS, "{\"model\":\"m\",\"input\":[12,345,6]}", &tokens), 6);
    EXPECT_I64(tokens, 3);
    EXPECT_I64(text_bytes(WIRE_EMBEDDINGS, "{\"model\":\"m\",\"input\":[[12,345],[6],[]]}", &tokens), 6);
    EXPECT_I64(tokens, 3);
    EXPECT_I64(text_bytes(WIRE_EMBEDDINGS, "{\"model\":\"m\",\"input\":\"ab\",\"messages\":7}", NULL), 2);
}

TEST(an_image_costs_the_same_whatever_its_bytes)
{
    AUTO_BUF struct buf b = BUF_INIT(2 * MiB);
    EXPECT_I64(buf_append_text(
                   &b, "{\"model\":\"m\",\"messages\":[{\"content\":[{\"image_url\":{\"url\":\"data:image/png;base64,"),
               0);
    for (int i = 0; i < 100000; i++)
        EXPECT(buf_append_text(&b, "AAAAAAAAAA") == 0);
    EXPECT_I64(buf_append_text(&b, "\"}}]}]}"), 0);
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    EXPECT_I64(call_read(&c, WIRE_CHAT, buf_str(&b), &a, NULL), 0);
    EXPECT_I64(c.text_bytes, 0);
    EXPECT(c.tokens_estimated >= 800 && c.tokens_estimated < 820);
    arena_fini(&a);
}

TEST(limits_and_choices_are_read)
{
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    REQUIRE(read_text(&c, WIRE_CHAT, CHAT("\"x\":1"), &a, NULL) == 0);
    EXPECT_I64(c.max_tokens, -1);
    EXPECT_I64(c.choices, 1);
    REQUIRE(read_text(&c, WIRE_CHAT, CHAT("\"max_tokens\":-1,\"n\":3"), &a, NULL) == 0);
    EXPECT_I64(c.max_tokens, -1);
    EXPECT_I64(c.choices, 3);
    REQUIRE(read_text(&c, WIRE_CHAT, CHAT("\"max_tokens\":9,\"max_completion_tokens\":7"), &a, NULL) == 0);
    EXPECT_I64(c.max_tokens, 9);
    REQUIRE(read_text(&c, WIRE_CHAT, CHAT("\"max_completion_tokens\":0"), &a, NULL) == 0);
    EXPECT_I64(c.max_tokens, 0);
    arena_fini(&a);
}

TEST(an_escaped_model_name_is_understood)
{
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    REQUIRE(read_text(&c, WIRE_CHAT, "{ \"mod\\u0065l\" : \"gpt\\u002d4o\\/x\" , \"messages\":[]}", &a, NULL) == 0);
    EXPECT_STR(c.model, "gpt-4o/x");
    EXPECT_STR(str_of(c.body.ptr + c.model_offset, c.model_len), "\"gpt\\u002d4o\\/x\"");
    arena_fini(&a);
}

TEST(each_known_member_is_found_by_its_bit)
{
    for (int i = 0; i < CALL_MEMBER_COUNT; i++) {
        EXPECT(i == 0 || call_member_names[i - 1].len <= call_member_names[i].len);
        EXPECT_I64(call_member_find(call_member_names[i]), i);
        EXPECT_I64(call_member_find(str_slice(call_member_names[i], 1, 99)), CALL_MEMBER_NONE);
    }
    EXPECT_I64(call_member_find(STR("")), CALL_MEMBER_NONE);
    EXPECT_I64(call_member_find(STR("a_name_longer_than_any_of_the_usual_ones")), CALL_MEMBER_NONE);
    EXPECT_I64(call_member_find(STR("m\\u0061x_tokens")), CALL_MEMBER_max_tokens);
}

TEST(a_member_is_there_whatever_its_value_or_spelling)
{
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    REQUIRE(read_text(&c, WIRE_CHAT, CHAT("\"t\\u006fp_p\":null,\"\\u006dy_own\":{\"inner\":1},\"a\\\"b\":0"), &a,
                      NULL) == 0);
    EXPECT(call_has_member(&c, STR("top_p")));
    EXPECT(call_has_member(&c, STR("my_own")));
    EXPECT(call_has_member(&c, STR("a\"b")));
    EXPECT(call_has_member(&c, STR("model")));
    EXPECT(!call_has_member(&c, STR("inner")));
    EXPECT(!call_has_member(&c, STR("top_k")));
    EXPECT(!call_has_member(&c, STR("")));
    arena_fini(&a);
}

static void expect_rewrite(const char *body, struct call_rewrite w, const char *want)
{
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    struct err e = {0};
    if (read_text(&c, WIRE_CHAT, body, &a, &e) != 0) {
        test_fail(__FILE__, __LINE__, "%s: %s", body, e.text);
        return;
    }
    AUTO_BUF struct buf b = BUF_INIT(MiB);
    rewrite(&c, &w, &b);
    if (!str_eq(buf_str(&b), str_from(want)))
        test_fail(__FILE__, __LINE__, "%s\n  became   %.*s\n  expected %s", body, STR_FMT(buf_str(&b)), want);
    arena_fini(&a);
}

TEST(a_rewrite_changes_the_model_and_nothing_else)
{
    struct call_rewrite w = {.model = STR("b/c")};
    expect_rewrite("{\"model\":\"a\",\"messages\":[]}", w, "{\"model\":\"b/c\",\"messages\":[]}");
    expect_rewrite(" {\t\"messages\" : [ {\"model\":\"a\"} ],\n \"mod\\u0065l\" : \"\\u0061\" , \"x\":1e5}\n", w,
                   " {\t\"messages\" : [ {\"model\":\"a\"} ],\n \"mod\\u0065l\" : \"b/c\" , \"x\":1e5}\n");
    w.model = STR("say \"hi\"\n");
    expect_rewrite("{\"model\":\"a\",\"messages\":[]}", w, "{\"model\":\"say \\\"hi\\\"\\n\",\"messages\":[]}");
}

TEST(what_is_said_to_hearth_is_read_and_goes_no_further)
{
    static const struct {
        const char *members; /* of a request, with @ for the member */
        const char *left;
    } place[] = {
        {"{@,\"model\":\"a\",\"messages\":[]}", "{\"model\":\"b\",\"messages\":[]}"},
        {"{ \n@ ,\t\"model\":\"a\",\"messages\":[]}", "{\t\"model\":\"b\",\"messages\":[]}"},
        {"{\"model\":\"a\",@,\"messages\":[]}", "{\"model\":\"b\",\"messages\":[]}"},
        {"{\"model\":\"a\" , @ , \"messages\":[] }", "{\"model\":\"b\" , \"messages\":[] }"},
        {"{\"model\":\"a\",\"messages\":[], @ }", "{\"model\":\"b\",\"messages\":[] }"},
    };
    static const char *const member[] = {"\"hearth\":{\"class\":\"batch\",\"deadline_ms\":2500,\"overflow\":\"drop_oldest\",\"conversation\":\"c 1\"}",
                                         "\"he\\u0061rth\" : { \"cl\\u0061ss\":null }", "\"hearth\":null"};
    for (size_t i = 0; i < COUNT_OF(place); i++)
        for (size_t m = 0; m < COUNT_OF(member); m++) {
            const char *at = strchr(place[i].members, '@');
            char body[512];
            text_format(body, sizeof body, "%.*s%s%s", (int)(at - place[i].members), place[i].members, member[m], at + 1);
            expect_rewrite(body, (struct call_rewrite){.model = STR("b")}, place[i].left);
        }
    /* beside what is put in at the same place */
    const struct json_member own = {STR("own"), STR("1")};
    expect_rewrite("{\"hearth\":{},\"model\":\"a\",\"stream\":true,\"messages\":[]}", (struct call_rewrite){.model = STR("b"), .ask_usage = true, .defaults = &own, .default_count = 1},
                   "{\"stream_options\":{\"include_usage\":true},\"own\":1,\"model\":\"b\",\"stream\":true,\"messages\":[]}");
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    char body[512];
    text_format(body, sizeof body, "{\"model\":\"m\",\"messages\":[],%s}", member[0]);
    REQUIRE(read_text(&c, WIRE_CHAT, body, &a, NULL) == 0);
    EXPECT(c.hearth.class == CLASS_BATCH && c.hearth.deadline_ms == 2500 && c.hearth.overflow == OVERFLOW_DROP_OLDEST);
    EXPECT_STR(c.hearth.conversation, "c 1");
    REQUIRE(read_text(&c, WIRE_CHAT, CHAT("\"hearth\":{\"class\":\"interactive\",\"overflow\":\"error\"}"), &a, NULL) == 0);
    EXPECT(c.hearth.class == CLASS_INTERACTIVE && c.hearth.deadline_ms == 0 && c.hearth.overflow == OVERFLOW_ERROR && !c.hearth.conversation.len);
    REQUIRE(call_read_envelope(&c, WIRE_CHAT, STR("{\"model\":\"m\",\"hearth\":{\"class\":\"batch\"}}"), &a, NULL) == 0);
    EXPECT(c.hearth.class == CLASS_BATCH); /* in whichever dialect */
    arena_fini(&a);
}

TEST(usage_is_asked_for_with_the_smallest_edit)
{
#define BODY(rest) "{\"model\":\"a\",\"messages\":[]," rest "}"
#define BECOMES(rest) "{\"model\":\"b\",\"messages\":[]," rest "}"
    struct call_rewrite w = {.model = STR("b"), .ask_usage = true};
    expect_rewrite(BODY("\"stream\":true"), w,
                   "{\"stream_options\":{\"include_usage\":true},\"model\":\"b\",\"messages\":[],\"stream\":true}");
    expect_rewrite(BODY("\"stream\":true,\"stream_options\": null"), w,
                   BECOMES("\"stream\":true,\"stream_options\": {\"include_usage\":true}"));
    expect_rewrite(BODY("\"stream\":true,\"stream_options\":{}"), w,
                   BECOMES("\"stream\":true,\"stream_options\":{\"include_usage\":true}"));
    expect_rewrite(BODY("\"stream\":true,\"stream_options\":{ \n }"), w,
                   BECOMES("\"stream\":true,\"stream_options\":{\"include_usage\":true \n }"));
    expect_rewrite(BODY("\"stream\":true,\"stream_options\":{ \"x\":1}"), w,
                   BECOMES("\"stream\":true,\"stream_options\":{\"include_usage\":true, \"x\":1}"));
    expect_rewrite(BODY("\"stream_options\":{\"x\":1,\"includ\\u0065_usage\" : false },\"stream\":true"), w,
                   BECOMES("\"stream_options\":{\"x\":1,\"includ\\u0065_usage\" : true },\"stream\":true"));
    expect_rewrite(BODY("\"stream_options\":{\"include_usage\":null},\"stream\":true"), w,
                   BECOMES("\"stream_options\":{\"include_usage\":true},\"stream\":true"));
    expect_rewrite(BODY("\"stream_options\":{\"include_usage\":true},\"stream\":true"), w,
                   BECOMES("\"stream_options\":{\"include_usage\":true},\"stream\":true"));
    /* no stream, no question */
    expect_rewrite(BODY("\"stream\":false"), w, BECOMES("\"stream\":false"));
    expect_rewrite(BODY("\"stream_options\":{}"), w, BECOMES("\"stream_options\":{}"));
    w.ask_usage = false;
    expect_rewrite(BODY("\"stream\":true"), w, BECOMES("\"stream\":true"));
}

TEST(defaults_are_added_only_where_nothing_was_said)
{
    static const struct json_member defaults[] = {
        {STR("max_tokens"), STR("800")}, {STR("temperature"), STR("0.5")}, {STR("my \"own\""), STR("{\"a\":[1]}")}};
    struct call_rewrite w = {.model = STR("b"), .defaults = defaults, .default_count = COUNT_OF(defaults)};
    expect_rewrite(BODY("\"x\":1"), w,
                   "{\"max_tokens\":800,\"temperature\":0.5,\"my \\\"own\\\"\":{\"a\":[1]},"
                   "\"model\":\"b\",\"messages\":[],\"x\":1}");
    expect_rewrite(BODY("\"max_tokens\":5,\"temp\\u0065rature\":null,\"my \\u0022own\\\"\":0"), w,
                   BECOMES("\"max_tokens\":5,\"temp\\u0065rature\":null,\"my \\u0022own\\\"\":0"));
    expect_rewrite(
        BODY("\"max_completion_tokens\":5,\"my \\\"own\\\"\":0"), w,
        "{\"temperature\":0.5,\"model\":\"b\",\"messages\":[],\"max_completion_tokens\":5,\"my \\\"own\\\"\":0}");
    static const struct json_member newer[] = {{STR("max_completion_tokens"), STR("9")}};
    w = (struct call_rewrite){.model = STR("b"), .defaults = newer, .default_count = 1, .ask_usage = true};
    expect_rewrite(BODY("\"max_tokens\":5"), w, BECOMES("\"max_tokens\":5"));
    expect_rewrite(BODY("\"stream\":true"), w,
                   "{\"stream_options\":{\"include_usage\":true},\"max_completion_tokens\":9,\"model\":\"b\","
                   "\"messages\":[],\"stream\":true}");
#undef BODY
#undef BECOMES
}

TEST(a_default_is_added_only_to_calls_that_know_it)
{
    static const struct {
        enum wire_op op;
        const char *name;
        bool added;
    } rows[] = {
        {WIRE_CHAT, "max_tokens", true},        {WIRE_COMPLETIONS, "max_tokens", true}, {WIRE_EMBEDDINGS, "max_tokens", false},
        {WIRE_EMBEDDINGS, "temperature", false}, {WIRE_EMBEDDINGS, "stop", false},       {WIRE_EMBEDDINGS, "response_format", false},
        {WIRE_EMBEDDINGS, "dimensions", true},  {WIRE_CHAT, "dimensions", false},       {WIRE_COMPLETIONS, "tools", false},
        {WIRE_COMPLETIONS, "suffix", true},     {WIRE_CHAT, "suffix", false},           {WIRE_EMBEDDINGS, "my_own", true},
        {WIRE_CHAT, "my_own", true},            {WIRE_COMPLETIONS, "my_own", true},     {WIRE_EMBEDDINGS, "keep_alive", true},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct call c = {.op = rows[i].op};
        if (call_takes_default(&c, str_from(rows[i].name)) != rows[i].added)
            test_fail(__FILE__, __LINE__, "%s for operation %d", rows[i].name, (int)rows[i].op);
    }
    struct call e = {.op = WIRE_EMBEDDINGS};
    call_heed_default(&e, STR("tools"), STR("[{\"type\":\"function\"}]"));
    call_heed_default(&e, STR("response_format"), STR("{\"type\":\"json_object\"}"));
    EXPECT(e.needs == 0 && e.format == FORMAT_TEXT);
}

TEST(a_stream_option_is_never_added_twice)
{
    static const struct json_member defaults[] = {{STR("stream_options"), STR("{}")}};
    struct call_rewrite w = {.model = STR("b"), .defaults = defaults, .default_count = 1, .ask_usage = true};
    expect_rewrite("{\"model\":\"a\",\"messages\":[],\"stream\":true}", w,
                   "{\"stream_options\":{\"include_usage\":true},\"model\":\"b\",\"messages\":[],\"stream\":true}");
}

static int read_and_write_once(void *ctx)
{
    (void)ctx;
    static const struct json_member defaults[] = {{STR("max_tokens"), STR("800")}};
    struct call_rewrite w = {.model = STR("another"), .ask_usage = true, .defaults = defaults, .default_count = 1};
    struct str piece[2 * JSON_EDITS_MAX + 1];
    struct arena a = ARENA_INIT(MiB);
    struct call c;
    int rc = read_text(&c, WIRE_CHAT, "{\"model\":\"\\u0061\",\"messages\":[{\"content\":\"a\"}],\"stream\":true}", &a,
                       NULL);
    if (rc == 0)
        rc = call_write(&c, &w, &a, piece);
    EXPECT(rc == 5 || rc == ERR_NOMEM);
    arena_fini(&a);
    return rc == 5 ? 0 : rc;
}

TEST(running_out_of_memory_is_an_error_of_its_own)
{
    test_torture("call_read and call_write", read_and_write_once, NULL);
}

TEST(a_default_counts_as_if_the_client_had_sent_it)
{
    struct arena a = ARENA_INIT(64 * KiB);
    struct call c;
    struct str body = STR("{\"model\":\"m\",\"messages\":[],\"n\":1}");
    EXPECT_I64(call_read(&c, WIRE_CHAT, body, &a, NULL), 0);
    call_heed_default(&c, STR("response_format"), STR("{\"type\":\"json_object\"}"));
    call_heed_default(&c, STR("tools"), STR("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"));
    call_heed_default(&c, STR("best_of"), STR("3"));
    call_heed_default(&c, STR("n"), STR("2")); /* the client's stays */
    call_heed_default(&c, STR("temperature"), STR("nonsense"));
    EXPECT(c.format == FORMAT_JSON_OBJECT && c.needs == (NEED_JSON | NEED_TOOLS));
    EXPECT(c.choices == 1 && c.best_of == 3);
    EXPECT(!call_has_member(&c, STR("response_format")));
    arena_fini(&a);
}

static void expect_lead(const char *body, const char *lead, const char *tools)
{
    struct arena a = ARENA_INIT(1 * MiB);
    struct call c;
    struct err e = {0};
    EXPECT_I64(call_read(&c, WIRE_CHAT, str_from(body), &a, &e), 0);
    EXPECT_STR(c.lead, lead);
    EXPECT_STR(c.tools, tools);
    arena_fini(&a);
}

TEST(what_a_conversation_begins_with_ends_with_the_first_message_of_a_user)
{
    expect_lead("{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}, {\"content\":\"one\",\"role\":\"user\"}, {\"role\":\"user\",\"content\":\"two\"}]}",
                "{\"role\":\"system\",\"content\":\"s\"}, {\"content\":\"one\",\"role\":\"user\"}", "");
    expect_lead("{\"tools\":[{\"type\":\"function\"}],\"model\":\"m\",\"messages\":[{\"role\":\"\\u0075ser\"}]}", "{\"role\":\"\\u0075ser\"}", "[{\"type\":\"function\"}]");
    expect_lead("{\"model\":\"m\",\"tools\":null,\"messages\":[{\"role\":\"system\",\"content\":\"user\"},{\"role\":7},{\"role\":null},{}]}", "", "");
    expect_lead("{\"model\":\"m\",\"messages\":[]}", "", "");
}
