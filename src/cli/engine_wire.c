/* engine_wire.c: the control socket between daemon and engine: packets of JSON, and open files beside them (SCM_RIGHTS). */
#include "cli/engine_priv.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

union ancillary { /* aligned as the kernel wants it */
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int) * ENGINE_PARTS)];
};

int engine_wire_send(int fd, struct str packet, const int *pass, size_t count, struct err *e)
{
    union ancillary a = {0};
    struct iovec text = {.iov_base = (void *)(uintptr_t)packet.ptr, .iov_len = packet.len};
    struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1};
    if (count > ENGINE_PARTS)
        return err_set(e, ERR_LIMIT, "%zu files; the engine takes %d of one model", count, ENGINE_PARTS);
    if (count) {
        m.msg_control = &a;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        a.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * count)};
        memcpy(CMSG_DATA(&a.head), pass, sizeof(int) * count);
    }
    ssize_t n;
    while ((n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0 && errno == EINTR)
        ;
    if (n < 0)
        return errno == EPIPE || errno == ECONNRESET ? err_set(e, ERR_CLOSED, "the engine process has ended")
                                                     : err_set_errno(e, ERR_IO, errno, "the engine's control socket");
    return 0;
}

static size_t take_files(struct msghdr *m, int *got, size_t room)
{
    size_t count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < here; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (count < room)
                got[count++] = fd;
            else
                (void)close(fd);
        }
    }
    return count;
}

int engine_wire_receive(int fd, struct buf *packet, int *got, size_t *count, struct err *e)
{
    union ancillary a;
    buf_clear(packet);
    int rc = buf_reserve(packet, ENGINE_PACKET);
    if (rc < 0)
        return err_set(e, rc, "the engine's control socket");
    struct iovec text = {.iov_base = packet->ptr, .iov_len = ENGINE_PACKET};
    struct msghdr m = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = &a, .msg_controllen = sizeof a};
    ssize_t n;
    while ((n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT)) < 0 && errno == EINTR)
        ;
    if (n < 0 && errno == EAGAIN)
        return err_set(e, ERR_BUSY, "nothing was said");
    if (n < 0 && errno != ECONNRESET)
        return err_set_errno(e, ERR_IO, errno, "the engine's control socket");
    if (n <= 0)
        return err_set(e, ERR_CLOSED, "the engine process has ended");
    *count = take_files(&m, got, *count);
    packet->len = (size_t)n;
    if (!(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
        return 0;
    while (*count)
        (void)close(got[--*count]);
    return err_set(e, ERR_LIMIT, "a packet on the engine's control socket is too large");
}
