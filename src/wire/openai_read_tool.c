/* openai_read_tool.c: the tools of a request in OpenAI's dialect, and which of them may or must be called. */
#include "wire/openai_priv.h"

enum { TOOLS_MAX = 4096, ALLOWED_MAX = 1024 }; /* OpenAI takes 128; each is compared with each */

static bool is_absent(const struct json_node *n)
{
    return !n || n->type == JSON_NULL;
}

static int bad(struct openai_reader *r, const char *list, size_t item, const char *what)
{
    return err_set(r->err, ERR_INVALID, "%s.%zu%s", list, item, what);
}

/* A function, wherever its members stand. */
static int function_read(struct openai_reader *r, const struct json_node *f, const char *list, size_t item)
{
    const struct json_node *schema = json_get(f, "parameters"), *strict = json_get(f, "strict");
    struct str name = openai_text(f, "name");

    if (name.len == 0)
        return bad(r, list, item, *list == 't' ? ".function.name must be a string" : ".name must be a string");
    if (!is_absent(schema) && schema->type != JSON_OBJECT)
        return bad(r, list, item, *list == 't' ? ".function.parameters must be an object" : ".parameters must be an object");
    static const char *const known[] = {"type", "name", "description", "parameters", "strict", "cache_control", NULL};
    struct tool *t = chat_tool_add(r->chat);
    if (!t || !chat_odd_members(r->chat, list, f, known, false))
        return openai_out_of_memory(r->err);
    t->name = name;
    t->description = json_get_text(f, "description");
    t->schema = is_absent(schema) ? STR_NONE : schema->text;
    t->strict = strict && (strict->type == JSON_TRUE || strict->type == JSON_FALSE) ? strict->text : STR_NONE;
    return 0;
}

static int custom_read(struct openai_reader *r, const struct json_node *custom, size_t item)
{
    const struct json_node *format = json_get(custom, "format");
    struct str name = openai_text(custom, "name");

    if (name.len == 0)
        return bad(r, "tools", item, ".custom.name must be a string");
    struct tool *t = chat_tool_add(r->chat);
    if (!t)
        return openai_out_of_memory(r->err);
    t->custom = true;
    t->name = name;
    t->description = json_get_text(custom, "description");
    t->format = format && format->type == JSON_OBJECT ? format->text : STR_NONE;
    return 0;
}

static int opaque_read(struct openai_reader *r, const struct json_node *n, struct str type)
{
    struct tool *t = chat_tool_add(r->chat);
    if (!t)
        return openai_out_of_memory(r->err);
    t->opaque = type;
    t->schema = n->text;
    return 0;
}

static int tool_read(struct openai_reader *r, const struct json_node *n, size_t item)
{
    if (n->type != JSON_OBJECT)
        return bad(r, "tools", item, " must be an object");
    const struct json_node *function = json_get(n, "function"), *cache = json_get(n, "cache_control");
    const struct json_node *type = json_get(n, "type");
    struct str word = type && type->type == JSON_STRING ? type->text : STR("function");
    int rc;
    if (str_eq(word, STR("custom")))
        rc = custom_read(r, json_get(n, "custom"), item);
    else if (!str_eq(word, STR("function")))
        rc = opaque_read(r, n, word);
    else
        rc = function_read(r, function ? function : n, "tools", item); /* flat, as the Responses API has it */
    if (rc == 0 && cache && cache->type == JSON_OBJECT)
        r->chat->last_tool->cache = cache->text;
    return rc;
}

int openai_tools_read(struct openai_reader *r, const struct json_node *n)
{
    size_t item = 0;
    int rc = 0;

    if (n->count > TOOLS_MAX)
        return err_set(r->err, ERR_INVALID, "tools must be a list of at most %d", TOOLS_MAX);
    for (const struct json_node *t = n->child; t && rc == 0; t = t->next)
        rc = tool_read(r, t, item++);
    return rc;
}

int openai_functions_read(struct openai_reader *r, const struct json_node *n)
{
    size_t item = 0;
    int rc = 0;

    for (const struct json_node *f = n->child; f && rc == 0; f = f->next)
        rc = function_read(r, f, "functions", item++);
    return rc;
}

/* --- the choice ---------------------------------------------------------------------------------------------------- */

static int choice_word_read(struct openai_reader *r, struct str word, const char *member)
{
    static const struct {
        const char *word;
        enum tool_choice choice;
    } words[] = {
        {"auto", CHOICE_AUTO}, {"none", CHOICE_NONE}, {"required", CHOICE_REQUIRED}, {"any", CHOICE_REQUIRED}, /* Mistral's */
    };

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (str_eq(word, str_from(words[i].word))) {
            r->chat->choice = words[i].choice;
            return 0;
        }
    }
    return err_set(r->err, ERR_INVALID, "%s must be none, auto, required or an object", member);
}

static int named_read(struct openai_reader *r, struct str name, const char *member)
{
    if (name.len == 0)
        return err_set(r->err, ERR_INVALID, "%s must be a string", member);
    r->chat->choice = CHOICE_NAMED;
    r->chat->choice_name = name;
    return 0;
}

static int allowed_read(struct openai_reader *r, const struct json_node *allowed)
{
    const struct json_node *tools = json_get(allowed, "tools");

    if (!tools || tools->type != JSON_ARRAY || tools->count > ALLOWED_MAX)
        return err_set(r->err, ERR_INVALID, "tool_choice.allowed_tools.tools must be a list of at most %d", ALLOWED_MAX);
    r->chat->choice = str_eq(json_get_text(allowed, "mode"), STR("required")) ? CHOICE_REQUIRED : CHOICE_AUTO;
    r->allowed = tools;
    return 0;
}

int openai_tool_choice_read(struct openai_reader *r, const struct json_node *n)
{
    if (n->type == JSON_STRING)
        return choice_word_read(r, n->text, "tool_choice");
    struct str type = json_get_text(n, "type");
    if (str_eq(type, STR("function")))
        return named_read(r, openai_text(json_get(n, "function"), "name"), "tool_choice.function.name");
    if (str_eq(type, STR("custom")))
        return named_read(r, openai_text(json_get(n, "custom"), "name"), "tool_choice.custom.name");
    if (str_eq(type, STR("allowed_tools")))
        return allowed_read(r, json_get(n, "allowed_tools"));
    return err_set(r->err, ERR_INVALID, "tool_choice must be none, auto, required or an object that names a function");
}

int openai_function_call_read(struct openai_reader *r, const struct json_node *n)
{
    return n->type == JSON_STRING ? choice_word_read(r, n->text, "function_call")
                                  : named_read(r, openai_text(n, "name"), "function_call.name");
}

static bool is_allowed(const struct json_node *allowed, const struct tool *t)
{
    for (const struct json_node *n = allowed->child; n; n = n->next) {
        const struct json_node *inside = json_get(n, t->custom ? "custom" : "function");
        if (t->opaque.len ? str_eq(json_get_text(n, "type"), t->opaque) : str_eq(json_get_text(inside ? inside : n, "name"), t->name))
            return true;
    }
    return false;
}

void openai_tools_allowed(struct openai_reader *r)
{
    struct chat *c = r->chat;
    struct tool **at = &c->tool;

    if (!r->allowed)
        return;
    c->last_tool = NULL;
    while (*at) {
        if (!is_allowed(r->allowed, *at)) {
            *at = (*at)->next;
            continue;
        }
        c->last_tool = *at;
        at = &(*at)->next;
    }
}
