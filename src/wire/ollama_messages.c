/* ollama_messages.c: the messages of a client's request in Ollama's dialect.
 *
 * Old clients know no ids of tool calls: they are made of the place in the conversation, so that the same conversation gives the same
 * ids, turn after turn. A result that names no id belongs to the call that waits for one: in the last message that has such a
 * call (of that name, if one is told), the first. */
#include "wire/ollama_priv.h"

int ollama_no_memory(struct ollama_reader *r)
{
    return err_set(r->err, ERR_NOMEM, "out of memory while reading the request");
}

int ollama_text_read(struct ollama_reader *r, const struct json_node *v, const char *name, struct str *out)
{
    if (!ollama_given(v))
        return 0;
    if (v->type != JSON_STRING)
        return err_set(r->err, ERR_INVALID, "%s must be a string", name);
    *out = v->text;
    return 0;
}

/* Appends to a list whose end is known; moves the end on. */
static struct part *part_add(struct ollama_reader *r, struct part ***end, enum part_kind kind)
{
    struct part *p = chat_part_add(r->chat, *end, kind);
    if (p)
        *end = &p->next;
    return p;
}

static int image_add(struct ollama_reader *r, const struct json_node *v, struct part ***end)
{
    struct part *p = part_add(r, end, PART_IMAGE);
    if (!p)
        return ollama_no_memory(r);
    p->source = SOURCE_BASE64;
    if (data_url_read(v->text, &p->media_type, &p->data)) /* what the server refuses, and some clients send */
        return 0;
    p->data = v->text;
    p->media_type = media_type_sniff(v->text);
    return 0;
}

int ollama_images_read(struct ollama_reader *r, const struct json_node *v, const char *name, struct part ***end)
{
    int rc = 0;
    if (!ollama_given(v))
        return 0;
    bool fine = v->type == JSON_ARRAY;
    for (const struct json_node *i = v->child; i && fine; i = i->next)
        fine = i->type == JSON_STRING && i->text.len;
    if (!fine)
        return err_set(r->err, ERR_INVALID, "%s must be an array of strings in base64", name);
    for (const struct json_node *i = v->child; i && rc == 0; i = i->next)
        rc = image_add(r, i, end);
    return rc;
}

int ollama_words_add(struct ollama_reader *r, enum part_kind kind, struct str text, struct part ***end)
{
    struct part *p = text.len ? part_add(r, end, kind) : NULL;
    if (text.len && !p)
        return ollama_no_memory(r);
    if (p)
        p->text = text;
    return 0;
}

/* The call that came `back` calls before the next; 1 is the last. NULL: too far. */
static struct ollama_known *known_call(struct ollama_reader *r, size_t back)
{
    bool there = back <= r->call_count && back <= OLLAMA_CALLS_KNOWN_MAX;
    return there ? &r->known[(r->call_count - back) % OLLAMA_CALLS_KNOWN_MAX] : NULL;
}

/* One that waits, if there is one: some clients count their ids anew in each turn. */
static struct ollama_known *call_by_id(struct ollama_reader *r, struct str id)
{
    struct ollama_known *k, *found = NULL;
    for (size_t back = 1; (k = known_call(r, back)); back++) {
        if (!str_eq(k->call->id, id) || (found && k->answered))
            continue;
        found = k;
        if (!k->answered)
            break;
    }
    return found;
}

/* Any that waits if `name` is empty. */
static struct ollama_known *call_by_name(struct ollama_reader *r, struct str name)
{
    struct ollama_known *k, *found = NULL;
    for (size_t back = 1; (k = known_call(r, back)) && (!found || k->at == found->at); back++)
        if (!k->answered && (name.len == 0 || str_eq(k->call->name, name)))
            found = k;
    return found;
}

static int id_make(struct ollama_reader *r, size_t n, struct str *out)
{
    const char *made = arena_format(r->chat->arena, "call_m%zuc%zu", r->at, n);
    if (!made)
        return ollama_no_memory(r);
    *out = str_from(made);
    return 0;
}

static int call_read_one(struct ollama_reader *r, const struct json_node *v, size_t n, struct part ***end)
{
    const struct json_node *function = json_get(v, "function"), *arguments = json_get(function, "arguments");
    struct str name = json_get_text(function, "name");
    if (name.len == 0)
        return err_set(r->err, ERR_INVALID, "messages.%zu.tool_calls.%zu.function.name must be a string", r->at, n);
    if (ollama_given(arguments) && arguments->type != JSON_OBJECT && arguments->type != JSON_STRING)
        return err_set(r->err, ERR_INVALID, "messages.%zu.tool_calls.%zu.function.arguments must be an object", r->at,
                       n);
    struct part *p = part_add(r, end, PART_CALL);
    if (!p)
        return ollama_no_memory(r);
    p->name = name;
    p->arguments = ollama_given(arguments) ? arguments->text : STR("{}");
    p->id = json_get_text(v, "id");
    r->known[r->call_count++ % OLLAMA_CALLS_KNOWN_MAX] = (struct ollama_known){.call = p, .at = r->at};
    return p->id.len ? 0 : id_make(r, n, &p->id);
}

static int calls_read(struct ollama_reader *r, const struct json_node *v, struct part ***end)
{
    size_t n = 0;
    int rc = 0;
    if (!ollama_given(v))
        return 0;
    if (v->type != JSON_ARRAY)
        return err_set(r->err, ERR_INVALID, "messages.%zu.tool_calls must be an array", r->at);
    for (const struct json_node *call = v->child; call && rc == 0; call = call->next)
        rc = call_read_one(r, call, n++, end);
    return rc;
}

/* A member of the message under way that is a text. */
static int message_text(struct ollama_reader *r, const struct json_node *v, const char *key, struct str *out)
{
    char name[64];
    text_format(name, sizeof name, "messages.%zu.%s", r->at, key);
    return ollama_text_read(r, json_get(v, key), name, out);
}

static int message_images(struct ollama_reader *r, const struct json_node *v, struct part ***end)
{
    char name[64];
    text_format(name, sizeof name, "messages.%zu.images", r->at);
    return ollama_images_read(r, json_get(v, "images"), name, end);
}

/* Finds whose result it is. An id that no call has is kept: writers drop or repair what answers nothing. */
static int result_owner(struct ollama_reader *r, struct part *p, struct str id, struct str name)
{
    struct ollama_known *k = id.len ? call_by_id(r, id) : NULL;
    if (!k && (id.len == 0 || name.len))
        k = call_by_name(r, name);
    if (k)
        k->answered = true;
    p->name = name.len ? name : k ? k->call->name : STR_NONE;
    p->id = k ? k->call->id : id;
    return p->id.len ? 0 : id_make(r, 0, &p->id);
}

static int result_read(struct ollama_reader *r, const struct json_node *v)
{
    struct str content = STR_NONE, id = STR_NONE, name = STR_NONE;
    int rc = message_text(r, v, "content", &content);
    rc = rc ? rc : message_text(r, v, "tool_call_id", &id);
    rc = rc ? rc : message_text(r, v, "tool_name", &name);
    rc = rc || name.len ? rc : message_text(r, v, "name", &name); /* as OpenAI's older clients call it */
    if (rc)
        return rc;
    if (!r->in_results) {
        struct message *m = chat_message_add(r->chat, ROLE_USER);
        if (!m)
            return ollama_no_memory(r);
        r->results = &m->part;
        r->in_results = true;
    }
    struct part *p = part_add(r, &r->results, PART_RESULT);
    if (!p)
        return ollama_no_memory(r);
    struct part **end = &p->content;
    rc = result_owner(r, p, id, name);
    rc = rc ? rc : message_images(r, v, &end);
    return rc ? rc : ollama_words_add(r, PART_TEXT, content, &end);
}

static int role_read(struct ollama_reader *r, const struct json_node *v, enum chat_role *out, bool *result)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {
        {"system", ROLE_SYSTEM}, {"developer", ROLE_DEVELOPER}, {"user", ROLE_USER}, {"assistant", ROLE_ASSISTANT}};
    struct str role = json_get_text(v, "role");
    *result = str_eq_fold(role, STR("tool"));
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (str_eq_fold(role, str_from(roles[i].name))) {
            *out = roles[i].role;
            return 0;
        }
    return *result ? 0
                   : err_set(r->err, ERR_INVALID, "messages.%zu.role must be system, user, assistant or tool", r->at);
}

static int known_message_read(struct ollama_reader *r, const struct json_node *v)
{
    enum chat_role role = ROLE_USER;
    struct str content = STR_NONE, thinking = STR_NONE;
    bool result;
    int rc = role_read(r, v, &role, &result);
    if (rc)
        return rc;
    if (result)
        return result_read(r, v);
    r->in_results = false;
    rc = message_text(r, v, "content", &content);
    rc = rc ? rc : message_text(r, v, "thinking", &thinking);
    if (rc)
        return rc;
    struct message *m = chat_message_add(r->chat, role);
    if (!m)
        return ollama_no_memory(r);
    struct part **end = &m->part;
    rc = ollama_words_add(r, PART_REASONING, thinking, &end);
    rc = rc ? rc : message_images(r, v, &end);
    rc = rc ? rc : ollama_words_add(r, PART_TEXT, content, &end);
    return rc || role != ROLE_ASSISTANT ? rc : calls_read(r, json_get(v, "tool_calls"), &end);
}

/* What is in it that nobody reads is lost by name. */
static int message_read(struct ollama_reader *r, const struct json_node *v)
{
    static const char *const known[] = {"role", "content", "thinking", "images", "tool_calls", "tool_call_id", "tool_name", "name", NULL};
    int rc = known_message_read(r, v);
    return rc || chat_odd_members(r->chat, "messages", v, known, false) ? rc : ollama_no_memory(r);
}

int ollama_messages_read(struct ollama_reader *r, const struct json_node *v)
{
    int rc = 0;
    if (v->type != JSON_ARRAY)
        return err_set(r->err, ERR_INVALID, "messages must be an array");
    for (const struct json_node *m = v->child; m && rc == 0; m = m->next, r->at++)
        rc = message_read(r, m);
    return rc;
}
