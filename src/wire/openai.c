/* openai.c: the table of OpenAI's chat dialect, and what it cannot say. Between two who speak it nothing is translated: bytes
 * pass, and call.c and answer.c find the facts. */
#include "wire/openai_priv.h"

static int status_of(int status)
{
    return status == 529 ? 503 : status; /* Anthropic's "overloaded", which no client of OpenAI's knows */
}

static int error_body(const struct wire_error *e, struct buf *out)
{
    return error_write(out, e->status, e->message, e->type, e->param, e->code);
}

static const struct limit limits[] = {
    {"audio", LIMIT_LOST, "an earlier answer as sound is known to OpenAI only, which made it"},
    {"cache_control", LIMIT_LOST, "marks of what to cache are known to OpenRouter only; the others cache by themselves"},
    {"file", LIMIT_REFUSED, "this upstream takes no such document, and an answer that never saw it would be wrong"},
    {"frequency_penalty", LIMIT_LOST, "OpenAI's reasoning models refuse it"},
    {"image_url", LIMIT_REFUSED, "an image that only its vendor's own storage knows cannot be sent"},
    {"input_audio", LIMIT_REFUSED, "sound must come as base64"},
    {"messages.name", LIMIT_LOST, "Groq and Gemini refuse the speaker's name"},
    {"messages.reasoning", LIMIT_LOST, "this upstream does not take the thinking of earlier turns back"},
    {"min_p", LIMIT_LOST, "known to vLLM, llama-server, Ollama and OpenRouter only"},
    {"parallel_tool_calls", LIMIT_LOST, "Gemini refuses it"},
    {"prefill", LIMIT_LOST, "OpenAI, DeepSeek and Gemini answer a last message of the assistant; they do not go on from it"},
    {"presence_penalty", LIMIT_LOST, "OpenAI's reasoning models refuse it"},
    {"raw", LIMIT_REFUSED, "a prompt without a template is no chat"},
    {"reasoning_effort", LIMIT_LOST, "this upstream has no word for that much thinking"},
    {"repetition_penalty", LIMIT_LOST, "known to vLLM, llama-server, Ollama and OpenRouter only"},
    {"response_format.json_schema", LIMIT_LOST, "this vendor only promises JSON, not a schema"},
    {"service_tier", LIMIT_LOST, "tiers are OpenAI's"},
    {"stop", LIMIT_LOST, "at most four are taken by most vendors, and none by OpenAI's reasoning models"},
    {"suffix", LIMIT_REFUSED, "what comes after the answer cannot be said in a chat"},
    {"temperature", LIMIT_LOST, "OpenAI's reasoning models, and Kimi while it thinks, refuse it"},
    {"tools.custom", LIMIT_LOST, "only OpenAI has tools that take free text; elsewhere it is the argument `input` of a function"},
    {"tools.hosted", LIMIT_LOST, "a tool that another vendor runs is left out where the call has others and none must be called"},
    {"tools.namespace", LIMIT_LOST, "functions of a namespace go one by one, as namespace__name; what the namespace itself said is lost"},
    {"tools.strict", LIMIT_LOST, "Groq and Gemini refuse it"},
    {"tools.type", LIMIT_REFUSED, "a tool that another vendor runs itself cannot be run here"},
    {"top_k", LIMIT_LOST, "known to vLLM, llama-server, Ollama and OpenRouter only"},
    {"top_p", LIMIT_LOST, "OpenAI's reasoning models refuse it"},
    {"user", LIMIT_LOST, "Groq and Gemini refuse it"},
};

const struct codec codec_openai = {
    .name = "OpenAI",
    .dialect = DIALECT_OPENAI,
    .framing = FRAMING_SSE,
    .stream_type = STR("text/event-stream; charset=utf-8"),
    .keep_alive = STR(": keep-alive\n\n"),
    .request_read = openai_request_read,
    .request_write = openai_request_write,
    .answer_read = openai_answer_read,
    .answer_write = openai_answer_write,
    .event_read = openai_event_read,
    .write =
        {
            .begin = openai_stream_begin,
            .open = openai_stream_open,
            .piece = openai_stream_piece,
            .close = openai_stream_close,
            .end = openai_stream_end,
            .error = openai_stream_error,
        },
    .error_write = error_body,
    .error_status = status_of,
    .limit = limits,
    .limit_count = COUNT_OF(limits),
};
