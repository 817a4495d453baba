/* fuzz_matrix.c: any request of any dialect, said in every other: what was written reads back and loses nothing more, and what was
 * read back once is the same for ever (one text part and a text are one thing, so the first time it may change its shape). The first byte selects the dialect: 'o' OpenAI, 'r' Responses, 'a' Anthropic, 'l' Ollama's chat, 'g' its generate. */
#include "matrix_kit.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool again(struct str text, const struct matrix_target *t, struct arena *a, struct buf *out)
{
    struct lost lost;
    struct err e = {0};
    struct chat c;
    assert(json_check(text, NULL) == 0);
    assert(matrix_read(&c, a, t->dialect, WIRE_CHAT, text, &e) == 0);
    int rc = matrix_write(&c, t, &lost, out, &e);
    assert(rc == 0);
    return lost.count == 0;
}

static void there_and_back(const struct chat *c, const struct matrix_target *t)
{
    AUTO_BUF struct buf once = BUF_INIT(64 * MiB), twice = BUF_INIT(64 * MiB), thrice = BUF_INIT(64 * MiB);
    struct lost lost;
    struct err e = {0};
    int rc = matrix_write(c, t, &lost, &once, &e);
    assert(rc == 0 || (rc == ERR_INVALID && e.text[0]));
    if (rc)
        return;
    assert(again(buf_str(&once), t, c->arena, &twice)); /* it holds nothing that the dialect cannot say */
    (void)again(buf_str(&twice), t, c->arena, &thrice);
    assert(str_eq(buf_str(&twice), buf_str(&thrice)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        char letter;
        enum dialect dialect;
        enum wire_op op;
    } from[] = {{'o', DIALECT_OPENAI, WIRE_CHAT}, {'r', DIALECT_RESPONSES, WIRE_CHAT}, {'a', DIALECT_ANTHROPIC, WIRE_CHAT},
                {'l', DIALECT_OLLAMA, WIRE_CHAT}, {'g', DIALECT_OLLAMA, WIRE_GENERATE}};
    struct arena arena = ARENA_INIT(256 * MiB);
    struct err e = {0};
    struct chat c;
    for (size_t i = 0; i < COUNT_OF(from) && size; i++) {
        if ((char)data[0] != from[i].letter)
            continue;
        if (matrix_read(&c, &arena, from[i].dialect, from[i].op, str_of(data + 1, size - 1), &e) < 0)
            break;
        for (size_t k = 0; k < COUNT_OF(matrix_targets) && c.message; k++) /* who says nothing is for the upstream to judge */
            there_and_back(&c, &matrix_targets[k]);
    }
    arena_fini(&arena);
    return 0;
}
