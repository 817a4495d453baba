/* headers.c: what of a request's head may go on to an upstream, and to which.
 *
 * Two lists. What tells who the client is (its own credential, its program, its session) is for passthrough upstreams alone. What
 * belongs to the body (the version of the dialect, the betas whose members it holds) goes to every face of the client's dialect.
 * Nothing else leaves: a header is handed on because it stands here. */
#include "gateway/gateway_priv.h"

/* Beside the credential. The anthropic-* and openai-* families are whole: a beta that one of them switches on may be newer than we. */
static const char *const identity[] = {
    "user-agent", "x-app", "chatgpt-account-id", "originator", "session_id", "version", "http-referer", "x-title",
};
static const char *const identity_families[] = {"anthropic-", "openai-", "x-claude-", "x-codex-", "x-stainless-"};

static bool tells_identity(struct str name, unsigned credential_in)
{
    for (size_t i = 0; i < USUAL_HEADERS; i++)
        if (str_eq(name, str_from(usual_headers[i])))
            return credential_in >> i & 1; /* a key of ours never leaves */
    for (size_t i = 0; i < COUNT_OF(identity); i++)
        if (str_eq(name, str_from(identity[i])))
            return true;
    for (size_t i = 0; i < COUNT_OF(identity_families); i++)
        if (str_starts(name, str_from(identity_families[i])))
            return true;
    return false;
}

/* Betas of the credential rather than of the body: they would be wrong beside another key. */
static bool is_of_credential(struct str beta)
{
    return str_starts(beta, STR("oauth-"));
}

/* The betas without those; the value itself when there are none. ptr NULL: memory is out. */
static struct str betas_of_body(struct str value, struct arena *a)
{
    AUTO_BUF struct buf kept = BUF_INIT(64 * KiB);
    struct str rest = value, one;
    int rc = 0;
    if (str_find(value, STR("oauth-")) < 0)
        return value;
    while (rc == 0 && str_cut(&rest, ',', &one)) {
        one = str_trim(one);
        if (one.len && !is_of_credential(one))
            rc = buf_append_format(&kept, "%s%.*s", kept.len ? "," : "", STR_FMT(one));
    }
    return rc < 0 ? STR_NONE : kept.len ? arena_dup(a, buf_str(&kept)) : STR("");
}

static bool collect_identity(struct mesh_ask *ask, const struct http_request *r, unsigned credential_in, struct arena *a)
{
    struct http_header *list = arena_alloc(a, ASK_HEADERS_MAX * sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < r->header_count && ask->identity_count < ASK_HEADERS_MAX; i++)
        if (tells_identity(r->header[i].name, credential_in))
            list[ask->identity_count++] = r->header[i];
    ask->identity = list;
    return true;
}

static bool collect_dialect(struct mesh_ask *ask, const struct http_request *r, struct arena *a)
{
    struct http_header *list = arena_alloc(a, ASK_HEADERS_MAX * sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < r->header_count && ask->dialect_header_count < ASK_HEADERS_MAX; i++) {
        struct http_header h = r->header[i];
        bool beta = str_eq(h.name, STR("anthropic-beta"));
        if (!beta && !str_eq(h.name, STR("anthropic-version")))
            continue;
        h.value = beta ? betas_of_body(h.value, a) : h.value;
        if (!h.value.ptr)
            return false;
        if (h.value.len)
            list[ask->dialect_header_count++] = h;
    }
    ask->dialect_header = list;
    return true;
}

bool headers_collect(struct mesh_ask *ask, const struct http_request *r, unsigned credential_in, struct arena *a)
{
    if (credential_in && !collect_identity(ask, r, credential_in, a))
        return false;
    return ask->dialect != DIALECT_ANTHROPIC || collect_dialect(ask, r, a);
}
