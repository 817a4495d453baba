/* pick.c: which candidate of the chain is next, and why the others are not.
 *
 * Steps come in order; inside a step the balance decides. A candidate that may not or cannot take this call is skipped,
 * and the reason is kept for the story that the client and `explain` read. */
#include "mesh/mesh_priv.h"
#include <assert.h>

/* The estimate may be a quarter too high: a call is only kept away from a context that it surely exceeds. */
static bool surely_exceeds(int64_t tokens_estimated, int64_t context)
{
    return context > 0 && tokens_estimated * 3 / 4 > context;
}

void story_add(struct mesh_call *c, const struct target *t, enum reason r, bool attempted, int status, int64_t wait_ms,
               struct str words)
{
    struct tried *entry = c->tried_count < TRIED_MAX ? arena_new(&c->arena, struct tried) : NULL;
    if (!entry)
        return; /* the story gets shorter, the call goes on */
    *entry = (struct tried){.target = t, .reason = r, .attempted = attempted, .http_status = status, .wait_ms = wait_ms,
                            .words = words.len ? arena_dup(&c->arena, words) : STR_NONE};
    *c->tried_tail = entry;
    c->tried_tail = &entry->next;
    c->tried_count++;
}

/* --- the order inside a step ---------------------------------------------------------------------------------------- */

static void swap(uint8_t *a, uint8_t *b)
{
    uint8_t t = *a;
    *a = *b;
    *b = t;
}

/* Without replacement: the first place by weight among all, the second among the rest, and so on. */
static void order_weighted(struct mesh_call *c, const struct step *s)
{
    for (int i = 0; i < s->count; i++) {
        int total = 0;
        for (int k = i; k < s->count; k++)
            total += s->of[c->order[k]].weight;
        int64_t at = (int64_t)rng_below(&c->ml->rng, (uint64_t)total);
        int k = i;
        while ((at -= s->of[c->order[k]].weight) >= 0)
            k++;
        swap(&c->order[i], &c->order[k]);
    }
}

static int load_of(const struct step_target *of)
{
    return atomic_load_explicit(&of->target->state->in_flight, memory_order_relaxed);
}

static void order_least_busy(struct mesh_call *c, const struct step *s)
{
    order_weighted(c, s); /* equals in random order */
    for (int i = 1; i < s->count; i++)
        for (int k = i; k > 0; k--) {
            const struct step_target *a = &s->of[c->order[k]], *b = &s->of[c->order[k - 1]];
            if ((int64_t)load_of(a) * b->weight >= (int64_t)load_of(b) * a->weight)
                break;
            swap(&c->order[k], &c->order[k - 1]);
        }
}

static void order_step(struct mesh_call *c, const struct step *s)
{
    assert(s->count <= (int)COUNT_OF(c->order));
    for (int i = 0; i < s->count; i++)
        c->order[i] = (uint8_t)i;
    if (s->balance == BALANCE_WEIGHTED)
        order_weighted(c, s);
    else if (s->balance == BALANCE_LEAST_BUSY)
        order_least_busy(c, s);
    c->ordered = true;
    c->position = 0;
}

/* --- may this candidate take this call? ------------------------------------------------------------------------------- */

static bool call_has_tag(const struct mesh_call *c, struct str tag)
{
    struct str rest = c->ask.tags, one;
    while (str_cut(&rest, ',', &one))
        if (str_eq(str_trim(one), tag))
            return true;
    return false;
}

static bool step_fits(const struct mesh_call *c, const struct step *s)
{
    if (s->max_context && c->facts.tokens_estimated > s->max_context)
        return false;
    if ((c->facts.needs & s->needs) != s->needs)
        return false;
    for (int i = 0; i < s->tag_count; i++)
        if (!call_has_tag(c, s->tags[i]))
            return false;
    return true;
}

static bool is_capable(const struct mesh_call *c, const struct target *t)
{
    unsigned needs = c->facts.needs;
    const struct model_row *fact = t->fact;
    const struct vendor *v = t->up->vendor;
    if (c->facts.format == FORMAT_JSON_SCHEMA && v && v->quirks & QUIRK_NO_JSON_SCHEMA)
        return false;
    if (!fact)
        return true; /* unknown models are given the chance */
    if ((needs & NEED_TOOLS && !fact->tools) || (needs & NEED_VISION && !fact->vision))
        return false;
    return c->facts.format != FORMAT_JSON_SCHEMA || fact->json_schema;
}

static enum reason why_not(struct mesh_call *c, const struct step *s, const struct target *t, int64_t *wait_ms)
{
    const struct upstream *u = t->up;
    *wait_ms = -1;
    if (c->home && !u->home)
        return REASON_OUTSIDE;
    if (c->home && model_forwards(t->model))
        return REASON_FORWARDS;
    if (!step_fits(c, s))
        return REASON_CONDITION;
    if (u->key_problem.len)
        return REASON_NO_KEY;
    if (u->passthrough && !c->ask.credential.len)
        return REASON_NO_CREDENTIAL;
    int64_t context = t->fact ? t->fact->context_tokens : 0;
    if (surely_exceeds(c->facts.tokens_estimated, context) || (c->larger_than && context && context <= c->larger_than))
        return REASON_TOO_SMALL;
    if (c->not_vendor.len && str_eq(c->not_vendor, u->vendor_name.len ? u->vendor_name : u->name))
        return REASON_POLICY;
    if (!is_capable(c, t))
        return REASON_INCAPABLE;
    if (breaker_look(&t->state->breaker, loop_now_ms(c->ml->loop), wait_ms) == BREAKER_OPEN)
        return REASON_COOLING;
    return REASON_DONE;
}

/* --- taking it: budget, breaker, counts; all or nothing ---------------------------------------------------------------- */

static void release_holds(struct mesh_call *c)
{
    for (size_t i = 0; i < COUNT_OF(c->hold); i++)
        if (c->hold[i].budget)
            budget_settle(&c->hold[i], 0);
    memset(c->hold, 0, sizeof c->hold);
}

/* A number the job's defaults give where the client gave none. */
static int64_t default_of(const struct mesh_call *c, struct str name, int64_t otherwise)
{
    const struct job *j = c->route.job;
    int64_t n;
    for (size_t i = 0; j && i < j->default_count; i++)
        if (str_eq(j->defaults[i].key, name) && json_to_i64(j->defaults[i].value, &n) && n >= 0)
            return call_has_member(&c->facts, name) ? otherwise : n;
    return otherwise;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t output_at_most(const struct mesh_call *c, const struct target *t)
{
    enum { OUTPUT_UNKNOWN_MAX = 32768 }; /* neither the client nor the table gives a bound: what most models stop at */
    if (c->facts.op == WIRE_EMBEDDINGS)
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

static enum reason take(struct mesh_call *c, const struct target *t, int64_t *wait_ms)
{
    struct upstream *u = t->up;
    int64_t wall_ms = loop_wall_ms(c->ml->loop), worst = COST_UNKNOWN;
    c->priced = price_find(&c->price, t->price, t->price_count, u->vendor_name, t->model, wall_ms);
    if (c->priced) /* a third on top of the estimate, so that being wrong by a quarter is still covered */
        worst = price_worst(&c->price, c->facts.tokens_estimated * 4 / 3 + 16, output_at_most(c, t));
    if (power_is_known(c->ml->mesh, t))
        worst = power_cost_of(c->ml->mesh, t, (int64_t)u->total_ms * 1000);
    c->hold_nusd = worst;
    for (size_t i = 0; i < COUNT_OF(c->hold); i++)
        if (u->budget[i] && budget_take(u->budget[i], worst, wall_ms, &c->hold[i]) < 0) {
            release_holds(c);
            *wait_ms = window_left_ms((enum budget_span)i, wall_ms);
            return REASON_BUDGET;
        }
    enum breaker_pass pass = breaker_enter(&t->state->breaker, loop_now_ms(c->ml->loop), wait_ms);
    if (pass == BREAKER_OPEN) {
        release_holds(c);
        return REASON_COOLING;
    }
    /* Counted first and looked at then, so that racing loops cannot both take the last place. */
    int before = atomic_fetch_add_explicit(&u->state->in_flight, 1, memory_order_relaxed);
    if (u->concurrent && before >= u->concurrent) {
        atomic_fetch_sub_explicit(&u->state->in_flight, 1, memory_order_relaxed);
        breaker_release(&t->state->breaker, pass == BREAKER_PROBE);
        release_holds(c);
        *wait_ms = 1000;
        return REASON_BUSY;
    }
    c->probe = pass == BREAKER_PROBE;
    atomic_fetch_add_explicit(&t->state->in_flight, 1, memory_order_relaxed);
    c->in_flight = true;
    return REASON_DONE;
}

void pick_release(struct mesh_call *c)
{
    if (!c->in_flight)
        return;
    atomic_fetch_sub_explicit(&c->target->state->in_flight, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&c->target->up->state->in_flight, 1, memory_order_relaxed);
    c->in_flight = false;
}

static const struct target *candidate(struct mesh_call *c, const struct step *s, const struct target *t)
{
    int64_t wait_ms;
    enum reason r = why_not(c, s, t, &wait_ms);
    if (r == REASON_DONE)
        r = take(c, t, &wait_ms);
    if (r == REASON_DONE)
        return t;
    story_add(c, t, r, false, 0, wait_ms, r == REASON_NO_KEY ? t->up->key_problem : STR_NONE);
    return NULL;
}

const struct target *pick_next(struct mesh_call *c)
{
    if (c->same_again) {
        const struct target *t = candidate(c, &c->chain[c->step < c->chain_count ? c->step : c->chain_count - 1], c->same_again);
        c->same_again = NULL;
        if (t)
            return t;
    }
    for (; c->step < c->chain_count; c->step++, c->ordered = false) {
        const struct step *s = &c->chain[c->step];
        if (!c->ordered)
            order_step(c, s);
        while (c->position < s->count) {
            const struct target *t = candidate(c, s, s->of[c->order[c->position++]].target);
            if (t)
                return t;
        }
    }
    return NULL;
}
