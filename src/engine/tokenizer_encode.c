/* tokenizer_encode.c: a text to tokens: special tokens are split off, what is between goes to the vocabulary's own way, and the ends
 * are put on. Also what these ways share: the queue of merges. */
#include "engine/tokenizer_priv.h"

/* --- lists ------------------------------------------------------------------------------------------------------------------------ */

void token_list_fini(struct token_list *l)
{
    mem_free(l->id);
    *l = (struct token_list){.max = l->max};
}

int token_list_push(struct token_list *l, int32_t id)
{
    enum { FIRST = 64 };
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : FIRST;
        if (cap > l->max)
            cap = l->max;
        if (cap == l->count)
            return ERR_LIMIT;
        int32_t *grown = mem_realloc(l->id, cap * sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        l->id = grown;
        l->cap = cap;
    }
    l->id[l->count++] = id;
    return 0;
}

/* --- the queue of merges: a binary heap ------------------------------------------------------------------------------------------ */

int encoding_heap_push(struct encoding *en, struct merge_item item)
{
    enum { FIRST = 64 };
    if (en->heap_count == en->heap_cap) {
        struct merge_item *grown = mem_grow(en->heap, &en->heap_cap, FIRST, sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        en->heap = grown;
    }
    size_t at = en->heap_count++;
    for (; at > 0 && item.key < en->heap[(at - 1) / 2].key; at = (at - 1) / 2)
        en->heap[at] = en->heap[(at - 1) / 2];
    en->heap[at] = item;
    return 0;
}

bool encoding_heap_pop(struct encoding *en, struct merge_item *out)
{
    if (en->heap_count == 0)
        return false;
    *out = en->heap[0];
    struct merge_item last = en->heap[--en->heap_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < en->heap_count) {
        if (child + 1 < en->heap_count && en->heap[child + 1].key < en->heap[child].key)
            child++;
        if (last.key <= en->heap[child].key)
            break;
        en->heap[at] = en->heap[child];
        at = child;
    }
    en->heap[at] = last;
    return true;
}

/* Room for so many positions and an end. */
int encoding_reserve(struct encoding *en, size_t positions)
{
    enum { FIRST = 256 };
    if (positions < en->cap)
        return 0;
    size_t cap = en->cap ? en->cap : FIRST;
    while (cap <= positions)
        cap *= 2;
    mem_free(en->id);
    mem_free(en->hash);
    en->cap = 0;
    en->hash = NULL;
    en->id = new0_array(uint32_t, 3 * cap); /* one piece: id or start, next, prev */
    if (en->id && en->t->kind == TOKENIZER_SPM)
        en->hash = new0_array(uint64_t, cap);
    if (!en->id || (en->t->kind == TOKENIZER_SPM && !en->hash))
        return ERR_NOMEM;
    en->start = en->id;
    en->next = en->id + cap;
    en->prev = en->next + cap;
    en->cap = cap;
    return 0;
}

static void encoding_fini(struct encoding *en)
{
    mem_free(en->heap);
    mem_free(en->id);
    mem_free(en->hash);
    buf_fini(&en->text);
}

int encoding_put(struct encoding *en, int32_t id)
{
    return token_list_push(en->out, id);
}

int encoding_put_byte(struct encoding *en, int32_t token, unsigned char byte)
{
    if (token == TOKEN_NONE)
        token = en->t->unk;
    if (token == TOKEN_NONE)
        return err_set(en->e, ERR_INVALID, "the vocabulary has no token for the byte 0x%02X, and none for what is unknown", byte);
    return encoding_put(en, token);
}

/* --- the whole -------------------------------------------------------------------------------------------------------------------- */

static int encode_text(struct encoding *en, struct str text, bool first)
{
    switch (en->t->kind) {
    case TOKENIZER_BPE: return bpe_encode(en, text);
    case TOKENIZER_SPM: return spm_encode(en, text, first);
    case TOKENIZER_WPM: return wpm_encode(en, text);
    }
    return 0;
}

/* Text that belongs together, until a token ends it. */
struct joined {
    struct buf text;
    bool first; /* nothing stands before it, or a special token does */
};

static int flush(struct encoding *en, struct joined *j)
{
    int rc = j->text.len ? encode_text(en, buf_str(&j->text), j->first) : 0;
    j->first = j->first && j->text.len == 0;
    buf_clear(&j->text);
    return rc;
}

/* SentencePiece knows blanks as U+2581 only: one in the text is a blank. The text as it is when there is none, else in `room`. */
static int plain_blanks(struct str *text, struct buf *room)
{
    static const struct str blank = {"\xE2\x96\x81", 3};
    ptrdiff_t at = str_find(*text, blank);
    if (at < 0)
        return 0;
    int rc = 0;
    for (; at >= 0 && rc == 0; at = str_find(*text, blank)) {
        rc = buf_append(room, str_slice(*text, 0, (size_t)at));
        if (rc == 0)
            rc = buf_append_char(room, ' ');
        *text = str_skip(*text, (size_t)at + blank.len);
    }
    if (rc == 0)
        rc = buf_append(room, *text);
    *text = buf_str(room);
    return rc;
}

static int encode_part(struct encoding *en, struct joined *j, const struct tokenizer_part *part)
{
    AUTO_BUF struct buf room = BUF_INIT(TOKENIZE_BYTES_MAX);
    struct fragments f = {0};
    struct str text = part->text;
    int rc = en->t->kind == TOKENIZER_SPM ? plain_blanks(&text, &room) : 0;
    if (rc == 0)
        rc = special_split(en->t, text, part->special, &f);
    for (size_t i = 0; i < f.count && rc == 0; i++) {
        if (f.item[i].token == TOKEN_NONE) {
            rc = buf_append(&j->text, f.item[i].text);
            continue;
        }
        rc = flush(en, j);
        if (rc == 0)
            rc = encoding_put(en, f.item[i].token);
        j->first = true;
    }
    mem_free(f.item);
    return rc;
}

static int encode(struct encoding *en, const struct tokenizer_part *part, size_t count, unsigned flags)
{
    const struct tokenizer *t = en->t;
    struct joined j = {.text = BUF_INIT(TOKENIZE_BYTES_MAX), .first = true};
    bool ends = flags & TOKENIZE_ENDS;
    int rc = ends && t->add_bos ? encoding_put(en, t->bos) : 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = encode_part(en, &j, &part[i]);
    if (rc == 0)
        rc = flush(en, &j);
    if (rc == 0 && ends && t->add_eos)
        rc = encoding_put(en, t->eos);
    if (rc == 0 && ends && t->add_sep)
        rc = encoding_put(en, t->sep);
    buf_fini(&j.text);
    return rc;
}

int tokenizer_encode_parts(const struct tokenizer *t, const struct tokenizer_part *part, size_t count, unsigned flags, struct token_list *out,
                           struct err *e)
{
    size_t before = out->count, bytes = 0;
    for (size_t i = 0; i < count && bytes <= TOKENIZE_BYTES_MAX; i++)
        bytes += part[i].text.len;
    if (bytes > TOKENIZE_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "a text of %zu bytes to cut into tokens; the limit is %d", bytes, TOKENIZE_BYTES_MAX);
    struct encoding en = {.t = t, .out = out, .e = e, .text = BUF_INIT(3 * (size_t)TOKENIZE_BYTES_MAX + 3)};
    int rc = encode(&en, part, count, flags);
    encoding_fini(&en);
    if (rc == ERR_LIMIT)
        (void)err_set(e, rc, "a text of %zu bytes has more than %zu tokens", bytes, out->max - before);
    else if (rc == ERR_NOMEM)
        (void)err_set(e, rc, "a text of %zu bytes to cut into tokens", bytes);
    if (rc < 0)
        out->count = before;
    return rc;
}

int tokenizer_encode(const struct tokenizer *t, struct str text, unsigned flags, struct token_list *out, struct err *e)
{
    return tokenizer_encode_parts(t, &(struct tokenizer_part){text, flags & TOKENIZE_SPECIAL}, 1, flags, out, e);
}
