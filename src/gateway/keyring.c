/* keyring.c: one keys.json as an immutable snapshot: reading it strictly, finding a key in it, and writing it.
 *
 *   { "version": 1, "keys": [ { "name": "webui", "sha256": "64 hex digits", "created_ms": 1763740000000,
 *                               "adopted": true, "boundary": "home", "jobs": ["bulk"], "tags": ["web"], "rpm": 60,
 *                               "revoked_ms": 1763750000000 } ] }
 *
 * The first three members of a key are always there, the others where they say something. */
#include "gateway/keyring.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/keyring_priv.h"
#include <openssl/evp.h>
#include <stdatomic.h>

enum { RING_ARENA_MAX = 16 << 20 };

struct keyring {
    atomic_int refs;
    struct arena arena; /* texts and arrays of the keys */
    struct key *key;
    size_t count;
};

/* --- secrets -------------------------------------------------------------------------------------------------------- */

int key_digest(struct str secret, uint8_t out[KEY_DIGEST_BYTES])
{
    unsigned len = 0;
    bool done = EVP_Digest(secret.ptr, secret.len, out, &len, EVP_sha256(), NULL) == 1 && len == KEY_DIGEST_BYTES;
    return done ? 0 : ERR_NOMEM;
}

/* The first three are a contract; the rest is what no secret can be: words for "nothing" that programs print, and what
 * the guides of LM Studio, LibreChat and others tell people to type. A word that somebody may use as a real password
 * (`sk-1234`, `token-abc123`) is not among them. */
bool key_is_placeholder(struct str secret)
{
    static const char *const known[] = {"ollama", "EMPTY",     "sk-no-key-required", "none",   "null", "undefined",
                                        "dummy",  "lm-studio", "not-needed",         "no-key", "-"};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq_fold(secret, str_from(known[i])))
            return true;
    return secret.len == 0;
}

/* --- rules of the parts ----------------------------------------------------------------------------------------------- */

/* [a-z0-9][a-z0-9._-]*, and not `default`, which is $HEARTH_KEY. */
bool key_name_is_fine(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || !c || !strchr("._-", c)))
            return false;
    }
    return s.len > 0 && s.len <= KEY_NAME_BYTES_MAX && !str_eq(s, STR("default"));
}

bool key_job_is_fine(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || !c || !strchr("._-", c)))
            return false;
    }
    return s.len > 0 && s.len <= KEY_JOB_BYTES_MAX;
}

bool key_tag_is_fine(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (!c || !strchr("._:/@+-", c)))
            return false;
    }
    return s.len > 0 && s.len <= KEY_TAG_BYTES_MAX;
}

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_digest(struct str text, uint8_t out[KEY_DIGEST_BYTES])
{
    if (text.len != 2 * KEY_DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < KEY_DIGEST_BYTES; i++) {
        int high = hex(text.ptr[2 * i]), low = hex(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_number(const struct json_node *n, int64_t max, int64_t *out)
{
    int64_t value;
    if (n->type != JSON_NUMBER || !json_to_i64(n->text, &value) || value < 1 || value > max)
        return false;
    *out = value;
    return true;
}

static int read_jobs(struct arena *a, const struct json_node *n, struct key *k, struct err *e)
{
    if (n->type != JSON_ARRAY || n->count < 1 || n->count > KEY_JOBS_MAX)
        return err_set(e, ERR_INVALID, "`jobs` of a key is a list of 1 to %d names", KEY_JOBS_MAX);
    struct str *job = arena_new_array(a, struct str, n->count);
    if (!job)
        return err_set(e, ERR_NOMEM, "keys");
    for (const struct json_node *one = n->child; one; one = one->next) {
        if (one->type != JSON_STRING || !key_job_is_fine(one->text))
            return err_set(e, ERR_INVALID, "`jobs` of a key holds what is no name of a job");
        job[k->job_count] = arena_dup(a, one->text);
        if (!job[k->job_count++].ptr)
            return err_set(e, ERR_NOMEM, "keys");
    }
    k->job = job;
    return 0;
}

static int read_tags(struct arena *a, const struct json_node *n, struct key *k, struct err *e)
{
    AUTO_BUF struct buf tags = BUF_INIT((size_t)KEY_TAGS_MAX * (KEY_TAG_BYTES_MAX + 1));
    if (n->type != JSON_ARRAY || n->count < 1 || n->count > KEY_TAGS_MAX)
        return err_set(e, ERR_INVALID, "`tags` of a key is a list of 1 to %d tags", KEY_TAGS_MAX);
    for (const struct json_node *one = n->child; one; one = one->next) {
        if (one->type != JSON_STRING || !key_tag_is_fine(one->text))
            return err_set(e, ERR_INVALID, "`tags` of a key holds what is no tag");
        if (buf_append_text(&tags, tags.len ? "," : "") < 0 || buf_append(&tags, one->text) < 0)
            return err_set(e, ERR_NOMEM, "keys");
    }
    k->tags = arena_dup(a, buf_str(&tags));
    return k->tags.ptr ? 0 : err_set(e, ERR_NOMEM, "keys");
}

static const int64_t time_max = 253402300799999; /* the last millisecond of the year 9999 */

/* One member. ERR_INVALID with a story for what is not known or out of range. */
static int read_member(struct arena *a, const struct json_node *n, struct key *k, struct err *e)
{
    bool fine = false;
    if (str_eq(n->key, STR("name"))) {
        fine = n->type == JSON_STRING && key_name_is_fine(n->text);
        if (fine && !(k->name = arena_dup(a, n->text)).ptr)
            return err_set(e, ERR_NOMEM, "keys");
    } else if (str_eq(n->key, STR("sha256"))) {
        fine = n->type == JSON_STRING && read_digest(n->text, k->digest);
    } else if (str_eq(n->key, STR("created_ms"))) {
        fine = read_number(n, time_max, &k->created_ms);
    } else if (str_eq(n->key, STR("revoked_ms"))) {
        fine = read_number(n, time_max, &k->revoked_ms);
    } else if (str_eq(n->key, STR("rpm"))) {
        fine = read_number(n, KEY_RPM_MAX, &k->rpm);
    } else if (str_eq(n->key, STR("adopted"))) {
        fine = k->adopted = n->type == JSON_TRUE;
    } else if (str_eq(n->key, STR("boundary"))) {
        fine = k->home = n->type == JSON_STRING && str_eq(n->text, STR("home"));
    } else if (str_eq(n->key, STR("jobs"))) {
        return read_jobs(a, n, k, e);
    } else if (str_eq(n->key, STR("tags"))) {
        return read_tags(a, n, k, e);
    } else {
        return err_set(e, ERR_INVALID, "a key has a member that this version does not know: %.*s",
                       STR_FMT(str_slice(n->key, 0, 60)));
    }
    return fine ? 0 : err_set(e, ERR_INVALID, "`%.*s` of a key is malformed", STR_FMT(n->key));
}

static int read_key(struct keyring *ring, const struct json_node *n, struct err *e)
{
    struct key *k = &ring->key[ring->count];
    if (n->type != JSON_OBJECT || !json_get(n, "name") || !json_get(n, "sha256") || !json_get(n, "created_ms"))
        return err_set(e, ERR_INVALID, "a key needs `name`, `sha256` and `created_ms`");
    for (const struct json_node *m = n->child; m; m = m->next) {
        int rc = read_member(&ring->arena, m, k, e);
        if (rc < 0)
            return rc;
    }
    if (keyring_find(ring, k->digest) || (!k->revoked_ms && keyring_named(ring, k->name)))
        return err_set(e, ERR_INVALID, "key `%.*s` is there twice", STR_FMT(k->name));
    if (k->rpm && !(k->rate = key_rate_new()))
        return err_set(e, ERR_NOMEM, "keys");
    ring->count++;
    return 0;
}

static int read_root(struct keyring *ring, const struct json_node *root, struct err *e)
{
    int64_t version = 0;
    const struct json_node *keys = json_get(root, "keys");
    if (root->type != JSON_OBJECT || !json_get_i64(root, "version", &version) || version < 1)
        return err_set(e, ERR_INVALID, "it is no file of keys: an object with `version` and `keys` was expected");
    if (version > 1)
        return err_set(e, ERR_UNSUPPORTED, "it was made by a newer Hearth (version %lld)", (long long)version);
    if (root->count != 2 || !keys || keys->type != JSON_ARRAY)
        return err_set(e, ERR_INVALID, "it is no file of keys: an object with `version` and `keys` was expected");
    if (keys->count > KEYRING_KEYS_MAX)
        return err_set(e, ERR_LIMIT, "more than %d keys", KEYRING_KEYS_MAX);
    ring->key = arena_new_array(&ring->arena, struct key, (size_t)keys->count + 1);
    if (!ring->key)
        return err_set(e, ERR_NOMEM, "keys");
    for (const struct json_node *n = keys->child; n; n = n->next) {
        int rc = read_key(ring, n, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static struct keyring *ring_new(void)
{
    struct keyring *ring = new0(struct keyring);
    if (ring) {
        ring->arena = ARENA_INIT(RING_ARENA_MAX);
        atomic_init(&ring->refs, 1);
    }
    return ring;
}

int keyring_read(struct keyring **out, struct str json, struct err *e)
{
    struct arena scratch = ARENA_INIT(RING_ARENA_MAX);
    struct json_node *root;
    struct keyring *ring = ring_new();
    int rc = ring ? json_parse(&scratch, json, &root, e) : err_set(e, ERR_NOMEM, "keys");
    if (rc == 0)
        rc = read_root(ring, root, e);
    arena_fini(&scratch);
    if (rc < 0)
        keyring_unref(ring);
    else
        *out = ring;
    return rc;
}

int keyring_load(struct keyring **out, struct str data_dir, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(KEYRING_FILE_BYTES_MAX);
    struct err why = {0};
    int rc = keyring_file_read(&text, data_dir, &why);
    if (rc == 0)
        rc = keyring_read(out, text.len ? buf_str(&text) : STR("{\"version\":1,\"keys\":[]}"), &why);
    return rc == 0 ? 0 : err_set(e, rc, "%.*s/" KEYS_FILE ": %s", STR_FMT(data_dir), why.text);
}

/* --- a snapshot ----------------------------------------------------------------------------------------------------------- */

struct keyring *keyring_ref(struct keyring *k)
{
    atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
    return k;
}

void keyring_unref(struct keyring *k)
{
    if (!k || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) > 1)
        return; /* the release of every other holder pairs with the acquire of the last */
    for (size_t i = 0; i < k->count; i++)
        key_rate_unref(k->key[i].rate);
    arena_fini(&k->arena);
    mem_free(k);
}

size_t keyring_count(const struct keyring *k)
{
    return k->count;
}

const struct key *keyring_at(const struct keyring *k, size_t i)
{
    return &k->key[i];
}

/* No branch depends on where two digests differ: CRYPTO_memcmp eight bytes at a time, for there are many to compare with. */
static bool digest_eq(const uint8_t a[KEY_DIGEST_BYTES], const uint8_t b[KEY_DIGEST_BYTES])
{
    uint64_t x[KEY_DIGEST_BYTES / 8], y[KEY_DIGEST_BYTES / 8], differ = 0;
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    for (size_t i = 0; i < COUNT_OF(x); i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}

const struct key *keyring_find(const struct keyring *k, const uint8_t digest[KEY_DIGEST_BYTES])
{
    const struct key *found = NULL;
    for (size_t i = 0; i < k->count; i++)
        if (digest_eq(k->key[i].digest, digest))
            found = &k->key[i];
    return found;
}

const struct key *keyring_named(const struct keyring *k, struct str name)
{
    for (size_t i = 0; i < k->count; i++)
        if (!k->key[i].revoked_ms && str_eq(k->key[i].name, name))
            return &k->key[i];
    return NULL;
}

void keyring_inherit(struct keyring *k, const struct keyring *old)
{
    for (size_t i = 0; i < k->count; i++) {
        const struct key *before = k->key[i].rate ? keyring_find(old, k->key[i].digest) : NULL;
        if (!before || !before->rate)
            continue;
        key_rate_unref(k->key[i].rate);
        k->key[i].rate = key_rate_ref(before->rate);
    }
}

/* --- writing ----------------------------------------------------------------------------------------------------------------- */

static void write_list(struct json_writer *w, const char *name, const struct str *item, int count)
{
    json_key(w, name);
    json_array_begin(w);
    for (int i = 0; i < count; i++)
        json_str(w, item[i]);
    json_array_end(w);
}

static void write_tags(struct json_writer *w, struct str tags)
{
    struct str item[KEY_TAGS_MAX];
    int count = 0;
    while (count < KEY_TAGS_MAX && str_cut(&tags, ',', &item[count]))
        count++;
    write_list(w, "tags", item, count);
}

static void write_key(struct json_writer *w, const struct key *k)
{
    char digest[2 * KEY_DIGEST_BYTES + 1];
    for (size_t i = 0; i < KEY_DIGEST_BYTES; i++)
        text_format(digest + 2 * i, 3, "%02x", k->digest[i]);
    json_object_begin(w);
    json_key(w, "name");
    json_str(w, k->name);
    json_key(w, "sha256");
    json_text(w, digest);
    json_key(w, "created_ms");
    json_i64(w, k->created_ms);
    if (k->adopted) {
        json_key(w, "adopted");
        json_bool(w, true);
    }
    if (k->home) {
        json_key(w, "boundary");
        json_text(w, "home");
    }
    if (k->job_count)
        write_list(w, "jobs", k->job, k->job_count);
    if (k->tags.len)
        write_tags(w, k->tags);
    if (k->rpm) {
        json_key(w, "rpm");
        json_i64(w, k->rpm);
    }
    if (k->revoked_ms) {
        json_key(w, "revoked_ms");
        json_i64(w, k->revoked_ms);
    }
    json_object_end(w);
}

int keyring_write(struct buf *out, const struct key *key, size_t count)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "version");
    json_i64(&w, 1);
    json_key(&w, "keys");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        write_key(&w, &key[i]);
    json_array_end(&w);
    json_object_end(&w);
    int rc = json_done(&w);
    return rc ? rc : buf_append_char(out, '\n');
}

void key_show(struct json_writer *w, const struct key *k, struct str secret)
{
    char created[CIVIL_ISO_BYTES];
    json_object_begin(w);
    json_key(w, "name");
    json_str(w, k->name);
    if (secret.len) {
        json_key(w, "key");
        json_str(w, secret);
    }
    json_key(w, "adopted");
    json_bool(w, k->adopted);
    json_key(w, "boundary");
    json_text(w, k->home ? "home" : "any");
    write_list(w, "jobs", k->job, k->job_count);
    write_tags(w, k->tags);
    json_key(w, "rpm");
    k->rpm ? json_i64(w, k->rpm) : json_null(w);
    json_key(w, "created");
    if (k->created_ms) {
        civil_iso(k->created_ms, created);
        json_text(w, created);
    } else {
        json_null(w); /* `default` comes from the environment */
    }
    json_object_end(w);
}
