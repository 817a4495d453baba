/* call_text.c: what of a request becomes tokens, and what its content asks of a model: the walk through messages,
 * tools, prompt and input. Hot path: string text is scanned once and handed to the estimate as it stands. */
#include "wire/call_priv.h"

static void text_count(struct call_reader *r, struct str text, bool escaped)
{
    r->call->text_bytes += (int64_t)text.len;
    r->call->tokens_estimated += tokens_estimate(text, escaped);
}

void call_raw_count(struct call_reader *r)
{
    struct str raw;

    if (json_skip(&r->scan, &raw))
        text_count(r, raw, false);
}

/* A string is text, null is nothing; sloppy clients send arguments as an object, which is counted as it stands. */
static void text_read(struct call_reader *r)
{
    struct str raw;

    switch (json_peek(&r->scan)) {
    case JSON_STRING:
        if (json_string(&r->scan, &raw))
            text_count(r, raw, true);
        break;
    case JSON_OBJECT: call_raw_count(r); break;
    default: json_skip(&r->scan, NULL);
    }
}

/* Length of the longest string in the value: the base64 data of a file or a sound, which is not text. */
static int64_t data_bytes(struct call_reader *r)
{
    struct str raw, key;
    size_t longest = 0;

    if (json_peek(&r->scan) != JSON_OBJECT) {
        json_skip(&r->scan, NULL);
        return 0;
    }
    json_enter(&r->scan);
    while (json_member(&r->scan, &key)) {
        if (json_skip(&r->scan, &raw) && raw.len > longest)
            longest = raw.len;
    }
    return (int64_t)longest;
}

enum content_kind { CONTENT_OTHER, CONTENT_IMAGE, CONTENT_AUDIO };

static enum content_kind part_type_read(struct call_reader *r)
{
    struct str type;

    if (json_peek(&r->scan) != JSON_STRING) {
        json_skip(&r->scan, NULL);
        return CONTENT_OTHER;
    }
    if (!json_string(&r->scan, &type))
        return CONTENT_OTHER;
    if (json_key_is(type, STR("image_url")) || json_key_is(type, STR("image")) || json_key_is(type, STR("input_image")))
        return CONTENT_IMAGE;
    return json_key_is(type, STR("input_audio")) ? CONTENT_AUDIO : CONTENT_OTHER;
}

/* A part is recognised by its type or by the member that only that type has, whichever is there. */
static void part_read(struct call_reader *r)
{
    struct call *c = r->call;
    struct str key;
    bool image = false, audio = false;

    json_enter(&r->scan);
    while (json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("type"))) {
            enum content_kind kind = part_type_read(r);
            image |= kind == CONTENT_IMAGE;
            audio |= kind == CONTENT_AUDIO;
        } else if (json_key_is(key, STR("text")) || json_key_is(key, STR("refusal"))) {
            text_read(r);
        } else if (json_key_is(key, STR("image_url"))) {
            image = true;
            json_skip(&r->scan, NULL);
        } else if (json_key_is(key, STR("input_audio"))) {
            audio = true;
            c->tokens_estimated += data_bytes(r) / AUDIO_BYTES_PER_TOKEN;
        } else if (json_key_is(key, STR("file"))) {
            c->needs |= NEED_PDF;
            c->tokens_estimated += (1 + data_bytes(r) / PAGE_BYTES) * IMAGE_TOKENS;
        } else {
            json_skip(&r->scan, NULL);
        }
    }
    if (image) {
        c->needs |= NEED_VISION;
        c->tokens_estimated += IMAGE_TOKENS;
    }
    if (audio)
        c->needs |= NEED_AUDIO;
}

static void content_read(struct call_reader *r)
{
    if (json_peek(&r->scan) != JSON_ARRAY) {
        text_read(r);
        return;
    }
    json_enter(&r->scan);
    while (json_element(&r->scan)) {
        if (json_peek(&r->scan) == JSON_OBJECT)
            part_read(r);
        else
            text_read(r);
    }
}

/* Into an array or object; a value of another type is stepped over. */
static bool enter(struct call_reader *r, enum json_type type)
{
    if (json_peek(&r->scan) == type)
        return json_enter(&r->scan);
    json_skip(&r->scan, NULL);
    return false;
}

/* The function (or custom tool) that an assistant turn called. */
static void function_read(struct call_reader *r)
{
    struct str key;

    if (!enter(r, JSON_OBJECT))
        return;
    while (json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("name")) || json_key_is(key, STR("arguments")) || json_key_is(key, STR("input")))
            text_read(r);
        else
            json_skip(&r->scan, NULL);
    }
}

static void tool_call_read(struct call_reader *r)
{
    struct str key;

    if (!enter(r, JSON_OBJECT))
        return;
    while (json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("function")) || json_key_is(key, STR("custom")))
            function_read(r);
        else
            json_skip(&r->scan, NULL);
    }
}

static void tool_calls_read(struct call_reader *r)
{
    if (!enter(r, JSON_ARRAY))
        return;
    while (json_element(&r->scan))
        tool_call_read(r);
}

/* Whether the message is a user's; of the other members of a message nothing is asked that early. */
static bool is_user_read(struct call_reader *r)
{
    struct str role;

    if (json_peek(&r->scan) != JSON_STRING) {
        json_skip(&r->scan, NULL);
        return false;
    }
    return json_string(&r->scan, &role) && json_key_is(role, STR("user"));
}

/* True when it is a user's and `looking` for that. */
static bool message_read(struct call_reader *r, bool looking)
{
    struct str key;
    bool user = false;

    json_enter(&r->scan);
    while (json_member(&r->scan, &key)) {
        if (looking && json_key_is(key, STR("role")))
            user = is_user_read(r);
        else if (json_key_is(key, STR("content")))
            content_read(r);
        else if (json_key_is(key, STR("tool_calls")))
            tool_calls_read(r);
        else if (json_key_is(key, STR("function_call")))
            function_read(r);
        else if (json_key_is(key, STR("reasoning_content")) || json_key_is(key, STR("reasoning")) ||
                 json_key_is(key, STR("refusal")) || json_key_is(key, STR("name")))
            text_read(r);
        else
            json_skip(&r->scan, NULL);
    }
    r->call->tokens_estimated += MESSAGE_TOKENS;
    return user;
}

int call_messages_read(struct call_reader *r)
{
    if (json_peek(&r->scan) != JSON_ARRAY)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "messages must be an array");
    json_enter(&r->scan);
    size_t begin = json_offset(&r->scan);
    for (int i = 0; json_element(&r->scan); i++) {
        enum json_type type = json_peek(&r->scan);
        if (type == JSON_BAD)
            return 0;
        if (type != JSON_OBJECT)
            return err_set(r->err, ERR_INVALID, "messages[%d] must be an object", i);
        if (message_read(r, r->call->lead.len == 0))
            r->call->lead = str_slice(r->call->body, begin, json_offset(&r->scan));
    }
    r->call->tokens_estimated += ANSWER_HEADER_TOKENS;
    return 0;
}

/* A token id: it is a token, and its digits are the bytes it took. */
static void token_read(struct call_reader *r)
{
    struct str raw;

    if (json_skip(&r->scan, &raw)) {
        r->call->text_bytes += (int64_t)raw.len;
        r->call->tokens_estimated++;
    }
}

static void prompt_element_read(struct call_reader *r)
{
    switch (json_peek(&r->scan)) {
    case JSON_NUMBER: token_read(r); break;
    case JSON_ARRAY:
        json_enter(&r->scan);
        while (json_element(&r->scan))
            token_read(r);
        break;
    default: text_read(r);
    }
}

int call_prompt_read(struct call_reader *r, const char *name)
{
    enum json_type type = json_peek(&r->scan);

    if (type == JSON_STRING) {
        text_read(r);
        return 0;
    }
    if (type != JSON_ARRAY)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "%s must be a string or an array", name);
    json_enter(&r->scan);
    int64_t prompts = 0; /* texts, or lists of tokens; bare tokens are together one */
    while (json_element(&r->scan)) {
        enum json_type element = json_peek(&r->scan);
        prompts += element == JSON_STRING || element == JSON_ARRAY;
        prompt_element_read(r);
    }
    r->call->prompts = prompts ? prompts : 1;
    return 0;
}

int call_query_read(struct call_reader *r)
{
    if (json_peek(&r->scan) != JSON_STRING)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "query must be a string");
    text_read(r);
    return 0;
}

/* Whoever scores a document reads it beside the query, once for each. */
int call_documents_read(struct call_reader *r, const char *name)
{
    int64_t count = 0;

    if (json_peek(&r->scan) != JSON_ARRAY)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "%s must be an array", name);
    json_enter(&r->scan);
    for (; json_element(&r->scan); count++)
        text_read(r);
    if (count == 0 && !r->scan.problem)
        return err_set(r->err, ERR_INVALID, "%s is empty", name);
    return 0;
}

int call_tools_read(struct call_reader *r, const char *name)
{
    enum json_type type = json_peek(&r->scan);

    if (type == JSON_NULL) {
        json_skip(&r->scan, NULL);
        return 0;
    }
    if (type != JSON_ARRAY)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "%s must be an array", name);
    size_t begin = json_offset(&r->scan);
    json_enter(&r->scan);
    while (json_element(&r->scan)) {
        r->call->needs |= NEED_TOOLS;
        call_raw_count(r);
    }
    if (r->call->body.ptr == r->scan.start) /* else they are a job's default */
        r->call->tools = str_slice(r->call->body, begin, json_offset(&r->scan));
    return 0;
}
