/* attempt.c: one try of a call at one target: the open record, the request, the clocks, and the close record. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

static struct attempt *of_task(struct loop_task *t)
{
    return (struct attempt *)(void *)((char *)t - offsetof(struct attempt, send_task));
}

/* --- sending -------------------------------------------------------------------------------------------------------------- */

static size_t copy_headers(struct http_header *h, const struct http_header *from, size_t count)
{
    if (count)
        memcpy(h, from, count * sizeof *h);
    return count;
}

static bool is_given(const struct mesh_ask *ask, struct str name)
{
    for (size_t i = 0; i < ask->dialect_header_count; i++)
        if (str_eq(ask->dialect_header[i].name, name))
            return true;
    return false;
}

/* What the dialect wants beside the request; the client's own word for it, where it speaks the same. Under its own credential that
 * word is among what is handed on whole (identity_headers), and is said once. */
static size_t dialect_headers(const struct attempt *a, struct http_header *h)
{
    const struct mesh_ask *ask = &a->call->ask;
    size_t n = 0;
    bool same = a->face == ask->dialect, whole = a->target->up->passthrough;
    if (a->face == DIALECT_ANTHROPIC && !(same && is_given(ask, STR("anthropic-version"))))
        h[n++] = (struct http_header){STR("anthropic-version"), STR("2023-06-01")};
    return same && !whole ? n + copy_headers(h + n, ask->dialect_header, ask->dialect_header_count) : n;
}

static bool shows_key_elsewhere(struct str header)
{
    return str_eq(header, STR("x-api-key")) || str_eq(header, STR("api-key")) || str_eq(header, STR("x-goog-api-key"));
}

/* The client's own words, byte for byte. Only, some clients of OpenAI's dialect show their key in a header of their own (`api-key`),
 * which servers of that dialect do not read: it is said where they do. */
static size_t identity_headers(const struct attempt *a, struct http_header *h)
{
    const struct mesh_ask *ask = &a->call->ask;
    bool shown = a->face == DIALECT_ANTHROPIC;
    size_t n = 0;
    for (size_t i = 0; i < ask->identity_count; i++) {
        if (a->face != DIALECT_ANTHROPIC && shows_key_elsewhere(ask->identity[i].name))
            continue;
        h[n++] = ask->identity[i];
        shown = shown || str_eq(ask->identity[i].name, STR("authorization"));
    }
    const char *bearer = shown ? NULL : arena_format(&a->call->arena, "Bearer %.*s", STR_FMT(ask->credential));
    if (bearer)
        h[n++] = (struct http_header){STR("authorization"), str_from(bearer)};
    return n;
}

/* A passthrough upstream reads the client's own credential and program; nobody else ever does. */
static size_t request_headers(const struct attempt *a, struct http_header *h)
{
    const struct upstream *u = a->target->up;
    const struct mesh_ask *ask = &a->call->ask;
    size_t n = 0;
    bool lines = a->translation && a->translation->from->framing == FRAMING_LINES;
    h[n++] = (struct http_header){STR("content-type"), ask->form ? ask->form_type : STR("application/json")};
    h[n++] = (struct http_header){STR("accept"), ask->form ? STR("*/*") : lines ? STR("application/x-ndjson, application/json")
                                                 : a->call->facts.stream ? STR("text/event-stream, application/json") : STR("application/json")};
    n += dialect_headers(a, h + n);
    if (u->passthrough)
        return n + identity_headers(a, h + n);
    h[n++] = (struct http_header){STR("user-agent"), STR("hearth")};
    if (u->face[a->face].auth.value.len)
        h[n++] = u->face[a->face].auth;
    return n;
}

/* The pool keeps connections of home calls and others apart: a reused connection's address is not checked again. */
static uint32_t pool_of(const struct attempt *a)
{
    return (uint32_t)a->target->up->index * 2 + (a->target->up->home ? 1 : 0);
}

static bool allow_home(const struct sockaddr *address, void *ctx)
{
    return fence_is_home(((const struct attempt *)ctx)->call->ml->mesh, address);
}

void attempt_wait_over(struct attempt *a)
{
    struct mesh_call *c = a->call;
    if (!a->waited_for)
        return;
    a->waited_for = false;
    if (--c->waiting_count == 0)
        c->waited_us += loop_now_us(c->ml->loop) - c->waiting_since_us;
}

/* FLUSH phase: all that can leave in this turn has left. From here on we wait for the upstream, which is not our own part of
 * the call's time; what could not leave waits for a name or a connection, which is not our work either. Two that are waited
 * for at once count once. */
static void on_sent(struct loop_task *t)
{
    struct attempt *a = of_task(t);
    struct mesh_call *c = a->call;
    loop_time_update(c->ml->loop);
    a->waited_for = true;
    if (c->waiting_count++ == 0)
        c->waiting_since_us = loop_now_us(c->ml->loop);
}

static void send_now(struct attempt *a)
{
    const struct upstream *u = a->target->up;
    struct http_header header[8 + 2 * ASK_HEADERS_MAX];
    struct http_fetch_options opt = {
        .url = u->face[a->face].url[face_op(a->call->facts.op, a->call->ask.dialect, a->face)], .unix_path = u->unix_path, .method = STR("POST"), .header = header,
        .header_count = request_headers(a, header), .body = a->piece, .body_count = (size_t)a->piece_count, .body_ready = form_sendable(a), .pool = pool_of(a),
        .connect_timeout_ms = u->connect_ms, .allow = u->home ? allow_home : NULL, .on_head = relay_on_head,
        .on_body = relay_on_body, .on_done = relay_on_done, .ctx = a,
    };
    struct err e = {0};
    loop_time_update(a->call->ml->loop);
    a->begin_us = a->last_byte_us = loop_now_us(a->call->ml->loop);
    if (http_fetch_start(&a->fetch, a->call->ml->client, &opt, &e) < 0) {
        attempt_failed(a, REASON_NO_MEMORY, str_from(e.text));
        return;
    }
    a->sent = true;
    a->state = ATTEMPT_WAITING;
    loop_defer(a->call->ml->loop, LOOP_FLUSH, &a->send_task, on_sent);
    clock_arm(a->call);
}

/* SEND phase: the journal has been flushed in this turn, or it could not be. */
static void on_send(struct loop_task *t)
{
    struct attempt *a = of_task(t);
    if (ledger_writable(a->call->ml->journal)) {
        send_now(a);
        return;
    }
    if (a->number == 1) { /* nothing of this call is in the books, and nothing will be */
        ledger_forget(a->call->ml->journal, &a->call->id);
        a->open_booked = a->call->in_books = false;
    }
    a->retry_after_ms = 1000; /* when the journal is tried again */
    attempt_failed(a, REASON_JOURNAL, STR_NONE);
}

static int open_books(struct attempt *a)
{
    struct ledger_attempt_open r = {
        .call = a->call->id, .attempt = a->number, .wall_ms = loop_wall_ms(a->call->ml->loop), .target = a->target->name,
        .regime = a->regime, .hold_nusd = a->hold_nusd, .input_estimated = a->call->facts.tokens_estimated,
        .price_row = a->priced ? a->price.row : -1,
    };
    int rc = ledger_attempt_opened(a->call->ml->journal, &r);
    if (rc == 0)
        a->open_booked = true;
    mesh_loop_journal(a->call->ml);
    return rc;
}

/* The plain path: OpenAI's dialect on both sides. */
static int write_plain(struct attempt *a)
{
    const struct job *j = a->call->route.job;
    const struct upstream *u = a->target->up;
    struct call_rewrite w = {
        .model = a->target->model,
        .ask_usage = !(u->vendor && u->vendor->quirks & QUIRK_NO_STREAM_OPTIONS),
        .defaults = j ? j->defaults : NULL, .default_count = j ? j->default_count : 0,
    };
    int rc = gather_mend(a, &w.mend);
    return rc < 0 ? rc : (a->piece_count = call_write(&a->call->facts, &w, &a->call->arena, a->piece));
}

/* REASON_DONE, or why the request could not be made; then *words is the story, in the arena. */
static enum reason write_request(struct attempt *a, struct str *words)
{
    struct err e = {0};
    int rc = a->call->ask.form ? form_write(a) : translate_request(a, &e);
    if (rc == ERR_UNSUPPORTED)
        rc = write_plain(a);
    if (rc >= 0 && gather_begin(a) < 0)
        rc = ERR_NOMEM;
    if (rc >= 0)
        return REASON_DONE;
    *words = rc == ERR_NOMEM ? STR_NONE : arena_dup(&a->call->arena, str_from(e.text));
    return rc == ERR_INVALID ? REASON_UNSAYABLE : REASON_NO_MEMORY;
}

static void open_and_send(struct attempt *a)
{
    struct str words = STR_NONE;
    enum reason r = write_request(a, &words);
    if (r == REASON_DONE && open_books(a) < 0)
        r = REASON_NO_MEMORY;
    if (r != REASON_DONE) {
        attempt_failed(a, r, words);
        return;
    }
    a->state = ATTEMPT_OPENING;
    loop_defer(a->call->ml->loop, LOOP_SEND, &a->send_task, on_send);
}

/* A home call waits until it is known that this upstream does not hand the model on to a cloud. */
static void forwards_known(struct guard_waiter *w, bool ok, const char *why)
{
    struct attempt *a = (struct attempt *)(void *)((char *)w - offsetof(struct attempt, waiter));
    const struct guard *g = &a->call->ml->home_guard[a->target->up->index];
    if (ok && guard_model_forwards(g, a->target->model)) {
        attempt_failed(a, REASON_FORWARDS, STR_NONE);
    } else if (ok) {
        open_and_send(a);
    } else { /* it could not be asked, so it could not have been called either */
        enum reason heard = g->end == FETCH_OK ? REASON_MALFORMED : reason_from_fetch(g->end);
        attempt_failed(a, g->late ? REASON_FIRST_BYTE_TIMEOUT : heard, str_from(why));
    }
}

void attempt_begin(struct attempt *a, const struct target *t)
{
    a->target = t;
    a->number = ++a->call->attempts;
    a->begin_us = loop_now_us(a->call->ml->loop);
    a->sent = a->open_booked = a->hedge_tried = false;
    relay_reset(a);
    int face = face_choose(a->call, t);
    assert(face != FACE_NONE); /* pick.c saw to it */
    a->face = (enum dialect)face;
    story_attempt(a);
    if (!a->call->home || !t->up->probe_url.len) {
        open_and_send(a);
        return;
    }
    bool ok;
    const char *why;
    a->state = ATTEMPT_ASKING;
    a->waiter.fn = forwards_known;
    if (guard_ask(&a->call->ml->home_guard[t->up->index], &a->waiter, &ok, &why))
        forwards_known(&a->waiter, ok, why);
}

/* --- closing ----------------------------------------------------------------------------------------------------------------- */

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
    if (row->cool == COOL_LONG || rest_ms)
        tell_rest(a, r, rest_ms);
    if (row->cool == COOL_LONG)
        log_line(LOG_ERROR, "mesh", "%.*s: %s (%d); it rests for %lld min: somebody has to look after it", STR_FMT(a->target->name),
                 row->text, a->status, (long long)(rest_ms / 60000));
    else if (rest_ms)
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
    int64_t rest = breaker_failure(b, row->cool, probe, a->retry_after_ms, loop_now_ms(a->call->ml->loop), &a->call->ml->rng);
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
        (void)open_books(a);
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
