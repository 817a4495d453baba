/* quant_priv.h: the rows of the table of block types, and the little that their files share. */
#pragma once
#include "engine/quant.h"

extern const struct quant_info quant_f32, quant_f16, quant_bf16;
extern const struct quant_info quant_q8_0, quant_q4_0, quant_q4_1, quant_q5_0, quant_q5_1, quant_iq4_nl, quant_mxfp4;
extern const struct quant_info quant_q2_k, quant_q3_k, quant_q4_k, quant_q5_k, quant_q6_k, quant_iq4_xs;

extern const int8_t quant_nl[16]; /* the sixteen values of IQ4_NL and IQ4_XS, ascending */

/* Over the n weights of a row, block by block: `block` and `floats` move on together. */
#define EACH_BLOCK(elems, block, bytes, floats) for (size_t at_ = 0; at_ < n; at_ += (elems), (block) += (bytes), (floats) += (elems))

/* quant_k_encode.c */
void quant_q2_k_encode(const float *in, void *row, size_t n);
void quant_q3_k_encode(const float *in, void *row, size_t n);
void quant_q4_k_encode(const float *in, void *row, size_t n);
void quant_q5_k_encode(const float *in, void *row, size_t n);
void quant_q6_k_encode(const float *in, void *row, size_t n);
void quant_iq4_xs_encode(const float *in, void *row, size_t n);

static inline uint16_t quant_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline void quant_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline float quant_get_half(const uint8_t *p)
{
    return quant_f16_to_f32(quant_get16(p));
}

/* Writes f as binary16 and returns what it became: the codes are chosen for the scale that will be read. */
static inline float quant_put_half(uint8_t *p, float f)
{
    uint16_t h = quant_f32_to_f16(f);
    quant_put16(p, h);
    return quant_f16_to_f32(h);
}

/* quant_fit.c: the step by which n numbers are best told in whole steps. */

/* Codes -half to half-1: the step, of either sign, that loses least. 0 when all are 0. */
float quant_fit_signed(const float *x, size_t n, int half);
/* Codes 0 to top, above a floor: x ≈ step·code − floor, both ≥ 0. */
void quant_fit_affine(const float *x, size_t n, int top, float *step, float *floor_);
/* Codes into quant_nl. */
float quant_fit_nl(const float *x, size_t n);
/* The code of the value nearest to x (in steps), for each kind. */
int quant_code_signed(float x, float step, int half); /* -half to half-1 */
int quant_code_affine(float x, float step, float floor_, int top);
int quant_code_nl(float x, float step);
