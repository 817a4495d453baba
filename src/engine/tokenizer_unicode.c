/* tokenizer_unicode.c: what pre-tokenizers, normalizers and WordPiece must know of characters. The tables are made by tools/unicode-tables. */
#include "engine/tokenizer_priv.h"
#include <assert.h>

/* How the tables are made: a run of capitals whose lower case stands `delta` away, every `step`-th code point of it; what a character
 * decomposes to in one step (`second` 0: that alone); and where in there the pairs stand that become one again, sorted by the pair. */
struct lower_run {
    uint32_t first, last, step;
    int32_t delta;
};
struct split_of {
    uint32_t cp, first, second;
};
#include "engine/tokenizer_unicode.inc"

enum { CATEGORY = 0x1F, WHITE_SPACE = 0x20, ASCII = 128 };

/* Runs hold `first code point << 8 | value`. */
static uint32_t value_by_run(const uint32_t *run, size_t count, uint32_t cp)
{
    size_t low = 0, high = count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (run[middle] >> 8 <= cp)
            low = middle;
        else
            high = middle;
    }
    return run[low] & 0xFF;
}

/* The value is category | WHITE_SPACE. */
static uint32_t class_by_run(uint32_t cp)
{
    uint32_t c = value_by_run(class_run, COUNT_OF(class_run), cp);
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
enum { SYLLABLE = 0xAC00, L_BASE = 0x1100, V_BASE = 0x1161, T_BASE = 0x11A7, L_COUNT = 19, V_COUNT = 21, T_COUNT = 28 };
enum { SYLLABLE_COUNT = L_COUNT * V_COUNT * T_COUNT };

/* One step: a syllable with an end into one without and its end. */
static bool hangul_split(uint32_t cp, struct split_of *out)
{
    uint32_t i = cp - SYLLABLE, end = i % T_COUNT;
    if (cp < SYLLABLE || i >= SYLLABLE_COUNT)
        return false;
    *out = end ? (struct split_of){cp, cp - end, T_BASE + end}
               : (struct split_of){cp, L_BASE + i / (V_COUNT * T_COUNT), V_BASE + i / T_COUNT % V_COUNT};
    return true;
}

static uint32_t hangul_join(uint32_t first, uint32_t second)
{
    uint32_t l = first - L_BASE, v = second - V_BASE, s = first - SYLLABLE, t = second - T_BASE;
    if (first >= L_BASE && l < L_COUNT && second >= V_BASE && v < V_COUNT)
        return SYLLABLE + (l * V_COUNT + v) * T_COUNT;
    bool open = first >= SYLLABLE && s < SYLLABLE_COUNT && s % T_COUNT == 0;
    return open && second > T_BASE && t < T_COUNT ? first + t : 0;
}

static bool split_once(uint32_t cp, struct split_of *out)
{
    size_t low = 0, high = COUNT_OF(split_of);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (split_of[middle].cp < cp)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT_OF(split_of) || split_of[low].cp != cp)
        return hangul_split(cp, out);
    *out = split_of[low];
    return true;
}

unsigned unicode_split(uint32_t cp, uint32_t out[UNICODE_SPLIT_MAX])
{
    struct split_of s;
    if (!split_once(cp, &s)) {
        out[0] = cp;
        return 1;
    }
    unsigned count = unicode_split(s.first, out); /* only the first half is ever cut again */
    if (s.second) {
        assert(count < UNICODE_SPLIT_MAX);
        out[count++] = s.second;
    }
    return count;
}

unsigned unicode_base(uint32_t cp, uint32_t out[UNICODE_SPLIT_MAX])
{
    if (cp >= ASCII && unicode_class(cp) & CH_MN)
        return 0;
    unsigned kept = 0, count = unicode_split(cp, out);
    for (unsigned i = 0; i < count; i++)
        if (!(unicode_class(out[i]) & CH_MN))
            out[kept++] = out[i];
    return kept;
}

uint32_t unicode_join(uint32_t first, uint32_t second)
{
    size_t low = 0, high = COUNT_OF(pair_of);
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct split_of *s = &split_of[pair_of[middle]];
        if (s->first < first || (s->first == first && s->second < second))
            low = middle + 1;
        else
            high = middle;
    }
    if (low < COUNT_OF(pair_of) && split_of[pair_of[low]].first == first && split_of[pair_of[low]].second == second)
        return split_of[pair_of[low]].cp;
    return hangul_join(first, second);
}

unsigned unicode_order(uint32_t cp)
{
    return cp > 0x10FFFF ? 0 : value_by_run(order_run, COUNT_OF(order_run), cp);
}

bool unicode_begins(uint32_t cp)
{
    if (unicode_order(cp))
        return false;
    size_t low = 0, high = COUNT_OF(joins);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (joins[middle] < cp)
            low = middle + 1;
        else
            high = middle;
    }
    return low == COUNT_OF(joins) || joins[low] != cp;
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
