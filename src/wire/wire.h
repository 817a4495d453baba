/* wire.h: what goes over the wire, in one place: the facts of a call, the OpenAI dialect, how failures are recognised, and
 * the table of vendors. Knows no sockets and no routing.
 *
 * The hot path is one scan of the request (call_read), a splice of what must change (call_write), and one scan of each
 * chunk or reply that comes back; nothing is parsed into a tree and nothing is copied. Slices point into the request's
 * body, which must outlive the `struct call`. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum dialect { DIALECT_OPENAI, DIALECT_RESPONSES, DIALECT_ANTHROPIC, DIALECT_OLLAMA, DIALECT_ENGINE, DIALECT_COUNT };

/* --- the request --------------------------------------------------------------------------------------------------- */

/* What is asked for. The order is in the books: new ones are added at the end. */
enum wire_op {
    WIRE_CHAT,
    WIRE_COMPLETIONS,
    WIRE_EMBEDDINGS,
    WIRE_GENERATE,     /* Ollama: one prompt */
    WIRE_EMBED_ONE,    /* Ollama: the older endpoint, one text */
    WIRE_COUNT_TOKENS, /* Anthropic: how many tokens a request has */
    WIRE_RERANK,       /* documents put in order for a question */
    WIRE_TRANSCRIBE,   /* speech into text; the request is a form (audio.h) */
    WIRE_TRANSLATE,    /* the same, into English */
    WIRE_OP_COUNT
};
static inline bool wire_op_embeds(enum wire_op op)
{
    return op == WIRE_EMBEDDINGS || op == WIRE_EMBED_ONE;
}

static inline bool wire_op_hears(enum wire_op op)
{
    return op == WIRE_TRANSCRIBE || op == WIRE_TRANSLATE;
}

enum wire_need { NEED_TOOLS = 1, NEED_VISION = 2, NEED_JSON = 4, NEED_AUDIO = 8, NEED_PDF = 16 /* any document */ };
enum wire_format { FORMAT_TEXT, FORMAT_JSON_OBJECT, FORMAT_JSON_SCHEMA };

/* The member `hearth` of a request, in any dialect: what its author wants of Hearth itself. It goes no further (call_write leaves it
 * out); the built-in engine is told in Hearth's words. */
enum wire_class { CLASS_UNSET, CLASS_INTERACTIVE, CLASS_BATCH };
enum wire_overflow { OVERFLOW_UNSET, OVERFLOW_ERROR, OVERFLOW_DROP_OLDEST };
struct call_hearth {
    size_t offset, len;       /* with its name and a comma, as it is to be left out; len 0: not given */
    enum wire_class class;
    enum wire_overflow overflow;
    int64_t deadline_ms;      /* begin within; 0: not given */
    struct str conversation;  /* a name of the client's; raw string text, 1 to 64 bytes; empty: not given */
};

struct call {
    enum wire_op op;
    struct str body;          /* whole request body */
    struct str model;         /* unescaped text (arena when it had escapes) */
    size_t model_offset, model_len; /* of the value, quotes included */
    bool stream;
    bool wants_usage;         /* the client asked for stream_options.include_usage */
    size_t insert_offset;     /* just behind the top-level '{' */
    size_t stream_options_offset, stream_options_len; /* of the value; len 0 when null; both 0 when absent */
    size_t include_usage_offset, include_usage_len;   /* of the value inside it; len 0 when absent */
    unsigned needs;           /* NEED_ bits */
    enum wire_format format;  /* what response_format asks for */
    int64_t max_tokens;       /* the larger of max_tokens, max_completion_tokens; -1 when neither is given */
    int64_t choices;          /* n, default 1 */
    int64_t best_of;          /* of completions: answers that are generated, and paid, for each prompt; 0 = not given */
    int64_t prompts;          /* of completions: how many are in the list, at least 1 */
    int64_t text_bytes;       /* of message content, tools, prompt or input: the part that becomes tokens */
    int64_t tokens_estimated; /* of the input, by tokens_estimate */
    struct call_hearth hearth;
    const struct audio_form *form; /* of speech: the body is no JSON; borrowed. NULL otherwise */
    struct str lead, tools;   /* raw: the messages up to the end of the first one of a user, and the tools; empty: none */
    uint64_t members;         /* bit i set: the top-level member call_member_names[i] is present (for defaults) */
};

/* Reads and checks one request. ERR_SYNTAX / ERR_INVALID with a story fit for the client's 400 (no content in it): not
 * JSON, not an object, a key of ours (model, messages, stream, stream_options, max_tokens, n, tools, response_format,
 * prompt, input, query, documents, texts, hearth) given twice, in any spelling; model missing or no string; messages missing or no array; and so on. Unknown members
 * are left alone. `a` holds unescaped names. */
int call_read(struct call *c, enum wire_op op, struct str body, struct arena *a, struct err *e);
/* The same for a request of another dialect, as far as the dialects agree: an object with one `model`, whose place is told for
 * call_write. The rest of the facts come from the conversation (chat.h). */
int call_read_envelope(struct call *c, enum wire_op op, struct str body, struct arena *a, struct err *e);
/* True when the member is there, whatever its value. */
bool call_has_member(const struct call *c, struct str name);

/* False for a default that only other kinds of calls know (max_tokens for embeddings): call_write leaves it out. */
bool call_takes_default(const struct call *c, struct str name);

/* A member that call_write will add to the request: what it makes of the call (format, needs, answers, size) as if the client
 * had sent it. Nothing when the client gave one, or when the value is none the upstream would take. */
void call_heed_default(struct call *c, struct str name, struct str value);

/* What the request to a target must look like. */
struct call_rewrite {
    struct str model;                /* the target's own name */
    bool ask_usage;                  /* make an OpenAI-style upstream send usage in streams */
    const struct json_member *defaults; /* members to add when the client did not give them */
    size_t default_count;
    struct json_edit mend;           /* of the messages (call_mend); none without `with` */
};
struct json_member {
    struct str key, value; /* value as JSON text */
};
/* Pieces of the new body (room for 2 * JSON_EDITS_MAX + 1), borrowed from c->body and the arena. Returns their count, or
 * ERR_NOMEM. Untouched members keep their bytes. */
int call_write(const struct call *c, const struct call_rewrite *w, struct arena *a, struct str *piece);

/* --- the answer ---------------------------------------------------------------------------------------------------- */

/* Token classes as totals over the whole attempt. `input` is all prompt tokens, `cached` and `cache_write` the parts of
 * it that were read from or written to a cache; `reasoning` is the part of `output` that was thought. */
struct usage {
    int64_t input, cached, cache_write, output, reasoning;
    int64_t audio_ms;  /* of sound that was heard; 0 when that is not told, or there was none */
    int64_t cost_nusd; /* what the vendor says it charged (OpenRouter), -1 when it does not say */
    bool reported;     /* false: estimated by us */
};

enum finish { FINISH_NONE, FINISH_STOP, FINISH_LENGTH, FINISH_TOOLS, FINISH_FILTER, FINISH_INTERRUPTED, FINISH_OTHER };

/* One whole answer, or one chunk of a stream. */
struct wire_answer {
    bool has_error;       /* a non-null top-level (or first choice's) `error` */
    bool has_choices;     /* a choices array was there (data array, for embeddings) */
    int64_t choice_count; /* its length */
    bool has_content;     /* non-empty text, reasoning, tool call, refusal, audio; vectors for embeddings */
    bool has_usage;
    bool usage_aside;     /* it stands where OpenAI's clients do not look for it */
    struct usage usage;   /* filled when has_usage */
    enum finish finish;   /* of the last choice that names one */
    int64_t content_bytes; /* of text, reasoning, tool names and arguments, escapes counted as they stand */
    int64_t tokens_estimated; /* of that content, by tokens_estimate; 0 for a whole answer that tells its usage */
    struct str content;   /* raw string text of the first choice's content (not unescaped), whole answers only */
    bool finish_pending;  /* whole answers: some choice has no finish reason */
};

/* A whole JSON answer of that operation. ERR_SYNTAX when it is not a JSON object. Leading blanks are fine. */
int answer_read(enum wire_op op, struct str body, struct wire_answer *out, struct err *e);
/* The data of one SSE event, not "[DONE]". */
int chunk_read(enum wire_op op, struct str data, struct wire_answer *out, struct err *e);
/* Is the content what `format` asked for (valid JSON; an object for both kinds)? Called for whole answers that finished
 * with FINISH_STOP and carry text. Text inside a ``` fence is not JSON. */
bool answer_keeps_format(const struct wire_answer *w, enum wire_format format);
bool text_keeps_format(struct str text, enum wire_format format); /* the same for unescaped text; not FORMAT_TEXT */
bool sse_is_done(struct str data); /* starts with [DONE] */
/* The last chunk of a stream, which holds its usage and nothing else, like the chunk in `of` (its data), whose members it has. */
int usage_chunk_write(struct buf *out, struct str of, const struct usage *u);

/* --- failures ------------------------------------------------------------------------------------------------------ */

enum wire_fault {
    FAULT_UNKNOWN,  /* nothing recognised: go by the HTTP status */
    FAULT_CONTEXT,  /* too long for this model */
    FAULT_QUOTA,    /* out of money or credit */
    FAULT_POLICY,   /* content refused by a filter */
    FAULT_RATE,
    FAULT_OVERLOAD,
    FAULT_KEY,
    FAULT_MODEL,    /* no such model there */
    FAULT_FACE,     /* not at this endpoint: ask /v1/responses */
    FAULT_PARAMETER,
};
struct wire_failure {
    enum wire_fault fault;
    char message[400];      /* the vendor's words, control bytes and line ends made blanks; may be empty */
    char code[64];          /* error.code or error.type, whichever says more; may be empty */
    int64_t retry_after_ms; /* from headers or body; -1 when nothing was said */
};
/* Recognises a failure from its status (0 inside a stream or a 200), its body (any shape: object, array of one, flat,
 * text, HTML) and the text rules in failure.c. */
void failure_read(int status, struct str body, struct wire_failure *out);
/* retry-after (seconds, decimals, HTTP date), retry-after-ms, and x-ratelimit-reset-* durations are understood. -1 if
 * `name` is none of them or its value says nothing. */
int64_t retry_after_read(struct str name_lower, struct str value, int64_t wall_ms);

/* An OpenAI error object: {"error":{"message","type","param","code"}}. */
int error_write(struct buf *out, int status, struct str message, const char *type, const char *param, const char *code);

/* --- estimates ------------------------------------------------------------------------------------------------------ */

/* About how many tokens a common tokenizer makes of this text. `escaped`: the text is raw JSON string text. Within 25 %
 * on prose, code and JSON; see tests. */
int64_t tokens_estimate(struct str text, bool escaped);

/* The same of many texts that are one conversation: where they are long together, a sample is taken of all. `bytes` is the sum of
 * their lengths, which has to be known first. */
struct tokens_count {
    uint64_t bytes, at; /* of all texts; of those that were added */
    uint64_t window, next; /* the next window of the sample, and where it begins */
    uint64_t counted;   /* bytes of the sample so far */
    int64_t cost;       /* of the sample, or of all, in thousandths of a token */
};
void tokens_count_init(struct tokens_count *t, uint64_t bytes);
void tokens_count_add(struct tokens_count *t, struct str text, bool escaped);
int64_t tokens_count_end(const struct tokens_count *t);

/* --- vendors -------------------------------------------------------------------------------------------------------- */

enum regime { REGIME_CREDIT, REGIME_PLAN, REGIME_POWER };
enum vendor_quirk {
    QUIRK_NO_STREAM_OPTIONS = 1, /* refuses stream_options; usage comes by itself */
    QUIRK_NO_JSON_SCHEMA = 2,    /* json_object only, at its OpenAI face */
    QUIRK_ONE_ROOT = 4,          /* its faces stand under one address: /v1 and /api of the same server */
    QUIRK_BEARER = 8,            /* its Anthropic face takes the key as a bearer token, too */
    QUIRK_SEALED = 16,           /* refuses thinking that does not carry its own seal */
    QUIRK_NO_SUBTITLES = 32,     /* its transcripts come as JSON or text, never as srt or vtt: those are made of its segments */
    QUIRK_THOUGHT_BACK = 512,    /* refuses a turn with calls of tools that comes without what it had thought, if only "" */
    QUIRK_SIGNED_CALLS = 1024,   /* its calls of tools carry a signature that has to come back */
    QUIRK_UNNUMBERED = 4096,     /* its streams leave out the index of calls of tools */
    QUIRK_SEALED_ITEMS = 2048,   /* its Responses face seals thinking that is worth handing back before its calls */
    QUIRK_DETAILS_BACK = 8192,   /* its reasoning_details have to come back beside the calls that they led to */
    QUIRK_PLAN_HEADERS = 256,    /* under a flat plan every answer tells how its windows are; one that does not is about the request */
};

/* A row of facts about a service. */
struct vendor {
    const char *name;       /* "deepseek" */
    const char *title;      /* "DeepSeek" */
    const char *openai_url; /* base of its OpenAI-compatible face, with its version part; /responses is there, too */
    const char *anthropic_url, *ollama_url; /* as those dialects' clients take them; NULL: no such face */
    const char *key_env;    /* where people keep its key; NULL for local servers, as default_model */
    unsigned dialects;      /* bit per enum dialect it speaks */
    unsigned quirks;
    int64_t audio_ms_least;    /* a request is billed for at least so much sound */
    const char *default_model; /* for first run */
    int prefix_keep_s;      /* for how long a prompt's prefix stays cached since it was last used; 0: nobody says */
    bool prefix_marked;     /* it caches only what the call marks, and tells how much that was */
};
const struct vendor *vendor_find(struct str name); /* NULL if unknown */
size_t vendor_count(void);
const struct vendor *vendor_at(size_t i);
int vendor_reference(struct buf *out); /* docs/reference/vendors.md */

const char *regime_name(enum regime r);
const char *finish_name(enum finish f);
