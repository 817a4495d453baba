/* fetch_kit.h: what the tests of requests to upstreams share: a scripted server on the loopback (one thread accepts, one per
 * connection answers, the path says how), one loop with its client, and a fetch that notes all it is told. Over plain HTTP
 * or TLS: the same test runs over both transports by TEST_BOTH. */
#pragma once
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

/* --- a certificate that is its own authority ----------------------------------------------------------------------- */

struct authority {
    SSL_CTX *context;
    char path[64]; /* of the certificate, which is its own authority */
};

static inline bool authority_open(struct authority *a, const char *subject_alt)
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

static inline void authority_close(struct authority *a)
{
    SSL_CTX_free(a->context);
    (void)unlink(a->path);
}

/* --- a scripted server: one thread accepts, one per connection answers; the path says how -------------------------- */

enum { CONNECTIONS_MAX = 512, FLOOD_BYTES = 48 << 20 };

struct server {
    int fd, port;
    pthread_t thread, peer_thread[CONNECTIONS_MAX];
    SSL_CTX *tls; /* NULL: plain */
    atomic_int connections, ended, requests, closed, resumed, stop;
    atomic_int released; /* lets it read the body of a /held request */
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

static inline ssize_t peer_read(struct peer *p, char *out, size_t n)
{
    if (p->ssl)
        return SSL_read(p->ssl, out, (int)n);
    return recv(p->fd, out, n, 0);
}

static inline bool peer_write(struct peer *p, const char *bytes, size_t n)
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

static inline bool say(struct peer *p, const char *text)
{
    return peer_write(p, text, strlen(text));
}

static inline bool fill(struct peer *p)
{
    char chunk[16384];
    ssize_t n = peer_read(p, chunk, sizeof chunk);
    return n > 0 && buf_append(&p->in, str_of(chunk, (size_t)n)) == 0;
}

static inline void wait_for_close(struct peer *p)
{
    while (fill(p))
        buf_clear(&p->in);
    atomic_fetch_add(&p->s->closed, 1);
}

static inline char pattern(size_t i)
{
    return (char)('a' + (i * 7 + (i >> 10)) % 26);
}

static inline void flood(struct peer *p)
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

static inline void large_head(struct peer *p, bool one_line)
{
    char text[1024];
    memset(text, 'x', sizeof text);
    bool good = say(p, "HTTP/1.1 200 OK\r\n") && (!one_line || say(p, "x-long: "));
    for (int i = 0; good && i < 400; i++)
        good = (one_line || say(p, "x-many: ")) && peer_write(p, text, sizeof text) && (one_line || say(p, "\r\n"));
    if (good)
        wait_for_close(p);
}

/* A part of the reply, and then a reset. */
static inline bool reset(struct peer *p)
{
    static const struct linger now = {.l_onoff = 1, .l_linger = 0};
    char bytes[30000];
    memset(bytes, 'x', sizeof bytes);
    if (say(p, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"))
        (void)peer_write(p, bytes, sizeof bytes);
    (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return false;
}

/* Signs of work, more bytes of them than a head may have, and then a reply. */
static inline bool working(struct peer *p)
{
    bool good = true;
    for (int i = 0; i < 4000 && good; i++)
        good = say(p, "HTTP/1.1 102 Processing\r\n\r\n");
    return good && say(p, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
}

/* A header of 40 KiB: more than libcurl hands over at once. */
static inline bool long_header(struct peer *p)
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
    {"/both", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", true},
    {"/chunked-twice", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n", true},
    {"/chunked-again", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
     true},
    {"/plus-length", "HTTP/1.1 200 OK\r\ncontent-length: +3\r\n\r\nabc", true},
    {"/minus-length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nabc", true},
    {"/list-length", "HTTP/1.1 200 OK\r\ncontent-length: 3, 3\r\n\r\nabc", true},
    {"/no-length", "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nabc", true},
    {"/huge-length", "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775808\r\n\r\nabc", true},
    {"/blank-name", "HTTP/1.1 200 OK\r\ncontent-length : 3\r\n\r\nabc", true},
    {"/leading-blank", "\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", true},
    {"/lower-http", "http/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", true},
    {"/status-1000", "HTTP/1.1 2000 OK\r\ncontent-length: 3\r\n\r\nabc", true},
    {"/chunk-blank", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n", true},
    {"/chunk-hex", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", true},
    {"/chunk-minus", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n", true},
    {"/chunk-huge", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n100000005\r\nhello\r\n", true},
    {"/chunk-long", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhellooo\r\n0\r\n\r\n", true},
    {"/chunk-lf", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", true},
    {"/trailer-nul", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: \001\r\n\r\n", true},
    {"/same-lengths", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc", false},
    {"/extension", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n003;a=b\r\nabc\r\n0;c\r\nx-late: 1\r\n\r\n",
     false},
    {"/bare-lf", "HTTP/1.1 200 OK\ncontent-length: 3\n\nabc", false},
    {"/204-length", "HTTP/1.1 204 None\r\ncontent-length: 5\r\n\r\n", false},
    {"/304-length", "HTTP/1.1 304 Same\r\ncontent-length: 5\r\n\r\n", false},
    {"/says-close", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\ncontent-length: 3\r\n\r\nabc", false},
    {"/old", "HTTP/1.0 200 OK\r\ncontent-length: 3\r\n\r\nabc", false},
    {"/old-kept", "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nabc", false},
    {"/old-chunked",
     "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", false},
    {"/early", "HTTP/1.1 413 Too large\r\ncontent-length: 3\r\n\r\nabc", false},
    {"/early-close", "HTTP/1.1 413 Too large\r\ncontent-length: 3\r\n\r\nabc", true},
    {"/early-silent", "", false},
    {"/stream",
     "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n",
     false},
};

/* Returns false when the connection is over. */
static inline bool serve(struct peer *p, struct str path)
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
    if (str_eq(path, STR("/working")))
        return working(p);
    if (str_eq(path, STR("/reset")))
        return reset(p);
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
        if (good && str_starts(path, STR("/early"))) { /* what it did not read stays unread */
            (void)poll(&(struct pollfd){.fd = p->fd, .events = POLLRDHUP}, 1, 20000);
            good = false;
        }
        return good && !str_eq(path, STR("/stream"));
    }
    return false;
}

/* Reads one request into the server's last_head and last_body. */
static inline bool take_request(struct peer *p, char path[64])
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
    if (str_starts(str_from(path), STR("/early"))) { /* answers before it reads the body */
        atomic_fetch_add(&p->s->requests, 1);
        return true;
    }
    for (int ms = 0; str_eq(str_from(path), STR("/held")) && !atomic_load(&p->s->released) && ms < 20000; ms++)
        (void)poll(NULL, 0, 1);
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

static inline void *peer_main(void *arg)
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

static inline void *server_main(void *arg)
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

static inline void server_start(struct server *s, SSL_CTX *tls)
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
static inline void server_stop(struct server *s)
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

static inline void *dns_main(void *arg)
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

static const struct clock *opt_clock; /* of the next world; NULL: the system's */

static inline bool world_open_with(struct world *w, SSL_CTX *tls, struct http_client_options opt, bool own_dns)
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
    const struct clock *clock = opt_clock ? opt_clock : clock_system();
    bool good = loop_open(&w->loop, &(struct loop_options){.clock = clock}, NULL) == 0 &&
                resolver_open(&w->resolver, &(struct resolver_options){.server = buf_str(&dns)}, NULL) == 0;
    buf_fini(&dns);
    opt.loop = w->loop;
    opt.resolver = w->resolver;
    return good && http_client_open(&w->client, &opt, NULL) == 0;
}

/* What TEST_BOTH repeats its test over: NULL is plain HTTP, which our own transport carries; with TLS it is libcurl. */
static struct authority *over;

static inline bool world_open_both(struct world *w, struct http_client_options opt, bool own_dns)
{
    if (over)
        opt.ca_file = over->path;
    return world_open_with(w, over ? over->context : NULL, opt, own_dns);
}

static inline bool world_open(struct world *w)
{
    return world_open_both(w, (struct http_client_options){0}, false);
}

static inline const char *scheme(void)
{
    return over ? "https" : "http";
}

static inline void test_over_tls(void (*fn)(void))
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1,IP:::1,DNS:localhost,DNS:good.test,DNS:engine"));
    over = &a;
    fn();
    over = NULL;
    authority_close(&a);
}

/* A test of what both transports do: one over plain HTTP, and one over TLS. */
#define TEST_BOTH(id)             \
    static void both_##id(void);  \
    TEST(id)                      \
    {                             \
        both_##id();              \
    }                             \
    TEST(id##_over_tls)           \
    {                             \
        test_over_tls(both_##id); \
    }                             \
    static void both_##id(void)

static inline void world_close(struct world *w)
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
    int heads, dones, body_calls, interims;
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

static inline int on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx)
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

static inline int on_body(struct http_fetch *f, struct str bytes, void *ctx)
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

static inline void on_done(struct http_fetch *f, const struct http_fetch_result *result, void *ctx)
{
    struct run *r = ctx;
    EXPECT(!r->inside_start);
    r->dones++;
    r->result = *result;
    if (r->cancel_in_done)
        http_fetch_cancel(f);
    r->fetch = NULL;
}

static inline void on_interim(struct http_fetch *f, void *ctx)
{
    struct run *r = ctx;
    (void)f;
    EXPECT(!r->inside_start && r->heads == 0 && r->dones == 0);
    r->interims++;
}

static inline bool on_allow(const struct sockaddr *a, void *ctx)
{
    struct run *r = ctx;
    r->allow_calls++;
    return r->allow(a);
}

static inline void run_init(struct run *r, struct world *w, const char *path)
{
    *r = (struct run){.w = w, .url = BUF_INIT(1000), .head = BUF_INIT(1 * MiB), .body = BUF_INIT(64 * MiB)};
    r->in_order = r->keep_body = true;
    if (path[0] == '/')
        (void)buf_append_format(&r->url, "%s://127.0.0.1:%d%s", w->server.tls ? "https" : "http", w->server.port, path);
    else
        (void)buf_append_text(&r->url, path);
}

static inline void run_fini(struct run *r)
{
    buf_fini(&r->url);
    buf_fini(&r->head);
    buf_fini(&r->body);
}

static inline int run_start_with(struct run *r, struct http_fetch_options opt)
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

static inline void run_start(struct run *r)
{
    (void)run_start_with(r, (struct http_fetch_options){.body = &small_body, .body_count = 1});
}

static inline int64_t now_ms(void)
{
    return clock_mono_us(clock_system()) / 1000;
}

/* Turns until the condition holds, at most 15 seconds of a plain build. */
#define TURN_UNTIL(w, condition)                                                \
    do {                                                                        \
        for (int64_t end_ = now_ms() + 15000 * SLOWER; !(condition) && now_ms() < end_;) \
            loop_turn((w)->loop, 20);                                           \
        EXPECT(condition);                                                      \
    } while (0)
/* The same without our loop taking part. */
#define WAIT_UNTIL(condition)                                                   \
    do {                                                                        \
        for (int64_t end_ = now_ms() + 15000 * SLOWER; !(condition) && now_ms() < end_;) \
            (void)poll(NULL, 0, 1);                                             \
        EXPECT(condition);                                                      \
    } while (0)

static inline void run_finish(struct run *r)
{
    TURN_UNTIL(r->w, r->dones == 1);
}

/* A whole fetch of `path`; the caller ends it by run_fini. */
static inline void run_path(struct run *r, struct world *w, const char *path)
{
    run_init(r, w, path);
    run_start(r);
    run_finish(r);
}

/* --- fences -------------------------------------------------------------------------------------------------------- */

static inline int allow_none(const struct sockaddr *a)
{
    (void)a;
    return 0;
}

static inline int allow_v4(const struct sockaddr *a)
{
    return a->sa_family == AF_INET;
}

static atomic_int allowed_once;
static inline int allow_first_time(const struct sockaddr *a)
{
    (void)a;
    return atomic_fetch_add(&allowed_once, 1) == 0;
}
