/* test_kernels.c: each level of the kernels against the plain one, bit for bit, on random and on awkward shapes; and the plain one against a
 * dot product in double precision over decoded weights. */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/kernels/kernels.h"
#include "test.h"
#include <math.h>

static struct rng chance;

static double uniform(void)
{
    return (double)(rng_next(&chance) >> 11) / (double)(1ull << 53) * 2 - 1;
}

static const uint32_t types[] = {QUANT_F32,  QUANT_F16,  QUANT_BF16, QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0,   QUANT_Q5_1,   QUANT_Q8_0,
                                 QUANT_Q2_K, QUANT_Q3_K, QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K, QUANT_IQ4_NL, QUANT_IQ4_XS, QUANT_MXFP4};

/* Any bytes are codes; the scales (binary16 fields, by their offset in the block) are made small numbers. */
static void random_row(uint32_t type, uint8_t *row, size_t k)
{
    const struct quant_info *q = quant_info(type);
    size_t bytes = quant_row_bytes(q, k);
    if (type == QUANT_F32) {
        for (size_t i = 0; i < k; i++)
            ((float *)(void *)row)[i] = (float)uniform();
        return;
    }
    for (size_t i = 0; i < bytes; i++)
        row[i] = (uint8_t)rng_next(&chance);
    if (q->block_elems == 1) {
        for (size_t i = 0; i < k; i++) {
            float f = (float)uniform();
            uint16_t h = type == QUANT_F16 ? quant_f32_to_f16(f) : quant_f32_to_bf16(f);
            memcpy(row + 2 * i, &h, 2);
        }
        return;
    }
    static const int8_t at[QUANT_TYPE_END][2] = {
        [QUANT_Q4_0] = {0, -1}, [QUANT_Q4_1] = {0, 2}, [QUANT_Q5_0] = {0, -1}, [QUANT_Q5_1] = {0, 2}, [QUANT_Q8_0] = {0, -1},
        [QUANT_Q2_K] = {80, 82}, [QUANT_Q3_K] = {108, -1}, [QUANT_Q4_K] = {0, 2}, [QUANT_Q5_K] = {0, 2},
        [QUANT_IQ4_NL] = {0, -1}, [QUANT_IQ4_XS] = {0, -1}};
    for (size_t b = 0; b < bytes; b += q->block_bytes)
        for (int f = 0; f < 2; f++) {
            int offset = type == QUANT_Q6_K ? (f ? -1 : 208) : at[type][f];
            uint16_t h = quant_f32_to_f16((float)uniform() * 0.01f);
            if (type == QUANT_MXFP4)
                row[b] = (uint8_t)(118 + rng_below(&chance, 8));
            else if (offset >= 0)
                memcpy(row + b + offset, &h, 2);
        }
}

struct shape {
    size_t k, rows, n;
};

struct bench {
    struct act x;
    uint8_t *w;
    size_t row_bytes;
    float *y;
    void *scratch;
};

static void *aligned(size_t bytes)
{
    return mem_zalloc_aligned(64, bytes + 64);
}

static void bench_init(struct bench *b, uint32_t type, const struct shape *s)
{
    const struct kernels *ref = kernels_ref();
    enum act_form form = kernels_form(type);
    b->row_bytes = quant_row_bytes(quant_info(type), s->k);
    b->w = aligned(b->row_bytes * s->rows + 64);
    for (size_t r = 0; r < s->rows; r++)
        random_row(type, b->w + r * b->row_bytes, s->k);
    size_t cells = s->n * s->k;
    b->x = (struct act){.k = s->k, .n = s->n, .f = aligned(cells * 4), .q = aligned(cells), .d = aligned(cells * 4), .sum16 = aligned(cells),
                        .sum32 = aligned(cells)};
    for (size_t i = 0; i < cells; i++)
        b->x.f[i] = (float)(uniform() * (rng_below(&chance, 50) ? 1 : 30));
    if (s->k >= 64)
        memset(b->x.f + (s->n - 1) * s->k, 0, s->k / 2 * sizeof(float)); /* blocks of nothing */
    for (size_t c = 0; c < s->n && form != ACT_FLOAT; c++)
        ref->quantise(form, b->x.f + c * s->k, s->k, b->x.q + c * s->k, b->x.d + c * (s->k / act_block(form)),
                      b->x.sum16 + c * (s->k / 16), b->x.sum32 + c * (s->k / 32));
    b->y = aligned(s->n * s->rows * 4);
    b->scratch = aligned(MATMUL_SCRATCH_BYTES);
}

static void bench_fini(struct bench *b)
{
    void *all[] = {b->w, b->x.f, b->x.q, b->x.d, b->x.sum16, b->x.sum32, b->y, b->scratch};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        mem_free(all[i]);
}

static void run(const struct kernels *k, uint32_t type, struct bench *b, const struct shape *s, size_t split)
{
    struct matmul m = {b->w, b->row_bytes, &b->x, b->y, s->rows};
    memset(b->y, 0xff, s->n * s->rows * 4);
    k->matmul[type](&m, 0, split, b->scratch);
    k->matmul[type](&m, split, s->rows, b->scratch);
}

static const struct shape shapes[] = {{256, 1, 1},  {256, 8, 1},  {512, 19, 1}, {256, 16, 2}, {768, 21, 3},  {1024, 32, 4},
                                      {512, 9, 5},  {256, 40, 7}, {2048, 16, 9}, {512, 8, 33}, {11008 / 256 * 256, 8, 2}, {256, 16, MATMUL_COLUMNS_MAX}};
static const struct shape small_shapes[] = {{32, 8, 1}, {96, 17, 2}, {896, 24, 6}, {320, 8, 4}, {32, 40, 13}};

static const struct kernels *fast[4];
static size_t fast_levels(void)
{
    size_t n = 0;
    if (kernels_avx2())
        fast[n++] = kernels_avx2();
    return n;
}

static void level_agrees(const struct kernels *level, uint32_t type, const struct shape *s)
{
    struct bench b;
    bench_init(&b, type, s);
    size_t bytes = s->n * s->rows * 4;
    float *right = aligned(bytes);
    run(kernels_ref(), type, &b, s, s->rows);
    memcpy(right, b.y, bytes);
    for (size_t split = 0; split <= s->rows; split += s->rows > 8 ? 8 : s->rows) {
        run(level, type, &b, s, split);
        if (memcmp(right, b.y, bytes) != 0) {
            size_t i = 0;
            while (memcmp(right + i, b.y + i, 4) == 0)
                i++;
            test_fail(__FILE__, __LINE__, "%s %s k %zu rows %zu columns %zu split %zu: row %zu column %zu is %.9g, not %.9g", level->name, quant_info(type)->name, s->k,
                 s->rows, s->n, split, i % s->rows, i / s->rows, (double)b.y[i], (double)right[i]);
            break;
        }
    }
    mem_free(right);
    bench_fini(&b);
}

TEST(every_level_multiplies_to_the_same_bits)
{
    rng_seed(&chance, 7);
    for (size_t l = 0; l < fast_levels(); l++)
        for (size_t t = 0; t < COUNT_OF(types); t++) {
            for (size_t i = 0; i < COUNT_OF(shapes); i++)
                level_agrees(fast[l], types[t], &shapes[i]);
            for (size_t i = 0; i < COUNT_OF(small_shapes) && quant_info(types[t])->block_elems < 256; i++)
                level_agrees(fast[l], types[t], &small_shapes[i]);
        }
}

TEST(a_column_is_the_same_alone_and_among_others)
{
    rng_seed(&chance, 8);
    struct shape s = {512, 24, 9};
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        struct bench b;
        bench_init(&b, types[t], &s);
        const struct kernels *k = kernels_pick(NULL);
        run(k, types[t], &b, &s, s.rows);
        float together[24], alone[24];
        memcpy(together, b.y + 4 * s.rows, sizeof together);
        struct act x = b.x;
        size_t block = act_block(kernels_form(types[t]));
        x.n = 1, x.f += 4 * s.k, x.q += 4 * s.k, x.d += block ? 4 * s.k / block : 0, x.sum16 += 4 * s.k / 16, x.sum32 += 4 * s.k / 32;
        struct matmul m = {b.w, b.row_bytes, &x, alone, s.rows};
        k->matmul[types[t]](&m, 0, s.rows, b.scratch);
        EXPECT(memcmp(together, alone, sizeof alone) == 0);
        bench_fini(&b);
    }
}

TEST(the_plain_level_is_right)
{
    rng_seed(&chance, 9);
    struct shape s = {1024, 6, 3};
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        struct bench b;
        bench_init(&b, types[t], &s);
        run(kernels_ref(), types[t], &b, &s, s.rows);
        float *w = aligned(s.k * 4);
        size_t block = act_block(kernels_form(types[t]));
        for (size_t r = 0; r < s.rows; r++) {
            quant_info(types[t])->decode(b.w + r * b.row_bytes, w, s.k);
            for (size_t c = 0; c < s.n; c++) {
                double sum = 0, size = 0;
                for (size_t i = 0; i < s.k; i++) {
                    double x = block ? (double)b.x.q[c * s.k + i] * (double)b.x.d[(c * s.k + i) / block] : (double)b.x.f[c * s.k + i];
                    sum += (double)w[i] * x;
                    size += fabs((double)w[i] * x);
                }
                EXPECT(fabs((double)b.y[c * s.rows + r] - sum) <= 2e-5 * size);
            }
        }
        mem_free(w);
        bench_fini(&b);
    }
}

TEST(activations_are_quantised_alike_and_closely)
{
    rng_seed(&chance, 10);
    enum { K = 1024 };
    float x[K];
    int8_t q[2][K];
    float d[2][K / 32];
    int16_t s16[2][K / 16], s32[2][K / 32];
    for (int round = 0; round < 50; round++)
        for (int form = ACT_Q8_256; form <= ACT_Q8_32; form++) {
            double size = pow(10, (double)rng_below(&chance, 12) - 6);
            for (int i = 0; i < K; i++)
                x[i] = round == 0 ? 0 : (float)(uniform() * size);
            if (round == 1)
                for (int i = 0; i < K; i++)
                    x[i] = (float)(i % 255 - 127) + 0.5f; /* ties */
            kernels_ref()->quantise(form, x, K, q[0], d[0], s16[0], s32[0]);
            size_t block = act_block(form);
            for (size_t i = 0; i < K; i++)
                EXPECT(fabs((double)q[0][i] * (double)d[0][i / block] - (double)x[i]) <= (double)d[0][i / block] * 0.50001);
            for (size_t l = 0; l < fast_levels(); l++) {
                fast[l]->quantise(form, x, K, q[1], d[1], s16[1], s32[1]);
                EXPECT(memcmp(q[0], q[1], K) == 0 && memcmp(d[0], d[1], K / block * 4) == 0 && memcmp(s16[0], s16[1], K / 8) == 0 &&
                       memcmp(s32[0], s32[1], K / 16) == 0);
            }
        }
}

TEST(norms_and_gates_are_alike_and_right)
{
    rng_seed(&chance, 11);
    static const size_t lengths[] = {16, 64, 100, 768, 4096};
    float x[4096], w[4096], bias[4096], y[2][4096];
    for (size_t n = 0; n < COUNT_OF(lengths); n++) {
        size_t len = lengths[n];
        double square = 0, sum = 0, spread = 0;
        for (size_t i = 0; i < len; i++) {
            x[i] = (float)(uniform() * 20), w[i] = (float)uniform(), bias[i] = (float)uniform();
            square += (double)x[i] * (double)x[i], sum += (double)x[i];
        }
        for (size_t i = 0; i < len; i++)
            spread += ((double)x[i] - sum / (double)len) * ((double)x[i] - sum / (double)len);
        kernels_ref()->rms_norm(x, w, 1e-5f, y[0], len);
        for (size_t i = 0; i < len; i++)
            EXPECT(fabs((double)y[0][i] - (double)x[i] / sqrt(square / (double)len + 1e-5) * (double)w[i]) < 1e-5);
        for (size_t l = 0; l < fast_levels(); l++) {
            fast[l]->rms_norm(x, w, 1e-5f, y[1], len);
            EXPECT(memcmp(y[0], y[1], len * 4) == 0);
        }
        kernels_ref()->layer_norm(x, w, bias, 1e-5f, y[0], len);
        for (size_t i = 0; i < len; i++)
            EXPECT(fabs((double)y[0][i] - (((double)x[i] - sum / (double)len) / sqrt(spread / (double)len + 1e-5) * (double)w[i] + (double)bias[i])) < 1e-5);
        for (size_t l = 0; l < fast_levels(); l++) {
            fast[l]->layer_norm(x, w, bias, 1e-5f, y[1], len);
            EXPECT(memcmp(y[0], y[1], len * 4) == 0);
        }
        for (int kind = ACT_SILU; kind <= ACT_GELU; kind++)
            for (int gated = 0; gated < 2; gated++) {
                kernels_ref()->gate(kind, x, gated ? w : NULL, y[0], len);
                for (size_t i = 0; i < len; i++) {
                    double v = (double)x[i], a = kind == ACT_SILU ? v / (1 + exp(-v)) : 0.5 * v * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
                    EXPECT(fabs((double)y[0][i] - a * (gated ? (double)w[i] : 1)) < 2e-6 * (1 + fabs(v)));
                }
                for (size_t l = 0; l < fast_levels(); l++) {
                    fast[l]->gate(kind, x, gated ? w : NULL, y[1], len);
                    EXPECT(memcmp(y[0], y[1], len * 4) == 0);
                }
            }
    }
}

/* Attention over pages against the textbook's, and level against level. */
static void attention(enum kv_type type, size_t head_dim, size_t heads, size_t keys, size_t first, float softcap)
{
    size_t pages = (keys + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS, cell = type == KV_F32 ? 4 : 2, page = head_dim * KV_PAGE_TOKENS;
    float *kf = aligned(pages * page * 4), *vf = aligned(pages * page * 4), *q = aligned(heads * head_dim * 4);
    uint8_t *k = aligned(pages * page * cell), *v = aligned(pages * page * cell);
    for (size_t i = 0; i < pages * page; i++) {
        uint16_t a = quant_f32_to_f16((float)uniform()), b = quant_f32_to_f16((float)uniform());
        kf[i] = quant_f16_to_f32(a), vf[i] = quant_f16_to_f32(b);
        memcpy(k + i * cell, type == KV_F32 ? (void *)&kf[i] : &a, cell);
        memcpy(v + i * cell, type == KV_F32 ? (void *)&vf[i] : &b, cell);
    }
    for (size_t i = 0; i < heads * head_dim; i++)
        q[i] = (float)uniform();
    const struct kernels *levels[5] = {kernels_ref()};
    size_t count = 1 + fast_levels();
    for (size_t l = 1; l < count; l++)
        levels[l] = fast[l - 1];
    float *o[5], m[5][HEAD_GROUP_MAX], sum[5][HEAD_GROUP_MAX];
    for (size_t l = 0; l < count; l++) {
        o[l] = aligned(heads * head_dim * 4);
        for (size_t h = 0; h < heads; h++)
            m[l][h] = -INFINITY, sum[l][h] = 0;
        for (size_t p = first / KV_PAGE_TOKENS; p < pages; p++) {
            size_t from = first > p * KV_PAGE_TOKENS ? first - p * KV_PAGE_TOKENS : 0, left = keys - p * KV_PAGE_TOKENS;
            struct attend a = {type, k + p * page * cell, v + p * page * cell, head_dim, from, left < KV_PAGE_TOKENS ? left : KV_PAGE_TOKENS, heads, q,
                               softcap, m[l], sum[l], o[l]};
            levels[l]->attend_page(&a);
        }
        if (l > 0)
            EXPECT(memcmp(o[0], o[l], heads * head_dim * 4) == 0 && memcmp(m[0], m[l], heads * 4) == 0 && memcmp(sum[0], sum[l], heads * 4) == 0);
    }
    for (size_t h = 0; h < heads; h++) {
        double total = 0, *out = mem_zalloc(head_dim * sizeof(double));
        for (size_t i = first; i < keys; i++) {
            double s = 0;
            for (size_t d = 0; d < head_dim; d++)
                s += (double)q[h * head_dim + d] * (double)kf[i / KV_PAGE_TOKENS * page + d * KV_PAGE_TOKENS + i % KV_PAGE_TOKENS];
            if (softcap > 0)
                s = (double)softcap * tanh(s / (double)softcap);
            total += exp(s);
            for (size_t d = 0; d < head_dim; d++)
                out[d] += exp(s) * (double)vf[i * head_dim + d];
        }
        for (size_t d = 0; d < head_dim; d++)
            EXPECT(fabs((double)o[0][h * head_dim + d] / (double)sum[0][h] - out[d] / total) < 1e-5);
        mem_free(out);
    }
    void *all[] = {kf, vf, q, k, v};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        mem_free(all[i]);
    for (size_t l = 0; l < count; l++)
        mem_free(o[l]);
}

TEST(attention_is_alike_and_right)
{
    rng_seed(&chance, 12);
    attention(KV_F16, 64, 4, 1, 0, 0);
    attention(KV_F16, 64, 4, 64, 0, 0);
    attention(KV_F16, 128, 5, 200, 0, 0);
    attention(KV_F32, 128, 8, 129, 0, 0);
    attention(KV_F32, 32, 1, 63, 17, 0);
    attention(KV_F16, 256, 2, 300, 77, 50);
    attention(KV_F16, 96, 1, 70, 69, 0);
    attention(KV_F16, 24, 3, 70, 3, 0);
}
