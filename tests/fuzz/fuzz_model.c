/* fuzz_model.c: any bytes as a model: what the loader takes is computed with, two tokens' worth, so that a shape, an offset or a number
 * that it should have refused is met by the sanitizer; then a vocabulary is opened and used. */
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/tokenizer.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 1 << 20, WORK_MAX = 1 << 22 /* multiplications of a step: larger models only cost time here */ };

static bool is_small(const struct model *m)
{
    size_t layer = m->width * (2 * m->heads * m->head_dim + 2 * m->kv_heads * m->head_dim + 3 * m->ff);
    return m->layer_count * layer + m->vocab * m->width < WORK_MAX;
}

static void compute(struct engine *g)
{
    struct kv_sequence s = {0};
    struct err e = {0};
    size_t n = engine_result_floats(g);
    int32_t token[2] = {0, (int32_t)g->model->vocab - 1};
    float *out = mem_zalloc_array(n, sizeof *out);
    int rc = out ? engine_read(g, &s, token, g->context < 2 ? 1 : 2, out, &e) : 0;
    assert(rc == 0 || e.text[0]);
    mem_free(out);
    kv_clear(g->kv, &s);
}

static void use_tokens(const struct gguf *file)
{
    struct tokenizer *t = NULL;
    struct err e = {0};
    struct token_list l = TOKEN_LIST_INIT(1000);
    if (tokenizer_open(&t, file, &e) == 0)
        (void)tokenizer_encode(t, STR("Hello, world 12"), TOKENIZE_ENDS | TOKENIZE_SPECIAL, &l, &e);
    else
        assert(e.text[0]);
    for (size_t i = 0; i < l.count; i++)
        assert(l.id[i] >= 0 && l.id[i] < tokenizer_count(t));
    token_list_fini(&l);
    tokenizer_close(t);
}

/* The loader alone first: an engine for a huge model would only be slow. */
static bool opens(const struct gguf *file, bool *small)
{
    struct model *m = NULL;
    struct err e = {0};
    if (model_open(&m, file, 64, &e) < 0) {
        assert(e.text[0]);
        return false;
    }
    *small = is_small(m);
    model_close(m);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gguf *file = NULL;
    struct engine *g = NULL;
    struct err e = {0};
    bool small = false;
    char *bytes = size <= BYTES_MAX ? mem_zalloc_aligned(64, size + 1) : NULL;
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    if (gguf_open_memory(&file, str_of(bytes, size), &e) == 0) {
        use_tokens(file);
        if (!opens(file, &small) || !small) {
            gguf_close(file);
        } else {
            struct engine_options o = {.kernels = "ref", .threads = 1, .context = 64, .rows_max = 4};
            if (engine_open(&g, file, &o, &e) == 0)
                compute(g);
            else
                assert(e.text[0]);
            engine_close(g);
        }
    } else {
        assert(e.text[0]);
    }
    mem_free(bytes);
    return 0;
}
