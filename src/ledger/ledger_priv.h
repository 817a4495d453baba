/* ledger_priv.h: the inside of the ledger: the writers' slots, the keeper thread, the fold, budgets, and the view that
 * reports are read from. */
#pragma once
#include "ledger/book_priv.h"
#include <pthread.h>
#include <stdatomic.h>

enum { LEDGER_WRITERS_MAX = 256 }; /* loops; a machine with more cores runs fewer loops than that */

#define LEDGER_LOCK_FILE "lock"
#define LEDGER_JOURNAL_DIR "journal"
#define LEDGER_STORE_FILE "ledger.db"

/* What a writer and the keeper share. */
struct journal_slot {
    /* The last good byte: seq << 32 | offset; 0 while nothing was written. Stored with release by the writer's flush,
     * loaded with acquire by the keeper, who then may read the file up to there. */
    _Atomic uint64_t flushed;
    _Atomic bool rotate; /* set by the keeper when much of the segment is folded; taken by the writer's next flush */
    _Atomic bool taken;  /* a writer is open */
    char pad[64 - sizeof(uint64_t) - 2]; /* a cache line each: writers do not disturb one another */
};

/* Where the keeper is with one writer. Its thread only. */
struct keeper_place {
    uint32_t synced_seq, folded_seq;
    uint64_t synced, folded; /* offsets */
};

struct keeper {
    pthread_t thread;
    bool running;        /* the thread was started */
    int event_fd;        /* wakes it */
    _Atomic bool work;   /* something was flushed since the last sync; the flush that sets it also wakes the keeper */
    _Atomic bool stop;
    struct store *db;    /* opened by the first fold; used by the opening thread, then by the keeper, then by the closing one */
    struct keeper_place place[LEDGER_WRITERS_MAX];
    bool folder_synced;
    bool segment_left;   /* a folded segment could not be removed */
    bool fold_failing, sync_failing, prune_failing; /* failures are logged when they begin and when they end */
};

struct ledger {
    const struct clock *clock;
    char *dir, *db_path; /* owned */
    int dir_fd, lock_fd, journal_fd;
    int64_t fold_every_ms, keep_ms;
    size_t segment_bytes;
    bool (*should_trim)(void);
    pthread_mutex_t budgets_lock; /* guards the two lists below; a leaf, nothing is locked under it */
    struct budget *budgets;       /* owned */
    struct plan *plans;           /* owned */
    struct keeper keeper;
    struct journal_slot slot[LEDGER_WRITERS_MAX];
};

/* --- disk.c: local disks only ----------------------------------------------------------------------------------- */

/* ERR_UNSUPPORTED, with the way out, when that folder is on a network file system. */
int disk_check(int dir_fd, const char *dir, struct err *e);
const char *disk_is_network(unsigned long type, struct str mount_type); /* its name, NULL when it is not */
struct str disk_mount_type(struct str mounts, unsigned major, unsigned minor); /* in mountinfo; empty when not there */

/* --- keeper.c: durable within a second, folded every few -------------------------------------------------------- */

int keeper_start(struct ledger *l, struct err *e);
void keeper_stop(struct ledger *l);
/* Folds what is new. On its thread, or when that is not running. */
int keeper_fold(struct ledger *l, struct err *e);
void keeper_wake(struct ledger *l); /* any thread */

/* --- fold.c: journal to store ----------------------------------------------------------------------------------- */

struct fold {
    struct store *db;
    int journal_fd;
    struct book book;
    struct buf chunk;
    size_t uncommitted; /* journal bytes since the last commit */
    int64_t calls;
    void (*pause)(void *ctx); /* called every 50 us or so, may be NULL: a fold must delay neither a loop nor a sync */
    void *pause_ctx;
};
int fold_begin(struct fold *f, struct store *db, int journal_fd, struct err *e);
/* Folds the records of a segment from *offset (0: from where the store says) to `limit`, or to the end of the file, and
 * moves *offset. `closed`: nothing will be added, and the file will be removed. */
int fold_segment(struct fold *f, struct segment_name name, uint64_t limit, bool closed, uint64_t *offset, struct err *e);
int fold_commit(struct fold *f, struct err *e);
void fold_fini(struct fold *f); /* rolls back what is not committed */

/* --- recover.c -------------------------------------------------------------------------------------------------- */

/* Folds every segment there is, closes what is open as lost, and empties the journal. */
int ledger_settle_all(struct ledger *l, int64_t *lost, struct err *e);

/* --- prune.c: calls older than keep_ms become sums of their days --------------------------------------------------- */

/* One step, of some milliseconds; `pause` as of a fold. *more: there is as much again. As keeper_fold, on the keeper's
 * thread, or when that is not running. */
int ledger_prune(struct ledger *l, void (*pause)(void *ctx), void *pause_ctx, bool *more, struct err *e);

/* --- query.c: a call as a report tells it ----------------------------------------------------------------------------- */

struct usage_call usage_call_of(const struct store_call *c);   /* borrows its strings */
struct usage_group usage_group_of(const struct usage_call *u); /* of this call alone; without a name */
struct usage_attempt usage_attempt_of(const struct usage_call *u, const struct store_attempt *a); /* of that call */

/* --- reader.c: the books as they stood at one moment ------------------------------------------------------------ */

struct ledger_reader {
    struct store *db;          /* NULL when nothing was ever folded */
    struct book book;          /* what the journal adds, completed from the store */
    struct store_call **call;  /* of the book, by id; owned */
    struct buf *bytes;         /* of each segment: the book's strings are in them; owned */
    size_t segment_count;
    bool live;                 /* a process holds the lock: what is open is in flight, not lost */
};
/* What attempts of one upstream opened in that time cost; those open count at their hold. */
int reader_spent(struct ledger_reader *r, struct str upstream, int64_t from_ms, int64_t to_ms, int64_t *nusd,
                 struct err *e);

/* --- budget.c --------------------------------------------------------------------------------------------------- */

void budgets_free(struct budget *list);
void plans_free(struct plan *list); /* plan.c */
