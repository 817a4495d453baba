/* id.h: 128-bit identifiers that sort by time: 48 bits of UTC milliseconds, 80 bits of chance; 26 characters of
 * Crockford base32 as text (the ULID layout). Two ids of one generator in the same millisecond still sort. */
#pragma once
#include "base/clock.h"

#define ID_TEXT_BYTES 27 /* with the NUL */

struct id {
    uint8_t byte[16];
};

struct id_source { /* one per thread */
    struct rng rng;
    struct id last;
};

void id_source_init(struct id_source *s, struct rng seed);
struct id id_next(struct id_source *s, int64_t wall_ms);
void id_to_text(const struct id *id, char out[ID_TEXT_BYTES]);
bool id_from_text(struct str text, struct id *out); /* lower case, and I L O as 1 1 0, are accepted */
static inline bool id_eq(const struct id *a, const struct id *b)
{
    return memcmp(a->byte, b->byte, sizeof a->byte) == 0;
}
