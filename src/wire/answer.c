/* answer.c: one scan of an answer, or of one chunk of a stream: does it fail, does it say something, is it over, and
 * what did it cost. Hot path of streams.
 *
 * The same reader takes whole answers (`message`), chunks (`delta`) and legacy completions (`text`): servers mix them
 * up, and no name means two things. */
#include "wire/answer_priv.h"
#include "wire/audio.h"
#include "wire/rerank.h"
#include <assert.h>

static void value_skip(struct answer_reader *r)
{
    json_skip(&r->scan, NULL);
}

bool answer_object_enter(struct answer_reader *r)
{
    if (json_peek(&r->scan) == JSON_OBJECT)
        return json_enter(&r->scan);
    value_skip(r);
    return false;
}

bool answer_array_enter(struct answer_reader *r)
{
    if (json_peek(&r->scan) == JSON_ARRAY)
        return json_enter(&r->scan);
    value_skip(r);
    return false;
}

bool answer_filled_skip(struct answer_reader *r)
{
    enum json_type type = json_peek(&r->scan);
    struct str raw;

    if (!json_skip(&r->scan, &raw) || (type != JSON_STRING && type != JSON_ARRAY && type != JSON_OBJECT))
        return false;
    return str_trim(str_slice(raw, 1, raw.len - 1)).len > 0;
}

/* Native names leak through gateways; see the names in the table. */
enum finish answer_finish_of(struct str raw)
{
    static const struct {
        const char *name;
        enum finish finish;
    } names[] = {
        {"stop", FINISH_STOP},
        {"length", FINISH_LENGTH},
        {"tool_calls", FINISH_TOOLS},
        {"function_call", FINISH_TOOLS},
        {"content_filter", FINISH_FILTER},
        {"eos", FINISH_STOP},
        {"eos_token", FINISH_STOP},
        {"end_turn", FINISH_STOP},
        {"stop_sequence", FINISH_STOP},
        {"max_tokens", FINISH_LENGTH},
        {"model_context_window_exceeded", FINISH_LENGTH},
        {"tool_use", FINISH_TOOLS},
        {"refusal", FINISH_FILTER},
        {"safety", FINISH_FILTER},
        {"recitation", FINISH_FILTER},
        {"error", FINISH_INTERRUPTED},                        /* OpenRouter */
        {"insufficient_system_resource", FINISH_INTERRUPTED}, /* DeepSeek */
        {"abort", FINISH_INTERRUPTED},                        /* vLLM and its family */
        {"cancelled", FINISH_INTERRUPTED},
    };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq_fold(raw, str_from(names[i].name))) /* Gemini's own are in capitals */
            return names[i].finish;
    }
    return FINISH_OTHER;
}

static enum finish finish_read(struct answer_reader *r)
{
    struct str raw;

    if (json_peek(&r->scan) != JSON_STRING) {
        value_skip(r);
        return FINISH_NONE;
    }
    return json_string(&r->scan, &raw) && raw.len > 0 ? answer_finish_of(raw) : FINISH_NONE;
}

/* A top-level usage is the first choice; beside it some say it inside a choice (Kimi) or in x_groq. */
static void usage_read(struct answer_reader *r, bool aside)
{
    struct usage usage;

    if (!answer_usage_read(&r->scan, &usage))
        return;
    if (r->out->has_usage && aside && !r->side_usage)
        return;
    r->out->has_usage = true;
    r->out->usage = usage;
    r->side_usage = r->out->usage_aside = aside;
}

static void error_read(struct answer_reader *r)
{
    if (json_peek(&r->scan) != JSON_NULL)
        r->out->has_error = true;
    value_skip(r);
}

static void choice_read(struct answer_reader *r)
{
    enum finish finish = FINISH_NONE;
    struct str key;

    r->out->choice_count++;
    if (answer_object_enter(r)) {
        while (json_member(&r->scan, &key)) {
            if (json_key_is(key, STR("delta")) || json_key_is(key, STR("message")))
                answer_message_read(r);
            else if (json_key_is(key, STR("text")))
                answer_content_read(r);
            else if (json_key_is(key, STR("finish_reason")))
                finish = finish_read(r);
            else if (json_key_is(key, STR("usage")))
                usage_read(r, true);
            else if (json_key_is(key, STR("error")))
                error_read(r);
            else
                value_skip(r);
        }
    }
    if (finish == FINISH_NONE)
        r->out->finish_pending = true;
    else
        r->out->finish = finish;
}

static void choices_read(struct answer_reader *r)
{
    if (!answer_array_enter(r))
        return;
    r->out->has_choices = true;
    while (json_element(&r->scan))
        choice_read(r);
}

static void vector_read(struct answer_reader *r)
{
    bool filled = false;
    struct str key;

    r->out->choice_count++;
    if (answer_object_enter(r)) {
        while (json_member(&r->scan, &key)) {
            if (json_key_is(key, STR("embedding")))
                filled = answer_filled_skip(r);
            else
                value_skip(r);
        }
    }
    r->vector_missing |= !filled;
}

static void vectors_read(struct answer_reader *r)
{
    if (!answer_array_enter(r))
        return;
    r->out->has_choices = true;
    while (json_element(&r->scan))
        vector_read(r);
    r->out->has_content = r->out->choice_count > 0 && !r->vector_missing;
}

static void groq_read(struct answer_reader *r)
{
    struct str key;

    if (!answer_object_enter(r))
        return;
    while (json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("usage")))
            usage_read(r, true);
        else if (json_key_is(key, STR("error")))
            error_read(r);
        else
            value_skip(r);
    }
}

/* llama-server says here, and only here, how much of the prompt it had in its cache. */
static void timings_read(struct answer_reader *r)
{
    struct str key, raw;

    if (!answer_object_enter(r))
        return;
    while (json_member(&r->scan, &key)) {
        if (json_skip(&r->scan, &raw) && json_key_is(key, STR("cache_n")))
            (void)json_to_i64(raw, &r->timed_cached);
    }
}

/* Older vLLM sends its errors flat: {"object":"error","message":…}. */
static void object_name_read(struct answer_reader *r)
{
    struct str raw;

    if (json_peek(&r->scan) != JSON_STRING)
        value_skip(r);
    else if (json_string(&r->scan, &raw) && json_key_is(raw, STR("error")))
        r->out->has_error = true;
}

static void top_read(struct answer_reader *r, enum wire_op op, struct str key)
{
    if (json_key_is(key, STR("choices")) && !wire_op_embeds(op))
        choices_read(r);
    else if (json_key_is(key, STR("data")) && wire_op_embeds(op))
        vectors_read(r);
    else if (json_key_is(key, STR("usage")))
        usage_read(r, false);
    else if (json_key_is(key, STR("error")))
        error_read(r);
    else if (json_key_is(key, STR("x_groq")))
        groq_read(r);
    else if (json_key_is(key, STR("timings")))
        timings_read(r);
    else if (json_key_is(key, STR("object")))
        object_name_read(r);
    else
        value_skip(r);
}

static int read_all(enum wire_op op, struct str text, bool whole, bool estimate, struct wire_answer *out, struct err *e)
{
    struct wire_answer answer = {.usage = {.cost_nusd = -1}};
    struct answer_reader r = {.out = &answer, .keep_content = whole, .estimate = estimate};
    struct str key;

    json_scan_init(&r.scan, text);
    if (json_peek(&r.scan) != JSON_OBJECT)
        return r.scan.problem ? json_finish(&r.scan, e) : err_set(e, ERR_SYNTAX, "the answer is not a JSON object");
    json_enter(&r.scan);
    while (json_member(&r.scan, &key))
        top_read(&r, op, key);
    int rc = json_finish(&r.scan, e);
    if (rc < 0)
        return rc;
    if (!whole)
        answer.finish_pending = false;
    int64_t cacheable = answer.usage.input - answer.usage.cache_write;
    if (answer.usage.cached == 0 && r.timed_cached > 0)
        answer.usage.cached = r.timed_cached < cacheable ? r.timed_cached : cacheable;
    *out = answer;
    return 0;
}

static int scores_read(struct str body, struct wire_answer *out, struct err *e)
{
    struct rerank_answer a;
    int rc = rerank_read(&a, body, e);

    if (rc == 0)
        rerank_facts(&a, out);
    return rc;
}

/* A byte order mark before a whole answer, as some .NET servers send: RFC 8259 lets a reader ignore it, and clients do. */
int answer_read(enum wire_op op, struct str body, struct wire_answer *out, struct err *e)
{
    if (op == WIRE_RERANK)
        return scores_read(body, out, e);
    if (str_starts(body, STR("\xef\xbb\xbf")))
        body = str_skip(body, 3);
    int rc = read_all(op, body, true, false, out, e);
    if (rc == 0 && !out->has_usage) /* nearly all whole answers tell; only then the text is worth a second look */
        rc = read_all(op, body, true, true, out, e);
    return rc;
}

int chunk_read(enum wire_op op, struct str data, struct wire_answer *out, struct err *e)
{
    if (wire_op_hears(op))
        return audio_chunk_read(data, out, e);
    return read_all(op, data, false, true, out, e);
}

bool text_keeps_format(struct str text, enum wire_format format)
{
    struct json_scan s;

    json_scan_init(&s, text);
    bool object = json_peek(&s) == JSON_OBJECT; /* a schema may ask for a list or a word; vLLM, llama-server and Ollama give it */
    return (object || format == FORMAT_JSON_SCHEMA) && json_skip(&s, NULL) && json_finish(&s, NULL) == 0;
}

bool answer_keeps_format(const struct wire_answer *w, enum wire_format format)
{
    if (format == FORMAT_TEXT || !w->content.ptr)
        return true; /* nothing was promised, or there is no text that could break the promise */
    AUTO_BUF struct buf text = BUF_INIT(w->content.len);
    if (json_unescape(w->content, &text) < 0)
        return true; /* without memory to look, the answer is given as it came rather than paid for twice */
    return text_keeps_format(buf_str(&text), format);
}

bool sse_is_done(struct str data)
{
    return str_starts(data, STR("[DONE]"));
}

const char *finish_name(enum finish f)
{
    static const char *const names[] = {
        [FINISH_NONE] = "none",
        [FINISH_STOP] = "stop",
        [FINISH_LENGTH] = "length",
        [FINISH_TOOLS] = "tool_calls",
        [FINISH_FILTER] = "content_filter",
        [FINISH_INTERRUPTED] = "interrupted",
        [FINISH_OTHER] = "other",
    };

    assert((size_t)f < COUNT_OF(names));
    return names[f];
}
