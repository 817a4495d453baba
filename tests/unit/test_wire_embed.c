/* test_wire_embed.c: questions for vectors and their answers, between OpenAI's dialect and Ollama's. */
#include "test.h"
#include "wire/embed.h"

static struct arena arena;

static int read_question(struct embed *m, enum dialect from, enum wire_op op, const char *body, struct err *e)
{
    arena_fini(&arena);
    arena = ARENA_INIT(16 * MiB);
    *m = (struct embed){.arena = &arena};
    return embed_read(m, from, op, str_from(body), e);
}

/* `want` NULL: refused, with `story`; else the request that is written, and the names that are lost, each behind a blank. */
struct question {
    enum dialect from;
    enum wire_op op;
    const char *body;
    enum dialect to;
    enum wire_op to_op;
    const char *want, *story;
};

static void check_question(int i, const struct question *q)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB), names = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct embed m;
    struct err e = {0};
    int rc = read_question(&m, q->from, q->op, q->body, &e);
    struct chat_write w = {.op = q->to_op, .model = STR("up"), .arena = &arena, .lost = &lost};
    rc = rc ? rc : embed_write(&m, q->to, &w, &got, &e);
    for (int k = 0; k < lost.count; k++)
        (void)buf_append_format(&names, " %.*s", STR_FMT(lost.name[k]));
    if (!q->want && ((rc != ERR_INVALID && rc != ERR_SYNTAX) || str_find(str_from(e.text), str_from(q->story)) < 0))
        test_fail(__FILE__, __LINE__, "%d: %s %s, expected \"%s\"", i, err_name(rc), e.text, q->story);
    if (q->want && (rc || !str_eq(buf_str(&got), str_from(q->want))))
        test_fail(__FILE__, __LINE__, "%d: %d %s, got:\n%.*s\nexpected:\n%s", i, rc, e.text, STR_FMT(buf_str(&got)),
                  q->want);
    if (q->want && !str_eq(buf_str(&names), str_from(q->story)))
        test_fail(__FILE__, __LINE__, "%d: lost%.*s, expected%s", i, STR_FMT(buf_str(&names)), q->story);
}

#define OPENAI DIALECT_OPENAI, WIRE_EMBEDDINGS
#define EMBED DIALECT_OLLAMA, WIRE_EMBEDDINGS
#define ONE DIALECT_OLLAMA, WIRE_EMBED_ONE
#define M "{\"model\":\"m\","

TEST(questions_go_both_ways)
{
    static const struct question cases[] = {
        {OPENAI, M "\"input\":\"a\\u0062\",\"encoding_format\":\"base64\"}", EMBED,
         "{\"model\":\"up\",\"input\":\"ab\",\"truncate\":false}", ""},
        {OPENAI, M "\"input\":[\"a\",\"\"],\"dimensions\":256,\"user\":\"u\",\"input_type\":\"query\"}", EMBED,
         "{\"model\":\"up\",\"input\":[\"a\",\"\"],\"dimensions\":256,\"truncate\":false}", " user input_type"},
        {OPENAI, M "\"input\":\"a\",\"truncate\":true,\"options\":{\"num_ctx\":8192},\"keep_alive\":\"1h\"}", EMBED,
         "{\"model\":\"up\",\"input\":\"a\",\"truncate\":true,\"options\":{\"num_ctx\":8192},\"keep_alive\":\"1h\"}",
         ""},
        {OPENAI, M "\"input\":[[1,2],[3]],\"encoding_format\":\"base64\",\"user\":\"u\",\"x\":[1, 2]}", OPENAI,
         "{\"model\":\"up\",\"input\":[[1,2],[3]],\"encoding_format\":\"base64\",\"user\":\"u\",\"x\":[1, 2]}", ""},
        {OPENAI, M "\"input\":[1, 2]}", OPENAI, "{\"model\":\"up\",\"input\":[1, 2]}", ""},
        {OPENAI, M "\"input\":\"a\",\"dimensions\":2}", ONE, "{\"model\":\"up\",\"prompt\":\"a\",\"truncate\":false}",
         " dimensions"},
        {EMBED, M "\"input\":\"a\",\"truncate\":true,\"keep_alive\":0,\"options\":{\"a\":1},\"dimensions\":0}", OPENAI,
         "{\"model\":\"up\",\"input\":\"a\"}", " truncate keep_alive options"},
        {EMBED, M "\"input\":[\"a\",\"b\"],\"keep_alive\":0,\"prompt\":\"zz\"}", EMBED,
         "{\"model\":\"up\",\"input\":[\"a\",\"b\"],\"keep_alive\":0}", " prompt"},
        {EMBED, M "\"input\":\"\"}", EMBED, "{\"model\":\"up\",\"input\":[]}", ""},
        {EMBED, M "\"input\":[]}", EMBED, "{\"model\":\"up\",\"input\":[]}", ""},
        {EMBED, "{\"model\":\"m\"}", OPENAI, "{\"model\":\"up\",\"input\":[]}", ""},
        {ONE, M "\"prompt\":\"p\",\"options\":{},\"input\":\"zz\"}", OPENAI, "{\"model\":\"up\",\"input\":\"p\"}",
         " options input"},
        {ONE, M "\"prompt\":\"p\"}", EMBED, "{\"model\":\"up\",\"input\":\"p\"}", ""},
        {ONE, M "\"prompt\":\"\"}", ONE, "{\"model\":\"up\",\"prompt\":\"\"}", ""},
        {OPENAI, M "\"input\":\"a\",\"encoding_format\":null,\"dimensions\":null,\"user\":null}", OPENAI,
         "{\"model\":\"up\",\"input\":\"a\"}", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_question((int)i, &cases[i]);
}

TEST(refusals_name_the_member)
{
    static const struct question cases[] = {
        {OPENAI, M "\"input\":[1,2]}", EMBED, NULL, "check_embedding_ctx_length=False"},
        {OPENAI, M "\"input\":[\"a\",[1]]}", EMBED, NULL, "input is token ids"},
        {OPENAI, M "\"input\":[\"a\",\"b\"]}", ONE, NULL, "input has several texts"},
        {OPENAI, M "\"input\":5}", OPENAI, NULL, "input must be a string or a list of strings, or of token ids"},
        {OPENAI, M "\"input\":[1,\"a\"]}", OPENAI, NULL, "input must be"},
        {OPENAI, M "\"input\":[[1.5]]}", OPENAI, NULL, "input must be"},
        {OPENAI, M "\"input\":[-1]}", OPENAI, NULL, "input must be"},
        {OPENAI, M "\"input\":[null]}", OPENAI, NULL, "input must be"},
        {EMBED, M "\"input\":[[1]]}", EMBED, NULL, "input must be a string or a list of strings"},
        {EMBED, M "\"input\":[1]}", EMBED, NULL, "input must be"},
        {ONE, M "\"prompt\":[\"a\"]}", ONE, NULL, "prompt must be a string"},
        {OPENAI, "{\"model\":\"m\"}", OPENAI, NULL, "input is missing"},
        {OPENAI, "{\"input\":\"a\"}", OPENAI, NULL, "model is missing"},
        {OPENAI, "{\"model\":7}", OPENAI, NULL, "model must be a string"},
        {OPENAI, "{\"model\":\"a\\nb\"}", OPENAI, NULL, "model holds a control character"},
        {OPENAI, M "\"model\":\"n\"}", OPENAI, NULL, "model is given twice"},
        {OPENAI, M "\"m\\u006fdel\":\"n\"}", OPENAI, NULL, "model is given twice"},
        {EMBED, M "\"INPUT\":\"a\"}", EMBED, NULL, "spelled almost like input"},
        {EMBED, M "\"Prompt\":\"a\"}", EMBED, NULL, "spelled almost like prompt"},
        {OPENAI, M "\"input\":\"a\",\"encoding_format\":\"int8\"}", OPENAI, NULL,
         "encoding_format must be float or base64"},
        {OPENAI, M "\"input\":\"a\",\"dimensions\":1.5}", OPENAI, NULL, "dimensions must be a whole number"},
        {OPENAI, M "\"input\":\"a\",\"user\":1}", OPENAI, NULL, "user must be a string"},
        {OPENAI, "[]", OPENAI, NULL, "the body must be a JSON object"},
        {OPENAI, M "\"input\":[\"a\"", OPENAI, NULL, "not valid JSON"},
        {OPENAI, M "\"input\":[[1,", OPENAI, NULL, "not valid JSON"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_question((int)i, &cases[i]);
}

TEST(a_question_has_a_size)
{
    struct embed m;
    struct call facts = {0};
    REQUIRE(read_question(&m, OPENAI, M "\"input\":[[1,2,3],[],[4]]}", NULL) == 0);
    embed_facts(&m, &facts);
    EXPECT_I64(facts.tokens_estimated, 4);
    REQUIRE(read_question(&m, EMBED, M "\"input\":[\"the quick brown fox\",\"b\"]}", NULL) == 0);
    facts = (struct call){0};
    embed_facts(&m, &facts);
    EXPECT_I64(facts.text_bytes, 20);
    EXPECT(facts.tokens_estimated >= 4 && facts.tokens_estimated <= 8);
}

/* One more than OpenAI takes at once: it says so itself; all of them go on, in their order. */
TEST(more_inputs_than_a_vendor_takes_all_go_on)
{
    enum { INPUTS = 2049 };
    AUTO_BUF struct buf body = BUF_INIT(1 * MiB);
    struct embed m;
    int n = 0;
    (void)buf_append_text(&body, "{\"model\":\"m\",\"input\":[");
    for (int i = 0; i < INPUTS; i++)
        (void)buf_append_format(&body, "%s\"t%d\"", i ? "," : "", i);
    (void)buf_append_text(&body, "]}");
    REQUIRE(read_question(&m, OPENAI, buf_text(&body), NULL) == 0);
    EXPECT_I64(m.count, INPUTS);
    for (const struct embed_input *in = m.input; in; in = in->next, n++) {
        char want[16];
        text_format(want, sizeof want, "t%d", n);
        if (!str_eq(in->text, str_from(want)))
            test_fail(__FILE__, __LINE__, "input %d is %.*s", n, STR_FMT(in->text));
    }
    EXPECT_I64(n, INPUTS);
}

/* --- answers -------------------------------------------------------------------------------------------------------------- */

struct reply {
    enum dialect from;
    const char *body;
    struct embed asked;
    const char *want; /* NULL: ERR_SYNTAX */
};

static void check_reply(int i, const struct reply *r)
{
    AUTO_BUF struct buf got = BUF_INIT(MiB);
    arena_fini(&arena);
    arena = ARENA_INIT(16 * MiB);
    struct embed_answer a = {.arena = &arena};
    struct err e = {0};
    int rc = embed_answer_read(&a, r->from, str_from(r->body), &e);
    a.model = STR("mine");
    a.elapsed_us = 3;
    rc = rc ? rc : embed_answer_write(&a, &r->asked, &got);
    if (!r->want && rc != ERR_SYNTAX)
        test_fail(__FILE__, __LINE__, "%d: %d, expected ERR_SYNTAX", i, rc);
    if (r->want && (rc || !str_eq(buf_str(&got), str_from(r->want))))
        test_fail(__FILE__, __LINE__, "%d: %d %s, got:\n%.*s\nexpected:\n%s", i, rc, e.text, STR_FMT(buf_str(&got)),
                  r->want);
}

#define AS_OPENAI              \
    {                          \
        .from = DIALECT_OPENAI \
    }
#define AS_BASE64                              \
    {                                          \
        .from = DIALECT_OPENAI, .base64 = true \
    }
#define AS_OLLAMA              \
    {                          \
        .from = DIALECT_OLLAMA \
    }
#define AS_ONE                                 \
    {                                          \
        .from = DIALECT_OLLAMA, .single = true \
    }
#define ITEM(index, vector) "{\"object\":\"embedding\",\"index\":" index ",\"embedding\":" vector "}"
#define LIST(items) "{\"object\":\"list\",\"data\":[" items "],\"model\":\"mine\""

/* 1, -2.5, 0.1 and the smallest float: 0000803F 000020C0 CDCCCC3D 01000000 */
#define FOUR "[1,-2.5,1e-1,1.40129846e-45]"
#define FOUR_BASE64 "\"AACAPwAAIMDNzMw9AQAAAA==\""

TEST(answers_go_both_ways)
{
    static const struct reply cases[] = {
        {DIALECT_OLLAMA,
         "{\"model\":\"m\",\"embeddings\":[[0.10,-2],[3e-1, 4]],\"total_duration\":5,\"prompt_eval_count\":7}",
         AS_OPENAI,
         LIST(
             ITEM("0", "[0.10,-2]") "," ITEM("1", "[3e-1, 4]")) ",\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}"},
        {DIALECT_OLLAMA, "{\"embeddings\":[" FOUR "]}", AS_BASE64, LIST(ITEM("0", FOUR_BASE64)) "}"},
        {DIALECT_OPENAI, LIST(ITEM("0", FOUR)) "}", AS_BASE64, LIST(ITEM("0", FOUR_BASE64)) "}"},
        {DIALECT_OPENAI, LIST(ITEM("0", FOUR_BASE64)) "}", AS_BASE64, LIST(ITEM("0", FOUR_BASE64)) "}"},
        {DIALECT_OPENAI, LIST(ITEM("0", FOUR_BASE64)) "}", AS_OLLAMA,
         "{\"model\":\"mine\",\"embeddings\":[[1,-2.5,0.100000001,1.40129846e-45]],\"total_duration\":3000}"},
        {DIALECT_OPENAI,
         LIST(ITEM("1", "[2]") "," ITEM("0", "[1]")) ",\"usage\":{\"prompt_tokens\":9,\"total_tokens\":9}}", AS_OLLAMA,
         "{\"model\":\"mine\",\"embeddings\":[[1],[2]],\"total_duration\":3000,\"prompt_eval_count\":9}"},
        {DIALECT_OPENAI, LIST("{\"embedding\":[1]},{\"embedding\":[2]}") "}", AS_ONE, "{\"embedding\":[1]}"},
        {DIALECT_OLLAMA, "{\"embedding\":[0.5]}", AS_ONE, "{\"embedding\":[0.5]}"},
        {DIALECT_OLLAMA, "{\"embedding\":[0.5]}", AS_OPENAI, LIST(ITEM("0", "[0.5]")) "}"},
        {DIALECT_OLLAMA, "{\"embeddings\":[]}", AS_ONE, "{\"embedding\":[]}"},
        {DIALECT_OLLAMA, "{\"embeddings\":null}", AS_OLLAMA,
         "{\"model\":\"mine\",\"embeddings\":[],\"total_duration\":3000}"},
        {DIALECT_OLLAMA, "{\"embeddings\":[[]]}", AS_BASE64, LIST(ITEM("0", "\"\"")) "}"},
        {DIALECT_OPENAI, "{\"data\":[],\"usage\":{\"prompt_tokens\":-3}}", AS_OPENAI, LIST("") "}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_reply((int)i, &cases[i]);
}

TEST(what_is_no_answer_is_an_error)
{
    static const struct reply cases[] = {
        {DIALECT_OPENAI, "[]", AS_OPENAI, NULL},
        {DIALECT_OPENAI, "{}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, "{\"data\":{}}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, "{\"data\":[1]}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, "{\"data\":[{\"index\":0}]}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, "{\"data\":[{\"embedding\":[\"1\"]}]}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, "{\"data\":[{\"embedding\":[1]}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, LIST(ITEM("0", "[1]") "," ITEM("0", "[2]")) "}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, LIST(ITEM("5", "[1]")) "}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, LIST(ITEM("-1", "[1]")) "}", AS_OPENAI, NULL},
        {DIALECT_OPENAI, LIST(ITEM("0", "\"AAA\"")) "}", AS_OLLAMA, NULL}, /* two bytes */
        {DIALECT_OPENAI, LIST(ITEM("0", "\"A*AA\"")) "}", AS_OLLAMA, NULL},
        {DIALECT_OPENAI, LIST(ITEM("0", "\"AADAfw==\"")) "}", AS_OLLAMA, NULL}, /* not a number */
        {DIALECT_OLLAMA, "{\"embeddings\":[[1e39]]}", AS_BASE64, NULL},
        {DIALECT_OLLAMA, "{\"embeddings\":[1]}", AS_OPENAI, NULL},
        {DIALECT_OLLAMA, "{\"embeddings\":[[[1]]]}", AS_OPENAI, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_reply((int)i, &cases[i]);
    struct embed_answer a = {.arena = &arena};
    EXPECT_I64(embed_answer_read(&a, DIALECT_OLLAMA, STR("{\"error\":\"model not found\"}"), NULL), 0);
    EXPECT(a.has_error && a.count == 0);
}

static int torture(void *ctx)
{
    struct arena a = ARENA_INIT(MiB);
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    struct lost lost = {.count = 0};
    struct embed m = {.arena = &a};
    struct embed_answer answer = {.arena = &a};
    struct chat_write w = {.op = WIRE_EMBEDDINGS, .model = STR("up"), .arena = &a, .lost = &lost};
    (void)ctx;
    int rc = embed_read(
        &m, OPENAI, STR(M "\"input\":[\"a\\n\",\"b\"],\"encoding_format\":\"base64\",\"us\\u0065r\":\"u\\n\",\"x\":1}"),
        NULL);
    rc = rc ? rc : embed_write(&m, DIALECT_OLLAMA, &w, &out, NULL);
    rc = rc ? rc
            : embed_answer_read(&answer, DIALECT_OPENAI, STR(LIST(ITEM("1", "[1]") "," ITEM("0", FOUR_BASE64)) "}"),
                                NULL);
    rc = rc ? rc : embed_answer_write(&answer, &m, &out);
    m.base64 = false;
    rc = rc ? rc : embed_answer_write(&answer, &m, &out);
    if (rc != 0 && rc != ERR_NOMEM)
        test_fail(__FILE__, __LINE__, "%s", err_name(rc));
    arena_fini(&a);
    return rc;
}

TEST(embeddings_survive_torture)
{
    (void)test_torture("embeddings, there and back", torture, NULL); /* counts and judges for itself */
    arena_fini(&arena);
}
