/* tokenizer_spm.c: SentencePiece's BPE: blanks become U+2581, the text its characters, and of the neighbours that together are a
 * token those with the highest score become one, until no two are. A character that is no token becomes its bytes' tokens. */
#include "engine/tokenizer_priv.h"
#include <math.h>

#define BLANK "\xE2\x96\x81"
enum { GONE = UINT32_MAX };

/* Floats by their bits, so that a higher score is a smaller number. No number is the lowest score there is. */
static uint32_t order_of(double score)
{
    float f = isnan(score) ? -INFINITY : (float)score + 0.0f; /* -0 is 0 */
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits & 0x80000000u ? bits : 0x7FFFFFFFu - bits;
}

static void find_byte_tokens(struct tokenizer *t)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        struct str name = str_of(text, text_format(text, sizeof text, "<0x%02X>", byte));
        uint32_t found = text_table_find(t, name, text_hash(0, name));
        bool usable = found != SYMBOL_NONE && token_is_byte(t, (int32_t)found);
        t->byte_token[byte] = usable ? (int32_t)found : TOKEN_NONE;
    }
}

int spm_open(struct tokenizer *t, const struct gguf *g, struct err *e)
{
    struct gguf_array scores = {0};
    bool scored = gguf_get_array(g, "tokenizer.ggml.scores", &scores);
    if (scored && (scores.count != t->texts.count || scores.type == GGUF_STRING))
        return err_set(e, ERR_SYNTAX, "the vocabulary has %llu texts and %llu scores", (unsigned long long)t->texts.count,
                       (unsigned long long)scores.count);
    t->order = new0_array(uint32_t, (size_t)t->count);
    t->power = new0_array(uint64_t, t->longest + 1);
    t->kind_name = mem_dup_text("SentencePiece BPE");
    if (!t->order || !t->power || !t->kind_name)
        return err_set(e, ERR_NOMEM, "a vocabulary");
    for (int32_t i = 0; i < t->count; i++)
        t->order[i] = order_of(scored ? gguf_array_f64(&scores, (uint64_t)i) : 0);
    t->power[0] = 1;
    for (size_t i = 1; i <= t->longest; i++)
        t->power[i] = t->power[i - 1] * TEXT_HASH_STEP;
    find_byte_tokens(t);
    t->add_bos = t->add_space_prefix = true;
    t->bos = 1;
    t->eos = 2;
    t->unk = 0;
    return 0;
}

/* --- one text --------------------------------------------------------------------------------------------------------------------- */

/* A symbol stands at the number of its first character; start[] is where that character begins, and has an entry for the end. */
static size_t symbol_len(const struct encoding *en, uint32_t at)
{
    return en->start[en->next[at]] - en->start[at];
}

static int32_t plain_token(const struct encoding *en, struct str text, uint64_t hash)
{
    uint32_t found = text_table_find(en->t, text, hash);
    return found != SYMBOL_NONE && token_is_plain(en->t, (int32_t)found) ? (int32_t)found : TOKEN_NONE;
}

static int offer(struct encoding *en, uint32_t left, uint32_t right, uint32_t end)
{
    const struct tokenizer *t = en->t;
    if (right >= end)
        return 0;
    size_t right_len = symbol_len(en, right), len = symbol_len(en, left) + right_len;
    if (len > t->longest)
        return 0;
    uint64_t hash = en->hash[left] * t->power[right_len] + en->hash[right];
    int32_t token = plain_token(en, str_of(en->text.ptr + en->start[left], len), hash);
    if (token == TOKEN_NONE)
        return 0;
    return encoding_heap_push(en, (struct merge_item){(uint64_t)t->order[token] << 32 | left, (uint32_t)token});
}

static int merge_all(struct encoding *en, uint32_t end)
{
    const struct tokenizer *t = en->t;
    struct merge_item item;
    int rc = 0;
    while (rc == 0 && encoding_heap_pop(en, &item)) {
        uint32_t at = (uint32_t)item.key, right = en->next[at];
        size_t len = tokenizer_text(t, (int32_t)item.token).len;
        if (right == GONE || right >= end || symbol_len(en, at) + symbol_len(en, right) != len)
            continue; /* one of them has become part of something else since */
        uint32_t behind = en->next[right];
        en->hash[at] = en->hash[at] * t->power[symbol_len(en, right)] + en->hash[right];
        en->next[right] = GONE;
        en->next[at] = behind;
        if (behind < end)
            en->prev[behind] = at;
        rc = offer(en, at, behind, end);
        if (rc == 0 && at > 0)
            rc = offer(en, en->prev[at], at, end);
    }
    return rc;
}

static int put_symbol(struct encoding *en, uint32_t at)
{
    struct str text = str_of(en->text.ptr + en->start[at], symbol_len(en, at));
    int32_t token = plain_token(en, text, en->hash[at]);
    if (token != TOKEN_NONE)
        return encoding_put(en, token);
    int rc = 0;
    for (size_t i = 0; i < text.len && rc == 0; i++)
        rc = encoding_put_byte(en, en->t->byte_token[(unsigned char)text.ptr[i]], (unsigned char)text.ptr[i]);
    return rc;
}

/* The text as the vocabulary writes it: blanks are visible, and one stands before it. */
static int prepare(struct encoding *en, struct str text, bool first)
{
    buf_clear(&en->text);
    int rc = first && en->t->add_space_prefix ? buf_append(&en->text, STR(BLANK)) : 0;
    while (rc == 0 && text.len) {
        ptrdiff_t blank = str_find_char(text, ' ');
        rc = buf_append(&en->text, blank < 0 ? text : str_slice(text, 0, (size_t)blank));
        text = blank < 0 ? STR_NONE : str_skip(text, (size_t)blank + 1);
        if (rc == 0 && blank >= 0)
            rc = buf_append(&en->text, STR(BLANK));
    }
    return rc;
}

int spm_encode(struct encoding *en, struct str text, bool first)
{
    int rc = prepare(en, text, first);
    if (rc == 0)
        rc = encoding_reserve(en, en->text.len);
    if (rc < 0)
        return rc;
    const char *p = en->text.ptr, *limit = p + en->text.len;
    uint32_t end = 0;
    while (p < limit) {
        unsigned len = unicode_at(p, limit).len;
        en->start[end] = (uint32_t)(p - en->text.ptr);
        en->hash[end] = text_hash(0, str_of(p, len));
        en->next[end] = end + 1;
        en->prev[end] = end - 1;
        end++;
        p += len;
    }
    en->start[end] = (uint32_t)en->text.len;
    for (uint32_t i = 1; i < end && rc == 0; i++)
        rc = offer(en, i - 1, i, end);
    if (rc == 0)
        rc = merge_all(en, end);
    for (uint32_t i = 0; i < end && rc == 0; i = en->next[i])
        rc = put_symbol(en, i);
    return rc;
}
