/* mem.h: the only allocator. Every allocation of ours goes through here, so that a test can make the n-th one fail.
 *
 * All functions return NULL when memory is out; nothing here aborts. Safe from any thread. */
#pragma once
#include "base/ban.h"
#include <stddef.h>

void *mem_alloc(size_t bytes);
void *mem_zalloc(size_t bytes);
void *mem_zalloc_array(size_t count, size_t bytes); /* checks the product */
void *mem_zalloc_aligned(size_t alignment, size_t bytes); /* a power of two, at least 8 */
void *mem_realloc(void *old, size_t bytes);         /* on failure `old` stays as it was */
/* Room for more in an array that is full: twice *cap items, `first` where there are none yet. On failure both stay as they were. */
void *mem_grow(void *items, size_t *cap, size_t first, size_t item_bytes);
void *mem_dup(const void *from, size_t bytes);
char *mem_dup_text(const char *text); /* NUL-terminated copy */
void mem_free(void *p);               /* NULL is fine */
/* Zeros that take memory only where they are written, by pages: for large buffers of which little may be used. Aligned to a page. */
void *mem_map(size_t bytes);
void mem_map_empty(void *p, size_t bytes); /* zeros again, and their memory is given back */
void mem_unmap(void *p, size_t bytes);     /* NULL is fine */

#define new0(T) ((T *)mem_zalloc(sizeof(T)))
#define new0_array(T, count) ((T *)mem_zalloc_array((count), sizeof(T)))

/* Torture: on this thread, the allocation number `n` from now (1 = the next) fails, and the ones after it succeed
 * again; 0 switches it off. mem_visited() tells how many allocations this thread asked for since the last call of
 * mem_fail_at(). */
void mem_fail_at(long n);
long mem_visited(void);
