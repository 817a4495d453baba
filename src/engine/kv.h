/* kv.h: the memory of what was read: keys and values of every layer, in pages of KV_PAGE_TOKENS tokens.
 *
 * A page holds its tokens' keys and values of all layers and key heads. Pages are counted references: a page that several
 * sequences share (the same beginning) is read by all and written by none; a sequence writes only in pages it alone holds.
 * Address space is reserved once for all pages; the kernel gives a page its memory when it is first written, and takes it back
 * when the page is freed. One thread changes a pool and its sequences; the threads of a step only read and write page contents.
 *
 *   page: layer 0: head 0: keys (head_dim, 64) | values (64, head_dim) | head 1: … | layer 1: …
 *
 * With KV_Q8_0, keys and values each have their scales behind them (kernels.h). */
#pragma once
#include "base/err.h"
#include "engine/kernels/kernels.h"

struct kv_shape {
    enum kv_type type;
    size_t layers, heads, head_dim;
};

struct kv_pool;

struct kv_sequence {
    uint32_t *page; /* owned */
    size_t page_count, page_max;
    size_t length; /* tokens that have their keys and values */
};

/* "f16", "f32", "q8_0"; KV_TYPE_END for another. */
const char *kv_type_name(enum kv_type type);
enum kv_type kv_type_named(const char *name);

int kv_pool_new(struct kv_pool **out, const struct kv_shape *shape, size_t pages_max, struct err *e);
void kv_pool_free(struct kv_pool *p); /* every sequence was cleared before */
size_t kv_page_bytes(const struct kv_shape *shape);
enum kv_type kv_type(const struct kv_pool *p);
size_t kv_pages_free(const struct kv_pool *p);
size_t kv_pages_max(const struct kv_pool *p);
size_t kv_pages_used(const struct kv_pool *p);
/* No page is taken while so many are in use, whatever the pool would hold; pages that are in use already stay. At first there is no bound. */
void kv_pages_bound(struct kv_pool *p, size_t pages);

/* Room for `tokens` more after `length`: pages are taken, and a shared last page is copied first. ERR_LIMIT when too few are free
 * (nothing was taken), ERR_NOMEM. */
int kv_reserve(struct kv_pool *p, struct kv_sequence *s, size_t tokens, struct err *e);
/* Makes *to (empty) a second reader of the first `tokens` of *from. The last page is shared too, until somebody writes. */
int kv_share(struct kv_pool *p, const struct kv_sequence *from, size_t tokens, struct kv_sequence *to, struct err *e);
void kv_truncate(struct kv_pool *p, struct kv_sequence *s, size_t tokens); /* drops what comes after */
void kv_clear(struct kv_pool *p, struct kv_sequence *s);                   /* gives all back; usable again */

/* Keys and values of one layer and head in the sequence's page `index`. */
void *kv_keys(const struct kv_pool *p, const struct kv_sequence *s, size_t index, size_t layer, size_t head);
void *kv_values(const struct kv_pool *p, const struct kv_sequence *s, size_t index, size_t layer, size_t head);
