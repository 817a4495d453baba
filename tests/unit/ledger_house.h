/* ledger_house.h: a ledger in a folder of its own, calls to put into it, and its books read back: what the tests of the whole
 * ledger share. */
#pragma once
#include "ledger_kit.h"
#include "test.h"
#include <sys/wait.h>

/* --- a ledger to play with -------------------------------------------------------------------------------------- */

enum { NEVER_MS = -1, SOON_MS = 5, TRIES_MAX = 5000 * SLOWER };
static const int64_t noon_ms = 1795262400000; /* 2026-11-21 12:00 UTC */

struct house {
    struct kit_dir dir;
    struct ledger *ledger;
    struct ledger_writer *writer;
};

static inline int house_open(struct house *h, int64_t fold_every_ms, size_t segment_bytes)
{
    struct ledger_options opt = {.dir = str_from(h->dir.path), .clock = clock_system(), .fold_every_ms = fold_every_ms,
                                 .segment_bytes = segment_bytes};
    int rc = ledger_open(&h->ledger, &opt, NULL);
    return rc < 0 ? rc : ledger_writer_open(&h->writer, h->ledger, 0, NULL);
}

static inline bool house_make(struct house *h)
{
    *h = (struct house){.dir = kit_dir_make()};
    return house_open(h, NEVER_MS, 0) == 0;
}

static inline void house_shut(struct house *h)
{
    ledger_writer_close(h->writer);
    ledger_close(h->ledger);
    h->writer = NULL;
    h->ledger = NULL;
}

static inline void house_remove(struct house *h)
{
    house_shut(h);
    kit_remove(h->dir.path);
}

/* What kill -9 leaves of a ledger that is open: its folder as it stands. The copy has no owner. */
static inline struct house house_copy_dead(const struct house *h)
{
    struct house copy = {.dir = kit_dir_make()};
    char command[256]; /* the copy of a folder is a shell's work */
    text_format(command, sizeof command, "%s/.", h->dir.path);
    pid_t child = fork();
    if (child == 0) {
        execlp("cp", "cp", "-r", command, copy.dir.path, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    (void)waitpid(child, &status, 0);
    EXPECT_I64(status, 0);
    return copy;
}

static inline struct id id_of(int n)
{
    struct id id = {{0}};
    int64_t ms = noon_ms + n;
    for (int i = 0; i < 6; i++)
        id.byte[i] = (uint8_t)(ms >> (40 - 8 * i));
    for (int i = 0; i < 4; i++)
        id.byte[15 - i] = (uint8_t)(n >> 8 * i);
    return id;
}

static inline int open_call(struct ledger_writer *w, int n, const char *job)
{
    struct ledger_call_open r = {.call = id_of(n), .wall_ms = noon_ms + n, .job = str_from(job), .key = STR("laptop"),
                                 .tags = STR("a,b"), .asked = STR("gpt-4o"), .task = STR("t1")};
    return ledger_call_opened(w, &r);
}

static inline int open_attempt(struct ledger_writer *w, int n, int attempt, const char *target, int64_t hold)
{
    struct ledger_attempt_open r = {.call = id_of(n), .attempt = attempt, .wall_ms = noon_ms + n,
                                    .target = str_from(target), .regime = REGIME_CREDIT, .hold_nusd = hold,
                                    .input_estimated = 11, .price_row = 5};
    return ledger_attempt_opened(w, &r);
}

static inline int close_attempt(struct ledger_writer *w, int n, int attempt, bool ok, struct usage u, int64_t cost)
{
    struct ledger_attempt_close r = {.call = id_of(n), .attempt = attempt, .ok = ok, .reason = ok ? STR("done") : STR("rate"),
                                     .usage = u, .cost_nusd = cost, .first_ms = 3, .total_ms = 9};
    return ledger_attempt_closed(w, &r);
}

static inline int close_call(struct ledger_writer *w, int n, enum call_outcome outcome, const char *target, int attempts)
{
    struct ledger_call_close r = {.call = id_of(n), .outcome = outcome, .target = str_from(target), .attempts = attempts,
                                  .http_status = 200, .first_ms = 4, .total_ms = 10};
    return ledger_call_closed(w, &r);
}

static const struct usage used = {.input = 100, .cached = 20, .output = 7, .reasoning = 2, .cost_nusd = -1, .reported = true};
static const struct usage nothing = {.cost_nusd = -1};

/* One call that failed at one target and was answered by the next. */
static inline int whole_call(struct ledger_writer *w, int n)
{
    return open_call(w, n, "bulk") | open_attempt(w, n, 1, "groq/a", 500) | close_attempt(w, n, 1, false, nothing, 0) |
           open_attempt(w, n, 2, "kimi/b", 600) | close_attempt(w, n, 2, true, used, 123) |
           close_call(w, n, CALL_DONE, "kimi/b", 2);
}

/* --- reading it back -------------------------------------------------------------------------------------------- */

enum { TOLD_MAX = 20000, TEXT_MAX = 64 };
struct told_call {
    char call[ID_TEXT_BYTES];
    struct usage_call u; /* its slices point into the texts below */
    char job[TEXT_MAX], target[TEXT_MAX];
};
struct told {
    struct told_call *call;
    size_t count;
    bool sorted;
};

static inline void keep(char out[TEXT_MAX], struct str s)
{
    text_format(out, TEXT_MAX, "%.*s", STR_FMT(s));
}

static inline int tell(const struct usage_call *u, void *ctx)
{
    struct told *t = ctx;
    if (t->count == TOLD_MAX)
        return ERR_LIMIT;
    struct told_call *c = &t->call[t->count];
    if (t->count && strcmp(t->call[t->count - 1].call, u->call) >= 0)
        t->sorted = false;
    c->u = *u;
    memcpy(c->call, u->call, sizeof c->call);
    keep(c->job, u->job);
    keep(c->target, u->target);
    t->count++;
    return 0;
}

static inline struct told read_books(const struct house *h, const struct usage_filter *f)
{
    static const struct usage_filter any = {0};
    struct told t = {.call = new0_array(struct told_call, TOLD_MAX), .sorted = true};
    struct ledger_reader *r = NULL;
    struct err e = {0};
    int rc = ledger_reader_open(&r, str_from(h->dir.path), &e);
    if (rc == 0)
        rc = ledger_calls(r, f ? f : &any, tell, &t, &e);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "reading: %s", e.text);
    EXPECT(t.sorted);
    ledger_reader_close(r);
    return t;
}

static const struct usage_call *find(const struct told *t, int n)
{
    char text[ID_TEXT_BYTES];
    struct id id = id_of(n);
    id_to_text(&id, text);
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->call[i].call, text) == 0)
            return &t->call[i].u;
    return NULL;
}

static inline void told_free(struct told *t)
{
    mem_free(t->call);
}

static inline void expect_whole_call(const struct house *h, int n, const char *where)
{
    struct told t = read_books(h, NULL);
    const struct usage_call *u = find(&t, n);
    if (!u) {
        test_fail(__FILE__, __LINE__, "no call %d %s", n, where);
    } else {
        const struct told_call *c = (const struct told_call *)((const char *)u - offsetof(struct told_call, u));
        EXPECT_STR(str_from(c->job), "bulk");
        EXPECT_STR(str_from(c->target), "kimi/b");
        EXPECT(u->outcome == CALL_DONE && u->attempts == 2 && !u->estimated && u->regime == REGIME_CREDIT);
        EXPECT(u->usage.input == 100 && u->usage.cached == 20 && u->usage.output == 7 && u->usage.reasoning == 2);
        EXPECT(u->cost_nusd == 123 && u->first_ms == 4 && u->total_ms == 10 && u->wall_ms == noon_ms + n);
        EXPECT(u->usage.reported && u->usage.cost_nusd == -1);
    }
    told_free(&t);
}
