/* test_breaker.c: when a target rests, for how long, and who may look whether it is back. */
#include "mesh/mesh_priv.h"
#include "test.h"
#include <pthread.h>

static int64_t fail(struct breaker *b, int64_t now_ms, struct rng *r)
{
    return breaker_failure(b, COOL_COUNT, false, -1, now_ms, r);
}

static struct rng seeded(void)
{
    struct rng r;
    rng_seed(&r, 1);
    return r;
}

TEST(five_failures_within_thirty_seconds_open_it_for_about_a_second)
{
    struct breaker b = {0};
    struct rng r = seeded();
    int64_t wait;
    for (int i = 0; i < 4; i++)
        EXPECT_I64(fail(&b, 1000 + i, &r), 0);
    EXPECT(breaker_look(&b, 1010, &wait) == BREAKER_CLOSED);
    int64_t rest = fail(&b, 1020, &r);
    EXPECT(rest >= 800 && rest <= 1200);
    EXPECT(breaker_look(&b, 1020 + rest - 1, &wait) == BREAKER_OPEN && wait == 1);
    EXPECT(breaker_look(&b, 1020 + rest, &wait) == BREAKER_PROBE);
}

TEST(failures_further_apart_than_the_window_do_not_open_it)
{
    struct breaker b = {0};
    struct rng r = seeded();
    for (int i = 0; i < 20; i++)
        EXPECT_I64(fail(&b, 1000 + i * 8000, &r), 0);
}

TEST(a_busy_target_that_fails_now_and_then_stays_open_for_business)
{
    struct breaker b = {0};
    struct rng r = seeded();
    for (int i = 0; i < 50; i++) {
        for (int k = 0; k < 10; k++)
            breaker_success(&b, false);
        EXPECT_I64(fail(&b, 1000 + i * 10, &r), 0);
    }
}

TEST(each_failed_probe_doubles_the_rest_up_to_five_minutes)
{
    struct breaker b = {0};
    struct rng r = seeded();
    int64_t now = 1000, wait, expected = 1000;
    for (int i = 0; i < 4; i++)
        fail(&b, now, &r);
    int64_t rest = fail(&b, now, &r);
    for (int i = 0; i < 12; i++) {
        EXPECT(rest >= expected * 8 / 10 && rest <= expected * 12 / 10);
        now += rest;
        REQUIRE(breaker_enter(&b, now, &wait) == BREAKER_PROBE);
        rest = breaker_failure(&b, COOL_COUNT, true, -1, now, &r);
        expected = expected * 2 > BREAKER_MAX_MS ? BREAKER_MAX_MS : expected * 2;
    }
    now += rest;
    REQUIRE(breaker_enter(&b, now, &wait) == BREAKER_PROBE);
    breaker_success(&b, true);
    EXPECT(breaker_look(&b, now, &wait) == BREAKER_CLOSED);
}

TEST(what_the_upstream_asked_for_is_the_least)
{
    struct breaker b = {0};
    struct rng r = seeded();
    EXPECT_I64(breaker_failure(&b, COOL_NOW, false, 30000, 1000, &r), 30000);
    struct breaker c = {0};
    int64_t rest = breaker_failure(&c, COOL_NOW, false, 10, 1000, &r);
    EXPECT(rest >= 800 && rest <= 1200);
}

TEST(a_spent_balance_rests_for_about_half_an_hour)
{
    struct breaker b = {0};
    struct rng r = seeded();
    int64_t rest = breaker_failure(&b, COOL_LONG, false, -1, 1000, &r);
    EXPECT(rest >= BREAKER_LONG_MS * 8 / 10 && rest <= BREAKER_LONG_MS * 12 / 10);
}

TEST(a_probe_that_was_called_off_leaves_room_for_the_next)
{
    struct breaker b = {0};
    struct rng r = seeded();
    int64_t wait, rest = breaker_failure(&b, COOL_NOW, false, -1, 1000, &r);
    REQUIRE(breaker_enter(&b, 1000 + rest, &wait) == BREAKER_PROBE);
    EXPECT(breaker_enter(&b, 1000 + rest, &wait) == BREAKER_OPEN);
    breaker_release(&b, true);
    EXPECT(breaker_enter(&b, 1000 + rest, &wait) == BREAKER_PROBE);
}

struct racers {
    struct breaker b;
    atomic_int probes;
    pthread_barrier_t start;
};

static void *race(void *arg)
{
    struct racers *r = arg;
    int64_t wait;
    pthread_barrier_wait(&r->start);
    for (int i = 0; i < 1000; i++)
        if (breaker_enter(&r->b, 10000000, &wait) == BREAKER_PROBE)
            atomic_fetch_add(&r->probes, 1);
    return NULL;
}

TEST(half_open_lets_exactly_one_of_many_threads_through)
{
    enum { THREADS = 8 };
    struct rng rng = seeded();
    for (int round = 0; round < 20; round++) {
        struct racers r = {.probes = 0};
        pthread_t thread[THREADS];
        breaker_failure(&r.b, COOL_NOW, false, -1, 1000, &rng);
        pthread_barrier_init(&r.start, NULL, THREADS);
        for (int i = 0; i < THREADS; i++)
            REQUIRE(pthread_create(&thread[i], NULL, race, &r) == 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        pthread_barrier_destroy(&r.start);
        EXPECT_I64(atomic_load(&r.probes), 1);
    }
}
