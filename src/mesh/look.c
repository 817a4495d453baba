/* look.c: the targets as they are at this moment, for the admin API. Reads the shared atomics only, and takes nothing. */
#include "mesh/mesh_priv.h"

static struct str why_not_now(const struct mesh *m, const struct target *t, enum breaker_pass pass, int64_t upstream_in_flight, int64_t now_ms)
{
    const struct upstream *u = t->up;
    if (u->key_problem.len)
        return u->key_problem;
    if (u->regime == REGIME_PLAN && m->config->plans_off)
        return str_from(reason_row(REASON_PLAN_OFF)->text);
    if (pass == BREAKER_OPEN)
        return str_from(reason_row(REASON_COOLING)->text);
    if (u->concurrent && upstream_in_flight >= u->concurrent)
        return str_from(reason_row(REASON_BUSY)->text);
    enum reason rate = rate_look(u, now_ms);
    return rate == REASON_DONE ? STR_NONE : str_from(reason_row(rate)->text);
}

static const char *breaker_word(const struct breaker *b, enum breaker_pass pass)
{
    bool probing = atomic_load_explicit(&b->probing, memory_order_relaxed);
    return pass == BREAKER_CLOSED ? "closed" : pass == BREAKER_PROBE || probing ? "half-open" : "open";
}

int mesh_targets(const struct mesh *m, int (*fn)(const struct mesh_target *t, void *ctx), void *ctx)
{
    int64_t now_ms = clock_mono_us(m->clock) / 1000, wait_ms;
    int rc = 0;
    for (int i = 0; rc == 0 && i < m->target_count; i++) {
        const struct target *t = &m->target[i];
        enum breaker_pass pass = breaker_look(&t->state->breaker, now_ms, &wait_ms);
        int64_t all = atomic_load_explicit(&t->up->state->in_flight, memory_order_relaxed);
        rc = fn(&(struct mesh_target){.name = t->name,
                                      .upstream = t->up->name,
                                      .home = t->up->home,
                                      .regime = t->up->regime,
                                      .breaker = breaker_word(&t->state->breaker, pass),
                                      .breaker_wait_ms = pass == BREAKER_OPEN ? wait_ms : 0,
                                      .in_flight = atomic_load_explicit(&t->state->in_flight, memory_order_relaxed),
                                      .upstream_in_flight = all,
                                      .concurrent = t->up->concurrent,
                                      .spill_percent = spill_percent(t, now_ms),
                                      .why_not = why_not_now(m, t, pass, all, now_ms)},
                ctx);
    }
    return rc;
}
