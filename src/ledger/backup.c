/* backup.c: the books of a data folder in one file, taken beside a running daemon, and what is in such a file.
 *
 * The copy is the state that a report would read at that moment: the store as pinned, and on top what only the journal has
 * yet. It is made under another name, verified, synced and renamed, so a backup is whole or not there. What was in flight
 * is in it as open; the first start on it books that as lost, as after a crash. */
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES_MAX = 64 << 10, DAY_MS = 86400000 };

/* --- what is in it ---------------------------------------------------------------------------------------------- */

static void add(int64_t *sum, int64_t n)
{
    if (__builtin_add_overflow(*sum, n, sum))
        *sum = INT64_MAX;
}

static void span(struct ledger_backup *b, int64_t first_ms, int64_t last_ms)
{
    if (!b->last_ms || first_ms < b->first_ms)
        b->first_ms = first_ms;
    if (last_ms > b->last_ms)
        b->last_ms = last_ms;
}

static int count_call(const struct store_call *c, void *ctx)
{
    struct ledger_backup *b = ctx;
    if (!c->closed) {
        b->in_flight++;
        return 0;
    }
    struct usage_call u = usage_call_of(c);
    struct usage_group one = usage_group_of(&u);
    b->calls++;
    add(&b->cost_nusd, one.cost_nusd);
    add(&b->cost_unknown, one.cost_unknown);
    span(b, u.wall_ms, u.wall_ms);
    return 0;
}

static int count_day(const struct store_day *d, void *ctx)
{
    struct ledger_backup *b = ctx;
    add(&b->pruned, d->calls);
    add(&b->cost_nusd, d->cost_nusd);
    add(&b->cost_unknown, d->cost_unknown);
    span(b, d->day * DAY_MS, (d->day + 1) * DAY_MS - 1);
    return 0;
}

int ledger_backup_check(const char *path, struct ledger_backup *out, struct err *e)
{
    struct ledger_backup found = {0};
    struct store *s = NULL;
    if (access(path, R_OK) != 0)
        return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "%s", path);
    int rc = store_open(&s, path, true, e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, ERR_INVALID, "%s is no backup: it holds no books of Hearth", path);
    if (rc == 0)
        rc = store_begin(s, e);
    if (rc == 0)
        rc = store_verify(s, e);
    if (rc == 0)
        rc = store_calls(s, INT64_MIN, INT64_MAX, count_call, &found, e);
    if (rc == 0)
        rc = store_days(s, INT64_MIN, INT64_MAX, count_day, &found, e);
    store_close(s);
    if (rc == 0)
        *out = found;
    return rc;
}

/* --- making one ------------------------------------------------------------------------------------------------- */

/* What the journal told beyond the store. Its positions are of no use in another folder. */
static int put_journal(struct ledger_reader *r, struct store *copy, struct err *e)
{
    int rc = store_begin(copy, e);
    for (size_t i = 0; rc == 0 && i < r->book.count; i++)
        rc = store_call_put(copy, r->call[i], e);
    for (const struct book_plan *p = r->book.plans; rc == 0 && p; p = p->next)
        rc = store_plan_put(copy, &p->plan, e);
    if (rc == 0)
        rc = store_folded_forget_all(copy, e);
    if (rc == 0)
        rc = store_commit(copy, e);
    store_rollback(copy);
    return rc;
}

static int write_copy(struct str dir, const char *path, struct err *e)
{
    struct ledger_reader *r = NULL;
    struct store *copy = NULL;
    int rc = ledger_reader_open(&r, dir, e);
    if (rc == 0 && r->db)
        rc = store_copy(r->db, path, e);
    if (rc == 0)
        rc = store_open(&copy, path, false, e);
    if (rc == 0)
        rc = put_journal(r, copy, e);
    if (rc == 0)
        rc = store_seal(copy, e);
    store_close(copy);
    ledger_reader_close(r);
    return rc;
}

static int sync_path(const char *path, int flags, struct err *e)
{
    int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) != 0 ? err_set_errno(e, ERR_IO, errno, "syncing %s", path) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Where the file system cannot rename without replacing, a look before has to do. */
static int move(const char *from, const char *to, bool replace, struct err *e)
{
    int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, replace ? 0 : RENAME_NOREPLACE);
    if (rc != 0 && errno == EINVAL && !replace) {
        errno = EEXIST;
        rc = access(to, F_OK) == 0 ? -1 : rename(from, to);
    }
    if (rc == 0)
        return 0;
    if (errno == EEXIST)
        return err_set(e, ERR_BUSY, "%s exists already; --force replaces it", to);
    return err_set_errno(e, ERR_IO, errno, "naming the backup %s", to);
}

/* The unfinished copy, and what a full disk makes the database leave beside it. */
static void remove_copy(const char *temporary)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        AUTO_BUF struct buf path = BUF_INIT(PATH_BYTES_MAX);
        if (buf_append_format(&path, "%s%s", temporary, endings[i]) == 0 && buf_text(&path))
            (void)unlink(path.ptr); /* the failure that brought us here is told */
    }
}

static int make(struct str dir, const char *path, const char *folder, char *temporary, bool replace,
                struct ledger_backup *out, struct err *e)
{
    int fd = mkostemp(temporary, O_CLOEXEC); /* of mode 0600 */
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "making a file beside %s", path);
    close(fd);
    int rc = write_copy(dir, temporary, e);
    if (rc == 0)
        rc = ledger_backup_check(temporary, out, e);
    if (rc == 0)
        rc = sync_path(temporary, 0, e);
    if (rc == 0)
        rc = move(temporary, path, replace, e);
    if (rc < 0)
        remove_copy(temporary);
    return rc < 0 ? rc : sync_path(folder, O_DIRECTORY, e);
}

/* What lies in the data folder is in use by the daemon: the books themselves, keys, the token. */
static int is_elsewhere(struct str dir, const char *folder, struct err *e)
{
    struct stat here, there;
    AUTO_BUF struct buf path = BUF_INIT(PATH_BYTES_MAX);
    if (buf_append(&path, dir) < 0 || !buf_text(&path))
        return err_set(e, ERR_NOMEM, "the backup");
    if (stat(path.ptr, &here) != 0 || stat(folder, &there) != 0 || here.st_dev != there.st_dev || here.st_ino != there.st_ino)
        return 0;
    return err_set(e, ERR_INVALID, "%s is the data folder: what is in it is in use; put the backup elsewhere", folder);
}

int ledger_backup(struct str dir, const char *path, bool replace, struct ledger_backup *out, struct err *e)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is not a file", path);
    if (!replace && access(path, F_OK) == 0)
        return err_set(e, ERR_BUSY, "%s exists already; --force replaces it", path);
    AUTO_BUF struct buf temporary = BUF_INIT(PATH_BYTES_MAX);
    AUTO_BUF struct buf folder = BUF_INIT(PATH_BYTES_MAX);
    const char *slash = strrchr(path, '/');
    struct str parent = slash ? str_of(path, (size_t)(slash - path) + 1) : STR("./");
    int rc = buf_append_format(&temporary, "%s.part-XXXXXX", path);
    if (rc == 0)
        rc = buf_append(&folder, parent);
    if (rc < 0 || !buf_text(&temporary) || !buf_text(&folder))
        return err_set(e, ERR_NOMEM, "the backup");
    if ((rc = is_elsewhere(dir, folder.ptr, e)) < 0)
        return rc;
    return make(dir, path, folder.ptr, temporary.ptr, replace, out, e);
}
