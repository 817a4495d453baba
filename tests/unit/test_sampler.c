/* test_sampler.c: the stages of sampling against slow and plain definitions of them, and stop strings against a naive search. */
#include "base/clock.h"
#include "engine/sampler.h"
#include "engine/stop.h"
#include "test.h"
#include "work_kit.h"
#include <math.h>

enum { VOCAB = 5000, /* more blocks than top_k asks for: thresholds come into play */ DRAWS = 8000, GOLDEN = 1000 };

static struct sampler_room *room_of(uint32_t vocab)
{
    struct sampler_room *room = NULL;
    if (sampler_room_new(&room, vocab, NULL) < 0)
        test_fail(__FILE__, __LINE__, "no room");
    return room;
}

static float noise(struct rng *r) /* roughly normal */
{
    float sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (float)rng_below(r, 1 << 20) / (1 << 20);
    return sum - 6;
}

static void logits_make(float *logits, uint32_t n, float spread, uint64_t seed)
{
    struct rng r;
    rng_seed(&r, seed);
    for (uint32_t i = 0; i < n; i++)
        logits[i] = noise(&r) * spread;
}

/* One pick with fresh options; UINT32_MAX when it fails. */
static uint32_t pick_one(const struct sampler_options *o, const float *logits, uint32_t n, const uint64_t *mask, struct err *e)
{
    struct sampler *s = NULL;
    struct sampler_choice choice = {.token = UINT32_MAX};
    struct sampler_room *room = room_of(n);
    if (sampler_new(&s, n, o, e) < 0 || sampler_pick(s, room, logits, mask, &choice, e) < 0)
        choice.token = UINT32_MAX;
    sampler_free(s);
    sampler_room_free(room);
    return choice.token;
}

/* Which tokens may be drawn, told by a full sort in double precision; the edge may differ by one for rounding. */
static uint32_t *order_all(const float *logits, uint32_t n)
{
    uint32_t *id = new0_array(uint32_t, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t j = i;
        for (; j > 0 && logits[id[j - 1]] < logits[i]; j--)
            id[j] = id[j - 1];
        id[j] = i;
    }
    return id;
}

static uint32_t allowed_count(const struct sampler_options *o, const float *logits, const uint32_t *id, uint32_t n)
{
    uint32_t count = o->top_k && o->top_k < n ? o->top_k : n;
    double total = 0, sum = 0;
    for (uint32_t i = 0; i < count; i++)
        total += exp((double)logits[id[i]] - (double)logits[id[0]]);
    for (uint32_t i = 0; i < count && o->top_p < 1; i++) {
        sum += exp((double)logits[id[i]] - (double)logits[id[0]]) / total;
        if (sum >= (double)o->top_p)
            count = i + 1;
    }
    while (o->min_p > 0 && exp((double)logits[id[count - 1]] - (double)logits[id[0]]) < (double)o->min_p)
        count--;
    return count;
}

/* Draws many times: only allowed tokens come, and each about as often as its probability says. */
static void check_distribution(const struct sampler_options *o, float spread, uint64_t seed)
{
    float logits[VOCAB];
    logits_make(logits, VOCAB, spread, seed);
    uint32_t *id = order_all(logits, VOCAB), count = allowed_count(o, logits, id, VOCAB), seen[VOCAB] = {0};
    struct sampler_room *room = room_of(VOCAB);
    struct sampler *s = NULL;
    struct sampler_choice choice;
    REQUIRE(sampler_new(&s, VOCAB, o, NULL) == 0);
    for (int i = 0; i < DRAWS; i++) {
        REQUIRE(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
        seen[choice.token]++;
    }
    double total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += exp(((double)logits[id[i]] - (double)logits[id[0]]) / (double)o->temperature);
    uint32_t outside = 0;
    double chi = 0;
    uint32_t cells = 0;
    for (uint32_t i = 0; i < VOCAB; i++) {
        double want = i < count ? DRAWS * exp(((double)logits[id[i]] - (double)logits[id[0]]) / (double)o->temperature) / total : 0;
        if (i > count) /* one more, for what rounding does at the edge */
            outside += seen[id[i]];
        if (want >= 5) {
            chi += (seen[id[i]] - want) * (seen[id[i]] - want) / want;
            cells++;
        }
    }
    EXPECT_I64(outside, 0);
    /* mean cells, deviation sqrt(2 cells): five of them away is chance once in millions; the seeds are fixed */
    if (chi > cells + 5 * sqrt(2.0 * cells) + 5)
        test_fail(__FILE__, __LINE__, "chi squared %g over %u cells", chi, cells);
    sampler_free(s);
    sampler_room_free(room);
    mem_free(id);
}

TEST(draws_follow_the_distribution_that_the_stages_leave)
{
    static const struct {
        float temperature, top_p, min_p, spread;
        uint32_t top_k;
    } row[] = {
        {1, 1, 0, 1, 0},       {0.7f, 1, 0, 2, 0},     {2, 1, 0, 3, 0},          {1, 1, 0, 2, 40},       {0.8f, 0.9f, 0, 2, 40},
        {1, 0.9f, 0, 4, 0},    {1, 0.9f, 0, 0.5f, 0},  {1.5f, 0.5f, 0, 0.1f, 0}, {1, 1, 0.05f, 2, 0},    {1, 1, 0.5f, 0.3f, 0},
        {1, 0.9f, 0.1f, 2, 0}, {1, 0.95f, 0.02f, 3, 64}, {1, 1, 0, 1, 999},      {1, 0, 0, 1, 0},        {0.5f, 0.999f, 0, 1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct sampler_options o = SAMPLER_DEFAULTS;
        o.temperature = row[i].temperature;
        o.top_p = row[i].top_p;
        o.min_p = row[i].min_p;
        o.top_k = row[i].top_k;
        o.seed = 7 + i;
        check_distribution(&o, row[i].spread, 100 + i);
    }
}

TEST(greedy_takes_the_largest_and_the_lowest_id_of_equals)
{
    struct sampler_options o = SAMPLER_DEFAULTS;
    o.temperature = 0;
    for (uint32_t n = 1; n < 300; n += 7) {
        float logits[300];
        logits_make(logits, n, 1, n);
        logits[n / 2] = logits[n - 1] = 50;
        EXPECT_I64(pick_one(&o, logits, n, NULL, NULL), n / 2);
    }
    float below[3] = {-5, -1, -2}, zeros[3] = {-0.0f, 0.0f, -1};
    EXPECT_I64(pick_one(&o, below, 3, NULL, NULL), 1);
    EXPECT_I64(pick_one(&o, zeros, 3, NULL, NULL), 0);
}

TEST(the_same_seed_gives_the_same_tokens_and_these_on_every_machine)
{
    float logits[GOLDEN];
    struct sampler_options o = SAMPLER_DEFAULTS;
    struct sampler_room *room = room_of(GOLDEN);
    /* written down once; integers decide, so another machine or compiler has no reason to differ */
    static const uint32_t want[2][8] = {{94, 181, 68, 152, 484, 301, 72, 407}, {83, 181, 56, 152, 484, 300, 56, 402}};

    logits_make(logits, GOLDEN, 1.5f, 42);
    for (int i = 0; i < 2; i++) {
        struct sampler *s[2] = {0};
        o.seed = 12345;
        o.top_p = i ? 0.9f : 1;
        REQUIRE(sampler_new(&s[0], GOLDEN, &o, NULL) == 0 && sampler_new(&s[1], GOLDEN, &o, NULL) == 0);
        for (int n = 0; n < 8; n++) {
            struct sampler_choice a, b;
            REQUIRE(sampler_pick(s[0], room, logits, NULL, &a, NULL) == 0 && sampler_pick(s[1], room, logits, NULL, &b, NULL) == 0);
            EXPECT_I64(a.token, b.token);
            EXPECT_I64(a.token, want[i][n]);
        }
        sampler_free(s[0]);
        sampler_free(s[1]);
    }
    sampler_room_free(room);
}

TEST(a_mask_is_never_left_and_may_leave_nothing)
{
    float logits[VOCAB];
    uint64_t mask[(VOCAB + 63) / 64] = {0};
    struct sampler_options o = SAMPLER_DEFAULTS;
    struct err e = {0};

    logits_make(logits, VOCAB, 2, 3);
    mask[3] = 1ull << 5;
    mask[VOCAB / 64] = ~0ull; /* bits past the vocabulary are nobody's */
    for (int i = 0; i < 50; i++) {
        o.seed = (uint64_t)i;
        o.temperature = i % 2 ? 1 : 0;
        o.top_p = i % 3 ? 1 : 0.9f;
        o.top_k = i % 5 ? 0 : 4;
        o.min_p = i % 7 ? 0 : 0.1f;
        uint32_t id = pick_one(&o, logits, VOCAB, mask, &e);
        EXPECT(id < VOCAB && mask[id / 64] >> id % 64 & 1);
    }
    memset(mask, 0, sizeof mask);
    EXPECT_I64(pick_one(&o, logits, VOCAB, mask, &e), UINT32_MAX);
    EXPECT_I64(e.code, ERR_INVALID);
}

TEST(a_logit_that_is_no_number_is_an_error_that_names_it)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    float logits[VOCAB];
    struct sampler_options o = SAMPLER_DEFAULTS;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        static const uint32_t at[] = {0, 500, VOCAB - 1}; /* in a vector, in a block, in the tail */
        for (size_t k = 0; k < COUNT_OF(at); k++) {
            struct err e = {0};
            logits_make(logits, VOCAB, 1, 9);
            logits[at[k]] = bad[i];
            EXPECT_I64(pick_one(&o, logits, VOCAB, NULL, &e), UINT32_MAX);
            EXPECT_I64(e.code, ERR_INVALID);
            EXPECT(str_contains_fold(str_from(e.text), STR("token")));
        }
    }
}

TEST(penalties_and_bias_change_what_they_name)
{
    float logits[200] = {0};
    struct sampler_options o = SAMPLER_DEFAULTS;
    struct sampler_bias bias[2] = {{7, 3}, {8, -INFINITY}};
    struct sampler_choice choice;
    struct sampler_room *room = room_of(200);
    struct sampler *s = NULL;

    o.temperature = 0;
    logits[8] = 9;
    logits[3] = 2;
    o.bias = bias;
    o.bias_count = 2;
    EXPECT_I64(pick_one(&o, logits, 200, NULL, NULL), 7);
    o.bias_count = 0;
    logits[8] = 0;
    logits[4] = 1.5f;
    o.repeat_penalty = 1.5f; /* 2 / 1.5 < 1.5 */
    o.repeat_last_n = 3;
    REQUIRE(sampler_new(&s, 200, &o, NULL) == 0);
    sampler_accept(s, 3);
    REQUIRE(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
    EXPECT_I64(choice.token, 4);
    for (int i = 0; i < 3; i++) /* out of the window again */
        sampler_accept(s, 100);
    REQUIRE(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
    EXPECT_I64(choice.token, 3);
    sampler_free(s);
    o.repeat_penalty = 1;
    o.frequency_penalty = 0.3f; /* twice: 2 - 0.6 < 1.5 */
    REQUIRE(sampler_new(&s, 200, &o, NULL) == 0);
    sampler_accept(s, 3);
    REQUIRE(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
    EXPECT_I64(choice.token, 3);
    sampler_accept(s, 3);
    REQUIRE(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
    EXPECT_I64(choice.token, 4);
    sampler_free(s);
    sampler_room_free(room);
}

static uint32_t pick_after(const struct sampler_options *o, const float *logits, uint32_t prompt, uint32_t said)
{
    struct sampler_room *room = room_of(200);
    struct sampler_choice choice = {0};
    struct sampler *s = NULL;
    if (sampler_new(&s, 200, o, NULL) == 0) {
        sampler_read(s, prompt);
        sampler_accept(s, said);
        EXPECT(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
    }
    sampler_free(s);
    sampler_room_free(room);
    return choice.token;
}

/* 3 is the likeliest, then 4, then 5. */
TEST(what_the_prompt_says_counts_for_the_repeat_penalty_alone)
{
    float logits[200] = {[3] = 2, [4] = 1.9f, [5] = 1.8f};
    struct sampler_options o = SAMPLER_DEFAULTS;
    o.temperature = 0;
    o.repeat_penalty = 1.5f;
    EXPECT_I64(pick_after(&o, logits, 3, 4), 5);
    o.repeat_last_n = 1; /* the answer's token, which came last */
    EXPECT_I64(pick_after(&o, logits, 3, 4), 3);
    o.repeat_penalty = 1;
    o.presence_penalty = 1;
    EXPECT_I64(pick_after(&o, logits, 3, 4), 3);
    EXPECT_I64(pick_after(&o, logits, 4, 3), 4);
    o.presence_penalty = 0;
    o.frequency_penalty = 1;
    EXPECT_I64(pick_after(&o, logits, 3, 4), 3);
    EXPECT_I64(pick_after(&o, logits, 4, 3), 4);
    o.answer_last_n = 0;
    EXPECT_I64(pick_after(&o, logits, 4, 3), 3);
}

/* The window's counts against a count by hand, through a penalty that only counting explains. */
TEST(the_window_counts_what_is_in_it)
{
    enum { N = 50 };
    struct rng r;
    rng_seed(&r, 5);
    for (uint32_t window = 1; window < 40; window += 6) {
        uint32_t history[500];
        float logits[N] = {0};
        struct sampler_options o = SAMPLER_DEFAULTS;
        struct sampler_room *room = room_of(N);
        struct sampler *s = NULL;
        o.temperature = 0;
        o.frequency_penalty = 1;
        o.answer_last_n = window;
        REQUIRE(sampler_new(&s, N, &o, NULL) == 0);
        for (uint32_t i = 0; i < 500; i++) {
            struct sampler_choice choice;
            history[i] = (uint32_t)rng_below(&r, N);
            sampler_accept(s, history[i]);
            uint32_t count[N] = {0}, best = 0;
            for (uint32_t k = i + 1 > window ? i + 1 - window : 0; k <= i; k++)
                count[history[k]]++;
            for (uint32_t k = 0; k < N; k++) {
                logits[k] = (float)((k * 7 + i) % 5);
                if (logits[k] - (float)count[k] > logits[best] - (float)count[best])
                    best = k;
            }
            REQUIRE(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
            EXPECT_I64(choice.token, best);
        }
        sampler_free(s);
        sampler_room_free(room);
    }
}

TEST(log_probabilities_are_those_of_the_whole_vocabulary)
{
    float logits[VOCAB];
    struct sampler_options o = SAMPLER_DEFAULTS;
    struct sampler_room *room = room_of(VOCAB);
    struct sampler *s = NULL;
    struct sampler_choice choice;
    double total = 0;
    uint64_t mask[(VOCAB + 63) / 64] = {0};

    logits_make(logits, VOCAB, 3, 77);
    for (int i = 0; i < VOCAB; i++)
        total += exp((double)logits[i]);
    uint32_t *id = order_all(logits, VOCAB);
    o.logprobs = true;
    o.logprobs_top = 20;
    o.top_k = 3;
    mask[id[500] / 64] |= 1ull << id[500] % 64; /* what the mask leaves is not what is told */
    REQUIRE(sampler_new(&s, VOCAB, &o, NULL) == 0);
    REQUIRE(sampler_pick(s, room, logits, mask, &choice, NULL) == 0);
    EXPECT_I64(choice.token, id[500]);
    EXPECT(fabs((double)choice.logprob - ((double)logits[id[500]] - log(total))) < 1e-5);
    EXPECT_I64(choice.top_count, 20);
    for (uint32_t i = 0; i < choice.top_count; i++) {
        EXPECT_I64(choice.top[i].token, id[i]);
        EXPECT(fabs((double)choice.top[i].logprob - ((double)logits[id[i]] - log(total))) < 1e-5);
    }
    mem_free(id);
    sampler_free(s);
    sampler_room_free(room);
}

TEST(options_out_of_range_are_refused_by_name)
{
    static const struct {
        const char *name;
        float temperature, top_p, min_p, repeat, presence, frequency;
        uint32_t last_n, top;
    } row[] = {
        {"temperature", -1, 1, 0, 1, 0, 0, 0, 0},          {"temperature", NAN, 1, 0, 1, 0, 0, 0, 0},
        {"top_p", 1, 1.1f, 0, 1, 0, 0, 0, 0},              {"min_p", 1, 1, -0.1f, 1, 0, 0, 0, 0},
        {"repeat_penalty", 1, 1, 0, 0, 0, 0, 0, 0},        {"presence_penalty", 1, 1, 0, 1, 1e9f, 0, 0, 0},
        {"frequency_penalty", 1, 1, 0, 1, 0, NAN, 0, 0},   {"repeat_last_n", 1, 1, 0, 1, 0, 0, SAMPLER_LAST_MAX + 1, 0},
        {"top_logprobs", 1, 1, 0, 1, 0, 0, 0, 21},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct sampler *s = NULL;
        struct err e = {0};
        struct sampler_options o = {.temperature = row[i].temperature, .top_p = row[i].top_p, .min_p = row[i].min_p,
                                    .repeat_penalty = row[i].repeat, .presence_penalty = row[i].presence,
                                    .frequency_penalty = row[i].frequency, .repeat_last_n = row[i].last_n,
                                    .logprobs_top = row[i].top};
        EXPECT_I64(sampler_new(&s, 10, &o, &e), ERR_INVALID);
        EXPECT(strstr(e.text, row[i].name) != NULL);
        EXPECT(!s);
    }
}

static int make(void *ctx)
{
    (void)ctx;
    struct sampler *s = NULL;
    struct sampler_room *room = NULL;
    struct sampler_options o = SAMPLER_DEFAULTS;
    struct sampler_bias bias = {1, 1};
    o.bias = &bias;
    o.bias_count = 1;
    o.repeat_penalty = 1.1f;
    int rc = sampler_new(&s, 100, &o, NULL);
    if (rc == 0)
        rc = sampler_room_new(&room, 100, NULL);
    sampler_free(s);
    sampler_room_free(room);
    return rc;
}

TEST(every_allocation_may_fail)
{
    test_torture("sampler_new", make, NULL);
}

/* --- stop strings --------------------------------------------------------------------------------------------------- */

/* The definition: the shortest beginning of the text that ends in a stop string, and of those the longest string. */
static size_t naive(struct str text, const struct str *word, size_t count, int *which)
{
    *which = -1;
    for (size_t end = 1; end <= text.len; end++) {
        for (size_t k = 0; k < count; k++) {
            if (str_ends(str_slice(text, 0, end), word[k]) && (*which < 0 || word[k].len > word[*which].len))
                *which = (int)k;
        }
        if (*which >= 0)
            return end - word[*which].len;
    }
    return text.len;
}

/* The longest end of the text that begins a stop string. */
static size_t naive_held(struct str text, const struct str *word, size_t count)
{
    for (size_t n = text.len; n > 0; n--) {
        for (size_t k = 0; k < count; k++) {
            if (n < word[k].len && str_starts(word[k], str_slice(text, text.len - n, text.len)))
                return n;
        }
    }
    return 0;
}

TEST(stop_strings_are_found_however_the_text_is_cut)
{
    struct rng r;
    rng_seed(&r, 11);
    for (int round = 0; round < 20000; round++) {
        char letters[STOP_MAX][8], text[40];
        struct str word[STOP_MAX];
        size_t count = 1 + rng_below(&r, 4), len = rng_below(&r, sizeof text);
        for (size_t k = 0; k < count; k++) {
            word[k] = str_of(letters[k], 1 + rng_below(&r, 6));
            for (size_t i = 0; i < word[k].len; i++)
                letters[k][i] = (char)('a' + rng_below(&r, 2));
        }
        for (size_t i = 0; i < len; i++)
            text[i] = (char)('a' + rng_below(&r, 10) / 4);
        struct stop s;
        AUTO_BUF struct buf out = BUF_INIT(64);
        int which;
        size_t want = naive(str_of(text, len), word, count, &which);
        REQUIRE(stop_init(&s, word, count, NULL) == 0);
        for (size_t at = 0; at < len && s.matched < 0;) {
            size_t piece = 1 + rng_below(&r, 5);
            piece = piece < len - at ? piece : len - at;
            REQUIRE(stop_feed(&s, str_of(text + at, piece), &out) == 0);
            at += piece;
            if (s.matched < 0) /* all that is safe is out */
                EXPECT_I64(out.len, at - naive_held(str_of(text, at), word, count));
        }
        REQUIRE(stop_flush(&s, &out) == 0);
        EXPECT(s.matched < 0 ? which < 0 : which >= 0 && str_eq(word[s.matched], word[which]));
        EXPECT(str_eq(buf_str(&out), str_of(text, want)));
    }
}

TEST(stop_strings_have_limits)
{
    struct stop s;
    struct str word[STOP_MAX + 1];
    char big[STOP_BYTES_MAX + 1] = {0};
    for (size_t i = 0; i <= STOP_MAX; i++)
        word[i] = STR("x");
    EXPECT_I64(stop_init(&s, word, STOP_MAX + 1, NULL), ERR_INVALID);
    EXPECT_I64(stop_init(&s, word, STOP_MAX, NULL), 0);
    word[1] = STR("");
    EXPECT_I64(stop_init(&s, word, 2, NULL), ERR_INVALID);
    word[1] = str_of(big, sizeof big);
    EXPECT_I64(stop_init(&s, word, 2, NULL), ERR_INVALID);
}

TEST(a_long_window_of_penalties_costs_no_more_than_its_tokens)
{
    enum { LONG = 40000, PICKS = 50 };
    struct sampler_options o = SAMPLER_DEFAULTS;
    struct sampler *s = NULL;
    struct sampler_room *room = room_of(LONG);
    float *logits = new0_array(float, LONG);
    o.temperature = 0;
    o.repeat_penalty = 1.1f;
    o.repeat_last_n = SAMPLER_LAST_MAX;
    REQUIRE(logits && sampler_new(&s, LONG, &o, NULL) == 0);
    for (uint32_t i = 0; i < 32000; i++)
        sampler_accept(s, i);
    double t = cpu_seconds();
    for (int i = 0; i < PICKS; i++) {
        struct sampler_choice choice;
        EXPECT(sampler_pick(s, room, logits, NULL, &choice, NULL) == 0);
    }
    EXPECT((cpu_seconds() - t) / PICKS < 0.06 * SLOWER);
    mem_free(logits);
    sampler_free(s);
    sampler_room_free(room);
}
