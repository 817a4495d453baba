/* test_tokenizer_golden.c: tokenizers against the original libraries: tests/golden/tokenizer holds texts of ours as the published patterns
 * and the libraries cut them, with vocabularies they trained on pages of ours. Also the patterns on bytes that no library would take. */
#include "base/clock.h"
#include "base/json.h"
#include "engine/tokenizer_priv.h"
#include "test.h"
#include "tokenizer_kit.h"
#include <math.h>

enum { GOLDEN_MAX = 1 << 20, TOKENS_MAX = 4 << 20 };

static bool read_golden(struct buf *out, const char *name)
{
    char path[100];
    struct err e = {0};
    text_format(path, sizeof path, "tests/golden/tokenizer/%s", name);
    int rc = buf_read_file(out, path, &e);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    return rc == 0;
}

/* --- the pre-tokenizers ---------------------------------------------------------------------------------------------------------- */

static int put_length(struct str piece, void *ctx)
{
    return buf_append_format(ctx, " %zu", piece.len);
}

TEST(every_family_cuts_texts_as_its_published_pattern_does)
{
    AUTO_BUF struct buf golden = BUF_INIT(GOLDEN_MAX), text = BUF_INIT(GOLDEN_MAX), got = BUF_INIT(GOLDEN_MAX);
    REQUIRE(read_golden(&golden, "splits.txt"));
    struct str rest = buf_str(&golden), line;
    int checked = 0;
    while (str_cut(&rest, '\n', &line)) {
        struct str lengths = line, name;
        if (line.len && line.ptr[0] == '#')
            continue;
        (void)str_cut(&lengths, ' ', &name);
        if (str_eq(name, STR("text"))) {
            buf_clear(&text);
            REQUIRE(json_unescape(str_slice(lengths, 1, lengths.len - 1), &text) == 0);
            continue;
        }
        const struct split_family *f = split_family_named(name);
        REQUIRE(f);
        buf_clear(&got);
        REQUIRE(split_text(f, buf_str(&text), put_length, &got) == 0);
        if (!str_eq(str_skip(buf_str(&got), 1), lengths))
            test_fail(__FILE__, __LINE__, "%.*s of \"%.*s\": %.*s, expected %.*s", STR_FMT(name), STR_FMT(buf_str(&text)),
                      STR_FMT(buf_str(&got)), STR_FMT(lengths));
        checked++;
    }
    EXPECT(checked > 200);
}

static int add_length(struct str piece, void *ctx)
{
    size_t *sum = ctx;
    *sum += piece.len;
    return piece.len ? 0 : -1;
}

static const char *const families[] = {"default", "llama-bpe", "qwen2", "qwen35", "dbrx", "glm4", "tekken", "gpt-4o", "gpt-2", "starcoder",
                                       "falcon", "deepseek-coder", "deepseek-llm", "deepseek-v3"};

/* Any bytes at all: nothing is lost, and no piece is empty. */
TEST(pieces_of_random_bytes_add_up)
{
    struct rng r;
    rng_seed(&r, 3);
    static const char bytes[] = "aB \n\r\t'sS1,$\xC3\xA9\xE4\xB8\xAD\xCC\x81\xE2\x80\xA8\xFF\xF0\x9F\x98\x80\xED\xA0\x80\0";
    for (int round = 0; round < 3000; round++) {
        char text[60];
        size_t len = rng_below(&r, sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = round % 2 ? (char)rng_next(&r) : bytes[rng_below(&r, sizeof bytes)];
        size_t sum = 0;
        EXPECT(split_text(split_family_named(str_from(families[round % (int)COUNT_OF(families)])), str_of(text, len), add_length, &sum) == 0);
        EXPECT_I64(sum, len);
    }
}

/* --- the libraries' own tokens --------------------------------------------------------------------------------------------------------- */

enum { GOLDEN_TOKENS_MAX = 1000 };

static size_t texts_of(const struct json_node *list, struct str *out)
{
    size_t n = 0;
    for (const struct json_node *c = list ? list->child : NULL; c && n < GOLDEN_TOKENS_MAX; c = c->next)
        out[n++] = c->text;
    return n;
}

static void open_golden(struct vocab *v, const struct json_node *root)
{
    static struct str text[GOLDEN_TOKENS_MAX];
    static float score[GOLDEN_TOKENS_MAX];
    static int32_t type[GOLDEN_TOKENS_MAX];
    size_t n = texts_of(json_get(root, "tokens"), text);
    vocab_text(v, "tokenizer.ggml.model", json_get_text(root, "model"));
    vocab_texts(v, "tokenizer.ggml.tokens", text, n);
    if (json_get(root, "pre"))
        vocab_text(v, "tokenizer.ggml.pre", json_get_text(root, "pre"));
    if (json_get(root, "merges"))
        vocab_texts(v, "tokenizer.ggml.merges", text, texts_of(json_get(root, "merges"), text));
    n = 0;
    for (const struct json_node *c = json_get(root, "scores") ? json_get(root, "scores")->child : NULL; c; c = c->next) {
        double d;
        score[n++] = json_to_double(c->text, &d) ? (float)d : NAN;
    }
    if (n)
        vocab_f32s(v, "tokenizer.ggml.scores", score, n);
    n = 0;
    for (const struct json_node *c = json_get(root, "types") ? json_get(root, "types")->child : NULL; c; c = c->next) {
        int64_t i;
        type[n++] = json_to_i64(c->text, &i) ? (int32_t)i : 0;
    }
    if (n)
        vocab_i32s(v, "tokenizer.ggml.token_type", type, n);
    if (str_eq(json_get_text(root, "model"), STR("bert"))) {
        vocab_u32(v, "tokenizer.ggml.unknown_token_id", 1);
        vocab_u32(v, "tokenizer.ggml.bos_token_id", 2);
        vocab_u32(v, "tokenizer.ggml.seperator_token_id", 3);
    }
    if (vocab_open(v) < 0)
        test_fail(__FILE__, __LINE__, "%s", v->e.text);
}

static bool same_tokens(const struct token_list *got, const struct json_node *want)
{
    size_t i = 0;
    for (const struct json_node *c = want->child; c; c = c->next, i++) {
        int64_t id;
        if (i >= got->count || !json_to_i64(c->text, &id) || id != got->id[i])
            return false;
    }
    return i == got->count;
}

static void tell_tokens(const char *name, struct str text, const struct token_list *got, const struct json_node *want)
{
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (size_t i = 0; i < got->count; i++)
        (void)buf_append_format(&out, " %d", got->id[i]);
    test_fail(__FILE__, __LINE__, "%s: \"%.*s\" became%.*s, expected %.*s", name, STR_FMT(text), STR_FMT(buf_str(&out)), STR_FMT(want->text));
}

static void check_golden(const char *name)
{
    AUTO_BUF struct buf golden = BUF_INIT(GOLDEN_MAX);
    struct arena a = ARENA_INIT(64 * MiB);
    struct json_node *root;
    struct err e = {0};
    REQUIRE(read_golden(&golden, name));
    REQUIRE(json_parse(&a, buf_str(&golden), &root, &e) == 0);
    struct vocab v = VOCAB_INIT;
    open_golden(&v, root);
    int checked = 0;
    for (const struct json_node *c = v.tokenizer ? json_get(root, "cases")->child : NULL; c; c = c->next, checked++) {
        struct token_list got = TOKEN_LIST_INIT(TOKENS_MAX);
        EXPECT(tokenizer_encode(v.tokenizer, c->child->text, 0, &got, &e) == 0);
        if (!same_tokens(&got, c->child->next))
            tell_tokens(name, c->child->text, &got, c->child->next);
        token_list_fini(&got);
    }
    EXPECT(checked > 50);
    vocab_fini(&v);
    arena_fini(&a);
}

TEST(byte_level_bpe_makes_the_tokens_of_the_original)
{
    check_golden("bpe_llama-bpe.json");
    check_golden("bpe_gpt-4o.json");
}

TEST(sentencepiece_bpe_makes_the_tokens_of_the_original)
{
    check_golden("spm.json");
}

TEST(wordpiece_makes_the_tokens_of_the_original)
{
    check_golden("wordpiece.json");
}

/* --- speed ---------------------------------------------------------------------------------------------------------------------------- */

/* What this process has computed: other work on the machine does not count. */
static double cpu_seconds(void)
{
    struct timespec t;
    EXPECT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int ignore_piece(struct str piece, void *ctx)
{
    (void)piece;
    (void)ctx;
    return 0;
}

/* Runs that a pattern scans to their end in vain, behind each other. */
TEST(no_pattern_looks_ahead_again_and_again)
{
    enum { SECONDS_MAX = 60 };
    static const char *const before[] = {" ", "\n", "A", "\xCC\x81", "a", "1", "'", "\xE3\x80\x80", "$", "\xC2\xAA"};
    static const char *const behind[] = {"", "x", "\n", "\xE4\xB8\xAD", "1", "$"};
    AUTO_BUF struct buf text = BUF_INIT(2 * MiB);
    double begin = cpu_seconds();
    for (size_t f = 0; f < COUNT_OF(families); f++)
        for (size_t i = 0; i < COUNT_OF(before) * COUNT_OF(behind); i++) {
            buf_clear(&text);
            while (text.len < 100 * KiB)
                REQUIRE(buf_append_text(&text, before[i % COUNT_OF(before)]) == 0);
            REQUIRE(buf_append_text(&text, behind[i / COUNT_OF(before)]) == 0);
            EXPECT(split_text(split_family_named(str_from(families[f])), buf_str(&text), ignore_piece, NULL) == 0);
        }
    EXPECT(cpu_seconds() - begin < SECONDS_MAX);
}
