/* torn.h: model files are mapped, and one that is cut (or whose disk fails) while it is used ends the process: the kernel sends SIGBUS to
 * whoever touches what is gone. Here that end gets its last words: which file it was, and what to do.
 *
 * What is mapped is known process-wide, as a signal handler can only look at what lies at a fixed place. Any thread. */
#pragma once
#include <stddef.h>

/* `name` outlives the watch. Beyond a few thousand files the last words have no name in them. */
void torn_watch(const void *base, size_t bytes, const char *name);
void torn_forget(const void *base);
/* From now on SIGBUS has last words, on standard error as log_line would have them, before it ends the process as it always does. */
void torn_install(void);
