/* plan_watch.c: `hearth plan --watch DIR`: the use that a client's own logs tell, for those who let Claude Code go to its
 * vendor directly. The logs know tokens and times and nothing of the provider's windows: the 5-hour block is reckoned from the
 * first answer that opens it, and the week is the last seven days. All of it is an estimate, and called one.
 *
 * It looks again every WATCH_MS, reads what was added to the logs and no more, and tells the daemon (plan_feed.c). */
#include "base/json.h"
#include "base/mem.h"
#include "cli/plan_priv.h"
#include "ledger/ledger.h"
#include "wire/claude_log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK_MS = 5 * 3600000,
    LOG_BYTES_MAX = 512 << 20, /* one session's log; larger ones are left out, and said */
    LINE_ARENA_MAX = 64 << 20,
    DEPTH_MAX = 8,
    PATH_BYTES_MAX = 4096,
    ENTRIES_MAX = 4 << 20,     /* answers in eight days */
    LOGS_MAX = 1 << 20,
    READ_BYTES = 1 << 20,
    WATCH_MS = 2000,
    FEED_MS = 600000,          /* the daemon hears of an estimate that stands as often, or takes it for an old one */
};
#define WEEK_MS (7 * INT64_C(86400000))

struct entry {
    int64_t wall_ms, nusd; /* COST_UNKNOWN */
    struct usage usage;
};

struct log { /* how far a file was read */
    dev_t dev;
    ino_t ino;
    off_t at;
};

struct watch {
    struct log *log; /* owned */
    size_t log_count, log_room;
    int64_t from_ms; /* older lines are of no window */
    struct entry *entry; /* owned */
    size_t count, room;
    uint64_t *seen; /* ids, open addressing; owned */
    size_t seen_count, seen_room;
    int64_t files, duplicates, left_out;
    bool block_open;
    int64_t block_ends_ms, fed_ms;
};

struct window {
    int64_t answers, nusd, unknown, from_ms;
    struct usage usage;
};

/* --- collecting ------------------------------------------------------------------------------------------------------------- */

static uint64_t *slot_of(uint64_t *seen, size_t room, uint64_t id)
{
    size_t i = (size_t)(id * 0x9e3779b97f4a7c15u) & (room - 1);
    while (seen[i] && seen[i] != id)
        i = (i + 1) & (room - 1);
    return &seen[i];
}

/* True when it was there; -1 without memory. */
static int remember(struct watch *w, uint64_t id)
{
    if ((w->seen_count + 1) * 2 > w->seen_room) {
        size_t room = w->seen_room ? w->seen_room * 2 : 1024;
        uint64_t *bigger = new0_array(uint64_t, room);
        if (!bigger)
            return -1;
        for (size_t i = 0; i < w->seen_room; i++)
            if (w->seen[i])
                *slot_of(bigger, room, w->seen[i]) = w->seen[i];
        mem_free(w->seen);
        w->seen = bigger;
        w->seen_room = room;
    }
    uint64_t *slot = slot_of(w->seen, w->seen_room, id);
    if (*slot)
        return 1;
    *slot = id;
    w->seen_count++;
    return 0;
}

static int add(struct watch *w, const struct claude_log_entry *e)
{
    struct price price;
    int known = e->id ? remember(w, e->id) : 0;
    if (known) {
        w->duplicates += known > 0;
        return known > 0 ? 0 : ERR_NOMEM;
    }
    if (w->count == w->room) {
        size_t room = w->room ? w->room * 2 : 1024;
        struct entry *bigger = room <= ENTRIES_MAX ? new0_array(struct entry, room) : NULL;
        if (!bigger)
            return ERR_NOMEM;
        if (w->count)
            memcpy(bigger, w->entry, w->count * sizeof *bigger);
        mem_free(w->entry);
        w->entry = bigger;
        w->room = room;
    }
    bool priced = price_find(&price, NULL, 0, STR("anthropic"), e->model, e->wall_ms);
    w->entry[w->count++] = (struct entry){.wall_ms = e->wall_ms, .nusd = priced ? price_cost(&price, &e->usage) : COST_UNKNOWN, .usage = e->usage};
    return 0;
}

static struct log *log_of(struct watch *w, const struct stat *st)
{
    for (size_t i = 0; i < w->log_count; i++)
        if (w->log[i].ino == st->st_ino && w->log[i].dev == st->st_dev)
            return &w->log[i];
    if (w->log_count == w->log_room) {
        size_t room = w->log_room ? w->log_room * 2 : 64;
        struct log *bigger = room <= LOGS_MAX ? new0_array(struct log, room) : NULL;
        if (!bigger)
            return NULL;
        if (w->log_count)
            memcpy(bigger, w->log, w->log_count * sizeof *bigger);
        mem_free(w->log);
        w->log = bigger;
        w->log_room = room;
    }
    w->log[w->log_count] = (struct log){.dev = st->st_dev, .ino = st->st_ino};
    return &w->log[w->log_count++];
}

/* What stands behind `at`. */
static int read_rest(struct buf *out, const char *path, off_t at, off_t end, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
    if (fd < 0)
        return err_set_errno(e, ERR_IO, errno, "opening it");
    while (rc == 0 && at < end) {
        size_t want = (size_t)(end - at) < READ_BYTES ? (size_t)(end - at) : READ_BYTES;
        if ((rc = buf_reserve(out, want)) < 0)
            break;
        ssize_t n = pread(fd, out->ptr + out->len, want, at);
        if (n < 0)
            rc = err_set_errno(e, ERR_IO, errno, "reading it");
        if (n <= 0)
            break;
        out->len += (size_t)n;
        at += n;
    }
    close(fd);
    return rc == ERR_LIMIT ? err_set(e, rc, "it is too large") : rc;
}

static int read_lines(struct watch *w, struct str text)
{
    struct str line;
    int rc = 0;
    while (rc == 0 && str_cut(&text, '\n', &line)) {
        struct arena a = ARENA_INIT(LINE_ARENA_MAX);
        struct claude_log_entry entry;
        if (claude_log_read(line, &a, &entry) && entry.wall_ms >= w->from_ms)
            rc = add(w, &entry);
        arena_fini(&a);
    }
    return rc;
}

/* Whole lines only: the rest is being written, and is read the next time. A file that is shorter than before is another one. */
static int read_log(struct watch *w, const char *path, const struct stat *st)
{
    AUTO_BUF struct buf text = BUF_INIT(LOG_BYTES_MAX);
    struct err e = {0};
    struct log *log = log_of(w, st);
    size_t whole = 0;
    if (!log)
        return ERR_NOMEM;
    w->files++;
    if (st->st_size < log->at)
        log->at = 0;
    if (st->st_size == log->at)
        return 0;
    if (read_rest(&text, path, log->at, st->st_size, &e) < 0) {
        fprintf(stderr, "hearth: %s: %s; it is left out\n", path, e.text);
        w->left_out++;
        log->at = st->st_size;
        return 0;
    }
    for (size_t i = text.len; i > 0 && !whole; i--)
        whole = text.ptr[i - 1] == '\n' ? i : 0;
    log->at += (off_t)whole;
    return read_lines(w, str_slice(buf_str(&text), 0, whole));
}

static int walk(struct watch *w, const char *path, int depth);

/* Links are not followed: a log of somebody else's is none of ours. */
static int look_at(struct watch *w, const char *path, int depth)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return 0; /* it went while we came */
    if (S_ISDIR(st.st_mode))
        return depth < DEPTH_MAX ? walk(w, path, depth + 1) : 0;
    bool log = S_ISREG(st.st_mode) && str_ends(str_from(path), STR(".jsonl"));
    return log && st.st_mtime * INT64_C(1000) >= w->from_ms ? read_log(w, path, &st) : 0;
}

static int walk(struct watch *w, const char *path, int depth)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    int rc = 0;
    while (d && rc == 0 && (entry = readdir(d))) {
        AUTO_BUF struct buf inner = BUF_INIT(PATH_BYTES_MAX);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (buf_append_format(&inner, "%s/%s", path, entry->d_name) == 0 && buf_text(&inner))
            rc = look_at(w, inner.ptr, depth);
        else
            w->left_out++;
    }
    if (d)
        closedir(d);
    return rc;
}

/* --- windows ------------------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->wall_ms > y->wall_ms) - (x->wall_ms < y->wall_ms);
}

static void count(struct window *w, const struct entry *e)
{
    w->answers++;
    w->usage.input += e->usage.input;
    w->usage.cached += e->usage.cached;
    w->usage.cache_write += e->usage.cache_write;
    w->usage.output += e->usage.output;
    if (e->nusd == COST_UNKNOWN)
        w->unknown++;
    else
        w->nusd += e->nusd;
}

/* The block that is open now, if one is: an answer outside the one before opens the next. */
static void reckon(const struct watch *w, int64_t now_ms, struct window *block, struct window *week)
{
    for (size_t i = 0; i < w->count; i++) {
        const struct entry *e = &w->entry[i];
        if (!block->answers || e->wall_ms >= block->from_ms + BLOCK_MS)
            *block = (struct window){.from_ms = e->wall_ms};
        count(block, e);
        if (e->wall_ms > now_ms - WEEK_MS)
            count(week, e);
    }
    week->from_ms = now_ms - WEEK_MS;
    if (block->answers && now_ms >= block->from_ms + BLOCK_MS)
        *block = (struct window){0};
}

/* --- telling ------------------------------------------------------------------------------------------------------------------- */

static void tell(struct buf *out, const char *name, const struct window *w)
{
    (void)buf_append_format(out, "  %-12s ", name);
    cli_count(out, w->answers);
    (void)buf_append_text(out, w->answers == 1 ? " answer, " : " answers, ");
    cli_count(out, w->usage.input);
    (void)buf_append_text(out, " tokens in (");
    cli_count(out, w->usage.cached);
    (void)buf_append_text(out, " of them cached), ");
    cli_count(out, w->usage.output);
    (void)buf_append_text(out, " out; in credits ");
    cli_money(out, w->nusd);
    if (w->unknown)
        (void)buf_append_format(out, " and %lld of unknown price", (long long)w->unknown);
}

static void tell_text(struct buf *out, const char *dir, const struct watch *w, const struct window *block, const struct window *week, int64_t now_ms)
{
    (void)buf_append_format(out, "%s: an estimate from %lld log%s; the provider's own count may differ\n", dir, (long long)w->files,
                            w->files == 1 ? "" : "s");
    tell(out, "5-hour block", block);
    if (block->answers) {
        (void)buf_append_text(out, "; opened ");
        plan_say_time(out, block->from_ms, now_ms);
        (void)buf_append_text(out, ", resets about ");
        plan_say_time(out, block->from_ms + BLOCK_MS, now_ms);
        (void)buf_append_text(out, " (");
        plan_say_in(out, block->from_ms + BLOCK_MS - now_ms);
        (void)buf_append_char(out, ')');
    } else {
        (void)buf_append_text(out, "; none is open");
    }
    (void)buf_append_char(out, '\n');
    tell(out, "last 7 days", week);
    (void)buf_append_char(out, '\n');
}

static void show(struct json_writer *w, const char *name, const struct window *of, int64_t opened_ms, int64_t resets_ms)
{
    char iso[CIVIL_ISO_BYTES];
    const struct {
        const char *key;
        int64_t n;
    } numbers[] = {{"answers", of->answers}, {"input", of->usage.input}, {"cached", of->usage.cached}, {"cache_write", of->usage.cache_write},
                   {"output", of->usage.output}, {"list_nusd", of->nusd}, {"unknown", of->unknown}};
    json_object_begin(w);
    json_key(w, "window");
    json_text(w, name);
    json_key(w, "source");
    json_text(w, "estimate");
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        json_key(w, numbers[i].key);
        json_i64(w, numbers[i].n);
    }
    json_key(w, "opened");
    if (opened_ms)
        civil_iso(opened_ms, iso);
    json_text(w, opened_ms ? iso : NULL);
    json_key(w, "resets");
    if (resets_ms)
        civil_iso(resets_ms, iso);
    json_text(w, resets_ms ? iso : NULL);
    json_object_end(w);
}

static void tell_json(struct buf *out, const struct watch *w, const struct window *block, const struct window *week)
{
    struct json_writer j = JSON_WRITER(out);
    const struct {
        const char *key;
        int64_t n;
    } numbers[] = {{"files", w->files}, {"left_out", w->left_out}, {"duplicates", w->duplicates}};
    json_object_begin(&j);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        json_key(&j, numbers[i].key);
        json_i64(&j, numbers[i].n);
    }
    json_key(&j, "windows");
    json_array_begin(&j);
    show(&j, "5h", block, block->from_ms, block->answers ? block->from_ms + BLOCK_MS : 0);
    show(&j, "7d", week, week->from_ms, 0);
    json_array_end(&j);
    json_object_end(&j);
    (void)buf_append_char(out, '\n');
}

/* --- watching ------------------------------------------------------------------------------------------------------------------- */

/* Those of no window any more make room. */
static void forget_old(struct watch *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++)
        if (w->entry[i].wall_ms >= w->from_ms)
            w->entry[kept++] = w->entry[i];
    w->count = kept;
}

static void feed(struct plan_feed *f, const struct window *block, const struct window *week)
{
    plan_feed_send(f, block->nusd, block->answers ? block->from_ms + BLOCK_MS : 0, week->nusd);
}

/* 1: it is told; 0: nothing is new. */
static int look_once(struct watch *w, const struct plan_watch_options *opt, struct plan_feed *f)
{
    int64_t now_ms = clock_wall_ms(clock_system());
    struct window block = {0}, week = {0};
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    bool first = w->from_ms == 0;
    size_t before = w->count;
    w->from_ms = now_ms - WEEK_MS - BLOCK_MS; /* a block may have opened before the week did */
    w->files = 0;
    int rc = walk(w, opt->dir, 0);
    if (rc < 0)
        return cli_fail("out of memory: there is more in the logs than fits") ? ERR_NOMEM : 0;
    bool fresh = first || w->count != before || (w->block_open && now_ms >= w->block_ends_ms);
    if (!fresh && now_ms - w->fed_ms < FEED_MS)
        return 0;
    forget_old(w);
    if (w->count)
        qsort(w->entry, w->count, sizeof *w->entry, compare);
    reckon(w, now_ms, &block, &week);
    w->block_open = block.answers > 0;
    w->block_ends_ms = block.from_ms + BLOCK_MS;
    w->fed_ms = now_ms;
    feed(f, &block, &week);
    if (!fresh)
        return 0;
    opt->json ? tell_json(&out, w, &block, &week) : tell_text(&out, opt->dir, w, &block, &week, now_ms);
    return cli_print(buf_str(&out)) == EXIT_OK && fflush(stdout) == 0 ? 1 : ERR_IO;
}

int plan_watch(const struct plan_watch_options *opt)
{
    struct watch w = {.from_ms = 0};
    struct plan_feed f = {.upstream = opt->upstream, .config = opt->config, .data = opt->data};
    struct stat st;
    int rc = 0;
    if (stat(opt->dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return cli_fail("%s is no folder; Claude Code keeps its logs in ~/.claude/projects", opt->dir);
    while ((rc = look_once(&w, opt, &f)) >= 0 && !opt->once)
        (void)poll(NULL, 0, WATCH_MS); /* a signal ends the program, as any that waits */
    mem_free(w.log);
    mem_free(w.entry);
    mem_free(w.seen);
    return rc < 0 ? EXIT_FAILED : EXIT_OK;
}
