/* config_jobs.c: jobs and their chains.
 *
 *   chain: [ STEP, … ]
 *   STEP:  TARGET  |  GROUP  |  { try: TARGET | GROUP, balance, hedge_after, when }
 *   GROUP: [ TARGET | { target, weight }, … ] */
#include "base/mem.h"
#include "config/config_priv.h"

static int read_member(struct config_reader *r, const struct config_node *n, struct config_target *t)
{
    if (n->kind == NODE_MAP)
        return config_option_read_map(r, &config_member_options, n, n->mark, t);
    t->weight = 1;
    return config_option_read_text(r, &config_member_options.row[0], n, &t->name);
}

/* A target, or a group of them. */
static int read_group(struct config_reader *r, const struct config_node *n, struct config_step *step)
{
    if (n->kind == NODE_MAP)
        return FAIL(r, n->mark, "`try` must be a target (upstream/model) or a list of targets, not a map");
    int count = n->kind == NODE_LIST ? n->count : 1, rc = 0;
    if (count < 1 || count > CONFIG_TARGETS_MAX)
        return FAIL(r, n->mark, "a step must have 1 to %d targets, not %d", CONFIG_TARGETS_MAX, count);
    struct config_target *target = arena_new_array(&r->c->arena, struct config_target, (size_t)count);
    if (!target)
        return FAIL_NOMEM(r);
    if (n->kind == NODE_SCALAR)
        rc = read_member(r, n, &target[0]);
    int at = 0;
    for (const struct config_item *i = n->first; i && rc == 0; i = i->next)
        rc = read_member(r, i->value, &target[at++]);
    step->target = target;
    step->target_count = count;
    return rc;
}

int config_read_try(struct config_reader *r, const struct config_option *o, const struct config_item *item, void *base)
{
    (void)o;
    return read_group(r, item->value, base);
}

static int read_step(struct config_reader *r, const struct config_node *n, struct config_step *step)
{
    step->mark = n->mark;
    return n->kind == NODE_MAP ? config_option_read_map(r, &config_step_options, n, n->mark, step)
                               : read_group(r, n, step);
}

int config_read_chain(struct config_reader *r, const struct config_option *o, const struct config_item *item,
                      void *base)
{
    struct config_job *job = base;
    const struct config_node *list = item->value;
    if (list->kind != NODE_LIST)
        return FAIL(r, list->mark, "`%s` must be a list of steps, not %s", o->key, config_found(list).text);
    if (list->count < 1 || list->count > CONFIG_STEPS_MAX)
        return FAIL(r, list->mark, "`%s` must have 1 to %d steps, not %d", o->key, CONFIG_STEPS_MAX, list->count);
    struct config_step *step = arena_new_array(&r->c->arena, struct config_step, (size_t)list->count);
    if (!step)
        return FAIL_NOMEM(r);
    int rc = 0;
    for (const struct config_item *i = list->first; i && rc == 0; i = i->next)
        rc = read_step(r, i->value, &step[job->step_count++]);
    job->step = step;
    return rc;
}

int config_read_tags(struct config_reader *r, const struct config_option *o, const struct config_item *item, void *base)
{
    static const struct config_option one = {.key = "tags", .kind = OPTION_TEXTS, .check = config_check_tag};
    struct config_step *step = base;
    const struct config_node *n = item->value;
    int count = n->kind == NODE_LIST ? n->count : 1, rc = 0;
    if (count > CONFIG_TAGS_MAX)
        return FAIL(r, n->mark, "`%s` may hold at most %d", o->key, CONFIG_TAGS_MAX);
    struct str *tags = arena_new_array(&r->c->arena, struct str, (size_t)count);
    if (!tags)
        return FAIL_NOMEM(r);
    const struct config_item only = {.value = n};
    for (const struct config_item *i = n->kind == NODE_LIST ? n->first : &only; i && rc == 0; i = i->next) {
        struct config_text text = {0};
        rc = config_option_read_text(r, &one, i->value, &text);
        tags[step->tag_count++] = text.text;
    }
    step->tags = tags;
    return rc;
}

int config_read_defaults(struct config_reader *r, const struct config_option *o, const struct config_item *item,
                         void *base)
{
    (void)o;
    struct config_job *job = base;
    const struct config_node *map;
    int rc = config_option_map(r, item, CONFIG_DEFAULTS_MAX, &map);
    if (rc < 0 || !map)
        return rc;
    struct config_default *defaults = arena_new_array(&r->c->arena, struct config_default, (size_t)map->count);
    if (!defaults)
        return FAIL_NOMEM(r);
    for (const struct config_item *i = map->first; i && rc == 0; i = i->next) {
        struct config_default *d = &defaults[job->default_count++];
        struct config_text name = {0};
        rc = config_read_name(r, i->key, config_check_default_key, &name);
        if (rc == 0)
            rc = config_to_json(r, i->value, &d->json);
        d->key = name.text;
        d->mark = name.mark;
    }
    job->defaults = defaults;
    return rc;
}

static int read_job(struct config_reader *r, const struct config_item *item, struct config_job *job)
{
    const struct config_node *map;
    job->mark = item->key->mark;
    int rc = config_read_name(r, item->key, config_check_name, &job->name);
    if (rc == 0)
        rc = config_option_map(r, item, CONFIG_MAP_KEYS_MAX, &map);
    return rc < 0 ? rc : config_option_read_map(r, &config_job_options, map, job->mark, job);
}

int config_read_jobs(struct config_reader *r, const struct config_option *o, const struct config_item *item, void *base)
{
    (void)o;
    struct config *c = base;
    const struct config_node *map;
    int rc = config_option_map(r, item, CONFIG_JOBS_MAX, &map);
    if (rc < 0 || !map)
        return rc;
    c->job = arena_new_array(&c->arena, struct config_job, (size_t)map->count);
    if (!c->job)
        return FAIL_NOMEM(r);
    for (const struct config_item *i = map->first; i && rc == 0; i = i->next)
        rc = read_job(r, i, &c->job[c->job_count++]);
    return rc;
}
