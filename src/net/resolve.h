/* resolve.h: names to addresses, off the loops: a few threads, a cache with a short life, answers by loop_post.
 *
 * The system's own resolution (getaddrinfo, so /etc/hosts, mDNS and DNS alike), or, when `server` is given, plain DNS to
 * that server only (libresolv), which is how a test owns the DNS. Literal addresses and "localhost" answer without
 * asking anyone. Failures are cached for a second so that a dead DNS is not asked per call. */
#pragma once
#include "net/loop.h"
#include <sys/socket.h>

#define RESOLVE_ADDRESSES_MAX 16

struct resolver;
struct resolve_query;

struct resolve_answer {
    int count;                                              /* 0: failed, see `problem` */
    struct sockaddr_storage address[RESOLVE_ADDRESSES_MAX]; /* port filled in */
    const char *problem;                                    /* static text */
};

struct resolver_options {
    struct str server; /* "127.0.0.1:5353" (IPv4), or empty for the system's resolution */
    int threads;       /* default 2 */
    int cache_ttl_ms;  /* default 30 s */
    const struct clock *clock;
};

int resolver_open(struct resolver **out, const struct resolver_options *opt, struct err *e);
/* No query may be pending. Joins the threads that rest; one that is still busy with a name nobody waits for is left to
 * end by itself, because nothing can interrupt getaddrinfo. */
void resolver_close(struct resolver *r);
/* True and filled when `host` is an address ("::1", "[::1]", "10.0.0.1") or localhost. */
bool resolve_literal(struct str host, int port, struct resolve_answer *out);
/* The answer comes on the loop's thread through `fn`, never from inside this call, exactly once unless cancelled. NULL
 * when memory is out. */
struct resolve_query *resolve_start(struct resolver *r, struct loop *l, struct str host, int port,
                                    void (*fn)(const struct resolve_answer *a, void *ctx), void *ctx);
void resolve_cancel(
    struct resolve_query *q); /* at once; the thread may still be busy with the name, nobody waits for it */
