/* scenario_limits.c: what the running binary may have, and what it has: a disk that fills up, and its memory. */
#include "base/mem.h"
#include "scenario.h"
#include <errno.h>
#include <sys/resource.h>

/* disk full | disk free: a limit on the size of files, which every write to a file on disk runs into from now on (EFBIG
 * where a full disk says ENOSPC). Unlike a small file system it needs no privileges. */
bool disk_verb(struct scenario *s, struct words *w)
{
    struct rlimit r;
    bool full = words_take(w, "full");
    if (!s->pid || (!full && !words_take(w, "free")))
        return scenario_fail(s, "disk full|free, of a running binary");
    if (prlimit(s->pid, RLIMIT_FSIZE, NULL, &r) != 0)
        return scenario_fail(s, "cannot read its limits: %s", strerror(errno));
    r.rlim_cur = full ? 1 : r.rlim_max; /* 0 would do as well for new files; 1 also cuts what is written */
    return prlimit(s->pid, RLIMIT_FSIZE, &r, NULL) == 0 ||
           scenario_fail(s, "cannot set its limits: %s", strerror(errno));
}

static bool memory_kib(struct scenario *s, int64_t *out)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    struct err e = {0};
    char *path = arena_format(&s->arena, "/proc/%d/status", (int)s->pid);
    if (!s->pid || !path || buf_read_file(&text, path, &e) != 0)
        return scenario_fail(s, "the binary's memory cannot be read");
    struct str rest = buf_str(&text), line, key;
    while (str_cut(&rest, '\n', &line))
        if (str_cut(&line, ':', &key) && str_eq(key, STR("RssAnon"))) {
            line = str_trim(line);
            return str_to_i64(str_slice(line, 0, line.len > 3 ? line.len - 3 : 0), out) || /* "1234 kB" */
                   scenario_fail(s, "the binary's memory cannot be read");
        }
    return scenario_fail(s, "this kernel does not tell anonymous memory");
}

/* memory: remembers what the binary has now. */
bool memory_verb(struct scenario *s, struct words *w)
{
    (void)w;
    return memory_kib(s, &s->memory_kib);
}

/* expect memory grown under KIB: since the last `memory`. */
bool expect_memory(struct scenario *s, struct words *w)
{
    int64_t limit, now;
    if (!words_take(w, "grown") || !words_take(w, "under") || !words_number(w, &limit))
        return scenario_fail(s, "expect memory grown under KIB");
    if (SANITIZED)
        return true; /* a sanitizer keeps what is freed, and much of its own */
    return memory_kib(s, &now) &&
           (now - s->memory_kib < limit || scenario_fail(s, "expected less than %lld KiB more memory, got %lld",
                                                         (long long)limit, (long long)(now - s->memory_kib)));
}
