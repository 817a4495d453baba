/* estimate.c: about how many tokens a text is, without a vocabulary; see wire.h.
 *
 * Byte-pair tokenizers first cut a text into pieces (a word with the blank before it, up to three digits, a run of
 * marks, a run of line ends) and most pieces are one token or a little more. We cut in the same places, by class of
 * character, and add up what a piece of that kind and length costs on average. The costs are thousandths of a token,
 * fitted by least squares to o200k_base and cl100k_base over prose in eight languages, code, JSON, logs, tables and
 * random text, then raised by hand for long and accented words, where the older tokenizer needs more than the newer.
 * Where the two disagree most (Russian, Korean, Chinese, Japanese) the costs lie between them, nearer to the newer.
 * What becomes of it is held against real counts in tests/golden/tokens.
 *
 * One pass, a table look-up per byte, nothing allocated; long texts are sampled. */
#include "wire/wire.h"

enum char_class {
    OTHER, /* 0, so that what the table does not name is this */
    LOWER,
    UPPER,
    ACCENT, /* Latin letters beyond ASCII */
    DIGIT,
    SPACE,
    TAB,
    NEWLINE,
    MARK,
    ALPHABET, /* letters of two bytes that are not Latin: Greek, Cyrillic, Hebrew, Arabic… */
    INDIC,    /* letters of three bytes: Indic scripts, Thai, Georgian… */
    HAN,
    KANA,
    HANGUL,
    WIDE_MARK, /* marks of East Asian text */
    SYMBOL,
    EMOJI, /* everything of four bytes */
};

/* By first byte. */
static const uint8_t class_of[256] = {
    ['!' ... '/'] = MARK,
    [':' ... '@'] = MARK,
    ['[' ... '`'] = MARK,
    ['{' ... '~'] = MARK,
    ['a' ... 'z'] = LOWER,
    ['A' ... 'Z'] = UPPER,
    ['0' ... '9'] = DIGIT,
    [' '] = SPACE,
    ['\t'] = TAB,
    ['\n'] = NEWLINE,
    ['\r'] = NEWLINE,
    [0xc2] = SYMBOL,
    [0xc3 ... 0xc9] = ACCENT,
    [0xca ... 0xdf] = ALPHABET,
    [0xe0 ... 0xe1] = INDIC,
    [0xe2] = SYMBOL,
    [0xe3] = KANA,
    [0xe4 ... 0xe9] = HAN,
    [0xea ... 0xed] = HANGUL,
    [0xef] = WIDE_MARK,
    [0xf0 ... 0xf4] = EMOJI,
};

/* What stands before a piece; a single blank belongs to the word behind it. */
enum before { BEFORE_NOTHING, BEFORE_SPACE, BEFORE_LETTER, BEFORE_DIGIT, BEFORE_MARK };

struct estimator {
    const unsigned char *pos, *end;
    bool escaped;
    enum before before;
    int64_t cost; /* thousandths of a token */
};

struct unit {
    uint8_t class, bytes;
};

/* --- costs, in thousandths of a token ----------------------------------------------------------------------------- */

/* Index: letters of the word. */
static const int16_t cost_word[] = {0,    890,  900,  1000, 1000, 1120, 1240, 1240, 1350,
                                    1470, 1550, 1660, 1770, 1880, 1980, 2080, 2180};
/* Words that begin right behind a letter or a digit. */
static const int16_t cost_inner[] = {0, 1070, 1430, 1100, 910, 820, 800, 790, 790};
static const int16_t cost_capitals[] = {0, 890, 1530, 1300, 1270, 1270, 1270, 1270};
static const int16_t cost_alphabet[] = {0, 800, 1010, 1210, 1440, 1650, 1860, 2080, 2300, 2500, 2720, 2930, 3140};
static const int16_t cost_marks[] = {0, 900, 1170, 1300, 1830};
static const int16_t cost_character[] = {
    [OTHER] = 1000, [INDIC] = 450,     [HAN] = 850,     [KANA] = 820,
    [HANGUL] = 810, [WIDE_MARK] = 910, [SYMBOL] = 1010, [EMOJI] = 1960,
};
enum {
    COST_LETTER_MORE = 260, /* per letter beyond the table */
    COST_CAPITAL_MORE = 340,
    COST_ALPHABET_MORE = 240,
    COST_MARK_MORE = 370,
    COST_ACCENT = 1300,   /* on top, per letter: words of other languages fall into more parts */
    COST_WORD_BARE = -60, /* no blank before it */
    COST_DIGITS = 1100,   /* per three */
    COST_DIGITS_SPACED = 820,
    COST_MARKS_SPACED = 160,
    COST_MARKS_WORD = -430, /* often one token with the word behind them */
    COST_RULER = 1010,
    COST_NEWLINES = 760,
    COST_NEWLINES_MARKED = 90, /* one token with the mark before them */
    COST_SPACES = 910,
    COST_TABS = 770,
};

static int64_t cost_by_length(const int16_t *cost, size_t longest, int64_t more, size_t length)
{
    return length <= longest ? cost[length] : cost[longest] + more * (int64_t)(length - longest);
}
#define COST_BY_LENGTH(table, more, length) cost_by_length(table, COUNT_OF(table) - 1, more, length)

/* --- characters --------------------------------------------------------------------------------------------------- */

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t class_of_code_point(int u)
{
    static const struct {
        uint16_t below;
        uint8_t class;
    } ranges[] = {
        {0x80, MARK}, /* encoders escape only marks and controls of ASCII */
        {0xc0, SYMBOL}, {0x250, ACCENT}, {0x800, ALPHABET}, {0x2000, INDIC}, {0x3000, SYMBOL}, {0x3040, WIDE_MARK},
        {0x3400, KANA}, {0xa000, HAN},   {0xd800, HANGUL},  {0xe000, EMOJI}, {0xff00, OTHER},
    };
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (u < ranges[i].below)
            return ranges[i].class;
    return WIDE_MARK;
}

/* A backslash in raw JSON text, with what it introduces. */
static struct unit escape_at(const unsigned char *p, size_t left)
{
    if (left < 2)
        return (struct unit){MARK, 1};
    if (p[1] == 'n' || p[1] == 'r')
        return (struct unit){NEWLINE, 2};
    if (p[1] == 't')
        return (struct unit){TAB, 2};
    if (p[1] != 'u' || left < 6)
        return (struct unit){MARK, 2};
    int u = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0)
            return (struct unit){MARK, 2};
        u = u * 16 + digit;
    }
    bool pair = u >= 0xd800 && u < 0xdc00 && left >= 12 && p[6] == '\\' && p[7] == 'u';
    return (struct unit){class_of_code_point(u), pair ? 12 : 6};
}

static inline struct unit unit_at(const struct estimator *s)
{
    const unsigned char *p = s->pos;
    size_t left = (size_t)(s->end - p);
    uint8_t class = class_of[*p];
    if (*p < 0x80)
        return s->escaped && *p == '\\' ? escape_at(p, left) : (struct unit){class, 1};
    size_t bytes = *p < 0xc2 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
    if (class == KANA && left > 1) /* U+3000 marks, U+3040 kana, U+3400 the first of Han */
        class = p[1] == 0x80 ? WIDE_MARK : p[1] < 0x90 ? KANA : HAN;
    return (struct unit){class, (uint8_t)(bytes < left ? bytes : left)};
}

/* Steps over units of one class; returns how many. */
static size_t run(struct estimator *s, uint8_t class)
{
    size_t count = 0;
    while (s->pos < s->end) {
        struct unit u = unit_at(s);
        if (u.class != class)
            break;
        s->pos += u.bytes;
        count++;
    }
    return count;
}

/* The same for classes of one byte that are never escaped. */
static inline size_t run_bytes(struct estimator *s, uint8_t class)
{
    const unsigned char *from = s->pos;
    while (s->pos < s->end && class_of[*s->pos] == class)
        s->pos++;
    return (size_t)(s->pos - from);
}

/* --- pieces ------------------------------------------------------------------------------------------------------- */

/* One word of Latin letters, at most one capital in front; `capitals` of them have been stepped over. Tokenizers know
 * thousands of words with the blank before them and far fewer that begin inside another (camelCase, base64, hex). */
static void add_word(struct estimator *s, size_t capitals)
{
    size_t length = capitals, accents = 0;
    for (;;) {
        length += run_bytes(s, LOWER);
        if (s->pos == s->end || (class_of[*s->pos] != ACCENT && *s->pos != '\\'))
            break;
        size_t more = run(s, ACCENT);
        if (more == 0)
            break;
        accents += more;
        length += more;
    }
    if (s->before == BEFORE_LETTER || s->before == BEFORE_DIGIT)
        s->cost += COST_BY_LENGTH(cost_inner, COST_LETTER_MORE, length);
    else
        s->cost +=
            COST_BY_LENGTH(cost_word, COST_LETTER_MORE, length) + (s->before == BEFORE_SPACE ? 0 : COST_WORD_BARE);
    s->cost += COST_ACCENT * (int64_t)accents;
}

static void add_letters(struct estimator *s)
{
    size_t capitals = run_bytes(s, UPPER);
    if (capitals > 1 && s->pos < s->end && class_of[*s->pos] == LOWER) {
        capitals--; /* the last one begins the next word: HTTPServer */
        s->pos--;
    }
    if (capitals > 1)
        s->cost += COST_BY_LENGTH(cost_capitals, COST_CAPITAL_MORE, capitals) +
                   (s->before == BEFORE_SPACE ? 0 : COST_WORD_BARE);
    else
        add_word(s, capitals);
    s->before = BEFORE_LETTER;
}

static void add_digits(struct estimator *s)
{
    size_t groups = (run_bytes(s, DIGIT) + 2) / 3;
    s->cost += COST_DIGITS * (int64_t)groups + (s->before == BEFORE_SPACE ? COST_DIGITS_SPACED : 0);
    s->before = BEFORE_DIGIT;
}

/* Steps over a run of one mark, escaped or not, inside a run of marks; returns its length, 0 where the marks end. */
static size_t run_same_mark(struct estimator *s)
{
    const unsigned char *from = s->pos;
    size_t length = 0;
    while (s->pos < s->end && *s->pos == *from) {
        struct unit u = unit_at(s);
        if (u.class != MARK)
            break;
        s->pos += u.bytes;
        length++;
    }
    return length;
}

static void add_marks(struct estimator *s)
{
    enum { RULER_MIN = 4, RULER_TOKEN = 64 }; /* "======": long runs of one mark are in every vocabulary */
    size_t single = 0, same;
    s->cost += s->before == BEFORE_SPACE ? COST_MARKS_SPACED : 0;
    while (s->pos < s->end && (same = run_same_mark(s)) > 0) {
        if (same < RULER_MIN)
            single += same;
        else
            s->cost += COST_RULER * (int64_t)(1 + same / RULER_TOKEN);
    }
    s->cost += COST_BY_LENGTH(cost_marks, COST_MARK_MORE, single);
    if (s->pos < s->end && (class_of[*s->pos] == LOWER || class_of[*s->pos] == UPPER))
        s->cost += COST_MARKS_WORD;
    s->before = BEFORE_MARK;
}

static void add_spaces(struct estimator *s)
{
    enum { SPACES_TOKEN = 80 }; /* about the longest run of blanks that vocabularies have */
    size_t length = run_bytes(s, SPACE);
    if (length > 1)
        s->cost += COST_SPACES * (int64_t)(1 + length / SPACES_TOKEN);
    s->before = BEFORE_SPACE;
}

static void add_newlines(struct estimator *s)
{
    enum { NEWLINES_TOKEN = 8 };
    size_t length = run(s, NEWLINE);
    s->cost += s->before == BEFORE_MARK ? COST_NEWLINES_MARKED : COST_NEWLINES;
    s->cost += COST_NEWLINES * (int64_t)(length / NEWLINES_TOKEN);
    s->before = BEFORE_NOTHING;
}

static void add_tabs(struct estimator *s)
{
    enum { TABS_TOKEN = 16 };
    s->cost += COST_TABS * (int64_t)(1 + run(s, TAB) / TABS_TOKEN);
    s->before = BEFORE_NOTHING;
}

static void add_one(struct estimator *s, struct unit u)
{
    s->cost += cost_character[u.class];
    s->pos += u.bytes;
    s->before = BEFORE_NOTHING;
}

/* Thousandths of a token. */
static int64_t cost_of(struct str text, bool escaped)
{
    struct estimator s = {.escaped = escaped, .pos = (const unsigned char *)text.ptr};
    s.end = s.pos + text.len;
    while (s.pos < s.end) {
        struct unit u = unit_at(&s);
        switch (u.class) {
        case LOWER:
        case UPPER:
        case ACCENT: add_letters(&s); break;
        case DIGIT: add_digits(&s); break;
        case SPACE: add_spaces(&s); break;
        case NEWLINE: add_newlines(&s); break;
        case TAB: add_tabs(&s); break;
        case MARK: add_marks(&s); break;
        case ALPHABET:
            s.cost += COST_BY_LENGTH(cost_alphabet, COST_ALPHABET_MORE, run(&s, ALPHABET));
            s.before = BEFORE_LETTER;
            break;
        default: add_one(&s, u);
        }
    }
    return s.cost;
}

/* --- long texts ---------------------------------------------------------------------------------------------------- */

/* A long text is sampled: windows spread over it are counted and stand for the rest. Reading all of a megabyte would take as long as
 * relaying it, and the windows' own error (three in a hundred, where kinds of text alternate) is small against that of the costs. Each
 * has its place in its own share of the text by chance, so that nothing that repeats keeps step with them; the same chance each time. */
enum { WHOLE_BYTES_MAX = 16 * 1024, WINDOWS = 64, WINDOW_BYTES = 128 };

static uint64_t window_begin(uint64_t bytes, uint64_t i)
{
    uint64_t share = bytes / WINDOWS, chance = (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
    return i * share + (chance >> 32) % (share - WINDOW_BYTES + 1);
}

/* A window that begins inside a character begins behind it. */
static struct str whole_characters(struct str text)
{
    size_t torn = 0;
    while (torn < text.len && torn < 3 && ((unsigned char)text.ptr[torn] & 0xc0) == 0x80)
        torn++;
    return str_skip(text, torn);
}

void tokens_count_init(struct tokens_count *t, uint64_t bytes)
{
    *t = (struct tokens_count){.bytes = bytes, .next = bytes > WHOLE_BYTES_MAX ? window_begin(bytes, 0) : 0};
}

/* The parts of the windows that lie in this text; a window may reach over many, and many into one. */
static void add_windows(struct tokens_count *t, struct str text, bool escaped)
{
    uint64_t begin = t->at, end = begin + text.len;
    while (t->window < WINDOWS && t->next < end) {
        uint64_t from = t->next < begin ? begin : t->next, to = t->next + WINDOW_BYTES;
        struct str seen = str_slice(text, (size_t)(from - begin), (size_t)((to < end ? to : end) - begin));
        t->cost += cost_of(from == t->next ? whole_characters(seen) : seen, escaped);
        t->counted += seen.len;
        if (to > end)
            break;
        t->next = ++t->window < WINDOWS ? window_begin(t->bytes, t->window) : UINT64_MAX;
    }
}

void tokens_count_add(struct tokens_count *t, struct str text, bool escaped)
{
    if (t->bytes <= WHOLE_BYTES_MAX)
        t->cost += text.len ? (cost_of(text, escaped) + 999) / 1000 * 1000 : 0; /* no text is less than a token */
    else
        add_windows(t, text, escaped);
    t->at += text.len;
}

int64_t tokens_count_end(const struct tokens_count *t)
{
    int64_t cost = t->cost;
    if (t->counted)
        cost = (int64_t)((__int128)cost * (int64_t)t->bytes / (int64_t)t->counted);
    return (cost + 999) / 1000;
}

int64_t tokens_estimate(struct str text, bool escaped)
{
    struct tokens_count t;
    tokens_count_init(&t, text.len);
    tokens_count_add(&t, text, escaped);
    return tokens_count_end(&t);
}
