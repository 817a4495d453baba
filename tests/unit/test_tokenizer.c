/* test_tokenizer.c: vocabularies against the published algorithms: plain quadratic versions stand below and are held against made-up
 * vocabularies, contradictory ones too; and what goes in must come out again, whatever bytes it is. What the original libraries make of
 * texts is in test_tokenizer_golden.c. It is one piece because all of it shares these vocabularies. */
#include "base/arena.h"
#include "base/clock.h"
#include "cli_kit.h"
#include "engine/tokenizer_priv.h"
#include "test.h"
#include "tokenizer_kit.h"
#include "work_kit.h"
#include <math.h>

enum { TOKENS_MAX = 4 << 20 };

/* --- plain versions, for made-up vocabularies ------------------------------------------------------------------------------------- */

enum { PLAIN_TOKENS_MAX = 400, PLAIN_MERGES_MAX = 60, PLAIN_TEXT_MAX = 24 };

struct plain { /* a vocabulary, and a text on its way through it */
    struct str token[PLAIN_TOKENS_MAX], merge[PLAIN_MERGES_MAX];
    float score[PLAIN_TOKENS_MAX];
    int tokens, merges;
    struct str part[4 * PLAIN_TEXT_MAX];
    int parts;
    struct arena memory;
    struct rng r;
};

static int plain_find(const struct plain *p, struct str text)
{
    for (int i = 0; i < p->tokens; i++)
        if (str_eq(p->token[i], text))
            return i;
    return -1;
}

static struct str joined(struct plain *p, struct str a, struct str b, const char *between)
{
    return str_from(arena_format(&p->memory, "%.*s%s%.*s", STR_FMT(a), between, STR_FMT(b)));
}

static struct str random_token(struct plain *p, const char *const *letters, size_t count)
{
    struct str s = STR("");
    for (uint64_t n = 1 + rng_below(&p->r, 3); n; n--)
        s = joined(p, s, str_from(letters[rng_below(&p->r, count)]), "");
    return s;
}

static void join_parts(struct plain *p, int at)
{
    p->part[at] = joined(p, p->part[at], p->part[at + 1], "");
    p->parts--;
    memmove(&p->part[at + 1], &p->part[at + 2], (size_t)(p->parts - at - 1) * sizeof p->part[0]);
}

/* The pair of lowest rank, the leftmost of equals, again and again. */
static void plain_bpe(struct plain *p)
{
    for (;;) {
        int best = -1, best_rank = INT32_MAX;
        for (int i = 0; i + 1 < p->parts; i++)
            for (int m = 0; m < p->merges && m < best_rank; m++)
                if (str_eq(joined(p, p->part[i], p->part[i + 1], " "), p->merge[m]))
                    best = i, best_rank = m;
        if (best < 0)
            return;
        join_parts(p, best);
    }
}

static void plain_spm(struct plain *p)
{
    for (;;) {
        int best = -1;
        float best_score = 0;
        for (int i = 0; i + 1 < p->parts; i++) {
            int t = plain_find(p, joined(p, p->part[i], p->part[i + 1], ""));
            if (t >= 0 && (best < 0 || p->score[t] > best_score))
                best = i, best_score = p->score[t];
        }
        if (best < 0)
            return;
        join_parts(p, best);
    }
}

static void compare(const char *what, struct str text, const struct token_list *got, const int *want, int count)
{
    bool same = got->count == (size_t)count;
    for (int i = 0; i < count && same; i++)
        same = got->id[i] == want[i];
    if (!same)
        test_fail(__FILE__, __LINE__, "%s: \"%.*s\" differs from the plain version: %zu tokens, expected %d", what, STR_FMT(text), got->count, count);
}

static const char *const letters[] = {"a", "b", "c", "d", "\xC3\xA9"};

static struct str random_word(struct plain *p)
{
    struct str s = STR("");
    for (uint64_t n = 1 + rng_below(&p->r, PLAIN_TEXT_MAX - 1); n; n--)
        s = joined(p, s, str_from(letters[rng_below(&p->r, rng_below(&p->r, 2) ? 2 : COUNT_OF(letters))]), "");
    return s;
}

/* Merges name tokens that are not there, the same pair twice, and results that nobody has. */
static void make_bpe(struct plain *p)
{
    static const char *const shown[] = {"a", "b", "c", "d", "\xC3\x83", "\xC2\xA9"}; /* é is two bytes: C3 A9 */
    static char bytes[256][4];
    for (unsigned b = 0; b < 256; b++)
        p->token[p->tokens++] = vocab_byte(b, bytes[b]);
    for (uint64_t n = rng_below(&p->r, 40); n; n--)
        p->token[p->tokens++] = random_token(p, shown, COUNT_OF(shown));
    for (uint64_t n = rng_below(&p->r, PLAIN_MERGES_MAX); n; n--) {
        uint64_t longer = rng_below(&p->r, 2);
        struct str a = longer ? random_token(p, shown, COUNT_OF(shown)) : str_from(shown[rng_below(&p->r, COUNT_OF(shown))]);
        struct str b = str_from(shown[rng_below(&p->r, COUNT_OF(shown))]);
        p->merge[p->merges++] = joined(p, a, b, " ");
    }
}

static void check_plain_bpe(struct plain *p, const struct tokenizer *t, bool whole_first)
{
    struct str word = random_word(p);
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    int want[8 * PLAIN_TEXT_MAX], count = 0;
    static char bytes[2 * PLAIN_TEXT_MAX][4];
    p->parts = 0;
    struct str whole = STR("");
    for (size_t i = 0; i < word.len; i++) {
        p->part[p->parts++] = vocab_byte((unsigned char)word.ptr[i], bytes[i]);
        whole = joined(p, whole, p->part[p->parts - 1], "");
    }
    int at_once = whole_first ? plain_find(p, whole) : -1;
    if (at_once >= 0)
        p->part[0] = whole, p->parts = 1;
    else
        plain_bpe(p);
    for (int i = 0; i < p->parts; i++) {
        int id = plain_find(p, p->part[i]);
        if (id >= 0)
            want[count++] = id;
        else /* a merge made what is no token: each character of it is one */
            for (size_t at = 0; at < p->part[i].len;) {
                unsigned len = str_utf8_length(str_skip(p->part[i], at));
                want[count++] = plain_find(p, str_slice(p->part[i], at, at + len));
                at += len;
            }
    }
    EXPECT(tokenizer_encode(t, word, 0, &got, NULL) == 0);
    compare(whole_first ? "llama-bpe" : "gpt-2", word, &got, want, count);
}

TEST(byte_level_bpe_of_made_up_vocabularies_is_that_of_the_plain_version)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct plain p = {.memory = ARENA_INIT(256 * MiB)};
        struct vocab v = VOCAB_INIT;
        bool whole_first = seed % 2;
        rng_seed(&p.r, seed);
        make_bpe(&p);
        vocab_text(&v, "tokenizer.ggml.model", STR("gpt2"));
        vocab_text(&v, "tokenizer.ggml.pre", whole_first ? STR("llama-bpe") : STR("gpt-2"));
        vocab_texts(&v, "tokenizer.ggml.tokens", p.token, (size_t)p.tokens);
        vocab_texts(&v, "tokenizer.ggml.merges", p.merge, (size_t)p.merges);
        REQUIRE(vocab_open(&v) == 0);
        for (int i = 0; i < 12; i++)
            check_plain_bpe(&p, v.tokenizer, whole_first);
        vocab_fini(&v);
        arena_fini(&p.memory);
    }
}

static void make_spm(struct plain *p)
{
    static const char *const pieces[] = {"a", "b", "c", "\xE2\x96\x81"};
    static char names[256][8];
    p->token[p->tokens++] = STR("<unk>");
    for (unsigned b = 0; b < 256; b++)
        p->token[p->tokens++] = str_of(names[b], text_format(names[b], sizeof names[b], "<0x%02X>", b));
    for (uint64_t n = rng_below(&p->r, 60); n; n--) {
        p->score[p->tokens] = (float)rng_below(&p->r, 20) - 10; /* many are equal */
        p->token[p->tokens] = random_token(p, pieces, COUNT_OF(pieces));
        p->tokens += plain_find(p, p->token[p->tokens]) < 0;
    }
}

static void check_plain_spm(struct plain *p, const struct tokenizer *t)
{
    struct str word = random_word(p), spaced = STR("");
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    int want[8 * PLAIN_TEXT_MAX], count = 0;
    p->part[0] = STR("\xE2\x96\x81");
    p->parts = 1;
    for (size_t at = 0; at < word.len;) { /* d stands for a blank */
        unsigned len = str_utf8_length(str_skip(word, at));
        struct str c = str_slice(word, at, at + len);
        bool blank = str_eq(c, STR("d"));
        p->part[p->parts++] = blank ? STR("\xE2\x96\x81") : c;
        spaced = joined(p, spaced, blank ? STR(" ") : c, "");
        at += len;
    }
    plain_spm(p);
    for (int i = 0; i < p->parts; i++) {
        int id = plain_find(p, p->part[i]);
        if (id >= 0)
            want[count++] = id;
        else
            for (size_t at = 0; at < p->part[i].len; at++)
                want[count++] = 1 + (unsigned char)p->part[i].ptr[at];
    }
    EXPECT(tokenizer_encode(t, spaced, 0, &got, NULL) == 0);
    compare("spm", spaced, &got, want, count);
}

TEST(sentencepiece_bpe_of_made_up_vocabularies_is_that_of_the_plain_version)
{
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct plain p = {.memory = ARENA_INIT(256 * MiB)};
        struct vocab v = VOCAB_INIT;
        rng_seed(&p.r, seed);
        make_spm(&p);
        vocab_text(&v, "tokenizer.ggml.model", STR("llama"));
        vocab_texts(&v, "tokenizer.ggml.tokens", p.token, (size_t)p.tokens);
        vocab_f32s(&v, "tokenizer.ggml.scores", p.score, (size_t)p.tokens);
        REQUIRE(vocab_open(&v) == 0);
        for (int i = 0; i < 12; i++)
            check_plain_spm(&p, v.tokenizer);
        vocab_fini(&v);
        arena_fini(&p.memory);
    }
}

/* --- what goes in comes out --------------------------------------------------------------------------------------------------------- */

static void open_bytes(struct vocab *v, bool spm)
{
    static char names[256][8];
    struct str text[262];
    int32_t type[262];
    size_t n = 0;
    for (unsigned b = 0; b < 256; b++, n++) {
        text[n] = spm ? str_of(names[b], text_format(names[b], 8, "<0x%02X>", b)) : vocab_byte(b, names[b]);
        type[n] = spm ? TOKEN_BYTE : TOKEN_NORMAL;
    }
    static const char *const more[2][6] = {{"he", "ll", "hell", "\xC4\xA0h", "<s>", "</s>"},
                                           {"he", "ll", "\xE2\x96\x81h", "\xE2\x96\x81", "<s>", "</s>"}};
    for (size_t i = 0; i < 6; i++, n++) {
        text[n] = str_from(more[spm][i]);
        type[n] = i < 4 ? TOKEN_NORMAL : TOKEN_CONTROL;
    }
    const struct str merges[] = {STR("h e"), STR("l l"), STR("he ll"), STR("\xC4\xA0 h")};
    vocab_text(v, "tokenizer.ggml.model", spm ? STR("llama") : STR("gpt2"));
    vocab_text(v, "tokenizer.ggml.pre", STR("deepseek-r1-qwen")); /* qwen2 brings texts into another form */
    vocab_texts(v, "tokenizer.ggml.tokens", text, n);
    vocab_i32s(v, "tokenizer.ggml.token_type", type, n);
    vocab_texts(v, "tokenizer.ggml.merges", merges, COUNT_OF(merges));
    vocab_u32(v, "tokenizer.ggml.bos_token_id", 260);
    vocab_u32(v, "tokenizer.ggml.eos_token_id", 261);
    if (vocab_open(v) < 0)
        test_fail(__FILE__, __LINE__, "%s", v->e.text);
}

/* Every byte of the text again, in order, but for the blank that SPM puts in front. */
static void check_round_trip(const struct vocab *v, struct str text, bool spm)
{
    AUTO_TOKENS struct token_list tokens = TOKEN_LIST_INIT(TOKENS_MAX);
    AUTO_BUF struct buf raw = BUF_INIT(8 * MiB), shown = BUF_INIT(8 * MiB);
    struct detokenizer d;
    EXPECT(tokenizer_encode(v->tokenizer, text, 0, &tokens, NULL) == 0);
    detokenizer_init(&d, v->tokenizer, DETOKENIZE_START);
    for (size_t i = 0; i < tokens.count; i++) {
        EXPECT(buf_append(&raw, tokenizer_piece(v->tokenizer, tokens.id[i])) == 0);
        EXPECT(detokenizer_push(&d, tokens.id[i], &shown) == 0);
    }
    EXPECT(detokenizer_finish(&d, &shown) == 0);
    struct str got = str_skip(buf_str(&raw), spm && text.len);
    if (!str_eq(got, text))
        test_fail(__FILE__, __LINE__, "%zu bytes came back as %zu others", text.len, got.len);
    bool valid = true;
    for (size_t at = 0; at < text.len && valid; at += str_utf8_length(str_skip(text, at)))
        valid = str_utf8_length(str_skip(text, at)) > 0;
    if (valid)
        EXPECT(str_eq(buf_str(&shown), text));
    for (size_t at = 0; at < shown.len;) {
        unsigned len = str_utf8_length(str_skip(buf_str(&shown), at));
        REQUIRE(len > 0);
        at += len;
    }
}

static void round_trips(bool spm)
{
    struct vocab v = VOCAB_INIT;
    open_bytes(&v, spm);
    static const char *const texts[] = {"", " ", "  ", "hello", " hello  hell ", "\xF0\x9F\x98\x80 caf\xC3\xA9", "\xFF\xFE", "\x80\x80",
                                        "\xE2\x96", "a\xED\xA0\x80z", "\xC0\xAF", "\xF4\x90\x80\x80", "\r\n\t \n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        check_round_trip(&v, str_from(texts[i]), spm);
    check_round_trip(&v, STR("nul\0nul\0"), spm);
    struct rng r;
    rng_seed(&r, 11);
    for (int round = 0; round < 2000; round++) {
        char bytes[40];
        size_t len = rng_below(&r, sizeof bytes);
        for (size_t i = 0; i < len; i++)
            bytes[i] = round % 2 ? (char)rng_next(&r) : "hel \xC3\xA9\xE2\x82\xAC"[rng_below(&r, 9)];
        check_round_trip(&v, str_of(bytes, len), spm);
    }
    AUTO_BUF struct buf planes = BUF_INIT(1 * MiB); /* a character of every 101st code point, in every plane */
    for (uint32_t cp = 1; cp < 0x110000; cp += 101)
        if (cp < 0xD800 || cp > 0xDFFF) {
            char c[4];
            EXPECT(buf_append(&planes, str_of(c, str_utf8_put(cp, c))) == 0);
        }
    check_round_trip(&v, buf_str(&planes), spm);
    vocab_fini(&v);
}

TEST(bpe_gives_back_whatever_bytes_it_was_given)
{
    round_trips(false);
}

TEST(spm_gives_back_whatever_bytes_it_was_given)
{
    round_trips(true);
}

/* --- streams -------------------------------------------------------------------------------------------------------------------- */

static void check_stream(const char *bytes, const char *const *after_each, const char *after_all)
{
    struct vocab v = VOCAB_INIT;
    open_bytes(&v, false);
    AUTO_BUF struct buf out = BUF_INIT(1 * KiB);
    struct detokenizer d;
    detokenizer_init(&d, v.tokenizer, 0);
    for (size_t i = 0; bytes[i]; i++) {
        buf_clear(&out);
        EXPECT(detokenizer_push(&d, (unsigned char)bytes[i], &out) == 0);
        EXPECT_STR(buf_str(&out), after_each[i]);
    }
    buf_clear(&out);
    EXPECT(detokenizer_finish(&d, &out) == 0);
    EXPECT_STR(buf_str(&out), after_all);
    vocab_fini(&v);
}

#define LOST "\xEF\xBF\xBD"

TEST(a_stream_holds_back_half_a_character)
{
    check_stream("a\xF0\x9F\x98\x80z", (const char *[]){"a", "", "", "", "\xF0\x9F\x98\x80", "z"}, "");
    check_stream("\xE2\x82\xAC\xC3\xA9", (const char *[]){"", "", "\xE2\x82\xAC", "", "\xC3\xA9"}, "");
}

TEST(a_stream_gives_up_bytes_that_cannot_become_a_character)
{
    check_stream("\x80" "a", (const char *[]){LOST, "a"}, "");
    check_stream("\xE2\x82" "a", (const char *[]){"", "", LOST "a"}, "");
    check_stream("\xF0\x9F\xC3\xA9", (const char *[]){"", "", LOST, "\xC3\xA9"}, "");
    check_stream("\xED\xA0\x80", (const char *[]){"", LOST LOST, LOST}, "");
    check_stream("\xC0\xFF", (const char *[]){LOST, LOST}, "");
    check_stream("\xF4\x90", (const char *[]){"", LOST LOST}, "");
    check_stream("x\xE2\x82", (const char *[]){"x", "", ""}, LOST);
}

TEST(a_full_buffer_leaves_the_stream_as_it_was)
{
    struct vocab v = VOCAB_INIT;
    open_bytes(&v, false);
    AUTO_BUF struct buf small = BUF_INIT(3), large = BUF_INIT(100);
    struct detokenizer d;
    detokenizer_init(&d, v.tokenizer, 0);
    EXPECT(detokenizer_push(&d, 'a', &small) == 0);
    EXPECT(detokenizer_push(&d, 0xE2, &small) == 0);
    EXPECT_I64(detokenizer_push(&d, 258, &small), ERR_LIMIT); /* what is held breaks, and "hell" follows */
    EXPECT_STR(buf_str(&small), "a");
    EXPECT(detokenizer_push(&d, 258, &large) == 0);
    EXPECT_STR(buf_str(&large), LOST "hell");
    vocab_fini(&v);
}

TEST(control_tokens_are_shown_only_when_asked_for)
{
    struct vocab v = VOCAB_INIT;
    open_bytes(&v, false);
    AUTO_BUF struct buf out = BUF_INIT(1 * KiB);
    struct detokenizer d;
    for (int shown = 0; shown < 2; shown++) {
        detokenizer_init(&d, v.tokenizer, shown ? DETOKENIZE_SPECIAL : 0);
        buf_clear(&out);
        EXPECT(detokenizer_push(&d, 260, &out) == 0 && detokenizer_push(&d, 'x', &out) == 0 && detokenizer_push(&d, 99999, &out) == 0);
        EXPECT_STR(buf_str(&out), shown ? "<s>x" : "x");
    }
    vocab_fini(&v);
}

/* --- special tokens, ends ------------------------------------------------------------------------------------------------------------ */

struct special {
    const char *text;
    int32_t type;
};

static void open_special(struct vocab *v, const struct special *more, size_t count, bool bos)
{
    static char names[256][4];
    static struct str text[256 + 6000];
    static int32_t type[256 + 6000];
    for (unsigned b = 0; b < 256; b++) {
        text[b] = vocab_byte(b, names[b]);
        type[b] = TOKEN_NORMAL;
    }
    for (size_t i = 0; i < count; i++) {
        text[256 + i] = str_from(more[i].text);
        type[256 + i] = more[i].type;
    }
    vocab_text(v, "tokenizer.ggml.model", STR("gpt2"));
    vocab_text(v, "tokenizer.ggml.pre", STR("qwen2"));
    vocab_texts(v, "tokenizer.ggml.tokens", text, 256 + count);
    vocab_i32s(v, "tokenizer.ggml.token_type", type, 256 + count);
    vocab_u32(v, "tokenizer.ggml.bos_token_id", 256);
    vocab_u32(v, "tokenizer.ggml.eos_token_id", 257);
    if (bos)
        vocab_bool(v, "tokenizer.ggml.add_bos_token", true);
}

/* Token 256 and up as A, B, …; a byte as itself. */
static void expect_tokens(const struct vocab *v, const char *text, unsigned flags, const char *want)
{
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    AUTO_BUF struct buf out = BUF_INIT(1 * KiB);
    EXPECT(tokenizer_encode(v->tokenizer, str_from(text), flags, &got, NULL) == 0);
    for (size_t i = 0; i < got.count; i++)
        EXPECT(buf_append_char(&out, (char)(got.id[i] < 256 ? got.id[i] : 'A' + got.id[i] - 256)) == 0);
    EXPECT_STR(buf_str(&out), want);
}

TEST(special_tokens_are_split_off_longest_first_and_control_ones_only_when_asked)
{
    static const struct special more[] = {{"<s>", TOKEN_CONTROL}, {"</s>", TOKEN_CONTROL}, {"xy", TOKEN_USER}, {"yzw", TOKEN_USER},
                                          {"xyxy", TOKEN_USER}, {"<unk>", TOKEN_UNKNOWN}, {"", TOKEN_USER}, {"xy", TOKEN_USER}};
    struct vocab v = VOCAB_INIT;
    open_special(&v, more, COUNT_OF(more), true);
    REQUIRE(vocab_open(&v) == 0);
    expect_tokens(&v, "a<s>b</s>c", 0, "a<s>b</s>c");
    expect_tokens(&v, "a<s>b</s>c<unk>", TOKENIZE_SPECIAL, "aAbBcF");
    expect_tokens(&v, "axyb", 0, "aCb");
    expect_tokens(&v, "xyxyxy", 0, "EC");
    expect_tokens(&v, "xyzw", 0, "xD"); /* the longer one goes first, though it begins later */
    expect_tokens(&v, "xy xyxz", TOKENIZE_ENDS, "AC Cxz");
    expect_tokens(&v, "", TOKENIZE_ENDS | TOKENIZE_SPECIAL, "A");
    expect_tokens(&v, "<s>", TOKENIZE_ENDS | TOKENIZE_SPECIAL, "AA"); /* the template's own: its writer asks tokenizer_adds_bos */
    EXPECT(tokenizer_adds_bos(v.tokenizer));
    vocab_fini(&v);
}

TEST(a_file_may_ask_for_its_separator)
{
    static const struct special more[] = {{"<s>", TOKEN_CONTROL}, {"</s>", TOKEN_CONTROL}};
    for (int asks = 0; asks <= 1; asks++) {
        struct vocab v = VOCAB_INIT;
        open_special(&v, more, COUNT_OF(more), true);
        vocab_u32(&v, "tokenizer.ggml.seperator_token_id", 257);
        vocab_bool(&v, "tokenizer.ggml.add_eos_token", false);
        vocab_bool(&v, "tokenizer.ggml.add_sep_token", asks);
        REQUIRE(vocab_open(&v) == 0);
        expect_tokens(&v, "a", TOKENIZE_ENDS, asks ? "AaB" : "Aa");
        vocab_fini(&v);
    }
}

/* Where no token stands between pieces, their texts are one; a control token's name in what somebody wrote stays text. */
TEST(pieces_are_one_text_and_only_some_may_hold_control_tokens)
{
    static const struct special more[] = {{"<s>", TOKEN_CONTROL}, {"</s>", TOKEN_CONTROL}, {"xy", TOKEN_USER}};
    static const struct tokenizer_part parts[] = {{{"<s>a", 4}, true}, {{"x", 1}, false}, {{"</s>xyb", 7}, false}, {{"c</s>", 5}, true}, {{"", 0}, false}};
    struct vocab v = VOCAB_INIT;
    open_special(&v, more, COUNT_OF(more), true);
    REQUIRE(vocab_open(&v) == 0);
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    AUTO_BUF struct buf out = BUF_INIT(1 * KiB);
    EXPECT(tokenizer_encode_parts(v.tokenizer, parts, COUNT_OF(parts), TOKENIZE_ENDS, &got, NULL) == 0);
    for (size_t i = 0; i < got.count; i++)
        EXPECT(buf_append_char(&out, (char)(got.id[i] < 256 ? got.id[i] : 'A' + got.id[i] - 256)) == 0);
    EXPECT_STR(buf_str(&out), "AAax</s>CbcB");
    vocab_fini(&v);
}

TEST(no_merge_makes_a_control_token)
{
    static const struct special more[] = {{"ab", TOKEN_CONTROL}, {"cd", TOKEN_NORMAL}, {"abcd", TOKEN_NORMAL}};
    static const struct str merges[] = {STR("a b"), STR("c d"), STR("ab cd")};
    struct vocab v = VOCAB_INIT;
    open_special(&v, more, COUNT_OF(more), false);
    vocab_texts(&v, "tokenizer.ggml.merges", merges, COUNT_OF(merges));
    REQUIRE(vocab_open(&v) == 0);
    expect_tokens(&v, "ab", 0, "ab");
    expect_tokens(&v, "ab", TOKENIZE_SPECIAL, "A");
    expect_tokens(&v, "cd", 0, "B");
    expect_tokens(&v, "abcd", 0, "C"); /* it may be a step on the way to another */
    vocab_fini(&v);
    static const struct str text[] = {STR("?"), STR("a"), STR("b"), STR("ab")};
    static const int32_t type[] = {TOKEN_UNKNOWN, TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_CONTROL};
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    vocab_text(&v, "tokenizer.ggml.model", STR("llama"));
    vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
    vocab_i32s(&v, "tokenizer.ggml.token_type", type, COUNT_OF(type));
    vocab_bool(&v, "tokenizer.ggml.add_space_prefix", false);
    REQUIRE(vocab_open(&v) == 0);
    EXPECT(tokenizer_encode(v.tokenizer, STR("ab"), 0, &got, NULL) == 0);
    EXPECT(got.count == 2 && got.id[0] == 1 && got.id[1] == 2);
    vocab_fini(&v);
}

TEST(what_ends_an_answer_is_known_by_key_and_by_name)
{
    static const struct special more[] = {{"<s>", TOKEN_CONTROL}, {"</s>", TOKEN_NORMAL}, {"<|im_end|>", TOKEN_USER},
                                          {"<|end|>", TOKEN_CONTROL}, {"<x>", TOKEN_CONTROL}, {"<|fim_pad|>", TOKEN_CONTROL},
                                          {"<|start|>", TOKEN_CONTROL}, {"<y>", TOKEN_CONTROL}};
    struct vocab v = VOCAB_INIT;
    open_special(&v, more, COUNT_OF(more), false);
    vocab_u32(&v, "tokenizer.ggml.eot_token_id", 260);
    vocab_u32(&v, "tokenizer.ggml.eom_token_id", 99999); /* is none */
    vocab_i32s(&v, "tokenizer.ggml.eos_token_ids", (const int32_t[]){263, -4, 77777}, 3);
    REQUIRE(vocab_open(&v) == 0);
    static const bool ends[] = {false, true, true, true, true, true, false, true};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (tokenizer_is_end(v.tokenizer, 256 + (int32_t)i) != ends[i])
            test_fail(__FILE__, __LINE__, "%s ends an answer: expected %d", more[i].text, ends[i]);
    EXPECT(tokenizer_is_control(v.tokenizer, 258)); /* whatever the file says */
    EXPECT(!tokenizer_is_end(v.tokenizer, 99999) && !tokenizer_is_end(v.tokenizer, -1));
    expect_tokens(&v, "<|im_end|>", 0, "<|im_end|>");
    EXPECT(tokenizer_is_control(v.tokenizer, 262));
    vocab_fini(&v);
}

/* Gemma's vocabulary has the tags of HTML as tokens of their own. */
TEST(a_struck_out_word_of_gemmas_ends_no_answer)
{
    static const struct special more[] = {{"<bos>", TOKEN_CONTROL}, {"<eos>", TOKEN_CONTROL}, {"</s>", TOKEN_USER}, {"<end_of_turn>", TOKEN_CONTROL}};
    for (int gemma = 0; gemma < 2; gemma++) {
        struct vocab v = VOCAB_INIT;
        open_special(&v, more, 3 + (size_t)gemma, false);
        REQUIRE(vocab_open(&v) == 0);
        EXPECT(tokenizer_is_end(v.tokenizer, 258) == !gemma && tokenizer_is_control(v.tokenizer, 258) == !gemma);
        expect_tokens(&v, "a</s>", 0, gemma ? "aC" : "a</s>");
        vocab_fini(&v);
    }
}

TEST(gpt_oss_goes_on_after_its_end_and_shows_its_channels)
{
    static const struct special more[] = {{"<s>", TOKEN_CONTROL}, {"<|return|>", TOKEN_CONTROL}, {"<|call|>", TOKEN_CONTROL},
                                          {"<|end|>", TOKEN_CONTROL}, {"<|channel|>", TOKEN_CONTROL}};
    struct vocab v = VOCAB_INIT;
    open_special(&v, more, COUNT_OF(more), false);
    REQUIRE(vocab_open(&v) == 0);
    EXPECT(tokenizer_is_end(v.tokenizer, 257) && tokenizer_is_end(v.tokenizer, 258) && !tokenizer_is_end(v.tokenizer, 259));
    EXPECT(!tokenizer_is_control(v.tokenizer, 260));
    expect_tokens(&v, "<|channel|>", 0, "<|channel|>");
    vocab_fini(&v);
}

TEST(the_blank_of_spm_stands_before_the_text_and_behind_special_tokens)
{
    static char names[256][8];
    struct str text[260] = {STR("<unk>"), STR("<s>"), STR("</s>")};
    int32_t type[260] = {TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL};
    for (unsigned b = 0; b < 256; b++) {
        text[3 + b] = str_of(names[b], text_format(names[b], 8, "<0x%02X>", b));
        type[3 + b] = TOKEN_BYTE;
    }
    text[259] = STR("\xE2\x96\x81");
    type[259] = TOKEN_NORMAL;
    for (int prefix = 0; prefix < 2; prefix++) {
        struct vocab v = VOCAB_INIT;
        vocab_text(&v, "tokenizer.ggml.model", STR("llama"));
        vocab_texts(&v, "tokenizer.ggml.tokens", text, 260);
        vocab_i32s(&v, "tokenizer.ggml.token_type", type, 260);
        if (!prefix)
            vocab_bool(&v, "tokenizer.ggml.add_space_prefix", false);
        REQUIRE(vocab_open(&v) == 0);
        AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
        EXPECT(tokenizer_encode(v.tokenizer, STR("a</s>b<0x41>"), TOKENIZE_SPECIAL | TOKENIZE_ENDS, &got, NULL) == 0);
        static const int32_t with[] = {1, 259, 'a' + 3, 2, 259, 'b' + 3, '<' + 3}, without[] = {1, 'a' + 3, 2, 'b' + 3, '<' + 3};
        const int32_t *want = prefix ? with : without;
        size_t count = prefix ? COUNT_OF(with) : COUNT_OF(without);
        REQUIRE(got.count == count + 5); /* <0x41> in a text is six characters */
        EXPECT(memcmp(got.id, want, count * sizeof *want) == 0);
        AUTO_TOKENS struct token_list cut = TOKEN_LIST_INIT(TOKENS_MAX); /* a border between pieces is no beginning */
        static const struct tokenizer_part parts[] = {{{"a", 1}, true}, {{"b", 1}, false}};
        EXPECT(tokenizer_encode_parts(v.tokenizer, parts, 2, 0, &cut, NULL) == 0);
        EXPECT(cut.count == (prefix ? 3u : 2u) && cut.id[cut.count - 1] == 'b' + 3 && cut.id[cut.count - 2] == 'a' + 3);
        vocab_fini(&v);
    }
}

struct encoded {
    const char *text;
    int32_t id[2]; /* one token or two; 0: no second one */
};

static void expect_encoded(const struct tokenizer *t, const struct encoded *want, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
        EXPECT(tokenizer_encode(t, str_from(want[i].text), 0, &got, NULL) == 0);
        size_t ids = want[i].id[1] ? 2 : 1;
        if (got.count != ids || memcmp(got.id, want[i].id, ids * sizeof *got.id) != 0)
            test_fail(__FILE__, __LINE__, "\"%s\" is %zu tokens, the first %d", want[i].text, got.count, got.count ? got.id[0] : -1);
    }
}

/* U+2581 in a text is what a blank is, and in the name of a user-defined token too: older files spell it so, newer ones write a blank. */
TEST(spm_does_not_know_a_blank_from_its_sign)
{
    const struct str text[] = {STR("<unk>"), STR("<s>"), STR("</s>"), STR("a"), STR("\u2581"), STR("\u2581a"), STR("\u2581\u2581"), STR("   ")};
    const int32_t type[] = {TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_CONTROL, TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_USER, TOKEN_USER};
    static const struct encoded want[] = {{" a", {5}}, {"\u2581a", {5}}, {"  a", {6, 3}}, {"\u2581\u2581a", {6, 3}}, {" \u2581a", {6, 3}}, {"   a", {7, 3}}, {"\u2581\u2581\u2581 a", {7, 5}}};
    struct vocab v = VOCAB_INIT;
    vocab_text(&v, "tokenizer.ggml.model", STR("llama"));
    vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
    vocab_i32s(&v, "tokenizer.ggml.token_type", type, COUNT_OF(type));
    vocab_bool(&v, "tokenizer.ggml.add_space_prefix", false);
    REQUIRE(vocab_open(&v) == 0);
    EXPECT_STR(tokenizer_piece(v.tokenizer, 6), "  ");
    expect_encoded(v.tokenizer, want, COUNT_OF(want));
    vocab_fini(&v);
}

/* In a WordPiece vocabulary the same sign begins a word, and in a text it is a character like others: here one without a piece. So is
 * a character that nobody has assigned; one of private use vanishes. */
TEST(wordpiece_does_not_take_a_sign_of_the_text_for_its_own)
{
    const struct str text[] = {STR("[PAD]"), STR("[UNK]"), STR("\u2581a"), STR("b"), STR("\u2581b")};
    const int32_t type[] = {TOKEN_CONTROL, TOKEN_UNKNOWN, TOKEN_NORMAL, TOKEN_NORMAL, TOKEN_NORMAL};
    static const struct encoded want[] = {{"ab", {2, 3}}, {"a b", {2, 4}}, {"a\u2581b", {1}}, {"\u2581a", {1}}, {"a\u0378", {1}}, {"a\uE000b", {2, 3}}, {"a\u00ADb", {2, 3}}};
    struct vocab v = VOCAB_INIT;
    vocab_text(&v, "tokenizer.ggml.model", STR("bert"));
    vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
    vocab_i32s(&v, "tokenizer.ggml.token_type", type, COUNT_OF(type));
    vocab_u32(&v, "tokenizer.ggml.unknown_token_id", 1);
    REQUIRE(vocab_open(&v) == 0);
    expect_encoded(v.tokenizer, want, COUNT_OF(want));
    vocab_fini(&v);
}

/* Models that know capitals or accents say so in newer files; what a file says of capitals goes for accents too. */
TEST(wordpiece_keeps_capitals_and_accents_where_the_file_says_so)
{
    const struct str text[] = {STR("[PAD]"), STR("[UNK]"), STR("\u2581e"), STR("\u2581E"), STR("\u2581\u00E9"), STR("\u2581\u00C9")};
    static const struct {
        int lower, strip; /* -1: the file does not say */
        int32_t id;       /* of the capital with an accent */
    } rows[] = {{-1, -1, 2}, {1, -1, 2}, {1, 1, 2}, {0, -1, 5}, {0, 0, 5}, {1, 0, 4}, {0, 1, 3}, {-1, 0, 4}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct vocab v = VOCAB_INIT;
        AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
        vocab_text(&v, "tokenizer.ggml.model", STR("bert"));
        vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
        vocab_u32(&v, "tokenizer.ggml.unknown_token_id", 1);
        if (rows[i].lower >= 0)
            vocab_bool(&v, "tokenizer.ggml.normalizer.lowercase", rows[i].lower);
        if (rows[i].strip >= 0)
            vocab_bool(&v, "tokenizer.ggml.normalizer.strip_accents", rows[i].strip);
        REQUIRE(vocab_open(&v) == 0);
        EXPECT(tokenizer_encode(v.tokenizer, STR("\u00C9"), 0, &got, NULL) == 0);
        if (got.count != 1 || got.id[0] != rows[i].id)
            test_fail(__FILE__, __LINE__, "lower %d, strip %d: token %d, expected %d", rows[i].lower, rows[i].strip, got.count ? got.id[0] : -1, rows[i].id);
        vocab_fini(&v);
    }
}

TEST(early_llama_3_files_are_recognised_by_their_tokens)
{
    enum { COUNT = 128010 };
    struct str *text = new0_array(struct str, COUNT);
    char(*names)[12] = mem_zalloc_array(COUNT, 12);
    REQUIRE(text && names);
    for (unsigned i = 0; i < COUNT; i++)
        text[i] = i < 256 ? vocab_byte(i, names[i]) : str_of(names[i], text_format(names[i], 12, "<<%u>>", i));
    text[128009] = STR("<|eot_id|>");
    struct vocab v = VOCAB_INIT;
    vocab_text(&v, "tokenizer.ggml.model", STR("gpt2"));
    vocab_u32(&v, "tokenizer.ggml.bos_token_id", 128000);
    vocab_u32(&v, "tokenizer.ggml.eos_token_id", 128001);
    vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT);
    REQUIRE(vocab_open(&v) == 0);
    EXPECT_STR(str_from(tokenizer_kind(v.tokenizer)), "byte-level BPE (llama-bpe)");
    EXPECT_I64(tokenizer_eos(v.tokenizer), 128009);
    EXPECT_I64(tokenizer_bos(v.tokenizer), 128000);
    EXPECT(tokenizer_adds_bos(v.tokenizer) && !tokenizer_warning(v.tokenizer));
    vocab_fini(&v);
    mem_free(text);
    mem_free(names);
}

/* --- speed ---------------------------------------------------------------------------------------------------------------------------- */

/* What this process has computed: other work on the machine does not count. */
/* A megabyte of each of these takes a fraction of a second; squared it would take hours. The bound has room for sanitizers. */
TEST(a_megabyte_of_one_character_is_no_trouble)
{
    enum { SECONDS_MAX = 60 };
    static const char *const units[] = {"h", " ", "l", "\n", "\xC3\xA9", "\xFF", "\0", "he", "hell ", "1", "'", "\xE3\x80\x80", "A\xCC\x81"};
    AUTO_BUF struct buf text = BUF_INIT(2 * MiB);
    double begin = cpu_seconds();
    for (int spm = 0; spm < 2; spm++) {
        struct vocab v = VOCAB_INIT;
        open_bytes(&v, spm);
        for (size_t u = 0; u < COUNT_OF(units); u++) {
            AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
            buf_clear(&text);
            while (text.len < 1 * MiB)
                REQUIRE(buf_append(&text, str_of(units[u], units[u][0] ? strlen(units[u]) : 1)) == 0);
            EXPECT(tokenizer_encode(v.tokenizer, buf_str(&text), TOKENIZE_SPECIAL, &got, NULL) == 0);
            size_t bytes = 0;
            for (size_t i = 0; i < got.count; i++)
                bytes += tokenizer_piece(v.tokenizer, got.id[i]).len;
            EXPECT_I64(bytes, text.len + (spm ? 1 : 0));
        }
        vocab_fini(&v);
    }
    EXPECT(cpu_seconds() - begin < SECONDS_MAX);
}

/* WordPiece tries every place of a word with the longest pieces: those of a hostile file are as long as may be. */
TEST(a_megabyte_of_one_character_is_no_trouble_for_wordpiece)
{
    enum { UNK = 100, SECONDS_MAX = 20 };
    static const char *const ends[] = {"", "b", "\xFF", "\xCC\x81", "!"};
    static char longest[WORDPIECE_BYTES_MAX + 1];
    static struct str text[110];
    static int32_t type[110];
    struct vocab v = VOCAB_INIT;
    memset(longest, 'a', WORDPIECE_BYTES_MAX);
    for (size_t i = 0; i < COUNT_OF(text); i++) {
        text[i] = i == 0 ? STR("\xE2\x96\x81" "a") : i == 1 ? STR("a") : i == 2 ? str_of(longest, WORDPIECE_BYTES_MAX) : i == 3 ? STR("\xE2\x96\x81!") : STR("");
        type[i] = TOKEN_NORMAL;
    }
    vocab_text(&v, "tokenizer.ggml.model", STR("bert"));
    vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
    vocab_i32s(&v, "tokenizer.ggml.token_type", type, COUNT_OF(type));
    REQUIRE(vocab_open(&v) == 0);
    double begin = cpu_seconds();
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        AUTO_BUF struct buf word = BUF_INIT(2 * MiB);
        AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
        while (word.len < 1 * MiB)
            REQUIRE(buf_append_char(&word, i % 2 ? 'A' : 'a') == 0); /* letters become small ones */
        REQUIRE(buf_append_text(&word, ends[i]) == 0);
        EXPECT(tokenizer_encode(v.tokenizer, buf_str(&word), 0, &got, NULL) == 0);
        if (strcmp(ends[i], "b") == 0)
            EXPECT(got.count == 1 && got.id[0] == UNK);
        else /* the first letter, then 2047 long pieces and 511 letters; a mark of punctuation is a word of its own */
            EXPECT_I64(got.count, 1 + 2047 + 511 + (strcmp(ends[i], "!") == 0));
    }
    EXPECT(cpu_seconds() - begin < SECONDS_MAX * SLOWER);
    vocab_fini(&v);
}

/* The definition: the longest first through all of the text that is left, each from the left; `owner` gets the token of each byte, -1 for
 * text, -2 for blanks that the one before has eaten. */
static void split_plainly(const struct special *more, size_t count, bool eats, const char *text, size_t len, int32_t *owner)
{
    for (size_t i = 0; i < len; i++)
        owner[i] = -1;
    for (size_t want = 16; want > 0; want--)
        for (size_t k = 0; k < count; k++) {
            size_t size = strlen(more[k].text);
            for (size_t at = 0; size == want && at + size <= len; at++) {
                size_t free_bytes = 0;
                while (free_bytes < size && owner[at + free_bytes] == -1)
                    free_bytes++;
                if (free_bytes < size || memcmp(text + at, more[k].text, size) != 0)
                    continue;
                for (size_t i = 0; i < size; i++)
                    owner[at + i] = 256 + (int32_t)k;
                for (size_t i = at + size; eats && i < len && owner[i] == -1 && text[i] == ' '; i++)
                    owner[i] = -2;
                at += size - 1;
            }
        }
}

static void expect_as_plainly(const struct vocab *v, const struct special *more, size_t count, bool eats, const char *text, size_t len)
{
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    int32_t *owner = new0_array(int32_t, len + 1);
    size_t at = 0, i = 0;
    REQUIRE(owner && tokenizer_encode(v->tokenizer, str_of(text, len), 0, &got, NULL) == 0);
    split_plainly(more, count, eats, text, len, owner);
    while (at < len) {
        if (owner[at] == -2) {
            at++;
            continue;
        }
        int32_t want = owner[at] == -1 ? (unsigned char)text[at] : owner[at];
        if (i >= got.count || got.id[i] != want) {
            test_fail(__FILE__, __LINE__, "at byte %zu of %.60s: token %d, expected %d", at, text, i < got.count ? got.id[i] : -1, want);
            break;
        }
        i++;
        at += want < 256 ? 1 : strlen(more[want - 256].text);
    }
    EXPECT(at < len || i == got.count);
    mem_free(owner);
}

TEST(special_tokens_that_touch_each_other_go_as_the_plain_version_says)
{
    enum { ROUNDS = 400, COUNT = 7, LONG = 300 * 1000 /* more places than are sorted */ };
    struct rng r;
    rng_seed(&r, 7);
    for (int round = 0; round < ROUNDS; round++) {
        struct vocab v = VOCAB_INIT;
        char name[COUNT][8], text[400];
        struct special more[COUNT];
        size_t count = 0, len = rng_below(&r, sizeof text);
        for (size_t k = 0; k < COUNT; k++) {
            size_t size = 1 + rng_below(&r, 5);
            for (size_t i = 0; i < size; i++)
                name[count][i] = "xy "[rng_below(&r, round % 2 ? 2 : 3)];
            name[count][size] = 0;
            bool twice = false;
            for (size_t i = 0; i < count; i++)
                twice = twice || strcmp(name[i], name[count]) == 0;
            if (!twice)
                more[count] = (struct special){name[count], TOKEN_USER}, count++;
        }
        for (size_t i = 0; i < len; i++)
            text[i] = "xy .z"[rng_below(&r, 5)];
        for (size_t i = 1; i < count; i++) /* of equally long ones the first by text goes first */
            for (size_t j = i; j > 0 && strcmp(more[j - 1].text, more[j].text) > 0; j--) {
                struct special one = more[j];
                more[j] = more[j - 1];
                more[j - 1] = one;
            }
        open_special(&v, more, count, false);
        if (round % 4 == 0)
            vocab_text(&v, "general.name", STR("Phi-3 mini"));
        REQUIRE(vocab_open(&v) == 0);
        expect_as_plainly(&v, more, count, round % 4 == 0, text, len);
        vocab_fini(&v);
    }
    static const struct special runs[] = {{"x", TOKEN_USER}, {"xx", TOKEN_USER}, {"xxx", TOKEN_USER}, {"xxy", TOKEN_USER}};
    static char many[LONG];
    struct vocab v = VOCAB_INIT;
    memset(many, 'x', sizeof many);
    many[LONG / 2] = 'y';
    many[LONG - 1] = '.';
    open_special(&v, runs, COUNT_OF(runs), false);
    REQUIRE(vocab_open(&v) == 0);
    expect_as_plainly(&v, runs, COUNT_OF(runs), false, many, LONG);
    vocab_fini(&v);
}

/* As many special tokens as the largest vocabularies have, all of them in one text, again and again. */
TEST(a_text_of_all_special_tokens_is_no_trouble)
{
    enum { TOKENS = 6000, TIMES = 40, SECONDS_MAX = 2 };
    static char name[TOKENS][16];
    static struct special more[TOKENS];
    struct vocab v = VOCAB_INIT;
    AUTO_BUF struct buf text = BUF_INIT(8 * MiB);
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    for (size_t i = 0; i < TOKENS; i++) {
        (void)text_format(name[i], sizeof name[i], "<unused%zu>", i);
        more[i] = (struct special){name[i], TOKEN_USER};
    }
    open_special(&v, more, TOKENS, true);
    REQUIRE(vocab_open(&v) == 0);
    for (size_t k = 0; k < TIMES; k++)
        for (size_t i = 0; i < TOKENS; i++)
            REQUIRE(buf_append_format(&text, "%s.", name[(i * 7 + k) % TOKENS]) == 0);
    double begin = cpu_seconds();
    EXPECT(tokenizer_encode(v.tokenizer, buf_str(&text), 0, &got, NULL) == 0);
    EXPECT(cpu_seconds() - begin < SECONDS_MAX * SLOWER);
    EXPECT_I64(got.count, 2 * TOKENS * TIMES);
    for (size_t i = 0; i < got.count && i < TOKENS; i += 2)
        EXPECT_I64(got.id[i], 256 + (i / 2 * 7) % TOKENS);
    vocab_fini(&v);
}

/* Texts, or pairs of merges, made so that the table has them all in one place: each would be compared with each. A million of them took
 * longer than anybody waits; they are refused. */
TEST(a_vocabulary_made_to_collide_is_refused)
{
    enum { COUNT = 3000, SLOTS = 16384 /* that many get */ };
    static char name[COUNT][8];
    static struct special more[COUNT];
    struct vocab v = VOCAB_INIT;
    size_t found = 0;
    for (uint32_t n = 0; found < COUNT; n++) {
        char text[8];
        size_t len = 0;
        for (uint32_t left = n + 1; left; left /= 26)
            text[len++] = (char)('a' + left % 26);
        text[len] = 0;
        uint64_t hash = text_hash(0, str_of(text, len));
        hash ^= hash >> 32;
        hash *= 0xD6E8FEB86659FD93u;
        if (((uint32_t)(hash >> 32) & (SLOTS - 1)) < 64 && len > 1) {
            memcpy(name[found], text, len + 1);
            more[found] = (struct special){name[found], TOKEN_USER};
            found++;
        }
    }
    open_special(&v, more, COUNT, false);
    EXPECT_I64(vocab_open(&v), ERR_LIMIT);
    vocab_fini(&v);
}

/* --- hostile vocabularies -------------------------------------------------------------------------------------------------------------- */

struct hostile {
    const char *model, *pre;
    int types, scores; /* how many; -1: no such array */
    const char *merge; /* NULL: none */
    const char *problem; /* NULL: it opens */
};

TEST(contradictory_vocabularies_are_refused_by_what_is_wrong)
{
    static const struct hostile cases[] = {
        {"gpt2", "qwen2", -1, -1, NULL, NULL},
        {"gpt2", "qwen2", 2, -1, NULL, "the vocabulary has 3 texts and 2 types of tokens"},
        {"gpt2", "qwen2", 4, -1, NULL, "the vocabulary has 3 texts and 4 types of tokens"},
        {"gpt2", "qwen2", -1, -1, "ab", "merge 0 of the vocabulary is not two texts with a blank between"},
        {"gpt2", "qwen2", -1, -1, "a ", "merge 0 of the vocabulary is not two texts with a blank between"},
        {"gpt2", "qwen2", -1, -1, "no such", NULL},
        {"gpt2", "qwen2", -1, -1, "  a", NULL},
        {"gpt2", "klin\x1Bgon", -1, -1, NULL, "the pre-tokenizer `klin?gon` (tokenizer.ggml.pre) is not supported"},
        {"llama", "", -1, 2, NULL, "the vocabulary has 3 texts and 2 scores"},
        {"llama", "", 3, 3, NULL, NULL},
        {"t5\n", "", -1, -1, NULL, "vocabularies of the kind t5? are not supported; those of gpt2, llama and bert are"},
        {"none", "", -1, -1, NULL, "the file has no vocabulary: text cannot become tokens"},
        {"bert", "", 3, -1, NULL, NULL},
    };
    static const struct str text[] = {STR("a"), STR("a"), STR("")}; /* one twice, one empty */
    static const int32_t type[] = {1, 77, -3, 4};
    static const float score[] = {0, NAN, 1};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct hostile *c = &cases[i];
        struct vocab v = VOCAB_INIT;
        vocab_text(&v, "tokenizer.ggml.model", str_from(c->model));
        vocab_text(&v, "tokenizer.ggml.pre", str_from(c->pre));
        vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
        if (c->types >= 0)
            vocab_i32s(&v, "tokenizer.ggml.token_type", type, (size_t)c->types);
        if (c->scores >= 0)
            vocab_f32s(&v, "tokenizer.ggml.scores", score, (size_t)c->scores);
        struct str merge = str_from(c->merge);
        if (c->merge)
            vocab_texts(&v, "tokenizer.ggml.merges", &merge, 1);
        (void)vocab_open(&v);
        EXPECT_STR(str_from(v.rc < 0 ? v.e.text : ""), c->problem ? c->problem : "");
        if (v.rc == 0) {
            AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
            int rc = tokenizer_encode(v.tokenizer, STR("aa b"), TOKENIZE_ENDS | TOKENIZE_SPECIAL, &got, &v.e);
            EXPECT(rc == 0 || rc == ERR_INVALID);
            for (size_t k = 0; k < got.count; k++)
                EXPECT(got.id[k] >= 0 && got.id[k] < 3);
        }
        vocab_fini(&v);
    }
}

TEST(a_byte_without_a_token_is_unknown_or_an_error_never_lost)
{
    static const struct str text[] = {STR("a"), STR("?")};
    for (int unknown = 0; unknown < 2; unknown++) {
        struct vocab v = VOCAB_INIT;
        struct err e = {0};
        AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
        vocab_text(&v, "tokenizer.ggml.model", STR("gpt2"));
        vocab_text(&v, "tokenizer.ggml.pre", STR("qwen2"));
        vocab_texts(&v, "tokenizer.ggml.tokens", text, COUNT_OF(text));
        if (unknown)
            vocab_u32(&v, "tokenizer.ggml.unknown_token_id", 1);
        REQUIRE(vocab_open(&v) == 0);
        EXPECT_I64(tokenizer_encode(v.tokenizer, STR("ab"), 0, &got, &e), unknown ? 0 : ERR_INVALID);
        EXPECT_I64(got.count, unknown ? 2 : 0);
        EXPECT_STR(str_from(e.text), unknown ? "" : "the vocabulary has no token for the byte 0x62, and none for what is unknown");
        vocab_fini(&v);
    }
}

TEST(more_tokens_than_there_may_be_are_an_error_and_leave_the_list)
{
    struct vocab v = VOCAB_INIT;
    struct err e = {0};
    open_bytes(&v, false);
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(3);
    EXPECT(tokenizer_encode(v.tokenizer, STR("x"), 0, &got, &e) == 0);
    EXPECT_I64(tokenizer_encode(v.tokenizer, STR("abc"), 0, &got, &e), ERR_LIMIT);
    EXPECT_I64(got.count, 1);
    EXPECT_STR(str_from(e.text), "a text of 3 bytes has more than 2 tokens");
    vocab_fini(&v);
}

/* --- the command -------------------------------------------------------------------------------------------------------------------------- */

/* What `hearth tokenize FILE OPTIONS` prints for this text, and its status. */
static int run_command(const struct cli_world *w, const char *options, struct str text, struct buf *out)
{
    AUTO_BUF struct buf line = BUF_INIT(4 * KiB), input = BUF_INIT(4 * KiB);
    struct err e = {0};
    char path[100];
    text_format(path, sizeof path, "%s/text", w->folder);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(text.ptr, 1, text.len, f) != text.len || fclose(f) != 0)
        return -1;
    (void)buf_append_format(&line, "%s tokenize %s/model.gguf %s < %s 2>&1", cli_binary(), w->folder, options, path);
    FILE *p = popen(buf_text(&line), "r");
    buf_clear(out);
    if (!p || buf_read_fd(out, fileno(p), "pipe", &e) < 0)
        return -1;
    int status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(the_command_reads_bytes_as_they_are_and_prints_tokens)
{
    static const struct special more[] = {{"<s>", TOKEN_CONTROL}, {"</s>", TOKEN_CONTROL}};
    struct vocab v = VOCAB_INIT;
    struct cli_world w;
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    char path[100];
    REQUIRE(cli_world_open(&w));
    open_special(&v, more, COUNT_OF(more), true);
    REQUIRE(vocab_open(&v) == 0);
    text_format(path, sizeof path, "%s/model.gguf", w.folder);
    FILE *f = fopen(path, "wb");
    REQUIRE(f && fwrite(v.file.ptr, 1, v.file.len, f) == v.file.len && fclose(f) == 0);

    EXPECT_I64(run_command(&w, "--json", STR("a\xFF\0\n<s>"), &out), 0);
    EXPECT_STR(buf_str(&out), "{\"tokens\":[256,97,255,0,10,60,115,62]}\n");
    EXPECT_I64(run_command(&w, "--json --special", STR("a<s>"), &out), 0);
    EXPECT_STR(buf_str(&out), "{\"tokens\":[256,97,256]}\n");
    EXPECT_I64(run_command(&w, "--json --no-bos", STR(""), &out), 0);
    EXPECT_STR(buf_str(&out), "{\"tokens\":[]}\n");
    EXPECT_I64(run_command(&w, "--special", STR("\x1B\"\xC3</s>"), &out), 0);
    EXPECT_STR(buf_str(&out), "5 tokens, byte-level BPE (qwen2)\n"
                              "     256  \"<s>\"  control\n"
                              "      27  \"\\x1B\"\n"
                              "      34  \"\\\"\"\n"
                              "     195  \"\\xC3\"\n"
                              "     257  \"</s>\"  control, ends an answer\n");
    EXPECT_I64(run_command(&w, "--json -0", STR("a\0\0<s>\n\0b"), &out), 0);
    EXPECT_STR(buf_str(&out), "{\"tokens\":[256,97]}\n{\"tokens\":[256]}\n{\"tokens\":[256,60,115,62,10]}\n{\"tokens\":[256,98]}\n");
    EXPECT_I64(run_command(&w, "--null --no-bos", STR("a\0b\0"), &out), 0);
    EXPECT_STR(buf_str(&out), "1 token, byte-level BPE (qwen2)\n      97  \"a\"\n1 token, byte-level BPE (qwen2)\n      98  \"b\"\n");
    EXPECT_I64(run_command(&w, "--json -0", STR(""), &out), 0);
    EXPECT_STR(buf_str(&out), "");
    EXPECT_I64(run_command(&w, "and another", STR(""), &out), 2);
    EXPECT(truncate(path, 40) == 0);
    EXPECT_I64(run_command(&w, "", STR(""), &out), 1);
    EXPECT(str_starts(buf_str(&out), STR("hearth: ")) && str_find(buf_str(&out), STR("model.gguf")) > 0);
    vocab_fini(&v);
    cli_world_close(&w);
}

/* --- memory that runs out ---------------------------------------------------------------------------------------------------------------- */

static int open_and_encode(void *ctx)
{
    const struct vocab *made = ctx;
    struct tokenizer *t;
    int rc = tokenizer_open(&t, made->gguf, NULL);
    if (rc < 0)
        return rc;
    AUTO_TOKENS struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
    AUTO_BUF struct buf out = BUF_INIT(1 * KiB);
    rc = tokenizer_encode(t, STR("hello <s> hell hello hello hello hello"), TOKENIZE_SPECIAL | TOKENIZE_ENDS, &got, NULL);
    struct detokenizer d;
    detokenizer_init(&d, t, DETOKENIZE_START);
    for (size_t i = 0; i < got.count && rc == 0; i++)
        rc = detokenizer_push(&d, got.id[i], &out);
    tokenizer_close(t);
    return rc;
}

TEST(no_memory_is_an_error_wherever_it_happens)
{
    for (int spm = 0; spm < 2; spm++) {
        struct vocab v = VOCAB_INIT;
        open_bytes(&v, spm);
        EXPECT(test_torture(spm ? "tokenizer spm" : "tokenizer bpe", open_and_encode, &v) > 5);
        vocab_fini(&v);
    }
}
