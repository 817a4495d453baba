/* scenario_reply.c: replies taken apart: heads, chunked and counted bodies, the text they carry. */
#include "base/json.h"
#include "scenario.h"

enum { CHUNK_LINE_MAX = 64 };

/* --- one reply ---------------------------------------------------------------------------------------------------- */

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

/* Appends the body to out; true when its end was there, *used then tells how many bytes it took. */
static bool read_chunks(struct str raw, struct buf *out, size_t *used)
{
    size_t at = 0;
    for (;;) {
        struct str rest = str_skip(raw, at);
        /* Not in all of it: a sanitizer goes through the whole of what memmem was given, for each chunk. */
        ptrdiff_t line = str_find(str_slice(rest, 0, rest.len < CHUNK_LINE_MAX ? rest.len : CHUNK_LINE_MAX), STR("\r\n"));
        size_t size;
        if (line < 0 || !hex_size(rest, &size))
            return false;
        struct str data = str_skip(rest, (size_t)line + 2);
        if (data.len < size + 2) {
            (void)buf_append(out, str_slice(data, 0, size)); /* what came of it; out's ceiling is that of the input */
            return false;
        }
        (void)buf_append(out, str_slice(data, 0, size));
        at += (size_t)line + 2 + size + 2;
        if (size == 0) {
            *used = at;
            return true;
        }
    }
}

struct str reply_header(const struct reply *r, struct str name)
{
    struct str rest = r->head, line, key;
    while (str_cut(&rest, '\n', &line))
        if (str_cut(&line, ':', &key) && str_eq_fold(key, name))
            return str_trim(line);
    return STR_NONE;
}

static void read_body(struct client *c, struct reply *r, struct str raw)
{
    uint64_t length;
    size_t from = c->decoded.len, used = 0;
    struct str announced = reply_header(r, STR("content-length"));
    if (r->status < 200 || r->status == 204 || r->status == 304) {
        r->complete = true;
    } else if (reply_header(r, STR("transfer-encoding")).ptr) {
        r->complete = read_chunks(raw, &c->decoded, &used);
    } else if (announced.ptr && str_to_u64(announced, &length)) {
        used = length < raw.len ? (size_t)length : raw.len;
        r->complete = raw.len >= length;
        (void)buf_append(&c->decoded, str_slice(raw, 0, used));
    } else {
        used = raw.len;
        r->complete = c->closed;
        (void)buf_append(&c->decoded, raw);
    }
    r->raw_end = (size_t)(raw.ptr - c->in.ptr) + used;
    r->body = (struct str){NULL, c->decoded.len - from}; /* its pointer follows when the buffer no longer moves */
}

void replies_parse(struct client *c)
{
    size_t at = 0;
    c->reply_count = 0;
    buf_clear(&c->decoded);
    while (c->reply_count < REPLIES_MAX) {
        struct str rest = str_skip(buf_str(&c->in), at);
        ptrdiff_t head = str_find(rest, STR("\r\n\r\n"));
        uint64_t status;
        if (head < 0 || !str_starts(rest, STR("HTTP/1.")) || !str_to_u64(str_slice(rest, 9, 12), &status))
            break;
        struct reply *r = &c->reply[c->reply_count];
        *r = (struct reply){.status = (int)status, .head = str_slice(rest, 0, (size_t)head + 2)};
        read_body(c, r, str_skip(rest, (size_t)head + 4));
        c->reply_count += r->status >= 200; /* 1xx are no answers */
        at = r->raw_end;
        if (!r->complete)
            break;
    }
    size_t from = 0;
    for (int i = 0; i < c->reply_count; i++) {
        c->reply[i].body.ptr = c->decoded.ptr ? c->decoded.ptr + from : "";
        from += c->reply[i].body.len;
    }
}

/* --- its text ----------------------------------------------------------------------------------------------------- */

static bool next_event(struct str *body, struct str *data)
{
    struct str line;
    while (str_cut(body, '\n', &line))
        if (str_starts(line, STR("data:"))) {
            *data = str_trim(str_skip(line, 5));
            return true;
        }
    return false;
}

struct str reply_last_event(const struct reply *r, bool *done)
{
    struct str rest = r->body, data, last = STR_NONE;
    *done = false;
    while (next_event(&rest, &data)) {
        *done = str_starts(data, STR("[DONE]"));
        if (!*done)
            last = data;
    }
    return last;
}

/* Each part of a list that has a text, the lists inside it included: Anthropic's blocks, Responses' items. */
static void append_parts(const struct json_node *list, struct buf *out)
{
    for (const struct json_node *part = list ? list->child : NULL; part; part = part->next) {
        (void)buf_append(out, json_get_text(part, "text"));
        const struct json_node *inside = json_get(part, "content");
        for (const struct json_node *p = inside ? inside->child : NULL; p; p = p->next)
            (void)buf_append(out, json_get_text(p, "text"));
    }
}

/* What one object says, in whichever dialect: a whole answer, or an event of a stream. */
static void append_said(const struct json_node *root, struct buf *out)
{
    const struct json_node *choices = json_get(root, "choices"), *message = json_get(root, "message");
    struct str type = json_get_text(root, "type"), object = json_get_text(root, "object");
    if (choices) {
        const struct json_node *first = choices->child;
        const struct json_node *said = json_get(first, "delta") ? json_get(first, "delta") : json_get(first, "message");
        (void)buf_append(out, json_get_text(said ? said : first, said ? "content" : "text"));
    } else if (str_eq(type, STR("message"))) {
        append_parts(json_get(root, "content"), out);
    } else if (str_eq(type, STR("content_block_delta"))) {
        (void)buf_append(out, json_get_text(json_get(root, "delta"), "text"));
    } else if (str_eq(type, STR("response.output_text.delta"))) {
        (void)buf_append(out, json_get_text(root, "delta"));
    } else if (str_eq(object, STR("response"))) {
        append_parts(json_get(root, "output"), out);
    } else if (json_get(root, "done")) {
        (void)buf_append(out, message ? json_get_text(message, "content") : json_get_text(root, "response"));
    }
}

static bool append_content(struct str json, struct buf *out)
{
    struct arena a = ARENA_INIT(64 * MiB);
    struct json_node *root;
    bool ok = json_parse(&a, json, &root, NULL) == 0;
    if (ok)
        append_said(root, out);
    arena_fini(&a);
    return ok;
}

bool reply_content(const struct reply *r, struct buf *out)
{
    struct str type = reply_header(r, STR("content-type")), rest = r->body, data;
    bool ok = true;
    if (str_starts(type, STR("application/x-ndjson"))) {
        while (ok && str_cut(&rest, '\n', &data)) /* an empty line is no JSON, and breaks clients */
            ok = append_content(data, out);
        return ok;
    }
    if (!str_starts(type, STR("text/event-stream")))
        return append_content(r->body, out);
    while (ok && next_event(&rest, &data))
        ok = str_starts(data, STR("[DONE]")) || append_content(data, out);
    return ok;
}
