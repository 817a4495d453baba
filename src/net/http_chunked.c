/* http_chunked.c: decodes a chunked body, resumable at any byte; see http_parse_priv.h. Sizes are hexadecimal digits and
 * nothing else, every line ends in CRLF, extensions and trailer fields are read, bounded together, and dropped. */
#include "base/err.h"
#include "net/http_parse_priv.h"

enum {
    AT_SIZE,
    AT_EXTENSION,
    AT_SIZE_LF,
    AT_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER,
    AT_TRAILER_NAME,
    AT_TRAILER_VALUE,
    AT_TRAILER_LF,
    AT_END_LF
};

enum {
    DIGITS_MAX = 8,           /* 4 GiB, far above any body we take */
    OVERHEAD_MAX = 16 * 1024, /* extensions and trailers of one body, which nobody we know sends at all */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int size_char(struct http_chunked *d, char c)
{
    int v = hex_value(c);
    if (v >= 0) {
        if (++d->digits > DIGITS_MAX)
            return ERR_LIMIT;
        d->left = d->left << 4 | (unsigned)v;
        return 0;
    }
    if (d->digits == 0)
        return ERR_SYNTAX;
    if (c == '\r')
        d->state = AT_SIZE_LF;
    else if (c == ';')
        d->state = AT_EXTENSION;
    else
        return ERR_SYNTAX;
    return 0;
}

static bool is_text(char c) /* may stand in an extension or a trailer's value */
{
    return ((uint8_t)c >= 0x20 && c != 0x7f) || c == '\t';
}

/* One byte that is dropped; where it leads is the caller's business. */
static int overhead_char(struct http_chunked *d)
{
    return ++d->overhead > OVERHEAD_MAX ? ERR_SYNTAX : 0;
}

static int trailer_char(struct http_chunked *d, char c)
{
    switch (d->state) {
    case AT_TRAILER: /* at the begin of a line */
        if (c == '\r') {
            d->state = AT_END_LF;
            return 0;
        }
        d->state = AT_TRAILER_NAME;
        return http_token_lower[(uint8_t)c] ? 0 : ERR_SYNTAX;
    case AT_TRAILER_NAME:
        if (c == ':')
            d->state = AT_TRAILER_VALUE;
        return c == ':' || http_token_lower[(uint8_t)c] ? 0 : ERR_SYNTAX;
    case AT_TRAILER_VALUE:
        if (c == '\r')
            d->state = AT_TRAILER_LF;
        return c == '\r' || is_text(c) ? 0 : ERR_SYNTAX;
    default: d->state = AT_TRAILER; return c == '\n' ? 0 : ERR_SYNTAX;
    }
}

static int size_done(struct http_chunked *d, char c, size_t room)
{
    if (c != '\n')
        return ERR_SYNTAX;
    if (d->left > room)
        return ERR_LIMIT;
    d->state = d->left ? AT_DATA : AT_TRAILER;
    d->digits = 0;
    return 0;
}

/* One byte that is not data. 1 when it is the last of the body. `room` is the largest chunk that may follow. */
static int frame_char(struct http_chunked *d, char c, size_t room)
{
    int rc = 0;
    switch (d->state) {
    case AT_SIZE: return size_char(d, c);
    case AT_SIZE_LF: return size_done(d, c, room);
    case AT_EXTENSION:
        if (c == '\r')
            d->state = AT_SIZE_LF;
        else
            rc = is_text(c) ? overhead_char(d) : ERR_SYNTAX;
        return rc;
    case AT_DATA_CR: d->state = AT_DATA_LF; return c == '\r' ? 0 : ERR_SYNTAX;
    case AT_DATA_LF: d->state = AT_SIZE; return c == '\n' ? 0 : ERR_SYNTAX;
    case AT_END_LF: return c == '\n' ? 1 : ERR_SYNTAX;
    default: rc = trailer_char(d, c); return rc ? rc : overhead_char(d);
    }
}

int http_chunked_feed(struct http_chunked *d, struct str in, struct buf *out, size_t *used)
{
    size_t at = 0;
    while (at < in.len) {
        if (d->state == AT_DATA) {
            size_t n = in.len - at < d->left ? in.len - at : (size_t)d->left;
            int rc = buf_append(out, str_of(in.ptr + at, n));
            if (rc < 0)
                return rc;
            at += n;
            d->left -= n;
            if (d->left == 0)
                d->state = AT_DATA_CR;
            continue;
        }
        int rc = frame_char(d, in.ptr[at++], out->max - out->len);
        if (rc < 0)
            return rc;
        if (rc == 1) {
            *used = at;
            return 1;
        }
    }
    *used = at;
    return 0;
}

/* Data of the first chunk stays where it is, that of the next ones moves up to it. One chunk at a time is what comes of a
 * stream, so mostly nothing moves. */
int http_chunked_strip(struct http_chunked *d, char *bytes, size_t n, struct str *data, size_t *used)
{
    char *begin = bytes, *end = bytes;
    size_t at = 0;
    int rc = 0;
    while (at < n && rc == 0) {
        if (d->state == AT_DATA) {
            size_t part = n - at < d->left ? n - at : (size_t)d->left;
            if (begin == end)
                begin = end = bytes + at;
            else
                memmove(end, bytes + at, part);
            end += part;
            at += part;
            d->left -= part;
            if (d->left == 0)
                d->state = AT_DATA_CR;
            d->overhead = 0; /* it stands for no memory, so a bound per chunk will do for a stream without end */
        } else {
            rc = frame_char(d, bytes[at++], SIZE_MAX);
        }
    }
    *data = str_of(begin, (size_t)(end - begin));
    *used = at;
    return rc == ERR_LIMIT ? ERR_SYNTAX : rc;
}
