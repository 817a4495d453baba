/* guard.c: small GETs that decide whether a call may go on: a job's `requires`, and the list of an Ollama's models that
 * are forwarded to its cloud. An answer is good for a moment; calls that come while one is fetched wait together. */
#include "base/json.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

enum {
    GUARD_TIMEOUT_MS = 3000,
    REQUIRES_TTL_MS = 2000, /* "cached briefly": a dead retrieval service is noticed within two seconds */
    FORWARDS_TTL_MS = 5000, /* a model made to forward in between is caught by the next look */
    LIST_BYTES_MAX = 4 * 1024 * 1024,
};

static void answer_waiters(struct guard *g)
{
    struct guard_waiter *w = g->waiting;
    g->waiting = NULL;
    while (w) {
        struct guard_waiter *next = w->next;
        w->guard = NULL;
        w->fn(w, g->ok, g->why);
        w = next;
    }
}

static void settle(struct guard *g, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void settle(struct guard *g, bool ok, const char *format, ...)
{
    AUTO_BUF struct buf why = BUF_INIT(1 * KiB);
    va_list args;
    va_start(args, format);
    (void)buf_append_format_v(&why, format, args);
    va_end(args);
    struct str text = str_slice(buf_str(&why), 0, sizeof g->why - 1);
    if (text.len)
        memcpy(g->why, text.ptr, text.len);
    g->why[text.len] = '\0';
    g->ok = ok;
    g->checked_ms = loop_now_ms(g->ml->loop);
    g->fetch = NULL;
    loop_timer_cancel(g->ml->loop, &g->timer);
    buf_fini(&g->body);
    answer_waiters(g);
}

/* Ollama's /api/tags: {"models":[{"name":…,"remote_host":…,"remote_model":…}]}. Whoever answers something else is no
 * Ollama and forwards nothing by this means. */
static bool read_list(struct guard *g)
{
    struct arena a = ARENA_INIT(16 * MiB);
    struct json_node *root;
    buf_clear(&g->forwards);
    bool ok = true;
    if (json_parse(&a, buf_str(&g->body), &root, NULL) == 0) {
        const struct json_node *models = json_get(root, "models");
        for (const struct json_node *m = models && models->type == JSON_ARRAY ? models->child : NULL; m && ok; m = m->next) {
            if (!json_get_text(m, "remote_host").len && !json_get_text(m, "remote_model").len)
                continue;
            static const char *const names[] = {"name", "model"};
            for (size_t i = 0; i < COUNT_OF(names); i++)
                ok = ok && buf_append(&g->forwards, json_get_text(m, names[i])) == 0 && buf_append_char(&g->forwards, '\n') == 0;
        }
    }
    arena_fini(&a);
    return ok;
}

static int on_head(struct http_fetch *f, const struct http_fetch_head *head, void *ctx)
{
    (void)f;
    ((struct guard *)ctx)->status = head->status;
    return 0;
}

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct guard *g = ctx;
    if (!g->lists_models || buf_append(&g->body, bytes) == 0)
        return 0;
    http_fetch_cancel(f);
    settle(g, false, "its list of models could not be read");
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    (void)f;
    struct guard *g = ctx;
    g->end = r->end;
    if (r->end != FETCH_OK)
        settle(g, false, "%s", r->end == FETCH_FENCED ? "its address is outside the home networks" : fetch_end_text(r->end));
    else if (!g->lists_models)
        settle(g, g->status >= 200 && g->status < 300, "it answers %d", g->status);
    else if (g->status == 200 && !read_list(g))
        settle(g, false, "its list of models could not be read");
    else
        settle(g, true, "ok");
}

static void on_timeout(struct loop_timer *t)
{
    struct guard *g = (struct guard *)(void *)((char *)t - offsetof(struct guard, timer));
    http_fetch_cancel(g->fetch);
    settle(g, false, "no answer within %d s", GUARD_TIMEOUT_MS / 1000);
}

static bool allow_home(const struct sockaddr *address, void *ctx)
{
    return fence_is_home(((const struct guard *)ctx)->ml->mesh, address);
}

static int start(struct guard *g)
{
    static const struct http_header accept[] = {{{"accept", 6}, {"application/json, */*", 21}}};
    struct http_fetch_options opt = {
        .url = g->url, .unix_path = g->unix_path, .method = STR("GET"), .header = accept, .header_count = COUNT_OF(accept),
        .pool = g->pool, .connect_timeout_ms = GUARD_TIMEOUT_MS, .on_head = on_head, .on_body = on_body, .on_done = on_done,
        .ctx = g, .allow = g->home ? allow_home : NULL,
    };
    g->body = BUF_INIT(LIST_BYTES_MAX);
    g->forwards.max = LIST_BYTES_MAX;
    g->status = 0;
    g->end = FETCH_OK;
    int rc = http_fetch_start(&g->fetch, g->ml->client, &opt, NULL);
    return rc ? rc : loop_timer_set(g->ml->loop, &g->timer, GUARD_TIMEOUT_MS, on_timeout);
}

bool guard_ask(struct guard *g, struct guard_waiter *w, bool *ok, const char **why)
{
    int64_t ttl = g->lists_models ? FORWARDS_TTL_MS : REQUIRES_TTL_MS;
    if (!g->fetch && g->checked_ms && g->ok && loop_now_ms(g->ml->loop) - g->checked_ms < ttl) {
        *ok = true;
        *why = g->why;
        return true;
    }
    if (!g->fetch && start(g) < 0) {
        if (g->fetch)
            http_fetch_cancel(g->fetch);
        g->fetch = NULL;
        *ok = false;
        *why = "out of memory";
        return true;
    }
    assert(!w->guard);
    w->guard = g;
    w->next = g->waiting;
    g->waiting = w;
    return false;
}

void guard_leave(struct guard_waiter *w)
{
    if (!w->guard)
        return;
    struct guard_waiter **link = &w->guard->waiting;
    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    w->guard = NULL;
}

void guard_fini(struct guard *g)
{
    if (g->fetch) {
        http_fetch_cancel(g->fetch);
        loop_timer_cancel(g->ml->loop, &g->timer);
    }
    assert(!g->waiting);
    buf_fini(&g->body);
    buf_fini(&g->forwards);
}

/* Names compare with and without the ":latest" that Ollama adds. */
bool guard_model_forwards(const struct guard *g, struct str model)
{
    struct str rest = buf_str(&g->forwards), name;
    struct str bare = str_ends(model, STR(":latest")) ? str_slice(model, 0, model.len - 7) : model;
    while (str_cut(&rest, '\n', &name)) {
        if (str_ends(name, STR(":latest")))
            name.len -= 7;
        if (name.len && str_eq(name, bare))
            return true;
    }
    return false;
}
