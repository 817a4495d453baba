/* tokenizer_wpm.c: WordPiece: text is cleaned, its accents and capitals are dropped (unless the file says otherwise), and each word is cut from the left into the longest
 * pieces there are; a word that cannot be cut so is unknown as a whole.
 *
 * In a file's vocabulary, pieces that begin a word have U+2581 before them, and the others are as they are. Cleaning is that of the
 * original for models without capitals: controls, formats and private characters vanish, but for tab and the line ends; accents are the
 * nonspacing marks of the canonical decomposition; punctuation, ASCII symbols and ideographs are words of their own. */
#include "engine/tokenizer_priv.h"

static const struct str begin_of_word = {"\xE2\x96\x81", 3};

static bool is_blank(uint32_t cp, uint32_t set)
{
    return cp == '\t' || cp == '\n' || cp == '\r' || (set & CH_SPACE && !(set & CH_C));
}

static bool is_dropped(uint32_t cp, uint32_t set)
{
    enum { REPLACEMENT = 0xFFFD };
    return cp == 0 || cp == REPLACEMENT || (set & CH_C && !(set & CH_CN) && cp != '\t' && cp != '\n' && cp != '\r');
}

static bool is_ideograph(uint32_t cp)
{
    return (cp >= 0x4E00 && cp <= 0x9FFF) || (cp >= 0x3400 && cp <= 0x4DBF) || (cp >= 0x20000 && cp <= 0x2A6DF) ||
           (cp >= 0x2A700 && cp <= 0x2CEAF) || (cp >= 0xF900 && cp <= 0xFAFF) || (cp >= 0x2F800 && cp <= 0x2FA1F);
}

static bool stands_alone(uint32_t cp, uint32_t set)
{
    return set & CH_P || (cp < 0x7F && set & CH_S) || is_ideograph(cp);
}

/* The longest piece at the beginning of `text`, or TOKEN_NONE. */
static int32_t longest_piece(const struct tokenizer *t, struct str text, size_t *len)
{
    int32_t best = TOKEN_NONE;
    uint64_t hash = 0;
    for (size_t at = 0; at < text.len;) {
        unsigned step = unicode_at(text.ptr + at, text.ptr + text.len).len;
        hash = text_hash(hash, str_of(text.ptr + at, step));
        at += step;
        if (at > t->longest)
            break;
        uint32_t found = text_table_find(t, str_slice(text, 0, at), hash);
        if (found != SYMBOL_NONE && token_is_plain(t, (int32_t)found)) {
            best = (int32_t)found;
            *len = at;
        }
    }
    return best;
}

/* `word` begins with U+2581. Where that stands in the text itself, behind a piece, it is no beginning of another word's. */
static int put_word(struct encoding *en, struct str word)
{
    size_t before = en->out->count, len = 0;
    for (size_t at = 0; at < word.len; at += len) {
        bool own = at > 0 && str_starts(str_skip(word, at), begin_of_word);
        int32_t piece = own ? TOKEN_NONE : longest_piece(en->t, str_skip(word, at), &len);
        if (piece == TOKEN_NONE) {
            en->out->count = before;
            return encoding_put_byte(en, TOKEN_NONE, (unsigned char)word.ptr[at]);
        }
        int rc = encoding_put(en, piece);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int end_word(struct encoding *en)
{
    int rc = en->text.len > begin_of_word.len ? put_word(en, buf_str(&en->text)) : 0;
    buf_clear(&en->text);
    return rc < 0 ? rc : buf_append(&en->text, begin_of_word);
}

static int put_character(struct encoding *en, uint32_t cp)
{
    char bytes[4];
    bool alone = stands_alone(cp, unicode_class(cp));
    cp = en->t->keeps_case ? cp : unicode_lower(cp);
    int rc = alone ? end_word(en) : 0;
    if (rc == 0)
        rc = buf_append(&en->text, str_of(bytes, str_utf8_put(cp, bytes)));
    return rc == 0 && alone ? end_word(en) : rc;
}

/* As it is; but the lower case of U+0130 alone is two characters, and the small i is lower case already. */
static unsigned with_accents(const struct tokenizer *t, uint32_t cp, uint32_t out[UNICODE_SPLIT_MAX])
{
    enum { DOTTED_I = 0x130, DOT_ABOVE = 0x307 };
    bool dotted = cp == DOTTED_I && !t->keeps_case;
    out[0] = dotted ? 'i' : cp;
    out[1] = DOT_ABOVE;
    return dotted ? 2 : 1;
}

int wpm_encode(struct encoding *en, struct str text)
{
    const char *p = text.ptr, *end = p + text.len;
    buf_clear(&en->text);
    int rc = end_word(en);
    for (struct ch c; rc == 0 && (c = unicode_at(p, end)).len; p += c.len) {
        uint32_t base[UNICODE_SPLIT_MAX];
        if (is_dropped(c.cp, c.set))
            continue;
        if (is_blank(c.cp, c.set)) {
            rc = end_word(en);
            continue;
        }
        unsigned count = en->t->keeps_accents ? with_accents(en->t, c.cp, base) : unicode_base(c.cp, base);
        for (unsigned i = 0; i < count && rc == 0; i++)
            rc = put_character(en, base[i]);
    }
    return rc < 0 ? rc : end_word(en);
}
