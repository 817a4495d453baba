/* http_client.c: a fetch from its start to its end; see http_client.h.
 *
 *   http_fetch_start ─→ QUEUED ─(SEND phase)─→ name known? ─→ RUNNING ─→ ENDING: on_done, recycled
 *                                    └─ no ─→ RESOLVING ─────↗
 *
 * http_fetch_cancel leads from any of them straight to the recycler. RUNNING is the transport's: our own for http:// and
 * unix sockets, libcurl for https://. What is the same for both happens here. */
#include "net/http_client_priv.h"
#include "base/mem.h"
#include <assert.h>

enum {
    SPARE_MAX = 64, /* recycled fetches of each transport; with libcurl's handle 7 KiB each */
    CONNECTIONS_DEFAULT = 1024,
    HEAD_BYTES_DEFAULT = 64 * 1024,
    METHOD_BYTES_MAX = 16,
    UNIX_PATH_BYTES_MAX = 107, /* of sockaddr_un */
    SWEEP_MS = 30 * 1000,      /* how often connections that were idle for long are looked for */
    US_PER_MS = 1000,
};

static const struct transport *const transports[TRANSPORTS] = {&transport_plain, &transport_curl};

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

void fetch_link(struct http_fetch *f, struct http_fetch **list)
{
    f->next = *list;
    f->link = list;
    if (f->next)
        f->next->link = &f->next;
    *list = f;
}

void fetch_unlink(struct http_fetch *f)
{
    *f->link = f->next;
    if (f->next)
        f->next->link = f->link;
}

static int index_of(const struct transport *t)
{
    return t == &transport_curl;
}

/* Releases what belongs to the request; what is left is what the next one can use. */
void fetch_recycle(struct http_fetch *f)
{
    struct http_client *c = f->client;
    const struct transport *t = f->transport;
    int i = index_of(t);
    t->reset(f);
    http_head_fini(&f->head);
    if (c->spare_count[i] == SPARE_MAX) {
        t->drop(f);
        return;
    }
    *f = (struct http_fetch){.client = c, .transport = t};
    fetch_link(f, &c->spare[i]);
    c->spare_count[i]++;
}

static struct http_fetch *fetch_take(struct http_client *c, const struct transport *t)
{
    int i = index_of(t);
    struct http_fetch *f = c->spare[i];
    if (f) {
        fetch_unlink(f);
        c->spare_count[i]--;
        return f;
    }
    f = t->make(c);
    if (!f)
        return NULL;
    f->client = c;
    f->transport = t;
    return f;
}

void fetch_detach(struct http_fetch *f)
{
    struct loop *l = f->client->loop;
    loop_timer_cancel(l, &f->connect_timer);
    loop_defer_cancel(&f->task);
    loop_defer_cancel(&f->more);
    if (f->query)
        resolve_cancel(f->query);
    f->query = NULL;
    f->transport->leave(f);
    f->site->users--;
    fetch_unlink(f);
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

static void result_fill(struct http_fetch_result *r, const struct http_fetch *f, enum fetch_end end, const char *detail)
{
    r->end = end;
    r->status = f->head_done ? f->head.status : 0;
    r->sent = f->transport->sent_any(f);
    r->reused = f->begun && !f->opened;
    r->connect_us = f->connect_us;
    struct str peer = f->transport->peer(f);
    size_t n = peer.len < sizeof r->peer - 1 ? peer.len : sizeof r->peer - 1;
    if (n)
        memcpy(r->peer, peer.ptr, n);
    r->peer[n] = '\0';
    r->detail[0] = '\0';
    if (end != FETCH_OK && detail)
        (void)text_format(r->detail, sizeof r->detail, "%.*s", (int)sizeof r->detail - 1, detail);
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

static void timed_out(struct loop_timer *t)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, connect_timer));
    bool shaking = !f->query && f->transport->shaking && f->transport->shaking(f);
    const char *stage = f->query  ? "still looking up the name"
                        : shaking ? "connected, but the TLS handshake is not over"
                                  : "not connected";
    char why[128];
    (void)text_format(why, sizeof why, "%s after %d ms", stage, f->opt.connect_timeout_ms);
    fetch_finish(f, FETCH_CONNECT_TIMEOUT, why);
}

void http_fetch_cancel(struct http_fetch *f)
{
    if (f->stage == FETCH_ENDING || f->cancelled)
        return;
    f->cancelled = true;
    if (!f->transport->may_leave(f))
        return;
    fetch_detach(f);
    if (!f->inside)
        fetch_recycle(f);
}

/* --- on its way ---------------------------------------------------------------------------------------------------- */

bool fetch_allows(struct http_fetch *f, const struct sockaddr *address)
{
    bool allowed = !f->opt.allow || f->opt.allow(address, f->opt.ctx);
    f->fenced |= !allowed;
    return allowed;
}

static bool any_allowed(struct http_fetch *f)
{
    const struct site *s = f->site;
    bool any = s->port == 0; /* a unix socket has no fence */
    for (int i = 0; !any && i < s->address_count; i++)
        any = fetch_allows(f, (const struct sockaddr *)&s->address[i]);
    f->fenced = false; /* what counts is what the socket is told */
    return any;
}

static void launch(struct http_fetch *f)
{
    f->stage = FETCH_RUNNING;
    if (any_allowed(f))
        f->transport->launch(f);
    else
        fetch_finish(f, FETCH_FENCED,
                     f->site->literal ? "the URL's address is not allowed" : "none of the name's addresses is allowed");
}

static void on_resolved(const struct resolve_answer *answer, void *ctx)
{
    struct http_fetch *f = ctx;
    f->query = NULL;
    if (answer->count == 0)
        fetch_finish(f, FETCH_RESOLVE, answer->problem);
    else if (site_set(f->client, f->site, answer) < 0)
        fetch_finish(f, FETCH_NOMEM, NULL);
    else
        launch(f);
}

int fetch_connect_timer(struct http_fetch *f)
{
    struct loop *l = f->client->loop;
    if (f->started_us == 0)
        f->started_us = clock_mono_us(loop_clock(l));
    if (f->opt.connect_timeout_ms <= 0 || loop_timer_pending(&f->connect_timer))
        return 0;
    loop_time_update(l); /* the turn may have been long */
    int64_t left_ms = f->opt.connect_timeout_ms - (loop_now_us(l) - f->started_us) / US_PER_MS;
    return loop_timer_set(l, &f->connect_timer, left_ms > 0 ? left_ms : 0, timed_out);
}

void fetch_begin(struct http_fetch *f)
{
    f->begun = true;
    if (f->opened)
        f->connect_us = clock_mono_us(loop_clock(f->client->loop)) - f->started_us;
    loop_timer_cancel(f->client->loop, &f->connect_timer);
}

/* The SEND phase: leaves at once if it is known where to. */
static void on_send(struct loop_task *t)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, task));
    struct http_client *c = f->client;
    if (loop_now_us(c->loop) < f->site->fresh_until_us) {
        launch(f);
        return;
    }
    f->stage = FETCH_RESOLVING;
    if (fetch_connect_timer(f) == 0)
        f->query = resolve_start(c->resolver, c->loop, f->site->host, f->site->port, on_resolved, f);
    if (!f->query)
        fetch_finish(f, FETCH_NOMEM, NULL);
}

/* --- callbacks ----------------------------------------------------------------------------------------------------- */

void fetch_tell_interims(struct http_fetch *f)
{
    struct http_head *h = &f->head;
    if (!h->interims || !f->opt.on_interim)
        return;
    h->interims = 0;
    h->bytes = h->text.len;
    f->opt.on_interim(f, f->opt.ctx);
}

bool fetch_tell_head(struct http_fetch *f)
{
    struct http_fetch_head head = {
        .status = f->head.status,
        .header = f->head.header,
        .header_count = f->head.count,
        .reused = !f->opened,
    };
    f->head_done = true;
    f->inside = true;
    if (f->opt.on_head && f->opt.on_head(f, &head, f->opt.ctx))
        f->paused = true;
    f->inside = false;
    http_head_fini(&f->head);
    return !f->cancelled;
}

bool fetch_tell_body(struct http_fetch *f, struct str bytes)
{
    f->inside = true;
    if (f->opt.on_body && f->opt.on_body(f, bytes, f->opt.ctx))
        f->paused = true;
    f->inside = false;
    return !f->cancelled;
}

static void on_resume(struct loop_task *t)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, task));
    if (f->paused || !f->held)
        return;
    f->held = false;
    f->transport->resume(f);
}

void http_fetch_resume(struct http_fetch *f)
{
    f->paused = false;
    if (f->held && !f->cancelled && f->stage == FETCH_RUNNING)
        loop_defer(f->client->loop, LOOP_SEND, &f->task, on_resume);
}

static void on_more(struct loop_task *t)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, more));
    if (f->begun && !f->body_gone)
        f->transport->more(f);
}

void http_fetch_body_ready(struct http_fetch *f, size_t bytes)
{
    f->body_ready = bytes < f->body_bytes ? bytes : f->body_bytes;
    if (f->begun && !f->cancelled && f->stage == FETCH_RUNNING)
        loop_defer(f->client->loop, LOOP_SEND, &f->more, on_more);
}

void http_fetch_body_free(struct http_fetch *f)
{
    f->body_gone = true;
    f->transport->body_free(f);
}

bool http_fetch_sent_all(const struct http_fetch *f)
{
    return f->transport->sent_all(f);
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
    int rc = http_url_parse(opt->url, url, e);
    return rc ? rc : http_headers_check(opt, e);
}

int http_fetch_start(struct http_fetch **out, struct http_client *c, const struct http_fetch_options *opt,
                     struct err *e)
{
    struct http_url url;
    int rc = options_check(opt, &url, e);
    if (rc < 0)
        return rc;
    bool local = opt->unix_path.len > 0;
    struct site *s = site_get(c, opt->pool, local ? opt->unix_path : url.host, local ? 0 : url.port);
    struct http_fetch *f = s ? fetch_take(c, url.https ? &transport_curl : &transport_plain) : NULL;
    if (!f)
        return err_set(e, ERR_NOMEM, "out of memory for a request");
    f->opt = *opt;
    f->opt.url = f->opt.method = f->opt.unix_path = STR_NONE; /* borrowed for this call only */
    f->opt.header = NULL;
    for (size_t i = 0; i < opt->body_count; i++)
        f->body_bytes += opt->body[i].len;
    f->body_ready = opt->body_ready && opt->body_ready < f->body_bytes ? opt->body_ready : f->body_bytes;
    rc = f->transport->prepare(f, opt, &url, e);
    if (rc < 0) {
        fetch_recycle(f);
        return rc;
    }
    f->site = s;
    s->users++;
    http_head_init(&f->head, c->head_bytes_max);
    f->stage = FETCH_QUEUED;
    fetch_link(f, &c->live);
    loop_defer(c->loop, LOOP_SEND, &f->task, on_send);
    *out = f;
    return 0;
}

/* --- the client ---------------------------------------------------------------------------------------------------- */

int http_client_open(struct http_client **out, const struct http_client_options *opt, struct err *e)
{
    struct http_client *c = new0(struct http_client);
    if (!c)
        return err_set(e, ERR_NOMEM, "out of memory for the HTTP client");
    c->loop = opt->loop;
    c->resolver = opt->resolver;
    c->connections_max = opt->connections_max ? opt->connections_max : CONNECTIONS_DEFAULT;
    c->head_bytes_max = opt->head_bytes_max ? opt->head_bytes_max : HEAD_BYTES_DEFAULT;
    for (int i = 0; i < TRANSPORTS; i++) {
        int rc = transports[i]->open(c, opt, e);
        if (rc < 0) {
            http_client_close(c);
            return rc;
        }
    }
    *out = c;
    return 0;
}

static void on_sweep(struct loop_timer *t)
{
    struct http_client *c = (struct http_client *)((char *)t - offsetof(struct http_client, sweep));
    bool more = false;
    for (int i = 0; i < TRANSPORTS; i++)
        more |= transports[i]->sweep(c);
    if (more)
        (void)client_sweep_later(c); /* it was in the heap, so there is room */
}

int client_sweep_later(struct http_client *c)
{
    return loop_timer_pending(&c->sweep) ? 0 : loop_timer_set(c->loop, &c->sweep, SWEEP_MS, on_sweep);
}

static void spare_free(struct http_client *c, int keep)
{
    for (int i = 0; i < TRANSPORTS; i++)
        for (; c->spare_count[i] > keep; c->spare_count[i]--) {
            struct http_fetch *f = c->spare[i];
            fetch_unlink(f);
            f->transport->drop(f);
        }
}

void http_client_trim(struct http_client *c)
{
    enum { SPARE_KEPT = 8 }; /* a calm house's worth */
    for (int i = 0; i < TRANSPORTS; i++)
        transports[i]->trim(c);
    spare_free(c, SPARE_KEPT);
    mem_free(c->fields.at); /* as many as the largest head had */
    c->fields = (struct http_fields){0};
}

void http_client_close(struct http_client *c)
{
    if (!c)
        return;
    while (c->live)
        http_fetch_cancel(c->live);
    spare_free(c, 0);
    for (int i = 0; i < TRANSPORTS; i++)
        transports[i]->close(c);
    sites_fini(c);
    loop_timer_cancel(c->loop, &c->sweep);
    mem_free(c->fields.at);
    mem_free(c);
}
