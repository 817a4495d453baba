/* admin_keys.c: the keys over the admin API: the same rules, lock and file as `hearth keys`, and in force at once. What could
 * turn the API into a way to read or plant secrets cannot be set here: an existing key is adopted at the command line only. */
#include "base/log.h"
#include "gateway/admin_priv.h"

/* --- GET ---------------------------------------------------------------------------------------------------------------- */

static void list_keys(struct errand *r)
{
    const struct gateway *g = r->gateway;
    struct json_writer w = JSON_WRITER(&r->body);
    struct keyring *ring = NULL;
    int rc = keyring_load(&ring, g->data_dir, &r->err);
    if (rc < 0)
        return;
    json_object_begin(&w);
    json_key(&w, "keys");
    json_array_begin(&w);
    if (g->has_default)
        key_show(&w, &g->default_key, STR_NONE);
    for (size_t i = 0; i < keyring_count(ring); i++)
        if (!keyring_at(ring, i)->revoked_ms)
            key_show(&w, keyring_at(ring, i), STR_NONE);
    json_array_end(&w);
    json_object_end(&w);
    keyring_unref(ring);
    if (json_done(&w) < 0)
        (void)err_set(&r->err, ERR_NOMEM, "the answer does not fit into memory");
    else
        r->status = 200;
}

void admin_keys_list(const struct admin_ask *ask)
{
    struct errand *r = errand_new(ask, list_keys, 1);
    if (r)
        errand_send(r);
}

/* --- POST --------------------------------------------------------------------------------------------------------------- */

static void show_new(struct errand *r, const struct key_wish *wish, struct str secret)
{
    struct keyring *ring = NULL;
    struct json_writer w = JSON_WRITER(&r->body);
    int rc = keyring_load(&ring, r->gateway->data_dir, &r->err);
    const struct key *k = rc == 0 ? keyring_named(ring, wish->name) : NULL;
    if (k && buf_reserve(&r->body, 64 * KiB) == 0) /* at once: growing would leave copies of the key behind */
        key_show(&w, k, secret);
    if (rc == 0 && (!k || r->body.len == 0 || json_done(&w) < 0))
        (void)err_set(&r->err, ERR_NOMEM,
                      "the key was made, but there is no memory to show it; revoke it and try again");
    else if (rc == 0)
        r->status = 201;
    keyring_unref(ring);
}

static void add_key(struct errand *r)
{
    const struct key_wish *wish = r->wish;
    AUTO_BUF struct buf secret = BUF_INIT(256);
    if (keyring_add(r->gateway->data_dir, wish, &secret, &r->err) < 0 || keys_reload(r->gateway, &r->err) < 0)
        return;
    log_line(LOG_INFO, "keys", "key %.*s was made over the admin API", STR_FMT(wish->name));
    show_new(r, wish, buf_str(&secret));
    explicit_bzero(secret.ptr, secret.cap);
}

void admin_keys_add(const struct admin_ask *ask)
{
    struct err e = {0};
    struct errand *r = errand_new(ask, add_key, sizeof(struct key_wish));
    if (!r)
        return;
    if (key_wish_read(r->wish, &r->arena, http_exchange_request(ask->x)->body, &e) == 0) {
        errand_send(r);
        return;
    }
    admin_fail(ask->gl, ask->x, &e);
    errand_free(r);
}

/* --- DELETE --------------------------------------------------------------------------------------------------------------- */

static void revoke_key(struct errand *r)
{
    const struct str *name = r->wish;
    if (keyring_revoke(r->gateway->data_dir, *name, &r->err) < 0 || keys_reload(r->gateway, &r->err) < 0)
        return;
    log_line(LOG_INFO, "keys", "key %.*s was revoked over the admin API", STR_FMT(*name));
    struct json_writer w = JSON_WRITER(&r->body);
    json_object_begin(&w);
    json_key(&w, "revoked");
    json_str(&w, *name);
    json_object_end(&w);
    if (json_done(&w) < 0)
        (void)err_set(&r->err, ERR_NOMEM, "the key was revoked, but there is no memory to say so");
    else
        r->status = 200;
}

void admin_keys_revoke(const struct admin_ask *ask)
{
    struct errand *r = errand_new(ask, revoke_key, sizeof(struct str));
    if (!r)
        return;
    struct str *name = r->wish;
    *name = arena_dup(&r->arena, ask->rest);
    if (name->ptr) {
        errand_send(r);
        return;
    }
    reply_error(ask->gl, ask->x, 503, "overloaded", "out of memory; try again");
    errand_free(r);
}
