/* flat_estimate.c: use of a plan beside Hearth, as a client's own logs show it (`hearth plan --watch`). It is kept with the plan, so that a
 * restart knows it, and is never more than an estimate. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

static const struct upstream *find_plan(const struct mesh *m, struct str upstream, struct err *e)
{
    const struct upstream *found = NULL;
    for (int i = 0; i < m->upstream_count; i++) {
        const struct upstream *u = &m->upstream[i];
        if (!u->plan || (upstream.len && !str_eq(u->name, upstream)))
            continue;
        if (found) {
            (void)err_set(e, ERR_INVALID, "there is more than one plan; `upstream` says which is meant");
            return NULL;
        }
        found = u;
    }
    if (!found)
        (void)(upstream.len ? err_set(e, ERR_NOT_FOUND, "no upstream %.*s is under `regime: plan`", STR_FMT(str_slice(upstream, 0, 100)))
                            : err_set(e, ERR_NOT_FOUND, "no upstream of the config has `regime: plan`"));
    return found;
}

int mesh_plan_estimate(struct mesh_loop *ml, struct str upstream, const struct plan_estimate *w, int count, struct str *found,
                       struct err *e)
{
    const struct upstream *u = find_plan(ml->mesh, upstream, e);
    struct plan_now now = {loop_wall_ms(ml->loop), loop_now_ms(ml->loop)};
    if (!u)
        return e->code;
    uint64_t holder = plan_estimated(u->plan, w, count, now);
    if (plan_journal(u->plan, holder, ml->journal, now) < 0)
        log_line(LOG_WARN, "plan", "an estimate of the plan of %.*s could not be written to the journal", STR_FMT(u->name));
    mesh_loop_journal(ml);
    *found = u->name;
    return 0;
}
