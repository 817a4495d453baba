/* ledger.h: what calls cost, durably; and whether they may be made.
 *
 * Every call that was let in has one record pair (open, close), every attempt one under it. Records are appended to a
 * journal (one writer per loop, no locks), folded into SQLite by the ledger's own thread, and read back from both by
 * `ledger_query`, so a report is never behind. The order that makes the books survive kill -9:
 *   open record -> ledger_flush -> first upstream byte ... close record -> ledger_flush -> last byte to the client.
 * Amounts are integer nano-dollars; there is no floating point in this module. Formats: docs/internals/journal.md. */
#pragma once
#include "base/err.h"
#include "base/id.h"
#include "wire/models.h"
#include "wire/wire.h"
#include <stdatomic.h>

struct json_writer;
struct ledger;
struct ledger_writer; /* one per loop; its thread only */

#define COST_UNKNOWN INT64_MIN

/* --- prices --------------------------------------------------------------------------------------------------------- */

struct price {
    int64_t input, cached, cache_write, output; /* nano-dollars per million tokens, MODEL_UNKNOWN where unknown */
    int64_t long_over_tokens, long_input, long_cached, long_output;
    int64_t audio_hour;   /* nano-dollars per hour of sound; 0 = it is not sold by that */
    int32_t row; /* of the table; 0 = from the config, -1 = none */
    struct model_hours hours; /* overrides with `hours:`; weekdays 0 = always */
};
/* What applies now: the first override whose hours fit, else the table. False when there is no price. */
bool price_find(struct price *out, const struct price *override, size_t override_count, struct str vendor,
                struct str model, int64_t wall_ms);
/* Rounded once (half up), summed in 128 bits. COST_UNKNOWN when a class that has tokens has no price. Cached tokens
 * without a cached price cost as input; cache writes without a price cost as input. */
int64_t price_cost(const struct price *p, const struct usage *u);
/* The most a call can cost: all input at the dearest class, all output up to `output_max`. */
int64_t price_worst(const struct price *p, int64_t input_tokens, int64_t output_max);
/* The same for sound of that length at most, which may be sold by the hour or by tokens. */
int64_t price_worst_audio(const struct price *p, int64_t audio_ms);
/* What watts for that long cost, rounded once, half up; COST_UNKNOWN beyond what anything costs. */
int64_t power_cost(int64_t watts, int64_t busy_us, int64_t nusd_kwh);

/* --- the last minute (minute.c) ---------------------------------------------------------------------------------------- */

enum { MINUTE_SLOTS = 61 };
/* Calls, or tokens, of any 60 s. All zero is an empty one; any thread. */
struct minute {
    atomic_flag lock; /* guards what follows */
    int64_t second;   /* of the newest slot */
    int64_t sum;
    int64_t slot[MINUTE_SLOTS]; /* by second % MINUTE_SLOTS */
};
/* 0: counted. Else nothing is, and it would not fit for so many ms. `amount` must fit into an empty one. Monotonic times. */
int64_t minute_take(struct minute *m, int64_t amount, int64_t limit, int64_t now_ms);
int64_t minute_wait(struct minute *m, int64_t limit, int64_t now_ms); /* the same for one more, taking nothing */
/* What was taken then was in truth so much: what was too much is given back to its second, what was too little counts now. */
void minute_settle(struct minute *m, int64_t taken, int64_t truth, int64_t taken_ms, int64_t now_ms);

/* --- the records ---------------------------------------------------------------------------------------------------- */

enum call_outcome { CALL_DONE, CALL_FAILED, CALL_LEFT, CALL_CUT, CALL_LOST };
const char *call_outcome_name(enum call_outcome o); /* done failed left cut lost */

struct ledger_call_open {
    struct id call;
    int64_t wall_ms;
    enum wire_op op;
    struct str job;       /* "-" when the call named a target */
    struct str asked;     /* the model as the client wrote it, if it resolved; else empty */
    struct str key;       /* name of the key, "-" for none */
    struct str tags;      /* "a,b" or empty */
    struct str task;
    bool home;            /* boundary */
};
struct ledger_attempt_open {
    struct id call;
    int attempt;          /* from 1 */
    int64_t wall_ms;
    struct str target;    /* upstream/model */
    enum regime regime;
    int64_t hold_nusd;    /* worst case, COST_UNKNOWN when there is no price */
    int64_t input_estimated;
    int32_t price_row;
};
struct ledger_attempt_close {
    struct id call;
    int attempt;
    bool ok;
    struct str reason;    /* "done", or a name of the failure table */
    bool billed;          /* opened under a plan, and paid as credit after all */
    struct usage usage;   /* zero when nothing was used */
    int64_t cost_nusd;    /* as charged; COST_UNKNOWN */
    int64_t first_ms;     /* to the first content; -1 */
    int64_t total_ms;
};
struct ledger_call_close {
    struct id call;
    enum call_outcome outcome;
    struct str target;    /* that answered, or "-" */
    int attempts;
    int http_status;
    int64_t first_ms, total_ms;
    struct str story;     /* why it went where it went, beside its attempts (mesh/story.c); nearly always empty */
};

/* How a plan stands for one of its credentials (plan.h). `state` is plan.h's own text. */
struct ledger_plan_state {
    int64_t wall_ms;
    uint64_t version; /* counts up: the highest is how it stands */
    uint64_t holder;
    struct str upstream, state;
};

struct ledger_options {
    struct str dir;       /* the data folder; made (0700) when missing */
    const struct clock *clock;
    int64_t fold_every_ms;   /* the longest that a fold waits; default 5,000; negative: for the end */
    size_t segment_bytes;    /* a journal segment is closed beyond this; default 8 MiB */
    int64_t keep_ms;         /* calls older than that become sums of their days, in the background; 0: never */
    bool (*should_trim)(void); /* may be NULL */
};

/* Takes the folder's lock (ERR_BUSY, naming the pid, when another process has it), folds what an earlier process left and
 * closes its calls in flight as `lost`, charged at their hold and marked estimated; starts the keeper thread (fdatasync
 * within a second of a write, folding, removal of folded segments). */
int ledger_open(struct ledger **out, const struct ledger_options *opt, struct err *e);
/* All writers must be closed before. Folds everything. */
void ledger_close(struct ledger *l);

int ledger_writer_open(struct ledger_writer **out, struct ledger *l, int index, struct err *e);
void ledger_writer_close(struct ledger_writer *w);
/* Appends to memory; 0, ERR_NOMEM or ERR_LIMIT. Nothing is durable before ledger_flush. */
int ledger_call_opened(struct ledger_writer *w, const struct ledger_call_open *r);
int ledger_attempt_opened(struct ledger_writer *w, const struct ledger_attempt_open *r);
int ledger_attempt_closed(struct ledger_writer *w, const struct ledger_attempt_close *r);
int ledger_call_closed(struct ledger_writer *w, const struct ledger_call_close *r);
int ledger_plan_noted(struct ledger_writer *w, const struct ledger_plan_state *r);
bool ledger_dirty(const struct ledger_writer *w);
/* One writev of all that was appended. On failure (disk full, ...) nothing of it is in the journal (the file is cut back
 * to its last good record), what was appended is kept for the next try, ERR_IO is returned, and ledger_writable is false
 * until a later flush succeeds. */
int ledger_flush(struct ledger_writer *w, struct err *e);
bool ledger_writable(const struct ledger_writer *w);
uint64_t ledger_journal_bytes(const struct ledger *l); /* in the segments being written; any thread */
/* Drops what the last, failed flush left for one call (its open records never became durable, it is being refused). */
void ledger_forget(struct ledger_writer *w, const struct id *call);

/* --- budgets: windows of spending, shared by all loops --------------------------------------------------------------- */

struct budget; /* owned by the ledger; atomics inside */
enum budget_span { BUDGET_HOUR, BUDGET_DAY, BUDGET_MONTH };
/* The window of an upstream; the spending so far (charged costs in this UTC day or month, and holds in flight) is read
 * from the books. Asking again for the same name and span gives the same object with the new limit. */
int ledger_budget(struct budget **out, struct ledger *l, struct str upstream, enum budget_span span, int64_t limit_nusd,
                  struct err *e);
/* No limit counts against this window any more, so what is spent is not seen here: asked for again, it is read from the
 * books once more. Nothing happens when there is no such window. */
void ledger_budget_leave(struct ledger *l, struct str upstream, enum budget_span span);
struct hold {
    struct budget *budget;
    int64_t nusd;
    int64_t window; /* number of the span it was taken in */
};
/* Reserves the worst case. ERR_BUDGET when it does not fit, `out` untouched. Unknown worst case (COST_UNKNOWN): ERR_BUDGET
 * too, for a limit that cannot be checked is not kept. Settle each hold exactly once. Any thread. */
int budget_take(struct budget *b, int64_t worst_nusd, int64_t wall_ms, struct hold *out);
void budget_settle(struct hold *h, int64_t cost_nusd);
int64_t budget_spent(const struct budget *b, int64_t wall_ms);    /* settled */
int64_t budget_reserved(const struct budget *b, int64_t wall_ms); /* in flight */
int64_t budget_limit(const struct budget *b);

/* --- reading -------------------------------------------------------------------------------------------------------- */

enum usage_by { USAGE_BY_JOB, USAGE_BY_TARGET, USAGE_BY_REGIME, USAGE_BY_DAY, USAGE_BY_KEY, USAGE_BY_TAG };

/* One call, as told from the books. A call still in flight is not reported unless its process is gone (then: lost). */
struct usage_call {
    char call[ID_TEXT_BYTES];
    int64_t wall_ms;
    struct str job, target, key, tags, task; /* valid during the callback */
    enum wire_op op;
    enum regime regime;      /* of the attempt that answered, else of the last */
    enum call_outcome outcome;
    int attempts;
    struct usage usage;      /* summed over attempts */
    bool estimated;          /* any part of it */
    int64_t cost_nusd;       /* COST_UNKNOWN when any charged attempt has no price */
    int64_t first_ms, total_ms;
};
/* One attempt of such a call. */
struct usage_attempt {
    char call[ID_TEXT_BYTES];
    int number;              /* from 1 */
    int64_t wall_ms;
    struct str job, target;  /* valid during the callback */
    struct str reason;       /* why it ended: "done", or what failed; "lost": its process died */
    enum regime regime;
    bool ok;
    struct usage usage;
    bool estimated;
    int64_t cost_nusd;       /* COST_UNKNOWN: its price is not known */
    int64_t first_ms, total_ms; /* -1: unknown */
};
struct usage_group {
    struct str name;
    int64_t calls, failed, attempts;
    struct usage usage;
    int64_t cost_nusd;       /* of those with a known cost */
    int64_t cost_unknown;    /* calls whose cost is not known */
    int64_t estimated;       /* calls with estimated tokens */
};
struct usage_filter {
    int64_t from_ms, to_ms;  /* 0 = open */
    struct str job, target, key, tag, task; /* empty = any */
};
struct ledger_reader; /* needs no lock and no running daemon; sees what the daemon has flushed, at the time of opening */
int ledger_reader_open(struct ledger_reader **out, struct str dir, struct err *e);
void ledger_reader_close(struct ledger_reader *r);
/* fn returns 0 to go on. Calls come in the order of their ids. */
int ledger_calls(struct ledger_reader *r, const struct usage_filter *f, int (*fn)(const struct usage_call *c, void *ctx),
                 void *ctx, struct err *e);
/* One call as a whole, for `hearth explain`. Its texts are in the arena. */
struct ledger_call {
    struct usage_call call;
    struct usage_attempt *attempt; /* by their numbers */
    int attempt_count;
    struct str asked;       /* the model as the client wrote it */
    bool home, under_way;   /* under way: it is not closed, and somebody is making it; outcome says nothing yet */
    int http_status;
    struct str story;       /* of ledger_call_close; empty: nothing was worth keeping */
};
/* ERR_NOT_FOUND, with the reason as far as it can be told, when the books have no such call. */
int ledger_call_find(struct ledger_reader *r, const struct id *call, struct arena *a, struct ledger_call *out, struct err *e);
/* The attempts of the same calls, but the filter's target is theirs: one that failed is found under where it was made. */
int ledger_attempts(struct ledger_reader *r, const struct usage_filter *f,
                    int (*fn)(const struct usage_attempt *a, void *ctx), void *ctx, struct err *e);
/* Days are UTC. A call with several tags counts under each. Days that were pruned are told from their sums, if the filter
 * takes the first moment of the day; nothing is known of their tags and tasks: a filter on these leaves them out, and by tag
 * they are one group, USAGE_TAGS_GONE. */
#define USAGE_TAGS_GONE "(tags gone)"
int ledger_groups(struct ledger_reader *r, enum usage_by by, const struct usage_filter *f,
                  int (*fn)(const struct usage_group *g, void *ctx), void *ctx, struct err *e);
/* One object with the fields that `hearth usage --json` documents, for the command line and the admin API alike. */
void usage_call_show(struct json_writer *w, const struct usage_call *c);
void usage_call_members(struct json_writer *w, const struct usage_call *c); /* the same without its braces */
void usage_attempt_show(struct json_writer *w, const struct usage_attempt *a);
void usage_group_show(struct json_writer *w, const struct usage_group *g);
bool usage_by_read(struct str word, enum usage_by *out); /* job, target, regime, day, key, tag */
bool usage_day_read(struct str day, int64_t *out);       /* 2026-11-21, UTC */
/* Every plan's state, by upstream and holder; fn returns 0 to go on. */
int ledger_plan_states(struct ledger_reader *r, int (*fn)(const struct ledger_plan_state *s, void *ctx), void *ctx, struct err *e);
/* What is left of pruned calls as sums that the filter would take: how many, and until when (UTC, 0 when there are none). */
int ledger_pruned(struct ledger_reader *r, const struct usage_filter *f, int64_t *calls, int64_t *until_ms, struct err *e);

/* --- backup --------------------------------------------------------------------------------------------------------- */

struct ledger_backup {
    int64_t calls, in_flight, pruned; /* pruned: of which only sums are kept */
    int64_t first_ms, last_ms;        /* of the calls; 0 when there are none */
    int64_t cost_nusd, cost_unknown;  /* where it is known; of how many it is not */
};
/* All that the books of the folder tell now, in one file, whole or not at all; no lock and no daemon needed. ERR_BUSY when
 * the file exists and is not to be replaced. To restore: it is the LEDGER_STORE_FILE of an otherwise empty folder. */
int ledger_backup(struct str dir, const char *path, bool replace, struct ledger_backup *out, struct err *e);
/* Opens such a file and reads all of it: ERR_IO when it is damaged, ERR_INVALID when it is none. */
int ledger_backup_check(const char *path, struct ledger_backup *out, struct err *e);
