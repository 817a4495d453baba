/* model_unread.c: what a model file says and nobody has read. A key of the architecture or a tensor that the forward pass would leave out
 * makes another model of it, with answers that look like answers: so the file is refused by that name (docs/internals/model-files.md), unless
 * what it says is listed here as changing nothing. Keys outside of the architecture (general., tokenizer., …) are for others. */
#include "engine/gguf_priv.h"
#include "engine/model_priv.h"
#include <math.h>

enum neutral {          /* the numbers with which a key changes nothing */
    ANYTHING,           /* it describes, or speaks of a part that is not computed */
    ZERO,
    ONE,                /* or 0: not set */
    HEAD,               /* as long as a head */
    TURNED,             /* as many elements as turn */
    WIDTH,
    EMBEDDING,          /* what embeddings are multiplied by anyway; 0: not set */
    WINDOW,             /* none, or none that a text gets out of */
};

static const struct unread {
    const char *key; /* what ends in a dot stands for all that begin so */
    enum neutral neutral;
    const char *what; /* it would do */
} listed[] = {
    {"vocab_size", ANYTHING, NULL},                            /* the vocabulary and the embeddings have their own */
    {"tensor_data_layout", ANYTHING, NULL},                    /* how the weights were before they were converted */
    {"attention.layer_norm_epsilon", ANYTHING, NULL},          /* of the kind of norm that the architecture does not have */
    {"attention.layer_norm_rms_epsilon", ANYTHING, NULL},
    {"attention.sliding_window_pattern", ANYTHING, NULL},      /* no window, no layers that have it */
    {"attention.sliding_window", WINDOW, "limits how far back the model looks"},
    {"attention.output_scale", ONE, "scales the result of the attention"},
    {"attention.clamp_kqv", ZERO, "clamps queries, keys and values"},
    {"attention.max_alibi_bias", ZERO, "weakens the attention by distance"},
    {"attention.temperature_length", ZERO, "scales queries by position"},
    {"attention.temperature_scale", ZERO, "scales queries by position"},
    {"attention.head_dim", HEAD, "sets the size of a head"},   /* Ollama's other name for key_length */
    {"attention.key_length_swa", HEAD, "gives layers with a window another size of heads"},
    {"attention.value_length_swa", HEAD, "gives layers with a window another size of heads"},
    {"attention.shared_kv_layers", ZERO, "has layers share their keys and values"},
    {"embedding_length_out", WIDTH, "projects the result to another width"},
    {"embedding_scale", EMBEDDING, "scales the embeddings"},
    {"residual_scale", ONE, "scales what each layer adds"},
    {"logit_scale", ONE, "scales the logits"},
    {"use_parallel_residual", ZERO, "has both halves of a layer read the same"},
    {"normalize_embeddings", ANYTHING, NULL},                  /* vectors always come with length 1 */
    {"nextn_predict_layers", ZERO, "predicts several tokens at once"},
    {"leading_dense_block_count", ZERO, "mixes experts"},
    {"interleave_moe_layer_step", ZERO, "mixes experts"},
    {"moe_every_n_layers", ZERO, "mixes experts"},
    {"expert_used_count", ANYTHING, NULL},                     /* without experts (`expert_count` is read) */
    {"expert_shared_count", ZERO, "mixes experts"},
    {"expert_feed_forward_length", ANYTHING, NULL},
    {"expert_shared_feed_forward_length", ANYTHING, NULL},
    {"expert_weights_scale", ANYTHING, NULL},
    {"expert_weights_norm", ANYTHING, NULL},
    {"expert_gating_func", ANYTHING, NULL},
    {"expert_group_count", ANYTHING, NULL},
    {"expert_group_used_count", ANYTHING, NULL},
    {"rope.dimension_count", ANYTHING, NULL},                  /* bert's positions are learned */
    {"rope.dimension_count_swa", TURNED, "turns another part of a head in layers with a window"},
    {"rope.freq_base", ANYTHING, NULL},
    {"rope.freq_base_swa", ANYTHING, NULL},
    {"rope.freq_scale", ONE, "stretches positions"},
    {"rope.dimension_sections", ANYTHING, NULL},               /* of pictures: in a text all sections turn alike */
    {"rope.mrope_section", ANYTHING, NULL},
    {"rope.scaling.finetuned", ANYTHING, NULL},
    {"rope.scaling.original_context_length", ANYTHING, NULL},  /* of YaRN and longrope, which read it */
    {"rope.scaling.yarn_beta_fast", ANYTHING, NULL},
    {"rope.scaling.yarn_beta_slow", ANYTHING, NULL},
    {"rope.scaling.beta_fast", ANYTHING, NULL},
    {"rope.scaling.beta_slow", ANYTHING, NULL},
    {"rope.scaling.alpha", ZERO, "stretches positions"},
    {"rope.scaling.yarn_log_multiplier", ZERO, "changes how YaRN scales vectors"},
    {"vision.", ANYTHING, NULL},                               /* pictures are refused with the call that has one */
    {"mm.", ANYTHING, NULL},
};

/* Tensors that no text goes through: of pictures, and tables of angles that old conversions wrote into each layer and that are computed. */
static const char *const other_tensors[] = {"v.", "mm."};
static const char *const angles[] = {".attn_rot_embd", ".attn_rot_embd.weight", ".attn_rot_embd.inv_freq"};

static bool begins(struct str name, const char *with)
{
    struct str w = str_from(with);
    return w.ptr[w.len - 1] == '.' ? str_starts(name, w) : str_eq(name, w);
}

static bool changes_nothing(const struct model *m, enum neutral how, double v)
{
    switch (how) {
    case ANYTHING: return true;
    case ZERO: return v == 0;
    case ONE: return v == 0 || v == 1;
    case HEAD: return v == (double)m->head_dim;
    case TURNED: return v == (double)m->rope.dims;
    case WIDTH: return v == (double)m->width;
    case EMBEDDING: return v == 0 || fabs(v - (double)m->embedding_scale) <= 1e-6 * v;
    case WINDOW: return v == 0 || v >= (double)m->context_trained;
    }
    return false;
}

static const struct unread *listed_find(struct str key)
{
    for (size_t i = 0; i < COUNT_OF(listed); i++)
        if (begins(key, listed[i].key))
            return &listed[i];
    return NULL;
}

static void check_key(struct reading *r, struct str whole, struct str key)
{
    const struct unread *u = listed_find(key);
    double v;
    bool b;
    if (!u) {
        (void)read_fail(r, ERR_UNSUPPORTED, "the file says `%s`, which the engine does not know and would leave out of the computation", gguf_shown(whole).text);
        return;
    }
    if (u->neutral == ANYTHING)
        return;
    const char *name = arena_text(&r->m->arena, whole);
    if (!name)
        (void)read_fail(r, ERR_NOMEM, "model");
    else if (gguf_get_bool(r->g, name, &b))
        v = b;
    else if (!gguf_get_f64(r->g, name, &v))
        (void)read_fail(r, ERR_SYNTAX, "`%s` is not a number, which it must be", name);
    if (r->rc == 0 && !changes_nothing(r->m, u->neutral, v))
        (void)read_fail(r, ERR_UNSUPPORTED, "`%s` is %g: it %s, which the engine does not do for the architecture `%.*s`", name, v, u->what,
                        STR_FMT(r->m->architecture));
}

static void check_tensor(struct reading *r, struct str name)
{
    for (size_t i = 0; i < COUNT_OF(other_tensors); i++)
        if (begins(name, other_tensors[i]))
            return;
    for (size_t i = 0; i < COUNT_OF(angles); i++)
        if (str_starts(name, STR("blk.")) && str_ends(name, str_from(angles[i])))
            return;
    (void)read_fail(r, ERR_UNSUPPORTED, "the file has a tensor `%s`, which the engine would leave out of the computation of the architecture `%.*s`",
                    gguf_shown(name).text, STR_FMT(r->m->architecture));
}

void read_check_unread(struct reading *r)
{
    for (size_t i = 0; i < gguf_key_count(r->g) && r->rc == 0; i++) {
        struct str whole = gguf_key_at(r->g, i), arch = r->m->architecture;
        if (!r->key_read[i] && str_starts(whole, arch) && whole.len > arch.len && whole.ptr[arch.len] == '.')
            check_key(r, whole, str_skip(whole, arch.len + 1));
    }
    for (size_t i = 0; i < gguf_tensor_count(r->g) && r->rc == 0; i++)
        if (!r->tensor_read[i])
            check_tensor(r, gguf_tensor_at(r->g, i)->name);
}
