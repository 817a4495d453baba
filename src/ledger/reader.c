/* reader.c: the books as they stand at one moment: the store, and what the journal tells beyond it.
 *
 * A daemon may be folding and removing segments meanwhile. So the order matters: first every segment is opened (an open
 * file outlives its name), then the store's state is pinned, then the segments are read from where that state has them
 * folded. Whatever was removed before we looked is in the state we pin. A record that is met in both places is harmless,
 * for what is told is not told anew. */
#include "base/log.h"
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Of one segment, and of the calls in all segments. A journal that nobody folded may be large; a report needs it whole. */
#define SEGMENT_READ_MAX ((size_t)4 << 30)
#define READER_BOOK_MAX ((size_t)16 << 30)

struct opening { /* the descriptors needed while the view is made */
    int dir_fd, journal_fd;
    struct segment_list list;
    int *fd; /* per segment, -1 for one that was removed just now */
};

static void opening_fini(struct opening *o)
{
    for (size_t i = 0; o->fd && i < o->list.count; i++)
        if (o->fd[i] >= 0)
            close(o->fd[i]);
    mem_free(o->fd);
    segment_list_fini(&o->list);
    if (o->journal_fd >= 0)
        close(o->journal_fd);
    if (o->dir_fd >= 0)
        close(o->dir_fd);
}

/* Does a living process have the books open? Asks without taking the lock: a daemon that starts now is not disturbed. */
static bool is_live(int dir_fd)
{
    int fd = openat(dir_fd, LEDGER_LOCK_FILE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    bool held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    close(fd);
    return held;
}

static int open_segments(struct opening *o, struct err *e)
{
    o->journal_fd = openat(o->dir_fd, LEDGER_JOURNAL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->journal_fd < 0 && errno == ENOENT)
        return 0;
    if (o->journal_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "opening the journal");
    int rc = segment_list_read(&o->list, o->journal_fd, e);
    if (rc < 0 || !o->list.count)
        return rc;
    o->fd = new0_array(int, o->list.count);
    if (!o->fd)
        return err_set(e, ERR_NOMEM, "opening the journal");
    for (size_t i = 0; i < o->list.count; i++)
        o->fd[i] = -1;
    for (size_t i = 0; i < o->list.count; i++) {
        char file[SEGMENT_NAME_BYTES];
        segment_name_write(o->list.item[i], file);
        o->fd[i] = openat(o->journal_fd, file, O_RDONLY | O_CLOEXEC);
        if (o->fd[i] < 0 && errno != ENOENT)
            return err_set_errno(e, ERR_IO, errno, "opening the journal segment %s", file);
    }
    return 0;
}

static int pin_store(struct ledger_reader *r, struct str dir, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(64 * KiB);
    if (buf_append(&path, dir) < 0 || buf_append_text(&path, "/" LEDGER_STORE_FILE) < 0 || !buf_text(&path))
        return err_set(e, ERR_NOMEM, "opening the ledger");
    int rc = store_open(&r->db, path.ptr, true, e);
    if (rc == ERR_NOT_FOUND) /* nothing was ever folded, so no segment was removed either */
        return 0;
    return rc < 0 ? rc : store_begin(r->db, e);
}

/* The part of a segment that is not folded, into bytes that stay. */
static int read_rest(struct ledger_reader *r, int fd, struct buf *bytes, struct err *e)
{
    char head[JOURNAL_HEADER_BYTES];
    struct journal_header h;
    ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 0)
        return err_set_errno(e, ERR_IO, errno, "reading the journal");
    if (!journal_header_read(str_of(head, (size_t)n), &h))
        return 0; /* just made, or damaged: then the fold tells the operator */
    uint64_t offset = 0;
    int rc = r->db ? store_folded_get(r->db, h.id, &offset, e) : 0;
    if (rc < 0)
        return rc;
    if (offset < JOURNAL_HEADER_BYTES)
        offset = JOURNAL_HEADER_BYTES;
    if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
        return err_set_errno(e, ERR_IO, errno, "reading the journal");
    return buf_read_fd(bytes, fd, "a journal segment", e);
}

static int read_segment(struct ledger_reader *r, int fd, struct segment_name name, struct buf *bytes, struct err *e)
{
    int rc = read_rest(r, fd, bytes, e);
    if (rc < 0)
        return rc;
    struct journal_scan scan = {.bytes = buf_str(bytes)};
    struct record record;
    while (journal_next(&scan, &record) == JOURNAL_RECORD)
        if (book_add(&r->book, &record) < 0)
            return err_set(e, ERR_NOMEM, "reading the journal");
    struct str rest = str_skip(scan.bytes, scan.at);
    if (rest.len && journal_has_record(str_skip(rest, 1)))
        log_line(LOG_WARN, "ledger", "journal segment w%u-%06u.hj is damaged: %zu bytes of it are not in this report",
                 name.writer, name.seq, rest.len);
    return 0;
}

/* A call may have begun in what is folded already. */
static int complete_book(struct ledger_reader *r, struct err *e)
{
    r->call = book_sorted(&r->book);
    if (!r->call)
        return err_set(e, ERR_NOMEM, "reading the journal");
    for (size_t i = 0; r->db && i < r->book.count; i++) {
        struct store_call *stored = NULL;
        int rc = store_call_get(r->db, r->call[i]->id, &r->book.arena, &stored, e);
        if (rc < 0)
            return rc;
        if (stored)
            book_call_merge(r->call[i], stored);
    }
    return 0;
}

static int read_all(struct ledger_reader *r, struct opening *o, struct err *e)
{
    if (o->list.count) {
        r->bytes = new0_array(struct buf, o->list.count);
        if (!r->bytes)
            return err_set(e, ERR_NOMEM, "reading the journal");
    }
    r->segment_count = o->list.count;
    for (size_t i = 0; i < o->list.count; i++) {
        r->bytes[i] = BUF_INIT(SEGMENT_READ_MAX);
        int rc = o->fd[i] < 0 ? 0 : read_segment(r, o->fd[i], o->list.item[i], &r->bytes[i], e);
        if (rc < 0)
            return rc;
    }
    return complete_book(r, e);
}

int ledger_reader_open(struct ledger_reader **out, struct str dir, struct err *e)
{
    struct ledger_reader *r = new0(struct ledger_reader);
    if (!r)
        return err_set(e, ERR_NOMEM, "opening the ledger");
    struct opening o = {.dir_fd = -1, .journal_fd = -1};
    book_init(&r->book, READER_BOOK_MAX);
    AUTO_BUF struct buf path = BUF_INIT(64 * KiB);
    int rc = 0;
    if (buf_append(&path, dir) < 0 || !buf_text(&path)) {
        rc = err_set(e, ERR_NOMEM, "opening the ledger");
    } else if ((o.dir_fd = open(path.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        rc = errno == ENOENT ? err_set(e, ERR_NOT_FOUND,
                                       "there are no books yet: the data folder %s does not exist. `hearth serve` makes "
                                       "it; --data or --config name another",
                                       path.ptr)
                             : err_set_errno(e, ERR_IO, errno, "opening the data folder %s", path.ptr);
    } else {
        /* Asked before and after: open calls are only lost if nobody could have been making them meanwhile. */
        bool live_before = is_live(o.dir_fd);
        rc = open_segments(&o, e);
        if (rc == 0)
            rc = pin_store(r, dir, e);
        if (rc == 0)
            rc = read_all(r, &o, e);
        r->live = live_before || is_live(o.dir_fd);
    }
    opening_fini(&o);
    if (rc < 0) {
        ledger_reader_close(r);
        return rc;
    }
    *out = r;
    return 0;
}

void ledger_reader_close(struct ledger_reader *r)
{
    if (!r)
        return;
    store_close(r->db);
    mem_free(r->call);
    book_fini(&r->book);
    for (size_t i = 0; i < r->segment_count; i++)
        buf_fini(&r->bytes[i]);
    mem_free(r->bytes);
    mem_free(r);
}

/* --- what was spent --------------------------------------------------------------------------------------------- */

/* Unknown amounts count as nothing, as in the store's own sum. */
static int64_t charges_of(const struct store_call *c, struct str upstream, int64_t from_ms, int64_t to_ms)
{
    int64_t sum = 0;
    for (const struct store_attempt *a = c->attempts; a; a = a->next) {
        int64_t nusd = a->closed ? a->cost_nusd : a->hold_nusd;
        if (nusd != COST_UNKNOWN && a->wall_ms >= from_ms && a->wall_ms < to_ms &&
            str_eq(store_upstream_of(a->target), upstream) && __builtin_add_overflow(sum, nusd, &sum))
            return INT64_MAX;
    }
    return sum;
}

/* The store's sum, and for each call of the journal the difference that its records make. */
int reader_spent(struct ledger_reader *r, struct str upstream, int64_t from_ms, int64_t to_ms, int64_t *nusd,
                 struct err *e)
{
    enum { ROW_BYTES_MAX = 64 << 20 };
    int64_t sum = 0;
    int rc = r->db ? store_spent(r->db, upstream, from_ms, to_ms, &sum, e) : 0;
    struct arena row = ARENA_INIT(ROW_BYTES_MAX);
    for (size_t i = 0; rc == 0 && i < r->book.count; i++) {
        struct store_call *stored = NULL;
        if (r->db)
            rc = store_call_get(r->db, r->call[i]->id, &row, &stored, e);
        int64_t before = rc == 0 && stored ? charges_of(stored, upstream, from_ms, to_ms) : 0;
        int64_t after = charges_of(r->call[i], upstream, from_ms, to_ms);
        if (rc == 0 && (__builtin_sub_overflow(after, before, &after) || __builtin_add_overflow(sum, after, &sum)))
            rc = err_set(e, ERR_LIMIT, "what %.*s cost does not fit 64 bits", STR_FMT(upstream));
        arena_fini(&row);
    }
    if (rc == 0)
        *nusd = sum;
    return rc;
}

/* --- how plans stand -------------------------------------------------------------------------------------------- */

struct plan_merge {
    struct book all; /* plans only; what it borrows is its own copy */
    bool failed;
};

static int take_plan(const struct store_plan *p, void *ctx)
{
    struct plan_merge *m = ctx;
    struct store_plan copy = *p;
    copy.upstream = arena_dup(&m->all.arena, p->upstream);
    copy.state = arena_dup(&m->all.arena, p->state);
    m->failed = !copy.upstream.ptr || !copy.state.ptr || book_plan_add(&m->all, &copy) < 0;
    return m->failed;
}

int ledger_plan_states(struct ledger_reader *r, int (*fn)(const struct ledger_plan_state *s, void *ctx), void *ctx, struct err *e)
{
    enum { PLANS_BYTES_MAX = 64 << 20 };
    struct plan_merge m = {0};
    book_init(&m.all, PLANS_BYTES_MAX);
    int rc = r->db ? store_plans(r->db, take_plan, &m, e) : 0;
    for (const struct book_plan *p = r->book.plans; !m.failed && rc == 0 && p; p = p->next)
        (void)take_plan(&p->plan, &m);
    if (m.failed)
        rc = err_set(e, ERR_NOMEM, "reading how plans stand");
    for (const struct book_plan *p = m.all.plans; rc == 0 && p; p = p->next)
        if ((rc = fn(&(struct ledger_plan_state){.wall_ms = p->plan.wall_ms, .version = p->plan.version, .holder = p->plan.holder,
                                                 .upstream = p->plan.upstream, .state = p->plan.state}, ctx)) == ERR_NOMEM)
            (void)err_set(e, rc, "reading how plans stand");
    book_fini(&m.all);
    return rc;
}
