/* loop.c: the event loop; see loop.h. Three small machines side by side: descriptors by way of a slot table, timers in
 * a binary heap, deferred tasks in one ring per phase; and a mailbox for other threads. Hot path: a turn costs one
 * epoll_wait and two clock readings, nothing is allocated, no lock is taken unless a message came. */
#include "net/loop.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256, /* taken from the kernel at once; the rest come with the next turn */
    SLOTS_FIRST = 64, /* sizes at which the tables start; they double */
    TIMERS_FIRST = 64,
    WAIT_MAX_MS = 60 * 60 * 1000, /* keeps the sum of milliseconds far from the end of an int */
};

struct slot {
    struct loop_io *io;  /* NULL while free */
    uint32_t generation; /* goes up whenever the slot is given back */
    uint32_t next_free;
};

struct message {
    struct message *next;
    void (*fn)(void *arg);
    void *arg;
};

struct loop {
    const struct clock *clock;
    int epoll_fd;
    int64_t now_us, wall_ms; /* read once a turn */

    struct slot *slots;
    uint32_t slot_count, slot_max;
    uint32_t free_slot; /* first of a chain; NO_SLOT at its end */
    uint32_t io_count;  /* registered now, the mailbox included */

    struct loop_timer **heap; /* smallest heap_us first */
    uint32_t timer_count, timer_max;

    struct loop_task ring[LOOP_PHASE_COUNT]; /* sentinels: next is the first task, link the end of the last one */

    struct loop_io mail_io;
    atomic_bool stopped;
    pthread_mutex_t mail_lock; /* guards the three below; a leaf: nothing is called while it is held */
    struct message *mail, **mail_end;
    bool mail_signalled; /* the eventfd has been written since it was last read */

    struct epoll_event events[EVENTS_MAX];
};

#define NO_SLOT UINT32_MAX

/* --- descriptors -------------------------------------------------------------------------------------------------- */

static int slots_grow(struct loop *l)
{
    uint32_t max = l->slot_max ? l->slot_max * 2 : SLOTS_FIRST;
    struct slot *grown = mem_realloc(l->slots, max * sizeof *grown);
    if (!grown)
        return ERR_NOMEM;
    l->slots = grown;
    l->slot_max = max;
    return 0;
}

static int slot_take(struct loop *l, struct loop_io *io, uint32_t *out)
{
    uint32_t at = l->free_slot;
    if (at != NO_SLOT) {
        l->free_slot = l->slots[at].next_free;
    } else {
        if (l->slot_count == l->slot_max && slots_grow(l) < 0)
            return ERR_NOMEM;
        at = l->slot_count++;
        l->slots[at].generation = 0;
    }
    l->slots[at].io = io;
    *out = at;
    return 0;
}

static void slot_give(struct loop *l, uint32_t at)
{
    l->slots[at].io = NULL;
    l->slots[at].generation++;
    l->slots[at].next_free = l->free_slot;
    l->free_slot = at;
}

static int epoll_change(struct loop *l, int op, int fd, uint32_t slot, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.u64 = (uint64_t)l->slots[slot].generation << 32 | slot};
    if (epoll_ctl(l->epoll_fd, op, fd, &ev) == 0)
        return 0;
    return errno == ENOMEM || errno == ENOSPC ? ERR_NOMEM : ERR_IO;
}

int loop_io_add(struct loop *l, struct loop_io *io, int fd, uint32_t events, void (*fn)(struct loop_io *, uint32_t))
{
    assert(io->fd < 0 && fd >= 0);
    uint32_t slot;
    int rc = slot_take(l, io, &slot);
    if (rc < 0)
        return rc;
    rc = epoll_change(l, EPOLL_CTL_ADD, fd, slot, events);
    if (rc < 0) {
        slot_give(l, slot);
        return rc;
    }
    *io = (struct loop_io){.fn = fn, .fd = fd, .events = events, .slot = slot};
    l->io_count++;
    return 0;
}

int loop_io_set(struct loop *l, struct loop_io *io, uint32_t events)
{
    assert(io->fd >= 0 && l->slots[io->slot].io == io);
    if (events == io->events)
        return 0;
    int rc = epoll_change(l, EPOLL_CTL_MOD, io->fd, io->slot, events);
    if (rc == 0)
        io->events = events;
    return rc;
}

void loop_io_del(struct loop *l, struct loop_io *io)
{
    if (io->fd < 0)
        return;
    assert(l->slots[io->slot].io == io);
    /* Also before a close: the descriptor may have been duplicated into a child, and epoll watches the open file. */
    (void)epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    slot_give(l, io->slot);
    io->fd = -1;
    l->io_count--;
}

static void dispatch(struct loop *l, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t tag = l->events[i].data.u64;
        const struct slot *s = &l->slots[(uint32_t)tag];
        if (s->io && s->generation == (uint32_t)(tag >> 32)) /* else it was closed earlier in this batch */
            s->io->fn(s->io, l->events[i].events);
    }
}

/* --- timers ------------------------------------------------------------------------------------------------------- */

static void heap_put(struct loop *l, uint32_t at, struct loop_timer *t)
{
    l->heap[at] = t;
    t->heap_index = at + 1;
}

static void heap_up(struct loop *l, uint32_t at)
{
    struct loop_timer *t = l->heap[at];
    while (at > 0 && l->heap[(at - 1) / 2]->heap_us > t->heap_us) {
        heap_put(l, at, l->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(l, at, t);
}

static void heap_down(struct loop *l, uint32_t at)
{
    struct loop_timer *t = l->heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= l->timer_count)
            break;
        if (child + 1 < l->timer_count && l->heap[child + 1]->heap_us < l->heap[child]->heap_us)
            child++;
        if (l->heap[child]->heap_us >= t->heap_us)
            break;
        heap_put(l, at, l->heap[child]);
        at = child;
    }
    heap_put(l, at, t);
}

static void heap_remove(struct loop *l, struct loop_timer *t)
{
    uint32_t at = t->heap_index - 1;
    assert(at < l->timer_count && l->heap[at] == t);
    struct loop_timer *last = l->heap[--l->timer_count];
    if (last != t) {
        heap_put(l, at, last);
        heap_up(l, at);
        heap_down(l, last->heap_index - 1);
    }
    t->heap_index = 0;
}

static int heap_add(struct loop *l, struct loop_timer *t)
{
    if (l->timer_count == l->timer_max) {
        uint32_t max = l->timer_max ? l->timer_max * 2 : TIMERS_FIRST;
        struct loop_timer **grown = mem_realloc(l->heap, max * sizeof *grown);
        if (!grown)
            return ERR_NOMEM;
        l->heap = grown;
        l->timer_max = max;
    }
    l->heap[l->timer_count++] = t;
    heap_up(l, l->timer_count - 1);
    return 0;
}

int loop_timer_set(struct loop *l, struct loop_timer *t, int64_t after_ms, void (*fn)(struct loop_timer *))
{
    assert(fn);
    /* At least a microsecond away: a timer that sets itself to 0 must not keep the loop from its other work. */
    int64_t due_us = l->now_us + (after_ms > 0 ? after_ms * 1000 : 1);
    if (t->heap_index == 0) {
        t->heap_us = due_us;
        int rc = heap_add(l, t);
        if (rc < 0)
            return rc;
    } else if (due_us < t->heap_us) {
        t->heap_us = due_us;
        heap_up(l, t->heap_index - 1);
    }
    t->fn = fn;
    t->due_us = due_us;
    return 0;
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    if (t->heap_index)
        heap_remove(l, t);
    t->due_us = -1;
}

static void timers_run(struct loop *l)
{
    int64_t now_us = l->now_us; /* a callback may refresh the loop's time; what it sets is for the next turn */
    while (l->timer_count && l->heap[0]->heap_us <= now_us) {
        struct loop_timer *t = l->heap[0];
        if (t->due_us > now_us) { /* pushed away since it was sorted in */
            t->heap_us = t->due_us;
            heap_down(l, 0);
            continue;
        }
        loop_timer_cancel(l, t);
        t->fn(t);
    }
}

/* --- deferred tasks ----------------------------------------------------------------------------------------------- */

static void ring_init(struct loop_task *ring)
{
    ring->next = ring;
    ring->link = &ring->next;
}

static bool ring_empty(const struct loop_task *ring)
{
    return ring->next == ring;
}

static void ring_take(struct loop_task *from, struct loop_task *to)
{
    ring_init(to);
    if (ring_empty(from))
        return;
    to->next = from->next;
    to->link = from->link;
    to->next->link = &to->next;
    *to->link = to;
    ring_init(from);
}

static void task_run(struct loop_task *t)
{
    loop_defer_cancel(t); /* first, so that it may queue itself again */
    t->fn(t);
}

void loop_defer(struct loop *l, enum loop_phase phase, struct loop_task *t, void (*fn)(struct loop_task *))
{
    if (t->link)
        return;
    struct loop_task *ring = &l->ring[phase];
    t->fn = fn;
    t->next = ring;
    t->link = ring->link;
    *ring->link = t;
    ring->link = &t->next;
}

void loop_defer_cancel(struct loop_task *t)
{
    if (!t->link)
        return;
    *t->link = t->next;
    t->next->link = t->link;
    t->next = NULL;
    t->link = NULL;
}

static void commit_and_send(struct loop *l)
{
    for (;;) { /* a SEND may record something, so look at COMMIT again after each */
        enum loop_phase phase = !ring_empty(&l->ring[LOOP_COMMIT]) ? LOOP_COMMIT : LOOP_SEND;
        if (ring_empty(&l->ring[phase]))
            return;
        task_run(l->ring[phase].next);
    }
}

static void phases_run(struct loop *l)
{
    commit_and_send(l);
    struct loop_task flush; /* what is queued while flushing waits for the next turn, or a writer could hold the loop */
    ring_take(&l->ring[LOOP_FLUSH], &flush);
    while (!ring_empty(&flush)) {
        task_run(flush.next);
        commit_and_send(l); /* a flush that found its peer gone may have recorded that; others' bytes come after it */
    }
}

static bool tasks_queued(const struct loop *l)
{
    for (int i = 0; i < LOOP_PHASE_COUNT; i++)
        if (!ring_empty(&l->ring[i]))
            return true;
    return false;
}

/* --- mailbox ------------------------------------------------------------------------------------------------------ */

static void mail_signal(struct loop *l)
{
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(l->mail_io.fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    assert(n == (ssize_t)sizeof one || errno == EAGAIN); /* EAGAIN: the counter is full, so it is readable */
}

int loop_post(struct loop *l, void (*fn)(void *arg), void *arg)
{
    struct message *m = new0(struct message);
    if (!m)
        return ERR_NOMEM;
    m->fn = fn;
    m->arg = arg;
    pthread_mutex_lock(&l->mail_lock);
    *l->mail_end = m;
    l->mail_end = &m->next;
    bool signal = !l->mail_signalled;
    l->mail_signalled = true;
    pthread_mutex_unlock(&l->mail_lock);
    if (signal)
        mail_signal(l);
    return 0;
}

static struct message *mail_take(struct loop *l)
{
    pthread_mutex_lock(&l->mail_lock);
    struct message *all = l->mail;
    l->mail = NULL;
    l->mail_end = &l->mail;
    l->mail_signalled = false;
    pthread_mutex_unlock(&l->mail_lock);
    return all;
}

static void mail_run(struct loop *l)
{
    struct message *m = mail_take(l);
    while (m) {
        struct message *next = m->next;
        m->fn(m->arg);
        mem_free(m);
        m = next;
    }
}

static void mail_ready(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct loop *l = (struct loop *)((char *)io - offsetof(struct loop, mail_io));
    uint64_t count;
    (void)!read(io->fd, &count, sizeof count); /* resets it; an empty one (EAGAIN) is as good */
    mail_run(l);
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

static int mail_open(struct loop *l, struct err *e)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "eventfd");
    int rc = loop_io_add(l, &l->mail_io, fd, EPOLLIN, mail_ready);
    if (rc < 0) {
        close(fd);
        return err_set(e, rc, "the loop's mailbox");
    }
    return 0;
}

int loop_open(struct loop **out, const struct loop_options *opt, struct err *e)
{
    struct loop *l = new0(struct loop);
    if (!l)
        return err_set(e, ERR_NOMEM, "loop");
    l->clock = opt->clock;
    l->free_slot = NO_SLOT;
    l->mail_io = LOOP_IO_INIT;
    l->mail_end = &l->mail;
    pthread_mutex_init(&l->mail_lock, NULL);
    for (int i = 0; i < LOOP_PHASE_COUNT; i++)
        ring_init(&l->ring[i]);
    loop_time_update(l);

    int rc;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        rc = err_set_errno(e, ERR_IO, errno, "epoll_create1");
        goto fail;
    }
    rc = mail_open(l, e);
    if (rc < 0)
        goto fail;
    *out = l;
    return 0;
fail:
    loop_close(l);
    return rc;
}

void loop_close(struct loop *l)
{
    if (!l)
        return;
    while (l->mail)
        mail_run(l);
    int mail_fd = l->mail_io.fd;
    loop_io_del(l, &l->mail_io);
    if (mail_fd >= 0)
        close(mail_fd);
    assert(l->io_count == 0 && !tasks_queued(l));
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    pthread_mutex_destroy(&l->mail_lock);
    mem_free(l->slots);
    mem_free(l->heap);
    mem_free(l);
}

const struct clock *loop_clock(const struct loop *l)
{
    return l->clock;
}

int64_t loop_now_us(const struct loop *l)
{
    return l->now_us;
}

int64_t loop_wall_ms(const struct loop *l)
{
    return l->wall_ms;
}

void loop_time_update(struct loop *l)
{
    l->now_us = clock_mono_us(l->clock);
    l->wall_ms = clock_wall_ms(l->clock);
}

/* Milliseconds until the next timer, rounded up so that it is due when we wake. */
static int wait_for_ms(struct loop *l, int wait_ms)
{
    if (wait_ms == 0 || tasks_queued(l))
        return 0;
    if (!l->timer_count)
        return wait_ms;
    int64_t left_us = l->heap[0]->heap_us - clock_mono_us(l->clock);
    int64_t left_ms = left_us > 0 ? (left_us + 999) / 1000 : 0;
    if (left_ms > WAIT_MAX_MS)
        left_ms = WAIT_MAX_MS;
    return wait_ms < 0 || left_ms < wait_ms ? (int)left_ms : wait_ms;
}

void loop_turn(struct loop *l, int wait_ms)
{
    int count = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, wait_for_ms(l, wait_ms));
    assert(count >= 0 || errno == EINTR);
    loop_time_update(l);
    dispatch(l, count);
    timers_run(l);
    phases_run(l);
}

void loop_run(struct loop *l)
{
    while (!atomic_load_explicit(&l->stopped, memory_order_acquire)) /* pairs with loop_stop */
        loop_turn(l, -1);
    atomic_store_explicit(&l->stopped, false, memory_order_relaxed);
}

void loop_stop(struct loop *l)
{
    atomic_store_explicit(&l->stopped, true, memory_order_release); /* pairs with loop_run */
    mail_signal(l);
}
