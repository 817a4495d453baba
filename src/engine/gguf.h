/* gguf.h: a model file in the GGUF container (versions 2 and 3), read where it lies.
 *
 * The file is mapped read-only and never copied; what this module hands out points into the mapping and lives as long as the
 * `struct gguf`. A file is hostile input: every count, offset and size is checked once, when it is opened, and trusted after.
 * After that it is immutable and safe from any thread. Format: the GGUF reference, sections 1 and 9 (split files).
 * Errors: ERR_NOT_FOUND, ERR_IO (cannot be read), ERR_SYNTAX (not such a file, or broken: where, and what is missing),
 * ERR_UNSUPPORTED (another version, endianness or tensor type, by name), ERR_INVALID (not the first part, or not all parts),
 * ERR_LIMIT, ERR_NOMEM. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "engine/quant.h"

enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64
};

struct gguf;

struct gguf_tensor {
    struct str name;
    uint32_t type;    /* enum quant_type, or a type that quant_info() knows by name only */
    uint32_t dims;    /* 1 to 4 */
    uint64_t ne[4];   /* ne[0] is contiguous; the missing ones are 1 */
    const void *data; /* in the mapping, whole: `bytes` of it are there */
    uint64_t bytes;
};

struct gguf_array {
    enum gguf_type type; /* of its elements; never GGUF_ARRAY */
    uint64_t count;
    const uint8_t *data; /* raw elements back to back, unaligned */
    const uint64_t
        *start; /* strings only: offset in `data` of each element's text; its length stands in the 8 bytes before */
};

/* `path` is the file, or the first of a split model (PREFIX-00001-of-00005.gguf); the other parts are found beside it. */
int gguf_open(struct gguf **out, const char *path, struct err *e);
/* The same from descriptors that somebody else opened, in the order of the parts; they may be closed afterwards. `path`: as they were opened
 * by, for messages alone; NULL: not known. */
int gguf_open_fds(struct gguf **out, const char *path, const int *fd, size_t count, struct err *e);
/* How many parts a file of this name is the first of, by its name alone: 1 unless it ends in -00001-of-NNNNN.gguf. */
size_t gguf_parts_named(const char *path);
int gguf_part_name(struct buf *out, const char *path, size_t index, size_t count); /* of such a file: the name of part `index`, from 0 */

/* Texts in a file may be anything: what a message shows of one is short and printable. */
struct gguf_shown {
    char text[84];
};
struct gguf_shown gguf_shown(struct str s);
/* From memory that outlives it, aligned to 8 bytes at least (tests, fuzzing). */
int gguf_open_memory(struct gguf **out, struct str bytes, struct err *e);
void gguf_close(struct gguf *g);
/* Its mapped pages are not ours for now: the system may have their memory, and they are read again when they are touched. */
void gguf_rest(const struct gguf *g);

uint64_t gguf_bytes(const struct gguf *g);        /* of all parts, as mapped */
uint64_t gguf_tensor_bytes(const struct gguf *g); /* of the weights alone */
size_t gguf_tensor_count(const struct gguf *g);
const struct gguf_tensor *gguf_tensor_at(const struct gguf *g, size_t index);       /* in file order */
const struct gguf_tensor *gguf_tensor_find(const struct gguf *g, const char *name); /* NULL if there is none */
/* A file may hold tensors of types that we know by name only: whoever needs one asks, and gets ERR_UNSUPPORTED with that name. */
int gguf_tensor_readable(const struct gguf_tensor *t, struct err *e);

/* Every key of the file, in its order; the index of one by name, or the count when there is none. */
size_t gguf_key_count(const struct gguf *g);
struct str gguf_key_at(const struct gguf *g, size_t index);
size_t gguf_key_index(const struct gguf *g, const char *key);

/* Values by key: false (output untouched) when the key is absent or of another kind. An integer key may have any integer width, as
 * files in the wild do; a float may be given as an integer. */
bool gguf_get_u64(const struct gguf *g, const char *key, uint64_t *out); /* a negative number is no match */
bool gguf_get_i64(const struct gguf *g, const char *key, int64_t *out);
bool gguf_get_f64(const struct gguf *g, const char *key, double *out);
bool gguf_get_bool(const struct gguf *g, const char *key, bool *out);
bool gguf_get_text(const struct gguf *g, const char *key, struct str *out);
bool gguf_get_array(const struct gguf *g, const char *key, struct gguf_array *out);
/* Elements, index < count (asserted). Numbers of any width convert; a string element asked as a number is 0. */
struct str gguf_array_text(const struct gguf_array *a, uint64_t index);
int64_t gguf_array_i64(const struct gguf_array *a, uint64_t index);
double gguf_array_f64(const struct gguf_array *a, uint64_t index);
