/* openai_stream_write.c: a stream for a client that speaks OpenAI's dialect, chunk by chunk.
 *
 *   role, text | reasoning_content | refusal | tool_calls …, finish_reason, usage (if asked for), [DONE]
 *
 * What every chunk begins with is made once and kept in w->items. */
#include "wire/openai_priv.h"

static int head_make(struct stream_writer *w)
{
    struct json_writer j = JSON_WRITER(&w->items);

    (void)buf_append(&w->items, STR("data: ")); /* a failure here fails again below */
    json_object_begin(&j);
    json_key(&j, "id");
    json_str(&j, w->id);
    json_key(&j, "object");
    json_text(&j, "chat.completion.chunk");
    json_key(&j, "created");
    json_i64(&j, w->created_s);
    json_key(&j, "model");
    json_str(&j, w->model);
    json_key(&j, "choices");
    int rc = json_done(&j);
    return rc ? rc : buf_append(&w->items, STR("["));
}

/* Everything up to the value of `delta`. All of a chunk or nothing: the caller takes out back to `before`. */
static int chunk_begin(struct stream_writer *w, struct buf *out)
{
    int rc = buf_append(out, buf_str(&w->items));
    return rc ? rc : buf_append(out, STR("{\"index\":0,\"delta\":"));
}

static int chunk_end(struct stream_writer *w, struct buf *out, const char *finish)
{
    int rc = buf_append(out, STR(",\"logprobs\":null,\"finish_reason\":"));
    if (rc == 0)
        rc = finish ? buf_append_format(out, "\"%s\"", finish) : buf_append(out, STR("null"));
    if (rc == 0)
        rc = buf_append(out, w->include_usage ? STR("}],\"usage\":null}\n\n") : STR("}]}\n\n"));
    return rc;
}

static int whole(int rc, size_t before, struct buf *out)
{
    if (rc)
        out->len = before;
    return rc;
}

static int chunk_raw(struct stream_writer *w, struct str delta, const char *finish, struct buf *out)
{
    size_t before = out->len;
    int rc = chunk_begin(w, out);
    if (rc == 0)
        rc = buf_append(out, delta);
    return whole(rc ? rc : chunk_end(w, out, finish), before, out);
}

static int chunk_text(struct stream_writer *w, struct str open, struct str text, struct str close, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    size_t before = out->len;

    int rc = chunk_begin(w, out);
    if (rc == 0)
        rc = buf_append(out, open);
    if (rc == 0) {
        json_str(&j, text);
        rc = json_done(&j);
    }
    if (rc == 0)
        rc = buf_append(out, close);
    return whole(rc ? rc : chunk_end(w, out, NULL), before, out);
}

int openai_stream_begin(struct stream_writer *w, struct buf *out)
{
    int rc = w->items.len ? 0 : head_make(w);
    return rc ? rc : chunk_raw(w, STR("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}"), NULL, out);
}

/* --- blocks -------------------------------------------------------------------------------------------------------- */

int openai_stream_open(struct stream_writer *w, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    size_t before = out->len;

    if (w->block.kind != PART_CALL)
        return 0;
    int rc = chunk_begin(w, out);
    if (rc == 0)
        rc = buf_append_format(out, "{\"tool_calls\":[{\"index\":%d,\"id\":", w->block.call);
    if (rc == 0) {
        json_str(&j, w->block.id);
        rc = json_done(&j);
    }
    if (rc == 0)
        rc = buf_append(out, w->block.custom ? STR(",\"type\":\"custom\",\"custom\":{\"name\":") : STR(",\"type\":\"function\",\"function\":{\"name\":"));
    if (rc == 0) {
        j.comma = false;
        json_str(&j, w->block.name);
        rc = json_done(&j);
    }
    if (rc == 0)
        rc = buf_append(out, w->block.custom ? STR(",\"input\":\"\"}}]}") : STR(",\"arguments\":\"\"}}]}"));
    return whole(rc ? rc : chunk_end(w, out, NULL), before, out);
}

static int arguments(struct stream_writer *w, struct str text, struct buf *out)
{
    char open[64];
    size_t len = text_format(open, sizeof(open), "{\"tool_calls\":[{\"index\":%d,%s", w->block.call,
                             w->block.custom ? "\"custom\":{\"input\":" : "\"function\":{\"arguments\":");
    return chunk_text(w, str_of(open, len), text, STR("}}]}"), out);
}

static int details(struct stream_writer *w, struct str hidden, struct str signature, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    size_t before = out->len;

    int rc = chunk_begin(w, out);
    if (rc == 0) {
        json_object_begin(&j);
        json_key(&j, "reasoning_details");
        json_array_begin(&j);
        if (signature.len)
            openai_seal_write(&j, signature);
        else
            openai_hidden_write(&j, hidden, w->block.id);
        json_array_end(&j);
        json_object_end(&j);
        rc = json_done(&j);
    }
    return whole(rc ? rc : chunk_end(w, out, NULL), before, out);
}

int openai_stream_piece(struct stream_writer *w, struct str text, struct buf *out)
{
    switch (w->block.kind) {
    case PART_CALL: return arguments(w, text, out);
    case PART_REASONING: return chunk_text(w, STR("{\"reasoning_content\":"), text, STR("}"), out);
    case PART_REFUSAL: return chunk_text(w, STR("{\"refusal\":"), text, STR("}"), out);
    case PART_HIDDEN: return details(w, text, STR_NONE, out);
    default: return chunk_text(w, STR("{\"content\":"), text, STR("}"), out);
    }
}

/* Strict clients parse the arguments of a call that never had any. */
int openai_stream_close(struct stream_writer *w, struct buf *out)
{
    if (w->block.kind == PART_CALL && w->block.pieces == 0 && !w->block.custom)
        return arguments(w, STR("{}"), out);
    return w->block.kind == PART_REASONING && w->block.signature.len ? details(w, STR_NONE, w->block.signature, out) : 0;
}

/* --- the end ------------------------------------------------------------------------------------------------------- */

static int usage_chunk(struct stream_writer *w, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    size_t before = out->len;

    int rc = buf_append(out, buf_str(&w->items));
    if (rc == 0)
        rc = buf_append(out, STR("],\"usage\":"));
    if (rc == 0) {
        openai_usage_write(&j, &w->usage);
        rc = json_done(&j);
    }
    return whole(rc ? rc : buf_append(out, STR("}\n\n")), before, out);
}

int usage_chunk_write(struct buf *out, struct str of, const struct usage *u)
{
    static const struct str kept[] = {STR("id"), STR("object"), STR("created"), STR("model"), STR("system_fingerprint"), STR("service_tier")};
    struct json_scan s;
    struct str key, raw;
    struct json_writer j = JSON_WRITER(out);
    size_t before = out->len;

    int rc = buf_append(out, STR("data: "));
    json_object_begin(&j);
    json_scan_init(&s, of);
    bool is_object = json_peek(&s) == JSON_OBJECT && json_enter(&s);
    while (is_object && json_member(&s, &key) && json_skip(&s, &raw))
        for (size_t i = 0; i < COUNT_OF(kept); i++)
            if (str_eq(key, kept[i])) {
                json_key(&j, kept[i].ptr);
                json_raw(&j, raw);
            }
    json_key(&j, "choices");
    json_array_begin(&j);
    json_array_end(&j);
    json_key(&j, "usage");
    openai_usage_write(&j, u);
    json_object_end(&j);
    rc = rc ? rc : json_done(&j);
    return whole(rc ? rc : buf_append(out, STR("\n\n")), before, out);
}

int openai_stream_end(struct stream_writer *w, struct buf *out)
{
    int rc = chunk_raw(w, STR("{}"), openai_finish_word(w->finish), out);
    if (rc == 0 && w->include_usage && w->has_usage)
        rc = usage_chunk(w, out);
    return rc ? rc : buf_append(out, STR("data: [DONE]\n\n"));
}

int openai_stream_error(struct stream_writer *w, const struct wire_error *e, struct buf *out)
{
    size_t before = out->len;
    (void)w;

    int rc = buf_append(out, STR("data: "));
    if (rc == 0)
        rc = error_write(out, e->status, e->message, e->type, e->param, e->code);
    return whole(rc ? rc : buf_append(out, STR("\n\n")), before, out);
}
