/* tokenizer_special.c: special tokens in a text: user-defined ones always, control and unknown ones when asked. The longest goes
 * first through the whole text, then the next longest through what is left, and so on.
 *
 * One pass finds all places where one stands. Those that touch nothing of each other are apart: the text falls into islands, nearly all
 * of one place, and in each the longest goes first. An island of very many places (a megabyte of line ends, where runs of each length
 * are tokens) is gone through as the definition says, token by token: there are few different ones in it. */
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

static int add(struct fragments *f, struct str text, int32_t token)
{
    enum { FIRST = 16 };
    if (token == TOKEN_NONE && text.len == 0)
        return 0;
    if (f->count == f->cap) {
        struct fragment *grown = mem_grow(f->item, &f->cap, FIRST, sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        f->item = grown;
    }
    f->item[f->count++] = (struct fragment){text, token};
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* --- places ------------------------------------------------------------------------------------------------------------------------ */

enum { HITS_MAX = 1 << 18 /* of one island; 2 MiB */ };

struct hit { /* a token stands there; index: into special */
    uint32_t at, index;
};

struct finding {
    const struct tokenizer *t;
    struct str text;
    bool control;
    struct hit *hit; /* of this island; owned */
    size_t count, cap, reach; /* reach: where the island ends */
    bool eats;       /* one of its tokens takes the blanks behind it */
    uint8_t *taken;  /* (taken_cap) bytes of the island; owned */
    size_t taken_cap, from; /* from: text before it has been given out */
    struct fragments *out;
};

static struct str hit_text(const struct finding *f, const struct hit *h)
{
    return special_text(f->t, f->t->special[h->index]);
}

static int hit_add(struct finding *f, size_t at, size_t index)
{
    enum { FIRST = 64 };
    int32_t id = f->t->special[index];
    if (!f->control && token_type(f->t, id) != TOKEN_USER)
        return 0;
    size_t end = at + special_text(f->t, id).len;
    f->reach = end > f->reach ? end : f->reach;
    f->eats = f->eats || f->t->info[id] & TOKEN_EATS_SPACE;
    if (f->count > HITS_MAX)
        return 0; /* too many: they will be looked for again */
    if (f->count == f->cap) {
        struct hit *grown = mem_grow(f->hit, &f->cap, FIRST, sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        f->hit = grown;
    }
    f->hit[f->count++] = (struct hit){(uint32_t)at, (uint32_t)index};
    return 0;
}

/* Those that begin at `at`: the range of candidates narrows with each byte, the shortest stands first in it. */
static int hits_here(struct finding *f, size_t at)
{
    const struct tokenizer *t = f->t;
    unsigned byte = (unsigned char)f->text.ptr[at];
    size_t low = t->special_first[byte], high = t->special_first[byte + 1];
    int rc = 0;
    for (size_t depth = 1; low < high && rc == 0; depth++) {
        if (special_text(t, t->special[low]).len == depth)
            rc = hit_add(f, at, low++);
        if (at + depth == f->text.len || low == high)
            break;
        byte = (unsigned char)f->text.ptr[at + depth];
        low = first_with(t, low, high, depth, byte);
        high = first_with(t, low, high, depth, byte + 1);
    }
    return rc;
}

/* --- one island -------------------------------------------------------------------------------------------------------------------- */

static int by_length_then_place(const void *a, const void *b, void *finding)
{
    const struct hit *x = a, *y = b;
    size_t x_len = hit_text(finding, x).len, y_len = hit_text(finding, y).len;
    if (x_len != y_len)
        return x_len > y_len ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_place(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Puts it out, with the text before it; `until` is where the next token stands. */
static int give(struct finding *f, const struct hit *h, size_t until)
{
    struct str what = hit_text(f, h);
    int32_t id = f->t->special[h->index];
    int rc = add(f->out, str_slice(f->text, f->from, h->at), TOKEN_NONE);
    f->from = h->at + what.len;
    while (f->t->info[id] & TOKEN_EATS_SPACE && f->from < until && is_blank(f->text.ptr[f->from]))
        f->from++;
    return rc < 0 ? rc : add(f->out, what, id);
}

/* Keeps those that nothing longer has taken a byte of. Whoever was before is at least as long, so it has one end of what it touches. */
static int choose(struct finding *f, size_t start)
{
    size_t bytes = f->reach - start, kept = 0;
    if (f->count == 1)
        return 0;
    if (bytes > f->taken_cap) {
        mem_free(f->taken);
        f->taken = mem_alloc(bytes);
        f->taken_cap = f->taken ? bytes : 0;
        if (!f->taken)
            return ERR_NOMEM;
    }
    memset(f->taken, 0, bytes);
    qsort_r(f->hit, f->count, sizeof *f->hit, by_length_then_place, f);
    for (size_t i = 0; i < f->count; i++) {
        size_t at = f->hit[i].at - start, end = at + hit_text(f, &f->hit[i]).len;
        if (f->taken[at] || f->taken[end - 1])
            continue;
        bool eats = f->t->info[f->t->special[f->hit[i].index]] & TOKEN_EATS_SPACE;
        while (eats && end < bytes && !f->taken[end] && is_blank(f->text.ptr[start + end]))
            end++;
        memset(f->taken + at, 1, end - at);
        f->hit[kept++] = f->hit[i];
    }
    f->count = kept;
    qsort(f->hit, kept, sizeof *f->hit, by_place);
    return 0;
}

/* --- an island of very many: the definition ------------------------------------------------------------------------------------------ */

static struct str without_blanks(struct str text)
{
    while (text.len && is_blank(text.ptr[0]))
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

/* In order of their length through `text`, those that stand in it. */
static int split_by_length(struct finding *f, struct str text)
{
    const struct tokenizer *t = f->t;
    struct fragments parts = {0};
    int rc = add(&parts, text, TOKEN_NONE);
    for (size_t i = 0; i < t->special_count && rc == 0; i++) {
        int32_t id = t->special[t->special_by_length[i]];
        if ((f->control || token_type(t, id) == TOKEN_USER) && str_find(text, special_text(t, id)) >= 0)
            rc = split_all(t, id, &parts);
    }
    for (size_t i = 0; i < parts.count && rc == 0; i++)
        rc = add(f->out, parts.item[i].text, parts.item[i].token);
    mem_free(parts.item);
    return rc;
}

/* --- the whole ----------------------------------------------------------------------------------------------------------------------- */

static int settle(struct finding *f, size_t start)
{
    int rc;
    if (f->count > HITS_MAX) {
        rc = add(f->out, str_slice(f->text, f->from, start), TOKEN_NONE);
        f->from = f->reach;
        rc = rc < 0 ? rc : split_by_length(f, str_slice(f->text, start, f->reach));
    } else {
        rc = choose(f, start);
        for (size_t i = 0; i < f->count && rc == 0; i++)
            rc = give(f, &f->hit[i], i + 1 < f->count ? f->hit[i + 1].at : f->reach);
    }
    f->count = 0;
    f->eats = false;
    return rc;
}

int special_split(const struct tokenizer *t, struct str text, bool control, struct fragments *out)
{
    if (t->special_count == 0)
        return add(out, text, TOKEN_NONE);
    struct finding f = {.t = t, .text = text, .control = control, .out = out};
    size_t start = 0;
    int rc = 0;
    for (size_t at = 0; at <= text.len && rc == 0; at++) {
        if (f.count && at >= f.reach && at < text.len && f.eats && is_blank(text.ptr[at]))
            f.reach = at + 1; /* the blank belongs to it, or to a token of blanks */
        else if (f.count && at >= f.reach)
            rc = settle(&f, start);
        start = f.count ? start : at;
        if (rc == 0 && at < text.len)
            rc = hits_here(&f, at);
    }
    if (rc == 0)
        rc = add(out, str_skip(text, f.from), TOKEN_NONE);
    mem_free(f.hit);
    mem_free(f.taken);
    return rc;
}
