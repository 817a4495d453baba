/* mem.c: malloc with a counter in front, so that tests can make the n-th allocation fail; see mem.h. */
#define HEARTH_BASE_IMPLEMENTATION
#include "base/mem.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local long visited, fail_at;

static bool must_fail(void)
{
    return ++visited == fail_at;
}

void mem_fail_at(long n)
{
    visited = 0;
    fail_at = n;
}

long mem_visited(void)
{
    return visited;
}

void *mem_alloc(size_t bytes)
{
    return must_fail() ? NULL : malloc(bytes ? bytes : 1);
}

void *mem_zalloc(size_t bytes)
{
    return must_fail() ? NULL : calloc(1, bytes ? bytes : 1);
}

void *mem_zalloc_array(size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    return mem_zalloc(total);
}

void *mem_zalloc_aligned(size_t alignment, size_t bytes)
{
    size_t whole;
    if (must_fail() || __builtin_add_overflow(bytes ? bytes : 1, alignment - 1, &whole))
        return NULL;
    whole -= whole % alignment;
    void *p = aligned_alloc(alignment, whole);
    return p ? memset(p, 0, whole) : NULL;
}

void *mem_realloc(void *old, size_t bytes)
{
    return must_fail() ? NULL : realloc(old, bytes ? bytes : 1);
}

void *mem_dup(const void *from, size_t bytes)
{
    void *copy = mem_alloc(bytes);
    if (copy && bytes)
        memcpy(copy, from, bytes);
    return copy;
}

char *mem_dup_text(const char *text)
{
    return mem_dup(text, strlen(text) + 1);
}

void mem_free(void *p)
{
    free(p);
}
