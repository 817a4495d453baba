/* test_model.c: what a model file says about itself, checked: files that are right but for one thing, each refused with that thing in the story, and
 * none of them a reason to take memory that the file does not have. */
#include "base/buf.h"
#include "engine/engine.h"
#include "test.h"
#include <math.h>

enum { WIDTH = 32, VOCAB = 9, ROWS_MAX = 64 };
static const double EPSILON = 1e-5;

struct change { /* what is different from the file that is right */
    const char *key;     /* a key of the file, or NULL */
    uint64_t number;
    double real;         /* in the place of the number, where `is_real` */
    bool is_bool;        /* the number is one */
    bool is_real, gone;  /* gone: key or tensor is left out */
    bool by_layer;       /* a list of two: the number, and one more */
    bool twice;          /* the same, but both are the number */
    const char *text;    /* a text in its place */
    const char *tensor;  /* a tensor of the file, or NULL */
    uint64_t ne[2];      /* its shape; 0: as it was */
    uint32_t type;       /* its type, where `typed` */
    bool typed, negative; /* negative: its numbers */
    const char *says;    /* what the story has in it; NULL: it opens */
};

static void put(struct buf *b, const void *p, size_t n)
{
    if (buf_append(b, str_of(p, n)) < 0)
        test_fail(__FILE__, __LINE__, "the file does not fit");
}

static void put_u64(struct buf *b, uint64_t v)
{
    put(b, &v, sizeof v);
}

static void put_u32(struct buf *b, uint32_t v)
{
    put(b, &v, sizeof v);
}

static void put_text(struct buf *b, const char *text)
{
    put_u64(b, strlen(text));
    put(b, text, strlen(text));
}

enum { KEY_U64 = 10, KEY_F64 = 12, KEY_TEXT = 8, KEY_BOOL = 7, KEY_LIST = 9 };

static const struct key {
    const char *name, *text;
    uint64_t number;
} keys[] = {{"general.architecture", "llama", 0}, {"llama.context_length", NULL, 64}, {"llama.embedding_length", NULL, WIDTH}, {"llama.block_count", NULL, 1},
            {"llama.feed_forward_length", NULL, 32}, {"llama.attention.head_count", NULL, 2}, {"llama.attention.head_count_kv", NULL, 1},
            {"llama.rope.dimension_count", NULL, 16}, {"llama.attention.layer_norm_rms_epsilon", NULL, 0 /* a real: EPSILON */}};

static const struct part {
    const char *name;
    uint64_t ne[2];
} parts[] = {{"token_embd.weight", {WIDTH, VOCAB}}, {"output_norm.weight", {WIDTH, 1}}, {"output.weight", {WIDTH, VOCAB}}, {"rope_freqs.weight", {8, 1}},
             {"blk.0.attn_norm.weight", {WIDTH, 1}}, {"blk.0.ffn_norm.weight", {WIDTH, 1}}, {"blk.0.attn_q.weight", {WIDTH, 32}}, {"blk.0.attn_k.weight", {WIDTH, 16}},
             {"blk.0.attn_v.weight", {WIDTH, 16}}, {"blk.0.attn_output.weight", {32, WIDTH}}, {"blk.0.ffn_gate.weight", {WIDTH, 32}},
             {"blk.0.ffn_up.weight", {WIDTH, 32}}, {"blk.0.ffn_down.weight", {32, WIDTH}}};

static bool is(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

static size_t put_keys(struct buf *b, const struct change *c)
{
    size_t count = 0;
    bool known = !c->key;
    for (size_t i = 0; i <= COUNT_OF(keys); i++) {
        bool extra = i == COUNT_OF(keys), changed = extra || is(c->key, keys[i].name);
        if ((extra && known) || (changed && c->gone))
            continue;
        known = known || changed;
        const char *text = changed ? c->text : keys[i].text;
        bool real = changed ? c->is_real : keys[i].name && strstr(keys[i].name, "epsilon");
        put_text(b, changed ? c->key : keys[i].name);
        put_u32(b, text ? KEY_TEXT : changed && (c->by_layer || c->twice) ? KEY_LIST : real ? KEY_F64 : changed && c->is_bool ? KEY_BOOL : KEY_U64);
        if (text)
            put_text(b, text);
        else if (changed && (c->by_layer || c->twice))
            put_u32(b, KEY_U64), put_u64(b, 2), put_u64(b, c->number), put_u64(b, c->number + c->by_layer);
        else if (changed && c->is_bool)
            put(b, c->number ? "\1" : "", 1);
        else if (real)
            put(b, changed ? &c->real : &EPSILON, sizeof EPSILON);
        else
            put_u64(b, changed ? c->number : keys[i].number);
        count++;
    }
    return count;
}

/* All tensors are floats of the same value; one whose type is changed keeps its bytes. */
static struct buf file_of(const struct change *c)
{
    struct buf b = BUF_INIT(MiB), body = BUF_INIT(MiB), info = BUF_INIT(MiB), data = BUF_INIT(MiB);
    size_t key_count = put_keys(&body, c), count = 0;
    bool known = !c->tensor;
    for (size_t i = 0; i <= COUNT_OF(parts); i++) {
        bool extra = i == COUNT_OF(parts), changed = extra || is(c->tensor, parts[i].name);
        if ((extra && known) || (changed && c->gone))
            continue;
        known = known || changed;
        const struct part p = extra ? (struct part){c->tensor, {WIDTH, 1}} : parts[i];
        uint64_t ne[2] = {changed && c->ne[0] ? c->ne[0] : p.ne[0], changed && c->ne[1] ? c->ne[1] : p.ne[1]};
        put_text(&info, p.name);
        put_u32(&info, 2);
        put(&info, ne, sizeof ne);
        put_u32(&info, changed && c->typed ? c->type : QUANT_F32);
        put_u64(&info, data.len);
        for (uint64_t n = 0; n < ne[0] * ne[1] && n < ROWS_MAX * 1024; n++) {
            float f = changed && c->negative ? -0.5f : 0.5f;
            put(&data, &f, sizeof f);
        }
        while (data.len % 32)
            put(&data, "", 1);
        count++;
    }
    put(&b, "GGUF", 4);
    put_u32(&b, 3);
    put_u64(&b, count);
    put_u64(&b, key_count);
    put(&b, body.ptr, body.len);
    put(&b, info.ptr, info.len);
    while (b.len % 32)
        put(&b, "", 1);
    put(&b, data.ptr, data.len);
    buf_fini(&body);
    buf_fini(&info);
    buf_fini(&data);
    return b;
}

static void check(const struct change *c)
{
    struct buf b = file_of(c);
    struct gguf *g = NULL;
    struct engine *en = NULL;
    struct err e = {0};
    struct engine_options o = {.kernels = "ref", .threads = 1, .rows_max = 4};
    char *bytes = mem_zalloc_aligned(64, b.len);
    memcpy(bytes, b.ptr, b.len);
    int rc = gguf_open_memory(&g, str_of(bytes, b.len), &e);
    if (rc == 0)
        rc = engine_open(&en, g, &o, &e);
    const char *what = c->key ? c->key : c->tensor ? c->tensor : "nothing changed";
    if (c->says && (rc == 0 || !strstr(e.text, c->says)))
        test_fail(__FILE__, __LINE__, "%s: %s, not `%s`", what, rc == 0 ? "opens" : e.text, c->says);
    if (!c->says && rc < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", what, e.text);
    if (rc == 0) {
        float out[VOCAB];
        struct kv_sequence s = {0};
        EXPECT(en->model->vocab == VOCAB && engine_read(en, &s, (const int32_t[]){1, 2, VOCAB - 1}, 3, out, &e) == 0);
        EXPECT(out[0] - out[0] == 0);
        EXPECT_I64(engine_read(en, &s, (const int32_t[]){VOCAB}, 1, out, &e), ERR_INVALID);
        kv_clear(en->kv, &s);
    }
    engine_close(en);
    mem_free(bytes);
    buf_fini(&b);
}

TEST(a_file_that_is_wrong_in_one_thing_is_refused_for_it)
{
    static const struct change changes[] = {
        {.says = NULL},
        {.key = "general.architecture", .gone = true, .says = "general.architecture"},
        {.key = "general.architecture", .text = "mamba", .says = "`mamba`; the engine knows llama"},
        {.key = "general.architecture", .text = "m\x1B[2J\n", .says = "`m?[2J?`; the engine knows llama"}, /* a stranger's bytes on a terminal */
        {.key = "llama.attention.layer_norm_rms_epsilon", .real = -1, .is_real = true, .says = "`attention.layer_norm_rms_epsilon` is -1"},
        {.key = "llama.attention.layer_norm_rms_epsilon", .real = NAN, .is_real = true, .says = "`attention.layer_norm_rms_epsilon` is "},
        {.key = "llama.attention.layer_norm_rms_epsilon", .real = 0, .is_real = true},
        {.key = "general.architecture", .text = "\x1b[31m\xff", .says = "`?[31m?`; the engine knows"},
        {.key = "llama.context_length", .gone = true, .says = "llama.context_length"},
        {.key = "llama.context_length", .number = UINT64_MAX, .says = "llama.context_length"},
        {.key = "llama.embedding_length", .number = 0, .says = "llama.embedding_length"},
        {.key = "llama.embedding_length", .number = 1u << 31, .says = "llama.embedding_length"},
        {.key = "llama.embedding_length", .number = 64, .says = "token_embd.weight"},
        {.key = "llama.block_count", .number = 513, .says = "llama.block_count"},
        {.key = "llama.block_count", .number = 2, .says = "blk.1.attn_q.weight"},
        {.key = "llama.feed_forward_length", .number = 64, .says = "ffn_gate.weight"},
        {.key = "llama.feed_forward_length", .number = UINT64_MAX, .says = "llama.feed_forward_length"},
        {.key = "llama.attention.head_count", .number = 4, .says = "rope.dimension_count"},
        {.key = "llama.attention.head_count", .number = 64, .says = "heads of 0"},
        {.key = "llama.attention.head_count", .number = 1025, .says = "head_count"},
        {.key = "llama.attention.head_count_kv", .number = 0, .says = "2 heads over 0 key heads"},
        {.key = "llama.attention.head_count_kv", .number = 3, .says = "2 heads over 3 key heads"},
        {.key = "llama.attention.head_count_kv", .number = UINT64_MAX, .says = "key heads"},
        {.key = "llama.attention.head_count_kv", .number = 1, .by_layer = true, .says = "`llama.attention.head_count_kv` differs from layer to layer"},
        {.key = "llama.attention.head_count_kv", .number = 1, .twice = true},
        {.key = "llama.feed_forward_length", .number = 32, .by_layer = true, .says = "`llama.feed_forward_length` differs from layer to layer"},
        {.key = "llama.feed_forward_length", .number = 32, .twice = true},
        {.key = "llama.attention.key_length", .number = 512, .says = "up to 256"},
        {.key = "llama.attention.key_length", .number = UINT64_MAX, .says = "up to 256"},
        {.key = "llama.attention.value_length", .number = 8, .says = "equal ones"},
        {.key = "llama.attention.causal", .is_bool = true, .number = 0, .says = "`attention.causal` is false"},
        {.key = "llama.attention.causal", .is_bool = true, .number = 1},
        {.key = "llama.attention.causal", .number = 0, .says = "`llama.attention.causal` is not true or false"},
        {.key = "llama.expert_count", .number = 8, .says = "mixture of experts"},
        {.key = "llama.rope.dimension_count", .number = 17, .says = "rope.dimension_count"},
        {.key = "llama.rope.dimension_count", .number = 18, .says = "rope.dimension_count"},
        {.key = "llama.rope.dimension_count", .number = 0, .says = "rope.dimension_count"},
        {.key = "llama.rope.freq_base", .real = 0.5, .is_real = true, .says = "rope.freq_base"},
        {.key = "llama.rope.freq_base", .real = -1e300, .is_real = true, .says = "rope.freq_base"},
        {.key = "llama.rope.freq_base", .real = INFINITY, .is_real = true, .says = "which is no finite number"},
        {.key = "llama.rope.freq_base", .real = NAN, .is_real = true, .says = "which is no finite number"},
        {.key = "llama.rope.scaling.type", .text = "spiral\x07", .says = "`spiral?`"},
        {.key = "llama.rope.scaling.factor", .real = -4, .is_real = true, .says = "`rope.scaling.factor` is -4"},
        {.key = "llama.rope.scaling.factor", .real = 0, .is_real = true},
        {.key = "llama.pooling_type", .number = 4, .says = "pooling type 4"},
        {.tensor = "token_embd.weight", .gone = true, .says = "token_embd.weight"},
        {.tensor = "token_embd.weight", .ne = {WIDTH, 1u << 21}, .says = ""}, /* not all of it is in the file */
        {.tensor = "token_embd.weight", .ne = {1ull << 40, 1ull << 40}, .says = ""},
        {.tensor = "token_embd.weight", .typed = true, .type = 1000, .says = ""},
        {.tensor = "token_embd.weight", .ne = {64, VOCAB}, .says = "token_embd.weight"},
        {.tensor = "output.weight", .ne = {WIDTH, VOCAB - 1}, .says = "output.weight"},
        {.tensor = "output.weight", .gone = true}, /* tied */
        {.tensor = "output_norm.weight", .ne = {16, 2}, .says = "output_norm.weight"},
        {.tensor = "output_norm.weight", .ne = {WIDTH, 2}, .says = "output_norm.weight"},
        {.tensor = "output_norm.weight", .gone = true, .says = "output_norm.weight"},
        {.tensor = "rope_freqs.weight", .negative = true, .says = "rope factors"},
        {.tensor = "rope_freqs.weight", .ne = {4, 1}, .says = "rope_freqs.weight"},
        {.tensor = "blk.0.attn_norm.weight", .gone = true, .says = "blk.0.attn_norm.weight"},
        {.tensor = "blk.0.attn_q.weight", .ne = {WIDTH, 31}, .says = "blk.0.attn_q.weight"},
        {.tensor = "blk.0.attn_k.weight", .ne = {WIDTH, 32}, .says = "blk.0.attn_k.weight"},
        {.tensor = "blk.0.attn_v.weight", .gone = true, .says = "blk.0.attn_v.weight"},
        {.tensor = "blk.0.attn_output.weight", .ne = {16, WIDTH}, .says = "blk.0.attn_output.weight"},
        {.tensor = "blk.0.ffn_gate.weight", .gone = true}, /* plain feed-forward */
        {.tensor = "blk.0.ffn_up.weight", .ne = {16, 32}, .says = "blk.0.ffn_up.weight"},
        {.tensor = "blk.0.ffn_down.weight", .ne = {32, 16}, .says = "blk.0.ffn_down.weight"},
        {.tensor = "blk.0.ffn_down.weight", .typed = true, .type = 16 /* IQ2_XXS */, .ne = {256, 4}, .says = "IQ2_XXS"},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        check(&changes[i]);
}

/* What a file says and the forward pass would leave out is refused by its name, whoever wrote it; what changes nothing loads. */
TEST(what_would_be_left_out_of_the_computation_is_refused_by_name)
{
    static const struct change changes[] = {
        {.key = "llama.something_new", .number = 0, .says = "`llama.something_new`, which the engine does not know"},
        {.key = "llama.something_new", .text = "x", .says = "`llama.something_new`, which the engine does not know"},
        {.key = "llama.attention.something", .number = 0, .by_layer = true, .says = "`llama.attention.something`"},
        {.key = "llamas.something_new", .number = 5}, /* not of this architecture */
        {.key = "general.something_new", .number = 5},
        {.key = "quantize.imatrix.entries_count", .number = 5},
        {.key = "general.type", .text = "adapter", .says = "of the type `adapter`"},
        {.key = "general.type", .text = "model"},
        {.key = "llama.logit_scale", .real = 0.25, .is_real = true, .says = "`llama.logit_scale` is 0.25: it scales the logits"},
        {.key = "llama.logit_scale", .real = 1, .is_real = true},
        {.key = "llama.logit_scale", .number = 0},
        {.key = "llama.logit_scale", .text = "one", .says = "`llama.logit_scale` is not a number"},
        {.key = "llama.residual_scale", .real = 0.22, .is_real = true, .says = "llama.residual_scale"},
        {.key = "llama.residual_scale", .real = 1, .is_real = true},
        {.key = "llama.embedding_scale", .real = 12, .is_real = true, .says = "llama.embedding_scale"},
        {.key = "llama.embedding_scale", .real = 1, .is_real = true},
        {.key = "llama.attention.scale", .real = -1, .is_real = true, .says = "`attention.scale` is -1"},
        {.key = "llama.attention.scale", .real = 0.3, .is_real = true},
        {.key = "llama.attention.output_scale", .real = 0.3, .is_real = true, .says = "llama.attention.output_scale"},
        {.key = "llama.attention.clamp_kqv", .real = 8, .is_real = true, .says = "llama.attention.clamp_kqv"},
        {.key = "llama.attention.clamp_kqv", .real = 0, .is_real = true},
        {.key = "llama.attention.max_alibi_bias", .real = 8, .is_real = true, .says = "llama.attention.max_alibi_bias"},
        {.key = "llama.attention.key_length_swa", .number = 16},
        {.key = "llama.attention.key_length_swa", .number = 32, .says = "llama.attention.key_length_swa"},
        {.key = "llama.attention.head_dim", .number = 16},
        {.key = "llama.attention.head_dim", .number = 8, .says = "llama.attention.head_dim"},
        {.key = "llama.attention.layer_norm_rms_epsilon", .gone = true, .says = "`llama.attention.layer_norm_rms_epsilon`"},
        {.key = "llama.attention.layer_norm_rms_epsilon", .text = "small", .says = "`llama.attention.layer_norm_rms_epsilon` is not a number"},
        {.key = "llama.attention.layer_norm_epsilon", .real = 1e-5, .is_real = true},
        {.key = "llama.attention.sliding_window", .number = 2},
        {.key = "llama.attention.sliding_window", .text = "wide", .says = "`llama.attention.sliding_window` is not a whole number"},
        {.key = "llama.attention.sliding_window_pattern", .number = 6}, /* there is no window */
        {.key = "llama.use_parallel_residual", .is_bool = true, .number = 1, .says = "llama.use_parallel_residual"},
        {.key = "llama.use_parallel_residual", .is_bool = true, .number = 0},
        {.key = "llama.expert_count", .number = 0},
        {.key = "llama.expert_used_count", .number = 2},
        {.key = "llama.nextn_predict_layers", .number = 1, .says = "llama.nextn_predict_layers"},
        {.key = "llama.vocab_size", .number = VOCAB},
        {.key = "llama.tensor_data_layout", .text = "Meta AI original pth"},
        {.key = "llama.pooling_type", .number = 0},
        {.key = "llama.pooling_type", .number = 3, .says = "`pooling_type` is 3: the model makes embeddings"},
        {.key = "llama.vision.block_count", .number = 27},
        {.key = "llama.rope.dimension_count_swa", .number = 8, .says = "llama.rope.dimension_count_swa"},
        {.key = "llama.rope.dimension_count_swa", .number = 16},
        {.key = "llama.rope.scaling.finetuned", .is_bool = true, .number = 1},
        {.key = "llama.rope.scaling.attn_factor", .real = 1.2, .is_real = true},
        {.key = "llama.rope.scaling.yarn_ext_factor", .real = 0.5, .is_real = true, .says = "`rope.scaling.yarn_ext_factor` is 0.5"},
        {.key = "llama.rope.scaling.yarn_ext_factor", .real = -1, .is_real = true},
        {.key = "llama.rope.scaling.yarn_attn_factor", .real = 1.2, .is_real = true, .says = "`rope.scaling.yarn_attn_factor` is 1.2"},
        {.key = "llama.rope.scaling.yarn_attn_factor", .real = 1, .is_real = true},
        {.key = "llama.rope.scaling.yarn_log_multiplier", .real = 0.1, .is_real = true, .says = "llama.rope.scaling.yarn_log_multiplier"},
        {.key = "llama.rope.scaling.yarn_log_multiplier", .real = 0, .is_real = true},
        {.key = "llama.rope.scaling.yarn_beta_fast", .real = 16, .is_real = true}, /* it is no YaRN */
        {.key = "llama.rope.scaling.type", .text = "longrope", .says = "no tensor `rope_factors_long.weight`"},
        {.key = "llama.rope.scaling.type", .number = 1, .says = "`llama.rope.scaling.type` is not a text"},
        {.key = "llama.rope.freq_base", .text = "10000", .says = "`llama.rope.freq_base` is not a number"},
        {.tensor = "blk.0.attn_rot_embd.inv_freq"},
        {.tensor = "blk.0.attn_q_norm.weight", .ne = {16, 1}, .says = "`blk.0.attn_q_norm.weight`, which the engine would leave out"},
        {.tensor = "blk.0.ffn_gate.bias", .says = "`blk.0.ffn_gate.bias`, which the engine would leave out"},
        {.tensor = "blk.0.ffn_gate_inp.weight", .ne = {WIDTH, 8}, .says = "blk.0.ffn_gate_inp.weight"},
        {.tensor = "blk.0.attn_q.weight.lora_a", .ne = {WIDTH, 4}, .says = "blk.0.attn_q.weight.lora_a"},
        {.tensor = "blk.0.attn_q.scale", .ne = {1, 1}, .says = "blk.0.attn_q.scale"},
        {.tensor = "blk.1.attn_norm.weight", .says = "blk.1.attn_norm.weight"}, /* a layer more than are said */
        {.tensor = "output_norm.bias", .says = "output_norm.bias"},
        {.tensor = "cls.weight", .says = "cls.weight"},
        {.tensor = "rope_factors_long.weight", .ne = {8, 1}, .says = "one of the tensors `rope_factors_long.weight`"},
        {.tensor = "blk.0.attn_q.bias"}, /* a bias is a bias */
        {.tensor = "blk.0.ffn_down.bias"},
        {.tensor = "output.bias", .ne = {VOCAB, 1}},
        {.tensor = "v.patch_embd.weight"}, /* pictures are refused with the call that has one */
        {.tensor = "mm.0.weight"},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++)
        check(&changes[i]);
}
