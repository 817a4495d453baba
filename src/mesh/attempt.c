/* attempt.c: one try of a call at one target: the open record, the request, the clocks, and the close record. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

enum { COMMENT_EVERY_MS = 15000 /* below every idle limit of known clients; wire-formats.md 1.2 */, DRAIN_MS = 1000 };

static struct mesh_call *of_timer(struct loop_timer *t)
{
    return (struct mesh_call *)(void *)((char *)t - offsetof(struct mesh_call, timer));
}

static struct mesh_call *of_task(struct loop_task *t)
{
    return (struct mesh_call *)(void *)((char *)t - offsetof(struct mesh_call, send_task));
}

/* --- clocks: one timer per call, set to whatever comes first ------------------------------------------------------------ */

struct clocks {
    int64_t first_byte_us, idle_us, total_us, head_us, comment_us; /* INT64_MAX when it does not run */
};

static struct clocks clocks_of(const struct mesh_call *c)
{
    const struct upstream *u = c->target->up;
    struct clocks k = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    k.total_us = c->attempt_us + u->total_ms * (int64_t)1000;
    if (c->state == CALL_WAITING && !c->passed_limit)
        k.first_byte_us = c->attempt_us + u->first_byte_ms * (int64_t)1000;
    bool answering = c->status != 0; /* before the head, first_byte is the clock that counts */
    if (answering && !c->paused)
        k.idle_us = c->last_byte_us + u->idle_ms * (int64_t)1000;
    if (c->facts.stream && !c->client_begun)
        k.head_us = c->begin_us + c->ml->mesh->config->head_after_ms * 1000;
    if (c->client_begun && c->state == CALL_WAITING)
        k.comment_us = c->next_comment_us;
    /* A whole answer is under way: its bytes are content, so only silence and the total count. */
    if (answering && !c->facts.stream && c->held.len)
        k.first_byte_us = INT64_MAX;
    return k;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void on_timer(struct loop_timer *t);

void attempt_arm(struct mesh_call *c)
{
    struct clocks k = clocks_of(c);
    int64_t next = min64(min64(k.first_byte_us, k.idle_us), min64(k.total_us, min64(k.head_us, k.comment_us)));
    int64_t in_us = next - loop_now_us(c->ml->loop);
    if (loop_timer_set(c->ml->loop, &c->timer, in_us > 0 ? in_us / 1000 + 1 : 1, on_timer) < 0)
        log_line(LOG_WARN, "mesh", "memory is out: a call runs without its time limits");
}

static void on_timer(struct loop_timer *t)
{
    struct mesh_call *c = of_timer(t);
    int64_t now = loop_now_us(c->ml->loop);
    if (c->state == CALL_DRAINING) {
        http_fetch_cancel(c->fetch);
        c->fetch = NULL;
        call_free(c);
        return;
    }
    struct clocks k = clocks_of(c);
    if (now >= k.total_us)
        relay_stop(c, REASON_TOTAL_TIMEOUT, STR_NONE);
    else if (now >= k.first_byte_us)
        relay_stop(c, REASON_FIRST_BYTE_TIMEOUT, STR_NONE);
    else if (now >= k.idle_us)
        relay_stop(c, REASON_IDLE_TIMEOUT, STR_NONE);
    else {
        if (now >= k.head_us)
            relay_begin_pending(c);
        if (c->client_begun && c->state == CALL_WAITING && now >= c->next_comment_us) {
            relay_keep_alive(c);
            c->next_comment_us = now + COMMENT_EVERY_MS * (int64_t)1000;
        }
        attempt_arm(c);
    }
}

void attempt_drain(struct mesh_call *c)
{
    c->state = CALL_DRAINING;
    if (loop_timer_set(c->ml->loop, &c->timer, DRAIN_MS, on_timer) < 0) {
        http_fetch_cancel(c->fetch);
        c->fetch = NULL;
        call_free(c);
    }
}

/* --- sending -------------------------------------------------------------------------------------------------------------- */

static size_t request_headers(const struct mesh_call *c, struct http_header *h)
{
    const struct upstream *u = c->target->up;
    size_t n = 0;
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    h[n++] = (struct http_header){STR("accept"), c->facts.stream ? STR("text/event-stream, application/json") : STR("application/json")};
    h[n++] = (struct http_header){STR("user-agent"), STR("hearth")};
    struct str auth = u->passthrough ? c->ask.credential : u->authorization;
    if (auth.len)
        h[n++] = (struct http_header){STR("authorization"), auth};
    return n;
}

/* The pool keeps connections of home calls and others apart: a reused connection's address is not checked again. */
static uint32_t pool_of(const struct mesh_call *c)
{
    return (uint32_t)c->target->up->index * 2 + (c->target->up->home ? 1 : 0);
}

static bool allow_home(const struct sockaddr *address, void *ctx)
{
    return fence_is_home(((const struct mesh_call *)ctx)->ml->mesh, address);
}

/* FLUSH phase: all that can leave in this turn has left. From here on we wait for the upstream; what could not leave waits for
 * a name or a connection, which is not our work either. */
static void on_sent(struct loop_task *t)
{
    struct mesh_call *c = of_task(t);
    loop_time_update(c->ml->loop);
    c->sent_us = loop_now_us(c->ml->loop);
}

static void send_now(struct mesh_call *c)
{
    const struct upstream *u = c->target->up;
    struct http_header header[8];
    struct http_fetch_options opt = {
        .url = u->url[c->facts.op], .unix_path = u->unix_path, .method = STR("POST"), .header = header,
        .header_count = request_headers(c, header), .body = c->piece, .body_count = (size_t)c->piece_count, .pool = pool_of(c),
        .connect_timeout_ms = u->connect_ms, .allow = u->home ? allow_home : NULL, .on_head = relay_on_head,
        .on_body = relay_on_body, .on_done = relay_on_done, .ctx = c,
    };
    struct err e = {0};
    loop_time_update(c->ml->loop);
    c->attempt_us = c->sent_us = c->last_byte_us = loop_now_us(c->ml->loop);
    if (http_fetch_start(&c->fetch, c->ml->client, &opt, &e) < 0) {
        attempt_failed(c, REASON_NO_MEMORY, str_from(e.text));
        return;
    }
    c->sent = true;
    c->state = CALL_WAITING;
    loop_defer(c->ml->loop, LOOP_FLUSH, &c->send_task, on_sent);
    attempt_arm(c);
}

/* SEND phase: the journal has been flushed in this turn, or it could not be. */
static void on_send(struct loop_task *t)
{
    struct mesh_call *c = of_task(t);
    if (ledger_writable(c->ml->journal)) {
        send_now(c);
        return;
    }
    if (c->attempts == 1) { /* nothing of this call is in the books, and nothing will be */
        ledger_forget(c->ml->journal, &c->id);
        c->open_booked = c->in_books = false;
    }
    c->retry_after_ms = 1000; /* when the journal is tried again */
    attempt_failed(c, REASON_JOURNAL, STR_NONE);
}

static int open_books(struct mesh_call *c)
{
    struct ledger_attempt_open r = {
        .call = c->id, .attempt = c->attempts, .wall_ms = loop_wall_ms(c->ml->loop), .target = c->target->name,
        .regime = c->target->up->regime, .hold_nusd = c->hold_nusd, .input_estimated = c->facts.tokens_estimated,
        .price_row = c->priced ? c->price.row : -1,
    };
    int rc = ledger_attempt_opened(c->ml->journal, &r);
    if (rc == 0)
        c->open_booked = true;
    mesh_loop_journal(c->ml);
    return rc;
}

static int write_request(struct mesh_call *c)
{
    const struct job *j = c->route.job;
    const struct upstream *u = c->target->up;
    struct call_rewrite w = {
        .model = c->target->model,
        .ask_usage = !(u->vendor && u->vendor->quirks & QUIRK_NO_STREAM_OPTIONS),
        .defaults = j ? j->defaults : NULL, .default_count = j ? j->default_count : 0,
    };
    return c->piece_count = call_write(&c->facts, &w, &c->arena, c->piece);
}

static void open_and_send(struct mesh_call *c)
{
    if (write_request(c) < 0 || open_books(c) < 0) {
        attempt_failed(c, REASON_NO_MEMORY, STR_NONE);
        return;
    }
    c->state = CALL_OPENING;
    loop_defer(c->ml->loop, LOOP_SEND, &c->send_task, on_send);
}

/* A home call waits until it is known that this upstream does not hand the model on to a cloud. */
static void forwards_known(struct guard_waiter *w, bool ok, const char *why)
{
    struct mesh_call *c = (struct mesh_call *)(void *)((char *)w - offsetof(struct mesh_call, waiter));
    const struct guard *g = &c->ml->home_guard[c->target->up->index];
    if (ok && guard_model_forwards(g, c->target->model)) {
        attempt_failed(c, REASON_FORWARDS, STR_NONE);
    } else if (ok) {
        open_and_send(c);
    } else { /* it could not be asked, so it could not have been called either */
        enum reason heard = g->end == FETCH_OK ? REASON_MALFORMED : reason_from_fetch(g->end);
        attempt_failed(c, g->late ? REASON_FIRST_BYTE_TIMEOUT : heard, str_from(why));
    }
}

void attempt_begin(struct mesh_call *c, const struct target *t)
{
    c->target = t;
    c->attempts++;
    c->attempt_us = loop_now_us(c->ml->loop);
    c->sent = c->open_booked = false;
    relay_reset(c);
    if (!c->home || !t->up->probe_url.len) {
        open_and_send(c);
        return;
    }
    bool ok;
    const char *why;
    c->state = CALL_ROUTING;
    c->waiter.fn = forwards_known;
    if (guard_ask(&c->ml->home_guard[t->up->index], &c->waiter, &ok, &why))
        forwards_known(&c->waiter, ok, why);
}

/* --- closing ----------------------------------------------------------------------------------------------------------------- */

/* Did the upstream do work that is paid, although it told no usage? Failures before it, and errors it answered, are not. */
static bool worked_unpaid(const struct mesh_call *c, enum reason r)
{
    if (!c->sent || c->has_usage)
        return false;
    switch (r) {
    case REASON_DONE:
    case REASON_LEFT:
    case REASON_SHUTDOWN:
    case REASON_FIRST_BYTE_TIMEOUT:
    case REASON_IDLE_TIMEOUT:
    case REASON_TOTAL_TIMEOUT:
    case REASON_RESET:
    case REASON_TRUNCATED:
    case REASON_BAD_FORMAT:
    case REASON_TOO_LARGE:
        return c->status == 0 || (c->status >= 200 && c->status < 300);
    default:
        return c->first_of_attempt_us != 0; /* content came, then it failed */
    }
}

static int64_t attempt_cost(const struct mesh_call *c, int64_t now_us)
{
    bool none = c->usage.input == 0 && c->usage.output == 0;
    if (none)
        return 0;
    if (c->usage.cost_nusd >= 0 && c->usage.reported)
        return c->usage.cost_nusd; /* the vendor says what it charged */
    if (power_is_known(c->ml->mesh, c->target))
        return power_cost_of(c->ml->mesh, c->target, now_us - c->attempt_us);
    return c->priced ? price_cost(&c->price, &c->usage) : COST_UNKNOWN;
}

static void close_books(struct mesh_call *c, enum reason r)
{
    if (worked_unpaid(c, r))
        c->usage = (struct usage){.input = c->facts.tokens_estimated, .output = c->output_estimated, .cost_nusd = -1};
    else if (!c->has_usage)
        c->usage = (struct usage){.cost_nusd = -1, .reported = true}; /* nothing was used, and that is no estimate */
    int64_t now = loop_now_us(c->ml->loop), cost = attempt_cost(c, now);
    for (size_t i = 0; i < COUNT_OF(c->hold); i++)
        if (c->hold[i].budget)
            budget_settle(&c->hold[i], cost == COST_UNKNOWN ? c->hold[i].nusd : cost);
    memset(c->hold, 0, sizeof c->hold);
    c->cost_nusd = cost == COST_UNKNOWN || c->cost_nusd == COST_UNKNOWN ? COST_UNKNOWN : c->cost_nusd + cost;
    if (!c->open_booked)
        return;
    struct ledger_attempt_close rec = {
        .call = c->id, .attempt = c->attempts, .ok = r == REASON_DONE, .reason = str_from(reason_row(r)->name), .usage = c->usage,
        .cost_nusd = cost, .first_ms = c->first_of_attempt_us ? (c->first_of_attempt_us - c->attempt_us) / 1000 : -1,
        .total_ms = (now - c->attempt_us) / 1000,
    };
    c->open_booked = false;
    count_attempt(c->ml, c->target, r, &rec);
    if (ledger_attempt_closed(c->ml->journal, &rec) < 0)
        log_line(LOG_ERROR, "ledger", "attempt %s.%d could not be closed in the journal", c->id_text, c->attempts);
    mesh_loop_journal(c->ml);
}

/* House rule 4 says that layers below the gateway do not log. A target that rests concerns every caller, and none of them
 * knows: this is the one place that does. */
static void say_rest(const struct mesh_call *c, enum reason r, int64_t rest_ms)
{
    const struct reason_row *row = reason_row(r);
    if (row->cool == COOL_LONG)
        log_line(LOG_ERROR, "mesh", "%.*s: %s (%d); it rests for %lld min: somebody has to look after it", STR_FMT(c->target->name),
                 row->text, c->status, (long long)(rest_ms / 60000));
    else if (rest_ms)
        log_line(LOG_WARN, "mesh", "%.*s: %s; it rests for %lld ms", STR_FMT(c->target->name), row->text, (long long)rest_ms);
}

static int64_t tell_breaker(struct mesh_call *c, enum reason r)
{
    struct breaker *b = &c->target->state->breaker;
    const struct reason_row *row = reason_row(r);
    bool probe = c->probe;
    c->probe = false;
    if (r == REASON_DONE || r == REASON_CONTEXT || r == REASON_POLICY || r == REASON_BAD_REQUEST || r == REASON_NO_SUCH_MODEL) {
        breaker_success(b, probe); /* it answers, whatever it thinks of the call */
        return 0;
    }
    if (row->fault != FAULT_TARGET || row->cool == COOL_NONE) {
        breaker_release(b, probe);
        return 0;
    }
    if (c->target->up->passthrough && (row->cool == COOL_LONG || r == REASON_RATE_LIMIT)) {
        breaker_release(b, probe); /* one client's balance or limit says nothing of the next client's */
        return 0;
    }
    int64_t rest = breaker_failure(b, row->cool, probe, c->retry_after_ms, loop_now_ms(c->ml->loop), &c->ml->rng);
    say_rest(c, r, rest);
    return rest;
}

int64_t attempt_close(struct mesh_call *c, enum reason r)
{
    loop_timer_cancel(c->ml->loop, &c->timer);
    loop_defer_cancel(&c->send_task);
    if (c->fetch && r != REASON_DONE) {
        http_fetch_cancel(c->fetch);
        c->fetch = NULL;
    }
    if (!c->sent && !c->open_booked && c->in_books) /* it ended while it waited to know more: it is an attempt all the same */
        (void)open_books(c);
    if (c->sent && c->first_of_attempt_us == 0)
        c->upstream_wait_us += loop_now_us(c->ml->loop) - c->sent_us;
    close_books(c, r);
    pick_release(c);
    return tell_breaker(c, r);
}

static int64_t context_of(const struct target *t)
{
    return t->fact ? t->fact->context_tokens : 0;
}

/* What the client will read if nobody else can do better: the vendor's own words. */
static void keep_refusal(struct mesh_call *c)
{
    struct wire_answer w;
    if (c->status < 400 || answer_read(c->facts.op, buf_str(&c->held), &w, NULL) < 0 || !w.has_error)
        return; /* a page of HTML is nothing for an API's client: it gets our words */
    c->refusal_body = arena_dup(&c->arena, buf_str(&c->held));
    c->refusal_status = c->refusal_body.len ? c->status : 0;
}

void attempt_failed(struct mesh_call *c, enum reason r, struct str words)
{
    const struct reason_row *row = reason_row(r);
    c->refusal_status = 0;
    int64_t rest_ms = attempt_close(c, r);
    story_add(c, c->target, r, true, c->status, rest_ms ? rest_ms : c->retry_after_ms, words);
    if (row->fault == FAULT_CALL || row->fault == FAULT_CLIENT)
        keep_refusal(c);
    switch (row->next) {
    case NEXT_STOP:
        answer_exhausted(c);
        return;
    case NEXT_SAME:
        if (!c->stale_retried)
            c->same_again = c->target;
        c->stale_retried = true;
        break;
    case NEXT_LARGER:
        if (context_of(c->target) > c->larger_than)
            c->larger_than = context_of(c->target);
        break;
    case NEXT_VENDOR:
        c->not_vendor = c->target->up->vendor_name.len ? c->target->up->vendor_name : c->target->up->name;
        break;
    case NEXT_STEP:
        break;
    }
    relay_reset(c);
    call_next(c);
}
