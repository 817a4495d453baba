/* ledger.c: opening and closing the books: the data folder, its lock, and whether the last process left work behind.
 *
 * The lock file holds the pid of the process that has the books open and is emptied when they are closed in good order.
 * So an empty lock and no segments mean there is nothing to recover, and the database is not even opened until the first
 * fold: a daemon is ready sooner. The lock itself is an open-file-description lock: it goes when its process goes, and a
 * reader can ask whether it is held without taking it. */
#include "ledger/ledger.h"
#include "base/log.h"
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLD_EVERY_MS = 5000, SEGMENT_BYTES = 8 << 20, SEGMENT_BYTES_MAX = 1 << 30, FOLDER_TEXT_MAX = 4096 };
static_assert((uint64_t)SEGMENT_BYTES_MAX + JOURNAL_PENDING_MAX <= UINT32_MAX, "offsets are 32 bits in journal_slot");

const char *call_outcome_name(enum call_outcome o)
{
    static const char *const names[] = {"done", "failed", "left", "cut", "lost"};
    assert((size_t)o < COUNT_OF(names));
    return names[o];
}

/* --- the folder ------------------------------------------------------------------------------------------------- */

/* Makes the folder and its missing parents, all of them private. */
static int make_folder(char *path, struct err *e)
{
    for (char *at = path + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        int made = mkdir(path, 0700);
        int error = errno;
        *at = '/';
        if (made != 0 && error != EEXIST && error != EROFS && error != EACCES) /* the last mkdir tells what is wrong */
            return err_set_errno(e, ERR_IO, error, "making the data folder %s", path);
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "making the data folder %s", path);
    return 0;
}

static int open_folder(struct ledger *l, struct err *e)
{
    int rc = make_folder(l->dir, e);
    if (rc < 0)
        return rc;
    l->dir_fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->dir_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "opening the data folder %s", l->dir);
    rc = disk_check(l->dir_fd, l->dir, e);
    if (rc < 0)
        return rc;
    if (mkdirat(l->dir_fd, LEDGER_JOURNAL_DIR, 0700) != 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "making the journal's folder in %s", l->dir);
    l->journal_fd = openat(l->dir_fd, LEDGER_JOURNAL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (l->journal_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "opening the journal's folder in %s", l->dir);
    return 0;
}

/* --- the lock --------------------------------------------------------------------------------------------------- */

static long long read_pid(int fd)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof text, 0);
    uint64_t pid = 0;
    if (n > 0)
        (void)str_to_u64(str_trim(str_of(text, (size_t)n)), &pid); /* 0 when it is no number */
    return (long long)pid;
}

static int take_lock(struct ledger *l, struct err *e)
{
    l->lock_fd = openat(l->dir_fd, LEDGER_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (l->lock_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "opening the lock of %s", l->dir);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(l->lock_fd, F_OFD_SETLK, &whole) == 0)
        return 0;
    if (errno == EAGAIN || errno == EACCES)
        return err_set(e, ERR_BUSY, "the data folder %s is in use by process %lld", l->dir, read_pid(l->lock_fd));
    return err_set_errno(e, ERR_IO, errno, "locking %s", l->dir);
}

/* Written over the old pid, so that the file is at no moment empty while there may be work left. */
static int write_pid(struct ledger *l, struct err *e)
{
    char text[32];
    size_t len = text_format(text, sizeof text, "%lld\n", (long long)getpid());
    if (pwrite(l->lock_fd, text, len, 0) != (ssize_t)len || ftruncate(l->lock_fd, (off_t)len) != 0)
        return err_set_errno(e, ERR_IO, errno, "writing the lock of %s", l->dir);
    return 0;
}

/* Did the last process leave anything: no orderly end, or segments? (A folder without a lock file is a new one, or one
 * that somebody copied: then a database is reason enough to look.) */
static int find_work(struct ledger *l, bool lock_is_empty, bool *work, struct err *e)
{
    struct segment_list list = {0};
    int rc = segment_list_read(&list, l->journal_fd, e);
    if (rc == 0)
        *work = list.count > 0 || !lock_is_empty;
    segment_list_fini(&list);
    return rc;
}

static int recover(struct ledger *l, bool had_lock_file, struct err *e)
{
    struct stat st;
    if (fstat(l->lock_fd, &st) != 0)
        return err_set_errno(e, ERR_IO, errno, "looking at the lock of %s", l->dir);
    bool in_order = had_lock_file ? st.st_size == 0 : access(l->db_path, F_OK) != 0;
    bool work = true;
    int rc = find_work(l, in_order, &work, e);
    if (rc == 0)
        rc = write_pid(l, e);
    if (rc < 0 || !work)
        return rc;
    int64_t lost = 0;
    rc = ledger_settle_all(l, &lost, e);
    if (rc == 0 && lost)
        log_line(LOG_WARN, "ledger", "%lld call%s in flight when the last process ended, booked as lost", (long long)lost,
                 lost == 1 ? " was" : "s were");
    return rc;
}

/* --- open and close --------------------------------------------------------------------------------------------- */

static char *text_of(struct str a, const char *b)
{
    AUTO_BUF struct buf text = BUF_INIT(FOLDER_TEXT_MAX);
    if (buf_append(&text, a) < 0 || buf_append_text(&text, b) < 0 || !buf_text(&text))
        return NULL;
    return mem_dup_text(text.ptr);
}

static struct ledger *make(const struct ledger_options *opt)
{
    struct ledger *l = new0(struct ledger);
    if (!l)
        return NULL;
    l->dir_fd = l->lock_fd = l->journal_fd = l->keeper.event_fd = -1;
    l->clock = opt->clock;
    l->fold_every_ms = opt->fold_every_ms ? opt->fold_every_ms : FOLD_EVERY_MS;
    l->segment_bytes = opt->segment_bytes ? opt->segment_bytes : SEGMENT_BYTES;
    if (l->segment_bytes > SEGMENT_BYTES_MAX)
        l->segment_bytes = SEGMENT_BYTES_MAX;
    l->should_trim = opt->should_trim;
    l->keep_ms = opt->keep_ms;
    (void)pthread_mutex_init(&l->budgets_lock, NULL); /* never fails with default attributes */
    l->dir = text_of(opt->dir, "");
    l->db_path = text_of(opt->dir, "/" LEDGER_STORE_FILE);
    return l;
}

static void destroy(struct ledger *l)
{
    if (!l)
        return;
    keeper_stop(l);
    store_close(l->keeper.db);
    if (l->journal_fd >= 0)
        close(l->journal_fd);
    if (l->lock_fd >= 0)
        close(l->lock_fd); /* lets the lock go */
    if (l->dir_fd >= 0)
        close(l->dir_fd);
    budgets_free(l->budgets);
    plans_free(l->plans);
    (void)pthread_mutex_destroy(&l->budgets_lock);
    mem_free(l->db_path);
    mem_free(l->dir);
    mem_free(l);
}

int ledger_open(struct ledger **out, const struct ledger_options *opt, struct err *e)
{
    assert(opt->clock && opt->dir.len);
    if (opt->dir.len > FOLDER_TEXT_MAX / 2 || memchr(opt->dir.ptr, '\0', opt->dir.len))
        return err_set(e, ERR_INVALID, "the name of the data folder is no path");
    struct ledger *l = make(opt);
    if (!l)
        return err_set(e, ERR_NOMEM, "opening the ledger");
    int rc = l->dir && l->db_path ? 0 : err_set(e, ERR_NOMEM, "opening the ledger");
    if (rc == 0)
        rc = open_folder(l, e);
    bool had_lock_file = rc == 0 && faccessat(l->dir_fd, LEDGER_LOCK_FILE, F_OK, 0) == 0;
    if (rc == 0)
        rc = take_lock(l, e);
    bool other = rc == 0 && store_is_other(l->db_path);
    if (rc == 0)
        rc = recover(l, had_lock_file, e);
    if (rc == 0 && other && !l->keeper.db) /* now: readers of this version refuse the earlier one, and nobody can fold into a newer one */
        rc = store_open(&l->keeper.db, l->db_path, false, e);
    if (rc == 0)
        rc = keeper_start(l, e);
    if (rc < 0) {
        destroy(l);
        return rc;
    }
    *out = l;
    return 0;
}

void ledger_close(struct ledger *l)
{
    if (!l)
        return;
    for (int i = 0; i < LEDGER_WRITERS_MAX; i++)
        assert(!atomic_load(&l->slot[i].taken));
    keeper_stop(l);
    struct err e = {0};
    int64_t lost = 0;
    bool written = false;
    for (int i = 0; i < LEDGER_WRITERS_MAX; i++)
        written |= atomic_load(&l->slot[i].flushed) != 0;
    int rc = keeper_fold(l, &e);
    if (rc == 0 && written) /* a call that no writer can close any more is lost, too */
        rc = ledger_settle_all(l, &lost, &e);
    if (rc == 0 && ftruncate(l->lock_fd, 0) != 0)
        rc = err_set_errno(&e, ERR_IO, errno, "emptying the lock of %s", l->dir);
    if (rc < 0)
        log_line(LOG_ERROR, "ledger", "%s; the journal stays, and the next start folds it", e.text);
    destroy(l);
}
