/* queue.c: places at an upstream that takes so many calls at once, and the line before it.
 *
 * One line per upstream for all loops, first come, first served. A place that becomes free is handed to the head of the line
 * (`granted`), and its loop is told by a message. The ticket is an allocation of its own because that message may be on its
 * way when the call leaves: whichever of the two ends last frees it.
 *
 *   join --> waits --granted--> its loop is told --> pick_granted
 *              |                        |
 *              +-- queue_leave: out of the line, or the place goes to the next one
 *
 * After a reload calls of several configs may stand in one line, and give places back to it. How many places there are is
 * then what the config of the call at its head says, whoever gives one back. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

struct ticket {
    struct ticket *prev, *next; /* of the line; under its lock */
    bool granted;               /* out of the line, the message is on its way; under the lock */
    bool gone;                  /* the call left after that; under the lock */
    const struct upstream *up;
    struct loop *loop;
    struct mesh_call *call; /* NULL when it has left; that loop's thread only */
};

static void lock(struct upstream_state *s)
{
    while (atomic_flag_test_and_set_explicit(&s->lock, memory_order_acquire))
        ; /* pairs with the clear in unlock; held for a few instructions */
}

static void unlock(struct upstream_state *s)
{
    atomic_flag_clear_explicit(&s->lock, memory_order_release);
}

static void line_remove(struct upstream_state *s, struct ticket *t)
{
    *(t->prev ? &t->prev->next : &s->head) = t->next;
    *(t->next ? &t->next->prev : &s->tail) = t->prev;
    t->prev = t->next = NULL;
    atomic_fetch_sub(&s->waiting, 1);
}

static void line_add(struct upstream_state *s, struct ticket *t)
{
    t->prev = s->tail;
    *(s->tail ? &s->tail->next : &s->head) = t;
    s->tail = t;
    atomic_fetch_add(&s->waiting, 1);
}

static void line_add_first(struct upstream_state *s, struct ticket *t)
{
    t->next = s->head;
    *(s->head ? &s->head->prev : &s->tail) = t;
    s->head = t;
    atomic_fetch_add(&s->waiting, 1);
}

static bool place_take(const struct upstream *u)
{
    int n = atomic_load(&u->state->in_flight);
    while (n < u->concurrent)
        if (atomic_compare_exchange_weak(&u->state->in_flight, &n, n + 1))
            return true;
    return false;
}

static void on_granted(void *arg)
{
    struct ticket *t = arg;
    struct mesh_call *c = t->call;
    mem_free(t);
    if (!c)
        return; /* it left; its place has been given on */
    c->ticket = NULL;
    pick_granted(c);
}

/* No memory for the message: back to the head of the line. The next place that becomes free tries again, and the call's own
 * time-out ends it at the latest. */
static void take_back(struct upstream_state *s, struct ticket *t)
{
    lock(s);
    bool gone = t->gone;
    t->granted = false;
    if (!gone)
        line_add_first(s, t);
    unlock(s);
    if (gone)
        mem_free(t); /* who left has given the place on */
    else
        atomic_fetch_sub(&s->in_flight, 1);
}

/* Who stands in the line has left neither its call nor its config, as long as the lock is held. */
static struct ticket *grant_first(struct upstream_state *s)
{
    struct ticket *t = s->head && place_take(s->head->up) ? s->head : NULL;
    if (t) {
        line_remove(s, t);
        t->granted = true;
    }
    return t;
}

/* Hands free places to those who wait. Called after a place became free and after somebody joined; each of the two first
 * does its part and then looks at the other's (in_flight, waiting; both sequentially consistent), so none is missed. */
static void serve(struct upstream_state *s)
{
    for (;;) {
        lock(s);
        struct ticket *t = grant_first(s);
        struct loop *l = t ? t->loop : NULL;
        unlock(s);
        if (!t)
            return;
        if (loop_post(l, on_granted, t) < 0) {
            take_back(s, t);
            return;
        }
    }
}

bool queue_place_take(const struct upstream *u)
{
    if (!u->concurrent) {
        atomic_fetch_add_explicit(&u->state->in_flight, 1, memory_order_relaxed);
        return true;
    }
    return atomic_load(&u->state->waiting) == 0 && place_take(u); /* nobody overtakes the line */
}

void queue_place_give(const struct upstream *u)
{
    atomic_fetch_sub(&u->state->in_flight, 1);
    if (atomic_load(&u->state->waiting) > 0) /* also without places of its own: the line may be another config's */
        serve(u->state);
}

enum reason queue_join(struct mesh_call *c, const struct upstream *u)
{
    struct upstream_state *s = u->state;
    assert(!c->ticket && u->queue_max > 0);
    struct ticket *t = new0(struct ticket);
    if (!t)
        return REASON_NO_MEMORY;
    *t = (struct ticket){.up = u, .loop = c->ml->loop, .call = c};
    lock(s);
    bool full = atomic_load(&s->waiting) >= u->queue_max;
    if (!full)
        line_add(s, t);
    unlock(s);
    if (full) {
        mem_free(t);
        return REASON_QUEUE_FULL;
    }
    c->ticket = t;
    serve(s);
    return REASON_DONE;
}

void queue_leave(struct mesh_call *c)
{
    struct ticket *t = c->ticket;
    if (!t)
        return;
    const struct upstream *u = t->up;
    c->ticket = NULL;
    t->call = NULL;
    lock(u->state);
    bool granted = t->granted;
    t->gone = granted;
    if (!granted)
        line_remove(u->state, t);
    unlock(u->state);
    if (granted)
        queue_place_give(u); /* the message frees the ticket */
    else
        mem_free(t);
}
