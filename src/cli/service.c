/* service.c: a running Hearth in this process: the books, the mesh, and N loop threads that share the listeners. Used by
 * `serve`, and by `ask` and `rehearse` when they need one of their own. How it stops: service_drain.c; how it gets another config: service_reload.c. */
#include "cli/service_priv.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/news.h"
#include "config/config.h"
#include "gateway/gateway.h"
#include "ledger/ledger.h"
#include "mesh/counts.h"
#include "mesh/mesh.h"
#include "net/http_server.h"
#include "net/pulse.h"
#include "net/resolve.h"
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOPS_DEFAULT_MAX = 4, IDLE_CHECK_MS = 500 };

static int loops_wanted(const struct config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    int n = c->loops ? c->loops : cores > LOOPS_DEFAULT_MAX ? LOOPS_DEFAULT_MAX : (int)cores;
    return n < 1 ? 1 : n > SERVICE_LOOPS_MAX ? SERVICE_LOOPS_MAX : n;
}

static int open_listener(struct service *s, struct str address, struct err *e)
{
    assert(s->listener_count < SERVICE_LISTENERS_MAX);
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
    const struct config *c = s->started_with;
    if (c->listen_count == 0)
        return open_listener(s, STR("127.0.0.1:4242"), e);
    for (int i = 0; i < c->listen_count; i++) {
        int rc = open_listener(s, c->listen[i].text, e);
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
    struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, idle_check));
    worker_retired_close(w, false);
    uint64_t calls = mesh_loop_total(w->mesh);
    bool busy = worker_calls(w) > 0 || calls != w->calls_before; /* between two calls it is not calm yet */
    w->calls_before = calls;
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
    w->generation = s->generation;
    int rc = loop_open(&w->loop, &loop, e);
    if (rc == 0)
        rc = mesh_counts_open(&w->counts, e);
    struct mesh_loop_options mesh = {.mesh = s->generation->mesh, .loop = w->loop, .counts = w->counts,
                                     .index = generation_journal(s, s->generation, index)};
    if (rc == 0)
        rc = mesh_loop_open(&w->mesh, &mesh, e);
    if (rc == 0)
        rc = gateway_loop_open(&w->gateway, s->gateway, w->loop, w->mesh, w->counts, e);
    for (int i = 0; rc == 0 && i < s->listener_count; i++)
        rc = gateway_loop_listen(w->gateway, s->listener[i]);
    if (rc == 0)
        rc = loop_timer_set(w->loop, &w->idle_check, IDLE_CHECK_MS, on_idle_check);
    if (rc == 0 && s->pulse)
        rc = pulse_join(s->pulse, index, w->loop);
    return rc;
}

static struct generation *generation_first(struct service *s)
{
    struct generation *g = new0(struct generation);
    if (!g)
        return NULL;
    g->config = s->started_with;
    atomic_init(&g->parts, s->loops);
    atomic_init(&s->place_taken[0], true);
    return g;
}

static void look_at_engine(void *service, struct gateway_engine *out)
{
    engine_keeper_look(((struct service *)service)->engine, out);
}

int service_open(struct service **out, const struct service_options *opt, struct err *e)
{
    struct service *s = new0(struct service);
    if (!s)
        return err_set(e, ERR_NOMEM, "service");
    s->started_with = opt->config;
    s->loops = loops_wanted(opt->config);
    s->drained_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = s->drained_fd < 0 ? err_set_errno(e, ERR_IO, errno, "eventfd") : 0;
    s->listen_given = opt->listen.len > 0;
    int asks = service_asks_open(&s->asks, e);
    rc = rc ? rc : asks;
    if (rc == 0 && !(s->generation = generation_first(s)))
        rc = err_set(e, ERR_NOMEM, "service");
    struct capacity capacity = capacity_find(opt->config);
    s->calls.max = capacity.calls;
    s->held.max = opt->config->buffered_bytes_max;
    struct ledger_options books = {.dir = opt->data_dir, .clock = clock_system(), .should_trim = should_trim,
                                   .keep_ms = opt->config->ledger_keep_ms};
    struct resolver_options names = {.server = opt->config->resolver.text, .clock = clock_system()};
    if (rc == 0)
        rc = ledger_open(&s->ledger, &books, e);
    if (rc == 0)
        rc = news_open(&s->news, clock_wall_ms(clock_system()), e);
    if (rc == 0)
        rc = resolver_open(&s->resolver, &names, e);
    if (rc == 0) /* after the ledger, whose lock says that the data folder is ours */
        rc = engine_keeper_open(&s->engine, opt->config, opt->data_dir, s->news, e);
    struct mesh_options mesh = {.config = opt->config, .ledger = s->ledger, .resolver = s->resolver, .clock = clock_system(),
                                .calls = &s->calls, .held = &s->held, .news = s->news};
    if (rc == 0) {
        mesh.engine_socket = engine_keeper_socket(s->engine);
        rc = mesh_open(&s->generation->mesh, &mesh, e);
    }
    struct gateway_options gateway = {.config = opt->config, .listen = opt->listen, .key = opt->key, .data_dir = opt->data_dir, .held = &s->held,
                                      .connections_max = (size_t)(capacity.connections / s->loops),
                                      .control = {.ctx = s, .reload = service_ask_reload, .engine = look_at_engine}, .news = s->news};
    if (rc == 0) {
        gateway.mesh = s->generation->mesh;
        rc = gateway_open(&s->gateway, &gateway, e);
    }
    if (rc == 0)
        rc = open_listeners(s, opt, e);
    if (rc == 0 && opt->pulse_ms > 0)
        rc = pulse_open(&s->pulse, s->loops, opt->pulse_ms, opt->pulse, NULL, e);
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

const struct config *service_config(const struct service *s)
{
    return s->generation->config;
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

void service_listeners_close(struct service *s)
{
    for (int i = 0; i < s->listener_count; i++) {
        close(s->listener[i]);
        AUTO_BUF struct buf path = BUF_INIT(4 * KiB);
        if (s->unix_path[i].len && buf_append(&path, s->unix_path[i]) == 0 && buf_text(&path))
            (void)unlink(path.ptr); /* a stale one is replaced at the next start anyway */
    }
    s->listener_count = 0;
}

static void close_worker(struct worker *w)
{
    assert(!w->running);
    if (w->loop) {
        loop_timer_cancel(w->loop, &w->idle_check);
        loop_timer_cancel(w->loop, &w->drain_check);
        if (w->service->pulse)
            pulse_leave(w->service->pulse, (int)(w - w->service->worker));
    }
    if (w->mesh && worker_calls(w)) { /* the grace is over: those still waiting are told so */
        mesh_loop_end_calls(w->mesh);
        for (int i = 0; i < w->retired_count; i++)
            mesh_loop_end_calls(w->retired[i].mesh);
        loop_turn(w->loop, 0);
    }
    gateway_loop_close(w->gateway);
    worker_retired_close(w, true);
    mesh_loop_close(w->mesh);
    mesh_counts_close(w->counts);
    loop_close(w->loop);
}

void service_close(struct service *s)
{
    if (!s)
        return;
    service_asks_close(&s->asks);
    for (int i = 0; i < s->loops; i++)
        close_worker(&s->worker[i]);
    engine_keeper_close(s->engine);
    pulse_close(s->pulse);
    service_listeners_close(s);
    if (s->drained_fd >= 0)
        close(s->drained_fd);
    gateway_close(s->gateway);
    generation_free(s->generation);
    resolver_close(s->resolver);
    ledger_close(s->ledger);
    news_close(s->news);
    mem_free(s);
}
