/* chat.c: the neutral conversation: making it, and what a router must know of it; see chat.h. */
#include "wire/chat.h"
#include "wire/call_priv.h"
#include <assert.h>

/* --- making it ---------------------------------------------------------------------------------------------------------- */

struct message *chat_message_add(struct chat *c, enum chat_role role)
{
    struct message *m = arena_new(c->arena, struct message);
    if (!m)
        return NULL;
    m->role = role;
    if (c->last_message)
        c->last_message->next = m;
    else
        c->message = m;
    return c->last_message = m;
}

struct part *chat_part_add(struct chat *c, struct part **list, enum part_kind kind)
{
    struct part *p = arena_new(c->arena, struct part);
    if (!p)
        return NULL;
    p->kind = kind;
    while (*list) /* parts of one message are few */
        list = &(*list)->next;
    return *list = p;
}

struct tool *chat_tool_add(struct chat *c)
{
    struct tool *t = arena_new(c->arena, struct tool), **list = &c->tool;
    if (!t)
        return NULL;
    if (c->last_tool)
        list = &c->last_tool->next;
    return c->last_tool = *list = t;
}

bool chat_stop_add(struct chat *c, struct str text)
{
    struct chat_text *t = arena_new(c->arena, struct chat_text), **list = &c->stop;
    if (!t)
        return false;
    t->text = text;
    while (*list)
        list = &(*list)->next;
    *list = t;
    return true;
}

bool chat_extra_add(struct chat *c, struct str name, struct str value)
{
    struct chat_member *m = arena_new(c->arena, struct chat_member), **list = &c->extra;
    if (!m)
        return false;
    m->name = name;
    m->value = value;
    while (*list)
        list = &(*list)->next;
    *list = m;
    return true;
}

const struct chat_member *chat_extra_find(const struct chat *c, struct str name)
{
    for (const struct chat_member *m = c->extra; m; m = m->next)
        if (str_eq(m->name, name))
            return m;
    return NULL;
}

void chat_extra_drop(struct chat_member **list, struct str name)
{
    while (*list && !str_eq((*list)->name, name))
        list = &(*list)->next;
    if (*list)
        *list = (*list)->next;
}

static bool says_nothing(struct str raw)
{
    static const struct str nothing[] = {STR("null"), STR("false"), STR("\"\"")};
    bool container = raw.len >= 2 && (raw.ptr[0] == '[' || raw.ptr[0] == '{');
    if (container && str_trim(str_slice(raw, 1, raw.len - 1)).len == 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(nothing); i++)
        if (str_eq(nothing[i], raw))
            return true;
    return false;
}

static bool odd_add(struct chat *c, const char *list, struct str key, bool kept)
{
    enum { ODD_MAX = 32, NAME_BYTES_MAX = 80 }; /* as many as are listed in the end */
    char name[NAME_BYTES_MAX];
    struct str whole = str_of(name, text_format(name, sizeof name, "%s.%.*s", list, STR_FMT(str_slice(key, 0, 60))));
    struct chat_odd **at = &c->odd;
    for (; *at; at = &(*at)->next)
        if (str_eq((*at)->name, whole))
            return true;
    if (c->odd_count == ODD_MAX)
        return true;
    struct chat_odd *o = arena_new(c->arena, struct chat_odd);
    struct str own = o ? arena_dup(c->arena, whole) : STR_NONE;
    if (!own.ptr)
        return false;
    *o = (struct chat_odd){.name = own, .kept = kept};
    *at = o;
    c->odd_count++;
    return true;
}

bool chat_odd_add(struct chat *c, const char *list, struct str key, struct str value, bool kept)
{
    return says_nothing(value) || odd_add(c, list, key, kept);
}

static bool is_known(struct str key, const char *const *known)
{
    for (; *known; known++)
        if (str_eq(key, str_from(*known)))
            return true;
    return false;
}

bool chat_odd_members(struct chat *c, const char *list, const struct json_node *object, const char *const *known, bool kept)
{
    bool fine = true;
    for (const struct json_node *m = object->child; m && fine; m = m->next) {
        bool nothing = m->type == JSON_NULL || m->type == JSON_FALSE || (m->type == JSON_STRING && m->text.len == 0) ||
                       ((m->type == JSON_ARRAY || m->type == JSON_OBJECT) && m->count == 0);
        fine = nothing || is_known(m->key, known) || odd_add(c, list, m->key, kept);
    }
    return fine;
}

struct part *chat_answer_add(struct chat_answer *a, enum part_kind kind)
{
    struct part *p = arena_new(a->arena, struct part), **list = a->newest ? &a->newest->next : &a->part;
    if (!p)
        return NULL;
    p->kind = kind;
    while (*list) /* no walk, in general: a hostile answer has a million */
        list = &(*list)->next;
    return a->newest = *list = p;
}

/* --- reasoning effort ------------------------------------------------------------------------------------------------------ */

/* Nobody has standardised what a word buys; these are the budgets that most translators use. */
static const struct {
    const char *name;
    int64_t budget;
} efforts[] = {
    [EFFORT_NONE] = {"none", 0},       [EFFORT_MINIMAL] = {"minimal", 1024}, [EFFORT_LOW] = {"low", 1024},
    [EFFORT_MEDIUM] = {"medium", 8192}, [EFFORT_HIGH] = {"high", 24576},     [EFFORT_XHIGH] = {"xhigh", 32768},
    [EFFORT_MAX] = {"max", 65536},
};

const char *effort_name(enum effort e)
{
    return efforts[e].name;
}

enum effort effort_find(struct str name)
{
    for (size_t i = EFFORT_NONE; i < COUNT_OF(efforts); i++)
        if (str_eq_fold(str_from(efforts[i].name), name))
            return (enum effort)i;
    return EFFORT_UNSET;
}

enum effort effort_of_budget(int64_t tokens)
{
    if (tokens <= 0)
        return EFFORT_NONE;
    return tokens <= 1024 ? EFFORT_LOW : tokens <= 8192 ? EFFORT_MEDIUM : tokens <= 24576 ? EFFORT_HIGH : EFFORT_XHIGH;
}

int64_t effort_budget(enum effort e)
{
    return efforts[e].budget;
}

/* --- the facts ---------------------------------------------------------------------------------------------------------------- */

/* Twice over the conversation: how long its texts are, then what they count; a long one is sampled. */
struct counter {
    struct call *call;
    struct tokens_count tokens;
    bool measured; /* the lengths are known */
};

static void count_text(struct counter *n, struct str text)
{
    if (n->measured)
        tokens_count_add(&n->tokens, text, false);
    else
        n->call->text_bytes += (int64_t)text.len;
}

static void count_parts(struct counter *n, const struct part *list);

static void count_part(struct counter *n, const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REASONING:
    case PART_REFUSAL: count_text(n, p->text); break;
    case PART_FILE:
        if (p->source == SOURCE_TEXT)
            count_text(n, p->data);
        break;
    case PART_CALL:
        count_text(n, p->name);
        count_text(n, p->arguments);
        break;
    case PART_RESULT: count_parts(n, p->content); break;
    case PART_OPAQUE: count_text(n, p->raw); break;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_HIDDEN: break;
    }
}

static void count_parts(struct counter *n, const struct part *list)
{
    for (const struct part *p = list; p; p = p->next)
        count_part(n, p);
}

static void count_texts(struct counter *n, const struct chat *c)
{
    for (const struct message *m = c->message; m; m = m->next)
        count_parts(n, m->part);
    for (const struct tool *t = c->tool; t; t = t->next) {
        count_text(n, t->name);
        count_text(n, t->description);
        count_text(n, t->schema);
    }
    count_text(n, c->schema);
}

/* What is no text, and what that asks of a model. */
static void weigh_parts(struct call *out, const struct part *list)
{
    for (const struct part *p = list; p; p = p->next)
        switch (p->kind) {
        case PART_IMAGE:
            out->needs |= NEED_VISION;
            out->tokens_estimated += IMAGE_TOKENS;
            break;
        case PART_AUDIO:
            out->needs |= NEED_AUDIO;
            out->tokens_estimated += (int64_t)p->data.len / AUDIO_BYTES_PER_TOKEN;
            break;
        case PART_FILE:
            if (p->source == SOURCE_TEXT)
                break;
            out->needs |= NEED_PDF;
            out->tokens_estimated += (1 + (int64_t)p->data.len / PAGE_BYTES) * IMAGE_TOKENS;
            break;
        case PART_HIDDEN: out->tokens_estimated += (int64_t)p->text.len / 4; break; /* base64 of what was thought */
        case PART_RESULT: weigh_parts(out, p->content); break;
        default: break;
        }
}

void chat_facts(const struct chat *c, struct call *out)
{
    struct counter n = {.call = out};
    out->needs = 0;
    out->text_bytes = 0;
    count_texts(&n, c);
    tokens_count_init(&n.tokens, (uint64_t)out->text_bytes);
    n.measured = true;
    count_texts(&n, c);
    out->tokens_estimated = tokens_count_end(&n.tokens) + ANSWER_HEADER_TOKENS;
    for (const struct message *m = c->message; m; m = m->next) {
        weigh_parts(out, m->part);
        out->tokens_estimated += MESSAGE_TOKENS;
    }
    if (c->tool)
        out->needs |= NEED_TOOLS;
    out->format = c->format;
    if (c->format != FORMAT_TEXT)
        out->needs |= NEED_JSON;
    out->max_tokens = c->max_tokens;
    out->choices = c->choices;
    out->stream = c->stream;
    out->wants_usage = c->wants_usage;
}

static void answer_text(struct wire_answer *out, struct str text)
{
    out->has_content |= text.len > 0;
    out->content_bytes += (int64_t)text.len;
    if (!out->has_usage || out->usage.output == 0) /* told, it is not asked for */
        out->tokens_estimated += tokens_estimate(text, false);
}

void chat_answer_facts(const struct chat_answer *a, struct wire_answer *out)
{
    *out = (struct wire_answer){.has_error = a->has_error, .has_choices = a->choice_count > 0, .choice_count = a->choice_count,
                                .has_usage = a->has_usage, .usage = a->usage, .finish = a->finish,
                                .finish_pending = a->finish == FINISH_NONE};
    for (const struct part *p = a->part; p; p = p->next) {
        answer_text(out, p->text);
        answer_text(out, p->arguments);
        out->has_content |= p->kind == PART_CALL || p->kind == PART_OPAQUE || p->kind == PART_HIDDEN;
    }
}

/* --- small things that several dialects need --------------------------------------------------------------------------------------- */

struct str chat_join_text(const struct part *list, struct str between, struct arena *a)
{
    const struct part *first = NULL;
    size_t bytes = 0, count = 0;
    for (const struct part *p = list; p; p = p->next)
        if (p->kind == PART_TEXT) {
            first = first ? first : p;
            bytes += p->text.len + (count++ ? between.len : 0);
        }
    if (count <= 1)
        return first ? first->text : STR("");
    char *out = arena_alloc(a, bytes + 1), *at = out;
    if (!out)
        return STR_NONE;
    for (const struct part *p = first; p; p = p->next) {
        if (p->kind != PART_TEXT)
            continue;
        if (p != first && between.len)
            at = (char *)memcpy(at, between.ptr, between.len) + between.len;
        if (p->text.len)
            at = (char *)memcpy(at, p->text.ptr, p->text.len) + p->text.len;
    }
    return str_of(out, (size_t)(at - out));
}

static bool is_object(struct str text)
{
    struct json_scan s;
    json_scan_init(&s, text);
    return json_peek(&s) == JSON_OBJECT && json_skip(&s, NULL) && json_finish(&s, NULL) == 0;
}

struct str chat_arguments_object(struct str arguments, struct arena *a)
{
    struct str text = str_trim(arguments);
    if (text.len == 0)
        return STR("{}");
    if (is_object(text))
        return text;
    AUTO_BUF struct buf b = BUF_INIT(6 * text.len + 64); /* every byte may need an escape */
    struct json_writer w = JSON_WRITER(&b);
    json_object_begin(&w);
    json_key(&w, "_raw");
    json_str(&w, arguments);
    json_object_end(&w);
    return json_done(&w) < 0 ? STR_NONE : arena_dup(a, buf_str(&b));
}

static bool is_id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const struct str SAFE_MARK = {"hx_", 3};

static bool id_is_safe(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!is_id_char(id.ptr[i]) && id.ptr[i] != '-')
            return false;
    return id.len > 0 && !str_starts(id, SAFE_MARK);
}

struct str chat_id_safe(struct str id, struct arena *a)
{
    return id_is_safe(id) ? id : chat_id_coded(id, a);
}

struct str chat_id_coded(struct str id, struct arena *a)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, 3 * id.len + SAFE_MARK.len + 1), *at = out;
    if (!out)
        return STR_NONE;
    at = (char *)memcpy(at, SAFE_MARK.ptr, SAFE_MARK.len) + SAFE_MARK.len;
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];
        if (is_id_char((char)c)) {
            *at++ = (char)c;
        } else {
            *at++ = '-';
            *at++ = hex[c >> 4];
            *at++ = hex[c & 15];
        }
    }
    return str_of(out, (size_t)(at - out));
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct str chat_id_plain(struct str id, struct arena *a)
{
    if (!str_starts(id, SAFE_MARK))
        return id;
    struct str in = str_skip(id, SAFE_MARK.len);
    char *out = arena_alloc(a, in.len + 1), *at = out;
    if (!out)
        return STR_NONE;
    for (size_t i = 0; i < in.len; i++) {
        bool coded = in.ptr[i] == '-' && i + 2 < in.len && hex_digit(in.ptr[i + 1]) >= 0 && hex_digit(in.ptr[i + 2]) >= 0;
        if (in.ptr[i] == '-' && !coded)
            return id; /* not one of ours */
        *at++ = coded ? (char)(hex_digit(in.ptr[i + 1]) * 16 + hex_digit(in.ptr[i + 2])) : in.ptr[i];
        i += coded ? 2 : 0;
    }
    return str_of(out, (size_t)(at - out));
}

bool data_url_read(struct str url, struct str *media_type, struct str *base64)
{
    if (!str_starts_fold(url, STR("data:")))
        return false;
    ptrdiff_t comma = str_find_char(url, ',');
    if (comma < 0)
        return false;
    struct str head = str_slice(url, 5, (size_t)comma);
    ptrdiff_t end = str_find_char(head, ';');
    if (end < 0 || !str_ends(head, STR(";base64")))
        return false;
    *media_type = str_slice(head, 0, (size_t)end);
    if (str_eq_fold(*media_type, STR("image/jpg"))) /* what nobody registered and many send */
        *media_type = STR("image/jpeg");
    *base64 = str_skip(url, (size_t)comma + 1);
    return true;
}

struct str media_type_sniff(struct str base64)
{
    static const struct {
        struct str start;
        const char *type;
    } starts[] = { /* magic bytes, in base64 as far as they fill whole digits */
        {STR("iVBORw0KGgo"), "image/png"}, {STR("/9j/"), "image/jpeg"},        {STR("R0lGOD"), "image/gif"},
        {STR("UklGR"), "image/webp"},      {STR("JVBERi0"), "application/pdf"},
    };
    for (size_t i = 0; i < COUNT_OF(starts); i++)
        if (str_starts(base64, starts[i].start))
            return str_from(starts[i].type);
    return STR_NONE;
}

void lost_add(struct lost *l, struct str name)
{
    static const struct str more = {"more", 4};
    bool fine = name.len > 0 && name.len <= 64;
    for (size_t i = 0; i < name.len && fine; i++)
        fine = is_id_char(name.ptr[i]) || name.ptr[i] == '-' || name.ptr[i] == '.';
    if (!fine || l->count == COUNT_OF(l->name) - 1)
        name = more;
    for (int i = 0; i < l->count; i++)
        if (str_eq(l->name[i], name))
            return;
    if (l->count < (int)COUNT_OF(l->name))
        l->name[l->count++] = name;
}
