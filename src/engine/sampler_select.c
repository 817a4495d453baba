/* sampler_select.c: the largest of many, without sorting them; see sampler_priv.h. */
#include "engine/sampler_priv.h"
#include <math.h>

enum { FEW = 24 }; /* from here down, insertion is the quickest */

static void swap(uint64_t *a, uint64_t *b)
{
    uint64_t t = *a;
    *a = *b;
    *b = t;
}

static void insertion(uint64_t *key, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t k = key[i];
        size_t j = i;
        for (; j > 0 && key[j - 1] < k; j--)
            key[j] = key[j - 1];
        key[j] = k;
    }
}

/* Splits around a middle one: key[0 .. result) are larger than all that follow; 0 < result < count. Keys differ. */
static size_t split(uint64_t *key, size_t count)
{
    uint64_t a = key[0], b = key[count / 2], c = key[count - 1];
    uint64_t pivot = a > b ? (b > c ? b : a > c ? c : a) : (a > c ? a : b > c ? c : b);
    size_t i = 0, j = count - 1;

    for (;;) { /* the pivot is among them and is neither the largest nor the smallest of three: both runs stop */
        while (key[i] > pivot)
            i++;
        while (key[j] < pivot)
            j--;
        if (i >= j)
            return i;
        swap(&key[i], &key[j]);
        if (key[i] > pivot)
            i++;
        if (key[j] < pivot)
            j--;
    }
}

void keep_largest(uint64_t *key, size_t count, size_t k)
{
    while (k > 0 && k < count) {
        if (count <= FEW) {
            insertion(key, count);
            return;
        }
        size_t at = split(key, count);
        if (k < at) {
            count = at;
        } else {
            key += at;
            count -= at;
            k -= at;
        }
    }
}

void sort_descending(uint64_t *key, size_t count)
{
    while (count > FEW) { /* the shorter side by recursion: depth stays logarithmic */
        size_t at = split(key, count);
        if (at < count - at) {
            sort_descending(key, at);
            key += at;
            count -= at;
        } else {
            sort_descending(key + at, count - at);
            count = at;
        }
    }
    insertion(key, count);
}

uint64_t cut_at_weight(uint64_t *key, size_t count, uint64_t need, float max)
{
    while (count > FEW) {
        size_t at = split(key, count);
        uint64_t sum = 0;
        for (size_t i = 0; i < at; i++)
            sum += weigh(key_logit(key[i]), max, 1);
        if (sum >= need) {
            count = at;
        } else {
            need -= sum;
            key += at;
            count -= at;
        }
    }
    insertion(key, count);
    size_t i = 0;
    for (uint64_t sum = 0; i + 1 < count; i++) {
        sum += weigh(key_logit(key[i]), max, 1);
        if (sum >= need)
            break;
    }
    return key[i];
}

size_t select_from(struct sampler_room *room, int32_t threshold)
{
    uint64_t *out = room->key + room->blocks;
    size_t count = 0;
    int32_t none = order_of(-INFINITY);

    if (threshold <= none)
        threshold = none + 1;
    for (uint32_t b = 0; b < room->blocks; b++) {
        if (room->block[b] < threshold)
            continue;
        for (uint32_t i = b * BLOCK; i < (b + 1) * BLOCK; i++) {
            out[count] = key_of(room->work[i], i); /* kept if it belongs, else written over */
            count += order_of(room->work[i]) >= threshold;
        }
    }
    return count;
}

size_t select_largest(struct sampler_room *room, size_t k)
{
    int32_t threshold = INT32_MIN;

    if (k < room->blocks) { /* k blocks have a logit of at least the k-th largest of the blocks' largest */
        for (uint32_t b = 0; b < room->blocks; b++)
            room->key[b] = key_of(order_logit(room->block[b]), b);
        keep_largest(room->key, room->blocks, k);
        uint64_t least = room->key[0];
        for (size_t i = 1; i < k; i++)
            least = room->key[i] < least ? room->key[i] : least;
        threshold = order_of(key_logit(least));
    }
    size_t count = select_from(room, threshold);
    keep_largest(room->key + room->blocks, count, k);
    return count < k ? count : k;
}
