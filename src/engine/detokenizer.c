/* detokenizer.c: tokens to text as they come; see tokenizer.h. A token may end in the middle of a character: those bytes wait. */
#include "engine/tokenizer_priv.h"

void detokenizer_init(struct detokenizer *d, const struct tokenizer *t, unsigned flags)
{
    bool drops = flags & DETOKENIZE_START && (t->add_space_prefix || t->kind == TOKENIZER_WPM);
    *d = (struct detokenizer){.t = t, .special = flags & DETOKENIZE_SPECIAL, .drop_space = drops};
}

/* Whether `len` bytes (1 to 3) are the beginning of a well-formed sequence: some last bytes would complete it. */
static bool may_become_one(const char *bytes, unsigned len)
{
    static const unsigned char second[] = {0x80, 0x90, 0xA0}; /* one of them fits behind any lead byte that exists */
    char whole[4] = {bytes[0], '\x80', '\x80', '\x80'};
    for (unsigned i = 1; i < len; i++)
        whole[i] = bytes[i];
    for (unsigned i = 0; i < (len == 1 ? COUNT_OF(second) : 1); i++) {
        if (len == 1)
            whole[1] = (char)second[i];
        if (str_utf8_length(str_of(whole, sizeof whole)) > len)
            return true;
    }
    return false;
}

static int flush_broken(struct detokenizer *d, struct buf *out)
{
    d->held_len = 0;
    return buf_append(out, STR("\xEF\xBF\xBD"));
}

static int push_byte(struct detokenizer *d, char byte, struct buf *out)
{
    d->held[d->held_len++] = byte;
    if (str_utf8_length(str_of(d->held, d->held_len)) == d->held_len) {
        unsigned len = d->held_len;
        d->held_len = 0;
        return buf_append(out, str_of(d->held, len));
    }
    if (d->held_len < sizeof d->held && may_become_one(d->held, d->held_len))
        return 0;
    if (d->held_len == 1)
        return flush_broken(d, out);
    int rc = flush_broken(d, out); /* the new byte is not part of what broke */
    return rc < 0 ? rc : push_byte(d, byte, out);
}

static int push_bytes(struct detokenizer *d, struct str bytes, struct buf *out)
{
    if (d->drop_space && bytes.len) {
        d->drop_space = false;
        bytes = str_skip(bytes, bytes.ptr[0] == ' ');
    }
    int rc = 0;
    for (size_t i = 0; i < bytes.len && rc == 0; i++)
        rc = push_byte(d, bytes.ptr[i], out);
    return rc;
}

int detokenizer_push(struct detokenizer *d, int32_t id, struct buf *out)
{
    if (tokenizer_is_control(d->t, id) && !d->special)
        return 0;
    struct detokenizer before = *d;
    size_t len = out->len;
    int rc = push_bytes(d, tokenizer_piece(d->t, id), out);
    if (rc < 0) {
        *d = before;
        out->len = len;
    }
    return rc;
}

int detokenizer_finish(struct detokenizer *d, struct buf *out)
{
    struct detokenizer before = *d;
    int rc = d->held_len ? flush_broken(d, out) : 0;
    if (rc < 0)
        *d = before;
    return rc;
}
