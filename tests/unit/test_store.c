/* test_store.c: rows of calls and attempts in the database, whichever it is. */
#include "ledger_kit.h"
#include "test.h"
#include <sqlite3.h>

struct shop { /* a folder with an open store */
    struct kit_dir dir;
    char path[256];
    struct store *store;
};

static bool shop_open(struct shop *s)
{
    *s = (struct shop){.dir = kit_dir_make()};
    kit_join(s->path, s->dir.path, "ledger.db");
    return store_open(&s->store, s->path, false, NULL) == 0;
}

static void shop_close(struct shop *s)
{
    store_close(s->store);
    kit_remove(s->dir.path);
}

static struct store_attempt sample_attempt(int number)
{
    return (struct store_attempt){
        .number = number, .opened = true, .closed = true, .wall_ms = 5000 + number, .target = STR("groq/openai/gpt-oss"),
        .regime = 1, .price_row = 44, .hold_nusd = 900, .input_estimated = 12, .ok = true, .estimated = true,
        .reason = STR("done"), .input = 10, .cached = 3, .cache_write = 2, .output = 7, .reasoning = 1,
        .vendor_nusd = 77, .cost_nusd = 70, .first_ms = 5, .total_ms = 6};
}

static struct store_call sample_call(unsigned n)
{
    struct store_call c = {
        .opened = true, .closed = true, .wall_ms = 5000 + n, .op = 2, .home = true, .job = STR("bulk"), .asked = STR("x"),
        .key = STR("-"), .tags = STR("a,b"), .task = STR("t"), .outcome = 1, .attempt_count = 1, .http_status = 502,
        .target = STR("groq/openai/gpt-oss"), .first_ms = 1, .total_ms = 2};
    c.id[4] = (uint8_t)(c.wall_ms >> 8); /* ids begin with their time */
    c.id[5] = (uint8_t)c.wall_ms;
    c.id[14] = (uint8_t)(n >> 8);
    c.id[15] = (uint8_t)n;
    return c;
}

static int put(struct store *s, struct store_call *c)
{
    int rc = store_begin(s, NULL);
    if (rc == 0)
        rc = store_call_put(s, c, NULL);
    if (rc == 0)
        rc = store_commit(s, NULL);
    store_rollback(s);
    return rc;
}

static bool attempt_eq(const struct store_attempt *a, const struct store_attempt *b)
{
    return a->number == b->number && a->opened == b->opened && a->closed == b->closed && a->wall_ms == b->wall_ms &&
           str_eq(a->target, b->target) && a->regime == b->regime && a->price_row == b->price_row &&
           a->hold_nusd == b->hold_nusd && a->input_estimated == b->input_estimated && a->ok == b->ok &&
           a->estimated == b->estimated && str_eq(a->reason, b->reason) && a->input == b->input &&
           a->cached == b->cached && a->cache_write == b->cache_write && a->output == b->output &&
           a->reasoning == b->reasoning && a->vendor_nusd == b->vendor_nusd && a->cost_nusd == b->cost_nusd &&
           a->first_ms == b->first_ms && a->total_ms == b->total_ms;
}

static bool call_eq(const struct store_call *a, const struct store_call *b)
{
    const struct store_attempt *x = a->attempts, *y = b->attempts;
    for (; x && y; x = x->next, y = y->next)
        if (!attempt_eq(x, y))
            return false;
    return !x && !y && memcmp(a->id, b->id, STORE_ID_BYTES) == 0 && a->opened == b->opened && a->closed == b->closed &&
           a->wall_ms == b->wall_ms && a->op == b->op && a->home == b->home && str_eq(a->job, b->job) &&
           str_eq(a->asked, b->asked) && str_eq(a->key, b->key) && str_eq(a->tags, b->tags) &&
           str_eq(a->task, b->task) && a->outcome == b->outcome && a->attempt_count == b->attempt_count &&
           a->http_status == b->http_status && str_eq(a->target, b->target) && a->first_ms == b->first_ms &&
           a->total_ms == b->total_ms;
}

static bool stored_is(struct store *s, const struct store_call *want)
{
    struct arena a = ARENA_INIT(MiB);
    struct store_call *got = NULL;
    bool same = store_call_get(s, want->id, &a, &got, NULL) == 0 && got && call_eq(got, want);
    arena_fini(&a);
    return same;
}

TEST(a_call_and_its_attempts_come_back_as_they_were_put)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_call c = sample_call(1);
    struct store_attempt second = sample_attempt(2), first = sample_attempt(1);
    second.hold_nusd = second.cost_nusd = STORE_UNKNOWN;
    second.vendor_nusd = second.first_ms = second.total_ms = -1;
    second.ok = second.estimated = false;
    second.price_row = -1;
    first.next = &second;
    c.attempts = &first;
    c.first_ms = -1;
    c.tags = STR("nul \0 inside");
    EXPECT_I64(put(s.store, &c), 0);
    EXPECT(stored_is(s.store, &c));
    struct stat st;
    EXPECT(stat(s.path, &st) == 0 && (st.st_mode & 0777) == 0600);
    shop_close(&s);
}

TEST(a_call_told_in_parts_becomes_the_same_row)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_attempt a = sample_attempt(1);
    struct store_call whole = sample_call(1), opened = sample_call(1), closed = sample_call(1);
    whole.attempts = &a;
    struct store_attempt a_open = a, a_close = a;
    a_open.closed = false;
    a_close.opened = false;
    opened.closed = false;
    closed.opened = false;
    EXPECT_I64(put(s.store, &opened), 0);
    struct store_call between = {.attempts = &a_open}; /* an attempt alone */
    memcpy(between.id, whole.id, sizeof between.id);
    EXPECT_I64(put(s.store, &between), 0);
    between.attempts = &a_close;
    EXPECT_I64(put(s.store, &between), 0);
    EXPECT_I64(put(s.store, &closed), 0);
    EXPECT(stored_is(s.store, &whole));
    shop_close(&s);
}

TEST(putting_a_fact_again_or_another_one_later_changes_nothing)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_attempt a = sample_attempt(1), other = a;
    struct store_call c = sample_call(1), changed = c;
    c.attempts = &a;
    EXPECT_I64(put(s.store, &c), 0);
    EXPECT_I64(put(s.store, &c), 0);
    changed.outcome = 4;
    changed.wall_ms = 1;
    changed.attempts = &other;
    other.cost_nusd = 1;
    other.wall_ms = 1;
    EXPECT_I64(put(s.store, &changed), 0);
    changed.opened = other.opened = false;
    EXPECT_I64(put(s.store, &changed), 0);
    EXPECT(stored_is(s.store, &c));
    shop_close(&s);
}

TEST(a_close_without_its_open_makes_a_row)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_attempt a = sample_attempt(3);
    struct store_call c = sample_call(9);
    c.opened = a.opened = false;
    c.attempts = &a;
    EXPECT_I64(put(s.store, &c), 0);
    c.opened = a.opened = true; /* as it is told from now on */
    EXPECT(stored_is(s.store, &c));
    shop_close(&s);
}

TEST(what_is_rolled_back_is_not_there)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_call c = sample_call(1), *got = NULL;
    EXPECT_I64(store_begin(s.store, NULL), 0);
    EXPECT_I64(store_call_put(s.store, &c, NULL), 0);
    EXPECT_I64(store_folded_set(s.store, 7, 100, NULL), 0);
    store_rollback(s.store);
    store_rollback(s.store);
    struct arena a = ARENA_INIT(MiB);
    uint64_t offset = 1;
    EXPECT(store_call_get(s.store, c.id, &a, &got, NULL) == 0 && !got);
    EXPECT(store_folded_get(s.store, 7, &offset, NULL) == 0 && offset == 0);
    arena_fini(&a);
    shop_close(&s);
}

struct seen {
    unsigned id[64];
    size_t count, stop_at;
};

static int see(const struct store_call *c, void *ctx)
{
    struct seen *s = ctx;
    s->id[s->count++] = (unsigned)c->id[14] << 8 | c->id[15];
    return s->count == s->stop_at ? 42 : 0;
}

TEST(calls_come_by_id_whatever_the_order_they_were_put_in_and_within_the_time_asked)
{
    static const unsigned order[] = {700, 3, 260, 1, 2, 259};
    static const unsigned sorted[] = {1, 2, 3, 259, 260, 700};
    struct shop s;
    REQUIRE(shop_open(&s));
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        struct store_call c = sample_call(order[i]);
        EXPECT_I64(put(s.store, &c), 0);
    }
    struct seen all = {0}, some = {0}, few = {.stop_at = 2};
    EXPECT_I64(store_calls(s.store, INT64_MIN, INT64_MAX, see, &all, NULL), 0);
    REQUIRE(all.count == COUNT_OF(sorted));
    EXPECT(memcmp(all.id, sorted, sizeof sorted) == 0);
    EXPECT_I64(store_calls(s.store, 5003, 5260, see, &some, NULL), 0); /* from is in, to is out */
    EXPECT(some.count == 2 && some.id[0] == 3 && some.id[1] == 259);
    EXPECT_I64(store_calls(s.store, INT64_MIN, INT64_MAX, see, &few, NULL), 42);
    EXPECT_I64(few.count, 2);
    shop_close(&s);
}

TEST(settling_closes_what_is_open_at_its_hold_and_nothing_else)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_attempt open1 = sample_attempt(2), open2 = sample_attempt(3), done = sample_attempt(1);
    open1.closed = open2.closed = false;
    open2.hold_nusd = STORE_UNKNOWN;
    done.next = &open1;
    open1.next = &open2;
    struct store_call c = sample_call(1), closed = sample_call(2), bare = sample_call(3);
    c.closed = bare.closed = false;
    c.attempts = &done;
    EXPECT(put(s.store, &c) == 0 && put(s.store, &closed) == 0 && put(s.store, &bare) == 0);
    int64_t count = 0;
    EXPECT_I64(store_begin(s.store, NULL), 0);
    EXPECT_I64(store_open_settle(s.store, 4, STR("lost"), &count, NULL), 0);
    EXPECT_I64(count, 2);
    EXPECT_I64(store_open_settle(s.store, 4, STR("lost"), &count, NULL), 0);
    EXPECT_I64(count, 0);
    EXPECT_I64(store_commit(s.store, NULL), 0);

    struct store_attempt *open[] = {&open1, &open2};
    for (size_t i = 0; i < COUNT_OF(open); i++) {
        struct store_attempt *a = open[i];
        *a = (struct store_attempt){
            .next = a->next, .number = a->number, .opened = true, .closed = true, .wall_ms = a->wall_ms,
            .target = a->target, .regime = a->regime, .price_row = a->price_row, .hold_nusd = a->hold_nusd,
            .input_estimated = a->input_estimated, .estimated = true, .reason = STR("lost"), .input = a->input_estimated,
            .vendor_nusd = -1, .cost_nusd = a->hold_nusd, .first_ms = -1, .total_ms = -1};
    }
    c.closed = bare.closed = true;
    c.outcome = bare.outcome = 4;
    c.attempt_count = 3;
    c.http_status = bare.http_status = bare.attempt_count = 0;
    c.target = bare.target = STR("-");
    c.first_ms = c.total_ms = bare.first_ms = bare.total_ms = -1;
    EXPECT(stored_is(s.store, &c));
    EXPECT(stored_is(s.store, &bare));
    EXPECT(stored_is(s.store, &closed));
    shop_close(&s);
}

enum { HOUR_MS = 3600000 };

TEST(spending_is_of_one_upstream_and_one_time_with_holds_for_what_is_open)
{
    static const struct {
        const char *target;
        int64_t wall_ms, cost, hold;
        bool closed;
    } rows[] = {
        {"a/m", HOUR_MS, 1, 1000, true},
        {"a/n/o", 3 * HOUR_MS - 1, 20, 1000, true},
        {"a/m", 3 * HOUR_MS, 300, 1000, true},
        {"a/m", HOUR_MS - 1, 4000, 1000, true},
        {"ab/m", 2 * HOUR_MS, 50000, 1, true},
        {"a/m", 2 * HOUR_MS, STORE_UNKNOWN, 9, true},
        {"a/m", 2 * HOUR_MS, 0, 600000, false},
        {"a/m", HOUR_MS - 1, 0, 7000000, false},
        {"a/m", 2 * HOUR_MS, 0, STORE_UNKNOWN, false},
        {"b/m", 2 * HOUR_MS, 0, 80000000, false},
    };
    struct shop s;
    REQUIRE(shop_open(&s));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct store_attempt a = sample_attempt(1);
        struct store_call c = sample_call((unsigned)i);
        c.attempts = &a;
        a.target = str_from(rows[i].target);
        a.wall_ms = rows[i].wall_ms;
        a.cost_nusd = rows[i].cost;
        a.hold_nusd = rows[i].hold;
        a.closed = c.closed = rows[i].closed;
        for (int twice = 0; twice < 2; twice++) /* told again, it costs no more */
            EXPECT_I64(put(s.store, &c), 0);
    }
    int64_t nusd = 0, count = 0;
    EXPECT_I64(store_spent(s.store, STR("a"), HOUR_MS, 3 * HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, 600021);
    EXPECT_I64(store_spent(s.store, STR("nobody"), HOUR_MS, 3 * HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, 0);
    EXPECT_I64(store_begin(s.store, NULL), 0);
    EXPECT_I64(store_open_settle(s.store, 4, STR("lost"), &count, NULL), 0); /* at their hold: the sum stays */
    EXPECT_I64(store_commit(s.store, NULL), 0);
    EXPECT_I64(store_spent(s.store, STR("a"), HOUR_MS, 3 * HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, 600021);
    shop_close(&s);
}

TEST(what_an_attempt_cost_is_of_the_hour_it_began_in_whenever_its_close_is_told)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_attempt a = sample_attempt(1);
    struct store_call c = sample_call(1);
    c.attempts = &a;
    a.wall_ms = HOUR_MS - 1;
    a.hold_nusd = 5;
    a.closed = false;
    EXPECT_I64(put(s.store, &c), 0);
    a.opened = false; /* the close alone, told by a later stretch of the journal, and told twice */
    a.closed = true;
    a.wall_ms = 9 * HOUR_MS;
    a.target = STR("-");
    EXPECT_I64(put(s.store, &c), 0);
    EXPECT_I64(put(s.store, &c), 0);
    int64_t nusd = 0;
    EXPECT_I64(store_spent(s.store, STR("groq"), 0, HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, 70);
    EXPECT_I64(store_spent(s.store, STR("groq"), HOUR_MS, 24 * HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, 0);
    shop_close(&s);
}

TEST(sums_of_spending_hold_many_upstreams_and_amounts_beyond_all_money)
{
    enum { UPSTREAMS = 200, LONG = 5000 };
    struct shop s;
    REQUIRE(shop_open(&s));
    char name[LONG + 3];
    int64_t nusd = 0;
    EXPECT_I64(store_begin(s.store, NULL), 0);
    for (int n = 0; n < UPSTREAMS; n++) {
        struct store_attempt a = sample_attempt(1);
        struct store_call c = sample_call((unsigned)n);
        text_format(name, sizeof name, "upstream-%d-with-a-name-that-fills-the-room-of-names/m", n);
        a.target = str_from(name);
        a.wall_ms = n * (HOUR_MS / 2);
        a.cost_nusd = n == 1 ? INT64_MAX : n;
        c.attempts = &a;
        EXPECT_I64(store_call_put(s.store, &c, NULL), 0);
    }
    memset(name, 'u', LONG);
    memcpy(name + LONG, "/m", 3);
    struct store_attempt a = sample_attempt(1);
    struct store_call c = sample_call(UPSTREAMS);
    a.target = str_from(name);
    c.attempts = &a;
    EXPECT_I64(store_call_put(s.store, &c, NULL), 0);
    EXPECT_I64(store_commit(s.store, NULL), 0);
    for (int n = 2; n < UPSTREAMS; n++) {
        char upstream[64];
        text_format(upstream, sizeof upstream, "upstream-%d-with-a-name-that-fills-the-room-of-names", n);
        EXPECT_I64(store_spent(s.store, str_from(upstream), 0, 240 * (int64_t)HOUR_MS, &nusd, NULL), 0);
        EXPECT_I64(nusd, n);
    }
    EXPECT_I64(
        store_spent(s.store, STR("upstream-1-with-a-name-that-fills-the-room-of-names"), 0, HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, (int64_t)1 << 61);
    EXPECT_I64(store_spent(s.store, str_of(name, LONG), 0, HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, 70);
    shop_close(&s);
}

TEST(fold_positions_are_kept_by_segment)
{
    struct shop s;
    uint64_t offset = 0;
    REQUIRE(shop_open(&s));
    EXPECT_I64(store_begin(s.store, NULL), 0);
    EXPECT_I64(store_folded_set(s.store, UINT64_MAX, 12, NULL), 0);
    EXPECT_I64(store_folded_set(s.store, 1, 34, NULL), 0);
    EXPECT_I64(store_folded_set(s.store, 1, 56, NULL), 0);
    EXPECT_I64(store_commit(s.store, NULL), 0);
    EXPECT(store_folded_get(s.store, UINT64_MAX, &offset, NULL) == 0 && offset == 12);
    EXPECT(store_folded_get(s.store, 1, &offset, NULL) == 0 && offset == 56);
    EXPECT_I64(store_folded_forget(s.store, 1, NULL), 0);
    EXPECT(store_folded_get(s.store, 1, &offset, NULL) == 0 && offset == 0);
    EXPECT_I64(store_folded_forget_all(s.store, NULL), 0);
    EXPECT(store_folded_get(s.store, UINT64_MAX, &offset, NULL) == 0 && offset == 0);
    shop_close(&s);
}

TEST(a_reader_sees_one_state_while_another_writes)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    struct store_call c = sample_call(1), later = sample_call(2);
    EXPECT_I64(put(s.store, &c), 0);
    struct store *reader = NULL;
    REQUIRE(store_open(&reader, s.path, true, NULL) == 0);
    EXPECT_I64(store_begin(reader, NULL), 0);
    EXPECT_I64(put(s.store, &later), 0);
    struct seen seen = {0}, again = {0};
    EXPECT_I64(store_calls(reader, INT64_MIN, INT64_MAX, see, &seen, NULL), 0);
    EXPECT_I64(seen.count, 1);
    store_rollback(reader);
    EXPECT_I64(store_calls(reader, INT64_MIN, INT64_MAX, see, &again, NULL), 0);
    EXPECT_I64(again.count, 2);
    store_close(reader);
    shop_close(&s);
}

TEST(a_store_that_is_not_there_or_not_ours_is_told_apart)
{
    struct kit_dir dir = kit_dir_make();
    char path[256];
    struct err e = {0};
    struct store *s = NULL;
    kit_join(path, dir.path, "ledger.db");
    EXPECT_I64(store_open(&s, path, true, &e), ERR_NOT_FOUND);
    EXPECT(access(path, F_OK) != 0);
    close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)); /* made, but not migrated yet */
    EXPECT_I64(store_open(&s, path, true, &e), ERR_NOT_FOUND);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    static const char junk[4096] = "this is no database";
    EXPECT_I64(write(fd, junk, sizeof junk), sizeof junk);
    close(fd);
    EXPECT_I64(store_open(&s, path, false, &e), ERR_IO);
    EXPECT(str_find(str_from(e.text), STR("not a database")) >= 0);
    EXPECT(s == NULL);
    kit_remove(dir.path);
}

TEST(a_store_of_a_newer_version_is_refused)
{
    struct shop s;
    struct err e = {0};
    REQUIRE(shop_open(&s));
    store_close(s.store);
    s.store = NULL;
    sqlite3 *db = NULL;
    REQUIRE(sqlite3_open(s.path, &db) == SQLITE_OK);
    EXPECT_I64(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    EXPECT_I64(sqlite3_close(db), SQLITE_OK);
    EXPECT_I64(store_open(&s.store, s.path, false, &e), ERR_UNSUPPORTED);
    EXPECT_I64(store_open(&s.store, s.path, true, &e), ERR_UNSUPPORTED);
    EXPECT(str_find(str_from(e.text), STR("newer")) >= 0);
    shop_close(&s);
}

static void expect_schema(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(
                db,
                "SELECT (SELECT * FROM pragma_user_version), group_concat(name) FROM "
                "(SELECT name FROM sqlite_schema WHERE type IN ('table', 'index') AND name NOT LIKE 'sqlite%' "
                "ORDER BY name)",
                -1, &st, NULL) == 0);
    EXPECT_I64(sqlite3_step(st), SQLITE_ROW);
    EXPECT_I64(sqlite3_column_int(st, 0), 4);
    EXPECT_STR(str_from((const char *)sqlite3_column_text(st, 1)),
               "attempts,attempts_open,calls,calls_open,corrections,days,folded,plans,spent");
    (void)sqlite3_finalize(st);
    EXPECT_I64(sqlite3_close(db), SQLITE_OK);
}

TEST(the_schema_is_version_4_with_its_seven_tables)
{
    struct shop s;
    REQUIRE(shop_open(&s));
    expect_schema(s.path);
    store_close(s.store); /* brings all into the one file */
    s.store = NULL;
    EXPECT(!store_is_other(s.path));
    EXPECT(!store_is_other("/nowhere"));
    shop_close(&s);
}

/* The file as version 1 made it: tests/golden/ledger/version-1.sql is what `sqlite3 ledger.db .dump` told of a folder that
 * the first version of Hearth kept; two calls, one of them with two attempts, one in flight. */
TEST(a_store_of_version_1_is_brought_to_the_present_one_with_all_it_holds)
{
    struct shop s = {.dir = kit_dir_make()};
    struct err e = {0};
    sqlite3 *db = NULL;
    AUTO_BUF struct buf sql = BUF_INIT(MiB);
    kit_join(s.path, s.dir.path, "ledger.db");
    REQUIRE(buf_read_file(&sql, "tests/golden/ledger/version-1.sql", &e) == 0 && buf_text(&sql));
    REQUIRE(sqlite3_open(s.path, &db) == SQLITE_OK);
    EXPECT_I64(sqlite3_exec(db, sql.ptr, NULL, NULL, NULL), SQLITE_OK);
    EXPECT_I64(sqlite3_close(db), SQLITE_OK);

    EXPECT(store_is_other(s.path));
    EXPECT_I64(store_open(&s.store, s.path, true, &e), ERR_UNSUPPORTED); /* a reader changes nothing */
    REQUIRE(store_open(&s.store, s.path, false, &e) == 0);
    expect_schema(s.path);
    struct arena a = ARENA_INIT(MiB);
    static const uint8_t two[STORE_ID_BYTES] = {1, 0xa2, 0x1b, 0x3c, 0x4d, 0x5e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2};
    struct store_call *got = NULL;
    EXPECT(store_call_get(s.store, two, &a, &got, NULL) == 0 && got && got->closed && got->attempts &&
           got->attempts->next);
    if (got && got->attempts && got->attempts->next) {
        EXPECT_STR(got->job, "bulk");
        EXPECT_I64(got->attempts->next->cost_nusd, 123);
        EXPECT_I64(got->attempts->cost_nusd, STORE_UNKNOWN);
    }
    arena_fini(&a);
    struct seen all = {0};
    EXPECT_I64(store_calls(s.store, INT64_MIN, INT64_MAX, see, &all, NULL), 0);
    EXPECT_I64(all.count, 3);
    int64_t nusd = 0, hour = 0x1a21b3c4d5e / HOUR_MS * HOUR_MS;
    EXPECT_I64(store_spent(s.store, STR("kimi"), hour, hour + HOUR_MS, &nusd, NULL), 0);
    EXPECT_I64(nusd, 123 + 77 + 600); /* two that closed, and the hold of one in flight */
    shop_close(&s);
}

static int torture_store(void *ctx)
{
    struct store *s = NULL;
    struct arena a = ARENA_INIT(MiB);
    struct store_call c = sample_call(1), *got = NULL;
    struct store_attempt attempt = sample_attempt(1);
    c.attempts = &attempt;
    struct seen seen = {0};
    int rc = store_open(&s, ctx, false, NULL);
    if (rc == 0)
        rc = put(s, &c);
    if (rc == 0)
        rc = store_call_get(s, c.id, &a, &got, NULL);
    if (rc == 0)
        rc = store_calls(s, INT64_MIN, INT64_MAX, see, &seen, NULL);
    arena_fini(&a);
    store_close(s);
    return rc;
}

TEST(a_store_survives_any_failed_allocation)
{
    struct kit_dir dir = kit_dir_make();
    char path[256];
    kit_join(path, dir.path, "ledger.db");
    (void)test_torture("store", torture_store, path);
    kit_remove(dir.path);
}
