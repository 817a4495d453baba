/* template_test.c: the tests of templates (what stands behind `is`), as Jinja2 defines them. */
#include "engine/template_priv.h"

#define ARGS \
    struct tpl_run *r, struct tpl_value v, const struct tpl_value *a, const struct tpl_args *args, struct tpl_value *out
#define UNUSED (void)r, (void)v, (void)a, (void)args

static const struct str NOT_GIVEN = {"an argument that was not given", 30};

#define TEST_OF(name, condition)    \
    static bool test_##name(ARGS)   \
    {                               \
        UNUSED;                     \
        *out = tpl_bool(condition); \
        return true;                \
    }

TEST_OF(defined, v.kind != TPL_UNDEFINED)
TEST_OF(undefined, v.kind == TPL_UNDEFINED)
TEST_OF(none, v.kind == TPL_NONE)
TEST_OF(string, v.kind == TPL_TEXT)
TEST_OF(mapping, v.kind == TPL_DICT)
TEST_OF(iterable, v.kind == TPL_TEXT || v.kind == TPL_LIST || v.kind == TPL_DICT || v.kind == TPL_UNDEFINED)
TEST_OF(sequence, v.kind == TPL_TEXT || v.kind == TPL_LIST || v.kind == TPL_DICT || v.kind == TPL_UNDEFINED)
TEST_OF(true, v.kind == TPL_BOOL && v.truth)
TEST_OF(false, v.kind == TPL_BOOL && !v.truth)
TEST_OF(boolean, v.kind == TPL_BOOL)
TEST_OF(number, tpl_is_number(v))
TEST_OF(integer, v.kind == TPL_INT)
TEST_OF(float, v.kind == TPL_FLOAT)
TEST_OF(callable, v.kind == TPL_MACRO || v.kind == TPL_FUNCTION || v.kind == TPL_METHOD)
TEST_OF(filter, v.kind == TPL_TEXT && tpl_builtin_find(tpl_filters, tpl_str(v)))
TEST_OF(test, v.kind == TPL_TEXT && tpl_builtin_find(tpl_tests, tpl_str(v)))

static bool parity(struct tpl_run *r, struct tpl_value v, int64_t by, int64_t rest, struct tpl_value *out)
{
    if (v.kind != TPL_INT && v.kind != TPL_BOOL)
        return tpl_fail(r, ERR_INVALID, "wants an integer, not %s", tpl_kind_name(v));
    if (by == 0)
        return tpl_fail(r, ERR_INVALID, "division by zero");
    *out = tpl_bool(by == -1 || ((tpl_integer(v) % by) + by) % by == rest);
    return true;
}

static bool test_odd(ARGS)
{
    UNUSED;
    return parity(r, v, 2, 1, out);
}

static bool test_even(ARGS)
{
    UNUSED;
    return parity(r, v, 2, 0, out);
}

static bool test_divisibleby(ARGS)
{
    int64_t by;

    UNUSED;
    return tpl_int_arg(r, a[0], 0, &by) && parity(r, v, by < 0 && by != INT64_MIN ? -by : by, 0, out);
}

/* All letters are of one case, that of `from`, and there are some. */
static bool one_case(struct tpl_run *r, struct tpl_value v, char from, struct tpl_value *out)
{
    struct str s = v.kind == TPL_TEXT ? tpl_str(v) : STR_NONE;
    bool any = false, other = false;

    for (size_t i = 0; i < s.len && !other; i++) {
        bool letter = (unsigned char)((s.ptr[i] | 32) - 'a') < 26;
        any = any || letter;
        other = letter && (unsigned char)(s.ptr[i] - from) >= 26;
    }
    *out = tpl_bool(any && !other);
    return tpl_steps(r, s.len / 64);
}

static bool test_lower(ARGS)
{
    UNUSED;
    return one_case(r, v, 'a', out);
}

static bool test_upper(ARGS)
{
    UNUSED;
    return one_case(r, v, 'A', out);
}

static bool test_eq(ARGS) /* other */
{
    bool same;

    UNUSED;
    if (!tpl_given(a[0]))
        return tpl_fail(r, ERR_INVALID, "%.*s", STR_FMT(NOT_GIVEN));
    if (!tpl_equal(r, v, a[0], &same))
        return false;
    *out = tpl_bool(same);
    return true;
}

static bool test_ne(ARGS)
{
    if (!test_eq(r, v, a, args, out))
        return false;
    out->truth = !out->truth;
    return true;
}

static bool test_sameas(ARGS) /* other */
{
    UNUSED;
    if (!tpl_given(a[0]))
        return tpl_fail(r, ERR_INVALID, "%.*s", STR_FMT(NOT_GIVEN));
    if (v.kind != a[0].kind) {
        *out = tpl_bool(false);
        return true;
    }
    if (v.kind == TPL_LIST || v.kind == TPL_DICT) {
        *out = tpl_bool(v.list == a[0].list);
        return true;
    }
    return test_eq(r, v, a, args, out);
}

static bool test_in(ARGS) /* seq */
{
    bool there;

    UNUSED;
    if (!tpl_given(a[0]))
        return tpl_fail(r, ERR_INVALID, "%.*s", STR_FMT(NOT_GIVEN));
    if (!tpl_contains(r, v, a[0], &there))
        return false;
    *out = tpl_bool(there);
    return true;
}

static bool order_of(struct tpl_run *r, struct tpl_value v, struct tpl_value other, int *order)
{
    if (!tpl_given(other))
        return tpl_fail(r, ERR_INVALID, "%.*s", STR_FMT(NOT_GIVEN));
    return tpl_compare(r, v, other, order);
}

#define TEST_ORDER(name, condition)        \
    static bool test_##name(ARGS)          \
    {                                      \
        int order;                         \
        UNUSED;                            \
        if (!order_of(r, v, a[0], &order)) \
            return false;                  \
        *out = tpl_bool(condition);        \
        return true;                       \
    }

TEST_ORDER(lt, order < 0)
TEST_ORDER(le, order <= 0)
TEST_ORDER(gt, order > 0)
TEST_ORDER(ge, order >= 0)

const struct tpl_builtin tpl_tests[] = {
    /* clang-format off */
    {"boolean", "", test_boolean}, {"callable", "", test_callable}, {"defined", "", test_defined},
    {"divisibleby", "num", test_divisibleby}, {"eq", "other", test_eq}, {"equalto", "other", test_eq}, {"==", "other", test_eq},
    {"even", "", test_even}, {"false", "", test_false}, {"filter", "", test_filter}, {"float", "", test_float},
    {"ge", "other", test_ge}, {">=", "other", test_ge}, {"gt", "other", test_gt}, {"greaterthan", "other", test_gt}, {">", "other", test_gt},
    {"in", "seq", test_in}, {"integer", "", test_integer}, {"iterable", "", test_iterable}, {"le", "other", test_le}, {"<=", "other", test_le},
    {"lower", "", test_lower}, {"lt", "other", test_lt}, {"lessthan", "other", test_lt}, {"<", "other", test_lt},
    {"mapping", "", test_mapping}, {"ne", "other", test_ne}, {"!=", "other", test_ne}, {"none", "", test_none},
    {"number", "", test_number}, {"odd", "", test_odd}, {"sameas", "other", test_sameas}, {"sequence", "", test_sequence},
    {"string", "", test_string}, {"test", "", test_test}, {"true", "", test_true}, {"undefined", "", test_undefined},
    {"upper", "", test_upper}, {0},
    /* clang-format on */
};
