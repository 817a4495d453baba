/* fuzz_embed.c: any bytes as a question for vectors or as its answer. The first byte selects: of OpenAI's dialect, Ollama's, or its
 * older form; odd: an answer. What is taken can be written, and what was written reads the same again. */
#include "base/json.h"
#include "wire/embed.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 64 * 1024 * 1024 };

static void check_same(const struct embed *a, const struct embed *b)
{
    const struct embed_input *x = a->input, *y = b->input;
    assert(str_eq(a->model, b->model) && a->dimensions == b->dimensions && a->base64 == b->base64 &&
           str_eq(a->user, b->user));
    for (; x && y; x = x->next, y = y->next)
        assert(str_eq(x->text, y->text) && str_eq(x->tokens, y->tokens));
    assert(!x && !y && a->count == b->count);
}

static void check_question(enum dialect from, enum wire_op op, struct str body)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    AUTO_BUF struct buf same = BUF_INIT(ARENA_MAX), other = BUF_INIT(ARENA_MAX);
    struct embed m = {.arena = &a}, again = {.arena = &a};
    struct lost lost = {.count = 0};
    struct err e = {0};
    int rc = embed_read(&m, from, op, body, &e);
    assert(rc == 0 || (e.text[0] && e.code == rc));
    if (rc == 0) {
        struct chat_write w = {.op = op, .model = m.model, .arena = &a, .lost = &lost};
        struct call facts = {0};
        embed_facts(&m, &facts);
        assert(facts.tokens_estimated >= 0 && json_check(body, NULL) == 0);
        rc = embed_write(&m, from, &w, &same, &e);
        assert(rc == 0);
        rc = embed_read(&again, from, op, buf_str(&same), &e);
        assert(rc == 0);
        check_same(&m, &again);
        w.op = WIRE_EMBEDDINGS;
        rc = embed_write(&m, from == DIALECT_OPENAI ? DIALECT_OLLAMA : DIALECT_OPENAI, &w, &other, &e);
        assert(rc == ERR_INVALID || (rc == 0 && json_check(buf_str(&other), NULL) == 0));
    }
    arena_fini(&a);
}

static void check_answer(enum dialect from, struct str body)
{
    struct arena a = ARENA_INIT(ARENA_MAX);
    struct embed_answer answer = {.arena = &a}, again = {.arena = &a};
    static const struct embed asked[] = {
        {.from = DIALECT_OPENAI}, {.from = DIALECT_OPENAI, .base64 = true}, {.from = DIALECT_OLLAMA}};
    int rc = embed_answer_read(&answer, from, body, NULL);
    for (size_t i = 0; i < COUNT_OF(asked) && rc == 0; i++) {
        AUTO_BUF struct buf out = BUF_INIT(ARENA_MAX);
        int written = embed_answer_write(&answer, &asked[i], &out);
        assert(written == 0 || written == ERR_SYNTAX);
        if (written == 0) {
            written = embed_answer_read(&again, asked[i].from, buf_str(&out), NULL);
            assert(written == 0 && again.count == answer.count && again.usage.input == answer.usage.input);
        }
    }
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str text = str_of(data + 1, size - 1);
    enum dialect from = data[0] & 2 ? DIALECT_OLLAMA : DIALECT_OPENAI;
    if (data[0] & 1)
        check_answer(from, text);
    else
        check_question(from, data[0] & 4 && from == DIALECT_OLLAMA ? WIRE_EMBED_ONE : WIRE_EMBEDDINGS, text);
    return 0;
}
