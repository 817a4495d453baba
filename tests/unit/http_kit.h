/* http_kit.h: what the tests of the HTTP server share: a server on a real loop and real sockets, with a handler whose
 * behaviour depends on the path, and clients in the same thread. The clock is a fake one, so time-outs come when the test
 * says so; nothing sleeps: UNTIL turns the loop until what is waited for has happened. */
#pragma once
#include "base/err.h"
#include "net/http_server_priv.h"
#include "test.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { TURNS_MAX = 3000 * SLOWER, TURN_MS = 2 }; /* six seconds of patience */

struct site { /* a server and what its handler saw */
    struct clock clock;
    struct loop *loop;
    struct http_server *server;
    int listener;
    struct buf address;
    struct http_exchange *held; /* of /hold and /stream */
    int heads, requests, gone, drained, refused, depth, depth_max;
    int last_refusal;
    char last_path[64];
    struct loop_task commit;
    bool end_when_drained;
    int client;            /* looked at by the commit task */
    bool early;            /* bytes had reached the client when COMMIT ran */
    size_t open_at_commit; /* connections */
};
static struct site *site; /* the one of the running test */

/* --- the handler: what it does depends on the path */

static inline void remember(struct str path)
{
    size_t n = path.len < sizeof site->last_path - 1 ? path.len : sizeof site->last_path - 1;
    memcpy(site->last_path, path.ptr ? path.ptr : "", n);
    site->last_path[n] = '\0';
}

static const struct http_header plain = {{"content-type", 12}, {"text/plain", 10}};

static inline void on_commit(struct loop_task *t)
{
    (void)t;
    char c;
    site->early = recv(site->client, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    site->open_at_commit = http_server_connections(site->server);
}

static inline void on_head(struct http_exchange *x, void *ctx)
{
    const struct http_request *r = http_exchange_request(x);
    (void)ctx;
    site->heads++;
    http_exchange_set(x, &site->heads);
    if (str_eq(r->path, STR("/forbidden"))) {
        EXPECT_I64(http_reply(x, 403, &plain, 1, STR("not here")), 0);
    } else if (str_eq(r->path, STR("/stream-from-head"))) {
        EXPECT_I64(http_reply_begin(x, 200, &plain, 1), 0);
        site->held = x;
    }
}

static inline void answer(struct http_exchange *x)
{
    const struct http_request *r = http_exchange_request(x);
    if (str_eq(r->path, STR("/hold"))) {
        site->held = x;
    } else if (str_eq(r->path, STR("/stream"))) {
        site->held = x;
        EXPECT_I64(http_reply_begin(x, 200, &plain, 1), 0);
    } else if (str_eq(r->path, STR("/gone-at-once"))) {
        http_reply_abort(x);
    } else if (str_eq(r->path, STR("/inject"))) {
        const struct http_header bad[] = {{STR("x-a"), STR("b\rc")},
                                          {STR("x-a"), STR("b\nc")},
                                          {STR("x-a"), STR("b\0c")},
                                          {STR("x a"), STR("b")},
                                          {STR("x\r"), STR("b")},
                                          {STR(""), STR("b")},
                                          {STR("Date"), STR("b")},
                                          {STR("connection"), STR("b")},
                                          {STR("Content-Length"), STR("5")},
                                          {STR("transfer-encoding"), STR("b")}};
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            EXPECT_I64(http_reply(x, 200, &bad[i], 1, STR_NONE), ERR_INVALID);
            EXPECT_I64(http_reply_begin(x, 200, &bad[i], 1), ERR_INVALID);
        }
        EXPECT_I64(http_reply(x, 500, NULL, 0, STR("no")), 0);
    } else if (str_eq(r->path, STR("/empty"))) {
        EXPECT_I64(http_reply(x, 204, NULL, 0, STR_NONE), 0);
    } else if (str_eq(r->path, STR("/large"))) {
        static char large[4 << 20];
        EXPECT_I64(http_reply(x, 200, NULL, 0, str_of(large, sizeof large)), 0);
    } else if (http_reply(x, 200, &plain, 1, r->body.len ? r->body : r->target) < 0) {
        http_reply_abort(x); /* torture */
    }
}

static inline void on_request(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    site->requests++;
    if (++site->depth > site->depth_max)
        site->depth_max = site->depth;
    remember(http_exchange_request(x)->path);
    answer(x);
    if (site->client >= 0) /* after the reply, so that only the phases can put it first */
        loop_defer(site->loop, LOOP_COMMIT, &site->commit, on_commit);
    site->depth--;
}

static inline void on_gone(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    site->gone++;
    EXPECT_I64(http_reply_begun(x) ? 0 : http_reply(x, 200, NULL, 0, STR_NONE), http_reply_begun(x) ? 0 : ERR_CLOSED);
    http_reply_abort(x); /* harmless here */
    site->held = NULL;
}

static inline void on_drain(struct http_exchange *x, void *ctx)
{
    (void)ctx;
    EXPECT(x == site->held);
    EXPECT(http_reply_pending(x) < site->server->opt.write_low_bytes);
    site->drained++;
    if (site->end_when_drained) {
        loop_defer(site->loop, LOOP_COMMIT, &site->commit, on_commit);
        http_reply_end(x);
    }
}

static inline void on_refuse(struct http_exchange *x, int status, const char *why, void *ctx)
{
    (void)ctx;
    site->refused++;
    site->last_refusal = status;
    remember(http_exchange_request(x)->path);
    if (http_reply(x, status, &plain, 1, str_from(why)) < 0)
        http_reply_abort(x);
}

/* --- setting up, and clients */

static inline bool site_open_at(struct site *s, struct http_server_options opt, struct str address)
{
    *s = (struct site){.clock = clock_fake(1700000000000), .listener = -1, .client = -1, .address = BUF_INIT(200)};
    site = s;
    opt.handler = (struct http_handler){.on_head = opt.handler.on_head,
                                        .on_body = opt.handler.on_body,
                                        .on_request = on_request,
                                        .on_gone = on_gone,
                                        .on_drain = on_drain,
                                        .on_refuse = opt.handler.on_refuse};
    return loop_open(&s->loop, &(struct loop_options){.clock = &s->clock}, NULL) == 0 &&
           http_server_open(&s->server, s->loop, &opt, NULL) == 0 &&
           http_listener_open(&s->listener, address, NULL) == 0 && http_server_listen(s->server, s->listener) == 0 &&
           http_listener_address(s->listener, &s->address) == 0;
}

static inline bool site_open(struct site *s, struct http_server_options opt)
{
    return site_open_at(s, opt, STR("127.0.0.1:0"));
}

static inline void site_close(struct site *s)
{
    http_server_close(s->server);
    if (s->loop)
        loop_defer_cancel(&s->commit);
    loop_close(s->loop);
    if (s->listener >= 0)
        close(s->listener);
    buf_fini(&s->address);
}

static inline int dial(struct site *s)
{
    struct sockaddr_in to;
    socklen_t len = sizeof to;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (getsockname(s->listener, (struct sockaddr *)&to, &len) < 0 || connect(fd, (struct sockaddr *)&to, len) < 0)
        test_fail(__FILE__, __LINE__, "dial: errno %d", errno);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static inline void turn(struct site *s)
{
    loop_turn(s->loop, TURN_MS);
}

/* Turns the loop until `condition`; fails the test when it never comes. */
#define UNTIL(s, condition)                                                     \
    do {                                                                        \
        int turns_ = 0;                                                         \
        while (!(condition) && turns_++ < TURNS_MAX)                            \
            turn(s);                                                            \
        if (turns_ > TURNS_MAX)                                                 \
            test_fail(__FILE__, __LINE__, "it never happened: %s", #condition); \
    } while (0)

/* Sends all of it, turning the loop when the socket is full. False when the connection broke. */
static inline bool say_bytes(struct site *s, int fd, struct str text)
{
    for (int turns = 0; text.len && turns < TURNS_MAX; turns++) {
        ssize_t n = send(fd, text.ptr, text.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n > 0)
            text = str_skip(text, (size_t)n);
        if (text.len)
            turn(s);
    }
    return text.len == 0;
}

static inline bool say(struct site *s, int fd, const char *text)
{
    return say_bytes(s, fd, str_from(text));
}

enum heard { HEARD_MORE, HEARD_END, HEARD_RESET };

static inline enum heard hear_some(int fd, struct buf *b)
{
    char text[65536];
    ssize_t n = recv(fd, text, sizeof text, 0);
    if (n > 0)
        (void)buf_append(b, str_of(text, (size_t)n));
    if (n == 0)
        return HEARD_END;
    return n < 0 && errno != EAGAIN ? HEARD_RESET : HEARD_MORE;
}

/* Collects until `text` has been heard (or, when NULL, the end of the connection). */
static inline enum heard hear(struct site *s, int fd, struct buf *b, const char *text)
{
    enum heard h = HEARD_MORE;
    for (int turns = 0; turns < TURNS_MAX && h == HEARD_MORE; turns++) {
        h = hear_some(fd, b);
        if (text && str_find(buf_str(b), str_from(text)) >= 0)
            return h;
        if (h == HEARD_MORE)
            turn(s);
    }
    if (h == HEARD_MORE || text)
        test_fail(__FILE__, __LINE__, "never heard %s; got \"%.*s\"", text ? text : "the end",
                  (int)(b->len < 300 ? b->len : 300), b->ptr ? b->ptr : "");
    return h;
}

/* One client that says `text` and must hear `answer` and then the end. */
static inline void expect_refusal(struct site *s, const char *text, const char *answer_begin)
{
    AUTO_BUF struct buf b = BUF_INIT(1 << 20);
    int fd = dial(s);
    (void)say(s, fd, text);
    if (hear(s, fd, &b, NULL) != HEARD_END)
        test_fail(__FILE__, __LINE__, "a reset instead of an end after \"%.40s\"", text);
    if (!str_starts(buf_str(&b), str_from(answer_begin)))
        test_fail(__FILE__, __LINE__, "\"%.40s\" was answered by \"%.*s\"", text, (int)(b.len < 40 ? b.len : 40),
                  b.ptr);
    EXPECT(str_find(buf_str(&b), STR("\r\nconnection: close\r\n")) > 0);
    close(fd);
}

static inline size_t count_of(struct str text, const char *what)
{
    size_t n = 0;
    for (ptrdiff_t at; (at = str_find(text, str_from(what))) >= 0; n++)
        text = str_skip(text, (size_t)at + strlen(what));
    return n;
}

#define OPEN_SITE(...)                          \
    struct site s;                              \
    AUTO_BUF struct buf b = BUF_INIT(64 << 20); \
    (void)&b;                                   \
    REQUIRE(site_open(&s, (struct http_server_options){__VA_ARGS__}))
