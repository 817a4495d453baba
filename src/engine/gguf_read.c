/* gguf_read.c: what stands between the head of a model file and its weights.
 *
 *   key      text: u64 length, bytes          tensor   text: name
 *   type     u32, enum gguf_type                       u32 number of dimensions
 *   value    scalar, text, or:                         u64 each of them, ne[0] the contiguous one
 *            u32 element type, u64 count,              u32 block type
 *            elements back to back                     u64 offset from the start of the data
 *
 * Every length is held against the bytes that are left before it is believed. */
#include "engine/gguf_priv.h"
#include "base/mem.h"

struct reader {
    const struct gguf_part *p;
    size_t at;
    const char *kind; /* what is being read, "key" or "tensor", for messages */
    uint64_t index, count;
    struct err *e;
};

/* "FILE: key 3 of 20 (\"name\"): …" is how each refusal starts. */
#define REFUSE(r, code, subject, format, ...)                                              \
    err_set((r)->e, code, "%s: %s %llu of %llu (\"%s\") " format, (r)->p->name, (r)->kind, \
            (unsigned long long)(r)->index + 1, (unsigned long long)(r)->count, gguf_shown(subject).text, __VA_ARGS__)

static uint64_t left(const struct reader *r)
{
    return r->p->size - r->at;
}

static int need(struct reader *r, uint64_t bytes)
{
    if (bytes <= left(r))
        return 0;
    return err_set(
        r->e, ERR_SYNTAX,
        "%s: the file ends after %zu bytes, inside %s %llu of %llu: at least %llu bytes are missing, as after a "
        "torn download; fetch it again",
        r->p->name, r->p->size, r->kind, (unsigned long long)r->index + 1, (unsigned long long)r->count,
        (unsigned long long)(bytes - left(r)));
}

static int read_u32(struct reader *r, uint32_t *out)
{
    int rc = need(r, 4);
    if (rc < 0)
        return rc;
    *out = gguf_u32(r->p->base + r->at);
    r->at += 4;
    return 0;
}

static int read_u64(struct reader *r, uint64_t *out)
{
    int rc = need(r, 8);
    if (rc < 0)
        return rc;
    *out = gguf_u64(r->p->base + r->at);
    r->at += 8;
    return 0;
}

static int read_text(struct reader *r, uint64_t bytes_min, uint64_t bytes_max, const char *what, struct str *out)
{
    uint64_t len = 0;
    int rc = read_u64(r, &len);
    if (rc < 0)
        return rc;
    if (len < bytes_min)
        return err_set(r->e, ERR_SYNTAX, "%s: %s %llu of %llu has no %s", r->p->name, r->kind,
                       (unsigned long long)r->index + 1, (unsigned long long)r->count, what);
    if (len > bytes_max)
        return err_set(r->e, ERR_LIMIT, "%s: %s %llu of %llu has a %s of %llu bytes; at most %llu are read", r->p->name,
                       r->kind, (unsigned long long)r->index + 1, (unsigned long long)r->count, what,
                       (unsigned long long)len, (unsigned long long)bytes_max);
    rc = need(r, len);
    if (rc < 0)
        return rc;
    *out = str_of(r->p->base + r->at, (size_t)len);
    r->at += (size_t)len;
    return 0;
}

static const uint8_t type_bytes[] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2,  [GGUF_I16] = 2,    [GGUF_U32] = 4,
    [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_STRING] = 0, [GGUF_ARRAY] = 0,
    [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

static int read_array_texts(struct reader *r, struct gguf_array *a)
{
    uint64_t *start = new0_array(uint64_t, (size_t)a->count + 1);
    if (!start)
        return err_set(r->e, ERR_NOMEM, "%s: %llu texts", r->p->name, (unsigned long long)a->count);
    a->start = start; /* owned by the value from here on */
    for (uint64_t i = 0; i < a->count; i++) {
        struct str text = STR_NONE;
        int rc = read_text(r, 0, GGUF_TEXT_BYTES_MAX, "text", &text);
        if (rc < 0)
            return rc;
        start[i] = (uint64_t)((const uint8_t *)text.ptr - a->data);
    }
    return 0;
}

static int read_array(struct reader *r, struct str key, struct gguf_array *a)
{
    uint32_t type = 0;
    uint64_t count = 0;
    int rc = read_u32(r, &type);
    if (rc == 0)
        rc = read_u64(r, &count);
    if (rc < 0)
        return rc;
    if (type == GGUF_ARRAY)
        return REFUSE(r, ERR_UNSUPPORTED, key, "is an array of type %d: an array of arrays, which is not read",
                      GGUF_ARRAY);
    if (type > GGUF_F64)
        return REFUSE(r, ERR_SYNTAX, key, "is an array of type %u, which GGUF does not have", type);
    if (count > GGUF_ARRAY_MAX)
        return REFUSE(r, ERR_LIMIT, key, "is an array of %llu elements; at most %d are read", (unsigned long long)count,
                      GGUF_ARRAY_MAX);
    uint64_t each = type == GGUF_STRING ? 8 : type_bytes[type]; /* a text is its length at least */
    rc = need(r, count * each);
    if (rc < 0)
        return rc;
    *a = (struct gguf_array){.type = (enum gguf_type)type, .count = count, .data = r->p->base + r->at};
    if (type == GGUF_STRING)
        return read_array_texts(r, a);
    r->at += (size_t)(count * each);
    return 0;
}

static int read_value(struct reader *r, struct gguf_value *v)
{
    uint32_t type = 0;
    int rc = read_text(r, 1, GGUF_KEY_BYTES_MAX, "name", &v->key);
    if (rc == 0)
        rc = read_u32(r, &type);
    if (rc < 0)
        return rc;
    if (type > GGUF_F64)
        return REFUSE(r, ERR_SYNTAX, v->key, "has a value of type %u, which GGUF does not have", type);
    v->type = (enum gguf_type)type;
    if (type == GGUF_STRING)
        return read_text(r, 0, GGUF_TEXT_BYTES_MAX, "text", &v->text);
    if (type == GGUF_ARRAY)
        return read_array(r, v->key, &v->array);
    rc = need(r, type_bytes[type]);
    if (rc < 0)
        return rc;
    v->at = r->p->base + r->at;
    r->at += type_bytes[type];
    return 0;
}

static int read_values(struct reader *r, struct gguf_values *out)
{
    out->list = new0_array(struct gguf_value, (size_t)r->count + 1);
    if (!out->list)
        return err_set(r->e, ERR_NOMEM, "%s: %llu keys", r->p->name, (unsigned long long)r->count);
    for (r->index = 0; r->index < r->count; r->index++) {
        out->count++; /* first: what a half-read value owns is freed with the others */
        int rc = read_value(r, &out->list[r->index]);
        if (rc < 0)
            return rc;
    }
    struct str twice = STR_NONE;
    if (gguf_index_values(out, &twice) < 0)
        return err_set(r->e, ERR_NOMEM, "%s: %zu keys", r->p->name, out->count);
    if (twice.ptr)
        return err_set(r->e, ERR_SYNTAX, "%s: the key \"%s\" stands in it twice", r->p->name, gguf_shown(twice).text);
    return 0;
}

static int read_dims(struct reader *r, struct gguf_tensor *t)
{
    int rc = read_u32(r, &t->dims);
    if (rc < 0)
        return rc;
    if (t->dims < 1 || t->dims > COUNT_OF(t->ne))
        return REFUSE(r, ERR_SYNTAX, t->name, "has %u dimensions; 1 to 4 are possible", t->dims);
    int64_t product = 1;
    for (uint32_t d = 0; d < COUNT_OF(t->ne); d++) {
        t->ne[d] = 1;
        if (d >= t->dims)
            continue;
        rc = read_u64(r, &t->ne[d]);
        if (rc < 0)
            return rc;
        if (t->ne[d] == 0 || t->ne[d] > INT64_MAX || __builtin_mul_overflow(product, (int64_t)t->ne[d], &product))
            return REFUSE(r, ERR_SYNTAX, t->name, "has a size of %llu in dimension %u: no tensor can have that",
                          (unsigned long long)t->ne[d], d + 1);
    }
    return 0;
}

/* A type that is known by name only is no reason to refuse the file: the tensor may not be needed. One without a size is, since
 * nobody can tell where the tensor ends. */
static int read_type(struct reader *r, struct gguf_tensor *t)
{
    int rc = read_u32(r, &t->type);
    if (rc < 0)
        return rc;
    const struct quant_info *q = quant_info(t->type);
    if (!q)
        return REFUSE(r, ERR_UNSUPPORTED, t->name,
                      "is stored as block type %u, which is removed from GGUF or private to another program; fetch the "
                      "model in another quantisation, such as Q4_K_M",
                      t->type);
    if (t->ne[0] % q->block_elems)
        return REFUSE(r, ERR_SYNTAX, t->name, "has rows of %llu weights, which is no multiple of the %u of a %s block",
                      (unsigned long long)t->ne[0], q->block_elems, q->name);
    uint64_t blocks = t->ne[0] / q->block_elems * t->ne[1] * t->ne[2] * t->ne[3];
    if (__builtin_mul_overflow(blocks, (uint64_t)q->block_bytes, &t->bytes))
        return REFUSE(r, ERR_SYNTAX, t->name, "is larger than any file: %llu blocks of %s", (unsigned long long)blocks,
                      q->name);
    return 0;
}

static int read_tensor(struct reader *r, struct gguf_tensor *t, uint64_t *offset)
{
    int rc = read_text(r, 1, GGUF_NAME_BYTES_MAX, "name", &t->name);
    if (rc == 0)
        rc = read_dims(r, t);
    if (rc == 0)
        rc = read_type(r, t);
    if (rc == 0)
        rc = read_u64(r, offset);
    return rc;
}

static int alignment_of(const struct gguf_part *p, const struct gguf_values *v, uint64_t *out, struct err *e)
{
    const struct gguf_value *key = gguf_value_find(v, "general.alignment");
    if (!key) {
        *out = GGUF_ALIGNMENT;
        return 0;
    }
    if (key->type != GGUF_U32)
        return err_set(e, ERR_SYNTAX, "%s: general.alignment is no 32-bit number", p->name);
    uint32_t alignment = gguf_u32(key->at);
    if (alignment < GGUF_ALIGNMENT_MIN || (alignment & (alignment - 1)))
        return err_set(e, ERR_SYNTAX, "%s: general.alignment is %u; it must be a power of two, %d or more", p->name,
                       alignment, GGUF_ALIGNMENT_MIN);
    *out = alignment;
    return 0;
}

static int read_tensors(struct gguf *g, struct gguf_part *p, struct reader *r, uint64_t alignment)
{
    size_t count = (size_t)r->count, all = g->tensor_count + count;
    if (all > GGUF_TENSORS_MAX)
        return err_set(r->e, ERR_LIMIT, "%s: with it the model has %zu tensors; at most %d are read", p->name, all,
                       GGUF_TENSORS_MAX);
    struct gguf_tensor *list = mem_realloc(g->tensors, (all + 1) * sizeof *list);
    if (list)
        g->tensors = list;
    struct gguf_offset *offsets = list ? new0_array(struct gguf_offset, count + 1) : NULL;
    if (!offsets)
        return err_set(r->e, ERR_NOMEM, "%s: %zu tensors", p->name, count);
    p->tensor_first = g->tensor_count;
    p->tensor_count = count;
    int rc = 0;
    for (r->index = 0; rc == 0 && r->index < r->count; r->index++) {
        struct gguf_tensor *t = &g->tensors[p->tensor_first + r->index];
        *t = (struct gguf_tensor){0};
        offsets[r->index].tensor = (size_t)r->index;
        rc = read_tensor(r, t, &offsets[r->index].from_data);
    }
    if (rc == 0) {
        p->data_at = (r->at + alignment - 1) & ~(alignment - 1);
        rc = gguf_part_place(g, p, offsets, alignment, r->e);
    }
    if (rc == 0)
        g->tensor_count = all;
    mem_free(offsets);
    return rc;
}

int gguf_part_read(struct gguf *g, struct gguf_part *p, struct gguf_values *out, struct err *e)
{
    uint64_t tensor_count = 0, value_count = 0, alignment = 0;
    int rc = gguf_head_read(p, &tensor_count, &value_count, e);
    if (rc < 0)
        return rc;
    struct reader r = {.p = p, .at = GGUF_HEAD_BYTES, .kind = "key", .count = value_count, .e = e};
    rc = read_values(&r, out);
    if (rc == 0)
        rc = alignment_of(p, out, &alignment, e);
    if (rc < 0)
        return rc;
    r.kind = "tensor";
    r.count = tensor_count;
    return read_tensors(g, p, &r, alignment);
}

void gguf_values_fini(struct gguf_values *v)
{
    for (size_t i = 0; i < v->count; i++)
        mem_free((void *)(uintptr_t)v->list[i].array.start); /* const to readers only */
    mem_free(v->list);
    mem_free(v->by_name);
    *v = (struct gguf_values){0};
}
