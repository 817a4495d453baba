/* openai_accent.c: how each vendor wants OpenAI's dialect spoken, as data; the first row that fits a target is its accent.
 *
 * Sources: the vendors' documentation and the servers' own code. A model's row stands before its vendor's. */
#include "wire/models.h"
#include "wire/openai_priv.h"

/* Words for reasoning_effort, by enum effort. */
static const char *const as_asked[] = {
    [EFFORT_NONE] = "none", [EFFORT_MINIMAL] = "minimal", [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "medium",
    [EFFORT_HIGH] = "high", [EFFORT_XHIGH] = "xhigh",     [EFFORT_MAX] = "max",
};
static const char *const low_high_max[] = {
    [EFFORT_NONE] = NULL,   [EFFORT_MINIMAL] = "low", [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "high",
    [EFFORT_HIGH] = "high", [EFFORT_XHIGH] = "max",   [EFFORT_MAX] = "max",
};
static const char *const up_to_high[] = {
    [EFFORT_NONE] = "none", [EFFORT_MINIMAL] = "low", [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "medium",
    [EFFORT_HIGH] = "high", [EFFORT_XHIGH] = "high",  [EFFORT_MAX] = "high",
};
static const char *const low_to_high[] = { /* who cannot be told not to think */
    [EFFORT_NONE] = NULL,   [EFFORT_MINIMAL] = "low", [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "medium",
    [EFFORT_HIGH] = "high", [EFFORT_XHIGH] = "high",  [EFFORT_MAX] = "high",
};
static const char *const gemini_words[] = {
    [EFFORT_NONE] = "none", [EFFORT_MINIMAL] = "minimal", [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "medium",
    [EFFORT_HIGH] = "high", [EFFORT_XHIGH] = "high",      [EFFORT_MAX] = "high",
};
static const char *const up_to_xhigh[] = {
    [EFFORT_NONE] = "none", [EFFORT_MINIMAL] = "minimal", [EFFORT_LOW] = "low",  [EFFORT_MEDIUM] = "medium",
    [EFFORT_HIGH] = "high", [EFFORT_XHIGH] = "xhigh",     [EFFORT_MAX] = "xhigh",
};
static const char *const up_to_max[] = { /* Ollama's /v1 */
    [EFFORT_NONE] = "none", [EFFORT_MINIMAL] = "low", [EFFORT_LOW] = "low", [EFFORT_MEDIUM] = "medium",
    [EFFORT_HIGH] = "high", [EFFORT_XHIGH] = "max",   [EFFORT_MAX] = "max",
};

static const char *const groq_fields[] = {"reasoning_format", "functions", "function_call", "search_settings",
                                          "compound_custom", "documents", "citation_options", "disable_tool_validation", NULL};
static const char *const gemini_fields[] = {"extra_body", "modalities", "audio", NULL};

enum {
    OPENAI_TRAITS = TRAIT_DEVELOPER | TRAIT_NULL_CONTENT | TRAIT_FILES | TRAIT_OWN_FORMS | TRAIT_TIERS | TRAIT_ANEW,
    GEMINI_TRAITS = TRAIT_STRICT | TRAIT_NULL_CONTENT | TRAIT_FILES | TRAIT_PLAIN_SCHEMAS | TRAIT_ANEW,
    GROQ_TRAITS = TRAIT_STRICT | TRAIT_NULL_CONTENT | TRAIT_NEW_MAX,
    MOONSHOT_TRAITS = TRAIT_REASONING_BACK | TRAIT_NULL_CONTENT | TRAIT_TEMPERATURE_FIXED | TRAIT_PARTIAL,
    STOP_MAX = 4, /* what OpenAI takes; local servers take any number */
};

static const struct openai_accent accents[] = {
    {
        .vendor = "openai",
        .reasoning = true,
        .traits = OPENAI_TRAITS | TRAIT_NEW_MAX | TRAIT_SAMPLING_FIXED,
        .think = THINK_EFFORT,
        .effort = as_asked,
    },
    {.vendor = "openai", .traits = OPENAI_TRAITS, .stop_max = STOP_MAX},
    {
        .vendor = "deepseek",
        .traits = TRAIT_REASONING_BACK | TRAIT_NULL_CONTENT | TRAIT_ANEW,
        .think = THINK_TYPE_EFFORT,
        .effort = low_high_max,
        .thinking = "reasoning_content",
        .stop_max = STOP_MAX,
    },
    {
        .vendor = "moonshot",
        .model = "kimi-k3", /* always thinks; how much, it can be told */
        .traits = MOONSHOT_TRAITS,
        .think = THINK_EFFORT,
        .effort = low_high_max,
        .thinking = "reasoning_content",
        .stop_max = STOP_MAX,
    },
    {
        .vendor = "moonshot",
        .traits = MOONSHOT_TRAITS,
        .think = THINK_TYPE,
        .thinking = "reasoning_content",
        .stop_max = STOP_MAX,
    },
    {
        .vendor = "groq",
        .model = "openai/gpt-oss",
        .traits = GROQ_TRAITS,
        .think = THINK_EFFORT,
        .effort = low_to_high,
        .thinking = "reasoning",
        .show = "include_reasoning",
        .stop_max = STOP_MAX,
        .fields = groq_fields,
    },
    {
        .vendor = "groq",
        .traits = GROQ_TRAITS,
        .think = THINK_EFFORT,
        .effort = up_to_high,
        .thinking = "reasoning",
        .stop_max = STOP_MAX,
        .fields = groq_fields,
    },
    {
        .vendor = "openrouter",
        .traits = TRAIT_NULL_CONTENT | TRAIT_FILES | TRAIT_CACHE_MARKS,
        .think = THINK_ROUTER,
        .effort = up_to_xhigh,
        .thinking = "reasoning_details",
        .repeat = "repetition_penalty",
        .stop_max = STOP_MAX,
    },
    {
        .vendor = "gemini",
        .model = "gemini-2",
        .traits = GEMINI_TRAITS,
        .think = THINK_EFFORT,
        .effort = gemini_words,
        .stop_max = STOP_MAX,
        .fields = gemini_fields,
    },
    {
        .vendor = "gemini",
        .traits = GEMINI_TRAITS | TRAIT_SIGNED_CALLS,
        .think = THINK_EFFORT,
        .effort = gemini_words,
        .stop_max = STOP_MAX,
        .fields = gemini_fields,
    },
    {.vendor = "anthropic", .traits = TRAIT_NULL_CONTENT},
    {
        .vendor = "ollama",
        .traits = TRAIT_PLAIN_TEMPLATE,
        .think = THINK_EFFORT,
        .effort = up_to_max,
        .thinking = "reasoning",
        .repeat = "repeat_penalty",
    },
    {
        .vendor = "llama-server",
        .traits = TRAIT_PLAIN_TEMPLATE,
        .think = THINK_TEMPLATE,
        .effort = low_to_high,
        .thinking = "reasoning_content",
        .repeat = "repeat_penalty",
    },
    {
        .vendor = "vllm",
        .traits = TRAIT_PLAIN_TEMPLATE,
        .think = THINK_TEMPLATE,
        .effort = low_to_high,
        .thinking = "reasoning",
        .repeat = "repetition_penalty",
    },
    {
        .engine = true,
        .traits = TRAIT_PLAIN_TEMPLATE,
        .think = THINK_EFFORT,
        .effort = as_asked,
        .thinking = "reasoning_content",
        .repeat = "repeat_penalty",
        .stop_max = 16, /* ENGINE_STOPS_MAX */
    },
    {
        .traits = TRAIT_PLAIN_TEMPLATE,
        .think = THINK_EFFORT,
        .effort = low_to_high,
        .thinking = "reasoning_content",
        .stop_max = STOP_MAX,
    },
};

/* gpt-5 and later, o1 and later: where the table of models does not know better. */
static bool reasons_by_name(struct str model)
{
    bool o = model.len >= 2 && model.ptr[0] == 'o' && model.ptr[1] >= '1' && model.ptr[1] <= '9';
    bool gpt = str_starts(model, STR("gpt-")) && model.len > 4 && model.ptr[4] >= '5' && model.ptr[4] <= '9';
    return o || (gpt && !str_contains_fold(model, STR("chat")));
}

static bool fits(const struct openai_accent *a, const struct chat_write *w, struct str model)
{
    if (a->engine && !w->engine)
        return false;
    if (a->vendor && (!w->vendor || !str_eq(str_from(a->vendor), str_from(w->vendor->name))))
        return false;
    if (a->model && !str_starts(model, str_from(a->model)))
        return false;
    return !a->reasoning || (w->fact ? w->fact->reasoning : reasons_by_name(model));
}

const struct openai_accent *openai_accent_of(const struct chat_write *w)
{
    struct str model = str_starts(w->model, STR("models/")) ? str_skip(w->model, 7) : w->model; /* Gemini's list has it so */
    size_t i = 0;
    while (!fits(&accents[i], w, model)) /* the last row fits everybody */
        i++;
    return &accents[i];
}

bool openai_signs_calls(const struct chat_write *w)
{
    return openai_accent_of(w)->traits & TRAIT_SIGNED_CALLS;
}
