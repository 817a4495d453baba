/* litellm_defaults.c: the parameters of a group's entries as the defaults of its job: those on which all entries agree. */
#include "base/mem.h"
#include "config/litellm_priv.h"

/* Calls fn with every parameter of d that goes into requests; extra_body is part of the body. */
static void each_default(const struct litellm_deployment *d,
                         void (*fn)(struct litellm_writer *w, const struct litellm_deployment *d,
                                    const struct config_item *i),
                         struct litellm_writer *w)
{
    const struct config_item *extra = litellm_item(d->params, "extra_body");
    for (const struct config_item *i = d->params->first; i; i = i->next)
        if (litellm_is_default(i->key->text))
            fn(w, d, i);
    for (const struct config_item *i = extra && extra->value->kind == NODE_MAP ? extra->value->first : NULL; i;
         i = i->next)
        if (litellm_is_default(i->key->text))
            fn(w, d, i);
}

static const struct config_item *default_of(const struct litellm_deployment *d, struct str key)
{
    const struct config_item *extra = litellm_item(d->params, "extra_body");
    for (const struct config_item *i = d->params->first; i; i = i->next)
        if (str_eq(i->key->text, key))
            return i;
    for (const struct config_item *i = extra && extra->value->kind == NODE_MAP ? extra->value->first : NULL; i;
         i = i->next)
        if (str_eq(i->key->text, key))
            return i;
    return NULL;
}

/* Recursion is bounded by CONFIG_DEPTH_MAX. */
static bool same_value(const struct config_node *a, const struct config_node *b)
{
    const struct config_item *i = a->first, *k = b->first;
    if (a->kind != b->kind || a->plain != b->plain || !str_eq(a->text, b->text) || a->count != b->count)
        return false;
    for (; i && k; i = i->next, k = k->next)
        if ((i->key && !str_eq(i->key->text, k->key->text)) || !same_value(i->value, k->value))
            return false;
    return true;
}

static bool is_shared(const struct litellm_writer *w, const struct litellm_deployment *d, const struct config_item *i)
{
    for (const struct litellm_deployment *o = w->im->deployment; o; o = o->next) {
        const struct config_item *other =
            o->group == d->group && o->up && !o->wildcard ? default_of(o, i->key->text) : i;
        if (!other || !same_value(other->value, i->value))
            return false;
    }
    return true;
}

static bool is_first(const struct litellm_writer *w, const struct litellm_deployment *d)
{
    const struct litellm_deployment *o = w->im->deployment;
    while (o->group != d->group || !o->up || o->wildcard)
        o = o->next;
    return o == d;
}

/* Recursion is bounded by CONFIG_DEPTH_MAX. */
static bool holds_variable(const struct config_node *n)
{
    if (n->kind == NODE_SCALAR)
        return litellm_variable(n->text).len > 0;
    for (const struct config_item *i = n->first; i; i = i->next)
        if (holds_variable(i->value))
            return true;
    return false;
}

static void put_default(struct litellm_writer *w, const struct litellm_deployment *d, const struct config_item *i)
{
    struct str json = STR_NONE;
    struct litellm *im = w->im;
    struct err why = {0};
    struct config_reader reader = {.c = &im->scratch, .e = &why};
    const char *lost = !is_shared(w, d, i)        ? "differs within the group; a job has one set of defaults"
                       : holds_variable(i->value) ? "a default cannot come from the environment"
                       : config_check_default_key(i->key->text) ? "is no member of a request that can have a default"
                       : is_first(w, d) && w->default_count == CONFIG_DEFAULTS_MAX ? "a job has at most 12 defaults"
                                                                                   : NULL;
    if (!lost && !is_first(w, d))
        return;
    int rc = lost ? 0 : config_to_json(&reader, i->value, &json);
    im->nomem = im->nomem || rc == ERR_NOMEM;
    if (rc)
        lost = "has no form in JSON";
    if (lost) {
        litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text, "%s", lost);
        return;
    }
    litellm_put(w, "%s", w->default_count++ ? ", " : "    defaults: { ");
    litellm_put_text(w, i->key->text);
    litellm_put(w, ": ");
    if (w->rc == 0)
        w->rc = buf_append(w->b, json);
}

void litellm_put_defaults(struct litellm_writer *w, const struct litellm_group *g)
{
    w->default_count = 0;
    for (const struct litellm_deployment *d = w->im->deployment; d; d = d->next)
        if (d->group == g && d->up && !d->wildcard)
            each_default(d, put_default, w);
    if (w->default_count)
        litellm_put(w, " }\n");
}
