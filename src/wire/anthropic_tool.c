/* anthropic_tool.c: the tools of a request in Anthropic's dialect and which of them the model shall call, both ways; see
 * anthropic_priv.h. */
#include "wire/anthropic_priv.h"

/* --- read --- */

enum { T_TYPE, T_NAME, T_DESCRIPTION, T_SCHEMA, T_CACHE, T_STRICT, TOOL_COUNT };
static const struct str tool_names[TOOL_COUNT] = {STR("type"),         STR("name"),          STR("description"),
                                                  STR("input_schema"), STR("cache_control"), STR("strict")};

static int tool_read(struct anthropic_read *r, struct str raw)
{
    struct fields f;
    struct str type;
    if (raw.ptr[0] != '{')
        return err_set(r->err, ERR_INVALID, "tools.%lld must be an object", (long long)r->index);
    int rc = anthropic_fields_read(&f, tool_names, TOOL_COUNT, raw, r->err);
    struct tool *t = rc ? NULL : chat_tool_add(r->chat);
    if (rc)
        return rc;
    if (!t)
        return anthropic_nomem(r);
    rc = anthropic_text(r, f.raw[T_TYPE], "type", &type);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[T_NAME], "name", &t->name);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[T_DESCRIPTION], "description", &t->description);
    if (rc)
        return rc;
    t->cache = f.raw[T_CACHE];
    t->strict = f.raw[T_STRICT];
    if (type.len && !str_eq(type, STR("custom"))) {
        t->opaque = type;
        t->schema = raw;
        return 0;
    }
    if (t->name.len == 0)
        return anthropic_bad(r, "name", "is missing");
    if (f.raw[T_SCHEMA].len && f.raw[T_SCHEMA].ptr[0] != '{')
        return anthropic_bad(r, "input_schema", "must be an object");
    t->schema = f.raw[T_SCHEMA];
    if (!f.odd)
        return 0;
    t->raw = raw;
    return anthropic_odd(r, "tools", tool_names, TOOL_COUNT, raw, true);
}

int anthropic_tools_read(struct anthropic_read *r)
{
    struct str raw;
    int rc = 0;
    if (json_peek(&r->scan) != JSON_ARRAY)
        return r->scan.problem ? 0 : anthropic_bad(r, "tools", "must be a list");
    (void)json_enter(&r->scan);
    r->list = "tools";
    r->index = 0;
    for (; rc == 0 && json_element(&r->scan) && json_skip(&r->scan, &raw); r->index++)
        rc = tool_read(r, raw);
    r->list = NULL;
    return rc;
}

int anthropic_choice_read(struct anthropic_read *r)
{
    static const struct str words[] = {[CHOICE_AUTO] = STR("auto"),
                                       [CHOICE_NONE] = STR("none"),
                                       [CHOICE_REQUIRED] = STR("any"),
                                       [CHOICE_NAMED] = STR("tool")};
    static const struct str names[] = {STR("type"), STR("name"), STR("disable_parallel_tool_use")};
    struct str raw = STR_NONE, type;
    struct fields f;
    int rc = anthropic_object_read(r, "tool_choice", &raw);
    if (rc || r->scan.problem)
        return rc;
    rc = anthropic_fields_read(&f, names, COUNT_OF(names), raw, r->err);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[0], "tool_choice.type", &type);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[1], "tool_choice.name", &r->chat->choice_name);
    if (rc)
        return rc;
    for (size_t i = CHOICE_AUTO; i < COUNT_OF(words); i++)
        if (str_eq(words[i], type))
            r->chat->choice = (enum tool_choice)i;
    if (r->chat->choice == CHOICE_UNSET)
        return anthropic_bad(r, "tool_choice.type", "must be auto, any, tool or none");
    if (r->chat->choice == CHOICE_NAMED && r->chat->choice_name.len == 0)
        return anthropic_bad(r, "tool_choice.name", "is missing");
    if (f.raw[2].len)
        r->chat->parallel = f.raw[2].ptr[0] == 't' ? NO : YES;
    return f.odd ? anthropic_odd(r, "tool_choice", names, COUNT_OF(names), raw, false) : 0;
}

/* --- written --- */

/* A schema with "type":"object" at its top, which is asked for. */
static void schema_write(struct anthropic_write *w, struct str schema)
{
    struct json_scan s;
    struct str key;
    bool typed = false, empty = true;
    json_key(w->json, "input_schema");
    json_scan_init(&s, schema);
    if (json_peek(&s) != JSON_OBJECT) {
        json_raw(w->json, STR("{\"type\":\"object\",\"properties\":{}}"));
        return;
    }
    (void)json_enter(&s);
    while (json_member(&s, &key) && json_skip(&s, NULL)) {
        empty = false;
        typed |= json_key_is(key, STR("type"));
    }
    if (typed) {
        json_raw(w->json, schema);
        return;
    }
    json_raw(w->json, STR("{\"type\":\"object\""));
    w->json->comma = !empty;
    json_raw(w->json, str_trim(str_skip(schema, (size_t)(str_find_char(schema, '{') + 1))));
}

static int tool_write(struct anthropic_write *w, const struct tool *t)
{
    if (t->opaque.len && !w->own)
        return anthropic_lost(w, tool_is_spared(w->chat) ? STR("tools.hosted") : STR("server_tools"));
    if (w->own && (t->opaque.len || t->raw.len)) {
        w->marks += t->cache.len > 0;
        json_raw(w->json, t->opaque.len ? t->schema : t->raw);
        return 0;
    }
    struct str name = anthropic_name_safe(w, t->name);
    if (!name.ptr)
        return ERR_NOMEM;
    json_object_begin(w->json);
    anthropic_member(w, "name", name);
    if (t->description.len)
        anthropic_member(w, "description", t->description);
    if (t->custom)
        anthropic_member_raw(w, "input_schema", STR(TOOL_INPUT_SCHEMA));
    else
        schema_write(w, t->schema);
    if (t->strict.len)
        anthropic_member_raw(w, "strict", t->strict);
    anthropic_cache(w, t->cache);
    json_object_end(w->json);
    return 0;
}

static const struct part *first_call(const struct chat *c)
{
    for (const struct message *m = c->message; m; m = m->next)
        for (const struct part *p = m->part; p; p = p->next)
            if (p->kind == PART_CALL && m->role == ROLE_ASSISTANT)
                return p;
    return NULL;
}

static int choice_write(struct anthropic_write *w, enum tool_choice choice)
{
    static const char *const words[] = {[CHOICE_UNSET] = "auto",
                                        [CHOICE_AUTO] = "auto",
                                        [CHOICE_NONE] = "none",
                                        [CHOICE_REQUIRED] = "any",
                                        [CHOICE_NAMED] = "tool"};
    enum tristate parallel = choice == CHOICE_NONE ? UNSET : w->chat->parallel;
    bool said = parallel == NO || (parallel == YES && w->own);
    if (choice == CHOICE_UNSET && !said)
        return 0;
    json_key(w->json, "tool_choice");
    json_object_begin(w->json);
    json_key(w->json, "type");
    json_text(w->json, words[choice]);
    if (choice == CHOICE_NAMED) {
        struct str name = anthropic_name_safe(w, w->chat->choice_name);
        if (!name.ptr)
            return ERR_NOMEM;
        anthropic_member(w, "name", name);
    }
    if (said) {
        json_key(w->json, "disable_parallel_tool_use");
        json_bool(w->json, parallel == NO);
    }
    json_object_end(w->json);
    return 0;
}

int anthropic_tools_write(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    const struct part *called = c->tool ? NULL : first_call(c);
    int rc = 0;
    if (!c->tool && !called)
        return 0;
    json_key(w->json, "tools");
    json_array_begin(w->json);
    for (const struct tool *t = c->tool; t && rc == 0; t = t->next)
        rc = tool_write(w, t);
    if (called) /* a history with calls wants tools; that one is not to be called */
        rc = tool_write(w, &(struct tool){.name = called->name});
    json_array_end(w->json);
    return rc ? rc : choice_write(w, called ? CHOICE_NONE : c->choice);
}
