/* test_ledger.c: the books as a whole: what was flushed is told by a reader at once, folded behind the scenes, and
 * survives full disks and damage (kill -9: test_ledger_kill.c). */
#include "ledger_house.h"
#include <sys/syscall.h>

/* Ours stands before the C library's, to see that the keeper does call it. */
static _Atomic long syncs;
int fdatasync(int fd)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, fd);
}

/* --- the tests -------------------------------------------------------------------------------------------------- */

TEST(a_call_is_told_the_same_from_the_journal_the_store_and_after_a_restart)
{
    struct house h;
    REQUIRE(house_make(&h));
    EXPECT_I64(whole_call(h.writer, 1), 0);
    EXPECT(ledger_dirty(h.writer));
    struct told before = read_books(&h, NULL);
    EXPECT_I64(before.count, 0); /* what is not flushed is not there */
    told_free(&before);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT(!ledger_dirty(h.writer));
    expect_whole_call(&h, 1, "in the journal");
    keeper_stop(h.ledger);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    expect_whole_call(&h, 1, "in the store");
    house_shut(&h);
    EXPECT_I64(kit_count_files(h.dir.path, ".hj"), 0);
    expect_whole_call(&h, 1, "after the end");
    EXPECT_I64(house_open(&h, NEVER_MS, 0), 0);
    expect_whole_call(&h, 1, "after a restart");
    house_remove(&h);
}

TEST(a_call_cut_in_two_by_a_fold_at_any_record_is_told_whole)
{
    for (int cut = 0; cut <= 6; cut++) {
        struct house h;
        REQUIRE(house_make(&h));
        keeper_stop(h.ledger);
        struct ledger_writer *w = h.writer;
        for (int step = 0; step < 6; step++) {
            if (step == cut) {
                EXPECT_I64(ledger_flush(w, NULL), 0);
                EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
            }
            EXPECT_I64(step == 0   ? open_call(w, 1, "bulk")
                       : step == 1 ? open_attempt(w, 1, 1, "groq/a", 500)
                       : step == 2 ? close_attempt(w, 1, 1, false, nothing, 0)
                       : step == 3 ? open_attempt(w, 1, 2, "kimi/b", 600)
                       : step == 4 ? close_attempt(w, 1, 2, true, used, 123)
                                   : close_call(w, 1, CALL_DONE, "kimi/b", 2), 0);
        }
        EXPECT_I64(ledger_flush(w, NULL), 0);
        expect_whole_call(&h, 1, "half in the store");
        EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
        expect_whole_call(&h, 1, "in the store");
        house_remove(&h);
    }
}

TEST(a_call_in_flight_is_not_told_while_its_process_lives_and_lost_when_it_is_gone)
{
    struct house h;
    REQUIRE(house_make(&h));
    EXPECT_I64(whole_call(h.writer, 1) | open_call(h.writer, 2, "fast") | open_attempt(h.writer, 2, 1, "groq/a", 500) |
                   close_attempt(h.writer, 2, 1, false, used, 40) | open_attempt(h.writer, 2, 2, "kimi/b", 600) |
                   open_call(h.writer, 3, "fast") | open_attempt(h.writer, 3, 1, "new/x", COST_UNKNOWN) |
                   open_call(h.writer, 4, "fast"), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    struct told t = read_books(&h, NULL);
    EXPECT_I64(t.count, 1);
    told_free(&t);

    struct house dead = house_copy_dead(&h);
    for (int round = 0; round < 4; round++) { /* told by a reader alone; recovered; and twice again */
        t = read_books(&dead, NULL);
        EXPECT_I64(t.count, 4);
        const struct usage_call *two = find(&t, 2), *three = find(&t, 3), *four = find(&t, 4);
        if (two && three && four) {
            EXPECT(two->outcome == CALL_LOST && two->estimated && two->cost_nusd == 640 && two->attempts == 2);
            EXPECT(two->usage.input == 111 && !two->usage.reported && two->total_ms == -1);
            EXPECT(three->outcome == CALL_LOST && three->estimated && three->cost_nusd == COST_UNKNOWN);
            EXPECT(four->outcome == CALL_LOST && four->estimated && four->cost_nusd == 0 && four->attempts == 0);
        } else {
            test_fail(__FILE__, __LINE__, "a lost call is missing in round %d", round);
        }
        told_free(&t);
        expect_whole_call(&dead, 1, "beside the lost");
        house_shut(&dead);
        EXPECT_I64(house_open(&dead, NEVER_MS, 0), 0);
    }
    house_remove(&dead);
    house_remove(&h);
}

TEST(a_crash_between_the_fold_and_the_removal_of_segments_loses_nobody_twice)
{
    struct house h;
    REQUIRE(house_make(&h));
    EXPECT_I64(whole_call(h.writer, 1) | open_call(h.writer, 2, "fast") | open_attempt(h.writer, 2, 1, "groq/a", 500), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    struct house dead = house_copy_dead(&h);
    char from[256], to[256], saved[256];
    kit_join(from, dead.dir.path, "journal/w0-000001.hj");
    kit_join(saved, dead.dir.path, "saved");
    kit_join(to, dead.dir.path, "lock");
    EXPECT_I64(link(from, saved), 0);
    for (int round = 0; round < 3; round++) {
        EXPECT_I64(house_open(&dead, NEVER_MS, 0), 0);
        house_shut(&dead);
        EXPECT(access(from, F_OK) != 0);
        struct told t = read_books(&dead, NULL);
        const struct usage_call *lost = find(&t, 2);
        EXPECT(t.count == 2 && lost && lost->outcome == CALL_LOST && lost->cost_nusd == 500);
        told_free(&t);
        EXPECT_I64(link(saved, from), 0); /* the segment was not removed after all */
    }
    house_remove(&dead);
    house_remove(&h);
}

TEST(an_orderly_end_settles_what_nobody_can_close_any_more)
{
    struct house h;
    REQUIRE(house_make(&h));
    EXPECT_I64(open_call(h.writer, 1, "fast") | open_attempt(h.writer, 1, 1, "groq/a", 500), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    house_shut(&h);
    EXPECT_I64(house_open(&h, NEVER_MS, 0), 0); /* a living process: only what is closed is told */
    struct told t = read_books(&h, NULL);
    const struct usage_call *u = find(&t, 1);
    EXPECT(u && u->outcome == CALL_LOST && u->cost_nusd == 500);
    told_free(&t);
    house_remove(&h);
}

TEST(a_second_process_is_refused_with_the_pid_of_the_first)
{
    struct house h;
    REQUIRE(house_make(&h));
    struct ledger_options opt = {.dir = str_from(h.dir.path), .clock = clock_system()};
    struct ledger *second = NULL;
    struct err e = {0};
    char pid[64];
    text_format(pid, sizeof pid, "process %d", (int)getpid());
    EXPECT_I64(ledger_open(&second, &opt, &e), ERR_BUSY);
    EXPECT(str_find(str_from(e.text), str_from(pid)) >= 0);
    struct told t = read_books(&h, NULL); /* a reader does not need the lock, nor take it */
    told_free(&t);
    house_shut(&h);
    EXPECT_I64(ledger_open(&second, &opt, &e), 0);
    ledger_close(second);
    house_remove(&h);
}

TEST(files_are_private_and_an_idle_ledger_opens_no_database)
{
    struct house h = {.dir = kit_dir_make()};
    char deep[256], path[256];
    kit_join(deep, h.dir.path, "a/b");
    struct ledger_options opt = {.dir = str_from(deep), .clock = clock_system()};
    for (int i = 0; i < 2; i++) {
        REQUIRE(ledger_open(&h.ledger, &opt, NULL) == 0);
        ledger_close(h.ledger);
        EXPECT(!kit_exists(deep, "ledger.db"));
    }
    static const char *const names[] = {".", "journal", "lock"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct stat st = {0};
        kit_join(path, deep, names[i]);
        EXPECT(stat(path, &st) == 0 && (st.st_mode & 0077) == 0);
        EXPECT(!S_ISREG(st.st_mode) || st.st_size == 0);
    }
    kit_remove(h.dir.path);
}

TEST(a_reader_of_an_empty_folder_tells_nothing_and_of_none_says_so)
{
    struct house h = {.dir = kit_dir_make()};
    struct told t = read_books(&h, NULL);
    EXPECT_I64(t.count, 0);
    told_free(&t);
    kit_remove(h.dir.path);
    struct ledger_reader *r = NULL;
    struct err e = {0};
    EXPECT_I64(ledger_reader_open(&r, str_from(h.dir.path), &e), ERR_NOT_FOUND);
    EXPECT(str_find(str_from(e.text), str_from(h.dir.path)) >= 0);
}

TEST(a_full_disk_refuses_keeps_what_was_appended_and_forgets_what_is_refused)
{
    struct house h;
    struct err e = {0};
    REQUIRE(house_make(&h));
    EXPECT(ledger_writable(h.writer));
    EXPECT_I64(open_call(h.writer, 1, "bulk") | open_attempt(h.writer, 1, 1, "kimi/b", 600), 0);
    EXPECT_I64(ledger_flush(h.writer, &e), 0);
    kit_limit_files(100);
    EXPECT_I64(close_attempt(h.writer, 1, 1, true, used, 123) | close_call(h.writer, 1, CALL_DONE, "kimi/b", 1), 0);
    EXPECT_I64(open_call(h.writer, 2, "bulk") | open_attempt(h.writer, 2, 1, "kimi/b", 600), 0);
    EXPECT_I64(ledger_flush(h.writer, &e), ERR_IO);
    EXPECT(!ledger_writable(h.writer) && ledger_dirty(h.writer));
    struct id refused = id_of(2);
    ledger_forget(h.writer, &refused);
    EXPECT(ledger_dirty(h.writer));
    EXPECT_I64(ledger_flush(h.writer, &e), ERR_IO);
    kit_limit_files(RLIM_INFINITY);
    EXPECT_I64(ledger_flush(h.writer, &e), 0);
    EXPECT(ledger_writable(h.writer) && !ledger_dirty(h.writer));
    house_shut(&h);
    struct told t = read_books(&h, NULL);
    const struct usage_call *u = find(&t, 1);
    EXPECT(t.count == 1 && u && u->outcome == CALL_DONE && u->cost_nusd == 123);
    told_free(&t);
    house_remove(&h);
}

TEST(a_writer_that_cannot_write_has_a_bound)
{
    struct house h;
    REQUIRE(house_make(&h));
    int rc = 0;
    long appended = 0;
    for (; rc == 0 && appended < 1000000; appended++)
        rc = open_call(h.writer, (int)appended, "bulk");
    EXPECT_I64(rc, ERR_LIMIT);
    EXPECT(appended > 10000);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT_I64(open_call(h.writer, (int)appended, "bulk"), 0);
    house_remove(&h);
}

TEST(segments_are_closed_beyond_their_size_folded_and_removed)
{
    struct house h = {.dir = kit_dir_make()};
    REQUIRE(house_open(&h, NEVER_MS, 4096) == 0);
    keeper_stop(h.ledger);
    for (int n = 0; n < 100; n++) {
        EXPECT_I64(whole_call(h.writer, n), 0);
        EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    }
    int files = kit_count_files(h.dir.path, ".hj");
    EXPECT(files > 5);
    struct told t = read_books(&h, NULL);
    EXPECT_I64(t.count, 100);
    told_free(&t);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    EXPECT_I64(kit_count_files(h.dir.path, ".hj"), 1); /* the one that is being written */
    t = read_books(&h, NULL);
    EXPECT_I64(t.count, 100);
    told_free(&t);
    house_remove(&h);
}

static bool is_folded(const struct house *h, int n)
{
    char path[256];
    kit_join(path, h->dir.path, "ledger.db");
    struct id id = id_of(n);
    struct store *s = NULL;
    struct arena a = ARENA_INIT(MiB);
    struct store_call *c = NULL;
    bool closed = store_open(&s, path, true, NULL) == 0 && store_call_get(s, id.byte, &a, &c, NULL) == 0 && c && c->closed;
    arena_fini(&a);
    store_close(s);
    return closed;
}

/* Waits until the keeper has folded: the store tells that call as closed. */
static bool folded(const struct house *h, int n)
{
    bool closed = is_folded(h, n);
    for (int i = 0; i < TRIES_MAX && !closed; i++, closed = is_folded(h, n))
        kit_pause();
    return closed;
}

TEST(the_keeper_folds_and_syncs_by_itself)
{
    struct house h = {.dir = kit_dir_make()};
    REQUIRE(house_open(&h, SOON_MS, 0) == 0);
    long before = atomic_load(&syncs);
    EXPECT_I64(whole_call(h.writer, 1), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT(folded(&h, 1));
    EXPECT(atomic_load(&syncs) > before);
    EXPECT_I64(whole_call(h.writer, 2), 0); /* after it went to sleep again */
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT(folded(&h, 2));
    house_remove(&h);
}

enum { PUT_CALLS = 20, PUT_EVERY_MS = 100, LONG_MS = 2500, STALL_MS = 400 };

/* Calls numbered from *n on, every tenth of a second for so long, or until `until` of them is folded. Returns the longest pause
 * between two puts: on a busy machine it may be as long as what the keeper takes for quiet. */
static int64_t put_steadily(const struct house *h, int *n, int calls, int64_t for_ms, int until)
{
    int64_t start = clock_mono_us(clock_system()) / 1000, last = start, longest = 0;
    for (int64_t now = start; now < start + for_ms && !(until && is_folded(h, until)); now = clock_mono_us(clock_system()) / 1000) {
        longest = now - last > longest ? now - last : longest;
        last = now;
        for (int i = 0; i < calls; i++)
            EXPECT_I64(whole_call(h->writer, ++*n), 0);
        EXPECT_I64(ledger_flush(h->writer, NULL), 0);
        (void)poll(NULL, 0, PUT_EVERY_MS);
    }
    return longest;
}

TEST(while_calls_come_at_a_rate_they_are_synced_and_their_fold_waits)
{
    for (int tries = 0; tries < 5; tries++) {
        struct house h = {.dir = kit_dir_make()};
        REQUIRE(house_open(&h, 3600000, 0) == 0);
        long before = atomic_load(&syncs);
        int n = 0;
        bool stalled = put_steadily(&h, &n, PUT_CALLS, LONG_MS, 0) > STALL_MS;
        bool is = is_folded(&h, 1);
        EXPECT(atomic_load(&syncs) > before + 1); /* more than once */
        if (is && stalled) { /* it was quiet, as far as the keeper could see */
            house_remove(&h);
            continue;
        }
        EXPECT(!is);
        EXPECT(folded(&h, n)); /* now that it is quiet, and long before its time */
        house_remove(&h);
        break;
    }
}

TEST(what_is_much_is_folded_though_more_comes)
{
    struct house h = {.dir = kit_dir_make()};
    REQUIRE(house_open(&h, 3600000, 0) == 0);
    int n = 0;
    (void)put_steadily(&h, &n, 3000, 1, 0);
    int much = n;
    (void)put_steadily(&h, &n, PUT_CALLS, 10000, much);
    EXPECT(is_folded(&h, much));
    EXPECT_I64(n > much, true);
    house_remove(&h);
}

TEST(a_fold_waits_no_longer_than_it_may)
{
    struct house h = {.dir = kit_dir_make()};
    REQUIRE(house_open(&h, 1500, 0) == 0);
    int n = 0;
    (void)put_steadily(&h, &n, 3 * PUT_CALLS, 1, 0); /* no longer few, and what follows does not make them many */
    (void)put_steadily(&h, &n, PUT_CALLS / 5, 10000, 1);
    EXPECT(is_folded(&h, 1));
    house_remove(&h);
}

TEST(a_few_calls_are_folded_instead_of_a_sync)
{
    struct house h = {.dir = kit_dir_make()};
    REQUIRE(house_open(&h, 3600000, 0) == 0);
    EXPECT_I64(whole_call(h.writer, 1), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT(folded(&h, 1)); /* the first sync is of the folder, too, and no fold */
    EXPECT_I64(whole_call(h.writer, 2), 0);
    int64_t start = clock_mono_us(clock_system());
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT(folded(&h, 2));
    EXPECT(clock_mono_us(clock_system()) - start < 1000000); /* the promise of the sync */
    house_remove(&h);
}

TEST(what_is_flushed_is_synced_within_a_second)
{
    struct house h;
    REQUIRE(house_make(&h)); /* folds never: the sync is not a fold's */
    EXPECT_I64(whole_call(h.writer, 1), 0);
    long before = atomic_load(&syncs);
    int64_t start = clock_mono_us(clock_system());
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    while (atomic_load(&syncs) == before && clock_mono_us(clock_system()) - start < 3000000)
        kit_pause();
    EXPECT(atomic_load(&syncs) > before);
    EXPECT(clock_mono_us(clock_system()) - start < 1000000);
    house_remove(&h);
}

TEST(a_damaged_middle_costs_its_rest_is_kept_aside_and_a_torn_tail_costs_nothing_more)
{
    for (int damaged = 0; damaged < 2; damaged++) {
        struct house h;
        REQUIRE(house_make(&h));
        for (int n = 1; n <= 3; n++) {
            EXPECT_I64(whole_call(h.writer, n), 0);
            EXPECT_I64(ledger_flush(h.writer, NULL), 0);
        }
        struct house dead = house_copy_dead(&h);
        char path[256];
        kit_join(path, dead.dir.path, "journal/w0-000001.hj");
        struct stat st = {0};
        EXPECT_I64(stat(path, &st), 0);
        off_t per_call = (st.st_size - JOURNAL_HEADER_BYTES) / 3;
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (damaged)
            EXPECT_I64(pwrite(fd, "\xff", 1, JOURNAL_HEADER_BYTES + per_call + 30), 1); /* in the second call's open */
        else
            EXPECT_I64(ftruncate(fd, st.st_size - 1), 0); /* the last byte of the third call's close */
        close(fd);
        EXPECT_I64(house_open(&dead, NEVER_MS, 0), 0);
        house_shut(&dead);
        struct told t = read_books(&dead, NULL);
        const struct usage_call *three = find(&t, 3);
        EXPECT_I64(t.count, damaged ? 1 : 3);
        EXPECT(damaged || (three && three->outcome == CALL_LOST && three->cost_nusd == 123));
        told_free(&t);
        EXPECT_I64(kit_count_files(dead.dir.path, ".damaged"), damaged);
        EXPECT_I64(kit_count_files(dead.dir.path, ".hj"), 0);
        house_remove(&dead);
        house_remove(&h);
    }
}

TEST(damage_to_what_was_flushed_is_told_even_at_the_end_and_later_calls_are_booked)
{
    struct house h;
    REQUIRE(house_make(&h));
    keeper_stop(h.ledger);
    EXPECT_I64(whole_call(h.writer, 1), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    char path[256];
    struct stat st = {0};
    kit_join(path, h.dir.path, "journal/w0-000001.hj");
    EXPECT_I64(stat(path, &st), 0);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    EXPECT_I64(pwrite(fd, "\xff", 1, st.st_size - 1), 1); /* in the call's close, with nothing behind it */
    close(fd);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    EXPECT_I64(kit_count_files(h.dir.path, ".damaged"), 1);
    EXPECT_I64(whole_call(h.writer, 2), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    expect_whole_call(&h, 2, "behind the damage");
    house_remove(&h);
}

TEST(a_close_whose_open_was_damaged_still_has_its_line)
{
    struct house h;
    REQUIRE(house_make(&h));
    EXPECT_I64(close_attempt(h.writer, 7, 1, true, used, 123) | close_call(h.writer, 7, CALL_DONE, "kimi/b", 1), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct told t = read_books(&h, NULL);
        const struct usage_call *u = find(&t, 7);
        EXPECT(u && u->outcome == CALL_DONE && u->cost_nusd == 123 && u->wall_ms == noon_ms + 7);
        told_free(&t);
        house_shut(&h);
    }
    house_remove(&h);
}

TEST(calls_of_one_millisecond_are_found_as_quickly_as_others)
{
    enum { CALLS = 60000 }; /* a quadratic table takes many seconds for them, a good one some 20 ms */
    struct book b;
    book_init(&b, 256 * MiB);
    int64_t start = clock_mono_us(clock_system());
    for (int n = 0; n < CALLS; n++) {
        struct record r = {.type = RECORD_CALL_CLOSE, .call_close = {.outcome = CALL_DONE}};
        for (int i = 0; i < 4; i++) /* ids count up in their last bytes */
            r.call.byte[15 - i] = (uint8_t)(n >> 8 * i);
        EXPECT_I64(book_add(&b, &r), 0);
    }
    EXPECT_I64(b.count, CALLS);
    EXPECT(clock_mono_us(clock_system()) - start < 1500000);
    book_fini(&b);
}

/* --- sums ------------------------------------------------------------------------------------------------------- */

static void write_mixed(struct ledger_writer *w)
{
    struct usage guessed = used;
    guessed.reported = false;
    static const int64_t day = 86400000;
    struct { int n; const char *job, *key, *tags, *target; int64_t cost; enum call_outcome outcome; int64_t when; struct usage u; }
    rows[] = {
        {1, "bulk", "a", "x", "groq/m", 10, CALL_DONE, 0, used},
        {2, "bulk", "-", "x, y,x", "groq/m", 20, CALL_FAILED, 0, guessed},
        {3, "fast", "a", "", "kimi/m", COST_UNKNOWN, CALL_DONE, day, used},
        {4, "fast", "b", "y", "kimi/m", COST_UNKNOWN, CALL_LEFT, day, nothing}, /* unknown price, nothing used: free */
        {5, "bulk", "a", ",,", NULL, 0, CALL_FAILED, 2 * day, nothing},         /* refused before any attempt */
        {9, "bulk", "a", "x", "closet/m", 0, CALL_CUT, 2 * day - 1, used},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int n = rows[i].n + (int)rows[i].when; /* ids begin with their time */
        struct id id = id_of(n);
        struct str target = str_from(rows[i].target ? rows[i].target : "-");
        int64_t wall_ms = noon_ms - 43200000 + rows[i].when;
        struct ledger_call_open call = {.call = id, .wall_ms = wall_ms, .job = str_from(rows[i].job),
                                        .key = str_from(rows[i].key), .tags = str_from(rows[i].tags)};
        struct ledger_attempt_open open = {.call = id, .attempt = 1, .wall_ms = wall_ms, .target = target, .hold_nusd = 9,
                                           .regime = rows[i].n == 9 ? REGIME_POWER : REGIME_CREDIT};
        EXPECT_I64(ledger_call_opened(w, &call), 0);
        if (rows[i].target) {
            EXPECT_I64(ledger_attempt_opened(w, &open), 0);
            EXPECT_I64(close_attempt(w, n, 1, rows[i].outcome == CALL_DONE, rows[i].u, rows[i].cost), 0);
        }
        EXPECT_I64(close_call(w, n, rows[i].outcome, rows[i].outcome == CALL_DONE ? rows[i].target : "-",
                              rows[i].target ? 1 : 0), 0);
    }
    EXPECT_I64(ledger_flush(w, NULL), 0);
}

static int write_group(const struct usage_group *g, void *ctx)
{
    return buf_append_format(ctx, "%.*s:%d/%d/%d $%d ?%d ~%d i%d;", STR_FMT(g->name), (int)g->calls, (int)g->failed,
                             (int)g->attempts, (int)g->cost_nusd, (int)g->cost_unknown, (int)g->estimated,
                             (int)g->usage.input);
}

TEST(groups_sum_what_their_calls_tell)
{
    static const struct { enum usage_by by; struct usage_filter f; const char *want; } rows[] = {
        {USAGE_BY_JOB, {0}, "bulk:4/3/3 $30 ?0 ~1 i300;fast:2/0/2 $0 ?1 ~0 i100;"},
        {USAGE_BY_TARGET, {0}, "-:1/1/0 $0 ?0 ~0 i0;closet/m:1/1/1 $0 ?0 ~0 i100;groq/m:2/1/2 $30 ?0 ~1 i200;"
                               "kimi/m:2/0/2 $0 ?1 ~0 i100;"},
        {USAGE_BY_REGIME, {0}, "-:1/1/0 $0 ?0 ~0 i0;credit:4/1/4 $30 ?1 ~1 i300;power:1/1/1 $0 ?0 ~0 i100;"},
        {USAGE_BY_DAY, {0}, "2026-11-21:2/1/2 $30 ?0 ~1 i200;2026-11-22:3/1/3 $0 ?1 ~0 i200;2026-11-23:1/1/0 $0 ?0 ~0 i0;"},
        {USAGE_BY_KEY, {0}, "-:1/1/1 $20 ?0 ~1 i100;a:4/2/3 $10 ?1 ~0 i300;b:1/0/1 $0 ?0 ~0 i0;"},
        {USAGE_BY_TAG, {0}, "-:2/1/1 $0 ?1 ~0 i100;x:3/2/3 $30 ?0 ~1 i300;y:2/1/2 $20 ?0 ~1 i100;"},
        {USAGE_BY_JOB, {.target = {"groq/m", 6}}, "bulk:2/1/2 $30 ?0 ~1 i200;"},
        {USAGE_BY_JOB, {.tag = {"y", 1}}, "bulk:1/1/1 $20 ?0 ~1 i100;fast:1/0/1 $0 ?0 ~0 i0;"},
        {USAGE_BY_JOB, {.key = {"b", 1}}, "fast:1/0/1 $0 ?0 ~0 i0;"},
        {USAGE_BY_KEY, {.job = {"fast", 4}}, "a:1/0/1 $0 ?1 ~0 i100;b:1/0/1 $0 ?0 ~0 i0;"},
        {USAGE_BY_JOB, {.task = {"nope", 4}}, ""},
    };
    struct house h;
    REQUIRE(house_make(&h));
    write_mixed(h.writer);
    for (int round = 0; round < 2; round++) { /* from the journal, then from the store */
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            struct ledger_reader *r = NULL;
            AUTO_BUF struct buf got = BUF_INIT(64 * KiB);
            REQUIRE(ledger_reader_open(&r, str_from(h.dir.path), NULL) == 0);
            EXPECT_I64(ledger_groups(r, rows[i].by, &rows[i].f, write_group, &got, NULL), 0);
            EXPECT_STR(buf_str(&got), rows[i].want);
            ledger_reader_close(r);
        }
        house_shut(&h);
    }
    house_remove(&h);
}

TEST(a_filter_takes_from_its_first_moment_to_before_its_last)
{
    static const int64_t day = 86400000, start = 1795219200000;
    static const struct { int64_t from, to; size_t count; } rows[] = {
        {0, 0, 6}, {start + day, 0, 4}, {0, start + day, 2}, {start + day, start + 2 * day, 3}, {start + 2 * day, 0, 1},
        {start + 2 * day - 1, start + 2 * day, 1}, {start + 3 * day, 0, 0},
    };
    struct house h;
    REQUIRE(house_make(&h));
    write_mixed(h.writer);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT_OF(rows); i++) {
            struct told t = read_books(&h, &(struct usage_filter){.from_ms = rows[i].from, .to_ms = rows[i].to});
            EXPECT_I64(t.count, rows[i].count);
            told_free(&t);
        }
        house_shut(&h);
    }
    house_remove(&h);
}

static int stop_at_once(const struct usage_call *c, void *ctx)
{
    (void)c;
    ++*(int *)ctx;
    return 1;
}

TEST(a_caller_may_stop_early)
{
    struct house h;
    REQUIRE(house_make(&h));
    write_mixed(h.writer);
    struct ledger_reader *r = NULL;
    int seen = 0;
    REQUIRE(ledger_reader_open(&r, str_from(h.dir.path), NULL) == 0);
    EXPECT_I64(ledger_calls(r, &(struct usage_filter){0}, stop_at_once, &seen, NULL), 0);
    EXPECT_I64(seen, 1);
    ledger_reader_close(r);
    house_remove(&h);
}

/* --- torture ---------------------------------------------------------------------------------------------------- */

static int torture_ledger(void *ctx)
{
    struct house h = {.dir = *(struct kit_dir *)ctx};
    struct told t = {.sorted = true};
    struct ledger_reader *r = NULL;
    int rc = house_open(&h, NEVER_MS, 0);
    if (rc == 0)
        rc = whole_call(h.writer, 1);
    if (rc == 0)
        rc = ledger_flush(h.writer, NULL);
    struct budget *budget = NULL;
    if (rc == 0)
        rc = ledger_budget(&budget, h.ledger, STR("kimi"), BUDGET_DAY, 100, NULL);
    if (rc == 0)
        rc = ledger_reader_open(&r, str_from(h.dir.path), NULL);
    AUTO_BUF struct buf groups = BUF_INIT(64 * KiB);
    if (rc == 0)
        rc = ledger_groups(r, USAGE_BY_TAG, &(struct usage_filter){0}, write_group, &groups, NULL);
    told_free(&t);
    ledger_reader_close(r);
    house_shut(&h);
    return rc;
}

TEST(opening_writing_reading_and_recovery_survive_any_failed_allocation)
{
    struct house h;
    REQUIRE(house_make(&h));
    for (int n = 10; n < 30; n++)
        EXPECT_I64(whole_call(h.writer, n), 0);
    EXPECT_I64(open_call(h.writer, 40, "bulk"), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    struct house dead = house_copy_dead(&h);
    (void)test_torture("ledger", torture_ledger, &dead.dir);
    struct told t = read_books(&dead, NULL);
    EXPECT_I64(t.count, 22);
    told_free(&t);
    kit_remove(dead.dir.path);
    house_remove(&h);
}
