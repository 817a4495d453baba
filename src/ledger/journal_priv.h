/* journal_priv.h: the journal's records and segments; drawn byte by byte in docs/internals/journal.md.
 *
 * Three layers: records to and from bytes (journal.c), finding the records in the bytes of a segment (journal_read.c),
 * and the segments of one writer on disk (segment.c). */
#pragma once
#include "base/buf.h"
#include "ledger/ledger.h"
#include <assert.h>

enum {
    JOURNAL_HEADER_BYTES = 32,       /* of a segment */
    RECORD_HEADER_BYTES = 12,        /* of a record */
    RECORD_VERSION = 1,
    RECORD_PAYLOAD_MAX = 512 * 1024, /* five strings of 64 KiB and room to grow; beyond it, a length is garbage */
    SEGMENT_NAME_BYTES = 40,
    JOURNAL_PENDING_MAX = 4 << 20, /* of one writer while the disk refuses: some 10,000 closes */
};
static_assert(RECORD_PAYLOAD_MAX > 5 * 65537 + 64, "the longest record must be readable");

/* --- records ---------------------------------------------------------------------------------------------------- */

enum record_type { RECORD_CALL_OPEN = 1, RECORD_ATTEMPT_OPEN = 2, RECORD_ATTEMPT_CLOSE = 3, RECORD_CALL_CLOSE = 4, RECORD_PLAN = 5 };

struct record {
    enum record_type type;
    union {
        struct id call; /* every payload begins with it; of RECORD_PLAN it is zero */
        struct ledger_call_open call_open;
        struct ledger_attempt_open attempt_open;
        struct ledger_attempt_close attempt_close;
        struct ledger_call_close call_close;
        struct {
            struct id none;
            struct ledger_plan_state plan;
        };
    };
};

/* Append one record: 0, ERR_NOMEM, or ERR_LIMIT (a string beyond 64 KiB, or the buffer's ceiling); the buffer is then as
 * it was. The hot path of the ledger: no allocation once the buffer has grown. */
int record_put_call_open(struct buf *out, const struct ledger_call_open *r);
int record_put_attempt_open(struct buf *out, const struct ledger_attempt_open *r);
int record_put_attempt_close(struct buf *out, const struct ledger_attempt_close *r);
int record_put_call_close(struct buf *out, const struct ledger_call_close *r);
int record_put_plan(struct buf *out, const struct ledger_plan_state *r);

/* Reads a payload; strings point into it. False when it is of no type we know or not well formed. Bytes behind the last
 * member we know are a later version's, and are left alone. */
bool record_read(uint8_t type, struct str payload, struct record *out);

/* --- bytes of a segment ----------------------------------------------------------------------------------------- */

struct journal_header {
    uint32_t writer, seq;
    uint64_t id; /* random: names the segment for good, where names of files come back */
};
void journal_header_write(const struct journal_header *h, uint8_t out[JOURNAL_HEADER_BYTES]);
bool journal_header_read(struct str bytes, struct journal_header *out);

/* Walks over records. `at` stands behind the last whole one; what cannot be used is stepped over and counted. */
struct journal_scan {
    struct str bytes;
    size_t at;
    long skipped; /* of unknown types or versions */
};
enum journal_step {
    JOURNAL_RECORD, /* one record */
    JOURNAL_MORE,   /* the bytes end here, or in the middle of a record */
    JOURNAL_BAD,    /* what comes next is no record */
};
enum journal_step journal_next(struct journal_scan *s, struct record *out);
/* Whether a whole record stands anywhere in the bytes: behind a bad one it tells damage (true) from a torn tail. */
bool journal_has_record(struct str bytes);
/* The length of the whole record that begins here, 0 when none does. */
size_t journal_record_at(struct str bytes);

/* --- files ------------------------------------------------------------------------------------------------------ */

struct segment_name {
    uint32_t writer, seq;
};
void segment_name_write(struct segment_name n, char out[SEGMENT_NAME_BYTES]);
bool segment_name_read(const char *file, struct segment_name *out);

struct segment_list {
    struct segment_name *item; /* owned; by writer, then seq */
    size_t count;
};
int segment_list_read(struct segment_list *out, int journal_fd, struct err *e);
void segment_list_fini(struct segment_list *l);

/* The segments of one writer. What is appended gathers in `pending`; a flush makes it one write(2) behind the last good
 * record. Its thread only. */
struct segment {
    int journal_fd; /* the folder; borrowed */
    int fd;         /* -1: none yet, the next flush makes one */
    uint32_t writer, seq;
    uint64_t good;  /* bytes of the file that are whole records */
    bool torn;      /* a failed write left bytes behind `good` that could not be cut off yet */
    struct buf pending;
};
void segment_init(struct segment *s, int journal_fd, uint32_t writer, uint32_t last_seq);
void segment_fini(struct segment *s);
/* ERR_IO: nothing of `pending` is in the file, all of it is kept. */
int segment_flush(struct segment *s, struct err *e);
/* The next flush begins a new file. */
void segment_finish(struct segment *s);
