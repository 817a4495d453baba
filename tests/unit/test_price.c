/* test_price.c: which price applies and what tokens cost by it, to the nano-dollar. */
#include "ledger/ledger.h"
#include "test.h"

#define UNKNOWN MODEL_UNKNOWN
#define USD 1000000000LL

static int64_t at(int year, int month, int day, int hour, int minute)
{
    struct civil c = {.year = year, .month = month, .day = day, .hour = hour, .minute = minute};
    return civil_to_ms(&c);
}

static struct price plain_price(void)
{
    return (struct price){.input = 3 * USD, .cached = 3 * USD / 10, .cache_write = 15 * USD / 4, .output = 15 * USD};
}

static struct price long_price(void)
{
    struct price p = plain_price();
    p.long_over_tokens = 200000;
    p.long_input = 6 * USD;
    p.long_cached = 6 * USD / 10;
    p.long_output = 45 * USD / 2;
    return p;
}

TEST(tokens_cost_what_the_price_says)
{
    static const struct { struct usage u; int64_t nusd; } rows[] = {
        {{0}, 0},
        {{.input = 1000000}, 3 * USD},
        {{.input = 1}, 3000},
        {{.output = 1}, 15000},
        {{.output = 1000, .reasoning = 900}, 15000000},                 /* reasoning is part of the output */
        {{.input = 1000, .cached = 400}, 600 * 3000 + 400 * 300},
        {{.input = 1000, .cached = 400, .cache_write = 100}, 500 * 3000 + 400 * 300 + 100 * 3750},
        {{.input = 1000, .cached = 1000}, 300000},
        {{.input = 1000, .cached = 1500}, 1500 * 300},                  /* contradictory: nothing counted twice */
        {{.input = -5, .output = -7}, 0},
    };
    struct price p = plain_price();
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        EXPECT_I64(price_cost(&p, &rows[i].u), rows[i].nusd);
}

TEST(a_cost_is_rounded_once_and_half_up)
{
    static const struct { int64_t input, output, nusd; } rows[] = {
        {0, 0, 0}, {1, 0, 0}, {2, 0, 1}, {3, 0, 1}, {4, 0, 1}, {5, 0, 1}, {6, 0, 2},
        {1, 1, 1}, /* 0.25 + 0.25: two roundings would give 0 */
        {3, 2, 1}, {3, 3, 2},
    };
    struct price p = {.input = 250000, .cached = UNKNOWN, .cache_write = UNKNOWN, .output = 250000};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct usage u = {.input = rows[i].input, .output = rows[i].output};
        EXPECT_I64(price_cost(&p, &u), rows[i].nusd);
    }
}

TEST(an_unknown_price_makes_an_unknown_cost_only_where_there_are_tokens)
{
    struct price p = {.input = 1 * USD, .cached = UNKNOWN, .cache_write = UNKNOWN, .output = UNKNOWN};
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 10}), 10000);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 10, .output = 1}), COST_UNKNOWN);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 10, .cached = 5, .cache_write = 5}), 10000); /* as input */
    p.input = UNKNOWN;
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 10}), COST_UNKNOWN);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 10, .cached = 10}), COST_UNKNOWN);
    EXPECT_I64(price_cost(&p, &(struct usage){0}), 0);
    struct price free = {0};
    EXPECT_I64(price_cost(&free, &(struct usage){.input = 10, .output = 10}), 0); /* 0 is a price */
}

TEST(a_long_request_costs_the_long_price_as_a_whole)
{
    struct price p = long_price();
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 200000, .output = 10}), 200000 * 3000LL + 10 * 15000);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 200001, .output = 10}), 200001 * 6000LL + 10 * 22500);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 200001, .cached = 200000}), 6000 + 200000 * 600LL);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 200001, .cache_write = 200000}), 6000 + 200000 * 7500LL);
    p.long_cached = UNKNOWN;
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 200001, .cached = 200001}), 200001 * 6000LL);
    p.long_output = UNKNOWN;
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 200001, .output = 1}), COST_UNKNOWN);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 200000, .output = 1}), 200000 * 3000LL + 15000);
}

TEST(token_counts_that_no_vendor_can_mean_cost_unknown_and_wrap_nothing)
{
    struct price p = plain_price();
    EXPECT_I64(price_cost(&p, &(struct usage){.input = INT64_MAX, .output = INT64_MAX}), COST_UNKNOWN);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = INT64_MAX / 8}), COST_UNKNOWN);
    p.input = INT64_MAX;
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 1000000}), COST_UNKNOWN);
    EXPECT_I64(price_cost(&p, &(struct usage){.input = 1}), 9223372036855);
    EXPECT_I64(price_worst(&p, INT64_MAX, INT64_MAX), COST_UNKNOWN);
}

TEST(the_worst_case_takes_the_dearest_class_and_is_never_below_the_cost)
{
    struct price p = plain_price();
    EXPECT_I64(price_worst(&p, 1000, 100), 1000 * 3750 + 100 * 15000);
    p.cache_write = UNKNOWN;
    EXPECT_I64(price_worst(&p, 1000, 100), 1000 * 3000 + 100 * 15000);
    EXPECT_I64(price_worst(&p, 1000, -1), COST_UNKNOWN);
    p.output = UNKNOWN;
    EXPECT_I64(price_worst(&p, 1000, 1), COST_UNKNOWN);
    EXPECT_I64(price_worst(&p, 1000, 0), 3000000); /* embeddings */
    p = long_price();
    EXPECT_I64(price_worst(&p, 200001, 1), 200001 * 7500LL + 22500);
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < 2000; i++) {
        struct usage u = {.input = (int64_t)rng_below(&rng, 400000), .output = (int64_t)rng_below(&rng, 5000)};
        u.cached = (int64_t)rng_below(&rng, (uint64_t)u.input + 1);
        u.cache_write = (int64_t)rng_below(&rng, (uint64_t)(u.input - u.cached) + 1);
        p.cached = rng_below(&rng, 2) ? UNKNOWN : 300000000;
        EXPECT(price_cost(&p, &u) <= price_worst(&p, u.input, u.output));
    }
}

static struct price named(int row)
{
    return (struct price){.input = 1, .output = 1, .row = row};
}

TEST(an_override_whose_hours_fit_wins_then_the_one_for_all_hours)
{
    struct price list[3] = {named(1), named(2), named(3)};
    /* Monday to Friday, 09:30 to 16:30 and 22:00 to 02:00, in UTC+8 */
    list[1].hours = (struct model_hours){.weekdays = 0x3e, .utc_offset_min = 480, .span = {{570, 990}, {1320, 120}}};
    list[2].hours = (struct model_hours){.weekdays = 0x41, .utc_offset_min = -60}; /* the weekend in UTC-1, all day */
    static const struct { int day, hour, minute, row; } rows[] = {
        {16, 1, 29, 1},  {16, 1, 30, 2},  {16, 8, 29, 2},  {16, 8, 30, 1},  /* Monday 2026-11-16, local 09:29 … */
        {16, 13, 59, 1}, {16, 14, 0, 2},  {16, 16, 0, 2},  {16, 17, 59, 2}, {16, 18, 0, 1}, /* over midnight */
        {15, 17, 0, 2},                   /* Sunday in UTC, Monday 01:00 in UTC+8 */
        {14, 12, 0, 3},  {14, 0, 30, 1},  /* Saturday noon; Friday 23:30 in UTC-1, Saturday in UTC+8 */
        {16, 0, 30, 3},                   /* still Sunday in UTC-1 */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct price p = {0};
        EXPECT(price_find(&p, list, 3, STR("nobody"), STR("nothing"), at(2026, 11, rows[i].day, rows[i].hour, rows[i].minute)));
        if (p.row != rows[i].row)
            test_fail(__FILE__, __LINE__, "row %zu: got %d, expected %d", i, p.row, rows[i].row);
    }
}

TEST(an_override_wins_over_the_table_and_without_one_the_table_speaks)
{
    const struct model_row *row = NULL;
    int64_t now = at(2026, 11, 21, 12, 0);
    for (size_t i = 0; i < model_row_count() && !row; i++) {
        const struct model_row *r = model_row_at(i);
        if (r->input != MODEL_UNKNOWN && r->output != MODEL_UNKNOWN && model_price_at(str_from(r->vendor), str_from(r->id), now) == r)
            row = r;
    }
    REQUIRE(row);
    struct price p = {0}, own = named(0);
    EXPECT(price_find(&p, NULL, 0, str_from(row->vendor), str_from(row->id), now));
    EXPECT(p.row == row->row && p.input == row->input && p.cached == row->cached && p.cache_write == row->cache_write);
    EXPECT(p.output == row->output && p.long_over_tokens == row->long_over_tokens && p.long_output == row->long_output);
    EXPECT(price_find(&p, &own, 1, str_from(row->vendor), str_from(row->id), now));
    EXPECT(p.row == 0 && p.input == 1);
    /* an override for other hours only: the table again */
    own.hours = (struct model_hours){.weekdays = 0x01};
    EXPECT(price_find(&p, &own, 1, str_from(row->vendor), str_from(row->id), now)); /* a Saturday */
    EXPECT_I64(p.row, row->row);
    EXPECT(!price_find(&p, NULL, 0, STR("no-such-vendor"), STR("no-such-model"), now));
    EXPECT(!price_find(&p, &own, 1, STR("no-such-vendor"), STR("no-such-model"), now));
}

TEST(electricity_costs_watts_times_time_times_price_rounded_once_and_is_unknown_beyond_reason)
{
    static const int64_t hour_us = INT64_C(3600000000), cents_27 = 270000000; /* a kilowatt-hour */
    static const struct { int64_t watts, busy_us, nusd_kwh, want; } rows[] = {
        {1000, 3600000000, 270000000, 270000000},    {285, 1000000, 270000000, 21375}, {285, 0, 270000000, 0},
        {285, -5, 270000000, 0},                     {285, 1000000, 0, 0},             {1, 1, 3600000000000, 1},
        {1, 1, 1800000000000, 1 /* half up */},      {1, 1, 1799999999999, 0},         {100000, INT64_MAX, 1, COST_UNKNOWN},
        {100000, 90000000000000, 1000000000000, COST_UNKNOWN},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        EXPECT_I64(power_cost(rows[i].watts, rows[i].busy_us, rows[i].nusd_kwh), rows[i].want);
    EXPECT_I64(power_cost(500, 2 * hour_us, cents_27), cents_27);
}
