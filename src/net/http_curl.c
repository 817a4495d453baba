/* http_curl.c: libcurl's multi_socket driven by our loop: lanes (one CURLM each) and timers.
 *
 * A lane serves one pool and holds at most LANE_FETCHES_MAX transfers: libcurl's connection cache cannot tell pools
 * apart, and walks all of a CURLM's connections for each request, so both the fence and the speed want many small ones.
 * A lane that was idle for a while is closed with its connections. Hot path: everything but opening and closing. */
#include "net/http_curl_priv.h"
#include "base/mem.h"
#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LANE_FETCHES_MAX = 128,
    LANE_CONNECTIONS_MAX = 256,   /* more than fetches, for pools that serve several origins */
    LANE_IDLE_US = 120 * 1000000, /* libcurl keeps a connection 118 s */
    KICKS_MAX = 16,               /* rounds of due work in one go before others get their turn */
    NEVER_MS = 1 << 30,
};

/* --- timers -------------------------------------------------------------------------------------------------------- */

static void lane_timer_due(struct loop_timer *t)
{
    struct lane *l = (struct lane *)((char *)t - offsetof(struct lane, timer));
    int rc = loop_timer_set(l->client->loop, t, NEVER_MS, lane_timer_due);
    assert(rc == 0); /* it was in the heap a moment ago, so there is room */
    lane_drive(l, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct lane *l = arg;
    (void)multi;
    l->kick = timeout_ms == 0;
    if (l->kick && l->driving)
        return 0;
    int64_t after_ms = timeout_ms < 0 ? NEVER_MS : timeout_ms;
    int rc = loop_timer_set(l->client->loop, &l->timer, after_ms, lane_timer_due);
    assert(rc == 0); /* always pending */
    return 0;
}

/* --- driving ------------------------------------------------------------------------------------------------------- */

static void lane_collect(struct lane *l)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(l->multi, &left))) {
        void *arg = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &arg);
        struct curl_fetch *f = arg;
        if (f->base.cancelled)
            continue; /* the reaper takes it */
        CURLcode code = m->data.result;
        fetch_finish(&f->base, fetch_end_of(f, code), fetch_words(f, code));
    }
}

void lane_drive(struct lane *l, int fd, int events)
{
    struct http_client *c = l->client;
    assert(!l->driving);
    int kicks = 0, running;
    do {
        l->kick = false;
        l->driving = true;
        c->curl->depth++;
        CURLMcode rc = curl_multi_socket_action(l->multi, fd, events, &running);
        assert(rc == CURLM_OK || rc == CURLM_OUT_OF_MEMORY || rc == CURLM_BAD_SOCKET);
        c->curl->depth--;
        l->driving = false;
        lane_collect(l);
        fd = CURL_SOCKET_TIMEOUT;
        events = 0;
    } while (l->kick && ++kicks < KICKS_MAX);
    if (l->kick)
        (void)on_timer(l->multi, 0, l); /* goes on in the next turn */
    fetch_doomed_reap(c);
}

static void lane_task(struct loop_task *t)
{
    lane_drive((struct lane *)((char *)t - offsetof(struct lane, task)), CURL_SOCKET_TIMEOUT, 0);
}

bool lane_add(struct lane *l, struct curl_fetch *f)
{
    l->driving = true; /* so that libcurl's "now" sets no timer: the task below is as soon */
    l->client->curl->depth++;
    CURLMcode rc = curl_multi_add_handle(l->multi, f->easy);
    l->client->curl->depth--;
    l->driving = false;
    if (rc != CURLM_OK)
        return false;
    f->lane = l;
    l->busy++;
    loop_defer(l->client->loop, LOOP_SEND, &l->task, lane_task);
    return true;
}

/* Callbacks of the fetch come from here. */
void lane_resume(struct http_fetch *base)
{
    struct curl_fetch *f = curl_fetch_of(base);
    struct lane *l = f->lane;
    l->driving = true;
    l->client->curl->depth++;
    (void)curl_easy_pause(f->easy, CURLPAUSE_CONT); /* fails when a callback stopped it; then it is doomed */
    l->client->curl->depth--;
    l->driving = false;
    loop_defer(l->client->loop, LOOP_SEND, &l->task, lane_task);
    fetch_doomed_reap(l->client);
}

void lane_remove(struct curl_fetch *f)
{
    struct lane *l = f->lane;
    assert(l->client->curl->depth == 0);
    l->client->curl->depth++; /* closing a connection calls back */
    CURLMcode rc = curl_multi_remove_handle(l->multi, f->easy);
    l->client->curl->depth--;
    assert(rc == CURLM_OK);
    if (f->sock)
        sock_release(l->client, f->sock);
    f->lane = NULL;
    if (--l->busy == 0)
        l->idle_since_us = loop_now_us(l->client->loop);
}

/* --- lanes --------------------------------------------------------------------------------------------------------- */

/* libcurl 7.88 makes a pair of sockets per CURLM, without CLOEXEC, and does not tell their numbers; they are the first
 * free ones from `from` on. No other unnamed unix socket of this program is meant to be inherited past an exec. */
static void wakeup_pair_close_on_exec(int from)
{
    enum { PAIR = 2, SEARCH_MAX = 100000 };
    for (int fd = from, found = 0; fd < from + SEARCH_MAX && found < PAIR; fd++) {
        int flags = fcntl(fd, F_GETFD);
        struct sockaddr_storage name;
        socklen_t len = sizeof name;
        if (flags < 0 || flags & FD_CLOEXEC || getsockname(fd, (struct sockaddr *)&name, &len) < 0)
            continue;
        if (name.ss_family == AF_UNIX && len == sizeof name.ss_family) {
            (void)fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
            found++;
        }
    }
}

static CURLM *multi_open(void)
{
    int probe = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); /* the lowest free number */
    if (probe >= 0)
        close(probe);
    CURLM *m = curl_multi_init();
    if (m && probe >= 0)
        wakeup_pair_close_on_exec(probe);
    return m;
}

static bool multi_set(struct lane *l)
{
    CURLM *m = l->multi;
    return curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, sock_wanted) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_SOCKETDATA, l) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_TIMERDATA, l) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, (long)LANE_CONNECTIONS_MAX) == CURLM_OK;
}

static void lane_close(struct lane *l);

bool lanes_sweep(struct http_client *c)
{
    int64_t now_us = loop_now_us(c->loop);
    for (struct lane *l = c->curl->lanes, *next; l; l = next) {
        next = l->next;
        if (l->busy == 0 && now_us - l->idle_since_us >= LANE_IDLE_US)
            lane_close(l);
    }
    return c->curl->lanes != NULL;
}

static size_t connections_of(const struct http_client *c, const struct lane *l)
{
    size_t n = 0;
    for (size_t i = 0; i < c->curl->sock_max; i++)
        n += c->curl->sock[i] && c->curl->sock[i]->lane == l;
    return n;
}

/* A pool's first lane stays, with its connections, unless they too were for a crowd that is gone. */
void lanes_trim(struct http_client *c)
{
    enum { KEPT_MAX = 32 };
    for (struct lane *l = c->curl->lanes, *next; l; l = next) {
        next = l->next;
        const struct lane *first = c->curl->lanes;
        while (first->pool != l->pool)
            first = first->next;
        if (l->busy == 0 && (l != first || connections_of(c, l) > KEPT_MAX))
            lane_close(l);
    }
}

static struct lane *lane_open(struct http_client *c, uint32_t pool)
{
    struct lane *l = new0(struct lane);
    if (!l)
        return NULL;
    l->client = c;
    l->pool = pool;
    l->idle_since_us = loop_now_us(c->loop);
    l->multi = multi_open();
    bool good = l->multi && multi_set(l) && loop_timer_set(c->loop, &l->timer, NEVER_MS, lane_timer_due) == 0;
    good = good && client_sweep_later(c) == 0;
    if (!good) {
        loop_timer_cancel(c->loop, &l->timer);
        (void)curl_multi_cleanup(l->multi); /* NULL is refused, which is fine */
        mem_free(l);
        return NULL;
    }
    struct lane **at = &c->curl->lanes;
    while (*at)
        at = &(*at)->next;
    *at = l;
    return l;
}

struct lane *lane_get(struct http_client *c, uint32_t pool)
{
    struct lane *l = c->curl->lanes;
    while (l && (l->pool != pool || l->busy == LANE_FETCHES_MAX))
        l = l->next;
    return l ? l : lane_open(c, pool);
}

static void lane_close(struct lane *l)
{
    struct http_client *c = l->client;
    assert(l->busy == 0 && !l->driving);
    c->curl->depth++;
    (void)curl_multi_cleanup(l->multi); /* closes its connections, through sock_close */
    c->curl->depth--;
    loop_timer_cancel(c->loop, &l->timer);
    loop_defer_cancel(&l->task);
    struct lane **at = &c->curl->lanes;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    mem_free(l);
}

/* --- fetches that must wait until we are outside ------------------------------------------------------------------- */

void fetch_doom(struct curl_fetch *f)
{
    fetch_unlink(&f->base);
    fetch_link(&f->base, &f->base.client->curl->doomed);
}

void fetch_doomed_reap(struct http_client *c)
{
    while (c->curl->depth == 0 && c->curl->doomed) {
        struct http_fetch *f = c->curl->doomed;
        if (!f->cancelled) {
            fetch_finish(f, curl_fetch_of(f)->refused, curl_fetch_of(f)->refused_why);
            continue;
        }
        fetch_detach(f);
        fetch_recycle(f);
    }
}

/* --- the client's part --------------------------------------------------------------------------------------------- */

static void curl_start(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows at the first handle */
}

int lanes_open(struct http_client *c, const struct http_client_options *opt, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, curl_start);
    struct curl_part *p = c->curl = new0(struct curl_part);
    if (!p)
        return err_set(e, ERR_NOMEM, "out of memory for the HTTP client");
    p->trust.ca_file = opt->ca_file ? mem_dup_text(opt->ca_file) : NULL;
    p->share = curl_share_init();
    if ((opt->ca_file && !p->trust.ca_file) || !p->share ||
        curl_share_setopt(p->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
        return err_set(e, ERR_NOMEM, "out of memory for the HTTP client");
    return 0;
}

void lanes_close(struct http_client *c)
{
    struct curl_part *p = c->curl;
    if (!p)
        return;
    assert(p->depth == 0);
    while (p->lanes)
        lane_close(p->lanes);
    socks_fini(c);
    (void)curl_share_cleanup(p->share); /* NULL is refused, which is fine */
    trust_fini(&p->trust);
    mem_free(p);
    c->curl = NULL;
}
