/* engine_face.c: requests to the models of this process, and their answers back over the same connection.
 *
 * A call lives on three threads. Here on the loop it has its exchange. A clerk reads its request, has its prompt rendered and cut into
 * tokens and its form compiled, all of which a stranger's request can make long; while it does (`preparing`), the call's request and its parts
 * are the clerk's. Its model's host computes, and tells what happens through messages to this loop. It is freed here when its last host has
 * ended it, whether its client is still there or not. */
#include "gateway/engine_face.h"
#include "base/mem.h"
#include "engine/confine.h"
#include "gateway/clerk.h"
#include "gateway/engine_face_priv.h"
#include <assert.h>
#include <sched.h>

enum { PARTS_AT_ONCE = 64, /* texts of one request that a host has; the others wait here */
       BODY_BYTES_MAX = 64 << 20, QUICK_BYTES = 64 << 10 /* larger bodies have a clerk of their own: others do not wait for them */,
       JOBS_MAX = 1024 /* more than there is room for at the hosts of a few models */, NAME_BYTES_MAX = 4096, IDLE_MS = 3600 * 1000 /* its one client is the daemon */ };

struct face_model {
    struct str name; /* owned */
    struct host *host;
    size_t calls; /* under way */
    void (*gone)(struct host *h, void *ctx); /* set: removed, and freed with its last call */
    void *gone_ctx;
};

struct engine_face {
    struct loop *loop;
    struct http_server *server;
    struct clerk *quick, *large;
    struct face_model *model[ENGINE_MODELS_MAX]; /* owned */
    size_t model_count;
    size_t busy;
    uint64_t serial; /* of answers, in their ids */
    const struct confinement *walls; /* NULL: none */
};

struct face_part { /* one call of the host: a whole answer, or one of several texts */
    struct face_call *call;
    struct host_call *host; /* NULL: not begun */
};

struct face_call {
    struct engine_face *face;
    struct http_exchange *x; /* NULL: the client has left, or was answered */
    struct face_model *model; /* one of its `calls`; NULL: there is none of its name */
    enum host_kind kind;
    int64_t received_us;

    struct clerk_job job;
    bool preparing; /* what follows, to `begun`, is the clerk's */
    bool read;      /* the request is in `ask` */
    int rc;         /* what came of it, with its story */
    struct err error;
    struct buf body;
    struct engine_ask ask;
    struct face_part *part; /* (part_count), owned */
    size_t part_count, begun;

    size_t ended;
    struct message *early, **early_end; /* from the hosts while it is prepared */
    bool full; /* its client does not take what there is: the host is asked to wait */
    struct engine_say say;
    struct sched_counts counts; /* of all its parts */
};

/* From a host's thread to the loop: an event with its texts copied behind it. */
struct message {
    struct message *next;
    struct face_part *part;
    struct host_event event;
    struct sampler_choice choice;
    struct str top[SAMPLER_TOP_MAX];
};

/* --- replies ------------------------------------------------------------------------------------------------------------------------------ */

static void reply_json(struct http_exchange *x, int status, struct str body)
{
    const struct http_header h[] = {{STR("content-type"), STR("application/json")}};
    if (http_reply(x, status, h, COUNT_OF(h), body) < 0)
        http_reply_abort(x);
}

static void reply_error(struct http_exchange *x, int status, const char *code, struct str message)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    if (engine_say_error(&out, status < 500 ? "invalid_request_error" : "server_error", code, message) < 0)
        http_reply_abort(x);
    else
        reply_json(x, status, buf_str(&out));
}

static void reply_busy(struct http_exchange *x, const char *code, struct str message)
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
            reply_busy(x, busy[i].name, str_from(e->text));
            return;
        }
    reply_error(x, 400, e->code == ERR_CONTEXT ? "context_length_exceeded" : NULL, str_from(e->text));
}

/* --- from the hosts ------------------------------------------------------------------------------------------------------------------------ */

static void model_free(struct face_model *m)
{
    mem_free((char *)(uintptr_t)m->name.ptr);
    mem_free(m);
}

static void model_look(struct face_model *m)
{
    if (!m->gone || m->calls)
        return;
    m->gone(m->host, m->gone_ctx);
    model_free(m);
}

static void call_free(struct face_call *c)
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
    model_look(m);
}

/* From here on nobody is there to be told anything. */
static struct http_exchange *take_exchange(struct face_call *c)
{
    struct http_exchange *x = c->x;
    c->x = NULL;
    http_exchange_set(x, NULL);
    return x;
}

/* The client is told that it gets no more. */
static void break_off(struct face_call *c, const struct err *e, const char *code)
{
    struct http_exchange *x = take_exchange(c);
    if (!http_reply_begun(x)) {
        if (code)
            reply_error(x, 500, code, str_from(e->text));
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
    break_off(c, &e, "engine_failed");
}

/* Once it is prepared. */
static void leave_all(struct face_call *c)
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
    http_reply_abort(take_exchange(c));
    leave_all(c);
}

static void send_whole(struct face_call *c, struct str body)
{
    struct http_header h[3];
    char number[24];
    size_t n = headers(c, h, number, sizeof number);
    struct http_exchange *x = take_exchange(c);
    if (http_reply(x, 200, h, n, body) < 0)
        http_reply_abort(x);
}

static void finish(struct face_call *c, enum host_finish how, struct str why)
{
    AUTO_BUF struct buf out = BUF_INIT(2 * ENGINE_ANSWER_BYTES_MAX);
    struct err e;
    if (how == HOST_FAILED) {
        (void)err_set(&e, ERR_IO, "%.*s", STR_FMT(why));
        break_off(c, &e, "engine_failed");
    } else if (how == HOST_LATE) {
        reply_busy(take_exchange(c), "deadline", STR("the deadline passed while the call waited for its turn"));
    } else if (how == HOST_CANCELLED) {
        (void)err_set(&e, ERR_CLOSED, "the engine is being stopped");
        break_off(c, &e, http_reply_begun(c->x) ? "stopped" : NULL);
    } else if (engine_say_end(&c->say, how, &c->counts, &out) < 0) {
        fail(c, "the answer does not fit into memory");
    } else if (!c->say.stream) {
        send_whole(c, buf_str(&out));
    } else {
        send_chunk(c, buf_str(&out));
        if (c->x)
            http_reply_end(take_exchange(c));
    }
}

static bool prepare(struct face_call *c);

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
        return c->begun - c->ended > PARTS_AT_ONCE / 2 || prepare(c);
    bool last = c->ended == c->begun;
    if (c->x && (last || bad))
        finish(c, ev->finish, ev->text);
    if (bad && !last)
        leave_all(c);
    if (last)
        call_free(c);
    return !last;
}

static void on_said(struct face_call *c, struct message *m)
{
    AUTO_BUF struct buf out = BUF_INIT(ENGINE_ANSWER_BYTES_MAX);
    if (m->event.said == HOST_SAID_VECTOR)
        m->event.call = (uint32_t)(m->part - c->part);
    int rc = m->event.said == HOST_SAID_TOKEN ? engine_say_token(&c->say, &m->event, m->top) : engine_say_event(&c->say, &m->event, &out);
    if (rc == 0) {
        send_chunk(c, buf_str(&out));
        return;
    }
    fail(c, rc == ERR_INVALID ? "the model computed what is no number: its file is broken" : "the answer does not fit into memory");
    leave_all(c);
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
static void on_host_event(void *ctx, const struct host_event *ev)
{
    struct face_part *p = ctx;
    struct message *m;
    while (!(m = copy(p->call, ev)))
        (void)sched_yield();
    m->part = p;
    while (loop_post(p->call->face->loop, on_message, m) < 0)
        (void)sched_yield();
}

/* --- requests -------------------------------------------------------------------------------------------------------------------------------- */

static struct face_model *model_find(const struct engine_face *f, struct str name)
{
    for (size_t i = 0; i < f->model_count; i++)
        if (str_eq(f->model[i]->name, name))
            return f->model[i];
    return NULL;
}

/* --- a request made ready: on a clerk's thread --------------------------------------------------------------------------------------------- */

/* The next of its texts, as long as there is room for them. When one is refused the others are taken back. */
static int begin_parts(struct face_call *c, struct err *e)
{
    struct host_sink sink = {.event = on_host_event};
    int rc = 0;
    while (rc == 0 && c->begun < c->part_count && c->begun - c->ended < PARTS_AT_ONCE) {
        struct face_part *p = &c->part[c->begun];
        p->call = c;
        sink.ctx = p;
        if (c->ask.text_count)
            c->ask.host.text = c->ask.text[c->begun];
        rc = host_begin(c->model->host, &c->ask.host, &sink, &c->say.note, &p->host, e);
        c->begun += rc == 0;
    }
    /* others fill the queue: its own that are in there make room, one by one */
    return rc == ERR_BUSY && c->begun > c->ended ? 0 : rc;
}

static int read_ask(struct face_call *c, struct err *e)
{
    int rc = engine_ask_read(&c->ask, c->kind, buf_str(&c->body), c->received_us, e);
    if (rc < 0)
        return rc;
    if (!c->model || !str_eq(c->ask.model, c->model->name))
        return err_set(e, ERR_NOT_FOUND, "the engine holds no model `%.*s`", STR_FMT(str_slice(c->ask.model, 0, 200)));
    c->say.stream = c->ask.stream;
    c->say.include_usage = c->ask.include_usage;
    c->say.base64 = c->ask.base64;
    c->part_count = c->ask.text_count ? c->ask.text_count : 1;
    c->part = new0_array(struct face_part, c->part_count);
    return c->part && engine_say_init(&c->say, c->ask.text_count) == 0 ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

static struct face_call *call_of(struct clerk_job *job)
{
    return (struct face_call *)(void *)((char *)job - offsetof(struct face_call, job));
}

static void on_clerk(struct clerk_job *job)
{
    struct face_call *c = call_of(job);
    c->rc = c->read ? 0 : read_ask(c, &c->error);
    c->read = true;
    if (c->rc == 0)
        c->rc = begin_parts(c, &c->error);
    if (c->rc == 0 && c->begun < c->part_count)
        return; /* the texts of the others are in it */
    engine_ask_fini(&c->ask);
    c->ask = (struct engine_ask){0};
    buf_fini(&c->body);
}

/* --- and back on the loop ------------------------------------------------------------------------------------------------------------------ */

/* What its hosts said meanwhile; it stops where the call is prepared once more. */
static void take_early(struct face_call *c)
{
    while (!c->preparing && c->early) {
        struct message *m = c->early;
        c->early = m->next;
        c->early_end = c->early ? c->early_end : &c->early;
        if (!take_message(c, m))
            return;
    }
}

static void refuse(struct face_call *c)
{
    if (c->rc == ERR_NOT_FOUND)
        reply_error(take_exchange(c), 404, "model_not_found", str_from(c->error.text));
    else
        break_off(c, &c->error, NULL);
}

static void on_prepared(struct clerk_job *job)
{
    struct face_call *c = call_of(job);
    c->preparing = false;
    if (!job->ran)
        c->rc = err_set(&c->error, ERR_CLOSED, "the engine is being stopped");
    if (c->rc < 0 && c->x)
        refuse(c);
    if (!c->x)
        leave_all(c);
    if (c->begun == c->ended) {
        call_free(c);
        return;
    }
    if (c->part_count == 1)
        c->say.dropped = host_dropped(c->part[0].host);
    take_early(c);
}

/* False: the call is freed. */
static bool prepare(struct face_call *c)
{
    struct clerk *clerk = c->body.len > QUICK_BYTES ? c->face->large : c->face->quick;
    c->job = (struct clerk_job){.loop = c->face->loop, .run = on_clerk, .done = on_prepared};
    c->preparing = clerk_submit(clerk, &c->job);
    if (c->preparing)
        return true;
    if (c->x)
        reply_busy(take_exchange(c), "overloaded", STR("too many requests are being read now; try again in a moment"));
    leave_all(c);
    bool there = c->begun != c->ended;
    if (!there)
        call_free(c);
    return there;
}

/* The member `model`, which is mostly the first: what else is in the request is not looked at here. Decoded into `a`. */
static struct str model_name(struct str body, struct arena *a)
{
    struct json_scan s;
    struct json_node *name = NULL;
    struct str key, raw;
    json_scan_init(&s, body);
    if (!json_enter(&s))
        return STR_NONE;
    while (json_member(&s, &key)) {
        bool it_is = str_eq(key, STR("model"));
        if (!json_skip(&s, &raw))
            return STR_NONE;
        if (it_is)
            return raw.len <= NAME_BYTES_MAX && json_parse(a, raw, &name, NULL) == 0 && name->type == JSON_STRING ? name->text : STR_NONE;
    }
    return STR_NONE;
}

static struct face_call *call_new(struct engine_face *f, struct http_exchange *x, enum host_kind kind)
{
    struct arena a = ARENA_INIT(64 * KiB);
    struct face_call *c = new0(struct face_call);
    if (!c)
        return NULL;
    f->busy++;
    c->face = f;
    c->x = x;
    c->kind = kind;
    c->received_us = loop_now_us(f->loop);
    c->early_end = &c->early;
    c->model = model_find(f, model_name(http_exchange_request(x)->body, &a));
    arena_fini(&a);
    if (c->model)
        c->model->calls++;
    c->say.kind = kind;
    c->say.model = c->model ? c->model->name : STR_NONE;
    c->say.created_s = loop_wall_ms(f->loop) / 1000;
    (void)text_format(c->say.id, sizeof c->say.id, "%s-%08llx%08llx", kind == HOST_CHAT ? "chatcmpl" : "cmpl",
                      (unsigned long long)c->say.created_s & 0xffffffff, (unsigned long long)++f->serial & 0xffffffff);
    http_exchange_body_take(x, &c->body);
    return c;
}

static void take_call(struct engine_face *f, struct http_exchange *x, enum host_kind kind)
{
    struct face_call *c = call_new(f, x, kind);
    http_exchange_set(x, c);
    if (c)
        (void)prepare(c);
    else
        reply_busy(x, "overloaded", STR("out of memory"));
}

static void list_models(struct engine_face *f, struct http_exchange *x)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    json_key(&w, "object"), json_text(&w, "list");
    json_key(&w, "data");
    json_array_begin(&w);
    for (size_t i = 0; i < f->model_count; i++) {
        struct host_counts n = host_counts(f->model[i]->host);
        json_object_begin(&w);
        json_key(&w, "id"), json_str(&w, f->model[i]->name);
        json_key(&w, "object"), json_text(&w, "model");
        json_key(&w, "owned_by"), json_text(&w, "hearth");
        json_key(&w, "context_length"), json_i64(&w, (int64_t)host_context(f->model[i]->host));
        json_key(&w, "running"), json_i64(&w, (int64_t)n.running);
        json_key(&w, "waiting"), json_i64(&w, (int64_t)n.waiting);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    if (json_done(&w) < 0)
        http_reply_abort(x);
    else
        reply_json(x, 200, buf_str(&out));
}

static void prove_fence(struct engine_face *f, struct http_exchange *x)
{
    static const struct confinement none;
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    if (confine_prove_json(f->walls ? f->walls : &none, &out) < 0)
        http_reply_abort(x);
    else
        reply_json(x, 200, buf_str(&out));
}

static void on_request(struct http_exchange *x, void *ctx)
{
    static const struct {
        struct str path;
        enum host_kind kind;
    } calls[] = {{{"/v1/chat/completions", 20}, HOST_CHAT}, {{"/v1/completions", 15}, HOST_TEXT}, {{"/v1/embeddings", 14}, HOST_EMBED}};
    struct engine_face *f = ctx;
    const struct http_request *r = http_exchange_request(x);
    bool get = r->method == HTTP_GET || r->method == HTTP_HEAD;
    for (size_t i = 0; i < COUNT_OF(calls) && r->method == HTTP_POST; i++)
        if (str_eq(r->path, calls[i].path)) {
            take_call(f, x, calls[i].kind);
            return;
        }
    if (get && str_eq(r->path, STR("/v1/models")))
        list_models(f, x);
    else if (get && str_eq(r->path, STR("/healthz")))
        reply_json(x, 200, STR("{\"status\":\"ok\"}"));
    else if (get && str_eq(r->path, STR("/fence")))
        prove_fence(f, x);
    else
        reply_error(x, 404, NULL, STR("there is nothing here: the engine serves /v1/chat/completions, /v1/completions, /v1/embeddings and /v1/models"));
}

/* A client that reads again. */
static void on_drain(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct face_call *c = http_exchange_get(x);
    if (c && c->full)
        host_pause(c->part[0].host, c->full = false);
}

static void on_gone(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct face_call *c = http_exchange_get(x);
    if (!c || !c->x)
        return;
    c->x = NULL; /* the exchange is gone: nothing may be done with it */
    if (!c->preparing)
        leave_all(c);
}

/* --- the face ---------------------------------------------------------------------------------------------------------------------------------- */

int engine_face_open(struct engine_face **out, struct loop *l, struct err *e)
{
    struct engine_face *f = new0(struct engine_face);
    if (!f)
        return err_set(e, ERR_NOMEM, "engine");
    f->loop = l;
    struct http_server_options o = {.handler = {.on_request = on_request, .on_gone = on_gone, .on_drain = on_drain}, .ctx = f, .body_bytes_max = BODY_BYTES_MAX,
                                    .idle_timeout_ms = IDLE_MS};
    struct clerk_options co = {.jobs_max = JOBS_MAX};
    int rc = http_server_open(&f->server, l, &o, e);
    if (rc == 0)
        rc = clerk_open(&f->quick, &co, e);
    if (rc == 0)
        rc = clerk_open(&f->large, &co, e);
    if (rc < 0) {
        engine_face_close(f);
        return rc;
    }
    *out = f;
    return 0;
}

void engine_face_close(struct engine_face *f)
{
    if (!f)
        return;
    http_server_close(f->server);
    clerk_close(f->quick);
    clerk_close(f->large);
    assert(f->busy == 0); /* or messages to come would find nobody */
    for (size_t i = 0; i < f->model_count; i++)
        model_free(f->model[i]);
    mem_free(f);
}

size_t engine_face_busy(const struct engine_face *f)
{
    return f->busy;
}

int engine_face_listen(struct engine_face *f, int fd)
{
    return http_server_listen(f->server, fd);
}

int engine_face_add(struct engine_face *f, struct str name, struct host *h, struct err *e)
{
    if (model_find(f, name))
        return err_set(e, ERR_EXISTS, "there is a model `%.*s` already", STR_FMT(name));
    if (f->model_count == ENGINE_MODELS_MAX)
        return err_set(e, ERR_LIMIT, "the engine holds %d models at most", ENGINE_MODELS_MAX);
    struct face_model *m = new0(struct face_model);
    char *copy_of = m ? mem_dup(name.ptr, name.len) : NULL;
    if (!copy_of) {
        mem_free(m);
        return err_set(e, ERR_NOMEM, "engine");
    }
    *m = (struct face_model){.name = str_of(copy_of, name.len), .host = h};
    f->model[f->model_count++] = m;
    return 0;
}

void engine_face_remove(struct engine_face *f, struct str name, void (*gone)(struct host *h, void *ctx), void *ctx)
{
    struct face_model *m = model_find(f, name);
    assert(m);
    for (size_t i = 0; i < f->model_count; i++)
        if (f->model[i] == m)
            f->model[i--] = f->model[--f->model_count];
    m->gone = gone;
    m->gone_ctx = ctx;
    model_look(m);
}

void engine_face_walls(struct engine_face *f, const struct confinement *c)
{
    f->walls = c;
}
