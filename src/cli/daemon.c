/* daemon.c: the first thread of `serve`, once everything runs: it waits for signals and for the service, and does what
 * takes time and must not hold a loop. Signals come through a descriptor, so nothing here runs inside a handler.
 *
 *   SIGTERM, SIGINT   drain: no new connections, calls get `drain:` to end; a second one ends them now
 *   SIGHUP            the config is read again; so it is when the admin API asks */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "mesh/mesh.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { STOP_MS = 10000 }; /* beyond the grace: folding the journal, closing */

struct daemon {
    struct service *service;
    const struct daemon_options *opt;
    int signals;
    int reloads;
};

void daemon_block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int open_signals(void)
{
    sigset_t set;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &set);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The number of the next signal, 0 when there is none. */
static int next_signal(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

static int64_t now_ms(void)
{
    return clock_mono_us(clock_system()) / 1000;
}

/* True when one of them has something, false when the time is over; until_ms -1: no limit. c may be -1: none. */
static bool wait_for(int a, int b, int c, int64_t until_ms)
{
    struct pollfd fds[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}, {.fd = c, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = until_ms < 0 ? -1 : until_ms - now_ms();
        if (until_ms >= 0 && left_ms <= 0)
            return false;
        if (poll(fds, COUNT_OF(fds), (int)left_ms) > 0)
            return true;
    }
}

/* --- another config ------------------------------------------------------------------------------------------------------- */

static void say_lines(enum log_level level, struct str text)
{
    struct str line;
    while (str_cut(&text, '\n', &line))
        if (line.len)
            log_line(level, "config", "%.*s", STR_FMT(line));
}

/* Warnings need the routes; the service makes its own, so this is a look beside it. */
void daemon_say_warnings(const struct config *c)
{
    struct mesh *m;
    if (mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, NULL) < 0)
        return; /* whoever opens the real one tells the error */
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    (void)mesh_warnings(m, &text);
    say_lines(LOG_WARN, buf_str(&text));
    mesh_close(m);
}

void daemon_log(const struct config *c)
{
    bool json = c->log_format == CONFIG_LOG_JSON || (c->log_format == CONFIG_LOG_AUTO && !isatty(STDERR_FILENO));
    log_init((enum log_level)c->log_level, json);
}

static int try_reload(struct daemon *d, struct buf *said, struct err *e)
{
    struct config *c = NULL;
    if (!d->opt->read_config)
        return err_set(e, ERR_UNSUPPORTED, "there is no config here that could be read again");
    int rc = d->opt->read_config(&c, e, d->opt->ctx);
    if (rc == 0 && (rc = service_reload(d->service, c, said, e)) < 0 && e->line) {
        struct err at = *e;
        AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
        if (config_error(&text, c->path, &at) == 0)
            err_set(e, rc, "%.*s", STR_FMT(buf_str(&text)));
    }
    if (rc < 0)
        config_free(c);
    return rc;
}

/* 0 or why not; `text` gets the lines to tell, or the reason. */
static int reload(struct buf *text, void *ctx)
{
    struct daemon *d = ctx;
    struct err e = {0};
    notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us(clock_system()));
    int rc = try_reload(d, text, &e);
    notify_send("READY=1");
    if (rc < 0) {
        log_line(LOG_ERROR, "config", "%s; the config in force stays", e.text);
        service_say_refused(d->service, &e);
        buf_clear(text);
        (void)buf_append_text(text, e.text); /* its ceiling is above any error's length */
        return rc;
    }
    daemon_log(service_config(d->service));
    log_line(LOG_INFO, "config", "read again (%d): in force for new calls; those under way keep theirs", ++d->reloads);
    say_lines(LOG_WARN, buf_str(text));
    daemon_say_warnings(service_config(d->service));
    return 0;
}

/* --- stopping --------------------------------------------------------------------------------------------------------------- */

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* Whoever asks now is a reply under way, and waiting for it would take all the time there is. */
static int too_late(struct buf *text, void *unused)
{
    (void)unused;
    (void)buf_append_text(text, "Hearth is stopping"); /* its ceiling is far above */
    return ERR_CLOSED;
}

static void drain(struct daemon *d)
{
    int64_t grace_ms = service_config(d->service)->drain_ms;
    log_line(LOG_INFO, "serve", "stopping: calls under way get %lld s; once more to end them now",
             (long long)(grace_ms / 1000));
    int64_t until_ms = now_ms() + grace_ms;
    notify_send("STOPPING=1\nSTATUS=Letting calls end\nEXTEND_TIMEOUT_USEC=%lld",
                (long long)(grace_ms + STOP_MS) * 1000);
    service_drain(d->service);
    const char *how = "the time is over: what is left is ended";
    int drained = service_drained_fd(d->service);
    while (how && wait_for(drained, d->signals, service_asked_fd(d->service), until_ms)) {
        service_asked(d->service, too_late, NULL);
        int got = next_signal(d->signals);
        if (got && got != SIGHUP) { /* which is too late for another config */
            how = "told twice: what is left is ended";
            break;
        }
        if (is_readable(drained))
            how = NULL;
    }
    if (how)
        log_line(LOG_WARN, "serve", "%s", how);
    service_halt(d->service);
}

void daemon_pulse(void *unused)
{
    (void)unused;
    notify_send("WATCHDOG=1");
}

int daemon_run(struct service *s, const struct daemon_options *opt)
{
    struct daemon d = {.service = s, .opt = opt, .signals = open_signals()};
    if (d.signals < 0) {
        service_stop(s, 0);
        return cli_fail("signals cannot be waited for: %m");
    }
    notify_send("READY=1\nSTATUS=Serving");
    for (;;) {
        (void)wait_for(d.signals, service_asked_fd(s), -1, -1);
        service_asked(s, reload, &d);
        AUTO_BUF struct buf said = BUF_INIT(16 * KiB);
        int got = next_signal(d.signals);
        if (got == SIGHUP)
            (void)reload(&said, &d); /* told in the log */
        else if (got)
            break;
    }
    drain(&d);
    close(d.signals);
    return EXIT_OK;
}
