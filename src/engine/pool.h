/* pool.h: the threads that multiply. They run one function together, meet at barriers, and share out work by counters.
 *
 * A waiting thread spins for some 50 microseconds and then sleeps, so that two engines on two cores do not halve each other, and an
 * idle one costs nothing. What is computed never depends on how many threads there are or who took which piece.
 * The thread that calls pool_run is thread 0; one pool_run at a time. */
#pragma once
#include "base/err.h"
#include <stdatomic.h>

enum { POOL_THREADS_MAX = 64 };

struct pool;

/* threads: 1 to POOL_THREADS_MAX, the caller's included. */
int pool_new(struct pool **out, size_t threads, struct err *e);
void pool_free(struct pool *p);
size_t pool_threads(const struct pool *p);
/* fn(ctx, 0) here and fn(ctx, i) on every other thread; returns when all have returned. */
void pool_run(struct pool *p, void (*fn)(void *ctx, size_t thread), void *ctx);
/* Inside fn: returns when every thread of the pool has come here. */
void pool_barrier(struct pool *p);
unsigned pool_barriers(const struct pool *p); /* how many there were until now, the end of each pool_run among them */

/* Inside fn: the next of `count` pieces that nobody has taken yet; `count` or more when none is left. The counter starts at 0. */
static inline size_t pool_take(atomic_size_t *next)
{
    return atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
}
