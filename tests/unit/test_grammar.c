/* test_grammar.c: JSON Schemas as masks: what texts a schema takes, what schemas are refused, and that whoever picks by the masks ends
 * with a valid answer, told by a validator of its own. It is one piece because all of it shares that validator and one vocabulary. */
#include "base/json.h"
#include "engine/sampler.h"
#include "grammar_kit.h"
#include "test.h"
#include "work_kit.h"
#include <math.h>

static struct kit_vocab tokens;
static struct grammar_vocab *vocab(void) /* a thousand tokens, made once and for all tests */
{
    static struct grammar_vocab *v;
    static struct rng r;
    if (v)
        return v;
    rng_seed(&r, 2024);
    kit_vocab_make(&tokens, 1000, 9, &r);
    struct grammar_pieces p = kit_pieces(&tokens);
    if (grammar_vocab_new(&v, &p, NULL) < 0)
        test_fail(__FILE__, __LINE__, "no vocabulary");
    return v;
}
__attribute__((destructor)) static void vocab_drop(void)
{
    if (!tokens.piece)
        return;
    grammar_vocab_free(vocab());
    kit_vocab_free(&tokens);
}

/* 1: a whole answer; 0: the beginning of one; -1: neither; -2: no such grammar. */
static int takes(struct str schema, struct str text)
{
    struct grammar *g = NULL;
    struct grammar_run *r = NULL;
    struct err e = {0};
    int result = -2;
    if ((schema.len ? grammar_schema(&g, schema, &e) : grammar_any_object(&g, &e)) == 0 && grammar_run_new(&r, g, vocab(), &e) == 0)
        result = grammar_advance(r, text, &e) < 0 ? -1 : grammar_complete(r);
    if (result == -2)
        printf("%.*s: %s\n", STR_FMT(schema), e.text);
    grammar_run_free(r);
    grammar_free(g);
    return result;
}

struct case_row {
    const char *schema, *text; /* texts after one schema until the next: NULL schema is the one before */
    int want;
};

static void check_rows(const struct case_row *row, size_t count)
{
    const char *schema = "";
    for (size_t i = 0; i < count; i++) {
        schema = row[i].schema ? row[i].schema : schema;
        int got = takes(str_from(schema), str_from(row[i].text));
        if (got != row[i].want)
            test_fail(__FILE__, __LINE__, "%s with %s: got %d, expected %d", schema, row[i].text, got, row[i].want);
    }
}

TEST(json_mode_takes_any_object_and_nothing_else)
{
    static const struct case_row row[] = {
        {"", "{}", 1}, {NULL, "{\"a\":1}", 1}, {NULL, "{\"a\": [1, -2.5e3, \"x\", {}, [], null, true, false]}", 1},
        {NULL, "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": []\n  }\n}", 1}, {NULL, "[]", -1}, {NULL, "1", -1}, {NULL, " {}", -1},
        {NULL, "{} ", -1}, {NULL, "{\"a\"", 0}, {NULL, "{\"a\":01", -1}, {NULL, "{\"a\":-", 0}, {NULL, "{\"a\":1.}", -1},
        {NULL, "{\"a\":\"\\u00e9\\ud83d\\ude00\"}", 1}, {NULL, "{\"a\":\"\\ude00", -1}, {NULL, "{\"a\":\"\\ud83d\\u0041", -1},
        {NULL, "{\"a\":\"\\ud83dx", -1}, {NULL, "{\"a\":\"\xC3\xA9\xF0\x9F\x98\x80\"}", 1}, {NULL, "{\"a\":\"\xC0\x80", -1},
        {NULL, "{\"a\":\"\xED\xA0\x80", -1}, {NULL, "{\"a\":\"\xF4\x90\x80\x80", -1}, {NULL, "{\"a\":\"\x01", -1},
        {NULL, "{\"a\":\"\\x", -1}, {NULL, "{\"a\":1,}", -1}, {NULL, "{\"a\":  1", -1}, {NULL, "{\"a\":1\n\n", -1},
        {NULL, "{\"a\":1e5}", 1}, {NULL, "{\"a\":1e999", -1}, {NULL, "{,", -1}, {NULL, "{\"a\" :", -1},
    };
    check_rows(row, COUNT_OF(row));
}

TEST(keywords_take_what_they_say)
{
    static const struct case_row row[] = {
        {"{\"type\":\"string\"}", "\"x\"", 1}, {NULL, "\"\"", 1}, {NULL, "1", -1},
        {"{\"type\":[\"string\",\"null\"]}", "null", 1}, {NULL, "\"a\"", 1}, {NULL, "t", -1},
        {"{\"type\":\"integer\"}", "-12", 1}, {NULL, "0", 1}, {NULL, "1.0", -1}, {NULL, "-0", -1}, {NULL, "01", -1},
        {"{\"type\":\"integer\",\"minimum\":3,\"maximum\":120}", "3", 1}, {NULL, "120", 1}, {NULL, "2", 0}, {NULL, "20", 1}, {NULL, "121", -1},
        {NULL, "1", 0}, {NULL, "130", -1}, {NULL, "99", 1}, {NULL, "-", -1}, {NULL, "0", -1},
        {"{\"type\":\"integer\",\"exclusiveMinimum\":-5,\"exclusiveMaximum\":5}", "-4", 1}, {NULL, "-5", -1}, {NULL, "4", 1}, {NULL, "5", -1}, {NULL, "0", 1},
        {"{\"type\":\"integer\",\"minimum\":-20,\"maximum\":-7}", "-7", 1}, {NULL, "-20", 1}, {NULL, "-21", -1}, {NULL, "-6", -1}, {NULL, "7", -1},
        {"{\"type\":\"number\",\"minimum\":0.25,\"maximum\":1.5}", "0.25", 1}, {NULL, "0.2", 0}, {NULL, "0.249", -1}, {NULL, "1.5", 1}, {NULL, "1.500", 1},
        {NULL, "1.501", -1}, {NULL, "1", 1}, {NULL, "0.3", 1}, {NULL, "2", -1}, {NULL, "0.25000", 1}, {NULL, "-", -1},
        {"{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1}", "0.001", 1}, {NULL, "0", 0}, {NULL, "0.0", 0}, {NULL, "1.0", 1}, {NULL, "1.01", -1}, {NULL, "-0", -1},
        {"{\"type\":\"integer\",\"minimum\":0.5,\"maximum\":1e2}", "1", 1}, {NULL, "0", -1}, {NULL, "100", 1}, {NULL, "101", -1},
        {"{\"enum\":[\"red\",\"green\",1,null,{\"a\":[1]}]}", "\"red\"", 1}, {NULL, "\"r\"", -1}, {NULL, "1", 1}, {NULL, "null", 1}, {NULL, "{\"a\":[1]}", 1},
        {"{\"type\":\"string\",\"enum\":[\"a\",1]}", "\"a\"", 1}, {NULL, "1", -1},
        {"{\"const\":\"\\u00e9\\n\"}", "\"\xC3\xA9\\n\"", 1}, {NULL, "\"\xC3\xA9\"", -1},
        {"{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}", "[]", 1}, {NULL, "[true, false,true]", 1}, {NULL, "[1", -1}, {NULL, "[true,]", -1},
        {"{\"type\":\"array\",\"minItems\":2,\"maxItems\":3,\"items\":{\"type\":\"null\"}}", "[null,null]", 1}, {NULL, "[null]", -1}, {NULL, "[]", -1},
        {NULL, "[null,null,null]", 1}, {NULL, "[null,null,null,", -1},
        {"{\"type\":\"array\",\"prefixItems\":[{\"const\":1},{\"type\":\"string\"}],\"items\":false}", "[1,\"a\"]", 1}, {NULL, "[1]", 1}, {NULL, "[1,\"a\",", -1}, {NULL, "[2", -1},
        {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}", "\"ab\"", 1}, {NULL, "\"a\"", -1}, {NULL, "\"abc\"", 1}, {NULL, "\"abcd", -1},
        {NULL, "\"\xC3\xA9\xF0\x9F\x98\x80\"", 1}, {NULL, "\"\\ud83d\\ude00\"", -1}, {NULL, "\"\\ud83d\\ude00a\"", 1},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"},\"c\":{}},\"required\":[\"b\"]}", "{\"a\":1,\"b\":\"\"}", 1},
        {NULL, "{\"b\":\"\"}", 1}, {NULL, "{\"a\":1}", -1}, {NULL, "{}", -1}, {NULL, "{\"b\":\"\",\"a\"", -1}, {NULL, "{\"b\":\"\",\"c\":[{}]}", 1},
        {NULL, "{\"d\"", -1}, {NULL, "{\"a\":1,\"a\"", -1}, {NULL, "{\n  \"a\": 1,\n  \"b\": \"\"\n}", 1},
        {"{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"integer\"}},\"additionalProperties\":{\"type\":\"boolean\"}}", "{\"ab\":1,\"a\":true,\"abc\":false}", 1},
        {NULL, "{\"ab\":true", -1}, {NULL, "{\"x\":true,\"ab\"", -1}, {NULL, "{\"x\":true,\"a\\u0062\"", -1}, {NULL, "{\"\":true}", 1}, {NULL, "{\"x\":1", -1}, {NULL, "{\"\xC3\xA9\\n\":true}", 1},
        {"{\"type\":\"object\"}", "{\"x\":[1]}", 1}, {"{\"type\":\"object\",\"additionalProperties\":false}", "{}", 1}, {NULL, "{\"", -1},
        {"{\"type\":\"object\",\"required\":[\"q\"],\"additionalProperties\":{\"type\":\"null\"}}", "{\"q\":null,\"r\":null}", 1}, {NULL, "{\"r\"", -1},
        {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"array\",\"items\":{\"type\":\"null\"}}]}", "7", 1}, {NULL, "[null]", 1}, {NULL, "\"", -1},
        {"{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"k\":{\"const\":\"a\"},\"v\":{\"type\":\"integer\"}},\"required\":[\"k\"]},"
         "{\"type\":\"object\",\"properties\":{\"k\":{\"const\":\"b\"},\"w\":{\"type\":\"null\"}},\"required\":[\"k\"]}]}", "{\"k\":\"a\",\"v\":1}", 1},
        {NULL, "{\"k\":\"b\",\"w\":null}", 1}, {NULL, "{\"k\":\"a\",\"w\"", -1},
        {"{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"minimum\":1}},\"required\":[\"a\"]},"
         "{\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"null\"}},\"required\":[\"b\"]}]}", "{\"a\":1,\"b\":null}", 1}, {NULL, "{\"a\":0", -1}, {NULL, "{\"a\":1}", -1}, {NULL, "{\"a\":1.", -1},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"},\"b\":{\"type\":\"null\"}},\"anyOf\":[{\"required\":[\"a\"]},{\"required\":[\"b\"]}]}", "{\"a\":null}", 1}, {NULL, "{\"b\":null}", 1}, {NULL, "{}", -1},
        {"{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/n\"},{\"type\":\"null\"}]}},\"required\":[\"v\",\"next\"]}},\"$ref\":\"#/$defs/n\"}",
         "{\"v\":1,\"next\":{\"v\":2,\"next\":null}}", 1}, {NULL, "{\"v\":1}", -1}, {NULL, "{\"v\":1,\"next\":{\"v\":2}", -1},
        {"{\"definitions\":{\"a/b\":{\"type\":\"null\"}},\"items\":{\"$ref\":\"#/definitions/a~1b\"}}", "[null]", 1},
        {"{\"type\":\"string\",\"nullable\":true,\"description\":\"d\",\"title\":\"t\",\"default\":null,\"x-order\":1}", "null", 1}, {NULL, "\"a\"", 1},
        {"true", "[1,{}]", 1}, {"{}", "\"x\"", 1},
        {"{\"type\":\"string\",\"pattern\":\"^[a-c]{2}-\\\\d+$\"}", "\"ab-12\"", 1}, {NULL, "\"ab-\"", -1}, {NULL, "\"abc", -1}, {NULL, "\"ab-1x", -1},
        {"{\"type\":\"string\",\"pattern\":\"b\"}", "\"abc\"", 1}, {NULL, "\"aac\"", -1}, {NULL, "\"b\"", 1},
        {"{\"type\":\"string\",\"pattern\":\"^(foo|ba[rz]?)$|^x\"}", "\"foo\"", 1}, {NULL, "\"ba\"", 1}, {NULL, "\"baz\"", 1}, {NULL, "\"bazz", -1}, {NULL, "\"xyz\"", 1}, {NULL, "\"yx", -1},
        {"{\"type\":\"string\",\"pattern\":\"^[^a-z\\\"]*$\",\"minLength\":1,\"maxLength\":2}", "\"A\\n\"", 1}, {NULL, "\"\"", -1}, {NULL, "\"\\\"", -1}, {NULL, "\"a", -1}, {NULL, "\"\xE2\x82\xAC\\\\\"", 1}, {NULL, "\"ABC", -1},
        {"{\"type\":\"string\",\"pattern\":\"^.$\"}", "\"\xF0\x9F\x98\x80\"", 1}, {NULL, "\"\\n", -1}, {NULL, "\"ab", -1},
        {"{\"type\":\"string\",\"format\":\"date\"}", "\"2024-02-29\"", 1}, {NULL, "\"2023-02-29\"", -1}, {NULL, "\"2000-02-29\"", 1}, {NULL, "\"1900-02-29\"", -1}, {NULL, "\"2024-04-31", -1}, {NULL, "\"2024-13", -1},
        {"{\"type\":\"string\",\"format\":\"date-time\"}", "\"2024-01-31T23:59:59.5Z\"", 1}, {NULL, "\"2024-01-31T24", -1}, {NULL, "\"2024-01-31T00:00:00+02:00\"", 1},
        {"{\"type\":\"string\",\"format\":\"uuid\"}", "\"123e4567-e89b-12d3-a456-426614174000\"", 1}, {NULL, "\"123e4567e", -1},
        {"{\"type\":\"string\",\"format\":\"ipv4\"}", "\"192.168.0.255\"", 1}, {NULL, "\"256", -1},
        {"{\"type\":\"string\",\"format\":\"email\"}", "\"a.b+c@example.org\"", 1}, {NULL, "\"@", -1}, {NULL, "\"a@b\"", -1},
        {"{\"type\":\"string\",\"format\":\"duration\"}", "\"P1Y2M3DT4H\"", 1}, {NULL, "\"P\"", -1}, {NULL, "\"PT5S\"", 1}, {NULL, "\"P2W\"", 1},
        {"{\"type\":\"string\",\"format\":\"time\"}", "\"12:30:00Z\"", 1}, {NULL, "\"12:60", -1},
        {"{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]}", "null", 1},
    };
    check_rows(row, COUNT_OF(row));
}

TEST(what_is_not_enforced_is_refused_by_name_and_place)
{
    static const struct {
        const char *schema;
        int code;
        const char *word, *path;
    } row[] = {
        {"{\"type\":\"object\",\"patternProperties\":{}}", ERR_UNSUPPORTED, "patternProperties", "at # "},
        {"{\"properties\":{\"a\":{\"type\":\"integer\",\"multipleOf\":2}}}", ERR_UNSUPPORTED, "multipleOf", "#/properties/a"},
        {"{\"items\":{\"not\":{}}}", ERR_UNSUPPORTED, "\"not\"", "#/items"},
        {"{\"$defs\":{\"x\":{\"if\":true}},\"$ref\":\"#/$defs/x\"}", ERR_UNSUPPORTED, "\"if\"", "#/$defs/x"},
        {"{\"minProperties\":1}", ERR_UNSUPPORTED, "minProperties", "#"},
        {"{\"anyOf\":[{\"type\":\"string\"},{\"unevaluatedProperties\":false}]}", ERR_UNSUPPORTED, "unevaluatedProperties", "#/anyOf"},
        {"{\"type\":\"array\",\"uniqueItems\":true}", ERR_UNSUPPORTED, "uniqueItems", "#"},
        {"{\"type\":\"string\",\"format\":\"uri\"}", ERR_UNSUPPORTED, "format \"uri\"", "#"},
        {"{\"type\":\"string\",\"pattern\":\"(?=a)\"}", ERR_UNSUPPORTED, "look-around", "#"},
        {"{\"type\":\"string\",\"pattern\":\"(a)\\\\1\"}", ERR_UNSUPPORTED, "back references", "#"},
        {"{\"type\":\"string\",\"pattern\":\"\\\\bx\"}", ERR_UNSUPPORTED, "escape", "#"},
        {"{\"type\":\"string\",\"pattern\":\"(a\"}", ERR_INVALID, "not closed", "#"},
        {"{\"type\":\"string\",\"pattern\":\"a)\"}", ERR_INVALID, "bracket", "#"},
        {"{\"type\":\"string\",\"pattern\":\"a\",\"format\":\"date\"}", ERR_UNSUPPORTED, "beside format", "#"},
        {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", ERR_UNSUPPORTED, "oneOf", "#/oneOf"},
        {"{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"a\":{}}},{\"type\":\"object\"}]}", ERR_UNSUPPORTED, "1 and 2", "#"},
        {"{\"enum\":[1,2],\"minimum\":2}", ERR_UNSUPPORTED, "minimum beside enum", "#"},
        {"{\"allOf\":[{\"properties\":{\"a\":{}},\"additionalProperties\":false},{\"properties\":{\"b\":{}}}]}", ERR_UNSUPPORTED, "additionalProperties", "#"},
        {"{\"allOf\":[{\"pattern\":\"a\"},{\"pattern\":\"b\"}]}", ERR_UNSUPPORTED, "pattern twice", "#"},
        {"{\"$ref\":\"https://example.org/s\"}", ERR_UNSUPPORTED, "$ref", "#"},
        {"{\"$ref\":\"#/$defs/none\"}", ERR_INVALID, "leads nowhere", "#"},
        {"{\"$ref\":\"#\"}", ERR_INVALID, "no value fits", ""},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}", ERR_INVALID, "no value fits", ""},
        {"{\"type\":\"object\",\"properties\":{},\"required\":[\"z\"],\"additionalProperties\":false}", ERR_INVALID, "\"z\" is required", "#"},
        {"{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", ERR_INVALID, "no value fits", ""},
        {"{\"type\":\"integer\",\"minimum\":1e30}", ERR_UNSUPPORTED, "digits", "#"},
        {"{\"type\":\"float\"}", ERR_INVALID, "float", "#"},
        {"{\"type\":\"string\",\"minLength\":-1}", ERR_INVALID, "minLength", "#"},
        {"{\"minimum\":1,\"exclusiveMinimum\":true}", ERR_UNSUPPORTED, "must be numbers", "#"},
        {"[]", ERR_INVALID, "object, true or false", "#"},
        {"{\"type\":", ERR_SYNTAX, "", ""},
        {"{\"type\":\"string\",\"minLength\":600000}", ERR_LIMIT, "minLength", "#"},
        {"false", ERR_INVALID, "no value fits", ""},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct grammar *g = NULL;
        struct err e = {0};
        int rc = grammar_schema(&g, str_from(row[i].schema), &e);
        if (rc != row[i].code || !strstr(e.text, row[i].word) || !strstr(e.text, row[i].path))
            test_fail(__FILE__, __LINE__, "%s: %s %s", row[i].schema, rc ? err_name(rc) : "taken", e.text);
        grammar_free(g);
    }
}

/* --- random schemas -------------------------------------------------------------------------------------------------------- */

struct maker {
    struct buf *out;
    struct rng *r;
};

static bool chance(struct rng *r, int one_in)
{
    return rng_below(r, (uint64_t)one_in) == 0;
}

static void put(struct maker *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct maker *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (buf_append_format_v(m->out, format, args) < 0)
        abort();
    va_end(args);
}

static const char *const NAMES[] = {"a", "ab", "abc", "name", "\\u00e9t\\u00e9", "k\\\"q", "", "list", "\\n", "z"};

/* Patterns, and what they mean in plain C. */
static bool is_digits(struct str s)
{
    bool fine = s.len > 0;
    for (size_t i = 0; i < s.len; i++)
        fine = fine && s.ptr[i] >= '0' && s.ptr[i] <= '9';
    return fine;
}
static bool is_ab_twice(struct str s)
{
    return str_eq(s, STR("abab")) || str_eq(s, STR("aba")) || str_eq(s, STR("ab")) || str_eq(s, STR("a")) || str_eq(s, STR("aa")) ||
           str_eq(s, STR("aab"));
}
static bool has_x(struct str s)
{
    return str_find(s, STR("x")) >= 0;
}
static bool begins_quote(struct str s)
{
    return str_starts(s, STR("\"")) || str_starts(s, STR("\xC3\xA9"));
}
static const struct {
    const char *text, *example;
    bool (*fits)(struct str);
} PATTERNS[] = {
    {"^\\\\d+$", "042", is_digits}, {"^ab?(ab?)?$", "aba", is_ab_twice}, {"x", "yxz", has_x}, {"^[\\\"\\u00e9]", "\"q", begins_quote}};

static void make_schema(struct maker *m, int depth);

static void make_members(struct maker *m, int depth)
{
    int count = (int)rng_below(m->r, 5), first = (int)rng_below(m->r, COUNT_OF(NAMES));
    put(m, "{\"type\":\"object\",\"properties\":{");
    for (int i = 0; i < count; i++) {
        put(m, "%s\"%s\":", i ? "," : "", NAMES[(size_t)(first + i) % COUNT_OF(NAMES)]);
        make_schema(m, depth + 1);
    }
    put(m, "},\"required\":[");
    for (int i = 0, some = 0; i < count; i++) {
        if (chance(m->r, 2))
            put(m, "%s\"%s\"", some++ ? "," : "", NAMES[(size_t)(first + i) % COUNT_OF(NAMES)]);
    }
    put(m, "]");
    if (chance(m->r, 3)) {
        put(m, ",\"additionalProperties\":");
        if (chance(m->r, 2))
            put(m, chance(m->r, 2) ? "false" : "true");
        else
            make_schema(m, depth + 1);
    }
    put(m, "}");
}

static void make_array(struct maker *m, int depth)
{
    int min = (int)rng_below(m->r, 3);
    put(m, "{\"type\":\"array\",\"minItems\":%d", min);
    if (chance(m->r, 2))
        put(m, ",\"maxItems\":%d", min + (int)rng_below(m->r, 3));
    if (chance(m->r, 3)) {
        put(m, ",\"prefixItems\":[");
        make_schema(m, depth + 1);
        put(m, "]");
    }
    put(m, ",\"items\":");
    make_schema(m, depth + 1);
    put(m, "}");
}

static void make_string(struct maker *m)
{
    int min = (int)rng_below(m->r, 3);
    size_t k = rng_below(m->r, 8);
    put(m, "{\"type\":\"string\"");
    if (k < COUNT_OF(PATTERNS))
        put(m, ",\"pattern\":\"%s\"", PATTERNS[k].text);
    else if (chance(m->r, 2))
        put(m, ",\"minLength\":%d,\"maxLength\":%d", min, min + (int)rng_below(m->r, 6));
    put(m, "}");
}

static void make_number(struct maker *m)
{
    int low = (int)rng_below(m->r, 400) - 200;
    put(m, "{\"type\":\"%s\"", chance(m->r, 2) ? "integer" : "number");
    if (chance(m->r, 2))
        put(m, ",\"%s\":%d", chance(m->r, 2) ? "minimum" : "exclusiveMinimum", low);
    if (chance(m->r, 2))
        put(m, ",\"%s\":%d.5", chance(m->r, 2) ? "maximum" : "exclusiveMaximum", low + 2 + (int)rng_below(m->r, 300));
    put(m, "}");
}

static void make_schema(struct maker *m, int depth)
{
    switch (rng_below(m->r, depth > 3 ? 6 : 11)) {
    case 0: put(m, chance(m->r, 2) ? "{\"type\":\"null\"}" : "{\"type\":[\"boolean\",\"null\"]}"); break;
    case 1: put(m, "{\"enum\":[\"one\",2,null,\"\\u20ac\",[true,{\"k\":1}]]}"); break;
    case 2:
    case 3: make_string(m); break;
    case 4: make_number(m); break;
    case 5: put(m, depth > 2 ? "{\"const\":\"c\"}" : "{}"); break;
    case 6: make_array(m, depth); break;
    case 7:
    case 8: make_members(m, depth); break;
    case 9:
        put(m, "{\"anyOf\":[");
        make_schema(m, depth + 1);
        put(m, ",");
        make_schema(m, depth + 1);
        put(m, "]}");
        break;
    default: put(m, chance(m->r, 2) ? "{\"$ref\":\"#/$defs/tree\"}" : "{\"allOf\":[{\"$ref\":\"#/$defs/tree\"},{\"required\":[\"more\"]}]}");
    }
}

static void make_root(struct maker *m)
{
    put(m, "{\"$defs\":{\"tree\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},\"more\":{\"type\":\"array\",\"items\":"
           "{\"$ref\":\"#/$defs/tree\"}}},\"required\":[\"v\"]}},\"anyOf\":[");
    make_schema(m, 0);
    put(m, "]}");
}

/* --- the validator: reads the text anew for each question; knows only the keywords above ----------------------------------- */

struct judge {
    const struct json_node *root;
    struct arena *arena;
};

static bool fits(const struct judge *j, const struct json_node *schema, struct str raw);

static struct json_scan scan_of(struct str raw)
{
    struct json_scan s;
    json_scan_init(&s, raw);
    return s;
}

static bool type_fits(struct str type, struct str raw)
{
    struct json_scan s = scan_of(raw);
    switch (json_peek(&s)) {
    case JSON_NULL: return str_eq(type, STR("null"));
    case JSON_TRUE:
    case JSON_FALSE: return str_eq(type, STR("boolean"));
    case JSON_NUMBER: return str_eq(type, STR("number")) || (str_eq(type, STR("integer")) && str_find_char(raw, '.') < 0 && str_find_char(raw, 'e') < 0 && str_find_char(raw, 'E') < 0);
    case JSON_STRING: return str_eq(type, STR("string"));
    case JSON_ARRAY: return str_eq(type, STR("array"));
    case JSON_OBJECT: return str_eq(type, STR("object"));
    default: return false;
    }
}

static bool number_fits(const struct json_node *schema, struct str raw)
{
    static const char *const key[] = {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"};
    double x, bound;
    if (!json_to_double(raw, &x) || !isfinite(x))
        return false;
    for (int i = 0; i < 4; i++) {
        const struct json_node *m = json_get(schema, key[i]);
        if (m && json_to_double(m->text, &bound) && !(i == 0 ? x >= bound : i == 1 ? x > bound : i == 2 ? x <= bound : x < bound))
            return false;
    }
    return true;
}

static bool string_fits(const struct judge *j, const struct json_node *schema, struct str raw)
{
    struct str text = json_unescape_arena(str_slice(raw, 1, raw.len - 1), j->arena);
    int64_t bound, chars = 0;
    for (size_t i = 0; i < text.len; i++)
        chars += ((uint8_t)text.ptr[i] & 0xC0) != 0x80;
    if ((json_get_i64(schema, "minLength", &bound) && chars < bound) || (json_get_i64(schema, "maxLength", &bound) && chars > bound))
        return false;
    const struct json_node *pattern = json_get(schema, "pattern");
    for (size_t k = 0; pattern && k < COUNT_OF(PATTERNS); k++) {
        struct str known = json_unescape_arena(str_from(PATTERNS[k].text), j->arena);
        if (str_eq(known, pattern->text))
            return PATTERNS[k].fits(text);
    }
    return !pattern;
}

static bool array_fits(const struct judge *j, const struct json_node *schema, struct str raw)
{
    struct json_scan s = scan_of(raw);
    const struct json_node *prefix = json_get(schema, "prefixItems"), *items = json_get(schema, "items"), *next = prefix ? prefix->child : NULL;
    int64_t count = 0, bound;
    struct str item;
    if (!json_enter(&s))
        return false;
    for (; json_element(&s); count++) {
        if (!json_skip(&s, &item) || !(next ? fits(j, next, item) : !items || fits(j, items, item)))
            return false;
        next = next ? next->next : NULL;
    }
    return !(json_get_i64(schema, "minItems", &bound) && count < bound) && !(json_get_i64(schema, "maxItems", &bound) && count > bound);
}

static bool object_fits(const struct judge *j, const struct json_node *schema, struct str raw)
{
    const struct json_node *props = json_get(schema, "properties"), *required = json_get(schema, "required"), *more = json_get(schema, "additionalProperties");
    int found[16] = {0};
    struct json_scan s = scan_of(raw);
    struct str key, value;
    if (!json_enter(&s))
        return false;
    while (json_member(&s, &key)) {
        const struct json_node *p = props ? props->child : NULL;
        int i = 0;
        for (; p && !json_key_is(key, p->key); p = p->next)
            i++;
        if (!json_skip(&s, &value) || (p && found[i]++) || !(p ? fits(j, p, value) : !more || fits(j, more, value)))
            return false;
    }
    for (const struct json_node *x = required ? required->child : NULL; x; x = x->next) {
        int i = 0;
        bool there = false;
        for (const struct json_node *p = props ? props->child : NULL; p; p = p->next, i++)
            there = there || (str_eq(p->key, x->text) && found[i]);
        if (!there)
            return false;
    }
    return true;
}

static bool same_value(const struct json_node *want, struct str raw)
{
    AUTO_BUF struct buf a = BUF_INIT(64 * KiB);
    struct json_scan s = scan_of(raw);
    struct str text;
    if (want->type == JSON_STRING)
        return json_peek(&s) == JSON_STRING && json_string(&s, &text) && json_key_is(text, want->text);
    return str_eq(want->text, raw);
}

static bool fits(const struct judge *j, const struct json_node *schema, struct str raw)
{
    const struct json_node *m, *x;
    struct str ref = json_get_text(schema, "$ref");
    if (schema->type == JSON_TRUE || schema->type == JSON_FALSE)
        return schema->type == JSON_TRUE;
    if (ref.ptr && !fits(j, json_get(json_get(j->root, "$defs"), "tree"), raw))
        return false;
    if ((m = json_get(schema, "allOf"))) {
        bool all_required = true;
        for (x = m->child; x; x = x->next) {
            if (json_get(x, "$ref") && !fits(j, x, raw))
                return false;
            if (json_get(x, "required")) /* "more" is asked for: it is there, whatever it is */
                all_required = all_required && str_find(raw, STR("\"more\"")) >= 0;
        }
        if (!all_required)
            return false;
    }
    if ((m = json_get(schema, "anyOf"))) {
        for (x = m->child; x && !fits(j, x, raw);)
            x = x->next;
        if (!x)
            return false;
    }
    if ((m = json_get(schema, "enum"))) {
        for (x = m->child; x && !same_value(x, raw);)
            x = x->next;
        return x;
    }
    if ((m = json_get(schema, "const")))
        return same_value(m, raw);
    if ((m = json_get(schema, "type"))) {
        bool any = false;
        for (x = m->type == JSON_ARRAY ? m->child : m; x; x = m->type == JSON_ARRAY ? x->next : NULL)
            any = any || type_fits(x->text, raw);
        if (!any)
            return false;
    }
    switch (raw.ptr[0]) {
    case '"': return string_fits(j, schema, raw);
    case '[': return array_fits(j, schema, raw);
    case '{': return object_fits(j, schema, raw);
    case 't':
    case 'f':
    case 'n': return true;
    default: return number_fits(schema, raw);
    }
}

/* --- generation by masks ----------------------------------------------------------------------------------------------------- */

struct trial {
    struct grammar *g;
    struct grammar_run *run, *other;
    struct buf text;
    struct rng *r;
    uint64_t mask[64];
    float logits[2048];
};

/* The mask is exactly what trying each token says. */
static void mask_is_exact(struct trial *t)
{
    for (uint32_t id = 0; id + 2 < tokens.count; id++) {
        bool in = t->mask[id / 64] >> id % 64 & 1, fine = false;
        grammar_run_restart(t->other);
        if (tokens.piece[id].len > 0)
            fine = grammar_advance(t->other, buf_str(&t->text), NULL) == 0 && grammar_advance(t->other, tokens.piece[id], NULL) == 0;
        if (in != fine)
            test_fail(__FILE__, __LINE__, "token %u (%.*s) after %.*s: the mask says %d", id, STR_FMT(tokens.piece[id]), STR_FMT(buf_str(&t->text)), in);
    }
    EXPECT_I64(t->mask[(tokens.count - 1) / 64] >> (tokens.count - 1) % 64 & 1, grammar_complete(t->run));
}

/* 1: a whole answer in t->text; 0: cut; -1: an error. */
static int generate(struct trial *t, struct sampler *s, struct sampler_room *room, int steps_max)
{
    struct err e = {0};
    for (int step = 0; step < steps_max; step++) {
        struct sampler_choice choice;
        if (grammar_mask(t->run, t->mask, &e) < 0) {
            test_fail(__FILE__, __LINE__, "no mask after %.*s: %s", STR_FMT(buf_str(&t->text)), e.text);
            return -1;
        }
        if (chance(t->r, 300))
            mask_is_exact(t);
        for (uint32_t i = 0; i < tokens.count; i++) {
            t->logits[i] = (float)rng_below(t->r, 1000) / 100;
            struct str p = tokens.piece[i];
            if (step > 40 && p.len && (p.ptr[p.len - 1] == '}' || p.ptr[p.len - 1] == ']' || p.ptr[p.len - 1] == '"'))
                t->logits[i] += (float)step / 10;
        }
        t->logits[tokens.count - 1] += (float)step / 4;
        if (sampler_pick(s, room, t->logits, t->mask, &choice, &e) < 0) {
            test_fail(__FILE__, __LINE__, "%s", e.text);
            return -1;
        }
        if (kit_is_end(&tokens, choice.token))
            return 1;
        if (grammar_advance(t->run, tokens.piece[choice.token], &e) < 0 || buf_append(&t->text, tokens.piece[choice.token]) < 0) {
            test_fail(__FILE__, __LINE__, "%s", e.text);
            return -1;
        }
    }
    return 0;
}

TEST(a_thousand_random_schemas_and_random_weights_give_valid_answers)
{
    struct rng r;
    rng_seed(&r, 99);
    struct sampler_room *room = NULL;
    struct sampler *s = NULL;
    struct sampler_options o = SAMPLER_DEFAULTS;
    int whole = 0;
    vocab();
    REQUIRE(sampler_room_new(&room, tokens.count, NULL) == 0 && sampler_new(&s, tokens.count, &o, NULL) == 0);
    for (int i = 0; i < 1000; i++) {
        AUTO_BUF struct buf schema = BUF_INIT(MiB);
        struct arena arena = ARENA_INIT(16 * MiB);
        struct maker m = {&schema, &r};
        struct trial t = {.text = BUF_INIT(MiB), .r = &r};
        struct err e = {0};
        struct json_node *root;
        make_root(&m);
        if (grammar_schema(&t.g, buf_str(&schema), &e) < 0)
            test_fail(__FILE__, __LINE__, "%.*s: %s", STR_FMT(buf_str(&schema)), e.text);
        REQUIRE(t.g && grammar_run_new(&t.run, t.g, vocab(), &e) == 0 && grammar_run_new(&t.other, t.g, vocab(), &e) == 0);
        REQUIRE(json_parse(&arena, buf_str(&schema), &root, NULL) == 0);
        if (generate(&t, s, room, 600) == 1) {
            struct judge j = {root, &arena};
            whole++;
            if (json_check(buf_str(&t.text), &e) < 0 || !fits(&j, root, buf_str(&t.text)))
                test_fail(__FILE__, __LINE__, "%.*s\ngave %.*s %s", STR_FMT(buf_str(&schema)), STR_FMT(buf_str(&t.text)), e.text);
        }
        grammar_run_free(t.run);
        grammar_run_free(t.other);
        grammar_free(t.g);
        buf_fini(&t.text);
        arena_fini(&arena);
    }
    printf("%d of 1000 answers came to their end in 600 tokens; all of those were judged\n", whole);
    EXPECT(whole > 900);
    sampler_free(s);
    sampler_room_free(room);
}

/* --- instances --------------------------------------------------------------------------------------------------------------- */

static void make_value(struct json_writer *w, const struct judge *j, const struct json_node *schema, struct rng *r, int depth);

static void make_text(struct json_writer *w, const struct json_node *schema, struct rng *r)
{
    static const char *const chars[] = {"a", "\"", "\\", "/", "\n", "\x01", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\x7F", " "};
    struct str pattern = json_get_text(schema, "pattern");
    int64_t min = 0, max = 8;
    char text[64];
    size_t len = 0;
    for (size_t k = 0; pattern.ptr && k < COUNT_OF(PATTERNS); k++) {
        if (json_key_is(str_from(PATTERNS[k].text), pattern)) {
            json_text(w, PATTERNS[k].example);
            return;
        }
    }
    (void)json_get_i64(schema, "minLength", &min);
    (void)json_get_i64(schema, "maxLength", &max);
    int64_t count = min + (int64_t)rng_below(r, (uint64_t)(max - min + 1));
    for (int64_t i = 0; i < count; i++) {
        const char *c = chars[rng_below(r, COUNT_OF(chars))];
        memcpy(text + len, c, strlen(c));
        len += strlen(c);
    }
    json_str(w, str_of(text, len));
}

static void make_bounded(struct json_writer *w, const struct json_node *schema, struct rng *r)
{
    for (int i = 0; i < 100000; i++) { /* try until one fits: bounds are some hundreds apart */
        char text[40];
        int64_t n = (int64_t)rng_below(r, 1200) - 600;
        bool integer = str_eq(json_get_text(schema, "type"), STR("integer"));
        size_t len = integer || chance(r, 2) ? text_format(text, sizeof text, "%lld", (long long)n)
                                             : text_format(text, sizeof text, "%lld.%u", (long long)n, (unsigned)rng_below(r, 1000));
        if (number_fits(schema, str_of(text, len))) {
            json_raw(w, str_of(text, len));
            return;
        }
    }
    test_fail(__FILE__, __LINE__, "no number fits");
}

static void make_object(struct json_writer *w, const struct judge *j, const struct json_node *schema, struct rng *r, int depth)
{
    const struct json_node *props = json_get(schema, "properties"), *required = json_get(schema, "required");
    json_object_begin(w);
    for (const struct json_node *p = props ? props->child : NULL; p; p = p->next) {
        bool must = false;
        for (const struct json_node *x = required ? required->child : NULL; x; x = x->next)
            must = must || str_eq(x->text, p->key);
        if (!must && (depth > 8 || chance(r, 2)))
            continue;
        json_key_str(w, p->key);
        make_value(w, j, p, r, depth + 1);
    }
    const struct json_node *more = json_get(schema, "additionalProperties");
    if (more && more->type != JSON_FALSE && depth < 6) {
        json_key(w, "other");
        make_value(w, j, more, r, depth + 1);
        json_key(w, "k\xC3\xA9/\"");
        make_value(w, j, more, r, depth + 1);
    }
    json_object_end(w);
}

static void make_value(struct json_writer *w, const struct judge *j, const struct json_node *schema, struct rng *r, int depth)
{
    const struct json_node *m;
    if ((m = json_get(schema, "anyOf"))) {
        const struct json_node *x = m->child;
        for (uint64_t k = rng_below(r, m->count); k > 0; k--)
            x = x->next;
        make_value(w, j, x, r, depth);
    } else if ((m = json_get(schema, "allOf"))) {
        json_raw(w, STR("{\"v\":-3,\"more\":[{\"v\":0}]}"));
    } else if (json_get(schema, "$ref")) {
        make_value(w, j, json_get(json_get(j->root, "$defs"), "tree"), r, depth + 3);
    } else if ((m = json_get(schema, "enum"))) {
        const struct json_node *x = m->child;
        for (uint64_t k = rng_below(r, m->count); k > 0; k--)
            x = x->next;
        if (x->type == JSON_STRING)
            json_str(w, x->text);
        else
            json_raw(w, x->text);
    } else if ((m = json_get(schema, "const"))) {
        json_str(w, m->text);
    } else if (!(m = json_get(schema, "type"))) {
        json_raw(w, STR("{\"\":[1.25e2,{\"x\":null}],\"\\u0001\":-0}"));
    } else if (m->type == JSON_ARRAY) {
        json_bool(w, true);
    } else if (str_eq(m->text, STR("null"))) {
        json_null(w);
    } else if (str_eq(m->text, STR("string"))) {
        make_text(w, schema, r);
    } else if (str_eq(m->text, STR("object"))) {
        make_object(w, j, schema, r, depth);
    } else if (str_eq(m->text, STR("array"))) {
        int64_t min = 0, max = 0;
        (void)json_get_i64(schema, "minItems", &min);
        max = depth > 6 ? min : min + 2;
        (void)json_get_i64(schema, "maxItems", &max);
        const struct json_node *prefix = json_get(schema, "prefixItems"), *next = prefix ? prefix->child : NULL;
        json_array_begin(w);
        for (int64_t i = (int64_t)rng_below(r, (uint64_t)(max - min + 1)) + min; i > 0; i--) {
            make_value(w, j, next ? next : json_get(schema, "items"), r, depth + 1);
            next = next ? next->next : NULL;
        }
        json_array_end(w);
    } else {
        make_bounded(w, schema, r);
    }
}

TEST(every_valid_instance_in_the_order_of_the_schema_is_taken)
{
    struct rng r;
    rng_seed(&r, 4711);
    for (int i = 0; i < 1000; i++) {
        AUTO_BUF struct buf schema = BUF_INIT(MiB);
        struct arena arena = ARENA_INIT(16 * MiB);
        struct maker m = {&schema, &r};
        struct grammar *g = NULL;
        struct grammar_run *run = NULL;
        struct json_node *root;
        make_root(&m);
        REQUIRE(grammar_schema(&g, buf_str(&schema), NULL) == 0 && grammar_run_new(&run, g, vocab(), NULL) == 0);
        REQUIRE(json_parse(&arena, buf_str(&schema), &root, NULL) == 0);
        struct judge j = {root, &arena};
        for (int k = 0; k < 10; k++) {
            AUTO_BUF struct buf text = BUF_INIT(MiB);
            struct json_writer w = JSON_WRITER(&text);
            struct err e = {0};
            make_value(&w, &j, root, &r, 0);
            REQUIRE(json_done(&w) == 0);
            EXPECT(fits(&j, root, buf_str(&text))); /* generator and validator agree */
            grammar_run_restart(run);
            if (grammar_advance(run, buf_str(&text), &e) < 0 || !grammar_complete(run))
                test_fail(__FILE__, __LINE__, "%.*s\ndoes not take %.*s: %s", STR_FMT(buf_str(&schema)), STR_FMT(buf_str(&text)), e.text);
        }
        grammar_run_free(run);
        grammar_free(g);
        arena_fini(&arena);
    }
}

/* --- the rest ------------------------------------------------------------------------------------------------------------------ */

TEST(a_refused_text_leaves_the_run_where_it_was)
{
    struct grammar *g = NULL;
    struct grammar_run *r = NULL;
    REQUIRE(grammar_any_object(&g, NULL) == 0 && grammar_run_new(&r, g, vocab(), NULL) == 0);
    EXPECT_I64(grammar_advance(r, STR("{\"a\":"), NULL), 0);
    EXPECT_I64(grammar_advance(r, STR("1]"), NULL), ERR_REFUSED);
    EXPECT_I64(grammar_advance(r, STR("2}"), NULL), 0);
    EXPECT(grammar_complete(r));
    grammar_run_free(r);
    grammar_free(g);
}

TEST(when_the_answer_is_whole_only_end_tokens_are_left)
{
    struct grammar *g = NULL;
    struct grammar_run *r = NULL;
    uint64_t mask[64] = {0};
    REQUIRE(grammar_any_object(&g, NULL) == 0 && grammar_run_new(&r, g, vocab(), NULL) == 0);
    REQUIRE(grammar_advance(r, STR("{}"), NULL) == 0 && grammar_mask(r, mask, NULL) == 0);
    for (uint32_t i = 0; i < tokens.count; i++)
        EXPECT_I64(mask[i / 64] >> i % 64 & 1, kit_is_end(&tokens, i));
    grammar_run_free(r);
    grammar_free(g);
}

/* Nesting is followed as deep as is allowed, and there everything still ends. */
TEST(depth_has_an_end_and_no_dead_end)
{
    struct grammar *g = NULL;
    struct grammar_run *r = NULL;
    int depth = 0;
    REQUIRE(grammar_any_object(&g, NULL) == 0 && grammar_run_new(&r, g, vocab(), NULL) == 0);
    REQUIRE(grammar_advance(r, STR("{\"a\":"), NULL) == 0);
    while (depth < 1000 && grammar_advance(r, STR("["), NULL) == 0)
        depth++;
    EXPECT(depth >= 25 && depth < 64);
    for (int i = 0; i < depth; i++)
        EXPECT_I64(grammar_advance(r, STR("]"), NULL), 0);
    EXPECT_I64(grammar_advance(r, STR("}"), NULL), 0);
    EXPECT(grammar_complete(r));
    grammar_run_free(r);
    grammar_free(g);
}

/* As deep as possible, with the shortest way out longer than a step: whoever opens what can be opened still comes to an end. */
TEST(what_is_opened_at_the_greatest_depth_can_be_closed)
{
    static const char *const schema[] = {
        "{\"$defs\":{\"a\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"object\",\"properties\":{\"x\":{\"$ref\":\"#/$defs/b\"}},\"required\":[\"x\"]}]},"
        "\"b\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/c\"}},\"c\":{\"allOf\":[{\"$ref\":\"#/$defs/a\"}]}},\"$ref\":\"#/$defs/a\"}",
        "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"object\",\"required\":[\"x\"],\"additionalProperties\":{\"$ref\":\"#\"}}]}}"};
    for (size_t i = 0; i < COUNT_OF(schema); i++) {
        struct grammar *g = NULL;
        struct grammar_run *r = NULL;
        int steps = 0, deepest = 0, depth = 0;
        REQUIRE(grammar_schema(&g, str_from(schema[i]), NULL) == 0 && grammar_run_new(&r, g, vocab(), NULL) == 0);
        while (!grammar_complete(r) && steps++ < 5000) {
            static const char order[] = "{[:x\"nul]}";
            const char *c = order;
            if (steps == 1 && i == 1)
                c++;
            while (*c && grammar_advance(r, str_of(c, 1), NULL) < 0)
                c++;
            REQUIRE(*c); /* no dead end */
            depth += *c == '[' ? 1 : *c == ']' ? -1 : 0;
            deepest = depth > deepest ? depth : deepest;
        }
        EXPECT(grammar_complete(r));
        EXPECT(deepest > 12);
        grammar_run_free(r);
        grammar_free(g);
    }
}

/* Tables that are full are emptied on the way. */
TEST(long_texts_outlive_the_tables)
{
    struct grammar *g = NULL;
    struct grammar_run *r = NULL;
    struct rng rng;
    uint64_t mask[64];
    rng_seed(&rng, 1);
    REQUIRE(grammar_schema(&g, STR("{\"type\":\"array\",\"items\":{\"type\":\"string\",\"minLength\":20000}}"), NULL) == 0);
    REQUIRE(grammar_run_new(&r, g, vocab(), NULL) == 0);
    EXPECT_I64(grammar_advance(r, STR("[\""), NULL), 0);
    for (int i = 0; i < 19999; i++)
        EXPECT_I64(grammar_advance(r, i % 2 ? STR("\xC3\xA9") : STR("x"), NULL), 0);
    REQUIRE(grammar_mask(r, mask, NULL) == 0);
    EXPECT_I64(grammar_advance(r, STR("\""), NULL), ERR_REFUSED);
    EXPECT_I64(grammar_advance(r, STR("x\"]"), NULL), 0);
    EXPECT(grammar_complete(r));
    EXPECT(grammar_run_bytes(r) < 9 * MiB);
    grammar_run_free(r);
    grammar_free(g);
}

static int make_all(void *ctx)
{
    static const char *const schema[] = {
        "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/x\"},\"b\":{\"type\":\"string\",\"pattern\":\"^a+$\",\"maxLength\":3}},"
        "\"additionalProperties\":{\"allOf\":[{\"$ref\":\"#/$defs/x\"},{\"minItems\":1}]},\"$defs\":{\"x\":{\"type\":\"array\",\"items\":{\"anyOf\":"
        "[{\"enum\":[\"q\",1]},{\"type\":\"number\",\"minimum\":2}]}}}}"};
    struct kit_vocab *small = ctx;
    struct grammar_pieces p = kit_pieces(small);
    struct grammar_vocab *v = NULL;
    struct grammar *g = NULL;
    struct grammar_run *r = NULL;
    uint64_t mask[8];
    int rc = grammar_vocab_new(&v, &p, NULL);
    rc = rc < 0 ? rc : grammar_schema(&g, str_from(schema[0]), NULL);
    rc = rc < 0 ? rc : grammar_run_new(&r, g, v, NULL);
    rc = rc < 0 ? rc : grammar_advance(r, STR("{\"a\":[2,"), NULL);
    rc = rc < 0 ? rc : grammar_mask(r, mask, NULL);
    grammar_run_free(r);
    grammar_free(g);
    grammar_vocab_free(v);
    return rc;
}

TEST(every_allocation_may_fail)
{
    struct kit_vocab small;
    struct rng r;
    rng_seed(&r, 3);
    kit_vocab_make(&small, 50, 6, &r);
    test_torture("grammar", make_all, &small);
    kit_vocab_free(&small);
}

/* --- hostile schemas: each of these once took a process down, or a core for minutes ------------------------------------------------ */

/* Compiles, and says how long that took. */
static int compile_timed(struct str schema, double *took, struct err *e)
{
    struct grammar *g = NULL;
    double t = cpu_seconds();
    int rc = grammar_schema(&g, schema, e);
    *took = cpu_seconds() - t;
    grammar_free(g);
    return rc;
}

TEST(a_name_of_a_hundred_thousand_characters_is_no_depth)
{
    AUTO_BUF struct buf b = BUF_INIT(1 * MiB);
    struct err e = {0};
    double took;
    EXPECT(buf_append_text(&b, "{\"type\":\"object\",\"properties\":{\"") == 0);
    for (int i = 0; i < 200 * 1000; i++)
        EXPECT(buf_append_char(&b, 'n') == 0);
    EXPECT(buf_append_text(&b, "\":{}},\"additionalProperties\":true}") == 0);
    EXPECT(compile_timed(buf_str(&b), &took, &e) == ERR_LIMIT);
    EXPECT(took < 2 * SLOWER);
}

TEST(what_repeats_nothing_costs_nothing)
{
    static const char *const pattern[] = {"(((((){1000}){1000}){1000}){1000}){1000}", "((((a{0}){1000}){1000}){1000}){1000}", "(((((){0,1000}){0,1000}){1000}){1000}){1000}"};
    for (size_t i = 0; i < COUNT_OF(pattern); i++) {
        AUTO_BUF struct buf b = BUF_INIT(1 * KiB);
        struct err e = {0};
        double took;
        EXPECT(buf_append_format(&b, "{\"type\":\"string\",\"pattern\":\"%s\"}", pattern[i]) == 0);
        (void)compile_timed(buf_str(&b), &took, &e);
        EXPECT(took < 2 * SLOWER);
    }
}

/* One pattern may be as complex as is just allowed: not four thousand of them. */
TEST(the_patterns_of_a_schema_have_one_price)
{
    AUTO_BUF struct buf b = BUF_INIT(1 * MiB);
    struct err e = {0};
    double took;
    EXPECT(buf_append_text(&b, "{\"type\":\"object\",\"properties\":{") == 0);
    for (int i = 0; i < 2000; i++)
        EXPECT(buf_append_format(&b, "%s\"p%d\":{\"type\":\"string\",\"pattern\":\"(((){300}){300}){300}\"}", i ? "," : "", i) == 0);
    EXPECT(buf_append_text(&b, "}}") == 0);
    EXPECT(compile_timed(buf_str(&b), &took, &e) == ERR_LIMIT);
    EXPECT(took < 6 * SLOWER); /* two seconds; minutes once. Thread sanitizer takes it hard */
}

TEST(a_schema_with_many_formats_is_taken)
{
    static const char *const format[] = {"email", "date-time", "uuid", "ipv4", "duration"};
    AUTO_BUF struct buf b = BUF_INIT(1 * MiB);
    struct err e = {0};
    double took;
    EXPECT(buf_append_text(&b, "{\"type\":\"object\",\"properties\":{") == 0);
    for (int i = 0; i < 60; i++)
        EXPECT(buf_append_format(&b, "%s\"p%d\":{\"type\":\"string\",\"format\":\"%s\"}", i ? "," : "", i, format[i % 5]) == 0);
    EXPECT(buf_append_text(&b, "}}") == 0);
    EXPECT(compile_timed(buf_str(&b), &took, &e) == 0);
}

/* allOf of two lists of properties, again and again: each merge is as long as both. */
TEST(schemas_put_together_have_a_price)
{
    AUTO_BUF struct buf b = BUF_INIT(1 * MiB);
    struct err e = {0};
    double took;
    EXPECT(buf_append_text(&b, "{\"$defs\":{") == 0);
    for (int side = 0; side < 2; side++) {
        EXPECT(buf_append_format(&b, "%s\"%c\":{\"properties\":{", side ? "," : "", 'p' + side) == 0);
        for (int i = 0; i < 4000; i++)
            EXPECT(buf_append_format(&b, "%s\"%c%d\":{}", i ? "," : "", 'a' + side, i) == 0);
        EXPECT(buf_append_text(&b, "}}") == 0);
    }
    EXPECT(buf_append_text(&b, "},\"allOf\":[") == 0);
    for (int i = 0; i < 4000; i++)
        EXPECT(buf_append_format(&b, "%s{\"$ref\":\"#/$defs/%c\"}", i ? "," : "", 'p' + i % 2) == 0);
    EXPECT(buf_append_text(&b, "]}") == 0);
    EXPECT(compile_timed(buf_str(&b), &took, &e) == ERR_LIMIT);
    EXPECT(took < 2 * SLOWER);
}
