/* admin.c: the admin API: its table of endpoints, its token, and errands to the clerk's thread. The token is needed from
 * every caller, the one on this machine too: other programs and pages run there as well. */
#include "gateway/admin_priv.h"
#include "base/mem.h"
#include "net/loop.h"
#include <openssl/crypto.h>

/* One line adds an endpoint; docs/reference/openapi.json must have it too (a test compares). */
static const struct admin_row rows[] = {
    {HTTP_GET, "/hearth/v1/status", admin_status},
    {HTTP_GET, "/hearth/v1/targets", admin_targets},
    {HTTP_GET, "/hearth/v1/keys", admin_keys_list},
    {HTTP_POST, "/hearth/v1/keys", admin_keys_add},
    {HTTP_DELETE, "/hearth/v1/keys/{name}", admin_keys_revoke},
    {HTTP_GET, "/hearth/v1/usage", admin_usage},
    {HTTP_GET, "/hearth/v1/calls/{id}", admin_call},
    {HTTP_GET, "/hearth/v1/plan", admin_plan},
    {HTTP_POST, "/hearth/v1/plan/estimate", admin_plan_estimate},
    {HTTP_POST, "/hearth/v1/reload", admin_reload},
    {HTTP_GET, "/hearth/v1/events", admin_events},
};

const struct admin_row *admin_row(size_t i)
{
    return i < COUNT_OF(rows) ? &rows[i] : NULL;
}

/* --- answers ---------------------------------------------------------------------------------------------------------- */

void admin_reply(struct gateway_loop *gl, struct http_exchange *x, int status, int rc, struct str body)
{
    struct http_header h[REPLY_HEADERS_MAX];
    if (rc < 0) {
        reply_error(gl, x, 503, "overloaded", "the answer does not fit into memory");
        return;
    }
    size_t n = mesh_headers_none(h, "-");
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    h[n++] = (struct http_header){STR("cache-control"), STR("no-store")};
    reply_headers(gl, x, status, h, n, body);
}

void admin_fail(struct gateway_loop *gl, struct http_exchange *x, const struct err *e)
{
    static const struct {
        int code, status;
        const char *word;
    } of[] = {{ERR_NOT_FOUND, 404, "not_found"},  {ERR_EXISTS, 409, "exists"}, {ERR_INVALID, 400, "invalid_value"},
              {ERR_SYNTAX, 400, "invalid_value"}, {ERR_LIMIT, 507, "limit"},   {ERR_BUSY, 503, "busy"},
              {ERR_NOMEM, 503, "overloaded"}};
    size_t i = 0;
    while (i < COUNT_OF(of) && of[i].code != e->code)
        i++;
    bool known = i < COUNT_OF(of);
    reply_error(gl, x, known ? of[i].status : 500, known ? of[i].word : "internal_error", "%s", e->text);
}

/* --- errands ------------------------------------------------------------------------------------------------------------ */

void errand_free(struct errand *r)
{
    if (r->body.ptr)
        explicit_bzero(r->body.ptr, r->body.cap); /* it may hold a new key */
    buf_fini(&r->body);
    arena_fini(&r->arena);
    mem_free(r);
}

static void errand_run(struct clerk_job *job)
{
    struct errand *r = (struct errand *)(void *)((char *)job - offsetof(struct errand, job));
    r->fn(r);
}

static void errand_done(struct clerk_job *job)
{
    struct errand *r = (struct errand *)(void *)((char *)job - offsetof(struct errand, job));
    if (r->x) {
        http_exchange_set(r->x, NULL);
        if (r->status)
            admin_reply(r->gl, r->x, r->status, 0, buf_str(&r->body));
        else
            admin_fail(r->gl, r->x, &r->err);
    }
    errand_free(r);
}

static void errand_gone(struct reply_owner *o)
{
    ((struct errand *)o)->x = NULL; /* errand_done frees it: the clerk may be at it */
}

struct errand *errand_new(const struct admin_ask *ask, void (*fn)(struct errand *r), size_t wish_bytes)
{
    struct errand *r = new0(struct errand);
    if (r)
        *r = (struct errand){.owner = {.on_gone = errand_gone},
                             .job = {.run = errand_run, .done = errand_done, .loop = ask->gl->loop},
                             .gateway = ask->gl->gateway,
                             .gl = ask->gl,
                             .x = ask->x,
                             .arena = ARENA_INIT(ERRAND_ARENA_MAX),
                             .fn = fn,
                             .body = BUF_INIT(ERRAND_BODY_MAX)};
    if (r && (r->wish = arena_zalloc(&r->arena, wish_bytes)))
        return r;
    if (r)
        errand_free(r);
    reply_error(ask->gl, ask->x, 503, "overloaded", "out of memory; try again");
    return NULL;
}

void errand_send(struct errand *r)
{
    http_exchange_set(r->x, r);
    if (clerk_submit(r->gateway->clerk, &r->job))
        return;
    http_exchange_set(r->x, NULL);
    reply_error_later(r->gl, r->x, 503, "overloaded", 1000, "too many requests of this kind are under way; try again");
    errand_free(r);
}

/* --- queries ------------------------------------------------------------------------------------------------------------ */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

static bool decode(struct arena *a, struct str s, struct str *out)
{
    char *to = arena_alloc(a, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; to && i < s.len; i++) {
        bool coded = s.ptr[i] == '%';
        if (coded && (i + 2 >= s.len || hex(s.ptr[i + 1]) < 0 || hex(s.ptr[i + 2]) < 0))
            return false;
        to[n++] = coded ? (char)(hex(s.ptr[i + 1]) * 16 + hex(s.ptr[i + 2])) : s.ptr[i] == '+' ? ' ' : s.ptr[i];
        i += coded ? 2 : 0;
    }
    *out = str_of(to, n);
    return to != NULL;
}

bool query_value(struct arena *a, struct str query, const char *name, struct str *out)
{
    struct str pair;
    *out = STR_NONE;
    while (str_cut(&query, '&', &pair)) {
        ptrdiff_t equals = str_find_char(pair, '=');
        struct str key = equals < 0 ? pair : str_slice(pair, 0, (size_t)equals);
        if (str_eq(key, str_from(name)))
            return decode(a, equals < 0 ? STR("") : str_skip(pair, (size_t)equals + 1), out);
    }
    return true;
}

/* --- the door ------------------------------------------------------------------------------------------------------------ */

bool admin_shows_token(const struct gateway_loop *gl, struct http_exchange *x)
{
    uint8_t digest[KEY_DIGEST_BYTES];
    struct str token = usual_bearer(http_exchange_request(x));
    return token.len && key_digest(token, digest) == 0 &&
           CRYPTO_memcmp(digest, gl->gateway->admin_digest, sizeof digest) == 0;
}

bool admin_admits(struct gateway_loop *gl, struct http_exchange *x)
{
    if (admin_shows_token(gl, x))
        return true;
    struct http_header h[REPLY_HEADERS_MAX];
    AUTO_BUF struct buf body = BUF_INIT(4 * KiB);
    size_t n = mesh_headers_none(h, "-");
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    h[n++] = (struct http_header){STR("www-authenticate"), STR("Bearer")};
    if (error_write(&body, 401,
                    STR("the admin API needs `authorization: Bearer` with the token in the file admin-token of the "
                        "data folder, "
                        "from callers on this machine too"),
                    NULL, NULL, "invalid_admin_token") < 0)
        buf_clear(&body);
    reply_headers(gl, x, 401, h, n, buf_str(&body));
    return false;
}

/* Does the path match a row's? What stands for {name} goes into *rest; it is never empty and holds no slash. */
static bool matches(const struct admin_row *row, struct str path, struct str *rest)
{
    struct str pattern = str_from(row->path);
    ptrdiff_t open = str_find_char(pattern, '{');
    *rest = STR_NONE;
    if (open < 0)
        return str_eq(path, pattern);
    if (!str_starts(path, str_slice(pattern, 0, (size_t)open)))
        return false;
    *rest = str_skip(path, (size_t)open);
    return rest->len && str_find_char(*rest, '/') < 0;
}

/* RFC 9110 wants to be told what does work. */
static void wrong_method(struct gateway_loop *gl, struct http_exchange *x)
{
    static const char *const names[] = {[HTTP_GET] = "GET, HEAD", [HTTP_POST] = "POST", [HTTP_DELETE] = "DELETE"};
    const struct http_request *r = http_exchange_request(x);
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB), body = BUF_INIT(64 * KiB), allow = BUF_INIT(1 * KiB);
    struct http_header h[REPLY_HEADERS_MAX];
    struct str rest;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (matches(&rows[i], r->path, &rest))
            (void)buf_append_format(&allow, "%s%s", allow.len ? ", " : "", names[rows[i].method]);
    (void)buf_append_format(&text, "%.*s does not work here; use %.*s", STR_FMT(r->method_text),
                            STR_FMT(buf_str(&allow)));
    if (error_write(&body, 405, buf_str(&text), "invalid_request_error", NULL, "method_not_allowed") < 0)
        buf_clear(&body);
    size_t n = mesh_headers_none(h, "-");
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    h[n++] = (struct http_header){STR("allow"), buf_str(&allow)};
    reply_headers(gl, x, 405, h, n, buf_str(&body));
}

void admin_request(struct gateway_loop *gl, struct http_exchange *x, int unused)
{
    (void)unused;
    const struct http_request *r = http_exchange_request(x);
    struct admin_ask ask = {.gl = gl, .x = x};
    bool there = false;
    if (!admin_admits(gl, x))
        return;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!matches(&rows[i], r->path, &ask.rest))
            continue;
        if (rows[i].method == r->method || (r->method == HTTP_HEAD && rows[i].method == HTTP_GET)) {
            rows[i].fn(&ask);
            return;
        }
        there = true;
    }
    if (there)
        wrong_method(gl, x);
    else
        reply_error(gl, x, 404, "not_found", "there is nothing at %.*s; docs/reference/openapi.json has the admin API",
                    STR_FMT(str_slice(r->path, 0, 200)));
}
