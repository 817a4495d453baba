/* keyring.h: the keys of a data folder: who may call, what each key may ask for, and how often.
 *
 * They lie in DATA/keys.json (mode 0600, replaced as a whole), each as the SHA-256 of its secret; the secret itself is
 * nowhere. A `struct keyring` is what one such file said: it never changes, is shared by reference, and is safe from any
 * thread. The edits below take the folder's key lock, so that several at once lose nothing; they work beside a running
 * daemon, which notices the new file, and they block on the disk. Format and rules: docs/internals/keys.md. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum {
    KEY_DIGEST_BYTES = 32, /* SHA-256 */
    KEY_NAME_BYTES_MAX = 64,
    KEY_SECRET_BYTES_MIN = 6, /* LiteLLM's own example is `sk-1234`; what is short is warned about */
    KEY_SECRET_BYTES_MAX = 1024,
    KEY_SECRET_SHORT = 20, /* below this a secret can be guessed */
    KEY_JOBS_MAX = 64,
    KEY_JOB_BYTES_MAX = 128,
    KEY_TAGS_MAX = 8, /* a call may add 16 of its own */
    KEY_TAG_BYTES_MAX = 64,
    KEY_RPM_MAX = 1000000,
    KEYRING_KEYS_MAX = 1000, /* every one is compared with at each call, in constant time */
    KEYRING_FILE_BYTES_MAX = 4 << 20,
};

struct key_rate; /* the calls of the last minute of one key; shared by all loops, outlives a snapshot */

struct key {
    struct str name;
    uint8_t digest[KEY_DIGEST_BYTES];
    bool adopted;          /* brought along from elsewhere: does not begin with hearth_ */
    bool home;             /* boundary of all its calls */
    const struct str *job; /* what it may ask for; job_count 0: everything */
    int job_count;
    struct str tags; /* "a,b": on all its calls */
    int64_t rpm;     /* calls a minute; 0: as many as it likes */
    int64_t created_ms;
    int64_t revoked_ms;    /* an adopted key that was revoked is remembered, or it would pass for a vendor's; else 0 */
    struct key_rate *rate; /* NULL without rpm */
};

struct keyring;
/* Reads what a keys.json holds. Everything in it must be known and in range: a limit that is not understood would be no
 * limit. ERR_SYNTAX, ERR_INVALID, ERR_UNSUPPORTED (a newer version), ERR_LIMIT, ERR_NOMEM. */
int keyring_read(struct keyring **out, struct str json, struct err *e);
int keyring_load(struct keyring **out, struct str data_dir, struct err *e); /* no file: no keys */
struct keyring *keyring_ref(struct keyring *k);
void keyring_unref(struct keyring *k);         /* NULL is fine */
size_t keyring_count(const struct keyring *k); /* revoked ones included */
const struct key *keyring_at(const struct keyring *k, size_t i);
/* By the digest of a shown secret, revoked ones too; takes the same time whatever it finds. */
const struct key *keyring_find(const struct keyring *k, const uint8_t digest[KEY_DIGEST_BYTES]);
const struct key *keyring_named(const struct keyring *k, struct str name); /* not the revoked ones */
/* `k`, not yet shared, goes on counting where `old` stands. */
void keyring_inherit(struct keyring *k, const struct keyring *old);
int keyring_write(struct buf *out, const struct key *key, size_t count); /* the file's text */

int key_digest(struct str secret, uint8_t out[KEY_DIGEST_BYTES]); /* 0 or ERR_NOMEM */
/* What clients send when no key is needed (`ollama`, `EMPTY`, ...); nothing at all, too. */
bool key_is_placeholder(struct str secret);
/* An object with what people may know of a key, as `hearth keys list --json` and the admin API show it; `secret` (may be
 * empty) is given once, when it is made. */
void key_show(struct json_writer *w, const struct key *k, struct str secret);

/* --- counting (keyring_rate.c) ---------------------------------------------------------------------------------------- */

struct key_rate *key_rate_new(void);
struct key_rate *key_rate_ref(struct key_rate *r);
void key_rate_unref(struct key_rate *r);
/* 0: counted, go on. Else for how many ms no further call is let in. Never lets more than rpm through in any 60 s. */
int64_t key_rate_take(struct key_rate *r, int64_t rpm, int64_t now_ms);

/* --- edits (keyring_edit.c) -------------------------------------------------------------------------------------------- */

struct key_wish {
    struct str name;
    struct str secret;     /* to adopt; empty: a new one is made */
    struct str jobs, tags; /* "a,b"; empty: any job, no tags */
    bool home;
    int64_t rpm;
};
/* NULL when all is well, else which rule of names, jobs, tags, rpm or secrets it breaks. */
const char *key_wish_problem(const struct key_wish *w);
/* {"name", "jobs", "tags": [..], "boundary", "rpm"}; the texts go into the arena. ERR_INVALID and ERR_SYNTAX tell what is wrong
 * with it. */
int key_wish_read(struct key_wish *w, struct arena *a, struct str json, struct err *e);
/* ERR_EXISTS for a name or a secret that is taken, ERR_INVALID, ERR_LIMIT, ERR_BUSY (the lock), ERR_IO. `secret` gets the
 * new key when one was made. */
int keyring_add(struct str data_dir, const struct key_wish *w, struct buf *secret, struct err *e);
/* A new secret for what an old one may do; the old one ends. */
int keyring_rotate(struct str data_dir, struct str name, struct buf *secret, struct err *e);
int keyring_revoke(struct str data_dir, struct str name, struct err *e); /* ERR_NOT_FOUND */
/* The digest of the admin API's token; makes DATA/admin-token (0600) when there is none. */
int admin_token_load(uint8_t digest[KEY_DIGEST_BYTES], struct str data_dir, struct err *e);
/* What tells that the file was replaced; 0 when there is none. */
struct keyring_stamp {
    uint64_t inode;
    int64_t changed_ns, size;
};
void keyring_stamp(struct keyring_stamp *out, struct str data_dir);
