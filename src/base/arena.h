/* arena.h: memory that dies together. A call has one; nothing in it is freed piece by piece.
 *
 * An arena has a ceiling: reaching it, or running out of memory, makes arena_alloc return NULL, which the caller
 * handles as ERR_NOMEM. One thread at a time. Built with HEARTH_ARENA_MALLOC (sanitizer builds) each allocation is a
 * malloc of its own, so that an overrun is seen. */
#pragma once
#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* newest first; owned */
    size_t used;              /* bytes handed out, over all blocks */
    size_t max;               /* ceiling for `used` */
};

struct arena_mark {
    struct arena_block *block;
    size_t block_used, used;
};

#define ARENA_INIT(bytes_max) ((struct arena){.max = (bytes_max)})

void arena_fini(struct arena *a);               /* leaves it empty and usable */
void *arena_alloc(struct arena *a, size_t bytes); /* aligned to 16, not cleared */
void *arena_zalloc(struct arena *a, size_t bytes);
struct str arena_dup(struct arena *a, struct str s);       /* a NUL follows the copy; ptr NULL on failure */
char *arena_text(struct arena *a, struct str s);           /* the same as a C string */
char *arena_format(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct arena_mark arena_mark(const struct arena *a);
void arena_reset(struct arena *a, struct arena_mark m); /* frees what was allocated since */

#define arena_new(a, T) ((T *)arena_zalloc((a), sizeof(T)))
#define arena_new_array(a, T, count) ((T *)arena_zalloc_array((a), (count), sizeof(T)))
void *arena_zalloc_array(struct arena *a, size_t count, size_t bytes);
