/* litellm_lists.c: the fallback lists and group aliases as they stand in the file: what of them cannot mean anything is told
 * here, so that the chains (litellm_chain.c) may pass over it. */
#include "base/mem.h"
#include "config/litellm_priv.h"

static bool is_group(const struct litellm *im, struct str name)
{
    return str_eq(name, STR("*")) || litellm_group_named(im, name);
}

static bool is_alias(const struct litellm *im, struct str name)
{
    const struct config_item *map = litellm_setting(im, "model_group_alias");
    for (const struct config_item *i = map && map->value->kind == NODE_MAP ? map->value->first : NULL; i; i = i->next)
        if (str_eq(i->key->text, name))
            return true;
    return false;
}

/* `{ model: x, api_key: ... }` in a list, `{ model: x, hidden: true }` of an alias: of these only the model is used. */
static void tell_beside_model(struct litellm *im, const char *key, const struct config_node *n)
{
    for (const struct config_item *i = n->kind == NODE_MAP ? n->first : NULL; i; i = i->next)
        if (!str_eq(i->key->text, STR("model")) && !config_node_empty(i->value))
            litellm_note(im, LITELLM_LOST, i->key->mark, litellm_format(im, "%s.%.*s", key, STR_FMT(i->key->text)),
                         "only the model of such an entry is used");
}

static void tell_names(struct litellm *im, const char *key, const struct config_node *list)
{
    for (const struct config_item *i = list->kind == NODE_LIST ? list->first : NULL; i; i = i->next)
        tell_beside_model(im, key, i->value);
}

static void tell_entry(struct litellm *im, const char *key, const struct config_node *n)
{
    if (n->kind != NODE_MAP)
        litellm_note(im, LITELLM_LOST, n->mark, litellm_format(im, "%s", key),
                     "an entry must be a map of a group and its list, not %s", config_found(n).text);
    for (const struct config_item *i = n->kind == NODE_MAP ? n->first : NULL; i; i = i->next)
        if (!is_group(im, i->key->text))
            litellm_note(im, LITELLM_LOST, i->key->mark, litellm_format(im, "%s", key), "%s %s",
                         is_alias(im, i->key->text)
                             ? "an alias has the fallbacks of the group it stands for, none of its own:"
                             : "there is no group",
                         config_quoted(i->key->text).text);
    for (const struct config_item *i = n->kind == NODE_MAP ? n->first : NULL; i; i = i->next)
        tell_names(im, key, i->value);
}

static void tell_list(struct litellm *im, const char *key)
{
    const struct config_item *all = litellm_setting(im, key);
    if (!all)
        return;
    if (all->value->kind != NODE_LIST)
        litellm_note(im, LITELLM_LOST, all->key->mark, all->key->text,
                     "must be a list of maps such as `- group: [others]`, not %s", config_found(all->value).text);
    for (const struct config_item *i = all->value->kind == NODE_LIST ? all->value->first : NULL; i; i = i->next)
        tell_entry(im, key, i->value);
}

void litellm_lists_tell(struct litellm *im)
{
    static const char *const keys[] = {"fallbacks", "context_window_fallbacks", "content_policy_fallbacks"};
    const struct config_item *alias = litellm_setting(im, "model_group_alias"),
                             *standard = litellm_setting(im, "default_fallbacks");
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        tell_list(im, keys[i]);
    if (alias && alias->value->kind != NODE_MAP)
        litellm_note(im, LITELLM_LOST, alias->key->mark, alias->key->text, "must be a map, not %s",
                     config_found(alias->value).text);
    for (const struct config_item *i = alias && alias->value->kind == NODE_MAP ? alias->value->first : NULL; i;
         i = i->next)
        tell_beside_model(im, "model_group_alias", i->value);
    if (standard)
        tell_names(im, "default_fallbacks", standard->value);
    for (const struct config_item *i = im->settings ? im->settings->first : NULL; i; i = i->next)
        if (litellm_item(im->router, i->key->text.ptr) && litellm_setting(im, i->key->text.ptr)->value != i->value)
            litellm_note(im, LITELLM_LOST, i->key->mark,
                         litellm_format(im, "litellm_settings.%.*s", STR_FMT(i->key->text)),
                         "router_settings has it too, which wins");
}
