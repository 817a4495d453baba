/* gateway_priv.h: what the files of the gateway share. */
#pragma once
#include "config/config.h"
#include "gateway/gateway.h"
#include "mesh/mesh.h"
#include "net/http_server.h"
#include <stdatomic.h>

enum { KEY_DIGEST_BYTES = 32 };

enum { GATEWAY_LOOPS_MAX = 64 };

struct gateway {
    /* In force now. Whoever replaces them keeps the old ones until every loop has been told (gateway_loop_adopt), so what
     * is read here is good until the end of the turn. */
    _Atomic(const struct config *) config;
    _Atomic(struct mesh *) mesh;
    struct str listen;
    struct gateway_control control;
    struct gateway_loop *loop[GATEWAY_LOOPS_MAX]; /* fixed while loops run; NULL: closed, when none does any more */
    int loops;
    int64_t started_wall_ms;
    atomic_bool draining; /* the process stops: nobody should send it more */
    bool has_key;
    uint8_t key_digest[KEY_DIGEST_BYTES]; /* SHA-256; the key itself is not kept */
};
struct gateway_loop {
    struct gateway *gateway;
    struct loop *loop;
    struct mesh_loop *mesh;
    const struct mesh_counts *counts; /* may be NULL */
    struct http_server *server;
};

/* First member of whatever hangs on an exchange that is not answered yet: what to do when its client leaves, and when
 * it takes bytes again. */
struct awaited {
    void (*gone)(struct awaited *a);
    void (*drain)(struct awaited *a); /* NULL: nothing is streamed */
};

enum { REPLY_HEADERS_MAX = MESH_HEADERS_MAX + 8 };

/* browser.c: the rules against the browser next door. True when the request may go on; else it is answered. */
bool browser_host_is_ours(const struct gateway *g, struct str host); /* loopback literals, localhost, `hosts:`, `listen:` */
bool browser_admits(struct gateway_loop *gl, struct http_exchange *x);
/* Headers a page of a listed origin needs to read the answer; returns how many were written (at most 4). */
size_t browser_headers(const struct gateway *g, const struct http_request *r, struct http_header *h);
void browser_preflight(struct gateway_loop *gl, struct http_exchange *x);

/* keys.c: who calls. True when admitted; else it is answered. */
struct caller {
    struct str key;        /* name in the ledger */
    struct str credential; /* the client's own vendor credential, as an authorization value; in scratch or the request */
};
bool keys_admit(struct gateway_loop *gl, struct http_exchange *x, struct caller *out, struct arena *a);
int keys_digest(struct str key, uint8_t out[KEY_DIGEST_BYTES]);

/* calls.c */
void calls_start(struct gateway_loop *gl, struct http_exchange *x, int op);

/* pages.c */
void page_models(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_root(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_healthz(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_readyz(struct gateway_loop *gl, struct http_exchange *x, int unused);
const char *page_why_unready(const struct gateway_loop *gl); /* NULL when ready; static text */

/* metrics.c */
void page_metrics(struct gateway_loop *gl, struct http_exchange *x, int unused);

/* reload.c: for the admin API, which has admitted the caller. */
void page_reload(struct gateway_loop *gl, struct http_exchange *x, int unused);

/* reply.c: answers outside a call, with our headers and, if the origin may read them, the browser's. */
void reply_error(struct gateway_loop *gl, struct http_exchange *x, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void reply_with(struct gateway_loop *gl, struct http_exchange *x, int status, struct str type, struct str body);
/* `h` has room for REPLY_HEADERS_MAX. */
void reply_headers(struct gateway_loop *gl, struct http_exchange *x, int status, struct http_header *h, size_t count, struct str body);
