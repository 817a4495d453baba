/* plan_count.c: one window of a plan: what the provider says of it, and what is counted here until it speaks again.
 *
 * A fixed window opens with its first call and ends a span later, all at once; the provider tells when, else it is reckoned
 * from the first call that went through here. Of a sliding one the use falls out again a span after it was made: what went
 * through here is kept in buckets of a twelfth of the span, and the provider's word shrinks as they do.
 *
 * How much of the window a dollar of use at list prices is, is learned from two words with use of ours between them. Use
 * elsewhere makes that look like more; the next word sets it right. */
#include "ledger/plan_priv.h"

enum {
    LEARN_PPM = 20000,       /* words come in hundredths: two of them are enough to measure by */
    SAME_RESET_MS = 600000,  /* two words about one window; its reset is told to the minute */
    CLOCK_SLACK_MS = 90000,  /* a date header is of whole seconds, and may come out of a cache */
};
#define RATE_MAX INT64_C(1000000000000) /* ppm per dollar: a window that a millionth of a dollar fills */
#define NUSD INT64_C(1000000000)

static int64_t add_up(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t scale(int64_t a, int64_t by, int64_t per)
{
    __int128 n = (__int128)a * by / per;
    return n > INT64_MAX ? INT64_MAX : (int64_t)n;
}

/* --- buckets of a sliding window ------------------------------------------------------------------------------------------- */

static int64_t bucket_number(const struct plan_span *s, int64_t wall_ms)
{
    int64_t length = s->span_ms / PLAN_BUCKETS;
    return length > 0 ? wall_ms / length : 0;
}

/* Drops what has fallen out. A clock that steps back moves nothing. */
static void turn_buckets(struct plan_span *s, struct plan_now now)
{
    int64_t number = bucket_number(s, now.wall_ms);
    for (int i = 0; s->bucket_at < number && i < PLAN_BUCKETS; i++)
        s->bucket[++s->bucket_at % PLAN_BUCKETS] = 0;
    if (s->bucket_at < number)
        s->bucket_at = number;
}

static int64_t bucket_sum(const struct plan_span *s)
{
    int64_t sum = 0;
    for (int i = 0; i < PLAN_BUCKETS; i++)
        sum = add_up(sum, s->bucket[i]);
    return sum;
}

/* --- one window ---------------------------------------------------------------------------------------------------------------- */

void plan_span_roll(struct plan_span *s, struct plan_now now)
{
    if (s->sliding)
        turn_buckets(s, now);
    if (!s->reset.wall_ms || plan_left_ms(&s->reset, now))
        return;
    s->reset = (struct plan_moment){0};
    s->reset_estimate = false;
    s->status = PLAN_UNSAID;
    if (s->sliding)
        return; /* its reset is a moment, not the moment */
    s->word = false;
    s->used_ppm = s->used_ppm < 0 ? -1 : 0;
    s->own_nusd = s->anchor_nusd = 0;
    s->anchor_ppm = s->used_ppm;
}

static void told_reset(struct plan_span *s, int64_t reset_ms, int64_t date_ms, struct plan_now now)
{
    int64_t skew = date_ms ? date_ms - now.wall_ms : 0; /* a wrong clock, theirs or ours: what counts is how long from now */
    if (skew > CLOCK_SLACK_MS || skew < -CLOCK_SLACK_MS)
        reset_ms -= skew;
    int64_t left = reset_ms - now.wall_ms, most = s->span_ms ? s->span_ms : PLAN_REST_MAX_MS;
    int64_t before = s->reset.wall_ms && !s->reset_estimate ? plan_left_ms(&s->reset, now) : -1;
    left = left > most ? most : left;
    if (before >= 0 && left > before + SAME_RESET_MS && !s->sliding) { /* another window than the one we knew */
        s->anchor_ppm = -1;
        s->own_nusd = s->anchor_nusd = 0;
    }
    s->reset = left > 0 ? plan_in(left, now) : (struct plan_moment){0};
    s->reset_estimate = false;
}

static void learn(struct plan_span *s, int64_t used_ppm)
{
    bool measured = s->anchor_ppm >= 0 && used_ppm - s->anchor_ppm >= LEARN_PPM && s->anchor_nusd > 0;
    if (measured) {
        int64_t rate = scale(used_ppm - s->anchor_ppm, NUSD, s->anchor_nusd);
        s->rate_ppm = rate < RATE_MAX ? rate : RATE_MAX;
    }
    if (measured || s->anchor_ppm < 0 || used_ppm < s->anchor_ppm) {
        s->anchor_ppm = used_ppm;
        s->anchor_nusd = 0;
    }
}

void plan_span_told(struct plan_span *s, const struct plan_window_signal *w, int64_t date_ms, struct plan_now now)
{
    if (w->span_ms)
        s->span_ms = w->span_ms;
    s->sliding = s->sliding || w->sliding;
    s->seen_ms = now.wall_ms;
    if (w->status != PLAN_UNSAID)
        s->status = w->status;
    if (w->reset_ms)
        told_reset(s, w->reset_ms, date_ms, now);
    if (w->used_ppm < 0)
        return;
    if (w->status == PLAN_UNSAID && w->used_ppm < PLAN_PPM && s->status == PLAN_REJECTED)
        s->status = PLAN_UNSAID;
    learn(s, w->used_ppm);
    s->used_ppm = w->used_ppm;
    s->word = true;
    s->own_nusd = 0;
    if (s->sliding) {
        turn_buckets(s, now);
        s->seen_nusd = bucket_sum(s);
    }
}

void plan_span_count(struct plan_span *s, int64_t nusd, struct plan_now now)
{
    s->own_nusd = add_up(s->own_nusd, nusd);
    s->anchor_nusd = add_up(s->anchor_nusd, nusd);
    if (s->sliding) {
        turn_buckets(s, now);
        int64_t *newest = &s->bucket[s->bucket_at % PLAN_BUCKETS];
        *newest = add_up(*newest, nusd);
    } else if (!s->reset.wall_ms && s->span_ms) {
        s->reset = plan_in(s->span_ms, now);
        s->reset_estimate = true;
    }
}

/* What is left of the provider's word: it falls out as our own use of that time does, or evenly if none was ours. */
static int64_t remaining_ppm(const struct plan_span *s, struct plan_now now)
{
    int64_t since = now.wall_ms - s->seen_ms;
    if (s->seen_nusd <= 0)
        return since <= 0 || !s->span_ms ? s->used_ppm : since >= s->span_ms ? 0 : scale(s->used_ppm, s->span_ms - since, s->span_ms);
    int64_t old = bucket_sum(s) - s->own_nusd;
    old = old < 0 ? 0 : old > s->seen_nusd ? s->seen_nusd : old;
    return scale(s->used_ppm, old, s->seen_nusd);
}

int64_t plan_span_used_ppm(const struct plan_span *s, struct plan_now now, bool *estimate)
{
    int64_t added = scale(s->own_nusd, s->rate_ppm, NUSD);
    *estimate = !s->word || added > 0;
    if (s->used_ppm < 0)
        return s->rate_ppm ? (added < PLAN_PPM ? added : PLAN_PPM) : -1;
    int64_t word = s->used_ppm;
    if (s->sliding && s->word) {
        word = remaining_ppm(s, now);
        *estimate = *estimate || word != s->used_ppm;
    }
    int64_t sum = add_up(word, added);
    return sum <= PLAN_PPM || word > PLAN_PPM ? (word > PLAN_PPM ? word : sum) : PLAN_PPM; /* full by our count is no more than full */
}
