/* http_curl_priv.h: the transport of https://: libcurl, driven by our loop.
 *
 *   http_curl_fetch.c  one easy handle: its options, its callbacks, what its ends mean
 *   http_curl.c        lanes (CURLM) and timers
 *   http_curl_sock.c   its sockets
 *   http_curl_trust.c  the CA certificates
 */
#pragma once
#include "net/http_client_priv.h"
#include <curl/curl.h>
#include <openssl/x509.h>

/* --- http_curl_trust.c --------------------------------------------------------------------------------------------- */

struct trust {
    char *ca_file;     /* owned; to trust beside the system's; NULL: none */
    X509_STORE *store; /* NULL until the first https fetch */
    int64_t loaded_us;
};
/* Loads the certificates when that has not been done for a day. A failure counts only with nothing loaded. */
int trust_load(struct trust *t, int64_t now_us, struct err *e);
void trust_fini(struct trust *t);

/* --- structures ---------------------------------------------------------------------------------------------------- */

/* One CURLM. Connections are reused within a lane only, and a lane belongs to one pool. */
struct lane {
    struct http_client *client;
    struct lane *next;
    CURLM *multi;
    uint32_t pool;
    int busy;                /* fetches inside */
    bool driving;            /* inside libcurl on behalf of this lane */
    bool kick;               /* libcurl's timer is due now */
    uint64_t site_serial;    /* of the addresses it took into its DNS cache last */
    int64_t idle_since_us;   /* while busy is 0 */
    struct loop_timer timer; /* always pending, so that setting it cannot fail */
    struct loop_task task;   /* drives it once for all that was added in a SEND phase */
};

/* A connection's descriptor, from OPENSOCKETFUNCTION to CLOSESOCKETFUNCTION. */
struct sock {
    struct loop_io io; /* first */
    struct lane *lane;
    struct curl_fetch *fetch; /* whom it serves now; NULL = idle */
    uint32_t want;            /* what libcurl asks for; 0 = nothing, but it may still be registered */
    bool idle;                /* counted in the client's idle_count */
    bool young;               /* its first transfer is not over */
    ino_t inode;              /* tells whether the number still means this socket */
};

struct curl_fetch {
    struct http_fetch base;      /* first */
    CURL *easy;                  /* kept with the struct when that is recycled */
    bool resent;                 /* libcurl tried a second time, and was stopped */
    bool large_upload, unix_set; /* options of `easy` not at their resting value … */
    bool custom_set, reuse_forbidden;
    enum fetch_end refused; /* our own reason to stop it, FETCH_OK = none */
    const char *refused_why;
    char *text; /* owned: URL, method, unix path, each with a NUL */
    const char *method, *unix_path;
    struct curl_slist *headers; /* owned */
    struct curl_slist entry;    /* the site's addresses */
    uint64_t site_serial;       /* of that entry */
    char *body_copy;            /* owned: small pieces joined */
    size_t piece, piece_at, body_read; /* of the body: where libcurl's reading stands */
    struct lane *lane;
    struct sock *sock;             /* that libcurl waits for, or that it held when it was paused */
    char problem[CURL_ERROR_SIZE]; /* libcurl's words */
};

struct curl_part {
    struct trust trust;
    CURLSH *share; /* TLS sessions */
    struct lane *lanes;
    struct sock **sock; /* by descriptor */
    size_t sock_max;
    struct http_fetch *doomed; /* cancelled or refused inside libcurl: removed once we are outside */
    int depth;                 /* > 0: inside libcurl */
};

static inline struct curl_fetch *curl_fetch_of(struct http_fetch *f)
{
    return (struct curl_fetch *)f;
}

/* --- http_curl.c --------------------------------------------------------------------------------------------------- */

struct lane *lane_get(struct http_client *c, uint32_t pool); /* with room for one more fetch; NULL: memory is out */
bool lane_add(struct lane *l, struct curl_fetch *f);         /* leaves in the SEND phase; false: memory is out */
void lane_resume(struct http_fetch *f);                      /* hands out what was held */
void lane_remove(struct curl_fetch *f);                      /* closes its connection unless the reply was complete */
void lane_drive(struct lane *l, int fd, int events);         /* fd CURL_SOCKET_TIMEOUT: what is due */
int lanes_open(struct http_client *c, const struct http_client_options *opt, struct err *e);
void lanes_close(struct http_client *c);
bool lanes_sweep(struct http_client *c);
void lanes_trim(struct http_client *c);
void fetch_doom(struct curl_fetch *f); /* inside libcurl: it ends, cancelled or refused, when we are outside */
void fetch_doomed_reap(struct http_client *c);

/* --- http_curl_sock.c ---------------------------------------------------------------------------------------------- */

int sock_open(struct curl_fetch *f, struct curl_sockaddr *address); /* a descriptor, or CURL_SOCKET_BAD */
int sock_close(struct http_client *c, int fd);
int sock_wanted(CURL *easy, curl_socket_t fd, int what, void *lane, void *unused); /* CURLMOPT_SOCKETFUNCTION */
void sock_release(struct http_client *c, struct sock *s);                          /* serves no fetch any more */
void socks_fini(struct http_client *c);

/* --- http_curl_fetch.c --------------------------------------------------------------------------------------------- */

enum fetch_end fetch_end_of(struct curl_fetch *f, CURLcode code);
const char *fetch_words(const struct curl_fetch *f, CURLcode code); /* what is told of that end; NULL: nothing more */
