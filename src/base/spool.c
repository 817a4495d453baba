/* spool.c: see spool.h. */
#include "base/spool.h"
#include "base/mem.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* File systems without O_TMPFILE (NFS, some FUSE) get a name that is taken away at once. */
static int open_named(const char *dir, struct err *e)
{
    AUTO_BUF struct buf path = BUF_INIT(8 * KiB);
    if (buf_append_format(&path, "%s/.spool-XXXXXX", dir) < 0 || !buf_text(&path))
        return err_set(e, ERR_NOMEM, "out of memory for a file's name");
    int fd = mkostemp(path.ptr, O_CLOEXEC); /* 0600 */
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "making a file in %s", dir);
    (void)unlink(path.ptr); /* it was made this moment by us */
    return fd;
}

static int open_file(struct spool *s, struct err *e)
{
    AUTO_BUF struct buf dir = BUF_INIT(4 * KiB);
    if (buf_append(&dir, s->dir) < 0 || !buf_text(&dir))
        return err_set(e, ERR_NOMEM, "out of memory for a file's name");
    int fd = open(dir.ptr, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
        fd = open_named(dir.ptr, e);
    else if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "making a file in %s", dir.ptr);
    s->fd = fd;
    return fd < 0 ? fd : 0;
}

static int busy(struct err *e)
{
    return err_set(e, ERR_BUSY, "too many bytes of other uploads are held here now; try again in a moment");
}

/* Pieces are written where they belong, so a mapping made beforehand shows them. */
static int write_file(struct spool *s, struct str bytes, struct err *e)
{
    size_t at = s->len;
    if (at + bytes.len > s->file_counted) {
        size_t more = at + bytes.len - s->file_counted;
        if (!gauge_take(s->file_held, (int64_t)more))
            return busy(e);
        s->file_counted += more;
    }
    while (bytes.len) {
        ssize_t n = pwrite(s->fd, bytes.ptr, bytes.len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set_errno(e, ERR_IO, n < 0 ? errno : ENOSPC, "writing an upload to %.*s", STR_FMT(s->dir));
        bytes = str_skip(bytes, (size_t)n);
        at += (size_t)n;
    }
    s->len = at;
    return 0;
}

static int map_file(struct spool *s, size_t bytes, struct err *e)
{
    void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED, s->fd, 0);
    if (at == MAP_FAILED)
        return err_set_errno(e, ERR_NOMEM, errno, "mapping an upload");
    s->map = at;
    s->map_bytes = bytes;
    return 0;
}

static int count_memory(struct spool *s, struct err *e)
{
    size_t more = s->memory.cap - s->memory_counted;
    if (more && !gauge_take(s->memory_held, (int64_t)more))
        return busy(e);
    s->memory_counted += more;
    return 0;
}

static void forget_memory(struct spool *s)
{
    gauge_add(s->memory_held, -(int64_t)s->memory_counted);
    s->memory_counted = 0;
    buf_fini(&s->memory);
}

static int to_file(struct spool *s, struct err *e)
{
    int rc = open_file(s, e);
    s->len = 0;
    if (rc == 0)
        rc = write_file(s, buf_str(&s->memory), e);
    s->len = rc == 0 ? s->len : s->memory.len;
    if (rc == 0)
        forget_memory(s);
    return rc;
}

int spool_expect(struct spool *s, size_t bytes, struct err *e)
{
    assert(s->len == 0 && s->fd < 0);
    if (bytes <= s->memory_max) {
        s->memory = BUF_INIT(bytes);
        if (bytes && buf_reserve(&s->memory, bytes) < 0)
            return err_set(e, ERR_NOMEM, "out of memory for an upload");
        return count_memory(s, e);
    }
    if (!gauge_take(s->file_held, (int64_t)bytes))
        return busy(e);
    s->file_counted = bytes;
    int rc = open_file(s, e);
    if (rc == 0 && ftruncate(s->fd, (off_t)bytes) < 0) /* the mapping must not reach behind its end */
        rc = err_set_errno(e, ERR_IO, errno, "making room for an upload in %.*s", STR_FMT(s->dir));
    return rc ? rc : map_file(s, bytes, e);
}

int spool_append(struct spool *s, struct str bytes, struct err *e)
{
    if (s->fd < 0 && s->memory.len + bytes.len > s->memory_max) {
        int rc = to_file(s, e);
        if (rc < 0)
            return rc;
    }
    if (s->fd >= 0)
        return write_file(s, bytes, e);
    if (!s->memory.max)
        s->memory.max = s->memory_max;
    if (bytes.len && buf_append(&s->memory, bytes) < 0)
        return err_set(e, ERR_NOMEM, "out of memory for an upload");
    s->len = s->memory.len;
    return count_memory(s, e);
}

int spool_settle(struct spool *s, struct err *e)
{
    return s->fd < 0 || s->map || s->len == 0 ? 0 : map_file(s, s->len, e);
}

struct str spool_text(const struct spool *s)
{
    return s->fd < 0 ? buf_str(&s->memory) : str_of(s->map, s->map ? s->len : 0);
}

void spool_fini(struct spool *s)
{
    forget_memory(s);
    gauge_add(s->file_held, -(int64_t)s->file_counted);
    s->file_counted = 0;
    if (s->map)
        (void)munmap(s->map, s->map_bytes);
    if (s->fd >= 0)
        (void)close(s->fd);
    s->map = NULL;
    s->fd = -1;
    s->len = 0;
}
