/* prefix.c: a short list of kept sequences, searched from end to end: comparing tokens is nothing beside computing one. */
#include "engine/prefix.h"
#include "base/mem.h"

struct entry {
    struct kv_sequence sequence; /* owned */
    int32_t *token;              /* (sequence.length), owned */
    uint64_t used, conversation;
};

struct prefix_index {
    struct kv_pool *kv;
    struct entry *entry;
    size_t count, max;
    uint64_t turn;
};

int prefix_new(struct prefix_index **out, struct kv_pool *kv, size_t entries_max, struct err *e)
{
    struct prefix_index *p = new0(struct prefix_index);
    if (p)
        p->entry = new0_array(struct entry, entries_max);
    if (!p || !p->entry) {
        mem_free(p);
        return err_set(e, ERR_NOMEM, "prefix index");
    }
    p->kv = kv;
    p->max = entries_max;
    *out = p;
    return 0;
}

static void drop(struct prefix_index *p, size_t i)
{
    kv_clear(p->kv, &p->entry[i].sequence);
    mem_free(p->entry[i].token);
    p->entry[i] = p->entry[--p->count];
}

void prefix_free(struct prefix_index *p)
{
    if (!p)
        return;
    while (p->count)
        drop(p, p->count - 1);
    mem_free(p->entry);
    mem_free(p);
}

size_t prefix_count(const struct prefix_index *p)
{
    return p->count;
}

bool prefix_drop_oldest(struct prefix_index *p)
{
    if (p->count == 0)
        return false;
    size_t oldest = 0;
    for (size_t i = 1; i < p->count; i++)
        if (p->entry[i].used < p->entry[oldest].used)
            oldest = i;
    drop(p, oldest);
    return true;
}

static size_t common(const int32_t *a, size_t a_count, const int32_t *b, size_t b_count)
{
    size_t n = a_count < b_count ? a_count : b_count, i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i;
}

/* Another entry says all that this text says: it is not worth a place of its own. */
static bool is_covered(const struct prefix_index *p, const int32_t *token, size_t count)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->entry[i].sequence.length >= count && common(p->entry[i].token, count, token, count) == count)
            return true;
    return false;
}

static void drop_covered(struct prefix_index *p, const int32_t *token, size_t count)
{
    for (size_t i = p->count; i-- > 0;)
        if (p->entry[i].sequence.length <= count && common(p->entry[i].token, p->entry[i].sequence.length, token, count) == p->entry[i].sequence.length)
            drop(p, i);
}

static void drop_earlier_turns(struct prefix_index *p, uint64_t conversation)
{
    for (size_t i = p->count; conversation && i-- > 0;)
        if (p->entry[i].conversation == conversation)
            drop(p, i);
}

void prefix_keep(struct prefix_index *p, struct kv_sequence *s, const int32_t *token, uint64_t conversation)
{
    int32_t *copy = s->length && !is_covered(p, token, s->length) ? mem_dup(token, s->length * sizeof *token) : NULL;
    if (!copy) {
        kv_clear(p->kv, s);
        return;
    }
    drop_covered(p, token, s->length);
    drop_earlier_turns(p, conversation);
    kv_truncate(p->kv, s, s->length); /* pages reserved and not used */
    if (p->count == p->max)
        (void)prefix_drop_oldest(p);
    p->entry[p->count++] = (struct entry){*s, copy, ++p->turn, conversation};
    *s = (struct kv_sequence){0};
}

size_t prefix_share(struct kv_pool *kv, const struct kv_sequence *from, const int32_t *from_token, const int32_t *token, size_t count,
                    size_t least, struct kv_sequence *to)
{
    size_t n = count ? common(from_token, from->length, token, count - 1) : 0;
    if (n <= least)
        return least;
    kv_clear(kv, to);
    return kv_share(kv, from, n, to, NULL) == 0 ? n : 0;
}

size_t prefix_find(struct prefix_index *p, const int32_t *token, size_t count, struct kv_sequence *to)
{
    size_t best = 0;
    struct entry *from = NULL;
    for (size_t i = 0; i < p->count && count; i++) {
        size_t n = common(p->entry[i].token, p->entry[i].sequence.length, token, count - 1);
        if (n > best) {
            best = n;
            from = &p->entry[i];
        }
    }
    if (!from || kv_share(p->kv, &from->sequence, best, to, NULL) < 0)
        return 0;
    from->used = ++p->turn;
    return best;
}
