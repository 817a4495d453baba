/* anthropic_answer.c: whole answers in Anthropic's dialect, both ways; see anthropic_priv.h. */
#include "wire/anthropic_priv.h"

/* --- reading ------------------------------------------------------------------------------------------------------ */

static struct str text_or_none(const struct json_node *object, const char *key)
{
    struct str text = json_get_text(object, key);
    return text.ptr ? text : STR("");
}

static int use_read(struct chat_answer *a, const struct json_node *block, struct part *p)
{
    const struct json_node *input = json_get(block, "input");
    p->id = chat_id_plain(text_or_none(block, "id"), a->arena);
    p->name = text_or_none(block, "name");
    p->arguments = input && input->type == JSON_OBJECT ? input->text : STR("{}");
    return p->id.ptr ? 0 : ERR_NOMEM;
}

static const struct {
    struct str type;
    enum part_kind kind;
} kinds[] = {
    {STR("text"), PART_TEXT},
    {STR("tool_use"), PART_CALL},
    {STR("thinking"), PART_REASONING},
    {STR("redacted_thinking"), PART_HIDDEN},
};

static struct part *part_add(struct chat_answer *a, struct part ***end, enum part_kind kind)
{
    struct part *p = arena_new(a->arena, struct part);
    if (!p)
        return NULL;
    p->kind = kind;
    **end = p;
    *end = &p->next;
    return p;
}

static int block_read(struct chat_answer *a, const struct json_node *block, struct part ***end)
{
    struct str type = text_or_none(block, "type");
    enum part_kind kind = PART_OPAQUE;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (str_eq(kinds[i].type, type))
            kind = kinds[i].kind;
    struct part *p = part_add(a, end, kind);
    if (!p)
        return ERR_NOMEM;
    switch (kind) {
    case PART_TEXT: p->text = text_or_none(block, "text"); return 0;
    case PART_CALL: return use_read(a, block, p);
    case PART_HIDDEN: p->text = text_or_none(block, "data"); return 0;
    case PART_REASONING:
        p->text = text_or_none(block, "thinking");
        p->signature = text_or_none(block, "signature");
        return 0;
    default:
        p->name = type;
        p->raw = block->text;
        return 0;
    }
}

static int content_read(struct chat_answer *a, const struct json_node *content, struct part ***end)
{
    int rc = 0;
    for (const struct json_node *block = content->child; block && rc == 0; block = block->next)
        rc = block_read(a, block, end);
    return rc;
}

/* A refusal may come with its reason and no content at all. */
static int explanation_read(struct chat_answer *a, const struct json_node *message, struct part ***end)
{
    struct str why = text_or_none(json_get(message, "stop_details"), "explanation");
    struct part *p = why.len && a->finish == FINISH_FILTER ? part_add(a, end, PART_REFUSAL) : NULL;
    if (p)
        p->text = why;
    return why.len && a->finish == FINISH_FILTER && !p ? ERR_NOMEM : 0;
}

int anthropic_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e)
{
    struct json_node *root;
    struct part **end = &a->part;
    (void)op;
    *a = (struct chat_answer){.arena = a->arena, .usage = {.cost_nusd = -1}};
    int rc = json_parse(a->arena, body, &root, e);
    if (rc)
        return rc;
    const struct json_node *error = json_get(root, "error"), *content = json_get(root, "content");
    if (str_eq(json_get_text(root, "type"), STR("error")) || (error && error->type != JSON_NULL)) {
        a->has_error = true;
        return 0;
    }
    if (!content || content->type != JSON_ARRAY)
        return err_set(e, ERR_SYNTAX, "the answer is no message: it has no list of content");
    a->id = text_or_none(root, "id");
    a->model = text_or_none(root, "model");
    a->finish = anthropic_finish(json_get_text(root, "stop_reason"));
    a->stop = text_or_none(root, "stop_sequence");
    a->choice_count = 1;
    rc = content_read(a, content, &end);
    if (rc == 0)
        rc = explanation_read(a, root, &end);
    const struct json_node *usage = json_get(root, "usage");
    if (rc == 0 && usage)
        rc = anthropic_usage_read(&a->usage, &a->has_usage, usage->text, e);
    return rc == ERR_NOMEM ? err_set(e, rc, "no memory for the answer") : rc;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void member(struct json_writer *w, const char *key, struct str text)
{
    json_key(w, key);
    json_str(w, text);
}

static void block_begin(struct json_writer *w, const char *type)
{
    json_object_begin(w);
    json_key(w, "type");
    json_text(w, type);
}

static int use_write(struct json_writer *w, const struct part *p, struct arena *a)
{
    struct str id = chat_id_safe(p->id, a), input = p->custom ? tool_input_object(p->arguments, a) : chat_arguments_object(p->arguments, a);
    if (!id.ptr || !input.ptr)
        return ERR_NOMEM;
    block_begin(w, "tool_use");
    member(w, "id", id);
    member(w, "name", p->name);
    json_key(w, "input");
    json_raw(w, input);
    json_object_end(w);
    return 0;
}

static int hidden_write(struct json_writer *w, const struct part *p, struct arena *a)
{
    const char *marked = arena_format(a, ANTHROPIC_FOREIGN "%.*s", STR_FMT(p->text));
    if (!marked)
        return ERR_NOMEM;
    block_begin(w, "redacted_thinking");
    member(w, "data", str_of(marked, p->text.len + sizeof ANTHROPIC_FOREIGN - 1));
    json_object_end(w);
    return 0;
}

static int part_write(struct json_writer *w, const struct part *p, struct arena *a, struct lost *lost)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        if (p->text.len) {
            block_begin(w, "text");
            member(w, "text", p->text);
            json_object_end(w);
        }
        return 0;
    case PART_REASONING:
        block_begin(w, "thinking");
        member(w, "thinking", p->text);
        member(w, "signature", p->signature);
        json_object_end(w);
        return 0;
    case PART_HIDDEN: return hidden_write(w, p, a);
    case PART_CALL: return use_write(w, p, a);
    case PART_IMAGE: lost_add(lost, STR("image")); return 0;
    case PART_AUDIO: lost_add(lost, STR("audio")); return 0;
    case PART_FILE: lost_add(lost, STR("file")); return 0;
    case PART_OPAQUE: lost_add(lost, p->name); return 0;
    case PART_RESULT: break; /* no model says one */
    }
    return 0;
}

/* Calls were made: agents wait for that word, as they do for that of a refusal; an answer that was cut stays cut. */
static enum finish finish_of(const struct chat_answer *a)
{
    bool calls = false, refused = false;
    for (const struct part *p = a->part; p; p = p->next) {
        calls |= p->kind == PART_CALL;
        refused |= p->kind == PART_REFUSAL;
    }
    if (a->finish == FINISH_NONE || a->finish == FINISH_STOP || a->finish == FINISH_OTHER)
        return calls ? FINISH_TOOLS : refused ? FINISH_FILTER : a->finish;
    return a->finish;
}

static int content_write(const struct chat_answer *a, struct json_writer *w, struct lost *lost)
{
    int rc = 0;
    json_key(w, "content");
    json_array_begin(w);
    for (const struct part *p = a->part; p && rc == 0; p = p->next)
        rc = part_write(w, p, a->arena, lost);
    if (!w->comma) /* clients look at content[0] */
        json_raw(w, STR("{\"type\":\"text\",\"text\":\"\"}"));
    json_array_end(w);
    return rc;
}

int anthropic_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out)
{
    struct json_writer w = JSON_WRITER(out);
    size_t before = out->len;
    enum finish finish = finish_of(a);
    (void)op;
    json_object_begin(&w);
    member(&w, "id", a->id);
    member(&w, "type", STR("message"));
    member(&w, "role", STR("assistant"));
    member(&w, "model", a->model);
    int rc = content_write(a, &w, lost);
    json_key(&w, "stop_reason");
    json_text(&w, anthropic_stop_reason(finish, a->stop.len > 0));
    json_key(&w, "stop_sequence");
    if (a->stop.len && finish == FINISH_STOP)
        json_str(&w, a->stop);
    else
        json_null(&w);
    json_key(&w, "usage");
    anthropic_usage_write(&w, &a->usage);
    json_object_end(&w);
    rc = rc ? rc : json_done(&w);
    if (rc)
        out->len = before; /* all of it or nothing */
    return rc;
}
