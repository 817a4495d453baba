/* balance.c: in which order the members of a step are asked, and what is learned for that from the attempts.
 *
 *   order       as written
 *   weighted    by chance, in proportion to the weights
 *   least_busy  fewest attempts under way for its weight
 *   fastest     shortest time to the first content, as it has been of late
 *   cheapest    least estimated cost of this call at the prices of this moment
 *
 * Equals are in random order, by weight (except under `order`). A conversation stays with the member where its prefix is
 * cached, as far as that fits the balance (affinity.c). */
#include "mesh/mesh_priv.h"
#include <assert.h>

enum {
    NEWCOMER_SAMPLES = 3,  /* a member with fewer is tried first, by one call at a time */
    PROBE_ONE_IN = 16,     /* calls that ask somebody else than the fastest first: losers get the chance to be better now */
    FORGET_ONE_IN = 8,     /* a mean moves by this part of the difference */
    FAILED_US = 10000000,  /* what a failure of somebody unknown counts as */
    FAILED_TIMES = 4,      /* a failure counts as so many times the mean */
};

static void swap(uint8_t *a, uint8_t *b)
{
    uint8_t t = *a;
    *a = *b;
    *b = t;
}

/* Without replacement: the first place by weight among all, the second among the rest, and so on. */
static void order_weighted(struct mesh_call *c, const struct step *s, int from)
{
    uint8_t *order = c->cursor.order;
    for (int i = from; i < s->count; i++) {
        int total = 0;
        for (int k = i; k < s->count; k++)
            total += s->of[order[k]].weight;
        int64_t at = (int64_t)rng_below(&c->ml->rng, (uint64_t)total);
        int k = i;
        while ((at -= s->of[order[k]].weight) >= 0)
            k++;
        swap(&order[i], &order[k]);
    }
}

/* By rising key (of the member's index); equals keep their order. */
static void sort_by(struct cursor *at, int count, const int64_t *key)
{
    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && key[at->order[k]] < key[at->order[k - 1]]; k--)
            swap(&at->order[k], &at->order[k - 1]);
}

static int load_of(const struct target *t)
{
    return atomic_load_explicit(&t->state->in_flight, memory_order_relaxed);
}

/* --- fastest ---------------------------------------------------------------------------------------------------------- */

/* Loops that note at the same moment may lose one of the two samples; a mean does not mind. */
static void note(struct target_speed *s, int64_t us)
{
    unsigned n = atomic_load_explicit(&s->samples, memory_order_relaxed);
    int64_t mean = atomic_load_explicit(&s->mean_us, memory_order_relaxed);
    int64_t part = n < FORGET_ONE_IN ? (int64_t)n + 1 : FORGET_ONE_IN;
    atomic_store_explicit(&s->mean_us, mean + (us - mean) / part, memory_order_relaxed);
    if (n < FORGET_ONE_IN)
        atomic_store_explicit(&s->samples, n + 1, memory_order_relaxed);
}

void balance_content(const struct attempt *a)
{
    note(&a->target->state->speed[a->call->facts.stream], a->first_us - a->begin_us);
}

/* It ended without content after `us`: it would have taken longer than that. */
void balance_no_content(const struct attempt *a, int64_t us, bool failed)
{
    struct target_speed *s = &a->target->state->speed[a->call->facts.stream];
    int64_t mean = atomic_load_explicit(&s->mean_us, memory_order_relaxed);
    bool known = atomic_load_explicit(&s->samples, memory_order_relaxed) > 0;
    int64_t at_least = !failed ? us : known ? mean * FAILED_TIMES : FAILED_US;
    if (us < at_least)
        us = at_least;
    if (us > mean)
        note(s, us);
}

void balance_done(const struct attempt *a, int64_t us)
{
    note(&a->target->state->busy, us);
    if (a->call->route.job)
        cost_output_note(a->call->route.job, a->usage.output);
}

static int64_t slowness(const struct mesh_call *c, const struct target *t)
{
    const struct target_speed *s = &t->state->speed[c->facts.stream];
    if (atomic_load_explicit(&s->samples, memory_order_relaxed) < NEWCOMER_SAMPLES)
        return load_of(t) == 0 ? -1 : INT64_MAX; /* somebody is finding out already */
    return atomic_load_explicit(&s->mean_us, memory_order_relaxed);
}

/* --- all -------------------------------------------------------------------------------------------------------------- */

static int64_t key_of(const struct mesh_call *c, const struct step *s, const struct step_target *of)
{
    enum { SCALE = 1000000 };
    switch (s->balance) {
    case BALANCE_LEAST_BUSY:
        return (int64_t)load_of(of->target) * SCALE / of->weight;
    case BALANCE_FASTEST:
        return slowness(c, of->target);
    case BALANCE_CHEAPEST:
        return cost_of_call(c, of->target);
    default:
        return 0;
    }
}

/* --- staying ---------------------------------------------------------------------------------------------------------- */

/* Members are equals, so a conversation goes on where its prefix is cached, unless somebody else is clearly less busy, or
 * faster by more than a cached prefix makes up for. Under `cheapest` its price speaks for itself, and equals stay. */
static bool may_stay(const struct mesh_call *c, const struct step *s, int holder, const int64_t *key)
{
    enum { BUSIER_BY = 4, SLOWER_TIMES = 2 };
    const struct target *t = s->of[holder].target;
    int first = c->cursor.order[0];
    switch (s->balance) {
    case BALANCE_LEAST_BUSY:
        return load_of(t) / s->of[holder].weight < load_of(s->of[first].target) / s->of[first].weight + BUSIER_BY;
    case BALANCE_FASTEST:
        return key[holder] >= 0 && key[holder] / SLOWER_TIMES <= (key[first] > 0 ? key[first] : key[holder]);
    case BALANCE_CHEAPEST:
        return key[holder] <= key[first];
    default:
        return true;
    }
}

static void stay(struct mesh_call *c, const struct step *s, const int64_t *key)
{
    int at = 0;
    while (at < s->count && s->of[c->cursor.order[at]].target != c->talk.holder)
        at++;
    if (at == 0 || at == s->count || !may_stay(c, s, c->cursor.order[at], key))
        return;
    uint8_t holder = c->cursor.order[at];
    memmove(c->cursor.order + 1, c->cursor.order, (size_t)at); /* the others keep their order */
    c->cursor.order[0] = holder;
}

/* Now and then the first stands back, and one of the others is asked before it. */
static void probe_another(struct mesh_call *c, const struct step *s)
{
    if (s->count < 2 || rng_below(&c->ml->rng, PROBE_ONE_IN) != 0)
        return;
    order_weighted(c, s, 1);
    swap(&c->cursor.order[0], &c->cursor.order[1]);
}

static void order_by_key(struct mesh_call *c, const struct step *s, int64_t *key)
{
    for (int i = 0; i < s->count; i++) {
        key[i] = key_of(c, s, &s->of[i]);
        if (s->balance == BALANCE_CHEAPEST)
            story_price(c, s->of[i].target, key[i], affinity_cached(c, s->of[i].target));
    }
    sort_by(&c->cursor, s->count, key);
    if (s->balance == BALANCE_FASTEST)
        probe_another(c, s);
}

void balance_order(struct mesh_call *c, const struct step *s)
{
    int64_t key[COUNT_OF(c->cursor.order)] = {0};
    assert(s->count <= (int)COUNT_OF(key));
    for (int i = 0; i < s->count; i++)
        c->cursor.order[i] = (uint8_t)i;
    if (s->count < 2)
        return;
    if (s->balance != BALANCE_ORDER)
        order_weighted(c, s, 0);
    if (s->balance != BALANCE_ORDER && s->balance != BALANCE_WEIGHTED)
        order_by_key(c, s, key);
    if (c->talk.holder)
        stay(c, s, key);
}
