/* buf.c: growing text with a ceiling; see buf.h. */
#define HEARTH_BASE_IMPLEMENTATION
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_BYTES = 64 };

void buf_fini(struct buf *b)
{
    mem_free(b->ptr);
    b->ptr = NULL;
    b->len = b->cap = 0;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
}

int buf_reserve(struct buf *b, size_t more)
{
    if (more > b->max || b->len > b->max - more)
        return ERR_LIMIT;
    size_t need = b->len + more;
    if (need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : FIRST_BYTES;
    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    char *grown = mem_realloc(b->ptr, cap);
    if (!grown)
        return ERR_NOMEM;
    b->ptr = grown;
    b->cap = cap;
    return 0;
}

int buf_append(struct buf *b, struct str s)
{
    int rc = buf_reserve(b, s.len);
    if (rc == 0 && s.len) {
        memcpy(b->ptr + b->len, s.ptr, s.len);
        b->len += s.len;
    }
    return rc;
}

int buf_append_char(struct buf *b, char c)
{
    return buf_append(b, str_of(&c, 1));
}

int buf_append_text(struct buf *b, const char *c_string)
{
    return buf_append(b, str_from(c_string));
}

int buf_append_format_v(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char small[512];
    int n = vsnprintf(small, sizeof small, format, args);
    assert(n >= 0);
    int rc;
    if ((size_t)n < sizeof small) {
        rc = buf_append(b, str_of(small, (size_t)n));
    } else {
        char *large = mem_alloc((size_t)n + 1);
        rc = large ? 0 : ERR_NOMEM;
        if (large) {
            (void)vsnprintf(large, (size_t)n + 1, format, again); /* same arguments, measured above */
            rc = buf_append(b, str_of(large, (size_t)n));
            mem_free(large);
        }
    }
    va_end(again);
    return rc;
}

int buf_append_format(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = buf_append_format_v(b, format, args);
    va_end(args);
    return rc;
}

int buf_append_u64(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    return buf_append(b, str_of(digits + at, sizeof digits - at));
}

int buf_append_i64(struct buf *b, int64_t n)
{
    if (n >= 0)
        return buf_append_u64(b, (uint64_t)n);
    int rc = buf_append_char(b, '-');
    return rc ? rc : buf_append_u64(b, 0 - (uint64_t)n);
}

int buf_append_scaled(struct buf *b, int64_t n, int scale)
{
    uint64_t magnitude = n < 0 ? 0 - (uint64_t)n : (uint64_t)n, unit = 1;
    for (int i = 0; i < scale; i++)
        unit *= 10;
    char text[48];
    int len = snprintf(text, sizeof text, "%s%llu.%0*llu", n < 0 ? "-" : "", (unsigned long long)(magnitude / unit),
                       scale ? scale : 1, (unsigned long long)(magnitude % unit));
    assert(len > 0 && (size_t)len < sizeof text);
    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    return buf_append(b, str_of(text, (size_t)len));
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n && n < b->len)
        memmove(b->ptr, b->ptr + n, b->len - n);
    b->len -= n;
}

const char *buf_text(struct buf *b)
{
    if (b->len == b->cap) { /* the NUL is not text, so it may lie one byte above the ceiling */
        char *grown = mem_realloc(b->ptr, b->len + 1);
        if (!grown)
            return NULL;
        b->ptr = grown;
        b->cap = b->len + 1;
    }
    b->ptr[b->len] = '\0';
    return b->ptr;
}

int buf_read_fd(struct buf *b, int fd, const char *name, struct err *e)
{
    for (;;) {
        int rc = buf_reserve(b, b->cap > b->len ? b->cap - b->len : b->len ? b->len : 4096);
        if (rc == ERR_LIMIT && b->len < b->max)
            rc = buf_reserve(b, b->max - b->len);
        if (rc == ERR_LIMIT) {
            char probe; /* exactly at the ceiling: fine if that was all */
            if (read(fd, &probe, 1) == 0)
                return 0;
            return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", name, b->max);
        }
        if (rc)
            return err_set(e, rc, "reading %s", name);
        ssize_t n = read(fd, b->ptr + b->len, b->cap - b->len);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_set_errno(e, ERR_IO, errno, "reading %s", name);
        if (n > 0)
            b->len += (size_t)n;
    }
}

int buf_read_file(struct buf *b, const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "opening %s", path);
    int rc = buf_read_fd(b, fd, path, e);
    close(fd);
    return rc;
}

size_t text_format(char *out, size_t out_bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out, out_bytes, format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < out_bytes);
    return (size_t)n;
}
