/* quota.c: asks the quota endpoint of a plan that says nothing in the heads of its answers. With the upstream's own key, at
 * most once a minute: what it says is what the plan's windows are. A client's own credential is never used for it. */
#include "base/log.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"

enum {
    QUOTA_EVERY_MS = 60000,
    QUOTA_NONE_MS = 3600000, /* what answers there is no quota */
    QUOTA_TIMEOUT_MS = 10000,
    QUOTA_BYTES_MAX = 256 * 1024,
    QUOTA_ARENA_MAX = 4 << 20,
};

static void take_answer(struct watch *w)
{
    struct loop *loop = w->ml->loop;
    struct arena scratch = ARENA_INIT(QUOTA_ARENA_MAX);
    struct plan_signal s;
    plan_signal_init(&s);
    int rc = w->status == 200 ? plan_signal_quota(&s, buf_str(&w->body), &scratch) : ERR_INVALID;
    arena_fini(&scratch);
    if (rc == 0) {
        plan_told(w->up->plan, w->up->plan_holder, &s, (struct plan_now){loop_wall_ms(loop), loop_now_ms(loop)});
    } else if (rc != ERR_NOMEM && w->status != 429 && w->status < 500) { /* trouble of the moment is asked again in a minute */
        log_line(LOG_WARN, "plan", "the quota endpoint of %.*s answers %d and tells of no window; it is asked again in an hour",
                 STR_FMT(w->up->name), w->status);
        watch_not_before(w, QUOTA_NONE_MS);
    }
}

const struct watch_what quota_what = {
    .every_ms = QUOTA_EVERY_MS, .timeout_ms = QUOTA_TIMEOUT_MS, .bytes_max = QUOTA_BYTES_MAX, .take = take_answer};

void quota_look(const struct attempt *a)
{
    const struct upstream *u = a->target->up;
    if (u->plan_holder && u->config->plan_quota.text.len)
        watch_look(&a->call->ml->quota[u->index], u->config->plan_quota.text, STR_NONE);
}
