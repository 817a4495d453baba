/* ollama_write_messages.c: the conversation of a request to an Ollama: what is said, calls and results, or one prompt. What has no
 * place there is refused or lost by the rows in ollama_codec.c. */
#include "wire/ollama_priv.h"

int ollama_cannot(struct ollama_writer *w, const char *field)
{
    return codec_cannot(&codec_ollama, w->to, str_from(field), w->err);
}

static int write_no_memory(struct ollama_writer *w)
{
    return err_set(w->err, ERR_NOMEM, "out of memory while writing the request");
}

/* --- content ----------------------------------------------------------------------------------------------------------- */

static bool is_words(const struct part *p)
{
    return p->kind == PART_TEXT || p->kind == PART_REFUSAL || (p->kind == PART_FILE && p->source == SOURCE_TEXT);
}

static int words_append(struct buf *out, const struct part *p)
{
    if (p->kind != PART_FILE)
        return buf_append(out, p->text);
    int rc = p->title.len ? buf_append(out, p->title) : 0;
    rc = rc || p->title.len == 0 ? rc : buf_append_char(out, '\n');
    return rc ? rc : buf_append(out, p->data);
}

static size_t words_len(const struct part *p)
{
    return p->kind == PART_FILE ? p->title.len + 1 + p->data.len : p->text.len;
}

/* What is said in words, in one string; one part costs no copy. */
static int words_of(struct ollama_writer *w, const struct part *list, struct str before, struct str between,
                    struct str *out)
{
    const struct part *only = NULL;
    size_t count = before.len > 0, bytes = before.len;
    for (const struct part *p = list; p; p = p->next)
        if (is_words(p) && words_len(p)) {
            only = p;
            count++;
            bytes += words_len(p) + between.len;
        }
    *out = before;
    if (count == 0 || (count == 1 && !only))
        return 0;
    if (count == 1 && only->kind != PART_FILE) {
        *out = only->text;
        return 0;
    }
    AUTO_BUF struct buf text = BUF_INIT(bytes);
    int rc = buf_append(&text, before);
    bool first = true;
    for (const struct part *p = list; p && rc == 0; p = p->next) {
        if (!is_words(p) || words_len(p) == 0)
            continue;
        rc = first ? 0 : buf_append(&text, between);
        rc = rc ? rc : words_append(&text, p);
        first = false;
    }
    *out = rc ? STR_NONE : arena_dup(w->to->arena, buf_str(&text));
    return out->ptr ? 0 : write_no_memory(w);
}

static int image_check(struct ollama_writer *w, const struct part *p, struct str *base64)
{
    struct str type;
    *base64 = p->data;
    if (p->detail.len && !str_eq(p->detail, STR("auto")))
        (void)ollama_cannot(w, "detail"); /* lost */
    if (p->source == SOURCE_BASE64 || (p->source == SOURCE_URL && data_url_read(p->data, &type, base64)))
        return 0;
    return ollama_cannot(w, p->source == SOURCE_URL ? "image_url" : "file_id");
}

static int images_write(struct ollama_writer *w, const struct part *list)
{
    bool any = false;
    int rc = 0;
    for (const struct part *p = list; p && rc == 0; p = p->next) {
        struct str base64;
        if (p->kind != PART_IMAGE)
            continue;
        rc = image_check(w, p, &base64);
        if (rc)
            return rc;
        if (!any) {
            json_key(&w->json, "images");
            json_array_begin(&w->json);
        }
        any = true;
        json_str(&w->json, base64);
    }
    if (any)
        json_array_end(&w->json);
    return rc;
}

/* What is in a list of parts that no message of Ollama's can hold. */
static int rest_check(struct ollama_writer *w, const struct part *list)
{
    int rc = 0;
    for (const struct part *p = list; p && rc == 0; p = p->next) {
        if (p->cache.len)
            (void)ollama_cannot(w, "cache_control"); /* lost, as the next two */
        if (p->signature.len)
            (void)ollama_cannot(w, "signature");
        if (p->kind == PART_HIDDEN)
            (void)ollama_cannot(w, "redacted_thinking");
        if (p->kind == PART_AUDIO)
            rc = ollama_cannot(w, "input_audio");
        else if (p->kind == PART_FILE && p->source != SOURCE_TEXT)
            rc = ollama_cannot(w, "file");
        else if (p->kind == PART_OPAQUE)
            rc = codec_cannot(&codec_ollama, w->to, p->name, w->err);
    }
    return rc;
}

/* --- calls and results ------------------------------------------------------------------------------------------------ */

static struct str name_of_call(const struct ollama_writer *w, struct str id)
{
    size_t known = w->call_count < OLLAMA_CALLS_KNOWN_MAX ? w->call_count : OLLAMA_CALLS_KNOWN_MAX;
    for (size_t i = 1; i <= known; i++) {
        const struct part *call = w->call[(w->call_count - i) % OLLAMA_CALLS_KNOWN_MAX];
        if (str_eq(call->id, id))
            return call->name;
    }
    return STR_NONE;
}

static int calls_write(struct ollama_writer *w, const struct part *list)
{
    int index = 0, rc = 0;
    for (const struct part *p = list; p && rc == 0; p = p->next) {
        if (p->kind != PART_CALL)
            continue;
        if (index == 0) {
            json_key(&w->json, "tool_calls");
            json_array_begin(&w->json);
        }
        w->call[w->call_count++ % OLLAMA_CALLS_KNOWN_MAX] = p;
        rc = ollama_call_write(&w->json, index++, p, w->to->arena);
    }
    if (index)
        json_array_end(&w->json);
    return rc ? write_no_memory(w) : 0;
}

static int message_begin(struct ollama_writer *w, const char *role, struct str content)
{
    json_object_begin(&w->json);
    json_key(&w->json, "role");
    json_text(&w->json, role);
    json_key(&w->json, "content");
    json_str(&w->json, content);
    return 0;
}

static int result_write(struct ollama_writer *w, const struct part *p)
{
    struct str content;
    int rc = words_of(w, p->content, STR_NONE, STR("\n"), &content);
    if (rc == 0 && p->failed && !str_starts(content, STR("Error")))
        rc = words_of(w, p->content, STR("Error: "), STR("\n"), &content);
    rc = rc ? rc : rest_check(w, p->content);
    rc = rc ? rc : message_begin(w, "tool", content);
    rc = rc ? rc : images_write(w, p->content);
    if (rc)
        return rc;
    struct str name = p->name.len ? p->name : name_of_call(w, p->id);
    if (name.len) {
        json_key(&w->json, "tool_name");
        json_str(&w->json, name);
    }
    if (p->id.len) {
        json_key(&w->json, "tool_call_id");
        json_str(&w->json, p->id);
    }
    json_object_end(&w->json);
    return 0;
}

/* --- messages ------------------------------------------------------------------------------------------------------------ */

/* Thinking of the past goes back: models that want it see it, templates of others leave it out. */
static int thinking_write(struct ollama_writer *w, const struct part *list)
{
    size_t bytes = 0;
    for (const struct part *p = list; p; p = p->next)
        bytes += p->kind == PART_REASONING ? p->text.len : 0;
    if (bytes == 0)
        return 0;
    AUTO_BUF struct buf text = BUF_INIT(bytes);
    int rc = 0;
    for (const struct part *p = list; p && rc == 0; p = p->next)
        rc = p->kind == PART_REASONING ? buf_append(&text, p->text) : 0;
    if (rc)
        return write_no_memory(w);
    json_key(&w->json, "thinking");
    json_str(&w->json, buf_str(&text));
    return 0;
}

static const char *role_name(enum chat_role role)
{
    return role == ROLE_ASSISTANT ? "assistant" : role == ROLE_USER ? "user" : "system";
}

/* Results stand before what else the user says: right behind the calls that they answer. */
static int message_write(struct ollama_writer *w, const struct message *m)
{
    bool others = !m->part;
    int rc = rest_check(w, m->part);
    for (const struct part *p = m->part; p && rc == 0; p = p->next) {
        others |= p->kind != PART_RESULT;
        rc = p->kind == PART_RESULT ? result_write(w, p) : 0;
    }
    if (rc || !others)
        return rc;
    struct str content;
    if (m->name.len)
        (void)ollama_cannot(w, "name"); /* lost */
    rc = words_of(w, m->part, STR_NONE, m->role == ROLE_ASSISTANT ? STR("") : STR("\n"), &content);
    rc = rc ? rc : message_begin(w, role_name(m->role), content);
    rc = rc ? rc : thinking_write(w, m->part);
    rc = rc ? rc : images_write(w, m->part);
    rc = rc ? rc : calls_write(w, m->part);
    json_object_end(&w->json);
    return rc;
}

int ollama_messages_write(struct ollama_writer *w)
{
    int rc = 0;
    json_key(&w->json, "messages");
    json_array_begin(&w->json);
    for (const struct message *m = w->chat->message; m && rc == 0; m = m->next)
        rc = message_write(w, m);
    json_array_end(&w->json);
    if (rc == 0 && w->chat->suffix.len)
        rc = ollama_cannot(w, "suffix");
    return rc == 0 && w->chat->raw_prompt ? ollama_cannot(w, "raw") : rc;
}

/* /api/generate: what the system says, and one prompt. */
int ollama_prompt_write(struct ollama_writer *w)
{
    const struct message *m = w->chat->message;
    struct str text = STR_NONE;
    int rc = 0;
    if (m && (m->role == ROLE_SYSTEM || m->role == ROLE_DEVELOPER)) {
        rc = rest_check(w, m->part);
        rc = rc ? rc : words_of(w, m->part, STR_NONE, STR("\n"), &text);
        m = m->next;
    }
    if (text.len) {
        json_key(&w->json, "system");
        json_str(&w->json, text);
    }
    bool one = !m || (m->role == ROLE_USER && !m->next);
    for (const struct part *p = m ? m->part : NULL; p && one; p = p->next)
        one = p->kind != PART_RESULT;
    if (rc == 0 && !one)
        rc = ollama_cannot(w, "messages");
    const struct part *part = m ? m->part : NULL;
    rc = rc ? rc : rest_check(w, part);
    rc = rc ? rc : words_of(w, part, STR_NONE, STR("\n"), &text);
    if (rc)
        return rc;
    json_key(&w->json, "prompt");
    json_str(&w->json, part ? text : STR(""));
    rc = images_write(w, part);
    if (w->chat->suffix.len) {
        json_key(&w->json, "suffix");
        json_str(&w->json, w->chat->suffix);
    }
    if (w->chat->raw_prompt) {
        json_key(&w->json, "raw");
        json_bool(&w->json, true);
    }
    return rc;
}
