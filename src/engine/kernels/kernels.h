/* kernels.h: the arithmetic of the engine, once in plain C and once for each kind of machine.
 *
 * `ref` is the specification. What it fixes is kept by every other level, bit for bit where the comment says "exact":
 *
 *   a weight block of integers x a block of quantised activations gives an exact integer; the integers of a row are scaled and
 *   added in ascending block order in binary32, one fused multiply-add each. So one column or many, one thread or eight, this
 *   instruction set or that: the same bits.
 *   a row of floats is one chain of fused multiply-adds in ascending order: machines put rows side by side, not elements.
 *   one vector (a norm) reduces over 16 lanes (element k goes to lane k mod 16, in ascending order), then the lanes pairwise:
 *   i + 8, i + 4, i + 2, i + 1.
 *   attention goes page by page (KV_PAGE_TOKENS keys), each with its own maximum, and pages are merged in ascending order. With
 *   keys of eight bits, the products with a block's codes are one chain from 0, and the blocks' chains are scaled and added in
 *   ascending order, one fused multiply-add each; with values of eight bits, a key's weight is multiplied by the scale first,
 *   and that by the codes as it would be by values.
 *
 * Nothing here allocates, fails or keeps state. Shapes are trusted: they were checked when the model was loaded. */
#pragma once
#include "base/buf.h"
#include "engine/quant.h"

enum {
    KV_PAGE_TOKENS = 64,   /* keys in a page of the KV cache; the chunk of attention */
    KV_BLOCK = 32,         /* of a head's elements have one scale, in eight bits */
    HEAD_DIM_MAX = 256,
    HEAD_GROUP_MAX = 16,   /* query heads that share one key head */
    MATMUL_TILE_ROWS = 16, /* rows are handed out in multiples of this */
    MATMUL_COLUMNS_MAX = 256, /* of one matmul; a wider batch is cut by the caller */
    MATMUL_SCRATCH_BYTES = 48 * 1024
};

/* Activations, as integers: per block one scale, and sums over groups for the offsets of the weights' codes. */
enum act_form {
    ACT_FLOAT, /* as they are: for F32, F16, BF16 weights */
    ACT_Q8_256, /* blocks of 256: for the super-blocks */
    ACT_Q8_32, /* blocks of 32: for the small blocks */
    ACT_FORM_END
};

/* n columns of k activations in one form. The memory is the caller's: act_bytes() of it, aligned to 64. */
struct act {
    size_t k, n;
    float *f;       /* (n, k): ACT_FLOAT */
    int8_t *q;      /* (n, k), -127 .. 127 */
    float *d;       /* (n, k / block) */
    int16_t *sum16; /* (n, k / 16) */
    int16_t *sum32; /* (n, k / 32) */
};

struct matmul {
    const uint8_t *w; /* (rows, k), rows `row_bytes` apart */
    size_t row_bytes;
    const struct act *x; /* in the form that the type asks for */
    float *y;            /* y[column * y_stride + row] */
    size_t y_stride;
};

/* One page of one key head, keys transposed so that 64 scores come out side by side. In eight bits the codes lie as the floats
 * do, and the scales (binary16, one for KV_BLOCK elements of one token; the last block may be shorter) behind all of the codes:
 * those of keys as (blocks, KV_PAGE_TOKENS), those of values as (KV_PAGE_TOKENS, blocks). */
enum kv_type { KV_F16, KV_F32, KV_Q8_0, KV_TYPE_END };

struct attend {
    enum kv_type type;
    const void *k;      /* (head_dim, KV_PAGE_TOKENS) of this head in this page; scales as above */
    const void *v;      /* (KV_PAGE_TOKENS, head_dim); scales as above */
    size_t head_dim;
    size_t first, end;  /* which keys of the page are seen: first <= i < end <= KV_PAGE_TOKENS */
    size_t heads;       /* query heads that share this key head */
    const float *q;     /* (heads, head_dim), scaled already */
    float softcap;      /* 0 = none */
    float *m, *l;       /* (heads): running maximum and sum; -inf and 0 at the start */
    float *o;           /* (heads, head_dim): running weighted sum, 0 at the start */
};

static inline size_t kv_blocks(size_t head_dim)
{
    return (head_dim + KV_BLOCK - 1) / KV_BLOCK;
}

/* Bytes of the keys, or of the values, of one head in a page. */
static inline size_t kv_head_bytes(enum kv_type type, size_t head_dim)
{
    return KV_PAGE_TOKENS * (type == KV_F32 ? 4 * head_dim : type == KV_F16 ? 2 * head_dim : head_dim + 2 * kv_blocks(head_dim));
}

/* Where the scales of keys or values in eight bits begin. */
static inline uint16_t *kv_scales(void *codes, size_t head_dim)
{
    return (uint16_t *)codes + head_dim * KV_PAGE_TOKENS / 2;
}

/* The vector of one token and head in eight bits: n codes, kv_blocks(n) scales. What is not finite becomes something that is. */
void kv_quantise(const float *x, size_t n, int8_t *code, uint16_t *scale);

enum act_kind { ACT_SILU, ACT_GELU }; /* of gated and plain feed-forward layers; GELU is the tanh form */

struct kernels {
    const char *name; /* "ref", "avx2", "avx512vnni", "neon" */
    /* One column to integers. Exact. */
    void (*quantise)(enum act_form form, const float *x, size_t k, int8_t *q, float *d, int16_t *sum16, int16_t *sum32);
    /* Rows row_from to row_to of w times all columns. `scratch`: MATMUL_SCRATCH_BYTES, aligned to 64. Exact. */
    void (*matmul[QUANT_TYPE_END])(const struct matmul *m, size_t row_from, size_t row_to, void *scratch);
    /* Exact, as everything below. */
    void (*rms_norm)(const float *x, const float *weight, float epsilon, float *y, size_t n); /* weight NULL: ones */
    void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, float *y, size_t n);
    void (*gate)(enum act_kind kind, const float *g, const float *up, float *y, size_t n); /* y = act(g) * up; up NULL: 1 */
    void (*add)(float *x, const float *y, size_t n);                                      /* x += y */
    void (*attend_page)(const struct attend *a);
};

/* What form of activations a type is multiplied with. */
enum act_form kernels_form(enum quant_type type);
size_t act_block(enum act_form form); /* 256, 32; 0 for ACT_FLOAT */

const struct kernels *kernels_ref(void);
/* NULL where the machine or the build has not got them. */
const struct kernels *kernels_avx2(void);
const struct kernels *kernels_vnni(void);
const struct kernels *kernels_neon(void);
/* The best this machine has, or the one named; NULL when that one cannot run here. */
const struct kernels *kernels_pick(const char *name);
void kernels_names(struct buf *out); /* "ref, avx2": those that can, the fastest last */
