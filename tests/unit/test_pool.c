/* The pool: every thread runs every round, barriers let nobody through too early, waiting threads sleep and wake. */
#include "base/clock.h"
#include "engine/pool.h"
#include "test.h"
#include <sys/resource.h>
#include <unistd.h>

enum { THREADS_MAX = 8, BARRIERS = 5 };

struct work {
    struct pool *pool;
    size_t threads;
    uint64_t round;
    uint64_t at[THREADS_MAX][8]; /* a cache line for each thread: plain memory that barriers alone make safe */
    atomic_size_t next;
    size_t taken[64];
    atomic_int wrong;
};

/* Each thread writes its own number, and after a barrier reads all the others'. */
static void round_run(void *ctx, size_t thread)
{
    struct work *w = ctx;
    for (uint64_t b = 0; b < BARRIERS; b++) {
        w->at[thread][0] = w->round * 100 + b;
        pool_barrier(w->pool);
        for (size_t i = 0; i < w->threads; i++)
            if (w->at[i][0] != w->round * 100 + b)
                atomic_fetch_add(&w->wrong, 1);
        pool_barrier(w->pool);
    }
    for (size_t i = pool_take(&w->next); i < COUNT_OF(w->taken); i = pool_take(&w->next))
        w->taken[i]++;
}

static void rounds_run(size_t threads, size_t rounds)
{
    struct work *w = new0(struct work);
    struct err e = {0};
    REQUIRE(w && pool_new(&w->pool, threads, &e) == 0);
    w->threads = threads;
    EXPECT_I64(pool_threads(w->pool), threads);
    for (w->round = 1; w->round <= rounds; w->round++) {
        atomic_store(&w->next, 0);
        pool_run(w->pool, round_run, w);
    }
    EXPECT_I64(atomic_load(&w->wrong), 0);
    for (size_t i = 0; i < COUNT_OF(w->taken); i++)
        EXPECT_I64(w->taken[i], rounds);
    pool_free(w->pool);
    mem_free(w);
}

TEST(barriers_hold_with_one_to_eight_threads)
{
    for (size_t threads = 1; threads <= THREADS_MAX; threads++)
        rounds_run(threads, threads <= 2 ? 2000 : 60);
}

static void nothing(void *ctx, size_t thread)
{
    atomic_fetch_add((atomic_size_t *)ctx + thread, 1);
}

/* A pool that is opened and closed at once, and one that is closed while its threads sleep. */
TEST(pools_come_and_go)
{
    for (int i = 0; i < 50; i++) {
        atomic_size_t ran[4] = {0};
        struct pool *p = NULL;
        REQUIRE(pool_new(&p, 4, NULL) == 0);
        for (int n = 0; n < i % 3; n++)
            pool_run(p, nothing, ran);
        pool_free(p);
        for (int t = 0; t < 4; t++)
            EXPECT_I64(atomic_load(&ran[t]), i % 3);
    }
    pool_free(NULL);
}

static double cpu_seconds(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_utime.tv_sec + (double)u.ru_stime.tv_sec + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Threads with nothing to do take no time of the processor. */
TEST(an_idle_pool_sleeps)
{
    atomic_size_t ran[4] = {0};
    struct pool *p = NULL;
    REQUIRE(pool_new(&p, 4, NULL) == 0);
    pool_run(p, nothing, ran);
    (void)usleep(50000); /* until they sleep: only then time is taken */
    double before = cpu_seconds();
    (void)usleep(300000);
    EXPECT(cpu_seconds() - before < 0.1);
    pool_run(p, nothing, ran);
    EXPECT(atomic_load(&ran[3]) == 2);
    pool_free(p);
}

TEST(a_number_of_threads_that_cannot_be_is_refused)
{
    struct pool *p = NULL;
    struct err e = {0};
    EXPECT_I64(pool_new(&p, 0, &e), ERR_INVALID);
    EXPECT_I64(pool_new(&p, POOL_THREADS_MAX + 1, &e), ERR_INVALID);
    EXPECT(strstr(e.text, "1 to 64") && !p);
}

static int tortured(void *ctx)
{
    (void)ctx;
    struct pool *p = NULL;
    int rc = pool_new(&p, 3, NULL);
    if (rc == 0)
        pool_free(p);
    return rc;
}

TEST(a_pool_that_cannot_start_all_its_threads_stops_those_it_has)
{
    (void)test_torture("pool_new", tortured, NULL);
}
