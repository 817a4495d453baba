/* failure_body.c: finds the words and codes in an error body, whatever its shape: OpenAI's object, Anthropic's, a flat
 * one (vLLM of old), an array of one (Gemini), a chunk of a stream, FastAPI's `detail`, plain text, a page of HTML.
 *
 * Bodies are hostile: only the first FAILURE_BODY_MAX bytes are looked at, and one that breaks off in the middle still
 * yields what stood before. Only known members are read, so an echo of the request (`failed_generation`) stays out. */
#include "wire/failure_priv.h"

enum { NESTING_MAX = 6 };

/* Where we are decides what a member means. */
enum place { PLACE_TOP, PLACE_ERROR, PLACE_INSIDE, PLACE_CHOICE, PLACE_NONE };

/* --- text --------------------------------------------------------------------------------------------------------- */

/* Length of the well-formed UTF-8 sequence at p, 0 when there is none. */
static size_t sequence_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xc2 && p[0] < 0xe0   ? 2
                 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
                 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                               : 0;
    if (len == 0 || len > left)
        return 0;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* Copies as a C string: control bytes become blanks, bytes that are not UTF-8 question marks, and a text that does not
 * fit ends in "...". */
static void text_put(char *out, size_t out_bytes, struct str s)
{
    static const char dots[] = "...";
    size_t n = 0, room = out_bytes - sizeof dots, fits = 0;
    s = str_trim(s);
    for (size_t i = 0; i < s.len;) {
        const unsigned char *p = (const unsigned char *)s.ptr + i;
        size_t len = sequence_length(p, s.len - i);
        if (n + (len ? len : 1) >= out_bytes) {
            memcpy(out + fits, dots, sizeof dots);
            return;
        }
        if (len > 1)
            memcpy(out + n, p, len);
        else
            out[n] = len == 0 ? '?' : *p < 0x20 || *p == 0x7f ? ' ' : (char)*p;
        n += len ? len : 1;
        i += len ? len : 1;
        if (n <= room)
            fits = n;
    }
    out[n] = '\0';
}

/* At most about `max` bytes of raw JSON string text, not cut inside an escape. */
static struct str raw_prefix(struct str raw, size_t max)
{
    size_t i = 0;
    while (i < raw.len && i < max)
        i += raw.ptr[i] != '\\' ? 1 : i + 1 < raw.len && raw.ptr[i + 1] == 'u' ? 6 : 2;
    return str_slice(raw, 0, i);
}

/* An escape is at most six bytes for one of text, so the prefix always holds more than fits, if there is more. */
static void raw_put(char *out, size_t out_bytes, struct str raw)
{
    struct str prefix = raw_prefix(raw, out_bytes * 6);
    AUTO_BUF struct buf text = BUF_INIT(prefix.len);
    /* Without memory the escapes stay in: still the vendor's words. */
    text_put(out, out_bytes, json_unescape(prefix, &text) == 0 ? buf_str(&text) : prefix);
}

static void message_put(struct failure_facts *f, struct str raw, int rank)
{
    if (rank >= f->message_rank || raw.len == 0)
        return;
    f->message_rank = rank;
    raw_put(f->message, sizeof f->message, raw);
}

static void code_put(char out[FAILURE_CODE_MAX], struct str raw, bool replace)
{
    if (raw.len && (replace || !out[0]))
        raw_put(out, FAILURE_CODE_MAX, raw);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void read_object(struct json_scan *s, struct failure_facts *f, enum place place, int depth);
static void read_array(struct json_scan *s, struct failure_facts *f, enum place place, int depth);

static bool key_is_any(struct str key, const char *const *names)
{
    for (; *names; names++)
        if (json_key_is(key, str_from(*names)))
            return true;
    return false;
}

/* What the object or array under that key is to us. */
static enum place place_below(enum place place, struct str key)
{
    static const char *const inside[] = {"errors", "detail", "details", "metadata", "violations", NULL};
    if (json_key_is(key, STR("error")))
        return place == PLACE_INSIDE ? PLACE_INSIDE : PLACE_ERROR;
    if (place == PLACE_CHOICE)
        return PLACE_NONE;
    bool holder = json_key_is(key, STR("choices")) || json_key_is(key, STR("response")); /* response.failed */
    if (place == PLACE_TOP && holder)
        return PLACE_CHOICE;
    return key_is_any(key, inside) ? PLACE_INSIDE : PLACE_NONE;
}

static void retry_delay_put(struct failure_facts *f, struct str raw)
{
    int64_t us;
    if (str_to_duration_us(raw, &us) && us / 1000 > f->retry_after_ms)
        f->retry_after_ms = (us + 999) / 1000;
}

static void read_inside_string(struct failure_facts *f, struct str key, struct str raw)
{
    static const char *const codes[] = {"error_type", "provider_code", "reason", "code", "type", NULL};
    static const char *const words[] = {"message", "msg", NULL};
    if (key_is_any(key, words))
        message_put(f, raw, 5);
    else if (key_is_any(key, codes))
        code_put(f->inner_code, raw, false);
    else if (json_key_is(key, STR("raw")))
        raw_put(f->inner, sizeof f->inner, raw);
    else if (json_key_is(key, STR("retryDelay")))
        retry_delay_put(f, raw);
    else if (json_key_is(key, STR("quotaId")))
        f->per_day |= str_contains_fold(raw, STR("PerDay"));
}

static void read_string(struct failure_facts *f, enum place place, struct str key, struct str raw)
{
    static const char *const words[] = {"detail", "msg", "error_description", "title", NULL};
    bool error = place == PLACE_ERROR;
    if (place == PLACE_INSIDE)
        read_inside_string(f, key, raw);
    else if (json_key_is(key, STR("error")))
        message_put(f, raw, 2); /* Ollama; Spring puts the name of the status there and the rest into `message` */
    else if (place == PLACE_CHOICE)
        return;
    else if (json_key_is(key, STR("message")))
        message_put(f, raw, error ? 0 : 1);
    else if (json_key_is(key, STR("code")))
        code_put(f->code, raw, error);
    else if (json_key_is(key, STR("type")) && (error || !str_eq(raw, STR("error")))) /* Anthropic's envelope */
        code_put(f->type, raw, error);
    else if (json_key_is(key, STR("status")))
        code_put(f->status, raw, error);
    else if (key_is_any(key, words))
        message_put(f, raw, 3);
}

static void read_number(struct failure_facts *f, enum place place, struct str key, struct str raw)
{
    int64_t n;
    bool known = place == PLACE_TOP || place == PLACE_ERROR;
    if (known && json_key_is(key, STR("code")) && json_to_i64(raw, &n) && n > 0 && n < 100000)
        f->number = (int)n;
}

static void read_member(struct json_scan *s, struct failure_facts *f, enum place place, struct str key, int depth)
{
    enum json_type type = json_peek(s);
    enum place below = place_below(place, key);
    struct str raw;
    if ((type == JSON_OBJECT || type == JSON_ARRAY) && below != PLACE_NONE && depth < NESTING_MAX) {
        if (type == JSON_OBJECT)
            read_object(s, f, below, depth + 1);
        else
            read_array(s, f, below, depth + 1);
    } else if (type == JSON_STRING) {
        if (json_string(s, &raw))
            read_string(f, place, key, raw);
    } else if (json_skip(s, &raw)) {
        if (type == JSON_NUMBER)
            read_number(f, place, key, raw);
        else if ((type == JSON_OBJECT || type == JSON_ARRAY) && json_key_is(key, STR("message")))
            message_put(f, raw, 4);
    }
}

static void read_object(struct json_scan *s, struct failure_facts *f, enum place place, int depth)
{
    struct str key;
    if (json_enter(s))
        while (json_member(s, &key))
            read_member(s, f, place, key, depth);
}

static void read_array(struct json_scan *s, struct failure_facts *f, enum place place, int depth)
{
    if (!json_enter(s))
        return;
    while (json_element(s)) {
        struct str raw;
        enum json_type type = json_peek(s);
        if (type == JSON_OBJECT)
            read_object(s, f, place, depth);
        else if (type != JSON_STRING)
            (void)json_skip(s, NULL); /* an error sticks and ends the loop */
        else if (json_string(s, &raw) && place != PLACE_CHOICE)
            message_put(f, raw, 5);
    }
}

static void read_json(struct failure_facts *f, struct str body)
{
    struct json_scan s;
    struct str raw;
    json_scan_init(&s, body);
    enum json_type type = json_peek(&s);
    if (type == JSON_OBJECT)
        read_object(&s, f, PLACE_TOP, 0);
    else if (type == JSON_ARRAY)
        read_array(&s, f, PLACE_TOP, 0);
    else if (type == JSON_STRING && json_string(&s, &raw))
        message_put(f, raw, 1);
}

/* --- HTML and text ------------------------------------------------------------------------------------------------ */

/* The text from just behind the first `open` to the next '<'; empty when there is none. */
static struct str text_behind(struct str page, struct str open)
{
    for (size_t i = 0; i + open.len <= page.len; i++) {
        if (!str_starts_fold(str_skip(page, i), open))
            continue;
        struct str rest = str_skip(page, i + open.len), text;
        ptrdiff_t end = str_find_char(rest, '>'); /* of the tag itself, which may have attributes */
        rest = str_skip(rest, end < 0 ? rest.len : (size_t)end + 1);
        return str_cut(&rest, '<', &text) ? str_trim(text) : STR_NONE;
    }
    return STR_NONE;
}

static struct str html_message(struct str page)
{
    struct str text = text_behind(page, STR("<title"));
    ptrdiff_t end;
    while (text.len == 0 && (end = str_find_char(page, '>')) >= 0) {
        struct str rest = page = str_skip(page, (size_t)end + 1);
        if (str_cut(&rest, '<', &text))
            text = str_trim(text);
    }
    return text;
}

void failure_body_read(struct failure_facts *f, struct str body)
{
    *f = (struct failure_facts){.message_rank = 100, .retry_after_ms = -1};
    body = str_slice(body, 0, FAILURE_BODY_MAX);
    if (str_starts(body, STR("\xef\xbb\xbf")))
        body = str_skip(body, 3);
    body = str_trim(body);
    read_json(f, body);
    if (f->message[0] || f->code[0] || f->type[0] || f->status[0])
        return;
    if (str_starts(body, STR("<")))
        body = html_message(body);
    if (body.len > 2) /* not of "{}" or "[]" */
        text_put(f->message, sizeof f->message, body);
}
