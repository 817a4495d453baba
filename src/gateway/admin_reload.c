/* admin_reload.c: `POST /hearth/v1/reload`: the config is read again, by whoever can (gateway_control). The answer comes when
 * every loop takes new calls with the new config, or says why the old one stays. */
#include "base/json.h"
#include "base/mem.h"
#include "gateway/admin_priv.h"

struct asked {
    struct reply_owner owner; /* first */
    struct gateway_loop *gl;
    struct http_exchange *x; /* NULL when its client has left */
};

static void on_gone(struct reply_owner *o)
{
    ((struct asked *)o)->x = NULL; /* it is told all the same, and freed then */
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

static void refuse(const struct asked *a, int rc, struct str why)
{
    bool ours = rc == ERR_CLOSED || rc == ERR_BUSY || rc == ERR_NOMEM;
    reply_error(a->gl, a->x, ours ? 503 : 409, ours ? "busy" : "config_refused", "%.*s; the config in force stays",
                STR_FMT(why.len ? why : str_from(err_text(rc))));
}

static void told(void *arg, int rc, struct str text)
{
    struct asked *a = arg;
    AUTO_BUF struct buf body = BUF_INIT(128 * KiB);
    if (a->x) {
        http_exchange_set(a->x, NULL);
        int wrote = rc < 0 ? rc : write_lines(&body, text);
        if (rc < 0)
            refuse(a, rc, text);
        else
            admin_reply(a->gl, a->x, 200, wrote, buf_str(&body));
    }
    mem_free(a);
}

void admin_reload(const struct admin_ask *ask)
{
    const struct gateway_control *c = &ask->gl->gateway->control;
    struct asked *a = new0(struct asked);
    int rc = !a ? ERR_NOMEM : c->reload ? c->reload(c->ctx, ask->gl->loop, told, a) : ERR_UNSUPPORTED;
    if (rc < 0) {
        mem_free(a);
        if (rc == ERR_UNSUPPORTED)
            reply_error(ask->gl, ask->x, 409, "config_refused", "there is no config here that could be read again");
        else
            reply_error(ask->gl, ask->x, 503, "busy", "too much is asked at once; try again");
        return;
    }
    *a = (struct asked){.owner = {.on_gone = on_gone}, .gl = ask->gl, .x = ask->x};
    http_exchange_set(ask->x, a);
}
