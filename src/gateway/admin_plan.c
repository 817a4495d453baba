/* admin_plan.c: GET /hearth/v1/plan: the flat plans, as `hearth plan --json` prints them, and what has lately happened to
 * them. The windows are as they are at this moment; the month is summed from the books on the clerk's thread. */
#include "base/json.h"
#include "gateway/admin_priv.h"
#include "ledger/ledger.h"
#include "net/loop.h"

enum { PLANS_ARENA_MAX = 64 << 20 };

struct plans_wish {
    struct mesh_plan *plan;
    int count;
    int64_t wall_ms;
};

static void report(struct errand *r)
{
    const struct plans_wish *wish = r->wish;
    struct json_writer w = JSON_WRITER(&r->body);
    struct ledger_reader *books;
    if (ledger_reader_open(&books, r->gateway->data_dir, &r->err) < 0)
        return;
    int rc = mesh_plans_month(books, wish->plan, wish->count, wish->wall_ms, &r->err);
    ledger_reader_close(books);
    json_object_begin(&w);
    json_key(&w, "plans");
    json_array_begin(&w);
    for (int i = 0; i < wish->count; i++)
        mesh_plan_show(&w, &wish->plan[i]);
    json_array_end(&w);
    json_object_end(&w);
    if (w.rc < 0)
        (void)err_set(&r->err, w.rc, "the report does not fit into memory");
    else if (rc == 0)
        r->status = 200;
}

void admin_plan(const struct admin_ask *ask)
{
    struct errand *r = errand_new(ask, report, sizeof(struct plans_wish));
    if (!r)
        return;
    struct plans_wish *wish = r->wish;
    const struct mesh *m = ask->gl->gateway->mesh;
    r->arena.max = PLANS_ARENA_MAX;
    wish->wall_ms = loop_wall_ms(ask->gl->loop);
    if (mesh_plans(m, &r->arena, &wish->plan, &wish->count) == 0 && mesh_plans_live(m, &r->arena, wish->plan, wish->count) == 0) {
        errand_send(r);
        return;
    }
    reply_error(ask->gl, ask->x, 503, "overloaded", "out of memory; try again");
    errand_free(r);
}
