/* http_client_priv.h: the parts of the HTTP client, which share these structures.
 *
 *   http_client.c         the public door: a fetch from its start to its end
 *   http_fetch.c          one libcurl easy handle: its options, its callbacks, what its ends mean
 *   http_fetch_request.c  the URL check and the header list
 *   http_fetch_head.c     the reply's head
 *   http_fetch_trust.c    the CA certificates
 *   http_curl.c           lanes (CURLM) and timers: libcurl driven by our loop
 *   http_curl_sock.c      its sockets
 *
 * Everything belongs to one loop's thread. docs/internals/transport.md says why things are as they are. */
#pragma once
#include "base/buf.h"
#include "net/http_client.h"
#include "net/resolve.h"
#include <curl/curl.h>
#include <openssl/x509.h>

struct lane;

/* --- http_fetch_request.c ------------------------------------------------------------------------------------------ */

struct http_url {
    bool https;
    bool literal;    /* the host is an address or localhost */
    struct str host; /* without brackets; borrowed */
    int port;
};
int http_url_parse(struct str url, struct http_url *out, struct err *e);
/* libcurl's list of header lines, in one block that mem_free releases. */
int http_request_headers(struct curl_slist **out, const struct http_fetch_options *opt, struct err *e);

/* --- http_fetch_head.c --------------------------------------------------------------------------------------------- */

struct http_head {
    struct buf text;   /* names and values, one after the other */
    struct buf line;   /* the beginning of a line that came in parts */
    struct head_span { /* their lengths */
        uint32_t name, value;
    } * span;
    struct http_header *header; /* into text; made when the head is complete */
    size_t count, span_max;
    size_t bytes, bytes_max; /* on the wire, 1xx heads and trailers included */
    int status;              /* 0 = no status line yet */
    const char *problem;     /* what is improper about it; static text */
};
enum http_head_rc { HEAD_MORE, HEAD_COMPLETE, HEAD_BAD, HEAD_TOO_LARGE, HEAD_NOMEM };

void http_head_init(struct http_head *h, size_t bytes_max);
void http_head_fini(struct http_head *h);                               /* frees; status and counts stay */
enum http_head_rc http_head_line(struct http_head *h, struct str part); /* a line, or a part of one without its LF */
/* After HEAD_COMPLETE: is this a body we can hand out as it is? */
bool http_head_check(struct http_head *h);

/* --- http_fetch_trust.c -------------------------------------------------------------------------------------------- */

struct trust {
    char *ca_file;     /* owned; NULL: the system's */
    X509_STORE *store; /* NULL until the first https fetch */
    int64_t loaded_us;
};
/* Loads the certificates when that has not been done for a day. A failure with nothing loaded is ERR_NOT_FOUND. */
int trust_load(struct trust *t, int64_t now_us, struct err *e);
void trust_fini(struct trust *t);

/* --- client -------------------------------------------------------------------------------------------------------- */

/* A name as one lane's libcurl knows it. */
struct site {
    struct site *next;
    struct str host; /* owned, behind the struct */
    int port;
    int64_t fresh_until_us;
    uint32_t version;        /* of the addresses */
    int users;               /* fetches under way with it */
    bool loaded;             /* libcurl has taken `entry` into its DNS cache */
    struct curl_slist entry; /* "host:port:address,address"; entry.data owned */
};

/* One CURLM. Connections are reused within a lane only, and a lane belongs to one pool. */
struct lane {
    struct http_client *client;
    struct lane *next;
    CURLM *multi;
    uint32_t pool;
    int busy;                /* fetches inside */
    bool driving;            /* inside libcurl on behalf of this lane */
    bool kick;               /* libcurl's timer is due now */
    int64_t idle_since_us;   /* while busy is 0 */
    struct loop_timer timer; /* always pending, so that setting it cannot fail */
    struct loop_task task;   /* drives it once for all that was added in a SEND phase */
    struct site *sites;
    int site_count;
};

/* A connection's descriptor, from OPENSOCKETFUNCTION to CLOSESOCKETFUNCTION. */
struct sock {
    struct loop_io io; /* first */
    struct lane *lane;
    struct http_fetch *fetch; /* whom it serves now; NULL = idle */
    uint32_t want;            /* what libcurl asks for; 0 = nothing, but it may still be registered */
    bool tls;
    bool idle;   /* counted in the client's idle_count */
    bool young;  /* its first transfer is not over */
    ino_t inode; /* tells whether the number still means this socket */
};

enum fetch_stage { FETCH_QUEUED, FETCH_RESOLVING, FETCH_RUNNING, FETCH_ENDING };

struct http_fetch {
    struct http_client *client;
    CURL *easy;                      /* kept with the struct when that is recycled */
    struct http_fetch *next, **link; /* of the client's live or doomed */
    enum fetch_stage stage;
    bool cancelled; /* asked for while inside libcurl: no callback any more, removed when we are out */
    bool paused;    /* the consumer wants no bytes now */
    bool held;      /* libcurl was told so, and keeps what it has read */
    bool fenced;    /* an address was refused */
    bool opened;    /* a socket was opened for it, so the connection is not reused */
    bool begun;     /* the request was handed to a connection */
    bool resent;    /* libcurl tried a second time, and was stopped */
    bool answered;  /* not one line came, but bytes did */
    bool head_done;
    bool body_gone;                                           /* http_fetch_body_free */
    bool large_upload, unix_set, custom_set, reuse_forbidden; /* options of `easy` not at their resting value */
    enum fetch_end refused;                                   /* our own reason to stop it, FETCH_OK = none */
    const char *refused_why;
    struct http_fetch_options opt; /* body pieces borrowed; texts are in `text`; headers are not kept here */
    struct http_url url;           /* into text */
    char *text;                    /* owned: URL, method, unix path, each with a NUL */
    struct curl_slist *headers;    /* owned */
    char *body_copy;               /* owned: small pieces joined */
    size_t body_bytes, piece, piece_at;
    struct lane *lane;
    struct site *site;
    uint32_t site_version;
    struct resolve_query *query;
    struct loop_timer connect_timer;
    struct loop_task task; /* to be sent, or to be resumed */
    struct http_head head;
    struct sock *sock; /* that libcurl waits for, or that it held when it was paused */
    int local_port;
    int64_t started_us, begun_us, connect_us;
    char problem[CURL_ERROR_SIZE]; /* libcurl's words */
};

struct http_client {
    struct loop *loop;
    struct resolver *resolver;
    size_t connections_max, head_bytes_max;
    struct trust trust;
    CURLSH *share; /* TLS sessions */
    struct lane *lanes;
    struct sock **sock; /* by descriptor */
    size_t sock_max;
    size_t idle_count;         /* connections kept and serving no one */
    struct http_fetch *live;   /* all that are not over */
    struct http_fetch *doomed; /* cancelled or refused inside libcurl: removed once we are outside */
    struct http_fetch *spare;  /* recycled, with their easy handles */
    int spare_count;
    int depth;       /* > 0: inside libcurl */
    int closed_port; /* our end of the connection closed last, and when it had received its last data */
    int64_t closed_received_us;
    struct loop_timer sweep;
};

/* --- http_curl.c --------------------------------------------------------------------------------------------------- */

struct lane *lane_get(struct http_client *c, uint32_t pool); /* with room for one more fetch; NULL: memory is out */
bool lane_add(struct lane *l, struct http_fetch *f);         /* leaves in the SEND phase; false: memory is out */
void lane_resume(struct http_fetch *f);                      /* hands out what was held */
void lane_remove(struct http_fetch *f);                      /* closes its connection unless the reply was complete */
void lane_drive(struct lane *l, int fd, int events);         /* fd CURL_SOCKET_TIMEOUT: what is due */
void lane_close(struct lane *l);
void lanes_trim(struct http_client *c);
struct site *site_get(struct lane *l, struct str host, int port);
int site_set(struct site *s, const struct resolve_answer *a, int64_t now_us);

/* --- http_curl_sock.c ---------------------------------------------------------------------------------------------- */

int sock_open(struct http_fetch *f, struct curl_sockaddr *address); /* a descriptor, or CURL_SOCKET_BAD */
int sock_close(struct http_client *c, int fd);
int sock_wanted(CURL *easy, curl_socket_t fd, int what, void *lane, void *unused); /* CURLMOPT_SOCKETFUNCTION */
void sock_release(struct http_client *c, struct sock *s);                          /* serves no fetch any more */
void socks_fini(struct http_client *c);

/* --- http_fetch.c -------------------------------------------------------------------------------------------------- */

int fetch_easy_open(struct http_fetch *f);
int fetch_easy_set(struct http_fetch *f); /* the options of this request */
enum fetch_end fetch_end_of(struct http_fetch *f, CURLcode code);
bool fetch_sent_any(const struct http_fetch *f);
void fetch_connect_timer(struct http_fetch *f); /* starts it for what is left of connect_timeout_ms */

/* --- http_client.c ------------------------------------------------------------------------------------------------- */

void fetch_finish(struct http_fetch *f, enum fetch_end end, const char *detail);
void fetch_doom(struct http_fetch *f); /* inside libcurl: it ends, cancelled or refused, when we are outside */
void fetch_doomed_reap(struct http_client *c);
void fetch_timed_out(struct loop_timer *t);
