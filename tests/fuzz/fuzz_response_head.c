/* fuzz_response_head.c: the real HTTP client against a peer that replays any bytes, in any cuts, and closes. Checked: it
 * ends, in bounded turns, with exactly one on_done; the head comes at most once, before the body, with a final status and
 * headers that could be relayed; success means there was a head. Input: one byte seeds the cuts, the rest is the reply. */
#include "net/http_client.h"
#include "net/resolve.h"
#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURNS_MAX = 2000, REPLY_MAX = 100000, HEAD_MAX = 8 * 1024 };

static struct loop *loop;
static struct resolver *resolver;
static struct http_client *client;
static char path[64];

struct seen {
    int heads, dones;
    size_t body;
    enum fetch_end end;
};

static void check_text(struct str s, bool name)
{
    assert(!name || s.len > 0);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        assert(c >= 0x20 || (c == '\t' && !name));
        assert(c != 0x7f && !(name && (c == ' ' || c == ':' || (c >= 'A' && c <= 'Z'))));
    }
}

static int on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx)
{
    struct seen *s = ctx;
    (void)f;
    assert(s->heads++ == 0 && s->body == 0 && s->dones == 0);
    assert(h->status >= 200 && h->status <= 999);
    size_t bytes = 0;
    for (size_t i = 0; i < h->header_count; i++) {
        check_text(h->header[i].name, true);
        check_text(h->header[i].value, false);
        bytes += h->header[i].name.len + h->header[i].value.len;
    }
    assert(bytes <= HEAD_MAX);
    return 0;
}

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct seen *s = ctx;
    (void)f;
    assert(s->heads == 1 && s->dones == 0 && bytes.len > 0);
    s->body += bytes.len;
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    struct seen *s = ctx;
    (void)f;
    assert(s->dones++ == 0);
    assert(r->end != FETCH_OK || s->heads == 1);
    assert((r->status != 0) == (s->heads == 1));
    s->end = r->end;
}

static void clean_up(void)
{
    http_client_close(client);
    resolver_close(resolver);
    loop_close(loop);
}

static void set_up(void)
{
    (void)text_format(path, sizeof path, "/tmp/hearth-fuzz-%d", (int)getpid());
    int rc = loop_open(&loop, &(struct loop_options){.clock = clock_system()}, NULL) |
             resolver_open(&resolver, &(struct resolver_options){0}, NULL) |
             http_client_open(
                 &client, &(struct http_client_options){.loop = loop, .resolver = resolver, .head_bytes_max = HEAD_MAX},
                 NULL);
    assert(rc == 0);
    atexit(clean_up);
}

/* The peer's end of the client's connection. The socket's name is there for that long only, because a fuzzer may be
 * stopped at any time. */
static int connected(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)text_format(at.sun_path, sizeof at.sun_path, "%s", path);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), fd = -1;
    int rc = bind(listener, (struct sockaddr *)&at, sizeof at) | listen(listener, 1);
    assert(rc == 0);
    for (int i = 0; i < TURNS_MAX && fd < 0; i++) {
        loop_turn(loop, i < 10 ? 0 : 1);
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    assert(fd >= 0);
    (void)unlink(path);
    close(listener);
    return fd;
}

/* Writes what fits, in pieces, with turns of the loop in between. */
static void replay(int fd, struct str reply, uint8_t seed, const struct seen *s)
{
    uint32_t state = seed;
    for (int turns = 0; reply.len && !s->dones && turns < TURNS_MAX * 50; turns++) {
        state = state * 1103515245u + 12345u;
        size_t n = seed == 0 ? reply.len : 1 + (state >> 16) % (seed < 100 ? 64u : 8192u);
        ssize_t w = send(fd, reply.ptr, n < reply.len ? n : reply.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (w > 0)
            reply = str_skip(reply, (size_t)w);
        loop_turn(loop, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!client)
        set_up();
    if (size < 1 || size > REPLY_MAX)
        return 0;
    struct seen s = {0};
    struct str body = STR("{}");
    struct http_fetch *f;
    int rc = http_fetch_start(&f, client,
                              &(struct http_fetch_options){.url = STR("http://fuzz/"),
                                                           .unix_path = str_from(path),
                                                           .method = STR("POST"),
                                                           .body = &body,
                                                           .body_count = 1,
                                                           .connect_timeout_ms = 10000,
                                                           .on_head = on_head,
                                                           .on_body = on_body,
                                                           .on_done = on_done,
                                                           .ctx = &s},
                              NULL);
    assert(rc == 0);
    int fd = connected();
    for (char request[4096]; recv(fd, request, sizeof request, 0) <= 0;)
        loop_turn(loop, 1);
    replay(fd, str_of(data + 1, size - 1), data[0], &s);
    close(fd);
    for (int i = 0; i < TURNS_MAX && !s.dones; i++)
        loop_turn(loop, 1);
    assert(s.dones == 1);
    loop_turn(loop, 0); /* the idle connection, if any, is seen to be closed */
    return 0;
}
