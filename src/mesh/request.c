/* request.c: what an attempt says to its upstream: whose headers, and the body, as it came, mended or translated. */
#include "mesh/mesh_priv.h"

static size_t copy_headers(struct http_header *h, const struct http_header *from, size_t count)
{
    if (count)
        memcpy(h, from, count * sizeof *h);
    return count;
}

static bool is_given(const struct mesh_ask *ask, struct str name)
{
    for (size_t i = 0; i < ask->dialect_header_count; i++)
        if (str_eq(ask->dialect_header[i].name, name))
            return true;
    return false;
}

/* What the dialect wants beside the request; the client's own word for it, where it speaks the same. Under its own credential that
 * word is among what is handed on whole (identity_headers), and is said once. */
static size_t dialect_headers(const struct attempt *a, struct http_header *h)
{
    const struct mesh_ask *ask = &a->call->ask;
    size_t n = 0;
    bool same = a->face == ask->dialect, whole = a->target->up->passthrough;
    if (a->face == DIALECT_ANTHROPIC && !(same && is_given(ask, STR("anthropic-version"))))
        h[n++] = (struct http_header){STR("anthropic-version"), STR("2023-06-01")};
    return same && !whole ? n + copy_headers(h + n, ask->dialect_header, ask->dialect_header_count) : n;
}

static bool shows_key_elsewhere(struct str header)
{
    return str_eq(header, STR("x-api-key")) || str_eq(header, STR("api-key")) || str_eq(header, STR("x-goog-api-key"));
}

/* The client's own words, byte for byte. Only, some clients of OpenAI's dialect show their key in a header of their own (`api-key`),
 * which servers of that dialect do not read: it is said where they do. */
static size_t identity_headers(const struct attempt *a, struct http_header *h)
{
    const struct mesh_ask *ask = &a->call->ask;
    bool shown = a->face == DIALECT_ANTHROPIC;
    size_t n = 0;
    for (size_t i = 0; i < ask->identity_count; i++) {
        if (a->face != DIALECT_ANTHROPIC && shows_key_elsewhere(ask->identity[i].name))
            continue;
        h[n++] = ask->identity[i];
        shown = shown || str_eq(ask->identity[i].name, STR("authorization"));
    }
    const char *bearer = shown ? NULL : arena_format(&a->call->arena, "Bearer %.*s", STR_FMT(ask->credential));
    if (bearer)
        h[n++] = (struct http_header){STR("authorization"), str_from(bearer)};
    return n;
}

/* A passthrough upstream reads the client's own credential and program; nobody else ever does. */
size_t request_headers(const struct attempt *a, struct http_header *h)
{
    const struct upstream *u = a->target->up;
    const struct mesh_ask *ask = &a->call->ask;
    size_t n = 0;
    bool lines = a->translation && a->translation->from->framing == FRAMING_LINES;
    h[n++] = (struct http_header){STR("content-type"), ask->form ? ask->form_type : STR("application/json")};
    h[n++] = (struct http_header){STR("accept"), ask->form ? STR("*/*") : lines ? STR("application/x-ndjson, application/json")
                                                 : a->call->facts.stream ? STR("text/event-stream, application/json") : STR("application/json")};
    n += dialect_headers(a, h + n);
    if (u->passthrough)
        return n + identity_headers(a, h + n);
    h[n++] = (struct http_header){STR("user-agent"), STR("hearth")};
    if (u->face[a->face].auth.value.len)
        h[n++] = u->face[a->face].auth;
    return n;
}

/* The plain path: OpenAI's dialect on both sides. */
static int write_plain(struct attempt *a)
{
    const struct job *j = a->call->route.job;
    const struct upstream *u = a->target->up;
    struct call_rewrite w = {
        .model = a->target->model,
        .ask_usage = !(u->vendor && u->vendor->quirks & QUIRK_NO_STREAM_OPTIONS),
        .defaults = j ? j->defaults : NULL, .default_count = j ? j->default_count : 0,
    };
    int rc = gather_mend(a, &w.mend);
    return rc < 0 ? rc : (a->piece_count = call_write(&a->call->facts, &w, &a->call->arena, a->piece));
}

/* REASON_DONE, or why the request could not be made; then *words is the story, in the arena. */
enum reason request_write(struct attempt *a, struct str *words)
{
    struct err e = {0};
    int rc = a->call->ask.form ? form_write(a) : translate_request(a, &e);
    if (rc == ERR_UNSUPPORTED)
        rc = write_plain(a);
    if (rc >= 0 && gather_begin(a) < 0)
        rc = ERR_NOMEM;
    if (rc >= 0)
        return own_tell(a, words);
    *words = rc == ERR_NOMEM ? STR_NONE : arena_dup(&a->call->arena, str_from(e.text));
    return rc == ERR_INVALID ? REASON_UNSAYABLE : REASON_NO_MEMORY;
}
