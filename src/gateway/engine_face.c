/* engine_face.c: requests to the models of this process, and their answers back over the same connection.
 *
 * A call lives on three threads. Here on the loop it has its exchange. A clerk reads its request, has its prompt rendered and cut into
 * tokens and its form compiled, all of which a stranger's request can make long; while it does (`preparing`), the call's request and its parts
 * are the clerk's. Its model's host computes, and tells what happens through messages to this loop. It is freed here when its last host has
 * ended it, whether its client is still there or not. */
#include "gateway/engine_face.h"
#include "base/mem.h"
#include "engine/confine.h"
#include "gateway/engine_face_priv.h"
#include <assert.h>

enum { BODY_BYTES_MAX = 64 << 20, IDLE_MS = 3600 * 1000 /* its one client is the daemon */,
       JOBS_MAX = 1024 /* more than there is room for at the hosts of a few models */ };

static void model_free(struct face_model *m)
{
    mem_free((char *)(uintptr_t)m->name.ptr);
    mem_free(m);
}

void engine_model_look(struct face_model *m)
{
    if (!m->gone || m->calls)
        return;
    m->gone(m->host, m->gone_ctx);
    model_free(m);
}

struct face_model *engine_model_find(const struct engine_face *f, struct str name)
{
    for (size_t i = 0; i < f->model_count; i++)
        if (str_eq(f->model[i]->name, name))
            return f->model[i];
    return NULL;
}

/* The list of models, or metrics of them. */
static void tell(struct engine_face *f, struct http_exchange *x, bool metrics)
{
    struct engine_told told[ENGINE_MODELS_MAX];
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (size_t i = 0; i < f->model_count; i++)
        told[i] = (struct engine_told){f->model[i]->name, f->model[i]->host};
    int rc = (metrics ? engine_tell_metrics : engine_tell_models)(&out, told, f->model_count, loop_now_us(f->loop));
    const struct http_header h[] = {{STR("content-type"), metrics ? STR("text/plain; version=0.0.4") : STR("application/json")}};
    if (rc < 0 || http_reply(x, 200, h, COUNT_OF(h), buf_str(&out)) < 0)
        http_reply_abort(x);
}

static void prove_fence(struct engine_face *f, struct http_exchange *x)
{
    static const struct confinement none;
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    if (confine_prove_json(f->walls ? f->walls : &none, &out) < 0)
        http_reply_abort(x);
    else
        engine_reply_json(x, 200, buf_str(&out));
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
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        if (str_eq(r->path, calls[i].path)) {
            if (r->method == HTTP_POST)
                engine_call_begin(f, x, calls[i].kind);
            else
                engine_reply_error(x, 405, NULL, STR("this is asked with POST, and a JSON object that says what"));
            return;
        }
    if (get && str_eq(r->path, STR("/v1/models")))
        tell(f, x, false);
    else if (get && str_eq(r->path, STR("/metrics")))
        tell(f, x, true);
    else if (get && str_eq(r->path, STR("/healthz")))
        engine_reply_json(x, 200, STR("{\"status\":\"ok\"}"));
    else if (get && str_eq(r->path, STR("/fence")))
        prove_fence(f, x);
    else
        engine_reply_error(x, 404, NULL, STR("there is nothing here: the engine answers POST /v1/chat/completions, /v1/completions and /v1/embeddings, and GET /v1/models and /metrics"));
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
        engine_call_leave(c);
}

/* --- the face ---------------------------------------------------------------------------------------------------------------------------------- */

int engine_face_open(struct engine_face **out, struct loop *l, struct err *e)
{
    struct engine_face *f = new0(struct engine_face);
    if (!f)
        return err_set(e, ERR_NOMEM, "engine");
    f->loop = l;
    struct rng chance;
    rng_seed_system(&chance);
    f->serial = rng_next(&chance); /* the next process may begin in the same second */
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
    if (engine_model_find(f, name))
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
    struct face_model *m = engine_model_find(f, name);
    assert(m);
    for (size_t i = 0; i < f->model_count; i++)
        if (f->model[i] == m)
            f->model[i--] = f->model[--f->model_count];
    m->gone = gone;
    m->gone_ctx = ctx;
    engine_model_look(m);
}

void engine_face_walls(struct engine_face *f, const struct confinement *c)
{
    f->walls = c;
}
