/* clock.c: the time-outs of a call and its attempts, and what a waiting client is told. One timer per call, set to whatever
 * comes first. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

enum { COMMENT_EVERY_MS = 15000 /* below every idle limit of known clients; wire-formats.md 1.2 */, DRAIN_MS = 1000 };

/* Of the call; INT64_MAX when one does not run. Those of its attempts: attempt_due_us. */
struct clocks {
    int64_t head_us, comment_us, line_us, hedge_us;
};

static struct mesh_call *of_timer(struct loop_timer *t)
{
    return (struct mesh_call *)(void *)((char *)t - offsetof(struct mesh_call, timer));
}

static void earlier(int64_t us, enum reason why, int64_t *due_us, enum reason *r)
{
    if (us < *due_us) {
        *due_us = us;
        *r = why;
    }
}

/* When the upstream could have had all of the request, since how long a client takes to send a form is its own business; or when the
 * built-in engine last gave a sign of work. */
static int64_t silent_since_us(const struct attempt *a)
{
    int64_t us = a->call->form_us > a->begin_us ? a->call->form_us : a->begin_us;
    return a->working_us > us ? a->working_us : us;
}

/* When an attempt's time is over, and of which kind. */
static int64_t attempt_due_us(const struct attempt *a, enum reason *r)
{
    int64_t due_us = INT64_MAX;
    if (!a || (a->state != ATTEMPT_WAITING && a->state != ATTEMPT_STREAMING))
        return due_us;
    const struct upstream *u = a->target->up;
    bool answering = a->status != 0; /* before the head, first_byte is the clock that counts */
    /* A whole answer is under way: its bytes are content, so only silence and the total count. */
    bool coming = a->passed_limit || (answering && !a->call->facts.stream && a->held.len);
    earlier(a->begin_us + u->total_ms * (int64_t)1000, REASON_TOTAL_TIMEOUT, &due_us, r);
    if (a->state == ATTEMPT_WAITING && !coming && !call_is_coming(a->call))
        earlier(silent_since_us(a) + u->first_byte_ms * (int64_t)1000, REASON_FIRST_BYTE_TIMEOUT, &due_us, r);
    if (answering && !a->paused)
        earlier(a->last_byte_us + u->idle_ms * (int64_t)1000, REASON_IDLE_TIMEOUT, &due_us, r);
    return due_us;
}

static struct clocks clocks_of(const struct mesh_call *c)
{
    struct clocks k = {INT64_MAX, INT64_MAX, INT64_MAX, hedge_due_us(c)};
    if (c->facts.stream && !c->client_begun && !c->facts.form /* it may turn out to be no stream after all */ && !own_needs_head(c))
        k.head_us = c->begin_us + c->ml->mesh->config->head_after_ms * 1000;
    if (c->client_begun && c->at->state != ATTEMPT_STREAMING)
        k.comment_us = c->next_comment_us;
    if (c->ticket)
        k.line_us = c->wait_until_us;
    return k;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void on_timer(struct loop_timer *t);

void clock_arm(struct mesh_call *c)
{
    enum reason ignored;
    struct clocks k = clocks_of(c);
    int64_t attempt_us = min64(attempt_due_us(c->at, &ignored), attempt_due_us(hedge_other(c->at), &ignored));
    int64_t call_us = min64(min64(k.head_us, k.comment_us), min64(k.line_us, k.hedge_us));
    int64_t next = min64(attempt_us, call_us);
    int64_t in_us = next - loop_now_us(c->ml->loop);
    if (next != INT64_MAX && loop_timer_set(c->ml->loop, &c->timer, in_us > 0 ? in_us / 1000 + 1 : 1, on_timer) < 0)
        log_line(LOG_WARN, "mesh", "memory is out: a call runs without its time limits");
}

static void end_drain(struct mesh_call *c)
{
    http_fetch_cancel(c->at->fetch);
    c->at->fetch = NULL;
    call_free(c);
}

static void tell_client(struct mesh_call *c, const struct clocks *k, int64_t now_us)
{
    if (now_us >= k->head_us)
        relay_begin_pending(c);
    if (c->client_begun && c->at->state != ATTEMPT_STREAMING && now_us >= c->next_comment_us) {
        relay_keep_alive(c);
        c->next_comment_us = now_us + COMMENT_EVERY_MS * (int64_t)1000;
    }
}

/* True when an attempt was out of time: what follows from that has been done, and the call may be over. */
static bool stop_late(struct mesh_call *c, int64_t now_us)
{
    struct attempt *both[] = {c->at, hedge_other(c->at)};
    for (size_t i = 0; i < COUNT_OF(both); i++) {
        enum reason r;
        if (now_us < attempt_due_us(both[i], &r))
            continue;
        relay_stop(both[i], r, STR_NONE);
        return true;
    }
    return false;
}

static void on_timer(struct loop_timer *t)
{
    struct mesh_call *c = of_timer(t);
    int64_t now_us = loop_now_us(c->ml->loop);
    if (c->at->state == ATTEMPT_DRAINING) {
        end_drain(c);
        return;
    }
    if (stop_late(c, now_us))
        return;
    struct clocks k = clocks_of(c);
    if (now_us >= k.line_us) {
        pick_waited_enough(c);
        return;
    }
    if (now_us >= k.hedge_us)
        hedge_start(c);
    tell_client(c, &k, now_us);
    clock_arm(c);
}

void clock_drain(struct mesh_call *c)
{
    c->at->state = ATTEMPT_DRAINING;
    if (loop_timer_set(c->ml->loop, &c->timer, DRAIN_MS, on_timer) < 0)
        end_drain(c);
}
