/* counts.h: what a loop has done, in numbers, by the names of the owner's jobs and targets; and what a mesh looks like now.
 *
 * Each loop has one `struct mesh_counts` that outlives the meshes it serves, so that another config does not set it back.
 * It is written by its loop only, with plain adds, and may be read at any time from any thread; reading one number after
 * the other, a reader may see a call whose attempt it has not seen. What is counted is what the ledger's records say.
 *
 * Names are those that a config gave; any number of models asked for by name fold into `UPSTREAM/other`, and what is
 * beyond the bounds into `other`. */
#pragma once
#include "base/err.h"
#include <stdatomic.h>

struct mesh;
struct mesh_counts;

enum { COUNT_BUCKETS = 12, COUNT_OUTCOMES = 5, COUNT_REASONS_MAX = 80 };

struct count_histogram {
    _Atomic uint64_t bucket[COUNT_BUCKETS + 1]; /* each alone, not summed up; the last: beyond all */
    _Atomic uint64_t sum_ms;
};
extern const int64_t count_first_ms[COUNT_BUCKETS], count_total_ms[COUNT_BUCKETS]; /* upper ends, inclusive */

struct count_calls {
    struct str name;                          /* of the job; "-" for calls that named a target */
    _Atomic uint64_t outcome[COUNT_OUTCOMES]; /* by enum call_outcome */
    struct count_histogram first, total;
    _Atomic uint64_t moved, stayed; /* calls of conversations whose prefix was cached at one place */
};
enum count_class { COUNT_INPUT, COUNT_CACHED, COUNT_CACHE_WRITE, COUNT_OUTPUT, COUNT_REASONING, COUNT_CLASSES };
struct count_attempts {
    struct str name;                            /* of the target */
    _Atomic uint64_t reason[COUNT_REASONS_MAX]; /* by number; see mesh_reason_name */
    struct count_histogram first, total;
    _Atomic uint64_t token[COUNT_CLASSES];
    _Atomic uint64_t cost_nusd, cost_unknown, estimated; /* the last two count attempts */
};

int mesh_counts_open(struct mesh_counts **out, struct err *e);
void mesh_counts_close(struct mesh_counts *k); /* after the mesh_loops that count with it */

int64_t mesh_counts_open_calls(const struct mesh_counts *k); /* under way now; 0 for NULL */
int mesh_counts_jobs(const struct mesh_counts *k);
const struct count_calls *mesh_counts_job(const struct mesh_counts *k, int i);
int mesh_counts_targets(const struct mesh_counts *k);
const struct count_attempts *mesh_counts_target(const struct mesh_counts *k, int i);
/* Adds up by name. On one thread; `into` belongs to nobody else. ERR_NOMEM leaves it in part. */
int mesh_counts_add(struct mesh_counts *into, const struct mesh_counts *from);
const char *mesh_reason_name(int reason); /* NULL beyond the last */

/* How things stand: each target that the config names, then each upstream. */
struct mesh_gauge {
    struct str target; /* empty: this is about the upstream */
    struct str upstream;
    int breaker; /* of a target: 0 closed, 1 half-open, 2 open */
    int spill_percent; /* of a target: how much of it the CPU computes; -1: not known */
    int in_flight, waiting; /* of an upstream: attempts under way, calls in the line before it */
};
int mesh_gauges(const struct mesh *m, int (*fn)(const struct mesh_gauge *g, void *ctx), void *ctx);
/* The budgets of the config, each in its window of this moment. */
struct mesh_budget {
    struct str upstream;
    const char *window; /* "hour", "day", "month" */
    int64_t spent_nusd, held_nusd, limit_nusd;
};
int mesh_budgets(const struct mesh *m, int (*fn)(const struct mesh_budget *b, void *ctx), void *ctx);
/* What there is a ceiling for over all calls; -1: it has none, and is not counted. */
struct mesh_ceilings {
    int64_t calls, calls_max, held_bytes, held_bytes_max;
};
void mesh_ceilings(const struct mesh *m, struct mesh_ceilings *out);
uint64_t mesh_journal_bytes(const struct mesh *m); /* in the journal segments being written */
