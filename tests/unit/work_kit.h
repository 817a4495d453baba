/* work_kit.h: how much a test has computed, whatever else the machine has to do: for promises that something hostile takes no time. */
#pragma once
#include <time.h>

static inline double cpu_seconds(void) /* of all threads of this process */
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
