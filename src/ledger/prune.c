/* prune.c: what is older than `ledger.keep` goes, and the sums of its days stay: by day, job, target, regime and key, so
 * that a report by any of these over a long time is the same before and after. Tags, tasks and single calls are forgotten.
 *
 * Whole days (UTC) are pruned, a few calls at a time, each few in one transaction with the sums they add to: a crash
 * leaves every call in exactly one of the two. Calls in flight stay, however old, and go once they are closed. The pages
 * that become free are used again by the store; its file does not shrink. */
#include "ledger/ledger_priv.h"
#include <unistd.h>

enum {
    DAY_MS = 86400000,
    STEP_CALLS = 128,  /* in one transaction: some milliseconds, less than a fold */
    PAUSE_CALLS = 8,   /* about 50 us */
    SPENT_DAYS = 62,   /* the hours of spending that a month's budget may be read from, and the month before */
};

struct pruning {
    struct store *db;
    uint8_t id[STEP_CALLS][STORE_ID_BYTES];
    int count;
    void (*pause)(void *ctx);
    void *pause_ctx;
    struct err *e;
};

static int book_in_its_day(const struct store_call *c, void *ctx)
{
    struct pruning *p = ctx;
    struct usage_call u = usage_call_of(c);
    struct usage_group sums = usage_group_of(&u);
    struct store_day day = {
        .day = u.wall_ms / DAY_MS, .job = u.job, .target = u.target, .regime = u.attempts ? (int32_t)u.regime : -1,
        .key = u.key, .calls = sums.calls, .failed = sums.failed, .attempts = sums.attempts, .input = sums.usage.input,
        .cached = sums.usage.cached, .cache_write = sums.usage.cache_write, .output = sums.usage.output,
        .reasoning = sums.usage.reasoning, .cost_nusd = sums.cost_nusd, .cost_unknown = sums.cost_unknown,
        .estimated = sums.estimated};
    memcpy(p->id[p->count++], c->id, STORE_ID_BYTES);
    if (p->pause && p->count % PAUSE_CALLS == 0)
        p->pause(p->pause_ctx);
    return store_day_add(p->db, &day, p->e);
}

static int prune_some(struct pruning *p, int64_t before_ms, struct err *e)
{
    int rc = store_calls_closed_before(p->db, before_ms, STEP_CALLS, book_in_its_day, p, e);
    for (int i = 0; rc == 0 && i < p->count; i++) {
        rc = store_call_remove(p->db, p->id[i], e);
        if (p->pause && i % PAUSE_CALLS == 0)
            p->pause(p->pause_ctx);
    }
    return rc;
}

/* The first moment that is kept. */
static int64_t horizon_ms(const struct ledger *l, int64_t now_ms)
{
    return (now_ms - l->keep_ms) / DAY_MS * DAY_MS;
}

static int prune_step(struct ledger *l, struct pruning *p, struct err *e)
{
    int64_t now_ms = clock_wall_ms(l->clock), before_ms = horizon_ms(l, now_ms);
    int64_t spent_ms = horizon_ms(l, now_ms - SPENT_DAYS * (int64_t)DAY_MS);
    if (before_ms <= 0)
        return 0;
    int rc = store_begin(p->db, e);
    if (rc == 0)
        rc = prune_some(p, before_ms, e);
    if (rc == 0 && spent_ms > 0)
        rc = store_spent_remove(p->db, spent_ms, e);
    if (rc == 0)
        rc = store_commit(p->db, e);
    store_rollback(p->db);
    return rc;
}

int ledger_prune(struct ledger *l, void (*pause)(void *ctx), void *pause_ctx, bool *more, struct err *e)
{
    *more = false;
    /* A segment that could not be removed is folded once more at the next start: its calls must be there to be known. */
    if (!l->keep_ms || l->keeper.segment_left || (!l->keeper.db && access(l->db_path, F_OK) != 0))
        return 0;
    int rc = l->keeper.db ? 0 : store_open(&l->keeper.db, l->db_path, false, e);
    struct pruning p = {.db = l->keeper.db, .pause = pause, .pause_ctx = pause_ctx, .e = e};
    if (rc == 0)
        rc = prune_step(l, &p, e);
    *more = rc == 0 && p.count == STEP_CALLS;
    return rc;
}
