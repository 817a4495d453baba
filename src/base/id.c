/* id.c: time-ordered ids and their text; see id.h. */
#include "base/id.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void id_source_init(struct id_source *s, struct rng seed)
{
    *s = (struct id_source){.rng = seed};
}

static void put_big_endian(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

/* The same or an earlier millisecond than the last id: count up from it, so that order is kept. */
static void increment(struct id *id)
{
    for (int i = 15; i >= 0 && ++id->byte[i] == 0; i--)
        ;
}

struct id id_next(struct id_source *s, int64_t wall_ms)
{
    struct id id;
    put_big_endian(id.byte, (uint64_t)wall_ms, 6);
    if (memcmp(id.byte, s->last.byte, 6) <= 0 && s->last.byte[0] | s->last.byte[1] | s->last.byte[2]) {
        increment(&s->last);
        return s->last;
    }
    uint64_t a = rng_next(&s->rng), b = rng_next(&s->rng);
    put_big_endian(id.byte + 6, a >> 48, 2);
    put_big_endian(id.byte + 8, b, 8);
    return s->last = id;
}

/* 128 bits are 26 characters of 5, the first holding 3. */
void id_to_text(const struct id *id, char out[ID_TEXT_BYTES])
{
    unsigned __int128 n = 0;
    for (int i = 0; i < 16; i++)
        n = n << 8 | id->byte[i];
    for (int i = 25; i >= 0; i--, n >>= 5)
        out[i] = alphabet[(unsigned)n & 31];
    out[26] = '\0';
}

static int digit_of(char c)
{
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c == 'I' || c == 'L')
        c = '1';
    if (c == 'O')
        c = '0';
    const char *at = c ? memchr(alphabet, c, 32) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

bool id_from_text(struct str text, struct id *out)
{
    if (text.len != 26 || digit_of(text.ptr[0]) > 7)
        return false;
    unsigned __int128 n = 0;
    for (size_t i = 0; i < 26; i++) {
        int d = digit_of(text.ptr[i]);
        if (d < 0)
            return false;
        n = n << 5 | (unsigned)d;
    }
    for (int i = 15; i >= 0; i--, n >>= 8)
        out->byte[i] = (uint8_t)n;
    return true;
}
