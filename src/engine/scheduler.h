/* scheduler.h: many calls on one model: which tokens of which call go into the next step.
 *
 * A step has room for so many tokens. Calls that are answering come first, with one token each; what is left of the room goes to
 * prompts, in the order of their classes and arrival, each in pieces: so a long prompt does not stop the answers of others, and the
 * first of four prompts need not wait for the fourth. While others are answering, the pieces are kept small enough for a step to stay
 * below step_us_max, going by what tokens have cost until now.
 * Interactive calls go before batch ones: where all places are taken, the newest batch call gives up its own and goes on later. A batch
 * call that arrived patience_us ago counts as interactive, so nobody waits for ever.
 * Pages are taken as texts grow. When none is left, kept prefixes go first, then calls that are paused, then the newest call of the lowest
 * class starts over later. Where that is not enough, since the pool was given a bound meanwhile, the first call waits starve_us_max for another one,
 * and ends.
 * A call is paused when nobody takes what it says. It computes nothing meanwhile, and gives up its place and its pages to whoever wants them.
 *
 * One thread, that of sched_step; hooks are called from inside of it alone. Time is passed in. */
#pragma once
#include "base/clock.h"
#include "engine/kv.h"

struct scheduler;
struct sched_call;
struct forward_row;

enum sched_class { SCHED_INTERACTIVE, SCHED_BATCH };
enum sched_end { SCHED_DONE, SCHED_LATE /* its deadline passed before it began */, SCHED_NO_ROOM /* no page came free for it alone */ };

/* What computes a step: forward_step, or a test's pretence. */
struct sched_machine {
    void (*step)(void *ctx, const struct forward_row *row, size_t rows, float *out);
    void *ctx;
    struct kv_pool *kv;
    bool causal;
    size_t result_floats; /* of one wanted row */
};

struct sched_options {
    struct sched_machine machine;
    const struct clock *clock;
    size_t rows_max;      /* of a step */
    size_t rows_usual;    /* whole texts are put together up to so many; 0: rows_max. More are taken for one long text alone */
    size_t calls_max;     /* that run at once */
    size_t queue_max;     /* that wait */
    size_t context_max;   /* tokens of one call, prompt and answer */
    size_t prefixes_max;  /* sequences kept after their calls */
    int64_t step_us_max, patience_us;
    int64_t starve_us_max; /* 0: it waits for ever */
};

struct sched_hooks {
    /* Logits for the next token of a call: returns it, or -1 when the answer is complete. */
    int32_t (*next)(void *call, const float *logits);
    /* States of a text's tokens (models that make embeddings): (rows, result_floats). The call ends with it. */
    void (*states)(void *call, const float *state, size_t rows);
    /* Nothing more comes of the call, which is freed after the return; not called for a cancelled one. */
    void (*ended)(void *call, enum sched_end how);
};

struct sched_call_options {
    const int32_t *prompt; /* copied */
    size_t prompt_count, answer_max; /* tokens */
    enum sched_class class;
    int64_t deadline_us; /* on the monotonic clock: begin before, or not at all; 0: none */
    uint64_t conversation; /* what is kept of its earlier turns goes when this one is kept; 0: not known */
    void *ctx;           /* for the hooks */
};

struct sched_counts { /* of a call, valid in hooks */
    size_t prompt, cached, answer; /* tokens; cached: of the prompt, not computed again */
    int64_t queued_us, prefill_us, decode_us; /* until it began; until its first token; since */
};

int sched_new(struct scheduler **out, const struct sched_options *opt, const struct sched_hooks *hooks, struct err *e);
void sched_free(struct scheduler *s); /* cancels what there is */
/* ERR_LIMIT: the queue is full. ERR_INVALID: prompt and answer do not fit into the context; the story has both numbers. */
int sched_add(struct scheduler *s, const struct sched_call_options *opt, struct sched_call **out, struct err *e);
/* No hook hears of the call any more; it is freed in the next step. Not for one that has ended. */
void sched_cancel(struct scheduler *s, struct sched_call *c);
void sched_pause(struct scheduler *s, struct sched_call *c, bool pause); /* pause false: it goes on. Not for one that has ended */
/* One step. False when there is nothing to do, or no memory to do it with. */
bool sched_step(struct scheduler *s);
void sched_counts(const struct sched_call *c, struct sched_counts *out);
bool sched_began(const struct sched_call *c);
size_t sched_waiting(const struct scheduler *s);
size_t sched_running(const struct scheduler *s);
size_t sched_prefixes(const struct scheduler *s); /* that are kept */
void sched_forget_prefixes(struct scheduler *s);
void sched_shed_prefixes(struct scheduler *s); /* as many as it takes for a page to be free, the oldest first */
