/* test_minute.c: what counts against a minute, when it no longer does, and what is settled later. (That no 60 s hold more than
 * the limit is test_keyring.c's.) */
#include "base/id.h"
#include "ledger/ledger.h"
#include "test.h"

TEST(an_amount_waits_until_enough_has_left)
{
    struct minute m = {0};
    EXPECT_I64(minute_take(&m, 60, 100, 1000), 0);
    EXPECT_I64(minute_take(&m, 30, 100, 11000), 0);
    EXPECT_I64(minute_take(&m, 10, 100, 20000), 0);
    EXPECT_I64(minute_take(&m, 1, 100, 20000), 42000); /* the first 60 leave at 62 s */
    EXPECT_I64(minute_take(&m, 61, 100, 20000), 52000); /* 40 would still be there: the next 30 as well */
    EXPECT_I64(minute_wait(&m, 100, 20000), 42000);
    EXPECT_I64(minute_take(&m, 60, 100, 62000), 0);
    EXPECT(minute_wait(&m, 100, 62000) > 0);
}

TEST(what_was_too_much_is_given_back_to_its_own_second)
{
    struct minute m = {0};
    EXPECT_I64(minute_take(&m, 100, 100, 5000), 0);
    minute_settle(&m, 100, 30, 5000, 25000);
    EXPECT_I64(minute_take(&m, 70, 100, 25000), 0);
    EXPECT_I64(minute_take(&m, 30, 100, 66000), 0); /* those 30 have left; nothing else has */
    EXPECT(minute_take(&m, 1, 100, 66000) > 0);
}

TEST(what_was_too_little_counts_from_when_it_is_known)
{
    struct minute m = {0};
    EXPECT_I64(minute_take(&m, 10, 100, 5000), 0);
    minute_settle(&m, 10, 250, 5000, 40000); /* more than the limit, too: it was used */
    EXPECT_I64(minute_wait(&m, 100, 40000), 61000);
    EXPECT_I64(minute_wait(&m, 100, 100999), 1);
    EXPECT_I64(minute_wait(&m, 100, 101000), 0);
}

TEST(what_ends_long_after_its_minute_gives_nothing_back)
{
    struct minute m = {0};
    EXPECT_I64(minute_take(&m, 100, 100, 5000), 0);
    EXPECT_I64(minute_take(&m, 100, 100, 70000), 0);
    minute_settle(&m, 100, 0, 5000, 71000);
    EXPECT(minute_take(&m, 1, 100, 71000) > 0);
    minute_settle(&m, 100, 0, 70000, 72000);
    EXPECT_I64(minute_take(&m, 100, 100, 72000), 0);
}

/* A loop whose clock is a moment behind takes in the newest slot, and settles with its own time. */
TEST(clocks_that_differ_a_little_never_make_less_than_nothing)
{
    struct minute m = {0};
    EXPECT_I64(minute_take(&m, 5, 100, 2000), 0);
    EXPECT_I64(minute_take(&m, 50, 100, 1999), 0);
    minute_settle(&m, 50, 0, 1999, 2001);
    minute_settle(&m, 5, 0, 2000, 2001);
    EXPECT(m.sum >= 0);
    for (int i = 0; i < MINUTE_SLOTS; i++)
        EXPECT(m.slot[i] >= 0);
}

TEST(the_sum_is_that_of_the_seconds_whatever_is_taken_and_settled)
{
    enum { OPEN = 64, LIMIT = 1000 };
    struct {
        int64_t ms, amount;
    } open[OPEN] = {{0, 0}};
    struct minute m = {0};
    struct rng rng;
    int64_t now = 100000;
    rng_seed(&rng, 11);
    for (int i = 0; i < 50000; i++) {
        now += (int64_t)rng_below(&rng, 3000);
        int k = (int)rng_below(&rng, OPEN);
        if (open[k].amount) {
            minute_settle(&m, open[k].amount, (int64_t)rng_below(&rng, 200), open[k].ms, now);
            open[k].amount = 0;
        } else {
            int64_t amount = 1 + (int64_t)rng_below(&rng, 100), wait = minute_take(&m, amount, LIMIT, now);
            EXPECT(wait >= 0 && wait <= 61000);
            open[k].ms = now;
            open[k].amount = wait ? 0 : amount;
        }
        int64_t sum = 0;
        for (int s = 0; s < MINUTE_SLOTS; s++) {
            EXPECT(m.slot[s] >= 0);
            sum += m.slot[s];
        }
        EXPECT_I64(m.sum, sum);
    }
}
