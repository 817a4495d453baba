/* responses_write.c: writes the request for an upstream that speaks the Responses dialect, from the neutral conversation.
 *
 * Nothing is left at the upstream (store is false) and nothing is fetched from there: the whole conversation goes along. A
 * client of the same dialect keeps its own settings to the byte; only its input is written anew. */
#include "wire/responses_priv.h"
#include "wire/models.h"

enum {
    CALL_ID_MAX = 64, USER_MAX = 64, /* what OpenAI takes */
    OUTPUT_TOKENS_MIN = 16,          /* it refuses less */
};

struct upstream {
    const struct chat *c;
    const struct chat_write *w;
    struct json_writer j;
    struct err *e;
    bool same; /* the client speaks this dialect, too */
};

static int no_memory(struct upstream *u)
{
    return err_set(u->e, ERR_NOMEM, "out of memory while writing the request");
}

static void key_str(struct upstream *u, const char *key, struct str value)
{
    json_key(&u->j, key);
    json_str(&u->j, value);
}

static void key_raw(struct upstream *u, const char *key, struct str raw)
{
    json_key(&u->j, key);
    json_raw(&u->j, raw);
}

static void begin_of_type(struct upstream *u, const char *type)
{
    json_object_begin(&u->j);
    json_key(&u->j, "type");
    json_text(&u->j, type);
}

static int cannot(struct upstream *u, const char *field)
{
    return codec_cannot(&codec_responses, u->w, str_from(field), u->e);
}

/* The client's own member of that name, as it stood. */
static struct str own(const struct upstream *u, const char *name)
{
    for (const struct chat_member *m = u->same ? u->c->own : NULL; m; m = m->next)
        if (str_eq(m->name, str_from(name)))
            return str_eq(m->value, STR("null")) ? STR_NONE : m->value;
    return STR_NONE;
}

static bool has_own(const struct upstream *u, const char *name)
{
    return own(u, name).len > 0;
}

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
        {!u->same && has_server_tools(c), "server_tools"},
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

/* --- the input -------------------------------------------------------------------------------------------------------------------- */

/* Ids are the client's, or another vendor's: what is too long here is replaced, alike in the call and in its result. */
static void write_call_id(struct upstream *u, struct str id)
{
    char made[32];
    json_key(&u->j, "call_id");
    if (id.len <= CALL_ID_MAX)
        json_str(&u->j, id);
    else
        json_str(&u->j, str_of(made, text_format(made, sizeof(made), "call_%016llx", (unsigned long long)str_hash(id))));
}

static int write_data_url(struct upstream *u, const char *key, const struct part *p, const char *type_if_none)
{
    struct str type = p->media_type.len ? p->media_type : media_type_sniff(p->data);
    char head[160];
    if (!type.len || type.len > sizeof(head) / 2)
        type = str_from(type_if_none);
    size_t n = text_format(head, sizeof(head), "data:%.*s;base64,", STR_FMT(type));
    struct str url = responses_joined(str_of(head, n), p->data, u->w->arena);
    if (!url.ptr)
        return no_memory(u);
    key_str(u, key, url);
    return 0;
}

static int write_image(struct upstream *u, const struct part *p)
{
    begin_of_type(u, "input_image");
    int rc = p->source == SOURCE_BASE64 ? write_data_url(u, "image_url", p, "image/png") : 0;
    if (p->source != SOURCE_BASE64)
        key_str(u, p->source == SOURCE_ID ? "file_id" : "image_url", p->data);
    if (p->detail.len)
        key_str(u, "detail", p->detail);
    json_object_end(&u->j);
    return rc;
}

static int write_text(struct upstream *u, struct str text)
{
    begin_of_type(u, "input_text");
    key_str(u, "text", text);
    json_object_end(&u->j);
    return 0;
}

static int write_file(struct upstream *u, const struct part *p)
{
    if (p->source == SOURCE_TEXT) {
        struct str text = p->title.len ? responses_joined(p->title, STR("\n"), u->w->arena) : STR("");
        if (text.ptr)
            text = text.len ? responses_joined(text, p->data, u->w->arena) : p->data;
        return text.ptr ? write_text(u, text) : no_memory(u);
    }
    begin_of_type(u, "input_file");
    if (p->title.len && p->source != SOURCE_ID)
        key_str(u, "filename", p->title);
    int rc = p->source == SOURCE_BASE64 ? write_data_url(u, "file_data", p, "application/pdf") : 0;
    if (p->source != SOURCE_BASE64)
        key_str(u, p->source == SOURCE_ID ? "file_id" : "file_url", p->data);
    json_object_end(&u->j);
    return rc;
}

static int write_audio(struct upstream *u, const struct part *p)
{
    struct str format = str_starts(p->media_type, STR("audio/")) ? str_skip(p->media_type, 6) : p->media_type;
    begin_of_type(u, "input_audio");
    json_key(&u->j, "input_audio");
    json_object_begin(&u->j);
    key_str(u, "data", p->data);
    key_str(u, "format", format.len ? format : STR("wav"));
    json_object_end(&u->j);
    json_object_end(&u->j);
    return 0;
}

static int write_opaque(struct upstream *u, const struct part *p)
{
    if (u->same)
        json_raw(&u->j, p->raw);
    else
        lost_add(u->w->lost, p->name);
    return 0;
}

/* A part of what somebody else than the model says. */
static int write_input_part(struct upstream *u, const struct part *p)
{
    switch (p->kind) {
    case PART_IMAGE: return write_image(u, p);
    case PART_FILE: return write_file(u, p);
    case PART_AUDIO: return write_audio(u, p);
    case PART_OPAQUE: return write_opaque(u, p);
    case PART_TEXT:
    case PART_REFUSAL: return write_text(u, p->text);
    case PART_REASONING:
    case PART_HIDDEN: return cannot(u, "reasoning_content");
    case PART_CALL:
    case PART_RESULT: return 0; /* items of their own */
    }
    return 0;
}

static bool is_text_only(const struct part *list)
{
    for (const struct part *p = list; p; p = p->next)
        if (p->kind != PART_TEXT)
            return false;
    return true;
}

/* As one string, as old models and small servers know it, or as parts. */
static int write_output(struct upstream *u, const struct part *result)
{
    int rc = 0;
    json_key(&u->j, "output");
    if (is_text_only(result->content)) {
        struct str text = chat_join_text(result->content, STR("\n"), u->w->arena);
        if (text.ptr && result->failed && !str_starts_fold(text, STR("error")))
            text = responses_joined(STR("Error: "), text, u->w->arena);
        json_str(&u->j, text);
        return text.ptr ? 0 : no_memory(u);
    }
    json_array_begin(&u->j);
    if (result->failed)
        rc = write_text(u, STR("Error:"));
    for (const struct part *p = result->content; p && rc == 0; p = p->next)
        rc = write_input_part(u, p);
    json_array_end(&u->j);
    return rc;
}

static int write_result(struct upstream *u, const struct part *p)
{
    begin_of_type(u, p->custom ? "custom_tool_call_output" : "function_call_output");
    write_call_id(u, p->id);
    int rc = write_output(u, p);
    json_object_end(&u->j);
    return rc;
}

static int write_call(struct upstream *u, const struct part *p)
{
    begin_of_type(u, p->custom ? "custom_tool_call" : "function_call");
    write_call_id(u, p->id);
    key_str(u, "name", p->name);
    if (p->custom)
        key_str(u, "input", p->arguments);
    else
        key_str(u, "arguments", str_trim(p->arguments).len ? p->arguments : STR("{}"));
    json_object_end(&u->j);
    return 0;
}

static bool is_spoken(const struct part *p)
{
    return p && (p->kind == PART_TEXT || p->kind == PART_REFUSAL);
}

/* A run of texts of the model's; returns what comes behind it. */
static const struct part *write_spoken(struct upstream *u, const struct part *p)
{
    struct str phase = p->phase;
    begin_of_type(u, "message");
    key_str(u, "role", STR("assistant"));
    if (phase.len)
        key_str(u, "phase", phase);
    json_key(&u->j, "content");
    json_array_begin(&u->j);
    for (; is_spoken(p) && str_eq(p->phase, phase); p = p->next)
        responses_content_write(&u->j, p->kind, p->text);
    json_array_end(&u->j);
    json_object_end(&u->j);
    return p;
}

/* The item that a run of readable thoughts and the sealed one behind them were, if this dialect's vendor has sealed it. What nobody
 * sealed no vendor here takes back. */
static const struct part *write_thoughts(struct upstream *u, const struct part *p, int *rc)
{
    const struct part *first = p;
    while (p && p->kind == PART_REASONING && str_eq(p->id, first->id))
        p = p->next;
    bool sealed = p && p->kind == PART_HIDDEN && p->id.len && (p == first || str_eq(p->id, first->id));
    if (!sealed) {
        if (p == first) /* another vendor's */
            p = p->next;
        *rc = cannot(u, "reasoning_content");
        return p;
    }
    begin_of_type(u, "reasoning");
    key_str(u, "id", p->id);
    json_key(&u->j, "summary");
    json_array_begin(&u->j);
    for (; first != p; first = first->next) {
        begin_of_type(u, "summary_text");
        key_str(u, "text", first->text);
        json_object_end(&u->j);
    }
    json_array_end(&u->j);
    key_str(u, "encrypted_content", p->text);
    json_object_end(&u->j);
    return p->next;
}

static int write_assistant(struct upstream *u, const struct message *m)
{
    int rc = 0;
    for (const struct part *p = m->part; p && rc == 0;) {
        if (is_spoken(p)) {
            p = write_spoken(u, p);
            continue;
        }
        if (p->kind == PART_REASONING || p->kind == PART_HIDDEN) {
            p = write_thoughts(u, p, &rc);
            continue;
        }
        if (p->kind == PART_CALL)
            rc = write_call(u, p);
        else if (p->kind == PART_RESULT)
            rc = write_result(u, p);
        else if (p->kind == PART_OPAQUE)
            rc = write_opaque(u, p);
        else
            lost_add(u->w->lost, STR("assistant_media"));
        p = p->next;
    }
    return rc;
}

static bool is_item(const struct part *p)
{
    return p->kind == PART_CALL || p->kind == PART_RESULT || (p->kind == PART_OPAQUE && str_eq(p->detail, RESPONSES_ITEM));
}

/* Results come first: they answer the calls just before. */
static int write_items_of(struct upstream *u, const struct message *m, int *others)
{
    int rc = 0;
    *others = 0;
    for (const struct part *p = m->part; p && rc == 0; p = p->next) {
        *others += !is_item(p);
        if (p->kind == PART_RESULT)
            rc = write_result(u, p);
        else if (p->kind == PART_CALL)
            rc = write_call(u, p);
        else if (is_item(p))
            rc = write_opaque(u, p);
    }
    return rc;
}

static int write_other(struct upstream *u, const struct message *m)
{
    static const char *const roles[] = {
        [ROLE_SYSTEM] = "system", [ROLE_DEVELOPER] = "developer", [ROLE_USER] = "user", [ROLE_ASSISTANT] = "assistant"};
    int others = 0, rc = write_items_of(u, m, &others);
    if (rc || (m->part && !others))
        return rc;
    begin_of_type(u, "message");
    json_key(&u->j, "role");
    json_text(&u->j, roles[m->role]);
    json_key(&u->j, "content");
    json_array_begin(&u->j);
    for (const struct part *p = m->part; p && rc == 0; p = p->next)
        if (!is_item(p))
            rc = write_input_part(u, p);
    json_array_end(&u->j);
    json_object_end(&u->j);
    return rc;
}

static int write_input(struct upstream *u)
{
    const struct message *m = u->c->message;
    int rc = 0;
    if (m && has_own(u, "instructions") && own(u, "instructions").len > 2)
        m = m->next; /* they go as they came */
    json_key(&u->j, "input");
    json_array_begin(&u->j);
    for (; m && rc == 0; m = m->next)
        rc = m->role == ROLE_ASSISTANT ? write_assistant(u, m) : write_other(u, m);
    json_array_end(&u->j);
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
    int rc = 0;
    if (t->opaque.len) {
        json_raw(&u->j, t->schema);
        return 0;
    }
    begin_of_type(u, t->custom ? "custom" : "function");
    key_str(u, "name", t->name);
    if (t->description.len)
        key_str(u, "description", t->description);
    if (t->custom) {
        rc = t->format.len ? write_custom_format(u, t->format) : 0;
    } else {
        key_raw(u, "parameters", t->schema.len ? t->schema : STR("{\"type\":\"object\",\"properties\":{}}"));
        key_raw(u, "strict", t->strict.len ? t->strict : STR("false")); /* left out it would mean true here */
    }
    json_object_end(&u->j);
    return rc;
}

static void write_choice(struct upstream *u)
{
    static const char *const words[] = {
        [CHOICE_AUTO] = "auto", [CHOICE_NONE] = "none", [CHOICE_REQUIRED] = "required", [CHOICE_NAMED] = NULL};
    if (u->c->choice == CHOICE_UNSET || has_own(u, "tool_choice"))
        return;
    json_key(&u->j, "tool_choice");
    if (u->c->choice != CHOICE_NAMED) {
        json_text(&u->j, words[u->c->choice]);
        return;
    }
    begin_of_type(u, responses_is_custom(u->c, u->c->choice_name) ? "custom" : "function");
    key_str(u, "name", u->c->choice_name);
    json_object_end(&u->j);
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
    write_choice(u);
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
    if (u->c->user.len <= USER_MAX)
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
    write_own(u);
    int rc = write_settings(u);
    if (rc == 0)
        rc = write_input(u);
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
