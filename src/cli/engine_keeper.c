/* engine_keeper.c: the engine process kept alive: started, watched by a thread, started again when it ends.
 *
 *   up --(its control socket hangs up)--> down, for 0.2 s that double up to 30 --> up, with the models it had
 *
 * A minute of health and the next pause is the shortest again. Between two processes the listening socket, which is ours, holds the
 * calls. There is never a second process: the next one is started when the last one has been waited for. */
#include "cli/engine_keeper.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/news.h"
#include "cli/engine_priv.h"
#include "gateway/gateway.h"
#include "net/http_server.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { PAUSE_FIRST_MS = 200, PAUSE_MAX_MS = 30 * 1000, HEALTH_MS = 60 * 1000 };

struct engine_keeper {
    struct news *news;
    struct buf path; /* of the socket */
    char *data_dir;  /* owned */
    int listener;    /* -1: there was no engine in any config yet */
    int wake;        /* an eventfd: the thread looks at what has changed */
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* guards what follows; held while the process is asked */
    struct engine_child child;
    struct engine_files now, next;
    size_t loaded; /* of `now`, when the process was started last */
    bool closing;
    int64_t last_id;
    int64_t up_since_ms, again_ms; /* on the monotonic clock; again: when it is to be started, if it is not up */
    int64_t pause_ms;              /* the next one */
    atomic_bool configured, up;
    atomic_llong restarts;
};

static int64_t now_ms(void)
{
    return clock_mono_us(clock_system()) / 1000;
}

int engine_socket_path(struct buf *out, struct str data_dir)
{
    char here[PATH_MAX] = "";
    bool from_here = !str_starts(data_dir, STR("/")); /* the address of a unix socket is a whole path */
    buf_clear(out);
    if (from_here && !getcwd(here, sizeof here))
        return ERR_IO;
    return buf_append_format(out, "%s%s%.*s/engine.sock", here, from_here ? "/" : "", STR_FMT(data_dir));
}

/* --- the process ----------------------------------------------------------------------------------------------------------- */

/* A model that cannot be loaded any more is told and left out, unless this is about whether the config can be taken. */
static int load_all(struct engine_keeper *k, bool strict, struct err *e)
{
    k->loaded = 0;
    for (size_t i = 0; i < k->now.count; i++) {
        struct err why = {0};
        struct engine_file *f = &k->now.model[i];
        f->id = f->id ? f->id : ++k->last_id; /* the process before could not load it */
        int rc = engine_file_load(f, &k->now, &k->child, &why);
        if (rc < 0 && (strict || rc == ERR_CLOSED || rc == ERR_TIMEOUT)) {
            if (e)
                *e = why;
            return rc;
        }
        if (rc < 0) {
            log_line(LOG_ERROR, "engine", "%s; it is left out until the config is read again", why.text);
            f->id = 0; /* then its file may be the same, mended */
        } else {
            k->loaded++;
        }
    }
    return engine_files_serve(&k->now, NULL, &k->child, e);
}

static int bring_up(struct engine_keeper *k, bool strict, struct err *e)
{
    int rc = engine_child_start(&k->child, k->listener, e);
    if (rc < 0)
        return rc;
    if (!k->child.walls.system_calls)
        log_line(LOG_WARN, "engine", "the engine runs without its walls: this build has none");
    rc = load_all(k, strict, e);
    if (rc < 0) {
        engine_child_end(&k->child, NULL);
        return rc;
    }
    k->up_since_ms = now_ms();
    atomic_store(&k->up, true);
    return 0;
}

/* `how`: NULL when it is back. */
static void tell_news(struct engine_keeper *k, const char *how)
{
    AUTO_BUF struct buf text = BUF_INIT(NEWS_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&text);
    json_object_begin(&w);
    if (how) {
        json_key(&w, "how"), json_text(&w, how);
        json_key(&w, "again_ms"), json_i64(&w, k->pause_ms);
    } else {
        json_key(&w, "models"), json_i64(&w, (int64_t)k->loaded);
    }
    json_object_end(&w);
    if (json_done(&w) == 0)
        news_tell(k->news, how ? "engine_ended" : "engine_back", buf_str(&text));
}

static void plan_again(struct engine_keeper *k)
{
    k->again_ms = now_ms() + k->pause_ms;
    k->pause_ms = k->pause_ms * 2 < PAUSE_MAX_MS ? k->pause_ms * 2 : PAUSE_MAX_MS;
}

static void bury(struct engine_keeper *k)
{
    char how[64] = "ended";
    int pid = (int)k->child.pid;
    atomic_store(&k->up, false);
    engine_child_end(&k->child, how);
    if (now_ms() - k->up_since_ms >= HEALTH_MS)
        k->pause_ms = PAUSE_FIRST_MS;
    log_line(LOG_ERROR, "engine", "the engine process %d %s; calls under way there have failed, others wait; it is started again in %lld ms", pid, how,
             (long long)k->pause_ms);
    tell_news(k, how);
    plan_again(k);
}

static void start_again(struct engine_keeper *k)
{
    struct err e = {0};
    int64_t pause_ms = k->pause_ms;
    if (bring_up(k, false, &e) < 0) {
        log_line(LOG_ERROR, "engine", "the engine process was not started again: %s; once more in %lld ms", e.text, (long long)pause_ms);
        plan_again(k);
        return;
    }
    (void)atomic_fetch_add(&k->restarts, 1);
    tell_news(k, NULL);
    log_line(LOG_INFO, "engine", "the engine process is started again as %d, with %zu of %zu models", (int)k->child.pid, k->loaded, k->now.count);
}

/* --- the thread that watches ----------------------------------------------------------------------------------------------- */

/* Without the lock: waits for the process to end, for a moment to come, or to be woken. */
static void wait_without(struct engine_keeper *k)
{
    int control = k->child.control; /* only this thread closes it while it runs */
    int64_t left_ms = k->again_ms - now_ms();
    int wait_ms = control >= 0 ? -1 : left_ms > 0 ? (int)left_ms : 0;
    struct pollfd p[] = {{.fd = k->wake, .events = POLLIN}, {.fd = control}};
    (void)pthread_mutex_unlock(&k->lock);
    (void)poll(p, COUNT_OF(p), wait_ms);
    eventfd_t woken;
    (void)eventfd_read(k->wake, &woken);
    (void)pthread_mutex_lock(&k->lock);
}

static void *watch(void *arg)
{
    struct engine_keeper *k = arg;
    (void)pthread_mutex_lock(&k->lock);
    while (!k->closing) {
        wait_without(k);
        if (k->closing)
            break;
        if (k->child.control >= 0 && engine_child_gone(&k->child))
            bury(k);
        else if (k->child.control < 0 && now_ms() >= k->again_ms)
            start_again(k);
    }
    (void)pthread_mutex_unlock(&k->lock);
    return NULL;
}

/* --- opening --------------------------------------------------------------------------------------------------------------- */

/* The first config with an engine in it: socket, process, thread. */
static int begin(struct engine_keeper *k, struct err *e)
{
    AUTO_BUF struct buf address = BUF_INIT(8 * KiB);
    k->path.max = 4 * KiB;
    if (engine_socket_path(&k->path, str_from(k->data_dir)) < 0 || buf_append_format(&address, "unix:%.*s", STR_FMT(buf_str(&k->path))) < 0)
        return err_set(e, ERR_LIMIT, "the data folder's name is too long for the engine's socket in it");
    /* The data folder is ours alone (the ledger's lock), so whoever still listens there is the engine of a daemon that was killed, and about
     * to end: it must not keep this one from starting. */
    if (buf_text(&k->path))
        (void)unlink(k->path.ptr);
    int rc = http_listener_open(&k->listener, buf_str(&address), e);
    if (rc == 0)
        rc = bring_up(k, true, e);
    if (rc < 0)
        return rc;
    k->running = pthread_create(&k->thread, NULL, watch, k) == 0;
    return k->running ? 0 : err_set(e, ERR_NOMEM, "no thread for the engine");
}

static void undo_begin(struct engine_keeper *k)
{
    atomic_store(&k->up, false);
    engine_child_end(&k->child, NULL);
    if (k->listener >= 0) {
        (void)close(k->listener);
        if (buf_text(&k->path))
            (void)unlink(k->path.ptr);
    }
    k->listener = -1;
    buf_fini(&k->path);
}

static void number_all(struct engine_keeper *k, struct engine_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        files->model[i].id = ++k->last_id;
}

int engine_keeper_open(struct engine_keeper **out, const struct config *c, struct str data_dir, struct news *news, struct err *e)
{
    struct engine_keeper *k = new0(struct engine_keeper);
    if (!k)
        return err_set(e, ERR_NOMEM, "engine");
    k->listener = k->child.control = -1;
    k->pause_ms = PAUSE_FIRST_MS;
    k->news = news;
    (void)pthread_mutex_init(&k->lock, NULL);
    k->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->data_dir = mem_alloc(data_dir.len + 1);
    int rc = k->wake < 0 || !k->data_dir ? err_set(e, ERR_NOMEM, "engine") : 0;
    if (rc == 0) {
        memcpy(k->data_dir, data_dir.ptr, data_dir.len);
        k->data_dir[data_dir.len] = '\0';
        rc = engine_files_open(&k->now, c, e);
    }
    number_all(k, &k->now);
    atomic_store(&k->configured, k->now.count > 0);
    if (rc == 0 && k->now.count)
        rc = begin(k, e);
    if (rc < 0)
        engine_keeper_close(k);
    else
        *out = k;
    return rc;
}

struct str engine_keeper_socket(const struct engine_keeper *k)
{
    return k->listener < 0 ? STR_NONE : buf_str(&k->path);
}

void engine_keeper_look(const struct engine_keeper *k, struct gateway_engine *out)
{
    *out = (struct gateway_engine){.configured = atomic_load(&k->configured), .up = atomic_load(&k->up), .restarts = atomic_load(&k->restarts)};
}

void engine_keeper_close(struct engine_keeper *k)
{
    if (!k)
        return;
    if (k->running) {
        (void)pthread_mutex_lock(&k->lock);
        k->closing = true;
        (void)pthread_mutex_unlock(&k->lock);
        (void)eventfd_write(k->wake, 1);
        (void)pthread_join(k->thread, NULL);
    }
    undo_begin(k);
    engine_files_close(&k->now);
    engine_files_close(&k->next);
    if (k->wake >= 0)
        (void)close(k->wake);
    (void)pthread_mutex_destroy(&k->lock);
    mem_free(k->data_dir);
    mem_free(k);
}

/* --- another config -------------------------------------------------------------------------------------------------------- */

/* What is loaded already keeps its number; the rest is loaded beside it. */
static int load_new(struct engine_keeper *k, struct err *e)
{
    int rc = 0;
    bool there[ENGINE_MODELS] = {false};
    for (size_t i = 0; i < k->next.count; i++) {
        struct engine_file *f = &k->next.model[i];
        for (size_t n = 0; n < k->now.count && !f->id; n++)
            f->id = engine_file_same(f, &k->now.model[n]) ? k->now.model[n].id : 0;
        there[i] = f->id != 0;
    }
    for (size_t i = 0; i < k->next.count && rc == 0; i++) {
        if (there[i])
            continue;
        k->next.model[i].id = ++k->last_id;
        rc = engine_file_load(&k->next.model[i], &k->next, &k->child, e);
    }
    return rc < 0 ? rc : engine_files_serve(&k->next, &k->now, &k->child, e);
}

static int offer(struct engine_keeper *k, struct err *e)
{
    int rc = 0;
    if (k->listener < 0 && !k->next.count)
        return 0;
    if (k->listener < 0) {
        rc = begin(k, e); /* with no model yet */
        if (rc < 0)
            undo_begin(k);
    } else if (k->child.control < 0 || engine_child_gone(&k->child)) {
        return err_set(e, ERR_BUSY, "the engine process is being started again; try again in a moment");
    }
    return rc < 0 ? rc : load_new(k, e);
}

int engine_keeper_offer(struct engine_keeper *k, const struct config *c, struct err *e)
{
    int rc = engine_files_open(&k->next, c, e);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&k->lock);
    rc = offer(k, e);
    (void)pthread_mutex_unlock(&k->lock);
    if (rc < 0)
        engine_keeper_settle(k, false);
    return rc;
}

void engine_keeper_settle(struct engine_keeper *k, bool taken)
{
    struct err e = {0};
    (void)pthread_mutex_lock(&k->lock);
    struct engine_files old = taken ? k->now : k->next;
    if (taken)
        k->now = k->next;
    k->next = (struct engine_files){0};
    atomic_store(&k->configured, k->now.count > 0);
    /* When it has just ended, the next one starts with this list anyway. */
    if (k->child.control >= 0 && engine_files_serve(&k->now, NULL, &k->child, &e) < 0 && !engine_child_gone(&k->child))
        log_line(LOG_ERROR, "engine", "the engine process did not take its list of models: %s", e.text);
    (void)pthread_mutex_unlock(&k->lock);
    engine_files_close(&old);
}

/* --- a look beside a running one ------------------------------------------------------------------------------------------- */

int engine_config_try(const struct config *c, struct err *e)
{
    struct engine_files files;
    struct engine_child child;
    int rc = engine_files_open(&files, c, e);
    if (rc < 0 || !files.count)
        return rc;
    rc = engine_child_start(&child, -1, e);
    for (size_t i = 0; i < files.count && rc == 0; i++) {
        files.model[i].id = (int64_t)i + 1;
        rc = engine_file_load(&files.model[i], &files, &child, e);
        if (i + 1 == files.count || rc < 0)
            engine_child_end(&child, NULL);
    }
    engine_files_close(&files);
    return rc;
}
