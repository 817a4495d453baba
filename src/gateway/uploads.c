/* uploads.c: bodies that are forms with a file in them: read as they come, and kept on disk until somebody has answered.
 *
 * The first MEMORY_MAX bytes stay in memory; a larger body goes into a file of the data folder that has no name (spool.h). */
#include "base/mem.h"
#include "base/spool.h"
#include "gateway/gateway_priv.h"
#include "wire/audio.h"

enum { MEMORY_MAX = 1024 * 1024 };

struct upload {
    struct reply_owner owner; /* while it comes */
    struct http_exchange *x;
    struct audio_form form;
    struct spool spool;
    size_t whole_bytes;       /* announced; 0: it was not */
    struct str type;          /* of the exchange's head, which outlives this */
};

void upload_body_free(struct upload *u)
{
    spool_fini(&u->spool);
}

void upload_free(struct upload *u)
{
    if (!u)
        return;
    spool_fini(&u->spool);
    audio_form_fini(&u->form);
    mem_free(u);
}

static void on_gone(struct reply_owner *o)
{
    struct upload *u = (struct upload *)o;
    http_exchange_set(u->x, NULL);
    upload_free(u);
}


bool upload_is(const struct reply_owner *o)
{
    return o && o->on_gone == on_gone;
}

void upload_refuse(struct gateway_loop *gl, struct upload *u, int rc, const struct err *e)
{
    struct http_exchange *x = u->x;
    on_gone(&u->owner);
    if (rc == ERR_INVALID)
        reply_error(gl, x, 400, NULL, "%s", e->text);
    else
        reply_error_later(gl, x, 503, "overloaded", 1000, "%s", e->text);
}

void upload_begin(struct gateway_loop *gl, struct http_exchange *x)
{
    const struct http_request *r = http_exchange_request(x);
    struct err e = {0};
    struct upload *u = new0(struct upload);
    if (!u) {
        reply_error_later(gl, x, 503, "overloaded", 1000, "out of memory; try again");
        return;
    }
    *u = (struct upload){.owner = {.on_gone = on_gone}, .x = x, .type = http_request_header(r, "content-type"),
                         .spool = SPOOL_INIT(gl->gateway->data_dir, MEMORY_MAX)};
    u->spool.memory_held = gl->gateway->held;
    u->spool.file_held = &gl->gateway->spooled;
    int rc = audio_form_open(&u->form, u->type, &e);
    http_exchange_set(x, u);
    if (rc == 0 && r->body_length > 0) {
        u->whole_bytes = (size_t)r->body_length;
        rc = spool_expect(&u->spool, u->whole_bytes, &e);
    }
    if (rc < 0)
        upload_refuse(gl, u, rc, &e);
    else
        http_exchange_divert(x);
}

int upload_feed(struct upload *u, struct str bytes, struct err *e)
{
    int rc = audio_form_feed(&u->form, bytes, e);
    return rc ? rc : spool_append(&u->spool, bytes, e);
}

int upload_end(struct upload *u, struct err *e)
{
    int rc = audio_form_end(&u->form, e);
    return rc ? rc : spool_settle(&u->spool, e);
}

/* A small one is here in no time; one without a length has no place of its own before it is complete. */
bool upload_is_routable(const struct upload *u)
{
    return u->whole_bytes > MEMORY_MAX && u->spool.len < u->whole_bytes && audio_form_is_routable(&u->form);
}

size_t upload_bytes(const struct upload *u)
{
    return u->spool.len;
}

void upload_ask(const struct upload *u, bool complete, struct mesh_ask *ask)
{
    struct str come = spool_text(&u->spool);
    ask->body = complete ? come : str_of(come.ptr, u->whole_bytes);
    ask->form = &u->form;
    ask->form_type = u->type;
    ask->form_ready = complete ? 0 : come.len;
}
