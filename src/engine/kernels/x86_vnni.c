/* x86_vnni.c: the kernels for machines with AVX-512 and its dot products of bytes (VNNI): rows16.inc over 512-bit registers.
 *
 * What is here is the machine's side: each operation is one instruction or two. The dot product takes its first factor
 * unsigned, so signed codes are moved up by 128, and what that adds leaves through the sums of the activations.
 *
 * Why the loops are as wide as they are: Sapphire Rapids and Zen 5 start two dot products of 512 bits a cycle, each 4 or 5
 * cycles long, and load two registers a cycle. Eight columns are eight chains, enough to keep both units busy, and need nine
 * loads (eight of them broadcasts of four bytes) for eight products, so that loads do not bound them by much. Scaling
 * (vpmulld, two operations on Intel) comes once in eight steps (Q4_K) or four (Q6_K). Twelve columns of floats are the same
 * count for fused multiply-adds. Machines with VNNI hold their frequency in 512 bits nearly or wholly; older ones, which do
 * not, stay with AVX2. No mask is used but one compare, no gather, no 512-bit division outside of the activations.
 *
 * The tests compile this file a second time, with VNNI_OPERATIONS naming a header that has the same operations in plain C. In
 * builds with a sanitizer only that second time counts: compilers take many minutes over the first. */
#include "engine/kernels/kernels_priv.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(SANITIZED)
#define AVX512 1
#else
#define AVX512 0
#endif

#if defined(VNNI_OPERATIONS)
#define INLINE static __attribute__((noinline, unused))
#include VNNI_OPERATIONS
#elif AVX512
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" /* GCC 12 says these of its own header's "undefined" vectors */
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
/* The compilers' header brings an allocator of its own, made of what ours ban; it goes without. */
#define _MM_MALLOC_H_INCLUDED
#define __MM_MALLOC_H
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")
#pragma GCC optimize("O3") /* loops over a handful of columns must become registers */
#endif

#define INLINE static inline __attribute__((always_inline))

typedef __m512i vec;  /* sixteen lanes of 32 bits, or what lies in them */
typedef __m512 vecf;

/* An operation that is one instruction. */
#define OP1(type, name, a_type, call)   \
    INLINE type name(a_type a)          \
    {                                   \
        return call;                    \
    }
#define OP2(type, name, in_type, call)     \
    INLINE type name(in_type a, in_type b) \
    {                                      \
        return call;                       \
    }
#define OP3(type, name, in_type, call)                \
    INLINE type name(in_type a, in_type b, in_type c) \
    {                                                 \
        return call;                                  \
    }
#define OPN(name, call)               \
    INLINE vec name(vec a, unsigned n) \
    {                                 \
        return call;                  \
    }
OP1(vec, op_load, const void *, _mm512_loadu_si512(a))
OP1(vec, op_splat, int32_t, _mm512_set1_epi32(a))
OP1(vec, op_bytes_at, const void *, _mm512_cvtepi8_epi32(_mm_loadu_si128(a)))
OP1(vecf, op_halves_at, const void *, _mm512_cvtph_ps(_mm256_loadu_si256(a)))
OP1(vecf, op_low_halves, vec, _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a)))
OP1(int32_t, op_sum, vec, _mm512_reduce_add_epi32(a))
OP2(vec, op_and, vec, _mm512_and_si512(a, b))
OP2(vec, op_or, vec, _mm512_or_si512(a, b))
OP2(vec, op_xor, vec, _mm512_xor_si512(a, b))
OP2(vec, op_add32, vec, _mm512_add_epi32(a, b))
OP2(vec, op_sub32, vec, _mm512_sub_epi32(a, b))
OP2(vec, op_mul32, vec, _mm512_mullo_epi32(a, b))
OPN(op_shr16, _mm512_srli_epi16(a, n))
OPN(op_shl16, _mm512_slli_epi16(a, n))
OPN(op_shr32, _mm512_srli_epi32(a, n))
OPN(op_shl32, _mm512_slli_epi32(a, n))
OPN(op_sar32, _mm512_srai_epi32(a, n))
OP2(vec, op_mix32_low, vec, _mm512_unpacklo_epi32(a, b))
OP2(vec, op_mix32_high, vec, _mm512_unpackhi_epi32(a, b))
OP2(vec, op_mix64_low, vec, _mm512_unpacklo_epi64(a, b))
OP2(vec, op_mix64_high, vec, _mm512_unpackhi_epi64(a, b))
OP3(vec, op_dot8, vec, _mm512_dpbusd_epi32(a, b, c)) /* a + four bytes of b, unsigned, times four of c, signed */
OP3(vec, op_dot16, vec, _mm512_dpwssd_epi32(a, b, c))
OP1(vecf, op_to_float, vec, _mm512_cvtepi32_ps(a))
OP1(vec, op_to_int, vecf, _mm512_cvtps_epi32(a)) /* to nearest, ties to even */
OP1(vec, op_bits, vecf, _mm512_castps_si512(a))
OP1(vecf, op_float, vec, _mm512_castsi512_ps(a))
OP1(vecf, op_fload, const float *, _mm512_loadu_ps(a))
OP1(vecf, op_fsplat, float, _mm512_set1_ps(a))
OP1(vecf, op_fabs, vecf, _mm512_abs_ps(a))
OP1(vecf, op_fround, vecf, _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC))
OP1(vecf, op_fswap8, vecf, _mm512_shuffle_f32x4(a, a, 0x4e))
OP1(vecf, op_fswap4, vecf, _mm512_shuffle_f32x4(a, a, 0xb1))
OP1(vecf, op_fswap2, vecf, _mm512_permute_ps(a, 0x4e))
OP1(vecf, op_fswap1, vecf, _mm512_permute_ps(a, 0xb1))
OP1(float, op_first, vecf, _mm512_cvtss_f32(a))
OP2(vecf, op_fadd, vecf, _mm512_add_ps(a, b))
OP2(vecf, op_fsub, vecf, _mm512_sub_ps(a, b))
OP2(vecf, op_fmul, vecf, _mm512_mul_ps(a, b))
OP2(vecf, op_fdiv, vecf, _mm512_div_ps(a, b))
OP2(vecf, op_fmin, vecf, _mm512_min_ps(a, b))
OP2(vecf, op_fmax, vecf, _mm512_max_ps(a, b))
OP3(vecf, op_fma, vecf, _mm512_fmadd_ps(a, b, c))
OP3(vecf, op_fnma, vecf, _mm512_fnmadd_ps(a, b, c))
OP3(vecf, op_fzero_less, vecf, _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(b, c, _CMP_NLT_UQ), a)) /* a, but 0 where b < c */

INLINE void op_store(void *p, vec v)
{
    _mm512_storeu_si512(p, v);
}

INLINE void op_bytes_put(int8_t *p, vec v)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_cvtepi32_epi8(v));
}

INLINE void op_fstore(float *p, vecf v)
{
    _mm512_storeu_ps(p, v);
}

INLINE vec op_splat_at(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

INLINE vecf op_fsplat_at(const float *p)
{
    return _mm512_set1_ps(*p);
}

/* 16 bytes from each of four places. */
INLINE vec op_quarters(const void *a, const void *b, const void *c, const void *d)
{
    vec v = _mm512_castsi128_si512(_mm_loadu_si128(a));
    v = _mm512_inserti32x4(v, _mm_loadu_si128(b), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128(c), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128(d), 3);
}
#endif

#if defined(VNNI_OPERATIONS) || AVX512
#define LEVEL "avx512vnni"
enum { COLUMNS = 8, FLOAT_COLUMNS = 12, FLOAT_REST = 8, ATTEND_WIDE = 2, CODE_FLIP = 0x80 };

#include "engine/kernels/rows16.inc"
#endif

#if defined(VNNI_OPERATIONS)
const struct kernels *kernels_vnni_emulated(void)
{
    return &table;
}
#elif AVX512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const struct kernels *kernels_vnni(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni")
               ? &table
               : NULL;
}
#else
const struct kernels *kernels_vnni(void)
{
    return NULL;
}
#endif
