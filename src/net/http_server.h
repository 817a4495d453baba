/* http_server.h: a strict HTTP/1.1 server on one loop.
 *
 * One server per loop; several may listen on one shared descriptor (EPOLLEXCLUSIVE). A request is handed over when its
 * head and its whole body are there (unless its body is diverted, see there); the reply is either whole or a chunked stream with back-pressure. While a reply is
 * outstanding the peer is watched: FIN, reset or a failed write call on_gone at once, whatever else is going on.
 * Keep-alive and pipelining are handled here (a pipelined request waits until the reply before it has ended), as are
 * HEAD (body suppressed), 100-continue, chunked requests, HTTP/1.0, and every limit and time-out below.
 *
 * Refused here, with the connection closed after the answer: a bare LF, NUL or other control bytes in the head, obs-fold,
 * blanks before the colon, Content-Length together with Transfer-Encoding, several or differing lengths, a transfer
 * coding other than chunked, no or two Host headers (1.1), a Host that is not a host (and port), an absolute-form or
 * malformed target, an unknown version, content-encoding other than identity (415).
 * Errors of this layer are answered by `on_refuse`, so that the gateway can speak the client's dialect.
 *
 * Output of one turn is collected and written in the loop's FLUSH phase, one writev per connection. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/gauge.h"
#include "net/loop.h"
#include <sys/socket.h>

struct http_server;
struct http_exchange; /* one request and its reply; valid until its reply ended or on_gone returned */

struct http_header {
    struct str name, value; /* names of requests are lower-cased in place */
};

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_OTHER };

struct http_request {
    enum http_method method;
    struct str method_text, target, path, query; /* query without '?' ; path still percent-encoded */
    int minor;                                   /* HTTP/1.minor */
    struct str host;                             /* value of Host, port included; empty for 1.0 without */
    const struct http_header *header;
    size_t header_count;
    struct str body;      /* empty in on_head */
    int64_t body_length;  /* announced; -1 when chunked */
    int64_t received_us;  /* loop time of the request's first byte */
};
/* Value of the first header of that (lower-case) name; ptr NULL if there is none. */
struct str http_request_header(const struct http_request *r, const char *name);

struct http_handler {
    /* The head is complete, the body is not read yet: reply here to refuse early (the connection then closes after the
     * reply), or return and on_request follows. May be NULL. */
    void (*on_head)(struct http_exchange *x, void *ctx);
    void (*on_request)(struct http_exchange *x, void *ctx);
    /* A piece of a body that on_head diverted, as it comes: it may reply, which refuses the rest. May be NULL. */
    void (*on_body)(struct http_exchange *x, struct str bytes, void *ctx);
    /* The peer is gone before the reply was complete. The exchange is invalid after the return. Never called for an
     * exchange whose reply ended, nor from inside an http_reply_ call. */
    void (*on_gone)(struct http_exchange *x, void *ctx);
    /* Queued output fell below the low-water mark after http_reply_write had returned 1. */
    void (*on_drain)(struct http_exchange *x, void *ctx);
    /* This layer refuses the request (400, 408, 413, 414, 415, 417, 431, 501, 505 …): make the reply by http_reply; NULL
     * gives a plain text one. x->request may be incomplete: path is empty when the request line was unreadable. */
    void (*on_refuse)(struct http_exchange *x, int status, const char *why, void *ctx);
};

/* What servers that share their listeners know of each other. A loop that has clearly more connections than the others on
 * average stops accepting until they have caught up: the kernel wakes whom it likes, and a connection stays for long. */
struct http_share {
    char before[64]; /* nothing else on their cache line */
    atomic_int servers;
    atomic_int connections;
    atomic_int listening; /* servers that take connections now */
    char after[64];
};

struct http_server_options {
    struct http_handler handler;
    void *ctx;
    size_t head_bytes_max;   /* request line and headers; default 64 KiB */
    size_t body_bytes_max;   /* default 64 MiB */
    size_t headers_max;      /* default 100 */
    size_t connections_max;  /* per loop; further ones wait in the backlog; default 20000 */
    size_t write_high_bytes; /* http_reply_write returns 1 from here on; default 256 KiB */
    size_t write_low_bytes;  /* on_drain below; default 64 KiB */
    int head_timeout_ms;     /* from the first byte of a request to the end of its head; default 10 s */
    int body_timeout_ms;     /* without a new byte of the body; default 30 s */
    int body_rate_min;       /* bytes per second a body must average after its first 30 s; default 500 */
    int idle_timeout_ms;     /* keep-alive without a request; default 120 s */
    int write_timeout_ms;    /* queued output and not one byte taken; default 60 s */
    struct http_share *share; /* zeroed by its owner, outlives the servers; NULL: this server is alone */
    struct gauge *held;      /* bytes of bodies, and of output that is not taken; a body that does not fit is refused
                                with 503, before it is read if its length is announced. NULL: no ceiling */
};

void http_server_defaults(struct http_server_options *opt); /* fills what is 0 */
int http_server_open(struct http_server **out, struct loop *l, const struct http_server_options *opt, struct err *e);
/* Closes listeners and connections; exchanges still open get on_gone. */
void http_server_close(struct http_server *s);
/* No new connections, after those that the kernel has accepted already. Every connection closes with its next reply,
 * which says so. Idle ones stay for that reply, since their clients may be sending right now, until http_server_close. */
void http_server_drain(struct http_server *s);
size_t http_server_busy(const struct http_server *s); /* connections with a request or a reply under way */
void http_server_set_body_max(struct http_server *s, size_t bytes); /* for requests whose head is not read yet */
size_t http_server_connections(const struct http_server *s); /* any thread */

/* "127.0.0.1:4242", "[::1]:4242", "localhost:4242", ":4242" (all addresses) or "unix:/path" (mode 0600; a stale socket
 * file nobody listens on is replaced). Non-blocking, CLOEXEC. Port 0 picks a free one; ask http_listener_address. */
int http_listener_open(int *out_fd, struct str address, struct err *e);
int http_listener_address(int fd, struct buf *out); /* the same spelling, with the real port */
int http_server_listen(struct http_server *s, int fd); /* the descriptor stays the caller's */

const struct http_request *http_exchange_request(const struct http_exchange *x);
struct loop *http_exchange_loop(const struct http_exchange *x);
bool http_exchange_is_local(const struct http_exchange *x); /* peer is loopback or a unix socket */
void http_exchange_set(struct http_exchange *x, void *data);
void *http_exchange_get(const struct http_exchange *x);
/* In on_head: the body is not held but handed to on_body as it comes, and is empty in on_request. It counts against body_bytes_max, and
 * not as held. */
void http_exchange_divert(struct http_exchange *x);
/* Releases the request's body early (it becomes empty); headers stay. */
void http_exchange_body_free(struct http_exchange *x);
/* Hands the body over to *out, which owned nothing: it may outlive the exchange, and counts as held no more. */
void http_exchange_body_take(struct http_exchange *x, struct buf *out);

/* Replies. Header values must not hold CR, LF or NUL (asserted by name, refused as ERR_INVALID). `date`, `content-length`,
 * `transfer-encoding` and `connection` are added here. Each returns 0 or a negative code; after a failure the exchange is
 * still valid and must be ended by http_reply_abort. */
int http_reply(struct http_exchange *x, int status, const struct http_header *h, size_t count, struct str body);
int http_reply_begin(struct http_exchange *x, int status, const struct http_header *h, size_t count);
/* Before the reply: `102 Processing`, a sign to who waits that it is being worked on. For clients known to take it only, as some break on
 * what they did not ask for. It is no reply, and may be left out when memory is short or the client does not read. */
void http_reply_interim(struct http_exchange *x);
/* One piece of the body, sent as one chunk. 0, or 1: taken, but stop until on_drain; or ERR_NOMEM. */
int http_reply_write(struct http_exchange *x, struct str piece);
void http_reply_end(struct http_exchange *x);
/* Closes the connection without a proper end, so that the client cannot take what it has for the whole. */
void http_reply_abort(struct http_exchange *x);
bool http_reply_begun(const struct http_exchange *x);
size_t http_reply_pending(const struct http_exchange *x); /* queued bytes not yet taken by the kernel */
