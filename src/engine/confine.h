/* confine.h: takes from this process what an engine does not need: the network, the file system, other programs.
 *
 * Layers, each of which holds alone: an empty network namespace (where the system lets us make one), no new privileges, and a list of
 * the system calls that computing and answering on sockets it already has take; every other one fails with EPERM. A model file is
 * untrusted: whatever a broken one makes this process do, it cannot reach anybody. To be called once, before any thread is started. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct confinement {
    bool network_namespace; /* it has one of its own, with nothing in it */
    bool no_new_privileges;
    bool system_calls;
};

/* Whether this build and machine have the list of system calls at all: x86-64 and arm64, not under a sanitizer. */
bool confine_available(void);
/* ERR_UNSUPPORTED, ERR_REFUSED: the list cannot be set, and nothing was promised. A missing namespace is no error: `out` tells. */
int confine_self(struct confinement *out, struct err *e);

/* What the proof tries; each must be refused. Only EPERM is a refusal, which is what the list of system calls answers: whatever else
 * stood in the way (no such file, no route) might not stand there tomorrow. */
struct confine_try {
    const char *what;  /* "a TCP connection to 192.0.2.1:443" */
    bool refused;
    int error_number;  /* why not, or 0: it went through */
};
enum { CONFINE_TRIES = 8 };
/* Inside of a confined process: tries to get out in every way that is known to matter. Where there are no walls the last one replaces
 * this process. */
void confine_prove(struct confine_try out[CONFINE_TRIES]);
/* The proof as JSON: layers (system_calls, no_new_privileges, network_namespace: true or false), tries (what, refused, error). Without
 * the list of system calls nothing is tried. ERR_NOMEM. */
int confine_prove_json(const struct confinement *c, struct buf *out);
