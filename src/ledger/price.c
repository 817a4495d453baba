/* price.c: which price applies, and what an amount of tokens costs by it. Integers only: tokens times nano-dollars per
 * million tokens, summed in 128 bits, divided by a million once, half up. */
#include "ledger/ledger.h"
#include <assert.h>

enum { TOKENS_PER_PRICE = 1000000, MINUTES_PER_DAY = 1440 };
static_assert(COST_UNKNOWN == MODEL_UNKNOWN, "one value for what nobody knows");

/* No attempt costs a million dollars: a larger amount comes from token counts that a vendor made up, and is not known. */
static const int64_t COST_MAX_NUSD = 1000000LL * 1000000000LL;

/* --- which price ------------------------------------------------------------------------------------------------ */

/* A span may run over midnight; the weekday is the one of the moment itself. */
static bool in_span(int minute, int from, int to)
{
    return from <= to ? minute >= from && minute < to : minute >= from || minute < to;
}

static bool hours_fit(const struct model_hours *h, int64_t wall_ms)
{
    struct civil local = civil_from_ms(wall_ms + (int64_t)h->utc_offset_min * 60000);
    if (!(h->weekdays >> local.weekday & 1))
        return false;
    int minute = local.hour * 60 + local.minute;
    bool any_span = false;
    for (size_t i = 0; i < COUNT_OF(h->span) && (h->span[i].from_min || h->span[i].to_min); i++) {
        any_span = true;
        if (in_span(minute, h->span[i].from_min, h->span[i].to_min))
            return true;
    }
    return !any_span; /* weekdays alone: all day */
}

static const struct price *find_override(const struct price *override, size_t count, int64_t wall_ms)
{
    for (size_t i = 0; i < count; i++)
        if (override[i].hours.weekdays && !override[i].hours.otherwise && hours_fit(&override[i].hours, wall_ms))
            return &override[i];
    for (size_t i = 0; i < count; i++)
        if (!override[i].hours.weekdays || override[i].hours.otherwise)
            return &override[i];
    return NULL;
}

bool price_find(struct price *out, const struct price *override, size_t override_count, struct str vendor,
                struct str model, int64_t wall_ms)
{
    const struct price *own = find_override(override, override_count, wall_ms);
    if (own) {
        *out = *own;
        return true;
    }
    const struct model_row *row = model_price_at(vendor, model, wall_ms);
    if (!row)
        return false;
    *out = (struct price){
        .input = row->input,
        .cached = row->cached,
        .cache_write = row->cache_write,
        .output = row->output,
        .long_over_tokens = row->long_over_tokens,
        .long_input = row->long_input,
        .long_cached = row->long_cached,
        .long_output = row->long_output,
        .audio_hour = row->audio_hour,
        .row = row->row,
        .hours = row->hours,
    };
    return true;
}

/* --- what it costs ---------------------------------------------------------------------------------------------- */

struct rates {
    int64_t input, cached, cache_write, output; /* MODEL_UNKNOWN where there is none */
};

static int64_t known_or(int64_t price, int64_t otherwise)
{
    return price == MODEL_UNKNOWN ? otherwise : price;
}

/* The table has no long price for cache writes. Vendors that have one keep its ratio to the input price (0.125 : 0.1 is
 * 0.625 : 0.5 for claude-haiku-5-5), so that ratio is used. */
static int64_t long_cache_write(const struct price *p)
{
    if (p->cache_write == MODEL_UNKNOWN || p->long_input == MODEL_UNKNOWN || p->input <= 0)
        return p->long_input;
    __int128 scaled = ((__int128)p->cache_write * p->long_input + p->input / 2) / p->input;
    return scaled > INT64_MAX ? MODEL_UNKNOWN : (int64_t)scaled;
}

/* A long tier is for the whole request. What it gives no price for has none, except that cached tokens cost as input. */
static struct rates rates_for(const struct price *p, int64_t input_tokens)
{
    if (p->long_over_tokens > 0 && input_tokens > p->long_over_tokens)
        return (struct rates){
            .input = p->long_input,
            .cached = known_or(p->long_cached, p->long_input),
            .cache_write = long_cache_write(p),
            .output = p->long_output,
        };
    return (struct rates){
        .input = p->input,
        .cached = known_or(p->cached, p->input),
        .cache_write = known_or(p->cache_write, p->input),
        .output = p->output,
    };
}

struct sum {
    __int128 scaled; /* nano-dollars times TOKENS_PER_PRICE; two int64 multiply to less than 2^126 */
    bool unknown;
};

static void sum_add(struct sum *s, int64_t tokens, int64_t price)
{
    if (tokens <= 0)
        return; /* a class without tokens needs no price */
    if (price == MODEL_UNKNOWN || price < 0)
        s->unknown = true;
    else if (tokens > INT64_MAX / 8)
        s->unknown = true; /* four such products might not fit */
    else
        s->scaled += (__int128)tokens * price;
}

static int64_t sum_done(const struct sum *s)
{
    __int128 nusd = (s->scaled + TOKENS_PER_PRICE / 2) / TOKENS_PER_PRICE;
    return s->unknown || nusd > COST_MAX_NUSD ? COST_UNKNOWN : (int64_t)nusd;
}

/* The plain part of the input. Counts that contradict themselves are read so that nothing is counted twice. */
static int64_t plain_input(const struct usage *u)
{
    int64_t cached = u->cached > 0 ? u->cached : 0, written = u->cache_write > 0 ? u->cache_write : 0;
    int64_t rest = u->input > cached ? u->input - cached : 0;
    return rest > written ? rest - written : 0;
}

static int64_t audio_cost(const struct price *p, int64_t audio_ms)
{
    static const __int128 HOUR_MS = 3600000;
    __int128 nusd = ((__int128)p->audio_hour * audio_ms + HOUR_MS / 2) / HOUR_MS;
    return nusd > COST_MAX_NUSD ? COST_UNKNOWN : (int64_t)nusd;
}

int64_t price_cost(const struct price *p, const struct usage *u)
{
    if (u->audio_ms > 0 && p->audio_hour > 0)
        return audio_cost(p, u->audio_ms);
    if (u->audio_ms > 0 && u->input <= 0 && u->output <= 0)
        return COST_UNKNOWN; /* seconds alone, and no price for them */
    struct rates r = rates_for(p, u->input);
    struct sum s = {0};
    sum_add(&s, plain_input(u), r.input);
    sum_add(&s, u->cached, r.cached);
    sum_add(&s, u->cache_write, r.cache_write);
    sum_add(&s, u->output, r.output);
    return sum_done(&s);
}

int64_t price_worst(const struct price *p, int64_t input_tokens, int64_t output_max)
{
    if (output_max < 0)
        return COST_UNKNOWN; /* no bound, no worst case */
    struct rates r = rates_for(p, input_tokens);
    int64_t dearest = r.input;
    if (dearest != MODEL_UNKNOWN && r.cached > dearest)
        dearest = r.cached;
    if (dearest != MODEL_UNKNOWN && r.cache_write > dearest)
        dearest = r.cache_write;
    struct sum s = {0};
    sum_add(&s, input_tokens, dearest);
    sum_add(&s, output_max, r.output);
    return sum_done(&s);
}

int64_t price_worst_audio(const struct price *p, int64_t audio_ms)
{
    enum { TOKENS_PER_SECOND_MAX = 25 }; /* of sound: OpenAI counts 10, others up to 25; speech itself has fewer words */
    if (p->audio_hour > 0)
        return audio_cost(p, audio_ms);
    int64_t tokens = audio_ms / 1000 * TOKENS_PER_SECOND_MAX;
    return price_worst(p, tokens, tokens);
}

/* --- electricity ------------------------------------------------------------------------------------------------ */

int64_t power_cost(int64_t watts, int64_t busy_us, int64_t nusd_kwh)
{
    static const __int128 WATT_US_PER_KWH = (__int128)3600000000000; /* 1,000 W for 3,600,000,000 us */
    assert(watts >= 0 && watts <= INT32_MAX && nusd_kwh >= 0);
    if (busy_us <= 0)
        return 0;
    __int128 energy = (__int128)watts * busy_us; /* W us */
    if (energy > (__int128)INT64_MAX)
        return COST_UNKNOWN; /* megawatt-years: a clock that jumped */
    __int128 nusd = (energy * nusd_kwh + WATT_US_PER_KWH / 2) / WATT_US_PER_KWH;
    return nusd > COST_MAX_NUSD ? COST_UNKNOWN : (int64_t)nusd;
}
