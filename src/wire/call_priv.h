/* call_priv.h: what the call_*.c files share: the table of request members we know by name, and the reader that counts
 * what becomes tokens. */
#pragma once
#include "wire/wire.h"

/* The usual members of a request, shortest first (call_member_find relies on it). Those up to 64 fit the bits of
 * call.members; a name that is not here is still found by call_has_member, only slower. */
/* clang-format off */
#define CALL_MEMBERS(X)                                                                                        \
    X(n)                                                                                                       \
    X(stop) X(seed) X(user) X(echo)                                                                            \
    X(model) X(tools) X(input) X(audio) X(store) X(top_p) X(top_k) X(min_p) X(think) X(query) X(texts) X(top_n)\
    X(stream) X(prompt) X(suffix) X(hearth)                                                                         \
    X(best_of)                                                                                                 \
    X(messages) X(logprobs) X(metadata) X(thinking) X(provider)                                                \
    X(functions) X(reasoning) X(verbosity) X(documents)                                                        \
    X(max_tokens) X(logit_bias) X(modalities) X(dimensions) X(prediction) X(keep_alive) X(extra_body)          \
    X(temperature) X(tool_choice)                                                                              \
    X(top_logprobs) X(service_tier)                                                                            \
    X(function_call)                                                                                           \
    X(stream_options)                                                                                          \
    X(response_format) X(encoding_format)                                                                      \
    X(reasoning_effort) X(presence_penalty) X(prompt_cache_key) X(reasoning_format)                            \
    X(frequency_penalty) X(safety_identifier) X(include_reasoning)                                             \
    X(repetition_penalty) X(web_search_options)                                                                \
    X(parallel_tool_calls)                                                                                     \
    X(chat_template_kwargs) X(prompt_cache_options)                                                            \
    X(max_completion_tokens)
/* clang-format on */

enum call_member {
#define X(name) CALL_MEMBER_##name,
    CALL_MEMBERS(X)
#undef X
        CALL_MEMBER_COUNT,
    CALL_MEMBER_NONE = -1
};
_Static_assert(CALL_MEMBER_COUNT <= 64, "call.members has a bit for each");

extern const struct str call_member_names[CALL_MEMBER_COUNT];
/* Index in the table of a raw (maybe escaped) key, or CALL_MEMBER_NONE. */
int call_member_find(struct str key_raw);

/* One request being read. */
struct call_reader {
    struct json_scan scan;
    struct call *call;
    struct arena *arena; /* borrowed */
    struct err *err;     /* borrowed, may be NULL */
};

int call_model_read(struct call_reader *r);
bool call_name_is_plain(struct str name); /* without control characters */
/* All members of the request, in one scan: those that we know go to `fn`, which consumes the value; one of ours that is given twice, and
 * one that another server could take for ours, is refused. */
typedef int call_member_fn(struct call_reader *r, int member);
int call_members_read(struct call *c, enum wire_op op, struct str body, struct arena *a, call_member_fn *fn, struct err *e);

/* The parts of a request that become tokens, each from its value on; they count into r->call. A malformed text is left
 * to json_finish (they return 0 then, and the scan goes no further); what no server would take is ERR_INVALID. */
int call_messages_read(struct call_reader *r);
int call_prompt_read(struct call_reader *r, const char *name); /* prompt, input: text, tokens, or arrays of them */
int call_tools_read(struct call_reader *r, const char *name);  /* tools, functions */
int call_query_read(struct call_reader *r);
/* Hearth's own member (call_hearth.c). `begin`: where the value before it ends, or just behind the brace. */
int call_hearth_read(struct call_reader *r, size_t begin);
int call_documents_read(struct call_reader *r, const char *name); /* documents, texts: texts, or objects that hold one */
/* The value that starts here, counted as it stands. */
void call_raw_count(struct call_reader *r);

/* What is added for what is not text. */
enum {
    /* Each message costs its role and the marks around it; the answer's own header comes on top. The numbers are what
     * OpenAI documents, and close to the ChatML and Llama templates. */
    MESSAGE_TOKENS = 4,
    ANSWER_HEADER_TOKENS = 3,
    /* An image's size is unknown without decoding it. 765 is OpenAI's figure for 1024 x 1024, vision models at home use
     * 256 to 1,600; in the same range a page of a document, which is sent as an image, too. */
    IMAGE_TOKENS = 800,
    /* A scanned or printed PDF page has about this many bytes in base64. */
    PAGE_BYTES = 100000,
    /* Audio is about 10 tokens a second; a second is 16 to 32 KB as mp3 or 16 kHz wav, a third more in base64. */
    AUDIO_BYTES_PER_TOKEN = 2048,
};
