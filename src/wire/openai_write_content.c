/* openai_write_content.c: what stands inside one message for an upstream that speaks OpenAI's dialect: text, images, sound,
 * documents; as one string wherever that is enough. */
#include "wire/openai_parts_priv.h"
#include <assert.h>

const struct part *openai_walk_next(struct openai_walk *k)
{
    while (!k->part && k->left.from != k->left.to) {
        k->part = k->left.from->role == k->left.role ? k->left.from->part : NULL;
        k->left.from = k->left.from->next;
    }
    const struct part *p = k->part;
    if (p)
        k->part = p->next;
    return p;
}

bool openai_parts_init(struct openai_writer *o, struct openai_parts *list, size_t max)
{
    *list = (struct openai_parts){.at = arena_new_array(o->to->arena, const struct part *, max ? max : 1), .max = max};
    if (!list->at)
        openai_no_memory(o);
    return list->at;
}

void openai_parts_add(struct openai_parts *list, const struct part *p)
{
    assert(list->count < list->max);
    list->at[list->count++] = p;
}

void openai_parts_add_text(struct openai_writer *o, struct openai_parts *list, const char *text)
{
    struct part *p = text ? arena_new(o->to->arena, struct part) : NULL;
    if (!p) {
        openai_no_memory(o);
        return;
    }
    p->text = str_from(text);
    openai_parts_add(list, p);
}

/* --- content ------------------------------------------------------------------------------------------------------- */

void openai_pair(struct openai_writer *o, const char *key, struct str text)
{
    json_key(&o->json, key);
    json_str(&o->json, text);
}

static void data_url(struct openai_writer *o, const char *key, const struct part *p)
{
    struct str type = p->media_type.len ? p->media_type : STR("application/octet-stream");
    struct str pieces[] = {STR("data:"), type, STR(";base64,"), p->data};

    json_key(&o->json, key);
    if (p->source == SOURCE_BASE64)
        json_str_pieces(&o->json, pieces, COUNT_OF(pieces));
    else
        json_str(&o->json, p->data);
}

static void image_write(struct openai_writer *o, const struct part *p)
{
    openai_pair(o, "type", STR("image_url"));
    json_key(&o->json, "image_url");
    json_object_begin(&o->json);
    data_url(o, "url", p);
    if (p->detail.len)
        openai_pair(o, "detail", p->detail);
    json_object_end(&o->json);
}

static void audio_write(struct openai_writer *o, const struct part *p)
{
    struct str format = str_starts(p->media_type, STR("audio/")) ? str_skip(p->media_type, 6) : STR("wav");

    openai_pair(o, "type", STR("input_audio"));
    json_key(&o->json, "input_audio");
    json_object_begin(&o->json);
    openai_pair(o, "data", p->data);
    openai_pair(o, "format", str_eq(format, STR("mpeg")) ? STR("mp3") : str_eq(format, STR("x-wav")) ? STR("wav") : format);
    json_object_end(&o->json);
}

static void file_write(struct openai_writer *o, const struct part *p)
{
    openai_pair(o, "type", STR("file"));
    json_key(&o->json, "file");
    json_object_begin(&o->json);
    if (p->source == SOURCE_ID) {
        openai_pair(o, "file_id", p->data);
    } else {
        openai_pair(o, "filename", p->title.len ? p->title : STR("document"));
        data_url(o, "file_data", p);
    }
    json_object_end(&o->json);
}

/* Text documents need no file: their title is a line above them. */
static bool is_text(const struct part *p)
{
    return p->kind == PART_TEXT || p->kind == PART_REFUSAL || (p->kind == PART_FILE && p->source == SOURCE_TEXT);
}

static void text_of(const struct part *p, struct str *title, struct str *text)
{
    bool titled = p->kind == PART_FILE && p->title.len;
    title[0] = titled ? p->title : STR_NONE;
    title[1] = titled ? STR("\n") : STR_NONE;
    *text = p->kind == PART_FILE ? p->data : p->text;
}

static void part_write(struct openai_writer *o, const struct part *p)
{
    struct str pieces[3];

    if (p->kind == PART_OPAQUE) {
        json_raw(&o->json, p->raw);
        return;
    }
    json_object_begin(&o->json);
    if (is_text(p)) {
        text_of(p, pieces, &pieces[2]);
        openai_pair(o, "type", STR("text"));
        json_key(&o->json, "text");
        json_str_pieces(&o->json, pieces, COUNT_OF(pieces));
    } else if (p->kind == PART_IMAGE) {
        image_write(o, p);
    } else if (p->kind == PART_AUDIO) {
        audio_write(o, p);
    } else {
        file_write(o, p);
    }
    if (p->cache.len && openai_has(o, TRAIT_CACHE_MARKS)) {
        json_key(&o->json, "cache_control");
        json_raw(&o->json, p->cache);
    }
    json_object_end(&o->json);
}

static bool file_can(const struct openai_writer *o, const struct part *p)
{
    bool own = o->chat->from == DIALECT_OPENAI || o->chat->from == DIALECT_RESPONSES;
    if (p->source == SOURCE_ID) /* of the account at OpenAI */
        return own && openai_has(o, TRAIT_OWN_FORMS);
    return openai_has(o, TRAIT_FILES) && (p->source == SOURCE_BASE64 || openai_has(o, TRAIT_CACHE_MARKS));
}

bool openai_can(struct openai_writer *o, const struct part *p)
{
    bool fine = false;

    if (p->cache.len && !openai_has(o, TRAIT_CACHE_MARKS))
        openai_cannot(o, "cache_control");
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL: return true;
    case PART_IMAGE:
        fine = p->source == SOURCE_BASE64 || p->source == SOURCE_URL;
        if (!fine)
            openai_cannot(o, "image_url");
        return fine;
    case PART_AUDIO:
        fine = p->source == SOURCE_BASE64;
        if (!fine)
            openai_cannot(o, "input_audio");
        return fine;
    case PART_FILE:
        fine = is_text(p) || file_can(o, p);
        if (!fine)
            openai_cannot(o, "file");
        return fine;
    case PART_OPAQUE:
        if (o->chat->from == DIALECT_OPENAI)
            return true;
        o->rc = o->rc ? o->rc : codec_cannot(&codec_openai, o->to, p->name, o->err);
        return false;
    default: return false; /* no part of what is said here */
    }
}

/* As one string where it can be: many local servers know nothing else. */
static bool one_string(const struct openai_writer *o, const struct openai_parts *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!is_text(list->at[i]) || (list->at[i]->cache.len && openai_has(o, TRAIT_CACHE_MARKS)))
            return false;
    return true;
}

void openai_content_write(struct openai_writer *o, const struct openai_parts *list, struct str between)
{
    json_key(&o->json, "content");
    if (!one_string(o, list)) {
        json_array_begin(&o->json);
        for (size_t i = 0; i < list->count; i++)
            part_write(o, list->at[i]);
        json_array_end(&o->json);
        return;
    }
    struct str *piece = arena_new_array(o->to->arena, struct str, 4 * list->count + 1);
    if (!piece) {
        openai_no_memory(o);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        piece[4 * i] = i ? between : STR_NONE;
        text_of(list->at[i], &piece[4 * i + 1], &piece[4 * i + 3]);
    }
    json_str_pieces(&o->json, piece, 4 * list->count);
}

void openai_message_begin(struct openai_writer *o, const char *role, struct str name)
{
    json_object_begin(&o->json);
    openai_pair(o, "role", str_from(role));
    if (name.len && openai_has(o, TRAIT_STRICT))
        openai_cannot(o, "messages.name");
    else if (name.len)
        openai_pair(o, "name", name);
}

void openai_message_write(struct openai_writer *o, const char *role, struct str name, const struct openai_parts *list)
{
    openai_message_begin(o, role, name);
    openai_content_write(o, list, STR("\n"));
    json_object_end(&o->json);
}
