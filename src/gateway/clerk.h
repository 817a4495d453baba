/* clerk.h: a thread for what may wait: files, the ledger's reports. Loop threads never do.
 *
 * A job is handed over by a loop, run on the clerk's thread, and handed back to its loop. The thread starts with the first
 * job, or at once when there is something to look after every so often. The queue has an end: beyond it jobs are refused. */
#pragma once
#include "base/err.h"

struct clerk;
struct loop;

struct clerk_job { /* embedded in its owner */
    struct clerk_job *next;
    struct loop *loop;                   /* where `done` runs */
    void (*run)(struct clerk_job *job);  /* the clerk's thread */
    void (*done)(struct clerk_job *job); /* the loop's; also for a job that was never run, when the clerk closes */
    bool ran;
};
struct clerk_options {
    void (*tick)(void *ctx); /* the clerk's thread, every tick_ms; NULL: never */
    void *ctx;
    int tick_ms;
    int jobs_max; /* that wait; 0: 32 */
};
int clerk_open(struct clerk **out, const struct clerk_options *opt, struct err *e);
bool clerk_submit(struct clerk *c, struct clerk_job *job); /* false: refused, nothing was taken. Any thread */
/* Ends the thread after the job it is at; to be called before a loop it serves is closed. */
void clerk_stop(struct clerk *c);
void clerk_close(struct clerk *c); /* NULL is fine */
