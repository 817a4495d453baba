/* plan_priv.h: the two halves of `hearth plan`: the plans of the config, and the local logs of a client that goes direct. */
#pragma once
#include "cli/cli_priv.h"

/* `--watch DIR`: what the logs below the folder tell; the exit status. (plan_watch.c) */
int plan_watch(const char *dir, bool json);
/* "14:20", "Wed 14:20" or "2026-12-24 14:20", whichever says it all, in the local zone; "in 1 h 58 min". */
void plan_say_time(struct buf *out, int64_t wall_ms, int64_t now_ms);
void plan_say_in(struct buf *out, int64_t ms);
