/* browser.c: a page on the internet can make its visitor's browser send requests to this machine. Three rules keep it out
 * (design §5): the Host must be one of ours, which defeats rebinding of names; an Origin or Sec-Fetch-Site from elsewhere is
 * refused unless the owner listed that origin; and what carries either must be JSON, which a page cannot send unasked. */
#include "gateway/gateway_priv.h"

static bool same_text(const struct config_text *list, int count, struct str value)
{
    for (int i = 0; i < count; i++)
        if (str_eq_fold(list[i].text, value))
            return true;
    return false;
}

static struct str without_port(struct str host)
{
    if (host.len && host.ptr[0] == '[') {
        ptrdiff_t close = str_find_char(host, ']');
        return close < 0 ? host : str_slice(host, 0, (size_t)close + 1);
    }
    ptrdiff_t colon = str_find_char(host, ':');
    return colon < 0 ? host : str_slice(host, 0, (size_t)colon);
}

static bool is_loopback_name(struct str name)
{
    if (str_eq_fold(name, STR("localhost")) || str_eq(name, STR("[::1]")))
        return true;
    /* 127.0.0.0/8 in dotted form: a name could begin the same way, so every part must be a number */
    struct str rest = name, part;
    int parts = 0;
    while (str_cut(&rest, '.', &part)) {
        uint64_t n;
        if (!str_to_u64(part, &n) || n > 255 || part.len > 3 || (parts == 0 && n != 127))
            return false;
        parts++;
    }
    return parts == 4 && name.ptr[name.len - 1] != '.';
}

/* A name or address that the owner wrote under `listen` is listed: no page can make a browser say it for another place. */
static bool is_listener(const struct gateway *g, const struct config *c, struct str name)
{
    if (name.len == 0 || str_eq(name, STR("0.0.0.0")) || str_eq(name, STR("[::]")) || str_eq(name, STR("unix")))
        return false; /* all addresses are none */
    if (g->listen.len)
        return str_eq_fold(without_port(g->listen), name);
    for (int i = 0; i < c->listen_count; i++)
        if (str_eq_fold(without_port(c->listen[i].text), name))
            return true;
    return false;
}

bool browser_host_is_ours(const struct gateway *g, struct str host)
{
    const struct config *c = atomic_load(&g->config); /* once: a list and its length must be of one config */
    struct str name = without_port(host);
    return host.len == 0 || is_loopback_name(name) || is_listener(g, c, name) ||
           same_text(c->hosts, c->host_count, name) || same_text(c->hosts, c->host_count, host);
}

static bool origin_is_listed(const struct gateway *g, struct str origin)
{
    const struct config *c = atomic_load(&g->config);
    return same_text(c->origins, c->origin_count, origin);
}

/* "http://localhost:4242" against "localhost:4242" */
static bool origin_is_host(struct str origin, struct str host)
{
    ptrdiff_t scheme = str_find(origin, STR("://"));
    return scheme > 0 && host.len && str_eq_fold(str_skip(origin, (size_t)scheme + 3), host);
}

static bool is_json_type(struct str type)
{
    ptrdiff_t semicolon = str_find_char(type, ';');
    return str_eq_fold(str_trim(semicolon < 0 ? type : str_slice(type, 0, (size_t)semicolon)), STR("application/json"));
}

/* A field that decides who may do what and stands there twice would be judged by its first and believed by its second
 * somewhere else: its name, NULL when there is none. (Host is held by the parser.) */
static const char *said_twice(const struct http_request *r)
{
    static const struct str once[] = {{"origin", 6},    {"sec-fetch-site", 14}, {"authorization", 13}, {"x-hearth-key", 12},
                                      {"x-api-key", 9}, {"api-key", 7},         {"x-goog-api-key", 14}, {"content-type", 12}};
    unsigned seen = 0;
    for (size_t i = 0; i < r->header_count; i++)
        for (size_t k = 0; k < COUNT_OF(once); k++) {
            if (!str_eq(r->header[i].name, once[k]))
                continue;
            if (seen & 1u << k)
                return once[k].ptr;
            seen |= 1u << k;
        }
    return NULL;
}

static bool is_form_type(struct str type)
{
    ptrdiff_t semicolon = str_find_char(type, ';');
    return str_eq_fold(str_trim(semicolon < 0 ? type : str_slice(type, 0, (size_t)semicolon)), STR("multipart/form-data"));
}

/* A page can send a form to anybody unasked, but its browser says where it comes from; those paths that want one take it. */
bool browser_admits(struct gateway_loop *gl, struct http_exchange *x, bool takes_forms)
{
    const struct gateway *g = gl->gateway;
    const struct http_request *r = http_exchange_request(x);
    const char *twice = said_twice(r);
    if (twice) {
        reply_error(gl, x, 400, "bad_request", "the header %s is given more than once; send it once", twice);
        return false;
    }
    struct str origin = http_request_header(r, "origin"), site = http_request_header(r, "sec-fetch-site");
    if (!browser_host_is_ours(g, r->host)) {
        reply_error(gl, x, 403, "host_not_allowed", "Host %.*s is not one of this server's names; add it to `hosts:` in the config",
                    STR_FMT(str_slice(r->host, 0, 200)));
        return false;
    }
    bool listed = origin.ptr && origin_is_listed(g, origin);
    if (origin.ptr && !listed && !origin_is_host(origin, r->host)) {
        reply_error(gl, x, 403, "origin_not_allowed", "pages of %.*s may not use this server; add the origin to `origins:` in the config",
                    STR_FMT(str_slice(origin, 0, 200)));
        return false;
    }
    bool from_here = !site.ptr || str_eq(site, STR("same-origin")) || str_eq(site, STR("none"));
    if (!from_here && !listed) {
        reply_error(gl, x, 403, "origin_not_allowed", "requests from other sites are refused (sec-fetch-site: %.*s)",
                    STR_FMT(str_slice(site, 0, 40)));
        return false;
    }
    bool sends = r->method == HTTP_POST || r->method == HTTP_PUT || r->method == HTTP_PATCH;
    struct str type = http_request_header(r, "content-type");
    if (sends && (origin.ptr || site.ptr) && !(takes_forms ? is_form_type(type) : is_json_type(type))) {
        reply_error(gl, x, 415, "unsupported_media_type", "a request from a browser needs `content-type: %s` here",
                    takes_forms ? "multipart/form-data" : "application/json");
        return false;
    }
    return true;
}

size_t browser_headers(const struct gateway *g, const struct http_request *r, struct http_header *h)
{
    struct str origin = http_request_header(r, "origin");
    if (!origin.ptr || !origin_is_listed(g, origin))
        return 0;
    h[0] = (struct http_header){STR("access-control-allow-origin"), origin};
    h[1] = (struct http_header){STR("vary"), STR("origin")};
    h[2] = (struct http_header){STR("access-control-expose-headers"),
                                STR("x-request-id, retry-after, x-should-retry, x-hearth-call, x-hearth-job, x-hearth-target, "
                                    "x-hearth-attempts, x-hearth-regime, x-hearth-boundary, x-hearth-overhead-us, x-hearth-cost-usd, "
                                    "x-hearth-spill, x-hearth-lost, x-hearth-dropped")};
    return 3;
}

void browser_preflight(struct gateway_loop *gl, struct http_exchange *x)
{
    struct http_header h[REPLY_HEADERS_MAX];
    struct str asked = http_request_header(http_exchange_request(x), "access-control-request-headers");
    size_t n = mesh_headers_none(h, "-");
    h[n++] = (struct http_header){STR("allow"), STR("GET, HEAD, POST, OPTIONS")};
    h[n++] = (struct http_header){STR("access-control-allow-methods"), STR("GET, HEAD, POST, OPTIONS")};
    if (asked.len) /* browser SDKs send a dozen x-stainless-* headers; which does not matter once the origin is listed */
        h[n++] = (struct http_header){STR("access-control-allow-headers"), asked};
    h[n++] = (struct http_header){STR("access-control-max-age"), STR("600")};
    reply_headers(gl, x, 204, h, n, STR_NONE);
}
