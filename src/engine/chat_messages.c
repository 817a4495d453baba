/* chat_messages.c: messages in OpenAI's form, put in the shape that a template takes: content as text or parts, arguments as
 * objects, a system text that finds its place, calls and results as words where the template has no place for them.
 *
 * The tree that comes in is not touched: what stays as it is, is shared by copying its node (children are never changed). */
#include "engine/chat_prompt_priv.h"
#include "base/buf.h"

struct shaper {
    const struct chat_caps *caps;
    struct arena *arena;
    struct buf *note;
    struct err *err;
    int rc;
};

/* --- trees --------------------------------------------------------------------------------------------------------------- */

struct json_node *chat_node_new(struct arena *a, enum json_type type)
{
    struct json_node *n = arena_new(a, struct json_node);

    if (n)
        n->type = type;
    return n;
}

struct json_node *chat_node_text(struct arena *a, struct str text)
{
    struct json_node *n = chat_node_new(a, JSON_STRING);

    if (n)
        n->text = text.ptr ? text : STR("");
    return n;
}

struct json_node *chat_node_bool(struct arena *a, bool b)
{
    return chat_node_new(a, b ? JSON_TRUE : JSON_FALSE);
}

struct json_node *chat_node_null(struct arena *a)
{
    return chat_node_new(a, JSON_NULL);
}

/* Appends a member (or an element, with an empty key); `value` must stand in no other tree. */
static struct json_node *node_add(struct json_node *to, struct str key, struct json_node *value)
{
    if (!to || !value)
        return NULL;
    struct json_node **tail = &to->child;
    while (*tail)
        tail = &(*tail)->next;
    value->key = key;
    value->next = NULL;
    *tail = value;
    to->count++;
    return value;
}

static bool out_of_memory(struct shaper *s)
{
    if (!s->rc)
        s->rc = err_set(s->err, ERR_NOMEM, "out of memory for a prompt");
    return false;
}

static struct json_node *shared(struct shaper *s, const struct json_node *n)
{
    struct json_node *copy = arena_new(s->arena, struct json_node);

    if (copy)
        *copy = *n;
    return copy;
}

static bool put(struct shaper *s, struct json_node *to, struct str key, struct json_node *value)
{
    return node_add(to, key, value) || out_of_memory(s);
}

static bool say(struct shaper *s, const char *what)
{
    if (s->note->len && str_find(buf_str(s->note), str_from(what)) >= 0)
        return true;
    if ((s->note->len && buf_append_text(s->note, "; ") < 0) || buf_append_text(s->note, what) < 0)
        return out_of_memory(s);
    return true;
}

/* a + between + b, without `between` when one is empty. */
static struct str joined(struct shaper *s, struct str a, struct str between, struct str b)
{
    if (a.len == 0 || b.len == 0)
        return a.len ? a : b;
    char *p = arena_alloc(s->arena, a.len + between.len + b.len);
    if (!p) {
        out_of_memory(s);
        return STR("");
    }
    memcpy(p, a.ptr, a.len);
    memcpy(p + a.len, between.ptr, between.len);
    memcpy(p + a.len + between.len, b.ptr, b.len);
    return str_of(p, a.len + between.len + b.len);
}

/* --- content --------------------------------------------------------------------------------------------------------------- */

static bool part_text(struct shaper *s, const struct json_node *part, struct str *out)
{
    struct str type = json_get_text(part, "type");

    if (part->type == JSON_STRING) {
        *out = part->text;
        return true;
    }
    if (str_eq(type, STR("text")) || str_eq(type, STR("refusal"))) {
        *out = json_get_text(part, str_eq(type, STR("text")) ? "text" : "refusal");
        return true;
    }
    s->rc = err_set(s->err, ERR_UNSUPPORTED, "a part of the type %.*s: this model reads text only",
                    type.len ? (int)(type.len < 40 ? type.len : 40) : 7, type.len ? type.ptr : "unknown");
    return false;
}

/* All texts of a message; parts stand on lines of their own. */
static bool content_text(struct shaper *s, const struct json_node *content, struct str *out)
{
    *out = STR("");
    if (!content || content->type == JSON_NULL)
        return true;
    if (content->type == JSON_STRING) {
        *out = content->text;
        return true;
    }
    if (content->type != JSON_ARRAY) {
        s->rc = err_set(s->err, ERR_INVALID, "the content of a message is text or a list of parts");
        return false;
    }
    struct buf all = BUF_INIT(s->arena->max);
    for (const struct json_node *p = content->child; p && !s->rc; p = p->next) {
        struct str text;
        if (part_text(s, p, &text) && ((all.len && buf_append_char(&all, '\n') < 0) || buf_append(&all, text) < 0))
            out_of_memory(s);
    }
    if (!s->rc) {
        *out = arena_dup(s->arena, buf_str(&all));
        if (!out->ptr)
            out_of_memory(s);
    }
    buf_fini(&all);
    return !s->rc;
}

static struct json_node *content_node(struct shaper *s, struct str text)
{
    struct json_node *n = chat_node_text(s->arena, text);

    if (!s->caps->parts || !n)
        return n;
    struct json_node *list = chat_node_new(s->arena, JSON_ARRAY), *part = chat_node_new(s->arena, JSON_OBJECT);
    if (!list || !part || !put(s, part, STR("type"), chat_node_text(s->arena, STR("text"))) ||
        !put(s, part, STR("text"), n) || !put(s, list, STR_NONE, part))
        return NULL;
    return list;
}

/* --- calls ------------------------------------------------------------------------------------------------------------------- */

/* Nine letters and digits out of any id, the same each time. */
static struct str short_id(struct shaper *s, struct str id)
{
    static const char digit[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool plain = id.len == 9;
    uint64_t hash = str_hash(id);
    char *p;

    for (size_t i = 0; i < id.len && plain; i++)
        plain = memchr(digit, id.ptr[i], sizeof(digit) - 1) != NULL;
    if (!s->caps->short_ids || plain)
        return id;
    p = arena_alloc(s->arena, 9);
    if (!p) {
        out_of_memory(s);
        return id;
    }
    for (size_t i = 0; i < 9; i++, hash /= 62)
        p[i] = digit[hash % 62];
    return str_of(p, 9);
}

static struct json_node *arguments(struct shaper *s, const struct json_node *given)
{
    struct json_node *tree;
    struct str text = given && given->text.ptr && given->type != JSON_NULL ? given->text : STR("");

    if (str_trim(text).len == 0)
        text = STR("{}");
    if (s->caps->arguments_text)
        return chat_node_text(s->arena, text);
    if (given && given->type != JSON_STRING && given->type != JSON_NULL)
        return shared(s, given);
    /* What a model once wrote need not be JSON: then it stays the text that it is. */
    int rc = json_parse(s->arena, text, &tree, NULL);
    if (rc == ERR_NOMEM)
        return NULL;
    return rc == 0 ? tree : chat_node_text(s->arena, text);
}

static struct json_node *call_node(struct shaper *s, const struct json_node *call)
{
    struct json_node *out = chat_node_new(s->arena, JSON_OBJECT), *function = chat_node_new(s->arena, JSON_OBJECT);
    const struct json_node *f = json_get(call, "function");

    if (!f || f->type != JSON_OBJECT || !json_get_text(f, "name").ptr) {
        s->rc = err_set(s->err, ERR_INVALID, "a tool call without a function and its name");
        return NULL;
    }
    struct str id = json_get_text(call, "id");
    if (!out || !function || (id.ptr && !put(s, out, STR("id"), chat_node_text(s->arena, short_id(s, id)))) ||
        !put(s, out, STR("type"), chat_node_text(s->arena, STR("function"))) ||
        !put(s, function, STR("name"), chat_node_text(s->arena, json_get_text(f, "name"))) ||
        !put(s, function, STR("arguments"), arguments(s, json_get(f, "arguments"))) ||
        !put(s, out, STR("function"), function))
        return NULL;
    return out;
}

static struct json_node *call_list(struct shaper *s, const struct json_node *calls)
{
    struct json_node *list = chat_node_new(s->arena, JSON_ARRAY), **tail = list ? &list->child : NULL;

    for (const struct json_node *c = calls->child; list && c; c = c->next) {
        struct json_node *one = call_node(s, c);
        if (!one)
            return NULL;
        *tail = one;
        tail = &one->next;
        list->count++;
    }
    return list;
}

/* For a template that has no place for calls: as the words that most models write them in. */
static bool calls_as_text(struct shaper *s, const struct json_node *calls, struct str *text)
{
    for (const struct json_node *c = calls->child; c; c = c->next) {
        const struct json_node *f = json_get(c, "function"), *args = json_get(f, "arguments");
        struct buf b = BUF_INIT(s->arena->max);
        struct json_writer w = JSON_WRITER(&b);
        json_object_begin(&w);
        json_key(&w, "name");
        json_str(&w, json_get_text(f, "name"));
        json_key(&w, "arguments");
        if (args && args->type == JSON_STRING && json_check(args->text, NULL) < 0)
            json_str(&w, args->text);
        else
            json_raw(&w, args && args->text.len ? args->text : STR("{}"));
        json_object_end(&w);
        struct str one = json_done(&w) == 0 ? arena_dup(s->arena, buf_str(&b)) : STR_NONE;
        buf_fini(&b);
        if (!one.ptr)
            return out_of_memory(s);
        *text = joined(s, *text, STR("\n"),
                       joined(s, joined(s, STR("<tool_call>"), STR("\n"), one), STR("\n"), STR("</tool_call>")));
    }
    return !s->rc && say(s, "earlier tool calls are told as text: the model's template has no place for them");
}

/* --- messages ------------------------------------------------------------------------------------------------------------------ */

struct message {
    struct str role, text;
    bool has_text; /* content was given and not null */
    const struct json_node *from;
    const struct json_node *calls; /* OpenAI's, or NULL */
    struct message *next;
};

static bool is_known_member(struct str key)
{
    static const char *const names[] = {"role",         "content",   "tool_calls",
                                        "tool_call_id", "reasoning", "reasoning_content"};

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (str_eq(key, str_from(names[i])))
            return true;
    }
    return false;
}

static bool read_message(struct shaper *s, const struct json_node *n, struct message *m)
{
    const struct json_node *content = json_get(n, "content"), *calls = json_get(n, "tool_calls");

    *m = (struct message){.role = json_get_text(n, "role"), .from = n};
    if (!m->role.len) {
        s->rc = err_set(s->err, ERR_INVALID, "a message without a role");
        return false;
    }
    if (str_eq(m->role, STR("developer")) && !s->caps->developer)
        m->role = STR("system");
    if (str_eq(m->role, STR("function")))
        m->role = STR("tool");
    m->has_text = content && content->type != JSON_NULL;
    if (!content_text(s, content, &m->text))
        return false;
    if (calls && calls->type == JSON_ARRAY && calls->count)
        m->calls = calls;
    if (m->calls && !s->caps->calls) {
        if (!calls_as_text(s, m->calls, &m->text))
            return false;
        m->calls = NULL;
        m->has_text = true;
    }
    if (str_eq(m->role, STR("tool")) && !s->caps->results) {
        m->role = STR("user");
        m->text = joined(s, joined(s, STR("<tool_response>"), STR("\n"), m->text), STR("\n"), STR("</tool_response>"));
        return say(s, "results of tools are told as the user's words: the model's template has no place for them");
    }
    return !s->rc;
}

/* Members that we do not know, however many. */
static bool put_others(struct shaper *s, struct json_node *to, const struct json_node *from)
{
    struct json_node **tail = &to->child;

    while (*tail)
        tail = &(*tail)->next;
    for (const struct json_node *x = from->child; x; x = x->next) {
        if (is_known_member(x->key))
            continue;
        struct json_node *copy = shared(s, x);
        if (!copy)
            return out_of_memory(s);
        copy->next = NULL;
        *tail = copy;
        tail = &copy->next;
        to->count++;
    }
    return true;
}

static struct json_node *write_message(struct shaper *s, const struct message *m)
{
    struct json_node *out = chat_node_new(s->arena, JSON_OBJECT), *content;
    const struct json_node *id = json_get(m->from, "tool_call_id");
    struct str reasoning = json_get_text(m->from, "reasoning_content");

    if (!out || !put(s, out, STR("role"), chat_node_text(s->arena, m->role)))
        return NULL;
    bool null = !m->has_text && m->calls && !s->caps->content_text;
    content = null ? chat_node_null(s->arena) : content_node(s, m->text);
    if (!put(s, out, STR("content"), content) || (m->calls && !put(s, out, STR("tool_calls"), call_list(s, m->calls))))
        return NULL;
    if (id && id->type == JSON_STRING &&
        !put(s, out, STR("tool_call_id"), chat_node_text(s->arena, short_id(s, id->text))))
        return NULL;
    if (!reasoning.ptr)
        reasoning = json_get_text(m->from, "reasoning");
    if (reasoning.ptr && !put(s, out, STR("reasoning_content"), chat_node_text(s->arena, reasoning)))
        return NULL;
    return put_others(s, out, m->from) ? out : NULL;
}

/* The system's words become the beginning of the first user message. */
static bool place_system(struct shaper *s, struct message **first)
{
    struct message **at = first, *user = NULL;
    struct str all = STR("");

    while (*at) {
        struct message *m = *at;
        if (str_eq(m->role, STR("system")) || str_eq(m->role, STR("developer"))) {
            all = joined(s, all, STR("\n\n"), m->text);
            *at = m->next;
            continue;
        }
        if (!user && str_eq(m->role, STR("user")))
            user = m;
        at = &m->next;
    }
    if (all.len == 0)
        return !s->rc;
    if (!user) {
        user = arena_new(s->arena, struct message);
        struct json_node *empty = chat_node_new(s->arena, JSON_OBJECT);
        if (!user || !empty)
            return out_of_memory(s);
        *user = (struct message){.role = STR("user"), .from = empty, .next = *first};
        *first = user;
    }
    user->text = joined(s, all, STR("\n\n"), user->text);
    user->has_text = true;
    return !s->rc &&
           say(s, "the system text stands in the first user message: the model's template has no place for it");
}

static bool merge_neighbours(struct shaper *s, struct message *m)
{
    while (m && m->next) {
        struct message *n = m->next;
        bool same = str_eq(m->role, n->role) && !str_eq(m->role, STR("tool")) && !m->calls && !n->calls;
        if (!same) {
            m = n;
            continue;
        }
        m->text = joined(s, m->text, STR("\n\n"), n->text);
        m->has_text |= n->has_text;
        m->next = n->next;
        if (s->rc ||
            !say(s, "neighbouring messages of one role are joined: the model's template wants them to alternate"))
            return false;
    }
    return true;
}

static bool read_messages(struct shaper *s, const struct json_node *messages, struct message **out)
{
    struct message **tail = out;

    for (const struct json_node *n = messages->child; n; n = n->next) {
        struct message *m = arena_new(s->arena, struct message);
        if (!m)
            return out_of_memory(s);
        if (n->type != JSON_OBJECT) {
            s->rc = err_set(s->err, ERR_INVALID, "a message is an object");
            return false;
        }
        if (!read_message(s, n, m))
            return false;
        *tail = m;
        tail = &m->next;
    }
    return true;
}

int chat_messages_shape(const struct chat_caps *caps, const struct json_node *messages, bool merge, struct arena *a,
                        const struct json_node **out, struct buf *note, struct err *e)
{
    struct shaper s = {.caps = caps, .arena = a, .note = note, .err = e};
    struct message *first = NULL;

    if (!messages || messages->type != JSON_ARRAY)
        return err_set(e, ERR_INVALID, "messages is a list");
    struct json_node *list = chat_node_new(a, JSON_ARRAY), **tail = list ? &list->child : NULL;
    if (!list)
        return err_set(e, ERR_NOMEM, "out of memory for a prompt");
    if (!read_messages(&s, messages, &first) || (!caps->system && !place_system(&s, &first)) ||
        (merge && !merge_neighbours(&s, first)))
        return s.rc;
    for (const struct message *m = first; m; m = m->next) {
        struct json_node *n = write_message(&s, m);
        if (!n)
            return s.rc ? s.rc : err_set(e, ERR_NOMEM, "out of memory for a prompt");
        *tail = n;
        tail = &n->next;
        list->count++;
    }
    *out = list;
    return 0;
}
