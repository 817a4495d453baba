/* budget.c: windows of spending. A hold reserves the worst case before an attempt leaves; settling replaces it by the
 * truth. What was spent before this process began, or before the budget was configured, is read from the books.
 *
 * Clocks jump: forward, when a machine without one learns the time or somebody errs, and back again. So a budget remembers
 * the sums of a few windows, and who returns to one finds what was spent in it. A jump back to a window it does not know
 * opens none: until the clock is past it again, what is spent counts in the window that was left.
 *
 * The three numbers of a window (spent, reserved, which window it is) must change together, and are more than one atomic
 * holds. So they stand behind a spin lock of a few dozen instructions, with no call out of it: racing takers can never
 * reserve more than fits, and a loop waits nanoseconds, or a yield when the holder was taken off its core. */
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <assert.h>
#include <sched.h>

enum { HOUR_MS = 3600000, DAY_MS = 86400000, SPINS_BEFORE_YIELD = 100, WINDOWS_KEPT = 8 };

struct window_sum {
    int64_t window, spent, reserved;
    int64_t holds; /* to be settled in it, those of nothing included: it stays while there are any */
};

struct budget {
    struct budget *next;    /* in the ledger's list */
    char *upstream;         /* owned */
    enum budget_span span;
    _Atomic int64_t limit;  /* alone, it may change at any time */
    bool left;              /* spending went on without it; guarded by the ledger's budgets_lock */
    atomic_flag busy;       /* guards all below */
    struct window_sum sum[WINDOWS_KEPT]; /* `count` of them, in no order */
    int count, current;     /* the one that holds are taken in */
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

/* NULL for a window that is not known. Under the lock. */
static struct window_sum *sum_of(struct budget *b, int64_t window)
{
    for (int i = 0; i < b->count; i++)
        if (b->sum[i].window == window)
            return &b->sum[i];
    return NULL;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* In place of the window furthest away, but of none that holds wait to be settled in. NULL when there is no such one. */
static struct window_sum *new_window(struct budget *b, int64_t window)
{
    int at = b->count < WINDOWS_KEPT ? b->count++ : -1;
    bool full = at < 0;
    for (int i = 0; full && i < b->count; i++)
        if (!b->sum[i].holds && (at < 0 || distance(b->sum[i].window, window) > distance(b->sum[at].window, window)))
            at = i;
    if (at < 0)
        return NULL;
    b->sum[at] = (struct window_sum){.window = window};
    return &b->sum[at];
}

/* Makes the window of that moment the current one, if it is known, or a later one. Under the lock. */
static struct window_sum *roll(struct budget *b, int64_t window)
{
    if (b->sum[b->current].window != window) {
        struct window_sum *s = sum_of(b, window);
        if (!s && window > b->sum[b->current].window)
            s = new_window(b, window);
        if (s)
            b->current = (int)(s - b->sum);
    }
    return &b->sum[b->current];
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
    struct window_sum *now = roll(b, window);
    bool fits = add_up(add_up(now->spent, now->reserved), worst_nusd) <= limit;
    if (fits) {
        now->reserved += worst_nusd;
        now->holds++;
    }
    window = now->window;
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
    assert(sum && sum->reserved >= h->nusd); /* windows with holds stay */
    sum->reserved -= h->nusd;
    sum->holds--;
    sum->spent = add_up(sum->spent, cost);
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

int64_t budget_limit(const struct budget *b)
{
    return atomic_load_explicit(&b->limit, memory_order_relaxed);
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

/* What was spent in other windows meanwhile is not known. Under the lock. */
static void forget_others(struct budget *b)
{
    struct window_sum now = b->sum[b->current];
    int kept = 0;
    for (int i = 0; i < b->count; i++)
        if (i != b->current && b->sum[i].reserved)
            b->sum[kept++] = b->sum[i];
    b->sum[kept] = now;
    b->current = kept;
    b->count = kept + 1;
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
    struct window_sum *now = roll(b, window);
    if (now->window == window)
        now->spent = spent;
    forget_others(b);
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
    b->count = 1;
    b->sum[0].window = window_of(span, clock_wall_ms(l->clock));
    int rc = read_books(b, b->sum[0].window, l, &b->sum[0].spent, e);
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
