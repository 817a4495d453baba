/* book.c: records to calls, by id; see book_priv.h. */
#include "ledger/book_priv.h"
#include "base/mem.h"
#include <assert.h>

enum { SLOTS_FIRST = 64 };

void book_init(struct book *b, size_t bytes_max)
{
    *b = (struct book){.arena = ARENA_INIT(bytes_max)};
}

void book_fini(struct book *b)
{
    arena_fini(&b->arena);
    mem_free(b->slot);
    b->slot = NULL;
    b->plans = NULL;
    b->slot_count = b->count = 0;
}

void book_clear(struct book *b)
{
    arena_fini(&b->arena);
    if (b->count)
        memset(b->slot, 0, b->slot_count * sizeof *b->slot);
    b->count = 0;
    b->plans = NULL;
}

/* The last eight bytes of an id are chance, and count up in the very last one within a millisecond, which is read here as
 * the top of the number: brought down first, it reaches every bit that the product is indexed by. */
static size_t slot_of(const struct book *b, const uint8_t *id)
{
    uint64_t n;
    memcpy(&n, id + STORE_ID_BYTES - sizeof n, sizeof n);
    n ^= n >> 32;
    n *= 0x9e3779b97f4a7c15u; /* 2^64 by the golden ratio */
    return (size_t)(n >> 32) & (b->slot_count - 1);
}

/* The slot where that call is, or would go. There is always an empty one. */
static struct store_call **find_slot(const struct book *b, const uint8_t *id)
{
    size_t i = slot_of(b, id);
    while (b->slot[i] && memcmp(b->slot[i]->id, id, STORE_ID_BYTES) != 0)
        i = (i + 1) & (b->slot_count - 1);
    return &b->slot[i];
}

/* At most two thirds full. */
static int grow(struct book *b)
{
    if ((b->count + 1) * 3 <= b->slot_count * 2)
        return 0;
    struct book bigger = *b;
    bigger.slot_count = b->slot_count ? b->slot_count * 2 : SLOTS_FIRST;
    bigger.slot = new0_array(struct store_call *, bigger.slot_count);
    if (!bigger.slot)
        return ERR_NOMEM;
    for (size_t i = 0; i < b->slot_count; i++)
        if (b->slot[i])
            *find_slot(&bigger, b->slot[i]->id) = b->slot[i];
    mem_free(b->slot);
    *b = bigger;
    return 0;
}

/* Ids begin with their time: what a call without its open record is dated by. */
static int64_t time_of(const uint8_t *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id[i];
    return ms;
}

static struct store_call *call_of(struct book *b, const struct id *id)
{
    if (grow(b) < 0)
        return NULL;
    struct store_call **slot = find_slot(b, id->byte);
    if (*slot)
        return *slot;
    struct store_call *c = arena_new(&b->arena, struct store_call);
    if (!c)
        return NULL;
    memcpy(c->id, id->byte, sizeof c->id);
    c->wall_ms = time_of(c->id);
    c->job = c->key = c->target = STR("-");
    c->first_ms = c->total_ms = -1;
    b->count++;
    return *slot = c;
}

static struct store_attempt *attempt_of(struct book *b, struct store_call *c, int number)
{
    struct store_attempt **at = &c->attempts;
    while (*at && (*at)->number < number)
        at = &(*at)->next;
    if (*at && (*at)->number == number)
        return *at;
    struct store_attempt *a = arena_new(&b->arena, struct store_attempt);
    if (!a)
        return NULL;
    a->number = number;
    a->wall_ms = c->wall_ms;
    a->target = STR("-");
    a->hold_nusd = a->cost_nusd = STORE_UNKNOWN;
    a->price_row = -1;
    a->vendor_nusd = a->first_ms = a->total_ms = -1;
    a->next = *at;
    return *at = a;
}

static void tell_call_open(struct store_call *c, const struct ledger_call_open *r)
{
    if (c->opened)
        return;
    c->opened = true;
    c->wall_ms = r->wall_ms;
    c->op = (int32_t)r->op;
    c->home = r->home;
    c->job = r->job;
    c->asked = r->asked;
    c->key = r->key;
    c->tags = r->tags;
    c->task = r->task;
}

static void tell_call_close(struct store_call *c, const struct ledger_call_close *r)
{
    if (c->closed)
        return;
    c->closed = true;
    c->outcome = (int32_t)r->outcome;
    c->target = r->target;
    c->attempt_count = r->attempts;
    c->http_status = r->http_status;
    c->first_ms = r->first_ms;
    c->total_ms = r->total_ms;
    c->story = r->story;
}

static void tell_attempt_open(struct store_attempt *a, const struct ledger_attempt_open *r)
{
    if (a->opened)
        return;
    a->opened = true;
    a->wall_ms = r->wall_ms;
    a->target = r->target;
    a->regime = (int32_t)r->regime;
    a->hold_nusd = r->hold_nusd;
    a->input_estimated = r->input_estimated;
    a->price_row = r->price_row;
}

static void tell_attempt_close(struct store_attempt *a, const struct ledger_attempt_close *r)
{
    if (a->closed)
        return;
    const struct usage *u = &r->usage;
    a->closed = true;
    a->ok = r->ok;
    a->reason = r->reason;
    a->input = u->input;
    a->cached = u->cached;
    a->cache_write = u->cache_write;
    a->output = u->output;
    a->reasoning = u->reasoning;
    a->vendor_nusd = u->cost_nusd;
    /* An attempt that used nothing has nothing to estimate. */
    a->estimated = !u->reported && (u->input || u->cached || u->cache_write || u->output || u->reasoning);
    a->cost_nusd = r->cost_nusd;
    a->first_ms = r->first_ms;
    a->total_ms = r->total_ms;
    a->billed = r->billed;
}

int book_plan_add(struct book *b, const struct store_plan *p)
{
    struct book_plan *at = b->plans;
    while (at && !(at->plan.holder == p->holder && str_eq(at->plan.upstream, p->upstream)))
        at = at->next;
    if (at && at->plan.version >= p->version)
        return 0;
    if (!at) {
        if (!(at = arena_new(&b->arena, struct book_plan)))
            return ERR_NOMEM;
        at->next = b->plans;
        b->plans = at;
    }
    at->plan = *p;
    return 0;
}

static int add_plan(struct book *b, const struct ledger_plan_state *r)
{
    return book_plan_add(b, &(struct store_plan){.upstream = r->upstream, .holder = r->holder, .version = r->version,
                                                 .wall_ms = r->wall_ms, .state = r->state});
}

int book_add(struct book *b, const struct record *r)
{
    if (r->type == RECORD_PLAN)
        return add_plan(b, &r->plan);
    struct store_call *c = call_of(b, &r->call);
    struct store_attempt *a = NULL;
    if (!c)
        return ERR_NOMEM;
    if (r->type == RECORD_ATTEMPT_OPEN || r->type == RECORD_ATTEMPT_CLOSE) {
        a = attempt_of(b, c, r->type == RECORD_ATTEMPT_OPEN ? r->attempt_open.attempt : r->attempt_close.attempt);
        if (!a)
            return ERR_NOMEM;
    }
    switch (r->type) {
    case RECORD_CALL_OPEN:
        tell_call_open(c, &r->call_open);
        break;
    case RECORD_ATTEMPT_OPEN:
        tell_attempt_open(a, &r->attempt_open);
        break;
    case RECORD_ATTEMPT_CLOSE:
        tell_attempt_close(a, &r->attempt_close);
        break;
    case RECORD_CALL_CLOSE:
        tell_call_close(c, &r->call_close);
        break;
    case RECORD_PLAN:
        break;
    }
    return 0;
}

/* --- merging: each half of a row comes from whoever tells it, the first teller wins ----------------------------- */

static void merge_attempt(struct store_attempt *into, const struct store_attempt *from)
{
    if (!into->opened && from->opened) {
        into->opened = true;
        into->wall_ms = from->wall_ms;
        into->target = from->target;
        into->regime = from->regime;
        into->price_row = from->price_row;
        into->hold_nusd = from->hold_nusd;
        into->input_estimated = from->input_estimated;
    }
    if (!into->closed && from->closed) {
        struct store_attempt opened = *into;
        *into = *from;
        into->next = opened.next;
        into->opened = opened.opened;
        into->wall_ms = opened.wall_ms;
        into->target = opened.target;
        into->regime = opened.regime;
        into->price_row = opened.price_row;
        into->hold_nusd = opened.hold_nusd;
        into->input_estimated = opened.input_estimated;
    }
}

static void merge_attempts(struct store_call *into, struct store_attempt *from)
{
    struct store_attempt **at = &into->attempts;
    while (from) {
        while (*at && (*at)->number < from->number)
            at = &(*at)->next;
        struct store_attempt *rest = from->next;
        if (*at && (*at)->number == from->number) {
            merge_attempt(*at, from);
        } else {
            from->next = *at;
            *at = from;
        }
        from = rest;
    }
}

void book_call_merge(struct store_call *into, struct store_call *from)
{
    if (!into->opened && from->opened) {
        into->opened = true;
        into->wall_ms = from->wall_ms;
        into->op = from->op;
        into->home = from->home;
        into->job = from->job;
        into->asked = from->asked;
        into->key = from->key;
        into->tags = from->tags;
        into->task = from->task;
    }
    if (!into->closed && from->closed) {
        into->closed = true;
        into->outcome = from->outcome;
        into->attempt_count = from->attempt_count;
        into->http_status = from->http_status;
        into->target = from->target;
        into->first_ms = from->first_ms;
        into->total_ms = from->total_ms;
        into->story = from->story;
    }
    merge_attempts(into, from->attempts);
    from->attempts = NULL;
}

static int compare_calls(const void *a, const void *b)
{
    const struct store_call *const *x = a, *const *y = b;
    return memcmp((*x)->id, (*y)->id, STORE_ID_BYTES);
}

struct store_call **book_sorted(const struct book *b)
{
    struct store_call **sorted = new0_array(struct store_call *, b->count ? b->count : 1);
    if (!sorted)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < b->slot_count; i++)
        if (b->slot[i])
            sorted[n++] = b->slot[i];
    assert(n == b->count);
    qsort(sorted, n, sizeof *sorted, compare_calls);
    return sorted;
}
