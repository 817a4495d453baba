/* sim_conn.c: one connection to a simulated upstream: its socket, its input, its life. Written on sockets directly and
 * not on the HTTP server, since half of what it has to do no proper server would. */
#include "base/mem.h"
#include "sim/sim_priv.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_BYTES = 16 * 1024,
    SLOW_BYTES = 1024,
    SLOW_MS = 10,
    SLOW_WINDOW = 4096,
    ACCEPTS_PER_TURN = 64,
    KEPT_BYTES = 4096
}; /* memory a connection keeps between requests */

static struct loop *loop_of(const struct sim_conn *c)
{
    return c->up->sim->loop;
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void answer_free(struct sim_conn *c)
{
    sim_answer_fini(&c->answer);
    buf_clear(&c->whole);
    if (c->whole.cap > KEPT_BYTES)
        buf_fini(&c->whole);
    sim_script_unref(c->script);
    c->script = NULL;
    c->step = NULL;
}

static void destroy(struct sim_conn *c, bool reset)
{
    struct linger now = {.l_onoff = 1};
    if (c->replying)
        c->up->seen.open--;
    loop_timer_cancel(loop_of(c), &c->timer);
    loop_io_del(loop_of(c), &c->io);
    if (reset)
        (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* close then sends RST instead of FIN */
    close(c->fd);
    answer_free(c);
    buf_fini(&c->whole);
    buf_fini(&c->in);
    buf_fini(&c->out);
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    mem_free(c);
}

/* The peer went away while something was under way. */
static void gone(struct sim_conn *c)
{
    if (c->phase != PHASE_READ || c->in.len > 0) {
        c->up->seen.aborted++;
        c->up->seen.last_abort_ms = clock_mono_us(clock_system()) / 1000;
    }
    destroy(c, false);
}

void sim_conns_reset(struct sim_upstream *u)
{
    while (u->conns)
        destroy(u->conns, true);
}

/* --- output ------------------------------------------------------------------------------------------------------- */

void sim_conn_out(struct sim_conn *c, struct str bytes)
{
    if (buf_append(&c->out, bytes) != 0)
        c->broken = true;
}

/* False when the peer is gone. */
static bool flush(struct sim_conn *c)
{
    while (c->out_at < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        c->out_at += (size_t)n;
    }
    c->out_at = 0;
    buf_clear(&c->out);
    if (c->out.cap > READ_BYTES)
        buf_fini(&c->out);
    return true;
}

/* --- input -------------------------------------------------------------------------------------------------------- */

static bool slow(const struct sim_conn *c)
{
    return c->phase == PHASE_READ && (c->step ? c->step->slow_read : sim_script_peek(c->up->script)->slow_read);
}

/* Head complete: it counts as a request from here on, and takes its step. */
static void head_arrived(struct sim_conn *c, struct sim_head *head)
{
    c->length = head->length;
    c->close |= head->close;
    c->endpoint = sim_endpoint_find(c->up->flavour, head->path);
    if (head->expect)
        sim_conn_out(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    if (c->endpoint >= EP_FIRST_INFO) {
        c->up->seen.probes++;
        return;
    }
    c->up->seen.requests++;
    c->script = c->up->script;
    c->script->refs++;
    c->step = sim_script_take(c->script);
}

static enum sim_read read_body(struct sim_conn *c)
{
    if (c->length < 0)
        return sim_chunks_read(&c->in, c->head_len, &c->body_len, &c->body_raw);
    c->body_len = c->body_raw = (size_t)c->length;
    return c->in.len >= c->head_len + c->body_len ? READ_DONE : READ_MORE;
}

static void remember(struct sim_conn *c)
{
    struct buf *last = c->endpoint < EP_FIRST_INFO ? &c->up->last : &c->up->probe;
    buf_clear(last);
    if (buf_append(last, str_of(c->in.ptr, c->head_len + c->body_len)) != 0)
        c->broken = true;
    if (buf_append(&c->up->wire, buf_str(last)) != 0)
        c->up->wire_cut = true;
}

static enum sim_read read_request(struct sim_conn *c)
{
    struct sim_head head;
    if (c->head_len == 0) {
        if ((unsigned char)c->in.ptr[0] < 0x20 && c->in.ptr[0] != '\r' && c->in.ptr[0] != '\n')
            return READ_BAD; /* a TLS handshake, for one, would wait for our answer */
        c->head_len = sim_head_end(buf_str(&c->in));
        if (c->head_len == 0)
            return c->in.len > SIM_HEAD_MAX ? READ_BAD : READ_MORE;
        if (!sim_head_read(&head, str_of(c->in.ptr, c->head_len)))
            return READ_BAD;
        head_arrived(c, &head);
    }
    enum sim_read got = read_body(c);
    if (got != READ_DONE)
        return got;
    remember(c);
    const struct sim_step *asked = c->step ? sim_script_when(c->script, str_of(c->in.ptr + c->head_len, c->body_len)) : NULL;
    if (asked)
        c->step = asked;
    (void)sim_head_read(&head, str_of(c->in.ptr, c->head_len)); /* again: the buffer may have moved since */
    c->replying = true;
    c->up->seen.open++;
    sim_reply_start(c, &head, str_of(c->in.ptr + c->head_len, c->body_len));
    buf_consume(&c->in, c->head_len + c->body_raw);
    c->head_len = c->body_len = c->body_raw = 0;
    if (c->in.len == 0 && c->in.cap > KEPT_BYTES)
        buf_fini(&c->in);
    return READ_DONE;
}

static void refuse_bad(struct sim_conn *c)
{
    sim_conn_out(c, STR("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
    c->close = true;
    c->phase = PHASE_END;
}

/* --- what to do next ---------------------------------------------------------------------------------------------- */

static void reply_ended(struct sim_conn *c)
{
    if (c->replying) {
        c->up->seen.open--;
        c->up->seen.completed += c->endpoint < EP_FIRST_INFO;
    }
    c->replying = false;
    answer_free(c);
    c->phase = PHASE_READ;
}

static void watch(struct sim_conn *c)
{
    uint32_t events = EPOLLRDHUP;
    bool paused = slow(c) && loop_timer_pending(&c->timer);
    if (!paused && c->in.len < SIM_OUT_MAX)
        events |= EPOLLIN;
    bool goes_on = c->phase == PHASE_STREAM && !loop_timer_pending(&c->timer); /* as fast as the peer takes it */
    if (c->out_at < c->out.len || goes_on)
        events |= EPOLLOUT;
    if (loop_io_set(loop_of(c), &c->io, events) != 0)
        destroy(c, true);
}

/* Goes as far as input and the peer allow; the connection may be gone afterwards. */
static void work(struct sim_conn *c)
{
    for (;;) {
        if (c->phase == PHASE_READ && c->in.len > 0 && read_request(c) == READ_BAD)
            refuse_bad(c);
        if (c->broken) {
            destroy(c, true);
            return;
        }
        if (!flush(c)) {
            gone(c);
            return;
        }
        if (c->out.len > 0 || (c->phase != PHASE_END && c->phase != PHASE_RESET))
            break;
        bool reset = c->phase == PHASE_RESET, last = reset || c->close;
        if (!reset)
            reply_ended(c);
        if (last) {
            destroy(c, reset);
            return;
        }
        if (c->in.len == 0)
            break;
    }
    watch(c);
}

static void on_timer(struct loop_timer *t)
{
    struct sim_conn *c = (struct sim_conn *)(void *)((char *)t - offsetof(struct sim_conn, timer));
    if (c->phase != PHASE_READ)
        sim_reply_timer(c);
    work(c);
}

void sim_conn_wait(struct sim_conn *c, int64_t ms)
{
    if (loop_timer_set(loop_of(c), &c->timer, ms > 0 ? ms : 1, on_timer) != 0)
        c->broken = true;
}

/* False when the peer is gone. */
static bool read_some(struct sim_conn *c)
{
    size_t want = slow(c) ? SLOW_BYTES : READ_BYTES;
    if (buf_reserve(&c->in, want) != 0) {
        c->broken = true;
        return true;
    }
    ssize_t n = recv(c->fd, c->in.ptr + c->in.len, want, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    c->in.len += (size_t)n;
    if (want == SLOW_BYTES)
        sim_conn_wait(c, SLOW_MS);
    return true;
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct sim_conn *c = (struct sim_conn *)(void *)((char *)io - offsetof(struct sim_conn, io));
    bool paused = !(io->events & EPOLLIN);
    if ((events & (EPOLLERR | EPOLLHUP)) || (paused && (events & EPOLLRDHUP)) ||
        ((events & EPOLLIN) && !read_some(c))) {
        gone(c);
        return;
    }
    if ((events & EPOLLOUT) && flush(c) && c->out.len == 0)
        sim_reply_drained(c);
    work(c);
}

/* --- the start ---------------------------------------------------------------------------------------------------- */

static void open_conn(struct sim_upstream *u, int fd)
{
    int on = 1, window = SLOW_WINDOW;
    struct sim_conn *c = new0(struct sim_conn);
    if (!c) {
        close(fd);
        return;
    }
    c->up = u;
    c->fd = fd;
    c->io = LOOP_IO_INIT;
    c->in = BUF_INIT(SIM_OUT_MAX + READ_BYTES);
    c->out = BUF_INIT(SIM_OUT_MAX * 2);
    c->whole = BUF_INIT(SIM_OUT_MAX);
    c->next = u->conns;
    c->link = &u->conns;
    if (c->next)
        c->next->link = &c->next;
    u->conns = c;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a hint; without it chunks may only come later */
    if (sim_script_peek(u->script)->slow_read)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    if (loop_io_add(u->sim->loop, &c->io, fd, EPOLLIN | EPOLLRDHUP, on_io) != 0)
        destroy(c, true);
}

void sim_conn_accept(struct sim_upstream *u)
{
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(u->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return; /* none left, or out of descriptors: the next turn tries again */
        u->seen.connections++;
        if (sim_script_peek(u->script)->act != ACT_REFUSE) {
            open_conn(u, fd);
            continue;
        }
        struct linger now = {.l_onoff = 1};
        (void)sim_script_take(u->script);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(fd);
    }
}
