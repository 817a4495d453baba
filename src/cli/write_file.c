/* write_file.c: a file of the user's, written whole or not at all, and never over one that is there unless told to. */
#include "cli/cli_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_all(int fd, struct str text)
{
    while (text.len) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        text = str_skip(text, (size_t)n);
    }
    return fsync(fd);
}

int cli_write_file(const char *path, struct str text, bool replace, struct err *e)
{
    AUTO_BUF struct buf beside = BUF_INIT(8 * KiB);
    if (buf_append_format(&beside, "%s.%ld.tmp", path, (long)getpid()) || !buf_text(&beside))
        return err_set(e, ERR_LIMIT, "%s: too long a path", path);
    int fd = open(beside.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "%s cannot be written", path);
    int rc = write_all(fd, text), problem = errno;
    close(fd);
    if (rc == 0 && replace) {
        rc = rename(beside.ptr, path);
        problem = errno;
    } else if (rc == 0) { /* unlike rename, link does not replace */
        rc = link(beside.ptr, path);
        problem = errno;
    }
    if (rc || !replace)
        unlink(beside.ptr);
    if (rc && problem == EEXIST)
        return err_set(e, ERR_EXISTS, "%s is there already and is not overwritten", path);
    return rc ? err_set_errno(e, ERR_IO, problem, "%s cannot be written", path) : 0;
}
