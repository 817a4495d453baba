/* http_conn.c: the life of a connection: what epoll, the timer and the end of the turn mean in each state. See the
 * picture in http_server_priv.h.
 *
 * Any handler call may end the exchange and even close the connection. A closed connection stays in memory (DEAD) until
 * the end of the turn, so after such a call it is enough to look at `state` and `x` again. */
#include "base/mem.h"
#include "net/http_server_priv.h"
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How long, and how many bytes, we go on reading from a client whose request was refused before it was read. Closing at
 * once would make the kernel answer its next segment with a reset, which may overtake our reply. */
enum { LINGER_MS = 5000 };
static const size_t LINGER_BYTES_MAX = 64 * MiB; /* a client that sends its whole body before it reads gets through */

static void on_event(struct loop_io *io, uint32_t events);

static struct http_conn *conn_of_timer(struct loop_timer *t)
{
    return (struct http_conn *)((char *)t - offsetof(struct http_conn, timer));
}

static struct http_conn *conn_of_task(struct loop_task *t)
{
    return (struct http_conn *)((char *)t - offsetof(struct http_conn, task));
}

/* --- beginning and end -------------------------------------------------------------------------------------------- */

static void list_add(struct http_conn **list, struct http_conn *c)
{
    c->next = *list;
    c->link = list;
    if (c->next)
        c->next->link = &c->next;
    *list = c;
}

static void list_remove(struct http_conn *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
}

static void on_timer(struct loop_timer *t);

void http_conn_open(struct http_server *s, int fd, bool tcp, bool local)
{
    size_t size;
    struct http_conn *c = http_pool_get(&s->pool, sizeof *c, &size);
    if (!c) {
        close(fd);
        return;
    }
    *c = (struct http_conn){.io = LOOP_IO_INIT, .server = s, .local = local};
    c->in = BUF_INIT(s->opt.head_bytes_max + HTTP_SCRATCH_BYTES);
    list_add(&s->conn, c);
    s->conn_count++;
    if (s->opt.share)
        atomic_fetch_add_explicit(&s->opt.share->connections, 1, memory_order_relaxed);
    if (loop_timer_set(s->loop, &c->timer, s->opt.idle_timeout_ms, on_timer) < 0 ||
        loop_io_add(s->loop, &c->io, fd, EPOLLIN | EPOLLRDHUP, on_event) < 0) {
        close(fd);
        http_conn_close(c);
        return;
    }
    if (tcp) /* fails only when the peer is gone already, which the loop will report */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void on_reap(struct loop_task *t)
{
    http_conn_reap((struct http_server *)((char *)t - offsetof(struct http_server, reap)));
}

/* Output that waits for its client is held like a body; what leaves within its turn is not worth counting. */
static void hold_output(struct http_conn *c, size_t bytes)
{
    if (bytes != c->out_held)
        gauge_add(c->server->opt.held, (int64_t)bytes - (int64_t)c->out_held);
    c->out_held = bytes;
}

void http_conn_close(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->state == HTTP_DEAD)
        return;
    int fd = c->io.fd;
    loop_io_del(s->loop, &c->io);
    if (fd >= 0)
        close(fd);
    loop_timer_cancel(s->loop, &c->timer);
    loop_defer_cancel(&c->task);
    if (c->x)
        http_exchange_free(c->x);
    http_out_fini(&c->out, &s->pool);
    hold_output(c, 0);
    buf_fini(&c->in);
    list_remove(c);
    c->state = HTTP_DEAD;
    list_add(&s->dead, c);
    loop_defer(s->loop, LOOP_FLUSH, &s->reap, on_reap);
    s->conn_count--;
    if (s->opt.share)
        atomic_fetch_sub_explicit(&s->opt.share->connections, 1, memory_order_relaxed);
    if (!s->listening && !loop_timer_pending(&s->accept_timer))
        http_accept_resume(s);
}

void http_conn_reap(struct http_server *s)
{
    while (s->dead) {
        struct http_conn *c = s->dead;
        list_remove(c);
        http_pool_put(&s->pool, c, sizeof *c);
    }
}

void http_conn_gone(struct http_conn *c)
{
    struct http_exchange *x = c->x;
    if (x && x->seen) {
        x->gone = true;
        c->server->calling++;
        c->server->opt.handler.on_gone(x, c->server->opt.ctx);
        c->server->calling--;
    }
    http_conn_close(c);
}

/* --- time-outs ---------------------------------------------------------------------------------------------------- */

void http_conn_arm(struct http_conn *c, int64_t after_ms)
{
    /* It is pending, or has just left the heap, whose place for it is still free. */
    int rc = loop_timer_set(c->server->loop, &c->timer, after_ms, on_timer);
    assert(rc == 0);
}

static void on_timer(struct loop_timer *t)
{
    struct http_conn *c = conn_of_timer(t);
    const struct http_server_options *opt = &c->server->opt;
    http_conn_arm(c, opt->idle_timeout_ms); /* first of all, see there */
    if (c->blocked || c->state >= HTTP_CLOSING)
        http_conn_gone(c); /* it takes no output, or does not close */
    else if (c->state == HTTP_READY && c->in.len > 0)
        http_intake_refuse(c, 408, "the head of the request did not come in time");
    else if (c->state == HTTP_READY)
        http_conn_close(c);
    else if (c->state == HTTP_BODY)
        http_intake_refuse(c, 408, "the body of the request did not come in time");
    /* BUSY: how long a reply may take is the handler's business */
}

/* --- what epoll says ---------------------------------------------------------------------------------------------- */

void http_conn_watch(struct http_conn *c)
{
    if (c->state == HTTP_DEAD)
        return;
    /* A client that sends on and on behind a request whose reply is outstanding would fill the socket, and its hanging up
     * would not get through to us: what is beyond the bound is dropped, and the connection ends with the reply. */
    if (c->state == HTTP_BUSY && c->in.len >= c->server->opt.head_bytes_max)
        c->unread = c->close = true;
    bool drop = c->unread && c->dropped_bytes <= LINGER_BYTES_MAX;
    bool collect = c->state == HTTP_BODY || (c->state <= HTTP_BUSY && c->in.len < c->server->opt.head_bytes_max);
    uint32_t events = c->fin ? 0 : EPOLLRDHUP;
    if (!c->fin && (c->unread ? drop : collect))
        events |= EPOLLIN;
    if (c->blocked)
        events |= EPOLLOUT;
    if (loop_io_set(c->server->loop, &c->io, events) < 0)
        http_conn_gone(c);
}

/* The peer has shut its side down. While a reply is outstanding that is how a client hangs up, and the only sign of it
 * we get in time to save money. What has been answered completely still goes out. */
static void on_fin(struct http_conn *c)
{
    if (c->x || c->out.bytes == 0) {
        http_conn_gone(c);
        return;
    }
    c->fin = c->close = true;
    if (c->state == HTTP_READY)
        c->state = HTTP_CLOSING;
    http_conn_watch(c);
}

static void drop_input(struct http_conn *c)
{
    struct http_server *s = c->server;
    ssize_t n = recv(c->io.fd, s->scratch, sizeof s->scratch, 0);
    if (n > 0)
        c->dropped_bytes += (size_t)n;
    if (n > 0 && c->state == HTTP_LINGER && c->dropped_bytes > LINGER_BYTES_MAX)
        http_conn_close(c);
}

static void on_event(struct loop_io *io, uint32_t events)
{
    struct http_conn *c = (struct http_conn *)io;
    if (events & (EPOLLERR | EPOLLHUP)) {
        http_conn_gone(c);
        return;
    }
    if (events & EPOLLRDHUP) {
        on_fin(c);
        return;
    }
    if (events & EPOLLOUT)
        http_conn_flush_later(c);
    if (events & EPOLLIN) {
        if (c->unread)
            drop_input(c);
        else if (c->state <= HTTP_BUSY)
            http_intake_read(c);
    }
    http_conn_watch(c);
}

/* --- the end of the turn ------------------------------------------------------------------------------------------ */

static void close_gently(struct http_conn *c)
{
    if (c->fin || (!c->unread && c->in.len == 0)) {
        http_conn_close(c);
        return;
    }
    shutdown(c->io.fd, SHUT_WR);
    c->unread = true;
    c->state = HTTP_LINGER;
    http_conn_arm(c, LINGER_MS);
}

static void tell_drained(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (!c->x || !c->x->stopped || c->out.bytes >= s->opt.write_low_bytes)
        return;
    c->x->stopped = false;
    s->calling++;
    if (s->opt.handler.on_drain)
        s->opt.handler.on_drain(c->x, s->opt.ctx);
    s->calling--;
}

/* False when the connection broke. */
static bool send_queued(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->out.bytes == 0)
        return true;
    size_t sent;
    int rc = http_out_send(&c->out, &s->pool, c->io.fd, &sent);
    if (rc < 0) {
        http_conn_gone(c);
        return false;
    }
    bool was_blocked = c->blocked;
    c->blocked = rc == 1;
    hold_output(c, c->blocked ? c->out.bytes : 0);
    if (c->blocked && (sent > 0 || !was_blocked))
        http_conn_arm(c, s->opt.write_timeout_ms);
    else if (was_blocked && !c->blocked)
        http_conn_arm(c, s->opt.idle_timeout_ms);
    return c->state != HTTP_DEAD;
}

static void on_flush(struct loop_task *t)
{
    struct http_conn *c = conn_of_task(t);
    if (!send_queued(c))
        return;
    tell_drained(c);
    /* If that made the handler queue or end something, its records come first: the task is queued again by then. */
    if (!c->task.link && c->out.bytes == 0) {
        if (c->state == HTTP_CLOSING)
            close_gently(c);
        else if (c->state == HTTP_READY)
            http_intake_pending(c);
    }
    http_conn_watch(c);
}

void http_conn_flush_later(struct http_conn *c)
{
    loop_defer(c->server->loop, LOOP_FLUSH, &c->task, on_flush);
}
