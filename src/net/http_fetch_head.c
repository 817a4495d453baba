/* http_fetch_head.c: the head of a reply, from the lines libcurl hands over to a list of headers with lower-case names. It is
 * stricter than libcurl where a lax head could hurt whoever relays it: control bytes, several lengths, codings nobody
 * asked for. */
#include "net/http_client_priv.h"
#include "base/mem.h"

enum { FIRST_TEXT_BYTES = 1024, FIRST_SPANS = 32 }; /* of most replies */

void http_head_init(struct http_head *h, size_t bytes_max)
{
    *h = (struct http_head){.text = BUF_INIT(bytes_max), .line = BUF_INIT(bytes_max), .bytes_max = bytes_max};
}

void http_head_fini(struct http_head *h)
{
    buf_fini(&h->text);
    buf_fini(&h->line);
    mem_free(h->span);
    mem_free(h->header);
    h->span = NULL;
    h->header = NULL;
    h->span_max = 0;
}

static enum http_head_rc bad(struct http_head *h, const char *why)
{
    h->problem = why;
    return HEAD_BAD;
}

static void restart(struct http_head *h) /* after a 1xx */
{
    buf_clear(&h->text);
    h->count = 0;
    h->status = 0;
}

/* "HTTP/1.1 200 OK" */
static enum http_head_rc status_line(struct http_head *h, struct str line)
{
    ptrdiff_t blank = str_find_char(line, ' ');
    struct str digits = blank < 0 ? STR_NONE : str_slice(line, (size_t)blank + 1, (size_t)blank + 4);
    uint64_t status;
    if (!str_starts(line, STR("HTTP/1.")) || digits.len != 3 || !str_to_u64(digits, &status) || status < 100)
        return bad(h, "the status line is malformed");
    size_t after = (size_t)blank + 4;
    if (after < line.len && line.ptr[after] != ' ')
        return bad(h, "the status line is malformed");
    h->status = (int)status;
    return HEAD_MORE;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

static bool is_text(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static struct str trim_blanks(struct str s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = str_skip(s, 1);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static enum http_head_rc append(struct http_head *h, struct str s, bool lower)
{
    size_t at = h->text.len;
    if (h->text.cap == 0 && buf_reserve(&h->text, FIRST_TEXT_BYTES < h->text.max ? FIRST_TEXT_BYTES : 1) < 0)
        return HEAD_NOMEM;
    int rc = buf_append(&h->text, s);
    if (rc < 0)
        return rc == ERR_NOMEM ? HEAD_NOMEM : HEAD_TOO_LARGE;
    for (size_t i = at; lower && i < h->text.len; i++)
        if (h->text.ptr[i] >= 'A' && h->text.ptr[i] <= 'Z')
            h->text.ptr[i] = (char)(h->text.ptr[i] + ('a' - 'A'));
    return HEAD_MORE;
}

static bool span_reserve(struct http_head *h)
{
    if (h->count < h->span_max)
        return true;
    size_t max = h->span_max ? h->span_max * 2 : FIRST_SPANS;
    struct head_span *grown = mem_realloc(h->span, max * sizeof *grown);
    if (!grown)
        return false;
    h->span = grown;
    h->span_max = max;
    return true;
}

static enum http_head_rc field_line(struct http_head *h, struct str line)
{
    ptrdiff_t colon = str_find_char(line, ':');
    struct str name = colon < 0 ? line : str_slice(line, 0, (size_t)colon);
    struct str value = colon < 0 ? STR_NONE : trim_blanks(str_skip(line, (size_t)colon + 1));
    if (colon < 0 || !is_token(name))
        return bad(h, "a header has no proper name");
    if (!is_text(value))
        return bad(h, "a header holds control bytes");
    if (!span_reserve(h))
        return HEAD_NOMEM;
    enum http_head_rc rc = append(h, name, true);
    if (rc == HEAD_MORE)
        rc = append(h, value, false);
    if (rc == HEAD_MORE)
        h->span[h->count++] = (struct head_span){(uint32_t)name.len, (uint32_t)value.len};
    return rc;
}

/* A line that begins with a blank goes on with the value before it (RFC 9112, 5.2). */
static enum http_head_rc fold_line(struct http_head *h, struct str line)
{
    struct str more = trim_blanks(line);
    if (h->count == 0 || !is_text(more))
        return bad(h, "the head begins with a continued line, or a header holds control bytes");
    enum http_head_rc rc = append(h, STR(" "), false);
    if (rc == HEAD_MORE)
        rc = append(h, more, false);
    if (rc == HEAD_MORE)
        h->span[h->count - 1].value += (uint32_t)more.len + 1;
    return rc;
}

static enum http_head_rc complete(struct http_head *h)
{
    if (h->status == 101)
        return bad(h, "the peer switches protocols");
    if (h->status < 200) {
        restart(h);
        return HEAD_MORE;
    }
    h->header = new0_array(struct http_header, h->count + 1);
    if (!h->header)
        return HEAD_NOMEM;
    const char *at = h->text.ptr ? h->text.ptr : "";
    for (size_t i = 0; i < h->count; i++) {
        h->header[i].name = str_of(at, h->span[i].name);
        at += h->span[i].name;
        h->header[i].value = str_of(at, h->span[i].value);
        at += h->span[i].value;
    }
    return HEAD_COMPLETE;
}

static enum http_head_rc whole_line(struct http_head *h, struct str line)
{
    line.len--; /* the LF */
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (h->status == 0)
        return status_line(h, line);
    if (line.len == 0)
        return complete(h);
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return fold_line(h, line);
    return field_line(h, line);
}

enum http_head_rc http_head_line(struct http_head *h, struct str part)
{
    h->bytes += part.len;
    if (h->bytes > h->bytes_max)
        return HEAD_TOO_LARGE;
    bool whole = part.len && part.ptr[part.len - 1] == '\n';
    if (whole && h->line.len == 0)
        return whole_line(h, part);
    if (buf_append(&h->line, part) < 0) /* below bytes_max, so it is memory */
        return HEAD_NOMEM;
    if (!whole)
        return HEAD_MORE;
    enum http_head_rc rc = whole_line(h, buf_str(&h->line));
    buf_clear(&h->line);
    return rc;
}

bool http_head_check(struct http_head *h)
{
    struct str length = STR_NONE;
    for (size_t i = 0; i < h->count; i++) {
        struct str name = h->header[i].name, value = h->header[i].value;
        if (str_eq(name, STR("content-length"))) {
            if (length.ptr && !str_eq(length, value))
                h->problem = "several lengths that differ";
            length = value;
        } else if (str_eq(name, STR("content-encoding")) && value.len && !str_eq_fold(value, STR("identity"))) {
            h->problem = "the body is compressed, though identity was asked for";
        } else if (str_eq(name, STR("transfer-encoding")) && !str_eq_fold(value, STR("chunked")) &&
                   !str_eq_fold(value, STR("identity"))) {
            h->problem = "a transfer coding other than chunked";
        }
    }
    return !h->problem;
}
