/* http_server_priv.h: what the files of the server share: the connection, the exchange, the pool and the output queue.
 *
 *   http_server.c    options, opening, closing, draining        http_intake.c  bytes to heads, bodies and handlers
 *   http_accept.c    listeners of a server, back-off            http_reply.c   replies
 *   http_listen.c    making listening sockets                   http_out.c     the queue of bytes to send
 *   http_conn.c      a connection's life, its time-outs         http_pool.c    memory that comes and goes per request
 *
 * A connection is small while idle: input is received into the server's one scratch buffer and copied only when a
 * request is incomplete; the exchange (with the head's bytes and fields behind it, in one block) lives from the complete
 * head to the end of the reply. */
#pragma once
#include "net/http_parse_priv.h"
#include <stdatomic.h>

/* --- pool: blocks of a few sizes, the last ones given back are handed out first ------------------------------------ */

enum { HTTP_POOL_CLASSES = 8 };

struct http_pool {
    struct http_pool_block *kept[HTTP_POOL_CLASSES];
    int count[HTTP_POOL_CLASSES];
};

void *http_pool_get(struct http_pool *p, size_t bytes, size_t *size); /* not cleared; *size >= bytes is its real size */
void http_pool_put(struct http_pool *p, void *block, size_t size);
void http_pool_fini(struct http_pool *p);

/* --- output queue -------------------------------------------------------------------------------------------------- */

struct http_out_part;
struct http_out {
    struct http_out_part *head, *tail; /* owned; from the pool */
    size_t bytes;                      /* queued, over all parts */
};

/* Room for `bytes` in one piece at the end of the queue, NULL when memory is out; http_out_added says how much of it was
 * used, and nothing may come between the two. */
char *http_out_room(struct http_out *o, struct http_pool *p, size_t bytes);
void http_out_added(struct http_out *o, size_t bytes);
/* Gives the kernel what it takes. 0 (all taken), 1 (it is full), or ERR_CLOSED. *sent is how much went. */
int http_out_send(struct http_out *o, struct http_pool *p, int fd, size_t *sent);
void http_out_fini(struct http_out *o, struct http_pool *p);

/* --- connection ---------------------------------------------------------------------------------------------------- */

/*             head complete           body complete             reply ended
 *   READY ───────────────────▶ BODY ───────────────▶ BUSY ──────────────────────▶ READY
 *     │ refused                 │ reply before its end  ▲ │ … and not kept alive
 *     └─────────────────────────┴─────────── (unread) ──┘ └──▶ CLOSING ──flushed──▶ LINGER ──▶ closed
 */
enum http_conn_state {
    HTTP_READY,   /* between requests, or collecting a head; never with an exchange */
    HTTP_BODY,    /* head taken, collecting the body */
    HTTP_BUSY,    /* the handler has the request, or is being asked for a refusal */
    HTTP_CLOSING, /* the reply ended; what is queued goes out, then the connection closes */
    HTTP_LINGER,  /* our side is shut; input is dropped so that the client gets to read what we said */
    HTTP_DEAD     /* closed; freed at the end of the turn */
};

struct http_conn {
    struct loop_io io;
    struct loop_timer timer; /* one for all time-outs: what it means depends on the state; always pending until DEAD */
    struct loop_task task;   /* FLUSH: sends what is queued, then looks at requests that wait */
    struct http_server *server;
    struct http_conn *next, **link; /* of the server's list; of its graveyard when DEAD */
    struct http_exchange *x;        /* owned; NULL when no request is open */
    struct http_out out;
    struct buf in;         /* bytes not yet understood: half a head, or pipelined requests */
    struct http_scan scan; /* of `in` */
    int64_t first_us;      /* when the first byte of the request being collected came; 0 while there is none */
    size_t dropped_bytes;  /* input thrown away since `unread` */
    size_t out_held;       /* of out.bytes, counted in the server's gauge */
    uint8_t state;         /* enum http_conn_state */
    bool local;            /* peer is this machine */
    bool close;            /* after this reply */
    bool unread;           /* input that will never be read may still come: drop it, and linger before closing */
    bool fin;              /* the peer has sent its FIN; it may still read */
    bool blocked;          /* the kernel's buffer is full: EPOLLOUT is on */
    bool head_timed;       /* the timer runs for the head that is being collected */
};

struct http_exchange {
    struct http_conn *conn;
    void *data; /* the handler's */
    struct http_request request;
    struct http_framing framing;
    struct http_chunked chunked;
    struct buf body;
    int64_t body_begin_us;
    uint64_t diverted_bytes; /* handed to on_body */
    size_t body_held;  /* counted in the server's gauge */
    size_t block_size; /* of the pool's block this lies in, head and fields behind it */
    bool diverted;     /* the body goes to on_body */
    bool seen;         /* the handler knows it, so it must learn when the peer goes */
    bool begun;        /* a reply was started */
    bool gone;         /* on_gone is being called */
    bool chunking;     /* the reply is a chunked stream */
    bool bodyless;     /* HEAD, 204, 304: no body follows the reply's head */
    bool stopped;      /* http_reply_write returned 1 and on_drain is owed */
};

struct http_listener {
    struct loop_io io;
    struct http_server *server;
    struct http_listener *next;
    int fd; /* the caller's */
    bool tcp;
};

enum {
    HTTP_SCRATCH_BYTES = 64 * 1024, /* what one recv takes at most */
    HTTP_DATE_BYTES = 38,           /* "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" without a NUL is 37 */
};

struct http_server {
    struct loop *loop;
    struct http_server_options opt;
    struct http_listener *listener; /* owned */
    struct http_conn *conn;         /* open ones, newest first; owned */
    atomic_size_t conn_count; /* written by the loop's thread only */
    struct http_conn *dead; /* closed in this turn; freed by `reap` */
    struct loop_task reap;
    struct loop_timer accept_timer; /* pending while out of descriptors */
    bool listening;                 /* the listeners are in epoll */
    bool left_long_enough;          /* connections were left to the others; what waits now is taken */
    bool draining;
    int calling; /* depth of handler calls; the server must not be closed from inside */
    struct http_pool pool;
    int64_t date_s; /* second that `date` is for */
    char date[HTTP_DATE_BYTES];
    char scratch[HTTP_SCRATCH_BYTES]; /* last: its pages are touched only as far as requests are large */
};

/* http_conn.c */
void http_conn_open(struct http_server *s, int fd, bool tcp, bool local); /* takes fd, closes it when memory is out */
void http_conn_close(struct http_conn *c);                                /* silently; no callback */
void http_conn_gone(struct http_conn *c);                                 /* the peer left: tells the handler, closes */
void http_conn_arm(struct http_conn *c, int64_t after_ms);                /* the time-out of the state it is in now */
void http_conn_watch(struct http_conn *c); /* asks epoll for what the state needs; no system call when unchanged */
void http_conn_flush_later(struct http_conn *c); /* at the end of the turn */
void http_conn_reap(struct http_server *s);

/* http_intake.c */
void http_intake_read(struct http_conn *c);    /* the descriptor is readable */
void http_intake_pending(struct http_conn *c); /* the connection is READY again: look at what is in `in` */
/* Ends what is being collected with an error reply and closes after it. */
void http_intake_refuse(struct http_conn *c, int status, const char *why);

void http_intake_body_free(struct http_exchange *x);

/* http_reply.c */
void http_queue_interim(struct http_conn *c, struct str head); /* left out when memory is short */
void http_exchange_free(struct http_exchange *x); /* and takes it off its connection */

/* http_accept.c */
void http_accept_resume(struct http_server *s);
void http_accept_pause(struct http_server *s);
void http_accept_rest(struct http_server *s); /* takes what waits in the backlog, before the listeners are left for good */
