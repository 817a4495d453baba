/* chat.h: the neutral conversation: what a request and its answer say, whatever dialect they came in.
 *
 * It is made only when a call has to be translated, and by dialects other than OpenAI's to learn the facts of a request.
 * Everything lives in the arena that the caller gives and points into the body it was read from; both must outlive it.
 * Text is unescaped; what is called raw is JSON text as it stood, so that numbers and the order of keys survive. One thread
 * at a time. Sources: the vendors' published APIs, as in docs/internals/dialects.md. */
#pragma once
#include "wire/wire.h"

/* --- what messages are made of ------------------------------------------------------------------------------------- */

enum part_kind {
    PART_TEXT,
    PART_IMAGE,
    PART_AUDIO,
    PART_FILE,        /* a document */
    PART_CALL,        /* the model calls a tool */
    PART_RESULT,      /* what the tool said */
    PART_REASONING,   /* thinking that can be read */
    PART_HIDDEN,      /* thinking that only its vendor can read: redacted, encrypted */
    PART_REFUSAL,
    PART_OPAQUE,      /* a block without a neutral form (server tools, citations' sources, …); writers list it as lost */
};
enum part_source { SOURCE_NONE, SOURCE_BASE64, SOURCE_URL, SOURCE_ID, SOURCE_TEXT };

struct part {
    struct part *next;
    enum part_kind kind;
    struct str text;           /* TEXT, REASONING, REFUSAL; of HIDDEN its data */
    enum part_source source;   /* of IMAGE, AUDIO, FILE: what `data` is */
    struct str data;           /* base64, URL, the vendor's id, or plain text */
    struct str media_type;     /* "image/png"; empty if nobody said */
    struct str title;          /* of a FILE; empty */
    struct str detail;         /* of an IMAGE: low, high, auto; empty */
    struct str id;             /* CALL: its id. RESULT: of the call it answers. REASONING, HIDDEN: of the item, or empty */
    struct str name;           /* CALL: of the tool. RESULT: the same, where the client told. OPAQUE: its type */
    struct str space;          /* CALL of Responses: the namespace, with which `name` begins (tool_name_join); empty */
    struct str arguments;      /* CALL: as they came: JSON text, but models write it, so it may be empty or broken */
    bool custom;               /* CALL, RESULT: of a tool that takes free text; `arguments` is that text */
    bool failed;               /* RESULT: the tool failed */
    struct part *content;      /* RESULT: TEXT, IMAGE, FILE, OPAQUE */
    struct str signature;      /* REASONING: its vendor's seal; empty: it has none, and no vendor that wants one takes it back */
    struct str cache;          /* raw cache_control; empty: no mark */
    struct str raw;            /* OPAQUE: the whole block. Others: the same, if it says things that only its own dialect knows:
                                * extra_content of a call, an element of reasoning_details; empty */
    struct str phase;          /* TEXT of an assistant, Responses: commentary or final_answer, handed back as it came; empty */
    bool foreign;              /* HIDDEN, REASONING: not of the vendor whose dialect the request is in */
};

enum chat_role { ROLE_SYSTEM, ROLE_DEVELOPER, ROLE_USER, ROLE_ASSISTANT };

/* As the client wrote them; a run of OpenAI `tool` messages is one message of the user with RESULT parts. Who needs
 * neighbours merged or system text hoisted does it while writing. */
struct message {
    struct message *next;
    enum chat_role role;
    struct part *part; /* may be NULL: empty */
    struct str name;   /* of the speaker; usually empty */
};

/* --- tools and wishes ---------------------------------------------------------------------------------------------------- */

struct tool {
    struct tool *next;
    struct str name, description;
    struct str schema;   /* raw JSON Schema of the arguments; empty: none given */
    struct str strict;   /* raw true or false; empty: not said */
    struct str format;   /* of a custom tool: raw; empty */
    struct str cache;    /* as in a part */
    bool custom;         /* takes free text */
    struct str raw;      /* the whole tool, if it says things that only its own dialect knows; empty */
    struct str space;    /* Responses: the namespace that it is in; `name` begins with it (tool_name_join); empty */
    struct str opaque;   /* a tool that the vendor runs itself (web search, …): its type; raw in `schema` */
};
enum tool_choice { CHOICE_UNSET, CHOICE_AUTO, CHOICE_NONE, CHOICE_REQUIRED, CHOICE_NAMED };
enum tristate { UNSET, NO, YES };
enum effort { EFFORT_UNSET, EFFORT_NONE, EFFORT_MINIMAL, EFFORT_LOW, EFFORT_MEDIUM, EFFORT_HIGH, EFFORT_XHIGH, EFFORT_MAX };
const char *effort_name(enum effort e); /* NULL for EFFORT_UNSET */
enum effort effort_find(struct str name); /* EFFORT_UNSET if it is none */
enum effort effort_of_budget(int64_t tokens);
int64_t effort_budget(enum effort e); /* tokens; 0 for NONE and UNSET */

struct chat_member {
    struct chat_member *next;
    struct str name, value; /* value raw */
    bool by_default;        /* a job's default: by OpenAI's name, whatever dialect the conversation is from */
};
struct chat_text {
    struct chat_text *next;
    struct str text;
};

/* A member inside a message, a part of one, or a tool that no reader knows: "messages.prefix". */
struct chat_odd {
    struct chat_odd *next;
    struct str name;
    bool kept; /* writers of the same dialect say it all the same */
};

/* A request. Numbers are kept raw, so that 0.7 stays 0.7; empty: not given. */
struct chat {
    struct arena *arena; /* borrowed */
    enum dialect from;   /* whose reader filled it in: `extra` and opaque parts are of that dialect */
    struct str model;
    bool stream;
    bool wants_usage;                /* OpenAI: the client asked for a usage chunk; others always get theirs */
    struct message *message, *last_message; /* chat_message_add keeps the last ones */
    struct tool *tool, *last_tool;
    enum tool_choice choice;
    struct str choice_name;          /* CHOICE_NAMED */
    enum tristate parallel;          /* may it call several tools at once? */
    int64_t max_tokens;              /* -1: not given */
    struct str temperature, top_p, top_k, min_p, frequency_penalty, presence_penalty, repeat_penalty, seed;
    struct chat_text *stop;
    enum wire_format format;
    struct str schema, schema_name, schema_strict, schema_description; /* schema raw; FORMAT_JSON_SCHEMA */
    enum effort effort;
    int64_t budget;                  /* tokens for thinking; -1: not given */
    enum tristate show_reasoning;    /* the client wants to read the thinking (a summary, display, …) */
    struct str user;                 /* who asks, as the client's operator counts them */
    struct str tier;                 /* service_tier */
    int64_t choices;                 /* n; 1 */
    struct str cache;                /* raw top-level cache_control */
    struct str suffix;               /* Ollama generate: what comes after the answer */
    bool raw_prompt;                 /* Ollama generate: no template */
    bool thinks;                     /* Ollama: `think` was true and no more; `effort` is then what that usually means */
    struct chat_member *extra;       /* members without a neutral form, by the client's names; dialects other than its own
                                      * list them as lost, or refuse what the answer would be wrong without */
    struct chat_member *own;         /* members that have a neutral form, raw as well: for writers of the same dialect alone (Responses repeats
                                      * them in its answers) */
    struct chat_odd *odd;            /* each once; lost, where it cannot be kept */
    int odd_count;
    bool has_signed_only;            /* Anthropic, Responses: no thinking in it is foreign, so its bytes may pass as they are */
    bool has_billing;                /* Anthropic: a line that is for that vendor alone, so its bytes may pass to nobody else */
    bool seals_doubted;              /* the vendor has refused one: none goes back */
};

/* A job's default, by OpenAI's name; `value` is JSON and must outlive c. Nothing when the conversation says something already.
 * ERR_INVALID when the value is none for that member, ERR_NOMEM. */
int chat_default(struct chat *c, struct str name, struct str value, struct err *e);

/* Helpers for readers; NULL or false when memory is out. They append at the end. */
struct message *chat_message_add(struct chat *c, enum chat_role role);
struct part *chat_part_add(struct chat *c, struct part **list, enum part_kind kind);
struct tool *chat_tool_add(struct chat *c);
bool chat_stop_add(struct chat *c, struct str text);
bool chat_extra_add(struct chat *c, struct str name, struct str value);
const struct chat_member *chat_extra_find(const struct chat *c, struct str name);
void chat_extra_drop(struct chat_member **list, struct str name); /* fine when it is not there */
/* `key` raw; nothing when the raw value says nothing (null, false, empty). `list` is what the member stands in: "messages". */
bool chat_odd_add(struct chat *c, const char *list, struct str key, struct str value, bool kept);
/* All members of that object but the known ones (NULL-terminated). */
bool chat_odd_members(struct chat *c, const char *list, const struct json_node *object, const char *const *known, bool kept);

/* What `call_read` finds in a request of OpenAI's dialect, from the conversation: needs, format, answers, sizes, tokens. */
void chat_facts(const struct chat *c, struct call *out);

/* The texts of all TEXT parts, joined by `between`, in the arena. One part costs no copy. ptr NULL when memory is out. */
struct str chat_join_text(const struct part *list, struct str between, struct arena *a);

/* A tool call's arguments as one JSON object, as dialects with objects need them: what is empty becomes {}, what is no object
 * {"_raw":"…"}, rather than failing a call over what a model wrote. In the arena when it had to be made. */
struct str chat_arguments_object(struct str arguments, struct arena *a);

/* Ids of tool calls for dialects that allow [a-zA-Z0-9_-] only. Reversible without a table: an id that does not fit becomes
 * hx_ with its other bytes as -XX; chat_id_plain turns that back. ptr NULL when memory is out. */
struct str chat_id_safe(struct str id, struct arena *a);
struct str chat_id_coded(struct str id, struct arena *a); /* the same, of one that fits, too */
struct str chat_id_plain(struct str id, struct arena *a);

/* "data:image/png;base64,…" into type and data; false when it is none. Slices of `url`. */
bool data_url_read(struct str url, struct str *media_type, struct str *base64);
/* By its first bytes, in base64: image/png, image/jpeg, image/gif, image/webp, application/pdf; empty if unknown. */
struct str media_type_sniff(struct str base64);

/* --- the answer -------------------------------------------------------------------------------------------------------------- */

struct chat_answer {
    struct arena *arena; /* borrowed */
    const struct chat *asked;   /* to be written: the request, whose settings Responses repeats; NULL if unknown */
    struct str id, model;
    int64_t created_s;          /* 0: not told */
    struct part *part;          /* TEXT, REASONING, HIDDEN, CALL, REFUSAL, OPAQUE, in the order they were said */
    struct part *newest;        /* chat_answer_add keeps it */
    enum finish finish;
    struct str stop;            /* the stop sequence that ended it, where that is told */
    struct usage usage;
    bool has_usage;
    int64_t choice_count;
    bool has_error;             /* it is an error after all: failure_read has the rest */
    int64_t elapsed_us;         /* how long it took, for dialects that tell; 0: not known */
};
struct part *chat_answer_add(struct chat_answer *a, enum part_kind kind);
/* The facts that a relay judges an answer by, as answer_read (wire.h) finds them in OpenAI's dialect. `content` is not set. */
void chat_answer_facts(const struct chat_answer *a, struct wire_answer *out);

/* --- what cannot be carried ---------------------------------------------------------------------------------------------- */

/* Names of fields that a translation left out, for x-hearth-lost. */
struct lost {
    struct str name[32]; /* [A-Za-z0-9_.-], at most 64 bytes; static text or the arena's */
    int count;
};
void lost_add(struct lost *l, struct str name); /* once each; what does not fit, or is no name, is counted as "more" */

/* What a dialect cannot say. The page docs/reference/translation.md comes from these rows. */
enum limit_then { LIMIT_LOST, LIMIT_REFUSED };
struct limit {
    const char *field; /* as OpenAI's dialect calls it, else as its own does */
    enum limit_then then;
    const char *why;
};
