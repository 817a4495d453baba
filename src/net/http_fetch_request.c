/* http_fetch_request.c: what of a request is checked before anything is done: the URL, more strictly than libcurl does so
 * that the two cannot disagree about the host, and the headers. */
#include "net/http_client_priv.h"

/* --- URL ----------------------------------------------------------------------------------------------------------- */

enum { HOST_BYTES_MAX = 253 };

static bool is_host_byte(char c, bool v6)
{
    bool digit = c >= '0' && c <= '9';
    if (v6)
        return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    return digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
}

static bool is_host(struct str host, bool v6)
{
    for (size_t i = 0; i < host.len; i++)
        if (!is_host_byte(host.ptr[i], v6))
            return false;
    return host.len > 0 && host.len <= HOST_BYTES_MAX;
}

/* Path and query: visible ASCII. Anything else must come percent-encoded. */
static bool is_path(struct str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= 0x20 || path.ptr[i] == 0x7f || path.ptr[i] == '#')
            return false;
    return path.len == 0 || path.ptr[0] == '/' || path.ptr[0] == '?';
}

/* "127.1", "0x7f.1": numbers that libcurl would read as an address and we as a name. */
static bool ends_in_number(struct str host)
{
    size_t at = host.len;
    while (at > 0 && host.ptr[at - 1] != '.')
        at--;
    struct str last = str_skip(host, at);
    bool hex = str_starts_fold(last, STR("0x"));
    for (size_t i = hex ? 2 : 0; i < last.len; i++) {
        char c = last.ptr[i];
        if (!(c >= '0' && c <= '9') && !(hex && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))))
            return false;
    }
    return true; /* an empty one as well: a trailing dot changes what libcurl looks up */
}

int http_url_parse(struct str url, struct http_url *out, struct err *e)
{
    struct http_url u = {0};
    struct str rest;
    if (str_starts_fold(url, STR("http://")))
        rest = str_skip(url, 7);
    else if (str_starts_fold(url, STR("https://")))
        rest = str_skip(url, 8), u.https = true;
    else
        return err_set(e, ERR_INVALID, "not an http:// or https:// URL: \"%.*s\"", STR_FMT(url));
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    struct str authority = str_slice(rest, 0, end), path = str_skip(rest, end), port = STR_NONE;
    bool v6 = str_starts(authority, STR("["));
    ptrdiff_t host_end = str_find_char(authority, v6 ? ']' : ':');
    u.host = host_end < 0 ? authority : str_slice(authority, v6, (size_t)host_end);
    if (host_end >= 0)
        port = str_skip(authority, (size_t)host_end + v6);
    uint64_t number = u.https ? 443 : 80;
    bool port_good = port.len == 0 || (port.ptr[0] == ':' && str_to_u64(str_skip(port, 1), &number));
    if (!port_good || number < 1 || number > 65535 || (v6 && host_end < 0) || !is_host(u.host, v6) || !is_path(path))
        return err_set(e, ERR_INVALID, "not a proper URL: \"%.*s\"", STR_FMT(url));
    u.port = (int)number;
    u.authority =
        number == (u.https ? 443 : 80) && port.len ? str_slice(authority, 0, authority.len - port.len) : authority;
    u.path = path;
    struct resolve_answer a;
    u.literal = resolve_literal(u.host, u.port, &a);
    if (!u.literal && (v6 || ends_in_number(u.host)))
        return err_set(e, ERR_INVALID, "not a proper URL: \"%.*s\"", STR_FMT(url));
    *out = u;
    return 0;
}

/* --- headers ------------------------------------------------------------------------------------------------------- */

/* Told apart by their length first: this runs for each header of each call. */
bool http_header_is_ours(struct str name)
{
    switch (name.len) {
    case 2: return str_eq_fold(name, STR("te"));
    case 4: return str_eq_fold(name, STR("host"));
    case 6: return str_eq_fold(name, STR("expect"));
    case 7: return str_eq_fold(name, STR("trailer")) || str_eq_fold(name, STR("upgrade"));
    case 10: return str_eq_fold(name, STR("connection")) || str_eq_fold(name, STR("keep-alive"));
    case 14: return str_eq_fold(name, STR("content-length"));
    case 15: return str_eq_fold(name, STR("accept-encoding"));
    case 16: return str_eq_fold(name, STR("proxy-connection"));
    case 17: return str_eq_fold(name, STR("transfer-encoding"));
    default: return false;
    }
}

static bool is_header(const struct http_header *h)
{
    for (size_t i = 0; i < h->name.len; i++)
        if (h->name.ptr[i] <= 0x20 || h->name.ptr[i] >= 0x7f || h->name.ptr[i] == ':' || h->name.ptr[i] == ';')
            return false;
    return h->name.len > 0 && http_value_is_one_line(h->value);
}

int http_headers_check(const struct http_fetch_options *opt, struct err *e)
{
    for (size_t i = 0; i < opt->header_count; i++)
        if (!is_header(&opt->header[i]))
            return err_set(e, ERR_INVALID, "header \"%.*s\" cannot be sent", STR_FMT(opt->header[i].name));
    return 0;
}

bool http_request_has_length(const struct http_fetch_options *opt)
{
    return opt->body_count > 0 || str_eq(opt->method, STR("POST"));
}
