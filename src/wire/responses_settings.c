/* responses_settings.c: reads the larger settings of a Responses request: tools, the choice of one, text, reasoning. */
#include "wire/responses_request_priv.h"

enum {
    ALLOWED_MAX = 256, /* tools in tool_choice.tools; the API takes 128 */
    SETTINGS_MAX = 32, /* members of text or reasoning; the API has a handful */
};

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

/* What is left in an object of settings when the known members are taken: lost elsewhere, as "text.new". */
static int extra_below(struct request *r, const char *name, const struct json_node *object, const char *const *known)
{
    if (object->count > SETTINGS_MAX)
        return err_set(r->e, ERR_INVALID, "%s has more than %d members", name, SETTINGS_MAX);
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

/* --- tools ---------------------------------------------------------------------------------------------------------------------- */

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
    static const char *const known[] = {"type", "name", "description", "parameters", "strict", "format", NULL};
    if (!chat_odd_members(r->c, "tools", node, known, true))
        return no_memory(r);
    if (t->custom)
        return read_format_of_custom(r, node, t);
    const struct json_node *schema = json_get(node, "parameters");
    if (given(schema) && schema->type != JSON_OBJECT)
        return err_set(r->e, ERR_INVALID, "%s.parameters must be an object", path);
    t->schema = given(schema) ? schema->text : STR_NONE;
    return member_bool_raw(r, node, "strict", path, &t->strict);
}

static int read_tool(struct request *r, const struct json_node *node, const char *path, struct str space);

/* Functions under a name of their own: {"type":"namespace","name","description","tools":[…]}. */
static int read_namespace(struct request *r, const struct json_node *node, const char *path)
{
    const struct json_node *list = json_get(node, "tools"), *description = json_get(node, "description");
    struct str space = STR_NONE;
    int rc = member_text(r, node, "name", path, &space), i = 0;
    if (rc == 0 && !space.len)
        return err_set(r->e, ERR_INVALID, "%s.name is missing", path);
    if (rc == 0 && (!list || list->type != JSON_ARRAY))
        return err_set(r->e, ERR_INVALID, "%s.tools must be an array", path);
    for (const struct json_node *n = rc ? NULL : list->child; n && rc == 0; n = n->next) {
        char inside[64];
        text_format(inside, sizeof inside, "%s.tools.%d", path, i++);
        rc = read_tool(r, n, inside, space);
    }
    bool told = given(description) && !chat_extra_find(r->c, STR("tools.namespace"));
    return rc || !told ? rc : extra(r, STR("tools.namespace"), raw_of(r, description));
}

static int put_inside(struct request *r, struct tool *t, struct str space)
{
    t->space = space;
    t->name = tool_name_join(space, t->name, r->c->arena);
    return t->name.ptr ? 0 : no_memory(r);
}

/* `space`: of the namespace around it; empty: none, and then it may be one itself, or a tool that the vendor runs. */
static int read_tool(struct request *r, const struct json_node *node, const char *path, struct str space)
{
    if (node->type != JSON_OBJECT)
        return err_set(r->e, ERR_INVALID, "%s must be an object", path);
    struct str type = STR_NONE;
    int rc = member_text(r, node, "type", path, &type);
    if (rc == 0 && type.len == 0)
        rc = err_set(r->e, ERR_INVALID, "%s.type is missing", path);
    if (rc)
        return rc;
    if (!space.len && str_eq(type, STR("namespace")))
        return read_namespace(r, node, path);
    struct tool *t = chat_tool_add(r->c);
    if (!t)
        return no_memory(r);
    t->custom = str_eq(type, STR("custom"));
    if (t->custom || str_eq(type, STR("function"))) {
        rc = read_named_tool(r, node, t, path);
        return rc || !space.len ? rc : put_inside(r, t, space);
    }
    t->opaque = type;
    t->schema = node->text;
    return 0;
}

int responses_tools_read(struct request *r, const char *name, struct str raw)
{
    const struct json_node *list = NULL;
    int rc = tree_read(r, name, JSON_ARRAY, raw, &list), i = 0;
    for (const struct json_node *n = rc ? NULL : list->child; n && rc == 0; n = n->next) {
        char path[32];
        text_format(path, sizeof path, "tools.%d", i++);
        rc = read_tool(r, n, path, STR_NONE);
    }
    return rc;
}

static bool is_allowed(const struct json_node *list, const struct tool *t)
{
    for (const struct json_node *n = list->child; n; n = n->next) {
        struct str type = json_get_text(n, "type"), name = json_get_text(n, "name");
        if (t->opaque.len ? str_eq(type, t->opaque) : str_eq(name, t->name) || (t->space.len && str_eq(name, t->space)))
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

int responses_choice_read(struct request *r, const char *name, struct str raw)
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
    struct str space = json_get_text(node, "namespace");
    if (space.len && !(r->c->choice_name = tool_name_join(space, r->c->choice_name, r->c->arena)).ptr)
        return no_memory(r);
    r->c->choice = CHOICE_NAMED;
    return 0;
}

/* --- text, reasoning ------------------------------------------------------------------------------------------------------------ */

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

int responses_text_read(struct request *r, const char *name, struct str raw)
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

int responses_reasoning_read(struct request *r, const char *name, struct str raw)
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
