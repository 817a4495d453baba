/* form.c: calls whose body is a form with a file in it: sent on while it comes, and again from its beginning when a place fails.
 *
 * What an upstream says before it has all of the form waits, unless it is an error: how the answer is to be read may stand in the form's
 * last part. Nothing is given to the client before it has sent everything, for its connection would be closed with that. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/audio.h"

enum { SUBTITLES_MAX = 32 * 1024 * 1024 }; /* of an answer that is held whole, as in relay.c */

bool call_is_coming(const struct mesh_call *c)
{
    return c->ask.form && c->ask.form_ready > 0;
}

/* It writes no subtitles, and they are asked for, as far as that is known. */
static bool lacks_subtitles(const struct attempt *a)
{
    const struct vendor *v = a->target->up->vendor;
    return audio_wants_subtitles(a->call->ask.form) && v && v->quirks & QUIRK_NO_SUBTITLES;
}

/* The form with what this target knows in the place of what the client named: the model, and segments for subtitles. */
int form_write(struct attempt *a)
{
    const struct audio_form *f = a->call->ask.form;
    struct str body = a->call->ask.body;
    a->subtitles = f->format_end && lacks_subtitles(a);
    struct json_edit edit[2] = {{f->model_begin, f->model_end - f->model_begin, a->target->model},
                                {f->format_begin, f->format_end - f->format_begin, AUDIO_WITH_SEGMENTS}};
    bool turned = a->subtitles && f->format_begin < f->model_begin;
    size_t done = 0;
    a->piece_count = 0;
    for (int i = 0; i < (a->subtitles ? 2 : 1); i++) {
        const struct json_edit *e = &edit[turned ? 1 - i : i];
        a->piece[a->piece_count++] = str_slice(body, done, e->offset);
        a->piece[a->piece_count++] = e->with;
        done = e->offset + e->len;
    }
    a->piece[a->piece_count++] = str_skip(body, done);
    return a->piece_count;
}

size_t form_sendable(const struct attempt *a)
{
    const struct mesh_call *c = a->call;
    const struct audio_form *f = c->ask.form;
    if (!call_is_coming(c))
        return 0;
    size_t ready = c->ask.form_ready - (size_t)(f->model_end - f->model_begin) + a->target->model.len;
    return a->subtitles ? ready - (size_t)(f->format_end - f->format_begin) + AUDIO_WITH_SEGMENTS.len : ready;
}

int form_answer_write(struct attempt *a)
{
    if (!a->subtitles)
        return 0;
    struct buf made = BUF_INIT(SUBTITLES_MAX);
    int rc = audio_subtitles_write(a->call->ask.form, buf_str(&a->held), &made);
    if (rc < 0) {
        buf_fini(&made);
        return rc;
    }
    buf_fini(&a->held);
    a->held = made;
    a->content_type = STR("text/plain; charset=utf-8");
    return 0;
}

static void send_more(struct attempt *a, bool complete)
{
    if (!a || !a->fetch || a->state != ATTEMPT_WAITING)
        return;
    size_t ready = form_sendable(a);
    http_fetch_body_ready(a->fetch, ready ? ready : SIZE_MAX);
    if (!complete || !a->paused)
        return;
    a->paused = false;
    a->last_byte_us = loop_now_us(a->call->ml->loop); /* the silence was ours */
    http_fetch_resume(a->fetch);
}

void mesh_call_more(struct mesh_call *c, size_t ready, bool complete)
{
    c->ask.form_ready = complete ? 0 : ready;
    if (complete) {
        c->facts.stream = c->ask.form->stream;
        c->form_us = loop_now_us(c->ml->loop);
    }
    send_more(c->at, complete);
    send_more(hedge_other(c->at), complete);
    clock_arm(c);
    bool waits = c->at->state == ATTEMPT_WAITING || c->at->state == ATTEMPT_OPENING || c->at->state == ATTEMPT_ASKING;
    if (complete && c->at->in_flight && waits && !c->at->subtitles && lacks_subtitles(c->at)) /* it stood behind the file */
        attempt_failed(c->at, REASON_NO_SUBTITLES, STR_NONE);
}

void mesh_call_refuse(struct mesh_call *c, int status, struct str message)
{
    struct attempt *beside = hedge_other(c->at);
    if (beside)
        (void)attempt_close(beside, REASON_LEFT);
    if (c->at->in_flight)
        (void)attempt_close(c->at, REASON_LEFT);
    answer_refuse(c, status, status < 500 ? "invalid_request_error" : "server_error", status < 500 ? NULL : "overloaded", message,
                  status < 500 ? -1 : 1000);
}
