/* mesh.h: sends each call to the cheapest place that may and can answer it, and keeps going when a place fails.
 *
 * A `struct mesh` is made once from a config: its routes never change afterwards. What loops share is one cache line of
 * atomics per target and per upstream, and the budgets of the ledger. Each loop opens a `struct mesh_loop` (its upstream
 * connections, its journal); a call belongs to its loop, and to its mesh, from start to end. Another config is another
 * mesh beside the first, with loops of its own; the old ones close when their last call has ended.
 *
 * The order of events is a promise (docs/internals/call.md): open record, journal flush, first upstream byte, ... close
 * record, journal flush, last byte to the client. Until the first content has gone to the client, failures are answered
 * by the next step of the chain; after it, never. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/gauge.h"
#include "base/id.h"
#include "net/http_server.h" /* struct http_header */
#include "wire/wire.h"

struct config;
struct ledger;
struct loop;
struct mesh;
struct mesh_call;
struct mesh_counts;
struct mesh_loop;
struct json_writer;
struct ledger_call;
struct ledger_reader;
struct news;
struct plan_estimate;
struct usage_attempt;
struct resolver;

/* --- routes ---------------------------------------------------------------------------------------------------------- */

struct mesh_options {
    const struct config *config; /* must outlive the mesh */
    struct ledger *ledger;       /* NULL: routes only, for `config check` */
    struct resolver *resolver;
    const struct clock *clock;
    const struct mesh *before; /* what this one follows, or NULL: places that are the same keep breakers and counts */
    struct gauge *calls; /* under way; one that does not fit is refused. NULL: no ceiling */
    struct gauge *held;  /* bytes; answers that are held are counted here, never refused. NULL: not counted */
    struct news *news;   /* is told what rests and what is back; NULL: nobody is */
    struct str engine_socket; /* path at which the built-in engine listens; empty: it does not run, and no call is made */
};
/* Refuses (with e->line and e->column) what could cross a boundary, names that do not exist, and what this version cannot
 * do. Missing secrets are no error: such an upstream is skipped as "no key". */
int mesh_open(struct mesh **out, const struct mesh_options *opt, struct err *e);
void mesh_close(struct mesh *m); /* after all its loops */
/* `now` is in force in place of `old`: budgets that only the old one has are left. */
void mesh_replaced(const struct mesh *old, const struct mesh *now);

struct mesh_loop_options {
    struct mesh *mesh;
    struct loop *loop;
    int index; /* of its journal: one that no other open mesh_loop has */
    struct mesh_counts *counts; /* of this loop (counts.h); NULL: nothing is counted */
};
int mesh_loop_open(struct mesh_loop **out, const struct mesh_loop_options *opt, struct err *e);
/* No call may have a client any more (mesh_loop_end_calls). Flushes the journal. */
void mesh_loop_close(struct mesh_loop *ml);
/* Ends every call now, and tells its client: an error event in a stream, a 503 otherwise. */
void mesh_loop_end_calls(struct mesh_loop *ml);
size_t mesh_loop_calls(const struct mesh_loop *ml); /* any thread */
uint64_t mesh_loop_total(const struct mesh_loop *ml); /* calls since it was opened; on its loop */
void mesh_loop_trim(struct mesh_loop *ml); /* after a busy time: gives back what was kept for it */
bool mesh_loop_ready(const struct mesh_loop *ml); /* new calls are let in: the journal can be written */

/* --- calls ----------------------------------------------------------------------------------------------------------- */

#define MESH_HEADERS_MAX 80 /* ours, and what an upstream of the client's dialect says beside its answer */

/* The head of an answer; slices are valid during the call-back. */
struct mesh_head {
    int status;
    const struct http_header *header;
    size_t header_count;
};

/* Who gets the answer. Either whole, or begin, write..., end | cut. Called on the call's loop; a refusal comes from inside
 * mesh_call_start. After whole, end or cut the call no longer exists for its owner. */
struct mesh_sink {
    void (*whole)(void *ctx, const struct mesh_head *h, struct str body);
    void (*begin)(void *ctx, const struct mesh_head *h);
    int (*write)(void *ctx, struct str bytes); /* 0, 1: taken, stop until mesh_call_resume, or negative: broken */
    void (*end)(void *ctx);
    void (*cut)(void *ctx); /* the connection must be broken so that nobody takes what came for the whole */
};

enum { ASK_HEADERS_MAX = 40 }; /* of each kind of header that is handed on */

struct mesh_ask {
    enum dialect dialect;   /* the client's */
    enum wire_op op;
    struct str body;        /* borrowed until body_free is called or the call is over */
    const struct audio_form *form; /* the body is this form (audio.h), not JSON; borrowed until the call is over. NULL otherwise */
    struct str form_type;   /* its content-type, as the client sent it */
    size_t form_ready;      /* so many bytes of the body are there, the model's name among them; the rest is told by mesh_call_more. All of
                               the body is at its place already. 0: it is complete */
    bool home;              /* the client narrowed the boundary */
    struct str key;         /* name of the client's key, "-" for none */
    const struct str *jobs; /* all that this key may ask for, by whatever name; read by mesh_call_start only */
    int job_count;          /* 0: everything */
    struct str tags, task;  /* as the client sent them, checked by the caller */
    struct str credential;  /* the client's own vendor credential; empty: it shows none */
    /* Headers for upstreams, borrowed until the call is over. `identity` (the credential, as it was sent, and what tells the client's
     * program) is for passthrough upstreams alone; `dialect_header` (versions, betas) for faces of the client's dialect. */
    const struct http_header *identity, *dialect_header;
    size_t identity_count, dialect_header_count;
    int64_t received_us;    /* when the turn began in which the request was complete */
    const struct mesh_sink *sink;
    void *ctx;
    void (*body_free)(void *ctx); /* the body will not be read again; may be NULL */
};

/* Lets a call in. A refusal (malformed, unknown or ambiguous model, journal not writable, ...) is not an error of this
 * function: it is answered through the sink. *out is NULL when the call is over already. */
int mesh_call_start(struct mesh_call **out, struct mesh_loop *ml, const struct mesh_ask *ask);
/* More of the form is there, or all of it: `complete`, and ask.form is as it will stay. The call may be over afterwards. */
void mesh_call_more(struct mesh_call *c, size_t ready, bool complete);
/* The form turns out to be no good: ends the call with that answer, and what is asked with it. */
void mesh_call_refuse(struct mesh_call *c, int status, struct str message);
void mesh_call_left(struct mesh_call *c);   /* the client is gone: cancels the upstream at once; no sink call follows */
void mesh_call_resume(struct mesh_call *c); /* the client takes bytes again */

/* Appends the headers that every answer carries, with `-` where one does not apply; for answers made outside a call. */
size_t mesh_headers_none(struct http_header *h, const char *boundary);

/* --- looking in ------------------------------------------------------------------------------------------------------ */

/* Names a client may ask for: jobs, aliases without a star, targets named in the config. fn returns 0 to go on. */
struct mesh_name {
    struct str name;
    const char *kind; /* "job", "alias", "target" */
    struct str owner; /* upstream of a target, else "hearth" */
    struct str job;   /* what it leads to; empty for a target */
    int64_t context_tokens; /* of the model that would be asked first, as what follows; 0 = unknown */
    bool embeds, vision, tools, thinks; /* embeds: is asked at /v1/embeddings */
    bool home;              /* of a job: its calls stay at home */
};
int mesh_names(const struct mesh *m, int (*fn)(const struct mesh_name *n, void *ctx), void *ctx);

/* Every target the config names, as it is at this moment. Any thread; texts live as long as the mesh. */
struct mesh_target {
    struct str name, upstream;
    bool home;
    enum regime regime;
    const char *breaker;     /* "closed", "open", "half-open" */
    int64_t breaker_wait_ms; /* while it is open: until the next try */
    int64_t in_flight, upstream_in_flight;
    int concurrent;          /* limit of the upstream; 0 = none */
    int spill_percent;       /* how much of an Ollama's model the CPU computes; -1: not known */
    struct str why_not;      /* why no call would be sent there now; empty: one would */
};
int mesh_targets(const struct mesh *m, int (*fn)(const struct mesh_target *t, void *ctx), void *ctx);

/* --- flat plans: what they stand at, and what the month would have cost in credits (flat_show.c) --- */

struct mesh_plan_price; /* an override of the config */
struct mesh_plan {
    struct str upstream, vendor; /* all texts in the arena they were made in */
    bool off;                    /* `plans: off` */
    int64_t monthly_nusd;        /* the fee; 0: not known */
    const struct mesh_plan_price *price;
    int price_count;
    struct str credentials, events; /* JSON arrays; empty: not asked for */
    /* this month (UTC), of attempts under the plan; filled in by mesh_plans_month */
    int64_t month_attempts, month_list_nusd, month_unknown; /* at list prices; attempts whose price is not known */
    int64_t month_billed, month_billed_nusd;                /* that the provider billed beside it */
};
/* The plans of the config, as they are now; independent of the mesh from then on. */
int mesh_plans(const struct mesh *m, struct arena *a, struct mesh_plan **out, int *count);
/* What a client's own logs show of the use of that plan beside Hearth (ledger/plan.h); `upstream` empty: the only plan there is. Into
 * *found its name. On the loop. ERR_NOT_FOUND, ERR_INVALID. */
int mesh_plan_estimate(struct mesh_loop *ml, struct str upstream, const struct plan_estimate *w, int count, struct str *found,
                       struct err *e);
/* Credentials and events as JSON, from the running plans; credentials from the books, without a daemon. */
int mesh_plans_live(const struct mesh *m, struct arena *a, struct mesh_plan *p, int count);
int mesh_plans_books(struct ledger_reader *r, struct arena *a, struct mesh_plan *p, int count, int64_t wall_ms, struct err *e);
int mesh_plans_month(struct ledger_reader *r, struct mesh_plan *p, int count, int64_t wall_ms, struct err *e);
void mesh_plan_show(struct json_writer *w, const struct mesh_plan *p);
/* Each window of each credential of the running plans, for /metrics. */
struct mesh_plan_window {
    struct str upstream;
    const char *credential, *window;
    bool spent;
    int64_t used_ppm, resets_in_ms; /* -1: not known */
};
int mesh_plan_windows(const struct mesh *m, int (*fn)(const struct mesh_plan_window *w, void *ctx), void *ctx);

/* --- why a call went where it went, from the books (story_read.c, story_show.c) --- */

/* The chains of the config, to tell who would have come next. Names in the arena they were made in. */
struct mesh_chain {
    struct str job;
    struct str *target; /* in their order */
    int target_count;
};
struct mesh_chains {
    struct mesh_chain *chain;
    int count;
};
int mesh_chains(const struct mesh *m, struct arena *a, struct mesh_chains *out); /* 0, ERR_NOMEM */

enum mesh_took { MESH_TRIED, MESH_SKIPPED, MESH_NOT_ASKED };
struct mesh_candidate {
    enum mesh_took took;
    const struct usage_attempt *attempt; /* of MESH_TRIED */
    struct str target;
    struct str reason;       /* its code; of MESH_NOT_ASKED empty */
    const char *words;       /* the same in words */
    const char *advice;      /* what a person can do about it; NULL */
    struct str note;         /* our own words beside it; empty */
    int64_t back_ms;         /* when it was to be back, as it was said then; -1: not said */
    struct str dialect;      /* it was asked in; empty: the client's own */
    int beside;              /* attempt that it hedged; 0: none */
    bool probe;
    bool priced;             /* it was compared under `cheapest`: */
    int64_t price_nusd;      /* COST_UNKNOWN: its price was not known */
    int64_t price_cached;    /* tokens taken to be cached there */
};
struct mesh_story {
    struct str dialect;      /* the client's; empty: nobody kept it, for nothing was translated */
    struct mesh_candidate *candidate;
    int count;
    int64_t more;            /* skips that were not kept */
    struct str *lost;        /* what the translation left out */
    int lost_count;
    struct str at;           /* where the conversation's prefix was cached, as far as was known; empty: nowhere; `-`: in no chain any more */
    int64_t prefix;          /* tokens of it */
    bool stayed;
    struct str why;          /* a code: how staying and going back were weighed; empty: they were not */
    const char *why_words;   /* NULL without one */
};
/* Puts what the books have of a call in the order in which it happened. Who stands behind the last one in today's config (`now`
 * may be NULL) follows as MESH_NOT_ASKED. ERR_SYNTAX: what was kept is no story of ours. */
int mesh_story_read(struct mesh_story *out, const struct ledger_call *c, const struct mesh_chains *now, struct arena *a, struct err *e);
void mesh_story_show(struct json_writer *w, const struct ledger_call *c, const struct mesh_story *s);

/* What each job would do now, as text for a terminal or JSON: target by target with its price, and why not. `probe` (may be
 * NULL) tells why a base URL does not answer, as static text, or NULL when it does; it is asked once per home upstream. */
int mesh_explain(const struct mesh *m, struct buf *out, bool json, const char *(*probe)(struct str url, void *ctx), void *ctx);
/* Warnings that do not stop anything: chains that are not cheap-first, retired names, missing keys. One line each. */
int mesh_warnings(const struct mesh *m, struct buf *out);
bool mesh_is_home_address(const struct mesh *m, struct str host);
