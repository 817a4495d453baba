/* http_pool.c: memory of the server that comes and goes with each request; see http_server_priv.h. A few blocks of each
 * size are kept per loop, so that a request in the steady state costs no malloc and touches memory that is still in the
 * cache; what exceeds them goes back to the allocator, so that a burst leaves nothing behind. */
#include "base/mem.h"
#include "net/http_server_priv.h"

struct http_pool_block {
    struct http_pool_block *next;
};

static const uint16_t class_bytes[HTTP_POOL_CLASSES] = {256, 512, 768, 1024, 1536, 2048, 3072, 4096};

#if defined(__SANITIZE_ADDRESS__) || defined(HEARTH_ARENA_MALLOC)
enum { KEPT_MAX = 0 }; /* a late use of a block must be seen */
#else
enum { KEPT_MAX = 16 }; /* of each class: 208 KiB at most */
#endif

static int class_of(size_t bytes)
{
    int i = 0;
    while (i < HTTP_POOL_CLASSES && class_bytes[i] < bytes)
        i++;
    return i;
}

void *http_pool_get(struct http_pool *p, size_t bytes, size_t *size)
{
    int class = class_of(bytes);
    *size = class < HTTP_POOL_CLASSES ? class_bytes[class] : bytes;
    if (class == HTTP_POOL_CLASSES || !p->kept[class])
        return mem_alloc(*size);
    struct http_pool_block *b = p->kept[class];
    p->kept[class] = b->next;
    p->count[class]--;
    return b;
}

void http_pool_put(struct http_pool *p, void *block, size_t size)
{
    int class = class_of(size);
    if (class == HTTP_POOL_CLASSES || p->count[class] >= KEPT_MAX) {
        mem_free(block);
        return;
    }
    struct http_pool_block *b = block;
    b->next = p->kept[class];
    p->kept[class] = b;
    p->count[class]++;
}

void http_pool_fini(struct http_pool *p)
{
    for (int i = 0; i < HTTP_POOL_CLASSES; i++)
        while (p->kept[i]) {
            struct http_pool_block *b = p->kept[i];
            p->kept[i] = b->next;
            mem_free(b);
        }
}
