/* flat_show.c: flat plans for people: the windows of each credential, and beside the fee what the month's use would have cost
 * in credits. What the daemon's own thread may not wait for (the books) is read from a copy of the facts: the mesh itself may
 * be replaced meanwhile. */
#include "base/json.h"
#include "mesh/mesh_priv.h"

enum { LIVE_BYTES_MAX = 4 << 20 };

struct mesh_plan_price {
    struct str model;
    struct price price;
};

/* --- the facts ---------------------------------------------------------------------------------------------------------- */

static int copy_prices(const struct mesh *m, const struct upstream *u, struct arena *a, struct mesh_plan *p)
{
    int n = 0;
    for (int i = 0; i < m->target_count; i++)
        n += m->target[i].up == u ? (int)m->target[i].price_count : 0;
    struct mesh_plan_price *price = arena_new_array(a, struct mesh_plan_price, (size_t)n + 1);
    if (!price)
        return ERR_NOMEM;
    p->price = price;
    for (int i = 0; i < m->target_count; i++)
        for (size_t k = 0; m->target[i].up == u && k < m->target[i].price_count; k++) {
            struct mesh_plan_price *to = &price[p->price_count++];
            *to = (struct mesh_plan_price){.model = arena_dup(a, m->target[i].model), .price = m->target[i].price[k]};
            if (!to->model.ptr)
                return ERR_NOMEM;
        }
    return 0;
}

int mesh_plans(const struct mesh *m, struct arena *a, struct mesh_plan **out, int *count)
{
    struct mesh_plan *p = arena_new_array(a, struct mesh_plan, (size_t)m->upstream_count + 1);
    int n = 0;
    if (!p)
        return ERR_NOMEM;
    for (int i = 0; i < m->upstream_count; i++) {
        const struct upstream *u = &m->upstream[i];
        if (u->regime != REGIME_PLAN)
            continue;
        p[n] = (struct mesh_plan){.upstream = arena_dup(a, u->name), .vendor = arena_dup(a, u->vendor_name),
                                  .off = m->config->plans_off, .monthly_nusd = u->config->plan_monthly_nusd};
        if (!p[n].upstream.ptr || copy_prices(m, u, a, &p[n]) < 0)
            return ERR_NOMEM;
        n++;
    }
    *out = p;
    *count = n;
    return 0;
}

static struct mesh_plan *plan_named(struct mesh_plan *p, int count, struct str upstream)
{
    for (int i = 0; i < count; i++)
        if (str_eq(p[i].upstream, upstream))
            return &p[i];
    return NULL;
}

/* --- credentials and events ------------------------------------------------------------------------------------------------ */

struct showing {
    struct json_writer w;
    struct plan_now now;
    struct str upstream; /* only this one's */
};

static int show_view(const struct plan_view *v, void *ctx)
{
    struct showing *s = ctx;
    if (str_eq(v->upstream, s->upstream))
        plan_view_show(&s->w, v, s->now);
    return s->w.rc;
}

static int keep(struct arena *a, const struct buf *b, struct str *out)
{
    *out = arena_dup(a, buf_str(b));
    return out->ptr ? 0 : ERR_NOMEM;
}

static int live(const struct upstream *u, struct arena *a, struct mesh_plan *p, struct plan_now now)
{
    AUTO_BUF struct buf text = BUF_INIT(LIVE_BYTES_MAX);
    struct showing s = {.w = JSON_WRITER(&text), .now = now, .upstream = u->name};
    json_array_begin(&s.w);
    (void)plan_views(u->plan, now, show_view, &s); /* the writer keeps its own first problem */
    json_array_end(&s.w);
    int rc = json_done(&s.w);
    if (rc == 0)
        rc = keep(a, &text, &p->credentials);
    struct plan_event ev[PLAN_EVENTS_MAX];
    int n = plan_events(u->plan, ev);
    buf_clear(&text);
    s.w = JSON_WRITER(&text);
    json_array_begin(&s.w);
    for (int i = 0; i < n; i++)
        plan_event_show(&s.w, &ev[i]);
    json_array_end(&s.w);
    if (rc == 0)
        rc = json_done(&s.w);
    return rc ? rc : keep(a, &text, &p->events);
}

int mesh_plans_live(const struct mesh *m, struct arena *a, struct mesh_plan *p, int count)
{
    struct plan_now now = {clock_wall_ms(m->clock), clock_mono_us(m->clock) / 1000};
    int rc = 0;
    for (int i = 0; rc == 0 && i < m->upstream_count; i++) {
        struct mesh_plan *of = plan_named(p, count, m->upstream[i].name);
        if (of && m->upstream[i].plan)
            rc = live(&m->upstream[i], a, of, now);
    }
    return rc;
}

int mesh_plans_books(struct ledger_reader *r, struct arena *a, struct mesh_plan *p, int count, int64_t wall_ms, struct err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        AUTO_BUF struct buf text = BUF_INIT(LIVE_BYTES_MAX);
        struct showing s = {.w = JSON_WRITER(&text), .now = {wall_ms, 0}, .upstream = p[i].upstream};
        json_array_begin(&s.w);
        rc = ledger_plan_views(r, s.now, show_view, &s, e);
        json_array_end(&s.w);
        if (rc == 0 && (json_done(&s.w) < 0 || keep(a, &text, &p[i].credentials) < 0))
            rc = err_set(e, ERR_NOMEM, "the plans");
    }
    return rc;
}

/* --- the month -------------------------------------------------------------------------------------------------------------- */

struct month {
    struct mesh_plan *plan;
    int count;
};

static int64_t add_up(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t list_price(const struct mesh_plan *p, struct str model, const struct usage_attempt *a)
{
    struct price found;
    for (int i = 0; i < p->price_count; i++)
        if (str_eq(p->price[i].model, model) && price_find(&found, &p->price[i].price, 1, STR_NONE, STR_NONE, a->wall_ms))
            return price_cost(&found, &a->usage);
    return price_find(&found, NULL, 0, p->vendor, model, a->wall_ms) ? price_cost(&found, &a->usage) : COST_UNKNOWN;
}

static int add_attempt(const struct usage_attempt *a, void *ctx)
{
    struct month *m = ctx;
    ptrdiff_t slash = str_find_char(a->target, '/');
    struct mesh_plan *p = slash > 0 ? plan_named(m->plan, m->count, str_slice(a->target, 0, (size_t)slash)) : NULL;
    bool used = a->usage.input || a->usage.output;
    if (!p || !used)
        return 0;
    if (a->regime == REGIME_PLAN) {
        int64_t cost = list_price(p, str_skip(a->target, (size_t)slash + 1), a);
        p->month_attempts++;
        p->month_unknown += cost == COST_UNKNOWN;
        p->month_list_nusd = add_up(p->month_list_nusd, cost == COST_UNKNOWN ? 0 : cost);
    } else {
        p->month_billed++;
        p->month_billed_nusd = add_up(p->month_billed_nusd, a->cost_nusd == COST_UNKNOWN ? 0 : a->cost_nusd);
    }
    return 0;
}

int mesh_plans_month(struct ledger_reader *r, struct mesh_plan *p, int count, int64_t wall_ms, struct err *e)
{
    struct civil first = civil_from_ms(wall_ms);
    first.day = 1;
    first.hour = first.minute = first.second = 0;
    struct usage_filter f = {.from_ms = civil_to_ms(&first)};
    struct month m = {.plan = p, .count = count};
    return count ? ledger_attempts(r, &f, add_attempt, &m, e) : 0;
}

/* --- showing ------------------------------------------------------------------------------------------------------------------ */

static void member_i64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

void mesh_plan_show(struct json_writer *w, const struct mesh_plan *p)
{
    json_object_begin(w);
    json_key(w, "upstream");
    json_str(w, p->upstream);
    json_key(w, "off");
    json_bool(w, p->off);
    json_key(w, "monthly_nusd");
    p->monthly_nusd ? json_i64(w, p->monthly_nusd) : json_null(w);
    json_key(w, "month");
    json_object_begin(w);
    member_i64(w, "attempts", p->month_attempts);
    member_i64(w, "list_nusd", p->month_list_nusd);
    member_i64(w, "unknown", p->month_unknown);
    member_i64(w, "billed", p->month_billed);
    member_i64(w, "billed_nusd", p->month_billed_nusd);
    json_object_end(w);
    json_key(w, "credentials");
    json_raw(w, p->credentials.len ? p->credentials : STR("[]"));
    json_key(w, "events");
    json_raw(w, p->events.len ? p->events : STR("[]"));
    json_object_end(w);
}

/* --- /metrics -------------------------------------------------------------------------------------------------------------------- */

struct window_walk {
    int (*fn)(const struct mesh_plan_window *w, void *ctx);
    void *ctx;
    int64_t wall_ms;
};

static int walk_view(const struct plan_view *v, void *ctx)
{
    struct window_walk *walk = ctx;
    char holder[PLAN_HOLDER_TEXT];
    int rc = 0;
    plan_holder_text(v->holder, holder);
    for (int i = 0; rc == 0 && i < v->window_count; i++) {
        const struct plan_window_view *w = &v->window[i];
        rc = walk->fn(&(struct mesh_plan_window){.upstream = v->upstream, .credential = holder, .window = w->name, .spent = w->spent,
                                                 .used_ppm = w->used_ppm, .resets_in_ms = w->reset_ms ? w->reset_ms - walk->wall_ms : -1},
                      walk->ctx);
    }
    return rc;
}

int mesh_plan_windows(const struct mesh *m, int (*fn)(const struct mesh_plan_window *w, void *ctx), void *ctx)
{
    struct plan_now now = {clock_wall_ms(m->clock), clock_mono_us(m->clock) / 1000};
    struct window_walk walk = {fn, ctx, now.wall_ms};
    int rc = 0;
    for (int i = 0; rc == 0 && i < m->upstream_count; i++)
        if (m->upstream[i].plan)
            rc = plan_views(m->upstream[i].plan, now, walk_view, &walk);
    return rc;
}
