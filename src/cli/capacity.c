/* capacity.c: how many calls and connections the limit of open files allows. */
#include "cli/cli_priv.h"
#include "config/config.h"
#include <sys/resource.h>

enum {
    FILES_OURS = 128,    /* journal, database, epoll, mailboxes, listeners, resolver: rather too many */
    FILES_MAX = 1048576, /* what Linux allows by default; "unlimited" is not tried */
    FILES_UNKNOWN = 1024,
    CALLS_MIN = 16,
    SPARE_MAX = 256, /* connections beyond one per call: those above the limit of calls are to hear so, not to wait */
};

static int64_t files_max(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return FILES_UNKNOWN;
    struct rlimit raised = files;
    raised.rlim_cur = files.rlim_max < FILES_MAX ? files.rlim_max : FILES_MAX;
    if (raised.rlim_cur > files.rlim_cur && setrlimit(RLIMIT_NOFILE, &raised) == 0)
        files = raised;
    return files.rlim_cur < FILES_MAX ? (int64_t)files.rlim_cur : FILES_MAX;
}

static int64_t at_least(int64_t n, int64_t least)
{
    return n > least ? n : least;
}

struct capacity capacity_find(const struct config *c)
{
    int64_t files = files_max() - FILES_OURS;
    int64_t spare = files / 8 < SPARE_MAX ? files / 8 : SPARE_MAX;
    int64_t calls = at_least((files - spare) / 2, CALLS_MIN); /* a descriptor on each side */
    return (struct capacity){.calls = c->calls_max ? c->calls_max : calls, .connections = calls + at_least(spare, CALLS_MIN)};
}
