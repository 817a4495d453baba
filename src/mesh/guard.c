/* guard.c: small GETs that decide whether a call may go on: a job's `requires`, and the list of an Ollama's models that
 * are forwarded to its cloud. An answer is good for a moment; calls that come while one is fetched wait together. */
#include "base/json.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

enum {
    GUARD_TIMEOUT_MS = 3000,
    REQUIRES_TTL_MS = 2000, /* "cached briefly": a dead retrieval service is noticed within two seconds */
    LIST_BYTES_MAX = 4 * 1024 * 1024,
};

static int start(struct guard *g);

static void heard(struct guard *g, enum fetch_end end, bool late)
{
    g->end = end;
    g->late = late;
}

/* Those who came while the question was out need one that is asked after they came: what it hears may be older. */
static void ask_again(struct guard *g)
{
    if (!g->waiting_next || g->fetch)
        return;
    g->waiting = g->waiting_next;
    g->waiting_next = NULL;
    if (start(g) < 0) {
        if (g->fetch)
            http_fetch_cancel(g->fetch);
        g->fetch = NULL;
        heard(g, FETCH_NOMEM, false);
        g->ok = false;
        text_format(g->why, sizeof g->why, "out of memory");
    }
}

static void answer_waiters(struct guard *g)
{
    g->telling = true;
    for (struct guard_waiter *w; (w = g->waiting);) { /* one may leave while another is told */
        g->waiting = w->next;
        w->guard = NULL;
        w->fn(w, g->ok, g->why);
    }
    g->telling = false;
    ask_again(g);
    if (g->waiting && !g->fetch)
        answer_waiters(g); /* it could not be asked: at most once, for nobody is added to `waiting` */
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
    int rc = json_parse(&a, buf_str(&g->body), &root, NULL);
    bool ok = rc != ERR_NOMEM;
    if (rc == 0) {
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
    heard(g, FETCH_OK, false);
    settle(g, false, "its list of models could not be read");
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    (void)f;
    struct guard *g = ctx;
    heard(g, r->end, false);
    if (r->end != FETCH_OK)
        settle(g, false, "%s", r->end == FETCH_FENCED ? "its address is outside the home networks" : fetch_end_text(r->end));
    else if (!g->lists_models)
        settle(g, g->status >= 200 && g->status < 300, "it answers %d", g->status);
    else if (g->status == 404 || g->status == 405)
        settle(g, true, "ok"); /* no Ollama: it forwards nothing by this means */
    else if (g->status == 200 && read_list(g))
        settle(g, true, "ok");
    else
        settle(g, false, "its list of models could not be read (status %d)", g->status);
}

static void on_timeout(struct loop_timer *t)
{
    struct guard *g = (struct guard *)(void *)((char *)t - offsetof(struct guard, timer));
    http_fetch_cancel(g->fetch);
    heard(g, FETCH_OK, true);
    settle(g, false, "no answer within %d s", GUARD_TIMEOUT_MS / 1000);
}

static bool allow_home(const struct sockaddr *address, void *ctx)
{
    return fence_is_home(((const struct guard *)ctx)->ml->mesh, address);
}

static int start(struct guard *g)
{
    const struct http_header header[] = {{STR("accept"), STR("application/json, */*")}, {STR("authorization"), g->authorization}};
    struct http_fetch_options opt = {
        .url = g->url, .unix_path = g->unix_path, .method = STR("GET"), .header = header,
        .header_count = g->authorization.len ? 2 : 1,
        .pool = g->pool, .connect_timeout_ms = GUARD_TIMEOUT_MS, .on_head = on_head, .on_body = on_body, .on_done = on_done,
        .ctx = g, .allow = g->home ? allow_home : NULL,
    };
    g->body = BUF_INIT(LIST_BYTES_MAX);
    g->forwards.max = LIST_BYTES_MAX;
    g->status = 0;
    int rc = http_fetch_start(&g->fetch, g->ml->client, &opt, NULL);
    return rc ? rc : loop_timer_set(g->ml->loop, &g->timer, GUARD_TIMEOUT_MS, on_timeout);
}

bool guard_ask(struct guard *g, struct guard_waiter *w, bool *ok, const char **why)
{
    bool fresh = !g->lists_models && g->checked_ms && loop_now_ms(g->ml->loop) - g->checked_ms < REQUIRES_TTL_MS;
    /* Who goes on to the next model of a server while being told of this one: the answer is as young as it can be. */
    if (g->telling || (!g->fetch && g->ok && fresh)) {
        *ok = g->ok;
        *why = g->why;
        return true;
    }
    bool under_way = g->fetch != NULL;
    if (!under_way && start(g) < 0) {
        if (g->fetch)
            http_fetch_cancel(g->fetch);
        g->fetch = NULL;
        heard(g, FETCH_NOMEM, false);
        *ok = false;
        *why = "out of memory";
        return true;
    }
    assert(!w->guard);
    struct guard_waiter **list = under_way && g->lists_models ? &g->waiting_next : &g->waiting;
    w->guard = g;
    w->next = *list;
    *list = w;
    return false;
}

void guard_leave(struct guard_waiter *w)
{
    if (!w->guard)
        return;
    struct guard_waiter **lists[] = {&w->guard->waiting, &w->guard->waiting_next};
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        for (struct guard_waiter **link = lists[i]; *link; link = &(*link)->next)
            if (*link == w) {
                *link = w->next;
                break;
            }
    w->guard = NULL;
}

void guard_fini(struct guard *g)
{
    if (g->fetch) {
        http_fetch_cancel(g->fetch);
        loop_timer_cancel(g->ml->loop, &g->timer);
    }
    assert(!g->waiting && !g->waiting_next);
    buf_fini(&g->body);
    buf_fini(&g->forwards);
}

/* Ollama finds a model under many spellings: any case, with or without ":latest", with or without its registry and
 * namespace. What is left without them must differ, or it may be the same model. */
static struct str bare_name(struct str model)
{
    model = str_trim(model);
    for (ptrdiff_t slash; (slash = str_find_char(model, '/')) >= 0;)
        model = str_skip(model, (size_t)slash + 1);
    if (model.len > 7 && str_eq_fold(str_skip(model, model.len - 7), STR(":latest")))
        model.len -= 7;
    return model;
}

bool guard_model_forwards(const struct guard *g, struct str model)
{
    struct str rest = buf_str(&g->forwards), name, bare = bare_name(model);
    while (str_cut(&rest, '\n', &name)) {
        name = bare_name(name);
        if (name.len && str_eq_fold(name, bare))
            return true;
    }
    return false;
}
