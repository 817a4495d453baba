/* daemon.c: the first thread of `serve`, once everything runs: it waits for signals and for the service, and does what
 * takes time and must not hold a loop. Signals come through a descriptor, so nothing here runs inside a handler.
 *
 *   SIGTERM, SIGINT   drain: no new connections, calls get `drain:` to end; a second one ends them now */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

void daemon_block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
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

/* True when one of the two has something, false when the time is over. */
static bool wait_for(int a, int b, int64_t until_ms)
{
    struct pollfd fds[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    for (;;) {
        int64_t left_ms = until_ms < 0 ? -1 : until_ms - clock_mono_us(clock_system()) / 1000;
        if (until_ms >= 0 && left_ms <= 0)
            return false;
        if (poll(fds, 2, (int)left_ms) > 0)
            return true;
    }
}

static void drain(struct service *s, int signals, int64_t grace_ms)
{
    log_line(LOG_INFO, "serve", "stopping: calls under way get %lld s; once more to end them now", (long long)(grace_ms / 1000));
    int64_t until_ms = clock_mono_us(clock_system()) / 1000 + grace_ms;
    service_drain(s);
    const char *how = "the time is over: what is left is ended";
    if (wait_for(service_drained_fd(s), signals, until_ms))
        how = next_signal(signals) ? "told twice: what is left is ended" : NULL;
    if (how)
        log_line(LOG_WARN, "serve", "%s", how);
    service_halt(s);
}

int daemon_run(struct service *s)
{
    int signals = open_signals();
    if (signals < 0) {
        service_stop(s, 0);
        return cli_fail("signals cannot be waited for: %m");
    }
    (void)wait_for(signals, -1, -1);
    (void)next_signal(signals);
    drain(s, signals, service_config(s)->drain_ms);
    close(signals);
    return EXIT_OK;
}
