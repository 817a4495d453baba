/* log.h: what the program says to its operator, on standard error: lines for people on a terminal, one JSON object a
 * line otherwise. Content of calls never goes through here. Safe from any thread; a line is one write(2). */
#pragma once
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_init(enum log_level lowest, bool json);
void log_settings(enum log_level *lowest, bool *json); /* for a process of ours that is to log alike */
/* The same from inside a signal handler, of texts put together, up to a NULL; what does not fit a line is left out. */
void log_in_signal(enum log_level level, const char *area, const char *const *text);
void log_line(enum log_level level, const char *area, const char *format, ...) __attribute__((format(printf, 3, 4)));
