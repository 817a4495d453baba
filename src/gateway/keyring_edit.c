/* keyring_edit.c: changing the keys of a data folder: under the folder's key lock the file is read, changed, written beside
 * itself, made durable and put in its place, so that a reader sees the old keys or the new ones and two edits at once both
 * count. The token of the admin API is made here too, for it is a secret file of the same folder. */
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/keyring_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_FILE "keys.lock"
#define TOKEN_FILE "admin-token"

enum { PATH_BYTES_MAX = 4096, LOCK_WAIT_MS = 5000, LOCK_LOOK_MS = 5, SECRET_BYTES = 32 };

/* --- the folder ------------------------------------------------------------------------------------------------------- */

static int open_folder(int *out, struct str data_dir, bool make, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(PATH_BYTES_MAX);
    if (buf_append(&path, data_dir) < 0 || !buf_text(&path))
        return err_set(e, ERR_NOMEM, "the path of the data folder");
    for (char *at = path.ptr + 1; make && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        (void)mkdir(path.ptr, 0700); /* the last one tells what is wrong */
        *at = '/';
    }
    if (make && mkdir(path.ptr, 0700) != 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "making the data folder %s", path.ptr);
    *out = open(path.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out >= 0)
        return 0;
    return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening the data folder %s", path.ptr);
}

/* What root makes in a service's folder belongs to the service, or it could not read its own keys. */
static int give_to_owner(int dir_fd, int fd, struct err *e)
{
    struct stat dir;
    if (geteuid() != 0)
        return 0;
    if (fstat(dir_fd, &dir) != 0 || (dir.st_uid != 0 && fchown(fd, dir.st_uid, dir.st_gid) != 0))
        return err_set_errno(e, ERR_IO, errno, "giving the file to the owner of the data folder");
    return 0;
}

static int read_at(struct buf *out, int dir_fd, const char *name, struct err *e)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "opening %s", name);
    int rc = buf_read_fd(out, fd, name, e);
    close(fd);
    return rc;
}

int keyring_file_read(struct buf *out, struct str data_dir, struct err *e)
{
    int dir_fd;
    int rc = open_folder(&dir_fd, data_dir, false, e);
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc < 0)
        return rc;
    rc = read_at(out, dir_fd, KEYS_FILE, e);
    close(dir_fd);
    return rc;
}

void keyring_stamp(struct keyring_stamp *out, struct str data_dir)
{
    struct stat st;
    AUTO_BUF struct buf path = BUF_INIT(PATH_BYTES_MAX);
    *out = (struct keyring_stamp){0};
    if (buf_append(&path, data_dir) < 0 || buf_append_text(&path, "/" KEYS_FILE) < 0 || !buf_text(&path) ||
        stat(path.ptr, &st) != 0)
        return;
    *out = (struct keyring_stamp){.inode = st.st_ino,
                                  .changed_ns = st.st_ctim.tv_sec * INT64_C(1000000000) + st.st_ctim.tv_nsec,
                                  .size = st.st_size};
}

static int write_whole(int fd, struct str text)
{
    while (text.len) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno != EINTR)
            return ERR_IO;
        text = str_skip(text, n > 0 ? (size_t)n : 0);
    }
    return fsync(fd) == 0 ? 0 : ERR_IO;
}

/* Writes the file beside its name, durably; `in_place` says how it takes the name: over what is there, or only if nothing
 * is. */
static int replace_at(int dir_fd, const char *name, struct str text, bool in_place, struct err *e)
{
    char beside[64];
    text_format(beside, sizeof beside, "%s.new", name);
    (void)unlinkat(dir_fd, beside, 0); /* of an edit that died */
    int fd = openat(dir_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "making %s in the data folder", beside);
    int rc = give_to_owner(dir_fd, fd, e);
    if (rc == 0 && write_whole(fd, text) < 0)
        rc = err_set_errno(e, ERR_IO, errno, "writing %s", beside);
    if (close(fd) != 0 && rc == 0)
        rc = err_set_errno(e, ERR_IO, errno, "writing %s", beside);
    bool placed =
        rc == 0 && (in_place ? renameat(dir_fd, beside, dir_fd, name) : linkat(dir_fd, beside, dir_fd, name, 0)) == 0;
    if (rc == 0 && !placed)
        rc = err_set_errno(e, ERR_IO, errno, "putting %s in its place", name);
    if (!placed || !in_place)
        (void)unlinkat(dir_fd, beside, 0); /* else the next edit does */
    if (rc == 0 && fsync(dir_fd) != 0)
        rc = err_set_errno(e, ERR_IO, errno, "syncing the data folder");
    return rc;
}

/* --- one edit ------------------------------------------------------------------------------------------------------------- */

struct edit {
    int dir_fd, lock_fd;
    struct keyring *ring;
    struct key *key; /* what will be written: room for one more than there are; owned */
    size_t count;
};

/* The lock is the open file's: it goes with its process, whatever ends it. */
static int take_lock(struct edit *edit, struct err *e)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    edit->lock_fd = openat(edit->dir_fd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (edit->lock_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "opening " LOCK_FILE " in the data folder");
    int rc = give_to_owner(edit->dir_fd, edit->lock_fd, e);
    int64_t until_us = clock_mono_us(clock_system()) + LOCK_WAIT_MS * 1000;
    while (rc == 0 && fcntl(edit->lock_fd, F_OFD_SETLK, &whole) != 0) {
        if (errno != EAGAIN && errno != EACCES && errno != EINTR)
            return err_set_errno(e, ERR_IO, errno, "locking the keys");
        if (clock_mono_us(clock_system()) >= until_us)
            return err_set(e, ERR_BUSY, "another process has been changing the keys for %d s; try again",
                           LOCK_WAIT_MS / 1000);
        (void)poll(NULL, 0, LOCK_LOOK_MS);
    }
    return rc;
}

static void edit_end(struct edit *edit)
{
    if (edit->lock_fd >= 0)
        close(edit->lock_fd);
    if (edit->dir_fd >= 0)
        close(edit->dir_fd);
    keyring_unref(edit->ring);
    mem_free(edit->key);
}

static int edit_begin(struct edit *edit, struct str data_dir, struct err *e)
{
    *edit = (struct edit){.dir_fd = -1, .lock_fd = -1};
    int rc = open_folder(&edit->dir_fd, data_dir, true, e);
    if (rc == 0)
        rc = take_lock(edit, e);
    if (rc == 0)
        rc = keyring_load(&edit->ring, data_dir, e);
    if (rc == 0 && !(edit->key = new0_array(struct key, keyring_count(edit->ring) + 1)))
        rc = err_set(e, ERR_NOMEM, "keys");
    if (rc < 0) {
        edit_end(edit);
        return rc;
    }
    edit->count = keyring_count(edit->ring);
    for (size_t i = 0; i < edit->count; i++)
        edit->key[i] = *keyring_at(edit->ring, i);
    return 0;
}

static int edit_commit(struct edit *edit, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(KEYRING_FILE_BYTES_MAX);
    if (edit->count > KEYRING_KEYS_MAX)
        return err_set(e, ERR_LIMIT,
                       "there are %d keys, adopted ones that were revoked included, and no more are possible",
                       KEYRING_KEYS_MAX);
    int rc = keyring_write(&text, edit->key, edit->count);
    if (rc < 0)
        return err_set(e, rc, "the keys do not fit into a file of %d MiB", KEYRING_FILE_BYTES_MAX >> 20);
    return replace_at(edit->dir_fd, KEYS_FILE, buf_str(&text), true, e);
}

static struct key *edit_named(struct edit *edit, struct str name)
{
    for (size_t i = 0; i < edit->count; i++)
        if (!edit->key[i].revoked_ms && str_eq(edit->key[i].name, name))
            return &edit->key[i];
    return NULL;
}

static void edit_drop(struct edit *edit, struct key *k)
{
    size_t after = edit->count - (size_t)(k - edit->key) - 1;
    memmove(k, k + 1, after * sizeof *k);
    edit->count--;
}

/* A key that begins with hearth_ is refused once nobody knows it. An adopted one would then pass for the client's own
 * credential and could be shown to a vendor: it stays, as revoked. */
static void edit_end_key(struct edit *edit, struct key *k)
{
    if (!k->adopted) {
        edit_drop(edit, k);
        return;
    }
    struct key remembered = {
        .name = k->name, .adopted = true, .created_ms = k->created_ms, .revoked_ms = clock_wall_ms(clock_system())};
    memcpy(remembered.digest, k->digest, sizeof remembered.digest);
    *k = remembered;
}

/* --- the edits' parts ------------------------------------------------------------------------------------------------------- */

static int make_secret(struct buf *out, const char *prefix, struct err *e)
{
    uint8_t chance[SECRET_BYTES];
    if (random_secret(chance, sizeof chance) < 0)
        return err_set(e, ERR_IO, "the kernel gives no randomness for a key");
    int rc = buf_reserve(out, 2 * SECRET_BYTES + 32); /* at once: growing would leave copies behind */
    if (rc == 0)
        rc = buf_append_text(out, prefix);
    for (size_t i = 0; rc == 0 && i < sizeof chance; i++)
        rc = buf_append_format(out, "%02x", chance[i]);
    explicit_bzero(chance, sizeof chance);
    return rc ? err_set(e, rc, "key") : 0;
}

static int count_items(struct str list)
{
    struct str one;
    int n = 0;
    while (str_cut(&list, ',', &one))
        n++;
    return n;
}

/* The wish as a key; `jobs` and `tags` get what it points to. */
static int key_from_wish(struct key *k, const struct key_wish *w, struct str *jobs, struct buf *tags, struct err *e)
{
    struct str list = w->jobs, one;
    int count = count_items(list);
    *k = (struct key){
        .name = w->name, .home = w->home, .rpm = w->rpm, .job = jobs, .created_ms = clock_wall_ms(clock_system())};
    for (int i = 0; i < count && str_cut(&list, ',', &one); i++) {
        bool again = false;
        for (int j = 0; j < k->job_count; j++)
            again |= str_eq(jobs[j], str_trim(one));
        if (!again)
            jobs[k->job_count++] = str_trim(one);
    }
    for (list = w->tags; str_cut(&list, ',', &one);)
        if (buf_append_text(tags, tags->len ? "," : "") < 0 || buf_append(tags, str_trim(one)) < 0)
            return err_set(e, ERR_NOMEM, "keys");
    k->tags = buf_str(tags);
    return 0;
}

/* --- the edits --------------------------------------------------------------------------------------------------------------- */

/* Gives `k` its secret: the one to adopt, or a new one. */
static int settle_secret(struct edit *edit, struct key *k, struct str adopt, struct buf *secret, struct err *e)
{
    int rc = adopt.len ? 0 : make_secret(secret, "hearth_", e);
    struct str text = adopt.len ? adopt : buf_str(secret);
    if (rc == 0 && key_digest(text, k->digest) < 0)
        rc = err_set(e, ERR_NOMEM, "keys");
    if (rc < 0)
        return rc;
    k->adopted = !str_starts(text, STR("hearth_"));
    struct key *same = NULL;
    for (size_t i = 0; i < edit->count; i++)
        if (&edit->key[i] != k && memcmp(edit->key[i].digest, k->digest, KEY_DIGEST_BYTES) == 0)
            same = &edit->key[i];
    if (same && !same->revoked_ms)
        return err_set(e, ERR_EXISTS, "that key is already there, as `%.*s`", STR_FMT(same->name));
    if (same) /* it was revoked, and is taken back */
        edit_drop(edit, same);
    return 0;
}

static int add(struct edit *edit, const struct key_wish *w, struct buf *secret, struct err *e)
{
    struct str jobs[KEY_JOBS_MAX];
    AUTO_BUF struct buf tags = BUF_INIT((size_t)KEY_TAGS_MAX * (KEY_TAG_BYTES_MAX + 1));
    struct key k;
    if (edit_named(edit, w->name))
        return err_set(e, ERR_EXISTS, "there is a key `%.*s` already; revoke it first, or choose another name",
                       STR_FMT(w->name));
    int rc = key_from_wish(&k, w, jobs, &tags, e);
    if (rc == 0)
        rc = settle_secret(edit, &k, w->secret, secret, e);
    if (rc < 0)
        return rc;
    edit->key[edit->count++] = k;
    return edit_commit(edit, e);
}

int keyring_add(struct str data_dir, const struct key_wish *w, struct buf *secret, struct err *e)
{
    struct edit edit;
    const char *problem = key_wish_problem(w);
    if (problem)
        return err_set(e, ERR_INVALID, "%s", problem);
    int rc = edit_begin(&edit, data_dir, e);
    if (rc < 0)
        return rc;
    rc = add(&edit, w, secret, e);
    edit_end(&edit);
    if (rc < 0)
        buf_clear(secret);
    return rc;
}

static int not_there(struct str name, struct err *e)
{
    if (str_eq(name, STR("default")))
        return err_set(e, ERR_NOT_FOUND, "the key `default` is the one in $HEARTH_KEY: change it there and restart");
    return err_set(e, ERR_NOT_FOUND, "there is no key `%.*s`", STR_FMT(str_slice(name, 0, KEY_NAME_BYTES_MAX)));
}

int keyring_rotate(struct str data_dir, struct str name, struct buf *secret, struct err *e)
{
    struct edit edit;
    int rc = edit_begin(&edit, data_dir, e);
    if (rc < 0)
        return rc;
    struct key *old = edit_named(&edit, name), k;
    if (!old) {
        rc = not_there(name, e);
    } else {
        k = *old;
        edit_end_key(&edit, old);
        k.created_ms = clock_wall_ms(clock_system());
        rc = settle_secret(&edit, &k, STR_NONE, secret, e);
        edit.key[edit.count++] = k;
        if (rc == 0)
            rc = edit_commit(&edit, e);
    }
    edit_end(&edit);
    if (rc < 0)
        buf_clear(secret);
    return rc;
}

int keyring_revoke(struct str data_dir, struct str name, struct err *e)
{
    struct edit edit;
    int rc = edit_begin(&edit, data_dir, e);
    if (rc < 0)
        return rc;
    struct key *k = edit_named(&edit, name);
    if (k)
        edit_end_key(&edit, k);
    rc = k ? edit_commit(&edit, e) : not_there(name, e);
    edit_end(&edit);
    return rc;
}

/* --- the admin API's token ------------------------------------------------------------------------------------------------------ */

static int token_make(int dir_fd, struct err *e)
{
    AUTO_BUF struct buf token = BUF_INIT(256);
    int rc = make_secret(&token, "hearth_admin_", e);
    if (rc == 0)
        rc = buf_append_char(&token, '\n');
    if (rc == 0)
        rc = replace_at(dir_fd, TOKEN_FILE, buf_str(&token), false, e);
    if (token.ptr)
        explicit_bzero(token.ptr, token.cap);
    return rc;
}

int admin_token_load(uint8_t digest[KEY_DIGEST_BYTES], struct str data_dir, struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
    int dir_fd;
    int rc = open_folder(&dir_fd, data_dir, true, e);
    if (rc < 0)
        return rc;
    rc = faccessat(dir_fd, TOKEN_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : token_make(dir_fd, e);
    if (rc == 0)
        rc = read_at(&text, dir_fd, TOKEN_FILE, e);
    close(dir_fd);
    struct str token = str_trim(buf_str(&text));
    if (rc == 0 && token.len < 2 * SECRET_BYTES)
        rc = err_set(e, ERR_INVALID,
                     "%.*s/" TOKEN_FILE " holds no token; remove it, and a new one is made at the next start",
                     STR_FMT(data_dir));
    if (rc == 0 && key_digest(token, digest) < 0)
        rc = err_set(e, ERR_NOMEM, "admin token");
    if (text.ptr)
        explicit_bzero(text.ptr, text.cap);
    return rc;
}
