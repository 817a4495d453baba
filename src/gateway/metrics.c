/* metrics.c: `/metrics` in Prometheus' text format. The loops' numbers are read where they stand and added up here, so that
 * counting costs the hot path an add and nothing else. Only names from the owner's config appear, and no content. Readers
 * are this machine, whoever shows a key that may ask for every job, or the admin API's token. */
#include "gateway/metrics_priv.h"
#include "base/clock.h"
#include "gateway/gateway_priv.h"
#include "hearth_version.h"
#include "ledger/ledger.h"
#include "mesh/counts.h"
#include "net/loop.h"

const struct metric_row metric_row[METRIC_COUNT] = {
#define X(id, name, type, labels, help) {name, type, labels, help},
    METRIC_TABLE(X)
#undef X
};

/* --- lines ------------------------------------------------------------------------------------------------------------------- */

struct label {
    const char *name;
    struct str value;
};
struct page {
    struct buf *out;
    int rc; /* the first problem */
};

static void put(struct page *p, const char *text)
{
    if (p->rc == 0)
        p->rc = buf_append_text(p->out, text);
}

int metrics_put_label(struct buf *out, struct str value)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < value.len; i++) {
        char c = value.ptr[i];
        rc = c == '\\'   ? buf_append_text(out, "\\\\")
             : c == '"'  ? buf_append_text(out, "\\\"")
             : c == '\n' ? buf_append_text(out, "\\n")
                         : buf_append_char(out, c);
    }
    return rc;
}

int metrics_put_head(struct buf *out, const char *name, const char *type, const char *help)
{
    return buf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_head(struct page *p, enum metric m)
{
    const struct metric_row *row = &metric_row[m];
    if (p->rc == 0)
        p->rc = metrics_put_head(p->out, row->name, row->type, row->help);
}

/* name + suffix, the labels, and a value of `scale` decimals. */
static void put_line(struct page *p, enum metric m, const char *suffix, const struct label *label, int labels,
                     int64_t n, int scale)
{
    put(p, metric_row[m].name);
    put(p, suffix);
    for (int i = 0; i < labels; i++) {
        put(p, i ? "," : "{");
        put(p, label[i].name);
        put(p, "=\"");
        if (p->rc == 0)
            p->rc = metrics_put_label(p->out, label[i].value);
        put(p, "\"");
    }
    put(p, labels ? "} " : " ");
    if (p->rc == 0)
        p->rc = buf_append_scaled(p->out, n, scale);
    put(p, "\n");
}

static void put_alone(struct page *p, enum metric m, int64_t n, int scale)
{
    put_head(p, m);
    put_line(p, m, "", NULL, 0, n, scale);
}

static int64_t number(const _Atomic uint64_t *n)
{
    return (int64_t)atomic_load_explicit(n, memory_order_relaxed);
}

static bool any(const struct count_histogram *h)
{
    for (int i = 0; i <= COUNT_BUCKETS; i++)
        if (number(&h->bucket[i]))
            return true;
    return false;
}

static void put_histogram(struct page *p, enum metric m, const char *label, struct str name,
                          const struct count_histogram *h, const int64_t *ends)
{
    int64_t count = 0;
    for (int i = 0; i <= COUNT_BUCKETS; i++) {
        AUTO_BUF struct buf end = BUF_INIT(32);
        int rc = i < COUNT_BUCKETS ? buf_append_scaled(&end, ends[i], 3) : buf_append_text(&end, "+Inf");
        p->rc = p->rc ? p->rc : rc;
        count += number(&h->bucket[i]);
        put_line(p, m, "_bucket", (struct label[]){{label, name}, {"le", buf_str(&end)}}, 2, count, 0);
    }
    put_line(p, m, "_sum", &(struct label){label, name}, 1, number(&h->sum_ms), 3);
    put_line(p, m, "_count", &(struct label){label, name}, 1, count, 0);
}

/* --- what was counted ------------------------------------------------------------------------------------------------------------ */

static void put_jobs(struct page *p, const struct mesh_counts *k)
{
    put_head(p, METRIC_CALLS);
    for (int i = 0; i < mesh_counts_jobs(k); i++)
        for (int o = 0; o < COUNT_OUTCOMES; o++) {
            const struct count_calls *job = mesh_counts_job(k, i);
            const struct label label[] = {{"job", job->name},
                                          {"outcome", str_from(call_outcome_name((enum call_outcome)o))}};
            if (o != CALL_LOST && (i || number(&job->outcome[o]))) /* lost ones are found by the next process */
                put_line(p, METRIC_CALLS, "", label, 2, number(&job->outcome[o]), 0);
        }
    put_head(p, METRIC_CALL_FIRST);
    for (int i = 0; i < mesh_counts_jobs(k); i++)
        if (any(&mesh_counts_job(k, i)->first))
            put_histogram(p, METRIC_CALL_FIRST, "job", mesh_counts_job(k, i)->name, &mesh_counts_job(k, i)->first,
                          count_first_ms);
    put_head(p, METRIC_CALL_TOTAL);
    for (int i = 0; i < mesh_counts_jobs(k); i++)
        if (any(&mesh_counts_job(k, i)->total))
            put_histogram(p, METRIC_CALL_TOTAL, "job", mesh_counts_job(k, i)->name, &mesh_counts_job(k, i)->total,
                          count_total_ms);
}

static void put_conversations(struct page *p, const struct mesh_counts *k)
{
    put_head(p, METRIC_CONVERSATIONS);
    for (int i = 0; i < mesh_counts_jobs(k); i++) {
        const struct count_calls *job = mesh_counts_job(k, i);
        if (!number(&job->stayed) && !number(&job->moved))
            continue;
        put_line(p, METRIC_CONVERSATIONS, "", (struct label[]){{"job", job->name}, {"result", STR("moved")}}, 2, number(&job->moved), 0);
        put_line(p, METRIC_CONVERSATIONS, "", (struct label[]){{"job", job->name}, {"result", STR("stayed")}}, 2, number(&job->stayed), 0);
    }
}

static void put_attempts(struct page *p, const struct count_attempts *t)
{
    for (int r = 0; mesh_reason_name(r); r++)
        if (number(&t->reason[r]))
            put_line(p, METRIC_ATTEMPTS, "",
                     (struct label[]){{"target", t->name}, {"reason", str_from(mesh_reason_name(r))}}, 2,
                     number(&t->reason[r]), 0);
}

static void put_attempt_first(struct page *p, const struct count_attempts *t)
{
    if (any(&t->first))
        put_histogram(p, METRIC_ATTEMPT_FIRST, "target", t->name, &t->first, count_first_ms);
}

static void put_attempt_total(struct page *p, const struct count_attempts *t)
{
    put_histogram(p, METRIC_ATTEMPT_TOTAL, "target", t->name, &t->total, count_total_ms);
}

static void put_tokens(struct page *p, const struct count_attempts *t)
{
    static const char *const classes[COUNT_CLASSES] = {"input", "cached", "cache_write", "output", "reasoning"};
    for (int i = 0; i < COUNT_CLASSES; i++)
        put_line(p, METRIC_TOKENS, "", (struct label[]){{"target", t->name}, {"class", str_from(classes[i])}}, 2,
                 number(&t->token[i]), 0);
}

static void put_estimated(struct page *p, const struct count_attempts *t)
{
    put_line(p, METRIC_ESTIMATED, "", &(struct label){"target", t->name}, 1, number(&t->estimated), 0);
}

static void put_cost(struct page *p, const struct count_attempts *t)
{
    put_line(p, METRIC_COST, "", &(struct label){"target", t->name}, 1, number(&t->cost_nusd), 9);
}

static void put_cost_unknown(struct page *p, const struct count_attempts *t)
{
    put_line(p, METRIC_COST_UNKNOWN, "", &(struct label){"target", t->name}, 1, number(&t->cost_unknown), 0);
}

/* Of targets that have been tried: a row for each that never was would only be long. */
static void put_targets(struct page *p, const struct mesh_counts *k)
{
    static const struct {
        enum metric metric;
        void (*put)(struct page *p, const struct count_attempts *t);
    } part[] = {
        {METRIC_ATTEMPTS, put_attempts},           {METRIC_ATTEMPT_FIRST, put_attempt_first},
        {METRIC_ATTEMPT_TOTAL, put_attempt_total}, {METRIC_TOKENS, put_tokens},
        {METRIC_ESTIMATED, put_estimated},         {METRIC_COST, put_cost},
        {METRIC_COST_UNKNOWN, put_cost_unknown},
    };
    for (size_t m = 0; m < COUNT_OF(part); m++) {
        put_head(p, part[m].metric);
        for (int i = 0; i < mesh_counts_targets(k); i++)
            if (any(&mesh_counts_target(k, i)->total))
                part[m].put(p, mesh_counts_target(k, i));
    }
}

/* --- how things stand ------------------------------------------------------------------------------------------------------------- */

static int put_breaker(const struct mesh_gauge *g, void *page)
{
    if (g->target.len)
        put_line(page, METRIC_BREAKER, "", &(struct label){"target", g->target}, 1, g->breaker, 0);
    return 0;
}

static int put_spill(const struct mesh_gauge *g, void *page)
{
    if (g->target.len && g->spill_percent >= 0)
        put_line(page, METRIC_SPILL, "", &(struct label){"target", g->target}, 1, g->spill_percent, 0);
    return 0;
}

static int put_in_flight(const struct mesh_gauge *g, void *page)
{
    if (!g->target.len)
        put_line(page, METRIC_IN_FLIGHT, "", &(struct label){"upstream", g->upstream}, 1, g->in_flight, 0);
    return 0;
}

static int put_queue(const struct mesh_gauge *g, void *page)
{
    if (!g->target.len)
        put_line(page, METRIC_QUEUE, "", &(struct label){"upstream", g->upstream}, 1, g->waiting, 0);
    return 0;
}

static void put_budget(struct page *p, enum metric m, const struct mesh_budget *b, int64_t nusd)
{
    put_line(p, m, "", (struct label[]){{"upstream", b->upstream}, {"window", str_from(b->window)}}, 2, nusd, 9);
}

static int put_spent(const struct mesh_budget *b, void *page)
{
    put_budget(page, METRIC_BUDGET_SPENT, b, b->spent_nusd);
    return 0;
}

static int put_held(const struct mesh_budget *b, void *page)
{
    put_budget(page, METRIC_BUDGET_HELD, b, b->held_nusd);
    return 0;
}

static int put_limit(const struct mesh_budget *b, void *page)
{
    put_budget(page, METRIC_BUDGET_LIMIT, b, b->limit_nusd);
    return 0;
}

static void put_budgets(struct page *p, const struct mesh *m)
{
    put_head(p, METRIC_BUDGET_SPENT);
    (void)mesh_budgets(m, put_spent, p); /* the page keeps its own first problem */
    put_head(p, METRIC_BUDGET_HELD);
    (void)mesh_budgets(m, put_held, p);
    put_head(p, METRIC_BUDGET_LIMIT);
    (void)mesh_budgets(m, put_limit, p);
}

static void put_window(struct page *p, enum metric m, const struct mesh_plan_window *w, int64_t n, int scale)
{
    put_line(p, m, "", (struct label[]){{"upstream", w->upstream}, {"credential", str_from(w->credential)}, {"window", str_from(w->window)}},
             3, n, scale);
}

static int put_plan_used(const struct mesh_plan_window *w, void *page)
{
    if (w->used_ppm >= 0)
        put_window(page, METRIC_PLAN_USED, w, w->used_ppm, 6);
    return 0;
}

static int put_plan_spent(const struct mesh_plan_window *w, void *page)
{
    put_window(page, METRIC_PLAN_SPENT, w, w->spent, 0);
    return 0;
}

static int put_plan_resets(const struct mesh_plan_window *w, void *page)
{
    if (w->resets_in_ms >= 0)
        put_window(page, METRIC_PLAN_RESETS, w, w->resets_in_ms, 3);
    return 0;
}

static void put_plans(struct page *p, const struct mesh *m)
{
    put_head(p, METRIC_PLAN_USED);
    (void)mesh_plan_windows(m, put_plan_used, p); /* the page keeps its own first problem */
    put_head(p, METRIC_PLAN_SPENT);
    (void)mesh_plan_windows(m, put_plan_spent, p);
    put_head(p, METRIC_PLAN_RESETS);
    (void)mesh_plan_windows(m, put_plan_resets, p);
}

static void put_known(struct page *p, enum metric m, int64_t n, int scale)
{
    if (n >= 0)
        put_alone(p, m, n, scale);
}

static void put_engine(struct page *p, const struct gateway *g)
{
    struct gateway_engine engine = {0};
    if (g->control.engine)
        g->control.engine(g->control.ctx, &engine);
    put_known(p, METRIC_ENGINE_UP, engine.configured ? engine.up : -1, 0);
    put_known(p, METRIC_ENGINE_AGAIN, engine.configured ? engine.restarts : -1, 0);
}

static void put_standing(struct page *p, struct gateway_loop *gl)
{
    struct gateway *g = gl->gateway;
    int64_t connections = 0;
    for (int i = 0; i < g->loop_count; i++)
        connections += (int64_t)http_server_connections(g->loop[i]->server);
    put_head(p, METRIC_BREAKER);
    (void)mesh_gauges(g->mesh, put_breaker, p); /* the page keeps its own first problem */
    put_head(p, METRIC_SPILL);
    (void)mesh_gauges(g->mesh, put_spill, p);
    put_head(p, METRIC_IN_FLIGHT);
    (void)mesh_gauges(g->mesh, put_in_flight, p);
    put_head(p, METRIC_QUEUE);
    (void)mesh_gauges(g->mesh, put_queue, p);
    put_budgets(p, g->mesh);
    put_plans(p, g->mesh);
    struct mesh_ceilings top;
    mesh_ceilings(g->mesh, &top);
    put_known(p, METRIC_OPEN_CALLS, top.calls, 0);
    put_known(p, METRIC_CALLS_MAX, top.calls_max, 0);
    put_known(p, METRIC_HELD, top.held_bytes, 0);
    put_known(p, METRIC_HELD_MAX, top.held_bytes_max, 0);
    put_alone(p, METRIC_KEYS, (int64_t)keys_in_force(gl), 0);
    put_alone(p, METRIC_CONNECTIONS, connections, 0);
    put_alone(p, METRIC_READY, page_why_unready(gl) == NULL, 0);
    put_alone(p, METRIC_JOURNAL, (int64_t)mesh_journal_bytes(g->mesh), 0);
    put_engine(p, g);
    struct process_numbers n;
    process_numbers_read(&n);
    put_known(p, METRIC_CPU, n.cpu_us, 6);
    put_known(p, METRIC_RSS, n.resident_bytes, 0);
    put_known(p, METRIC_FDS, n.fds, 0);
    put_known(p, METRIC_FDS_MAX, n.fds_max, 0);
    put_alone(p, METRIC_START, g->started_wall_ms, 3);
}

static int write_page(struct buf *out, struct gateway_loop *gl)
{
    struct page p = {.out = out};
    struct mesh_counts *sum = NULL;
    const struct label build[] = {{"version", STR(HEARTH_VERSION)}, {"build", STR(HEARTH_BUILD_ID)}};
    int rc = mesh_counts_open(&sum, NULL);
    for (int i = 0; rc == 0 && i < gl->gateway->loop_count; i++)
        if (gl->gateway->loop[i]->counts)
            rc = mesh_counts_add(sum, gl->gateway->loop[i]->counts);
    if (rc == 0) {
        put_head(&p, METRIC_BUILD);
        put_line(&p, METRIC_BUILD, "", build, 2, 1, 0);
        put_jobs(&p, sum);
        put_conversations(&p, sum);
        put_targets(&p, sum);
        put_standing(&p, gl);
        rc = p.rc;
    }
    mesh_counts_close(sum);
    return rc;
}

/* Whoever shows a key that is limited to some jobs has no business with the numbers of the others, wherever it calls from. */
static bool may_read(struct gateway_loop *gl, struct http_exchange *x)
{
    struct caller who = {0};
    bool token = admin_shows_token(gl, x);
    bool admitted = token || keys_admit(gl, x, &who);
    if (admitted && who.key && who.key->job_count) {
        reply_error(gl, x, 403, "key_limited",
                    "key %.*s is limited to some jobs, and the metrics tell of all: they are for keys without `--jobs`, and "
                    "for the admin token", STR_FMT(who.key->name));
        return false;
    }
    return admitted;
}

void page_metrics(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    if (!may_read(gl, x))
        return;
    AUTO_BUF struct buf body = BUF_INIT(16 * MiB);
    if (write_page(&body, gl) < 0)
        reply_error(gl, x, 503, "overloaded", "the metrics do not fit into memory");
    else
        reply_with(gl, x, 200, STR("text/plain; version=0.0.4; charset=utf-8"), buf_str(&body));
}
