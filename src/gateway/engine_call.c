/* engine_call.c: a call of the engine's face while its hosts compute, until it is freed: what they say, and what its client is sent. */
#include "gateway/engine_face_priv.h"
#include "base/mem.h"
#include <sched.h>

/* From a host's thread to the loop: an event with its texts copied behind it. */
struct message {
    struct message *next;
    struct face_part *part;
    struct host_event event;
    struct sampler_choice choice;
    struct str top[SAMPLER_TOP_MAX];
};

/* --- replies ------------------------------------------------------------------------------------------------------------------------------ */

void engine_reply_json(struct http_exchange *x, int status, struct str body)
{
    const struct http_header h[] = {{STR("content-type"), STR("application/json")}};
    if (http_reply(x, status, h, COUNT_OF(h), body) < 0)
        http_reply_abort(x);
}

void engine_reply_error(struct http_exchange *x, int status, const char *code, struct str message)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    if (engine_say_error(&out, status < 500 ? "invalid_request_error" : "server_error", code, message) < 0)
        http_reply_abort(x);
    else
        engine_reply_json(x, status, buf_str(&out));
}

void engine_reply_busy(struct http_exchange *x, const char *code, struct str message)
{
    static const struct http_header h[] = {{{"content-type", 12}, {"application/json", 16}}, {{"retry-after", 11}, {"1", 1}}};
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    if (engine_say_error(&out, "server_error", code, message) < 0 || http_reply(x, 503, h, COUNT_OF(h), buf_str(&out)) < 0)
        http_reply_abort(x);
}

static void reply_err(struct http_exchange *x, const struct err *e)
{
    static const struct {
        int code;
        const char *name;
    } busy[] = {{ERR_BUSY, "queue_full"}, {ERR_NOMEM, "overloaded"}, {ERR_CLOSED, "stopped"}};
    for (size_t i = 0; i < COUNT_OF(busy); i++)
        if (e->code == busy[i].code) {
            engine_reply_busy(x, busy[i].name, str_from(e->text));
            return;
        }
    engine_reply_error(x, 400, e->code == ERR_CONTEXT ? "context_length_exceeded" : NULL, str_from(e->text));
}

/* --- from the hosts ------------------------------------------------------------------------------------------------------------------------ */

void engine_call_free(struct face_call *c)
{
    struct face_model *m = c->model;
    for (size_t i = 0; i < c->begun; i++)
        host_release(c->part[i].host);
    c->face->busy--;
    engine_say_fini(&c->say);
    engine_ask_fini(&c->ask);
    buf_fini(&c->body);
    mem_free(c->part);
    mem_free(c);
    if (!m)
        return;
    m->calls--;
    engine_model_look(m);
}

/* From here on nobody is there to be told anything. */
struct http_exchange *engine_call_done(struct face_call *c)
{
    struct http_exchange *x = c->x;
    c->x = NULL;
    http_exchange_set(x, NULL);
    return x;
}

/* The client is told that it gets no more. */
void engine_call_break_off(struct face_call *c, const struct err *e, const char *code)
{
    struct http_exchange *x = engine_call_done(c);
    if (!http_reply_begun(x)) {
        if (code)
            engine_reply_error(x, 500, code, str_from(e->text));
        else
            reply_err(x, e);
        return;
    }
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    (void)buf_append_text(&out, "data: ");
    if (engine_say_error(&out, "server_error", code, str_from(e->text)) == 0 && buf_append_text(&out, "\n\n") == 0)
        (void)http_reply_write(x, buf_str(&out));
    http_reply_end(x);
}

static void fail(struct face_call *c, const char *story)
{
    struct err e;
    (void)err_set(&e, ERR_IO, "%s", story);
    engine_call_break_off(c, &e, "engine_failed");
}

/* Once it is prepared. */
void engine_call_leave(struct face_call *c)
{
    for (size_t i = 0; i < c->begun; i++)
        host_cancel(c->part[i].host);
}

/* Headers of an answer; a third tells what an overflow left out. */
static size_t headers(const struct face_call *c, struct http_header *h, char *number, size_t number_bytes)
{
    size_t n = 0;
    if (c->say.stream) {
        h[n++] = (struct http_header){STR("content-type"), STR("text/event-stream")};
        h[n++] = (struct http_header){STR("cache-control"), STR("no-cache")};
    } else {
        h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    }
    if (c->say.dropped) {
        size_t len = text_format(number, number_bytes, "%zu", c->say.dropped);
        h[n++] = (struct http_header){STR("x-hearth-dropped"), str_of(number, len)};
    }
    return n;
}

static void send_chunk(struct face_call *c, struct str chunk)
{
    struct http_header h[3];
    char number[24];
    if (!chunk.len)
        return;
    size_t n = headers(c, h, number, sizeof number);
    int rc = http_reply_begun(c->x) ? 0 : http_reply_begin(c->x, 200, h, n);
    if (rc == 0)
        rc = http_reply_write(c->x, chunk);
    if (rc > 0 && !c->full)
        host_pause(c->part[0].host, c->full = true);
    if (rc >= 0)
        return;
    http_reply_abort(engine_call_done(c));
    engine_call_leave(c);
}

static void send_whole(struct face_call *c, struct str body)
{
    struct http_header h[3];
    char number[24];
    size_t n = headers(c, h, number, sizeof number);
    struct http_exchange *x = engine_call_done(c);
    if (http_reply(x, 200, h, n, body) < 0)
        http_reply_abort(x);
}

static void finish(struct face_call *c, enum host_finish how, struct str why)
{
    AUTO_BUF struct buf out = BUF_INIT(2 * ENGINE_ANSWER_BYTES_MAX);
    struct err e;
    if (how == HOST_FAILED) {
        (void)err_set(&e, ERR_IO, "%.*s", STR_FMT(why));
        engine_call_break_off(c, &e, "engine_failed");
    } else if (how == HOST_NO_ROOM && !http_reply_begun(c->x)) {
        engine_reply_busy(engine_call_done(c), "no_memory", why);
    } else if (how == HOST_NO_ROOM) {
        (void)err_set(&e, ERR_NOMEM, "%.*s", STR_FMT(why));
        engine_call_break_off(c, &e, "no_memory");
    } else if (how == HOST_LATE) {
        engine_reply_busy(engine_call_done(c), "deadline", STR("the deadline passed while the call waited for its turn"));
    } else if (how == HOST_CANCELLED) {
        (void)err_set(&e, ERR_CLOSED, "the engine is being stopped");
        engine_call_break_off(c, &e, http_reply_begun(c->x) ? "stopped" : NULL);
    } else if (engine_say_end(&c->say, how, &c->counts, &out) < 0) {
        fail(c, "the answer does not fit into memory");
    } else if (!c->say.stream) {
        send_whole(c, buf_str(&out));
    } else {
        send_chunk(c, buf_str(&out));
        if (c->x)
            http_reply_end(engine_call_done(c));
    }
}

static void add_counts(struct sched_counts *sum, const struct sched_counts *c)
{
    sum->prompt += c->prompt;
    sum->cached += c->cached;
    sum->answer += c->answer;
    sum->queued_us = c->queued_us > sum->queued_us ? c->queued_us : sum->queued_us;
    sum->prefill_us += c->prefill_us;
    sum->decode_us += c->decode_us;
}

/* False: the call is freed. */
static bool on_end(struct face_call *c, const struct host_event *ev)
{
    bool bad = ev->finish >= HOST_CANCELLED;
    add_counts(&c->counts, &ev->counts);
    c->ended++;
    if (c->x && !bad && c->begun < c->part_count)
        return c->begun - c->ended > ENGINE_PARTS_AT_ONCE / 2 || engine_call_prepare(c);
    bool last = c->ended == c->begun;
    if (c->x && (last || bad))
        finish(c, ev->finish, ev->text);
    if (bad && !last)
        engine_call_leave(c);
    if (last)
        engine_call_free(c);
    return !last;
}

/* A client that asked for it hears before its answer begins that there will be one; of several texts the first to say so speaks for all. */
static void on_working(struct face_call *c)
{
    int64_t now_us = loop_now_us(c->face->loop);
    if (http_reply_begun(c->x) || now_us - c->working_us < c->ask.host.alive_us)
        return;
    c->working_us = now_us;
    http_reply_interim(c->x);
}

static void on_said(struct face_call *c, struct message *m)
{
    if (m->event.said == HOST_SAID_WORKING) {
        on_working(c);
        return;
    }
    AUTO_BUF struct buf out = BUF_INIT(ENGINE_ANSWER_BYTES_MAX);
    if (m->event.said == HOST_SAID_VECTOR)
        m->event.call = (uint32_t)(m->part - c->part);
    int rc = m->event.said == HOST_SAID_TOKEN ? engine_say_token(&c->say, &m->event, m->top) : engine_say_event(&c->say, &m->event, &out);
    if (rc == 0) {
        send_chunk(c, buf_str(&out));
        return;
    }
    fail(c, rc == ERR_INVALID ? "the model computed what is no number: its file is broken" : "the answer does not fit into memory");
    engine_call_leave(c);
}

/* False: the call is freed. */
static bool take_message(struct face_call *c, struct message *m)
{
    bool there = true;
    if (m->event.said == HOST_ENDED)
        there = on_end(c, &m->event);
    else if (c->x)
        on_said(c, m);
    mem_free(m);
    return there;
}

static void on_message(void *arg)
{
    struct message *m = arg;
    struct face_call *c = m->part->call;
    if (!c->preparing && !c->early) {
        (void)take_message(c, m);
        return;
    }
    m->next = NULL;
    *c->early_end = m;
    c->early_end = &m->next;
}

/* What its hosts said meanwhile; it stops where the call is prepared once more. */
void engine_call_take_early(struct face_call *c)
{
    while (!c->preparing && c->early) {
        struct message *m = c->early;
        c->early = m->next;
        c->early_end = c->early ? c->early_end : &c->early;
        if (!take_message(c, m))
            return;
    }
}

static struct message *copy(const struct face_call *c, const struct host_event *ev)
{
    size_t extra = ev->text.len + ev->vector_count * sizeof(float);
    const struct tokenizer *t = host_tokenizer(c->model->host);
    for (uint32_t i = 0; ev->choice && i < ev->choice->top_count; i++)
        extra += tokenizer_piece(t, (int32_t)ev->choice->top[i].token).len;
    struct message *m = mem_alloc(sizeof *m + extra);
    if (!m)
        return NULL;
    char *at = (char *)(m + 1);
    m->event = *ev;
    if (ev->vector_count)
        m->event.vector = memcpy(at, ev->vector, ev->vector_count * sizeof(float)), at += ev->vector_count * sizeof(float);
    if (ev->text.len)
        m->event.text = str_of(memcpy(at, ev->text.ptr, ev->text.len), ev->text.len), at += ev->text.len;
    if (!ev->choice)
        return m;
    m->choice = *ev->choice;
    m->event.choice = &m->choice;
    for (uint32_t i = 0; i < ev->choice->top_count; i++) {
        struct str piece = tokenizer_piece(t, (int32_t)ev->choice->top[i].token);
        m->top[i] = piece.len ? str_of(memcpy(at, piece.ptr, piece.len), piece.len) : STR_NONE;
        at += piece.len;
    }
    return m;
}

/* On a host's thread. An event that is lost would leave a client waiting for ever: so this waits until there is memory. */
void engine_call_on_host(void *ctx, const struct host_event *ev)
{
    struct face_part *p = ctx;
    struct message *m;
    while (!(m = copy(p->call, ev)))
        (void)sched_yield();
    m->part = p;
    while (loop_post(p->call->face->loop, on_message, m) < 0)
        (void)sched_yield();
}
