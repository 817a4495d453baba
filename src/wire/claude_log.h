/* claude_log.h: the logs that Claude Code keeps of its own sessions: JSON lines, of which those with a message's usage tell
 * what a call used. One answer is logged several times (once per block): entries carry its ids, to count it once. */
#pragma once
#include "wire/wire.h"

struct claude_log_entry {
    int64_t wall_ms;
    struct str model;   /* in the arena, or in the line */
    struct usage usage;
    uint64_t id;        /* of message and request; 0: the line has none */
};
/* False when the line is something else, or malformed. */
bool claude_log_read(struct str line, struct arena *a, struct claude_log_entry *out);
