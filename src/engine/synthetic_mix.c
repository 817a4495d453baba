/* synthetic_mix.c: which block type each tensor of a file gets, as the files people fetch have them.
 *
 * "Q4_K_M" is no type but a mixture: attn_v and ffn_down are kept better in the first and last eighth of the layers and in every
 * third between, a fused attn_qkv one step better, and the matrix that gives the logits is kept in Q6_K. A row that the type's
 * blocks do not divide gets a type of smaller blocks. */
#include "engine/synthetic_priv.h"

/* clang-format off */
static const struct synthetic_mix mixes[] = {
    /*  name   general.file_type   base    detail        qkv           head */
    {"F32",    0,  QUANT_F32,    QUANT_F32,    QUANT_F32,    QUANT_F32},
    {"F16",    1,  QUANT_F16,    QUANT_F16,    QUANT_F16,    QUANT_F16},
    {"BF16",   32, QUANT_BF16,   QUANT_BF16,   QUANT_BF16,   QUANT_BF16},
    {"Q8_0",   7,  QUANT_Q8_0,   QUANT_Q8_0,   QUANT_Q8_0,   QUANT_Q8_0},
    {"Q4_0",   2,  QUANT_Q4_0,   QUANT_Q4_0,   QUANT_Q4_0,   QUANT_Q6_K},
    {"Q4_1",   3,  QUANT_Q4_1,   QUANT_Q4_1,   QUANT_Q4_1,   QUANT_Q6_K},
    {"Q5_0",   8,  QUANT_Q5_0,   QUANT_Q5_0,   QUANT_Q5_0,   QUANT_Q6_K},
    {"Q5_1",   9,  QUANT_Q5_1,   QUANT_Q5_1,   QUANT_Q5_1,   QUANT_Q6_K},
    {"Q2_K_S", 21, QUANT_Q2_K,   QUANT_Q2_K,   QUANT_Q2_K,   QUANT_Q6_K},
    {"Q3_K_S", 11, QUANT_Q3_K,   QUANT_Q3_K,   QUANT_Q3_K,   QUANT_Q6_K},
    {"Q4_K_M", 15, QUANT_Q4_K,   QUANT_Q6_K,   QUANT_Q5_K,   QUANT_Q6_K},
    {"Q5_K_M", 17, QUANT_Q5_K,   QUANT_Q6_K,   QUANT_Q6_K,   QUANT_Q6_K},
    {"Q6_K",   18, QUANT_Q6_K,   QUANT_Q6_K,   QUANT_Q6_K,   QUANT_Q6_K},
    {"IQ4_NL", 25, QUANT_IQ4_NL, QUANT_IQ4_NL, QUANT_IQ4_NL, QUANT_Q6_K},
    {"IQ4_XS", 30, QUANT_IQ4_XS, QUANT_IQ4_XS, QUANT_IQ4_XS, QUANT_Q6_K},
    {"MXFP4",  38, QUANT_MXFP4,  QUANT_MXFP4,  QUANT_MXFP4,  QUANT_Q8_0},
};
/* clang-format on */

const char *synthetic_quant_at(size_t index)
{
    return index < COUNT_OF(mixes) ? mixes[index].name : NULL;
}

const struct synthetic_mix *synthetic_mix_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(mixes); i++)
        if (str_eq_fold(str_from(mixes[i].name), name))
            return &mixes[i];
    return NULL;
}

static bool kept_better(uint32_t layer, uint32_t layers)
{
    return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

/* The type of smaller blocks that stands in for one of 256. */
static enum quant_type smaller(enum quant_type type)
{
    switch (type) {
    case QUANT_Q4_K: return QUANT_Q5_0;
    case QUANT_Q5_K: return QUANT_Q5_1;
    case QUANT_Q6_K: return QUANT_Q8_0;
    case QUANT_Q2_K:
    case QUANT_Q3_K: return QUANT_Q4_0;
    case QUANT_IQ4_XS: return QUANT_IQ4_NL;
    default: return QUANT_F16;
    }
}

enum quant_type synthetic_mix_type(const struct synthetic_mix *m, const struct synthetic_tensor *t, uint32_t layers)
{
    if (t->role >= SYNTHETIC_TABLE)
        return QUANT_F32;
    enum quant_type type = t->role == SYNTHETIC_HEAD                                      ? m->head
                           : t->role == SYNTHETIC_QKV                                     ? m->qkv
                           : t->role == SYNTHETIC_DETAIL && kept_better(t->layer, layers) ? m->detail
                                                                                          : m->base;
    while (t->ne[0] % quant_info(type)->block_elems)
        type = smaller(type);
    return type;
}
