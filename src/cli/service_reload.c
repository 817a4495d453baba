/* service_reload.c: another config for a running service. A generation is a config and the mesh made of it; both never
 * change. Replacing it goes in three rounds through the loops, so that it happens everywhere or nowhere:
 *
 *   check    the new mesh is made once without the books: what is refused has changed nothing; nor has what the built-in engine refuses
 *   open     each loop opens its part of the new mesh (upstream connections, a journal)
 *   switch   each loop takes new calls with the new part; the old one is retired
 *
 * A call ends with the generation it began with. A retired part closes when its last call has ended, its kept upstream
 * connections with it; the last part takes the generation along. */
#include "cli/service_priv.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/news.h"
#include "config/config.h"
#include "gateway/gateway.h"
#include "ledger/ledger.h"
#include "mesh/mesh.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { JOURNALS_MAX = 256 /* of the ledger */, POST_AGAIN_MS = 10 };
static_assert(JOURNALS_MAX / SERVICE_LOOPS_MAX >= 2, "there is room for a second generation on every machine");

/* --- generations --------------------------------------------------------------------------------------------------------- */

void generation_free(struct generation *g)
{
    if (!g)
        return;
    mesh_close(g->mesh);
    if (g->owns_config)
        config_free((struct config *)(uintptr_t)g->config);
    mem_free(g);
}

int generation_journal(const struct service *s, const struct generation *g, int worker)
{
    return g->place * s->loops + worker;
}

static void retire(struct worker *w, struct mesh_loop *ml, struct generation *g)
{
    assert(w->retired_count < GENERATIONS_MAX);
    w->retired[w->retired_count++] = (struct retired){.mesh = ml, .generation = g};
}

/* Takes one part away; the last loop that does also takes the generation. */
static void part_close(struct worker *w, struct retired *r)
{
    struct service *s = w->service;
    mesh_loop_close(r->mesh);
    if (atomic_fetch_sub(&r->generation->parts, 1) == 1) {
        int place = r->generation->place;
        generation_free(r->generation);
        atomic_store(&s->place_taken[place], false);
    }
}

/* A part without calls closes when it had none at the last look either: messages about calls that have just left (a place
 * in a line that was granted to one) are through by then. */
void worker_retired_close(struct worker *w, bool all)
{
    int kept = 0;
    for (int i = 0; i < w->retired_count; i++) {
        struct retired *r = &w->retired[i];
        bool quiet = mesh_loop_calls(r->mesh) == 0;
        if (all || (quiet && r->quiet)) {
            part_close(w, r);
        } else {
            r->quiet = quiet;
            w->retired[kept++] = *r;
        }
    }
    w->retired_count = kept;
}

size_t worker_calls(const struct worker *w)
{
    size_t n = mesh_loop_calls(w->mesh);
    for (int i = 0; i < w->retired_count; i++)
        n += mesh_loop_calls(w->retired[i].mesh);
    return n;
}

/* --- rounds --------------------------------------------------------------------------------------------------------------- */

struct round {
    struct generation *next;
    int done_fd;
    atomic_int left, rc; /* loops that have not answered; the first problem */
};

static void answer(struct round *r, int rc)
{
    int fine = 0;
    if (rc < 0)
        (void)atomic_compare_exchange_strong(&r->rc, &fine, rc);
    if (atomic_fetch_sub(&r->left, 1) == 1)
        (void)eventfd_write(r->done_fd, 1); /* read by nobody else, and far from its limit */
}

static void open_part(void *arg)
{
    struct worker *w = arg;
    struct round *r = w->round;
    struct mesh_loop_options opt = {.mesh = r->next->mesh,
                                    .loop = w->loop,
                                    .counts = w->counts,
                                    .index = generation_journal(w->service, r->next, (int)(w - w->service->worker))};
    answer(r, mesh_loop_open(&w->next_mesh, &opt, NULL));
}

static void drop_part(void *arg)
{
    struct worker *w = arg;
    mesh_loop_close(w->next_mesh);
    w->next_mesh = NULL;
    answer(w->round, 0);
}

static void switch_part(void *arg)
{
    struct worker *w = arg;
    retire(w, w->mesh, w->generation);
    w->mesh = w->next_mesh;
    w->next_mesh = NULL;
    w->generation = w->round->next;
    gateway_loop_adopt(w->gateway, w->mesh);
    answer(w->round, 0);
}

/* Every loop runs fn; returns when all have. Memory for the message comes back when calls end, so it is waited for. */
static int run_round(struct service *s, struct round *r, void (*fn)(void *worker))
{
    atomic_store(&r->left, s->loops);
    atomic_store(&r->rc, 0);
    for (int i = 0; i < s->loops; i++) {
        s->worker[i].round = r;
        while (loop_post(s->worker[i].loop, fn, &s->worker[i]) < 0)
            (void)poll(NULL, 0, POST_AGAIN_MS);
    }
    struct pollfd done = {.fd = r->done_fd, .events = POLLIN};
    while (poll(&done, 1, -1) < 0 && errno == EINTR)
        ;
    eventfd_t count;
    (void)eventfd_read(r->done_fd, &count);
    return atomic_load(&r->rc);
}

/* --- reload --------------------------------------------------------------------------------------------------------------- */

static void look_part(void *arg)
{
    struct worker *w = arg;
    worker_retired_close(w, false);
    answer(w->round, 0);
}

/* Configs whose calls have ended are taken away now and then; who reloads faster than that should not have to wait. Two looks:
 * see worker_retired_close. */
static void settle(struct service *s)
{
    struct round r = {.done_fd = eventfd(0, EFD_CLOEXEC)};
    if (r.done_fd < 0)
        return; /* then whoever reloads has to wait */
    (void)run_round(s, &r, look_part);
    (void)run_round(s, &r, look_part);
    close(r.done_fd);
}

static int place_free(struct service *s, int places)
{
    for (int i = 0; i < places; i++)
        if (!atomic_load(&s->place_taken[i]))
            return i;
    return -1;
}

static int place_find(struct service *s, struct err *e)
{
    int places = JOURNALS_MAX / s->loops < GENERATIONS_MAX ? JOURNALS_MAX / s->loops : GENERATIONS_MAX;
    int place = place_free(s, places);
    if (place < 0) {
        settle(s);
        place = place_free(s, places);
    }
    if (place >= 0)
        return place;
    return err_set(e, ERR_BUSY,
                   "calls of %d earlier configs are still under way; try again when some of them have ended",
                   places - 1);
}

/* A file that is being written, or was cut, reads as a fine config of nothing: nobody means that beside one that serves. */
static int check(const struct service *s, const struct config *c, struct err *e)
{
    struct mesh *m;
    if (c->upstream_count == 0 && s->generation->config->upstream_count > 0)
        return err_set(e, ERR_INVALID, "%.*s names no upstream at all: is it whole?", STR_FMT(c->path));
    int rc = mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, e);
    if (rc == 0)
        mesh_close(m);
    return rc;
}

static int generation_make(struct generation **out, struct service *s, struct config *c, struct err *e)
{
    int rc, place = place_find(s, e);
    if (place < 0)
        return place;
    struct generation *g = new0(struct generation);
    if (!g)
        return err_set(e, ERR_NOMEM, "reload");
    g->config = c;
    g->place = place;
    atomic_init(&g->parts, s->loops);
    struct mesh_options opt = {.config = c,
                               .ledger = s->ledger,
                               .resolver = s->resolver,
                               .clock = clock_system(),
                               .before = s->generation->mesh,
                               .calls = &s->calls,
                               .held = &s->held,
                               .news = s->news,
                               .engine_socket = engine_keeper_socket(s->engine)};
    rc = mesh_open(&g->mesh, &opt, e);
    if (rc) {
        mem_free(g);
        return rc;
    }
    *out = g;
    return 0;
}

static int adopt(struct service *s, struct generation *g, struct err *e)
{
    struct round r = {.next = g, .done_fd = eventfd(0, EFD_CLOEXEC)};
    if (r.done_fd < 0)
        return err_set_errno(e, ERR_IO, errno, "eventfd");
    int rc = run_round(s, &r, open_part);
    if (rc) {
        (void)run_round(s, &r, drop_part);
        err_set(e, rc, "the loops could not open the new config: %s", err_text(rc));
    } else {
        atomic_store(&s->place_taken[g->place], true);
        mesh_replaced(s->generation->mesh, g->mesh);
        gateway_adopt(s->gateway, g->config, g->mesh);
        s->generation = g;
        (void)run_round(s, &r, switch_part);
    }
    close(r.done_fd);
    return rc;
}

static void tell_if(struct buf *said, bool differs, const char *option)
{
    if (differs) /* its ceiling is far above these few lines */
        (void)buf_append_format(said, "`%s` is another one now: that takes effect with a restart\n", option);
}

static bool same_listeners(const struct config *a, const struct config *b)
{
    bool same = a->listen_count == b->listen_count;
    for (int i = 0; same && i < a->listen_count; i++)
        same = str_eq(a->listen[i].text, b->listen[i].text);
    return same;
}

static void tell_restarts(const struct service *s, const struct config *now, struct buf *said)
{
    const struct config *started = s->started_with;
    tell_if(said, !s->listen_given && !same_listeners(started, now), "listen");
    tell_if(said, !str_eq(started->data.text, now->data.text), "data");
    tell_if(said, !str_eq(started->resolver.text, now->resolver.text), "resolver");
    tell_if(said, started->loops != now->loops, "loops");
    tell_if(said, started->ledger_keep_ms != now->ledger_keep_ms, "ledger.keep");
    tell_if(said, started->calls_max != now->calls_max, "limits.calls");
    tell_if(said, started->buffered_bytes_max != now->buffered_bytes_max, "memory.buffered");
}

void service_say_refused(struct service *s, const struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(NEWS_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&text);
    json_object_begin(&w);
    json_key(&w, "message");
    json_text(&w, e->text);
    json_object_end(&w);
    if (json_done(&w) == 0)
        news_tell(s->news, "reload_refused", buf_str(&text));
}

int service_reload(struct service *s, struct config *c, struct buf *said, struct err *e)
{
    struct generation *g = NULL;
    if (s->draining)
        return err_set(e, ERR_CLOSED, "Hearth is stopping");
    int rc = check(s, c, e);
    if (rc == 0)
        rc = engine_keeper_offer(s->engine, c, e);
    if (rc)
        return rc;
    rc = generation_make(&g, s, c, e);
    if (rc == 0 && (rc = adopt(s, g, e)) < 0)
        generation_free(g); /* it does not own the config yet */
    engine_keeper_settle(s->engine, rc == 0);
    if (rc)
        return rc;
    news_tell(s->news, "reloaded", STR("{}"));
    g->owns_config = true;
    tell_restarts(s, c, said);
    return 0;
}
