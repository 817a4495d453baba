/* sampler_bench.c: what picking a token costs at a vocabulary of 128k: medians over many picks, by option and by how peaked the
 * distribution is, beside a memcpy of the logits as a yardstick for the machine. */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/sampler.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { VOCAB = 128256, PICKS = 201 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_us(struct sampler *s, struct sampler_room *room, const float *logits)
{
    static double us[PICKS];
    static float copy[VOCAB];
    struct sampler_choice choice;
    const struct clock *clock = clock_system();
    for (int i = 0; i < PICKS; i++) {
        int64_t start = clock_mono_us(clock);
        for (int n = 0; n < 4; n++) {
            if (!s)
                memcpy(copy, logits, sizeof copy);
            else if (sampler_pick(s, room, logits, NULL, &choice, NULL) < 0)
                abort();
            __asm__ volatile("" : : "r"(copy) : "memory");
        }
        us[i] = (double)(clock_mono_us(clock) - start) / 4;
    }
    qsort(us, PICKS, sizeof *us, compare);
    return us[PICKS / 2];
}

int main(void)
{
    static float logits[VOCAB];
    static const struct {
        const char *name;
        struct sampler_options o;
    } row[] = {
#define BASE .repeat_penalty = 1
        {"greedy", {BASE, .temperature = 0, .top_p = 1}},
        {"greedy, 20 logprobs", {BASE, .temperature = 0, .top_p = 1, .logprobs = true, .logprobs_top = 20}},
        {"temperature alone", {BASE, .temperature = 0.8f, .top_p = 1}},
        {"top_k 40", {BASE, .temperature = 0.8f, .top_p = 1, .top_k = 40}},
        {"top_k 40, top_p 0.9", {BASE, .temperature = 0.8f, .top_p = 0.9f, .top_k = 40}},
        {"top_p 0.9", {BASE, .temperature = 0.8f, .top_p = 0.9f}},
        {"min_p 0.05", {BASE, .temperature = 0.8f, .top_p = 1, .min_p = 0.05f}},
    };
    struct sampler_room *room;
    if (sampler_room_new(&room, VOCAB, NULL) < 0)
        return 1;
    printf("sampling, %d tokens; room of a thread %zu KiB\n", VOCAB, sampler_room_bytes(room) / 1024);
    for (int flat = 0; flat < 2; flat++) {
        struct rng r;
        rng_seed(&r, 1);
        for (int i = 0; i < VOCAB; i++) {
            float sum = 0;
            for (int k = 0; k < 12; k++)
                sum += (float)rng_below(&r, 1 << 20) / (1 << 20);
            logits[i] = (sum - 6) * (flat ? 1 : 2.5f) + (!flat && i % 10007 == 0 ? 12 : 0);
        }
        printf("%s\n  %-22s %8.1f us\n", flat ? "flat (normal, deviation 1: the nucleus has tens of thousands)" :
               "as a model's (normal, deviation 2.5, and a dozen likely ones)", "memcpy", median_us(NULL, room, logits));
        for (size_t i = 0; i < COUNT_OF(row); i++) {
            struct sampler *s;
            if (sampler_new(&s, VOCAB, &row[i].o, NULL) < 0)
                return 1;
            printf("  %-22s %8.1f us\n", row[i].name, median_us(s, room, logits));
            sampler_free(s);
        }
    }
    sampler_room_free(room);
    return 0;
}
