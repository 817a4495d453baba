/* news.c: the ring of events; see news.h. Numbers begin at the microseconds of the start, so that one of before a restart is behind
 * all of those after it. */
#include "base/news.h"
#include "base/mem.h"
#include <assert.h>
#include <pthread.h>

struct event {
    const char *name;
    struct buf json; /* owned; of a place that was used before */
};
struct watcher {
    void (*fn)(void *ctx);
    void *ctx;
};

struct news {
    pthread_mutex_t lock; /* guards all below; a leaf, but for the watchers' messages */
    struct event event[NEWS_KEPT];
    uint64_t first, next; /* numbers: of the first ever, of the one to come */
    struct watcher watcher[NEWS_WATCHERS_MAX];
    int watcher_count;
};

int news_open(struct news **out, int64_t wall_ms, struct err *e)
{
    struct news *n = new0(struct news);
    if (!n)
        return err_set(e, ERR_NOMEM, "news");
    (void)pthread_mutex_init(&n->lock, NULL);
    n->first = n->next = wall_ms > 0 ? (uint64_t)wall_ms * 1000 : 1;
    for (int i = 0; i < NEWS_KEPT; i++)
        n->event[i].json = BUF_INIT(NEWS_BYTES_MAX);
    *out = n;
    return 0;
}

void news_close(struct news *n)
{
    if (!n)
        return;
    assert(n->watcher_count == 0);
    for (int i = 0; i < NEWS_KEPT; i++)
        buf_fini(&n->event[i].json);
    (void)pthread_mutex_destroy(&n->lock);
    mem_free(n);
}

void news_tell(struct news *n, const char *event, struct str json)
{
    if (!n || str_find_char(json, '\n') >= 0)
        return;
    (void)pthread_mutex_lock(&n->lock);
    struct event *ev = &n->event[n->next % NEWS_KEPT];
    buf_clear(&ev->json);
    ev->name = buf_append(&ev->json, json) == 0 ? event : NULL; /* NULL: a number without words */
    n->next++;
    for (int i = 0; i < n->watcher_count; i++)
        n->watcher[i].fn(n->watcher[i].ctx);
    (void)pthread_mutex_unlock(&n->lock);
}

uint64_t news_newest(struct news *n)
{
    (void)pthread_mutex_lock(&n->lock);
    uint64_t newest = n->next - 1;
    (void)pthread_mutex_unlock(&n->lock);
    return newest;
}

static uint64_t oldest(const struct news *n)
{
    return n->next - n->first > NEWS_KEPT ? n->next - NEWS_KEPT : n->first;
}

int news_read(struct news *n, uint64_t *at, uint64_t *missed, struct buf *out)
{
    int rc = 0;
    (void)pthread_mutex_lock(&n->lock);
    uint64_t from = *at + 1;
    if (from < oldest(n)) {
        *missed += from < n->first ? oldest(n) - n->first : oldest(n) - from;
        from = oldest(n);
    }
    while (from < n->next && !n->event[from % NEWS_KEPT].name)
        from++;
    if (from < n->next) {
        const struct event *ev = &n->event[from % NEWS_KEPT];
        rc = buf_append_format(out, "id: %llu\nevent: %s\ndata: %.*s\n\n", (unsigned long long)from, ev->name, STR_FMT(buf_str(&ev->json)));
        rc = rc ? rc : 1;
    }
    *at = rc == 1 ? from : from > n->next ? n->next - 1 : from - 1;
    (void)pthread_mutex_unlock(&n->lock);
    return rc;
}

int news_watch(struct news *n, void (*fn)(void *ctx), void *ctx)
{
    (void)pthread_mutex_lock(&n->lock);
    int rc = n->watcher_count < NEWS_WATCHERS_MAX ? 0 : ERR_LIMIT;
    if (rc == 0)
        n->watcher[n->watcher_count++] = (struct watcher){fn, ctx};
    (void)pthread_mutex_unlock(&n->lock);
    return rc;
}

void news_unwatch(struct news *n, void *ctx)
{
    (void)pthread_mutex_lock(&n->lock);
    for (int i = 0; i < n->watcher_count; i++)
        if (n->watcher[i].ctx == ctx)
            n->watcher[i--] = n->watcher[--n->watcher_count];
    (void)pthread_mutex_unlock(&n->lock);
}
