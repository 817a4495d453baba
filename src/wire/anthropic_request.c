/* anthropic_request.c: a request in Anthropic's dialect (messages, or count_tokens with the same body), read; see
 * anthropic_priv.h. One scan: members are understood where they stand, whatever their order. */
#include "wire/anthropic_priv.h"

enum { EXTRA_MAX = 256 }; /* members that nobody knows: clients send a handful, and looking one up is a walk */

static bool raw_value(struct anthropic_read *r, struct str *raw)
{
    return json_skip(&r->scan, raw);
}

static int own_add(struct anthropic_read *r, struct str name, struct str raw)
{
    struct chat_member *m = arena_new(r->chat->arena, struct chat_member);
    if (!m)
        return anthropic_nomem(r);
    *m = (struct chat_member){.next = r->chat->own, .name = name, .value = raw};
    r->chat->own = m;
    return 0;
}

/* --- members that are one value ----------------------------------------------------------------------------------- */

static int string_read(struct anthropic_read *r, const char *member, struct str *out)
{
    struct str raw;
    if (!raw_value(r, &raw))
        return 0; /* json_finish tells */
    return anthropic_text(r, raw, member, out);
}

static int number_read(struct anthropic_read *r, const char *member, struct str *out)
{
    if (json_peek(&r->scan) != JSON_NUMBER && !r->scan.problem)
        return anthropic_bad(r, member, "must be a number");
    (void)raw_value(r, out);
    return 0;
}

int anthropic_object_read(struct anthropic_read *r, const char *member, struct str *out)
{
    if (json_peek(&r->scan) != JSON_OBJECT && !r->scan.problem)
        return anthropic_bad(r, member, "must be an object");
    (void)raw_value(r, out);
    return 0;
}

static int model_read(struct anthropic_read *r)
{
    return string_read(r, "model", &r->chat->model);
}

static int max_tokens_read(struct anthropic_read *r)
{
    struct str raw = STR_NONE;
    int rc = number_read(r, "max_tokens", &raw);
    if (rc || r->scan.problem)
        return rc;
    if (!json_to_i64(raw, &r->chat->max_tokens) || r->chat->max_tokens < 0)
        return anthropic_bad(r, "max_tokens", "must be a whole number, 0 or more");
    return 0;
}

static int stream_read(struct anthropic_read *r)
{
    enum json_type type = json_peek(&r->scan);
    if (type != JSON_TRUE && type != JSON_FALSE && !r->scan.problem)
        return anthropic_bad(r, "stream", "must be true or false");
    r->chat->stream = type == JSON_TRUE;
    (void)raw_value(r, NULL);
    return 0;
}

static int temperature_read(struct anthropic_read *r)
{
    return number_read(r, "temperature", &r->chat->temperature);
}

static int top_p_read(struct anthropic_read *r)
{
    return number_read(r, "top_p", &r->chat->top_p);
}

static int top_k_read(struct anthropic_read *r)
{
    return number_read(r, "top_k", &r->chat->top_k);
}

static int cache_read(struct anthropic_read *r)
{
    return anthropic_object_read(r, "cache_control", &r->chat->cache);
}

/* OpenAI's words are the neutral ones. */
static int tier_read(struct anthropic_read *r)
{
    int rc = string_read(r, "service_tier", &r->chat->tier);
    if (str_eq(r->chat->tier, STR("standard_only")))
        r->chat->tier = STR("default");
    return rc;
}

static int stop_read(struct anthropic_read *r)
{
    struct chat_text **end = &r->chat->stop;
    struct str raw;
    if (json_peek(&r->scan) != JSON_ARRAY)
        return r->scan.problem ? 0 : anthropic_bad(r, "stop_sequences", "must be a list of strings");
    (void)json_enter(&r->scan);
    while (json_element(&r->scan)) {
        if (json_peek(&r->scan) != JSON_STRING && !r->scan.problem)
            return anthropic_bad(r, "stop_sequences", "must be a list of strings");
        if (!json_string(&r->scan, &raw))
            return 0;
        if (!(*end = arena_new(r->chat->arena, struct chat_text)))
            return anthropic_nomem(r);
        (*end)->text = json_unescape_arena(raw, r->chat->arena);
        if (!(*end)->text.ptr)
            return anthropic_nomem(r);
        end = &(*end)->next;
    }
    return 0;
}

/* --- wishes ------------------------------------------------------------------------------------------------------- */

static int metadata_read(struct anthropic_read *r)
{
    struct str raw = STR_NONE;
    struct fields f;
    int rc = anthropic_object_read(r, "metadata", &raw);
    if (rc || r->scan.problem)
        return rc;
    static const struct str names[] = {STR("user_id")};
    rc = anthropic_fields_read(&f, names, 1, raw, r->err);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[0], "metadata.user_id", &r->chat->user);
    if (rc == 0 && f.odd)
        rc = anthropic_odd(r, "metadata", names, 1, raw, true);
    return rc == 0 && f.odd ? own_add(r, STR("metadata"), raw) : rc;
}

static int thinking_read(struct anthropic_read *r)
{
    enum { TYPE, BUDGET, DISPLAY, COUNT };
    static const struct str names[COUNT] = {STR("type"), STR("budget_tokens"), STR("display")};
    struct chat *c = r->chat;
    struct str raw = STR_NONE, type, display;
    struct fields f;
    int rc = anthropic_object_read(r, "thinking", &raw);
    if (rc || r->scan.problem)
        return rc;
    rc = anthropic_fields_read(&f, names, COUNT, raw, r->err);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[TYPE], "thinking.type", &type);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[DISPLAY], "thinking.display", &display);
    if (rc)
        return rc;
    if (type.len == 0)
        return anthropic_bad(r, "thinking.type", "is missing");
    if (str_eq(type, STR("enabled")) && (!json_to_i64(f.raw[BUDGET], &c->budget) || c->budget < 0)) {
        c->budget = -1;
        return anthropic_bad(r, "thinking.budget_tokens", "must be a whole number");
    }
    if (str_eq(type, STR("disabled")))
        c->effort = EFFORT_NONE;
    if (display.len)
        c->show_reasoning = str_eq(display, STR("omitted")) ? NO : YES;
    else if (c->budget >= 0)
        c->show_reasoning = YES;
    if (f.odd && (rc = anthropic_odd(r, "thinking", names, COUNT, raw, true)))
        return rc;
    return own_add(r, STR("thinking"), raw);
}

static int format_read(struct anthropic_read *r, struct str raw)
{
    struct fields f;
    struct str type;
    if (raw.len == 0)
        return 0;
    if (raw.ptr[0] != '{')
        return anthropic_bad(r, "output_config.format", "must be an object");
    int rc = anthropic_fields_read(&f, (const struct str[]){STR("type"), STR("schema")}, 2, raw, r->err);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[0], "output_config.format.type", &type);
    if (rc)
        return rc;
    if (!str_eq(type, STR("json_schema")))
        return anthropic_bad(r, "output_config.format.type", "must be json_schema");
    if (f.raw[1].len == 0 || f.raw[1].ptr[0] != '{')
        return anthropic_bad(r, "output_config.format.schema", "must be an object");
    r->chat->format = FORMAT_JSON_SCHEMA;
    r->chat->schema = f.raw[1];
    r->chat->schema_name = STR("output"); /* other dialects want one */
    return 0;
}

static int output_config_read(struct anthropic_read *r)
{
    struct str raw = STR_NONE, effort;
    struct fields f;
    int rc = anthropic_object_read(r, "output_config", &raw);
    if (rc || r->scan.problem)
        return rc;
    static const struct str names[] = {STR("effort"), STR("format")};
    rc = anthropic_fields_read(&f, names, COUNT_OF(names), raw, r->err);
    if (rc == 0 && f.odd)
        rc = anthropic_odd(r, "output_config", names, COUNT_OF(names), raw, true);
    if (rc == 0)
        rc = anthropic_text(r, f.raw[0], "output_config.effort", &effort);
    if (rc)
        return rc;
    if (effort.len && r->chat->effort != EFFORT_NONE)
        r->chat->effort = effort_find(effort);
    rc = format_read(r, f.raw[1]);
    bool new_word = effort.len && effort_find(effort) == EFFORT_UNSET;
    return rc == 0 && (f.odd || new_word) ? own_add(r, STR("output_config"), raw) : rc;
}

/* --- messages ----------------------------------------------------------------------------------------------------- */

/* Claude Code's first system block: who called, for Anthropic alone. It changes with each call, so that elsewhere it would cost
 * the cache. It goes to no neutral message, and back to its own dialect as it came. */
static const struct str BILLING = {"x-anthropic-billing-header:", 27};

static int system_read(struct anthropic_read *r)
{
    struct part *list = NULL, **at = &list;
    r->list = "system";
    r->index = -1;
    int rc = anthropic_content_read(r, &list);
    r->list = NULL;
    if (rc)
        return rc;
    while (*at) {
        struct part *p = *at;
        bool billing = p->kind == PART_TEXT && str_starts(p->text, BILLING);
        r->chat->has_billing |= billing;
        if (billing)
            rc = own_add(r, STR("system"), p->text);
        if (rc)
            return rc;
        if (p->kind != PART_TEXT)
            return err_set(r->err, ERR_INVALID, "system must be a string or a list of text blocks");
        *at = billing ? p->next : p;
        at = billing ? at : &p->next;
    }
    if (!list)
        return 0;
    /* In front of the messages, which may have been read before. */
    struct message *m = arena_new(r->chat->arena, struct message);
    if (!m)
        return anthropic_nomem(r);
    *m = (struct message){.next = r->chat->message, .role = ROLE_SYSTEM, .part = list};
    r->chat->message = m;
    if (!r->chat->last_message)
        r->chat->last_message = m;
    return 0;
}

static int role_read(struct anthropic_read *r, struct message *m)
{
    static const struct {
        struct str word;
        enum chat_role role;
    } roles[] = {{STR("user"), ROLE_USER}, {STR("assistant"), ROLE_ASSISTANT}, {STR("system"), ROLE_SYSTEM}};
    struct str raw;
    if (json_peek(&r->scan) == JSON_STRING && json_string(&r->scan, &raw))
        for (size_t i = 0; i < COUNT_OF(roles); i++)
            if (json_key_is(raw, roles[i].word)) {
                m->role = roles[i].role;
                return 0;
            }
    return r->scan.problem ? 0 : anthropic_bad(r, "role", "must be user or assistant");
}

/* What a message has beside its role and content. */
static int message_odd(struct anthropic_read *r, struct str key)
{
    struct str value;
    if (!json_skip(&r->scan, &value))
        return 0; /* json_finish tells */
    return chat_odd_add(r->chat, "messages", key, value, false) ? 0 : anthropic_nomem(r);
}

static int message_read(struct anthropic_read *r)
{
    struct str key;
    bool role = false, content = false;
    int rc = 0;
    if (json_peek(&r->scan) != JSON_OBJECT)
        return r->scan.problem ? 0
                               : err_set(r->err, ERR_INVALID, "messages.%lld must be an object", (long long)r->index);
    struct message *m = chat_message_add(r->chat, ROLE_USER);
    if (!m)
        return anthropic_nomem(r);
    (void)json_enter(&r->scan);
    while (rc == 0 && json_member(&r->scan, &key)) {
        bool is_role = json_key_is(key, STR("role")), is_content = json_key_is(key, STR("content"));
        if ((is_role && role) || (is_content && content))
            return anthropic_bad(r, is_role ? "role" : "content", "is there twice");
        role |= is_role;
        content |= is_content;
        if (is_role)
            rc = role_read(r, m);
        else if (is_content)
            rc = anthropic_content_read(r, &m->part);
        else
            rc = message_odd(r, key);
    }
    if (rc == 0 && !r->scan.problem && (!role || !content))
        rc = anthropic_bad(r, role ? "content" : "role", "is missing");
    return rc;
}

static int messages_read(struct anthropic_read *r)
{
    int rc = 0;
    if (json_peek(&r->scan) != JSON_ARRAY)
        return r->scan.problem ? 0 : anthropic_bad(r, "messages", "must be a list");
    (void)json_enter(&r->scan);
    r->list = "messages";
    r->index = 0;
    for (; rc == 0 && json_element(&r->scan); r->index++)
        rc = message_read(r);
    if (rc == 0 && r->index == 0 && !r->scan.problem)
        rc = err_set(r->err, ERR_INVALID, "messages must not be empty");
    r->list = NULL;
    return rc;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static const struct {
    struct str name;
    int (*read)(struct anthropic_read *r);
} members[] = {
    {STR("model"), model_read},
    {STR("messages"), messages_read},
    {STR("system"), system_read},
    {STR("max_tokens"), max_tokens_read},
    {STR("stream"), stream_read},
    {STR("tools"), anthropic_tools_read},
    {STR("tool_choice"), anthropic_choice_read},
    {STR("temperature"), temperature_read},
    {STR("top_p"), top_p_read},
    {STR("top_k"), top_k_read},
    {STR("stop_sequences"), stop_read},
    {STR("thinking"), thinking_read},
    {STR("output_config"), output_config_read},
    {STR("metadata"), metadata_read},
    {STR("service_tier"), tier_read},
    {STR("cache_control"), cache_read},
};
enum { MODEL, MESSAGES }; /* of `members`: the required ones */

static int extra_read(struct anthropic_read *r, struct str key, int *count)
{
    struct str name = json_unescape_arena(key, r->chat->arena), raw;
    if (!name.ptr)
        return anthropic_nomem(r);
    if (!raw_value(r, &raw))
        return 0;
    if (chat_extra_find(r->chat, name))
        return err_set(r->err, ERR_SYNTAX, "%.*s is there twice", STR_FMT(str_slice(name, 0, 100)));
    if (++*count > EXTRA_MAX)
        return err_set(r->err, ERR_INVALID, "the request has more than %d members that are not known", EXTRA_MAX);
    return chat_extra_add(r->chat, name, raw) ? 0 : anthropic_nomem(r);
}

static int member_read(struct anthropic_read *r, struct str key, uint32_t *seen, int *extra)
{
    size_t i = 0;
    while (i < COUNT_OF(members) && !json_key_is(key, members[i].name))
        i++;
    if (i == COUNT_OF(members))
        return extra_read(r, key, extra);
    if (*seen & 1u << i)
        return err_set(r->err, ERR_SYNTAX, "%.*s is there twice", STR_FMT(members[i].name));
    *seen |= 1u << i;
    if (json_peek(&r->scan) == JSON_NULL && i > MESSAGES) {
        (void)json_skip(&r->scan, NULL);
        return 0;
    }
    return members[i].read(r);
}

int anthropic_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e)
{
    struct anthropic_read r = {.chat = c, .err = e, .index = -1, .block = -1};
    struct str key;
    uint32_t seen = 0;
    int extra = 0, rc = 0;
    *c = (struct chat){.arena = c->arena,
                       .from = DIALECT_ANTHROPIC,
                       .max_tokens = -1,
                       .budget = -1,
                       .choices = 1,
                       .has_signed_only = true};
    if (op != WIRE_CHAT && op != WIRE_COUNT_TOKENS)
        return err_set(e, ERR_INVALID, "the anthropic dialect has messages only");
    json_scan_init(&r.scan, body);
    if (json_peek(&r.scan) != JSON_OBJECT && !r.scan.problem)
        return err_set(e, ERR_SYNTAX, "the request must be a JSON object");
    (void)json_enter(&r.scan);
    while (rc == 0 && json_member(&r.scan, &key))
        rc = member_read(&r, key, &seen, &extra);
    if (rc == 0)
        rc = json_finish(&r.scan, e);
    if (rc)
        return rc;
    if (!(seen & 1u << MODEL) || c->model.len == 0)
        return err_set(e, ERR_INVALID, "model is missing");
    if (!(seen & 1u << MESSAGES))
        return err_set(e, ERR_INVALID, "messages is missing");
    return 0;
}
