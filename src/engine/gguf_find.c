/* gguf_find.c: values and tensors by name.
 *
 * Names are found by halving a sorted index: a file is hostile, and names can be made to collide in a hash table but not in an
 * order. A model looks its names up once, when it is loaded. */
#include "engine/gguf_priv.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>

static struct str key_at(const void *list, size_t i)
{
    return ((const struct gguf_value *)list)[i].key;
}

static struct str tensor_name_at(const void *list, size_t i)
{
    return ((const struct gguf_tensor *)list)[i].name;
}

struct index {
    const void *list;
    struct str (*name)(const void *list, size_t i);
};

static int by_name(const void *a, const void *b, void *arg)
{
    const struct index *x = arg;
    return str_compare(x->name(x->list, *(const uint32_t *)a), x->name(x->list, *(const uint32_t *)b));
}

static uint32_t *index_build(const struct index *x, size_t count, struct str *twice)
{
    uint32_t *sorted = new0_array(uint32_t, count + 1);
    if (!sorted)
        return NULL;
    for (size_t i = 0; i < count; i++)
        sorted[i] = (uint32_t)i;
    qsort_r(sorted, count, sizeof *sorted, by_name, (void *)(uintptr_t)x);
    for (size_t i = 1; i < count; i++)
        if (by_name(&sorted[i - 1], &sorted[i], (void *)(uintptr_t)x) == 0)
            *twice = x->name(x->list, sorted[i]);
    return sorted;
}

/* Index in the list, or `count`. */
static size_t index_find(const struct index *x, const uint32_t *sorted, size_t count, struct str name)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(x->name(x->list, sorted[middle]), name);
        if (order == 0)
            return sorted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return count;
}

int gguf_index_values(struct gguf_values *v, struct str *twice)
{
    v->by_name = index_build(&(struct index){v->list, key_at}, v->count, twice);
    return v->by_name ? 0 : ERR_NOMEM;
}

int gguf_index_tensors(struct gguf *g, struct str *twice)
{
    g->by_name = index_build(&(struct index){g->tensors, tensor_name_at}, g->tensor_count, twice);
    return g->by_name ? 0 : ERR_NOMEM;
}

const struct gguf_value *gguf_value_find(const struct gguf_values *v, const char *key)
{
    size_t i = index_find(&(struct index){v->list, key_at}, v->by_name, v->count, str_from(key));
    return i < v->count ? &v->list[i] : NULL;
}

size_t gguf_key_count(const struct gguf *g)
{
    return g->values.count;
}

struct str gguf_key_at(const struct gguf *g, size_t index)
{
    assert(index < g->values.count);
    return g->values.list[index].key;
}

size_t gguf_key_index(const struct gguf *g, const char *key)
{
    return index_find(&(struct index){g->values.list, key_at}, g->values.by_name, g->values.count, str_from(key));
}

const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name)
{
    size_t i = index_find(&(struct index){g->tensors, tensor_name_at}, g->by_name, g->tensor_count, str_from(name));
    return i < g->tensor_count ? &g->tensors[i] : NULL;
}

/* An integer of any width; false for other types and for what an int64 cannot hold. */
static bool read_i64(enum gguf_type type, const uint8_t *at, int64_t *out)
{
#define READ(GGUF, T)             \
    case GGUF: {                  \
        T v;                      \
        memcpy(&v, at, sizeof v); \
        *out = (int64_t)v;        \
        return true;              \
    }
    switch (type) {
        READ(GGUF_U8, uint8_t)
        READ(GGUF_I8, int8_t)
        READ(GGUF_U16, uint16_t)
        READ(GGUF_I16, int16_t)
        READ(GGUF_U32, uint32_t)
        READ(GGUF_I32, int32_t)
        READ(GGUF_I64, int64_t)
    case GGUF_U64:
        if (gguf_u64(at) > INT64_MAX)
            return false;
        *out = (int64_t)gguf_u64(at);
        return true;
    default: return false;
    }
#undef READ
}

static bool read_f64(enum gguf_type type, const uint8_t *at, double *out)
{
    float f;
    int64_t i;
    if (type == GGUF_F32) {
        memcpy(&f, at, sizeof f);
        *out = (double)f;
    } else if (type == GGUF_F64) {
        memcpy(out, at, sizeof *out);
    } else if (type == GGUF_U64) {
        *out = (double)gguf_u64(at);
    } else if (read_i64(type, at, &i)) {
        *out = (double)i;
    } else {
        return false;
    }
    return true;
}

bool gguf_value_i64(const struct gguf_value *v, int64_t *out)
{
    return v && v->at && read_i64(v->type, v->at, out);
}

bool gguf_get_i64(const struct gguf *g, const char *key, int64_t *out)
{
    return gguf_value_i64(gguf_value_find(&g->values, key), out);
}

bool gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out)
{
    const struct gguf_value *v = gguf_value_find(&g->values, key);
    int64_t i;
    if (v && v->type == GGUF_U64)
        *out = gguf_u64(v->at);
    else if (gguf_value_i64(v, &i) && i >= 0)
        *out = (uint64_t)i;
    else
        return false;
    return true;
}

bool gguf_get_f64(const struct gguf *g, const char *key, double *out)
{
    const struct gguf_value *v = gguf_value_find(&g->values, key);
    return v && v->at && read_f64(v->type, v->at, out);
}

bool gguf_get_bool(const struct gguf *g, const char *key, bool *out)
{
    const struct gguf_value *v = gguf_value_find(&g->values, key);
    if (!v || v->type != GGUF_BOOL)
        return false;
    *out = *v->at != 0;
    return true;
}

bool gguf_get_text(const struct gguf *g, const char *key, struct str *out)
{
    const struct gguf_value *v = gguf_value_find(&g->values, key);
    if (!v || v->type != GGUF_STRING)
        return false;
    *out = v->text;
    return true;
}

bool gguf_get_array(const struct gguf *g, const char *key, struct gguf_array *out)
{
    const struct gguf_value *v = gguf_value_find(&g->values, key);
    if (!v || v->type != GGUF_ARRAY)
        return false;
    *out = v->array;
    return true;
}

struct str gguf_array_text(const struct gguf_array *a, uint64_t index)
{
    assert(index < a->count);
    if (a->type != GGUF_STRING)
        return STR_NONE;
    const uint8_t *text = a->data + a->start[index];
    return str_of(text, (size_t)gguf_u64(text - 8));
}

/* Elements of an array, by the width of their type; NULL for texts. */
static const uint8_t *element(const struct gguf_array *a, uint64_t index)
{
    assert(index < a->count);
    switch (a->type) {
    case GGUF_U8:
    case GGUF_I8:
    case GGUF_BOOL: return a->data + index;
    case GGUF_U16:
    case GGUF_I16: return a->data + 2 * index;
    case GGUF_U32:
    case GGUF_I32:
    case GGUF_F32: return a->data + 4 * index;
    case GGUF_U64:
    case GGUF_I64:
    case GGUF_F64: return a->data + 8 * index;
    default: return NULL;
    }
}

/* The nearest integer below; what no int64 can hold, NaN too, is 0. */
static int64_t whole(double f)
{
    return f >= -0x1p63 && f < 0x1p63 ? (int64_t)floor(f) : 0;
}

int64_t gguf_array_i64(const struct gguf_array *a, uint64_t index)
{
    const uint8_t *at = element(a, index);
    int64_t i = 0;
    double f = 0;
    if (!at)
        return 0;
    if (a->type == GGUF_BOOL)
        return *at != 0;
    return read_i64(a->type, at, &i) ? i : read_f64(a->type, at, &f) ? whole(f) : 0;
}

double gguf_array_f64(const struct gguf_array *a, uint64_t index)
{
    const uint8_t *at = element(a, index);
    double f = 0;
    if (!at)
        return 0;
    if (a->type == GGUF_BOOL)
        return *at != 0;
    return read_f64(a->type, at, &f) ? f : 0;
}
