/* room.c: /proc/meminfo, and the limits of the control groups we are in, of either version of the interface.
 *
 * A limit holds for all below it, so every folder from ours up to the top is looked at. In a container the folder that /proc/self/cgroup
 * names may not exist under its own /sys/fs/cgroup; then the top one is ours. */
#include "engine/room.h"
#include "base/buf.h"
#include "base/mem.h"
#include <fcntl.h>
#include <unistd.h>

enum { LEVELS_MAX = 16, TEXT_MAX = 64 * 1024, PATH_MAX_BYTES = 4096 };

struct version { /* of the interface: names of its files and keys */
    const char *folder, *limit, *usage, *active, *inactive;
};
static const struct version versions[] = {
    {"", "memory.max", "memory.current", "active_file ", "inactive_file "},
    {"/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file ", "total_inactive_file "},
};

struct level {
    const struct version *version;
    int limit, usage, stat; /* descriptors */
};

struct room {
    int meminfo, statm;
    struct level level[LEVELS_MAX];
    size_t level_count;
};

static int open_in(const char *folder, size_t folder_len, const char *name)
{
    char path[PATH_MAX_BYTES];
    if (folder_len + strlen(name) + 2 > sizeof path)
        return -1;
    (void)text_format(path, sizeof path, "%.*s/%s", (int)folder_len, folder, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* From the beginning, whatever was read before. Empty when it cannot be read. */
static struct str read_again(int fd, char text[TEXT_MAX])
{
    size_t len = 0;
    ssize_t n = 0;
    while (fd >= 0 && len < TEXT_MAX && (n = pread(fd, text + len, TEXT_MAX - len, (off_t)len)) > 0)
        len += (size_t)n;
    return str_of(text, n < 0 ? 0 : len);
}

/* The number behind `key` at the beginning of a line; 0 when there is none. */
static uint64_t number_of(struct str text, const char *key)
{
    struct str line;
    uint64_t n = 0;
    while (str_cut(&text, '\n', &line)) {
        if (!str_starts(line, str_from(key)))
            continue;
        struct str rest = str_trim(str_skip(line, strlen(key))), digits;
        (void)str_cut(&rest, ' ', &digits);
        return str_to_u64(digits, &n) ? n : 0;
    }
    return 0;
}

/* --- opening ----------------------------------------------------------------------------------------------------------------------- */

static void level_close(struct level *l)
{
    const int fd[] = {l->limit, l->usage, l->stat};
    for (size_t i = 0; i < COUNT_OF(fd); i++)
        if (fd[i] >= 0)
            (void)close(fd[i]);
}

static void open_level(struct room *r, const struct version *v, const char *folder, size_t len)
{
    struct level l = {v, open_in(folder, len, v->limit), open_in(folder, len, v->usage), open_in(folder, len, "memory.stat")};
    if (l.limit >= 0 && l.usage >= 0 && r->level_count < LEVELS_MAX)
        r->level[r->level_count++] = l;
    else
        level_close(&l);
}

/* `path` below the top, then each folder above it. */
static void open_levels(struct room *r, const struct version *v, const char *top, struct str path)
{
    char folder[PATH_MAX_BYTES];
    size_t root = strlen(top) + strlen(v->folder);
    if (root + path.len + 1 > sizeof folder)
        path.len = 0;
    size_t len = text_format(folder, sizeof folder, "%s%s%.*s", top, v->folder, STR_FMT(path));
    while (len > root) {
        open_level(r, v, folder, len);
        while (len > root && folder[--len] != '/') {
        }
    }
    open_level(r, v, folder, root);
}

/* Lines like "4:memory:/system.slice/hearth.service", or "0::/hearth" of the second version. */
static void open_groups(struct room *r, const char *proc, const char *top)
{
    char text[TEXT_MAX];
    int fd = open_in(proc, strlen(proc), "self/cgroup");
    struct str rest = read_again(fd, text), line, number, kinds;
    while (str_cut(&rest, '\n', &line)) {
        if (!str_cut(&line, ':', &number) || !str_cut(&line, ':', &kinds))
            continue;
        if (kinds.len == 0 && str_eq(number, STR("0")))
            open_levels(r, &versions[0], top, line);
        for (struct str kind; str_cut(&kinds, ',', &kind);)
            if (str_eq(kind, STR("memory")))
                open_levels(r, &versions[1], top, line);
    }
    if (fd >= 0)
        (void)close(fd);
}

int room_open(struct room **out, const struct room_files *files, struct err *e)
{
    const char *proc = files && files->proc ? files->proc : "/proc", *top = files && files->cgroups ? files->cgroups : "/sys/fs/cgroup";
    struct room *r = new0(struct room);
    if (!r)
        return err_set(e, ERR_NOMEM, "memory of this machine");
    r->meminfo = open_in(proc, strlen(proc), "meminfo");
    r->statm = open_in(proc, strlen(proc), "self/statm");
    open_groups(r, proc, top);
    *out = r;
    return 0;
}

void room_close(struct room *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->level_count; i++)
        level_close(&r->level[i]);
    if (r->meminfo >= 0)
        (void)close(r->meminfo);
    if (r->statm >= 0)
        (void)close(r->statm);
    mem_free(r);
}

/* --- looking ----------------------------------------------------------------------------------------------------------------------- */

static void look_at_level(const struct level *l, struct room_now *now)
{
    char text[TEXT_MAX];
    uint64_t limit, usage;
    if (!str_to_u64(str_trim(read_again(l->limit, text)), &limit) || limit >= now->all || !now->all) /* "max", or beyond the machine */
        limit = 0;
    if (!str_to_u64(str_trim(read_again(l->usage, text)), &usage) || !limit)
        return;
    struct str stat = read_again(l->stat, text);
    uint64_t files = number_of(stat, l->version->active) + number_of(stat, l->version->inactive);
    usage -= files < usage ? files : usage; /* they give way */
    uint64_t left = usage < limit ? limit - usage : 0;
    now->all = limit;
    now->limited = true;
    now->available = left < now->available ? left : now->available;
}

struct room_now room_look(const struct room *r)
{
    char text[TEXT_MAX];
    struct str meminfo = read_again(r->meminfo, text);
    struct room_now now = {.all = number_of(meminfo, "MemTotal:") * 1024, .available = number_of(meminfo, "MemAvailable:") * 1024};
    struct str statm = read_again(r->statm, text), word;
    uint64_t page[3] = {0}; /* size, resident, of files */
    for (size_t i = 0; i < COUNT_OF(page) && str_cut(&statm, ' ', &word); i++)
        (void)str_to_u64(word, &page[i]);
    now.anonymous = (page[1] > page[2] ? page[1] - page[2] : 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < r->level_count; i++)
        look_at_level(&r->level[i], &now);
    return now;
}
