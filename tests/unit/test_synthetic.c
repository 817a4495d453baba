/* test_synthetic.c: made-up model files are whole, of the true shapes, mixed as real ones are, and can tell any text. */
#include "engine/gguf.h"
#include "engine/synthetic_priv.h"
#include "test.h"
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[64];

static void path_make(void)
{
    (void)text_format(path, sizeof path, "/tmp/test_synthetic.XXXXXX");
    int fd = mkstemp(path);
    if (fd < 0)
        test_fail(__FILE__, __LINE__, "no file");
    close(fd);
}

static struct gguf *write_and_open(const char *shape, const char *quant, uint64_t seed)
{
    struct gguf *g = NULL;
    struct err e = {0};
    if (synthetic_write(path, str_from(shape), str_from(quant), seed, &e) < 0 || gguf_open(&g, path, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s %s: %s", shape, quant, e.text);
    return g;
}

/* Of every weight; NaN if one is not finite. */
static double deviation_of(const struct gguf_tensor *t)
{
    const struct quant_info *q = quant_info(t->type);
    AUTO_BUF struct buf row = BUF_INIT(1 * MiB);
    double sum = 0, squares = 0, count = (double)(t->ne[0] * t->ne[1]);
    if (buf_reserve(&row, t->ne[0] * sizeof(float)) < 0)
        return (double)NAN;
    float *out = (float *)(void *)row.ptr;
    for (uint64_t r = 0; r < t->ne[1]; r++) {
        q->decode((const uint8_t *)t->data + r * quant_row_bytes(q, t->ne[0]), out, t->ne[0]);
        for (uint64_t i = 0; i < t->ne[0]; i++) {
            sum += (double)out[i];
            squares += (double)out[i] * (double)out[i];
        }
    }
    return sqrt(squares / count - sum / count * (sum / count));
}

/* Tensors that can be read, with weights of the spread that keeps activations around one. */
static void check_tensors(const struct gguf *g, const char *shape, const char *quant)
{
    for (size_t i = 0; i < gguf_tensor_count(g); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(g, i);
        struct err e = {0};
        EXPECT_I64(gguf_tensor_readable(t, &e), 0);
        double d = deviation_of(t), even = 1 / sqrt((double)t->ne[0]);
        bool rope = str_starts(t->name, STR("rope_"));
        bool table = str_starts(t->name, STR("token_")) || str_starts(t->name, STR("position_embd")) ||
                     str_eq(t->name, STR("output.weight"));
        double low = t->dims == 1 ? 0.05
                     : table      ? 0.1
                                  : 0.85 * even,
               high = t->dims == 1 ? 0.2
                      : table      ? 0.6
                                   : 1.15 * even;
        if (!(rope ? isfinite(d) : d > low && d < high))
            test_fail(__FILE__, __LINE__, "%s %s: %.*s deviates %g, not %g to %g", shape, quant, STR_FMT(t->name), d,
                      low, high);
    }
}

static void check_file(const char *shape, const char *quant)
{
    struct gguf *g = write_and_open(shape, quant, 1);
    if (g)
        check_tensors(g, shape, quant);
    gguf_close(g);
}

TEST(every_tiny_shape_is_sound)
{
    path_make();
    const char *shape;
    for (size_t s = 0; (shape = synthetic_shape_at(s)); s++)
        if (str_starts(str_from(shape), STR("tiny-")))
            check_file(shape, "Q4_K_M");
    (void)unlink(path);
}

TEST(every_quantisation_is_sound)
{
    path_make();
    const char *quant;
    for (size_t q = 0; (quant = synthetic_quant_at(q)); q++)
        check_file("tiny-qwen2", quant);
    (void)unlink(path);
}

TEST(large_tensors_are_made_of_drawn_blocks_and_as_sound)
{
    path_make();
    struct gguf *g = write_and_open("bge-small", "Q4_K_M", 1);
    REQUIRE(g);
    check_tensors(g, "bge-small", "Q4_K_M");
    gguf_close(g);
    (void)unlink(path);
}

/* The number of weights that each model's own description states, and what llama.cpp's files of it count. */
static const struct {
    const char *shape;
    size_t tensors;
    uint64_t weights;
} sizes[] = {
    {"llama-3.2-1b", 147, 1235814400 + 32}, /* rope_freqs */
    {"llama-3.2-3b", 255, 3212749824 + 64},
    {"llama-3.1-8b", 292, 8030261248 + 64},
    {"mistral-7b", 291, 7248023552},
    {"qwen2.5-0.5b", 290, 494032768},
    {"qwen2.5-coder-32b", 771, 32763876352},
    {"qwen3-0.6b", 310, 596049920},
    {"nomic-embed-text", 112, 136731648 - 6 * 768}, /* files leave out six rows of padding */
    {"bge-small", 197, 33360000 - 384 * 385},       /* without the pooler, which no file has */
    {"gemma2-2b", 288, 2614341888},
    {"gemma3-1b", 340, 999885952},
    {"phi3-mini", 195, 3821079552},
};

static const struct synthetic_shape *shape_of(const char *name)
{
    size_t i = 0;
    while (strcmp(synthetic_shapes[i].name, name) != 0)
        i++;
    return &synthetic_shapes[i];
}

TEST(shapes_have_as_many_weights_as_the_models_they_are_named_after)
{
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct arena a = ARENA_INIT(4 * MiB);
        struct synthetic_plan p;
        REQUIRE(synthetic_plan_make(&p, &a, shape_of(sizes[i].shape)) == 0);
        uint64_t weights = 0;
        for (size_t t = 0; t < p.count; t++)
            weights += p.list[t].ne[0] * p.list[t].ne[1];
        if (weights != sizes[i].weights || p.count != sizes[i].tensors)
            test_fail(__FILE__, __LINE__, "%s: %zu tensors, %llu weights", sizes[i].shape, p.count,
                      (unsigned long long)weights);
        arena_fini(&a);
    }
}

static enum quant_type type_in(const char *mix, enum synthetic_role role, uint32_t layer, uint64_t columns)
{
    struct synthetic_tensor t = {.role = role, .layer = layer, .dims = 2, .ne = {columns, 64}};
    return synthetic_mix_type(synthetic_mix_find(str_from(mix)), &t, 16);
}

TEST(q4_k_m_keeps_some_layers_better)
{
    for (uint32_t layer = 0; layer < 16; layer++) {
        bool better = layer < 2 || layer >= 14 || layer == 4 || layer == 7 || layer == 10 || layer == 13;
        EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_DETAIL, layer, 512), better ? QUANT_Q6_K : QUANT_Q4_K);
        EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_OTHER, layer, 512), QUANT_Q4_K);
        EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_QKV, layer, 512), QUANT_Q5_K);
    }
    EXPECT_I64(type_in("q4_k_m", SYNTHETIC_HEAD, 0, 512), QUANT_Q6_K);
    EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_EMBED, 0, 512), QUANT_Q4_K);
    EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_NORM, 0, 512), QUANT_F32);
    EXPECT_I64(type_in("Q4_0", SYNTHETIC_HEAD, 0, 512), QUANT_Q6_K);
    EXPECT_I64(type_in("Q8_0", SYNTHETIC_HEAD, 0, 512), QUANT_Q8_0);
}

TEST(rows_that_a_type_does_not_divide_get_smaller_blocks)
{
    EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_OTHER, 0, 896), QUANT_Q5_0);
    EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_DETAIL, 0, 896), QUANT_Q8_0);
    EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_QKV, 0, 896), QUANT_Q5_1);
    EXPECT_I64(type_in("Q2_K_S", SYNTHETIC_OTHER, 0, 896), QUANT_Q4_0);
    EXPECT_I64(type_in("Q3_K_S", SYNTHETIC_OTHER, 0, 896), QUANT_Q4_0);
    EXPECT_I64(type_in("IQ4_XS", SYNTHETIC_OTHER, 0, 896), QUANT_IQ4_NL);
    EXPECT_I64(type_in("Q4_K_M", SYNTHETIC_OTHER, 0, 100), QUANT_F16);
}

/* ---- vocabularies ---- */

/* A file of the shape's vocabulary alone, of any size. */
static struct gguf *open_vocab(const struct synthetic_shape *s, struct buf *out, struct arena *a)
{
    struct synthetic_head h = {.out = out};
    struct gguf *g = NULL;
    struct err e = {0};
    synthetic_put(&h, "GGUF\3\0\0\0", 8);
    synthetic_put_u64(&h, 0);
    synthetic_put_u64(&h, 0);
    if (synthetic_vocab_keys(&h, s, a) < 0 || h.rc < 0)
        test_fail(__FILE__, __LINE__, "%s: no vocabulary", s->name);
    memcpy(out->ptr + 16, &h.key_count, 8);
    if (gguf_open_memory(&g, buf_str(out), &e) < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", s->name, e.text);
    return g;
}

struct words { /* sorted, for looking them up */
    struct str *list;
    size_t count;
};

static int by_text(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static bool known(const struct words *w, struct str text)
{
    return bsearch(&text, w->list, w->count, sizeof text, by_text) != NULL;
}

static struct words words_of(const struct gguf *g, struct arena *a)
{
    struct gguf_array tokens = {0};
    struct words w = {0};
    if (!gguf_get_array(g, "tokenizer.ggml.tokens", &tokens))
        return w;
    w.list = arena_new_array(a, struct str, tokens.count);
    for (w.count = 0; w.list && w.count < tokens.count; w.count++)
        w.list[w.count] = gguf_array_text(&tokens, w.count);
    qsort(w.list, w.count, sizeof *w.list, by_text);
    return w;
}

/* Each merge makes a token of two that exist. */
static void check_merges(const struct gguf *g, const struct words *w, const char *shape)
{
    struct gguf_array merges;
    if (!gguf_get_array(g, "tokenizer.ggml.merges", &merges))
        return;
    EXPECT(merges.count > w->count / 2);
    for (uint64_t i = 0; i < merges.count; i++) {
        struct str left, right = gguf_array_text(&merges, i);
        char both[64];
        REQUIRE(str_cut(&right, ' ', &left));
        size_t n = text_format(both, sizeof both, "%.*s%.*s", STR_FMT(left), STR_FMT(right));
        if (!known(w, left) || !known(w, right) || !known(w, str_of(both, n)))
            test_fail(__FILE__, __LINE__, "%s: merge %llu, \"%s\"", shape, (unsigned long long)i, both);
    }
}

/* Each piece of a SentencePiece vocabulary is reached by joining a piece and something behind it that are there. */
static void check_scores(const struct gguf *g, const struct words *w, const char *shape)
{
    struct gguf_array scores, kinds, tokens;
    if (!gguf_get_array(g, "tokenizer.ggml.scores", &scores))
        return;
    REQUIRE(gguf_get_array(g, "tokenizer.ggml.token_type", &kinds) &&
            gguf_get_array(g, "tokenizer.ggml.tokens", &tokens));
    EXPECT(scores.count == tokens.count && kinds.count == tokens.count);
    double before = 1;
    for (uint64_t i = 0; i < tokens.count; i++) {
        struct str text = gguf_array_text(&tokens, i);
        if (gguf_array_i64(&kinds, i) != 1)
            continue;
        EXPECT(gguf_array_f64(&scores, i) < before);
        before = gguf_array_f64(&scores, i);
        bool reached = text.len < 4;
        for (size_t cut = text.len; !reached && --cut > 0;)
            reached = known(w, str_slice(text, 0, cut)) && known(w, str_skip(text, cut));
        if (!reached)
            test_fail(__FILE__, __LINE__, "%s: \"%.*s\" cannot be reached", shape, STR_FMT(text));
    }
}

/* All 256 bytes, in the way of the kind; the words of English as one token each where there is room. */
static void check_bytes(const struct gguf *g, const struct words *w, const struct synthetic_shape *s)
{
    struct str model = STR_NONE;
    REQUIRE(gguf_get_text(g, "tokenizer.ggml.model", &model));
    for (uint32_t byte = 0, moved = 0; byte < 256; byte++) {
        char text[16];
        size_t n;
        if (str_eq(model, STR("gpt2"))) {
            bool same = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
            uint32_t c = same ? byte : 0x100 + moved++;
            n = c < 0x80 ? text_format(text, sizeof text, "%c", (char)c)
                         : text_format(text, sizeof text, "%c%c", (char)(0xc0 | c >> 6), (char)(0x80 | (c & 63)));
        } else if (str_eq(model, STR("llama"))) {
            n = text_format(text, sizeof text, "<0x%02X>", byte);
        } else { /* WordPiece knows printable ASCII, lower case */
            byte = byte < '!' ? '!' : byte == 'A' ? 'Z' + 1 : byte;
            if (byte > '~')
                break;
            n = text_format(text, sizeof text, "▁%c", (char)byte);
            EXPECT(known(w, str_of(text + 3, 1)));
        }
        if (!known(w, str_of(text, n)))
            test_fail(__FILE__, __LINE__, "%s: byte %02x is missing", s->name, byte);
    }
    EXPECT(known(w, str_eq(model, STR("gpt2")) ? STR("Ġthe") : STR("▁the")));
    EXPECT(s->vocab < 4096 || known(w, STR("weather")));
}

/* The same vocabulary as that of an earlier shape. */
static bool seen(size_t shape)
{
    const struct synthetic_shape *s = &synthetic_shapes[shape];
    size_t i = 0;
    while (i < shape && !(synthetic_shapes[i].family == s->family && synthetic_shapes[i].vocab == s->vocab))
        i++;
    return i < shape;
}

TEST(every_vocabulary_has_its_size_and_can_tell_any_text)
{
    for (size_t i = 0; i < synthetic_shape_count; i++) {
        const struct synthetic_shape *s = &synthetic_shapes[i];
        if (seen(i))
            continue;
        AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
        struct arena a = ARENA_INIT(256 * MiB);
        struct gguf *g = open_vocab(s, &out, &a);
        REQUIRE(g);
        struct words w = words_of(g, &a);
        EXPECT_I64(w.count, s->vocab);
        for (size_t t = 1; t < w.count; t++)
            EXPECT(str_compare(w.list[t - 1], w.list[t]) < 0);
        check_bytes(g, &w, s);
        check_merges(g, &w, s->name);
        check_scores(g, &w, s->name);
        gguf_close(g);
        arena_fini(&a);
    }
}

static const struct {
    const char *shape;
    uint64_t id;
    const char *token;
} ids[] = {
    {"llama-3.2-1b", 128000, "<|begin_of_text|>"},
    {"llama-3.2-1b", 128009, "<|eot_id|>"},
    {"llama-3.2-1b", 128255, "<|reserved_special_token_247|>"},
    {"qwen2.5-0.5b", 151643, "<|endoftext|>"},
    {"qwen2.5-coder-32b", 151645, "<|im_end|>"},
    {"qwen3-0.6b", 151667, "<think>"},
    {"mistral-7b", 3, "[INST]"},
    {"mistral-7b", 771, "<0x00>"},
    {"gemma2-2b", 2, "<bos>"},
    {"phi3-mini", 3, "<0x00>"},
    {"phi3-mini", 32007, "<|end|>"},
    {"nomic-embed-text", 101, "[CLS]"},
    {"bge-small", 0, "[PAD]"},
    {"tiny-llama", 1022, "<|eot_id|>"},
};

TEST(special_tokens_have_their_true_names_and_places)
{
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
        struct arena a = ARENA_INIT(256 * MiB);
        struct gguf *g = open_vocab(shape_of(ids[i].shape), &out, &a);
        struct gguf_array tokens;
        REQUIRE(g && gguf_get_array(g, "tokenizer.ggml.tokens", &tokens));
        EXPECT_STR(gguf_array_text(&tokens, ids[i].id), ids[i].token);
        gguf_close(g);
        arena_fini(&a);
    }
}

TEST(what_ends_an_answer_is_in_the_vocabulary_of_every_model_to_chat_with)
{
    for (size_t i = 0; i < synthetic_shape_count; i++) {
        const struct synthetic_shape *s = &synthetic_shapes[i];
        AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
        struct arena a = ARENA_INIT(256 * MiB);
        struct gguf *g = s->vocab < 4096 ? open_vocab(s, &out, &a) : NULL;
        uint64_t eos = UINT64_MAX, bos = UINT64_MAX;
        struct str chat;
        if (g) {
            EXPECT(gguf_get_u64(g, "tokenizer.ggml.eos_token_id", &eos) && eos < s->vocab);
            EXPECT(gguf_get_u64(g, "tokenizer.ggml.bos_token_id", &bos) && bos < s->vocab && bos != eos);
            EXPECT(gguf_get_text(g, "tokenizer.chat_template", &chat) == (s->family != SYNTHETIC_BERT));
        }
        gguf_close(g);
        arena_fini(&a);
    }
}

/* ---- the writer ---- */

static uint64_t hash_of_file(const char *shape, uint64_t seed)
{
    AUTO_BUF struct buf bytes = BUF_INIT(16 * MiB);
    struct err e = {0};
    gguf_close(write_and_open(shape, "Q4_0", seed));
    if (buf_read_file(&bytes, path, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    return str_hash(buf_str(&bytes));
}

TEST(a_seed_makes_the_same_file_again_and_another_another)
{
    path_make();
    uint64_t first = hash_of_file("tiny-llama", 7);
    EXPECT(hash_of_file("tiny-llama", 7) == first);
    EXPECT(hash_of_file("tiny-llama", 8) != first);
    (void)unlink(path);
}

TEST(llama_3_frequencies_are_divided_by_1_up_to_the_factor)
{
    path_make();
    struct gguf *g = write_and_open("tiny-llama3", "F16", 1);
    const struct gguf_tensor *t = g ? gguf_tensor_find(g, "rope_freqs.weight") : NULL;
    REQUIRE(t && t->ne[0] == 16 && t->type == QUANT_F32);
    const float *f = t->data;
    EXPECT(f[0] == 1 && f[7] == 1 && f[15] == 8);
    for (int i = 1; i < 16; i++)
        EXPECT(f[i] >= f[i - 1]);
    /* 500000^(-16/32) turns once in 4442.9 tokens: between 8192/4 and 8192, where the two ways are mixed */
    EXPECT(fabsf(f[8] - 1 / ((1 - .281280f) / 8 + .281280f)) < 1e-4f);
    gguf_close(g);
    (void)unlink(path);
}

static void expect_refused(const char *to, const char *shape, const char *quant, int code, const char *says)
{
    struct err e = {0};
    EXPECT_I64(synthetic_write(to, str_from(shape), str_from(quant), 1, &e), code);
    EXPECT_STR(str_slice(str_from(e.text), 0, strlen(says)), says);
}

TEST(what_cannot_be_written_is_refused_and_nothing_is_left)
{
    expect_refused("/tmp/no", "gpt-5", "Q8_0", ERR_NOT_FOUND,
                   "no shape \"gpt-5\"; there are llama-3.2-1b, llama-3.2-3b, ");
    expect_refused("/tmp/no", "tiny-llama", "Q9", ERR_NOT_FOUND, "no quantisation \"Q9\"; there are F32, F16, ");
    expect_refused("/nowhere/x", "tiny-llama", "Q8_0", ERR_IO, "/nowhere/x: cannot be written: No such file");
    struct rlimit before, small = {.rlim_cur = 1 << 18, .rlim_max = RLIM_INFINITY};
    path_make();
    (void)signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small.rlim_max = before.rlim_max;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
    char says[128];
    (void)text_format(says, sizeof says, "%s: cannot be written after 262144 bytes: File too large", path);
    expect_refused(path, "tiny-llama", "Q8_0", ERR_IO, says);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    EXPECT(access(path, F_OK) != 0);
}

static int write_nowhere(void *ctx, const void *bytes, size_t n)
{
    *(size_t *)ctx += bytes ? n : 0;
    return 0;
}

/* All that a file is made of, smaller than any that is listed. */
static int make_small(void *ctx)
{
    struct synthetic_shape s = *shape_of("tiny-mistral");
    s.vocab = 400;
    s.layers = 1;
    struct arena a = ARENA_INIT(64 * MiB);
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    struct synthetic_head h = {.out = &out};
    struct synthetic_filler f = {.shape = &s, .a = &a};
    struct synthetic_tensor large = {.name = "large", .dims = 2, .ne = {1024, 1025}, .type = QUANT_Q8_0};
    struct synthetic_plan p;
    size_t bytes = 0;
    uint64_t *vocab = ctx, hash = 0; /* the vocabulary that an undisturbed run makes; 0 before it */
    int rc = synthetic_plan_make(&p, &a, &s);
    if (rc == 0)
        rc = synthetic_vocab_keys(&h, &s, &a);
    if (rc == 0 && h.rc == 0)
        rc = synthetic_fill(&f, &p.list[1], write_nowhere, &bytes);
    if (rc == 0 && h.rc == 0)
        rc = synthetic_fill(&f, &large, write_nowhere, &bytes);
    arena_fini(&a);
    hash = str_hash(buf_str(&out));
    if (rc == 0 && h.rc == 0 && *vocab == 0)
        *vocab = hash;
    if (rc == 0 && h.rc == 0)
        EXPECT(hash == *vocab);
    if (rc == 0 && h.rc == 0)
        EXPECT_I64(bytes, quant_row_bytes(quant_info(QUANT_F32), 512) + 1025 * 1024 / 32 * 34);
    return rc < 0 ? rc : h.rc;
}

TEST(making_survives_any_allocation_that_fails)
{
    uint64_t vocab = 0;
    EXPECT_I64(make_small(&vocab), 0);
    (void)test_torture("synthetic_write", make_small, &vocab);
}
