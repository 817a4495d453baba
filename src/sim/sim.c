/* sim.c: the simulator's thread, the upstreams with their listeners, and the commands that other threads give. A
 * command is posted to the loop and waited for, so that all state belongs to one thread and needs no lock. */
#include "sim/sim.h"
#include "base/mem.h"
#include "sim/sim_priv.h"
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

/* --- commands ----------------------------------------------------------------------------------------------------- */

struct command {
    void (*fn)(struct sim *s, void *arg);
    struct sim *sim;
    void *arg;
    sem_t done;
};

static void run_command(void *arg)
{
    struct command *c = arg;
    c->fn(c->sim, c->arg);
    (void)sem_post(&c->done);
}

/* Runs fn on the simulator's thread and waits for it. */
static int command(struct sim *s, void (*fn)(struct sim *, void *), void *arg)
{
    struct command c = {.fn = fn, .sim = s, .arg = arg};
    (void)sem_init(&c.done, 0, 0); /* fails only for values beyond SEM_VALUE_MAX */
    int rc = loop_post(s->loop, run_command, &c);
    while (rc == 0 && sem_wait(&c.done) != 0 && errno == EINTR)
        ;
    (void)sem_destroy(&c.done);
    return rc;
}

/* --- listeners ---------------------------------------------------------------------------------------------------- */

/* A port that is bound but does not listen refuses connections and is nobody else's meanwhile. */
static int bind_port(struct sim_upstream *u, struct err *e)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)u->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int on = 1;
    u->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0)
        return err_set_errno(e, ERR_IO, errno, "socket");
    (void)setsockopt(u->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* bind tells when it was needed */
    if (bind(u->fd, (struct sockaddr *)&a, sizeof a) != 0 || getsockname(u->fd, (struct sockaddr *)&a, &len) != 0) {
        err_set_errno(e, ERR_IO, errno, "127.0.0.1:%d", u->port);
        close(u->fd);
        u->fd = -1;
        return ERR_IO;
    }
    u->port = ntohs(a.sin_port);
    return 0;
}

static void on_listener(struct loop_io *io, uint32_t events)
{
    (void)events; /* accept tells all there is to know */
    sim_conn_accept((struct sim_upstream *)(void *)((char *)io - offsetof(struct sim_upstream, io)));
}

/* On the simulator's thread. */
static int listen_now(struct sim_upstream *u, struct err *e)
{
    if (u->listening)
        return 0;
    if (u->fd < 0) {
        int rc = bind_port(u, e);
        if (rc)
            return rc;
    }
    if (listen(u->fd, BACKLOG) != 0)
        return err_set_errno(e, ERR_IO, errno, "127.0.0.1:%d", u->port);
    int rc = loop_io_add(u->sim->loop, &u->io, u->fd, EPOLLIN, on_listener);
    if (rc)
        return err_set(e, rc, "127.0.0.1:%d", u->port);
    u->listening = true;
    return 0;
}

static void stop_listening(struct sim_upstream *u)
{
    if (u->listening)
        loop_io_del(u->sim->loop, &u->io);
    u->listening = false;
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
}

/* --- upstreams ---------------------------------------------------------------------------------------------------- */

static void upstream_free(struct sim_upstream *u)
{
    if (!u)
        return;
    sim_conns_reset(u);
    stop_listening(u);
    sim_script_unref(u->script);
    buf_fini(&u->name);
    buf_fini(&u->last);
    buf_fini(&u->probe);
    buf_fini(&u->wire);
    mem_free(u);
}

static int upstream_new(struct sim_upstream **out, struct sim *s, const char *name, const char *flavour, int port,
                        struct err *e)
{
    struct sim_upstream *u = new0(struct sim_upstream);
    if (!u)
        return err_set(e, ERR_NOMEM, "simulator");
    *u = (struct sim_upstream){
        .sim = s, .port = port, .fd = -1, .io = LOOP_IO_INIT, .name = BUF_INIT(1 * KiB), .last = BUF_INIT(SIM_OUT_MAX),
        .probe = BUF_INIT(SIM_OUT_MAX), .wire = BUF_INIT(SIM_WIRE_MAX)};
    u->flavour = sim_flavour_find(str_from(flavour));
    int rc =
        u->flavour ? buf_append_text(&u->name, name) : err_set(e, ERR_NOT_FOUND, "there is no flavour `%s`", flavour);
    if (rc == 0)
        rc = sim_script_parse(&u->script, STR("reply"), e);
    if (rc == 0)
        rc = bind_port(u, e);
    if (rc) {
        upstream_free(u);
        return rc;
    }
    *out = u;
    return 0;
}

struct adding {
    struct sim_upstream *upstream;
    int rc, index;
    struct err *e;
};

static void add_now(struct sim *s, void *arg)
{
    struct adding *a = arg;
    if (s->count == SIM_UPSTREAMS_MAX) {
        a->rc = err_set(a->e, ERR_LIMIT, "more than %d upstreams", SIM_UPSTREAMS_MAX);
        return;
    }
    a->rc = listen_now(a->upstream, a->e);
    if (a->rc)
        return;
    a->index = s->count;
    s->upstream[s->count++] = a->upstream;
}

int sim_add(struct sim *s, const char *name, const char *flavour, int port, struct err *e)
{
    struct adding a = {.e = e};
    int rc = upstream_new(&a.upstream, s, name, flavour, port, e);
    if (rc)
        return rc;
    rc = command(s, add_now, &a);
    if (rc == 0)
        rc = a.rc;
    if (rc) { /* it never came to listen with a connection on it: nothing of it is on the loop's thread */
        upstream_free(a.upstream);
        return rc;
    }
    return a.index;
}

/* --- commands to one upstream ------------------------------------------------------------------------------------- */

struct request {
    int index, rc;
    struct sim_script *script;
    struct sim_seen *seen;
    struct buf *out;
    struct err *e;
};

static struct sim_upstream *upstream_at(struct sim *s, int index)
{
    assert(index >= 0 && index < s->count);
    return s->upstream[index];
}

static void port_now(struct sim *s, void *arg)
{
    struct request *r = arg;
    r->rc = upstream_at(s, r->index)->port;
}

int sim_port(struct sim *s, int upstream)
{
    struct request r = {.index = upstream};
    int rc = command(s, port_now, &r);
    return rc ? rc : r.rc;
}

static void script_now(struct sim *s, void *arg)
{
    struct request *r = arg;
    struct sim_upstream *u = upstream_at(s, r->index);
    sim_script_unref(u->script);
    u->script = r->script;
}

int sim_script(struct sim *s, int upstream, const char *script, struct err *e)
{
    struct request r = {.index = upstream};
    int rc = sim_script_parse(&r.script, str_from(script), e);
    if (rc)
        return rc;
    rc = command(s, script_now, &r);
    if (rc)
        sim_script_unref(r.script);
    return rc ? err_set(e, rc, "simulator") : 0;
}

static void down_now(struct sim *s, void *arg)
{
    struct sim_upstream *u = upstream_at(s, ((struct request *)arg)->index);
    stop_listening(u);
    sim_conns_reset(u);
    (void)bind_port(u, NULL); /* only keeps the port for us; sim_up binds again if this failed */
}

void sim_down(struct sim *s, int upstream)
{
    struct request r = {.index = upstream};
    (void)command(s, down_now, &r); /* fails only when memory is out */
}

static void up_now(struct sim *s, void *arg)
{
    struct request *r = arg;
    r->rc = listen_now(upstream_at(s, r->index), r->e);
}

int sim_up(struct sim *s, int upstream, struct err *e)
{
    struct request r = {.index = upstream, .e = e};
    int rc = command(s, up_now, &r);
    return rc ? err_set(e, rc, "simulator") : r.rc;
}

static void seen_now(struct sim *s, void *arg)
{
    struct request *r = arg;
    const struct sim_upstream *u = upstream_at(s, r->index);
    *r->seen = u->seen;
    for (const struct sim_conn *c = u->conns; c; c = c->next)
        r->seen->connected++;
}

void sim_seen(struct sim *s, int upstream, struct sim_seen *out)
{
    struct request r = {.index = upstream, .seen = out};
    *out = (struct sim_seen){0};
    (void)command(s, seen_now, &r); /* fails only when memory is out; then nothing was seen */
}

static void seen_reset_now(struct sim *s, void *arg)
{
    struct sim_upstream *u = upstream_at(s, ((struct request *)arg)->index);
    u->seen = (struct sim_seen){.open = u->seen.open};
    buf_clear(&u->wire);
    u->wire_cut = false;
}

void sim_seen_reset(struct sim *s, int upstream)
{
    struct request r = {.index = upstream};
    (void)command(s, seen_reset_now, &r); /* fails only when memory is out */
}

static void last_now(struct sim *s, void *arg)
{
    struct request *r = arg;
    r->rc = buf_append(r->out, buf_str(&upstream_at(s, r->index)->last));
}

int sim_last_request(struct sim *s, int upstream, struct buf *out)
{
    struct request r = {.index = upstream, .out = out};
    int rc = command(s, last_now, &r);
    return rc ? rc : r.rc;
}

static void last_probe_now(struct sim *s, void *arg)
{
    struct request *r = arg;
    r->rc = buf_append(r->out, buf_str(&upstream_at(s, r->index)->probe));
}

int sim_last_probe(struct sim *s, int upstream, struct buf *out)
{
    struct request r = {.index = upstream, .out = out};
    int rc = command(s, last_probe_now, &r);
    return rc ? rc : r.rc;
}

static void wire_now(struct sim *s, void *arg)
{
    struct request *r = arg;
    const struct sim_upstream *u = upstream_at(s, r->index);
    r->rc = u->wire_cut ? ERR_LIMIT : buf_append(r->out, buf_str(&u->wire));
}

int sim_wire(struct sim *s, int upstream, struct buf *out)
{
    struct request r = {.index = upstream, .out = out};
    int rc = command(s, wire_now, &r);
    return rc ? rc : r.rc;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void *run(void *arg)
{
    loop_run(((struct sim *)arg)->loop);
    return NULL;
}

int sim_open(struct sim **out, struct err *e)
{
    const struct loop_options opt = {.clock = clock_system()};
    struct sim *s = new0(struct sim);
    if (!s)
        return err_set(e, ERR_NOMEM, "simulator");
    s->scratch = BUF_INIT(SIM_OUT_MAX);
    int rc = loop_open(&s->loop, &opt, e);
    if (rc)
        goto fail;
    int problem = pthread_create(&s->thread, NULL, run, s);
    if (problem) {
        rc = err_set_errno(e, ERR_IO, problem, "thread of the simulator");
        goto fail;
    }
    s->running = true;
    *out = s;
    return 0;
fail:
    sim_close(s);
    return rc;
}

void sim_close(struct sim *s)
{
    if (!s)
        return;
    if (s->running) {
        loop_stop(s->loop);
        (void)pthread_join(s->thread, NULL); /* it is ours and joinable */
    }
    for (int i = 0; i < s->count; i++)
        upstream_free(s->upstream[i]);
    loop_close(s->loop);
    buf_fini(&s->scratch);
    mem_free(s);
}
