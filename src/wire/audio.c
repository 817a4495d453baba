/* audio.c: see audio.h. */
#include "wire/audio.h"
#include "wire/answer_priv.h"
#include "wire/call_priv.h"
#include <assert.h>

/* --- the form ------------------------------------------------------------------------------------------------------------ */

enum field { FIELD_OTHER, FIELD_FILE, FIELD_MODEL, FIELD_FORMAT, FIELD_STREAM };

static int twice(struct err *e, const char *name)
{
    return err_set(e, ERR_INVALID, "%s is given twice", name);
}

/* The place of a field that is kept; NULL: it is not. */
static char *place_of(struct audio_form *f, size_t **len, size_t *max, const char **name)
{
    switch (f->field) {
    case FIELD_MODEL: *len = &f->model_len; *max = sizeof f->model; *name = "model"; return f->model;
    case FIELD_FORMAT: *len = &f->format_len; *max = sizeof f->format; *name = "response_format"; return f->format;
    case FIELD_STREAM: *len = &f->stream_len; *max = sizeof f->stream_text; *name = "stream"; return f->stream_text;
    default: return NULL;
    }
}

static int part_begins(void *ctx, const struct multipart_part *p, struct err *e)
{
    struct audio_form *f = ctx;
    static const struct {
        struct str name;
        enum field field;
    } ours[] = {{STR("file"), FIELD_FILE}, {STR("model"), FIELD_MODEL}, {STR("response_format"), FIELD_FORMAT}, {STR("stream"), FIELD_STREAM}};
    bool *const given[] = {[FIELD_OTHER] = NULL, [FIELD_FILE] = &f->has_file, [FIELD_MODEL] = &f->has_model,
                           [FIELD_FORMAT] = &f->has_format, [FIELD_STREAM] = &f->has_stream};
    f->field = FIELD_OTHER;
    f->field_begin = p->begin;
    for (size_t i = 0; i < COUNT_OF(ours); i++) {
        struct str list = str_slice(p->name, 0, p->name.len > 2 && str_ends(p->name, STR("[]")) ? p->name.len - 2 : p->name.len);
        if (str_eq_fold(list, ours[i].name) && !str_eq(p->name, ours[i].name)) /* another server might take it for that one */
            return err_set(e, ERR_INVALID, "a part is named almost like %s; name it exactly so", ours[i].name.ptr);
        if (str_eq(p->name, ours[i].name))
            f->field = ours[i].field;
    }
    if (f->field == FIELD_OTHER)
        return 0;
    if (*given[f->field])
        return twice(e, ours[f->field - 1].name.ptr);
    *given[f->field] = true;
    return 0;
}

static int part_data(void *ctx, struct str bytes, struct err *e)
{
    struct audio_form *f = ctx;
    size_t *len, max;
    const char *name;
    char *at = place_of(f, &len, &max, &name);
    if (f->field == FIELD_FILE)
        f->file_bytes += bytes.len;
    if (!at)
        return 0;
    if (bytes.len > max - *len)
        return err_set(e, ERR_INVALID, "%s is longer than %zu bytes", name, max);
    memcpy(at + *len, bytes.ptr, bytes.len);
    *len += bytes.len;
    return 0;
}

static int model_ends(struct audio_form *f, uint64_t at, struct err *e)
{
    f->model_begin = f->field_begin;
    f->model_end = at;
    if (f->model_len == 0)
        return err_set(e, ERR_INVALID, "model is empty");
    return call_name_is_plain(str_of(f->model, f->model_len)) ? 0 : err_set(e, ERR_INVALID, "model holds a control character");
}

static int stream_ends(struct audio_form *f, struct err *e)
{
    struct str text = str_of(f->stream_text, f->stream_len);
    f->stream = str_eq_fold(text, STR("true")) || str_eq(text, STR("1")); /* Python's clients write True */
    bool is_false = text.len == 0 || str_eq_fold(text, STR("false")) || str_eq(text, STR("0"));
    return f->stream || is_false ? 0 : err_set(e, ERR_INVALID, "stream must be true or false");
}

static int part_ends(void *ctx, uint64_t at, struct err *e)
{
    struct audio_form *f = ctx;
    if (f->field == FIELD_FORMAT) {
        f->format_begin = f->field_begin;
        f->format_end = at;
    }
    return f->field == FIELD_MODEL ? model_ends(f, at, e) : f->field == FIELD_STREAM ? stream_ends(f, e) : 0;
}

static const struct multipart_handler handler = {.part = part_begins, .data = part_data, .end = part_ends};

int audio_form_open(struct audio_form *f, struct str content_type, struct err *e)
{
    *f = (struct audio_form){.has_model = false};
    return multipart_open(&f->parts, content_type, &handler, f, e);
}

int audio_form_feed(struct audio_form *f, struct str bytes, struct err *e)
{
    return multipart_feed(&f->parts, bytes, e);
}

int audio_form_end(struct audio_form *f, struct err *e)
{
    int rc = multipart_end(&f->parts, e);
    if (rc < 0)
        return rc;
    if (!f->has_model)
        return err_set(e, ERR_INVALID, "model is missing");
    return f->has_file ? 0 : err_set(e, ERR_INVALID, "file is missing");
}

bool audio_form_is_routable(const struct audio_form *f)
{
    return f->field == FIELD_FILE && f->model_end > 0;
}

void audio_form_fini(struct audio_form *f)
{
    multipart_fini(&f->parts);
}

/* --- facts ------------------------------------------------------------------------------------------------------------------- */

void audio_facts(const struct audio_form *f, enum wire_op op, struct str body, struct call *out)
{
    *out = (struct call){.op = op, .body = body, .model = str_of(f->model, f->model_len), .stream = f->stream, .wants_usage = true,
                         .max_tokens = -1, .choices = 1, .prompts = 1, .form = f,
                         .tokens_estimated = (int64_t)(body.len / AUDIO_BYTES_PER_TOKEN) + 1}; /* the rest of the form is small */
}

/* Opus for speech begins at 6 kbit/s; what is taken here has no codec below that. */
int64_t audio_ms_at_most(uint64_t file_bytes)
{
    enum { BYTES_PER_SECOND_LEAST = 750 };
    return (int64_t)(file_bytes * 1000 / BYTES_PER_SECOND_LEAST) + 1000;
}

static struct str format_of(const struct audio_form *f)
{
    return str_of(f->format, f->format_len);
}

bool audio_wants_subtitles(const struct audio_form *f)
{
    return str_eq(format_of(f), STR("srt")) || str_eq(format_of(f), STR("vtt"));
}

/* --- usage ------------------------------------------------------------------------------------------------------------------------ */

/* Seconds with decimals, as a number or (older servers) as a text; 0 when they make no sense. */
static int64_t seconds_read(struct json_scan *s)
{
    static const double SECONDS_MAX = 1e7; /* four months of sound */
    enum json_type type = json_peek(s);
    struct str raw;
    double seconds;
    if (!json_skip(s, &raw))
        return 0;
    if (type == JSON_STRING)
        raw = str_slice(raw, 1, raw.len - 1);
    else if (type != JSON_NUMBER)
        return 0;
    if (!json_to_double(raw, &seconds) || !(seconds > 0 && seconds <= SECONDS_MAX))
        return 0;
    int64_t ms = (int64_t)(seconds * 1000 + 0.5);
    return ms ? ms : 1;
}

struct told {
    int64_t input, output, usage_ms, duration_ms;
};

/* {"type":"tokens",…}, {"type":"duration","seconds":…}, or a chat's own. */
static void usage_read(struct json_scan *s, struct told *t)
{
    struct str key;
    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return;
    }
    json_enter(s);
    while (json_member(s, &key)) {
        if (json_key_is(key, STR("input_tokens")) || json_key_is(key, STR("prompt_tokens")))
            t->input = answer_count_read(s);
        else if (json_key_is(key, STR("output_tokens")) || json_key_is(key, STR("completion_tokens")))
            t->output = answer_count_read(s);
        else if (json_key_is(key, STR("seconds")))
            t->usage_ms = seconds_read(s);
        else
            json_skip(s, NULL);
    }
}

static void usage_take(const struct told *t, struct wire_answer *out)
{
    int64_t ms = t->usage_ms ? t->usage_ms : t->duration_ms;
    out->has_usage = ms > 0 || t->input > 0 || t->output > 0;
    if (out->has_usage)
        out->usage = (struct usage){.input = t->input > 0 ? t->input : 0, .output = t->output > 0 ? t->output : 0, .audio_ms = ms,
                                    .cost_nusd = -1, .reported = true};
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------- */

static void text_note(struct json_scan *s, struct wire_answer *out)
{
    struct str raw;
    if (json_peek(s) != JSON_STRING) {
        json_skip(s, NULL);
        return;
    }
    if (json_string(s, &raw)) {
        out->content_bytes += (int64_t)raw.len;
        out->tokens_estimated += tokens_estimate(raw, true);
    }
}

/* An object with `text`; silence is an empty one, and an answer all the same. */
static int object_read(struct str body, struct wire_answer *out, struct err *e)
{
    struct told told = {0};
    struct json_scan s;
    struct str key;
    json_scan_init(&s, body);
    if (json_peek(&s) != JSON_OBJECT)
        return s.problem ? json_finish(&s, e) : err_set(e, ERR_SYNTAX, "the answer is not a JSON object");
    json_enter(&s);
    while (json_member(&s, &key)) {
        enum json_type type = json_peek(&s);
        if (json_key_is(key, STR("text"))) {
            out->has_choices = out->has_content = type == JSON_STRING;
            text_note(&s, out);
        } else if (json_key_is(key, STR("usage"))) {
            usage_read(&s, &told);
        } else if (json_key_is(key, STR("duration"))) {
            told.duration_ms = seconds_read(&s);
        } else {
            out->has_error |= json_key_is(key, STR("error")) && type != JSON_NULL;
            json_skip(&s, NULL);
        }
    }
    usage_take(&told, out);
    return json_finish(&s, e);
}

static bool wants_json(const struct audio_form *f)
{
    struct str format = format_of(f);
    return format.len == 0 || str_ends(format, STR("json"));
}

static bool is_html(struct str text)
{
    return str_starts_fold(text, STR("<!doctype")) || str_starts_fold(text, STR("<html"));
}

int audio_answer_read(const struct audio_form *f, struct str body, struct wire_answer *out, struct err *e)
{
    *out = (struct wire_answer){.choice_count = 1, .finish = FINISH_STOP, .usage = {.cost_nusd = -1}};
    if (str_starts(body, STR("\xef\xbb\xbf")))
        body = str_skip(body, 3);
    struct str text = str_trim(body);
    bool object = text.len && text.ptr[0] == '{';
    if (object || wants_json(f)) {
        int rc = object_read(body, out, e);
        if (rc == 0 || wants_json(f))
            return rc;
        *out = (struct wire_answer){.choice_count = 1, .finish = FINISH_STOP, .usage = {.cost_nusd = -1}}; /* a text that begins like this */
    }
    if (is_html(text) || (str_eq(format_of(f), STR("vtt")) && !str_starts(text, STR("WEBVTT"))))
        return err_set(e, ERR_SYNTAX, "the answer is not the text that was asked for");
    out->has_choices = out->has_content = true;
    out->content_bytes = (int64_t)body.len;
    out->tokens_estimated = tokens_estimate(body, false);
    return 0;
}

/* --- streams -------------------------------------------------------------------------------------------------------------------------- */

int audio_chunk_read(struct str data, struct wire_answer *out, struct err *e)
{
    struct told told = {0};
    struct json_scan s;
    struct str key, raw;
    bool done = false, chat = false;
    *out = (struct wire_answer){.usage = {.cost_nusd = -1}};
    json_scan_init(&s, data);
    if (json_peek(&s) != JSON_OBJECT)
        return s.problem ? json_finish(&s, e) : err_set(e, ERR_SYNTAX, "the event is not a JSON object");
    json_enter(&s);
    while (json_member(&s, &key)) {
        enum json_type type = json_peek(&s);
        if (json_key_is(key, STR("type")) && type == JSON_STRING) {
            if (!json_string(&s, &raw))
                break;
            done |= json_key_is(raw, STR("transcript.text.done"));
            out->has_error |= json_key_is(raw, STR("error"));
        } else if (json_key_is(key, STR("delta"))) {
            text_note(&s, out);
        } else if (json_key_is(key, STR("usage"))) {
            usage_read(&s, &told);
        } else {
            chat |= json_key_is(key, STR("choices"));
            out->has_error |= json_key_is(key, STR("error")) && type != JSON_NULL;
            json_skip(&s, NULL);
        }
    }
    int rc = json_finish(&s, e);
    if (rc < 0)
        return rc;
    if (chat && !out->has_error) /* vLLM streams a transcript as a chat */
        return chunk_read(WIRE_CHAT, data, out, e);
    out->has_content = out->content_bytes > 0 || done; /* who is silent says so at the end */
    out->finish = done ? FINISH_STOP : FINISH_NONE;
    usage_take(&told, out);
    return 0;
}
