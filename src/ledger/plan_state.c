/* plan_state.c: a holder's state as text for the journal, and back; and the secret that credentials are hashed under.
 *
 * JSON, for it is small, seldom and must be readable by later versions: members that are not there are zero. Times are the
 * wall clock's; when they are read again, no wait becomes longer than it was. */
#include "base/json.h"
#include "ledger/plan_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_FILE "plan.key"

/* --- writing ------------------------------------------------------------------------------------------------------------ */

static void put(struct json_writer *w, const char *key, int64_t n)
{
    if (n == 0)
        return;
    json_key(w, key);
    json_i64(w, n);
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    if (!text[0])
        return;
    json_key(w, key);
    json_text(w, text);
}

static void write_span(struct json_writer *w, const struct plan_span *s)
{
    json_object_begin(w);
    put_text(w, "name", s->name);
    put_text(w, "families", s->families);
    put(w, "status", s->status);
    put(w, "sliding", s->sliding);
    put(w, "span_ms", s->span_ms);
    put(w, "used_ppm", s->used_ppm + 1); /* so that "not known" is what is left out */
    put(w, "word", s->word);
    put(w, "seen_ms", s->seen_ms);
    put(w, "reset_ms", s->reset.wall_ms);
    put(w, "reset_estimate", s->reset_estimate);
    put(w, "own_nusd", s->own_nusd);
    put(w, "rate_ppm", s->rate_ppm);
    put(w, "anchor_ppm", s->anchor_ppm + 1);
    put(w, "anchor_nusd", s->anchor_nusd);
    if (s->sliding) {
        put(w, "bucket_at", s->bucket_at);
        put(w, "seen_nusd", s->seen_nusd);
        json_key(w, "bucket");
        json_array_begin(w);
        for (int i = 0; i < PLAN_BUCKETS; i++)
            json_i64(w, s->bucket[i]);
        json_array_end(w);
    }
    json_object_end(w);
}

static void write_block(struct json_writer *w, const struct plan_block *b)
{
    json_object_begin(w);
    put_text(w, "family", b->family);
    put_text(w, "window", b->window);
    put(w, "since_ms", b->since_ms);
    put(w, "until_ms", b->until.wall_ms);
    put(w, "overage", b->overage);
    json_object_end(w);
}

int plan_state_write(const struct plan_holder_state *h, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    put(&w, "used_last_ms", h->used_last_ms);
    put(&w, "speaks", h->speaks);
    put(&w, "paying", h->paying);
    put(&w, "elsewhere", h->elsewhere);
    json_key(&w, "windows");
    json_array_begin(&w);
    for (int i = 0; i < h->span_count; i++)
        write_span(&w, &h->span[i]);
    json_array_end(&w);
    json_key(&w, "rests");
    json_array_begin(&w);
    for (int i = 0; i < h->block_count; i++)
        write_block(&w, &h->block[i]);
    json_array_end(&w);
    json_object_end(&w);
    return json_done(&w);
}

/* --- reading -------------------------------------------------------------------------------------------------------------- */

static int64_t number(const struct json_node *n, const char *key)
{
    int64_t got;
    return json_get_i64(n, key, &got) && got >= 0 ? got : 0;
}

/* False when it does not fit: then it is not what we wrote. */
static bool text(const struct json_node *n, const char *key, char *out, size_t room)
{
    struct str s = json_get_text(n, key);
    if (s.len >= room)
        return false;
    text_format(out, room, "%.*s", STR_FMT(s));
    return true;
}

/* A clock that was set back in between makes no wait longer: at most what was left then. */
static struct plan_moment moment(int64_t wall_ms, int64_t since_ms, int64_t most_ms, struct plan_now now)
{
    int64_t left = wall_ms - now.wall_ms;
    if (wall_ms == 0)
        return (struct plan_moment){0};
    if (since_ms && left > wall_ms - since_ms)
        left = wall_ms - since_ms;
    left = left > most_ms ? most_ms : left;
    struct plan_moment m = plan_in(left, now);
    if (left < 0)
        m.wall_ms = wall_ms; /* past */
    return m;
}

static bool read_span(const struct json_node *n, struct plan_span *s, struct plan_now now)
{
    int64_t status = number(n, "status");
    if (!text(n, "name", s->name, sizeof s->name) || !s->name[0] || !text(n, "families", s->families, sizeof s->families) ||
        status > PLAN_REJECTED)
        return false;
    s->status = (enum plan_status)status;
    s->sliding = number(n, "sliding");
    s->span_ms = number(n, "span_ms");
    s->used_ppm = number(n, "used_ppm") - 1;
    s->word = number(n, "word");
    s->seen_ms = number(n, "seen_ms");
    s->reset = moment(number(n, "reset_ms"), s->seen_ms, s->span_ms ? s->span_ms : PLAN_REST_MAX_MS, now);
    s->reset_estimate = number(n, "reset_estimate");
    s->own_nusd = number(n, "own_nusd");
    s->rate_ppm = number(n, "rate_ppm");
    s->anchor_ppm = number(n, "anchor_ppm") - 1;
    s->anchor_nusd = number(n, "anchor_nusd");
    s->bucket_at = number(n, "bucket_at");
    s->seen_nusd = number(n, "seen_nusd");
    const struct json_node *buckets = json_get(n, "bucket");
    int i = 0;
    for (const struct json_node *b = buckets ? buckets->child : NULL; b && i < PLAN_BUCKETS; b = b->next, i++)
        if (!json_to_i64(b->text, &s->bucket[i]) || s->bucket[i] < 0)
            return false;
    return s->used_ppm <= PLAN_USED_MAX;
}

static bool read_block(const struct json_node *n, struct plan_block *b, struct plan_now now)
{
    if (!text(n, "family", b->family, sizeof b->family) || !text(n, "window", b->window, sizeof b->window))
        return false;
    b->since_ms = number(n, "since_ms");
    b->overage = number(n, "overage");
    b->until = moment(number(n, "until_ms"), b->since_ms, PLAN_REST_MAX_MS, now);
    return b->until.wall_ms != 0;
}

static bool read_lists(struct plan_holder_state *h, const struct json_node *root, struct plan_now now)
{
    const struct json_node *windows = json_get(root, "windows"), *rests = json_get(root, "rests");
    for (const struct json_node *n = windows ? windows->child : NULL; n; n = n->next)
        if (h->span_count == PLAN_WINDOWS_MAX || !read_span(n, &h->span[h->span_count++], now))
            return false;
    for (const struct json_node *n = rests ? rests->child : NULL; n; n = n->next)
        if (h->block_count == PLAN_BLOCKS_MAX || !read_block(n, &h->block[h->block_count++], now))
            return false;
    return true;
}

int plan_state_read(struct plan_holder_state *h, struct str json, struct plan_now now)
{
    struct arena a = ARENA_INIT(64 * PLAN_STATE_MAX);
    struct json_node *root = NULL;
    int rc = json_parse(&a, json, &root, NULL);
    if (rc == 0) {
        h->turn = 1;
        h->used_last_ms = number(root, "used_last_ms");
        h->speaks = number(root, "speaks");
        h->paying = number(root, "paying");
        h->elsewhere = number(root, "elsewhere");
        rc = read_lists(h, root, now) ? 0 : ERR_SYNTAX;
    }
    arena_fini(&a);
    return rc;
}

/* --- the secret -------------------------------------------------------------------------------------------------------------- */

static int read_secret(int dir_fd, uint8_t out[16], bool *there, struct err *e)
{
    struct stat st;
    int fd = openat(dir_fd, SECRET_FILE, O_RDONLY | O_CLOEXEC);
    *there = fd >= 0;
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "opening %s in the data folder", SECRET_FILE);
    uint8_t got[17];
    ssize_t n = read(fd, got, sizeof got);
    int rc = 0;
    if (n != 16)
        rc = err_set(e, ERR_INVALID, "%s in the data folder is not ours: remove it, and the plans' windows are learned anew", SECRET_FILE);
    else if (fstat(fd, &st) == 0 && st.st_mode & 077 && fchmod(fd, 0600) != 0)
        rc = err_set_errno(e, ERR_IO, errno, "%s in the data folder can be read by others, and cannot be closed to them", SECRET_FILE);
    if (rc == 0)
        memcpy(out, got, 16);
    close(fd);
    return rc;
}

/* Under another name first, so that it is whole or not there. The folder's lock is ours: nobody else makes one. */
static int make_secret(int dir_fd, uint8_t out[16], struct err *e)
{
    static const char temporary[] = SECRET_FILE ".part";
    if (random_secret(out, 16) < 0)
        return err_set(e, ERR_IO, "the kernel gives no chance for %s", SECRET_FILE);
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "making %s in the data folder", SECRET_FILE);
    bool fine = write(fd, out, 16) == 16 && fsync(fd) == 0 && renameat(dir_fd, temporary, dir_fd, SECRET_FILE) == 0;
    int rc = fine ? 0 : err_set_errno(e, ERR_IO, errno, "writing %s in the data folder", SECRET_FILE);
    close(fd);
    return rc;
}

int plan_secret(struct ledger *l, uint8_t out[16], struct err *e)
{
    bool there = false;
    int rc = read_secret(l->dir_fd, out, &there, e);
    return rc < 0 || there ? rc : make_secret(l->dir_fd, out, e);
}
