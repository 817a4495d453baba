/* spool.h: bytes that come in piece by piece and are wanted again as one text: few in memory, many in a file.
 *
 * The file has no name (O_TMPFILE, or removed as soon as it is made), is open to nobody else, and is gone with its last descriptor, a
 * crash included; its bytes are mapped for reading, so they are the page cache's and not our memory. A write may wait for a slow disk.
 * The text is at its place for good from spool_settle on, or from spool_expect on when the length is known beforehand. One thread. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/gauge.h"

struct spool {
    struct str dir;       /* where a file is made; borrowed */
    size_t memory_max;    /* beyond this there is a file */
    struct gauge *memory_held, *file_held; /* what is counted where; may be NULL */
    size_t len;           /* of all that came */
    struct buf memory;
    size_t memory_counted, file_counted;
    int fd;               /* -1: no file */
    char *map;            /* of the file; NULL: not yet */
    size_t map_bytes;
};
#define SPOOL_INIT(dir_, memory_max_) ((struct spool){.dir = (dir_), .memory_max = (memory_max_), .fd = -1})

/* All of it will be so many bytes. ERR_BUSY: the gauges are full; ERR_IO, ERR_NOMEM. */
int spool_expect(struct spool *s, size_t bytes, struct err *e);
int spool_append(struct spool *s, struct str bytes, struct err *e); /* the same errors; what came before stays */
int spool_settle(struct spool *s, struct err *e);                   /* nothing more will come */
struct str spool_text(const struct spool *s);                       /* what has come until now; only when it is at its place */
void spool_fini(struct spool *s);
