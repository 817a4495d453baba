/* tokenizer_split.c: pre-tokenizers: how the families of byte-level BPE cut a text into pieces before they merge anything.
 *
 * A family is a list of steps; each step finds matches of one pattern, and both what matches and what stands between two matches
 * goes on to the next step as pieces of their own. The patterns are published as regular expressions (the comment over each
 * function, alternatives from left to right, backtracking as PCRE does it); here they are functions over character classes, each
 * linear: where a pattern has to look far ahead in vain, it looks there once. */
#include "engine/tokenizer_priv.h"

/* The end of the match that begins at p, or NULL. On NULL, *again may be moved on: no match begins before. */
typedef const char *match_fn(const char *p, const char *end, const char **again);

enum { STEPS_MAX = 6 };
struct split_family {
    const char *names; /* separated by blanks */
    match_fn *step[STEPS_MAX + 1];
    struct split_flags flags;
};

/* --- parts of patterns ---------------------------------------------------------------------------------------------------------- */

enum { LN = CH_L | CH_N, SPACE_LN = CH_SPACE | CH_L | CH_N };
enum { WORD_UPPER = CH_LU | CH_LT | CH_LM | CH_LO | CH_M, WORD_LOWER = CH_LL | CH_LM | CH_LO | CH_M };

static bool is_in(struct ch c, uint32_t set)
{
    return (c.set & set) != 0;
}

/* A character outside the set; the end is none. */
static bool is_out(struct ch c, uint32_t set)
{
    return c.len && !(c.set & set);
}

static bool is_line_end(struct ch c)
{
    return c.cp == '\n' || c.cp == '\r';
}

static const char *skip_in(const char *p, const char *end, uint32_t set)
{
    for (struct ch c; is_in(c = unicode_at(p, end), set);)
        p += c.len;
    return p;
}

static const char *skip_out(const char *p, const char *end, uint32_t set)
{
    for (struct ch c; is_out(c = unicode_at(p, end), set);)
        p += c.len;
    return p;
}

static const char *skip_bytes(const char *p, const char *end, const char *bytes)
{
    while (p < end && *p && strchr(bytes, *p))
        p++;
    return p;
}

/* As many characters of the set as there are, but at most `most`; NULL when there is none. */
static const char *some_in(const char *p, const char *end, uint32_t set, int most)
{
    const char *q = p;
    for (struct ch c; most > 0 && is_in(c = unicode_at(q, end), set); most--)
        q += c.len;
    return q > p ? q : NULL;
}

static const char *past_blank(const char *p, const char *end)
{
    return p < end && *p == ' ' ? p + 1 : p;
}

/* One letter of a contraction; U+017F is a long s, and the only other character that is one of these letters whatever its case. */
static const char *letter(const char *p, const char *end, char c, bool fold)
{
    if (p < end && (*p == c || (fold && (*p | 0x20) == c)))
        return p + 1;
    bool long_s = fold && c == 's' && end - p >= 2 && p[0] == '\xC5' && p[1] == '\xBF';
    return long_s ? p + 2 : NULL;
}

/* 's|'t|'re|'ve|'m|'ll|'d, in any case when `fold` */
static const char *contraction(const char *p, const char *end, bool fold)
{
    static const char *const endings[] = {"s", "t", "re", "ve", "m", "ll", "d"};
    if (p == end || *p != '\'')
        return NULL;
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        const char *q = p + 1;
        for (const char *c = endings[i]; q && *c; c++)
            q = letter(q, end, *c, fold);
        if (q)
            return q;
    }
    return NULL;
}

/* \s+(?!\S)|\s+: a run of blanks leaves its last one to what follows, if it has another */
static const char *blanks(const char *p, const char *end)
{
    const char *q = p, *last = p;
    for (struct ch c; is_in(c = unicode_at(q, end), CH_SPACE); q += c.len)
        last = q;
    if (q == p)
        return NULL;
    return q < end && last > p ? last : q;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ */
static const char *lines_or_blanks(const char *p, const char *end)
{
    const char *lines = NULL;
    const char *q = p;
    for (struct ch c; is_in(c = unicode_at(q, end), CH_SPACE);) {
        q += c.len;
        if (is_line_end(c))
            lines = q;
    }
    return lines ? lines : blanks(p, end);
}

/* [^\r\n\p{L}\p{N}]?W+, where W is a set; `not_before` is what else may not stand in front */
static const char *word_with_one_before(const char *p, const char *end, uint32_t not_before, uint32_t word)
{
    struct ch first = unicode_at(p, end);
    if (is_out(first, not_before) && !is_line_end(first)) {
        const char *q = some_in(p + first.len, end, word, INT32_MAX);
        if (q)
            return q;
    }
    return some_in(p, end, word, INT32_MAX);
}

/*  ?[^…]+[\r\n]* */
static const char *symbols(const char *p, const char *end, uint32_t not_these, const char *trailing)
{
    const char *from = past_blank(p, end), *q = skip_out(from, end, not_these);
    return q > from ? skip_bytes(q, end, trailing) : NULL;
}

/* --- patterns -------------------------------------------------------------------------------------------------------------------- */

/* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static const char *gpt2(const char *p, const char *end, const char **again)
{
    (void)again;
    const char *q = contraction(p, end, false), *word = past_blank(p, end);
    if (q)
        return q;
    if ((q = some_in(word, end, CH_L, INT32_MAX)) || (q = some_in(word, end, CH_N, INT32_MAX)))
        return q;
    if ((q = skip_out(word, end, SPACE_LN)) > word)
        return q;
    return blanks(p, end);
}

/* (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static const char *llama3_digits(const char *p, const char *end, uint32_t word, int digits)
{
    const char *q = contraction(p, end, true);
    if (q || (q = word_with_one_before(p, end, LN, word)) || (q = some_in(p, end, CH_N, digits)) ||
        (q = symbols(p, end, CH_SPACE | CH_N | word, "\r\n")))
        return q;
    return lines_or_blanks(p, end);
}

static const char *llama3(const char *p, const char *end, const char **again)
{
    (void)again;
    return llama3_digits(p, end, CH_L, 3);
}

/* The same with \p{N}. */
static const char *qwen2(const char *p, const char *end, const char **again)
{
    (void)again;
    return llama3_digits(p, end, CH_L, 1);
}

/* The same with [\p{L}\p{M}]+ for words, and [^\s\p{L}\p{M}\p{N}] for symbols. */
static const char *qwen35(const char *p, const char *end, const char **again)
{
    (void)again;
    return llama3_digits(p, end, CH_L | CH_M, 1);
}

/* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+: without a small letter behind the run of capitals, the pattern gives
 * back from that run until its last character that both sets have. */
static const char *ends_small(const char *p, const char *end)
{
    const char *both = NULL;
    struct ch c;
    while (is_in(c = unicode_at(p, end), WORD_UPPER)) {
        p += c.len;
        if (is_in(c, WORD_LOWER))
            both = p;
    }
    return is_in(c, WORD_LOWER) ? skip_in(p, end, WORD_LOWER) : both;
}

/* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]* */
static const char *begins_large(const char *p, const char *end)
{
    const char *q = some_in(p, end, WORD_UPPER, INT32_MAX);
    return q ? skip_in(q, end, WORD_LOWER) : NULL;
}

/* [^\r\n\p{L}\p{N}]? before either, first with it and then without */
static const char *cased_word(const char *p, const char *end)
{
    struct ch first = unicode_at(p, end);
    bool before = is_out(first, LN) && !is_line_end(first);
    const char *q = NULL;
    if (before)
        q = ends_small(p + first.len, end);
    if (!q)
        q = ends_small(p, end);
    if (!q && before)
        q = begins_large(p + first.len, end);
    return q ? q : begins_large(p, end);
}

/* …|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static const char *tekken_digits(const char *p, const char *end, int digits)
{
    const char *q = some_in(p, end, CH_N, digits);
    if (q || (q = symbols(p, end, SPACE_LN, "\r\n/")))
        return q;
    return lines_or_blanks(p, end);
}

static const char *tekken(const char *p, const char *end, const char **again)
{
    (void)again;
    const char *q = cased_word(p, end);
    return q ? q : tekken_digits(p, end, 1);
}

/* tekken's, where a contraction may end a word, and with \p{N}{1,3} */
static const char *gpt4o(const char *p, const char *end, const char **again)
{
    (void)again;
    const char *q = cased_word(p, end);
    if (!q)
        return tekken_digits(p, end, 3);
    const char *with = contraction(q, end, true);
    return with ? with : q;
}

/* \p{N} */
static const char *one_digit(const char *p, const char *end, const char **again)
{
    (void)again;
    return some_in(p, end, CH_N, 1);
}

/* \p{N}{1,3} */
static const char *up_to_three_digits(const char *p, const char *end, const char **again)
{
    (void)again;
    return some_in(p, end, CH_N, 3);
}

/* \p{N}+ */
static const char *digits(const char *p, const char *end, const char **again)
{
    (void)again;
    return some_in(p, end, CH_N, INT32_MAX);
}

/* [0-9][0-9][0-9] */
static const char *three_ascii_digits(const char *p, const char *end, const char **again)
{
    (void)again;
    if (end - p < 3)
        return NULL;
    for (int i = 0; i < 3; i++)
        if (p[i] < '0' || p[i] > '9')
            return NULL;
    return p + 3;
}

/* [\p{P}…]+ */
static const char *punctuation_or(const char *p, const char *end, const char *more)
{
    const char *q = p;
    for (struct ch c; is_in(c = unicode_at(q, end), CH_P) || (c.len == 1 && *q && strchr(more, *q));)
        q += c.len;
    return q > p ? q : NULL;
}

static const char *falcon_symbols(const char *p, const char *end, const char **again)
{
    (void)again;
    return punctuation_or(p, end, "$+<=>^~|`");
}

static const char *default_symbols(const char *p, const char *end, const char **again)
{
    (void)again;
    return punctuation_or(p, end, "$+<=>^~|");
}

/* [\r\n] */
static const char *line_end(const char *p, const char *end, const char **again)
{
    (void)again;
    return p < end && (*p == '\r' || *p == '\n') ? p + 1 : NULL;
}

/* \s?X+ */
static const char *past_space(const char *p, const char *end)
{
    struct ch c = unicode_at(p, end);
    return is_in(c, CH_SPACE) ? p + c.len : p;
}

/* \s?\p{L}+ */
static const char *space_letters(const char *p, const char *end, const char **again)
{
    (void)again;
    return some_in(past_space(p, end), end, CH_L, INT32_MAX);
}

/* \s?\p{P}+ */
static const char *space_punctuation(const char *p, const char *end, const char **again)
{
    (void)again;
    return some_in(past_space(p, end), end, CH_P, INT32_MAX);
}

struct code_range {
    uint32_t first, last;
};

static const char *some_of(const char *p, const char *end, const struct code_range *range, size_t count)
{
    const char *q = p;
    for (struct ch c; (c = unicode_at(q, end)).len; q += c.len) {
        size_t low = 0, high = count; /* sorted */
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (range[middle].last < c.cp)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == count || c.cp < range[low].first)
            break;
    }
    return q > p ? q : NULL;
}

/* [一-龥ࠀ-一가-퟿]+ */
static const char *deepseek_cjk(const char *p, const char *end, const char **again)
{
    static const struct code_range range[] = {{0x800, 0x9FA5}, {0xAC00, 0xD7FF}};
    (void)again;
    return some_of(p, end, range, COUNT_OF(range));
}

/* [一-龥぀-ゟ゠-ヿ]+ */
static const char *deepseek3_cjk(const char *p, const char *end, const char **again)
{
    static const struct code_range range[] = {{0x3040, 0x30FF}, {0x4E00, 0x9FA5}};
    (void)again;
    return some_of(p, end, range, COUNT_OF(range));
}

/* \s?[A-Za-zµÀ-ÖØ-öø-ƺ…]+: the letters that have two cases, as DeepSeek lists them */
static const char *deepseek_letters(const char *p, const char *end, const char **again)
{
    static const struct code_range range[] = {
        {0x41, 0x5A}, {0x61, 0x7A}, {0xB5, 0xB5}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x1BA}, {0x1BC, 0x1BF}, {0x1C4, 0x293},
        {0x295, 0x2AF}, {0x370, 0x373}, {0x376, 0x377}, {0x37B, 0x37D}, {0x37F, 0x37F}, {0x386, 0x386}, {0x388, 0x38A},
        {0x38C, 0x38C}, {0x38E, 0x3A1}, {0x3A3, 0x3F5}, {0x3F7, 0x481}, {0x48A, 0x52F}, {0x531, 0x556}, {0x10A0, 0x10C5},
        {0x13A0, 0x13F5}, {0x13F8, 0x13FD}, {0x1C90, 0x1CBA}, {0x1CBD, 0x1CBF}, {0x1D00, 0x1D2B}, {0x1D6B, 0x1D77},
        {0x1D79, 0x1D9A}, {0x1E00, 0x1F15}, {0x1F18, 0x1F1D}, {0x1F20, 0x1F45}, {0x1F48, 0x1F4D}, {0x1F50, 0x1F57},
        {0x1F59, 0x1F59}, {0x1F5B, 0x1F5B}, {0x1F5D, 0x1F5D}, {0x1F5F, 0x1F7D}, {0x1F80, 0x1FB4}, {0x1FB6, 0x1FBC},
        {0x1FBE, 0x1FBE}, {0x1FC2, 0x1FC4}, {0x1FC6, 0x1FCC}, {0x1FD0, 0x1FD3}, {0x1FD6, 0x1FDB}, {0x1FE0, 0x1FEC},
        {0x1FF2, 0x1FF4}, {0x1FF6, 0x1FFC}, {0x2102, 0x2102}, {0x2107, 0x2107}, {0x210A, 0x2113}, {0x2115, 0x2115},
        {0x2119, 0x211D}, {0x2124, 0x2124}, {0x2126, 0x2126}, {0x2128, 0x2128}, {0x212A, 0x212D}, {0x212F, 0x2134},
        {0x2139, 0x2139}, {0x213C, 0x213F}, {0x2145, 0x2149}, {0x214E, 0x214E}, {0x2183, 0x2184}, {0x2C00, 0x2C7B},
        {0x2C7E, 0x2CE4}, {0x2CEB, 0x2CEE}, {0x2CF2, 0x2CF3}, {0xA640, 0xA66D}, {0xA680, 0xA69B}, {0xA722, 0xA76F},
        {0xA771, 0xA787}, {0xA78B, 0xA78E}, {0xAB70, 0xABBF}, {0xFB00, 0xFB06}, {0xFB13, 0xFB17}, {0xFF21, 0xFF3A},
        {0xFF41, 0xFF5A}, {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB}, {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2},
        {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
    };
    (void)again;
    return some_of(past_space(p, end), end, range, COUNT_OF(range));
}

/* \s?[!-/:-~！-／：-～‘-‟　-。]+ (which has the ASCII letters in it) */
static const char *deepseek_punctuation(const char *p, const char *end, const char **again)
{
    static const struct code_range range[] = {{0x21, 0x2F}, {0x3A, 0x7E}, {0x2018, 0x201F}, {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};
    (void)again;
    const char *from = past_space(p, end), *q = some_of(from, end, range, COUNT_OF(range));
    return q || from == p ? q : some_of(p, end, range, COUNT_OF(range)); /* U+3000 is a blank and in the set */
}

/* \s+$ */
static const char *blanks_at_the_end(const char *p, const char *end, const char **again)
{
    *again = skip_in(p, end, CH_SPACE);
    return *again == end && p < end ? end : NULL;
}

static bool is_ascii_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_ascii_punctuation(char c)
{
    return c > ' ' && c < 0x7F && !is_ascii_letter(c) && !(c >= '0' && c <= '9');
}

/* [!-/:-@[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+ */
static const char *deepseek3(const char *p, const char *end, const char **again)
{
    (void)again;
    if (end - p >= 2 && is_ascii_punctuation(*p) && is_ascii_letter(p[1])) {
        const char *q = p + 2;
        while (q < end && is_ascii_letter(*q))
            q++;
        return q;
    }
    const char *q = word_with_one_before(p, end, CH_L | CH_P | CH_S, CH_L | CH_M), *from = past_blank(p, end);
    if (q)
        return q;
    if ((q = some_in(from, end, CH_P | CH_S, INT32_MAX)))
        return skip_bytes(q, end, "\r\n");
    return lines_or_blanks(p, end);
}

/* --- families ------------------------------------------------------------------------------------------------------------------ */

static const struct split_family families[] = {
    {"default", {default_symbols, gpt2, digits, three_ascii_digits}, {0}},
    {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano", {llama3}, {.ignore_merges = true, .add_bos = true}},
    {"qwen2", {qwen2}, {.composed = true}},
    {"deepseek-r1-qwen megrez stablelm2 hunyuan grok-2 solar-open kormo", {qwen2}, {0}},
    {"qwen35", {qwen35}, {.composed = true}},
    {"dbrx smaug-bpe", {llama3}, {0}},
    {"glm4 chatglm-bpe", {llama3}, {.no_bos = true}},
    {"tekken", {tekken}, {.ignore_merges = true, .add_bos = true}},
    {"gpt-4o llama4 kanana2 minimax-m2", {gpt4o}, {0}},
    {"gpt-2 phi-2 mpt olmo jais jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert exaone4", {gpt2}, {0}},
    {"roberta-bpe jina-v1-en jina-v2-code", {gpt2}, {.add_sep = true}},
    {"starcoder refact command-r smollm codeshell exaone minerva-7b", {one_digit, gpt2}, {0}},
    {"falcon", {falcon_symbols, gpt2, three_ascii_digits}, {0}},
    {"deepseek-coder", {line_end, space_letters, space_punctuation, deepseek_cjk, one_digit}, {0}},
    {"deepseek-llm", {line_end, deepseek_letters, deepseek_punctuation, blanks_at_the_end, deepseek_cjk, digits}, {0}},
    {"deepseek-v3 hunyuan-dense", {up_to_three_digits, deepseek3_cjk, deepseek3}, {0}},
};

const struct split_family *split_family_named(struct str name)
{
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        struct str rest = str_from(families[i].names), one;
        while (str_cut(&rest, ' ', &one))
            if (str_eq(one, name))
                return &families[i];
    }
    return NULL;
}

struct split_flags split_family_flags(const struct split_family *f)
{
    return f->flags;
}

struct splitter {
    split_fn *fn;
    void *ctx;
};

static int step(match_fn *const *steps, const char *p, const char *end, const struct splitter *s)
{
    if (p == end)
        return 0;
    if (!*steps)
        return s->fn(str_of(p, (size_t)(end - p)), s->ctx);
    const char *between = p;
    int rc = 0;
    while (p < end && rc == 0) {
        const char *again = p, *q = (*steps)(p, end, &again);
        if (!q) {
            p = again > p ? again : p + unicode_at(p, end).len;
            continue;
        }
        rc = step(steps + 1, between, p, s);
        if (rc == 0)
            rc = step(steps + 1, p, q, s);
        between = p = q;
    }
    return rc ? rc : step(steps + 1, between, end, s);
}

int split_text(const struct split_family *f, struct str text, split_fn *fn, void *ctx)
{
    return text.len ? step(f->step, text.ptr, text.ptr + text.len, &(struct splitter){fn, ctx}) : 0;
}
