/* limit.c: what a dialect cannot say: refused by name, or left out and listed; see codec.h. Apart from the table of dialects, so
 * that one dialect can be had alone. */
#include "wire/codec.h"

static const struct limit *limit_find(const struct codec *codec, struct str field)
{
    for (size_t i = 0; i < codec->limit_count; i++)
        if (str_eq(str_from(codec->limit[i].field), field))
            return &codec->limit[i];
    return NULL;
}

int codec_request_write(const struct codec *codec, const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e)
{
    int rc = codec->request_write(c, w, out, e);
    for (const struct chat_odd *o = c->odd; o && rc == 0; o = o->next)
        if (!o->kept || codec->dialect != c->from)
            lost_add(w->lost, o->name);
    return rc;
}

int codec_cannot(const struct codec *codec, const struct chat_write *w, struct str field, struct err *e)
{
    const struct limit *l = limit_find(codec, field);
    if (l && l->then == LIMIT_REFUSED)
        return err_set(e, ERR_INVALID, "%.*s cannot be said in the %s dialect: %s", STR_FMT(str_slice(field, 0, 100)), codec->name, l->why);
    lost_add(w->lost, l ? str_from(l->field) : field);
    return 0;
}
