/* anthropic_stream.c: streams in Anthropic's dialect, read; see anthropic_priv.h.
 *
 *   message_start, (content_block_start, content_block_delta…, content_block_stop)…, message_delta, message_stop; ping anywhere
 *
 * It goes by the event's own `type` and is one scan of its members; nothing is kept but the calls. */
#include "wire/anthropic_priv.h"

enum { TYPE, INDEX, DELTA, BLOCK, MESSAGE, USAGE, ERROR, EVENT_COUNT };
static const struct str event_names[EVENT_COUNT] = {STR("type"),    STR("index"), STR("delta"), STR("content_block"),
                                                    STR("message"), STR("usage"), STR("error")};

static int emit_text(struct stream_reader *r, enum delta_kind kind, struct str raw)
{
    AUTO_BUF struct buf scratch = BUF_INIT(4 * raw.len + 1);
    struct str text;
    int rc = anthropic_raw_piece(raw, &scratch, &text);
    return rc || text.len == 0 ? rc : r->emit(&(struct delta){.kind = kind, .text = text}, r->ctx);
}

/* Of the few short ones; part of the event when there are no escapes. */
static int text_of(struct stream_reader *r, struct str raw, struct str *out)
{
    int rc = anthropic_raw_text(raw, r->arena, out);
    return rc == ERR_INVALID ? ERR_SYNTAX : rc;
}

static int begin(struct stream_reader *r, struct str model)
{
    if (r->begun)
        return 0;
    r->begun = true;
    return r->emit(&(struct delta){.kind = DELTA_BEGIN, .id = r->id, .model = model}, r->ctx);
}

static int usage_read(struct stream_reader *r, struct str raw)
{
    struct usage before = r->usage;
    int rc = anthropic_usage_read(&r->usage, &r->has_usage, raw, NULL);
    if (rc || !r->has_usage || memcmp(&before, &r->usage, sizeof before) == 0)
        return rc;
    return r->emit(&(struct delta){.kind = DELTA_USAGE, .usage = r->usage}, r->ctx);
}

static int start_read(struct stream_reader *r, const struct fields *event)
{
    static const struct str names[] = {STR("id"), STR("model"), STR("usage")};
    struct fields f;
    struct str model;
    if (r->begun || event->raw[MESSAGE].len == 0)
        return begin(r, STR_NONE);
    int rc = anthropic_fields_read(&f, names, COUNT_OF(names), event->raw[MESSAGE], NULL);
    if (rc == 0)
        rc = text_of(r, f.raw[0], &r->id);
    if (rc == 0 && !(r->id = arena_dup(r->arena, r->id)).ptr)
        rc = ERR_NOMEM;
    if (rc == 0)
        rc = text_of(r, f.raw[1], &model);
    if (rc == 0)
        rc = begin(r, model);
    return rc ? rc : usage_read(r, f.raw[2]);
}

/* --- blocks --- */

static struct stream_call *call_find(struct stream_reader *r, int64_t index)
{
    for (int i = r->call_count - 1; i >= 0; i--)
        if (r->call[i].key == index)
            return &r->call[i];
    return NULL;
}

/* As the client knows it; it outlives the event. */
static struct str id_plain(struct stream_reader *r, struct str id)
{
    struct str plain = chat_id_plain(id, r->arena);
    return plain.ptr ? arena_dup(r->arena, plain) : STR_NONE;
}

static int call_start(struct stream_reader *r, int64_t index, struct str id_raw, struct str name_raw, struct str input)
{
    struct str id, name;
    int rc = text_of(r, id_raw, &id);
    if (rc == 0)
        rc = text_of(r, name_raw, &name);
    if (rc)
        return rc;
    struct stream_call *c = stream_call_new(r, index);
    if (!c)
        return r->call_count == STREAM_CALLS_MAX ? ERR_LIMIT : ERR_NOMEM;
    c->id = id_plain(r, id);
    c->name = arena_dup(r->arena, name);
    if (!c->id.ptr || !c->name.ptr)
        return ERR_NOMEM;
    rc = stream_call_tell(r, c);
    /* Some tell a short input whole, here: kept until it is clear that no pieces come. */
    bool whole = input.len > 2 && input.ptr[0] == '{';
    return rc == 0 && whole ? buf_append(&c->waiting, input) : rc;
}

static int block_start(struct stream_reader *r, const struct fields *event, int64_t index)
{
    enum { B_TYPE, B_TEXT, B_THINKING, B_SIGNATURE, B_DATA, B_ID, B_NAME, B_INPUT, COUNT };
    static const struct str names[COUNT] = {STR("type"), STR("text"), STR("thinking"), STR("signature"),
                                            STR("data"), STR("id"),   STR("name"),     STR("input")};
    struct fields f;
    struct str type;
    int rc = anthropic_fields_read(&f, names, COUNT, event->raw[BLOCK], NULL);
    AUTO_BUF struct buf scratch = BUF_INIT(4 * f.raw[B_TYPE].len + 1);
    if (rc == 0)
        rc = anthropic_raw_piece(f.raw[B_TYPE], &scratch, &type);
    if (rc)
        return rc;
    if (str_eq(type, STR("text")))
        return emit_text(r, DELTA_TEXT, f.raw[B_TEXT]);
    if (str_eq(type, STR("tool_use")))
        return call_start(r, index, f.raw[B_ID], f.raw[B_NAME], f.raw[B_INPUT]);
    if (str_eq(type, STR("redacted_thinking")))
        return emit_text(r, DELTA_HIDDEN, f.raw[B_DATA]);
    if (!str_eq(type, STR("thinking")))
        return 0; /* server tools and what is to come: nothing to say in another dialect */
    rc = emit_text(r, DELTA_REASONING, f.raw[B_THINKING]);
    return rc ? rc : emit_text(r, DELTA_SIGNATURE, f.raw[B_SIGNATURE]);
}

static int arguments_read(struct stream_reader *r, int64_t index, struct str raw)
{
    struct stream_call *c = call_find(r, index);
    AUTO_BUF struct buf scratch = BUF_INIT(4 * raw.len + 1);
    struct str text;
    int rc = anthropic_raw_piece(raw, &scratch, &text);
    if (rc || !c || text.len == 0)
        return rc;
    c->pieces = true;
    return r->emit(&(struct delta){.kind = DELTA_ARGUMENTS, .call = (int)(c - r->call), .text = text}, r->ctx);
}

static int block_delta(struct stream_reader *r, const struct fields *event, int64_t index)
{
    enum { TEXT, ARGUMENTS, THINKING, SIGNATURE, COUNT };
    static const struct str names[COUNT] = {STR("text"), STR("partial_json"), STR("thinking"), STR("signature")};
    static const enum delta_kind kinds[COUNT] = {DELTA_TEXT, DELTA_ARGUMENTS, DELTA_REASONING, DELTA_SIGNATURE};
    struct fields f;
    int rc = anthropic_fields_read(&f, names, COUNT, event->raw[DELTA], NULL);
    for (int i = 0; i < COUNT && rc == 0; i++)
        if (f.raw[i].len)
            rc = i == ARGUMENTS ? arguments_read(r, index, f.raw[i]) : emit_text(r, kinds[i], f.raw[i]);
    return rc;
}

/* A call that said nothing has the input {}, or what its start told. */
static int block_stop(struct stream_reader *r, int64_t index)
{
    struct stream_call *c = call_find(r, index);
    if (!c || c->pieces)
        return 0;
    c->pieces = true;
    struct str input = c->waiting.len ? buf_str(&c->waiting) : STR("{}");
    int rc = r->emit(&(struct delta){.kind = DELTA_ARGUMENTS, .call = (int)(c - r->call), .text = input}, r->ctx);
    buf_fini(&c->waiting);
    return rc;
}

/* --- the end --- */

static int explanation_read(struct stream_reader *r, struct str details)
{
    struct fields f;
    if (details.len == 0 || details.ptr[0] != '{')
        return 0;
    int rc = anthropic_fields_read(&f, (const struct str[]){STR("explanation")}, 1, details, NULL);
    return rc ? rc : emit_text(r, DELTA_REFUSAL, f.raw[0]);
}

static int end_read(struct stream_reader *r, const struct fields *event)
{
    static const struct str names[] = {STR("stop_reason"), STR("stop_sequence"), STR("stop_details")};
    struct fields f = {0};
    struct str reason = STR(""), stop = STR("");
    int rc = begin(r, STR_NONE);
    if (rc == 0)
        rc = usage_read(r, event->raw[USAGE]);
    if (rc == 0 && event->raw[DELTA].len)
        rc = anthropic_fields_read(&f, names, COUNT_OF(names), event->raw[DELTA], NULL);
    if (rc == 0)
        rc = text_of(r, f.raw[0], &reason);
    if (rc == 0)
        rc = text_of(r, f.raw[1], &stop);
    if (rc || reason.len == 0 || r->finished)
        return rc;
    enum finish finish = anthropic_finish(reason);
    if (finish == FINISH_FILTER)
        rc = explanation_read(r, f.raw[2]);
    r->finished = true;
    return rc ? rc : r->emit(&(struct delta){.kind = DELTA_FINISH, .finish = finish, .text = stop}, r->ctx);
}

/* --- one event --- */

const struct str anthropic_events[EVENT_UNKNOWN] = {
    [EVENT_PING] = STR("ping"),
    [EVENT_START] = STR("message_start"),
    [EVENT_BLOCK] = STR("content_block_start"),
    [EVENT_DELTA] = STR("content_block_delta"),
    [EVENT_BLOCK_STOP] = STR("content_block_stop"),
    [EVENT_END] = STR("message_delta"),
    [EVENT_STOP] = STR("message_stop"),
    [EVENT_ERROR] = STR("error"),
};

static enum anthropic_event event_find(struct str type)
{
    size_t i = 0;
    while (i < COUNT_OF(anthropic_events) && !str_eq(anthropic_events[i], type))
        i++;
    return (enum anthropic_event)i;
}

static int block_event(struct stream_reader *r, enum anthropic_event event, const struct fields *f)
{
    int64_t index = 0;
    int rc = begin(r, STR_NONE);
    if (rc)
        return rc;
    if (f->raw[INDEX].len && !json_to_i64(f->raw[INDEX], &index))
        return ERR_SYNTAX;
    if (event == EVENT_BLOCK_STOP)
        return block_stop(r, index);
    if (f->raw[event == EVENT_BLOCK ? BLOCK : DELTA].len == 0)
        return 0;
    return event == EVENT_BLOCK ? block_start(r, f, index) : block_delta(r, f, index);
}

static int emit_bare(struct stream_reader *r, enum delta_kind kind)
{
    return r->emit(&(struct delta){.kind = kind}, r->ctx);
}

int anthropic_event_read(struct stream_reader *r, struct str name, struct str data)
{
    struct fields f;
    struct str type = name;
    if (str_eq(name, STR("error")))
        return emit_bare(r, DELTA_FAILED); /* whatever it says */
    if (sse_is_done(data))                 /* of those who speak OpenAI's as well */
        return 0;
    if (anthropic_fields_read(&f, event_names, EVENT_COUNT, data, NULL))
        return str_eq(name, STR("ping")) ? emit_bare(r, DELTA_ALIVE) : ERR_SYNTAX;
    if (f.raw[TYPE].len > 2 && f.raw[TYPE].ptr[0] == '"')
        type = str_slice(f.raw[TYPE], 1, f.raw[TYPE].len - 1); /* none that we know has escapes */
    if (f.raw[ERROR].len)
        return emit_bare(r, DELTA_FAILED);
    enum anthropic_event event = event_find(type);
    switch (event) {
    case EVENT_PING: return emit_bare(r, DELTA_ALIVE);
    case EVENT_START: return start_read(r, &f);
    case EVENT_BLOCK:
    case EVENT_DELTA:
    case EVENT_BLOCK_STOP: return block_event(r, event, &f);
    case EVENT_END: return end_read(r, &f);
    case EVENT_STOP: return emit_bare(r, DELTA_END);
    case EVENT_ERROR: return emit_bare(r, DELTA_FAILED);
    case EVENT_UNKNOWN: break;
    }
    return emit_bare(r, DELTA_ALIVE);
}
