/* doctor_priv.h: what the files of `hearth doctor` share: findings, and one request with its times.
 *
 *   doctor.c           the command, the findings and how they are told
 *   doctor_ask.c       one request to an upstream, fenced, with its times
 *   doctor_upstream.c  each upstream: key, models, clock, latency
 *   doctor_ollama.c    what an Ollama says about itself
 *   doctor_engine.c    the built-in engine's models
 *   doctor_fence.c     --fence: the engine's walls, tried from inside
 *   doctor_machine.c   data folder, journal, file limit */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"

struct mesh;

enum finding_level { FINDING_OK, FINDING_INFO, FINDING_WARN, FINDING_FAIL };
struct finding {
    enum finding_level level;
    struct str subject, check, text, todo; /* upstream or "machine"; "key"; what is; what to do, empty when nothing */
    struct finding *next;
};
struct doctor_latency { /* microseconds; -1: not measured */
    struct str upstream;
    int64_t connect_us, first_byte_us, network_us;
    struct doctor_latency *next;
};
struct doctor {
    struct arena arena;
    const struct config *config;
    const struct mesh *mesh; /* for the fence; no call goes through it */
    struct finding *first, **tail;
    struct doctor_latency *latency, **latency_tail;
    bool nomem;
    int bad; /* findings that are not well */
};
/* Adds one; `todo` is a whole sentence or NULL. */
void doctor_find(struct doctor *d, enum finding_level level, struct str subject, const char *check, const char *todo,
                 const char *format, ...) __attribute__((format(printf, 6, 7)));
struct str doctor_format(struct doctor *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- doctor_ask.c --------------------------------------------------------------------------------------------- */

struct doctor_client; /* a loop and its connections; one upstream's */
struct doctor_reply {
    int end;    /* enum fetch_end */
    int status; /* 0: no answer */
    struct buf body;
    int64_t date_ms, answered_ms; /* the Date header (INT64_MIN without one), and our clock then */
    int64_t connect_us, first_byte_us;
    bool reused;
    char peer[64], detail[256];
};
struct doctor_secret {
    const char *name, *value; /* an additional header; NULL: none */
};
int doctor_client_open(struct doctor_client **out, const struct doctor *d, const struct config_upstream *u,
                       struct err *e);
void doctor_client_close(struct doctor_client *c);
/* GET root + path with these headers. Always fills *out; the caller clears its body. */
void doctor_get(struct doctor_client *c, struct str url, const struct doctor_secret *header, int header_count,
                struct doctor_reply *out);
/* The shortest of two bare TCP connects to where the reply came from: the network's share of a round trip; -1 without one. */
int64_t doctor_network_us(const char *peer, struct str url);

/* --- the checks ------------------------------------------------------------------------------------------------ */

void doctor_upstream(struct doctor *d, const struct config_upstream *u);
void doctor_ollama(struct doctor *d, struct doctor_client *c, const struct config_upstream *u, struct str base);
void doctor_engine(struct doctor *d, const struct config_upstream *u, struct str data_dir);
int doctor_fence(const char *config, const char *data, bool json); /* the exit status */
void doctor_machine(struct doctor *d, struct str data_dir);
/* Calls fn for every target of the config at this upstream, once each: its model, and where it is named first. */
void doctor_each_target(const struct doctor *d, struct str upstream,
                        void (*fn)(struct str model, struct config_mark at, int64_t max_context, void *ctx), void *ctx);
