/* test_budget.c: windows of spending: what fits, what is refused, when they roll, and that racing takers never overdraw. */
#include "ledger_kit.h"
#include "test.h"

static int64_t at(int year, int month, int day, int hour)
{
    struct civil c = {.year = year, .month = month, .day = day, .hour = hour};
    return civil_to_ms(&c);
}

struct bank { /* a ledger on a folder of its own, under a clock that stands still */
    struct kit_dir dir;
    struct clock clock;
    struct ledger *ledger;
};

static bool bank_open(struct bank *b, int64_t now)
{
    b->clock = clock_fake(now);
    struct ledger_options opt = {.dir = str_from(b->dir.path), .clock = &b->clock, .fold_every_ms = -1};
    return ledger_open(&b->ledger, &opt, NULL) == 0;
}

static bool bank_make(struct bank *b, int64_t now)
{
    *b = (struct bank){.dir = kit_dir_make()};
    return bank_open(b, now);
}

static void bank_close(struct bank *b)
{
    ledger_close(b->ledger);
    kit_remove(b->dir.path);
}

static struct budget *budget_of(struct bank *b, const char *upstream, enum budget_span span, int64_t limit)
{
    struct budget *budget = NULL;
    return ledger_budget(&budget, b->ledger, str_from(upstream), span, limit, NULL) == 0 ? budget : NULL;
}

TEST(a_hold_that_does_not_fit_is_refused_and_settling_makes_room)
{
    struct bank b;
    int64_t now = at(2026, 11, 21, 12);
    REQUIRE(bank_make(&b, now));
    struct budget *budget = budget_of(&b, "kimi", BUDGET_DAY, 100);
    REQUIRE(budget);
    struct hold first, second, untouched = {.nusd = 42};
    EXPECT_I64(budget_take(budget, 60, now, &first), 0);
    EXPECT_I64(budget_take(budget, 41, now, &untouched), ERR_BUDGET);
    EXPECT(untouched.nusd == 42 && !untouched.budget);
    EXPECT_I64(budget_take(budget, 40, now, &second), 0);
    EXPECT_I64(budget_reserved(budget, now), 100);
    budget_settle(&first, 10);
    EXPECT(!first.budget);
    EXPECT_I64(budget_spent(budget, now), 10);
    EXPECT_I64(budget_reserved(budget, now), 40);
    EXPECT_I64(budget_take(budget, 51, now, &untouched), ERR_BUDGET);
    EXPECT_I64(budget_take(budget, 50, now, &first), 0);
    budget_settle(&first, 0); /* nothing was used */
    budget_settle(&second, 95); /* dearer than its worst case: the truth is booked all the same */
    EXPECT_I64(budget_spent(budget, now), 105);
    EXPECT_I64(budget_take(budget, 0, now, &untouched), ERR_BUDGET);
    bank_close(&b);
}

TEST(a_worst_case_or_a_sum_that_nobody_knows_does_not_fit)
{
    struct bank b;
    int64_t now = at(2026, 11, 21, 12);
    REQUIRE(bank_make(&b, now));
    struct budget *budget = budget_of(&b, "kimi", BUDGET_DAY, INT64_MAX - 1);
    REQUIRE(budget);
    struct hold h;
    EXPECT_I64(budget_take(budget, COST_UNKNOWN, now, &h), ERR_BUDGET);
    EXPECT_I64(budget_take(budget, INT64_MAX - 1, now, &h), 0);
    struct hold more;
    EXPECT_I64(budget_take(budget, INT64_MAX, now, &more), ERR_BUDGET); /* the sum would wrap */
    budget_settle(&h, COST_UNKNOWN);                                    /* charged at the hold */
    EXPECT_I64(budget_spent(budget, now), INT64_MAX - 1);
    bank_close(&b);
}

TEST(windows_roll_at_utc_borders)
{
    static const struct { enum budget_span span; int64_t before_ms, after_ms; } rows[] = {
        {BUDGET_HOUR, 3599999, 3600000},
        {BUDGET_DAY, 86399999, 86400000},
        {BUDGET_MONTH, 2678399999, 2678400000}, /* the end of January 1970 */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bank b;
        REQUIRE(bank_make(&b, 0));
        struct budget *budget = budget_of(&b, "u", rows[i].span, 10);
        REQUIRE(budget);
        struct hold h;
        EXPECT_I64(budget_take(budget, 10, 0, &h), 0);
        budget_settle(&h, 10);
        EXPECT_I64(budget_take(budget, 1, rows[i].before_ms, &h), ERR_BUDGET);
        EXPECT_I64(budget_spent(budget, rows[i].after_ms), 0);
        EXPECT_I64(budget_take(budget, 1, rows[i].after_ms, &h), 0);
        EXPECT_I64(budget_reserved(budget, rows[i].after_ms), 1);
        EXPECT_I64(budget_spent(budget, rows[i].before_ms), 10); /* the one before is still told */
        bank_close(&b);
    }
}

TEST(months_have_their_own_length_and_the_year_ends)
{
    static const struct { int64_t now, next; } rows[] = {
        {1709251199999, 1709251200000}, /* 2024-02-29 to March, a leap year */
        {1740787199999, 1740787200000}, /* 2025-02-28 to March */
        {1767225599999, 1767225600000}, /* 2025-12-31 to January */
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bank b;
        REQUIRE(bank_make(&b, rows[i].now));
        struct budget *budget = budget_of(&b, "u", BUDGET_MONTH, 1);
        struct hold h;
        REQUIRE(budget);
        EXPECT_I64(budget_take(budget, 1, rows[i].now, &h), 0);
        EXPECT_I64(budget_take(budget, 1, rows[i].now - 27 * 86400000LL, &h), ERR_BUDGET);
        EXPECT_I64(budget_take(budget, 1, rows[i].next, &h), 0);
        bank_close(&b);
    }
}

TEST(a_hold_settles_into_the_window_it_was_taken_in)
{
    struct bank b;
    int64_t hour = 3600000, now = 1000 * hour;
    REQUIRE(bank_make(&b, now));
    struct budget *budget = budget_of(&b, "u", BUDGET_HOUR, 100);
    REQUIRE(budget);
    struct hold old, older, fresh;
    EXPECT_I64(budget_take(budget, 70, now, &older), 0);
    EXPECT_I64(budget_take(budget, 100, now + hour, &old), 0); /* the hold of the hour before does not count here */
    EXPECT_I64(budget_reserved(budget, now), 70);
    budget_settle(&older, 60);
    EXPECT_I64(budget_spent(budget, now), 60);
    EXPECT_I64(budget_reserved(budget, now), 0);
    EXPECT_I64(budget_spent(budget, now + hour), 0);
    EXPECT_I64(budget_take(budget, 100, now + 5 * hour, &fresh), 0);
    budget_settle(&old, 100); /* its window is long over */
    EXPECT_I64(budget_spent(budget, now + hour), 100);
    EXPECT_I64(budget_spent(budget, now + 5 * hour), 0);
    EXPECT_I64(budget_reserved(budget, now + 5 * hour), 100);
    EXPECT_I64(budget_spent(budget, now + 4 * hour), 0);
    bank_close(&b);
}

TEST(a_hold_of_nothing_finds_its_window_however_many_came_after_it)
{
    struct bank b;
    REQUIRE(bank_make(&b, 0));
    struct budget *budget = budget_of(&b, "u", BUDGET_HOUR, 100);
    REQUIRE(budget);
    struct hold free_of_charge, h;
    EXPECT_I64(budget_take(budget, 0, 0, &free_of_charge), 0);
    for (int64_t hours = 1; hours < 30; hours++) {
        EXPECT_I64(budget_take(budget, 1, hours * 3600000, &h), 0);
        budget_settle(&h, 1);
    }
    budget_settle(&free_of_charge, 0);
    EXPECT_I64(budget_reserved(budget, 0), 0);
    bank_close(&b);
}

TEST(a_clock_that_steps_back_reopens_no_window)
{
    struct bank b;
    int64_t hour = 3600000, now = 1000 * hour;
    REQUIRE(bank_make(&b, now));
    struct budget *budget = budget_of(&b, "u", BUDGET_HOUR, 100);
    struct hold h, back;
    REQUIRE(budget);
    EXPECT_I64(budget_take(budget, 90, now, &h), 0);
    EXPECT_I64(budget_take(budget, 11, now - 1, &back), ERR_BUDGET);
    EXPECT_I64(budget_take(budget, 10, now - 30 * hour, &back), 0);
    budget_settle(&back, 10);
    EXPECT_I64(budget_spent(budget, now), 10);
    bank_close(&b);
}

TEST(a_clock_that_jumps_ahead_and_comes_back_finds_what_was_spent)
{
    struct bank b;
    int64_t hour = 3600000, now = 1000 * hour, far = now + 9000 * hour;
    REQUIRE(bank_make(&b, now));
    struct budget *budget = budget_of(&b, "u", BUDGET_HOUR, 100);
    struct hold h, ahead, back;
    REQUIRE(budget);
    EXPECT_I64(budget_take(budget, 90, now, &h), 0);
    EXPECT_I64(budget_take(budget, 70, far, &ahead), 0); /* another window, as far as anybody knows */
    budget_settle(&h, 90);
    EXPECT_I64(budget_take(budget, 11, now, &back), ERR_BUDGET);
    EXPECT_I64(budget_take(budget, 10, now, &back), 0);
    budget_settle(&back, 10);
    EXPECT_I64(budget_spent(budget, now), 100);
    EXPECT_I64(budget_take(budget, 100, now + hour, &h), 0); /* the next hour is its own, not that of the jump */
    budget_settle(&h, 1);
    budget_settle(&ahead, 70);
    EXPECT_I64(budget_spent(budget, far), 70);
    for (int i = 2; i < 30; i++) { /* many more than are kept: the nearest stay */
        EXPECT_I64(budget_take(budget, 100, now + i * hour, &h), 0);
        budget_settle(&h, 100);
        EXPECT_I64(budget_spent(budget, now + (i - 1) * hour), i == 2 ? 1 : 100);
    }
    EXPECT_I64(budget_take(budget, 1, now + 28 * hour, &h), ERR_BUDGET);
    EXPECT_I64(budget_take(budget, 1, now + 2 * hour, &h), ERR_BUDGET); /* long forgotten, and not opened again */
    bank_close(&b);
}

TEST(a_window_with_holds_is_never_forgotten)
{
    struct bank b;
    int64_t hour = 3600000, now = 1000 * hour;
    REQUIRE(bank_make(&b, now));
    struct budget *budget = budget_of(&b, "u", BUDGET_HOUR, 100);
    struct hold h[40];
    int taken = 0;
    REQUIRE(budget);
    for (int i = 0; i < 40; i++)
        taken += budget_take(budget, 40, now + i * hour, &h[taken]) == 0;
    EXPECT_I64(taken, 9); /* eight windows, and what still fits into the last one */
    for (int i = 0; i < taken; i++)
        budget_settle(&h[i], 40);
    EXPECT_I64(budget_spent(budget, now), 40);
    EXPECT_I64(budget_take(budget, 100, now + 50 * hour, &h[0]), 0);
    budget_settle(&h[0], 0);
    bank_close(&b);
}

TEST(asking_again_gives_the_same_budget_with_the_new_limit)
{
    struct bank b;
    int64_t now = at(2026, 11, 21, 12);
    REQUIRE(bank_make(&b, now));
    struct budget *budget = budget_of(&b, "u", BUDGET_DAY, 10);
    struct hold h;
    REQUIRE(budget);
    EXPECT_I64(budget_take(budget, 11, now, &h), ERR_BUDGET);
    EXPECT(budget_of(&b, "u", BUDGET_DAY, 11) == budget);
    EXPECT(budget_of(&b, "u", BUDGET_MONTH, 11) != budget);
    EXPECT(budget_of(&b, "uu", BUDGET_DAY, 11) != budget);
    EXPECT_I64(budget_take(budget, 11, now, &h), 0);
    EXPECT(budget_of(&b, "u", BUDGET_DAY, 5) == budget);
    EXPECT_I64(budget_reserved(budget, now), 11);
    bank_close(&b);
}

/* --- from the books --------------------------------------------------------------------------------------------- */

static struct id book_id(int64_t wall_ms, int n)
{
    struct id id = {{0}};
    for (int i = 0; i < 6; i++)
        id.byte[i] = (uint8_t)(wall_ms >> (40 - 8 * i));
    id.byte[15] = (uint8_t)n;
    return id;
}

/* One call with one attempt; closed unless cost is -1. */
static void book(struct ledger_writer *w, int n, const char *target, int64_t wall_ms, int64_t hold, int64_t cost)
{
    struct ledger_call_open call = {.call = book_id(wall_ms, n), .wall_ms = wall_ms, .job = STR("bulk"), .key = STR("-")};
    struct ledger_attempt_open open = {.call = call.call, .attempt = 1, .wall_ms = wall_ms, .target = str_from(target),
                                       .hold_nusd = hold};
    struct ledger_attempt_close close = {.call = call.call, .attempt = 1, .ok = true, .reason = STR("done"),
                                         .cost_nusd = cost, .usage = {.input = 1, .cost_nusd = -1, .reported = true}};
    struct ledger_call_close done = {.call = call.call, .target = open.target, .attempts = 1, .http_status = 200};
    EXPECT_I64(ledger_call_opened(w, &call), 0);
    EXPECT_I64(ledger_attempt_opened(w, &open), 0);
    if (cost != -1) {
        EXPECT_I64(ledger_attempt_closed(w, &close), 0);
        EXPECT_I64(ledger_call_closed(w, &done), 0);
    }
}

static void expect_books(struct bank *b, int64_t now, int64_t hour, int64_t day, int64_t month, int64_t other)
{
    struct budget *budget[] = {budget_of(b, "a", BUDGET_HOUR, 1), budget_of(b, "a", BUDGET_DAY, 1),
                               budget_of(b, "a", BUDGET_MONTH, 1), budget_of(b, "ab", BUDGET_MONTH, 1)};
    int64_t want[] = {hour, day, month, other};
    for (size_t i = 0; i < COUNT_OF(budget); i++)
        EXPECT_I64(budget[i] ? budget_spent(budget[i], now) : -1, want[i]);
}

TEST(spending_is_read_from_the_books_in_the_journal_the_store_and_after_a_restart)
{
    struct bank b;
    int64_t now = at(2026, 11, 21, 12) + 60000;
    REQUIRE(bank_make(&b, now));
    struct ledger_writer *w = NULL;
    REQUIRE(ledger_writer_open(&w, b.ledger, 0, NULL) == 0);
    book(w, 1, "a/x", at(2026, 10, 31, 23), 9, 1000000);
    book(w, 2, "a/x", at(2026, 11, 1, 0), 9, 100000);
    book(w, 3, "a/y/z", at(2026, 11, 20, 23), 9, 20000);
    book(w, 4, "a/x", at(2026, 11, 21, 0), 9, 3000);
    book(w, 5, "a/x", at(2026, 11, 21, 12), 9, 400);
    book(w, 6, "a/x", at(2026, 11, 21, 12), 9, COST_UNKNOWN);
    book(w, 7, "ab/x", at(2026, 11, 21, 12), 9, 55);
    book(w, 8, "a/x", at(2026, 11, 21, 12), 7, -1); /* in flight: its hold */
    REQUIRE(ledger_flush(w, NULL) == 0);
    expect_books(&b, now, 407, 3407, 123407, 55);
    ledger_writer_close(w);
    ledger_close(b.ledger);
    for (int i = 0; i < 2; i++) { /* from the store alone */
        REQUIRE(bank_open(&b, now));
        expect_books(&b, now, 407, 3407, 123407, 55);
        ledger_close(b.ledger);
    }
    b.ledger = NULL;
    bank_close(&b);
}

TEST(an_attempt_that_opened_in_the_store_and_closed_in_the_journal_counts_once)
{
    struct bank b;
    int64_t now = at(2026, 11, 21, 12);
    REQUIRE(bank_make(&b, now));
    struct ledger_writer *w = NULL;
    REQUIRE(ledger_writer_open(&w, b.ledger, 0, NULL) == 0);
    keeper_stop(b.ledger); /* the fold runs on this thread, when the test wants it */
    book(w, 1, "a/x", now, 500, -1);
    REQUIRE(ledger_flush(w, NULL) == 0);
    REQUIRE(keeper_fold(b.ledger, NULL) == 0);
    struct budget *hour = budget_of(&b, "a", BUDGET_HOUR, 1);
    EXPECT_I64(hour ? budget_spent(hour, now) : -1, 500);
    struct ledger_attempt_close close = {.call = book_id(now, 1), .attempt = 1, .ok = true, .reason = STR("done"),
                                         .cost_nusd = 30, .usage = {.input = 1, .reported = true}};
    EXPECT_I64(ledger_attempt_closed(w, &close), 0);
    REQUIRE(ledger_flush(w, NULL) == 0);
    struct budget *day = budget_of(&b, "a", BUDGET_DAY, 1);
    EXPECT_I64(day ? budget_spent(day, now) : -1, 30);
    ledger_writer_close(w);
    bank_close(&b);
}

/* --- races ------------------------------------------------------------------------------------------------------ */

enum { THREADS = 8, ROUNDS = 200000, LIMIT = 1000, WINDOWS = 64, HOUR_MS = 3600000,
       COUNT_ROUNDS = 1000000 /* longer than a time slice, or threads on few cores do not meet */ };

struct race {
    struct budget *budget;
    pthread_barrier_t start; /* all threads exist before the first begins */
    _Atomic int64_t now;
    _Atomic int64_t charged[WINDOWS]; /* by the window of the hold */
    _Atomic long taken, refused;
};
struct racer {
    struct race *race;
    uint64_t seed;
};

/* Takes and settles at its worst case, or less; some holds are kept across windows. */
static void *race_main(void *arg)
{
    struct racer *me = arg;
    struct race *r = me->race;
    struct rng rng;
    rng_seed(&rng, me->seed);
    struct hold kept[8] = {0};
    (void)pthread_barrier_wait(&r->start);
    for (int i = 0; i < ROUNDS; i++) {
        struct hold *h = &kept[rng_below(&rng, COUNT_OF(kept))];
        if (h->budget) {
            int64_t cost = rng_below(&rng, 2) ? h->nusd : (int64_t)rng_below(&rng, (uint64_t)h->nusd + 1);
            atomic_fetch_add(&r->charged[h->window], cost);
            budget_settle(h, cost);
        }
        /* now and then the hour is over; every thread sees its own idea of now, a little stale */
        int64_t now = rng_below(&rng, THREADS * ROUNDS / (WINDOWS - 2)) ? atomic_load(&r->now)
                                                                       : atomic_fetch_add(&r->now, HOUR_MS);
        if (now >= (int64_t)(WINDOWS - 1) * HOUR_MS)
            now = (int64_t)(WINDOWS - 1) * HOUR_MS;
        if (budget_take(r->budget, (int64_t)rng_below(&rng, 60), now, h) == 0)
            atomic_fetch_add(&r->taken, 1);
        else
            atomic_fetch_add(&r->refused, 1);
    }
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (kept[i].budget) {
            atomic_fetch_add(&r->charged[kept[i].window], kept[i].nusd);
            budget_settle(&kept[i], kept[i].nusd);
        }
    return NULL;
}

TEST(eight_racing_threads_never_overdraw_a_window_while_windows_roll)
{
    struct bank b;
    REQUIRE(bank_make(&b, 0));
    struct race race = {.budget = budget_of(&b, "u", BUDGET_HOUR, LIMIT)};
    REQUIRE(race.budget);
    REQUIRE(pthread_barrier_init(&race.start, NULL, THREADS) == 0);
    struct racer racer[THREADS];
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        racer[i] = (struct racer){.race = &race, .seed = (uint64_t)i + 1};
        REQUIRE(pthread_create(&thread[i], NULL, race_main, &racer[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(thread[i], NULL);
    (void)pthread_barrier_destroy(&race.start);
    int full = 0;
    for (int i = 0; i < WINDOWS; i++) {
        int64_t charged = atomic_load(&race.charged[i]);
        if (charged > LIMIT)
            test_fail(__FILE__, __LINE__, "window %d: %lld of %d spent", i, (long long)charged, LIMIT);
        full += charged > LIMIT - 60;
    }
    EXPECT(full > WINDOWS / 3); /* it was a race for the last of it, not a stroll */
    EXPECT(atomic_load(&race.taken) > 1000 && atomic_load(&race.refused) > 1000);
    int64_t end = atomic_load(&race.now);
    EXPECT_I64(budget_reserved(race.budget, end), 0);
    EXPECT_I64(budget_reserved(race.budget, end - HOUR_MS), 0);
    bank_close(&b);
}

/* Every thread takes and settles one nano-dollar in one window: a lost update would stay for good. */
static void *count_main(void *arg)
{
    struct race *r = arg;
    (void)pthread_barrier_wait(&r->start);
    for (int i = 0; i < COUNT_ROUNDS; i++) {
        struct hold h;
        if (budget_take(r->budget, 2, 0, &h) == 0)
            budget_settle(&h, 1);
    }
    return NULL;
}

TEST(no_charge_is_lost_between_racing_threads)
{
    struct bank b;
    REQUIRE(bank_make(&b, 0));
    struct race race = {.budget = budget_of(&b, "u", BUDGET_HOUR, INT64_MAX)};
    REQUIRE(race.budget);
    REQUIRE(pthread_barrier_init(&race.start, NULL, THREADS) == 0);
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&thread[i], NULL, count_main, &race) == 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(thread[i], NULL);
    (void)pthread_barrier_destroy(&race.start);
    EXPECT_I64(budget_spent(race.budget, 0), (int64_t)THREADS * COUNT_ROUNDS);
    EXPECT_I64(budget_reserved(race.budget, 0), 0);
    bank_close(&b);
}
