/* explain.c: what the routes would do now, for `config check`: each job with its targets, prices and the reasons against
 * them; and warnings about what works but is likely not meant. */
#include "base/json.h"
#include "base/mem.h"
#include "mesh/mesh_priv.h"

/* Nano-dollars for a million tokens, three of input to one of output: what a chat costs; -1 when there is no price. */
static int64_t blended(const struct mesh *m, const struct target *t, struct price *p)
{
    if (!price_find(p, t->price, t->price_count, t->up->vendor_name, t->model, clock_wall_ms(m->clock)))
        return -1;
    if (p->input == MODEL_UNKNOWN || p->output == MODEL_UNKNOWN)
        return -1;
    return (3 * p->input + p->output) / 4;
}

static const char *why_not_now(const struct mesh *m, const struct job *j, const struct target *t, const char *const *problem)
{
    int64_t wait_ms;
    if (j->home && !t->up->home)
        return "outside the boundary";
    if (t->up->key_problem.len)
        return "no key";
    if (t->up->regime == REGIME_PLAN && m->config->plans_off)
        return reason_row(REASON_PLAN_OFF)->text;
    if (problem[t->up->index])
        return problem[t->up->index];
    if (breaker_look(&t->state->breaker, clock_mono_us(m->clock) / 1000, &wait_ms) == BREAKER_OPEN)
        return "cooling after failures";
    return NULL;
}

static void money(struct buf *out, int64_t nusd_per_mtok)
{
    if (nusd_per_mtok == MODEL_UNKNOWN)
        (void)buf_append_text(out, "?");
    else
        (void)buf_append_scaled(out, nusd_per_mtok, 9);
}

/* A step with conditions answers some calls; those that do not fit go on to the next, so it is not where the job ends. */
static bool is_conditional(const struct step *s)
{
    return s->max_context || s->needs || s->tag_count;
}

static const char *verdict(const char *why, bool answers, bool conditional)
{
    if (why)
        return why;
    if (answers)
        return conditional ? "answers calls that fit its `when`" : "answers now";
    return "if those before fail";
}

static const char *balance_word(enum config_balance b)
{
    static const char *const words[] = {
        [BALANCE_ORDER] = "order", [BALANCE_WEIGHTED] = "weighted", [BALANCE_LEAST_BUSY] = "least_busy",
        [BALANCE_FASTEST] = "fastest", [BALANCE_CHEAPEST] = "cheapest",
    };
    return words[b];
}

static void seconds(struct buf *out, int64_t ms)
{
    (void)buf_append_scaled(out, ms, 3);
    (void)buf_append_text(out, " s");
}

/* What is special about a step, before its targets. */
static void explain_step_text(struct buf *out, const struct step *s)
{
    static const char *const how[] = {
        [BALANCE_WEIGHTED] = "by chance, in proportion to their weights",
        [BALANCE_LEAST_BUSY] = "the least busy first",
        [BALANCE_FASTEST] = "the fastest of late first; one call in 16 tries another",
        [BALANCE_CHEAPEST] = "the cheapest for each call first",
    };
    if (s->count > 1 && s->balance != BALANCE_ORDER)
        (void)buf_append_format(out, "    one of %d, %s:\n", s->count, how[s->balance]);
    if (s->hedge_after_ms) {
        (void)buf_append_text(out, "    after ");
        seconds(out, s->hedge_after_ms);
        (void)buf_append_text(out, " without content the next one is asked as well:\n");
    }
}

static void explain_rates_text(struct buf *out, const struct upstream *u)
{
    if (u->rpm)
        (void)buf_append_format(out, "; %lld calls a minute", (long long)u->rpm);
    if (u->tpm)
        (void)buf_append_format(out, "; %lld tokens a minute", (long long)u->tpm);
}

static void explain_places_text(struct buf *out, const struct upstream *u)
{
    if (!u->concurrent)
        return;
    (void)buf_append_format(out, "; %d at once", u->concurrent);
    if (!u->queue_max)
        return;
    (void)buf_append_format(out, ", %d may wait ", u->queue_max);
    seconds(out, u->queue_wait_ms);
}

static void explain_target_text(struct buf *out, const struct mesh *m, const struct target *t, const char *why, bool answers, bool conditional)
{
    struct price p;
    (void)buf_append_format(out, "    %s %.*s", answers ? "->" : "  ", STR_FMT(t->name));
    for (size_t pad = t->name.len; pad < 40; pad++)
        (void)buf_append_char(out, ' ');
    (void)buf_append_format(out, " %-5s %-6s ", t->up->home ? "home" : "cloud", regime_name(t->up->regime));
    if (t->up->regime == REGIME_PLAN) {
        (void)buf_append_text(out, "flat");
    } else if (blended(m, t, &p) >= 0) {
        (void)buf_append_text(out, "$ ");
        money(out, p.input);
        (void)buf_append_text(out, " in, ");
        money(out, p.output);
        (void)buf_append_text(out, " out per million tokens");
    } else if (t->up->regime == REGIME_POWER) {
        power_explain(out, m, t);
    } else {
        (void)buf_append_text(out, "price unknown");
    }
    (void)buf_append_format(out, "  %s%s", why ? "not now: " : "", verdict(why, answers, conditional));
    explain_places_text(out, t->up);
    explain_rates_text(out, t->up);
    (void)buf_append_char(out, '\n');
}

static void number_or_null(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    n ? json_i64(w, n) : json_null(w);
}

static void explain_step_json(struct json_writer *w, const struct step *s, int index, const struct upstream *u)
{
    json_key(w, "step");
    json_i64(w, index + 1);
    json_key(w, "balance");
    json_text(w, balance_word(s->balance));
    number_or_null(w, "hedge_after_ms", s->hedge_after_ms);
    number_or_null(w, "concurrent", u->concurrent);
    number_or_null(w, "queue_max", u->concurrent ? u->queue_max : 0);
    number_or_null(w, "queue_wait_ms", u->concurrent && u->queue_max ? u->queue_wait_ms : 0);
    number_or_null(w, "rpm", u->rpm);
    number_or_null(w, "tpm", u->tpm);
}

static void explain_target_json(struct json_writer *w, const struct mesh *m, const struct target *t, const char *why, bool answers, bool conditional)
{
    struct price p;
    bool priced = blended(m, t, &p) >= 0;
    json_key(w, "target");
    json_str(w, t->name);
    json_key(w, "place");
    json_text(w, t->up->home ? "home" : "cloud");
    json_key(w, "regime");
    json_text(w, regime_name(t->up->regime));
    json_key(w, "input_nusd_mtok");
    priced ? json_i64(w, p.input) : json_null(w);
    json_key(w, "output_nusd_mtok");
    priced ? json_i64(w, p.output) : json_null(w);
    json_key(w, "answers");
    json_bool(w, answers);
    json_key(w, "conditional");
    json_bool(w, conditional);
    json_key(w, "why_not");
    json_text(w, why);
}

/* True when the job ends here: somebody of the step would answer now, whatever the call. Of a balanced group that is every
 * member that could. */
static bool explain_step(const struct mesh *m, const struct job *j, int index, bool taken, const char *const *problem,
                         struct buf *out, struct json_writer *w)
{
    const struct step *s = &j->step[index];
    bool taken_here = false, conditional = is_conditional(s);
    if (!w)
        explain_step_text(out, s);
    for (int i = 0; i < s->count; i++) {
        const struct target *t = s->of[i].target;
        const char *why = why_not_now(m, j, t, problem);
        bool answers = !why && !taken && (!taken_here || s->balance != BALANCE_ORDER);
        taken_here = taken_here || answers;
        if (!w) {
            explain_target_text(out, m, t, why, answers, conditional);
            continue;
        }
        json_object_begin(w);
        explain_step_json(w, s, index, t->up);
        explain_target_json(w, m, t, why, answers, conditional);
        json_object_end(w);
    }
    return taken_here && !conditional;
}

/* What else clients may call it. */
static void explain_aliases(const struct mesh *m, const struct job *j, struct buf *out)
{
    bool any = false;
    for (int i = 0; i < m->alias_count; i++) {
        if (m->alias[i].job != j || m->alias[i].pattern)
            continue;
        (void)buf_append_format(out, "%s%.*s", any ? ", " : "    also asked for as ", STR_FMT(m->alias[i].name));
        any = true;
    }
    if (any)
        (void)buf_append_char(out, '\n');
}

/* Two patterns may catch one name: they are listed as they are looked at. */
static void explain_names(const struct mesh *m, bool patterns, const char *head, struct buf *out)
{
    bool any = false;
    for (int i = 0; i < m->alias_count; i++) {
        const struct alias *a = &m->alias[i];
        if (a->pattern != patterns || (!patterns && a->job))
            continue;
        if (!any)
            (void)buf_append_format(out, "  %s\n", head);
        (void)buf_append_format(out, "    %.*s -> %.*s\n", STR_FMT(a->name), STR_FMT(a->to));
        any = true;
    }
}

static void explain_job(const struct mesh *m, const struct job *j, const char *const *problem, struct buf *out, struct json_writer *w)
{
    bool taken = false;
    if (w) {
        json_object_begin(w);
        json_key(w, "job");
        json_str(w, j->name);
        json_key(w, "boundary");
        json_text(w, j->home ? "home" : "any");
        json_key(w, "targets");
        json_array_begin(w);
    } else {
        (void)buf_append_format(out, "  %.*s (boundary %s)\n", STR_FMT(j->name), j->home ? "home" : "any");
        explain_aliases(m, j, out);
    }
    for (int i = 0; i < j->step_count; i++)
        taken = explain_step(m, j, i, taken, problem, out, w) || taken;
    if (w) {
        json_array_end(w);
        json_object_end(w);
    } else if (!taken) {
        (void)buf_append_text(out, "    nobody would answer now\n");
    }
}

int mesh_explain(const struct mesh *m, struct buf *out, bool json, const char *(*probe)(struct str url, void *ctx), void *ctx)
{
    const char **problem = new0_array(const char *, (size_t)m->upstream_count + 1);
    if (!problem)
        return ERR_NOMEM;
    for (int i = 0; probe && i < m->upstream_count; i++)
        if (m->upstream[i].home && !m->upstream[i].unix_path.len)
            problem[i] = probe(m->upstream[i].base, ctx);
    struct json_writer w = JSON_WRITER(out);
    if (json)
        json_array_begin(&w);
    for (int i = 0; i < m->job_count; i++)
        explain_job(m, &m->job[i], problem, out, json ? &w : NULL);
    if (json)
        json_array_end(&w);
    if (!json)
        explain_names(m, false, "aliases of targets", out);
    if (!json)
        explain_names(m, true, "patterns, for names that are no job and no alias; the first that matches counts", out);
    mem_free(problem);
    return json ? json_done(&w) : 0;
}

/* --- warnings ---------------------------------------------------------------------------------------------------------------- */

static void warn_order(const struct mesh *m, const struct job *j, struct buf *out)
{
    const struct target *dear = NULL;
    int64_t dear_price = -1;
    struct price p;
    for (int s = 0; s < j->step_count; s++)
        for (int i = 0; i < j->step[s].count; i++) {
            const struct target *t = j->step[s].of[i].target;
            int64_t price = t->up->regime == REGIME_CREDIT ? blended(m, t, &p) : -1;
            if (price < 0)
                continue;
            if (dear && price < dear_price)
                (void)buf_append_format(out, "job %.*s is not cheap-first: %.*s stands before the cheaper %.*s; fine where it is the better one\n", STR_FMT(j->name),
                                        STR_FMT(dear->name), STR_FMT(t->name));
            if (price > dear_price) {
                dear = t;
                dear_price = price;
            }
        }
}

/* A hedge needs somebody to go to: after the last member of the last step there is nobody. */
static void warn_hedge(const struct job *j, struct buf *out)
{
    const struct step *last = &j->step[j->step_count - 1];
    if (last->hedge_after_ms && last->count == 1)
        (void)buf_append_format(out, "job %.*s: hedge_after on its last step does nothing: nobody comes after %.*s\n", STR_FMT(j->name),
                                STR_FMT(last->of[0].target->name));
}

static bool has_budget(const struct upstream *u)
{
    return u->config->budget_hour_nusd >= 0 || u->config->budget_day_nusd >= 0 || u->config->budget_month_nusd >= 0;
}

/* A budget lets nothing through whose worst case is not known. */
static void warn_no_price(const struct mesh *m, const struct target *t, struct buf *out)
{
    enum { TOKENS = 1000 };
    struct price p;
    if (!has_budget(t->up) || power_is_known(m, t))
        return;
    bool found = price_find(&p, t->price, t->price_count, t->up->vendor_name, t->model, clock_wall_ms(m->clock));
    if (!found || price_worst(&p, TOKENS, model_is_embedding(t) ? 0 : TOKENS) == COST_UNKNOWN)
        (void)buf_append_format(out, "%.*s has no known price, so the budget of %.*s refuses its calls: give it one under `prices`\n",
                                STR_FMT(t->name), STR_FMT(t->up->name));
}

int mesh_warnings(const struct mesh *m, struct buf *out)
{
    power_warnings(m, out);
    for (int i = 0; i < m->upstream_count; i++) {
        const struct upstream *u = &m->upstream[i];
        if (u->key_problem.len)
            (void)buf_append_format(out, "upstream %.*s has no key: %.*s; its targets are skipped\n", STR_FMT(u->name), STR_FMT(u->key_problem));
        if (!u->home && mesh_is_home_address(m, u->host))
            (void)buf_append_format(out, "upstream %.*s is at %.*s, but not `place: home`: private jobs cannot use it\n", STR_FMT(u->name),
                                    STR_FMT(u->host));
    }
    for (int i = 0; i < m->target_count; i++) {
        const struct target *t = &m->target[i];
        warn_no_price(m, t, out);
        if (!t->fact || !t->fact->retired)
            continue;
        (void)buf_append_format(out, "%.*s is retired%s%s\n", STR_FMT(t->name), t->fact->successor ? "; its successor is " : "",
                                t->fact->successor ? t->fact->successor : "");
    }
    for (int i = 0; i < m->job_count; i++) {
        warn_order(m, &m->job[i], out);
        warn_hedge(&m->job[i], out);
    }
    return 0;
}
