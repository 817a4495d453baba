/* synthetic_priv.h: what made-up model files are planned from.
 *
 *   synthetic.c         the file: head, then weights, streamed
 *   synthetic_shapes.c  the shapes, their metadata
 *   synthetic_plan.c    the tensors of each architecture
 *   synthetic_mix.c     which block type each tensor gets
 *   synthetic_fill.c    the weights
 *   synthetic_vocab.c   the vocabularies; synthetic_words.c what they are made from
 *   synthetic_chat.c    the chat templates */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "engine/quant.h"
#include "engine/synthetic.h"

enum synthetic_family {
    SYNTHETIC_LLAMA3, /* byte-level BPE */
    SYNTHETIC_QWEN2,
    SYNTHETIC_QWEN3,
    SYNTHETIC_MISTRAL, /* SentencePiece BPE with scores */
    SYNTHETIC_GEMMA,
    SYNTHETIC_PHI3,
    SYNTHETIC_BERT, /* WordPiece */
};

struct synthetic_shape {
    const char *name, *arch;
    enum synthetic_family family;
    uint32_t layers, width, ff, heads, kv_heads, head; /* head: its size */
    uint32_t vocab, context;
    double eps, rope_base;                 /* rope_base 0: no such key */
    uint32_t window, rope_factor, pooling; /* 0: none; rope_factor: of rope_freqs, as Llama 3 has them */
    bool tied, biased;                     /* no output.weight; biases on Q, K, V */
    uint32_t rope_original; /* phi3 with factors for long texts: the context it was trained with; 0 none */
    const char *scaling;    /* rope.scaling.type, NULL: no such key; with its factor, and for yarn the context it was trained with */
    uint32_t scaling_factor, scaling_original, pattern; /* pattern: of layers with a window, 0: no such key */
    bool pattern_listed;    /* it is told layer by layer */
    double attention_scale, size_factor; /* attention.scale, rope.scaling.attn_factor; 0: no such key */
    uint32_t beta_fast, beta_slow;       /* of YaRN; 0: no such keys */
    bool ollama;            /* as Ollama converts models with pictures: other names for the bases, no epsilon, keys of the other part */
};

extern const struct synthetic_shape synthetic_shapes[];
extern const size_t synthetic_shape_count;

/* Where a tensor stands in the model, as far as its type and its weights depend on it. */
enum synthetic_role {
    SYNTHETIC_OTHER,  /* a matrix */
    SYNTHETIC_EMBED,  /* of tokens */
    SYNTHETIC_HEAD,   /* output.weight, or the embedding that serves as such */
    SYNTHETIC_QKV,    /* fused */
    SYNTHETIC_DETAIL, /* attn_v and ffn_down: better kept where the mix says so */
    SYNTHETIC_TABLE,  /* a matrix that stays F32: positions, token types */
    SYNTHETIC_NORM,   /* F32, around 1 */
    SYNTHETIC_BIAS,   /* F32, around 0 */
    SYNTHETIC_FREQS,  /* rope_freqs */
    SYNTHETIC_LONG,
    SYNTHETIC_SHORT, /* rope_factors */
};

struct synthetic_tensor {
    char name[64];
    enum synthetic_role role;
    uint32_t layer;
    uint32_t dims;
    uint64_t ne[2];
    uint32_t type;   /* enum quant_type */
    uint64_t offset; /* from the start of the data */
};

struct synthetic_plan {
    const struct synthetic_shape *shape;
    struct synthetic_tensor *list; /* in an arena */
    size_t count, max;
};

struct synthetic_mix {
    const char *name;
    uint32_t file_type;
    enum quant_type base, detail, qkv, head;
};

const struct synthetic_mix *synthetic_mix_find(struct str name); /* NULL if there is none */
enum quant_type synthetic_mix_type(const struct synthetic_mix *m, const struct synthetic_tensor *t, uint32_t layers);

int synthetic_plan_make(struct synthetic_plan *p, struct arena *a, const struct synthetic_shape *s);

/* The head of a file: keys are counted as they are put. The first failure stays in `rc`, and what follows does nothing. */
struct synthetic_head {
    struct buf *out;
    uint64_t key_count;
    int rc;
};
void synthetic_put(struct synthetic_head *h, const void *bytes, size_t n);
void synthetic_put_u64(struct synthetic_head *h, uint64_t v);
void synthetic_put_u32(struct synthetic_head *h, uint32_t v);
void synthetic_put_text(struct synthetic_head *h, struct str s);
void synthetic_key_u32(struct synthetic_head *h, const char *key, uint32_t v);
void synthetic_key_f32(struct synthetic_head *h, const char *key, double v);
void synthetic_key_bool(struct synthetic_head *h, const char *key, bool v);
void synthetic_key_text(struct synthetic_head *h, const char *key, const char *v);
void synthetic_key_array(struct synthetic_head *h, const char *key, uint32_t type,
                         uint64_t count); /* elements follow */

void synthetic_shape_keys(struct synthetic_head *h, const struct synthetic_shape *s);
int synthetic_vocab_keys(struct synthetic_head *h, const struct synthetic_shape *s, struct arena *a);
const char *synthetic_chat(enum synthetic_family family); /* NULL: not a model to chat with */

/* What a vocabulary is made from, most useful first. */
extern const char *const synthetic_words[];
extern const size_t synthetic_word_count;

/* Weights: rows of one tensor after the other, in pieces. */
struct synthetic_pool {
    enum quant_type type;
    float deviation;
    uint8_t *bytes; /* POOL_UNITS units; in an arena */
};
struct synthetic_filler {
    const struct synthetic_shape *shape;
    struct arena *a;
    struct synthetic_pool pools[32];
    size_t pool_count;
    uint64_t seed;
};
/* Calls `write` with consecutive bytes of the tensor until all were given; stops at the first that is not 0 and returns it. */
int synthetic_fill(struct synthetic_filler *f, const struct synthetic_tensor *t,
                   int (*write)(void *ctx, const void *bytes, size_t n), void *ctx);
