/* anthropic_part.c: content blocks of a request to an Anthropic upstream, written; see anthropic_priv.h. */
#include "wire/anthropic_part_priv.h"

enum { MARKS_MAX = 4 }; /* cache_control in one request; a fifth is a 400 */

int anthropic_lost(struct anthropic_write *w, struct str field)
{
    return codec_cannot(&codec_anthropic, w->how, field, w->err);
}

struct str anthropic_own(const struct anthropic_write *w, struct str name)
{
    for (const struct chat_member *m = w->own ? w->chat->own : NULL; m; m = m->next)
        if (str_eq(m->name, name))
            return m->value;
    return STR_NONE;
}

void anthropic_member(struct anthropic_write *w, const char *key, struct str text)
{
    json_key(w->json, key);
    json_str(w->json, text);
}

void anthropic_member_raw(struct anthropic_write *w, const char *key, struct str raw)
{
    json_key(w->json, key);
    json_raw(w->json, raw);
}

void anthropic_cache(struct anthropic_write *w, struct str mark)
{
    if (mark.len == 0)
        return;
    if (w->marks == MARKS_MAX) {
        lost_add(w->how->lost, STR("cache_control"));
        return;
    }
    w->marks++;
    json_key(w->json, "cache_control");
    json_raw(w->json, mark);
}

struct str anthropic_id_safe(struct anthropic_write *w, struct str id)
{
    return chat_id_safe(id, w->how->arena);
}

struct str anthropic_name_safe(struct anthropic_write *w, struct str name)
{
    return tool_name_fit(tool_names_of(DIALECT_ANTHROPIC, w->chat->from, w->how->vendor), name, w->how->arena);
}

static void begin(struct anthropic_write *w, const char *type)
{
    json_object_begin(w->json);
    json_key(w->json, "type");
    json_text(w->json, type);
}

static int end(struct anthropic_write *w, const struct part *p)
{
    anthropic_cache(w, p->cache);
    json_object_end(w->json);
    return 0;
}

bool anthropic_blank(struct str text)
{
    return str_trim(text).len == 0;
}

/* --- images and documents ----------------------------------------------------------------------------------------- */

static bool image_fits(struct str type)
{
    static const struct str types[] = {STR("image/png"), STR("image/jpeg"), STR("image/gif"), STR("image/webp")};
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (str_eq(types[i], type))
            return true;
    return false;
}

static struct str media_type_of(const struct part *p)
{
    if (str_eq_fold(p->media_type, STR("image/jpg")))
        return STR("image/jpeg");
    return p->media_type.len ? p->media_type : media_type_sniff(p->data);
}

static void source_write(struct anthropic_write *w, const char *type, struct str media_type, const char *key,
                         struct str data)
{
    json_key(w->json, "source");
    begin(w, type);
    if (media_type.len)
        anthropic_member(w, "media_type", media_type);
    anthropic_member(w, key, data);
    json_object_end(w->json);
}

/* One that lies with its vendor, or an address: the same for images and documents. False: neither. */
static bool remote_write(struct anthropic_write *w, const struct part *p)
{
    if (p->source == SOURCE_URL)
        source_write(w, "url", STR_NONE, "url", p->data);
    else if (p->source == SOURCE_ID && w->own)
        source_write(w, "file", STR_NONE, "file_id", p->data);
    else
        return false;
    return true;
}

static int image_write(struct anthropic_write *w, const struct part *p)
{
    begin(w, "image");
    if (!remote_write(w, p)) {
        struct str type = media_type_of(p);
        if (p->source == SOURCE_ID)
            return anthropic_lost(w, STR("file_id"));
        if (p->source != SOURCE_BASE64 || !image_fits(type))
            return anthropic_lost(w, STR("image"));
        source_write(w, "base64", type, "data", p->data);
    }
    return end(w, p);
}

static int file_write(struct anthropic_write *w, const struct part *p)
{
    begin(w, "document");
    if (!remote_write(w, p)) {
        if (p->source == SOURCE_ID)
            return anthropic_lost(w, STR("file_id"));
        if (p->source == SOURCE_TEXT)
            source_write(w, "text", STR("text/plain"), "data", p->data);
        else if (p->source == SOURCE_BASE64 && str_eq(media_type_of(p), STR("application/pdf")))
            source_write(w, "base64", STR("application/pdf"), "data", p->data);
        else
            return anthropic_lost(w, STR("file"));
    }
    if (p->title.len)
        anthropic_member(w, "title", p->title);
    return end(w, p);
}

/* --- tools -------------------------------------------------------------------------------------------------------- */

/* A tool that takes free text is one with a single string here. */
static int input_write(struct anthropic_write *w, const struct part *p)
{
    json_key(w->json, "input");
    if (p->custom) {
        json_object_begin(w->json);
        anthropic_member(w, "input", p->arguments);
        json_object_end(w->json);
        return 0;
    }
    struct str input = chat_arguments_object(p->arguments, w->how->arena);
    if (!input.ptr)
        return ERR_NOMEM;
    json_raw(w->json, input);
    return 0;
}

static int use_write(struct anthropic_write *w, const struct turn_item *item)
{
    struct str name = anthropic_name_safe(w, item->part->name);
    if (!name.ptr)
        return ERR_NOMEM;
    begin(w, "tool_use");
    anthropic_member(w, "id", item->id);
    anthropic_member(w, "name", name);
    int rc = input_write(w, item->part);
    return rc ? rc : end(w, item->part);
}

static bool is_worth(const struct part *p)
{
    return p->kind != PART_TEXT || !anthropic_blank(p->text);
}

static const struct part *next_worth(const struct part *p)
{
    while (p && !is_worth(p))
        p = p->next;
    return p;
}

static int result_content_write(struct anthropic_write *w, const struct part *list)
{
    int rc = 0;
    const struct part *first = next_worth(list);
    if (!first)
        return 0;
    json_key(w->json, "content");
    if (first->kind == PART_TEXT && first->cache.len == 0 && first->raw.len == 0 && !next_worth(first->next)) {
        json_str(w->json, first->text);
        return 0;
    }
    json_array_begin(w->json);
    for (const struct part *p = first; p && rc == 0; p = next_worth(p->next))
        rc = p->kind == PART_OPAQUE && !w->own ? anthropic_lost(w, p->name)
                                               : anthropic_item_write(w, &(struct turn_item){.part = p});
    json_array_end(w->json);
    return rc;
}

static int result_write(struct anthropic_write *w, const struct turn_item *item)
{
    const struct part *p = item->part;
    begin(w, "tool_result");
    anthropic_member(w, "tool_use_id", item->id);
    int rc = result_content_write(w, p->content);
    if (rc)
        return rc;
    if (p->failed) {
        json_key(w->json, "is_error");
        json_bool(w->json, true);
    }
    return end(w, p);
}

/* --- all ---------------------------------------------------------------------------------------------------------- */

static int text_write(struct anthropic_write *w, const struct part *p)
{
    begin(w, "text");
    anthropic_member(w, "text", p->text);
    return end(w, p);
}

static int thinking_write(struct anthropic_write *w, const struct part *p)
{
    begin(w, "thinking");
    anthropic_member(w, "thinking", p->text);
    anthropic_member(w, "signature", p->signature);
    return end(w, p);
}

static int hidden_write(struct anthropic_write *w, const struct part *p)
{
    begin(w, "redacted_thinking");
    anthropic_member(w, "data", p->text);
    return end(w, p);
}

/* An id that came twice was made another one: the block as it came would not pair any more. */
static bool is_renamed(struct anthropic_write *w, const struct turn_item *item)
{
    bool paired = item->part->kind == PART_CALL || item->part->kind == PART_RESULT;
    return paired && !str_eq(item->id, anthropic_id_safe(w, item->part->id));
}

int anthropic_item_write(struct anthropic_write *w, const struct turn_item *item)
{
    const struct part *p = item->part;
    if (w->own && p->raw.len && !is_renamed(w, item)) {
        w->marks += p->cache.len > 0;
        json_raw(w->json, p->raw);
        return 0;
    }
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL: return text_write(w, p);
    case PART_IMAGE: return image_write(w, p);
    case PART_FILE: return file_write(w, p);
    case PART_CALL: return use_write(w, item);
    case PART_RESULT: return result_write(w, item);
    case PART_REASONING: return thinking_write(w, p);
    case PART_HIDDEN: return hidden_write(w, p);
    case PART_AUDIO: return anthropic_lost(w, STR("input_audio"));
    case PART_OPAQUE: break; /* not without w->own */
    }
    return 0;
}
