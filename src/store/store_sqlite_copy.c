/* store_sqlite_copy.c: a copy of a store in one file of its own, and whether a file is sound. */
#include "store/store_sqlite_priv.h"

enum { PAGES_A_STEP = 256 }; /* a MiB: between steps the writer of the original may go on */

static int copy_pages(struct store *s, sqlite3 *to, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", s->db, "main");
    if (!b)
        return err_set(e, ERR_IO, "%s: copying: %s", s->path, sqlite3_errmsg(to));
    int step;
    do
        step = sqlite3_backup_step(b, PAGES_A_STEP);
    while (step == SQLITE_OK);
    (void)sqlite3_backup_finish(b); /* repeats the error of the step */
    if (step == SQLITE_DONE)
        return 0;
    return err_set(e, step == SQLITE_NOMEM ? ERR_NOMEM : ERR_IO, "%s: copying: %s", s->path, sqlite3_errmsg(to));
}

int store_copy(struct store *s, const char *path, struct err *e)
{
    sqlite3 *to = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc = 0;
    if (sqlite3_open_v2(path, &to, flags, NULL) != SQLITE_OK)
        rc = err_set(e, to ? ERR_IO : ERR_NOMEM, "%s: %s", path, to ? sqlite3_errmsg(to) : "out of memory");
    if (rc == 0)
        rc = copy_pages(s, to, e);
    (void)sqlite3_close(to);
    return rc;
}

int store_seal(struct store *s, struct err *e)
{
    if (sqlite3_exec(s->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        return store_fail(s, "bringing it into one file", e);
    return 0;
}

int store_verify(struct store *s, struct err *e)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(1)", -1, &st, NULL) != SQLITE_OK)
        return store_fail(s, "verifying it", e);
    int rc = 0;
    if (sqlite3_step(st) != SQLITE_ROW)
        rc = store_fail(s, "verifying it", e);
    const char *said = rc == 0 ? (const char *)sqlite3_column_text(st, 0) : NULL;
    if (rc == 0 && (!said || strcmp(said, "ok") != 0))
        rc = err_set(e, ERR_IO, "%s is damaged: %s", s->path, said ? said : "it cannot be verified");
    (void)sqlite3_finalize(st);
    return rc;
}
