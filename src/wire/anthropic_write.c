/* anthropic_write.c: a request to an Anthropic upstream: everything but its messages; see anthropic_priv.h. What a Claude model
 * of that generation refuses is left out and listed. */
#include "wire/anthropic_priv.h"

/* --- the system's text -------------------------------------------------------------------------------------------- */

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
    anthropic_member(w, "text", text);
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
        anthropic_member(w, "system", buf_str(&b));
    return rc;
}

static int system_write(struct anthropic_write *w)
{
    const struct chat *c = w->chat;
    bool json = c->format == FORMAT_JSON_OBJECT || (c->format == FORMAT_JSON_SCHEMA && c->schema.len == 0);
    bool elsewhere = w->how->vendor && !(w->how->vendor->quirks & QUIRK_SEALED); /* there it costs the cache and tells who calls */
    struct str billing = elsewhere ? STR_NONE : anthropic_own(w, STR("system")), please = json ? JSON_PLEASE : STR_NONE;
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

/* --- the rest ----------------------------------------------------------------------------------------------------- */

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

static int tier_write(struct anthropic_write *w)
{
    struct str tier = w->chat->tier;
    if (str_eq(tier, STR("auto")) || (w->own && tier.len && !str_eq(tier, STR("default"))))
        anthropic_member(w, "service_tier", tier);
    else if (str_eq(tier, STR("default")))
        anthropic_member(w, "service_tier", STR("standard_only"));
    else if (tier.len)
        return anthropic_lost(w, STR("service_tier"));
    return 0;
}

static void user_write(struct anthropic_write *w)
{
    struct str own = anthropic_own(w, STR("metadata"));
    if (own.len) {
        anthropic_member_raw(w, "metadata", own);
    } else if (w->chat->user.len) {
        json_key(w->json, "metadata");
        json_object_begin(w->json);
        anthropic_member(w, "user_id", w->chat->user);
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

/* context_management without the edits that a model which does not think refuses; all of it when none is left. */
static int context_write(struct anthropic_write *w, struct str raw)
{
    struct json_node *root;
    int rc = json_parse(w->how->arena, raw, &root, NULL), kept = 0;
    const struct json_node *edits = rc == 0 ? json_get(root, "edits") : NULL;
    if (rc == ERR_NOMEM)
        return rc;
    for (const struct json_node *e = edits ? edits->child : NULL; e; e = e->next)
        kept += !str_starts(json_get_text(e, "type"), STR("clear_thinking_"));
    if (edits && edits->child && !kept)
        return 0;
    if (!kept) {
        anthropic_member_raw(w, "context_management", raw);
        return 0;
    }
    json_key(w->json, "context_management");
    json_object_begin(w->json);
    for (const struct json_node *m = root->child; m; m = m->next) {
        json_key_str(w->json, m->key);
        if (m != edits) {
            m->type == JSON_STRING ? json_str(w->json, m->text) : json_raw(w->json, m->text);
            continue;
        }
        json_array_begin(w->json);
        for (const struct json_node *e = edits->child; e; e = e->next)
            if (!str_starts(json_get_text(e, "type"), STR("clear_thinking_")))
                json_raw(w->json, e->text);
        json_array_end(w->json);
    }
    json_object_end(w->json);
    return 0;
}

static int extra_write(struct anthropic_write *w)
{
    int rc = 0;
    for (const struct chat_member *m = w->chat->extra; m && rc == 0; m = m->next) {
        if (w->own && !m->by_default && !w->thinks && str_eq(m->name, STR("context_management"))) {
            rc = context_write(w, m->value);
        } else if (w->own && !m->by_default) { /* a default goes by OpenAI's name */
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
    anthropic_member(w, "model", w->how->model);
    json_key(w->json, "max_tokens");
    json_i64(w->json, w->max_tokens);
    if (w->chat->stream)
        anthropic_member_raw(w, "stream", STR("true"));
    if ((rc = anthropic_tools_write(w)) || (rc = system_write(w)) || (rc = anthropic_turns_write(w, turns)))
        return rc;
    anthropic_thinking_write(w);
    if ((rc = anthropic_output_config_write(w)) || (rc = anthropic_sampling_write(w)) || (rc = tier_write(w)))
        return rc;
    stop_write(w);
    user_write(w);
    if (w->chat->cache.len)
        anthropic_member_raw(w, "cache_control", w->chat->cache);
    rc = extra_write(w);
    json_object_end(w->json);
    return rc ? rc : json_done(w->json);
}

int anthropic_request_write(const struct chat *c, const struct chat_write *how, struct buf *out, struct err *e)
{
    struct json_writer json = JSON_WRITER(out);
    struct anthropic_write w = {.chat = c,
                                .how = how,
                                .model = claude_facts(how->model),
                                .json = &json,
                                .err = e,
                                .own = c->from == DIALECT_ANTHROPIC};
    struct turns turns;
    size_t before = out->len;
    anthropic_tokens_decide(&w);
    int rc = refuse(&w);
    if (rc == 0)
        rc = anthropic_turns_make(&w, &turns);
    if (rc == 0)
        rc = anthropic_thinking_decide(&w, &turns);
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
