/* call.c: the facts of one request, from one pass over its body (hot path).
 *
 * The members that we act on must be unambiguous: were `model` there twice, we would allow one and the upstream might
 * run the other. So each of ours is refused when it is given again, however its name is spelled. What we do not know
 * is checked as JSON and otherwise left alone. */
#include "wire/call_priv.h"
#include <assert.h>

enum {
    CHOICES_MAX = 128,     /* what OpenAI allows for `n` */
    MODEL_BYTES_MAX = 256, /* longer than any name that exists; it goes into headers and the journal */
};
#define TOKENS_MAX ((int64_t)1 << 40) /* no model goes anywhere near; keeps sums and products of tokens in range */

#define BIT(name) (UINT64_C(1) << CALL_MEMBER_##name)
static const uint64_t members_ours = BIT(model) | BIT(messages) | BIT(stream) | BIT(stream_options) | BIT(max_tokens) |
                             BIT(max_completion_tokens) | BIT(n) | BIT(tools) | BIT(functions) | BIT(response_format) |
                             BIT(prompt) | BIT(input) | BIT(best_of) | BIT(hearth);

const struct str call_member_names[CALL_MEMBER_COUNT] = {
#define X(name) STR(#name),
    CALL_MEMBERS(X)
#undef X
};

static int escaped_member_find(struct str key_raw)
{
    for (int i = 0; i < CALL_MEMBER_COUNT; i++) {
        if (json_key_is(key_raw, call_member_names[i]))
            return i;
    }
    return CALL_MEMBER_NONE;
}

int call_member_find(struct str key_raw)
{
    int i = 0;

    while (i < CALL_MEMBER_COUNT && call_member_names[i].len < key_raw.len)
        i++;
    for (; i < CALL_MEMBER_COUNT && call_member_names[i].len == key_raw.len; i++) {
        if (memcmp(call_member_names[i].ptr, key_raw.ptr, key_raw.len) == 0)
            return i;
    }
    return key_raw.len > 0 && memchr(key_raw.ptr, '\\', key_raw.len) ? escaped_member_find(key_raw) : CALL_MEMBER_NONE;
}

bool call_name_is_plain(struct str name)
{
    for (size_t i = 0; i < name.len; i++) { /* names end up in headers and logs */
        const unsigned char *p = (const unsigned char *)name.ptr + i;
        bool high = p[0] == 0xC2 && i + 1 < name.len && p[1] < 0xA0; /* U+0080 to U+009F: some terminals obey them */
        if (p[0] < 0x20 || p[0] == 0x7F || high)
            return false;
    }
    return true;
}

int call_model_read(struct call_reader *r)
{
    struct call *c = r->call;
    struct str raw;

    if (json_peek(&r->scan) != JSON_STRING)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "model must be a string");
    c->model_offset = json_offset(&r->scan);
    if (!json_string(&r->scan, &raw))
        return 0;
    c->model_len = json_offset(&r->scan) - c->model_offset;
    c->model = json_unescape_arena(raw, r->arena);
    if (!c->model.ptr)
        return err_set(r->err, ERR_NOMEM, "out of memory while reading the model's name");
    if (c->model.len == 0)
        return err_set(r->err, ERR_INVALID, "model is empty");
    if (c->model.len > MODEL_BYTES_MAX)
        return err_set(r->err, ERR_INVALID, "model is longer than %d bytes", MODEL_BYTES_MAX);
    return call_name_is_plain(c->model) ? 0 : err_set(r->err, ERR_INVALID, "model holds a control character");
}

/* true, false, or null for "not given". */
static int flag_read(struct call_reader *r, const char *name, bool *out)
{
    enum json_type type = json_peek(&r->scan);

    if (type != JSON_TRUE && type != JSON_FALSE && type != JSON_NULL)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "%s must be true or false", name);
    *out = type == JSON_TRUE;
    json_skip(&r->scan, NULL);
    return 0;
}

/* A whole number, or null, which leaves *out alone. */
static int number_read(struct call_reader *r, const char *name, int64_t *out)
{
    enum json_type type = json_peek(&r->scan);
    struct str raw;
    int64_t n;

    if (!json_skip(&r->scan, &raw) || type == JSON_NULL)
        return 0;
    if (type != JSON_NUMBER || !json_to_i64(raw, &n) || n > TOKENS_MAX)
        return err_set(r->err, ERR_INVALID, "%s must be a whole number", name);
    *out = n;
    return 0;
}

/* Local servers' clients send -1 for "as many as fit": no limit given. */
static int max_tokens_read(struct call_reader *r, const char *name)
{
    int64_t n = -1;
    int rc = number_read(r, name, &n);

    if (rc == 0 && n > r->call->max_tokens)
        r->call->max_tokens = n;
    return rc;
}

static int choices_read(struct call_reader *r, const char *name, int64_t *out)
{
    int rc = number_read(r, name, out);

    if (rc == 0 && (*out < 1 || *out > CHOICES_MAX))
        return err_set(r->err, ERR_INVALID, "%s must be 1 to %d", name, CHOICES_MAX);
    return rc;
}

static int include_usage_read(struct call_reader *r)
{
    struct call *c = r->call;

    if (c->include_usage_len > 0)
        return err_set(r->err, ERR_INVALID, "stream_options.include_usage is given twice");
    (void)json_peek(&r->scan);
    c->include_usage_offset = json_offset(&r->scan);
    int rc = flag_read(r, "stream_options.include_usage", &c->wants_usage);
    c->include_usage_len = json_offset(&r->scan) - c->include_usage_offset;
    return rc;
}

static int stream_options_read(struct call_reader *r)
{
    struct call *c = r->call;
    enum json_type type = json_peek(&r->scan);
    struct str key;
    int rc = 0;

    c->stream_options_offset = json_offset(&r->scan);
    if (type == JSON_NULL) { /* the length stays 0 */
        json_skip(&r->scan, NULL);
        return 0;
    }
    if (type != JSON_OBJECT)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "stream_options must be an object");
    json_enter(&r->scan);
    while (rc == 0 && json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("include_usage")))
            rc = include_usage_read(r);
        else
            json_skip(&r->scan, NULL);
    }
    c->stream_options_len = json_offset(&r->scan) - c->stream_options_offset;
    return rc;
}

static void format_type_read(struct call_reader *r)
{
    struct call *c = r->call;
    struct str type;

    if (json_peek(&r->scan) != JSON_STRING) {
        json_skip(&r->scan, NULL);
        return;
    }
    if (!json_string(&r->scan, &type))
        return;
    c->format = json_key_is(type, STR("json_object"))   ? FORMAT_JSON_OBJECT
                : json_key_is(type, STR("json_schema")) ? FORMAT_JSON_SCHEMA
                                                        : FORMAT_TEXT;
}

static int response_format_read(struct call_reader *r)
{
    enum json_type type = json_peek(&r->scan);
    struct str key;

    if (type == JSON_NULL) {
        json_skip(&r->scan, NULL);
        return 0;
    }
    if (type != JSON_OBJECT)
        return r->scan.problem ? 0 : err_set(r->err, ERR_INVALID, "response_format must be an object");
    json_enter(&r->scan);
    while (json_member(&r->scan, &key)) {
        if (json_key_is(key, STR("type")))
            format_type_read(r);
        else
            call_raw_count(r); /* a schema becomes part of the prompt */
    }
    if (r->call->format != FORMAT_TEXT)
        r->call->needs |= NEED_JSON;
    return 0;
}

/* The text that this operation is about, from the member it expects it in; the others' names mean nothing here. */
static int text_read(struct call_reader *r, int member)
{
    enum wire_op op = r->call->op;

    if (op == WIRE_CHAT && member == CALL_MEMBER_messages)
        return call_messages_read(r);
    bool prompts = op == WIRE_COMPLETIONS || op == WIRE_GENERATE || op == WIRE_EMBED_ONE;
    if ((prompts && member == CALL_MEMBER_prompt) || (op == WIRE_EMBEDDINGS && member == CALL_MEMBER_input))
        return call_prompt_read(r, call_member_names[member].ptr);
    if (op == WIRE_RERANK && member == CALL_MEMBER_query)
        return call_query_read(r);
    if (op == WIRE_RERANK && (member == CALL_MEMBER_documents || member == CALL_MEMBER_texts))
        return call_documents_read(r, call_member_names[member].ptr);
    json_skip(&r->scan, NULL);
    return 0;
}

/* Some servers (those written in Go) take member names in any case, and the last one wins: `Model` behind `model` would
 * run another model than the one we looked at. Letters of theirs that fold to ASCII count too: U+017F is an s, U+212A a k.
 * Returns the name of ours that a key could pass for, or NULL. */
static const char *disguise_of(struct str key_raw)
{
    enum { KEY_BYTES_MAX = 64 }; /* the longest of ours, all in two-byte letters, is shorter */
    AUTO_BUF struct buf key = BUF_INIT(KEY_BYTES_MAX), folded = BUF_INIT(KEY_BYTES_MAX);

    if (key_raw.len > 6 * KEY_BYTES_MAX || json_unescape(key_raw, &key) < 0)
        return NULL;
    for (size_t i = 0; i < key.len; i++) {
        struct str rest = str_skip(buf_str(&key), i);
        char c = *rest.ptr;
        if (str_starts(rest, STR("\xc5\xbf"))) {
            c = 's';
            i += 1;
        } else if (str_starts(rest, STR("\xe2\x84\xaa"))) {
            c = 'k';
            i += 2;
        }
        (void)buf_append_char(&folded, c); /* shorter than key, which fits */
    }
    for (int i = 0; i < CALL_MEMBER_COUNT; i++) {
        if (members_ours >> i & 1 && str_eq_fold(buf_str(&folded), call_member_names[i]))
            return call_member_names[i].ptr;
    }
    return NULL;
}

static int member_read(struct call_reader *r, int member)
{
    struct call *c = r->call;
    const char *name = call_member_names[member].ptr;

    switch (member) {
    case CALL_MEMBER_model: return call_model_read(r);
    case CALL_MEMBER_stream: return flag_read(r, name, &c->stream);
    case CALL_MEMBER_stream_options: return stream_options_read(r);
    case CALL_MEMBER_max_tokens:
    case CALL_MEMBER_max_completion_tokens: return max_tokens_read(r, name);
    case CALL_MEMBER_n: return choices_read(r, name, &c->choices);
    case CALL_MEMBER_best_of: return choices_read(r, name, &c->best_of);
    case CALL_MEMBER_tools:
    case CALL_MEMBER_functions: return call_tools_read(r, name);
    case CALL_MEMBER_response_format: return response_format_read(r);
    case CALL_MEMBER_messages:
    case CALL_MEMBER_prompt:
    case CALL_MEMBER_input:
    case CALL_MEMBER_query:
    case CALL_MEMBER_documents:
    case CALL_MEMBER_texts: return text_read(r, member);
    default: json_skip(&r->scan, NULL); return 0;
    }
}

/* One that may be read, or is nothing of ours and skipped (*member is CALL_MEMBER_NONE then). */
static int member_begin(struct call_reader *r, struct str key_raw, int *member)
{
    struct call *c = r->call;

    *member = call_member_find(key_raw);
    if (*member == CALL_MEMBER_NONE) {
        const char *name = disguise_of(key_raw);
        if (name)
            return err_set(r->err, ERR_INVALID, "a member is spelled almost like %s; write it exactly so", name);
        json_skip(&r->scan, NULL);
        return 0;
    }
    uint64_t bit = UINT64_C(1) << *member, of_rerank = c->op == WIRE_RERANK ? BIT(query) | BIT(documents) | BIT(texts) : 0;
    if (c->members & bit & (members_ours | of_rerank))
        return err_set(r->err, ERR_INVALID, "%s is given twice", call_member_names[*member].ptr);
    c->members |= bit;
    return 0;
}

int call_members_read(struct call *c, enum wire_op op, struct str body, struct arena *a, call_member_fn *fn, struct err *e)
{
    struct call_reader r = {.call = c, .arena = a, .err = e};
    struct str key;

    *c = (struct call){.op = op, .body = body, .max_tokens = -1, .choices = 1, .prompts = 1};
    json_scan_init(&r.scan, body);
    if (json_peek(&r.scan) != JSON_OBJECT)
        return r.scan.problem ? json_finish(&r.scan, e) : err_set(e, ERR_INVALID, "the body must be a JSON object");
    json_enter(&r.scan);
    c->insert_offset = json_offset(&r.scan);
    size_t begin = c->insert_offset;
    while (json_member(&r.scan, &key)) {
        int member, rc = member_begin(&r, key, &member);
        if (rc == 0 && member != CALL_MEMBER_NONE)
            rc = member == CALL_MEMBER_hearth ? call_hearth_read(&r, begin) : fn(&r, member);
        if (rc < 0)
            return rc;
        begin = json_offset(&r.scan);
    }
    return json_finish(&r.scan, e);
}

static int required_check(const struct call *c, struct err *e)
{
    static const int text[] = {[WIRE_CHAT] = CALL_MEMBER_messages,
                               [WIRE_COMPLETIONS] = CALL_MEMBER_prompt,
                               [WIRE_EMBEDDINGS] = CALL_MEMBER_input,
                               [WIRE_RERANK] = CALL_MEMBER_query}; /* the others are of other dialects */

    if (!(c->members & BIT(model)))
        return err_set(e, ERR_INVALID, "model is missing");
    if (!(c->members >> text[c->op] & 1))
        return err_set(e, ERR_INVALID, "%s is missing", call_member_names[text[c->op]].ptr);
    if (c->op == WIRE_RERANK && !(c->members & (BIT(documents) | BIT(texts))))
        return err_set(e, ERR_INVALID, "documents is missing");
    return 0;
}

int call_read(struct call *c, enum wire_op op, struct str body, struct arena *a, struct err *e)
{
    int rc = call_members_read(c, op, body, a, member_read, e);

    if (wire_op_embeds(op) || op == WIRE_RERANK)
        c->stream = false; /* vectors and scores come whole, whatever was asked */
    return rc < 0 ? rc : required_check(c, e);
}

bool call_has_member(const struct call *c, struct str name)
{
    struct json_scan s;
    struct str key;

    for (int i = 0; i < CALL_MEMBER_COUNT; i++) {
        if (str_eq(call_member_names[i], name))
            return c->members >> i & 1;
    }
    json_scan_init(&s, c->body);
    bool entered = json_enter(&s);
    assert(entered); /* call_read saw to it */
    while (json_member(&s, &key)) {
        if (json_key_is(key, name))
            return true;
        json_skip(&s, NULL);
    }
    return false;
}

void call_heed_default(struct call *c, struct str name, struct str value)
{
    struct call_reader r = {.call = c};

    if (call_has_member(c, name) || !call_takes_default(c, name))
        return;
    json_scan_init(&r.scan, value);
    switch (call_member_find(name)) {
    case CALL_MEMBER_n: (void)choices_read(&r, "n", &c->choices); break;
    case CALL_MEMBER_best_of: (void)choices_read(&r, "best_of", &c->best_of); break;
    case CALL_MEMBER_tools: (void)call_tools_read(&r, "tools"); break;
    case CALL_MEMBER_response_format: (void)response_format_read(&r); break;
    default: break;
    }
}
