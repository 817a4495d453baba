/* test_balance.c: in which order the members of a step are asked, with a clock and chance of our own. */
#include "config/config.h"
#include "mesh/mesh_priv.h"
#include "test.h"

enum { ROUNDS = 3200 };

struct bench {
    struct clock clock;
    struct config *config;
    struct mesh *mesh;
    struct mesh_loop ml;
    struct mesh_call call;
};

static bool bench_open(struct bench *b, const char *jobs, int64_t wall_ms)
{
    struct err e = {0};
    AUTO_BUF struct buf yaml = BUF_INIT(8 * KiB);
    *b = (struct bench){.clock = clock_fake(wall_ms)};
    (void)buf_append_format(&yaml, "upstreams:\n"
                            "  a: { url: \"https://a.example.com/v1\" }\n  b: { url: \"https://b.example.com/v1\" }\n"
                            "  c: { url: \"https://c.example.com/v1\" }\n  h: { url: \"http://10.0.0.7/v1\", place: home }\n%s", jobs);
    bool fine = config_read(&b->config, buf_str(&yaml), STR("t.yaml"), &e) == 0 &&
                mesh_open(&b->mesh, &(struct mesh_options){.config = b->config, .clock = &b->clock}, &e) == 0;
    if (!fine) {
        test_fail(__FILE__, __LINE__, "%s", e.text);
        return false;
    }
    b->ml.mesh = b->mesh;
    rng_seed(&b->ml.rng, 7);
    b->call = (struct mesh_call){.ml = &b->ml, .route.job = &b->mesh->job[0], .facts = {.tokens_estimated = 1000, .max_tokens = -1}};
    return true;
}

static void bench_close(struct bench *b)
{
    mesh_close(b->mesh);
    config_free(b->config);
}

static const struct target *target_at(struct bench *b, int i)
{
    return b->mesh->job[0].step[0].of[i].target;
}

static void answer_after(struct bench *b, int target, int64_t us)
{
    balance_content(&(struct attempt){.call = &b->call, .target = target_at(b, target), .begin_us = 1, .first_us = 1 + us});
}

static void fail_after(struct bench *b, int target, int64_t us)
{
    balance_no_content(&(struct attempt){.call = &b->call, .target = target_at(b, target)}, us, true);
}

/* How often each member was asked first. */
static void firsts(struct bench *b, int *count)
{
    memset(count, 0, 16 * sizeof *count);
    for (int i = 0; i < ROUNDS; i++) {
        balance_order(&b->call, &b->mesh->job[0].step[0]);
        count[b->call.cursor.order[0]]++;
    }
}

static int first(struct bench *b)
{
    balance_order(&b->call, &b->mesh->job[0].step[0]);
    return b->call.cursor.order[0];
}

#define FASTEST "jobs:\n  fast: { chain: [[a/m, b/m, c/m]], balance: fastest }\n"

TEST(fastest_asks_the_fastest_and_still_probes_each_of_the_others)
{
    struct bench b;
    int count[16];
    REQUIRE(bench_open(&b, FASTEST, 1700000000000));
    for (int i = 0; i < 5; i++) {
        answer_after(&b, 0, 900000);
        answer_after(&b, 1, 100000);
        answer_after(&b, 2, 500000);
    }
    firsts(&b, count);
    EXPECT(count[1] > ROUNDS * 9 / 10 && count[1] < ROUNDS);
    EXPECT(count[0] > ROUNDS / 100 && count[2] > ROUNDS / 100);
    balance_order(&b.call, &b.mesh->job[0].step[0]);
    for (int i = 0; i < 40; i++) /* it has become better, which the probes will tell */
        answer_after(&b, 0, 20000);
    firsts(&b, count);
    EXPECT(count[0] > ROUNDS * 9 / 10);
    bench_close(&b);
}

TEST(fastest_tries_newcomers_one_call_at_a_time)
{
    struct bench b;
    int count[16];
    REQUIRE(bench_open(&b, FASTEST, 1700000000000));
    for (int i = 0; i < 5; i++) {
        answer_after(&b, 0, 10000);
        answer_after(&b, 1, 20000);
    }
    firsts(&b, count);
    EXPECT(count[2] > ROUNDS * 9 / 10);
    atomic_store(&target_at(&b, 2)->state->in_flight, 1);
    firsts(&b, count);
    EXPECT(count[0] > ROUNDS * 9 / 10);
    bench_close(&b);
}

TEST(fastest_does_not_take_a_quick_failure_for_speed)
{
    struct bench b;
    int count[16];
    REQUIRE(bench_open(&b, FASTEST, 1700000000000));
    for (int i = 0; i < 5; i++) {
        answer_after(&b, 0, 200000);
        answer_after(&b, 1, 100000);
        fail_after(&b, 2, 1000);
    }
    firsts(&b, count);
    EXPECT(count[1] > ROUNDS * 9 / 10 && count[2] < ROUNDS / 10);
    fail_after(&b, 1, 1000);
    fail_after(&b, 1, 1000);
    fail_after(&b, 1, 1000);
    firsts(&b, count);
    EXPECT(count[0] > ROUNDS * 9 / 10);
    bench_close(&b);
}

TEST(fastest_keeps_streams_and_whole_answers_apart)
{
    struct bench b;
    int count[16];
    REQUIRE(bench_open(&b, FASTEST, 1700000000000));
    for (int i = 0; i < 5; i++)
        for (int t = 0; t < 3; t++) {
            b.call.facts.stream = true;
            answer_after(&b, t, t == 0 ? 1000 : 9000);
            b.call.facts.stream = false;
            answer_after(&b, t, t == 2 ? 1000 : 9000);
        }
    firsts(&b, count);
    EXPECT(count[2] > ROUNDS * 9 / 10);
    b.call.facts.stream = true;
    firsts(&b, count);
    EXPECT(count[0] > ROUNDS * 9 / 10);
    bench_close(&b);
}

TEST(a_hedged_loser_counts_as_at_least_as_slow_as_it_was)
{
    struct bench b;
    REQUIRE(bench_open(&b, FASTEST, 1700000000000));
    const struct target_speed *s = &target_at(&b, 0)->state->speed[0];
    for (int i = 0; i < 8; i++)
        answer_after(&b, 0, 800000);
    balance_no_content(&(struct attempt){.call = &b.call, .target = target_at(&b, 0)}, 100, false);
    EXPECT_I64(atomic_load(&s->mean_us), 800000);
    balance_no_content(&(struct attempt){.call = &b.call, .target = target_at(&b, 0)}, 1600000, false);
    EXPECT_I64(atomic_load(&s->mean_us), 900000);
    bench_close(&b);
}

/* 2026-11-20 is a Friday. b is dear in the morning, cheap in the afternoon; a's input is cheap and its output dear. */
#define CHEAPEST                                                                                                          \
    "jobs:\n  bulk: { chain: [[c/m, a/m, b/m]], balance: cheapest }\nprices:\n  a/m: { input: 1, output: 10 }\n"           \
    "  b/m:\n    input: 2\n    output: 2\n    hours:\n      - { from: \"09:00\", to: \"12:00\", utc: \"Z\", input: 20, output: 20 }\n"

TEST(cheapest_goes_by_the_price_of_the_hour_and_the_size_of_the_call)
{
    struct bench b;
    REQUIRE(bench_open(&b, CHEAPEST, 1795170600000)); /* 10:30 UTC */
    b.call.facts.max_tokens = 1000;
    EXPECT_I64(first(&b), 1);
    EXPECT_I64(b.call.cursor.order[1], 2);
    EXPECT_I64(b.call.cursor.order[2], 0); /* no known price: last */
    clock_advance(&b.clock, 2 * 3600000);
    EXPECT_I64(first(&b), 2);
    b.call.facts.max_tokens = 10; /* hardly any output: a's cheap input counts */
    EXPECT_I64(first(&b), 1);
    b.call.facts.max_tokens = -1; /* 500 expected while nothing is known */
    EXPECT_I64(first(&b), 2);
    for (int i = 0; i < 3; i++)
        balance_done(&(struct attempt){.call = &b.call, .target = target_at(&b, 0), .usage.output = 20}, 1000);
    EXPECT_I64(first(&b), 1);
    bench_close(&b);
}

TEST(cheapest_takes_your_own_hardware_as_paid_unless_it_has_a_price)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs:\n  bulk: { chain: [[a/m, h/m]], balance: cheapest }\nprices: { a/m: { input: 1, output: 1 } }\n", 1700000000000));
    EXPECT_I64(first(&b), 1);
    bench_close(&b);
    REQUIRE(bench_open(&b, "jobs:\n  bulk: { chain: [[h/m, a/m]], balance: cheapest }\nprices: { a/m: { input: 1, output: 1 }, h/m: { input: 2, output: 2 } }\n", 1700000000000));
    EXPECT_I64(first(&b), 1);
    bench_close(&b);
}

/* 100 W at 0.36 USD/kWh are 10,000 nano-dollars a second. */
TEST(cheapest_counts_electricity_for_as_long_as_answers_take)
{
    struct bench b;
    REQUIRE(bench_open(&b, "  w: { url: \"http://10.0.0.8/v1\", place: home, watts: 100 }\nelectricity: { price: 0.36 USD/kWh }\n"
                           "jobs:\n  bulk: { chain: [[a/m, w/m]], balance: cheapest }\nprices: { a/m: { input: 0.1, output: 0.1 } }\n", 1700000000000));
    EXPECT_I64(first(&b), 1); /* never used: nothing known against it */
    balance_done(&(struct attempt){.call = &b.call, .target = target_at(&b, 1), .usage.output = 500}, 5000000);
    EXPECT_I64(first(&b), 1); /* 50,000 against 150,000 */
    for (int i = 0; i < 40; i++)
        balance_done(&(struct attempt){.call = &b.call, .target = target_at(&b, 1), .usage.output = 500}, 60000000);
    EXPECT_I64(first(&b), 0);
    bench_close(&b);
}

TEST(weights_and_loads_decide_where_they_should)
{
    struct bench b;
    int count[16];
    REQUIRE(bench_open(&b, "jobs:\n  bulk: { chain: [[{ target: a/m, weight: 3 }, b/m]], balance: weighted }\n", 1700000000000));
    firsts(&b, count);
    EXPECT(count[0] > ROUNDS * 7 / 10 && count[0] < ROUNDS * 8 / 10);
    bench_close(&b);
    REQUIRE(bench_open(&b, "jobs:\n  bulk: { chain: [[{ target: a/m, weight: 3 }, b/m]], balance: least_busy }\n", 1700000000000));
    atomic_store(&target_at(&b, 0)->state->in_flight, 2);
    atomic_store(&target_at(&b, 1)->state->in_flight, 1);
    EXPECT_I64(first(&b), 0);
    atomic_store(&target_at(&b, 0)->state->in_flight, 4);
    EXPECT_I64(first(&b), 1);
    bench_close(&b);
}
