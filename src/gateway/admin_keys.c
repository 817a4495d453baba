/* admin_keys.c: the keys over the admin API: the same rules, lock and file as `hearth keys`, and in force at once. What could
 * turn the API into a way to read or plant secrets cannot be set here: an existing key is adopted at the command line only. */
#include "base/json.h"
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
        (void)err_set(&r->err, ERR_NOMEM, "the key was made, but there is no memory to show it; revoke it and try again");
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

/* ["a","b"] as "a,b". */
static int read_list(struct arena *a, const struct json_node *n, struct str *out, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    if (n->type != JSON_ARRAY)
        return err_set(e, ERR_INVALID, "`%.*s` is a list of texts", STR_FMT(n->key));
    for (const struct json_node *one = n->child; one; one = one->next) {
        if (one->type != JSON_STRING || !one->text.len || str_find_char(one->text, ',') >= 0)
            return err_set(e, ERR_INVALID, "`%.*s` is a list of texts", STR_FMT(n->key));
        if (buf_append_text(&text, text.len ? "," : "") < 0 || buf_append(&text, one->text) < 0)
            return err_set(e, ERR_INVALID, "`%.*s` is too long", STR_FMT(n->key));
    }
    *out = arena_dup(a, buf_str(&text));
    return out->ptr ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

static int read_member(struct arena *a, const struct json_node *n, struct key_wish *w, struct err *e)
{
    static const char *const never[] = {"key", "from", "url", "run", "secret", "sha256"};
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (str_eq(n->key, str_from(never[i])))
            return err_set(e, ERR_INVALID, "`%s` cannot be set over HTTP; `hearth keys add NAME --from` adopts an existing key", never[i]);
    if (str_eq(n->key, STR("jobs")))
        return read_list(a, n, &w->jobs, e);
    if (str_eq(n->key, STR("tags")))
        return read_list(a, n, &w->tags, e);
    if (str_eq(n->key, STR("name")) && n->type == JSON_STRING) {
        w->name = arena_dup(a, n->text);
        return w->name.ptr ? 0 : err_set(e, ERR_NOMEM, "out of memory");
    }
    bool boundary = str_eq(n->key, STR("boundary")) && n->type == JSON_STRING;
    if (boundary && (str_eq(n->text, STR("home")) || str_eq(n->text, STR("any")))) {
        w->home = str_eq(n->text, STR("home"));
        return 0;
    }
    if (str_eq(n->key, STR("rpm")) && n->type == JSON_NUMBER && json_to_i64(n->text, &w->rpm) && w->rpm > 0)
        return 0;
    return err_set(e, ERR_INVALID, "`%.*s` is not known here, or not of that kind; a key has name, jobs, boundary (home or any), tags and rpm",
                   STR_FMT(str_slice(n->key, 0, 60)));
}

static int read_wish(struct errand *r, struct str body, struct err *e)
{
    enum { WISH_BYTES_MAX = 32 * 1024 };
    struct key_wish *w = r->wish;
    struct json_node *root;
    if (body.len > WISH_BYTES_MAX)
        return err_set(e, ERR_INVALID, "a key is told in less than %d KiB", WISH_BYTES_MAX / 1024);
    struct arena scratch = ARENA_INIT(4 * MiB);
    int rc = json_parse(&scratch, body, &root, e);
    if (rc == 0 && root->type != JSON_OBJECT)
        rc = err_set(e, ERR_INVALID, "a JSON object with the key's `name` is expected");
    for (const struct json_node *n = rc == 0 ? root->child : NULL; n && rc == 0; n = n->next)
        rc = read_member(&r->arena, n, w, e);
    arena_fini(&scratch);
    const char *problem = rc == 0 ? key_wish_problem(w) : NULL;
    return problem ? err_set(e, ERR_INVALID, "%s", problem) : rc;
}

void admin_keys_add(const struct admin_ask *ask)
{
    struct err e = {0};
    struct errand *r = errand_new(ask, add_key, sizeof(struct key_wish));
    if (!r)
        return;
    if (read_wish(r, http_exchange_request(ask->x)->body, &e) == 0) {
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
