/* arena.c: a chain of blocks, newest first; see arena.h. The first block is small because most calls need little, and
 * ten thousand of them may be open at once. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include <assert.h>
#include <stdarg.h>

enum { ALIGN = 16, FIRST_BLOCK_BYTES = 1024 - 64, BLOCK_BYTES_MAX = 64 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t used, size;
    _Alignas(ALIGN) char bytes[];
};

void arena_fini(struct arena *a)
{
    arena_reset(a, (struct arena_mark){0});
}

static struct arena_block *block_add(struct arena *a, size_t need)
{
    size_t size = a->head ? a->head->size * 2 : FIRST_BLOCK_BYTES;
    if (size > BLOCK_BYTES_MAX)
        size = BLOCK_BYTES_MAX;
#ifdef HEARTH_ARENA_MALLOC
    size = need;
#endif
    if (size < need)
        size = need;
    struct arena_block *b = mem_alloc(sizeof *b + size);
    if (!b)
        return NULL;
    *b = (struct arena_block){.older = a->head, .size = size};
    return a->head = b;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    if (bytes > a->max || a->used + bytes > a->max)
        return NULL;
    size_t need = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct arena_block *b = a->head;
    if (!b || b->size - b->used < need)
        b = block_add(a, need ? need : ALIGN);
    if (!b)
        return NULL;
    void *p = b->bytes + b->used;
    b->used += need;
    if (b->used > b->size)
        b->used = b->size;
    a->used += bytes;
    return p;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    void *p = arena_alloc(a, bytes);
    if (p)
        memset(p, 0, bytes);
    return p;
}

void *arena_zalloc_array(struct arena *a, size_t count, size_t bytes)
{
    size_t total;
    if (__builtin_mul_overflow(count, bytes, &total))
        return NULL;
    return arena_zalloc(a, total);
}

struct str arena_dup(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (!copy)
        return STR_NONE;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return str_of(copy, s.len);
}

char *arena_text(struct arena *a, struct str s)
{
    return (char *)arena_dup(a, s).ptr;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    struct buf b = BUF_INIT(a->max);
    va_list args;
    va_start(args, format);
    char *text = buf_append_format_v(&b, format, args) == 0 ? arena_text(a, buf_str(&b)) : NULL;
    va_end(args);
    buf_fini(&b);
    return text;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->head, a->head ? a->head->used : 0, a->used};
}

void arena_reset(struct arena *a, struct arena_mark m)
{
    while (a->head != m.block) {
        assert(a->head); /* the mark must be of this arena */
        struct arena_block *older = a->head->older;
        mem_free(a->head);
        a->head = older;
    }
    if (a->head)
        a->head->used = m.block_used;
    a->used = m.used;
}
