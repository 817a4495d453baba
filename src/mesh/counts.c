/* counts.c: a loop's numbers; see counts.h. Rows are only ever added, so a reader needs no lock: it sees a row when its
 * number is there. One loop writes, so an add is a load and a store. */
#include "mesh/counts.h"
#include "base/mem.h"
#include "ledger/ledger.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

enum { JOB_ROWS_MAX = 512, TARGET_ROWS_MAX = 1024, OTHER = 0 /* the row of what has no room */ };
static_assert((int)REASON_COUNT <= (int)COUNT_REASONS_MAX, "every reason has its place");
static_assert((int)CALL_LOST + 1 == (int)COUNT_OUTCOMES, "every outcome has its place");

const int64_t count_first_ms[COUNT_BUCKETS] = {50, 100, 250, 500, 1000, 2500, 5000, 10000, 20000, 30000, 60000, 120000};
const int64_t count_total_ms[COUNT_BUCKETS] = {100,   250,   500,   1000,   2500,   5000,
                                               10000, 30000, 60000, 120000, 300000, 900000};

struct mesh_counts {
    _Atomic int64_t open_calls;
    atomic_int job_rows, target_rows; /* stored with release when a row is whole, loaded with acquire by readers */
    _Atomic(struct count_calls *) job[JOB_ROWS_MAX];          /* owned, with their names behind them */
    _Atomic(struct count_attempts *) target[TARGET_ROWS_MAX]; /* likewise */
};

static void bump(_Atomic uint64_t *n, uint64_t by)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by, memory_order_relaxed);
}

static uint64_t read_one(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* --- rows ----------------------------------------------------------------------------------------------------------------- */

/* A row with its name behind it; `name_at`: where the row keeps it. */
static void *row_new(size_t bytes, size_t name_at, struct str name)
{
    char *row = mem_zalloc(bytes + name.len + 1);
    if (!row)
        return NULL;
    if (name.len)
        memcpy(row + bytes, name.ptr, name.len);
    *(struct str *)(void *)(row + name_at) = str_of(row + bytes, name.len);
    return row;
}

/* The number of the row of that name; made when there is none. OTHER when there is no room, negative without memory. `hint`
 * is looked at first: loops make their rows in the same order. */
static int job_row(struct mesh_counts *k, struct str name, int hint)
{
    int rows = mesh_counts_jobs(k);
    if (hint < rows && str_eq(mesh_counts_job(k, hint)->name, name))
        return hint;
    for (int i = 0; i < rows; i++)
        if (str_eq(mesh_counts_job(k, i)->name, name))
            return i;
    if (rows == JOB_ROWS_MAX)
        return OTHER;
    struct count_calls *row = row_new(sizeof *row, offsetof(struct count_calls, name), name);
    if (!row)
        return ERR_NOMEM;
    atomic_store_explicit(&k->job[rows], row, memory_order_relaxed);
    atomic_store_explicit(&k->job_rows, rows + 1, memory_order_release);
    return rows;
}

static int target_row(struct mesh_counts *k, struct str name, int hint)
{
    int rows = mesh_counts_targets(k);
    if (hint < rows && str_eq(mesh_counts_target(k, hint)->name, name))
        return hint;
    for (int i = 0; i < rows; i++)
        if (str_eq(mesh_counts_target(k, i)->name, name))
            return i;
    if (rows == TARGET_ROWS_MAX)
        return OTHER;
    struct count_attempts *row = row_new(sizeof *row, offsetof(struct count_attempts, name), name);
    if (!row)
        return ERR_NOMEM;
    atomic_store_explicit(&k->target[rows], row, memory_order_relaxed);
    atomic_store_explicit(&k->target_rows, rows + 1, memory_order_release);
    return rows;
}

int mesh_counts_open(struct mesh_counts **out, struct err *e)
{
    struct mesh_counts *k = new0(struct mesh_counts);
    if (!k || job_row(k, STR("other"), 0) != OTHER || target_row(k, STR("other"), 0) != OTHER) {
        mesh_counts_close(k);
        return err_set(e, ERR_NOMEM, "counters");
    }
    *out = k;
    return 0;
}

void mesh_counts_close(struct mesh_counts *k)
{
    for (int i = 0; k && i < mesh_counts_jobs(k); i++)
        mem_free(atomic_load(&k->job[i]));
    for (int i = 0; k && i < mesh_counts_targets(k); i++)
        mem_free(atomic_load(&k->target[i]));
    mem_free(k);
}

int64_t mesh_counts_open_calls(const struct mesh_counts *k)
{
    return k ? atomic_load_explicit(&k->open_calls, memory_order_relaxed) : 0;
}

void count_open_call(const struct mesh_loop *ml, int by)
{
    if (ml->counts)
        atomic_store_explicit(&ml->counts->open_calls, mesh_counts_open_calls(ml->counts) + by, memory_order_relaxed);
}

int mesh_counts_jobs(const struct mesh_counts *k)
{
    return atomic_load_explicit(&k->job_rows, memory_order_acquire);
}

const struct count_calls *mesh_counts_job(const struct mesh_counts *k, int i)
{
    return atomic_load_explicit(&k->job[i], memory_order_relaxed);
}

int mesh_counts_targets(const struct mesh_counts *k)
{
    return atomic_load_explicit(&k->target_rows, memory_order_acquire);
}

const struct count_attempts *mesh_counts_target(const struct mesh_counts *k, int i)
{
    return atomic_load_explicit(&k->target[i], memory_order_relaxed);
}

/* --- a mesh_loop's rows ------------------------------------------------------------------------------------------------------ */

/* By index of the mesh: jobs, then "-", then targets, then what is asked of upstreams by name. */
int counts_bind(struct mesh_loop *ml, struct err *e)
{
    const struct mesh *m = ml->mesh;
    AUTO_BUF struct buf name = BUF_INIT(1 * KiB);
    if (!ml->counts)
        return 0;
    size_t rows = (size_t)m->job_count + 1 + (size_t)m->target_count + (size_t)m->upstream_count;
    int *row = ml->count_row = new0_array(int, rows);
    bool fine = row != NULL;
    for (int i = 0; fine && i <= m->job_count; i++)
        fine = (*row++ = job_row(ml->counts, i < m->job_count ? m->job[i].name : STR("-"), i + 1)) >= 0;
    for (int i = 0; fine && i < m->target_count; i++)
        fine = (*row++ = target_row(ml->counts, m->target[i].name, i + 1)) >= 0;
    for (int i = 0; fine && i < m->upstream_count; i++) {
        buf_clear(&name);
        fine = buf_append_format(&name, "%.*s/other", STR_FMT(m->upstream[i].name)) == 0 &&
               (*row++ = target_row(ml->counts, buf_str(&name), m->target_count + i + 1)) >= 0;
    }
    return fine ? 0 : err_set(e, ERR_NOMEM, "counters");
}

static struct count_calls *row_of_job(const struct mesh_loop *ml, const struct job *j)
{
    return atomic_load_explicit(&ml->counts->job[ml->count_row[j ? j->index : ml->mesh->job_count]],
                                memory_order_relaxed);
}

static struct count_attempts *row_of_target(const struct mesh_loop *ml, const struct target *t)
{
    const struct mesh *m = ml->mesh;
    bool named = t->state != t->up->direct; /* else it was made for one call */
    int at = m->job_count + 1 + (named ? (int)(t - m->target) : m->target_count + t->up->index);
    return atomic_load_explicit(&ml->counts->target[ml->count_row[at]], memory_order_relaxed);
}

/* --- counting ----------------------------------------------------------------------------------------------------------------- */

static void note(struct count_histogram *h, const int64_t *ends, int64_t ms)
{
    int i = 0;
    while (i < COUNT_BUCKETS && ms > ends[i])
        i++;
    bump(&h->bucket[i], 1);
    bump(&h->sum_ms, (uint64_t)ms);
}

void count_conversation(const struct mesh_loop *ml, const struct job *j, bool stayed)
{
    if (ml->counts)
        bump(stayed ? &row_of_job(ml, j)->stayed : &row_of_job(ml, j)->moved, 1);
}

void count_call(const struct mesh_loop *ml, const struct job *j, const struct ledger_call_close *r)
{
    if (!ml->counts)
        return;
    struct count_calls *k = row_of_job(ml, j);
    bump(&k->outcome[r->outcome], 1);
    if (r->first_ms >= 0)
        note(&k->first, count_first_ms, r->first_ms);
    note(&k->total, count_total_ms, r->total_ms);
}

void count_attempt(const struct mesh_loop *ml, const struct target *t, enum reason reason,
                   const struct ledger_attempt_close *r)
{
    if (!ml->counts)
        return;
    struct count_attempts *k = row_of_target(ml, t);
    const int64_t token[COUNT_CLASSES] = {r->usage.input, r->usage.cached, r->usage.cache_write, r->usage.output,
                                          r->usage.reasoning};
    bump(&k->reason[reason], 1);
    if (r->first_ms >= 0)
        note(&k->first, count_first_ms, r->first_ms);
    note(&k->total, count_total_ms, r->total_ms);
    for (int i = 0; i < COUNT_CLASSES; i++)
        if (token[i] > 0)
            bump(&k->token[i], (uint64_t)token[i]);
    if (r->cost_nusd == COST_UNKNOWN)
        bump(&k->cost_unknown, 1);
    else
        bump(&k->cost_nusd, (uint64_t)r->cost_nusd);
    if (!r->usage.reported)
        bump(&k->estimated, 1);
}

/* --- adding up ----------------------------------------------------------------------------------------------------------------- */

static void add_histogram(struct count_histogram *into, const struct count_histogram *from)
{
    for (int i = 0; i <= COUNT_BUCKETS; i++)
        bump(&into->bucket[i], read_one(&from->bucket[i]));
    bump(&into->sum_ms, read_one(&from->sum_ms));
}

static void add_job(struct count_calls *into, const struct count_calls *from)
{
    for (int i = 0; i < COUNT_OUTCOMES; i++)
        bump(&into->outcome[i], read_one(&from->outcome[i]));
    add_histogram(&into->first, &from->first);
    add_histogram(&into->total, &from->total);
    bump(&into->moved, read_one(&from->moved));
    bump(&into->stayed, read_one(&from->stayed));
}

static void add_target(struct count_attempts *into, const struct count_attempts *from)
{
    for (int i = 0; i < COUNT_REASONS_MAX; i++)
        bump(&into->reason[i], read_one(&from->reason[i]));
    for (int i = 0; i < COUNT_CLASSES; i++)
        bump(&into->token[i], read_one(&from->token[i]));
    add_histogram(&into->first, &from->first);
    add_histogram(&into->total, &from->total);
    bump(&into->cost_nusd, read_one(&from->cost_nusd));
    bump(&into->cost_unknown, read_one(&from->cost_unknown));
    bump(&into->estimated, read_one(&from->estimated));
}

int mesh_counts_add(struct mesh_counts *into, const struct mesh_counts *from)
{
    for (int i = 0; i < mesh_counts_jobs(from); i++) {
        int row = job_row(into, mesh_counts_job(from, i)->name, i);
        if (row < 0)
            return row;
        add_job(atomic_load(&into->job[row]), mesh_counts_job(from, i));
    }
    for (int i = 0; i < mesh_counts_targets(from); i++) {
        int row = target_row(into, mesh_counts_target(from, i)->name, i);
        if (row < 0)
            return row;
        add_target(atomic_load(&into->target[row]), mesh_counts_target(from, i));
    }
    return 0;
}

const char *mesh_reason_name(int reason)
{
    return reason >= 0 && reason < REASON_COUNT ? reason_row((enum reason)reason)->name : NULL;
}

/* --- how things stand -------------------------------------------------------------------------------------------------------------- */

static int breaker_state(struct breaker *b, int64_t now_ms)
{
    int64_t wait_ms;
    switch (breaker_look(b, now_ms, &wait_ms)) {
    case BREAKER_CLOSED: return 0;
    case BREAKER_PROBE: return 1;
    case BREAKER_OPEN: break;
    }
    return atomic_load_explicit(&b->probing, memory_order_relaxed) ? 1 : 2; /* its one probe is out */
}

int mesh_gauges(const struct mesh *m, int (*fn)(const struct mesh_gauge *g, void *ctx), void *ctx)
{
    int64_t now_ms = clock_mono_us(m->clock) / 1000;
    int rc = 0;
    for (int i = 0; rc == 0 && i < m->target_count; i++) {
        const struct target *t = &m->target[i];
        rc = fn(&(struct mesh_gauge){.target = t->name,
                                     .upstream = t->up->name,
                                     .breaker = breaker_state(&t->state->breaker, now_ms),
                                     .spill_percent = spill_percent(t, now_ms)},
                ctx);
    }
    for (int i = 0; rc == 0 && i < m->upstream_count; i++) {
        const struct upstream *u = &m->upstream[i];
        int in_flight = atomic_load_explicit(&u->state->in_flight, memory_order_relaxed);
        rc = fn(&(struct mesh_gauge){.upstream = u->name, .in_flight = in_flight,
                                     .waiting = atomic_load_explicit(&u->state->waiting, memory_order_relaxed)}, ctx);
    }
    return rc;
}

int mesh_budgets(const struct mesh *m, int (*fn)(const struct mesh_budget *b, void *ctx), void *ctx)
{
    static const char *const window[] = {[BUDGET_HOUR] = "hour", [BUDGET_DAY] = "day", [BUDGET_MONTH] = "month"};
    int64_t wall_ms = clock_wall_ms(m->clock);
    int rc = 0;
    for (int i = 0; i < m->upstream_count; i++) {
        const struct upstream *u = &m->upstream[i];
        for (size_t span = 0; rc == 0 && span < COUNT_OF(u->budget); span++) {
            const struct budget *b = u->budget[span];
            if (b)
                rc = fn(&(struct mesh_budget){.upstream = u->name,
                                              .window = window[span],
                                              .spent_nusd = budget_spent(b, wall_ms),
                                              .held_nusd = budget_reserved(b, wall_ms),
                                              .limit_nusd = budget_limit(b)},
                        ctx);
        }
    }
    return rc;
}

void mesh_ceilings(const struct mesh *m, struct mesh_ceilings *out)
{
    *out = (struct mesh_ceilings){-1, -1, -1, -1};
    if (m->calls) {
        out->calls = atomic_load_explicit(&m->calls->used, memory_order_relaxed);
        out->calls_max = m->calls->max;
    }
    if (m->held) {
        out->held_bytes = atomic_load_explicit(&m->held->used, memory_order_relaxed);
        out->held_bytes_max = m->held->max;
    }
}

uint64_t mesh_journal_bytes(const struct mesh *m)
{
    return ledger_journal_bytes(m->ledger);
}
