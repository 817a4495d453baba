/* store_sqlite_sums.c: sums beside the rows: what each upstream cost by the hour, and what the calls of a day came to that
 * were pruned since. Both change in the transaction that changes the rows they are of, so they are never off. */
#include "base/mem.h"
#include "store/store_sqlite_priv.h"
#include <assert.h>

enum { HOUR_MS = 3600000 };
/* Two of them still fit: the sum of an hour stops here. It is more than there is money. */
static const int64_t SPENT_MAX = (int64_t)1 << 61;

#define DAY_KEY "day, job, target, regime, key"
#define DAY_SUMS \
    "calls, failed, attempts, input, cached, cache_write, output, reasoning, cost_nusd, cost_unknown, estimated"

const char *store_sql_of_sums(enum store_statement which)
{
    switch (which) {
    case STATEMENT_SPENT: return "SELECT nusd FROM spent WHERE upstream=?1 AND hour>=?2 AND hour<?3";
    case STATEMENT_HELD:
        return "SELECT hold_nusd FROM attempts INDEXED BY attempts_open"
               " WHERE ok IS NULL AND upstream=?1 AND wall_ms>=?2*3600000 AND wall_ms<?3*3600000";
    case STATEMENT_SPENT_SET:
        return "INSERT INTO spent(upstream, hour, nusd) VALUES(?1, ?2, ?3)"
               " ON CONFLICT DO UPDATE SET nusd = min(nusd + excluded.nusd, 2305843009213693952)";
    case STATEMENT_SPENT_SETTLE: /* the parts of an amount are summed apart, so that no sum overflows */
        return "INSERT INTO spent SELECT upstream, wall_ms / 3600000, CASE WHEN total(hold_nusd) >= 2305843009213693952"
               " THEN 2305843009213693952 ELSE sum(hold_nusd / 1000000000) * 1000000000 + sum(hold_nusd % 1000000000)"
               " END FROM attempts INDEXED BY attempts_open WHERE ok IS NULL AND hold_nusd IS NOT NULL"
               " GROUP BY upstream, wall_ms / 3600000"
               " ON CONFLICT DO UPDATE SET nusd = min(nusd + excluded.nusd, 2305843009213693952)";
    case STATEMENT_SPENT_REMOVE: return "DELETE FROM spent WHERE hour<?1";
    case STATEMENT_DAY_GET:
        return "SELECT " DAY_SUMS " FROM days WHERE day=?1 AND job=?2 AND target=?3 AND regime=?4 AND key=?5";
    case STATEMENT_DAY_SET:
        return "INSERT OR REPLACE INTO days(" DAY_KEY ", " DAY_SUMS ")"
               " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)";
    case STATEMENT_DAYS:
        return "SELECT " DAY_KEY ", " DAY_SUMS
               " FROM days WHERE day>=?1 AND day<?2 ORDER BY day, job, target, regime, key";
    default: return NULL;
    }
}

/* a + b of amounts that are not negative, at most INT64_MAX. */
static int64_t add_up(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void bind_str(sqlite3_stmt *st, int at, struct str s)
{
    (void)sqlite3_bind_text64(st, at, s.len ? s.ptr : "", s.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* --- by the hour ------------------------------------------------------------------------------------------------ */

static int spent_set(struct store *s, const struct store_spending *p, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_SPENT_SET, &rc, e);
    if (!st)
        return rc;
    bind_str(st, 1, p->upstream);
    (void)sqlite3_bind_int64(st, 2, p->hour);
    (void)sqlite3_bind_int64(st, 3, p->nusd < SPENT_MAX ? p->nusd : SPENT_MAX);
    return store_run(s, st, e);
}

int store_spent_flush(struct store *s, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->spent_count; i++)
        rc = spent_set(s, &s->spent[i], e);
    s->spent_count = s->spent_names_used = 0;
    return rc;
}

int store_spent_add(struct store *s, struct str upstream, int64_t wall_ms, int64_t nusd, struct err *e)
{
    if (nusd == STORE_UNKNOWN || nusd == 0)
        return 0;
    int64_t hour = wall_ms / HOUR_MS;
    for (size_t i = 0; i < s->spent_count; i++)
        if (s->spent[i].hour == hour && str_eq(s->spent[i].upstream, upstream)) {
            s->spent[i].nusd = add_up(s->spent[i].nusd, nusd);
            return 0;
        }
    if (upstream.len > SPENT_NAMES_MAX)
        return spent_set(s, &(struct store_spending){.upstream = upstream, .hour = hour, .nusd = nusd}, e);
    int rc = 0;
    if (s->spent_count == SPENT_PENDING_MAX || upstream.len > SPENT_NAMES_MAX - s->spent_names_used)
        rc = store_spent_flush(s, e);
    if (rc < 0)
        return rc;
    char *name = s->spent_names + s->spent_names_used;
    if (upstream.len)
        memcpy(name, upstream.ptr, upstream.len);
    s->spent_names_used += upstream.len;
    s->spent[s->spent_count++] = (struct store_spending){str_of(name, upstream.len), hour, nusd};
    return 0;
}

static int read_sum(struct store *s, enum store_statement which, struct str upstream, int64_t from_hour,
                    int64_t to_hour, int64_t *nusd, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, which, &rc, e);
    if (!st)
        return rc;
    bind_str(st, 1, upstream);
    (void)sqlite3_bind_int64(st, 2, from_hour);
    (void)sqlite3_bind_int64(st, 3, to_hour);
    int step;
    while ((step = sqlite3_step(st)) == SQLITE_ROW)
        *nusd = add_up(*nusd, sqlite3_column_int64(st, 0)); /* an unknown amount reads as 0 */
    if (step != SQLITE_DONE)
        rc = store_fail(s, "summing what was spent", e);
    (void)sqlite3_reset(st);
    return rc;
}

int store_spent(struct store *s, struct str upstream, int64_t from_ms, int64_t to_ms, int64_t *nusd, struct err *e)
{
    assert(from_ms % HOUR_MS == 0 && to_ms % HOUR_MS == 0);
    int64_t sum = 0;
    int rc = read_sum(s, STATEMENT_SPENT, upstream, from_ms / HOUR_MS, to_ms / HOUR_MS, &sum, e);
    if (rc == 0)
        rc = read_sum(s, STATEMENT_HELD, upstream, from_ms / HOUR_MS, to_ms / HOUR_MS, &sum, e);
    if (rc == 0)
        *nusd = sum;
    return rc;
}

int store_spent_remove(struct store *s, int64_t before_ms, struct err *e)
{
    assert(s->in_transaction);
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_SPENT_REMOVE, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_int64(st, 1, before_ms / HOUR_MS);
    return store_run(s, st, e);
}

/* --- by the day, of what was pruned ----------------------------------------------------------------------------- */

/* The columns of DAY_SUMS, in their order. */
static int64_t *sum_of(struct store_day *d, int i)
{
    int64_t *const sums[STORE_DAY_SUMS] = {&d->calls,     &d->failed,       &d->attempts, &d->input,
                                           &d->cached,    &d->cache_write,  &d->output,   &d->reasoning,
                                           &d->cost_nusd, &d->cost_unknown, &d->estimated};
    return sums[i];
}

static void bind_day_key(sqlite3_stmt *st, const struct store_day *d)
{
    (void)sqlite3_bind_int64(st, 1, d->day);
    bind_str(st, 2, d->job);
    bind_str(st, 3, d->target);
    (void)sqlite3_bind_int64(st, 4, d->regime);
    bind_str(st, 5, d->key);
}

int store_day_add(struct store *s, const struct store_day *d, struct err *e)
{
    assert(s->in_transaction);
    struct store_day sum = *d;
    int rc = 0;
    sqlite3_stmt *get = store_statement(s, STATEMENT_DAY_GET, &rc, e);
    sqlite3_stmt *set = get ? store_statement(s, STATEMENT_DAY_SET, &rc, e) : NULL;
    if (!set)
        return rc;
    bind_day_key(get, d);
    int step = sqlite3_step(get);
    for (int i = 0; step == SQLITE_ROW && i < STORE_DAY_SUMS; i++)
        *sum_of(&sum, i) = add_up(*sum_of(&sum, i), sqlite3_column_int64(get, i));
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = store_fail(s, "reading a day's sums", e);
    (void)sqlite3_reset(get);
    if (rc < 0)
        return rc;
    bind_day_key(set, d);
    for (int i = 0; i < STORE_DAY_SUMS; i++)
        (void)sqlite3_bind_int64(set, 6 + i, *sum_of(&sum, i));
    return store_run(s, set, e);
}

static struct str column(sqlite3_stmt *st, int at)
{
    const void *text = sqlite3_column_text(st, at);
    return text ? str_of(text, (size_t)sqlite3_column_bytes(st, at)) : STR("");
}

int store_days(struct store *s, int64_t from_day, int64_t to_day, int (*fn)(const struct store_day *d, void *ctx),
               void *ctx, struct err *e)
{
    int rc = 0;
    sqlite3_stmt *st = store_statement(s, STATEMENT_DAYS, &rc, e);
    if (!st)
        return rc;
    (void)sqlite3_bind_int64(st, 1, from_day);
    (void)sqlite3_bind_int64(st, 2, to_day);
    int step = SQLITE_DONE;
    while (rc == 0 && (step = sqlite3_step(st)) == SQLITE_ROW) {
        struct store_day d = {.day = sqlite3_column_int64(st, 0),
                              .job = column(st, 1),
                              .target = column(st, 2),
                              .regime = sqlite3_column_int(st, 3),
                              .key = column(st, 4)};
        for (int i = 0; i < STORE_DAY_SUMS; i++)
            *sum_of(&d, i) = sqlite3_column_int64(st, 5 + i);
        rc = fn(&d, ctx);
    }
    if (rc == 0 && step != SQLITE_DONE)
        rc = store_fail(s, "reading the sums of days", e);
    (void)sqlite3_reset(st);
    return rc;
}
