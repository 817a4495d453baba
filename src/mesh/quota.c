/* quota.c: asks the quota endpoint of a plan that says nothing in the heads of its answers. With the upstream's own key, at
 * most once a minute and by one loop, and only while calls go there: nobody is asked for nothing. What it says is what the
 * plan's windows are; that it fails counts for nothing. A client's own credential is never used for it. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

enum {
    QUOTA_EVERY_MS = 60000,
    QUOTA_NONE_MS = 3600000, /* what answers there is no quota */
    QUOTA_TIMEOUT_MS = 10000,
    QUOTA_BYTES_MAX = 256 * 1024,
    QUOTA_ARENA_MAX = 4 << 20,
};

static void take_answer(struct quota_watch *w)
{
    struct loop *loop = w->ml->loop;
    struct arena scratch = ARENA_INIT(QUOTA_ARENA_MAX);
    struct plan_signal s;
    plan_signal_init(&s);
    int rc = w->status == 200 ? plan_signal_quota(&s, buf_str(&w->body), &scratch) : ERR_INVALID;
    arena_fini(&scratch);
    if (rc == 0) {
        plan_told(w->up->plan, w->up->plan_holder, &s, (struct plan_now){loop_wall_ms(loop), loop_now_ms(loop)});
    } else if (rc != ERR_NOMEM) {
        log_line(LOG_WARN, "plan", "the quota endpoint of %.*s answers %d and tells of no window; it is asked again in an hour",
                 STR_FMT(w->up->name), w->status);
        atomic_store_explicit(&w->up->state->quota_ask_ms, loop_now_ms(loop) + QUOTA_NONE_MS, memory_order_relaxed);
    }
}

static void stop(struct quota_watch *w)
{
    w->fetch = NULL;
    loop_timer_cancel(w->ml->loop, &w->timer);
    buf_fini(&w->body);
}

void quota_watch_fini(struct quota_watch *w)
{
    if (!w->fetch)
        return;
    http_fetch_cancel(w->fetch);
    stop(w);
}

static int on_head(struct http_fetch *f, const struct http_fetch_head *head, void *ctx)
{
    (void)f;
    ((struct quota_watch *)ctx)->status = head->status;
    return 0;
}

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct quota_watch *w = ctx;
    (void)f;
    if (buf_append(&w->body, bytes) < 0)
        quota_watch_fini(w);
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    struct quota_watch *w = ctx;
    (void)f;
    if (r->end == FETCH_OK)
        take_answer(w);
    stop(w);
}

static void on_timeout(struct loop_timer *t)
{
    quota_watch_fini((struct quota_watch *)(void *)((char *)t - offsetof(struct quota_watch, timer)));
}

static bool allow_home(const struct sockaddr *address, void *ctx)
{
    return fence_is_home(((const struct quota_watch *)ctx)->ml->mesh, address);
}

static void ask(struct quota_watch *w)
{
    const struct upstream *u = w->up;
    const struct http_header header[] = {{STR("accept"), STR("application/json")}, {STR("authorization"), u->authorization}};
    struct http_fetch_options opt = {
        .url = u->config->plan_quota.text, .method = STR("GET"), .header = header, .header_count = 2,
        .pool = (uint32_t)u->index * 2 + (u->home ? 1 : 0), .connect_timeout_ms = QUOTA_TIMEOUT_MS,
        .allow = u->home ? allow_home : NULL, .on_head = on_head, .on_body = on_body, .on_done = on_done, .ctx = w,
    };
    w->body = BUF_INIT(QUOTA_BYTES_MAX);
    w->status = 0;
    if (http_fetch_start(&w->fetch, w->ml->client, &opt, NULL) < 0)
        w->fetch = NULL; /* the next answer will ask */
    else if (loop_timer_set(w->ml->loop, &w->timer, QUOTA_TIMEOUT_MS, on_timeout) < 0)
        quota_watch_fini(w);
}

/* Whoever moves the moment of the next question on asks this one. */
void quota_look(const struct attempt *a)
{
    struct upstream *u = a->target->up;
    struct mesh_loop *ml = a->call->ml;
    if (!u->plan_holder || !u->config->plan_quota.text.len)
        return;
    int64_t now_ms = loop_now_ms(ml->loop);
    long long due_ms = atomic_load_explicit(&u->state->quota_ask_ms, memory_order_relaxed);
    struct quota_watch *w = &ml->quota[u->index];
    if (now_ms < due_ms || w->fetch ||
        !atomic_compare_exchange_strong_explicit(&u->state->quota_ask_ms, &due_ms, now_ms + QUOTA_EVERY_MS, memory_order_relaxed,
                                                 memory_order_relaxed))
        return;
    ask(w);
}
