/* openai_write_tool.c: the tools of a request for an upstream that speaks OpenAI's dialect, and their schemas. */
#include "wire/openai_priv.h"

#define NO_ARGUMENTS "{\"type\":\"object\",\"properties\":{}}"

/* --- schemas ------------------------------------------------------------------------------------------------------- */

/* Keywords that Gemini's compatible endpoint refuses in a schema. What they demand is checked by whoever runs the tool. */
static bool is_refused(struct str key)
{
    static const char *const keywords[] = {"$schema", "$id", "$comment", "additionalProperties", "exclusiveMinimum",
                                           "exclusiveMaximum", "patternProperties", "propertyNames", "unevaluatedProperties",
                                           "dependentRequired", "if", "then", "else", "not", "contains"};
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (json_key_is(key, str_from(keywords[i])))
            return true;
    return false;
}

static bool holds_schemas_by_name(struct str key)
{
    return json_key_is(key, STR("properties")) || json_key_is(key, STR("$defs")) || json_key_is(key, STR("definitions"));
}

static bool holds_schemas(struct str key)
{
    return json_key_is(key, STR("items")) || json_key_is(key, STR("anyOf")) || json_key_is(key, STR("oneOf")) ||
           json_key_is(key, STR("allOf")) || json_key_is(key, STR("prefixItems"));
}

static void raw_key(struct openai_writer *o, struct str key)
{
    AUTO_BUF struct buf plain = BUF_INIT(key.len);
    if (json_unescape(key, &plain) < 0)
        openai_no_memory(o);
    json_key_str(&o->json, buf_str(&plain));
}

static void value_copy(struct openai_writer *o, struct json_scan *s)
{
    struct str raw;
    if (json_skip(s, &raw))
        json_raw(&o->json, raw);
}

static void plain_schema(struct openai_writer *o, struct json_scan *s);

static void schemas_by_name(struct openai_writer *o, struct json_scan *s)
{
    struct str key;

    if (json_peek(s) != JSON_OBJECT) {
        value_copy(o, s);
        return;
    }
    json_enter(s);
    json_object_begin(&o->json);
    while (json_member(s, &key)) {
        raw_key(o, key);
        plain_schema(o, s);
    }
    json_object_end(&o->json);
}

static void schema_member(struct openai_writer *o, struct json_scan *s, struct str key)
{
    if (is_refused(key)) {
        json_skip(s, NULL);
    } else if (json_key_is(key, STR("const"))) { /* the same, as a list of one */
        json_key(&o->json, "enum");
        json_array_begin(&o->json);
        value_copy(o, s);
        json_array_end(&o->json);
    } else {
        raw_key(o, key);
        if (holds_schemas_by_name(key))
            schemas_by_name(o, s);
        else if (holds_schemas(key))
            plain_schema(o, s);
        else
            value_copy(o, s);
    }
}

/* A schema, or a list of them. The scan limits the depth. */
static void plain_schema(struct openai_writer *o, struct json_scan *s)
{
    enum json_type type = json_peek(s);
    struct str key;

    if (type == JSON_ARRAY) {
        json_enter(s);
        json_array_begin(&o->json);
        while (json_element(s))
            plain_schema(o, s);
        json_array_end(&o->json);
    } else if (type == JSON_OBJECT) {
        json_enter(s);
        json_object_begin(&o->json);
        while (json_member(s, &key))
            schema_member(o, s, key);
        json_object_end(&o->json);
    } else {
        value_copy(o, s);
    }
}

void openai_schema_write(struct openai_writer *o, struct str schema)
{
    struct json_scan s;

    if (!openai_has(o, TRAIT_PLAIN_SCHEMAS)) {
        json_raw(&o->json, schema);
        return;
    }
    json_scan_init(&s, schema);
    plain_schema(o, &s);
}

/* --- tools --------------------------------------------------------------------------------------------------------- */

void openai_tool_name_write(struct openai_writer *o, struct str name)
{
    struct arena_mark mark = arena_mark(o->to->arena);
    struct str fitting = tool_name_fit(o->names, name, o->to->arena);
    if (name.len && !fitting.ptr)
        openai_no_memory(o);
    json_key(&o->json, "name");
    json_str(&o->json, fitting);
    arena_reset(o->to->arena, mark);
}

static void described(struct openai_writer *o, const struct tool *t)
{
    openai_tool_name_write(o, t->name);
    if (t->description.len) {
        json_key(&o->json, "description");
        json_str(&o->json, t->description);
    }
}

static void function_write(struct openai_writer *o, const struct tool *t)
{
    json_object_begin(&o->json);
    json_key(&o->json, "type");
    json_text(&o->json, "function");
    json_key(&o->json, "function");
    json_object_begin(&o->json);
    described(o, t);
    json_key(&o->json, "parameters");
    openai_schema_write(o, t->custom ? STR(TOOL_INPUT_SCHEMA) : t->schema.len ? t->schema : STR(NO_ARGUMENTS));
    if (t->strict.len && openai_has(o, TRAIT_STRICT))
        openai_cannot(o, "tools.strict");
    else if (t->strict.len) {
        json_key(&o->json, "strict");
        json_raw(&o->json, t->strict);
    }
    json_object_end(&o->json);
    if (t->cache.len && openai_has(o, TRAIT_CACHE_MARKS)) {
        json_key(&o->json, "cache_control");
        json_raw(&o->json, t->cache);
    } else if (t->cache.len) {
        openai_cannot(o, "cache_control");
    }
    json_object_end(&o->json);
}

static void custom_write(struct openai_writer *o, const struct tool *t)
{
    json_object_begin(&o->json);
    json_key(&o->json, "type");
    json_text(&o->json, "custom");
    json_key(&o->json, "custom");
    json_object_begin(&o->json);
    described(o, t);
    if (t->format.len) {
        json_key(&o->json, "format");
        json_raw(&o->json, t->format);
    }
    json_object_end(&o->json);
    json_object_end(&o->json);
}

static void tool_write(struct openai_writer *o, const struct tool *t)
{
    if (t->opaque.len && o->chat->from == DIALECT_OPENAI) {
        json_raw(&o->json, t->schema);
    } else if (t->opaque.len) {
        openai_cannot(o, tool_is_spared(o->chat) ? "tools.hosted" : "tools.type");
    } else if (t->custom && openai_has(o, TRAIT_OWN_FORMS)) {
        custom_write(o, t);
    } else {
        if (t->custom)
            openai_cannot(o, "tools.custom");
        function_write(o, t);
    }
}

static void choice_write(struct openai_writer *o)
{
    static const char *const words[] = {[CHOICE_AUTO] = "auto", [CHOICE_NONE] = "none", [CHOICE_REQUIRED] = "required"};
    const struct chat *c = o->chat;

    if (c->choice == CHOICE_UNSET)
        return;
    json_key(&o->json, "tool_choice");
    if (c->choice != CHOICE_NAMED) {
        json_text(&o->json, words[c->choice]);
        return;
    }
    const char *type = openai_has(o, TRAIT_OWN_FORMS) && tool_is_custom(c, c->choice_name) ? "custom" : "function";
    json_object_begin(&o->json);
    json_key(&o->json, "type");
    json_text(&o->json, type);
    json_key(&o->json, type);
    json_object_begin(&o->json);
    openai_tool_name_write(o, c->choice_name);
    json_object_end(&o->json);
    json_object_end(&o->json);
}

/* Without tools neither the choice nor parallel_tool_calls means anything, and OpenAI refuses both. */
void openai_tools_write(struct openai_writer *o)
{
    if (!o->chat->tool)
        return;
    json_key(&o->json, "tools");
    json_array_begin(&o->json);
    for (const struct tool *t = o->chat->tool; t && !o->rc; t = t->next)
        tool_write(o, t);
    json_array_end(&o->json);
    choice_write(o);
    if (o->chat->parallel == UNSET)
        return;
    if (openai_has(o, TRAIT_PLAIN_SCHEMAS)) { /* Gemini: an unknown name */
        openai_cannot(o, "parallel_tool_calls");
        return;
    }
    json_key(&o->json, "parallel_tool_calls");
    json_bool(&o->json, o->chat->parallel == YES);
}
