/* test_tokenizer_compose.c: Unicode's form NFC: cases of each rule of the standard, bytes that are no text, and what of it a family's
 * tokens show. Beside these, the whole conformance test of Unicode 15.0 was run over it once. */
#include "engine/tokenizer_priv.h"
#include "test.h"
#include "tokenizer_kit.h"
#include <time.h>

static void expect_composed(const char *text, const char *want)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    EXPECT(unicode_compose(str_from(text), &out) == 0);
    EXPECT_STR(buf_str(&out), want);
}

TEST(letters_and_their_marks_become_one_character_where_there_is_one)
{
    expect_composed("", "");
    expect_composed("plain ASCII, and caf\u00E9", "plain ASCII, and caf\u00E9");
    expect_composed("cafe\u0301 e\u0301", "caf\u00E9 \u00E9");
    expect_composed("\u00E9\u0301", "\u00E9\u0301");
    expect_composed("e\u0302\u0301", "\u1EBF");       /* two marks, one after the other */
    expect_composed("\u1EB9\u0302", "\u1EC7");       /* the mark below stood first already */
    expect_composed("q\u0307\u0323", "q\u0323\u0307"); /* nothing to compose, but an order to keep */
    expect_composed("d\u0307\u0323", "\u1E0D\u0307"); /* the mark below goes first, and into the letter */
    expect_composed("a\u0300\u0301", "\u00E0\u0301"); /* of one class: the second is blocked */
    expect_composed("\u0301a", "\u0301a");
    expect_composed("\u0301\u0323", "\u0323\u0301");
}

TEST(what_is_composed_otherwise_is_taken_apart_first)
{
    expect_composed("\u212B\u2126\u212A", "\u00C5\u03A9K");
    expect_composed("\u0374\u0387", "\u02B9\u00B7");
    expect_composed("\u0958", "\u0915\u093C"); /* never composed again */
    expect_composed("\u2ADC", "\u2ADD\u0338");
    expect_composed("\uF900\U0002F81A", "\u8C48\u51AC");
    expect_composed("\u0344", "\u0308\u0301");
    expect_composed("\u0F73", "\u0F71\u0F72");
    expect_composed("\u0F73\u0F73", "\u0F71\u0F71\u0F72\u0F72"); /* no mark by its class, but made of marks */
}

TEST(what_is_no_mark_may_still_be_joined)
{
    expect_composed("\u1112\u1161\u11AB\u1100\u1173\u11AF", "\uD55C\uAE00");
    expect_composed("\uD558\u11AB", "\uD55C");
    expect_composed("\uD55C\u11AB", "\uD55C\u11AB"); /* it has its end */
    expect_composed("\u1112a\u1161", "\u1112a\u1161");
    expect_composed("\u0B47\u0B3E", "\u0B4B");
    expect_composed("\u0B47\u0323\u0B3E", "\u0B47\u0323\u0B3E"); /* what has no class does not pass a mark */
    expect_composed("\U00011131\U00011127", "\U0001112E");
}

TEST(bytes_that_are_no_text_stay_what_they_are)
{
    expect_composed("e\xFF\u0301", "e\xFF\u0301");
    expect_composed("\x80\xE2\x96 \xCC", "\x80\xE2\x96 \xCC");
    expect_composed("\xC3\x81\xA9\u0301", "\u00C1\xA9\u0301");
    expect_composed("\xED\xA0\x80\u0301", "\xED\xA0\x80\u0301");
    expect_composed("\xF4\x90\x80\x80\u0301", "\xF4\x90\x80\x80\u0301");
}

static double cpu_seconds(void)
{
    struct timespec t;
    EXPECT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

TEST(a_megabyte_of_marks_is_no_trouble)
{
    enum { SECONDS_MAX = 20 };
    static const char *const units[] = {"\u0301", "\u0323\u0301", "\u0301\u0323", "e\u0301", "\u1112\u1161\u11AB", "\u0F73", "\uAC01", "\xCC", "\u00E9"};
    double begin = cpu_seconds();
    for (size_t u = 0; u < COUNT_OF(units); u++) {
        AUTO_BUF struct buf text = BUF_INIT(2 * MiB), once = BUF_INIT(4 * MiB), twice = BUF_INIT(4 * MiB);
        while (text.len < 1 * MiB)
            REQUIRE(buf_append_text(&text, units[u]) == 0);
        EXPECT(unicode_compose(buf_str(&text), &once) == 0);
        EXPECT(unicode_compose(buf_str(&once), &twice) == 0);
        if (once.len == 0 || !str_eq(buf_str(&once), buf_str(&twice)))
            test_fail(__FILE__, __LINE__, "unit %zu: %zu bytes, then %zu, then %zu", u, text.len, once.len, twice.len);
    }
    EXPECT(cpu_seconds() - begin < SECONDS_MAX);
}

TEST(a_full_buffer_is_an_error)
{
    static const char *const texts[] = {"plain", "e\u0301e\u0301e\u0301", "\xFF\xFF\xFF\xFF\xFF", "e\u0301plain"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        AUTO_BUF struct buf out = BUF_INIT(3);
        EXPECT_I64(unicode_compose(str_from(texts[i]), &out), ERR_LIMIT);
    }
}

/* Only the tokenizers whose library does it: Qwen's. */
TEST(qwen_reads_what_is_written_in_parts_as_one_character)
{
    static const struct {
        const char *pre;
        size_t tokens;
    } families[] = {{"qwen2", 1}, {"qwen35", 1}, {"llama-bpe", 3}, {"deepseek-r1-qwen", 3}};
    static char names[256][4];
    struct str text[257];
    for (unsigned b = 0; b < 256; b++)
        text[b] = vocab_byte(b, names[b]);
    text[256] = STR("\u00C3\u00A9"); /* the two bytes of é in the alphabet of such files */
    const struct str merges[] = {STR("\u00C3 \u00A9")};
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        struct vocab v = VOCAB_INIT;
        AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(16);
        vocab_text(&v, "tokenizer.ggml.model", STR("gpt2"));
        vocab_text(&v, "tokenizer.ggml.pre", str_from(families[i].pre));
        vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
        vocab_texts(&v, "tokenizer.ggml.merges", merges, 1);
        REQUIRE(vocab_open(&v) == 0);
        EXPECT(tokenizer_encode(v.tokenizer, STR("e\u0301"), 0, &got, NULL) == 0);
        if (got.count != families[i].tokens)
            test_fail(__FILE__, __LINE__, "%s: %zu tokens", families[i].pre, got.count);
        EXPECT(got.count > 1 || got.id[0] == 256);
        vocab_fini(&v);
    }
}
