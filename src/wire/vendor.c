/* vendor.c: what is known about each service, one row each, and the words for dialects and regimes; see wire.h.
 *
 * Prices and models are in models.csv under the same names. A vendor that needs an `if` somewhere gets a quirk here. */
#include "wire/wire.h"

#define SPEAKS(dialect) (1u << (dialect))

static const struct vendor vendors[] = {
    {
        .name = "openai",
        .title = "OpenAI",
        .openai_url = "https://api.openai.com/v1",
        .key_env = "OPENAI_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_RESPONSES),
        .quirks = QUIRK_SEALED_ITEMS | QUIRK_TOOLS_APART,
        .default_model = "gpt-6-luna",
    },
    {
        .name = "anthropic",
        .title = "Anthropic",
        .openai_url = "https://api.anthropic.com/v1",
        .anthropic_url = "https://api.anthropic.com",
        .key_env = "ANTHROPIC_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_ANTHROPIC),
        .quirks = QUIRK_NO_JSON_SCHEMA | QUIRK_SEALED | QUIRK_PLAN_HEADERS, /* its OpenAI face ignores response_format */
        .default_model = "claude-haiku-5-5",
    },
    {
        .name = "deepseek",
        .title = "DeepSeek",
        .openai_url = "https://api.deepseek.com/v1",
        .anthropic_url = "https://api.deepseek.com/anthropic",
        .key_env = "DEEPSEEK_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_ANTHROPIC),
        .quirks = QUIRK_THOUGHT_BACK | QUIRK_NO_JSON_SCHEMA,
        .default_model = "deepseek-flash",
    },
    {
        .name = "moonshot",
        .title = "Moonshot Kimi",
        .openai_url = "https://api.moonshot.ai/v1",
        .anthropic_url = "https://api.moonshot.ai/anthropic",
        .key_env = "MOONSHOT_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_ANTHROPIC),
        .quirks = QUIRK_THOUGHT_BACK,
        .default_model = "kimi-k2.6",
    },
    {
        .name = "groq",
        .title = "Groq",
        .openai_url = "https://api.groq.com/openai/v1",
        .key_env = "GROQ_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI),
        .default_model = "openai/gpt-oss-20b",
    },
    {
        .name = "openrouter",
        .title = "OpenRouter",
        .openai_url = "https://openrouter.ai/api/v1",
        .anthropic_url = "https://openrouter.ai/api",
        .key_env = "OPENROUTER_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_RESPONSES) | SPEAKS(DIALECT_ANTHROPIC),
        .quirks = QUIRK_BEARER,
        .default_model = "openai/gpt-oss-120b",
    },
    {
        .name = "gemini",
        .title = "Google Gemini",
        .openai_url = "https://generativelanguage.googleapis.com/v1beta/openai",
        .key_env = "GEMINI_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI),
        .quirks = QUIRK_SIGNED_CALLS | QUIRK_UNNUMBERED,
        .default_model = "gemini-2.5-flash-lite",
    },
    {
        .name = "ollama",
        .title = "Ollama",
        .openai_url = "http://127.0.0.1:11434/v1",
        .anthropic_url = "http://127.0.0.1:11434",
        .ollama_url = "http://127.0.0.1:11434",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_RESPONSES) | SPEAKS(DIALECT_ANTHROPIC) | SPEAKS(DIALECT_OLLAMA),
        .quirks = QUIRK_ONE_ROOT | QUIRK_BEARER,
    },
    {
        .name = "llama-server",
        .title = "llama-server",
        .openai_url = "http://127.0.0.1:8080/v1",
        .anthropic_url = "http://127.0.0.1:8080",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_RESPONSES) | SPEAKS(DIALECT_ANTHROPIC),
        .quirks = QUIRK_ONE_ROOT | QUIRK_BEARER,
    },
    {
        .name = "vllm",
        .title = "vLLM",
        .openai_url = "http://127.0.0.1:8000/v1",
        .anthropic_url = "http://127.0.0.1:8000",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_RESPONSES) | SPEAKS(DIALECT_ANTHROPIC),
        .quirks = QUIRK_ONE_ROOT | QUIRK_BEARER,
    },
};

size_t vendor_count(void)
{
    return COUNT_OF(vendors);
}

const struct vendor *vendor_at(size_t i)
{
    return i < COUNT_OF(vendors) ? &vendors[i] : NULL;
}

const struct vendor *vendor_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(vendors); i++)
        if (str_eq(name, str_from(vendors[i].name)))
            return &vendors[i];
    return NULL;
}

const char *regime_name(enum regime r)
{
    static const char *const names[] = {
        [REGIME_CREDIT] = "credit",
        [REGIME_PLAN] = "plan",
        [REGIME_POWER] = "power",
    };
    return names[r];
}
