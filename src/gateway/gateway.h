/* gateway.h: the HTTP face of Hearth: who may speak, what they asked for, and the answer's way back. Thin: calls go to the
 * mesh, and everything here belongs to one loop, except the immutable `struct gateway`. */
#pragma once
#include "base/err.h"
#include "base/gauge.h"

struct config;
struct gateway;
struct gateway_loop;
struct loop;
struct mesh;
struct mesh_counts;
struct mesh_loop;
struct news;

/* What came of it: 0 or a negative code, and lines for people. On the loop that asked. */
typedef void gateway_told_fn(void *arg, int rc, struct str text);

struct gateway_engine { /* the built-in one */
    bool configured, up;
    int64_t restarts;
};

/* What only the process as a whole can do, for the admin API; filled in by the layer above. */
struct gateway_control {
    void *ctx;
    /* Has the config read again; from any loop. `told` is called once, later, unless this fails: ERR_NOMEM, ERR_BUSY. */
    int (*reload)(void *ctx, struct loop *l, gateway_told_fn *told, void *arg);
    void (*engine)(void *ctx, struct gateway_engine *out); /* any loop; may be NULL */
};

struct gateway_options {
    const struct config *config;
    struct mesh *mesh;
    struct str listen; /* the address served in place of the config's; empty: the config's */
    struct str key;      /* the key `default`; empty: there is none */
    struct gateway_control control; /* may be empty */
    struct news *news; /* for GET /hearth/v1/events; NULL: there is none */
    struct str data_dir; /* has the other keys and the admin API's token; the caller keeps the text */
    struct gauge *held;  /* as in http_server.h; may be NULL */
    size_t connections_max; /* per loop; 0: the server's default */
};
int gateway_open(struct gateway **out, const struct gateway_options *opt, struct err *e);
void gateway_close(struct gateway *g);

/* The server of one loop; listeners are shared by all loops and stay the caller's. */
/* `counts` (may be NULL) are the loop's, for /metrics. All loops are opened before the first one runs. */
int gateway_loop_open(struct gateway_loop **out, struct gateway *g, struct loop *l, struct mesh_loop *ml,
                      const struct mesh_counts *counts, struct err *e);
/* Another config is in force: first this, from any thread, then each loop is told on its own thread. Only then nobody
 * reads the old config and mesh any more, except the calls that began under them. */
void gateway_adopt(struct gateway *g, const struct config *config, struct mesh *m);
void gateway_loop_adopt(struct gateway_loop *gl, struct mesh_loop *ml);
int gateway_loop_listen(struct gateway_loop *gl, int fd);
void gateway_drain(struct gateway *g); /* /readyz says 503 from now on; any thread */
void gateway_loop_drain(struct gateway_loop *gl);
size_t gateway_loop_busy(const struct gateway_loop *gl); /* connections with a request or a reply under way */
/* Connections close; their calls are left. To be called before mesh_loop_close. */
void gateway_loop_close(struct gateway_loop *gl);

struct buf;
int metrics_reference(struct buf *out); /* docs/reference/metrics.md */
