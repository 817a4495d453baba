/* test.h: a thin harness. TEST bodies register themselves; EXPECT reports and goes on, REQUIRE leaves the test.
 *
 * Each tests/unit/test_*.c is one program (test_main.c gives it main). It prints one line per failed test and ends with
 * "N passed, N failed"; an argument runs only the tests whose name contains it. */
#pragma once
#include "base/mem.h"
#include "base/str.h"
#include "patience.h"
#include <stdio.h>

struct test {
    const char *name;
    void (*fn)(void);
    struct test *next;
};
void test_register(struct test *t);
void test_fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define TEST(id)                                                                        \
    static void test_##id(void);                                                        \
    static struct test test_entry_##id = {.name = #id, .fn = test_##id};                \
    __attribute__((constructor)) static void test_add_##id(void) { test_register(&test_entry_##id); } \
    static void test_##id(void)

#define EXPECT(cond)                                              \
    do {                                                          \
        if (!(cond))                                              \
            test_fail(__FILE__, __LINE__, "expected: %s", #cond); \
    } while (0)
#define REQUIRE(cond)                                             \
    do {                                                          \
        if (!(cond)) {                                            \
            test_fail(__FILE__, __LINE__, "required: %s", #cond); \
            return;                                               \
        }                                                         \
    } while (0)
#define EXPECT_I64(got, want)                                                                                 \
    do {                                                                                                      \
        long long got_ = (long long)(got), want_ = (long long)(want);                                         \
        if (got_ != want_)                                                                                    \
            test_fail(__FILE__, __LINE__, "%s: got %lld, expected %lld", #got, got_, want_);                  \
    } while (0)
#define EXPECT_STR(got, want)                                                                                 \
    do {                                                                                                      \
        struct str got_ = (got), want_ = str_from(want);                                                      \
        if (!str_eq(got_, want_))                                                                             \
            test_fail(__FILE__, __LINE__, "%s: got \"%.*s\", expected \"%s\"", #got, STR_FMT(got_), (want)); \
    } while (0)

/* Torture: runs fn(ctx) with the 1st, 2nd, … allocation failing until it survives a run without one failing. fn returns
 * 0 when it succeeded; when an allocation failed it must return non-zero or have coped, and must leak nothing (the
 * sanitizer run checks that). Returns the number of allocation points visited and prints it; 0 fails the test. */
long test_torture(const char *entry_point, int (*fn)(void *ctx), void *ctx);
