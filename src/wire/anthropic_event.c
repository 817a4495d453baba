/* anthropic_event.c: streams in Anthropic's dialect, written, block by block; see anthropic_priv.h, and stream.c for the order. */
#include "wire/anthropic_priv.h"

static void event_begin(struct json_writer *w, enum anthropic_event event)
{
    int rc = buf_append(w->out, STR("event: "));
    if (rc == 0)
        rc = buf_append(w->out, anthropic_events[event]);
    if (rc == 0)
        rc = buf_append(w->out, STR("\ndata: "));
    w->rc = rc;
    json_object_begin(w);
    json_key(w, "type");
    json_str(w, anthropic_events[event]);
}

static int event_end(struct json_writer *w)
{
    json_object_end(w);
    return w->rc ? w->rc : buf_append(w->out, STR("\n\n"));
}

static void member(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_str(w, text);
}

int anthropic_begin(struct stream_writer *w, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    event_begin(&j, EVENT_START);
    json_key(&j, "message");
    json_object_begin(&j);
    member(&j, "id", w->id);
    member(&j, "type", STR("message"));
    member(&j, "role", STR("assistant"));
    member(&j, "model", w->model);
    json_key(&j, "content");
    json_raw(&j, STR("[]"));
    json_key(&j, "stop_reason");
    json_null(&j);
    json_key(&j, "stop_sequence");
    json_null(&j);
    json_key(&j, "usage");
    anthropic_usage_write(&j, &(struct usage){.input = w->input_estimated > 0 ? w->input_estimated : 1, .output = 1});
    json_object_end(&j);
    return event_end(&j);
}

static void block_event_begin(struct json_writer *j, enum anthropic_event event, const struct stream_writer *w)
{
    event_begin(j, event);
    json_key(j, "index");
    json_i64(j, w->block.index);
}

static void block_begin(struct json_writer *j, const struct stream_writer *w, const char *type)
{
    block_event_begin(j, EVENT_BLOCK, w);
    json_key(j, "content_block");
    json_object_begin(j);
    json_key(j, "type");
    json_text(j, type);
}

static int block_end(struct json_writer *j)
{
    json_object_end(j);
    return event_end(j);
}

/* Reasoning that only another vendor can read: told in one piece, so the piece is the start. */
static int hidden_write(struct stream_writer *w, struct str data, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    const char *marked = arena_format(w->arena, ANTHROPIC_FOREIGN "%.*s", STR_FMT(data));
    if (!marked)
        return ERR_NOMEM;
    block_begin(&j, w, "redacted_thinking");
    member(&j, "data", str_from(marked));
    return block_end(&j);
}

int anthropic_open(struct stream_writer *w, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    switch (w->block.kind) {
    case PART_HIDDEN: return 0;
    case PART_REASONING:
        block_begin(&j, w, "thinking");
        member(&j, "thinking", STR(""));
        member(&j, "signature", STR(""));
        return block_end(&j);
    case PART_CALL: {
        struct str id = chat_id_safe(w->block.id, w->arena);
        if (!id.ptr)
            return ERR_NOMEM;
        block_begin(&j, w, "tool_use");
        member(&j, "id", id);
        member(&j, "name", w->block.name);
        json_key(&j, "input");
        json_raw(&j, STR("{}"));
        return block_end(&j);
    }
    default:
        block_begin(&j, w, "text");
        member(&j, "text", STR(""));
        return block_end(&j);
    }
}

static int delta_write(struct stream_writer *w, const char *type, const char *key, struct str text, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    block_event_begin(&j, EVENT_DELTA, w);
    json_key(&j, "delta");
    json_object_begin(&j);
    json_key(&j, "type");
    json_text(&j, type);
    member(&j, key, text);
    json_object_end(&j);
    return event_end(&j);
}

int anthropic_piece(struct stream_writer *w, struct str text, struct buf *out)
{
    switch (w->block.kind) {
    case PART_HIDDEN: return hidden_write(w, text, out);
    case PART_REASONING: return delta_write(w, "thinking_delta", "thinking", text, out);
    case PART_CALL: return delta_write(w, "input_json_delta", "partial_json", text, out);
    default: return delta_write(w, "text_delta", "text", text, out);
    }
}

int anthropic_close(struct stream_writer *w, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    int rc = 0;
    if (w->block.kind == PART_HIDDEN && w->block.pieces == 0)
        rc = hidden_write(w, STR(""), out);
    if (w->block.kind ==
        PART_REASONING) /* an empty one, too: clients that keep thinking keep it with its signature only */
        rc = delta_write(w, "signature_delta", "signature", w->block.signature, out);
    if (rc)
        return rc;
    block_event_begin(&j, EVENT_BLOCK_STOP, w);
    return event_end(&j);
}

/* Clients look at content[0]. */
static int empty_block_write(struct stream_writer *w, struct buf *out)
{
    w->block = (struct stream_block){.kind = PART_TEXT, .index = w->block_count++};
    int rc = anthropic_open(w, out);
    return rc ? rc : anthropic_close(w, out);
}

int anthropic_end(struct stream_writer *w, struct buf *out)
{
    struct json_writer j = JSON_WRITER(out);
    struct usage least = {.input = w->input_estimated > 0 ? w->input_estimated : 1, .output = 1};
    int rc = w->block_count ? 0 : empty_block_write(w, out);
    if (rc)
        return rc;
    event_begin(&j, EVENT_END);
    json_key(&j, "delta");
    json_object_begin(&j);
    json_key(&j, "stop_reason");
    json_text(&j, anthropic_stop_reason(w->refused && w->finish == FINISH_STOP ? FINISH_FILTER : w->finish, w->stop.len > 0));
    json_key(&j, "stop_sequence");
    if (w->stop.len && w->finish == FINISH_STOP)
        json_str(&j, w->stop);
    else
        json_null(&j);
    json_object_end(&j);
    json_key(&j, "usage");
    anthropic_usage_write(&j, w->has_usage ? &w->usage : &least);
    rc = event_end(&j);
    if (rc)
        return rc;
    j = JSON_WRITER(out);
    event_begin(&j, EVENT_STOP);
    return event_end(&j);
}

int anthropic_stream_error(struct stream_writer *w, const struct wire_error *e, struct buf *out)
{
    (void)w;
    int rc = buf_append(out, STR("event: error\ndata: "));
    if (rc == 0)
        rc = anthropic_error_write(e, out);
    return rc ? rc : buf_append(out, STR("\n\n"));
}
