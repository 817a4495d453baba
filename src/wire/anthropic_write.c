/* anthropic_write.c: a request to an Anthropic upstream: everything but its messages; see anthropic_priv.h. What a Claude model
 * of that generation refuses is left out and listed. */
#include "wire/anthropic_priv.h"
#include "wire/models.h"

enum {
    TOKENS_DEFAULT = 8192,  /* max_tokens is required; for models whose limit is not known */
    BUDGET_MIN = 1024,      /* of thinking; Anthropic refuses less */
};

static struct str own_find(const struct anthropic_write *w, struct str name)
{
    for (const struct chat_member *m = w->own ? w->chat->own : NULL; m; m = m->next)
        if (str_eq(m->name, name))
            return m->value;
    return STR_NONE;
}

static void member_str(struct anthropic_write *w, const char *key, struct str text)
{
    json_key(w->json, key);
    json_str(w->json, text);
}

static void member_raw(struct anthropic_write *w, const char *key, struct str raw)
{
    json_key(w->json, key);
    json_raw(w->json, raw);
}

/* --- how much it may say and think ------------------------------------------------------------------------------------------- */

static void tokens_decide(struct anthropic_write *w)
{
    int64_t limit = w->how->fact ? w->how->fact->output_tokens_max : 0;
    w->max_tokens = w->chat->max_tokens;
    if (w->max_tokens < 0 || (w->max_tokens == 0 && !w->own)) /* 0 warms the cache, in this dialect only */
        w->max_tokens = limit > 0 ? limit : TOKENS_DEFAULT;
    if (limit > 0 && w->max_tokens > limit)
        w->max_tokens = limit;
}

/* The budget must be less than max_tokens: that is raised where the model allows it. False: there is no room to think. */
static bool budget_fit(struct anthropic_write *w, int64_t budget)
{
    int64_t limit = w->how->fact ? w->how->fact->output_tokens_max : 0;
    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    if (budget >= w->max_tokens) {
        if (budget < limit && w->max_tokens <= limit - budget)
            w->max_tokens += budget;
        else
            budget = w->max_tokens - 1;
    }
    w->budget = budget;
    return budget >= BUDGET_MIN;
}

/* The client's own `thinking`, if this model takes its kind: as it came. */
static bool thinking_passes(const struct anthropic_write *w, struct str own)
{
    bool enabled = w->chat->budget >= 0, off = w->chat->effort == EFFORT_NONE;
    if (own.len == 0)
        return false;
    switch (w->model->thinking) {
    case THINKS_UNKNOWN:
    case THINKS_EITHER: return true;
    case THINKS_BY_BUDGET: return enabled || off;
    case THINKS_ADAPTIVE: return !enabled && !off; /* to switch it off there, it is left out */
    case THINKS_NOT: break;
    }
    return false;
}

static bool by_budget(const struct anthropic_write *w)
{
    switch (w->model->thinking) {
    case THINKS_UNKNOWN: return w->chat->budget >= 0 || own_find(w, STR("thinking")).len == 0;
    case THINKS_BY_BUDGET: return true;
    case THINKS_EITHER: return w->chat->budget >= 0;
    case THINKS_ADAPTIVE:
    case THINKS_NOT: break;
    }
    return false;
}

/* Sets `thinks`, `budget` and perhaps max_tokens. */
static int thinking_decide(struct anthropic_write *w, const struct turns *turns)
{
    const struct chat *c = w->chat;
    bool own = own_find(w, STR("thinking")).len > 0;
    bool wished = c->effort != EFFORT_NONE && (c->budget >= 0 || own || (!w->own && c->effort != EFFORT_UNSET));
    bool forced = c->tool && (c->choice == CHOICE_REQUIRED || c->choice == CHOICE_NAMED);
    w->budget = -1;
    if (!wished)
        return 0;
    w->thinks = w->model->thinking != THINKS_NOT && (w->own || !forced);
    if (w->thinks && by_budget(w)) { /* adaptive thinking needs no thought before a call that is under way */
        enum effort effort = c->effort == EFFORT_UNSET ? EFFORT_HIGH : c->effort; /* what an adaptive model does by itself */
        w->thinks = !anthropic_turns_unthought(turns) && budget_fit(w, c->budget >= 0 ? c->budget : effort_budget(effort));
    }
    return w->thinks ? 0 : anthropic_lost(w, STR("reasoning_effort"));
}

static void thinking_write(struct anthropic_write *w)
{
    struct str own = own_find(w, STR("thinking"));
    bool off = w->chat->effort == EFFORT_NONE;
    if (thinking_passes(w, own) && (w->thinks || off) && (off || w->budget < 0 || w->budget == w->chat->budget)) {
        member_raw(w, "thinking", own);
        return;
    }
    if (!w->thinks)
        return;
    json_key(w->json, "thinking");
    json_object_begin(w->json);
    json_key(w->json, "type");
    json_text(w->json, w->budget >= 0 ? "enabled" : "adaptive");
    if (w->budget >= 0) {
        json_key(w->json, "budget_tokens");
        json_i64(w->json, w->budget);
    }
    if (w->chat->show_reasoning != UNSET && w->budget < 0) {
        json_key(w->json, "display");
        json_text(w->json, w->chat->show_reasoning == YES ? "summarized" : "omitted");
    }
    json_object_end(w->json);
}

/* Anthropic's word for how hard it shall try; NULL: nothing is said. */
static const char *effort_word(const struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    enum effort e = c->effort;
    if (e == EFFORT_UNSET && w->thinks && w->budget < 0 && c->budget >= 0)
        e = effort_of_budget(c->budget);
    if (e == EFFORT_UNSET || e == EFFORT_NONE || !w->model->effort || (w->thinks && w->budget >= 0 && !w->own))
        return NULL;
    if (e == EFFORT_MINIMAL)
        e = EFFORT_LOW;
    if (e > EFFORT_HIGH && !w->model->xhigh)
        e = e == EFFORT_MAX && w->model->thinking != THINKS_BY_BUDGET ? EFFORT_MAX : EFFORT_HIGH;
    return effort_name(e);
}

static int output_config_write(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    struct str own = own_find(w, STR("output_config"));
    const char *effort = effort_word(w);
    bool schema = c->format == FORMAT_JSON_SCHEMA && c->schema.len;
    if (own.len) { /* with members that nobody else knows */
        member_raw(w, "output_config", own);
        return 0;
    }
    bool known = !w->how->fact || w->how->fact->json_schema;
    if (schema && (!w->model->schema || !known))
        return anthropic_lost(w, STR("response_format"));
    if (!effort && !schema)
        return 0;
    json_key(w->json, "output_config");
    json_object_begin(w->json);
    if (effort) {
        json_key(w->json, "effort");
        json_text(w->json, effort);
    }
    if (schema) {
        json_key(w->json, "format");
        json_object_begin(w->json);
        json_key(w->json, "type");
        json_text(w->json, "json_schema");
        member_raw(w, "schema", c->schema);
        json_object_end(w->json);
    }
    json_object_end(w->json);
    return 0;
}

/* --- sampling ------------------------------------------------------------------------------------------------------------------ */

static int temperature_write(struct anthropic_write *w)
{
    double value;
    struct str raw = w->chat->temperature;
    if (raw.len == 0 || !json_to_double(raw, &value))
        return 0;
    if (value == 1 || (w->model->sampling && !w->thinks && value >= 0 && value <= 1)) {
        if (w->model->sampling && !w->thinks)
            member_raw(w, "temperature", raw);
        return 0; /* 1 is what is done anyway */
    }
    if (w->model->sampling && !w->thinks)
        member_raw(w, "temperature", value < 0 ? STR("0") : STR("1"));
    return anthropic_lost(w, STR("temperature"));
}

static int top_p_write(struct anthropic_write *w)
{
    double value;
    struct str raw = w->chat->top_p;
    if (raw.len == 0 || !json_to_double(raw, &value))
        return 0;
    bool second = w->model->one_sampler && w->chat->temperature.len > 0;
    bool fits = w->model->sampling && !second && value >= (w->thinks ? 0.95 : 0) && value <= 1;
    if (fits)
        member_raw(w, "top_p", raw);
    return fits || value == 1 ? 0 : anthropic_lost(w, STR("top_p"));
}

static int sampling_write(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    const struct {
        struct str field, value;
    } unknown[] = {
        {STR("min_p"), c->min_p},
        {STR("frequency_penalty"), c->frequency_penalty},
        {STR("presence_penalty"), c->presence_penalty},
        {STR("repeat_penalty"), c->repeat_penalty},
        {STR("seed"), c->seed},
    };
    double value;
    int rc = temperature_write(w);
    if (rc == 0)
        rc = top_p_write(w);
    if (rc == 0 && c->top_k.len) {
        if (w->model->sampling && !w->thinks)
            member_raw(w, "top_k", c->top_k);
        else
            rc = anthropic_lost(w, STR("top_k"));
    }
    for (size_t i = 0; i < COUNT_OF(unknown) && rc == 0; i++) {
        bool neutral = i < 3 && json_to_double(unknown[i].value, &value) && value == 0;
        if (unknown[i].value.len && !neutral)
            rc = anthropic_lost(w, unknown[i].field);
    }
    return rc;
}

static void stop_write(struct anthropic_write *w)
{
    bool any = false;
    for (const struct chat_text *t = w->chat->stop; t; t = t->next) {
        if (str_trim(t->text).len == 0)
            continue; /* refused, and harmless */
        if (!any) {
            json_key(w->json, "stop_sequences");
            json_array_begin(w->json);
        }
        any = true;
        json_str(w->json, t->text);
    }
    if (any)
        json_array_end(w->json);
}

/* --- the system's text ------------------------------------------------------------------------------------------------------- */

#define JSON_PLEASE STR("Answer with one valid JSON object and nothing else: no words around it, no code fence.")

static bool is_system(const struct message *m)
{
    return m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER;
}

static void system_block(struct anthropic_write *w, struct str text, struct str raw, struct str cache)
{
    if (w->own && raw.len) {
        w->marks += cache.len > 0;
        json_raw(w->json, raw);
        return;
    }
    json_object_begin(w->json);
    json_key(w->json, "type");
    json_text(w->json, "text");
    member_str(w, "text", text);
    anthropic_cache(w, cache);
    json_object_end(w->json);
}

/* As blocks where each must stay what it was. */
static int system_blocks(struct anthropic_write *w, struct str billing, struct str please)
{
    json_key(w->json, "system");
    json_array_begin(w->json);
    if (billing.len)
        system_block(w, billing, STR_NONE, STR_NONE);
    for (const struct message *m = w->chat->message; m; m = m->next)
        for (const struct part *p = is_system(m) ? m->part : NULL; p; p = p->next)
            if (p->kind == PART_TEXT && str_trim(p->text).len)
                system_block(w, p->text, p->raw, p->cache);
    if (please.len)
        system_block(w, please, STR_NONE, STR_NONE);
    json_array_end(w->json);
    return 0;
}

static int joined_add(struct buf *b, struct str text)
{
    int rc = b->len ? buf_append_char(b, '\n') : 0;
    return rc ? rc : buf_append(b, text);
}

static int system_joined(struct anthropic_write *w, size_t bytes, struct str please)
{
    AUTO_BUF struct buf b = BUF_INIT(bytes + please.len + 1);
    int rc = 0;
    for (const struct message *m = w->chat->message; m; m = m->next)
        for (const struct part *p = is_system(m) ? m->part : NULL; p && rc == 0; p = p->next)
            if (p->kind == PART_TEXT && str_trim(p->text).len)
                rc = joined_add(&b, p->text);
    if (rc == 0 && please.len)
        rc = joined_add(&b, please);
    if (rc == 0 && b.len)
        member_str(w, "system", buf_str(&b));
    return rc;
}

static int system_write(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    bool json = c->format == FORMAT_JSON_OBJECT || (c->format == FORMAT_JSON_SCHEMA && c->schema.len == 0);
    struct str billing = own_find(w, STR("system")), please = json ? JSON_PLEASE : STR_NONE;
    bool marked = false;
    size_t bytes = 0, count = 0;
    for (const struct message *m = c->message; m; m = m->next)
        for (const struct part *p = is_system(m) ? m->part : NULL; p; p = p->next) {
            marked |= p->cache.len || p->raw.len;
            bytes += p->text.len + 1;
            count++;
        }
    if (billing.len || marked || (w->own && count > 1))
        return system_blocks(w, billing, please);
    return system_joined(w, bytes, please);
}

/* --- tools ----------------------------------------------------------------------------------------------------------------------- */

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
        return anthropic_lost(w, STR("server_tools"));
    if (w->own && (t->opaque.len || t->raw.len)) {
        w->marks += t->cache.len > 0;
        json_raw(w->json, t->opaque.len ? t->schema : t->raw);
        return 0;
    }
    struct str name = anthropic_name_safe(w, t->name);
    if (!name.ptr)
        return ERR_NOMEM;
    json_object_begin(w->json);
    member_str(w, "name", name);
    if (t->description.len)
        member_str(w, "description", t->description);
    if (t->custom)
        member_raw(w, "input_schema", STR("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}"));
    else
        schema_write(w, t->schema);
    if (t->strict.len)
        member_raw(w, "strict", t->strict);
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
    static const char *const words[] = {[CHOICE_UNSET] = "auto", [CHOICE_AUTO] = "auto", [CHOICE_NONE] = "none",
                                        [CHOICE_REQUIRED] = "any", [CHOICE_NAMED] = "tool"};
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
        member_str(w, "name", name);
    }
    if (said) {
        json_key(w->json, "disable_parallel_tool_use");
        json_bool(w->json, parallel == NO);
    }
    json_object_end(w->json);
    return 0;
}

static int tools_write(struct anthropic_write *w)
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

/* --- the rest ------------------------------------------------------------------------------------------------------------------- */

static int tier_write(struct anthropic_write *w)
{
    struct str tier = w->chat->tier;
    if (str_eq(tier, STR("auto")) || (w->own && tier.len && !str_eq(tier, STR("default"))))
        member_str(w, "service_tier", tier);
    else if (str_eq(tier, STR("default")))
        member_str(w, "service_tier", STR("standard_only"));
    else if (tier.len)
        return anthropic_lost(w, STR("service_tier"));
    return 0;
}

static void user_write(struct anthropic_write *w)
{
    struct str own = own_find(w, STR("metadata"));
    if (own.len) {
        member_raw(w, "metadata", own);
    } else if (w->chat->user.len) {
        json_key(w->json, "metadata");
        json_object_begin(w->json);
        member_str(w, "user_id", w->chat->user);
        json_object_end(w->json);
    }
}

/* Members that ask for nothing are no loss: clients send "logprobs": false. */
static bool says_nothing(struct str raw)
{
    static const struct str nothing[] = {STR("null"), STR("false"), STR("{}"), STR("[]")};
    for (size_t i = 0; i < COUNT_OF(nothing); i++)
        if (str_eq(nothing[i], raw))
            return true;
    return false;
}

static int extra_write(struct anthropic_write *w)
{
    int rc = 0;
    for (const struct chat_member *m = w->chat->extra; m && rc == 0; m = m->next) {
        if (w->own) {
            json_key_str(w->json, m->name);
            json_raw(w->json, m->value);
        } else if (!says_nothing(m->value)) {
            rc = anthropic_lost(w, m->name);
        }
    }
    return rc;
}

static int refuse(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    int rc = c->choices > 1 ? anthropic_lost(w, STR("n")) : 0;
    if (rc == 0 && c->suffix.len)
        rc = anthropic_lost(w, STR("suffix"));
    if (rc == 0 && c->raw_prompt)
        rc = anthropic_lost(w, STR("raw"));
    return rc;
}

static int body_write(struct anthropic_write *w, struct turns *turns)
{
    int rc;
    json_object_begin(w->json);
    member_str(w, "model", w->how->model);
    json_key(w->json, "max_tokens");
    json_i64(w->json, w->max_tokens);
    if (w->chat->stream)
        member_raw(w, "stream", STR("true"));
    if ((rc = tools_write(w)) || (rc = system_write(w)) || (rc = anthropic_turns_write(w, turns)))
        return rc;
    thinking_write(w);
    if ((rc = output_config_write(w)) || (rc = sampling_write(w)) || (rc = tier_write(w)))
        return rc;
    stop_write(w);
    user_write(w);
    if (w->chat->cache.len)
        member_raw(w, "cache_control", w->chat->cache);
    rc = extra_write(w);
    json_object_end(w->json);
    return rc ? rc : json_done(w->json);
}

int anthropic_request_write(const struct chat *c, const struct chat_write *how, struct buf *out, struct err *e)
{
    struct json_writer json = JSON_WRITER(out);
    struct anthropic_write w = {.chat = c, .how = how, .model = claude_facts(how->model), .json = &json, .err = e,
                                .own = c->from == DIALECT_ANTHROPIC};
    struct turns turns;
    size_t before = out->len;
    tokens_decide(&w);
    int rc = refuse(&w);
    if (rc == 0)
        rc = anthropic_turns_make(&w, &turns);
    if (rc == 0)
        rc = thinking_decide(&w, &turns);
    if (rc == 0)
        rc = anthropic_turns_close(&w, &turns);
    if (rc == 0)
        rc = body_write(&w, &turns);
    if (rc)
        out->len = before; /* all of it or nothing */
    if (rc == ERR_NOMEM || rc == ERR_LIMIT)
        return err_set(e, rc, "no room for the request to %.*s", STR_FMT(str_slice(how->model, 0, 100)));
    return rc;
}
