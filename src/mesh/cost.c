/* cost.c: what a call would cost somewhere, now: its tokens as estimated, an answer as long as this job's usually are, and the
 * part of the prompt that is cached there at the price of cached tokens. What has to be written into a cache costs that, where
 * the vendor has a price for it. */
#include "mesh/mesh_priv.h"

enum {
    FORGET_ONE_IN = 8,     /* a mean moves by this part of the difference */
    OUTPUT_EXPECTED = 500, /* tokens of an answer, while a job has no mean and the call no bound */
};

/* --- the answer -------------------------------------------------------------------------------------------------------- */

void cost_output_note(const struct job *j, int64_t tokens)
{
    int64_t mean = atomic_load_explicit(&j->state->output_mean, memory_order_relaxed);
    int64_t moved = mean ? mean + (tokens - mean) / FORGET_ONE_IN : tokens;
    atomic_store_explicit(&j->state->output_mean, moved > 0 ? moved : 1, memory_order_relaxed);
}

int64_t cost_output_expected(const struct mesh_call *c)
{
    if (wire_op_embeds(c->facts.op) || c->facts.op == WIRE_RERANK || c->facts.form)
        return 0;
    int64_t mean = c->route.job ? atomic_load_explicit(&c->route.job->state->output_mean, memory_order_relaxed) : 0;
    int64_t most = c->facts.max_tokens;
    if (mean == 0)
        mean = most >= 0 ? most : OUTPUT_EXPECTED;
    return most >= 0 && most < mean ? most : mean;
}

/* --- the prompt -------------------------------------------------------------------------------------------------------- */

static bool has_mark(const struct part *p)
{
    for (; p; p = p->next)
        if (p->cache.len || has_mark(p->content))
            return true;
    return false;
}

/* Does the client ask for its prompt to be cached, where that is only done for what is marked? */
static bool is_marked(const struct mesh_call *c)
{
    if (!c->chat)
        return str_find(c->facts.lead, STR("\"cache_control\"")) >= 0 || str_find(c->facts.tools, STR("\"cache_control\"")) >= 0;
    bool marked = c->chat->cache.len > 0;
    for (const struct message *m = c->chat->message; m && !marked; m = m->next)
        marked = has_mark(m->part);
    for (const struct tool *t = c->chat->tool; t && !marked; t = t->next)
        marked = t->cache.len > 0;
    return marked;
}

/* Of a prompt that is read anew, all is written into the cache: what stands behind the last mark is the turn that has just come. */
static int64_t tokens_written(const struct mesh_call *c, const struct target *t, const struct price *p, int64_t cached)
{
    const struct vendor *v = t->up->vendor;
    bool priced = p->cache_write != MODEL_UNKNOWN && p->cache_write != p->input;
    if (!priced || c->facts.op != WIRE_CHAT || c->facts.tokens_estimated < PREFIX_TOKENS_MIN || (v && v->prefix_marked && !is_marked(c)))
        return 0;
    return c->facts.tokens_estimated - cached;
}

/* Your own hardware costs its electricity for as long as its answers take, where watts and price are known; without them, and
 * under a plan, it is paid for already and costs nothing more. A price in the config wins over both. What is paid per token
 * and has no known price comes last. */
int64_t cost_with_cached(const struct mesh_call *c, const struct target *t, int64_t cached)
{
    const struct mesh *m = c->ml->mesh;
    struct price p;
    bool billed = t->up->regime == REGIME_PLAN && flat_is_billed(c, t);
    if (t->up->regime == REGIME_PLAN && !billed)
        return 0;
    if (power_is_known(m, t))
        return power_cost_of(m, t, atomic_load_explicit(&t->state->busy.mean_us, memory_order_relaxed));
    if (!price_find(&p, t->price, t->price_count, t->up->vendor_name, t->model, clock_wall_ms(m->clock)))
        return t->up->regime == REGIME_CREDIT || billed ? COST_NOT_KNOWN : 0;
    struct usage u = {.input = c->facts.tokens_estimated, .cached = cached, .cache_write = tokens_written(c, t, &p, cached),
                      .output = cost_output_expected(c), .cost_nusd = -1};
    int64_t cost = price_cost(&p, &u);
    return cost == COST_UNKNOWN ? COST_NOT_KNOWN : cost;
}

int64_t cost_of_call(const struct mesh_call *c, const struct target *t)
{
    return cost_with_cached(c, t, affinity_cached(c, t));
}
