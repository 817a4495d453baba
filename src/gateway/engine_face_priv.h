/* engine_face_priv.h: what the engine's face, its reader of requests and its writer of answers share. (engine_*.c) */
#pragma once
#include "base/id.h"
#include "engine/host.h"
#include "gateway/clerk.h"
#include "gateway/engine_face.h"
#include "net/http_server.h"
#include "net/loop.h"

enum { ENGINE_MODELS_MAX = 32, ENGINE_TEXTS_MAX = 2048 /* of one request for embeddings, as OpenAI takes */, ENGINE_STOPS_MAX = 16, ENGINE_ANSWER_BYTES_MAX = 64 << 20,
       ENGINE_PARTS_AT_ONCE = 64 /* texts of one request that a host has; the others wait with the call */ };

/* A request as its body says, on the loop; texts live in `arena`. */
struct engine_ask {
    struct arena arena;
    struct str model;
    struct host_request host;
    struct str *text; /* (text_count): embeddings: each is a call of the host */
    size_t text_count;
    struct str stop[ENGINE_STOPS_MAX];
    struct sampler_bias *bias;
    bool stream, include_usage, base64;
    bool strict; /* some tool's arguments are to fit its schema, and no call is demanded */
};
/* ERR_INVALID, ERR_UNSUPPORTED with the member's name in the story; ERR_SYNTAX; ERR_NOMEM. `now_us`: on the monotonic clock. */
int engine_ask_read(struct engine_ask *a, enum host_kind kind, struct str body, int64_t now_us, struct err *e);
void engine_ask_fini(struct engine_ask *a);
/* engine_unserved.c: ERR_UNSUPPORTED with the name of a member that asks for what the engine does not have. */
int engine_unserved_check(const struct json_node *o, enum host_kind kind, struct err *e);
/* engine_think.c: whether and how much to think, into a->host.kwargs. */
int engine_think_read(struct engine_ask *a, const struct json_node *o, struct err *e);

/* An answer while it grows: what a stream sends piece by piece, or what is sent whole at the end. */
struct engine_say {
    enum host_kind kind;
    char id[40];
    struct str model; /* owned by the call */
    int64_t created_s;
    bool stream, include_usage, begun, base64;
    struct buf content, reasoning, calls, tokens; /* calls: the elements of tool_calls; tokens: log probabilities not told yet */
    size_t call_count;
    struct buf *vector; /* (vector_max): the elements of data, as they come; owned */
    size_t vector_max, dropped; /* dropped: tokens of the prompt that were left out */
    struct buf note; /* what was put differently than asked */
    size_t said_characters; /* of tokens, for where each began */
};
int engine_say_init(struct engine_say *s, size_t vectors);
void engine_say_fini(struct engine_say *s);
/* One event into the answer (a vector's `call` is the number of its text); for a stream also the chunk to send now, appended to `out` (nothing when there is none). */
int engine_say_event(struct engine_say *s, const struct host_event *ev, struct buf *out);
/* A token's log probability, said before the text it ends up in; top: the texts of its alternatives. */
int engine_say_token(struct engine_say *s, const struct host_event *ev, const struct str *top);
/* The end: a stream's last chunks, or the whole answer. */
int engine_say_end(struct engine_say *s, enum host_finish finish, const struct sched_counts *counts, struct buf *out);
/* engine_tell.c: GET /v1/models and GET /metrics. At most ENGINE_MODELS_MAX; `now_us` on the monotonic clock. */
struct engine_told {
    struct str name;
    struct host *host;
};
int engine_tell_models(struct buf *out, const struct engine_told *m, size_t count, int64_t now_us);
int engine_tell_metrics(struct buf *out, const struct engine_told *m, size_t count, int64_t now_us);
/* {"error":{"message":…}} in OpenAI's form. */
int engine_say_error(struct buf *out, const char *type, const char *code, struct str message);

/* --- what the face (engine_face.c), its calls (engine_call.c) and their making ready (engine_ready.c) share; all of it the loop's, where nothing
 *     else is said ------------------------------------------------------------------------------------------------------------------- */

struct face_model {
    struct str name; /* owned */
    struct host *host;
    size_t calls; /* under way */
    void (*gone)(struct host *h, void *ctx); /* set: removed, and freed with its last call */
    void *gone_ctx;
};

struct engine_face {
    struct loop *loop;
    struct http_server *server;
    struct clerk *quick, *large;
    struct face_model *model[ENGINE_MODELS_MAX]; /* owned */
    size_t model_count;
    size_t busy;
    uint64_t serial; /* of answers, in their ids */
    const struct confinement *walls; /* NULL: none */
};

struct face_part { /* one call of the host: a whole answer, or one of several texts */
    struct face_call *call;
    struct host_call *host; /* NULL: not begun */
};

struct face_call {
    struct engine_face *face;
    struct http_exchange *x; /* NULL: the client has left, or was answered */
    struct face_model *model; /* one of its `calls`; NULL: there is none of its name */
    enum host_kind kind;
    int64_t received_us;

    struct clerk_job job;
    bool preparing; /* what follows, to `begun`, is the clerk's */
    bool read;      /* the request is in `ask` */
    int rc;         /* what came of it, with its story */
    struct err error;
    struct buf body;
    struct engine_ask ask;
    struct face_part *part; /* (part_count), owned */
    size_t part_count, begun;

    size_t ended;
    struct message *early, **early_end; /* from the hosts while it is prepared */
    bool full; /* its client does not take what there is: the host is asked to wait */
    int64_t working_us; /* when its client was told last that it is worked on */
    struct engine_say say;
    struct sched_counts counts; /* of all its parts */
};

void engine_model_look(struct face_model *m); /* gone, when it is removed and has no call */
struct face_model *engine_model_find(const struct engine_face *f, struct str name);

void engine_call_begin(struct engine_face *f, struct http_exchange *x, enum host_kind kind);
/* Has a clerk read the request, or begin the next of its texts. False: the call is freed. */
bool engine_call_prepare(struct face_call *c);
void engine_call_take_early(struct face_call *c); /* what its hosts said while it was prepared */
void engine_call_on_host(void *ctx, const struct host_event *ev); /* a host's sink, on its thread */
void engine_call_leave(struct face_call *c);                      /* its hosts end it soon; once it is prepared */
void engine_call_free(struct face_call *c);
struct http_exchange *engine_call_done(struct face_call *c); /* from here on nobody is there to be told anything */
void engine_call_break_off(struct face_call *c, const struct err *e, const char *code); /* the client is told that it gets no more */
void engine_reply_json(struct http_exchange *x, int status, struct str body);
void engine_reply_error(struct http_exchange *x, int status, const char *code, struct str message);
void engine_reply_busy(struct http_exchange *x, const char *code, struct str message);
