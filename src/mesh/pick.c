/* pick.c: which candidate of the chain is next, and why the others are not.
 *
 * Steps come in order; inside a step the balance decides. A candidate that may not or cannot take this call is skipped,
 * and the reason is kept for the story that the client and `explain` read. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"

static void order_step(struct mesh_call *c, const struct step *s)
{
    balance_order(c, s);
    c->cursor.ordered = true;
    c->cursor.position = 0;
    c->cursor.full = 0;
}

/* --- one after the other ------------------------------------------------------------------------------------------------ */

static void skip(struct mesh_call *c, const struct target *t, enum reason r, int64_t wait_ms)
{
    bool plan = r == REASON_PLAN_SPENT || r == REASON_PLAN_RESERVED;
    story_add(c, t, r, false, 0, wait_ms, r == REASON_NO_KEY ? t->up->key_problem : plan ? c->plan_words : STR_NONE);
}

/* A member that only lacks a place is put aside (`full`) while others of its step may have one. */
static const struct target *candidate(struct attempt *a, const struct step *s, int index)
{
    const struct target *t = s->of[index].target;
    int64_t wait_ms;
    if (a->call->talk.asked_first && t == a->call->talk.holder)
        return NULL; /* it had its turn before all others */
    enum reason r = pick_may(a->call, s, t, &wait_ms);
    if (r == REASON_DONE)
        r = pick_take(a, t, false, &wait_ms);
    if (r == REASON_DONE) {
        a->hedge_after_ms = s->hedge_after_ms;
        return t;
    }
    if (r == REASON_BUSY && t->up->queue_max > 0)
        a->call->cursor.full |= 1u << index;
    else
        skip(a->call, t, r, wait_ms);
    return NULL;
}

/* Nobody of the step could take the call at once: it waits for a place at the first that has room in its line. */
static bool wait_in_line(struct mesh_call *c, const struct step *s)
{
    for (int i = 0; i < s->count; i++) {
        int index = c->cursor.order[i];
        const struct target *t = s->of[index].target;
        if (!(c->cursor.full & 1u << index))
            continue;
        c->cursor.full &= ~(1u << index);
        enum reason r = queue_join(c, t->up);
        if (r == REASON_DONE) {
            c->awaited = t;
            c->wait_until_us = loop_now_us(c->ml->loop) + t->up->queue_wait_ms * (int64_t)1000;
            return true;
        }
        skip(c, t, r, t->up->queue_wait_ms);
    }
    return false;
}

static void skip_full(struct mesh_call *c, const struct step *s)
{
    for (int i = 0; i < s->count; i++)
        if (c->cursor.full & 1u << i)
            skip(c, s->of[i].target, REASON_BUSY, 1000);
    c->cursor.full = 0;
}

/* --- staying ---------------------------------------------------------------------------------------------------------------- */

/* It goes where it was, and these stand in front of that: who could not have taken it is told. */
static void skip_before(struct mesh_call *c)
{
    int64_t wait_ms;
    for (int i = 0; i < c->talk.step; i++)
        for (int k = 0; k < c->chain[i].count; k++) {
            enum reason r = pick_may(c, &c->chain[i], c->chain[i].of[k].target, &wait_ms);
            if (r != REASON_DONE)
                skip(c, c->chain[i].of[k].target, r, wait_ms);
        }
}

/* Who is only full is left for its turn: nobody waits in a line while earlier steps are free. */
static const struct target *stay(struct attempt *a)
{
    struct mesh_call *c = a->call;
    const struct step *s = &c->chain[c->talk.step];
    int64_t wait_ms;
    enum reason r = pick_may(c, s, c->talk.holder, &wait_ms);
    if (r == REASON_DONE)
        r = pick_take(a, c->talk.holder, false, &wait_ms);
    if (r == REASON_BUSY)
        return NULL;
    c->talk.asked_first = true;
    if (r != REASON_DONE) {
        skip(c, c->talk.holder, r, wait_ms);
        return NULL;
    }
    a->hedge_after_ms = s->hedge_after_ms;
    return c->talk.holder;
}

static const struct target *stay_first(struct attempt *a)
{
    const struct target *t = stay(a);
    if (t)
        skip_before(a->call);
    return t;
}

/* A kept connection had gone stale and nothing had reached the target: it is asked again, before the rest of its step. */
static const struct target *once_more(struct attempt *a)
{
    struct mesh_call *c = a->call;
    const struct step *s = &c->chain[c->cursor.step < c->chain_count ? c->cursor.step : c->chain_count - 1];
    const struct target *again = c->same_again;
    c->same_again = NULL;
    const struct target *found = again && c->talk.asked_first && again == c->talk.holder ? stay(a) : NULL;
    for (int i = 0; again && !found && i < s->count; i++)
        if (s->of[i].target == again)
            found = candidate(a, s, i);
    if (c->cursor.step == c->chain_count) /* a hedge has been to the end of the chain: nobody's line is joined any more */
        skip_full(c, s);
    return found;
}

const struct target *pick_next(struct attempt *a)
{
    struct mesh_call *c = a->call;
    bool first = !c->attempts && !c->tried && !c->cursor.step && !c->cursor.ordered;
    const struct target *t = first && stay_is_cheaper(c) ? stay_first(a) : once_more(a);
    for (; !t && c->cursor.step < c->chain_count; c->cursor.step++, c->cursor.ordered = false) {
        const struct step *s = &c->chain[c->cursor.step];
        if (!c->cursor.ordered)
            order_step(c, s);
        while (!t && c->cursor.position < s->count)
            t = candidate(a, s, c->cursor.order[c->cursor.position++]);
        if (t || wait_in_line(c, s))
            break;
    }
    return t;
}

static const struct target *find_beside(struct attempt *a, const struct target *beside)
{
    struct mesh_call *c = a->call;
    const struct target *t = NULL;
    for (; c->cursor.step < c->chain_count; c->cursor.step++, c->cursor.ordered = false) {
        const struct step *s = &c->chain[c->cursor.step];
        if (!c->cursor.ordered)
            order_step(c, s);
        while (!t && c->cursor.position < s->count) {
            int index = c->cursor.order[c->cursor.position++];
            if (s->of[index].target != beside)
                t = candidate(a, s, index);
        }
        if (t)
            return t; /* who was only full in its step is waited for when both have failed */
        skip_full(c, s);
    }
    return NULL;
}

const struct target *pick_beside(struct attempt *a, const struct target *beside)
{
    struct mesh_call *c = a->call;
    struct cursor before = c->cursor;
    struct tried **tail = c->tried_tail;
    int count = c->tried_count;
    const struct target *t = find_beside(a, beside);
    if (!t) {
        c->cursor = before;
        c->tried_tail = tail;
        *c->tried_tail = NULL;
        c->tried_count = count;
    }
    return t;
}

void pick_granted(struct mesh_call *c)
{
    const struct target *t = c->awaited;
    int64_t wait_ms = -1;
    enum reason r = pick_take(c->at, t, true, &wait_ms);
    if (r == REASON_DONE) {
        c->at->hedge_after_ms = c->chain[c->cursor.step].hedge_after_ms;
        attempt_begin(c->at, t);
        return;
    }
    queue_place_give(t->up);
    skip(c, t, r, wait_ms);
    call_next(c);
}

/* The call has spent its patience for this step: what else was full there is looked at once more, and not waited for. */
void pick_waited_enough(struct mesh_call *c)
{
    const struct step *s = &c->chain[c->cursor.step];
    const struct target *t = NULL;
    queue_leave(c);
    skip(c, c->awaited, REASON_QUEUE_WAIT, 1000);
    unsigned others = c->cursor.full;
    c->cursor.full = 0;
    for (int i = 0; i < s->count; i++) {
        int index = c->cursor.order[i];
        if (!(others & 1u << index))
            continue;
        if (t)
            c->cursor.full |= 1u << index;
        else
            t = candidate(c->at, s, index);
    }
    skip_full(c, s);
    if (t)
        attempt_begin(c->at, t);
    else
        call_next(c);
}
