/* test_main.c: main of every unit test program; see test.h. */
#include "test.h"
#include <stdarg.h>
#include <stdlib.h>

static struct test *all, **tail = &all;
static const char *current;
static int failures_in_current;

void test_register(struct test *t)
{
    *tail = t;
    tail = &t->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("FAIL %s (%s:%d): ", current, file, line);
    vprintf(format, args);
    printf("\n");
    va_end(args);
    failures_in_current++;
}

long test_torture(const char *entry_point, int (*fn)(void *ctx), void *ctx)
{
    enum { POINTS_MAX = 100000 }; /* a guard against an entry point that never stops allocating */
    long n = 1;
    for (; n < POINTS_MAX; n++) {
        mem_fail_at(n);
        int rc = fn(ctx);
        long visited = mem_visited();
        mem_fail_at(0);
        if (visited < n) { /* nothing failed this time: all points were visited */
            if (rc != 0)
                test_fail(__FILE__, __LINE__, "%s failed with all its memory (%d)", entry_point, rc);
            break;
        }
    }
    printf("torture %s: %ld allocation points\n", entry_point, n - 1);
    if (n == 1)
        test_fail(__FILE__, __LINE__, "torture of %s visited no allocation point", entry_point);
    return n - 1;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    int passed = 0, failed = 0;
    for (struct test *t = all; t; t = t->next) {
        if (argc > 1 && !strstr(t->name, argv[1]))
            continue;
        current = t->name;
        failures_in_current = 0;
        t->fn();
        if (failures_in_current)
            failed++;
        else
            passed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed == 0 ? 1 : 0;
}
