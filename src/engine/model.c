/* model.c: the families of networks the engine knows, and how each reads its file (GGUF reference, sections 4 and 5). */
#include "engine/model.h"
#include "base/buf.h"
#include "base/mem.h"
#include "engine/gguf_priv.h"
#include "engine/kv.h"
#include "engine/model_priv.h"
#include <math.h>

enum { MODEL_ARENA_MAX = 256 << 20 };

/* What makes a family; what its file says about sizes is read by all in the same way. */
struct family {
    const char *name;
    enum rope_form rope;
    enum act_kind activation;
    bool bert;      /* sees both ways; LayerNorm after each half */
    bool gemma;     /* norms on the results too; embeddings scaled; window layers */
    bool fused;     /* one matrix for q, k and v, one for gate and up (phi3) */
    bool qk_norm;   /* queries and keys have a norm of their own */
    bool windows;   /* `attention.sliding_window` means something */
    bool needs_window; /* its layers have windows of several lengths, by the size of the model: no default is right */
    size_t pattern; /* layers with a window, where the file does not say it: all but each pattern-th; 0: all */
};

static const struct family families[] = {
    {.name = "llama", .rope = ROPE_PAIRS, .activation = ACT_SILU, .windows = true},
    {.name = "qwen2", .rope = ROPE_HALVES, .activation = ACT_SILU},
    {.name = "qwen3", .rope = ROPE_HALVES, .activation = ACT_SILU, .qk_norm = true},
    {.name = "phi3", .rope = ROPE_HALVES, .activation = ACT_SILU, .fused = true, .windows = true},
    {.name = "gemma2", .rope = ROPE_HALVES, .activation = ACT_GELU, .gemma = true, .windows = true, .pattern = 2},
    {.name = "gemma3", .rope = ROPE_HALVES, .activation = ACT_GELU, .gemma = true, .qk_norm = true, .windows = true, .needs_window = true, .pattern = 6},
    {.name = "bert", .rope = ROPE_NONE, .activation = ACT_GELU, .bert = true},
    {.name = "nomic-bert", .rope = ROPE_HALVES, .activation = ACT_SILU, .bert = true},
};

static const struct family *family_find(struct reading *r)
{
    AUTO_BUF struct buf known = BUF_INIT(400);
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        if (str_eq(r->m->architecture, str_from(families[i].name)))
            return &families[i];
        (void)buf_append_format(&known, "%s%s", i ? ", " : "", families[i].name);
    }
    (void)read_fail(r, ERR_UNSUPPORTED, "the model is of the architecture `%s`; the engine knows %.*s", gguf_shown(r->m->architecture).text,
                    STR_FMT(buf_str(&known)));
    return NULL;
}

static void read_sizes(struct reading *r)
{
    struct model *m = r->m;
    m->width = (size_t)read_u64_needed(r, "embedding_length", MODEL_WIDTH_MAX);
    m->layer_count = (size_t)read_u64_needed(r, "block_count", MODEL_LAYERS_MAX);
    m->heads = (size_t)read_u64_needed(r, "attention.head_count", 1024);
    m->kv_heads = (size_t)read_u64(r, "attention.head_count_kv", m->heads);
    m->ff = (size_t)read_u64_needed(r, "feed_forward_length", MODEL_WIDTH_MAX);
    m->context_trained = (size_t)read_u64_needed(r, "context_length", 1u << 30);
    if (r->rc < 0)
        return;
    m->head_dim = (size_t)read_u64(r, "attention.key_length", m->width / m->heads);
    uint64_t value_dim = read_u64(r, "attention.value_length", m->head_dim);
    if (m->head_dim == 0 || m->head_dim > HEAD_DIM_MAX || value_dim != m->head_dim)
        (void)read_fail(r, ERR_UNSUPPORTED, "heads of %zu and %llu numbers: the engine takes equal ones up to %d", m->head_dim,
                        (unsigned long long)value_dim, HEAD_DIM_MAX);
    else if (m->kv_heads == 0 || m->heads % m->kv_heads || m->heads / m->kv_heads > HEAD_GROUP_MAX)
        (void)read_fail(r, ERR_UNSUPPORTED, "%zu heads over %zu key heads: each must have as many, and the engine takes up to %d", m->heads, m->kv_heads, HEAD_GROUP_MAX);
    else if (m->heads * m->head_dim > MODEL_WIDTH_MAX)
        (void)read_fail(r, ERR_LIMIT, "%zu heads of %zu numbers are more than the engine takes", m->heads, m->head_dim);
    else if (read_u64(r, "expert_count", 0) > 0)
        (void)read_fail(r, ERR_UNSUPPORTED, "the model is a mixture of experts, which the engine cannot run");
}

static void read_attention_scale(struct reading *r, const struct family *f)
{
    struct model *m = r->m;
    double said = read_f64(r, "attention.scale", 0); /* 0: as the architecture has it */
    m->attention_scale = 1 / sqrtf((float)m->head_dim);
    if (f->gemma && (m->layer_count == 46 || m->layer_count == 62)) /* the 27B of both generations scales by width per head */
        m->attention_scale = 1 / sqrtf((float)m->width / (float)m->heads);
    if (said < 0)
        (void)read_fail(r, ERR_SYNTAX, "`attention.scale` is %g, below 0", said);
    else if (said > 0)
        m->attention_scale = (float)said;
}

/* How a text becomes one vector; a model that writes has no such thing. */
static void read_pooling(struct reading *r, const struct family *f)
{
    uint64_t type = read_u64(r, "pooling_type", f->bert ? POOL_MEAN : POOL_NONE);
    if (type > POOL_LAST)
        (void)read_fail(r, ERR_UNSUPPORTED, "the model scores pairs (pooling type %llu), which the engine cannot do yet", (unsigned long long)type);
    else if (f->bert && type == POOL_NONE)
        (void)read_fail(r, ERR_UNSUPPORTED, "`pooling_type` is 0: the model has a vector for each token and none for a text, which the engine cannot serve");
    else if (!f->bert && type != POOL_NONE)
        (void)read_fail(r, ERR_UNSUPPORTED, "`pooling_type` is %llu: the model makes embeddings, which the engine cannot do for the architecture `%.*s`",
                        (unsigned long long)type, STR_FMT(r->m->architecture));
    r->m->pooling = (enum pooling)type;
}

static void read_traits(struct reading *r, const struct family *f)
{
    struct model *m = r->m;
    if (str_eq(m->architecture, STR("gemma3")))
        m->epsilon = (float)read_f64(r, "attention.layer_norm_rms_epsilon", 1e-6); /* Ollama's files do not say it */
    else
        m->epsilon = (float)read_f64_needed(r, f->bert ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon");
    m->causal = !f->bert;
    if (read_bool(r, "attention.causal", m->causal) != m->causal)
        (void)read_fail(r, ERR_UNSUPPORTED, "`attention.causal` is %s, which the engine cannot do for the architecture `%.*s`", m->causal ? "false" : "true",
                        STR_FMT(m->architecture));
    m->layer_norm = f->bert;
    m->activation = f->activation;
    m->rope.form = f->rope;
    read_pooling(r, f);
    m->embedding_scale = f->gemma ? sqrtf((float)m->width) : 1;
    read_attention_scale(r, f);
    m->attention_softcap = (float)read_f64(r, "attn_logit_softcapping", str_eq(m->architecture, STR("gemma2")) ? 50 : 0);
    m->logit_softcap = (float)read_f64(r, "final_logit_softcapping", str_eq(m->architecture, STR("gemma2")) ? 30 : 0);
    if (f->windows)
        m->window = f->needs_window ? (size_t)read_u64_needed(r, "attention.sliding_window", UINT32_MAX)
                                    : (size_t)read_u64(r, "attention.sliding_window", f->gemma ? 4096 : 0);
}

static void read_ends(struct reading *r, const struct family *f)
{
    struct model *m = r->m;
    r->layer = SIZE_MAX;
    m->embedding = read_matrix(r, "token_embd.weight", m->width, 0, NEEDED);
    m->vocab = m->embedding.rows;
    if (r->rc == 0 && m->vocab > MODEL_VOCAB_MAX)
        (void)read_fail(r, ERR_LIMIT, "a vocabulary of %zu tokens is more than the engine takes (%d)", m->vocab, MODEL_VOCAB_MAX);
    if (f->bert) {
        m->token_type = read_first_row(r, "token_types.weight", m->width, OPTIONAL);
        m->embedding_norm = read_vector(r, "token_embd_norm.weight", m->width, NEEDED);
        m->embedding_norm_bias = read_vector(r, "token_embd_norm.bias", m->width, OPTIONAL);
        if (f->rope == ROPE_NONE)
            m->position = read_matrix(r, "position_embd.weight", m->width, 0, NEEDED);
        if (m->position.data && m->position.rows < m->context_trained)
            m->context_trained = m->position.rows; /* it knows no more positions */
        return;
    }
    m->output_norm = read_vector(r, "output_norm.weight", m->width, NEEDED);
    m->output = read_matrix(r, "output.weight", m->width, m->vocab, OPTIONAL);
    m->output_bias = read_vector(r, "output.bias", m->vocab, OPTIONAL);
    if (!m->output.data)
        m->output = m->embedding; /* tied */
}

/* Rows `from` to `from` + `rows` of a matrix that holds several. */
static struct weight part(struct weight w, size_t from, size_t rows)
{
    if (w.data) {
        w.data += from * w.row_bytes;
        w.rows = rows;
    }
    return w;
}

static void read_attention(struct reading *r, struct layer *l, const struct family *f)
{
    struct model *m = r->m;
    size_t q = m->heads * m->head_dim, kv = m->kv_heads * m->head_dim;
    struct weight all = read_matrix(r, "attn_qkv.weight", m->width, q + 2 * kv, f->fused ? NEEDED : OPTIONAL);
    if (all.data) {
        l->q = part(all, 0, q);
        l->k = part(all, q, kv);
        l->v = part(all, q + kv, kv);
        const float *bias = read_vector(r, "attn_qkv.bias", q + 2 * kv, OPTIONAL);
        if (bias)
            l->q_bias = bias, l->k_bias = bias + q, l->v_bias = bias + q + kv;
    } else {
        l->q = read_matrix(r, "attn_q.weight", m->width, q, NEEDED);
        l->k = read_matrix(r, "attn_k.weight", m->width, kv, NEEDED);
        l->v = read_matrix(r, "attn_v.weight", m->width, kv, NEEDED);
        l->q_bias = read_vector(r, "attn_q.bias", q, OPTIONAL);
        l->k_bias = read_vector(r, "attn_k.bias", kv, OPTIONAL);
        l->v_bias = read_vector(r, "attn_v.bias", kv, OPTIONAL);
    }
    if (f->qk_norm) {
        l->q_norm = read_vector(r, "attn_q_norm.weight", m->head_dim, NEEDED);
        l->k_norm = read_vector(r, "attn_k_norm.weight", m->head_dim, NEEDED);
    }
    l->o = read_matrix(r, "attn_output.weight", q, m->width, NEEDED);
    l->o_bias = read_vector(r, "attn_output.bias", m->width, OPTIONAL);
}

static void read_feed_forward(struct reading *r, struct layer *l, bool fused)
{
    struct model *m = r->m;
    if (fused) {
        struct weight both = read_matrix(r, "ffn_up.weight", m->width, 2 * m->ff, NEEDED);
        l->gate = part(both, 0, m->ff);
        l->up = part(both, m->ff, m->ff);
    } else {
        l->gate = read_matrix(r, "ffn_gate.weight", m->width, m->ff, OPTIONAL);
        l->up = read_matrix(r, "ffn_up.weight", m->width, m->ff, NEEDED);
        l->up_bias = read_vector(r, "ffn_up.bias", m->ff, OPTIONAL);
    }
    l->down = read_matrix(r, "ffn_down.weight", m->ff, m->width, NEEDED);
    l->down_bias = read_vector(r, "ffn_down.bias", m->width, OPTIONAL);
}

/* `attention.sliding_window_pattern`: a number p (all but each p-th have one; 1: none, 0: all), or true and false for each layer. */
static bool has_window(struct reading *r, const struct family *f, size_t index)
{
    struct gguf_array by_layer;
    if (read_array(r, "attention.sliding_window_pattern", &by_layer) && by_layer.type != GGUF_STRING) {
        if (by_layer.count < r->m->layer_count)
            (void)read_fail(r, ERR_SYNTAX, "`attention.sliding_window_pattern` speaks of %llu layers of %zu", (unsigned long long)by_layer.count, r->m->layer_count);
        return index < by_layer.count && gguf_array_i64(&by_layer, index);
    }
    uint64_t pattern = read_u64(r, "attention.sliding_window_pattern", f->pattern);
    return pattern == 0 || index % pattern < pattern - 1;
}

static void read_layer(struct reading *r, const struct family *f, size_t index)
{
    struct model *m = r->m;
    struct layer *l = &m->layer[index];
    r->layer = index;
    read_attention(r, l, f);
    read_feed_forward(r, l, f->fused);
    l->sliding = m->window && has_window(r, f, index);
    if (f->bert) {
        l->attn_out_norm = read_vector(r, "attn_output_norm.weight", m->width, NEEDED);
        l->attn_out_norm_bias = read_vector(r, "attn_output_norm.bias", m->width, OPTIONAL);
        l->layer_out_norm = read_vector(r, "layer_output_norm.weight", m->width, NEEDED);
        l->layer_out_norm_bias = read_vector(r, "layer_output_norm.bias", m->width, OPTIONAL);
        return;
    }
    l->attn_norm = read_vector(r, "attn_norm.weight", m->width, NEEDED);
    l->ffn_norm = read_vector(r, "ffn_norm.weight", m->width, NEEDED);
    if (f->gemma) {
        l->attn_post_norm = read_vector(r, "post_attention_norm.weight", m->width, NEEDED);
        l->ffn_post_norm = read_vector(r, "post_ffw_norm.weight", m->width, NEEDED);
    }
}

int model_open(struct model **out, const struct gguf *file, size_t context, struct err *e)
{
    struct model *m = new0(struct model);
    if (!m)
        return err_set(e, ERR_NOMEM, "model");
    m->arena = ARENA_INIT(MODEL_ARENA_MAX);
    m->file = file;
    struct reading r = {.m = m, .g = file, .e = e, .layer = SIZE_MAX};
    struct str type = STR("model");
    (void)gguf_get_text(file, "general.name", &m->name);
    (void)gguf_get_text(file, "general.type", &type);
    r.key_read = arena_new_array(&m->arena, bool, gguf_key_count(file) + 1);
    r.tensor_read = arena_new_array(&m->arena, bool, gguf_tensor_count(file) + 1);
    if (!r.key_read || !r.tensor_read)
        (void)read_fail(&r, ERR_NOMEM, "model");
    else if (!str_eq(type, STR("model")))
        (void)read_fail(&r, ERR_UNSUPPORTED, "the file is of the type `%s` (`general.type`), not a whole model", gguf_shown(type).text);
    else if (!gguf_get_text(file, "general.architecture", &m->architecture))
        (void)read_fail(&r, ERR_SYNTAX, "the file does not say its architecture (`general.architecture`): it is no model the engine can run");
    const struct family *f = r.rc < 0 ? NULL : family_find(&r);
    if (f) {
        read_sizes(&r);
        read_traits(&r, f);
        if (r.rc == 0)
            read_ropes(&r, context ? context : m->context_trained);
        read_ends(&r, f);
        m->layer = r.rc < 0 ? NULL : arena_new_array(&m->arena, struct layer, m->layer_count);
        if (!m->layer)
            (void)read_fail(&r, ERR_NOMEM, "model");
        for (size_t i = 0; i < m->layer_count && r.rc == 0; i++)
            read_layer(&r, f, i);
        read_check_unread(&r);
    }
    if (r.rc < 0) {
        model_close(m);
        return r.rc;
    }
    *out = m;
    return 0;
}

void model_close(struct model *m)
{
    if (!m)
        return;
    arena_fini(&m->arena);
    mem_free(m);
}

void model_kv_shape(const struct model *m, enum kv_type type, struct kv_shape *out)
{
    *out = (struct kv_shape){.type = type, .layers = m->causal ? m->layer_count : 1 /* read in one step: each layer in place of the last */, .heads = m->kv_heads, .head_dim = m->head_dim};
}
