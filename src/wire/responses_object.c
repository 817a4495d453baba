/* responses_object.c: writes the response object that clients of the Responses dialect read: whole answers, and the object in the
 * events that begin and end a stream. Settings are repeated as the client gave them; what it did not give has the API's default. */
#include "wire/responses_priv.h"

static void key_text(struct json_writer *j, const char *key, const char *text)
{
    json_key(j, key);
    json_text(j, text);
}

static void key_str(struct json_writer *j, const char *key, struct str text)
{
    json_key(j, key);
    json_str(j, text);
}

static void begin_of_type(struct json_writer *j, const char *type)
{
    json_object_begin(j);
    key_text(j, "type", type);
}

static void empty_list(struct json_writer *j, const char *key)
{
    json_key(j, key);
    json_raw(j, STR("[]"));
}

/* --- items ------------------------------------------------------------------------------------------------------------------------ */

void responses_content_write(struct json_writer *j, enum part_kind kind, struct str text)
{
    bool refusal = kind == PART_REFUSAL;
    begin_of_type(j, refusal ? "refusal" : "output_text");
    key_str(j, refusal ? "refusal" : "text", text);
    if (!refusal) {
        empty_list(j, "annotations");
        empty_list(j, "logprobs");
    }
    json_object_end(j);
}

static void write_message(struct json_writer *j, const struct responses_item *item)
{
    begin_of_type(j, "message");
    key_str(j, "id", item->id);
    key_text(j, "status", item->status);
    key_text(j, "role", "assistant");
    json_key(j, "content");
    json_array_begin(j);
    if (!item->added)
        responses_content_write(j, item->kind, item->text);
    json_array_end(j);
    json_object_end(j);
}

static void write_call(struct json_writer *j, const struct responses_item *item)
{
    begin_of_type(j, item->custom ? "custom_tool_call" : "function_call");
    key_str(j, "id", item->id);
    key_str(j, "call_id", item->call_id);
    key_str(j, "name", tool_name_inside(item->space, item->name));
    if (item->space.len)
        key_str(j, "namespace", item->space);
    key_str(j, item->custom ? "input" : "arguments", item->text);
    key_text(j, "status", item->status);
    json_object_end(j);
}

static void write_reasoning(struct json_writer *j, const struct responses_item *item)
{
    begin_of_type(j, "reasoning");
    key_str(j, "id", item->id);
    json_key(j, "summary");
    json_array_begin(j);
    if (item->text.len) {
        begin_of_type(j, "summary_text");
        key_str(j, "text", item->text);
        json_object_end(j);
    }
    json_array_end(j);
    if (item->encrypted.len)
        key_str(j, "encrypted_content", item->encrypted);
    json_object_end(j);
}

void responses_item_write(struct json_writer *j, const struct responses_item *item)
{
    if (item->kind == PART_CALL)
        write_call(j, item);
    else if (item->kind == PART_REASONING || item->kind == PART_HIDDEN)
        write_reasoning(j, item);
    else
        write_message(j, item);
}

/* --- the object ---------------------------------------------------------------------------------------------------------------------- */

const char *responses_status(enum finish finish)
{
    return finish == FINISH_LENGTH || finish == FINISH_FILTER || finish == FINISH_INTERRUPTED ? "incomplete" : "completed";
}

static const char *reason_of(enum finish finish)
{
    return finish == FINISH_LENGTH ? "max_output_tokens" : finish == FINISH_FILTER ? "content_filter" : "interrupted";
}

const char *responses_error_code(const struct wire_error *e)
{
    if (e->code)
        return e->code;
    return e->status == 429 ? "rate_limit_exceeded" : e->status >= 400 && e->status < 500 ? "invalid_prompt" : "server_error";
}

static void write_problem(struct json_writer *j, const struct responses_object *o)
{
    const char *status = o->error ? "failed" : o->running ? "in_progress" : responses_status(o->finish);
    key_text(j, "status", status);
    json_key(j, "error");
    if (o->error) {
        json_object_begin(j);
        key_text(j, "code", responses_error_code(o->error));
        key_str(j, "message", o->error->message);
        json_object_end(j);
    } else {
        json_null(j);
    }
    json_key(j, "incomplete_details");
    if (str_eq(str_from(status), STR("incomplete"))) {
        json_object_begin(j);
        key_text(j, "reason", reason_of(o->finish));
        json_object_end(j);
    } else {
        json_null(j);
    }
}

static void write_usage(struct json_writer *j, const struct usage *u)
{
    json_key(j, "usage");
    if (!u) {
        json_null(j);
        return;
    }
    json_object_begin(j);
    json_key(j, "input_tokens");
    json_i64(j, u->input);
    json_key(j, "input_tokens_details");
    json_object_begin(j);
    json_key(j, "cached_tokens");
    json_i64(j, u->cached);
    if (u->cache_write > 0) {
        json_key(j, "cache_write_tokens");
        json_i64(j, u->cache_write);
    }
    json_object_end(j);
    json_key(j, "output_tokens");
    json_i64(j, u->output);
    json_key(j, "output_tokens_details");
    json_object_begin(j);
    json_key(j, "reasoning_tokens");
    json_i64(j, u->reasoning);
    json_object_end(j);
    json_key(j, "total_tokens");
    json_i64(j, u->input + u->output);
    json_object_end(j);
}

/* As the client said it, else what the API's default is. `store` is not among them: nothing is kept, whatever was asked. */
static void write_settings(struct json_writer *j, const struct chat *asked)
{
    static const struct {
        const char *name, *otherwise;
    } settings[] = {
        {"instructions", "null"},
        {"max_output_tokens", "null"},
        {"max_tool_calls", "null"},
        {"parallel_tool_calls", "true"},
        {"prompt_cache_key", "null"},
        {"reasoning", "{\"effort\":null,\"summary\":null}"},
        {"safety_identifier", "null"},
        {"service_tier", "\"default\""},
        {"temperature", "1.0"},
        {"text", "{\"format\":{\"type\":\"text\"}}"},
        {"tool_choice", "\"auto\""},
        {"tools", "[]"},
        {"top_logprobs", "0"},
        {"top_p", "1.0"},
        {"truncation", "\"disabled\""},
        {"user", "null"},
        {"metadata", "{}"},
    };
    for (size_t i = 0; i < COUNT_OF(settings); i++) {
        struct str raw = str_from(settings[i].otherwise);
        for (const struct chat_member *m = asked ? asked->own : NULL; m; m = m->next)
            if (str_eq(m->name, str_from(settings[i].name)) && !str_eq(m->value, STR("null")))
                raw = m->value;
        json_key(j, settings[i].name);
        json_raw(j, raw);
    }
}

void responses_object_write(struct json_writer *j, const struct responses_object *o)
{
    json_object_begin(j);
    key_str(j, "id", o->id);
    key_text(j, "object", "response");
    json_key(j, "created_at");
    json_i64(j, o->created_s);
    json_key(j, "completed_at");
    json_null(j);
    write_problem(j, o);
    json_key(j, "background");
    json_bool(j, false);
    key_str(j, "model", o->model);
    json_key(j, "output");
    json_array_begin(j);
    if (o->items.len)
        json_raw(j, o->items);
    json_array_end(j);
    json_key(j, "previous_response_id");
    json_null(j);
    json_key(j, "store");
    json_bool(j, false);
    write_settings(j, o->asked);
    write_usage(j, o->usage);
    json_object_end(j);
}

/* --- whole answers -------------------------------------------------------------------------------------------------------------------- */

static int item_of(const struct chat_answer *a, const struct part *p, int index, struct responses_item *item)
{
    const char *prefix = "msg_";
    *item = (struct responses_item){.kind = p->kind, .text = p->text, .status = responses_status(a->finish)};
    bool last = p->next == NULL;
    if (!last)
        item->status = "completed";
    if (p->kind == PART_CALL) {
        item->custom = p->custom;
        item->call_id = p->id;
        item->name = p->name;
        item->space = tool_space_of(a->asked, p->name);
        item->text = p->arguments;
        if (!item->custom && !str_trim(item->text).len)
            item->text = STR("{}");
        prefix = item->custom ? "ctc_" : "fc_";
    } else if (p->kind == PART_REASONING) {
        prefix = RESPONSES_FOREIGN;
        item->encrypted = p->signature.len ? responses_joined(RESPONSES_SEAL, p->signature, a->arena) : STR("");
    } else if (p->kind == PART_HIDDEN) {
        prefix = p->id.len ? "rs_" : RESPONSES_FOREIGN;
        item->text = STR_NONE;
        item->encrypted = p->id.len ? p->text : responses_joined(RESPONSES_HIDDEN, p->text, a->arena);
    }
    bool own_id = p->kind == PART_HIDDEN && p->id.len;
    item->id = own_id ? p->id : responses_item_id(prefix, a->id, index, a->arena);
    bool sealed = p->kind != PART_REASONING && p->kind != PART_HIDDEN;
    return item->id.ptr && (sealed || item->encrypted.ptr) ? 0 : ERR_NOMEM;
}

static int write_items(const struct chat_answer *a, struct lost *lost, struct buf *items)
{
    struct json_writer j = JSON_WRITER(items);
    int index = 0, rc = 0;
    for (const struct part *p = a->part; p && rc == 0; p = p->next) {
        struct responses_item item;
        bool said = p->kind == PART_TEXT || p->kind == PART_REFUSAL || p->kind == PART_REASONING || p->kind == PART_HIDDEN ||
                    p->kind == PART_CALL;
        if (!said) {
            lost_add(lost, p->name.len ? p->name : STR("content"));
            continue;
        }
        rc = item_of(a, p, index++, &item);
        if (rc == 0)
            responses_item_write(&j, &item);
    }
    return rc ? rc : json_done(&j);
}

int responses_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out)
{
    AUTO_BUF struct buf items = BUF_INIT(out->max);
    struct json_writer j = JSON_WRITER(out);
    size_t before = out->len;
    (void)op;
    struct str id = responses_id(a->id, a->arena);
    int rc = id.ptr ? write_items(a, lost, &items) : ERR_NOMEM;
    if (rc)
        return rc;
    responses_object_write(&j, &(struct responses_object){.asked = a->asked, .id = id, .model = a->model, .created_s = a->created_s,
                                                          .finish = a->finish, .items = buf_str(&items),
                                                          .usage = a->has_usage ? &a->usage : NULL});
    rc = json_done(&j);
    if (rc)
        out->len = before; /* all of it or nothing */
    return rc;
}
