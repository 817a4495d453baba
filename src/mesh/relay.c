/* relay.c: what comes back from an upstream, on its way to the client.
 *
 * Until the first content everything is held back, so that a failure costs the client nothing. A stream is relayed event by
 * event, each as the exact bytes it came in; a whole answer is held until it is complete and checked, up to HOLD_WHOLE_MAX,
 * and relayed as it comes beyond that. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

enum {
    HOLD_STREAM_MAX = 64 * 1024,      /* promise 3 */
    HOLD_WHOLE_MAX = 1024 * 1024,     /* promise 3 */
    HOLD_ERROR_MAX = 64 * 1024,       /* an error's body beyond this says nothing new */
    EVENT_BYTES_MAX = 8 * 1024 * 1024, /* one SSE event: a generated image fits */
    TAIL_BYTES = 4096,                /* of a large whole answer: `usage` stands at its end */
};

void relay_reset(struct mesh_call *c)
{
    if (c->sse_open)
        sse_reader_fini(&c->sse);
    c->sse_open = false;
    buf_fini(&c->held);
    c->status = 0;
    c->is_stream = c->passed_limit = false;
    c->retry_after_ms = -1;
    c->content_type = c->request_id = STR_NONE;
    c->usage = (struct usage){.cost_nusd = -1};
    c->has_usage = c->saw_done = c->at_end = c->tail_open = false;
    c->finished = 0;
    c->finish = FINISH_NONE;
    c->output_estimated = 0;
    c->stream_reason = REASON_DONE;
    c->first_of_attempt_us = 0;
    c->paused = false;
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
    (void)c->ask.sink->write(c->ask.ctx, STR(": keep-alive\n\n")); /* a broken client is reported by itself */
}

static void write_out(struct mesh_call *c, struct str bytes)
{
    int rc = bytes.len ? c->ask.sink->write(c->ask.ctx, bytes) : 0;
    if (rc > 0)
        c->client_full = true;
    if (rc < 0)
        c->stream_reason = REASON_NO_MEMORY;
}

/* The first content is here: from now on nothing is replayed. */
static void commit(struct mesh_call *c)
{
    assert(c->state == CALL_WAITING);
    c->first_us = c->first_of_attempt_us = loop_now_us(c->ml->loop);
    c->upstream_wait_us += c->first_us - c->sent_us;
    c->state = CALL_STREAMING;
    if (!c->client_begun)
        begin(c, false);
    http_fetch_body_free(c->fetch);
    if (c->ask.body_free)
        c->ask.body_free(c->ask.ctx);
    write_out(c, buf_str(&c->held));
    buf_fini(&c->held);
}

/* --- the head --------------------------------------------------------------------------------------------------------------- */

static bool is_event_stream(struct str content_type)
{
    return str_starts_fold(str_trim(content_type), STR("text/event-stream"));
}

/* A header of an upstream that is handed on: plain text of a sane length, or it stays here. */
static struct str clean_value(struct mesh_call *c, struct str value)
{
    enum { VALUE_BYTES_MAX = 512 };
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return STR_NONE;
    return value.len <= VALUE_BYTES_MAX ? arena_dup(&c->arena, value) : STR_NONE;
}

static int64_t sane_wait(int64_t ms)
{
    enum { WAIT_MAX_MS = 86400000 }; /* a day: nobody means more, whatever they write */
    return ms > WAIT_MAX_MS ? WAIT_MAX_MS : ms;
}

static void read_headers(struct mesh_call *c, const struct http_fetch_head *h)
{
    int64_t wall_ms = loop_wall_ms(c->ml->loop);
    bool failed = h->status >= 400;
    for (size_t i = 0; i < h->header_count; i++) {
        struct str name = h->header[i].name, value = h->header[i].value;
        if (str_eq(name, STR("content-type")))
            c->content_type = clean_value(c, value);
        else if (str_eq(name, STR("x-request-id")))
            c->request_id = clean_value(c, value);
        else if (failed && c->retry_after_ms < 0 && str_starts(name, STR("retry-after")))
            c->retry_after_ms = sane_wait(retry_after_read(name, value, wall_ms));
    }
}

static void open_stream(struct mesh_call *c)
{
    c->is_stream = c->sse_open = true;
    c->held = BUF_INIT(HOLD_STREAM_MAX);
    sse_reader_init(&c->sse, EVENT_BYTES_MAX);
}

int relay_on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx)
{
    (void)f;
    struct mesh_call *c = ctx;
    if (c->state == CALL_DRAINING)
        return 0;
    c->status = h->status;
    c->last_byte_us = loop_now_us(c->ml->loop);
    read_headers(c, h);
    bool good = h->status >= 200 && h->status < 300;
    if (good && c->facts.stream && is_event_stream(c->content_type))
        open_stream(c);
    else
        c->held = BUF_INIT(good ? HOLD_WHOLE_MAX : HOLD_ERROR_MAX);
    attempt_arm(c); /* from now on silence counts */
    return 0;
}

/* --- streams ----------------------------------------------------------------------------------------------------------------- */

static void take_usage(struct mesh_call *c, const struct wire_answer *w)
{
    if (!w->has_usage)
        return;
    c->usage = w->usage;
    c->has_usage = true;
}

static int stop_feed(struct mesh_call *c, enum reason r)
{
    c->stream_reason = r;
    return 1;
}

static int failed_event(struct mesh_call *c, struct str data)
{
    struct wire_failure f;
    failure_read(0, data, &f);
    c->failure_words = arena_dup(&c->arena, str_from(f.message));
    if (f.retry_after_ms >= 0)
        c->retry_after_ms = sane_wait(f.retry_after_ms);
    return stop_feed(c, reason_from_failure(0, &f));
}

static int hold(struct mesh_call *c, struct str raw)
{
    int rc = buf_append(&c->held, raw);
    if (rc == ERR_LIMIT) /* 64 KiB of roles and comments and no content */
        return stop_feed(c, REASON_MALFORMED);
    return rc ? stop_feed(c, REASON_NO_MEMORY) : 0;
}

static int pass(struct mesh_call *c, struct str raw)
{
    if (c->state == CALL_WAITING)
        return hold(c, raw);
    write_out(c, raw);
    c->tail_open = c->at_end;
    return c->stream_reason == REASON_DONE ? 0 : 1;
}

/* Data that is no JSON: before the commit a failure, after it the client's to judge; but half an event, where the upstream
 * broke off, is no event: handed on, it would swallow the error that tells so. */
static int broken_event(struct mesh_call *c, struct str raw)
{
    if (c->at_end)
        return c->finished < c->facts.choices ? stop_feed(c, REASON_TRUNCATED) : 0;
    return c->state == CALL_WAITING ? stop_feed(c, REASON_MALFORMED) : pass(c, raw);
}

/* The chunk that carries nothing but the usage we asked for is not the client's. */
static bool is_ours(const struct mesh_call *c, const struct wire_answer *w)
{
    return !c->facts.wants_usage && w->has_usage && w->has_choices && w->choice_count == 0;
}

static int on_event(const struct sse_event *ev, void *ctx)
{
    struct mesh_call *c = ctx;
    struct wire_answer w;
    if (!ev->data.ptr)
        return pass(c, ev->raw);
    if (sse_is_done(ev->data)) {
        c->saw_done = true;
        int rc = hold(c, ev->raw); /* not before the books are closed */
        return rc ? rc : 1;
    }
    if (chunk_read(c->facts.op, ev->data, &w, NULL) < 0)
        return broken_event(c, ev->raw);
    if (w.has_error)
        return failed_event(c, ev->data);
    take_usage(c, &w);
    c->output_estimated += w.tokens_estimated;
    if (w.finish != FINISH_NONE) {
        c->finished++;
        c->finish = w.finish;
    }
    if (is_ours(c, &w))
        return 0;
    if (w.has_content && c->state == CALL_WAITING)
        commit(c);
    return pass(c, ev->raw);
}

/* The upstream's stream is complete: close the books, then let the last bytes go. */
static void finish_stream(struct mesh_call *c)
{
    if (c->state == CALL_WAITING) { /* never any content: fine only if the model was cut or filtered, or calls nothing */
        bool excused = c->finished && (c->finish == FINISH_LENGTH || c->finish == FINISH_FILTER);
        if (!excused) {
            relay_stop(c, c->finish == FINISH_INTERRUPTED ? REASON_INTERRUPTED : REASON_EMPTY, STR_NONE);
            return;
        }
        commit(c);
    }
    struct http_fetch *fetch = c->fetch;
    (void)attempt_close(c, REASON_DONE);
    c->fetch = fetch;
    call_finish(c, CALL_DONE, 200);
    const struct mesh_sink *sink = c->ask.sink;
    if (c->held.len)
        (void)sink->write(c->ask.ctx, buf_str(&c->held)); /* the last bytes; a client that fails now is told by its server */
    sink->end(c->ask.ctx);
    c->ask.sink = NULL;
    if (fetch)
        attempt_drain(c);
    else
        call_free(c);
}

static int stream_bytes(struct mesh_call *c, struct str bytes)
{
    int rc = sse_feed(&c->sse, bytes, on_event, c);
    if (c->saw_done && c->stream_reason == REASON_DONE) {
        finish_stream(c);
        return 0;
    }
    if (rc == ERR_LIMIT)
        c->stream_reason = REASON_TOO_LARGE;
    else if (rc < 0)
        c->stream_reason = REASON_NO_MEMORY;
    if (c->stream_reason != REASON_DONE) {
        relay_stop(c, c->stream_reason, c->failure_words);
        return 0;
    }
    c->paused = c->client_full;
    return c->paused ? 1 : 0;
}

/* --- whole answers --------------------------------------------------------------------------------------------------------------- */

/* Larger than we hold: it is content by its size alone. Keeps the tail, where the usage will be. */
static int whole_overflow(struct mesh_call *c, struct str bytes)
{
    if (!c->passed_limit) {
        c->passed_limit = true;
        commit(c);
        c->held = BUF_INIT(2 * TAIL_BYTES);
    }
    write_out(c, bytes);
    if (c->stream_reason != REASON_DONE) {
        relay_stop(c, c->stream_reason, STR_NONE);
        return 0;
    }
    struct str tail = str_skip(bytes, bytes.len > TAIL_BYTES ? bytes.len - TAIL_BYTES : 0);
    if (c->held.len + tail.len > 2 * TAIL_BYTES)
        buf_consume(&c->held, c->held.len > TAIL_BYTES ? c->held.len - TAIL_BYTES : c->held.len);
    if (c->held.len + tail.len > 2 * TAIL_BYTES)
        buf_clear(&c->held);
    (void)buf_append(&c->held, tail); /* without it the usage is estimated */
    c->paused = c->client_full;
    return c->paused ? 1 : 0;
}

/* Home-made servers send events and call them something else, or nothing at all. A JSON object cannot begin like this. */
static bool looks_like_events(struct str bytes)
{
    static const struct str leads[] = {STR("data:"), STR("event:"), STR("id:"), STR(":")};
    if (str_starts(bytes, STR("\xef\xbb\xbf")))
        bytes = str_skip(bytes, 3);
    while (bytes.len && (bytes.ptr[0] == '\n' || bytes.ptr[0] == '\r'))
        bytes = str_skip(bytes, 1);
    for (size_t i = 0; i < COUNT_OF(leads); i++)
        if (str_starts(bytes, leads[i]))
            return true;
    return false;
}

/* A stream was asked for, and something else announced. The first piece tells; the client reads what it asked for. */
static bool is_stream_after_all(struct mesh_call *c, struct str bytes)
{
    bool first = c->facts.stream && c->held.len == 0 && c->status >= 200 && c->status < 300;
    if (!first || !looks_like_events(bytes))
        return false;
    open_stream(c);
    c->content_type = STR_NONE;
    return true;
}

static int whole_bytes(struct mesh_call *c, struct str bytes)
{
    if (is_stream_after_all(c, bytes))
        return stream_bytes(c, bytes);
    if (c->passed_limit)
        return whole_overflow(c, bytes);
    int rc = buf_append(&c->held, bytes);
    if (rc == 0)
        return 0;
    bool good = c->status >= 200 && c->status < 300;
    if (rc == ERR_LIMIT && good && !c->facts.stream)
        return whole_overflow(c, bytes);
    if (rc == ERR_LIMIT && !good)
        return 0; /* an error page without end: what we have says enough */
    relay_stop(c, rc == ERR_LIMIT ? REASON_TOO_LARGE : REASON_NO_MEMORY, STR_NONE);
    return 0;
}

int relay_on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    (void)f;
    struct mesh_call *c = ctx;
    if (c->state == CALL_DRAINING)
        return 0;
    c->last_byte_us = loop_now_us(c->ml->loop);
    return c->is_stream ? stream_bytes(c, bytes) : whole_bytes(c, bytes);
}

/* `"usage":{…}` at the end of an answer that was too large to be held. */
static void usage_from_tail(struct mesh_call *c)
{
    struct str tail = buf_str(&c->held), key = STR("\"usage\"");
    ptrdiff_t at = -1;
    for (ptrdiff_t hit = 0, from = 0; (hit = str_find(str_skip(tail, (size_t)from), key)) >= 0; from += hit + 1)
        at = from + hit;
    struct json_scan s;
    struct str value;
    json_scan_init(&s, str_trim(str_skip(tail, at < 0 ? tail.len : (size_t)at + key.len)));
    if (at < 0 || s.pos >= s.end || *s.pos != ':')
        return;
    s.pos++;
    AUTO_BUF struct buf alone = BUF_INIT(2 * TAIL_BYTES);
    struct wire_answer w;
    if (json_skip(&s, &value) && buf_append_format(&alone, "{\"usage\":%.*s}", STR_FMT(value)) == 0 &&
        answer_read(c->facts.op, buf_str(&alone), &w, NULL) == 0)
        take_usage(c, &w);
}

static void finish_large(struct mesh_call *c)
{
    usage_from_tail(c);
    (void)attempt_close(c, REASON_DONE);
    call_finish(c, CALL_DONE, 200);
    c->ask.sink->end(c->ask.ctx);
    call_free(c);
}

static void fail_with_body(struct mesh_call *c)
{
    struct wire_failure f;
    failure_read(c->status, buf_str(&c->held), &f);
    if (c->retry_after_ms < 0)
        c->retry_after_ms = sane_wait(f.retry_after_ms);
    enum reason r = reason_from_failure(c->status, &f);
    if (r == REASON_MODEL && c->target->state == c->target->up->direct)
        r = REASON_NO_SUCH_MODEL; /* the client's word, not the config's */
    if (c->target->up->passthrough && (r == REASON_KEY || r == REASON_FORBIDDEN))
        r = REASON_PASSTHROUGH_AUTH;
    struct str words = f.message[0] ? str_from(f.message) : STR_NONE;
    attempt_failed(c, r, words.len ? arena_dup(&c->arena, words) : STR_NONE);
}

/* A whole 200: is it an answer, and the one that was asked for? */
static enum reason judge(struct mesh_call *c, struct wire_answer *w)
{
    if (answer_read(c->facts.op, buf_str(&c->held), w, NULL) < 0)
        return buf_str(&c->held).len == 0 ? REASON_EMPTY : REASON_MALFORMED;
    if (w->has_error)
        return REASON_ERROR_IN_200;
    take_usage(c, w);
    c->output_estimated = w->tokens_estimated;
    if (!w->has_choices)
        return REASON_MALFORMED;
    if (w->finish == FINISH_INTERRUPTED)
        return REASON_INTERRUPTED;
    if (!w->has_content)
        return w->finish == FINISH_LENGTH || w->finish == FINISH_FILTER ? REASON_DONE : REASON_EMPTY;
    if (c->facts.format != FORMAT_TEXT && w->finish == FINISH_STOP && w->content.len && !answer_keeps_format(w, c->facts.format))
        return REASON_BAD_FORMAT;
    return REASON_DONE;
}

static void finish_whole(struct mesh_call *c)
{
    struct wire_answer w = {0};
    if (c->facts.stream) { /* asked for a stream, got one piece: an error in it, or a server that cannot stream */
        bool error = answer_read(c->facts.op, buf_str(&c->held), &w, NULL) == 0 && w.has_error;
        if (error)
            fail_with_body(c);
        else
            attempt_failed(c, buf_str(&c->held).len ? REASON_MALFORMED : REASON_EMPTY, STR("a stream was asked for, and none came"));
        return;
    }
    enum reason r = judge(c, &w);
    if (r == REASON_ERROR_IN_200) {
        fail_with_body(c);
        return;
    }
    if (r != REASON_DONE) {
        attempt_failed(c, r, STR_NONE);
        return;
    }
    c->first_us = c->first_of_attempt_us = loop_now_us(c->ml->loop);
    c->upstream_wait_us += c->first_us - c->sent_us;
    (void)attempt_close(c, REASON_DONE);
    struct http_header h[MESH_HEADERS_MAX];
    struct mesh_head head = {.status = 200, .header = h, .header_count = answer_headers(c, h, false, &c->cost_nusd)};
    call_finish(c, CALL_DONE, 200);
    c->ask.sink->whole(c->ask.ctx, &head, buf_str(&c->held));
    call_free(c);
}

/* --- the end -------------------------------------------------------------------------------------------------------------------- */

/* After the commit: an error event that says where it stopped, and no word that could pass for an end. */
static void cut(struct mesh_call *c, enum reason r, struct str words)
{
    AUTO_BUF struct buf text = BUF_INIT(4 * KiB), event = BUF_INIT(16 * KiB);
    (void)buf_append_format(&text, "the answer of %.*s stopped after about %lld tokens: %s", STR_FMT(c->target->name),
                            (long long)c->output_estimated, reason_row(r)->text);
    if (words.len)
        (void)buf_append_format(&text, " (%.*s)", STR_FMT(words));
    (void)buf_append_text(&text, "; what came until here is not repeated elsewhere");
    (void)attempt_close(c, r);
    call_finish(c, CALL_CUT, 200);
    const struct mesh_sink *sink = c->ask.sink;
    bool told = c->is_stream && buf_append_text(&event, c->tail_open ? "\n\ndata: " : "data: ") == 0 &&
                error_write(&event, 502, buf_str(&text), "server_error", NULL, "stream_interrupted") == 0 &&
                buf_append_text(&event, "\n\n") == 0 && sink->write(c->ask.ctx, buf_str(&event)) >= 0;
    if (told)
        sink->end(c->ask.ctx);
    else
        sink->cut(c->ask.ctx);
    call_free(c);
}

void relay_stop(struct mesh_call *c, enum reason r, struct str words)
{
    if (c->state == CALL_STREAMING)
        cut(c, r, words);
    else
        attempt_failed(c, r, words);
}

static void done_well(struct mesh_call *c)
{
    if (c->is_stream) {
        c->at_end = true;
        (void)sse_finish(&c->sse, on_event, c);
        if (c->stream_reason != REASON_DONE)
            relay_stop(c, c->stream_reason, c->failure_words);
        else if (!c->saw_done && c->finished < c->facts.choices)
            relay_stop(c, c->status && c->output_estimated == 0 && c->state == CALL_WAITING ? REASON_EMPTY : REASON_TRUNCATED, STR_NONE);
        else
            finish_stream(c);
    } else if (c->passed_limit) {
        finish_large(c);
    } else if (c->status >= 200 && c->status < 300) {
        finish_whole(c);
    } else {
        fail_with_body(c);
    }
}

void relay_on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    (void)f;
    struct mesh_call *c = ctx;
    c->fetch = NULL;
    if (c->state == CALL_DRAINING)
        call_free(c);
    else if (r->end == FETCH_OK)
        done_well(c);
    else if (c->status >= 400 && c->held.len && c->state == CALL_WAITING)
        fail_with_body(c); /* an error whose body broke off still says what it is */
    else if (r->end == FETCH_RESET && r->reused && c->status == 0)
        relay_stop(c, REASON_STALE, str_from(r->detail)); /* not one whole line came: most likely it died while it was idle */
    else
        relay_stop(c, reason_from_fetch(r->end), str_from(r->detail));
}
