/* json_scan.c: the pull scanner: RFC 8259's grammar around the strings (json_string.c) and numbers (json_number.c).
 *
 * A container is either walked by the caller (json_enter, then json_member or json_element until false) or swallowed
 * whole by json_skip; both keep the same small stack of one bit per level in the scan itself, so nothing recurses and
 * the depth limit holds however the two are mixed. */
#include "base/json.h"
#include "base/json_priv.h"
#include <assert.h>

void json_scan_init(struct json_scan *s, struct str text)
{
    s->start = s->pos = text.ptr ? text.ptr : "";
    s->end = s->start + text.len;
    s->depth = 0;
    s->first = 1;
    s->problem = s->problem_pos = NULL;
}

/* The first problem wins. NULL, for `return fail(…)` where a position is due. */
static const char *fail(struct json_scan *s, const char *at, const char *problem)
{
    if (!s->problem) {
        s->problem = at < s->end ? problem : "the text ends too early";
        s->problem_pos = at;
    }
    return NULL;
}

/* Most JSON is written compactly: one test, usually. */
static inline const char *blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    return p;
}

/* NUL stands for the end: it is no token, so it fails wherever it is met. */
static inline char at(const char *p, const char *end)
{
    return p < end ? *p : '\0';
}

static inline bool in_object(const struct json_scan *s)
{
    return s->kind[(s->depth - 1) / 8] >> (s->depth - 1) % 8 & 1;
}

static bool level_push(struct json_scan *s, const char *p)
{
    if (s->depth == JSON_DEPTH_MAX) {
        fail(s, p, "nested too deeply");
        return false;
    }
    uint8_t bit = (uint8_t)(1u << s->depth % 8), *byte = &s->kind[s->depth / 8];
    *byte = *p == '{' ? *byte | bit : *byte & (uint8_t)~bit;
    s->depth++;
    return true;
}

/* Behind the string whose opening quote is at p. */
static inline const char *skip_string(struct json_scan *s, const char *p)
{
    const char *problem = NULL, *close = json_string_end(p + 1, s->end, &problem);

    return problem ? fail(s, close, problem) : close + 1;
}

static const char *skip_word(struct json_scan *s, const char *p, struct str word)
{
    if ((size_t)(s->end - p) < word.len)
        return fail(s, s->end, "");
    return memcmp(p, word.ptr, word.len) == 0 ? p + word.len : fail(s, p, "an unknown word");
}

/* Behind the scalar at p. */
static const char *skip_scalar(struct json_scan *s, const char *p)
{
    switch (at(p, s->end)) {
    case '"': return skip_string(s, p);
    case 't': return skip_word(s, p, STR("true"));
    case 'f': return skip_word(s, p, STR("false"));
    case 'n': return skip_word(s, p, STR("null"));
    default: {
        const char *behind = json_number_end(p, s->end);
        bool begins_number = at(p, s->end) == '-' || (unsigned char)(at(p, s->end) - '0') < 10;
        return behind ? behind : fail(s, p, begins_number ? "a malformed number" : "a value is missing");
    }
    }
}

/* From where a key must stand to behind its colon. */
static const char *skip_key(struct json_scan *s, const char *p, struct str *key_raw)
{
    p = blanks(p, s->end);
    if (at(p, s->end) != '"')
        return fail(s, p, "a key is missing");
    const char *behind = skip_string(s, p);
    if (!behind)
        return NULL;
    *key_raw = str_of(p + 1, (size_t)(behind - p) - 2);
    p = blanks(behind, s->end);
    return at(p, s->end) == ':' ? p + 1 : fail(s, p, "a colon is missing");
}

/* Behind a value inside skip_value: closes the containers that end here, down to the level `base`, and goes on to where
 * the next value is due. The result stands behind the outermost value when s->depth is `base`. */
static const char *skip_ends(struct json_scan *s, const char *p, uint32_t base)
{
    struct str key;

    while (s->depth > base) {
        bool object = in_object(s);
        p = blanks(p, s->end);
        char c = at(p, s->end);
        if (c == ',')
            return object ? skip_key(s, p + 1, &key) : p + 1;
        if (c != (object ? '}' : ']'))
            return fail(s, p, "a comma or the end of the object or array is missing");
        s->depth--;
        p++;
    }
    return p;
}

/* Hot. Behind the value at p, whatever it is; NULL when it is malformed. */
static const char *skip_value(struct json_scan *s, const char *p)
{
    const uint32_t base = s->depth;
    struct str key;

    do {
        p = blanks(p, s->end);
        char c = at(p, s->end);
        if (c == '{' || c == '[') {
            if (!level_push(s, p))
                return NULL;
            p = blanks(p + 1, s->end);
            if (at(p, s->end) != (c == '{' ? '}' : ']')) {
                if (c == '{')
                    p = skip_key(s, p, &key);
                continue;
            } /* else skip_ends closes it */
        } else {
            p = skip_scalar(s, p);
        }
        if (p)
            p = skip_ends(s, p, base);
    } while (p && s->depth > base);
    return p;
}

enum json_type json_peek(struct json_scan *s)
{
    static const uint8_t types[256] = {
        ['n'] = JSON_NULL,   ['f'] = JSON_FALSE,  ['t'] = JSON_TRUE,   ['"'] = JSON_STRING, ['['] = JSON_ARRAY,
        ['{'] = JSON_OBJECT, ['-'] = JSON_NUMBER, ['0'] = JSON_NUMBER, ['1'] = JSON_NUMBER, ['2'] = JSON_NUMBER,
        ['3'] = JSON_NUMBER, ['4'] = JSON_NUMBER, ['5'] = JSON_NUMBER, ['6'] = JSON_NUMBER, ['7'] = JSON_NUMBER,
        ['8'] = JSON_NUMBER, ['9'] = JSON_NUMBER,
    };

    if (s->problem)
        return JSON_BAD;
    s->pos = blanks(s->pos, s->end);
    enum json_type type = types[(unsigned char)at(s->pos, s->end)];
    if (type == JSON_BAD)
        fail(s, s->pos, "a value is missing");
    return type;
}

bool json_enter(struct json_scan *s)
{
    enum json_type type = json_peek(s);

    if ((type != JSON_OBJECT && type != JSON_ARRAY) || !level_push(s, s->pos))
        return false;
    s->pos++;
    s->first = 1;
    return true;
}

/* In a container: true when another member or element is due at s->pos. False at its end, which is consumed, and on
 * error. */
static inline bool another(struct json_scan *s, char close)
{
    if (s->problem)
        return false;
    const char *p = blanks(s->pos, s->end);
    char c = at(p, s->end);
    if (c == close) {
        s->depth--;
        s->first = 0; /* the level outside has read this container */
        s->pos = p + 1;
        return false;
    }
    if (!s->first) {
        if (c != ',') {
            fail(s, p, "a comma or the end of the object or array is missing");
            return false;
        }
        p++;
    }
    s->first = 0;
    s->pos = p;
    return true;
}

bool json_member(struct json_scan *s, struct str *key_raw)
{
    assert(s->problem || (s->depth > 0 && in_object(s)));
    if (!another(s, '}'))
        return false;
    const char *p = skip_key(s, s->pos, key_raw);
    if (!p)
        return false;
    s->pos = p;
    return true;
}

bool json_element(struct json_scan *s)
{
    assert(s->problem || (s->depth > 0 && !in_object(s)));
    return another(s, ']');
}

bool json_skip(struct json_scan *s, struct str *raw)
{
    if (s->problem)
        return false;
    const char *from = blanks(s->pos, s->end), *behind = skip_value(s, from);
    if (!behind)
        return false;
    s->pos = behind;
    if (raw)
        *raw = str_of(from, (size_t)(behind - from));
    return true;
}

bool json_string(struct json_scan *s, struct str *raw)
{
    if (s->problem)
        return false;
    const char *from = blanks(s->pos, s->end);
    if (at(from, s->end) != '"') {
        fail(s, from, "a string is missing");
        return false;
    }
    const char *behind = skip_string(s, from);
    if (!behind)
        return false;
    s->pos = behind;
    *raw = str_of(from + 1, (size_t)(behind - from) - 2);
    return true;
}

int json_finish(struct json_scan *s, struct err *e)
{
    if (!s->problem) {
        s->pos = blanks(s->pos, s->end);
        if (s->depth > 0)
            fail(s, s->pos, "the value goes on");
        else if (s->pos < s->end)
            fail(s, s->pos, "something follows the value");
    }
    if (!s->problem)
        return 0;
    return err_set(e, ERR_SYNTAX, "not valid JSON: %s (at byte %zu)", s->problem, (size_t)(s->problem_pos - s->start));
}

int json_check(struct str text, struct err *e)
{
    struct json_scan s;

    json_scan_init(&s, text);
    json_skip(&s, NULL);
    return json_finish(&s, e);
}
