/* avx512_emulated.h: the operations of x86_vnni.c in plain C, as the processor's manual describes the instruction behind each:
 * so that the text which uses them is tested on machines that have none. */
#pragma once
#include "engine/quant.h"
#include <math.h>

typedef union vec {
    int32_t i[16];
    uint32_t u[16];
    uint16_t h[32];
    int16_t s[32];
    uint8_t ub[64];
    int8_t sb[64];
    uint64_t q[8];
    float f[16];
} vec;
typedef struct vecf {
    float f[16];
} vecf;

/* Called, not inlined: with sanitizers the compiler would be at it for minutes. */
#define EMULATED static __attribute__((noinline, unused))
#define LANES(type, count, assignment)  \
    type out;                           \
    for (int i = 0; i < (count); i++)   \
        assignment;                     \
    return out
#define OP1(type, name, a_type, count, assignment) \
    EMULATED type name(a_type a)              \
    {                                              \
        LANES(type, count, assignment);            \
    }
#define OP2(type, name, in_type, count, assignment)    \
    EMULATED type name(in_type a, in_type b)      \
    {                                                  \
        LANES(type, count, assignment);                \
    }
#define OP3(type, name, in_type, count, assignment)           \
    EMULATED type name(in_type a, in_type b, in_type c)  \
    {                                                         \
        LANES(type, count, assignment);                       \
    }
#define OPN(name, count, assignment)               \
    EMULATED vec name(vec a, unsigned n)      \
    {                                              \
        LANES(vec, count, assignment);             \
    }

EMULATED vec op_load(const void *p)
{
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

EMULATED void op_store(void *p, vec v)
{
    memcpy(p, &v, sizeof v);
}

EMULATED vecf op_fload(const float *p)
{
    vecf v;
    memcpy(&v, p, sizeof v);
    return v;
}

EMULATED void op_fstore(float *p, vecf v)
{
    memcpy(p, &v, sizeof v);
}

OP1(vec, op_splat, int32_t, 16, out.i[i] = a)
OP1(vecf, op_fsplat, float, 16, out.f[i] = a)
OP1(vecf, op_fsplat_at, const float *, 16, out.f[i] = *a)
OP1(vec, op_bytes_at, const int8_t *, 16, out.i[i] = a[i])
OP2(vec, op_and, vec, 16, out.u[i] = a.u[i] & b.u[i])
OP2(vec, op_or, vec, 16, out.u[i] = a.u[i] | b.u[i])
OP2(vec, op_xor, vec, 16, out.u[i] = a.u[i] ^ b.u[i])
OP2(vec, op_add32, vec, 16, out.u[i] = a.u[i] + b.u[i])
OP2(vec, op_sub32, vec, 16, out.u[i] = a.u[i] - b.u[i])
OP2(vec, op_mul32, vec, 16, out.u[i] = a.u[i] * b.u[i])
OPN(op_shr16, 32, out.h[i] = (uint16_t)(n > 15 ? 0 : a.h[i] >> n))
OPN(op_shl16, 32, out.h[i] = (uint16_t)(n > 15 ? 0 : a.h[i] << n))
OPN(op_shr32, 16, out.u[i] = n > 31 ? 0 : a.u[i] >> n)
OPN(op_shl32, 16, out.u[i] = n > 31 ? 0 : a.u[i] << n)
OPN(op_sar32, 16, out.i[i] = a.i[i] >> (n > 31 ? 31 : n))
/* within each 128 bits */
OP2(vec, op_mix32_low, vec, 16, out.u[i] = (i % 2 ? b : a).u[i / 4 * 4 + i % 4 / 2])
OP2(vec, op_mix32_high, vec, 16, out.u[i] = (i % 2 ? b : a).u[i / 4 * 4 + 2 + i % 4 / 2])
OP2(vec, op_mix64_low, vec, 8, out.q[i] = (i % 2 ? b : a).q[i / 2 * 2])
OP2(vec, op_mix64_high, vec, 8, out.q[i] = (i % 2 ? b : a).q[i / 2 * 2 + 1])
OP3(vec, op_dot8, vec, 16,
    out.u[i] = a.u[i] + (uint32_t)(b.ub[4 * i] * c.sb[4 * i] + b.ub[4 * i + 1] * c.sb[4 * i + 1] + b.ub[4 * i + 2] * c.sb[4 * i + 2] +
                                   b.ub[4 * i + 3] * c.sb[4 * i + 3]))
OP3(vec, op_dot16, vec, 16, out.u[i] = a.u[i] + (uint32_t)(b.s[2 * i] * c.s[2 * i]) + (uint32_t)(b.s[2 * i + 1] * c.s[2 * i + 1]))
OP1(vecf, op_to_float, vec, 16, out.f[i] = (float)a.i[i])
OP1(vec, op_to_int, vecf, 16, out.i[i] = a.f[i] >= -2147483648.0f && a.f[i] < 2147483648.0f ? (int32_t)lrintf(a.f[i]) : INT32_MIN)
OP1(vec, op_bits, vecf, 16, out.f[i] = a.f[i])
OP1(vecf, op_float, vec, 16, out.f[i] = a.f[i])
OP1(vecf, op_low_halves, vec, 16, out.f[i] = quant_f16_to_f32(a.h[2 * i]))
OP1(vecf, op_halves_at, const uint16_t *, 16, out.f[i] = quant_f16_to_f32(a[i]))
OP1(vecf, op_fabs, vecf, 16, out.f[i] = fabsf(a.f[i]))
OP1(vecf, op_fround, vecf, 16, out.f[i] = rintf(a.f[i]))
OP1(vecf, op_fswap8, vecf, 16, out.f[i] = a.f[i ^ 8])
OP1(vecf, op_fswap4, vecf, 16, out.f[i] = a.f[i ^ 4])
OP1(vecf, op_fswap2, vecf, 16, out.f[i] = a.f[i ^ 2])
OP1(vecf, op_fswap1, vecf, 16, out.f[i] = a.f[i ^ 1])
OP2(vecf, op_fadd, vecf, 16, out.f[i] = a.f[i] + b.f[i])
OP2(vecf, op_fsub, vecf, 16, out.f[i] = a.f[i] - b.f[i])
OP2(vecf, op_fmul, vecf, 16, out.f[i] = a.f[i] * b.f[i])
OP2(vecf, op_fdiv, vecf, 16, out.f[i] = a.f[i] / b.f[i])
OP2(vecf, op_fmin, vecf, 16, out.f[i] = a.f[i] < b.f[i] ? a.f[i] : b.f[i])
OP2(vecf, op_fmax, vecf, 16, out.f[i] = a.f[i] > b.f[i] ? a.f[i] : b.f[i])
OP3(vecf, op_fma, vecf, 16, out.f[i] = fmaf(a.f[i], b.f[i], c.f[i]))
OP3(vecf, op_fnma, vecf, 16, out.f[i] = fmaf(-a.f[i], b.f[i], c.f[i]))
OP3(vecf, op_fzero_less, vecf, 16, out.f[i] = b.f[i] < c.f[i] ? 0 : a.f[i])

EMULATED int32_t op_sum(vec v)
{
    uint32_t sum = 0;
    for (int i = 0; i < 16; i++)
        sum += v.u[i];
    return (int32_t)sum;
}

EMULATED float op_first(vecf v)
{
    return v.f[0];
}

EMULATED void op_bytes_put(int8_t *p, vec v)
{
    for (int i = 0; i < 16; i++)
        p[i] = v.sb[4 * i];
}

EMULATED vec op_splat_at(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return op_splat(v);
}

EMULATED vec op_quarters(const void *a, const void *b, const void *c, const void *d)
{
    const void *from[4] = {a, b, c, d};
    vec v;
    for (int i = 0; i < 4; i++)
        memcpy(v.ub + 16 * i, from[i], 16);
    return v;
}
