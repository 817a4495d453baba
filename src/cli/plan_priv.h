/* plan_priv.h: the two halves of `hearth plan`: the plans of the config, and the local logs of a client that goes direct. */
#pragma once
#include "cli/cli_priv.h"

struct plan_watch_options {
    const char *dir, *upstream, *config, *data; /* all but the first may be NULL */
    bool json, once;
};
/* `--watch DIR`: what the logs below the folder tell, again whenever it is more; the exit status. (plan_watch.c) */
int plan_watch(const struct plan_watch_options *opt);

/* The daemon's ear. (plan_feed.c) */
struct plan_feed {
    const char *upstream, *config, *data; /* may be NULL */
    char said[300]; /* why it could not be told, last; "" */
};
/* Nano-dollars at list prices of the block that is open, when it ends (0: none is), and of the last seven days. */
void plan_feed_send(struct plan_feed *f, int64_t block_nusd, int64_t resets_ms, int64_t week_nusd);
/* "14:20", "Wed 14:20" or "2026-12-24 14:20", whichever says it all, in the local zone; "in 1 h 58 min". */
void plan_say_time(struct buf *out, int64_t wall_ms, int64_t now_ms);
void plan_say_in(struct buf *out, int64_t ms);
