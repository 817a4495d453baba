/* scenario_elsewhere.c: clients that do not call from this machine, as the binary sees it: they connect from an address
 * that is not loopback. `elsewhere` at the top of a scenario gives it a network of its own (a namespace) whose loopback
 * device has one such address more. Where that is not allowed, an address of this machine's own network card does. */
#include "scenario.h"
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ELSEWHERE 0x0a4d0001u /* 10.77.0.1 */

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* As somebody else than root, a namespace of users comes first, in which we stay who we are. */
static bool leave_network(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (uid == 0)
        return unshare(CLONE_NEWNET) == 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return false;
    (void)text_format(map, sizeof map, "%u %u 1", uid, uid);
    bool ok = write_file("/proc/self/uid_map", map) && write_file("/proc/self/setgroups", "deny");
    (void)text_format(map, sizeof map, "%u %u 1", gid, gid);
    return ok && write_file("/proc/self/gid_map", map);
}

static bool furnish(void)
{
    struct ifreq up = {.ifr_name = "lo"}, more = {.ifr_name = "lo:1"};
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(ELSEWHERE)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(&more.ifr_addr, &a, sizeof a);
    bool ok = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &up) == 0;
    up.ifr_flags |= IFF_UP;
    ok = ok && ioctl(fd, SIOCSIFFLAGS, &up) == 0 && ioctl(fd, SIOCSIFADDR, &more) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static uint32_t own_address(void)
{
    struct ifaddrs *all = NULL;
    uint32_t found = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
            continue;
        uint32_t address = ntohl(((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr.s_addr);
        found = address >> 24 != 127 ? address : 0;
    }
    freeifaddrs(all);
    return found;
}

bool elsewhere_verb(struct scenario *s, struct words *w)
{
    (void)w;
    if (s->sim || s->reserved_fd >= 0)
        return scenario_fail(s, "`elsewhere` comes first: sockets stay in the network they were made in");
    if (leave_network())
        s->elsewhere = furnish() ? ELSEWHERE : 0;
    else
        s->elsewhere = own_address();
    return s->elsewhere ||
           scenario_fail(s, "no network of our own (%s), and no address beside loopback", strerror(errno));
}
