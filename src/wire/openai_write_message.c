/* openai_write_message.c: the messages of a request for an upstream that speaks OpenAI's dialect.
 *
 * Neighbours of one role are taken together, as a run, because results must follow their calls at once:
 *
 *   assistant: TEXT, CALL a, CALL b        ->  assistant {content, tool_calls [a, b]}
 *   user: RESULT b, TEXT, RESULT a{image}  ->  tool a, tool b, user {"Image output of tool …", image}, user {text}
 *
 * Servers with plain chat templates (TRAIT_PLAIN_TEMPLATE) get one system message and turns that alternate; others get the
 * messages as they are. */
#include "wire/openai_priv.h"
#include <assert.h>
#include <stdlib.h>

/* --- runs ---------------------------------------------------------------------------------------------------------- */

struct run {
    const struct message *from, *to; /* to: excluded */
    enum chat_role role;             /* of the messages that count; others between them were hoisted */
};
struct walk {
    struct run left;
    const struct part *part;
};

static const struct part *walk_next(struct walk *k)
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

#define EACH_PART(p, run) \
    for (struct walk walk_##p = {(run), NULL}; walk_##p.left.role != (enum chat_role)-1; walk_##p.left.role = (enum chat_role)-1) \
        for (const struct part *p; (p = walk_next(&walk_##p));)

static bool is_system(const struct message *m)
{
    return m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER;
}

static struct run run_of(const struct openai_writer *o, const struct message *m)
{
    struct run run = {m, m->next, m->role};
    bool hoisted = openai_has(o, TRAIT_PLAIN_TEMPLATE);
    while (run.to && (run.to->role == run.role || (hoisted && is_system(run.to))))
        run.to = run.to->next;
    return run;
}

/* Parts of a message to be written, picked from a run or made. */
struct parts {
    const struct part **at;
    size_t count, max;
};

static bool parts_init(struct openai_writer *o, struct parts *list, size_t max)
{
    *list = (struct parts){.at = arena_new_array(o->to->arena, const struct part *, max ? max : 1), .max = max};
    if (!list->at)
        openai_no_memory(o);
    return list->at;
}

static void parts_add(struct parts *list, const struct part *p)
{
    assert(list->count < list->max);
    list->at[list->count++] = p;
}

static void parts_add_text(struct openai_writer *o, struct parts *list, const char *text)
{
    struct part *p = text ? arena_new(o->to->arena, struct part) : NULL;
    if (!p) {
        openai_no_memory(o);
        return;
    }
    p->text = str_from(text);
    parts_add(list, p);
}

/* --- content ------------------------------------------------------------------------------------------------------- */

static void pair(struct openai_writer *o, const char *key, struct str text)
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
    pair(o, "type", STR("image_url"));
    json_key(&o->json, "image_url");
    json_object_begin(&o->json);
    data_url(o, "url", p);
    if (p->detail.len)
        pair(o, "detail", p->detail);
    json_object_end(&o->json);
}

static void audio_write(struct openai_writer *o, const struct part *p)
{
    struct str format = str_starts(p->media_type, STR("audio/")) ? str_skip(p->media_type, 6) : STR("wav");

    pair(o, "type", STR("input_audio"));
    json_key(&o->json, "input_audio");
    json_object_begin(&o->json);
    pair(o, "data", p->data);
    pair(o, "format", str_eq(format, STR("mpeg")) ? STR("mp3") : str_eq(format, STR("x-wav")) ? STR("wav") : format);
    json_object_end(&o->json);
}

static void file_write(struct openai_writer *o, const struct part *p)
{
    pair(o, "type", STR("file"));
    json_key(&o->json, "file");
    json_object_begin(&o->json);
    if (p->source == SOURCE_ID) {
        pair(o, "file_id", p->data);
    } else {
        pair(o, "filename", p->title.len ? p->title : STR("document"));
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
        pair(o, "type", STR("text"));
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

/* Can this part stand in a message? Reports it when not. */
static bool can(struct openai_writer *o, const struct part *p)
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
static bool one_string(const struct openai_writer *o, const struct parts *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!is_text(list->at[i]) || (list->at[i]->cache.len && openai_has(o, TRAIT_CACHE_MARKS)))
            return false;
    return true;
}

static void content_write(struct openai_writer *o, const struct parts *list, struct str between)
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

static void message_begin(struct openai_writer *o, const char *role, struct str name)
{
    json_object_begin(&o->json);
    pair(o, "role", str_from(role));
    if (name.len && openai_has(o, TRAIT_STRICT))
        openai_cannot(o, "messages.name");
    else if (name.len)
        pair(o, "name", name);
}

static void message_write(struct openai_writer *o, const char *role, struct str name, const struct parts *list)
{
    message_begin(o, role, name);
    content_write(o, list, STR("\n"));
    json_object_end(&o->json);
}

/* --- system -------------------------------------------------------------------------------------------------------- */

/* Claude Code's, for its vendor's books; it changes with each call and would spoil every prompt cache. */
static bool is_bill(const struct openai_writer *o, const struct part *p)
{
    return o->chat->from == DIALECT_ANTHROPIC && p->kind == PART_TEXT && str_starts(p->text, STR("x-anthropic-billing-header"));
}

static void system_add(struct openai_writer *o, struct parts *list, const struct message *m)
{
    for (const struct part *p = m->part; p; p = p->next)
        if (!is_bill(o, p) && can(o, p))
            parts_add(list, p);
}

static size_t count_parts(const struct message *m)
{
    size_t count = 0;
    for (const struct part *p = m->part; p; p = p->next)
        count++;
    return count;
}

static void systems_hoist(struct openai_writer *o)
{
    struct parts list;
    size_t count = 0;

    for (const struct message *m = o->chat->message; m; m = m->next)
        count += is_system(m) ? count_parts(m) : 0;
    if (!parts_init(o, &list, count))
        return;
    for (const struct message *m = o->chat->message; m; m = m->next)
        if (is_system(m))
            system_add(o, &list, m);
    if (list.count)
        message_write(o, "system", STR_NONE, &list);
}

static void system_write(struct openai_writer *o, const struct message *m)
{
    struct parts list;

    if (!parts_init(o, &list, count_parts(m)))
        return;
    system_add(o, &list, m);
    if (list.count || !m->part) /* nothing left of it: nothing said */
        message_write(o, m->role == ROLE_DEVELOPER && openai_has(o, TRAIT_DEVELOPER) ? "developer" : "system", m->name, &list);
}

/* --- results ------------------------------------------------------------------------------------------------------- */

struct result {
    const struct part *part;
    size_t order;
    bool taken;
};
struct results {
    struct result *at; /* by id, then as they came */
    size_t count;
};

static int compare_results(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    int by_id = str_compare(x->part->id, y->part->id);
    return by_id ? by_id : x->order < y->order ? -1 : x->order > y->order;
}

static bool results_sort(struct openai_writer *o, const struct run *run, struct results *out)
{
    size_t count = 0;

    EACH_PART (p, *run)
        count += p->kind == PART_RESULT;
    *out = (struct results){.at = arena_new_array(o->to->arena, struct result, count ? count : 1)};
    if (!out->at) {
        openai_no_memory(o);
        return false;
    }
    EACH_PART (p, *run)
        if (p->kind == PART_RESULT) {
            out->at[out->count] = (struct result){p, out->count, false};
            out->count++;
        }
    qsort(out->at, out->count, sizeof(*out->at), compare_results);
    return true;
}

/* The first result of that call that was not taken. */
static struct result *result_of(const struct results *r, struct str id)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct result *m = &r->at[middle];
        int order = str_compare(m->part->id, id);
        if (order < 0 || (order == 0 && m->taken))
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && str_eq(r->at[low].part->id, id) ? &r->at[low] : NULL;
}

static bool has_more_than_text(const struct part *result)
{
    for (const struct part *p = result->content; p; p = p->next)
        if (p->kind != PART_TEXT)
            return true;
    return false;
}

/* What is no text cannot ride in a tool message: it follows in a message of the user. */
static void aside_add(struct openai_writer *o, struct parts *aside, const struct part *result, struct str tool)
{
    bool said = false;

    for (const struct part *p = result->content; p && !o->rc; p = p->next) {
        if (p->kind == PART_TEXT || !can(o, p))
            continue;
        if (!said)
            parts_add_text(o, aside, arena_format(o->to->arena, "%s output of tool %.*s:", p->kind == PART_IMAGE ? "Image" : "File",
                                                  STR_FMT(tool)));
        said = true;
        if (!o->rc)
            parts_add(aside, p);
    }
}

static struct str result_text(struct openai_writer *o, const struct part *result)
{
    struct str text = chat_join_text(result->content, STR("\n"), o->to->arena);
    if (!text.ptr)
        openai_no_memory(o);
    if (text.len == 0 && has_more_than_text(result))
        return STR("(what it gave follows)");
    return text;
}

static void tool_message(struct openai_writer *o, struct str id, bool failed, struct str text)
{
    struct str pieces[] = {failed && !str_starts_fold(text, STR("error")) ? STR("Error: ") : STR_NONE, text};

    json_object_begin(&o->json);
    pair(o, "role", STR("tool"));
    pair(o, "tool_call_id", id);
    json_key(&o->json, "content");
    json_str_pieces(&o->json, pieces, COUNT_OF(pieces));
    json_object_end(&o->json);
}

/* One tool message per call, in the order of the calls: a call without one, and one without a call, are both refused. */
static void results_write(struct openai_writer *o, const struct run *calls, const struct results *results, struct parts *aside)
{
    EACH_PART (call, *calls) {
        if (call->kind != PART_CALL || o->rc)
            continue;
        struct result *r = result_of(results, call->id);
        if (!r) {
            tool_message(o, call->id, true, STR("no result of this call was kept"));
            continue;
        }
        r->taken = true;
        if (r->part->cache.len && !openai_has(o, TRAIT_CACHE_MARKS))
            openai_cannot(o, "cache_control");
        tool_message(o, call->id, r->part->failed, result_text(o, r->part));
        aside_add(o, aside, r->part, call->name);
    }
}

static void orphans_add(struct openai_writer *o, const struct results *results, struct parts *aside)
{
    for (size_t i = 0; i < results->count && !o->rc; i++) {
        const struct part *p = results->at[i].part;
        if (results->at[i].taken)
            continue;
        struct str text = result_text(o, p);
        parts_add_text(o, aside, arena_format(o->to->arena, "Output of a tool call that is not part of this conversation:\n%.*s",
                                              STR_FMT(text)));
        aside_add(o, aside, p, p->name.len ? p->name : p->id);
    }
}

/* --- user ---------------------------------------------------------------------------------------------------------- */

static size_t count_aside(const struct run *run)
{
    size_t count = 0;
    EACH_PART (p, *run)
        if (p->kind == PART_RESULT) {
            count += 2;
            for (const struct part *c = p->content; c; c = c->next)
                count++;
        }
    return count;
}

/* What a message says beside results; false when there is nothing. */
static bool words_add(struct openai_writer *o, struct parts *list, const struct message *m)
{
    size_t before = list->count;
    for (const struct part *p = m->part; p && !o->rc; p = p->next)
        if (p->kind != PART_RESULT && can(o, p))
            parts_add(list, p);
    return list->count > before;
}

static void user_apart(struct openai_writer *o, const struct run *run, struct parts *aside)
{
    if (aside->count)
        message_write(o, "user", STR_NONE, aside);
    for (const struct message *m = run->from; m != run->to && !o->rc; m = m->next) {
        struct parts list;
        if (m->role == run->role && parts_init(o, &list, count_parts(m)) && (words_add(o, &list, m) || !m->part))
            message_write(o, "user", m->name, &list);
    }
}

/* As one message. */
static void user_together(struct openai_writer *o, const struct run *run, struct parts *aside, bool answered)
{
    size_t count = aside->count;
    struct parts list;

    EACH_PART (p, *run)
        count++;
    if (!parts_init(o, &list, count))
        return;
    for (size_t i = 0; i < aside->count; i++)
        parts_add(&list, aside->at[i]);
    for (const struct message *m = run->from; m != run->to && !o->rc; m = m->next)
        if (m->role == run->role)
            (void)words_add(o, &list, m);
    if (list.count || !answered)
        message_write(o, "user", run->from->name, &list);
}

static void user_write(struct openai_writer *o, const struct run *run, const struct run *calls)
{
    struct results results;
    struct parts aside;

    if (!results_sort(o, run, &results) || !parts_init(o, &aside, count_aside(run)))
        return;
    results_write(o, calls, &results, &aside);
    orphans_add(o, &results, &aside);
    if (o->rc)
        return;
    if (openai_has(o, TRAIT_PLAIN_TEMPLATE))
        user_together(o, run, &aside, results.count > 0);
    else
        user_apart(o, run, &aside);
}

/* --- assistant ----------------------------------------------------------------------------------------------------- */

static void tool_call_write(struct openai_writer *o, const struct part *p, bool first)
{
    bool own = p->custom && openai_has(o, TRAIT_OWN_FORMS), wrapped = p->custom && !own;
    const char *type = own ? "custom" : "function";

    json_object_begin(&o->json);
    pair(o, "id", p->id);
    pair(o, "type", str_from(type));
    json_key(&o->json, type);
    json_object_begin(&o->json);
    pair(o, "name", p->name);
    if (wrapped) {
        AUTO_BUF struct buf text = BUF_INIT(6 * p->arguments.len + 64);
        struct json_writer inner = JSON_WRITER(&text);
        json_object_begin(&inner);
        json_key(&inner, "input");
        json_str(&inner, p->arguments);
        json_object_end(&inner);
        if (json_done(&inner) < 0)
            openai_no_memory(o);
        pair(o, "arguments", buf_str(&text));
    } else {
        pair(o, own ? "input" : "arguments", p->arguments.len || own ? p->arguments : STR("{}"));
    }
    json_object_end(&o->json);
    if (p->raw.len && o->chat->from == DIALECT_OPENAI) {
        json_key(&o->json, "extra_content");
        json_raw(&o->json, p->raw);
    } else if (first && openai_has(o, TRAIT_SIGNED_CALLS)) { /* what Google documents for turns of other models */
        json_key(&o->json, "extra_content");
        json_raw(&o->json, STR("{\"google\":{\"thought_signature\":\"skip_thought_signature_validator\"}}"));
    }
    json_object_end(&o->json);
}

static void detail_write(struct openai_writer *o, const struct part *p)
{
    if (p->raw.len && o->chat->from == DIALECT_OPENAI) {
        json_raw(&o->json, p->raw);
    } else if (p->kind == PART_HIDDEN) {
        openai_hidden_write(&o->json, p->text, p->id);
    } else {
        json_object_begin(&o->json);
        pair(o, "type", STR("reasoning.text"));
        pair(o, "text", p->text);
        if (p->signature.len) {
            pair(o, "signature", p->signature);
            pair(o, "format", STR("anthropic-claude-v1"));
        }
        json_object_end(&o->json);
    }
}

/* OpenRouter: whatever has a seal goes back with it. */
static void details_write(struct openai_writer *o, const struct run *run)
{
    json_key(&o->json, "reasoning_details");
    json_array_begin(&o->json);
    EACH_PART (p, *run) {
        bool own = p->kind == PART_OPAQUE && o->chat->from == DIALECT_OPENAI && str_eq(p->name, STR("reasoning_details"));
        if (p->kind == PART_REASONING || p->kind == PART_HIDDEN || own)
            detail_write(o, p);
    }
    json_array_end(&o->json);
}

static void thinking_write(struct openai_writer *o, const struct run *run, size_t calls)
{
    const char *name = o->accent->thinking;
    size_t readable = 0, hidden = 0, count = 0;

    EACH_PART (p, *run) {
        readable += p->kind == PART_REASONING;
        hidden += p->kind == PART_HIDDEN || (p->kind == PART_OPAQUE && str_eq(p->name, STR("reasoning_details")));
    }
    bool must = calls && openai_has(o, TRAIT_REASONING_BACK);
    if (readable + hidden == 0 && !must)
        return;
    if (name && str_eq(str_from(name), STR("reasoning_details"))) {
        details_write(o, run);
        return;
    }
    if (hidden || (readable && !name))
        openai_cannot(o, "messages.reasoning");
    if (!name || (!readable && !must))
        return;
    struct str *piece = arena_new_array(o->to->arena, struct str, readable + 1);
    if (!piece) {
        openai_no_memory(o);
        return;
    }
    EACH_PART (p, *run)
        if (p->kind == PART_REASONING)
            piece[count++] = p->text;
    json_key(&o->json, name);
    json_str_pieces(&o->json, piece, count);
}

/* What is said aloud; OpenAI has its own place for refusals, elsewhere they are text. */
static bool is_said(struct openai_writer *o, const struct part *p)
{
    if (p->kind == PART_TEXT)
        return true;
    if (p->kind == PART_REFUSAL)
        return !openai_has(o, TRAIT_OWN_FORMS);
    if (p->kind != PART_OPAQUE || str_eq(p->name, STR("audio")) || str_eq(p->name, STR("reasoning_details")))
        return false;
    return can(o, p);
}

static void own_forms_write(struct openai_writer *o, const struct run *run)
{
    EACH_PART (p, *run) {
        if (p->kind == PART_REFUSAL && openai_has(o, TRAIT_OWN_FORMS)) {
            pair(o, "refusal", p->text);
            break; /* a message has one */
        }
    }
    EACH_PART (p, *run) {
        if (p->kind != PART_OPAQUE || !str_eq(p->name, STR("audio")))
            continue;
        if (o->chat->from == DIALECT_OPENAI && openai_has(o, TRAIT_OWN_FORMS)) {
            json_key(&o->json, "audio");
            json_raw(&o->json, p->raw);
        } else {
            openai_cannot(o, "audio");
        }
        break;
    }
}

static void assistant_write(struct openai_writer *o, const struct run *run)
{
    struct parts list;
    size_t count = 0, calls = 0;

    EACH_PART (p, *run) {
        count++;
        calls += p->kind == PART_CALL;
    }
    if (!parts_init(o, &list, count))
        return;
    EACH_PART (p, *run)
        if (is_said(o, p)) {
            if (p->cache.len && !openai_has(o, TRAIT_CACHE_MARKS))
                openai_cannot(o, "cache_control");
            parts_add(&list, p);
        }
    message_begin(o, "assistant", run->from->name);
    if (list.count || !calls || !openai_has(o, TRAIT_NULL_CONTENT)) {
        content_write(o, &list, STR(""));
    } else {
        json_key(&o->json, "content");
        json_null(&o->json);
    }
    own_forms_write(o, run);
    thinking_write(o, run, calls);
    if (calls) {
        json_key(&o->json, "tool_calls");
        json_array_begin(&o->json);
        bool first = true;
        EACH_PART (p, *run)
            if (p->kind == PART_CALL) {
                tool_call_write(o, p, first);
                first = false;
            }
        json_array_end(&o->json);
    }
    json_object_end(&o->json);
}

/* --- all of them --------------------------------------------------------------------------------------------------- */

static bool has_calls(const struct run *run)
{
    EACH_PART (p, *run)
        if (p->kind == PART_CALL)
            return true;
    return false;
}

/* Neighbours stay apart, unless a template could not take that or calls would lose sight of their results. */
static void assistants_write(struct openai_writer *o, const struct run *run)
{
    if (openai_has(o, TRAIT_PLAIN_TEMPLATE) || has_calls(run)) {
        assistant_write(o, run);
        return;
    }
    for (const struct message *m = run->from; m != run->to && !o->rc; m = m->next)
        assistant_write(o, &(struct run){m, m->next, m->role});
}

void openai_messages_write(struct openai_writer *o)
{
    struct run calls = {NULL, NULL, ROLE_ASSISTANT}; /* of the last assistant, as long as nobody answered them */
    bool hoisted = openai_has(o, TRAIT_PLAIN_TEMPLATE);

    json_key(&o->json, "messages");
    json_array_begin(&o->json);
    if (hoisted)
        systems_hoist(o);
    for (const struct message *m = o->chat->message; m && !o->rc;) {
        struct run run = is_system(m) ? (struct run){m, m->next, m->role} : run_of(o, m);
        struct arena_mark mark = arena_mark(o->to->arena);
        if (is_system(m)) {
            if (!hoisted)
                system_write(o, m);
        } else if (m->role == ROLE_USER) {
            user_write(o, &run, &calls);
            calls.from = calls.to = NULL;
        } else {
            assistants_write(o, &run);
            calls = run;
        }
        arena_reset(o->to->arena, mark);
        m = run.to;
    }
    json_array_end(&o->json);
}
