/* vendor.c: what is known about each service, one row each, and the words for dialects and regimes; see wire.h.
 *
 * Prices and models are in models.csv under the same names. A vendor that needs an `if` somewhere gets a quirk here. */
#include "base/buf.h"
#include "wire/wire.h"

#define SPEAKS(dialect) (1u << (dialect))

static const struct vendor vendors[] = {
    {
        .name = "openai",
        .title = "OpenAI",
        .openai_url = "https://api.openai.com/v1",
        .key_env = "OPENAI_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_RESPONSES),
        .quirks = QUIRK_SEALED_ITEMS,
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
        .prefix_keep_s = 300,
        .prefix_marked = true,
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
        .quirks = QUIRK_NO_SUBTITLES,
        .audio_ms_least = 10000,
        .default_model = "openai/gpt-oss-20b",
    },
    {
        .name = "openrouter",
        .title = "OpenRouter",
        .openai_url = "https://openrouter.ai/api/v1",
        .anthropic_url = "https://openrouter.ai/api",
        .key_env = "OPENROUTER_API_KEY",
        .dialects = SPEAKS(DIALECT_OPENAI) | SPEAKS(DIALECT_RESPONSES) | SPEAKS(DIALECT_ANTHROPIC),
        .quirks = QUIRK_BEARER | QUIRK_DETAILS_BACK,
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

/* --- the page ----------------------------------------------------------------------------------------------------------- */

static int put_faces(struct buf *out, const struct vendor *v)
{
    const struct {
        enum dialect dialect;
        const char *name, *url;
    } faces[] = {
        {DIALECT_OPENAI, "openai", v->openai_url},
        {DIALECT_RESPONSES, "responses", v->openai_url},
        {DIALECT_ANTHROPIC, "anthropic", v->anthropic_url},
        {DIALECT_OLLAMA, "ollama", v->ollama_url},
    };
    int rc = 0;
    for (size_t i = 0, n = 0; i < COUNT_OF(faces) && rc == 0; i++)
        if (v->dialects & SPEAKS(faces[i].dialect))
            rc = buf_append_format(out, "%s%s `%s`", n++ ? "<br>" : "", faces[i].name, faces[i].url);
    return rc;
}

static int put_quirks(struct buf *out, unsigned quirks)
{
    static const struct {
        enum vendor_quirk quirk;
        const char *text;
    } words[] = {
        {QUIRK_NO_STREAM_OPTIONS, "takes no `stream_options`"},
        {QUIRK_NO_JSON_SCHEMA, "promises JSON at its openai face, never a schema"},
        {QUIRK_ONE_ROOT, "one `url` for all its faces"},
        {QUIRK_BEARER, "takes its key as a bearer token everywhere"},
        {QUIRK_SEALED, "takes back only thinking that it sealed itself"},
        {QUIRK_PLAN_HEADERS, "tells in every answer how a flat plan's windows are"},
    };
    int rc = 0, n = 0;
    for (size_t i = 0; i < COUNT_OF(words) && rc == 0; i++)
        if (quirks & words[i].quirk)
            rc = buf_append_format(out, "%s%s", n++ ? "; " : "", words[i].text);
    return rc;
}

static int put_vendor(struct buf *out, const struct vendor *v)
{
    const char *tick = v->key_env ? "`" : "";
    int rc = buf_append_format(out, "| `%s` | %s | ", v->name, v->title);
    rc = rc ? rc : put_faces(out, v);
    rc = rc ? rc : buf_append_format(out, " | %s%s%s | ", tick, v->key_env ? v->key_env : "none", tick);
    rc = rc ? rc : put_quirks(out, v->quirks);
    return rc ? rc : buf_append_text(out, " |\n");
}

int vendor_reference(struct buf *out)
{
    int rc = buf_append_text(
        out,
        "# Known vendors\n\n"
        "Made from the program's own table by `hearth help --vendors`; a test holds this page against it.\n\n"
        "Names for `vendor:`. Its row gives an upstream its URLs, dialects, quirks, models and prices. A *face* is a dialect that the vendor speaks, "
        "with the base URL of it as that dialect's official client takes it. A call uses the face of its client's own dialect, and then nothing is "
        "translated; where there is none, or where that face is known to lack what the call needs, another face. `dialect:` beside `vendor:` "
        "keeps an upstream to one face.\n\n"
        "`url:` beside `vendor:` replaces the URL: of the openai face (and of responses under it) unless `dialect:` says of which; where one server has all faces "
        "under one address, of all. Everything else takes a `url:` and its `dialect:` (openai when none is given). A vendor on your own machine counts "
        "as cloud until you write `place: home`.\n\n"
        "| `vendor` | who | faces | where its key is looked for | known for |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < COUNT_OF(vendors) && rc == 0; i++)
        rc = put_vendor(out, &vendors[i]);
    return rc ? rc
              : buf_append_text(
                    out, "\nTheir models, prices, contexts, abilities, retired names and successors are rows of `src/wire/models.csv`, each with the month it was "
                         "looked up. What a call would cost now, and which names are retired, is in `hearth config check`; `prices:` in the config "
                         "wins over the table.\n");
}

/* --- words -------------------------------------------------------------------------------------------------------------- */

const char *regime_name(enum regime r)
{
    static const char *const names[] = {
        [REGIME_CREDIT] = "credit",
        [REGIME_PLAN] = "plan",
        [REGIME_POWER] = "power",
    };
    return names[r];
}
