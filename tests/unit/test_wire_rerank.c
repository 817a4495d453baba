/* test_wire_rerank.c: the answers of rerankers, in every shape they come in, told to clients of either kind. */
#include "test.h"
#include "wire/rerank.h"

/* `documents`, `texts`: what a client of either kind reads; NULL: the answer as it stands. */
struct shape {
    const char *answer, *documents, *texts;
    int64_t count, tokens; /* tokens 0: it tells none */
};

static const char *told(const struct rerank_answer *a, bool texts, struct buf *out)
{
    if (rerank_passes(a, texts))
        return NULL;
    EXPECT_I64(rerank_write(a, texts, STR("call"), STR("asked"), out), 0);
    return buf_text(out);
}

static void expect_same(size_t i, const char *got, const char *want)
{
    if (!got != !want || (got && strcmp(got, want) != 0))
        test_fail(__FILE__, __LINE__, "%zu: got %s, expected %s", i, got ? got : "as it stands", want ? want : "as it stands");
}

TEST(every_shape_of_scores_is_read_and_told)
{
#define ONE "{\"index\":1,\"relevance_score\":0.98}"
#define UNION(id, model, list, rest) "{\"id\":\"" id "\",\"model\":\"" model "\",\"results\":" list ",\"data\":" list rest "}"
    static const struct shape cases[] = {
        /* Cohere v2, Jina, vLLM, llama-server, OpenRouter */
        {"{\"id\":\"i\",\"results\":[" ONE "],\"meta\":{\"api_version\":{\"version\":\"2\"},\"billed_units\":{\"search_units\":1}}}", NULL,
         "[{\"index\":1,\"score\":0.98}]", 1, 0},
        {"{\"id\":\"i\",\"results\":[" ONE "],\"meta\":{\"billed_units\":{\"search_units\":1},\"tokens\":{\"input_tokens\":77}}}", NULL,
         "[{\"index\":1,\"score\":0.98}]", 1, 77},
        {"{\"model\":\"j\",\"usage\":{\"total_tokens\":38,\"prompt_tokens\":38},\"results\":[{\"index\":1,\"relevance_score\":0.98,"
         "\"document\":{\"text\":\"t\"}}]}", NULL, "[{\"index\":1,\"score\":0.98,\"text\":\"t\"}]", 1, 38},
        {"{\"results\":[{\"document\":\"d\",\"relevance_score\":-11.2,\"index\":0}]}", NULL,
         "[{\"index\":0,\"score\":-11.2,\"text\":\"d\"}]", 1, 0},
        /* text-embeddings-inference */
        {"[{\"index\":0,\"score\":0.99,\"text\":\"t\"},{\"index\":2,\"score\":1e-3}]",
         UNION("call", "asked",
               "[{\"index\":0,\"relevance_score\":0.99,\"document\":{\"text\":\"t\"}},{\"index\":2,\"relevance_score\":1e-3}]", ""),
         NULL, 2, 0},
        /* Voyage */
        {"{\"object\":\"list\",\"data\":[{\"relevance_score\":0.4,\"index\":0,\"document\":\"d\"}],\"model\":\"r\",\"usage\":{\"total_tokens\":26}}",
         UNION("call", "r", "[{\"index\":0,\"relevance_score\":0.4,\"document\":\"d\"}]", ",\"usage\":{\"total_tokens\":26}"),
         "[{\"index\":0,\"score\":0.4,\"text\":\"d\"}]", 1, 26},
        {"\xef\xbb\xbf {\"data\":[" ONE "],\"results\":[]}", NULL, "[]", 0, 0},
        {"{\"results\":[" ONE "],\"data\":[]}", NULL, "[{\"index\":1,\"score\":0.98}]", 1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf one = BUF_INIT(MiB), two = BUF_INIT(MiB);
        struct rerank_answer a;
        struct err e = {0};
        if (rerank_read(&a, str_from(cases[i].answer), &e) != 0) {
            test_fail(__FILE__, __LINE__, "%zu: %s", i, e.text);
            continue;
        }
        EXPECT_I64(a.count, cases[i].count);
        EXPECT_I64(a.has_usage ? a.usage.input : 0, cases[i].tokens);
        expect_same(i, told(&a, false, &one), cases[i].documents);
        expect_same(i, told(&a, true, &two), cases[i].texts);
    }
}

TEST(what_is_no_answer_is_refused)
{
    static const char *const cases[] = {"", "7", "\"a\"", "{", "[", "[1]", "[{}]", "[{\"index\":0}]", "[{\"score\":1}]", "{\"results\":[{\"index\":\"0\",\"relevance_score\":1}]}",
                                        "{\"results\":[{\"index\":-1,\"relevance_score\":1}]}", "{\"results\":[{\"index\":0,\"relevance_score\":null}]}",
                                        "{\"results\":[]} x", "{\"data\":[{\"embedding\":[1]}]}"};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rerank_answer a;
        struct err e = {0};
        if (rerank_read(&a, str_from(cases[i]), &e) != ERR_SYNTAX || !e.text[0])
            test_fail(__FILE__, __LINE__, "%s is taken", cases[i]);
    }
}

TEST(facts_tell_errors_and_emptiness)
{
    struct wire_answer w;
    EXPECT_I64(answer_read(WIRE_RERANK, STR("{\"error\":{\"message\":\"no\"}}"), &w, NULL), 0);
    EXPECT(w.has_error && !w.has_choices);
    EXPECT_I64(answer_read(WIRE_RERANK, STR("{\"error\":null,\"results\":[]}"), &w, NULL), 0);
    EXPECT(!w.has_error && w.has_choices && !w.has_content);
    EXPECT_I64(answer_read(WIRE_RERANK, STR("{\"results\":[{\"index\":0,\"score\":1}],\"usage\":{\"total_tokens\":9,\"cost\":0.002}}"), &w, NULL), 0);
    EXPECT(w.has_content && w.has_usage && w.usage.reported);
    EXPECT_I64(w.usage.input, 9);
    EXPECT_I64(w.usage.cost_nusd, 2000000);
}

/* What the client asks: sizes for the books, and what is missing. */
static int ask(const char *body, struct call *c, struct err *e)
{
    static struct arena a;
    arena_fini(&a);
    a = ARENA_INIT(MiB);
    return call_read(c, WIRE_RERANK, str_from(body), &a, e);
}

TEST(questions_are_sized_and_checked)
{
    struct call c;
    struct err e = {0};
    EXPECT_I64(ask("{\"model\":\"m\",\"query\":\"ab\",\"documents\":[\"cde\",{\"text\":\"f\"}],\"stream\":true,\"messages\":7}", &c, &e), 0);
    EXPECT_I64(c.text_bytes, 2 + 3 + 12);
    EXPECT(c.tokens_estimated > 0 && !c.stream);
    EXPECT_I64(ask("{\"model\":\"m\",\"query\":\"ab\",\"texts\":[\"cde\"]}", &c, &e), 0);
    EXPECT(call_has_member(&c, STR("texts")));
    static const struct {
        const char *body, *story;
    } bad[] = {{"{\"query\":\"q\",\"documents\":[\"a\"]}", "model is missing"},
               {"{\"model\":\"m\",\"documents\":[\"a\"]}", "query is missing"},
               {"{\"model\":\"m\",\"query\":\"q\"}", "documents is missing"},
               {"{\"model\":\"m\",\"query\":\"q\",\"documents\":[]}", "documents is empty"},
               {"{\"model\":\"m\",\"query\":\"q\",\"documents\":\"a\"}", "documents must be an array"},
               {"{\"model\":\"m\",\"query\":[],\"documents\":[\"a\"]}", "query must be a string"},
               {"{\"model\":\"m\",\"query\":\"q\",\"query\":\"q\",\"documents\":[\"a\"]}", "query is given twice"}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        e = (struct err){0};
        if (ask(bad[i].body, &c, &e) != ERR_INVALID || strcmp(e.text, bad[i].story) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i].body, e.text);
    }
    /* a chat's own `query` and `documents` are none of our business */
    struct arena a = ARENA_INIT(MiB);
    EXPECT_I64(call_read(&c, WIRE_CHAT, STR("{\"model\":\"m\",\"messages\":[],\"Query\":1,\"documents\":2,\"documents\":3}"), &a, &e), 0);
    arena_fini(&a);
}
