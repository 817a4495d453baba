/* grammar_kit.h: what the tests of grammars, their fuzzer and their benchmark share: vocabularies made up for the purpose. */
#pragma once
#include "base/clock.h"
#include "base/mem.h"
#include "engine/grammar.h"
#include <assert.h>

struct kit_vocab { /* tokens 0 to 255 are the bytes, then the made up ones; the last two end an answer, the one before is control */
    uint32_t count;
    struct str *piece; /* owned */
    char *text;        /* owned: what the pieces point into */
};

static inline struct str kit_piece(const void *ctx, uint32_t id)
{
    return ((const struct kit_vocab *)ctx)->piece[id];
}
static inline bool kit_is_end(const void *ctx, uint32_t id)
{
    return id + 2 >= ((const struct kit_vocab *)ctx)->count;
}

/* Pieces of JSON that no token boundary respects: random cuts out of a text full of it, half characters and escapes included. */
static inline void kit_vocab_make(struct kit_vocab *v, uint32_t made, uint32_t bytes_max, struct rng *r)
{
    static const char *const part[] = {
        "{\"", "\":\"", "\", \"", "\",\"", "},{", "\":{\"", "\"}", "]}", "[[", "[{\"", "\": ", ": ", ",\n  \"", "true", "false", "null", "0", "-1",
        "12", "1.5", "e+7", "abc", "a", "b", "name", "kind", "value", "list", "\\n", "\\\"", "\\u00", "e9", "\\ud8", "3d\\u", "de00", "\\\\", "\xC3\xA9",
        "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\xA0\x80", "\x80", " ", "\n", "\t", "    ", "the ", "of ", "2024-02-29", "T", ":", "x", "y", "z", "@a.b"};
    size_t max = (size_t)made * bytes_max + 64, used = 256;
    v->count = 256 + made + 3;
    v->piece = new0_array(struct str, v->count);
    v->text = mem_zalloc(max + 256);
    assert(v->piece && v->text);
    for (uint32_t i = 0; i < 256; i++) {
        v->text[i] = (char)i;
        v->piece[i] = str_of(v->text + i, 1);
    }
    for (uint32_t i = 256; i < v->count - 3; i++) {
        char text[256];
        size_t len = 0, from, want = 1 + rng_below(r, bytes_max);
        while (len < 128) {
            const char *p = part[rng_below(r, COUNT_OF(part))];
            if (rng_below(r, 3) == 0)
                text[len++] = (char)('a' + rng_below(r, 26));
            memcpy(text + len, p, strlen(p));
            len += strlen(p);
        }
        from = rng_below(r, 64);
        memcpy(v->text + used, text + from, want);
        v->piece[i] = str_of(v->text + used, want);
        used += want;
    }
}

static inline void kit_vocab_free(struct kit_vocab *v)
{
    mem_free(v->piece);
    mem_free(v->text);
}

static inline struct grammar_pieces kit_pieces(const struct kit_vocab *v)
{
    return (struct grammar_pieces){.count = v->count, .ctx = v, .piece = kit_piece, .is_end = kit_is_end};
}
