/* call_write.c: the request as a target must see it: the client's own bytes, with the smallest edits that put in
 * another model name, ask for usage, add the job's defaults, and take out what is said to Hearth alone. */
#include "wire/call_priv.h"
#include <assert.h>

enum { INSERT_BYTES_MAX = 1 << 20 }; /* defaults come from the configuration, which is smaller */

/* Both limit the output, under an old and a new name: who gave one does not want a default for the other. */
static bool is_settled(const struct call *c, struct str name)
{
    const struct str old_name = STR("max_tokens"), new_name = STR("max_completion_tokens");

    if (str_eq(name, old_name) || str_eq(name, new_name))
        return call_has_member(c, old_name) || call_has_member(c, new_name);
    return call_has_member(c, name);
}

static int member_append(struct buf *out, struct str key, struct str value)
{
    struct json_writer w = JSON_WRITER(out);

    json_key_str(&w, key);
    json_raw(&w, value);
    int rc = json_done(&w);
    return rc < 0 ? rc : buf_append_char(out, ','); /* others follow: `model`, if none else */
}

/* The stream_options member that is not there, neither as an object nor as null. */
static bool lacks_stream_options(const struct call *c)
{
    return c->stream_options_offset == 0; /* a value cannot stand at the very start */
}

static int insertion_append(const struct call *c, const struct call_rewrite *w, bool ask_usage, struct buf *out)
{
    int rc = 0;

    if (ask_usage && lacks_stream_options(c))
        rc = member_append(out, STR("stream_options"), STR("{\"include_usage\":true}"));
    for (size_t i = 0; rc == 0 && i < w->default_count; i++) {
        const struct json_member *m = &w->defaults[i];
        bool options = str_eq(m->key, STR("stream_options"));
        if (is_settled(c, m->key) || !call_takes_default(c, m->key) || (options && (ask_usage || !c->stream))) /* without a stream, vendors refuse them */
            continue;
        rc = member_append(out, m->key, m->value);
    }
    return rc;
}

static bool is_empty_object(struct str object)
{
    return str_trim(str_slice(object, 1, object.len - 1)).len == 0;
}

/* The smallest edit inside the stream_options that are there. */
static bool usage_edit(const struct call *c, struct json_splice *s)
{
    if (c->wants_usage)
        return true;
    if (c->include_usage_len > 0) /* false or null */
        return json_splice_add(s, c->include_usage_offset, c->include_usage_len, STR("true"));
    if (c->stream_options_len == 0)
        return json_splice_add(s, c->stream_options_offset, STR("null").len, STR("{\"include_usage\":true}"));
    struct str object = str_of(c->body.ptr + c->stream_options_offset, c->stream_options_len);
    return json_splice_add(s, c->stream_options_offset + 1, 0,
                           is_empty_object(object) ? STR("\"include_usage\":true") : STR("\"include_usage\":true,"));
}

int call_write(const struct call *c, const struct call_rewrite *w, struct arena *a, struct str *piece)
{
    AUTO_BUF struct buf text = BUF_INIT(INSERT_BYTES_MAX); /* the new model's value, then what is inserted */
    struct json_writer model = JSON_WRITER(&text);
    bool ask_usage = w->ask_usage && c->stream;

    json_str(&model, w->model);
    size_t model_len = text.len;
    int rc = json_done(&model);
    if (rc == 0)
        rc = insertion_append(c, w, ask_usage, &text);
    if (rc < 0)
        return rc;
    struct str made = arena_dup(a, buf_str(&text));
    if (!made.ptr)
        return ERR_NOMEM;

    struct json_splice s = {.count = 0};
    bool fits = json_splice_add(&s, c->model_offset, c->model_len, str_slice(made, 0, model_len));
    if (made.len > model_len)
        fits &= json_splice_add(&s, c->insert_offset, 0, str_skip(made, model_len));
    if (ask_usage && !lacks_stream_options(c))
        fits &= usage_edit(c, &s);
    if (w->mend.with.len)
        fits &= json_splice_add(&s, w->mend.offset, w->mend.len, w->mend.with);
    if (c->hearth.len)
        fits &= json_splice_add(&s, c->hearth.offset, c->hearth.len, STR_NONE);
    assert(fits); /* five edits at most */
    return (int)json_splice_pieces(&s, c->body, piece);
}
