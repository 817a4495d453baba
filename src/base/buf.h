/* buf.h: growing text with a ceiling.
 *
 * A buf is created with the most it may ever hold; going over is ERR_LIMIT, running out of memory ERR_NOMEM, and in
 * both cases the content is what it was before the call: nothing is ever cut. One thread at a time. */
#pragma once
#include "base/str.h"
#include <stdarg.h>

struct err;

struct buf {
    char *ptr; /* owned; NULL while empty */
    size_t len, cap, max;
};

#define BUF_INIT(bytes_max) ((struct buf){.max = (bytes_max)})
#define AUTO_BUF __attribute__((cleanup(buf_fini)))

void buf_fini(struct buf *b);  /* frees; leaves it empty and usable */
void buf_clear(struct buf *b); /* len = 0, keeps the memory */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->ptr, b->len};
}

int buf_append(struct buf *b, struct str s);
int buf_append_char(struct buf *b, char c);
int buf_append_text(struct buf *b, const char *c_string);
int buf_append_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_append_format_v(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
int buf_append_u64(struct buf *b, uint64_t n);
int buf_append_i64(struct buf *b, int64_t n);
/* n / 10^scale with the decimals that are needed and no more: (1500, 3) gives "1.5". */
int buf_append_scaled(struct buf *b, int64_t n, int scale);
int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes after len */
void buf_consume(struct buf *b, size_t n);   /* drops the first n bytes */
const char *buf_text(struct buf *b);         /* NUL-terminates (not counted in len); NULL when memory is out */
/* The whole file, at most b->max bytes. */
int buf_read_file(struct buf *b, const char *path, struct err *e);
int buf_read_fd(struct buf *b, int fd, const char *name, struct err *e);

/* Text of bounded size that we make ourselves, into memory the caller has. Returns the length; asserts that it fits. */
size_t text_format(char *out, size_t out_bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
