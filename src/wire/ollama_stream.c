/* ollama_stream.c: streams of Ollama's dialect: a JSON object a line, the last with done: true (hot path).
 *
 * Nothing is parsed into a tree, and what has no escapes is not copied. Calls come whole, in one line each or several in one.
 * The reader takes what it finds for its time to stand for the answer's id, since there is none: ids of calls are made of it.
 * The writer's lines all begin alike; that beginning is kept in w->items. */
#include "wire/ollama_priv.h"

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static int tell(struct stream_reader *r, struct delta d)
{
    return r->emit(&d, r->ctx);
}

/* For longer than the line lives. */
static struct str kept(struct stream_reader *r, struct str raw)
{
    struct str plain = ollama_plain(raw, r->arena);
    return plain.ptr ? arena_dup(r->arena, plain) : plain;
}

static int begin(struct stream_reader *r, const struct ollama_line *line)
{
    if (r->begun)
        return 0;
    r->begun = true;
    r->id = arena_dup(r->arena, line->created_at);
    struct str model = ollama_plain(line->model, r->arena);
    if (!r->id.ptr || !model.ptr)
        return ERR_NOMEM;
    return tell(r, (struct delta){.kind = DELTA_BEGIN, .model = model});
}

/* Raw text as a delta: as it stands when it has no escapes, else by way of a buffer. */
static int pass_on(struct stream_reader *r, struct delta d, struct str raw)
{
    if (raw.len == 0)
        return 0;
    d.text = raw;
    if (!memchr(raw.ptr, '\\', raw.len))
        return tell(r, d);
    AUTO_BUF struct buf plain = BUF_INIT(raw.len + 4);
    int rc = json_unescape(raw, &plain);
    d.text = buf_str(&plain);
    return rc ? rc : tell(r, d);
}

static int call_tell(struct stream_reader *r, const struct ollama_call *call)
{
    struct stream_call *c = stream_call_new(r, r->call_count);
    if (!c)
        return r->call_count == STREAM_CALLS_MAX ? ERR_LIMIT : ERR_NOMEM;
    c->id = kept(r, call->id);
    c->name = kept(r, call->name);
    if (!c->id.ptr || !c->name.ptr)
        return ERR_NOMEM;
    int rc = stream_call_tell(r, c);
    struct str arguments = call->arguments.len ? call->arguments : STR("{}"); /* it is whole: none will come */
    struct delta d = {.kind = DELTA_ARGUMENTS, .call = (int)(c - r->call), .text = arguments};
    if (rc)
        return rc;
    return call->in_string ? pass_on(r, d, d.text) : tell(r, d);
}

static int calls_tell(struct stream_reader *r, struct str calls)
{
    struct json_scan s;
    struct ollama_call call;
    int rc = 0;
    json_scan_init(&s, calls);
    if (!json_enter(&s))
        return 0;
    while (rc == 0 && ollama_call_next(&s, &call))
        rc = call.name.len ? call_tell(r, &call) : 0;
    return rc;
}

static int done_read(struct stream_reader *r, const struct ollama_line *line)
{
    int rc = 0;
    r->finished = true;
    if (line->has_usage) {
        r->has_usage = true;
        r->usage = ollama_usage(line);
        rc = tell(r, (struct delta){.kind = DELTA_USAGE, .usage = r->usage});
    }
    enum finish finish = ollama_finish(line, r->call_count > 0);
    rc = rc ? rc : tell(r, (struct delta){.kind = DELTA_FINISH, .finish = finish});
    return rc ? rc : tell(r, (struct delta){.kind = DELTA_END});
}

int ollama_event_read(struct stream_reader *r, struct str name, struct str data)
{
    struct ollama_line line;
    (void)name; /* lines have none */
    if (str_trim(data).len == 0 || r->finished)
        return 0;
    int rc = ollama_line_read(data, &line, NULL);
    if (rc)
        return rc;
    if (line.has_error)
        return tell(r, (struct delta){.kind = DELTA_FAILED});
    rc = begin(r, &line);
    rc = rc ? rc : pass_on(r, (struct delta){.kind = DELTA_REASONING}, line.thinking);
    rc = rc ? rc : pass_on(r, (struct delta){.kind = DELTA_TEXT}, line.content);
    rc = rc || !line.calls.ptr ? rc : calls_tell(r, line.calls);
    return rc || !line.done ? rc : done_read(r, &line);
}

/* --- writing ------------------------------------------------------------------------------------------------------------ */

/* A stream of Ollama's begins with what is said first. */
int ollama_stream_begin(struct stream_writer *w, struct buf *out)
{
    (void)out;
    struct json_writer json = JSON_WRITER(&w->items);
    ollama_says_begin(&json, w->op, w->model, w->created_s);
    return json_done(&json);
}

int ollama_stream_open(struct stream_writer *w, struct buf *out)
{
    (void)w, (void)out;
    return 0;
}

/* A writer that goes on behind w->items: at a value. */
static struct json_writer line_begin(struct stream_writer *w, struct buf *out)
{
    struct json_writer json = JSON_WRITER(out);
    json.rc = buf_append(out, buf_str(&w->items));
    return json;
}

static int line_end(struct stream_writer *w, struct json_writer *json)
{
    ollama_says_end(json, w->op);
    json_key(json, "done");
    json_bool(json, false);
    json_object_end(json);
    return json_done(json) ? json_done(json) : buf_append_char(json->out, '\n');
}

int ollama_stream_piece(struct stream_writer *w, struct str text, struct buf *out)
{
    enum part_kind kind = w->block.kind;
    if (kind != PART_TEXT && kind != PART_REFUSAL && kind != PART_REASONING)
        return 0; /* a call is said whole; what only its vendor can read, not at all */
    struct json_writer json = line_begin(w, out);
    json_str(&json, kind == PART_REASONING ? STR("") : text);
    if (kind == PART_REASONING) {
        json_key(&json, "thinking");
        json_str(&json, text);
    }
    return line_end(w, &json);
}

int ollama_stream_close(struct stream_writer *w, struct buf *out)
{
    if (w->block.kind != PART_CALL)
        return 0;
    struct part call = {.kind = PART_CALL, .id = w->block.id, .name = w->block.name, .arguments = buf_str(&w->kept)};
    struct json_writer json = line_begin(w, out);
    json_str(&json, STR(""));
    json_key(&json, "tool_calls");
    json_array_begin(&json);
    int rc = ollama_call_write(&json, w->block.call, &call, w->arena);
    json_array_end(&json);
    return rc ? rc : line_end(w, &json);
}

int ollama_stream_end(struct stream_writer *w, struct buf *out)
{
    struct json_writer json = line_begin(w, out);
    json_str(&json, STR(""));
    ollama_says_end(&json, w->op);
    ollama_done_write(&json, w->finish, w->has_usage ? &w->usage : NULL, w->elapsed_us);
    json_object_end(&json);
    return json_done(&json) ? json_done(&json) : buf_append_char(out, '\n');
}

int ollama_stream_error(struct stream_writer *w, const struct wire_error *e, struct buf *out)
{
    int rc = w->codec->error_write(e, out);
    return rc ? rc : buf_append_char(out, '\n');
}
