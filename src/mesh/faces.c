/* faces.c: the dialects in which an upstream can be asked, where each of them stands, and which one a call uses.
 *
 * A vendor often has several faces: its own API, an imitation of OpenAI's, one of Anthropic's. Where one of them is the client's own
 * dialect, it is used and nothing is translated; only what that face is known to lack (vendor quirks) sends the call to another. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"

/* By dialect and operation, behind the base URL; NULL: there is no such endpoint. */
static const char *const paths[DIALECT_COUNT][WIRE_OP_COUNT] = {
    [DIALECT_OPENAI] = {[WIRE_CHAT] = "/chat/completions", [WIRE_COMPLETIONS] = "/completions", [WIRE_EMBEDDINGS] = "/embeddings",
                        [WIRE_RERANK] = "/rerank", [WIRE_TRANSCRIBE] = "/audio/transcriptions", [WIRE_TRANSLATE] = "/audio/translations"},
    [DIALECT_RESPONSES] = {[WIRE_CHAT] = "/responses"},
    [DIALECT_ANTHROPIC] = {[WIRE_CHAT] = "/v1/messages", [WIRE_COUNT_TOKENS] = "/v1/messages/count_tokens"},
    [DIALECT_OLLAMA] = {[WIRE_CHAT] = "/api/chat", [WIRE_GENERATE] = "/api/generate", [WIRE_EMBEDDINGS] = "/api/embed",
                        [WIRE_EMBED_ONE] = "/api/embeddings"},
};

static struct str without_slash(struct str url)
{
    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    return url;
}

/* People paste what the other dialect's client takes. */
static struct str without_end(struct str url, const char *end)
{
    url = without_slash(url);
    return str_ends(url, str_from(end)) ? without_slash(str_slice(url, 0, url.len - strlen(end))) : url;
}

static struct str row_url(const struct vendor *v, enum dialect d)
{
    switch (d) {
    case DIALECT_OPENAI:
    case DIALECT_RESPONSES: return str_from(v->openai_url);
    case DIALECT_ANTHROPIC: return str_from(v->anthropic_url);
    case DIALECT_OLLAMA: return str_from(v->ollama_url);
    default: return STR_NONE;
    }
}

/* The base of that face as its dialect's official client takes it; empty: the upstream does not have it. */
static struct str face_base(struct arena *a, const struct upstream *u, struct str given, bool one_dialect, enum dialect d)
{
    bool versioned = d == DIALECT_OPENAI || d == DIALECT_RESPONSES;
    bool speaks = u->vendor ? (u->vendor->dialects >> d & 1) != 0 : d == u->dialect;
    if (one_dialect && d != u->dialect)
        return STR_NONE;
    if (!given.len)
        return speaks || one_dialect ? row_url(u->vendor, d) : STR_NONE;
    if (one_dialect || !u->vendor || !(u->vendor->quirks & QUIRK_ONE_ROOT)) {
        bool beside = versioned && u->dialect == DIALECT_OPENAI && u->vendor && speaks; /* /responses stands beside /chat/completions */
        if (d != u->dialect && !beside) /* somebody's proxy: only the face its URL was given for is known to stand there */
            return STR_NONE;
        return versioned ? without_slash(given) : without_end(without_end(given, "/v1"), "/api");
    }
    if (!speaks)
        return STR_NONE;
    struct str root = without_end(given, "/v1");
    return versioned ? str_from(arena_format(a, "%.*s/v1", STR_FMT(root))) : root;
}

/* How a key is shown at that face. */
static int face_auth(struct arena *a, const struct upstream *u, enum dialect d, struct http_header *out)
{
    bool bearer = d != DIALECT_ANTHROPIC || (u->vendor && u->vendor->quirks & QUIRK_BEARER);
    if (!u->key.len)
        return 0;
    *out = bearer ? (struct http_header){STR("authorization"), str_from(arena_format(a, "Bearer %.*s", STR_FMT(u->key)))}
                  : (struct http_header){STR("x-api-key"), u->key};
    return out->value.ptr ? 0 : ERR_NOMEM;
}

int faces_build(struct upstream *u, struct str given, bool one_dialect, struct arena *a)
{
    for (int d = 0; d < DIALECT_COUNT; d++) {
        struct str base = face_base(a, u, given, one_dialect, (enum dialect)d);
        for (int op = 0; op < WIRE_OP_COUNT && base.len; op++) {
            if (!paths[d][op])
                continue;
            u->face[d].url[op] = str_from(arena_format(a, "%.*s%s", STR_FMT(base), paths[d][op]));
            if (!u->face[d].url[op].ptr)
                return ERR_NOMEM;
        }
        if (base.len && d == (int)u->dialect)
            u->base = base;
    }
    return 0;
}

int faces_keys(struct upstream *u, struct arena *a)
{
    for (int d = 0; d < DIALECT_COUNT; d++)
        if (face_auth(a, u, (enum dialect)d, &u->face[d].auth) < 0)
            return ERR_NOMEM;
    return 0;
}

/* --- which one ------------------------------------------------------------------------------------------------------------ */

/* What Ollama has of its own is a plain chat, or embeddings, elsewhere. */
enum wire_op face_op(enum wire_op op, enum dialect client, enum dialect face)
{
    if (client == face)
        return op;
    return op == WIRE_GENERATE ? WIRE_CHAT : op == WIRE_EMBED_ONE ? WIRE_EMBEDDINGS : op;
}

/* A face that its server does not have (Ollama and llama-server grew theirs one by one) is asked for again after a while. */
bool face_is_missing(const struct attempt *a)
{
    enum { MISSING_MS = 600000 };
    const struct mesh_call *c = a->call;
    const struct upstream *u = a->target->up;
    if (a->face == u->dialect || u->passthrough || !u->face[u->dialect].url[face_op(c->facts.op, c->ask.dialect, u->dialect)].len)
        return false;
    atomic_store_explicit(&u->state->face_missing_until_ms[a->face], loop_now_ms(c->ml->loop) + MISSING_MS, memory_order_relaxed);
    return true;
}

static bool has_face(const struct mesh_call *c, const struct upstream *u, enum dialect d)
{
    if (u->state && atomic_load_explicit(&u->state->face_missing_until_ms[d], memory_order_relaxed) > loop_now_ms(c->ml->loop))
        return false;
    return u->face[d].url[face_op(c->facts.op, c->ask.dialect, d)].len > 0;
}

/* How much a call is to think, by what it says or its job's defaults do; raw, "" for nothing. */
static struct str effort_asked(const struct mesh_call *c)
{
    struct str name = STR("reasoning_effort"), key, value;
    const struct job *j = c->route.job;
    if (c->chat && c->chat->effort != EFFORT_UNSET)
        return str_from(effort_name(c->chat->effort));
    if (!c->chat && call_has_member(&c->facts, name)) {
        struct json_scan s;
        json_scan_init(&s, c->ask.body);
        for (bool in = json_enter(&s); in && json_member(&s, &key) && json_skip(&s, &value);)
            if (json_key_is(key, name))
                return str_slice(value, 1, value.len - 1);
    }
    for (size_t i = 0; j && i < j->default_count; i++)
        if (str_eq(j->defaults[i].key, name))
            return str_slice(j->defaults[i].value, 1, j->defaults[i].value.len - 1);
    return STR("");
}

/* What OpenAI's chat endpoint does not do for a model, and its Responses endpoint does: by the table of models, or in its own words.
 * From GPT-5.4 on it refuses tools while the model thinks. */
static bool stands_apart(const struct mesh_call *c, const struct target *t)
{
    bool tools = (c->facts.needs & NEED_TOOLS) != 0;
    if (c->facts.op != WIRE_CHAT)
        return false;
    if (c->apart == t || atomic_load_explicit(&t->state->apart_until_ms[tools], memory_order_relaxed) > loop_now_ms(c->ml->loop))
        return true;
    enum model_responses r = t->fact ? t->fact->responses : MODEL_RESPONSES_NEVER;
    if (r == MODEL_RESPONSES_ONLY || r == MODEL_RESPONSES_NEVER || !tools)
        return r == MODEL_RESPONSES_ONLY;
    struct str effort = effort_asked(c);
    return effort.len ? !str_eq(effort, STR("none")) : r == MODEL_RESPONSES_TOOLS;
}

/* It said "use /v1/responses instead": the table of models is older than this one. */
bool face_stands_apart(const struct attempt *a)
{
    enum { APART_MS = 86400000 }; /* a day: it does not change, but words can be misread */
    struct mesh_call *c = a->call;
    const struct target *t = a->target;
    if (a->face != DIALECT_OPENAI || c->apart == t || t->up->passthrough || !has_face(c, t->up, DIALECT_RESPONSES))
        return false;
    c->apart = t;
    if (t->state != t->up->direct) /* shared by models that are not like this one */
        atomic_store_explicit(&t->state->apart_until_ms[(c->facts.needs & NEED_TOOLS) != 0], loop_now_ms(c->ml->loop) + APART_MS,
                              memory_order_relaxed);
    return true;
}

/* The vendor's imitation of the client's dialect cannot do this, and another face of it can. */
static bool lacks(const struct mesh_call *c, const struct target *t, enum dialect d)
{
    const struct vendor *v = t->up->vendor;
    if (d != DIALECT_OPENAI)
        return false;
    if (c->facts.format == FORMAT_JSON_SCHEMA && v && v->quirks & QUIRK_NO_JSON_SCHEMA)
        return true;
    return stands_apart(c, t);
}

int face_choose(const struct mesh_call *c, const struct target *t)
{
    static const enum dialect order[] = {DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_RESPONSES, DIALECT_OLLAMA};
    const struct upstream *u = t->up;
    enum dialect own = c->ask.dialect;
    if (has_face(c, u, own) && (u->passthrough || !lacks(c, t, own))) /* a passthrough upstream gets the client's own words or none */
        return own;
    for (int even_so = 0; even_so < 2; even_so++) { /* what lacks something is an endpoint all the same, and says better what is wrong */
        if (even_so && has_face(c, u, own))
            return own;
        for (size_t i = 0; i < COUNT_OF(order); i++)
            if (order[i] != own && has_face(c, u, order[i]) && (even_so || !lacks(c, t, order[i])))
                return order[i];
    }
    return FACE_NONE;
}
