/* relay.c: what comes back from an upstream, on its way to the client.
 *
 * Until the first content everything is held back, so that a failure costs the client nothing. A stream is relayed event by
 * event, each as the exact bytes it came in; a whole answer is held until it is complete and checked, up to HOLD_WHOLE_MAX,
 * and relayed as it comes beyond that. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "wire/audio.h"
#include <assert.h>

enum {
    HOLD_STREAM_MAX = 64 * 1024,      /* promise 3 */
    HOLD_WHOLE_MAX = 1024 * 1024,     /* promise 3 */
    HOLD_ERROR_MAX = 64 * 1024,       /* an error's body beyond this says nothing new */
    EVENT_BYTES_MAX = 8 * 1024 * 1024, /* one SSE event: a generated image fits */
    HOLD_TRANSLATED_MAX = 32 * 1024 * 1024, /* a whole answer that is translated, or read as another dialect, cannot be relayed in parts */
    TAIL_BYTES = 4096,                /* of a large whole answer: `usage` stands at its end */
};

/* What is held for the client counts, so that no more bodies are taken in than there is room for; an answer that is there
 * has been paid for and is never refused for it. */
static void count_held(struct attempt *a)
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
    count_held(a);
    a->numbers = (struct openai_numbers){.count = {0}};
    a->status = 0;
    a->is_stream = a->passed_limit = false;
    a->retry_after_ms = -1;
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

static void write_out(struct attempt *a, struct str bytes)
{
    int rc = bytes.len ? a->call->ask.sink->write(a->call->ask.ctx, bytes) : 0;
    if (rc > 0)
        a->call->client_full = true;
    if (rc < 0)
        a->stream_reason = REASON_NO_MEMORY;
}

static void first_content(struct attempt *a)
{
    a->call->first_us = a->first_us = loop_now_us(a->call->ml->loop);
    attempt_wait_over(a);
    balance_content(a);
    spill_look(a);
    quota_look(a);
    hedge_won(a);
}

/* The first content is here: from now on nothing is replayed. */
static void commit(struct attempt *a)
{
    struct mesh_call *c = a->call;
    assert(a->state == ATTEMPT_WAITING);
    first_content(a);
    a->state = ATTEMPT_STREAMING;
    if (!c->client_begun)
        begin(c, false);
    if (a->fetch) /* else the upstream has ended already: all that it said came in one piece */
        http_fetch_body_free(a->fetch);
    translate_request_free(a);
    if (c->ask.body_free && !c->chat && !c->embed) /* a conversation points into it, and a writer may repeat what was asked */
        c->ask.body_free(c->ask.ctx);
    write_out(a, buf_str(&a->held));
    buf_fini(&a->held);
    count_held(a);
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

static int64_t sane_wait(int64_t ms)
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
            a->retry_after_ms = sane_wait(retry_after_read(name, value, wall_ms));
        note_beside(a, name, value);
    }
}

static void open_stream(struct attempt *a)
{
    a->is_stream = a->sse_open = true;
    a->held = BUF_INIT(HOLD_STREAM_MAX);
    sse_reader_init(&a->sse, EVENT_BYTES_MAX);
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
        open_stream(a);
    else
        a->held = BUF_INIT(!good ? HOLD_ERROR_MAX : a->translation || a->subtitles ? HOLD_TRANSLATED_MAX : HOLD_WHOLE_MAX);
    a->paused = good && call_is_coming(a->call);
    clock_arm(a->call); /* from now on silence counts */
    return a->paused;
}

/* --- streams ----------------------------------------------------------------------------------------------------------------- */

static void take_usage(struct attempt *a, const struct wire_answer *w)
{
    if (!w->has_usage)
        return;
    a->usage = w->usage;
    a->has_usage = true;
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
        a->retry_after_ms = sane_wait(f.retry_after_ms);
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
    write_out(a, raw);
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
    take_usage(a, w);
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
        commit(a);
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
        commit(a);
    const struct vendor *v = a->target->up->vendor;
    return v && v->quirks & QUIRK_UNNUMBERED && w.has_content ? pass_numbered(a, ev) : pass(a, ev->raw);
}

/* The upstream's stream is complete: close the books, then let the last bytes go. */
static void finish_stream(struct attempt *a)
{
    if (a->state == ATTEMPT_WAITING) { /* never any content: fine only if the model was cut or filtered, or calls nothing */
        bool excused = a->finished && (a->finish == FINISH_LENGTH || a->finish == FINISH_FILTER);
        if (!excused) {
            relay_stop(a, a->finish == FINISH_INTERRUPTED ? REASON_INTERRUPTED : REASON_EMPTY, STR_NONE);
            return;
        }
        commit(a);
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

static int stream_bytes(struct attempt *a, struct str bytes)
{
    bool lines = a->translation && a->translation->from->framing == FRAMING_LINES;
    int rc = lines ? translate_lines(a, bytes, on_event, a) : sse_feed(&a->sse, bytes, on_event, a);
    count_held(a);
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

/* --- whole answers --------------------------------------------------------------------------------------------------------------- */

/* Larger than we hold: it is content by its size alone. Keeps the tail, where the usage will be. */
static int whole_overflow(struct attempt *a, struct str bytes)
{
    if (!a->passed_limit) {
        a->passed_limit = true;
        commit(a);
        a->held = BUF_INIT(2 * TAIL_BYTES);
    }
    write_out(a, bytes);
    if (a->stream_reason != REASON_DONE) {
        relay_stop(a, a->stream_reason, STR_NONE);
        return 0;
    }
    struct str tail = str_skip(bytes, bytes.len > TAIL_BYTES ? bytes.len - TAIL_BYTES : 0);
    if (a->held.len + tail.len > 2 * TAIL_BYTES)
        buf_consume(&a->held, a->held.len > TAIL_BYTES ? a->held.len - TAIL_BYTES : a->held.len);
    if (a->held.len + tail.len > 2 * TAIL_BYTES)
        buf_clear(&a->held);
    (void)buf_append(&a->held, tail); /* without it the usage is estimated */
    a->paused = a->call->client_full;
    return a->paused ? 1 : 0;
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
static bool is_stream_after_all(struct attempt *a, struct str bytes)
{
    bool first = a->call->facts.stream && a->held.len == 0 && a->status >= 200 && a->status < 300;
    if (!first || (a->translation && a->translation->from->framing != FRAMING_SSE) || !looks_like_events(bytes))
        return false;
    open_stream(a);
    a->content_type = STR_NONE;
    return true;
}

static int whole_bytes(struct attempt *a, struct str bytes)
{
    if (is_stream_after_all(a, bytes))
        return stream_bytes(a, bytes);
    if (a->passed_limit)
        return whole_overflow(a, bytes);
    int rc = buf_append(&a->held, bytes);
    count_held(a);
    if (rc == 0)
        return 0;
    bool good = a->status >= 200 && a->status < 300;
    if (rc == ERR_LIMIT && good && (!a->call->facts.stream || a->call->facts.form) && !a->translation && !a->subtitles)
        return whole_overflow(a, bytes);
    if (rc == ERR_LIMIT && !good)
        return 0; /* an error page without end: what we have says enough */
    relay_stop(a, rc == ERR_LIMIT ? REASON_TOO_LARGE : REASON_NO_MEMORY, STR_NONE);
    return 0;
}

int relay_on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    (void)f;
    struct attempt *a = ctx;
    if (a->state == ATTEMPT_DRAINING)
        return 0;
    a->last_byte_us = loop_now_us(a->call->ml->loop);
    return a->is_stream ? stream_bytes(a, bytes) : whole_bytes(a, bytes);
}

/* `"usage":{…}` at the end of an answer that was too large to be held. */
static void usage_from_tail(struct attempt *a)
{
    struct str tail = buf_str(&a->held), key = STR("\"usage\"");
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
        (a->call->facts.form ? audio_chunk_read(buf_str(&alone), &w, NULL) : answer_read(a->call->facts.op, buf_str(&alone), &w, NULL)) == 0)
        take_usage(a, &w);
}

static void finish_large(struct attempt *a)
{
    usage_from_tail(a);
    (void)attempt_close(a, REASON_DONE);
    call_finish(a->call, CALL_DONE, 200);
    a->call->ask.sink->end(a->call->ask.ctx);
    call_free(a->call);
}

/* Few servers rank documents or hear: the answer is about the path, not the model. 501 is llama-server's, started for something else. */
static bool is_missing_door(const struct attempt *a, const struct wire_failure *f)
{
    if (a->call->facts.op != WIRE_RERANK && !a->call->facts.form)
        return false;
    return a->status == 405 || a->status == 501 || (a->status == 404 && !str_contains_fold(str_from(f->message), STR("model")));
}

/* "Invalid `signature` in `thinking` block": the conversation has been elsewhere, where somebody sealed in a way we cannot tell from
 * the vendor's. It is asked once more, and reads none of that. */
static bool doubts_seals(const struct attempt *a, enum reason r, struct str words)
{
    struct chat *chat = a->call->chat;
    bool told = r == REASON_BAD_REQUEST && a->face == DIALECT_ANTHROPIC && chat && !chat->seals_doubted &&
                str_contains_fold(words, STR("signature")) && str_contains_fold(words, STR("thinking"));
    if (told)
        chat->seals_doubted = true;
    return told;
}

static void fail_with_body(struct attempt *a)
{
    struct wire_failure f;
    failure_read(a->status, buf_str(&a->held), &f);
    if (a->retry_after_ms < 0)
        a->retry_after_ms = sane_wait(f.retry_after_ms);
    enum reason r = reason_from_failure(a->status, &f);
    if (r == REASON_MODEL && (a->status == 404 || a->status == 405) && face_is_missing(a))
        r = REASON_NO_FACE;
    if (f.fault == FAULT_FACE && face_stands_apart(a))
        r = REASON_NO_FACE;
    if (doubts_seals(a, r, str_from(f.message)))
        r = REASON_FOREIGN_THINKING;
    if (r == REASON_MODEL && a->call->facts.op == WIRE_COUNT_TOKENS)
        r = REASON_NO_ENDPOINT; /* many servers have messages and cannot count */
    if (is_missing_door(a, &f))
        r = REASON_NO_ENDPOINT;
    if (r == REASON_MODEL && a->target->state == a->target->up->direct)
        r = REASON_NO_SUCH_MODEL; /* the client's word, not the config's */
    if (a->target->up->passthrough && (r == REASON_KEY || r == REASON_FORBIDDEN))
        r = REASON_PASSTHROUGH_AUTH;
    r = flat_refused(a, r, buf_str(&a->held));
    struct str words = f.message[0] ? str_from(f.message) : STR_NONE;
    attempt_failed(a, r, words.len ? arena_dup(&a->call->arena, words) : STR_NONE);
}

/* A whole 200: is it an answer, and the one that was asked for? */
static enum reason judge(struct attempt *a, struct wire_answer *w)
{
    bool keeps_format = true;
    int rc = a->call->facts.form ? audio_answer_read(a->call->facts.form, buf_str(&a->held), w, NULL)
             : a->translation    ? translate_whole(a, w, a->call->facts.format, &keeps_format)
                                 : answer_read(a->call->facts.op, buf_str(&a->held), w, NULL);
    if (rc < 0)
        return rc == ERR_NOMEM ? REASON_NO_MEMORY : buf_str(&a->held).len == 0 ? REASON_EMPTY : REASON_MALFORMED;
    if (w->has_error)
        return REASON_ERROR_IN_200;
    take_usage(a, w);
    a->output_estimated = w->tokens_estimated;
    if (!w->has_choices)
        return REASON_MALFORMED;
    if (w->finish == FINISH_INTERRUPTED)
        return REASON_INTERRUPTED;
    if (!w->has_content)
        return w->finish == FINISH_LENGTH || w->finish == FINISH_FILTER ? REASON_DONE : REASON_EMPTY;
    if (!keeps_format)
        return REASON_BAD_FORMAT;
    if (a->call->facts.format != FORMAT_TEXT && w->finish == FINISH_STOP && w->content.len && !answer_keeps_format(w, a->call->facts.format))
        return REASON_BAD_FORMAT;
    return REASON_DONE;
}

static void finish_whole(struct attempt *a)
{
    struct wire_answer w = {0};
    if (a->call->facts.stream && !a->call->facts.form) { /* some hear and do not stream; else: asked for a stream, got one piece: an error in it, or a server that cannot stream */
        bool error = answer_read(WIRE_CHAT, buf_str(&a->held), &w, NULL) == 0 && w.has_error; /* every dialect's error has that member */
        if (error)
            fail_with_body(a);
        else
            attempt_failed(a, buf_str(&a->held).len ? REASON_MALFORMED : REASON_EMPTY, STR("a stream was asked for, and none came"));
        return;
    }
    enum reason r = judge(a, &w);
    if (r == REASON_ERROR_IN_200) {
        fail_with_body(a);
        return;
    }
    if (r != REASON_DONE) {
        attempt_failed(a, r, STR_NONE);
        return;
    }
    if (a->translation && translate_whole_write(a) < 0) {
        attempt_failed(a, REASON_NO_MEMORY, STR_NONE);
        return;
    }
    int made = a->call->facts.form ? form_answer_write(a) : 0;
    if (made < 0) {
        attempt_failed(a, made == ERR_SYNTAX ? REASON_MALFORMED : REASON_NO_MEMORY, STR("subtitles are made of segments, and it gave none"));
        return;
    }
    if (a->call->facts.op == WIRE_RERANK && rerank_answer_write(a) < 0) {
        attempt_failed(a, REASON_NO_MEMORY, STR_NONE);
        return;
    }
    if (!a->translation)
        gather_whole(a, NULL);
    gather_keep(a);
    first_content(a);
    (void)attempt_close(a, REASON_DONE);
    struct str body = a->translation && !a->translation->passes ? buf_str(&a->translation->out) : buf_str(&a->held);
    struct http_header h[MESH_HEADERS_MAX];
    struct mesh_head head = {.status = 200, .header = h, .header_count = answer_headers(a->call, h, false, &a->call->cost_nusd)};
    call_finish(a->call, CALL_DONE, 200);
    a->call->ask.sink->whole(a->call->ask.ctx, &head, body);
    call_free(a->call);
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
    if (a->is_stream) {
        a->at_end = true;
        bool lines = a->translation && a->translation->from->framing == FRAMING_LINES;
        (void)(lines ? translate_last_line(a, on_event, a) : sse_finish(&a->sse, on_event, a));
        if (!a->saw_done)
            tell_usage(a);
        if (a->stream_reason != REASON_DONE)
            relay_stop(a, a->stream_reason, a->failure_words);
        else if (!a->saw_done && a->finished < a->call->facts.choices)
            relay_stop(a, a->status && a->output_estimated == 0 && a->state == ATTEMPT_WAITING ? REASON_EMPTY : REASON_TRUNCATED, STR_NONE);
        else
            finish_stream(a);
    } else if (a->passed_limit) {
        finish_large(a);
    } else if (a->status >= 200 && a->status < 300) {
        finish_whole(a);
    } else {
        fail_with_body(a);
    }
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
        fail_with_body(a); /* an error whose body broke off still says what it is */
    else if (r->end == FETCH_RESET && r->reused && a->status == 0)
        relay_stop(a, REASON_STALE, str_from(r->detail)); /* not one whole line came: most likely it died while it was idle */
    else
        relay_stop(a, reason_from_fetch(r->end), str_from(r->detail));
}
