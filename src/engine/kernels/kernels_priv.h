/* kernels_priv.h: what the levels share: blocks taken apart into codes, scales and offsets, and small exact functions. */
#pragma once
#include "engine/kernels/kernels.h"
#include <math.h>

/* A block of integers taken apart: weight e is d * scale[g] * code[e] - dmin * min[g], g = e / 16. */
struct block_parts {
    float d, dmin;
    int16_t code[256];  /* signed, offsets included */
    int16_t scale[16];
    int16_t min[16];
};

struct block_kind {
    uint32_t elems;  /* 256 or 32 */
    bool has_min;
    void (*take_apart)(const uint8_t *block, struct block_parts *out);
};
/* NULL for floats and for types without kernels. */
const struct block_kind *block_kind(enum quant_type type);

extern const struct kernels kernels_ref_table;

static inline void ask_for(const uint8_t *from, const uint8_t *to)
{
    for (; from < to; from += 64)
        __builtin_prefetch(from, 0, 2); /* into the second cache: the first is not large enough for eight rows */
}

/* Rows side by side are many short runs of memory, which a machine does not foresee. So what is to come is asked for, in order and
 * piece by piece: while bytes `at` to `at` + `bytes` of some rows are at work, as much of the rows behind them. */
static inline void ask_ahead(const uint8_t *w, size_t row_bytes, size_t rows, size_t at, size_t bytes)
{
    const uint8_t *p = w + rows * (row_bytes + at);
    ask_for(p, p + rows * bytes);
}

/* The same in `shares`, one before each part of the work: asked for all at once, it keeps the machine from reading what is at hand. */
struct ahead {
    const uint8_t *next, *end;
    size_t share; /* bytes, whole lines of 64 */
};

static inline struct ahead ahead_of(const uint8_t *w, size_t row_bytes, size_t rows, size_t at, size_t bytes, size_t shares)
{
    const uint8_t *p = w + rows * (row_bytes + at);
    return (struct ahead){p, p + rows * bytes, (rows * bytes / shares / 64 + 1) * 64};
}

static inline void ahead_share(struct ahead *a)
{
    const uint8_t *to = (size_t)(a->end - a->next) > a->share ? a->next + a->share : a->end;
    ask_for(a->next, to);
    a->next = to;
}

/* How many of the columns that are left go together, `most` at most: a few have fewer chains than the machine computes at once, so the last
 * are not left alone but share with those before. */
static inline size_t columns_next(size_t left, size_t most)
{
    return left <= most ? left : left < 2 * most - 1 ? (left + 1) / 2 : most;
}

static inline const uint16_t *kv_key_scales(const struct attend *a) /* (blocks, KV_PAGE_TOKENS) */
{
    return (const uint16_t *)a->k + a->head_dim * KV_PAGE_TOKENS / 2;
}

static inline const uint16_t *kv_value_scales(const struct attend *a) /* (KV_PAGE_TOKENS, blocks) */
{
    return (const uint16_t *)a->v + a->head_dim * KV_PAGE_TOKENS / 2;
}

/* exp and what is made of it: the same polynomial at each level. exp(-inf) is 0. */
#define EXP_LOG2E 1.44269504088896341f
#define EXP_LN2_HIGH 0.693145751953125f
#define EXP_LN2_LOW 1.42860682030941723e-6f
#define EXP_MIN -87.0f /* below this the result is taken as 0: it would be subnormal */
#define EXP_MAX 88.0f
/* Taylor to the sixth power on [-ln2/2, ln2/2]: the error is below 2e-7 of the value. */
#define EXP_C2 0.5f
#define EXP_C3 0.16666666666666666f
#define EXP_C4 0.041666666666666664f
#define EXP_C5 0.008333333333333333f
#define EXP_C6 0.001388888888888889f
#define GELU_A 0.797884560802865356f /* sqrt(2 / pi) */
#define GELU_B 0.044715f
