/* litellm_model.c: the entries of model_list: groups by name, the model each entry means today, and which groups are private. */
#include "base/mem.h"
#include "config/litellm_priv.h"

static bool is_word(struct str text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_fold(text, str_from(words[i])))
            return true;
    return false;
}

/* `private` as a word of the name: private, private-chat, team/private. */
static bool has_private_word(struct str name)
{
    size_t from = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && !strchr("-_./: ", name.ptr[i]))
            continue;
        if (str_eq_fold(str_slice(name, from, i), STR("private")))
            return true;
        from = i + 1;
    }
    return false;
}

static void set_private(struct litellm_group *g, struct config_mark at)
{
    if (!g->is_private)
        g->private_mark = at;
    g->is_private = true;
}

static void look_at_tags(struct litellm *im, struct litellm_group *g, const struct config_node *map)
{
    static const char *const home[] = {"local", "private", "home", "on-prem", "onprem", "on-premise", "confidential"};
    const struct config_item *tags = litellm_item(map, "tags");
    if (!tags)
        return;
    const struct config_item only = {.value = tags->value};
    for (const struct config_item *i = tags->value->kind == NODE_LIST ? tags->value->first : &only; i; i = i->next)
        if (i->value->kind == NODE_SCALAR && is_word(i->value->text, home, COUNT_OF(home)))
            set_private(g, i->value->mark);
        else
            litellm_note(
                im, LITELLM_LOST, tags->key->mark, tags->key->text,
                "tags do not choose among models here: each call of the group may go there. For tag routing write "
                "`when: { tags: [...] }` on a step, and send `x-hearth-tags`");
}

struct litellm_group *litellm_group_named(const struct litellm *im, struct str name)
{
    for (struct litellm_group *g = im->group; g; g = g->next)
        if (str_eq(g->name, name))
            return g;
    return NULL;
}

/* A group that clients call `private` by an alias is as private as one of that name. */
int litellm_private_aliases(struct litellm *im)
{
    const struct config_item *map = litellm_setting(im, "model_group_alias");
    for (const struct config_item *i = map && map->value->kind == NODE_MAP ? map->value->first : NULL; i; i = i->next) {
        struct str to = i->value->kind == NODE_MAP ? litellm_text(i->value, "model") : i->value->text;
        struct litellm_group *g = litellm_group_named(im, to);
        if (!has_private_word(i->key->text) || litellm_group_named(im, i->key->text))
            continue;
        if (g)
            set_private(g, i->key->mark);
        else if (litellm_by_wildcard(im, to))
            return litellm_refuse(im, i->key->mark,
                                  "alias %s is private by its name, but leads to what a pattern catches: %.*s. Take it "
                                  "out of a copy of the file, or make it a group at home",
                                  config_quoted(i->key->text).text, STR_FMT(to));
    }
    return 0;
}

static struct litellm_group *group_of(struct litellm *im, const struct config_node *name)
{
    struct litellm_group *g = litellm_group_named(im, name->text), **tail = &im->group;
    if (g)
        return g;
    g = litellm_alloc(im, sizeof *g);
    if (!g)
        return NULL;
    g->name = name->text;
    g->mark = name->mark;
    if (has_private_word(g->name))
        set_private(g, g->mark);
    while (*tail)
        tail = &(*tail)->next;
    *tail = g;
    im->group_count++;
    return g;
}

static bool is_served(struct litellm *im, const struct litellm_deployment *d)
{
    static const char *const served[] = {"chat", "completion", "embedding", "responses"};
    struct str mode = litellm_text(d->info, "mode");
    if (!mode.len || is_word(mode, served, COUNT_OF(served)))
        return true;
    litellm_note(im, LITELLM_SKIPPED, d->mark, d->written, "mode %.*s is not served", STR_FMT(mode));
    return false;
}

static void append_price(struct buf *out, int64_t nusd)
{
    if (nusd == INT64_MIN)
        (void)buf_append_text(out, "?"); /* a shorter note, not a wrong one */
    else
        (void)buf_append_scaled(out, nusd, 9);
}

static void append_line(struct buf *out, char sign, struct str vendor, struct str model, const struct litellm_fact *f)
{
    (void)buf_append_format(out, "%c %.*s/%.*s  ", sign, STR_FMT(vendor), STR_FMT(model));
    append_price(out, f->input);
    (void)buf_append_text(out, " in, ");
    append_price(out, f->output);
    (void)buf_append_text(out, " out");
}

/* What a deployment is by its `base_model`: Azure's own names, fine-tuned models. */
static bool look_at_base(struct litellm *im, struct litellm_deployment *d, struct litellm_fact *f)
{
    const struct config_item *i = litellm_item(d->info, "base_model");
    struct str model = i && i->value->kind == NODE_SCALAR ? i->value->text : STR_NONE, rest;
    if (!model.len)
        return false;
    const struct litellm_provider *p = litellm_provider_of(model, STR_NONE, &rest);
    struct str vendor = p && p->reach != REACH_AZURE ? str_from(p->vendor) : STR("openai");
    if (!im->world->model(vendor, rest, f)) {
        litellm_note(im, LITELLM_LOST, i->key->mark, STR("model_info.base_model"),
                     "%s is not in the table of models: its price and context stay unknown", config_quoted(model).text);
        return false;
    }
    const int64_t price[4] = {f->input, f->cached, f->cache_write, f->output};
    for (size_t k = 0; k < COUNT_OF(price); k++)
        if (d->price[k] == INT64_MIN)
            d->price[k] = price[k];
    litellm_note(im, LITELLM_DIFFERENT, i->key->mark, STR("model_info.base_model"),
                 "priced as %.*s/%.*s of the table of models, under `prices:`", STR_FMT(vendor), STR_FMT(rest));
    return true;
}

/* A retired name becomes its successor, as a diff that nobody can overlook. */
static void look_at_facts(struct litellm *im, struct litellm_deployment *d)
{
    struct litellm_fact f, next = {.input = INT64_MIN, .output = INT64_MIN};
    struct str vendor = d->up->vendor;
    AUTO_BUF struct buf diff = BUF_INIT(2 * KiB);
    bool known = vendor.len && im->world->model(vendor, d->model, &f), replaced = false;
    if (known && f.retired && f.successor) {
        struct str successor = arena_dup(&im->scratch.arena, str_from(f.successor));
        (void)im->world->model(vendor, successor, &next);
        append_line(&diff, '-', vendor, d->model, &f);
        (void)buf_append_char(&diff, '\n');
        append_line(&diff, '+', vendor, successor, &next);
        litellm_note(im, LITELLM_RETIRED, d->mark, d->written, "%.*s", STR_FMT(buf_str(&diff)));
        im->nomem = im->nomem || !successor.ptr;
        d->model = successor;
        f = next;
        replaced = true;
    } else if (known && f.retired) {
        litellm_note(im, LITELLM_DIFFERENT, d->mark, d->written,
                     "its vendor has retired it, and no successor is known");
    }
    litellm_prices(im, d, !replaced);
    known = known || look_at_base(im, d, &f);
    if (known)
        d->context = f.context_tokens;
    if (known)
        d->embedding = f.embedding;
    d->priced = known && f.input != INT64_MIN && f.output != INT64_MIN;
}

static bool looks_embedding(struct str model)
{
    static const char *const families[] = {"embed", "bge-", "minilm", "e5-", "gte-"}; /* as mesh/prove.c knows them */
    for (size_t i = 0; i < COUNT_OF(families); i++)
        if (str_contains_fold(model, str_from(families[i])))
            return true;
    return false;
}

static void read_numbers(struct litellm *im, struct litellm_deployment *d)
{
    static const char *const shares[] = {"weight", "rpm", "tpm"};
    const struct config_item *context = litellm_item(d->info, "max_input_tokens"),
                             *order = litellm_item(d->params, "order");
    int64_t told = litellm_count(im, context ? context : litellm_item(d->info, "max_tokens"));
    if (told)
        d->context = told;
    for (size_t i = 0; i < COUNT_OF(shares); i++)
        if (!str_to_scaled(litellm_text(d->params, shares[i]), 3, &d->share[i])) /* in thousandths: 0.7 beside 0.3 */
            d->share[i] = -1;
    if (d->share[0] < 0 && litellm_item(d->params, "weight"))
        litellm_note(im, LITELLM_LOST, litellm_item(d->params, "weight")->key->mark, STR("weight"),
                     "is no number of at least 0");
    d->order = LITELLM_ORDER_NONE;
    if (order && !str_to_scaled(litellm_text(d->params, "order"), 0, &d->order))
        litellm_note(im, LITELLM_LOST, order->key->mark, order->key->text, "is no whole number");
    if (str_eq_fold(litellm_text(d->info, "mode"), STR("embedding")))
        d->embedding = true;
}

static void finish_entry(struct litellm *im, struct litellm_deployment *d)
{
    litellm_place(im, d);
    if (!d->up)
        return;
    d->wildcard = str_find_char(d->model, '*') >= 0;
    d->embedding = looks_embedding(d->model);
    if (!d->wildcard)
        look_at_facts(im, d);
    read_numbers(im, d);
    d->target = litellm_format(im, "%.*s/%.*s", STR_FMT(d->up->name), STR_FMT(d->model));
    if (!d->wildcard && config_check_target(d->target)) {
        litellm_note(im, LITELLM_SKIPPED, d->mark, d->written, "a model's name may hold no blanks and at most %d bytes",
                     CONFIG_TARGET_BYTES_MAX);
        d->up = NULL;
    }
}

static int read_entry(struct litellm *im, const struct config_node *n, struct litellm_deployment ***tail)
{
    const struct config_item *name = litellm_item(n, "model_name"), *params = litellm_item(n, "litellm_params");
    const struct config_item *info = litellm_item(n, "model_info");
    const struct config_item *model = params ? litellm_item(params->value, "model") : NULL;
    if (!name || name->value->kind != NODE_SCALAR || !model || model->value->kind != NODE_SCALAR) {
        litellm_note(im, LITELLM_SKIPPED, n->mark, STR("model_list[]"),
                     "an entry needs `model_name` and `litellm_params: { model }`");
        return 0;
    }
    struct litellm_deployment *d = litellm_alloc(im, sizeof *d);
    if (!d)
        return 0;
    *d = (struct litellm_deployment){.params = params->value,
                                     .mark = model->value->mark,
                                     .written = model->value->text,
                                     .price = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN}};
    d->info = info && info->value->kind == NODE_MAP ? info->value : NULL;
    d->id = litellm_text(d->info, "id");
    d->group = group_of(im, name->value);
    if (!d->group)
        return 0;
    look_at_tags(im, d->group, d->params);
    look_at_tags(im, d->group, d->info);
    litellm_entry_tell(im, d);
    for (const struct config_item *i = n->first; n->kind == NODE_MAP && i; i = i->next)
        if (i != name && i != params && i != info)
            litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text, "unknown to this importer");
    if (is_served(im, d))
        finish_entry(im, d);
    **tail = d;
    *tail = &d->next;
    return 0;
}

int litellm_models_read(struct litellm *im)
{
    struct litellm_deployment **tail = &im->deployment;
    int rc = 0;
    const struct config_item *list = litellm_item(im->root, "model_list");
    for (const struct config_item *i = list->value->first; i && rc == 0 && !im->nomem; i = i->next)
        rc = read_entry(im, i->value, &tail);
    litellm_upstreams_name(im);
    if (rc == 0 && im->upstream_count > CONFIG_UPSTREAMS_MAX)
        return litellm_refuse(im, list->key->mark, "this makes %d upstreams; %d are the most", im->upstream_count,
                              CONFIG_UPSTREAMS_MAX);
    if (rc == 0 && !im->nomem)
        litellm_shared_budgets(im);
    return rc;
}
