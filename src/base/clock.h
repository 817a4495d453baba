/* clock.h: time and chance, passed in, so that tests own both.
 *
 * wall_ms is UTC milliseconds since 1970 (it may jump); mono_us is microseconds on a clock that only goes forward. */
#pragma once
#include "base/str.h"

struct clock {
    int64_t (*wall_ms)(const struct clock *);
    int64_t (*mono_us)(const struct clock *);
    int64_t fake_wall_ms, fake_mono_us; /* used by the fake clock only */
};

const struct clock *clock_system(void); /* thread-safe */
struct clock clock_fake(int64_t wall_ms);
void clock_advance(struct clock *fake, int64_t ms);

static inline int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c);
}
static inline int64_t clock_mono_us(const struct clock *c)
{
    return c->mono_us(c);
}

struct rng {
    uint64_t state[2];
};
void rng_seed(struct rng *r, uint64_t seed);
void rng_seed_system(struct rng *r);          /* from the kernel */
uint64_t rng_next(struct rng *r);             /* xoroshiro128+; not for secrets */
uint64_t rng_below(struct rng *r, uint64_t n); /* 0 .. n-1, n > 0 */
int random_secret(void *out, size_t bytes);   /* from the kernel, for keys; 0 or ERR_IO */

struct civil { /* proleptic Gregorian, UTC */
    int year, month, day, hour, minute, second, weekday; /* month and day from 1; weekday 0 = Sunday */
};
struct civil civil_from_ms(int64_t wall_ms);
int64_t civil_to_ms(const struct civil *c); /* weekday is not read */
/* The calendar where this process is ($TZ, else the system's zone). */
struct civil civil_local(int64_t wall_ms);
/* An HTTP date, all three forms of RFC 9110; false when it is none. */
bool civil_parse_http(struct str s, int64_t *wall_ms);
/* "2026-11-21T13:02:35.123Z" */
#define CIVIL_ISO_BYTES 25
void civil_iso(int64_t wall_ms, char out[CIVIL_ISO_BYTES]);
