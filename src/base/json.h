/* json.h: one validating scanner, and on it a splice, a tree and a writer.
 *
 * The scanner pulls: the caller walks the containers it cares about and skips the rest; walked or skipped, every byte
 * is checked once against RFC 8259 and for well-formed UTF-8, nesting is limited to JSON_DEPTH_MAX, and duplicate keys
 * are the caller's business (json_key_is compares unescaped). The first error sticks: all later calls return false
 * and json_finish reports it with its byte offset. Nothing here allocates except the tree (into an arena) and the
 * writer (into a buf). One thread per object. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 256 /* deeper than any schema a client sends; bounds the tree's recursion */

enum json_type { JSON_BAD, JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_scan {
    const char *start, *pos, *end;
    uint32_t depth;
    uint32_t first;                   /* nothing read yet in the innermost container (no comma due) */
    uint8_t kind[JSON_DEPTH_MAX / 8]; /* per level: 1 = object */
    const char *problem;              /* static text of the first error, NULL while all is well */
    const char *problem_pos;
};

void json_scan_init(struct json_scan *s, struct str text);
/* The type of the value that starts here (blanks skipped), nothing consumed; JSON_BAD on error. */
enum json_type json_peek(struct json_scan *s);
/* Steps into the object or array that starts here. False if it is neither (nothing consumed, no error). */
bool json_enter(struct json_scan *s);
/* In an object: moves to the value of the next member and lends its key, raw, without the quotes. False after the last
 * (the object is then consumed) or on error. The value must then be skipped, read or entered. */
bool json_member(struct json_scan *s, struct str *key_raw);
/* In an array: moves to the next element. False after the last (the array is then consumed) or on error. */
bool json_element(struct json_scan *s);
/* Consumes one value of any type; *raw (may be NULL) is its text, quotes and brackets included. */
bool json_skip(struct json_scan *s, struct str *raw);
/* Consumes a string; *raw is what stands between the quotes, still escaped. False (an error) on another type. */
bool json_string(struct json_scan *s, struct str *raw);
/* To be called at the end of the top-level value: only blanks may follow. 0, or ERR_SYNTAX and the story with the byte
 * offset in it. */
int json_finish(struct json_scan *s, struct err *e);
static inline size_t json_offset(const struct json_scan *s)
{
    return (size_t)(s->pos - s->start);
}
/* The whole text is one valid JSON value. */
int json_check(struct str text, struct err *e);

/* Raw string text (between the quotes, already scanned) against plain text, escapes resolved on the fly. */
bool json_key_is(struct str raw, struct str plain);
/* Appends the unescaped text. Lone surrogates become U+FFFD. 0, ERR_NOMEM, ERR_LIMIT. */
int json_unescape(struct str raw, struct buf *out);
/* Unescaped into the arena; without escapes it is `raw` itself. ptr is NULL when memory is out. */
struct str json_unescape_arena(struct str raw, struct arena *a);
/* An integral JSON number (also 1e3, 2.0) that fits. */
bool json_to_i64(struct str raw, int64_t *out);
bool json_to_double(struct str raw, double *out);

/* --- splice: a text with some of its parts replaced, as pieces, without a copy ------------------------------------ */

#define JSON_EDITS_MAX 16 /* model, stream_options, and a handful of defaults */

struct json_edit {
    size_t offset, len; /* what goes, in the original text */
    struct str with;    /* what comes; borrowed */
};
struct json_splice {
    struct json_edit edit[JSON_EDITS_MAX];
    size_t count;
};
/* Edits may be added in any order; they must not overlap (asserted). Two insertions (len 0) at the same offset keep the
 * order in which they were added. False when JSON_EDITS_MAX is reached. */
bool json_splice_add(struct json_splice *s, size_t offset, size_t len, struct str with);
/* Fills `piece` (room for 2 * JSON_EDITS_MAX + 1) and returns how many; empty pieces are left out. */
size_t json_splice_pieces(const struct json_splice *s, struct str text, struct str *piece);

/* --- tree: for translation and cold paths ---------------------------------------------------------------------- */

struct json_node {
    enum json_type type;
    struct str key;          /* unescaped; members of objects only */
    struct str text;         /* JSON_STRING: unescaped; else the raw text of the whole value */
    struct json_node *child; /* first member or element */
    struct json_node *next;
    uint32_t count; /* of children */
};
/* Strings without escapes point into `text`, which must outlive the tree. Duplicate keys are ERR_SYNTAX. */
int json_parse(struct arena *a, struct str text, struct json_node **out, struct err *e);
const struct json_node *json_get(const struct json_node *object, const char *key); /* NULL if absent or no object */
struct str json_get_text(const struct json_node *object, const char *key); /* of a string member, else STR_NONE */
bool json_get_i64(const struct json_node *object, const char *key, int64_t *out);
bool json_get_bool(const struct json_node *object, const char *key, bool otherwise);

/* --- writer: commas and escapes done, errors stick ---------------------------------------------------------------- */

struct json_writer {
    struct buf *out; /* borrowed */
    int rc;          /* first error of the buf, 0 while all is well */
    bool comma;
};
#define JSON_WRITER(buf_ptr) ((struct json_writer){.out = (buf_ptr)})

void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_str(struct json_writer *w, struct str key);
void json_str(struct json_writer *w, struct str s);          /* bytes that are not UTF-8 become U+FFFD */
void json_str_pieces(struct json_writer *w, const struct str *piece, size_t count); /* one string, of whole characters each */
void json_text(struct json_writer *w, const char *c_string); /* NULL writes null */
void json_i64(struct json_writer *w, int64_t n);
void json_double(struct json_writer *w, double d); /* not finite: null */
void json_bool(struct json_writer *w, bool b);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct str json); /* a whole valid value, trusted */
void json_value(struct json_writer *w, const struct json_node *n); /* a tree, keys in their order, without blanks */
int json_done(struct json_writer *w);                  /* w->rc */
