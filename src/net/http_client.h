/* http_client.h: requests to upstreams, on one loop. Two transports stand behind it, and which one works does not show here:
 * our own HTTP/1.1 for http:// and unix sockets, libcurl (multi_socket) for https://.
 *
 * Closed on purpose (reference: docs/internals/transport.md): redirects, proxies and proxy variables, HTTP/2, Expect,
 * automatic re-sends (a reused connection that dies before the first byte is FETCH_STALE, and the caller decides),
 * signals, cookies, netrc. Names are resolved by `resolve.h`, off the loop; each address is checked by the fence where
 * it was resolved and again when the socket opens. Connections are pooled per (origin, pool), never across pools.
 * Headers about the message's travel (host, content-length, transfer-encoding, connection, expect, te, upgrade,
 * accept-encoding) are made here and the caller's are left out; `accept-encoding: identity` is sent, and a compressed
 * reply refused. The body is pulled from borrowed pieces. TCP_NODELAY is set; every descriptor is CLOEXEC. */
#pragma once
#include "base/err.h"
#include "net/http_server.h" /* struct http_header */
#include "net/loop.h"

struct http_client;
struct http_fetch;
struct resolver;

/*     name                   text for people */
#define FETCH_TABLE(X)                                                   \
    X(FETCH_OK, "complete")                                              \
    X(FETCH_RESOLVE, "the name could not be resolved")                   \
    X(FETCH_CONNECT, "could not connect")                                \
    X(FETCH_CONNECT_TIMEOUT, "no connection in time")                    \
    X(FETCH_TLS, "the TLS handshake failed")                             \
    X(FETCH_FENCED, "the address is outside the allowed networks")       \
    X(FETCH_STALE, "a kept connection was closed before the first byte") \
    X(FETCH_RESET, "the connection broke")                               \
    X(FETCH_TRUNCATED, "the reply ended before its announced length")    \
    X(FETCH_PROTOCOL, "the reply is not proper HTTP")                    \
    X(FETCH_TOO_LARGE, "the reply's head is too large")                  \
    X(FETCH_NOMEM, "out of memory")

enum fetch_end {
#define X(name, text) name,
    FETCH_TABLE(X)
#undef X
};
const char *fetch_end_text(enum fetch_end end);

struct http_fetch_head {
    int status;
    const struct http_header *header; /* names lower-cased; of the final response (1xx dropped) */
    size_t header_count;
    bool reused; /* the connection had served before */
};
struct str http_fetch_header(const struct http_fetch_head *h, const char *name);

struct http_fetch_result {
    enum fetch_end end;
    int status;       /* 0 when no head came */
    char detail[256]; /* more about a failure, e.g. the system's, libcurl's or the resolver's words; no content of the call */
    bool sent;        /* at least one byte of the request went out */
    bool reused;
    int64_t connect_us; /* spent on name, connection and handshake; 0 when reused */
    char peer[64];      /* address connected to, "" when none */
};

struct http_fetch_options {
    struct str url;       /* http:// or https://, host, port, path */
    struct str unix_path; /* connect there instead of the URL's host; empty otherwise */
    struct str method;    /* "POST" */
    const struct http_header *header;
    size_t header_count;    /* copied */
    const struct str *body; /* pieces, borrowed until on_done or http_fetch_body_free */
    size_t body_count;
    size_t body_ready;      /* so many bytes of it are there, the rest is still to come (http_fetch_body_ready); 0: all */
    uint32_t pool;          /* connections are reused within a pool only: caller numbers (upstream, boundary) */
    int connect_timeout_ms; /* name, connection and handshake together */
    /* The fence: false refuses this address. Called where names are resolved and again at the socket. NULL allows all.
     * Not called for unix_path. */
    bool (*allow)(const struct sockaddr *address, void *ctx);
    /* 0 to go on; 1 pauses the body (see http_fetch_resume). */
    int (*on_head)(struct http_fetch *f, const struct http_fetch_head *head, void *ctx);
    int (*on_body)(struct http_fetch *f, struct str bytes, void *ctx); /* 0, or 1: taken, and pause */
    /* An interim response (1xx) came: the upstream is at work. It may not cancel. NULL: they are dropped, and count as bytes of the head. */
    void (*on_interim)(struct http_fetch *f, void *ctx);
    /* Exactly once unless cancelled, also during a pause (every byte was then handed out); the fetch is invalid after
     * the return. */
    void (*on_done)(struct http_fetch *f, const struct http_fetch_result *r, void *ctx);
    void *ctx;
};

struct http_client_options {
    struct loop *loop;
    struct resolver *resolver; /* shared by all loops */
    const char *ca_file;       /* authorities to trust beside the system's; may be NULL */
    size_t connections_max;    /* kept idle, over all pools; default 1024 */
    size_t head_bytes_max;     /* of a response; default 64 KiB */
};

/* Is it a file of certificates? ERR_NOT_FOUND, ERR_INVALID, ERR_NOMEM. */
int http_ca_file_check(const char *path, struct err *e);
int http_client_open(struct http_client **out, const struct http_client_options *opt, struct err *e);
void http_client_close(struct http_client *c); /* cancels what is under way; not from inside a callback */
/* After a busy time: gives back what was kept for as many fetches as there were. A few
 * dozen connections per pool stay. */
void http_client_trim(struct http_client *c);
/* Starts; callbacks never come from inside this call. ERR_NOMEM or ERR_INVALID (URL). */
int http_fetch_start(struct http_fetch **out, struct http_client *c, const struct http_fetch_options *opt,
                     struct err *e);
/* Ends it at once, at any stage, name resolution included: no callback follows, the upstream's connection is closed. May
 * be called from inside a callback. */
void http_fetch_cancel(struct http_fetch *f);
void http_fetch_resume(struct http_fetch *f); /* after a pause; bytes come in a later SEND phase or turn, not from inside */
/* More of a body that came in parts is there: that many bytes in all. They leave in a later SEND phase, not from inside. */
void http_fetch_body_ready(struct http_fetch *f, size_t bytes);
/* The request has been sent: its pieces will not be read again. When it was not (see http_fetch_sent_all), the fetch ends
 * as FETCH_RESET as soon as more of it is wanted. */
void http_fetch_body_free(struct http_fetch *f);
bool http_fetch_sent_all(const struct http_fetch *f);
