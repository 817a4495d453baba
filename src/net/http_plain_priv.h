/* http_plain_priv.h: the transport of http:// and unix sockets: its connections and what a fetch adds for them.
 *
 *   http_plain.c       a request and its reply on one connection
 *   http_plain_conn.c  connections: made, kept, closed
 *
 * A connection is registered with the loop once, for reading, and stays so from one request to the next: that it died
 * while it was kept is told by epoll, and no system call looks for it before it is used again. */
#pragma once
#include "net/http_client_priv.h"
#include <netinet/in.h>

struct conn {
    struct loop_io io; /* first */
    struct http_client *client;
    struct site *site;
    struct plain_fetch *fetch; /* whom it serves, or who waits for it to be connected; NULL = kept */
    struct conn *next, **link; /* of the site's idle ones, or of the fetch's attempts */
    int fd;
    bool connecting;
    int64_t idle_since_us;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address; /* family 0: a unix socket */
    char peer[INET6_ADDRSTRLEN];
};

struct plain_fetch {
    struct http_fetch base; /* first */
    char *request;          /* owned, kept for the next one when it is small: the request line and headers */
    size_t request_max, request_bytes;
    size_t sent;            /* of the head and the body */
    size_t piece, piece_at; /* of the body: the first byte that was not sent */
    bool no_body;           /* of the reply: the request is a HEAD */
    bool blocked;           /* the kernel takes no more of the request now */
    bool broken;            /* nothing more can be sent; the reply may have come all the same */
    bool keep;              /* the reply was complete, and the connection can serve again */
    struct http_body body;
    struct buf held;              /* came behind the head while paused: at most one read */
    struct conn *conn;            /* that carries it */
    struct conn *attempts;        /* being connected; the first one wins */
    struct loop_timer next_timer; /* when the next address is tried beside the ones under way */
    int address_at;               /* the next one to be tried */
    int problem;                  /* errno of the last failed attempt */
};

static inline struct plain_fetch *plain_of(struct http_fetch *f)
{
    return (struct plain_fetch *)f;
}

/* --- http_plain_conn.c --------------------------------------------------------------------------------------------- */

/* A kept connection, or the beginning of a new one; plain_connected or fetch_finish follow, perhaps from inside. */
void conn_find(struct plain_fetch *f);
void conn_event(struct loop_io *io, uint32_t events); /* what every connection registers with the loop */
void conns_leave(struct plain_fetch *f); /* keeps its connection for the next request when f->keep, else closes all */
bool conns_sweep(struct http_client *c);
void conns_trim(struct http_client *c);
void conns_close(struct http_client *c);

/* --- http_plain.c -------------------------------------------------------------------------------------------------- */

void plain_connected(struct plain_fetch *f);              /* f->conn is there: the request goes out */
void plain_ready(struct plain_fetch *f, uint32_t events); /* its connection can be read or written, or broke */
