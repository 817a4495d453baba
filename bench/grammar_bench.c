/* grammar_bench.c: what the masks of a form cost at a vocabulary of 128k made-up tokens: words with and without a blank before them,
 * characters of three bytes, punctuation with quotes and brackets, numbers. Prints the tree's size, then per place in an answer the
 * first mask there and a second one (remembered), and the mean over answers that are written by masks. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/grammar.h"
#include <stdio.h>
#include <stdlib.h>

enum { VOCAB = 128256, TEXT_MAX = VOCAB * 24 };
static struct str piece[VOCAB];
static char text[TEXT_MAX];

static struct str get_piece(const void *ctx, uint32_t id)
{
    (void)ctx;
    return piece[id];
}
static bool is_end(const void *ctx, uint32_t id)
{
    (void)ctx;
    return id == VOCAB - 1;
}

static size_t make_piece(char *out, struct rng *r, uint32_t i)
{
    static const char *const syllable[] = {"an", "er", "in", "tion", "re", "st", "al", "o", "e", "con", "ing", "pro", "ly", "un", "sch", "ter", "ed", "ma", "li", "s"};
    static const char marks[] = "\"\"\"{}[]:,.;()-_/\\ \n=<>'";
    size_t len = 0;
    if (i % 100 < 80) {
        if (i % 2)
            out[len++] = ' ';
        for (uint64_t k = 1 + rng_below(r, 4); k > 0; k--) {
            const char *s = syllable[rng_below(r, COUNT_OF(syllable))];
            memcpy(out + len, s, strlen(s));
            len += strlen(s);
        }
        if (i % 3 == 0)
            out[len++] = (char)('a' + rng_below(r, 26));
    } else if (i % 100 < 90) {
        for (uint64_t k = 1 + rng_below(r, 3); k > 0; k--) {
            out[len++] = (char)(0xE4 + rng_below(r, 5));
            out[len++] = (char)(0x80 + rng_below(r, 64));
            out[len++] = (char)(0x80 + rng_below(r, 64));
        }
    } else if (i % 100 < 97) {
        for (uint64_t k = 2 + rng_below(r, 3); k > 0; k--)
            out[len++] = marks[rng_below(r, sizeof marks - 1)];
    } else {
        for (uint64_t k = 1 + rng_below(r, 3); k > 0; k--)
            out[len++] = (char)('0' + rng_below(r, 10));
    }
    return len;
}

static double us_since(int64_t start)
{
    return (double)(clock_mono_us(clock_system()) - start);
}

static void place(struct grammar_vocab *v, const char *schema, const char *before, const char *name)
{
    static uint64_t mask[(VOCAB + 63) / 64];
    struct grammar *g;
    struct grammar_run *run;
    double first = 1e9, again = 1e9;
    uint32_t allowed = 0;
    struct err e = {0};
    if ((schema ? grammar_schema(&g, str_from(schema), &e) : grammar_any_object(&g, &e)) < 0) {
        printf("%s\n", e.text);
        exit(1);
    }
    for (int i = 0; i < 9; i++) {
        if (grammar_run_new(&run, g, v, NULL) < 0 || grammar_advance(run, str_from(before), NULL) < 0)
            exit(1);
        int64_t start = clock_mono_us(clock_system());
        if (grammar_mask(run, mask, NULL) < 0)
            exit(1);
        double us = us_since(start);
        first = us < first ? us : first;
        start = clock_mono_us(clock_system());
        for (int k = 0; k < 10; k++)
            (void)grammar_mask(run, mask, NULL);
        us = us_since(start) / 10;
        again = us < again ? us : again;
        grammar_run_free(run);
    }
    for (size_t i = 0; i < COUNT_OF(mask); i++)
        allowed += (uint32_t)__builtin_popcountll(mask[i]);
    printf("  %-46s %8.1f us first %8.1f us again %8u tokens allowed\n", name, first, again, allowed);
    grammar_free(g);
}

/* Answers of random tokens; those that close something become likelier with time. */
static void answers(struct grammar_vocab *v, const char *schema, const char *name)
{
    static uint64_t mask[(VOCAB + 63) / 64];
    struct grammar *g;
    struct grammar_run *run;
    struct rng r;
    double total = 0, worst = 0;
    int steps = 0, slow = 0;
    rng_seed(&r, 5);
    if ((schema ? grammar_schema(&g, str_from(schema), NULL) : grammar_any_object(&g, NULL)) < 0 || grammar_run_new(&run, g, v, NULL) < 0)
        exit(1);
    for (int i = 0; i < 40; i++) {
        grammar_run_restart(run);
        for (int step = 0; step < 150; step++) {
            int64_t start = clock_mono_us(clock_system());
            if (grammar_mask(run, mask, NULL) < 0)
                exit(1);
            double us = us_since(start);
            total += us;
            worst = us > worst ? us : worst;
            slow += us > 300;
            steps++;
            uint32_t id = 0, wanted = step > 100 ? '"' : 0;
            uint32_t closing = mask['}' / 64] >> '}' % 64 & 1 ? '}' : mask[']' / 64] >> ']' % 64 & 1 ? ']' : 0;
            wanted = step > 100 && closing ? closing : wanted;
            if (wanted && (mask[wanted / 64] >> wanted % 64 & 1)) {
                id = wanted;
            } else {
                id = (uint32_t)rng_below(&r, VOCAB);
                while (!(mask[id / 64] >> id % 64 & 1))
                    id = (id + 1) % VOCAB;
            }
            if (id == VOCAB - 1)
                break;
            if (grammar_advance(run, piece[id], NULL) < 0)
                exit(1);
        }
    }
    printf("  %-46s %8.1f us mean %8.1f us worst, %d of %d over 300 us; run %zu KiB\n", name, total / steps, worst, slow, steps,
           grammar_run_bytes(run) / 1024);
    grammar_run_free(run);
    grammar_free(g);
}

int main(void)
{
    static const char *const person =
        "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":80},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":150},"
        "\"born\":{\"type\":\"string\",\"format\":\"date\"},\"kind\":{\"enum\":[\"friend\",\"colleague\",\"other\"]},"
        "\"notes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}},\"required\":[\"name\",\"age\",\"kind\"]}";
    struct grammar_pieces p = {.count = VOCAB, .piece = get_piece, .is_end = is_end};
    struct grammar_vocab *v;
    struct rng r;
    size_t used = 0;

    rng_seed(&r, 1);
    for (uint32_t i = 0; i < VOCAB; i++) {
        size_t len = 1;
        if (i < 256)
            text[used] = (char)i;
        else
            len = make_piece(text + used, &r, i);
        piece[i] = str_of(text + used, len);
        used += len;
    }
    int64_t start = clock_mono_us(clock_system());
    if (grammar_vocab_new(&v, &p, NULL) < 0)
        return 1;
    printf("masks, %d tokens of %zu KiB; their trees: %zu KiB, made in %.0f ms\n", VOCAB, used / 1024, grammar_vocab_bytes(v) / 1024,
           us_since(start) / 1000);
    place(v, NULL, "", "JSON mode: the beginning");
    place(v, NULL, "{", "JSON mode: before a name");
    place(v, NULL, "{\"a", "JSON mode: in a string");
    place(v, NULL, "{\"a\":", "JSON mode: before a value");
    place(v, NULL, "{\"a\":1", "JSON mode: in a number");
    place(v, person, "{\"name\":\"ab", "schema: in a string of at most 80");
    place(v, person, "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123456789012345", "schema: four characters before its end");
    place(v, person, "{\"name\":\"\",\"age\":1", "schema: in a bounded number");
    place(v, person, "{\"name\":\"\",\"age\":1,\"born\":\"20", "schema: in a date");
    place(v, person, "{\"name\":\"\",\"age\":1,\"kind\":\"", "schema: in an enum");
    place(v, "{\"type\":\"string\",\"pattern\":\"^[a-z ]+$\"}", "\"a", "schema: in ^[a-z ]+$");
    place(v, "{\"type\":\"object\",\"properties\":{\"a\":{}},\"additionalProperties\":true}", "{\"x", "schema: in another name");
    answers(v, NULL, "JSON mode: answers");
    answers(v, person, "schema: answers");
    grammar_vocab_free(v);
    return 0;
}
