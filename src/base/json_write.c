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
    static const char letters[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char text[6] = {'\\', letters[c]};

    if (letters[c]) {
        put(w, str_of(text, 2));
        return;
    }
    memcpy(text + 1, "u00", 3);
    text[4] = hex[c >> 4];
    text[5] = hex[c & 15];
    put(w, str_of(text, 6));
}

/* What stands at p and is not plain; returns how many bytes it took. */
static size_t put_special(struct json_writer *w, const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;

    if (c < 0x20) {
        put_control(w, c);
        return 1;
    }
    if (c < 0x80) { /* quote or backslash */
        put(w, c == '"' ? STR("\\\"") : STR("\\\\"));
        return 1;
    }
    size_t len = json_utf8_sequence(p, end);
    put(w, len ? str_of(p, len) : STR("\xEF\xBF\xBD"));
    return len ? len : 1;
}

static void put_escaped(struct json_writer *w, struct str s)
{
    const char *p = s.ptr ? s.ptr : "", *end = p + s.len;

    while (w->rc == 0 && p < end) {
        size_t plain = json_plain_run(p, end);
        put(w, str_of(p, plain));
        p += plain;
        if (p < end)
            p += put_special(w, p, end);
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
