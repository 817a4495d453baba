/* ollama_codec.c: Ollama's dialect as a table: its functions, its errors, and what it cannot say. Facts: its published API
 * of August 2026. */
#include "wire/ollama_priv.h"

/* clang-format off */
static const struct limit limits[] = {
    {"audio", LIMIT_REFUSED, "Ollama answers in text only"},
    {"best_of", LIMIT_REFUSED, "Ollama gives one answer"},
    {"budget_tokens", LIMIT_LOST, "thinking is asked for in words (low, medium, high, max), not in tokens"},
    {"cache_control", LIMIT_LOST, "Ollama keeps what it has computed by itself"},
    {"detail", LIMIT_LOST, "images are looked at as the model does it"},
    {"echo", LIMIT_REFUSED, "Ollama does not repeat the prompt"},
    {"file", LIMIT_REFUSED, "Ollama takes text and images, no documents"},
    {"file_id", LIMIT_REFUSED, "a file that a vendor keeps is not there; send the data"},
    {"image_url", LIMIT_REFUSED, "Ollama takes images as data, not as addresses; send them in base64"},
    {"input_audio", LIMIT_REFUSED, "Ollama takes no audio in a conversation"},
    {"logit_bias", LIMIT_REFUSED, "Ollama cannot shift the odds of tokens"},
    {"logprobs", LIMIT_REFUSED, "what an Ollama tells of probabilities has another form, which is not translated"},
    {"mcp_servers", LIMIT_REFUSED, "Ollama calls no servers of others"},
    {"messages", LIMIT_REFUSED, "/api/generate takes what the system says and one prompt, no conversation"},
    {"metadata", LIMIT_LOST, "Ollama keeps no records"},
    {"modalities", LIMIT_LOST, "Ollama answers in text only"},
    {"moderation", LIMIT_LOST, "Ollama has no filter of its own"},
    {"n", LIMIT_REFUSED, "Ollama gives one answer"},
    {"name", LIMIT_LOST, "speakers have roles and no names"},
    {"parallel_tool_calls", LIMIT_LOST, "the model alone decides how many tools it calls at once"},
    {"prediction", LIMIT_LOST, "Ollama takes no predicted answer"},
    {"prompt_cache_key", LIMIT_LOST, "Ollama keeps what it has computed by itself"},
    {"raw", LIMIT_REFUSED, "a prompt that is templated already is for /api/generate"},
    {"redacted_thinking", LIMIT_LOST, "only its vendor can read it"},
    {"response_format.json_schema.description", LIMIT_LOST, "a schema is sent without words about it"},
    {"safety_identifier", LIMIT_LOST, "Ollama does not count who asks"},
    {"service_tier", LIMIT_LOST, "Ollama has no tiers"},
    {"signature", LIMIT_LOST, "thinking is not sealed there"},
    {"store", LIMIT_LOST, "Ollama stores no answers"},
    {"suffix", LIMIT_REFUSED, "filling in the middle is for /api/generate"},
    {"tool_choice", LIMIT_REFUSED, "Ollama cannot make a model call a tool; auto and none can be said"},
    {"tools.custom", LIMIT_LOST, "tools take JSON arguments there: free text is the argument `input` of a function, and its grammar is lost"},
    {"tools.strict", LIMIT_LOST, "arguments are not held to their schema while they are written"},
    {"tools.hosted", LIMIT_LOST, "a tool that a vendor runs is left out where the call has others and none must be called"},
    {"tools.namespace", LIMIT_LOST, "functions of a namespace go one by one, as namespace__name; what the namespace itself said is lost"},
    {"tools.type", LIMIT_REFUSED, "a tool that the vendor itself runs is not there; only functions are"},
    {"top_logprobs", LIMIT_REFUSED, "what an Ollama tells of probabilities has another form, which is not translated"},
    {"user", LIMIT_LOST, "Ollama does not count who asks"},
    {"verbosity", LIMIT_LOST, "Ollama has no such setting"},
    {"web_search_options", LIMIT_REFUSED, "Ollama does not search the web in a conversation"},
};
/* clang-format on */

/* 529 is Anthropic's own; every other status is understood. */
static int status_for_client(int status)
{
    return status == 529 ? 503 : status;
}

static int failed_write(const struct wire_error *e, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "error");
    json_str(&w, e->message);
    json_object_end(&w);
    return json_done(&w);
}

const struct codec codec_ollama = {
    .name = "ollama",
    .dialect = DIALECT_OLLAMA,
    .framing = FRAMING_LINES,
    .stream_type = {"application/x-ndjson", 20},
    .keep_alive = {"", 0}, /* an empty line breaks the Python client */
    .request_read = ollama_request_read,
    .request_write = ollama_request_write,
    .answer_read = ollama_answer_read,
    .answer_write = ollama_answer_write,
    .event_read = ollama_event_read,
    .write = {.begin = ollama_stream_begin,
              .open = ollama_stream_open,
              .piece = ollama_stream_piece,
              .close = ollama_stream_close,
              .end = ollama_stream_end,
              .error = ollama_stream_error},
    .error_write = failed_write,
    .error_status = status_for_client,
    .limit = limits,
    .limit_count = COUNT_OF(limits),
};
