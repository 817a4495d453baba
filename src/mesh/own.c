/* own.c: the built-in engine as an upstream: what it is told beside a request, and what it says beside its answer.
 *
 * It speaks OpenAI's dialect and one member more, `hearth` (docs/internals/serving.md). Whose upstream the engine is the config says
 * (`dialect: engine`): Hearth has started that process itself, so nobody else ever reads the member. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include <assert.h>

static bool is_own(const struct target *t)
{
    return t->up->config->engine;
}

/* Asked, it would say that the path is not there, which could be taken for its model's absence. */
bool own_cannot(const struct mesh_call *c, const struct target *t)
{
    return is_own(t) && (c->facts.op == WIRE_RERANK || c->facts.form);
}

static bool wants_drop(const struct mesh_call *c)
{
    enum wire_overflow said = c->facts.hearth.overflow; /* the client's word counts more than its job's */
    return said == OVERFLOW_UNSET ? c->route.job && c->route.job->drop_oldest : said == OVERFLOW_DROP_OLDEST;
}

bool own_drops(const struct mesh_call *c, const struct target *t)
{
    return is_own(t) && wants_drop(c) && !wire_op_embeds(c->facts.op) && c->facts.op != WIRE_COMPLETIONS;
}

/* A begin that comes later than anybody waits for is of no use; what begins in the last moment of that time has no content in it either, so
 * the engine gives up a little earlier and can still say why. 0 or less: it is too late already. */
static int64_t deadline_ms(const struct attempt *a)
{
    const struct mesh_call *c = a->call;
    int64_t first_byte_ms = a->target->up->first_byte_ms, patience_ms = first_byte_ms - first_byte_ms / 20, waited_ms = (loop_now_us(c->ml->loop) - c->begin_us) / 1000;
    int64_t left_ms = c->facts.hearth.deadline_ms ? c->facts.hearth.deadline_ms - waited_ms : patience_ms;
    return left_ms < patience_ms ? left_ms : patience_ms;
}

/* Four signs of work in the time after which silence is a failure. */
static int64_t alive_ms(const struct attempt *a)
{
    enum { OFTEN_ENOUGH_MS = 15000 };
    int64_t ms = a->target->up->first_byte_ms / 4;
    return ms < 1 ? 1 : ms < OFTEN_ENOUGH_MS ? ms : OFTEN_ENOUGH_MS;
}

static int member_write(const struct attempt *a, int64_t begin_within_ms, struct buf *out)
{
    const struct mesh_call *c = a->call;
    uint64_t talk = affinity_name(c);
    int rc = buf_append_format(out, "{\"hearth\":{\"class\":\"%s\",\"deadline_ms\":%lld,\"alive_ms\":%lld", call_is_batch(c) ? "batch" : "interactive",
                               (long long)begin_within_ms, (long long)alive_ms(a));
    if (rc == 0 && talk)
        rc = buf_append_format(out, ",\"conversation\":\"%016llx\"", (unsigned long long)talk);
    if (rc == 0 && own_drops(c, a->target))
        rc = buf_append_text(out, ",\"overflow\":\"drop_oldest\"");
    return rc ? rc : buf_append_text(out, "},");
}

enum reason own_tell(struct attempt *a, struct str *words)
{
    if (!is_own(a->target) || a->call->facts.form)
        return REASON_DONE;
    int64_t within_ms = deadline_ms(a);
    if (within_ms <= 0) {
        *words = STR("the call's deadline passed before it could be sent");
        return REASON_DEADLINE;
    }
    AUTO_BUF struct buf text = BUF_INIT(1 * KiB);
    ptrdiff_t brace = str_find_char(a->piece[0], '{'); /* an object with members: the request was read, or made */
    struct str member = member_write(a, within_ms, &text) == 0 ? arena_dup(&a->call->arena, buf_str(&text)) : STR_NONE;
    if (!member.ptr)
        return REASON_NO_MEMORY;
    assert(brace >= 0 && (size_t)a->piece_count < COUNT_OF(a->piece));
    memmove(a->piece + 1, a->piece, (size_t)a->piece_count++ * sizeof *a->piece);
    a->piece[0] = member;
    a->piece[1] = str_skip(a->piece[1], (size_t)brace + 1);
    return REASON_DONE;
}

/* Computing has no bound: a long prompt on a slow machine takes minutes, and so does a long answer that comes whole. Of the engine it is the
 * silence that counts. Anybody else's interim responses mean nothing for certain. */
void own_interim(struct http_fetch *f, void *ctx)
{
    (void)f;
    struct attempt *a = ctx;
    a->working_us = loop_now_us(a->call->ml->loop);
}

void own_header(struct attempt *a, struct str name, struct str value)
{
    uint64_t tokens;
    if (is_own(a->target) && str_eq(name, STR("x-hearth-dropped")) && str_to_u64(value, &tokens) && tokens <= INT64_MAX)
        a->dropped = (int64_t)tokens;
}

/* A full line, or a place that came too late, is no failure of the engine: it works, and rests for neither. A model that it could not load
 * comes back when the config is read again: until then asking costs nothing, and then the next call has to find it. */
enum reason own_refused(const struct attempt *a, enum reason r, const struct wire_failure *f)
{
    if (!is_own(a->target))
        return r;
    struct str code = str_from(f->code);
    return str_eq(code, STR("queue_full")) ? REASON_QUEUE_FULL
           : str_eq(code, STR("deadline")) ? REASON_DEADLINE
           : r == REASON_MODEL             ? REASON_LEFT_OUT
                                           : r;
}

/* All calls under way fail when the process ends: that is one failure, which many tell. Counted one by one they would make the engine
 * rest, and turn away the calls that can wait on its socket for the next process; that one does not come before the time is over. */
bool own_end_is_told(const struct attempt *a, enum reason r)
{
    enum { ONE_END_MS = 200 };
    int64_t now_ms = loop_now_ms(a->call->ml->loop);
    if (!is_own(a->target) || (r != REASON_RESET && r != REASON_TRUNCATED))
        return false;
    long long before = atomic_load_explicit(&a->target->state->ended_ms, memory_order_relaxed);
    bool told = before && now_ms - before < ONE_END_MS;
    return told || !atomic_compare_exchange_strong(&a->target->state->ended_ms, &before, now_ms); /* else another loop has, just now */
}

/* Others say 200 and nothing when something is wrong with them. The engine says nothing when the model does: its first token ends the
 * answer, or begins a stop string of the caller's. */
bool own_says_nothing(const struct attempt *a, enum finish how)
{
    return is_own(a->target) && how == FINISH_STOP;
}

/* The head is out, so the header that tells what was left out comes too late. A comment can tell it, where the dialect has comments. */
int own_comment(const struct attempt *a, struct buf *out)
{
    bool lines = call_codec(a->call)->framing == FRAMING_LINES;
    return a->dropped && !lines ? buf_append_format(out, ": x-hearth-dropped: %lld\n\n", (long long)a->dropped) : 0;
}

bool own_needs_head(const struct mesh_call *c)
{
    return c->at->target && own_drops(c, c->at->target) && call_codec(c)->framing == FRAMING_LINES;
}
