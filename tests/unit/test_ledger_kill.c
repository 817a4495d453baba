/* test_ledger_kill.c: what kill -9 leaves: no call that was flushed is lost, none is told twice, and a write that was torn means
 * something at every byte. */
#include "ledger_house.h"
#include <limits.h>

/* --- kill -9 ---------------------------------------------------------------------------------------------------- */

enum { KILL_ROUNDS = 5, IN_FLIGHT = 8, CALLS_MAX = 15000 };

struct report { /* child to parent, after the flush that makes it true; smaller than PIPE_BUF, so whole */
    int32_t n;
    int32_t closed;
};

static void child_report(int fd, int n, int closed)
{
    struct report r = {.n = n, .closed = closed};
    if (write(fd, &r, sizeof r) != sizeof r)
        _exit(3);
}

/* Up to IN_FLIGHT calls at a time, opened and closed as fast as it goes. */
static void child_main(const struct house *parent, int fd, uint64_t seed)
{
    struct house h = {.dir = parent->dir};
    struct rng rng;
    rng_seed(&rng, seed);
    if (house_open(&h, SOON_MS, 32 * KiB) < 0)
        _exit(2);
    int oldest = 0, next = 0;
    while (next < CALLS_MAX) {
        if (next - oldest < IN_FLIGHT && rng_below(&rng, 2)) {
            if (open_call(h.writer, next, "bulk") | open_attempt(h.writer, next, 1, "kimi/b", 600) |
                ledger_flush(h.writer, NULL))
                _exit(4);
            child_report(fd, next++, 0);
        } else if (oldest < next) {
            if (close_attempt(h.writer, oldest, 1, true, used, 123) | close_call(h.writer, oldest, CALL_DONE, "kimi/b", 1) |
                ledger_flush(h.writer, NULL))
                _exit(5);
            child_report(fd, oldest++, 1);
        }
    }
    _exit(0); /* no orderly end either */
}

struct reported {
    bool opened[CALLS_MAX], closed[CALLS_MAX];
    long count;
};

/* Takes reports until `count` of them are here, or the pipe ends. */
static void take_reports(struct reported *all, int fd, long count)
{
    struct report r;
    while (all->count < count && read(fd, &r, sizeof r) == sizeof r) {
        all->count++;
        (r.closed ? all->closed : all->opened)[r.n] = true;
    }
}

/* A kill in the middle of a write leaves its first records without the last ones: a call without its attempt, to which
 * nothing was sent, or an attempt that ended, at its cost, in a call that did not (the test after this one). */
static bool is_torn_cost(const struct usage_call *u, bool opened)
{
    return u->cost_nusd == (u->attempts ? 600 : 0) ? u->attempts || !opened : u->attempts && u->cost_nusd == 123;
}

static void expect_no_less(const struct house *h, const struct reported *r, bool dead)
{
    struct told t = read_books(h, NULL);
    static int8_t outcome[CALLS_MAX]; /* -1: not told */
    memset(outcome, -1, sizeof outcome);
    long surplus = 0, missing = 0, wrong = 0;
    for (size_t i = 0; i < t.count; i++) {
        const struct usage_call *u = &t.call[i].u;
        int n = (int)(u->wall_ms - noon_ms);
        wrong += n < 0 || n >= CALLS_MAX || outcome[n] != -1;
        outcome[n] = (int8_t)u->outcome;
        surplus += !r->opened[n];
        wrong += u->outcome == CALL_DONE ? u->cost_nusd != 123 || u->estimated
                                         : u->outcome != CALL_LOST || !u->estimated || !is_torn_cost(u, r->opened[n]);
        wrong += u->outcome == CALL_LOST && (!dead || r->closed[n]);
    }
    for (int n = 0; n < CALLS_MAX; n++) {
        missing += r->closed[n] && outcome[n] != CALL_DONE;
        missing += dead && r->opened[n] && outcome[n] == -1;
    }
    EXPECT_I64(missing, 0);
    EXPECT_I64(wrong, 0);
    if (dead)
        EXPECT(surplus <= IN_FLIGHT);
    told_free(&t);
}

static void kill_round(uint64_t seed)
{
    struct house h = {.dir = kit_dir_make()};
    static struct reported reported;
    reported = (struct reported){.count = 0};
    struct rng rng;
    rng_seed(&rng, seed);
    int fd[2];
    REQUIRE(pipe2(fd, O_CLOEXEC) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        close(fd[0]); /* or it would wait for itself to read, should the test end first */
        child_main(&h, fd[1], seed);
    }
    close(fd[1]);
    long stops = (long)rng_below(&rng, 5) + 1;
    for (long i = 0; i < stops; i++) { /* readers beside the running writer see all that was reported to them */
        take_reports(&reported, fd[0], reported.count + 1 + (long)rng_below(&rng, 2500));
        expect_no_less(&h, &reported, false);
    }
    EXPECT_I64(kill(child, SIGKILL), 0);
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    take_reports(&reported, fd[0], LONG_MAX);
    close(fd[0]);
    expect_no_less(&h, &reported, true); /* as a reader alone tells it */
    EXPECT_I64(house_open(&h, NEVER_MS, 0), 0);
    expect_no_less(&h, &reported, true);
    house_shut(&h);
    expect_no_less(&h, &reported, true);
    kit_remove(h.dir.path);
}

TEST(kill_9_at_any_moment_loses_no_call_that_was_flushed)
{
    for (uint64_t seed = 1; seed <= KILL_ROUNDS; seed++)
        kill_round(seed);
}

/* The first `bytes` of the only segment of `whole`, as a kill in the middle of a write leaves it. */
static struct house house_torn(struct str segment, size_t bytes)
{
    struct house torn = {.dir = kit_dir_make()};
    char path[256];
    text_format(path, sizeof path, "%s/" LEDGER_JOURNAL_DIR, torn.dir.path);
    EXPECT(mkdir(path, 0700) == 0);
    text_format(path, sizeof path, "%s/" LEDGER_JOURNAL_DIR "/w0-000001.hj", torn.dir.path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && write(fd, segment.ptr, bytes) == (ssize_t)bytes);
    close(fd);
    return torn;
}

static void expect_torn_call(const struct house *h, size_t records, size_t bytes)
{
    static const struct {
        int attempts;
        int64_t cost;
    } by_records[] = {{0}, {0, 0}, {1, 500}, {1, 0}, {2, 600}, {2, 123}, {2, 123}};
    struct told t = read_books(h, NULL);
    const struct usage_call *u = find(&t, 1);
    bool done = records == 6;
    if (t.count != (records ? 1 : 0) ||
        (records && (!u || u->outcome != (done ? CALL_DONE : CALL_LOST) || u->estimated == done ||
                     u->attempts != by_records[records].attempts || u->cost_nusd != by_records[records].cost)))
        test_fail(__FILE__, __LINE__, "cut at byte %zu (%zu records): %zu calls, attempts %d, cost %lld, outcome %d",
                  bytes, records, t.count, u ? u->attempts : -1, u ? (long long)u->cost_nusd : -1,
                  u ? (int)u->outcome : -1);
    told_free(&t);
}

TEST(a_call_torn_anywhere_is_lost_and_charged_what_ended_or_else_its_hold)
{
    struct house h;
    REQUIRE(house_make(&h));
    keeper_stop(h.ledger);
    EXPECT_I64(whole_call(h.writer, 1) | ledger_flush(h.writer, NULL), 0);
    char path[256];
    text_format(path, sizeof path, "%s/" LEDGER_JOURNAL_DIR "/w0-000001.hj", h.dir.path);
    AUTO_BUF struct buf segment = BUF_INIT(64 * KiB);
    REQUIRE(buf_read_file(&segment, path, NULL) == 0);
    size_t end = JOURNAL_HEADER_BYTES, records = 0;
    for (size_t bytes = end; bytes <= segment.len; bytes++) {
        if (bytes > JOURNAL_HEADER_BYTES && bytes == end + journal_record_at(str_skip(buf_str(&segment), end))) {
            end = bytes;
            records++;
        }
        if ((bytes - end) % 16 > 1) /* test_journal reads every cut; here each costs a ledger */
            continue;
        struct house torn = house_torn(buf_str(&segment), bytes);
        expect_torn_call(&torn, records, bytes);
        EXPECT_I64(house_open(&torn, NEVER_MS, 0), 0);
        expect_torn_call(&torn, records, bytes);
        house_remove(&torn);
    }
    EXPECT_I64(records, 6);
    house_remove(&h);
}
