/* notify.c: tells the service manager how we are (systemd's sd_notify protocol): datagrams of lines to the socket named in
 * $NOTIFY_SOCKET; a leading `@` means the abstract namespace. Without that variable nothing happens. Losing a datagram is
 * nothing to wait for or to fail on: the manager's own time-outs are there for that. */
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct {
    int fd; /* 0: nobody wants to know */
    struct sockaddr_un to;
    socklen_t to_bytes;
} manager; /* written once, before any thread starts */

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    if (len < 2)
        return;
    if ((path[0] != '/' && path[0] != '@') || len >= sizeof manager.to.sun_path) {
        log_line(LOG_WARN, "serve", "$NOTIFY_SOCKET is no unix socket: the service manager is told nothing");
        return;
    }
    manager.to.sun_family = AF_UNIX;
    memcpy(manager.to.sun_path, path, len);
    if (path[0] == '@')
        manager.to.sun_path[0] = '\0';
    manager.to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    manager.fd = fd > 0 ? fd : 0;
}

void notify_send(const char *format, ...)
{
    if (!manager.fd)
        return;
    AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
    va_list args;
    va_start(args, format);
    int rc = buf_append_format_v(&text, format, args);
    va_end(args);
    if (rc == 0)
        (void)sendto(manager.fd, text.ptr, text.len, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&manager.to,
                     manager.to_bytes);
}

int64_t notify_watchdog_ms(void)
{
    const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us = 0, whose = getpid();
    if (!manager.fd || !interval || !str_to_i64(str_from(interval), &us) || (pid && !str_to_i64(str_from(pid), &whose)))
        return 0;
    return us > 0 && whose == getpid() ? us / 1000 : 0;
}
