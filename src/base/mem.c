/* mem.c: malloc with a counter in front, so that tests can make the n-th allocation fail; see mem.h. */
#define HEARTH_BASE_IMPLEMENTATION
#include "base/mem.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

void *mem_grow(void *items, size_t *cap, size_t first, size_t item_bytes)
{
    size_t more = first, bytes;
    if ((*cap && __builtin_mul_overflow(*cap, 2, &more)) || __builtin_mul_overflow(more, item_bytes, &bytes))
        return NULL;
    void *grown = mem_realloc(items, bytes);
    *cap = grown ? more : *cap;
    return grown;
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

/* A build that watches memory sees into its own allocator alone. */
#if defined(__SANITIZE_ADDRESS__)
#define MAP_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAP_WATCHED 1
#endif
#endif

enum { PAGE = 4096 };

void *mem_map(size_t bytes)
{
#ifdef MAP_WATCHED
    return mem_zalloc_aligned(PAGE, bytes);
#else
    (void)PAGE;
    if (must_fail())
        return NULL;
    void *p = mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
#endif
}

void mem_map_empty(void *p, size_t bytes)
{
#ifdef MAP_WATCHED
    memset(p, 0, bytes);
#else
    (void)madvise(p, bytes, MADV_DONTNEED); /* private and anonymous: it cannot fail, and reads as zeros afterwards */
#endif
}

void mem_unmap(void *p, size_t bytes)
{
#ifdef MAP_WATCHED
    (void)bytes;
    mem_free(p);
#else
    if (p)
        (void)munmap(p, bytes ? bytes : 1);
#endif
}
