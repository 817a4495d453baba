/* model_read.c: keys and tensors out of a model file, each with the shape the network needs. */
#include "base/buf.h"
#include "engine/model_priv.h"
#include <stdarg.h>

int read_fail(struct reading *r, int code, const char *format, ...)
{
    if (r->rc < 0)
        return r->rc;
    struct buf b = BUF_INIT(1000);
    va_list args;
    va_start(args, format);
    (void)buf_append_format_v(&b, format, args);
    va_end(args);
    r->rc = err_set(r->e, code, "%.*s", STR_FMT(buf_str(&b)));
    buf_fini(&b);
    return r->rc;
}

static const char *whole_key(struct reading *r, const char *key)
{
    const char *whole = arena_format(&r->m->arena, "%.*s.%s", STR_FMT(r->m->architecture), key);
    if (!whole)
        (void)read_fail(r, ERR_NOMEM, "model");
    return whole;
}

/* The largest of a list with one number per layer counts as the number; models that differ by layer are refused where it matters. */
static bool number_of(const struct gguf *g, const char *key, uint64_t *out)
{
    struct gguf_array a;
    if (gguf_get_u64(g, key, out))
        return true;
    if (!gguf_get_array(g, key, &a) || a.count == 0)
        return false;
    *out = (uint64_t)gguf_array_i64(&a, 0);
    for (uint64_t i = 1; i < a.count; i++)
        if ((uint64_t)gguf_array_i64(&a, i) != *out)
            return false;
    return true;
}

uint64_t read_u64(struct reading *r, const char *key, uint64_t otherwise)
{
    uint64_t n = otherwise;
    const char *whole = r->rc < 0 ? NULL : whole_key(r, key);
    if (whole)
        (void)number_of(r->g, whole, &n);
    return n;
}

uint64_t read_u64_needed(struct reading *r, const char *key, uint64_t most)
{
    uint64_t n = 0;
    const char *whole = r->rc < 0 ? NULL : whole_key(r, key);
    if (!whole)
        return 0;
    if (!number_of(r->g, whole, &n))
        (void)read_fail(r, ERR_UNSUPPORTED, "the model file has no number `%s` that holds for every layer", whole);
    else if (n == 0 || n > most)
        (void)read_fail(r, ERR_LIMIT, "`%s` is %llu; 1 to %llu is what the engine takes", whole, (unsigned long long)n, (unsigned long long)most);
    return n;
}

double read_f64(struct reading *r, const char *key, double otherwise)
{
    double d = otherwise;
    const char *whole = r->rc < 0 ? NULL : whole_key(r, key);
    if (whole)
        (void)gguf_get_f64(r->g, whole, &d);
    return d;
}

bool read_bool(struct reading *r, const char *key, bool otherwise)
{
    bool b = otherwise;
    const char *whole = r->rc < 0 ? NULL : whole_key(r, key);
    if (whole)
        (void)gguf_get_bool(r->g, whole, &b);
    return b;
}

static const struct gguf_tensor *tensor(struct reading *r, const char *name, enum need need)
{
    if (r->rc < 0)
        return NULL;
    const struct gguf_tensor *t = gguf_tensor_find(r->g, name);
    if (!t && need == NEEDED)
        (void)read_fail(r, ERR_SYNTAX, "the model file has no tensor `%s`, which a model of the architecture `%.*s` needs", name,
                        STR_FMT(r->m->architecture));
    return t;
}

static const char *tensor_name(struct reading *r, const char *name)
{
    const char *whole = r->layer == SIZE_MAX ? name : arena_format(&r->m->arena, "blk.%zu.%s", r->layer, name);
    if (!whole)
        (void)read_fail(r, ERR_NOMEM, "model");
    return whole;
}

struct weight read_matrix(struct reading *r, const char *name, size_t k, size_t rows, enum need need)
{
    struct weight none = {0};
    name = r->rc < 0 ? name : tensor_name(r, name);
    const struct gguf_tensor *t = name ? tensor(r, name, need) : NULL;
    if (!t)
        return none;
    const struct quant_info *q = quant_info(t->type);
    if ((r->rc = gguf_tensor_readable(t, r->e)) < 0)
        return none;
    if (!kernels_ref()->matmul[t->type]) {
        (void)read_fail(r, ERR_UNSUPPORTED, "tensor `%s` is stored as %s, which the engine cannot compute with", name, q->name);
        return none;
    }
    if (t->dims > 2 || t->ne[0] != k || (rows && t->ne[1] != rows) || t->ne[1] == 0) {
        (void)read_fail(r, ERR_SYNTAX, "tensor `%s` has the shape %llu x %llu, not %zu x %zu as the rest of the file demands", name,
                        (unsigned long long)t->ne[0], (unsigned long long)t->ne[1], k, rows ? rows : (size_t)t->ne[1]);
        return none;
    }
    return (struct weight){t->type, t->data, quant_row_bytes(q, k), (size_t)t->ne[1], k};
}

const float *read_vector(struct reading *r, const char *name, size_t n, enum need need)
{
    name = r->rc < 0 ? name : tensor_name(r, name);
    const struct gguf_tensor *t = name ? tensor(r, name, need) : NULL;
    if (!t)
        return NULL;
    const struct quant_info *q = quant_info(t->type);
    if ((r->rc = gguf_tensor_readable(t, r->e)) < 0)
        return NULL;
    if (t->ne[0] < n || n % q->block_elems) { /* more is fine: bert's token types are several vectors, of which the first counts */
        (void)read_fail(r, ERR_SYNTAX, "tensor `%s` holds %llu numbers as %s, not %zu as the rest of the file demands", name,
                        (unsigned long long)t->ne[0], q->name, n);
        return NULL;
    }
    if (t->type == QUANT_F32 && (uintptr_t)t->data % sizeof(float) == 0)
        return t->data;
    float *copy = arena_alloc(&r->m->arena, n * sizeof(float));
    if (!copy)
        (void)read_fail(r, ERR_NOMEM, "tensor `%s`", name);
    else
        q->decode(t->data, copy, n);
    return copy;
}
