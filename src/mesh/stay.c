/* stay.c: a conversation that was answered by a later step of its chain: does an earlier one take it back?
 *
 * Going back means that the prefix, which is cached where the conversation is, is read anew (docs/decisions/0012):
 *
 *   - costs this call no more there, it goes back: a plan costs nothing more, nor does hardware of one's own;
 *   - is the earlier step the dearer one anyhow, it was put first for something else than its price: it goes back at once;
 *   - else it stays where it is cheaper now. But an earlier step that is cheaper for every turn to come is worth its price at
 *     some time, and nobody knows how many turns come: what staying costs more adds up, and when it has come up to what going
 *     back costs, it goes back. So what is paid too much is never more than one going back.
 *
 * Under `cheapest` price is the owner's word, and the second rule does not hold. */
#include "mesh/mesh_priv.h"

static const struct {
    const char *name, *text;
} words[STAY_COUNT] = {
#define X(n, name, t) [STAY_##n] = {name, t},
    STAY_TABLE(X)
#undef X
};

struct weighing {
    struct mesh_call *call;
    int64_t here;      /* what this call costs where its conversation is */
    int64_t here_cold; /* what it would cost there with nothing cached */
    int64_t paid;      /* the most that staying has cost more than an earlier step would have, this call included */
    bool any;          /* an earlier step may take it */
};

/* The member of the step that may take the call for least; NULL: none may. */
static const struct target *cheapest_of(struct mesh_call *c, const struct step *s, int64_t *cost)
{
    const struct target *found = NULL;
    int64_t wait_ms;
    for (int i = 0; i < s->count; i++) {
        const struct target *t = s->of[i].target;
        if (pick_may(c, s, t, &wait_ms) != REASON_DONE)
            continue;
        int64_t there = cost_of_call(c, t);
        story_price(c, t, there, affinity_cached(c, t));
        if (found && there >= *cost)
            continue;
        found = t;
        *cost = there;
    }
    return found;
}

/* STAY_PREFIX: that step leaves the conversation where it is. */
static enum stay_why weigh(struct weighing *w, const struct step *s)
{
    struct mesh_call *c = w->call;
    bool by_price = s->balance == BALANCE_CHEAPEST && c->chain[c->talk.step].balance == BALANCE_CHEAPEST;
    int64_t there = 0;
    const struct target *t = cheapest_of(c, s, &there);
    if (!t)
        return STAY_PREFIX;
    w->any = true;
    if (there <= w->here)
        return w->here == COST_NOT_KNOWN && there ? STAY_UNPRICED : STAY_CHEAPER;
    if (there == COST_NOT_KNOWN)
        return by_price ? STAY_PREFIX : STAY_UNPRICED;
    if (!by_price && cost_with_cached(c, t, 0) > w->here_cold)
        return STAY_ORDER;
    int64_t warm = cost_with_cached(c, t, affinity_cached(c, c->talk.holder)), more = w->here - warm;
    if (more <= 0)
        return STAY_PREFIX; /* it saves nothing with any turn to come */
    int64_t paid = c->talk.known.paid_nusd + more;
    w->paid = paid > w->paid ? paid : w->paid;
    return paid >= there - warm ? STAY_REPAID : STAY_PREFIX;
}

bool stay_is_cheaper(struct mesh_call *c)
{
    const struct target *holder = c->talk.holder;
    if (!holder || c->talk.step == 0)
        return false;
    struct weighing w = {.call = c, .here = cost_of_call(c, holder), .here_cold = cost_with_cached(c, holder, 0), .paid = c->talk.known.paid_nusd};
    c->talk.why = STAY_PREFIX;
    for (int i = 0; i < c->talk.step && c->talk.why == STAY_PREFIX; i++)
        c->talk.why = weigh(&w, &c->chain[i]);
    c->talk.paid_nusd = w.paid;
    if (!w.any) { /* nothing was weighed: the chain is walked, and tells why */
        c->talk.why = STAY_NONE;
        return false;
    }
    story_price(c, holder, w.here, affinity_cached(c, holder));
    return c->talk.why == STAY_PREFIX;
}

const char *stay_name(enum stay_why w)
{
    return words[w].name;
}

const char *stay_words(struct str name)
{
    for (int i = STAY_NONE + 1; i < STAY_COUNT; i++)
        if (str_eq(name, str_from(words[i].name)))
            return words[i].text;
    return NULL;
}
