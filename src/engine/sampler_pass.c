/* sampler_pass.c: the passes over a whole vocabulary, written in vectors of eight; see sampler_priv.h.
 *
 * The vector types are the compiler's own: it makes them of whatever the machine has, and each lane's operations are the same ones
 * everywhere. On x86 each pass exists twice, the second for AVX2. */
#include "engine/sampler_priv.h"
#include <math.h>

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are passed between inlined functions only, and in by address: a note is not ignored */

typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef float v4f __attribute__((vector_size(16)));
typedef double v4d __attribute__((vector_size(32)));

#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#define TWICE(type, name, params, args)                                        \
    __attribute__((target("avx2"))) static type name##_avx2 params             \
    {                                                                          \
        return name##_body args;                                               \
    }                                                                          \
    static type name##_plain params                                            \
    {                                                                          \
        return name##_body args;                                               \
    }                                                                          \
    type name params                                                           \
    {                                                                          \
        return __builtin_cpu_supports("avx2") ? name##_avx2 args : name##_plain args; \
    }
#else
#define TWICE(type, name, params, args) \
    type name params                    \
    {                                   \
        return name##_body args;        \
    }
#endif

INLINE v8f load(const float *at)
{
    v8f v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* Lane by lane, the larger of what is there and the logits' order. */
INLINE void raise(v8i *best, const v8f *logits)
{
    v8i bits = (v8i)*logits, order = bits ^ ((bits >> 31) & 0x7fffffff), more = *best > order;
    *best = (*best & more) | (order & ~more);
}

INLINE int32_t across(const v8i *v)
{
    int32_t best = (*v)[0];
    for (int i = 1; i < 8; i++)
        best = (*v)[i] > best ? (*v)[i] : best;
    return best;
}

/* 2^f on [-1/2, 1/2]: the Taylor series, whose error is below half a unit in the last place of a float. */
static const float C1 = 0.6931471806f, C2 = 0.2402265070f, C3 = 0.05550410866f, C4 = 0.009618129108f, C5 = 0.001333355815f,
                   C6 = 0.0001540353039f;
static const float LOG2E = 1.442695041f, LOWEST = -120; /* powers below have no weight */

/* exp(x) of numbers that are not positive. */
INLINE v8f exp_8(const v8f *x)
{
    v8f y = *x * LOG2E;
    v8i low = y < LOWEST;
    y = (v8f)(((v8i)y & ~low) | ((v8i)((v8f){0} + LOWEST) & low));
    v8i n = __builtin_convertvector(y - 0.5f, v8i); /* rounds towards zero: to the nearest of y */
    v8f f = y - __builtin_convertvector(n, v8f);
    v8f p = f * C6 + C5;
    p = p * f + C4;
    p = p * f + C3;
    p = p * f + C2;
    p = p * f + C1;
    p = p * f + 1.0f;
    return (v8f)((v8i)p + n * (1 << 23));
}

/* The same, operation by operation. */
static float exp_1(float x)
{
    float y = x * LOG2E;
    y = y < LOWEST ? LOWEST : y;
    int32_t n = (int32_t)(y - 0.5f), bits;
    float f = y - (float)n;
    float p = f * C6 + C5;
    p = p * f + C4;
    p = p * f + C3;
    p = p * f + C2;
    p = p * f + C1;
    p = p * f + 1.0f;
    memcpy(&bits, &p, sizeof bits);
    bits += n * (1 << 23);
    memcpy(&p, &bits, sizeof p);
    return p;
}

uint32_t weigh(float logit, float max, float scale)
{
    return (uint32_t)(int32_t)(exp_1((logit - max) * scale) * (float)WEIGHT_ONE);
}

INLINE bool pass_copy_body(struct sampler_room *room, const float *logits)
{
    v8i bad = {0};
    uint32_t whole = room->vocab / BLOCK;

    for (uint32_t b = 0; b < whole; b++) {
        v8i best = (v8i){0} + INT32_MIN;
        for (uint32_t i = b * BLOCK; i < (b + 1) * BLOCK; i += 8) {
            v8f v = load(logits + i) + 0.0f; /* one zero, not two */
            bad |= ((v8i)v & 0x7f800000) == 0x7f800000;
            raise(&best, &v);
            memcpy(room->work + i, &v, sizeof v);
        }
        room->block[b] = across(&best);
    }
    bad = -bad;
    bool fine = across(&bad) <= 0;
    if (whole < room->blocks) {
        for (uint32_t i = whole * BLOCK; i < room->vocab; i++) {
            fine = fine && isfinite(logits[i]);
            room->work[i] = logits[i] + 0.0f;
        }
        for (uint32_t i = room->vocab; i < room->blocks * BLOCK; i++)
            room->work[i] = -INFINITY;
        pass_block(room, whole);
    }
    return fine;
}
TWICE(bool, pass_copy, (struct sampler_room *room, const float *logits), (room, logits))

void pass_block(struct sampler_room *room, uint32_t block)
{
    v8i best = (v8i){0} + INT32_MIN;

    for (uint32_t i = block * BLOCK; i < (block + 1) * BLOCK; i += 8) {
        v8f v = load(room->work + i);
        raise(&best, &v);
    }
    room->block[block] = across(&best);
}

INLINE uint64_t pass_weigh_body(struct sampler_room *room, float max, float scale)
{
    uint64_t sum = 0;

    for (uint32_t b = 0; b < room->blocks; b++) {
        if (room->block[b] == order_of(-INFINITY)) { /* all of it is out */
            memset(room->weight + (size_t)b * BLOCK, 0, BLOCK * sizeof *room->weight);
            continue;
        }
        v8i low = {0}, high = {0}; /* of 64 weights up to 2^30: their halves fit 32 bits each */
        for (uint32_t i = b * BLOCK; i < (b + 1) * BLOCK; i += 8) {
            v8f x = (load(room->work + i) - max) * scale;
            v8i w = __builtin_convertvector(exp_8(&x) * (float)WEIGHT_ONE, v8i);
            memcpy(room->weight + i, &w, sizeof w);
            low += w & 0xffff;
            high += w >> 16;
        }
        for (int i = 0; i < 8; i++)
            sum += (uint64_t)(uint32_t)low[i] + ((uint64_t)(uint32_t)high[i] << 16);
    }
    return sum;
}
TWICE(uint64_t, pass_weigh, (struct sampler_room *room, float max, float scale), (room, max, scale))

INLINE double pass_sum_body(const struct sampler_room *room, float max)
{
    v4d low = {0}, high = {0};

    for (uint32_t i = 0; i < room->blocks * BLOCK; i += 8) {
        v8f x = load(room->work + i) - max, w = exp_8(&x);
        v4f half[2];
        memcpy(half, &w, sizeof half);
        low += __builtin_convertvector(half[0], v4d);
        high += __builtin_convertvector(half[1], v4d);
    }
    low += high;
    return low[0] + low[1] + low[2] + low[3];
}
TWICE(double, pass_sum, (const struct sampler_room *room, float max), (room, max))
