/* tokenizer_unicode.c: what pre-tokenizers and WordPiece must know of characters. The tables are made by tools/unicode-tables. */
#include "engine/tokenizer_priv.h"

/* How the tables are made: a run of capitals whose lower case stands `delta` away, every `step`-th code point of it; and what a
 * character decomposes to: one code point, or BASE_MANY | count << 16 | where they stand in base_pool. */
struct lower_run {
    uint32_t first, last, step;
    int32_t delta;
};
struct base_of {
    uint32_t cp, to;
};
#define BASE_MANY 0x80000000u
#include "engine/tokenizer_unicode.inc"

enum { CATEGORY = 0x1F, WHITE_SPACE = 0x20, ASCII = 128 };

/* Runs hold `first code point << 8 | category | WHITE_SPACE`. */
static uint32_t class_by_run(uint32_t cp)
{
    size_t low = 0, high = COUNT_OF(class_run);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (class_run[middle] >> 8 <= cp)
            low = middle;
        else
            high = middle;
    }
    uint32_t c = class_run[low];
    return 1u << (c & CATEGORY) | (c & WHITE_SPACE ? CH_SPACE : 0);
}

uint32_t unicode_class(uint32_t cp)
{
    return cp > 0x10FFFF ? 0 : class_by_run(cp);
}

uint32_t unicode_lower(uint32_t cp)
{
    size_t low = 0, high = COUNT_OF(lower_run);
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct lower_run *r = &lower_run[middle];
        if (cp < r->first)
            high = middle;
        else if (cp > r->last)
            low = middle + 1;
        else
            return (cp - r->first) % r->step ? cp : cp + (uint32_t)r->delta;
    }
    return cp;
}

/* Hangul syllables decompose by arithmetic: The Unicode Standard, section 3.12. */
static unsigned hangul(uint32_t cp, uint32_t out[3])
{
    enum { L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11A7, V_COUNT = 21, T_COUNT = 28 };
    out[0] = L_BASE + cp / (V_COUNT * T_COUNT);
    out[1] = V_BASE + cp / T_COUNT % V_COUNT;
    out[2] = T_BASE + cp % T_COUNT;
    return cp % T_COUNT ? 3 : 2;
}

unsigned unicode_base(uint32_t cp, uint32_t out[3])
{
    enum { HANGUL = 0xAC00, HANGUL_END = 0xD7A4 };
    if (cp >= HANGUL && cp < HANGUL_END)
        return hangul(cp - HANGUL, out);
    if (cp >= ASCII && unicode_class(cp) & CH_MN)
        return 0;
    size_t low = 0, high = COUNT_OF(base_of);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (base_of[middle].cp < cp)
            low = middle + 1;
        else
            high = middle;
    }
    out[0] = cp;
    if (low == COUNT_OF(base_of) || base_of[low].cp != cp)
        return 1;
    uint32_t to = base_of[low].to;
    out[0] = to;
    if (!(to & BASE_MANY))
        return 1;
    unsigned count = to >> 16 & 3;
    memcpy(out, base_pool + (to & 0xFFFF), count * sizeof *out);
    return count;
}

struct ch unicode_at(const char *p, const char *end)
{
    if (p == end)
        return (struct ch){0};
    unsigned char first = (unsigned char)*p;
    if (first < ASCII)
        return (struct ch){first, unicode_ascii[first], 1};
    size_t len;
    uint32_t cp = str_utf8_at(str_of(p, (size_t)(end - p)), 0, &len);
    return (struct ch){cp, class_by_run(cp), (unsigned)len};
}
