/* test_json.c: the scanner's grammar, strings, numbers, the splice, the tree and the writer. */
#include "test.h"
#include "base/json.h"
#include "base/json_priv.h"
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const good[] = {
    "null",
    "true",
    "false",
    "0",
    "-0",
    "12",
    "-1.5",
    "1e3",
    "1E+3",
    "1.25e-7",
    "\"\"",
    "\"a\"",
    "[]",
    "{}",
    "[[]]",
    "[{}]",
    " \t\r\n[ 1 , 2 ] \n",
    "{\"a\":1,\"b\":[true,null]}",
    "{ \"a\" : { } }",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"", /* a lone surrogate is grammar, if not text */
    "\"\x7f\"",
    "\"\xC3\xBC\"",
    "\"\xE2\x82\xAC\"",
    "\"\xF0\x9F\x98\x80\"",
    "\"\xED\x9F\xBF\"",
    "\"\xF4\x8F\xBF\xBF\"",
    "{\"a\":1,\"a\":2}", /* the scanner leaves duplicates to its caller */
    "\"exactly 16 bytes\"",
    "\"fifteen bytes..\"",
    "\"seventeen bytes..\"",
    "\"an escape over the\\u0020edge\"",
};

static const char *const bad[] = {
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "0x1",
    "1 2",
    "--1",
    "NaN",
    "Infinity",
    "\"",
    "\"a",
    "'a'",
    "\"\\\"",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\n\"",
    "\"\t\"",
    "\"\x01\"",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{",
    "}",
    "{\"a\"",
    "{\"a\":",
    "{\"a\":1",
    "{\"a\":1,",
    "{\"a\":1,}",
    "{,}",
    "{a:1}",
    "{\"a\" 1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1]",
    "{1:2}",
    "[1]]",
    "{}{}",
    "\xEF\xBB\xBF{}",
    "/* */ 1",
    "[1] x",
    "\"\x80\"",
    "\"\xC0\x80\"",
    "\"\xC1\xBF\"",
    "\"\xC3\"",
    "\"\xC3(\"",
    "\"\xE0\x80\x80\"",
    "\"\xE2\x82\"",
    "\"\xE2\x28\xA1\"",
    "\"\xED\xA0\x80\"",
    "\"\xF0\x80\x80\x80\"",
    "\"\xF0\x9F\x98\"",
    "\"\xF4\x90\x80\x80\"",
    "\"\xF5\x80\x80\x80\"",
    "\"\xFF\"",
    "\"long enough for a block, then \x02 inside\"",
    "\"long enough for a block, then \xFE inside\"",
    "\"long enough for a block, then \\q inside\"",
};

TEST(good_json_passes_and_bad_json_does_not)
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        if (json_check(str_from(good[i]), NULL) != 0)
            test_fail(__FILE__, __LINE__, "refused: %s", good[i]);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (json_check(str_from(bad[i]), NULL) != ERR_SYNTAX)
            test_fail(__FILE__, __LINE__, "accepted: %s", bad[i]);
    }
    EXPECT_I64(json_check(str_of("\"\0\"", 3), NULL), ERR_SYNTAX);
    EXPECT_I64(json_check(str_of("1\0", 2), NULL), ERR_SYNTAX);
    EXPECT_I64(json_check(STR_NONE, NULL), ERR_SYNTAX);
}

/* Each text ends where a page begins that must not be touched, so that a read behind it ends the program. */
TEST(no_byte_behind_the_text_is_read)
{
    static const char whole[] =
        "{\"key with \\u00e9\":[\"0123456789abcdef0123456789abcdef\\n\xF0\x9F\x98\x80\",-1.5e10,true,null]}";
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
    for (size_t len = 0; len < sizeof(whole); len++) {
        char *text = memcpy(pages + page - len, whole, len);
        EXPECT_I64(json_check(str_of(text, len), NULL), len == sizeof(whole) - 1 ? 0 : ERR_SYNTAX);
        AUTO_BUF struct buf b = BUF_INIT(1000);
        struct json_writer w = JSON_WRITER(&b);
        json_str(&w, str_of(text, len));
        EXPECT_I64(json_done(&w), 0);
    }
    munmap(pages, 2 * page);
}

TEST(an_error_names_its_byte)
{
    struct err e;
    EXPECT_I64(json_check(STR("[1, 2, x]"), &e), ERR_SYNTAX);
    EXPECT_STR(str_from(e.text), "not valid JSON: a value is missing (at byte 7)");
    EXPECT_I64(json_check(STR("{\"a\": \"b"), &e), ERR_SYNTAX);
    EXPECT_STR(str_from(e.text), "not valid JSON: the text ends too early (at byte 8)");
    EXPECT_I64(json_check(STR("\"abc\xFF\""), &e), ERR_SYNTAX);
    EXPECT_STR(str_from(e.text), "not valid JSON: a string is not UTF-8 (at byte 4)");
}

static void nest(struct buf *b, int depth, const char *open, const char *close)
{
    for (int i = 0; i < depth; i++)
        EXPECT(buf_append_text(b, open) == 0);
    EXPECT(buf_append_char(b, '1') == 0);
    for (int i = 0; i < depth; i++)
        EXPECT(buf_append_text(b, close) == 0);
}

TEST(nesting_is_limited_however_it_is_walked)
{
    for (int extra = 0; extra < 2; extra++) {
        AUTO_BUF struct buf b = BUF_INIT(MiB), objects = BUF_INIT(MiB);
        nest(&b, JSON_DEPTH_MAX + extra, "[", "]");
        nest(&objects, JSON_DEPTH_MAX + extra, "{\"a\":", "}");
        int want = extra ? ERR_SYNTAX : 0;
        EXPECT_I64(json_check(buf_str(&b), NULL), want);
        EXPECT_I64(json_check(buf_str(&objects), NULL), want);

        struct arena a = ARENA_INIT(4 * MiB);
        struct json_node *root;
        EXPECT_I64(json_parse(&a, buf_str(&b), &root, NULL), want);
        arena_fini(&a);

        struct json_scan s; /* half walked, half skipped */
        json_scan_init(&s, buf_str(&b));
        for (int i = 0; i < 100; i++)
            EXPECT(json_enter(&s) && json_element(&s));
        EXPECT(json_skip(&s, NULL) == !extra);
        for (int i = 0; i < 100 && !extra; i++)
            EXPECT(!json_element(&s));
        EXPECT_I64(json_finish(&s, NULL), want);
    }
}

TEST(a_walk_lends_keys_and_values)
{
    struct json_scan s;
    struct str key, raw;
    json_scan_init(&s, STR(" {\"a\" : [1, {\"x\":\"y\"}, \"s\\n\"] ,\"b\":{}, \"c\":null} "));
    EXPECT_I64(json_peek(&s), JSON_OBJECT);
    REQUIRE(json_enter(&s));
    REQUIRE(json_member(&s, &key));
    EXPECT_STR(key, "a");
    EXPECT_I64(json_peek(&s), JSON_ARRAY);
    REQUIRE(json_enter(&s));
    REQUIRE(json_element(&s) && !json_enter(&s) && json_skip(&s, &raw));
    EXPECT_STR(raw, "1");
    REQUIRE(json_element(&s) && json_skip(&s, &raw));
    EXPECT_STR(raw, "{\"x\":\"y\"}");
    REQUIRE(json_element(&s) && json_string(&s, &raw));
    EXPECT_STR(raw, "s\\n");
    EXPECT(!json_element(&s));
    REQUIRE(json_member(&s, &key) && json_enter(&s));
    EXPECT_STR(key, "b");
    EXPECT(!json_member(&s, &key));
    REQUIRE(json_member(&s, &key));
    EXPECT_STR(key, "c");
    EXPECT_I64(json_peek(&s), JSON_NULL);
    REQUIRE(json_skip(&s, &raw));
    EXPECT(!json_member(&s, &key));
    EXPECT_STR(str_of(s.pos, (size_t)(s.end - s.pos)), " ");
    EXPECT_I64(json_finish(&s, NULL), 0);
}

TEST(the_first_error_sticks)
{
    struct json_scan s;
    struct str key, raw = STR("untouched");
    json_scan_init(&s, STR("{\"a\":1,\"b\":2}"));
    REQUIRE(json_enter(&s) && json_member(&s, &key));
    EXPECT(!json_string(&s, &raw)); /* a number */
    EXPECT(!json_skip(&s, &raw));
    EXPECT(!json_member(&s, &key));
    EXPECT(!json_enter(&s));
    EXPECT_I64(json_peek(&s), JSON_BAD);
    EXPECT_STR(raw, "untouched");
    EXPECT_I64(json_finish(&s, NULL), ERR_SYNTAX);
}

TEST(a_walk_that_stops_early_is_not_finished)
{
    struct json_scan s;
    json_scan_init(&s, STR("[1]"));
    REQUIRE(json_enter(&s) && json_element(&s) && json_skip(&s, NULL));
    EXPECT_I64(json_finish(&s, NULL), ERR_SYNTAX);
    json_scan_init(&s, STR("[1")); /* nothing is left, but the array is open */
    REQUIRE(json_enter(&s) && json_element(&s) && json_skip(&s, NULL));
    EXPECT_I64(json_finish(&s, NULL), ERR_SYNTAX);
}

/* Every length, and each special thing at every place in it. */
TEST(block_and_portable_string_scans_agree)
{
    static const char *things[] = {
        "\"",           "\\n",  "\\\"", "\\u00e9", "\\q", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
        "\xED\xA0\x80", "\xC3", "\x1F", "\x80",    " ",   "\x7F"};
    char text[96];
    for (size_t t = 0; t < COUNT_OF(things); t++) {
        for (size_t at = 0; at < 40; at++) {
            for (size_t tail = 0; tail < 40; tail++) {
                size_t len = strlen(things[t]);
                memset(text, 'x', sizeof(text));
                memcpy(text + at, things[t], len);
                text[at + len + tail] = '"';
                const char *end = text + at + len + tail + 1, *p1 = NULL, *p2 = NULL;
                const char *one = json_string_end(text, end, &p1), *two = json_string_end_portable(text, end, &p2);
                if (one != two || p1 != p2)
                    test_fail(__FILE__, __LINE__, "thing %zu at %zu: %td and %td", t, at, one - text, two - text);
                EXPECT_I64(json_plain_run(text, end), t < 12 ? at : at + len + tail);
            }
        }
    }
}

TEST(keys_compare_by_meaning)
{
    static const struct {
        const char *raw, *plain;
        bool same;
    } rows[] = {
        {"model", "model", true},
        {"mod\\u0065l", "model", true},
        {"\\u006d\\u006F\\u0064\\u0065\\u006c", "model", true},
        {"mode", "model", false},
        {"models", "model", false},
        {"mod\\u0065ls", "model", false},
        {"mod\\u0065", "model", false},
        {"a\\nb", "a\nb", true},
        {"a\\nb", "a\\nb", false},
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"\\u0000", "", false},
        {"\\/", "/", true},
        {"\\ud83d\\ude00", "\xF0\x9F\x98\x80", true},
        {"\\u00fc", "\xC3\xBC", true},
        {"\xC3\xBC", "\xC3\xBC", true},
        {"Model", "model", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (json_key_is(str_from(rows[i].raw), str_from(rows[i].plain)) != rows[i].same)
            test_fail(__FILE__, __LINE__, "%s and %s", rows[i].raw, rows[i].plain);
    }
}

TEST(escapes_are_resolved)
{
    static const struct {
        const char *raw, *want;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"a\\u0041b\\u00e9c\\u20ACd", "aAb\xC3\xA9"
                                      "c\xE2\x82\xAC"
                                      "d"},
        {"\\uD83D\\uDE00!", "\xF0\x9F\x98\x80!"},
        {"\\udbff\\udfff", "\xF4\x8F\xBF\xBF"},
        {"\\ud83d", "\xEF\xBF\xBD"},
        {"\\ud83dx", "\xEF\xBF\xBDx"},
        {"\\ude00\\ud83d", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\\ud83d\\ud83d\\ude00", "\xEF\xBF\xBD\xF0\x9F\x98\x80"},
        {"\\ud83d\\n", "\xEF\xBF\xBD\n"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf b = BUF_INIT(100);
        EXPECT_I64(json_unescape(str_from(rows[i].raw), &b), 0);
        EXPECT_STR(buf_str(&b), rows[i].want);
        struct arena a = ARENA_INIT(1000);
        EXPECT_STR(json_unescape_arena(str_from(rows[i].raw), &a), rows[i].want);
        arena_fini(&a);
    }
    struct arena a = ARENA_INIT(1000);
    struct str zero = json_unescape_arena(STR("a\\u0000b"), &a);
    EXPECT(str_eq(zero, str_of("a\0b", 3)));
    struct str plain = STR("nothing to do");
    EXPECT(json_unescape_arena(plain, &a).ptr == plain.ptr);
    EXPECT(json_unescape_arena(STR(""), &a).ptr != NULL);
    arena_fini(&a);
}

TEST(unescaping_adds_all_or_nothing)
{
    AUTO_BUF struct buf b = BUF_INIT(8);
    EXPECT_I64(buf_append_text(&b, "abc"), 0);
    EXPECT_I64(json_unescape(STR("12\\n456"), &b), ERR_LIMIT);
    EXPECT_STR(buf_str(&b), "abc");
    EXPECT_I64(json_unescape(STR("1\\u00324\\n5"), &b), 0); /* five bytes, exactly the room there is */
    EXPECT_STR(buf_str(&b), "abc124\n5");
    struct arena none = ARENA_INIT(0);
    EXPECT(json_unescape_arena(STR("\\n"), &none).ptr == NULL);
    arena_fini(&none);
}

TEST(integers_are_exact_or_refused)
{
    static const struct {
        const char *raw;
        bool ok;
        int64_t want;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"12", true, 12},
        {"-12", true, -12},
        {"2.0", true, 2},
        {"1e3", true, 1000},
        {"1E+3", true, 1000},
        {"1.5e1", true, 15},
        {"150e-1", true, 15},
        {"100e-2", true, 1},
        {"0.001e3", true, 1},
        {"0e999999999999999999999", true, 0},
        {"0.000", true, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"-9223372036854775808", true, INT64_MIN},
        {"-9223372036854775809", false, 0},
        {"9.223372036854775807e18", true, INT64_MAX},
        {"92233720368547758070e-1", true, INT64_MAX},
        {"1e18", true, 1000000000000000000},
        {"1e19", false, 0},
        {"18446744073709551616", false, 0},
        {"100000000000000000000000000000000000000000e-40", true, 10},
        {"1.5", false, 0},
        {"1e-1", false, 0},
        {"1e999999999999999999999", false, 0},
        {"1e-999999999999999999999", false, 0},
        {"", false, 0},
        {"01", false, 0},
        {"1 ", false, 0},
        {"+1", false, 0},
        {"\"1\"", false, 0},
        {"true", false, 0},
        {"0x10", false, 0},
        {"1.", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t n = 77;
        if (json_to_i64(str_from(rows[i].raw), &n) != rows[i].ok || n != (rows[i].ok ? rows[i].want : 77))
            test_fail(__FILE__, __LINE__, "%s: %lld", rows[i].raw, (long long)n);
    }
}

TEST(doubles_are_finite_or_refused)
{
    double d = 0;
    EXPECT(json_to_double(STR("1.5"), &d) && d == 1.5);
    EXPECT(json_to_double(STR("-2e-3"), &d) && d == -2e-3);
    EXPECT(json_to_double(STR("0.1000000000000000000000000000000000000000000000000000000000000000000000000000"), &d) &&
           d == 0.1);
    EXPECT(json_to_double(STR("1e-999"), &d) && d == 0);
    d = 7;
    EXPECT(!json_to_double(STR("1e999"), &d));
    EXPECT(!json_to_double(STR("nan"), &d));
    EXPECT(!json_to_double(STR("0x1p3"), &d));
    EXPECT(!json_to_double(STR(" 1"), &d));
    EXPECT(!json_to_double(STR(""), &d));
    EXPECT(d == 7);
}

static void expect_pieces(const struct json_splice *s, const char *text, const char *want)
{
    struct str piece[2 * JSON_EDITS_MAX + 1];
    AUTO_BUF struct buf b = BUF_INIT(1000);
    size_t n = json_splice_pieces(s, str_from(text), piece);
    for (size_t i = 0; i < n; i++) {
        EXPECT(piece[i].len > 0);
        EXPECT_I64(buf_append(&b, piece[i]), 0);
    }
    EXPECT_STR(buf_str(&b), want);
}

TEST(a_splice_replaces_removes_and_inserts)
{
    struct json_splice none = {0};
    expect_pieces(&none, "abc", "abc");
    expect_pieces(&none, "", "");

    struct json_splice s = {0};
    EXPECT(json_splice_add(&s, 6, 2, STR("XY"))); /* in any order */
    EXPECT(json_splice_add(&s, 0, 1, STR("")));
    EXPECT(json_splice_add(&s, 3, 1, STR("-long-")));
    EXPECT(json_splice_add(&s, 3, 0, STR("<1>"))); /* insertions stand before a replacement at the same place … */
    EXPECT(json_splice_add(&s, 3, 0, STR("<2>"))); /* … in the order they came */
    EXPECT(json_splice_add(&s, 8, 0, STR("!")));
    expect_pieces(&s, "01234567", "12<1><2>-long-45XY!");

    struct json_splice touching = {0};
    EXPECT(json_splice_add(&touching, 1, 1, STR("b")));
    EXPECT(json_splice_add(&touching, 0, 1, STR("a")));
    expect_pieces(&touching, "xx", "ab");
}

TEST(a_splice_says_when_it_is_full)
{
    struct json_splice s = {0};
    for (size_t i = 0; i < JSON_EDITS_MAX; i++)
        EXPECT(json_splice_add(&s, i, 1, STR("y")));
    EXPECT(!json_splice_add(&s, JSON_EDITS_MAX, 1, STR("y")));
    expect_pieces(&s, "xxxxxxxxxxxxxxxxxx", "yyyyyyyyyyyyyyyyxx");
}

TEST(a_tree_has_types_keys_and_texts)
{
    struct arena a = ARENA_INIT(MiB);
    struct json_node *root;
    struct str text = STR(" {\"na\\u006de\":\"J\\u00fcrgen\",\"n\":12,\"yes\":true,\"no\":false,\"nil\":null,\"list\":["
                          "1, [2], {}],\"x\":1.5} ");
    REQUIRE(json_parse(&a, text, &root, NULL) == 0);
    EXPECT_I64(root->type, JSON_OBJECT);
    EXPECT_I64(root->count, 7);
    EXPECT_STR(json_get_text(root, "name"), "J\xC3\xBCrgen");
    int64_t n = 5;
    EXPECT(json_get_i64(root, "n", &n));
    EXPECT_I64(n, 12);
    EXPECT(!json_get_i64(root, "x", &n));
    EXPECT(!json_get_i64(root, "name", &n));
    EXPECT(json_get_bool(root, "yes", false));
    EXPECT(!json_get_bool(root, "no", true));
    EXPECT(json_get_bool(root, "nil", true));
    EXPECT(!json_get_bool(root, "absent", false));
    EXPECT(json_get_text(root, "n").ptr == NULL);
    EXPECT(json_get(root, "absent") == NULL);
    EXPECT(json_get(NULL, "a") == NULL);
    const struct json_node *list = json_get(root, "list");
    REQUIRE(list && list->count == 3);
    EXPECT(json_get(list, "a") == NULL);
    EXPECT_STR(list->text, "[1, [2], {}]");
    EXPECT_I64(list->child->next->type, JSON_ARRAY);
    EXPECT_STR(list->child->next->child->text, "2");
    EXPECT_I64(list->child->next->next->type, JSON_OBJECT);
    EXPECT(list->child->next->next->next == NULL);
    arena_fini(&a);
}

TEST(a_tree_refuses_a_key_given_twice)
{
    static const char *const twice[] = {"{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}",
                                        "[{\"b\":{\"x\":0,\"y\":0,\"x\":0}}]"};
    for (size_t i = 0; i < COUNT_OF(twice); i++) {
        struct arena a = ARENA_INIT(MiB);
        struct json_node *root;
        struct err e;
        EXPECT_I64(json_parse(&a, str_from(twice[i]), &root, &e), ERR_SYNTAX);
        EXPECT(str_contains_fold(str_from(e.text), STR("given twice")));
        arena_fini(&a);
    }
}

/* A hundred thousand keys in quadratic time would be seen: ten billion comparisons. */
TEST(many_keys_are_compared_quickly)
{
    for (int repeat = 0; repeat < 2; repeat++) {
        AUTO_BUF struct buf b = BUF_INIT(8 * MiB);
        EXPECT_I64(buf_append_char(&b, '{'), 0);
        for (int i = 0; i < 100000; i++)
            EXPECT(buf_append_format(&b, "%s\"%d\":0", i ? "," : "", repeat && i == 99999 ? 31415 : i) == 0);
        EXPECT_I64(buf_append_char(&b, '}'), 0);
        struct arena a = ARENA_INIT(64 * MiB);
        struct json_node *root;
        EXPECT_I64(json_parse(&a, buf_str(&b), &root, NULL), repeat ? ERR_SYNTAX : 0);
        arena_fini(&a);
    }
}

TEST(a_tree_refuses_what_the_scanner_refuses)
{
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct arena a = ARENA_INIT(MiB);
        struct json_node *root = NULL;
        EXPECT_I64(json_parse(&a, str_from(bad[i]), &root, NULL), ERR_SYNTAX);
        EXPECT(root == NULL);
        arena_fini(&a);
    }
}

TEST(a_tree_that_outgrows_its_arena_is_out_of_memory)
{
    struct arena a = ARENA_INIT(300);
    struct json_node *root;
    EXPECT_I64(json_parse(&a, STR("[1,2,3,4,5,6,7,8]"), &root, NULL), ERR_NOMEM);
    arena_fini(&a);
}

TEST(what_is_written_reads_back)
{
    static const char text[] =
        "{\"a\":[1,-2.5e3,[],{},\"x\\n\\\"\\\\\\u0001\xC3\xBC\"],\"b\":{\"c\":null,\"d\":[true,false]},\"\":\"\"}";
    struct arena a = ARENA_INIT(MiB);
    struct json_node *root;
    REQUIRE(json_parse(&a, str_from(text), &root, NULL) == 0);
    AUTO_BUF struct buf b = BUF_INIT(1000);
    struct json_writer w = JSON_WRITER(&b);
    json_value(&w, root);
    EXPECT_I64(json_done(&w), 0);
    EXPECT_STR(buf_str(&b), text);
    arena_fini(&a);
}

TEST(the_writer_escapes_and_separates)
{
    AUTO_BUF struct buf b = BUF_INIT(1000);
    struct json_writer w = JSON_WRITER(&b);
    json_array_begin(&w);
    json_str(&w, STR("\b\f\n\r\t\x1f\x7f\"\\/ and a long plain tail \xE2\x82\xAC"));
    json_str(&w, STR("bad: \xFF \xC3( \xED\xA0\x80"));
    json_str(&w, STR_NONE);
    json_text(&w, NULL);
    json_text(&w, "t");
    json_i64(&w, INT64_MIN);
    json_double(&w, 0.1);
    json_double(&w, 1e300);
    json_double(&w, 3);
    json_double(&w, 1.0 / 3);
    json_double(&w, NAN);
    json_double(&w, INFINITY);
    json_bool(&w, true);
    json_object_begin(&w);
    json_key(&w, "k\n");
    json_array_begin(&w);
    json_array_end(&w);
    json_key(&w, "l");
    json_bool(&w, false);
    json_object_end(&w);
    json_null(&w);
    json_array_end(&w);
    EXPECT_I64(json_done(&w), 0);
    EXPECT_STR(
        buf_str(&b),
        "[\"\\b\\f\\n\\r\\t\\u001f\x7f\\\"\\\\/ and a long plain tail \xE2\x82\xAC\",\"bad: \xEF\xBF\xBD \xEF\xBF\xBD( "
        "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"\",null,\"t\",-9223372036854775808,0.1,1e+300,3,"
        "0.3333333333333333,null,null,true,{\"k\\n\":[],\"l\":false},null]");
    EXPECT_I64(json_check(buf_str(&b), NULL), 0);
}

TEST(the_writers_first_error_sticks)
{
    AUTO_BUF struct buf b = BUF_INIT(4);
    struct json_writer w = JSON_WRITER(&b);
    json_array_begin(&w);
    json_str(&w, STR("longer"));
    json_i64(&w, 1);
    json_array_end(&w);
    EXPECT_I64(json_done(&w), ERR_LIMIT);
}

static const struct str torture_text = STR(
    "{\"a\\n\":[\"x\\ty\",{\"b\":\"\\u00e9\"}],\"k1\":1,\"k2\":1,\"k3\":1,\"k4\":1,\"k5\":1,\"k6\":1,\"k7\":1,\"k8\":1,"
    "\"k9\":1,\"k10\":1,\"k11\":1,\"k12\":1,\"k13\":1,\"k14\":1,\"k15\":1,\"k16\":1}");

static int parse_once(void *ctx)
{
    (void)ctx;
    struct arena a = ARENA_INIT(MiB);
    struct json_node *root = NULL;
    int rc = json_parse(&a, torture_text, &root, NULL);
    EXPECT(rc == 0 ? root != NULL && root->count == 17 : rc == ERR_NOMEM && root == NULL);
    arena_fini(&a);
    return rc;
}

static int write_once(void *ctx)
{
    (void)ctx;
    AUTO_BUF struct buf b = BUF_INIT(1000);
    struct json_writer w = JSON_WRITER(&b);
    json_object_begin(&w);
    for (int i = 0; i < 20; i++) {
        json_key(&w, "key");
        json_str(&w, STR("value \n"));
    }
    json_object_end(&w);
    return json_done(&w);
}

static int unescape_once(void *ctx)
{
    (void)ctx;
    AUTO_BUF struct buf b = BUF_INIT(1000);
    return json_unescape(STR("some text \\n and more text \\u00e9 and more text, so that the buffer grows \\t over it"),
                         &b);
}

static int double_once(void *ctx)
{
    (void)ctx;
    double d;
    return json_to_double(STR("0.1000000000000000000000000000000000000000000000000000000000000000000000000000"), &d)
               ? 0
               : -1;
}

TEST(running_out_of_memory_is_survived)
{
    test_torture("json_parse", parse_once, NULL);
    test_torture("json_writer", write_once, NULL);
    test_torture("json_unescape", unescape_once, NULL);
    test_torture("json_to_double", double_once, NULL);
}
