/* sim_flavour.c: what is particular to each vendor's OpenAI-compatible face. */
#include "sim/sim_priv.h"

#define OPENAI_LIKE (HABIT_DETAILS | HABIT_FINGERPRINT)

static const struct sim_flavour flavours[] = {
    {.name = "openai", .owner = "openai", .base = {"/v1"},
     .model = {"gpt-5.4-mini", "gpt-6-luna", "gpt-6.1-sol", "text-embedding-3-small"},
     .comment = ": keep-alive\n\n", .usage = USAGE_EXTRA, .shape = SHAPE_OPENAI, .habits = OPENAI_LIKE | HABIT_USAGE_NULL},
    {.name = "deepseek", .owner = "deepseek", .base = {"", "/beta"}, .model = {"deepseek-flash", "deepseek-v4-pro"},
     .reasoning = "reasoning_content", .comment = ": keep-alive\n\n", .usage = USAGE_FINISH, .shape = SHAPE_OPENAI,
     .habits = OPENAI_LIKE | HABIT_NULL_CONTENT | HABIT_CACHE_HIT_MISS | HABIT_THINKS},
    {.name = "moonshot", .owner = "moonshot", .base = {"/v1"}, .model = {"kimi-k3", "kimi-k2.6", "kimi-k2.5"},
     .reasoning = "reasoning_content", .comment = ": keep-alive\n\n", .usage = USAGE_CHOICE, .shape = SHAPE_NO_CODE,
     .habits = HABIT_FINGERPRINT | HABIT_CACHED_ON_TOP},
    {.name = "groq", .owner = "Groq", .base = {"/openai/v1"}, .model = {"openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.6-27b"},
     .reasoning = "reasoning", .comment = ": keep-alive\n\n", .usage = USAGE_FINISH, .shape = SHAPE_OPENAI,
     .habits = HABIT_FINGERPRINT | HABIT_X_GROQ | HABIT_EVENT_ERROR},
    {.name = "openrouter", .owner = "openrouter", .base = {"/api/v1"},
     .model = {"deepseek/deepseek-v4-pro", "moonshotai/kimi-k2.6", "anthropic/claude-sonnet-5.5"},
     .reasoning = "reasoning", .comment = ": OPENROUTER PROCESSING\n\n", .usage = USAGE_EXTRA_CHOICE, .shape = SHAPE_INT_CODE,
     .habits = HABIT_DETAILS | HABIT_ROLE_ALWAYS | HABIT_PROVIDER},
    {.name = "anthropic", .owner = "anthropic", .base = {"/v1"},
     .model = {"claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5"},
     .comment = ": keep-alive\n\n", .usage = USAGE_EXTRA, .shape = SHAPE_OPENAI},
    {.name = "ollama", .owner = "library", .base = {"/v1"}, .model = {"llama3.1:8b", "llama3.2:3b", "nomic-embed-text:latest"},
     .reasoning = "reasoning", .comment = ": keep-alive\n\n", .usage = USAGE_EXTRA, .shape = SHAPE_NULL_CODE,
     .habits = HABIT_FINGERPRINT | HABIT_OLLAMA},
    {.name = "llama-server", .owner = "llamacpp", .base = {"", "/v1"}, .model = {"llama-3.1-8b-instruct"},
     .reasoning = "reasoning_content", .comment = ":\n\n", .usage = USAGE_EXTRA, .shape = SHAPE_INT_CODE,
     .habits = HABIT_FINGERPRINT | HABIT_NULL_CONTENT | HABIT_TIMINGS | HABIT_DETAILS},
    {.name = "gemini", .owner = "google", .base = {"/v1beta/openai"}, .model = {"models/gemini-3-pro", "models/gemini-3-flash"},
     .comment = ": keep-alive\n\n", .usage = USAGE_FINISH_ASKED, .shape = SHAPE_ARRAY},
};

const struct sim_flavour *sim_flavour_find(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(flavours); i++)
        if (str_eq(str_from(flavours[i].name), name))
            return &flavours[i];
    return NULL;
}
