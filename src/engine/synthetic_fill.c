/* synthetic_fill.c: made-up weights. Their spread is such that activations stay of the order of one: matrices 1/√inputs, norms
 * around 1, the logits' matrix a few times more, so that the first choice is clearly the first. */
#include "engine/synthetic_priv.h"
#include <assert.h>
#include <math.h>

enum {
    UNIT = 256,        /* weights that are encoded and copied together, where rows allow it */
    POOL_UNITS = 4096, /* a million weights */
    POOL_WEIGHTS = POOL_UNITS * UNIT,
    PIECE_WEIGHTS = 256 * 1024,     /* encoded at a time */
    PIECE_BYTES = PIECE_WEIGHTS * 4 /* at most, as F32 */
};

/* Near enough to a normal number, of deviation 1: the sum of four 16-bit ones. */
static float normal(struct rng *r)
{
    uint64_t bits = rng_next(r);
    int64_t sum = (int64_t)(bits & 0xffff) + (int64_t)(bits >> 16 & 0xffff) + (int64_t)(bits >> 32 & 0xffff) +
                  (int64_t)(bits >> 48);
    return (float)(sum - 2 * 0xffff) * (1.0f / 37837.2f); /* 65536 · √(4/12) */
}

/* What Llama 3 divides its frequencies by, so that long contexts are told apart: 1 for the fast ones, the factor for the slow. */
static float freq_divisor(const struct synthetic_shape *s, uint64_t i)
{
    const double original = 8192, low = 1, high = 4, two_pi = 6.283185307179586;
    double wave = two_pi * pow(s->rope_base, 2 * (double)i / s->head);
    if (wave < original / high)
        return 1;
    if (wave > original / low)
        return (float)s->rope_factor;
    double smooth = (original / wave - low) / (high - low);
    return (float)(1 / ((1 - smooth) / s->rope_factor + smooth));
}

static float deviation_of(const struct synthetic_tensor *t)
{
    float even = 1 / sqrtf((float)t->ne[0]);
    switch (t->role) {
    case SYNTHETIC_HEAD: return 4 * even;
    case SYNTHETIC_EMBED:
    case SYNTHETIC_TABLE: return 0.5f;
    case SYNTHETIC_NORM:
    case SYNTHETIC_BIAS: return 0.1f;
    default: return even;
    }
}

static float weight(const struct synthetic_shape *s, const struct synthetic_tensor *t, uint64_t i, float deviation,
                    struct rng *r)
{
    switch (t->role) {
    case SYNTHETIC_FREQS: return freq_divisor(s, i);
    case SYNTHETIC_LONG: return 1 + (float)i;
    case SYNTHETIC_SHORT: return 1 + (float)i / 64;
    case SYNTHETIC_NORM: return 1 + deviation * normal(r);
    default: return deviation * normal(r);
    }
}

static int fill_singly(const struct synthetic_filler *f, const struct synthetic_tensor *t, struct rng *r,
                       int (*write)(void *ctx, const void *bytes, size_t n), void *ctx)
{
    const struct quant_info *q = quant_info(t->type);
    struct arena_mark mark = arena_mark(f->a);
    float *piece = arena_alloc(f->a, PIECE_WEIGHTS * sizeof *piece);
    uint8_t *bytes = arena_alloc(f->a, PIECE_BYTES);
    int rc = piece && bytes ? 0 : ERR_NOMEM;
    uint64_t count = t->ne[0] * t->ne[1];
    for (uint64_t at = 0; rc == 0 && at < count; at += PIECE_WEIGHTS) {
        size_t n = count - at < PIECE_WEIGHTS ? (size_t)(count - at) : PIECE_WEIGHTS;
        for (size_t i = 0; i < n; i++)
            piece[i] = weight(f->shape, t, at + i, deviation_of(t), r);
        q->encode(piece, bytes, n); /* rows are whole blocks, so that pieces may cut them */
        rc = write(ctx, bytes, quant_row_bytes(q, n));
    }
    arena_reset(f->a, mark);
    return rc;
}

static const struct synthetic_pool *pool_of(struct synthetic_filler *f, const struct synthetic_tensor *t)
{
    float deviation = deviation_of(t);
    for (size_t i = 0; i < f->pool_count; i++)
        if (f->pools[i].type == t->type && f->pools[i].deviation == deviation)
            return &f->pools[i];
    assert(f->pool_count < COUNT_OF(f->pools)); /* a handful of types and widths */
    const struct quant_info *q = quant_info(t->type);
    struct synthetic_pool *p = &f->pools[f->pool_count];
    *p = (struct synthetic_pool){.type = (enum quant_type)t->type, .deviation = deviation};
    p->bytes = arena_alloc(f->a, quant_row_bytes(q, POOL_WEIGHTS));
    float unit[UNIT];
    struct rng r;
    rng_seed(&r, f->seed + f->pool_count);
    for (size_t u = 0; p->bytes && u < POOL_UNITS; u++) {
        for (size_t i = 0; i < UNIT; i++)
            unit[i] = deviation * normal(&r);
        q->encode(unit, p->bytes + u * quant_row_bytes(q, UNIT), UNIT);
    }
    f->pool_count += p->bytes != NULL;
    return p->bytes ? p : NULL;
}

/* A row that is no multiple of a unit ends in the middle of one, and so does the next start: blocks are what must be whole. */
static int fill_from_pool(struct synthetic_filler *f, const struct synthetic_tensor *t, struct rng *r,
                          int (*write)(void *ctx, const void *bytes, size_t n), void *ctx)
{
    const struct quant_info *q = quant_info(t->type);
    const struct synthetic_pool *p = pool_of(f, t);
    struct arena_mark mark = arena_mark(f->a);
    size_t unit_bytes = quant_row_bytes(q, UNIT);
    uint8_t *bytes = p ? arena_alloc(f->a, PIECE_BYTES) : NULL;
    int rc = bytes ? 0 : ERR_NOMEM;
    uint64_t left = quant_row_bytes(q, t->ne[0]) * t->ne[1];
    while (rc == 0 && left > 0) {
        size_t n = 0;
        uint64_t drawn = 0;
        for (size_t u = 0; u < PIECE_WEIGHTS / UNIT && n < left; u++, n += unit_bytes) {
            drawn = u % 4 ? drawn >> 16 : rng_next(r);
            memcpy(bytes + n, p->bytes + (drawn & 0xffff) % POOL_UNITS * unit_bytes, unit_bytes);
        }
        n = n < left ? n : (size_t)left;
        rc = write(ctx, bytes, n);
        left -= n;
    }
    arena_reset(f->a, mark);
    return rc;
}

int synthetic_fill(struct synthetic_filler *f, const struct synthetic_tensor *t,
                   int (*write)(void *ctx, const void *bytes, size_t n), void *ctx)
{
    struct rng r;
    rng_seed(&r, f->seed ^ str_hash(str_from(t->name)));
    return t->ne[0] * t->ne[1] > POOL_WEIGHTS ? fill_from_pool(f, t, &r, write, ctx)
                                              : fill_singly(f, t, &r, write, ctx);
}
