/* sim_request.c: reads requests leniently (whatever a client sends, the simulator wants to see it) and takes from their
 * bodies the few facts that a believable answer needs. */
#include "sim/sim_priv.h"

/* --- the head ----------------------------------------------------------------------------------------------------- */

size_t sim_head_end(struct str in)
{
    ptrdiff_t at = str_find(in, STR("\r\n\r\n"));
    if (at >= 0)
        return (size_t)at + 4;
    at = str_find(in, STR("\n\n"));
    return at < 0 ? 0 : (size_t)at + 2;
}

static void read_header(struct sim_head *h, struct str line)
{
    struct str rest = line, name;
    if (!str_cut(&rest, ':', &name))
        return;
    struct str value = str_trim(rest);
    uint64_t n;
    if (str_eq_fold(name, STR("content-length")) && str_to_u64(value, &n) && n <= SIM_BODY_MAX)
        h->length = (int64_t)n;
    else if (str_eq_fold(name, STR("transfer-encoding")) && str_contains_fold(value, STR("chunked")))
        h->length = -1;
    else if (str_eq_fold(name, STR("expect")))
        h->expect = true;
    else if (str_eq_fold(name, STR("connection")) && str_contains_fold(value, STR("close")))
        h->close = true;
}

bool sim_head_read(struct sim_head *h, struct str head)
{
    *h = (struct sim_head){0};
    struct str line, version;
    if (!str_cut(&head, '\n', &line))
        return false;
    line = str_trim(line);
    if (!str_cut(&line, ' ', &h->method) || !str_cut(&line, ' ', &h->target) || !str_cut(&line, ' ', &version) ||
        !str_starts(version, STR("HTTP/1.")))
        return false;
    h->close = str_eq(version, STR("HTTP/1.0"));
    ptrdiff_t query = str_find_char(h->target, '?');
    h->path = query < 0 ? h->target : str_slice(h->target, 0, (size_t)query);
    while (str_cut(&head, '\n', &line))
        read_header(h, line);
    return true;
}

/* --- which door --------------------------------------------------------------------------------------------------- */

static enum sim_endpoint below_base(struct str path)
{
    static const struct {
        const char *path;
        enum sim_endpoint ep;
    } doors[] = {{"/chat/completions", EP_CHAT},
                 {"/completions", EP_COMPLETIONS},
                 {"/embeddings", EP_EMBEDDINGS},
                 {"/rerank", EP_RERANK},
                 {"/audio/transcriptions", EP_TRANSCRIBE},
                 {"/audio/translations", EP_TRANSCRIBE},
                 {"/messages", EP_MESSAGES},
                 {"/messages/count_tokens", EP_COUNT_TOKENS},
                 {"/responses", EP_RESPONSES},
                 {"/models", EP_MODELS}};
    for (size_t i = 0; i < COUNT_OF(doors); i++)
        if (str_eq(path, str_from(doors[i].path)))
            return doors[i].ep;
    return str_starts(path, STR("/models/")) ? EP_MODEL : EP_UNKNOWN;
}

static enum sim_endpoint own_door(const struct sim_flavour *f, struct str path)
{
    if (str_eq(path, STR("/")))
        return EP_ROOT;
    if (str_eq(path, STR("/health")) || str_eq(path, STR("/healthz")))
        return EP_HEALTH;
    if (!(f->habits & HABIT_OLLAMA)) /* others are asked as well, to find out that they are none */
        return str_starts(path, STR("/api/")) && !str_starts(path, STR("/api/v1/")) ? EP_ROOT : EP_UNKNOWN;
    if (str_eq(path, STR("/api/tags")))
        return EP_TAGS;
    if (str_eq(path, STR("/api/version")))
        return EP_VERSION;
    if (str_eq(path, STR("/api/ps")))
        return EP_PS;
    if (str_eq(path, STR("/api/chat")))
        return EP_OLLAMA_CHAT;
    if (str_eq(path, STR("/api/generate")))
        return EP_OLLAMA_GENERATE;
    if (str_eq(path, STR("/api/embed")))
        return EP_OLLAMA_EMBED;
    if (str_eq(path, STR("/api/embeddings")))
        return EP_OLLAMA_EMBED_ONE;
    return str_eq(path, STR("/api/show")) ? EP_SHOW : EP_UNKNOWN;
}

enum sim_endpoint sim_endpoint_find(const struct sim_flavour *f, struct str path)
{
    enum sim_endpoint ep = own_door(f, path);
    if (ep == EP_UNKNOWN && str_starts(path, STR("/v1/")))
        ep = below_base(str_skip(path, 3));
    for (size_t i = 0; ep == EP_UNKNOWN && i < COUNT_OF(f->base) && f->base[i]; i++)
        if (str_starts(path, str_from(f->base[i])))
            ep = below_base(str_skip(path, strlen(f->base[i])));
    return ep;
}

/* --- the body ----------------------------------------------------------------------------------------------------- */

/* The last text among the parts of a message, raw; the same string when the content is one. */
static struct str text_of(struct str content)
{
    struct json_scan s;
    struct str key, raw, found = STR_NONE;
    json_scan_init(&s, content);
    if (json_peek(&s) != JSON_ARRAY)
        return content;
    (void)json_enter(&s);
    while (json_element(&s)) {
        if (json_peek(&s) != JSON_OBJECT) {
            (void)json_skip(&s, NULL);
            continue;
        }
        (void)json_enter(&s);
        while (json_member(&s, &key) && json_skip(&s, &raw))
            if (str_eq(key, STR("text")))
                found = raw;
    }
    return found;
}

/* Some vendors want back what they had said beside the calls. */
static void read_calls(struct sim_facts *f, struct str calls, struct str reasoning)
{
    struct json_scan s;
    struct str first;
    json_scan_init(&s, calls);
    if (json_peek(&s) != JSON_ARRAY || !json_enter(&s) || !json_element(&s) || !json_skip(&s, &first))
        return;
    f->bare_calls |= !reasoning.len || reasoning.ptr[0] != '"';
    f->unsigned_calls |= str_find(first, STR("\"thought_signature\"")) < 0;
}

static void read_messages(struct sim_facts *f, struct json_scan *s)
{
    struct str key, raw;
    if (json_peek(s) == JSON_STRING) { /* the input of Responses */
        struct str text;
        if (json_string(s, &text)) {
            f->last_user = text;
            f->text_bytes += (int64_t)text.len;
        }
        return;
    }
    if (json_peek(s) != JSON_ARRAY) {
        (void)json_skip(s, NULL);
        return;
    }
    (void)json_enter(s);
    while (json_element(s)) {
        struct str role = STR_NONE, content = STR_NONE, calls = STR_NONE, reasoning = STR_NONE;
        if (json_peek(s) != JSON_OBJECT) {
            (void)json_skip(s, NULL);
            continue;
        }
        (void)json_enter(s);
        while (json_member(s, &key) && json_skip(s, &raw)) {
            if (str_eq(key, STR("role")))
                role = raw;
            else if (str_eq(key, STR("content")))
                content = raw;
            else if (str_eq(key, STR("tool_calls")))
                calls = raw;
            else if (str_eq(key, STR("reasoning_content")))
                reasoning = raw;
        }
        if (calls.len)
            read_calls(f, calls, reasoning);
        f->text_bytes += (int64_t)content.len;
        content = text_of(content);
        if (str_eq(role, STR("\"user\"")) && content.len >= 2 && content.ptr[0] == '"')
            f->last_user = str_slice(content, 1, content.len - 1);
    }
}

/* Looks for one member of an object value and hands it out raw. */
static struct str member_of(struct json_scan *s, const char *name)
{
    struct str found = STR_NONE, key, raw;
    if (json_peek(s) != JSON_OBJECT) {
        (void)json_skip(s, NULL);
        return found;
    }
    (void)json_enter(s);
    while (json_member(s, &key) && json_skip(s, &raw))
        if (str_eq(key, str_from(name)))
            found = raw;
    return found;
}

static void read_member(struct sim_facts *f, enum sim_endpoint ep, struct json_scan *s, struct str key)
{
    struct str raw = STR_NONE;
    if (str_eq(key, STR("messages")) || (ep == EP_RESPONSES && str_eq(key, STR("input"))) ||
        (ep == EP_OLLAMA_GENERATE && str_eq(key, STR("prompt")))) {
        read_messages(f, s);
    } else if (str_eq(key, STR("stream_options"))) {
        f->include_usage = str_eq(member_of(s, "include_usage"), STR("true"));
    } else if (str_eq(key, STR("response_format"))) {
        f->wants_json = str_starts(member_of(s, "type"), STR("\"json"));
    } else if (str_eq(key, STR("thinking"))) {
        f->no_thinking = str_eq(member_of(s, "type"), STR("\"disabled\""));
    } else if (json_skip(s, &raw)) {
        if (str_eq(key, STR("model")) && raw.len >= 2 && raw.ptr[0] == '"')
            f->model = str_slice(raw, 1, raw.len - 1);
        else if (str_eq(key, STR("stream")))
            f->stream = str_eq(raw, STR("true"));
        else if (str_eq(key, STR("encoding_format")))
            f->base64 = str_eq(raw, STR("\"base64\""));
        else if (str_eq(key, STR("include")))
            f->seals = str_find(raw, STR("\"reasoning.encrypted_content\"")) >= 0;
        else if (str_eq(key, STR("n")))
            (void)json_to_i64(raw, &f->choices);
        else if (str_eq(key, STR("dimensions")))
            (void)json_to_i64(raw, &f->dimensions);
        else if (str_eq(key, STR("prompt")) || str_eq(key, STR("input")) || str_eq(key, STR("tools")) || str_eq(key, STR("query")) ||
                 str_eq(key, STR("documents")) || str_eq(key, STR("texts")))
            f->text_bytes += (int64_t)raw.len;
    }
}

void sim_facts_read(struct sim_facts *f, enum sim_endpoint ep, struct str body)
{
    *f = (struct sim_facts){.choices = 1, .stream = ep == EP_OLLAMA_CHAT || ep == EP_OLLAMA_GENERATE,
                             .bare_vectors = ep == EP_OLLAMA_EMBED || ep == EP_OLLAMA_EMBED_ONE,
                             .one_vector = ep == EP_OLLAMA_EMBED_ONE};
    struct json_scan s;
    struct str key;
    if (ep == EP_TRANSCRIBE) {
        sim_form_read(f, body);
        return;
    }
    json_scan_init(&s, body);
    if (json_peek(&s) == JSON_OBJECT && json_enter(&s))
        while (json_member(&s, &key))
            read_member(f, ep, &s, key);
    if (f->choices < 1 || f->choices > 128)
        f->choices = 1;
    if (ep == EP_EMBEDDINGS || f->bare_vectors || ep == EP_COUNT_TOKENS || ep == EP_RERANK)
        f->stream = false;
}

/* --- chunked bodies ----------------------------------------------------------------------------------------------- */

static bool hex_size(struct str line, size_t *out)
{
    size_t n = 0, i = 0;
    for (; i < line.len && i < 8; i++) {
        char c = line.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (digit < 0)
            break;
        n = n * 16 + (size_t)digit;
    }
    *out = n;
    return i > 0;
}

/*  from            +decoded        +raw
 *  |  body so far  |  spent bytes  |  not looked at yet ...  */
enum sim_read sim_chunks_read(struct buf *in, size_t from, size_t *decoded, size_t *raw)
{
    for (;;) {
        struct str rest = str_skip(buf_str(in), from + *raw);
        ptrdiff_t line_end = str_find_char(rest, '\n');
        size_t size;
        if (line_end < 0)
            return READ_MORE;
        if (!hex_size(rest, &size) || *decoded + size > SIM_BODY_MAX)
            return READ_BAD;
        size_t line = (size_t)line_end + 1;
        if (size == 0) { /* trailers, if any, end with a blank line */
            struct str tail = str_skip(rest, line);
            ptrdiff_t end = str_starts(tail, STR("\r\n")) ? 0 : str_find(tail, STR("\n\r\n"));
            if (end < 0)
                return READ_MORE;
            *raw += line + (size_t)end + (end ? 3 : 2);
            return READ_DONE;
        }
        if (rest.len < line + size + 2)
            return READ_MORE;
        memmove(in->ptr + from + *decoded, rest.ptr + line, size);
        *decoded += size;
        *raw += line + size + 2;
    }
}
