/* synthetic_shapes.c: the shapes of models people run, as their files state them, and what a file says of its shape. */
#include "engine/gguf.h"
#include "engine/synthetic_priv.h"

/* clang-format off */
#define LLAMA3  .arch = "llama", .family = SYNTHETIC_LLAMA3, .eps = 1e-5, .rope_base = 500000
#define MISTRAL .arch = "llama", .family = SYNTHETIC_MISTRAL, .eps = 1e-5, .rope_base = 1e6
#define QWEN2   .arch = "qwen2", .family = SYNTHETIC_QWEN2, .eps = 1e-6, .rope_base = 1e6, .biased = true
#define QWEN3   .arch = "qwen3", .family = SYNTHETIC_QWEN3, .eps = 1e-6, .rope_base = 1e6, .tied = true
#define GEMMA2  .arch = "gemma2", .family = SYNTHETIC_GEMMA, .eps = 1e-6, .tied = true
#define GEMMA3  .arch = "gemma3", .family = SYNTHETIC_GEMMA, .eps = 1e-6, .rope_base = 1e6, .tied = true
#define PHI3    .arch = "phi3", .family = SYNTHETIC_PHI3, .eps = 1e-5, .rope_base = 10000
#define NOMIC   .arch = "nomic-bert", .family = SYNTHETIC_BERT, .eps = 1e-12, .rope_base = 1000, .pooling = 1, .tied = true
#define BERT    .arch = "bert", .family = SYNTHETIC_BERT, .eps = 1e-12, .pooling = 2, .tied = true, .biased = true
#define SIZE(l, w, f, h, kv, d) .layers = l, .width = w, .ff = f, .heads = h, .kv_heads = kv, .head = d

const struct synthetic_shape synthetic_shapes[] = {
    {"llama-3.2-1b", LLAMA3, SIZE(16, 2048, 8192, 32, 8, 64), .vocab = 128256, .context = 131072, .rope_factor = 32, .tied = true},
    {"llama-3.2-3b", LLAMA3, SIZE(28, 3072, 8192, 24, 8, 128), .vocab = 128256, .context = 131072, .rope_factor = 32, .tied = true},
    {"llama-3.1-8b", LLAMA3, SIZE(32, 4096, 14336, 32, 8, 128), .vocab = 128256, .context = 131072, .rope_factor = 8},
    {"mistral-7b", MISTRAL, SIZE(32, 4096, 14336, 32, 8, 128), .vocab = 32768, .context = 32768},
    {"qwen2.5-0.5b", QWEN2, SIZE(24, 896, 4864, 14, 2, 64), .vocab = 151936, .context = 32768, .tied = true},
    {"qwen2.5-coder-32b", QWEN2, SIZE(64, 5120, 27648, 40, 8, 128), .vocab = 152064, .context = 32768},
    {"qwen3-0.6b", QWEN3, SIZE(28, 1024, 3072, 16, 8, 128), .vocab = 151936, .context = 40960},
    {"nomic-embed-text", NOMIC, SIZE(12, 768, 3072, 12, 12, 64), .vocab = 30522, .context = 2048},
    {"bge-small", BERT, SIZE(12, 384, 1536, 12, 12, 32), .vocab = 30522, .context = 512},
    {"gemma2-2b", GEMMA2, SIZE(26, 2304, 9216, 8, 4, 256), .vocab = 256000, .context = 8192, .window = 4096},
    {"gemma3-1b", GEMMA3, SIZE(26, 1152, 6912, 4, 1, 256), .vocab = 262144, .context = 32768, .window = 512},
    {"phi3-mini", PHI3, SIZE(32, 3072, 8192, 32, 32, 96), .vocab = 32064, .context = 4096, .window = 2047},

    {"tiny-llama", LLAMA3, SIZE(2, 256, 512, 4, 2, 64), .vocab = 1024, .context = 2048},
    {"tiny-llama3", LLAMA3, SIZE(3, 256, 768, 8, 2, 32), .vocab = 1024, .context = 16384, .rope_factor = 8, .tied = true},
    {"tiny-llama-told", LLAMA3, SIZE(2, 256, 512, 4, 2, 64), .vocab = 1024, .context = 2048, .window = 24, .scaling = "yarn", .scaling_factor = 4, .scaling_original = 512,
     .attention_scale = 0.2, .size_factor = 1.25, .beta_fast = 16, .beta_slow = 2, .rope_factor = 8}, /* everything that files of the family may say */
    {"tiny-mistral", MISTRAL, SIZE(2, 512, 768, 8, 2, 64), .vocab = 1024, .context = 2048},
    {"tiny-qwen2", QWEN2, SIZE(2, 256, 512, 4, 2, 64), .vocab = 1024, .context = 2048, .tied = true},
    {"tiny-qwen2-odd", QWEN2, SIZE(2, 224, 608, 7, 1, 32), .vocab = 1024, .context = 2048}, /* no row of 256 */
    {"tiny-qwen2-yarn", QWEN2, SIZE(2, 256, 512, 4, 2, 64), .vocab = 1024, .context = 2048, .scaling = "yarn", .scaling_factor = 4, .scaling_original = 512},
    {"tiny-qwen3", QWEN3, SIZE(2, 256, 512, 4, 2, 128), .vocab = 1024, .context = 2048},
    {"tiny-gemma2", GEMMA2, SIZE(4, 256, 512, 4, 2, 128), .vocab = 1024, .context = 2048, .window = 32},
    {"tiny-gemma2-thirds", GEMMA2, SIZE(4, 256, 512, 4, 2, 64), .vocab = 1024, .context = 2048, .window = 16, .pattern = 3},
    {"tiny-gemma3", GEMMA3, SIZE(7, 256, 512, 4, 1, 64), .vocab = 1024, .context = 2048, .window = 16}, /* the sixth sees all */
    {"tiny-gemma3-wide", GEMMA3, SIZE(4, 256, 512, 4, 1, 64), .vocab = 1024, .context = 2048, .window = 16, .scaling = "linear", .scaling_factor = 8, .pattern = 3, .pattern_listed = true},
    {"tiny-phi3", PHI3, SIZE(2, 384, 512, 4, 4, 96), .vocab = 1024, .context = 2048, .window = 2047},
    {"tiny-phi3-long", PHI3, SIZE(2, 256, 512, 4, 2, 64), .vocab = 1024, .context = 2048, .rope_original = 64, .size_factor = 1.25},
    {"tiny-gemma3-ollama", GEMMA3, SIZE(7, 256, 512, 4, 1, 64), .vocab = 1024, .context = 131072, .window = 16, .ollama = true},
    {"tiny-phi3-window", PHI3, SIZE(2, 256, 512, 4, 2, 64), .vocab = 1024, .context = 2048, .rope_original = 64, .size_factor = 1.25, .window = 24},
    {"tiny-nomic-bert", NOMIC, SIZE(2, 256, 512, 4, 4, 64), .vocab = 1024, .context = 512},
    {"tiny-vocabulary", QWEN2, SIZE(1, 64, 64, 2, 2, 32), .vocab = 151936, .context = 2048, .tied = true}, /* as large as published ones: most of loading it */
    {"tiny-bert", BERT, SIZE(2, 256, 512, 8, 8, 32), .vocab = 1024, .context = 512},
};
/* clang-format on */
const size_t synthetic_shape_count = COUNT_OF(synthetic_shapes);

const char *synthetic_shape_at(size_t index)
{
    return index < synthetic_shape_count ? synthetic_shapes[index].name : NULL;
}

/* "llama.block_count" and so on. */
struct key {
    char text[64];
};

static struct key key_of(const struct synthetic_shape *s, const char *name)
{
    struct key k;
    (void)text_format(k.text, sizeof k.text, "%s.%s", s->arch, name);
    return k;
}

static void put_u32(struct synthetic_head *h, const struct synthetic_shape *s, const char *name, uint32_t v)
{
    synthetic_key_u32(h, key_of(s, name).text, v);
}

static void put_f32(struct synthetic_head *h, const struct synthetic_shape *s, const char *name, double v)
{
    synthetic_key_f32(h, key_of(s, name).text, v);
}

static void put_attention(struct synthetic_head *h, const struct synthetic_shape *s)
{
    bool bert = s->family == SYNTHETIC_BERT;
    put_u32(h, s, "attention.head_count", s->heads);
    if (!bert)
        put_u32(h, s, "attention.head_count_kv", s->kv_heads);
    if (s->head * s->heads != s->width || s->family == SYNTHETIC_GEMMA) {
        put_u32(h, s, "attention.key_length", s->head);
        put_u32(h, s, "attention.value_length", s->head);
    }
    if (!s->ollama)
        put_f32(h, s, bert ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", s->eps);
    if (bert)
        synthetic_key_bool(h, key_of(s, "attention.causal").text, false);
    if (s->window)
        put_u32(h, s, "attention.sliding_window", s->window);
    if (s->attention_scale != 0)
        put_f32(h, s, "attention.scale", s->attention_scale);
    if (str_eq(str_from(s->arch), STR("gemma2"))) {
        put_f32(h, s, "attn_logit_softcapping", 50);
        put_f32(h, s, "final_logit_softcapping", 30);
    }
}

void synthetic_shape_keys(struct synthetic_head *h, const struct synthetic_shape *s)
{
    put_u32(h, s, "context_length", s->context);
    put_u32(h, s, "embedding_length", s->width);
    put_u32(h, s, "block_count", s->layers);
    put_u32(h, s, "feed_forward_length", s->ff);
    put_attention(h, s);
    if (s->rope_base != 0)
        put_f32(h, s, s->ollama ? "rope.global.freq_base" : "rope.freq_base", s->rope_base);
    if (s->ollama) {
        put_f32(h, s, "rope.local.freq_base", 20000);
        put_u32(h, s, "vision.block_count", 27);
        put_u32(h, s, "mm.tokens_per_image", 256);
    }
    if (s->family == SYNTHETIC_LLAMA3 || s->family == SYNTHETIC_MISTRAL || s->family == SYNTHETIC_PHI3)
        put_u32(h, s, "rope.dimension_count", s->head);
    if (s->family == SYNTHETIC_LLAMA3 || s->family == SYNTHETIC_MISTRAL)
        put_u32(h, s, "vocab_size", s->vocab);
    if (s->rope_original)
        put_u32(h, s, "rope.scaling.original_context_length", s->rope_original);
    if (s->size_factor != 0)
        put_f32(h, s, "rope.scaling.attn_factor", s->size_factor);
    if (s->beta_fast) {
        put_f32(h, s, "rope.scaling.yarn_beta_fast", s->beta_fast);
        put_f32(h, s, "rope.scaling.yarn_beta_slow", s->beta_slow);
    }
    if (s->scaling) {
        synthetic_key_text(h, key_of(s, "rope.scaling.type").text, s->scaling);
        put_f32(h, s, "rope.scaling.factor", s->scaling_factor);
        if (s->scaling_original)
            put_u32(h, s, "rope.scaling.original_context_length", s->scaling_original);
    }
    if (s->pattern && !s->pattern_listed)
        put_u32(h, s, "attention.sliding_window_pattern", s->pattern);
    if (s->pattern_listed) {
        synthetic_key_array(h, key_of(s, "attention.sliding_window_pattern").text, GGUF_BOOL, s->layers);
        for (uint32_t l = 0; l < s->layers; l++)
            synthetic_put(h, &(uint8_t){l % s->pattern < s->pattern - 1}, 1);
    }
    if (s->pooling)
        put_u32(h, s, "pooling_type", s->pooling);
}
