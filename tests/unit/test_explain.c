/* test_explain.c: one call out of the books with what is kept of its choices: found in the journal, in the store and across
 * both; and put into the order in which it happened. */
#include "ledger_house.h"
#include "mesh/mesh.h"

#define STORY                                                                                                                   \
    "{\"dialect\":\"anthropic\",\"skips\":[{\"target\":\"plan/x\",\"reason\":\"plan_spent\",\"back_ms\":60000,\"note\":\"5h\"}," \
    "{\"after\":1,\"target\":\"late/x\",\"reason\":\"cooling\"}],\"attempts\":[{\"n\":2,\"face\":\"openai\",\"probe\":true}],"   \
    "\"prices\":[{\"target\":\"kimi/b\",\"nusd\":42,\"cached\":7},{\"target\":\"groq/a\",\"nusd\":null}],\"lost\":[\"thinking\",\"top_k\"],\"more\":3,\"newer\":[]}"

static int close_with_story(struct ledger_writer *w, int n)
{
    struct ledger_call_close r = {.call = id_of(n), .outcome = CALL_DONE, .target = STR("kimi/b"), .attempts = 2, .http_status = 200,
                                  .first_ms = 4, .total_ms = 10, .story = STR(STORY)};
    return ledger_call_closed(w, &r);
}

static int attempts_of(struct ledger_writer *w, int n)
{
    return open_call(w, n, "bulk") | open_attempt(w, n, 1, "groq/a", 500) | close_attempt(w, n, 1, false, nothing, 0) |
           open_attempt(w, n, 2, "kimi/b", 600) | close_attempt(w, n, 2, true, used, 123);
}

struct found {
    struct arena arena;
    struct ledger_call call;
    struct err err;
    int rc;
};

static void look(struct found *f, const struct house *h, int n)
{
    struct ledger_reader *r = NULL;
    struct id id = id_of(n);
    *f = (struct found){.arena = ARENA_INIT(1 * MiB)};
    f->rc = ledger_reader_open(&r, str_from(h->dir.path), &f->err);
    if (f->rc == 0)
        f->rc = ledger_call_find(r, &id, &f->arena, &f->call, &f->err);
    ledger_reader_close(r); /* what was found outlives it */
}

static void expect_whole(const struct house *h, int n)
{
    struct found f;
    look(&f, h, n);
    EXPECT_I64(f.rc, 0);
    EXPECT(!f.call.under_way);
    EXPECT_STR(f.call.story, STORY);
    EXPECT_STR(f.call.asked, "gpt-4o");
    EXPECT_STR(f.call.call.target, "kimi/b");
    EXPECT_I64(f.call.http_status, 200);
    EXPECT_I64(f.call.attempt_count, 2);
    EXPECT_STR(f.call.attempt[0].target, "groq/a");
    EXPECT_STR(f.call.attempt[0].reason, "rate");
    EXPECT_I64(f.call.attempt[1].cost_nusd, 123);
    arena_fini(&f.arena);
}

TEST(a_call_is_found_in_the_journal_in_the_store_and_across_both)
{
    struct house h;
    REQUIRE(house_make(&h));
    EXPECT_I64(attempts_of(h.writer, 1) | close_with_story(h.writer, 1) | attempts_of(h.writer, 2), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    expect_whole(&h, 1);
    keeper_stop(h.ledger);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    EXPECT_I64(close_with_story(h.writer, 2) | ledger_flush(h.writer, NULL), 0);
    expect_whole(&h, 1); /* a row of the store */
    expect_whole(&h, 2); /* its beginning is folded, its end is not */
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    expect_whole(&h, 2); /* closed by an update of its row */
    house_shut(&h);
    expect_whole(&h, 2);
    kit_remove(h.dir.path);
}

TEST(a_call_without_a_story_has_none_and_one_under_way_says_so)
{
    struct house h;
    struct found f;
    REQUIRE(house_make(&h));
    EXPECT_I64(whole_call(h.writer, 1) | open_call(h.writer, 2, "bulk") | open_attempt(h.writer, 2, 1, "groq/a", 500), 0);
    EXPECT_I64(ledger_flush(h.writer, NULL), 0);
    look(&f, &h, 1);
    EXPECT(f.rc == 0 && f.call.story.len == 0 && !f.call.under_way);
    arena_fini(&f.arena);
    look(&f, &h, 2);
    EXPECT(f.rc == 0 && f.call.under_way && f.call.attempt_count == 1);
    arena_fini(&f.arena);
    struct house dead = house_copy_dead(&h);
    look(&f, &dead, 2);
    EXPECT(f.rc == 0 && !f.call.under_way && f.call.call.outcome == CALL_LOST);
    arena_fini(&f.arena);
    kit_remove(dead.dir.path);
    house_remove(&h);
}

TEST(a_call_that_is_not_there_is_told_as_that)
{
    struct house h;
    struct found f;
    REQUIRE(house_make(&h));
    EXPECT_I64(whole_call(h.writer, 1) | ledger_flush(h.writer, NULL), 0);
    look(&f, &h, 9);
    EXPECT_I64(f.rc, ERR_NOT_FOUND);
    EXPECT(str_find(str_from(f.err.text), STR("is not in these books")) > 0);
    arena_fini(&f.arena);
    house_remove(&h);
}

/* A call that was pruned is one of its day's sums. */
TEST(a_pruned_call_goes_with_its_story_and_is_told_as_pruned)
{
    struct house h = {.dir = kit_dir_make()};
    struct clock clock = clock_fake(noon_ms);
    struct ledger_options opt = {.dir = str_from(h.dir.path), .clock = &clock, .fold_every_ms = NEVER_MS, .keep_ms = 86400000};
    struct found f;
    bool more;
    REQUIRE(ledger_open(&h.ledger, &opt, NULL) == 0 && ledger_writer_open(&h.writer, h.ledger, 0, NULL) == 0);
    keeper_stop(h.ledger);
    EXPECT_I64(attempts_of(h.writer, 1) | close_with_story(h.writer, 1) | ledger_flush(h.writer, NULL) | keeper_fold(h.ledger, NULL), 0);
    expect_whole(&h, 1);
    clock_advance(&clock, 3 * (int64_t)86400000);
    EXPECT_I64(ledger_prune(h.ledger, NULL, NULL, &more, NULL), 0);
    look(&f, &h, 1);
    EXPECT_I64(f.rc, ERR_NOT_FOUND);
    EXPECT(str_find(str_from(f.err.text), STR("only the sums of their days are kept")) > 0);
    arena_fini(&f.arena);
    house_remove(&h);
}

/* --- in order ------------------------------------------------------------------------------------------------------------------ */

static struct usage_attempt attempts[] = {
    {.number = 1, .target = {"groq/a", 6}, .reason = {"rate_limit", 10}, .total_ms = 3, .first_ms = -1},
    {.number = 2, .target = {"kimi/b", 6}, .reason = {"done", 4}, .ok = true, .total_ms = 9, .first_ms = 2},
};

TEST(candidates_come_in_the_order_in_which_they_were_looked_at)
{
    struct arena a = ARENA_INIT(1 * MiB);
    struct str names[] = {STR("plan/x"), STR("groq/a"), STR("late/x"), STR("kimi/b"), STR("last/x")};
    struct mesh_chain chain = {.job = STR("bulk"), .target = names, .target_count = COUNT_OF(names)};
    struct mesh_chains now = {.chain = &chain, .count = 1};
    struct ledger_call call = {.call = {.call = "X", .job = STR("bulk")}, .attempt = attempts, .attempt_count = 2, .story = STR(STORY)};
    struct mesh_story s;
    struct err e = {0};
    REQUIRE(mesh_story_read(&s, &call, &now, &a, &e) == 0);
    REQUIRE(s.count == 5);
    for (int i = 0; i < 5; i++)
        EXPECT_STR(s.candidate[i].target, names[i].ptr);
    EXPECT(s.candidate[0].took == MESH_SKIPPED && s.candidate[0].back_ms == 60000 && s.candidate[0].advice == NULL);
    EXPECT_STR(s.candidate[0].note, "5h");
    EXPECT_STR(s.candidate[0].reason, "plan_spent");
    EXPECT_STR(str_from(s.candidate[1].words), "rate limited");
    EXPECT(s.candidate[1].took == MESH_TRIED && s.candidate[1].priced && s.candidate[1].price_nusd == COST_UNKNOWN);
    EXPECT(s.candidate[2].took == MESH_SKIPPED && s.candidate[2].back_ms == -1);
    EXPECT(s.candidate[3].attempt == &attempts[1] && s.candidate[3].probe && s.candidate[3].price_nusd == 42 && s.candidate[3].price_cached == 7);
    EXPECT_STR(s.candidate[3].dialect, "openai");
    EXPECT(s.candidate[4].took == MESH_NOT_ASKED);
    EXPECT_STR(s.dialect, "anthropic");
    EXPECT(s.lost_count == 2 && s.more == 3);
    EXPECT_STR(s.lost[1], "top_k");
    arena_fini(&a);
}

TEST(what_is_no_story_is_refused_and_strange_members_are_passed_over)
{
    struct arena a = ARENA_INIT(1 * MiB);
    struct ledger_call call = {.call = {.call = "X", .job = STR("bulk")}, .attempt = attempts, .attempt_count = 2};
    struct mesh_story s;
    struct err e = {0};
    static const char *const bad[] = {"[]", "7", "{\"skips\":", "\"\""};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        call.story = str_from(bad[i]);
        EXPECT_I64(mesh_story_read(&s, &call, NULL, &a, &e), ERR_SYNTAX);
    }
    call.story = STR("{\"skips\":7,\"attempts\":{\"n\":1},\"prices\":null,\"lost\":[1,null,\"a\"],\"dialect\":[]}");
    EXPECT_I64(mesh_story_read(&s, &call, NULL, &a, &e), 0);
    EXPECT(s.count == 2 && s.lost_count == 1 && s.dialect.len == 0);
    call.story = STR("{\"skips\":[7,{\"after\":0},{\"target\":\"x\",\"reason\":\"from_a_later_version\"}]}");
    EXPECT_I64(mesh_story_read(&s, &call, NULL, &a, &e), 0);
    EXPECT_I64(s.count, 5);
    EXPECT_STR(str_from(s.candidate[2].words), "a reason that this version does not know");
    arena_fini(&a);
}
