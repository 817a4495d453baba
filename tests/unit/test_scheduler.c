/* test_scheduler.c: the scheduler on a pretended machine under a clock of the test's own: thousands of calls that come, wait, are cancelled, are late,
 * run out of pages and start over. The machine keeps tokens in the pages of the KV cache as a true one keeps keys, and what it answers
 * is a function of all the tokens it finds there; so a page that is shared, copied or given away wrongly changes somebody's answer. */
#include "engine/forward.h"
#include "engine/scheduler.h"
#include "test.h"

enum { CALLS = 120, PROMPT_MAX = 300, ANSWER_MAX = 60, VOCAB = 50, BASE_US = 300, ROW_US = 20, SEEDS = 250, PATIENCE_US = 60000 };

struct call {
    struct sched_call *sched; /* NULL: not added, or over */
    int32_t prompt[PROMPT_MAX];
    size_t prompt_count, answer_max, answered;
    uint32_t hash;  /* of what a lone run would have read by now */
    enum sched_class class;
    int64_t arrived_us, deadline_us, began_us;
    uint64_t added_step, next_step; /* next_step: the step of its last token */
    int ends;
    bool done, late, cancelled, paused, starved;
    struct sched_counts counts;
};

struct world {
    uint64_t seed, step;
    struct rng chance;
    struct clock clock;
    struct kv_pool *kv;
    struct scheduler *s;
    struct sched_options opt;
    struct call call[CALLS];
    size_t count, wrong;
    size_t rows, followed; /* of the step under way; followed: calls with a token in this step and the one before */
    size_t stats[6];       /* cached tokens, rows computed, late, cancelled, paused, bounds */
    bool pauses;           /* some calls are paused now and then: what follows about time does not hold */
    bool bounds;           /* the pool is given bounds now and then: neither */
};

static struct world *the; /* hooks get a call, and look here for the rest */

#define WRONG(...)                                                                                            \
    do {                                                                                                      \
        if (the->wrong++ == 0) {                                                                              \
            test_fail(__FILE__, __LINE__, "seed %llu, step %llu:", (unsigned long long)the->seed, (unsigned long long)the->step); \
            test_fail(__FILE__, __LINE__, __VA_ARGS__);                                                       \
        }                                                                                                     \
    } while (0)

static uint32_t mix(uint32_t hash, int32_t token)
{
    hash = (hash ^ (uint32_t)token) * 0x9e3779b1u;
    return hash ^ hash >> 15;
}

/* What follows a text: a token, or -1. */
static int32_t answer_of(uint32_t hash)
{
    return hash % 41 == 0 ? -1 : (int32_t)(hash / 41 % VOCAB);
}

/* --- the machine ------------------------------------------------------------------------------------------------------------------------- */

static void row_run(const struct forward_row *row, float **out)
{
    struct kv_sequence *q = row->sequence;
    size_t at = q->length++;
    if (at / KV_PAGE_TOKENS >= q->page_count) {
        WRONG("a row without a page");
        return;
    }
    uint32_t hash = 7;
    if (at > 0)
        hash = ((const uint32_t *)kv_values(the->kv, q, (at - 1) / KV_PAGE_TOKENS, 0, 0))[(at - 1) % KV_PAGE_TOKENS];
    hash = mix(hash, row->token);
    ((uint32_t *)kv_values(the->kv, q, at / KV_PAGE_TOKENS, 0, 0))[at % KV_PAGE_TOKENS] = hash;
    if (row->wanted)
        memcpy((*out)++, &hash, sizeof hash);
}

static void step(void *ctx, const struct forward_row *row, size_t rows, float *out)
{
    struct world *w = ctx;
    if (rows == 0 || rows > w->opt.rows_max)
        WRONG("%zu rows in a step of at most %zu", rows, w->opt.rows_max);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; i && j + 1 < i; j++)
            if (row[j].sequence == row[i].sequence && row[i - 1].sequence != row[i].sequence)
                WRONG("rows of one sequence do not stand together");
        row_run(&row[i], &out);
    }
    w->rows = rows;
    w->stats[1] += rows;
    w->clock.fake_mono_us += BASE_US + ROW_US * (int64_t)rows;
}

/* --- hooks -------------------------------------------------------------------------------------------------------------------------------- */

static int32_t on_next(void *call, const float *logits)
{
    struct call *c = call;
    uint32_t hash;
    memcpy(&hash, logits, sizeof hash);
    if (c->paused)
        WRONG("a token for a call that is paused");
    if (c->cancelled || c->ends)
        WRONG("a token for a call that is over");
    if (hash != c->hash)
        WRONG("token %zu of a call is not what it would be alone", c->answered);
    if (c->answered && c->next_step + 1 == the->step)
        the->followed++;
    c->next_step = the->step;
    int32_t token = answer_of(hash);
    if (token >= 0) {
        c->answered++;
        c->hash = mix(c->hash, token);
    }
    return token;
}

static void on_states(void *call, const float *state, size_t rows)
{
    struct call *c = call;
    uint32_t hash = 7, got;
    if (rows != c->prompt_count)
        WRONG("%zu states for a text of %zu tokens", rows, c->prompt_count);
    for (size_t i = 0; i < rows && i < c->prompt_count; i++) {
        hash = mix(hash, c->prompt[i]);
        memcpy(&got, &state[i], sizeof got);
        if (got != hash)
            WRONG("state %zu is another's", i);
    }
}

static void on_ended(void *call, enum sched_end how)
{
    struct call *c = call;
    if (c->cancelled)
        WRONG("a cancelled call was told of its end");
    if (c->ends++)
        WRONG("a call ended twice");
    sched_counts(c->sched, &c->counts);
    c->sched = NULL;
    c->done = how == SCHED_DONE;
    c->late = how == SCHED_LATE;
    c->starved = how == SCHED_NO_ROOM;
    c->began_us = c->arrived_us + c->counts.queued_us;
    if (c->counts.queued_us < 0 || c->counts.prefill_us < 0 || c->counts.decode_us < 0)
        WRONG("a time below nothing");
    if (c->late && (!c->deadline_us || the->clock.fake_mono_us <= c->deadline_us))
        WRONG("late before its deadline");
    if (c->done && c->deadline_us && c->began_us > c->deadline_us)
        WRONG("began after its deadline");
    if (c->done && the->opt.machine.causal && c->answered != c->answer_max && answer_of(c->hash) >= 0)
        WRONG("an answer of %zu tokens was cut", c->answered);
    if (c->counts.cached >= c->prompt_count || c->counts.prompt != c->prompt_count || (c->done && c->counts.answer != c->answered))
        WRONG("counts: %zu prompt, %zu cached, %zu answer", c->counts.prompt, c->counts.cached, c->counts.answer);
    the->stats[0] += c->counts.cached;
    the->stats[2] += c->late;
}

/* --- a run --------------------------------------------------------------------------------------------------------------------------------- */

static size_t between(struct world *w, size_t least, size_t most)
{
    return least + (size_t)rng_below(&w->chance, most - least + 1);
}

/* Half of the prompts go on from another's prompt, so that prefixes are found. */
static void prompt_make(struct world *w, struct call *c, size_t most)
{
    c->prompt_count = between(w, 1, most);
    size_t same = 0;
    if (w->count && rng_below(&w->chance, 2)) {
        const struct call *other = &w->call[rng_below(&w->chance, w->count)];
        same = between(w, 0, other->prompt_count < c->prompt_count ? other->prompt_count : c->prompt_count);
        memcpy(c->prompt, other->prompt, same * sizeof *c->prompt);
    }
    for (size_t i = same; i < c->prompt_count; i++)
        c->prompt[i] = (int32_t)rng_below(&w->chance, VOCAB);
    c->hash = 7;
    for (size_t i = 0; i < c->prompt_count; i++)
        c->hash = mix(c->hash, c->prompt[i]);
}

static void add(struct world *w)
{
    struct call *c = &w->call[w->count];
    size_t context = w->opt.context_max, most = w->opt.machine.causal ? context - 1 : w->opt.rows_max;
    *c = (struct call){.class = rng_below(&w->chance, 3) ? SCHED_INTERACTIVE : SCHED_BATCH, .arrived_us = w->clock.fake_mono_us, .added_step = w->step};
    prompt_make(w, c, most < PROMPT_MAX ? most : PROMPT_MAX);
    size_t room = context - c->prompt_count;
    c->answer_max = w->opt.machine.causal ? between(w, 1, room < ANSWER_MAX ? room : ANSWER_MAX) : 0;
    if (rng_below(&w->chance, 8) == 0)
        c->deadline_us = c->arrived_us + 1 + (int64_t)rng_below(&w->chance, 40000);
    struct sched_call_options o = {.prompt = c->prompt, .prompt_count = c->prompt_count, .answer_max = c->answer_max, .class = c->class,
                                   .deadline_us = c->deadline_us, .ctx = c};
    size_t waiting = sched_waiting(w->s);
    int rc = sched_add(w->s, &o, &c->sched, NULL);
    if (rc == 0)
        w->count++;
    if ((rc == 0) != (waiting < w->opt.queue_max) || (rc < 0 && rc != ERR_LIMIT))
        WRONG("sched_add answers %d with %zu waiting of %zu", rc, waiting, w->opt.queue_max);
}

static void cancel_one(struct world *w)
{
    struct call *c = w->count ? &w->call[rng_below(&w->chance, w->count)] : NULL;
    if (!c || !c->sched)
        return;
    sched_cancel(w->s, c->sched);
    sched_counts(c->sched, &c->counts);
    if (c->counts.queued_us < 0 || c->counts.decode_us < 0)
        WRONG("a cancelled call waited for less than nothing");
    c->sched = NULL;
    c->cancelled = true;
    w->stats[3]++;
}

/* A call that has said something stops, or one that has stopped goes on; all of them at the end. */
static void pause_some(struct world *w, bool all)
{
    for (size_t i = 0; i < w->count; i++) {
        struct call *c = &w->call[i];
        bool change = all ? c->paused : rng_below(&w->chance, c->paused ? 20 : 100) == 0 && (c->paused || c->answered);
        if (!c->sched || !change)
            continue;
        c->paused = !c->paused;
        w->stats[4] += c->paused;
        sched_pause(w->s, c->sched, c->paused);
    }
}

/* Small enough beside others' answers, if the clock knows what a row costs. */
static void check_step(const struct world *w)
{
    size_t prompt_most = (size_t)(w->opt.step_us_max / ROW_US);
    prompt_most = prompt_most < 32 ? 32 : prompt_most;
    if (w->followed && w->rows > w->opt.calls_max + prompt_most)
        WRONG("%zu rows in a step while others answer, where at most %zu of prompts fit the time", w->rows, prompt_most);
    if (sched_running(w->s) > w->opt.calls_max)
        WRONG("%zu calls run", sched_running(w->s));
}

/* Any two calls that ran: who should have begun first did. */
static void check_order(const struct call *a, const struct call *b)
{
    if (!a->done || !b->done)
        return;
    bool a_first = a->arrived_us <= b->began_us && a->began_us > b->began_us; /* b began while a was waiting */
    if (a_first && a->class == b->class && a < b)
        WRONG("a call began before an earlier one of its class");
    if (a_first && a->class == SCHED_INTERACTIVE && b->class == SCHED_BATCH && b->began_us - b->arrived_us <= PATIENCE_US)
        WRONG("a batch call began before an interactive one that was waiting");
    if (a_first && a < b && a->class == SCHED_BATCH && b->began_us - a->arrived_us > PATIENCE_US)
        WRONG("a batch call was passed after its patience had ended");
}

static void check_ends(struct world *w)
{
    /* The last in order waits for everybody before it: their prompts in pieces of 32 at least, their answers, and what they start over. */
    uint64_t steps_most = (w->opt.queue_max + w->opt.calls_max) * (uint64_t)(PROMPT_MAX / 32 + 1 + ANSWER_MAX);
    for (size_t i = 0; i < w->count; i++) {
        const struct call *c = &w->call[i];
        if (c->ends + c->cancelled != 1)
            WRONG("call %zu ended %d times", i, c->ends);
        if (!w->pauses && !w->bounds && c->done && c->next_step > c->added_step && c->next_step - c->added_step > steps_most + PATIENCE_US / BASE_US)
            WRONG("call %zu took %llu steps", i, (unsigned long long)(c->next_step - c->added_step));
        for (size_t j = 0; j < w->count && !w->pauses && !w->bounds; j++)
            check_order(c, &w->call[j]);
    }
}

static bool world_step(struct world *w)
{
    w->step++;
    w->rows = w->followed = 0;
    bool worked = sched_step(w->s);
    if (worked != (w->rows > 0))
        WRONG("a step that did %s says it did %s", w->rows ? "work" : "none", worked ? "some" : "none");
    check_step(w);
    if (!worked)
        w->clock.fake_mono_us += BASE_US;
    return worked;
}

static void world_open(struct world *w, bool causal)
{
    struct kv_shape shape = {.type = KV_F32, .layers = 1, .heads = 1, .head_dim = 1};
    size_t pages = between(w, 2, rng_below(&w->chance, 2) ? 8 : 60), rows = between(w, 32, 200);
    struct err e = {0};
    w->clock = clock_fake(0);
    w->clock.fake_mono_us = 1 + (int64_t)rng_below(&w->chance, 1000);
    if (kv_pool_new(&w->kv, &shape, pages, &e) < 0)
        WRONG("%s", e.text);
    w->opt = (struct sched_options){
        .machine = {.step = step, .ctx = w, .kv = w->kv, .causal = causal, .result_floats = 1}, .clock = &w->clock, .rows_max = rows,
        .calls_max = between(w, 1, 12), .queue_max = between(w, 1, 40), .context_max = causal || pages * KV_PAGE_TOKENS < rows ? pages * KV_PAGE_TOKENS : rows,
        .prefixes_max = between(w, 1, 10), .step_us_max = (int64_t)between(w, 100, 5000), .patience_us = PATIENCE_US};
    static const struct sched_hooks hooks = {on_next, on_states, on_ended};
    if (!causal && w->opt.rows_max > w->opt.context_max)
        w->opt.rows_max = w->opt.context_max;
    if (sched_new(&w->s, &w->opt, &hooks, &e) < 0)
        WRONG("%s", e.text);
}

/* The machine is short of memory, or no longer. */
static void bound_some(struct world *w)
{
    if (rng_below(&w->chance, 40))
        return;
    kv_pages_bound(w->kv, rng_below(&w->chance, 3) ? between(w, 0, kv_pages_max(w->kv)) : kv_pages_max(w->kv));
    if (rng_below(&w->chance, 2))
        sched_shed_prefixes(w->s);
    w->stats[5]++;
}

enum world_how { CAUSAL = 1, PAUSES = 2, BOUNDS = 4 };

static void world_run(uint64_t seed, unsigned how, size_t *stats)
{
    bool causal = how & CAUSAL, pauses = how & PAUSES;
    struct world *w = new0(struct world);
    REQUIRE(w);
    the = w;
    w->seed = seed;
    w->pauses = pauses;
    w->bounds = how & BOUNDS;
    rng_seed(&w->chance, seed);
    world_open(w, causal);
    size_t hurry = between(w, 1, 12);
    for (size_t turn = 0; w->count < CALLS && turn < 20000; turn++) {
        for (size_t i = 0; i < 3 && w->count < CALLS; i++)
            if (rng_below(&w->chance, hurry) == 0)
                add(w);
        if (rng_below(&w->chance, 30) == 0)
            cancel_one(w);
        if (pauses)
            pause_some(w, false);
        if (w->bounds)
            bound_some(w);
        (void)world_step(w);
    }
    pause_some(w, true);
    kv_pages_bound(w->kv, kv_pages_max(w->kv));
    for (size_t turn = 0; turn < 100000 && world_step(w); turn++) {
    }
    if (sched_running(w->s) + sched_waiting(w->s))
        WRONG("%zu calls run and %zu wait, and there is nothing to do", sched_running(w->s), sched_waiting(w->s));
    check_ends(w);
    sched_forget_prefixes(w->s);
    if (kv_pages_free(w->kv) != kv_pages_max(w->kv))
        WRONG("%zu of %zu pages are free at the end", kv_pages_free(w->kv), kv_pages_max(w->kv));
    sched_free(w->s);
    kv_pool_free(w->kv);
    for (size_t i = 0; i < COUNT_OF(w->stats); i++)
        stats[i] += w->stats[i];
    mem_free(w);
}

TEST(random_calls_all_end_once_in_order_with_the_answers_of_a_lone_run)
{
    size_t stats[6] = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        world_run(seed, CAUSAL, stats);
    printf("scheduler: %d seeds, %d calls each: %zu prompt tokens from the cache, %zu late, %zu cancelled\n", SEEDS, CALLS, stats[0], stats[2], stats[3]);
    EXPECT(stats[0] > 10000 && stats[2] > 50 && stats[3] > 100); /* or the runs prove little */
}

TEST(calls_that_nobody_reads_stop_and_go_on_with_the_same_answer)
{
    size_t stats[6] = {0};
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++)
        world_run(2000 + seed, CAUSAL | PAUSES, stats);
    printf("scheduler: %d seeds with pauses: %zu of them\n", SEEDS / 2, stats[4]);
    EXPECT(stats[4] > 1000);
}

TEST(while_memory_comes_and_goes_all_calls_end_with_the_same_answers)
{
    size_t stats[6] = {0};
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++)
        world_run(3000 + seed, seed % 4 ? CAUSAL | BOUNDS : seed % 8 ? BOUNDS : CAUSAL | BOUNDS | PAUSES, stats);
    printf("scheduler: %d seeds with %zu bounds\n", SEEDS / 2, stats[5]);
    EXPECT(stats[5] > 500);
}

TEST(random_texts_for_embeddings_all_end_once_whole)
{
    size_t stats[6] = {0};
    for (uint64_t seed = 1; seed <= SEEDS / 2; seed++)
        world_run(1000 + seed, 0, stats);
    printf("scheduler: %d seeds of texts: %zu late, %zu cancelled\n", SEEDS / 2, stats[2], stats[3]);
    EXPECT(stats[2] > 10 && stats[3] > 10);
}

/* --- single promises ------------------------------------------------------------------------------------------------------------------------ */

static struct world *small_world(size_t pages, size_t calls_max, size_t rows_max)
{
    struct world *w = new0(struct world);
    struct kv_shape shape = {.type = KV_F32, .layers = 1, .heads = 1, .head_dim = 1};
    static const struct sched_hooks hooks = {on_next, on_states, on_ended};
    if (!w)
        return NULL;
    the = w;
    rng_seed(&w->chance, 5);
    w->clock = clock_fake(0);
    w->clock.fake_mono_us = 1;
    (void)kv_pool_new(&w->kv, &shape, pages, NULL);
    w->opt = (struct sched_options){
        .machine = {.step = step, .ctx = w, .kv = w->kv, .causal = true, .result_floats = 1}, .clock = &w->clock, .rows_max = rows_max, .calls_max = calls_max,
        .queue_max = 10, .context_max = pages * KV_PAGE_TOKENS, .prefixes_max = 8, .step_us_max = 1000, .patience_us = PATIENCE_US};
    (void)sched_new(&w->s, &w->opt, &hooks, NULL);
    return w;
}

static void small_world_close(struct world *w)
{
    sched_free(w->s);
    kv_pool_free(w->kv);
    mem_free(w);
}

/* A call whose answer does not end by itself before `answer` tokens. */
static struct call *put(struct world *w, size_t prompt, size_t answer, enum sched_class class)
{
    struct call *c = &w->call[w->count++];
    for (bool short_one = true; short_one;) {
        *c = (struct call){.prompt_count = prompt, .answer_max = answer, .class = class, .arrived_us = w->clock.fake_mono_us, .added_step = w->step, .hash = 7};
        for (size_t i = 0; i < prompt; i++) {
            c->prompt[i] = (int32_t)rng_below(&w->chance, VOCAB);
            c->hash = mix(c->hash, c->prompt[i]);
        }
        uint32_t hash = c->hash;
        short_one = false;
        for (size_t i = 0; i < answer; i++) {
            short_one = short_one || answer_of(hash) < 0;
            hash = mix(hash, answer_of(hash));
        }
    }
    struct sched_call_options o = {.prompt = c->prompt, .prompt_count = prompt, .answer_max = answer, .class = class, .ctx = c};
    EXPECT(sched_add(w->s, &o, &c->sched, NULL) == 0);
    return c;
}

/* One place, a batch call in it: an interactive call takes it after one step, and the batch call goes on where it was. */
TEST(a_batch_call_gives_its_place_to_an_interactive_one)
{
    struct world *w = small_world(8, 1, 64);
    REQUIRE(w && w->s);
    struct call *batch = put(w, 40, 20, SCHED_BATCH);
    for (int i = 0; i < 5; i++)
        (void)world_step(w);
    EXPECT(batch->answered == 5);
    struct call *now = put(w, 30, 3, SCHED_INTERACTIVE);
    for (int i = 0; i < 3; i++)
        (void)world_step(w);
    EXPECT(now->done && batch->answered == 5);
    for (int i = 0; i < 15; i++)
        (void)world_step(w);
    EXPECT(batch->done && w->rows == 1); /* nothing was computed again */
    small_world_close(w);
}

TEST(a_long_prompt_does_not_stop_the_answers_of_others)
{
    struct world *w = small_world(16, 4, 256);
    REQUIRE(w && w->s);
    struct call *first = put(w, 10, 50, SCHED_INTERACTIVE);
    for (int i = 0; i < 3; i++)
        (void)world_step(w);
    struct call *second = put(w, 300, 5, SCHED_INTERACTIVE);
    for (size_t had = first->answered; second->answered == 0; had++) {
        (void)world_step(w);
        EXPECT(first->answered == had + 1 && w->rows <= 1 + 50);
        REQUIRE(w->step < 100);
    }
    EXPECT(w->step >= 3 + 300 / 50);
    small_world_close(w);
}

/* Four prompts: the first answers before the fourth is read. */
TEST(the_first_prompt_does_not_wait_for_the_fourth)
{
    struct world *w = small_world(32, 4, 64);
    REQUIRE(w && w->s);
    struct call *c[4];
    for (int i = 0; i < 4; i++)
        c[i] = put(w, 200, 20, SCHED_INTERACTIVE);
    while (c[0]->answered == 0 && w->step < 100)
        (void)world_step(w);
    EXPECT(w->step == 4 && c[3]->answered == 0);
    small_world_close(w);
}

/* Two answers that grow until one cache holds only one of them: the newer starts over, and both are right. */
TEST(who_runs_out_of_pages_starts_over_and_is_right)
{
    struct world *w = small_world(4, 2, 64);
    REQUIRE(w && w->s);
    struct call *a = put(w, 100, 60, SCHED_INTERACTIVE), *b = put(w, 100, 60, SCHED_INTERACTIVE);
    size_t rows = 0;
    for (int i = 0; i < 400 && !(a->done && b->done); i++) {
        (void)world_step(w);
        rows += w->rows;
    }
    EXPECT(a->done && b->done && a->answered == 60 && b->answered == 60 && a->next_step < b->next_step);
    EXPECT(rows > 2 * 159); /* something was computed twice */
    small_world_close(w);
}

TEST(what_does_not_fit_is_refused_with_both_numbers)
{
    struct world *w = small_world(2, 2, 64);
    REQUIRE(w && w->s);
    int32_t prompt[100] = {0};
    struct sched_call *c = NULL;
    struct err e = {0};
    struct sched_call_options o = {.prompt = prompt, .prompt_count = 100, .answer_max = 29};
    EXPECT_I64(sched_add(w->s, &o, &c, &e), ERR_INVALID);
    EXPECT(strstr(e.text, "100") && strstr(e.text, "128") && !c);
    o.answer_max = SIZE_MAX; /* the sum would wrap */
    EXPECT_I64(sched_add(w->s, &o, &c, &e), ERR_INVALID);
    small_world_close(w);
}

/* The same prompt again: all but its last token comes from the cache, also while the first call is still running. */
TEST(a_prompt_read_before_is_not_read_again)
{
    struct world *w = small_world(16, 4, 64);
    REQUIRE(w && w->s);
    struct call *a = put(w, 150, 20, SCHED_INTERACTIVE);
    while (a->answered < 2 && w->step < 100)
        (void)world_step(w);
    struct call *b = &w->call[w->count++];
    *b = *a;
    b->answered = 0;
    b->hash = 7;
    for (size_t i = 0; i < b->prompt_count; i++)
        b->hash = mix(b->hash, b->prompt[i]);
    struct sched_call_options o = {.prompt = b->prompt, .prompt_count = 150, .answer_max = 20, .ctx = b};
    REQUIRE(sched_add(w->s, &o, &b->sched, NULL) == 0);
    while (!b->done && w->step < 200)
        (void)world_step(w);
    EXPECT(a->done && b->done);
    EXPECT_I64(b->counts.cached, 149);
    small_world_close(w);
}

/* Texts for embeddings fill a step up to its usual size; a longer one is read alone, whole, and nobody overtakes it. */
TEST(texts_are_put_together_up_to_the_usual_size_of_a_step)
{
    struct world *w = small_world(32, 12, 512);
    REQUIRE(w && w->s);
    sched_free(w->s);
    static const struct sched_hooks hooks = {on_next, on_states, on_ended};
    w->opt.machine.causal = false;
    w->opt.rows_usual = 100;
    w->opt.context_max = 512;
    REQUIRE(sched_new(&w->s, &w->opt, &hooks, NULL) == 0);
    static const size_t length[] = {40, 40, 30, 300, 20, 60, 100};
    static const size_t rows[] = {80, 30, 300, 80, 100};
    for (size_t i = 0; i < COUNT_OF(length); i++)
        (void)put(w, length[i], 0, SCHED_INTERACTIVE);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EXPECT(world_step(w));
        EXPECT_I64((int64_t)w->rows, (int64_t)rows[i]);
    }
    EXPECT(!world_step(w) && w->call[COUNT_OF(length) - 1].done);
    small_world_close(w);
}

/* All pages, and with two places these too, are held by calls that nobody reads: others get them, and the paused go on where they were. */
static void paused_calls_give_way(size_t places)
{
    struct world *w = small_world(8, places, 64);
    REQUIRE(w && w->s);
    struct call *paused[2] = {put(w, 250, 60, SCHED_INTERACTIVE), put(w, 150, 40, SCHED_INTERACTIVE)};
    while (paused[0]->answered < 10 || paused[1]->answered < 3)
        REQUIRE(world_step(w));
    EXPECT(kv_pages_free(w->kv) == 0);
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(paused[i]->sched);
        paused[i]->paused = true;
        sched_pause(w->s, paused[i]->sched, true);
    }
    EXPECT(!world_step(w)); /* nothing to do */
    struct call *batch = put(w, 280, 20, SCHED_BATCH);
    for (int i = 0; i < 200 && !batch->done; i++)
        (void)world_step(w);
    struct call *other = put(w, 150, 20, SCHED_INTERACTIVE);
    for (int i = 0; i < 200 && !other->done; i++)
        (void)world_step(w);
    EXPECT(batch->done && other->done && !paused[0]->done && !paused[1]->done && !world_step(w));
    for (size_t i = 0; i < 2; i++) {
        REQUIRE(paused[i]->sched);
        paused[i]->paused = false;
        sched_pause(w->s, paused[i]->sched, false);
    }
    for (int i = 0; i < 200 && (!paused[0]->done || !paused[1]->done); i++)
        (void)world_step(w);
    EXPECT(paused[0]->done && paused[1]->done && w->wrong == 0);
    small_world_close(w);
}

TEST(a_paused_call_gives_up_its_place_and_its_pages)
{
    paused_calls_give_way(2);
    paused_calls_give_way(4);
}

/* No page for the only call: it waits its time and ends; the next one begins when there are pages again. What is kept goes first. */
TEST(a_call_that_no_page_comes_free_for_ends_and_one_that_waits_a_little_goes_on)
{
    enum { WAIT_US = 5 * BASE_US };
    struct world *w = small_world(8, 2, 64);
    REQUIRE(w && w->s);
    sched_free(w->s);
    w->opt.starve_us_max = WAIT_US;
    static const struct sched_hooks hooks = {on_next, on_states, on_ended};
    REQUIRE(sched_new(&w->s, &w->opt, &hooks, NULL) == 0);
    struct call *kept = put(w, 64, 2, SCHED_INTERACTIVE);
    while (world_step(w)) {
    }
    EXPECT(kept->done && sched_prefixes(w->s) == 1 && kv_pages_used(w->kv) == 2);
    struct call *first = put(w, 60, 20, SCHED_INTERACTIVE);
    for (int i = 0; i < 3; i++)
        (void)world_step(w);
    EXPECT(first->answered > 0 && kv_pages_used(w->kv) == 3);
    kv_pages_bound(w->kv, 2);
    sched_shed_prefixes(w->s);
    EXPECT(sched_prefixes(w->s) == 0 && kv_pages_used(w->kv) == 1);
    kv_pages_bound(w->kv, 1);
    while (world_step(w)) {
    }
    EXPECT(first->answered == 5 && !first->ends); /* its page is full */
    kv_pages_bound(w->kv, 2);                       /* in time */
    EXPECT(world_step(w) && first->answered == 6);
    struct call *second = put(w, 10, 3, SCHED_INTERACTIVE);
    kv_pages_bound(w->kv, 0);
    while (!first->done)
        EXPECT(world_step(w)); /* it holds all it needs */
    EXPECT(!second->ends);
    int steps = 0;
    while (!second->ends && steps < 100) {
        EXPECT(!world_step(w));
        steps++;
    }
    EXPECT(second->starved && second->answered == 0 && steps >= WAIT_US / BASE_US && steps <= WAIT_US / BASE_US + 3);
    kv_pages_bound(w->kv, 8);
    struct call *third = put(w, 10, 3, SCHED_INTERACTIVE);
    while (world_step(w)) {
    }
    EXPECT(third->done && third->answered == 3);
    small_world_close(w);
}
