/* sampler_priv.h: the arithmetic under sampler.c: passes over the vocabulary, and selection by keys.
 *
 * The vocabulary is walked in blocks of 64 tokens (one word of a mask). A block's largest logit is kept, so that selecting touches
 * the few blocks that hold something large. A candidate is a key: its logit as an ordered integer, above its id turned round, so
 * that keys differ, and descending order is by logit, then by lower id. */
#pragma once
#include "base/str.h"

enum { BLOCK = 64 };
#define WEIGHT_ONE (1 << 30) /* weight of the likeliest */

struct sampler_room {
    uint32_t vocab, blocks;
    float *work;      /* (blocks * 64) logits as the stages leave them; -INFINITY: out */
    int32_t *block;   /* (blocks) ordered key of the largest logit of each */
    uint32_t *weight; /* (blocks * 64) */
    uint64_t *key;    /* (blocks + blocks * 64) candidates; the first `blocks` are room for choosing a threshold */
};

static inline int32_t order_of(float logit)
{
    int32_t bits;
    memcpy(&bits, &logit, sizeof bits);
    return bits ^ ((bits >> 31) & 0x7fffffff);
}
static inline uint64_t key_of(float logit, uint32_t id)
{
    return (uint64_t)((uint32_t)order_of(logit) ^ 0x80000000u) << 32 | (0xffffffffu - id);
}
static inline uint32_t key_id(uint64_t key)
{
    return 0xffffffffu - (uint32_t)key;
}
static inline float key_logit(uint64_t key)
{
    int32_t order = (int32_t)((uint32_t)(key >> 32) ^ 0x80000000u);
    int32_t bits = order ^ ((order >> 31) & 0x7fffffff);
    float logit;
    memcpy(&logit, &bits, sizeof logit);
    return logit;
}
static inline float order_logit(int32_t order)
{
    return key_logit((uint64_t)((uint32_t)order ^ 0x80000000u) << 32);
}

/* Copies the logits into room->work and fills room->block. False when one is not a finite number. */
bool pass_copy(struct sampler_room *room, const float *logits);
/* The same block's largest, after room->work changed there. */
void pass_block(struct sampler_room *room, uint32_t block);
/* room->weight from room->work, (logit - max) * scale; the sum. */
uint64_t pass_weigh(struct sampler_room *room, float max, float scale);
/* The sum of exp(logit - max) over room->work, in a fixed order. */
double pass_sum(const struct sampler_room *room, float max);
/* One weight, the same as the pass gives. */
uint32_t weigh(float logit, float max, float scale);

/* Candidates into room->key + room->blocks, in no order. The k largest (fewer if fewer are in), or those from `threshold` up. */
size_t select_largest(struct sampler_room *room, size_t k);
size_t select_from(struct sampler_room *room, int32_t threshold);
/* Orders the array so that its first k are its largest. */
void keep_largest(uint64_t *key, size_t count, size_t k);
void sort_descending(uint64_t *key, size_t count); /* for a few */
/* The lowest key of the shortest descending run whose weights reach `need` (all of them if they never do). */
uint64_t cut_at_weight(uint64_t *key, size_t count, uint64_t need, float max);
