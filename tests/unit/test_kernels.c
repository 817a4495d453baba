/* test_kernels.c: each level of the kernels against the plain one, bit for bit, on random and on awkward shapes; and the plain one against a
 * dot product in double precision over decoded weights. */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/kernels/kernels.h"
#include "test.h"
#include "vnni_emulated.h"
#include <math.h>
#include <stdlib.h>

static struct rng chance;

static double uniform(void)
{
    return (double)(rng_next(&chance) >> 11) / (double)(1ull << 53) * 2 - 1;
}

static const uint32_t types[] = {QUANT_F32,  QUANT_F16,  QUANT_BF16, QUANT_Q4_0, QUANT_Q4_1, QUANT_Q5_0,   QUANT_Q5_1,   QUANT_Q8_0,
                                 QUANT_Q2_K, QUANT_Q3_K, QUANT_Q4_K, QUANT_Q5_K, QUANT_Q6_K, QUANT_IQ4_NL, QUANT_IQ4_XS, QUANT_MXFP4};

/* Any bytes are codes, or all are `codes` when that is not negative; the scales (binary16 fields, by their offset in the block) are made small numbers. */
static void random_row(uint32_t type, uint8_t *row, size_t k, int codes)
{
    const struct quant_info *q = quant_info(type);
    size_t bytes = quant_row_bytes(q, k);
    if (type == QUANT_F32) {
        for (size_t i = 0; i < k; i++)
            ((float *)(void *)row)[i] = (float)uniform();
        return;
    }
    for (size_t i = 0; i < bytes; i++)
        row[i] = codes < 0 ? (uint8_t)rng_next(&chance) : (uint8_t)codes;
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

static void quantise(struct bench *b, uint32_t type, const struct shape *s)
{
    enum act_form form = kernels_form(type);
    for (size_t c = 0; c < s->n && form != ACT_FLOAT; c++)
        kernels_ref()->quantise(form, b->x.f + c * s->k, s->k, b->x.q + c * s->k, b->x.d + c * (s->k / act_block(form)), b->x.sum16 + c * (s->k / 16),
                                b->x.sum32 + c * (s->k / 32));
}

static void bench_init(struct bench *b, uint32_t type, const struct shape *s, int codes)
{
    b->row_bytes = quant_row_bytes(quant_info(type), s->k);
    b->w = aligned(b->row_bytes * s->rows + 64);
    for (size_t r = 0; r < s->rows; r++)
        random_row(type, b->w + r * b->row_bytes, s->k, codes);
    size_t cells = s->n * s->k;
    b->x = (struct act){.k = s->k, .n = s->n, .f = aligned(cells * 4), .q = aligned(cells), .d = aligned(cells * 4), .sum16 = aligned(cells),
                        .sum32 = aligned(cells)};
    for (size_t i = 0; i < cells; i++)
        b->x.f[i] = (float)(uniform() * (rng_below(&chance, 50) ? 1 : 30));
    if (s->k >= 64)
        memset(b->x.f + (s->n - 1) * s->k, 0, s->k / 2 * sizeof(float)); /* blocks of nothing */
    quantise(b, type, s);
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
                                      {512, 9, 5},  {256, 40, 7}, {2048, 16, 9}, {512, 8, 33}, {11008 / 256 * 256, 8, 2}, {256, 16, MATMUL_COLUMNS_MAX}, {768, 48, 1},
                                      {512, 35, 21}};
static const struct shape small_shapes[] = {{32, 8, 1}, {96, 17, 2}, {896, 24, 6}, {320, 8, 4}, {32, 40, 13}, {96, 32, 1}, {352, 33, 3}};

enum { LEVELS_MAX = 5 };
static const struct kernels *fast[LEVELS_MAX];

/* What this machine runs beside the plain level, and what it does not run, over operations in plain C. */
static size_t fast_levels(void)
{
    const struct kernels *all[] = {kernels_avx2(), kernels_vnni(), kernels_neon(), kernels_vnni_emulated()};
    size_t n = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i])
            fast[n++] = all[i];
    return n;
}

/* Who runs these tests to see one level tested says so, and does not get a green run without it. */
TEST(the_level_that_is_asked_for_runs_here)
{
    const char *name = getenv("HEARTH_TEST_KERNELS");
    if (name && !kernels_pick(name))
        test_fail(__FILE__, __LINE__, "there are no kernels `%s` that this machine can run", name);
    EXPECT(kernels_pick("ref") == kernels_ref() && !kernels_pick("none") && kernels_pick(NULL));
}

static void bench_agrees(const struct kernels *level, uint32_t type, const struct shape *s, struct bench *b)
{
    size_t bytes = s->n * s->rows * 4;
    float *right = aligned(bytes);
    run(kernels_ref(), type, b, s, s->rows);
    memcpy(right, b->y, bytes);
    for (size_t split = 0; split <= s->rows; split += s->rows > 8 ? 8 : s->rows) {
        run(level, type, b, s, split);
        if (memcmp(right, b->y, bytes) != 0) {
            size_t i = 0;
            while (memcmp(right + i, b->y + i, 4) == 0)
                i++;
            test_fail(__FILE__, __LINE__, "%s %s k %zu rows %zu columns %zu split %zu: row %zu column %zu is %.9g, not %.9g", level->name, quant_info(type)->name, s->k,
                 s->rows, s->n, split, i % s->rows, i / s->rows, (double)b->y[i], (double)right[i]);
            break;
        }
    }
    mem_free(right);
}

static void level_agrees(const struct kernels *level, uint32_t type, const struct shape *s)
{
    struct bench b;
    bench_init(&b, type, s, -1);
    bench_agrees(level, type, s, &b);
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

/* The largest codes times the largest activations, of one sign, of the other, by turns and half and half: no sum on the way overflows. */
TEST(nothing_overflows)
{
    static const int codes[] = {0x00, 0x7f, 0x80, 0xff, 0x0f, 0xf0};
    static const size_t turns[] = {SIZE_MAX, 1, 2, 4, 8, 16}; /* after so many elements the sign changes */
    static const struct shape s = {256, 16, 10};
    rng_seed(&chance, 9);
    for (size_t l = 0; l < fast_levels(); l++)
        for (size_t t = 0; t < COUNT_OF(types); t++)
            for (size_t i = 0; i < COUNT_OF(codes) && kernels_form(types[t]) != ACT_FLOAT; i++) {
                struct bench b;
                bench_init(&b, types[t], &s, codes[i]);
                for (size_t c = 0; c < s.n; c++)
                    for (size_t k = 0; k < s.k; k++)
                        b.x.f[c * s.k + k] = (k / turns[c % COUNT_OF(turns)] + c / COUNT_OF(turns)) % 2 ? -1 : 1;
                quantise(&b, types[t], &s);
                bench_agrees(fast[l], types[t], &s, &b);
                bench_fini(&b);
            }
}

TEST(a_column_is_the_same_alone_and_among_others)
{
    rng_seed(&chance, 8);
    struct shape s = {512, 24, 9};
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        struct bench b;
        bench_init(&b, types[t], &s, -1);
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
        bench_init(&b, types[t], &s, -1);
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

/* Keys and values of some tokens in pages of a type, and what they are worth. */
struct cache {
    size_t pages, head_bytes;
    uint8_t *k, *v;  /* (pages, head_bytes) */
    float *kf, *vf; /* (pages, head_dim, KV_PAGE_TOKENS); (pages, KV_PAGE_TOKENS, head_dim) */
};

static void cache_put(struct cache *c, enum kv_type type, size_t head_dim, size_t token)
{
    size_t page = token / KV_PAGE_TOKENS, slot = token % KV_PAGE_TOKENS, at = page * head_dim * KV_PAGE_TOKENS;
    float key[HEAD_DIM_MAX], value[HEAD_DIM_MAX], size = rng_below(&chance, 9) ? 1 : 0; /* and vectors of nothing */
    int8_t code[2][HEAD_DIM_MAX];
    uint16_t scale[2][HEAD_DIM_MAX / KV_BLOCK];
    uint8_t *k = c->k + page * c->head_bytes, *v = c->v + page * c->head_bytes;
    for (size_t d = 0; d < head_dim; d++) {
        key[d] = quant_f16_to_f32(quant_f32_to_f16((float)uniform() * size));
        value[d] = quant_f16_to_f32(quant_f32_to_f16((float)uniform() * size));
    }
    kv_quantise(key, head_dim, code[0], scale[0]);
    kv_quantise(value, head_dim, code[1], scale[1]);
    for (size_t d = 0; d < head_dim; d++) {
        size_t ki = d * KV_PAGE_TOKENS + slot, vi = slot * head_dim + d, blocks = kv_blocks(head_dim), b = d / KV_BLOCK;
        if (type == KV_F32) {
            memcpy(k + 4 * ki, &key[d], 4);
            memcpy(v + 4 * vi, &value[d], 4);
        } else if (type == KV_F16) {
            uint16_t h[2] = {quant_f32_to_f16(key[d]), quant_f32_to_f16(value[d])};
            memcpy(k + 2 * ki, &h[0], 2);
            memcpy(v + 2 * vi, &h[1], 2);
        } else {
            k[ki] = (uint8_t)code[0][d], v[vi] = (uint8_t)code[1][d];
            kv_scales(k, head_dim)[b * KV_PAGE_TOKENS + slot] = scale[0][b];
            kv_scales(v, head_dim)[slot * blocks + b] = scale[1][b];
            key[d] = (float)code[0][d] * quant_f16_to_f32(scale[0][b]);
            value[d] = (float)code[1][d] * quant_f16_to_f32(scale[1][b]);
        }
        c->kf[at + ki] = key[d], c->vf[at + vi] = value[d];
    }
}

static void cache_init(struct cache *c, enum kv_type type, size_t head_dim, size_t keys)
{
    c->pages = (keys + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
    c->head_bytes = kv_head_bytes(type, head_dim);
    c->k = aligned(c->pages * c->head_bytes), c->v = aligned(c->pages * c->head_bytes);
    c->kf = aligned(c->pages * head_dim * KV_PAGE_TOKENS * 4), c->vf = aligned(c->pages * head_dim * KV_PAGE_TOKENS * 4);
    for (size_t i = 0; i < c->pages * c->head_bytes; i++) /* what was never written is not looked at */
        c->k[i] = c->v[i] = 0xff;
    for (size_t i = 0; i < keys; i++)
        cache_put(c, type, head_dim, i);
}

/* Attention over pages against the textbook's, and level against level. */
static void attention(enum kv_type type, size_t head_dim, size_t heads, size_t keys, size_t first, float softcap)
{
    struct cache c;
    cache_init(&c, type, head_dim, keys);
    size_t pages = c.pages, page = head_dim * KV_PAGE_TOKENS;
    float *kf = c.kf, *vf = c.vf, *q = aligned(heads * head_dim * 4);
    for (size_t i = 0; i < heads * head_dim; i++)
        q[i] = (float)uniform();
    const struct kernels *levels[1 + LEVELS_MAX] = {kernels_ref()};
    size_t count = 1 + fast_levels();
    for (size_t l = 1; l < count; l++)
        levels[l] = fast[l - 1];
    float *o[1 + LEVELS_MAX], m[1 + LEVELS_MAX][HEAD_GROUP_MAX], sum[1 + LEVELS_MAX][HEAD_GROUP_MAX];
    for (size_t l = 0; l < count; l++) {
        o[l] = aligned(heads * head_dim * 4);
        for (size_t h = 0; h < heads; h++)
            m[l][h] = -INFINITY, sum[l][h] = 0;
        for (size_t p = first / KV_PAGE_TOKENS; p < pages; p++) {
            size_t from = first > p * KV_PAGE_TOKENS ? first - p * KV_PAGE_TOKENS : 0, left = keys - p * KV_PAGE_TOKENS;
            struct attend a = {type, c.k + p * c.head_bytes, c.v + p * c.head_bytes, head_dim, from, left < KV_PAGE_TOKENS ? left : KV_PAGE_TOKENS, heads, q,
                               softcap, m[l], sum[l], o[l]};
            levels[l]->attend_page(&a);
        }
        if (memcmp(o[0], o[l], heads * head_dim * 4) != 0 || memcmp(m[0], m[l], heads * 4) != 0 || memcmp(sum[0], sum[l], heads * 4) != 0)
            test_fail(__FILE__, __LINE__, "%s, KV type %d, heads of %zu, %zu keys: not the bits of ref", levels[l]->name, (int)type, head_dim, keys);
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
    void *all[] = {kf, vf, q, c.k, c.v};
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
    attention(KV_F16, 80, 9, 33, 0, 0);
    attention(KV_F32, 48, 6, 130, 100, 0);
    attention(KV_Q8_0, 64, 4, 1, 0, 0);
    attention(KV_Q8_0, 128, 5, 200, 0, 0);
    attention(KV_Q8_0, 80, 9, 130, 17, 0);
    attention(KV_Q8_0, 256, 2, 300, 77, 50);
    attention(KV_Q8_0, 16, 1, 40, 39, 0);
    attention(KV_Q8_0, 24, 3, 70, 3, 0);
}

/* Half a step off at most, whatever the size; and nothing that is not a number comes out of what is none. */
TEST(keys_in_eight_bits_are_close)
{
    rng_seed(&chance, 13);
    enum { N = 80 };
    float x[N];
    int8_t code[N];
    uint16_t scale[N / KV_BLOCK + 1];
    for (int round = 0; round < 60; round++) {
        double size = pow(10, (double)rng_below(&chance, 9) - 4);
        for (int i = 0; i < N; i++)
            x[i] = (float)(uniform() * size);
        kv_quantise(x, N, code, scale);
        for (int i = 0; i < N; i++) {
            double step = (double)quant_f16_to_f32(scale[i / KV_BLOCK]);
            /* the largest may be cut by what its scale lost in rounding: 127 steps of one in 2048 at most, a third of a step when large */
            EXPECT(step > 0 && fabs(code[i] * step - (double)x[i]) <= step * 0.5001 + fabs((double)x[i]) * 0x1p-11 + 127 * 0x1p-25);
        }
    }
    float odd[6] = {0, INFINITY, -INFINITY, NAN, 1e30f, -0.0f};
    kv_quantise(odd, 6, code, scale);
    EXPECT(isfinite(quant_f16_to_f32(scale[0])) && code[0] == 0);
    memset(x, 0, sizeof x);
    kv_quantise(x, N, code, scale);
    EXPECT(scale[0] == 0 && code[0] == 0 && code[N - 1] == 0);
}
