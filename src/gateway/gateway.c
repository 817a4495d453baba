/* gateway.c: which request goes where. One table; everything else is in the file its row names. */
#include "gateway/gateway.h"
#include "base/mem.h"
#include "gateway/gateway_priv.h"
#include "net/loop.h"
#include <assert.h>

/* Of all uploads that are under way together, on the disk of the data folder. */
#define SPOOLED_BYTES_MAX ((int64_t)4 << 30)

struct page {
    const char *path;
    bool prefix; /* anything below it, too */
    unsigned methods;
    void (*fn)(struct gateway_loop *gl, struct http_exchange *x, int arg);
    int arg;
};
#define GET_BITS (1u << HTTP_GET | 1u << HTTP_HEAD)
#define POST_BIT (1u << HTTP_POST)
#define ANY_BITS UINT32_MAX

/* Paths without their /v1; see normal_path. */
static const struct page pages[] = {
    {"/chat/completions", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_CHAT)},
    {"/completions", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_COMPLETIONS)},
    {"/embeddings", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_EMBEDDINGS)},
    {"/rerank", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_RERANK)},
    {"/v2/rerank", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_RERANK)}, /* Cohere's */
    {"/reranking", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_RERANK)}, /* llama-server's */
    {"/audio/transcriptions", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_TRANSCRIBE)},
    {"/audio/translations", false, POST_BIT, calls_start, CALL_API(DIALECT_OPENAI, WIRE_TRANSLATE)},
    {"/responses", false, POST_BIT, calls_start, CALL_API(DIALECT_RESPONSES, WIRE_CHAT)},
    {"/messages", false, POST_BIT, calls_start, CALL_API(DIALECT_ANTHROPIC, WIRE_CHAT)},
    {"/messages/count_tokens", false, POST_BIT, calls_start, CALL_API(DIALECT_ANTHROPIC, WIRE_COUNT_TOKENS)},
    {"/api/chat", false, POST_BIT, calls_start, CALL_API(DIALECT_OLLAMA, WIRE_CHAT)},
    {"/api/generate", false, POST_BIT, calls_start, CALL_API(DIALECT_OLLAMA, WIRE_GENERATE)},
    {"/api/embed", false, POST_BIT, calls_start, CALL_API(DIALECT_OLLAMA, WIRE_EMBEDDINGS)},
    {"/api/embeddings", false, POST_BIT, calls_start, CALL_API(DIALECT_OLLAMA, WIRE_EMBED_ONE)},
    {"/api/tags", false, GET_BITS, page_ollama_tags, 0},
    {"/api/ps", false, GET_BITS, page_ollama_ps, 0},
    {"/api/version", false, GET_BITS, page_ollama_version, 0},
    {"/api/show", false, POST_BIT, page_ollama_show, 0},
    {"/api/pull", false, POST_BIT, page_ollama_pull, 0},
    {"/api/hello", false, GET_BITS, page_healthz, 0}, /* Claude Code looks whether somebody is there */
    {"/models", false, GET_BITS, page_models, 0},
    {"/models/", true, GET_BITS, page_models, 0},
    {"/metrics", false, GET_BITS, page_metrics, 0},
    {"/healthz", false, GET_BITS, page_healthz, 0},
    {"/readyz", false, GET_BITS, page_readyz, 0},
    {"/hearth/v1/", true, ANY_BITS, admin_request, 0},
    {"", false, GET_BITS, page_root, 0},
};

/* Clients set base URLs in every wrong way: a doubled /v1, none at all, a slash too many at the end. */
static struct str normal_path(struct str path)
{
    while (str_starts(path, STR("/v1/")) || str_eq(path, STR("/v1")))
        path = str_skip(path, 3);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    return path;
}

static const struct page *page_find(struct str path)
{
    for (size_t i = 0; i < COUNT_OF(pages); i++) {
        struct str p = str_from(pages[i].path);
        if (pages[i].prefix ? str_starts(path, p) : str_eq(path, p))
            return &pages[i];
    }
    return NULL;
}

static void not_found(struct gateway_loop *gl, struct http_exchange *x)
{
    struct str path = http_exchange_request(x)->path;
    static const char *const planned[] = {"/v1/audio/speech", "/v1/files", "/v1/batches"};
    for (size_t i = 0; i < COUNT_OF(planned); i++)
        if (str_starts(path, str_from(planned[i]))) {
            reply_error(gl, x, 404, "not_found", "%s is planned and not there yet; chat/completions, completions, responses, messages, embeddings, rerank, audio/transcriptions, audio/translations and models are",
                        planned[i]);
            return;
        }
    reply_error(gl, x, 404, "not_found", "there is nothing at %.*s; the API is under /v1", STR_FMT(str_slice(path, 0, 200)));
}

/* RFC 9110 wants to be told what does work. */
static void wrong_method(struct gateway_loop *gl, struct http_exchange *x, unsigned methods)
{
    bool post = methods & POST_BIT;
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB), body = BUF_INIT(64 * KiB);
    (void)buf_append_format(&text, "%.*s does not work here; use %s", STR_FMT(http_exchange_request(x)->method_text), post ? "POST" : "GET");
    struct wire_error e = {.status = 405, .message = buf_str(&text), .type = "invalid_request_error", .code = "method_not_allowed"};
    if (dialect_of(http_exchange_request(x))->error_write(&e, &body) < 0)
        buf_clear(&body);
    struct http_header h[REPLY_HEADERS_MAX];
    size_t n = mesh_headers_none(h, "-");
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    h[n++] = (struct http_header){STR("allow"), post ? STR("POST, OPTIONS") : STR("GET, HEAD, OPTIONS")};
    reply_headers(gl, x, 405, h, n, buf_str(&body));
}

static void on_request(struct http_exchange *x, void *ctx)
{
    struct gateway_loop *gl = ctx;
    const struct http_request *r = http_exchange_request(x);
    if (r->method == HTTP_OPTIONS) {
        browser_preflight(gl, x);
        return;
    }
    const struct page *p = page_find(normal_path(r->path));
    if (!p)
        not_found(gl, x);
    else if (!(p->methods & 1u << r->method))
        wrong_method(gl, x, p->methods);
    else
        p->fn(gl, x, p->arg);
}

/* A large body is read only for who may send it. */
static void admit_early(struct gateway_loop *gl, struct http_exchange *x, const struct page *p)
{
    struct caller who;
    if (p->fn == admin_request)
        (void)admin_admits(gl, x);
    else if (p->fn == calls_start)
        (void)keys_admit(gl, x, &who);
}

/* Before the body is read: a page from elsewhere, or somebody without a key, does not get to send us megabytes. */
static void on_head(struct http_exchange *x, void *ctx)
{
    enum { SMALL_BODY_BYTES = 64 * 1024 }; /* for these one look at the key, later, is enough */
    const struct http_request *r = http_exchange_request(x);
    const struct page *p = page_find(normal_path(r->path));
    bool form = p && p->fn == calls_start && wire_op_hears((enum wire_op)(p->arg & 0xff)) && r->method == HTTP_POST;
    if (!browser_admits(ctx, x, form) || !p)
        return;
    if (form) {
        struct caller who;
        if (keys_admit(ctx, x, &who))
            upload_begin(ctx, x);
    } else if (r->body_length < 0 || r->body_length > SMALL_BODY_BYTES) {
        admit_early(ctx, x, p);
    }
}

static void on_body(struct http_exchange *x, struct str bytes, void *ctx)
{
    calls_piece(ctx, x, page_find(normal_path(http_exchange_request(x)->path))->arg, bytes);
}

static void on_refuse(struct http_exchange *x, int status, const char *why, void *ctx)
{
    struct reply_owner *o = http_exchange_get(x);
    if (o) /* an upload that breaks a rule of HTTP */
        o->on_gone(o);
    if (status == 503)
        reply_error_later(ctx, x, status, "overloaded", 1000, "%s", why);
    else
        reply_error(ctx, x, status, "bad_request", "%s", why);
}

static void on_gone(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct reply_owner *o = http_exchange_get(x);
    if (o)
        o->on_gone(o);
}

static void on_drain(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    struct reply_owner *o = http_exchange_get(x);
    if (o && o->on_drain)
        o->on_drain(o);
}

int gateway_open(struct gateway **out, const struct gateway_options *opt, struct err *e)
{
    struct gateway *g = new0(struct gateway);
    if (!g)
        return err_set(e, ERR_NOMEM, "gateway");
    g->config = opt->config;
    g->mesh = opt->mesh;
    g->held = opt->held;
    g->spooled.max = SPOOLED_BYTES_MAX;
    g->connections_max = opt->connections_max;
    g->listen = opt->listen;
    g->control = opt->control;
    g->news = opt->news;
    g->data_dir = opt->data_dir;
    g->started_mono_us = clock_mono_us(clock_system());
    g->started_wall_ms = clock_wall_ms(clock_system());
    atomic_store(&g->loaded_wall_ms, g->started_wall_ms);
    (void)pthread_mutex_init(&g->load_lock, NULL); /* with glibc these cannot fail */
    (void)pthread_mutex_init(&g->ring_lock, NULL);
    int rc = keys_open(g, opt->key, e);
    if (rc == 0)
        rc = clerk_open(&g->clerk, &(struct clerk_options){0}, e);
    if (rc < 0) {
        gateway_close(g);
        return rc;
    }
    *out = g;
    return 0;
}

void gateway_close(struct gateway *g)
{
    if (!g)
        return;
    assert(g->loop_count == 0);
    clerk_close(g->clerk);
    keys_close(g);
    (void)pthread_mutex_destroy(&g->ring_lock);
    (void)pthread_mutex_destroy(&g->load_lock);
    mem_free(g);
}

int gateway_loop_open(struct gateway_loop **out, struct gateway *g, struct loop *l, struct mesh_loop *ml,
                      const struct mesh_counts *counts, struct err *e)
{
    struct gateway_loop *gl = new0(struct gateway_loop);
    if (!gl)
        return err_set(e, ERR_NOMEM, "gateway");
    *gl = (struct gateway_loop){.gateway = g, .loop = l, .mesh = ml, .counts = counts};
    struct http_server_options opt = {
        .handler = {.on_head = on_head, .on_body = on_body, .on_request = on_request, .on_gone = on_gone, .on_drain = on_drain, .on_refuse = on_refuse},
        .ctx = gl,
        .body_bytes_max = (size_t)atomic_load(&g->config)->body_bytes_max, .connections_max = g->connections_max, .held = g->held, .share = &g->share,
    };
    http_server_defaults(&opt);
    int rc = http_server_open(&gl->server, l, &opt, e);
    if (rc == 0 && (rc = events_loop_open(gl)) < 0)
        err_set(e, rc, "the stream of events");
    if (rc) {
        http_server_close(gl->server);
        mem_free(gl);
        return rc;
    }
    assert(g->loop_count < GATEWAY_LOOPS_MAX);
    g->loop[g->loop_count++] = gl;
    *out = gl;
    return 0;
}

void gateway_adopt(struct gateway *g, const struct config *config, struct mesh *m)
{
    atomic_store(&g->config, config);
    atomic_store(&g->mesh, m);
    atomic_store(&g->loaded_wall_ms, clock_wall_ms(clock_system()));
}

void gateway_loop_adopt(struct gateway_loop *gl, struct mesh_loop *ml)
{
    gl->mesh = ml;
    http_server_set_body_max(gl->server, (size_t)atomic_load(&gl->gateway->config)->body_bytes_max);
}

int gateway_loop_listen(struct gateway_loop *gl, int fd)
{
    return http_server_listen(gl->server, fd);
}

void gateway_loop_drain(struct gateway_loop *gl)
{
    events_loop_end(gl); /* they have no end of their own that could be waited for */
    http_server_drain(gl->server);
}

size_t gateway_loop_busy(const struct gateway_loop *gl)
{
    return http_server_busy(gl->server);
}

void gateway_drain(struct gateway *g)
{
    atomic_store(&g->draining, true);
    news_tell(g->news, "stopping", STR("{}"));
}

void gateway_loop_close(struct gateway_loop *gl)
{
    if (!gl)
        return;
    struct gateway *g = gl->gateway;
    clerk_stop(g->clerk); /* it hands back to loops, which close soon after this */
    events_loop_close(gl);
    http_server_close(gl->server);
    for (int i = 0; i < g->loop_count; i++)
        if (g->loop[i] == gl)
            g->loop[i] = g->loop[--g->loop_count];
    keyring_unref(gl->ring);
    mem_free(gl);
}
