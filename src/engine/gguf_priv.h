/* gguf_priv.h: what an opened model file is made of, for the files of its reader.
 *
 *   gguf.c        open and close: mapping, the parts of a split model
 *   gguf_head.c   the first bytes: is it such a file, of a version we read?
 *   gguf_read.c   keys and values, tensor infos
 *   gguf_place.c  where tensors lie: inside the file, aligned, none over another
 *   gguf_find.c   lookups */
#pragma once
#include "engine/gguf.h"

/* A file can make us hold what its own bytes pay for, and no more than this. */
enum {
    GGUF_KEYS_MAX = 1 << 16,    /* files in the wild have about a hundred */
    GGUF_TENSORS_MAX = 1 << 17, /* old files of experts have one tensor per expert: some 25,000 */
    GGUF_PARTS_MAX = 1024,
    GGUF_KEY_BYTES_MAX = 65535, /* the format's own bound */
    GGUF_NAME_BYTES_MAX = 63,   /* of a tensor; the reference reader's bound */
    GGUF_TEXT_BYTES_MAX = 1 << 30,
    GGUF_ARRAY_MAX = 1 << 30,
    GGUF_ALIGNMENT = 32, /* where general.alignment is absent */
    GGUF_ALIGNMENT_MIN = 8,
};

struct gguf_value {
    struct str key;
    enum gguf_type type;
    const uint8_t *at;       /* the raw scalar, unaligned; NULL for text and arrays */
    struct str text;         /* GGUF_STRING */
    struct gguf_array array; /* GGUF_ARRAY; its `start` is owned */
};

struct gguf_values {
    struct gguf_value *list; /* owned; in file order */
    uint32_t *by_name;       /* owned; indices of `list`, sorted by key */
    size_t count;
};

struct gguf_part {
    const uint8_t *base;
    size_t size;
    bool mapped;
    char *name;       /* owned; for messages */
    uint64_t data_at; /* where tensor data starts */
    size_t tensor_first, tensor_count;
};

struct gguf {
    struct gguf_part *parts; /* owned */
    size_t part_count;
    struct gguf_values values;   /* of the first part */
    struct gguf_tensor *tensors; /* owned; of all parts, in order */
    uint32_t *by_name;           /* owned; sorted by name */
    size_t tensor_count;
};

/* Reads one part and appends its tensors; its keys and values go to `out`, which the caller owns either way. */
int gguf_part_read(struct gguf *g, struct gguf_part *p, struct gguf_values *out, struct err *e);
void gguf_values_fini(struct gguf_values *v);

/* The twenty-four bytes at the start; the counts are plausible for the bytes that are there. */
int gguf_head_read(const struct gguf_part *p, uint64_t *tensor_count, uint64_t *value_count, struct err *e);
enum { GGUF_HEAD_BYTES = 24 };

/* Offsets (still in `data`, as the file gives them) become pointers. */
struct gguf_offset {
    uint64_t from_data; /* as in the file */
    size_t tensor;      /* index in the part */
};
int gguf_part_place(struct gguf *g, struct gguf_part *p, struct gguf_offset *offsets, uint64_t alignment,
                    struct err *e);

/* gguf_find.c: sorted indices. The name that occurs twice, or NULL, once sorted. */
int gguf_index_values(struct gguf_values *v, struct str *twice);
int gguf_index_tensors(struct gguf *g, struct str *twice);
const struct gguf_value *gguf_value_find(const struct gguf_values *v, const char *key);
bool gguf_value_i64(const struct gguf_value *v, int64_t *out); /* any integer that fits; v may be NULL */

static inline uint32_t gguf_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t gguf_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
