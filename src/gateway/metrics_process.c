/* metrics_process.c: what the kernel knows of this process. Small reads of /proc, which never wait for a disk. */
#include "base/buf.h"
#include "gateway/metrics_priv.h"
#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t resident_bytes(void)
{
    AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
    uint64_t pages;
    struct str rest, word;
    if (buf_read_file(&text, "/proc/self/statm", NULL) < 0)
        return -1;
    rest = buf_str(&text);
    bool fine = str_cut(&rest, ' ', &word) && str_cut(&rest, ' ', &word) && str_to_u64(word, &pages);
    return fine ? (int64_t)pages * sysconf(_SC_PAGESIZE) : -1;
}

/* Newer kernels tell the number as the folder's size; on older ones it is counted. */
static int64_t open_fds(void)
{
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return st.st_size;
    DIR *d = opendir("/proc/self/fd");
    if (!d)
        return -1;
    int64_t n = -3; /* ".", "..", and the folder's own */
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static int64_t micros(const struct timeval *t)
{
    return t->tv_sec * INT64_C(1000000) + t->tv_usec;
}

void process_numbers_read(struct process_numbers *out)
{
    struct rusage use;
    struct rlimit limit;
    *out = (struct process_numbers){.cpu_us = -1, .fds_max = -1, .resident_bytes = resident_bytes(), .fds = open_fds()};
    if (getrusage(RUSAGE_SELF, &use) == 0)
        out->cpu_us = micros(&use.ru_utime) + micros(&use.ru_stime);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        out->fds_max = (int64_t)limit.rlim_cur;
}
