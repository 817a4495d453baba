/* sampler.h: which token comes next, from the logits of one step.
 *
 * Stages, in llama.cpp's order: logit bias, penalties (repeat over the last repeat_last_n tokens of the text, prompt and answer; then
 * frequency and presence over the last answer_last_n tokens of the answer alone), the mask of a grammar, top_k, top_p, min_p, temperature, draw. top_p and min_p thus look at the distribution before the
 * temperature, top_p at what top_k left. Temperature 0 is greedy: the largest logit after bias, penalties and mask, the lowest id of
 * equal ones.
 *
 * The same seed, options and logits give the same tokens on every machine. Chance is a counter hashed with the seed (integers). Each
 * weight is computed by single IEEE operations in a fixed order (our own exp; no libm, no fused multiply-add: the build switches
 * contraction off) and rounded to 30 bits; sums and draws are of those integers, so that neither vector width nor order matters.
 * A token that is less likely than 2^-30 of the likeliest is never drawn.
 *
 * Log probabilities are those of the model: of the whole vocabulary, before every stage above. They take no part in the pick.
 *
 * A sampler belongs to one sequence, a room to one thread; a pick allocates nothing. Nothing is ever fully sorted.
 * Errors: ERR_INVALID (an option out of range, a logit that is not a finite number, nothing left to choose from), ERR_NOMEM. */
#pragma once
#include "base/err.h"

enum {
    SAMPLER_TOP_MAX = 20,           /* alternatives per token; what the OpenAI API allows */
    SAMPLER_BIAS_MAX = 4096,        /* clients send tens */
    SAMPLER_LAST_MAX = 1 << 20,     /* tokens that penalties look back on: a whole context */
    SAMPLER_VOCAB_MAX = 1 << 21,    /* the largest vocabularies have 2^18 */
};

struct sampler;
struct sampler_room; /* scratch of a pick: 14 bytes per token of the vocabulary */

struct sampler_bias {
    uint32_t token;
    float bias; /* -INFINITY bans the token */
};

struct sampler_options {
    float temperature; /* 0 to 100 */
    uint32_t top_k;    /* 0: all */
    float top_p;       /* 0 to 1; 1: all */
    float min_p;       /* 0 to 1, of the likeliest's probability; 0: all */
    float repeat_penalty; /* over 0, to 10; 1: none */
    float frequency_penalty, presence_penalty; /* -100 to 100 */
    uint32_t repeat_last_n; /* of the text, for repeat_penalty; 0: none */
    uint32_t answer_last_n; /* of the answer, for the other two; 0: none. Each window takes 12 to 20 bytes a token: ask for no more than there may be */
    uint64_t seed;
    const struct sampler_bias *bias; /* copied */
    size_t bias_count;
    bool logprobs;
    uint32_t logprobs_top; /* alternatives wanted beside the pick's own */
};
#define SAMPLER_DEFAULTS \
    ((struct sampler_options){.temperature = 1, .top_p = 1, .repeat_penalty = 1, .repeat_last_n = 64, .answer_last_n = SAMPLER_LAST_MAX})

struct sampler_choice {
    uint32_t token;
    float logprob; /* 0 unless asked for */
    uint32_t top_count;
    struct sampler_top {
        uint32_t token;
        float logprob;
    } top[SAMPLER_TOP_MAX]; /* likeliest first */
};

int sampler_room_new(struct sampler_room **out, uint32_t vocab, struct err *e);
void sampler_room_free(struct sampler_room *room);
size_t sampler_room_bytes(const struct sampler_room *room);

int sampler_new(struct sampler **out, uint32_t vocab, const struct sampler_options *opt, struct err *e);
void sampler_free(struct sampler *s);
/* The text so far, for the penalties: the prompt's tokens, then each pick. */
void sampler_read(struct sampler *s, uint32_t token);
void sampler_accept(struct sampler *s, uint32_t token);
/* `mask` (may be NULL) has a bit per token, low bit first, whole words; tokens without it cannot be picked. */
int sampler_pick(struct sampler *s, struct sampler_room *room, const float *logits, const uint64_t *mask, struct sampler_choice *out,
                 struct err *e);
