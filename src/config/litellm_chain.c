/* litellm_chain.c: groups and fallbacks become chains.
 *
 *   equal model_names          a group to balance over; `order` levels are steps one after the other
 *   fallbacks, default_        further steps, with the fallbacks of those behind them, as deep as max_fallbacks
 *   context_window_fallbacks   a step at the end, and `when: { max_context }` on all before it, where the context is known
 *   content_policy_fallbacks   a step at the end
 *
 * A group that must stay at home is refused with its chain when a step of it leads out: LiteLLM would take it. */
#include "base/mem.h"
#include "config/litellm_priv.h"

/* --- what the file says about a group ---------------------------------------------------------------- */

/* The list that `fallbacks: [{ group: [...] }]` gives to this group, or to `*`. */
static const struct config_node *list_for(const struct litellm *im, const char *key, struct str group)
{
    const struct config_item *all = litellm_setting(im, key);
    const struct config_node *star = NULL;
    for (const struct config_item *i = all && all->value->kind == NODE_LIST ? all->value->first : NULL; i; i = i->next)
        for (const struct config_item *k = i->value->kind == NODE_MAP ? i->value->first : NULL; k; k = k->next) {
            if (str_eq(k->key->text, group))
                return k->value;
            if (str_eq(k->key->text, STR("*")))
                star = k->value;
        }
    return star;
}

static struct str aliased(const struct litellm *im, struct str name)
{
    const struct config_item *map = litellm_setting(im, "model_group_alias");
    for (const struct config_item *i = map && map->value->kind == NODE_MAP ? map->value->first : NULL; i; i = i->next)
        if (str_eq(i->key->text, name))
            return i->value->kind == NODE_MAP ? litellm_text(i->value, "model") : i->value->text;
    return name;
}

static struct litellm_deployment *with_id(const struct litellm *im, struct str id)
{
    for (struct litellm_deployment *d = im->deployment; d; d = d->next)
        if (d->up && !d->wildcard && d->id.len && str_eq(d->id, id))
            return d;
    return NULL;
}

/* `openai/gpt-4o-mini` where the list has openai and a star only: a model of that upstream, named by what the star stands for. */
struct litellm_deployment *litellm_by_wildcard(struct litellm *im, struct str name)
{
    for (const struct litellm_deployment *d = im->deployment; d; d = d->next) {
        ptrdiff_t star = str_find_char(d->group->name, '*'), to = str_find_char(d->model, '*');
        if (!d->up || !d->wildcard || star < 0 || to < 0 || !str_match_glob(d->group->name, name))
            continue;
        struct str after = str_skip(d->group->name, (size_t)star + 1);
        if (str_find_char(after, '*') >= 0 || name.len <= (size_t)star + after.len)
            continue;
        struct litellm_deployment *one = litellm_alloc(im, sizeof *one);
        if (!one)
            return NULL;
        *one = *d;
        one->wildcard = false;
        one->next = NULL;
        one->written = name;
        one->model = litellm_format(im, "%.*s%.*s%.*s", STR_FMT(str_slice(d->model, 0, (size_t)to)),
                                    STR_FMT(str_slice(name, (size_t)star, name.len - after.len)),
                                    STR_FMT(str_skip(d->model, (size_t)to + 1)));
        one->target = litellm_format(im, "%.*s/%.*s", STR_FMT(d->up->name), STR_FMT(one->model));
        return config_check_target(one->target) ? NULL : one;
    }
    return NULL;
}

static int64_t context_of(const struct litellm *im, const struct litellm_group *g)
{
    int64_t most = 0;
    for (const struct litellm_deployment *d = im->deployment; d; d = d->next)
        if (d->group == g && d->up && d->context > most)
            most = d->context;
    return most;
}

/* --- steps ---------------------------------------------------------------------------------------------- */

enum { WEIGHT_ONE = 1000 }; /* in thousandths */

struct origin { /* of a step: the list that brought it */
    const char *why;
    struct config_mark mark;
};

static bool is_in_chain(const struct litellm_group *g, struct str target)
{
    for (int s = 0; s < g->step_count; s++)
        for (int i = 0; i < g->step[s].count; i++)
            if (str_eq(g->step[s].member[i].of->target, target))
                return true;
    return false;
}

/* Vectors of two models do not mix, and vectors do not mix with words. */
static bool mixes(const struct litellm_group *g, const struct litellm_deployment *d)
{
    const struct litellm_deployment *first = g->step_count ? g->step[0].member[0].of : NULL;
    return first && (first->embedding != d->embedding || (d->embedding && !str_eq(first->model, d->model)));
}

static struct config_mark origin_of(const struct litellm_deployment *d, const struct origin *o)
{
    return o->why ? o->mark : d->mark;
}

static void tell_chain(const struct litellm_group *g, const struct litellm_deployment *last, struct buf *out)
{
    (void)buf_append(out, g->name);
    for (int s = 0; s < g->step_count; s++)
        for (int i = 0; i < g->step[s].count; i++)
            (void)buf_append_format(out, " -> %.*s (home)", STR_FMT(g->step[s].member[i].of->written));
    (void)buf_append_format(out, " -> %.*s (cloud)", STR_FMT(last->written));
}

static bool forwards(struct str model)
{
    struct str end = str_skip(model, model.len > 6 ? model.len - 6 : 0);
    return str_eq_fold(end, STR(":cloud")) || str_eq_fold(end, STR("-cloud"));
}

static int prove_home(struct litellm *im, const struct litellm_group *g, const struct litellm_deployment *d,
                      const struct origin *o)
{
    if (!g->is_private || (d->up->home && !forwards(d->model)))
        return 0;
    AUTO_BUF struct buf chain = BUF_INIT(2 * KiB);
    tell_chain(g, d, &chain);
    bool tagged = g->private_mark.line != g->mark.line || g->private_mark.column != g->mark.column;
    return litellm_refuse(im, origin_of(d, o),
                          "group %s is private (%s on line %d), but %s leads out of the house: %.*s; LiteLLM would "
                          "send it. Take the way out, or "
                          "the mark, out of a copy of the file",
                          config_quoted(g->name).text, tagged ? "its tag or alias" : "its name", g->private_mark.line,
                          o->why ? o->why : "this model", STR_FMT(buf_str(&chain)));
}

static struct litellm_step *step_begin(struct litellm *im, struct litellm_group *g, const struct litellm_deployment *d,
                                       const struct origin *o)
{
    if (g->step_count == LITELLM_STEPS_MAX) {
        litellm_note(im, LITELLM_LOST, origin_of(d, o), g->name,
                     "a chain has at most %d steps: %.*s does not fit any more", LITELLM_STEPS_MAX,
                     STR_FMT(d->written));
        return NULL;
    }
    struct litellm_step *s = &g->step[g->step_count];
    *s = (struct litellm_step){.why = o->why, .mark = o->mark};
    return s;
}

static int member_add(struct litellm *im, struct litellm_group *g, struct litellm_step **step,
                      struct litellm_deployment *d, int64_t weight, const struct origin *o)
{
    if (!d->up || d->wildcard || is_in_chain(g, d->target))
        return 0;
    int rc = prove_home(im, g, d, o);
    if (rc)
        return rc;
    for (int i = 0; *step && i < (*step)->count; i++)
        if (str_eq((*step)->member[i].of->target, d->target)) { /* twice in the file: twice as often */
            (*step)->member[i].weight += weight;
            return 0;
        }
    const struct litellm_deployment *first = g->step_count             ? g->step[0].member[0].of
                                             : *step && (*step)->count ? (*step)->member[0].of
                                                                       : NULL;
    if (mixes(g, d) || (first && d->embedding && !str_eq(first->model, d->model))) {
        litellm_note(im, LITELLM_LOST, origin_of(d, o), d->written,
                     "left out of group %s: vectors of two models do not mix", config_quoted(g->name).text);
        return 0;
    }
    if (*step && (*step)->count == CONFIG_TARGETS_MAX) { /* the rest of a large group is a step of its own */
        g->step_count++;
        *step = NULL;
    }
    if (!*step && !(*step = step_begin(im, g, d, o)))
        return 0;
    (*step)->member[(*step)->count++] = (struct litellm_member){d, weight};
    return 0;
}

static int64_t next_order(const struct litellm *im, const struct litellm_group *g, int64_t after)
{
    int64_t next = INT64_MAX;
    for (const struct litellm_deployment *d = im->deployment; d; d = d->next)
        if (d->group == g && d->up && !d->wildcard && d->order > after && d->order < next)
            next = d->order;
    return next;
}

/* The models of a group at one level of `order`, and by which of their numbers LiteLLM draws among them: it looks for weight,
 * rpm and tpm in this order, at the first of them only; what lacks the number counts as 0. */
struct level {
    const struct litellm_group *of;
    int64_t order;
    int share;  /* -1: all alike */
    bool drawn; /* one at least has a share above 0 */
};

static bool is_of(const struct litellm_deployment *d, const struct level *l)
{
    return d->group == l->of && d->order == l->order && d->up && !d->wildcard;
}

static int64_t share_of(const struct litellm_deployment *d, const struct level *l)
{
    return !l->drawn ? WEIGHT_ONE : d->share[l->share] > 0 ? d->share[l->share] : 0;
}

static struct level level_of(const struct litellm *im, const struct litellm_group *of, int64_t order)
{
    struct level l = {of, order, -1, false};
    const struct litellm_deployment *first = im->deployment;
    while (first && !is_of(first, &l))
        first = first->next;
    for (int k = 2; first && k >= 0; k--)
        if (first->share[k] >= 0)
            l.share = k;
    for (const struct litellm_deployment *d = first; d && l.share >= 0; d = d->next)
        l.drawn = l.drawn || (is_of(d, &l) && d->share[l.share] > 0);
    return l;
}

static void tell_share(struct litellm *im, const struct litellm_deployment *d, const struct level *l, bool weighted)
{
    static const char *const names[] = {"weight", "rpm", "tpm"};
    const struct config_item *weight = litellm_item(d->params, "weight");
    if (weighted && share_of(d, l) == 0)
        litellm_note(im, LITELLM_DIFFERENT, d->mark, d->written,
                     "has no `%s` above 0 beside others that have: it answers when they do not, as before",
                     names[l->share]);
    if (weight && (!weighted || l->share != 0))
        litellm_note(im, LITELLM_DIFFERENT, weight->key->mark, weight->key->text, "%s",
                     weighted ? "counts only where the first of its group has one, too, in LiteLLM as well"
                              : "counts with simple-shuffle only, in LiteLLM as well");
}

/* Those that are drawn, then those that never are: they answer when the others do not. */
static int level_add(struct litellm *im, struct litellm_group *g, const struct level *l, const struct origin *o)
{
    bool weighted = str_eq(str_from(g->balance), STR("weighted"));
    int rc = 0;
    for (int rest = 0; rest <= weighted && rc == 0; rest++) {
        struct litellm_step *step = NULL;
        for (struct litellm_deployment *d = im->deployment; d && rc == 0; d = d->next) {
            if (!is_of(d, l) || (weighted && (share_of(d, l) == 0) != rest))
                continue;
            tell_share(im, d, l, weighted);
            rc = member_add(im, g, &step, d, weighted ? share_of(d, l) : WEIGHT_ONE, o);
        }
        g->step_count += step && step->count;
    }
    return rc;
}

/* The models of `from` as steps of g, one for each level of `order`; those without one come last. */
static int group_add(struct litellm *im, struct litellm_group *g, const struct litellm_group *from,
                     const struct origin *o)
{
    int rc = 0;
    for (int64_t order = next_order(im, from, -1); order != INT64_MAX && rc == 0; order = next_order(im, from, order)) {
        const struct level l = level_of(im, from, order);
        rc = level_add(im, g, &l, o);
    }
    return rc;
}

static int name_add(struct litellm *im, struct litellm_group *g, const struct config_node *n, const char *why,
                    struct litellm_group **found)
{
    const struct origin o = {why, n->mark};
    struct str name = n->kind == NODE_SCALAR ? aliased(im, n->text) : litellm_text(n, "model");
    struct litellm_group *from = litellm_group_named(im, name);
    struct litellm_deployment *d = from ? NULL : with_id(im, name);
    if (!from && !d)
        d = litellm_by_wildcard(im, name);
    *found = from;
    if (from)
        return from == g || from->visited ? 0 : group_add(im, g, from, &o);
    if (d && d->written.ptr == name.ptr)
        litellm_note(im, LITELLM_DIFFERENT, n->mark, litellm_format(im, "%s", why),
                     "%s is no model_name: the pattern %s makes it %.*s", config_quoted(name).text,
                     config_quoted(d->group->name).text, STR_FMT(d->target));
    if (!d) {
        litellm_note(im, LITELLM_LOST, n->mark, litellm_format(im, "%s", why),
                     "%s is neither a model_name nor the id of a model in this file", config_quoted(name).text);
        return 0;
    }
    struct litellm_step *step = NULL;
    int rc = member_add(im, g, &step, d, WEIGHT_ONE, &o);
    g->step_count += step && step->count;
    return rc;
}

static const struct config_node *general_list(const struct litellm *im, const struct litellm_group *g, const char **why)
{
    const struct config_node *list = list_for(im, "fallbacks", g->name);
    const struct config_item *standard = litellm_setting(im, "default_fallbacks");
    *why = list ? "fallbacks" : "default_fallbacks";
    return list ? list : standard ? standard->value : NULL;
}

/* Depth first, as LiteLLM walks: what a fallback falls back to comes before the next fallback. */
static int fallbacks_add(struct litellm *im, struct litellm_group *g, struct litellm_group *of, int64_t depth)
{
    const char *why;
    const struct config_node *list = general_list(im, of, &why);
    if (!list || depth == 0)
        return 0;
    of->visited = true;
    const struct config_item only = {.value = list};
    int rc = 0;
    for (const struct config_item *i = list->kind == NODE_LIST ? list->first : &only; i && rc == 0; i = i->next) {
        struct litellm_group *found;
        rc = name_add(im, g, i->value, why, &found);
        if (rc == 0 && found && !found->visited)
            rc = fallbacks_add(im, g, found, depth - 1);
    }
    return rc;
}

static int special_add(struct litellm *im, struct litellm_group *g, const char *key)
{
    const struct config_node *list = list_for(im, key, g->name);
    const struct config_item only = {.value = list};
    int rc = 0;
    for (const struct config_item *i = !list                     ? NULL
                                       : list->kind == NODE_LIST ? list->first
                                                                 : &only;
         i && rc == 0; i = i->next) {
        struct litellm_group *found;
        rc = name_add(im, g, i->value, key, &found);
    }
    return rc;
}

/* --- one chain after the other ----------------------------------------------------------------------------- */

static int64_t depth_max(const struct litellm *im)
{
    enum { LITELLMS_OWN = 5 };
    const struct config_item *i = litellm_setting(im, "max_fallbacks");
    int64_t n = LITELLMS_OWN;
    if (i && i->value->kind == NODE_SCALAR)
        (void)str_to_i64(i->value->text, &n); /* else its default */
    return n < 0 ? 0 : n > LITELLM_DEPTH_MAX ? LITELLM_DEPTH_MAX : n;
}

static void limit_contexts(struct litellm *im, struct litellm_group *g, int general_count)
{
    const struct config_node *list = list_for(im, "context_window_fallbacks", g->name);
    int64_t context = context_of(im, g);
    if (g->step_count == general_count)
        return; /* what it names is in the chain already */
    for (int s = 0; s < general_count && context; s++)
        g->step[s].max_context = context;
    litellm_note(im, LITELLM_DIFFERENT, list->mark, litellm_format(im, "context_window_fallbacks"), "%s",
                 context ? "calls that are too long go there at once; it is also the last resort for other failures"
                         : "the context of the group's models is unknown: taken when a model says the call is too "
                           "long, and as the last resort "
                           "(write `when: { max_context: N }` on the steps before it)");
}

static int prove_wildcards(struct litellm *im, struct litellm_group *g)
{
    const struct origin own = {0};
    int rc = 0;
    for (const struct litellm_deployment *d = im->deployment; d && rc == 0; d = d->next)
        if (d->group == g && d->up && d->wildcard)
            rc = prove_home(im, g, d, &own);
    return rc;
}

static int chain_build(struct litellm *im, struct litellm_group *g)
{
    const struct origin own = {0};
    int rc = prove_wildcards(im, g);
    if (rc == 0)
        rc = group_add(im, g, g, &own);
    if (rc || g->step_count == 0)
        return rc;
    for (struct litellm_group *other = im->group; other; other = other->next)
        other->visited = false;
    rc = fallbacks_add(im, g, g, depth_max(im));
    int general_count = g->step_count;
    if (rc == 0)
        rc = special_add(im, g, "context_window_fallbacks");
    if (rc == 0 && list_for(im, "context_window_fallbacks", g->name))
        limit_contexts(im, g, general_count);
    int before = g->step_count;
    if (rc == 0)
        rc = special_add(im, g, "content_policy_fallbacks");
    if (g->step_count > before)
        litellm_note(
            im, LITELLM_DIFFERENT, list_for(im, "content_policy_fallbacks", g->name)->mark,
            litellm_format(im, "content_policy_fallbacks"),
            "a refused call goes on along the whole chain; this step is also the last resort for other failures");
    return rc;
}

static bool job_taken(const struct litellm *im, struct str name)
{
    for (const struct litellm_group *g = im->group; g; g = g->next)
        if (str_eq(g->job, name))
            return true;
    return false;
}

static int strategy(struct litellm *im, const char **balance)
{
    static const struct {
        const char *litellm, *hearth, *note;
    } known[] = {
        {"simple-shuffle", "weighted", NULL},
        {"least-busy", "least_busy", NULL},
        {"latency-based-routing", "fastest", NULL},
        {"cost-based-routing", "cheapest", NULL},
        {"usage-based-routing", "least_busy", "by calls in flight, not by tokens of the minute"},
        {"usage-based-routing-v2", "least_busy", "by calls in flight, not by tokens of the minute"},
    };
    const struct config_item *i = litellm_setting(im, "routing_strategy");
    *balance = "weighted";
    if (!i || i->value->kind != NODE_SCALAR)
        return 0;
    if (str_find_char(i->value->text, '.') > 0)
        return litellm_refuse(im, i->value->mark,
                              "routing_strategy: Python code chooses the models, which cannot be carried");
    for (size_t k = 0; k < COUNT_OF(known); k++) {
        if (!str_eq(i->value->text, str_from(known[k].litellm)))
            continue;
        *balance = known[k].hearth;
        if (known[k].note)
            litellm_note(im, LITELLM_DIFFERENT, i->key->mark, i->key->text, "%s", known[k].note);
        return 0;
    }
    litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text,
                 "there is no such strategy here: chosen at random by weight");
    return 0;
}

int litellm_chains_build(struct litellm *im)
{
    const char *balance;
    litellm_lists_tell(im);
    int rc = litellm_private_aliases(im);
    if (rc == 0)
        rc = strategy(im, &balance);
    for (struct litellm_group *g = im->group; g && rc == 0 && !im->nomem; g = g->next) {
        g->balance = balance;
        rc = chain_build(im, g);
    }
    for (struct litellm_group *g = im->group; g && rc == 0 && !im->nomem; g = g->next) {
        if (!g->step_count)
            continue;
        g->job = litellm_free_name(im, g->name, job_taken);
        if (++im->job_count > CONFIG_JOBS_MAX)
            return litellm_refuse(im, g->mark, "more than %d groups; a config has at most %d jobs", CONFIG_JOBS_MAX,
                                  CONFIG_JOBS_MAX);
    }
    return rc;
}
