/* responses_event.c: reads an upstream's stream in the Responses dialect.
 *
 * One scan of an event finds its members; the deltas, which are nearly all events, need no more. Items that are done, and the
 * whole response at the end, are looked at for what no delta has said: some servers send some of it only there. r->told has a bit for
 * each item of which something was said. */
#include "wire/answer_priv.h"
#include "wire/responses_priv.h"

struct event {
    struct str type;  /* raw, as all of them; empty if absent */
    struct str delta; /* between its quotes */
    struct str arguments, text_done;
    struct str item, response;
    bool has_error, has_delta;
    int64_t output_index, summary_index;
};

enum { ABSENT = -2, TOLD_BITS = 64 };

/* --- scanning ---------------------------------------------------------------------------------------------------------------------- */

static void string_or_skip(struct json_scan *s, struct str *raw)
{
    if (json_peek(s) == JSON_STRING)
        json_string(s, raw);
    else
        json_skip(s, NULL);
}

static void object_or_skip(struct json_scan *s, struct str *raw)
{
    if (json_peek(s) == JSON_OBJECT)
        json_skip(s, raw);
    else
        json_skip(s, NULL);
}

static void index_or_skip(struct json_scan *s, int64_t *out)
{
    bool number = json_peek(s) == JSON_NUMBER;
    struct str raw;
    int64_t n;
    if (json_skip(s, &raw) && number && json_to_i64(raw, &n) && n >= 0)
        *out = n;
}

/* What is not among these is looked at by nobody. */
static void other_scan(struct json_scan *s, struct str key, struct event *v)
{
    if (json_key_is(key, STR("summary_index"))) {
        index_or_skip(s, &v->summary_index);
    } else if (json_key_is(key, STR("arguments")) || json_key_is(key, STR("input"))) {
        string_or_skip(s, &v->arguments);
    } else if (json_key_is(key, STR("item"))) {
        object_or_skip(s, &v->item);
    } else if (json_key_is(key, STR("response"))) {
        object_or_skip(s, &v->response);
    } else if (json_key_is(key, STR("error"))) {
        v->has_error = json_peek(s) != JSON_NULL;
        json_skip(s, NULL);
    } else {
        json_skip(s, NULL);
    }
}

static void member_scan(struct json_scan *s, struct str key, struct event *v)
{
    if (json_key_is(key, STR("delta"))) {
        v->has_delta = json_peek(s) == JSON_STRING;
        string_or_skip(s, &v->delta);
    } else if (json_key_is(key, STR("type"))) {
        string_or_skip(s, &v->type);
    } else if (json_key_is(key, STR("output_index"))) {
        index_or_skip(s, &v->output_index);
    } else {
        other_scan(s, key, v);
    }
}

static int event_scan(struct str data, struct event *v)
{
    struct json_scan s;
    struct str key;
    *v = (struct event){.output_index = ABSENT};
    json_scan_init(&s, data);
    if (json_peek(&s) != JSON_OBJECT)
        return ERR_SYNTAX;
    json_enter(&s);
    while (json_member(&s, &key))
        member_scan(&s, key, v);
    return json_finish(&s, NULL);
}

/* --- what was told --- */

static bool is_told(const struct stream_reader *r, int64_t index)
{
    return index < 0 || index >= TOLD_BITS || (r->told >> index & 1);
}

static void tell(struct stream_reader *r, int64_t index)
{
    if (index >= 0 && index < TOLD_BITS)
        r->told |= (uint64_t)1 << index;
}

static int emit_text(struct stream_reader *r, enum delta_kind kind, int call, struct str text)
{
    return text.len ? r->emit(&(struct delta){.kind = kind, .call = call, .text = text}, r->ctx) : 0;
}

static int emit_raw(struct stream_reader *r, enum delta_kind kind, int call, struct str raw)
{
    if (!memchr(raw.ptr ? raw.ptr : "", '\\', raw.len))
        return emit_text(r, kind, call, raw);
    AUTO_BUF struct buf b = BUF_INIT(raw.len);
    int rc = json_unescape(raw, &b);
    return rc ? rc : emit_text(r, kind, call, buf_str(&b));
}

static int alive(struct stream_reader *r)
{
    return r->emit(&(struct delta){.kind = DELTA_ALIVE}, r->ctx);
}

/* --- the beginning --- */

static bool find_texts(struct str object, struct str *id, struct str *model)
{
    struct json_scan s;
    struct str key;
    json_scan_init(&s, object);
    if (json_peek(&s) != JSON_OBJECT)
        return false;
    json_enter(&s);
    while (json_member(&s, &key)) {
        if (json_key_is(key, STR("id")))
            string_or_skip(&s, id);
        else if (json_key_is(key, STR("model")))
            string_or_skip(&s, model);
        else
            json_skip(&s, NULL);
    }
    return true;
}

static int begin(struct stream_reader *r, struct str response)
{
    struct str id = STR_NONE, model = STR_NONE;
    if (r->begun)
        return 0;
    r->begun = true;
    if (response.len)
        find_texts(response, &id, &model);
    id = json_unescape_arena(id, r->arena);
    model = json_unescape_arena(model, r->arena);
    r->id = id.len ? arena_dup(r->arena, id) : STR(""); /* the event is gone when it is needed */
    if (!r->id.ptr || (model.len && !model.ptr))
        return ERR_NOMEM;
    return r->emit(&(struct delta){.kind = DELTA_BEGIN, .id = r->id, .model = model}, r->ctx);
}

/* --- deltas --- */

static int on_text(struct stream_reader *r, const struct event *v, enum delta_kind kind)
{
    tell(r, v->output_index);
    return v->has_delta ? emit_raw(r, kind, 0, v->delta) : 0;
}

/* Another paragraph of the same summary. */
static int on_summary_part(struct stream_reader *r, const struct event *v)
{
    return v->summary_index > 0 ? emit_text(r, DELTA_REASONING, 0, STR("\n\n")) : 0;
}

/* Why there is no call: too many of them, or no memory. */
static int no_call(const struct stream_reader *r)
{
    return r->call_count == STREAM_CALLS_MAX ? ERR_LIMIT : ERR_NOMEM;
}

static struct stream_call *call_at(struct stream_reader *r, int64_t index)
{
    if (index == ABSENT && r->call_count)
        return &r->call[r->call_count - 1];
    return stream_call_of(r, index);
}

static int arguments(struct stream_reader *r, struct stream_call *c, struct str raw, bool escaped)
{
    AUTO_BUF struct buf b = BUF_INIT(raw.len);
    if (!raw.len)
        return 0;
    c->pieces = true;
    if (escaped && memchr(raw.ptr, '\\', raw.len)) {
        int rc = json_unescape(raw, &b);
        if (rc)
            return rc;
        raw = buf_str(&b);
    }
    return c->told ? emit_text(r, DELTA_ARGUMENTS, (int)(c - r->call), raw) : buf_append(&c->waiting, raw);
}

static int on_arguments(struct stream_reader *r, const struct event *v)
{
    struct stream_call *c = call_at(r, v->output_index);
    return c ? arguments(r, c, v->delta, true) : no_call(r);
}

static int on_arguments_done(struct stream_reader *r, const struct event *v)
{
    struct stream_call *c = call_at(r, v->output_index);
    if (!c)
        return no_call(r);
    return c->pieces ? 0 : arguments(r, c, v->arguments, true);
}

/* --- items --- */

static int call_meet(struct stream_reader *r, const struct part *p, int64_t index, struct stream_call **out)
{
    struct stream_call *c = call_at(r, index);
    if (!c)
        return no_call(r);
    *out = c;
    if (c->told || !p->name.len)
        return 0;
    c->custom = p->custom;
    c->id = p->id.len ? arena_dup(r->arena, p->id) : STR_NONE;
    c->name = arena_dup(r->arena, p->name);
    if ((p->id.len && !c->id.ptr) || !c->name.ptr)
        return ERR_NOMEM;
    return stream_call_tell(r, c);
}

/* What the item says and no delta said. */
static int part_emit(struct stream_reader *r, const struct part *p, int64_t index, bool told)
{
    struct stream_call *c;
    int rc;
    switch (p->kind) {
    case PART_TEXT: return told ? 0 : emit_text(r, DELTA_TEXT, 0, p->text);
    case PART_REFUSAL: return told ? 0 : emit_text(r, DELTA_REFUSAL, 0, p->text);
    case PART_REASONING: return told ? 0 : emit_text(r, DELTA_REASONING, 0, p->text);
    case PART_HIDDEN: return r->emit(&(struct delta){.kind = DELTA_HIDDEN, .text = p->text, .id = p->id}, r->ctx);
    case PART_CALL:
        rc = call_meet(r, p, index, &c);
        if (rc || c->pieces)
            return rc;
        bool none = !p->custom && str_trim(p->arguments).len == 0; /* the item is done: none will come */
        return arguments(r, c, none ? STR("{}") : p->arguments, false);
    default: return 0; /* a tool that the vendor ran */
    }
}

static int item_emit(struct stream_reader *r, const struct chat_answer *a, int64_t index)
{
    bool told = is_told(r, index);
    int rc = 0;
    for (const struct part *p = a->part; p && rc == 0; p = p->next)
        rc = part_emit(r, p, index, told);
    tell(r, index);
    return rc;
}

static int call_begins(struct stream_reader *r, const struct chat_answer *a, int64_t index)
{
    struct stream_call *c;
    if (!a->part || a->part->kind != PART_CALL)
        return 0;
    if (index == ABSENT) { /* else it would be taken for the one before */
        index = r->call_count;
        if (!stream_call_new(r, index))
            return no_call(r);
    }
    return call_meet(r, a->part, index, &c);
}

/* Items are few, so they may have a tree; it is gone before the next one. */
static int on_item(struct stream_reader *r, const struct event *v, bool done)
{
    struct arena arena = ARENA_INIT(200 * v->item.len + 64 * KiB);
    struct chat_answer a = {.arena = &arena};
    struct json_node *item;
    if (!v->item.len)
        return 0;
    int rc = json_parse(&arena, v->item, &item, NULL);
    if (rc == 0 && !responses_item_read(&a, item))
        rc = ERR_NOMEM;
    if (rc == 0)
        rc = done ? item_emit(r, &a, v->output_index) : call_begins(r, &a, v->output_index);
    arena_fini(&arena);
    return rc;
}

/* --- the end --- */

struct ending {
    struct str status, reason, usage, output;
};

static void details_scan(struct json_scan *s, struct ending *end)
{
    struct str key;
    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return;
    }
    json_enter(s);
    while (json_member(s, &key)) {
        if (json_key_is(key, STR("reason")))
            string_or_skip(s, &end->reason);
        else
            json_skip(s, NULL);
    }
}

static void ending_scan(struct str response, struct ending *end)
{
    struct json_scan s;
    struct str key;
    json_scan_init(&s, response);
    if (!response.len || !json_enter(&s))
        return;
    while (json_member(&s, &key)) {
        if (json_key_is(key, STR("status")))
            string_or_skip(&s, &end->status);
        else if (json_key_is(key, STR("incomplete_details")))
            details_scan(&s, end);
        else if (json_key_is(key, STR("usage")))
            json_skip(&s, &end->usage);
        else if (json_key_is(key, STR("output")) && json_peek(&s) == JSON_ARRAY)
            json_skip(&s, &end->output);
        else
            json_skip(&s, NULL);
    }
}

/* The items that no event of their own has finished. */
static int output_emit(struct stream_reader *r, struct str output)
{
    struct json_scan s;
    int rc = 0;
    int64_t index = 0;
    json_scan_init(&s, output);
    if (!output.len || !json_enter(&s))
        return 0;
    while (rc == 0 && json_element(&s)) {
        struct event v = {.output_index = index};
        json_skip(&s, &v.item);
        bool object = v.item.len && v.item.ptr[0] == '{';
        if (object && !is_told(r, index))
            rc = on_item(r, &v, true);
        index++;
    }
    return rc;
}

static int usage_emit(struct stream_reader *r, struct str raw)
{
    struct json_scan s;
    struct usage usage;
    json_scan_init(&s, raw);
    if (!raw.len || !answer_usage_read_responses(&s, &usage))
        return 0;
    r->usage = usage;
    r->has_usage = true;
    return r->emit(&(struct delta){.kind = DELTA_USAGE, .usage = usage}, r->ctx);
}

static int on_end(struct stream_reader *r, const struct event *v, const char *status)
{
    struct ending end = {0};
    ending_scan(v->response, &end);
    int rc = output_emit(r, end.output);
    if (rc)
        return rc;
    r->finished = true;
    enum finish finish = responses_finish(str_from(status), end.reason, r->call_count > 0);
    rc = r->emit(&(struct delta){.kind = DELTA_FINISH, .finish = finish}, r->ctx);
    if (rc == 0)
        rc = usage_emit(r, end.usage);
    return rc ? rc : r->emit(&(struct delta){.kind = DELTA_END}, r->ctx);
}

static int on_failure(struct stream_reader *r)
{
    r->finished = true; /* response.failed behind an error says nothing new */
    return r->emit(&(struct delta){.kind = DELTA_FAILED}, r->ctx);
}

/* --- the door --------------------------------------------------------------------------------------------------------------------------- */

static int dispatch(struct stream_reader *r, const struct event *v, struct str type)
{
    if (str_eq(type, STR("output_text.delta")))
        return on_text(r, v, DELTA_TEXT);
    if (str_eq(type, STR("function_call_arguments.delta")) || str_eq(type, STR("custom_tool_call_input.delta")))
        return on_arguments(r, v);
    if (str_eq(type, STR("reasoning_summary_text.delta")) || str_eq(type, STR("reasoning_text.delta")))
        return on_text(r, v, DELTA_REASONING);
    if (str_eq(type, STR("refusal.delta")))
        return on_text(r, v, DELTA_REFUSAL);
    if (str_eq(type, STR("output_item.added")))
        return on_item(r, v, false);
    if (str_eq(type, STR("output_item.done")))
        return on_item(r, v, true);
    if (str_eq(type, STR("function_call_arguments.done")) || str_eq(type, STR("custom_tool_call_input.done")))
        return on_arguments_done(r, v);
    if (str_eq(type, STR("reasoning_summary_part.added")))
        return on_summary_part(r, v);
    if (str_eq(type, STR("completed")))
        return on_end(r, v, "completed");
    if (str_eq(type, STR("incomplete")))
        return on_end(r, v, "incomplete");
    if (str_eq(type, STR("cancelled")))
        return on_end(r, v, "cancelled");
    bool echo = str_eq(type, STR("created")) || str_ends(type, STR(".done")) || str_ends(type, STR("part.added"));
    return echo ? 0 : alive(r); /* nothing new, or work that takes its time */
}

int responses_event_read(struct stream_reader *r, struct str name, struct str data)
{
    static const struct str prefix = {"response.", 9};
    struct event v;
    if (!str_trim(data).len || sse_is_done(data)) /* some end with that mark here, too */
        return 0;
    int rc = event_scan(data, &v);
    if (rc || r->finished)
        return rc;
    struct str type = v.type.len ? v.type : name;
    if (v.has_error || str_eq(type, STR("error")) || str_eq(type, STR("response.failed")))
        return on_failure(r);
    if (!str_starts(type, prefix))
        return alive(r);
    rc = begin(r, v.response);
    return rc ? rc : dispatch(r, &v, str_skip(type, prefix.len));
}
