/* engine_face_priv.h: what the engine's face, its reader of requests and its writer of answers share. (engine_*.c) */
#pragma once
#include "base/id.h"
#include "engine/host.h"
#include "gateway/engine_face.h"
#include "net/http_server.h"
#include "net/loop.h"

enum { ENGINE_MODELS_MAX = 32, ENGINE_TEXTS_MAX = 256 /* of one request for embeddings */, ENGINE_STOPS_MAX = 16, ENGINE_ANSWER_BYTES_MAX = 64 << 20 };

/* A request as its body says, on the loop; texts live in `arena`. */
struct engine_ask {
    struct arena arena;
    struct str model;
    struct host_request host;
    struct str text[ENGINE_TEXTS_MAX]; /* embeddings: each is a call of the host */
    size_t text_count;
    struct str stop[ENGINE_STOPS_MAX];
    struct sampler_bias *bias;
    bool stream, include_usage, base64;
};
/* ERR_INVALID, ERR_UNSUPPORTED with the member's name in the story; ERR_SYNTAX; ERR_NOMEM. `now_us`: on the monotonic clock. */
int engine_ask_read(struct engine_ask *a, enum host_kind kind, struct str body, int64_t now_us, struct err *e);
void engine_ask_fini(struct engine_ask *a);

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
/* {"error":{"message":…}} in OpenAI's form. */
int engine_say_error(struct buf *out, const char *type, const char *code, struct str message);
