/* x86_avx2.c: the kernels for machines with AVX2, FMA and F16C: what most x86 machines of the last ten years are. It is one piece in spite
 * of its length: it is one table of variants of the same few loops, and they share their inline pieces. Read matmul_tiles() first.
 *
 * One column (decode) reads the blocks as they lie in the file, eight or four rows side by side, so that sums over the lanes
 * are made for several rows at once. Several columns (prefill, batches) first take a panel of eight rows and 256 elements
 * apart into a tile of bytes in the first-level cache: a register then holds four elements of each of the eight rows, one
 * broadcast of four activations serves all of them, products of small codes add up in 16 bits before they are scaled, and no
 * lane ever has to be summed with its neighbour. The integers are exact either way, so both ways give the same bits.
 *
 *   tile.code[step]:  row 0: k k+1 k+2 k+3 | row 1: k k+1 k+2 k+3 | … | row 7       (k = 4 * step)
 *   x broadcast:          x x+1 x+2 x+3   |     x x+1 x+2 x+3   | …
 */
#include "engine/kernels/kernels_priv.h"

#if defined(__x86_64__) && defined(__GNUC__)
/* The compilers' header brings an allocator of its own, made of what ours ban; it goes without. */
#define _MM_MALLOC_H_INCLUDED
#define __MM_MALLOC_H
#include <cpuid.h>
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#pragma GCC optimize("O3") /* loops over a handful of columns must become registers */
#endif

#define INLINE static inline __attribute__((always_inline))

enum { ROWS = 8, PANEL = 256, STEPS = PANEL / 4, COLUMNS = 4, SIGN_FLIP = 128 };

/* The compiler may reorder a sum of integers, and then keeps all its parts at once, more than there are registers: not past here. */
#define IN_ORDER(vector) __asm__("" : "+x"(vector))

INLINE __m256i load256(const void *p)
{
    return _mm256_loadu_si256(p);
}

INLINE __m128i load128(const void *p)
{
    return _mm_loadu_si128(p);
}

INLINE int32_t load32(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE float f16_at(const void *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return _cvtsh_ss(h);
}

/* The same field of eight rows as floats. */
INLINE __m256 f16_rows(const uint8_t *w, size_t row_bytes)
{
    uint16_t h[ROWS];
    for (int r = 0; r < ROWS; r++)
        memcpy(&h[r], w + (size_t)r * row_bytes, 2);
    return _mm256_cvtph_ps(load128(h));
}

/* --- activations ------------------------------------------------------------------------------------------------------------ */

INLINE float max_lanes(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}

INLINE void quantise_32(const float *x, __m256 inverse, int8_t *q, int16_t *sum16, int16_t *sum32)
{
    __m256i v[4];
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), inverse));
    __m256i packed = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
    packed = _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)q, packed);
    __m256i four = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), packed), _mm256_set1_epi16(1));
    __m256i eight = _mm256_hadd_epi32(four, four), sixteen = _mm256_hadd_epi32(eight, eight);
    sum16[0] = (int16_t)_mm_cvtsi128_si32(_mm256_castsi256_si128(sixteen));
    sum16[1] = (int16_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(sixteen, 1));
    *sum32 = (int16_t)(sum16[0] + sum16[1]);
}

static void quantise(enum act_form form, const float *x, size_t k, int8_t *q, float *d, int16_t *sum16, int16_t *sum32)
{
    size_t block = form == ACT_Q8_256 ? 256 : 32;
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
    for (size_t b = 0; b < k / block; b++) {
        const float *from = x + b * block;
        __m256 most8 = _mm256_setzero_ps();
        for (size_t i = 0; i < block; i += 8)
            most8 = _mm256_max_ps(most8, _mm256_and_ps(_mm256_loadu_ps(from + i), magnitude));
        float most = max_lanes(most8);
        __m256 inverse = _mm256_set1_ps(most > 0 ? 127.0f / most : 0);
        d[b] = most / 127.0f;
        for (size_t i = 0; i < block; i += 32)
            quantise_32(from + i, inverse, q + b * block + i, sum16 + (b * block + i) / 16, sum32 + (b * block + i) / 32);
    }
}

/* --- tiles: eight rows of one panel taken apart ------------------------------------------------------------------------------ */

struct tile {
    __m256i code[STEPS];  /* as drawn above, unsigned; of signed bytes the lower four bits */
    __m256i high[STEPS];  /* of signed bytes + 128: the upper four bits */
    __m256i scale[16];    /* per group: the row's scale in both halves of its lane */
    __m256i pair[8];      /* offsets or minima of two neighbouring groups in the halves of the row's lane */
    __m256 d[8], dmin[8]; /* per block */
};

/* Eight registers of eight lanes, rows to columns. */
INLINE void transpose(__m256i v[8])
{
    __m256i t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        u[4 * i] = _mm256_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 1] = _mm256_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
        u[4 * i + 2] = _mm256_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
        u[4 * i + 3] = _mm256_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(u[i], u[4 + i], 0x20);
        v[4 + i] = _mm256_permute2x128_si256(u[i], u[4 + i], 0x31);
    }
}

INLINE void transpose_128(const uint8_t *w, size_t row_bytes, __m256i low[4]) /* 16 bytes of eight rows: four steps */
{
    __m256i v[4];
    for (int i = 0; i < 4; i++)
        v[i] = _mm256_set_m128i(load128(w + (size_t)(i + 4) * row_bytes), load128(w + (size_t)i * row_bytes));
    __m256i a = _mm256_unpacklo_epi32(v[0], v[1]), b = _mm256_unpackhi_epi32(v[0], v[1]);
    __m256i c = _mm256_unpacklo_epi32(v[2], v[3]), d = _mm256_unpackhi_epi32(v[2], v[3]);
    low[0] = _mm256_unpacklo_epi64(a, c);
    low[1] = _mm256_unpackhi_epi64(a, c);
    low[2] = _mm256_unpacklo_epi64(b, d);
    low[3] = _mm256_unpackhi_epi64(b, d);
}

INLINE void load_rows(const uint8_t *w, size_t row_bytes, __m256i v[8])
{
    for (int r = 0; r < ROWS; r++)
        v[r] = load256(w + (size_t)r * row_bytes);
    transpose(v);
}

INLINE void tile_scale(struct tile *t, int group, int row, int scale)
{
    ((int32_t *)&t->scale[group])[row] = (int32_t)((uint32_t)(uint16_t)scale * 0x10001u);
}

INLINE void tile_pair(struct tile *t, int pair, int row, int first, int second)
{
    ((uint32_t *)&t->pair[pair])[row] = (uint32_t)(uint16_t)first | (uint32_t)(uint16_t)second << 16;
}

/* Byte `first` of each lane in the low half of the lane, byte `second` in the high half. */
INLINE __m256i halves_of(__m256i v, int first, int second)
{
    const __m256i lane = _mm256_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
    const uint32_t none = 0x80008000u; /* a zero byte above each */
    uint32_t which = (uint32_t)first | (uint32_t)second << 16 | none;
    return _mm256_shuffle_epi8(v, _mm256_add_epi8(lane, _mm256_set1_epi32((int32_t)which)));
}

/* The same with the sign. */
INLINE __m256i signed_halves_of(__m256i v, int first, int second)
{
    return _mm256_srai_epi16(_mm256_slli_epi16(halves_of(v, first, second), 8), 8);
}

/* The heads of eight blocks of Q4_K or Q5_K, a row in each lane: six-bit scales, twice, and minima of two neighbouring groups. */
INLINE void heads_q45_k(const uint8_t *w, size_t row_bytes, __m256i scale[8], __m256i pair[4], __m256 *d, __m256 *dmin)
{
    const __m256i six = _mm256_set1_epi8(0x3f), low = _mm256_set1_epi8(15), two = _mm256_set1_epi8(0x30);
    const __m256i apart = _mm256_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15, 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
    __m256i v[4], s[2], m[2];
    transpose_128(w, row_bytes, v);
    __m256i halves = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v[0], apart), 0xd8);
    *d = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
    *dmin = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
    s[0] = _mm256_and_si256(v[1], six);
    m[0] = _mm256_and_si256(v[2], six);
    s[1] = _mm256_or_si256(_mm256_and_si256(v[3], low), _mm256_and_si256(_mm256_srli_epi16(v[1], 2), two));
    m[1] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(v[3], 4), low), _mm256_and_si256(_mm256_srli_epi16(v[2], 2), two));
#pragma GCC unroll 8
    for (int g = 0; g < 8; g++)
        scale[g] = halves_of(s[g / 4], g % 4, g % 4);
#pragma GCC unroll 4
    for (int p = 0; p < 4; p++)
        pair[p] = halves_of(m[p / 2], 2 * (p % 2), 2 * (p % 2) + 1);
}

static void take_q4_k(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    (void)blocks;
    heads_q45_k(w, row_bytes, t->scale, t->pair, &t->d[0], &t->dmin[0]);
    const __m256i low = _mm256_set1_epi8(15);
    for (int c = 0; c < 4; c++) {
        __m256i v[8];
        load_rows(w + 16 + 32 * c, row_bytes, v);
        for (int s = 0; s < 8; s++) {
            t->code[16 * c + s] = _mm256_and_si256(v[s], low);
            t->code[16 * c + 8 + s] = _mm256_and_si256(_mm256_srli_epi16(v[s], 4), low);
        }
    }
}

static void take_q5_k(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    (void)blocks;
    heads_q45_k(w, row_bytes, t->scale, t->pair, &t->d[0], &t->dmin[0]);
    const __m256i low = _mm256_set1_epi8(15), one = _mm256_set1_epi8(1);
    __m256i high[8];
    load_rows(w + 16, row_bytes, high);
    for (int c = 0; c < 4; c++) {
        __m256i v[8];
        load_rows(w + 48 + 32 * c, row_bytes, v);
        for (int s = 0; s < 8; s++) {
            __m256i first = _mm256_and_si256(high[s], one);
            __m256i second = _mm256_and_si256(_mm256_srli_epi16(high[s], 1), one);
            t->code[16 * c + s] = _mm256_or_si256(_mm256_and_si256(v[s], low), _mm256_slli_epi16(first, 4));
            t->code[16 * c + 8 + s] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(v[s], 4), low), _mm256_slli_epi16(second, 4));
            high[s] = _mm256_srli_epi16(high[s], 2);
        }
    }
}

static void take_q6_k(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    (void)blocks;
    const __m256i low = _mm256_set1_epi8(15), two = _mm256_set1_epi8(0x30);
    for (int half = 0; half < 2; half++) {
        __m256i a[8], b[8], h[8];
        load_rows(w + 64 * half, row_bytes, a);
        load_rows(w + 64 * half + 32, row_bytes, b);
        load_rows(w + 128 + 32 * half, row_bytes, h);
        for (int s = 0; s < 8; s++) {
            __m256i *to = &t->code[32 * half + s];
            to[0] = _mm256_or_si256(_mm256_and_si256(a[s], low), _mm256_and_si256(_mm256_slli_epi16(h[s], 4), two));
            to[8] = _mm256_or_si256(_mm256_and_si256(b[s], low), _mm256_and_si256(_mm256_slli_epi16(h[s], 2), two));
            to[16] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(a[s], 4), low), _mm256_and_si256(h[s], two));
            to[24] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(b[s], 4), low), _mm256_and_si256(_mm256_srli_epi16(h[s], 2), two));
        }
    }
    __m256i scale[4];
    transpose_128(w + 192, row_bytes, scale);
#pragma GCC unroll 16
    for (int g = 0; g < 16; g++)
        t->scale[g] = signed_halves_of(scale[g / 4], g % 4, g % 4);
#pragma GCC unroll 8
    for (int p = 0; p < 8; p++)
        t->pair[p] = signed_halves_of(scale[p / 2], 2 * (p % 2), 2 * (p % 2) + 1);
    t->d[0] = f16_rows(w + 208, row_bytes);
}

/* Signed bytes of a step, four of each row. */
INLINE void take_signed(struct tile *t, size_t step, __m256i v)
{
    const __m256i low = _mm256_set1_epi8(15);
    v = _mm256_xor_si256(v, _mm256_set1_epi8((char)SIGN_FLIP));
    t->code[step] = _mm256_and_si256(v, low);
    t->high[step] = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
}

static void take_q8_0(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++) {
        __m256i v[8];
        load_rows(w + 34 * b + 2, row_bytes, v);
        for (size_t s = 0; s < 8; s++)
            take_signed(t, 8 * b + s, v[s]);
        t->d[b] = f16_rows(w + 34 * b, row_bytes);
    }
}

INLINE void take_nibbles(struct tile *t, const uint8_t *w, size_t row_bytes, size_t b)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i v[4];
    transpose_128(w, row_bytes, v);
    for (int s = 0; s < 4; s++) {
        t->code[8 * b + (size_t)s] = _mm256_and_si256(v[s], low);
        t->code[8 * b + 4 + (size_t)s] = _mm256_and_si256(_mm256_srli_epi16(v[s], 4), low);
    }
}

static void take_q4_0(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++) {
        take_nibbles(t, w + 18 * b + 2, row_bytes, b);
        t->d[b] = f16_rows(w + 18 * b, row_bytes);
    }
}

static void take_q4_1(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++) {
        take_nibbles(t, w + 20 * b + 4, row_bytes, b);
        t->d[b] = f16_rows(w + 20 * b, row_bytes);
        t->dmin[b] = _mm256_sub_ps(_mm256_setzero_ps(), f16_rows(w + 20 * b + 2, row_bytes));
    }
}

/* Bit i of a row's word to bit 4 of element i's byte. */
INLINE void take_fifth_bits(struct tile *t, const uint8_t *w, size_t row_bytes, size_t b)
{
    int32_t word[ROWS];
    for (int r = 0; r < ROWS; r++)
        word[r] = load32(w + (size_t)r * row_bytes);
    __m256i bits = load256(word), four = _mm256_set1_epi8(16);
    const __m256i which = _mm256_set1_epi32((int32_t)0x08040201u);
    const __m256i spread[4] = {
        _mm256_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12, 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12),
        _mm256_setr_epi8(1, 1, 1, 1, 5, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 13, 1, 1, 1, 1, 5, 5, 5, 5, 9, 9, 9, 9, 13, 13, 13, 13),
        _mm256_setr_epi8(2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10, 10, 14, 14, 14, 14, 2, 2, 2, 2, 6, 6, 6, 6, 10, 10, 10, 10, 14, 14, 14, 14),
        _mm256_setr_epi8(3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15, 3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15)};
    for (int s = 0; s < 8; s++) {
        __m256i select = s % 2 ? _mm256_slli_epi32(which, 4) : which;
        __m256i byte = _mm256_and_si256(_mm256_shuffle_epi8(bits, spread[s / 2]), select);
        __m256i set = _mm256_and_si256(_mm256_cmpeq_epi8(byte, select), four);
        t->code[8 * b + (size_t)s] = _mm256_or_si256(t->code[8 * b + (size_t)s], set);
    }
}

static void take_q5_0(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++) {
        take_nibbles(t, w + 22 * b + 6, row_bytes, b);
        take_fifth_bits(t, w + 22 * b + 2, row_bytes, b);
        t->d[b] = f16_rows(w + 22 * b, row_bytes);
    }
}

static void take_q5_1(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    for (size_t b = 0; b < blocks; b++) {
        take_nibbles(t, w + 24 * b + 8, row_bytes, b);
        take_fifth_bits(t, w + 24 * b + 4, row_bytes, b);
        t->d[b] = f16_rows(w + 24 * b, row_bytes);
        t->dmin[b] = _mm256_sub_ps(_mm256_setzero_ps(), f16_rows(w + 24 * b + 2, row_bytes));
    }
}

/* The types that few files hold: taken apart by the plain code, each row on its own. Codes are signed but where `offset` makes
 * them unsigned. */
INLINE void take_plainly(enum quant_type type, int offset, struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    const struct block_kind *kind = block_kind(type);
    size_t block_bytes = quant_info(type)->block_bytes;
    for (size_t b = 0; b < blocks; b++)
        for (int r = 0; r < ROWS; r++) {
            struct block_parts p = {0};
            kind->take_apart(w + (size_t)r * row_bytes + b * block_bytes, &p);
            ((float *)&t->d[b])[r] = p.d;
            ((float *)&t->dmin[b])[r] = p.dmin;
            for (uint32_t e = 0; e < kind->elems; e++)
                ((uint8_t *)&t->code[b * 8 + e / 4])[4 * r + (int)(e % 4)] = (uint8_t)(p.code[e] + offset);
            for (int g = 0; g < 16 && kind->elems == 256; g++)
                tile_scale(t, g, r, p.scale[g]);
            for (int g = 0; g < 8 && kind->elems == 256; g++)
                tile_pair(t, g, r, kind->has_min ? p.min[2 * g] : p.scale[2 * g], kind->has_min ? p.min[2 * g + 1] : p.scale[2 * g + 1]);
        }
}

static void take_q2_k(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    take_plainly(QUANT_Q2_K, 0, t, w, row_bytes, blocks);
}

static void take_q3_k(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    take_plainly(QUANT_Q3_K, 4, t, w, row_bytes, blocks);
}

INLINE void take_signed_plainly(enum quant_type type, struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    take_plainly(type, 0, t, w, row_bytes, blocks);
    for (size_t s = 0; s < blocks * block_kind(type)->elems / 4; s++)
        take_signed(t, s, t->code[s]);
}

static void take_iq4_xs(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    take_signed_plainly(QUANT_IQ4_XS, t, w, row_bytes, blocks);
    for (int j = 0; j < 8; j++) /* its groups are of 32 */
        t->scale[j] = t->scale[2 * j];
}

static void take_iq4_nl(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    take_signed_plainly(QUANT_IQ4_NL, t, w, row_bytes, blocks);
}

static void take_mxfp4(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks)
{
    take_signed_plainly(QUANT_MXFP4, t, w, row_bytes, blocks);
}

/* --- a tile times up to four columns ------------------------------------------------------------------------------------------- */

/* Where the columns of a panel lie: their codes, scales and sums. */
struct columns {
    const int8_t *q[COLUMNS];
    const float *d[COLUMNS];
    const int16_t *sum16[COLUMNS], *sum32[COLUMNS];
    float *y[COLUMNS]; /* eight rows each */
};

/* Products of `steps` steps from `first` on, in 16 bits: the caller knows that they fit. */
INLINE void products(const struct tile *t, const struct columns *x, int n, int first, int steps, __m256i sum[COLUMNS])
{
    for (int c = 0; c < n; c++)
        sum[c] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int i = 0; i < steps; i++) {
        __m256i w = t->code[first + i];
        for (int c = 0; c < n; c++)
            sum[c] = _mm256_add_epi16(sum[c], _mm256_maddubs_epi16(w, _mm256_set1_epi32(load32(x->q[c] + 4 * (first + i)))));
        for (int c = 0; c < n; c++)
            IN_ORDER(sum[c]);
    }
}

/* Sums over neighbouring groups times their offsets or minima. */
INLINE void pairs(const struct tile *t, const int16_t *const sums[COLUMNS], int n, int count, __m256i out[COLUMNS])
{
    for (int c = 0; c < n; c++)
        out[c] = _mm256_setzero_si256();
    for (int p = 0; p < count; p++)
        for (int c = 0; c < n; c++)
            out[c] = _mm256_add_epi32(out[c], _mm256_madd_epi16(t->pair[p], _mm256_set1_epi32(load32(sums[c] + 2 * p))));
}

INLINE void add_scaled(float *y, __m256 d, float x, __m256i sum)
{
    _mm256_storeu_ps(y, _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(x)), _mm256_cvtepi32_ps(sum), _mm256_loadu_ps(y)));
}

INLINE void take_scaled(float *y, __m256 d, float x, __m256i sum)
{
    _mm256_storeu_ps(y, _mm256_fnmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(x)), _mm256_cvtepi32_ps(sum), _mm256_loadu_ps(y)));
}

/* Unsigned codes in groups of 32 with minima: Q4_K (eight steps of 15 * 127 * 2 fit 16 bits), Q5_K (four of 31 do). */
INLINE void super_32(const struct tile *t, const struct columns *x, int n, int steps)
{
    __m256i sum[COLUMNS], total[COLUMNS], min[COLUMNS];
    for (int c = 0; c < n; c++)
        total[c] = _mm256_setzero_si256();
    for (int g = 0; g < 8; g++)
        for (int s = 0; s < 8; s += steps) {
            products(t, x, n, 8 * g + s, steps, sum);
            for (int c = 0; c < n; c++)
                total[c] = _mm256_add_epi32(total[c], _mm256_madd_epi16(sum[c], t->scale[g]));
        }
    pairs(t, x->sum32, n, 4, min);
    for (int c = 0; c < n; c++) {
        add_scaled(x->y[c], t->d[0], x->d[c][0], total[c]);
        take_scaled(x->y[c], t->dmin[0], x->d[c][0], min[c]);
    }
}

/* Unsigned codes in groups of 16: Q6_K and Q3_K, whose offset goes off through the sums, and Q2_K, which has minima. */
INLINE void super_16(const struct tile *t, const struct columns *x, int n, int steps, int offset)
{
    __m256i sum[COLUMNS], total[COLUMNS], other[COLUMNS];
    for (int c = 0; c < n; c++)
        total[c] = _mm256_setzero_si256();
    for (int g = 0; g < 16; g++)
        for (int s = 0; s < 4; s += steps) {
            products(t, x, n, 4 * g + s, steps, sum);
            for (int c = 0; c < n; c++)
                total[c] = _mm256_add_epi32(total[c], _mm256_madd_epi16(sum[c], t->scale[g]));
        }
    pairs(t, x->sum16, n, 8, other);
    for (int c = 0; c < n; c++) {
        if (offset)
            total[c] = _mm256_sub_epi32(total[c], _mm256_mullo_epi32(other[c], _mm256_set1_epi32(offset)));
        add_scaled(x->y[c], t->d[0], x->d[c][0], total[c]);
        if (!offset)
            take_scaled(x->y[c], t->dmin[0], x->d[c][0], other[c]);
    }
}

/* Signed codes do not go through the multiplication of unsigned bytes, and products of eight bits do not add up in 16. So they are
 * taken as two unsigned halves of four bits, 16 * (high - 8) + low: the exact sums of one group of 32. The 8 times x leaves `high`
 * before anything comes in, half of it in each of a row's two lanes: what is in a lane at the end is 16 products of high - 4 and x and
 * 16 of -4 and x, so at most (16 * 11 + 16 * 4) * 127 and within 16 bits. */
INLINE void signed_group(const struct tile *t, const struct columns *x, int n, int group, __m256i sum[COLUMNS])
{
    __m256i low[COLUMNS], high[COLUMNS];
    for (int c = 0; c < n; c++) {
        low[c] = _mm256_setzero_si256();
        high[c] = _mm256_sub_epi16(low[c], _mm256_slli_epi16(_mm256_set1_epi16(x->sum32[c][group]), 2));
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
        __m256i l = t->code[8 * group + i], h = t->high[8 * group + i];
        for (int c = 0; c < n; c++) {
            __m256i four = _mm256_set1_epi32(load32(x->q[c] + 4 * (8 * group + i)));
            low[c] = _mm256_add_epi16(low[c], _mm256_maddubs_epi16(l, four));
            high[c] = _mm256_add_epi16(high[c], _mm256_maddubs_epi16(h, four));
            IN_ORDER(low[c]);
            IN_ORDER(high[c]);
        }
    }
    for (int c = 0; c < n; c++)
        sum[c] = _mm256_add_epi32(_mm256_madd_epi16(low[c], _mm256_set1_epi16(1)), _mm256_madd_epi16(high[c], _mm256_set1_epi16(16)));
}

INLINE void super_signed(const struct tile *t, const struct columns *x, int n)
{
    __m256i sum[COLUMNS], total[COLUMNS];
    for (int c = 0; c < n; c++)
        total[c] = _mm256_setzero_si256();
    for (int g = 0; g < 8; g++) {
        signed_group(t, x, n, g, sum);
        for (int c = 0; c < n; c++) /* the scale stands in both halves of its lane: as one number, with its sign */
            total[c] = _mm256_add_epi32(total[c], _mm256_mullo_epi32(sum[c], _mm256_srai_epi32(t->scale[g], 16)));
    }
    for (int c = 0; c < n; c++)
        add_scaled(x->y[c], t->d[0], x->d[c][0], total[c]);
}

INLINE void small_signed(const struct tile *t, const struct columns *x, int n, size_t blocks)
{
    __m256i sum[COLUMNS];
    __m256 y[COLUMNS];
    for (int c = 0; c < n; c++)
        y[c] = _mm256_loadu_ps(x->y[c]);
    for (size_t b = 0; b < blocks; b++) {
        signed_group(t, x, n, (int)b, sum);
        for (int c = 0; c < n; c++)
            y[c] = _mm256_fmadd_ps(_mm256_mul_ps(t->d[b], _mm256_set1_ps(x->d[c][b])), _mm256_cvtepi32_ps(sum[c]), y[c]);
    }
    for (int c = 0; c < n; c++)
        _mm256_storeu_ps(x->y[c], y[c]);
}

/* Unsigned codes of small blocks: Q4_0 and Q5_0 with an offset, Q4_1 and Q5_1 with a minimum. */
INLINE void small_unsigned(const struct tile *t, const struct columns *x, int n, size_t blocks, int steps, int offset)
{
    const __m256i one = _mm256_set1_epi16(1);
    __m256 y[COLUMNS];
    for (int c = 0; c < n; c++)
        y[c] = _mm256_loadu_ps(x->y[c]);
    for (size_t b = 0; b < blocks; b++) {
        __m256i sum[COLUMNS], total[COLUMNS];
        for (int c = 0; c < n; c++)
            total[c] = _mm256_set1_epi32(-offset * x->sum32[c][b]);
        for (int s = 0; s < 8; s += steps) {
            products(t, x, n, 8 * (int)b + s, steps, sum);
            for (int c = 0; c < n; c++)
                total[c] = _mm256_add_epi32(total[c], _mm256_madd_epi16(sum[c], one));
        }
        for (int c = 0; c < n; c++) {
            __m256 d = _mm256_set1_ps(x->d[c][b]);
            y[c] = _mm256_fmadd_ps(_mm256_mul_ps(t->d[b], d), _mm256_cvtepi32_ps(total[c]), y[c]);
            if (!offset)
                y[c] = _mm256_fnmadd_ps(_mm256_mul_ps(t->dmin[b], d), _mm256_set1_ps((float)x->sum32[c][b]), y[c]);
        }
    }
    for (int c = 0; c < n; c++)
        _mm256_storeu_ps(x->y[c], y[c]);
}

/* --- all columns of a run of rows -------------------------------------------------------------------------------------------- */

struct tile_kind {
    size_t block, block_bytes;
    void (*take)(struct tile *t, const uint8_t *w, size_t row_bytes, size_t blocks);
    void (*four)(const struct tile *t, const struct columns *x, size_t blocks); /* exactly four columns */
    void (*one)(const struct tile *t, const struct columns *x, size_t blocks);
};

#define TIMES(name, call_four, call_one)                                                          \
    static void name##_four(const struct tile *t, const struct columns *x, size_t blocks)         \
    {                                                                                             \
        (void)blocks;                                                                             \
        call_four;                                                                                \
    }                                                                                             \
    static void name##_one(const struct tile *t, const struct columns *x, size_t blocks)          \
    {                                                                                             \
        (void)blocks;                                                                             \
        call_one;                                                                                 \
    }
TIMES(q4_k, super_32(t, x, 4, 8), super_32(t, x, 1, 8))
TIMES(q5_k, super_32(t, x, 4, 4), super_32(t, x, 1, 4))
TIMES(q6_k, super_16(t, x, 4, 2, 32), super_16(t, x, 1, 2, 32))
TIMES(q3_k, super_16(t, x, 4, 4, 4), super_16(t, x, 1, 4, 4))
TIMES(q2_k, super_16(t, x, 4, 4, 0), super_16(t, x, 1, 4, 0))
TIMES(iq4_xs, super_signed(t, x, 4), super_signed(t, x, 1))
TIMES(q8_0, small_signed(t, x, 4, blocks), small_signed(t, x, 1, blocks))
TIMES(q4_0, small_unsigned(t, x, 4, blocks, 8, 8), small_unsigned(t, x, 1, blocks, 8, 8))
TIMES(q5_0, small_unsigned(t, x, 4, blocks, 4, 16), small_unsigned(t, x, 1, blocks, 4, 16))
TIMES(q4_1, small_unsigned(t, x, 4, blocks, 8, 0), small_unsigned(t, x, 1, blocks, 8, 0))
TIMES(q5_1, small_unsigned(t, x, 4, blocks, 4, 0), small_unsigned(t, x, 1, blocks, 4, 0))

static const struct tile_kind tile_kinds[QUANT_TYPE_END] = {
    [QUANT_Q4_K] = {256, 144, take_q4_k, q4_k_four, q4_k_one},
    [QUANT_Q5_K] = {256, 176, take_q5_k, q5_k_four, q5_k_one},
    [QUANT_Q6_K] = {256, 210, take_q6_k, q6_k_four, q6_k_one},
    [QUANT_Q3_K] = {256, 110, take_q3_k, q3_k_four, q3_k_one},
    [QUANT_Q2_K] = {256, 84, take_q2_k, q2_k_four, q2_k_one},
    [QUANT_IQ4_XS] = {256, 136, take_iq4_xs, iq4_xs_four, iq4_xs_one},
    [QUANT_Q8_0] = {32, 34, take_q8_0, q8_0_four, q8_0_one},
    [QUANT_Q4_0] = {32, 18, take_q4_0, q4_0_four, q4_0_one},
    [QUANT_Q4_1] = {32, 20, take_q4_1, q4_1_four, q4_1_one},
    [QUANT_Q5_0] = {32, 22, take_q5_0, q5_0_four, q5_0_one},
    [QUANT_Q5_1] = {32, 24, take_q5_1, q5_1_four, q5_1_one},
    [QUANT_IQ4_NL] = {32, 18, take_iq4_nl, q8_0_four, q8_0_one},
    [QUANT_MXFP4] = {32, 17, take_mxfp4, q8_0_four, q8_0_one},
};

struct scratch {
    struct tile tile;
    float y[MATMUL_COLUMNS_MAX][ROWS];
};
_Static_assert(sizeof(struct scratch) <= MATMUL_SCRATCH_BYTES, "a thread's scratch holds a tile and its sums");

/* `scales`: of a column; `scale` is where the panel's begin. */
INLINE void columns_at(struct columns *x, const struct act *a, size_t scales, size_t scale, size_t from, size_t panel, int n, struct scratch *s)
{
    for (int i = 0; i < n; i++) {
        size_t c = from + (size_t)i, at = c * a->k + panel * PANEL;
        x->q[i] = a->q + at;
        x->d[i] = a->d + c * scales + scale;
        x->sum16[i] = a->sum16 + at / 16;
        x->sum32[i] = a->sum32 + at / 32;
        x->y[i] = s->y[c];
    }
}

/* Rows `row` to `row` + 8 (all of them there) times all columns. */
static void matmul_tiles(const struct tile_kind *kind, const struct matmul *m, size_t row, struct scratch *s)
{
    const struct act *a = m->x;
    size_t blocks_all = a->k / kind->block, blocks_panel = PANEL / kind->block;
    memset(s->y, 0, a->n * sizeof s->y[0]);
    for (size_t panel = 0; panel * blocks_panel < blocks_all; panel++) {
        size_t left = blocks_all - panel * blocks_panel, blocks = left < blocks_panel ? left : blocks_panel, c = 0;
        size_t at = panel * blocks_panel * kind->block_bytes;
        const uint8_t *w = m->w + row * m->row_bytes;
        struct columns x;
        struct ahead next = ahead_of(w, m->row_bytes, ROWS, at, blocks * kind->block_bytes, 1 + (a->n + COLUMNS - 1) / COLUMNS);
        ahead_share(&next);
        kind->take(&s->tile, w + at, m->row_bytes, blocks);
        for (; c + COLUMNS <= a->n; c += COLUMNS) {
            ahead_share(&next);
            columns_at(&x, a, blocks_all, panel * blocks_panel, c, panel, COLUMNS, s);
            kind->four(&s->tile, &x, blocks);
        }
        for (; c < a->n; c++) {
            ahead_share(&next);
            columns_at(&x, a, blocks_all, panel * blocks_panel, c, panel, 1, s);
            kind->one(&s->tile, &x, blocks);
        }
    }
    for (size_t c = 0; c < a->n; c++)
        memcpy(m->y + c * m->y_stride + row, s->y[c], sizeof s->y[c]);
}

/* --- one column, the blocks as they lie ----------------------------------------------------------------------------------------- */

/* The sums over the lanes of eight registers, side by side. */
INLINE __m256i sums_of_eight(const __m256i v[8])
{
    __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

/* The products of four rows' blocks of Q4_K (or of Q5_K) with x, scaled: `scale` holds those of each group, eight rows side by side. */
INLINE void line_q45_k(const uint8_t *w, size_t row_bytes, const int8_t *q, bool five, const int32_t *scale, __m256i total[4])
{
    const __m256i low = _mm256_set1_epi8(15), bit = _mm256_set1_epi8(16);
    for (int r = 0; r < 4; r++)
        total[r] = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        __m256i x0 = load256(q + 64 * c), x1 = load256(q + 64 * c + 32);
#pragma GCC unroll 4
        for (int r = 0; r < 4; r++) {
            const uint8_t *at = w + (size_t)r * row_bytes;
            __m256i v = load256(at + (five ? 48 : 16) + 32 * c), a = _mm256_and_si256(v, low), b = _mm256_and_si256(_mm256_srli_epi16(v, 4), low);
            if (five) {
                __m256i high = load256(at + 16);
                a = _mm256_or_si256(a, _mm256_and_si256(2 * c < 4 ? _mm256_slli_epi16(high, 4 - 2 * c) : _mm256_srli_epi16(high, 2 * c - 4), bit));
                b = _mm256_or_si256(b, _mm256_and_si256(2 * c + 1 < 4 ? _mm256_slli_epi16(high, 3 - 2 * c) : _mm256_srli_epi16(high, 2 * c - 3), bit));
            }
            a = _mm256_madd_epi16(_mm256_maddubs_epi16(a, x0), _mm256_set1_epi32(scale[2 * c * ROWS + r]));
            b = _mm256_madd_epi16(_mm256_maddubs_epi16(b, x1), _mm256_set1_epi32(scale[(2 * c + 1) * ROWS + r]));
            total[r] = _mm256_add_epi32(total[r], _mm256_add_epi32(a, b));
            IN_ORDER(total[r]);
        }
    }
}

INLINE void lines_q45_k(const struct matmul *m, size_t row, bool five)
{
    const struct act *a = m->x;
    const uint8_t *w = m->w + row * m->row_bytes;
    size_t bytes = five ? 176 : 144;
    __m256 y = _mm256_setzero_ps();
    for (size_t b = 0; b < a->k / 256; b++) {
        const uint8_t *at = w + b * bytes;
        const int16_t *sum32 = a->sum32 + 8 * b;
        __m256i scale[8], pair[4], sum[ROWS], min = _mm256_setzero_si256();
        __m256 d, dmin, x = _mm256_set1_ps(a->d[b]);
        ask_ahead(w, m->row_bytes, ROWS, b * bytes, bytes);
        heads_q45_k(at, m->row_bytes, scale, pair, &d, &dmin);
        for (int p = 0; p < 4; p++)
            min = _mm256_add_epi32(min, _mm256_madd_epi16(pair[p], _mm256_set1_epi32(load32(sum32 + 2 * p))));
        line_q45_k(at, m->row_bytes, a->q + 256 * b, five, (const int32_t *)scale, sum);
        line_q45_k(at + 4 * m->row_bytes, m->row_bytes, a->q + 256 * b, five, (const int32_t *)scale + 4, sum + 4);
        y = _mm256_fmadd_ps(_mm256_mul_ps(d, x), _mm256_cvtepi32_ps(sums_of_eight(sum)), y);
        y = _mm256_fnmadd_ps(_mm256_mul_ps(dmin, x), _mm256_cvtepi32_ps(min), y);
    }
    _mm256_storeu_ps(m->y + row, y);
}

INLINE __m256i line_q6_k(const uint8_t *w, const int8_t *q, const int16_t *sum16)
{
    const __m256i low = _mm256_set1_epi8(15), two = _mm256_set1_epi8(0x30);
    const __m128i evens_first = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    __m128i scale8 = load128(w + 192);
    __m256i halves = _mm256_cvtepi8_epi16(_mm_shuffle_epi8(scale8, evens_first)); /* even groups below, odd ones above */
    __m256i offset = _mm256_madd_epi16(_mm256_cvtepi8_epi16(scale8), load256(sum16));
    __m256i total = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_slli_epi32(offset, 5));
#pragma GCC unroll 2
    for (int half = 0; half < 2; half++) {
        __m256i a = load256(w + 64 * half), b = load256(w + 64 * half + 32), h = load256(w + 128 + 32 * half), code[4];
        code[0] = _mm256_or_si256(_mm256_and_si256(a, low), _mm256_and_si256(_mm256_slli_epi16(h, 4), two));
        code[1] = _mm256_or_si256(_mm256_and_si256(b, low), _mm256_and_si256(_mm256_slli_epi16(h, 2), two));
        code[2] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(a, 4), low), _mm256_and_si256(h, two));
        code[3] = _mm256_or_si256(_mm256_and_si256(_mm256_srli_epi16(b, 4), low), _mm256_and_si256(_mm256_srli_epi16(h, 2), two));
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
            int pair = 4 * half + i;
            __m256i scale = _mm256_shuffle_epi8(halves, _mm256_set1_epi16((short)(2 * pair | (2 * pair + 1) << 8)));
            __m256i p = _mm256_maddubs_epi16(code[i], load256(q + 32 * pair));
            total = _mm256_add_epi32(total, _mm256_madd_epi16(p, scale));
        }
    }
    return total;
}

static void lines_q6_k(const struct matmul *m, size_t row)
{
    const struct act *a = m->x;
    const uint8_t *w = m->w + row * m->row_bytes;
    __m256 y = _mm256_setzero_ps();
    for (size_t b = 0; b < a->k / 256; b++) {
        const uint8_t *at = w + 210 * b;
        __m256i sum[ROWS];
        ask_ahead(w, m->row_bytes, ROWS, 210 * b, 210);
        for (size_t r = 0; r < ROWS; r++)
            sum[r] = line_q6_k(at + r * m->row_bytes, a->q + 256 * b, a->sum16 + 16 * b);
        y = _mm256_fmadd_ps(_mm256_mul_ps(f16_rows(at + 208, m->row_bytes), _mm256_set1_ps(a->d[b])), _mm256_cvtepi32_ps(sums_of_eight(sum)), y);
    }
    _mm256_storeu_ps(m->y + row, y);
}

INLINE void lines_small(const struct matmul *m, size_t row, enum quant_type type)
{
    const struct act *a = m->x;
    const uint8_t *w = m->w + row * m->row_bytes;
    const __m256i one = _mm256_set1_epi16(1), low = _mm256_set1_epi8(15);
    size_t bytes = type == QUANT_Q8_0 ? 34 : 18;
    __m256 y = _mm256_setzero_ps();
    for (size_t b = 0; b < a->k / 32; b++) {
        const uint8_t *at = w + b * bytes;
        __m256i x = load256(a->q + 32 * b), sum[ROWS];
        ask_ahead(w, m->row_bytes, ROWS, b * bytes, bytes);
        for (int r = 0; r < ROWS; r++) {
            const uint8_t *code = at + (size_t)r * m->row_bytes + 2;
            if (type == QUANT_Q8_0) {
                __m256i v = load256(code);
                sum[r] = _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(v), _mm256_sign_epi8(x, v)), one);
            } else {
                __m128i v = load128(code);
                __m256i both = _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(v, 4), v), low);
                sum[r] = _mm256_madd_epi16(_mm256_maddubs_epi16(both, x), one);
            }
        }
        __m256i total = sums_of_eight(sum);
        if (type == QUANT_Q4_0)
            total = _mm256_sub_epi32(total, _mm256_set1_epi32(8 * a->sum32[b]));
        y = _mm256_fmadd_ps(_mm256_mul_ps(f16_rows(at, m->row_bytes), _mm256_set1_ps(a->d[b])), _mm256_cvtepi32_ps(total), y);
    }
    _mm256_storeu_ps(m->y + row, y);
}

/* --- a run of rows, whatever the type ------------------------------------------------------------------------------------------- */

/* Eight rows of one column, where that is faster than taking a tile apart. False: not for this type. */
INLINE bool lines(enum quant_type type, const struct matmul *m, size_t row)
{
    switch (type) {
    case QUANT_Q4_K:
    case QUANT_Q5_K:
        lines_q45_k(m, row, type == QUANT_Q5_K);
        return true;
    case QUANT_Q6_K:
        lines_q6_k(m, row);
        return true;
    case QUANT_Q8_0:
    case QUANT_Q4_0:
        lines_small(m, row, type);
        return true;
    default:
        return false;
    }
}

/* A few columns one after the other, while the rows are near. */
INLINE bool lines_each(enum quant_type type, const struct matmul *m, size_t row)
{
    const struct act *a = m->x;
    size_t per_block = a->k / act_block(kernels_form(type));
    for (size_t c = 0; c < a->n; c++) {
        struct act x = {.k = a->k, .n = 1, .q = a->q + c * a->k, .d = a->d + c * per_block, .sum16 = a->sum16 + c * (a->k / 16), .sum32 = a->sum32 + c * (a->k / 32)};
        struct matmul one = {m->w, m->row_bytes, &x, m->y + c * m->y_stride, m->y_stride};
        if (!lines(type, &one, row))
            return false;
    }
    return true;
}

INLINE void matmul_rows(enum quant_type type, const struct matmul *m, size_t row_from, size_t row_to, void *scratch)
{
    size_t row = row_from;
    for (; row + ROWS <= row_to; row += ROWS)
        if (m->x->n >= COLUMNS || !lines_each(type, m, row))
            matmul_tiles(&tile_kinds[type], m, row, scratch);
    if (row < row_to) /* fewer than eight are left: few matrices end so, and never a large one */
        kernels_ref_table.matmul[type](m, row, row_to, scratch);
}

#define MATMUL(name, type)                                                                  \
    static void name(const struct matmul *m, size_t row_from, size_t row_to, void *scratch) \
    {                                                                                       \
        matmul_rows(type, m, row_from, row_to, scratch);                                    \
    }
MATMUL(matmul_q4_0, QUANT_Q4_0)
MATMUL(matmul_q4_1, QUANT_Q4_1)
MATMUL(matmul_q5_0, QUANT_Q5_0)
MATMUL(matmul_q5_1, QUANT_Q5_1)
MATMUL(matmul_q8_0, QUANT_Q8_0)
MATMUL(matmul_q2_k, QUANT_Q2_K)
MATMUL(matmul_q3_k, QUANT_Q3_K)
MATMUL(matmul_q4_k, QUANT_Q4_K)
MATMUL(matmul_q5_k, QUANT_Q5_K)
MATMUL(matmul_q6_k, QUANT_Q6_K)
MATMUL(matmul_iq4_nl, QUANT_IQ4_NL)
MATMUL(matmul_iq4_xs, QUANT_IQ4_XS)
MATMUL(matmul_mxfp4, QUANT_MXFP4)

/* --- floats: 16 rows side by side, six columns ---------------------------------------------------------------------------------- */

enum { FLOAT_ROWS = 16, FLOAT_PANEL = 256, FLOAT_COLUMNS = 6 };

struct float_scratch {
    float w[FLOAT_PANEL][FLOAT_ROWS];
    float y[MATMUL_COLUMNS_MAX][FLOAT_ROWS];
};
_Static_assert(sizeof(struct float_scratch) <= MATMUL_SCRATCH_BYTES, "a thread's scratch holds a panel of floats and its sums");

INLINE __m256 floats_at(enum quant_type type, const uint8_t *row, size_t i) /* eight of a row */
{
    if (type == QUANT_F32)
        return _mm256_loadu_ps((const float *)(const void *)(row + 4 * i));
    if (type == QUANT_F16)
        return _mm256_cvtph_ps(load128(row + 2 * i));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load128(row + 2 * i)), 16));
}

/* Elements k to k + 8 of eight rows, turned: v[i] holds element k + i of each. */
INLINE void float_rows(enum quant_type type, const uint8_t *w, size_t row_bytes, size_t k, __m256i v[8])
{
    for (int r = 0; r < 8; r++)
        v[r] = _mm256_castps_si256(floats_at(type, w + (size_t)r * row_bytes, k));
    transpose(v);
}

INLINE void float_columns(struct float_scratch *s, const struct act *a, size_t k0, size_t count, size_t c0, int n)
{
    __m256 y[FLOAT_COLUMNS][2];
#pragma GCC unroll 6
    for (int c = 0; c < n; c++) {
        y[c][0] = _mm256_loadu_ps(s->y[c0 + (size_t)c]);
        y[c][1] = _mm256_loadu_ps(s->y[c0 + (size_t)c] + 8);
    }
    const float *x = a->f + c0 * a->k + k0;
    for (size_t i = 0; i < count; i++) {
        __m256 w0 = _mm256_loadu_ps(s->w[i]), w1 = _mm256_loadu_ps(s->w[i] + 8);
#pragma GCC unroll 6
        for (int c = 0; c < n; c++) {
            __m256 b = _mm256_broadcast_ss(x + (size_t)c * a->k + i);
            y[c][0] = _mm256_fmadd_ps(w0, b, y[c][0]);
            y[c][1] = _mm256_fmadd_ps(w1, b, y[c][1]);
        }
    }
#pragma GCC unroll 6
    for (int c = 0; c < n; c++) {
        _mm256_storeu_ps(s->y[c0 + (size_t)c], y[c][0]);
        _mm256_storeu_ps(s->y[c0 + (size_t)c] + 8, y[c][1]);
    }
}

typedef void float_columns_fn(struct float_scratch *s, const struct act *a, size_t k0, size_t count, size_t c0);

#define FLOAT_COLUMNS_OF(n)                                                                                          \
    static void float_columns_##n(struct float_scratch *s, const struct act *a, size_t k0, size_t count, size_t c0)  \
    {                                                                                                                \
        float_columns(s, a, k0, count, c0, n);                                                                       \
    }
FLOAT_COLUMNS_OF(1)
FLOAT_COLUMNS_OF(2)
FLOAT_COLUMNS_OF(3)
FLOAT_COLUMNS_OF(4)
FLOAT_COLUMNS_OF(5)
FLOAT_COLUMNS_OF(6)
static float_columns_fn *const float_columns_of[FLOAT_COLUMNS + 1] = {NULL, float_columns_1, float_columns_2, float_columns_3,
                                                                      float_columns_4, float_columns_5, float_columns_6};

INLINE void float_tile(enum quant_type type, const struct matmul *m, size_t row, struct float_scratch *s)
{
    const struct act *a = m->x;
    memset(s->y, 0, a->n * sizeof s->y[0]);
    for (size_t k0 = 0; k0 < a->k; k0 += FLOAT_PANEL) {
        size_t count = a->k - k0 < FLOAT_PANEL ? a->k - k0 : FLOAT_PANEL, c = 0, bytes = type == QUANT_F32 ? 4 : 2;
        struct ahead next = ahead_of(m->w + row * m->row_bytes, m->row_bytes, FLOAT_ROWS, bytes * k0, bytes * count,
                                     1 + (a->n + FLOAT_COLUMNS - 1) / FLOAT_COLUMNS);
        ahead_share(&next);
        for (size_t i = 0; i < count; i += 8)
            for (size_t half = 0; half < 2; half++) {
                __m256i v[8];
                float_rows(type, m->w + (row + 8 * half) * m->row_bytes, m->row_bytes, k0 + i, v);
                for (size_t j = 0; j < 8; j++)
                    _mm256_storeu_si256((__m256i *)(void *)(s->w[i + j] + 8 * half), v[j]);
            }
        for (size_t n; c < a->n; c += n) {
            n = columns_next(a->n - c, FLOAT_COLUMNS);
            ahead_share(&next);
            float_columns_of[n](s, a, k0, count, c);
        }
    }
    for (size_t c = 0; c < a->n; c++)
        memcpy(m->y + c * m->y_stride + row, s->y[c], sizeof s->y[c]);
}

/* One column: turned in registers, never stored. */
INLINE void float_lines(enum quant_type type, const struct matmul *m, size_t row)
{
    const float *x = m->x->f;
    __m256 y = _mm256_setzero_ps();
    for (size_t k = 0; k < m->x->k; k += 8) {
        size_t bytes = type == QUANT_F32 ? 4 : 2;
        __m256i v[8];
        ask_ahead(m->w + row * m->row_bytes, m->row_bytes, 8, bytes * k, bytes * 8);
        float_rows(type, m->w + row * m->row_bytes, m->row_bytes, k, v);
        for (int i = 0; i < 8; i++)
            y = _mm256_fmadd_ps(_mm256_castsi256_ps(v[i]), _mm256_broadcast_ss(x + k + (size_t)i), y);
    }
    _mm256_storeu_ps(m->y + row, y);
}

INLINE void matmul_float_rows(enum quant_type type, const struct matmul *m, size_t row_from, size_t row_to, void *scratch)
{
    size_t row = row_from;
    if (m->x->k % 8 == 0 && m->x->n > 1)
        for (; row + FLOAT_ROWS <= row_to; row += FLOAT_ROWS)
            float_tile(type, m, row, scratch);
    else if (m->x->k % 8 == 0)
        for (; row + 8 <= row_to; row += 8)
            float_lines(type, m, row);
    if (row < row_to)
        kernels_ref_table.matmul[type](m, row, row_to, scratch);
}

#define MATMUL_FLOAT(name, type)                                                            \
    static void name(const struct matmul *m, size_t row_from, size_t row_to, void *scratch) \
    {                                                                                       \
        matmul_float_rows(type, m, row_from, row_to, scratch);                              \
    }
MATMUL_FLOAT(matmul_f32, QUANT_F32)
MATMUL_FLOAT(matmul_f16, QUANT_F16)
MATMUL_FLOAT(matmul_bf16, QUANT_BF16)

/* --- one vector ------------------------------------------------------------------------------------------------------------------- */

INLINE float lanes_sum(__m256 low, __m256 high)
{
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static void rms_norm(const float *x, const float *weight, float epsilon, float *y, size_t n)
{
    if (n % 16) {
        kernels_ref_table.rms_norm(x, weight, epsilon, y, n);
        return;
    }
    __m256 low = _mm256_setzero_ps(), high = low;
    for (size_t i = 0; i < n; i += 16) {
        __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + 8);
        low = _mm256_fmadd_ps(a, a, low);
        high = _mm256_fmadd_ps(b, b, high);
    }
    __m256 scale = _mm256_set1_ps(1.0f / sqrtf(lanes_sum(low, high) / (float)n + epsilon));
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_mul_ps(_mm256_loadu_ps(x + i), scale);
        _mm256_storeu_ps(y + i, weight ? _mm256_mul_ps(v, _mm256_loadu_ps(weight + i)) : v);
    }
}

static void layer_norm(const float *x, const float *weight, const float *bias, float epsilon, float *y, size_t n)
{
    if (n % 16) {
        kernels_ref_table.layer_norm(x, weight, bias, epsilon, y, n);
        return;
    }
    __m256 low = _mm256_setzero_ps(), high = low, low2 = low, high2 = low;
    for (size_t i = 0; i < n; i += 16) {
        low = _mm256_add_ps(low, _mm256_loadu_ps(x + i));
        high = _mm256_add_ps(high, _mm256_loadu_ps(x + i + 8));
    }
    __m256 mean = _mm256_set1_ps(lanes_sum(low, high) / (float)n);
    for (size_t i = 0; i < n; i += 16) {
        __m256 a = _mm256_sub_ps(_mm256_loadu_ps(x + i), mean), b = _mm256_sub_ps(_mm256_loadu_ps(x + i + 8), mean);
        low2 = _mm256_fmadd_ps(a, a, low2);
        high2 = _mm256_fmadd_ps(b, b, high2);
    }
    __m256 scale = _mm256_set1_ps(1.0f / sqrtf(lanes_sum(low2, high2) / (float)n + epsilon));
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_mul_ps(_mm256_sub_ps(_mm256_loadu_ps(x + i), mean), scale);
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(v, _mm256_loadu_ps(weight + i), bias ? _mm256_loadu_ps(bias + i) : _mm256_setzero_ps()));
    }
}

INLINE __m256 exponential(__m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    __m256 none = _mm256_cmp_ps(x, _mm256_set1_ps(EXP_MIN), _CMP_LT_OQ);
    x = _mm256_min_ps(x, _mm256_set1_ps(EXP_MAX));
    __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(EXP_LOG2E)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(EXP_LN2_LOW), _mm256_fnmadd_ps(n, _mm256_set1_ps(EXP_LN2_HIGH), x));
    __m256 p = _mm256_fmadd_ps(_mm256_set1_ps(EXP_C6), r, _mm256_set1_ps(EXP_C5));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C4));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C3));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(EXP_C2));
    p = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), one);
    p = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
    return _mm256_andnot_ps(none, p);
}

INLINE __m256 hyperbolic_tangent(__m256 u)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    return _mm256_sub_ps(one, _mm256_div_ps(_mm256_set1_ps(2.0f), _mm256_add_ps(one, exponential(_mm256_add_ps(u, u)))));
}

INLINE __m256 activate(enum act_kind kind, __m256 x)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    if (kind == ACT_SILU)
        return _mm256_div_ps(x, _mm256_add_ps(one, exponential(_mm256_sub_ps(_mm256_setzero_ps(), x))));
    __m256 cube = _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(GELU_B), x), x);
    __m256 u = _mm256_mul_ps(_mm256_set1_ps(GELU_A), _mm256_fmadd_ps(cube, x, x));
    return _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(0.5f), x), _mm256_add_ps(one, hyperbolic_tangent(u)));
}

static void gate(enum act_kind kind, const float *g, const float *up, float *y, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 a = activate(kind, _mm256_loadu_ps(g + i));
        _mm256_storeu_ps(y + i, up ? _mm256_mul_ps(a, _mm256_loadu_ps(up + i)) : a);
    }
    if (i < n)
        kernels_ref_table.gate(kind, g + i, up ? up + i : NULL, y + i, n - i);
}

static void add(float *x, const float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] += y[i];
}

/* --- attention ------------------------------------------------------------------------------------------------------------------------ */

INLINE __m256 kv_at(enum kv_type type, const void *p, size_t i)
{
    return type == KV_F32 ? _mm256_loadu_ps((const float *)p + i) : _mm256_cvtph_ps(load128((const uint16_t *)p + i));
}

/* Scores of all 64 keys for up to `n` heads: one read of the keys serves them. */
INLINE void scores(enum kv_type type, const struct attend *a, size_t head, int n, float score[][KV_PAGE_TOKENS])
{
    for (size_t i = a->first / 16 * 16; i < a->end; i += 16) {
        __m256 s[4][2];
        for (int h = 0; h < n; h++)
            s[h][0] = s[h][1] = _mm256_setzero_ps();
        for (size_t d = 0; d < a->head_dim; d++) {
            __m256 k0 = kv_at(type, a->k, d * KV_PAGE_TOKENS + i), k1 = kv_at(type, a->k, d * KV_PAGE_TOKENS + i + 8);
            for (int h = 0; h < n; h++) {
                __m256 q = _mm256_broadcast_ss(a->q + (head + (size_t)h) * a->head_dim + d);
                s[h][0] = _mm256_fmadd_ps(q, k0, s[h][0]);
                s[h][1] = _mm256_fmadd_ps(q, k1, s[h][1]);
            }
        }
        for (int h = 0; h < n; h++)
            for (int j = 0; j < 2; j++) {
                if (a->softcap > 0) {
                    __m256 cap = _mm256_set1_ps(a->softcap);
                    s[h][j] = _mm256_mul_ps(cap, hyperbolic_tangent(_mm256_div_ps(s[h][j], cap)));
                }
                _mm256_storeu_ps(score[h] + i + 8 * (size_t)j, s[h][j]);
            }
    }
}

/* Keys and values of eight bits: codes as floats. */
INLINE __m256 codes_at(const void *p, size_t i)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)((const int8_t *)p + i))));
}

/* As scores(): a block's products are summed apart and scaled once. Eight keys at a time. */
INLINE void scores_small(const struct attend *a, size_t head, int n, float score[][KV_PAGE_TOKENS])
{
    for (size_t i = a->first / 16 * 16; i < a->end; i += 8) {
        __m256 s[4], t[4];
        for (int h = 0; h < n; h++)
            s[h] = _mm256_setzero_ps();
        for (size_t from = 0; from < a->head_dim; from += KV_BLOCK) {
            size_t to = from + KV_BLOCK < a->head_dim ? from + KV_BLOCK : a->head_dim;
            for (int h = 0; h < n; h++)
                t[h] = _mm256_setzero_ps();
            for (size_t d = from; d < to; d++) {
                __m256 k = codes_at(a->k, d * KV_PAGE_TOKENS + i);
                for (int h = 0; h < n; h++)
                    t[h] = _mm256_fmadd_ps(_mm256_broadcast_ss(a->q + (head + (size_t)h) * a->head_dim + d), k, t[h]);
            }
            __m256 scale = kv_at(KV_F16, kv_key_scales(a), from / KV_BLOCK * KV_PAGE_TOKENS + i);
            for (int h = 0; h < n; h++)
                s[h] = _mm256_fmadd_ps(scale, t[h], s[h]);
        }
        for (int h = 0; h < n; h++) {
            if (a->softcap > 0) {
                __m256 cap = _mm256_set1_ps(a->softcap);
                s[h] = _mm256_mul_ps(cap, hyperbolic_tangent(_mm256_div_ps(s[h], cap)));
            }
            _mm256_storeu_ps(score[h] + i, s[h]);
        }
    }
}

/* Scores to weights, in place; what is not seen weighs 0. The maximum and the sum of the page. */
INLINE void weigh(const struct attend *a, float *score, float *most, float *sum)
{
    for (size_t i = a->first / 16 * 16; i < a->first; i++)
        score[i] = -INFINITY;
    for (size_t i = a->end; i < (a->end + 15) / 16 * 16; i++)
        score[i] = -INFINITY;
    __m256 top = _mm256_set1_ps(-INFINITY), low = _mm256_setzero_ps(), high = low;
    size_t from = a->first / 16 * 16;
    for (size_t i = from; i < a->end; i += 16)
        top = _mm256_max_ps(top, _mm256_max_ps(_mm256_loadu_ps(score + i), _mm256_loadu_ps(score + i + 8)));
    *most = max_lanes(top);
    __m256 m = _mm256_set1_ps(*most);
    for (size_t i = from; i < a->end; i += 16) {
        __m256 p = exponential(_mm256_sub_ps(_mm256_loadu_ps(score + i), m));
        __m256 q = exponential(_mm256_sub_ps(_mm256_loadu_ps(score + i + 8), m));
        _mm256_storeu_ps(score + i, p);
        _mm256_storeu_ps(score + i + 8, q);
        low = _mm256_add_ps(low, p);
        high = _mm256_add_ps(high, q);
    }
    *sum = lanes_sum(low, high);
}

/* The values under their weights, merged with the pages before: 16 elements of up to four heads at a time. */
INLINE void gather(enum kv_type type, const struct attend *a, size_t head, int n, float score[][KV_PAGE_TOKENS], const float *old,
                   const float *new)
{
    for (size_t d = 0; d < a->head_dim; d += 16) {
        __m256 s[4][2];
        for (int h = 0; h < n; h++)
            s[h][0] = s[h][1] = _mm256_setzero_ps();
        for (size_t i = a->first; i < a->end; i++) {
            __m256 v0 = kv_at(type, a->v, i * a->head_dim + d), v1 = kv_at(type, a->v, i * a->head_dim + d + 8);
            for (int h = 0; h < n; h++) {
                __m256 p = _mm256_broadcast_ss(score[h] + i);
                s[h][0] = _mm256_fmadd_ps(p, v0, s[h][0]);
                s[h][1] = _mm256_fmadd_ps(p, v1, s[h][1]);
            }
        }
        for (int h = 0; h < n; h++)
            for (size_t j = 0; j < 2; j++) {
                float *o = a->o + (head + (size_t)h) * a->head_dim + d + 8 * j;
                __m256 was = _mm256_loadu_ps(o), is = _mm256_mul_ps(s[h][j], _mm256_set1_ps(new[h]));
                _mm256_storeu_ps(o, _mm256_fmadd_ps(was, _mm256_set1_ps(old[h]), is));
            }
    }
}

INLINE void gather_small(const struct attend *a, size_t head, int n, float score[][KV_PAGE_TOKENS], const float *old, const float *new)
{
    for (size_t d = 0; d < a->head_dim; d += 16) {
        __m256 s[4][2];
        for (int h = 0; h < n; h++)
            s[h][0] = s[h][1] = _mm256_setzero_ps();
        for (size_t i = a->first; i < a->end; i++) {
            __m256 v0 = codes_at(a->v, i * a->head_dim + d), v1 = codes_at(a->v, i * a->head_dim + d + 8);
            float scale = f16_at(kv_value_scales(a) + i * kv_blocks(a->head_dim) + d / KV_BLOCK);
            for (int h = 0; h < n; h++) {
                __m256 p = _mm256_set1_ps(score[h][i] * scale);
                s[h][0] = _mm256_fmadd_ps(p, v0, s[h][0]);
                s[h][1] = _mm256_fmadd_ps(p, v1, s[h][1]);
            }
        }
        for (int h = 0; h < n; h++)
            for (size_t j = 0; j < 2; j++) {
                float *o = a->o + (head + (size_t)h) * a->head_dim + d + 8 * j;
                __m256 was = _mm256_loadu_ps(o), is = _mm256_mul_ps(s[h][j], _mm256_set1_ps(new[h]));
                _mm256_storeu_ps(o, _mm256_fmadd_ps(was, _mm256_set1_ps(old[h]), is));
            }
    }
}

INLINE float exponential_one(float x)
{
    return _mm_cvtss_f32(_mm256_castps256_ps128(exponential(_mm256_set1_ps(x))));
}

INLINE void attend_heads(enum kv_type type, const struct attend *a, size_t head, int n)
{
    float score[4][KV_PAGE_TOKENS], old[4], new[4];
    if (type == KV_Q8_0)
        scores_small(a, head, n, score);
    else
        scores(type, a, head, n, score);
    for (int h = 0; h < n; h++) {
        float most, sum, *m = a->m + head + h, *l = a->l + head + h;
        weigh(a, score[h], &most, &sum);
        float both = *m > most ? *m : most;
        old[h] = exponential_one(*m - both);
        new[h] = exponential_one(most - both);
        *l = fmaf(*l, old[h], sum * new[h]);
        *m = both;
    }
    if (type == KV_Q8_0)
        gather_small(a, head, n, score, old, new);
    else
        gather(type, a, head, n, score, old, new);
}

INLINE void attend_typed(enum kv_type type, const struct attend *a)
{
    size_t head = 0;
    for (; head + 4 <= a->heads; head += 4)
        attend_heads(type, a, head, 4);
    for (; head < a->heads; head++)
        attend_heads(type, a, head, 1);
}

static void attend_page(const struct attend *a)
{
    if (a->head_dim % 16)
        kernels_ref_table.attend_page(a);
    else if (a->type == KV_F32)
        attend_typed(KV_F32, a);
    else if (a->type == KV_F16)
        attend_typed(KV_F16, a);
    else
        attend_typed(KV_Q8_0, a);
}

static const struct kernels table = {
    .name = "avx2", .quantise = quantise, .rms_norm = rms_norm, .layer_norm = layer_norm, .gate = gate, .add = add,
    .attend_page = attend_page,
    .matmul = {
        [QUANT_F32] = matmul_f32, [QUANT_F16] = matmul_f16, [QUANT_BF16] = matmul_bf16, [QUANT_Q4_0] = matmul_q4_0,
        [QUANT_Q4_1] = matmul_q4_1, [QUANT_Q5_0] = matmul_q5_0, [QUANT_Q5_1] = matmul_q5_1, [QUANT_Q8_0] = matmul_q8_0,
        [QUANT_Q2_K] = matmul_q2_k, [QUANT_Q3_K] = matmul_q3_k, [QUANT_Q4_K] = matmul_q4_k, [QUANT_Q5_K] = matmul_q5_k,
        [QUANT_Q6_K] = matmul_q6_k, [QUANT_IQ4_NL] = matmul_iq4_nl, [QUANT_IQ4_XS] = matmul_iq4_xs, [QUANT_MXFP4] = matmul_mxfp4,
    },
};
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

/* Asked of the processor itself: the compilers' own question does not know it everywhere (Clang 14). */
static bool has_f16c(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

const struct kernels *kernels_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c() ? &table : NULL;
}
#else
const struct kernels *kernels_avx2(void)
{
    return NULL;
}
#endif
