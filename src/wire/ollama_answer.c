/* ollama_answer.c: whole answers of Ollama's dialect, and the object that they and the lines of its streams share:
 *
 *   {"model", "created_at", "message": {"role", "content", "thinking", "tool_calls"}, "done", "done_reason", counts, durations}
 *
 * where /api/generate has `response`, `thinking` and `tool_calls` in place of the message. One scan finds what is needed. */
#include "base/clock.h"
#include "wire/ollama_priv.h"

#define TOKENS_MAX ((int64_t)1 << 40) /* as in call.c */

/* --- reading ----------------------------------------------------------------------------------------------------------- */

/* What json_key_is says; a key with escapes, which no server writes, is the only one that is not compared at a glance. */
static inline bool key_is(struct str key, struct str name)
{
    if (key.len <= name.len)
        return str_eq(key, name);
    return memchr(key.ptr, '\\', key.len) && json_key_is(key, name);
}

/* A string, else nothing: what has another type says nothing. */
static void text_read(struct json_scan *s, struct str *out)
{
    if (json_peek(s) == JSON_STRING)
        (void)json_string(s, out);
    else
        (void)json_skip(s, NULL);
}

static bool enter_object(struct json_scan *s)
{
    return json_peek(s) == JSON_OBJECT && json_enter(s);
}

static void count_read(struct json_scan *s, struct ollama_line *out, int64_t *count)
{
    struct str raw;
    int64_t n;
    if (json_peek(s) != JSON_NUMBER || !json_skip(s, &raw)) {
        (void)json_skip(s, NULL);
        return;
    }
    if (!json_to_i64(raw, &n) || n < 0)
        return;
    *count = n < TOKENS_MAX ? n : TOKENS_MAX;
    out->has_usage = true;
}

static void calls_read(struct json_scan *s, struct ollama_line *out)
{
    if (json_peek(s) == JSON_ARRAY)
        (void)json_skip(s, &out->calls);
    else
        (void)json_skip(s, NULL);
}

static void message_read(struct json_scan *s, struct ollama_line *out)
{
    struct str key;
    if (!enter_object(s)) {
        (void)json_skip(s, NULL);
        return;
    }
    out->says = true;
    while (json_member(s, &key)) {
        if (key_is(key, STR("content")))
            text_read(s, &out->content);
        else if (key_is(key, STR("thinking")))
            text_read(s, &out->thinking);
        else if (key_is(key, STR("tool_calls")))
            calls_read(s, out);
        else
            (void)json_skip(s, NULL);
    }
}

static void member_read(struct json_scan *s, struct ollama_line *out, struct str key)
{
    if (key_is(key, STR("message"))) {
        message_read(s, out);
    } else if (key_is(key, STR("model"))) {
        text_read(s, &out->model);
    } else if (key_is(key, STR("created_at"))) {
        text_read(s, &out->created_at);
    } else if (key_is(key, STR("response"))) {
        out->says = true;
        text_read(s, &out->content);
    } else if (key_is(key, STR("thinking"))) {
        text_read(s, &out->thinking);
    } else if (key_is(key, STR("tool_calls"))) {
        calls_read(s, out);
    } else if (key_is(key, STR("done"))) {
        out->done = json_peek(s) == JSON_TRUE;
        (void)json_skip(s, NULL);
    } else if (key_is(key, STR("done_reason"))) {
        text_read(s, &out->done_reason);
    } else if (key_is(key, STR("prompt_eval_count"))) {
        count_read(s, out, &out->input);
    } else if (key_is(key, STR("eval_count"))) {
        count_read(s, out, &out->output);
    } else {
        out->has_error |= key_is(key, STR("error")) && json_peek(s) != JSON_NULL;
        (void)json_skip(s, NULL);
    }
}

int ollama_line_read(struct str text, struct ollama_line *out, struct err *e)
{
    struct json_scan s;
    struct str key;
    *out = (struct ollama_line){0};
    json_scan_init(&s, text);
    if (!enter_object(&s)) {
        (void)json_skip(&s, NULL);
        int rc = json_finish(&s, e);
        return rc ? rc : err_set(e, ERR_SYNTAX, "an answer that is no JSON object");
    }
    while (json_member(&s, &key))
        member_read(&s, out, key);
    return json_finish(&s, e);
}

bool ollama_call_next(struct json_scan *s, struct ollama_call *out)
{
    struct str key;
    *out = (struct ollama_call){0};
    if (!json_element(s))
        return false;
    if (!enter_object(s))
        return json_skip(s, NULL);
    while (json_member(s, &key)) {
        if (key_is(key, STR("id"))) {
            text_read(s, &out->id);
        } else if (!key_is(key, STR("function")) || !enter_object(s)) {
            (void)json_skip(s, NULL);
        } else {
            while (json_member(s, &key)) {
                if (key_is(key, STR("name"))) {
                    text_read(s, &out->name);
                } else if (key_is(key, STR("arguments"))) {
                    out->in_string = json_peek(s) == JSON_STRING; /* some servers that imitate it */
                    (void)(out->in_string ? json_string(s, &out->arguments) : json_skip(s, &out->arguments));
                } else {
                    (void)json_skip(s, NULL);
                }
            }
        }
    }
    if (str_eq(out->arguments, STR("null")))
        out->arguments = STR_NONE;
    return true;
}

enum finish ollama_finish(const struct ollama_line *line, bool called)
{
    if (str_eq(line->done_reason, STR("length")))
        return FINISH_LENGTH;
    if (called)
        return FINISH_TOOLS;
    bool plain = line->done_reason.len == 0 || str_eq(line->done_reason, STR("stop")) || /* none: old versions */
                 str_eq(line->done_reason, STR("load")) || str_eq(line->done_reason, STR("unload"));
    return plain ? FINISH_STOP : FINISH_OTHER;
}

/* A count of 0 is left out. */
struct usage ollama_usage(const struct ollama_line *line)
{
    return (struct usage){.input = line->input, .output = line->output, .cost_nusd = -1, .reported = line->has_usage};
}

static int words_add(struct chat_answer *a, enum part_kind kind, struct str raw)
{
    if (raw.len == 0)
        return 0;
    struct part *p = chat_answer_add(a, kind);
    if (!p)
        return ERR_NOMEM;
    p->text = ollama_plain(raw, a->arena);
    return p->text.ptr ? 0 : ERR_NOMEM;
}

static int call_add(struct chat_answer *a, const struct ollama_call *call, int index)
{
    struct part *p = chat_answer_add(a, PART_CALL);
    if (!p)
        return ERR_NOMEM;
    p->id = ollama_plain(call->id, a->arena);
    p->name = ollama_plain(call->name, a->arena);
    p->arguments = call->in_string ? ollama_plain(call->arguments, a->arena) : call->arguments;
    if (call->id.len == 0) {
        const char *made = arena_format(a->arena, "call_%08x%04d", (unsigned)str_hash(a->id), index);
        p->id = str_from(made);
    }
    bool lacks = !p->id.ptr || !p->name.ptr || (call->in_string && !p->arguments.ptr);
    return lacks ? ERR_NOMEM : 0;
}

static int calls_add(struct chat_answer *a, struct str calls, int *count)
{
    struct json_scan s;
    struct ollama_call call;
    int rc = 0;
    json_scan_init(&s, calls);
    for (bool more = json_enter(&s); more && rc == 0 && *count < STREAM_CALLS_MAX;) {
        more = ollama_call_next(&s, &call);
        if (more && call.name.len)
            rc = call_add(a, &call, (*count)++);
    }
    return rc;
}

int ollama_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e)
{
    struct ollama_line line;
    struct arena *arena = a->arena;
    int count = 0, rc = ollama_line_read(body, &line, e);
    (void)op; /* either shape is taken for either question */
    if (rc)
        return rc;
    *a = (struct chat_answer){.arena = arena,
                              .usage = ollama_usage(&line),
                              .has_usage = line.has_usage,
                              .has_error = line.has_error,
                              .choice_count = line.says,
                              .id = line.created_at};
    a->model = ollama_plain(line.model, arena);
    rc = a->model.ptr ? words_add(a, PART_REASONING, line.thinking) : ERR_NOMEM;
    rc = rc ? rc : words_add(a, PART_TEXT, line.content);
    rc = rc || !line.calls.ptr ? rc : calls_add(a, line.calls, &count);
    a->finish = line.done ? ollama_finish(&line, count > 0) : FINISH_NONE;
    a->id = STR_NONE; /* it has none; the moment stood for it, to make ids of calls */
    return rc ? err_set(e, rc, "out of memory while reading an answer") : 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

void ollama_says_begin(struct json_writer *w, enum wire_op op, struct str model, int64_t created_s)
{
    char when[CIVIL_ISO_BYTES];
    civil_iso(created_s * 1000, when);
    json_object_begin(w);
    json_key(w, "model");
    json_str(w, model);
    json_key(w, "created_at");
    json_text(w, when);
    if (op == WIRE_GENERATE) {
        json_key(w, "response");
        return;
    }
    json_key(w, "message");
    json_object_begin(w);
    json_key(w, "role");
    json_text(w, "assistant");
    json_key(w, "content");
}

void ollama_says_end(struct json_writer *w, enum wire_op op)
{
    if (op != WIRE_GENERATE)
        json_object_end(w);
}

/* A tool that takes free text is a function of one member there. */
static struct str arguments_of(const struct part *p, struct arena *a)
{
    return p->custom ? tool_input_object(p->arguments, a) : chat_arguments_object(p->arguments, a);
}

/* On one line, as a stream needs it: a line break in JSON is a blank like any other. */
static struct str on_one_line(struct str json, struct arena *a)
{
    if (!memchr(json.ptr, '\n', json.len) && !memchr(json.ptr, '\r', json.len))
        return json;
    char *out = arena_alloc(a, json.len);
    for (size_t i = 0; out && i < json.len; i++)
        out[i] = json.ptr[i] == '\n' || json.ptr[i] == '\r' ? ' ' : json.ptr[i];
    return str_of(out, json.len);
}

int ollama_call_write(struct json_writer *w, int index, const struct part *call, struct arena *a)
{
    struct str arguments = arguments_of(call, a);
    if (arguments.ptr)
        arguments = on_one_line(arguments, a);
    if (!arguments.ptr)
        return ERR_NOMEM;
    json_object_begin(w);
    json_key(w, "id");
    json_str(w, call->id);
    json_key(w, "function");
    json_object_begin(w);
    json_key(w, "index");
    json_i64(w, index);
    json_key(w, "name");
    json_str(w, call->name);
    json_key(w, "arguments");
    json_raw(w, arguments);
    json_object_end(w);
    json_object_end(w);
    return 0;
}

void ollama_done_write(struct json_writer *w, enum finish finish, const struct usage *usage, int64_t elapsed_us)
{
    json_key(w, "done_reason");
    json_text(w, finish == FINISH_LENGTH ? "length" : "stop");
    json_key(w, "done");
    json_bool(w, true);
    if (elapsed_us > 0 && elapsed_us < INT64_MAX / 1000) {
        json_key(w, "total_duration");
        json_i64(w, elapsed_us * 1000);
    }
    if (!usage)
        return;
    json_key(w, "prompt_eval_count");
    json_i64(w, usage->input);
    json_key(w, "eval_count");
    json_i64(w, usage->output);
}

/* Texts of one kind after the other; refusals are said like everything else. */
static int said(const struct chat_answer *a, bool thinking, struct buf *out)
{
    int rc = 0;
    for (const struct part *p = a->part; p && rc == 0; p = p->next) {
        bool words = p->kind == PART_TEXT || p->kind == PART_REFUSAL;
        rc = (thinking ? p->kind == PART_REASONING : words) ? buf_append(out, p->text) : 0;
    }
    return rc;
}

static int calls_write(const struct chat_answer *a, struct json_writer *w)
{
    int index = 0, rc = 0;
    for (const struct part *p = a->part; p && rc == 0; p = p->next) {
        if (p->kind != PART_CALL)
            continue;
        if (index == 0) {
            json_key(w, "tool_calls");
            json_array_begin(w);
        }
        rc = ollama_call_write(w, index++, p, a->arena);
    }
    if (index)
        json_array_end(w);
    return rc;
}

static void lost_parts(const struct chat_answer *a, struct lost *lost)
{
    for (const struct part *p = a->part; p; p = p->next) {
        if (p->kind == PART_HIDDEN)
            lost_add(lost, STR("redacted_thinking"));
        else if (p->kind == PART_OPAQUE)
            lost_add(lost, p->name);
        else if (p->signature.len)
            lost_add(lost, STR("signature"));
    }
}

int ollama_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out)
{
    AUTO_BUF struct buf content = BUF_INIT(out->max), thinking = BUF_INIT(out->max);
    struct json_writer w = JSON_WRITER(out);
    int rc = said(a, false, &content);
    rc = rc ? rc : said(a, true, &thinking);
    if (rc)
        return rc;
    lost_parts(a, lost);
    ollama_says_begin(&w, op, a->model, a->created_s);
    json_str(&w, buf_str(&content));
    if (thinking.len) {
        json_key(&w, "thinking");
        json_str(&w, buf_str(&thinking));
    }
    rc = calls_write(a, &w);
    ollama_says_end(&w, op);
    ollama_done_write(&w, a->finish, a->has_usage ? &a->usage : NULL, a->elapsed_us);
    json_object_end(&w);
    return rc ? rc : json_done(&w);
}

bool ollama_only_loads(const struct chat *c, enum wire_op op)
{
    if (c->from != DIALECT_OLLAMA || (op == WIRE_CHAT && c->message))
        return false;
    for (const struct message *m = c->message; m; m = m->next) /* generate: there may be words for the system */
        for (const struct part *p = m->part; p; p = p->next)
            if (m->role == ROLE_USER && (p->kind != PART_TEXT || p->text.len))
                return false;
    return op == WIRE_CHAT || op == WIRE_GENERATE;
}

int ollama_load_write(const struct chat *c, enum wire_op op, int64_t created_s, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    const struct chat_member *keep = chat_extra_find(c, STR("keep_alive"));
    bool gives_up = keep && (str_eq(keep->value, STR("0")) || str_starts(keep->value, STR("\"0")));
    ollama_says_begin(&w, op, c->model, created_s);
    json_str(&w, STR(""));
    ollama_says_end(&w, op);
    json_key(&w, "done_reason");
    json_text(&w, gives_up ? "unload" : "load");
    json_key(&w, "done");
    json_bool(&w, true);
    json_object_end(&w);
    return json_done(&w);
}
