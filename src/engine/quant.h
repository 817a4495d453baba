/* quant.h: how weights are stored: the block types of a model file, and what each element of a block is worth.
 *
 * A row of a tensor is a run of blocks; a block holds `block_elems` weights in `block_bytes` bytes, little-endian. Layouts and
 * values: the GGUF reference, section 2. Decoding here is the plain definition, one row at a time and without haste: it fills
 * embedding rows and is what tests and kernels are held against. The fast dot products are in kernels/.
 * Nothing here allocates or fails; all of it is safe from any thread. */
#pragma once
#include "base/str.h"

/* The numbers are the file's own (GGUF type ids); those that are missing are removed, other people's, or not supported. */
enum quant_type {
    QUANT_F32 = 0,
    QUANT_F16 = 1,
    QUANT_Q4_0 = 2,
    QUANT_Q4_1 = 3,
    QUANT_Q5_0 = 6,
    QUANT_Q5_1 = 7,
    QUANT_Q8_0 = 8,
    QUANT_Q2_K = 10,
    QUANT_Q3_K = 11,
    QUANT_Q4_K = 12,
    QUANT_Q5_K = 13,
    QUANT_Q6_K = 14,
    QUANT_IQ4_NL = 20,
    QUANT_IQ4_XS = 23,
    QUANT_BF16 = 30,
    QUANT_MXFP4 = 39,
    QUANT_TYPE_END = 64 /* ids of files stay below this */
};

struct quant_info {
    const char *name;                  /* "Q4_K" */
    uint32_t block_elems, block_bytes; /* 256, 144 */
    /* n weights (a multiple of block_elems) of one row as floats; NULL for a type we know by name only. */
    void (*decode)(const void *row, float *out, size_t n);
    /* The nearest blocks to n finite floats: for made-up models and tests; NULL where nobody needs it. */
    void (*encode)(const float *in, void *row, size_t n);
};

/* NULL for a number that no file may hold (removed or never given out). A row without `decode` is a type whose name and size are
 * known, so that it can be refused by name. */
const struct quant_info *quant_info(uint32_t type);
/* QUANT_TYPE_END when there is none of that name, whatever its case. */
enum quant_type quant_named(struct str name);

static inline size_t quant_row_bytes(const struct quant_info *q, size_t elems) /* elems: a multiple of block_elems */
{
    return elems / q->block_elems * q->block_bytes;
}

/* IEEE binary16 and bfloat16, subnormals and NaN included; to binary16 and to bfloat16 by rounding to nearest even. */
float quant_f16_to_f32(uint16_t h);
uint16_t quant_f32_to_f16(float f);
float quant_bf16_to_f32(uint16_t h);
uint16_t quant_f32_to_bf16(float f);
