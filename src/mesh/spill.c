/* spill.c: notices models that an Ollama at home computes on the CPU in part, because they do not fit its GPU: it does so
 * without a word, and becomes several times slower. While answers come from an upstream at home it is asked, at most every
 * half minute and by one loop, which models it has loaded (/api/ps). What it says is kept beside the target's breaker, where
 * the head of an answer, /metrics and the admin API read it. Nobody waits for it, and that it fails counts for nothing.
 *
 * Only an upstream that is called an Ollama (its vendor, or Ollama's port) is asked; one that knows no such list is asked
 * again much later only. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/ollama.h"

enum {
    SPILL_EVERY_MS = 30000,
    SPILL_NO_OLLAMA_MS = 600000,
    SPILL_TIMEOUT_MS = 3000,
    SPILL_KNOWN_MS =
        300000, /* Ollama unloads a model after five idle minutes, and may load it otherwise the next time */
    SPILL_LIST_BYTES_MAX = 256 * 1024,
};

int spill_percent(const struct target *t, int64_t now_ms)
{
    int64_t seen_ms = atomic_load_explicit(&t->state->spill_seen_ms, memory_order_relaxed);
    if (seen_ms == 0 || now_ms - seen_ms > SPILL_KNOWN_MS)
        return -1;
    return atomic_load_explicit(&t->state->spill_percent, memory_order_relaxed);
}

/* --- what it said ------------------------------------------------------------------------------------------------------ */

static void tell(const struct target *t, int percent)
{
    if (percent >= 100)
        log_line(LOG_WARN, "spill",
                 "%.*s runs on the CPU alone, which makes it many times slower; `hearth doctor` says what helps",
                 STR_FMT(t->name));
    else if (percent)
        log_line(LOG_WARN, "spill",
                 "%.*s does not fit its GPU: %d %% of it is computed by the CPU, which makes it several times slower; "
                 "`hearth doctor` says what helps",
                 STR_FMT(t->name), percent);
    else
        log_line(LOG_INFO, "spill", "%.*s is wholly on its GPU again", STR_FMT(t->name));
}

/* Targets that are not loaded keep what was seen, until it is too old: they have not been asked since, either. */
static void note(const struct spill_watch *w, const struct ollama_loaded *loaded, int64_t now_ms)
{
    const struct mesh *m = w->ml->mesh;
    int percent = ollama_spill_percent(loaded);
    for (int i = 0; i < m->target_count; i++) {
        const struct target *t = &m->target[i];
        if (t->up != w->up || !ollama_same_model(t->model, str_from(loaded->name)))
            continue;
        int before = atomic_exchange_explicit(&t->state->spill_percent, percent, memory_order_relaxed);
        atomic_store_explicit(&t->state->spill_seen_ms, now_ms, memory_order_relaxed);
        if (before != percent)
            tell(t, percent);
    }
}

static void take_answer(struct spill_watch *w)
{
    struct ollama_loaded loaded[OLLAMA_LOADED_MAX];
    int64_t now_ms = loop_now_ms(w->ml->loop);
    int count = w->status == 200 ? ollama_loaded_read(buf_str(&w->body), loaded, COUNT_OF(loaded), NULL) : ERR_SYNTAX;
    if (count == ERR_SYNTAX)
        atomic_store_explicit(&w->up->state->spill_ask_ms, now_ms + SPILL_NO_OLLAMA_MS, memory_order_relaxed);
    for (int i = 0; i < count; i++)
        note(w, &loaded[i], now_ms);
}

/* --- asking ---------------------------------------------------------------------------------------------------------------- */

static void stop(struct spill_watch *w)
{
    w->fetch = NULL;
    loop_timer_cancel(w->ml->loop, &w->timer);
    buf_fini(&w->body);
}

void spill_watch_fini(struct spill_watch *w)
{
    if (!w->fetch)
        return;
    http_fetch_cancel(w->fetch);
    stop(w);
}

static int on_head(struct http_fetch *f, const struct http_fetch_head *head, void *ctx)
{
    (void)f;
    ((struct spill_watch *)ctx)->status = head->status;
    return 0;
}

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct spill_watch *w = ctx;
    (void)f;
    if (buf_append(&w->body, bytes) < 0)
        spill_watch_fini(w); /* no list of loaded models is that long */
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    struct spill_watch *w = ctx;
    (void)f;
    if (r->end == FETCH_OK)
        take_answer(w);
    stop(w);
}

static void on_timeout(struct loop_timer *t)
{
    spill_watch_fini((struct spill_watch *)(void *)((char *)t - offsetof(struct spill_watch, timer)));
}

static bool allow_home(const struct sockaddr *address, void *ctx)
{
    return fence_is_home(((const struct spill_watch *)ctx)->ml->mesh, address);
}

static void ask(struct spill_watch *w)
{
    const struct upstream *u = w->up;
    const struct http_header header[] = {{STR("accept"), STR("application/json")},
                                         {STR("authorization"), u->authorization}};
    struct http_fetch_options opt = {
        .url = u->loaded_url,
        .unix_path = u->unix_path,
        .method = STR("GET"),
        .header = header,
        .header_count = u->authorization.len ? 2 : 1,
        .pool = (uint32_t)u->index * 2 + 1,
        .connect_timeout_ms = SPILL_TIMEOUT_MS,
        .allow = allow_home,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .ctx = w,
    };
    w->body = BUF_INIT(SPILL_LIST_BYTES_MAX);
    w->status = 0;
    if (http_fetch_start(&w->fetch, w->ml->client, &opt, NULL) < 0)
        w->fetch = NULL; /* the next answer will ask */
    else if (loop_timer_set(w->ml->loop, &w->timer, SPILL_TIMEOUT_MS, on_timeout) < 0)
        spill_watch_fini(w);
}

/* Whoever moves the moment of the next question on asks this one; all others go on with one load. */
void spill_look(const struct attempt *a)
{
    struct upstream *u = a->target->up;
    struct mesh_loop *ml = a->call->ml;
    if (!u->loaded_url.len)
        return;
    int64_t now_ms = loop_now_ms(ml->loop);
    long long due_ms = atomic_load_explicit(&u->state->spill_ask_ms, memory_order_relaxed);
    struct spill_watch *w = &ml->spill[u->index];
    if (now_ms < due_ms || w->fetch ||
        !atomic_compare_exchange_strong_explicit(&u->state->spill_ask_ms, &due_ms, now_ms + SPILL_EVERY_MS,
                                                 memory_order_relaxed, memory_order_relaxed))
        return;
    ask(w);
}
