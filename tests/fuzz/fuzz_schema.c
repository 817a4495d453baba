/* fuzz_schema.c: any text as a JSON Schema, and any text against it. The input is a schema, a zero byte, and a text.
 *
 * What is taken must keep its word: a whole answer is valid JSON, masks agree with what advancing says, and picking by masks never
 * comes to a dead end. */
#include "base/json.h"
#include "grammar_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kit_vocab tokens;
static struct grammar_vocab *vocab;

static void vocab_make(void)
{
    struct rng r;
    rng_seed(&r, 1);
    kit_vocab_make(&tokens, 200, 7, &r);
    struct grammar_pieces p = kit_pieces(&tokens);
    int rc = grammar_vocab_new(&vocab, &p, NULL);
    assert(rc == 0);
}

static bool has(const uint64_t *mask, uint32_t id)
{
    return mask[id / 64] >> id % 64 & 1;
}

/* The text, byte by byte, as far as it is taken; each byte is a token of its own. */
static void against(struct grammar_run *run, struct str text)
{
    uint64_t mask[16] = {0};
    for (size_t i = 0; i < text.len && i < 64; i++) {
        int rc = grammar_mask(run, mask, NULL);
        assert(rc == 0 || rc == ERR_LIMIT);
        int moved = grammar_advance(run, str_of(text.ptr + i, 1), NULL);
        assert(moved == 0 || moved == ERR_REFUSED || moved == ERR_LIMIT);
        if (rc == ERR_LIMIT || moved == ERR_LIMIT)
            return;
        assert((moved == 0) == has(mask, (uint8_t)text.ptr[i]));
        if (moved < 0)
            return;
        assert(!grammar_complete(run) || json_check(str_slice(text, 0, i + 1), NULL) == 0);
    }
}

/* An answer by masks; the text says which of the allowed tokens comes. */
static void by_masks(struct grammar_run *run, struct str text)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    uint64_t mask[16] = {0};
    struct err e = {0};

    grammar_run_restart(run);
    for (uint32_t step = 0; step < 120; step++) {
        uint32_t id = (step * 7919 + (text.len ? (uint8_t)text.ptr[step % text.len] * 31u : 0)) % tokens.count, tried = 0;
        int rc = grammar_mask(run, mask, &e);
        if (rc == ERR_LIMIT)
            return;
        assert(rc == 0);
        while (!has(mask, id) && tried++ < tokens.count)
            id = (id + 1) % tokens.count;
        assert(has(mask, id));
        if (kit_is_end(&tokens, id)) {
            assert(json_check(buf_str(&out), &e) == 0);
            return;
        }
        rc = grammar_advance(run, tokens.piece[id], &e);
        assert(rc == 0 || rc == ERR_LIMIT);
        if (rc < 0 || buf_append(&out, tokens.piece[id]) < 0)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t schema = zero ? (size_t)(zero - data) : size;
    struct str text = zero ? str_of(zero + 1, size - schema - 1) : STR_NONE;
    struct grammar *g = NULL;
    struct grammar_run *run = NULL;

    if (!vocab)
        vocab_make();
    if (grammar_schema(&g, str_of(data, schema), NULL) < 0)
        return 0;
    if (grammar_run_new(&run, g, vocab, NULL) == 0) {
        against(run, text);
        by_masks(run, text);
    }
    grammar_run_free(run);
    grammar_free(g);
    return 0;
}
