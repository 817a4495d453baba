/* http_curl.c: libcurl's multi_socket driven by our loop: lanes (one CURLM each), timers, and the addresses a lane knows.
 *
 * A lane serves one pool and holds at most LANE_FETCHES_MAX transfers: libcurl's connection cache cannot tell pools
 * apart, and walks all of a CURLM's connections for each request, so both the fence and the speed want many small ones.
 * A lane that was idle for a while is closed with its connections. Hot path: everything but opening and closing. */
#include "net/http_client_priv.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LANE_FETCHES_MAX = 128,
    LANE_CONNECTIONS_MAX = 256,   /* more than fetches, for pools that serve several origins */
    LANE_IDLE_US = 120 * 1000000, /* libcurl keeps a connection 118 s */
    SWEEP_MS = 30 * 1000,         /* how often idle lanes are looked for */
    SITES_MAX = 64,               /* names per lane; a pool usually has one */
    SITE_FRESH_US = 5 * 1000000,  /* between asking the resolver again; its own cache adds to it */
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
        struct http_fetch *f = arg;
        if (f->cancelled)
            continue; /* the reaper takes it */
        CURLcode code = m->data.result;
        fetch_finish(f, fetch_end_of(f, code), f->problem[0] ? f->problem : curl_easy_strerror(code));
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
        c->depth++;
        CURLMcode rc = curl_multi_socket_action(l->multi, fd, events, &running);
        assert(rc == CURLM_OK || rc == CURLM_OUT_OF_MEMORY || rc == CURLM_BAD_SOCKET);
        c->depth--;
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

bool lane_add(struct lane *l, struct http_fetch *f)
{
    l->driving = true; /* so that libcurl's "now" sets no timer: the task below is as soon */
    l->client->depth++;
    CURLMcode rc = curl_multi_add_handle(l->multi, f->easy);
    l->client->depth--;
    l->driving = false;
    if (rc != CURLM_OK)
        return false;
    f->lane = l;
    l->busy++;
    loop_defer(l->client->loop, LOOP_SEND, &l->task, lane_task);
    return true;
}

/* Callbacks of the fetch come from here. */
void lane_resume(struct http_fetch *f)
{
    struct lane *l = f->lane;
    l->driving = true;
    l->client->depth++;
    (void)curl_easy_pause(f->easy, CURLPAUSE_CONT); /* fails when a callback stopped it; then it is doomed */
    l->client->depth--;
    l->driving = false;
    loop_defer(l->client->loop, LOOP_SEND, &l->task, lane_task);
}

void lane_remove(struct http_fetch *f)
{
    struct lane *l = f->lane;
    assert(l->client->depth == 0);
    l->client->depth++; /* closing a connection calls back */
    CURLMcode rc = curl_multi_remove_handle(l->multi, f->easy);
    l->client->depth--;
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

static void sweep_due(struct loop_timer *t)
{
    struct http_client *c = (struct http_client *)((char *)t - offsetof(struct http_client, sweep));
    int64_t now_us = loop_now_us(c->loop);
    for (struct lane *l = c->lanes, *next; l; l = next) {
        next = l->next;
        if (l->busy == 0 && now_us - l->idle_since_us >= LANE_IDLE_US)
            lane_close(l);
    }
    if (c->lanes)
        (void)loop_timer_set(c->loop, t, SWEEP_MS, sweep_due); /* it was in the heap, so there is room */
}

static size_t connections_of(const struct http_client *c, const struct lane *l)
{
    size_t n = 0;
    for (size_t i = 0; i < c->sock_max; i++)
        n += c->sock[i] && c->sock[i]->lane == l;
    return n;
}

/* A pool's first lane stays, with its connections, unless they too were for a crowd that is gone. */
void lanes_trim(struct http_client *c)
{
    enum { KEPT_MAX = 32 };
    for (struct lane *l = c->lanes, *next; l; l = next) {
        next = l->next;
        const struct lane *first = c->lanes;
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
    if (good && !loop_timer_pending(&c->sweep))
        good = loop_timer_set(c->loop, &c->sweep, SWEEP_MS, sweep_due) == 0;
    if (!good) {
        loop_timer_cancel(c->loop, &l->timer);
        (void)curl_multi_cleanup(l->multi); /* NULL is refused, which is fine */
        mem_free(l);
        return NULL;
    }
    struct lane **at = &c->lanes;
    while (*at)
        at = &(*at)->next;
    *at = l;
    return l;
}

struct lane *lane_get(struct http_client *c, uint32_t pool)
{
    struct lane *l = c->lanes;
    while (l && (l->pool != pool || l->busy == LANE_FETCHES_MAX))
        l = l->next;
    return l ? l : lane_open(c, pool);
}

static void site_free(struct site *s)
{
    mem_free(s->entry.data);
    mem_free(s);
}

void lane_close(struct lane *l)
{
    struct http_client *c = l->client;
    assert(l->busy == 0 && !l->driving);
    c->depth++;
    (void)curl_multi_cleanup(l->multi); /* closes its connections, through sock_close */
    c->depth--;
    loop_timer_cancel(c->loop, &l->timer);
    loop_defer_cancel(&l->task);
    struct lane **at = &c->lanes;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    for (struct site *s = l->sites, *next; s; s = next) {
        next = s->next;
        site_free(s);
    }
    mem_free(l);
}

/* --- sites --------------------------------------------------------------------------------------------------------- */

static void site_unlink(struct lane *l, struct site **at)
{
    *at = (*at)->next;
    l->site_count--;
}

/* Makes room by dropping the one longest unused. Its entry in libcurl's DNS cache may stay, but is replaced before the
 * name is used again. */
static void sites_trim(struct lane *l)
{
    struct site **last = NULL;
    for (struct site **at = &l->sites; *at; at = &(*at)->next)
        if ((*at)->users == 0)
            last = at;
    if (l->site_count < SITES_MAX || !last)
        return; /* all in use: then there are at most as many as fetches */
    struct site *s = *last;
    site_unlink(l, last);
    site_free(s);
}

static struct site *site_new(struct lane *l, struct str host, int port)
{
    struct site *s = mem_zalloc(sizeof *s + host.len);
    if (!s)
        return NULL;
    sites_trim(l);
    s->host = str_of(memcpy(s + 1, host.ptr, host.len), host.len);
    s->port = port;
    return s;
}

/* The one asked for moves to the front. NULL when memory is out. */
struct site *site_get(struct lane *l, struct str host, int port)
{
    struct site **at = &l->sites;
    while (*at && ((*at)->port != port || !str_eq_fold((*at)->host, host)))
        at = &(*at)->next;
    struct site *s = *at;
    if (s)
        site_unlink(l, at);
    else
        s = site_new(l, host, port);
    if (!s)
        return NULL;
    s->next = l->sites;
    l->sites = s;
    l->site_count++;
    return s;
}

static bool address_text(const struct sockaddr_storage *a, char out[INET6_ADDRSTRLEN])
{
    if (a->ss_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, out, INET6_ADDRSTRLEN);
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    /* One that needs a zone cannot be told to libcurl for a name. */
    return v6->sin6_scope_id == 0 && inet_ntop(AF_INET6, &v6->sin6_addr, out, INET6_ADDRSTRLEN);
}

/* Takes the addresses over. 0, ERR_NOMEM, or ERR_NOT_FOUND when none of them can be used. */
int site_set(struct site *s, const struct resolve_answer *a, int64_t now_us)
{
    struct buf text = BUF_INIT(4 * KiB); /* a host, a port, RESOLVE_ADDRESSES_MAX addresses */
    int used = 0, rc = buf_append_format(&text, "%.*s:%d:", STR_FMT(s->host), s->port);
    for (int i = 0; rc == 0 && i < a->count; i++) {
        char address[INET6_ADDRSTRLEN];
        if (address_text(&a->address[i], address))
            rc = buf_append_format(&text, "%s%s", used++ ? "," : "", address);
    }
    if (rc < 0 || used == 0 || !buf_text(&text)) {
        buf_fini(&text);
        return rc < 0 || used ? ERR_NOMEM : ERR_NOT_FOUND;
    }
    mem_free(s->entry.data);
    s->entry = (struct curl_slist){.data = text.ptr};
    s->loaded = false;
    s->version++;
    s->fresh_until_us = now_us + SITE_FRESH_US;
    return 0;
}
