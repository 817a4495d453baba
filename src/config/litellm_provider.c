/* litellm_provider.c: LiteLLM's providers, and which of them Hearth reaches by an OpenAI face. A row of data each; what is
 * not here is unknown, and its models are left out by name. */
#include "base/mem.h"
#include "config/litellm_priv.h"

static const struct litellm_provider providers[] = {
    {"openai", REACH_VENDOR, "openai", NULL, NULL},
    {"text-completion-openai", REACH_VENDOR, "openai", NULL, NULL},
    {"anthropic", REACH_VENDOR, "anthropic", NULL, NULL},
    {"deepseek", REACH_VENDOR, "deepseek", NULL, NULL},
    {"moonshot", REACH_VENDOR, "moonshot", NULL, NULL},
    {"groq", REACH_VENDOR, "groq", NULL, NULL},
    {"openrouter", REACH_VENDOR, "openrouter", NULL, NULL},
    {"gemini", REACH_VENDOR, "gemini", NULL, NULL},
    {"ollama", REACH_LOCAL, "ollama", "http://127.0.0.1:11434", NULL},
    {"ollama_chat", REACH_LOCAL, "ollama", "http://127.0.0.1:11434", NULL},
    {"hosted_vllm", REACH_LOCAL, "vllm", NULL, NULL},
    {"vllm", REACH_LOCAL, "vllm", NULL, NULL},
    {"llamafile", REACH_LOCAL, NULL, "http://127.0.0.1:8080/v1", NULL},
    {"lm_studio", REACH_LOCAL, NULL, NULL, NULL},
    {"xinference", REACH_LOCAL, NULL, "http://127.0.0.1:9997/v1", NULL},
    {"openai_like", REACH_URL, NULL, NULL, NULL},
    {"litellm_proxy", REACH_URL, NULL, NULL, NULL},
    {"mistral", REACH_URL, NULL, "https://api.mistral.ai/v1", "MISTRAL_API_KEY"},
    {"codestral", REACH_URL, NULL, "https://codestral.mistral.ai/v1", "CODESTRAL_API_KEY"},
    {"together_ai", REACH_URL, NULL, "https://api.together.xyz/v1", "TOGETHERAI_API_KEY"},
    {"fireworks_ai", REACH_URL, NULL, "https://api.fireworks.ai/inference/v1", "FIREWORKS_AI_API_KEY"},
    {"xai", REACH_URL, NULL, "https://api.x.ai/v1", "XAI_API_KEY"},
    {"perplexity", REACH_URL, NULL, "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"},
    {"cerebras", REACH_URL, NULL, "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"},
    {"deepinfra", REACH_URL, NULL, "https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"},
    {"nvidia_nim", REACH_URL, NULL, "https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"},
    {"sambanova", REACH_URL, NULL, "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"},
    {"azure", REACH_AZURE, NULL, NULL, "AZURE_API_KEY"},
    {"azure_ai", REACH_NOT, NULL, NULL, NULL},
    {"bedrock", REACH_NOT, NULL, NULL, NULL},
    {"vertex_ai", REACH_NOT, NULL, NULL, NULL},
    {"vertex_ai_beta", REACH_NOT, NULL, NULL, NULL},
    {"sagemaker", REACH_NOT, NULL, NULL, NULL},
    {"sagemaker_chat", REACH_NOT, NULL, NULL, NULL},
    {"watsonx", REACH_NOT, NULL, NULL, NULL},
    {"cohere", REACH_NOT, NULL, NULL, NULL},
    {"cohere_chat", REACH_NOT, NULL, NULL, NULL},
    {"huggingface", REACH_NOT, NULL, NULL, NULL},
    {"replicate", REACH_NOT, NULL, NULL, NULL},
    {"ai21", REACH_NOT, NULL, NULL, NULL},
    {"databricks", REACH_NOT, NULL, NULL, NULL},
    {"cloudflare", REACH_NOT, NULL, NULL, NULL},
    {"predibase", REACH_NOT, NULL, NULL, NULL},
    {"nlp_cloud", REACH_NOT, NULL, NULL, NULL},
    {"voyage", REACH_NOT, NULL, NULL, NULL},
    {"jina_ai", REACH_NOT, NULL, NULL, NULL},
    {"triton", REACH_NOT, NULL, NULL, NULL},
    {"snowflake", REACH_NOT, NULL, NULL, NULL},
    {"github", REACH_NOT, NULL, NULL, NULL},
    {"github_copilot", REACH_NOT, NULL, NULL, NULL},
    {"clarifai", REACH_NOT, NULL, NULL, NULL},
    {"oci", REACH_NOT, NULL, NULL, NULL},
};

static const struct litellm_provider *named(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(providers); i++)
        if (str_eq(name, str_from(providers[i].name)))
            return &providers[i];
    return NULL;
}

/* Names that LiteLLM knows without a provider before them. */
static const struct litellm_provider *by_model(struct str model)
{
    static const struct {
        const char *prefix, *provider;
    } known[] = {
        {"gpt-", "openai"},       {"chatgpt-", "openai"},    {"o1", "openai"},
        {"o3", "openai"},         {"o4", "openai"},          {"text-embedding-", "openai"},
        {"claude-", "anthropic"}, {"deepseek-", "deepseek"}, {"gemini-", "vertex_ai"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_starts(model, str_from(known[i].prefix)))
            return named(str_from(known[i].provider));
    return NULL;
}

const struct litellm_provider *litellm_provider_of(struct str written, struct str forced, struct str *model)
{
    ptrdiff_t slash = str_find_char(written, '/');
    struct str prefix = slash > 0 ? str_slice(written, 0, (size_t)slash) : STR_NONE;
    const struct litellm_provider *p = named(forced.len ? forced : prefix);
    *model = written;
    if (p && str_eq(prefix, str_from(p->name)))
        *model = str_skip(written, prefix.len + 1);
    return p || forced.len ? p : by_model(written);
}

bool litellm_key_is_placeholder(struct str key)
{
    static const char *const words[] = {
        "none",     "null",   "empty", "ollama", "dummy", "fake",      "fake-key", "dummy-key",          "not-needed",
        "not-used", "no-key", "nokey", "na",     "n/a",   "lm-studio", "anything", "sk-no-key-required", "placeholder",
        "x",        "xxx"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_eq_fold(key, str_from(words[i])))
            return true;
    return key.len == 0;
}
