/* relay.c: what comes back from an upstream, on its way to the client: its head, the moment when the client begins to read, and
 * how it ends.
 *
 * Until the first content everything is held back, so that a failure costs the client nothing. A stream is relayed event by
 * event, each as the exact bytes it came in (relay_stream.c); a whole answer is held until it is complete and checked, up to
 * HOLD_WHOLE_MAX, and relayed as it comes beyond that (relay_whole.c). */
#include "mesh/relay_priv.h"
#include "net/loop.h"
#include <assert.h>

enum {
    HOLD_WHOLE_MAX = 1024 * 1024, /* promise 3 */
    HOLD_ERROR_MAX = 64 * 1024,   /* an error's body beyond this says nothing new */
    HOLD_TRANSLATED_MAX = 32 * 1024 * 1024, /* a whole answer that is translated, or read as another dialect, cannot be relayed in parts */
};

/* What is held for the client counts, so that no more bodies are taken in than there is room for; an answer that is there
 * has been paid for and is never refused for it. */
void relay_count_held(struct attempt *a)
{
    size_t now = a->held.cap + translate_held(a) + gather_held(a) + (a->sse_open ? a->sse.pending.cap + a->sse.joined.cap : 0);
    if (now != a->held_counted)
        gauge_add(a->call->ml->mesh->held, (int64_t)now - (int64_t)a->held_counted);
    a->held_counted = now;
}

void relay_reset(struct attempt *a)
{
    if (a->sse_open)
        sse_reader_fini(&a->sse);
    a->sse_open = false;
    buf_fini(&a->held);
    translate_close(a);
    gather_free(a);
    relay_count_held(a);
    a->numbers = (struct openai_numbers){.count = {0}};
    a->status = 0;
    a->is_stream = a->passed_limit = false;
    a->retry_after_ms = -1;
    a->dropped = 0;
    a->content_type = a->request_id = STR_NONE;
    a->beside_count = 0;
    a->usage = (struct usage){.cost_nusd = -1};
    a->first_chunk = STR_NONE;
    a->usage_told = false;
    a->has_usage = a->saw_done = a->at_end = a->tail_open = false;
    a->finished = 0;
    a->finish = FINISH_NONE;
    a->output_estimated = 0;
    a->stream_reason = REASON_DONE;
    a->first_us = 0;
    a->paused = false;
}

/* --- towards the client -------------------------------------------------------------------------------------------------- */

static void begin(struct mesh_call *c, bool pending)
{
    struct http_header h[MESH_HEADERS_MAX];
    struct mesh_head head = {.status = 200, .header = h, .header_count = answer_headers(c, h, pending, NULL)};
    c->client_begun = true;
    c->ask.sink->begin(c->ask.ctx, &head);
}

void relay_begin_pending(struct mesh_call *c)
{
    begin(c, true);
    c->next_comment_us = loop_now_us(c->ml->loop);
}

void relay_keep_alive(struct mesh_call *c)
{
    if (call_codec(c)->keep_alive.len)
        (void)c->ask.sink->write(c->ask.ctx, call_codec(c)->keep_alive); /* a broken client is reported by itself */
}

void relay_write_out(struct attempt *a, struct str bytes)
{
    int rc = bytes.len ? a->call->ask.sink->write(a->call->ask.ctx, bytes) : 0;
    if (rc > 0)
        a->call->client_full = true;
    if (rc < 0)
        a->stream_reason = REASON_NO_MEMORY;
}

void relay_take_usage(struct attempt *a, const struct wire_answer *w)
{
    if (!w->has_usage)
        return;
    a->usage = w->usage;
    a->has_usage = true;
}

void relay_first_content(struct attempt *a)
{
    a->call->first_us = a->first_us = loop_now_us(a->call->ml->loop);
    attempt_wait_over(a);
    balance_content(a);
    spill_look(a);
    quota_look(a);
    hedge_won(a);
}

/* What a head that went out early could not tell. */
static void tell_late(struct attempt *a)
{
    AUTO_BUF struct buf comment = BUF_INIT(256);
    if (own_comment(a, &comment) < 0)
        a->stream_reason = REASON_NO_MEMORY;
    relay_write_out(a, buf_str(&comment));
}

/* The first content is here: from now on nothing is replayed. */
void relay_commit(struct attempt *a)
{
    struct mesh_call *c = a->call;
    assert(a->state == ATTEMPT_WAITING);
    relay_first_content(a);
    a->state = ATTEMPT_STREAMING;
    if (c->client_begun)
        tell_late(a);
    else
        begin(c, false);
    if (a->fetch) /* else the upstream has ended already: all that it said came in one piece */
        http_fetch_body_free(a->fetch);
    translate_request_free(a);
    if (c->ask.body_free && !c->chat && !c->embed) /* a conversation points into it, and a writer may repeat what was asked */
        c->ask.body_free(c->ask.ctx);
    relay_write_out(a, buf_str(&a->held));
    buf_fini(&a->held);
    relay_count_held(a);
}

/* --- the head --------------------------------------------------------------------------------------------------------------- */

/* Lines of JSON look like any JSON; what is asked for as a stream in such a dialect is one. */
static bool is_event_stream(const struct attempt *a, struct str content_type)
{
    if (a->translation && a->translation->from->framing == FRAMING_LINES)
        return true;
    return str_starts_fold(str_trim(content_type), STR("text/event-stream"));
}

/* A header of an upstream that is handed on: plain text of a sane length, or it stays here. */
static struct str clean_value(struct attempt *a, struct str value)
{
    enum { VALUE_BYTES_MAX = 512 };
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return STR_NONE;
    return value.len <= VALUE_BYTES_MAX ? arena_dup(&a->call->arena, value) : STR_NONE;
}

int64_t relay_sane_wait(int64_t ms)
{
    enum { WAIT_MAX_MS = 86400000 }; /* a day: nobody means more, whatever they write */
    return ms > WAIT_MAX_MS ? WAIT_MAX_MS : ms;
}

/* What a server of the client's own dialect says beside its answer and clients of that dialect read: limits, windows, ids. */
static void note_beside(struct attempt *a, struct str name, struct str value)
{
    static const struct str prefixes[] = {STR("anthropic-"), STR("request-id"), STR("x-should-retry")};
    if (a->face != DIALECT_ANTHROPIC || a->call->ask.dialect != DIALECT_ANTHROPIC || a->beside_count == BESIDE_MAX)
        return;
    for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
        if (!str_starts(name, prefixes[i]))
            continue;
        struct http_header h = {arena_dup(&a->call->arena, name), clean_value(a, value)};
        if (!a->beside)
            a->beside = arena_alloc(&a->call->arena, BESIDE_MAX * sizeof *a->beside);
        if (a->beside && h.name.ptr && h.value.ptr)
            a->beside[a->beside_count++] = h;
        return;
    }
}

static void read_headers(struct attempt *a, const struct http_fetch_head *h)
{
    int64_t wall_ms = loop_wall_ms(a->call->ml->loop);
    bool failed = h->status >= 400;
    for (size_t i = 0; i < h->header_count; i++) {
        struct str name = h->header[i].name, value = h->header[i].value;
        if (str_eq(name, STR("content-type")))
            a->content_type = clean_value(a, value);
        else if (str_eq(name, STR("x-request-id")))
            a->request_id = clean_value(a, value);
        else if (failed && a->retry_after_ms < 0 && str_starts(name, STR("retry-after")))
            a->retry_after_ms = relay_sane_wait(retry_after_read(name, value, wall_ms));
        note_beside(a, name, value);
        own_header(a, name, value);
    }
}

int relay_on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx)
{
    (void)f;
    struct attempt *a = ctx;
    if (a->state == ATTEMPT_DRAINING)
        return 0;
    a->status = h->status;
    a->last_byte_us = loop_now_us(a->call->ml->loop);
    read_headers(a, h);
    flat_headers(a, h);
    bool good = h->status >= 200 && h->status < 300;
    bool may_stream = a->call->facts.stream || a->call->facts.form; /* of a form that is still coming it is not known */
    if (good && may_stream && is_event_stream(a, a->content_type))
        relay_stream_open(a);
    else
        a->held = BUF_INIT(!good ? HOLD_ERROR_MAX : a->translation || a->subtitles ? HOLD_TRANSLATED_MAX : HOLD_WHOLE_MAX);
    a->paused = good && call_is_coming(a->call);
    clock_arm(a->call); /* from now on silence counts */
    return a->paused;
}

int relay_on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    (void)f;
    struct attempt *a = ctx;
    if (a->state == ATTEMPT_DRAINING)
        return 0;
    a->last_byte_us = loop_now_us(a->call->ml->loop);
    return a->is_stream ? relay_stream_bytes(a, bytes) : relay_whole_bytes(a, bytes);
}

/* --- the end -------------------------------------------------------------------------------------------------------------------- */

/* After the commit: an error event that says where it stopped, and no word that could pass for an end. */
static void cut(struct attempt *a, enum reason r, struct str words)
{
    AUTO_BUF struct buf text = BUF_INIT(4 * KiB), event = BUF_INIT(16 * MiB); /* a failed response repeats what came */
    (void)buf_append_format(&text, "the answer of %.*s stopped after about %lld tokens: %s", STR_FMT(a->target->name),
                            (long long)a->output_estimated, reason_row(r)->text);
    if (words.len)
        (void)buf_append_format(&text, " (%.*s)", STR_FMT(words));
    (void)buf_append_text(&text, "; what came until here is not repeated elsewhere");
    (void)attempt_close(a, r);
    call_finish(a->call, CALL_CUT, 200);
    const struct mesh_sink *sink = a->call->ask.sink;
    struct wire_error we = {.status = 502, .message = buf_str(&text), .type = "server_error", .code = "stream_interrupted",
                            .id = str_from(a->call->id_text)};
    bool told = a->is_stream && buf_append_text(&event, a->tail_open ? "\n\n" : "") == 0 &&
                translate_error_event(a->call, &we, &event) == 0 && sink->write(a->call->ask.ctx, buf_str(&event)) >= 0;
    if (told)
        sink->end(a->call->ask.ctx);
    else
        sink->cut(a->call->ask.ctx);
    call_free(a->call);
}

void relay_stop(struct attempt *a, enum reason r, struct str words)
{
    if (a->state == ATTEMPT_STREAMING)
        cut(a, r, words);
    else
        attempt_failed(a, r, words);
}

static void done_well(struct attempt *a)
{
    if (a->is_stream)
        relay_stream_end(a);
    else if (a->passed_limit)
        relay_large_end(a);
    else if (a->status >= 200 && a->status < 300)
        relay_whole_end(a);
    else
        relay_refused(a);
}

void relay_on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    (void)f;
    struct attempt *a = ctx;
    a->fetch = NULL;
    if (a->state == ATTEMPT_DRAINING)
        call_free(a->call);
    else if (r->end == FETCH_OK)
        done_well(a);
    else if (a->status >= 400 && a->held.len && a->state == ATTEMPT_WAITING)
        relay_refused(a); /* an error whose body broke off still says what it is */
    else if (r->end == FETCH_RESET && r->reused && a->status == 0)
        relay_stop(a, REASON_STALE, str_from(r->detail)); /* not one whole line came: most likely it died while it was idle */
    else
        relay_stop(a, reason_from_fetch(r->end), str_from(r->detail));
}
