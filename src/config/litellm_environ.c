/* litellm_environ.c: `os.environ/NAME`, which LiteLLM takes anywhere. Keys stay references (litellm_place.c); names, addresses,
 * times and amounts have no such form here, so what stands there now is what the result says. */
#include "base/mem.h"
#include "config/litellm_priv.h"

/* The value of NAME: of this environment, or of the file's own environment_variables; STR_NONE when neither has it. */
struct str litellm_value_of(struct litellm *im, struct str name)
{
    AUTO_BUF struct buf text = BUF_INIT(CONFIG_VALUE_BYTES_MAX);
    const char *key = buf_append(&text, name) == 0 ? buf_text(&text) : NULL,
               *set = key ? im->world->variable(key) : NULL;
    const struct config_item *own = litellm_item(im->root, "environment_variables");
    if (set)
        return litellm_format(im, "%s", set);
    return own && key ? litellm_text(own->value, key) : STR_NONE;
}

/* What may be copied: no key of these holds a secret. `api_base` is told by litellm_place.c, which leaves the model out. */
static bool is_copied(struct str key)
{
    static const char *const keys[] = {"model_name",
                                       "model",
                                       "custom_llm_provider",
                                       "litellm_credential_name",
                                       "timeout",
                                       "request_timeout",
                                       "stream_timeout",
                                       "weight",
                                       "order",
                                       "rpm",
                                       "tpm",
                                       "max_parallel_requests",
                                       "default_max_parallel_requests",
                                       "global_max_parallel_requests",
                                       "max_request_size_mb",
                                       "maximum_spend_logs_retention_period",
                                       "max_budget",
                                       "budget_duration",
                                       "budget_limit",
                                       "time_period",
                                       "input_cost_per_token",
                                       "output_cost_per_token",
                                       "cache_read_input_token_cost",
                                       "cache_creation_input_token_cost",
                                       "mode",
                                       "base_model",
                                       "max_tokens",
                                       "max_input_tokens",
                                       "routing_strategy",
                                       "max_fallbacks"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        if (str_eq(key, str_from(keys[i])))
            return true;
    return false;
}

static void take_value(struct litellm *im, struct config_item *i, struct str name)
{
    struct str value = litellm_value_of(im, name);
    struct config_node *n = litellm_alloc(im, sizeof *n);
    if (!n)
        return;
    *n = *i->value;
    n->text = value;
    n->plain = true; /* empty now, if nothing was found: as if the key did not stand there */
    i->value = n;
    if (value.len)
        litellm_note(im, LITELLM_DIFFERENT, i->key->mark, i->key->text,
                     "the value that %.*s has now was copied: `%.*s`", STR_FMT(name), STR_FMT(value));
    else
        litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text,
                     "%.*s is not set in this environment: set it and import again", STR_FMT(name));
}

/* Recursion is bounded by CONFIG_DEPTH_MAX. */
static void walk(struct litellm *im, const struct config_node *n)
{
    for (struct config_item *i = n->kind == NODE_SCALAR ? NULL : n->first; i; i = i->next) {
        struct str name = i->key && i->value->kind == NODE_SCALAR ? litellm_variable(i->value->text) : STR_NONE;
        if (name.len && is_copied(i->key->text))
            take_value(im, i, name);
        else
            walk(im, i->value);
    }
}

void litellm_environ_read(struct litellm *im)
{
    walk(im, im->root);
}
