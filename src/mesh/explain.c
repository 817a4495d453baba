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

static void explain_target_text(struct buf *out, const struct mesh *m, const struct target *t, const char *why, bool answers, bool conditional)
{
    struct price p;
    (void)buf_append_format(out, "    %s %.*s", answers ? "->" : "  ", STR_FMT(t->name));
    for (size_t pad = t->name.len; pad < 40; pad++)
        (void)buf_append_char(out, ' ');
    (void)buf_append_format(out, " %-5s %-6s ", t->up->home ? "home" : "cloud", regime_name(t->up->regime));
    if (blended(m, t, &p) >= 0) {
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
    (void)buf_append_format(out, "  %s%s\n", why ? "not now: " : "", verdict(why, answers, conditional));
}

static void explain_target_json(struct json_writer *w, const struct mesh *m, const struct target *t, const char *why, bool answers, bool conditional)
{
    struct price p;
    bool priced = blended(m, t, &p) >= 0;
    json_object_begin(w);
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
    json_object_end(w);
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
    }
    for (int s = 0; s < j->step_count; s++) {
        for (int i = 0; i < j->step[s].count; i++) {
            const struct target *t = j->step[s].of[i].target;
            const char *why = why_not_now(m, j, t, problem);
            bool answers = !why && !taken, conditional = is_conditional(&j->step[s]);
            taken = taken || (answers && !conditional);
            if (w)
                explain_target_json(w, m, t, why, answers, conditional);
            else
                explain_target_text(out, m, t, why, answers, conditional);
        }
    }
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
            problem[i] = probe(m->upstream[i].url[WIRE_CHAT], ctx);
    struct json_writer w = JSON_WRITER(out);
    if (json)
        json_array_begin(&w);
    for (int i = 0; i < m->job_count; i++)
        explain_job(m, &m->job[i], problem, out, json ? &w : NULL);
    if (json)
        json_array_end(&w);
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
                (void)buf_append_format(out, "job %.*s is not cheap-first: %.*s stands before the cheaper %.*s\n", STR_FMT(j->name),
                                        STR_FMT(dear->name), STR_FMT(t->name));
            if (price > dear_price) {
                dear = t;
                dear_price = price;
            }
        }
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
        if (!t->fact || !t->fact->retired)
            continue;
        (void)buf_append_format(out, "%.*s is retired%s%s\n", STR_FMT(t->name), t->fact->successor ? "; its successor is " : "",
                                t->fact->successor ? t->fact->successor : "");
    }
    for (int i = 0; i < m->job_count; i++)
        warn_order(m, &m->job[i], out);
    return 0;
}
