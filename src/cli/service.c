/* service.c: a running Hearth in this process: the books, the mesh, and N loop threads that share the listeners. Used by
 * `serve`, and by `ask` and `rehearse` when they need one of their own. */
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "gateway/gateway.h"
#include "ledger/ledger.h"
#include "mesh/mesh.h"
#include "net/http_server.h"
#include "net/loop.h"
#include "net/resolve.h"
#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { LOOPS_MAX = 64, LOOPS_DEFAULT_MAX = 4, LISTENERS_MAX = 8, IDLE_CHECK_MS = 1000 };

struct worker {
    struct service *service;
    struct loop *loop;
    struct mesh_loop *mesh;
    struct gateway_loop *gateway;
    pthread_t thread;
    bool running;
    struct loop_timer timer;  /* idle check; while draining: the end of the grace */
    struct loop_timer drained;
    bool was_busy;
};

struct service {
    const struct config *config;
    struct ledger *ledger;
    struct resolver *resolver;
    struct mesh *mesh;
    struct gateway *gateway;
    struct gauge calls, held; /* of all loops together */
    struct worker worker[LOOPS_MAX];
    int loops;
    int listener[LISTENERS_MAX];
    int listener_count;
    struct str unix_path[LISTENERS_MAX]; /* to be unlinked; borrowed from the config */
    int grace_ms;
};

static int loops_wanted(const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int n = c->loops ? c->loops : cores > LOOPS_DEFAULT_MAX ? LOOPS_DEFAULT_MAX : (int)cores;
    return n < 1 ? 1 : n > LOOPS_MAX ? LOOPS_MAX : n;
}

static int open_listener(struct service *s, struct str address, struct err *e)
{
    assert(s->listener_count < LISTENERS_MAX);
    int rc = http_listener_open(&s->listener[s->listener_count], address, e);
    if (rc)
        return rc;
    if (str_starts(address, STR("unix:")))
        s->unix_path[s->listener_count] = str_skip(address, 5);
    s->listener_count++;
    return 0;
}

static int open_listeners(struct service *s, const struct service_options *opt, struct err *e)
{
    if (opt->listen.len)
        return open_listener(s, opt->listen, e);
    if (s->config->listen_count == 0)
        return open_listener(s, STR("127.0.0.1:4242"), e);
    for (int i = 0; i < s->config->listen_count; i++) {
        int rc = open_listener(s, s->config->listen[i].text, e);
        if (rc)
            return rc;
    }
    return 0;
}

/* A loop has become idle; the ledger's thread lets go of its part when it sees this. */
static atomic_bool calmed_down;

static bool should_trim(void)
{
    return atomic_exchange(&calmed_down, false);
}

/* After a busy time memory goes back to the system: a closet of containers shares it. */
static void on_idle_check(struct loop_timer *t)
{
    struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, timer));
    bool busy = mesh_loop_calls(w->mesh) > 0;
    if (w->was_busy && !busy) {
        mesh_loop_trim(w->mesh);
        (void)malloc_trim(0); /* tells only whether anything was there to give */
        atomic_store(&calmed_down, true);
    }
    w->was_busy = busy;
    if (loop_timer_set(w->loop, t, IDLE_CHECK_MS, on_idle_check) < 0)
        log_line(LOG_WARN, "serve", "memory is out: idle memory is not given back");
}

static int open_worker(struct service *s, int index, struct err *e)
{
    struct worker *w = &s->worker[index];
    struct loop_options loop = {.clock = clock_system()};
    w->service = s;
    int rc = loop_open(&w->loop, &loop, e);
    if (rc == 0)
        rc = mesh_loop_open(&w->mesh, &(struct mesh_loop_options){.mesh = s->mesh, .loop = w->loop, .index = index}, e);
    if (rc == 0)
        rc = gateway_loop_open(&w->gateway, s->gateway, w->loop, w->mesh, e);
    for (int i = 0; rc == 0 && i < s->listener_count; i++)
        rc = gateway_loop_listen(w->gateway, s->listener[i]);
    if (rc == 0)
        rc = loop_timer_set(w->loop, &w->timer, IDLE_CHECK_MS, on_idle_check);
    return rc;
}

int service_open(struct service **out, const struct service_options *opt, struct err *e)
{
    struct service *s = new0(struct service);
    if (!s)
        return err_set(e, ERR_NOMEM, "service");
    s->config = opt->config;
    s->loops = loops_wanted(opt->config);
    struct capacity capacity = capacity_find(opt->config);
    s->calls.max = capacity.calls;
    s->held.max = opt->config->buffered_bytes_max;
    struct ledger_options books = {.dir = opt->data_dir, .clock = clock_system(), .should_trim = should_trim,
                                   .keep_ms = opt->config->ledger_keep_ms};
    struct resolver_options names = {.server = opt->config->resolver.text, .clock = clock_system()};
    int rc = ledger_open(&s->ledger, &books, e);
    if (rc == 0)
        rc = resolver_open(&s->resolver, &names, e);
    struct mesh_options mesh = {.config = opt->config, .ledger = s->ledger, .resolver = s->resolver, .clock = clock_system(),
                                .calls = &s->calls, .held = &s->held};
    if (rc == 0)
        rc = mesh_open(&s->mesh, &mesh, e);
    struct gateway_options gateway = {.config = opt->config, .mesh = s->mesh, .listen = opt->listen, .key = opt->key,
                                      .data_dir = opt->data_dir, .held = &s->held,
                                      .connections_max = (size_t)(capacity.connections / s->loops)};
    if (rc == 0)
        rc = gateway_open(&s->gateway, &gateway, e);
    if (rc == 0)
        rc = open_listeners(s, opt, e);
    for (int i = 0; rc == 0 && i < s->loops; i++)
        rc = open_worker(s, i, e);
    if (rc) {
        service_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

static void *run_worker(void *arg)
{
    loop_run(((struct worker *)arg)->loop);
    return NULL;
}

int service_start(struct service *s, struct err *e)
{
    for (int i = 0; i < s->loops; i++) {
        int rc = pthread_create(&s->worker[i].thread, NULL, run_worker, &s->worker[i]);
        if (rc)
            return err_set_errno(e, ERR_NOMEM, rc, "starting a loop thread");
        s->worker[i].running = true;
    }
    return 0;
}

int service_address_count(const struct service *s)
{
    return s->listener_count;
}

int service_address(const struct service *s, int i, struct buf *out)
{
    assert(i < s->listener_count);
    return http_listener_address(s->listener[i], out);
}

/* --- stopping: no new requests; the loop ends when its calls have, or when the grace is over ----------------------------------- */

static void on_drain_check(struct loop_timer *t)
{
    enum { CHECK_MS = 20 };
    struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, drained));
    bool done = mesh_loop_calls(w->mesh) == 0 && gateway_loop_connections(w->gateway) == 0;
    if (done || loop_timer_set(w->loop, t, CHECK_MS, on_drain_check) < 0)
        loop_stop(w->loop);
}

static void on_grace_over(struct loop_timer *t)
{
    loop_stop(((struct worker *)(void *)((char *)t - offsetof(struct worker, timer)))->loop);
}

static void start_drain(void *arg)
{
    struct worker *w = arg;
    gateway_loop_drain(w->gateway);
    if (loop_timer_set(w->loop, &w->timer, w->service->grace_ms, on_grace_over) < 0)
        loop_stop(w->loop);
    on_drain_check(&w->drained);
}

void service_stop(struct service *s, int grace_ms)
{
    s->grace_ms = grace_ms;
    for (int i = 0; i < s->loops; i++)
        if (s->worker[i].running && loop_post(s->worker[i].loop, start_drain, &s->worker[i]) < 0)
            loop_stop(s->worker[i].loop);
    for (int i = 0; i < s->loops; i++) {
        if (s->worker[i].running)
            (void)pthread_join(s->worker[i].thread, NULL);
        s->worker[i].running = false;
    }
}

static void close_worker(struct worker *w)
{
    assert(!w->running);
    if (w->loop) {
        loop_timer_cancel(w->loop, &w->timer);
        loop_timer_cancel(w->loop, &w->drained);
    }
    if (w->mesh && mesh_loop_calls(w->mesh)) { /* the grace is over: those still waiting are told so */
        mesh_loop_end_calls(w->mesh);
        loop_turn(w->loop, 0);
    }
    gateway_loop_close(w->gateway);
    mesh_loop_close(w->mesh);
    loop_close(w->loop);
}

void service_close(struct service *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->loops; i++)
        close_worker(&s->worker[i]);
    for (int i = 0; i < s->listener_count; i++) {
        close(s->listener[i]);
        AUTO_BUF struct buf path = BUF_INIT(4 * KiB);
        if (s->unix_path[i].len && buf_append(&path, s->unix_path[i]) == 0 && buf_text(&path))
            (void)unlink(path.ptr); /* a stale one is replaced at the next start anyway */
    }
    gateway_close(s->gateway);
    mesh_close(s->mesh);
    resolver_close(s->resolver);
    ledger_close(s->ledger);
    mem_free(s);
}
