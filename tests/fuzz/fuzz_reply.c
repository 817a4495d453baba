/* fuzz_reply.c: the readers of a reply's head and body, on any bytes in any cuts, each part in memory of its own. Checked:
 * the cuts change nothing (head, body, end, and how many bytes that took); nothing is handed out that did not come in; a
 * head that is accepted has a final status, could be relayed, and leaves no doubt about where its body ends. Input: two
 * bytes seed the cuts, a third says whether the request was a HEAD, the rest is the reply. */
#include "base/mem.h"
#include "net/http_client_priv.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_MAX = 4 * 1024, REPLY_MAX = 64 * 1024 };

struct seen { /* all that a reader of the reply learns */
    enum http_head_rc head;
    int end;
    size_t used;
    struct buf text;
};

static void check_head(const struct http_head *h)
{
    int lengths = 0;
    assert(h->status >= 200 && h->status <= 999);
    for (size_t i = 0; i < h->count; i++) {
        struct str name = h->header[i].name, value = h->header[i].value;
        assert(name.len > 0);
        for (size_t k = 0; k < name.len; k++)
            assert(http_token_lower[(uint8_t)name.ptr[k]] == (uint8_t)name.ptr[k]);
        for (size_t k = 0; k < value.len; k++)
            assert(((uint8_t)value.ptr[k] >= 0x20 || value.ptr[k] == '\t') && value.ptr[k] != 0x7f);
        lengths += str_eq(name, STR("content-length"));
    }
    assert(!(h->chunked && lengths));
    assert((h->length >= 0) == (lengths > 0));
}

static void see_head(struct seen *s, const struct http_head *h)
{
    int rc = buf_append_format(&s->text, "%d %d %d %lld", h->status, h->keep_alive, h->chunked, (long long)h->length);
    for (size_t i = 0; rc == 0 && i < h->count; i++)
        rc = buf_append_format(&s->text, "|%.*s=%.*s", STR_FMT(h->header[i].name), STR_FMT(h->header[i].value));
    assert(rc == 0);
}

/* Reads one part; *used is how much of it belonged to the reply. */
static bool read_part(struct seen *s, struct http_head *h, struct http_body *b, struct http_fields *room, char *part,
                      size_t n, bool head_request)
{
    size_t used = 0, more = 0;
    if (s->head != HEAD_COMPLETE) {
        s->head = http_head_feed(h, room, part, n, &used);
        s->used += s->head == HEAD_COMPLETE || s->head == HEAD_MORE ? used : 0;
        if (s->head != HEAD_COMPLETE)
            return s->head == HEAD_MORE;
        check_head(h);
        see_head(s, h);
        http_body_init(b, h, head_request);
    }
    struct str data = STR_NONE;
    s->end = http_body_feed(b, part + used, n - used, &data, &more);
    assert(data.len == 0 || (data.ptr >= part + used && data.ptr + data.len <= part + n));
    assert(more <= n - used && data.len <= more);
    s->used += more;
    int rc = buf_append(&s->text, data);
    assert(rc == 0);
    return s->end == 0;
}

static void read_all(struct seen *s, const uint8_t *bytes, size_t n, uint32_t seed, bool head_request)
{
    struct http_fields room = {0};
    struct http_head h;
    struct http_body b = {0};
    *s = (struct seen){.text = BUF_INIT(1 * MiB)};
    http_head_init(&h, HEAD_MAX);
    bool go_on = true;
    for (size_t at = 0, part; go_on && at < n; at += part) {
        seed = seed * 1103515245u + 12345u;
        part = seed < 0x10000u ? n : 1 + (seed >> 16) % (seed & 0x100 ? 7u : 300u);
        part = part < n - at ? part : n - at;
        char *copy = mem_dup(bytes + at, part);
        assert(copy);
        go_on = read_part(s, &h, &b, &room, copy, part, head_request);
        mem_free(copy);
    }
    mem_free(room.at);
    http_head_fini(&h);
}

static void read_whole(struct seen *s, const uint8_t *bytes, size_t n, bool head_request)
{
    struct http_fields room = {0};
    struct http_head h;
    struct http_body b = {0};
    *s = (struct seen){.text = BUF_INIT(1 * MiB)};
    http_head_init(&h, HEAD_MAX);
    char *copy = mem_dup(bytes, n);
    assert(copy);
    (void)read_part(s, &h, &b, &room, copy, n, head_request);
    mem_free(copy);
    mem_free(room.at);
    http_head_fini(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > REPLY_MAX)
        return 0;
    bool head_request = data[2] & 1;
    struct seen whole, parts;
    read_whole(&whole, data + 3, size - 3, head_request);
    read_all(&parts, data + 3, size - 3, data[0] | (uint32_t)data[1] << 8 | 0x5a0000, head_request);
    /* A head that is too large and malformed as well may be told as either. */
    bool both_bad = whole.head > HEAD_COMPLETE && parts.head > HEAD_COMPLETE;
    assert(both_bad || (whole.head == parts.head && whole.end == parts.end));
    assert(both_bad || whole.end < 0 || whole.used == parts.used);
    assert(str_eq(buf_str(&whole.text), buf_str(&parts.text)));
    buf_fini(&whole.text);
    buf_fini(&parts.text);
    return 0;
}
