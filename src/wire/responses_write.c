/* responses_write.c: writes the request for an upstream that speaks the Responses dialect, from the neutral conversation.
 *
 * Nothing is left at the upstream (store is false) and nothing is fetched from there: the whole conversation goes along. A
 * client of the same dialect keeps its own settings to the byte; only its input is written anew. */
#include "wire/responses_write_priv.h"
#include "wire/models.h"

enum {
    USER_MAX = 64,          /* bytes; what OpenAI takes */
    OUTPUT_TOKENS_MIN = 16, /* it refuses less */
};

/* --- what cannot be said ------------------------------------------------------------------------------------------------------ */

static bool has_cache_marks(const struct chat *c)
{
    bool marked = c->cache.len > 0;
    for (const struct tool *t = c->tool; t && !marked; t = t->next)
        marked = t->cache.len > 0;
    for (const struct message *m = c->message; m && !marked; m = m->next)
        for (const struct part *p = m->part; p && !marked; p = p->next)
            marked = p->cache.len > 0;
    return marked;
}

static bool has_names(const struct chat *c)
{
    for (const struct message *m = c->message; m; m = m->next)
        if (m->name.len)
            return true;
    return false;
}

static bool has_server_tools(const struct chat *c)
{
    for (const struct tool *t = c->tool; t; t = t->next)
        if (t->opaque.len)
            return true;
    return false;
}

static bool is_zero(struct str number)
{
    double d;
    return json_to_double(number, &d) && d == 0;
}

static int check_fields(struct upstream *u)
{
    const struct chat *c = u->c;
    const struct {
        bool there;
        const char *field;
    } fields[] = {
        {c->choices > 1, "n"},
        {c->stop != NULL, "stop"},
        {c->suffix.len > 0, "suffix"},
        {c->raw_prompt, "raw"},
        {!u->same && has_server_tools(c), tool_is_spared(c) ? "tools.hosted" : "server_tools"},
        {c->top_k.len > 0, "top_k"},
        {c->min_p.len > 0, "min_p"},
        {c->repeat_penalty.len > 0, "repeat_penalty"},
        {c->frequency_penalty.len > 0 && !is_zero(c->frequency_penalty), "frequency_penalty"},
        {c->presence_penalty.len > 0 && !is_zero(c->presence_penalty), "presence_penalty"},
        {c->seed.len > 0, "seed"},
        {has_names(c), "name"},
        {has_cache_marks(c), "cache_control"},
    };
    int rc = 0;
    for (size_t i = 0; i < COUNT_OF(fields) && rc == 0; i++)
        if (fields[i].there)
            rc = cannot(u, fields[i].field);
    return rc;
}

/* Members of OpenAI's chat that are the same here. */
static const char *const shared[] = {"metadata",               "prompt_cache_key",  "prompt_cache_options",
                                     "prompt_cache_retention", "safety_identifier", "moderation",
                                     "verbosity",              NULL};

static bool is_shared(struct str name)
{
    for (size_t i = 0; shared[i]; i++)
        if (str_eq(name, str_from(shared[i])))
            return true;
    return false;
}

/* Said, but asking for nothing. */
static bool is_idle(struct str raw)
{
    static const char *const idle[] = {"null", "false", "0", "{}", "[]", "[\"text\"]", NULL};
    for (size_t i = 0; idle[i]; i++)
        if (str_eq(raw, str_from(idle[i])))
            return true;
    return false;
}

static int check_extras(struct upstream *u)
{
    int rc = 0;
    for (const struct chat_member *m = u->same ? NULL : u->c->extra; m && rc == 0; m = m->next)
        if (!(u->c->from == DIALECT_OPENAI && is_shared(m->name)) && !is_idle(m->value))
            rc = codec_cannot(&codec_responses, u->w, m->name, u->e);
    return rc;
}

/* --- the settings ----------------------------------------------------------------------------------------------------------------- */

/* {"type":"grammar","grammar":{"syntax","definition"}} of chat is flat here. */
static int write_custom_format(struct upstream *u, struct str format)
{
    struct json_node *node;
    if (json_parse(u->w->arena, format, &node, u->e) == ERR_NOMEM)
        return ERR_NOMEM;
    const struct json_node *grammar = json_get(node, "grammar");
    if (!grammar) {
        key_raw(u, "format", format);
        return 0;
    }
    json_key(&u->j, "format");
    begin_of_type(u, "grammar");
    key_str(u, "syntax", json_get_text(grammar, "syntax"));
    key_str(u, "definition", json_get_text(grammar, "definition"));
    json_object_end(&u->j);
    return 0;
}

static int write_tool(struct upstream *u, const struct tool *t)
{
    if (t->opaque.len) { /* of another vendor: it was spared */
        if (u->same)
            json_raw(&u->j, t->schema);
        return 0;
    }
    begin_of_type(u, t->custom ? "custom" : "function");
    int rc = tool_name_write(u, t->name);
    if (t->description.len)
        key_str(u, "description", t->description);
    if (t->custom) {
        rc = rc == 0 && t->format.len ? write_custom_format(u, t->format) : rc;
    } else {
        key_raw(u, "parameters", t->schema.len ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
        key_raw(u, "strict", t->strict.len ? t->strict : STR("false")); /* left out it would mean true here */
    }
    json_object_end(&u->j);
    return rc;
}

static int write_choice(struct upstream *u)
{
    static const char *const words[] = {
        [CHOICE_AUTO] = "auto", [CHOICE_NONE] = "none", [CHOICE_REQUIRED] = "required", [CHOICE_NAMED] = NULL};
    if (u->c->choice == CHOICE_UNSET || has_own(u, "tool_choice"))
        return 0;
    json_key(&u->j, "tool_choice");
    if (u->c->choice != CHOICE_NAMED) {
        json_text(&u->j, words[u->c->choice]);
        return 0;
    }
    begin_of_type(u, tool_is_custom(u->c, u->c->choice_name) ? "custom" : "function"); /* in a namespace: has_own, above */
    int rc = tool_name_write(u, u->c->choice_name);
    json_object_end(&u->j);
    return rc;
}

static int write_tools(struct upstream *u)
{
    int rc = 0;
    if (!u->c->tool)
        return 0;
    if (!has_own(u, "tools")) {
        json_key(&u->j, "tools");
        json_array_begin(&u->j);
        for (const struct tool *t = u->c->tool; t && rc == 0; t = t->next)
            rc = write_tool(u, t);
        json_array_end(&u->j);
    }
    rc = rc ? rc : write_choice(u);
    if (u->c->parallel != UNSET && !has_own(u, "parallel_tool_calls")) {
        json_key(&u->j, "parallel_tool_calls");
        json_bool(&u->j, u->c->parallel == YES);
    }
    return rc;
}

static void write_format(struct upstream *u)
{
    const struct chat *c = u->c;
    json_key(&u->j, "format");
    if (c->format == FORMAT_JSON_OBJECT) {
        begin_of_type(u, "json_object");
    } else {
        begin_of_type(u, "json_schema");
        key_str(u, "name", c->schema_name.len ? c->schema_name : STR("output"));
        if (c->schema_description.len)
            key_str(u, "description", c->schema_description);
        key_raw(u, "schema", c->schema.len ? c->schema : STR("{}"));
        if (c->schema_strict.len)
            key_raw(u, "strict", c->schema_strict);
    }
    json_object_end(&u->j);
}

static void write_text_settings(struct upstream *u)
{
    const struct chat_member *verbosity = u->c->from == DIALECT_OPENAI ? chat_extra_find(u->c, STR("verbosity")) : NULL;
    if (has_own(u, "text") || (u->c->format == FORMAT_TEXT && !verbosity))
        return;
    json_key(&u->j, "text");
    json_object_begin(&u->j);
    if (u->c->format != FORMAT_TEXT)
        write_format(u);
    if (verbosity)
        key_raw(u, "verbosity", verbosity->value);
    json_object_end(&u->j);
}

static void write_reasoning_settings(struct upstream *u)
{
    const struct chat *c = u->c;
    enum effort effort = c->effort == EFFORT_UNSET && c->budget >= 0 ? effort_of_budget(c->budget) : c->effort;
    bool summary = c->show_reasoning == YES && effort != EFFORT_NONE;
    if (has_own(u, "reasoning") || (effort == EFFORT_UNSET && !summary))
        return;
    json_key(&u->j, "reasoning");
    json_object_begin(&u->j);
    if (effort != EFFORT_UNSET)
        key_str(u, "effort", str_from(effort_name(effort)));
    if (summary)
        key_str(u, "summary", STR("auto"));
    json_object_end(&u->j);
}

static void write_max_tokens(struct upstream *u)
{
    int64_t n = u->c->max_tokens, most = u->w->fact ? u->w->fact->output_tokens_max : 0;
    if (n < 0 || has_own(u, "max_output_tokens"))
        return;
    n = most > 0 && n > most ? most : n;
    json_key(&u->j, "max_output_tokens");
    json_i64(&u->j, n < OUTPUT_TOKENS_MIN ? OUTPUT_TOKENS_MIN : n);
}

/* OpenAI's reasoning models refuse these two, whatever they are set to. */
static int write_sampling(struct upstream *u, const char *name, struct str value)
{
    bool refused = u->w->fact && u->w->fact->reasoning && u->w->vendor && str_eq(str_from(u->w->vendor->name), STR("openai"));
    if (!value.len || has_own(u, name))
        return 0;
    if (refused)
        return cannot(u, name);
    key_raw(u, name, value);
    return 0;
}

/* One person's tag may be longer than the API takes; another one stands for it, always the same. */
static void write_user(struct upstream *u)
{
    char made[32];
    if (!u->c->user.len || has_own(u, "user") || has_own(u, "safety_identifier"))
        return;
    json_key(&u->j, "user");
    if (u->c->user.len <= USER_MAX && u->c->from != DIALECT_ANTHROPIC) /* theirs names an account of that vendor */
        json_str(&u->j, u->c->user);
    else
        json_str(&u->j, str_of(made, text_format(made, sizeof(made), "user_%016llx", (unsigned long long)str_hash(u->c->user))));
}

static void write_own(struct upstream *u)
{
    static const struct str not_these[] = {STR("model"), STR("stream"), STR("background")};
    for (const struct chat_member *m = u->same ? u->c->own : NULL; m; m = m->next) {
        bool skip = str_eq(m->value, STR("null"));
        for (size_t i = 0; i < COUNT_OF(not_these); i++)
            skip |= str_eq(m->name, not_these[i]);
        if (skip)
            continue;
        json_key_str(&u->j, m->name);
        json_raw(&u->j, m->value);
    }
}

static int write_settings(struct upstream *u)
{
    write_max_tokens(u);
    int rc = write_sampling(u, "temperature", u->c->temperature);
    if (rc == 0)
        rc = write_sampling(u, "top_p", u->c->top_p);
    if (rc == 0)
        rc = write_tools(u);
    write_text_settings(u);
    write_reasoning_settings(u);
    write_user(u);
    if (u->c->tier.len && !has_own(u, "service_tier"))
        key_str(u, "service_tier", u->c->tier);
    for (const struct chat_member *m = u->c->from == DIALECT_OPENAI ? u->c->extra : NULL; m; m = m->next)
        if (is_shared(m->name) && !str_eq(m->name, STR("verbosity")) && !str_eq(m->value, STR("null"))) {
            json_key_str(&u->j, m->name);
            json_raw(&u->j, m->value);
        }
    return rc;
}

static int write_body(struct upstream *u)
{
    json_object_begin(&u->j);
    key_str(u, "model", u->w->model);
    if (u->c->stream)
        key_raw(u, "stream", STR("true"));
    if (!u->same)
        key_raw(u, "store", STR("false"));
    bool sealed = u->w->recall && u->w->fact && u->w->fact->reasoning && u->c->tool; /* models that do not reason refuse it */
    if (!u->same && sealed)
        key_raw(u, "include", STR("[\"reasoning.encrypted_content\"]"));
    write_own(u);
    int rc = write_settings(u);
    if (rc == 0)
        rc = responses_input_write(u);
    json_object_end(&u->j);
    return rc;
}

int responses_request_write(const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e)
{
    struct upstream u = {.c = c, .w = w, .j = JSON_WRITER(out), .e = e, .same = c->from == DIALECT_RESPONSES};
    size_t before = out->len;
    if (w->op != WIRE_CHAT)
        return err_set(e, ERR_INVALID, "the responses dialect knows conversations only");
    int rc = check_fields(&u);
    if (rc == 0)
        rc = check_extras(&u);
    if (rc == 0)
        rc = write_body(&u);
    if (rc == 0 && json_done(&u.j))
        rc = err_set(e, json_done(&u.j), "%s while writing the request", err_text(json_done(&u.j)));
    if (rc)
        out->len = before; /* all of it or nothing */
    return rc;
}
