/* test_forward.c: the forward pass against an independent one in double precision, for each family; and that its results do not depend on how
 * the work was cut up. The models are tiny files with made-up weights. */
#include "base/buf.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/synthetic.h"
#include "oracle.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

enum { TOKENS = 80 /* more than a page */ };

static char path[64];

static void path_make(void)
{
    if (!path[0])
        (void)text_format(path, sizeof path, "/tmp/hearth-forward-%d.gguf", (int)getpid());
}

static bool model_write(const char *shape, const char *quant)
{
    struct err e = {0};
    path_make();
    int rc = synthetic_write(path, str_from(shape), str_from(quant), 3, &e);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "%s %s: %s", shape, quant, e.text);
    return rc == 0;
}

static void tokens_make(int32_t *token, size_t count)
{
    for (size_t i = 0; i < count; i++)
        token[i] = (int32_t)((i * 7919 + 13) % 1000);
}

struct how {
    const char *kernels;
    size_t threads, rows_max;
    enum kv_type kv;
};

/* Reads the tokens in two goes, the first `split` long (0: in one). NULL on failure. */
static float *compute(const struct how *how, const int32_t *token, size_t count, size_t split, size_t *n)
{
    struct gguf *g = NULL;
    struct engine *en = NULL;
    struct err e = {0};
    struct engine_options opt = {.kernels = how->kernels, .threads = how->threads, .kv_type = how->kv, .context = ORACLE_CONTEXT, .rows_max = how->rows_max};
    if (gguf_open(&g, path, &e) < 0 || engine_open(&en, g, &opt, &e) < 0) {
        test_fail(__FILE__, __LINE__, "%s", e.text);
        return NULL;
    }
    *n = engine_result_floats(en);
    float *out = mem_zalloc(*n * sizeof *out);
    struct kv_sequence s = {0};
    int rc = split ? engine_read(en, &s, token, split, out, &e) : 0;
    if (rc == 0)
        rc = engine_read(en, &s, token + split, count - split, out, &e);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    kv_clear(en->kv, &s);
    engine_close(en);
    return out;
}

/* The largest difference, in units of the spread of the right values. */
static double apart(const float *got, const double *right, size_t n)
{
    double mean = 0, square = 0, most = 0;
    for (size_t i = 0; i < n; i++)
        mean += right[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        square += (right[i] - mean) * (right[i] - mean) / (double)n;
        double d = fabs((double)got[i] - right[i]);
        most = d > most || d != d ? d : most;
    }
    return most / sqrt(square);
}

static void family_is_right(const char *shape, const char *quant, enum kv_type kv, double tolerance)
{
    struct gguf *g = NULL;
    struct err e = {0};
    int32_t token[TOKENS];
    if (!model_write(shape, quant))
        return;
    size_t count = TOKENS, n, right_n = 0;
    tokens_make(token, count);
    REQUIRE(gguf_open(&g, path, &e) == 0);
    double *right = oracle_run(g, token, count, &right_n);
    gguf_close(g);
    float *got = compute(&(struct how){NULL, 2, 64, kv}, token, count, 0, &n);
    REQUIRE(got && n == right_n);
    double d = apart(got, right, n);
    if (!(d <= tolerance))
        test_fail(__FILE__, __LINE__, "%s %s, KV type %d: logits are off by %.3g of their spread; %.3g is allowed", shape, quant, (int)kv, d,
                  tolerance);
    mem_free(got);
    mem_free(right);
}

static const char *const families[] = {"tiny-llama", "tiny-llama3", "tiny-llama-told", "tiny-mistral", "tiny-qwen2", "tiny-qwen2-odd", "tiny-qwen2-yarn", "tiny-qwen3", "tiny-gemma2", "tiny-gemma2-thirds", "tiny-gemma3", "tiny-gemma3-wide", "tiny-gemma3-ollama", "tiny-phi3",
                                       "tiny-phi3-long", "tiny-phi3-window", "tiny-nomic-bert", "tiny-bert"};

/* Families whose heads, windows, caps and directions differ: a sanitizer sees all accesses with these, and would take a quarter of an hour with all. */
static const char *const few[] = {"tiny-llama", "tiny-qwen2-odd", "tiny-gemma2", "tiny-bert"};

/* Floats all the way: what is left is rounding. */
TEST(each_family_computes_what_it_is_described_as)
{
    for (size_t i = 0; i < COUNT_OF(families); i++)
        family_is_right(families[i], "F32", KV_F32, 2e-4);
    (void)unlink(path);
}

/* The window of gemma3 is another one in each size of the model: none is made up for a file that does not say it. */
TEST(a_window_that_the_file_does_not_say_is_not_made_up)
{
    static const char key[] = "gemma3.attention.sliding_window";
    AUTO_BUF struct buf b = BUF_INIT(64 * MiB);
    struct gguf *g = NULL;
    struct model *m = NULL;
    struct err e = {0};
    REQUIRE(model_write("tiny-gemma3", "Q8_0") && buf_read_file(&b, path, &e) == 0);
    char *at = memmem(b.ptr, b.len, key, sizeof key - 1);
    REQUIRE(at);
    memcpy(at, "general.attention.slides_so_far", sizeof key - 1);
    char *bytes = mem_zalloc_aligned(64, b.len);
    memcpy(bytes, b.ptr, b.len);
    REQUIRE(gguf_open_memory(&g, str_of(bytes, b.len), &e) == 0);
    EXPECT_I64(model_open(&m, g, 0, &e), ERR_UNSUPPORTED);
    if (!strstr(e.text, key))
        test_fail(__FILE__, __LINE__, "%s", e.text);
    model_close(m);
    gguf_close(g);
    mem_free(bytes);
    (void)unlink(path);
}

/* Activations in eight bits: off by a few hundredths of the spread, at most. */
TEST(quantised_files_compute_nearly_the_same)
{
    const char *const *family = SANITIZED ? few : families;
    for (size_t i = 0; i < (SANITIZED ? COUNT_OF(few) : COUNT_OF(families)); i++) {
        family_is_right(family[i], "F16", KV_F32, 2e-4);
        family_is_right(family[i], "Q8_0", KV_F32, 0.2);
        family_is_right(family[i], "Q4_K_M", KV_F32, 0.2);
    }
    (void)unlink(path);
}

/* Keys and values in eight bits: likewise. */
TEST(small_keys_compute_nearly_the_same)
{
    for (size_t i = 0; i < COUNT_OF(few); i++)
        family_is_right(few[i], "F32", KV_Q8_0, 0.05);
    (void)unlink(path);
}

static void cuts_agree(const char *const *family, size_t count, enum kv_type kv)
{
    const struct how hows[] = {{NULL, 1, 64, kv}, {NULL, 3, 64, kv}, {NULL, 2, 1, kv}, {NULL, 2, 7, kv}, {NULL, 2, 200, kv}, {"ref", 2, 64, kv}};
    int32_t token[TOKENS];
    tokens_make(token, TOKENS);
    for (size_t f = 0; f < count; f++) {
        size_t n, other;
        bool bert = strstr(family[f], "bert") != NULL; /* reads a text whole */
        if (!model_write(family[f], "Q4_K_M"))
            continue;
        float *first = compute(&(struct how){NULL, 2, 64, kv}, token, TOKENS, 0, &n);
        for (size_t i = 0; first && i < COUNT_OF(hows); i++) {
            float *again = compute(&hows[i], token, TOKENS, bert ? 0 : 37, &other);
            if (!again || memcmp(first, again, n * sizeof *first) != 0)
                test_fail(__FILE__, __LINE__, "%s, KV type %d: %zu threads, steps of %zu, kernels %s give other bits", family[f], (int)kv, hows[i].threads, hows[i].rows_max,
                          hows[i].kernels ? hows[i].kernels : "best");
            mem_free(again);
        }
        mem_free(first);
    }
    (void)unlink(path);
}

TEST(results_do_not_depend_on_how_the_work_is_cut)
{
    cuts_agree(SANITIZED ? few : families, SANITIZED ? COUNT_OF(few) : COUNT_OF(families), KV_F16);
}

TEST(results_in_small_keys_do_not_depend_on_it_either)
{
    cuts_agree(few, COUNT_OF(few), KV_Q8_0);
}

/* What threads wait for each other: five times a layer for one token; ten for many, whose columns are shared out too. */
TEST(threads_meet_no_more_often_than_is_said)
{
    enum { BESIDE = 3 /* the last state, the logits, the end */ };
    struct gguf *g = NULL;
    struct engine *en = NULL;
    struct err e = {0};
    struct kv_sequence s = {0};
    int32_t token[16];
    tokens_make(token, COUNT_OF(token));
    struct engine_options opt = {.threads = 2, .context = ORACLE_CONTEXT, .rows_max = COUNT_OF(token)};
    REQUIRE(model_write("tiny-gemma3", "Q8_0"));
    REQUIRE(gguf_open(&g, path, &e) == 0 && engine_open(&en, g, &opt, &e) == 0);
    float *out = mem_zalloc(engine_result_floats(en) * sizeof *out);
    size_t layers = en->model->layer_count;
    for (size_t count = 1; count <= COUNT_OF(token); count += 5) {
        unsigned before = pool_barriers(en->pool);
        EXPECT(engine_read(en, &s, token, count, out, &e) == 0);
        size_t met = pool_barriers(en->pool) - before;
        if (met > (count == 1 ? 5 : 10) * layers + BESIDE)
            test_fail(__FILE__, __LINE__, "%zu tokens through %zu layers: %zu barriers", count, layers, met);
    }
    kv_clear(en->kv, &s);
    mem_free(out);
    engine_close(en);
    (void)unlink(path);
}
