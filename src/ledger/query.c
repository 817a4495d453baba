/* query.c: calls and sums out of a reader: one line a call, and groups of calls.
 *
 * A call is told as a whole: its tokens and its cost are the sums of its attempts, its target and regime those of the
 * attempt that answered, else of the last. An attempt that never closed counts at its hold. Sums of tokens stop at
 * INT64_MAX rather than wrap; only a vendor that makes its counts up gets there. */
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <assert.h>

/* --- one call --------------------------------------------------------------------------------------------------- */

static void add(int64_t *sum, int64_t n)
{
    if (__builtin_add_overflow(*sum, n, sum))
        *sum = INT64_MAX;
}

static void add_usage(struct usage *sum, const struct usage *u)
{
    add(&sum->input, u->input);
    add(&sum->cached, u->cached);
    add(&sum->cache_write, u->cache_write);
    add(&sum->output, u->output);
    add(&sum->reasoning, u->reasoning);
    if (u->cost_nusd >= 0) {
        if (sum->cost_nusd < 0)
            sum->cost_nusd = 0;
        add(&sum->cost_nusd, u->cost_nusd);
    }
}

/* What an attempt used and cost, as far as it is told. */
struct charge {
    struct usage usage;
    bool estimated, used;
    int64_t cost_nusd;
};

static struct charge charge_of(const struct store_attempt *a)
{
    if (!a->closed)
        return (struct charge){
            .usage = {.input = a->input_estimated, .cost_nusd = -1},
            .estimated = true,
            .used = true,
            .cost_nusd = a->hold_nusd,
        };
    return (struct charge){
        .usage = {.input = a->input, .cached = a->cached, .cache_write = a->cache_write, .output = a->output,
                  .reasoning = a->reasoning, .cost_nusd = a->vendor_nusd},
        .estimated = a->estimated,
        .used = a->estimated || a->input || a->cached || a->cache_write || a->output || a->reasoning,
        .cost_nusd = a->cost_nusd,
    };
}

static const struct store_attempt *answering_attempt(const struct store_call *c)
{
    const struct store_attempt *best = NULL;
    bool best_is_named = false;
    for (const struct store_attempt *a = c->attempts; a; a = a->next) {
        if (a->closed && a->ok)
            return a;
        bool named = c->closed && str_eq(a->target, c->target);
        if (named || !best_is_named)
            best = a;
        best_is_named |= named;
    }
    return best;
}

/* Of an attempt that used nothing, an unknown price is of no concern. */
static void add_cost(int64_t *sum, const struct charge *one)
{
    if (*sum == COST_UNKNOWN || (one->cost_nusd == COST_UNKNOWN && !one->used))
        return;
    if (one->cost_nusd == COST_UNKNOWN)
        *sum = COST_UNKNOWN;
    else
        add(sum, one->cost_nusd);
}

static enum regime regime_of(const struct store_attempt *a)
{
    return a->billed ? REGIME_CREDIT : (enum regime)a->regime;
}

struct usage_call usage_call_of(const struct store_call *c)
{
    struct usage_call u = {
        .wall_ms = c->wall_ms,
        .job = c->job,
        .target = STR("-"),
        .key = c->key,
        .tags = c->tags,
        .task = c->task,
        .op = (enum wire_op)c->op,
        .outcome = c->closed ? (enum call_outcome)c->outcome : CALL_LOST,
        .usage = {.cost_nusd = -1},
        .first_ms = c->closed ? c->first_ms : -1,
        .total_ms = c->closed ? c->total_ms : -1,
    };
    struct id id;
    memcpy(id.byte, c->id, sizeof id.byte);
    id_to_text(&id, u.call);
    int attempts = 0;
    for (const struct store_attempt *a = c->attempts; a; a = a->next, attempts++) {
        struct charge one = charge_of(a);
        add_usage(&u.usage, &one.usage);
        add_cost(&u.cost_nusd, &one);
        u.estimated |= one.estimated;
    }
    u.attempts = c->closed ? c->attempt_count : attempts;
    u.estimated |= u.outcome == CALL_LOST;
    u.usage.reported = !u.estimated;
    const struct store_attempt *answered = answering_attempt(c);
    if (answered) {
        u.target = answered->target;
        u.regime = regime_of(answered);
    }
    return u;
}

/* --- filters ---------------------------------------------------------------------------------------------------- */

static bool has_tag(struct str tags, struct str tag)
{
    struct str part;
    while (str_cut(&tags, ',', &part))
        if (str_eq(str_trim(part), tag))
            return true;
    return false;
}

static bool is_asked(struct str filter, struct str value)
{
    return filter.len == 0 || str_eq(filter, value);
}

static bool passes(const struct usage_filter *f, const struct usage_call *u)
{
    return (f->from_ms == 0 || u->wall_ms >= f->from_ms) && (f->to_ms == 0 || u->wall_ms < f->to_ms) &&
           is_asked(f->job, u->job) && is_asked(f->target, u->target) && is_asked(f->key, u->key) &&
           is_asked(f->task, u->task) && (f->tag.len == 0 || has_tag(u->tags, f->tag));
}

/* --- all calls, by rising id ------------------------------------------------------------------------------------ */

struct walk {
    struct ledger_reader *reader;
    const struct usage_filter *filter;
    int (*fn)(const struct usage_call *c, void *ctx);       /* this one */
    int (*each)(const struct usage_attempt *a, void *ctx);  /* or this one */
    void *ctx;
    size_t next; /* of the book's calls */
};

struct usage_attempt usage_attempt_of(const struct usage_call *u, const struct store_attempt *a)
{
    struct charge one = charge_of(a);
    struct usage_attempt told = {
        .number = a->number,
        .wall_ms = a->wall_ms ? a->wall_ms : u->wall_ms,
        .job = u->job,
        .target = a->target,
        .reason = a->closed ? a->reason : STR("lost"),
        .regime = regime_of(a),
        .ok = a->closed && a->ok,
        .usage = one.usage,
        .estimated = one.estimated,
        .cost_nusd = one.cost_nusd == COST_UNKNOWN && !one.used ? 0 : one.cost_nusd,
        .first_ms = a->closed ? a->first_ms : -1,
        .total_ms = a->closed ? a->total_ms : -1,
    };
    memcpy(told.call, u->call, sizeof told.call);
    return told;
}

static int tell_attempts(const struct walk *w, const struct store_call *c, const struct usage_call *u)
{
    int rc = 0;
    for (const struct store_attempt *a = c->attempts; rc == 0 && a; a = a->next) {
        struct usage_attempt told = usage_attempt_of(u, a);
        if (is_asked(w->filter->target, told.target))
            rc = w->each(&told, w->ctx);
    }
    return rc;
}

static int tell(struct walk *w, const struct store_call *c)
{
    if (!c->closed && w->reader->live)
        return 0; /* in flight: its story is not over */
    struct usage_call u = usage_call_of(c);
    if (!w->each)
        return passes(w->filter, &u) ? w->fn(&u, w->ctx) : 0;
    struct usage_filter any_target = *w->filter;
    any_target.target = STR_NONE;
    return passes(&any_target, &u) ? tell_attempts(w, c, &u) : 0;
}

/* One row of the store, after the calls of the book that come before it. A call that is in both is complete in the book. */
static int tell_row(const struct store_call *c, void *ctx)
{
    struct walk *w = ctx;
    const struct ledger_reader *r = w->reader;
    while (w->next < r->book.count) {
        const struct store_call *booked = r->call[w->next];
        int order = memcmp(booked->id, c->id, STORE_ID_BYTES);
        if (order > 0)
            break;
        w->next++;
        int rc = tell(w, booked);
        if (rc != 0 || order == 0)
            return rc;
    }
    return tell(w, c);
}

static int walk(struct walk *w, struct err *e)
{
    struct ledger_reader *r = w->reader;
    const struct usage_filter *f = w->filter;
    int64_t from_ms = f->from_ms ? f->from_ms : INT64_MIN, to_ms = f->to_ms ? f->to_ms : INT64_MAX;
    int rc = r->db ? store_calls(r->db, from_ms, to_ms, tell_row, w, e) : 0;
    while (rc == 0 && w->next < r->book.count)
        rc = tell(w, r->call[w->next++]);
    return rc < 0 ? rc : 0; /* a caller who has seen enough has not failed */
}

int ledger_calls(struct ledger_reader *r, const struct usage_filter *f, int (*fn)(const struct usage_call *c, void *ctx),
                 void *ctx, struct err *e)
{
    return walk(&(struct walk){.reader = r, .filter = f, .fn = fn, .ctx = ctx}, e);
}

int ledger_attempts(struct ledger_reader *r, const struct usage_filter *f,
                    int (*fn)(const struct usage_attempt *a, void *ctx), void *ctx, struct err *e)
{
    return walk(&(struct walk){.reader = r, .filter = f, .each = fn, .ctx = ctx}, e);
}

/* --- groups ----------------------------------------------------------------------------------------------------- */

enum { GROUPS_MAX = 1 << 20, GROUP_SLOTS_FIRST = 64 };

struct groups {
    enum usage_by by;
    struct arena arena;
    struct usage_group **slot; /* open addressing, by name; owned */
    size_t slot_count, count;
};

static struct usage_group **group_slot(const struct groups *g, struct str name)
{
    size_t i = str_hash(name) & (g->slot_count - 1);
    while (g->slot[i] && !str_eq(g->slot[i]->name, name))
        i = (i + 1) & (g->slot_count - 1);
    return &g->slot[i];
}

static int groups_grow(struct groups *g)
{
    if ((g->count + 1) * 3 <= g->slot_count * 2)
        return 0;
    if (g->count >= GROUPS_MAX)
        return ERR_LIMIT;
    struct groups bigger = *g;
    bigger.slot_count = g->slot_count ? g->slot_count * 2 : GROUP_SLOTS_FIRST;
    bigger.slot = new0_array(struct usage_group *, bigger.slot_count);
    if (!bigger.slot)
        return ERR_NOMEM;
    for (size_t i = 0; i < g->slot_count; i++)
        if (g->slot[i])
            *group_slot(&bigger, g->slot[i]->name) = g->slot[i];
    mem_free(g->slot);
    *g = bigger;
    return 0;
}

struct usage_group usage_group_of(const struct usage_call *u)
{
    bool known = u->cost_nusd != COST_UNKNOWN;
    return (struct usage_group){
        .calls = 1,
        /* What went wrong on our side or the vendor's; a client that leaves or is served has not failed. */
        .failed = u->outcome == CALL_FAILED || u->outcome == CALL_CUT || u->outcome == CALL_LOST,
        .attempts = u->attempts,
        .usage = u->usage,
        .cost_nusd = known ? u->cost_nusd : 0,
        .cost_unknown = !known,
        .estimated = u->estimated,
    };
}

static int group_add(struct groups *g, struct str name, const struct usage_group *more)
{
    int rc = groups_grow(g);
    if (rc < 0)
        return rc;
    struct usage_group **slot = group_slot(g, name);
    if (!*slot) {
        struct usage_group *fresh = arena_new(&g->arena, struct usage_group);
        struct str copy = arena_dup(&g->arena, name);
        if (!fresh || !copy.ptr)
            return ERR_NOMEM;
        fresh->name = copy;
        fresh->usage.cost_nusd = -1;
        *slot = fresh;
        g->count++;
    }
    struct usage_group *group = *slot;
    add(&group->calls, more->calls);
    add(&group->failed, more->failed);
    add(&group->attempts, more->attempts);
    add(&group->estimated, more->estimated);
    add(&group->cost_unknown, more->cost_unknown);
    add(&group->cost_nusd, more->cost_nusd);
    add_usage(&group->usage, &more->usage);
    return 0;
}

static int add_by_tag(struct groups *g, const struct usage_call *u, const struct usage_group *one)
{
    struct str rest = u->tags, part;
    int told = 0;
    while (str_cut(&rest, ',', &part)) {
        struct str tag = str_trim(part);
        struct str before = str_of(u->tags.ptr, (size_t)(part.ptr - u->tags.ptr));
        if (tag.len == 0 || has_tag(before, tag))
            continue; /* a tag given twice is one tag */
        int rc = group_add(g, tag, one);
        if (rc < 0)
            return rc;
        told++;
    }
    return told ? 0 : group_add(g, STR("-"), one);
}

static int add_by_day(struct groups *g, int64_t wall_ms, const struct usage_group *more)
{
    char day[64]; /* room for any year an int can hold */
    struct civil date = civil_from_ms(wall_ms);
    text_format(day, sizeof day, "%04d-%02d-%02d", date.year, date.month, date.day);
    return group_add(g, str_from(day), more);
}

static int add_to_group(const struct usage_call *u, void *ctx)
{
    struct groups *g = ctx;
    struct usage_group one = usage_group_of(u);
    switch (g->by) {
    case USAGE_BY_JOB:
        return group_add(g, u->job, &one);
    case USAGE_BY_TARGET:
        return group_add(g, u->target, &one);
    case USAGE_BY_REGIME: /* a call that was refused before any attempt has none */
        return group_add(g, u->attempts ? str_from(regime_name(u->regime)) : STR("-"), &one);
    case USAGE_BY_DAY:
        return add_by_day(g, u->wall_ms, &one);
    case USAGE_BY_KEY:
        return group_add(g, u->key, &one);
    case USAGE_BY_TAG:
        return add_by_tag(g, u, &one);
    }
    assert(!"a way to group that does not exist");
    return ERR_INVALID;
}

/* --- days of which only sums are left --------------------------------------------------------------------------- */

enum { DAY_MS = 86400000 };

struct day_walk {
    const struct usage_filter *filter;
    struct groups *groups; /* NULL: only counted */
    int64_t calls, until_ms;
};

static bool passes_day(const struct usage_filter *f, const struct store_day *d)
{
    return is_asked(f->job, d->job) && is_asked(f->target, d->target) && is_asked(f->key, d->key);
}

static int add_day_to_group(struct groups *g, const struct store_day *d)
{
    struct usage_group sums = {
        .calls = d->calls, .failed = d->failed, .attempts = d->attempts, .cost_nusd = d->cost_nusd,
        .cost_unknown = d->cost_unknown, .estimated = d->estimated,
        .usage = {.input = d->input, .cached = d->cached, .cache_write = d->cache_write, .output = d->output,
                  .reasoning = d->reasoning, .cost_nusd = -1}};
    switch (g->by) {
    case USAGE_BY_JOB:
        return group_add(g, d->job, &sums);
    case USAGE_BY_TARGET:
        return group_add(g, d->target, &sums);
    case USAGE_BY_REGIME:
        return group_add(g, d->regime < 0 ? STR("-") : str_from(regime_name((enum regime)d->regime)), &sums);
    case USAGE_BY_DAY:
        return add_by_day(g, d->day * DAY_MS, &sums);
    case USAGE_BY_KEY:
        return group_add(g, d->key, &sums);
    case USAGE_BY_TAG:
        return group_add(g, STR(USAGE_TAGS_GONE), &sums);
    }
    assert(!"a way to group that does not exist");
    return ERR_INVALID;
}

static int on_day(const struct store_day *d, void *ctx)
{
    struct day_walk *w = ctx;
    if (!passes_day(w->filter, d))
        return 0;
    add(&w->calls, d->calls);
    w->until_ms = (d->day + 1) * DAY_MS;
    return w->groups ? add_day_to_group(w->groups, d) : 0;
}

/* Days whose first moment the filter takes. */
static int walk_days(struct ledger_reader *r, struct day_walk *w, struct err *e)
{
    int64_t from_day = (w->filter->from_ms + DAY_MS - 1) / DAY_MS;
    int64_t to_day = w->filter->to_ms ? (w->filter->to_ms + DAY_MS - 1) / DAY_MS : INT64_MAX;
    return r->db ? store_days(r->db, from_day, to_day, on_day, w, e) : 0;
}

int ledger_pruned(struct ledger_reader *r, const struct usage_filter *f, int64_t *calls, int64_t *until_ms, struct err *e)
{
    struct day_walk w = {.filter = f};
    int rc = walk_days(r, &w, e);
    if (rc == 0) {
        *calls = w.calls;
        *until_ms = w.until_ms;
    }
    return rc;
}

static int compare_groups(const void *a, const void *b)
{
    const struct usage_group *const *x = a, *const *y = b;
    return str_compare((*x)->name, (*y)->name);
}

static int tell_groups(struct groups *g, int (*fn)(const struct usage_group *g, void *ctx), void *ctx)
{
    size_t n = 0;
    for (size_t i = 0; i < g->slot_count; i++)
        if (g->slot[i])
            g->slot[n++] = g->slot[i];
    if (n)
        qsort(g->slot, n, sizeof *g->slot, compare_groups);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = fn(g->slot[i], ctx);
    return rc < 0 ? rc : 0;
}

int ledger_groups(struct ledger_reader *r, enum usage_by by, const struct usage_filter *f,
                  int (*fn)(const struct usage_group *g, void *ctx), void *ctx, struct err *e)
{
    struct groups g = {.by = by, .arena = ARENA_INIT((size_t)1 << 30)};
    int rc = ledger_calls(r, f, add_to_group, &g, e);
    if (rc == 0 && f->tag.len == 0 && f->task.len == 0)
        rc = walk_days(r, &(struct day_walk){.filter = f, .groups = &g}, e);
    if (rc == ERR_NOMEM || rc == ERR_LIMIT)
        (void)err_set(e, rc, rc == ERR_NOMEM ? "summing the ledger" : "more than %d groups", GROUPS_MAX);
    if (rc == 0)
        rc = tell_groups(&g, fn, ctx);
    mem_free(g.slot);
    arena_fini(&g.arena);
    return rc;
}
