/* form.c: calls whose body is a form with a file in it: sent on while it comes, and again from its beginning when a place fails.
 *
 * What an upstream says before it has all of the form waits, unless it is an error: how the answer is to be read may stand in the form's
 * last part. Nothing is given to the client before it has sent everything, for its connection would be closed with that. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/audio.h"

bool call_is_coming(const struct mesh_call *c)
{
    return c->ask.form && c->ask.form_ready > 0;
}

int form_write(struct attempt *a)
{
    const struct audio_form *f = a->call->ask.form;
    struct str body = a->call->ask.body;
    a->piece[0] = str_slice(body, 0, f->model_begin);
    a->piece[1] = a->target->model;
    a->piece[2] = str_skip(body, f->model_end);
    return a->piece_count = 3;
}

size_t form_sendable(const struct attempt *a)
{
    const struct mesh_call *c = a->call;
    if (!call_is_coming(c))
        return 0;
    return c->ask.form_ready - (size_t)(c->ask.form->model_end - c->ask.form->model_begin) + a->target->model.len;
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

static bool cannot_write_it(const struct attempt *a)
{
    const struct vendor *v = a->target->up->vendor;
    return audio_wants_subtitles(a->call->ask.form) && v && v->quirks & QUIRK_NO_SUBTITLES;
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
    if (complete && c->at->in_flight && waits && cannot_write_it(c->at)) /* what it should write stood behind the file */
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
