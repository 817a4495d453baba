/* stop.c: Knuth-Morris-Pratt for each stop string, side by side; see stop.h. What is held back is the beginning of the word that has
 * got farthest, so it needs no memory of its own. */
#include "engine/stop.h"

static void prepare(struct stop_word *w)
{
    uint32_t k = 0;

    for (uint32_t i = 1; i < w->len; i++) {
        while (k > 0 && w->text[i] != w->text[k])
            k = w->back[k - 1];
        k += w->text[i] == w->text[k];
        w->back[i] = (uint16_t)k;
    }
}

int stop_init(struct stop *s, const struct str *word, size_t count, struct err *e)
{
    if (count > STOP_MAX)
        return err_set(e, ERR_INVALID, "at most %d stop strings can be given, not %zu", STOP_MAX, count);
    memset(s, 0, sizeof *s);
    s->matched = -1;
    for (size_t i = 0; i < count; i++) {
        if (word[i].len == 0 || word[i].len > STOP_BYTES_MAX)
            return err_set(e, ERR_INVALID, "stop string %zu has %zu bytes; 1 to %d can be watched for", i + 1, word[i].len, STOP_BYTES_MAX);
        s->word[i].len = (uint32_t)word[i].len;
        memcpy(s->word[i].text, word[i].ptr, word[i].len);
        prepare(&s->word[i]);
    }
    s->count = (uint32_t)count;
    return 0;
}

static void step(struct stop_word *w, char c)
{
    while (w->at > 0 && w->text[w->at] != c)
        w->at = w->back[w->at - 1];
    w->at += w->text[w->at] == c;
}

static const struct stop_word *farthest(const struct stop *s)
{
    const struct stop_word *best = NULL;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->word[i].at > (best ? best->at : 0))
            best = &s->word[i];
    }
    return best;
}

size_t stop_held(const struct stop *s)
{
    const struct stop_word *w = s->matched < 0 ? farthest(s) : NULL;
    return w ? w->at : 0;
}

/* Puts out the first `total` bytes of (`held`, then text). */
static int put(struct str held, struct str text, size_t total, struct buf *out)
{
    int rc = buf_append(out, str_slice(held, 0, total));
    if (rc == 0 && total > held.len)
        rc = buf_append(out, str_slice(text, 0, total - held.len));
    return rc;
}

int stop_feed(struct stop *s, struct str text, struct buf *out)
{
    if (s->matched >= 0)
        return 0;
    const struct stop_word *w = farthest(s);
    struct str held = w ? str_of(w->text, w->at) : STR_NONE;

    for (size_t i = 0; i < text.len; i++) {
        for (uint32_t k = 0; k < s->count; k++) {
            step(&s->word[k], text.ptr[i]);
            if (s->word[k].at == s->word[k].len && (s->matched < 0 || s->word[k].len > s->word[s->matched].len))
                s->matched = (int32_t)k;
        }
        if (s->matched >= 0)
            return put(held, text, held.len + i + 1 - s->word[s->matched].len, out);
    }
    return put(held, text, held.len + text.len - stop_held(s), out);
}

int stop_flush(struct stop *s, struct buf *out)
{
    const struct stop_word *w = s->matched < 0 ? farthest(s) : NULL;
    int rc = w ? buf_append(out, str_of(w->text, w->at)) : 0;

    for (uint32_t i = 0; i < s->count && rc == 0; i++)
        s->word[i].at = 0;
    return rc;
}
