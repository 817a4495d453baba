/* tokenizer_bpe.c: byte-level BPE: the symbols and merges of a vocabulary, and one word merged.
 *
 * Files write tokens and merges in an alphabet where each byte is a printable character: bytes that print stand for themselves, the
 * other 68 for U+0100 and up, in order. A word begins as its bytes; the two neighbours whose merge has the lowest rank become one,
 * until none of the neighbours can. A queue holds what can be merged; what has become stale in it is passed over when it comes up. */
#include "engine/tokenizer_priv.h"

/* --- the alphabet -------------------------------------------------------------------------------------------------------------- */

static bool prints(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

static uint32_t shown_as(unsigned byte)
{
    if (prints(byte))
        return byte;
    if (byte <= 0x20)
        return 0x100 + byte;
    return byte == 0xAD ? 0x143 : 0x121 + (byte - 0x7F);
}

static int byte_shown_as(uint32_t cp)
{
    if (cp < 0x100)
        return prints(cp) ? (int)cp : -1;
    if (cp <= 0x120)
        return (int)cp - 0x100;
    return cp <= 0x142 ? (int)cp - 0x121 + 0x7F : cp == 0x143 ? 0xAD : -1;
}

/* A text with a character outside the alphabet is what it is, as the original does it. */
size_t bpe_piece(struct str text, char *out)
{
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        struct ch c = unicode_at(text.ptr + at, text.ptr + text.len);
        int byte = byte_shown_as(c.cp);
        if (byte < 0) {
            memcpy(out, text.ptr, text.len);
            return text.len;
        }
        out[len++] = (char)byte;
        at += c.len;
    }
    return len;
}

/* --- opening ------------------------------------------------------------------------------------------------------------------- */

enum { MERGES_MAX = 16 << 20 }; /* the largest vocabularies in use have under half a million */

struct str symbol_text(const struct tokenizer *t, uint32_t symbol)
{
    return symbol < (uint32_t)t->count ? tokenizer_text(t, (int32_t)symbol) : t->extra[symbol - (uint32_t)t->count];
}

static int extra_grow(struct tokenizer *t)
{
    uint32_t cap = t->extra_cap ? 2 * t->extra_cap : 64;
    struct str *grown = mem_realloc(t->extra, cap * sizeof *grown);
    if (!grown)
        return ERR_NOMEM;
    t->extra = grown;
    t->extra_cap = cap;
    return 0;
}

/* The symbol of this text; when there is none it is made, and `text` must then stay where it is. */
static int symbol_of(struct tokenizer *t, struct str text, uint32_t *out)
{
    uint64_t hash = text_hash(0, text);
    *out = text_table_find(t, text, hash);
    if (*out != SYMBOL_NONE)
        return 0;
    if (t->extra_count == t->extra_cap && extra_grow(t) < 0)
        return ERR_NOMEM;
    t->extra[t->extra_count++] = text;
    *out = (uint32_t)t->count + t->extra_count - 1;
    return text_table_put(t, *out, hash);
}

/* "left right"; the blank is the first one at or behind the second byte. */
static bool merge_halves(struct str text, struct str *left, struct str *right)
{
    ptrdiff_t blank = text.len > 1 ? str_find_char(str_skip(text, 1), ' ') : -1;
    if (blank < 0)
        return false;
    *left = str_slice(text, 0, (size_t)blank + 1);
    *right = str_skip(text, (size_t)blank + 2);
    return right->len > 0;
}

/* Where the pair's rank stands, or would; NULL when it does not, and all near its place is taken. */
static uint32_t *pair_slot(const struct tokenizer *t, uint32_t left, uint32_t right)
{
    uint64_t h = ((uint64_t)left << 32 | right) * 0x9E3779B97F4A7C15u;
    uint32_t at = (uint32_t)(h >> 32) & t->pair_mask;
    for (int probes = 0; probes < TABLE_PROBES_MAX; probes++, at = (at + 1) & t->pair_mask) {
        uint32_t *slot = &t->pair[at];
        if (!*slot || (t->merge[*slot - 1].left == left && t->merge[*slot - 1].right == right))
            return slot;
    }
    return NULL;
}

/* The text of the merged symbol is its two halves without the blank; *at is where there is room for it. */
static int add_merge(struct tokenizer *t, uint32_t rank, struct str left, struct str right, char **at)
{
    struct merge *m = &t->merge[rank];
    int rc = symbol_of(t, left, &m->left);
    if (rc == 0)
        rc = symbol_of(t, right, &m->right);
    memcpy(*at, left.ptr, left.len);
    memcpy(*at + left.len, right.ptr, right.len);
    uint32_t before = t->extra_count;
    if (rc == 0)
        rc = symbol_of(t, str_of(*at, left.len + right.len), &m->result);
    if (rc < 0)
        return rc;
    if (t->extra_count > before)
        *at += left.len + right.len;
    uint32_t *slot = pair_slot(t, m->left, m->right);
    if (!slot)
        return ERR_LIMIT;
    if (!*slot) /* of two merges of the same pair the first counts */
        *slot = rank + 1;
    return 0;
}

static int read_merges(struct tokenizer *t, const struct gguf_array *merges, struct err *e)
{
    size_t bytes = 1;
    struct str left, right;
    for (uint64_t i = 0; i < merges->count; i++) {
        struct str text = gguf_array_text(merges, i);
        if (!merge_halves(text, &left, &right))
            return err_set(e, ERR_SYNTAX, "merge %llu of the vocabulary is not two texts with a blank between", (unsigned long long)i);
        if (text.len > TOKEN_BYTES_MAX)
            return err_set(e, ERR_LIMIT, "merge %llu of the vocabulary is longer than %d bytes", (unsigned long long)i, TOKEN_BYTES_MAX);
        bytes += text.len;
    }
    t->merge_count = (uint32_t)merges->count;
    t->merge = new0_array(struct merge, t->merge_count + 1);
    t->extra_bytes = mem_alloc(bytes);
    uint32_t slots = 16;
    while (slots / 2 < t->merge_count)
        slots *= 2;
    t->pair = new0_array(uint32_t, slots);
    t->pair_mask = slots - 1;
    if (!t->merge || !t->extra_bytes || !t->pair)
        return err_set(e, ERR_NOMEM, "the merges of a vocabulary");
    char *at = t->extra_bytes;
    for (uint32_t i = 0; i < t->merge_count; i++) {
        (void)merge_halves(gguf_array_text(merges, i), &left, &right); /* as above */
        int rc = add_merge(t, i, left, right, &at);
        if (rc < 0)
            return err_set(e, rc, "%s", rc == ERR_LIMIT ? TABLE_COLLIDES : "the merges of a vocabulary");
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[4];
        struct str shown = str_of(text, str_utf8_put(shown_as(byte), text));
        t->byte_symbol[byte] = text_table_find(t, shown, text_hash(0, shown));
    }
    return 0;
}

/* Files of Llama 3 from its first weeks do not name their pre-tokenizer. */
static bool is_early_llama3(const struct tokenizer *t)
{
    enum { EOT = 128009 };
    return t->count > EOT && str_eq(tokenizer_text(t, EOT), STR("<|eot_id|>"));
}

static int choose_family(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    struct str pre = STR("default");
    bool said = gguf_get_text(g, "tokenizer.ggml.pre", &pre);
    if (str_eq(pre, STR("default")) && is_early_llama3(t))
        pre = STR("llama-bpe");
    else if (!said)
        t->warning = "the file does not say how its text is cut into words (tokenizer.ggml.pre): the common way is taken, and answers may be worse";
    t->family = split_family_named(pre);
    if (!t->family)
        return err_set(e, ERR_UNSUPPORTED, "the pre-tokenizer `%s` (tokenizer.ggml.pre) is not supported", gguf_shown(pre).text);
    struct split_flags flags = split_family_flags(t->family);
    t->ignore_merges = flags.ignore_merges;
    t->composed = flags.composed;
    t->add_bos = flags.add_bos;
    t->add_sep = flags.add_sep;
    t->bos = flags.no_bos ? TOKEN_NONE : 11;
    t->eos = 11;
    AUTO_BUF struct buf name = BUF_INIT(200);
    (void)buf_append_format(&name, "byte-level BPE (%.*s)", STR_FMT(pre));
    t->kind_name = buf_text(&name) ? mem_dup_text(buf_text(&name)) : NULL;
    return t->kind_name ? 0 : err_set(e, ERR_NOMEM, "a vocabulary");
}

int bpe_open(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    struct gguf_array merges = {.type = GGUF_STRING};
    if (gguf_get_array(g, "tokenizer.ggml.merges", &merges) && merges.type != GGUF_STRING)
        return err_set(e, ERR_SYNTAX, "tokenizer.ggml.merges is no list of texts");
    if (merges.count > MERGES_MAX)
        return err_set(e, ERR_LIMIT, "a vocabulary with more than %d merges", MERGES_MAX);
    int rc = choose_family(t, g, e);
    return rc < 0 ? rc : read_merges(t, &merges, e);
}

/* --- one word ------------------------------------------------------------------------------------------------------------------- */

/* A symbol stands at the position of its first byte; `next` of the last one is the length of the word. */
enum { GONE = UINT32_MAX };

static int offer(struct encoding *en, uint32_t left, uint32_t right, uint32_t end)
{
    const struct tokenizer *t = en->t;
    if (right >= end)
        return 0;
    const uint32_t *slot = pair_slot(t, en->id[left], en->id[right]);
    uint32_t rank = slot ? *slot : 0;
    return rank ? encoding_heap_push(en, (struct merge_item){(uint64_t)(rank - 1) << 32 | left, 0}) : 0;
}

static int merge_all(struct encoding *en, uint32_t end)
{
    const struct tokenizer *t = en->t;
    struct merge_item item;
    int rc = 0;
    while (rc == 0 && encoding_heap_pop(en, &item)) {
        uint32_t at = (uint32_t)item.key, right = en->next[at];
        const struct merge *m = &t->merge[item.key >> 32];
        if (right >= end || en->id[at] != m->left || en->id[right] != m->right)
            continue; /* one of them has become part of something else since; SYMBOL_NONE and GONE are in no merge */
        uint32_t behind = en->next[right];
        en->id[at] = m->result;
        en->id[right] = GONE;
        en->next[at] = behind;
        if (behind < end)
            en->prev[behind] = at;
        rc = offer(en, at, behind, end);
        if (rc == 0 && at > 0)
            rc = offer(en, en->prev[at], at, end);
    }
    return rc;
}

static int put_symbol(struct encoding *en, uint32_t symbol, struct str bytes)
{
    const struct tokenizer *t = en->t;
    if (symbol < (uint32_t)t->count && token_is_plain(t, (int32_t)symbol))
        return encoding_put(en, (int32_t)symbol);
    int rc = 0;
    for (size_t i = 0; i < bytes.len && rc == 0; i++) {
        uint32_t single = t->byte_symbol[(unsigned char)bytes.ptr[i]];
        bool known = single < (uint32_t)t->count && token_is_byte(t, (int32_t)single);
        rc = encoding_put_byte(en, known ? (int32_t)single : TOKEN_NONE, (unsigned char)bytes.ptr[i]);
    }
    return rc;
}

/* The whole word as one token, if there is such a token and the family asks for it first. */
static int32_t whole_word(const struct tokenizer *t, struct str word)
{
    char shown[TOKEN_BYTES_MAX + 4];
    size_t len = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (len > t->longest)
            return TOKEN_NONE;
        len += str_utf8_put(shown_as((unsigned char)word.ptr[i]), shown + len);
    }
    struct str text = str_of(shown, len);
    uint32_t found = text_table_find(t, text, text_hash(0, text));
    return found < (uint32_t)t->count && token_is_plain(t, (int32_t)found) ? (int32_t)found : TOKEN_NONE;
}

static int encode_word(struct str word, void *ctx)
{
    struct encoding *en = ctx;
    const struct tokenizer *t = en->t;
    if (t->ignore_merges) {
        int32_t whole = whole_word(t, word);
        if (whole != TOKEN_NONE)
            return encoding_put(en, whole);
    }
    uint32_t end = (uint32_t)word.len;
    int rc = encoding_reserve(en, word.len);
    for (uint32_t i = 0; i < end && rc == 0; i++) {
        en->id[i] = t->byte_symbol[(unsigned char)word.ptr[i]];
        en->next[i] = i + 1;
        en->prev[i] = i - 1;
        if (i)
            rc = offer(en, i - 1, i, end);
    }
    if (rc == 0)
        rc = merge_all(en, end);
    for (uint32_t i = 0; i < end && rc == 0; i = en->next[i])
        rc = put_symbol(en, en->id[i], str_slice(word, i, en->next[i]));
    return rc;
}

int bpe_encode(struct encoding *en, struct str text)
{
    if (en->t->composed) {
        buf_clear(&en->text);
        int rc = unicode_compose(text, &en->text);
        if (rc < 0)
            return rc;
        text = buf_str(&en->text);
    }
    return split_text(en->t->family, text, encode_word, en);
}
