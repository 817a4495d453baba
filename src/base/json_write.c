/* json_write.c: the writer: commas, escapes and numbers. The first error of the buf sticks and makes the rest no-ops,
 * so that callers look once, at json_done. */
#define HEARTH_BASE_IMPLEMENTATION
#include "base/json.h"
#include "base/json_block_priv.h"
#include "base/json_priv.h"
#include <math.h>
#include <stdlib.h>

/* Pieces are short, as text full of escapes is: what fits is copied here, without a call. */
static inline void put(struct json_writer *w, struct str s)
{
    struct buf *b = w->out;

    if (w->rc)
        return;
    if (s.len == 0 || b->cap - b->len < s.len) {
        w->rc = buf_append(b, s);
        return;
    }
    memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
}

/* Before a value or key: the comma that is due. What follows it is due one too, unless something opens. */
static void due(struct json_writer *w)
{
    if (w->comma)
        put(w, STR(","));
    w->comma = true;
}

static void open_with(struct json_writer *w, struct str bracket)
{
    due(w);
    put(w, bracket);
    w->comma = false;
}

static void close_with(struct json_writer *w, struct str bracket)
{
    put(w, bracket);
    w->comma = true;
}

void json_object_begin(struct json_writer *w)
{
    open_with(w, STR("{"));
}

void json_object_end(struct json_writer *w)
{
    close_with(w, STR("}"));
}

void json_array_begin(struct json_writer *w)
{
    open_with(w, STR("["));
}

void json_array_end(struct json_writer *w)
{
    close_with(w, STR("]"));
}

static void put_control(struct json_writer *w, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

    put(w, str_of(text, 6));
}

/* What is behind the backslash of an escape of two characters; 0: it has none. */
static inline char letter_of(unsigned char c)
{
    static const char letters[128] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    return c < 128 ? letters[c] : 0;
}

static inline bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* As many whole characters beyond ASCII as stand at p, or one U+FFFD for a byte that begins none; returns how many bytes. */
static size_t put_beyond_ascii(struct json_writer *w, const char *p, const char *end)
{
    size_t run = 0, len;

    while (p + run < end && (unsigned char)p[run] >= 0x80 && (len = json_utf8_sequence(p + run, end)) > 0)
        run += len;
    put(w, run ? str_of(p, run) : STR("\xEF\xBF\xBD"));
    return run ? run : 1;
}

/* Text of code and prose has a quote or a line end every few dozen bytes: a block is copied before it is known how much of it is
 * plain, and the escape behind that part follows. Returns where that ended: near the end of the text, at what needs more than a
 * letter, or because there is no room for a block. */
static const char *put_blocks(struct json_writer *w, const char *p, const char *end)
{
#if defined(__SSE2__)
    enum { ROOM = 16 + 2 };
    struct buf *b = w->out;
    while (end - p >= 16 && (b->cap - b->len >= ROOM || buf_reserve(b, ROOM) == 0)) {
        __m128i v = json_block_load(p);
        char *to = b->ptr + b->len;
        _mm_storeu_si128((__m128i *)(void *)to, v);
        uint32_t specials = json_block_specials(v);
        if (!specials) {
            p += 16;
            b->len += 16;
            continue;
        }
        unsigned plain = (unsigned)__builtin_ctz(specials);
        char letter = letter_of((unsigned char)p[plain]);
        p += plain;
        b->len += plain;
        if (!letter)
            return p;
        to[plain] = '\\';
        to[plain + 1] = letter;
        b->len += 2;
        p++;
    }
#else
    (void)w, (void)end;
#endif
    return p;
}

/* The plain text at p and what is behind it, byte by byte; returns where the next block may begin. */
static const char *put_next(struct json_writer *w, const char *p, const char *end)
{
    size_t plain = json_plain_run(p, end);

    put(w, str_of(p, plain));
    p += plain;
    if (w->rc || p == end)
        return p;
    char letter = letter_of((unsigned char)*p), pair[2] = {'\\', letter};
    if (letter)
        put(w, str_of(pair, 2));
    else if ((unsigned char)*p >= 0x80)
        return p + put_beyond_ascii(w, p, end);
    else
        put_control(w, (unsigned char)*p);
    return p + 1;
}

static void put_escaped(struct json_writer *w, struct str s)
{
    const char *p = s.ptr ? s.ptr : "", *end = p + s.len;

    while (w->rc == 0 && p < end) {
        p = put_blocks(w, p, end);
        if (p < end)
            p = put_next(w, p, end);
    }
}

static void put_quoted(struct json_writer *w, struct str s)
{
    put(w, STR("\""));
    put_escaped(w, s);
    put(w, STR("\""));
}

void json_key_str(struct json_writer *w, struct str key)
{
    due(w);
    put_quoted(w, key);
    put(w, STR(":"));
    w->comma = false;
}

/* Nearly every name is one of ours, and short: it is looked at while it is copied. */
void json_key(struct json_writer *w, const char *key)
{
    struct buf *b = w->out;
    size_t len = strlen(key), comma = w->comma, i = 0;

    if (w->rc || (b->cap - b->len < len + 4 && (w->rc = buf_reserve(b, len + comma + 3))))
        return;
    char *to = b->ptr + b->len;
    *to = ',';
    to += comma;
    *to++ = '"';
    for (; i < len && is_plain(key[i]); i++)
        to[i] = key[i];
    if (i < len) {
        json_key_str(w, str_of(key, len));
        return;
    }
    to[len] = '"';
    to[len + 1] = ':';
    b->len += len + comma + 3;
    w->comma = false;
}

void json_str(struct json_writer *w, struct str s)
{
    due(w);
    put_quoted(w, s);
}

void json_str_pieces(struct json_writer *w, const struct str *piece, size_t count)
{
    due(w);
    put(w, STR("\""));
    for (size_t i = 0; i < count; i++)
        put_escaped(w, piece[i]);
    put(w, STR("\""));
}

void json_text(struct json_writer *w, const char *c_string)
{
    if (c_string)
        json_str(w, str_from(c_string));
    else
        json_null(w);
}

void json_i64(struct json_writer *w, int64_t n)
{
    due(w);
    if (w->rc == 0)
        w->rc = buf_append_i64(w->out, n);
}

/* The shortest of the precisions that read back as the same number. */
void json_double(struct json_writer *w, double d)
{
    if (!isfinite(d)) {
        json_null(w);
        return;
    }
    char text[32];
    size_t len = 0;
    for (int precision = 15; precision <= 17; precision++) {
        len = text_format(text, sizeof(text), "%.*g", precision, d);
        if (strtod(text, NULL) == d)
            break;
    }
    due(w);
    put(w, str_of(text, len));
}

void json_bool(struct json_writer *w, bool b)
{
    json_raw(w, b ? STR("true") : STR("false"));
}

void json_null(struct json_writer *w)
{
    json_raw(w, STR("null"));
}

void json_raw(struct json_writer *w, struct str json)
{
    due(w);
    put(w, json);
}

void json_value(struct json_writer *w, const struct json_node *n)
{
    switch (n->type) {
    case JSON_STRING: json_str(w, n->text); break;
    case JSON_OBJECT:
        json_object_begin(w);
        for (const struct json_node *m = n->child; m; m = m->next) {
            json_key_str(w, m->key);
            json_value(w, m);
        }
        json_object_end(w);
        break;
    case JSON_ARRAY:
        json_array_begin(w);
        for (const struct json_node *m = n->child; m; m = m->next)
            json_value(w, m);
        json_array_end(w);
        break;
    default: json_raw(w, n->text);
    }
}

int json_done(struct json_writer *w)
{
    return w->rc;
}
