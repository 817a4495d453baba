/* store_sqlite_plans.c: how the windows of plans stand, one row per upstream and credential; see store.h. */
#include "store/store_sqlite_priv.h"
#include <assert.h>

const char *store_sql_of_plans(enum store_statement which)
{
    switch (which) {
    case STATEMENT_PLAN_PUT: /* loops write into journals of their own: what is folded last need not be the newest */
        return "INSERT INTO plans(upstream, holder, version, wall_ms, state) VALUES(?1,?2,?3,?4,?5)"
               " ON CONFLICT(upstream, holder) DO UPDATE SET version=excluded.version, wall_ms=excluded.wall_ms,"
               " state=excluded.state WHERE excluded.version > version";
    case STATEMENT_PLANS:
        return "SELECT upstream, holder, version, wall_ms, state FROM plans ORDER BY upstream, holder";
    default:
        return NULL;
    }
}

int store_plan_put(struct store *s, const struct store_plan *p, struct err *e)
{
    assert(s->in_transaction);
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_PLAN_PUT, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_text64(st, 1, p->upstream.len ? p->upstream.ptr : "", p->upstream.len, SQLITE_STATIC, SQLITE_UTF8);
    (void)sqlite3_bind_int64(st, 2, (int64_t)p->holder); /* results are not looked at one by one: a failed bind makes the step fail */
    (void)sqlite3_bind_int64(st, 3, (int64_t)p->version);
    (void)sqlite3_bind_int64(st, 4, p->wall_ms);
    (void)sqlite3_bind_text64(st, 5, p->state.len ? p->state.ptr : "", p->state.len, SQLITE_STATIC, SQLITE_UTF8);
    return store_run(s, st, e);
}

static struct str column(sqlite3_stmt *st, int at)
{
    const void *text = sqlite3_column_text(st, at);
    return str_of(text, (size_t)sqlite3_column_bytes(st, at));
}

int store_plans(struct store *s, int (*fn)(const struct store_plan *p, void *ctx), void *ctx, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_PLANS, &rc, e);
    if (!st)
        return rc;
    int step = SQLITE_DONE;
    while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_plan p = {.upstream = column(st, 0), .holder = (uint64_t)sqlite3_column_int64(st, 1),
                               .version = (uint64_t)sqlite3_column_int64(st, 2), .wall_ms = sqlite3_column_int64(st, 3),
                               .state = column(st, 4)};
        rc = fn(&p, ctx);
    }
    if (rc == 0 && step != SQLITE_DONE)
        rc = store_fail(s, "reading how plans stand", e);
    (void)sqlite3_reset(st);
    return rc;
}
