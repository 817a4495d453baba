/* kernels.c: how fast each level multiplies, by type and number of columns: integer operations (a multiplication and an addition are
 * two) and bytes of weights in a second of one thread's own time, so that other programs disturb it little.
 *
 *   build/bench_kernels [TYPE...] */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/kernels/kernels.h"
#include <stdio.h>
#include <time.h>

enum { K = 2048, ROWS = 512, SECONDS_MIN_MS = 150 };

static double thread_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct work {
    struct act x;
    uint8_t *w;
    size_t row_bytes;
    float *y;
    void *scratch;
};

static void *take(size_t bytes)
{
    return mem_zalloc_aligned(64, bytes + 64); /* a benchmark: out of memory is the end of it */
}

static void work_init(struct work *k, const struct quant_info *q, size_t n)
{
    struct rng r;
    rng_seed(&r, 1);
    float *row = take(K * sizeof *row);
    k->row_bytes = quant_row_bytes(q, K);
    k->w = take(k->row_bytes * ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < K; j++)
            row[j] = (float)rng_below(&r, 2001) / 1000.0f - 1;
        q->encode(row, k->w + i * k->row_bytes, K);
    }
    mem_free(row);
    k->x = (struct act){.k = K, .n = n, .f = take(n * K * 4), .q = take(n * K), .d = take(n * K / 8), .sum16 = take(n * K / 8), .sum32 = take(n * K / 16)};
    for (size_t i = 0; i < n * K; i++)
        k->x.f[i] = (float)rng_below(&r, 2001) / 1000.0f - 1;
    k->y = take(n * ROWS * 4);
    k->scratch = take(MATMUL_SCRATCH_BYTES);
}

static void work_fini(struct work *k)
{
    void *all[] = {k->w, k->x.f, k->x.q, k->x.d, k->x.sum16, k->x.sum32, k->y, k->scratch};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        mem_free(all[i]);
}

static double seconds_of(const struct kernels *level, uint32_t type, struct work *k)
{
    struct matmul m = {k->w, k->row_bytes, &k->x, k->y, ROWS};
    double best = 1e9;
    for (double spent = 0; spent < SECONDS_MIN_MS / 1000.0;) {
        double t = thread_seconds();
        level->matmul[type](&m, 0, ROWS, k->scratch);
        t = thread_seconds() - t;
        spent += t;
        best = t < best ? t : best;
    }
    return best;
}

static void measure(const struct kernels *level, uint32_t type, size_t n)
{
    const struct quant_info *q = quant_info(type);
    struct work k;
    work_init(&k, q, n);
    enum act_form form = kernels_form(type);
    for (size_t c = 0; c < n && form != ACT_FLOAT; c++)
        level->quantise(form, k.x.f + c * K, K, k.x.q + c * K, k.x.d + c * (K / act_block(form)), k.x.sum16 + c * (K / 16), k.x.sum32 + c * (K / 32));
    double s = seconds_of(level, type, &k);
    printf("%-6s %-7s %4zu columns  %7.1f GOP/s  %6.2f GB/s of weights\n", level->name, q->name, n, 2.0 * K * ROWS * (double)n / s / 1e9,
           (double)(k.row_bytes * ROWS) / s / 1e9);
    work_fini(&k);
}

int main(int argc, char **argv)
{
    static const uint32_t types[] = {QUANT_Q4_K, QUANT_Q6_K, QUANT_Q8_0, QUANT_Q4_0, QUANT_Q5_0, QUANT_F16};
    static const size_t columns[] = {1, 2, 4, 8, 64, 256};
    const struct kernels *level = kernels_pick(NULL);
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        bool wanted = argc < 2;
        for (int i = 1; i < argc; i++)
            wanted = wanted || quant_named(str_from(argv[i])) == types[t];
        for (size_t c = 0; c < COUNT_OF(columns) && wanted; c++)
            measure(level, types[t], columns[c]);
    }
    return 0;
}
