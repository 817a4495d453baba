/* config_json.c: a YAML value as JSON text, for the defaults of a job.
 *
 * Plain scalars are read by YAML's core schema (null, true, 12, 0x1f, .5, …); everything quoted is a string. Numbers
 * keep their digits, they do not pass through a double. */
#include "base/json.h"
#include "base/mem.h"
#include "config/config_priv.h"

enum { JSON_BYTES_MAX = 6 * CONFIG_TEXT_BYTES_MAX + 16 * CONFIG_NODES_MAX }; /* a byte is at most \u00xx */

struct number { /* parts of a decimal number */
    bool negative;
    struct str whole, fraction, exponent; /* exponent with its sign */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct str take_digits(struct str *s)
{
    size_t n = 0;
    while (n < s->len && is_digit(s->ptr[n]))
        n++;
    struct str digits = str_slice(*s, 0, n);
    *s = str_skip(*s, n);
    return digits;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

/* [-+]? ( .[0-9]+ | [0-9]+ (.[0-9]*)? ) ([eE] [-+]? [0-9]+)? */
static bool split_number(struct str s, struct number *out)
{
    struct number n = {.negative = s.len && s.ptr[0] == '-'};
    if (!take_char(&s, '-'))
        (void)take_char(&s, '+'); /* may be there or not */
    n.whole = take_digits(&s);
    if (take_char(&s, '.'))
        n.fraction = take_digits(&s);
    if (n.whole.len + n.fraction.len == 0)
        return false;
    if (take_char(&s, 'e') || take_char(&s, 'E')) {
        n.exponent = s;
        if (!take_char(&s, '-'))
            (void)take_char(&s, '+'); /* likewise */
        if (take_digits(&s).len == 0)
            return false;
    }
    *out = n;
    return s.len == 0;
}

static int append_number(struct buf *out, struct number n)
{
    while (n.whole.len > 1 && n.whole.ptr[0] == '0') /* 007 is seven in YAML, and nothing in JSON */
        n.whole = str_skip(n.whole, 1);
    int rc = n.negative ? buf_append_char(out, '-') : 0;
    if (rc == 0)
        rc = buf_append(out, n.whole.len ? n.whole : STR("0"));
    if (rc == 0 && n.fraction.len)
        rc = buf_append_format(out, ".%.*s", STR_FMT(n.fraction));
    if (rc == 0 && n.exponent.len)
        rc = buf_append_format(out, "e%.*s", STR_FMT(n.exponent));
    return rc;
}

static int hex_digit(char c)
{
    return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* 0x1f and 0o17. False when it is neither, or more than 64 bits. */
static bool to_based_number(struct str s, uint64_t *out)
{
    unsigned base = str_starts(s, STR("0x")) ? 16 : str_starts(s, STR("0o")) ? 8 : 0;
    uint64_t n = 0;
    if (base == 0 || s.len < 3)
        return false;
    for (size_t i = 2; i < s.len; i++) {
        unsigned digit = (unsigned)hex_digit(s.ptr[i]);
        if (digit >= base || __builtin_mul_overflow(n, (uint64_t)base, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *out = n;
    return true;
}

static bool is_one_of(struct str s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(s, str_from(words[i])))
            return true;
    return false;
}

static bool is_unwritable(struct str s)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
    if (!take_char(&s, '-'))
        (void)take_char(&s, '+'); /* may be there or not */
    return is_one_of(s, words, COUNT_OF(words));
}

/* The text as a JSON number: 1, or 0 when it is none, or an error of the buf. */
static int to_json_number(struct str s, struct buf *out)
{
    struct number number;
    uint64_t based;
    int rc = 0;
    if (split_number(s, &number))
        rc = append_number(out, number);
    else if (to_based_number(s, &based))
        rc = buf_append_u64(out, based);
    else
        return 0;
    return rc < 0 ? rc : 1;
}

static int write_plain(struct config_reader *r, const struct config_node *n, struct json_writer *w)
{
    static const char *const null_words[] = {"", "~", "null", "Null", "NULL"};
    static const char *const true_words[] = {"true", "True", "TRUE"}, *const false_words[] = {"false", "False",
                                                                                              "FALSE"};
    AUTO_BUF struct buf number = BUF_INIT(CONFIG_TEXT_BYTES_MAX);
    if (is_unwritable(n->text))
        return FAIL(r, n->mark, "JSON has no number %s", config_quoted(n->text).text);
    int is_number = to_json_number(n->text, &number);
    if (is_number < 0)
        return FAIL_NOMEM(r);
    bool truth = is_one_of(n->text, true_words, COUNT_OF(true_words));
    if (is_number)
        json_raw(w, buf_str(&number));
    else if (truth || is_one_of(n->text, false_words, COUNT_OF(false_words)))
        json_bool(w, truth);
    else if (is_one_of(n->text, null_words, COUNT_OF(null_words)))
        json_null(w);
    else
        json_str(w, n->text);
    return 0;
}

/* Recursion is bounded by CONFIG_DEPTH_MAX. */
static int write_node(struct config_reader *r, const struct config_node *n, struct json_writer *w)
{
    int rc = 0;
    if (n->kind == NODE_SCALAR && n->plain)
        return write_plain(r, n, w);
    if (n->kind == NODE_SCALAR) {
        json_str(w, n->text);
        return 0;
    }
    if (n->kind == NODE_MAP)
        json_object_begin(w);
    else
        json_array_begin(w);
    for (const struct config_item *i = n->first; i && rc == 0; i = i->next) {
        if (n->kind == NODE_MAP)
            json_key_str(w, i->key->text);
        rc = write_node(r, i->value, w);
    }
    if (n->kind == NODE_MAP)
        json_object_end(w);
    else
        json_array_end(w);
    return rc;
}

int config_to_json(struct config_reader *r, const struct config_node *n, struct str *out)
{
    AUTO_BUF struct buf text = BUF_INIT(JSON_BYTES_MAX);
    struct json_writer w = JSON_WRITER(&text);
    int rc = write_node(r, n, &w);
    if (rc < 0)
        return rc;
    if (json_done(&w) < 0)
        return FAIL_NOMEM(r);
    *out = arena_dup(&r->c->arena, buf_str(&text));
    return out->ptr ? 0 : FAIL_NOMEM(r);
}
