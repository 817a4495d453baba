/* http_fetch_body.c: the framing of a reply's body: a length, chunks, or everything until the connection closes. */
#include "base/err.h"
#include "net/http_client_priv.h"

void http_body_init(struct http_body *b, const struct http_head *h, bool no_body)
{
    *b = (struct http_body){.kind = HTTP_BODY_CLOSE};
    if (no_body || h->status == 204 || h->status == 304)
        b->kind = HTTP_BODY_LENGTH;
    else if (h->chunked)
        b->kind = HTTP_BODY_CHUNKED;
    else if (h->length >= 0)
        *b = (struct http_body){.kind = HTTP_BODY_LENGTH, .left = (uint64_t)h->length};
}

int http_body_feed(struct http_body *b, char *bytes, size_t n, struct str *data, size_t *used)
{
    if (b->kind == HTTP_BODY_CHUNKED)
        return http_chunked_strip(&b->chunked, bytes, n, data, used);
    *used = b->kind == HTTP_BODY_LENGTH && b->left < n ? (size_t)b->left : n;
    *data = str_of(bytes, *used);
    if (b->kind == HTTP_BODY_CLOSE)
        return 0;
    b->left -= *used;
    return b->left == 0;
}
