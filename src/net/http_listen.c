/* http_listen.c: listening sockets from their spelling, and back; see http_server.h. */
#include "base/err.h"
#include "base/mem.h"
#include "net/http_server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static int give_up(int fd, struct err *e, int code, const char *doing, struct str address)
{
    int number = errno;
    if (fd >= 0)
        close(fd);
    if (number == EADDRINUSE)
        return err_set(e, ERR_BUSY, "%.*s is in use already", STR_FMT(address));
    return err_set_errno(e, code, number, "%s %.*s", doing, STR_FMT(address));
}

/* --- TCP ---------------------------------------------------------------------------------------------------------- */

/* A client whose machine or network vanished sends no FIN. Accepted sockets inherit this from the listener. */
static void probe_silent_peers(int fd)
{
    /* After a minute of silence, four probes 15 s apart. Refused only where TCP lacks the options. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){60}, sizeof(int));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){15}, sizeof(int));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){4}, sizeof(int));
}

static bool host_parse(struct str host, union address *out)
{
    char text[INET6_ADDRSTRLEN];
    bool bracketed = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (bracketed)
        host = str_slice(host, 1, host.len - 1);
    if (str_eq(host, STR("localhost")))
        host = STR("127.0.0.1");
    if (host.len >= sizeof text || (host.len && memchr(host.ptr, '\0', host.len)))
        return false;
    if (host.len)
        memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (bracketed) {
        out->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
        return inet_pton(AF_INET6, text, &out->v6.sin6_addr) == 1;
    }
    out->v4 = (struct sockaddr_in){.sin_family = AF_INET};
    return inet_pton(AF_INET, text, &out->v4.sin_addr) == 1;
}

static int tcp_bind(int *out_fd, const union address *a, bool dual, struct str address, struct err *e)
{
    socklen_t len = a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return give_up(fd, e, ERR_IO, "making a socket for", address);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0)
        return give_up(fd, e, ERR_IO, "SO_REUSEADDR for", address);
    if (a->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){!dual}, sizeof(int)) < 0)
        return give_up(fd, e, ERR_IO, "IPV6_V6ONLY for", address);
    probe_silent_peers(fd);
    if (bind(fd, &a->any, len) < 0)
        return give_up(fd, e, ERR_IO, "binding", address);
    if (listen(fd, SOMAXCONN) < 0)
        return give_up(fd, e, ERR_IO, "listening on", address);
    *out_fd = fd;
    return 0;
}

/* Both families in one socket, or IPv4 alone where the kernel has no IPv6. */
static union address every_address(void)
{
    int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return (union address){.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = INADDR_ANY}};
    close(probe);
    return (union address){.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT}};
}

static int tcp_open(int *out_fd, struct str address, struct err *e)
{
    size_t colon = address.len;
    while (colon > 0 && address.ptr[colon - 1] != ':')
        colon--;
    uint64_t port;
    if (colon == 0 || !str_to_u64(str_skip(address, colon), &port) || port > 65535)
        return err_set(e, ERR_INVALID,
                       "\"%.*s\" is not an address to listen on: expected HOST:PORT, :PORT or unix:/PATH",
                       STR_FMT(address));
    struct str host = str_slice(address, 0, colon - 1);
    union address a;
    if (host.len == 0)
        a = every_address();
    else if (!host_parse(host, &a))
        return err_set(e, ERR_INVALID,
                       "\"%.*s\" is not an address of this machine: expected 127.0.0.1, [::1], localhost …",
                       STR_FMT(host));
    if (a.any.sa_family == AF_INET6)
        a.v6.sin6_port = htons((uint16_t)port);
    else
        a.v4.sin_port = htons((uint16_t)port);
    return tcp_bind(out_fd, &a, host.len == 0, address, e);
}

/* --- unix --------------------------------------------------------------------------------------------------------- */

/* Removes a socket file that nobody listens on any more. Anything else that stands there is left alone. */
static int stale_remove(const struct sockaddr_un *un, struct err *e)
{
    struct stat st;
    if (lstat(un->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : err_set_errno(e, ERR_IO, errno, "looking at %s", un->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_EXISTS, "%s exists and is not a socket", un->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "asking who listens on %s", un->sun_path);
    int rc = connect(fd, (const struct sockaddr *)un, sizeof *un), number = errno;
    close(fd);
    if (rc == 0 || number == EAGAIN)
        return err_set(e, ERR_BUSY, "another process listens on %s", un->sun_path);
    if (number != ECONNREFUSED)
        return err_set_errno(e, ERR_IO, number, "asking who listens on %s", un->sun_path);
    if (unlink(un->sun_path) < 0 && errno != ENOENT)
        return err_set_errno(e, ERR_IO, errno, "removing the stale %s", un->sun_path);
    return 0;
}

static int unix_open(int *out_fd, struct str path, struct err *e)
{
    union address a = {.un = {.sun_family = AF_UNIX}};
    if (path.len == 0 || path.ptr[0] != '/' || memchr(path.ptr, '\0', path.len))
        return err_set(e, ERR_INVALID, "a unix socket needs an absolute path, as in unix:/run/hearth.sock");
    if (path.len >= sizeof a.un.sun_path)
        return err_set(e, ERR_INVALID, "the socket path %.*s is longer than %zu bytes", STR_FMT(path),
                       sizeof a.un.sun_path - 1);
    memcpy(a.un.sun_path, path.ptr, path.len);
    int rc = stale_remove(&a.un, e);
    if (rc < 0)
        return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return give_up(fd, e, ERR_IO, "making a socket for", path);
    /* The file gets the socket's own mode when it is bound (Linux), so there is no moment in which others may connect. */
    if (fchmod(fd, S_IRUSR | S_IWUSR) < 0)
        return give_up(fd, e, ERR_IO, "setting the mode of", path);
    if (bind(fd, &a.any, sizeof a.un) < 0)
        return give_up(fd, e, ERR_IO, "binding", path);
    if (listen(fd, SOMAXCONN) < 0)
        return give_up(fd, e, ERR_IO, "listening on", path);
    *out_fd = fd;
    return 0;
}

/* --- both --------------------------------------------------------------------------------------------------------- */

int http_listener_open(int *out_fd, struct str address, struct err *e)
{
    struct str prefix = STR("unix:");
    return str_starts(address, prefix) ? unix_open(out_fd, str_skip(address, prefix.len), e)
                                       : tcp_open(out_fd, address, e);
}

int http_listener_address(int fd, struct buf *out)
{
    union address a = {0};
    socklen_t len = sizeof a;
    if (getsockname(fd, &a.any, &len) < 0)
        return ERR_IO;
    char text[INET6_ADDRSTRLEN];
    switch (a.any.sa_family) {
    case AF_UNIX:
        return buf_append_format(out, "unix:%.*s", (int)strnlen(a.un.sun_path, sizeof a.un.sun_path), a.un.sun_path);
    case AF_INET:
        if (!inet_ntop(AF_INET, &a.v4.sin_addr, text, sizeof text))
            return ERR_IO;
        return buf_append_format(out, "%s:%u", text, ntohs(a.v4.sin_port));
    case AF_INET6: {
        int only = 1;
        (void)getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &(socklen_t){sizeof only});
        if (!only && IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr))
            return buf_append_format(out, ":%u", ntohs(a.v6.sin6_port));
        if (!inet_ntop(AF_INET6, &a.v6.sin6_addr, text, sizeof text))
            return ERR_IO;
        return buf_append_format(out, "[%s]:%u", text, ntohs(a.v6.sin6_port));
    }
    default: return ERR_UNSUPPORTED;
    }
}
