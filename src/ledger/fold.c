/* fold.c: moves records from journal segments into the store. A stretch of journal becomes a book, the book becomes rows,
 * and the position goes with them in the same transaction. Repeating a fold changes nothing: rows are keyed by id, and
 * what is told is not told anew. */
#include "base/log.h"
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 1 << 20,          /* read at a time: about 3,000 calls, 2 MiB as a book */
    COMMIT_BYTES = 8 << 20,         /* journal in one transaction; keeps the write-ahead log small */
    BOOK_BYTES_MAX = 64 << 20,      /* far more than a chunk can make */
    TAIL_BYTES_MAX = 64 << 20,      /* looked through for records behind a bad one */
    PAUSE_RECORDS = 256,            /* read between pauses, and */
    PAUSE_CALLS = 16,               /* put into the store: about 50 us either way */
};
static_assert(CHUNK_BYTES > RECORD_HEADER_BYTES + RECORD_PAYLOAD_MAX, "a chunk holds at least one record");

int fold_begin(struct fold *f, struct store *db, int journal_fd, struct err *e)
{
    *f = (struct fold){.db = db, .journal_fd = journal_fd, .chunk = BUF_INIT(CHUNK_BYTES)};
    book_init(&f->book, BOOK_BYTES_MAX);
    if (buf_reserve(&f->chunk, CHUNK_BYTES) < 0)
        return err_set(e, ERR_NOMEM, "folding the journal");
    return store_begin(db, e);
}

int fold_commit(struct fold *f, struct err *e)
{
    f->uncommitted = 0;
    return store_commit(f->db, e);
}

void fold_fini(struct fold *f)
{
    store_rollback(f->db);
    book_fini(&f->book);
    buf_fini(&f->chunk);
}

/* As many bytes as there are, up to `want`; negative: errno. */
static ssize_t read_at(int fd, char *out, size_t want, uint64_t offset)
{
    size_t got = 0;
    while (got < want) {
        ssize_t n = pread(fd, out + got, want - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

static void pause_at(struct fold *f, size_t count, size_t every)
{
    if (f->pause && count % every == 0)
        f->pause(f->pause_ctx);
}

/* Puts the book's calls into the store, by id, which is where the trees grow. */
static int put_book(struct fold *f, struct err *e)
{
    struct store_call **call = book_sorted(&f->book);
    if (!call)
        return err_set(e, ERR_NOMEM, "folding the journal");
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->book.count; i++) {
        rc = store_call_put(f->db, call[i], e);
        pause_at(f, i + 1, PAUSE_CALLS);
    }
    for (const struct book_plan *p = f->book.plans; rc == 0 && p; p = p->next)
        rc = store_plan_put(f->db, &p->plan, e);
    f->calls += (int64_t)f->book.count;
    mem_free(call);
    book_clear(&f->book);
    return rc;
}

/* Folds the whole records of one chunk and says how many bytes they were, and whether something else follows them. */
static int fold_chunk(struct fold *f, size_t *used, bool *bad, struct err *e)
{
    struct journal_scan scan = {.bytes = buf_str(&f->chunk)};
    struct record r;
    enum journal_step step;
    for (size_t n = 1; (step = journal_next(&scan, &r)) == JOURNAL_RECORD; n++) {
        if (book_add(&f->book, &r) < 0)
            return err_set(e, ERR_NOMEM, "folding the journal");
        pause_at(f, n, PAUSE_RECORDS);
    }
    if (scan.skipped)
        log_line(LOG_WARN, "ledger", "%ld journal records are of a kind this version does not know; they are left out",
                 scan.skipped);
    *used = scan.at;
    *bad = step == JOURNAL_BAD;
    return put_book(f, e);
}

/* Between `offset` and `end` stands something that is no record. After a crash that is a torn tail, unless records follow
 * it: then the file was damaged, it is kept under a second name, and the operator is told. */
static int judge_tail(struct fold *f, int fd, const char *name, uint64_t offset, uint64_t end, bool published,
                      struct err *e)
{
    AUTO_BUF struct buf rest = BUF_INIT(TAIL_BYTES_MAX);
    size_t bytes = end - offset < TAIL_BYTES_MAX ? (size_t)(end - offset) : TAIL_BYTES_MAX;
    if (buf_reserve(&rest, bytes) < 0)
        return err_set(e, ERR_NOMEM, "folding the journal");
    ssize_t n = read_at(fd, rest.ptr, bytes, offset);
    if (n < 0)
        return err_set_errno(e, ERR_IO, (int)-n, "reading the journal segment %s", name);
    rest.len = (size_t)n;
    if (!published && !journal_has_record(str_skip(buf_str(&rest), 1)))
        return 0;
    char kept[SEGMENT_NAME_BYTES + 16];
    text_format(kept, sizeof kept, "%s.damaged", name);
    if (linkat(f->journal_fd, name, f->journal_fd, kept, 0) != 0 && errno != EEXIST)
        return err_set_errno(e, ERR_IO, errno, "keeping the damaged journal segment %s", name);
    log_line(LOG_ERROR, "ledger",
             "journal segment %s is damaged at byte %llu: %llu bytes from there on are not in the books; kept as %s", name,
             (unsigned long long)offset, (unsigned long long)(end - offset), kept);
    return 0;
}

/* From *offset to `limit` or the end of the file, chunk by chunk. */
static int fold_records(struct fold *f, int fd, const char *name, uint64_t limit, uint64_t *offset, struct err *e)
{
    assert(*offset <= limit);
    for (;;) {
        size_t want = limit - *offset < CHUNK_BYTES ? (size_t)(limit - *offset) : CHUNK_BYTES;
        ssize_t n = read_at(fd, f->chunk.ptr, want, *offset);
        if (n < 0)
            return err_set_errno(e, ERR_IO, (int)-n, "reading the journal segment %s", name);
        if (n == 0)
            return 0;
        f->chunk.len = (size_t)n;
        size_t used = 0;
        bool bad = false;
        int rc = fold_chunk(f, &used, &bad, e);
        if (rc < 0)
            return rc;
        *offset += used;
        f->uncommitted += used;
        bool last = n < CHUNK_BYTES;
        if (bad || (last && used < (size_t)n)) {
            off_t size = lseek(fd, 0, SEEK_END);
            bool published = limit != UINT64_MAX;
            uint64_t end = published ? limit : size > 0 ? (uint64_t)size : *offset;
            rc = judge_tail(f, fd, name, *offset, end, published, e);
            *offset = end;
            return rc;
        }
        if (last)
            return 0;
        if (f->uncommitted > COMMIT_BYTES && ((rc = fold_commit(f, e)) < 0 || (rc = store_begin(f->db, e)) < 0))
            return rc;
    }
}

/* The segment's id; false when the file holds nothing: a crash between its making and its first write. */
static int read_header(struct fold *f, int fd, const char *name, uint64_t limit, struct journal_header *h, bool *empty,
                       struct err *e)
{
    char head[JOURNAL_HEADER_BYTES];
    ssize_t n = read_at(fd, head, sizeof head, 0);
    if (n < 0)
        return err_set_errno(e, ERR_IO, (int)-n, "reading the journal segment %s", name);
    *empty = !journal_header_read(str_of(head, (size_t)n), h);
    off_t size = lseek(fd, 0, SEEK_END);
    if (*empty && size > 0)
        return judge_tail(f, fd, name, 0, (uint64_t)size, limit != UINT64_MAX, e);
    return 0;
}

static int fold_open_segment(struct fold *f, int fd, const char *name, uint64_t limit, bool closed, uint64_t *offset,
                             struct err *e)
{
    struct journal_header h;
    bool empty = false;
    int rc = read_header(f, fd, name, limit, &h, &empty, e);
    if (rc < 0 || empty) {
        *offset = limit;
        return rc;
    }
    if (*offset == 0)
        rc = store_folded_get(f->db, h.id, offset, e);
    if (rc == 0 && *offset < JOURNAL_HEADER_BYTES)
        *offset = JOURNAL_HEADER_BYTES;
    if (rc == 0)
        rc = fold_records(f, fd, name, limit, offset, e);
    if (rc == 0)
        rc = closed ? store_folded_forget(f->db, h.id, e) : store_folded_set(f->db, h.id, *offset, e);
    return rc;
}

int fold_segment(struct fold *f, struct segment_name name, uint64_t limit, bool closed, uint64_t *offset, struct err *e)
{
    char file[SEGMENT_NAME_BYTES];
    segment_name_write(name, file);
    int fd = openat(f->journal_fd, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        log_line(LOG_ERROR, "ledger", "journal segment %s is gone; what it held and was not folded is lost", file);
        *offset = limit;
        return 0;
    }
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "opening the journal segment %s", file);
    int rc = fold_open_segment(f, fd, file, limit, closed, offset, e);
    close(fd);
    return rc;
}
