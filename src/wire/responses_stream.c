/* responses_stream.c: writes a stream of the Responses dialect.
 *
 *   created, in_progress                                              once
 *   output_item.added, what it is made of: added, deltas, done, output_item.done     for each block
 *   completed | incomplete, with the whole response                   once; or error and failed
 *
 * Events are numbered from 0. A finished item is written once, into w->items, from where its own event and the last one take it. */
#include "wire/responses_priv.h"

/* --- events ------------------------------------------------------------------------------------------------------------------------ */

static struct json_writer event_begin(struct stream_writer *w, struct buf *out, const char *type)
{
    struct json_writer j = JSON_WRITER(out);
    j.rc = buf_append(out, STR("event: "));
    j.rc = j.rc ? j.rc : buf_append_text(out, type);
    j.rc = j.rc ? j.rc : buf_append(out, STR("\ndata: "));
    json_object_begin(&j);
    json_key(&j, "type");
    json_text(&j, type);
    json_key(&j, "sequence_number");
    json_i64(&j, w->sequence++);
    return j;
}

static int event_end(struct json_writer *j)
{
    json_object_end(j);
    return j->rc ? j->rc : buf_append(j->out, STR("\n\n"));
}

static struct json_writer item_event_begin(struct stream_writer *w, struct buf *out, const char *type)
{
    struct json_writer j = event_begin(w, out, type);
    json_key(&j, "item_id");
    json_str(&j, w->block.item);
    json_key(&j, "output_index");
    json_i64(&j, w->block.index);
    return j;
}

static int item_event(struct stream_writer *w, struct buf *out, const char *type, struct str item)
{
    struct json_writer j = event_begin(w, out, type);
    json_key(&j, "output_index");
    json_i64(&j, w->block.index);
    json_key(&j, "item");
    json_raw(&j, item);
    return event_end(&j);
}

static int response_event(struct stream_writer *w, struct buf *out, const char *type, const struct responses_object *o)
{
    struct json_writer j = event_begin(w, out, type);
    json_key(&j, "response");
    responses_object_write(&j, o);
    return event_end(&j);
}

/* --- what a block is -------------------------------------------------------------------------------------------------------------- */

#define DELTA(type) "event: " type "\ndata: {\"type\":\"" type "\",\"sequence_number\":"

struct shape {
    const char *part_added, *part_done; /* NULL: it has no parts */
    const char *delta; /* the event, up to its number */
    const char *done;
    const char *index; /* of the part */
    const char *text;  /* the member of `done` that has the whole */
};

static const struct shape shapes[] = {
    [PART_TEXT] = {"response.content_part.added", "response.content_part.done", DELTA("response.output_text.delta"),
                   "response.output_text.done", "content_index", "text"},
    [PART_REFUSAL] = {"response.content_part.added", "response.content_part.done", DELTA("response.refusal.delta"),
                      "response.refusal.done", "content_index", "refusal"},
    [PART_REASONING] = {"response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
                        DELTA("response.reasoning_summary_text.delta"), "response.reasoning_summary_text.done",
                        "summary_index", "text"},
    [PART_CALL] = {NULL, NULL, DELTA("response.function_call_arguments.delta"), "response.function_call_arguments.done", NULL,
                   "arguments"},
};
static const struct shape custom_shape = {NULL, NULL, DELTA("response.custom_tool_call_input.delta"),
                                          "response.custom_tool_call_input.done", NULL, "input"};

static bool is_custom(const struct stream_writer *w)
{
    return w->block.kind == PART_CALL && w->block.custom;
}

static const struct shape *shape_of(const struct stream_writer *w)
{
    return is_custom(w) ? &custom_shape : &shapes[w->block.kind];
}

static void write_index(struct json_writer *j, const struct shape *s)
{
    if (!s->index)
        return;
    json_key(j, s->index);
    json_i64(j, 0);
}

static void write_logprobs(struct json_writer *j, enum part_kind kind)
{
    if (kind != PART_TEXT)
        return;
    json_key(j, "logprobs");
    json_raw(j, STR("[]"));
}

static int part_event(struct stream_writer *w, struct buf *out, const char *type, struct str text)
{
    struct json_writer j = item_event_begin(w, out, type);
    write_index(&j, shape_of(w));
    json_key(&j, "part");
    if (w->block.kind == PART_REASONING) {
        json_object_begin(&j);
        json_key(&j, "type");
        json_text(&j, "summary_text");
        json_key(&j, "text");
        json_str(&j, text);
        json_object_end(&j);
    } else {
        responses_content_write(&j, w->block.kind, text);
    }
    return event_end(&j);
}

/* {"type":…,"sequence_number":N | ,"item_id":…,"output_index":…,"delta": | "…" | } */
static int make_head(struct stream_writer *w)
{
    AUTO_BUF struct buf b = BUF_INIT(6 * w->block.item.len + 200);
    struct json_writer j = {.out = &b, .comma = true};
    json_key(&j, "item_id");
    json_str(&j, w->block.item);
    json_key(&j, "output_index");
    json_i64(&j, w->block.index);
    write_index(&j, shape_of(w));
    json_key(&j, "delta");
    w->block.head = j.rc ? STR_NONE : arena_dup(w->arena, buf_str(&b));
    return w->block.head.ptr ? 0 : ERR_NOMEM;
}

/* Nearly all events of a stream are these, so they are put together from what is ready. */
static int delta_event(struct stream_writer *w, struct buf *out, struct str text)
{
    struct json_writer j = JSON_WRITER(out);
    size_t before = out->len;
    int rc = buf_append_text(out, shape_of(w)->delta);
    if (rc == 0)
        rc = buf_append_i64(out, w->sequence);
    if (rc == 0)
        rc = buf_append(out, w->block.head);
    json_str(&j, text);
    rc = rc ? rc : j.rc;
    if (rc == 0)
        rc = buf_append(out, w->block.kind == PART_TEXT ? STR(",\"logprobs\":[]}\n\n") : STR("}\n\n"));
    if (rc)
        out->len = before;
    w->sequence += rc == 0;
    return rc;
}

static int done_event(struct stream_writer *w, struct buf *out, struct str text)
{
    const struct shape *s = shape_of(w);
    struct json_writer j = item_event_begin(w, out, s->done);
    write_index(&j, s);
    if (w->block.kind == PART_CALL && !is_custom(w)) {
        json_key(&j, "name");
        json_str(&j, tool_name_inside(tool_space_of(w->asked, w->block.name), w->block.name));
    }
    json_key(&j, s->text);
    json_str(&j, text);
    write_logprobs(&j, w->block.kind);
    return event_end(&j);
}

/* --- the verbs ----------------------------------------------------------------------------------------------------------------------- */

static struct responses_object object_of(const struct stream_writer *w)
{
    return (struct responses_object){.asked = w->asked, .id = w->id, .model = w->model, .created_s = w->created_s,
                                     .items = buf_str(&w->items), .usage = w->has_usage ? &w->usage : NULL};
}

int responses_begin(struct stream_writer *w, struct buf *out)
{
    w->id = responses_id(w->id, w->arena);
    if (!w->id.ptr)
        return ERR_NOMEM;
    struct responses_object o = object_of(w);
    o.running = true;
    o.usage = NULL;
    int rc = response_event(w, out, "response.created", &o);
    return rc ? rc : response_event(w, out, "response.in_progress", &o);
}

static const char *prefix_of(const struct stream_writer *w)
{
    switch (w->block.kind) {
    case PART_CALL: return w->block.custom ? "ctc_" : "fc_";
    case PART_REASONING:
    case PART_HIDDEN: return RESPONSES_FOREIGN;
    default: return "msg_";
    }
}

static struct responses_item item_begun(const struct stream_writer *w)
{
    return (struct responses_item){.kind = w->block.kind, .custom = is_custom(w), .id = w->block.item, .call_id = w->block.id,
                                   .name = w->block.name, .space = tool_space_of(w->asked, w->block.name)};
}

int responses_open(struct stream_writer *w, struct buf *out)
{
    bool own_id = w->block.kind == PART_HIDDEN && w->block.id.len;
    w->block.item = own_id ? w->block.id : responses_item_id(prefix_of(w), w->id, w->block.index, w->arena);
    if (!w->block.item.ptr)
        return ERR_NOMEM;
    int rc = make_head(w);
    if (rc)
        return rc;
    struct responses_item item = item_begun(w);
    item.added = true;
    item.status = "in_progress";
    struct json_writer j = event_begin(w, out, "response.output_item.added");
    json_key(&j, "output_index");
    json_i64(&j, w->block.index);
    json_key(&j, "item");
    responses_item_write(&j, &item);
    rc = event_end(&j);
    bool content = w->block.kind == PART_TEXT || w->block.kind == PART_REFUSAL;
    return rc || !content ? rc : part_event(w, out, shape_of(w)->part_added, STR(""));
}

int responses_piece(struct stream_writer *w, struct str text, struct buf *out)
{
    bool first = w->block.pieces == (int64_t)text.len;
    int rc = 0;
    if (w->block.kind == PART_HIDDEN)
        return 0;
    if (w->block.kind == PART_REASONING && first)
        rc = part_event(w, out, shape_of(w)->part_added, STR(""));
    return rc ? rc : delta_event(w, out, text);
}

/* What the block says, whole; what no delta has said yet is said now. */
static int whole_text(struct stream_writer *w, struct str *text, struct buf *out)
{
    *text = buf_str(&w->kept);
    if (w->block.kind != PART_CALL)
        return 0;
    if (is_custom(w) || str_trim(*text).len)
        return 0;
    *text = STR("{}");
    return delta_event(w, out, *text);
}

static int encrypted_of(struct stream_writer *w, struct str text, struct str *out)
{
    *out = STR("");
    if (w->block.kind == PART_REASONING && w->block.signature.len)
        *out = responses_joined(RESPONSES_SEAL, w->block.signature, w->arena);
    else if (w->block.kind == PART_HIDDEN)
        *out = w->block.id.len ? text : responses_joined(RESPONSES_HIDDEN, text, w->arena);
    return out->ptr ? 0 : ERR_NOMEM;
}

/* The item as it is in the end, into w->items; *item is the slice there. */
static int finish_item(struct stream_writer *w, struct str text, struct str *item)
{
    struct responses_item it = item_begun(w);
    int rc = encrypted_of(w, text, &it.encrypted);
    if (rc)
        return rc;
    it.text = w->block.kind == PART_HIDDEN ? STR_NONE : text;
    it.status = responses_status(w->finish);
    rc = w->items.len ? buf_append_char(&w->items, ',') : 0;
    if (rc)
        return rc;
    size_t before = w->items.len;
    struct json_writer j = JSON_WRITER(&w->items);
    responses_item_write(&j, &it);
    *item = str_skip(buf_str(&w->items), before);
    return json_done(&j);
}

int responses_close(struct stream_writer *w, struct buf *out)
{
    const struct shape *s = shape_of(w);
    struct str text, item;
    bool silent = w->block.kind == PART_HIDDEN || (w->block.kind == PART_REASONING && w->block.pieces == 0);
    int rc = whole_text(w, &text, out);
    if (rc == 0 && !silent)
        rc = done_event(w, out, text);
    if (rc == 0 && !silent && s->part_done)
        rc = part_event(w, out, s->part_done, text);
    if (rc == 0)
        rc = finish_item(w, text, &item);
    return rc ? rc : item_event(w, out, "response.output_item.done", item);
}

int responses_end(struct stream_writer *w, struct buf *out)
{
    bool complete = str_eq(str_from(responses_status(w->finish)), STR("completed"));
    struct responses_object o = object_of(w);
    o.finish = w->finish;
    return response_event(w, out, complete ? "response.completed" : "response.incomplete", &o);
}

int responses_fail(struct stream_writer *w, const struct wire_error *e, struct buf *out)
{
    if (!w->begun) { /* clients build their state from the first event, in an error, too */
        w->begun = true;
        int rc = responses_begin(w, out);
        if (rc)
            return rc;
    }
    struct json_writer j = event_begin(w, out, "error");
    json_key(&j, "code");
    json_text(&j, responses_error_code(e));
    json_key(&j, "message");
    json_str(&j, e->message);
    json_key(&j, "param");
    json_text(&j, e->param);
    int rc = event_end(&j);
    struct responses_object o = object_of(w);
    o.error = e;
    return rc ? rc : response_event(w, out, "response.failed", &o);
}
