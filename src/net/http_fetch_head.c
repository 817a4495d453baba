/* http_fetch_head.c: the head of a reply, from bytes as they come to a list of headers with lower-case names. Stricter than
 * most clients where a lax head could hurt whoever relays it: control bytes, folded lines, lengths that contradict each
 * other, codings nobody asked for. A bare LF ends a line, as RFC 9112 (2.2) allows: what we relay is written anew.
 *
 * Hot path: a head that comes whole is parsed where it lies, without a copy or an allocation. */
#include "base/mem.h"
#include "net/http_client_priv.h"

enum { FIELDS_FIRST = 32, TEXT_FIRST = 1024 }; /* of most replies */

void http_head_init(struct http_head *h, size_t bytes_max)
{
    *h = (struct http_head){.text = BUF_INIT(bytes_max), .bytes_max = bytes_max, .length = -1};
}

void http_head_fini(struct http_head *h)
{
    buf_fini(&h->text);
    h->header = NULL;
    h->count = 0;
}

static enum http_head_rc bad(struct http_head *h, const char *why)
{
    h->problem = why;
    return HEAD_BAD;
}

/* --- its end ------------------------------------------------------------------------------------------------------- */

/* Whatever does not begin like this is not waited for. */
static bool begins_well(const struct http_head *h, const char *bytes, size_t n)
{
    static const char begin[] = "HTTP/1.";
    for (size_t i = h->text.len; i < sizeof begin - 1 && i - h->text.len < n; i++)
        if (bytes[i - h->text.len] != begin[i])
            return false;
    return true;
}

/* What a TLS server says to a plain request: a record of type 21 (alert), version 3.x. */
static bool is_tls_alert(const struct http_head *h, const char *bytes, size_t n)
{
    return h->text.len == 0 && n >= 3 && bytes[0] == 21 && bytes[1] == 3;
}

/* How many bytes belong to the head: up to its empty line, or all, and then *complete is false. A line that begins with a
 * blank would go on with the one before: it is told at once, because libcurl 7.88 must not get to see it. */
static size_t extent(struct http_head *h, const char *bytes, size_t n, bool *complete, bool *folded)
{
    size_t at = 0;
    *complete = *folded = false;
    while (at < n && !*complete) {
        *folded |= h->line_bytes == 0 && (bytes[at] == ' ' || bytes[at] == '\t');
        const char *lf = memchr(bytes + at, '\n', n - at);
        size_t stop = lf ? (size_t)(lf - bytes) : n;
        if (stop > at)
            h->line_last = bytes[stop - 1];
        h->line_bytes += stop - at;
        at = lf ? stop + 1 : n;
        if (!lf)
            break;
        *complete = h->line_bytes == 0 || (h->line_bytes == 1 && h->line_last == '\r');
        h->line_bytes = 0;
    }
    return at;
}

/* --- its lines ----------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK"; the reason may be missing. */
static bool status_line(struct http_head *h, struct str line)
{
    const char *p = line.ptr;
    if (line.len < 12 || memcmp(p, "HTTP/1.", 7) != 0 || !is_digit(p[7]) || p[8] != ' ' || p[9] == '0' ||
        !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) || (line.len > 12 && p[12] != ' ') ||
        http_find_control(p, p + line.len) != p + line.len)
        return false;
    h->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    h->old = p[7] == '0';
    h->keep_alive = !h->old;
    return true;
}

static void on_length(struct http_head *h, struct str value)
{
    int64_t length;
    bool digits = value.len > 0;
    for (size_t i = 0; i < value.len; i++)
        digits &= is_digit(value.ptr[i]);
    if (!digits || !str_to_i64(value, &length))
        h->problem = "its length is not a number";
    else if (h->length >= 0 && h->length != length)
        h->problem = "several lengths that differ";
    else
        h->length = length;
}

static void on_coding(struct http_head *h, struct str value)
{
    if (str_eq_fold(value, STR("identity")))
        return;
    if (h->chunked || !str_eq_fold(value, STR("chunked")))
        h->problem = "a transfer coding other than chunked";
    h->chunked = true;
}

static void on_connection(struct http_head *h, struct str value, bool *close)
{
    struct str token;
    while (str_cut(&value, ',', &token)) {
        token = str_trim(token);
        *close |= str_eq_fold(token, STR("close"));
        h->keep_alive |= str_eq_fold(token, STR("keep-alive"));
    }
}

/* What this layer must know. Told apart by their length first. */
static void field_note(struct http_head *h, const struct http_header *f, bool *close)
{
    switch (f->name.len) {
    case 10:
        if (str_eq(f->name, STR("connection")))
            on_connection(h, f->value, close);
        break;
    case 14:
        if (str_eq(f->name, STR("content-length")))
            on_length(h, f->value);
        break;
    case 16:
        if (str_eq(f->name, STR("content-encoding")) && f->value.len && !str_eq_fold(f->value, STR("identity")))
            h->problem = "the body is compressed, though identity was asked for";
        break;
    case 17:
        if (str_eq(f->name, STR("transfer-encoding")))
            on_coding(h, f->value);
        break;
    default: break;
    }
}

static const char *field_parse(char *line, char *end, struct http_header *out)
{
    char *at = line;
    for (uint8_t lower; at < end && (lower = http_token_lower[(uint8_t)*at]) != 0; at++)
        *at = (char)lower;
    if (at == line || at == end || *at != ':')
        return "a header has no proper name";
    out->name = str_of(line, (size_t)(at - line));
    at++;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    if (http_find_control(at, end) != end)
        return "a header holds control bytes";
    out->value = str_of(at, (size_t)(end - at));
    return NULL;
}

static bool fields_reserve(struct http_fields *room, size_t count)
{
    if (count < room->max)
        return true;
    size_t max = room->max ? room->max * 2 : FIELDS_FIRST;
    struct http_header *grown = mem_realloc(room->at, max * sizeof *grown);
    if (!grown)
        return false;
    room->at = grown;
    room->max = max;
    return true;
}

/* The end of the line at p, without its CR; *next is behind its LF. */
static char *line_end(char *p, char *end, char **next)
{
    char *lf = memchr(p, '\n', (size_t)(end - p));
    *next = lf + 1;
    return lf > p && lf[-1] == '\r' ? lf - 1 : lf;
}

/* A complete head, from its status line to its empty line. */
static enum http_head_rc parse(struct http_head *h, struct http_fields *room, char *p, char *end)
{
    bool close = false;
    char *line = p, *stop = line_end(p, end, &p);
    if (!status_line(h, str_of(line, (size_t)(stop - line))))
        return bad(h, "the status line is malformed");
    if (h->status == 101)
        return bad(h, "the peer switches protocols");
    h->count = 0;
    for (line = p, stop = line_end(p, end, &p); stop > line; line = p, stop = line_end(p, end, &p)) {
        if (!fields_reserve(room, h->count))
            return HEAD_NOMEM;
        const char *problem = field_parse(line, stop, &room->at[h->count]);
        if (problem)
            return bad(h, problem);
        if (h->status >= 200)
            field_note(h, &room->at[h->count], &close);
        h->count++;
    }
    if (h->chunked && h->length >= 0)
        return bad(h, "both a length and chunks");
    h->header = room->at;
    /* Chunks from a 1.0 server are read, but what else it may have misunderstood stays with this connection (RFC 9112, 6.1). */
    h->keep_alive = h->keep_alive && !close && !(h->chunked && h->old);
    return h->problem ? HEAD_BAD : HEAD_COMPLETE;
}

/* A 1xx was read: what follows is another head. */
static void restart(struct http_head *h)
{
    buf_clear(&h->text);
    h->status = 0;
    h->count = 0;
    h->interims++;
}

/* One head's worth of bytes, or what there is of it. */
static enum http_head_rc feed_one(struct http_head *h, struct http_fields *room, char *bytes, size_t n, size_t *used)
{
    bool complete, folded;
    if (!begins_well(h, bytes, n))
        return bad(h, is_tls_alert(h, bytes, n) ? "what answers speaks TLS: write https:// in `url`" : "it does not begin like HTTP/1.1");
    *used = extent(h, bytes, n, &complete, &folded);
    h->bytes += *used;
    if (folded)
        return bad(h, "a header is folded over several lines");
    if (h->bytes > h->bytes_max)
        return HEAD_TOO_LARGE;
    if (complete && h->text.len == 0)
        return parse(h, room, bytes, bytes + *used);
    if (h->text.cap == 0)
        (void)buf_reserve(&h->text,
                          TEXT_FIRST < h->bytes_max ? TEXT_FIRST : h->bytes_max); /* one step instead of many */
    if (buf_append(&h->text, str_of(bytes, *used)) < 0)                           /* below bytes_max, so it is memory */
        return HEAD_NOMEM;
    return complete ? parse(h, room, h->text.ptr, h->text.ptr + h->text.len) : HEAD_MORE;
}

enum http_head_rc http_head_feed(struct http_head *h, struct http_fields *room, char *bytes, size_t n, size_t *used)
{
    enum http_head_rc rc = HEAD_MORE;
    for (*used = 0; rc == HEAD_MORE && *used < n;) {
        size_t part;
        rc = feed_one(h, room, bytes + *used, n - *used, &part);
        if (rc != HEAD_COMPLETE && rc != HEAD_MORE)
            return rc;
        *used += part;
        if (rc == HEAD_COMPLETE && h->status < 200) {
            restart(h);
            rc = HEAD_MORE;
        }
    }
    return rc;
}
