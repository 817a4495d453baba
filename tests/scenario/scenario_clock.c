/* scenario_clock.c: a wall clock of the scenario's own for the binary and its commands, by Debian's libfaketime. The
 * monotonic clock stays the machine's: on a real one it does not jump either. */
#include "scenario.h"
#include "base/clock.h"
#include <glob.h>
#include <stdio.h>

/* The library's place depends on the machine's architecture. */
static bool find_library(struct scenario *s, char **out)
{
    glob_t found = {0};
    *out = glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, NULL, &found) == 0
               ? arena_format(&s->arena, "%s", found.gl_pathv[0])
               : NULL;
    globfree(&found);
    return *out || scenario_fail(s, "libfaketime is not here: tools/install-deps test");
}

static bool set_up(struct scenario *s, const char *path)
{
    char *library;
    if (!find_library(s, &library))
        return false;
    s->has_clock = true;
    return buf_append_format(&s->env,
                             "LD_PRELOAD=%s\nFAKETIME_TIMESTAMP_FILE=%s\nFAKETIME_NO_CACHE=1\nDONT_FAKE_MONOTONIC=1\n"
                             "NO_FAKE_STAT=1\n",
                             library, path) == 0 ||
           scenario_fail(s, "out of memory");
}

/* 2026-01-31T23:59:50Z */
static bool read_time(struct str text, int64_t *wall_ms)
{
    struct civil c = {0};
    int *const part[] = {&c.year, &c.month, &c.day, &c.hour, &c.minute, &c.second};
    static const char ends[] = "--T::Z";
    for (size_t i = 0; i < COUNT_OF(part); i++) {
        struct str one;
        uint64_t n;
        if (!str_cut(&text, ends[i], &one) || !str_to_u64(one, &n))
            return false;
        *part[i] = (int)n;
    }
    *wall_ms = civil_to_ms(&c);
    return text.len == 0;
}

/* clock 2026-01-31T23:59:50Z: from now on it is then, and goes on from there. */
bool clock_verb(struct scenario *s, struct words *w)
{
    int64_t wall_ms;
    char *path = arena_format(&s->arena, "%s/clock", s->folder),
         *next = arena_format(&s->arena, "%s/clock.next", s->folder);
    if (!read_time(words_next(w), &wall_ms))
        return scenario_fail(s, "clock YYYY-MM-DDTHH:MM:SSZ");
    if (!path || !next)
        return scenario_fail(s, "out of memory");
    if (!s->has_clock && (s->pid || !set_up(s, path)))
        return s->pid ? scenario_fail(s, "the first `clock` comes before `start`") : false;
    int64_t ahead_ms = wall_ms - clock_wall_ms(clock_system());
    FILE *f = fopen(next, "w");
    if (!f)
        return scenario_fail(s, "cannot write %s", next);
    (void)fprintf(f, "%s%lld.%03lld\n", ahead_ms < 0 ? "-" : "+",
                  (long long)(ahead_ms < 0 ? -ahead_ms : ahead_ms) / 1000,
                  (long long)(ahead_ms < 0 ? -ahead_ms : ahead_ms) % 1000);
    bool ok = fclose(f) == 0;
    return (ok && rename(next, path) == 0) || scenario_fail(s, "cannot write %s", path); /* never half a line is read */
}
