/* watch.c: asks an upstream something small now and then, while answers come from it: which models it has loaded (spill.c), how
 * its plan stands (quota.c). With the upstream's own key, by one loop at a time, and only while calls go there: nobody is asked
 * for nothing. Nobody waits for the answer, and that it fails counts for nothing. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"

static void stop(struct watch *w)
{
    w->fetch = NULL;
    loop_timer_cancel(w->ml->loop, &w->timer);
    buf_fini(&w->body);
}

void watch_fini(struct watch *w)
{
    if (!w->fetch)
        return;
    http_fetch_cancel(w->fetch);
    stop(w);
}

static int on_head(struct http_fetch *f, const struct http_fetch_head *head, void *ctx)
{
    (void)f;
    ((struct watch *)ctx)->status = head->status;
    return 0;
}

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct watch *w = ctx;
    (void)f;
    if (buf_append(&w->body, bytes) < 0)
        watch_fini(w); /* no answer to such a question is that long */
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    struct watch *w = ctx;
    (void)f;
    if (r->end == FETCH_OK)
        w->what->take(w);
    stop(w);
}

static void on_timeout(struct loop_timer *t)
{
    watch_fini((struct watch *)(void *)((char *)t - offsetof(struct watch, timer)));
}

static bool allow_home(const struct sockaddr *address, void *ctx)
{
    return fence_is_home(((const struct watch *)ctx)->ml->mesh, address);
}

static void ask(struct watch *w, struct str url, struct str unix_path)
{
    const struct upstream *u = w->up;
    const struct http_header header[] = {{STR("accept"), STR("application/json")}, {STR("authorization"), u->authorization}};
    struct http_fetch_options opt = {
        .url = url, .unix_path = unix_path, .method = STR("GET"), .header = header, .header_count = u->authorization.len ? 2 : 1,
        .pool = (uint32_t)u->index * 2 + (u->home ? 1 : 0), .connect_timeout_ms = w->what->timeout_ms,
        .allow = u->home ? allow_home : NULL, .on_head = on_head, .on_body = on_body, .on_done = on_done, .ctx = w,
    };
    w->body = BUF_INIT(w->what->bytes_max);
    w->status = 0;
    if (http_fetch_start(&w->fetch, w->ml->client, &opt, NULL) < 0)
        w->fetch = NULL; /* the next answer will ask */
    else if (loop_timer_set(w->ml->loop, &w->timer, w->what->timeout_ms, on_timeout) < 0)
        watch_fini(w);
}

/* Whoever moves the moment of the next question on asks this one; all others go on with one load. */
void watch_look(struct watch *w, struct str url, struct str unix_path)
{
    int64_t now_ms = loop_now_ms(w->ml->loop);
    long long due_ms = atomic_load_explicit(w->due_ms, memory_order_relaxed);
    if (now_ms < due_ms || w->fetch ||
        !atomic_compare_exchange_strong_explicit(w->due_ms, &due_ms, now_ms + w->what->every_ms, memory_order_relaxed, memory_order_relaxed))
        return;
    ask(w, url, unix_path);
}

void watch_not_before(struct watch *w, int64_t wait_ms)
{
    atomic_store_explicit(w->due_ms, loop_now_ms(w->ml->loop) + wait_ms, memory_order_relaxed);
}
