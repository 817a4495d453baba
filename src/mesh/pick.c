/* pick.c: which candidate of the chain is next, and why the others are not.
 *
 * Steps come in order; inside a step the balance decides. A candidate that may not or cannot take this call is skipped,
 * and the reason is kept for the story that the client and `explain` read. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/audio.h"

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
    *entry = (struct tried){.target = t, .reason = r, .attempted = attempted, .http_status = status, .wait_ms = wait_ms, .after = c->attempts,
                            .words = words.len ? arena_dup(&c->arena, words) : STR_NONE};
    *c->tried_tail = entry;
    c->tried_tail = &entry->next;
    c->tried_count++;
}

static void order_step(struct mesh_call *c, const struct step *s)
{
    balance_order(c, s);
    c->cursor.ordered = true;
    c->cursor.position = 0;
    c->cursor.full = 0;
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

const char *pick_lacks(const struct mesh_call *c, const struct target *t)
{
    static const char schema[] = "structured output (a JSON schema)";
    unsigned needs = c->facts.needs;
    const struct model_row *fact = t->fact;
    const struct vendor *v = t->up->vendor;
    bool wants_schema = c->facts.format == FORMAT_JSON_SCHEMA;
    if (wants_schema && v && v->quirks & QUIRK_NO_JSON_SCHEMA && face_choose(c, t) == DIALECT_OPENAI)
        return schema;
    if (!fact)
        return NULL; /* unknown models are given the chance */
    bool reads = fact->pdf || fact->vision; /* the table's sources do not agree on who that sees also reads documents */
    return needs & NEED_TOOLS && !fact->tools     ? "tools"
           : needs & NEED_VISION && !fact->vision ? "pictures"
           : needs & NEED_AUDIO && !fact->audio   ? "sound"
           : needs & NEED_PDF && !reads           ? "documents"
           : wants_schema && !fact->json_schema   ? schema
                                                  : NULL;
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
    int face = face_choose(c, t);
    if (face == FACE_NONE)
        return REASON_NO_ENDPOINT;
    if (u->passthrough && (!c->ask.credential.len || face != (int)c->ask.dialect)) /* what a client shows is for the service it speaks to */
        return REASON_NO_CREDENTIAL;
    if (u->regime == REGIME_PLAN) {
        enum reason plan = flat_look(c, t, wait_ms);
        if (plan != REASON_DONE)
            return plan;
    }
    int64_t context = t->fact ? t->fact->context_tokens : 0;
    if (surely_exceeds(c->facts.tokens_estimated, context) || (c->larger_than && context && context <= c->larger_than))
        return REASON_TOO_SMALL;
    if (c->not_vendor.len && str_eq(c->not_vendor, u->vendor_name.len ? u->vendor_name : u->name))
        return REASON_POLICY;
    if (pick_lacks(c, t))
        return REASON_INCAPABLE;
    if (breaker_look(&t->state->breaker, loop_now_ms(c->ml->loop), wait_ms) == BREAKER_OPEN)
        return REASON_COOLING;
    return REASON_DONE;
}

/* --- taking it: budget, breaker, counts; all or nothing ---------------------------------------------------------------- */

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

/* `has_place`: the line has given it one; it is given on when something else is in the way. */
static enum reason take(struct attempt *a, const struct target *t, bool has_place, int64_t *wait_ms)
{
    struct mesh_call *c = a->call;
    struct upstream *u = t->up;
    int64_t wall_ms = loop_wall_ms(c->ml->loop), worst = COST_UNKNOWN;
    enum reason plan = flat_enter(a, t, wait_ms);
    if (plan != REASON_DONE)
        return plan;
    a->priced = price_find(&a->price, t->price, t->price_count, u->vendor_name, t->model, wall_ms);
    if (a->priced && c->facts.form)
        worst = price_worst_audio(&a->price, audio_at_most_ms(c, t));
    else if (a->priced) /* a third on top of the estimate, so that being wrong by a quarter is still covered */
        worst = price_worst(&a->price, c->facts.tokens_estimated * 4 / 3 + 16, output_at_most(c, t));
    if (power_is_known(c->ml->mesh, t))
        worst = power_cost_of(c->ml->mesh, t, (int64_t)u->total_ms * 1000);
    if (a->regime == REGIME_PLAN)
        worst = 0;
    a->hold_nusd = worst;
    if (worst == COST_UNKNOWN && (u->budget[BUDGET_HOUR] || u->budget[BUDGET_DAY] || u->budget[BUDGET_MONTH])) {
        *wait_ms = -1;
        return REASON_NO_PRICE;
    }
    for (size_t i = 0; i < COUNT_OF(a->hold); i++)
        if (u->budget[i] && budget_take(u->budget[i], worst, wall_ms, &a->hold[i]) < 0) {
            release_holds(a);
            flat_leave(a);
            bool never = worst > budget_limit(u->budget[i]); /* however long it waits */
            *wait_ms = never ? -1 : window_left_ms((enum budget_span)i, wall_ms);
            return REASON_BUDGET;
        }
    enum breaker_pass pass = breaker_enter(&t->state->breaker, loop_now_ms(c->ml->loop), wait_ms);
    if (pass == BREAKER_OPEN) {
        release_holds(a);
        flat_leave(a);
        return REASON_COOLING;
    }
    enum reason rate = rate_take(a, t, wait_ms);
    if (rate != REASON_DONE) {
        breaker_release(&t->state->breaker, pass == BREAKER_PROBE);
        release_holds(a);
        flat_leave(a);
        return rate;
    }
    if (!has_place && !queue_place_take(u)) { /* last of all: a line is only for calls that lack nothing else */
        rate_give_back(a, u);
        breaker_release(&t->state->breaker, pass == BREAKER_PROBE);
        release_holds(a);
        flat_leave(a);
        *wait_ms = 1000;
        return REASON_BUSY;
    }
    a->probe = pass == BREAKER_PROBE;
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
    enum reason r = why_not(a->call, s, t, &wait_ms);
    if (r == REASON_DONE)
        r = take(a, t, false, &wait_ms);
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

/* What the cheapest member of that step that may take the call would cost, all of it read anew; INT64_MAX: nobody may. */
static int64_t cost_of_step(struct mesh_call *c, const struct step *s)
{
    int64_t least = INT64_MAX, wait_ms;
    for (int i = 0; i < s->count; i++) {
        const struct target *t = s->of[i].target;
        if (why_not(c, s, t, &wait_ms) != REASON_DONE)
            continue;
        int64_t cost = balance_cost(c, t);
        story_price(c, t, cost, 0);
        least = cost < least ? cost : least;
    }
    return least;
}

/* The order of steps is the owner's word, but where that word is `cheapest`: then a conversation goes back to an earlier step
 * only if that is no dearer than what it costs where its prefix is cached (docs/decisions/0011). */
static bool is_cheaper_there(struct mesh_call *c)
{
    const struct target *holder = c->talk.holder;
    if (!holder || c->talk.step == 0 || c->chain[c->talk.step].balance != BALANCE_CHEAPEST)
        return false;
    int64_t cost = balance_cost(c, holder);
    for (int i = 0; i < c->talk.step; i++)
        if (c->chain[i].balance != BALANCE_CHEAPEST || cost_of_step(c, &c->chain[i]) <= cost)
            return false;
    story_price(c, holder, cost, affinity_cached(c, holder));
    return true;
}

/* Who is only full is left for its turn: nobody waits in a line while earlier steps are free. */
static const struct target *stay(struct attempt *a)
{
    struct mesh_call *c = a->call;
    const struct step *s = &c->chain[c->talk.step];
    int64_t wait_ms;
    enum reason r = why_not(c, s, c->talk.holder, &wait_ms);
    if (r == REASON_DONE)
        r = take(a, c->talk.holder, false, &wait_ms);
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
    const struct target *t = first && is_cheaper_there(c) ? stay(a) : once_more(a);
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
    enum reason r = take(c->at, t, true, &wait_ms);
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
