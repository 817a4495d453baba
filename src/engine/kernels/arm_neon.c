/* arm_neon.c: the kernels for 64-bit ARM machines with the dot product of bytes (ASIMDDP: nearly all since 2018, every Apple
 * chip, Graviton from 2, Raspberry Pi 5): rows16.inc over four registers of four lanes side by side.
 *
 * What is here is the machine's side: each operation, four times. Its dot product takes both factors signed, so no code has to
 * be moved. Four columns of sixteen rows are sixteen of the 32 registers. */
#include "engine/kernels/kernels_priv.h"

#if defined(__aarch64__) && defined(__linux__) && defined(__GNUC__)
#include <arm_neon.h>
#include <sys/auxv.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#pragma GCC optimize("O3") /* loops over a handful of columns must become registers */
#endif

#define INLINE static inline __attribute__((always_inline))

typedef struct vec {
    int32x4_t r[4];
} vec;
typedef struct vecf {
    float32x4_t r[4];
} vecf;

/* The same for each of the four registers; i is which. */
#define EACH(type, expression)                                          \
    ((type){{(__extension__({ enum { i = 0 }; expression; })),          \
             (__extension__({ enum { i = 1 }; expression; })),          \
             (__extension__({ enum { i = 2 }; expression; })),          \
             (__extension__({ enum { i = 3 }; expression; }))}})
#define OP1(type, name, a_type, expression) \
    INLINE type name(a_type a)              \
    {                                       \
        return EACH(type, expression);      \
    }
#define OP2(type, name, in_type, expression) \
    INLINE type name(in_type a, in_type b)   \
    {                                        \
        return EACH(type, expression);       \
    }
#define OP3(type, name, in_type, expression)          \
    INLINE type name(in_type a, in_type b, in_type c) \
    {                                                 \
        return EACH(type, expression);                \
    }
#define OPN(name, expression)       \
    INLINE vec name(vec a, int n)   \
    {                               \
        return EACH(vec, expression); \
    }
#define S16(v) vreinterpretq_s16_s32(v)
#define U16(v) vreinterpretq_u16_s32(v)
#define U32(v) vreinterpretq_u32_s32(v)
#define S64(v) vreinterpretq_s64_s32(v)
#define S8(v) vreinterpretq_s8_s32(v)
OP1(vec, op_load, const void *, vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)a + 16 * i)))
OP1(vec, op_splat, int32_t, vdupq_n_s32(a))
OP2(vec, op_and, vec, vandq_s32(a.r[i], b.r[i]))
OP2(vec, op_or, vec, vorrq_s32(a.r[i], b.r[i]))
OP2(vec, op_add32, vec, vaddq_s32(a.r[i], b.r[i]))
OP2(vec, op_sub32, vec, vsubq_s32(a.r[i], b.r[i]))
OP2(vec, op_mul32, vec, vmulq_s32(a.r[i], b.r[i]))
OPN(op_shr16, vreinterpretq_s32_u16(vshlq_u16(U16(a.r[i]), vdupq_n_s16((int16_t)-n))))
OPN(op_shl16, vreinterpretq_s32_u16(vshlq_u16(U16(a.r[i]), vdupq_n_s16((int16_t)n))))
OPN(op_shr32, vreinterpretq_s32_u32(vshlq_u32(U32(a.r[i]), vdupq_n_s32(-n))))
OPN(op_shl32, vshlq_s32(a.r[i], vdupq_n_s32(n)))
OPN(op_sar32, vshlq_s32(a.r[i], vdupq_n_s32(-n)))
OP2(vec, op_mix32_low, vec, vzip1q_s32(a.r[i], b.r[i]))
OP2(vec, op_mix32_high, vec, vzip2q_s32(a.r[i], b.r[i]))
OP2(vec, op_mix64_low, vec, vreinterpretq_s32_s64(vzip1q_s64(S64(a.r[i]), S64(b.r[i]))))
OP2(vec, op_mix64_high, vec, vreinterpretq_s32_s64(vzip2q_s64(S64(a.r[i]), S64(b.r[i]))))
OP3(vec, op_dot8, vec, vdotq_s32(a.r[i], S8(b.r[i]), S8(c.r[i]))) /* a + four bytes of b times four of c, all signed */
/* a + two 16-bit halves of b times two of c */
OP3(vec, op_dot16, vec, vmlaq_s32(vmlaq_s32(a.r[i], vshrq_n_s32(b.r[i], 16), vshrq_n_s32(c.r[i], 16)),
                                  vshrq_n_s32(vshlq_n_s32(b.r[i], 16), 16), vshrq_n_s32(vshlq_n_s32(c.r[i], 16), 16)))
OP1(vecf, op_to_float, vec, vcvtq_f32_s32(a.r[i]))
OP1(vec, op_to_int, vecf, vcvtnq_s32_f32(a.r[i])) /* to nearest, ties to even */
OP1(vec, op_bits, vecf, vreinterpretq_s32_f32(a.r[i]))
OP1(vecf, op_float, vec, vreinterpretq_f32_s32(a.r[i]))
OP1(vecf, op_halves_at, const void *, vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const uint8_t *)a + 8 * i))))
OP1(vecf, op_low_halves, vec, vcvt_f32_f16(vreinterpret_f16_s16(vmovn_s32(a.r[i]))))
OP1(vecf, op_fload, const float *, vld1q_f32(a + 4 * i))
OP1(vecf, op_fsplat, float, vdupq_n_f32(a))
OP1(vecf, op_fsplat_at, const float *, vld1q_dup_f32(a))
OP1(vecf, op_fabs, vecf, vabsq_f32(a.r[i]))
OP1(vecf, op_fround, vecf, vrndnq_f32(a.r[i]))
OP1(vecf, op_fswap8, vecf, a.r[i ^ 2])
OP1(vecf, op_fswap4, vecf, a.r[i ^ 1])
OP1(vecf, op_fswap2, vecf, vextq_f32(a.r[i], a.r[i], 2))
OP1(vecf, op_fswap1, vecf, vrev64q_f32(a.r[i]))
OP2(vecf, op_fadd, vecf, vaddq_f32(a.r[i], b.r[i]))
OP2(vecf, op_fsub, vecf, vsubq_f32(a.r[i], b.r[i]))
OP2(vecf, op_fmul, vecf, vmulq_f32(a.r[i], b.r[i]))
OP2(vecf, op_fdiv, vecf, vdivq_f32(a.r[i], b.r[i]))
OP2(vecf, op_fmin, vecf, vminnmq_f32(a.r[i], b.r[i]))
OP2(vecf, op_fmax, vecf, vmaxnmq_f32(a.r[i], b.r[i]))
OP3(vecf, op_fma, vecf, vfmaq_f32(c.r[i], a.r[i], b.r[i]))
OP3(vecf, op_fnma, vecf, vfmsq_f32(c.r[i], a.r[i], b.r[i]))
/* a, but 0 where b < c */
OP3(vecf, op_fzero_less, vecf, vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(a.r[i]), vcltq_f32(b.r[i], c.r[i]))))

INLINE vec op_xor(vec a, vec b)
{
    return EACH(vec, veorq_s32(a.r[i], b.r[i]));
}

INLINE int32_t op_sum(vec v)
{
    return vaddvq_s32(vaddq_s32(vaddq_s32(v.r[0], v.r[1]), vaddq_s32(v.r[2], v.r[3])));
}

INLINE float op_first(vecf v)
{
    return vgetq_lane_f32(v.r[0], 0);
}

INLINE void op_store(void *p, vec v)
{
    for (int i = 0; i < 4; i++)
        vst1q_u8((uint8_t *)p + 16 * i, vreinterpretq_u8_s32(v.r[i]));
}

INLINE void op_fstore(float *p, vecf v)
{
    for (int i = 0; i < 4; i++)
        vst1q_f32(p + 4 * i, v.r[i]);
}

INLINE vec op_bytes_at(const int8_t *p)
{
    int8x16_t v = vld1q_s8(p);
    int16x8_t low = vmovl_s8(vget_low_s8(v)), high = vmovl_s8(vget_high_s8(v));
    return (vec){{vmovl_s16(vget_low_s16(low)), vmovl_s16(vget_high_s16(low)), vmovl_s16(vget_low_s16(high)), vmovl_s16(vget_high_s16(high))}};
}

INLINE void op_bytes_put(int8_t *p, vec v)
{
    int16x8_t low = vcombine_s16(vmovn_s32(v.r[0]), vmovn_s32(v.r[1])), high = vcombine_s16(vmovn_s32(v.r[2]), vmovn_s32(v.r[3]));
    vst1q_s8(p, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
}

INLINE vec op_splat_at(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return op_splat(v);
}

/* 16 bytes from each of four places. */
INLINE vec op_quarters(const void *a, const void *b, const void *c, const void *d)
{
    const void *p[4] = {a, b, c, d};
    return EACH(vec, vreinterpretq_s32_u8(vld1q_u8(p[i])));
}

#define LEVEL "neon"
enum { COLUMNS = 4, FLOAT_COLUMNS = 4, FLOAT_REST = 4, ATTEND_WIDE = 1, CODE_FLIP = 0 };

#include "engine/kernels/rows16.inc"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const struct kernels *kernels_neon(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP ? &table : NULL;
}
#else
const struct kernels *kernels_neon(void)
{
    return NULL;
}
#endif
