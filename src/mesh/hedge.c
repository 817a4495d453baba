/* hedge.c: a second attempt beside one that has brought no content for `hedge_after`. Whoever brings the first content has
 * the call; the other one is cancelled and booked as `hedged`, its cost estimated.
 *
 * The second is chosen like any next candidate (fence, breaker, budget, place), only that it never waits in a line. Two at
 * most are under way at once. When one of them fails, the other goes on alone; only when both have failed the chain goes on. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include <assert.h>

struct attempt *hedge_other(const struct attempt *a)
{
    struct mesh_call *c = a->call;
    struct attempt *o = a == &c->first ? c->second : &c->first;
    return o && o->in_flight ? o : NULL;
}

int64_t hedge_due_us(const struct mesh_call *c)
{
    const struct attempt *a = c->at;
    if (!a->hedge_after_ms || a->state != ATTEMPT_WAITING || a->hedge_tried || hedge_other(a) || call_is_coming(c))
        return INT64_MAX;
    bool failing = a->status >= 300;
    bool coming = a->held.len && !c->facts.stream; /* of a whole answer every byte is content */
    return failing || coming ? INT64_MAX : a->begin_us + a->hedge_after_ms * 1000;
}

static struct attempt *spare(struct mesh_call *c)
{
    if (!c->second && (c->second = new0(struct attempt)))
        c->second->call = c;
    return c->at == &c->first ? c->second : &c->first;
}

void hedge_start(struct mesh_call *c)
{
    struct attempt *a = c->at, *b = spare(c);
    a->hedge_tried = true; /* once: who cannot be asked now is left for when this attempt fails */
    const struct target *t = b && call_may_try(c) ? pick_beside(b, a->target) : NULL;
    if (t)
        attempt_begin(b, t);
}

void hedge_won(struct attempt *a)
{
    struct attempt *loser = hedge_other(a);
    if (loser) {
        (void)attempt_close(loser, REASON_HEDGED);
        relay_reset(loser);
    }
    a->call->at = a;
}
