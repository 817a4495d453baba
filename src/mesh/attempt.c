/* attempt.c: one try of a call at one target begins: the open record, then the request (request.c). How it ends is
 * attempt_end.c's. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

static struct attempt *of_task(struct loop_task *t)
{
    return (struct attempt *)(void *)((char *)t - offsetof(struct attempt, send_task));
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
    struct http_header header[REQUEST_HEADERS_MAX];
    struct http_fetch_options opt = {
        .url = u->face[a->face].url[face_op(a->call->facts.op, a->call->ask.dialect, a->face)], .unix_path = u->unix_path, .method = STR("POST"), .header = header,
        .header_count = request_headers(a, header), .body = a->piece, .body_count = (size_t)a->piece_count, .body_ready = form_sendable(a), .pool = pool_of(a),
        .connect_timeout_ms = u->connect_ms, .allow = u->home ? allow_home : NULL, .on_head = relay_on_head,
        .on_body = relay_on_body, .on_done = relay_on_done, .on_interim = u->config->engine ? own_interim : NULL, .ctx = a,
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

int attempt_open_books(struct attempt *a)
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

static void open_and_send(struct attempt *a)
{
    struct str words = STR_NONE;
    enum reason r = request_write(a, &words);
    if (r == REASON_DONE && attempt_open_books(a) < 0)
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
    a->working_us = 0;
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
