/* relay_whole.c: an answer in one piece on its way to the client, and the body of an error: is it an answer, and the one that was
 * asked for? */
#include "mesh/relay_priv.h"
#include "net/loop.h"
#include "wire/audio.h"

enum { TAIL_BYTES = 4096 }; /* of a large whole answer: `usage` stands at its end */

/* Larger than we hold: it is content by its size alone. Keeps the tail, where the usage will be. */
static int whole_overflow(struct attempt *a, struct str bytes)
{
    if (!a->passed_limit) {
        a->passed_limit = true;
        relay_commit(a);
        a->held = BUF_INIT(2 * TAIL_BYTES);
    }
    relay_write_out(a, bytes);
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
    relay_stream_open(a);
    a->content_type = STR_NONE;
    return true;
}

int relay_whole_bytes(struct attempt *a, struct str bytes)
{
    if (is_stream_after_all(a, bytes))
        return relay_stream_bytes(a, bytes);
    if (a->passed_limit)
        return whole_overflow(a, bytes);
    int rc = buf_append(&a->held, bytes);
    relay_count_held(a);
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
        relay_take_usage(a, &w);
}

void relay_large_end(struct attempt *a)
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

void relay_refused(struct attempt *a)
{
    struct wire_failure f;
    failure_read(a->status, buf_str(&a->held), &f);
    if (a->retry_after_ms < 0)
        a->retry_after_ms = relay_sane_wait(f.retry_after_ms);
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
    r = own_refused(a, r, &f);
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
    relay_take_usage(a, w);
    a->output_estimated = w->tokens_estimated;
    if (!w->has_choices)
        return REASON_MALFORMED;
    if (w->finish == FINISH_INTERRUPTED)
        return REASON_INTERRUPTED;
    if (!w->has_content)
        return w->finish == FINISH_LENGTH || w->finish == FINISH_FILTER || own_says_nothing(a, w->finish) ? REASON_DONE : REASON_EMPTY;
    if (!keeps_format)
        return REASON_BAD_FORMAT;
    if (a->call->facts.format != FORMAT_TEXT && w->finish == FINISH_STOP && w->content.len && !answer_keeps_format(w, a->call->facts.format))
        return REASON_BAD_FORMAT;
    return REASON_DONE;
}

void relay_whole_end(struct attempt *a)
{
    struct wire_answer w = {0};
    if (a->call->facts.stream && !a->call->facts.form) { /* some hear and do not stream; else: asked for a stream, got one piece: an error in it, or a server that cannot stream */
        bool error = answer_read(WIRE_CHAT, buf_str(&a->held), &w, NULL) == 0 && w.has_error; /* every dialect's error has that member */
        if (error)
            relay_refused(a);
        else
            attempt_failed(a, buf_str(&a->held).len ? REASON_MALFORMED : REASON_EMPTY, STR("a stream was asked for, and none came"));
        return;
    }
    enum reason r = judge(a, &w);
    if (r == REASON_ERROR_IN_200) {
        relay_refused(a);
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
    relay_first_content(a);
    (void)attempt_close(a, REASON_DONE);
    struct str body = a->translation && !a->translation->passes ? buf_str(&a->translation->out) : buf_str(&a->held);
    struct http_header h[MESH_HEADERS_MAX];
    struct mesh_head head = {.status = 200, .header = h, .header_count = answer_headers(a->call, h, false, &a->call->cost_nusd)};
    call_finish(a->call, CALL_DONE, 200);
    a->call->ask.sink->whole(a->call->ask.ctx, &head, body);
    call_free(a->call);
}
