/* str.c: comparing, cutting and reading slices; see str.h. */
#include "base/str.h"

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool str_eq_fold(struct str a, struct str b)
{
    return a.len == b.len && str_starts_fold(a, b);
}

int str_compare(struct str a, struct str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_starts_fold(struct str s, struct str prefix)
{
    if (s.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++)
        if (fold(s.ptr[i]) != fold(prefix.ptr[i]))
            return false;
    return true;
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_skip(s, s.len - suffix.len), suffix);
}

ptrdiff_t str_find(struct str s, struct str what)
{
    const char *hit = s.len && what.len ? memmem(s.ptr, s.len, what.ptr, what.len) : NULL;
    return hit ? hit - s.ptr : (what.len ? -1 : 0);
}

ptrdiff_t str_find_char(struct str s, char c)
{
    const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return hit ? hit - s.ptr : -1;
}

bool str_contains_fold(struct str s, struct str what)
{
    for (size_t i = 0; i + what.len <= s.len; i++)
        if (str_starts_fold(str_skip(s, i), what))
            return true;
    return false;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
    if (to > s.len)
        to = s.len;
    if (from > to)
        from = to;
    return (struct str){s.ptr ? s.ptr + from : NULL, to - from};
}

struct str str_skip(struct str s, size_t n)
{
    return str_slice(s, n, s.len);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.len && is_blank(s.ptr[0]))
        s = str_skip(s, 1);
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool str_cut(struct str *rest, char sep, struct str *part)
{
    if (rest->len == 0)
        return false;
    ptrdiff_t at = str_find_char(*rest, sep);
    size_t end = at < 0 ? rest->len : (size_t)at;
    *part = str_slice(*rest, 0, end);
    *rest = str_skip(*rest, at < 0 ? end : end + 1);
    return true;
}

/* Linear in practice: on a mismatch we go back to the last star only (the classic two-pointer match). */
bool str_match_glob(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_t = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            star_t = t;
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++star_t;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(n, (uint64_t)10, &n) || __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
            return false;
    }
    if (s.len == 0)
        return false;
    *out = n;
    return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
    bool minus = s.len > 1 && s.ptr[0] == '-';
    uint64_t n;
    if (!str_to_u64(minus ? str_skip(s, 1) : s, &n) || n > (uint64_t)INT64_MAX)
        return false;
    *out = minus ? -(int64_t)n : (int64_t)n;
    return true;
}

bool str_to_scaled(struct str s, int scale, int64_t *out)
{
    ptrdiff_t dot = str_find_char(s, '.');
    struct str whole = dot < 0 ? s : str_slice(s, 0, (size_t)dot);
    struct str part = dot < 0 ? STR_NONE : str_skip(s, (size_t)dot + 1);
    if (whole.len + part.len == 0 || (dot >= 0 && part.len == 0))
        return false;
    int64_t n = 0;
    for (size_t i = 0; i < whole.len + (size_t)scale || i < whole.len + part.len; i++) {
        char c = i < whole.len ? whole.ptr[i] : i - whole.len < part.len ? part.ptr[i - whole.len] : '0';
        if (c < '0' || c > '9')
            return false;
        if (i >= whole.len + (size_t)scale) {
            if (c != '0')
                return false; /* more decimals than the scale can hold */
            continue;
        }
        if (__builtin_mul_overflow(n, (int64_t)10, &n) || __builtin_add_overflow(n, (int64_t)(c - '0'), &n))
            return false;
    }
    *out = n;
    return true;
}

static const struct {
    struct str name;
    int64_t us;
} units[] = {
    {{"ms", 2}, 1000},          {{"us", 2}, 1},
    {{"\xc2\xb5s", 3}, 1},      {{"s", 1}, 1000000},
    {{"m", 1}, 60000000},       {{"h", 1}, 3600000000},
    {{"d", 1}, 86400000000},
};

/* One "number unit" at the start of *s; the unit ends where the next digit starts. */
static bool take_span(struct str *s, int64_t *us)
{
    size_t n = 0;
    while (n < s->len && (s->ptr[n] == '.' || (s->ptr[n] >= '0' && s->ptr[n] <= '9')))
        n++;
    int64_t number; /* thousandths: enough for every duration seen, exact for ms */
    if (!str_to_scaled(str_slice(*s, 0, n), 6, &number))
        return false;
    *s = str_skip(*s, n);
    size_t unit_len = 0;
    while (unit_len < s->len && s->ptr[unit_len] != '.' && (s->ptr[unit_len] < '0' || s->ptr[unit_len] > '9'))
        unit_len++;
    if (unit_len == 2 && str_starts(*s, STR("ns"))) {
        *us = number / 1000000000;
        *s = str_skip(*s, 2);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (!str_eq(str_slice(*s, 0, unit_len), units[i].name))
            continue;
        __int128 product = (__int128)number * units[i].us / 1000000;
        if (product > INT64_MAX)
            return false;
        *us = (int64_t)product;
        *s = str_skip(*s, unit_len);
        return true;
    }
    return false;
}

bool str_to_duration_us(struct str s, int64_t *out)
{
    int64_t bare;
    if (str_to_scaled(s, 6, &bare)) {
        *out = bare;
        return true;
    }
    int64_t total = 0;
    if (s.len == 0)
        return false;
    while (s.len) {
        int64_t us;
        if (!take_span(&s, &us) || __builtin_add_overflow(total, us, &total))
            return false;
    }
    *out = total;
    return true;
}

/* Well-formed sequences: The Unicode Standard, table 3-7. */
unsigned str_utf8_length(struct str s)
{
    const unsigned char *b = (const unsigned char *)s.ptr;
    if (s.len == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    unsigned len = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : 2;
    if (b[0] < 0xC2 || b[0] > 0xF4 || s.len < len)
        return 0;
    unsigned char low = b[0] == 0xE0 ? 0xA0 : b[0] == 0xF0 ? 0x90 : 0x80, high = b[0] == 0xED ? 0x9F : b[0] == 0xF4 ? 0x8F : 0xBF;
    if (b[1] < low || b[1] > high)
        return 0;
    for (unsigned i = 2; i < len; i++)
        if ((b[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

uint32_t str_utf8_at(struct str s, size_t at, size_t *len)
{
    const unsigned char *b = (const unsigned char *)s.ptr + at;
    *len = str_utf8_length(str_of(b, s.len - at));
    switch (*len) {
    case 0: *len = 1; return 0xFFFD;
    case 1: return b[0];
    case 2: return (b[0] & 0x1Fu) << 6 | (b[1] & 0x3Fu);
    case 3: return (b[0] & 0xFu) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu);
    default: return (b[0] & 7u) << 18 | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 | (b[3] & 0x3Fu);
    }
}

unsigned str_utf8_put(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    unsigned len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (unsigned i = len - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((0xF00u >> len & 0xFF) | c);
    return len;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a, 64 bit */
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
    return h;
}
