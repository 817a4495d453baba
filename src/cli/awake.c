/* awake.c: does anybody listen where the upstreams at home are? For `config check`: one that sleeps is the commonest reason for
 * a chain that surprises. All are tried at once, so that twenty machines that are switched off cost the time of one. */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AWAKE_PATIENCE_MS = 500, AWAKE_ADDRESSES_MAX = 4 };

struct place {
    struct place *next;
    struct str authority; /* host:port, as its URL has it; owned by the caller's config or mesh */
    const char *why;      /* NULL: somebody answers there */
    int fd[AWAKE_ADDRESSES_MAX], fd_count;
};
struct cli_awake {
    struct place *places; /* owned */
};

static struct str authority_of(struct str url)
{
    struct str rest = str_skip(url, str_starts(url, STR("https://")) ? 8 : 7), authority = rest;
    return str_cut(&rest, '/', &authority) ? authority : STR_NONE;
}

static struct place *find(const struct cli_awake *a, struct str authority)
{
    struct place *p = a->places;
    while (p && !str_eq(p->authority, authority))
        p = p->next;
    return p;
}

/* True when it is known already that somebody is there. */
static bool begin_address(struct place *p, const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        p->why = "no socket for it";
        return false;
    }
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
        close(fd);
        return true;
    }
    p->fd[p->fd_count++] = fd;
    return false;
}

/* The name is looked up; connections are begun to all its addresses. */
static const char *begin(struct place *p, bool https)
{
    struct str authority = p->authority;
    ptrdiff_t close_bracket = str_find_char(authority, ']'), colon = -1;
    for (size_t i = close_bracket < 0 ? 0 : (size_t)close_bracket; i < authority.len; i++)
        if (authority.ptr[i] == ':')
            colon = (ptrdiff_t)i;
    struct str host = colon < 0 ? authority : str_slice(authority, 0, (size_t)colon);
    if (host.len && host.ptr[0] == '[')
        host = str_slice(host, 1, host.len - 1);
    AUTO_BUF struct buf name = BUF_INIT(300), port = BUF_INIT(16);
    struct str port_text = colon < 0 ? (https ? STR("443") : STR("80")) : str_skip(authority, (size_t)colon + 1);
    if (buf_append(&name, host) || buf_append(&port, port_text) || !buf_text(&name) || !buf_text(&port))
        return "its host cannot be read";
    struct addrinfo *list, hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(name.ptr, port.ptr, &hints, &list) != 0)
        return "its name does not resolve";
    p->why = "does not answer";
    bool there = false;
    for (const struct addrinfo *a = list; a && !there && p->fd_count < AWAKE_ADDRESSES_MAX; a = a->ai_next)
        there = begin_address(p, a);
    freeaddrinfo(list);
    return there ? NULL : p->why;
}

/* Waits for this place's connections until the moment that holds for all. */
static void wait_for(struct place *p, int64_t until_us)
{
    struct pollfd poll_fd[AWAKE_ADDRESSES_MAX];
    while (p->why && p->fd_count) {
        int64_t left_ms = (until_us - clock_mono_us(clock_system())) / 1000;
        for (int i = 0; i < p->fd_count; i++)
            poll_fd[i] = (struct pollfd){.fd = p->fd[i], .events = POLLOUT};
        if (poll(poll_fd, (nfds_t)p->fd_count, left_ms > 0 ? (int)left_ms : 0) <= 0)
            return;
        for (int i = p->fd_count - 1; i >= 0; i--) {
            int problem = 0;
            socklen_t size = sizeof problem;
            if (!poll_fd[i].revents)
                continue;
            if (getsockopt(p->fd[i], SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0)
                p->why = NULL;
            close(p->fd[i]);
            p->fd[i] = p->fd[--p->fd_count];
        }
    }
}

const char *cli_awake_begin(struct str url, void *awake)
{
    struct cli_awake *a = awake;
    struct str authority = authority_of(url);
    if (!authority.len || find(a, authority))
        return NULL;
    struct place *p = new0(struct place);
    if (!p)
        return NULL;
    *p = (struct place){.next = a->places, .authority = authority};
    p->why = begin(p, str_starts(url, STR("https://")));
    a->places = p;
    return NULL;
}

void cli_awake_wait(struct cli_awake *a)
{
    int64_t until_us = clock_mono_us(clock_system()) + AWAKE_PATIENCE_MS * INT64_C(1000);
    for (struct place *p = a->places; p; p = p->next)
        wait_for(p, until_us);
}

const char *cli_awake_why_not(struct str url, void *awake)
{
    const struct place *p = find(awake, authority_of(url));
    return p ? p->why : "no host in its url";
}

struct cli_awake *cli_awake_new(void)
{
    return new0(struct cli_awake);
}

void cli_awake_free(struct cli_awake *a)
{
    for (struct place *p; a && (p = a->places);) {
        a->places = p->next;
        for (int i = 0; i < p->fd_count; i++)
            close(p->fd[i]);
        mem_free(p);
    }
    mem_free(a);
}
