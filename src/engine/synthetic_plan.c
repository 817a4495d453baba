/* synthetic_plan.c: which tensors a model of each architecture has, and how large they are. */
#include "engine/synthetic_priv.h"

enum { TENSORS_PER_LAYER_MAX = 20, TENSORS_BESIDE = 8, TOKEN_TYPES = 2 };

static void add(struct synthetic_plan *p, const char *name, int layer, enum synthetic_role role, uint64_t columns,
                uint64_t rows)
{
    struct synthetic_tensor *t = &p->list[p->count++];
    *t = (struct synthetic_tensor){.role = role, .layer = layer < 0 ? 0 : (uint32_t)layer, .dims = rows ? 2 : 1};
    t->ne[0] = columns;
    t->ne[1] = rows ? rows : 1;
    if (layer < 0)
        (void)text_format(t->name, sizeof t->name, "%s", name);
    else
        (void)text_format(t->name, sizeof t->name, "blk.%d.%s", layer, name);
}

static void add_norm(struct synthetic_plan *p, const char *name, int layer, uint64_t width)
{
    add(p, name, layer, SYNTHETIC_NORM, width, 0);
}

static void add_bias(struct synthetic_plan *p, const char *name, int layer, uint64_t width)
{
    add(p, name, layer, SYNTHETIC_BIAS, width, 0);
}

static void add_attention(struct synthetic_plan *p, int l)
{
    const struct synthetic_shape *s = p->shape;
    uint64_t q = (uint64_t)s->heads * s->head, kv = (uint64_t)s->kv_heads * s->head;
    if (s->family == SYNTHETIC_PHI3 || str_eq(str_from(s->arch), STR("nomic-bert"))) {
        add(p, "attn_qkv.weight", l, SYNTHETIC_QKV, s->width, q + 2 * kv);
    } else {
        add(p, "attn_q.weight", l, SYNTHETIC_OTHER, s->width, q);
        add(p, "attn_k.weight", l, SYNTHETIC_OTHER, s->width, kv);
        add(p, "attn_v.weight", l, SYNTHETIC_DETAIL, s->width, kv);
    }
    if (s->biased) {
        add_bias(p, "attn_q.bias", l, q);
        add_bias(p, "attn_k.bias", l, kv);
        add_bias(p, "attn_v.bias", l, kv);
    }
    add(p, "attn_output.weight", l, SYNTHETIC_OTHER, q, s->width);
    if (s->family == SYNTHETIC_QWEN3 || str_eq(str_from(s->arch), STR("gemma3"))) {
        add_norm(p, "attn_q_norm.weight", l, s->head);
        add_norm(p, "attn_k_norm.weight", l, s->head);
    }
}

static void add_layer(struct synthetic_plan *p, int l)
{
    const struct synthetic_shape *s = p->shape;
    add_norm(p, "attn_norm.weight", l, s->width);
    add_attention(p, l);
    if (s->family == SYNTHETIC_GEMMA)
        add_norm(p, "post_attention_norm.weight", l, s->width);
    add_norm(p, "ffn_norm.weight", l, s->width);
    if (s->family != SYNTHETIC_PHI3)
        add(p, "ffn_gate.weight", l, SYNTHETIC_OTHER, s->width, s->ff);
    add(p, "ffn_up.weight", l, SYNTHETIC_OTHER, s->width, s->family == SYNTHETIC_PHI3 ? 2 * (uint64_t)s->ff : s->ff);
    add(p, "ffn_down.weight", l, SYNTHETIC_DETAIL, s->ff, s->width);
    if (s->family == SYNTHETIC_GEMMA)
        add_norm(p, "post_ffw_norm.weight", l, s->width);
}

static void add_layer_norm(struct synthetic_plan *p, const char *weight, const char *bias, int l)
{
    add_norm(p, weight, l, p->shape->width);
    add_bias(p, bias, l, p->shape->width);
}

static void add_bert_layer(struct synthetic_plan *p, int l)
{
    const struct synthetic_shape *s = p->shape;
    bool plain = s->biased; /* bert; nomic-bert has a gate and no biases */
    add_attention(p, l);
    if (plain)
        add_bias(p, "attn_output.bias", l, s->width);
    add_layer_norm(p, "attn_output_norm.weight", "attn_output_norm.bias", l);
    if (!plain)
        add(p, "ffn_gate.weight", l, SYNTHETIC_OTHER, s->width, s->ff);
    add(p, "ffn_up.weight", l, SYNTHETIC_OTHER, s->width, s->ff);
    if (plain)
        add_bias(p, "ffn_up.bias", l, s->ff);
    add(p, "ffn_down.weight", l, SYNTHETIC_DETAIL, s->ff, s->width);
    if (plain)
        add_bias(p, "ffn_down.bias", l, s->width);
    add_layer_norm(p, "layer_output_norm.weight", "layer_output_norm.bias", l);
}

static void add_bert(struct synthetic_plan *p)
{
    const struct synthetic_shape *s = p->shape;
    add(p, "token_embd.weight", -1, SYNTHETIC_EMBED, s->width, s->vocab);
    add(p, "token_types.weight", -1, SYNTHETIC_TABLE, s->width, TOKEN_TYPES);
    if (s->rope_base == 0)
        add(p, "position_embd.weight", -1, SYNTHETIC_TABLE, s->width, s->context);
    add_layer_norm(p, "token_embd_norm.weight", "token_embd_norm.bias", -1);
    for (uint32_t l = 0; l < s->layers; l++)
        add_bert_layer(p, (int)l);
}

static void add_decoder(struct synthetic_plan *p)
{
    const struct synthetic_shape *s = p->shape;
    add(p, "token_embd.weight", -1, s->tied ? SYNTHETIC_HEAD : SYNTHETIC_EMBED, s->width, s->vocab);
    if (s->rope_factor)
        add(p, "rope_freqs.weight", -1, SYNTHETIC_FREQS, s->head / 2, 0);
    if (s->rope_original) {
        add(p, "rope_factors_long.weight", -1, SYNTHETIC_LONG, s->head / 2, 0);
        add(p, "rope_factors_short.weight", -1, SYNTHETIC_SHORT, s->head / 2, 0);
    }
    for (uint32_t l = 0; l < s->layers; l++)
        add_layer(p, (int)l);
    add_norm(p, "output_norm.weight", -1, s->width);
    if (!s->tied)
        add(p, "output.weight", -1, SYNTHETIC_HEAD, s->width, s->vocab);
}

int synthetic_plan_make(struct synthetic_plan *p, struct arena *a, const struct synthetic_shape *s)
{
    *p = (struct synthetic_plan){.shape = s, .max = s->layers * TENSORS_PER_LAYER_MAX + TENSORS_BESIDE};
    p->list = arena_new_array(a, struct synthetic_tensor, p->max);
    if (!p->list)
        return ERR_NOMEM;
    if (s->family == SYNTHETIC_BERT)
        add_bert(p);
    else
        add_decoder(p);
    return 0;
}
