/* keeper.c: the ledger's own thread. It makes flushed records durable within a second (fdatasync), folds them into the
 * store, removes segments that are folded to the end, and prunes what is older than is kept. It sleeps while nothing is
 * written, but for a look an hour at what has become old.
 *
 * Nobody waits for it and it has nobody to return an error to, so it logs: once when something begins to fail, once when
 * it works again. Its times are the kernel's, because it sleeps in the kernel. */
#include "base/log.h"
#include "ledger/ledger_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    SYNC_DELAY_MS = 500,            /* promise: within a second; the other half is for the disk */
    QUIET_MS = 1000,                /* after a sync that nothing followed, the rest is folded */
    FOLD_FEW_BYTES = 16 << 10,      /* some 40 calls: folded instead of a sync, for one wait for the disk is cheaper than two */
    FOLD_MANY_BYTES = 512 << 10,    /* some 1,500 calls: a fold that waits longer is not cheaper by the call */
    FOLD_AS_SYNC_BYTES = 1 << 20,   /* so much is folded and committed well within that half, even on a shared core */
    NICE = 10,                      /* a tenth of a core that a loop keeps busy: enough for the syncs between chunks */
    TRIM_EVERY_MS = 500,            /* how often should_trim is asked */
    ROTATE_FOLDED_BYTES = 1 << 20,  /* a segment this far folded is closed, so that it can go */
    PRUNE_FIRST_FOLDS = 2,          /* after the start, when it is in nobody's way any more */
    PRUNE_STEP_MS = 100,            /* between steps while there is something to prune: a thousand calls a second */
    PRUNE_EVERY_MS = 3600000,
    STACK_BYTES = 512 << 10,        /* SQLite needs some 100 KiB */
};

static int64_t now_ms(void)
{
    return clock_mono_us(clock_system()) / 1000;
}

static uint32_t seq_of(uint64_t flushed)
{
    return (uint32_t)(flushed >> 32);
}

static uint64_t offset_of(uint64_t flushed)
{
    return flushed & UINT32_MAX;
}

static uint64_t flushed_of(const struct ledger *l, int writer)
{
    return atomic_load_explicit(&l->slot[writer].flushed, memory_order_acquire);
}

void keeper_wake(struct ledger *l)
{
    uint64_t one = 1;
    ssize_t n = write(l->keeper.event_fd, &one, sizeof one);
    (void)n; /* only fails when the counter is full, and then the keeper is awake anyway */
}

/* Tells the operator when a kind of work begins or ceases to fail. */
static void tell_state(bool *failing, int rc, const char *what, const struct err *e)
{
    if (rc < 0 && !*failing)
        log_line(LOG_ERROR, "ledger", "%s: %s; trying again", what, e->text);
    if (rc == 0 && *failing)
        log_line(LOG_INFO, "ledger", "%s works again", what);
    *failing = rc < 0;
}

/* --- sync ------------------------------------------------------------------------------------------------------- */

static int sync_segment(struct ledger *l, struct segment_name name, struct err *e)
{
    char file[SEGMENT_NAME_BYTES];
    segment_name_write(name, file);
    int fd = openat(l->journal_fd, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0; /* somebody removed it: the fold will say so */
    int rc = fd < 0 || fdatasync(fd) != 0 ? err_set_errno(e, ERR_IO, errno, "syncing the journal segment %s", file) : 0;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int sync_writer(struct ledger *l, int writer, uint64_t target, bool *new_files, struct err *e)
{
    struct keeper_place *p = &l->keeper.place[writer];
    uint32_t seq = p->synced_seq > p->folded_seq ? p->synced_seq : p->folded_seq; /* a committed fold is durable */
    if (seq == 0)
        seq = 1;
    for (; seq <= seq_of(target); seq++) {
        int rc = sync_segment(l, (struct segment_name){(uint32_t)writer, seq}, e);
        if (rc < 0)
            return rc;
    }
    *new_files |= p->synced_seq != seq_of(target);
    p->synced_seq = seq_of(target);
    p->synced = offset_of(target);
    return 0;
}

static bool is_at(uint64_t flushed, uint32_t seq, uint64_t offset)
{
    return seq_of(flushed) == seq && offset_of(flushed) == offset;
}

static int sync_all(struct ledger *l, struct err *e)
{
    bool new_files = !l->keeper.folder_synced;
    for (int i = 0; i < LEDGER_WRITERS_MAX; i++) {
        const struct keeper_place *p = &l->keeper.place[i];
        uint64_t target = flushed_of(l, i);
        if (is_at(target, p->synced_seq, p->synced) || is_at(target, p->folded_seq, p->folded))
            continue; /* a committed fold is durable */
        int rc = sync_writer(l, i, target, &new_files, e);
        if (rc < 0)
            return rc;
    }
    if (!new_files)
        return 0;
    if (fsync(l->journal_fd) != 0)
        return err_set_errno(e, ERR_IO, errno, "syncing the journal's folder");
    if (!l->keeper.folder_synced && (fsync(l->lock_fd) != 0 || fsync(l->dir_fd) != 0))
        return err_set_errno(e, ERR_IO, errno, "syncing the data folder");
    l->keeper.folder_synced = true;
    return 0;
}

/* `work` goes down first: what is flushed while we sync wakes us again. An exchange, not a store, so that we see what was
 * flushed before the flag went up; pairs with the exchange in ledger_flush. */
static void keeper_sync(struct ledger *l)
{
    struct err e = {0};
    (void)atomic_exchange(&l->keeper.work, false);
    tell_state(&l->keeper.sync_failing, sync_all(l, &e), "making the journal durable", &e);
}

/* --- fold ------------------------------------------------------------------------------------------------------- */

static bool has_news(const struct ledger *l, int writer)
{
    const struct keeper_place *p = &l->keeper.place[writer];
    return !is_at(flushed_of(l, writer), p->folded_seq, p->folded);
}

static bool has_any_news(const struct ledger *l)
{
    for (int i = 0; i < LEDGER_WRITERS_MAX; i++)
        if (has_news(l, i))
            return true;
    return false;
}

/* Bytes of the journal that are not folded, of segments that are still written. */
static uint64_t news_bytes(const struct ledger *l)
{
    uint64_t sum = 0;
    for (int i = 0; i < LEDGER_WRITERS_MAX; i++) {
        const struct keeper_place *p = &l->keeper.place[i];
        uint64_t target = flushed_of(l, i);
        sum += offset_of(target) - (seq_of(target) == p->folded_seq ? p->folded : 0);
    }
    return sum;
}

static int fold_writer(struct fold *f, int writer, const struct keeper_place *from, uint64_t target, struct err *e)
{
    uint32_t seq = from->folded_seq ? from->folded_seq : 1;
    uint64_t offset = from->folded_seq ? from->folded : 0;
    for (; seq <= seq_of(target); seq++, offset = 0) {
        bool closed = seq < seq_of(target);
        uint64_t limit = closed ? UINT64_MAX : offset_of(target);
        int rc = fold_segment(f, (struct segment_name){(uint32_t)writer, seq}, limit, closed, &offset, e);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* After the commit: segments before the one being written are of no more use. */
static void drop_folded(struct ledger *l, int writer, uint64_t target)
{
    struct keeper_place *p = &l->keeper.place[writer];
    for (uint32_t seq = p->folded_seq ? p->folded_seq : 1; seq < seq_of(target); seq++) {
        char file[SEGMENT_NAME_BYTES];
        segment_name_write((struct segment_name){(uint32_t)writer, seq}, file);
        if (unlinkat(l->journal_fd, file, 0) != 0 && errno != ENOENT)
            l->keeper.segment_left = true; /* it is folded once more at the next start: harmless while its calls are there */
    }
    p->folded_seq = seq_of(target);
    p->folded = offset_of(target);
    if (p->folded >= ROTATE_FOLDED_BYTES)
        atomic_store_explicit(&l->slot[writer].rotate, true, memory_order_relaxed);
}

struct sync_pause {
    struct ledger *ledger;
    int64_t next_ms;
};

/* On a core that a loop shares, the loop must not wait for a fold, only for the few calls until its next pause. */
static void pause_fold(void *ctx)
{
    struct sync_pause *p = ctx;
    (void)sched_yield();
    if (now_ms() < p->next_ms)
        return;
    keeper_sync(p->ledger);
    p->next_ms = now_ms() + SYNC_DELAY_MS;
}

static int fold_all(struct ledger *l, uint64_t *target, struct err *e)
{
    struct sync_pause pause = {.ledger = l, .next_ms = now_ms() + SYNC_DELAY_MS};
    struct fold f;
    int rc = fold_begin(&f, l->keeper.db, l->journal_fd, e);
    f.pause = pause_fold;
    f.pause_ctx = &pause;
    for (int i = 0; rc == 0 && i < LEDGER_WRITERS_MAX; i++) {
        target[i] = flushed_of(l, i);
        if (has_news(l, i))
            rc = fold_writer(&f, i, &l->keeper.place[i], target[i], e);
    }
    if (rc == 0)
        rc = fold_commit(&f, e);
    fold_fini(&f);
    return rc;
}

int keeper_fold(struct ledger *l, struct err *e)
{
    if (!has_any_news(l))
        return 0;
    int rc = 0;
    if (!l->keeper.db)
        rc = store_open(&l->keeper.db, l->db_path, false, e);
    uint64_t target[LEDGER_WRITERS_MAX] = {0};
    if (rc == 0)
        rc = fold_all(l, target, e);
    for (int i = 0; rc == 0 && i < LEDGER_WRITERS_MAX; i++)
        if (target[i])
            drop_folded(l, i, target[i]);
    return rc;
}

/* --- the thread ------------------------------------------------------------------------------------------------- */

struct schedule {
    int64_t sync_at, fold_at, trim_at, prune_at; /* INT64_MAX: not due */
    int64_t fold_by; /* what fold_at may be put off to while more comes; INT64_MAX: all is folded */
    bool folded; /* since the last trim */
};

static void wait_for_work(struct ledger *l, const struct schedule *s)
{
    int64_t at = s->sync_at < s->fold_at ? s->sync_at : s->fold_at;
    if (s->trim_at < at)
        at = s->trim_at;
    if (s->prune_at < at)
        at = s->prune_at;
    int64_t ms = at - now_ms();
    int timeout_ms = at == INT64_MAX ? -1 : ms < 0 ? 0 : ms > INT_MAX ? INT_MAX : (int)ms;
    struct pollfd p = {.fd = l->keeper.event_fd, .events = POLLIN};
    int n = poll(&p, 1, timeout_ms);
    if (n > 0) {
        uint64_t count;
        ssize_t got = read(l->keeper.event_fd, &count, sizeof count);
        (void)got; /* nothing there any more is fine */
    }
}

static void fold_now(struct ledger *l, struct schedule *s)
{
    struct err e = {0};
    tell_state(&l->keeper.fold_failing, keeper_fold(l, &e), "folding the journal into the ledger", &e);
    s->fold_at = l->keeper.fold_failing ? now_ms() + QUIET_MS : INT64_MAX;
    s->fold_by = INT64_MAX;
    s->folded = true;
}

/* A committed fold is as durable as a sync, and one wait for the disk instead of two. It costs a loop on the same core more than
 * a sync does, so it waits until there is little to fold, or enough that a call's share is small, or its time has come. What
 * is too much to fold in time is synced first. */
static bool fold_is_sync(const struct ledger *l, const struct schedule *s, int64_t now)
{
    uint64_t news = news_bytes(l);
    return l->fold_every_ms >= 0 && !l->keeper.fold_failing && l->keeper.folder_synced && news <= FOLD_AS_SYNC_BYTES &&
           (news <= FOLD_FEW_BYTES || news >= FOLD_MANY_BYTES || now >= s->fold_by);
}

/* After a sync: while calls come at a rate, each sync puts the fold off again, up to its time. */
static void plan_fold(const struct ledger *l, struct schedule *s, int64_t now, int64_t sync_delay)
{
    if (l->fold_every_ms < 0 || l->keeper.fold_failing || !has_any_news(l))
        return;
    if (s->fold_by == INT64_MAX)
        s->fold_by = now + l->fold_every_ms - sync_delay;
    s->fold_at = news_bytes(l) >= FOLD_MANY_BYTES ? now : s->fold_by < now + QUIET_MS ? s->fold_by : now + QUIET_MS;
}

/* What is flushed meanwhile has raised `work` again, and is the next turn's. */
static void sync_now(struct ledger *l, struct schedule *s, int64_t now, int64_t sync_delay)
{
    if (fold_is_sync(l, s, now)) {
        (void)atomic_exchange(&l->keeper.work, false); /* as in keeper_sync */
        fold_now(l, s);
        if (!l->keeper.fold_failing) {
            s->sync_at = INT64_MAX;
            return;
        }
    }
    keeper_sync(l);
    s->sync_at = l->keeper.sync_failing ? now + SYNC_DELAY_MS : INT64_MAX;
    plan_fold(l, s, now, sync_delay);
}

static void prune_now(struct ledger *l, struct schedule *s)
{
    struct sync_pause pause = {.ledger = l, .next_ms = now_ms() + SYNC_DELAY_MS};
    struct err e = {0};
    bool more = false;
    tell_state(&l->keeper.prune_failing, ledger_prune(l, pause_fold, &pause, &more, &e), "pruning the ledger", &e);
    s->prune_at = now_ms() + (more ? PRUNE_STEP_MS : PRUNE_EVERY_MS);
}

static void trim_now(struct ledger *l, struct schedule *s, int64_t now)
{
    s->trim_at = now + TRIM_EVERY_MS;
    bool calm = s->folded && !has_any_news(l); /* what the last fold took may be the last that was needed */
    if (!l->should_trim() && !calm)
        return;
    s->folded = false;
    if (l->keeper.db)
        store_trim(l->keeper.db);
    (void)malloc_trim(0);
}

static void keeper_turn(struct ledger *l, struct schedule *s)
{
    int64_t now = now_ms();
    bool soon = l->fold_every_ms >= 0 && l->fold_every_ms < SYNC_DELAY_MS;
    int64_t sync_delay = soon ? l->fold_every_ms : SYNC_DELAY_MS;
    if (atomic_load(&l->keeper.work) && s->sync_at == INT64_MAX) {
        s->sync_at = now + sync_delay;
        if (!l->keeper.fold_failing)
            s->fold_at = s->fold_by; /* it is not quiet */
    }
    if (now >= s->sync_at)
        sync_now(l, s, now, sync_delay);
    if (now >= s->fold_at)
        fold_now(l, s);
    if (now >= s->prune_at)
        prune_now(l, s);
    if (now >= s->trim_at)
        trim_now(l, s, now);
}

static void *keeper_main(void *arg)
{
    struct ledger *l = arg;
    bool prunes = l->keep_ms && l->fold_every_ms >= 0;
    struct schedule s = {.sync_at = INT64_MAX, .fold_at = INT64_MAX, .fold_by = INT64_MAX,
                         .trim_at = l->should_trim ? now_ms() : INT64_MAX,
                         .prune_at = prunes ? now_ms() + PRUNE_FIRST_FOLDS * l->fold_every_ms : INT64_MAX};
    (void)pthread_setname_np(pthread_self(), "ledger");
    /* Nothing here is urgent within milliseconds: on a shared core the loops go first, and waking up takes the core from
     * nobody (that is what a batch thread is). A kernel that refuses leaves us where we are. */
    (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
    (void)sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){.sched_priority = 0});
    while (!atomic_load(&l->keeper.stop)) {
        wait_for_work(l, &s);
        keeper_turn(l, &s);
    }
    return NULL;
}

int keeper_start(struct ledger *l, struct err *e)
{
    l->keeper.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->keeper.event_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "starting the ledger's thread");
    pthread_attr_t attr;
    int error = pthread_attr_init(&attr);
    if (error == 0) {
        (void)pthread_attr_setstacksize(&attr, STACK_BYTES); /* a wish: the default is larger */
        error = pthread_create(&l->keeper.thread, &attr, keeper_main, l);
        (void)pthread_attr_destroy(&attr);
    }
    if (error)
        return err_set_errno(e, ERR_IO, error, "starting the ledger's thread");
    l->keeper.running = true;
    return 0;
}

void keeper_stop(struct ledger *l)
{
    if (l->keeper.running) {
        atomic_store(&l->keeper.stop, true);
        keeper_wake(l);
        (void)pthread_join(l->keeper.thread, NULL); /* fails only on a handle that is none */
    }
    l->keeper.running = false;
    if (l->keeper.event_fd >= 0)
        close(l->keeper.event_fd);
    l->keeper.event_fd = -1;
}
