/* http_out.c: bytes on their way to a client, as a chain of parts; see http_server_priv.h. A reply that is given whole
 * lies in one part and leaves by one send; a stream's pieces of one turn leave by one sendmsg. */
#include "base/err.h"
#include "net/http_server_priv.h"
#include <assert.h>
#include <errno.h>
#include <sys/uio.h>

enum {
    PART_BYTES = 4096,  /* a part that follows another: more is likely to come */
    PARTS_AT_ONCE = 64, /* per sendmsg */
};

struct http_out_part {
    struct http_out_part *next;
    size_t block_size;
    uint32_t cap, len; /* of bytes[] */
    size_t sent;
    char bytes[];
};

char *http_out_room(struct http_out *o, struct http_pool *p, size_t bytes)
{
    struct http_out_part *t = o->tail;
    if (t && t->cap - t->len >= bytes)
        return t->bytes + t->len;
    size_t want = sizeof *t + bytes, size;
    if (t && want < PART_BYTES)
        want = PART_BYTES;
    if (bytes > UINT32_MAX - PART_BYTES)
        return NULL;
    struct http_out_part *part = http_pool_get(p, want, &size);
    if (!part)
        return NULL;
    *part = (struct http_out_part){.block_size = size, .cap = (uint32_t)(size - sizeof *part)};
    if (t)
        t->next = part;
    else
        o->head = part;
    o->tail = part;
    return part->bytes;
}

void http_out_added(struct http_out *o, size_t bytes)
{
    assert(o->tail && o->tail->cap - o->tail->len >= bytes);
    o->tail->len += (uint32_t)bytes;
    o->bytes += bytes;
}

static void out_taken(struct http_out *o, struct http_pool *p, size_t n)
{
    o->bytes -= n;
    while (o->head) {
        struct http_out_part *part = o->head;
        size_t left = part->len - part->sent;
        if (n < left) {
            part->sent += n;
            return;
        }
        n -= left;
        o->head = part->next;
        if (!o->head)
            o->tail = NULL;
        http_pool_put(p, part, part->block_size);
    }
}

static ssize_t out_write(const struct http_out *o, int fd, size_t *asked)
{
    const struct http_out_part *part = o->head;
    if (!part->next) {
        *asked = part->len - part->sent;
        return send(fd, part->bytes + part->sent, *asked, MSG_NOSIGNAL);
    }
    struct iovec piece[PARTS_AT_ONCE];
    size_t count = 0;
    *asked = 0;
    for (; part && count < PARTS_AT_ONCE; part = part->next) {
        piece[count++] = (struct iovec){(char *)part->bytes + part->sent, part->len - part->sent};
        *asked += part->len - part->sent;
    }
    struct msghdr m = {.msg_iov = piece, .msg_iovlen = count};
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

int http_out_send(struct http_out *o, struct http_pool *p, int fd, size_t *sent)
{
    *sent = 0;
    while (o->bytes) {
        size_t asked;
        ssize_t n = out_write(o, fd, &asked);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM ? 1 : ERR_CLOSED;
        out_taken(o, p, (size_t)n);
        *sent += (size_t)n;
        if ((size_t)n < asked)
            return 1; /* full: trying again would only say so */
    }
    return 0;
}

void http_out_fini(struct http_out *o, struct http_pool *p)
{
    out_taken(o, p, o->bytes);
}
