/* plan.c: a flat plan: may a call go there, and what is kept of it. What an answer means for it is plan_judge.c's.
 *
 *   open --429 that names a spent window, or a 200 billed beside the plan--> resting until the latest reset
 *   resting --the reset has passed--> half-open: one call is let through as a probe
 *   half-open --answered within the plan--> open;  --refused again--> resting;  --anything else--> the next call is the probe
 *
 * A plain 429 and an overload change nothing here: they are trouble of the moment, and the mesh deals with them. */
#include "ledger/plan_priv.h"
#include "base/mem.h"

enum {
    PROBE_WAIT_MS = 1000,
    JOURNAL_EVERY_MS = 10000,
};

/* --- moments ------------------------------------------------------------------------------------------------------------ */

struct plan_moment plan_in(int64_t ms, struct plan_now now)
{
    ms = ms < 0 ? 0 : ms > PLAN_REST_MAX_MS ? PLAN_REST_MAX_MS : ms;
    return (struct plan_moment){now.wall_ms + ms, now.mono_ms + ms};
}

int64_t plan_left_ms(const struct plan_moment *m, struct plan_now now)
{
    int64_t wall = m->wall_ms - now.wall_ms, mono = m->mono_ms - now.mono_ms;
    int64_t left = wall < mono ? wall : mono;
    return left > 0 ? left : 0;
}

/* --- may it go? ----------------------------------------------------------------------------------------------------------- */

/* PLAN_OPEN, PLAN_PROBE (no block is left but such whose time has come) or PLAN_SPENT. */
static enum plan_pass pass_blocks(const struct plan_holder_state *h, const char *family, struct plan_why *why, struct plan_now now)
{
    enum plan_pass pass = PLAN_OPEN;
    for (int i = 0; i < h->block_count; i++) {
        const struct plan_block *b = &h->block[i];
        if (!plan_block_covers(b, family))
            continue;
        int64_t left = plan_left_ms(&b->until, now);
        if (left || b->probe) {
            plan_why_say(why, b->window, &b->until, left ? left : PROBE_WAIT_MS, now);
            return PLAN_SPENT;
        }
        pass = PLAN_PROBE;
    }
    return pass;
}

static bool is_kept(const struct plan *p, const struct plan_holder_state *h, const char *family, struct plan_why *why, struct plan_now now)
{
    for (int i = 0; i < h->span_count; i++) {
        const struct plan_span *s = &h->span[i];
        bool estimate;
        if (!plan_span_covers(s, family) || plan_span_used_ppm(s, now, &estimate) < PLAN_PPM - p->terms.reserve_ppm)
            continue;
        plan_why_say(why, s->name, &s->reset, s->reset.wall_ms ? plan_left_ms(&s->reset, now) : -1, now);
        return true;
    }
    return false;
}

/* Use beside Hearth is of the same account when only one is known. */
static const struct plan_holder_state *same_elsewhere(const struct plan *p, struct plan_now now)
{
    enum { TOLD_MS = 3600000 }; /* whoever watches the logs tells when they change; beyond that it is not watched any more */
    const struct plan_holder_state *found = NULL;
    for (int i = 0; i < p->holder_count; i++)
        if (p->holder[i]->elsewhere && now.wall_ms - p->holder[i]->used_last_ms < TOLD_MS)
            found = p->holder[i];
    return p->holder_count == 2 ? found : NULL;
}

/* Under the lock. */
static enum plan_pass look(struct plan *p, struct plan_holder_state *h, const struct plan_ask *ask, const char *family, struct plan_why *why)
{
    *why = (struct plan_why){.wait_ms = -1};
    plan_spans_roll(h, ask->now);
    enum plan_pass pass = pass_blocks(h, family, why, ask->now);
    if (pass == PLAN_SPENT || !ask->batch || !p->terms.reserve_ppm)
        return pass;
    const struct plan_holder_state *beside = same_elsewhere(p, ask->now);
    bool kept = is_kept(p, h, family, why, ask->now) || (beside && is_kept(p, beside, family, why, ask->now));
    return kept ? PLAN_KEPT : pass;
}

enum plan_pass plan_look(struct plan *p, const struct plan_ask *ask, struct plan_why *why)
{
    char family[PLAN_FAMILY_BYTES];
    plan_family(ask->model, family);
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = plan_holder_find(p, ask->holder);
    *why = (struct plan_why){.wait_ms = -1};
    enum plan_pass pass = h ? look(p, h, ask, family, why) : PLAN_OPEN;
    (void)pthread_mutex_unlock(&p->lock);
    return pass;
}

bool plan_is_billed(struct plan *p, uint64_t holder)
{
    (void)pthread_mutex_lock(&p->lock);
    const struct plan_holder_state *h = plan_holder_find(p, holder);
    bool billed = h && h->paying && p->terms.overage_allow;
    (void)pthread_mutex_unlock(&p->lock);
    return billed;
}

enum plan_pass plan_enter(struct plan *p, const struct plan_ask *ask, struct plan_ticket *t, struct plan_why *why)
{
    struct plan_ticket got = {.plan = p, .holder = ask->holder};
    plan_family(ask->model, got.family);
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = plan_holder_take(p, ask->holder);
    enum plan_pass pass = PLAN_OPEN;
    if (h) {
        plan_spans_configured(p, h, ask->now);
        pass = look(p, h, ask, got.family, why);
    }
    if (h && (pass == PLAN_OPEN || pass == PLAN_PROBE)) {
        got.turn = ++h->turn;
        got.probe = pass == PLAN_PROBE;
        got.paying = h->paying && p->terms.overage_allow;
        h->used_last_ms = ask->now.wall_ms;
        for (int i = 0; got.probe && i < h->block_count; i++)
            if (plan_block_covers(&h->block[i], got.family))
                h->block[i].probe = got.turn;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (pass == PLAN_OPEN || pass == PLAN_PROBE)
        *t = got;
    return pass;
}

void plan_leave(struct plan_ticket *t)
{
    struct plan *p = t->plan;
    if (!p)
        return;
    if (t->probe) {
        (void)pthread_mutex_lock(&p->lock);
        struct plan_holder_state *h = plan_holder_find(p, t->holder);
        for (int i = 0; h && i < h->block_count; i++)
            if (h->block[i].probe == t->turn)
                h->block[i].probe = 0;
        (void)pthread_mutex_unlock(&p->lock);
    }
    t->plan = NULL;
}

/* --- what it is told ---------------------------------------------------------------------------------------------------- */

void plan_used(const struct plan_ticket *t, int64_t nusd, struct plan_now now)
{
    struct plan *p = t->plan;
    if (!p || nusd <= 0)
        return;
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = plan_holder_find(p, t->holder);
    for (int i = 0; h && i < h->span_count; i++)
        if (plan_span_covers(&h->span[i], t->family)) {
            plan_span_roll(&h->span[i], now);
            plan_span_count(&h->span[i], nusd, now);
            h->changed = true;
        }
    (void)pthread_mutex_unlock(&p->lock);
}

void plan_told(struct plan *p, uint64_t holder, const struct plan_signal *signal, struct plan_now now)
{
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = plan_holder_take(p, holder);
    if (h) {
        plan_spans_roll(h, now);
        plan_spans_told(h, signal, "", now);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

/* --- the journal -------------------------------------------------------------------------------------------------------------- */

int plan_journal(struct plan *p, uint64_t holder, struct ledger_writer *w, struct plan_now now)
{
    int rc = 0;
    AUTO_BUF struct buf state = BUF_INIT(PLAN_STATE_MAX);
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = plan_holder_find(p, holder);
    bool due = h && h->changed && (h->urgent || !h->version || now.mono_ms - h->written_mono_ms >= JOURNAL_EVERY_MS);
    if (due && (rc = plan_state_write(h, &state)) == 0) {
        struct ledger_plan_state r = {.wall_ms = now.wall_ms, .version = h->version + 1, .holder = holder,
                                      .upstream = str_from(p->upstream), .state = buf_str(&state)};
        rc = ledger_plan_noted(w, &r);
        if (rc == 0) {
            h->version++;
            h->changed = h->urgent = false;
            h->written_mono_ms = now.mono_ms;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

/* --- making them ---------------------------------------------------------------------------------------------------------------- */

static void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->holder_count; i++)
        mem_free(p->holder[i]);
    (void)pthread_mutex_destroy(&p->lock);
    explicit_bzero(p->secret, sizeof p->secret);
    mem_free(p->upstream);
    mem_free(p);
}

void plans_free(struct plan *list)
{
    while (list) {
        struct plan *next = list->next;
        plan_free(list);
        list = next;
    }
}

struct loading {
    struct plan *plan;
    struct plan_now now;
};

/* What cannot be read is of a later version: the plan begins anew, and the next answer tells. */
static int load(const struct ledger_plan_state *r, void *ctx)
{
    struct loading *l = ctx;
    struct plan *p = l->plan;
    if (!str_eq(r->upstream, str_from(p->upstream)) || p->holder_count == HOLDERS_MAX)
        return 0;
    struct plan_holder_state *h = new0(struct plan_holder_state);
    if (!h)
        return ERR_NOMEM;
    h->id = r->holder;
    h->version = r->version;
    if (plan_state_read(h, r->state, l->now) < 0) {
        mem_free(h);
        return 0;
    }
    p->holder[p->holder_count++] = h;
    return 0;
}

static int make(struct plan **out, struct ledger *l, struct str upstream, struct err *e)
{
    struct plan *p = new0(struct plan);
    AUTO_BUF struct buf name = BUF_INIT(upstream.len + 1);
    if (p && buf_append(&name, upstream) == 0 && buf_text(&name))
        p->upstream = mem_dup_text(name.ptr);
    if (!p || !p->upstream) {
        mem_free(p);
        return err_set(e, ERR_NOMEM, "the plan of %.*s", STR_FMT(upstream));
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    struct loading loading = {.plan = p, .now = {clock_wall_ms(l->clock), clock_mono_us(l->clock) / 1000}};
    struct ledger_reader *r = NULL;
    int rc = plan_secret(l, p->secret, e);
    if (rc == 0)
        rc = ledger_reader_open(&r, str_from(l->dir), e);
    if (rc == 0)
        rc = ledger_plan_states(r, load, &loading, e);
    ledger_reader_close(r);
    if (rc < 0) {
        plan_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

int ledger_plan(struct plan **out, struct ledger *l, struct str upstream, const struct plan_terms *t, struct err *e)
{
    int rc = 0;
    (void)pthread_mutex_lock(&l->budgets_lock);
    struct plan *p = l->plans;
    while (p && !str_eq(str_from(p->upstream), upstream))
        p = p->next;
    if (!p && (rc = make(&p, l, upstream, e)) == 0) {
        p->next = l->plans;
        l->plans = p;
    }
    (void)pthread_mutex_unlock(&l->budgets_lock);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&p->lock);
    p->terms = *t;
    (void)pthread_mutex_unlock(&p->lock);
    *out = p;
    return 0;
}
