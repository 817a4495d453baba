/* quant_k_encode.c: writing blocks of 256 weights; the layouts are drawn in quant_k.c.
 *
 * Each group gets the step that tells it best (quant_fit.c); the steps are then told themselves, in the few bits that a block has
 * for them, and the codes are chosen for the steps as they will be read. */
#include "engine/quant_priv.h"
#include <math.h>

static void put_two_bits(uint8_t *q, const int codes[256])
{
    memset(q, 0, 64);
    for (int e = 0; e < 256; e++)
        q[32 * (e / 128) + e % 32] |= (uint8_t)((codes[e] & 3) << 2 * (e % 128 / 32));
}

static void put_four_bits(uint8_t *q, const int codes[256])
{
    memset(q, 0, 128);
    for (int e = 0; e < 256; e++)
        q[32 * (e / 64) + e % 32] |= (uint8_t)((codes[e] & 15) << 4 * (e / 32 % 2));
}

/* Groups of `width` weights as step·code − floor, steps and floors in codes 0 to scale_top of d and dmin. */
struct affine {
    uint8_t scale[16], floor_[16];
    int codes[256];
};

static void encode_affine(struct affine *a, const float *in, int width, int top, int scale_top, uint8_t *d_at,
                          uint8_t *dmin_at)
{
    float step[16], floor_[16], step_most = 0, floor_most = 0;
    int groups = 256 / width;
    for (int g = 0; g < groups; g++) {
        quant_fit_affine(in + g * width, (size_t)width, top, &step[g], &floor_[g]);
        step_most = fmaxf(step_most, step[g]);
        floor_most = fmaxf(floor_most, floor_[g]);
    }
    float d = quant_put_half(d_at, step_most / (float)scale_top);
    float dmin = quant_put_half(dmin_at, floor_most / (float)scale_top);
    for (int g = 0; g < groups; g++) {
        a->scale[g] = (uint8_t)quant_code_affine(step[g], d, 0, scale_top);
        a->floor_[g] = (uint8_t)quant_code_affine(floor_[g], dmin, 0, scale_top);
        for (int e = g * width; e < (g + 1) * width; e++)
            a->codes[e] = quant_code_affine(in[e], d * a->scale[g], dmin * a->floor_[g], top);
    }
}

static void q2_k_block(const float *in, uint8_t *b)
{
    struct affine a;
    encode_affine(&a, in, 16, 3, 15, b + 80, b + 82);
    for (int g = 0; g < 16; g++)
        b[g] = (uint8_t)(a.scale[g] | a.floor_[g] << 4);
    put_two_bits(b + 16, a.codes);
}

/* Six bits each for scale and floor of eight groups, as Q4_K and Q5_K pack them. */
static void pack_6bit(uint8_t s[12], const uint8_t scale[8], const uint8_t min[8])
{
    for (int j = 0; j < 4; j++) {
        s[j] = (uint8_t)(scale[j] | scale[j + 4] >> 4 << 6);
        s[j + 4] = (uint8_t)(min[j] | min[j + 4] >> 4 << 6);
        s[j + 8] = (uint8_t)((scale[j + 4] & 15) | (min[j + 4] & 15) << 4);
    }
}

static void q4_k_block(const float *in, uint8_t *b)
{
    struct affine a;
    encode_affine(&a, in, 32, 15, 63, b, b + 2);
    pack_6bit(b + 4, a.scale, a.floor_);
    put_four_bits(b + 16, a.codes);
}

static void q5_k_block(const float *in, uint8_t *b)
{
    struct affine a;
    encode_affine(&a, in, 32, 31, 63, b, b + 2);
    pack_6bit(b + 4, a.scale, a.floor_);
    put_four_bits(b + 48, a.codes);
    memset(b + 16, 0, 32);
    for (int e = 0; e < 256; e++)
        b[16 + e % 32] |= (uint8_t)(a.codes[e] >> 4 << e / 32);
}

/* Groups of 16 as d·scale·code, scale from -scale_half to scale_half-1, code from -half to half-1. */
struct symmetric {
    int scale[16], codes[256];
};

static void encode_symmetric(struct symmetric *s, const float *in, int half, int scale_half, uint8_t *d_at)
{
    float step[16], most = 0;
    for (int g = 0; g < 16; g++) {
        step[g] = quant_fit_signed(in + 16 * g, 16, half);
        most = fabsf(step[g]) > fabsf(most) ? step[g] : most;
    }
    float d = quant_put_half(d_at, most / (float)-scale_half);
    for (int g = 0; g < 16; g++) {
        s->scale[g] = quant_code_signed(step[g], d, scale_half);
        for (int e = 16 * g; e < 16 * (g + 1); e++)
            s->codes[e] = quant_code_signed(in[e], d * (float)s->scale[g], half);
    }
}

static void q3_k_block(const float *in, uint8_t *b)
{
    struct symmetric s;
    encode_symmetric(&s, in, 4, 32, b + 108);
    memset(b, 0, 32);
    memset(b + 96, 0, 12);
    for (int g = 0; g < 16; g++) {
        int scale = s.scale[g] + 32;
        b[96 + g % 8] |= (uint8_t)((scale & 15) << 4 * (g / 8));
        b[104 + g % 4] |= (uint8_t)(scale >> 4 << 2 * (g / 4));
    }
    for (int e = 0; e < 256; e++) {
        s.codes[e] += 4;
        b[e % 32] |= (uint8_t)(s.codes[e] >> 2 << e / 32);
    }
    put_two_bits(b + 32, s.codes);
}

static void q6_k_block(const float *in, uint8_t *b)
{
    struct symmetric s;
    encode_symmetric(&s, in, 32, 128, b + 208);
    memset(b, 0, 192);
    for (int g = 0; g < 16; g++)
        b[192 + g] = (uint8_t)(int8_t)s.scale[g];
    for (int e = 0; e < 256; e++) {
        int half = e / 128, quarter = e % 128 / 32, l = e % 32, code = s.codes[e] + 32;
        b[64 * half + 32 * (quarter % 2) + l] |= (uint8_t)((code & 15) << 4 * (quarter / 2));
        b[128 + 32 * half + l] |= (uint8_t)(code >> 4 << 2 * quarter);
    }
}

static void iq4_xs_block(const float *in, uint8_t *b)
{
    float step[8], most = 0;
    for (int j = 0; j < 8; j++) {
        step[j] = quant_fit_nl(in + 32 * j, 32);
        most = fabsf(step[j]) > fabsf(most) ? step[j] : most;
    }
    memset(b, 0, 136);
    float d = quant_put_half(b, most / -32);
    unsigned high = 0;
    for (int j = 0; j < 8; j++) {
        int scale = quant_code_signed(step[j], d, 32);
        b[4 + j / 2] |= (uint8_t)((scale + 32) % 16 << 4 * (j % 2));
        high |= (unsigned)(scale + 32) >> 4 << 2 * j;
        for (int e = 0; e < 32; e++)
            b[8 + 16 * j + e % 16] |= (uint8_t)(quant_code_nl(in[32 * j + e], d * (float)scale) << 4 * (e / 16));
    }
    quant_put16(b + 2, (uint16_t)high);
}

#define ENCODE(type, bytes)                                          \
    void quant_##type##_encode(const float *in, void *row, size_t n) \
    {                                                                \
        uint8_t *b = row;                                            \
        EACH_BLOCK(256, b, bytes, in)                                     \
        type##_block(in, b);                                         \
    }
ENCODE(q2_k, 84)
ENCODE(q3_k, 110)
ENCODE(q4_k, 144)
ENCODE(q5_k, 176)
ENCODE(q6_k, 210)
ENCODE(iq4_xs, 136)
