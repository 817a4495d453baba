/* openai_said.c: what one answer or one chunk of a stream says, in any vendor's dress: one scan that finds the slices, in
 * whatever order they stand. Warm path: each chunk of a translated stream. */
#include "wire/openai_priv.h"
#include "wire/answer_priv.h"

struct said_reader {
    struct json_scan scan;
    struct openai_said *out;
    bool side_usage;      /* out->usage is from a place that a top-level usage overrides */
    int64_t timed_cached; /* timings.cache_n of llama-server */
};

/* The next member. Keys are compared as they stand, which is quick; one that is spelled with escapes, as nobody does, is first
 * made the name it means. */
static bool member(struct json_scan *s, struct str *key)
{
    static const char *const names[] = {"annotations", "arguments", "audio", "cache_n", "choices", "content", "created", "custom",
                                        "data", "delta", "error", "extra_content", "finish_reason", "format", "function",
                                        "function_call", "id", "images", "index", "input", "matched_stop", "message", "model", "name",
                                        "object", "reasoning", "reasoning_content", "reasoning_details", "refusal", "signature",
                                        "stop_reason", "stopping_word", "summary", "text", "thinking", "timings", "tool_calls",
                                        "transcript", "type", "usage", "x_groq"};
    if (!json_member(s, key))
        return false;
    if (key->len == 0 || !memchr(key->ptr, '\\', key->len))
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_key_is(*key, str_from(names[i])))
            *key = str_from(names[i]);
    return true;
}

static void skip(struct json_scan *s)
{
    json_skip(s, NULL);
}

static bool enter(struct json_scan *s, enum json_type type)
{
    if (json_peek(s) == type)
        return json_enter(s);
    skip(s);
    return false;
}

/* A string that says something; anything else leaves *out alone. */
static void text_read(struct json_scan *s, struct str *out)
{
    struct str raw;

    if (json_peek(s) != JSON_STRING)
        skip(s);
    else if (json_string(s, &raw) && raw.len)
        *out = raw;
}

/* A list that is not empty, or an object: whole. */
static void whole_read(struct json_scan *s, enum json_type type, struct str *out)
{
    bool fits = json_peek(s) == type;
    struct str raw;

    if (json_skip(s, &raw) && fits && str_trim(str_slice(raw, 1, raw.len - 1)).len)
        *out = raw;
}

static void count_read(struct json_scan *s, int64_t *out)
{
    bool number = json_peek(s) == JSON_NUMBER;
    struct str raw;
    int64_t n;

    if (json_skip(s, &raw) && number && json_to_i64(raw, &n) && n >= 0)
        *out = n;
}

static void error_read(struct said_reader *r)
{
    r->out->failed |= json_peek(&r->scan) != JSON_NULL;
    skip(&r->scan);
}

static void usage_read(struct said_reader *r, bool aside)
{
    struct usage usage;

    if (!answer_usage_read(&r->scan, &usage) || (r->out->has_usage && aside && !r->side_usage))
        return;
    r->out->has_usage = true;
    r->out->usage = usage;
    r->side_usage = aside;
}

static void content_read(struct said_reader *r)
{
    if (json_peek(&r->scan) == JSON_ARRAY)
        whole_read(&r->scan, JSON_ARRAY, &r->out->content_list);
    else
        text_read(&r->scan, &r->out->content);
}

/* Under several names, sometimes under two at once, which then say the same. */
static void reasoning_read(struct said_reader *r)
{
    struct str text = STR_NONE;

    text_read(&r->scan, &text);
    if (text.len && !r->out->reasoning.len)
        r->out->reasoning = text;
}

static void audio_read(struct said_reader *r)
{
    struct str key;

    if (!enter(&r->scan, JSON_OBJECT))
        return;
    while (member(&r->scan, &key)) {
        if (str_eq(key, STR("transcript")))
            text_read(&r->scan, &r->out->transcript);
        else
            skip(&r->scan);
    }
}

static void message_read(struct said_reader *r)
{
    struct openai_said *out = r->out;
    struct str key;

    if (!enter(&r->scan, JSON_OBJECT))
        return;
    while (member(&r->scan, &key)) {
        if (str_eq(key, STR("content")))
            content_read(r);
        else if (str_eq(key, STR("tool_calls")))
            whole_read(&r->scan, JSON_ARRAY, &out->calls);
        else if (str_eq(key, STR("reasoning_content")) || str_eq(key, STR("reasoning")) ||
                 str_eq(key, STR("thinking")))
            reasoning_read(r);
        else if (str_eq(key, STR("refusal")))
            text_read(&r->scan, &out->refusal);
        else if (str_eq(key, STR("reasoning_details")))
            whole_read(&r->scan, JSON_ARRAY, &out->details);
        else if (str_eq(key, STR("function_call")))
            whole_read(&r->scan, JSON_OBJECT, &out->function_call);
        else if (str_eq(key, STR("audio")))
            audio_read(r);
        else if (str_eq(key, STR("images")))
            whole_read(&r->scan, JSON_ARRAY, &out->images);
        else if (str_eq(key, STR("annotations")))
            whole_read(&r->scan, JSON_ARRAY, &out->annotations);
        else
            skip(&r->scan);
    }
}

/* --- choices ------------------------------------------------------------------------------------------------------- */

static void finish_read(struct said_reader *r)
{
    struct str raw = STR_NONE;

    text_read(&r->scan, &raw);
    if (raw.len)
        r->out->finish = answer_finish_of(raw);
}

/* vLLM's stop_reason and SGLang's matched_stop are a token's number or the text itself. */
static bool is_stop(struct str key)
{
    return str_eq(key, STR("stop_reason")) || str_eq(key, STR("matched_stop")) || str_eq(key, STR("stopping_word"));
}

static void choice_member(struct said_reader *r, struct str key)
{
    bool message = str_eq(key, STR("message"));

    if (message || str_eq(key, STR("delta"))) {
        r->out->is_message |= message && json_peek(&r->scan) == JSON_OBJECT;
        message_read(r);
    } else if (str_eq(key, STR("finish_reason"))) {
        finish_read(r);
    } else if (str_eq(key, STR("usage"))) {
        usage_read(r, true);
    } else if (str_eq(key, STR("error"))) {
        error_read(r);
    } else if (str_eq(key, STR("text"))) {
        text_read(&r->scan, &r->out->content);
    } else if (is_stop(key)) {
        text_read(&r->scan, &r->out->stop);
    } else {
        skip(&r->scan);
    }
}

/* Where the choice says its number at all, it says it before or after the rest: it is looked for first. */
static bool is_first(struct json_scan at)
{
    struct str key;
    int64_t index = 0;

    if (!json_enter(&at))
        return false;
    while (member(&at, &key)) {
        if (str_eq(key, STR("index"))) {
            count_read(&at, &index);
            return index == 0;
        }
        skip(&at);
    }
    return true;
}

/* One that nobody reads may fail all the same, and then the answer has. */
static void other_choice_read(struct said_reader *r)
{
    struct str key;

    if (!enter(&r->scan, JSON_OBJECT))
        return;
    while (member(&r->scan, &key)) {
        if (str_eq(key, STR("error")))
            error_read(r);
        else
            skip(&r->scan);
    }
}

static void choices_read(struct said_reader *r)
{
    struct str key;

    if (!enter(&r->scan, JSON_ARRAY))
        return;
    r->out->has_choices = true;
    while (json_element(&r->scan)) {
        bool first = json_peek(&r->scan) == JSON_OBJECT && is_first(r->scan);
        r->out->choice_count++;
        if (!first) {
            other_choice_read(r);
            continue;
        }
        json_enter(&r->scan);
        while (member(&r->scan, &key))
            choice_member(r, key);
    }
}

/* --- the whole ----------------------------------------------------------------------------------------------------- */

static void groq_read(struct said_reader *r)
{
    struct str key;

    if (!enter(&r->scan, JSON_OBJECT))
        return;
    while (member(&r->scan, &key)) {
        if (str_eq(key, STR("usage")))
            usage_read(r, true);
        else if (str_eq(key, STR("error")))
            error_read(r);
        else
            skip(&r->scan);
    }
}

static void timings_read(struct said_reader *r)
{
    struct str key;

    if (!enter(&r->scan, JSON_OBJECT))
        return;
    while (member(&r->scan, &key)) {
        if (str_eq(key, STR("cache_n")))
            count_read(&r->scan, &r->timed_cached);
        else
            skip(&r->scan);
    }
}

static void object_read(struct said_reader *r)
{
    struct str name = STR_NONE;

    text_read(&r->scan, &name);
    r->out->failed |= json_key_is(name, STR("error")); /* older vLLM: a flat error */
}

static void top_member(struct said_reader *r, struct str key)
{
    struct openai_said *out = r->out;

    if (str_eq(key, STR("choices")))
        choices_read(r);
    else if (str_eq(key, STR("id")))
        text_read(&r->scan, &out->id);
    else if (str_eq(key, STR("object")))
        object_read(r);
    else if (str_eq(key, STR("created")))
        count_read(&r->scan, &out->created_s);
    else if (str_eq(key, STR("model")))
        text_read(&r->scan, &out->model);
    else if (str_eq(key, STR("usage")))
        usage_read(r, false);
    else if (str_eq(key, STR("error")))
        error_read(r);
    else if (str_eq(key, STR("x_groq")))
        groq_read(r);
    else if (str_eq(key, STR("timings")))
        timings_read(r);
    else if (is_stop(key))
        text_read(&r->scan, &out->stop);
    else
        skip(&r->scan);
}

int openai_said_read(struct openai_said *out, struct str text, struct err *e)
{
    struct said_reader r = {.out = out};
    struct str key;

    *out = (struct openai_said){.usage = {.cost_nusd = -1}};
    json_scan_init(&r.scan, text);
    if (json_peek(&r.scan) != JSON_OBJECT)
        return r.scan.problem ? json_finish(&r.scan, e) : err_set(e, ERR_SYNTAX, "the answer is not a JSON object");
    json_enter(&r.scan);
    while (member(&r.scan, &key))
        top_member(&r, key);
    int rc = json_finish(&r.scan, e);
    int64_t cacheable = out->usage.input - out->usage.cache_write;
    if (out->has_usage && out->usage.cached == 0 && r.timed_cached > 0)
        out->usage.cached = r.timed_cached < cacheable ? r.timed_cached : cacheable;
    return rc;
}

/* --- lists inside -------------------------------------------------------------------------------------------------- */

/* A string, or what sloppy servers send in its place: the object itself. */
static void arguments_read(struct json_scan *s, struct openai_fragment *out)
{
    struct str raw;

    if (json_peek(s) != JSON_OBJECT)
        text_read(s, &out->arguments);
    else if (json_skip(s, &raw)) {
        out->arguments = raw;
        out->arguments_plain = true;
    }
}

void openai_function_read(struct json_scan *s, struct openai_fragment *out)
{
    struct str key;

    if (!enter(s, JSON_OBJECT))
        return;
    while (member(s, &key)) {
        if (str_eq(key, STR("name")))
            text_read(s, &out->name);
        else if (str_eq(key, STR("arguments")) || str_eq(key, STR("input")))
            arguments_read(s, out);
        else
            skip(s);
    }
}

bool openai_fragment_next(struct json_scan *s, struct openai_fragment *out)
{
    struct str key;

    *out = (struct openai_fragment){.index = -1};
    if (!json_element(s))
        return false;
    if (!enter(s, JSON_OBJECT))
        return true;
    while (member(s, &key)) {
        bool custom = str_eq(key, STR("custom"));
        if (custom || str_eq(key, STR("function"))) {
            out->custom |= custom && json_peek(s) == JSON_OBJECT;
            openai_function_read(s, out);
        } else if (str_eq(key, STR("index"))) {
            count_read(s, &out->index);
        } else if (str_eq(key, STR("id"))) {
            text_read(s, &out->id);
        } else if (str_eq(key, STR("extra_content"))) {
            whole_read(s, JSON_OBJECT, &out->extra);
        } else {
            skip(s);
        }
    }
    return true;
}

bool openai_detail_next(struct json_scan *s, struct openai_detail *out)
{
    struct json_scan inside;
    struct str key;

    *out = (struct openai_detail){.whole = STR_NONE};
    if (!json_element(s) || !json_skip(s, &out->whole))
        return false;
    json_scan_init(&inside, out->whole);
    if (!json_enter(&inside))
        return true;
    while (member(&inside, &key)) {
        if (str_eq(key, STR("text")) || str_eq(key, STR("summary"))) {
            out->summary |= key.ptr[0] == 's';
            text_read(&inside, &out->text);
        } else if (str_eq(key, STR("type")))
            text_read(&inside, &out->type);
        else if (str_eq(key, STR("index")))
            json_skip(&inside, &out->index);
        else if (str_eq(key, STR("signature")))
            text_read(&inside, &out->signature);
        else if (str_eq(key, STR("data")))
            text_read(&inside, &out->data);
        else if (str_eq(key, STR("id")))
            text_read(&inside, &out->id);
        else if (str_eq(key, STR("format")))
            text_read(&inside, &out->format);
        else
            skip(&inside);
    }
    return true;
}

/* Mistral's {type: "thinking", thinking: [{text}]} beside {type: "text", text}. */
static int piece_say(struct str whole, enum part_kind kind, int (*say)(const struct openai_piece *, void *), void *ctx)
{
    struct openai_piece piece = {.kind = kind};
    struct str key, thinking = STR_NONE;
    struct json_scan s;

    json_scan_init(&s, whole);
    if (!json_enter(&s))
        return 0;
    while (member(&s, &key)) {
        if (str_eq(key, STR("text")))
            text_read(&s, &piece.text);
        else if (str_eq(key, STR("refusal"))) {
            text_read(&s, &piece.text);
            piece.kind = PART_REFUSAL;
        } else if (str_eq(key, STR("thinking"))) {
            if (json_peek(&s) == JSON_STRING) {
                text_read(&s, &piece.text);
                piece.kind = PART_REASONING;
            } else {
                whole_read(&s, JSON_ARRAY, &thinking);
            }
        } else {
            skip(&s);
        }
    }
    if (piece.text.len)
        return say(&piece, ctx);
    if (!thinking.len || kind == PART_REASONING)
        return 0;
    json_scan_init(&s, thinking);
    json_enter(&s);
    int rc = 0;
    while (rc == 0 && json_element(&s) && json_skip(&s, &whole))
        rc = piece_say(whole, PART_REASONING, say, ctx); /* one level */
    return rc;
}

int openai_pieces(struct str list, int (*say)(const struct openai_piece *p, void *ctx), void *ctx)
{
    struct json_scan s;
    struct str whole;
    int rc = 0;

    json_scan_init(&s, list);
    json_enter(&s);
    while (rc == 0 && json_element(&s) && json_skip(&s, &whole))
        rc = piece_say(whole, PART_TEXT, say, ctx);
    return rc;
}
