/* engine.c: `hearth engine`: the process that computes. It opens what it needs, shuts itself in, and answers on sockets.
 *
 * Two ways to start it. By hand: model files and an address. By the daemon: a listening socket and a control socket it inherits,
 * over which models come as open descriptors; then not even their files are opened here. */
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "engine/confine.h"
#include "engine/host.h"
#include "gateway/engine_face.h"
#include "net/http_server.h"
#include "net/loop.h"
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { MODELS_MAX = 32 };

struct asked {
    const char *listen, *kernels, *name;
    int64_t threads, context, calls;
    bool open; /* not shut in */
    char **file;
    int file_count;
};

struct process {
    struct loop *loop;
    struct engine_face *face;
    struct host *host[MODELS_MAX];
    int host_count, listener, signals;
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

static int open_model(struct process *p, const struct asked *a, struct str name, struct gguf *file, struct err *e)
{
    struct host_options o = {.engine = {.kernels = a->kernels, .threads = (size_t)a->threads, .context = (size_t)a->context}, .calls_max = (size_t)a->calls};
    int rc = host_open(&p->host[p->host_count], file, &o, clock_system(), e);
    if (rc < 0)
        return rc;
    struct host *h = p->host[p->host_count++];
    struct engine_memory m = engine_memory(host_engine(h));
    log_line(LOG_INFO, "engine", "model %.*s: %s, weights %llu MiB, up to %llu MiB for what is read (%zu tokens), %llu MiB for steps", STR_FMT(name),
              host_engine(h)->kernels->name, (unsigned long long)(m.weights >> 20), (unsigned long long)(m.kv >> 20), host_context(h),
              (unsigned long long)(m.work >> 20));
    struct str note = host_note(h);
    const char *warning = tokenizer_warning(host_tokenizer(h));
    if (note.len)
        log_line(LOG_WARN, "engine", "model %.*s: %.*s", STR_FMT(name), STR_FMT(note));
    if (warning)
        log_line(LOG_WARN, "engine", "model %.*s: %s", STR_FMT(name), warning);
    return engine_face_add(p->face, name, h, e);
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    (void)events;
    struct process *p = (struct process *)((char *)io - offsetof(struct process, signal_io));
    loop_stop(p->loop);
}

/* Signals as something to read: handlers are none. */
static int watch_signals(struct process *p, struct err *e)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return p->signals < 0 ? err_set_errno(e, ERR_IO, errno, "signals") : loop_io_add(p->loop, &p->signal_io, p->signals, 1 /* EPOLLIN */, on_signal);
}

static int shut_in(const struct asked *a, struct err *e)
{
    struct confinement c;
    if (a->open || !confine_available()) {
        log_line(LOG_WARN, "engine", "the engine is not shut in: %s", a->open ? "--open was given" : "this build cannot");
        return 0;
    }
    int rc = confine_self(&c, e);
    if (rc == 0)
        log_line(LOG_INFO, "engine", "shut in: system calls limited, no new privileges, %s",
                  c.network_namespace ? "a network of its own with nothing in it" : "no network namespace (this system does not let us make one)");
    return rc;
}

/* Files and sockets first, then the walls, then threads: they are born inside. */
static int start(struct process *p, const struct asked *a, struct err *e)
{
    struct gguf *file[MODELS_MAX] = {NULL};
    int rc = loop_open(&p->loop, &(struct loop_options){.clock = clock_system()}, e);
    if (rc == 0)
        rc = watch_signals(p, e);
    if (rc == 0)
        rc = engine_face_open(&p->face, p->loop, e);
    if (rc == 0)
        rc = http_listener_open(&p->listener, str_from(a->listen), e);
    for (int i = 0; i < a->file_count && rc == 0; i++)
        rc = gguf_open(&file[i], a->file[i], e);
    if (rc == 0)
        rc = shut_in(a, e);
    for (int i = 0; i < a->file_count; i++) {
        if (rc == 0)
            rc = open_model(p, a, a->name ? str_from(a->name) : name_of(a->file[i]), file[i], e);
        else
            gguf_close(file[i]);
    }
    if (rc == 0)
        rc = engine_face_listen(p->face, p->listener);
    return rc;
}

static void stop(struct process *p)
{
    for (int i = 0; i < p->host_count; i++)
        host_stop(p->host[i]); /* every call ends; what they say is still to be heard */
    for (int turns = 0; p->face && engine_face_busy(p->face) && turns < 1000; turns++)
        loop_turn(p->loop, 10);
    engine_face_close(p->face);
    for (int i = 0; i < p->host_count; i++)
        host_close(p->host[i]);
    if (p->loop)
        loop_io_del(p->loop, &p->signal_io);
    loop_close(p->loop);
    if (p->listener >= 0)
        (void)close(p->listener);
    if (p->signals >= 0)
        (void)close(p->signals);
}

static const char details[] =
    "The process opens its files and its address, and then gives up what it does not need: it cannot connect to anything, open another file\n"
    "or start a program; `hearth doctor --fence` shows it. It has no keys and no ledger: put `hearth serve` in front, or listen on a unix\n"
    "socket. Models are served under their file names without .gguf.";

static int run(int argc, char **argv)
{
    struct asked a = {.listen = "127.0.0.1:4243"};
    const struct cli_option options[] = {
        {'l', "listen", "ADDRESS", "HOST:PORT or unix:/path (127.0.0.1:4243)", OPTION_TEXT, &a.listen},
        {'n', "name", "NAME", "serve the one model under this name", OPTION_TEXT, &a.name},
        {'c', "context", "N", "tokens of all calls together that are kept in memory (what the model was trained for)", OPTION_NUMBER, &a.context},
        {0, "calls", "N", "calls that are computed at once (8)", OPTION_NUMBER, &a.calls},
        {0, "threads", "N", "threads (one for each core)", OPTION_NUMBER, &a.threads},
        {0, "kernels", "NAME", "ref, or a level of this machine such as avx2 (the best)", OPTION_TEXT, &a.kernels},
        {0, "open", NULL, "do not shut the process in (for debugging)", OPTION_FLAG, &a.open},
    };
    int words;
    int end = cli_parse(&command_engine, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (words < 1 || words > MODELS_MAX)
        return cli_usage_error(&command_engine, words ? "%d model files at most" : "which model files?", MODELS_MAX);
    if (a.name && words > 1)
        return cli_usage_error(&command_engine, "--name is for one model");
    if (a.threads < 0 || a.threads > POOL_THREADS_MAX || a.context < 0 || a.calls < 0 || a.calls > 256)
        return cli_usage_error(&command_engine, "a number is out of its range");
    a.file = argv;
    a.file_count = words;
    struct process p = {.listener = -1, .signals = -1, .signal_io = LOOP_IO_INIT};
    struct err e = {0};
    int rc = start(&p, &a, &e);
    if (rc == 0) {
        log_line(LOG_INFO, "engine", "listening on %s", a.listen);
        loop_run(p.loop);
    }
    stop(&p);
    return rc < 0 ? cli_fail_err(&e) : EXIT_OK;
}

const struct cli_command command_engine = {
    .name = "engine", .synopsis = "FILE... [options]", .summary = "serve model files from a process that is shut in", .run = run,
};
