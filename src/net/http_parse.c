/* http_parse.c: the head of a request, strictly; see http_parse_priv.h. RFC 9112 is followed where it says MUST, and of
 * what it lets a server tolerate (bare LF, blanks in odd places, several equal lengths) nothing is tolerated: two
 * programs that read the same bytes differently are how requests get smuggled. Hot path: one look for line ends by
 * memchr, one pass over each field. */
#include "net/http_parse_priv.h"
#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>

#define UPPER(c) [c] = (c) + 32
#define SAME(c) [c] = (c)
const uint8_t http_token_lower[256] = {
    SAME('!'),  SAME('#'),  SAME('$'),  SAME('%'),  SAME('&'),  SAME('\''), SAME('*'),  SAME('+'),  SAME('-'),
    SAME('.'),  SAME('^'),  SAME('_'),  SAME('`'),  SAME('|'),  SAME('~'),  SAME('0'),  SAME('1'),  SAME('2'),
    SAME('3'),  SAME('4'),  SAME('5'),  SAME('6'),  SAME('7'),  SAME('8'),  SAME('9'),  UPPER('A'), UPPER('B'),
    UPPER('C'), UPPER('D'), UPPER('E'), UPPER('F'), UPPER('G'), UPPER('H'), UPPER('I'), UPPER('J'), UPPER('K'),
    UPPER('L'), UPPER('M'), UPPER('N'), UPPER('O'), UPPER('P'), UPPER('Q'), UPPER('R'), UPPER('S'), UPPER('T'),
    UPPER('U'), UPPER('V'), UPPER('W'), UPPER('X'), UPPER('Y'), UPPER('Z'), SAME('a'),  SAME('b'),  SAME('c'),
    SAME('d'),  SAME('e'),  SAME('f'),  SAME('g'),  SAME('h'),  SAME('i'),  SAME('j'),  SAME('k'),  SAME('l'),
    SAME('m'),  SAME('n'),  SAME('o'),  SAME('p'),  SAME('q'),  SAME('r'),  SAME('s'),  SAME('t'),  SAME('u'),
    SAME('v'),  SAME('w'),  SAME('x'),  SAME('y'),  SAME('z'),
};

static int refuse(const char **why, int status, const char *text)
{
    *why = text;
    return status;
}

const char *http_find_control(const char *p, const char *end)
{
    /* Eight bytes at once while none of them is below 0x20 or equal to 0x7f (each test sets the top bit of such a byte;
     * a false alarm from a borrow only means looking at the eight one by one). */
    const uint64_t ones = 0x0101010101010101u, tops = ones * 0x80;
    while (end - p >= 8) {
        uint64_t w;
        memcpy(&w, p, 8);
        uint64_t low = (w - ones * 0x20) & ~w, del = w ^ ones * 0x7f;
        if ((low | ((del - ones) & ~del)) & tops) {
            for (int i = 0; i < 8; i++, p++)
                if (((uint8_t)*p < 0x20 && *p != '\t') || *p == 0x7f)
                    return p;
            continue;
        }
        p += 8;
    }
    while (p < end && ((uint8_t)*p >= 0x20 || *p == '\t') && *p != 0x7f)
        p++;
    return p;
}

bool http_value_is_one_line(struct str value)
{
    if (value.len == 0)
        return true;
    const char *end = value.ptr + value.len;
    for (const char *p = http_find_control(value.ptr, end); p < end; p++)
        if (*p == '\r' || *p == '\n' || *p == '\0')
            return false;
    return true;
}

/* --- the end of the head ------------------------------------------------------------------------------------------ */

int http_head_scan(struct http_scan *s, struct str bytes, size_t head_max, const char **why)
{
    size_t len = bytes.len < head_max ? bytes.len : head_max;
    assert(s->pos <= len);
    if (s->pos == 0 && len > 0 && bytes.ptr[0] != '\r' && !http_token_lower[(uint8_t)bytes.ptr[0]])
        return refuse(why, 400, "this is not an HTTP request"); /* TLS, for one: no need to wait for a line end */
    while (s->pos < len) {
        const char *lf = memchr(bytes.ptr + s->pos, '\n', len - s->pos);
        if (!lf) {
            s->pos = (uint32_t)len;
            break;
        }
        uint32_t at = (uint32_t)(lf - bytes.ptr);
        s->pos = at + 1;
        if (at == s->line || bytes.ptr[at - 1] != '\r')
            return refuse(why, 400, "a line ends in a bare LF");
        bool empty = at - s->line == 1;
        s->line = s->pos;
        if (!empty) {
            s->lines++;
        } else if (s->lines > 0) {
            return HTTP_SCAN_DONE;
        } else {
            if (s->start > 0)
                return refuse(why, 400, "empty lines instead of a request");
            s->start = s->pos;
        }
    }
    if (bytes.len < head_max)
        return HTTP_SCAN_MORE;
    return s->lines == 0 ? refuse(why, 414, "the request line is too long")
                         : refuse(why, 431, "the head of the request is too large");
}

/* --- the request line --------------------------------------------------------------------------------------------- */

static enum http_method method_of(struct str text)
{
    static const struct {
        struct str text;
        enum http_method method;
    } known[] = {{{"POST", 4}, HTTP_POST},      {{"GET", 3}, HTTP_GET},     {{"HEAD", 4}, HTTP_HEAD},
                 {{"PUT", 3}, HTTP_PUT},        {{"PATCH", 5}, HTTP_PATCH}, {{"DELETE", 6}, HTTP_DELETE},
                 {{"OPTIONS", 7}, HTTP_OPTIONS}};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq(known[i].text, text))
            return known[i].method;
    return HTTP_OTHER;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int version_parse(struct str text, int *minor, const char **why)
{
    if (text.len != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 || !is_digit(text.ptr[5]) || text.ptr[6] != '.' ||
        !is_digit(text.ptr[7]))
        return refuse(why, 400, "the request line does not end in an HTTP version");
    if (text.ptr[5] != '1' || text.ptr[7] > '1')
        return refuse(why, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    *minor = text.ptr[7] - '0';
    return 0;
}

static int target_parse(struct str target, struct http_request *r, const char **why)
{
    for (size_t i = 0; i < target.len; i++)
        if (target.ptr[i] <= 0x20 || target.ptr[i] >= 0x7f || target.ptr[i] == '#')
            return refuse(why, 400, "the request target holds a character it may not");
    bool asterisk = str_eq(target, STR("*"));
    if (asterisk ? r->method != HTTP_OPTIONS : target.len == 0 || target.ptr[0] != '/')
        return refuse(why, 400, "the request target must be a path (this is no proxy)");
    r->target = r->path = target;
    ptrdiff_t mark = str_find_char(target, '?');
    if (mark >= 0) {
        r->path.len = (size_t)mark;
        r->query = str_skip(target, (size_t)mark + 1);
    }
    return 0;
}

int http_line_parse(struct str line, struct http_request *r, const char **why)
{
    size_t at = 0;
    while (at < line.len && http_token_lower[(uint8_t)line.ptr[at]])
        at++;
    if (at == 0 || at == line.len || line.ptr[at] != ' ')
        return refuse(why, 400, "the request line does not begin with a method");
    struct str rest = str_skip(line, at + 1);
    ptrdiff_t blank = str_find_char(rest, ' ');
    if (blank < 0)
        return refuse(why, 400, "the request line has no HTTP version");
    r->method_text = str_of(line.ptr, at);
    r->method = method_of(r->method_text);
    int status = version_parse(str_skip(rest, (size_t)blank + 1), &r->minor, why);
    return status ? status : target_parse(str_of(rest.ptr, (size_t)blank), r, why);
}

/* --- header fields ------------------------------------------------------------------------------------------------ */

static bool is_host_char(char c)
{
    return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '.' || c == '-' || c == '_';
}

/* "host", "host:port", "1.2.3.4:80", "[::1]:80". Names may hold an underscore: containers' names do. */
static bool host_valid(struct str host)
{
    size_t at = 0;
    if (host.len && host.ptr[0] == '[') {
        ptrdiff_t close = str_find_char(host, ']');
        char literal[INET6_ADDRSTRLEN];
        struct in6_addr address;
        if (close < 0 || (size_t)close > sizeof literal)
            return false;
        memcpy(literal, host.ptr + 1, (size_t)close - 1);
        literal[close - 1] = '\0';
        if (inet_pton(AF_INET6, literal, &address) != 1)
            return false;
        at = (size_t)close + 1;
    } else {
        while (at < host.len && is_host_char(host.ptr[at]))
            at++;
    }
    if (at == 0 || at == host.len)
        return at != 0;
    uint64_t port;
    return host.ptr[at] == ':' && str_to_u64(str_skip(host, at + 1), &port) && port <= 65535 && host.len - at <= 6;
}

struct facts { /* of the fields that decide how the request is read */
    int hosts, lengths, codings;
    bool close, keep_alive;
};

static int on_host(struct str value, struct http_request *r, struct facts *k, const char **why)
{
    if (k->hosts++)
        return refuse(why, 400, "more than one Host field");
    if (!host_valid(value))
        return refuse(why, 400, "the Host field is not a host");
    r->host = value;
    return 0;
}

static int on_content_length(struct str value, struct http_framing *f, struct facts *k, const char **why)
{
    if (k->lengths++)
        return refuse(why, 400, "more than one Content-Length field");
    for (size_t i = 0; i < value.len; i++)
        if (!is_digit(value.ptr[i]))
            return refuse(why, 400, "Content-Length is not a number");
    if (value.len == 0)
        return refuse(why, 400, "Content-Length is empty");
    if (!str_to_i64(value, &f->content_length))
        return refuse(why, 413, "the request body is too large");
    return 0;
}

static int on_transfer_encoding(struct str value, struct http_framing *f, struct facts *k, const char **why)
{
    if (k->codings++)
        return refuse(why, 400, "more than one Transfer-Encoding field");
    if (!str_eq_fold(value, STR("chunked")))
        return refuse(why, 501, "the only transfer coding understood here is chunked");
    f->content_length = -1;
    return 0;
}

static void on_connection(struct str value, struct facts *k)
{
    struct str token;
    while (str_cut(&value, ',', &token)) {
        token = str_trim(token);
        k->close |= str_eq_fold(token, STR("close"));
        k->keep_alive |= str_eq_fold(token, STR("keep-alive"));
    }
}

static int on_expect(struct str value, const struct http_request *r, struct http_framing *f, const char **why)
{
    if (r->minor == 0)
        return 0; /* the field means nothing in HTTP/1.0 */
    if (!str_eq_fold(value, STR("100-continue")))
        return refuse(why, 417, "the only expectation understood here is 100-continue");
    f->expect_continue = true;
    return 0;
}

/* What this layer must know; all other fields are the handler's. Told apart by their length first. */
static int field_note(const struct http_header *h, struct http_request *r, struct http_framing *f, struct facts *k,
                      const char **why)
{
    switch (h->name.len) {
    case 4: return str_eq(h->name, STR("host")) ? on_host(h->value, r, k, why) : 0;
    case 6: return str_eq(h->name, STR("expect")) ? on_expect(h->value, r, f, why) : 0;
    case 10:
        if (str_eq(h->name, STR("connection")))
            on_connection(h->value, k);
        return 0;
    case 14: return str_eq(h->name, STR("content-length")) ? on_content_length(h->value, f, k, why) : 0;
    case 16:
        if (str_eq(h->name, STR("content-encoding")) && !str_eq_fold(h->value, STR("identity")))
            return refuse(why, 415, "encoded request bodies are not accepted");
        return 0;
    case 17: return str_eq(h->name, STR("transfer-encoding")) ? on_transfer_encoding(h->value, f, k, why) : 0;
    default: return 0;
    }
}

/* One field line, *p at its begin; leaves *p behind its CRLF. */
static int field_parse(char **p, const char *end, struct http_header *h, const char **why)
{
    char *at = *p;
    if (*at == ' ' || *at == '\t')
        return refuse(why, 400, "a header field is folded over several lines");
    for (uint8_t lower; (lower = http_token_lower[(uint8_t)*at]) != 0; at++)
        *at = (char)lower;
    if (at == *p || *at != ':')
        return refuse(why, 400, "a header field's name is malformed");
    h->name = str_of(*p, (size_t)(at - *p));
    at++;
    while (*at == ' ' || *at == '\t')
        at++;
    const char *stop = http_find_control(at, end);
    if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n')
        return refuse(why, 400, "a header field holds a control character");
    *p = (char *)stop + 2;
    while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    h->value = str_of(at, (size_t)(stop - at));
    return 0;
}

/* What only the whole head can tell. */
static int head_settle(const struct http_request *r, struct http_framing *f, const struct facts *k, const char **why)
{
    if (r->minor == 1 && k->hosts == 0)
        return refuse(why, 400, "the Host field is missing");
    if (k->codings && k->lengths)
        return refuse(why, 400, "both Content-Length and Transfer-Encoding");
    if (k->codings && r->minor == 0)
        return refuse(why, 400, "Transfer-Encoding in HTTP/1.0");
    f->keep_alive = !k->close && (r->minor == 1 || k->keep_alive);
    return 0;
}

int http_head_parse(char *head, size_t len, struct http_header *header, size_t header_max, struct http_request *r,
                    struct http_framing *f, const char **why)
{
    const char *end = head + len;
    assert(len >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0);
    *f = (struct http_framing){0};
    r->header = header;
    struct facts known = {0};
    char *p = memchr(head, '\n', len);
    int status = http_line_parse(str_of(head, (size_t)(p - 1 - head)), r, why);
    p++;
    while (status == 0 && end - p > 2) {
        if (r->header_count == header_max)
            return refuse(why, 431, "too many header fields");
        struct http_header *h = &header[r->header_count];
        status = field_parse(&p, end, h, why);
        if (status == 0) {
            r->header_count++;
            status = field_note(h, r, f, &known, why);
        }
    }
    if (status == 0)
        status = head_settle(r, f, &known, why);
    r->body_length = f->content_length;
    return status;
}

struct str http_request_header(const struct http_request *r, const char *name)
{
    struct str wanted = str_from(name);
    for (size_t i = 0; i < r->header_count; i++)
        if (str_eq(r->header[i].name, wanted))
            return r->header[i].value;
    return STR_NONE;
}
