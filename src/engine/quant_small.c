/* quant_small.c: blocks of 32 weights with one scale: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL, MXFP4.
 *
 * All but Q8_0 keep their low four bits in 16 bytes: the low half of byte i is weight i, the high half weight i + 16. The
 * five-bit types have the fifth bit of weight i at bit i of a 32-bit word. */
#include "engine/quant_priv.h"
#include <math.h>

enum { ELEMS = 32 };

const int8_t quant_nl[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
static const int8_t fp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}; /* E2M1, doubled */

static int nibble(const uint8_t *qs, int e)
{
    return e < 16 ? qs[e] & 15 : qs[e - 16] >> 4;
}

static int fifth(const uint8_t *qh, int e)
{
    return (qh[e / 8] >> e % 8 & 1) << 4;
}

/* codes: 32 of 0 to 31; the fifth bits go to qh, which is NULL for the four-bit types. */
static void put_codes(uint8_t *qs, uint8_t *qh, const int codes[ELEMS])
{
    for (int e = 0; e < 16; e++)
        qs[e] = (uint8_t)((codes[e] & 15) | (codes[e + 16] & 15) << 4);
    for (int e = 0; qh && e < ELEMS; e += 8) {
        qh[e / 8] = 0;
        for (int i = 0; i < 8; i++)
            qh[e / 8] |= (uint8_t)(codes[e + i] >> 4 << i);
    }
}

static void q8_0_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 34, out)
    {
        float d = quant_get_half(b);
        for (int e = 0; e < ELEMS; e++)
            out[e] = d * (float)(int8_t)b[2 + e];
    }
}

static void q8_0_encode(const float *in, void *row, size_t n)
{
    uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 34, in)
    {
        float most = 0;
        for (int e = 0; e < ELEMS; e++)
            most = fmaxf(most, fabsf(in[e]));
        float d = quant_put_half(b, most / 127);
        for (int e = 0; e < ELEMS; e++) {
            int code = quant_code_signed(in[e], d, 128);
            b[2 + e] = (uint8_t)(int8_t)(code < -127 ? -127 : code); /* -128 would overflow some kernels' pair sums */
        }
    }
}

static void q4_0_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 18, out)
    {
        float d = quant_get_half(b);
        for (int e = 0; e < ELEMS; e++)
            out[e] = d * (float)(nibble(b + 2, e) - 8);
    }
}

static void q4_0_encode(const float *in, void *row, size_t n)
{
    uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 18, in)
    {
        int codes[ELEMS];
        float d = quant_put_half(b, quant_fit_signed(in, ELEMS, 8));
        for (int e = 0; e < ELEMS; e++)
            codes[e] = quant_code_signed(in[e], d, 8) + 8;
        put_codes(b + 2, NULL, codes);
    }
}

static void q5_0_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 22, out)
    {
        float d = quant_get_half(b);
        for (int e = 0; e < ELEMS; e++)
            out[e] = d * (float)((nibble(b + 6, e) | fifth(b + 2, e)) - 16);
    }
}

static void q5_0_encode(const float *in, void *row, size_t n)
{
    uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 22, in)
    {
        int codes[ELEMS];
        float d = quant_put_half(b, quant_fit_signed(in, ELEMS, 16));
        for (int e = 0; e < ELEMS; e++)
            codes[e] = quant_code_signed(in[e], d, 16) + 16;
        put_codes(b + 6, b + 2, codes);
    }
}

static void q4_1_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 20, out)
    {
        float d = quant_get_half(b), m = quant_get_half(b + 2);
        for (int e = 0; e < ELEMS; e++)
            out[e] = d * (float)nibble(b + 4, e) + m;
    }
}

static void q5_1_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 24, out)
    {
        float d = quant_get_half(b), m = quant_get_half(b + 2);
        for (int e = 0; e < ELEMS; e++)
            out[e] = d * (float)(nibble(b + 8, e) | fifth(b + 4, e)) + m;
    }
}

/* Between the least and the greatest, whatever their signs; codes 0 to top. */
static void encode_between(const float *in, int top, uint8_t *scales, int codes[ELEMS])
{
    float low = in[0], high = in[0];
    for (int e = 1; e < ELEMS; e++) {
        low = fminf(low, in[e]);
        high = fmaxf(high, in[e]);
    }
    float d = quant_put_half(scales, (high - low) / (float)top), m = quant_put_half(scales + 2, low);
    for (int e = 0; e < ELEMS; e++)
        codes[e] = quant_code_affine(in[e], d, -m, top);
}

static void q4_1_encode(const float *in, void *row, size_t n)
{
    uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 20, in)
    {
        int codes[ELEMS];
        encode_between(in, 15, b, codes);
        put_codes(b + 4, NULL, codes);
    }
}

static void q5_1_encode(const float *in, void *row, size_t n)
{
    uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 24, in)
    {
        int codes[ELEMS];
        encode_between(in, 31, b, codes);
        put_codes(b + 8, b + 4, codes);
    }
}

static void iq4_nl_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 18, out)
    {
        float d = quant_get_half(b);
        for (int e = 0; e < ELEMS; e++)
            out[e] = d * (float)quant_nl[nibble(b + 2, e)];
    }
}

static void iq4_nl_encode(const float *in, void *row, size_t n)
{
    uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 18, in)
    {
        int codes[ELEMS];
        float d = quant_put_half(b, quant_fit_nl(in, ELEMS));
        for (int e = 0; e < ELEMS; e++)
            codes[e] = quant_code_nl(in[e], d);
        put_codes(b + 2, NULL, codes);
    }
}

static void mxfp4_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 17, out)
    {
        float d = ldexpf(1, b[0] - 128);
        for (int e = 0; e < ELEMS; e++)
            out[e] = d * (float)fp4[nibble(b + 1, e)];
    }
}

static int fp4_code(float steps)
{
    int best = 0;
    for (int c = 1; c < 16; c++)
        if (fabsf(steps - (float)fp4[c]) < fabsf(steps - (float)fp4[best]))
            best = c;
    return best;
}

/* The sum of squares that is lost with the scale 2^(e8 - 128); the codes are left in `codes`. */
static float mxfp4_try(const float *in, int e8, int codes[ELEMS])
{
    float lost = 0, d = ldexpf(1, e8 - 128);
    for (int e = 0; e < ELEMS; e++) {
        codes[e] = fp4_code(in[e] / d);
        float off = in[e] - d * (float)fp4[codes[e]];
        lost += off * off;
    }
    return lost;
}

static void mxfp4_encode(const float *in, void *row, size_t n)
{
    uint8_t *b = row;
    EACH_BLOCK(ELEMS, b, 17, in)
    {
        float most = 0;
        for (int e = 0; e < ELEMS; e++)
            most = fmaxf(most, fabsf(in[e]));
        int exponent, codes[ELEMS];
        (void)frexpf(most / 12, &exponent); /* 2^exponent holds the greatest; half of it may lose less */
        int e8 = most > 0 ? exponent + 128 : 0;
        e8 = e8 < 2 ? 2 : e8 > 254 ? 254 : e8;
        if (mxfp4_try(in, e8 - 1, codes) < mxfp4_try(in, e8, codes))
            (void)mxfp4_try(in, --e8, codes);
        b[0] = (uint8_t)e8;
        put_codes(b + 1, NULL, codes);
    }
}

const struct quant_info quant_q8_0 = {"Q8_0", ELEMS, 34, q8_0_decode, q8_0_encode};
const struct quant_info quant_q4_0 = {"Q4_0", ELEMS, 18, q4_0_decode, q4_0_encode};
const struct quant_info quant_q4_1 = {"Q4_1", ELEMS, 20, q4_1_decode, q4_1_encode};
const struct quant_info quant_q5_0 = {"Q5_0", ELEMS, 22, q5_0_decode, q5_0_encode};
const struct quant_info quant_q5_1 = {"Q5_1", ELEMS, 24, q5_1_decode, q5_1_encode};
const struct quant_info quant_iq4_nl = {"IQ4_NL", ELEMS, 18, iq4_nl_decode, iq4_nl_encode};
const struct quant_info quant_mxfp4 = {"MXFP4", ELEMS, 17, mxfp4_decode, mxfp4_encode};
