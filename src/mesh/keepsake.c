/* keepsake.c: what an upstream said beside calls of tools, kept for when it wants to read it again; see mesh_priv.h.
 *
 * A table of its own for each upstream, so that nothing in it can reach another one; shared by the loops, and with the same
 * upstream of the next config. What is found comes to the end of the line; what is too old, or too much, goes from its front.
 * It is in memory only. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include <assert.h>
#include <openssl/evp.h>

enum { BUCKETS = 1024 };
static_assert(KEEPSAKE_COUNT_MAX <= 8 * BUCKETS, "short chains");

struct kept {
    struct kept *chain;          /* in its bucket */
    struct kept *before, *after; /* in the line, by when they were put or found last */
    uint8_t digest[KEEPSAKE_DIGEST_BYTES];
    int64_t seen_ms;
    atomic_int refs;
    struct keepsake what; /* the texts stand behind */
    size_t bytes;
};
struct keepsakes {
    atomic_int refs;
    atomic_flag lock; /* guards what follows; held for a few instructions, and while old ones are taken out */
    struct kept *bucket[BUCKETS];
    struct kept *oldest, *newest;
    size_t bytes;
    int count;
};

static void lock(struct keepsakes *k)
{
    while (atomic_flag_test_and_set_explicit(&k->lock, memory_order_acquire))
        ; /* pairs with the clear in unlock */
}

static void unlock(struct keepsakes *k)
{
    atomic_flag_clear_explicit(&k->lock, memory_order_release);
}

struct keepsakes *keepsakes_new(void)
{
    struct keepsakes *k = new0(struct keepsakes);
    if (k)
        atomic_init(&k->refs, 1);
    return k;
}

struct keepsakes *keepsakes_ref(struct keepsakes *k)
{
    if (k)
        atomic_fetch_add(&k->refs, 1);
    return k;
}

static void kept_unref(struct kept *p)
{
    if (atomic_fetch_sub(&p->refs, 1) == 1) {
        explicit_bzero(p, p->bytes);
        mem_free(p);
    }
}

void keepsakes_unref(struct keepsakes *k)
{
    if (!k || atomic_fetch_sub(&k->refs, 1) != 1)
        return;
    for (struct kept *p = k->oldest, *after; p; p = after) {
        after = p->after;
        kept_unref(p);
    }
    mem_free(k);
}

/* --- whose it is ------------------------------------------------------------------------------------------------------------- */

static bool add(EVP_MD_CTX *md, struct str text)
{
    uint64_t len = text.len; /* in front, so that no two lists of texts look alike */
    return EVP_DigestUpdate(md, &len, sizeof len) == 1 && (!len || EVP_DigestUpdate(md, text.ptr, text.len) == 1);
}

/* JSON without its blanks and escapes, as clients write it anew; what is none, as it stands. */
static struct str plain_arguments(struct str json, struct buf *out)
{
    bool text = false;
    int rc = 0;
    if (str_trim(json).len == 0)
        json = STR("{}");
    if (json_check(json, NULL) < 0)
        return json;
    for (size_t i = 0; i < json.len && rc == 0; i++) {
        char c = json.ptr[i];
        bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (c == '"' && !text) {
            size_t end = i + 1;
            while (json.ptr[end] != '"')
                end += json.ptr[end] == '\\' ? 2 : 1;
            rc = buf_append_char(out, '"');
            rc = rc ? rc : json_unescape(str_slice(json, i + 1, end), out);
            rc = rc ? rc : buf_append_char(out, '"');
            i = end;
        } else if (!blank) {
            rc = buf_append_char(out, c);
        }
    }
    return rc ? json : buf_str(out);
}

bool keepsake_digest(uint8_t out[KEEPSAKE_DIGEST_BYTES], struct str key, struct str credential, struct str id, struct str arguments)
{
    AUTO_BUF struct buf plain = BUF_INIT(2 * arguments.len + 64);
    uint8_t whole[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool fine = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 && add(md, key) && add(md, credential) && add(md, id) &&
                add(md, plain_arguments(arguments, &plain)) && EVP_DigestFinal_ex(md, whole, NULL) == 1;
    EVP_MD_CTX_free(md);
    if (fine)
        memcpy(out, whole, KEEPSAKE_DIGEST_BYTES);
    return fine;
}

/* --- the table, under the lock --------------------------------------------------------------------------------------------------- */

static struct kept **place_of(struct keepsakes *k, const uint8_t *digest)
{
    uint16_t n;
    memcpy(&n, digest, sizeof n);
    struct kept **at = &k->bucket[n % BUCKETS];
    while (*at && memcmp((*at)->digest, digest, KEEPSAKE_DIGEST_BYTES) != 0)
        at = &(*at)->chain;
    return at;
}

static void line_remove(struct keepsakes *k, struct kept *p)
{
    *(p->before ? &p->before->after : &k->oldest) = p->after;
    *(p->after ? &p->after->before : &k->newest) = p->before;
    p->before = p->after = NULL;
}

static void line_add(struct keepsakes *k, struct kept *p, int64_t now_ms)
{
    p->seen_ms = now_ms;
    p->before = k->newest;
    *(k->newest ? &k->newest->after : &k->oldest) = p;
    k->newest = p;
}

/* Out of the table; onto the list of those that are let go without the lock. */
static void take_out(struct keepsakes *k, struct kept *p, struct kept **gone)
{
    *place_of(k, p->digest) = p->chain;
    line_remove(k, p);
    k->bytes -= p->bytes;
    k->count--;
    p->chain = *gone;
    *gone = p;
}

static void take_out_old(struct keepsakes *k, size_t bytes, int count, int64_t now_ms, struct kept **gone)
{
    while (k->oldest && (now_ms - k->oldest->seen_ms >= KEEPSAKE_LIFE_MS || k->bytes + bytes > KEEPSAKE_BYTES_MAX ||
                         k->count + count > KEEPSAKE_COUNT_MAX))
        take_out(k, k->oldest, gone);
}

static void let_go(struct kept *gone)
{
    for (struct kept *next; gone; gone = next) {
        next = gone->chain;
        kept_unref(gone);
    }
}

/* --- in and out ------------------------------------------------------------------------------------------------------------------ */

static struct str copy(char **at, struct str text)
{
    struct str made = str_of(*at, text.len);
    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return made;
}

static struct kept *kept_new(const uint8_t *digest, const struct keepsake *what)
{
    size_t bytes = sizeof(struct kept) + what->thought.len + what->extra.len + what->sealed_id.len + what->sealed.len + what->details.len;
    struct kept *p = bytes <= KEEPSAKE_ONE_MAX ? mem_zalloc(bytes) : NULL;
    if (!p)
        return NULL;
    char *at = (char *)(p + 1);
    atomic_init(&p->refs, 1);
    memcpy(p->digest, digest, sizeof p->digest);
    p->bytes = bytes;
    p->what.thought = copy(&at, what->thought);
    p->what.extra = copy(&at, what->extra);
    p->what.sealed_id = copy(&at, what->sealed_id);
    p->what.sealed = copy(&at, what->sealed);
    p->what.details = copy(&at, what->details);
    return p;
}

void keepsakes_put(struct keepsakes *k, const uint8_t digest[KEEPSAKE_DIGEST_BYTES], const struct keepsake *what, int64_t now_ms)
{
    struct kept *gone = NULL, *p = kept_new(digest, what);
    if (!p) /* too large, or memory is out: the vendor gets what stands for nothing */
        return;
    lock(k);
    struct kept *same = *place_of(k, digest);
    if (same)
        take_out(k, same, &gone);
    take_out_old(k, p->bytes, 1, now_ms, &gone);
    *place_of(k, digest) = p;
    line_add(k, p, now_ms);
    k->bytes += p->bytes;
    k->count++;
    unlock(k);
    let_go(gone);
}

static bool copy_out(const struct keepsake *from, struct arena *a, struct keepsake *out)
{
    *out = (struct keepsake){arena_dup(a, from->thought), arena_dup(a, from->extra), arena_dup(a, from->sealed_id), arena_dup(a, from->sealed),
                             arena_dup(a, from->details)};
    return out->thought.ptr && out->extra.ptr && out->sealed_id.ptr && out->sealed.ptr && out->details.ptr;
}

bool keepsakes_find(struct keepsakes *k, const uint8_t digest[KEEPSAKE_DIGEST_BYTES], int64_t now_ms, struct arena *a, struct keepsake *out)
{
    struct kept *gone = NULL;
    lock(k);
    take_out_old(k, 0, 0, now_ms, &gone);
    struct kept *p = *place_of(k, digest);
    if (p) {
        atomic_fetch_add(&p->refs, 1);
        line_remove(k, p);
        line_add(k, p, now_ms);
    }
    unlock(k);
    let_go(gone);
    bool found = p && copy_out(&p->what, a, out);
    if (p)
        kept_unref(p);
    return found;
}
