/* host.h: a model that answers: an engine with its vocabulary, its chat form, its scheduler, and one thread that steps.
 *
 * Calls come from any thread; what becomes of them is told through a sink, on the host's thread. A call is prepared where it is made
 * (the template rendered, the text cut into tokens, the schema compiled), so a bad one fails there, with its story, and costs the
 * others nothing. Every accepted call ends with exactly one HOST_ENDED, a cancelled one too. */
#pragma once
#include "base/json.h"
#include "engine/chat_prompt.h"
#include "engine/engine.h"
#include "engine/sampler.h"
#include "engine/scheduler.h"
#include "engine/tokenizer.h"

struct host;
struct room;
struct host_call;

struct host_options {
    struct engine_options engine;
    size_t context_max;  /* of one call; 0: what the model was trained for, at most what the cache holds */
    size_t calls_max, queue_max, prefixes_max; /* 0: 8 (64 texts for embeddings), 64, 64 */
    int64_t step_us_max, patience_us;          /* 0: 150 ms, 30 s */
    int64_t keep_us;     /* unused for so long, it gives back what it can: kept prefixes, buffers, the mapped weights; 0: 30 minutes */
    const struct room *machine; /* outlives the host. While it is short of memory no more is taken for what is read, and prefixes go. NULL: nobody looks */
    int64_t starve_us_max;      /* how long a call waits for memory that others have; 0: 10 s */
};

enum host_kind { HOST_CHAT, HOST_TEXT, HOST_EMBED };

struct host_request {
    enum host_kind kind;
    const struct json_node *messages, *tools, *kwargs; /* HOST_CHAT: as OpenAI's; tools and kwargs may be NULL */
    bool must_call;          /* HOST_CHAT: the answer is a call of one of the tools */
    struct str call_name;    /* with must_call: of this one; empty: of any */
    bool one_call;           /* HOST_CHAT: the answer ends with its first call */
    bool drop_oldest;        /* HOST_CHAT: when the context is too small, the oldest turns are left out; host_dropped() tells */
    struct str text;                                   /* HOST_TEXT, HOST_EMBED */
    struct sampler_options sampling;
    struct str schema;       /* the answer is to fit it; empty: anything */
    bool json;               /* the answer is to be a JSON object */
    const struct str *stop;
    size_t stop_count;
    size_t answer_max;       /* tokens; 0: as many as the context has room for */
    enum sched_class class;
    int64_t deadline_us;     /* begin before, on the monotonic clock; 0: none */
    int64_t alive_us;        /* once it has begun, HOST_SAID_WORKING every so long, as long as steps are made; 0: never */
    uint64_t conversation;   /* of which this is a turn; 0: not known */
};

enum host_said { HOST_SAID_TEXT, HOST_SAID_REASONING, HOST_SAID_CALL, HOST_SAID_ARGUMENTS, HOST_SAID_CALL_END, HOST_SAID_TOKEN, HOST_SAID_VECTOR, HOST_SAID_WORKING, HOST_ENDED };
enum host_finish { HOST_STOP, HOST_LENGTH, HOST_CALLS, HOST_CANCELLED, HOST_LATE, HOST_FAILED, HOST_NO_ROOM /* the machine is short of memory; `text` has the numbers */ };

struct host_event {
    enum host_said said;
    struct str text;    /* text, reasoning, name of a tool, its arguments; a token's bytes; why it failed. During the callback only */
    uint32_t call;      /* which tool call, from 0 */
    bool broken;        /* CALL_END: the arguments are no whole JSON object */
    const struct sampler_choice *choice; /* TOKEN, when log probabilities were asked for */
    const float *vector;
    size_t vector_count;
    enum host_finish finish;
    struct sched_counts counts; /* ENDED */
};

struct host_sink {
    void (*event)(void *ctx, const struct host_event *event);
    void *ctx;
};

/* Takes `file`, also when it fails. `clock` outlives the host. */
int host_open(struct host **out, struct gguf *file, const struct host_options *opt, const struct clock *clock, struct err *e);
/* Every call under way has ended as cancelled when it returns, and later ones are refused. The host is still to be closed. */
void host_stop(struct host *h);
void host_close(struct host *h);
/* Texts of the request are not needed after the return. `note` (may be NULL): what was put differently than asked, to be announced.
 * ERR_CONTEXT: it does not fit into the context; the story has the numbers. ERR_INVALID, ERR_UNSUPPORTED, ERR_SYNTAX, ERR_LIMIT: the
 * request, in words for its author. ERR_BUSY: the queue is full. ERR_CLOSED: the host was stopped. ERR_NOMEM. */
int host_begin(struct host *h, const struct host_request *r, const struct host_sink *sink, struct buf *note, struct host_call **out, struct err *e);
void host_cancel(struct host_call *c);  /* it ends soon, as cancelled; fine when it has ended */
/* Nobody takes what the call says: it computes nothing until it goes on, and others may have its place. Any thread; fine when it has ended. */
void host_pause(struct host_call *c, bool pause);
size_t host_dropped(const struct host_call *c); /* tokens of the prompt that drop_oldest left out */
void host_release(struct host_call *c); /* once for each host_begin, when the caller needs the name no more; NULL is fine */

const struct engine *host_engine(const struct host *h);
const struct tokenizer *host_tokenizer(const struct host *h);
struct str host_note(const struct host *h); /* about its chat template; empty when all is as the file says */
size_t host_context(const struct host *h);
struct host_counts {
    size_t running, waiting, prefixes; /* calls; sequences kept after their calls */
    size_t pages, pages_max;           /* of the cache, in use and at most */
    uint64_t calls, failed;            /* that ended; of these failed or late */
    uint64_t prompt, cached, answer;   /* tokens of those */
    int64_t prefill_us, decode_us;     /* what their prompts and their answers took, each call by itself */
    int64_t busy_us;                   /* of computing, all together */
    uint64_t rests;                    /* times it gave back what it could */
    int64_t used_us;                   /* when it did something last, or was opened; on the monotonic clock */
};
struct host_counts host_counts(struct host *h); /* any thread; a moment ago */
