/* books_bench.c: what the books of one call cost, in one process and without sockets: on the loop's thread (four records,
 * two flushes) and on the ledger's own (read back, put into the database, committed, synced). CPU time of the thread, user
 * and system, so that a busy machine changes it little. Prints medians of several rounds, microseconds a call.
 *
 * Calls come in batches as large as a fold finds them: BATCH_CALLS is 300 calls a second for two seconds. */
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 15, BATCHES = 10, BATCH_CALLS = 600, NEVER_MS = -1 };

static int64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void need(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "bench_books: %s\n", e->text);
    exit(1);
}

static int one_call(struct ledger_writer *w, struct id_source *ids, int64_t wall_ms, struct err *e)
{
    struct id call = id_next(ids, wall_ms);
    struct ledger_call_open open = {
        .call = call, .wall_ms = wall_ms, .job = STR("bulk"), .asked = STR("gpt-4o"), .key = STR("laptop")};
    struct ledger_attempt_open attempt = {.call = call,
                                          .attempt = 1,
                                          .wall_ms = wall_ms,
                                          .target = STR("deepseek/deepseek-flash"),
                                          .hold_nusd = 1234567,
                                          .input_estimated = 300,
                                          .price_row = 17};
    struct ledger_attempt_close close = {
        .call = call,
        .attempt = 1,
        .ok = true,
        .reason = STR("done"),
        .cost_nusd = 123456,
        .usage = {.input = 310, .cached = 200, .output = 90, .cost_nusd = -1, .reported = true},
        .first_ms = 210,
        .total_ms = 1400};
    struct ledger_call_close end = {.call = call,
                                    .outcome = CALL_DONE,
                                    .target = STR("deepseek/deepseek-flash"),
                                    .attempts = 1,
                                    .http_status = 200,
                                    .first_ms = 210,
                                    .total_ms = 1400};
    int rc = ledger_call_opened(w, &open) | ledger_attempt_opened(w, &attempt);
    rc = rc ? rc : ledger_flush(w, e);
    rc = rc ? rc : ledger_attempt_closed(w, &close) | ledger_call_closed(w, &end);
    return rc ? rc : ledger_flush(w, e);
}

struct figures {
    double loop_us, fold_us;
};

static struct figures measure(const char *dir)
{
    struct ledger_options opt = {.dir = str_from(dir), .clock = clock_system(), .fold_every_ms = NEVER_MS};
    struct ledger *l = NULL;
    struct ledger_writer *w = NULL;
    struct err e = {0};
    need(ledger_open(&l, &opt, &e), &e);
    need(ledger_writer_open(&w, l, 0, &e), &e);
    keeper_stop(l); /* folding is done here, where it can be timed */
    struct rng rng;
    struct id_source ids;
    rng_seed(&rng, 1);
    id_source_init(&ids, rng);
    int64_t wall_ms = 1795262400000, loop_ns = 0, fold_ns = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        int64_t at = cpu_ns();
        for (int i = 0; i < BATCH_CALLS; i++)
            need(one_call(w, &ids, wall_ms += 3, &e), &e);
        loop_ns += cpu_ns() - at;
        at = cpu_ns();
        need(keeper_fold(l, &e), &e);
        fold_ns += cpu_ns() - at;
    }
    ledger_writer_close(w);
    ledger_close(l);
    double calls_us = 1e3 * BATCHES * BATCH_CALLS;
    return (struct figures){.loop_us = (double)loop_ns / calls_us, .fold_us = (double)fold_ns / calls_us};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void clear(const char *dir)
{
    static const char *const names[] = {"journal", "ledger.db", "ledger.db-wal", "ledger.db-shm", "lock", ""};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[128];
        text_format(path, sizeof path, "%s/%s", dir, names[i]);
        if (remove(path) != 0 && errno != ENOENT)
            fprintf(stderr, "bench_books: %s stays\n", path);
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? 1 : ROUNDS; /* any argument: one round, for a profiler */
    (void)argv;
    double loop_us[ROUNDS], fold_us[ROUNDS];
    for (int i = 0; i < rounds; i++) {
        char dir[] = "/tmp/hearth-books-XXXXXX";
        if (!mkdtemp(dir))
            return 1;
        struct figures f = measure(dir);
        loop_us[i] = f.loop_us;
        fold_us[i] = f.fold_us;
        clear(dir);
    }
    qsort(loop_us, (size_t)rounds, sizeof *loop_us, compare);
    qsort(fold_us, (size_t)rounds, sizeof *fold_us, compare);
    printf("books of a call: %.2f us on the loop (records, two flushes), %.2f us folded\n", loop_us[rounds / 2],
           fold_us[rounds / 2]);
    return 0;
}
