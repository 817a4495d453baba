/* reply.c: answers made by the gateway itself. */
#include "gateway/gateway_priv.h"

void reply_headers(struct gateway_loop *gl, struct http_exchange *x, int status, struct http_header *h, size_t count, struct str body)
{
    count += browser_headers(gl->gateway, http_exchange_request(x), h + count);
    if (http_reply(x, status, h, count, body) < 0)
        http_reply_abort(x);
}

void reply_with(struct gateway_loop *gl, struct http_exchange *x, int status, struct str type, struct str body)
{
    struct http_header h[REPLY_HEADERS_MAX];
    size_t n = mesh_headers_none(h, "-");
    h[n++] = (struct http_header){STR("content-type"), type};
    reply_headers(gl, x, status, h, n, body);
}

static const char *type_of(int status)
{
    return status == 429 ? "rate_limit_error" : status >= 500 ? "server_error" : "invalid_request_error";
}

/* retry_after_ms < 0: nothing is said about it. */
static void reply_error_v(struct gateway_loop *gl, struct http_exchange *x, int status, const char *code, int64_t retry_after_ms,
                          const char *format, va_list args)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB), body = BUF_INIT(64 * KiB);
    struct http_header h[REPLY_HEADERS_MAX];
    char seconds[24];
    size_t n = mesh_headers_none(h, "-");
    (void)buf_append_format_v(&text, format, args);
    const struct codec *codec = dialect_of(http_exchange_request(x));
    struct wire_error e = {.status = status, .message = buf_str(&text), .type = type_of(status), .code = code};
    if (codec->error_write(&e, &body) < 0)
        buf_clear(&body);
    h[n++] = (struct http_header){STR("content-type"), STR("application/json")};
    if (retry_after_ms >= 0)
        h[n++] = (struct http_header){STR("retry-after"),
                                      str_of(seconds, text_format(seconds, sizeof seconds, "%lld", (long long)(retry_after_ms + 999) / 1000))};
    reply_headers(gl, x, status, h, n, buf_str(&body));
}

void reply_error(struct gateway_loop *gl, struct http_exchange *x, int status, const char *code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    reply_error_v(gl, x, status, code, -1, format, args);
    va_end(args);
}

void reply_error_later(struct gateway_loop *gl, struct http_exchange *x, int status, const char *code, int64_t retry_after_ms,
                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    reply_error_v(gl, x, status, code, retry_after_ms, format, args);
    va_end(args);
}
