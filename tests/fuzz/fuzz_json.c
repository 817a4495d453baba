/* fuzz_json.c: any bytes as JSON. The scanner, the tree and the writer must agree with each other, and what is written
 * must mean what was read. */
#include "base/json.h"
#include "base/json_priv.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Walks containers as a caller would, instead of skipping them whole. */
static void walk(struct json_scan *s)
{
    struct str key, raw;

    switch (json_peek(s)) {
    case JSON_OBJECT:
        if (json_enter(s)) {
            while (json_member(s, &key))
                walk(s);
        }
        break;
    case JSON_ARRAY:
        if (json_enter(s)) {
            while (json_element(s))
                walk(s);
        }
        break;
    case JSON_STRING: (void)json_string(s, &raw); break;
    default: json_skip(s, NULL);
    }
}

static void same_nodes(const struct json_node *a, const struct json_node *b)
{
    assert(a->type == b->type && a->count == b->count && str_eq(a->key, b->key));
    if (a->type != JSON_OBJECT && a->type != JSON_ARRAY)
        assert(str_eq(a->text, b->text));
    const struct json_node *x = a->child, *y = b->child;
    for (uint32_t i = 0; i < a->count; i++, x = x->next, y = y->next)
        same_nodes(x, y);
    assert(!x && !y);
}

static void check_tree(struct str text, bool valid)
{
    struct arena a = ARENA_INIT(64 * MiB);
    struct json_node *first, *second;
    struct err e = {0};
    int rc = json_parse(&a, text, &first, &e);

    assert(valid ? rc == 0 || str_contains_fold(str_from(e.text), STR("given twice")) : rc == ERR_SYNTAX);
    if (rc == 0) {
        AUTO_BUF struct buf b = BUF_INIT(16 * MiB);
        struct json_writer w = JSON_WRITER(&b);
        json_value(&w, first);
        assert(json_done(&w) == 0);
        rc = json_parse(&a, buf_str(&b), &second, NULL);
        assert(rc == 0);
        same_nodes(first, second);
    }
    arena_fini(&a);
}

/* The input as the inside of a string, and as a number. */
static void check_string(struct str text)
{
    const char *end = text.ptr + text.len, *problem_1 = NULL, *problem_2 = NULL;
    const char *at = json_string_end(text.ptr, end, &problem_1);
    const char *portable = json_string_end_portable(text.ptr, end, &problem_2);

    assert(at == portable && problem_1 == problem_2);
    if (problem_1)
        return;
    struct str raw = str_of(text.ptr, (size_t)(at - text.ptr));
    AUTO_BUF struct buf plain = BUF_INIT(text.len), quoted = BUF_INIT(6 * text.len + 2);
    int rc = json_unescape(raw, &plain);
    assert(rc == 0 && json_key_is(raw, buf_str(&plain)));
    struct arena a = ARENA_INIT(text.len + 64);
    assert(str_eq(json_unescape_arena(raw, &a), buf_str(&plain)));
    struct json_writer w = JSON_WRITER(&quoted);
    json_str(&w, buf_str(&plain));
    assert(json_done(&w) == 0);
    assert(json_key_is(str_slice(buf_str(&quoted), 1, quoted.len - 1), buf_str(&plain)));
    arena_fini(&a);
}

static void check_number(struct str text)
{
    int64_t n;
    double d;

    if (json_to_i64(text, &n)) {
        assert(json_check(text, NULL) == 0);
        assert(json_to_double(text, &d) && d == (double)n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_of(data, size);
    struct json_scan s;
    struct err skipped = {0}, walked = {0};

    int rc = json_check(text, &skipped);
    json_scan_init(&s, text);
    walk(&s);
    assert(json_finish(&s, &walked) == rc);
    assert(str_eq(str_from(skipped.text), str_from(walked.text)));
    check_tree(text, rc == 0);
    check_string(text);
    check_number(text);
    return 0;
}
