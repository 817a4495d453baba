/* openai_read_wish.c: two of a request's members that take more than a line: the form of the answer, and thinking, which every
 * vendor asks for in its own way. */
#include "wire/openai_priv.h"

/* --- rows: the form of the answer ---------------------------------------------------------------------------------- */

static int schema_read(struct openai_reader *r, const struct json_node *n)
{
    struct chat *c = r->chat;
    const struct json_node *schema = json_get(n, "schema"), *strict = json_get(n, "strict");

    if (!n || n->type != JSON_OBJECT)
        return err_set(r->err, ERR_INVALID, "response_format.json_schema must be an object");
    if (schema && schema->type != JSON_NULL && schema->type != JSON_OBJECT)
        return err_set(r->err, ERR_INVALID, "response_format.json_schema.schema must be an object");
    c->format = FORMAT_JSON_SCHEMA;
    c->schema = schema && schema->type == JSON_OBJECT ? schema->text : STR("{}");
    c->schema_name = json_get_text(n, "name");
    c->schema_description = json_get_text(n, "description");
    c->schema_strict = openai_is_flag(strict) ? strict->text : STR_NONE;
    return 0;
}

int openai_format_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (n->type != JSON_OBJECT)
        return openai_must_be(r, row, "an object");
    struct str type = json_get_text(n, "type");
    const struct json_node *schema = json_get(n, "schema");
    if (str_eq(type, STR("json_schema")))
        return schema_read(r, json_get(n, "json_schema"));
    if (str_eq(type, STR("json_object"))) {
        bool with_schema = schema && schema->type == JSON_OBJECT; /* llama-server */
        r->chat->format = with_schema ? FORMAT_JSON_SCHEMA : FORMAT_JSON_OBJECT;
        r->chat->schema = with_schema ? schema->text : STR_NONE;
        return 0;
    }
    if (str_eq(type, STR("text")))
        return 0;
    return type.ptr ? openai_keep(r, row->name, n) : err_set(r->err, ERR_INVALID, "response_format.type must be a string");
}

/* --- rows: thinking, which every vendor asks for in its own way ---------------------------------------------------- */

int openai_effort_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (n->type != JSON_STRING)
        return openai_must_be(r, row, "a string");
    enum effort e = effort_find(n->text);
    if (e == EFFORT_UNSET) /* "default", and whatever a vendor thinks of next */
        return openai_keep(r, row->name, n);
    r->chat->effort = e;
    return 0;
}

/* OpenRouter: {effort | max_tokens, enabled, exclude}. */
int openai_reasoning_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    struct chat *c = r->chat;
    const struct json_node *enabled = json_get(n, "enabled"), *exclude = json_get(n, "exclude");
    int64_t budget;

    if (n->type != JSON_OBJECT)
        return openai_must_be(r, row, "an object");
    enum effort e = effort_find(json_get_text(n, "effort"));
    c->effort = e != EFFORT_UNSET ? e : c->effort;
    if (json_get_i64(n, "max_tokens", &budget) && budget >= 0 && budget <= OPENAI_TOKENS_MAX)
        c->budget = budget;
    if (openai_is_flag(enabled))
        r->thinking = enabled->type == JSON_TRUE ? YES : NO;
    if (openai_is_flag(exclude))
        c->show_reasoning = exclude->type == JSON_TRUE ? NO : YES;
    return 0;
}

/* DeepSeek, Kimi, and Anthropic's own compatible face: {type, budget_tokens}. */
int openai_thinking_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    int64_t budget;

    if (n->type != JSON_OBJECT)
        return openai_must_be(r, row, "an object");
    r->thinking = str_eq(json_get_text(n, "type"), STR("disabled")) ? NO : YES;
    if (json_get_i64(n, "budget_tokens", &budget) && budget >= 0 && budget <= OPENAI_TOKENS_MAX)
        r->chat->budget = budget;
    return 0;
}

int openai_enable_thinking_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (!openai_is_flag(n))
        return openai_must_be(r, row, "true or false");
    r->thinking = n->type == JSON_TRUE ? YES : NO;
    return 0;
}

/* vLLM, llama-server. Kept as it is when it says more than we understand. */
int openai_template_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    bool all = n->type == JSON_OBJECT;

    for (const struct json_node *m = n->child; m; m = m->next) {
        bool flag = str_eq(m->key, STR("enable_thinking")) || str_eq(m->key, STR("thinking"));
        enum effort e = str_eq(m->key, STR("reasoning_effort")) && m->type == JSON_STRING ? effort_find(m->text) : EFFORT_UNSET;
        if (flag && openai_is_flag(m))
            r->thinking = m->type == JSON_TRUE ? YES : NO;
        else if (e != EFFORT_UNSET)
            r->chat->effort = e;
        else
            all = false;
    }
    return all ? 0 : openai_keep(r, row->name, n);
}

int openai_include_reasoning_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    if (!openai_is_flag(n))
        return openai_must_be(r, row, "true or false");
    r->chat->show_reasoning = n->type == JSON_TRUE ? YES : NO;
    return 0;
}

int openai_reasoning_format_read(struct openai_reader *r, const struct openai_row *row, const struct json_node *n)
{
    struct str word = n->type == JSON_STRING ? n->text : STR_NONE;

    if (!str_eq(word, STR("parsed")) && !str_eq(word, STR("hidden")))
        return openai_keep(r, row->name, n);
    r->chat->show_reasoning = str_eq(word, STR("parsed")) ? YES : NO;
    return 0;
}
