/* breaker.c: keeps calls away from a target that fails, and lets one through now and then to see.
 *
 *            5 failures in 30 s, or told to wait             time is up
 *   closed ------------------------------------> open ---------------------> half-open
 *      ^                                           ^                          |     |
 *      |                                           | twice as long            |     |
 *      |                                           +---------- probe fails ---+     |
 *      +---------------------------------------------------- probe succeeds --------+
 *
 * A busy target that fails now and then is not a failing one: the five failures must also outweigh the successes that
 * lie between them. */
#include "mesh/mesh_priv.h"
#include <assert.h>

static void lock(struct breaker *b)
{
    while (atomic_flag_test_and_set_explicit(&b->lock, memory_order_acquire))
        ; /* pairs with the clear in unlock; held for a few instructions */
}

static void unlock(struct breaker *b)
{
    atomic_flag_clear_explicit(&b->lock, memory_order_release);
}

enum breaker_pass breaker_look(struct breaker *b, int64_t now_ms, int64_t *wait_ms)
{
    int64_t until = atomic_load_explicit(&b->open_until_ms, memory_order_relaxed);
    *wait_ms = 0;
    if (until == 0)
        return BREAKER_CLOSED;
    if (now_ms < until) {
        *wait_ms = until - now_ms;
        return BREAKER_OPEN;
    }
    if (!atomic_load_explicit(&b->probing, memory_order_relaxed))
        return BREAKER_PROBE;
    *wait_ms = BREAKER_FIRST_MS; /* the probe's outcome decides; nobody knows when */
    return BREAKER_OPEN;
}

enum breaker_pass breaker_enter(struct breaker *b, int64_t now_ms, int64_t *wait_ms)
{
    enum breaker_pass pass = breaker_look(b, now_ms, wait_ms);
    if (pass == BREAKER_PROBE && atomic_exchange(&b->probing, true)) {
        *wait_ms = BREAKER_FIRST_MS;
        return BREAKER_OPEN; /* another loop was faster */
    }
    return pass;
}

void breaker_success(struct breaker *b, bool probe)
{
    atomic_fetch_add_explicit(&b->successes, 1, memory_order_relaxed);
    if (!probe)
        return;
    lock(b);
    b->level = 0;
    b->fail_index = 0;
    memset(b->fail_ms, 0, sizeof b->fail_ms);
    atomic_store(&b->open_until_ms, 0);
    atomic_store(&b->probing, false);
    unlock(b);
}

void breaker_release(struct breaker *b, bool probe)
{
    if (probe)
        atomic_store(&b->probing, false);
}

/* Notes a failure; true when it is the fifth within the window and they outweigh the successes between. */
static bool too_many(struct breaker *b, int64_t now_ms)
{
    unsigned successes = atomic_load_explicit(&b->successes, memory_order_relaxed);
    b->fail_ms[b->fail_index] = now_ms;
    b->fail_successes[b->fail_index] = successes;
    b->fail_index = (b->fail_index + 1) % BREAKER_FAILURES;
    int64_t oldest = b->fail_ms[b->fail_index]; /* the next to be overwritten: five failures ago */
    return oldest != 0 && now_ms - oldest <= BREAKER_WINDOW_MS &&
           successes - b->fail_successes[b->fail_index] <= BREAKER_FAILURES;
}

static int64_t jitter(int64_t ms, struct rng *rng) /* ± 20 %, so that a crowd does not come back as one */
{
    return ms - ms / 5 + (int64_t)rng_below(rng, (uint64_t)(ms / 5 * 2 + 1));
}

int64_t breaker_failure(struct breaker *b, enum reason_cool cool, bool probe, int64_t at_least_ms, int64_t now_ms,
                        struct rng *rng)
{
    if (cool == COOL_NONE) {
        breaker_release(b, probe);
        return 0;
    }
    lock(b);
    bool open = too_many(b, now_ms) || probe || cool != COOL_COUNT;
    int64_t for_ms = 0, before = atomic_load(&b->open_until_ms);
    bool open_already = before > now_ms && !probe; /* calls that were under way when it opened: one failure, told many times */
    if (open && open_already) {
        int64_t at_least = cool == COOL_LONG ? BREAKER_LONG_MS : cool == COOL_NOW ? at_least_ms : 0;
        if (now_ms + at_least > before) {
            atomic_store(&b->open_until_ms, now_ms + at_least);
            for_ms = at_least;
        }
    } else if (open) {
        for_ms = BREAKER_FIRST_MS;
        for (int i = 0; i < b->level && for_ms < BREAKER_MAX_MS; i++)
            for_ms *= 2;
        if (for_ms > BREAKER_MAX_MS)
            for_ms = BREAKER_MAX_MS;
        if (cool == COOL_LONG)
            for_ms = BREAKER_LONG_MS;
        for_ms = jitter(for_ms, rng);
        if (at_least_ms > for_ms)
            for_ms = at_least_ms;
        if (b->level < 16)
            b->level++;
        atomic_store(&b->open_until_ms, now_ms + for_ms);
        memset(b->fail_ms, 0, sizeof b->fail_ms);
    }
    if (probe)
        atomic_store(&b->probing, false);
    unlock(b);
    return for_ms;
}
