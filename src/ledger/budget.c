/* budget.c: windows of spending. A hold reserves the worst case before an attempt leaves; settling replaces it by the
 * truth. What was spent before this process began, or before the budget was configured, is read from the books.
 *
 * The three numbers of a window (spent, reserved, which window it is) must change together, and are more than one atomic
 * holds. So they stand behind a spin lock of a few dozen instructions, with no call out of it: racing takers can never
 * reserve more than fits, and a loop waits nanoseconds, or a yield when the holder was taken off its core. */
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <assert.h>
#include <sched.h>

enum { HOUR_MS = 3600000, DAY_MS = 86400000, SPINS_BEFORE_YIELD = 100 };

struct window_sum {
    int64_t spent, reserved;
};

struct budget {
    struct budget *next;    /* in the ledger's list */
    char *upstream;         /* owned */
    enum budget_span span;
    _Atomic int64_t limit;  /* alone, it may change at any time */
    bool left;              /* spending went on without it; guarded by the ledger's budgets_lock */
    atomic_flag busy;       /* guards all below */
    int64_t window;         /* never goes back: a clock that steps back does not reopen a window */
    struct window_sum now, before; /* of this window and of the one before it */
};

static void budget_lock(struct budget *b)
{
    for (int spins = 0; atomic_flag_test_and_set_explicit(&b->busy, memory_order_acquire); spins++)
        if (spins >= SPINS_BEFORE_YIELD)
            (void)sched_yield();
}

static void budget_unlock(struct budget *b)
{
    atomic_flag_clear_explicit(&b->busy, memory_order_release);
}

/* --- windows ---------------------------------------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Numbers of neighbouring windows are neighbours. Borders are UTC. */
static int64_t window_of(enum budget_span span, int64_t wall_ms)
{
    if (span == BUDGET_HOUR)
        return floor_div(wall_ms, HOUR_MS);
    if (span == BUDGET_DAY)
        return floor_div(wall_ms, DAY_MS);
    struct civil c = civil_from_ms(wall_ms);
    return (int64_t)c.year * 12 + c.month - 1;
}

static int64_t window_start_ms(enum budget_span span, int64_t window)
{
    if (span == BUDGET_HOUR)
        return window * HOUR_MS;
    if (span == BUDGET_DAY)
        return window * DAY_MS;
    struct civil c = {.year = (int)floor_div(window, 12), .day = 1};
    c.month = (int)(window - (int64_t)c.year * 12) + 1;
    return civil_to_ms(&c);
}

/* Makes the window of that moment the current one, unless it is past. Under the lock. */
static void roll(struct budget *b, int64_t window)
{
    if (window <= b->window)
        return;
    b->before = window == b->window + 1 ? b->now : (struct window_sum){0};
    b->now = (struct window_sum){0};
    b->window = window;
}

/* The sums of a window, NULL for one that is neither the current nor the one before. Under the lock. */
static struct window_sum *sum_of(struct budget *b, int64_t window)
{
    return window == b->window ? &b->now : window == b->window - 1 ? &b->before : NULL;
}

/* --- holds ------------------------------------------------------------------------------------------------------ */

/* a + b, at most INT64_MAX, of amounts that are not negative. */
static int64_t add_up(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

int budget_take(struct budget *b, int64_t worst_nusd, int64_t wall_ms, struct hold *out)
{
    if (worst_nusd == COST_UNKNOWN)
        return ERR_BUDGET;
    assert(worst_nusd >= 0);
    int64_t window = window_of(b->span, wall_ms);
    int64_t limit = atomic_load_explicit(&b->limit, memory_order_relaxed);
    budget_lock(b);
    roll(b, window);
    bool fits = add_up(add_up(b->now.spent, b->now.reserved), worst_nusd) <= limit;
    if (fits)
        b->now.reserved += worst_nusd;
    window = b->window;
    budget_unlock(b);
    if (!fits)
        return ERR_BUDGET;
    *out = (struct hold){.budget = b, .nusd = worst_nusd, .window = window};
    return 0;
}

/* A cost that is not known is charged at the hold: less would let a window be overdrawn unseen. */
void budget_settle(struct hold *h, int64_t cost_nusd)
{
    struct budget *b = h->budget;
    assert(b); /* settled twice, or never taken */
    int64_t cost = cost_nusd == COST_UNKNOWN ? h->nusd : cost_nusd;
    assert(cost >= 0);
    budget_lock(b);
    struct window_sum *sum = sum_of(b, h->window);
    if (sum) {
        assert(sum->reserved >= h->nusd);
        sum->reserved -= h->nusd;
        sum->spent = add_up(sum->spent, cost);
    }
    budget_unlock(b);
    h->budget = NULL;
}

/* Reading takes the lock too; it changes nothing else, so the object is constant to the caller. */
static struct window_sum read_window(const struct budget *shared, int64_t wall_ms)
{
    struct budget *b = (struct budget *)shared;
    int64_t window = window_of(b->span, wall_ms);
    budget_lock(b);
    const struct window_sum *sum = sum_of(b, window);
    struct window_sum found = sum ? *sum : (struct window_sum){0};
    budget_unlock(b);
    return found;
}

int64_t budget_spent(const struct budget *b, int64_t wall_ms)
{
    return read_window(b, wall_ms).spent;
}

int64_t budget_reserved(const struct budget *b, int64_t wall_ms)
{
    return read_window(b, wall_ms).reserved;
}

/* --- making them ------------------------------------------------------------------------------------------------ */

static void budget_free(struct budget *b)
{
    if (!b)
        return;
    mem_free(b->upstream);
    mem_free(b);
}

void budgets_free(struct budget *list)
{
    while (list) {
        struct budget *next = list->next;
        budget_free(list);
        list = next;
    }
}

static int read_books(const struct budget *b, int64_t window, struct ledger *l, int64_t *spent, struct err *e)
{
    struct ledger_reader *r = NULL;
    int rc = ledger_reader_open(&r, str_from(l->dir), e);
    if (rc == 0)
        rc = reader_spent(r, str_from(b->upstream), window_start_ms(b->span, window),
                          window_start_ms(b->span, window + 1), spent, e);
    ledger_reader_close(r);
    return rc;
}

/* A window that comes back. Holds of before are still reserved and stand in the books as open, too: until they are
 * settled the window looks fuller than it is, never emptier. */
static int come_back(struct budget *b, struct ledger *l, struct err *e)
{
    int64_t spent = 0, window = window_of(b->span, clock_wall_ms(l->clock));
    int rc = read_books(b, window, l, &spent, e);
    if (rc < 0)
        return rc;
    budget_lock(b);
    roll(b, window);
    if (b->window == window)
        b->now.spent = spent;
    budget_unlock(b);
    b->left = false;
    return 0;
}

static int make(struct budget **out, struct ledger *l, struct str upstream, enum budget_span span, struct err *e)
{
    struct budget *b = new0(struct budget);
    AUTO_BUF struct buf name = BUF_INIT(upstream.len + 1);
    if (b && buf_append(&name, upstream) == 0 && buf_text(&name))
        b->upstream = mem_dup_text(name.ptr);
    if (!b || !b->upstream) {
        budget_free(b);
        return err_set(e, ERR_NOMEM, "the budget of %.*s", STR_FMT(upstream));
    }
    b->span = span;
    atomic_flag_clear(&b->busy);
    b->window = window_of(span, clock_wall_ms(l->clock));
    int rc = read_books(b, b->window, l, &b->now.spent, e);
    if (rc < 0) {
        budget_free(b);
        return rc;
    }
    *out = b;
    return 0;
}

static struct budget *find(const struct ledger *l, struct str upstream, enum budget_span span)
{
    struct budget *b = l->budgets;
    while (b && !(b->span == span && str_eq(str_from(b->upstream), upstream)))
        b = b->next;
    return b;
}

int ledger_budget(struct budget **out, struct ledger *l, struct str upstream, enum budget_span span, int64_t limit_nusd,
                  struct err *e)
{
    assert(limit_nusd >= 0 && upstream.len);
    int rc = 0;
    (void)pthread_mutex_lock(&l->budgets_lock);
    struct budget *b = find(l, upstream, span);
    if (!b && (rc = make(&b, l, upstream, span, e)) == 0) {
        b->next = l->budgets;
        l->budgets = b;
    }
    if (rc == 0 && b->left)
        rc = come_back(b, l, e);
    if (rc == 0)
        atomic_store_explicit(&b->limit, limit_nusd, memory_order_relaxed);
    (void)pthread_mutex_unlock(&l->budgets_lock);
    if (rc == 0)
        *out = b;
    return rc;
}

void ledger_budget_leave(struct ledger *l, struct str upstream, enum budget_span span)
{
    (void)pthread_mutex_lock(&l->budgets_lock);
    struct budget *b = find(l, upstream, span);
    if (b)
        b->left = true;
    (void)pthread_mutex_unlock(&l->budgets_lock);
}
