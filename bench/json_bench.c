/* json_bench.c: what reading a request body costs: the scan alone, and call_read with the rewrite of the model, at
 * three sizes, beside a memcpy of the same body as a yardstick for the machine. The bodies are chat histories with
 * escapes and some text that is not ASCII. Prints medians over several rounds. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "wire/wire.h"
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 15, ROUND_BYTES = 16 << 20 }; /* per round enough to time, never less than 8 runs */

/* Words, with about one escape in sixty bytes and one character in a hundred that is not ASCII, in an order that no
 * branch predictor learns. */
static int word_append(struct buf *b, struct rng *r)
{
    static const char *const words[] = {"the ",     "scheduler ", "a ",       "picks ", "next ",   "of ",
                                        "queue, ",  "because ",   "it ",      "is ",    "empty; ", "and ",
                                        "returns ", "when ",      "called. ", "for ",   "value "};
    static const char *const rare[] = {"\\n",          "\\n\\n",        "\\\"quoted\\\" ", "\\t",
                                       "gro\xC3\x9F ", "\xE2\x80\x93 ", "caf\xC3\xA9 ",    "\\\\"};

    if (rng_below(r, 10) == 0)
        return buf_append_text(b, rare[rng_below(r, COUNT_OF(rare))]);
    return buf_append_text(b, words[rng_below(r, COUNT_OF(words))]);
}

static void body_make(struct buf *b, size_t bytes)
{
    struct rng r;
    rng_seed(&r, 1);
    int rc = buf_append_text(b, "{\"model\":\"gpt-4o\",\"stream\":true,\"temperature\":0.7,\"messages\":["
                                "{\"role\":\"system\",\"content\":\"Be brief.\"}");
    for (size_t i = 0; rc == 0 && b->len < bytes; i++) {
        rc = buf_append_format(b, ",{\"role\":\"%s\",\"content\":\"", i % 2 ? "assistant" : "user");
        for (uint64_t left = 20 + rng_below(&r, 100); rc == 0 && left > 0; left--)
            rc = word_append(b, &r);
        if (rc == 0)
            rc = buf_append_text(b, "\"}");
    }
    if (rc < 0 || buf_append_text(b, "],\"max_tokens\":800}") < 0) {
        fprintf(stderr, "no memory for the body\n");
        exit(1);
    }
}

static void run_memcpy(struct str body, void *scratch)
{
    memcpy(scratch, body.ptr, body.len);
    __asm__ volatile("" : : "r"(scratch) : "memory");
}

static void run_check(struct str body, void *scratch)
{
    (void)scratch;
    if (json_check(body, NULL) < 0)
        abort();
}

static void run_call(struct str body, void *scratch)
{
    (void)scratch;
    struct arena a = ARENA_INIT(64 * KiB);
    struct call c;
    struct call_rewrite w = {.model = STR("deepseek-flash"), .ask_usage = true};
    struct str piece[2 * JSON_EDITS_MAX + 1];
    if (call_read(&c, WIRE_CHAT, body, &a, NULL) < 0 || call_write(&c, &w, &a, piece) < 3)
        abort();
    arena_fini(&a);
}

static void run_estimate(struct str body, void *scratch)
{
    (void)scratch;
    if (tokens_estimate(body, true) <= 0)
        abort();
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_us(void (*run)(struct str, void *), struct str body, void *scratch)
{
    double us[ROUNDS];
    size_t runs = ROUND_BYTES / body.len;
    runs = runs < 8 ? 8 : runs;
    for (int r = 0; r < ROUNDS; r++) {
        int64_t from = clock_mono_us(clock_system());
        for (size_t i = 0; i < runs; i++)
            run(body, scratch);
        us[r] = (double)(clock_mono_us(clock_system()) - from) / (double)runs;
    }
    qsort(us, ROUNDS, sizeof(us[0]), compare);
    return us[ROUNDS / 2];
}

int main(void)
{
    static const size_t sizes[] = {2300, 50000, 1070000};
    static const struct {
        const char *name;
        void (*run)(struct str, void *);
    } what[] = {{"memcpy", run_memcpy},
                {"json_check", run_check},
                {"call_read + call_write", run_call},
                {"tokens_estimate of the whole body", run_estimate}};

    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        AUTO_BUF struct buf b = BUF_INIT(2 * MiB);
        body_make(&b, sizes[s]);
        void *scratch = mem_alloc(b.len);
        if (!scratch)
            return 1;
        for (size_t i = 0; i < COUNT_OF(what); i++) {
            double us = median_us(what[i].run, buf_str(&b), scratch);
            printf("%8zu bytes  %-34s %9.3f us  %8.0f MB/s\n", b.len, what[i].name, us, (double)b.len / us);
        }
        mem_free(scratch);
    }
    return 0;
}
