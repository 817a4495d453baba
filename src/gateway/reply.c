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

void reply_error(struct gateway_loop *gl, struct http_exchange *x, int status, const char *code, const char *format, ...)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB), body = BUF_INIT(64 * KiB);
    va_list args;
    va_start(args, format);
    (void)buf_append_format_v(&text, format, args);
    va_end(args);
    if (error_write(&body, status, buf_str(&text), type_of(status), NULL, code) < 0)
        buf_clear(&body);
    reply_with(gl, x, status, STR("application/json"), buf_str(&body));
}
