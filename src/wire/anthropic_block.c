/* anthropic_block.c: the content blocks of a request in Anthropic's dialect, read; see anthropic_priv.h.
 *
 * A block's members are collected raw in one scan and understood when its type is known, because that may come last. What has
 * no neutral form keeps its bytes: whole blocks as OPAQUE, others beside their neutral form in `raw`. */
#include "wire/anthropic_priv.h"
#include <assert.h>

enum {
    TYPE,
    TEXT,
    ID,
    TOOL_USE_ID,
    NAME,
    INPUT,
    CONTENT,
    SOURCE,
    IS_ERROR,
    THINKING,
    SIGNATURE,
    DATA,
    CACHE,
    TITLE,
    BLOCK_COUNT
};
static const struct str block_names[BLOCK_COUNT] = {
    STR("type"),          STR("text"),   STR("id"),       STR("tool_use_id"), STR("name"),      STR("input"),
    STR("content"),       STR("source"), STR("is_error"), STR("thinking"),    STR("signature"), STR("data"),
    STR("cache_control"), STR("title"),
};
static_assert((int)BLOCK_COUNT <= (int)FIELDS_MAX, "a block's members fit");

/* Where the block goes, and what may stand there. */
struct place {
    struct part **end; /* the last `next` of the list */
    int level; /* 0: a message. 1: a tool's result. 2: a document, which holds text: what is deeper is not walked */
};

int anthropic_bad(const struct anthropic_read *r, const char *member, const char *must)
{
    char where[80] = "";
    if (r->list && r->index >= 0 && r->block >= 0)
        text_format(where, sizeof where, "%s.%lld.content.%lld.", r->list, (long long)r->index, (long long)r->block);
    else if (r->list && r->index >= 0)
        text_format(where, sizeof where, "%s.%lld.", r->list, (long long)r->index);
    else if (r->list && r->block >= 0)
        text_format(where, sizeof where, "%s.%lld.", r->list, (long long)r->block);
    else if (r->list)
        member = r->list;
    return err_set(r->err, ERR_INVALID, "%s%s %s", where, member, must);
}

int anthropic_nomem(const struct anthropic_read *r)
{
    return err_set(r->err, ERR_NOMEM, "no memory for the request");
}

int anthropic_text(const struct anthropic_read *r, struct str raw, const char *member, struct str *out)
{
    int rc = anthropic_raw_text(raw, r->chat->arena, out);
    if (rc == ERR_INVALID)
        return anthropic_bad(r, member, "must be a string");
    return rc ? anthropic_nomem(r) : 0;
}

int anthropic_odd(const struct anthropic_read *r, const char *list, const struct str *names, size_t count, struct str object, bool kept)
{
    struct json_scan s;
    struct str key, value;
    json_scan_init(&s, object);
    (void)json_enter(&s);
    while (json_member(&s, &key) && json_skip(&s, &value)) {
        bool known = false;
        for (size_t i = 0; i < count && !known; i++)
            known = json_key_is(key, names[i]);
        if (!known && !chat_odd_add(r->chat, list, key, value, kept))
            return anthropic_nomem(r);
    }
    return 0;
}

static struct part *add(struct anthropic_read *r, struct place *at, enum part_kind kind)
{
    struct part *p = chat_part_add(r->chat, at->end, kind);
    if (p)
        at->end = &p->next;
    return p;
}

/* A member that must be a string when it is there. */
static int text_of(struct anthropic_read *r, const struct fields *f, int member, struct str *out)
{
    return anthropic_text(r, f->raw[member], block_names[member].ptr, out);
}

static int needed_text_of(struct anthropic_read *r, const struct fields *f, int member, struct str *out)
{
    if (f->raw[member].len == 0)
        return anthropic_bad(r, block_names[member].ptr, "is missing");
    return text_of(r, f, member, out);
}

static int plain_read(struct anthropic_read *r, struct str raw, struct place *at);
static int parts_read(struct anthropic_read *r, struct json_scan *s, struct place at);

/* --- images and documents ----------------------------------------------------------------------------------------- */

enum { S_TYPE, S_MEDIA_TYPE, S_DATA, S_URL, S_FILE_ID, S_CONTENT, SOURCE_COUNT };
static const struct str source_names[SOURCE_COUNT] = {STR("type"), STR("media_type"), STR("data"),
                                                      STR("url"),  STR("file_id"),    STR("content")};
static const struct {
    struct str type;
    enum part_source source;
    int member;
} sources[] = {
    {STR("base64"), SOURCE_BASE64, S_DATA},   {STR("url"), SOURCE_URL, S_URL},
    {STR("file"), SOURCE_ID, S_FILE_ID},      {STR("text"), SOURCE_TEXT, S_DATA},
    {STR("content"), SOURCE_TEXT, S_CONTENT},
};

/* Blocks inside a document or a search result, as one text; false when they hold other things. */
static int joined_text(struct anthropic_read *r, struct str raw, struct str *out, bool *fits)
{
    struct json_scan s;
    struct part *list = NULL;
    json_scan_init(&s, raw);
    int rc = parts_read(r, &s, (struct place){.end = &list, .level = 2});
    if (rc)
        return rc;
    for (const struct part *p = list; p; p = p->next)
        *fits &= p->kind == PART_TEXT;
    *out = chat_join_text(list, STR("\n"), r->chat->arena);
    return out->ptr ? 0 : anthropic_nomem(r);
}

static int source_of(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    struct fields source;
    struct str type;
    if (f->raw[SOURCE].len == 0 || f->raw[SOURCE].ptr[0] != '{')
        return anthropic_bad(r, "source", "must be an object");
    int rc = anthropic_fields_read(&source, source_names, SOURCE_COUNT, f->raw[SOURCE], r->err);
    if (rc)
        return rc;
    rc = anthropic_text(r, source.raw[S_TYPE], "source.type", &type);
    if (rc == 0)
        rc = anthropic_text(r, source.raw[S_MEDIA_TYPE], "source.media_type", &p->media_type);
    if (rc)
        return rc;
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (!str_eq(sources[i].type, type))
            continue;
        struct str data = source.raw[sources[i].member];
        bool fits = data.len > 0;
        p->source = sources[i].source;
        if (sources[i].member == S_CONTENT && fits)
            rc = joined_text(r, data, &p->data, &fits);
        else
            rc = anthropic_text(r, data, "source's data", &p->data);
        if (!fits)
            p->kind = PART_OPAQUE;
        return rc;
    }
    p->kind = PART_OPAQUE; /* a source that came later than this was written */
    return 0;
}

static int media_read(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    int rc = text_of(r, f, TITLE, &p->title);
    return rc ? rc : source_of(r, p, f);
}

/* {source, title, content}: a document of text, its source in the first line. */
static int search_result_read(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    struct str source = STR(""), text = STR("");
    bool fits = true;
    int rc = text_of(r, f, TITLE, &p->title);
    if (rc == 0)
        rc = text_of(r, f, SOURCE, &source);
    if (rc == 0 && f->raw[CONTENT].len)
        rc = joined_text(r, f->raw[CONTENT], &text, &fits);
    if (rc)
        return rc;
    p->source = SOURCE_TEXT;
    p->data = text;
    if (source.len) {
        const char *made = arena_format(r->chat->arena, "%.*s\n%.*s", STR_FMT(source), STR_FMT(text));
        if (!made)
            return anthropic_nomem(r);
        p->data = str_of(made, source.len + 1 + text.len);
    }
    return 0;
}

/* --- tools -------------------------------------------------------------------------------------------------------- */

/* The id as the model's own vendor knows it. */
static int id_of(struct anthropic_read *r, const struct fields *f, int member, struct str *out)
{
    struct str id;
    int rc = needed_text_of(r, f, member, &id);
    if (rc)
        return rc;
    *out = chat_id_plain(id, r->chat->arena);
    if (!out->ptr)
        return anthropic_nomem(r);
    if (out->ptr != id.ptr)
        r->chat->has_signed_only = false;
    return 0;
}

static int tool_use_read(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    int rc = id_of(r, f, ID, &p->id);
    if (rc == 0)
        rc = needed_text_of(r, f, NAME, &p->name);
    if (rc)
        return rc;
    p->arguments = f->raw[INPUT].len ? f->raw[INPUT] : STR("{}");
    return p->arguments.ptr[0] == '{' ? 0 : anthropic_bad(r, "input", "must be an object");
}

static int tool_result_read(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    struct json_scan s;
    int rc = id_of(r, f, TOOL_USE_ID, &p->id);
    struct str failed = f->raw[IS_ERROR];
    if (rc)
        return rc;
    if (failed.len && failed.ptr[0] != 't' && failed.ptr[0] != 'f')
        return anthropic_bad(r, "is_error", "must be true or false");
    p->failed = failed.len && failed.ptr[0] == 't';
    struct str content = f->raw[CONTENT];
    struct place at = {.end = &p->content, .level = 1};
    if (content.len == 0)
        return 0;
    if (content.ptr[0] == '"') /* most are, and long: scanned already */
        return plain_read(r, str_slice(content, 1, content.len - 1), &at);
    json_scan_init(&s, content);
    return parts_read(r, &s, at);
}

/* --- thinking ----------------------------------------------------------------------------------------------------- */

/* DeepSeek's seals are UUIDs; Anthropic's are long and base64. Conversations that come back hold both. */
static bool is_uuid(struct str s)
{
    enum { UUID_BYTES = 36 };
    for (size_t i = 0; i < s.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = s.ptr[i], low = (char)(c | 0x20);
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (low >= 'a' && low <= 'f')))
            return false;
    }
    return s.len == UUID_BYTES;
}

static int thinking_read(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    int rc = text_of(r, f, THINKING, &p->text);
    if (rc == 0)
        rc = text_of(r, f, SIGNATURE, &p->signature);
    p->foreign = p->signature.len == 0 || is_uuid(p->signature);
    if (p->foreign)
        r->chat->has_signed_only = false;
    return rc;
}

static int redacted_read(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    int rc = needed_text_of(r, f, DATA, &p->text);
    if (rc == 0 && str_starts(p->text, STR(ANTHROPIC_FOREIGN))) {
        p->text = str_skip(p->text, sizeof ANTHROPIC_FOREIGN - 1);
        p->foreign = true;
        r->chat->has_signed_only = false;
    }
    return rc;
}

static int text_read(struct anthropic_read *r, struct part *p, const struct fields *f)
{
    return needed_text_of(r, f, TEXT, &p->text);
}

/* --- one block, and all of them ----------------------------------------------------------------------------------- */

static const struct {
    struct str type;
    enum part_kind kind;
    int level; /* may stand so deep */
    int (*read)(struct anthropic_read *r, struct part *p, const struct fields *f);
} blocks[] = {
    {STR("text"), PART_TEXT, 2, text_read},
    {STR("tool_use"), PART_CALL, 0, tool_use_read},
    {STR("tool_result"), PART_RESULT, 0, tool_result_read},
    {STR("thinking"), PART_REASONING, 0, thinking_read},
    {STR("image"), PART_IMAGE, 1, media_read},
    {STR("document"), PART_FILE, 1, media_read},
    {STR("redacted_thinking"), PART_HIDDEN, 0, redacted_read},
    {STR("search_result"), PART_FILE, 1, search_result_read},
};

static size_t block_find(struct str type, int level)
{
    size_t i = 0;
    while (i < COUNT_OF(blocks) && (!str_eq(blocks[i].type, type) || level > blocks[i].level))
        i++;
    return i;
}

static int block_read(struct anthropic_read *r, struct json_scan *s, struct place *at)
{
    struct fields f;
    struct str type;
    const char *from = s->pos;
    if (json_peek(s) != JSON_OBJECT && !s->problem)
        return anthropic_bad(r, "content", "must hold objects");
    int rc = anthropic_fields_walk(&f, block_names, BLOCK_COUNT, s, r->err);
    struct str raw = str_trim(str_of(from, (size_t)(s->pos - from)));
    if (rc == 0)
        rc = needed_text_of(r, &f, TYPE, &type);
    if (rc)
        return rc;
    size_t known = block_find(type, at->level);
    struct part *p = add(r, at, known < COUNT_OF(blocks) ? blocks[known].kind : PART_OPAQUE);
    if (!p)
        return anthropic_nomem(r);
    if (known < COUNT_OF(blocks))
        rc = blocks[known].read(r, p, &f);
    if (p->kind == PART_OPAQUE || f.odd || (p->kind == PART_FILE && p->source == SOURCE_TEXT)) /* joined, maybe */
        p->raw = raw;
    if (p->kind == PART_OPAQUE)
        p->name = type;
    p->cache = f.raw[CACHE];
    if (rc == 0 && f.odd && p->kind != PART_OPAQUE) /* that one is listed as a whole */
        rc = anthropic_odd(r, "content", block_names, BLOCK_COUNT, raw, true);
    return rc;
}

static int plain_read(struct anthropic_read *r, struct str raw, struct place *at)
{
    struct part *p = add(r, at, PART_TEXT);
    if (!p)
        return anthropic_nomem(r);
    p->text = json_unescape_arena(raw, r->chat->arena);
    return p->text.ptr ? 0 : anthropic_nomem(r);
}

static int parts_read(struct anthropic_read *r, struct json_scan *s, struct place at)
{
    struct str raw;
    enum json_type type = json_peek(s);
    if (type == JSON_STRING)
        return json_string(s, &raw) ? plain_read(r, raw, &at) : json_finish(s, r->err);
    if (type != JSON_ARRAY)
        return s->problem ? json_finish(s, r->err)
                          : anthropic_bad(r, "content", "must be a string or a list of blocks");
    int rc = 0;
    (void)json_enter(s);
    while (rc == 0 && json_element(s)) {
        r->block += at.level == 0;
        rc = block_read(r, s, &at);
    }
    if (at.level == 0 && rc == 0)
        r->block = -1;
    return rc || !s->problem ? rc : json_finish(s, r->err);
}

int anthropic_content_read(struct anthropic_read *r, struct part **list)
{
    r->block = -1;
    return parts_read(r, &r->scan, (struct place){.end = list});
}
