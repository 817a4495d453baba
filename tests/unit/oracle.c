/* oracle.c: see oracle.h. Everything is an array of doubles; matrices are decoded whole when they are used. */
#include "oracle.h"
#include "base/buf.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>

struct net {
    const struct gguf *g;
    char arch[40];
    size_t width, layers, heads, kv_heads, dim, ff, rot;
    double eps, base, base_local, scale, softcap, final_cap, scaling, attn_factor, original, trained, fast, slow;
    size_t window, pattern;
    bool bert, gemma, pairs, yarn, listed;
    struct gguf_array windows; /* listed: which layers have one */
};

static double key(const struct net *n, const char *name, double otherwise)
{
    char whole[200];
    (void)text_format(whole, sizeof whole, "%s.%s", n->arch, name);
    double d;
    uint64_t u;
    return gguf_get_f64(n->g, whole, &d) ? d : gguf_get_u64(n->g, whole, &u) ? (double)u : otherwise;
}

/* Each matrix is decoded once; who asks gets a copy. */
static struct {
    const struct gguf_tensor *tensor;
    double *value;
} decoded[600];
static size_t decoded_count;

static double *decode(const struct gguf_tensor *t, size_t k, size_t count)
{
    for (size_t i = 0; i < decoded_count; i++)
        if (decoded[i].tensor == t)
            return decoded[i].value;
    double *out = mem_zalloc(k * count * sizeof *out);
    float *row = mem_zalloc(k * sizeof *row);
    for (size_t r = 0; r < count; r++) {
        quant_info(t->type)->decode((const uint8_t *)t->data + r * quant_row_bytes(quant_info(t->type), k), row, k);
        for (size_t i = 0; i < k; i++)
            out[r * k + i] = (double)row[i];
    }
    mem_free(row);
    assert(decoded_count < COUNT_OF(decoded));
    decoded[decoded_count].tensor = t;
    decoded[decoded_count++].value = out;
    return out;
}

static void forget_decoded(void)
{
    while (decoded_count)
        mem_free(decoded[--decoded_count].value);
}

static double *tensor_of(const struct net *n, const char *name, size_t *rows)
{
    const struct gguf_tensor *t = gguf_tensor_find(n->g, name);
    if (!t)
        return NULL;
    size_t k = (size_t)t->ne[0], count = (size_t)(t->ne[1] * t->ne[2]);
    if (rows)
        *rows = count;
    return mem_dup(decode(t, k, count), k * count * sizeof(double));
}

static double *layer_tensor(const struct net *n, size_t layer, const char *name)
{
    char whole[100];
    (void)text_format(whole, sizeof whole, "blk.%zu.%s", layer, name);
    return tensor_of(n, whole, NULL);
}

/* y (rows) = W x (k), plus bias. */
static void times(const struct net *n, size_t layer, const char *name, size_t from_row, size_t rows, size_t k, const double *x, double *y)
{
    char whole[100];
    (void)text_format(whole, sizeof whole, "%s.weight", name);
    double *w = layer_tensor(n, layer, whole);
    (void)text_format(whole, sizeof whole, "%s.bias", name);
    double *b = layer_tensor(n, layer, whole);
    assert(w);
    for (size_t r = 0; r < rows; r++) {
        y[r] = b ? b[from_row + r] : 0;
        for (size_t i = 0; i < k; i++)
            y[r] += w[(from_row + r) * k + i] * x[i];
    }
    mem_free(w);
    mem_free(b);
}

static void rms(double *x, size_t len, const double *w, double eps)
{
    double s = 0;
    for (size_t i = 0; i < len; i++)
        s += x[i] * x[i];
    for (size_t i = 0; i < len; i++)
        x[i] = x[i] / sqrt(s / (double)len + eps) * w[i];
}

static void centred(double *x, size_t len, const double *w, const double *b, double eps)
{
    double mean = 0, var = 0;
    for (size_t i = 0; i < len; i++)
        mean += x[i] / (double)len;
    for (size_t i = 0; i < len; i++)
        var += (x[i] - mean) * (x[i] - mean) / (double)len;
    for (size_t i = 0; i < len; i++)
        x[i] = (x[i] - mean) / sqrt(var + eps) * w[i] + (b ? b[i] : 0);
}

static void norm_by(const struct net *n, size_t layer, const char *name, double *x, size_t len)
{
    char whole[100];
    (void)text_format(whole, sizeof whole, "%s.weight", name);
    double *w = layer == SIZE_MAX ? tensor_of(n, whole, NULL) : layer_tensor(n, layer, whole);
    (void)text_format(whole, sizeof whole, "%s.bias", name);
    double *b = layer == SIZE_MAX ? tensor_of(n, whole, NULL) : layer_tensor(n, layer, whole);
    assert(w);
    if (n->bert)
        centred(x, len, w, b, n->eps);
    else
        rms(x, len, w, n->eps);
    mem_free(w);
    mem_free(b);
}

static void turn(const struct net *n, double *x, size_t position, bool sliding)
{
    size_t rows;
    double *ff = tensor_of(n, "rope_freqs.weight", &rows);
    double *lists = tensor_of(n, n->original < ORACLE_CONTEXT ? "rope_factors_long.weight" : "rope_factors_short.weight", &rows);
    for (size_t i = 0; i < n->rot / 2; i++) {
        double base = sliding ? n->base_local : n->base, theta = (double)position * pow(base, -2.0 * (double)i / (double)n->rot), size = n->attn_factor;
        if (ff && !(sliding && strcmp(n->arch, "gemma3") == 0))
            theta /= ff[i];
        if (lists)
            theta /= lists[i];
        if (n->yarn) {
            double lo = floor((double)n->rot * log(n->original / (n->fast * 2 * M_PI)) / (2 * log(base)));
            double hi = ceil((double)n->rot * log(n->original / (n->slow * 2 * M_PI)) / (2 * log(base)));
            lo = lo < 0 ? 0 : lo;
            hi = hi > (double)n->rot - 1 ? (double)n->rot - 1 : hi;
            double along = ((double)i - lo) / (hi - lo > 0.001 ? hi - lo : 0.001);
            double ramp = 1 - (along < 0 ? 0 : along > 1 ? 1 : along);
            theta = theta / n->scaling * (1 - ramp) + theta * ramp;
            size = n->attn_factor * (1 + 0.1 * log(n->scaling));
        } else if (!(sliding && strcmp(n->arch, "gemma3") == 0)) {
            theta /= n->scaling;
        }
        size_t a = n->pairs ? 2 * i : i, b = n->pairs ? 2 * i + 1 : i + n->rot / 2;
        double was = x[a];
        x[a] = (was * cos(theta) - x[b] * sin(theta)) * size;
        x[b] = (was * sin(theta) + x[b] * cos(theta)) * size;
    }
    mem_free(ff);
    mem_free(lists);
}

static double gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static void attention(const struct net *n, size_t layer, size_t count, const double *h, double *out)
{
    size_t q_len = n->heads * n->dim, kv_len = n->kv_heads * n->dim;
    bool fused = strcmp(n->arch, "phi3") == 0 || gguf_tensor_find(n->g, "blk.0.attn_qkv.weight");
    bool sliding = n->window && (!n->gemma || (n->listed ? gguf_array_i64(&n->windows, layer) : layer % n->pattern < n->pattern - 1));
    double *q = mem_zalloc(count * q_len * 8), *k = mem_zalloc(count * kv_len * 8), *v = mem_zalloc(count * kv_len * 8);
    double *mix = mem_zalloc(q_len * 8), *score = mem_zalloc(count * 8);
    double *q_norm = layer_tensor(n, layer, "attn_q_norm.weight"), *k_norm = layer_tensor(n, layer, "attn_k_norm.weight");
    for (size_t t = 0; t < count; t++) {
        const double *x = h + t * n->width;
        times(n, layer, fused ? "attn_qkv" : "attn_q", 0, q_len, n->width, x, q + t * q_len);
        times(n, layer, fused ? "attn_qkv" : "attn_k", fused ? q_len : 0, kv_len, n->width, x, k + t * kv_len);
        times(n, layer, fused ? "attn_qkv" : "attn_v", fused ? q_len + kv_len : 0, kv_len, n->width, x, v + t * kv_len);
        bool turns = strcmp(n->arch, "bert") != 0;
        for (size_t i = 0; i < n->heads; i++) {
            if (q_norm)
                rms(q + t * q_len + i * n->dim, n->dim, q_norm, n->eps);
            if (turns)
                turn(n, q + t * q_len + i * n->dim, t, sliding);
        }
        for (size_t i = 0; i < n->kv_heads; i++) {
            if (k_norm)
                rms(k + t * kv_len + i * n->dim, n->dim, k_norm, n->eps);
            if (turns)
                turn(n, k + t * kv_len + i * n->dim, t, sliding);
        }
    }
    for (size_t t = 0; t < count; t++) {
        memset(mix, 0, q_len * 8);
        for (size_t head = 0; head < n->heads; head++) {
            size_t kv = head / (n->heads / n->kv_heads);
            double total = 0;
            for (size_t s = 0; s < count; s++) {
                double dot = 0;
                for (size_t d = 0; d < n->dim; d++)
                    dot += q[t * q_len + head * n->dim + d] * k[s * kv_len + kv * n->dim + d];
                dot *= n->scale;
                if (n->softcap > 0)
                    dot = n->softcap * tanh(dot / n->softcap);
                bool hidden = !n->bert && (s > t || (sliding && t - s >= n->window));
                score[s] = hidden ? 0 : exp(dot);
                total += score[s];
            }
            for (size_t s = 0; s < count; s++)
                for (size_t d = 0; d < n->dim; d++)
                    mix[head * n->dim + d] += score[s] / total * v[s * kv_len + kv * n->dim + d];
        }
        times(n, layer, "attn_output", 0, n->width, q_len, mix, out + t * n->width);
    }
    double *all[] = {q, k, v, mix, score, q_norm, k_norm};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        mem_free(all[i]);
}

static void feed_forward(const struct net *n, size_t layer, const double *h, double *out)
{
    double *g = mem_zalloc(n->ff * 8), *u = mem_zalloc(n->ff * 8);
    bool phi = strcmp(n->arch, "phi3") == 0, plain = strcmp(n->arch, "bert") == 0;
    times(n, layer, "ffn_up", phi ? n->ff : 0, n->ff, n->width, h, u);
    if (!plain)
        times(n, layer, phi ? "ffn_up" : "ffn_gate", 0, n->ff, n->width, h, g);
    for (size_t i = 0; i < n->ff; i++)
        u[i] = plain ? gelu(u[i]) : (n->gemma ? gelu(g[i]) : g[i] / (1 + exp(-g[i]))) * u[i];
    times(n, layer, "ffn_down", 0, n->width, n->ff, u, out);
    mem_free(g);
    mem_free(u);
}

static void layer_run(const struct net *n, size_t layer, size_t count, double *x)
{
    double *h = mem_zalloc(count * n->width * 8), *made = mem_zalloc(count * n->width * 8);
    memcpy(h, x, count * n->width * 8);
    for (size_t t = 0; t < count && !n->bert; t++)
        norm_by(n, layer, "attn_norm", h + t * n->width, n->width);
    attention(n, layer, count, h, made);
    for (size_t t = 0; t < count; t++) {
        double *xt = x + t * n->width, *mt = made + t * n->width, *ht = h + t * n->width;
        if (n->gemma)
            norm_by(n, layer, "post_attention_norm", mt, n->width);
        for (size_t i = 0; i < n->width; i++)
            xt[i] += mt[i];
        if (n->bert)
            norm_by(n, layer, "attn_output_norm", xt, n->width);
        memcpy(ht, xt, n->width * 8);
        if (!n->bert)
            norm_by(n, layer, "ffn_norm", ht, n->width);
        feed_forward(n, layer, ht, mt);
        if (n->gemma)
            norm_by(n, layer, "post_ffw_norm", mt, n->width);
        for (size_t i = 0; i < n->width; i++)
            xt[i] += mt[i];
        if (n->bert)
            norm_by(n, layer, "layer_output_norm", xt, n->width);
    }
    mem_free(h);
    mem_free(made);
}

static void net_read(struct net *n)
{
    struct str arch;
    bool named = gguf_get_text(n->g, "general.architecture", &arch);
    assert(named && arch.len < sizeof n->arch);
    memcpy(n->arch, arch.ptr, arch.len);
    n->bert = strstr(n->arch, "bert") != NULL;
    n->gemma = strncmp(n->arch, "gemma", 5) == 0;
    n->pairs = strcmp(n->arch, "llama") == 0;
    n->width = (size_t)key(n, "embedding_length", 0);
    n->layers = (size_t)key(n, "block_count", 0);
    n->heads = (size_t)key(n, "attention.head_count", 0);
    n->kv_heads = (size_t)key(n, "attention.head_count_kv", (double)n->heads);
    n->dim = (size_t)key(n, "attention.key_length", (double)(n->width / n->heads));
    n->ff = (size_t)key(n, "feed_forward_length", 0);
    n->rot = (size_t)key(n, "rope.dimension_count", (double)n->dim);
    n->eps = key(n, n->bert ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", n->bert ? 1e-12 : 1e-6);
    bool other = key(n, "rope.global.freq_base", 0) > 0; /* Ollama's names; and the factor of the larger ones, which it leaves out */
    n->base = key(n, other ? "rope.global.freq_base" : "rope.freq_base", 10000);
    n->base_local = key(n, other ? "rope.local.freq_base" : "rope.freq_base_swa", strcmp(n->arch, "gemma3") == 0 ? 10000 : n->base);
    n->scaling = key(n, "rope.scaling.factor", other ? 8 : 1);
    n->fast = key(n, "rope.scaling.yarn_beta_fast", 32);
    n->slow = key(n, "rope.scaling.yarn_beta_slow", 1);
    n->attn_factor = key(n, "rope.scaling.attn_factor", 1);
    n->trained = key(n, "context_length", 0);
    n->original = key(n, "rope.scaling.original_context_length", n->trained);
    char name[100];
    struct str type;
    (void)text_format(name, sizeof name, "%s.rope.scaling.type", n->arch);
    n->yarn = gguf_get_text(n->g, name, &type) && str_eq(type, STR("yarn"));
    n->scale = key(n, "attention.scale", 1 / sqrt((double)n->dim));
    n->softcap = key(n, "attn_logit_softcapping", strcmp(n->arch, "gemma2") == 0 ? 50 : 0);
    n->final_cap = key(n, "final_logit_softcapping", strcmp(n->arch, "gemma2") == 0 ? 30 : 0);
    n->window = (size_t)key(n, "attention.sliding_window", n->gemma ? 4096 : 0);
    n->pattern = (size_t)key(n, "attention.sliding_window_pattern", strcmp(n->arch, "gemma2") == 0 ? 2 : 6);
    (void)text_format(name, sizeof name, "%s.attention.sliding_window_pattern", n->arch);
    n->listed = gguf_get_array(n->g, name, &n->windows);
}

static void embed_tokens(const struct net *n, const int *token, size_t count, double *x)
{
    double *embedding = tensor_of(n, "token_embd.weight", NULL), *types = tensor_of(n, "token_types.weight", NULL);
    double *positions = tensor_of(n, "position_embd.weight", NULL);
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < n->width; i++) {
            x[t * n->width + i] = embedding[(size_t)token[t] * n->width + i] * (n->gemma ? sqrt((double)n->width) : 1);
            x[t * n->width + i] += (types ? types[i] : 0) + (positions ? positions[t * n->width + i] : 0);
        }
    for (size_t t = 0; t < count && n->bert; t++)
        norm_by(n, SIZE_MAX, "token_embd_norm", x + t * n->width, n->width);
    mem_free(embedding);
    mem_free(types);
    mem_free(positions);
}

static double *pooled(const struct net *n, const double *x, size_t count)
{
    double *out = mem_zalloc(n->width * 8), square = 0;
    int how = (int)key(n, "pooling_type", 1);
    for (size_t i = 0; i < n->width; i++) {
        for (size_t t = 0; t < count; t++)
            out[i] += how == 2 ? (t == 0 ? x[i] : 0) : how == 3 ? (t + 1 == count ? x[t * n->width + i] : 0) : x[t * n->width + i] / (double)count;
        square += out[i] * out[i];
    }
    for (size_t i = 0; i < n->width; i++)
        out[i] /= sqrt(square);
    return out;
}

static double *logits_of(const struct net *n, double *last, size_t *count)
{
    norm_by(n, SIZE_MAX, "output_norm", last, n->width);
    double *w = tensor_of(n, "output.weight", count), *bias = tensor_of(n, "output.bias", NULL);
    if (!w)
        w = tensor_of(n, "token_embd.weight", count);
    double *out = mem_zalloc(*count * 8);
    for (size_t r = 0; r < *count; r++) {
        for (size_t i = 0; i < n->width; i++)
            out[r] += w[r * n->width + i] * last[i];
        out[r] += bias ? bias[r] : 0;
        if (n->final_cap > 0)
            out[r] = n->final_cap * tanh(out[r] / n->final_cap);
    }
    mem_free(w);
    mem_free(bias);
    return out;
}

double *oracle_run(const struct gguf *g, const int *token, size_t count, size_t *out_count)
{
    struct net n = {.g = g};
    net_read(&n);
    double *x = mem_zalloc(count * n.width * 8), *out;
    embed_tokens(&n, token, count, x);
    for (size_t layer = 0; layer < n.layers; layer++)
        layer_run(&n, layer, count, x);
    *out_count = n.width;
    out = n.bert ? pooled(&n, x, count) : logits_of(&n, x + (count - 1) * n.width, out_count);
    mem_free(x);
    forget_decoded();
    return out;
}
