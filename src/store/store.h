/* store.h: where calls and attempts come to rest: a database, whichever it is. Nothing of the database's own shows here.
 *
 * The ledger folds its journal into it and reads reports out of it. Rows are plain data; enums of other modules travel as
 * their numbers. Everything that is written is written inside a transaction. Putting the same facts twice changes
 * nothing, and a fact once closed is never changed by a later one, so that a fold may be repeated.
 *
 * One thread at a time per `struct store`; several may be open on one file, in any process. Calls block on the disk, and
 * wait up to STORE_BUSY_MS for another process. Failures: ERR_IO, ERR_BUSY, ERR_NOMEM, ERR_UNSUPPORTED (a file made by a
 * newer version). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct store;

enum { STORE_ID_BYTES = 16, STORE_BUSY_MS = 5000 };
#define STORE_UNKNOWN INT64_MIN /* an amount that nobody knows */

struct store_attempt {
    struct store_attempt *next; /* of the same call, by rising number */
    int32_t number;             /* from 1 */
    bool opened, closed;        /* which of the two halves below are told */
    /* told when it opens */
    int64_t wall_ms;
    struct str target;
    int32_t regime, price_row;
    int64_t hold_nusd, input_estimated;
    /* told when it closes */
    bool ok, estimated;
    bool billed; /* paid as regime 0 (credit), whatever it was opened as */
    struct str reason;
    int64_t input, cached, cache_write, output, reasoning;
    int64_t vendor_nusd; /* -1: the vendor did not say */
    int64_t cost_nusd;
    int64_t first_ms, total_ms; /* -1: unknown */
};

struct store_call {
    uint8_t id[STORE_ID_BYTES];
    bool opened, closed;
    /* told when it opens */
    int64_t wall_ms;
    int32_t op;
    bool home;
    struct str job, asked, key, tags, task;
    /* told when it closes */
    int32_t outcome, attempt_count, http_status;
    struct str target;
    int64_t first_ms, total_ms; /* -1: unknown */
    struct str story;           /* read by store_call_get alone; empty: there is none */
    struct store_attempt *attempts;
};

/* Opens, or makes (mode 0600) and migrates, the file. Read-only: ERR_NOT_FOUND when there is no ledger in it yet. */
int store_open(struct store **out, const char *path, bool read_only, struct err *e);
void store_close(struct store *s);
/* Whether the file is of another version than the present one, told by its head alone. Not while this process has it open. */
bool store_is_other(const char *path);
/* Gives cached memory back to the allocator. */
void store_trim(struct store *s);

/* A read-only store sees one unchanging state from begin to rollback. */
int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s); /* nothing when no transaction is under way */

/* Adds what is not known yet of this call and its attempts. A close whose open is missing makes a row of its own. */
int store_call_put(struct store *s, const struct store_call *c, struct err *e);
/* *out in the arena, NULL when there is no such call. */
int store_call_get(struct store *s, const uint8_t id[STORE_ID_BYTES], struct arena *a, struct store_call **out,
                   struct err *e);
/* Every call with from_ms <= wall_ms < to_ms by rising id (which is not older than the call by more than a day); valid during fn, which returns 0 to go on. Returns what fn
 * returned last, or an error. */
int store_calls(struct store *s, int64_t from_ms, int64_t to_ms, int (*fn)(const struct store_call *c, void *ctx),
                void *ctx, struct err *e);

/* Closes what is open: attempts at their hold, as estimated, for `reason`; calls with `outcome`. *count is of calls. */
int store_open_settle(struct store *s, int32_t outcome, struct str reason, int64_t *count, struct err *e);
/* What the attempts of one upstream that opened in [from_ms, to_ms) cost, those still open counted at their hold;
 * unknown amounts count as nothing. Both times are full hours UTC: closed attempts are summed by the hour, and those sums
 * outlive the calls. A sum that does not fit is INT64_MAX. */
int store_spent(struct store *s, struct str upstream, int64_t from_ms, int64_t to_ms, int64_t *nusd, struct err *e);

int store_spent_remove(struct store *s, int64_t before_ms, struct err *e); /* the sums of hours before */

/* --- pruning: calls go, the sums of their days stay --- */

struct store_day {
    int64_t day; /* since 1970, UTC */
    struct str job, target, key;
    int32_t regime; /* -1: no attempt was made */
    int64_t calls, failed, attempts, input, cached, cache_write, output, reasoning;
    int64_t cost_nusd, cost_unknown, estimated; /* cost of the calls where it is known; how many where it is not */
};
enum { STORE_DAY_SUMS = 11 }; /* the numbers of the last two lines */
/* Adds to what is there for the same day, job, target, regime and key. A sum that does not fit is INT64_MAX. */
int store_day_add(struct store *s, const struct store_day *d, struct err *e);
/* Every one with from_day <= day < to_day, by day; as store_calls. */
int store_days(struct store *s, int64_t from_day, int64_t to_day, int (*fn)(const struct store_day *d, void *ctx),
               void *ctx, struct err *e);
/* At most count_max calls that opened before that time and are closed with all their attempts; as store_calls. Calls whose
 * id is of a later time (the clock stepped back) are not told. */
int store_calls_closed_before(struct store *s, int64_t wall_ms, int count_max,
                              int (*fn)(const struct store_call *c, void *ctx), void *ctx, struct err *e);
/* A call with its attempts and corrections. Not from inside a callback of the above. */
int store_call_remove(struct store *s, const uint8_t id[STORE_ID_BYTES], struct err *e);

/* --- how plans stand --- */

struct store_plan {
    struct str upstream;
    uint64_t holder, version;
    int64_t wall_ms;
    struct str state;
};
/* Replaces what is there of an earlier version. */
int store_plan_put(struct store *s, const struct store_plan *p, struct err *e);
/* By upstream and holder; as store_calls. */
int store_plans(struct store *s, int (*fn)(const struct store_plan *p, void *ctx), void *ctx, struct err *e);

/* How far each journal segment is folded. */
int store_folded_get(struct store *s, uint64_t segment, uint64_t *offset, struct err *e); /* 0 when never folded */
int store_folded_set(struct store *s, uint64_t segment, uint64_t offset, struct err *e);
int store_folded_forget(struct store *s, uint64_t segment, struct err *e);
int store_folded_forget_all(struct store *s, struct err *e);

/* --- copies --- */

/* The state that `s` sees (in a transaction: that one) into the file, which holds nothing yet. */
int store_copy(struct store *s, const char *path, struct err *e);
/* From now on, and after closing, all of it is in the one file. Nobody else has it open. */
int store_seal(struct store *s, struct err *e);
/* ERR_IO, with the first thing that is wrong, when the file is damaged. Reads all of it. */
int store_verify(struct store *s, struct err *e);

/* The part of a target before the first '/'. */
struct str store_upstream_of(struct str target);
