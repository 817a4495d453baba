/* test_wire_estimate.c: estimates against real tokenizers. tests/golden/tokens holds texts of our own and, in
 * counts.tsv, what o200k_base and cl100k_base make of them. */
#include "unit/test.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "wire/wire.h"

enum { SAMPLE_MAX = 64 * 1024, TOLERANCE_PERCENT = 25 };

static void sample_read(struct buf *out, struct str name)
{
    char path[200];
    struct err e = {0};
    text_format(path, sizeof path, "tests/golden/tokens/%.*s", STR_FMT(name));
    buf_clear(out);
    if (buf_read_file(out, path, &e))
        test_fail(__FILE__, __LINE__, "%s", e.text);
}

static bool within(int64_t got, int64_t wanted)
{
    int64_t off = got > wanted ? got - wanted : wanted - got;
    return off * 100 <= wanted * TOLERANCE_PERCENT;
}

/* Of these the older tokenizer makes 1.6 to 1.8 times as many tokens as the newer: no estimate is near both. */
static bool tokenizers_disagree(struct str name)
{
    return str_eq(name, STR("russian")) || str_eq(name, STR("korean"));
}

static void check_sample(struct str name, int64_t o200k, int64_t cl100k)
{
    AUTO_BUF struct buf text = BUF_INIT(SAMPLE_MAX);
    char file[80];
    text_format(file, sizeof file, "%.*s.txt", STR_FMT(name));
    sample_read(&text, str_from(file));
    int64_t got = tokens_estimate(buf_str(&text), false);
    if (!within(got, o200k) || (!within(got, cl100k) && !tokenizers_disagree(name)))
        test_fail(__FILE__, __LINE__, "%.*s: estimated %lld, o200k_base %lld, cl100k_base %lld", STR_FMT(name),
                  (long long)got, (long long)o200k, (long long)cl100k);
}

TEST(every_kind_of_text_is_within_a_quarter_of_real_tokenizers)
{
    AUTO_BUF struct buf table = BUF_INIT(SAMPLE_MAX);
    sample_read(&table, STR("counts.tsv"));
    struct str rest = buf_str(&table), line, name, first;
    int seen = 0;
    while (str_cut(&rest, '\n', &line)) {
        int64_t o200k, cl100k;
        if (str_starts(line, STR("#")))
            continue;
        REQUIRE(str_cut(&line, '\t', &name) && str_cut(&line, '\t', &first));
        REQUIRE(str_to_i64(first, &o200k) && str_to_i64(line, &cl100k));
        EXPECT(o200k >= 200);
        check_sample(name, o200k, cl100k);
        seen++;
    }
    EXPECT_I64(seen, 18);
}

/* Every character that is not ASCII as \uXXXX, as many encoders write it. */
static void append_escaped(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len;) {
        const unsigned char *p = (const unsigned char *)text.ptr + i;
        unsigned code;
        if (*p < 0x80) {
            struct json_writer w = JSON_WRITER(out);
            size_t before = out->len;
            json_str(&w, str_of(p, 1));
            memmove(out->ptr + before, out->ptr + before + 1, out->len - before - 2); /* without the quotes */
            out->len -= 2;
            i++;
            continue;
        }
        size_t bytes = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
        code = bytes == 2 ? *p & 0x1fu : bytes == 3 ? *p & 0x0fu : *p & 7u;
        for (size_t k = 1; k < bytes; k++)
            code = code << 6 | (p[k] & 0x3fu);
        if (code < 0x10000)
            EXPECT(buf_append_format(out, "\\u%04x", code) == 0);
        else
            EXPECT(buf_append_format(out, "\\u%04X\\u%04X", 0xd800 + ((code - 0x10000) >> 10),
                                     0xdc00 + ((code - 0x10000) & 0x3ff)) == 0);
        i += bytes;
    }
}

TEST(escapes_do_not_change_an_estimate)
{
    static const char *const files[] = {"c.txt",        "chat.txt",    "chinese.txt", "french.txt", "german.txt",
                                        "japanese.txt", "request.txt", "russian.txt", "shell.txt",  "korean.txt"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        AUTO_BUF struct buf text = BUF_INIT(SAMPLE_MAX);
        AUTO_BUF struct buf escaped = BUF_INIT(10 * SAMPLE_MAX);
        sample_read(&text, str_from(files[i]));
        int64_t plain = tokens_estimate(buf_str(&text), false);
        append_escaped(&escaped, buf_str(&text));
        int64_t got = tokens_estimate(buf_str(&escaped), true);
        if (got > plain + plain / 50 || got < plain - plain / 50)
            test_fail(__FILE__, __LINE__, "%s: %lld escaped, %lld plain", files[i], (long long)got, (long long)plain);
    }
}

TEST(a_backslash_counts_only_when_the_text_is_not_escaped)
{
    EXPECT(tokens_estimate(STR("a\\n\\n\\n\\n"), false) > tokens_estimate(STR("a\\n\\n\\n\\n"), true));
    EXPECT_I64(tokens_estimate(STR("say \\\"yes\\\" now"), true), tokens_estimate(STR("say \"yes\" now"), false));
}

TEST(small_texts_cost_about_what_they_are)
{
    static const struct {
        const char *text;
        int64_t least, most;
    } samples[] = {
        {"", 0, 0},
        {"a", 1, 1},
        {"Hi!", 2, 2},
        {"hello world", 2, 3},
        {"1234567", 3, 4},
        {"\n", 1, 1},
        {"GPT-4o", 3, 6},
        {"don't", 2, 3},
        {"        x", 1, 2},
        {"\xf0\x9f\x98\x80", 1, 2},
        {"OK", 1, 2},
        {"{\"a\":1}", 4, 6},
        {"\xe4\xbd\xa0\xe5\xa5\xbd", 1, 2},
        {"==========", 1, 2},
        {"parseHTTPHeader", 3, 5},
    };
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        int64_t got = tokens_estimate(str_from(samples[i].text), false);
        if (got < samples[i].least || got > samples[i].most)
            test_fail(__FILE__, __LINE__, "\"%s\": %lld", samples[i].text, (long long)got);
    }
    EXPECT_I64(tokens_estimate(STR_NONE, true), 0);
}

/* Bytes that are not UTF-8 and escapes that break off, each in an allocation of its exact size for the sanitizer. */
TEST(torn_and_malformed_bytes_are_counted_and_not_overrun)
{
    static const char *const torn[] = {
        "\\",       "\\u",      "\\u12",    "\\u123",   "\\u12g4",  "\\ud83d", "\\ud83d\\u", "\\ud83d\\ude0",
        "\xc3",     "\xe3",     "\xe3\x81", "\xf0\x9f", "\xff\xfe", "\x80",    "a\xc3",      "\xed\xa0\x80",
        "A",        "AB\xc3",   "1",        " ",        "\t",       "\xef",    "\\t",        "\\n",
        "x\\u00e4", "\\u00e4\\"};
    for (size_t i = 0; i < COUNT_OF(torn); i++) {
        size_t len = strlen(torn[i]);
        char *exact = mem_dup(torn[i], len);
        REQUIRE(exact);
        for (int escaped = 0; escaped < 2; escaped++) {
            int64_t got = tokens_estimate(str_of(exact, len), escaped);
            EXPECT(got >= 0 && got <= 3 * (int64_t)len);
        }
        mem_free(exact);
    }
}

/* A text twice as long costs about twice as much, however monotonous it is. */
TEST(estimates_grow_with_the_text)
{
    static const char *const units[] = {"a",        "A",       "7",  "=",  " ", "\n", "\t", "\xd0\xb6", "\xe4\xb8\xad",
                                        "\xc3\xa9", "\\u00e9", "aB", "a1", ". "};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        AUTO_BUF struct buf text = BUF_INIT(MiB);
        int64_t last = 0;
        for (int n = 0; n < 5; n++) {
            for (int k = 0; k < 2000 << n; k++)
                EXPECT(buf_append_text(&text, units[i]) == 0);
            int64_t got = tokens_estimate(buf_str(&text), true);
            EXPECT(got >= last + 10);
            last = got;
        }
    }
}

/* A megabyte of mixed prose, code and log lines: the samples one after the other, in a different order each time. */
TEST(a_sampled_long_text_is_near_the_sum_of_its_parts)
{
    static const char *const names[] = {"english.txt", "c.txt", "log.txt", "german.txt", "python.txt"};
    AUTO_BUF struct buf all = BUF_INIT(4 * MiB), text = BUF_INIT(SAMPLE_MAX);
    int64_t sum = 0;
    for (size_t round = 0; all.len < MiB; round++) {
        sample_read(&text, str_from(names[(round * round + round / 3) % COUNT_OF(names)]));
        REQUIRE(text.len > 0 && buf_append(&all, buf_str(&text)) == 0);
        sum += tokens_estimate(buf_str(&text), false);
    }
    int64_t got = tokens_estimate(buf_str(&all), false);
    if (got * 100 < sum * 90 || got * 100 > sum * 110)
        test_fail(__FILE__, __LINE__, "sampled %lld, whole %lld", (long long)got, (long long)sum);
}

/* Pieces of every kind of text, each of some length and from somewhere, until there are as many bytes as wanted. */
static size_t pieces_make(struct rng *r, struct str whole, size_t bytes, struct str *piece, size_t max)
{
    size_t count = 0, sum = 0;
    while (count < max && sum < bytes) {
        size_t length = 1 + rng_below(r, 3000), from = rng_below(r, whole.len - length);
        piece[count++] = str_slice(whole, from, from + length);
        sum += length;
    }
    return count;
}

/* 400 conversations of up to 400 KB were within 14 in a hundred, and 3 in the mean. */
TEST(a_sampled_conversation_is_near_the_sum_of_its_texts)
{
    enum { PIECES_MAX = 1000, TRIALS = 60 };
    static const char *const names[] = {"english.txt", "c.txt",       "log.txt",     "python.txt", "shell.txt", "chat.txt",
                                        "german.txt",  "chinese.txt", "request.txt", "table.txt",  "base64.txt"};
    AUTO_BUF struct buf all = BUF_INIT(MiB), text = BUF_INIT(SAMPLE_MAX);
    struct str piece[PIECES_MAX];
    struct rng r;
    int64_t off = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        sample_read(&text, str_from(names[i]));
        REQUIRE(buf_append(&all, buf_str(&text)) == 0);
    }
    rng_seed(&r, 7);
    for (int trial = 0; trial < TRIALS; trial++) {
        size_t count = pieces_make(&r, buf_str(&all), 20000 + 6000 * (size_t)trial, piece, PIECES_MAX);
        struct tokens_count t;
        uint64_t bytes = 0;
        int64_t whole = 0;
        for (size_t i = 0; i < count; i++) {
            bytes += piece[i].len;
            whole += tokens_estimate(piece[i], false);
        }
        tokens_count_init(&t, bytes);
        for (size_t i = 0; i < count; i++)
            tokens_count_add(&t, piece[i], false);
        int64_t got = tokens_count_end(&t);
        EXPECT_I64((int64_t)t.counted, 64 * 128);
        if (got * 100 < whole * 83 || got * 100 > whole * 117)
            test_fail(__FILE__, __LINE__, "trial %d: sampled %lld, whole %lld", trial, (long long)got, (long long)whole);
        off += 1000 * got / whole - 1000;
    }
    EXPECT(off / TRIALS > -20 && off / TRIALS < 30); /* thousandths */
}

/* However many texts there are, what is read of them has a bound, and each is met once. */
TEST(a_hundred_thousand_small_texts_are_sampled_like_one)
{
    enum { COUNT = 100000 };
    struct tokens_count t;
    tokens_count_init(&t, 5 * (uint64_t)COUNT);
    for (int i = 0; i < COUNT; i++)
        tokens_count_add(&t, STR("word "), false);
    EXPECT_I64((int64_t)t.counted, 64 * 128);
    int64_t got = tokens_count_end(&t);
    EXPECT(got > COUNT / 2 && got < 2 * COUNT);
}
