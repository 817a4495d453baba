/* engine_say.c: what the engine said, in OpenAI's dialect: chunks of a stream, or one whole answer. */
#include "base/base64.h"
#include "base/mem.h"
#include "gateway/engine_face_priv.h"

int engine_say_init(struct engine_say *s, size_t vectors)
{
    s->content = s->reasoning = s->calls = s->tokens = BUF_INIT(ENGINE_ANSWER_BYTES_MAX);
    s->note = BUF_INIT(64 * KiB);
    s->vector_max = vectors;
    s->vector = vectors ? new0_array(struct buf, vectors) : NULL;
    for (size_t i = 0; s->vector && i < vectors; i++)
        s->vector[i] = BUF_INIT(ENGINE_ANSWER_BYTES_MAX / vectors);
    return vectors && !s->vector ? ERR_NOMEM : 0;
}

void engine_say_fini(struct engine_say *s)
{
    buf_fini(&s->content);
    buf_fini(&s->reasoning);
    buf_fini(&s->calls);
    buf_fini(&s->tokens);
    buf_fini(&s->note);
    for (size_t i = 0; s->vector && i < s->vector_max; i++)
        buf_fini(&s->vector[i]);
    mem_free(s->vector);
}

static bool is_chat(const struct engine_say *s)
{
    return s->kind == HOST_CHAT;
}

/* --- log probabilities --------------------------------------------------------------------------------------------------------------- */

static void write_token(struct json_writer *w, struct str text, float logprob)
{
    json_key(w, "token"), json_str(w, text);
    json_key(w, "logprob"), json_double(w, (double)logprob);
    json_key(w, "bytes");
    json_array_begin(w);
    for (size_t i = 0; i < text.len; i++)
        json_i64(w, (unsigned char)text.ptr[i]);
    json_array_end(w);
}

/* Chats have a list of objects, each with its alternatives in a list. */
static void write_chat_token(struct json_writer *w, const struct host_event *ev, const struct str *top)
{
    json_object_begin(w);
    write_token(w, ev->text, ev->choice->logprob);
    json_key(w, "top_logprobs");
    json_array_begin(w);
    for (uint32_t i = 0; i < ev->choice->top_count; i++) {
        json_object_begin(w);
        write_token(w, top[i], ev->choice->top[i].logprob);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static bool said_before(const struct str *top, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++)
        if (str_eq(top[j], top[i]))
            return true;
    return false;
}

/* Completions have four lists side by side. They are kept as [token, logprob, {alternatives}, offset] and taken apart when written. */
static void write_text_token(struct json_writer *w, const struct engine_say *s, const struct host_event *ev, const struct str *top)
{
    json_array_begin(w);
    json_str(w, ev->text);
    json_double(w, (double)ev->choice->logprob);
    json_object_begin(w);
    for (uint32_t i = 0; i < ev->choice->top_count; i++)
        if (!said_before(top, i)) { /* tokens may read alike; a name stands once */
            json_key_str(w, top[i]);
            json_double(w, (double)ev->choice->top[i].logprob);
        }
    json_object_end(w);
    json_i64(w, (int64_t)s->said_characters);
    json_array_end(w);
}

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return n;
}

int engine_say_token(struct engine_say *s, const struct host_event *ev, const struct str *top)
{
    struct json_writer w = JSON_WRITER(&s->tokens);
    if (s->tokens.len)
        w.rc = buf_append_char(&s->tokens, ',');
    if (is_chat(s))
        write_chat_token(&w, ev, top);
    else
        write_text_token(&w, s, ev, top);
    s->said_characters += characters(ev->text);
    return json_done(&w);
}

static void write_text_lists(struct json_writer *w, struct str tokens)
{
    static const char *const lists[] = {"tokens", "token_logprobs", "top_logprobs", "text_offset"};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct json_scan scan;
        json_scan_init(&scan, tokens);
        json_key(w, lists[i]);
        json_array_begin(w);
        if (json_enter(&scan))
            while (json_element(&scan)) {
                struct str part[COUNT_OF(lists)] = {0};
                size_t n = 0;
                if (!json_enter(&scan))
                    break;
                while (json_element(&scan) && json_skip(&scan, &part[n < COUNT_OF(lists) ? n : 0]))
                    n++;
                json_raw(w, part[i]);
            }
        json_array_end(w);
    }
}

static void write_logprobs(struct json_writer *w, struct engine_say *s, bool take)
{
    json_key(w, "logprobs");
    if (!s->tokens.len || !take) {
        json_null(w);
        return;
    }
    json_object_begin(w);
    if (is_chat(s)) {
        json_key(w, "content");
        json_array_begin(w);
        json_raw(w, buf_str(&s->tokens));
        json_array_end(w);
    } else {
        AUTO_BUF struct buf list = BUF_INIT(2 * ENGINE_ANSWER_BYTES_MAX);
        if (buf_append_char(&list, '[') < 0 || buf_append(&list, buf_str(&s->tokens)) < 0 || buf_append_char(&list, ']') < 0)
            w->rc = ERR_NOMEM;
        else
            write_text_lists(w, buf_str(&list));
    }
    json_object_end(w);
    buf_clear(&s->tokens);
}

/* --- a stream -------------------------------------------------------------------------------------------------------------------------- */

static void chunk_begin(struct json_writer *w, const struct engine_say *s)
{
    w->rc = buf_append_text(w->out, "data: ");
    json_object_begin(w);
    json_key(w, "id"), json_text(w, s->id);
    json_key(w, "object"), json_text(w, is_chat(s) ? "chat.completion.chunk" : "text_completion");
    json_key(w, "created"), json_i64(w, s->created_s);
    json_key(w, "model"), json_str(w, s->model);
}

static int chunk_end(struct json_writer *w)
{
    json_object_end(w);
    return json_done(w) < 0 ? json_done(w) : buf_append_text(w->out, "\n\n");
}

enum delta { DELTA_ROLE, DELTA_TEXT, DELTA_REASONING, DELTA_CALL, DELTA_ARGUMENTS, DELTA_NONE };

static void write_call(struct json_writer *w, const struct engine_say *s, const struct host_event *ev, bool begins)
{
    char id[64];
    json_key(w, "tool_calls");
    json_array_begin(w);
    json_object_begin(w);
    json_key(w, "index"), json_i64(w, ev->call);
    if (begins) {
        (void)text_format(id, sizeof id, "call_%s_%u", s->id + strlen("chatcmpl-"), ev->call);
        json_key(w, "id"), json_text(w, id);
        json_key(w, "type"), json_text(w, "function");
    }
    json_key(w, "function");
    json_object_begin(w);
    if (begins)
        json_key(w, "name"), json_str(w, ev->text);
    json_key(w, "arguments"), json_str(w, begins ? STR("") : ev->text);
    json_object_end(w);
    json_object_end(w);
    json_array_end(w);
}

static void write_delta(struct json_writer *w, const struct engine_say *s, enum delta delta, const struct host_event *ev)
{
    if (!is_chat(s)) {
        json_key(w, "text"), json_str(w, delta == DELTA_TEXT ? ev->text : STR(""));
        return;
    }
    json_key(w, "delta");
    json_object_begin(w);
    if (delta == DELTA_ROLE)
        json_key(w, "role"), json_text(w, "assistant"), json_key(w, "content"), json_text(w, "");
    else if (delta == DELTA_TEXT || delta == DELTA_REASONING)
        json_key(w, delta == DELTA_TEXT ? "content" : "reasoning_content"), json_str(w, ev->text);
    else if (delta == DELTA_CALL || delta == DELTA_ARGUMENTS)
        write_call(w, s, ev, delta == DELTA_CALL);
    json_object_end(w);
}

static void write_hearth(struct json_writer *w, const struct engine_say *s, const struct sched_counts *c)
{
    json_key(w, "hearth");
    json_object_begin(w);
    json_key(w, "queue_ms"), json_i64(w, c->queued_us / 1000);
    json_key(w, "prefill_ms"), json_i64(w, c->prefill_us / 1000);
    json_key(w, "decode_ms"), json_i64(w, c->decode_us / 1000);
    json_key(w, "cached_tokens"), json_i64(w, (int64_t)c->cached);
    json_key(w, "dropped_tokens"), json_i64(w, (int64_t)s->dropped);
    if (s->note.len)
        json_key(w, "note"), json_str(w, buf_str(&s->note));
    json_object_end(w);
}

static int chunk(struct engine_say *s, enum delta delta, const struct host_event *ev, const char *finish, const struct sched_counts *counts,
                 struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    chunk_begin(&w, s);
    json_key(&w, "choices");
    json_array_begin(&w);
    json_object_begin(&w);
    json_key(&w, "index"), json_i64(&w, 0);
    write_delta(&w, s, delta, ev);
    write_logprobs(&w, s, delta != DELTA_ROLE);
    json_key(&w, "finish_reason"), json_text(&w, finish);
    json_object_end(&w);
    json_array_end(&w);
    if (s->include_usage) /* it comes in the last chunk, with ours */
        json_key(&w, "usage"), json_null(&w);
    else if (counts)
        write_hearth(&w, s, counts);
    return chunk_end(&w);
}

/* --- events ------------------------------------------------------------------------------------------------------------------------------ */

static int keep_call(struct engine_say *s, const struct host_event *ev)
{
    if (ev->said == HOST_SAID_CALL_END)
        return buf_append_text(&s->calls, "\"}}");
    if (ev->said == HOST_SAID_CALL) {
        s->call_count++;
        int rc = buf_append_format(&s->calls, "%s{\"id\":\"call_%s_%u\",\"type\":\"function\",\"function\":{\"name\":", ev->call ? "," : "",
                                s->id + strlen("chatcmpl-"), ev->call);
        struct json_writer w = JSON_WRITER(&s->calls);
        w.rc = rc;
        json_str(&w, ev->text);
        return json_done(&w) < 0 ? json_done(&w) : buf_append_text(&s->calls, ",\"arguments\":\"");
    }
    /* a piece of a JSON text as a piece of a JSON string: escaped, without the quotes */
    AUTO_BUF struct buf quoted = BUF_INIT(ENGINE_ANSWER_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&quoted);
    json_str(&w, ev->text);
    return json_done(&w) < 0 ? ERR_NOMEM : buf_append(&s->calls, str_slice(buf_str(&quoted), 1, quoted.len - 1));
}

/* Nine digits tell any float from its neighbours. */
static int write_vector(struct buf *out, const float *v, size_t count, bool base64)
{
    int rc = buf_append_char(out, base64 ? '"' : '[');
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = v[i] - v[i] != 0 ? ERR_INVALID : base64 ? 0 : buf_append_format(out, i ? ",%.9g" : "%.9g", (double)v[i]);
    if (base64 && rc == 0)
        rc = base64_append(out, str_of(v, count * sizeof *v)); /* little-endian, as this machine is */
    return rc < 0 ? rc : buf_append_char(out, base64 ? '"' : ']');
}

/* Texts may be through in another order than they came. */
static int keep_vector(struct engine_say *s, const struct host_event *ev)
{
    struct buf *out = &s->vector[ev->call];
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "object"), json_text(&w, "embedding");
    json_key(&w, "index"), json_i64(&w, ev->call);
    json_key(&w, "embedding");
    int rc = json_done(&w);
    if (rc == 0)
        rc = write_vector(out, ev->vector, ev->vector_count, s->base64);
    return rc < 0 ? rc : buf_append_char(out, '}');
}

int engine_say_event(struct engine_say *s, const struct host_event *ev, struct buf *out)
{
    static const enum delta deltas[] = {[HOST_SAID_TEXT] = DELTA_TEXT, [HOST_SAID_REASONING] = DELTA_REASONING, [HOST_SAID_CALL] = DELTA_CALL,
                                        [HOST_SAID_ARGUMENTS] = DELTA_ARGUMENTS};
    if (ev->said == HOST_SAID_VECTOR)
        return keep_vector(s, ev);
    if (s->stream) {
        int rc = s->begun || !is_chat(s) ? 0 : chunk(s, DELTA_ROLE, ev, NULL, NULL, out);
        s->begun = true;
        return rc < 0 || ev->said == HOST_SAID_CALL_END ? rc : chunk(s, deltas[ev->said], ev, NULL, NULL, out);
    }
    switch (ev->said) {
    case HOST_SAID_TEXT:
        return buf_append(&s->content, ev->text);
    case HOST_SAID_REASONING:
        return buf_append(&s->reasoning, ev->text);
    default:
        return keep_call(s, ev);
    }
}

/* --- the end -------------------------------------------------------------------------------------------------------------------------------- */

static const char *finish_name(enum host_finish finish)
{
    return finish == HOST_LENGTH ? "length" : finish == HOST_CALLS ? "tool_calls" : "stop";
}

static void write_usage(struct json_writer *w, const struct engine_say *s, const struct sched_counts *c)
{
    json_key(w, "usage");
    json_object_begin(w);
    json_key(w, "prompt_tokens"), json_i64(w, (int64_t)c->prompt);
    if (s->kind != HOST_EMBED) {
        json_key(w, "completion_tokens"), json_i64(w, (int64_t)c->answer);
    }
    json_key(w, "total_tokens"), json_i64(w, (int64_t)(c->prompt + c->answer));
    if (s->kind != HOST_EMBED) {
        json_key(w, "prompt_tokens_details");
        json_object_begin(w);
        json_key(w, "cached_tokens"), json_i64(w, (int64_t)c->cached);
        json_object_end(w);
    }
    json_object_end(w);
}

static void write_message(struct json_writer *w, struct engine_say *s)
{
    if (!is_chat(s)) {
        json_key(w, "text"), json_str(w, buf_str(&s->content));
        return;
    }
    json_key(w, "message");
    json_object_begin(w);
    json_key(w, "role"), json_text(w, "assistant");
    json_key(w, "content");
    if (s->content.len || !s->call_count)
        json_str(w, buf_str(&s->content));
    else
        json_null(w);
    if (s->reasoning.len)
        json_key(w, "reasoning_content"), json_str(w, buf_str(&s->reasoning));
    if (s->call_count) {
        json_key(w, "tool_calls");
        json_array_begin(w);
        json_raw(w, buf_str(&s->calls));
        json_array_end(w);
    }
    json_object_end(w);
}

static int say_whole(struct engine_say *s, enum host_finish finish, const struct sched_counts *counts, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    bool embeds = s->kind == HOST_EMBED;
    json_object_begin(&w);
    if (!embeds)
        json_key(&w, "id"), json_text(&w, s->id);
    json_key(&w, "object"), json_text(&w, embeds ? "list" : is_chat(s) ? "chat.completion" : "text_completion");
    if (!embeds)
        json_key(&w, "created"), json_i64(&w, s->created_s);
    json_key(&w, "model"), json_str(&w, s->model);
    json_key(&w, embeds ? "data" : "choices");
    json_array_begin(&w);
    if (embeds) {
        for (size_t i = 0; i < s->vector_max; i++)
            json_raw(&w, buf_str(&s->vector[i]));
    } else {
        json_object_begin(&w);
        json_key(&w, "index"), json_i64(&w, 0);
        write_message(&w, s);
        write_logprobs(&w, s, true);
        json_key(&w, "finish_reason"), json_text(&w, finish_name(finish));
        json_object_end(&w);
    }
    json_array_end(&w);
    write_usage(&w, s, counts);
    write_hearth(&w, s, counts);
    json_object_end(&w);
    return json_done(&w);
}

int engine_say_end(struct engine_say *s, enum host_finish finish, const struct sched_counts *counts, struct buf *out)
{
    if (!s->stream)
        return say_whole(s, finish, counts, out);
    int rc = s->begun || !is_chat(s) ? 0 : chunk(s, DELTA_ROLE, NULL, NULL, NULL, out);
    if (rc == 0)
        rc = chunk(s, DELTA_NONE, NULL, finish_name(finish), counts, out);
    if (rc < 0)
        return rc;
    struct json_writer w = JSON_WRITER(out);
    if (s->include_usage) {
        chunk_begin(&w, s);
        json_key(&w, "choices");
        json_array_begin(&w);
        json_array_end(&w);
        write_usage(&w, s, counts);
        write_hearth(&w, s, counts);
        rc = chunk_end(&w);
    }
    return rc < 0 ? rc : buf_append_text(out, "data: [DONE]\n\n");
}

int engine_say_error(struct buf *out, const char *type, const char *code, struct str message)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "error");
    json_object_begin(&w);
    json_key(&w, "message"), json_str(&w, message);
    json_key(&w, "type"), json_text(&w, type);
    json_key(&w, "param"), json_null(&w);
    json_key(&w, "code"), json_text(&w, code);
    json_object_end(&w);
    json_object_end(&w);
    return json_done(&w);
}
