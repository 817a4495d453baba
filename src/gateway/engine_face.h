/* engine_face.h: the HTTP face of `hearth engine`: OpenAI's dialect over the models that this process holds.
 *
 * POST /v1/chat/completions, /v1/completions and /v1/embeddings, GET /v1/models (with figures of each model), /metrics and /healthz.
 * One more member, `hearth`, goes both ways: in a request class ("interactive", "batch"), deadline_ms (begin within), overflow ("error",
 * "drop_oldest") and conversation (any name, the same in each of its turns); in an answer, or in the last chunk of a stream that says
 * something, queue_ms, prefill_ms, decode_ms, cached_tokens, dropped_tokens, and note where
 * something was put differently than asked. What an overflow left out is also the header x-hearth-dropped. A client that hangs up
 * cancels its call. There is no key and no ledger here: the daemon in front has both, and the socket is its own. GET /fence tries the
 * walls of this process from inside and tells what came of it.
 * One loop; it owns neither the loop nor the models, which outlive it. */
#pragma once
#include "base/err.h"

struct confinement;
struct engine_face;
struct host;
struct loop;

int engine_face_open(struct engine_face **out, struct loop *l, struct err *e);
/* Calls under way are cancelled. To be closed before the models it answers for; the loop must turn until engine_face_busy is 0. */
void engine_face_close(struct engine_face *f);
size_t engine_face_busy(const struct engine_face *f); /* calls that have not ended on the host's side */
int engine_face_listen(struct engine_face *f, int fd); /* the descriptor stays the caller's */
void engine_face_walls(struct engine_face *f, const struct confinement *c); /* what GET /fence goes by; it outlives the face */
/* `name` is copied. ERR_EXISTS, ERR_LIMIT (32 models), ERR_NOMEM. */
int engine_face_add(struct engine_face *f, struct str name, struct host *h, struct err *e);
/* New calls find the model no more. When the last one under way has ended, from inside this call or later, `gone` is told, and nothing of
 * the host is used any more. `name` is one that was added. */
void engine_face_remove(struct engine_face *f, struct str name, void (*gone)(struct host *h, void *ctx), void *ctx);
