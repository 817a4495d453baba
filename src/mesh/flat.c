/* flat.c: flat plans on the way of a call: the ticket it takes, what its answer says of the plan's windows, and how it is
 * paid. The rules are the ledger's (ledger/plan.h); here they meet attempts.
 *
 * An answer is judged once: by its head, so that the next call knows at once; an error by its body too, where some providers
 * say that a window is spent. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

enum { SIGNAL_ARENA_MAX = 256 * 1024 };

static struct plan_now now_of(const struct mesh_call *c)
{
    return (struct plan_now){loop_wall_ms(c->ml->loop), loop_now_ms(c->ml->loop)};
}

int flat_open(struct mesh *m, struct upstream *u, struct err *e)
{
    const struct config_upstream *c = u->config;
    struct plan_terms t = {.window_count = c->plan_window_count, .sliding = c->plan_sliding, .overage_allow = c->plan_overage_allow,
                           .reserve_ppm = config_reserve_ppm(c->plan_reserve.text)};
    for (int i = 0; i < c->plan_window_count; i++)
        t.window_ms[i] = c->plan_window_ms[i];
    if (!m->ledger)
        return 0;
    int rc = ledger_plan(&u->plan, m->ledger, u->name, &t, e);
    if (rc == 0 && u->authorization.len)
        u->plan_holder = plan_holder(u->plan, u->authorization);
    return rc;
}

/* --- may it go? ------------------------------------------------------------------------------------------------------- */

static struct plan_ask ask_of(struct mesh_call *c, const struct target *t)
{
    const struct upstream *u = t->up;
    if (!u->plan_holder && !c->plan_holder)
        c->plan_holder = plan_holder(u->plan, c->ask.credential);
    return (struct plan_ask){.holder = u->plan_holder ? u->plan_holder : c->plan_holder, .model = t->model, .batch = call_is_batch(c), .now = now_of(c)};
}

bool flat_is_billed(const struct mesh_call *c, const struct target *t)
{
    const struct upstream *u = t->up;
    uint64_t holder = u->plan_holder ? u->plan_holder : c->plan_holder;
    return u->plan && u->config->plan_overage_allow && plan_is_billed(u->plan, holder ? holder : plan_holder(u->plan, c->ask.credential));
}

static enum reason reason_of(struct mesh_call *c, enum plan_pass pass, const struct plan_why *why, int64_t *wait_ms)
{
    char until[CIVIL_ISO_BYTES];
    if (pass == PLAN_OPEN || pass == PLAN_PROBE)
        return REASON_DONE;
    *wait_ms = why->wait_ms;
    civil_iso(why->until_ms, until);
    char *words = why->until_ms ? arena_format(&c->arena, "%s, until %.19sZ", why->window, until) : arena_format(&c->arena, "%s", why->window);
    c->plan_words = str_from(words);
    return pass == PLAN_SPENT ? REASON_PLAN_SPENT : REASON_PLAN_RESERVED;
}

enum reason flat_look(struct mesh_call *c, const struct target *t, int64_t *wait_ms)
{
    struct plan_why why;
    if (c->ml->mesh->config->plans_off)
        return REASON_PLAN_OFF;
    struct plan_ask ask = ask_of(c, t);
    return reason_of(c, plan_look(t->up->plan, &ask, &why), &why, wait_ms);
}

enum reason flat_enter(struct attempt *a, const struct target *t, int64_t *wait_ms)
{
    struct plan_why why;
    a->regime = t->up->regime;
    a->ticket = (struct plan_ticket){0};
    a->billed = false;
    if (a->regime != REGIME_PLAN)
        return REASON_DONE;
    struct plan_ask ask = ask_of(a->call, t);
    enum reason r = reason_of(a->call, plan_enter(t->up->plan, &ask, &a->ticket, &why), &why, wait_ms);
    if (r == REASON_DONE && a->ticket.paying)
        a->regime = REGIME_CREDIT; /* held for, and booked, as what it will be */
    return r;
}

void flat_leave(struct attempt *a)
{
    plan_leave(&a->ticket);
}

/* --- what came of it ----------------------------------------------------------------------------------------------------- */

static void write_state(struct attempt *a)
{
    struct mesh_loop *ml = a->call->ml;
    if (plan_journal(a->ticket.plan, a->ticket.holder, ml->journal, now_of(a->call)) < 0)
        log_line(LOG_ERROR, "plan", "how the plan of %.*s stands could not be written to the journal; it is tried again with its next answer",
                 STR_FMT(a->target->up->name));
    mesh_loop_journal(ml);
}

static void say(const struct attempt *a, const struct plan_heard *heard)
{
    const struct upstream *u = a->target->up;
    char until[CIVIL_ISO_BYTES], who[PLAN_FAMILY_BYTES + 16] = "";
    if (heard->family[0])
        text_format(who, sizeof who, " for %s models", heard->family);
    civil_iso(heard->why.until_ms, until);
    if (heard->became_spent || heard->came_back)
        tell_plan(a, heard);
    if (heard->became_spent)
        log_line(LOG_WARN, "plan", "%.*s (credential %08llx): its %s window is spent%s%s; calls take their next step until %.19sZ",
                 STR_FMT(u->name), (unsigned long long)(a->ticket.holder >> 32), heard->why.window[0] ? heard->why.window : "usage", who,
                 heard->verdict == PLAN_PAID ? ", and an answer was billed beside it" : "", until);
    if (heard->came_back)
        log_line(LOG_INFO, "plan", "%.*s (credential %08llx): its %s window is open again%s", STR_FMT(u->name),
                 (unsigned long long)(a->ticket.holder >> 32), heard->why.window[0] ? heard->why.window : "usage", who);
}

static enum plan_verdict judge(struct attempt *a)
{
    struct plan_heard heard;
    const struct vendor *v = a->target->up->vendor;
    plan_answered(&a->ticket, &(struct plan_answer){.http_status = a->status, .signal = a->signal, .retry_after_ms = a->plan_retry_ms,
                                                    .speaks = v && v->quirks & QUIRK_PLAN_HEADERS, .now = now_of(a->call),
                                                    .rng = &a->call->ml->rng}, &heard);
    if (heard.verdict == PLAN_PAID && a->regime == REGIME_PLAN) {
        a->billed = true;
        a->regime = REGIME_CREDIT;
    }
    if (heard.verdict == PLAN_EXHAUSTED)
        a->retry_after_ms = heard.why.wait_ms;
    say(a, &heard);
    write_state(a);
    return heard.verdict;
}

void flat_headers(struct attempt *a, const struct http_fetch_head *h)
{
    if (!a->ticket.plan)
        return;
    a->plan_retry_ms = -1;
    a->signal = arena_new(&a->call->arena, struct plan_signal);
    if (!a->signal)
        return; /* then this answer says nothing, and the next one may */
    plan_signal_init(a->signal);
    for (size_t i = 0; i < h->header_count; i++) {
        struct str name = h->header[i].name, value = h->header[i].value;
        plan_signal_header(a->signal, name, value);
        if (str_eq(name, STR("retry-after")))
            a->plan_retry_ms = retry_after_read(name, value, loop_wall_ms(a->call->ml->loop));
    }
    plan_signal_headers_end(a->signal);
    if (a->status != 429)
        (void)judge(a);
}

enum reason flat_refused(struct attempt *a, enum reason r, struct str body)
{
    if (!a->ticket.plan || !a->signal || a->ticket.judged)
        return r;
    struct arena scratch = ARENA_INIT(SIGNAL_ARENA_MAX);
    plan_signal_error(a->signal, body, &scratch);
    arena_fini(&scratch);
    switch (judge(a)) {
    case PLAN_EXHAUSTED:
        return REASON_PLAN_SPENT;
    case PLAN_REQUEST:
        return REASON_PLAN_REQUEST;
    case PLAN_FINE:
    case PLAN_PAID:
        break;
    }
    return r;
}

/* Where no price is known, tokens still weigh: answers five times what they were asked, as most vendors price them. */
static int64_t weight(const struct usage *u, int64_t list_nusd)
{
    enum { INPUT_NUSD = 1000, OUTPUT_NUSD = 5000 };
    if (list_nusd != COST_UNKNOWN)
        return list_nusd;
    __int128 n = (__int128)u->input * INPUT_NUSD + (__int128)u->output * OUTPUT_NUSD;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

int64_t flat_close(struct attempt *a, int64_t list_nusd)
{
    int64_t cost = a->regime == REGIME_PLAN ? 0 : list_nusd;
    if (!a->ticket.plan)
        return cost;
    if (a->status == 429 && a->signal && !a->ticket.judged)
        (void)judge(a); /* its body never came */
    if (a->regime == REGIME_PLAN)
        plan_used(&a->ticket, weight(&a->usage, list_nusd), now_of(a->call));
    write_state(a);
    plan_leave(&a->ticket);
    return cost;
}
