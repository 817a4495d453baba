/* answer_usage.c: the usage object of OpenAI and of those who speak its dialect with an accent of their own.
 *
 * Numbers come from other people's servers and turn into money, so they are believed only as far as they make sense:
 * a count that is negative, fractional or beyond any model is as good as absent, and a part never exceeds its whole. */
#include "wire/answer_priv.h"

#define COUNT_MAX ((int64_t)1 << 40) /* more tokens than any call can have */
#define COST_USD_MAX 1e6             /* more than any call can cost; keeps nano-dollars in range */

enum { ABSENT = -1, NONSENSE = -2 }; /* beside counts, which are 0 or more */

struct counts {
    int64_t input, output, total, reasoning, cache_write;
    int64_t cached, cached_top, cache_hit; /* in prompt_tokens_details; in usage itself (Kimi); at DeepSeek */
    int64_t cost_nusd;
};

int64_t answer_count_read(struct json_scan *s)
{
    enum json_type type = json_peek(s);
    struct str raw;
    int64_t n;

    if (!json_skip(s, &raw) || type == JSON_NULL)
        return ABSENT;
    return type == JSON_NUMBER && json_to_i64(raw, &n) && n >= 0 && n <= COUNT_MAX ? n : NONSENSE;
}

/* Dollars with decimals, as a JSON number. */
int64_t answer_cost_read(struct json_scan *s)
{
    enum json_type type = json_peek(s);
    struct str raw;
    double usd;

    if (!json_skip(s, &raw) || type != JSON_NUMBER || !json_to_double(raw, &usd) || !(usd >= 0 && usd <= COST_USD_MAX))
        return ABSENT;
    return (int64_t)(usd * 1e9 + 0.5);
}

static void details_read(struct json_scan *s, struct counts *c)
{
    struct str key;

    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return;
    }
    json_enter(s);
    while (json_member(s, &key)) {
        if (json_key_is(key, STR("cached_tokens")))
            c->cached = answer_count_read(s);
        else if (json_key_is(key, STR("cache_write_tokens")))
            c->cache_write = answer_count_read(s);
        else if (json_key_is(key, STR("reasoning_tokens")))
            c->reasoning = answer_count_read(s);
        else
            json_skip(s, NULL);
    }
}

/* What the Responses API calls otherwise. */
static const struct usage_words {
    struct str input, output, input_details, output_details;
} chat_words = {STR("prompt_tokens"), STR("completion_tokens"), STR("prompt_tokens_details"), STR("completion_tokens_details")},
  responses_words = {STR("input_tokens"), STR("output_tokens"), STR("input_tokens_details"), STR("output_tokens_details")};

static void member_read(struct json_scan *s, struct str key, const struct usage_words *words, struct counts *c)
{
    if (json_key_is(key, words->input))
        c->input = answer_count_read(s);
    else if (json_key_is(key, words->output))
        c->output = answer_count_read(s);
    else if (json_key_is(key, STR("total_tokens")))
        c->total = answer_count_read(s);
    else if (json_key_is(key, words->input_details) || json_key_is(key, words->output_details))
        details_read(s, c);
    else if (json_key_is(key, STR("cached_tokens")))
        c->cached_top = answer_count_read(s);
    else if (json_key_is(key, STR("prompt_cache_hit_tokens")))
        c->cache_hit = answer_count_read(s);
    else if (json_key_is(key, STR("cost")))
        c->cost_nusd = answer_cost_read(s);
    else
        json_skip(s, NULL);
}

/* The part, at least 0 and at most the whole. */
static int64_t part_of(int64_t whole, int64_t part)
{
    return part < 0 ? 0 : part < whole ? part : whole;
}

/* Output includes the reasoning nearly everywhere; where the total says that it does not, the difference is output. */
static int64_t whole_output(const struct counts *c)
{
    int64_t output = c->output > 0 ? c->output : 0;

    return output > 0 && c->total > c->input + output ? c->total - c->input : output;
}

static bool usage_read(struct json_scan *s, const struct usage_words *words, struct usage *out)
{
    struct counts c = {ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT};
    struct str key;

    if (json_peek(s) != JSON_OBJECT) {
        json_skip(s, NULL);
        return false;
    }
    json_enter(s);
    while (json_member(s, &key))
        member_read(s, key, words, &c);

    if (c.input < 0 || c.output == NONSENSE)
        return false;
    if (c.input == 0 && c.output <= 0) /* some servers fill in zeros before they know: nothing is said */
        return false;
    int64_t cached = c.cached >= 0 ? c.cached : c.cached_top >= 0 ? c.cached_top : c.cache_hit;
    int64_t output = whole_output(&c);
    *out = (struct usage){
        .input = c.input,
        .cached = part_of(c.input, cached),
        .output = output,
        .reasoning = part_of(output, c.reasoning),
        .cost_nusd = c.cost_nusd,
        .reported = true,
    };
    out->cache_write = part_of(c.input - out->cached, c.cache_write);
    return true;
}

bool answer_usage_read(struct json_scan *s, struct usage *out)
{
    return usage_read(s, &chat_words, out);
}

bool answer_usage_read_responses(struct json_scan *s, struct usage *out)
{
    return usage_read(s, &responses_words, out);
}
