/* json_write.c: the writer: commas, escapes and numbers. The first error of the buf sticks and makes the rest no-ops,
 * so that callers look once, at json_done. */
#define HEARTH_BASE_IMPLEMENTATION
#include "base/json.h"
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

/* As many whole characters beyond ASCII as stand at p, or one U+FFFD for a byte that begins none; returns how many bytes. */
static size_t put_beyond_ascii(struct json_writer *w, const char *p, const char *end)
{
    size_t run = 0, len;

    while (p + run < end && (unsigned char)p[run] >= 0x80 && (len = json_utf8_sequence(p + run, end)) > 0)
        run += len;
    put(w, run ? str_of(p, run) : STR("\xEF\xBF\xBD"));
    return run ? run : 1;
}

/* Code and prose have a quote or a line end every few dozen bytes, so a plain run and the escape behind it go out in one step. */
static void put_escaped(struct json_writer *w, struct str s)
{
    const char *p = s.ptr ? s.ptr : "", *end = p + s.len;

    while (w->rc == 0 && p < end) {
        size_t plain = json_plain_run(p, end);
        char letter = p + plain < end ? letter_of((unsigned char)p[plain]) : '\0';
        size_t bytes = plain + (letter ? 2 : 0);
        if (w->out->cap - w->out->len < bytes)
            w->rc = buf_reserve(w->out, bytes);
        if (w->rc)
            return;
        if (bytes) {
            char *to = w->out->ptr + w->out->len;
            memcpy(to, p, plain);
            if (letter) {
                to[plain] = '\\';
                to[plain + 1] = letter;
            }
            w->out->len += bytes;
        }
        p += plain + (letter ? 1 : 0);
        if (letter || p == end)
            continue;
        if ((unsigned char)*p >= 0x80)
            p += put_beyond_ascii(w, p, end);
        else
            put_control(w, (unsigned char)*p++);
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

void json_key(struct json_writer *w, const char *key)
{
    json_key_str(w, str_from(key));
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

int json_done(struct json_writer *w)
{
    return w->rc;
}
