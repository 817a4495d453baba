/* take.c: what an attempt takes before it leaves: its plan's ticket, holds of its budgets for the worst case, the breaker's
 * probe, its part of the minute, a place. All or nothing. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/audio.h"

static void release_holds(struct attempt *a)
{
    for (size_t i = 0; i < COUNT_OF(a->hold); i++)
        if (a->hold[i].budget)
            budget_settle(&a->hold[i], 0);
    memset(a->hold, 0, sizeof a->hold);
}

/* A number the job's defaults give where the client gave none. */
static int64_t default_of(const struct mesh_call *c, struct str name, int64_t otherwise)
{
    const struct job *j = c->route.job;
    int64_t n;
    for (size_t i = 0; j && i < j->default_count; i++)
        if (str_eq(j->defaults[i].key, name) && json_to_i64(j->defaults[i].value, &n) && n >= 0)
            return call_has_member(&c->facts, name) || !call_takes_default(&c->facts, name) ? otherwise : n;
    return otherwise;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t output_at_most(const struct mesh_call *c, const struct target *t)
{
    enum { OUTPUT_UNKNOWN_MAX = 32768 }; /* neither the client nor the table gives a bound: what most models stop at */
    if (wire_op_embeds(c->facts.op) || c->facts.op == WIRE_COUNT_TOKENS || c->facts.op == WIRE_RERANK || c->facts.form)
        return 0;
    int64_t each = c->facts.max_tokens;
    if (each < 0)
        each = larger(default_of(c, STR("max_tokens"), -1), default_of(c, STR("max_completion_tokens"), -1));
    if (each < 0)
        each = t->fact && t->fact->output_tokens_max ? t->fact->output_tokens_max : OUTPUT_UNKNOWN_MAX;
    int64_t answers = larger(default_of(c, STR("n"), c->facts.choices), default_of(c, STR("best_of"), c->facts.best_of));
    __int128 all = (__int128)each * larger(answers, 1) * c->facts.prompts;
    return all > INT32_MAX * (int64_t)1024 ? INT32_MAX * (int64_t)1024 : (int64_t)all; /* beyond every budget there is */
}

static int64_t audio_at_most_ms(const struct mesh_call *c, const struct target *t)
{
    const struct vendor *v = t->up->vendor;
    return larger(audio_ms_at_most(c->facts.body.len), v ? v->audio_ms_least : 0);
}

/* Until the window of a budget ends, and with it what was spent. */
static int64_t window_left_ms(enum budget_span span, int64_t wall_ms)
{
    struct civil end = civil_from_ms(wall_ms);
    end.minute = end.second = 0;
    if (span == BUDGET_HOUR)
        return civil_to_ms(&end) + 3600000 - wall_ms;
    end.hour = 0;
    if (span == BUDGET_DAY)
        return civil_to_ms(&end) + 86400000 - wall_ms;
    end.day = 1;
    end.year += end.month == 12;
    end.month = end.month % 12 + 1;
    return civil_to_ms(&end) - wall_ms;
}

/* The most that it can cost there. */
static int64_t worst_of(const struct attempt *a, const struct target *t)
{
    const struct mesh_call *c = a->call;
    if (a->regime == REGIME_PLAN)
        return 0;
    if (power_is_known(c->ml->mesh, t))
        return power_cost_of(c->ml->mesh, t, (int64_t)t->up->total_ms * 1000);
    if (!a->priced)
        return COST_UNKNOWN;
    if (c->facts.form)
        return price_worst_audio(&a->price, audio_at_most_ms(c, t));
    /* a third on top of the estimate, so that being wrong by a quarter is still covered */
    return price_worst(&a->price, c->facts.tokens_estimated * 4 / 3 + 16, output_at_most(c, t));
}

/* Its price of this moment, and the worst case out of each budget. */
static enum reason take_holds(struct attempt *a, const struct target *t, int64_t *wait_ms)
{
    const struct upstream *u = t->up;
    int64_t wall_ms = loop_wall_ms(a->call->ml->loop);
    a->priced = price_find(&a->price, t->price, t->price_count, u->vendor_name, t->model, wall_ms);
    int64_t worst = a->hold_nusd = worst_of(a, t);
    for (size_t i = 0; i < COUNT_OF(a->hold); i++) {
        struct budget *b = u->budget[i];
        *wait_ms = -1;
        if (b && worst == COST_UNKNOWN)
            return REASON_NO_PRICE;
        if (!b || budget_take(b, worst, wall_ms, &a->hold[i]) == 0)
            continue;
        if (worst <= budget_limit(b)) /* else it never fits, however long it waits */
            *wait_ms = window_left_ms((enum budget_span)i, wall_ms);
        return REASON_BUDGET;
    }
    return REASON_DONE;
}

static enum reason take_place(struct attempt *a, const struct target *t, bool has_place, int64_t *wait_ms)
{
    enum reason r = rate_take(a, t, wait_ms);
    if (r != REASON_DONE || has_place || queue_place_take(t->up)) /* last of all: a line is only for calls that lack nothing else */
        return r;
    rate_give_back(a, t->up);
    *wait_ms = 1000;
    return REASON_BUSY;
}

static enum reason take_breaker(struct attempt *a, const struct target *t, bool has_place, int64_t *wait_ms)
{
    enum breaker_pass pass = breaker_enter(&t->state->breaker, loop_now_ms(a->call->ml->loop), wait_ms);
    if (pass == BREAKER_OPEN)
        return REASON_COOLING;
    enum reason r = take_place(a, t, has_place, wait_ms);
    if (r != REASON_DONE)
        breaker_release(&t->state->breaker, pass == BREAKER_PROBE);
    a->probe = r == REASON_DONE && pass == BREAKER_PROBE;
    return r;
}

enum reason pick_take(struct attempt *a, const struct target *t, bool has_place, int64_t *wait_ms)
{
    enum reason r = flat_enter(a, t, wait_ms);
    if (r != REASON_DONE)
        return r;
    r = take_holds(a, t, wait_ms);
    if (r == REASON_DONE)
        r = take_breaker(a, t, has_place, wait_ms);
    if (r != REASON_DONE) {
        release_holds(a);
        flat_leave(a);
        return r;
    }
    atomic_fetch_add_explicit(&t->state->in_flight, 1, memory_order_relaxed);
    a->in_flight = true;
    return REASON_DONE;
}

void pick_release(struct attempt *a)
{
    if (!a->in_flight)
        return;
    atomic_fetch_sub_explicit(&a->target->state->in_flight, 1, memory_order_relaxed);
    queue_place_give(a->target->up);
    a->in_flight = false;
}
