/* pulse.h: do all loops still turn? For a watchdog that must not be fed by a process whose calls hang.
 *
 * Every loop leaves a mark at an interval, from a timer of its own. The first loop, when it leaves its own, looks whether
 * the others' are young enough, and only then calls `fn`, on its thread. A loop that hangs, the first one too, ends the
 * calls within two intervals. */
#pragma once
#include "base/err.h"

struct loop;
struct pulse;

int pulse_open(struct pulse **out, int loops, int64_t every_ms, void (*fn)(void *ctx), void *ctx, struct err *e);
void pulse_close(struct pulse *p); /* after every loop has left */
/* On the loop's thread, or before it runs. `index` from 0. ERR_NOMEM. */
int pulse_join(struct pulse *p, int index, struct loop *l);
void pulse_leave(struct pulse *p, int index); /* on the loop's thread, or when it runs no more; fine when not joined */
