/* fuzz_matrix.c: any request of any dialect, said in every other: what was written reads back, and written again it is the same. The
 * first byte selects the dialect: 'o' OpenAI, 'r' Responses, 'a' Anthropic, 'l' Ollama's chat, 'g' its generate. */
#include "matrix_kit.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(const struct chat *c, const struct matrix_target *t)
{
    AUTO_BUF struct buf once = BUF_INIT(64 * MiB), twice = BUF_INIT(64 * MiB);
    struct lost lost;
    struct err e = {0};
    struct chat back;
    int rc = matrix_write(c, t, &lost, &once, &e);
    assert(rc == 0 || (rc == ERR_INVALID && e.text[0]));
    if (rc)
        return;
    assert(json_check(buf_str(&once), NULL) == 0);
    assert(matrix_read(&back, c->arena, t->dialect, WIRE_CHAT, buf_str(&once), &e) == 0);
    assert(matrix_write(&back, t, &lost, &twice, &e) == 0);
    assert(str_eq(buf_str(&once), buf_str(&twice)));
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
