/* segment.c: the segment files of one journal writer. A flush is one write(2) behind the last good record; a write that
 * falls short is cut off again, so that what a failed flush reported as not written is not there. */
#include "base/mem.h"
#include "ledger/journal_priv.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

void segment_init(struct segment *s, int journal_fd, uint32_t writer, uint32_t last_seq)
{
    *s = (struct segment){
        .journal_fd = journal_fd,
        .fd = -1,
        .writer = writer,
        .seq = last_seq,
        .pending = BUF_INIT(JOURNAL_PENDING_MAX),
    };
}

void segment_fini(struct segment *s)
{
    segment_finish(s);
    buf_fini(&s->pending);
}

/* Makes the next file. Names that exist are passed over: a file that could not be removed must not be written into. */
static int open_next(struct segment *s, struct err *e)
{
    char name[SEGMENT_NAME_BYTES];
    int fd;
    do {
        segment_name_write((struct segment_name){s->writer, ++s->seq}, name);
        fd = openat(s->journal_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "making the journal segment %s", name);
    s->fd = fd;
    s->good = 0;
    s->torn = false;
    return 0;
}

static int cut_back(struct segment *s, struct err *e)
{
    if (ftruncate(s->fd, (off_t)s->good) != 0) {
        s->torn = true;
        return err_set_errno(e, ERR_IO, errno, "cutting a journal segment back after a failed write");
    }
    s->torn = false;
    return 0;
}

void segment_finish(struct segment *s)
{
    if (s->fd >= 0 && s->torn)
        (void)cut_back(s, NULL); /* the last try; its records were never reported as written */
    if (s->fd >= 0)
        close(s->fd); /* the data is in the page cache, and the keeper syncs by name */
    s->fd = -1;
    s->good = 0;
    s->torn = false;
}

static ssize_t write_pending(struct segment *s, const uint8_t *header, size_t header_bytes)
{
    struct iovec part[2] = {
        {.iov_base = (void *)header, .iov_len = header_bytes},
        {.iov_base = s->pending.ptr, .iov_len = s->pending.len},
    };
    ssize_t n;
    do
        n = pwritev(s->fd, part + !header_bytes, header_bytes ? 2 : 1, (off_t)s->good);
    while (n < 0 && errno == EINTR);
    return n;
}

int segment_flush(struct segment *s, struct err *e)
{
    assert(s->pending.len);
    int rc = 0;
    if (s->fd < 0)
        rc = open_next(s, e);
    else if (s->torn)
        rc = cut_back(s, e);
    if (rc < 0)
        return rc;

    uint8_t header[JOURNAL_HEADER_BYTES];
    size_t header_bytes = 0;
    if (s->good == 0) {
        struct journal_header h = {.writer = s->writer, .seq = s->seq};
        if (random_secret(&h.id, sizeof h.id) < 0)
            return err_set(e, ERR_IO, "no randomness for a journal segment");
        journal_header_write(&h, header);
        header_bytes = sizeof header;
    }
    size_t all = header_bytes + s->pending.len;
    ssize_t n = write_pending(s, header, header_bytes);
    if (n != (ssize_t)all) {
        int error = n < 0 ? errno : ENOSPC; /* a short write of a regular file is a full disk */
        (void)cut_back(s, NULL);            /* tried again before the next write */
        return err_set_errno(e, ERR_IO, error, "writing the journal");
    }
    s->good += all;
    buf_clear(&s->pending);
    return 0;
}
