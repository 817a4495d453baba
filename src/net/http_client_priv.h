/* http_client_priv.h: the parts of the HTTP client, which share these structures.
 *
 *   http_client.c         the public door: a fetch from its start to its end, whichever transport carries it
 *   http_site.c           where requests go: addresses known, connections kept
 *   http_fetch_request.c  the URL check and the request as text
 *   http_fetch_head.c     the reply's head             http_fetch_body.c  the framing of its body
 *   http_plain.c          the transport of http:// and unix sockets: a request and its reply on one connection
 *   http_plain_conn.c     its connections: made, kept, closed
 *   http_curl*.c          the transport of https://: libcurl (http_curl_priv.h)
 *
 * Everything belongs to one loop's thread. docs/internals/transport.md says why things are as they are. */
#pragma once
#include "base/buf.h"
#include "net/http_client.h"
#include "net/http_parse_priv.h"
#include "net/resolve.h"

/* --- http_fetch_request.c ------------------------------------------------------------------------------------------ */

struct http_url {
    bool https;
    bool literal;         /* the host is an address or localhost */
    struct str host;      /* without brackets; borrowed */
    struct str authority; /* as in a Host field: with brackets, and with the port unless it is the scheme's own */
    struct str path;      /* with the query; may be empty */
    int port;
};
int http_url_parse(struct str url, struct http_url *out, struct err *e);
/* Can these headers be sent? ERR_INVALID when not. */
int http_headers_check(const struct http_fetch_options *opt, struct err *e);
bool http_header_is_ours(struct str name); /* says how the message travels: the caller's is left out */
bool http_request_has_length(const struct http_fetch_options *opt);

/* --- http_fetch_head.c --------------------------------------------------------------------------------------------- */

/* A head is read where it lies when it comes whole; only one that comes in parts is collected. */
struct http_head {
    struct buf text;         /* its beginning, when it came in parts */
    size_t bytes, bytes_max; /* on the wire, 1xx heads included */
    size_t interims;         /* 1xx heads that were read and not told of */
    size_t line_bytes;       /* of the line that is not complete yet */
    char line_last;          /* its last byte */
    int status;              /* 0 = not complete */
    bool old;                /* HTTP/1.0 */
    bool keep_alive, chunked;
    int64_t length; /* announced; -1 = none was */
    const struct http_header *header;
    size_t count;
    const char *problem; /* what is improper about it; static text */
};
enum http_head_rc { HEAD_MORE, HEAD_COMPLETE, HEAD_BAD, HEAD_TOO_LARGE, HEAD_NOMEM };

struct http_fields { /* room for the fields of one head; owned; one per client, because heads are handed out at once */
    struct http_header *at;
    size_t max;
};

void http_head_init(struct http_head *h, size_t bytes_max);
void http_head_fini(struct http_head *h); /* frees; what is plain data stays */
/* Takes what belongs to the head from `bytes`, which is changed in place; *used says how much that is. At HEAD_COMPLETE
 * `header` points into `bytes` or into `text`. */
enum http_head_rc http_head_feed(struct http_head *h, struct http_fields *room, char *bytes, size_t n, size_t *used);

/* --- http_fetch_body.c --------------------------------------------------------------------------------------------- */

enum http_body_kind { HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_CLOSE };

struct http_body {
    enum http_body_kind kind;
    uint64_t left; /* of a body of known length; 0 when there is none */
    struct http_chunked chunked;
};
void http_body_init(struct http_body *b, const struct http_head *h, bool no_body);
/* Takes the framing off, in place: *data (within `bytes`) is what is to be handed out, also when an error follows it.
 * 0 = more is needed, 1 = complete and *used says how much of `bytes` belonged to it, or ERR_SYNTAX. */
int http_body_feed(struct http_body *b, char *bytes, size_t n, struct str *data, size_t *used);

/* --- http_site.c --------------------------------------------------------------------------------------------------- */

struct conn;

/* Where requests go: a name or an address with its port, or a unix socket, as one pool sees it. */
struct site {
    struct site *next;
    uint32_t pool;
    struct str host; /* owned, behind the struct; a unix socket's path */
    int port;        /* 0: a unix socket */
    int64_t fresh_until_us;
    uint64_t serial; /* of its addresses, unlike any other's */
    int users;       /* fetches that hold it */
    bool literal;
    struct sockaddr_storage *address; /* owned; families take turns */
    int address_count;
    struct conn *idle; /* kept connections of the plain transport, the one used last first */
};
struct site *site_get(struct http_client *c, uint32_t pool, struct str host, int port); /* NULL: memory is out */
int site_set(struct http_client *c, struct site *s, const struct resolve_answer *a);    /* takes the addresses over */
void sites_fini(struct http_client *c);

/* --- transports ---------------------------------------------------------------------------------------------------- */

/* Two: transport_plain for http:// and unix sockets, transport_curl for https://. All functions are called outside of
 * libcurl, except where it says so. */
struct transport {
    int (*open)(struct http_client *c, const struct http_client_options *opt, struct err *e);
    void (*close)(struct http_client *c); /* no fetch is left; fine after a failed open */
    bool (*sweep)(struct http_client *c); /* closes what was idle for long; false when nothing is kept any more */
    void (*trim)(struct http_client *c);
    struct http_fetch *(*make)(struct http_client *c); /* NULL when memory is out */
    void (*drop)(struct http_fetch *f);
    void (*reset)(struct http_fetch *f); /* releases what belongs to the request; the common part is not its business */
    /* Copies of the options what it needs of method, URL and headers. */
    int (*prepare)(struct http_fetch *f, const struct http_fetch_options *opt, const struct http_url *url,
                   struct err *e);
    void (*launch)(struct http_fetch *f); /* SEND phase; the site's addresses are known and at least one is allowed */
    /* Cancelled: false when it must wait until we are outside of libcurl; it then calls fetch_detach and fetch_recycle. */
    bool (*may_leave)(struct http_fetch *f);
    void (*leave)(struct http_fetch *f);  /* its connection closes unless the reply was complete */
    void (*resume)(struct http_fetch *f); /* SEND phase */
    void (*more)(struct http_fetch *f);   /* SEND phase: body_ready has grown, and the request is under way */
    bool (*sent_any)(const struct http_fetch *f);
    bool (*sent_all)(const struct http_fetch *f);
    void (*body_free)(struct http_fetch *f);
    struct str (*peer)(const struct http_fetch *f); /* valid until the next call */
    bool (*shaking)(const struct http_fetch *f);    /* connected, but TLS is not agreed on yet; NULL: there is no TLS */
};
extern const struct transport transport_plain, transport_curl;
enum { TRANSPORTS = 2 };

/* --- a fetch ------------------------------------------------------------------------------------------------------- */

enum fetch_stage { FETCH_QUEUED, FETCH_RESOLVING, FETCH_RUNNING, FETCH_ENDING };

/* What both transports share; the first member of theirs. */
struct http_fetch {
    struct http_client *client;
    const struct transport *transport;
    struct http_fetch *next, **link; /* of a list of the client's: live, or spare */
    enum fetch_stage stage;
    bool cancelled; /* no callback any more */
    bool inside;    /* a callback of it is running: whoever called it recycles */
    bool paused;    /* the consumer wants no bytes now */
    bool held;      /* there are bytes (or the connection is not read) because of it */
    bool fenced;    /* an address was refused */
    bool opened;    /* a socket was opened for it, so the connection is not reused */
    bool begun;     /* the request was handed to a connection */
    bool head_done;
    bool body_gone;                /* http_fetch_body_free */
    struct http_fetch_options opt; /* body pieces borrowed; of the texts only what the transport copied is left */
    size_t body_bytes, body_ready; /* of the request's: all, and what is there */
    struct site *site;
    struct resolve_query *query;
    struct loop_timer connect_timer;
    struct loop_task task; /* to be sent, or to be resumed */
    struct loop_task more; /* more of the body is there */
    struct http_head head;
    int64_t started_us; /* when looking up its name or connecting began; 0 = a kept connection took it */
    int64_t connect_us;
};

struct http_client {
    struct loop *loop;
    struct resolver *resolver;
    size_t connections_max, head_bytes_max;
    size_t idle_count; /* connections kept and serving no one, of both transports */
    struct site *sites;
    int site_count;
    uint64_t site_serial;
    struct http_fields fields;
    struct http_fetch *live;              /* all that are not over */
    struct http_fetch *spare[TRANSPORTS]; /* recycled */
    int spare_count[TRANSPORTS];
    struct loop_timer sweep;
    struct curl_part *curl;   /* owned; http_curl_priv.h */
    struct plain_part *plain; /* owned; http_plain.c */
};

/* --- http_client.c ------------------------------------------------------------------------------------------------- */

void fetch_link(struct http_fetch *f, struct http_fetch **list);
void fetch_unlink(struct http_fetch *f);
void fetch_detach(struct http_fetch *f);  /* takes it out of everything it hangs on; no callback comes after this */
void fetch_recycle(struct http_fetch *f); /* the last touch */
void fetch_finish(struct http_fetch *f, enum fetch_end end, const char *detail); /* on_done, and recycled */
int fetch_connect_timer(struct http_fetch *f); /* starts it for what is left of connect_timeout_ms; ERR_NOMEM */
void fetch_begin(struct http_fetch *f);        /* a connection is there, and the request about to go out on it */
bool fetch_allows(struct http_fetch *f, const struct sockaddr *address); /* the fence; notes a refusal */
/* The callbacks. False when it was cancelled in there. */
void fetch_tell_interims(struct http_fetch *f); /* that the head has counted */
bool fetch_tell_head(struct http_fetch *f);
bool fetch_tell_body(struct http_fetch *f, struct str bytes);
int client_sweep_later(struct http_client *c); /* something may be kept from now on */
