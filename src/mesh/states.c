/* states.c: the numbers by which targets and upstreams are judged: breakers and calls in flight. They outlive the routes
 * they were made for: when a config is read again, whoever is still the same place keeps its numbers, and the calls of
 * both configs count against them. Each has a cache line of its own and goes with the last mesh that names it. */
#include "base/mem.h"
#include "mesh/mesh_priv.h"
#include <assert.h>

enum { LINE_BYTES = 64 };

/* Behind the state, on a line of its own, since references change with reloads only. */
struct counted {
    atomic_int refs;
    void *block; /* as it was allocated */
};

static struct counted *counted_of(void *state, size_t bytes)
{
    return (struct counted *)(void *)((char *)state + bytes);
}

static void *state_new(size_t bytes)
{
    static_assert(sizeof(struct target_state) % LINE_BYTES == 0 && sizeof(struct upstream_state) % LINE_BYTES == 0 &&
                      sizeof(struct job_state) % LINE_BYTES == 0,
                  "whole lines");
    void *block = mem_zalloc(bytes + sizeof(struct counted) + LINE_BYTES);
    if (!block)
        return NULL;
    void *state = (void *)(((uintptr_t)block + LINE_BYTES - 1) & ~(uintptr_t)(LINE_BYTES - 1));
    struct counted *c = counted_of(state, bytes);
    atomic_init(&c->refs, 1);
    c->block = block;
    return state;
}

static void *state_ref(void *state, size_t bytes)
{
    atomic_fetch_add(&counted_of(state, bytes)->refs, 1);
    return state;
}

static void state_unref(void *state, size_t bytes)
{
    if (!state)
        return;
    struct counted *c = counted_of(state, bytes);
    if (atomic_fetch_sub(&c->refs, 1) == 1)
        mem_free(c->block);
}

/* --- who is still the same ---------------------------------------------------------------------------------------------- */

static const struct upstream *upstream_before(const struct mesh *before, const struct upstream *u)
{
    for (int i = 0; before && i < before->upstream_count; i++) {
        const struct upstream *b = &before->upstream[i];
        if (str_eq(b->name, u->name))
            return str_eq(b->base, u->base) && str_eq(b->unix_path, u->unix_path) ? b : NULL;
    }
    return NULL;
}

/* With another key it may answer again: what was held against the old one does not count. */
static bool same_key(const struct upstream *a, const struct upstream *b)
{
    return str_eq(a->authorization, b->authorization) && a->passthrough == b->passthrough;
}

static const struct target *target_before(const struct mesh *before, const struct target *t)
{
    const struct upstream *u = upstream_before(before, t->up);
    for (int i = 0; u && i < before->target_count; i++) {
        const struct target *b = &before->target[i];
        if (b->up == u && str_eq(b->name, t->name))
            return same_key(u, t->up) && str_eq(b->model, t->model) ? b : NULL;
    }
    return NULL;
}

/* --- a mesh's part --------------------------------------------------------------------------------------------------------- */

static bool upstream_take(struct upstream *u, const struct mesh *before)
{
    const struct upstream *b = upstream_before(before, u);
    u->state = b ? state_ref(b->state, sizeof *b->state) : state_new(sizeof *u->state);
    u->direct = b && same_key(b, u) ? state_ref(b->direct, sizeof *b->direct) : state_new(sizeof *u->direct);
    u->kept = b && b->kept ? keepsakes_ref(b->kept) : keepsakes_wanted(u) ? keepsakes_new() : NULL;
    return u->state && u->direct && (u->kept || !keepsakes_wanted(u));
}

static bool target_take(struct target *t, const struct mesh *before)
{
    const struct target *b = target_before(before, t);
    static _Atomic uint64_t last_id;
    t->state = b ? state_ref(b->state, sizeof *b->state) : state_new(sizeof *t->state);
    if (t->state && !b)
        t->state->id = atomic_fetch_add(&last_id, 1) + 1;
    return t->state != NULL;
}

/* How long a job's answers are is the job's own, whoever gives them. */
static bool job_take(struct job *j, const struct mesh *before)
{
    const struct job *b = NULL;
    for (int i = 0; before && i < before->job_count && !b; i++)
        if (str_eq(before->job[i].name, j->name))
            b = &before->job[i];
    j->state = b ? state_ref(b->state, sizeof *b->state) : state_new(sizeof *j->state);
    return j->state != NULL;
}

int states_take(struct mesh *m, const struct mesh *before, struct err *e)
{
    bool fine = true;
    for (int i = 0; fine && i < m->upstream_count; i++)
        fine = upstream_take(&m->upstream[i], before);
    for (int i = 0; fine && i < m->target_count; i++)
        fine = target_take(&m->target[i], before);
    for (int i = 0; fine && i < m->job_count; i++)
        fine = job_take(&m->job[i], before);
    if (fine)
        fine = (m->affinity = before ? affinity_ref(before->affinity) : affinity_new()) != NULL;
    return fine ? 0 : err_set(e, ERR_NOMEM, "routes");
}

void states_leave(struct mesh *m)
{
    affinity_unref(m->affinity);
    for (int i = 0; i < m->job_count; i++)
        state_unref(m->job[i].state, sizeof *m->job[i].state);
    for (int i = 0; i < m->target_count; i++)
        state_unref(m->target[i].state, sizeof *m->target[i].state);
    for (int i = 0; i < m->upstream_count; i++) {
        state_unref(m->upstream[i].direct, sizeof *m->upstream[i].direct);
        state_unref(m->upstream[i].state, sizeof *m->upstream[i].state);
        keepsakes_unref(m->upstream[i].kept);
    }
}

void mesh_replaced(const struct mesh *old, const struct mesh *now)
{
    for (int i = 0; i < old->upstream_count; i++) {
        const struct upstream *u = &old->upstream[i], *same = NULL;
        for (int k = 0; k < now->upstream_count && !same; k++)
            if (str_eq(now->upstream[k].name, u->name))
                same = &now->upstream[k];
        for (int span = 0; span < (int)COUNT_OF(u->budget); span++)
            if (u->budget[span] && !(same && same->budget[span]))
                ledger_budget_leave(old->ledger, u->name, (enum budget_span)span);
    }
}
