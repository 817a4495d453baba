/* quant.c: the table of block types, the plain float types, and the conversions of half-width floats. */
#include "engine/quant_priv.h"

/* Known by name and size only, so that a file which holds them can be read and the tensor refused by name. */
#define NAMED(name_, elems, bytes)                                \
    &(const struct quant_info)                                    \
    {                                                             \
        .name = name_, .block_elems = elems, .block_bytes = bytes \
    }

static const struct quant_info *const table[QUANT_TYPE_END] = {
    [QUANT_F32] = &quant_f32,        [QUANT_F16] = &quant_f16,         [QUANT_Q4_0] = &quant_q4_0,
    [QUANT_Q4_1] = &quant_q4_1,      [QUANT_Q5_0] = &quant_q5_0,       [QUANT_Q5_1] = &quant_q5_1,
    [QUANT_Q8_0] = &quant_q8_0,      [9] = NAMED("Q8_1", 32, 36),      [QUANT_Q2_K] = &quant_q2_k,
    [QUANT_Q3_K] = &quant_q3_k,      [QUANT_Q4_K] = &quant_q4_k,       [QUANT_Q5_K] = &quant_q5_k,
    [QUANT_Q6_K] = &quant_q6_k,      [15] = NAMED("Q8_K", 256, 292),   [16] = NAMED("IQ2_XXS", 256, 66),
    [17] = NAMED("IQ2_XS", 256, 74), [18] = NAMED("IQ3_XXS", 256, 98), [19] = NAMED("IQ1_S", 256, 50),
    [QUANT_IQ4_NL] = &quant_iq4_nl,  [21] = NAMED("IQ3_S", 256, 110),  [22] = NAMED("IQ2_S", 256, 82),
    [QUANT_IQ4_XS] = &quant_iq4_xs,  [24] = NAMED("I8", 1, 1),         [25] = NAMED("I16", 1, 2),
    [26] = NAMED("I32", 1, 4),       [27] = NAMED("I64", 1, 8),        [28] = NAMED("F64", 1, 8),
    [29] = NAMED("IQ1_M", 256, 56),  [QUANT_BF16] = &quant_bf16,       [34] = NAMED("TQ1_0", 256, 54),
    [35] = NAMED("TQ2_0", 256, 66),  [QUANT_MXFP4] = &quant_mxfp4,     [40] = NAMED("NVFP4", 64, 36),
    [41] = NAMED("Q1_0", 128, 18),   [42] = NAMED("Q2_0", 64, 18),
};

const struct quant_info *quant_info(uint32_t type)
{
    return type < QUANT_TYPE_END ? table[type] : NULL;
}

enum quant_type quant_named(struct str name)
{
    uint32_t type = 0;
    while (type < QUANT_TYPE_END && !(table[type] && str_eq_fold(str_from(table[type]->name), name)))
        type++;
    return (enum quant_type)type;
}

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

#define EXPONENT(n) ((uint32_t)(n) << 23) /* of binary32 */
#define REBIAS EXPONENT(127 - 15)         /* from binary16's exponents to binary32's */

float quant_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, mag = h & 0x7fff;
    uint32_t normal = (mag << 13) + REBIAS + (mag >= 0x7c00 ? REBIAS : 0); /* the second: infinity and NaN */
    uint32_t small = bits_of((float)mag * 0x1p-24f);                       /* exact: ten bits */
    return float_of(sign | (mag < 0x400 ? small : normal));
}

uint16_t quant_f32_to_f16(float f)
{
    uint32_t bits = bits_of(f), mag = bits & 0x7fffffff, out;
    if (mag > EXPONENT(255))
        out = 0x7e00 | (mag >> 13 & 0x3ff); /* a NaN stays one, quiet */
    else if (mag >= bits_of(65520.0f))
        out = 0x7c00; /* nearer to the next power of two than to 65504 */
    else if (mag < bits_of(0x1p-14f))
        out = bits_of(float_of(mag) + 0.5f) -
              bits_of(0.5f); /* the unit of 0.5 is a subnormal's: the sum rounds as it must */
    else
        out = (mag + 0xfff + (mag >> 13 & 1) - REBIAS) >> 13;
    return (uint16_t)(out | (bits >> 16 & 0x8000));
}

float quant_bf16_to_f32(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

uint16_t quant_f32_to_bf16(float f)
{
    uint32_t bits = bits_of(f);
    if ((bits & 0x7fffffff) > EXPONENT(255))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The plain types: hosts are little-endian, as the files are. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "model files are read where they lie");

static void f32_decode(const void *row, float *out, size_t n)
{
    memcpy(out, row, n * sizeof *out);
}

static void f32_encode(const float *in, void *row, size_t n)
{
    memcpy(row, in, n * sizeof *in);
}

static void f16_decode(const void *row, float *out, size_t n)
{
    const uint8_t *p = row;
    for (size_t i = 0; i < n; i++)
        out[i] = quant_get_half(p + 2 * i);
}

static void f16_encode(const float *in, void *row, size_t n)
{
    uint8_t *p = row;
    for (size_t i = 0; i < n; i++)
        quant_put16(p + 2 * i, quant_f32_to_f16(in[i]));
}

static void bf16_decode(const void *row, float *out, size_t n)
{
    const uint8_t *p = row;
    for (size_t i = 0; i < n; i++)
        out[i] = quant_bf16_to_f32(quant_get16(p + 2 * i));
}

static void bf16_encode(const float *in, void *row, size_t n)
{
    uint8_t *p = row;
    for (size_t i = 0; i < n; i++)
        quant_put16(p + 2 * i, quant_f32_to_bf16(in[i]));
}

const struct quant_info quant_f32 = {"F32", 1, 4, f32_decode, f32_encode};
const struct quant_info quant_f16 = {"F16", 1, 2, f16_decode, f16_encode};
const struct quant_info quant_bf16 = {"BF16", 1, 2, bf16_decode, bf16_encode};
