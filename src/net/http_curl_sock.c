/* http_curl_sock.c: the descriptors of libcurl's connections, from OPENSOCKETFUNCTION to CLOSESOCKETFUNCTION, in our loop.
 *
 * When a transfer ends libcurl says CURL_POLL_REMOVE; we leave the descriptor in epoll for the next transfer, which
 * saves two system calls per request, and take it out only if it becomes readable while idle or is closed. The loop's
 * generation tags guard numbers that are used again. Hot path: sock_ready and sock_wanted. */
#include "net/http_curl_priv.h"
#include "base/mem.h"
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SOCKS_FIRST = 64,
    IDLE_READS_MAX = 64, /* of 4 KiB, to empty an idle connection that was ended */
};

static bool socks_reserve(struct http_client *c, int fd)
{
    size_t max = c->curl->sock_max ? c->curl->sock_max : SOCKS_FIRST;
    while (max <= (size_t)fd)
        max *= 2;
    if (max == c->curl->sock_max)
        return true;
    struct sock **grown = mem_realloc(c->curl->sock, max * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + c->curl->sock_max, 0, (max - c->curl->sock_max) * sizeof *grown);
    c->curl->sock = grown;
    c->curl->sock_max = max;
    return true;
}

static void sock_ready(struct loop_io *io, uint32_t events);

static int sock_watch(struct sock *s, int fd, uint32_t want)
{
    struct loop *loop = s->lane->client->loop;
    s->want = want;
    if (s->io.fd >= 0)
        return loop_io_set(loop, &s->io, want);
    return loop_io_add(loop, &s->io, fd, want, sock_ready);
}

static void idle_set(struct http_client *c, struct sock *s, bool idle)
{
    c->idle_count += (size_t)idle - (size_t)s->idle;
    s->idle = idle;
}

void sock_release(struct http_client *c, struct sock *s)
{
    if (s->fetch && s->fetch->sock == s)
        s->fetch->sock = NULL;
    s->fetch = NULL;
    idle_set(c, s, true);
}

static ino_t inode_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void sock_forget(struct http_client *c, int fd)
{
    struct sock *s = c->curl->sock[fd];
    loop_io_del(c->loop, &s->io); /* harmless when the descriptor is closed, or a new one that is not registered yet */
    sock_release(c, s);
    idle_set(c, s, false);
    c->curl->sock[fd] = NULL;
    mem_free(s);
}

/* The entry for a new descriptor. An old one in its place belonged to an attempt libcurl closed without a word (see
 * sock_rest), and then libcurl, which knows sockets by number, believes that the new one is being watched already. */
static bool sock_enter(struct curl_fetch *f, int fd)
{
    struct http_client *c = f->base.client;
    uint32_t want = 0;
    if (!socks_reserve(c, fd))
        return false;
    if (c->curl->sock[fd]) {
        want = c->curl->sock[fd]->want;
        sock_forget(c, fd);
    }
    struct sock *s = new0(struct sock);
    if (!s)
        return false;
    s->io = LOOP_IO_INIT;
    s->lane = f->lane;
    s->young = true;
    s->inode = inode_of(fd);
    c->curl->sock[fd] = s;
    if (want == 0 || sock_watch(s, fd, want) == 0)
        return true;
    sock_forget(c, fd);
    return false;
}

int sock_open(struct curl_fetch *f, struct curl_sockaddr *address)
{
    if (fetch_connect_timer(&f->base) < 0) {
        f->refused = FETCH_NOMEM;
        return CURL_SOCKET_BAD;
    }
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (!sock_enter(f, fd)) {
        f->refused = FETCH_NOMEM;
        close(fd);
        return CURL_SOCKET_BAD;
    }
    f->base.opened = true;
    return fd;
}

int sock_close(struct http_client *c, int fd)
{
    sock_forget(c, fd);
    return close(fd);
}

void socks_fini(struct http_client *c)
{
    for (size_t fd = 0; fd < c->curl->sock_max; fd++)
        if (c->curl->sock[fd]) /* closed without a word before it was ever watched */
            sock_forget(c, (int)fd);
    mem_free(c->curl->sock);
}

/* An idle connection becomes readable: the peer ended it, or said something nobody asked for. libcurl takes one with
 * unread bytes for alive, and would read them as the next reply; so it is ended and emptied, which libcurl does see. TLS
 * has things to say of its own (session tickets), so only the end counts. */
static void idle_ready(struct sock *s, int fd, uint32_t events)
{
    char sink[4096];
    loop_io_del(s->lane->client->loop, &s->io);
    if (!s->idle || !(events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
        return;
    (void)shutdown(fd, SHUT_RDWR); /* fails when it is closed already */
    for (int i = 0; i < IDLE_READS_MAX && recv(fd, sink, sizeof sink, MSG_DONTWAIT) > 0; i++)
        ;
}

static void sock_ready(struct loop_io *io, uint32_t events)
{
    struct sock *s = (struct sock *)io;
    struct lane *l = s->lane;
    if (s->want == 0) {
        idle_ready(s, io->fd, events);
        return;
    }
    int bits = 0;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP))
        bits |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        bits |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        bits |= CURL_CSELECT_ERR;
    lane_drive(l, io->fd, bits);
}

/* libcurl waits for the socket no longer: its transfer is over. Or the socket is gone: 7.88 closes one that is still
 * connecting by itself, past CLOSESOCKETFUNCTION; the number may have another owner by now, so we compare inodes. Once a
 * connection was made, its closing goes through us. */
static int sock_rest(struct http_client *c, struct sock *s, int fd)
{
    s->want = 0;
    if (s->fetch && s->fetch->base.held) /* a pause looks the same; lane_remove sees to the end */
        return 0;
    sock_release(c, s);
    if (s->young && inode_of(fd) != s->inode) {
        sock_forget(c, fd);
        return 0;
    }
    s->young = false;
    if (s->io.fd >= 0 && s->io.events & EPOLLOUT) /* would wake us for ever */
        return loop_io_set(c->loop, &s->io, EPOLLIN | EPOLLRDHUP) < 0 ? -1 : 0;
    return 0;
}

int sock_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct lane *l = arg;
    struct sock *s = l->client->curl->sock[fd];
    (void)unused;
    if (what == CURL_POLL_REMOVE)
        return s ? sock_rest(l->client, s, fd) : 0;
    void *fetch = NULL;
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &fetch);
    s->fetch = fetch;
    s->fetch->sock = s;
    idle_set(l->client, s, false);
    uint32_t want = 0;
    if (what & CURL_POLL_IN)
        want |= EPOLLIN | EPOLLRDHUP;
    if (what & CURL_POLL_OUT)
        want |= EPOLLOUT;
    if (want == 0 || sock_watch(s, fd, want) == 0)
        return 0;
    s->fetch->refused = FETCH_NOMEM;
    fetch_doom(s->fetch);
    return 0; /* -1 would end every transfer of the lane */
}
