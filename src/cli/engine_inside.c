/* engine_inside.c: the engine as the daemon starts it: walls first, then commands over the control socket, which is its life line: when
 * the other end is closed, it ends. Signals that end others are the daemon's business: a terminal's Ctrl-C and a service manager's stop
 * reach both, and calls under way are to be finished. */
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "cli/engine_priv.h"
#include "engine/host.h"
#include "gateway/engine_face.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A model on its way, read by a thread of its own: streams of the others go on meanwhile. The daemon asks one thing at a time. */
struct loading {
    struct loop *loop;
    struct inside *inside;
    pthread_t thread;
    struct buf name, path;
    struct host_options options;
    int64_t id;
    int fd[ENGINE_PARTS]; /* owned */
    size_t fd_count;
    struct host *host;
    int rc;
    struct err error;
};

struct inside {
    struct engine_process process;
    struct loop_io io;
    const struct json_node *command;
    const int *fd; /* that came with it */
    size_t fd_count;
    struct loading *loading; /* owned; the answer to its command is owed */
    bool listens;  /* it has a listening socket, and takes calls from it */
};

static int say_end(struct json_writer *w, struct buf *out, int rc, const struct err *e)
{
    json_key(w, "ok"), json_bool(w, rc == 0);
    if (rc < 0)
        json_key(w, "error"), json_text(w, e->text);
    json_object_end(w);
    return json_done(w) < 0 ? json_done(w) : engine_wire_send(ENGINE_CONTROL_FD, buf_str(out), NULL, 0, NULL);
}

static int answer_with(int rc, const struct err *e)
{
    AUTO_BUF struct buf out = BUF_INIT(ENGINE_PACKET);
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    return say_end(&w, &out, rc, e);
}

/* --- commands -------------------------------------------------------------------------------------------------------------- */

static int64_t number(const struct json_node *n, const char *key)
{
    int64_t i;
    return json_get_i64(n, key, &i) && i >= 0 ? i : 0;
}

static void loading_free(struct loading *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->fd_count; i++) /* what is needed of them is mapped */
        (void)close(l->fd[i]);
    buf_fini(&l->name);
    buf_fini(&l->path);
    mem_free(l);
}

/* On the loop. */
static void on_loaded(void *arg)
{
    struct loading *l = arg;
    struct inside *s = l->inside;
    (void)pthread_join(l->thread, NULL);
    s->loading = NULL;
    int rc = l->rc < 0 ? l->rc : engine_process_loaded(&s->process, l->host, &l->options, buf_str(&l->name), l->id, &l->error);
    if (answer_with(rc, &l->error) < 0)
        loop_stop(s->process.loop);
    loading_free(l);
}

static void *load_thread(void *arg)
{
    struct loading *l = arg;
    struct gguf *file = NULL;
    l->rc = gguf_open_fds(&file, l->path.len ? l->path.ptr : NULL, l->fd, l->fd_count, &l->error);
    if (l->rc == 0)
        l->rc = host_open(&l->host, file, &l->options, clock_system(), &l->error);
    while (loop_post(l->loop, on_loaded, l) < 0) /* or the daemon would wait in vain */
        (void)sched_yield();
    return NULL;
}

/* Of a config that is offered, those that it has no more go once it is taken. Without a list all stay. */
static void mark_staying(struct engine_process *p, const struct json_node *beside)
{
    for (struct engine_loaded *l = p->loaded; l; l = l->next) {
        l->stays = !beside;
        int64_t id;
        for (const struct json_node *n = beside && beside->type == JSON_ARRAY ? beside->child : NULL; n; n = n->next)
            l->stays = l->stays || (n->type == JSON_NUMBER && json_to_i64(n->text, &id) && id == l->id);
    }
}

static int do_load(struct inside *s, struct json_writer *w, struct err *e)
{
    (void)w;
    const struct json_node *c = s->command;
    if (!s->fd_count || !number(c, "id") || number(c, "kv") >= KV_TYPE_END || s->loading)
        return err_set(e, ERR_INVALID, s->loading ? "another model is being loaded" : "load wants a number and files");
    struct loading *l = new0(struct loading);
    if (!l)
        return err_set(e, ERR_NOMEM, "models");
    *l = (struct loading){.loop = s->process.loop, .inside = s, .name = BUF_INIT(ENGINE_PACKET), .path = BUF_INIT(ENGINE_PACKET), .id = number(c, "id"),
                          .options = {.engine = {.threads = (size_t)number(c, "threads"), .context = (size_t)number(c, "context"), .kv_type = (enum kv_type)number(c, "kv")},
                                      .calls_max = (size_t)number(c, "calls"), .keep_us = number(c, "keep_ms") * 1000}};
    mark_staying(&s->process, json_get(c, "beside"));
    engine_process_plan(&s->process, &l->options);
    int rc = buf_append(&l->name, json_get_text(c, "name"));
    if (rc == 0)
        rc = buf_append(&l->path, json_get_text(c, "path"));
    if (rc == 0 && buf_text(&l->path)) {
        memcpy(l->fd, s->fd, s->fd_count * sizeof *l->fd);
        l->fd_count = s->fd_count;
        s->fd_count = 0;
        rc = pthread_create(&l->thread, NULL, load_thread, l) == 0 ? 0 : ERR_NOMEM;
    }
    if (rc < 0) {
        loading_free(l);
        return err_set(e, ERR_NOMEM, "models");
    }
    s->loading = l;
    return 0;
}

static const struct json_node *listed(const struct json_node *models, int64_t id)
{
    for (const struct json_node *m = models->child; m; m = m->next)
        if (number(m, "id") == id)
            return m;
    return NULL;
}

/* Calls wait on the socket until there is a list: of a process that has just been started again they would hear that it knows no model. */
static int listen_once(struct inside *s, struct err *e)
{
    if (s->listens || fcntl(ENGINE_LISTENER_FD, F_GETFD) < 0)
        return 0;
    s->listens = engine_face_listen(s->process.face, ENGINE_LISTENER_FD) == 0;
    return s->listens ? 0 : err_set(e, ERR_IO, "the listening socket cannot be watched");
}

/* What is not in the list goes; then what is new in it comes, so that a name can change hands between two calls. */
static int do_serve(struct inside *s, struct json_writer *w, struct err *e)
{
    (void)w;
    struct engine_process *p = &s->process;
    const struct json_node *models = json_get(s->command, "models");
    int rc = 0;
    if (!models || models->type != JSON_ARRAY)
        return err_set(e, ERR_INVALID, "serve wants a list of models");
    for (struct engine_loaded *l = p->loaded, *next; l; l = next) {
        next = l->next;
        if (!listed(models, l->id))
            engine_process_drop(p, l);
    }
    for (struct engine_loaded *l = p->loaded; l && rc == 0; l = l->next)
        if (!l->leaving && !l->name.ptr)
            rc = engine_process_serve(p, l, json_get_text(listed(models, l->id), "name"), e);
    return rc < 0 ? rc : listen_once(s, e);
}

static int do_prove(struct inside *s, struct json_writer *w, struct err *e)
{
    (void)e;
    AUTO_BUF struct buf proof = BUF_INIT(ENGINE_PACKET);
    int rc = confine_prove_json(&s->process.walls, &proof);
    json_key(w, "proof");
    json_raw(w, rc < 0 ? STR("null") : buf_str(&proof));
    return rc;
}

static int obey(struct inside *s, struct json_writer *w, struct err *e)
{
    static const struct {
        struct str word;
        int (*fn)(struct inside *s, struct json_writer *w, struct err *e);
    } commands[] = {{{"load", 4}, do_load}, {{"serve", 5}, do_serve}, {{"prove", 5}, do_prove}};
    struct str word = json_get_text(s->command, "do");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (str_eq(word, commands[i].word))
            return commands[i].fn(s, w, e);
    return err_set(e, ERR_UNSUPPORTED, "there is no command `%.*s`", STR_FMT(word));
}

/* --- the control socket ---------------------------------------------------------------------------------------------------- */

static int answer(struct inside *s, struct str packet)
{
    struct arena a = ARENA_INIT(4 * MiB);
    struct json_node *root;
    struct err e = {0};
    AUTO_BUF struct buf out = BUF_INIT(ENGINE_PACKET);
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    int rc = json_parse(&a, packet, &root, &e);
    const struct loading *before = s->loading;
    s->command = root;
    rc = rc < 0 ? rc : obey(s, &w, &e);
    if (rc < 0 || s->loading == before)
        rc = say_end(&w, &out, rc, &e); /* else when it is loaded */
    arena_fini(&a);
    return rc;
}

static void on_control(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct inside *s = (struct inside *)(void *)((char *)io - offsetof(struct inside, io));
    AUTO_BUF struct buf packet = BUF_INIT(ENGINE_PACKET);
    int fd[ENGINE_PARTS];
    size_t count = COUNT_OF(fd);
    int rc = engine_wire_receive(ENGINE_CONTROL_FD, &packet, fd, &count, NULL);
    if (rc == ERR_BUSY)
        return;
    if (rc == 0) {
        s->fd = fd;
        s->fd_count = count;
        rc = answer(s, buf_str(&packet));
        for (size_t i = 0; i < s->fd_count; i++) /* nobody took them */
            (void)close(fd[i]);
    }
    if (rc < 0)
        loop_stop(s->process.loop);
}

/* Its first word: the walls it stands behind, or why not. */
static int say_walls(const struct inside *s, int rc, const struct err *e)
{
    const struct confinement *c = &s->process.walls;
    AUTO_BUF struct buf out = BUF_INIT(ENGINE_PACKET);
    struct json_writer w = JSON_WRITER(&out);
    json_object_begin(&w);
    json_key(&w, "system_calls"), json_bool(&w, c->system_calls);
    json_key(&w, "no_new_privileges"), json_bool(&w, c->no_new_privileges);
    json_key(&w, "network_namespace"), json_bool(&w, c->network_namespace);
    return say_end(&w, &out, rc, e);
}

static int start(struct inside *s, struct err *e)
{
    int rc = engine_process_open(&s->process, e);
    if (rc == 0)
        rc = engine_process_confine(&s->process, false, e);
    if (rc == 0 && loop_io_add(s->process.loop, &s->io, ENGINE_CONTROL_FD, EPOLLIN, on_control) < 0)
        rc = err_set(e, ERR_IO, "the control socket cannot be watched");
    return rc;
}

/* The daemon's environment holds keys, and its descriptors are its clients': nothing of either may have come along. */
static int check_inherited(struct err *e)
{
    enum { LOOK_AT = 256 }; /* low numbers are given out first */
    if (confine_available() && environ && environ[0]) /* else see fill_environment */
        return err_set(e, ERR_REFUSED, "it was started with an environment, which may hold secrets");
    for (int fd = ENGINE_LISTENER_FD + 1; fd < LOOK_AT; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return err_set(e, ERR_REFUSED, "it was started with descriptor %d open, which is none of its own", fd);
    return 0;
}

int engine_by_daemon(void)
{
    struct inside s = {.io = LOOP_IO_INIT};
    struct err e = {0};
    if (fcntl(ENGINE_CONTROL_FD, F_GETFD) < 0)
        return cli_fail("--by-daemon is for `hearth serve`, which hands over a control socket; by hand: hearth engine FILE...");
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    int rc = check_inherited(&e);
    if (rc == 0)
        rc = start(&s, &e);
    if (say_walls(&s, rc, &e) == 0 && rc == 0)
        loop_run(s.process.loop);
    if (s.process.loop)
        loop_io_del(s.process.loop, &s.io);
    if (s.loading) /* the daemon is gone, and a model is half there: nothing of it is worth waiting for */
        _exit(EXIT_OK);
    engine_process_close(&s.process);
    return rc < 0 ? cli_fail_err(&e) : EXIT_OK;
}
