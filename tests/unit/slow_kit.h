/* slow_kit.h: a server that takes its time over every answer, as one on a busy machine does. One thread; each connection gets one
 * reply. */
#pragma once
#include "base/buf.h"
#include "test.h"
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct slow_reply {
    const char *path, *type, *body;
};
struct slow {
    int fd, port, after_ms;
    const struct slow_reply *reply; /* up to one without a path, for all else */
    pthread_t thread;
};

static inline void slow_answer(const struct slow *s, int fd)
{
    char text[4096] = "", head[256];
    if (recv(fd, text, sizeof text - 1, 0) <= 0)
        return;
    const struct slow_reply *r = s->reply;
    while (r->path && !strstr(text, r->path))
        r++;
    (void)poll(NULL, 0, s->after_ms); /* the time it takes is what is tested */
    size_t n = text_format(head, sizeof head,
                           "HTTP/1.1 200 OK\r\ncontent-type: %s\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n",
                           r->type, strlen(r->body));
    (void)send(fd, head, n, MSG_NOSIGNAL); /* whoever did not wait is gone, and will say so */
    (void)send(fd, r->body, strlen(r->body), MSG_NOSIGNAL);
}

static inline void *slow_main(void *arg)
{
    struct slow *s = arg;
    int fd;
    while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        slow_answer(s, fd);
        close(fd);
    }
    return NULL;
}

static inline bool slow_open(struct slow *s, int after_ms, const struct slow_reply *reply)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    *s = (struct slow){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .after_ms = after_ms, .reply = reply};
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(s->fd, 8) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&at, &len) != 0)
        return false;
    s->port = ntohs(at.sin_port);
    return pthread_create(&s->thread, NULL, slow_main, s) == 0;
}

static inline void slow_close(struct slow *s)
{
    (void)shutdown(s->fd, SHUT_RDWR); /* ends the accept */
    (void)pthread_join(s->thread, NULL);
    close(s->fd);
}
