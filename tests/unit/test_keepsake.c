/* test_keepsake.c: what is kept of an upstream's words beside calls of tools: found by whom it belongs to, bounded, forgotten; and put
 * back into requests, by the writers and into bodies that pass. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include "test.h"

static struct arena arena = ARENA_INIT(64 * MiB);

struct digest {
    uint8_t of[KEEPSAKE_DIGEST_BYTES];
};

static struct digest digest(const char *key, const char *credential, const char *id, const char *arguments)
{
    struct digest d = {{0}};
    EXPECT(keepsake_digest(d.of, str_from(key), str_from(credential), str_from(id), str_from(arguments)));
    return d;
}

static void put(struct keepsakes *k, const char *id, struct str thought, int64_t now_ms)
{
    keepsakes_put(k, digest("k", "", id, "{}").of, &(struct keepsake){.thought = thought, .extra = STR("{}")}, now_ms);
}

static bool has(struct keepsakes *k, const char *id, int64_t now_ms)
{
    struct keepsake out;
    return keepsakes_find(k, digest("k", "", id, "{}").of, now_ms, &arena, &out);
}

/* --- the table ------------------------------------------------------------------------------------------------------- */

TEST(it_is_found_by_whom_it_belongs_to)
{
    static const char *const others[][4] = {
        {"other", "", "call_1", "{\"a\":1}"}, {"k", "cred", "call_1", "{\"a\":1}"}, {"k", "", "call_2", "{\"a\":1}"}, {"k", "", "call_1", "{\"a\":2}"},
        {"kc", "", "all_1", "{\"a\":1}"},     {"k", "", "call_1", "{\"a\":\"1\"}"},
    };
    static const char *const same[] = {"{\"a\":1,\"b\":\"\xc3\xa9 x\"}", " { \"a\" : 1 ,\n\"b\":\"\\u00e9 x\" } "};
    struct keepsakes *k = keepsakes_new();
    struct keepsake out;
    struct digest mine = digest("k", "", "call_1", "{\"a\":1}");
    keepsakes_put(k, mine.of, &(struct keepsake){STR("thought"), STR("{\"x\":1}"), STR("rs_1"), STR("ENC"), STR("[{}]")}, 1000);
    REQUIRE(keepsakes_find(k, mine.of, 1000, &arena, &out));
    EXPECT_STR(out.thought, "thought");
    EXPECT_STR(out.extra, "{\"x\":1}");
    EXPECT_STR(out.sealed_id, "rs_1");
    EXPECT_STR(out.sealed, "ENC");
    EXPECT_STR(out.details, "[{}]");
    for (size_t i = 0; i < COUNT_OF(others); i++)
        EXPECT(!keepsakes_find(k, digest(others[i][0], others[i][1], others[i][2], others[i][3]).of, 1000, &arena, &out));
    struct digest a = digest("k", "", "c", same[0]), b = digest("k", "", "c", same[1]); /* as another library writes it */
    EXPECT(memcmp(&a, &b, sizeof a) == 0);
    a = digest("k", "", "c", "");
    b = digest("k", "", "c", "{}");
    EXPECT(memcmp(&a, &b, sizeof a) == 0);
    keepsakes_unref(k);
    arena_fini(&arena);
}

TEST(it_is_forgotten_an_hour_after_its_last_use)
{
    struct keepsakes *k = keepsakes_new();
    put(k, "a", STR("x"), 0);
    put(k, "b", STR("x"), 0);
    EXPECT(has(k, "a", KEEPSAKE_LIFE_MS - 1)); /* and is young again */
    EXPECT(!has(k, "b", KEEPSAKE_LIFE_MS));
    EXPECT(has(k, "a", KEEPSAKE_LIFE_MS));
    EXPECT(!has(k, "a", 3 * (int64_t)KEEPSAKE_LIFE_MS));
    keepsakes_unref(k);
    arena_fini(&arena);
}

TEST(there_is_never_more_than_its_bounds)
{
    static char large[KEEPSAKE_ONE_MAX];
    struct keepsakes *k = keepsakes_new();
    put(k, "first", STR("x"), 0);
    for (int i = 0; i < KEEPSAKE_COUNT_MAX - 1; i++)
        put(k, arena_format(&arena, "n%d", i), STR("x"), 1);
    EXPECT(has(k, "first", 2)); /* all of them fit; now it is the newest */
    put(k, "one-more", STR("x"), 3);
    EXPECT(has(k, "first", 4) && has(k, "one-more", 4));
    EXPECT(!has(k, "n0", 4) && has(k, "n1", 4));
    memset(large, 'l', sizeof large);
    put(k, "too-large", str_of(large, sizeof large), 5);
    EXPECT(!has(k, "too-large", 5));
    struct str half = str_of(large, sizeof large / 2);
    for (int i = 0; i < 2 * KEEPSAKE_BYTES_MAX / KEEPSAKE_ONE_MAX + 1; i++)
        put(k, arena_format(&arena, "l%d", i), half, 6);
    arena_fini(&arena);
    EXPECT(!has(k, "first", 7) && !has(k, "l0", 7));
    EXPECT(has(k, "l2", 7) && has(k, arena_format(&arena, "l%d", 2 * KEEPSAKE_BYTES_MAX / KEEPSAKE_ONE_MAX), 7));
    put(k, "l2", STR("anew"), 8);
    struct keepsake out;
    REQUIRE(keepsakes_find(k, digest("k", "", "l2", "{}").of, 8, &arena, &out));
    EXPECT_STR(out.thought, "anew");
    keepsakes_unref(k);
    arena_fini(&arena);
}

TEST(memory_that_is_out_loses_it_and_no_more)
{
    struct keepsakes *k = keepsakes_new();
    mem_fail_at(1);
    keepsakes_put(k, digest("k", "", "a", "{}").of, &(struct keepsake){.thought = STR("x")}, 0);
    mem_fail_at(0);
    for (long n = 1; n <= 2; n++) {
        struct digest d = digest("k", "", "b", "{}");
        mem_fail_at(n);
        keepsakes_put(k, d.of, &(struct keepsake){.thought = STR("x")}, 0);
        mem_fail_at(0);
        EXPECT(has(k, "b", 0) == (n == 2));
    }
    keepsakes_unref(k);
    arena_fini(&arena);
}

/* --- back into requests ---------------------------------------------------------------------------------------------- */

static bool find(void *ctx, const struct part *call, struct keepsake *out)
{
    (void)ctx;
    if (!str_eq(call->id, STR("known")))
        return false;
    *out = (struct keepsake){STR("so \"it\" is"), STR("{\"google\":{\"thought_signature\":\"S\"}}"), STR("rs_1"), STR("ENC"),
                             STR("[{\"data\":\"E\"}]")};
    return true;
}
static const struct recall recall = {find, NULL};

#define CALL(id, more) "{" more "\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}"
#define TURN(more, calls) "{" more "\"role\":\"assistant\",\"tool_calls\":[" calls "]}"
#define SIGNED "\"extra_content\":{\"google\":{\"thought_signature\":\"S\"}},"
#define DUMMY "\"extra_content\":" "{\"google\":{\"thought_signature\":\"skip_thought_signature_validator\"}},"

TEST(a_body_that_passes_is_mended_where_it_has_to_be)
{
    static const struct {
        enum openai_mend what;
        const char *body, *want; /* NULL: untouched */
    } cases[] = {
        {MEND_THOUGHT, "{\"messages\":[" TURN("", CALL("known", "")) "]}",
         "{\"messages\":[" TURN("\"reasoning_content\":\"so \\\"it\\\" is\",", CALL("known", "")) "]}"},
        {MEND_THOUGHT, "{\"messages\":[{\"role\":\"user\"}, " TURN(" ", CALL("new", "")) ", " TURN("", CALL("x", "") "," CALL("known", "")) " ], \"n\": 1.0}",
         "{\"messages\":[{\"role\":\"user\"}, " TURN("\"reasoning_content\":\"\", ", CALL("new", "")) ", "
         TURN("\"reasoning_content\":\"so \\\"it\\\" is\",", CALL("x", "") "," CALL("known", "")) " ], \"n\": 1.0}"},
        {MEND_THOUGHT, "{\"messages\":[" TURN("\"reasoning_content\":null,", CALL("known", "")) "]}",
         "{\"messages\":[" TURN("\"reasoning_content\":\"so \\\"it\\\" is\",", CALL("known", "")) "]}"},
        {MEND_THOUGHT, "{\"messages\":[" TURN("\"reasoning_content\":\"\",", CALL("known", "")) "]}", NULL},
        {MEND_THOUGHT, "{\"messages\":[" TURN("", "") ",{\"role\":\"assistant\",\"tool_calls\":null},{\"role\":\"assistant\",\"tool_calls\":{}}]}", NULL},
        {MEND_THOUGHT, "{\"messages\":[{\"role\":\"user\",\"tool_calls\":[" CALL("known", "") "]}]}", NULL},
        {MEND_THOUGHT, "{\"thinking\":{\"type\":\"disabled\"},\"messages\":[" TURN("", CALL("known", "")) "]}", NULL},
        {MEND_THOUGHT, "{\"messages\":[" TURN("", CALL("known", "")) "],\"thinking\":{\"type\":\"disabled\"}}", NULL},
        {MEND_THOUGHT, "{\"messages\":\"tool_calls\",\"tool_calls\":1}", NULL},
        {MEND_SIGNATURE, "{\"messages\":[" TURN("", CALL("known", "") "," CALL("new", "")) "]}",
         "{\"messages\":[" TURN("", CALL("known", SIGNED) "," CALL("new", "")) "]}"},
        {MEND_SIGNATURE, "{\"messages\":[" TURN("", CALL("new", "") ", " CALL("known", "")) "]}",
         "{\"messages\":[" TURN("", CALL("new", DUMMY) ", " CALL("known", SIGNED)) "]}"},
        {MEND_SIGNATURE, "{\"messages\":[" TURN("", CALL("known", SIGNED)) "]}", NULL},
        {MEND_DETAILS, "{\"messages\":[" TURN("", CALL("new", "")) "," TURN("", CALL("x", "") "," CALL("known", "")) "]}",
         "{\"messages\":[" TURN("", CALL("new", "")) "," TURN("\"reasoning_details\":[{\"data\":\"E\"}],", CALL("x", "") "," CALL("known", "")) "]}"},
        {MEND_DETAILS, "{\"messages\":[" TURN("\"reasoning_details\": null,", CALL("known", "")) "]}",
         "{\"messages\":[" TURN("\"reasoning_details\": [{\"data\":\"E\"}],", CALL("known", "")) "]}"},
        {MEND_DETAILS, "{\"messages\":[" TURN("\"reasoning_details\":[],", CALL("known", "")) "]}", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        struct json_edit edit;
        struct str body = str_from(cases[i].body);
        REQUIRE(openai_mend(body, cases[i].what, &recall, &arena, &edit) == 0);
        (void)buf_append(&out, str_slice(body, 0, edit.offset));
        (void)buf_append(&out, edit.with);
        (void)buf_append(&out, str_skip(body, edit.offset + edit.len));
        EXPECT_STR(buf_str(&out), cases[i].want ? cases[i].want : cases[i].body);
        EXPECT((edit.with.len > 0) == (cases[i].want != NULL));
    }
    arena_fini(&arena);
}

static struct str written(const char *vendor, const char *model, enum dialect to, bool thought_of)
{
    static struct buf out = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct chat c = {.arena = &arena, .from = DIALECT_ANTHROPIC, .max_tokens = -1, .budget = -1, .choices = 1};
    struct message *m = chat_message_add(&c, ROLE_ASSISTANT);
    struct part *p;
    if (thought_of)
        chat_part_add(&c, &m->part, PART_REASONING)->text = STR("mine");
    p = chat_part_add(&c, &m->part, PART_CALL);
    p->id = STR("known");
    p->name = STR("f");
    chat_part_add(&c, &chat_message_add(&c, ROLE_USER)->part, PART_RESULT)->id = STR("known");
    struct model_row row = {.reasoning = true};
    chat_tool_add(&c)->name = STR("f");
    struct chat_write w = {.op = WIRE_CHAT, .model = str_from(model), .vendor = vendor_find(str_from(vendor)), .fact = &row, .arena = &arena,
                           .lost = &lost, .recall = &recall};
    buf_clear(&out);
    EXPECT(codec_of(to)->request_write(&c, &w, &out, NULL) == 0);
    return buf_str(&out);
}

TEST(writers_put_it_back)
{
    EXPECT(str_find(written("deepseek", "deepseek-flash", DIALECT_OPENAI, false), STR("\"reasoning_content\":\"so \\\"it\\\" is\"")) > 0);
    EXPECT(str_find(written("deepseek", "deepseek-flash", DIALECT_OPENAI, true), STR("\"reasoning_content\":\"mine\"")) > 0);
    EXPECT(str_find(written("moonshot", "kimi-k2.6", DIALECT_OPENAI, false), STR("\"reasoning_content\":\"so \\\"it\\\" is\"")) > 0);
    EXPECT(str_find(written("openrouter", "x/y", DIALECT_OPENAI, true), STR("\"reasoning_details\":[{\"data\":\"E\"}],\"tool_calls\"")) > 0);
    EXPECT(str_find(written("groq", "x", DIALECT_OPENAI, false), STR("so \\\"it\\\"")) < 0);
    EXPECT(str_find(written("gemini", "gemini-3-pro", DIALECT_OPENAI, false), STR("\"thought_signature\":\"S\"")) > 0);
    EXPECT(str_find(written("gemini", "gemini-2.5-pro", DIALECT_OPENAI, false), STR("thought_signature")) < 0);
    struct str r = written("openai", "gpt-6-luna", DIALECT_RESPONSES, false);
    EXPECT(str_find(r, STR("\"include\":[\"reasoning.encrypted_content\"]")) > 0);
    EXPECT(str_find(r, STR("{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[],\"encrypted_content\":\"ENC\"},{\"type\":\"function_call\"")) > 0);
    arena_fini(&arena);
}

/* Texts of one place go on from element to element, up to their seal; what is encrypted stands alone; nothing is dropped. */
TEST(thinking_in_pieces_becomes_the_list_that_was_meant)
{
    static const struct {
        const char *pieces, *whole;
    } cases[] = {
        {"[]", "[]"},
        {"[{\"type\":\"reasoning.text\",\"text\":\"a\",\"x\":1}]", "[{\"type\":\"reasoning.text\",\"text\":\"a\",\"x\":1}]"},
        {"[{\"type\":\"reasoning.text\",\"text\":\"a \\\"\",\"format\":\"f\",\"index\":0,\"signature\":null},"
         "{\"type\":\"reasoning.text\",\"text\":\"b\",\"index\":0},{\"type\":\"reasoning.text\",\"signature\":\"S\",\"index\":0},"
         "{\"type\":\"reasoning.text\",\"text\":\"c\",\"index\":0}]",
         "[{\"type\":\"reasoning.text\",\"text\":\"a \\\"b\",\"signature\":\"S\",\"format\":\"f\",\"index\":0},"
         "{\"type\":\"reasoning.text\",\"text\":\"c\",\"index\":0}]"},
        {"[{\"type\":\"reasoning.summary\",\"summary\":\"a\",\"id\":\"i\",\"index\":0},{\"type\":\"reasoning.summary\",\"summary\":\"b\",\"index\":0},"
         "{\"type\":\"reasoning.encrypted\",\"data\":\"D\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"E\",\"index\":0},"
         "{\"type\":\"reasoning.summary\",\"summary\":\"c\",\"index\":1},{\"type\":\"reasoning.summary\",\"summary\":\"d\",\"index\":2}]",
         "[{\"type\":\"reasoning.summary\",\"summary\":\"ab\",\"id\":\"i\",\"index\":0},"
         "{\"type\":\"reasoning.encrypted\",\"data\":\"D\",\"index\":0},{\"type\":\"reasoning.encrypted\",\"data\":\"E\",\"index\":0},"
         "{\"type\":\"reasoning.summary\",\"summary\":\"c\",\"index\":1},{\"type\":\"reasoning.summary\",\"summary\":\"d\",\"index\":2}]"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        EXPECT_I64(openai_details_join(str_from(cases[i].pieces), &out), 0);
        EXPECT_STR(buf_str(&out), cases[i].whole);
    }
}

/* A new id begins the next call, what has none goes on with the last; choices count for themselves. */
TEST(calls_without_a_number_are_numbered)
{
#define CHUNK(choice, calls) "{\"choices\":[{\"delta\":{\"tool_calls\":[" calls "]},\"index\":" choice "}] }"
    static const struct {
        const char *data, *want; /* NULL: untouched */
    } cases[] = {
        {CHUNK("0", "{\"id\":\"a\"}, {\"id\":\"b\"}"), CHUNK("0", "{\"index\":0,\"id\":\"a\"}, {\"index\":1,\"id\":\"b\"}")},
        {CHUNK("0", "{\"function\":{\"arguments\":\"x\"}}"), CHUNK("0", "{\"index\":1,\"function\":{\"arguments\":\"x\"}}")},
        {CHUNK("1", "{\"id\":\"c\"}"), CHUNK("1", "{\"index\":0,\"id\":\"c\"}")},
        {CHUNK("0", "{\"index\":4,\"id\":\"d\"}"), NULL},
        {CHUNK("0", "{\"id\":\"e\"}"), CHUNK("0", "{\"index\":5,\"id\":\"e\"}")},
        {CHUNK("0", "{}, 1"), NULL},
        {CHUNK("99", "{\"id\":\"f\"}"), NULL},
        {"{\"choices\":[{\"delta\":{\"content\":\"tool_calls\"}},null],\"tool_calls\":1}", NULL},
    };
    struct openai_numbers n = {{0}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf out = BUF_INIT(MiB);
        EXPECT_I64(openai_calls_number(&n, str_from(cases[i].data), &out), 0);
        EXPECT_STR(buf_str(&out), cases[i].want ? cases[i].want : "");
    }
}
