/* test_keyring.c: the file of keys, read strictly and written back; edits that lose nothing; counting calls a minute. */
#include "gateway/keyring_priv.h"
#include "ledger_kit.h"
#include "test.h"
#include <pthread.h>

#define D1 "1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "2222222222222222222222222222222222222222222222222222222222222222"
#define KEY(name, digest, more) "{\"name\":\"" name "\",\"sha256\":\"" digest "\",\"created_ms\":1" more "}"
#define FILE_OF(keys) "{\"version\":1,\"keys\":[" keys "]}"

/* --- the file ------------------------------------------------------------------------------------------------------------ */

TEST(a_file_of_keys_is_written_as_it_was_read)
{
    static const char *const files[] = {
        FILE_OF("") "\n",
        FILE_OF(KEY("web", D1, "")) "\n",
        FILE_OF(KEY("a", D1,
                    ",\"adopted\":true,\"boundary\":\"home\",\"jobs\":[\"bulk\",\"a.b\"],\"tags\":[\"x\",\"Y:z\"],"
                    "\"rpm\":60") "," KEY("b", D2, ",\"adopted\":true,\"revoked_ms\":2")) "\n",
        FILE_OF(KEY("a", D1, ",\"adopted\":true,\"revoked_ms\":2") "," KEY("a", D2, "")) "\n",
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct keyring *k;
        struct err e = {0};
        AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
        if (keyring_read(&k, str_from(files[i]), &e) < 0) {
            test_fail(__FILE__, __LINE__, "%s: %s", files[i], e.text);
            continue;
        }
        EXPECT_I64(keyring_write(&out, keyring_at(k, 0), keyring_count(k)), 0);
        EXPECT_STR(buf_str(&out), files[i]);
        keyring_unref(k);
    }
}

TEST(what_a_file_of_keys_says_is_in_its_keys)
{
    struct keyring *k;
    REQUIRE(keyring_read(
                &k,
                STR(FILE_OF(KEY(
                    "a", D1, ",\"boundary\":\"home\",\"jobs\":[\"bulk\",\"fast\"],\"tags\":[\"x\",\"y\"],\"rpm\":7"))),
                NULL) == 0);
    const struct key *a = keyring_named(k, STR("a"));
    REQUIRE(a != NULL);
    EXPECT(a->home && !a->adopted && a->rpm == 7 && a->rate && a->job_count == 2 && !a->revoked_ms);
    EXPECT_STR(a->job[1], "fast");
    EXPECT_STR(a->tags, "x,y");
    uint8_t digest[KEY_DIGEST_BYTES];
    memset(digest, 0x11, sizeof digest);
    EXPECT(keyring_find(k, digest) == a);
    digest[31] ^= 1;
    EXPECT(keyring_find(k, digest) == NULL);
    EXPECT(keyring_named(k, STR("b")) == NULL);
    keyring_unref(k);
}

TEST(a_file_of_keys_with_anything_unknown_or_out_of_range_is_refused)
{
    static const char *const files[] = {
        "",
        "[]",
        "{}",
        "{\"version\":1}",
        "{\"keys\":[]}",
        "{\"version\":0,\"keys\":[]}",
        "{\"version\":2,\"keys\":[]}",
        "{\"version\":1,\"keys\":{}}",
        "{\"version\":1,\"keys\":[],\"more\":1}",
        "{\"version\":1,\"keys\":[]} x",
        "{\"version\":1,\"version\":1,\"keys\":[]}",
        FILE_OF("1"),
        FILE_OF("{}"),
        FILE_OF("{\"name\":\"a\",\"sha256\":\"" D1 "\"}"),
        FILE_OF("{\"name\":\"a\",\"created_ms\":1}"),
        FILE_OF(KEY("A", D1, "")),
        FILE_OF(KEY("", D1, "")),
        FILE_OF(KEY("default", D1, "")),
        FILE_OF(KEY("-a", D1, "")),
        FILE_OF(KEY("a b", D1, "")),
        FILE_OF(KEY("a\\u0000", D1, "")),
        FILE_OF(KEY("a", "11", "")),
        FILE_OF(KEY("a", D1 "0", "")),
        FILE_OF(KEY("a", "G111111111111111111111111111111111111111111111111111111111111111", "")),
        FILE_OF(KEY("a", "A111111111111111111111111111111111111111111111111111111111111111", "")),
        FILE_OF(KEY("a", D1, ",\"rpm\":0")),
        FILE_OF(KEY("a", D1, ",\"rpm\":1000001")),
        FILE_OF(KEY("a", D1, ",\"rpm\":\"5\"")),
        FILE_OF(KEY("a", D1, ",\"rpm\":1.5")),
        FILE_OF(KEY("a", D1, ",\"boundary\":\"any\"")),
        FILE_OF(KEY("a", D1, ",\"boundary\":\"hom\"")),
        FILE_OF(KEY("a", D1, ",\"adopted\":false")),
        FILE_OF(KEY("a", D1, ",\"jobs\":[]")),
        FILE_OF(KEY("a", D1, ",\"jobs\":[\"A\"]")),
        FILE_OF(KEY("a", D1, ",\"jobs\":[1]")),
        FILE_OF(KEY("a", D1, ",\"jobs\":\"a\"")),
        FILE_OF(KEY("a", D1, ",\"tags\":[\"a b\"]")),
        FILE_OF(KEY("a", D1, ",\"tags\":[\"a,b\"]")),
        FILE_OF(KEY("a", D1, ",\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]")),
        FILE_OF(KEY("a", D1, ",\"until\":5")),
        FILE_OF(KEY("a", D1, ",\"revoked_ms\":-1")),
        FILE_OF(KEY("a", D1, ",\"name\":\"b\"")),
        FILE_OF(KEY("a", D1, "") "," KEY("a", D2, "")),
        FILE_OF(KEY("a", D1, "") "," KEY("b", D1, "")),
        FILE_OF(KEY("a", D1, ",\"adopted\":true,\"revoked_ms\":1") "," KEY("b", D1, "")),
    };
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct keyring *k = NULL;
        struct err e = {0};
        int rc = keyring_read(&k, str_from(files[i]), &e);
        if (rc == 0)
            test_fail(__FILE__, __LINE__, "it was taken: %s", files[i]);
        else if (!e.text[0] || rc == ERR_NOMEM)
            test_fail(__FILE__, __LINE__, "no story for: %s", files[i]);
        if (rc == 0)
            keyring_unref(k);
    }
}

static int read_tortured(void *ctx)
{
    (void)ctx;
    struct keyring *k;
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    int rc = keyring_read(
        &k,
        STR(FILE_OF(KEY("a", D1, ",\"adopted\":true,\"jobs\":[\"bulk\"],\"tags\":[\"x\",\"y\"],\"rpm\":60") "," KEY(
            "b", D2, ""))),
        NULL);
    if (rc < 0)
        return rc;
    rc = keyring_write(&out, keyring_at(k, 0), keyring_count(k));
    keyring_unref(k);
    return rc;
}

TEST(reading_keys_survives_every_allocation_that_fails)
{
    (void)test_torture("keyring_read", read_tortured, NULL);
}

/* --- placeholders and rules ------------------------------------------------------------------------------------------------- */

TEST(what_clients_send_without_a_key_is_a_placeholder_and_no_password_is)
{
    static const char *const are[] = {"",     "ollama",    "EMPTY", "empty",     "sk-no-key-required", "none",   "None",
                                      "null", "undefined", "dummy", "lm-studio", "not-needed",         "no-key", "-"};
    static const char *const are_not[] = {"sk-1234",      "token-abc123", "hearth_x", "ollama2",
                                          "sk-ant-api03", "password",     "anything", "admin"};
    for (size_t i = 0; i < COUNT_OF(are); i++)
        if (!key_is_placeholder(str_from(are[i])))
            test_fail(__FILE__, __LINE__, "`%s` is none", are[i]);
    for (size_t i = 0; i < COUNT_OF(are_not); i++)
        if (key_is_placeholder(str_from(are_not[i])))
            test_fail(__FILE__, __LINE__, "`%s` is one", are_not[i]);
}

TEST(a_wish_in_json_is_read_or_refused_with_its_reason)
{
    static const struct {
        const char *json, *says; /* NULL: it is taken */
    } rows[] = {
        {"{\"name\":\"web\"}", NULL},
        {"{\"name\":\"web\",\"jobs\":[\"a\",\"b\"],\"tags\":[\"t\"],\"boundary\":\"home\",\"rpm\":5}", NULL},
        {"{\"name\":\"web\",\"jobs\":[],\"tags\":[],\"boundary\":\"any\"}", NULL},
        {"{}", "a name"},
        {"[]", "object"},
        {"{\"name\":1}", "`name`"},
        {"{\"name\":\"W\"}", "a name"},
        {"{\"name\":\"default\"}", "HEARTH_KEY"},
        {"{\"name\":\"web\",\"key\":\"x\"}", "cannot be set over HTTP"},
        {"{\"name\":\"web\",\"url\":\"x\"}", "cannot be set over HTTP"},
        {"{\"name\":\"web\",\"run\":\"x\"}", "cannot be set over HTTP"},
        {"{\"name\":\"web\",\"from\":\"env:X\"}", "cannot be set over HTTP"},
        {"{\"name\":\"web\",\"sha256\":\"x\"}", "cannot be set over HTTP"},
        {"{\"name\":\"web\",\"jobs\":[\"a,b\"]}", "list of texts"},
        {"{\"name\":\"web\",\"jobs\":\"a\"}", "list of texts"},
        {"{\"name\":\"web\",\"rpm\":0}", "`rpm`"},
        {"{\"name\":\"web\",\"rpm\":-1}", "`rpm`"},
        {"{\"name\":\"web\",\"rpm\":1000001}", "minute"},
        {"{\"name\":\"web\",\"boundary\":\"house\"}", "`boundary`"},
        {"{\"name\":\"web\",\"adopted\":true}", "not known here"},
        {"{", ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena a = ARENA_INIT(1 * MiB);
        struct key_wish w;
        struct err e = {0};
        int rc = key_wish_read(&w, &a, str_from(rows[i].json), &e);
        if ((rc == 0) != (rows[i].says == NULL) || (rc < 0 && !strstr(e.text, rows[i].says)))
            test_fail(__FILE__, __LINE__, "%s: %d %s", rows[i].json, rc, e.text);
        arena_fini(&a);
    }
}

/* --- edits ------------------------------------------------------------------------------------------------------------------- */

static struct str dir_str(const struct kit_dir *d)
{
    return str_from(d->path);
}

TEST(a_new_key_is_random_and_only_its_hash_is_kept)
{
    struct kit_dir d = kit_dir_make();
    AUTO_BUF struct buf one = BUF_INIT(256), two = BUF_INIT(256), file = BUF_INIT(1 * MiB);
    char path[256];
    struct stat st;
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("one")}, &one, NULL), 0);
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("two")}, &two, NULL), 0);
    EXPECT(str_starts(buf_str(&one), STR("hearth_")) && one.len == 7 + 64 && !str_eq(buf_str(&one), buf_str(&two)));
    kit_join(path, d.path, "keys.json");
    EXPECT(buf_read_file(&file, path, NULL) == 0 && str_find(buf_str(&file), str_skip(buf_str(&one), 7)) < 0);
    EXPECT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    struct keyring *k;
    uint8_t digest[KEY_DIGEST_BYTES];
    REQUIRE(keyring_load(&k, dir_str(&d), NULL) == 0);
    EXPECT_I64(key_digest(buf_str(&two), digest), 0);
    EXPECT(keyring_find(k, digest) == keyring_named(k, STR("two")));
    keyring_unref(k);
    kit_remove(d.path);
}

TEST(a_revoked_adopted_key_is_remembered_and_a_made_one_is_gone)
{
    struct kit_dir d = kit_dir_make();
    AUTO_BUF struct buf secret = BUF_INIT(256);
    struct keyring *k;
    uint8_t digest[KEY_DIGEST_BYTES];
    struct key_wish old = {.name = STR("old"), .secret = STR("sk-0123456789"), .tags = STR("t"), .rpm = 5};
    EXPECT_I64(keyring_add(dir_str(&d), &old, &secret, NULL), 0);
    EXPECT_I64(secret.len, 0);
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("made")}, &secret, NULL), 0);
    old.name = STR("other");
    EXPECT_I64(keyring_add(dir_str(&d), &old, &secret, NULL), ERR_EXISTS);
    EXPECT_I64(keyring_revoke(dir_str(&d), STR("old"), NULL), 0);
    EXPECT_I64(keyring_revoke(dir_str(&d), STR("old"), NULL), ERR_NOT_FOUND);
    EXPECT_I64(keyring_revoke(dir_str(&d), STR("made"), NULL), 0);
    REQUIRE(keyring_load(&k, dir_str(&d), NULL) == 0);
    EXPECT_I64(keyring_count(k), 1);
    EXPECT_I64(key_digest(STR("sk-0123456789"), digest), 0);
    EXPECT(keyring_find(k, digest) && keyring_find(k, digest)->revoked_ms && !keyring_named(k, STR("old")));
    keyring_unref(k);
    EXPECT_I64(keyring_add(dir_str(&d), &old, &secret, NULL), 0); /* taken back */
    REQUIRE(keyring_load(&k, dir_str(&d), NULL) == 0);
    EXPECT(keyring_count(k) == 1 && keyring_named(k, STR("other")) == keyring_find(k, digest));
    keyring_unref(k);
    kit_remove(d.path);
}

enum { ADDERS = 4, ADDS = 10 };

struct adder {
    const char *dir;
    int number, failed;
};

static void *add_many(void *arg)
{
    struct adder *a = arg;
    for (int i = 0; i < ADDS; i++) {
        char name[32];
        AUTO_BUF struct buf secret = BUF_INIT(256);
        text_format(name, sizeof name, "k%d-%d", a->number, i);
        a->failed += keyring_add(str_from(a->dir), &(struct key_wish){.name = str_from(name)}, &secret, NULL) != 0;
    }
    return NULL;
}

TEST(keys_added_at_the_same_time_are_all_there)
{
    struct kit_dir d = kit_dir_make();
    pthread_t thread[ADDERS];
    struct adder adder[ADDERS];
    struct keyring *k;
    for (int i = 0; i < ADDERS; i++) {
        adder[i] = (struct adder){.dir = d.path, .number = i};
        REQUIRE(pthread_create(&thread[i], NULL, add_many, &adder[i]) == 0);
    }
    for (int i = 0; i < ADDERS; i++) {
        (void)pthread_join(thread[i], NULL);
        EXPECT_I64(adder[i].failed, 0);
    }
    REQUIRE(keyring_load(&k, dir_str(&d), NULL) == 0);
    EXPECT_I64(keyring_count(k), ADDERS * ADDS);
    keyring_unref(k);
    kit_remove(d.path);
}

TEST(an_edit_that_cannot_be_written_leaves_the_keys_as_they_were)
{
    struct kit_dir d = kit_dir_make();
    AUTO_BUF struct buf secret = BUF_INIT(256);
    struct keyring *k;
    char path[256];
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("one")}, &secret, NULL), 0);
    kit_join(path, d.path, "keys.json.new");
    EXPECT_I64(mkdir(path, 0700), 0); /* in the way of the new file */
    buf_clear(&secret);
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("two")}, &secret, NULL), ERR_IO);
    EXPECT_I64(secret.len, 0);
    EXPECT_I64(keyring_revoke(dir_str(&d), STR("one"), NULL), ERR_IO);
    REQUIRE(keyring_load(&k, dir_str(&d), NULL) == 0);
    EXPECT(keyring_count(k) == 1 && keyring_named(k, STR("one")));
    keyring_unref(k);
    kit_remove(d.path);
}

TEST(a_leftover_of_an_edit_that_died_is_no_obstacle)
{
    struct kit_dir d = kit_dir_make();
    AUTO_BUF struct buf secret = BUF_INIT(256);
    char path[256];
    kit_join(path, d.path, "keys.json.new");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(fd >= 0 && write(fd, "{\"vers", 6) == 6);
    close(fd);
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("one")}, &secret, NULL), 0);
    EXPECT(!kit_exists(d.path, "keys.json.new"));
    kit_remove(d.path);
}

TEST(the_file_is_full_at_its_limit_and_says_so)
{
    struct kit_dir d = kit_dir_make();
    AUTO_BUF struct buf text = BUF_INIT(KEYRING_FILE_BYTES_MAX), secret = BUF_INIT(256);
    char path[256];
    struct err e = {0};
    (void)buf_append_text(&text, "{\"version\":1,\"keys\":[");
    for (int i = 0; i < KEYRING_KEYS_MAX; i++)
        EXPECT(buf_append_format(&text, "%s{\"name\":\"k%d\",\"sha256\":\"%064d\",\"created_ms\":1}", i ? "," : "", i,
                                 i) == 0);
    (void)buf_append_text(&text, "]}");
    kit_join(path, d.path, "keys.json");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
    close(fd);
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("more")}, &secret, &e), ERR_LIMIT);
    EXPECT(strstr(e.text, "1000"));
    EXPECT_I64(keyring_revoke(dir_str(&d), STR("k7"), NULL), 0);
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("more")}, &secret, &e), 0);
    kit_remove(d.path);
}

static int edit_tortured(void *ctx)
{
    const struct kit_dir *d = ctx;
    AUTO_BUF struct buf secret = BUF_INIT(256);
    struct key_wish w = {.name = STR("one"), .jobs = STR("a,b"), .tags = STR("t"), .rpm = 3};
    char path[256];
    kit_join(path, d->path, "keys.json");
    (void)unlink(path); /* of the round before, if it came that far */
    int rc = keyring_add(dir_str(d), &w, &secret, NULL);
    if (rc == 0)
        rc = keyring_rotate(dir_str(d), STR("one"), &secret, NULL);
    return rc ? rc : keyring_revoke(dir_str(d), STR("one"), NULL);
}

TEST(edits_survive_every_allocation_that_fails)
{
    struct kit_dir d = kit_dir_make();
    (void)test_torture("keyring_add", edit_tortured, &d);
    kit_remove(d.path);
}

TEST(what_is_made_in_a_folder_belongs_to_the_owner_of_the_folder)
{
    static const char *const files[] = {"keys.json", "keys.lock", "admin-token"};
    enum { NOBODY = 65534 };
    struct kit_dir d = kit_dir_make();
    AUTO_BUF struct buf secret = BUF_INIT(256);
    uint8_t digest[KEY_DIGEST_BYTES];
    struct stat dir, st;
    EXPECT(geteuid() != 0 || chown(d.path, NOBODY, NOBODY) == 0);
    EXPECT_I64(keyring_add(dir_str(&d), &(struct key_wish){.name = STR("one")}, &secret, NULL), 0);
    EXPECT_I64(admin_token_load(digest, dir_str(&d), NULL), 0);
    REQUIRE(stat(d.path, &dir) == 0);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[256];
        kit_join(path, d.path, files[i]);
        EXPECT(stat(path, &st) == 0 && st.st_uid == dir.st_uid && st.st_gid == dir.st_gid);
    }
    kit_remove(d.path);
}

TEST(the_admin_token_is_made_once_and_for_the_owner_only)
{
    struct kit_dir d = kit_dir_make();
    uint8_t first[KEY_DIGEST_BYTES], again[KEY_DIGEST_BYTES];
    char path[256];
    struct stat st;
    struct err e = {0};
    EXPECT_I64(admin_token_load(first, dir_str(&d), &e), 0);
    EXPECT_I64(admin_token_load(again, dir_str(&d), &e), 0);
    EXPECT(memcmp(first, again, sizeof first) == 0);
    kit_join(path, d.path, "admin-token");
    EXPECT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600 && !kit_exists(d.path, "admin-token.new"));
    EXPECT_I64(truncate(path, 10), 0);
    EXPECT_I64(admin_token_load(again, dir_str(&d), &e), ERR_INVALID);
    kit_remove(d.path);
}

/* --- counting ------------------------------------------------------------------------------------------------------------------ */

TEST(a_key_has_its_calls_a_minute_and_the_next_when_the_first_are_a_minute_old)
{
    struct key_rate *r = key_rate_new();
    EXPECT_I64(key_rate_take(r, 2, 100000), 0);
    EXPECT_I64(key_rate_take(r, 2, 130500), 0);
    EXPECT_I64(key_rate_take(r, 2, 130600), 161000 - 130600);
    EXPECT_I64(key_rate_take(r, 2, 160999), 1);
    EXPECT_I64(key_rate_take(r, 2, 161000), 0);
    EXPECT_I64(key_rate_take(r, 2, 161001), 191000 - 161001);
    EXPECT_I64(key_rate_take(r, 2, 500000), 0);
    EXPECT_I64(key_rate_take(r, 1, 500001), 561000 - 500001);
    key_rate_unref(r);
}

/* Against the plain definition: of all calls let in, no 60 s hold more than the limit; and a refusal's wait is true. */
TEST(no_sixty_seconds_hold_more_than_the_limit)
{
    enum { LIMIT = 7, CALLS = 20000 };
    static int64_t let_in[CALLS];
    struct key_rate *r = key_rate_new();
    struct rng rng;
    int count = 0;
    int64_t now = 5, allowed_from = 0;
    rng_seed(&rng, 7);
    for (int i = 0; i < CALLS; i++) {
        now += (int64_t)rng_below(&rng, 9000);
        int64_t wait = key_rate_take(r, LIMIT, now);
        EXPECT(wait >= 0 && wait <= 61000 && (wait == 0 || now + wait >= allowed_from));
        if (wait) {
            allowed_from = now + wait;
            continue;
        }
        EXPECT(now >= allowed_from);
        let_in[count++] = now;
        if (count > LIMIT)
            EXPECT(let_in[count - 1] - let_in[count - 1 - LIMIT] > 60000);
    }
    EXPECT(count > CALLS / 3);
    key_rate_unref(r);
}

TEST(a_new_file_of_keys_goes_on_counting_where_the_old_one_stood)
{
    struct keyring *old, *new;
    REQUIRE(keyring_read(&old, STR(FILE_OF(KEY("a", D1, ",\"rpm\":2"))), NULL) == 0);
    REQUIRE(keyring_read(&new, STR(FILE_OF(KEY("b", D2, ",\"rpm\":2") "," KEY("a", D1, ",\"rpm\":2"))), NULL) == 0);
    EXPECT_I64(key_rate_take(keyring_at(old, 0)->rate, 2, 1000), 0);
    EXPECT_I64(key_rate_take(keyring_at(old, 0)->rate, 2, 1000), 0);
    keyring_inherit(new, old);
    keyring_unref(old);
    EXPECT(key_rate_take(keyring_named(new, STR("a"))->rate, 2, 1000) > 0);
    EXPECT_I64(key_rate_take(keyring_named(new, STR("b"))->rate, 2, 1000), 0);
    keyring_unref(new);
}
