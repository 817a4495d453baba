/* str.h: text as a slice, borrowed from whoever owns the bytes.
 *
 * A `struct str` is a pointer and a length; it is not NUL-terminated and may hold any byte. Nothing here allocates.
 * Safe from any thread. */
#pragma once
#include "base/ban.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
#define STR_FMT(s) (int)(s).len, (s).ptr /* for "%.*s" */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define KiB ((size_t)1024)
#define MiB ((size_t)1024 * 1024)

static inline struct str str_from(const char *c)
{
    return (struct str){c, c ? strlen(c) : 0};
}

static inline struct str str_of(const void *ptr, size_t len)
{
    return (struct str){ptr, len};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* ASCII letters compare equal whatever their case; every other byte must match. */
bool str_eq_fold(struct str a, struct str b);
int str_compare(struct str a, struct str b); /* byte order, as memcmp, shorter first */
bool str_starts(struct str s, struct str prefix);
bool str_starts_fold(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Index of the first occurrence, or -1. */
ptrdiff_t str_find(struct str s, struct str what);
ptrdiff_t str_find_char(struct str s, char c);
bool str_contains_fold(struct str s, struct str what);
struct str str_slice(struct str s, size_t from, size_t to); /* clamped to the text */
struct str str_skip(struct str s, size_t n);                /* without its first n bytes */
struct str str_trim(struct str s);                          /* without spaces, tabs, CR, LF at both ends */
/* Takes the part of *rest before `sep` (and drops the separator); everything when there is none. False when *rest is
 * spent. An empty last part after a separator is not reported. */
bool str_cut(struct str *rest, char sep, struct str *part);
/* `*` in the pattern stands for any run of bytes, empty too; every other byte for itself. */
bool str_match_glob(struct str pattern, struct str text);

/* Whole-text decimal numbers; false (output untouched) on anything else, sign, blanks and overflow included. */
bool str_to_u64(struct str s, uint64_t *out);
bool str_to_i64(struct str s, int64_t *out);
/* "12", "0.27", ".5" times 10^scale, exactly: "0.27" at scale 9 gives 270000000. More than `scale` decimals are
 * refused unless they are zeros. */
bool str_to_scaled(struct str s, int scale, int64_t *out);
/* A duration such as "1h2m3.5s", "120ms", "30d"; a bare number is seconds. Result in microseconds. */
bool str_to_duration_us(struct str s, int64_t *out);

/* Length of the well-formed UTF-8 sequence s begins with, a NUL included; 0 if there is none. */
unsigned str_utf8_length(struct str s);
/* The character there, and its length; a byte that begins none is U+FFFD, one byte long. at < s.len. */
uint32_t str_utf8_at(struct str s, size_t at, size_t *len);
unsigned str_utf8_put(uint32_t code_point, char out[4]); /* its length */

uint64_t str_hash(struct str s); /* FNV-1a; for tables of our own making, not against an adversary */
