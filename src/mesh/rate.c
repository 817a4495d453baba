/* rate.c: how many calls, and how many tokens, an upstream takes in a minute.
 *
 * An attempt is counted before it leaves: as one call, and with the tokens it is likely to have (those of the request, and
 * an answer as long as this job's usually are). When it is over its tokens become the true ones. What passes the estimate
 * counts when it is known, so calls that follow wait for it; the calls of any 60 s never pass the limit, and their tokens
 * pass it by no more than the answers under way are longer than expected. */
#include "mesh/mesh_priv.h"
#include "net/loop.h"

/* What a client asks for, and what an upstream says it used, may be any number. */
static int64_t at_most(int64_t tokens)
{
    return tokens < INT32_MAX ? tokens : INT32_MAX;
}

enum reason rate_take(struct attempt *a, const struct target *t, int64_t *wait_ms)
{
    const struct upstream *u = t->up;
    const struct mesh_call *c = a->call;
    int64_t now_ms = loop_now_ms(c->ml->loop), tokens = c->facts.tokens_estimated, wait;
    if (!u->rpm && !u->tpm)
        return REASON_DONE;
    if (u->tpm && tokens * 3 / 4 > u->tpm) { /* the estimate may be a quarter too high */
        *wait_ms = -1;
        return REASON_OVER_TPM;
    }
    tokens = at_most(tokens) + at_most(cost_output_expected(c));
    if (u->tpm && tokens > u->tpm)
        tokens = u->tpm; /* it has the minute for itself */
    if ((wait = minute_take(&u->state->calls, 1, u->rpm ? u->rpm : INT64_MAX, now_ms))) {
        *wait_ms = wait;
        return REASON_RPM;
    }
    if ((wait = minute_take(&u->state->tokens, tokens, u->tpm ? u->tpm : INT64_MAX, now_ms))) {
        minute_settle(&u->state->calls, 1, 0, now_ms, now_ms);
        *wait_ms = wait;
        return REASON_TPM;
    }
    a->rated = true;
    a->rated_ms = now_ms;
    a->rated_tokens = tokens;
    return REASON_DONE;
}

static void settle(struct attempt *a, const struct upstream *u, int64_t calls, int64_t tokens)
{
    int64_t now_ms = loop_now_ms(a->call->ml->loop);
    if (!a->rated)
        return;
    minute_settle(&u->state->calls, 1, calls, a->rated_ms, now_ms);
    minute_settle(&u->state->tokens, a->rated_tokens, tokens, a->rated_ms, now_ms);
    a->rated = false;
}

void rate_give_back(struct attempt *a, const struct upstream *u)
{
    settle(a, u, 0, 0);
}

/* No byte of the request can have been read there. */
static bool never_reached(const struct attempt *a, enum reason r)
{
    switch (r) {
    case REASON_RESOLVE:
    case REASON_CONNECT:
    case REASON_CONNECT_TIMEOUT:
    case REASON_TLS:
    case REASON_FENCED:
    case REASON_STALE:
        return true;
    default:
        return !a->sent;
    }
}

/* What never reached it counts for nothing. A refusal has used a call; the tokens are those that the books have. */
void rate_settle(struct attempt *a, enum reason r)
{
    settle(a, a->target->up, !never_reached(a, r), at_most(a->usage.input) + at_most(a->usage.output));
}

enum reason rate_look(const struct upstream *u, int64_t now_ms)
{
    if (u->rpm && minute_wait(&u->state->calls, u->rpm, now_ms))
        return REASON_RPM;
    return u->tpm && minute_wait(&u->state->tokens, u->tpm, now_ms) ? REASON_TPM : REASON_DONE;
}
