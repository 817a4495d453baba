/* openai_priv.h: what the openai_*.c files share: the reader and the writer of requests, vendors' accents, and what one
 * message or delta says. */
#pragma once
#include "wire/codec.h"

/* --- requests, read ------------------------------------------------------------------------------------------------ */

struct openai_reader {
    struct chat *chat;
    struct err *err;              /* borrowed, may be NULL */
    const struct json_node *root; /* the whole request; NULL while a default is read */
    /* where in `messages` it is, for the story of an error */
    size_t message;
    const char *list; /* "content", "tool_calls"; NULL: the message itself */
    size_t item;
    /* members that only make sense once all are read */
    const struct json_node *allowed; /* tool_choice.allowed_tools.tools */
    enum tristate thinking;          /* some vendor's switch */
    bool completion_max;             /* max_completion_tokens was given and wins */
    struct str legacy_id;            /* of the last function_call */
    const struct message *custom;    /* the last one that called a tool which takes free text; NULL */
};

/* One member of a request, by its name. */
struct openai_row;
typedef int openai_row_fn(struct openai_reader *r, const struct openai_row *row, const struct json_node *n);
struct openai_row {
    const char *name;
    openai_row_fn *read;
    size_t at;                              /* of a raw number or a text in struct chat */
    bool (*given)(const struct chat *chat); /* a default has no say; NULL: `at` tells, or the extras */
};
#define OPENAI_TOKENS_MAX ((int64_t)1 << 40) /* as in call.c */
openai_row_fn openai_format_read, openai_effort_read, openai_reasoning_read, openai_thinking_read, openai_enable_thinking_read,
    openai_template_read, openai_include_reasoning_read, openai_reasoning_format_read;
int openai_must_be(struct openai_reader *r, const struct openai_row *row, const char *what);
/* Kept by its name: it has no neutral form. */
int openai_keep(struct openai_reader *r, const char *name, const struct json_node *n);
bool openai_is_flag(const struct json_node *n);

int openai_out_of_memory(struct err *e);
int openai_messages_read(struct openai_reader *r, const struct json_node *n);
int openai_tools_read(struct openai_reader *r, const struct json_node *n);
int openai_functions_read(struct openai_reader *r, const struct json_node *n);
int openai_tool_choice_read(struct openai_reader *r, const struct json_node *n);
int openai_function_call_read(struct openai_reader *r, const struct json_node *n);
/* Leaves only the tools that tool_choice allowed. */
void openai_tools_allowed(struct openai_reader *r);
/* The text of a string member that is there and not empty, else STR_NONE. */
struct str openai_text(const struct json_node *object, const char *key);
/* Whose seal is on thinking; `format` as in OpenRouter's reasoning_details. OpenAI's own, as OpenRouter hands it on, belongs to
 * OpenRouter's account and is foreign everywhere else; what a client of ours was given of a Responses upstream has a name of
 * its own, so that it finds back to OpenAI and nowhere else. */
enum openai_seal { SEAL_FOREIGN, SEAL_ANTHROPIC, SEAL_RESPONSES };
enum openai_seal openai_seal_of(struct str format);

/* --- vendors' accents ---------------------------------------------------------------------------------------------- */

enum openai_trait {
    TRAIT_NEW_MAX = 1,            /* max_completion_tokens, not max_tokens */
    TRAIT_DEVELOPER = 2,          /* knows the role */
    TRAIT_SAMPLING_FIXED = 4,     /* refuses temperature, top_p, penalties and stop */
    TRAIT_TEMPERATURE_FIXED = 8,  /* refuses a temperature while it thinks */
    TRAIT_STRICT = 16,            /* refuses members it does not know */
    TRAIT_REASONING_BACK = 32,    /* a turn with tool calls must hold its reasoning, even an empty one */
    TRAIT_PLAIN_TEMPLATE = 64,    /* chat templates that want one system message and turns that alternate */
    TRAIT_NULL_CONTENT = 128,     /* takes null beside tool calls */
    TRAIT_FILES = 256,            /* documents as data URLs */
    TRAIT_OWN_FORMS = 512,        /* OpenAI's own: custom tools, refusals of earlier turns, ids of its files */
    TRAIT_CACHE_MARKS = 1024,     /* cache_control in parts */
    TRAIT_SIGNED_CALLS = 2048,    /* a call without its thought_signature is refused (Gemini 3) */
    TRAIT_PLAIN_SCHEMAS = 4096,   /* takes a few keywords of JSON Schema only */
    TRAIT_TIERS = 8192,           /* service_tier */
    TRAIT_PARTIAL = 16384,        /* goes on from a last message of the assistant that is marked as `partial` */
    TRAIT_ANEW = 32768,           /* answers a last message of the assistant, and does not go on from it */
};
enum openai_think {
    THINK_NOWHERE,
    THINK_EFFORT,      /* reasoning_effort */
    THINK_TYPE,        /* thinking.type */
    THINK_TYPE_EFFORT, /* both */
    THINK_TEMPLATE,    /* chat_template_kwargs.enable_thinking, and reasoning_effort for templates that read it */
    THINK_ROUTER,      /* reasoning{effort, max_tokens, enabled, exclude} */
};
struct openai_accent {
    const char *vendor; /* NULL: the row for everybody else */
    const char *model;  /* its names begin so; NULL: any */
    bool reasoning;     /* only models that reason */
    bool engine;        /* the built-in engine */
    unsigned traits;
    enum openai_think think;
    const char *const *effort; /* words by enum effort; NULL in it: left out */
    const char *thinking;      /* member that holds the thinking of earlier turns; NULL: it is not taken back */
    const char *show;          /* flag for whether thinking is shown; NULL */
    const char *repeat;        /* name of the penalty for repetitions; NULL with top_k and min_p: unknown there */
    int stop_max;              /* 0: any number */
    const char *const *fields; /* STRICT: members without a neutral form that it knows; NULL-terminated; NULL: none */
};
const struct openai_accent *openai_accent_of(const struct chat_write *w);

/* --- requests, written --------------------------------------------------------------------------------------------- */

struct openai_writer {
    const struct chat *chat;
    const struct chat_write *to;
    const struct openai_accent *accent;
    const struct name_rule *names; /* of tools; NULL: any */
    struct json_writer json;
    struct err *err; /* borrowed, may be NULL */
    int rc;          /* the first thing that cannot be said, or ERR_NOMEM */
};
void openai_messages_write(struct openai_writer *o);
void openai_tools_write(struct openai_writer *o);
/* What is kept of that call; false: nothing. */
static inline bool openai_recall(const struct chat_write *w, const struct part *call, struct keepsake *out)
{
    *out = (struct keepsake){.thought = STR_NONE};
    return w->recall && w->recall->find(w->recall->ctx, call, out);
}
/* Refuses or lists. */
void openai_cannot(struct openai_writer *o, const char *field);
void openai_no_memory(struct openai_writer *o);
void openai_tool_name_write(struct openai_writer *o, struct str name); /* the member `name`, as the upstream takes it */
static inline bool openai_has(const struct openai_writer *o, unsigned trait)
{
    return o->accent->traits & trait;
}
/* A schema without the keywords that TRAIT_PLAIN_SCHEMAS servers refuse. */
void openai_schema_write(struct openai_writer *o, struct str schema);

/* What Google documents for calls of other models. */
#define OPENAI_UNSIGNED "{\"google\":{\"thought_signature\":\"skip_thought_signature_validator\"}}"

/* --- what an answer or a chunk says -------------------------------------------------------------------------------- */

/* Of the first choice, as slices of the data; STR_NONE where it says nothing. Strings are raw, without their quotes. */
struct openai_said {
    struct str id, model;
    struct str content;        /* a string */
    struct str content_list;   /* a list of parts: the whole array */
    struct str reasoning;      /* reasoning_content, reasoning, thinking: the first that says something */
    struct str refusal;
    struct str transcript;     /* of audio */
    struct str details;        /* reasoning_details: the whole array */
    struct str calls;          /* tool_calls: the whole array */
    struct str function_call;  /* the whole object */
    struct str images, annotations; /* the whole arrays; empty ones are not said */
    struct str stop;           /* the stop sequence that ended it */
    enum finish finish;
    int64_t created_s, choice_count;
    bool is_message;           /* whole, not a delta */
    bool has_choices, failed;
    bool has_usage;
    struct usage usage;
};
/* ERR_SYNTAX when the text is no JSON object. */
int openai_said_read(struct openai_said *out, struct str text, struct err *e);

/* One element of tool_calls. */
struct openai_fragment {
    int64_t index; /* -1: not said */
    struct str id, name;
    struct str arguments; /* raw string text; of an object its JSON */
    bool arguments_plain; /* `arguments` is an object's JSON, not a string's inside */
    bool custom;
    struct str extra; /* extra_content, whole */
};
/* Steps through the array; false after the last. The scan begins with json_scan_init on the array and json_enter. */
bool openai_fragment_next(struct json_scan *s, struct openai_fragment *out);
void openai_function_read(struct json_scan *s, struct openai_fragment *out); /* the object that starts here */

/* One element of reasoning_details. */
struct openai_detail {
    struct str text, signature, data, id, format, type; /* raw string texts */
    struct str index; /* raw value; empty: not said */
    bool summary;     /* `text` stood under that name */
    struct str whole;
};
bool openai_detail_next(struct json_scan *s, struct openai_detail *out);

/* One piece of a content list. */
struct openai_piece {
    enum part_kind kind; /* TEXT, REASONING, REFUSAL; OPAQUE for what is none of them */
    struct str text;     /* raw string text */
};
/* Calls `say` for each piece of text in the list, and in lists inside it; 0, or what it returned first. */
int openai_pieces(struct str list, int (*say)(const struct openai_piece *p, void *ctx), void *ctx);

/* --- streams and answers, written ---------------------------------------------------------------------------------- */

int openai_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e);
int openai_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out);
int openai_event_read(struct stream_reader *r, struct str name, struct str data);
int openai_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e);
int openai_request_write(const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e);
int openai_stream_begin(struct stream_writer *w, struct buf *out);
int openai_stream_open(struct stream_writer *w, struct buf *out);
int openai_stream_piece(struct stream_writer *w, struct str text, struct buf *out);
int openai_stream_close(struct stream_writer *w, struct buf *out);
int openai_stream_end(struct stream_writer *w, struct buf *out);
int openai_stream_error(struct stream_writer *w, const struct wire_error *e, struct buf *out);
const char *openai_finish_word(enum finish f);
void openai_usage_write(struct json_writer *w, const struct usage *u);
/* The seal of a thinking block, and thinking that only its vendor can read, as elements of reasoning_details. */
void openai_seal_write(struct json_writer *w, struct str signature);
void openai_hidden_write(struct json_writer *w, struct str data, struct str id);
