/* sampler.c: the stages between the logits of a step and its token; see sampler.h for their order and why it is reproducible. */
#include "engine/sampler.h"
#include "base/mem.h"
#include "engine/sampler_priv.h"
#include <assert.h>
#include <math.h>

enum { NUCLEUS_FIRST = 256 /* top_p looks among so many first; in text it nearly always ends there */ };

struct seen {
    uint32_t token, count; /* count 0: free */
};

/* The last tokens, and how often each stands among them: open addressing, removal by shifting back. Twice as many places as tokens. */
struct window {
    uint32_t *last; /* ring (last_max); owned; NULL: there is no such window */
    uint32_t last_max, last_count, last_next;
    struct seen *seen; /* (seen_mask + 1), owned */
    uint32_t seen_mask;
};

struct sampler {
    struct sampler_options opt; /* `bias` owned */
    uint32_t vocab;
    uint64_t draws;
    struct window text;   /* of prompt and answer, for the repeat penalty */
    struct window answer; /* for frequency and presence */
};

int sampler_room_new(struct sampler_room **out, uint32_t vocab, struct err *e)
{
    if (vocab == 0 || vocab > SAMPLER_VOCAB_MAX)
        return err_set(e, ERR_INVALID, "a vocabulary of %u tokens cannot be sampled from (1 to %u)", vocab, SAMPLER_VOCAB_MAX);
    struct sampler_room *room = new0(struct sampler_room);
    if (!room)
        return err_set(e, ERR_NOMEM, "no memory for sampling");
    room->vocab = vocab;
    room->blocks = (vocab + BLOCK - 1) / BLOCK;
    size_t all = (size_t)room->blocks * BLOCK;
    room->work = new0_array(float, all);
    room->block = new0_array(int32_t, room->blocks);
    room->weight = new0_array(uint32_t, all);
    room->key = new0_array(uint64_t, room->blocks + all);
    if (!room->work || !room->block || !room->weight || !room->key) {
        sampler_room_free(room);
        return err_set(e, ERR_NOMEM, "no memory for sampling from %u tokens", vocab);
    }
    *out = room;
    return 0;
}

void sampler_room_free(struct sampler_room *room)
{
    if (!room)
        return;
    mem_free(room->work);
    mem_free(room->block);
    mem_free(room->weight);
    mem_free(room->key);
    mem_free(room);
}

size_t sampler_room_bytes(const struct sampler_room *room)
{
    size_t all = (size_t)room->blocks * BLOCK;
    return sizeof *room + all * (sizeof(float) + sizeof(uint32_t) + sizeof(uint64_t)) +
           room->blocks * (sizeof(int32_t) + sizeof(uint64_t));
}

/* --- options ------------------------------------------------------------------------------------------------------- */

static int in_range(const char *name, float value, float min, float max, struct err *e)
{
    if (value >= min && value <= max)
        return 0;
    return err_set(e, ERR_INVALID, "%s must be a number from %g to %g, not %g", name, (double)min, (double)max, (double)value);
}

static int options_check(const struct sampler_options *o, uint32_t vocab, struct err *e)
{
    int rc = in_range("temperature", o->temperature, 0, 100, e);

    rc = rc < 0 ? rc : in_range("top_p", o->top_p, 0, 1, e);
    rc = rc < 0 ? rc : in_range("min_p", o->min_p, 0, 1, e);
    rc = rc < 0 ? rc : in_range("repeat_penalty", o->repeat_penalty, 1e-3f, 10, e);
    rc = rc < 0 ? rc : in_range("frequency_penalty", o->frequency_penalty, -100, 100, e);
    rc = rc < 0 ? rc : in_range("presence_penalty", o->presence_penalty, -100, 100, e);
    if (rc < 0)
        return rc;
    if (o->repeat_last_n > SAMPLER_LAST_MAX || o->answer_last_n > SAMPLER_LAST_MAX)
        return err_set(e, ERR_INVALID, "repeat_last_n is at most %u, not %u", SAMPLER_LAST_MAX,
                       o->repeat_last_n > SAMPLER_LAST_MAX ? o->repeat_last_n : o->answer_last_n);
    if (o->logprobs_top > SAMPLER_TOP_MAX)
        return err_set(e, ERR_INVALID, "top_logprobs is at most %u, not %u", SAMPLER_TOP_MAX, o->logprobs_top);
    if (o->bias_count > SAMPLER_BIAS_MAX)
        return err_set(e, ERR_INVALID, "logit_bias has at most %u tokens, not %zu", SAMPLER_BIAS_MAX, o->bias_count);
    for (size_t i = 0; i < o->bias_count; i++) {
        const struct sampler_bias *b = &o->bias[i];
        if (b->token >= vocab)
            return err_set(e, ERR_INVALID, "logit_bias names token %u; the vocabulary has %u", b->token, vocab);
        if (!(b->bias <= 1e6f && (b->bias >= -1e6f || b->bias == -INFINITY)))
            return err_set(e, ERR_INVALID, "the logit_bias of token %u is %g", b->token, (double)b->bias);
    }
    return 0;
}

static bool window_init(struct window *w, uint32_t max)
{
    w->last_max = max;
    w->seen_mask = 1;
    while (w->seen_mask < 2 * max)
        w->seen_mask = w->seen_mask * 2 + 1;
    w->last = new0_array(uint32_t, max);
    w->seen = new0_array(struct seen, (size_t)w->seen_mask + 1);
    return w->last && w->seen;
}

static void window_fini(struct window *w)
{
    mem_free(w->last);
    mem_free(w->seen);
}

int sampler_new(struct sampler **out, uint32_t vocab, const struct sampler_options *opt, struct err *e)
{
    int rc = options_check(opt, vocab, e);
    if (rc < 0)
        return rc;
    struct sampler *s = new0(struct sampler);
    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a sampler");
    s->opt = *opt;
    s->opt.bias = NULL;
    s->vocab = vocab;
    bool fine = true;
    if (opt->bias_count) {
        s->opt.bias = mem_dup(opt->bias, opt->bias_count * sizeof *opt->bias);
        fine = s->opt.bias;
    }
    if (opt->repeat_last_n && opt->repeat_penalty != 1)
        fine = fine && window_init(&s->text, opt->repeat_last_n);
    if (opt->answer_last_n && (opt->frequency_penalty != 0 || opt->presence_penalty != 0))
        fine = fine && window_init(&s->answer, opt->answer_last_n);
    if (!fine) {
        sampler_free(s);
        return err_set(e, ERR_NOMEM, "no memory for a sampler");
    }
    *out = s;
    return 0;
}

void sampler_free(struct sampler *s)
{
    if (!s)
        return;
    mem_free((void *)(uintptr_t)s->opt.bias);
    window_fini(&s->text);
    window_fini(&s->answer);
    mem_free(s);
}

/* --- penalties ----------------------------------------------------------------------------------------------------- */

static uint32_t seen_home(const struct window *w, uint32_t token)
{
    return (token * 2654435769u >> 7) & w->seen_mask;
}

static uint32_t seen_find(const struct window *w, uint32_t token) /* its place, or the free one where it would go */
{
    uint32_t at = seen_home(w, token);
    while (w->seen[at].count && w->seen[at].token != token)
        at = (at + 1) & w->seen_mask;
    return at;
}

static void seen_drop(struct window *w, uint32_t token)
{
    uint32_t hole = seen_find(w, token);
    if (--w->seen[hole].count)
        return;
    for (uint32_t at = (hole + 1) & w->seen_mask; w->seen[at].count; at = (at + 1) & w->seen_mask) {
        uint32_t home = seen_home(w, w->seen[at].token);
        if (((at - home) & w->seen_mask) < ((at - hole) & w->seen_mask))
            continue; /* its run begins after the hole */
        w->seen[hole] = w->seen[at];
        w->seen[at].count = 0;
        hole = at;
    }
}

static void window_add(struct window *w, uint32_t token)
{
    if (!w->last)
        return;
    if (w->last_count == w->last_max)
        seen_drop(w, w->last[w->last_next]);
    else
        w->last_count++;
    w->last[w->last_next] = token;
    w->last_next = w->last_next + 1 == w->last_max ? 0 : w->last_next + 1;
    uint32_t at = seen_find(w, token);
    w->seen[at].token = token;
    w->seen[at].count++;
}

void sampler_read(struct sampler *s, uint32_t token)
{
    assert(token < s->vocab);
    window_add(&s->text, token);
}

void sampler_accept(struct sampler *s, uint32_t token)
{
    sampler_read(s, token);
    window_add(&s->answer, token);
}

typedef float penalty_fn(const struct sampler_options *o, float logit, uint32_t count);

static float repeated(const struct sampler_options *o, float logit, uint32_t count)
{
    (void)count;
    return logit <= 0 ? logit * o->repeat_penalty : logit / o->repeat_penalty;
}

static float said(const struct sampler_options *o, float logit, uint32_t count)
{
    float off = (float)count * o->frequency_penalty;
    off = off + o->presence_penalty;
    return logit - off;
}

static void penalise_one(const struct sampler *s, struct sampler_room *room, const struct seen *seen, penalty_fn *fn)
{
    room->work[seen->token] = fn(&s->opt, room->work[seen->token], seen->count);
    pass_block(room, seen->token / BLOCK);
}

/* Each token of the window once: where it stands last. */
static void penalise(const struct sampler *s, struct sampler_room *room, const struct window *w, penalty_fn *fn)
{
    if (!w->last)
        return;
    if ((uint64_t)w->last_count * w->last_count / 2 > w->seen_mask) { /* looking for twins takes longer than going through the table */
        for (uint32_t i = 0; i <= w->seen_mask; i++) {
            if (w->seen[i].count)
                penalise_one(s, room, &w->seen[i], fn);
        }
        return;
    }
    for (uint32_t i = 0; i < w->last_count; i++) {
        const struct seen *seen = &w->seen[seen_find(w, w->last[i])];
        bool before = false;
        for (uint32_t j = 0; j < i && !before; j++)
            before = w->last[j] == w->last[i];
        if (!before)
            penalise_one(s, room, seen, fn);
    }
}

/* --- the mask ------------------------------------------------------------------------------------------------------- */

static void mask_apply(struct sampler_room *room, const uint64_t *mask)
{
    for (uint32_t b = 0; b < room->blocks; b++) {
        float *work = room->work + (size_t)b * BLOCK;
        uint64_t out = ~mask[b];
        if (out == 0)
            continue;
        if (out == ~(uint64_t)0) {
            for (uint32_t i = 0; i < BLOCK; i++)
                work[i] = -INFINITY;
            room->block[b] = order_of(-INFINITY);
            continue;
        }
        for (; out; out &= out - 1)
            work[__builtin_ctzll(out)] = -INFINITY;
        pass_block(room, b);
    }
}

/* --- picking -------------------------------------------------------------------------------------------------------- */

static uint32_t best_block(const struct sampler_room *room)
{
    uint32_t best = 0;
    for (uint32_t b = 1; b < room->blocks; b++)
        best = room->block[b] > room->block[best] ? b : best;
    return best;
}

static uint32_t pick_greedy(const struct sampler_room *room)
{
    uint32_t b = best_block(room), i = b * BLOCK;
    while (order_of(room->work[i]) != room->block[b])
        i++;
    return i;
}

/* A counter through the finaliser of SplitMix64: number `draws` of the sequence that the seed names. */
static uint64_t chance(struct sampler *s)
{
    uint64_t z = s->opt.seed + 0x9e3779b97f4a7c15u * ++s->draws;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t draw(struct sampler *s, uint64_t sum) /* 0 to sum - 1 */
{
    return (uint64_t)((unsigned __int128)chance(s) * sum >> 64);
}

static uint32_t draw_all(struct sampler *s, struct sampler_room *room, float max)
{
    uint64_t at = draw(s, pass_weigh(room, max, 1 / s->opt.temperature));
    uint32_t i = 0;

    while (at >= room->weight[i])
        at -= room->weight[i++];
    return i;
}

static uint32_t draw_keys(struct sampler *s, struct sampler_room *room, size_t count, float max)
{
    const uint64_t *key = room->key + room->blocks;
    uint64_t sum = 0;
    size_t i = 0;

    for (i = 0; i < count; i++)
        sum += room->weight[i] = weigh(key_logit(key[i]), max, 1 / s->opt.temperature);
    uint64_t at = draw(s, sum);
    for (i = 0; at >= room->weight[i]; i++)
        at -= room->weight[i];
    return key_id(key[i]);
}

/* p of a sum of weights, at least one. 24 bits of p are all it has. */
static uint64_t share(uint64_t sum, float p)
{
    uint64_t need = (uint64_t)((unsigned __int128)sum * (uint64_t)((double)p * (1 << 24)) >> 24);
    return need ? need : 1;
}

/* Sorts the keys and returns how many of them reach `need`. */
static size_t cut_sorted(uint64_t *key, size_t count, uint64_t need, float max)
{
    uint64_t sum = 0;

    sort_descending(key, count);
    for (size_t i = 0; i < count; i++) {
        sum += weigh(key_logit(key[i]), max, 1);
        if (sum >= need)
            return i + 1;
    }
    return count;
}

/* Of a flat distribution: a histogram of the logits finds the narrow band where the nucleus ends; only that band is split further.
 * Takes out of room->work what is below. room->weight holds the weights. */
static void nucleus_flat(struct sampler_room *room, uint64_t need, float max)
{
    enum { BANDS = 1024, PER_UNIT = 64 }; /* down to 16 below the largest; the last band has the rest */
    uint64_t band[BANDS] = {0}, *key = room->key + room->blocks;
    uint32_t all = room->blocks * BLOCK;

    for (uint32_t i = 0; i < all; i++) {
        float down = (max - room->work[i]) * PER_UNIT;
        band[down < BANDS - 1 ? (int)down : BANDS - 1] += room->weight[i];
    }
    int last = 0;
    for (; last < BANDS - 1 && band[last] < need; last++)
        need -= band[last];
    size_t count = 0;
    for (uint32_t i = 0; i < all; i++) {
        float down = (max - room->work[i]) * PER_UNIT;
        key[count] = key_of(room->work[i], i);
        count += (down < BANDS - 1 ? (int)down : BANDS - 1) == last && room->work[i] > -INFINITY;
    }
    uint64_t least = count ? cut_at_weight(key, count, need, max) : 0;
    for (uint32_t b = 0; b < room->blocks; b++) {
        for (uint32_t i = b * BLOCK; i < (b + 1) * BLOCK; i++) {
            float logit = room->work[i];
            room->work[i] = key_of(logit, i) < least ? -INFINITY : logit; /* no branch: half of them go */
        }
        pass_block(room, b);
    }
}

/* Leaves the nucleus among the keys (its size is returned), or, when it is large, in room->work (and returns 0). */
static size_t nucleus(struct sampler_room *room, float p, float max)
{
    uint64_t need = share(pass_weigh(room, max, 1), p), sum = 0, *key = room->key + room->blocks;
    size_t count = select_largest(room, NUCLEUS_FIRST);

    for (size_t i = 0; i < count; i++)
        sum += weigh(key_logit(key[i]), max, 1);
    if (sum >= need)
        return cut_sorted(key, count, need, max);
    nucleus_flat(room, need, max);
    return 0;
}

static size_t filter_min_p(uint64_t *key, size_t count, float min_p, float max)
{
    uint32_t least = (uint32_t)((double)min_p * WEIGHT_ONE);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (weigh(key_logit(key[i]), max, 1) >= least)
            key[kept++] = key[i];
    }
    return kept;
}

static uint32_t pick_random(struct sampler *s, struct sampler_room *room)
{
    const struct sampler_options *o = &s->opt;
    float max = order_logit(room->block[best_block(room)]);
    uint64_t *key = room->key + room->blocks;
    size_t count = 0; /* of the keys; 0: what is in is in room->work */

    if (o->top_k > 0 && o->top_k < s->vocab) {
        count = select_largest(room, o->top_k);
        if (o->top_p < 1) {
            uint64_t sum = 0;
            for (size_t i = 0; i < count; i++)
                sum += weigh(key_logit(key[i]), max, 1);
            count = cut_sorted(key, count, share(sum, o->top_p), max);
        }
    } else if (o->top_p < 1) {
        count = nucleus(room, o->top_p, max);
    }
    if (o->min_p > 0) {
        if (count == 0) /* by a threshold that is surely low enough, then exactly */
            count = select_from(room, order_of(max + logf(o->min_p) - 0.01f));
        count = filter_min_p(key, count, o->min_p, max);
    }
    return count ? draw_keys(s, room, count, max) : draw_all(s, room, max);
}

/* Takes the likeliest before any stage changes them; the sum of all is *total. */
static void look(const struct sampler *s, struct sampler_room *room, struct sampler_choice *out, float *max, double *total)
{
    uint64_t *key = room->key + room->blocks;

    *max = order_logit(room->block[best_block(room)]);
    *total = pass_sum(room, *max);
    if (s->opt.logprobs_top == 0)
        return;
    size_t count = select_largest(room, s->opt.logprobs_top);
    sort_descending(key, count);
    out->top_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        out->top[i] = (struct sampler_top){key_id(key[i]), (float)((double)key_logit(key[i]) - (double)*max - log(*total))};
}

static int refuse_logits(const struct sampler *s, const float *logits, struct err *e)
{
    uint32_t i = 0;
    while (i < s->vocab && isfinite(logits[i]))
        i++;
    return err_set(e, ERR_INVALID,
                   "the model computed %g as the logit of token %u, which is no number to choose by: its weights or its file are broken",
                   (double)logits[i], i);
}

int sampler_pick(struct sampler *s, struct sampler_room *room, const float *logits, const uint64_t *mask, struct sampler_choice *out,
                 struct err *e)
{
    struct sampler_choice choice = {0};
    float max = 0;
    double total = 1;

    assert(room->vocab == s->vocab);
    if (!pass_copy(room, logits))
        return refuse_logits(s, logits, e);
    if (s->opt.logprobs)
        look(s, room, &choice, &max, &total);
    for (size_t i = 0; i < s->opt.bias_count; i++) {
        room->work[s->opt.bias[i].token] += s->opt.bias[i].bias;
        pass_block(room, s->opt.bias[i].token / BLOCK);
    }
    penalise(s, room, &s->text, repeated);
    penalise(s, room, &s->answer, said);
    if (mask)
        mask_apply(room, mask);
    if (room->block[best_block(room)] <= order_of(-INFINITY))
        return err_set(e, ERR_INVALID, "no token is left to choose from: %s", mask ? "none that the form allows is in the vocabulary, "
                       "or logit_bias bans them all" : "logit_bias bans them all");
    choice.token = s->opt.temperature < 1e-6f || s->opt.top_k == 1 ? pick_greedy(room) : pick_random(s, room);
    if (s->opt.logprobs)
        choice.logprob = (float)((double)logits[choice.token] - (double)max - log(total));
    *out = choice;
    return 0;
}
