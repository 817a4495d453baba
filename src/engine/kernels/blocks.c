/* blocks.c: blocks of weights taken apart into integer codes, scales and offsets (GGUF reference, section 2). Written for
 * clearness: the fast levels unpack what matters by themselves and use this for the rest. */
#include "engine/kernels/kernels_priv.h"

#define F16_MAX 65504.0f

static const int8_t table_nl[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t table_fp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static float load_f16(const uint8_t *p)
{
    return quant_f16_to_f32(load16(p));
}

static void scales_set(struct block_parts *out, int16_t scale, int16_t min)
{
    for (int g = 0; g < 2; g++) {
        out->scale[g] = scale;
        out->min[g] = min;
    }
}

static int nibble(const uint8_t *qs, int e)
{
    return e < 16 ? qs[e] & 15 : qs[e - 16] >> 4;
}

static int bit(const uint8_t *p, int i)
{
    return p[i / 8] >> (i % 8) & 1;
}

/* --- 32 elements ------------------------------------------------------------------------------------------------------------ */

static void apart_q4_0(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    scales_set(out, 1, 0);
    for (int e = 0; e < 32; e++)
        out->code[e] = (int16_t)(nibble(b + 2, e) - 8);
}

/* d * q + m is d * q - (-m) * 1. */
static void apart_q4_1(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    out->dmin = -load_f16(b + 2);
    scales_set(out, 1, 1);
    for (int e = 0; e < 32; e++)
        out->code[e] = (int16_t)nibble(b + 4, e);
}

static void apart_q5_0(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    scales_set(out, 1, 0);
    for (int e = 0; e < 32; e++)
        out->code[e] = (int16_t)((nibble(b + 6, e) | bit(b + 2, e) << 4) - 16);
}

static void apart_q5_1(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    out->dmin = -load_f16(b + 2);
    scales_set(out, 1, 1);
    for (int e = 0; e < 32; e++)
        out->code[e] = (int16_t)(nibble(b + 8, e) | bit(b + 4, e) << 4);
}

static void apart_q8_0(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    scales_set(out, 1, 0);
    for (int e = 0; e < 32; e++)
        out->code[e] = (int8_t)b[2 + e];
}

static void apart_iq4_nl(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    scales_set(out, 1, 0);
    for (int e = 0; e < 32; e++)
        out->code[e] = table_nl[nibble(b + 2, e)];
}

static void apart_mxfp4(const uint8_t *b, struct block_parts *out)
{
    uint32_t bits = b[0] < 2 ? 0x00200000u << b[0] : (uint32_t)(b[0] - 1) << 23; /* 2^(e8 - 128) */
    memcpy(&out->d, &bits, sizeof bits);
    scales_set(out, 1, 0);
    for (int e = 0; e < 32; e++)
        out->code[e] = table_fp4[nibble(b + 1, e)];
}

/* --- 256 elements ----------------------------------------------------------------------------------------------------------- */

static int two_bits(const uint8_t *q, int e)
{
    return q[32 * (e / 128) + e % 32] >> 2 * (e % 128 / 32) & 3;
}

static void apart_q2_k(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b + 80);
    out->dmin = load_f16(b + 82);
    for (int g = 0; g < 16; g++) {
        out->scale[g] = b[g] & 15;
        out->min[g] = b[g] >> 4;
    }
    for (int e = 0; e < 256; e++)
        out->code[e] = (int16_t)two_bits(b + 16, e);
}

static void apart_q3_k(const uint8_t *b, struct block_parts *out)
{
    const uint8_t *s = b + 96;
    out->d = load_f16(b + 108);
    for (int g = 0; g < 16; g++) {
        int low = g < 8 ? s[g] & 15 : s[g - 8] >> 4, high = s[8 + g % 4] >> 2 * (g / 4) & 3;
        out->scale[g] = (int16_t)((low | high << 4) - 32);
    }
    for (int e = 0; e < 256; e++)
        out->code[e] = (int16_t)(two_bits(b + 32, e) - (b[e % 32] >> (e / 32) & 1 ? 0 : 4));
}

/* The eight 6-bit scales and minima of Q4_K and Q5_K. */
static void scales_6bit(const uint8_t *s, struct block_parts *out)
{
    for (int j = 0; j < 8; j++) {
        int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
        int min = j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
        out->scale[2 * j] = out->scale[2 * j + 1] = (int16_t)scale;
        out->min[2 * j] = out->min[2 * j + 1] = (int16_t)min;
    }
}

static int nibble_64(const uint8_t *qs, int e)
{
    uint8_t byte = qs[32 * (e / 64) + e % 32];
    return e / 32 % 2 ? byte >> 4 : byte & 15;
}

static void apart_q4_k(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    out->dmin = load_f16(b + 2);
    scales_6bit(b + 4, out);
    for (int e = 0; e < 256; e++)
        out->code[e] = (int16_t)nibble_64(b + 16, e);
}

static void apart_q5_k(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b);
    out->dmin = load_f16(b + 2);
    scales_6bit(b + 4, out);
    for (int e = 0; e < 256; e++)
        out->code[e] = (int16_t)(nibble_64(b + 48, e) | (b[16 + e % 32] >> (e / 32) & 1) << 4);
}

static void apart_q6_k(const uint8_t *b, struct block_parts *out)
{
    out->d = load_f16(b + 208);
    for (int g = 0; g < 16; g++)
        out->scale[g] = (int8_t)b[192 + g];
    for (int e = 0; e < 256; e++) {
        int half = e / 128, g = e % 128 / 32, l = e % 32;
        uint8_t byte = b[64 * half + 32 * (g % 2) + l];
        int low = g < 2 ? byte & 15 : byte >> 4, high = b[128 + 32 * half + l] >> 2 * g & 3;
        out->code[e] = (int16_t)((low | high << 4) - 32);
    }
}

static void apart_iq4_xs(const uint8_t *b, struct block_parts *out)
{
    uint16_t high = load16(b + 2);
    out->d = load_f16(b);
    for (int j = 0; j < 8; j++) {
        int scale = (b[4 + j / 2] >> 4 * (j % 2) & 15) | (high >> 2 * j & 3) << 4;
        out->scale[2 * j] = out->scale[2 * j + 1] = (int16_t)(scale - 32);
    }
    for (int e = 0; e < 256; e++)
        out->code[e] = table_nl[nibble(b + 8 + 16 * (e / 32), e % 32)];
}

static const struct block_kind kinds[QUANT_TYPE_END] = {
    [QUANT_Q4_0] = {32, false, apart_q4_0},   [QUANT_Q4_1] = {32, true, apart_q4_1},
    [QUANT_Q5_0] = {32, false, apart_q5_0},   [QUANT_Q5_1] = {32, true, apart_q5_1},
    [QUANT_Q8_0] = {32, false, apart_q8_0},   [QUANT_IQ4_NL] = {32, false, apart_iq4_nl},
    [QUANT_MXFP4] = {32, false, apart_mxfp4}, [QUANT_Q2_K] = {256, true, apart_q2_k},
    [QUANT_Q3_K] = {256, false, apart_q3_k},  [QUANT_Q4_K] = {256, true, apart_q4_k},
    [QUANT_Q5_K] = {256, true, apart_q5_k},   [QUANT_Q6_K] = {256, false, apart_q6_k},
    [QUANT_IQ4_XS] = {256, false, apart_iq4_xs},
};

const struct block_kind *block_kind(enum quant_type type)
{
    return type < QUANT_TYPE_END && kinds[type].elems ? &kinds[type] : NULL;
}

enum act_form kernels_form(enum quant_type type)
{
    const struct block_kind *kind = block_kind(type);
    return !kind ? ACT_FLOAT : kind->elems == 256 ? ACT_Q8_256 : ACT_Q8_32;
}

size_t act_block(enum act_form form)
{
    return form == ACT_Q8_256 ? 256 : form == ACT_Q8_32 ? 32 : 0;
}

/* The scale is rounded to what will be read before the codes are chosen. */
void kv_quantise(const float *x, size_t n, int8_t *code, uint16_t *scale)
{
    for (size_t b = 0; b < kv_blocks(n); b++) {
        size_t from = b * KV_BLOCK, to = from + KV_BLOCK < n ? from + KV_BLOCK : n;
        float most = 0;
        for (size_t i = from; i < to; i++)
            most = fmaxf(most, fabsf(x[i]));
        scale[b] = quant_f32_to_f16(fminf(most / 127.0f, F16_MAX));
        float step = quant_f16_to_f32(scale[b]), inverse = step > 0 ? 1.0f / step : 0;
        for (size_t i = from; i < to; i++)
            code[i] = (int8_t)lrintf(fminf(fmaxf(x[i] * inverse, -127.0f), 127.0f));
    }
}
