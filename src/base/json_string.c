/* json_string.c: the inside of JSON strings: where they end, whether they are well formed, what they mean.
 *
 * json_string_end is the hottest loop of the relay: a chat body is mostly string text. It looks at 16 bytes at a time
 * with SSE2, which every x86-64 has, and at 8 with plain arithmetic elsewhere and near the end of the text; a block is
 * loaded only while all of it lies inside the text. Bytes that need a look (quote, backslash, control, above 127) are
 * taken one by one out of the block's bit mask. */
#define HEARTH_BASE_IMPLEMENTATION /* json_block_priv.h */
#include "base/json.h"
#include "base/json_block_priv.h"
#include "base/json_priv.h"
#include "base/mem.h"
#include <assert.h>

static const char not_ended[] = "a string does not end", control_inside[] = "a control character inside a string",
                  bad_escape[] = "an unknown escape in a string", bad_utf8[] = "a string is not UTF-8";

static inline bool is_tail(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Unicode, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
static inline unsigned utf8_sequence(const char *p, const char *end)
{
    unsigned char lead = (unsigned char)p[0], second;
    ptrdiff_t room = end - p;

    if (lead < 0xC2 || lead > 0xF4 || room < 2 || !is_tail(p[1]))
        return 0;
    if (lead < 0xE0)
        return 2;
    second = (unsigned char)p[1];
    if (room < 3 || !is_tail(p[2]))
        return 0;
    if (lead < 0xF0)
        return (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) ? 0 : 3;
    if (room < 4 || !is_tail(p[3]))
        return 0;
    return (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second >= 0x90) ? 0 : 4;
}

unsigned json_utf8_sequence(const char *p, const char *end)
{
    return p < end ? utf8_sequence(p, end) : 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Four hex digits, or -1. */
static int32_t hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return -1;
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

/* Length of the escape that starts at p, 0 if it is none. A lone surrogate is good grammar. All short escapes take one
 * branch: a switch would become a jump that depends on the letter, which the processor cannot foresee, and a length out
 * of a table would have to be waited for. */
static inline unsigned escape_length(const char *p, const char *end)
{
    static const bool is_short[256] = {['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true,
                                       ['f'] = true, ['n'] = true,  ['r'] = true, ['t'] = true};

    if (end - p < 2)
        return 0;
    if (is_short[(unsigned char)p[1]])
        return 2;
    return p[1] == 'u' && hex4(p + 2, end) >= 0 ? 6 : 0;
}

/* Length of what starts at p, which is neither plain text nor a quote; 0 and *problem when it must not be there. */
static inline unsigned special_length(const char *p, const char *end, const char **problem)
{
    unsigned len;

    if (*p == '\\') {
        len = escape_length(p, end);
        if (!len)
            *problem = bad_escape;
    } else if ((unsigned char)*p >= 0x80) {
        len = utf8_sequence(p, end);
        if (!len)
            *problem = bad_utf8;
    } else {
        len = 0;
        *problem = control_inside;
    }
    return len;
}

static inline bool is_plain(char c)
{
    return (unsigned char)c >= 0x20 && (unsigned char)c < 0x80 && c != '"' && c != '\\';
}

/* Eight bytes at once: is any of them not plain? Exact, whatever the byte order. */
static inline bool block8_is_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
    uint64_t hit = v | (v - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash);
    return !(hit & tops);
}

const char *json_string_end_portable(const char *p, const char *end, const char **problem)
{
    while (p < end) {
        if (end - p >= 8 && block8_is_plain(p)) {
            p += 8;
            continue;
        }
        /* Something is in these eight bytes, or the text ends here: up to it one by one, then the thing itself. */
        while (p < end && is_plain(*p))
            p++;
        if (p == end)
            break;
        if (*p == '"')
            return p;
        unsigned len = special_length(p, end, problem);
        if (!len)
            return p;
        p += len;
    }
    *problem = not_ended;
    return p;
}

#if defined(__SSE2__)
const char *json_string_end(const char *p, const char *end, const char **problem)
{
    while (end - p >= 16) {
        uint32_t specials = json_block_specials(json_block_load(p));
        if (!specials) {
            p += 16;
            continue;
        }
        unsigned done = 0; /* bytes of this block that are dealt with; an escape may reach up to 5 beyond it */
        do {
            const char *at = p + __builtin_ctz(specials);
            if (*at == '"')
                return at;
            unsigned len = special_length(at, end, problem);
            if (!len)
                return at;
            done = (unsigned)(at - p) + len;
            specials = specials >> done << done;
        } while (specials);
        p += done > 16 ? done : 16;
    }
    return json_string_end_portable(p, end, problem);
}

size_t json_plain_run(const char *p, const char *end)
{
    const char *from = p;

    for (; end - p >= 16; p += 16) {
        uint32_t specials = json_block_specials(json_block_load(p));
        if (specials)
            return (size_t)(p - from) + (size_t)__builtin_ctz(specials);
    }
    while (p < end && is_plain(*p))
        p++;
    return (size_t)(p - from);
}
#else
const char *json_string_end(const char *p, const char *end, const char **problem)
{
    return json_string_end_portable(p, end, problem);
}

size_t json_plain_run(const char *p, const char *end)
{
    const char *from = p;

    while (end - p >= 8 && block8_is_plain(p))
        p += 8;
    while (p < end && is_plain(*p))
        p++;
    return (size_t)(p - from);
}
#endif

/* The code point of the \u escape at *p, both halves of a surrogate pair together; moves *p behind it. */
static uint32_t unicode_escape(const char **p, const char *end)
{
    int32_t high = hex4(*p + 2, end);

    assert(high >= 0); /* the text was scanned before */
    *p += 6;
    if (high < 0xD800 || high > 0xDFFF)
        return (uint32_t)high;
    if (high < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        int32_t low = hex4(*p + 2, end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *p += 6;
            return 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
        }
    }
    return 0xFFFD;
}

/* What the escape at *p stands for, as UTF-8; moves *p behind it. No escape yields more bytes than it has. */
static inline unsigned escape_decode(const char **p, const char *end, char out[4])
{
    static const char meanings[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                       ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

    assert(end - *p >= 2 && (*p)[0] == '\\');
    char letter = (*p)[1];
    if (letter == 'u')
        return str_utf8_put(unicode_escape(p, end), out);
    out[0] = meanings[(unsigned char)letter];
    assert(out[0]);
    *p += 2;
    return 1;
}

/* Writes what p … end means, which is never longer than it is: `to` has room for all of that. Returns how much it was. Listings in
 * requests have an escape every few dozen bytes, so a block is copied before it is known how much of it is plain. */
static size_t unescape(const char *p, const char *end, char *to)
{
    const char *begin = to;

#if defined(__SSE2__)
    while (end - p >= 16) {
        __m128i v = json_block_load(p);
        _mm_storeu_si128((__m128i *)(void *)to, v);
        uint32_t slashes = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
        unsigned plain = slashes ? (unsigned)__builtin_ctz(slashes) : 16;
        p += plain;
        to += plain;
        if (slashes)
            to += escape_decode(&p, end, to);
    }
#endif
    while (p < end) {
        if (*p == '\\')
            to += escape_decode(&p, end, to);
        else
            *to++ = *p++;
    }
    return (size_t)(to - begin);
}

/* For keys that are spelled with escapes: rare, and always longer than what they mean. */
static bool escaped_key_is(struct str raw, struct str plain)
{
    const char *p = raw.ptr, *end = raw.ptr + raw.len;

    while (p < end) {
        char one[4] = {*p};
        unsigned len = 1;
        if (*p == '\\')
            len = escape_decode(&p, end, one);
        else
            p++;
        if (plain.len < len || memcmp(plain.ptr, one, len) != 0)
            return false;
        plain = str_of(plain.ptr + len, plain.len - len);
    }
    return plain.len == 0;
}

/* Hot: once per key of ours and member of the body. An escape is longer than its meaning, so equal length means no
 * escape, and a shorter raw text cannot match. */
bool json_key_is(struct str raw, struct str plain)
{
    if (raw.len < plain.len)
        return false;
    if (raw.len == plain.len)
        return raw.len == 0 || (memcmp(raw.ptr, plain.ptr, raw.len) == 0 && !memchr(raw.ptr, '\\', raw.len));
    return memchr(raw.ptr, '\\', raw.len) && escaped_key_is(raw, plain);
}

int json_unescape(struct str raw, struct buf *out)
{
    if (raw.len == 0)
        return 0;
    int rc = buf_reserve(out, raw.len);
    if (rc == 0)
        out->len += unescape(raw.ptr, raw.ptr + raw.len, out->ptr + out->len);
    if (rc != ERR_LIMIT)
        return rc;
    char *apart = mem_alloc(raw.len); /* what it means may fit all the same */
    if (!apart)
        return ERR_NOMEM;
    rc = buf_append(out, str_of(apart, unescape(raw.ptr, raw.ptr + raw.len, apart)));
    mem_free(apart);
    return rc;
}

struct str json_unescape_arena(struct str raw, struct arena *a)
{
    if (raw.len == 0 || !memchr(raw.ptr, '\\', raw.len))
        return raw.ptr ? raw : STR("");
    char *text = arena_alloc(a, raw.len);
    return text ? str_of(text, unescape(raw.ptr, raw.ptr + raw.len, text)) : STR_NONE;
}
