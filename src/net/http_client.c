/* http_client.c: a fetch from its start to its end; see http_client.h.
 *
 *   http_fetch_start ─→ QUEUED ─(SEND phase)─→ name known? ─→ RUNNING ─→ ENDING: on_done, recycled
 *                                    └─ no ─→ RESOLVING ─────↗
 *
 * http_fetch_cancel leads from any of them straight to the recycler. Inside libcurl (client->depth > 0) a transfer cannot
 * be removed: it is put on the list `doomed`, its callbacks go silent, and it is removed when libcurl has returned. */
#include "net/http_client_priv.h"
#include "base/mem.h"
#include <assert.h>
#include <pthread.h>

enum {
    SPARE_MAX = 64, /* recycled fetches, 7 KiB each with their easy handle */
    CONNECTIONS_DEFAULT = 1024,
    HEAD_BYTES_DEFAULT = 64 * 1024,
    METHOD_BYTES_MAX = 16,
    UNIX_PATH_BYTES_MAX = 107, /* of sockaddr_un */
    PEER_TEXT_BYTES = sizeof((struct http_fetch_result *)0)->peer,
};

static void on_send(struct loop_task *t);

const char *fetch_end_text(enum fetch_end end)
{
    static const char *const text[] = {
#define X(name, words) [name] = words,
        FETCH_TABLE(X)
#undef X
    };
    return text[end];
}

struct str http_fetch_header(const struct http_fetch_head *h, const char *name)
{
    for (size_t i = 0; i < h->header_count; i++)
        if (str_eq(h->header[i].name, str_from(name)))
            return h->header[i].value;
    return STR_NONE;
}

/* --- lists and recycling ------------------------------------------------------------------------------------------- */

static void fetch_link(struct http_fetch *f, struct http_fetch **list)
{
    f->next = *list;
    f->link = list;
    if (f->next)
        f->next->link = &f->next;
    *list = f;
}

static void fetch_unlink(struct http_fetch *f)
{
    *f->link = f->next;
    if (f->next)
        f->next->link = f->link;
}

static void fetch_free(struct http_fetch *f)
{
    curl_easy_cleanup(f->easy);
    mem_free(f);
}

/* Releases what belongs to the request; what is left is the handle with its resting options. */
static void fetch_recycle(struct http_fetch *f)
{
    struct http_client *c = f->client;
    mem_free(f->text);
    mem_free(f->headers);
    mem_free(f->body_copy);
    http_head_fini(&f->head);
    *f = (struct http_fetch){
        .client = c,
        .easy = f->easy,
        .large_upload = f->large_upload,
        .unix_set = f->unix_set,
        .custom_set = f->custom_set,
        .reuse_forbidden = f->reuse_forbidden,
    };
    if (c->spare_count == SPARE_MAX) {
        fetch_free(f);
        return;
    }
    f->next = c->spare;
    c->spare = f;
    c->spare_count++;
}

static struct http_fetch *fetch_take(struct http_client *c)
{
    struct http_fetch *f = c->spare;
    if (f) {
        c->spare = f->next;
        c->spare_count--;
        return f;
    }
    f = new0(struct http_fetch);
    if (!f)
        return NULL;
    f->client = c;
    if (fetch_easy_open(f) == 0)
        return f;
    mem_free(f);
    return NULL;
}

/* Takes it out of everything it hangs on; no callback comes after this. */
static void fetch_detach(struct http_fetch *f)
{
    struct loop *l = f->client->loop;
    loop_timer_cancel(l, &f->connect_timer);
    loop_defer_cancel(&f->task);
    if (f->query)
        resolve_cancel(f->query);
    f->query = NULL;
    if (f->lane)
        lane_remove(f);
    if (f->site)
        f->site->users--;
    f->site = NULL;
    fetch_unlink(f);
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

static void result_fill(struct http_fetch_result *r, struct http_fetch *f, enum fetch_end end, const char *detail)
{
    *r = (struct http_fetch_result){.end = end, .status = f->head_done ? f->head.status : 0};
    r->sent = fetch_sent_any(f);
    r->reused = f->begun && !f->opened;
    r->connect_us = f->connect_us;
    const char *peer = NULL;
    if (f->lane && curl_easy_getinfo(f->easy, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK && peer && !f->opt.unix_path.len)
        (void)text_format(r->peer, sizeof r->peer, "%.*s", PEER_TEXT_BYTES - 1, peer);
    if (end == FETCH_OK)
        return;
    if (f->refused)
        detail = f->refused_why;
    (void)text_format(r->detail, sizeof r->detail, "%.*s", (int)sizeof r->detail - 1, detail ? detail : "");
}

void fetch_finish(struct http_fetch *f, enum fetch_end end, const char *detail)
{
    struct http_fetch_result r;
    result_fill(&r, f, end, detail);
    fetch_detach(f);
    f->stage = FETCH_ENDING;
    if (f->opt.on_done)
        f->opt.on_done(f, &r, f->opt.ctx);
    fetch_recycle(f);
}

void fetch_doom(struct http_fetch *f)
{
    fetch_unlink(f);
    fetch_link(f, &f->client->doomed);
}

void fetch_doomed_reap(struct http_client *c)
{
    while (c->depth == 0 && c->doomed) {
        struct http_fetch *f = c->doomed;
        if (!f->cancelled) {
            fetch_finish(f, f->refused, NULL);
            continue;
        }
        fetch_detach(f);
        fetch_recycle(f);
    }
}

void fetch_timed_out(struct loop_timer *t)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, connect_timer));
    char why[128];
    (void)text_format(why, sizeof why, "%s after %d ms", f->query ? "still looking up the name" : "not connected",
                      f->opt.connect_timeout_ms);
    fetch_finish(f, FETCH_CONNECT_TIMEOUT, why);
}

void http_fetch_cancel(struct http_fetch *f)
{
    if (f->stage == FETCH_ENDING || f->cancelled)
        return;
    f->cancelled = true;
    if (f->lane && f->client->depth > 0) {
        fetch_doom(f);
        return;
    }
    fetch_detach(f);
    fetch_recycle(f);
}

/* --- on its way ---------------------------------------------------------------------------------------------------- */

/* Drops addresses the fence refuses. False when none is left. */
static bool fence(struct http_fetch *f, struct resolve_answer *a)
{
    int kept = 0;
    for (int i = 0; i < a->count; i++)
        if (!f->opt.allow || f->opt.allow((struct sockaddr *)&a->address[i], f->opt.ctx))
            a->address[kept++] = a->address[i];
    a->count = kept;
    return kept > 0;
}

static void launch(struct http_fetch *f, struct lane *l, struct site *s)
{
    f->site = s;
    if (s) {
        s->users++;
        f->site_version = s->version;
    }
    f->stage = FETCH_RUNNING;
    if (fetch_easy_set(f) < 0 || !lane_add(l, f))
        fetch_finish(f, FETCH_NOMEM, NULL);
}

static void on_resolved(const struct resolve_answer *answer, void *ctx)
{
    struct http_fetch *f = ctx;
    f->query = NULL;
    if (answer->count == 0) {
        fetch_finish(f, FETCH_RESOLVE, answer->problem);
        return;
    }
    struct resolve_answer a = *answer;
    if (!fence(f, &a)) {
        fetch_finish(f, FETCH_FENCED, "none of the name's addresses is allowed");
        return;
    }
    struct lane *l = lane_get(f->client, f->opt.pool);
    struct site *s = l ? site_get(l, f->url.host, f->url.port) : NULL;
    int rc = s ? site_set(s, &a, loop_now_us(f->client->loop)) : ERR_NOMEM;
    if (rc == 0)
        launch(f, l, s);
    else if (rc == ERR_NOMEM)
        fetch_finish(f, FETCH_NOMEM, NULL);
    else
        fetch_finish(f, FETCH_RESOLVE, "the name has only link-local addresses, which need a zone");
}

static void resolve(struct http_fetch *f)
{
    struct http_client *c = f->client;
    f->stage = FETCH_RESOLVING;
    fetch_connect_timer(f);
    if (!f->refused)
        f->query = resolve_start(c->resolver, c->loop, f->url.host, f->url.port, on_resolved, f);
    if (!f->query)
        fetch_finish(f, FETCH_NOMEM, NULL);
}

/* The SEND phase: leaves at once if it is known where to. */
static void on_send(struct loop_task *t)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, task));
    struct http_client *c = f->client;
    struct err e = {0};
    if (f->url.https && trust_load(&c->trust, loop_now_us(c->loop), &e) < 0) {
        fetch_finish(f, FETCH_TLS, e.text);
        return;
    }
    struct lane *l = lane_get(c, f->opt.pool);
    if (!l) {
        fetch_finish(f, FETCH_NOMEM, NULL);
        return;
    }
    if (f->opt.unix_path.len) {
        launch(f, l, NULL);
        return;
    }
    if (f->url.literal) {
        struct resolve_answer a;
        (void)resolve_literal(f->url.host, f->url.port, &a);
        if (fence(f, &a))
            launch(f, l, NULL);
        else
            fetch_finish(f, FETCH_FENCED, "the URL's address is not allowed");
        return;
    }
    struct site *s = site_get(l, f->url.host, f->url.port);
    if (s && loop_now_us(c->loop) < s->fresh_until_us)
        launch(f, l, s);
    else
        resolve(f);
}

static void on_resume(struct loop_task *t)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, task));
    struct http_client *c = f->client;
    if (f->paused || !f->held)
        return;
    f->held = false;
    lane_resume(f);
    fetch_doomed_reap(c);
}

void http_fetch_resume(struct http_fetch *f)
{
    f->paused = false;
    if (f->held && !f->cancelled && f->stage == FETCH_RUNNING)
        loop_defer(f->client->loop, LOOP_SEND, &f->task, on_resume);
}

void http_fetch_body_free(struct http_fetch *f)
{
    f->body_gone = true;
    mem_free(f->body_copy); /* libcurl copied it with the head */
    f->body_copy = NULL;
}

/* --- start --------------------------------------------------------------------------------------------------------- */

static int options_check(const struct http_fetch_options *opt, struct http_url *url, struct err *e)
{
    struct str method = opt->method;
    for (size_t i = 0; i < method.len; i++)
        if (method.ptr[i] < 'A' || method.ptr[i] > 'Z')
            return err_set(e, ERR_INVALID, "not a method: \"%.*s\"", STR_FMT(method));
    if (method.len == 0 || method.len > METHOD_BYTES_MAX)
        return err_set(e, ERR_INVALID, "not a method: \"%.*s\"", STR_FMT(method));
    if (opt->unix_path.len > UNIX_PATH_BYTES_MAX ||
        (opt->unix_path.len && memchr(opt->unix_path.ptr, '\0', opt->unix_path.len)))
        return err_set(e, ERR_INVALID, "not a socket's path: \"%.*s\"", STR_FMT(opt->unix_path));
    return http_url_parse(opt->url, url, e);
}

static struct str text_add(char **at, struct str s)
{
    struct str copy = {*at, s.len};
    if (s.len)
        memcpy(*at, s.ptr, s.len);
    (*at)[s.len] = '\0';
    *at += s.len + 1;
    return copy;
}

/* Copies the texts of the options; what stays borrowed is the body. */
static int options_keep(struct http_fetch *f, const struct http_fetch_options *opt, const struct http_url *url,
                        struct err *e)
{
    f->opt = *opt;
    f->text = mem_alloc(opt->url.len + opt->method.len + opt->unix_path.len + 3);
    if (!f->text)
        return err_set(e, ERR_NOMEM, "out of memory for a request");
    char *at = f->text;
    f->opt.url = text_add(&at, opt->url);
    f->opt.method = text_add(&at, opt->method);
    f->opt.unix_path = text_add(&at, opt->unix_path);
    f->opt.header = NULL;
    f->url = *url;
    f->url.host.ptr = f->text + (url->host.ptr - opt->url.ptr);
    return http_request_headers(&f->headers, opt, e);
}

int http_fetch_start(struct http_fetch **out, struct http_client *c, const struct http_fetch_options *opt,
                     struct err *e)
{
    struct http_url url;
    int rc = options_check(opt, &url, e);
    if (rc < 0)
        return rc;
    struct http_fetch *f = fetch_take(c);
    if (!f)
        return err_set(e, ERR_NOMEM, "out of memory for a request");
    rc = options_keep(f, opt, &url, e);
    if (rc < 0) {
        fetch_recycle(f);
        return rc;
    }
    http_head_init(&f->head, c->head_bytes_max);
    f->started_us = clock_mono_us(loop_clock(c->loop));
    f->stage = FETCH_QUEUED;
    fetch_link(f, &c->live);
    loop_defer(c->loop, LOOP_SEND, &f->task, on_send);
    *out = f;
    return 0;
}

/* --- the client ---------------------------------------------------------------------------------------------------- */

static void curl_start(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows at the first handle */
}

int http_client_open(struct http_client **out, const struct http_client_options *opt, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, curl_start);
    struct http_client *c = new0(struct http_client);
    if (!c)
        return err_set(e, ERR_NOMEM, "out of memory for the HTTP client");
    c->loop = opt->loop;
    c->resolver = opt->resolver;
    c->connections_max = opt->connections_max ? opt->connections_max : CONNECTIONS_DEFAULT;
    c->head_bytes_max = opt->head_bytes_max ? opt->head_bytes_max : HEAD_BYTES_DEFAULT;
    c->trust.ca_file = opt->ca_file ? mem_dup_text(opt->ca_file) : NULL;
    c->share = curl_share_init();
    if ((opt->ca_file && !c->trust.ca_file) || !c->share ||
        curl_share_setopt(c->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK) {
        http_client_close(c);
        return err_set(e, ERR_NOMEM, "out of memory for the HTTP client");
    }
    *out = c;
    return 0;
}

static void spare_free(struct http_client *c, int keep)
{
    while (c->spare_count > keep) {
        struct http_fetch *f = c->spare;
        c->spare = f->next;
        c->spare_count--;
        fetch_free(f);
    }
}

void http_client_trim(struct http_client *c)
{
    enum { SPARE_KEPT = 8 }; /* a calm house's worth */
    lanes_trim(c);
    spare_free(c, SPARE_KEPT);
}

void http_client_close(struct http_client *c)
{
    if (!c)
        return;
    assert(c->depth == 0);
    while (c->live)
        http_fetch_cancel(c->live);
    while (c->lanes)
        lane_close(c->lanes);
    spare_free(c, 0);
    socks_fini(c);
    loop_timer_cancel(c->loop, &c->sweep);
    (void)curl_share_cleanup(c->share); /* NULL is refused, which is fine */
    trust_fini(&c->trust);
    mem_free(c);
}
