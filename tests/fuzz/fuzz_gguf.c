/* fuzz_gguf.c: any bytes as a model file. One that is opened keeps what gguf.h promises: tensors whole inside the file, aligned and
 * of a known size, names and keys found again, arrays that can be read to their end. One that is not says why. */
#include "base/err.h"
#include "base/mem.h"
#include "engine/gguf.h"
#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum_of(struct str bytes) /* reads every one: the sanitizer sees those that are not there */
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.len; i++)
        sum += (uint8_t)bytes.ptr[i];
    return sum;
}

static uint64_t check_tensor(const struct gguf *g, const struct gguf_tensor *t, struct str file)
{
    char name[64];
    const struct quant_info *q = quant_info(t->type);
    assert(q && t->name.len > 0 && t->name.len < sizeof name && t->dims >= 1 && t->dims <= 4);
    assert(t->ne[0] % q->block_elems == 0);
    assert(t->bytes == quant_row_bytes(q, t->ne[0]) * t->ne[1] * t->ne[2] * t->ne[3]);
    assert((const char *)t->data >= file.ptr && (const char *)t->data + t->bytes <= file.ptr + file.len);
    assert((uintptr_t)t->data % 8 == 0);
    memcpy(name, t->name.ptr, t->name.len);
    name[t->name.len] = 0;
    assert(memchr(t->name.ptr, 0, t->name.len) || gguf_tensor_find(g, name) == t);
    float out[256];
    if (gguf_tensor_readable(t, NULL) == 0)
        q->decode(t->data, out, q->block_elems);
    return sum_of(str_of(t->data, (size_t)t->bytes));
}

static uint64_t check_array(const struct gguf_array *a)
{
    uint64_t sum = 0;
    assert(a->type != GGUF_ARRAY);
    for (uint64_t i = 0; i < a->count; i++)
        sum += sum_of(gguf_array_text(a, i)) + (uint64_t)gguf_array_i64(a, i) + (gguf_array_f64(a, i) > 0);
    return sum;
}

/* Keys that the corpus has, asked for as every kind. */
static uint64_t check_keys(const struct gguf *g)
{
    static const char *const keys[] = {"general.architecture",
                                       "general.alignment",
                                       "general.file_type",
                                       "split.count",
                                       "tokenizer.ggml.tokens",
                                       "tokenizer.ggml.scores",
                                       "tokenizer.ggml.token_type",
                                       "tokenizer.ggml.merges",
                                       "tokenizer.chat_template",
                                       "llama.block_count",
                                       "k",
                                       ""};
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        uint64_t u = 0;
        int64_t n = 0;
        double f = 0;
        bool yes = false;
        struct str text = STR_NONE;
        struct gguf_array a;
        bool as_u = gguf_get_u64(g, keys[i], &u), as_i = gguf_get_i64(g, keys[i], &n),
             as_f = gguf_get_f64(g, keys[i], &f);
        assert(!as_u || !as_i || u == (uint64_t)n);
        assert(as_f || (!as_u && !as_i));
        assert(!gguf_get_bool(g, keys[i], &yes) || !as_f);
        if (gguf_get_text(g, keys[i], &text))
            sum += sum_of(text);
        if (gguf_get_array(g, keys[i], &a))
            sum += check_array(&a);
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static volatile uint64_t sink; /* what was read must not be optimised away */
    struct gguf *g = NULL;
    struct err e = {0};
    struct str file = str_of(data, size);
    if (gguf_open_memory(&g, file, &e) == 0) {
        uint64_t sum = check_keys(g), bytes = 0;
        for (size_t i = 0; i < gguf_tensor_count(g); i++) {
            sum += check_tensor(g, gguf_tensor_at(g, i), file);
            bytes += gguf_tensor_at(g, i)->bytes;
        }
        assert(gguf_bytes(g) == size && gguf_tensor_bytes(g) == bytes && bytes <= size); /* none over another */
        sink += sum;
        gguf_close(g);
    } else {
        assert(!g && e.code < 0 && e.text[0]);
    }
    return 0;
}
