/* quant_k.c: reading blocks of 256 weights, where groups of 16 or 32 have small scales of their own: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K
 * and IQ4_XS. Their writing is in quant_k_encode.c; the drawings of the layouts stand here.
 *
 *   Q2_K    scales 0..15 (low half: scale, high half: floor) · 2-bit area 16..79 · d 80 · dmin 82          84 bytes
 *   Q3_K    third bits 0..31 · 2-bit area 32..95 · 6-bit scales 96..107 · d 108                           110
 *   Q4_K    d 0 · dmin 2 · 6-bit scales and floors 4..15 · 4-bit area 16..143                             144
 *   Q5_K    d 0 · dmin 2 · 6-bit scales and floors 4..15 · fifth bits 16..47 · 4-bit area 48..175         176
 *   Q6_K    low four bits 0..127 · high two 128..191 · scales 192..207 · d 208                            210
 *   IQ4_XS  d 0 · high two bits of the scales 2 · low four 4..7 · 16-byte areas of 32 weights 8..135      136 */
#include "engine/quant_priv.h"

/* The 2-bit area: 32 bytes hold 128 weights, the first 32 of them in the lowest bits. */
static int two_bits(const uint8_t *q, int e)
{
    return q[32 * (e / 128) + e % 32] >> 2 * (e % 128 / 32) & 3;
}

/* The 4-bit area: 32 bytes hold 64 weights, the first 32 of them in the low halves. */
static int four_bits(const uint8_t *q, int e)
{
    return q[32 * (e / 64) + e % 32] >> 4 * (e / 32 % 2) & 15;
}

static void q2_k_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(256, b, 84, out)
    {
        float d = quant_get_half(b + 80), dmin = quant_get_half(b + 82);
        for (int e = 0; e < 256; e++) {
            int s = b[e / 16];
            out[e] = d * (float)(s & 15) * (float)two_bits(b + 16, e) - dmin * (float)(s >> 4);
        }
    }
}

static void q3_k_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(256, b, 110, out)
    {
        const uint8_t *s = b + 96;
        float d = quant_get_half(b + 108);
        for (int e = 0; e < 256; e++) {
            int g = e / 16, low = g < 8 ? s[g] & 15 : s[g - 8] >> 4, high = s[8 + g % 4] >> 2 * (g / 4) & 3;
            int third = b[e % 32] >> e / 32 & 1;
            out[e] = d * (float)((low | high << 4) - 32) * (float)(two_bits(b + 32, e) - (third ? 0 : 4));
        }
    }
}

static int scale_6bit(const uint8_t *s, int j)
{
    return j < 4 ? s[j] & 63 : (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
}

static int min_6bit(const uint8_t *s, int j)
{
    return j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | s[j] >> 6 << 4;
}

static void q4_k_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(256, b, 144, out)
    {
        float d = quant_get_half(b), dmin = quant_get_half(b + 2);
        for (int e = 0; e < 256; e++)
            out[e] = d * (float)scale_6bit(b + 4, e / 32) * (float)four_bits(b + 16, e) -
                     dmin * (float)min_6bit(b + 4, e / 32);
    }
}

static void q5_k_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(256, b, 176, out)
    {
        float d = quant_get_half(b), dmin = quant_get_half(b + 2);
        for (int e = 0; e < 256; e++) {
            int q = four_bits(b + 48, e) | (b[16 + e % 32] >> e / 32 & 1) << 4;
            out[e] = d * (float)scale_6bit(b + 4, e / 32) * (float)q - dmin * (float)min_6bit(b + 4, e / 32);
        }
    }
}

static void q6_k_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(256, b, 210, out)
    {
        float d = quant_get_half(b + 208);
        for (int e = 0; e < 256; e++) {
            int half = e / 128, quarter = e % 128 / 32, l = e % 32; /* of 128 weights */
            int low = b[64 * half + 32 * (quarter % 2) + l] >> 4 * (quarter / 2) & 15;
            int high = b[128 + 32 * half + l] >> 2 * quarter & 3;
            out[e] = d * (float)(int8_t)b[192 + e / 16] * (float)((low | high << 4) - 32);
        }
    }
}

static void iq4_xs_decode(const void *row, float *out, size_t n)
{
    const uint8_t *b = row;
    EACH_BLOCK(256, b, 136, out)
    {
        float d = quant_get_half(b);
        for (int e = 0; e < 256; e++) {
            int j = e / 32, low = b[4 + j / 2] >> 4 * (j % 2) & 15, high = quant_get16(b + 2) >> 2 * j & 3;
            int q = b[8 + 16 * j + e % 16] >> 4 * (e % 32 / 16) & 15;
            out[e] = d * (float)((low | high << 4) - 32) * (float)quant_nl[q];
        }
    }
}

const struct quant_info quant_q2_k = {"Q2_K", 256, 84, q2_k_decode, quant_q2_k_encode};
const struct quant_info quant_q3_k = {"Q3_K", 256, 110, q3_k_decode, quant_q3_k_encode};
const struct quant_info quant_q4_k = {"Q4_K", 256, 144, q4_k_decode, quant_q4_k_encode};
const struct quant_info quant_q5_k = {"Q5_K", 256, 176, q5_k_decode, quant_q5_k_encode};
const struct quant_info quant_q6_k = {"Q6_K", 256, 210, q6_k_decode, quant_q6_k_encode};
const struct quant_info quant_iq4_xs = {"IQ4_XS", 256, 136, iq4_xs_decode, quant_iq4_xs_encode};
