/* test_host.c: a model that answers, from request to last event, with tiny made-up models: what it says means nothing, so the tests look at what
 * must hold whatever a model says, or force what it says by logit_bias. */
#include "base/json.h"
#include "engine/host_priv.h"
#include "host_kit.h"
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

static const struct host_options plain = {.engine = {.threads = 2}};

static struct host_request text_request(const char *text, size_t answer_max)
{
    struct host_request r = {.kind = HOST_TEXT, .text = str_from(text), .sampling = SAMPLER_DEFAULTS, .answer_max = answer_max};
    r.sampling.temperature = 0;
    return r;
}

static struct host_request chat_request(struct arena *a, const char *messages, size_t answer_max)
{
    struct json_node *n = NULL;
    struct host_request r = {.kind = HOST_CHAT, .sampling = SAMPLER_DEFAULTS, .answer_max = answer_max};
    r.sampling.temperature = 0;
    struct err e = {0};
    if (json_parse(a, str_from(messages), &n, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    r.messages = n;
    return r;
}

static const struct json_node *json_of(struct arena *a, const char *text)
{
    struct json_node *n = NULL;
    struct err e = {0};
    if (json_parse(a, str_from(text), &n, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    return n;
}

#define HELLO "[{\"role\":\"user\",\"content\":\"hello there\"}]"

/* --- what every answer is --------------------------------------------------------------------------------------------------------------- */

TEST(texts_and_chats_are_answered_by_every_family)
{
    static const char *const shapes[] = {"tiny-llama", "tiny-llama3", "tiny-mistral", "tiny-qwen2", "tiny-qwen3", "tiny-gemma2", "tiny-gemma3", "tiny-phi3"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct host *h = host_of(shapes[i], &plain);
        REQUIRE(h);
        struct arena a = ARENA_INIT(MiB);
        for (int chat = 0; chat <= 1; chat++) {
            struct host_request r = chat ? chat_request(&a, HELLO, 12) : text_request("once upon a time", 12);
            struct said s;
            struct err e = {0};
            said_init(&s);
            if (call_run(h, &r, &s, &e) < 0)
                test_fail(__FILE__, __LINE__, "%s: %s", shapes[i], e.text);
            EXPECT(s.ended == 1 && !s.order_wrong && s.counts.prompt > 0 && s.counts.answer <= 12);
            EXPECT(s.finish == HOST_STOP || (s.finish == HOST_LENGTH && s.counts.answer == 12));
            EXPECT(s.text.len + s.reasoning.len > 0 || s.finish == HOST_STOP);
            said_fini(&s);
        }
        arena_fini(&a);
        host_close(h);
    }
}

/* What a greedy call says does not change with who else is there, nor when it is said again from the cache. */
TEST(an_answer_is_the_same_alone_and_among_eight_others)
{
    enum { OTHERS = 9 };
    static const char *const prompts[OTHERS] = {"the water", "the water was", "one", "to be or not to be that is the question", "people work in the city",
                                                "the water was high", "what", "and then", "the water was high and the world"};
    struct host *h = host_of("tiny-qwen2", &plain);
    REQUIRE(h);
    struct said alone[OTHERS], both[OTHERS];
    for (size_t i = 0; i < OTHERS; i++) {
        struct host_request r = text_request(prompts[i], 40);
        said_init(&alone[i]);
        EXPECT(call_run(h, &r, &alone[i], NULL) == 0);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < OTHERS; i++) {
            struct host_request r = text_request(prompts[i], 40);
            said_init(&both[i]);
            EXPECT(call_begin(h, &r, &both[i], NULL) == 0);
        }
        for (size_t i = 0; i < OTHERS; i++) {
            said_wait(&both[i], SIZE_MAX);
            EXPECT(str_eq(buf_str(&alone[i].text), buf_str(&both[i].text)) && alone[i].finish == both[i].finish && alone[i].text.len > 0);
            host_release(both[i].call);
            said_fini(&both[i]);
        }
    }
    for (size_t i = 0; i < OTHERS; i++)
        said_fini(&alone[i]);
    host_close(h);
}

TEST(a_seed_decides_what_is_said)
{
    struct host *h = host_of("tiny-llama", &plain);
    REQUIRE(h);
    struct said s[3];
    for (int i = 0; i < 3; i++) {
        struct host_request r = text_request("the first word", 60);
        r.sampling.temperature = 1.5f;
        r.sampling.seed = i == 2 ? 8 : 7;
        said_init(&s[i]);
        EXPECT(call_run(h, &r, &s[i], NULL) == 0);
    }
    EXPECT(str_eq(buf_str(&s[0].text), buf_str(&s[1].text)));
    EXPECT(!str_eq(buf_str(&s[0].text), buf_str(&s[2].text)));
    for (int i = 0; i < 3; i++)
        said_fini(&s[i]);
    host_close(h);
}

/* Which of two favoured tokens is said first: the first of them, unless a penalty counts it. */
static int favourite(struct host *h, struct sampler_options with, const char *prompt, const uint32_t token[2])
{
    struct sampler_bias bias[2] = {{token[0], 60}, {token[1], 50}};
    struct host_request r = text_request(prompt, 1);
    int said = -1;
    with.temperature = 0;
    with.bias = bias;
    with.bias_count = 2;
    r.sampling = with;
    struct said s;
    said_init(&s);
    EXPECT(call_run(h, &r, &s, NULL) == 0);
    for (int i = 0; i < 2; i++)
        if (str_eq(buf_str(&s.text), tokenizer_piece(host_tokenizer(h), (int32_t)token[i])))
            said = i;
    said_fini(&s);
    return said;
}

/* " the" is in both prompts, in the long one farther back than 64 tokens; " of" is in none. */
TEST(the_prompt_counts_for_the_repeat_penalty_and_for_no_other)
{
    struct host *h = host_of("tiny-llama", &plain);
    REQUIRE(h);
    struct buf filler = BUF_INIT(KiB);
    struct token_list near = TOKEN_LIST_INIT(100), other = TOKEN_LIST_INIT(100);
    struct err e = {0};
    REQUIRE(tokenizer_encode(host_tokenizer(h), STR(" the"), 0, &near, &e) == 0 && tokenizer_encode(host_tokenizer(h), STR(" of"), 0, &other, &e) == 0);
    REQUIRE(near.count == 1 && other.count == 1);
    (void)buf_append_text(&filler, "so the");
    for (int i = 0; i < 100; i++)
        (void)buf_append_text(&filler, " and");
    const char *prompt = "so the", *far = buf_text(&filler);
    const uint32_t token[2] = {(uint32_t)near.id[0], (uint32_t)other.id[0]};
    struct sampler_options o = SAMPLER_DEFAULTS;
    EXPECT_I64(favourite(h, o, prompt, token), 0);
    o.presence_penalty = o.frequency_penalty = 50;
    EXPECT_I64(favourite(h, o, prompt, token), 0);
    o = SAMPLER_DEFAULTS;
    o.repeat_penalty = 2;
    EXPECT_I64(favourite(h, o, prompt, token), 1);
    EXPECT_I64(favourite(h, o, far, token), 0);
    o.repeat_last_n = SAMPLER_LAST_MAX;
    EXPECT_I64(favourite(h, o, far, token), 1);
    token_list_fini(&near);
    token_list_fini(&other);
    buf_fini(&filler);
    host_close(h);
}

TEST(a_stop_string_ends_the_answer_wherever_tokens_part)
{
    struct host *h = host_of("tiny-llama", &plain);
    REQUIRE(h);
    struct said whole;
    struct host_request r = text_request("tell me a story", 60);
    said_init(&whole);
    REQUIRE(call_run(h, &r, &whole, NULL) == 0 && whole.text.len > 40);
    /* every stop of five bytes in the middle of what it says when nothing stops it */
    for (size_t at = 10; at < 30; at++) {
        struct str stop = str_slice(buf_str(&whole.text), at, at + 5);
        if ((stop.ptr[0] & 0xc0) == 0x80)
            continue; /* within a character */
        struct said s;
        said_init(&s);
        r.stop = &stop;
        r.stop_count = 1;
        r.sampling.logprobs = true; /* each token of the answer is told */
        EXPECT(call_run(h, &r, &s, NULL) == 0);
        EXPECT_I64(s.counts.answer, s.tokens); /* the one in which the stop string ends was computed too */
        int64_t first = str_find(buf_str(&whole.text), stop);
        EXPECT(s.finish == HOST_STOP && str_eq(buf_str(&s.text), str_slice(buf_str(&whole.text), 0, (size_t)first)));
        said_fini(&s);
    }
    said_fini(&whole);
    host_close(h);
}

static void count_event(void *ctx, const struct host_event *event)
{
    ((size_t *)ctx)[event->said]++;
}

/* A model that knows nothing makes no two calls: what its parser would tell is put in by hand. */
TEST(behind_the_one_call_that_was_asked_for_nothing_is_said)
{
    for (int one = 0; one <= 1; one++) {
        size_t said[HOST_ENDED + 1] = {0};
        struct host_call c = {.one_call = one, .sink = {count_event, said}};
        for (uint32_t i = 0; i < 2; i++)
            for (int kind = ANSWER_CALL_BEGIN; kind <= ANSWER_CALL_END; kind++)
                EXPECT(host_on_answer(&c, &(struct answer_event){.kind = (enum answer_event_kind)kind, .text = STR("x"), .call = i}) == 0);
        EXPECT(host_on_answer(&c, &(struct answer_event){.kind = ANSWER_TEXT, .text = STR("and so on")}) == 0);
        EXPECT(c.called && c.call_over);
        EXPECT(said[HOST_SAID_CALL] == (one ? 1 : 2) && said[HOST_SAID_ARGUMENTS] == said[HOST_SAID_CALL] && said[HOST_SAID_CALL_END] == said[HOST_SAID_CALL]);
        EXPECT(said[HOST_SAID_TEXT] == (one ? 0 : 1));
    }
}

TEST(log_probabilities_come_for_each_token_and_make_up_the_text)
{
    struct host *h = host_of("tiny-llama", &plain);
    REQUIRE(h);
    struct host_request r = text_request("tell me", 20);
    r.sampling.logprobs = true;
    r.sampling.logprobs_top = 5;
    struct said s;
    said_init(&s);
    EXPECT(call_run(h, &r, &s, NULL) == 0);
    EXPECT(s.tokens == s.counts.answer && s.logprob_sum < 0);
    EXPECT(s.pieces.len >= s.text.len / 3); /* whole where no character was broken */
    said_fini(&s);
    host_close(h);
}

/* --- forms -------------------------------------------------------------------------------------------------------------------------------- */

static void check_form(struct host *h, const char *schema, uint64_t seed)
{
    struct arena a = ARENA_INIT(MiB);
    struct host_request r = chat_request(&a, HELLO, 120);
    r.sampling.temperature = 1.3f;
    r.sampling.seed = seed;
    r.json = !schema;
    r.schema = schema ? str_from(schema) : STR_NONE;
    struct said s;
    struct err e = {0};
    said_init(&s);
    if (call_run(h, &r, &s, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    EXPECT(s.finish == HOST_STOP || s.finish == HOST_LENGTH);
    if (s.finish == HOST_STOP && json_check(buf_str(&s.text), &e) < 0)
        test_fail(__FILE__, __LINE__, "not JSON (%s): %.*s", e.text, STR_FMT(buf_str(&s.text)));
    if (s.finish == HOST_STOP && schema) {
        const struct json_node *n = NULL;
        struct json_node *root;
        if (json_parse(&a, buf_str(&s.text), &root, &e) == 0)
            n = json_get(root, "kind");
        EXPECT(n && n->type == JSON_STRING && (str_eq(n->text, STR("small")) || str_eq(n->text, STR("large"))) && json_get(root, "count"));
    }
    said_fini(&s);
    arena_fini(&a);
}

TEST(json_and_schemas_hold_whatever_the_model_would_say)
{
    static const char schema[] = "{\"type\":\"object\",\"properties\":{\"kind\":{\"enum\":[\"small\",\"large\"]},\"count\":{\"type\":\"integer\",\"minimum\":0,"
                                 "\"maximum\":99}},\"required\":[\"kind\",\"count\"]}";
    static const char *const shapes[] = {"tiny-llama", "tiny-qwen3", "tiny-mistral"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct host *h = host_of(shapes[i], &plain);
        REQUIRE(h);
        for (uint64_t seed = 1; seed <= 8; seed++) {
            check_form(h, NULL, seed);
            check_form(h, schema, seed);
        }
        host_close(h);
    }
}

/* A token that the model is made to say next: the bias of +100 tops everything a tiny model thinks. */
static bool force(struct host *h, const char *text, struct sampler_bias *bias, struct host_request *r)
{
    struct token_list l = TOKEN_LIST_INIT(100);
    bool one = tokenizer_encode(host_tokenizer(h), str_from(text), TOKENIZE_SPECIAL, &l, NULL) == 0 && l.count == 1;
    if (one) {
        *bias = (struct sampler_bias){(uint32_t)l.id[0], 100};
        r->sampling.bias = bias;
        r->sampling.bias_count = 1;
    }
    token_list_fini(&l);
    return one;
}

/* --- ends ----------------------------------------------------------------------------------------------------------------------------------- */

TEST(the_length_ends_an_answer_and_room_is_all_there_is_otherwise)
{
    struct host_options o = plain;
    o.context_max = 64;
    struct host *h = host_of("tiny-llama", &o);
    REQUIRE(h && host_context(h) == 64);
    struct host_request r = text_request("the", 0);
    struct sampler_bias bias;
    REQUIRE(force(h, " the", &bias, &r));
    struct said s;
    said_init(&s);
    EXPECT(call_run(h, &r, &s, NULL) == 0);
    EXPECT(s.finish == HOST_LENGTH && s.counts.prompt + s.counts.answer == 64);
    said_fini(&s);
    host_close(h);
}

TEST(what_does_not_fit_the_context_is_told_both_numbers)
{
    struct host_options o = plain;
    o.context_max = 64;
    struct host *h = host_of("tiny-llama", &o);
    REQUIRE(h);
    struct said s;
    struct err e = {0};
    said_init(&s);
    struct host_request r = text_request("the first word of the long story that no man could tell to the end before the night came and all the people went home to their own "
                                         "house and the light went out and so on and on and on and on and on and on and on and on", 0);
    EXPECT_I64(call_begin(h, &r, &s, &e), ERR_CONTEXT);
    EXPECT(strstr(e.text, " 64") && strstr(e.text, "prompt has "));
    r = text_request("the first", 63);
    EXPECT_I64(call_begin(h, &r, &s, &e), ERR_CONTEXT);
    EXPECT(strstr(e.text, "may have 63") && strstr(e.text, "holds 64"));
    enum { MORE = (1 << 20) + 100 }; /* of tokens than any context holds */
    AUTO_BUF struct buf long_text = BUF_INIT(2 * MiB);
    EXPECT_I64(buf_reserve(&long_text, MORE), 0);
    memset(long_text.ptr, 'a', MORE);
    long_text.len = MORE;
    r = text_request("", 5);
    r.text = buf_str(&long_text);
    EXPECT_I64(call_begin(h, &r, &s, &e), ERR_CONTEXT);
    EXPECT(strstr(e.text, "has more than 1048576 tokens") && strstr(e.text, "holds 64"));
    r = text_request("", 5);
    int rc = call_begin(h, &r, &s, &e); /* a BOS alone, or nothing */
    if (rc == 0) {
        said_wait(&s, SIZE_MAX);
        host_release(s.call);
    } else {
        EXPECT_I64(rc, ERR_INVALID);
    }
    said_fini(&s);
    host_close(h);
}

static void nothing_is_left(struct host *h)
{
    for (int i = 0; i < 2000 && host_counts(h).running; i++)
        (void)usleep(1000);
    EXPECT_I64(host_counts(h).running + host_counts(h).waiting, 0);
}

/* Cancelled before anything, after each of its first events, and after its end. */
TEST(a_call_may_be_cancelled_at_any_moment)
{
    struct host *h = host_of("tiny-llama", &plain);
    REQUIRE(h);
    struct host_request r = text_request("the", 200);
    struct sampler_bias bias;
    REQUIRE(force(h, " the", &bias, &r)); /* it would go on for ever */
    for (size_t at = 0; at < 25; at++) {
        struct said s;
        said_init(&s);
        s.cancel_at = at;
        REQUIRE(call_begin(h, &r, &s, NULL) == 0);
        if (at == 0)
            host_cancel(s.call);
        said_wait(&s, SIZE_MAX);
        EXPECT(s.finish == HOST_CANCELLED && s.ended == 1 && !s.order_wrong && s.counts.answer <= at + 2);
        host_cancel(s.call); /* it has ended: nothing happens */
        host_release(s.call);
        said_fini(&s);
    }
    nothing_is_left(h);
    host_close(h);
}

TEST(cancelling_one_leaves_the_others_alone)
{
    enum { MANY = 20 };
    struct host *h = host_of("tiny-llama", &plain);
    REQUIRE(h);
    struct host_request r = text_request("people work", 30);
    struct said one, s[MANY];
    said_init(&one);
    EXPECT(call_run(h, &r, &one, NULL) == 0);
    for (size_t i = 0; i < MANY; i++) {
        said_init(&s[i]);
        s[i].cancel_at = i % 2 ? i : 0;
        EXPECT(call_begin(h, &r, &s[i], NULL) == 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        said_wait(&s[i], SIZE_MAX);
        EXPECT(s[i].ended == 1 && !s[i].order_wrong);
        if (i % 2 == 0)
            EXPECT(str_eq(buf_str(&s[i].text), buf_str(&one.text)));
        host_release(s[i].call);
        said_fini(&s[i]);
    }
    said_fini(&one);
    nothing_is_left(h);
    host_close(h);
}

TEST(a_full_queue_refuses_at_once_and_deadlines_hold)
{
    struct host_options o = plain;
    o.calls_max = 1;
    o.queue_max = 2;
    struct host *h = host_of("tiny-llama", &o);
    REQUIRE(h);
    struct host_request r = text_request("the", 1500), late = r;
    struct sampler_bias bias;
    REQUIRE(force(h, " the", &bias, &r));
    late.deadline_us = clock_mono_us(clock_system()) + 1000;
    struct said first, second, third, fourth;
    struct err e = {0};
    said_init(&first), said_init(&second), said_init(&third), said_init(&fourth);
    REQUIRE(call_begin(h, &r, &first, NULL) == 0);
    said_wait(&first, 1);
    EXPECT(call_begin(h, &late, &second, NULL) == 0 && call_begin(h, &r, &third, NULL) == 0);
    EXPECT_I64(call_begin(h, &r, &fourth, &e), ERR_BUSY);
    EXPECT(strstr(e.text, "3 calls"));
    said_wait(&second, SIZE_MAX);
    EXPECT(second.finish == HOST_LATE && second.counts.answer == 0 && second.counts.queued_us >= 0);
    host_cancel(first.call);
    said_wait(&third, 1); /* its turn has come */
    EXPECT(call_begin(h, &r, &fourth, &e) == 0);
    host_stop(h); /* with one running and one waiting */
    EXPECT(third.ended == 1 && third.finish == HOST_CANCELLED && fourth.ended == 1 && fourth.finish == HOST_CANCELLED && first.ended == 1);
    host_release(first.call), host_release(second.call), host_release(third.call), host_release(fourth.call);
    said_fini(&first), said_fini(&second), said_fini(&third), said_fini(&fourth);
    host_close(h);
}

/* One that waits for its turn says nothing, one that has begun gives signs from its prompt on, and nobody does who was not asked to. */
TEST(a_call_says_that_it_is_worked_on)
{
    struct host_options o = plain;
    o.calls_max = 1;
    struct host *h = host_of("tiny-llama", &o);
    REQUIRE(h);
    struct host_request r = text_request("the", 300), silent = r;
    struct sampler_bias bias;
    REQUIRE(force(h, " the", &bias, &r));
    REQUIRE(force(h, " the", &bias, &silent));
    r.alive_us = 1;
    struct said first, second, third;
    said_init(&first), said_init(&second), said_init(&third);
    REQUIRE(call_begin(h, &r, &first, NULL) == 0 && call_begin(h, &r, &second, NULL) == 0 && call_begin(h, &silent, &third, NULL) == 0);
    said_wait(&second, 1);
    EXPECT(first.ended == 1); /* until then the second had nothing to say */
    said_wait(&third, SIZE_MAX);
    EXPECT(first.workings > 200 && second.workings > 200 && third.workings == 0);
    EXPECT(!first.order_wrong && !second.order_wrong && second.ended == 1);
    EXPECT(str_eq(buf_str(&first.text), buf_str(&third.text)));
    host_release(first.call), host_release(second.call), host_release(third.call);
    said_fini(&first), said_fini(&second), said_fini(&third);
    host_close(h);
}

/* --- embeddings ------------------------------------------------------------------------------------------------------------------------------ */

TEST(a_text_has_one_vector_of_length_one_whoever_else_is_there)
{
    static const char *const shapes[] = {"tiny-nomic-bert", "tiny-bert"};
    for (size_t k = 0; k < COUNT_OF(shapes); k++) {
        struct host *h = host_of(shapes[k], &plain);
        REQUIRE(h);
        enum { TEXTS = 60 };
        struct said alone, s[TEXTS];
        struct host_request r = {.kind = HOST_EMBED, .text = STR("the people of the city")};
        said_init(&alone);
        REQUIRE(call_run(h, &r, &alone, NULL) == 0);
        double square = 0;
        for (size_t i = 0; i < alone.vector_count; i++)
            square += (double)alone.vector[i] * (double)alone.vector[i];
        EXPECT(alone.vectors == 1 && alone.vector_count == 256 && fabs(square - 1) < 1e-5 && alone.finish == HOST_STOP);
        for (size_t i = 0; i < TEXTS; i++) {
            struct host_request other = {.kind = HOST_EMBED, .text = i % 2 ? STR("water") : r.text};
            said_init(&s[i]);
            EXPECT(call_begin(h, &other, &s[i], NULL) == 0);
        }
        for (size_t i = 0; i < TEXTS; i++) {
            said_wait(&s[i], SIZE_MAX);
            EXPECT(s[i].vectors == 1 && s[i].ended == 1);
            EXPECT((memcmp(s[i].vector, alone.vector, alone.vector_count * sizeof(float)) == 0) == (i % 2 == 0));
            host_release(s[i].call);
            said_fini(&s[i]);
        }
        /* of the longest text, and of one that is longer */
        struct buf text = BUF_INIT(MiB);
        struct said edge;
        struct err e = {0};
        for (int i = 0; i < 600; i++)
            (void)buf_append_text(&text, "the ");
        said_init(&edge);
        r.text = buf_str(&text);
        EXPECT_I64(call_begin(h, &r, &edge, &e), ERR_CONTEXT);
        EXPECT(strstr(e.text, "holds 512"));
        r.text = str_slice(r.text, 0, 4 * 509);
        EXPECT_I64(call_run(h, &r, &edge, &e), 0);
        EXPECT(edge.vectors == 1 && edge.counts.prompt > 500);
        said_fini(&edge);
        buf_fini(&text);
        said_fini(&alone);
        r = text_request("the", 5);
        said_init(&edge);
        EXPECT_I64(call_begin(h, &r, &edge, &e), ERR_UNSUPPORTED);
        said_fini(&edge);
        host_close(h);
    }
}

/* --- tools ------------------------------------------------------------------------------------------------------------------------------------- */

#define TOOLS "[{\"type\":\"function\",\"function\":{\"name\":\"look\",\"parameters\":{\"type\":\"object\",\"properties\":{\"at\":{\"enum\":[\"sky\",\"sea\"]}},"\
              "\"required\":[\"at\"]}}},{\"type\":\"function\",\"function\":{\"name\":\"wait\",\"parameters\":{\"type\":\"object\",\"properties\":{\"s\":{\"type\":"\
              "\"integer\",\"minimum\":0,\"maximum\":9}},\"required\":[\"s\"]}}}]"

TEST(a_call_that_must_be_is_made_with_arguments_that_fit)
{
    static const char *const shapes[] = {"tiny-llama", "tiny-qwen2", "tiny-qwen3", "tiny-mistral"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        struct host *h = host_of(shapes[i], &plain);
        REQUIRE(h);
        for (uint64_t seed = 0; seed < 6; seed++) {
            struct arena a = ARENA_INIT(MiB);
            struct host_request r = chat_request(&a, HELLO, 100);
            struct said s;
            struct err e = {0};
            said_init(&s);
            r.tools = json_of(&a, TOOLS);
            r.must_call = true;
            r.call_name = seed % 2 ? STR("wait") : STR_NONE;
            r.sampling.temperature = 1.2f;
            r.sampling.seed = seed;
            if (call_run(h, &r, &s, &e) < 0)
                test_fail(__FILE__, __LINE__, "%s: %s", shapes[i], e.text);
            EXPECT(s.finish == HOST_CALLS && s.calls == 1 && s.call_ends == 1 && s.broken == 0 && s.text.len == 0 && !s.order_wrong);
            struct str arguments = str_slice(buf_str(&s.arguments), 0, s.arguments.len ? s.arguments.len - 1 : 0);
            const struct json_node *n = arguments.len ? json_of(&a, arena_text(&a, arguments)) : NULL;
            bool look = str_eq(buf_str(&s.names), STR("look;"));
            EXPECT(look || str_eq(buf_str(&s.names), STR("wait;")));
            EXPECT(!(look && seed % 2) && json_get(n, look ? "at" : "s"));
            said_fini(&s);
            arena_fini(&a);
        }
        struct arena a = ARENA_INIT(MiB);
        struct host_request r = chat_request(&a, HELLO, 100);
        struct said s;
        struct err e = {0};
        said_init(&s);
        r.tools = json_of(&a, TOOLS);
        r.must_call = true;
        r.call_name = STR("fly");
        EXPECT_I64(call_begin(h, &r, &s, &e), ERR_INVALID);
        EXPECT(strstr(e.text, "`fly`"));
        said_fini(&s);
        arena_fini(&a);
        host_close(h);
    }
}

/* Marks of calls are control tokens in these families: the parser has to see them, and nobody else. */
TEST(marks_that_are_control_tokens_are_read_where_there_are_tools_and_hidden_else)
{
    static const char *const marks[][2] = {{"tiny-mistral", "[TOOL_CALLS]"}, {"tiny-llama", "<|python_tag|>"}};
    for (size_t i = 0; i < COUNT_OF(marks); i++) {
        struct host *h = host_of(marks[i][0], &plain);
        REQUIRE(h);
        for (int tools = 0; tools <= 1; tools++) {
            struct arena a = ARENA_INIT(MiB);
            struct host_request r = chat_request(&a, HELLO, 3);
            struct sampler_bias bias;
            struct said s;
            said_init(&s);
            REQUIRE(force(h, marks[i][1], &bias, &r));
            r.tools = tools ? json_of(&a, TOOLS) : NULL;
            EXPECT(call_run(h, &r, &s, NULL) == 0);
            /* no call follows the mark: it is given back as text */
            EXPECT(tools ? str_starts(buf_str(&s.text), str_from(marks[i][1])) : s.text.len == 0);
            EXPECT(s.finish == HOST_LENGTH && s.calls == 0 && s.counts.answer == 3);
            said_fini(&s);
            arena_fini(&a);
        }
        host_close(h);
    }
}

#define THINKS "'<think>\\n\\n</think>\\n\\n' }}", "'<think>\\n' }}{#</think>#}  " /* its prompt ends inside of the reasoning */

TEST(reasoning_is_told_apart_from_text)
{
    struct host *h = host_of_patched("tiny-qwen3", &plain, THINKS);
    REQUIRE(h);
    for (int thinks = 0; thinks <= 1; thinks++) {
        struct arena a = ARENA_INIT(MiB);
        struct host_request r = chat_request(&a, HELLO, 3);
        struct sampler_bias bias;
        struct said s;
        said_init(&s);
        REQUIRE(force(h, " water", &bias, &r));
        r.kwargs = thinks ? json_of(&a, "{\"enable_thinking\":false}") : NULL;
        EXPECT(call_run(h, &r, &s, NULL) == 0);
        EXPECT_STR(str_trim(buf_str(thinks ? &s.reasoning : &s.text)), "water water water");
        EXPECT_I64((thinks ? &s.text : &s.reasoning)->len, 0);
        said_fini(&s);
        arena_fini(&a);
    }
    host_close(h);
}

/* The prompt ends inside of the reasoning. The model is made to end it at once, and would go on saying the mark: from there on the form
 * holds, from the very first token. */
TEST(a_form_holds_from_the_end_of_the_reasoning)
{
    struct host *h = host_of_patched("tiny-qwen3", &plain, THINKS);
    REQUIRE(h);
    size_t whole = 0;
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct arena a = ARENA_INIT(MiB);
        struct host_request r = chat_request(&a, HELLO, 100);
        struct sampler_bias bias;
        struct said s;
        struct err e = {0};
        said_init(&s);
        REQUIRE(force(h, "</think>", &bias, &r));
        r.kwargs = json_of(&a, "{\"enable_thinking\":false}");
        r.schema = STR("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"boolean\"}},\"required\":[\"a\"]}");
        r.sampling.temperature = 1.4f;
        r.sampling.seed = seed;
        if (call_run(h, &r, &s, &e) < 0)
            test_fail(__FILE__, __LINE__, "%s", e.text);
        EXPECT(s.reasoning.len == 0 && s.finish == HOST_STOP);
        if (json_check(buf_str(&s.text), &e) == 0)
            whole++;
        else
            test_fail(__FILE__, __LINE__, "%.*s", STR_FMT(buf_str(&s.text)));
        said_fini(&s);
        arena_fini(&a);
    }
    EXPECT_I64(whole, 8);
    host_close(h);
}

/* --- overflow ------------------------------------------------------------------------------------------------------------------------------------ */

#define LONG "the people of the city went down to the water and said that the world was high"
#define TURN(n) "{\"role\":\"user\",\"content\":\"turn " n " " LONG "\"},{\"role\":\"assistant\",\"content\":\"" LONG "\"},"
#define TALK "[{\"role\":\"system\",\"content\":\"be kind\"}," TURN("one") TURN("two") TURN("three") "{\"role\":\"user\",\"content\":\"last\"}]"
#define TALK_OF_TWO "[{\"role\":\"system\",\"content\":\"be kind\"}," TURN("two") TURN("three") "{\"role\":\"user\",\"content\":\"last\"}]"

static size_t prompt_of(struct host *h, const char *messages)
{
    struct arena a = ARENA_INIT(MiB);
    struct host_request r = chat_request(&a, messages, 1);
    struct said s;
    said_init(&s);
    EXPECT(call_run(h, &r, &s, NULL) == 0);
    size_t count = s.counts.prompt;
    said_fini(&s);
    arena_fini(&a);
    return count;
}

TEST(the_oldest_turns_are_left_out_when_that_was_asked_for)
{
    struct host *large = host_of("tiny-qwen2", &plain);
    REQUIRE(large);
    size_t all = prompt_of(large, TALK), two = prompt_of(large, TALK_OF_TWO);
    host_close(large);
    REQUIRE(two < all);
    struct host_options o = plain;
    o.context_max = two + 20; /* the first turn has to go for an answer of 20 */
    REQUIRE(o.context_max < all);
    struct host *h = host_of("tiny-qwen2", &o);
    REQUIRE(h);
    struct arena a = ARENA_INIT(MiB);
    struct host_request r = chat_request(&a, TALK, 20);
    struct said s;
    struct err e = {0};
    said_init(&s);
    EXPECT_I64(call_begin(h, &r, &s, &e), ERR_CONTEXT); /* not without being asked */
    r.drop_oldest = true;
    REQUIRE(call_begin(h, &r, &s, &e) == 0);
    EXPECT_I64(host_dropped(s.call), all - two);
    said_wait(&s, SIZE_MAX);
    EXPECT_I64(s.counts.prompt, two);
    host_release(s.call);
    said_fini(&s);

    said_init(&s);
    r = chat_request(&a, "[{\"role\":\"user\",\"content\":\"short\"}]", 5);
    r.drop_oldest = true;
    REQUIRE(call_begin(h, &r, &s, &e) == 0);
    EXPECT_I64(host_dropped(s.call), 0);
    said_wait(&s, SIZE_MAX);
    host_release(s.call);
    said_fini(&s);
    arena_fini(&a);
    host_close(h);
}

/* A call of a tool and its result go together; what cannot be left out is an error still. */
TEST(no_result_of_a_tool_is_left_without_its_call)
{
#define CALLED "{\"role\":\"user\",\"content\":\"" LONG "\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":"\
               "{\"name\":\"look\",\"arguments\":\"{}\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"" LONG "\"}"
    static const char talk[] = "[" CALLED ",{\"role\":\"assistant\",\"content\":\"so\"},{\"role\":\"user\",\"content\":\"and now?\"}]";
    static const char rest[] = "[{\"role\":\"user\",\"content\":\"and now?\"}]";
    static const char stuck[] = "[" CALLED "]";
    struct host_options o = plain;
    struct host *large = host_of("tiny-qwen2", &plain);
    REQUIRE(large);
    size_t all = prompt_of(large, talk), short_one = prompt_of(large, rest);
    host_close(large);
    o.context_max = all / 2;
    REQUIRE(short_one + 5 < o.context_max);
    struct host *h = host_of("tiny-qwen2", &o);
    REQUIRE(h);
    struct arena a = ARENA_INIT(MiB);
    struct host_request r = chat_request(&a, talk, 5);
    r.drop_oldest = true;
    struct said s;
    struct err e = {0};
    said_init(&s);
    REQUIRE(call_begin(h, &r, &s, &e) == 0);
    said_wait(&s, SIZE_MAX);
    EXPECT_I64(s.counts.prompt, short_one);
    EXPECT_I64(host_dropped(s.call), all - short_one);
    host_release(s.call);
    r = chat_request(&a, stuck, 5);
    r.drop_oldest = true;
    EXPECT_I64(call_begin(h, &r, &s, &e), ERR_CONTEXT);
    said_fini(&s);
    arena_fini(&a);
    host_close(h);
}

/* --- memory -------------------------------------------------------------------------------------------------------------------------------------- */

static int tortured(void *ctx)
{
    struct host *h = ctx;
    struct arena a = ARENA_INIT(MiB);
    struct said s;
    said_init(&s);
    struct json_node *messages = NULL, *tools = NULL;
    int rc = json_parse(&a, STR(HELLO), &messages, NULL);
    if (rc == 0)
        rc = json_parse(&a, STR(TOOLS), &tools, NULL);
    struct host_request r = {.kind = HOST_CHAT, .sampling = SAMPLER_DEFAULTS, .answer_max = 3, .messages = messages, .tools = tools, .must_call = true};
    if (rc == 0)
        rc = call_run(h, &r, &s, NULL);
    if (rc == 0 && s.ended != 1)
        rc = -1;
    said_fini(&s);
    arena_fini(&a);
    return rc;
}

TEST(a_call_that_memory_runs_out_for_is_refused_and_leaks_nothing)
{
    struct host *h = host_of("tiny-qwen2", &plain);
    REQUIRE(h);
    (void)test_torture("host_begin", tortured, h);
    nothing_is_left(h);
    host_close(h);
}

static struct host_counts counts_when(struct host *h, uint64_t calls, uint64_t rests)
{
    struct host_counts c = host_counts(h);
    for (int i = 0; i < HOST_WAIT_MS / 5 && (c.calls < calls || c.running || c.rests < rests); i++) {
        (void)usleep(5000);
        c = host_counts(h);
    }
    return c;
}

struct failing { /* from the first token on, the n-th allocation of the host's thread fails */
    struct said said;
    long n, visited;
};

static void failing_event(void *ctx, const struct host_event *ev)
{
    struct failing *f = ctx;
    if (ev->said == HOST_SAID_TOKEN)
        mem_fail_at(f->n);
    if (ev->said == HOST_ENDED) {
        f->visited = mem_visited();
        mem_fail_at(0);
    }
    said_event(&f->said, ev);
}

/* One token, which is the beginning of a stop string: it is held back, and comes out at the very end. */
TEST(an_answer_whose_end_found_no_memory_does_not_look_whole)
{
    struct host *h = host_of("tiny-llama", &plain);
    REQUIRE(h);
    struct host_request r = text_request("so", 1);
    struct token_list id = TOKEN_LIST_INIT(100);
    struct err e = {0};
    REQUIRE(tokenizer_encode(host_tokenizer(h), STR(" the"), 0, &id, &e) == 0 && id.count == 1);
    struct sampler_bias bias = {(uint32_t)id.id[0], 90};
    const struct str stop = STR(" the end");
    r.sampling.bias = &bias;
    r.sampling.bias_count = 1;
    r.sampling.logprobs = true;
    r.stop = &stop;
    r.stop_count = 1;
    size_t failed = 0;
    bool more = true;
    for (long n = 1; more && n < 1000; n++) {
        struct failing f = {.n = n};
        struct host_sink sink = {failing_event, &f};
        said_init(&f.said);
        REQUIRE(buf_reserve(&f.said.text, KiB) == 0 && buf_reserve(&f.said.pieces, KiB) == 0 && buf_reserve(&f.said.failed, KiB) == 0);
        REQUIRE(host_begin(h, &r, &sink, NULL, &f.said.call, &e) == 0);
        said_wait(&f.said, SIZE_MAX);
        host_release(f.said.call);
        more = f.visited >= n; /* else nothing failed: all points were visited */
        failed += f.said.finish == HOST_FAILED;
        if (f.said.finish == HOST_FAILED)
            EXPECT(str_find(buf_str(&f.said.failed), STR("memory")) >= 0);
        else
            EXPECT_STR(buf_str(&f.said.text), " the");
        said_fini(&f.said);
    }
    EXPECT(failed >= 2); /* what is said, and what was held back */
    token_list_fini(&id);
    host_close(h);
}

/* What nobody uses gives its memory back: kept texts, buffers, mapped pages; the next call says the same, from the beginning. */
TEST(an_unused_model_gives_its_memory_back_and_answers_as_before)
{
    struct said first, second;
    struct err e = {0};
    struct host_options o = plain;
    o.keep_us = 700000;
    struct host *h = host_of("tiny-llama", &o);
    REQUIRE(h);
    struct host_request r = text_request("the people of the city went down to the water and stood there", 20);
    said_init(&first);
    said_init(&second);
    EXPECT(call_run(h, &r, &first, &e) == 0);
    struct host_counts c = counts_when(h, 1, 0);
    EXPECT(c.prefixes == 1 && c.pages >= 1 && c.calls == 1 && c.answer == first.counts.answer && c.prompt == first.counts.prompt && c.rests == 0 && c.busy_us > 0);
    c = counts_when(h, 1, 1);
    EXPECT(c.rests == 1 && c.prefixes == 0 && c.pages == 0 && c.calls == 1);
    EXPECT(call_run(h, &r, &second, &e) == 0);
    EXPECT(second.counts.cached == 0 && str_eq(buf_str(&first.text), buf_str(&second.text)) && first.text.len > 0);
    EXPECT(counts_when(h, 2, 0).calls == 2);
    said_fini(&first);
    said_fini(&second);
    host_close(h);
}

/* --- a machine that is short of memory -------------------------------------------------------------------------------------------------------- */

enum { ALL_MIB = 8192, LEFT_MIB = ALL_MIB / 32 };

static void machine_has(const char *folder, size_t available_mib)
{
    char path[128], text[128];
    size_t len = text_format(text, sizeof text, "MemTotal: %d kB\nMemAvailable: %9zu kB\n", ALL_MIB << 10, available_mib << 10); /* always as long: no look is torn */
    (void)text_format(path, sizeof path, "%s/meminfo", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    EXPECT(fd >= 0 && pwrite(fd, text, len, 0) == (ssize_t)len);
    (void)close(fd);
}

/* Nothing to be had: what was kept goes, a call that needs a page waits for it and ends with the numbers; when there is memory again, calls are answered. */
TEST(while_the_machine_is_short_of_memory_calls_end_with_the_numbers)
{
    char folder[] = "/tmp/hearth-host-XXXXXX", path[64], said[64];
    struct room *room = NULL;
    REQUIRE(mkdtemp(folder));
    machine_has(folder, 6000);
    REQUIRE(room_open(&room, &(struct room_files){folder, folder}, NULL) == 0);
    struct host_options o = plain;
    o.machine = room;
    o.starve_us_max = 300000;
    struct host *h = host_of("tiny-llama", &o);
    REQUIRE(h);
    struct host_request r = text_request("the people of the city went down to the water", 20);
    struct said before, during, after;
    struct err e = {0};
    said_init(&before), said_init(&during), said_init(&after);
    EXPECT(call_run(h, &r, &before, &e) == 0 && before.finish != HOST_NO_ROOM && before.text.len > 0);
    EXPECT(counts_when(h, 1, 0).prefixes == 1);
    machine_has(folder, LEFT_MIB - 1);
    uint64_t answered = 1;
    EXPECT(call_run(h, &r, &during, &e) == 0);
    for (int64_t end = clock_mono_us(clock_system()) + HOST_WAIT_MS * INT64_C(1000); during.finish != HOST_NO_ROOM && clock_mono_us(clock_system()) < end; answered++) {
        said_fini(&during), said_init(&during); /* it does not look at every step */
        EXPECT(call_run(h, &r, &during, &e) == 0);
    }
    EXPECT(during.finish == HOST_NO_ROOM && during.text.len == 0);
    (void)text_format(said, sizeof said, "%d of %d MiB are available, the last %d are left", LEFT_MIB - 1, ALL_MIB, LEFT_MIB);
    EXPECT(str_find(buf_str(&during.failed), str_from(said)) >= 0);
    struct host_counts c = counts_when(h, answered + 1, 0);
    EXPECT(c.prefixes == 0 && c.pages == 0 && c.failed == 1);
    machine_has(folder, 6000);
    EXPECT(call_run(h, &r, &after, &e) == 0 && str_eq(buf_str(&before.text), buf_str(&after.text)));
    said_fini(&before), said_fini(&during), said_fini(&after);
    host_close(h);
    room_close(room);
    (void)text_format(path, sizeof path, "%s/meminfo", folder);
    EXPECT(unlink(path) == 0 && rmdir(folder) == 0);
}

/* An idle model keeps what it has read for the next turn, but not while others have no memory. */
TEST(an_idle_model_gives_kept_texts_to_a_machine_that_is_short_of_memory)
{
    char folder[] = "/tmp/hearth-host-XXXXXX", path[64];
    struct room *room = NULL;
    REQUIRE(mkdtemp(folder));
    machine_has(folder, 6000);
    REQUIRE(room_open(&room, &(struct room_files){folder, folder}, NULL) == 0);
    struct host_options o = plain;
    o.machine = room;
    struct host *h = host_of("tiny-llama", &o);
    REQUIRE(h);
    struct host_request r = text_request("the people of the city went down to the water", 20);
    struct said s;
    struct err e = {0};
    said_init(&s);
    EXPECT(call_run(h, &r, &s, &e) == 0);
    EXPECT(counts_when(h, 1, 0).prefixes == 1);
    machine_has(folder, 10);
    struct host_counts c = counts_when(h, 1, 0);
    for (int ms = 0; ms < HOST_WAIT_MS && c.prefixes; ms += 20, c = host_counts(h))
        (void)usleep(20000);
    EXPECT(c.prefixes == 0 && c.pages == 0 && c.rests == 0);
    said_fini(&s);
    host_close(h);
    room_close(room);
    (void)text_format(path, sizeof path, "%s/meminfo", folder);
    EXPECT(unlink(path) == 0 && rmdir(folder) == 0);
}
