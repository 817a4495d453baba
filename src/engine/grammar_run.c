/* grammar_run.c: standing somewhere in a grammar.
 *
 * Where a text stands is a set of readings; a reading is a state of the net that reads a byte next (or the end), and the frames it has
 * to return to. Sets that were met are kept as numbered places, and which byte leads from which place to which is remembered: going
 * over known ground is looking up. Frames are shared: equal ones are one. When the tables are full, all is forgotten but the place
 * where the run stands.
 *
 * Every reading that is kept can be finished within the depth that is allowed (heights, grammar_net.c): a text that has a reading can
 * become an answer. So readings beyond READINGS_MAX may be dropped: what is left is still right, only narrower. */
#include "base/mem.h"
#include "engine/grammar_priv.h"
#include "engine/grammar_vocab_priv.h"

enum {
    PLACES_MAX = 8192, FRAMES_MAX = 1 << 16, STORE_MAX = 1 << 18, /* 8 MiB with 200 classes of bytes */
    READINGS_MAX = 4096, SEEN_MAX = 4 * READINGS_MAX,
    MASKS_MAX = 24,
    UNKNOWN = 0, NOWHERE = 1, FULL = UINT32_MAX,
};

struct frame {
    uint32_t state, parent, chain; /* where to go on, and the frame below; frame 0 is the bottom */
    uint32_t depth;
};
struct reading {
    uint32_t state, frame;
};
struct place {
    uint32_t first, count, chain; /* readings in the store */
    bool complete;
};
struct mask_kept {
    uint32_t place, used;
    uint64_t *bits; /* owned */
};

struct grammar_run {
    const struct grammar *g;
    const struct grammar_vocab *v;
    struct frame *frame;
    struct reading *store;
    struct place *place;
    uint32_t *next; /* (PLACES_MAX, classes) */
    uint32_t frame_count, store_count, place_count, frame_max, store_max, place_max;
    uint32_t frame_chain[1 << 10], place_chain[1 << 10];
    struct reading list[READINGS_MAX];
    uint32_t list_count, seen[SEEN_MAX], seen_stamp[SEEN_MAX], stamp;
    uint32_t *path; /* (depth_max + 1) places along the way into the tree */
    uint32_t now;
    struct mask_kept mask[MASKS_MAX];
    uint32_t clock;
};

/* --- frames and readings ----------------------------------------------------------------------------------------------------- */

static uint32_t hash2(uint32_t a, uint32_t b)
{
    uint64_t x = ((uint64_t)a << 32 | b) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(x >> 40);
}

/* Doubles a table up to its limit. */
static bool room(void **table, uint32_t *max, uint32_t limit, size_t bytes)
{
    uint32_t more = *max * 2 < limit ? *max * 2 : limit;
    void *p = *max < limit ? mem_realloc(*table, more * bytes) : NULL;
    if (!p)
        return false;
    *table = p;
    *max = more;
    return true;
}

static uint32_t frame_push(struct grammar_run *r, uint32_t state, uint32_t parent)
{
    uint32_t *chain = &r->frame_chain[hash2(state, parent) % COUNT_OF(r->frame_chain)];
    for (uint32_t i = *chain; i; i = r->frame[i].chain) {
        if (r->frame[i].state == state && r->frame[i].parent == parent)
            return i;
    }
    if (r->frame_count == r->frame_max && !room((void **)&r->frame, &r->frame_max, FRAMES_MAX, sizeof *r->frame))
        return FULL;
    r->frame[r->frame_count] = (struct frame){state, parent, *chain, r->frame[parent].depth + 1};
    return *chain = r->frame_count++;
}

static void list_clear(struct grammar_run *r)
{
    r->list_count = 0;
    if (++r->stamp == 0) {
        memset(r->seen_stamp, 0, sizeof r->seen_stamp);
        r->stamp = 1;
    }
}

static void list_add(struct grammar_run *r, uint32_t state, uint32_t frame)
{
    uint32_t at = hash2(state, frame) % SEEN_MAX;
    if (r->list_count == READINGS_MAX)
        return;
    while (r->seen_stamp[at] == r->stamp) {
        const struct reading *x = &r->list[r->seen[at]];
        if (x->state == state && x->frame == frame)
            return;
        at = (at + 1) % SEEN_MAX;
    }
    r->seen_stamp[at] = r->stamp;
    r->seen[at] = r->list_count;
    r->list[r->list_count++] = (struct reading){state, frame};
}

/* Follows all that needs no byte. False when the frames are full. */
static bool list_close(struct grammar_run *r)
{
    const struct grammar *g = r->g;

    for (uint32_t i = 0; i < r->list_count; i++) {
        struct reading x = r->list[i];
        uint32_t depth = r->frame[x.frame].depth;
        for (uint32_t k = g->first[x.state]; k < g->first[x.state + 1]; k++) {
            const struct net_edge *edge = &g->edge[k];
            if (edge->kind == EDGE_BYTE || depth + g->height[edge->to] > RUN_DEPTH_MAX)
                continue;
            if (edge->kind == EDGE_EMPTY) {
                list_add(r, edge->to, x.frame);
            } else if (depth + 1 + g->height[g->rule_start[edge->rule]] <= RUN_DEPTH_MAX) {
                uint32_t frame = frame_push(r, edge->to, x.frame);
                if (frame == FULL)
                    return false;
                list_add(r, g->rule_start[edge->rule], frame);
            }
        }
        if ((g->flags[x.state] & STATE_ACCEPT) && x.frame)
            list_add(r, r->frame[x.frame].state, r->frame[x.frame].parent);
    }
    return true;
}

static bool less(struct reading a, struct reading b)
{
    return a.frame != b.frame ? a.frame < b.frame : a.state < b.state;
}

static void sort(struct reading *x, uint32_t count) /* heap sort: in place, and no worse for hostile schemas */
{
    for (uint32_t end = count, start = count / 2; end > 1;) {
        struct reading moved;
        if (start > 0) {
            moved = x[--start];
        } else {
            moved = x[--end];
            x[end] = x[0];
        }
        uint32_t hole = start;
        for (uint32_t child; (child = 2 * hole + 1) < end; hole = child) {
            child += child + 1 < end && less(x[child], x[child + 1]);
            if (!less(moved, x[child]))
                break;
            x[hole] = x[child];
        }
        x[hole] = moved;
    }
}

/* The place that the list is, once closed: NOWHERE if there is nothing in it, FULL if the tables are. */
static uint32_t place_of_list(struct grammar_run *r)
{
    uint32_t count = 0, hash = 0;
    bool complete = false;

    if (!list_close(r))
        return FULL;
    for (uint32_t i = 0; i < r->list_count; i++) {
        struct reading x = r->list[i];
        bool end = (r->g->flags[x.state] & STATE_ACCEPT) && !x.frame;
        complete = complete || end;
        if (end || (r->g->flags[x.state] & STATE_READS))
            r->list[count++] = x;
    }
    if (count == 0)
        return NOWHERE;
    sort(r->list, count);
    for (uint32_t i = 0; i < count; i++)
        hash = hash2(hash ^ r->list[i].state, r->list[i].frame);
    uint32_t *chain = &r->place_chain[hash % COUNT_OF(r->place_chain)];
    for (uint32_t i = *chain; i; i = r->place[i].chain) {
        if (r->place[i].count == count && memcmp(r->store + r->place[i].first, r->list, count * sizeof *r->list) == 0)
            return i;
    }
    while (r->store_count + count > r->store_max) {
        if (!room((void **)&r->store, &r->store_max, STORE_MAX, sizeof *r->store))
            return FULL;
    }
    if (r->place_count == r->place_max) {
        uint32_t max = r->place_max;
        if (!room((void **)&r->next, &max, PLACES_MAX, r->g->class_count * sizeof *r->next) ||
            !room((void **)&r->place, &r->place_max, PLACES_MAX, sizeof *r->place))
            return FULL;
    }
    memcpy(r->store + r->store_count, r->list, count * sizeof *r->list);
    memset(r->next + (size_t)r->place_count * r->g->class_count, 0, r->g->class_count * sizeof *r->next);
    r->place[r->place_count] = (struct place){r->store_count, count, *chain, complete};
    r->store_count += count;
    return *chain = r->place_count++;
}

static uint32_t step_new(struct grammar_run *r, uint32_t place, uint8_t class)
{
    uint8_t byte = r->g->class_byte[class];
    struct place p = r->place[place];

    list_clear(r);
    for (uint32_t i = 0; i < p.count; i++) {
        struct reading x = r->store[p.first + i];
        uint32_t depth = r->frame[x.frame].depth;
        for (uint32_t k = r->g->first[x.state]; k < r->g->first[x.state + 1]; k++) {
            const struct net_edge *edge = &r->g->edge[k];
            if (edge->kind == EDGE_BYTE && byte >= edge->low && byte <= edge->high && depth + r->g->height[edge->to] <= RUN_DEPTH_MAX)
                list_add(r, edge->to, x.frame);
        }
    }
    uint32_t to = place_of_list(r);
    if (to != FULL)
        r->next[(size_t)place * r->g->class_count + class] = to;
    return to;
}

static inline uint32_t step(struct grammar_run *r, uint32_t place, uint8_t byte)
{
    uint8_t class = r->g->class_of[byte];
    uint32_t to = r->next[(size_t)place * r->g->class_count + class];
    return to != UNKNOWN ? to : step_new(r, place, class);
}

/* --- the run --------------------------------------------------------------------------------------------------------------------- */

static void forget(struct grammar_run *r)
{
    r->frame_count = 1;
    r->store_count = 0;
    r->place_count = 2; /* 0 is UNKNOWN, 1 NOWHERE */
    r->frame[0] = (struct frame){0};
    memset(r->frame_chain, 0, sizeof r->frame_chain);
    memset(r->place_chain, 0, sizeof r->place_chain);
    for (int i = 0; i < MASKS_MAX; i++)
        r->mask[i].place = UNKNOWN;
}

/* Forgets all but one place, which gets a new number. */
static int forget_but(struct grammar_run *r, uint32_t *place, struct err *e)
{
    struct place p = r->place[*place];
    uint32_t *saved, *at, total = 0;

    for (uint32_t i = 0; i < p.count; i++)
        total += 2 + r->frame[r->store[p.first + i].frame].depth;
    at = saved = new0_array(uint32_t, total);
    if (!saved)
        return err_set(e, ERR_NOMEM, "no memory to follow the form");
    for (uint32_t i = 0; i < p.count; i++) { /* state, depth, and the frames from the top down */
        struct reading x = r->store[p.first + i];
        *at++ = x.state;
        *at++ = r->frame[x.frame].depth;
        for (uint32_t f = x.frame; f; f = r->frame[f].parent)
            *at++ = r->frame[f].state;
    }
    forget(r);
    list_clear(r);
    at = saved;
    bool fine = true;
    for (uint32_t i = 0; i < p.count && fine; i++) {
        uint32_t state = *at++, depth = *at++, frame = 0;
        for (uint32_t k = depth; k > 0 && fine; k--) {
            frame = frame_push(r, at[k - 1], frame);
            fine = frame != FULL;
        }
        at += depth;
        if (fine)
            list_add(r, state, frame);
    }
    mem_free(saved);
    *place = fine ? place_of_list(r) : FULL;
    return *place != FULL ? 0 : err_set(e, ERR_LIMIT, "the form can be read in more ways at once than are followed");
}

void grammar_run_restart(struct grammar_run *r)
{
    forget(r);
    list_clear(r);
    list_add(r, r->g->start, 0);
    r->now = place_of_list(r);
    if (r->now == FULL) /* a first place that does not fit: nothing may follow */
        r->now = NOWHERE;
}

int grammar_run_new(struct grammar_run **out, const struct grammar *g, const struct grammar_vocab *v, struct err *e)
{
    struct grammar_run *r = new0(struct grammar_run);
    if (!r)
        return err_set(e, ERR_NOMEM, "no memory to follow a form");
    *r = (struct grammar_run){.g = g, .v = v, .frame_max = 256, .store_max = 1024, .place_max = 64};
    r->frame = new0_array(struct frame, r->frame_max);
    r->store = new0_array(struct reading, r->store_max);
    r->place = new0_array(struct place, r->place_max);
    r->next = new0_array(uint32_t, (size_t)r->place_max * g->class_count);
    r->path = new0_array(uint32_t, (size_t)v->depth_max + 1);
    bool fine = r->frame && r->store && r->place && r->next && r->path;
    if (fine)
        grammar_run_restart(r);
    if (!fine || r->now == NOWHERE) {
        grammar_run_free(r);
        return err_set(e, ERR_NOMEM, "no memory to follow a form");
    }
    *out = r;
    return 0;
}

void grammar_run_free(struct grammar_run *r)
{
    if (!r)
        return;
    for (int i = 0; i < MASKS_MAX; i++)
        mem_free(r->mask[i].bits);
    mem_free(r->frame);
    mem_free(r->store);
    mem_free(r->place);
    mem_free(r->next);
    mem_free(r->path);
    mem_free(r);
}

size_t grammar_run_bytes(const struct grammar_run *r)
{
    size_t masks = 0;
    for (int i = 0; i < MASKS_MAX; i++)
        masks += r->mask[i].bits ? r->v->words * sizeof(uint64_t) : 0;
    return sizeof *r + masks + r->frame_max * sizeof *r->frame + r->store_max * sizeof *r->store +
           r->place_max * (sizeof *r->place + r->g->class_count * sizeof *r->next) + ((size_t)r->v->depth_max + 1) * sizeof *r->path;
}

bool grammar_complete(const struct grammar_run *r)
{
    return r->place[r->now].complete;
}

int grammar_advance(struct grammar_run *r, struct str text, struct err *e)
{
    uint32_t at = r->now;

    for (size_t i = 0; i < text.len; i++) {
        uint32_t to = step(r, at, (uint8_t)text.ptr[i]);
        if (to == FULL) { /* the run's own place is lost from the tables: keep the one that is needed, and both if it comes to refusing */
            uint32_t start = r->now;
            int rc = forget_but(r, &start, e);
            if (rc < 0)
                return rc;
            r->now = at = start;
            for (size_t k = 0; k <= i && at != FULL; k++)
                at = step(r, at, (uint8_t)text.ptr[k]);
            if (at == FULL)
                return err_set(e, ERR_LIMIT, "the form can be read in more ways at once than are followed");
            to = at;
        }
        if (to == NOWHERE)
            return err_set(e, ERR_REFUSED, "byte %zu of the text (0x%02x) does not fit the form", i + 1, (unsigned)(uint8_t)text.ptr[i]);
        at = to;
    }
    r->now = at;
    return 0;
}

/* --- masks ------------------------------------------------------------------------------------------------------------------------- */

static void allow(const struct grammar_vocab *v, uint64_t *mask, uint32_t token)
{
    for (; token; token = v->same[token - 1])
        mask[(token - 1) / 64] |= 1ull << (token - 1) % 64;
}

/* Through the tree with the run's places; false when the tables are full. */
static bool walk(struct grammar_run *r, const struct trie *t, uint64_t *mask)
{
    r->path[0] = r->now;
    for (uint32_t i = 0; i < t->count;) {
        const struct trie_node *n = &t->node[i];
        uint32_t to = step(r, r->path[n->depth - 1], n->byte);
        if (to == NOWHERE) {
            i = n->skip;
            continue;
        }
        if (to == FULL)
            return false;
        r->path[n->depth] = to;
        if (n->token)
            allow(r->v, mask, n->token);
        i++;
    }
    return true;
}

/* Between two characters of one free string, and nothing else: how many characters may follow (plus one); else 0. */
static uint32_t inside_string(const struct grammar_run *r)
{
    const struct place *p = &r->place[r->now];
    const struct reading *x = r->store + p->first;
    uint32_t left = 0;

    if (p->complete || p->count > 2)
        return 0;
    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t then = r->frame[x[i].frame].state;
        if (x[i].state == r->g->char_start && x[i].state && !left && r->g->left[then])
            left = r->g->left[then] == LEFT_FREE ? LEFT_FREE : r->g->left[then] + 1;
        else if (!r->g->left[x[i].state])
            return 0;
    }
    return left;
}

static void allow_content(const struct grammar_vocab *v, uint64_t *mask, uint32_t chars)
{
    if (chars >= v->chars_max) {
        memcpy(mask, v->content, v->words * sizeof *mask);
        return;
    }
    for (uint32_t i = 0; i < v->chars_upto[chars]; i++)
        mask[v->by_chars[i] / 64] |= 1ull << v->by_chars[i] % 64;
}

static bool compute(struct grammar_run *r, uint64_t *mask)
{
    uint32_t left = inside_string(r);

    memset(mask, 0, r->v->words * sizeof *mask);
    if (left == 0)
        return walk(r, &r->v->all, mask);
    allow_content(r->v, mask, left == LEFT_FREE ? LEFT_FREE : left - 1);
    return walk(r, &r->v->closing, mask);
}

static struct mask_kept *kept(struct grammar_run *r)
{
    struct mask_kept *oldest = &r->mask[0];
    for (int i = 0; i < MASKS_MAX; i++) {
        if (r->mask[i].place == r->now)
            return &r->mask[i];
        if (r->mask[i].used < oldest->used)
            oldest = &r->mask[i];
    }
    return oldest;
}

static bool mask_any(const uint64_t *mask, uint32_t words)
{
    uint64_t any = 0;
    for (uint32_t i = 0; i < words; i++)
        any |= mask[i];
    return any;
}

int grammar_mask(struct grammar_run *r, uint64_t *mask, struct err *e)
{
    size_t bytes = r->v->words * sizeof *mask;
    struct mask_kept *k = kept(r);

    if (k->place == r->now) {
        memcpy(mask, k->bits, bytes);
    } else {
        if (!compute(r, mask)) { /* once more with empty tables */
            int rc = forget_but(r, &r->now, e);
            if (rc < 0)
                return rc;
            if (!compute(r, mask))
                return err_set(e, ERR_LIMIT, "the form can be read in more ways at once than are followed");
        }
        for (uint32_t i = 0; i < r->v->words && grammar_complete(r); i++)
            mask[i] |= r->v->end[i];
        k = kept(r);
        if (!k->bits)
            k->bits = mem_alloc(bytes);
        k->place = k->bits ? r->now : UNKNOWN; /* without memory it is computed again next time */
        if (k->bits)
            memcpy(k->bits, mask, bytes);
    }
    k->used = ++r->clock;
    if (!mask_any(mask, r->v->words))
        return err_set(e, ERR_INVALID, grammar_complete(r) ? "the answer is whole, but the vocabulary has no token that ends it" :
                       "no token of the vocabulary continues what the form asks for");
    return 0;
}
