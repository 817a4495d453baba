/* tokenizer_special.c: special tokens in a text: user-defined ones always, control and unknown ones when asked. The longest goes
 * first through the whole text, then the next longest through what is left, and so on; so that this costs little, one pass over the
 * text finds out which of them it contains at all, which is nearly always a handful. */
#include "engine/tokenizer_priv.h"

static bool is_special(const struct tokenizer *t, int32_t id)
{
    enum token_type type = token_type(t, id);
    return (type == TOKEN_USER || type == TOKEN_CONTROL || type == TOKEN_UNKNOWN) && special_text(t, id).len > 0;
}

struct sorted { /* what is compared, without asking the file again */
    struct str text;
    int32_t id;
};

static int by_text(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    int order = str_compare(x->text, y->text);
    return order ? order : x->id < y->id ? -1 : 1;
}

static int by_length(const void *a, const void *b)
{
    const struct sorted *x = a, *y = b;
    if (x->text.len != y->text.len)
        return x->text.len > y->text.len ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* Copies the ids, each text once: of equal ones the first. */
static size_t copy_ids(const struct sorted *from, size_t count, int32_t *to)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_eq(from[i].text, from[i - 1].text))
            to[kept++] = from[i].id;
    return kept;
}

int special_open(struct tokenizer *t, struct err *e)
{
    size_t count = 0;
    for (int32_t i = 0; i < t->count; i++)
        count += is_special(t, i);
    struct sorted *sorted = new0_array(struct sorted, count + 1);
    t->special = new0_array(int32_t, count + 1);
    t->special_by_length = new0_array(int32_t, count + 1); /* indices into special */
    if (!sorted || !t->special || !t->special_by_length) {
        mem_free(sorted);
        return err_set(e, ERR_NOMEM, "a vocabulary");
    }
    size_t at = 0;
    for (int32_t i = 0; i < t->count; i++)
        if (is_special(t, i))
            sorted[at++] = (struct sorted){special_text(t, i), i};
    qsort(sorted, count, sizeof *sorted, by_text);
    t->special_count = copy_ids(sorted, count, t->special);
    for (size_t i = 0; i < t->special_count; i++)
        sorted[i] = (struct sorted){special_text(t, t->special[i]), (int32_t)i};
    qsort(sorted, t->special_count, sizeof *sorted, by_length);
    for (size_t i = 0; i < t->special_count; i++)
        t->special_by_length[i] = sorted[i].id;
    mem_free(sorted);
    for (size_t byte = 0, i = 0; byte <= 256; byte++) {
        while (i < t->special_count && (unsigned char)special_text(t, t->special[i]).ptr[0] < byte)
            i++;
        t->special_first[byte] = (uint32_t)i;
    }
    return 0;
}

/* The first of special[low..high) whose byte at `depth` is at least `byte`; all have one there, and agree on those before. */
static size_t first_with(const struct tokenizer *t, size_t low, size_t high, size_t depth, unsigned byte)
{
    while (low < high) {
        size_t middle = (low + high) / 2;
        if ((unsigned char)special_text(t, t->special[middle]).ptr[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Marks those that begin at p: the range of candidates narrows with each byte, the shortest stands first in it. */
static bool mark_here(const struct tokenizer *t, const char *p, const char *end, uint8_t *seen)
{
    unsigned byte = (unsigned char)*p;
    size_t low = t->special_first[byte], high = t->special_first[byte + 1];
    bool any = false;
    for (size_t depth = 1; low < high; depth++) {
        if (special_text(t, t->special[low]).len == depth) {
            seen[low++] = 1;
            any = true;
        }
        if (p + depth == end || low == high)
            break;
        byte = (unsigned char)p[depth];
        low = first_with(t, low, high, depth, byte);
        high = first_with(t, low, high, depth, byte + 1);
    }
    return any;
}

static int add(struct fragments *f, struct str text, int32_t token)
{
    enum { FIRST = 16 };
    if (token == TOKEN_NONE && text.len == 0)
        return 0;
    if (f->count == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : FIRST;
        struct fragment *grown = mem_realloc(f->item, cap * sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        f->item = grown;
        f->cap = cap;
    }
    f->item[f->count++] = (struct fragment){text, token};
    return 0;
}

static struct str without_blanks(struct str text)
{
    while (text.len && (text.ptr[0] == ' ' || (text.ptr[0] >= '\t' && text.ptr[0] <= '\r')))
        text = str_skip(text, 1);
    return text;
}

static int split_one(const struct tokenizer *t, struct str text, int32_t id, struct fragments *out)
{
    struct str what = special_text(t, id);
    int rc = 0;
    while (rc == 0) {
        ptrdiff_t at = str_find(text, what);
        if (at < 0)
            return add(out, text, TOKEN_NONE);
        rc = add(out, str_slice(text, 0, (size_t)at), TOKEN_NONE);
        if (rc == 0)
            rc = add(out, what, id);
        text = str_skip(text, (size_t)at + what.len);
        if (t->info[id] & TOKEN_EATS_SPACE)
            text = without_blanks(text);
    }
    return rc;
}

static int split_all(const struct tokenizer *t, int32_t id, struct fragments *f)
{
    struct fragments next = {0};
    int rc = 0;
    for (size_t i = 0; i < f->count && rc == 0; i++)
        rc = f->item[i].token == TOKEN_NONE ? split_one(t, f->item[i].text, id, &next) : add(&next, f->item[i].text, f->item[i].token);
    mem_free(f->item);
    *f = next;
    return rc;
}

int special_split(const struct tokenizer *t, struct str text, bool control, struct fragments *out)
{
    int rc = add(out, text, TOKEN_NONE);
    if (rc < 0 || t->special_count == 0)
        return rc;
    uint8_t *seen = new0_array(uint8_t, t->special_count);
    if (!seen)
        return ERR_NOMEM;
    bool any = false;
    for (const char *p = text.ptr, *end = p + text.len; p < end; p++)
        any |= mark_here(t, p, end, seen);
    for (size_t i = 0; any && i < t->special_count && rc == 0; i++) {
        int32_t index = t->special_by_length[i], id = t->special[index];
        if (seen[index] && (control || token_type(t, id) == TOKEN_USER))
            rc = split_all(t, id, out);
    }
    mem_free(seen);
    return rc;
}
