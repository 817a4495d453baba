/* model.h: what a model file says about itself, checked: the shape of the network and where its weights lie.
 *
 * The weights stay in the mapped file; only small vectors that are not stored as floats are converted into memory of ours. A file is
 * hostile: every dimension, type and size that the forward pass relies on is checked here, once.
 * Immutable after opening; safe from any thread. Sources: the GGUF reference, sections 4 to 6. */
#pragma once
#include "base/arena.h"
#include "engine/gguf.h"
#include "engine/kernels/kernels.h"

enum { MODEL_LAYERS_MAX = 512, MODEL_WIDTH_MAX = 1 << 17, MODEL_VOCAB_MAX = 1 << 20 };

struct weight { /* a matrix as it lies in the file; data NULL: the model has none */
    enum quant_type type;
    const uint8_t *data;
    size_t row_bytes, rows, k;
};

struct layer {
    /* norms and biases: (width) or as long as what they are added to; NULL where the model has none */
    const float *attn_norm, *ffn_norm;                  /* before attention and feed-forward */
    const float *attn_post_norm, *ffn_post_norm;        /* on their results (gemma) */
    const float *attn_out_norm, *attn_out_norm_bias;    /* after adding them (bert) */
    const float *layer_out_norm, *layer_out_norm_bias;
    const float *q_norm, *k_norm;                       /* (head_dim) */
    const float *q_bias, *k_bias, *v_bias, *o_bias, *up_bias, *down_bias;
    struct weight q, k, v, o, gate, up, down;           /* gate.data NULL: plain feed-forward */
    bool sliding;                                       /* sees `window` keys only, and turns by the local angles */
};

enum rope_form { ROPE_NONE, ROPE_PAIRS, ROPE_HALVES }; /* which two elements turn together: (2i, 2i+1), or (i, i+n/2) */

struct rope {
    enum rope_form form;
    size_t dims;            /* elements of a head that turn; the rest are left alone */
    float *step;            /* (dims / 2): angle per position */
    float size;             /* of the turned vector; 1 but for YaRN and longrope */
};

enum pooling { POOL_NONE, POOL_MEAN, POOL_FIRST, POOL_LAST, POOL_RANK };

struct model {
    const struct gguf *file; /* borrowed */
    struct arena arena;
    struct str architecture, name;
    size_t width, layer_count, heads, kv_heads, head_dim, ff, vocab, context_trained;
    float epsilon, attention_scale, embedding_scale, logit_softcap, attention_softcap;
    bool causal, layer_norm; /* LayerNorm (bert), else RMSNorm */
    enum act_kind activation;
    size_t window; /* 0 = none */
    struct rope rope, rope_local;
    enum pooling pooling;
    struct weight embedding, output; /* output.data NULL: no logits (an embedding model) */
    const float *output_norm, *output_bias;
    const float *token_type;         /* (width): added to every embedding (bert) */
    struct weight position;          /* (context, width): learned positions (bert) */
    const float *embedding_norm, *embedding_norm_bias;
    struct layer *layer; /* (layer_count) */
};

/* `context`: how many tokens a sequence will hold at most (longrope chooses its angles by it); 0 = what the model was trained for. */
int model_open(struct model **out, const struct gguf *file, size_t context, struct err *e);
void model_close(struct model *m);
struct kv_shape;
void model_kv_shape(const struct model *m, enum kv_type type, struct kv_shape *out);
