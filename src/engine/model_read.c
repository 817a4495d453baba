/* model_read.c: keys and tensors out of a model file, each with the shape the network needs. What was asked for is noted, so that what was
 * not can be told (model_unread.c). A key of another kind than it must be is an error: passed over it would be a silent default. */
#include "base/buf.h"
#include "engine/model_priv.h"
#include <math.h>
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

/* "llama.KEY"; NULL when the file has none, and after an error, this one's or an earlier one. */
static const char *whole_key(struct reading *r, const char *key)
{
    const char *whole = r->rc < 0 ? NULL : arena_format(&r->m->arena, "%.*s.%s", STR_FMT(r->m->architecture), key);
    if (!whole) {
        (void)read_fail(r, ERR_NOMEM, "model");
        return NULL;
    }
    size_t at = gguf_key_index(r->g, whole);
    if (at == gguf_key_count(r->g))
        return NULL;
    r->key_read[at] = true;
    return whole;
}

static void fail_kind(struct reading *r, const char *whole, const char *kind)
{
    (void)read_fail(r, ERR_SYNTAX, "`%s` is not %s, which it must be", whole, kind);
}

/* False when it is none. A list with one number per layer is the number they all are; where they differ the model is refused. */
static bool number_of(struct reading *r, const char *key, uint64_t *out)
{
    struct gguf_array a;
    if (gguf_get_u64(r->g, key, out))
        return true;
    if (!gguf_get_array(r->g, key, &a) || a.count == 0 || a.type == GGUF_STRING)
        return false;
    *out = (uint64_t)gguf_array_i64(&a, 0);
    for (uint64_t i = 1; i < a.count && r->rc == 0; i++)
        if ((uint64_t)gguf_array_i64(&a, i) != *out)
            (void)read_fail(r, ERR_UNSUPPORTED, "`%s` differs from layer to layer, which the engine cannot do", key);
    return true;
}

uint64_t read_u64(struct reading *r, const char *key, uint64_t otherwise)
{
    uint64_t n = otherwise;
    const char *whole = whole_key(r, key);
    if (whole && !number_of(r, whole, &n))
        fail_kind(r, whole, "a whole number");
    return n;
}

uint64_t read_u64_needed(struct reading *r, const char *key, uint64_t most)
{
    uint64_t n = 0;
    const char *whole = whole_key(r, key);
    if (!whole || !number_of(r, whole, &n))
        (void)read_fail(r, ERR_UNSUPPORTED, "the model file has no number `%.*s.%s`", STR_FMT(r->m->architecture), key);
    else if (n == 0 || n > most)
        (void)read_fail(r, ERR_LIMIT, "`%s` is %llu; 1 to %llu is what the engine takes", whole, (unsigned long long)n, (unsigned long long)most);
    return n;
}

double read_f64(struct reading *r, const char *key, double otherwise)
{
    double d = otherwise;
    const char *whole = whole_key(r, key);
    if (whole && !gguf_get_f64(r->g, whole, &d))
        fail_kind(r, whole, "a number");
    else if (whole && d - d != 0)
        (void)read_fail(r, ERR_SYNTAX, "`%s` is %g, which is no finite number", key, d);
    return d;
}

double read_f64_needed(struct reading *r, const char *key)
{
    double d = read_f64(r, key, NAN);
    if (d != d)
        (void)read_fail(r, ERR_UNSUPPORTED, "the model file has no number `%.*s.%s`", STR_FMT(r->m->architecture), key);
    else if (d < 0)
        (void)read_fail(r, ERR_SYNTAX, "`%s` is %g: it has to be a number from 0", key, d);
    return d;
}

bool read_bool(struct reading *r, const char *key, bool otherwise)
{
    bool b = otherwise;
    const char *whole = whole_key(r, key);
    if (whole && !gguf_get_bool(r->g, whole, &b))
        fail_kind(r, whole, "true or false");
    return b;
}

bool read_array(struct reading *r, const char *key, struct gguf_array *out)
{
    const char *whole = whole_key(r, key);
    return whole && gguf_get_array(r->g, whole, out);
}

struct str read_text(struct reading *r, const char *key, struct str otherwise)
{
    struct str s = otherwise;
    const char *whole = whole_key(r, key);
    if (whole && !gguf_get_text(r->g, whole, &s))
        fail_kind(r, whole, "a text");
    return s;
}

/* One whose numbers can be read; *name becomes its whole name. NULL when there is none, or after an error. */
static const struct gguf_tensor *tensor(struct reading *r, const char **name, enum need need)
{
    if (r->rc < 0)
        return NULL;
    if (r->layer != SIZE_MAX)
        *name = arena_format(&r->m->arena, "blk.%zu.%s", r->layer, *name);
    const struct gguf_tensor *t = *name ? gguf_tensor_find(r->g, *name) : NULL;
    if (!*name)
        (void)read_fail(r, ERR_NOMEM, "model");
    else if (!t && need == NEEDED)
        (void)read_fail(r, ERR_SYNTAX, "the model file has no tensor `%s`, which a model of the architecture `%.*s` needs", *name,
                        STR_FMT(r->m->architecture));
    if (t)
        r->tensor_read[t - gguf_tensor_at(r->g, 0)] = true;
    return t && (r->rc = gguf_tensor_readable(t, r->e)) == 0 ? t : NULL;
}


struct weight read_matrix(struct reading *r, const char *name, size_t k, size_t rows, enum need need)
{
    struct weight none = {0};
    const struct gguf_tensor *t = tensor(r, &name, need);
    if (!t)
        return none;
    const struct quant_info *q = quant_info(t->type);
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

static const float *read_row(struct reading *r, const char *name, size_t n, enum need need, bool first)
{
    const struct gguf_tensor *t = tensor(r, &name, need);
    if (!t)
        return NULL;
    const struct quant_info *q = quant_info(t->type);
    bool one = t->ne[1] == 1 && t->ne[2] == 1 && t->ne[3] == 1;
    if (t->ne[0] != n || n % q->block_elems || !(one || first)) {
        (void)read_fail(r, ERR_SYNTAX, "tensor `%s` holds %llu numbers as %s%s, not %zu as the rest of the file demands", name,
                        (unsigned long long)t->ne[0], q->name, one ? "" : " several times", n);
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

const float *read_vector(struct reading *r, const char *name, size_t n, enum need need)
{
    return read_row(r, name, n, need, false);
}

const float *read_first_row(struct reading *r, const char *name, size_t n, enum need need)
{
    return read_row(r, name, n, need, true);
}
