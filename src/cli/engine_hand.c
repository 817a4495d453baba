/* engine_hand.c: `hearth engine FILE... --listen ADDRESS`: opens files and address itself, before it shuts itself in. */
#include "base/log.h"
#include "cli/cli_priv.h"
#include "cli/engine_priv.h"
#include "engine/host.h"
#include "gateway/engine_face.h"
#include "net/http_server.h"
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct by_hand {
    struct engine_process process;
    int listener, signals;
    struct loop_io signal_io;
};

/* "/models/llama-3.2-1b.Q4_K_M.gguf" is served as "llama-3.2-1b.Q4_K_M". */
static struct str name_of(const char *path)
{
    struct str name = str_from(path), rest = name, part;
    while (str_cut(&rest, '/', &part))
        name = part;
    return str_ends(name, STR(".gguf")) ? str_slice(name, 0, name.len - 5) : name;
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct by_hand *b = (struct by_hand *)(void *)((char *)io - offsetof(struct by_hand, signal_io));
    loop_stop(b->process.loop);
}

/* Signals as something to read: handlers are none. */
static int watch_signals(struct by_hand *b, struct err *e)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    b->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (b->signals < 0)
        return err_set_errno(e, ERR_IO, errno, "signals");
    return loop_io_add(b->process.loop, &b->signal_io, b->signals, EPOLLIN, on_signal) < 0 ? err_set(e, ERR_NOMEM, "signals") : 0;
}

static int load(struct by_hand *b, const struct engine_asked *a, struct gguf *file, const char *path, struct err *e)
{
    struct str name = a->name ? str_from(a->name) : name_of(path);
    struct host_options o = {.engine = {.kernels = a->kernels, .threads = (size_t)a->threads, .context = (size_t)a->context, .kv_type = kv_type_named(a->kv ? a->kv : "f16")}, .calls_max = (size_t)a->calls,
                             .keep_us = a->keep_us};
    struct err why = {0};
    int rc = engine_process_load(&b->process, file, &o, name, 0, &why);
    if (rc == 0)
        rc = engine_process_serve(&b->process, b->process.loaded, name, &why);
    return rc < 0 ? err_set(e, rc, "%s: %s", path, why.text) : 0;
}

/* Files and sockets first, then the walls, then threads: they are born inside. */
static int start(struct by_hand *b, const struct engine_asked *a, struct err *e)
{
    struct gguf *file[ENGINE_MODELS] = {NULL};
    int rc = engine_process_open(&b->process, e);
    if (rc == 0)
        rc = watch_signals(b, e);
    if (rc == 0)
        rc = http_listener_open(&b->listener, str_from(a->listen), e);
    for (int i = 0; i < a->file_count && rc == 0; i++)
        rc = gguf_open(&file[i], a->file[i], e);
    if (rc == 0)
        rc = engine_process_confine(&b->process, a->open, e);
    for (int i = 0; i < a->file_count; i++) {
        if (rc == 0)
            rc = load(b, a, file[i], a->file[i], e);
        else
            gguf_close(file[i]);
    }
    return rc < 0 ? rc : engine_face_listen(b->process.face, b->listener) < 0 ? err_set(e, ERR_NOMEM, "listening") : 0;
}

int engine_by_hand(const struct engine_asked *a)
{
    struct by_hand b = {.listener = -1, .signals = -1, .signal_io = LOOP_IO_INIT};
    struct err e = {0};
    int rc = start(&b, a, &e);
    if (rc == 0) {
        log_line(LOG_INFO, "engine", "listening on %s", a->listen);
        loop_run(b.process.loop);
    }
    if (b.process.loop)
        loop_io_del(b.process.loop, &b.signal_io);
    engine_process_close(&b.process);
    if (b.listener >= 0)
        (void)close(b.listener);
    if (b.signals >= 0)
        (void)close(b.signals);
    return rc < 0 ? cli_fail_err(&e) : EXIT_OK;
}
