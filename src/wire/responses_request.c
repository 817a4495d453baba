/* responses_request.c: reads a client's request in the Responses dialect: everything but its `input` (responses_input.c).
 *
 * One scan finds the members, each kept raw in c->own; then they are read in the order of the table, so that instructions come
 * before the input and tools before the choice of one. What asks for something that a server without a store cannot do is
 * refused by name. */
#include "wire/responses_request_priv.h"

enum {
    MEMBERS_MAX = 200,   /* the API has about thirty; lists of members are searched one by one */
    MODEL_BYTES_MAX = 256,
};
#define NO_STORE "this server keeps no responses; send the whole conversation in `input`"
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
    {"tools", responses_tools_read},
    {"tool_choice", responses_choice_read},
    {"parallel_tool_calls", read_parallel},
    {"text", responses_text_read},
    {"reasoning", responses_reasoning_read},
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
