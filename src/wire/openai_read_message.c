/* openai_read_message.c: the messages of a request in OpenAI's dialect, with what vendors and old clients put into them.
 *
 *   system, developer, user   ->  a message of that role
 *   assistant                 ->  REASONING, HIDDEN; TEXT, REFUSAL; CALL
 *   tool, function            ->  RESULT, a run of them in one message of the user */
#include "wire/openai_priv.h"

static int no_memory(struct openai_reader *r)
{
    return openai_out_of_memory(r->err);
}

/* `what` begins with the dot of a member, or with a blank. */
static int bad(struct openai_reader *r, const char *what)
{
    if (!r->list)
        return err_set(r->err, ERR_INVALID, "messages.%zu%s", r->message, what);
    return err_set(r->err, ERR_INVALID, "messages.%zu.%s.%zu%s", r->message, r->list, r->item, what);
}

static bool is_absent(const struct json_node *n)
{
    return !n || n->type == JSON_NULL;
}

/* Parts are added behind the last one; walking to it each time would make a long list cost its square. */
struct tail {
    struct part **at;
    const struct part *last; /* NULL: none yet */
};

static struct part *part_add(struct openai_reader *r, struct tail *t, enum part_kind kind)
{
    struct part *p = chat_part_add(r->chat, t->at, kind);
    if (p) {
        t->at = &p->next;
        t->last = p;
    }
    return p;
}

static int text_add(struct openai_reader *r, struct tail *t, enum part_kind kind, struct str text)
{
    if (text.len == 0)
        return 0;
    struct part *p = part_add(r, t, kind);
    if (!p)
        return no_memory(r);
    p->text = text;
    return 0;
}

/* --- parts of a content list --------------------------------------------------------------------------------------- */

static void source_fill(struct part *p, struct str url)
{
    p->source = SOURCE_URL;
    p->data = url;
    if (!data_url_read(url, &p->media_type, &p->data))
        return;
    p->source = SOURCE_BASE64;
    if (p->media_type.len == 0)
        p->media_type = media_type_sniff(p->data);
}

static int text_part(struct openai_reader *r, struct tail *t, const struct json_node *n, const char *member, enum part_kind kind)
{
    const struct json_node *text = json_get(n, member), *cache = json_get(n, "cache_control");

    if (!text || text->type != JSON_STRING)
        return kind == PART_REFUSAL ? bad(r, ".refusal must be a string") : bad(r, ".text must be a string");
    if (text->text.len == 0)
        return 0;
    struct part *p = part_add(r, t, kind);
    if (!p)
        return no_memory(r);
    p->text = text->text;
    if (cache && cache->type == JSON_OBJECT)
        p->cache = cache->text;
    return 0;
}

static int image_part(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    const struct json_node *image = json_get(n, "image_url"), *cache = json_get(n, "cache_control");
    struct str url = image && image->type == JSON_STRING ? image->text : openai_text(image, "url");

    if (url.len == 0)
        return bad(r, ".image_url.url must be a string");
    struct part *p = part_add(r, t, PART_IMAGE);
    if (!p)
        return no_memory(r);
    source_fill(p, url);
    p->detail = json_get_text(image, "detail");
    if (!p->detail.ptr)
        p->detail = json_get_text(n, "detail");
    if (cache && cache->type == JSON_OBJECT)
        p->cache = cache->text;
    return 0;
}

/* {data, format: wav | mp3 | …} */
static int audio_part(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    const struct json_node *audio = json_get(n, "input_audio");
    struct str data = openai_text(audio, "data"), format = openai_text(audio, "format"), type;

    if (data.len == 0)
        return bad(r, ".input_audio.data must be a string");
    struct part *p = part_add(r, t, PART_AUDIO);
    if (!p)
        return no_memory(r);
    p->source = SOURCE_BASE64;
    p->data = data;
    if (data_url_read(data, &type, &p->data) || format.len == 0)
        p->media_type = str_starts(data, STR("data:")) ? type : STR_NONE;
    if (format.len) {
        const char *made = str_eq(format, STR("mp3")) ? "audio/mpeg" : arena_format(r->chat->arena, "audio/%.*s", STR_FMT(format));
        if (!made)
            return no_memory(r);
        p->media_type = str_from(made);
    }
    return 0;
}

static int file_part(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    const struct json_node *file = json_get(n, "file");
    struct str data = openai_text(file, "file_data"), id = openai_text(file, "file_id");

    if (data.len == 0 && id.len == 0)
        return bad(r, ".file must hold file_data or file_id");
    struct part *p = part_add(r, t, PART_FILE);
    if (!p)
        return no_memory(r);
    p->title = json_get_text(file, "filename");
    p->source = SOURCE_ID;
    p->data = id;
    if (data.len == 0)
        return 0;
    source_fill(p, data);
    bool is_url = str_starts_fold(data, STR("http://")) || str_starts_fold(data, STR("https://"));
    if (p->source == SOURCE_URL && !is_url) { /* bare base64 */
        p->source = SOURCE_BASE64;
        p->media_type = media_type_sniff(data);
    }
    return 0;
}

/* Mistral's: {type: "thinking", thinking: [{type: "text", text}]}. */
static int thinking_part(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    const struct json_node *thinking = json_get(n, "thinking");

    if (thinking && thinking->type == JSON_STRING)
        return text_add(r, t, PART_REASONING, thinking->text);
    int rc = 0;
    for (const struct json_node *m = thinking && thinking->type == JSON_ARRAY ? thinking->child : NULL; m && rc == 0; m = m->next)
        rc = text_add(r, t, PART_REASONING, json_get_text(m, "text"));
    return rc;
}

static int opaque_add(struct openai_reader *r, struct tail *t, struct str name, const struct json_node *n)
{
    struct part *p = part_add(r, t, PART_OPAQUE);
    if (!p)
        return no_memory(r);
    p->name = name;
    p->raw = n->text;
    return 0;
}

/* What no other dialect hears of: lost by name. */
static int odd_check(struct openai_reader *r, const char *list, const struct json_node *object, const char *const *known)
{
    return chat_odd_members(r->chat, list, object, known, false) ? 0 : no_memory(r);
}

static int known_part_read(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    if (n->type == JSON_STRING)
        return text_add(r, t, PART_TEXT, n->text);
    if (n->type != JSON_OBJECT)
        return bad(r, " must be an object");
    struct str type = json_get_text(n, "type");
    if (!type.ptr)
        return bad(r, ".type must be a string");
    if (str_eq(type, STR("text")) || str_eq(type, STR("input_text")) || str_eq(type, STR("output_text")))
        return text_part(r, t, n, "text", PART_TEXT);
    if (str_eq(type, STR("image_url")) || str_eq(type, STR("input_image")))
        return image_part(r, t, n);
    if (str_eq(type, STR("input_audio")))
        return audio_part(r, t, n);
    if (str_eq(type, STR("file")))
        return file_part(r, t, n);
    if (str_eq(type, STR("refusal")))
        return text_part(r, t, n, "refusal", PART_REFUSAL);
    if (str_eq(type, STR("thinking")))
        return thinking_part(r, t, n);
    return opaque_add(r, t, type, n);
}

static int part_read(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    static const char *const known[] = {"type",   "text",     "image_url",   "detail",      "input_audio", "file",
                                        "refusal", "thinking", "cache_control", "annotations", NULL};
    int rc = known_part_read(r, t, n);
    bool whole = t->last && t->last->kind == PART_OPAQUE; /* listed as such */
    return rc || whole || n->type != JSON_OBJECT ? rc : odd_check(r, "content", n, known);
}

/* `may_lack`: null and no content at all are fine. */
static int content_read(struct openai_reader *r, struct tail *t, const struct json_node *message, bool may_lack)
{
    const struct json_node *content = json_get(message, "content");

    if (is_absent(content))
        return may_lack ? 0 : bad(r, ".content must be a string or a list of parts");
    if (content->type == JSON_STRING)
        return text_add(r, t, PART_TEXT, content->text);
    if (content->type != JSON_ARRAY)
        return bad(r, ".content must be a string or a list of parts");
    int rc = 0;
    r->list = "content";
    r->item = 0;
    for (const struct json_node *n = content->child; n && rc == 0; n = n->next, r->item++)
        rc = part_read(r, t, n);
    r->list = NULL;
    return rc;
}

/* --- what an assistant thought ------------------------------------------------------------------------------------- */

enum openai_seal openai_seal_of(struct str format)
{
    if (str_eq(format, STR("hearth-responses-v1")))
        return SEAL_RESPONSES;
    return format.len == 0 || str_starts(format, STR("anthropic")) ? SEAL_ANTHROPIC : SEAL_FOREIGN;
}

static struct str detail_text(const struct json_node *d)
{
    struct str text = openai_text(d, "text");
    return text.len ? text : openai_text(d, "summary");
}

/* `plain`: the same thinking without its seal, for a detail that has a seal only; taken when used. */
static int detail_read(struct openai_reader *r, struct tail *t, const struct json_node *d, struct str *plain)
{
    struct str text = detail_text(d), seal = openai_text(d, "signature"), data = openai_text(d, "data");

    if (d->type != JSON_OBJECT)
        return bad(r, " must be an object");
    enum openai_seal by = openai_seal_of(json_get_text(d, "format"));
    struct str id = by == SEAL_RESPONSES ? json_get_text(d, "id") : STR_NONE; /* without one it is Anthropic's */
    if (data.len && (by == SEAL_FOREIGN || (by == SEAL_RESPONSES && !id.len)))
        return opaque_add(r, t, STR("reasoning_details"), d);
    if (text.len == 0 && data.len == 0) {
        text = *plain;
        *plain = STR_NONE;
    }
    struct part *p = part_add(r, t, data.len ? PART_HIDDEN : PART_REASONING);
    if (!p)
        return no_memory(r);
    p->text = data.len ? data : text;
    p->signature = data.len || by != SEAL_ANTHROPIC ? STR_NONE : seal;
    p->id = data.len ? id : STR_NONE;
    p->raw = text.ptr == detail_text(d).ptr ? d->text : STR_NONE; /* as it stood, unless its text stood elsewhere */
    return 0;
}

static int thought_read(struct openai_reader *r, struct tail *t, const struct json_node *message)
{
    const struct json_node *details = json_get(message, "reasoning_details");
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    struct str plain = STR_NONE;
    bool detailed = false, needs_plain = false;

    for (size_t i = 0; i < COUNT_OF(names) && !plain.len; i++)
        plain = openai_text(message, names[i]);
    if (!details || details->type != JSON_ARRAY)
        return text_add(r, t, PART_REASONING, plain);
    for (const struct json_node *d = details->child; d; d = d->next) {
        detailed |= detail_text(d).len > 0;
        needs_plain |= !detail_text(d).len && openai_text(d, "signature").len;
    }
    int rc = detailed || needs_plain ? 0 : text_add(r, t, PART_REASONING, plain);
    if (detailed)
        plain = STR_NONE; /* it says the same */
    r->list = "reasoning_details";
    r->item = 0;
    for (const struct json_node *d = details->child; d && rc == 0; d = d->next, r->item++)
        rc = detail_read(r, t, d, &plain);
    r->list = NULL;
    return rc;
}

/* --- calls and their results --------------------------------------------------------------------------------------- */

/* A string; sloppy servers, and clients that echo them, have the object itself. */
static struct str arguments_of(const struct json_node *n)
{
    return is_absent(n) ? STR_NONE : n->text;
}

static int call_fill(struct openai_reader *r, struct part *p, const struct json_node *n, const struct json_node *function)
{
    struct str name = openai_text(function, "name");
    const struct json_node *extra = json_get(n, "extra_content");

    if (name.len == 0)
        return bad(r, p->custom ? ".custom.name must be a string" : ".function.name must be a string");
    p->name = name;
    p->arguments = arguments_of(json_get(function, p->custom ? "input" : "arguments"));
    if (extra && extra->type == JSON_OBJECT)
        p->raw = extra->text;
    return 0;
}

static int tool_call_read(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    static const char *const known[] = {"id", "type", "index", "function", "custom", "extra_content", NULL};
    const struct json_node *custom = json_get(n, "custom"), *id = json_get(n, "id");

    if (n->type != JSON_OBJECT)
        return bad(r, " must be an object");
    if (!id || id->type != JSON_STRING)
        return bad(r, ".id must be a string");
    struct part *p = part_add(r, t, PART_CALL);
    if (!p)
        return no_memory(r);
    p->id = id->text;
    p->custom = custom && custom->type == JSON_OBJECT;
    if (p->custom)
        r->custom = r->chat->last_message;
    int rc = call_fill(r, p, n, p->custom ? custom : json_get(n, "function"));
    return rc ? rc : odd_check(r, "tool_calls", n, known);
}

/* The form of 2023: one call without an id; its result names the function. */
static int legacy_call_read(struct openai_reader *r, struct tail *t, const struct json_node *n)
{
    if (n->type != JSON_OBJECT || !openai_text(n, "name").len)
        return bad(r, ".function_call.name must be a string");
    struct part *p = part_add(r, t, PART_CALL);
    const char *id = arena_format(r->chat->arena, "call_function_%zu", r->message);
    if (!p || !id)
        return no_memory(r);
    p->id = r->legacy_id = str_from(id);
    return call_fill(r, p, n, n);
}

static int calls_read(struct openai_reader *r, struct tail *t, const struct json_node *message)
{
    const struct json_node *calls = json_get(message, "tool_calls"), *legacy = json_get(message, "function_call");
    int rc = 0;

    if (!is_absent(calls) && calls->type != JSON_ARRAY)
        return bad(r, ".tool_calls must be a list");
    r->list = "tool_calls";
    r->item = 0;
    for (const struct json_node *n = is_absent(calls) ? NULL : calls->child; n && rc == 0; n = n->next, r->item++)
        rc = tool_call_read(r, t, n);
    r->list = NULL;
    return rc == 0 && !is_absent(legacy) ? legacy_call_read(r, t, legacy) : rc;
}

static int assistant_read(struct openai_reader *r, struct tail *t, const struct json_node *message)
{
    const struct json_node *refusal = json_get(message, "refusal"), *audio = json_get(message, "audio");

    int rc = thought_read(r, t, message);
    if (rc == 0)
        rc = content_read(r, t, message, true);
    if (rc == 0 && refusal && refusal->type == JSON_STRING)
        rc = text_add(r, t, PART_REFUSAL, refusal->text);
    if (rc == 0 && audio && audio->type == JSON_OBJECT)
        rc = opaque_add(r, t, STR("audio"), audio);
    return rc ? rc : calls_read(r, t, message);
}

/* The result does not say it. */
static bool answers_custom(const struct openai_reader *r, struct str id)
{
    for (const struct part *p = r->custom ? r->custom->part : NULL; p; p = p->next)
        if (p->kind == PART_CALL && p->custom && str_eq(p->id, id))
            return true;
    return false;
}

static int result_read(struct openai_reader *r, struct tail *t, const struct json_node *message, bool legacy)
{
    const struct json_node *id = json_get(message, "tool_call_id");
    struct str name = openai_text(message, "name");

    if (!legacy && (!id || id->type != JSON_STRING))
        return bad(r, ".tool_call_id must be a string");
    if (legacy && !name.len)
        return bad(r, ".name must be a string");
    struct part *p = part_add(r, t, PART_RESULT);
    if (!p)
        return no_memory(r);
    p->id = legacy ? r->legacy_id : id->text;
    p->name = name;
    p->custom = answers_custom(r, p->id);
    struct tail inside = {.at = &p->content};
    return content_read(r, &inside, message, true);
}

/* --- messages ------------------------------------------------------------------------------------------------------ */

enum { ROLE_RESULT = ROLE_ASSISTANT + 1, ROLE_RESULT_LEGACY, ROLE_NONE };

static int role_of(const struct json_node *message)
{
    static const struct {
        const char *name;
        int role;
    } roles[] = {
        {"user", ROLE_USER},           {"assistant", ROLE_ASSISTANT}, {"tool", ROLE_RESULT},
        {"system", ROLE_SYSTEM},       {"developer", ROLE_DEVELOPER}, {"function", ROLE_RESULT_LEGACY},
    };
    struct str role = json_get_text(message, "role");
    for (size_t i = 0; i < COUNT_OF(roles); i++)
        if (str_eq(role, str_from(roles[i].name)))
            return roles[i].role;
    return ROLE_NONE;
}

/* `annotations` of an answer that a client hands back say where its words came from: nothing that is asked. */
static const char *const message_members[] = {"role",     "content",   "name",          "refusal",      "audio",
                                              "tool_calls", "function_call", "tool_call_id", "annotations", "reasoning_content",
                                              "reasoning", "thinking",  "reasoning_details", NULL};

int openai_messages_read(struct openai_reader *r, const struct json_node *n)
{
    struct tail tail = {.at = NULL};
    int rc = 0, before = ROLE_NONE;

    r->message = 0;
    for (const struct json_node *m = n->child; m && rc == 0; m = m->next, r->message++) {
        if (m->type != JSON_OBJECT)
            return bad(r, " must be an object");
        int role = role_of(m);
        if (role == ROLE_NONE)
            return bad(r, ".role must be system, developer, user, assistant or tool");
        bool result = role == ROLE_RESULT || role == ROLE_RESULT_LEGACY;
        bool run = result && (before == ROLE_RESULT || before == ROLE_RESULT_LEGACY);
        before = role;
        if (!run) {
            struct message *made = chat_message_add(r->chat, result ? ROLE_USER : (enum chat_role)role);
            if (!made)
                return no_memory(r);
            tail = (struct tail){.at = &made->part};
            made->name = result ? STR_NONE : json_get_text(m, "name");
        }
        rc = result                    ? result_read(r, &tail, m, role == ROLE_RESULT_LEGACY)
             : role == ROLE_ASSISTANT ? assistant_read(r, &tail, m)
                                       : content_read(r, &tail, m, false);
        if (rc == 0)
            rc = odd_check(r, "messages", m, message_members);
    }
    return rc;
}
