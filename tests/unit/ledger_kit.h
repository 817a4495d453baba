/* ledger_kit.h: what the tests of the ledger and the fuzzer of its journal share: a folder of their own, records to
 * write, and comparison of records member by member. */
#pragma once
#include "ledger/ledger_priv.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- records ---------------------------------------------------------------------------------------------------- */

static inline int kit_record_put(struct buf *out, const struct record *r)
{
    switch (r->type) {
    case RECORD_CALL_OPEN:
        return record_put_call_open(out, &r->call_open);
    case RECORD_ATTEMPT_OPEN:
        return record_put_attempt_open(out, &r->attempt_open);
    case RECORD_ATTEMPT_CLOSE:
        return record_put_attempt_close(out, &r->attempt_close);
    case RECORD_CALL_CLOSE:
        return record_put_call_close(out, &r->call_close);
    case RECORD_PLAN:
        return record_put_plan(out, &r->plan);
    }
    return ERR_INVALID;
}

static inline bool kit_usage_eq(const struct usage *a, const struct usage *b)
{
    return a->input == b->input && a->cached == b->cached && a->cache_write == b->cache_write &&
           a->output == b->output && a->reasoning == b->reasoning && a->cost_nusd == b->cost_nusd &&
           a->reported == b->reported;
}

static inline bool kit_record_eq(const struct record *a, const struct record *b)
{
    if (a->type != b->type || !id_eq(&a->call, &b->call))
        return false;
    const struct ledger_call_open *co = &a->call_open, *co2 = &b->call_open;
    const struct ledger_attempt_open *ao = &a->attempt_open, *ao2 = &b->attempt_open;
    const struct ledger_attempt_close *ac = &a->attempt_close, *ac2 = &b->attempt_close;
    const struct ledger_call_close *cc = &a->call_close, *cc2 = &b->call_close;
    const struct ledger_plan_state *ps = &a->plan, *ps2 = &b->plan;
    switch (a->type) {
    case RECORD_CALL_OPEN:
        return co->wall_ms == co2->wall_ms && co->op == co2->op && co->home == co2->home && str_eq(co->job, co2->job) &&
               str_eq(co->asked, co2->asked) && str_eq(co->key, co2->key) && str_eq(co->tags, co2->tags) &&
               str_eq(co->task, co2->task);
    case RECORD_ATTEMPT_OPEN:
        return ao->attempt == ao2->attempt && ao->wall_ms == ao2->wall_ms && str_eq(ao->target, ao2->target) &&
               ao->regime == ao2->regime && ao->hold_nusd == ao2->hold_nusd &&
               ao->input_estimated == ao2->input_estimated && ao->price_row == ao2->price_row;
    case RECORD_ATTEMPT_CLOSE:
        return ac->attempt == ac2->attempt && ac->ok == ac2->ok && str_eq(ac->reason, ac2->reason) &&
               kit_usage_eq(&ac->usage, &ac2->usage) && ac->cost_nusd == ac2->cost_nusd &&
               ac->billed == ac2->billed && ac->first_ms == ac2->first_ms && ac->total_ms == ac2->total_ms;
    case RECORD_CALL_CLOSE:
        return cc->outcome == cc2->outcome && str_eq(cc->target, cc2->target) && cc->attempts == cc2->attempts &&
               cc->http_status == cc2->http_status && cc->first_ms == cc2->first_ms && cc->total_ms == cc2->total_ms &&
               str_eq(cc->story, cc2->story);
    case RECORD_PLAN:
        return ps->wall_ms == ps2->wall_ms && ps->version == ps2->version && ps->holder == ps2->holder &&
               str_eq(ps->upstream, ps2->upstream) && str_eq(ps->state, ps2->state);
    }
    return false;
}

/* --- folders ---------------------------------------------------------------------------------------------------- */

struct kit_dir {
    char path[64];
};

static inline struct kit_dir kit_dir_make(void)
{
    struct kit_dir d;
    text_format(d.path, sizeof d.path, "%s", "/tmp/hearth-ledger-XXXXXX");
    if (!mkdtemp(d.path))
        d.path[0] = '\0';
    return d;
}

static inline void kit_join(char out[256], const char *a, const char *b)
{
    text_format(out, 256, "%s/%s", a, b);
}

static inline void kit_remove(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char inner[256];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        kit_join(inner, path, entry->d_name);
        if (unlink(inner) != 0)
            kit_remove(inner);
    }
    if (dir)
        closedir(dir);
    (void)rmdir(path);
}

static inline bool kit_exists(const char *dir, const char *name)
{
    char path[256];
    kit_join(path, dir, name);
    return access(path, F_OK) == 0;
}

/* How many files of that ending are in dir/journal. */
static inline int kit_count_files(const char *dir, const char *ending)
{
    char path[256];
    kit_join(path, dir, "journal");
    DIR *d = opendir(path);
    struct dirent *entry;
    int count = 0;
    while (d && (entry = readdir(d)))
        count += str_ends(str_from(entry->d_name), str_from(ending));
    if (d)
        closedir(d);
    return count;
}

/* Gives other threads a moment; the caller loops, bounded, on what it waits for. */
static inline void kit_pause(void)
{
    (void)poll(NULL, 0, 2);
}

/* Files of this process cannot grow beyond that; RLIM_INFINITY lifts it. */
static inline void kit_limit_files(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    (void)setrlimit(RLIMIT_FSIZE, &limit);
}
