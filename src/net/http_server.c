/* http_server.c: options, and the server as a whole: opening, draining, closing. How its files divide the work is told in
 * http_server_priv.h. */
#include "net/http_server.h"
#include "base/mem.h"
#include "net/http_server_priv.h"
#include <assert.h>

static void default_size(size_t *field, size_t otherwise)
{
    if (*field == 0)
        *field = otherwise;
}

static void default_int(int *field, int otherwise)
{
    if (*field == 0)
        *field = otherwise;
}

void http_server_defaults(struct http_server_options *opt)
{
    default_size(&opt->head_bytes_max, 64 * KiB);
    default_size(&opt->body_bytes_max, 64 * MiB);
    default_size(&opt->headers_max, 100);
    default_size(&opt->connections_max, 20000);
    default_size(&opt->write_high_bytes, 256 * KiB);
    default_size(&opt->write_low_bytes, 64 * KiB);
    default_int(&opt->head_timeout_ms, 10 * 1000);
    default_int(&opt->body_timeout_ms, 30 * 1000);
    default_int(&opt->body_rate_min, 500);
    default_int(&opt->idle_timeout_ms, 120 * 1000);
    default_int(&opt->write_timeout_ms, 60 * 1000);
}

static int options_check(const struct http_server_options *opt, struct err *e)
{
    if (!opt->handler.on_request || !opt->handler.on_gone)
        return err_set(e, ERR_INVALID, "a server needs on_request and on_gone");
    if (opt->head_bytes_max > 16 * MiB)
        return err_set(e, ERR_INVALID, "a head of %zu bytes is more than this server can count", opt->head_bytes_max);
    if (opt->write_low_bytes > opt->write_high_bytes)
        return err_set(e, ERR_INVALID, "the low-water mark of the output lies above the high one");
    return 0;
}

int http_server_open(struct http_server **out, struct loop *l, const struct http_server_options *opt, struct err *e)
{
    struct http_server_options filled = *opt;
    http_server_defaults(&filled);
    int rc = options_check(&filled, e);
    if (rc < 0)
        return rc;
    struct http_server *s = new0(struct http_server);
    if (!s)
        return err_set(e, ERR_NOMEM, "HTTP server");
    s->loop = l;
    s->opt = filled;
    s->date_s = -1;
    if (s->opt.share)
        atomic_fetch_add(&s->opt.share->servers, 1);
    *out = s;
    return 0;
}

void http_server_close(struct http_server *s)
{
    if (!s)
        return;
    assert(s->calling == 0); /* not from inside a handler: drain there, close later */
    s->draining = true;
    http_accept_pause(s);
    while (s->listener) {
        struct http_listener *l = s->listener;
        s->listener = l->next;
        mem_free(l);
    }
    while (s->conn)
        http_conn_gone(s->conn);
    http_conn_reap(s);
    loop_defer_cancel(&s->reap);
    loop_timer_cancel(s->loop, &s->accept_timer);
    http_pool_fini(&s->pool);
    if (s->opt.share)
        atomic_fetch_sub(&s->opt.share->servers, 1);
    mem_free(s);
}

void http_server_drain(struct http_server *s)
{
    s->draining = true;
    http_accept_rest(s);
    http_accept_pause(s);
    loop_timer_cancel(s->loop, &s->accept_timer);
}

size_t http_server_busy(const struct http_server *s)
{
    size_t n = 0;
    for (const struct http_conn *c = s->conn; c; c = c->next)
        n += c->state != HTTP_READY || c->in.len > 0 || c->out.bytes > 0;
    return n;
}

void http_server_set_body_max(struct http_server *s, size_t bytes)
{
    s->opt.body_bytes_max = bytes;
}

size_t http_server_connections(const struct http_server *s)
{
    return s->conn_count;
}
