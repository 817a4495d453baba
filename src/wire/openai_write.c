/* openai_write.c: a request for an upstream that speaks OpenAI's chat dialect, with that vendor's accent; see
 * openai_accent.c. What it cannot say is in the table of openai.c. */
#include "wire/models.h"
#include "wire/openai_priv.h"
#include <openssl/evp.h>

enum { USER_BYTES_MAX = 64 }; /* what OpenAI takes; Claude Code's is longer */

void openai_no_memory(struct openai_writer *o)
{
    if (!o->rc)
        o->rc = err_set(o->err, ERR_NOMEM, "out of memory while writing the request");
}

void openai_cannot(struct openai_writer *o, const char *field)
{
    if (!o->rc)
        o->rc = codec_cannot(&codec_openai, o->to, str_from(field), o->err);
}

static const struct openai_accent *accent(const struct openai_writer *o)
{
    return o->accent;
}

static void key_str(struct openai_writer *o, const char *key, struct str text)
{
    json_key(&o->json, key);
    json_str(&o->json, text);
}

static void key_raw(struct openai_writer *o, const char *key, struct str raw)
{
    json_key(&o->json, key);
    json_raw(&o->json, raw);
}

/* --- members without a neutral form -------------------------------------------------------------------------------- */

static bool is_in(const char *const *names, struct str name)
{
    for (; names && *names; names++)
        if (str_eq(name, str_from(*names)))
            return true;
    return false;
}

/* Responses and chat completions call them by the same name, at OpenAI. */
static const char *const of_responses[] = {"metadata", "prompt_cache_key", "prompt_cache_retention", NULL};

static bool is_carried(const struct openai_writer *o, const struct chat_member *m)
{
    if (m->by_default) /* the owner knows what this upstream takes */
        return true;
    if (o->chat->from == DIALECT_RESPONSES)
        return openai_has(o, TRAIT_OWN_FORMS) && is_in(of_responses, m->name);
    return o->chat->from == DIALECT_OPENAI && (!openai_has(o, TRAIT_STRICT) || is_in(accent(o)->fields, m->name));
}

static bool carries(const struct openai_writer *o, const char *name)
{
    const struct chat_member *m = chat_extra_find(o->chat, str_from(name));
    return m && is_carried(o, m);
}

static void extras_write(struct openai_writer *o)
{
    for (const struct chat_member *m = o->chat->extra; m && !o->rc; m = m->next) {
        if (!is_carried(o, m)) {
            o->rc = codec_cannot(&codec_openai, o->to, m->name, o->err);
            continue;
        }
        json_key_str(&o->json, m->name);
        json_raw(&o->json, m->value);
    }
}

/* --- limits and sampling ------------------------------------------------------------------------------------------- */

static void max_tokens_write(struct openai_writer *o)
{
    const struct model_row *fact = o->to->fact;
    int64_t max = o->chat->max_tokens;

    if (max < 0)
        return;
    if (fact && fact->output_tokens_max > 0 && max > fact->output_tokens_max) /* agents ask for more than some models have */
        max = fact->output_tokens_max;
    json_key(&o->json, openai_has(o, TRAIT_NEW_MAX) ? "max_completion_tokens" : "max_tokens");
    json_i64(&o->json, max);
}

static bool thinks(const struct chat *c)
{
    return c->effort != EFFORT_NONE;
}

static void sampling_write(struct openai_writer *o)
{
    const struct chat *c = o->chat;
    bool fixed = openai_has(o, TRAIT_SAMPLING_FIXED), samplers = accent(o)->repeat;
    const struct {
        const char *name;
        struct str value;
        bool fine;
    } numbers[] = {
        {"temperature", c->temperature, !fixed && !(openai_has(o, TRAIT_TEMPERATURE_FIXED) && thinks(c))},
        {"top_p", c->top_p, !fixed},
        {"frequency_penalty", c->frequency_penalty, !fixed},
        {"presence_penalty", c->presence_penalty, !fixed},
        {"top_k", c->top_k, samplers},
        {"min_p", c->min_p, samplers},
        {samplers ? accent(o)->repeat : "repetition_penalty", c->repeat_penalty, samplers},
        {"seed", c->seed, true},
    };

    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (numbers[i].value.len == 0)
            continue;
        if (numbers[i].fine)
            key_raw(o, numbers[i].name, numbers[i].value);
        else
            openai_cannot(o, numbers[i].name);
    }
}

static void stop_write(struct openai_writer *o)
{
    int max = accent(o)->stop_max, count = 0;

    if (!o->chat->stop)
        return;
    if (openai_has(o, TRAIT_SAMPLING_FIXED)) {
        openai_cannot(o, "stop");
        return;
    }
    json_key(&o->json, "stop");
    json_array_begin(&o->json);
    for (const struct chat_text *t = o->chat->stop; t; t = t->next, count++) {
        if (max && count == max) {
            openai_cannot(o, "stop");
            break;
        }
        json_str(&o->json, t->text);
    }
    json_array_end(&o->json);
}

/* --- thinking ------------------------------------------------------------------------------------------------------ */

/* What was asked for, as a word of this vendor; NULL: nothing was, or it has no word for it. */
static const char *effort_word(const struct openai_writer *o)
{
    const struct chat *c = o->chat;
    enum effort e = c->effort != EFFORT_UNSET ? c->effort : c->budget >= 0 ? effort_of_budget(c->budget) : EFFORT_UNSET;

    return e != EFFORT_UNSET && accent(o)->effort ? accent(o)->effort[e] : NULL;
}

static void effort_write(struct openai_writer *o)
{
    const char *word = effort_word(o);

    if (carries(o, "reasoning_effort"))
        return;
    if (word)
        key_str(o, "reasoning_effort", str_from(word));
    else
        openai_cannot(o, "reasoning_effort");
}

static void thinking_type_write(struct openai_writer *o)
{
    if (carries(o, "thinking"))
        return;
    json_key(&o->json, "thinking");
    json_object_begin(&o->json);
    key_str(o, "type", thinks(o->chat) ? STR("enabled") : STR("disabled"));
    json_object_end(&o->json);
}

static void template_write(struct openai_writer *o)
{
    const char *word = effort_word(o);

    if (!carries(o, "chat_template_kwargs")) {
        json_key(&o->json, "chat_template_kwargs");
        json_object_begin(&o->json);
        json_key(&o->json, "enable_thinking");
        json_bool(&o->json, thinks(o->chat));
        json_object_end(&o->json);
    }
    if (word && !carries(o, "reasoning_effort"))
        key_str(o, "reasoning_effort", str_from(word));
}

static void router_write(struct openai_writer *o)
{
    const struct chat *c = o->chat;
    const char *word = effort_word(o);

    json_key(&o->json, "reasoning");
    json_object_begin(&o->json);
    if (!thinks(c)) {
        json_key(&o->json, "enabled");
        json_bool(&o->json, false);
    } else if (c->budget > 0) {
        json_key(&o->json, "max_tokens");
        json_i64(&o->json, c->budget);
    } else if (word) {
        key_str(o, "effort", str_from(word));
    }
    if (c->show_reasoning != UNSET) {
        json_key(&o->json, "exclude");
        json_bool(&o->json, c->show_reasoning == NO);
    }
    json_object_end(&o->json);
}

static void thinking_write(struct openai_writer *o)
{
    const struct chat *c = o->chat;
    bool asked = c->effort != EFFORT_UNSET || c->budget >= 0;

    if (accent(o)->think == THINK_ROUTER && (asked || c->show_reasoning != UNSET)) {
        router_write(o);
        return;
    }
    if (accent(o)->show && c->show_reasoning != UNSET) {
        json_key(&o->json, accent(o)->show);
        json_bool(&o->json, c->show_reasoning == YES);
    }
    if (!asked)
        return;
    switch (accent(o)->think) {
    case THINK_NOWHERE: openai_cannot(o, "reasoning_effort"); return;
    case THINK_EFFORT: effort_write(o); return;
    case THINK_TYPE: thinking_type_write(o); return;
    case THINK_TYPE_EFFORT:
        thinking_type_write(o);
        if (effort_word(o))
            effort_write(o);
        return;
    case THINK_TEMPLATE: template_write(o); return;
    case THINK_ROUTER: return;
    }
}

/* --- the form of the answer ---------------------------------------------------------------------------------------- */

static void format_write(struct openai_writer *o)
{
    const struct chat *c = o->chat;
    bool schema = c->format == FORMAT_JSON_SCHEMA;

    if (c->format == FORMAT_TEXT)
        return;
    if (schema && o->to->vendor && o->to->vendor->quirks & QUIRK_NO_JSON_SCHEMA) {
        openai_cannot(o, "response_format.json_schema");
        schema = false;
    }
    json_key(&o->json, "response_format");
    json_object_begin(&o->json);
    key_str(o, "type", schema ? STR("json_schema") : STR("json_object"));
    if (schema) {
        json_key(&o->json, "json_schema");
        json_object_begin(&o->json);
        key_str(o, "name", c->schema_name.len ? c->schema_name : STR("output"));
        if (c->schema_description.len)
            key_str(o, "description", c->schema_description);
        json_key(&o->json, "schema");
        openai_schema_write(o, c->schema.len ? c->schema : STR("{}"));
        if (c->schema_strict.len)
            key_raw(o, "strict", c->schema_strict);
        json_object_end(&o->json);
    }
    json_object_end(&o->json);
}

/* --- who asks, and how --------------------------------------------------------------------------------------------- */

/* The same user has the same hash, which is all that the member is for. What Anthropic's clients say names an account and a device of
 * that vendor: it is nobody else's business. */
static void user_write(struct openai_writer *o)
{
    static const char digits[] = "0123456789abcdef";
    struct str user = o->chat->user;
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[USER_BYTES_MAX];
    unsigned len = 0;

    if (user.len == 0)
        return;
    if (openai_has(o, TRAIT_STRICT)) {
        openai_cannot(o, "user");
        return;
    }
    if (user.len > USER_BYTES_MAX || o->chat->from == DIALECT_ANTHROPIC) {
        if (EVP_Digest(user.ptr, user.len, digest, &len, EVP_sha256(), NULL) != 1 || len * 2 != sizeof(hex)) {
            openai_no_memory(o);
            return;
        }
        for (unsigned i = 0; i < len; i++) {
            hex[2 * i] = digits[digest[i] >> 4];
            hex[2 * i + 1] = digits[digest[i] & 15];
        }
        user = str_of(hex, sizeof(hex));
    }
    key_str(o, "user", user);
}

static void tier_write(struct openai_writer *o)
{
    struct str tier = o->chat->tier;

    if (tier.len == 0)
        return;
    if (o->chat->from == DIALECT_ANTHROPIC && str_eq(tier, STR("standard_only")))
        tier = STR("default");
    if (openai_has(o, TRAIT_TIERS) || o->chat->from == DIALECT_OPENAI)
        key_str(o, "service_tier", tier);
    else
        openai_cannot(o, "service_tier");
}

static void stream_write_options(struct openai_writer *o)
{
    bool refused = o->to->vendor && o->to->vendor->quirks & QUIRK_NO_STREAM_OPTIONS;

    if (!o->chat->stream)
        return;
    key_raw(o, "stream", STR("true"));
    if (!refused)
        key_raw(o, "stream_options", STR("{\"include_usage\":true}"));
}

static void rest_write(struct openai_writer *o)
{
    const struct chat *c = o->chat;

    if (c->choices > 1) {
        json_key(&o->json, "n");
        json_i64(&o->json, c->choices);
    }
    if (c->cache.len && openai_has(o, TRAIT_CACHE_MARKS))
        key_raw(o, "cache_control", c->cache);
    else if (c->cache.len)
        openai_cannot(o, "cache_control");
    if (c->suffix.len)
        openai_cannot(o, "suffix");
    if (c->raw_prompt)
        openai_cannot(o, "raw");
    user_write(o);
    tier_write(o);
}

static size_t bytes_of(const struct part *list)
{
    size_t bytes = 0;
    for (const struct part *p = list; p; p = p->next)
        bytes += p->text.len + p->data.len + p->arguments.len + 64 + bytes_of(p->content); /* results do not nest */
    return bytes;
}

/* About as much as it will take, at once: growing step by step would copy a long conversation several times over. */
static void room_make(const struct chat *c, struct buf *out)
{
    size_t bytes = 1024;
    for (const struct message *m = c->message; m; m = m->next)
        bytes += bytes_of(m->part) + 64;
    for (const struct tool *t = c->tool; t; t = t->next)
        bytes += t->description.len + t->schema.len + 128;
    (void)buf_reserve(out, bytes + bytes / 8); /* where there is no such room, the writer finds out for itself */
}

int openai_request_write(const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e)
{
    struct openai_writer o = {.chat = c, .to = w, .accent = openai_accent_of(w), .json = JSON_WRITER(out), .err = e,
                              .names = tool_names_of(DIALECT_OPENAI, c->from, w->vendor)};

    room_make(c, out);
    json_object_begin(&o.json);
    key_str(&o, "model", w->model);
    openai_messages_write(&o);
    stream_write_options(&o);
    max_tokens_write(&o);
    sampling_write(&o);
    stop_write(&o);
    openai_tools_write(&o);
    format_write(&o);
    thinking_write(&o);
    rest_write(&o);
    extras_write(&o);
    json_object_end(&o.json);
    if (o.rc)
        return o.rc;
    int rc = json_done(&o.json);
    if (rc == ERR_NOMEM)
        openai_no_memory(&o);
    return rc == ERR_LIMIT ? err_set(e, ERR_LIMIT, "the translated request is larger than %zu bytes", out->max) : rc;
}
