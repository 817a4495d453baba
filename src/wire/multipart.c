/* multipart.c: see multipart.h.
 *
 *   OPENING --boundary--> EDGE --CRLF--> HEAD --empty line--> CONTENT --CRLF, boundary--> EDGE
 *                          | "--"
 *                          +--> CLOSED --> at most a CRLF
 *
 * A boundary holds no CR, so after a mismatch only the byte at hand can begin another match. */
#include "wire/multipart.h"
#include <assert.h>

enum { AT_OPENING, AT_EDGE, AT_EDGE_LF, AT_EDGE_DASH, AT_HEAD, AT_CONTENT, AT_CLOSED, AT_CLOSED_LF, AT_OVER };

static int wrong(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "the multipart body is malformed: %s", what);
}

/* --- parameters of header fields ------------------------------------------------------------------------------------------ */

static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(struct str s)
{
    size_t n = 0;
    while (n < s.len && is_token_char(s.ptr[n]))
        n++;
    return n;
}

/* `; name=value` or `; name="value"` from *rest; the value as it stands between its quotes. 0: that was all; negative: malformed. */
static int parameter_next(struct str *rest, struct str *name, struct str *value)
{
    *rest = str_trim(*rest);
    if (rest->len == 0)
        return 0;
    if (rest->ptr[0] != ';')
        return -1;
    *rest = str_trim(str_skip(*rest, 1));
    if (rest->len == 0)
        return 0; /* one too many at the end; nothing hides in it */
    size_t n = token_length(*rest);
    *name = str_slice(*rest, 0, n);
    *rest = str_skip(*rest, n);
    if (n == 0 || rest->len == 0 || rest->ptr[0] != '=')
        return -1;
    *rest = str_skip(*rest, 1);
    if (rest->len && rest->ptr[0] == '"') {
        size_t end = 1;
        while (end < rest->len && rest->ptr[end] != '"')
            end += rest->ptr[end] == '\\' ? 2 : 1;
        if (end >= rest->len)
            return -1;
        *value = str_slice(*rest, 1, end);
        *rest = str_skip(*rest, end + 1);
        return 1;
    }
    n = token_length(*rest);
    *value = str_slice(*rest, 0, n);
    *rest = str_skip(*rest, n);
    return n ? 1 : -1;
}

/* --- the boundary --------------------------------------------------------------------------------------------------------------- */

static bool boundary_fits(struct str b)
{
    for (size_t i = 0; i < b.len; i++) {
        char c = b.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c && strchr("'()+_,-./:=? ", c)))
            return false;
    }
    return b.len > 0 && b.len <= MULTIPART_BOUNDARY_MAX && b.ptr[b.len - 1] != ' ';
}

static int boundary_find(struct str type, struct str *out, struct err *e)
{
    struct str form = STR("multipart/form-data"), name, value, found = STR_NONE;
    int rc;
    type = str_trim(type);
    if (!str_starts_fold(type, form) || (type.len > form.len && !strchr("; \t", type.ptr[form.len])))
        return err_set(e, ERR_INVALID, "the body must be multipart/form-data, and content-type must say so");
    struct str rest = str_skip(type, form.len);
    while ((rc = parameter_next(&rest, &name, &value)) > 0) {
        if (!str_eq_fold(name, STR("boundary")))
            continue;
        if (found.ptr)
            rc = -1;
        found = value;
        if (rc < 0)
            break;
    }
    if (rc < 0 || !boundary_fits(found))
        return err_set(e, ERR_INVALID, "content-type has no proper boundary");
    *out = found;
    return 0;
}

int multipart_open(struct multipart *m, struct str content_type, const struct multipart_handler *h, void *ctx, struct err *e)
{
    struct str boundary = STR_NONE;
    int rc = boundary_find(content_type, &boundary, e);
    if (rc < 0)
        return rc;
    *m = (struct multipart){.head = BUF_INIT(MULTIPART_HEAD_MAX), .handler = h, .ctx = ctx, .delimiter_bytes = 4 + boundary.len};
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.ptr, boundary.len);
    m->matched = 2; /* as if a line had ended before the body */
    return 0;
}

void multipart_fini(struct multipart *m)
{
    buf_fini(&m->head);
}

/* --- a part's head ------------------------------------------------------------------------------------------------------------------ */

static int disposition_read(struct str value, struct multipart_part *p, struct err *e)
{
    struct str form = STR("form-data"), name, text;
    int rc;
    value = str_trim(value);
    if (p->name.ptr)
        return wrong(e, "a part has two content-dispositions");
    if (!str_starts_fold(value, form) || (value.len > form.len && !strchr("; \t", value.ptr[form.len])))
        return wrong(e, "a part is not form-data");
    struct str rest = str_skip(value, form.len);
    while ((rc = parameter_next(&rest, &name, &text)) > 0) {
        if (str_eq_fold(name, STR("name"))) {
            if (p->name.ptr)
                return wrong(e, "a part has two names");
            p->name = text;
        } else if (str_eq_fold(name, STR("filename")) || str_eq_fold(name, STR("filename*"))) {
            p->has_filename = true;
        }
    }
    return rc < 0 ? wrong(e, "a content-disposition cannot be read") : 0;
}

static int field_read(struct str line, struct multipart_part *p, struct err *e)
{
    size_t n = token_length(line);
    if (n == 0 || n >= line.len || line.ptr[n] != ':')
        return wrong(e, "a part's head has a line that is no field");
    struct str name = str_slice(line, 0, n), value = str_trim(str_skip(line, n + 1));
    for (size_t i = 0; i < value.len; i++)
        if (((unsigned char)value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
            return wrong(e, "a part's head holds a control character");
    if (str_eq_fold(name, STR("content-disposition")))
        return disposition_read(value, p, e);
    bool coded = str_eq_fold(name, STR("content-transfer-encoding")) && !str_eq_fold(value, STR("binary")) &&
                 !str_eq_fold(value, STR("8bit")) && !str_eq_fold(value, STR("7bit"));
    return coded ? wrong(e, "a part has a transfer encoding") : 0;
}

static int head_done(struct multipart *m, struct err *e)
{
    struct str rest = str_slice(buf_str(&m->head), 0, m->head.len - 2), line; /* without the empty line */
    struct multipart_part p = {.begin = m->at};
    while (rest.len) {
        ptrdiff_t end = str_find(rest, STR("\r\n"));
        assert(end >= 0);
        line = str_slice(rest, 0, (size_t)end);
        int rc = field_read(line, &p, e);
        if (rc < 0)
            return rc;
        rest = str_skip(rest, (size_t)end + 2);
    }
    if (!p.name.ptr || p.name.len == 0)
        return wrong(e, "a part has no name");
    if (++m->parts > MULTIPART_PARTS_MAX)
        return wrong(e, "it has too many parts");
    m->state = AT_CONTENT;
    m->matched = 0;
    int rc = m->handler->part(m->ctx, &p, e);
    buf_clear(&m->head);
    return rc;
}

/* Up to the empty line. Every LF must follow a CR, and every CR precede one. */
static int head_char(struct multipart *m, char c, struct err *e)
{
    bool after_cr = m->head.len && m->head.ptr[m->head.len - 1] == '\r';
    if ((c == '\n') != after_cr)
        return wrong(e, "a line does not end with CRLF");
    int rc = buf_append_char(&m->head, c);
    if (rc < 0)
        return rc == ERR_LIMIT ? wrong(e, "a part's head is too long") : err_set(e, ERR_NOMEM, "out of memory");
    m->at++;
    bool empty_line = m->head.len == 2 || (m->head.len >= 4 && memcmp(m->head.ptr + m->head.len - 4, "\r\n\r\n", 4) == 0);
    return c == '\n' && empty_line ? head_done(m, e) : 0;
}

/* --- content ------------------------------------------------------------------------------------------------------------------------- */

static int content_ended(struct multipart *m, struct err *e)
{
    m->state = AT_EDGE;
    m->matched = 0;
    return m->handler->end(m->ctx, m->at - m->delimiter_bytes, e);
}

/* Takes content from `in`; what looked like a boundary and was none is handed out with it. */
static int content_feed(struct multipart *m, struct str in, size_t *used, struct err *e)
{
    size_t at = 0, from = 0;
    int rc = 0;
    while (at < in.len && rc == 0) {
        if (m->matched == 0) {
            const char *cr = memchr(in.ptr + at, '\r', in.len - at);
            at = cr ? (size_t)(cr - in.ptr) : in.len;
            if (!cr)
                break;
        }
        if (in.ptr[at] == m->delimiter[m->matched]) {
            if (++m->matched == m->delimiter_bytes) {
                size_t content = at + 1 > from + m->delimiter_bytes ? at + 1 - from - m->delimiter_bytes : 0;
                if (content)
                    rc = m->handler->data(m->ctx, str_of(in.ptr + from, content), e);
                m->at += at + 1;
                *used = at + 1;
                return rc ? rc : content_ended(m, e);
            }
            at++;
            continue;
        }
        if (m->matched > at - from) { /* it had begun in an earlier piece */
            size_t earlier = m->matched - (at - from);
            rc = m->handler->data(m->ctx, str_of(m->delimiter, earlier), e);
        }
        m->matched = 0; /* this byte is looked at again */
    }
    size_t begun = m->matched < in.len - from ? m->matched : in.len - from;
    if (rc == 0 && in.len - from > begun)
        rc = m->handler->data(m->ctx, str_of(in.ptr + from, in.len - from - begun), e);
    m->at += in.len;
    *used = in.len;
    return rc;
}

/* --- what stands between parts --------------------------------------------------------------------------------------------------------- */

static int edge_char(struct multipart *m, char c, struct err *e)
{
    m->at++;
    switch (m->state) {
    case AT_OPENING:
        if (c != m->delimiter[m->matched])
            return wrong(e, "it does not begin with its boundary");
        if (++m->matched == m->delimiter_bytes)
            m->state = AT_EDGE;
        return 0;
    case AT_EDGE:
        m->state = c == '\r' ? AT_EDGE_LF : AT_EDGE_DASH;
        return c == '\r' || c == '-' ? 0 : wrong(e, "a boundary is followed by something else than a line end");
    case AT_EDGE_LF:
        m->state = AT_HEAD;
        return c == '\n' ? 0 : wrong(e, "a line does not end with CRLF");
    case AT_EDGE_DASH:
        m->state = AT_CLOSED;
        return c == '-' ? 0 : wrong(e, "a boundary is followed by something else than a line end");
    case AT_CLOSED:
        m->state = AT_CLOSED_LF;
        return c == '\r' ? 0 : wrong(e, "something follows the last boundary");
    case AT_CLOSED_LF:
        m->state = AT_OVER;
        return c == '\n' ? 0 : wrong(e, "something follows the last boundary");
    default: return wrong(e, "something follows the last boundary");
    }
}

int multipart_feed(struct multipart *m, struct str bytes, struct err *e)
{
    int rc = 0;
    for (size_t at = 0; at < bytes.len && rc == 0;) {
        size_t used = 1;
        if (m->state == AT_CONTENT)
            rc = content_feed(m, str_skip(bytes, at), &used, e);
        else if (m->state == AT_HEAD)
            rc = head_char(m, bytes.ptr[at], e);
        else
            rc = edge_char(m, bytes.ptr[at], e);
        at += used;
    }
    return rc;
}

int multipart_end(struct multipart *m, struct err *e)
{
    return m->state == AT_CLOSED || m->state == AT_OVER ? 0 : wrong(e, "it breaks off");
}
