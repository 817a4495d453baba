/* responses.c: OpenAI's Responses dialect, without a store: the table, what it cannot say, and the small things that its halves
 * share. The map of the files stands in responses_priv.h. */
#include "wire/responses_priv.h"

static const struct limit limits[] = {
    {"n", LIMIT_REFUSED, "a response is one answer"},
    {"stop", LIMIT_REFUSED, "there are no stop sequences, and an answer would run past them"},
    {"suffix", LIMIT_REFUSED, "there is no filling in of a middle"},
    {"raw", LIMIT_REFUSED, "there are messages only, no bare prompt"},
    {"logprobs", LIMIT_REFUSED, "an answer that is translated does not carry them"},
    {"top_logprobs", LIMIT_REFUSED, "an answer that is translated does not carry them"},
    {"logit_bias", LIMIT_REFUSED, "there is no such setting"},
    {"modalities", LIMIT_REFUSED, "answers are text"},
    {"audio", LIMIT_REFUSED, "answers are text"},
    {"functions", LIMIT_REFUSED, "the old form of `tools` is not known; use `tools`"},
    {"function_call", LIMIT_REFUSED, "the old form of `tool_choice` is not known; use `tool_choice`"},
    {"web_search_options", LIMIT_REFUSED, "searching is a tool of its vendor's there, with other settings"},
    {"server_tools", LIMIT_REFUSED, "tools that their vendor runs are not the same elsewhere"},
    {"top_k", LIMIT_LOST, "there is no such setting"},
    {"min_p", LIMIT_LOST, "there is no such setting"},
    {"repeat_penalty", LIMIT_LOST, "there is no such setting"},
    {"frequency_penalty", LIMIT_LOST, "there is no such setting"},
    {"presence_penalty", LIMIT_LOST, "there is no such setting"},
    {"seed", LIMIT_LOST, "there is no such setting"},
    {"tools.hosted", LIMIT_LOST, "a tool that another vendor runs is left out where the call has others and none must be called"},
    {"temperature", LIMIT_LOST, "OpenAI's reasoning models refuse it"},
    {"top_p", LIMIT_LOST, "OpenAI's reasoning models refuse it"},
    {"name", LIMIT_LOST, "speakers have no names"},
    {"cache_control", LIMIT_LOST, "prompts are cached without marks"},
    {"reasoning_content", LIMIT_LOST, "only reasoning that its own vendor has sealed is taken back"},
    {"assistant_media", LIMIT_LOST, "what the model says is text"},
    {"prediction", LIMIT_LOST, "there is no such setting"},
    {"prefill", LIMIT_LOST, "a last message of the assistant is answered; the model does not go on from it"},
    {"store", LIMIT_LOST, "nothing is left at the upstream"},
};

/* --- ids and seals -------------------------------------------------------------------------------------------------------------- */

static const struct str PREFIX = {"resp_", 5};

struct str responses_id(struct str id, struct arena *a)
{
    return str_starts(id, PREFIX) ? id : responses_joined(PREFIX, id, a);
}

struct str responses_item_id(const char *prefix, struct str id, int index, struct arena *a)
{
    struct str core = str_starts(id, PREFIX) ? str_skip(id, PREFIX.len) : id;
    return str_from(arena_format(a, "%s%.*s_%d", prefix, STR_FMT(core), index));
}

struct str responses_joined(struct str a, struct str b, struct arena *arena)
{
    char *out = arena_alloc(arena, a.len + b.len + 1);
    if (!out)
        return STR_NONE;
    if (a.len)
        memcpy(out, a.ptr, a.len);
    if (b.len)
        memcpy(out + a.len, b.ptr, b.len);
    return str_of(out, a.len + b.len);
}

/* --- errors ------------------------------------------------------------------------------------------------------------------------- */

static int write_error(const struct wire_error *e, struct buf *out)
{
    return error_write(out, e->status, e->message, e->type, e->param, e->code);
}

static int error_status(int status)
{
    return status == 529 ? 503 : status; /* Anthropic's own; OpenAI's clients do not know it */
}

const struct codec codec_responses = {
    .name = "responses",
    .dialect = DIALECT_RESPONSES,
    .framing = FRAMING_SSE,
    .stream_type = STR("text/event-stream; charset=utf-8"),
    .keep_alive = {": keep-alive\n\n", 14},
    .request_read = responses_request_read,
    .request_write = responses_request_write,
    .answer_read = responses_answer_read,
    .answer_write = responses_answer_write,
    .event_read = responses_event_read,
    .write = {.begin = responses_begin, .open = responses_open, .piece = responses_piece, .close = responses_close,
              .end = responses_end, .error = responses_fail, .keeps_text = true},
    .error_write = write_error,
    .error_status = error_status,
    .limit = limits,
    .limit_count = COUNT_OF(limits),
};
