/* mesh_priv.h: the structures of the mesh and the doors between its files; nothing of it is seen outside. */
#pragma once
#include "config/config.h"
#include "ledger/ledger.h"
#include "ledger/plan.h"
#include "mesh/mesh.h"
#include "net/http_client.h"
#include "net/sse.h"
#include "wire/codec.h"
#include "wire/embed.h"
#include <stdatomic.h>
#include <sys/socket.h>

/* --- what can go wrong (reason.c) -------------------------------------------------------------------------------------- */

enum reason_fault { FAULT_TARGET, FAULT_CALL, FAULT_CLIENT, FAULT_US };
enum reason_next {
    NEXT_STOP,   /* nobody else is asked */
    NEXT_STEP,   /* the next candidate */
    NEXT_LARGER, /* the next candidate with a larger context */
    NEXT_VENDOR, /* the next candidate of another vendor */
    NEXT_SAME,   /* the same target once more: nothing had reached it */
};
enum reason_cool {
    COOL_NONE,
    COOL_COUNT, /* a failure towards opening the breaker */
    COOL_NOW,   /* opens at once, at least for what the upstream asked */
    COOL_LONG,  /* opens for long: a person has to act */
};

/* The failure table. `http` is what the client gets when this is why nobody answered. The names are in the ledger. */
/*    name                fault         next         cool        http  what people read */
#define REASON_TABLE(X)                                                                                                 \
    X(DONE,               FAULT_TARGET, NEXT_STOP,   COOL_NONE,  200, "answered")                                       \
    X(RESOLVE,            FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 503, "its name could not be resolved")                 \
    X(CONNECT,            FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 503, "could not connect")                              \
    X(CONNECT_TIMEOUT,    FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 504, "no connection in time")                          \
    X(TLS,                FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "the TLS handshake failed")                       \
    X(FENCED,             FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 503, "the fence refused it")                           \
    X(STALE,              FAULT_TARGET, NEXT_SAME,   COOL_NONE,  502, "a kept connection had gone stale")               \
    X(RESET,              FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "the connection broke")                           \
    X(TRUNCATED,          FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "the answer ended early")                         \
    X(FIRST_BYTE_TIMEOUT, FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 504, "no first content in time")                       \
    X(IDLE_TIMEOUT,       FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 504, "it fell silent")                                 \
    X(TOTAL_TIMEOUT,      FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 504, "it took too long")                               \
    X(HTTP_408,           FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 504, "request time-out")                               \
    X(HTTP_409,           FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "conflict")                                       \
    X(HTTP_425,           FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "too early")                                      \
    X(RATE_LIMIT,         FAULT_TARGET, NEXT_STEP,   COOL_NOW,   429, "rate limited")                                   \
    X(OVERLOADED,         FAULT_TARGET, NEXT_STEP,   COOL_NOW,   503, "overloaded")                                     \
    X(SERVER_ERROR,       FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "server error")                                   \
    X(REDIRECT,           FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "it redirects, and redirects are not followed")   \
    X(MALFORMED,          FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "malformed answer")                               \
    X(EMPTY,              FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "empty answer")                                   \
    X(ERROR_IN_200,       FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "an error inside a 200")                          \
    X(STREAM_ERROR,       FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "an error inside the stream")                     \
    X(BAD_FORMAT,         FAULT_TARGET, NEXT_STEP,   COOL_NONE,  502, "the answer breaks the response_format asked for") \
    X(INTERRUPTED,        FAULT_TARGET, NEXT_STEP,   COOL_COUNT, 502, "the upstream interrupted its answer")            \
    X(KEY,                FAULT_TARGET, NEXT_STEP,   COOL_LONG,  502, "it refuses our key")                             \
    X(FORBIDDEN,          FAULT_TARGET, NEXT_STEP,   COOL_LONG,  502, "it forbids the call")                            \
    X(QUOTA,              FAULT_TARGET, NEXT_STEP,   COOL_LONG,  502, "its balance is spent")                           \
    X(MODEL,              FAULT_TARGET, NEXT_STEP,   COOL_LONG,  502, "it does not have the model")                     \
    X(CONTEXT,            FAULT_CALL,   NEXT_LARGER, COOL_NONE,  400, "too long for its context")                       \
    X(POLICY,             FAULT_CALL,   NEXT_VENDOR, COOL_NONE,  400, "refused by its content policy")                  \
    X(PLAN_REQUEST,       FAULT_CLIENT, NEXT_STOP,   COOL_NONE,  429, "its plan does not cover what the call asks for")      \
    X(BAD_REQUEST,        FAULT_CLIENT, NEXT_STOP,   COOL_NONE,  400, "it calls the request wrong")                     \
    X(NO_SUCH_MODEL,      FAULT_CLIENT, NEXT_STOP,   COOL_NONE,  404, "it does not have the model")                     \
    X(PASSTHROUGH_AUTH,   FAULT_CLIENT, NEXT_STOP,   COOL_NONE,  401, "it refuses the client's own credential")         \
    X(TOO_LARGE,          FAULT_TARGET, NEXT_STEP,   COOL_NONE,  502, "its answer passes our limits")                   \
    X(NO_MEMORY,          FAULT_US,     NEXT_STOP,   COOL_NONE,  503, "we are out of memory")                           \
    X(JOURNAL,            FAULT_US,     NEXT_STOP,   COOL_NONE,  503, "the journal cannot be written")                  \
    X(HEDGED,             FAULT_US,     NEXT_STOP,   COOL_NONE,  503, "another place, asked beside it, answered first")    \
    X(LEFT,               FAULT_CLIENT, NEXT_STOP,   COOL_NONE,  499, "the client left")                                \
    X(SHUTDOWN,           FAULT_US,     NEXT_STOP,   COOL_NONE,  503, "Hearth is shutting down")                        \
    X(FOREIGN_THINKING,   FAULT_TARGET, NEXT_SAME,   COOL_NONE,  400, "it refuses thinking that others wrote; it is asked without") \
    X(DEADLINE,           FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "its turn did not come before the call's deadline")       \
    X(NO_FACE,            FAULT_TARGET, NEXT_SAME,   COOL_NONE,  502, "it has no such endpoint; it is asked in another dialect") \
    X(NO_SUBTITLES,       FAULT_TARGET, NEXT_SAME,   COOL_NONE,  502, "it writes no srt or vtt; it is asked for segments, to make them of") \
    X(LEFT_OUT,           FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "the engine could not load it; its log says why")             \
    /* why a candidate was not even tried */                                                                            \
    X(COOLING,            FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "cooling after failures")                         \
    X(BUSY,               FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "at its limit of concurrent calls")               \
    X(QUEUE_FULL,         FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "at its limit of concurrent calls, and its queue is full") \
    X(QUEUE_WAIT,         FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "no place became free while the call waited in its queue") \
    X(RPM,                FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "its calls of this minute (rpm) are used up")       \
    X(TPM,                FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "its tokens of this minute (tpm) are used up")      \
    X(OVER_TPM,           FAULT_CALL,   NEXT_STEP,   COOL_NONE,  400, "the call alone has more tokens than it takes in a minute (tpm)") \
    X(BUDGET,             FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "its worst case is more than is left of the budget") \
    X(NO_PRICE,           FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "it has a budget and no known price (give it one under `prices`)") \
    X(PLAN_SPENT,         FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "a window of its plan is spent")                        \
    X(PLAN_RESERVED,      FAULT_TARGET, NEXT_STEP,   COOL_NONE,  429, "what is left of its plan is kept for interactive calls") \
    X(PLAN_OFF,           FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "plans are switched off")                               \
    X(NO_KEY,             FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "no key")                                         \
    X(NO_CREDENTIAL,      FAULT_TARGET, NEXT_STEP,   COOL_NONE,  401, "no credential")                                  \
    X(OUTSIDE,            FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "outside the boundary of this call")              \
    X(FORWARDS,           FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "this local model forwards to a cloud")           \
    X(CONDITION,          FAULT_TARGET, NEXT_STEP,   COOL_NONE,  503, "the step's conditions do not fit this call")     \
    X(TOO_SMALL,          FAULT_CALL,   NEXT_STEP,   COOL_NONE,  400, "the call is too long for its context")           \
    X(INCAPABLE,          FAULT_CALL,   NEXT_STEP,   COOL_NONE,  400, "the model cannot do what the call needs")        \
    X(NO_ENDPOINT,        FAULT_CALL,   NEXT_STEP,   COOL_NONE,  400, "it has no endpoint for this kind of call")       \
    X(UNSAYABLE,          FAULT_CALL,   NEXT_STEP,   COOL_NONE,  400, "the call cannot be said in its dialect")         \
    X(REQUIRES,           FAULT_US,     NEXT_STOP,   COOL_NONE,  503, "what the job requires does not answer")

enum reason {
#define X(name, fault, next, cool, http, text) REASON_##name,
    REASON_TABLE(X)
#undef X
        REASON_COUNT
};
struct reason_row {
    const char *name; /* lower case */
    enum reason_fault fault;
    enum reason_next next;
    enum reason_cool cool;
    int http;
    const char *text;
};
const struct reason_row *reason_row(enum reason r);
/* An HTTP answer that is not a usable 200. */
enum reason reason_from_failure(int status, const struct wire_failure *f);
enum reason reason_from_fetch(enum fetch_end end);

/* --- breaker (breaker.c) ------------------------------------------------------------------------------------------------ */

enum { BREAKER_FAILURES = 5, BREAKER_WINDOW_MS = 30000, BREAKER_FIRST_MS = 1000, BREAKER_MAX_MS = 300000,
       BREAKER_LONG_MS = 1800000 };

/* Shared between loops. Success touches one counter; only failures take the lock. */
struct breaker {
    atomic_llong open_until_ms; /* monotonic; 0 = closed. Written under the lock, read without */
    atomic_bool probing;        /* half-open: a probe is out */
    atomic_bool limited;        /* what opened it last was a limit on calls, not trouble: clients are told so */
    atomic_uint successes;      /* since ever, wraps */
    atomic_flag lock;           /* guards what follows; held for a few instructions */
    int level;                  /* openings in a row: the next one lasts BREAKER_FIRST_MS << level */
    int fail_index;
    int64_t fail_ms[BREAKER_FAILURES];
    unsigned fail_successes[BREAKER_FAILURES];
};
enum breaker_pass { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_PROBE };
/* May a call go through now? BREAKER_PROBE: yes, as the one probe of a half-open breaker; it must end in breaker_success,
 * breaker_failure or breaker_release. BREAKER_OPEN: no, *wait_ms says for how long. */
enum breaker_pass breaker_enter(struct breaker *b, int64_t now_ms, int64_t *wait_ms);
enum breaker_pass breaker_look(struct breaker *b, int64_t now_ms, int64_t *wait_ms); /* the same, taking nothing */
void breaker_success(struct breaker *b, bool probe);
/* Returns for how long it opened, 0 if it did not. at_least_ms: what the upstream asked for, or -1. */
int64_t breaker_failure(struct breaker *b, enum reason_cool cool, bool probe, int64_t at_least_ms, int64_t now_ms,
                        struct rng *rng);
void breaker_release(struct breaker *b, bool probe); /* the call ended for reasons that say nothing of the target */

struct attempt;
struct mesh_call;

/* --- electricity (power.c) ---------------------------------------------------------------------------------------------- */

struct target;
/* Whether calls of that target cost electricity, and how much is known: regime power, no price of its own, the upstream's
 * watts and the price of a kilowatt-hour. */
bool power_is_known(const struct mesh *m, const struct target *t);
int64_t power_cost_of(const struct mesh *m, const struct target *t, int64_t busy_us); /* only then */
void power_warnings(const struct mesh *m, struct buf *out);
void power_explain(struct buf *out, const struct mesh *m, const struct target *t);

/* --- routes (routes.c, lookup.c) ----------------------------------------------------------------------------------------- */

/* A decayed mean. The time to the first content is kept apart for calls that stream and those that do not, for they do not
 * compare. */
struct target_speed {
    atomic_llong mean_us;
    atomic_uint samples; /* 0: never seen; stops counting after a few */
};
struct target_state {
    _Alignas(64) struct breaker breaker;
    atomic_int in_flight;
    struct target_speed speed[2]; /* by call.stream */
    struct target_speed busy;     /* how long an answer takes as a whole */
    uint64_t id;                  /* of this place, in this process; never 0 */
    atomic_int spill_percent;     /* of an Ollama's model: the CPU's part of it (spill.c) ... */
    atomic_llong spill_seen_ms;   /* ... as it was then, monotonic; 0 = never seen */
    atomic_llong ended_ms;        /* when the built-in engine's end was counted last; monotonic; 0 = never */
    atomic_llong apart_until_ms[2]; /* calls without and with tools go to its Responses face until then (faces.c); monotonic */
};
struct job_state {
    _Alignas(64) atomic_llong output_mean; /* tokens of an answer, decayed; 0 = not known */
};
struct upstream_state {
    _Alignas(64) atomic_int in_flight; /* places taken */
    atomic_int waiting;                /* length of the line; written under the lock */
    atomic_flag lock;                  /* guards the line; held for a few instructions */
    struct ticket *head, *tail;        /* of the line (queue.c) */
    atomic_llong spill_ask_ms;         /* before then nobody asks which models it has loaded; monotonic */
    atomic_llong quota_ask_ms;         /* before then nobody asks its plan's quota endpoint; monotonic */
    struct minute calls, tokens;       /* counted where there is a limit (rate.c) */
    atomic_llong face_missing_until_ms[DIALECT_COUNT]; /* an older server: it has no such endpoint; monotonic */
};

/* One dialect of an upstream (faces.c). */
struct face {
    struct str url[WIRE_OP_COUNT]; /* empty: it has no such endpoint */
    struct http_header auth;       /* how its key is shown; no value without a key */
};

struct upstream {
    int index;
    struct str name;
    struct config_mark mark;
    const struct vendor *vendor; /* NULL: none given */
    struct str vendor_name;      /* for prices and facts; empty if none */
    enum dialect dialect;        /* of its `url`, where one is given, and of the face that is asked when no other fits better */
    struct face face[DIALECT_COUNT];
    struct str base;             /* of the face of `dialect` */
    struct str probe_url;        /* /api/tags of a home upstream; empty otherwise */
    struct str loaded_url;       /* /api/ps of an Ollama at home; empty otherwise */
    struct str unix_path;
    struct str host;
    bool home, passthrough;
    struct str key;              /* empty without one */
    struct str authorization;    /* "Bearer ..."; empty without a key */
    struct str key_problem;      /* why there is no key although one is configured; empty if all is well */
    enum regime regime;
    int connect_ms, first_byte_ms, idle_ms, total_ms;
    int concurrent;              /* places; 0 = no limit */
    int64_t rpm, tpm;            /* calls and tokens a minute; 0 = no limit */
    int queue_max, queue_wait_ms; /* of the line before them; max 0: there is none */
    struct budget *budget[3];    /* by enum budget_span; NULL = none */
    struct plan *plan;           /* regime plan; NULL without a ledger */
    uint64_t plan_holder;        /* of its own key; 0: the client's */
    struct keepsakes *kept;      /* NULL: its vendor wants nothing back */
    struct upstream_state *state;
    struct target_state *direct; /* shared by targets of this upstream that the config does not name */
    const struct config_upstream *config;
};

struct target {
    struct str name, model;
    struct upstream *up;
    const struct model_row *fact; /* NULL if unknown */
    const struct price *price;    /* overrides */
    size_t price_count;
    struct target_state *state;
};

struct step_target {
    const struct target *target;
    int weight;
};
struct step {
    struct step_target *of;
    int count;
    enum config_balance balance;
    int64_t hedge_after_ms; /* 0 = never */
    int64_t max_context;
    unsigned needs;
    const struct str *tags;
    int tag_count;
};
struct job {
    int index;
    struct str name;
    struct step *step;
    int step_count;
    bool home;
    struct job_state *state;
    struct str requires_url;
    struct json_member *defaults;
    size_t default_count;
    bool drop_oldest; /* overflow */
};
struct alias {
    struct str name, to;
    bool pattern;
    const struct job *job;
    const struct target *target;
};
struct network { /* of a home */
    uint8_t address[16];
    int bits;
    bool v6;
};

struct mesh {
    struct arena arena;
    const struct config *config;
    struct ledger *ledger;
    struct resolver *resolver;
    const struct clock *clock;
    struct upstream *upstream;
    int upstream_count;
    struct target *target; /* every one the config names */
    int target_count;
    struct job *job;
    int job_count;
    struct alias *alias; /* exact ones first, then patterns by falling length */
    int alias_count;
    struct network *network;
    int network_count;
    struct affinity *affinity; /* shared with the meshes before and after */
    const char *ca_file;
    struct gauge *calls, *held; /* the caller's; may be NULL */
    struct news *news;          /* the same */
    struct str engine_socket;   /* where the built-in engine listens */
};

/* faces.c. `given`: the config's URL, may be empty; one_dialect: the config names the dialect, so there is this one face.
 * u->vendor and u->dialect are set. */
int faces_build(struct upstream *u, struct str given, bool one_dialect, struct arena *a);
int faces_keys(struct upstream *u, struct arena *a); /* u->key is set */
enum { FACE_NONE = -1 };
/* The attempt's face answered that there is no such path. True when the target has another one, which is asked from now on. */
bool face_is_missing(const struct attempt *a);
bool face_stands_apart(const struct attempt *a); /* the same, for what its chat endpoint does not do for this model */
/* The dialect in which that target is asked; FACE_NONE: it cannot be asked for this kind of call. */
int face_choose(const struct mesh_call *c, const struct target *t);
enum wire_op face_op(enum wire_op op, enum dialect client, enum dialect face); /* what is asked at that face */

int routes_build(struct mesh *m, struct err *e);
int routes_prove_fence(const struct mesh *m, struct err *e);
bool model_is_embedding(const struct target *t);
bool model_forwards(struct str model); /* an Ollama name that its cloud answers: `:cloud`, `-cloud` */

/* states.c: the states of all upstreams and targets, shared with `before` (may be NULL) where they are the same place. */
int states_take(struct mesh *m, const struct mesh *before, struct err *e);
void states_leave(struct mesh *m); /* fine when taken in part */

/* What a model name of a request means. */
struct route {
    const struct job *job;       /* NULL for a target */
    const struct target *target; /* NULL for a job */
};
/* ERR_NOT_FOUND or ERR_INVALID (ambiguous) with a story that lists the candidates. A target the config does not name is
 * made in `a`. */
int route_find(struct route *out, const struct mesh *m, struct str model, struct arena *a, struct err *e);

/* --- the fence (fence.c) -------------------------------------------------------------------------------------------------- */

bool fence_is_home(const struct mesh *m, const struct sockaddr *address);
int fence_networks(struct mesh *m, struct err *e);
bool fence_literal(struct str host, struct sockaddr_storage *out); /* an address literal, brackets allowed */

/* --- guards: small GETs whose answers are remembered for a moment (guard.c) ------------------------------------------------ */

struct attempt;
struct guard;
struct guard_waiter { /* embedded in the call */
    struct guard_waiter *next;
    struct guard *guard; /* NULL when not waiting */
    void (*fn)(struct guard_waiter *w, bool ok, const char *why);
};
struct guard {
    struct mesh_loop *ml;
    struct str url;
    struct str unix_path;
    struct str authorization; /* of the upstream; empty: none */
    bool home;            /* the address must be at home */
    bool lists_models;    /* /api/tags: remember who forwards; any answer is fine */
    uint32_t pool;
    int64_t checked_ms;   /* monotonic; 0 = never */
    bool ok;
    char why[160];
    struct buf body;      /* while fetching */
    int status;
    enum fetch_end end;   /* of the last fetch */
    bool late;            /* it was given up */
    bool telling;         /* the waiters are being told */
    struct http_fetch *fetch;
    struct loop_timer timer;
    struct guard_waiter *waiting, *waiting_next; /* for the fetch under way; for the one after it */
    struct buf forwards;  /* "\n"-separated names of models that forward to a cloud */
};
/* True when the answer is known and fresh (then *ok, *why); else w->fn is called later, never from inside. */
bool guard_ask(struct guard *g, struct guard_waiter *w, bool *ok, const char **why);
void guard_leave(struct guard_waiter *w);
void guard_fini(struct guard *g);
bool guard_model_forwards(const struct guard *g, struct str model);

/* --- what is asked now and then (watch.c), and what of (spill.c, quota.c) ---------------------------------------------------- */

struct watch;
struct watch_what { /* a kind of question */
    int every_ms, timeout_ms;
    size_t bytes_max; /* of an answer */
    void (*take)(struct watch *w); /* its answer is whole: status and body */
};
struct watch { /* of one upstream, on one loop */
    struct mesh_loop *ml;
    const struct upstream *up;
    const struct watch_what *what;
    atomic_llong *due_ms;     /* before then nobody asks, on any loop; monotonic; the upstream's state has it */
    struct http_fetch *fetch; /* NULL: nothing is asked */
    struct loop_timer timer;
    struct buf body;
    int status;
};
void watch_look(struct watch *w, struct str url, struct str unix_path); /* asks, when it is time to */
void watch_not_before(struct watch *w, int64_t wait_ms);                /* its next question */
void watch_fini(struct watch *w);

extern const struct watch_what spill_what, quota_what;
void spill_look(const struct attempt *a); /* content has come from there */
/* The CPU's part of the model; -1: not known, or of too long ago. */
int spill_percent(const struct target *t, int64_t now_ms);
void quota_look(const struct attempt *a); /* the same */

/* --- flat plans (flat.c) ------------------------------------------------------------------------------------------- */

int flat_open(struct mesh *m, struct upstream *u, struct err *e); /* of an upstream under regime plan */
/* May the call go there, as its plan stands? REASON_DONE: yes. Takes nothing. */
enum reason flat_look(struct mesh_call *c, const struct target *t, int64_t *wait_ms);
/* The provider bills what goes there beside the plan, and the config lets it: calls cost their list price. */
bool flat_is_billed(const struct mesh_call *c, const struct target *t);
/* The same, and takes it: a->ticket is then to be closed. Fine for upstreams without a plan. */
enum reason flat_enter(struct attempt *a, const struct target *t, int64_t *wait_ms);
void flat_leave(struct attempt *a); /* it was not sent after all */
void flat_headers(struct attempt *a, const struct http_fetch_head *h);
/* An answer that is an error and was taken for `r`: what it is in the light of the plan. `body` may tell more. */
enum reason flat_refused(struct attempt *a, enum reason r, struct str body);
/* tell.c: for those who watch */
void tell_plan(const struct attempt *a, const struct plan_heard *heard); /* it became spent, or came back */
void tell_rest(const struct attempt *a, enum reason r, int64_t rest_ms);
void tell_back(const struct attempt *a);
/* What the attempt is charged: nothing under a plan, `list_nusd` when it was billed beside it. Ends the ticket. */
int64_t flat_close(struct attempt *a, int64_t list_nusd);

/* --- a loop's part (mesh.c) -------------------------------------------------------------------------------------------------- */

struct mesh_loop {
    struct mesh *mesh;
    struct loop *loop;
    int index;
    struct http_client *client;
    struct ledger_writer *journal;
    struct id_source ids;
    struct rng rng;
    struct loop_task commit_task;
    struct mesh_call *calls; /* all that are open; owned */
    atomic_size_t call_count;     /* written by this loop's thread only */
    uint64_t call_total;          /* since it was opened */
    struct guard *requires_guard; /* by 2 * job index, + 1 for calls that must stay at home */
    struct guard *home_guard;     /* by upstream index */
    struct watch *spill, *quota;  /* by upstream index */
    struct loop_timer journal_timer; /* tries again after a failed flush */
    bool journal_failed;          /* said so already */
    struct mesh_counts *counts;   /* NULL: nothing is counted */
    int *count_row;               /* owned; see counts_bind */
};
/* counts.c: the rows of a mesh_loop's names; what its books say is counted from the very records. */
int counts_bind(struct mesh_loop *ml, struct err *e);
void count_open_call(const struct mesh_loop *ml, int by);
void count_conversation(const struct mesh_loop *ml, const struct job *j, bool stayed);
void count_call(const struct mesh_loop *ml, const struct job *j, const struct ledger_call_close *r);
void count_attempt(const struct mesh_loop *ml, const struct target *t, enum reason reason, const struct ledger_attempt_close *r);
void mesh_loop_journal(struct mesh_loop *ml); /* something was appended: flush in this turn's COMMIT phase */

/* --- calls (call.c, attempt.c, relay.c, pick.c, answer.c) ------------------------------------------------------------------------ */

enum {
    REQUEST_HEADERS_MAX = 8 + 2 * ASK_HEADERS_MAX,
    BESIDE_MAX = 48,
    ATTEMPTS_MAX = 64,
    TRIED_MAX = 64 + 64 * 4,
    STORY_BYTES_MAX = 32 * KiB, /* the journal takes twice that */
};

/* A line of the story: a candidate, and why it did not answer. */
struct tried {
    const struct target *target;
    enum reason reason;
    bool attempted;   /* false: skipped */
    int http_status;
    int64_t wait_ms;  /* when it may be back; -1 unknown */
    struct str words; /* of the upstream, or ours where it was skipped; arena */
    int after;        /* attempts that had begun by then, itself included */
    struct tried *next;
};

/* What is kept of a call beside its attempts, for `hearth explain` (story.c). All of it in the call's arena. */
struct attempt_note { /* of an attempt that has something to tell */
    struct attempt_note *next;
    int number, beside; /* beside: the one that it hedged; 0: none */
    enum dialect face;
    bool probe;         /* it was to find out whether its target, or its plan, is there again */
};
struct price_note { /* a member of a `cheapest` group, as it was compared */
    struct price_note *next;
    const struct target *target;
    int64_t nusd;   /* INT64_MAX: not known */
    int64_t cached; /* tokens that were taken to be cached there */
};
struct seat { /* a place that has a conversation's prefix in its cache */
    uint64_t place;   /* target_state.id; 0: none */
    int64_t until_ms; /* monotonic; the prefix is forgotten then */
    int64_t prefix;   /* tokens; 0: it was there, and nothing of it is cached */
};
struct conversation { /* what is known of one (affinity.c) */
    struct seat last, before; /* where its last call was answered, and where the last one elsewhere was */
    int64_t paid_nusd;        /* what staying at `last` has cost more than an earlier step would have (stay.c) */
};
/* Why a call goes to the place where its conversation's prefix is cached, or to an earlier step. The names are in the ledger. */
/*    name      in the books  what people read */
#define STAY_TABLE(X)                                                                                                   \
    X(NONE,     NULL,         NULL)                                                                                     \
    X(PREFIX,   "prefix",     "an earlier step would have to read all of it anew, which costs more")                    \
    X(CHEAPER,  "cheaper",    "an earlier step costs no more, whatever has to be read anew there")                      \
    X(ORDER,    "order",      "an earlier step stands first although it is the dearer one")                             \
    X(REPAID,   "repaid",     "staying had cost as much more as going back to an earlier step costs")                   \
    X(UNPRICED, "unpriced",   "an earlier step stands first, and a price to compare by is not known")
enum stay_why {
#define X(n, name, text) STAY_##n,
    STAY_TABLE(X)
#undef X
        STAY_COUNT
};
struct talk { /* the conversation that a call belongs to (affinity.c) */
    uint64_t key;                /* 0: it is none, or a short one, or there is no choice */
    struct conversation known;   /* of it, when this call came */
    const struct target *holder; /* known.last as a member of the chain, if it is worth staying at; NULL */
    int step;                    /* of the holder */
    enum stay_why why;           /* it was weighed, and that came of it */
    int64_t paid_nusd;           /* known.paid_nusd, and this call's share if it stays */
    bool asked_first;            /* it was asked before the steps in front of it */
    bool ended, stayed;          /* it was answered, where its prefix was or elsewhere */
};
struct call_story {
    struct attempt_note *attempts;
    struct price_note *prices;
};

struct mesh_call;

enum attempt_state {
    ATTEMPT_NONE,
    ATTEMPT_ASKING,    /* waiting for a guard */
    ATTEMPT_OPENING,   /* the open record waits for the journal */
    ATTEMPT_WAITING,   /* sent; nothing committed */
    ATTEMPT_STREAMING, /* committed; relaying */
    ATTEMPT_DRAINING,  /* the client has its answer; the upstream's last bytes are awaited so that its connection can be kept */
};

/* One try at one target. A call has room for one; a second is there only while it is hedged. */
struct attempt {
    struct mesh_call *call;
    int number;                       /* from 1, in the books and the id */
    enum attempt_state state;
    const struct target *target;
    struct http_fetch *fetch;
    struct guard_waiter waiter;
    bool probe;                       /* it is the breaker's probe */
    bool in_flight;                   /* it is under way: counts, holds and perhaps a probe are taken */
    bool sent;                        /* the fetch was started */
    bool open_booked;                 /* the journal has its open record, and no close */
    bool waited_for;                  /* counted in mesh_call.waiting_count */
    bool hedge_tried;
    int64_t hedge_after_ms;           /* of its step; 0 = never */
    struct price price;
    bool priced;
    enum regime regime;               /* how it is paid, as far as is known */
    struct plan_ticket ticket;        /* of its upstream's plan; empty without one */
    struct plan_signal *signal;       /* what the answer says of the plan; arena; NULL: nothing read */
    int64_t plan_retry_ms;            /* what it asks to wait, days too; -1: nothing */
    bool billed;                      /* opened under the plan, and paid beside it */
    int64_t hold_nusd;                /* worst case, COST_UNKNOWN without a price */
    struct hold hold[3];
    enum dialect face;                /* of the upstream, that is asked */
    struct translation *translation;  /* owned; NULL: both sides speak OpenAI's dialect */
    struct gather *gather;            /* owned; NULL: nothing of the answer is kept */
    struct openai_numbers numbers;    /* of calls in a stream whose vendor does not number them */
    bool rated;                       /* it counts in its upstream's minute ... */
    int64_t rated_ms, rated_tokens;   /* ... of then, with so many tokens until it is known how many there are */
    struct str piece[2 * JSON_EDITS_MAX + 2];
    int piece_count;
    int status;
    bool is_stream;                   /* the upstream answers in SSE */
    bool subtitles;                   /* it was asked for segments, of which subtitles are to be made (form.c) */
    bool passed_limit;                /* a whole answer above the holding limit: relayed as it comes */
    bool paused;
    int64_t retry_after_ms;
    int64_t dropped;                  /* tokens of the prompt that were left out, as was asked */
    struct str content_type, request_id, failure_words; /* arena */
    struct http_header *beside;       /* BESIDE_MAX headers that are handed on to a client of the same dialect; arena; NULL: none */
    size_t beside_count;
    struct buf held;                  /* bytes not yet given to the client */
    struct str first_chunk;           /* the data of the first event, while a client that wants usage was told none; arena */
    bool usage_told;                  /* the client has read the usage, or does not want to */
    size_t held_counted;              /* of them and the reader's, in mesh.held */
    struct sse_reader sse;
    bool sse_open;
    struct usage usage;
    bool has_usage, saw_done;
    bool at_end;                      /* the stream is over: what comes now is an event without its blank line */
    bool tail_open;                   /* the client has such an event: what we add must not run into it */
    int64_t finished;                 /* choices that have told why they ended */
    enum finish finish;
    int64_t output_estimated;
    enum reason stream_reason;        /* why the relay stopped; REASON_DONE while it has not */
    int64_t begin_us, last_byte_us;   /* monotonic */
    int64_t working_us;               /* when the built-in engine said last that it is at work on it; 0: never */
    int64_t first_us;                 /* first content; 0 while there is none */
    struct loop_task send_task;
};

/* Where the choosing goes on. */
struct cursor {
    int step, position;
    bool ordered;      /* `order` is made for this step */
    uint8_t order[16]; /* of its members */
    unsigned full;     /* members that only lack a place: bits of step_target's index */
};

struct mesh_call {
    struct mesh_call *prev, *next; /* of mesh_loop.calls */
    struct mesh_loop *ml;
    struct arena arena;
    struct id id;
    char id_text[ID_TEXT_BYTES];
    struct mesh_ask ask;
    struct call facts;
    struct route route;
    bool home;
    bool *over;                       /* set when the call is freed; NULL when nobody asks */

    /* choosing */
    const struct step *chain;         /* the job's, or a single step for a target */
    int chain_count;
    struct cursor cursor;
    struct ticket *ticket;            /* the call waits in a line (queue.c); NULL otherwise */
    const struct target *awaited;     /* for this target */
    int64_t wait_until_us;
    int64_t larger_than;              /* context a candidate must exceed; 0 = no matter */
    struct str not_vendor;            /* vendor that refused the content */
    const struct target *same_again;  /* NEXT_SAME */
    const struct target *apart;       /* its chat endpoint has sent this call to its Responses endpoint */
    bool stale_retried;
    struct tried *tried, **tried_tail;
    int tried_count;
    struct call_story story;
    struct talk talk;
    int attempts;
    bool stop;                        /* nobody else is asked */
    struct guard_waiter waiter;       /* for the job's `requires` */
    struct arena chat_arena;
    struct chat *chat;                /* what the client said, where it had to be understood; NULL; in chat_arena */
    bool chat_has_defaults;           /* the job's are in it */
    struct embed *embed;              /* the same for embeddings */
    int64_t form_us;                  /* when the last of its form came; 0: it has not, or there is none */
    bool refusal_words;               /* refusal_body is words, to be written in the client's dialect ... */
    const char *refusal_code;         /* ... with this code, OpenAI's word; may be NULL */
    int refusal_status;               /* the last answer that blamed the call itself (context, policy, bad request): */
    struct str refusal_body;          /* given to the client as it is when nobody else can do better; arena */
    int64_t refusal_retry_ms;         /* what it asked to wait; -1: nothing */
    struct http_header *beside;       /* what that answer, or the last that called a plan spent, said beside it; arena */
    size_t beside_count;

    struct attempt *at;               /* the attempt under way (while hedged: the earlier one), or the last one */
    struct attempt first, *second;    /* second: owned; NULL while never hedged */

    /* times, monotonic µs */
    int64_t begin_us, next_comment_us;
    int64_t first_us;                 /* first content; 0 while there is none */
    int64_t waited_us, waiting_since_us; /* for upstreams, before the first content; attempts side by side count once */
    int waiting_count;
    uint64_t plan_holder;             /* of the client's credential; 0: not hashed yet */
    struct str plan_words;            /* of the last plan that stood in the way */
    int64_t cost_nusd;                /* of the attempts that are closed; COST_UNKNOWN when one is */
    struct loop_timer timer;
    bool client_begun, client_full;
    bool counted;                     /* in mesh.calls */
    bool in_books;                    /* the call has an open record, and no close */
};

/* may.c: may this member of the step take the call, as things stand? REASON_DONE: yes. Takes nothing. */
enum reason pick_may(struct mesh_call *c, const struct step *s, const struct target *t, int64_t *wait_ms);
/* What the call needs and the target is known not to have; NULL: nothing. */
const char *pick_lacks(const struct mesh_call *c, const struct target *t);

/* take.c: REASON_DONE, and all is taken that it needs there; or why not, and nothing is. `has_place`: the line has given it one;
 * whoever calls gives it on when something else is in the way. */
enum reason pick_take(struct attempt *a, const struct target *t, bool has_place, int64_t *wait_ms);
void pick_release(struct attempt *a); /* counts and place */

/* pick.c: the next candidate that may be tried; skips are written to the story. NULL when the chain is exhausted, or when the
 * call waits in a line now (ticket). Takes the breaker's probe, a place, the in-flight count and the budget's hold. */
const struct target *pick_next(struct attempt *a);
/* The same for a hedge beside an attempt at `beside`: nobody's line is joined, and when NULL comes nothing has changed. */
const struct target *pick_beside(struct attempt *a, const struct target *beside);
/* May this member of the step take the call, as things stand? REASON_DONE: yes. Takes nothing. */
void pick_granted(struct mesh_call *c);     /* the line has come to this call: it has a place at `awaited` */
void pick_waited_enough(struct mesh_call *c); /* it has not, in the time that a call waits */

/* story.c: what is kept with the call. Where memory is out less of it is kept, and the call goes on. */
void story_add(struct mesh_call *c, const struct target *t, enum reason r, bool attempted, int status, int64_t wait_ms,
               struct str words);
void story_attempt(const struct attempt *a); /* it begins, and its face is known */
void story_price(struct mesh_call *c, const struct target *t, int64_t nusd, int64_t cached);
bool story_is_worth_it(const struct mesh_call *c); /* there is more to tell than the attempts tell */
int story_write(const struct mesh_call *c, struct buf *out);

/* rate.c: the calls and tokens of an upstream's minute. */
enum reason rate_take(struct attempt *a, const struct target *t, int64_t *wait_ms); /* both or none */
void rate_give_back(struct attempt *a, const struct upstream *u); /* it does not begin after all */
void rate_settle(struct attempt *a, enum reason r); /* it is over, and its usage known, or estimated */
enum reason rate_look(const struct upstream *u, int64_t now_ms); /* what stands in the way of the smallest call */

/* affinity.c */
enum { PREFIX_TOKENS_MIN = 1024 /* what OpenAI and Anthropic cache at the least; below it a switch costs next to nothing */ };
struct affinity;
struct affinity *affinity_new(void); /* NULL: no memory, or no randomness */
struct affinity *affinity_ref(struct affinity *t);
void affinity_unref(struct affinity *t);
uint64_t affinity_name(const struct mesh_call *c); /* of the call's conversation, under the secret of this process; 0: none */
bool affinity_find(struct affinity *t, uint64_t key, int64_t now_ms, struct conversation *out);
void affinity_put(struct affinity *t, uint64_t key, const struct conversation *c);
void affinity_begin(struct mesh_call *c);      /* its chain is known, its body still there: fills in c->talk */
void affinity_done(const struct attempt *a);   /* it was answered there */
int64_t affinity_cached(const struct mesh_call *c, const struct target *t); /* tokens of this call that are likely cached there */

/* cost.c: what a call would cost somewhere, now, in nano-dollars. */
#define COST_NOT_KNOWN INT64_MAX /* so that it comes last */
int64_t cost_of_call(const struct mesh_call *c, const struct target *t); /* with what is likely cached there */
int64_t cost_with_cached(const struct mesh_call *c, const struct target *t, int64_t cached); /* with so many tokens cached there */
int64_t cost_output_expected(const struct mesh_call *c); /* tokens of the answer, by those before it */
void cost_output_note(const struct job *j, int64_t tokens);

/* stay.c: whether the place where the call's conversation is cached is asked before the steps in front of it. */
bool stay_is_cheaper(struct mesh_call *c);
const char *stay_name(enum stay_why w); /* NULL for STAY_NONE */
const char *stay_words(struct str name); /* NULL: none that we know */

/* balance.c */
void balance_order(struct mesh_call *c, const struct step *s); /* fills cursor.order */
void balance_content(const struct attempt *a);                 /* its first content is there */
void balance_no_content(const struct attempt *a, int64_t us, bool failed);
void balance_done(const struct attempt *a, int64_t us); /* it was answered in full, so long after it began */

/* queue.c: places at an upstream, and the line before them. */
bool queue_place_take(const struct upstream *u); /* false: all are taken, or others wait for one */
void queue_place_give(const struct upstream *u);
/* Into the line: REASON_DONE, and pick_granted follows (never from inside) unless queue_leave comes before; or why not. */
enum reason queue_join(struct mesh_call *c, const struct upstream *u);
void queue_leave(struct mesh_call *c); /* fine when it does not wait */

/* own.c: the built-in engine. */
bool own_drops(const struct mesh_call *c, const struct target *t); /* it lets the oldest turns go instead of refusing a long conversation */
bool own_cannot(const struct mesh_call *c, const struct target *t); /* a kind of call that it has no endpoint for */
enum reason own_tell(struct attempt *a, struct str *words); /* puts the member `hearth` into its request; fine for every upstream, as what follows */
void own_header(struct attempt *a, struct str name, struct str value);
void own_interim(struct http_fetch *f, void *ctx); /* of an attempt: it is being worked on */
enum reason own_refused(const struct attempt *a, enum reason r, const struct wire_failure *f);
bool own_end_is_told(const struct attempt *a, enum reason r); /* its failure is the end of a process that another call has told of */
bool own_says_nothing(const struct attempt *a, enum finish how); /* an answer without a word that is one all the same */
int own_comment(const struct attempt *a, struct buf *out); /* what its head would have told; nothing, mostly */
bool own_needs_head(const struct mesh_call *c); /* nothing but the head can tell it: it waits for the content */

/* request.c: what is said to the attempt's target. */
size_t request_headers(const struct attempt *a, struct http_header *h); /* into REQUEST_HEADERS_MAX of them */
/* Its body, in a->piece: REASON_DONE, or why it could not be made; then *words is the story, in the arena. */
enum reason request_write(struct attempt *a, struct str *words);

/* attempt.c, attempt_end.c */
int attempt_open_books(struct attempt *a);
void attempt_begin(struct attempt *a, const struct target *t);
/* Ends the attempt: books, breaker, counts; the fetch is cancelled if it is still there. Returns for how long the target
 * rests now, in ms (0: it does not). */
int64_t attempt_close(struct attempt *a, enum reason r);
/* A failure before the commit: closes the attempt, notes it in the story and goes on as the table says. */
void attempt_failed(struct attempt *a, enum reason r, struct str words);
void attempt_wait_over(struct attempt *a); /* it was waited for, and its first content is there, or its end */

/* hedge.c */
struct attempt *hedge_other(const struct attempt *a); /* the one under way beside this; NULL if none is */
int64_t hedge_due_us(const struct mesh_call *c);      /* INT64_MAX: never, as things stand */
void hedge_start(struct mesh_call *c);
void hedge_won(struct attempt *a);                    /* its first content is there */

/* clock.c: one timer per call, set to the clock that runs out first. */
void clock_arm(struct mesh_call *c); /* to be called when a clock starts; bytes only push clocks away, which costs nothing */
/* The client has its answer: the upstream's last bytes are read and dropped, for a moment. Then frees the call. */
void clock_drain(struct mesh_call *c);

/* translate.c: an attempt where one side or both do not speak OpenAI's dialect. */
struct translation {
    const struct codec *from, *to; /* the upstream's, the client's */
    bool passes;                   /* they are the same */
    const struct name_rule *names; /* of tools, at the upstream; NULL: any */
    bool ended;                    /* the stream's end mark came */
    struct arena arena;
    struct stream_reader reader;
    struct stream_writer writer;
    struct wire_answer facts;      /* of the event at hand */
    struct lost lost;              /* what it left out */
    struct chat_answer answer;     /* the whole answer ... */
    struct embed_answer vectors;   /* ... of embeddings */
    int64_t alive_us;              /* when the last sign of life was heard */
    struct buf request, line;      /* the upstream's request; an unfinished line of its stream */
    struct buf out;                /* what the event at hand, or the whole answer, became */
};
const struct codec *call_codec(const struct mesh_call *c); /* the client's */
const struct lost *translate_lost(const struct mesh_call *c); /* by the attempt that answers; empty without a translation */
/* Reads the facts of a request that is not OpenAI's. */
int translate_read(struct mesh_call *c, struct err *e);
int translate_defaults(struct mesh_call *c); /* the job is known: its defaults count */
/* Makes a->translation and a->piece. ERR_UNSUPPORTED: there is nothing to translate; ERR_INVALID: the face's dialect cannot say it. */
int translate_request(struct attempt *a, struct err *e);
void translate_request_free(struct attempt *a); /* it will not be sent again */
void translate_close(struct attempt *a);        /* fine without */
size_t translate_held(const struct attempt *a);
/* One event; a->translation's facts, out and ended tell the rest. ERR_SYNTAX: it is none. */
int translate_event(struct attempt *a, struct str name, struct str data);
/* A stream whose events are lines. As sse_feed, sse_finish. */
int translate_lines(struct attempt *a, struct str bytes, int (*fn)(const struct sse_event *ev, void *ctx), void *ctx);
int translate_last_line(struct attempt *a, int (*fn)(const struct sse_event *ev, void *ctx), void *ctx);
int translate_end(struct attempt *a); /* the last bytes, into out; none when bytes pass */
/* a->held is a whole answer. ERR_SYNTAX: it is none. */
int translate_whole(struct attempt *a, struct wire_answer *out, enum wire_format format, bool *keeps_format);
int translate_whole_write(struct attempt *a); /* into out; nothing when bytes pass */
int translate_error_event(struct mesh_call *c, const struct wire_error *e, struct buf *out); /* in the stream of c->at */

/* translate_embed.c: the same for embeddings, called by translate.c. */
int translate_embed_read(struct mesh_call *c, struct err *e);
int translate_embed_request(struct attempt *a, const struct chat_write *w, struct err *e);
int translate_embed_whole(struct attempt *a, struct wire_answer *out);
int translate_embed_write(struct attempt *a);

/* keepsake.c: what an upstream said beside calls of tools and wants to read again, though clients drop it: bounded, for an hour after
 * it was last of use, in memory. One table for each such upstream, so that no word of one reaches another. Any thread. */
enum {
    KEEPSAKE_DIGEST_BYTES = 16,
    KEEPSAKE_LIFE_MS = 3600 * 1000,
    KEEPSAKE_COUNT_MAX = 8192,
    KEEPSAKE_BYTES_MAX = 16 * 1024 * 1024, /* of one upstream */
    KEEPSAKE_ONE_MAX = 1024 * 1024,        /* thinking of one turn; the longest answers think for 128k tokens */
};
struct keepsakes *keepsakes_new(void);
struct keepsakes *keepsakes_ref(struct keepsakes *k);
void keepsakes_unref(struct keepsakes *k); /* NULL is fine */
/* Whose call of a tool it was: the client's key and credential, since some vendors number their calls; its id and arguments. */
bool keepsake_digest(uint8_t out[KEEPSAKE_DIGEST_BYTES], struct str key, struct str credential, struct str id, struct str arguments);
void keepsakes_put(struct keepsakes *k, const uint8_t digest[KEEPSAKE_DIGEST_BYTES], const struct keepsake *what, int64_t now_ms);
bool keepsakes_find(struct keepsakes *k, const uint8_t digest[KEEPSAKE_DIGEST_BYTES], int64_t now_ms, struct arena *a, struct keepsake *out);

/* gather.c: an attempt's side of them. */
struct gather_recall {
    struct attempt *attempt;
    struct arena *arena;
    struct recall recall;
};
bool keepsakes_wanted(const struct upstream *u);
int gather_begin(struct attempt *a); /* makes a->gather, if something of the answer is worth keeping. ERR_NOMEM */
void gather_delta(struct attempt *a, const struct delta *d);
void gather_event(struct attempt *a, struct str name, struct str data); /* of an answer whose bytes pass */
void gather_whole(struct attempt *a, const struct chat_answer *answer); /* NULL: a->held is one of OpenAI's dialect */
void gather_keep(struct attempt *a); /* it is complete */
void gather_free(struct attempt *a); /* fine without */
size_t gather_held(const struct attempt *a);
/* For writers; NULL when nothing is kept there. `r` must live as long as the result. */
const struct recall *gather_recall(struct gather_recall *r, struct attempt *a, struct arena *arena);
/* The edit without which the vendor would refuse the client's own bytes; none without `with`. */
int gather_mend(struct attempt *a, struct json_edit *out);

/* rerank.c */
/* a->held is the whole answer, as the client reads it afterwards. ERR_NOMEM, ERR_LIMIT. */
int rerank_answer_write(struct attempt *a);

/* form.c: calls whose body is a form, which may still be coming while it is sent on. */
int form_write(struct attempt *a);                /* a->piece: as it came, but for the model's name, and segments in the place of subtitles */
int form_answer_write(struct attempt *a);         /* a->held: subtitles out of segments; ERR_SYNTAX: there are none, ERR_NOMEM, ERR_LIMIT */
size_t form_sendable(const struct attempt *a);    /* of those pieces, what is there; 0: all */

/* relay.c */
int relay_on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx);
int relay_on_body(struct http_fetch *f, struct str bytes, void *ctx);
void relay_on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx);
void relay_reset(struct attempt *a);                                  /* forgets what the answer left */
void relay_stop(struct attempt *a, enum reason r, struct str words); /* a failure, before or after the commit */
void relay_begin_pending(struct mesh_call *c);                       /* the head goes out before any content is there */
void relay_keep_alive(struct mesh_call *c);

/* call.c */
bool call_has_tag(const struct mesh_call *c, struct str tag);
bool call_is_batch(const struct mesh_call *c);                      /* nobody waits for it: its own word, else the tag `batch` */
bool call_may_try(const struct mesh_call *c);                       /* hops and time are left */
void call_next(struct mesh_call *c);                                /* the next attempt, or the end */
void call_finish(struct mesh_call *c, enum call_outcome outcome, int status); /* closes the books */
void call_free(struct mesh_call *c);
bool call_is_coming(const struct mesh_call *c);                     /* its form is not complete */

/* answer.c */
/* The headers of an answer into `h` (room for MESH_HEADERS_MAX): ours, and the content type. cost_nusd is given for whole
 * answers only (else NULL); pending: nobody answers yet. */
size_t answer_headers(struct mesh_call *c, struct http_header *h, bool pending, const int64_t *cost_nusd);
void answer_count(struct mesh_call *c); /* WIRE_COUNT_TOKENS, by our estimate; ends the call */
void answer_load(struct mesh_call *c);  /* Ollama: a request that only loads a model; ends the call */
void answer_exhausted(struct mesh_call *c); /* nobody could answer: one error that tells each attempt; ends the call */
/* A refusal before the call was let in, or by ourselves; ends the call. */
void answer_refuse(struct mesh_call *c, int status, const char *type, const char *code, struct str message,
                   int64_t retry_after_ms);
