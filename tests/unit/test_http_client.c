/* test_http_client.c: requests to upstreams, against scripted servers on the loopback: what is sent, what each way to end
 * means, when connections are reused and when not, and that a cancelled fetch closes its connection at any stage. It is
 * one piece because every test needs the scripted server and the loop around it, which nothing else uses. */
#include "base/buf.h"
#include "net/http_client.h"
#include "net/resolve.h"
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

/* --- a scripted server: one thread accepts, one per connection answers; the path says how -------------------------- */

enum { CONNECTIONS_MAX = 512, FLOOD_BYTES = 48 << 20 };

struct server {
    int fd, port;
    pthread_t thread, peer_thread[CONNECTIONS_MAX];
    SSL_CTX *tls; /* NULL: plain */
    atomic_int connections, ended, requests, closed, resumed, stop;
    atomic_long flooded;  /* bytes of the flood the kernel took */
    pthread_mutex_t lock; /* guards the two below */
    struct buf last_head, last_body;
};

struct peer {
    struct server *s;
    int fd, served;
    SSL *ssl;
    struct buf in;
};

static ssize_t peer_read(struct peer *p, char *out, size_t n)
{
    if (p->ssl)
        return SSL_read(p->ssl, out, (int)n);
    return recv(p->fd, out, n, 0);
}

static bool peer_write(struct peer *p, const char *bytes, size_t n)
{
    while (n) {
        ssize_t w = p->ssl ? SSL_write(p->ssl, bytes, (int)n) : send(p->fd, bytes, n, MSG_NOSIGNAL);
        if (w <= 0)
            return false;
        bytes += w;
        n -= (size_t)w;
    }
    return true;
}

static bool say(struct peer *p, const char *text)
{
    return peer_write(p, text, strlen(text));
}

static bool fill(struct peer *p)
{
    char chunk[16384];
    ssize_t n = peer_read(p, chunk, sizeof chunk);
    return n > 0 && buf_append(&p->in, str_of(chunk, (size_t)n)) == 0;
}

static void wait_for_close(struct peer *p)
{
    while (fill(p))
        buf_clear(&p->in);
    atomic_fetch_add(&p->s->closed, 1);
}

static char pattern(size_t i)
{
    return (char)('a' + (i * 7 + (i >> 10)) % 26);
}

static void flood(struct peer *p)
{
    struct buf head = BUF_INIT(256);
    (void)buf_append_format(&head, "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n", FLOOD_BYTES);
    bool good = peer_write(p, head.ptr, head.len);
    buf_fini(&head);
    static const int small = 64 * 1024;
    (void)setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    char block[8192];
    for (size_t at = 0; good && at < FLOOD_BYTES; at += sizeof block) {
        for (size_t i = 0; i < sizeof block; i++)
            block[i] = pattern(at + i);
        good = peer_write(p, block, sizeof block);
        atomic_fetch_add(&p->s->flooded, (long)sizeof block);
    }
}

static void large_head(struct peer *p, bool one_line)
{
    char text[1024];
    memset(text, 'x', sizeof text);
    bool good = say(p, "HTTP/1.1 200 OK\r\n") && (!one_line || say(p, "x-long: "));
    for (int i = 0; good && i < 400; i++)
        good = (one_line || say(p, "x-many: ")) && peer_write(p, text, sizeof text) && (one_line || say(p, "\r\n"));
    if (good)
        wait_for_close(p);
}

/* A header of 40 KiB: more than libcurl hands over at once. */
static bool long_header(struct peer *p)
{
    struct buf b = BUF_INIT(64 * KiB);
    (void)buf_append_text(&b, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-long: ");
    for (int i = 0; i < 40 * 1024; i++)
        (void)buf_append_char(&b, pattern((size_t)i));
    (void)buf_append_text(&b, "\r\n\r\n");
    bool good = peer_write(p, b.ptr, b.len);
    buf_fini(&b);
    return good;
}

static const struct {
    const char *path, *reply;
    bool close;
} replies[] = {
    {"/ok", "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Two:  a b \r\ncontent-length: 5\r\n\r\nhello", false},
    {"/empty", "HTTP/1.1 204 No Content\r\n\r\n", false},
    {"/chunked",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-Late: 1\r\n\r\n", false},
    {"/informational",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 201 Made\r\ncontent-length: "
     "2\r\n\r\nok",
     false},
    {"/until-close", "HTTP/1.0 200 OK\r\n\r\nold style", true},
    {"/folded", "HTTP/1.1 200 OK\r\nx-fold: a\r\n  b\r\ncontent-length: 0\r\n\r\n", false},
    {"/error", "HTTP/1.1 529 Overloaded\r\ncontent-length: 4\r\n\r\nbusy", false},
    {"/redirect", "HTTP/1.1 302 Found\r\nlocation: /ok\r\ncontent-length: 0\r\n\r\n", false},
    {"/truncated", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello", true},
    {"/cut-chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel", true},
    {"/no-last-chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", true},
    {"/bad-chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n", true},
    {"/nothing", "", true},
    {"/half-head", "HTTP/1.1 200 OK\r\ncontent-le", true},
    {"/no-http", "hello there\r\n\r\n", true},
    {"/bad-status", "HTTP/1.1 2x0 OK\r\n\r\n", true},
    {"/status-99", "HTTP/1.1 099 Odd\r\n\r\n", true},
    {"/http-9", "HTTP/9.9 200 OK\r\n\r\n", true},
    {"/http-2", "HTTP/2 200\r\n\r\n", true},
    {"/excess", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false},
    {"/gzip", "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", true},
    {"/gzip-transfer", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", true},
    {"/identity", "HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-length: 3\r\n\r\nabc", false},
    {"/two-lengths", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd", true},
    {"/bad-length", "HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\nabcd", true},
    {"/control-byte", "HTTP/1.1 200 OK\r\nx-a: b\001c\r\ncontent-length: 0\r\n\r\n", true},
    {"/bare-cr", "HTTP/1.1 200 OK\r\nx-a: b\rc\r\ncontent-length: 0\r\n\r\n", true},
    {"/bad-name", "HTTP/1.1 200 OK\r\nx a: b\r\ncontent-length: 0\r\n\r\n", true},
    {"/fold-first", "HTTP/1.1 200 OK\r\n x-a: b\r\ncontent-length: 0\r\n\r\n", true},
    {"/switch", "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", true},
    {"/stream",
     "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n",
     false},
};

/* Returns false when the connection is over. */
static bool serve(struct peer *p, struct str path)
{
    struct server *s = p->s;
    p->served++;
    if (str_eq(path, STR("/silent")) || str_eq(path, STR("/die-second")) || str_eq(path, STR("/mumble-second"))) {
        if (!str_eq(path, STR("/silent")) && p->served == 1)
            return say(p, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        if (str_eq(path, STR("/mumble-second")))
            (void)say(p, "HTTP/1.1 2");
        if (str_eq(path, STR("/silent")))
            wait_for_close(p);
        return false;
    }
    if (str_eq(path, STR("/long-header")))
        return long_header(p);
    if (str_eq(path, STR("/flood")))
        flood(p);
    if (str_eq(path, STR("/many-headers")) || str_eq(path, STR("/long-line")))
        large_head(p, str_eq(path, STR("/long-line")));
    if (str_eq(path, STR("/echo"))) {
        struct buf b = BUF_INIT(64 * MiB);
        pthread_mutex_lock(&s->lock);
        (void)buf_append_format(&b, "HTTP/1.1 200 OK\r\ncontent-length: %zu\r\n\r\n", s->last_body.len);
        (void)buf_append(&b, buf_str(&s->last_body));
        pthread_mutex_unlock(&s->lock);
        bool good = peer_write(p, b.ptr, b.len);
        buf_fini(&b);
        return good;
    }
    for (size_t i = 0; i < COUNT_OF(replies); i++) {
        if (!str_eq(path, str_from(replies[i].path)))
            continue;
        bool good = say(p, replies[i].reply) && !replies[i].close;
        if (good && str_eq(path, STR("/excess"))) {
            (void)poll(NULL, 0, 20); /* so that it is not read with the reply */
            good = say(p, "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged");
        }
        if (good && str_eq(path, STR("/stream")))
            wait_for_close(p);
        return good && !str_eq(path, STR("/stream"));
    }
    return false;
}

/* Reads one request into the server's last_head and last_body. */
static bool take_request(struct peer *p, char path[64])
{
    ptrdiff_t end;
    while ((end = str_find(buf_str(&p->in), STR("\r\n\r\n"))) < 0)
        if (!fill(p))
            return false;
    struct str head = str_slice(buf_str(&p->in), 0, (size_t)end + 4);
    struct buf lower = BUF_INIT(1 * MiB);
    (void)buf_append(&lower, head);
    for (size_t i = 0; i < lower.len; i++)
        if (lower.ptr[i] >= 'A' && lower.ptr[i] <= 'Z')
            lower.ptr[i] = (char)(lower.ptr[i] + 32);
    ptrdiff_t at = str_find(buf_str(&lower), STR("\r\ncontent-length: "));
    uint64_t length = 0;
    if (at >= 0) {
        struct str rest = str_skip(buf_str(&lower), (size_t)at + 18);
        (void)str_to_u64(str_slice(rest, 0, (size_t)str_find_char(rest, '\r')), &length);
    }
    buf_fini(&lower);
    struct str rest = head, word;
    (void)str_cut(&rest, ' ', &word);
    (void)str_cut(&rest, ' ', &word);
    (void)text_format(path, 64, "%.*s", (int)(word.len < 63 ? word.len : 63), word.ptr);
    size_t whole = head.len + (size_t)length;
    while (p->in.len < whole)
        if (!fill(p))
            return false;
    struct server *s = p->s;
    pthread_mutex_lock(&s->lock);
    buf_clear(&s->last_head);
    buf_clear(&s->last_body);
    (void)buf_append(&s->last_head, str_of(p->in.ptr, (size_t)end + 4));
    (void)buf_append(&s->last_body, str_slice(buf_str(&p->in), (size_t)end + 4, whole));
    pthread_mutex_unlock(&s->lock);
    buf_consume(&p->in, whole);
    atomic_fetch_add(&s->requests, 1);
    return true;
}

static void *peer_main(void *arg)
{
    struct peer *p = arg;
    char path[64];
    static const struct timeval limit = {.tv_sec = 20}; /* no test of ours takes longer; a lost thread ends */
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    static const int one = 1;
    (void)setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bool good = true;
    if (p->s->tls) {
        p->ssl = SSL_new(p->s->tls);
        SSL_set_fd(p->ssl, p->fd);
        good = SSL_accept(p->ssl) == 1;
        if (good && SSL_session_reused(p->ssl))
            atomic_fetch_add(&p->s->resumed, 1);
    }
    while (good && take_request(p, path))
        good = serve(p, str_from(path));
    if (p->ssl) {
        (void)SSL_shutdown(p->ssl);
        SSL_free(p->ssl);
    }
    close(p->fd);
    atomic_fetch_add(&p->s->ended, 1);
    buf_fini(&p->in);
    mem_free(p);
    return NULL;
}

static void *server_main(void *arg)
{
    struct server *s = arg;
    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || atomic_load(&s->stop)) {
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        struct peer *p = new0(struct peer);
        *p = (struct peer){.s = s, .fd = fd, .in = BUF_INIT(64 * MiB)};
        int n = atomic_fetch_add(&s->connections, 1);
        (void)!pthread_create(&s->peer_thread[n], NULL, peer_main, p);
    }
}

static void server_start(struct server *s, SSL_CTX *tls)
{
    *s = (struct server){.tls = tls, .last_head = BUF_INIT(4 * MiB), .last_body = BUF_INIT(64 * MiB)};
    (void)signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&s->lock, NULL);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)!bind(s->fd, (struct sockaddr *)&at, len);
    (void)!listen(s->fd, 512);
    (void)!getsockname(s->fd, (struct sockaddr *)&at, &len);
    s->port = ntohs(at.sin_port);
    (void)!pthread_create(&s->thread, NULL, server_main, s);
}

/* After the client has closed its connections. */
static void server_stop(struct server *s)
{
    atomic_store(&s->stop, 1);
    (void)shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (int i = 0; i < atomic_load(&s->connections); i++)
        pthread_join(s->peer_thread[i], NULL);
    buf_fini(&s->last_head);
    buf_fini(&s->last_body);
    pthread_mutex_destroy(&s->lock);
}

/* --- one loop, one client ------------------------------------------------------------------------------------------ */

struct world {
    struct server server;
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *client;
    int dns_fd; /* of a name server that knows good.test and never answers for other names; or -1 */
    pthread_t dns_thread;
};

static void *dns_main(void *arg)
{
    static const uint8_t record[] = {0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1};
    int fd = *(int *)arg;
    uint8_t m[600];
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(fd, m, 500, 0, (struct sockaddr *)&from, &from_len);
        if (n <= 1)
            return NULL;
        if (n < 27 || memcmp(m + 12, "\4good\4test", 10) != 0)
            continue;
        size_t len = 27; /* head and question */
        bool v4 = m[24] == 1;
        m[2] = 0x81;
        m[3] = 0x80;
        m[7] = v4;
        memset(m + 8, 0, 4);
        if (v4)
            memcpy(m + len, record, sizeof record);
        (void)!sendto(fd, m, len + (v4 ? sizeof record : 0), 0, (struct sockaddr *)&from, from_len);
    }
}

static bool world_open_with(struct world *w, SSL_CTX *tls, struct http_client_options opt, bool own_dns)
{
    *w = (struct world){.dns_fd = -1};
    server_start(&w->server, tls);
    struct buf dns = BUF_INIT(64);
    if (own_dns) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t len = sizeof at;
        w->dns_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        (void)!bind(w->dns_fd, (struct sockaddr *)&at, len);
        (void)!getsockname(w->dns_fd, (struct sockaddr *)&at, &len);
        (void)buf_append_format(&dns, "127.0.0.1:%d", ntohs(at.sin_port));
        (void)!pthread_create(&w->dns_thread, NULL, dns_main, &w->dns_fd);
    }
    bool good = loop_open(&w->loop, &(struct loop_options){.clock = clock_system()}, NULL) == 0 &&
                resolver_open(&w->resolver, &(struct resolver_options){.server = buf_str(&dns)}, NULL) == 0;
    buf_fini(&dns);
    opt.loop = w->loop;
    opt.resolver = w->resolver;
    return good && http_client_open(&w->client, &opt, NULL) == 0;
}

static bool world_open(struct world *w)
{
    return world_open_with(w, NULL, (struct http_client_options){0}, false);
}

static void world_close(struct world *w)
{
    http_client_close(w->client);
    resolver_close(w->resolver);
    loop_close(w->loop);
    server_stop(&w->server);
    if (w->dns_fd < 0)
        return;
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    (void)!getsockname(w->dns_fd, (struct sockaddr *)&at, &len);
    (void)!sendto(w->dns_fd, "", 1, 0, (struct sockaddr *)&at, len);
    pthread_join(w->dns_thread, NULL);
    close(w->dns_fd);
}

/* --- one fetch ----------------------------------------------------------------------------------------------------- */

struct run {
    struct world *w;
    struct http_fetch *fetch;
    struct buf url, head, body;
    int heads, dones, body_calls;
    size_t received; /* bytes of the body */
    bool in_order;   /* they follow `pattern` */
    bool keep_body;
    bool pause_each, pause_head;
    bool cancel_in_head, cancel_in_body, cancel_in_done;
    struct http_fetch *cancel_other; /* in on_body */
    bool inside_start;               /* a callback came from inside http_fetch_start */
    bool reused_in_head;
    int allow_calls;
    int (*allow)(const struct sockaddr *a); /* 0 refuses */
    struct http_fetch_result result;
};

static int on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx)
{
    struct run *r = ctx;
    EXPECT(!r->inside_start);
    r->heads++;
    r->reused_in_head = h->reused;
    (void)buf_append_format(&r->head, "%d", h->status);
    for (size_t i = 0; i < h->header_count; i++)
        (void)buf_append_format(&r->head, "|%.*s=%.*s", STR_FMT(h->header[i].name), STR_FMT(h->header[i].value));
    if (r->cancel_in_head)
        http_fetch_cancel(f);
    return r->pause_head;
}

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct run *r = ctx;
    EXPECT(!r->inside_start);
    r->body_calls++;
    for (size_t i = 0; i < bytes.len; i++)
        r->in_order &= bytes.ptr[i] == pattern(r->received + i);
    r->received += bytes.len;
    if (r->keep_body)
        (void)buf_append(&r->body, bytes);
    if (r->cancel_other) {
        http_fetch_cancel(r->cancel_other);
        r->cancel_other = NULL;
    }
    if (r->cancel_in_body)
        http_fetch_cancel(f);
    return r->pause_each;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *result, void *ctx)
{
    struct run *r = ctx;
    EXPECT(!r->inside_start);
    r->dones++;
    r->result = *result;
    if (r->cancel_in_done)
        http_fetch_cancel(f);
    r->fetch = NULL;
}

static bool on_allow(const struct sockaddr *a, void *ctx)
{
    struct run *r = ctx;
    r->allow_calls++;
    return r->allow(a);
}

static void run_init(struct run *r, struct world *w, const char *path)
{
    *r = (struct run){.w = w, .url = BUF_INIT(1000), .head = BUF_INIT(1 * MiB), .body = BUF_INIT(64 * MiB)};
    r->in_order = r->keep_body = true;
    if (path[0] == '/')
        (void)buf_append_format(&r->url, "%s://127.0.0.1:%d%s", w->server.tls ? "https" : "http", w->server.port, path);
    else
        (void)buf_append_text(&r->url, path);
}

static void run_fini(struct run *r)
{
    buf_fini(&r->url);
    buf_fini(&r->head);
    buf_fini(&r->body);
}

static int run_start_with(struct run *r, struct http_fetch_options opt)
{
    opt.url = buf_str(&r->url);
    opt.method = opt.method.len ? opt.method : STR("POST");
    opt.on_head = on_head;
    opt.on_body = on_body;
    opt.on_done = on_done;
    opt.ctx = r;
    opt.connect_timeout_ms = opt.connect_timeout_ms ? opt.connect_timeout_ms : 5000;
    opt.allow = r->allow ? on_allow : NULL;
    r->inside_start = true;
    int rc = http_fetch_start(&r->fetch, r->w->client, &opt, NULL);
    r->inside_start = false;
    EXPECT_I64(rc, 0);
    return rc;
}

static const struct str small_body = {"{\"model\":\"m\"}", 13};

static void run_start(struct run *r)
{
    (void)run_start_with(r, (struct http_fetch_options){.body = &small_body, .body_count = 1});
}

static int64_t now_ms(void)
{
    return clock_mono_us(clock_system()) / 1000;
}

/* Turns until the condition holds, at most 15 seconds. */
#define TURN_UNTIL(w, condition)                                                \
    do {                                                                        \
        for (int64_t end_ = now_ms() + 15000; !(condition) && now_ms() < end_;) \
            loop_turn((w)->loop, 20);                                           \
        EXPECT(condition);                                                      \
    } while (0)
/* The same without our loop taking part. */
#define WAIT_UNTIL(condition)                                                   \
    do {                                                                        \
        for (int64_t end_ = now_ms() + 15000; !(condition) && now_ms() < end_;) \
            (void)poll(NULL, 0, 1);                                             \
        EXPECT(condition);                                                      \
    } while (0)

static void run_finish(struct run *r)
{
    TURN_UNTIL(r->w, r->dones == 1);
}

/* A whole fetch of `path`; the caller ends it by run_fini. */
static void run_path(struct run *r, struct world *w, const char *path)
{
    run_init(r, w, path);
    run_start(r);
    run_finish(r);
}

/* --- requests ------------------------------------------------------------------------------------------------------ */

static struct str last_head(struct world *w)
{
    return buf_str(&w->server.last_head); /* the server is idle when a test looks */
}

TEST(a_post_carries_its_headers_length_and_body_and_nothing_else)
{
    struct world w;
    REQUIRE(world_open(&w));
    static const struct http_header headers[] = {
        {{"authorization", 13}, {"Bearer k", 8}},
        {{"content-type", 12}, {"application/json", 16}},
        {{"x-empty", 7}, {"", 0}},
        {{"Content-Length", 14}, {"999", 3}},
        {{"Expect", 6}, {"100-continue", 12}},
        {{"accept-encoding", 15}, {"gzip", 4}},
        {{"Transfer-Encoding", 17}, {"chunked", 7}},
        {{"host", 4}, {"evil", 4}},
    };
    struct str pieces[] = {STR("{\"a\":"), STR(""), STR("1"), STR("}")};
    struct run r;
    run_init(&r, &w, "/echo?x=%20../y");
    (void)buf_append_text(&r.url, "");
    r.url.len -= 10;
    (void)run_start_with(
        &r, (struct http_fetch_options){
                .header = headers, .header_count = COUNT_OF(headers), .body = pieces, .body_count = COUNT_OF(pieces)});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT_STR(buf_str(&r.body), "{\"a\":1}");
    struct buf want = BUF_INIT(1000);
    (void)buf_append_format(&want,
                            "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nauthorization: Bearer k\r\n"
                            "content-type: application/json\r\nx-empty:\r\naccept-encoding: identity\r\n"
                            "Content-Length: 7\r\n\r\n",
                            w.server.port);
    EXPECT_STR(last_head(&w), buf_text(&want));
    buf_fini(&want);
    run_fini(&r);
    world_close(&w);
}

TEST(a_body_of_any_size_and_cut_arrives_whole)
{
    static const size_t sizes[] = {0, 1, 1024, 65534, 65535, 65536, 200000, 3000000};
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (int cuts = 1; cuts <= 3; cuts++) {
            struct buf body = BUF_INIT(4 * MiB);
            for (size_t k = 0; k < sizes[i]; k++)
                (void)buf_append_char(&body, pattern(k));
            struct str all = buf_str(&body), pieces[3];
            for (int k = 0; k < cuts; k++)
                pieces[k] =
                    str_slice(all, all.len * (size_t)k / (size_t)cuts, all.len * ((size_t)k + 1) / (size_t)cuts);
            struct run r;
            run_init(&r, &w, "/echo");
            (void)run_start_with(&r, (struct http_fetch_options){.body = pieces, .body_count = (size_t)cuts});
            run_finish(&r);
            EXPECT_I64(r.result.end, FETCH_OK);
            EXPECT_I64(r.received, sizes[i]);
            EXPECT(r.in_order);
            EXPECT(str_find(last_head(&w), STR("100-continue")) < 0);
            run_fini(&r);
            buf_fini(&body);
        }
    }
    EXPECT_I64(atomic_load(&w.server.connections), 1);
    world_close(&w);
}

TEST(methods_are_sent_as_given)
{
    static const struct {
        const char *method;
        int body;
        const char *line;
    } table[] = {
        {"GET", 0, "GET /ok HTTP/1.1\r\n"},   {"DELETE", 0, "DELETE /ok HTTP/1.1\r\n"},
        {"PUT", 1, "PUT /ok HTTP/1.1\r\n"},   {"POST", 1, "POST /ok HTTP/1.1\r\n"},
        {"HEAD", 0, "HEAD /ok HTTP/1.1\r\n"}, {"POST", 0, "POST /ok HTTP/1.1\r\n"},
        {"GET", 1, "GET /ok HTTP/1.1\r\n"},   {"GET", 0, "GET /ok HTTP/1.1\r\n"},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct run r;
        run_init(&r, &w, "/ok");
        (void)run_start_with(&r, (struct http_fetch_options){.method = str_from(table[i].method),
                                                             .body = &small_body,
                                                             .body_count = (size_t)table[i].body});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT(str_starts(last_head(&w), str_from(table[i].line)));
        bool has_length = str_find(last_head(&w), STR("Content-Length")) >= 0;
        EXPECT(has_length == (table[i].body || str_eq(str_from(table[i].method), STR("POST"))));
        EXPECT_I64(w.server.last_body.len, table[i].body ? (long long)small_body.len : 0);
        run_fini(&r);
    }
    world_close(&w);
}

TEST(what_cannot_be_asked_for_is_refused_at_the_start)
{
    static const struct {
        const char *url, *method, *name, *value;
    } table[] = {
        {"ftp://h/", "POST", "a", "b"},           {"http://", "POST", "a", "b"},
        {"http://h:0/", "POST", "a", "b"},        {"http://h:70000/", "POST", "a", "b"},
        {"http://u@h/", "POST", "a", "b"},        {"http://h\\@x/", "POST", "a", "b"},
        {"http://[::1/", "POST", "a", "b"},       {"http://[zz]/", "POST", "a", "b"},
        {"http://h/a b", "POST", "a", "b"},       {"http://h/#x", "POST", "a", "b"},
        {"http://h:1:2/", "POST", "a", "b"},      {"http://h\xC3\xA4/", "POST", "a", "b"},
        {"http://h:/x", "POST", "a", "b"},        {"http://127.1/", "POST", "a", "b"},
        {"http://0x7f.0x1/", "POST", "a", "b"},   {"http://h./", "POST", "a", "b"},
        {"http://2130706433/", "POST", "a", "b"}, {"http://h/", "", "a", "b"},
        {"http://h/", "PO ST", "a", "b"},         {"http://h/", "POST", "a", "b\r\nc: d"},
        {"http://h/", "POST", "a:", "b"},         {"http://h/", "POST", "", "b"},
        {"http://h/", "POST", "a;", "b"},         {"", "POST", "a", "b"},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct http_header h = {str_from(table[i].name), str_from(table[i].value)};
        struct http_fetch *f = NULL;
        struct err e = {0};
        int rc = http_fetch_start(
            &f, w.client,
            &(struct http_fetch_options){
                .url = str_from(table[i].url), .method = str_from(table[i].method), .header = &h, .header_count = 1},
            &e);
        if (rc != ERR_INVALID || !e.text[0] || f)
            test_fail(__FILE__, __LINE__, "%s was not refused", table[i].url);
    }
    world_close(&w);
}

/* --- replies ------------------------------------------------------------------------------------------------------- */

TEST(replies_are_handed_out_as_they_are)
{
    static const struct {
        const char *path, *head, *body;
    } table[] = {
        {"/ok", "200|content-type=text/plain|x-two=a b|content-length=5", "hello"},
        {"/empty", "204", ""},
        {"/chunked", "200|transfer-encoding=chunked", "hello world"},
        {"/informational", "201|content-length=2", "ok"},
        {"/until-close", "200", "old style"},
        {"/folded", "200|x-fold=a b|content-length=0", ""},
        {"/error", "529|content-length=4", "busy"},
        {"/redirect", "302|location=/ok|content-length=0", ""},
        {"/identity", "200|content-encoding=identity|content-length=3", "abc"},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct run r;
        int before = atomic_load(&w.server.requests);
        run_path(&r, &w, table[i].path);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(buf_str(&r.head), table[i].head);
        EXPECT_STR(buf_str(&r.body), table[i].body);
        EXPECT_I64(r.heads, 1);
        EXPECT_I64(r.dones, 1);
        EXPECT(r.result.sent);
        EXPECT_STR(str_from(r.result.peer), "127.0.0.1");
        EXPECT_STR(str_from(r.result.detail), "");
        EXPECT_I64(atomic_load(&w.server.requests) - before, 1); /* no redirect is followed */
        run_fini(&r);
    }
    world_close(&w);
}

TEST(each_way_to_fail_has_its_name)
{
    static const struct {
        const char *path;
        enum fetch_end end;
        int heads;
    } table[] = {
        {"/truncated", FETCH_TRUNCATED, 1},     {"/cut-chunk", FETCH_TRUNCATED, 1},
        {"/no-last-chunk", FETCH_TRUNCATED, 1}, {"/bad-chunk", FETCH_PROTOCOL, 1},
        {"/nothing", FETCH_RESET, 0},           {"/half-head", FETCH_RESET, 0},
        {"/no-http", FETCH_PROTOCOL, 0},        {"/bad-status", FETCH_PROTOCOL, 0},
        {"/status-99", FETCH_PROTOCOL, 0},      {"/http-9", FETCH_PROTOCOL, 0},
        {"/http-2", FETCH_PROTOCOL, 0},         {"/gzip", FETCH_PROTOCOL, 0},
        {"/gzip-transfer", FETCH_PROTOCOL, 0},  {"/two-lengths", FETCH_PROTOCOL, 0},
        {"/bad-length", FETCH_PROTOCOL, 0},     {"/control-byte", FETCH_PROTOCOL, 0},
        {"/bare-cr", FETCH_PROTOCOL, 0},        {"/bad-name", FETCH_PROTOCOL, 0},
        {"/switch", FETCH_PROTOCOL, 0},         {"/fold-first", FETCH_PROTOCOL, 0},
        {"/many-headers", FETCH_TOO_LARGE, 0},  {"/long-line", FETCH_TOO_LARGE, 0},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct run r;
        int before = atomic_load(&w.server.requests);
        run_path(&r, &w, table[i].path);
        if (r.result.end != table[i].end || r.heads != table[i].heads || !r.result.sent)
            test_fail(__FILE__, __LINE__, "%s: ended as \"%s\" (%s), %d heads", table[i].path,
                      fetch_end_text(r.result.end), r.result.detail, r.heads);
        EXPECT_I64(r.result.status, table[i].heads ? 200 : 0);
        EXPECT_I64(atomic_load(&w.server.requests) - before, 1); /* and nothing is sent again */
        run_fini(&r);
    }
    world_close(&w);
}

TEST(a_compressed_reply_is_refused_with_the_reason)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/gzip");
    EXPECT_STR(str_from(r.result.detail), "the body is compressed, though identity was asked for");
    run_fini(&r);
    world_close(&w);
}

TEST(a_long_header_arrives_whole)
{
    struct world w;
    REQUIRE(world_open(&w));
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_path(&r, &w, "/long-header");
        EXPECT_I64(r.result.end, FETCH_OK);
        struct str value = str_skip(buf_str(&r.head), strlen("200|content-length=0|x-long="));
        EXPECT_I64(value.len, 40 * 1024);
        for (size_t k = 0; k < value.len; k++)
            r.in_order &= value.ptr[k] == pattern(k);
        EXPECT(r.in_order);
        run_fini(&r);
    }
    world_close(&w);
}

/* --- connections --------------------------------------------------------------------------------------------------- */

TEST(a_connection_is_kept_and_used_again_in_its_pool_only)
{
    struct world w;
    REQUIRE(world_open(&w));
    static const struct {
        uint32_t pool;
        int connections;
        bool reused;
    } steps[] = {{1, 1, false}, {1, 1, true}, {2, 2, false}, {2, 2, true}, {1, 2, true}, {3, 3, false}};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct run r;
        run_init(&r, &w, "/ok");
        (void)run_start_with(&r, (struct http_fetch_options){.pool = steps[i].pool});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_I64(atomic_load(&w.server.connections), steps[i].connections);
        EXPECT(r.result.reused == steps[i].reused);
        EXPECT(r.reused_in_head == steps[i].reused);
        EXPECT((r.result.connect_us == 0) == steps[i].reused);
        run_fini(&r);
    }
    world_close(&w);
}

TEST(many_at_once_share_what_they_can_and_all_end)
{
    enum { N = 300 };
    struct world w;
    REQUIRE(world_open(&w));
    struct run *r = new0_array(struct run, N);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            run_init(&r[i], &w, "/ok");
            run_start(&r[i]);
        }
        for (int i = 0; i < N; i++) {
            run_finish(&r[i]);
            EXPECT_I64(r[i].result.end, FETCH_OK);
            EXPECT_STR(buf_str(&r[i].body), "hello");
            run_fini(&r[i]);
        }
    }
    /* The second round finds the first one's connections, except those of lanes that were full when it started. */
    EXPECT(atomic_load(&w.server.connections) < N + N / 2);
    mem_free(r);
    world_close(&w);
}

TEST(no_more_idle_connections_are_kept_than_allowed)
{
    enum { N = 20 };
    struct world w;
    REQUIRE(world_open_with(&w, NULL, (struct http_client_options){.connections_max = 4}, false));
    struct run r[N];
    for (int i = 0; i < N; i++) {
        run_init(&r[i], &w, "/ok");
        r[i].pause_head = true; /* all hold their connection until all have one */
        run_start(&r[i]);
    }
    for (int i = 0; i < N; i++)
        TURN_UNTIL(&w, r[i].heads == 1);
    for (int i = 0; i < N; i++) {
        http_fetch_resume(r[i].fetch);
        run_finish(&r[i]);
        EXPECT_I64(r[i].result.end, FETCH_OK);
        run_fini(&r[i]);
    }
    TURN_UNTIL(&w, atomic_load(&w.server.ended) == N - 4);
    loop_turn(w.loop, 50);
    EXPECT_I64(atomic_load(&w.server.ended), N - 4);
    world_close(&w);
}

/* Longer than a tick of the kernel, which is as exact as it knows when the last reply ended. */
static void rest_a_tick(struct world *w)
{
    for (int64_t end = now_ms() + 30; now_ms() < end;)
        loop_turn(w->loop, 10);
}

TEST(a_kept_connection_that_dies_before_the_first_byte_is_stale_and_nothing_is_sent_twice)
{
    /* Small and large bodies take different ways inside libcurl. */
    static char large[300000];
    memset(large, 'x', sizeof large);
    const struct str bodies[] = {small_body, {large, sizeof large}};
    for (size_t b = 0; b < COUNT_OF(bodies); b++) {
        for (int spare = 0; spare < 2; spare++) { /* with another idle connection at hand, too */
            struct world w;
            REQUIRE(world_open(&w));
            struct run one, two, last;
            run_init(&one, &w, "/die-second");
            run_init(&two, &w, "/die-second");
            run_start(&one);
            if (spare)
                run_start(&two);
            run_finish(&one);
            if (spare)
                run_finish(&two);
            rest_a_tick(&w);
            int requests = atomic_load(&w.server.requests), connections = atomic_load(&w.server.connections);
            run_init(&last, &w, "/die-second");
            (void)run_start_with(&last, (struct http_fetch_options){.body = &bodies[b], .body_count = 1});
            run_finish(&last);
            EXPECT_I64(last.result.end, FETCH_STALE);
            EXPECT(last.result.sent && last.result.reused);
            EXPECT_I64(last.heads, 0);
            EXPECT_I64(atomic_load(&w.server.requests), requests + 1);
            EXPECT_I64(atomic_load(&w.server.connections), connections);
            run_fini(&one);
            run_fini(&two);
            run_fini(&last);
            world_close(&w);
        }
    }
}

TEST(a_kept_connection_that_dies_in_the_middle_of_the_head_is_a_reset)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/mumble-second");
    EXPECT_I64(r.result.end, FETCH_OK);
    run_fini(&r);
    int requests = atomic_load(&w.server.requests);
    run_path(&r, &w, "/mumble-second");
    EXPECT_I64(r.result.end, FETCH_RESET);
    EXPECT(r.result.sent && r.result.reused);
    EXPECT_I64(atomic_load(&w.server.requests), requests + 1);
    run_fini(&r);
    world_close(&w);
}

TEST(a_connection_the_peer_closed_while_idle_is_replaced_without_a_failure)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/until-close");
    run_fini(&r);
    run_path(&r, &w, "/ok");
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT(!r.result.reused);
    run_fini(&r);
    world_close(&w);
}

TEST(bytes_nobody_asked_for_are_not_the_next_reply)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/excess");
    EXPECT_STR(buf_str(&r.body), "ok");
    run_fini(&r);
    TURN_UNTIL(&w, atomic_load(&w.server.ended) == 1); /* we end it, the server notices */
    run_path(&r, &w, "/ok");
    EXPECT_STR(buf_str(&r.body), "hello");
    EXPECT(!r.result.reused);
    run_fini(&r);
    world_close(&w);
}

TEST(a_unix_socket_can_stand_in_for_the_host)
{
    struct world w;
    REQUIRE(world_open(&w));
    char dir[] = "/tmp/hearth-test-XXXXXX";
    REQUIRE(mkdtemp(dir));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)text_format(at.sun_path, sizeof at.sun_path, "%s/s", dir);
    int tcp = w.server.fd, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 10) == 0);
    struct server local = {.fd = fd, .last_head = BUF_INIT(4 * MiB), .last_body = BUF_INIT(64 * MiB)};
    pthread_mutex_init(&local.lock, NULL);
    (void)!pthread_create(&local.thread, NULL, server_main, &local);
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_init(&r, &w, "http://engine/ok");
        r.allow = NULL;
        (void)run_start_with(&r, (struct http_fetch_options){.unix_path = str_from(at.sun_path)});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(buf_str(&r.body), "hello");
        EXPECT(r.result.reused == (i == 1));
        EXPECT_STR(str_from(r.result.peer), "");
        run_fini(&r);
    }
    struct run tcp_run; /* and the handle forgets it */
    run_path(&tcp_run, &w, "/ok");
    EXPECT_I64(tcp_run.result.end, FETCH_OK);
    EXPECT(!tcp_run.result.reused);
    run_fini(&tcp_run);
    EXPECT(tcp == w.server.fd);
    world_close(&w);
    server_stop(&local);
    (void)unlink(at.sun_path);
    (void)rmdir(dir);
}

TEST(an_absent_unix_socket_fails_as_a_connection)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "http://engine/ok");
    (void)run_start_with(&r, (struct http_fetch_options){.unix_path = STR("/nonexistent/socket")});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_CONNECT);
    EXPECT(!r.result.sent);
    run_fini(&r);
    world_close(&w);
}

TEST(a_refused_connection_says_so)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "http://127.0.0.1:1/x");
    EXPECT_I64(r.result.end, FETCH_CONNECT);
    EXPECT(!r.result.sent && r.result.detail[0]);
    run_fini(&r);
    world_close(&w);
}

TEST(proxy_variables_do_not_count)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/ok");
    EXPECT_I64(r.result.end, FETCH_OK);
    run_fini(&r);
    world_close(&w);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

TEST(every_descriptor_closes_on_exec)
{
    bool before[1024]; /* what we were started with ourselves */
    for (int fd = 0; fd < (int)COUNT_OF(before); fd++)
        before[fd] = fcntl(fd, F_GETFD) >= 0;
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/ok");
    for (int fd = 0; fd < (int)COUNT_OF(before); fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (!before[fd] && flags >= 0 && !(flags & FD_CLOEXEC))
            test_fail(__FILE__, __LINE__, "descriptor %d would be inherited", fd);
    }
    run_fini(&r);
    world_close(&w);
}

/* A listener whose queue is full: connecting to it stays pending. Port 0 picks one. */
struct full {
    int fd, port, filler[8];
};

static bool full_open(struct full *b, int family, int port)
{
    struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
    socklen_t len = family == AF_INET ? sizeof *v4 : sizeof *v6;
    if (family == AF_INET)
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        v6->sin6_addr = in6addr_loopback;
    v4->sin_port = htons((uint16_t)port); /* the port lies at the same place in both */
    b->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = bind(b->fd, (struct sockaddr *)&at, len) == 0 && listen(b->fd, 0) == 0;
    (void)!getsockname(b->fd, (struct sockaddr *)&at, &len);
    b->port = ntohs(v4->sin_port);
    for (size_t i = 0; i < COUNT_OF(b->filler); i++) {
        b->filler[i] = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(b->filler[i], (struct sockaddr *)&at, len);
    }
    return good;
}

static void full_close(struct full *b)
{
    for (size_t i = 0; i < COUNT_OF(b->filler); i++)
        close(b->filler[i]);
    close(b->fd);
}

static int pipe_events;
static void on_pipe(struct loop_io *io, uint32_t events)
{
    (void)io, (void)events;
    pipe_events++;
}

/* libcurl closes a socket that is still connecting by itself, past our callback, and its number is soon used again: here
 * by a pipe, which must stay watched whatever the client does later. */
TEST(a_descriptor_that_libcurl_closed_by_itself_is_forgotten_at_once)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct full b;
    REQUIRE(full_open(&b, AF_INET, 0));
    struct run r;
    run_init(&r, &w, "");
    (void)buf_append_format(&r.url, "http://127.0.0.1:%d/", b.port);
    run_start(&r);
    loop_turn(w.loop, 10);
    loop_turn(w.loop, 10);
    http_fetch_cancel(r.fetch);
    int ends[2];
    struct loop_io io = LOOP_IO_INIT;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(loop_io_add(w.loop, &io, ends[0], EPOLLIN, on_pipe) == 0);
    http_client_close(w.client);
    w.client = NULL;
    pipe_events = 0;
    REQUIRE(write(ends[1], "x", 1) == 1);
    loop_turn(w.loop, 100);
    EXPECT_I64(pipe_events, 1);
    loop_io_del(w.loop, &io);
    close(ends[0]);
    close(ends[1]);
    full_close(&b);
    run_fini(&r);
    world_close(&w);
}

TEST(of_two_addresses_the_one_that_answers_is_used)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct full b; /* 127.0.0.1 is silent, ::1 answers */
    REQUIRE(full_open(&b, AF_INET, 0));
    struct sockaddr_in6 at = {
        .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback, .sin6_port = htons((uint16_t)b.port)};
    struct server local = {.last_head = BUF_INIT(4 * MiB), .last_body = BUF_INIT(64 * MiB)};
    local.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool v6 = bind(local.fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(local.fd, 10) == 0;
    pthread_mutex_init(&local.lock, NULL);
    if (v6)
        (void)!pthread_create(&local.thread, NULL, server_main, &local);
    else
        printf("not tested: no IPv6 here\n");
    for (uint32_t i = 0; v6 && i < 6; i++) {
        struct run r;
        run_init(&r, &w, "");
        (void)buf_append_format(&r.url, "http://localhost:%d/ok", b.port);
        (void)run_start_with(&r, (struct http_fetch_options){.pool = i / 2});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(str_from(r.result.peer), "::1");
        EXPECT(r.result.reused == (i % 2 == 1));
        run_fini(&r);
    }
    full_close(&b);
    world_close(&w);
    if (v6)
        server_stop(&local);
}

TEST(nagle_is_off)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/ok");
    int found = 0;
    for (int fd = 3; fd < 1024; fd++) { /* our end of the kept connection is the one whose peer is the server's port */
        struct sockaddr_in peer;
        socklen_t len = sizeof peer, off_len = sizeof(int);
        int off = 0;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != w.server.port)
            continue;
        found++;
        EXPECT(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &off, &off_len) == 0 && off);
    }
    EXPECT_I64(found, 1);
    run_fini(&r);
    world_close(&w);
}

/* --- the fence ----------------------------------------------------------------------------------------------------- */

static int allow_none(const struct sockaddr *a)
{
    (void)a;
    return 0;
}

static int allow_v4(const struct sockaddr *a)
{
    return a->sa_family == AF_INET;
}

static atomic_int allowed_once;
static int allow_first_time(const struct sockaddr *a)
{
    (void)a;
    return atomic_fetch_add(&allowed_once, 1) == 0;
}

TEST(an_address_that_is_not_allowed_is_never_connected_to)
{
    struct world w;
    REQUIRE(world_open_with(&w, NULL, (struct http_client_options){0}, true));
    struct buf name = BUF_INIT(100), other = BUF_INIT(100);
    (void)buf_append_format(&name, "http://localhost:%d/ok", w.server.port);
    (void)buf_append_format(&other, "http://good.test:%d/ok", w.server.port);
    const char *const urls[] = {"/ok", buf_text(&name), buf_text(&other)};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct run r;
        run_init(&r, &w, urls[i]);
        r.allow = allow_none;
        run_start(&r);
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_FENCED);
        EXPECT(!r.result.sent && r.allow_calls >= 1);
        EXPECT(str_ends(str_from(r.result.detail), STR("allowed"))); /* by the first check already */
        run_fini(&r);
    }
    EXPECT_I64(atomic_load(&w.server.connections), 0);
    buf_fini(&name);
    buf_fini(&other);
    world_close(&w);
}

TEST(the_address_is_checked_again_when_the_socket_opens)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/ok");
    atomic_store(&allowed_once, 0);
    r.allow = allow_first_time;
    run_start(&r);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_FENCED);
    EXPECT_I64(r.allow_calls, 2);
    EXPECT_I64(atomic_load(&w.server.connections), 0);
    run_fini(&r);
    world_close(&w);
}

TEST(names_are_looked_up_outside_libcurl_and_tried_where_allowed)
{
    struct world w;
    REQUIRE(world_open_with(&w, NULL, (struct http_client_options){0}, true));
    const char *const hosts[] = {"localhost", "good.test"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        for (int again = 0; again < 2; again++) {
            struct run r;
            run_init(&r, &w, "");
            (void)buf_append_format(&r.url, "http://%s:%d/ok", hosts[i], w.server.port);
            r.allow = allow_v4;
            run_start(&r);
            run_finish(&r);
            EXPECT_I64(r.result.end, FETCH_OK);
            EXPECT(r.result.reused == (again == 1));
            EXPECT_STR(str_from(r.result.peer), "127.0.0.1");
            run_fini(&r);
        }
    }
    world_close(&w);
}

TEST(a_name_that_does_not_exist_fails_with_the_resolver_s_words)
{
    struct world w;
    REQUIRE(world_open_with(&w, NULL, (struct http_client_options){0}, true));
    struct run r;
    run_init(&r, &w, "http://silent.test/ok");
    (void)run_start_with(&r, (struct http_fetch_options){.connect_timeout_ms = 14000});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_RESOLVE);
    EXPECT_STR(str_from(r.result.detail), "the name server did not answer");
    EXPECT(!r.result.sent);
    run_fini(&r);
    world_close(&w);
}

/* --- time limits and cancelling ------------------------------------------------------------------------------------ */

TEST(the_connect_timeout_covers_name_connection_and_handshake)
{
    struct world w;
    REQUIRE(world_open_with(&w, NULL, (struct http_client_options){0}, true));
    struct full b;
    REQUIRE(full_open(&b, AF_INET, 0));
    struct buf connecting = BUF_INIT(100), handshake = BUF_INIT(100);
    (void)buf_append_format(&connecting, "http://127.0.0.1:%d/", b.port);
    (void)buf_append_format(&handshake, "https://127.0.0.1:%d/", w.server.port); /* a server that waits for a request */
    const char *const urls[] = {"http://silent.test/", buf_text(&connecting), buf_text(&handshake)};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct run r;
        run_init(&r, &w, urls[i]);
        int64_t start = now_ms();
        (void)run_start_with(&r, (struct http_fetch_options){.connect_timeout_ms = 150});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_CONNECT_TIMEOUT);
        EXPECT(!r.result.sent && r.result.detail[0]);
        EXPECT(now_ms() - start >= 100); /* the loop reads its clock once a turn */
        EXPECT(now_ms() - start < 3000);
        run_fini(&r);
    }
    buf_fini(&connecting);
    buf_fini(&handshake);
    full_close(&b);
    world_close(&w);
}

TEST(after_the_request_has_left_time_is_the_caller_s)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/silent");
    (void)run_start_with(&r, (struct http_fetch_options){.connect_timeout_ms = 50});
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 1);
    for (int64_t end = now_ms() + 200; now_ms() < end;)
        loop_turn(w.loop, 20);
    EXPECT_I64(r.dones, 0);
    http_fetch_cancel(r.fetch);
    run_fini(&r);
    world_close(&w);
}

/* Cancels and checks that the server sees it soon, without a further turn of our loop. */
static void cancel_and_check(struct run *r, int closed_before)
{
    int64_t start = now_ms();
    http_fetch_cancel(r->fetch);
    WAIT_UNTIL(atomic_load(&r->w->server.closed) > closed_before);
    EXPECT(now_ms() - start < 100);
    for (int i = 0; i < 3; i++)
        loop_turn(r->w->loop, 0);
    EXPECT_I64(r->dones, 0);
}

TEST(cancelling_closes_the_connection_while_waiting_for_the_reply)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/silent");
    run_start(&r);
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 1);
    cancel_and_check(&r, 0);
    run_fini(&r);
    world_close(&w);
}

TEST(cancelling_closes_the_connection_in_the_middle_of_a_stream)
{
    for (int paused = 0; paused < 2; paused++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        run_init(&r, &w, "/stream");
        r.pause_each = paused;
        run_start(&r);
        TURN_UNTIL(&w, r.body_calls == 1);
        cancel_and_check(&r, 0);
        run_fini(&r);
        world_close(&w);
    }
}

TEST(cancelling_from_inside_a_callback_is_safe_and_as_quick)
{
    for (int where = 0; where < 2; where++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        run_init(&r, &w, "/stream");
        r.cancel_in_head = where == 0;
        r.cancel_in_body = where == 1;
        run_start(&r);
        TURN_UNTIL(&w, r.heads == 1 && (where == 0 || r.body_calls == 1));
        int64_t start = now_ms();
        WAIT_UNTIL(atomic_load(&w.server.closed) == 1);
        EXPECT(now_ms() - start < 100);
        loop_turn(w.loop, 0);
        EXPECT_I64(r.dones, 0);
        EXPECT_I64(r.body_calls, where);
        run_fini(&r);
        world_close(&w);
    }
}

TEST(a_callback_may_cancel_another_fetch)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run victim, r;
    run_init(&victim, &w, "/silent");
    run_start(&victim);
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 1);
    run_init(&r, &w, "/ok");
    r.cancel_other = victim.fetch;
    run_start(&r);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    WAIT_UNTIL(atomic_load(&w.server.closed) == 1);
    EXPECT_I64(victim.dones, 0);
    run_fini(&victim);
    run_fini(&r);
    world_close(&w);
}

TEST(cancelling_in_on_done_changes_nothing)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/ok");
    r.cancel_in_done = true;
    run_start(&r);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    run_fini(&r);
    run_path(&r, &w, "/ok");
    EXPECT(r.result.reused);
    run_fini(&r);
    world_close(&w);
}

TEST(cancelling_waits_for_nothing_at_any_stage_before_the_request)
{
    struct world w;
    REQUIRE(world_open_with(&w, NULL, (struct http_client_options){0}, true));
    struct full b;
    REQUIRE(full_open(&b, AF_INET, 0));
    struct buf connecting = BUF_INIT(100), handshake = BUF_INIT(100);
    (void)buf_append_format(&connecting, "http://127.0.0.1:%d/", b.port);
    (void)buf_append_format(&handshake, "https://127.0.0.1:%d/", w.server.port);
    const char *const urls[] = {"http://silent.test/", buf_text(&connecting), buf_text(&handshake), "/ok"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        for (int turns = 0; turns < 4; turns++) {
            struct run r;
            run_init(&r, &w, urls[i]);
            run_start(&r);
            for (int k = 0; k < turns && r.fetch; k++)
                loop_turn(w.loop, i == 3 ? 0 : 10);
            int64_t start = now_ms();
            int dones = r.dones;
            if (r.fetch)
                http_fetch_cancel(r.fetch);
            EXPECT(now_ms() - start < 100);
            loop_turn(w.loop, 0);
            EXPECT_I64(r.dones, dones);
            run_fini(&r);
        }
    }
    buf_fini(&connecting);
    buf_fini(&handshake);
    full_close(&b);
    world_close(&w);
}

TEST(closing_the_client_cancels_what_is_under_way)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r[3];
    static const char *const paths[] = {"/silent", "/stream", "/ok"};
    for (int i = 0; i < 2; i++) {
        run_init(&r[i], &w, paths[i]);
        run_start(&r[i]);
    }
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 2);
    run_init(&r[2], &w, paths[2]);
    run_start(&r[2]);
    world_close(&w);
    EXPECT_I64(atomic_load(&w.server.closed), 2);
    for (int i = 0; i < 3; i++) {
        EXPECT_I64(r[i].dones, 0);
        run_fini(&r[i]);
    }
}

/* --- pausing ------------------------------------------------------------------------------------------------------- */

TEST(a_slow_consumer_gets_every_byte_once_and_holds_the_server_back)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/flood");
    r.keep_body = false;
    r.pause_each = true;
    run_start(&r);
    TURN_UNTIL(&w, r.body_calls == 1);
    struct mallinfo2 before = mallinfo2();
    long flooded = -1;
    for (int quiet = 0; quiet < 10; quiet++) { /* until the server cannot write any more */
        loop_turn(w.loop, 20);
        if (flooded != atomic_load(&w.server.flooded))
            quiet = 0;
        flooded = atomic_load(&w.server.flooded);
    }
    EXPECT(flooded < FLOOD_BYTES / 2);
    EXPECT_I64(r.body_calls, 1);
    int resumes = 0;
    while (r.dones == 0 && resumes < 1000000) {
        int calls = r.body_calls;
        if (resumes == 2000)
            r.pause_each = false;
        if (r.fetch)
            http_fetch_resume(r.fetch);
        resumes++;
        if (resumes == 1000)
            EXPECT(mallinfo2().uordblks < before.uordblks + 256 * KiB);
        for (int64_t end = now_ms() + 5000; r.body_calls == calls && r.dones == 0 && now_ms() < end;)
            loop_turn(w.loop, 20);
    }
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT_I64(r.received, FLOOD_BYTES);
    EXPECT(r.in_order);
    EXPECT(resumes >= 2000);
    run_fini(&r);
    world_close(&w);
}

TEST(a_pause_in_the_head_holds_the_body)
{
    static const char *const paths[] = {"/ok", "/chunked"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        run_init(&r, &w, paths[i]);
        r.pause_head = r.pause_each = true;
        run_start(&r);
        TURN_UNTIL(&w, r.heads == 1);
        for (int k = 0; k < 5; k++)
            loop_turn(w.loop, 10);
        EXPECT_I64(r.body_calls, 0);
        EXPECT_I64(r.dones, 0);
        for (int64_t end = now_ms() + 5000; r.dones == 0 && now_ms() < end;) {
            http_fetch_resume(r.fetch);
            loop_turn(w.loop, 20);
        }
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(buf_str(&r.body), i ? "hello world" : "hello");
        run_fini(&r);
        world_close(&w);
    }
}

/* --- the body's life ----------------------------------------------------------------------------------------------- */

TEST(the_body_may_go_once_it_is_sent)
{
    static const size_t sizes[] = {1000, 300000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        char *bytes = mem_alloc(sizes[i]);
        memset(bytes, 'x', sizes[i]);
        struct str pieces[2] = {{bytes, sizes[i] / 2}, {bytes + sizes[i] / 2, sizes[i] / 2}};
        run_init(&r, &w, "/stream");
        (void)run_start_with(&r, (struct http_fetch_options){.body = pieces, .body_count = 2});
        EXPECT(!http_fetch_sent_all(r.fetch));
        TURN_UNTIL(&w, r.body_calls == 1);
        EXPECT(http_fetch_sent_all(r.fetch));
        http_fetch_body_free(r.fetch);
        mem_free(bytes); /* the sanitizer sees who still reads it */
        loop_turn(w.loop, 0);
        http_fetch_cancel(r.fetch);
        run_fini(&r);
        world_close(&w);
    }
}

/* --- TLS ----------------------------------------------------------------------------------------------------------- */

struct authority {
    SSL_CTX *context;
    char path[64]; /* of the certificate, which is its own authority */
};

static bool authority_open(struct authority *a, const char *subject_alt)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, subject_alt);
    X509_add_ext(cert, alt, -1);
    X509_EXTENSION_free(alt);
    X509_sign(cert, key, EVP_sha256());
    a->context = SSL_CTX_new(TLS_server_method());
    bool good = SSL_CTX_use_certificate(a->context, cert) == 1 && SSL_CTX_use_PrivateKey(a->context, key) == 1;
    (void)text_format(a->path, sizeof a->path, "/tmp/hearth-test-XXXXXX");
    int fd = mkstemp(a->path);
    FILE *file = fdopen(fd, "w");
    good = good && file && PEM_write_X509(file, cert) == 1;
    if (file)
        (void)fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
    return good;
}

static void authority_close(struct authority *a)
{
    SSL_CTX_free(a->context);
    (void)unlink(a->path);
}

TEST(https_works_with_the_right_authority_and_keeps_its_connection)
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1"));
    struct world w;
    REQUIRE(world_open_with(&w, a.context, (struct http_client_options){.ca_file = a.path}, false));
    static char large[200000];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = pattern(i);
    const struct str bodies[] = {small_body, {large, 20000}, {large, sizeof large}};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct run r;
        run_init(&r, &w, "/echo");
        (void)run_start_with(&r, (struct http_fetch_options){.body = &bodies[i], .body_count = 1});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT(str_eq(buf_str(&r.body), bodies[i]));
        EXPECT(r.result.reused == (i > 0));
        run_fini(&r);
    }
    world_close(&w);
    authority_close(&a);
}

TEST(tls_sessions_are_resumed_across_connections_and_pools)
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1"));
    struct world w;
    REQUIRE(world_open_with(&w, a.context, (struct http_client_options){.ca_file = a.path}, false));
    struct run r[3];
    for (uint32_t i = 0; i < COUNT_OF(r); i++) { /* all open at once, so each has its own handle inside */
        run_init(&r[i], &w, "/stream");
        (void)run_start_with(&r[i], (struct http_fetch_options){.pool = i});
        TURN_UNTIL(&w, r[i].body_calls == 1);
    }
    EXPECT_I64(atomic_load(&w.server.resumed), 2);
    for (uint32_t i = 0; i < COUNT_OF(r); i++) {
        http_fetch_cancel(r[i].fetch);
        run_fini(&r[i]);
    }
    world_close(&w);
    authority_close(&a);
}

TEST(a_certificate_that_does_not_fit_is_refused)
{
    struct authority right, wrong, other_name;
    REQUIRE(authority_open(&right, "IP:127.0.0.1"));
    REQUIRE(authority_open(&wrong, "IP:127.0.0.1"));
    REQUIRE(authority_open(&other_name, "DNS:elsewhere.test"));
    const struct {
        const struct authority *server;
        const char *ca_file;
    } table[] = {{&right, wrong.path}, {&other_name, other_name.path}, {&right, "/nonexistent/ca.pem"}};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct world w;
        REQUIRE(world_open_with(&w, table[i].server->context, (struct http_client_options){.ca_file = table[i].ca_file},
                                false));
        struct run r;
        run_path(&r, &w, "/ok");
        EXPECT_I64(r.result.end, FETCH_TLS);
        EXPECT(!r.result.sent && r.result.detail[0]);
        if (i == 2)
            EXPECT_STR(str_from(r.result.detail), "no CA certificates: /nonexistent/ca.pem cannot be read");
        EXPECT_I64(atomic_load(&w.server.requests), 0);
        run_fini(&r);
        world_close(&w);
    }
    authority_close(&right);
    authority_close(&wrong);
    authority_close(&other_name);
}

TEST(cancelling_a_tls_stream_closes_it_at_once)
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1"));
    struct world w;
    REQUIRE(world_open_with(&w, a.context, (struct http_client_options){.ca_file = a.path}, false));
    struct run r;
    run_init(&r, &w, "/stream");
    run_start(&r);
    TURN_UNTIL(&w, r.body_calls == 1);
    cancel_and_check(&r, 0);
    run_fini(&r);
    world_close(&w);
    authority_close(&a);
}

/* --- memory -------------------------------------------------------------------------------------------------------- */

static int torture_open(void *ctx)
{
    struct world *w = ctx;
    struct http_client *c = NULL;
    struct http_client_options opt = {.loop = w->loop, .resolver = w->resolver, .ca_file = "/nonexistent"};
    int rc = http_client_open(&c, &opt, NULL);
    if (rc == 0)
        http_client_close(c);
    return rc;
}

TEST(opening_a_client_survives_every_failed_allocation)
{
    struct world w;
    REQUIRE(world_open(&w));
    EXPECT(test_torture("http_client_open", torture_open, &w) >= 2);
    world_close(&w);
}

/* The n-th allocation from http_fetch_start on fails; on_done still comes exactly once, or the start says no. */
TEST(a_fetch_survives_every_failed_allocation)
{
    struct world w;
    REQUIRE(world_open_with(&w, NULL, (struct http_client_options){0}, true));
    struct str pieces[] = {STR("a"), STR("b")};
    long n = 1, visited = 0;
    for (; n < 1000; n++) {
        struct run r;
        run_init(&r, &w, "");
        (void)buf_append_format(&r.url, "http://good.test:%d/ok", w.server.port);
        (void)buf_reserve(&r.head, 1000);
        (void)buf_reserve(&r.body, 1000);
        struct http_fetch_options opt = {.url = buf_str(&r.url),
                                         .method = STR("POST"),
                                         .body = pieces,
                                         .body_count = 2,
                                         .pool = (uint32_t)n,
                                         .connect_timeout_ms = 5000,
                                         .on_head = on_head,
                                         .on_body = on_body,
                                         .on_done = on_done,
                                         .ctx = &r};
        mem_fail_at(n);
        int rc = http_fetch_start(&r.fetch, w.client, &opt, NULL);
        if (rc == 0)
            TURN_UNTIL(&w, r.dones == 1);
        visited = mem_visited();
        mem_fail_at(0);
        bool failed = rc == ERR_NOMEM || r.result.end == FETCH_NOMEM;
        EXPECT(rc == 0 || rc == ERR_NOMEM);
        EXPECT(failed || r.result.end == FETCH_OK || r.result.end == FETCH_RESOLVE);
        run_fini(&r);
        if (visited < n)
            break;
    }
    printf("torture http_fetch_start: %ld allocation points\n", n - 1);
    EXPECT(n > 8 && n < 1000);
    world_close(&w);
}
