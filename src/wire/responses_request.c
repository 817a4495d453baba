/* responses_request.c: reads a client's request in the Responses dialect: everything but its `input` (responses_input.c).
 *
 * One scan finds the members, each kept raw in c->own; then they are read in the order of the table, so that instructions come
 * before the input and tools before the choice of one. What asks for something that a server without a store cannot do is
 * refused by name. */
#include "wire/responses_priv.h"

enum {
    MEMBERS_MAX = 200,   /* the API has about thirty; lists of members are searched one by one */
    ALLOWED_MAX = 256,   /* tools in tool_choice.tools; the API takes 128 */
    MODEL_BYTES_MAX = 256,
};
#define NO_STORE "this server keeps no responses; send the whole conversation in `input`"

struct request {
    struct chat *c;
    struct err *e;
    struct str input;
};

static int no_memory(struct request *r)
{
    return err_set(r->e, ERR_NOMEM, "out of memory while reading the request");
}

/* --- values ------------------------------------------------------------------------------------------------------------------- */

static int text_read(struct request *r, const char *name, struct str raw, struct str *out)
{
    if (raw.ptr[0] != '"')
        return err_set(r->e, ERR_INVALID, "%s must be a string", name);
    struct str text = json_unescape_arena(str_slice(raw, 1, raw.len - 1), r->c->arena);
    if (!text.ptr)
        return no_memory(r);
    *out = text;
    return 0;
}

static int bool_read(struct request *r, const char *name, struct str raw, bool *out)
{
    if (!str_eq(raw, STR("true")) && !str_eq(raw, STR("false")))
        return err_set(r->e, ERR_INVALID, "%s must be true or false", name);
    *out = raw.ptr[0] == 't';
    return 0;
}

static int number_read(struct request *r, const char *name, struct str raw, struct str *out)
{
    double d;
    if (!json_to_double(raw, &d))
        return err_set(r->e, ERR_INVALID, "%s must be a number", name);
    *out = raw;
    return 0;
}

static int tree_read(struct request *r, const char *name, enum json_type type, struct str raw, const struct json_node **out)
{
    struct json_node *node;
    int rc = json_parse(r->c->arena, raw, &node, r->e);
    if (rc)
        return rc;
    if (node->type != type)
        return err_set(r->e, ERR_INVALID, "%s must be %s", name, type == JSON_OBJECT ? "an object" : "an array");
    *out = node;
    return 0;
}

static bool given(const struct json_node *n)
{
    return n && n->type != JSON_NULL;
}

/* A string member, or nothing when it is missing or null. */
static int member_text(struct request *r, const struct json_node *object, const char *key, const char *path, struct str *out)
{
    const struct json_node *n = json_get(object, key);
    if (!given(n))
        return 0;
    if (n->type != JSON_STRING)
        return err_set(r->e, ERR_INVALID, "%s.%s must be a string", path, key);
    *out = n->text;
    return 0;
}

static int member_bool_raw(struct request *r, const struct json_node *object, const char *key, const char *path, struct str *out)
{
    const struct json_node *n = json_get(object, key);
    if (!given(n))
        return 0;
    if (n->type != JSON_TRUE && n->type != JSON_FALSE)
        return err_set(r->e, ERR_INVALID, "%s.%s must be true or false", path, key);
    *out = n->text;
    return 0;
}

static struct str quoted(struct request *r, struct str text)
{
    AUTO_BUF struct buf b = BUF_INIT(6 * text.len + 2);
    struct json_writer w = JSON_WRITER(&b);
    json_str(&w, text);
    return json_done(&w) ? STR_NONE : arena_dup(r->c->arena, buf_str(&b));
}

static struct str raw_of(struct request *r, const struct json_node *n)
{
    return n->type == JSON_STRING ? quoted(r, n->text) : n->text;
}

static int extra(struct request *r, struct str name, struct str raw)
{
    return raw.ptr && name.ptr && chat_extra_add(r->c, name, raw) ? 0 : no_memory(r);
}

/* What is left in an object of settings when the known members are taken: lost elsewhere, as "text.new". */
static int extra_below(struct request *r, const char *name, const struct json_node *object, const char *const *known)
{
    for (const struct json_node *m = object->child; m; m = m->next) {
        bool is_known = m->type == JSON_NULL;
        for (size_t i = 0; known[i] && !is_known; i++)
            is_known = str_eq(m->key, str_from(known[i]));
        if (is_known)
            continue;
        const char *path = arena_format(r->c->arena, "%s.%.*s", name, STR_FMT(str_slice(m->key, 0, 60)));
        int rc = extra(r, str_from(path), m->text);
        if (rc)
            return rc;
    }
    return 0;
}

/* --- the members ---------------------------------------------------------------------------------------------------------------- */

static int read_model(struct request *r, const char *name, struct str raw)
{
    int rc = text_read(r, name, raw, &r->c->model);
    if (rc == 0 && r->c->model.len == 0)
        return err_set(r->e, ERR_INVALID, "model is empty");
    if (rc == 0 && r->c->model.len > MODEL_BYTES_MAX)
        return err_set(r->e, ERR_INVALID, "model is longer than %d bytes", MODEL_BYTES_MAX);
    for (size_t i = 0; rc == 0 && i < r->c->model.len; i++)
        if ((unsigned char)r->c->model.ptr[i] < 0x20 || r->c->model.ptr[i] == 0x7f)
            return err_set(r->e, ERR_INVALID, "model holds a control character");
    return rc;
}

static int read_stream(struct request *r, const char *name, struct str raw)
{
    return bool_read(r, name, raw, &r->c->stream);
}

static int read_instructions(struct request *r, const char *name, struct str raw)
{
    struct str text = STR_NONE;
    int rc = text_read(r, name, raw, &text);
    if (rc || text.len == 0)
        return rc;
    struct message *m = chat_message_add(r->c, ROLE_SYSTEM);
    struct part *p = m ? chat_part_add(r->c, &m->part, PART_TEXT) : NULL;
    if (!p)
        return no_memory(r);
    p->text = text;
    return 0;
}

static int read_max_tokens(struct request *r, const char *name, struct str raw)
{
    int64_t n;
    if (!json_to_i64(raw, &n) || n < 1)
        return err_set(r->e, ERR_INVALID, "%s must be a whole number, 1 or more", name);
    r->c->max_tokens = n;
    return 0;
}

static int read_temperature(struct request *r, const char *name, struct str raw)
{
    return number_read(r, name, raw, &r->c->temperature);
}

static int read_top_p(struct request *r, const char *name, struct str raw)
{
    return number_read(r, name, raw, &r->c->top_p);
}

static int read_parallel(struct request *r, const char *name, struct str raw)
{
    bool yes = false;
    int rc = bool_read(r, name, raw, &yes);
    if (rc == 0)
        r->c->parallel = yes ? YES : NO;
    return rc;
}

static int read_user(struct request *r, const char *name, struct str raw)
{
    struct str text = STR_NONE;
    int rc = text_read(r, name, raw, &text);
    if (rc == 0 && r->c->user.len == 0) /* user comes first in the table; safety_identifier is its new name */
        r->c->user = text;
    return rc;
}

static int read_tier(struct request *r, const char *name, struct str raw)
{
    return text_read(r, name, raw, &r->c->tier);
}

/* --- tools --- */

/* OpenAI's chat dialect, which the neutral form follows, has the grammar in an object of its own; here it is flat. */
static int read_format_of_custom(struct request *r, const struct json_node *tool, struct tool *t)
{
    const struct json_node *f = json_get(tool, "format");
    if (!given(f))
        return 0;
    if (!str_eq(json_get_text(f, "type"), STR("grammar")) || given(json_get(f, "grammar"))) {
        t->format = raw_of(r, f);
        return t->format.ptr ? 0 : no_memory(r);
    }
    AUTO_BUF struct buf b = BUF_INIT(6 * f->text.len + 100);
    struct json_writer w = JSON_WRITER(&b);
    json_object_begin(&w);
    json_key(&w, "type");
    json_text(&w, "grammar");
    json_key(&w, "grammar");
    json_object_begin(&w);
    json_key(&w, "syntax");
    json_str(&w, json_get_text(f, "syntax"));
    json_key(&w, "definition");
    json_str(&w, json_get_text(f, "definition"));
    json_object_end(&w);
    json_object_end(&w);
    t->format = json_done(&w) ? STR_NONE : arena_dup(r->c->arena, buf_str(&b));
    return t->format.ptr ? 0 : no_memory(r);
}

static int read_named_tool(struct request *r, const struct json_node *node, struct tool *t, const char *path)
{
    int rc = member_text(r, node, "name", path, &t->name);
    if (rc == 0 && t->name.len == 0)
        return err_set(r->e, ERR_INVALID, "%s.name is missing", path);
    if (rc == 0)
        rc = member_text(r, node, "description", path, &t->description);
    if (rc)
        return rc;
    if (t->custom)
        return read_format_of_custom(r, node, t);
    const struct json_node *schema = json_get(node, "parameters");
    if (given(schema) && schema->type != JSON_OBJECT)
        return err_set(r->e, ERR_INVALID, "%s.parameters must be an object", path);
    t->schema = given(schema) ? schema->text : STR_NONE;
    return member_bool_raw(r, node, "strict", path, &t->strict);
}

static int read_tool(struct request *r, const struct json_node *node, int i)
{
    char path[32];
    text_format(path, sizeof(path), "tools.%d", i);
    if (node->type != JSON_OBJECT)
        return err_set(r->e, ERR_INVALID, "%s must be an object", path);
    struct str type = STR_NONE;
    int rc = member_text(r, node, "type", path, &type);
    if (rc == 0 && type.len == 0)
        rc = err_set(r->e, ERR_INVALID, "%s.type is missing", path);
    if (rc)
        return rc;
    struct tool *t = chat_tool_add(r->c);
    if (!t)
        return no_memory(r);
    t->custom = str_eq(type, STR("custom"));
    if (t->custom || str_eq(type, STR("function")))
        return read_named_tool(r, node, t, path);
    t->opaque = type;
    t->schema = node->text;
    return 0;
}

static int read_tools(struct request *r, const char *name, struct str raw)
{
    const struct json_node *list = NULL;
    int rc = tree_read(r, name, JSON_ARRAY, raw, &list), i = 0;
    for (const struct json_node *n = rc ? NULL : list->child; n && rc == 0; n = n->next)
        rc = read_tool(r, n, i++);
    return rc;
}

static bool is_allowed(const struct json_node *list, const struct tool *t)
{
    for (const struct json_node *n = list->child; n; n = n->next) {
        struct str type = json_get_text(n, "type"), name = json_get_text(n, "name");
        if (t->opaque.len ? str_eq(type, t->opaque) : str_eq(name, t->name))
            return true;
    }
    return false;
}

/* A choice among some of the tools: other dialects are given those only, which comes to the same. */
static int keep_allowed(struct request *r, const struct json_node *choice)
{
    const struct json_node *list = json_get(choice, "tools");
    if (!list || list->type != JSON_ARRAY || list->count > ALLOWED_MAX)
        return err_set(r->e, ERR_INVALID, "tool_choice.tools must be an array of at most %d tools", ALLOWED_MAX);
    r->c->last_tool = NULL;
    for (struct tool **at = &r->c->tool; *at;) {
        if (is_allowed(list, *at)) {
            r->c->last_tool = *at;
            at = &(*at)->next;
        } else {
            *at = (*at)->next;
        }
    }
    return 0;
}

static int read_choice_word(struct request *r, const char *path, struct str word)
{
    if (str_eq(word, STR("auto")))
        r->c->choice = CHOICE_AUTO;
    else if (str_eq(word, STR("none")))
        r->c->choice = CHOICE_NONE;
    else if (str_eq(word, STR("required")))
        r->c->choice = CHOICE_REQUIRED;
    else
        return err_set(r->e, ERR_INVALID, "%s must be none, auto, required, or an object that names a tool", path);
    return 0;
}

static int read_choice(struct request *r, const char *name, struct str raw)
{
    struct str word = STR_NONE;
    const struct json_node *node = NULL;
    if (raw.ptr[0] == '"') {
        int rc = text_read(r, name, raw, &word);
        return rc ? rc : read_choice_word(r, name, word);
    }
    int rc = tree_read(r, name, JSON_OBJECT, raw, &node);
    if (rc)
        return rc;
    struct str type = json_get_text(node, "type");
    if (str_eq(type, STR("allowed_tools"))) {
        rc = read_choice_word(r, "tool_choice.mode", json_get_text(node, "mode"));
        return rc ? rc : keep_allowed(r, node);
    }
    if (!str_eq(type, STR("function")) && !str_eq(type, STR("custom")))
        return extra(r, STR("tool_choice"), raw); /* of a tool that the vendor runs */
    r->c->choice_name = json_get_text(node, "name");
    if (r->c->choice_name.len == 0)
        return err_set(r->e, ERR_INVALID, "tool_choice.name is missing");
    r->c->choice = CHOICE_NAMED;
    return 0;
}

/* --- text, reasoning --- */

static int read_json_schema(struct request *r, const struct json_node *format)
{
    const struct json_node *schema = json_get(format, "schema");
    struct chat *c = r->c;
    if (!schema || schema->type != JSON_OBJECT)
        return err_set(r->e, ERR_INVALID, "text.format.schema must be an object");
    c->format = FORMAT_JSON_SCHEMA;
    c->schema = schema->text;
    int rc = member_text(r, format, "name", "text.format", &c->schema_name);
    if (rc == 0)
        rc = member_text(r, format, "description", "text.format", &c->schema_description);
    return rc ? rc : member_bool_raw(r, format, "strict", "text.format", &c->schema_strict);
}

static int read_format(struct request *r, const struct json_node *format)
{
    if (!given(format))
        return 0;
    struct str type = json_get_text(format, "type");
    if (str_eq(type, STR("json_schema")))
        return read_json_schema(r, format);
    if (str_eq(type, STR("json_object")))
        r->c->format = FORMAT_JSON_OBJECT;
    else if (!str_eq(type, STR("text")))
        return err_set(r->e, ERR_INVALID, "text.format.type must be text, json_object or json_schema");
    return 0;
}

static int read_text(struct request *r, const char *name, struct str raw)
{
    static const char *const known[] = {"format", "verbosity", NULL};
    const struct json_node *text = NULL;
    int rc = tree_read(r, name, JSON_OBJECT, raw, &text);
    if (rc == 0)
        rc = read_format(r, json_get(text, "format"));
    const struct json_node *verbosity = rc ? NULL : json_get(text, "verbosity");
    if (given(verbosity)) /* chat's own member of that name */
        rc = extra(r, STR("verbosity"), raw_of(r, verbosity));
    return rc ? rc : extra_below(r, name, text, known);
}

static int read_reasoning(struct request *r, const char *name, struct str raw)
{
    static const char *const known[] = {"effort", "summary", "generate_summary", NULL};
    const struct json_node *node = NULL;
    struct str effort = STR_NONE;
    int rc = tree_read(r, name, JSON_OBJECT, raw, &node);
    if (rc == 0)
        rc = member_text(r, node, "effort", name, &effort);
    if (rc)
        return rc;
    r->c->effort = effort_find(effort);
    if (effort.len && r->c->effort == EFFORT_UNSET) /* a word of next year */
        rc = extra(r, STR("reasoning.effort"), quoted(r, effort));
    if (given(json_get(node, "summary")) || given(json_get(node, "generate_summary")))
        r->c->show_reasoning = YES;
    return rc ? rc : extra_below(r, name, node, known);
}

/* --- what cannot be had here, and what needs no doing --- */

static int refuse_history(struct request *r, const char *name, struct str raw)
{
    (void)raw;
    return err_set(r->e, ERR_INVALID, "%s cannot be followed: " NO_STORE, name);
}

static int refuse_prompt(struct request *r, const char *name, struct str raw)
{
    (void)raw;
    return err_set(r->e, ERR_INVALID, "%s names a template that its vendor keeps: this server keeps none; send its text in "
                                      "`instructions` and `input`", name);
}

static int read_background(struct request *r, const char *name, struct str raw)
{
    bool yes = false;
    int rc = bool_read(r, name, raw, &yes);
    if (rc || !yes)
        return rc;
    return err_set(r->e, ERR_INVALID, "%s cannot be true: " NO_STORE ", and wait for the answer or stream it", name);
}

static int read_truncation(struct request *r, const char *name, struct str raw)
{
    struct str word = STR_NONE;
    int rc = text_read(r, name, raw, &word);
    return rc || str_eq(word, STR("disabled")) ? rc : extra(r, STR("truncation"), raw);
}

static int read_top_logprobs(struct request *r, const char *name, struct str raw)
{
    int64_t n;
    if (!json_to_i64(raw, &n) || n < 0)
        return err_set(r->e, ERR_INVALID, "%s must be a whole number, 0 or more", name);
    return n == 0 ? 0 : extra(r, STR("top_logprobs"), raw);
}

static int read_include(struct request *r, const char *name, struct str raw)
{
    const struct json_node *list = NULL;
    int rc = tree_read(r, name, JSON_ARRAY, raw, &list);
    for (const struct json_node *n = rc ? NULL : list->child; n; n = n->next)
        if (n->type == JSON_STRING && str_eq(n->text, STR("message.output_text.logprobs")))
            return extra(r, STR("logprobs"), STR("true"));
    return rc;
}

static int ignore(struct request *r, const char *name, struct str raw)
{
    (void)r;
    (void)name;
    (void)raw;
    return 0;
}

/* In the order in which they are read; null is as good as absent for all of them. */
static const struct {
    const char *name;
    int (*read)(struct request *r, const char *name, struct str raw);
} members[] = {
    {"model", read_model},
    {"stream", read_stream},
    {"previous_response_id", refuse_history},
    {"conversation", refuse_history},
    {"prompt", refuse_prompt},
    {"background", read_background},
    {"instructions", read_instructions},
    {"max_output_tokens", read_max_tokens},
    {"temperature", read_temperature},
    {"top_p", read_top_p},
    {"tools", read_tools},
    {"tool_choice", read_choice},
    {"parallel_tool_calls", read_parallel},
    {"text", read_text},
    {"reasoning", read_reasoning},
    {"user", read_user},
    {"safety_identifier", read_user},
    {"service_tier", read_tier},
    {"truncation", read_truncation},
    {"top_logprobs", read_top_logprobs},
    {"include", read_include},
    {"store", ignore},          /* nothing is kept, whatever it says */
    {"stream_options", ignore}, /* padding of deltas, which ours do not have */
};

static const struct chat_member *own_find(const struct chat *c, struct str name)
{
    for (const struct chat_member *m = c->own; m; m = m->next)
        if (str_eq(m->name, name))
            return m;
    return NULL;
}

static bool is_null(struct str raw)
{
    return str_eq(raw, STR("null"));
}

static int keep_member(struct request *r, struct chat_member ***tail, struct str key, struct str value)
{
    struct chat_member *m = arena_new(r->c->arena, struct chat_member);
    struct str name = m ? json_unescape_arena(key, r->c->arena) : STR_NONE;
    if (!name.ptr)
        return no_memory(r);
    bool is_input = str_eq(name, STR("input"));
    if (own_find(r->c, name) || (is_input && r->input.ptr))
        return err_set(r->e, ERR_SYNTAX, "not valid JSON: a key of the request is given twice");
    if (is_input) {
        r->input = value;
        return 0;
    }
    m->name = name;
    m->value = value;
    **tail = m;
    *tail = &m->next;
    return 0;
}

static int find_members(struct request *r, struct str body)
{
    struct json_scan s;
    struct str key, value;
    struct chat_member **tail = &r->c->own;
    int count = 0;
    json_scan_init(&s, body);
    if (json_peek(&s) != JSON_OBJECT) {
        int rc = json_check(body, r->e);
        return rc ? rc : err_set(r->e, ERR_INVALID, "the body must be a JSON object");
    }
    json_enter(&s);
    while (json_member(&s, &key) && json_skip(&s, &value)) {
        int rc = ++count > MEMBERS_MAX ? err_set(r->e, ERR_INVALID, "the request has more than %d members", MEMBERS_MAX)
                                       : keep_member(r, &tail, key, value);
        if (rc)
            return rc;
    }
    return json_finish(&s, r->e);
}

static int read_members(struct request *r)
{
    int rc = 0;
    for (size_t i = 0; i < COUNT_OF(members) && rc == 0; i++) {
        const struct chat_member *m = own_find(r->c, str_from(members[i].name));
        if (m && !is_null(m->value))
            rc = members[i].read(r, members[i].name, m->value);
    }
    return rc;
}

static bool is_known(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (str_eq(name, str_from(members[i].name)))
            return true;
    return false;
}

static int read_others(struct request *r)
{
    int rc = 0;
    for (const struct chat_member *m = r->c->own; m && rc == 0; m = m->next)
        if (!is_known(m->name) && !is_null(m->value))
            rc = extra(r, m->name, m->value);
    return rc;
}

int responses_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e)
{
    struct request r = {.c = c, .e = e};
    if (op != WIRE_CHAT)
        return err_set(e, ERR_INVALID, "the responses dialect knows conversations only");
    c->from = DIALECT_RESPONSES;
    c->max_tokens = c->budget = -1;
    c->choices = 1;
    c->wants_usage = c->has_signed_only = true; /* until a foreign item is seen */
    int rc = find_members(&r, body);
    if (rc == 0)
        rc = read_members(&r);
    if (rc == 0)
        rc = read_others(&r);
    if (rc)
        return rc;
    if (!c->model.ptr)
        return err_set(e, ERR_INVALID, "model is missing");
    if (!r.input.ptr || is_null(r.input))
        return err_set(e, ERR_INVALID, "input is missing: " NO_STORE);
    return responses_input_read(c, r.input, e);
}
