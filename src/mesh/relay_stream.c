/* relay_stream.c: a stream on its way to the client, event by event. */
#include "mesh/relay_priv.h"
#include "net/loop.h"

enum {
    HOLD_STREAM_MAX = 64 * 1024,      /* promise 3 */
    EVENT_BYTES_MAX = 8 * 1024 * 1024, /* one SSE event: a generated image fits */
};

void relay_stream_open(struct attempt *a)
{
    a->is_stream = a->sse_open = true;
    a->held = BUF_INIT(HOLD_STREAM_MAX);
    sse_reader_init(&a->sse, EVENT_BYTES_MAX);
}

static int stop_feed(struct attempt *a, enum reason r)
{
    a->stream_reason = r;
    return 1;
}

static int failed_event(struct attempt *a, struct str data)
{
    struct wire_failure f;
    failure_read(0, data, &f);
    a->failure_words = arena_dup(&a->call->arena, str_from(f.message));
    if (f.retry_after_ms >= 0)
        a->retry_after_ms = relay_sane_wait(f.retry_after_ms);
    return stop_feed(a, reason_from_failure(0, &f));
}

static int hold(struct attempt *a, struct str raw)
{
    int rc = buf_append(&a->held, raw);
    if (rc == ERR_LIMIT) /* 64 KiB of roles and comments and no content */
        return stop_feed(a, REASON_MALFORMED);
    return rc ? stop_feed(a, REASON_NO_MEMORY) : 0;
}

static int pass(struct attempt *a, struct str raw)
{
    if (a->state == ATTEMPT_WAITING)
        return hold(a, raw);
    relay_write_out(a, raw);
    a->tail_open = a->at_end;
    return a->stream_reason == REASON_DONE ? 0 : 1;
}

/* Data that is no JSON: before the commit a failure, after it the client's to judge; but half an event, where the upstream
 * broke off, is no event: handed on, it would swallow the error that tells so. */
static int broken_event(struct attempt *a, struct str raw)
{
    if (a->at_end)
        return a->finished < a->call->facts.choices ? stop_feed(a, REASON_TRUNCATED) : 0;
    return a->state == ATTEMPT_WAITING ? stop_feed(a, REASON_MALFORMED) : pass(a, raw);
}

/* The chunk that carries nothing but the usage we asked for is not the client's. */
static bool is_ours(const struct attempt *a, const struct wire_answer *w)
{
    return !a->call->facts.wants_usage && w->has_usage && w->has_choices && w->choice_count == 0;
}

static void note_facts(struct attempt *a, const struct wire_answer *w)
{
    relay_take_usage(a, w);
    a->output_estimated += w->tokens_estimated;
    if (w->finish != FINISH_NONE) {
        a->finished++;
        a->finish = w->finish;
    }
}

/* An event of a stream that is translated, or of another dialect than OpenAI's. */
static int on_foreign_event(struct attempt *a, const struct sse_event *ev)
{
    struct translation *t = a->translation;
    int rc = translate_event(a, ev->name, ev->data);
    if (rc == ERR_SYNTAX)
        return t->passes ? broken_event(a, ev->raw) : stop_feed(a, a->at_end ? REASON_TRUNCATED : REASON_MALFORMED);
    if (rc < 0)
        return stop_feed(a, rc == ERR_LIMIT ? REASON_TOO_LARGE : REASON_NO_MEMORY);
    if (t->facts.has_error)
        return failed_event(a, ev->data);
    note_facts(a, &t->facts);
    if (t->facts.has_content && a->state == ATTEMPT_WAITING)
        relay_commit(a);
    if (t->ended) {
        a->saw_done = true;
        rc = t->passes ? hold(a, ev->raw) : t->out.len ? pass(a, buf_str(&t->out)) : 0;
        return rc ? rc : 1;
    }
    return pass(a, t->passes ? ev->raw : buf_str(&t->out));
}

/* A client that asked for usage counts with it, wherever the upstream said it (Kimi inside a choice), and if it said nothing. */
static void note_told(struct attempt *a, const struct wire_answer *w, struct str data)
{
    enum { CHUNK_BYTES_MAX = 4096 };
    if (!a->call->facts.wants_usage || (w->has_usage && !w->usage_aside))
        a->usage_told = true;
    else if (!a->usage_told && !a->first_chunk.ptr)
        a->first_chunk = arena_dup(&a->call->arena, data.len <= CHUNK_BYTES_MAX ? data : STR("{}"));
}

static void tell_usage(struct attempt *a)
{
    if (a->translation || a->usage_told || !a->first_chunk.ptr || !a->call->facts.wants_usage)
        return;
    int64_t output = a->output_estimated > 0 ? a->output_estimated : 1;
    struct usage estimated = {.input = a->call->facts.tokens_estimated, .output = output, .cost_nusd = -1};
    (void)usage_chunk_write(&a->held, a->first_chunk, a->has_usage ? &a->usage : &estimated); /* without memory it stays untold */
}

/* Clients of OpenAI's dialect refuse calls without an index. */
static int pass_numbered(struct attempt *a, const struct sse_event *ev)
{
    AUTO_BUF struct buf data = BUF_INIT(2 * ev->data.len + 64 * KiB), event = BUF_INIT(2 * ev->data.len + ev->raw.len + 65 * KiB);
    ptrdiff_t at = str_find(ev->raw, ev->data); /* of several lines, it stands nowhere as a whole */
    if (openai_calls_number(&a->numbers, ev->data, &data) < 0 || !data.len || at < 0)
        return pass(a, ev->raw);
    int rc = buf_append(&event, str_slice(ev->raw, 0, (size_t)at));
    rc = rc ? rc : buf_append(&event, buf_str(&data));
    rc = rc ? rc : buf_append(&event, str_skip(ev->raw, (size_t)at + ev->data.len));
    return pass(a, rc ? ev->raw : buf_str(&event));
}

static int on_event(const struct sse_event *ev, void *ctx)
{
    struct attempt *a = ctx;
    struct wire_answer w;
    if (!ev->data.ptr) /* comments; a translated stream has signs of life of its own dialect */
        return a->translation && !a->translation->passes ? 0 : pass(a, ev->raw);
    if (a->translation)
        return on_foreign_event(a, ev);
    if (sse_is_done(ev->data)) {
        a->saw_done = true;
        tell_usage(a);
        int rc = hold(a, ev->raw); /* not before the books are closed */
        return rc ? rc : 1;
    }
    if (chunk_read(a->call->facts.op, ev->data, &w, NULL) < 0)
        return broken_event(a, ev->raw);
    if (w.has_error)
        return failed_event(a, ev->data);
    note_facts(a, &w);
    note_told(a, &w, ev->data);
    if (is_ours(a, &w))
        return 0;
    gather_event(a, ev->name, ev->data);
    if (w.has_content && a->state == ATTEMPT_WAITING)
        relay_commit(a);
    const struct vendor *v = a->target->up->vendor;
    return v && v->quirks & QUIRK_UNNUMBERED && w.has_content ? pass_numbered(a, ev) : pass(a, ev->raw);
}

/* The upstream's stream is complete: close the books, then let the last bytes go. */
static void finish_stream(struct attempt *a)
{
    if (a->state == ATTEMPT_WAITING) { /* never any content: fine only if the model was cut or filtered, or is ours */
        bool excused = a->finished && (a->finish == FINISH_LENGTH || a->finish == FINISH_FILTER || own_says_nothing(a, a->finish));
        if (!excused) {
            relay_stop(a, a->finish == FINISH_INTERRUPTED ? REASON_INTERRUPTED : REASON_EMPTY, STR_NONE);
            return;
        }
        relay_commit(a);
    }
    bool ended = !a->translation || translate_end(a) == 0;
    gather_keep(a);
    struct http_fetch *fetch = a->fetch;
    (void)attempt_close(a, REASON_DONE);
    a->fetch = fetch;
    call_finish(a->call, CALL_DONE, 200);
    const struct mesh_sink *sink = a->call->ask.sink;
    struct str last = a->translation && !a->translation->passes ? buf_str(&a->translation->out) : buf_str(&a->held);
    if (last.len)
        (void)sink->write(a->call->ask.ctx, last); /* the last bytes; a client that fails now is told by its server */
    (ended ? sink->end : sink->cut)(a->call->ask.ctx);
    a->call->ask.sink = NULL;
    if (fetch)
        clock_drain(a->call);
    else
        call_free(a->call);
}

int relay_stream_bytes(struct attempt *a, struct str bytes)
{
    bool lines = a->translation && a->translation->from->framing == FRAMING_LINES;
    int rc = lines ? translate_lines(a, bytes, on_event, a) : sse_feed(&a->sse, bytes, on_event, a);
    relay_count_held(a);
    if (a->saw_done && a->stream_reason == REASON_DONE) {
        finish_stream(a);
        return 0;
    }
    if (rc == ERR_LIMIT)
        a->stream_reason = REASON_TOO_LARGE;
    else if (rc < 0)
        a->stream_reason = REASON_NO_MEMORY;
    if (a->stream_reason != REASON_DONE) {
        relay_stop(a, a->stream_reason, a->failure_words);
        return 0;
    }
    a->paused = a->call->client_full;
    return a->paused ? 1 : 0;
}

void relay_stream_end(struct attempt *a)
{
    bool lines = a->translation && a->translation->from->framing == FRAMING_LINES;
    a->at_end = true;
    (void)(lines ? translate_last_line(a, on_event, a) : sse_finish(&a->sse, on_event, a));
    if (!a->saw_done)
        tell_usage(a);
    if (a->stream_reason != REASON_DONE)
        relay_stop(a, a->stream_reason, a->failure_words);
    else if (!a->saw_done && a->finished < a->call->facts.choices)
        relay_stop(a, a->status && a->output_estimated == 0 && a->state == ATTEMPT_WAITING ? REASON_EMPTY : REASON_TRUNCATED, STR_NONE);
    else
        finish_stream(a);
}
