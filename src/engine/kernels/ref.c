/* ref.c: the kernels in plain C: the specification that the fast ones are held against, and what runs where nothing faster does.
 * One idea per function, no tricks; every product that is added is a fused multiply-add, because that is what the machines do. */
#include "engine/kernels/kernels_priv.h"

/* --- activations ------------------------------------------------------------------------------------------------------------ */

static void quantise_block(const float *x, size_t n, int8_t *q, float *d)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    float inverse = most > 0 ? 127.0f / most : 0;
    *d = most / 127.0f;
    for (size_t i = 0; i < n; i++)
        q[i] = (int8_t)lrintf(x[i] * inverse); /* to nearest, ties to even; never past 127 */
}

static void quantise(enum act_form form, const float *x, size_t k, int8_t *q, float *d, int16_t *sum16, int16_t *sum32)
{
    size_t block = act_block(form);
    for (size_t b = 0; b < k / block; b++)
        quantise_block(x + b * block, block, q + b * block, d + b);
    for (size_t g = 0; g < k / 16; g++) {
        int sum = 0;
        for (int i = 0; i < 16; i++)
            sum += q[16 * g + (size_t)i];
        sum16[g] = (int16_t)sum;
    }
    for (size_t g = 0; g < k / 32; g++)
        sum32[g] = (int16_t)(sum16[2 * g] + sum16[2 * g + 1]);
}

/* --- matrices --------------------------------------------------------------------------------------------------------------- */

static float dot_blocks(const struct block_kind *kind, uint32_t block_bytes, const uint8_t *w, const int8_t *q, const float *d,
                        size_t k)
{
    float y = 0;
    for (size_t b = 0; b < k / kind->elems; b++) {
        struct block_parts p = {0};
        kind->take_apart(w + b * block_bytes, &p);
        int32_t sum = 0, min = 0;
        for (uint32_t g = 0; g < kind->elems / 16; g++) {
            int32_t products = 0, plain = 0;
            for (uint32_t i = 16 * g; i < 16 * g + 16; i++) {
                products += p.code[i] * q[b * kind->elems + i];
                plain += q[b * kind->elems + i];
            }
            sum += p.scale[g] * products;
            min += p.min[g] * plain;
        }
        y = fmaf(p.d * d[b], (float)sum, y);
        if (kind->has_min)
            y = fmaf(-(p.dmin * d[b]), (float)min, y);
    }
    return y;
}

static void matmul_blocks(enum quant_type type, const struct matmul *m, size_t row_from, size_t row_to)
{
    const struct block_kind *kind = block_kind(type);
    size_t k = m->x->k;
    for (size_t row = row_from; row < row_to; row++)
        for (size_t c = 0; c < m->x->n; c++)
            m->y[c * m->y_stride + row] = dot_blocks(kind, quant_info(type)->block_bytes, m->w + row * m->row_bytes,
                                                     m->x->q + c * k, m->x->d + c * (k / kind->elems), k);
}

static float float_at(enum quant_type type, const uint8_t *row, size_t i)
{
    float f;
    uint16_t h;
    if (type == QUANT_F32) {
        memcpy(&f, row + 4 * i, 4);
        return f;
    }
    memcpy(&h, row + 2 * i, 2);
    return type == QUANT_F16 ? quant_f16_to_f32(h) : quant_bf16_to_f32(h);
}

static void matmul_floats(enum quant_type type, const struct matmul *m, size_t row_from, size_t row_to)
{
    size_t k = m->x->k;
    for (size_t row = row_from; row < row_to; row++)
        for (size_t c = 0; c < m->x->n; c++) {
            float y = 0;
            for (size_t i = 0; i < k; i++)
                y = fmaf(float_at(type, m->w + row * m->row_bytes, i), m->x->f[c * k + i], y);
            m->y[c * m->y_stride + row] = y;
        }
}

#define MATMUL(name, type, kind)                                                                       \
    static void name(const struct matmul *m, size_t row_from, size_t row_to, void *scratch)            \
    {                                                                                                  \
        (void)scratch;                                                                                 \
        kind(type, m, row_from, row_to);                                                               \
    }
MATMUL(matmul_f32, QUANT_F32, matmul_floats)
MATMUL(matmul_f16, QUANT_F16, matmul_floats)
MATMUL(matmul_bf16, QUANT_BF16, matmul_floats)
MATMUL(matmul_q4_0, QUANT_Q4_0, matmul_blocks)
MATMUL(matmul_q4_1, QUANT_Q4_1, matmul_blocks)
MATMUL(matmul_q5_0, QUANT_Q5_0, matmul_blocks)
MATMUL(matmul_q5_1, QUANT_Q5_1, matmul_blocks)
MATMUL(matmul_q8_0, QUANT_Q8_0, matmul_blocks)
MATMUL(matmul_q2_k, QUANT_Q2_K, matmul_blocks)
MATMUL(matmul_q3_k, QUANT_Q3_K, matmul_blocks)
MATMUL(matmul_q4_k, QUANT_Q4_K, matmul_blocks)
MATMUL(matmul_q5_k, QUANT_Q5_K, matmul_blocks)
MATMUL(matmul_q6_k, QUANT_Q6_K, matmul_blocks)
MATMUL(matmul_iq4_nl, QUANT_IQ4_NL, matmul_blocks)
MATMUL(matmul_iq4_xs, QUANT_IQ4_XS, matmul_blocks)
MATMUL(matmul_mxfp4, QUANT_MXFP4, matmul_blocks)

/* --- one vector ------------------------------------------------------------------------------------------------------------- */

/* 16 lanes to one: i + 8, i + 4, i + 2, i + 1. */
static float lanes_sum(float lane[16])
{
    for (int half = 8; half >= 1; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static void rms_norm(const float *x, const float *weight, float epsilon, float *y, size_t n)
{
    float lane[16] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % 16] = fmaf(x[i], x[i], lane[i % 16]);
    float scale = 1.0f / sqrtf(lanes_sum(lane) / (float)n + epsilon);
    for (size_t i = 0; i < n; i++)
        y[i] = weight ? x[i] * scale * weight[i] : x[i] * scale;
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, float *y, size_t n)
{
    float lane[16] = {0}, square[16] = {0};
    for (size_t i = 0; i < n; i++)
        lane[i % 16] += x[i];
    float mean = lanes_sum(lane) / (float)n;
    for (size_t i = 0; i < n; i++)
        square[i % 16] = fmaf(x[i] - mean, x[i] - mean, square[i % 16]);
    float scale = 1.0f / sqrtf(lanes_sum(square) / (float)n + epsilon);
    for (size_t i = 0; i < n; i++)
        y[i] = fmaf((x[i] - mean) * scale, weight[i], bias ? bias[i] : 0);
}

static float exponential(float x)
{
    if (x < EXP_MIN)
        return 0;
    x = fminf(x, EXP_MAX);
    float n = nearbyintf(x * EXP_LOG2E);
    float r = fmaf(-n, EXP_LN2_LOW, fmaf(-n, EXP_LN2_HIGH, x));
    float p = fmaf(fmaf(fmaf(fmaf(EXP_C6, r, EXP_C5), r, EXP_C4), r, EXP_C3), r, EXP_C2);
    p = fmaf(p, r * r, r) + 1.0f;
    int32_t bits;
    memcpy(&bits, &p, sizeof bits);
    bits += (int32_t)n * (1 << 23);
    memcpy(&p, &bits, sizeof bits);
    return p;
}

/* 1 - 2 / (1 + e^2u) */
static float hyperbolic_tangent(float u)
{
    return 1.0f - 2.0f / (1.0f + exponential(u + u));
}

static void gate(enum act_kind kind, const float *g, const float *up, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float x = g[i], a;
        if (kind == ACT_SILU)
            a = x / (1.0f + exponential(-x));
        else
            a = 0.5f * x * (1.0f + hyperbolic_tangent(GELU_A * fmaf(GELU_B * x * x, x, x)));
        y[i] = up ? a * up[i] : a;
    }
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* --- attention -------------------------------------------------------------------------------------------------------------- */

static float kv_at(enum kv_type type, const void *p, size_t i)
{
    switch (type) {
    case KV_F32: return ((const float *)p)[i];
    case KV_F16: return quant_f16_to_f32(((const uint16_t *)p)[i]);
    default: return ((const int8_t *)p)[i];
    }
}

static float score_of(const struct attend *a, const float *q, size_t key)
{
    size_t span = a->type == KV_Q8_0 ? KV_BLOCK : a->head_dim;
    float s = 0;
    for (size_t from = 0; from < a->head_dim; from += span) {
        float t = 0;
        for (size_t d = from; d < from + span && d < a->head_dim; d++)
            t = fmaf(q[d], kv_at(a->type, a->k, d * KV_PAGE_TOKENS + key), t);
        s = a->type == KV_Q8_0 ? fmaf(quant_f16_to_f32(kv_key_scales(a)[from / KV_BLOCK * KV_PAGE_TOKENS + key]), t, s) : t;
    }
    return s;
}

/* The key's weight for element d of its value. */
static float weight_of(const struct attend *a, float p, size_t key, size_t d)
{
    return a->type == KV_Q8_0 ? p * quant_f16_to_f32(kv_value_scales(a)[key * kv_blocks(a->head_dim) + d / KV_BLOCK]) : p;
}

static void attend_head(const struct attend *a, size_t head)
{
    const float *q = a->q + head * a->head_dim;
    float score[KV_PAGE_TOKENS], most = -INFINITY, lane[16] = {0}, out[HEAD_DIM_MAX] = {0};
    for (size_t i = a->first; i < a->end; i++) {
        float s = score_of(a, q, i);
        if (a->softcap > 0)
            s = a->softcap * hyperbolic_tangent(s / a->softcap);
        score[i] = s;
        most = fmaxf(most, s);
    }
    for (size_t i = a->first; i < a->end; i++) {
        float p = exponential(score[i] - most);
        lane[i % 16] += p;
        for (size_t d = 0; d < a->head_dim; d++)
            out[d] = fmaf(weight_of(a, p, i, d), kv_at(a->type, a->v, i * a->head_dim + d), out[d]);
    }
    /* merged with the pages before */
    float *m = a->m + head, *l = a->l + head, *o = a->o + head * a->head_dim;
    float both = fmaxf(*m, most), old = exponential(*m - both), new = exponential(most - both);
    *l = fmaf(*l, old, lanes_sum(lane) * new);
    *m = both;
    for (size_t d = 0; d < a->head_dim; d++)
        o[d] = fmaf(o[d], old, out[d] * new);
}

static void attend_page(const struct attend *a)
{
    for (size_t head = 0; head < a->heads; head++)
        attend_head(a, head);
}

const struct kernels kernels_ref_table = {
    .name = "ref", .quantise = quantise, .rms_norm = rms_norm, .layer_norm = layer_norm, .gate = gate, .add = add,
    .attend_page = attend_page,
    .matmul = {
        [QUANT_F32] = matmul_f32, [QUANT_F16] = matmul_f16, [QUANT_BF16] = matmul_bf16, [QUANT_Q4_0] = matmul_q4_0,
        [QUANT_Q4_1] = matmul_q4_1, [QUANT_Q5_0] = matmul_q5_0, [QUANT_Q5_1] = matmul_q5_1, [QUANT_Q8_0] = matmul_q8_0,
        [QUANT_Q2_K] = matmul_q2_k, [QUANT_Q3_K] = matmul_q3_k, [QUANT_Q4_K] = matmul_q4_k, [QUANT_Q5_K] = matmul_q5_k,
        [QUANT_Q6_K] = matmul_q6_k, [QUANT_IQ4_NL] = matmul_iq4_nl, [QUANT_IQ4_XS] = matmul_iq4_xs, [QUANT_MXFP4] = matmul_mxfp4,
    },
};

const struct kernels *kernels_ref(void)
{
    return &kernels_ref_table;
}
