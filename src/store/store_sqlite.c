/* store_sqlite.c: the store in one SQLite file: opening, migrating, transactions, fold positions. Rows of calls and
 * attempts are in store_sqlite_calls.c, sums over them in store_sqlite_sums.c.
 *
 * Write-ahead log, so that reports read while the ledger writes; synchronous=FULL, because journal segments are deleted
 * once their fold is committed, and a commit that a power loss takes back would take the calls with it. The writer is a
 * background thread, which may wait for the disk. */
#include "store/store_sqlite_priv.h"
#include "base/buf.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

/* Step n takes a file of user_version n to n + 1. Steps that were released never change; add one. */
static const char *const migrations[] = {
    /* Amounts are nano-dollars, NULL where unknown; times UTC milliseconds, durations milliseconds. The numbers of op,
     * outcome and regime are in docs/internals/journal.md. `ok` and `outcome` are NULL while it is in flight.
     * attempts_spent covers the sum a budget asks for; the two _open indexes hold the handful in flight. */
    "CREATE TABLE calls("
    "  id BLOB NOT NULL PRIMARY KEY, wall_ms INTEGER NOT NULL, op INTEGER NOT NULL, home INTEGER NOT NULL,"
    "  job TEXT NOT NULL, asked TEXT NOT NULL, key TEXT NOT NULL, tags TEXT NOT NULL, task TEXT NOT NULL,"
    "  outcome INTEGER, attempts INTEGER, http_status INTEGER, target TEXT, first_ms INTEGER, total_ms INTEGER"
    ") WITHOUT ROWID;"
    "CREATE INDEX calls_wall ON calls(wall_ms);"
    "CREATE INDEX calls_open ON calls(id) WHERE outcome IS NULL;"
    "CREATE TABLE attempts("
    "  call BLOB NOT NULL, number INTEGER NOT NULL, wall_ms INTEGER NOT NULL, upstream TEXT NOT NULL,"
    "  target TEXT NOT NULL, regime INTEGER NOT NULL, price_row INTEGER NOT NULL, hold_nusd INTEGER,"
    "  input_estimated INTEGER NOT NULL,"
    "  ok INTEGER, reason TEXT, input INTEGER, cached INTEGER, cache_write INTEGER, output INTEGER, reasoning INTEGER,"
    "  estimated INTEGER, vendor_nusd INTEGER, cost_nusd INTEGER, first_ms INTEGER, total_ms INTEGER,"
    "  PRIMARY KEY(call, number)"
    ") WITHOUT ROWID;"
    "CREATE INDEX attempts_spent ON attempts(upstream, wall_ms, cost_nusd);"
    "CREATE INDEX attempts_open ON attempts(upstream, wall_ms) WHERE ok IS NULL;"
    /* Facts that became known after the close (a vendor's bill): the row stays, the correction stands beside it. */
    "CREATE TABLE corrections("
    "  call BLOB NOT NULL, number INTEGER NOT NULL, wall_ms INTEGER NOT NULL, field TEXT NOT NULL, value INTEGER,"
    "  PRIMARY KEY(call, number, wall_ms, field)"
    ") WITHOUT ROWID;"
    "CREATE TABLE folded(segment INTEGER PRIMARY KEY, offset INTEGER NOT NULL);",
    /* 2: a fold was half index upkeep. Calls of a time are found by their ids, which begin with it; what an upstream cost
     * is summed by the hour as it is folded, and outlives the calls it is of; `days` holds the sums of calls that were
     * pruned (day: since 1970, regime: -1 for calls without an attempt). The sum of one hour stops at 2^61. */
    "DROP INDEX calls_wall;"
    "DROP INDEX attempts_spent;"
    "CREATE TABLE spent("
    "  upstream TEXT NOT NULL, hour INTEGER NOT NULL, nusd INTEGER NOT NULL, PRIMARY KEY(upstream, hour)"
    ") WITHOUT ROWID;"
    /* total() does not overflow, but is floating; sum() of parts is exact, and the larger part cannot overflow. */
    "INSERT INTO spent SELECT upstream, wall_ms / 3600000, CASE WHEN total(cost_nusd) >= 2305843009213693952"
    "  THEN 2305843009213693952 ELSE sum(cost_nusd / 1000000000) * 1000000000 + sum(cost_nusd % 1000000000) END"
    "  FROM attempts WHERE cost_nusd IS NOT NULL GROUP BY upstream, wall_ms / 3600000;"
    "CREATE TABLE days("
    "  day INTEGER NOT NULL, job TEXT NOT NULL, target TEXT NOT NULL, regime INTEGER NOT NULL, key TEXT NOT NULL,"
    "  calls INTEGER NOT NULL, failed INTEGER NOT NULL, attempts INTEGER NOT NULL, input INTEGER NOT NULL,"
    "  cached INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL,"
    "  cost_nusd INTEGER NOT NULL, cost_unknown INTEGER NOT NULL, estimated INTEGER NOT NULL,"
    "  PRIMARY KEY(day, job, target, regime, key)"
    ") WITHOUT ROWID;",
    /* 3: how the windows of flat plans stand, for each credential (a keyed hash of it). */
    "CREATE TABLE plans("
    "  upstream TEXT NOT NULL, holder INTEGER NOT NULL, version INTEGER NOT NULL, wall_ms INTEGER NOT NULL,"
    "  state TEXT NOT NULL, PRIMARY KEY(upstream, holder)"
    ") WITHOUT ROWID;",
    /* 4: why a call went where it went, beside its attempts: JSON, NULL where there is nothing to tell. */
    "ALTER TABLE calls ADD COLUMN story TEXT;",
};

int store_fail(struct store *s, const char *what, struct err *e)
{
    int code = ERR_IO;
    switch (sqlite3_errcode(s->db)) {
    case SQLITE_NOMEM:
        code = ERR_NOMEM;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = ERR_BUSY;
        break;
    case SQLITE_TOOBIG:
        code = ERR_LIMIT;
        break;
    default:
        break;
    }
    int system = sqlite3_system_errno(s->db);
    if (code == ERR_IO && system)
        return err_set_errno(e, code, system, "%s: %s: %s", s->path, what, sqlite3_errmsg(s->db));
    return err_set(e, code, "%s: %s: %s", s->path, what, sqlite3_errmsg(s->db));
}

static int run_text(struct store *s, const char *sql, struct err *e)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store_fail(s, "the ledger's database", e);
    return 0;
}

static const char *sql_of(enum store_statement which)
{
    switch (which) {
    case STATEMENT_FOLDED_GET:
        return "SELECT offset FROM folded WHERE segment = ?1";
    case STATEMENT_FOLDED_SET:
        return "INSERT INTO folded(segment, offset) VALUES(?1, ?2)"
               " ON CONFLICT(segment) DO UPDATE SET offset = excluded.offset";
    case STATEMENT_FOLDED_FORGET:
        return "DELETE FROM folded WHERE segment = ?1";
    case STATEMENT_FOLDED_FORGET_ALL:
        return "DELETE FROM folded";
    default:
        break;
    }
    const char *sql = store_sql_of_calls(which);
    if (!sql)
        sql = store_sql_of_sums(which);
    return sql ? sql : store_sql_of_plans(which);
}

sqlite3_stmt *store_statement(struct store *s, enum store_statement which, int *rc, struct err *e)
{
    if (!s->statement[which]) {
        const char *sql = sql_of(which);
        assert(sql);
        if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->statement[which], NULL) != SQLITE_OK) {
            *rc = store_fail(s, "preparing a statement", e);
            return NULL;
        }
    }
    return s->statement[which];
}

int store_run(struct store *s, sqlite3_stmt *st, struct err *e)
{
    int step = sqlite3_step(st);
    int rc = step == SQLITE_DONE ? 0 : store_fail(s, "writing", e);
    (void)sqlite3_reset(st); /* repeats the error of the step, which was told above */
    return rc;
}

/* --- opening ---------------------------------------------------------------------------------------------------- */

static int read_version(struct store *s, int64_t *version, struct err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &st, NULL) != SQLITE_OK)
        return store_fail(s, "reading its version", e);
    int rc = 0;
    if (sqlite3_step(st) == SQLITE_ROW)
        *version = sqlite3_column_int64(st, 0);
    else
        rc = store_fail(s, "reading its version", e);
    (void)sqlite3_finalize(st);
    if (rc == 0 && *version > (int64_t)COUNT_OF(migrations))
        rc = err_set(e, ERR_UNSUPPORTED,
                     "%s was written by a newer version of Hearth (format %lld, this one knows %zu): run that version, or restore "
                     "a backup that this one made",
                     s->path, (long long)*version, COUNT_OF(migrations));
    return rc;
}

/* All missing steps in one transaction: a crash leaves the old version whole. */
static int migrate(struct store *s, struct err *e)
{
    int64_t version = 0;
    int rc = read_version(s, &version, e);
    if (rc || version == (int64_t)COUNT_OF(migrations))
        return rc;
    rc = store_begin(s, e);
    if (rc == 0)
        rc = read_version(s, &version, e); /* again: another process may have been faster */
    for (size_t i = (size_t)version; rc == 0 && i < COUNT_OF(migrations); i++)
        rc = run_text(s, migrations[i], e);
    if (rc == 0) {
        char sql[64];
        text_format(sql, sizeof sql, "PRAGMA user_version = %zu", COUNT_OF(migrations));
        rc = run_text(s, sql, e);
    }
    if (rc == 0)
        rc = store_commit(s, e);
    store_rollback(s);
    return rc;
}

/* SQLite would make the file readable for all that the umask allows; its -wal and -shm take the mode of the file. A file
 * that exists is not even opened: closing it would drop the locks of our other connections to it. */
static int make_private_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "%s: making the ledger's database", path);
    if (fd >= 0)
        close(fd);
    return 0;
}

static int open_writing(struct store *s, struct err *e)
{
    /* A small cache: the fold appends; what is read again are the rightmost pages. */
    int rc = run_text(s,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;"
                      "PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 4194304; PRAGMA foreign_keys = OFF;",
                      e);
    return rc ? rc : migrate(s, e);
}

static int open_reading(struct store *s, struct err *e)
{
    int64_t version = 0;
    int rc = run_text(s, "PRAGMA cache_size = -4096; PRAGMA mmap_size = 0; PRAGMA query_only = ON;", e);
    if (rc == 0)
        rc = read_version(s, &version, e);
    if (rc == 0 && version != (int64_t)COUNT_OF(migrations))
        rc = err_set(e, version ? ERR_UNSUPPORTED : ERR_NOT_FOUND, "%s is of format %lld; `hearth serve` brings it to %zu",
                     s->path, (long long)version, COUNT_OF(migrations));
    return rc;
}

/* The version stands in the file's head (offset 60, big-endian). After an orderly end that is all there is to know; after
 * any other the store is opened anyway. */
bool store_is_other(const char *path)
{
    enum { VERSION_OFFSET = 60 };
    uint8_t raw[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool told = pread(fd, raw, sizeof raw, VERSION_OFFSET) == (ssize_t)sizeof raw;
    close(fd);
    uint32_t version = (uint32_t)raw[0] << 24 | (uint32_t)raw[1] << 16 | (uint32_t)raw[2] << 8 | raw[3];
    return told && version != COUNT_OF(migrations);
}

/* SQLite would count what it allocates under one lock, and nobody asks for the count. Refused once it is in use: then it
 * stays as it is. */
static void configure_once(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int store_open(struct store **out, const char *path, bool read_only, struct err *e)
{
    static pthread_once_t configured = PTHREAD_ONCE_INIT;
    (void)pthread_once(&configured, configure_once);
    if (read_only && access(path, F_OK) != 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "%s: there is no ledger yet", path);
    struct store *s = new0(struct store);
    if (!s)
        return err_set(e, ERR_NOMEM, "opening the ledger's database");
    s->read_only = read_only;
    s->path = mem_dup_text(path);
    int rc = s->path ? 0 : err_set(e, ERR_NOMEM, "opening the ledger's database");
    if (rc == 0 && !read_only)
        rc = make_private_file(path, e);
    if (rc < 0)
        goto fail;
    /* A reader too: after a crash the first one to come must be allowed to rebuild the index of the write-ahead log. It
     * writes nothing else (query_only, no checkpoint), and a file we may only read is opened so by SQLite itself. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
        rc = s->db ? store_fail(s, "opening it", e) : err_set(e, ERR_NOMEM, "opening the ledger's database");
        goto fail;
    }
    (void)sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
    if (read_only)
        (void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* cannot fail: the option is known */
    rc = read_only ? open_reading(s, e) : open_writing(s, e);
    if (rc < 0)
        goto fail;
    *out = s;
    return 0;
fail:
    store_close(s);
    return rc;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(s->statement[i]);
    int rc = sqlite3_close(s->db);
    assert(rc == SQLITE_OK); /* all statements are ours and gone */
    mem_free(s->path);
    mem_free(s);
}

void store_trim(struct store *s)
{
    (void)sqlite3_db_release_memory(s->db);
}

/* --- transactions ----------------------------------------------------------------------------------------------- */

int store_begin(struct store *s, struct err *e)
{
    assert(!s->in_transaction);
    int rc = run_text(s, s->read_only ? "BEGIN" : "BEGIN IMMEDIATE", e);
    if (rc < 0)
        return rc;
    s->in_transaction = true;
    if (s->read_only) { /* the state is only pinned by the first read */
        int64_t version = 0;
        rc = read_version(s, &version, e);
        if (rc < 0)
            store_rollback(s);
    }
    return rc;
}

int store_commit(struct store *s, struct err *e)
{
    assert(s->in_transaction);
    int rc = store_spent_flush(s, e);
    if (rc == 0)
        rc = run_text(s, "COMMIT", e);
    if (rc == 0)
        s->in_transaction = false;
    return rc;
}

void store_rollback(struct store *s)
{
    if (!s->in_transaction)
        return;
    s->in_transaction = false;
    s->spent_count = 0;
    if (!sqlite3_get_autocommit(s->db)) /* SQLite rolls back by itself on a full disk */
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* --- fold positions --------------------------------------------------------------------------------------------- */

int store_folded_get(struct store *s, uint64_t segment, uint64_t *offset, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_FOLDED_GET, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_int64(st, 1, (int64_t)segment); /* cannot fail on an index that exists */
    int step = sqlite3_step(st);
    if (step == SQLITE_ROW)
        *offset = (uint64_t)sqlite3_column_int64(st, 0);
    else if (step == SQLITE_DONE)
        *offset = 0;
    else
        rc = store_fail(s, "reading how far the journal is folded", e);
    (void)sqlite3_reset(st);
    return rc;
}

int store_folded_set(struct store *s, uint64_t segment, uint64_t offset, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_FOLDED_SET, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_int64(st, 1, (int64_t)segment);
    (void)sqlite3_bind_int64(st, 2, (int64_t)offset);
    return store_run(s, st, e);
}

int store_folded_forget(struct store *s, uint64_t segment, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_FOLDED_FORGET, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_int64(st, 1, (int64_t)segment);
    return store_run(s, st, e);
}

int store_folded_forget_all(struct store *s, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_FOLDED_FORGET_ALL, &rc, e);
    return st ? store_run(s, st, e) : rc;
}
