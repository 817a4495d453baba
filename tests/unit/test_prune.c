/* test_prune.c: what is older than is kept goes, its sums stay, and what is in flight is left alone. */
#include "ledger_kit.h"
#include "test.h"

enum { HOUR_MS = 3600000, DAY_MS = 86400000, NEVER_MS = -1, SOON_MS = 5, KEPT_DAYS = 30, TRIES_MAX = 2000 };
static const int64_t day0_ms = 1795219200000; /* 2026-11-21 00:00 UTC */

struct house {
    struct kit_dir dir;
    struct clock clock;
    struct ledger *ledger;
    struct ledger_writer *writer;
    struct id_source ids;
};

static bool house_open(struct house *h, int64_t keep_ms, int64_t fold_every_ms)
{
    struct ledger_options opt = {.dir = str_from(h->dir.path), .clock = &h->clock, .fold_every_ms = fold_every_ms, .keep_ms = keep_ms};
    return ledger_open(&h->ledger, &opt, NULL) == 0 && ledger_writer_open(&h->writer, h->ledger, 0, NULL) == 0;
}

/* Of which the keeper is stopped, so that the test folds and prunes. */
static bool house_make(struct house *h, int64_t keep_ms)
{
    struct rng rng;
    rng_seed(&rng, 1);
    *h = (struct house){.dir = kit_dir_make(), .clock = clock_fake(day0_ms)};
    id_source_init(&h->ids, rng);
    if (!house_open(h, keep_ms, NEVER_MS))
        return false;
    keeper_stop(h->ledger);
    return true;
}

static void house_remove(struct house *h)
{
    ledger_writer_close(h->writer);
    ledger_close(h->ledger);
    kit_remove(h->dir.path);
}

struct ask {
    const char *job, *key, *target; /* target NULL: refused before any attempt */
    int64_t cost_nusd;
    enum call_outcome outcome;
    enum regime regime;
};

static struct id begin(struct house *h, const struct ask *a, int64_t wall_ms)
{
    struct id id = id_next(&h->ids, wall_ms);
    struct ledger_call_open call = {.call = id, .wall_ms = wall_ms, .job = str_from(a->job), .key = str_from(a->key),
                                    .tags = STR("x,y"), .task = STR("t")};
    struct ledger_attempt_open attempt = {.call = id, .attempt = 1, .wall_ms = wall_ms, .target = str_from(a->target),
                                          .regime = a->regime, .hold_nusd = 900, .input_estimated = 50};
    EXPECT_I64(ledger_call_opened(h->writer, &call), 0);
    if (a->target)
        EXPECT_I64(ledger_attempt_opened(h->writer, &attempt), 0);
    return id;
}

static void end(struct house *h, const struct ask *a, const struct id *id)
{
    struct ledger_attempt_close attempt = {.call = *id, .attempt = 1, .ok = a->outcome == CALL_DONE, .reason = STR("done"),
                                           .cost_nusd = a->cost_nusd, .first_ms = 1, .total_ms = 2,
                                           .usage = {.input = 100, .cached = 30, .cache_write = 4, .output = 20, .reasoning = 5,
                                                     .cost_nusd = -1, .reported = a->outcome != CALL_CUT}};
    struct ledger_call_close call = {.call = *id, .outcome = a->outcome, .target = str_from(a->target ? a->target : "-"),
                                     .attempts = a->target ? 1 : 0, .http_status = 200};
    if (a->target)
        EXPECT_I64(ledger_attempt_closed(h->writer, &attempt), 0);
    EXPECT_I64(ledger_call_closed(h->writer, &call), 0);
}

static const struct ask asks[] = {
    {"bulk", "laptop", "kimi/b", 100, CALL_DONE, REGIME_CREDIT},
    {"bulk", "-", "groq/a", 2000, CALL_DONE, REGIME_CREDIT},
    {"fast", "laptop", "groq/a", COST_UNKNOWN, CALL_CUT, REGIME_CREDIT},
    {"private", "phone", "closet/m", 3, CALL_LEFT, REGIME_POWER},
    {"fast", "-", NULL, 0, CALL_FAILED, REGIME_CREDIT},
};

static void write_calls(struct house *h, int64_t wall_ms, int count)
{
    for (int i = 0; i < count; i++) {
        const struct ask *a = &asks[(size_t)i % COUNT_OF(asks)];
        struct id id = begin(h, a, wall_ms + i);
        end(h, a, &id);
    }
    EXPECT_I64(ledger_flush(h->writer, NULL), 0);
    EXPECT_I64(keeper_fold(h->ledger, NULL), 0);
}

static int prune_all(struct house *h)
{
    int steps = 0;
    for (bool more = true; more && steps < TRIES_MAX; steps++)
        EXPECT_I64(ledger_prune(h->ledger, NULL, NULL, &more, NULL), 0);
    return steps;
}

/* --- what a report tells ---------------------------------------------------------------------------------------- */

static int write_group(const struct usage_group *g, void *ctx)
{
    const struct usage *u = &g->usage;
    return buf_append_format(ctx, "%.*s: %d calls %d failed %d attempts %d %d %d %d %d tokens $%d ?%d ~%d\n", STR_FMT(g->name),
                             (int)g->calls, (int)g->failed, (int)g->attempts, (int)u->input, (int)u->cached, (int)u->cache_write,
                             (int)u->output, (int)u->reasoning, (int)g->cost_nusd, (int)g->cost_unknown, (int)g->estimated);
}

static int count_call(const struct usage_call *u, void *ctx)
{
    (void)u;
    ++*(int *)ctx;
    return 0;
}

static void tell(const struct house *h, enum usage_by by, const struct usage_filter *f, struct buf *out)
{
    struct ledger_reader *r = NULL;
    REQUIRE(ledger_reader_open(&r, str_from(h->dir.path), NULL) == 0);
    EXPECT_I64(ledger_groups(r, by, f, write_group, out, NULL), 0);
    ledger_reader_close(r);
}

static int calls_told(const struct house *h)
{
    struct ledger_reader *r = NULL;
    struct usage_filter any = {0};
    int count = 0;
    if (ledger_reader_open(&r, str_from(h->dir.path), NULL) == 0)
        EXPECT_I64(ledger_calls(r, &any, count_call, &count, NULL), 0);
    ledger_reader_close(r);
    return count;
}

static void tell_everything(const struct house *h, struct buf *out)
{
    static const enum usage_by by[] = {USAGE_BY_JOB, USAGE_BY_TARGET, USAGE_BY_REGIME, USAGE_BY_DAY, USAGE_BY_KEY};
    const struct usage_filter filters[] = {{0}, {.from_ms = day0_ms + DAY_MS}, {.to_ms = day0_ms + DAY_MS}, {.job = STR("bulk")},
                                           {.target = STR("groq/a")}, {.key = STR("laptop"), .job = STR("fast")},
                                           {.from_ms = day0_ms + DAY_MS, .to_ms = day0_ms + 2 * DAY_MS}};
    for (size_t i = 0; i < COUNT_OF(by); i++)
        for (size_t k = 0; k < COUNT_OF(filters); k++) {
            EXPECT_I64(buf_append_format(out, "by %zu filter %zu\n", i, k), 0);
            tell(h, by[i], &filters[k], out);
        }
}

/* --- the tests -------------------------------------------------------------------------------------------------- */

TEST(reports_by_day_job_target_regime_and_key_are_the_same_after_pruning)
{
    struct house h;
    AUTO_BUF struct buf before = BUF_INIT(MiB);
    AUTO_BUF struct buf after = BUF_INIT(MiB);
    REQUIRE(house_make(&h, KEPT_DAYS * (int64_t)DAY_MS));
    for (int day = 0; day < 3; day++)
        write_calls(&h, day0_ms + day * (int64_t)DAY_MS, 300);
    tell_everything(&h, &before);
    clock_advance(&h.clock, (KEPT_DAYS + 2) * (int64_t)DAY_MS - 1); /* day 0 is old, day 1 will be in a millisecond */
    EXPECT_I64(prune_all(&h), 3); /* 128 calls a step */
    EXPECT_I64(calls_told(&h), 600);
    tell_everything(&h, &after);
    EXPECT_STR(buf_str(&after), buf_text(&before));
    clock_advance(&h.clock, 1);
    (void)prune_all(&h);
    EXPECT_I64(calls_told(&h), 300);
    clock_advance(&h.clock, 5 * (int64_t)DAY_MS);
    (void)prune_all(&h);
    EXPECT_I64(calls_told(&h), 0);
    buf_clear(&after);
    tell_everything(&h, &after);
    EXPECT_STR(buf_str(&after), buf_text(&before));
    EXPECT(str_find(buf_str(&after), STR("2026-11-21: 300 calls 120 failed 240 attempts 24000 7200 960 4800 1200 tokens $126180 ?60 ~60")) >= 0);
    house_remove(&h);
}

TEST(a_call_in_flight_is_not_pruned_however_old_and_is_once_it_is_closed)
{
    struct house h;
    AUTO_BUF struct buf told = BUF_INIT(MiB);
    REQUIRE(house_make(&h, KEPT_DAYS * (int64_t)DAY_MS));
    write_calls(&h, day0_ms, 5);
    struct id id = begin(&h, &asks[0], day0_ms + 7);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    clock_advance(&h.clock, 100 * (int64_t)DAY_MS);
    (void)prune_all(&h);
    EXPECT_I64(calls_told(&h), 0); /* those five; what is in flight is not told */
    end(&h, &asks[0], &id);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    EXPECT_I64(calls_told(&h), 1); /* whole: its open record is still there */
    tell(&h, USAGE_BY_JOB, &(struct usage_filter){0}, &told);
    EXPECT(str_starts(buf_str(&told), STR("bulk: 3 calls 0 failed 3 attempts ")));
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    (void)prune_all(&h);
    EXPECT_I64(calls_told(&h), 0);
    buf_clear(&told);
    tell(&h, USAGE_BY_JOB, &(struct usage_filter){0}, &told);
    EXPECT(str_starts(buf_str(&told), STR("bulk: 3 calls 0 failed 3 attempts ")));
    house_remove(&h);
}

TEST(nothing_is_pruned_unless_asked_nor_before_its_time)
{
    for (int asked = 0; asked < 2; asked++) {
        struct house h;
        REQUIRE(house_make(&h, asked ? KEPT_DAYS * (int64_t)DAY_MS : 0));
        write_calls(&h, day0_ms + 5 * HOUR_MS, 10);
        clock_advance(&h.clock, asked ? (KEPT_DAYS + 1) * (int64_t)DAY_MS - 1 : 9999 * (int64_t)DAY_MS);
        EXPECT_I64(prune_all(&h), 1);
        EXPECT_I64(calls_told(&h), 10);
        house_remove(&h);
    }
}

TEST(tags_and_tasks_of_pruned_calls_are_gone_and_that_is_said)
{
    struct house h;
    struct ledger_reader *r = NULL;
    AUTO_BUF struct buf told = BUF_INIT(MiB);
    REQUIRE(house_make(&h, KEPT_DAYS * (int64_t)DAY_MS));
    write_calls(&h, day0_ms, 10);
    clock_advance(&h.clock, 40 * (int64_t)DAY_MS);
    (void)prune_all(&h);
    tell(&h, USAGE_BY_TAG, &(struct usage_filter){0}, &told);
    EXPECT(str_starts(buf_str(&told), STR(USAGE_TAGS_GONE ": 10 calls")));
    buf_clear(&told);
    tell(&h, USAGE_BY_JOB, &(struct usage_filter){.tag = STR("x")}, &told);
    tell(&h, USAGE_BY_JOB, &(struct usage_filter){.task = STR("t")}, &told);
    EXPECT_STR(buf_str(&told), "");
    int64_t calls = 0, until_ms = 0;
    REQUIRE(ledger_reader_open(&r, str_from(h.dir.path), NULL) == 0);
    EXPECT_I64(ledger_pruned(r, &(struct usage_filter){.job = STR("bulk")}, &calls, &until_ms, NULL), 0);
    EXPECT(calls == 4 && until_ms == day0_ms + DAY_MS);
    ledger_reader_close(r);
    house_remove(&h);
}

TEST(a_budget_knows_what_was_spent_by_calls_that_are_pruned)
{
    struct house h;
    struct budget *b = NULL;
    REQUIRE(house_make(&h, DAY_MS));
    write_calls(&h, day0_ms, 100);
    clock_advance(&h.clock, 3 * (int64_t)DAY_MS); /* the same month */
    (void)prune_all(&h);
    EXPECT_I64(calls_told(&h), 0);
    EXPECT_I64(ledger_budget(&b, h.ledger, STR("groq"), BUDGET_MONTH, 1000000, NULL), 0);
    EXPECT_I64(budget_spent(b, h.clock.fake_wall_ms), 20 * 2000);
    house_remove(&h);
}

TEST(pages_of_pruned_calls_are_used_again)
{
    struct house h;
    struct stat first = {0}, later = {0};
    char path[256];
    REQUIRE(house_make(&h, DAY_MS));
    kit_join(path, h.dir.path, "ledger.db");
    for (int day = 0; day < 8; day++) {
        write_calls(&h, h.clock.fake_wall_ms, 2000);
        clock_advance(&h.clock, DAY_MS);
        (void)prune_all(&h);
        if (day == 3)
            EXPECT_I64(stat(path, &first), 0);
    }
    ledger_writer_close(h.writer);
    ledger_close(h.ledger); /* brings the log into the file */
    EXPECT_I64(stat(path, &later), 0);
    EXPECT(first.st_size > 0 && later.st_size < first.st_size * 3 / 2);
    kit_remove(h.dir.path);
}

TEST(the_keeper_prunes_by_itself)
{
    struct house h;
    REQUIRE(house_make(&h, DAY_MS));
    write_calls(&h, day0_ms, 300);
    ledger_writer_close(h.writer);
    ledger_close(h.ledger);
    clock_advance(&h.clock, 3 * (int64_t)DAY_MS);
    REQUIRE(house_open(&h, DAY_MS, SOON_MS));
    int tries = 0;
    while (calls_told(&h) && tries++ < TRIES_MAX)
        kit_pause();
    EXPECT_I64(calls_told(&h), 0);
    house_remove(&h);
}

static int torture_prune(void *ctx)
{
    struct house *h = ctx;
    bool more = false;
    return ledger_prune(h->ledger, NULL, NULL, &more, NULL);
}

TEST(a_prune_that_fails_leaves_every_call_in_one_place)
{
    struct house h;
    AUTO_BUF struct buf before = BUF_INIT(MiB);
    AUTO_BUF struct buf after = BUF_INIT(MiB);
    REQUIRE(house_make(&h, DAY_MS));
    write_calls(&h, day0_ms, 20);
    tell_everything(&h, &before);
    clock_advance(&h.clock, 3 * (int64_t)DAY_MS);
    (void)test_torture("ledger_prune", torture_prune, &h);
    EXPECT_I64(calls_told(&h), 0);
    tell_everything(&h, &after);
    EXPECT_STR(buf_str(&after), buf_text(&before));
    house_remove(&h);
}
