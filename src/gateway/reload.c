/* reload.c: `POST /hearth/v1/reload`: the config is read again, by whoever can (gateway_control). The answer comes when every
 * loop takes new calls with the new config, or says why the old one stays. */
#include "base/json.h"
#include "base/mem.h"
#include "gateway/gateway_priv.h"

struct asked {
    struct awaited awaited; /* first */
    struct gateway_loop *gl;
    struct http_exchange *x; /* NULL when its client has left */
};

static void on_gone(struct awaited *a)
{
    ((struct asked *)a)->x = NULL; /* it is told all the same, and freed then */
}

static int write_lines(struct buf *out, struct str text)
{
    struct json_writer w = JSON_WRITER(out);
    struct str line;
    json_object_begin(&w);
    json_key(&w, "reloaded");
    json_bool(&w, true);
    json_key(&w, "said");
    json_array_begin(&w);
    while (str_cut(&text, '\n', &line))
        if (line.len)
            json_str(&w, line);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w);
}

static void told(void *arg, int rc, struct str text)
{
    struct asked *a = arg;
    AUTO_BUF struct buf body = BUF_INIT(128 * KiB);
    if (a->x) {
        http_exchange_set(a->x, NULL);
        if (rc < 0)
            reply_error(a->gl, a->x, rc == ERR_CLOSED || rc == ERR_BUSY || rc == ERR_NOMEM ? 503 : 409, "config_refused", "%.*s; the config in force stays",
                        STR_FMT(text.len ? text : str_from(err_text(rc))));
        else if (write_lines(&body, text) < 0)
            reply_error(a->gl, a->x, 503, "overloaded", "the new config is in force, but there is no memory for the answer");
        else
            reply_with(a->gl, a->x, 200, STR("application/json"), buf_str(&body));
    }
    mem_free(a);
}

void page_reload(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    const struct gateway_control *c = &gl->gateway->control;
    struct asked *a = new0(struct asked);
    int rc = !a ? ERR_NOMEM : c->reload ? c->reload(c->ctx, gl->loop, told, a) : ERR_UNSUPPORTED;
    if (rc < 0) {
        mem_free(a);
        reply_error(gl, x, rc == ERR_UNSUPPORTED ? 404 : 503, rc == ERR_UNSUPPORTED ? "not_found" : "overloaded",
                    rc == ERR_UNSUPPORTED ? "this server cannot read its config again" : "too much is asked at once; try again");
        return;
    }
    *a = (struct asked){.awaited = {.gone = on_gone}, .gl = gl, .x = x};
    http_exchange_set(x, a);
}
