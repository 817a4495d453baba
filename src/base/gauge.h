/* gauge.h: what several threads use up together, with a ceiling: calls under way, bytes that are buffered.
 *
 * A NULL gauge has no ceiling and counts nothing. Nothing is ordered by it: it is a count and guards no memory. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gauge {
    char before[64]; /* nothing else on its cache line, wherever its owner was allocated */
    atomic_llong used;
    int64_t max; /* set before threads start */
    char after[64];
};

/* Beyond the ceiling if need be, for what is there already; negative gives back. */
static inline void gauge_add(struct gauge *g, int64_t n)
{
    if (g)
        atomic_fetch_add_explicit(&g->used, n, memory_order_relaxed);
}

static inline bool gauge_take(struct gauge *g, int64_t n) /* false: it does not fit, and nothing was taken */
{
    if (!g || atomic_fetch_add_explicit(&g->used, n, memory_order_relaxed) + n <= g->max)
        return true;
    gauge_add(g, -n);
    return false;
}

static inline bool gauge_fits(const struct gauge *g, int64_t n) /* as things stand */
{
    return !g || atomic_load_explicit(&g->used, memory_order_relaxed) + n <= g->max;
}
