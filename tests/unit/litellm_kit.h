/* litellm_kit.h: what the importer is told of vendors and models, for its tests and its fuzz target: the real tables, and no
 * environment. */
#pragma once
#include "config/litellm.h"
#include "wire/models.h"
#include "wire/wire.h"

static inline bool litellm_kit_vendor(struct str name, const char **url, const char **key_env)
{
    const struct vendor *v = vendor_find(name);
    if (v) {
        *url = v->openai_url;
        *key_env = v->key_env;
    }
    return v;
}

static inline bool litellm_kit_model(struct str vendor_name, struct str id, struct litellm_fact *out)
{
    const struct model_row *r = model_find(vendor_name, id);
    if (r)
        *out = (struct litellm_fact){.retired = r->retired,
                                     .embedding = r->embedding,
                                     .successor = r->successor,
                                     .input = r->input,
                                     .cached = r->cached,
                                     .cache_write = r->cache_write,
                                     .output = r->output,
                                     .context_tokens = r->context_tokens};
    return r;
}

static inline const char *litellm_kit_variable(const char *name)
{
    (void)name;
    return NULL;
}

static const struct litellm_world litellm_kit_world = {
    .vendor = litellm_kit_vendor, .model = litellm_kit_model, .variable = litellm_kit_variable};
