/* anthropic.c: the Anthropic Messages dialect: its table, and what its requests, answers and streams have in common; see
 * anthropic_priv.h for the other files. Sources: Anthropic's published API reference and SDK types. */
#include "wire/anthropic_priv.h"
#include "wire/answer_priv.h"

/* --- members of an object, raw ------------------------------------------------------------------------------------ */

static size_t name_find(const struct str *names, size_t count, struct str key)
{
    for (size_t i = 0; i < count; i++) /* names have no escapes, so that equal bytes are equal names */
        if (names[i].len == key.len && memcmp(names[i].ptr, key.ptr, key.len) == 0)
            return i;
    for (size_t i = 0; i < count && memchr(key.ptr, '\\', key.len); i++)
        if (json_key_is(key, names[i]))
            return i;
    return count;
}

int anthropic_fields_walk(struct fields *f, const struct str *names, size_t count, struct json_scan *s, struct err *e)
{
    struct str key, value;
    uint32_t seen = 0;
    *f = (struct fields){0};
    if (json_peek(s) != JSON_OBJECT || !json_enter(s))
        return s->problem ? json_finish(s, e) : err_set(e, ERR_SYNTAX, "an object is missing");
    while (json_member(s, &key)) {
        if (!json_skip(s, &value))
            break;
        bool null = value.ptr[0] == 'n';
        size_t i = name_find(names, count, key);
        if (i == count) {
            f->odd |= !null;
            continue;
        }
        if (seen & 1u << i)
            return err_set(e, ERR_SYNTAX, "%.*s is there twice", STR_FMT(names[i]));
        seen |= 1u << i;
        f->raw[i] = null ? STR_NONE : value;
    }
    return s->problem ? json_finish(s, e) : 0;
}

int anthropic_fields_read(struct fields *f, const struct str *names, size_t count, struct str text, struct err *e)
{
    struct json_scan s;
    json_scan_init(&s, text);
    int rc = anthropic_fields_walk(f, names, count, &s, e);
    return rc ? rc : json_finish(&s, e);
}

static bool unquote(struct str *raw)
{
    if (raw->len < 2 || raw->ptr[0] != '"')
        return false;
    *raw = str_slice(*raw, 1, raw->len - 1);
    return true;
}

int anthropic_raw_text(struct str raw, struct arena *a, struct str *out)
{
    *out = STR("");
    if (raw.len == 0)
        return 0;
    if (!unquote(&raw))
        return ERR_INVALID;
    *out = json_unescape_arena(raw, a);
    return out->ptr ? 0 : ERR_NOMEM;
}

int anthropic_raw_piece(struct str raw, struct buf *scratch, struct str *out)
{
    *out = STR("");
    if (raw.len == 0)
        return 0;
    if (!unquote(&raw))
        return ERR_SYNTAX;
    *out = raw;
    if (raw.len == 0 || !memchr(raw.ptr, '\\', raw.len))
        return 0;
    buf_clear(scratch);
    int rc = json_unescape(raw, scratch);
    *out = buf_str(scratch);
    return rc;
}

/* --- why an answer ended ------------------------------------------------------------------------------------------ */

static const struct {
    struct str word;
    enum finish finish;
} reasons[] = {
    {STR("end_turn"), FINISH_STOP},
    {STR("stop_sequence"), FINISH_STOP},
    {STR("tool_use"), FINISH_TOOLS},
    {STR("max_tokens"), FINISH_LENGTH},
    {STR("model_context_window_exceeded"), FINISH_LENGTH},
    {STR("refusal"), FINISH_FILTER},
};

/* A word that is not known, pause_turn among them, is an end like any other. */
enum finish anthropic_finish(struct str stop_reason)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (str_eq(reasons[i].word, stop_reason))
            return reasons[i].finish;
    return stop_reason.len ? FINISH_OTHER : FINISH_NONE;
}

const char *anthropic_stop_reason(enum finish f, bool by_sequence)
{
    switch (f) {
    case FINISH_TOOLS: return "tool_use";
    case FINISH_LENGTH: return "max_tokens";
    case FINISH_FILTER: return "refusal";
    case FINISH_STOP: return by_sequence ? "stop_sequence" : "end_turn";
    case FINISH_NONE:
    case FINISH_INTERRUPTED:
    case FINISH_OTHER: break;
    }
    return "end_turn";
}

/* --- usage -------------------------------------------------------------------------------------------------------- */

static bool number(struct str raw, int64_t *out)
{
    int64_t n;
    if (raw.len == 0 || !json_to_i64(raw, &n) || n < 0 || n > INT64_MAX / 8)
        return false;
    *out = n;
    return true;
}

int anthropic_usage_read(struct usage *u, bool *has, struct str raw, struct err *e)
{
    enum { INPUT, WRITTEN, CACHED, OUTPUT, DETAILS, COST, COUNT };
    static const struct str names[COUNT] = {STR("input_tokens"), STR("cache_creation_input_tokens"),
                                            STR("cache_read_input_tokens"), STR("output_tokens"),
                                            STR("output_tokens_details"), STR("cost")}; /* OpenRouter tells the last */
    struct fields f, details = {0};
    if (raw.len == 0 || raw.ptr[0] != '{')
        return 0;
    int rc = anthropic_fields_read(&f, names, COUNT, raw, e);
    if (rc == 0 && f.raw[DETAILS].len && f.raw[DETAILS].ptr[0] == '{')
        rc = anthropic_fields_read(&details, (const struct str[]){STR("thinking_tokens")}, 1, f.raw[DETAILS], e);
    if (rc)
        return rc;

    int64_t fresh = u->input - u->cached - u->cache_write, written = u->cache_write, cached = u->cached;
    bool told = number(f.raw[INPUT], &fresh);
    told |= number(f.raw[WRITTEN], &written);
    told |= number(f.raw[CACHED], &cached);
    if (fresh + written + cached > 0) { /* no prompt has no tokens: zeros are from those who do not know */
        u->input = fresh + written + cached;
        u->cache_write = written;
        u->cached = cached;
    }
    told |= number(f.raw[OUTPUT], &u->output);
    (void)number(details.raw[0], &u->reasoning);
    if (f.raw[COST].len) {
        struct json_scan s;
        json_scan_init(&s, f.raw[COST]);
        u->cost_nusd = answer_cost_read(&s);
    }
    *has |= told;
    u->reported |= told;
    return 0;
}

void anthropic_usage_write(struct json_writer *w, const struct usage *u)
{
    int64_t fresh = u->input - u->cached - u->cache_write;
    json_object_begin(w);
    json_key(w, "input_tokens");
    json_i64(w, fresh > 0 ? fresh : 0);
    json_key(w, "cache_creation_input_tokens");
    json_i64(w, u->cache_write);
    json_key(w, "cache_read_input_tokens");
    json_i64(w, u->cached);
    json_key(w, "output_tokens");
    json_i64(w, u->output);
    if (u->reasoning > 0) {
        json_key(w, "output_tokens_details");
        json_object_begin(w);
        json_key(w, "thinking_tokens");
        json_i64(w, u->reasoning);
        json_object_end(w);
    }
    json_object_end(w);
}

/* --- errors ------------------------------------------------------------------------------------------------------- */

static const struct {
    int status;
    const char *type;
} statuses[] = {
    {400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},
    {403, "permission_error"},      {404, "not_found_error"},      {408, "timeout_error"},
    {413, "request_too_large"},     {429, "rate_limit_error"},     {502, "api_error"},
    {503, "overloaded_error"},      {504, "timeout_error"},        {529, "overloaded_error"},
};
/* Codes that say more than the status: ours, and OpenAI's. */
static const struct {
    const char *code, *type;
} codes[] = {
    {"context_length_exceeded", "invalid_request_error"},
    {"budget_exhausted", "billing_error"},
    {"insufficient_quota", "billing_error"},
    {"invalid_api_key", "authentication_error"},
    {"model_not_found", "not_found_error"},
    {"rate_limit_exceeded", "rate_limit_error"},
    {"overloaded", "overloaded_error"},
};
static const char TOO_LONG[] = "prompt is too long: "; /* agents compact their history when a message begins so */

static const char *error_type(const struct wire_error *e)
{
    for (size_t i = 0; e->code && i < COUNT_OF(codes); i++)
        if (str_eq(str_from(e->code), str_from(codes[i].code)))
            return codes[i].type;
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        if (e->status == statuses[i].status)
            return statuses[i].type;
    return e->status >= 400 && e->status < 500 ? "invalid_request_error" : "api_error";
}

static int error_message(const struct wire_error *e, struct json_writer *w)
{
    bool too_long = e->code && str_eq(str_from(e->code), STR("context_length_exceeded"));
    if (!too_long || str_starts(e->message, str_from(TOO_LONG))) {
        json_str(w, e->message);
        return 0;
    }
    AUTO_BUF struct buf b = BUF_INIT(e->message.len + sizeof TOO_LONG);
    int rc = buf_append_text(&b, TOO_LONG);
    if (rc == 0)
        rc = buf_append(&b, e->message);
    json_str(w, buf_str(&b));
    return rc;
}

int anthropic_error_write(const struct wire_error *e, struct buf *out)
{
    size_t before = out->len;
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "type");
    json_text(&w, "error");
    json_key(&w, "error");
    json_object_begin(&w);
    json_key(&w, "type");
    json_text(&w, error_type(e));
    json_key(&w, "message");
    int rc = error_message(e, &w);
    json_object_end(&w);
    if (e->id.len) {
        json_key(&w, "request_id");
        json_str(&w, e->id);
    }
    json_object_end(&w);
    rc = rc ? rc : json_done(&w);
    if (rc)
        out->len = before; /* all of it or nothing */
    return rc;
}

static int error_status(int status)
{
    return status == 503 ? 529 : status;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static const struct limit limits[] = {
    {"n", LIMIT_REFUSED, "one answer per call"},
    {"logprobs", LIMIT_REFUSED, "it tells no probabilities"},
    {"top_logprobs", LIMIT_REFUSED, "it tells no probabilities"},
    {"logit_bias", LIMIT_REFUSED, "tokens cannot be weighted"},
    {"input_audio", LIMIT_REFUSED, "it takes no sound"},
    {"audio", LIMIT_REFUSED, "it gives no sound"},
    {"modalities", LIMIT_LOST, "answers are text"},
    {"image", LIMIT_REFUSED, "images are JPEG, PNG, GIF or WebP, or an address"},
    {"file", LIMIT_REFUSED, "documents are PDF or plain text, or an address"},
    {"file_id", LIMIT_REFUSED, "a file that lies with one vendor is not there for another"},
    {"assistant_media", LIMIT_LOST, "messages of the assistant hold no images and documents"},
    {"tools.hosted", LIMIT_LOST, "a tool that another vendor runs is left out where the call has others and none must be called"},
    {"tools.namespace", LIMIT_LOST, "functions of a namespace go one by one, as namespace__name; what the namespace itself said is lost"},
    {"server_tools", LIMIT_REFUSED, "a tool that one vendor runs is not there at another"},
    {"web_search_options", LIMIT_REFUSED, "a tool that one vendor runs is not there at another"},
    {"functions", LIMIT_REFUSED, "the old form of tools is not translated: use tools"},
    {"function_call", LIMIT_REFUSED, "the old form of tools is not translated: use tool_choice"},
    {"previous_response_id", LIMIT_REFUSED, "it keeps no conversation"},
    {"conversation", LIMIT_REFUSED, "it keeps no conversation"},
    {"response_format", LIMIT_REFUSED, "models before Claude 4.5 follow no schema"},
    {"suffix", LIMIT_REFUSED, "it does not fill gaps"},
    {"raw", LIMIT_REFUSED, "it takes messages only, no prompt without a template"},
    {"temperature", LIMIT_LOST, "0 to 1; newer models, and thinking, take none"},
    {"top_p", LIMIT_LOST, "newer models, and thinking, take none; some models take it or temperature"},
    {"top_k", LIMIT_LOST, "newer models, and thinking, take none"},
    {"min_p", LIMIT_LOST, "it is not known there"},
    {"frequency_penalty", LIMIT_LOST, "it is not known there"},
    {"presence_penalty", LIMIT_LOST, "it is not known there"},
    {"repeat_penalty", LIMIT_LOST, "it is not known there"},
    {"seed", LIMIT_LOST, "answers cannot be repeated"},
    {"service_tier", LIMIT_LOST, "auto and default only"},
    {"reasoning_effort", LIMIT_LOST, "not with a forced tool, too few tokens, or a model that does not think"},
    {"reasoning_content", LIMIT_LOST, "thinking without its vendor's signature is not taken back"},
    {"encrypted_content", LIMIT_LOST, "another vendor's hidden thinking is not taken back"},
    {"prefill", LIMIT_LOST,
     "newer models, and thinking, do not go on from a last message of the assistant; they answer it"},
    {"tool_result", LIMIT_LOST, "a result whose call is not in the message just before it is refused there"},
    {"cache_control", LIMIT_LOST, "four marks at most"},
    {"verbosity", LIMIT_LOST, "it is not known there"},
    {"prediction", LIMIT_LOST, "it only makes an answer faster"},
    {"store", LIMIT_LOST, "answers are not kept there"},
    {"metadata", LIMIT_LOST, "who asks is all that is told"},
    {"prompt_cache_key", LIMIT_LOST, "its caches go by the bytes"},
    {"name", LIMIT_LOST, "speakers have no names"},
};

const struct codec codec_anthropic = {
    .name = "anthropic",
    .dialect = DIALECT_ANTHROPIC,
    .framing = FRAMING_SSE,
    .stream_type = STR("text/event-stream; charset=utf-8"),
    .keep_alive = STR("event: ping\ndata: {\"type\":\"ping\"}\n\n"),
    .request_read = anthropic_request_read,
    .request_write = anthropic_request_write,
    .answer_read = anthropic_answer_read,
    .answer_write = anthropic_answer_write,
    .event_read = anthropic_event_read,
    .write = {.begin = anthropic_begin,
              .open = anthropic_open,
              .piece = anthropic_piece,
              .close = anthropic_close,
              .end = anthropic_end,
              .error = anthropic_stream_error},
    .error_write = anthropic_error_write,
    .error_status = error_status,
    .limit = limits,
    .limit_count = COUNT_OF(limits),
};
