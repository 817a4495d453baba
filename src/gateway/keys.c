/* keys.c: who calls, by design §5. A key of ours is shown in x-hearth-key, or in one of the usual headers, where it begins
 * with hearth_ or is one that was adopted. Callers on this machine need none; others do. What is no key of ours and no
 * placeholder is the client's own vendor credential. Every usual header is looked at, for some clients fill several: so an
 * adopted key is never taken for a credential, wherever it stands. */
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "net/loop.h"
#include <openssl/crypto.h>

enum { WATCH_MS = 500 }; /* a revoked key ends within this, and reading the file; promised are 2 s */

/* --- the ring ------------------------------------------------------------------------------------------------------------- */

int keys_reload(struct gateway *g, struct err *e)
{
    struct keyring *ring = NULL, *old;
    struct keyring_stamp stamp;
    (void)pthread_mutex_lock(&g->load_lock);
    keyring_stamp(&stamp, g->data_dir); /* before the file is read: what comes after it is noticed the next time */
    bool changed = memcmp(&stamp, &g->stamp, sizeof stamp) != 0 || !g->ring;
    int rc = changed ? keyring_load(&ring, g->data_dir, e) : 0;
    if (rc != ERR_NOMEM)
        g->stamp = stamp;
    if (ring) {
        if (g->ring)
            keyring_inherit(ring, g->ring);
        (void)pthread_mutex_lock(&g->ring_lock);
        old = g->ring;
        g->ring = ring;
        atomic_fetch_add_explicit(&g->ring_version, 1, memory_order_release);
        (void)pthread_mutex_unlock(&g->ring_lock);
        keyring_unref(old);
    }
    (void)pthread_mutex_unlock(&g->load_lock);
    return rc;
}

static void on_watch(void *ctx)
{
    struct gateway *g = ctx;
    struct err e = {0};
    unsigned before = atomic_load_explicit(&g->ring_version, memory_order_relaxed);
    if (keys_reload(g, &e) < 0)
        log_line(LOG_ERROR, "keys", "%s; the keys stay as they were", e.text);
    else if (atomic_load_explicit(&g->ring_version, memory_order_relaxed) != before)
        log_line(LOG_INFO, "keys", "the keys were changed, and are in force");
    if (atomic_load_explicit(&g->ring_version, memory_order_relaxed) != before)
        news_tell(g->news, "keys", STR("{}"));
}

int keys_open(struct gateway *g, struct str default_key, struct err *e)
{
    g->has_default = default_key.len > 0;
    g->default_key = (struct key){.name = STR("default"), .adopted = !str_starts(default_key, STR("hearth_"))};
    if (g->has_default && key_is_placeholder(default_key))
        return err_set(e, ERR_INVALID, "HEARTH_KEY is `%.*s`, which clients send when no key is needed: it cannot be one",
                       STR_FMT(default_key));
    if (g->has_default && key_digest(default_key, g->default_key.digest) < 0)
        return err_set(e, ERR_NOMEM, "gateway");
    int rc = admin_token_load(g->admin_digest, g->data_dir, e);
    if (rc == 0)
        rc = keys_reload(g, e);
    if (rc == 0)
        rc = clerk_open(&g->watcher, &(struct clerk_options){.tick = on_watch, .ctx = g, .tick_ms = WATCH_MS}, e);
    return rc;
}

void keys_close(struct gateway *g)
{
    clerk_close(g->watcher);
    keyring_unref(g->ring);
}

/* The keys in force. Loops look at a number; only when it has changed they take the lock. */
static const struct keyring *current_ring(struct gateway_loop *gl)
{
    struct gateway *g = gl->gateway;
    if (gl->ring && atomic_load_explicit(&g->ring_version, memory_order_acquire) == gl->ring_version)
        return gl->ring;
    keyring_unref(gl->ring);
    (void)pthread_mutex_lock(&g->ring_lock);
    gl->ring = keyring_ref(g->ring);
    gl->ring_version = atomic_load_explicit(&g->ring_version, memory_order_relaxed);
    (void)pthread_mutex_unlock(&g->ring_lock);
    return gl->ring;
}

size_t keys_in_force(struct gateway_loop *gl)
{
    const struct keyring *ring = current_ring(gl);
    size_t n = gl->gateway->has_default;
    for (size_t i = 0; i < keyring_count(ring); i++)
        n += keyring_at(ring, i)->revoked_ms == 0;
    return n;
}

/* --- what a request shows ----------------------------------------------------------------------------------------------------- */

enum shown_kind { SHOWN_NOTHING, SHOWN_KEY, SHOWN_REVOKED, SHOWN_UNKNOWN, SHOWN_CREDENTIAL };

struct shown {
    enum shown_kind kind;
    const struct key *key;
    struct str text;
};

/* What keys are known while one request is looked at. */
struct known {
    const struct keyring *ring;
    const struct key *default_key; /* NULL: there is none */
};

static const struct key *find_key(const struct known *known, const uint8_t digest[KEY_DIGEST_BYTES])
{
    const struct key *found = keyring_find(known->ring, digest), *d = known->default_key;
    return d && CRYPTO_memcmp(digest, d->digest, KEY_DIGEST_BYTES) == 0 ? d : found;
}

/* `surely`: it stands where only a key of ours can. A placeholder is none there either: tools put their default wherever they
 * are told a key goes. What cannot be looked up is refused: it may be an adopted key. */
static struct shown look_at(const struct known *known, struct str text, bool surely)
{
    uint8_t digest[KEY_DIGEST_BYTES];
    bool readable = text.len && key_digest(text, digest) == 0;
    const struct key *k = readable ? find_key(known, digest) : NULL;
    if (k)
        return (struct shown){k->revoked_ms ? SHOWN_REVOKED : SHOWN_KEY, k, text};
    if (!text.len || key_is_placeholder(text))
        return (struct shown){.kind = SHOWN_NOTHING};
    bool ours = surely || !readable || str_starts(text, STR("hearth_"));
    return (struct shown){.kind = ours ? SHOWN_UNKNOWN : SHOWN_CREDENTIAL, .text = text};
}

struct str usual_bearer(const struct http_request *r)
{
    struct str a = http_request_header(r, "authorization");
    return str_starts_fold(a, STR("bearer ")) ? str_trim(str_skip(a, 7)) : STR_NONE;
}

const char *const usual_headers[USUAL_HEADERS] = {"authorization", "x-api-key", "api-key", "x-goog-api-key"};

/* All that the request shows: our key, and apart from it the first credential, and where. What is wrong counts before what is
 * right: nobody shows a wrong key on purpose. */
static struct shown look_at_all(const struct known *known, const struct http_request *r, struct caller *out)
{
    struct shown best = look_at(known, str_trim(http_request_header(r, "x-hearth-key")), true);
    bool explicit = best.kind != SHOWN_NOTHING;
    for (unsigned i = 0; i < USUAL_HEADERS; i++) {
        struct shown s = look_at(known, i ? str_trim(http_request_header(r, usual_headers[i])) : usual_bearer(r), false);
        if (s.kind == SHOWN_CREDENTIAL) {
            out->credential_in |= 1u << i;
            out->credential = out->credential.len ? out->credential : s.text;
        } else if (!explicit && s.kind > best.kind) {
            best = s;
        }
    }
    return best;
}

/* --- letting in -------------------------------------------------------------------------------------------------------------- */

static bool no_key(struct gateway_loop *gl, struct http_exchange *x, const struct known *known)
{
    bool any = known->default_key || keyring_count(known->ring) > 0;
    reply_error(
        gl, x, 401, "invalid_api_key", "%s",
        any ? "a key is needed: send it as `authorization: Bearer ...` or `x-hearth-key`"
            : "calls from other machines need a key, and none is set: make one with `hearth keys add NAME`, or start "
              "the server with HEARTH_KEY");
    return false;
}

bool keys_admit(struct gateway_loop *gl, struct http_exchange *x, struct caller *out)
{
    const struct gateway *g = gl->gateway;
    struct known known = {.ring = current_ring(gl), .default_key = g->has_default ? &g->default_key : NULL};
    *out = (struct caller){.key = NULL};
    struct shown s = look_at_all(&known, http_exchange_request(x), out);
    out->key = s.key;
    if (s.kind == SHOWN_UNKNOWN) {
        reply_error(gl, x, 401, "invalid_api_key", "this key is not known here");
        return false;
    }
    if (s.kind == SHOWN_REVOKED) {
        reply_error(gl, x, 401, "invalid_api_key", "this key was revoked");
        return false;
    }
    if (!s.key && !http_exchange_is_local(x))
        return no_key(gl, x, &known);
    return true;
}

bool keys_count(struct gateway_loop *gl, struct http_exchange *x, const struct key *k)
{
    int64_t wait_ms = k->rpm ? key_rate_take(k->rate, k->rpm, loop_now_ms(gl->loop)) : 0;
    if (wait_ms)
        reply_error_later(gl, x, 429, "rate_limit_exceeded", wait_ms,
                          "key %.*s has made its %lld calls of this minute; try again in %lld s", STR_FMT(k->name),
                          (long long)k->rpm, (long long)(wait_ms + 999) / 1000);
    return wait_ms == 0;
}

bool key_may_ask(const struct key *k, struct str job)
{
    for (int i = 0; i < k->job_count; i++)
        if (str_eq(k->job[i], job))
            return true;
    return k->job_count == 0;
}
