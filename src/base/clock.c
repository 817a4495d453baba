/* clock.c: the system's clocks, a fake one, chance, and the calendar; see clock.h. */
#include "base/clock.h"
#include "base/buf.h"
#include "base/err.h"
#include <assert.h>
#include <sys/random.h>
#include <time.h>

static int64_t system_wall_ms(const struct clock *c)
{
    (void)c;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_mono_us(const struct clock *c)
{
    (void)c;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t fake_wall(const struct clock *c)
{
    return c->fake_wall_ms;
}

static int64_t fake_mono(const struct clock *c)
{
    return c->fake_mono_us;
}

const struct clock *clock_system(void)
{
    static const struct clock system = {.wall_ms = system_wall_ms, .mono_us = system_mono_us};
    return &system;
}

struct clock clock_fake(int64_t wall_ms)
{
    return (struct clock){.wall_ms = fake_wall, .mono_us = fake_mono, .fake_wall_ms = wall_ms, .fake_mono_us = 1000000};
}

void clock_advance(struct clock *fake, int64_t ms)
{
    fake->fake_wall_ms += ms;
    fake->fake_mono_us += ms * 1000;
}

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    r->state[0] = splitmix(&seed);
    r->state[1] = splitmix(&seed);
}

void rng_seed_system(struct rng *r)
{
    uint64_t seed = (uint64_t)system_mono_us(NULL);
    (void)random_secret(&seed, sizeof seed); /* without the kernel's help the clock must do: not for secrets */
    rng_seed(r, seed);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t a = r->state[0], b = r->state[1], sum = a + b;
    b ^= a;
    r->state[0] = ((a << 24) | (a >> 40)) ^ b ^ (b << 16);
    r->state[1] = (b << 37) | (b >> 27);
    return sum;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    assert(n > 0);
    return (uint64_t)(((unsigned __int128)rng_next(r) * n) >> 64);
}

int random_secret(void *out, size_t bytes)
{
    assert(bytes <= 256); /* getrandom is whole up to here */
    return getrandom(out, bytes, 0) == (ssize_t)bytes ? 0 : ERR_IO;
}

/* Days since 1970-01-01 and back, for any year: the civil calendar counted from March, in eras of 400 years. */
static int64_t days_from_civil(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct civil civil_from_ms(int64_t wall_ms)
{
    int64_t seconds = floor_div(wall_ms, 1000), days = floor_div(seconds, 86400), left = seconds - days * 86400;
    int64_t z = days + 719468, era = floor_div(z, 146097), day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct civil c = {
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .month = (int)(month_from_march + (month_from_march < 10 ? 3 : -9)),
        .hour = (int)(left / 3600),
        .minute = (int)(left / 60 % 60),
        .second = (int)(left % 60),
        .weekday = (int)((days % 7 + 11) % 7), /* 1970-01-01 was a Thursday */
    };
    c.year = (int)(year_of_era + era * 400 + (c.month <= 2));
    return c;
}

struct civil civil_local(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm t = {0};
    if (!localtime_r(&seconds, &t))
        return civil_from_ms(wall_ms); /* a year beyond int: nobody lives there */
    return (struct civil){.year = t.tm_year + 1900, .month = t.tm_mon + 1, .day = t.tm_mday, .hour = t.tm_hour, .minute = t.tm_min,
                          .second = t.tm_sec, .weekday = t.tm_wday};
}

int64_t civil_to_ms(const struct civil *c)
{
    return (days_from_civil(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 + c->second) * 1000;
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool take_number(struct str *s, size_t digits, int *out)
{
    uint64_t n;
    if (s->len < digits || !str_to_u64(str_slice(*s, 0, digits), &n))
        return false;
    *out = (int)n;
    *s = str_skip(*s, digits);
    return true;
}

static bool take_text(struct str *s, const char *text)
{
    struct str t = str_from(text);
    if (!str_starts(*s, t))
        return false;
    *s = str_skip(*s, t.len);
    return true;
}

static bool take_month(struct str *s, int *out)
{
    for (int m = 0; m < 12; m++) {
        if (!str_starts(*s, str_of(months + m * 3, 3)))
            continue;
        *out = m + 1;
        *s = str_skip(*s, 3);
        return true;
    }
    return false;
}

static bool take_time(struct str *s, struct civil *c)
{
    return take_number(s, 2, &c->hour) && take_text(s, ":") && take_number(s, 2, &c->minute) && take_text(s, ":") &&
           take_number(s, 2, &c->second);
}

bool civil_parse_http(struct str s, int64_t *wall_ms)
{
    struct civil c = {0};
    ptrdiff_t comma = str_find_char(s, ',');
    bool ok;
    if (comma == 3) { /* Sun, 06 Nov 1994 08:49:37 GMT */
        s = str_skip(s, 4);
        ok = take_text(&s, " ") && take_number(&s, 2, &c.day) && take_text(&s, " ") && take_month(&s, &c.month) &&
             take_text(&s, " ") && take_number(&s, 4, &c.year) && take_text(&s, " ") && take_time(&s, &c) &&
             take_text(&s, " GMT");
    } else if (comma > 3) { /* Sunday, 06-Nov-94 08:49:37 GMT */
        s = str_skip(s, (size_t)comma + 1);
        ok = take_text(&s, " ") && take_number(&s, 2, &c.day) && take_text(&s, "-") && take_month(&s, &c.month) &&
             take_text(&s, "-") && take_number(&s, 2, &c.year) && take_text(&s, " ") && take_time(&s, &c) &&
             take_text(&s, " GMT");
        c.year += c.year < 70 ? 2000 : 1900;
    } else { /* Sun Nov  6 08:49:37 1994 */
        s = str_skip(s, 3);
        ok = take_text(&s, " ") && take_month(&s, &c.month) && take_text(&s, " ");
        ok = ok && (take_text(&s, " ") ? take_number(&s, 1, &c.day) : take_number(&s, 2, &c.day));
        ok = ok && take_text(&s, " ") && take_time(&s, &c) && take_text(&s, " ") && take_number(&s, 4, &c.year);
    }
    if (!ok || s.len || c.day < 1 || c.day > 31 || c.hour > 23 || c.minute > 59 || c.second > 60)
        return false;
    *wall_ms = civil_to_ms(&c);
    return true;
}

void civil_iso(int64_t wall_ms, char out[CIVIL_ISO_BYTES])
{
    struct civil c = civil_from_ms(wall_ms);
    assert(c.year >= 0 && c.year <= 9999);
    int64_t ms = ((wall_ms % 1000) + 1000) % 1000;
    text_format(out, CIVIL_ISO_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)c.year % 10000u,
                (unsigned)c.month % 100u, (unsigned)c.day % 100u, (unsigned)c.hour % 100u, (unsigned)c.minute % 100u,
                (unsigned)c.second % 100u, (unsigned)ms % 1000u);
}
