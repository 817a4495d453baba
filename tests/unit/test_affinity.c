/* test_affinity.c: where conversations are, with a clock of our own: who stays, who moves, and what is a conversation. */
#include "config/config.h"
#include "mesh/mesh_priv.h"
#include "net/loop.h"
#include "test.h"

#define MINUTE_MS 60000
#define UPSTREAMS                                                                                                        \
    "upstreams:\n  a: { url: \"https://a.example.com/v1\" }\n  b: { url: \"https://b.example.com/v1\" }\n"               \
    "  c: { url: \"https://c.example.com/v1\" }\n  ant: { vendor: anthropic }\n"                                         \
    "  h: { url: \"http://10.0.0.7/v1\", place: home, regime: power }\n"

struct bench {
    struct clock clock;
    struct config *config;
    struct mesh *mesh;
    struct mesh_loop ml;
    struct mesh_call call;
    struct arena arena;
};

static bool bench_open(struct bench *b, const char *jobs)
{
    struct err e = {0};
    AUTO_BUF struct buf yaml = BUF_INIT(8 * KiB);
    *b = (struct bench){.clock = clock_fake(1700000000000), .arena = ARENA_INIT(16 * MiB)};
    (void)buf_append_format(&yaml, UPSTREAMS "%s", jobs);
    bool fine = config_read(&b->config, buf_str(&yaml), STR("t.yaml"), &e) == 0 &&
                mesh_open(&b->mesh, &(struct mesh_options){.config = b->config, .clock = &b->clock}, &e) == 0 &&
                loop_open(&b->ml.loop, &(struct loop_options){.clock = &b->clock}, &e) == 0;
    if (!fine)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    b->ml.mesh = b->mesh;
    rng_seed(&b->ml.rng, 7);
    return fine;
}

static void bench_close(struct bench *b)
{
    arena_fini(&b->call.arena);
    arena_fini(&b->arena);
    loop_close(b->ml.loop);
    mesh_close(b->mesh);
    config_free(b->config);
}

/* A call of the job, with that body; so many tokens in all. */
static void ask(struct bench *b, struct str body, int64_t tokens)
{
    struct err e = {0};
    arena_fini(&b->call.arena);
    b->call = (struct mesh_call){.ml = &b->ml, .route.job = &b->mesh->job[0], .arena = ARENA_INIT(1 * MiB)};
    if (call_read(&b->call.facts, WIRE_CHAT, body, &b->arena, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    b->call.facts.tokens_estimated = tokens;
    b->call.chain = b->mesh->job[0].step;
    b->call.chain_count = b->mesh->job[0].step_count;
    affinity_begin(&b->call);
}

static const struct target *member(struct bench *b, int i)
{
    return b->mesh->job[0].step[0].of[i].target;
}

static void answer(struct bench *b, const struct target *t, struct usage u)
{
    struct attempt a = {.call = &b->call, .target = t, .usage = u, .priced = t->price_count > 0 || t->up->vendor};
    if (a.priced)
        a.priced = price_find(&a.price, t->price, t->price_count, t->up->vendor_name, t->model, clock_wall_ms(&b->clock));
    affinity_done(&a);
}

static int first(struct bench *b)
{
    balance_order(&b->call, &b->mesh->job[0].step[0]);
    return b->call.cursor.order[0];
}

#define TALK(more) STR("{\"model\":\"j\",\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":\"one\"}" more "]}")
#define NEXT_TURN ",{\"role\":\"assistant\",\"content\":\"two\"},{\"role\":\"user\",\"content\":\"three\"}"
static const struct usage large = {.input = 5000, .cached = 0, .output = 10, .cost_nusd = -1, .reported = true};

static void stays_with(const char *balance, bool expected)
{
    struct bench b;
    char jobs[200];
    text_format(jobs, sizeof jobs, "jobs: { j: { chain: [{ try: [a/m, b/m, c/m], balance: %s }] } }\n", balance);
    REQUIRE(bench_open(&b, jobs));
    int at_b = 0;
    for (int i = 0; i < 50; i++) {
        ask(&b, TALK(""), 5000);
        answer(&b, member(&b, 1), large);
        ask(&b, TALK(NEXT_TURN), 6000);
        at_b += first(&b) == 1;
    }
    if ((at_b == 50) != expected)
        test_fail(__FILE__, __LINE__, "%s: %d of 50 stayed", balance, at_b);
    bench_close(&b);
}

TEST(a_conversation_stays_in_its_group_whatever_the_balance)
{
    stays_with("order", true);
    stays_with("weighted", true);
    stays_with("least_busy", true);
    stays_with("cheapest", true); /* equals, as far as anybody knows */
}

TEST(a_short_conversation_and_one_without_a_choice_are_not_followed)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [[a/m, b/m]] } }\n"));
    ask(&b, TALK(""), PREFIX_TOKENS_MIN - 1);
    EXPECT(b.call.talk.key == 0);
    ask(&b, TALK(""), 5000);
    EXPECT(b.call.talk.key != 0 && !b.call.talk.holder);
    answer(&b, member(&b, 1), (struct usage){.input = PREFIX_TOKENS_MIN - 1, .reported = true});
    ask(&b, TALK(NEXT_TURN), 5000);
    EXPECT(!b.call.talk.holder);
    bench_close(&b);
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [a/m] } }\n"));
    ask(&b, TALK(""), 5000);
    EXPECT(b.call.talk.key == 0);
    bench_close(&b);
}

TEST(another_beginning_is_another_conversation)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [[a/m, b/m]] } }\n"));
    ask(&b, TALK(""), 5000);
    uint64_t key = b.call.talk.key;
    ask(&b, TALK(NEXT_TURN), 6000);
    EXPECT(b.call.talk.key == key);
    ask(&b, STR("{\"messages\":[{\"content\":\"be brief\",\"role\":\"system\"},{\"role\":\"user\",\"content\":\"four\"}],\"model\":\"j\"}"), 6000);
    EXPECT(b.call.talk.key != key && b.call.talk.key != 0);
    ask(&b, STR("{\"messages\":[{\"role\":\"system\",\"content\":\"be long\"},{\"role\":\"user\",\"content\":\"one\"}],\"model\":\"j\"}"), 6000);
    EXPECT(b.call.talk.key != key && b.call.talk.key != 0);
    ask(&b, STR("{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":\"one\"}],\"model\":\"j\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}"), 6000);
    EXPECT(b.call.talk.key != key && b.call.talk.key != 0);
    ask(&b, STR("{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"}],\"model\":\"j\"}"), 6000);
    EXPECT(b.call.talk.key == 0);
    bench_close(&b);
}

/* Long texts: what differs at either end, or in length, is another one. */
TEST(of_long_texts_both_ends_and_the_length_count)
{
    struct bench b;
    uint64_t seen[5];
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [[a/m, b/m]] } }\n"));
    for (int i = 0; i < 5; i++) {
        AUTO_BUF struct buf body = BUF_INIT(256 * KiB);
        (void)buf_append_text(&body, "{\"model\":\"j\",\"messages\":[{\"role\":\"system\",\"content\":\"");
        size_t begin = body.len;
        for (int k = 0; k < 20000 + (i == 1); k++)
            (void)buf_append_char(&body, 'x');
        body.ptr[begin] = i == 2 ? 'y' : 'x';
        (void)buf_append_format(&body, "\"},{\"role\":\"user\",\"content\":\"%s\"}]}", i == 3 ? "two" : "one");
        ask(&b, buf_str(&body), 9000);
        seen[i] = b.call.talk.key;
    }
    EXPECT(seen[0] == seen[4]);
    for (int i = 1; i < 4; i++)
        EXPECT(seen[i] != seen[0] && seen[i] != 0);
    bench_close(&b);
}

static uint64_t chat_key(struct bench *b, const char *body)
{
    struct err e = {0};
    struct chat chat = {.arena = &b->arena, .from = DIALECT_ANTHROPIC, .max_tokens = -1, .budget = -1, .choices = 1};
    arena_fini(&b->call.arena);
    b->call = (struct mesh_call){.ml = &b->ml, .route.job = &b->mesh->job[0], .arena = ARENA_INIT(1 * MiB), .ask.dialect = DIALECT_ANTHROPIC};
    if (codec_of(DIALECT_ANTHROPIC)->request_read(&chat, WIRE_CHAT, str_from(body), &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    b->call.facts.tokens_estimated = 5000;
    b->call.chat = &chat;
    b->call.chain = b->mesh->job[0].step;
    b->call.chain_count = b->mesh->job[0].step_count;
    affinity_begin(&b->call);
    b->call.chat = NULL;
    return b->call.talk.key;
}

#define CLAUDE(attribution, mark, text)                                                                                   \
    "{\"model\":\"j\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: " attribution \
    "\"},{\"type\":\"text\",\"text\":\"be brief\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"" text "\"" mark "}]}]}"

TEST(marks_and_attribution_that_wander_do_not_make_another_conversation)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [[a/m, b/m]] } }\n"));
    uint64_t key = chat_key(&b, CLAUDE("cch=1;", ",\"cache_control\":{\"type\":\"ephemeral\"}", "one"));
    EXPECT(key != 0);
    EXPECT(chat_key(&b, CLAUDE("cch=2;", "", "one")) == key);
    EXPECT(chat_key(&b, CLAUDE("cch=1;", "", "two")) != key);
    bench_close(&b);
}

TEST(a_prefix_is_forgotten_after_five_minutes_and_use_keeps_it)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [[a/m, b/m]] } }\n"));
    ask(&b, TALK(""), 5000);
    answer(&b, member(&b, 1), large);
    clock_advance(&b.clock, 4 * MINUTE_MS);
    ask(&b, TALK(NEXT_TURN), 5000);
    EXPECT(b.call.talk.holder == member(&b, 1));
    answer(&b, member(&b, 1), large);
    clock_advance(&b.clock, 4 * MINUTE_MS);
    ask(&b, TALK(NEXT_TURN), 5000);
    EXPECT(b.call.talk.holder == member(&b, 1));
    clock_advance(&b.clock, 2 * MINUTE_MS);
    ask(&b, TALK(NEXT_TURN), 5000);
    EXPECT(b.call.talk.holder == NULL);
    EXPECT_I64(first(&b), 0);
    bench_close(&b);
}

TEST(least_busy_lets_a_conversation_go_when_its_place_is_much_busier)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [{ try: [a/m, b/m], balance: least_busy }] } }\n"));
    ask(&b, TALK(""), 5000);
    answer(&b, member(&b, 1), large);
    ask(&b, TALK(NEXT_TURN), 5000);
    atomic_store(&member(&b, 1)->state->in_flight, 3);
    EXPECT_I64(first(&b), 1);
    atomic_store(&member(&b, 1)->state->in_flight, 4);
    EXPECT_I64(first(&b), 0);
    bench_close(&b);
}

TEST(fastest_lets_a_conversation_go_when_another_is_more_than_twice_as_fast)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [{ try: [a/m, b/m], balance: fastest }] } }\n"));
    ask(&b, TALK(""), 5000);
    answer(&b, member(&b, 1), large);
    ask(&b, TALK(NEXT_TURN), 5000);
    for (int i = 0; i < 40; i++) {
        balance_content(&(struct attempt){.call = &b.call, .target = member(&b, 0), .begin_us = 1, .first_us = 1 + 100000});
        balance_content(&(struct attempt){.call = &b.call, .target = member(&b, 1), .begin_us = 1, .first_us = 1 + 190000});
    }
    for (int i = 0; i < 100; i++)
        EXPECT_I64(first(&b), 1);
    for (int i = 0; i < 40; i++)
        balance_content(&(struct attempt){.call = &b.call, .target = member(&b, 1), .begin_us = 1, .first_us = 1 + 300000});
    int at_a = 0;
    for (int i = 0; i < 100; i++)
        at_a += first(&b) == 0;
    EXPECT(at_a > 80);
    bench_close(&b);
}

/* 6,000 tokens in, 100 out. At a: $ 1 and 2 for input and output. At b: 2 and 2, cached 0.1. At c: 0.2 and 0.2. */
#define PRICED(chain)                                                                                                     \
    "jobs: { j: { chain: " chain ", balance: cheapest } }\nprices:\n  a/m: { input: 1, output: 2 }\n"                      \
    "  b/m: { input: 2, cached: 0.1, output: 2 }\n  c/m: { input: 0.05, output: 0.05 }\n"

TEST(cheapest_counts_the_lost_prefix_and_moves_when_that_is_cheaper_all_the_same)
{
    struct bench b;
    REQUIRE(bench_open(&b, PRICED("[[a/m, b/m]]")));
    ask(&b, TALK(""), 5000);
    EXPECT_I64(first(&b), 0); /* nothing is cached anywhere: a is cheaper */
    answer(&b, member(&b, 1), large);
    ask(&b, TALK(NEXT_TURN), 6000);
    EXPECT_I64(affinity_cached(&b.call, member(&b, 1)), 5000);
    EXPECT_I64(affinity_cached(&b.call, member(&b, 0)), 0);
    b.call.facts.max_tokens = 100;
    EXPECT_I64(cost_of_call(&b.call, member(&b, 0)), 6000 * 1000 + 100 * 2000);
    EXPECT_I64(cost_of_call(&b.call, member(&b, 1)), 5000 * 100 + 1000 * 2000 + 100 * 2000);
    EXPECT_I64(first(&b), 1);
    ask(&b, TALK(NEXT_TURN), 12000); /* so much is new that the cached part no longer pays */
    EXPECT_I64(first(&b), 0);
    bench_close(&b);
    REQUIRE(bench_open(&b, PRICED("[[c/m, b/m]]")));
    ask(&b, TALK(""), 5000);
    answer(&b, member(&b, 1), large);
    ask(&b, TALK(NEXT_TURN), 5100); /* c is cheaper than b with all of it cached */
    EXPECT_I64(first(&b), 0);
    bench_close(&b);
}

TEST(who_told_that_nothing_was_cached_is_not_stayed_at_for_its_price)
{
    struct bench b;
    REQUIRE(bench_open(&b, PRICED("[[a/m, b/m]]")));
    for (int i = 0; i < 3; i++) {
        ask(&b, TALK(""), 5000);
        answer(&b, member(&b, 1), large); /* cached: 0, from the second time on told where it had to be something */
    }
    ask(&b, TALK(NEXT_TURN), 6000);
    EXPECT(b.call.talk.holder == NULL);
    EXPECT_I64(first(&b), 0);
    answer(&b, member(&b, 1), (struct usage){.input = 6000, .cached = 5000, .reported = true});
    ask(&b, TALK(NEXT_TURN), 6000);
    EXPECT(b.call.talk.holder == member(&b, 1));
    bench_close(&b);
}

TEST(where_only_marked_parts_are_cached_that_is_what_counts)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [[a/m, ant/claude-opus-5-5]] } }\n"));
    ask(&b, TALK(""), 5000);
    answer(&b, member(&b, 1), large);
    ask(&b, TALK(NEXT_TURN), 6000);
    EXPECT(b.call.talk.holder == NULL);
    answer(&b, member(&b, 1), (struct usage){.input = 6000, .cached = 1000, .cache_write = 3000, .reported = true});
    ask(&b, TALK(NEXT_TURN), 6000);
    EXPECT(b.call.talk.holder == member(&b, 1));
    EXPECT_I64(b.call.talk.known.last.prefix, 4000);
    bench_close(&b);
}

/* --- between the steps of a chain ------------------------------------------------------------------------------------------- */

static const struct target *step(struct bench *b, int i)
{
    return b->mesh->job[0].step[i].of[0].target;
}

/* A turn of the conversation, of so many tokens in and 100 out; how it was weighed. It is answered where that says it goes: by the
 * first step, or where it was. */
static enum stay_why turn(struct bench *b, int64_t tokens)
{
    ask(b, TALK(NEXT_TURN), tokens);
    b->call.facts.max_tokens = 100;
    const struct target *t = stay_is_cheaper(&b->call) ? b->call.talk.holder : step(b, 0);
    answer(b, t, (struct usage){.input = tokens, .cached = affinity_cached(&b->call, t), .output = 100, .reported = true});
    return b->call.talk.why;
}

static void begin_at(struct bench *b, int i, int64_t tokens)
{
    ask(b, TALK(""), tokens);
    answer(b, step(b, i), (struct usage){.input = tokens, .output = 100, .reported = true});
}

#define CHAIN(steps, a, b) "jobs: { j: { chain: " steps " } }\nprices:\n  a/m: { input: " a " }\n  b/m: { input: " b " }\n"

/* b costs more for each turn, but has the prefix: it is stayed at, until that has cost as much more as reading it anew at a. */
TEST(a_chain_takes_a_conversation_back_when_staying_has_cost_as_much_as_going_back)
{
    struct bench b;
    REQUIRE(bench_open(&b, CHAIN("[a/m, b/m]", "1, cached: 0.1, output: 1", "2, cached: 0.2, output: 2")));
    begin_at(&b, 1, 10000);
    /* A turn costs $ 0.0022 at b, 0.0011 at a once it is warm, 0.0101 at a now: going back costs 0.009, and staying 0.0011 a turn. */
    for (int i = 1; i <= 8; i++) {
        EXPECT_I64(turn(&b, 10000), STAY_PREFIX);
        EXPECT_I64(b.call.talk.paid_nusd, i * 1100000);
    }
    EXPECT_I64(turn(&b, 10000), STAY_REPAID);
    ask(&b, TALK(NEXT_TURN), 10000);
    EXPECT(b.call.talk.holder == step(&b, 0) && b.call.talk.known.paid_nusd == 0);
    bench_close(&b);
}

/* Nothing is saved with any turn to come, so nothing adds up: it goes back when its prefix is forgotten. */
TEST(a_chain_of_one_price_leaves_a_conversation_where_it_is_cached)
{
    struct bench b;
    REQUIRE(bench_open(&b, CHAIN("[a/m, b/m]", "1, cached: 0.1, output: 1", "1, cached: 0.1, output: 1")));
    begin_at(&b, 1, 10000);
    for (int i = 0; i < 100; i++)
        EXPECT_I64(turn(&b, 10000), STAY_PREFIX);
    clock_advance(&b.clock, 6 * MINUTE_MS);
    ask(&b, TALK(NEXT_TURN), 10000);
    EXPECT(!b.call.talk.holder && !stay_is_cheaper(&b.call));
    bench_close(&b);
}

TEST(a_dearer_step_that_stands_first_takes_its_conversation_back_at_once_unless_the_steps_go_by_price)
{
    struct bench b;
    REQUIRE(bench_open(&b, CHAIN("[a/m, b/m]", "5, cached: 0.5, output: 25", "1, cached: 0.1, output: 2")));
    begin_at(&b, 1, 10000);
    EXPECT_I64(turn(&b, 10000), STAY_ORDER);
    bench_close(&b);
    REQUIRE(bench_open(&b, CHAIN("[a/m, b/m], balance: cheapest", "5, cached: 0.5, output: 25", "1, cached: 0.1, output: 2")));
    begin_at(&b, 1, 10000);
    EXPECT_I64(turn(&b, 10000), STAY_PREFIX);
    bench_close(&b);
}

/* One call went to b; what a has of the conversation is still there, and going back costs next to nothing. */
TEST(the_cache_of_the_place_before_is_not_lost_by_one_call_elsewhere)
{
    struct bench b;
    REQUIRE(bench_open(&b, CHAIN("[a/m, b/m]", "1, cached: 0.1, output: 1", "2, cached: 0.2, output: 2")));
    begin_at(&b, 0, 10000);
    begin_at(&b, 1, 10500);
    ask(&b, TALK(NEXT_TURN), 11000);
    EXPECT_I64(affinity_cached(&b.call, step(&b, 0)), 10000);
    EXPECT_I64(affinity_cached(&b.call, step(&b, 1)), 10500);
    EXPECT_I64(turn(&b, 11000), STAY_CHEAPER);
    clock_advance(&b.clock, 4 * MINUTE_MS);
    EXPECT_I64(turn(&b, 11500), STAY_NONE); /* it is at the first step again */
    clock_advance(&b.clock, 2 * MINUTE_MS);
    ask(&b, TALK(NEXT_TURN), 12000);
    EXPECT_I64(affinity_cached(&b.call, step(&b, 0)), 11500);
    EXPECT_I64(affinity_cached(&b.call, step(&b, 1)), 0); /* six minutes ago */
    bench_close(&b);
}

TEST(what_costs_nothing_more_takes_a_conversation_back_at_once)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [h/m, b/m] } }\nprices:\n  b/m: { input: 1, cached: 0.01, output: 1 }\n"));
    begin_at(&b, 1, 10000);
    EXPECT_I64(turn(&b, 10000), STAY_CHEAPER);
    bench_close(&b);
}

TEST(without_a_known_price_the_order_stands)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [a/m, b/m] } }\nprices:\n  b/m: { input: 1, cached: 0.01, output: 1 }\n"));
    begin_at(&b, 1, 10000);
    EXPECT_I64(turn(&b, 10000), STAY_UNPRICED);
    bench_close(&b);
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [a/m, b/m] } }\nprices:\n  a/m: { input: 1, cached: 0.01, output: 1 }\n"));
    begin_at(&b, 1, 10000);
    EXPECT_I64(turn(&b, 10000), STAY_UNPRICED);
    bench_close(&b);
}

TEST(an_earlier_step_that_may_not_take_it_is_not_weighed)
{
    struct bench b;
    struct rng rng;
    rng_seed(&rng, 1);
    REQUIRE(bench_open(&b, CHAIN("[a/m, b/m]", "1, cached: 0.1, output: 1", "2, cached: 0.2, output: 2")));
    begin_at(&b, 1, 10000);
    (void)breaker_failure(&step(&b, 0)->state->breaker, COOL_LONG, false, -1, loop_now_ms(b.ml.loop), &rng);
    ask(&b, TALK(NEXT_TURN), 10000);
    EXPECT(!stay_is_cheaper(&b.call));
    EXPECT_I64(b.call.talk.why, STAY_NONE);
    bench_close(&b);
}

/* Reading anew at Anthropic means writing into its cache, where the client marks what is to be cached: a quarter dearer than plain input. */
TEST(going_back_is_priced_with_what_is_written_into_the_cache)
{
    struct bench b;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [ant/claude-sonnet-5-5, b/m] } }\nprices:\n"
                           "  ant/claude-sonnet-5-5: { input: 2, cached: 0.1, cache_write: 2.5, output: 10 }\n  b/m: { input: 3, cached: 0.2, output: 10 }\n"));
    ask(&b, TALK(NEXT_TURN), 10000);
    b.call.facts.max_tokens = 100;
    EXPECT_I64(cost_of_call(&b.call, step(&b, 0)), 10000 * 2000 + 100 * 10000); /* nothing is marked */
    (void)chat_key(&b, CLAUDE("cch=1;", ",\"cache_control\":{\"type\":\"ephemeral\"}", "one"));
    struct message m = {.part = &(struct part){.kind = PART_TEXT, .cache = STR("{}")}};
    struct chat chat = {.message = &m};
    b.call.chat = &chat;
    b.call.facts.op = WIRE_CHAT;
    b.call.facts.tokens_estimated = 10000;
    b.call.facts.max_tokens = 100;
    EXPECT_I64(cost_of_call(&b.call, step(&b, 0)), 10000 * 2500 + 100 * 10000);
    EXPECT_I64(cost_with_cached(&b.call, step(&b, 0), 8000), 8000 * 100 + 2000 * 2500 + 100 * 10000);
    m.part->cache = STR_NONE;
    EXPECT_I64(cost_of_call(&b.call, step(&b, 0)), 10000 * 2000 + 100 * 10000);
    chat.tool = &(struct tool){.cache = STR("{}")};
    EXPECT_I64(cost_of_call(&b.call, step(&b, 0)), 10000 * 2500 + 100 * 10000);
    b.call.facts.tokens_estimated = PREFIX_TOKENS_MIN - 1; /* too little to be cached at all */
    EXPECT_I64(cost_of_call(&b.call, step(&b, 0)), (PREFIX_TOKENS_MIN - 1) * 2000 + 100 * 10000);
    b.call.chat = NULL;
    bench_close(&b);
    /* OpenAI's newer models cache by themselves, and charge for it */
    REQUIRE(bench_open(&b, CHAIN("[a/m, b/m]", "2, cached: 0.1, cache_write: 2.5, output: 10", "3, cached: 0.2, output: 10")));
    ask(&b, TALK(NEXT_TURN), 10000);
    b.call.facts.max_tokens = 100;
    EXPECT_I64(cost_of_call(&b.call, step(&b, 0)), 10000 * 2500 + 100 * 10000);
    bench_close(&b);
}

TEST(another_config_knows_the_conversations_of_the_one_before)
{
    struct bench b;
    struct err e = {0};
    struct mesh *next;
    REQUIRE(bench_open(&b, "jobs: { j: { chain: [[a/m, b/m]] } }\n"));
    ask(&b, TALK(""), 5000);
    answer(&b, member(&b, 1), large);
    REQUIRE(mesh_open(&next, &(struct mesh_options){.config = b.config, .clock = &b.clock, .before = b.mesh}, &e) == 0);
    mesh_close(b.mesh);
    b.mesh = b.ml.mesh = next;
    ask(&b, TALK(NEXT_TURN), 6000);
    EXPECT(b.call.talk.holder == member(&b, 1));
    bench_close(&b);
}

TEST(the_table_is_bounded_and_forgets_what_was_used_longest_ago)
{
    struct affinity *t = affinity_new();
    struct conversation c;
    REQUIRE(t);
    for (uint64_t key = 1; key <= 100000; key++)
        affinity_put(t, key, &(struct conversation){.last = {.place = key, .prefix = (int64_t)key, .until_ms = 1000 + (int64_t)key}});
    int found = 0;
    for (uint64_t key = 1; key <= 100000; key++)
        if (affinity_find(t, key, 500, &c)) {
            EXPECT(c.last.place == key && c.last.prefix == (int64_t)key);
            found++;
        }
    EXPECT_I64(found, 4096);
    EXPECT(affinity_find(t, 100000, 500, &c) && !affinity_find(t, 1, 500, &c));
    EXPECT(!affinity_find(t, 100000, 101000, &c)); /* its time is over */
    affinity_unref(t);
}
