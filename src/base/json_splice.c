/* json_splice.c: a text with some of its parts replaced, as a list of slices of the original and of what comes in,
 * ready for a gathered write. */
#include "base/json.h"
#include <assert.h>

/* Does an edit at (offset, len) stand before `other`? At one offset an insertion stands before a replacement, behind
 * the insertions that were there already. */
static bool goes_before(size_t offset, size_t len, const struct json_edit *other)
{
    return offset != other->offset ? offset < other->offset : len == 0 && other->len > 0;
}

bool json_splice_add(struct json_splice *s, size_t offset, size_t len, struct str with)
{
    assert(s->count <= JSON_EDITS_MAX);
    if (s->count == JSON_EDITS_MAX)
        return false;
    size_t i = s->count;
    for (; i > 0 && goes_before(offset, len, &s->edit[i - 1]); i--)
        s->edit[i] = s->edit[i - 1];
    s->edit[i] = (struct json_edit){.offset = offset, .len = len, .with = with};
    s->count++;
    assert(i == 0 || s->edit[i - 1].offset + s->edit[i - 1].len <= offset);
    assert(i + 1 == s->count || offset + len <= s->edit[i + 1].offset);
    return true;
}

size_t json_splice_pieces(const struct json_splice *s, struct str text, struct str *piece)
{
    size_t count = 0, done = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct json_edit *edit = &s->edit[i];
        assert(edit->offset >= done && edit->len <= text.len && edit->offset <= text.len - edit->len);
        if (edit->offset > done)
            piece[count++] = str_of(text.ptr + done, edit->offset - done);
        if (edit->with.len > 0)
            piece[count++] = edit->with;
        done = edit->offset + edit->len;
    }
    if (done < text.len)
        piece[count++] = str_of(text.ptr + done, text.len - done);
    return count;
}
