/* uploads.c: bodies that are forms with a file in them: read as they come, and kept on disk until somebody has answered.
 *
 * The first MEMORY_MAX bytes stay in memory; a larger body goes into a file of the data folder that has no name (spool.h). */
#include "base/mem.h"
#include "base/spool.h"
#include "gateway/gateway_priv.h"
#include "wire/audio.h"
#include <assert.h>

enum { MEMORY_MAX = 1024 * 1024 };

struct upload {
    struct reply_owner owner; /* while it comes */
    struct http_exchange *x;
    struct audio_form form;
    struct spool spool;
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


/* It is no good: answered, and the rest of it is thrown away. */
static void refuse(struct gateway_loop *gl, struct upload *u, int rc, const struct err *e)
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
    if (rc == 0 && r->body_length > 0)
        rc = spool_expect(&u->spool, (size_t)r->body_length, &e);
    if (rc < 0)
        refuse(gl, u, rc, &e);
    else
        http_exchange_divert(x);
}

void upload_piece(struct gateway_loop *gl, struct http_exchange *x, struct str bytes)
{
    struct upload *u = http_exchange_get(x);
    struct err e = {0};
    int rc = audio_form_feed(&u->form, bytes, &e);
    if (rc == 0)
        rc = spool_append(&u->spool, bytes, &e);
    if (rc < 0)
        refuse(gl, u, rc, &e);
}

struct upload *upload_take(struct gateway_loop *gl, struct http_exchange *x)
{
    struct upload *u = http_exchange_get(x);
    struct err e = {0};
    assert(u && u->owner.on_gone == on_gone);
    int rc = audio_form_end(&u->form, &e);
    if (rc == 0)
        rc = spool_settle(&u->spool, &e);
    if (rc < 0) {
        refuse(gl, u, rc, &e);
        return NULL;
    }
    http_exchange_set(x, NULL);
    return u;
}

void upload_ask(const struct upload *u, struct mesh_ask *ask)
{
    ask->body = spool_text(&u->spool);
    ask->form = &u->form;
    ask->form_type = u->type;
}
