/* room.h: how much memory this machine has for us: its own, and what a container or a service unit allows.
 *
 * The files that tell are opened once, since a process that has shut itself in opens none; each look reads them anew. Any thread. */
#pragma once
#include "base/err.h"

struct room;

struct room_files { /* where the system's files lie; NULL: /proc and /sys/fs/cgroup */
    const char *proc, *cgroups;
};

struct room_now {           /* bytes; 0 = not known */
    uint64_t all;           /* the least of the machine's memory and every limit we are under */
    uint64_t available;     /* that could be had now without pushing others out; mapped files count as available */
    uint64_t anonymous;     /* of this process, resident */
    bool limited;           /* `all` is a limit, not the machine */
};

int room_open(struct room **out, const struct room_files *files, struct err *e); /* ERR_NOMEM alone: what is not there is not known */
void room_close(struct room *r);
struct room_now room_look(const struct room *r);

static inline size_t room_mib(uint64_t bytes) /* as people are told it */
{
    return (size_t)(bytes >> 20);
}
