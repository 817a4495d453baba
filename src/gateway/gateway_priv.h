/* gateway_priv.h: what the files of the gateway share. */
#pragma once
#include "base/news.h"
#include "config/config.h"
#include "gateway/clerk.h"
#include "gateway/gateway.h"
#include "gateway/keyring.h"
#include "mesh/mesh.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "wire/codec.h"
#include <pthread.h>
#include <stdatomic.h>

enum { GATEWAY_LOOPS_MAX = 64 };

struct gateway {
    /* In force now. Whoever replaces them keeps the old ones until every loop has been told (gateway_loop_adopt), so what
     * is read here is good until the end of the turn. */
    _Atomic(const struct config *) config;
    _Atomic(struct mesh *) mesh;
    struct gauge *held;
    struct http_share share; /* of its loops' servers */
    size_t connections_max;
    struct str listen;
    struct gateway_control control;
    struct news *news; /* NULL: none are told */
    atomic_bool draining; /* the process stops: nobody should send it more */
    struct str data_dir;
    struct gauge spooled; /* bytes of uploads that are in files */
    int64_t started_mono_us, started_wall_ms;
    _Atomic int64_t loaded_wall_ms;       /* of the config in force */
    bool has_default;
    struct key default_key;               /* $HEARTH_KEY; only its SHA-256 is kept */
    uint8_t admin_digest[KEY_DIGEST_BYTES];
    struct gateway_loop *loop[GATEWAY_LOOPS_MAX]; /* added and removed while no loop runs */
    int loop_count;
    struct clerk *clerk;                  /* edits of keys, reports */
    struct clerk *watcher;                /* notices a new keys.json */
    pthread_mutex_t load_lock;            /* one reload at a time; guards `stamp`. Taken before ring_lock */
    struct keyring_stamp stamp;           /* of the file that `ring` was read from, or that was refused */
    pthread_mutex_t ring_lock;            /* guards `ring`; held to take a reference */
    struct keyring *ring;
    atomic_uint ring_version;             /* rises with each new ring; read by loops, pairs with the store in keys_reload */
};
struct gateway_loop {
    struct gateway *gateway;
    struct loop *loop;
    struct mesh_loop *mesh;
    const struct mesh_counts *counts; /* may be NULL */
    struct http_server *server;
    struct keyring *ring; /* as this loop saw it last */
    unsigned ring_version;
    struct reader *readers; /* of events (admin_events.c) */
    int reader_count;
    struct loop_timer readers_timer;
    struct word *word;           /* that there are news; owned, but for one that is on its way when it closes */
};

/* First member of whatever waits for an exchange's reply (http_exchange_set). */
struct reply_owner {
    void (*on_gone)(struct reply_owner *o);
    void (*on_drain)(struct reply_owner *o); /* may be NULL */
};

enum { REPLY_HEADERS_MAX = MESH_HEADERS_MAX + 8 };

/* browser.c: the rules against the browser next door. True when the request may go on; else it is answered. */
bool browser_host_is_ours(const struct gateway *g, struct str host); /* loopback literals, localhost, `hosts:`, `listen:` */
bool browser_admits(struct gateway_loop *gl, struct http_exchange *x, bool takes_forms);
/* Headers a page of a listed origin needs to read the answer; returns how many were written (at most 4). */
size_t browser_headers(const struct gateway *g, const struct http_request *r, struct http_header *h);
void browser_preflight(struct gateway_loop *gl, struct http_exchange *x);

/* keys.c: who calls. True when admitted; else it is answered. */
struct caller {
    const struct key *key; /* NULL: nobody in particular. Until this turn ends */
    struct str credential; /* the client's own vendor credential; empty: it shows none */
    unsigned credential_in; /* the headers that show it: bits of usual_headers */
};
enum { USUAL_HEADERS = 4 };
extern const char *const usual_headers[USUAL_HEADERS]; /* where clients put keys */
bool keys_admit(struct gateway_loop *gl, struct http_exchange *x, struct caller *out);
/* Counts a call against the key's rpm. False when it is answered, with 429. */
bool keys_count(struct gateway_loop *gl, struct http_exchange *x, const struct key *k);
size_t keys_in_force(struct gateway_loop *gl);
bool key_may_ask(const struct key *k, struct str job); /* job empty: a target, say */
struct str usual_bearer(const struct http_request *r); /* of `authorization: Bearer` */
int keys_open(struct gateway *g, struct str default_key, struct err *e);
void keys_close(struct gateway *g);
/* Takes up what keys.json says now, if it was replaced. Blocks on the disk. */
int keys_reload(struct gateway *g, struct err *e);

/* calls.c */
#define CALL_API(dialect, op) ((int)(dialect) << 8 | (int)(op))
void calls_start(struct gateway_loop *gl, struct http_exchange *x, int api);
void calls_piece(struct gateway_loop *gl, struct http_exchange *x, int api, struct str bytes); /* of a form */
const struct codec *dialect_of(const struct http_request *r); /* the client's, by the path it asks for */

/* uploads.c: bodies that are forms with a file in them, taken as they come. */
struct upload;
void upload_begin(struct gateway_loop *gl, struct http_exchange *x); /* in on_head; who may send it has been looked at */
bool upload_is(const struct reply_owner *o);
int upload_feed(struct upload *u, struct str bytes, struct err *e); /* ERR_INVALID: the form is no good; ERR_IO, ERR_BUSY, ERR_NOMEM */
int upload_end(struct upload *u, struct err *e);                    /* nothing more comes. The same */
bool upload_is_routable(const struct upload *u);                    /* it is worth sending on before it is complete, and can be */
size_t upload_bytes(const struct upload *u);                        /* that came */
void upload_refuse(struct gateway_loop *gl, struct upload *u, int rc, const struct err *e); /* answers, and frees it */
void upload_ask(const struct upload *u, bool complete, struct mesh_ask *ask); /* fills in body and form */
void upload_body_free(struct upload *u); /* the file goes, what is known of it stays */
void upload_free(struct upload *u);      /* NULL is fine */

/* headers.c: what of a request's head may go on to an upstream, into ask->identity and ask->dialect_header. False: memory is out. */
bool headers_collect(struct mesh_ask *ask, const struct http_request *r, unsigned credential_in, struct arena *a);

/* admin.c: the admin API: its table of endpoints is there. */
void admin_request(struct gateway_loop *gl, struct http_exchange *x, int unused);
bool admin_shows_token(const struct gateway_loop *gl, struct http_exchange *x);
bool admin_admits(struct gateway_loop *gl, struct http_exchange *x); /* it shows the token; else it is answered */

/* admin_events.c */
int events_loop_open(struct gateway_loop *gl);   /* its readers hear of news from here on ... */
void events_loop_close(struct gateway_loop *gl); /* ... to here; before the loop is closed */
void events_loop_end(struct gateway_loop *gl);   /* all that are reading are told all, and ended */

/* pages.c */
void page_models(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_root(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_healthz(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_readyz(struct gateway_loop *gl, struct http_exchange *x, int unused);
const char *page_why_unready(const struct gateway_loop *gl); /* NULL when ready; static text */

/* ollama.c */
void page_ollama_tags(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_ollama_ps(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_ollama_version(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_ollama_show(struct gateway_loop *gl, struct http_exchange *x, int unused);
void page_ollama_pull(struct gateway_loop *gl, struct http_exchange *x, int unused);

/* metrics.c */
void page_metrics(struct gateway_loop *gl, struct http_exchange *x, int unused);

/* reply.c: answers outside a call, with our headers and, if the origin may read them, the browser's. */
void reply_error(struct gateway_loop *gl, struct http_exchange *x, int status, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void reply_with(struct gateway_loop *gl, struct http_exchange *x, int status, struct str type, struct str body);
/* The same, with a retry-after. */
void reply_error_later(struct gateway_loop *gl, struct http_exchange *x, int status, const char *code, int64_t retry_after_ms,
                       const char *format, ...) __attribute__((format(printf, 6, 7)));
/* `h` has room for REPLY_HEADERS_MAX. */
void reply_headers(struct gateway_loop *gl, struct http_exchange *x, int status, struct http_header *h, size_t count, struct str body);
