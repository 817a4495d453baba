/* keys.c: who calls. Callers on this machine need no key; others show the one that was given to the server, in x-hearth-key or
 * in the usual headers. What is no key of ours and no placeholder is the client's own vendor credential (design §5). */
#include "gateway/gateway_priv.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>

int keys_digest(struct str key, uint8_t out[KEY_DIGEST_BYTES])
{
    unsigned len = 0;
    return EVP_Digest(key.ptr, key.len, out, &len, EVP_sha256(), NULL) == 1 && len == KEY_DIGEST_BYTES ? 0 : ERR_NOMEM;
}

static bool is_placeholder(struct str key)
{
    static const char *const known[] = {"ollama", "EMPTY", "sk-no-key-required", "none", "-"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq(key, str_from(known[i])))
            return true;
    return key.len == 0;
}

static struct str bearer(struct str authorization)
{
    return str_starts_fold(authorization, STR("bearer ")) ? str_trim(str_skip(authorization, 7)) : STR_NONE;
}

/* The first of the usual headers that holds something. */
static struct str usual_key(const struct http_request *r)
{
    static const char *const names[] = {"x-api-key", "api-key", "x-goog-api-key"};
    struct str key = bearer(http_request_header(r, "authorization"));
    for (size_t i = 0; i < COUNT_OF(names) && is_placeholder(key); i++)
        key = str_trim(http_request_header(r, names[i]));
    return is_placeholder(key) ? STR_NONE : key;
}

static bool is_known(const struct gateway *g, struct str key)
{
    uint8_t digest[KEY_DIGEST_BYTES];
    return g->has_key && keys_digest(key, digest) == 0 && CRYPTO_memcmp(digest, g->key_digest, sizeof digest) == 0;
}

bool keys_admit(struct gateway_loop *gl, struct http_exchange *x, struct caller *out, struct arena *a)
{
    const struct gateway *g = gl->gateway;
    const struct http_request *r = http_exchange_request(x);
    struct str ours = str_trim(http_request_header(r, "x-hearth-key")), usual = usual_key(r);
    bool usual_is_ours = str_starts(usual, STR("hearth_")) || (usual.len && is_known(g, usual));
    if (!ours.len && usual_is_ours)
        ours = usual;
    *out = (struct caller){.key = STR("-")};
    if (ours.len) {
        if (!is_known(g, ours)) {
            reply_error(gl, x, 401, "invalid_api_key", "this key is not known here");
            return false;
        }
        out->key = STR("default");
    } else if (!http_exchange_is_local(x)) {
        reply_error(gl, x, 401, "invalid_api_key", g->has_key ? "a key is needed: send it as `authorization: Bearer ...` or `x-hearth-key`"
                                                              : "calls from other machines need a key, and none is set: start the server with HEARTH_KEY");
        return false;
    }
    if (usual.len && !usual_is_ours)
        out->credential = str_from(arena_format(a, "Bearer %.*s", STR_FMT(usual)));
    return true;
}
