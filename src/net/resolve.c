/* resolve.c: names to addresses, off the loops; see resolve.h.
 *
 * A query asks for one loop; a lookup asks the world once for all queries of the same name that wait at the same time.
 *
 *   resolve_start ── literal, localhost, cached ──────────────────────────┐
 *        └─ lookup (new, or the one under way) → queue → worker thread ─ answer ─→ loop_post → fn
 *
 * One mutex guards everything in `struct resolver` and which lookup a query hangs on. Once posted, a query belongs to
 * its loop's thread alone and touches the resolver no more, so a cancelled one may outlive it. */
#include "net/resolve_priv.h"
#include "base/buf.h"
#include "base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <signal.h>

enum {
    NAME_MAX_BYTES = 253,     /* RFC 1035 */
    LOOKUPS_MAX = 256,        /* names under way at once; hosts come from the configuration, so far more than needed */
    CACHE_MAX = 128,          /* names; beyond, the one that expires first goes */
    STACK_BYTES = 256 * 1024, /* getaddrinfo and its modules; only touched pages cost */
    THREADS_DEFAULT = 2,
    TTL_DEFAULT_MS = 30000,
    FAILED_TTL_MS = 1000,
    POST_RETRY_MS = 10, /* memory was out when an answer was due */
};

struct lookup;

struct resolve_query {
    struct loop *loop;
    void (*fn)(const struct resolve_answer *a, void *ctx);
    void *ctx;
    int port;
    struct lookup *lookup; /* NULL once posted; guarded by the resolver's lock until then */
    struct resolver *resolver;
    struct resolve_query *next; /* of the lookup */
    bool cancelled;             /* after posting, on the loop's thread */
    struct resolve_answer answer;
};

struct lookup {
    struct lookup *next; /* in the queue; then nothing */
    struct lookup *next_live;
    struct resolve_query *waiting; /* borrowed by us, owned by themselves */
    bool busy;                     /* a thread is on it */
    char host[NAME_MAX_BYTES + 1];
};

struct cached {
    char host[NAME_MAX_BYTES + 1]; /* "" = free */
    int64_t expires_us;
    struct resolve_answer answer; /* ports 0 */
};

struct worker {
    pthread_t thread;
    struct resolver *resolver;
    bool busy;
};

struct resolver {
    pthread_mutex_t lock; /* guards all below it, and resolve_query.lookup */
    pthread_cond_t wake;
    struct lookup *queue, **queue_tail;
    struct lookup *live; /* queued and busy */
    int live_count, queue_count;
    struct cached *cache[CACHE_MAX]; /* owned */
    struct worker *worker;           /* array of threads_max */
    int threads, threads_max, threads_idle;
    int users; /* the owner and every thread; the last one frees */
    bool closing;
    /* constant */
    const struct clock *clock;
    int64_t ttl_us;
    bool use_server;
    struct sockaddr_in server;
};

/* --- cache (lock held) --------------------------------------------------------------------------------------------- */

static const struct cached *cache_find(const struct resolver *r, const char *host)
{
    int64_t now = clock_mono_us(r->clock);
    for (int i = 0; i < CACHE_MAX; i++) {
        const struct cached *c = r->cache[i];
        if (c && now < c->expires_us && str_eq_fold(str_from(c->host), str_from(host)))
            return c;
    }
    return NULL;
}

/* Where an answer for `host` goes: its old place, else a free one, else that of the first to expire. */
static struct cached *cache_slot(struct resolver *r, const char *host)
{
    int best = 0;
    for (int i = 0; i < CACHE_MAX; i++) {
        const struct cached *c = r->cache[i];
        if (c && str_eq_fold(str_from(c->host), str_from(host)))
            return r->cache[i];
        if (r->cache[best] && (!c || c->expires_us < r->cache[best]->expires_us))
            best = i;
    }
    if (!r->cache[best])
        r->cache[best] = new0(struct cached);
    return r->cache[best];
}

static void cache_store(struct resolver *r, const char *host, const struct resolve_answer *a)
{
    struct cached *c = cache_slot(r, host);
    if (!c)
        return; /* memory is out: asked again next time */
    (void)text_format(c->host, sizeof c->host, "%s", host);
    c->answer = *a;
    c->expires_us = clock_mono_us(r->clock) + (a->count ? r->ttl_us : (int64_t)FAILED_TTL_MS * 1000);
}

/* --- queries ------------------------------------------------------------------------------------------------------- */

/* Posted to the loop; last user of the query. */
static void query_deliver(void *arg)
{
    struct resolve_query *q = arg;
    if (!q->cancelled)
        q->fn(&q->answer, q->ctx);
    mem_free(q);
}

static void query_fill(struct resolve_query *q, const struct resolve_answer *a)
{
    q->answer = *a;
    for (int i = 0; i < q->answer.count; i++)
        resolve_port_set(&q->answer.address[i], q->port);
}

static void lookup_drop(struct resolver *r, struct lookup *l)
{
    struct lookup **at = &r->live;
    while (*at != l)
        at = &(*at)->next_live;
    *at = l->next_live;
    r->live_count--;
    mem_free(l);
}

static void queue_remove(struct resolver *r, struct lookup *l)
{
    struct lookup **at = &r->queue;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    r->queue_count--;
    if (r->queue_tail == &l->next)
        r->queue_tail = at;
}

/* Hands the answer to everyone who waits. While memory is out for the mailbox, we wait here for better times: each
 * query must be answered, and this thread has nothing more important to do. */
static void lookup_answer(struct resolver *r, struct lookup *l, const struct resolve_answer *a)
{
    while (l->waiting) {
        struct resolve_query *q = l->waiting;
        query_fill(q, a);
        l->waiting = q->next;
        q->lookup = NULL;
        if (loop_post(q->loop, query_deliver, q) == 0)
            continue;
        q->lookup = l;
        l->waiting = q;
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail for this clock */
        until.tv_nsec += POST_RETRY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&r->wake, &r->lock, &until); /* either way the loop looks again */
    }
}

/* --- threads ------------------------------------------------------------------------------------------------------- */

static void resolver_unref(struct resolver *r) /* lock held; gives it up */
{
    bool last = --r->users == 0;
    (void)pthread_mutex_unlock(&r->lock);
    if (!last)
        return;
    assert(!r->live);
    for (int i = 0; i < CACHE_MAX; i++)
        mem_free(r->cache[i]);
    mem_free(r->worker);
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

static void worker_run(struct worker *w, struct lookup *l) /* lock held, released while asking */
{
    struct resolver *r = w->resolver;
    w->busy = l->busy = true;
    (void)pthread_mutex_unlock(&r->lock);
    struct resolve_answer answer = {0};
    if (r->use_server)
        resolve_ask_server(&r->server, l->host, &answer);
    else
        resolve_ask_system(l->host, &answer);
    (void)pthread_mutex_lock(&r->lock);
    w->busy = false;
    if (!r->closing) /* else nobody will ask the cache, and the clock was lent until the close only */
        cache_store(r, l->host, &answer);
    lookup_answer(r, l, &answer);
    lookup_drop(r, l);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct resolver *r = w->resolver;
    (void)pthread_mutex_lock(&r->lock);
    while (!r->closing) {
        struct lookup *l = r->queue;
        if (l) {
            queue_remove(r, l);
            worker_run(w, l);
            continue;
        }
        r->threads_idle++;
        (void)pthread_cond_wait(&r->wake, &r->lock);
        r->threads_idle--;
    }
    resolver_unref(r);
    return NULL;
}

/* One more thread when none is free for one more lookup. Not having one is fatal only to the very first lookup. */
static bool worker_start(struct resolver *r)
{
    if (r->threads_idle > r->queue_count || r->threads == r->threads_max)
        return true;
    struct worker *w = &r->worker[r->threads];
    *w = (struct worker){.resolver = r};
    pthread_attr_t attr;
    if (pthread_attr_init(&attr) != 0)
        return r->threads > 0;
    (void)pthread_attr_setstacksize(&attr, STACK_BYTES); /* refused: the default is larger, and fine */
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are for threads that expect them; inherited */
    int rc = pthread_create(&w->thread, &attr, worker_main, w);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    if (rc == 0) {
        r->threads++;
        r->users++;
    }
    return r->threads > 0;
}

/* --- the door ------------------------------------------------------------------------------------------------------ */

static int server_parse(struct str text, struct sockaddr_in *out, struct err *e)
{
    struct str rest = text, host = STR_NONE;
    uint64_t port = 0;
    struct resolve_answer a;
    if (!str_cut(&rest, ':', &host) || !str_to_u64(rest, &port) || port < 1 || port > 65535 ||
        !resolve_literal(host, (int)port, &a) || a.address[0].ss_family != AF_INET)
        return err_set(e, ERR_INVALID, "resolver: expected an IPv4 address and a port, got \"%.*s\"", STR_FMT(text));
    memcpy(out, &a.address[0], sizeof *out);
    return 0;
}

int resolver_open(struct resolver **out, const struct resolver_options *opt, struct err *e)
{
    struct resolver *r = new0(struct resolver);
    if (!r)
        return err_set(e, ERR_NOMEM, "out of memory for the resolver");
    r->threads_max = opt->threads > 0 ? opt->threads : THREADS_DEFAULT;
    r->clock = opt->clock ? opt->clock : clock_system();
    r->ttl_us = (opt->cache_ttl_ms > 0 ? opt->cache_ttl_ms : TTL_DEFAULT_MS) * (int64_t)1000;
    r->use_server = opt->server.len > 0;
    r->queue_tail = &r->queue;
    r->users = 1;
    int rc = r->use_server ? server_parse(opt->server, &r->server, e) : 0;
    if (rc < 0)
        goto fail;
    r->worker = new0_array(struct worker, (size_t)r->threads_max);
    if (!r->worker) {
        rc = err_set(e, ERR_NOMEM, "out of memory for the resolver");
        goto fail;
    }
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr); /* these four cannot fail on Linux */
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->wake, &attr);
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_condattr_destroy(&attr);
    *out = r;
    return 0;
fail:
    mem_free(r->worker);
    mem_free(r);
    return rc;
}

void resolver_close(struct resolver *r)
{
    if (!r)
        return;
    (void)pthread_mutex_lock(&r->lock);
    assert(!r->queue); /* a queued lookup has a waiting query */
    r->closing = true;
    (void)pthread_cond_broadcast(&r->wake);
    for (int i = 0; i < r->threads; i++) {
        pthread_t thread = r->worker[i].thread;
        if (r->worker[i].busy) {
            (void)pthread_detach(thread);
            continue;
        }
        (void)pthread_mutex_unlock(&r->lock);
        (void)pthread_join(thread, NULL);
        (void)pthread_mutex_lock(&r->lock);
    }
    resolver_unref(r);
}

static struct lookup *lookup_find(const struct resolver *r, struct str host)
{
    struct lookup *l = r->live;
    while (l && !str_eq_fold(str_from(l->host), host))
        l = l->next_live;
    return l;
}

/* A new lookup in the queue, with a thread to take it. NULL when memory is out. */
static struct lookup *lookup_new(struct resolver *r, struct str host)
{
    struct lookup *l = new0(struct lookup);
    if (!l)
        return NULL;
    memcpy(l->host, host.ptr, host.len);
    if (!worker_start(r)) {
        mem_free(l);
        return NULL;
    }
    l->next_live = r->live;
    r->live = l;
    r->live_count++;
    *r->queue_tail = l;
    r->queue_tail = &l->next;
    r->queue_count++;
    (void)pthread_cond_signal(&r->wake);
    return l;
}

/* Finds what the query hangs on, or its answer. Lock held. 0, or ERR_NOMEM. */
static int query_place(struct resolver *r, struct resolve_query *q, struct str host)
{
    char name[NAME_MAX_BYTES + 1];
    (void)text_format(name, sizeof name, "%.*s", STR_FMT(host));
    const struct cached *c = cache_find(r, name);
    if (c) {
        query_fill(q, &c->answer);
        return 0;
    }
    struct lookup *l = lookup_find(r, host);
    if (!l && r->live_count >= LOOKUPS_MAX) {
        q->answer.problem = "too many names are being looked up";
        return 0;
    }
    if (!l)
        l = lookup_new(r, host);
    if (!l)
        return ERR_NOMEM;
    q->lookup = l;
    q->next = l->waiting;
    l->waiting = q;
    return 0;
}

struct resolve_query *resolve_start(struct resolver *r, struct loop *l, struct str host, int port,
                                    void (*fn)(const struct resolve_answer *a, void *ctx), void *ctx)
{
    struct resolve_query *q = new0(struct resolve_query);
    if (!q)
        return NULL;
    q->resolver = r;
    q->loop = l;
    q->fn = fn;
    q->ctx = ctx;
    q->port = port;
    int rc = 0;
    bool waits = false;
    if (host.len == 0 || host.len > NAME_MAX_BYTES || memchr(host.ptr, '\0', host.len)) {
        q->answer.problem = "not a host name";
    } else if (!resolve_literal(host, port, &q->answer)) {
        (void)pthread_mutex_lock(&r->lock);
        rc = query_place(r, q, host);
        waits = q->lookup != NULL;
        (void)pthread_mutex_unlock(&r->lock);
    }
    if (rc == 0 && !waits)
        rc = loop_post(l, query_deliver, q);
    if (rc < 0) {
        mem_free(q);
        return NULL;
    }
    return q;
}

void resolve_cancel(struct resolve_query *q)
{
    struct resolver *r = q->resolver;
    /* A query that was answered from here has never had a lookup, and the resolver outlives all that have. */
    (void)pthread_mutex_lock(&r->lock);
    struct lookup *l = q->lookup;
    if (l) {
        struct resolve_query **at = &l->waiting;
        while (*at != q)
            at = &(*at)->next;
        *at = q->next;
        if (!l->waiting && !l->busy) {
            queue_remove(r, l);
            lookup_drop(r, l);
        }
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (l)
        mem_free(q);
    else
        q->cancelled = true;
}
