/* test_base.c: slices, growing text, arenas, time and ids. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "base/mem.h"
#include "test.h"
#include <sys/mman.h>

TEST(a_full_array_grows_or_stays)
{
    size_t cap = 0;
    int *item = mem_grow(NULL, &cap, 3, sizeof *item);
    REQUIRE(item && cap == 3);
    item[2] = 7;
    mem_fail_at(1);
    EXPECT(!mem_grow(item, &cap, 3, sizeof *item) && cap == 3);
    item = mem_grow(item, &cap, 3, sizeof *item);
    REQUIRE(item && cap == 6);
    EXPECT_I64(item[2], 7);
    mem_free(item);
    cap = SIZE_MAX / 2 + 1;
    EXPECT(!mem_grow(NULL, &cap, 3, 1) && cap == SIZE_MAX / 2 + 1);
    cap = SIZE_MAX / 4;
    EXPECT(!mem_grow(NULL, &cap, 3, 8) && cap == SIZE_MAX / 4);
}

TEST(globs_match_runs_and_nothing_else)
{
    static const struct { const char *pattern, *text; bool match; } cases[] = {
        {"claude-*", "claude-opus", true}, {"claude-*", "claude-", true}, {"claude-*", "claude", false}, {"*", "", true},
        {"a*b*c", "aXbYc", true}, {"a*b*c", "aXbY", false}, {"*b", "abab", true}, {"a**", "a", true}, {"", "", true}, {"", "a", false},
        {"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (str_match_glob(str_from(cases[i].pattern), str_from(cases[i].text)) != cases[i].match)
            test_fail(__FILE__, __LINE__, "%s on %s", cases[i].pattern, cases[i].text);
}

TEST(numbers_are_read_whole_or_not_at_all)
{
    uint64_t u = 7;
    int64_t n = 7;
    EXPECT(str_to_u64(STR("18446744073709551615"), &u) && u == UINT64_MAX);
    EXPECT(!str_to_u64(STR("18446744073709551616"), &u) && !str_to_u64(STR(""), &u) && !str_to_u64(STR("1 "), &u) && !str_to_u64(STR("-1"), &u));
    EXPECT(str_to_i64(STR("-5"), &n) && n == -5);
    EXPECT(str_to_scaled(STR("0.27"), 9, &n) && n == 270000000);
    EXPECT(str_to_scaled(STR("1"), 9, &n) && n == 1000000000);
    EXPECT(str_to_scaled(STR("0.1000000000"), 9, &n) && n == 100000000);
    EXPECT(!str_to_scaled(STR("0.0000000001"), 9, &n) && !str_to_scaled(STR("1."), 9, &n) && !str_to_scaled(STR("."), 9, &n) &&
           !str_to_scaled(STR("99999999999"), 9, &n) && !str_to_scaled(STR("1e3"), 9, &n));
}

TEST(durations_are_read_in_every_unit)
{
    static const struct { const char *text; int64_t us; } good[] = {
        {"5s", 5000000}, {"120ms", 120000}, {"1h2m3.5s", 3723500000}, {"30d", 2592000000000}, {"2", 2000000}, {"0.25", 250000}, {"7us", 7}, {"1500ns", 1},
    };
    int64_t us;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        EXPECT(str_to_duration_us(str_from(good[i].text), &us));
        EXPECT_I64(us, good[i].us);
    }
    static const char *const bad[] = {"", "s", "5x", "5 s", "-5s", "5s3", "1m-2s", "99999999999999d"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (str_to_duration_us(str_from(bad[i]), &us))
            test_fail(__FILE__, __LINE__, "took \"%s\"", bad[i]);
}

TEST(a_buf_never_passes_its_ceiling_and_loses_nothing_when_it_would)
{
    AUTO_BUF struct buf b = BUF_INIT(8);
    EXPECT_I64(buf_append(&b, STR("12345")), 0);
    EXPECT_I64(buf_append(&b, STR("6789")), ERR_LIMIT);
    EXPECT_STR(buf_str(&b), "12345");
    EXPECT_I64(buf_append(&b, STR("678")), 0);
    EXPECT(buf_text(&b) && strlen(b.ptr) == 8);
    buf_consume(&b, 5);
    EXPECT_STR(buf_str(&b), "678");
}

TEST(scaled_numbers_are_written_without_spare_digits)
{
    static const struct { int64_t n; int scale; const char *text; } cases[] = {
        {1500, 3, "1.5"}, {0, 9, "0"}, {1, 9, "0.000000001"}, {-2500000000, 9, "-2.5"}, {7, 0, "7"}, {1000000000, 9, "1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        AUTO_BUF struct buf b = BUF_INIT(64);
        EXPECT_I64(buf_append_scaled(&b, cases[i].n, cases[i].scale), 0);
        EXPECT_STR(buf_str(&b), cases[i].text);
    }
}

TEST(an_arena_gives_back_what_came_after_a_mark)
{
    struct arena a = ARENA_INIT(100000);
    char *first = arena_text(&a, STR("first"));
    struct arena_mark m = arena_mark(&a);
    for (int i = 0; i < 50; i++)
        REQUIRE(arena_alloc(&a, 1000));
    EXPECT(arena_alloc(&a, 100000) == NULL);
    arena_reset(&a, m);
    EXPECT_STR(str_from(first), "first");
    EXPECT_I64(a.used, 6);
    arena_fini(&a);
}

TEST(the_calendar_agrees_with_itself_for_four_hundred_years)
{
    for (int64_t day = -100000; day < 100000; day += 13) {
        struct civil c = civil_from_ms(day * 86400000 + 45296000);
        if (civil_to_ms(&c) != day * 86400000 + 45296000) {
            test_fail(__FILE__, __LINE__, "day %lld", (long long)day);
            break;
        }
    }
    struct civil c = civil_from_ms(1795266155123); /* 2026-11-21, a Saturday */
    EXPECT(c.year == 2026 && c.month == 11 && c.day == 21 && c.weekday == 6);
    char iso[CIVIL_ISO_BYTES];
    civil_iso(1795266155123, iso);
    EXPECT_STR(str_from(iso), "2026-11-21T13:02:35.123Z");
}

TEST(http_dates_are_read_in_all_three_forms)
{
    static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
    int64_t ms;
    for (size_t i = 0; i < COUNT_OF(same); i++) {
        EXPECT(civil_parse_http(str_from(same[i]), &ms));
        EXPECT_I64(ms, 784111777000);
    }
    EXPECT(!civil_parse_http(STR("tomorrow"), &ms) && !civil_parse_http(STR(""), &ms) && !civil_parse_http(STR("Sun, 99 Nov 1994 08:49:37 GMT"), &ms));
}

TEST(ids_sort_by_time_and_survive_their_text)
{
    struct id_source s;
    struct rng seed;
    rng_seed(&seed, 42);
    id_source_init(&s, seed);
    struct id before = id_next(&s, 1795266155123);
    for (int i = 0; i < 1000; i++) { /* the clock stands still, then jumps back: order is kept all the same */
        struct id id = id_next(&s, 1795266155123 - (i > 500 ? 1000 : 0)), back;
        char text[ID_TEXT_BYTES];
        id_to_text(&id, text);
        REQUIRE(memcmp(before.byte, id.byte, 16) < 0);
        REQUIRE(id_from_text(str_from(text), &back) && id_eq(&id, &back));
        before = id;
    }
    struct id bad;
    EXPECT(!id_from_text(STR("8ZZZZZZZZZZZZZZZZZZZZZZZZZ"), &bad) && !id_from_text(STR("short"), &bad) &&
           !id_from_text(STR("0000000000000000000000000U"), &bad));
}

TEST(a_story_too_long_says_so)
{
    struct err e;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    EXPECT_I64(err_set(&e, ERR_INVALID, "%s", text), ERR_INVALID);
    EXPECT(str_ends(str_from(e.text), STR("...")));
}

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1 /* there it is ordinary memory, so that a step beyond its end is seen */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED 1
#endif
#endif
#ifndef WATCHED
#define WATCHED 0
#endif

static size_t pages_there(void *p, size_t bytes)
{
    unsigned char there[64] = {0};
    size_t count = 0;
    EXPECT(bytes / 4096 <= sizeof there && mincore(p, bytes, there) == 0);
    for (size_t i = 0; i < bytes / 4096; i++)
        count += there[i] & 1;
    return count;
}

TEST(mapped_memory_is_taken_where_it_is_written_and_given_back)
{
    enum { BYTES = 64 * 4096 };
    char *p = mem_map(BYTES);
    REQUIRE(p);
    EXPECT(WATCHED || pages_there(p, BYTES) == 0);
    p[5000] = p[BYTES - 1] = 'x';
    EXPECT(WATCHED || pages_there(p, BYTES) == 2);
    mem_map_empty(p, BYTES);
    EXPECT(p[5000] == 0 && p[BYTES - 1] == 0 && p[0] == 0);
    mem_unmap(p, BYTES);
    mem_unmap(NULL, BYTES);
}
