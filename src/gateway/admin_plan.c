/* admin_plan.c: GET /hearth/v1/plan: the flat plans, as `hearth plan --json` prints them, and what has lately happened to
 * them. The windows are as they are at this moment; the month is summed from the books on the clerk's thread.
 * POST /hearth/v1/plan/estimate: what a client's own logs show of use beside Hearth. */
#include "base/json.h"
#include "gateway/admin_priv.h"
#include "ledger/plan.h"
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

/* --- use elsewhere ---------------------------------------------------------------------------------------------------------- */

struct estimate_wish {
    struct str upstream;
    struct plan_estimate window[PLAN_WINDOWS_MAX];
    int count;
};

static bool read_name(struct str s, char out[PLAN_NAME_BYTES])
{
    for (size_t i = 0; i < s.len; i++)
        if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == '_'))
            return false;
    if (s.len >= PLAN_NAME_BYTES || plan_name_span_ms(s) <= 0)
        return false;
    text_format(out, PLAN_NAME_BYTES, "%.*s", STR_FMT(s));
    return true;
}

static int read_window(const struct json_node *n, struct plan_estimate *w, struct err *e)
{
    const struct json_node *resets = json_get(n, "resets");
    if (!read_name(json_get_text(n, "window"), w->name))
        return err_set(e, ERR_INVALID, "`window` is a span like 5h or 7d, or that of a model class like 7d_opus");
    if (!json_get_i64(n, "list_nusd", &w->list_nusd) || w->list_nusd < 0)
        return err_set(e, ERR_INVALID, "`list_nusd` of window %s is a whole number of nano-dollars, 0 or more", w->name);
    if (!resets || resets->type == JSON_NULL)
        return 0;
    if (resets->type != JSON_STRING || !plan_read_iso(resets->text, &w->reset_ms) || w->reset_ms <= 0)
        return err_set(e, ERR_INVALID, "`resets` of window %s is a time like 2026-11-21T14:00:00Z, or null", w->name);
    return 0;
}

static int read_estimate(struct estimate_wish *wish, struct arena *a, struct str body, struct err *e)
{
    struct json_node *root = NULL;
    int rc = json_parse(a, body, &root, e);
    const struct json_node *windows = rc == 0 ? json_get(root, "windows") : NULL;
    if (rc < 0)
        return rc;
    if (!windows || windows->type != JSON_ARRAY || windows->count == 0 || windows->count > PLAN_WINDOWS_MAX)
        return err_set(e, ERR_INVALID, "`windows` is a list of 1 to %d windows", PLAN_WINDOWS_MAX);
    wish->upstream = json_get_text(root, "upstream");
    for (const struct json_node *n = windows->child; n && rc == 0; n = n->next)
        rc = read_window(n, &wish->window[wish->count++], e);
    return rc;
}

void admin_plan_estimate(const struct admin_ask *ask)
{
    struct arena a = ARENA_INIT(ERRAND_ARENA_MAX);
    struct estimate_wish wish = {.count = 0};
    struct err e = {0};
    struct str found = STR_NONE;
    int rc = read_estimate(&wish, &a, http_exchange_request(ask->x)->body, &e);
    if (rc == 0)
        rc = mesh_plan_estimate(ask->gl->mesh, wish.upstream, wish.window, wish.count, &found, &e);
    AUTO_BUF struct buf body = BUF_INIT(64 * KiB);
    struct json_writer w = JSON_WRITER(&body);
    json_object_begin(&w);
    json_key(&w, "upstream");
    json_str(&w, found);
    json_key(&w, "windows");
    json_i64(&w, wish.count);
    json_object_end(&w);
    if (rc < 0)
        admin_fail(ask->gl, ask->x, &e);
    else
        admin_reply(ask->gl, ask->x, 200, json_done(&w), buf_str(&body));
    arena_fini(&a);
}
