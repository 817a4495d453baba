/* responses_write_input.c: the `input` of a request for an upstream that speaks the Responses dialect: messages as items.
 *
 * A message becomes as many items as it has calls, results and sealed thoughts, with what is said between them as messages. A call without
 * a result and a result without a call are refused there: the one gets a result that says so, the other is told in words. */
#include "wire/responses_write_priv.h"
#include <stdlib.h>

enum { CALL_ID_MAX = 64 }; /* what OpenAI takes */

/* Ids are the client's, or another vendor's: what is too long here is replaced, alike in the call and in its result. */
static void write_call_id(struct upstream *u, struct str id)
{
    char made[32];
    json_key(&u->j, "call_id");
    if (id.len <= CALL_ID_MAX)
        json_str(&u->j, id);
    else
        json_str(&u->j, str_of(made, text_format(made, sizeof(made), "call_%016llx", (unsigned long long)str_hash(id))));
}

static int write_data_url(struct upstream *u, const char *key, const struct part *p, const char *type_if_none)
{
    struct str type = p->media_type.len ? p->media_type : media_type_sniff(p->data);
    char head[160];
    if (!type.len || type.len > sizeof(head) / 2)
        type = str_from(type_if_none);
    size_t n = text_format(head, sizeof(head), "data:%.*s;base64,", STR_FMT(type));
    struct str url = responses_joined(str_of(head, n), p->data, u->w->arena);
    if (!url.ptr)
        return no_memory(u);
    key_str(u, key, url);
    return 0;
}

static int write_image(struct upstream *u, const struct part *p)
{
    begin_of_type(u, "input_image");
    int rc = p->source == SOURCE_BASE64 ? write_data_url(u, "image_url", p, "image/png") : 0;
    if (p->source != SOURCE_BASE64)
        key_str(u, p->source == SOURCE_ID ? "file_id" : "image_url", p->data);
    if (p->detail.len)
        key_str(u, "detail", p->detail);
    json_object_end(&u->j);
    return rc;
}

static int write_text(struct upstream *u, struct str text)
{
    begin_of_type(u, "input_text");
    key_str(u, "text", text);
    json_object_end(&u->j);
    return 0;
}

static int write_file(struct upstream *u, const struct part *p)
{
    if (p->source == SOURCE_TEXT) {
        struct str text = p->title.len ? responses_joined(p->title, STR("\n"), u->w->arena) : STR("");
        if (text.ptr)
            text = text.len ? responses_joined(text, p->data, u->w->arena) : p->data;
        return text.ptr ? write_text(u, text) : no_memory(u);
    }
    begin_of_type(u, "input_file");
    if (p->title.len && p->source != SOURCE_ID)
        key_str(u, "filename", p->title);
    int rc = p->source == SOURCE_BASE64 ? write_data_url(u, "file_data", p, "application/pdf") : 0;
    if (p->source != SOURCE_BASE64)
        key_str(u, p->source == SOURCE_ID ? "file_id" : "file_url", p->data);
    json_object_end(&u->j);
    return rc;
}

static int write_audio(struct upstream *u, const struct part *p)
{
    struct str format = str_starts(p->media_type, STR("audio/")) ? str_skip(p->media_type, 6) : p->media_type;
    begin_of_type(u, "input_audio");
    json_key(&u->j, "input_audio");
    json_object_begin(&u->j);
    key_str(u, "data", p->data);
    key_str(u, "format", format.len ? format : STR("wav"));
    json_object_end(&u->j);
    json_object_end(&u->j);
    return 0;
}

static int write_opaque(struct upstream *u, const struct part *p)
{
    if (u->same)
        json_raw(&u->j, p->raw);
    else
        lost_add(u->w->lost, p->name);
    return 0;
}

/* A part of what somebody else than the model says. */
static int write_input_part(struct upstream *u, const struct part *p)
{
    switch (p->kind) {
    case PART_IMAGE: return write_image(u, p);
    case PART_FILE: return write_file(u, p);
    case PART_AUDIO: return write_audio(u, p);
    case PART_OPAQUE: return write_opaque(u, p);
    case PART_TEXT:
    case PART_REFUSAL: return write_text(u, p->text);
    case PART_REASONING:
    case PART_HIDDEN: return cannot(u, "reasoning_content");
    case PART_CALL:
    case PART_RESULT: return 0; /* items of their own */
    }
    return 0;
}

static bool is_text_only(const struct part *list)
{
    for (const struct part *p = list; p; p = p->next)
        if (p->kind != PART_TEXT)
            return false;
    return true;
}

/* As one string, as old models and small servers know it, or as parts. */
static int write_output(struct upstream *u, const struct part *result)
{
    int rc = 0;
    json_key(&u->j, "output");
    if (is_text_only(result->content)) {
        struct str text = chat_join_text(result->content, STR("\n"), u->w->arena);
        if (text.ptr && result->failed && !str_starts_fold(text, STR("error")))
            text = responses_joined(STR("Error: "), text, u->w->arena);
        json_str(&u->j, text);
        return text.ptr ? 0 : no_memory(u);
    }
    json_array_begin(&u->j);
    if (result->failed)
        rc = write_text(u, STR("Error:"));
    for (const struct part *p = result->content; p && rc == 0; p = p->next)
        rc = write_input_part(u, p);
    json_array_end(&u->j);
    return rc;
}

static int compare_ids(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static int list_ids(struct upstream *u, enum part_kind kind, struct id_list *out)
{
    size_t count = 0;
    for (const struct message *m = u->c->message; m; m = m->next)
        for (const struct part *p = m->part; p; p = p->next)
            count += p->kind == kind;
    *out = (struct id_list){.at = arena_new_array(u->w->arena, struct str, count + 1)};
    if (!out->at)
        return no_memory(u);
    for (const struct message *m = u->c->message; m; m = m->next)
        for (const struct part *p = m->part; p; p = p->next)
            if (p->kind == kind)
                out->at[out->count++] = p->id;
    qsort(out->at, out->count, sizeof out->at[0], compare_ids);
    return 0;
}

static bool has_id(const struct id_list *list, struct str id)
{
    return bsearch(&id, list->at, list->count, sizeof list->at[0], compare_ids);
}

static int write_missing_result(struct upstream *u, const struct part *call)
{
    begin_of_type(u, call->custom ? "custom_tool_call_output" : "function_call_output");
    write_call_id(u, call->id);
    key_str(u, "output", STR("Error: no result of this call was kept"));
    json_object_end(&u->j);
    return 0;
}

static int write_orphan(struct upstream *u, const struct part *p)
{
    int rc = 0;
    begin_of_type(u, "message");
    key_str(u, "role", STR("user"));
    json_key(&u->j, "content");
    json_array_begin(&u->j);
    (void)write_text(u, p->failed ? STR("Error of a tool call that is not part of this conversation:")
                                  : STR("Output of a tool call that is not part of this conversation:"));
    for (const struct part *c = p->content; c && rc == 0; c = c->next)
        rc = write_input_part(u, c);
    json_array_end(&u->j);
    json_object_end(&u->j);
    return rc;
}

static int write_result(struct upstream *u, const struct part *p)
{
    if (!u->same && !has_id(&u->called, p->id))
        return write_orphan(u, p);
    begin_of_type(u, p->custom ? "custom_tool_call_output" : "function_call_output");
    write_call_id(u, p->id);
    int rc = write_output(u, p);
    json_object_end(&u->j);
    return rc;
}

static int write_call(struct upstream *u, const struct part *p)
{
    begin_of_type(u, p->custom ? "custom_tool_call" : "function_call");
    write_call_id(u, p->id);
    bool spaced = u->same && p->space.len > 0;
    int rc = tool_name_write(u, spaced ? tool_name_inside(p->space, p->name) : p->name);
    if (spaced)
        key_str(u, "namespace", p->space);
    if (p->custom)
        key_str(u, "input", p->arguments);
    else
        key_str(u, "arguments", str_trim(p->arguments).len ? p->arguments : STR("{}"));
    json_object_end(&u->j);
    return rc;
}

static bool is_spoken(const struct part *p)
{
    return p && (p->kind == PART_TEXT || p->kind == PART_REFUSAL);
}

/* A run of texts of the model's; returns what comes behind it. */
static const struct part *write_spoken(struct upstream *u, const struct part *p)
{
    struct str phase = p->phase;
    begin_of_type(u, "message");
    key_str(u, "role", STR("assistant"));
    if (phase.len)
        key_str(u, "phase", phase);
    json_key(&u->j, "content");
    json_array_begin(&u->j);
    for (; is_spoken(p) && str_eq(p->phase, phase); p = p->next)
        responses_content_write(&u->j, p->kind, p->text);
    json_array_end(&u->j);
    json_object_end(&u->j);
    return p;
}

/* The item that a run of readable thoughts and the sealed one behind them were, if this dialect's vendor has sealed it. What nobody
 * sealed no vendor here takes back. */
static const struct part *write_thoughts(struct upstream *u, const struct part *p, int *rc)
{
    const struct part *first = p;
    while (p && p->kind == PART_REASONING && str_eq(p->id, first->id))
        p = p->next;
    bool sealed = p && p->kind == PART_HIDDEN && p->id.len && (p == first || str_eq(p->id, first->id));
    if (!sealed) {
        if (p == first) /* another vendor's */
            p = p->next;
        *rc = cannot(u, "reasoning_content");
        return p;
    }
    begin_of_type(u, "reasoning");
    key_str(u, "id", p->id);
    json_key(&u->j, "summary");
    json_array_begin(&u->j);
    for (; first != p; first = first->next) {
        begin_of_type(u, "summary_text");
        key_str(u, "text", first->text);
        json_object_end(&u->j);
    }
    json_array_end(&u->j);
    key_str(u, "encrypted_content", p->text);
    json_object_end(&u->j);
    return p->next;
}

/* What the model had thought before it called that tool, where the client could not hold it. */
static void write_kept(struct upstream *u, const struct part *call)
{
    struct keepsake kept;
    if (!u->w->recall || !u->w->recall->find(u->w->recall->ctx, call, &kept) || !kept.sealed.len)
        return;
    begin_of_type(u, "reasoning");
    key_str(u, "id", kept.sealed_id);
    key_raw(u, "summary", STR("[]"));
    key_str(u, "encrypted_content", kept.sealed);
    json_object_end(&u->j);
}

static bool has_sealed(const struct message *m)
{
    for (const struct part *p = m->part; p; p = p->next)
        if (p->kind == PART_HIDDEN && p->id.len)
            return true;
    return false;
}

static int write_assistant(struct upstream *u, const struct message *m)
{
    bool bare = !u->same && !has_sealed(m);
    int rc = 0;
    for (const struct part *p = m->part; p && rc == 0;) {
        if (is_spoken(p)) {
            p = write_spoken(u, p);
            continue;
        }
        if (p->kind == PART_REASONING || p->kind == PART_HIDDEN) {
            p = write_thoughts(u, p, &rc);
            continue;
        }
        if (p->kind == PART_CALL && bare)
            write_kept(u, p);
        if (p->kind == PART_CALL)
            rc = write_call(u, p);
        else if (p->kind == PART_RESULT)
            rc = write_result(u, p);
        else if (p->kind == PART_OPAQUE)
            rc = write_opaque(u, p);
        else
            lost_add(u->w->lost, STR("assistant_media"));
        p = p->next;
    }
    for (const struct part *p = u->same ? NULL : m->part; p && rc == 0; p = p->next)
        if (p->kind == PART_CALL && !has_id(&u->answered, p->id))
            rc = write_missing_result(u, p);
    return rc;
}

static bool is_item(const struct part *p)
{
    return p->kind == PART_CALL || p->kind == PART_RESULT || (p->kind == PART_OPAQUE && str_eq(p->detail, RESPONSES_ITEM));
}

/* Results come first: they answer the calls just before. */
static int write_items_of(struct upstream *u, const struct message *m, int *others)
{
    int rc = 0;
    *others = 0;
    for (const struct part *p = m->part; p && rc == 0; p = p->next) {
        *others += !is_item(p);
        if (p->kind == PART_RESULT)
            rc = write_result(u, p);
        else if (p->kind == PART_CALL)
            rc = write_call(u, p);
        else if (is_item(p))
            rc = write_opaque(u, p);
    }
    return rc;
}

static int write_other(struct upstream *u, const struct message *m)
{
    static const char *const roles[] = {
        [ROLE_SYSTEM] = "system", [ROLE_DEVELOPER] = "developer", [ROLE_USER] = "user", [ROLE_ASSISTANT] = "assistant"};
    int others = 0, rc = write_items_of(u, m, &others);
    if (rc || (m->part && !others))
        return rc;
    begin_of_type(u, "message");
    json_key(&u->j, "role");
    json_text(&u->j, roles[m->role]);
    json_key(&u->j, "content");
    json_array_begin(&u->j);
    for (const struct part *p = m->part; p && rc == 0; p = p->next)
        if (!is_item(p))
            rc = write_input_part(u, p);
    json_array_end(&u->j);
    json_object_end(&u->j);
    return rc;
}

int responses_input_write(struct upstream *u)
{
    const struct message *m = u->c->message, *last = u->c->last_message;
    int rc = u->same ? 0 : list_ids(u, PART_CALL, &u->called);
    if (rc == 0 && !u->same)
        rc = list_ids(u, PART_RESULT, &u->answered);
    bool begins = last && last->role == ROLE_ASSISTANT && last->part && (u->c->from == DIALECT_ANTHROPIC || u->c->from == DIALECT_OLLAMA);
    bool says = false;
    for (const struct part *p = begins ? last->part : NULL; p; p = p->next) {
        begins = begins && p->kind != PART_CALL;
        says |= p->kind == PART_TEXT;
    }
    begins = begins && says;
    if (rc == 0 && begins)
        rc = cannot(u, "prefill");
    if (m && has_own(u, "instructions") && own(u, "instructions").len > 2)
        m = m->next; /* they go as they came */
    json_key(&u->j, "input");
    json_array_begin(&u->j);
    for (; m && rc == 0; m = m->next)
        rc = m->role == ROLE_ASSISTANT ? write_assistant(u, m) : write_other(u, m);
    json_array_end(&u->j);
    return rc;
}
