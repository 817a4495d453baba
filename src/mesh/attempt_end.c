/* attempt_end.c: an attempt ends: what it cost, the close record, what the breaker and the balance learn, and, when it failed, what
 * that means for the call. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

/* Did the upstream do work that is paid, although it told no usage? Failures before it, and errors it answered, are not. */
static bool worked_unpaid(const struct attempt *a, enum reason r)
{
    if (!a->sent || a->has_usage || call_is_coming(a->call)) /* nobody hears a file that is not there yet */
        return false;
    switch (r) {
    case REASON_DONE:
    case REASON_LEFT:
    case REASON_HEDGED:
    case REASON_SHUTDOWN:
    case REASON_FIRST_BYTE_TIMEOUT:
    case REASON_IDLE_TIMEOUT:
    case REASON_TOTAL_TIMEOUT:
    case REASON_RESET:
    case REASON_TRUNCATED:
    case REASON_BAD_FORMAT:
    case REASON_TOO_LARGE:
        return a->status == 0 || (a->status >= 200 && a->status < 300);
    default:
        return a->first_us != 0; /* content came, then it failed */
    }
}

static int64_t attempt_cost(const struct attempt *a, int64_t now_us)
{
    bool none = a->usage.input == 0 && a->usage.output == 0 && a->usage.audio_ms == 0;
    if (none)
        return 0;
    if (a->usage.cost_nusd >= 0 && a->usage.reported)
        return a->usage.cost_nusd; /* the vendor says what it charged */
    if (power_is_known(a->call->ml->mesh, a->target))
        return power_cost_of(a->call->ml->mesh, a->target, now_us - a->begin_us);
    struct usage billed = a->usage;
    const struct vendor *v = a->target->up->vendor;
    if (billed.audio_ms > 0 && v && billed.audio_ms < v->audio_ms_least)
        billed.audio_ms = v->audio_ms_least;
    return a->priced ? price_cost(&a->price, &billed) : COST_UNKNOWN;
}

static void close_books(struct attempt *a, enum reason r)
{
    if (worked_unpaid(a, r))
        a->usage = (struct usage){.input = a->call->facts.tokens_estimated, .output = a->output_estimated, .cost_nusd = -1};
    else if (!a->has_usage)
        a->usage = (struct usage){.cost_nusd = -1, .reported = true}; /* nothing was used, and that is no estimate */
    else if (a->is_stream && !a->finished && a->output_estimated > a->usage.output) { /* told at the beginning, and then it broke off */
        a->usage.output = a->output_estimated;
        a->usage.reported = false;
    }
    int64_t now = loop_now_us(a->call->ml->loop), cost = flat_close(a, attempt_cost(a, now));
    for (size_t i = 0; i < COUNT_OF(a->hold); i++)
        if (a->hold[i].budget)
            budget_settle(&a->hold[i], cost == COST_UNKNOWN ? a->hold[i].nusd : cost);
    memset(a->hold, 0, sizeof a->hold);
    rate_settle(a, r);
    a->call->cost_nusd = cost == COST_UNKNOWN || a->call->cost_nusd == COST_UNKNOWN ? COST_UNKNOWN : a->call->cost_nusd + cost;
    if (!a->open_booked)
        return;
    struct ledger_attempt_close rec = {
        .call = a->call->id, .attempt = a->number, .ok = r == REASON_DONE, .reason = str_from(reason_row(r)->name), .usage = a->usage,
        .billed = a->billed, .cost_nusd = cost, .first_ms = a->first_us ? (a->first_us - a->begin_us) / 1000 : -1,
        .total_ms = (now - a->begin_us) / 1000,
    };
    a->open_booked = false;
    count_attempt(a->call->ml, a->target, r, &rec);
    if (ledger_attempt_closed(a->call->ml->journal, &rec) < 0)
        log_line(LOG_ERROR, "ledger", "attempt %s.%d could not be closed in the journal", a->call->id_text, a->number);
    mesh_loop_journal(a->call->ml);
}

/* House rule 4 says that layers below the gateway do not log. A target that rests concerns every caller, and none of them
 * knows: this is the one place that does. */
static void say_rest(const struct attempt *a, enum reason r, int64_t rest_ms)
{
    const struct reason_row *row = reason_row(r);
    if (!rest_ms)
        return; /* it rests already: others that were under way have told */
    tell_rest(a, r, rest_ms);
    if (row->cool == COOL_LONG)
        log_line(LOG_ERROR, "mesh", "%.*s: %s (%d); it rests for %lld min: somebody has to look after it", STR_FMT(a->target->name),
                 row->text, a->status, (long long)(rest_ms / 60000));
    else
        log_line(LOG_WARN, "mesh", "%.*s: %s; it rests for %lld ms", STR_FMT(a->target->name), row->text, (long long)rest_ms);
}

static int64_t tell_breaker(struct attempt *a, enum reason r)
{
    struct breaker *b = &a->target->state->breaker;
    const struct reason_row *row = reason_row(r);
    bool probe = a->probe;
    a->probe = false;
    if (r == REASON_DONE || r == REASON_CONTEXT || r == REASON_POLICY || r == REASON_BAD_REQUEST || r == REASON_NO_SUCH_MODEL) {
        breaker_success(b, probe); /* it answers, whatever it thinks of the call */
        if (probe)
            tell_back(a);
        return 0;
    }
    if (row->fault != FAULT_TARGET || row->cool == COOL_NONE) {
        breaker_release(b, probe);
        return 0;
    }
    if (a->target->up->passthrough && (row->cool == COOL_LONG || r == REASON_RATE_LIMIT)) {
        breaker_release(b, probe); /* one client's balance or limit says nothing of the next client's */
        return 0;
    }
    if (own_end_is_told(a, r)) {
        breaker_release(b, probe);
        return 0;
    }
    int64_t rest = breaker_failure(b, row->cool, probe, a->retry_after_ms, loop_now_ms(a->call->ml->loop), &a->call->ml->rng);
    if (rest > 0)
        atomic_store_explicit(&b->limited, r == REASON_RATE_LIMIT, memory_order_relaxed);
    say_rest(a, r, rest);
    return rest;
}

static void learn(const struct attempt *a, enum reason r)
{
    const struct reason_row *row = reason_row(r);
    bool failed = row->fault == FAULT_TARGET && row->cool != COOL_NONE;
    int64_t took_us = loop_now_us(a->call->ml->loop) - a->begin_us;
    if (r == REASON_DONE) {
        balance_done(a, took_us);
        affinity_done(a);
    } else if (a->sent && (failed || (r == REASON_HEDGED && !a->first_us))) {
        balance_no_content(a, took_us, failed);
    }
}

int64_t attempt_close(struct attempt *a, enum reason r)
{
    guard_leave(&a->waiter);
    loop_defer_cancel(&a->send_task);
    if (a->fetch && r != REASON_DONE) {
        http_fetch_cancel(a->fetch);
        a->fetch = NULL;
    }
    if (!a->sent && !a->open_booked && a->call->in_books) /* it ended while it waited to know more: it is an attempt all the same */
        (void)attempt_open_books(a);
    attempt_wait_over(a);
    a->state = ATTEMPT_NONE;
    close_books(a, r);
    learn(a, r);
    pick_release(a);
    return tell_breaker(a, r);
}

static int64_t context_of(const struct target *t)
{
    return t->fact ? t->fact->context_tokens : 0;
}

/* OpenAI's word for it, by which the client's dialect finds its own. */
static const char *code_of(enum reason r)
{
    return r == REASON_CONTEXT ? "context_length_exceeded" : r == REASON_POLICY ? "content_policy_violation"
           : r == REASON_NO_SUCH_MODEL ? "model_not_found" : NULL;
}

/* What the client will read if nobody else can do better: the vendor's own words. */
static void keep_refusal(struct attempt *a, enum reason r, struct str words)
{
    struct wire_answer w;
    a->call->refusal_retry_ms = r == REASON_PLAN_REQUEST ? a->retry_after_ms : -1;
    if (a->translation && !a->translation->passes && a->status >= 400 && words.len) {
        a->call->refusal_body = words;
        a->call->refusal_code = code_of(r);
        a->call->refusal_status = a->status;
        a->call->refusal_words = true;
        return;
    }
    a->call->refusal_words = false;
    if (a->status < 400 || answer_read(WIRE_CHAT, buf_str(&a->held), &w, NULL) < 0 || !w.has_error)
        return; /* a page of HTML is nothing for an API's client: it gets our words */
    a->call->refusal_body = arena_dup(&a->call->arena, buf_str(&a->held));
    a->call->refusal_status = a->call->refusal_body.len ? a->status : 0;
}

/* Clients of the vendor's own dialect tell people from these what is spent, and until when. */
static void keep_beside(struct attempt *a)
{
    struct mesh_call *c = a->call;
    c->beside_count = 0;
    c->beside = arena_alloc(&c->arena, (a->beside_count + 1) * sizeof *c->beside);
    for (; c->beside && c->beside_count < a->beside_count; c->beside_count++)
        c->beside[c->beside_count] = a->beside[c->beside_count];
}

/* What the failure means for the choice of the next candidate. */
static void heed(struct attempt *a, enum reason_next next)
{
    struct mesh_call *c = a->call;
    switch (next) {
    case NEXT_STOP:
        c->stop = true;
        break;
    case NEXT_SAME:
        if (!c->stale_retried)
            c->same_again = a->target;
        c->stale_retried = true;
        break;
    case NEXT_LARGER:
        if (context_of(a->target) > c->larger_than)
            c->larger_than = context_of(a->target);
        break;
    case NEXT_VENDOR:
        c->not_vendor = a->target->up->vendor_name.len ? a->target->up->vendor_name : a->target->up->name;
        break;
    case NEXT_STEP:
        break;
    }
}

void attempt_failed(struct attempt *a, enum reason r, struct str words)
{
    const struct reason_row *row = reason_row(r);
    struct mesh_call *c = a->call;
    if (!c->stop)
        c->refusal_status = 0;
    int64_t rest_ms = attempt_close(a, r);
    story_add(c, a->target, r, true, a->status, rest_ms ? rest_ms : a->retry_after_ms, words);
    if ((row->fault == FAULT_CALL || row->fault == FAULT_CLIENT) && r != REASON_NO_ENDPOINT) /* "File Not Found" tells a client nothing */
        keep_refusal(a, r, words);
    if (row->fault == FAULT_CALL || row->fault == FAULT_CLIENT || r == REASON_PLAN_SPENT)
        keep_beside(a);
    struct attempt *beside = hedge_other(a);
    if (!beside || row->fault != FAULT_US) /* want of memory for a hedge says nothing of the chain */
        heed(a, row->next);
    if (beside) { /* it goes on alone, and may still answer whatever this one said */
        relay_reset(a);
        c->at = beside;
        clock_arm(c);
    } else if (c->stop) {
        answer_exhausted(c);
    } else {
        relay_reset(a);
        call_next(c);
    }
}
