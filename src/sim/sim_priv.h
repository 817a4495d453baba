/* sim_priv.h: the structures of the simulator and the doors between its files.
 *
 *   sim.c         the thread, its commands, upstreams and their listeners
 *   sim_conn.c    one connection: its socket, its input, its life
 *   sim_reply.c   what is sent when: heads, waits, streams, and every way to break off
 *   sim_request.c a lenient reader of HTTP requests, and the facts of their bodies
 *   sim_script.c  the language of behaviours
 *   sim_flavour.c what is particular to each vendor, as a table
 *   sim_answer.c  whole answers;  sim_embed.c embeddings;  sim_rerank.c scores;  sim_hear.c transcripts;  sim_stream.c answers as streams
 *   sim_faces.c   both, in the dialects that are not OpenAI's
 *   sim_info.c    lists of models, Ollama's own endpoints, errors in each vendor's shape
 *
 * Everything below runs on the simulator's thread, scripts being parsed excepted. */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "net/loop.h"
#include "sim/sim.h"
#include <pthread.h>

#define SIM_HEAD_MAX (256 * KiB)
#define SIM_BODY_MAX (64 * MiB)
#define SIM_OUT_MAX (SIM_BODY_MAX + SIM_HEAD_MAX)
#define SIM_WIRE_MAX ((size_t)1 << 20) /* what a story of a few dozen calls sends to one upstream */
#define SIM_UPSTREAMS_MAX 64

/* --- flavours (sim_flavour.c) ------------------------------------------------------------------------------------- */

enum sim_usage_place {
    USAGE_EXTRA,        /* a chunk without choices, when asked for */
    USAGE_FINISH,       /* in the finish chunk, asked for or not */
    USAGE_FINISH_ASKED, /* in the finish chunk, when asked for */
    USAGE_CHOICE,       /* inside the first choice of the finish chunk */
    USAGE_EXTRA_CHOICE, /* a chunk with a choice of its own, asked for or not */
};
enum sim_error_shape { SHAPE_OPENAI, SHAPE_NO_CODE, SHAPE_NULL_CODE, SHAPE_INT_CODE, SHAPE_ARRAY };
enum sim_habit {
    HABIT_USAGE_NULL = 1,   /* `usage: null` in the other chunks once usage was asked for */
    HABIT_FINGERPRINT = 2,  /* system_fingerprint */
    HABIT_ROLE_ALWAYS = 4,  /* role in every delta */
    HABIT_NULL_CONTENT = 8, /* the first delta has content null */
    HABIT_CACHE_HIT_MISS = 16,
    HABIT_CACHED_ON_TOP = 32, /* usage.cached_tokens */
    HABIT_X_GROQ = 64,        /* x_groq in the first and the finish chunk, times in usage */
    HABIT_PROVIDER = 128,     /* provider and native_finish_reason, usage.cost */
    HABIT_TIMINGS = 256,      /* llama-server's timings in the last chunk */
    HABIT_THINKS = 512,       /* reasons unless told not to */
    HABIT_OLLAMA = 1024,      /* /api/tags and its siblings */
    HABIT_DETAILS = 2048,     /* prompt_tokens_details and completion_tokens_details */
    HABIT_EVENT_ERROR = 4096, /* errors in a stream are named `event: error` */
    HABIT_WANTS_REASONING = 8192, /* refuses a turn with calls of tools that lacks its reasoning, unless told not to think */
    HABIT_SIGNED_CALLS = 16384, /* calls come whole, without index, and signed; refuses a turn whose first call is not signed */
};
struct sim_flavour {
    const char *name, *owner;
    const char *base[4]; /* paths in front of /chat/completions; /v1 works everywhere */
    const char *model[6];
    const char *reasoning; /* member that carries it; NULL: hidden, counted only */
    const char *comment;   /* keep-alive, with its line end */
    enum sim_usage_place usage;
    enum sim_error_shape shape;
    unsigned habits;
};
const struct sim_flavour *sim_flavour_find(struct str name);

/* --- scripts (sim_script.c) --------------------------------------------------------------------------------------- */

enum sim_act {
    ACT_REPLY,
    ACT_ECHO,
    ACT_STATUS,
    ACT_ERROR_200,
    ACT_EMPTY,
    ACT_NO_CHOICES,
    ACT_HTML,
    ACT_MALFORMED,
    ACT_GARBAGE,
    ACT_HANG,
    ACT_REFUSE,
    ACT_RAW,
    ACT_REDIRECT,
};
enum sim_fault {
    SIM_FAULT_NONE,
    SIM_FAULT_CONTEXT,
    SIM_FAULT_QUOTA,
    SIM_FAULT_POLICY,
    SIM_FAULT_RATE,
    SIM_FAULT_OVERLOAD,
    SIM_FAULT_KEY,
    SIM_FAULT_FORBIDDEN,
    SIM_FAULT_MODEL,
    SIM_FAULT_PARAMETER,
    SIM_FAULT_SERVER
};
#define SIM_NEVER (-2) /* drop, cut, sse-error: not asked for (-1 is "before the head") */

struct sim_step {
    enum sim_act act;
    enum sim_fault fault;
    int status;                      /* 0: the act's own */
    struct str text;                 /* ptr NULL: the flavour's usual words */
    struct str headers;              /* whole lines, CRLF included */
    struct str body;                 /* of status, raw, redirect (the URL) */
    int64_t tokens, every_ms, bytes; /* tokens 0: as many as the text has */
    int64_t first_ms, head_ms, ping_ms;
    int64_t drop, cut, error_after;
    struct str error_text;
    bool usage_off, slow_read, close;    /* close: after the reply, unannounced */
    int64_t usage_in, usage_out, cached; /* -1: counted */
    struct str finish, tool_name, tool_json, reasoning, refusal;
    struct str forwards; /* a model that /api/tags says is forwarded elsewhere, while this step is the next */
    struct str info, ps; /* likewise: a whole reply to every question about the server; the body of /api/ps */
    struct str when;     /* ptr set: this step is for every request whose body holds it */
};
struct sim_script {
    struct arena arena; /* owns the steps and their texts */
    struct sim_step *step; /* in their turn */
    int count, next;
    struct sim_step *when; /* those with `when` */
    int when_count;
    int refs;
};
int sim_script_parse(struct sim_script **out, struct str text, struct err *e);
void sim_script_unref(struct sim_script *s); /* NULL is fine */
/* The step for the next request; it is used up unless it is the last. */
const struct sim_step *sim_script_take(struct sim_script *s);
const struct sim_step *sim_script_peek(const struct sim_script *s);
/* The step that this body asks for by what it holds; NULL: the one whose turn it is. */
const struct sim_step *sim_script_when(const struct sim_script *s, struct str body);

/* --- requests (sim_request.c) ------------------------------------------------------------------------------------- */

enum sim_endpoint {
    EP_CHAT,
    EP_COMPLETIONS,
    EP_EMBEDDINGS,
    EP_MESSAGES,
    EP_COUNT_TOKENS,
    EP_RESPONSES,
    EP_OLLAMA_CHAT,
    EP_OLLAMA_GENERATE,
    EP_OLLAMA_EMBED,
    EP_RERANK,
    EP_TRANSCRIBE,
    EP_OLLAMA_EMBED_ONE,
    EP_HEALTH,
    EP_UNKNOWN,
    EP_MODELS,
    EP_MODEL,
    EP_TAGS,
    EP_VERSION,
    EP_PS,
    EP_SHOW,
    EP_ROOT
};
/* From EP_MODELS on: questions about the server itself, which are answered whatever the script says. */
#define EP_FIRST_INFO EP_MODELS

struct sim_head { /* slices point into the connection's input */
    struct str method, target, path;
    int64_t length; /* -1: chunked */
    bool expect, close;
};
struct sim_facts {               /* slices point into the body */
    struct str model, last_user; /* raw string text */
    bool stream, include_usage, base64, wants_json, no_thinking;
    bool seals; /* Responses: its sealed thinking was asked for */
    bool bare_calls, unsigned_calls; /* a turn with calls of tools has no reasoning_content; no signature on the first */
    bool bare_vectors, one_vector; /* Ollama's own embeddings; its older endpoint for them */
    int64_t text_bytes, choices, dimensions;
    struct str format;  /* of a transcript */
    int64_t file_bytes;
};
enum sim_read { READ_MORE, READ_DONE, READ_BAD };
/* Bytes up to and including the blank line; 0 while it has not come. */
size_t sim_head_end(struct str in);
bool sim_head_read(struct sim_head *h, struct str head);
enum sim_endpoint sim_endpoint_find(const struct sim_flavour *f, struct str path);
void sim_facts_read(struct sim_facts *f, enum sim_endpoint ep, struct str body);
/* Chunked coding, decoded in place behind `from`; *decoded and *raw are where the last call stopped. */
enum sim_read sim_chunks_read(struct buf *in, size_t from, size_t *decoded, size_t *raw);

/* --- answers (sim_answer.c, sim_stream.c) ------------------------------------------------------------------------- */

struct sim_usage {
    int64_t input, cached, output, reasoning;
};
enum sim_stage {
    STAGE_ROLE,
    STAGE_REASONING,
    STAGE_CONTENT,
    STAGE_REFUSAL,
    STAGE_TOOL,
    STAGE_TOOL_ARGUMENTS,
    STAGE_FINISH,
    STAGE_USAGE,
    STAGE_DONE,
    STAGE_OVER
};
struct sim_answer;
/* A dialect that is not OpenAI's chat. */
struct sim_face {
    enum sim_endpoint endpoint;
    const char *type;                   /* of a stream */
    const char *comment;                /* a sign of life; empty: it has none */
    const char *error_begin, *error_end; /* around an error inside a stream */
    int (*whole)(struct sim_answer *a, struct buf *out);
    int (*event)(struct sim_answer *a, struct str piece, struct buf *out);
    const char *last;                   /* what ends a stream */
    int (*error)(int status, struct str message, struct buf *out); /* NULL: as the flavour's */
};
const struct sim_face *sim_face_find(enum sim_endpoint ep); /* NULL: it is OpenAI's */

struct sim_answer {
    const struct sim_face *face;       /* NULL: OpenAI's */
    const char *open;                  /* faces: the kind of block under way */
    int64_t block, sequence;           /* faces: blocks before it; events */
    const struct sim_flavour *flavour; /* what follows is valid as long as the step's script */
    const struct sim_step *step;
    enum sim_endpoint endpoint;
    uint64_t serial;
    int64_t created;
    struct buf model, text; /* owned; text is unescaped and empty for `tokens` */
    struct str reasoning;
    struct sim_usage usage;
    int64_t seconds;                   /* of sound */
    bool include_usage;
    bool seals;                          /* Responses: encrypted_content */
    int64_t choices;
    enum sim_stage stage;
    int64_t index, sent; /* choice; events so far */
    int64_t at;          /* bytes of this stage that went out; for `tokens` the number of chunks */
};
int sim_answer_init(struct sim_answer *a, const struct sim_facts *f);
void sim_answer_fini(struct sim_answer *a);
int sim_answer_whole(struct sim_answer *a, const struct sim_facts *f, struct str body, struct buf *out);
/* sim_hear.c: a second of sound is 1,000 bytes. */
void sim_form_read(struct sim_facts *f, struct str body);
int sim_transcript_write(const struct sim_answer *a, const struct sim_facts *f, struct buf *out);
int sim_transcript_event(struct sim_answer *a, struct str piece, struct buf *out);
int sim_scores_write(const struct sim_answer *a, struct str body, struct json_writer *w);
int sim_vectors_write(const struct sim_answer *a, const struct sim_facts *f, struct str body, struct json_writer *w);
/* Appends the next event. 1: there may be more, 0: that was the last, or negative. */
int sim_answer_event(struct sim_answer *a, struct buf *out);
/* Appends the words of `tokens`, from chunk `i` on. */
int sim_tokens(const struct sim_step *s, int64_t i, int64_t count, struct buf *out);
void sim_signature_write(const struct sim_answer *a, struct json_writer *w); /* a member of a call, if this vendor signs them */
const char *sim_finish(const struct sim_answer *a);
void sim_usage_write(const struct sim_answer *a, struct json_writer *w);
void sim_id_write(const struct sim_answer *a, struct json_writer *w, const char *object);

/* --- lists and errors (sim_info.c) -------------------------------------------------------------------------------- */

/* `next`: the step whose words about the server count. */
int sim_info_write(const struct sim_flavour *f, enum sim_endpoint ep, struct str path, const struct sim_step *next, int *status,
                   struct buf *out);
int sim_fault_status(const struct sim_flavour *f, enum sim_fault fault);
struct str sim_fault_words(const struct sim_flavour *f, int status, enum sim_fault fault);
/* An error in the flavour's shape; `message` empty: the vendor's words for that fault. */
int sim_error_write(const struct sim_flavour *f, int status, enum sim_fault fault, struct str message, struct buf *out);
enum sim_fault sim_fault_find(struct str name); /* SIM_FAULT_NONE if unknown */

/* --- upstreams and connections (sim.c, sim_conn.c, sim_reply.c) --------------------------------------------------- */

struct sim_upstream {
    struct sim *sim;
    struct buf name, last, probe; /* the last request, and the last question about the server, as they arrived */
    struct buf wire;              /* all of them, up to SIM_WIRE_MAX ... */
    bool wire_cut;                /* ... and there were more */
    const struct sim_flavour *flavour;
    int port, fd;
    bool listening;
    struct loop_io io;
    struct sim_script *script;
    struct sim_seen seen;
    struct sim_conn *conns;
    uint64_t serial;
};
struct sim {
    struct loop *loop;
    pthread_t thread;
    bool running;
    struct sim_upstream *upstream[SIM_UPSTREAMS_MAX]; /* owned; only ever added to */
    int count;
    struct buf scratch; /* of the simulator's thread, for one reply */
};
/*          head and body are there      head_ms, every_ms        all is queued       all is sent
 *   READ ---------> WAIT_HEAD --------> WAIT_BODY --------> STREAM -----------> END -----------> READ, or closed
 *                   (first_ms)                               |
 *     \-------> HANG, until the peer goes                    \-----> RESET, when what was queued is sent  */
enum sim_phase { PHASE_READ, PHASE_WAIT_HEAD, PHASE_WAIT_BODY, PHASE_STREAM, PHASE_END, PHASE_RESET, PHASE_HANG };

struct sim_conn {
    struct sim_upstream *up;
    struct sim_conn *next, **link;
    int fd; /* owned */
    struct loop_io io;
    struct loop_timer timer;
    enum sim_phase phase;
    bool close;    /* after this reply */
    bool replying; /* counted in seen.open */
    bool broken;   /* memory ran out or the peer misbehaves: close as soon as nobody uses the connection */
    struct buf in, out;
    size_t out_at;
    /* the request */
    size_t head_len, body_len, body_raw; /* 0 while the head is not there; of the body, decoded and as it came */
    int64_t length;                      /* announced; -1 chunked */
    enum sim_endpoint endpoint;
    /* its answer */
    struct sim_script *script; /* reference; step belongs to it */
    const struct sim_step *step;
    struct sim_answer answer;
    bool streams, chunked;
    int status;
    const char *type;
    struct buf whole;
    int64_t due_ms; /* of the wait that is on */
};
/* A request is complete: decides on the answer and begins it. */
void sim_reply_start(struct sim_conn *c, const struct sim_head *head, struct str body);
void sim_reply_timer(struct sim_conn *c);
void sim_reply_drained(struct sim_conn *c); /* the peer took what was queued */
void sim_conn_out(struct sim_conn *c, struct str bytes);
void sim_conn_wait(struct sim_conn *c, int64_t ms);
void sim_conn_accept(struct sim_upstream *u); /* one event of the listener */
void sim_conns_reset(struct sim_upstream *u);
