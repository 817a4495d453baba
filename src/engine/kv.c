/* kv.c: pages of keys and values: taken, shared, copied when a shared one is to be written, given back. */
#include "engine/kv.h"
#include "base/mem.h"
#include <assert.h>
#include <sys/mman.h>

struct kv_pool {
    struct kv_shape shape;
    size_t page_bytes, head_bytes; /* head_bytes: the keys, or the values, of one head */
    size_t pages_max, free_count, bound; /* bound: that may be in use */
    uint8_t *memory;   /* pages_max pages, reserved */
    uint32_t *refs;    /* per page; 0 = free */
    uint32_t *free;    /* stack of the numbers of free pages */
};

size_t kv_page_bytes(const struct kv_shape *s)
{
    size_t bytes = s->layers * s->heads * 2 * kv_head_bytes(s->type, s->head_dim);
    return (bytes + 4095) / 4096 * 4096;
}

int kv_pool_new(struct kv_pool **out, const struct kv_shape *shape, size_t pages_max, struct err *e)
{
    struct kv_pool *p = new0(struct kv_pool);
    if (!p)
        return err_set(e, ERR_NOMEM, "KV cache");
    p->shape = *shape;
    p->page_bytes = kv_page_bytes(shape);
    p->head_bytes = kv_head_bytes(shape->type, shape->head_dim);
    p->pages_max = p->free_count = p->bound = pages_max;
    p->refs = new0_array(uint32_t, pages_max);
    p->free = new0_array(uint32_t, pages_max);
    p->memory = mmap(NULL, pages_max * p->page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p->memory == MAP_FAILED)
        p->memory = NULL;
    if (!p->refs || !p->free || !p->memory) {
        kv_pool_free(p);
        return err_set(e, ERR_NOMEM, "no address space for a KV cache of %zu pages of %zu bytes", pages_max, kv_page_bytes(shape));
    }
    for (size_t i = 0; i < pages_max; i++)
        p->free[i] = (uint32_t)(pages_max - 1 - i); /* low numbers first */
    *out = p;
    return 0;
}

void kv_pool_free(struct kv_pool *p)
{
    if (!p)
        return;
    if (p->memory) {
        assert(p->free_count == p->pages_max); /* nobody holds a page any more */
        (void)munmap(p->memory, p->pages_max * p->page_bytes);
    }
    mem_free(p->refs);
    mem_free(p->free);
    mem_free(p);
}

static const char *const type_names[KV_TYPE_END] = {[KV_F16] = "f16", [KV_F32] = "f32", [KV_Q8_0] = "q8_0"};

const char *kv_type_name(enum kv_type type)
{
    return type_names[type];
}

enum kv_type kv_type_named(const char *name)
{
    enum kv_type type = 0;
    while (type < KV_TYPE_END && strcmp(type_names[type], name) != 0)
        type++;
    return type;
}

enum kv_type kv_type(const struct kv_pool *p)
{
    return p->shape.type;
}

size_t kv_pages_free(const struct kv_pool *p)
{
    size_t used = kv_pages_used(p), below = p->bound > used ? p->bound - used : 0;
    return below < p->free_count ? below : p->free_count;
}

size_t kv_pages_used(const struct kv_pool *p)
{
    return p->pages_max - p->free_count;
}

void kv_pages_bound(struct kv_pool *p, size_t pages)
{
    p->bound = pages;
}

size_t kv_pages_max(const struct kv_pool *p)
{
    return p->pages_max;
}

static uint8_t *page_memory(const struct kv_pool *p, uint32_t page)
{
    return p->memory + (size_t)page * p->page_bytes;
}

static uint32_t page_take(struct kv_pool *p)
{
    assert(p->free_count > 0);
    uint32_t page = p->free[--p->free_count];
    assert(p->refs[page] == 0);
    p->refs[page] = 1;
    return page;
}

static void page_ref(struct kv_pool *p, uint32_t page)
{
    assert(p->refs[page] > 0);
    p->refs[page]++;
}

static void page_unref(struct kv_pool *p, uint32_t page)
{
    assert(p->refs[page] > 0);
    if (--p->refs[page])
        return;
    (void)madvise(page_memory(p, page), p->page_bytes, MADV_DONTNEED); /* comes back as zeros */
    p->free[p->free_count++] = page;
}

static int list_grow(struct kv_sequence *s, size_t count, struct err *e)
{
    if (count <= s->page_max)
        return 0;
    size_t max = s->page_max ? s->page_max : 8;
    while (max < count)
        max *= 2;
    uint32_t *page = mem_realloc(s->page, max * sizeof *page);
    if (!page)
        return err_set(e, ERR_NOMEM, "list of KV pages");
    s->page = page;
    s->page_max = max;
    return 0;
}

/* The page that holds the token after `length`, if it is there already and shared, is copied. */
static void own_last_page(struct kv_pool *p, struct kv_sequence *s)
{
    uint32_t *last = &s->page[s->length / KV_PAGE_TOKENS], copy = page_take(p);
    memcpy(page_memory(p, copy), page_memory(p, *last), p->page_bytes);
    page_unref(p, *last);
    *last = copy;
}

int kv_reserve(struct kv_pool *p, struct kv_sequence *s, size_t tokens, struct err *e)
{
    size_t want = (s->length + tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS, more = want > s->page_count ? want - s->page_count : 0;
    size_t at = s->length / KV_PAGE_TOKENS;
    bool copy = at < s->page_count && p->refs[s->page[at]] > 1;
    if (more + copy > kv_pages_free(p))
        return err_set(e, ERR_LIMIT, "the KV cache is full: %zu pages wanted, %zu of %zu are free", more + copy, kv_pages_free(p), p->pages_max);
    int rc = list_grow(s, want, e);
    if (rc < 0)
        return rc;
    if (copy)
        own_last_page(p, s);
    while (s->page_count < want)
        s->page[s->page_count++] = page_take(p);
    return 0;
}

int kv_share(struct kv_pool *p, const struct kv_sequence *from, size_t tokens, struct kv_sequence *to, struct err *e)
{
    assert(to->page_count == 0 && tokens <= from->length);
    size_t count = (tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
    int rc = list_grow(to, count, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++) {
        page_ref(p, from->page[i]);
        to->page[i] = from->page[i];
    }
    to->page_count = count;
    to->length = tokens;
    return 0;
}

void kv_truncate(struct kv_pool *p, struct kv_sequence *s, size_t tokens)
{
    size_t keep = (tokens + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
    while (s->page_count > keep)
        page_unref(p, s->page[--s->page_count]);
    if (s->length > tokens)
        s->length = tokens;
}

void kv_clear(struct kv_pool *p, struct kv_sequence *s)
{
    kv_truncate(p, s, 0);
    mem_free(s->page);
    *s = (struct kv_sequence){0};
}

void *kv_keys(const struct kv_pool *p, const struct kv_sequence *s, size_t index, size_t layer, size_t head)
{
    assert(index < s->page_count);
    return page_memory(p, s->page[index]) + (layer * p->shape.heads + head) * 2 * p->head_bytes;
}

void *kv_values(const struct kv_pool *p, const struct kv_sequence *s, size_t index, size_t layer, size_t head)
{
    return (uint8_t *)kv_keys(p, s, index, layer, head) + p->head_bytes;
}
