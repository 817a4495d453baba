/* call_defaults.c: which of a job's defaults fit which kind of call. A job may be asked for chat and for embeddings; what
 * only one of them knows (max_tokens, dimensions) makes a strict vendor refuse the other. Members that are not in the table,
 * a vendor's own, are added to every call: what they mean is the owner's to know. */
#include "wire/call_priv.h"

enum {
    CHAT = 1u << WIRE_CHAT | 1u << WIRE_GENERATE,
    COMPLETIONS = 1u << WIRE_COMPLETIONS,
    EMBEDDINGS = 1u << WIRE_EMBEDDINGS | 1u << WIRE_EMBED_ONE,
    TEXT = CHAT | COMPLETIONS,
    RERANK = 1u << WIRE_RERANK,
};

static const struct {
    const char *name;
    unsigned ops;
} known[] = {
    {"audio", CHAT},
    {"best_of", TEXT}, /* vLLM takes it in chat */
    {"dimensions", EMBEDDINGS},
    {"echo", TEXT},
    {"encoding_format", EMBEDDINGS},
    {"enable_thinking", CHAT},
    {"frequency_penalty", TEXT},
    {"function_call", CHAT},
    {"functions", CHAT},
    {"logit_bias", TEXT},
    {"logprobs", TEXT},
    {"max_completion_tokens", CHAT},
    {"max_tokens", TEXT},
    {"min_p", TEXT},
    {"modalities", CHAT},
    {"n", TEXT},
    {"parallel_tool_calls", CHAT},
    {"prediction", CHAT},
    {"presence_penalty", TEXT},
    {"reasoning", CHAT},
    {"reasoning_effort", CHAT},
    {"repetition_penalty", TEXT},
    {"response_format", TEXT},
    {"return_documents", RERANK},
    {"seed", TEXT},
    {"stop", TEXT},
    {"stream_options", TEXT},
    {"suffix", COMPLETIONS},
    {"temperature", TEXT},
    {"thinking", CHAT},
    {"tool_choice", CHAT},
    {"tools", CHAT},
    {"top_k", TEXT},
    {"top_logprobs", CHAT},
    {"top_n", RERANK},
    {"top_p", TEXT},
    {"typical_p", TEXT},
    {"verbosity", CHAT},
    {"web_search_options", CHAT},
};

bool call_takes_default(const struct call *c, struct str name)
{
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq(name, str_from(known[i].name)))
            return known[i].ops & 1u << c->op;
    return true;
}
