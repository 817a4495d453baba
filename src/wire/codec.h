/* codec.h: one dialect, both ways: requests, whole answers, streams and errors, to and from the neutral conversation.
 *
 * Each dialect is one `const struct codec` in a file of its own; five dialects are five files, not twenty-five. Between two
 * different dialects a call goes bytes -> chat -> bytes and its stream bytes -> deltas -> bytes; between equal ones the bytes pass, and only
 * the readers are used, for what a relay must know. Knows no sockets and no routing. One thread per object.
 *
 * A stream's writer is in two halves: stream.c puts the deltas in an order that every dialect can say (one block after the
 * other, calls never interleaved) and the codec's verbs write single blocks. */
#pragma once
#include "wire/chat.h"

/* --- tools under other names (tools.c) ------------------------------------------------------------------------------------- */

/* What names of tools an upstream takes: of [A-Za-z0-9_-], so many. */
struct name_rule {
    int bytes_max;
    bool letter_first; /* or an underscore */
};
/* NULL: any name. */
const struct name_rule *tool_names_of(enum dialect to, enum dialect from, const struct vendor *v);
/* The name itself where it fits, else one made of it: the same for the same name. ptr NULL when memory is out. */
struct str tool_name_fit(const struct name_rule *rule, struct str name, struct arena *a);
/* The way back, by the tools that were asked for (NULL: unknown). False when memory is out. */
bool tool_name_plain(const struct chat *asked, const struct name_rule *rule, struct str *name, struct arena *a);
/* A function in a namespace, as those who know no namespaces are told of it: space__name. ptr NULL when memory is out. */
struct str tool_name_join(struct str space, struct str name, struct arena *a);
/* And the name in it, of one so joined; `name` itself when the space is empty. */
struct str tool_name_inside(struct str space, struct str name);
/* The namespace of that tool, as the client told of it; empty. */
struct str tool_space_of(const struct chat *asked, struct str name);
/* May a tool that its vendor runs be left out elsewhere? When there are others and none must be called, the model goes on without it. */
bool tool_is_spared(const struct chat *c);
/* Of the function that stands for a tool that takes free text. */
#define TOOL_INPUT_SCHEMA "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},\"required\":[\"input\"]}"
/* Does the client know that tool as one that takes free text? */
bool tool_is_custom(const struct chat *asked, struct str name);
/* The free text of a call of one, where the upstream knew only functions: the string called `input` in an object; what is no such
 * object is that text itself. ptr NULL when memory is out. And the object of a text. */
struct str tool_input_plain(struct str arguments, struct arena *a);
struct str tool_input_object(struct str input, struct arena *a);
/* The calls of an answer as the client knows their tools: names, and free text. ERR_NOMEM. */
int tool_calls_plain(struct chat_answer *answer, const struct chat *asked, const struct name_rule *rule);

/* --- streams: reading ---------------------------------------------------------------------------------------------------- */

enum delta_kind {
    DELTA_BEGIN,     /* id and model are known; either may be empty. At most once, before everything else but ALIVE */
    DELTA_TEXT,      /* `text`: a piece, never empty; REFUSAL and REASONING too */
    DELTA_REFUSAL,
    DELTA_REASONING,
    DELTA_SIGNATURE, /* `text`: of the reasoning that ends here */
    DELTA_HIDDEN,    /* `text`: reasoning that only its vendor can read, whole */
    DELTA_CALL,      /* a tool call begins: `call` counts from 0 without gaps; id and name are known (an id that the upstream
                      * did not give is made) */
    DELTA_ARGUMENTS, /* `text`: a piece of the arguments of `call` */
    DELTA_FINISH,    /* why the answer ended: `finish`, and `text` the stop sequence if one is told */
    DELTA_USAGE,     /* totals as far as they are known; replaces what came before */
    DELTA_ALIVE,     /* nothing but a sign of life */
    DELTA_FAILED,    /* an error inside the stream: the event's data is for failure_read */
    DELTA_END,       /* the stream is complete */
    DELTA_DETAIL,    /* `text`: raw, an element of reasoning_details as it came, beside what it says: for who keeps them */
};
struct delta {
    enum delta_kind kind;
    int call;
    struct str text, id, name, model; /* valid during the call. HIDDEN may have an id, its item's */
    bool custom;                      /* CALL: of a tool that takes free text; its arguments are that text */
    struct str extra;                 /* CALL: raw extra_content, as in a part; empty */
    enum finish finish;
    struct usage usage;
};
/* 0 to go on; anything else stops the reader and is returned. */
typedef int delta_fn(const struct delta *d, void *ctx);

enum { STREAM_CALLS_MAX = 256 }; /* tool calls in one answer; the largest seen is 128 */

/* A tool call of a stream, as the upstream counts it. */
struct stream_call {
    int64_t key;         /* the upstream's index, or its block's */
    struct str id, name; /* in the arena; may come late */
    struct str extra;    /* raw; in the arena */
    bool custom;         /* takes free text */
    bool told;           /* DELTA_CALL was emitted */
    bool pieces;         /* arguments came */
    struct buf waiting;  /* arguments that came before they could be said; owned */
};

struct stream_reader {
    const struct codec *codec;
    enum wire_op op;
    struct arena *arena; /* borrowed: ids, names; grows with the number of calls only */
    delta_fn *emit;
    void *ctx;
    /* the codecs' own business */
    bool details;                /* DELTA_DETAIL is wanted */
    bool begun;
    bool finished;               /* DELTA_FINISH was emitted */
    struct str id;               /* of the answer, for ids that must be made; in the arena; may be empty */
    struct usage usage;          /* merged so far */
    bool has_usage;
    struct stream_call *call;    /* STREAM_CALLS_MAX of them, made with the first one */
    int call_count;
    int64_t block;               /* Anthropic, Responses: index of the block under way; -1 */
    enum part_kind block_kind;
    int block_call;              /* its call, for PART_CALL */
    uint64_t told;               /* Responses: a bit for each output item of which something was emitted */
};
void stream_reader_init(struct stream_reader *r, const struct codec *codec, enum wire_op op, struct arena *arena, delta_fn *emit,
                        void *ctx);
void stream_reader_fini(struct stream_reader *r);
/* The call with that key (of several, the last), made when there is none; NULL when there are too many or memory is out. Its
 * index is result - r->call. */
struct stream_call *stream_call_of(struct stream_reader *r, int64_t key);
struct stream_call *stream_call_new(struct stream_reader *r, int64_t key);
/* Emits DELTA_CALL and what waited for it, unless that was done. To be called when the name is known; an id that the upstream
 * does not give is made of r->id. */
int stream_call_tell(struct stream_reader *r, struct stream_call *c);

/* --- streams: writing ------------------------------------------------------------------------------------------------------ */

/* Whether the arguments of a call are a whole JSON value yet, found in one pass however many pieces they come in. */
struct stream_value {
    size_t seen;    /* bytes of it that were looked at */
    int depth;      /* of brackets */
    bool in_string, escaped;
    bool over;      /* its last bracket or quote closed */
    bool checked;   /* and it is JSON */
    bool broken;    /* it never will be: something follows, or it was no JSON */
};
struct stream_block {
    enum part_kind kind; /* TEXT, REFUSAL, REASONING, HIDDEN, CALL */
    int index;           /* counts blocks from 0 */
    int call;            /* of PART_CALL: counts calls from 0 */
    struct str id, name; /* of PART_CALL; of PART_HIDDEN its item's id, or empty; the writer's */
    bool custom;         /* of PART_CALL: its arguments are free text */
    bool wrapped;        /* ... which comes inside an object, so that none of it can be told before it is whole */
    struct str item, head; /* Responses: the item's own id, and what stands in each of its deltas before the text; the codec's */
    struct str signature; /* of REASONING, known when it closes; the writer's */
    int64_t pieces;      /* bytes so far */
    struct stream_value value; /* of PART_CALL */
};
struct stream_hidden {
    struct stream_hidden *next;
    struct str id, text;
};
struct stream_writer {
    const struct codec *codec;
    enum wire_op op;
    struct arena *arena;     /* borrowed */
    const struct chat *asked; /* the request, whose tools are looked up and whose settings Responses repeats; NULL if unknown */
    const struct name_rule *names; /* under which the upstream knows its tools; NULL: as they are */
    struct str id, model;    /* what the client reads; model as it asked for it */
    int64_t created_s;
    int64_t input_estimated; /* tokens; for dialects that tell the input first */
    bool include_usage;      /* OpenAI: the client wants the usage chunk */
    bool begun, ended;
    bool open;               /* `block` is under way */
    struct stream_block block;
    int block_count, call_count;
    struct usage usage;
    bool has_usage;
    bool refused;            /* some of it was a refusal */
    enum finish finish;
    struct str stop;
    struct stream_call *call; /* those that wait for their turn; by the reader's index */
    struct buf later[3];      /* words that came in the middle of a call's arguments: thinking, text, refusal */
    struct str later_seal;    /* ... of that thinking; in the arena */
    struct stream_hidden *later_hidden; /* ... and thinking that only its vendor can read; in the arena */
    int later_hidden_count;
    struct buf kept;          /* text of the open block, if the codec wants it (keeps_text) */
    struct buf items;         /* Responses: the finished items, as JSON. Ollama, OpenAI: what each line or chunk begins with */
    int64_t elapsed_us;       /* Ollama: how long the answer took, told at the end; 0: not known */
    int64_t sequence;         /* Responses: events so far */
};
void stream_writer_init(struct stream_writer *w, const struct codec *codec, enum wire_op op, struct arena *arena);
void stream_writer_fini(struct stream_writer *w);
/* Appends what that delta becomes, which may be nothing yet. DELTA_FINISH and DELTA_USAGE are kept for the end; DELTA_END and
 * DELTA_FAILED are the caller's. 0, ERR_NOMEM, ERR_LIMIT. */
int stream_write(struct stream_writer *w, const struct delta *d, struct buf *out);
/* Closes what is open and ends the stream: finish reason, usage, end mark. */
int stream_write_end(struct stream_writer *w, struct buf *out);
/* An error, and the end, in place of stream_write_end. */
struct wire_error;
int stream_write_error(struct stream_writer *w, const struct wire_error *e, struct buf *out);

/* How a dialect writes the pieces of a stream. Called in the order begin, (open, piece…, close)…, end | error; alive anywhere. */
struct stream_verbs {
    int (*begin)(struct stream_writer *w, struct buf *out);
    int (*open)(struct stream_writer *w, struct buf *out);                    /* w->block */
    int (*piece)(struct stream_writer *w, struct str text, struct buf *out);
    int (*close)(struct stream_writer *w, struct buf *out);                   /* w->kept has the whole text, if it is kept */
    int (*end)(struct stream_writer *w, struct buf *out);
    int (*error)(struct stream_writer *w, const struct wire_error *e, struct buf *out);
    bool keeps_text;
};

/* --- errors ------------------------------------------------------------------------------------------------------------------ */

struct wire_error {
    int status;
    struct str message;
    const char *type;  /* OpenAI's word; NULL: by the status */
    const char *code;  /* OpenAI's word, or ours; NULL */
    const char *param; /* NULL */
    struct str id;     /* of the call; may be empty */
};

/* --- the table ----------------------------------------------------------------------------------------------------------------- */

/* What an upstream said beside a call of a tool and wants to read again with it. */
struct keepsake {
    struct str thought;            /* of the turn */
    struct str extra;              /* raw extra_content of the call: Gemini's signature */
    struct str sealed_id, sealed;  /* Responses: the sealed thinking just before it */
    struct str details;            /* raw reasoning_details of the turn: OpenRouter's */
};
/* Where that is kept, for histories whose client left it out. */
struct recall {
    /* False: nothing is. The texts are the arena's of the writer. */
    bool (*find)(void *ctx, const struct part *call, struct keepsake *out);
    void *ctx;
};

enum framing { FRAMING_SSE, FRAMING_LINES /* a JSON value a line */ };

/* How a request to one target must look. */
struct chat_write {
    enum wire_op op;
    struct str model;              /* the target's own name */
    bool engine;                   /* the built-in engine: no vendor, and its own accent */
    const struct vendor *vendor;   /* NULL if unknown */
    const struct model_row *fact;  /* NULL if unknown */
    struct arena *arena;           /* for what must be made */
    struct lost *lost;
    const struct recall *recall;   /* NULL: this upstream's words are not kept */
};

/* A request of OpenAI's dialect as a vendor takes it that wants its own words back (openai_mend.c): the edit that puts in what is
 * kept, or else what stands for nothing. out->with is empty when there is nothing to do. ERR_NOMEM, ERR_LIMIT. */
bool openai_signs_calls(const struct chat_write *w); /* that model's calls have a signature that must come back */
enum openai_mend { MEND_THOUGHT, MEND_SIGNATURE, MEND_DETAILS };
int openai_mend(struct str body, enum openai_mend what, const struct recall *recall, struct arena *a, struct json_edit *out);

/* Elements of reasoning_details (a raw list) as they came in the pieces of a stream, as the list that was meant: texts that go on from
 * one element to the next are one. Appended to `out`; ERR_NOMEM, ERR_LIMIT. */
int openai_details_join(struct str list, struct buf *out);

/* A chunk of a stream whose calls of tools have no `index`, numbered: appended to `out`, which stays as it is when there is nothing to
 * number. ERR_NOMEM, ERR_LIMIT. */
struct openai_numbers {
    int count[16]; /* calls so far, by choice */
};
int openai_calls_number(struct openai_numbers *n, struct str data, struct buf *out);

struct codec {
    const char *name;
    enum dialect dialect;
    enum framing framing;
    struct str stream_type;     /* content type of its streams */
    struct str keep_alive;      /* a sign of life between events; empty: the dialect has none */

    /* A client's request. ERR_SYNTAX, ERR_INVALID with a story fit for the client's 400, ERR_NOMEM. c->arena is given, c->model and
     * c->stream are filled as well. Unknown members go to c->extra. */
    int (*request_read)(struct chat *c, enum wire_op op, struct str body, struct err *e);
    /* An upstream's request. ERR_INVALID names the field that this dialect cannot express; ERR_NOMEM, ERR_LIMIT. */
    int (*request_write)(const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e);

    /* An upstream's whole answer; a->arena is given. ERR_SYNTAX when it is no answer at all, ERR_NOMEM. */
    int (*answer_read)(struct chat_answer *a, enum wire_op op, struct str body, struct err *e);
    /* The client's. a->id and a->model are as the client shall read them. */
    int (*answer_write)(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out);

    /* One event of an upstream's stream: its name (SSE) and data, or a line. 0, what `emit` returned, ERR_SYNTAX, ERR_NOMEM. */
    int (*event_read)(struct stream_reader *r, struct str name, struct str data);
    struct stream_verbs write;

    /* The body of an answer with that status. */
    int (*error_write)(const struct wire_error *e, struct buf *out);
    /* A status that this dialect's clients understand. */
    int (*error_status)(int status);

    const struct limit *limit; /* what it cannot say */
    size_t limit_count;
};
extern const struct codec codec_openai, codec_responses, codec_anthropic, codec_ollama;
const struct codec *codec_of(enum dialect d); /* NULL: none (the engine speaks OpenAI's) */

/* Is that one of the fields of the tables? Other names are the client's own words. */
bool codec_knows(struct str field);
/* request_write of that codec, with what its reader could not make sense of listed as lost. */
int codec_request_write(const struct codec *codec, const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e);
/* For request_write: that field is in the request, and this dialect cannot say it. 0 when the row says LIMIT_LOST (then it is in
 * w->lost), else ERR_INVALID with the field and the reason. A field without a row is lost. */
int codec_cannot(const struct codec *codec, const struct chat_write *w, struct str field, struct err *e);
/* Ollama: a request that says nothing only loads its model, or with `keep_alive: 0` gives it up; the answer to that. */
bool ollama_only_loads(const struct chat *c, enum wire_op op);
int ollama_load_write(const struct chat *c, enum wire_op op, int64_t created_s, struct buf *out);
int codec_reference(struct buf *out); /* docs/reference/translation.md */
