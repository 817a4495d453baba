/* gguf_place.c: where the tensors of a file lie. The reference reader wants them back to back; we want what reading needs: each
 * aligned, whole inside the file, and none over another. */
#include "engine/gguf_priv.h"
#include <assert.h>

static int by_offset(const void *a, const void *b)
{
    const struct gguf_offset *x = a, *y = b;
    return x->from_data < y->from_data ? -1 : x->from_data > y->from_data;
}

/* Where a tensor's bytes end in the file; false when no number says it. */
static bool end_of(const struct gguf_part *p, uint64_t from_data, uint64_t bytes, uint64_t *end)
{
    return !__builtin_add_overflow(p->data_at, from_data, end) && !__builtin_add_overflow(*end, bytes, end);
}

static int check_end(const struct gguf_part *p, uint64_t end, const struct gguf_tensor *last, struct err *e)
{
    if (end <= p->size)
        return 0;
    return err_set(
        e, ERR_SYNTAX,
        "%s: the file ends after %zu bytes, but its tensors reach to %llu (\"%s\" is the last): %llu bytes are "
        "missing, as after a torn download; fetch it again",
        p->name, p->size, (unsigned long long)end, gguf_shown(last->name).text, (unsigned long long)(end - p->size));
}

int gguf_part_place(struct gguf *g, struct gguf_part *p, struct gguf_offset *offsets, uint64_t alignment, struct err *e)
{
    assert(alignment >= GGUF_ALIGNMENT_MIN && p->data_at % alignment == 0);
    struct gguf_tensor *list = g->tensors + p->tensor_first, *before = NULL;
    uint64_t free_from = 0, end = 0;
    qsort(offsets, p->tensor_count, sizeof *offsets, by_offset);
    for (size_t i = 0; i < p->tensor_count; i++) {
        struct gguf_tensor *t = &list[offsets[i].tensor];
        uint64_t at = offsets[i].from_data;
        if (at % alignment)
            return err_set(e, ERR_SYNTAX,
                           "%s: tensor \"%s\" starts at offset %llu, which is no multiple of the alignment %llu",
                           p->name, gguf_shown(t->name).text, (unsigned long long)at, (unsigned long long)alignment);
        if (at < free_from)
            return err_set(e, ERR_SYNTAX, "%s: tensor \"%s\" starts at offset %llu, inside tensor \"%s\"", p->name,
                           gguf_shown(t->name).text, (unsigned long long)at, gguf_shown(before->name).text);
        if (!end_of(p, at, t->bytes, &end))
            return err_set(e, ERR_SYNTAX,
                           "%s: tensor \"%s\" of %llu bytes starts at offset %llu: no file is that large", p->name,
                           gguf_shown(t->name).text, (unsigned long long)t->bytes, (unsigned long long)at);
        before = t;
        free_from = at + t->bytes;
    }
    /* Sorted and apart: the last one reaches farthest. */
    int rc = before ? check_end(p, end, before, e) : 0;
    for (size_t i = 0; rc == 0 && i < p->tensor_count; i++)
        list[offsets[i].tensor].data = p->base + p->data_at + offsets[i].from_data;
    return rc;
}
