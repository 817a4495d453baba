/* store_sqlite_calls.c: rows of calls and attempts in SQLite; see store.h. The fold is this module's hot path: two
 * inserts for the usual call, both at the right edge of their trees because ids rise with time. */
#include "base/mem.h"
#include "store/store_sqlite_priv.h"
#include <assert.h>

/* A call's id is made when its request is in, its open record at most so long after. */
static const int64_t ID_AGE_MAX_MS = 86400000;

#define CALL_COLUMNS \
    "id, wall_ms, op, home, job, asked, key, tags, task, outcome, attempts, http_status, target, first_ms, total_ms"
#define ATTEMPT_COLUMNS                                                                                             \
    "number, wall_ms, target, regime, price_row, hold_nusd, input_estimated, ok, reason, input, cached, cache_write," \
    " output, reasoning, estimated, vendor_nusd, cost_nusd, first_ms, total_ms"

const char *store_sql_of_calls(enum store_statement which)
{
    switch (which) {
    case STATEMENT_CALL_INSERT:
        return "INSERT INTO calls(" CALL_COLUMNS ", story) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)"
               " ON CONFLICT(id) DO NOTHING";
    case STATEMENT_CALL_CLOSE:
        return "UPDATE calls SET outcome=?2, attempts=?3, http_status=?4, target=?5, first_ms=?6, total_ms=?7, story=?8"
               " WHERE id=?1 AND outcome IS NULL";
    case STATEMENT_CALL_GET:
        return "SELECT " CALL_COLUMNS ", story FROM calls WHERE id=?1";
    case STATEMENT_CALLS_ALL:
        return "SELECT " CALL_COLUMNS " FROM calls ORDER BY id";
    case STATEMENT_CALLS_FROM:
        return "SELECT " CALL_COLUMNS " FROM calls WHERE id>=?1 AND wall_ms>=?2 AND wall_ms<?3 ORDER BY id";
    case STATEMENT_CALLS_CLOSED_BEFORE:
        return "SELECT " CALL_COLUMNS " FROM calls WHERE id<?1 AND wall_ms<?2 AND outcome IS NOT NULL"
               " AND NOT EXISTS (SELECT 1 FROM attempts WHERE call=id AND ok IS NULL) ORDER BY id LIMIT ?3";
    case STATEMENT_CALL_REMOVE:
        return "DELETE FROM calls WHERE id=?1";
    case STATEMENT_CALLS_SETTLE:
        return "UPDATE calls SET outcome=?1, target='-', http_status=0,"
               " attempts=(SELECT count(*) FROM attempts WHERE call=id) WHERE outcome IS NULL";
    case STATEMENT_ATTEMPT_INSERT:
        return "INSERT INTO attempts(call, upstream, " ATTEMPT_COLUMNS ")"
               " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21)"
               " ON CONFLICT(call, number) DO NOTHING";
    case STATEMENT_ATTEMPT_CLOSE:
        return "UPDATE attempts SET ok=?10, reason=?11, input=?12, cached=?13, cache_write=?14, output=?15,"
               " reasoning=?16, estimated=?17, vendor_nusd=?18, cost_nusd=?19, first_ms=?20, total_ms=?21,"
               " regime=CASE WHEN ?22 THEN 0 ELSE regime END"
               " WHERE call=?1 AND number=?3 AND ok IS NULL RETURNING upstream, wall_ms";
    case STATEMENT_ATTEMPTS_OF:
        return "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE call=?1 ORDER BY number";
    case STATEMENT_ATTEMPTS_SETTLE:
        return "UPDATE attempts SET ok=0, reason=?1, input=input_estimated, cached=0, cache_write=0, output=0,"
               " reasoning=0, estimated=1, cost_nusd=hold_nusd WHERE ok IS NULL";
    case STATEMENT_ATTEMPTS_REMOVE:
        return "DELETE FROM attempts WHERE call=?1";
    case STATEMENT_CORRECTIONS_REMOVE:
        return "DELETE FROM corrections WHERE call=?1";
    default:
        return NULL;
    }
}

struct str store_upstream_of(struct str target)
{
    ptrdiff_t slash = str_find_char(target, '/');
    return slash < 0 ? target : str_slice(target, 0, (size_t)slash);
}

/* --- binding: results are not looked at one by one, for a failed bind (memory) makes the step fail -------------- */

static void bind_str(sqlite3_stmt *st, int at, struct str s)
{
    (void)sqlite3_bind_text64(st, at, s.len ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_i64(sqlite3_stmt *st, int at, int64_t n)
{
    (void)sqlite3_bind_int64(st, at, n);
}

static void bind_known(sqlite3_stmt *st, int at, int64_t n, int64_t unknown)
{
    if (n == unknown)
        (void)sqlite3_bind_null(st, at);
    else
        (void)sqlite3_bind_int64(st, at, n);
}

static void bind_call_close(sqlite3_stmt *st, int at, const struct store_call *c)
{
    bind_i64(st, at, c->outcome);
    bind_i64(st, at + 1, c->attempt_count);
    bind_i64(st, at + 2, c->http_status);
    bind_str(st, at + 3, c->target);
    bind_known(st, at + 4, c->first_ms, -1);
    bind_known(st, at + 5, c->total_ms, -1);
    if (c->story.len)
        bind_str(st, at + 6, c->story);
    else
        (void)sqlite3_bind_null(st, at + 6);
}

static int call_insert(struct store *s, const struct store_call *c, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_CALL_INSERT, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_clear_bindings(st);
    (void)sqlite3_bind_blob(st, 1, c->id, STORE_ID_BYTES, SQLITE_STATIC);
    bind_i64(st, 2, c->wall_ms);
    bind_i64(st, 3, c->op);
    bind_i64(st, 4, c->home);
    bind_str(st, 5, c->job);
    bind_str(st, 6, c->asked);
    bind_str(st, 7, c->key);
    bind_str(st, 8, c->tags);
    bind_str(st, 9, c->task);
    if (c->closed)
        bind_call_close(st, 10, c);
    return store_run(s, st, e);
}

static int call_close(struct store *s, const struct store_call *c, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_CALL_CLOSE, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_blob(st, 1, c->id, STORE_ID_BYTES, SQLITE_STATIC);
    bind_call_close(st, 2, c);
    return store_run(s, st, e);
}

static void bind_attempt_close(sqlite3_stmt *st, const struct store_attempt *a)
{
    bind_i64(st, 10, a->ok);
    bind_str(st, 11, a->reason);
    bind_i64(st, 12, a->input);
    bind_i64(st, 13, a->cached);
    bind_i64(st, 14, a->cache_write);
    bind_i64(st, 15, a->output);
    bind_i64(st, 16, a->reasoning);
    bind_i64(st, 17, a->estimated);
    bind_known(st, 18, a->vendor_nusd, -1);
    bind_known(st, 19, a->cost_nusd, STORE_UNKNOWN);
    bind_known(st, 20, a->first_ms, -1);
    bind_known(st, 21, a->total_ms, -1);
}

/* Runs the close of an attempt; when there was an open row, what it cost is of the hour in which that began. */
static int attempt_close_run(struct store *s, sqlite3_stmt *st, int64_t cost_nusd, struct err *e)
{
    int rc = 0, step = sqlite3_step(st);
    if (step == SQLITE_ROW) {
        const void *upstream = sqlite3_column_text(st, 0);
        size_t len = (size_t)sqlite3_column_bytes(st, 0);
        rc = store_spent_add(s, str_of(upstream, len), sqlite3_column_int64(st, 1), cost_nusd, e);
        step = sqlite3_step(st);
    }
    if (rc == 0 && step != SQLITE_DONE)
        rc = store_fail(s, "writing", e);
    (void)sqlite3_reset(st); /* repeats the error of the step, which was told above */
    return rc;
}

/* Both statements on attempts use the same parameter numbers, so one routine binds either. */
static int attempt_write(struct store *s, enum store_statement which, const struct store_call *c,
                         const struct store_attempt *a, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, which, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_clear_bindings(st);
    (void)sqlite3_bind_blob(st, 1, c->id, STORE_ID_BYTES, SQLITE_STATIC);
    bind_i64(st, 3, a->number);
    if (which == STATEMENT_ATTEMPT_INSERT) {
        bind_str(st, 2, store_upstream_of(a->target));
        bind_i64(st, 4, a->wall_ms);
        bind_str(st, 5, a->target);
        bind_i64(st, 6, a->billed ? 0 : a->regime);
        bind_i64(st, 7, a->price_row);
        bind_known(st, 8, a->hold_nusd, STORE_UNKNOWN);
        bind_i64(st, 9, a->input_estimated);
    }
    if (a->closed)
        bind_attempt_close(st, a);
    if (which == STATEMENT_ATTEMPT_CLOSE)
        bind_i64(st, 22, a->billed);
    if (which == STATEMENT_ATTEMPT_CLOSE)
        return attempt_close_run(s, st, a->cost_nusd, e);
    rc = store_run(s, st, e);
    if (rc == 0 && a->closed && sqlite3_changes(s->db))
        rc = store_spent_add(s, store_upstream_of(a->target), a->wall_ms, a->cost_nusd, e);
    return rc;
}

/* Whichever half is new: an open inserts (closed already, most of the time), a close finds its open row; when there is
 * none, the open was in a damaged part of the journal, and the close stands for both. */
static int attempt_put(struct store *s, const struct store_call *c, const struct store_attempt *a, struct err *e)
{
    assert(a->opened || a->closed);
    enum store_statement first = a->opened ? STATEMENT_ATTEMPT_INSERT : STATEMENT_ATTEMPT_CLOSE;
    enum store_statement second = a->opened ? STATEMENT_ATTEMPT_CLOSE : STATEMENT_ATTEMPT_INSERT;
    int rc = attempt_write(s, first, c, a, e);
    if (rc || sqlite3_changes(s->db) || !a->closed)
        return rc;
    return attempt_write(s, second, c, a, e);
}

int store_call_put(struct store *s, const struct store_call *c, struct err *e)
{
    assert(s->in_transaction);
    int rc = 0;
    if (c->opened || c->closed) {
        rc = c->opened ? call_insert(s, c, e) : call_close(s, c, e);
        if (rc == 0 && c->closed && sqlite3_changes(s->db) == 0)
            rc = c->opened ? call_close(s, c, e) : call_insert(s, c, e);
    }
    for (const struct store_attempt *a = c->attempts; rc == 0 && a; a = a->next)
        rc = attempt_put(s, c, a, e);
    return rc;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct row { /* copies columns of a row into an arena; `nomem` sticks */
    sqlite3_stmt *st;
    struct arena *arena;
    bool nomem;
};

static struct str column_str(struct row *r, int at)
{
    const void *text = sqlite3_column_text(r->st, at);
    size_t len = (size_t)sqlite3_column_bytes(r->st, at);
    if (!text || !len)
        return STR("");
    struct str copy = arena_dup(r->arena, str_of(text, len));
    if (!copy.ptr)
        r->nomem = true;
    return copy;
}

static int64_t column_known(const struct row *r, int at, int64_t unknown)
{
    return sqlite3_column_type(r->st, at) == SQLITE_NULL ? unknown : sqlite3_column_int64(r->st, at);
}

static struct store_attempt *read_attempt(struct row *r)
{
    struct store_attempt *a = arena_new(r->arena, struct store_attempt);
    if (!a)
        return NULL;
    a->number = sqlite3_column_int(r->st, 0);
    a->opened = true;
    a->wall_ms = sqlite3_column_int64(r->st, 1);
    a->target = column_str(r, 2);
    a->regime = sqlite3_column_int(r->st, 3);
    a->price_row = sqlite3_column_int(r->st, 4);
    a->hold_nusd = column_known(r, 5, STORE_UNKNOWN);
    a->input_estimated = sqlite3_column_int64(r->st, 6);
    a->closed = sqlite3_column_type(r->st, 7) != SQLITE_NULL;
    a->ok = sqlite3_column_int(r->st, 7) != 0;
    a->reason = column_str(r, 8);
    a->input = sqlite3_column_int64(r->st, 9);
    a->cached = sqlite3_column_int64(r->st, 10);
    a->cache_write = sqlite3_column_int64(r->st, 11);
    a->output = sqlite3_column_int64(r->st, 12);
    a->reasoning = sqlite3_column_int64(r->st, 13);
    a->estimated = sqlite3_column_int(r->st, 14) != 0;
    a->vendor_nusd = column_known(r, 15, -1);
    a->cost_nusd = column_known(r, 16, STORE_UNKNOWN);
    a->first_ms = column_known(r, 17, -1);
    a->total_ms = column_known(r, 18, -1);
    return r->nomem ? NULL : a;
}

static int read_attempts(struct store *s, struct store_call *c, struct arena *arena, struct err *e)
{
    int rc = 0;
    struct row r = {.st = store_statement(s, STATEMENT_ATTEMPTS_OF, &rc, e), .arena = arena};
    if (!r.st)
        return rc;
    (void)sqlite3_bind_blob(r.st, 1, c->id, STORE_ID_BYTES, SQLITE_STATIC);
    struct store_attempt **tail = &c->attempts;
    int step;
    while (rc == 0 && (step = sqlite3_step(r.st)) != SQLITE_DONE) {
        if (step != SQLITE_ROW)
            rc = store_fail(s, "reading attempts", e);
        else if (!(*tail = read_attempt(&r)))
            rc = err_set(e, ERR_NOMEM, "reading the ledger");
        else
            tail = &(*tail)->next;
    }
    (void)sqlite3_reset(r.st);
    return rc;
}

/* The row `st` stands on, with its attempts. */
static int read_call(struct store *s, sqlite3_stmt *st, struct arena *arena, struct store_call **out, struct err *e)
{
    struct row r = {.st = st, .arena = arena};
    struct store_call *c = arena_new(arena, struct store_call);
    if (!c)
        return err_set(e, ERR_NOMEM, "reading the ledger");
    const void *id = sqlite3_column_blob(st, 0);
    if (!id || sqlite3_column_bytes(st, 0) != STORE_ID_BYTES)
        return err_set(e, ERR_IO, "%s: a call has an id of %d bytes", s->path, sqlite3_column_bytes(st, 0));
    memcpy(c->id, id, STORE_ID_BYTES);
    c->opened = true;
    c->wall_ms = sqlite3_column_int64(st, 1);
    c->op = sqlite3_column_int(st, 2);
    c->home = sqlite3_column_int(st, 3) != 0;
    c->job = column_str(&r, 4);
    c->asked = column_str(&r, 5);
    c->key = column_str(&r, 6);
    c->tags = column_str(&r, 7);
    c->task = column_str(&r, 8);
    c->closed = sqlite3_column_type(st, 9) != SQLITE_NULL;
    c->outcome = sqlite3_column_int(st, 9);
    c->attempt_count = sqlite3_column_int(st, 10);
    c->http_status = sqlite3_column_int(st, 11);
    c->target = column_str(&r, 12);
    c->first_ms = column_known(&r, 13, -1);
    c->total_ms = column_known(&r, 14, -1);
    if (sqlite3_column_count(st) > 15)
        c->story = column_str(&r, 15);
    if (r.nomem)
        return err_set(e, ERR_NOMEM, "reading the ledger");
    int rc = read_attempts(s, c, arena, e);
    if (rc == 0)
        *out = c;
    return rc;
}

int store_call_get(struct store *s, const uint8_t id[STORE_ID_BYTES], struct arena *a, struct store_call **out,
                   struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_CALL_GET, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_blob(st, 1, id, STORE_ID_BYTES, SQLITE_STATIC);
    struct store_call *found = NULL;
    int step = sqlite3_step(st);
    if (step == SQLITE_ROW)
        rc = read_call(s, st, a, &found, e);
    else if (step != SQLITE_DONE)
        rc = store_fail(s, "reading a call", e);
    (void)sqlite3_reset(st);
    if (rc == 0)
        *out = found;
    return rc;
}

/* The lowest id of that millisecond. */
static void first_id_of(int64_t wall_ms, uint8_t out[STORE_ID_BYTES])
{
    memset(out, 0, STORE_ID_BYTES);
    for (int i = 5; i >= 0 && wall_ms > 0; i--, wall_ms >>= 8)
        out[i] = (uint8_t)wall_ms;
}

/* Each row of a bound statement. */
static int tell_calls(struct store *s, sqlite3_stmt *st, int (*fn)(const struct store_call *c, void *ctx), void *ctx,
                      struct err *e)
{
    enum { ROW_BYTES_MAX = 64 << 20 }; /* of one call with all its attempts; the journal's limits stay far below */
    int rc = 0;
    struct arena arena = ARENA_INIT(ROW_BYTES_MAX);
    struct arena_mark empty = arena_mark(&arena);
    int step;
    while (rc == 0 && (step = sqlite3_step(st)) != SQLITE_DONE) {
        struct store_call *c = NULL;
        rc = step == SQLITE_ROW ? read_call(s, st, &arena, &c, e) : store_fail(s, "reading calls", e);
        if (rc == 0)
            rc = fn(c, ctx);
        arena_reset(&arena, empty);
    }
    arena_fini(&arena);
    (void)sqlite3_reset(st);
    return rc;
}

int store_calls(struct store *s, int64_t from_ms, int64_t to_ms, int (*fn)(const struct store_call *c, void *ctx),
                void *ctx, struct err *e)
{
    bool all = from_ms == INT64_MIN && to_ms == INT64_MAX;
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, all ? STATEMENT_CALLS_ALL : STATEMENT_CALLS_FROM, &rc, e);
    if (!st)
        return rc;
    uint8_t first[STORE_ID_BYTES];
    if (!all) {
        first_id_of(from_ms > INT64_MIN + ID_AGE_MAX_MS ? from_ms - ID_AGE_MAX_MS : from_ms, first);
        (void)sqlite3_bind_blob(st, 1, first, sizeof first, SQLITE_STATIC);
        bind_i64(st, 2, from_ms);
        bind_i64(st, 3, to_ms);
    }
    return tell_calls(s, st, fn, ctx, e);
}

/* --- what is open ----------------------------------------------------------------------------------------------- */

int store_open_settle(struct store *s, int32_t outcome, struct str reason, int64_t *count, struct err *e)
{
    assert(s->in_transaction);
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_SPENT_SETTLE, &rc, e);
    if (st)
        rc = store_run(s, st, e);
    if (rc < 0)
        return rc;
    st = store_statement(s, STATEMENT_ATTEMPTS_SETTLE, &rc, e);
    if (!st)
        return rc;
    bind_str(st, 1, reason);
    rc = store_run(s, st, e);
    if (rc < 0)
        return rc;
    st = store_statement(s, STATEMENT_CALLS_SETTLE, &rc, e);
    if (!st)
        return rc;
    bind_i64(st, 1, outcome);
    rc = store_run(s, st, e);
    if (rc == 0)
        *count = sqlite3_changes(s->db);
    return rc;
}

/* --- pruning ---------------------------------------------------------------------------------------------------- */

int store_calls_closed_before(struct store *s, int64_t wall_ms, int count_max,
                              int (*fn)(const struct store_call *c, void *ctx), void *ctx, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_CALLS_CLOSED_BEFORE, &rc, e);
    if (!st)
        return rc;
    uint8_t end[STORE_ID_BYTES];
    first_id_of(wall_ms, end);
    (void)sqlite3_bind_blob(st, 1, end, sizeof end, SQLITE_STATIC);
    bind_i64(st, 2, wall_ms);
    bind_i64(st, 3, count_max);
    return tell_calls(s, st, fn, ctx, e);
}

int store_call_remove(struct store *s, const uint8_t id[STORE_ID_BYTES], struct err *e)
{
    static const enum store_statement parts[] = {STATEMENT_CORRECTIONS_REMOVE, STATEMENT_ATTEMPTS_REMOVE,
                                                 STATEMENT_CALL_REMOVE};
    assert(s->in_transaction);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < COUNT_OF(parts); i++) {
        sqlite3_stmt *st = store_statement(s, parts[i], &rc, e);
        if (!st)
            return rc;
        (void)sqlite3_bind_blob(st, 1, id, STORE_ID_BYTES, SQLITE_STATIC);
        rc = store_run(s, st, e);
    }
    return rc;
}
