/* loop.h: one event loop per thread: descriptors (raw epoll, level-triggered), timers, a mailbox, and the end of a turn.
 *
 * Everything registered with a loop belongs to its thread; only loop_post and loop_stop may be called from others.
 * A turn is: wait, run what is ready (descriptors, mailbox, timers), then the deferred tasks in the order of their
 * phases. That order is a promise of the product: what was recorded in this turn reaches the journal (COMMIT) before
 * new requests leave (SEND), and both before bytes go to clients (FLUSH). COMMIT and SEND repeat until neither has work;
 * only then FLUSH runs. */
#pragma once
#include "base/clock.h"
#include "base/err.h"

struct loop;

enum loop_phase { LOOP_COMMIT, LOOP_SEND, LOOP_FLUSH, LOOP_PHASE_COUNT };

struct loop_options {
    const struct clock *clock;
};

int loop_open(struct loop **out, const struct loop_options *opt, struct err *e);
void loop_close(struct loop *l); /* NULL is fine; nothing may be registered any more except timers */
const struct clock *loop_clock(const struct loop *l);
void loop_run(struct loop *l);                 /* until loop_stop */
void loop_turn(struct loop *l, int wait_ms);   /* one turn, waiting at most so long (-1: until something happens) */
void loop_stop(struct loop *l);                /* any thread */
/* Runs fn(arg) on the loop's thread; hands `arg` over. ERR_NOMEM when it could not be queued. Any thread. Messages from
 * one thread keep their order. What is still queued when the loop closes is dropped after fn(arg) is run once more. */
int loop_post(struct loop *l, void (*fn)(void *arg), void *arg);

/* Time read once a turn; refresh with loop_time_update after long work. */
int64_t loop_now_us(const struct loop *l);
static inline int64_t loop_now_ms(const struct loop *l)
{
    return loop_now_us(l) / 1000;
}
int64_t loop_wall_ms(const struct loop *l);
void loop_time_update(struct loop *l);

/* A descriptor; embedded in its owner. A generation tag in epoll's data keeps a late event of a closed descriptor from
 * reaching a new owner of the same number, also within one batch. */
struct loop_io {
    void (*fn)(struct loop_io *io, uint32_t events); /* EPOLLIN … */
    int fd;                                          /* -1 when not registered */
    uint32_t events;                                 /* what is asked for now */
    uint32_t slot;
};
#define LOOP_IO_INIT ((struct loop_io){.fd = -1})
int loop_io_add(struct loop *l, struct loop_io *io, int fd, uint32_t events, void (*fn)(struct loop_io *, uint32_t));
int loop_io_set(struct loop *l, struct loop_io *io, uint32_t events); /* no system call when nothing changes */
void loop_io_del(struct loop *l, struct loop_io *io);                 /* before close(2) of the fd; fine when not registered */

/* A timer; embedded in its owner. Pushing a pending timer further away costs nothing (it is sorted again only when its
 * old time comes). */
struct loop_timer {
    void (*fn)(struct loop_timer *t);
    int64_t due_us, heap_us;
    uint32_t heap_index; /* 0 = not in the heap, else index + 1 */
};
/* May fail only when the timer was not pending and the heap must grow. */
int loop_timer_set(struct loop *l, struct loop_timer *t, int64_t after_ms, void (*fn)(struct loop_timer *));
void loop_timer_cancel(struct loop *l, struct loop_timer *t);
static inline bool loop_timer_pending(const struct loop_timer *t)
{
    return t->heap_index != 0 && t->due_us >= 0;
}

/* Work put off to the end of the turn; embedded in its owner, queued at most once. A task may queue itself again. */
struct loop_task {
    void (*fn)(struct loop_task *t);
    struct loop_task *next, **link; /* link NULL = not queued */
};
void loop_defer(struct loop *l, enum loop_phase phase, struct loop_task *t, void (*fn)(struct loop_task *));
void loop_defer_cancel(struct loop_task *t);
