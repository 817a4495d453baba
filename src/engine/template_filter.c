/* template_filter.c: the filters of templates, as Jinja2 defines them. Those that walk a list answer with a list. Texts
 * keep their marks: whatever is cut, joined or padded, each byte stays the user's or the template's. */
#include "engine/template_priv.h"
#include <math.h>

#define ARGS \
    struct tpl_run *r, struct tpl_value v, const struct tpl_value *a, const struct tpl_args *args, struct tpl_value *out
#define UNUSED (void)r, (void)v, (void)a, (void)args

static const struct str EMPTY = {"the first or last of nothing", 28};

static bool truth_or(struct tpl_value v, bool otherwise)
{
    return tpl_given(v) ? tpl_truth(v) : otherwise;
}

/* As Jinja's filters on texts take what they are given: printed. */
static bool as_text(struct tpl_run *r, struct tpl_value v, struct tpl_value *out)
{
    struct tpl_out o = {0};

    if (v.kind == TPL_TEXT) {
        *out = v;
        return true;
    }
    return tpl_out_value(r, &o, v) && tpl_out_take(r, &o, out);
}

/* "function.name" and 0: what map, sort and their like read from each item. */
static bool read_path(struct tpl_run *r, struct tpl_value v, struct tpl_value path, struct tpl_value *out)
{
    *out = v;
    if (path.kind == TPL_INT)
        return tpl_index(r, v, path, out);
    if (path.kind != TPL_TEXT)
        return tpl_fail(r, ERR_INVALID, "an attribute is a str, not %s", tpl_kind_name(path));
    struct str rest = tpl_str(path), part;
    while (str_cut(&rest, '.', &part)) {
        int64_t index;
        if (out->kind == TPL_UNDEFINED)
            return true;
        struct tpl_value key;
        if (str_to_i64(part, &index))
            key = tpl_int(index);
        else if (!tpl_text(r, part, false, &key))
            return false;
        if (!tpl_index(r, *out, key, out))
            return false;
    }
    return true;
}

/* --- sorting ---------------------------------------------------------------------------------------------------------- */

struct sorted {
    struct tpl_value key, value;
};

static void lower_ascii(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s[i] = (unsigned char)(s[i] - 'A') < 26 ? (char)(s[i] + 32) : s[i];
}

/* What is compared: without case_sensitive, texts in lower case. */
static bool sort_key(struct tpl_run *r, struct tpl_value v, bool exact, struct tpl_value *out)
{
    *out = v;
    if (exact || v.kind != TPL_TEXT)
        return true;
    char *copy = tpl_alloc(r, tpl_str(v).len + 1);
    if (!copy)
        return false;
    if (tpl_str(v).len)
        memcpy(copy, tpl_str(v).ptr, tpl_str(v).len);
    lower_ascii(copy, tpl_str(v).len);
    return tpl_text(r, str_of(copy, tpl_str(v).len), false, out);
}

/* Merge sort: stable, and a comparison may fail. `spare` is as long as `s`. */
static bool sort_keys(struct tpl_run *r, struct sorted *s, struct sorted *spare, size_t count, bool back)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            size_t middle = from + width < count ? from + width : count,
                   end = from + 2 * width < count ? from + 2 * width : count;
            size_t x = from, y = middle;
            for (size_t i = from; i < end; i++) {
                int order = x >= middle;
                if (x < middle && y < end && !tpl_compare(r, s[x].key, s[y].key, &order))
                    return false;
                bool right = x >= middle || (y < end && (back ? order < 0 : order > 0));
                spare[i] = right ? s[y++] : s[x++];
            }
        }
        memcpy(s, spare, count * sizeof(*s));
    }
    return true;
}

/* The key of one item; "a,b" sorts by a, then by b. */
static bool key_of(struct tpl_run *r, struct tpl_value item, struct tpl_value path, bool exact, struct tpl_value *out)
{
    struct tpl_value part, list;

    if (!tpl_given(path) || path.kind != TPL_TEXT || str_find_char(tpl_str(path), ',') < 0) {
        *out = item;
        return (!tpl_given(path) || read_path(r, item, path, out)) && sort_key(r, *out, exact, out);
    }
    struct str rest = tpl_str(path), one;
    if (!tpl_list(r, 0, &list))
        return false;
    while (str_cut(&rest, ',', &one)) {
        struct tpl_value key;
        if (!tpl_text(r, one, false, &part) || !read_path(r, item, part, &key) || !sort_key(r, key, exact, &key) ||
            !tpl_list_add(r, list.list, key))
            return false;
    }
    *out = list;
    return true;
}

static bool filter_sort(ARGS) /* reverse case_sensitive attribute */
{
    struct tpl_list items;

    UNUSED;
    if (!tpl_items(r, v, &items))
        return false;
    struct sorted *s = tpl_alloc_array(r, items.count, 2 * sizeof(*s));
    if (!s)
        return false;
    for (size_t i = 0; i < items.count; i++) {
        if (!key_of(r, items.item[i], a[2], truth_or(a[1], false), &s[i].key))
            return false;
        s[i].value = items.item[i];
    }
    if (!sort_keys(r, s, s + items.count, items.count, truth_or(a[0], false)) || !tpl_list(r, items.count, out))
        return false;
    for (size_t i = 0; i < items.count; i++)
        out->list->item[out->list->count++] = s[i].value;
    return true;
}

static bool pair(struct tpl_run *r, const struct tpl_entry *e, struct tpl_value *out)
{
    if (!tpl_list(r, 2, out))
        return false;
    out->tuple = true;
    return tpl_list_add(r, out->list, e->key) && tpl_list_add(r, out->list, e->value);
}

static bool filter_items(ARGS)
{
    UNUSED;
    struct tpl_value list;
    if (!tpl_list(r, 0, &list))
        return false;
    if (v.kind != TPL_DICT && v.kind != TPL_UNDEFINED)
        return tpl_fail(r, ERR_INVALID, "wants a dict, not %s", tpl_kind_name(v));
    for (size_t i = 0; v.kind == TPL_DICT && i < v.dict->count; i++) {
        struct tpl_value p;
        if (!tpl_steps(r, 1) || !pair(r, &v.dict->entry[i], &p) || !tpl_list_add(r, list.list, p))
            return false;
    }
    *out = list;
    return true;
}

static bool filter_dictsort(ARGS) /* case_sensitive by reverse */
{
    struct tpl_value list, path = tpl_int(0);

    if (tpl_given(a[1])) {
        if (a[1].kind != TPL_TEXT || (!str_eq(tpl_str(a[1]), STR("key")) && !str_eq(tpl_str(a[1]), STR("value"))))
            return tpl_fail(r, ERR_INVALID, "sorts by 'key' or 'value'");
        path = tpl_int(str_eq(tpl_str(a[1]), STR("value")));
    }
    const struct tpl_value how[] = {tpl_given(a[2]) ? a[2] : tpl_bool(false), tpl_given(a[0]) ? a[0] : tpl_bool(false),
                                    path};
    return filter_items(r, v, a, args, &list) && filter_sort(r, list, how, args, out);
}

static bool filter_unique(ARGS) /* case_sensitive attribute */
{
    struct tpl_list items;
    struct tpl_value list, seen;

    UNUSED;
    if (!tpl_items(r, v, &items) || !tpl_list(r, 0, &list) || !tpl_list(r, 0, &seen))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        struct tpl_value key = items.item[i];
        bool there;
        if (tpl_given(a[1]) && !read_path(r, key, a[1], &key))
            return false;
        if (!sort_key(r, key, truth_or(a[0], false), &key) || !tpl_contains(r, key, seen, &there))
            return false;
        if (!there && (!tpl_list_add(r, seen.list, key) || !tpl_list_add(r, list.list, items.item[i])))
            return false;
    }
    *out = list;
    return true;
}

/* --- lists ------------------------------------------------------------------------------------------------------------ */

static bool filter_length(ARGS)
{
    UNUSED;
    switch (v.kind) {
    case TPL_UNDEFINED: *out = tpl_int(0); return true;
    case TPL_TEXT: *out = tpl_int((int64_t)tpl_char_count(tpl_str(v))); return tpl_steps(r, tpl_str(v).len / 16);
    case TPL_LIST: *out = tpl_int((int64_t)v.list->count); return true;
    case TPL_DICT: *out = tpl_int((int64_t)v.dict->count); return true;
    default: return tpl_fail(r, ERR_INVALID, "%s has no length", tpl_kind_name(v));
    }
}

static bool filter_list(ARGS)
{
    UNUSED;
    struct tpl_list items;
    if (!tpl_items(r, v, &items) || !tpl_list(r, 0, out))
        return false;
    *out->list = items;
    return true;
}

static bool filter_first(ARGS)
{
    UNUSED;
    struct tpl_list items;
    if (!tpl_items(r, v, &items))
        return false;
    *out = items.count ? items.item[0] : tpl_undefined(&EMPTY);
    return true;
}

static bool filter_last(ARGS)
{
    UNUSED;
    struct tpl_list items;
    if (!tpl_items(r, v, &items))
        return false;
    *out = items.count ? items.item[items.count - 1] : tpl_undefined(&EMPTY);
    return true;
}

static bool filter_reverse(ARGS)
{
    UNUSED;
    const struct tpl_value back[] = {TPL_VALUE_ABSENT, TPL_VALUE_ABSENT, tpl_int(-1)};
    if (v.kind == TPL_TEXT)
        return tpl_slice(r, v, back, out);
    struct tpl_value list;
    return filter_list(r, v, a, args, &list) && tpl_slice(r, list, back, out);
}

static bool filter_join(ARGS) /* d attribute */
{
    struct tpl_list items;
    struct tpl_out o = {0};

    UNUSED;
    if (!tpl_items(r, v, &items))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        struct tpl_value item = items.item[i];
        if ((tpl_given(a[1]) && !read_path(r, item, a[1], &item)) ||
            (i && tpl_given(a[0]) && !tpl_out_value(r, &o, a[0])) || !tpl_steps(r, 1) || !tpl_out_value(r, &o, item))
            return false;
    }
    return tpl_out_take(r, &o, out);
}

static bool filter_sum(ARGS) /* attribute start */
{
    struct tpl_list items;
    double sum = 0;
    int64_t whole = 0;
    bool floating = false;

    UNUSED;
    if (!tpl_items(r, v, &items))
        return false;
    for (size_t i = 0; i <= items.count; i++) {
        struct tpl_value item = i < items.count ? items.item[i] : tpl_given(a[1]) ? a[1] : tpl_int(0);
        if (i < items.count && tpl_given(a[0]) && !read_path(r, item, a[0], &item))
            return false;
        if (!tpl_is_number(item))
            return tpl_fail(r, ERR_INVALID, "sums numbers, not %s", tpl_kind_name(item));
        if (item.kind == TPL_FLOAT) {
            floating = true;
            sum += tpl_number(item);
        } else if (__builtin_add_overflow(whole, tpl_integer(item), &whole)) {
            return tpl_fail(r, ERR_LIMIT, "an integer beyond 64 bits");
        }
    }
    if (floating)
        return tpl_float(r, sum + (double)whole, out);
    *out = tpl_int(whole);
    return true;
}

static bool extreme(struct tpl_run *r, struct tpl_value v, int wanted, struct tpl_value *out)
{
    struct tpl_list items;
    int order;

    if (!tpl_items(r, v, &items))
        return false;
    *out = items.count ? items.item[0] : tpl_undefined(&EMPTY);
    for (size_t i = 1; i < items.count; i++) {
        if (!tpl_compare(r, items.item[i], *out, &order))
            return false;
        if (order == wanted)
            *out = items.item[i];
    }
    return true;
}

static bool filter_min(ARGS)
{
    UNUSED;
    return extreme(r, v, -1, out);
}

static bool filter_max(ARGS)
{
    UNUSED;
    return extreme(r, v, 1, out);
}

/* As in Jinja, what is false has nothing in it for those who choose: none as well as an empty list. */
static bool some_items(struct tpl_run *r, struct tpl_value v, struct tpl_list *out)
{
    *out = (struct tpl_list){0};
    return !tpl_truth(v) || tpl_items(r, v, out);
}

/* map('upper'), map(attribute='x', default=y) */
static bool filter_map(ARGS)
{
    struct tpl_list items;
    struct tpl_value list, path = TPL_VALUE_ABSENT, otherwise = TPL_VALUE_ABSENT;
    struct tpl_args rest = *args;
    const struct tpl_builtin *row = NULL;

    UNUSED;
    if (args->count == 0) {
        for (size_t i = 0; i < args->named_count; i++) {
            if (str_eq(args->key[i], STR("attribute")))
                path = args->named[i];
            else if (str_eq(args->key[i], STR("default")))
                otherwise = args->named[i];
        }
        if (!tpl_given(path))
            return tpl_fail(r, ERR_INVALID, "wants a filter's name, or attribute=");
    } else {
        if (args->at[0].kind != TPL_TEXT || !(row = tpl_builtin_find(tpl_filters, tpl_str(args->at[0]))))
            return tpl_fail(r, ERR_UNSUPPORTED, "maps with a filter that we do not have");
        rest.at++;
        rest.count--;
    }
    if (!some_items(r, v, &items) || !tpl_list(r, items.count, &list))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        struct tpl_value item;
        if (!tpl_steps(r, 1) ||
            !(row ? tpl_call_row(r, row, items.item[i], &rest, &item) : read_path(r, items.item[i], path, &item)))
            return false;
        if (item.kind == TPL_UNDEFINED && tpl_given(otherwise))
            item = otherwise;
        if (!tpl_list_add(r, list.list, item))
            return false;
    }
    *out = list;
    return true;
}

/* select, reject, selectattr, rejectattr: an attribute, a test and its arguments. */
static bool choose(struct tpl_run *r, struct tpl_value v, const struct tpl_args *args, bool attr, bool wanted,
                   struct tpl_value *out)
{
    struct tpl_list items;
    struct tpl_value list;
    struct tpl_args rest = *args;
    const struct tpl_builtin *row = NULL;

    if (args->count < attr)
        return tpl_fail(r, ERR_INVALID, "wants the name of an attribute");
    if (attr) {
        rest.at++;
        rest.count--;
    }
    if (rest.count) {
        if (rest.at[0].kind != TPL_TEXT || !(row = tpl_builtin_find(tpl_tests, tpl_str(rest.at[0]))))
            return tpl_fail(r, ERR_UNSUPPORTED, "chooses by a test that we do not have");
        rest.at++;
        rest.count--;
    }
    if (!some_items(r, v, &items) || !tpl_list(r, 0, &list))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        struct tpl_value item = items.item[i], holds;
        if (!tpl_steps(r, 1) || (attr && !read_path(r, item, args->at[0], &item)))
            return false;
        holds = item;
        if (row && !tpl_call_row(r, row, item, &rest, &holds))
            return false;
        if (tpl_truth(holds) == wanted && !tpl_list_add(r, list.list, items.item[i]))
            return false;
    }
    *out = list;
    return true;
}

static bool filter_select(ARGS)
{
    UNUSED;
    return choose(r, v, args, false, true, out);
}

static bool filter_reject(ARGS)
{
    UNUSED;
    return choose(r, v, args, false, false, out);
}

static bool filter_selectattr(ARGS)
{
    UNUSED;
    return choose(r, v, args, true, true, out);
}

static bool filter_rejectattr(ARGS)
{
    UNUSED;
    return choose(r, v, args, true, false, out);
}

/* --- texts and numbers -------------------------------------------------------------------------------------------------- */

/* The method of that name, on what the value prints as. */
static bool by_method(struct tpl_run *r, struct tpl_value v, struct str name, const struct tpl_args *args,
                      struct tpl_value *out)
{
    struct tpl_value text;

    return as_text(r, v, &text) && tpl_call_row(r, tpl_method_find(text, name), text, args, out);
}

static bool filter_trim(ARGS)
{
    UNUSED;
    return by_method(r, v, STR("strip"), args, out);
}

static bool filter_lower(ARGS)
{
    UNUSED;
    return by_method(r, v, STR("lower"), args, out);
}

static bool filter_upper(ARGS)
{
    UNUSED;
    return by_method(r, v, STR("upper"), args, out);
}

static bool filter_capitalize(ARGS)
{
    UNUSED;
    return by_method(r, v, STR("capitalize"), args, out);
}

static bool filter_replace(ARGS)
{
    UNUSED;
    return by_method(r, v, STR("replace"), args, out);
}

static bool call_method(struct tpl_run *r, struct tpl_value v, struct str name, struct tpl_value *out)
{
    return by_method(r, v, name, &(struct tpl_args){0}, out);
}

/* Not Python's title(): a word begins after a blank, a hyphen or an opening bracket. */
static bool filter_title(ARGS)
{
    struct tpl_out o = {0};
    struct tpl_value text;

    UNUSED;
    if (!as_text(r, v, &text))
        return false;
    struct str s = tpl_str(text);
    for (size_t from = 0, end; from < s.len; from = end) {
        bool between = tpl_is_space((unsigned char)s.ptr[from]) || strchr("-({[<", s.ptr[from]);
        for (end = from + 1;
             end < s.len && (tpl_is_space((unsigned char)s.ptr[end]) || strchr("-({[<", s.ptr[end])) == between; end++)
            ;
        struct tpl_value word;
        if (!tpl_text_slice(r, text.text, from, end, &word) ||
            (!between && !call_method(r, word, STR("capitalize"), &word)) || !tpl_out_value(r, &o, word))
            return false;
    }
    return tpl_out_take(r, &o, out);
}

static bool filter_string(ARGS)
{
    UNUSED;
    return as_text(r, v, out);
}

static bool filter_same(ARGS) /* safe: nothing here is escaped */
{
    UNUSED;
    *out = v;
    return true;
}

static bool filter_escape(ARGS)
{
    static const struct {
        char c;
        struct str as;
    } rows[] = {{'&', {"&amp;", 5}}, {'<', {"&lt;", 4}}, {'>', {"&gt;", 4}}, {'\'', {"&#39;", 5}}, {'"', {"&#34;", 5}}};
    struct tpl_out o = {0};
    struct tpl_value text;

    UNUSED;
    if (!as_text(r, v, &text) || !tpl_steps(r, tpl_str(text).len / 16))
        return false;
    size_t from = 0;
    for (size_t i = 0; i < tpl_str(text).len; i++) {
        for (size_t k = 0; k < COUNT_OF(rows); k++) {
            if (tpl_str(text).ptr[i] != rows[k].c)
                continue;
            if (!tpl_out_text(r, &o, text.text, from, i) || !tpl_out_add(r, &o, rows[k].as, false))
                return false;
            from = i + 1;
        }
    }
    return tpl_out_text(r, &o, text.text, from, tpl_str(text).len) && tpl_out_take(r, &o, out);
}

static bool filter_indent(ARGS) /* width first blank */
{
    struct tpl_out o = {0};
    struct tpl_value text, by = tpl_given(a[0]) ? a[0] : tpl_int(4);
    bool first = truth_or(a[1], false), blank = truth_or(a[2], false);
    int64_t width = 0;

    UNUSED;
    if (!as_text(r, v, &text) || (by.kind != TPL_TEXT && !tpl_int_arg(r, by, 4, &width)))
        return false;
    if (by.kind != TPL_TEXT) {
        struct tpl_out blanks = {0};
        for (int64_t i = 0; i < width; i++) {
            if (!tpl_steps(r, 1) || !tpl_out_add(r, &blanks, STR(" "), false))
                return false;
        }
        if (!tpl_out_take(r, &blanks, &by))
            return false;
    }
    struct str s = tpl_str(text);
    for (size_t from = 0;;) {
        size_t end = from;
        while (end < s.len && s.ptr[end] != '\n')
            end++;
        bool indented = from == 0 ? first : end > from || blank;
        if ((indented && !tpl_out_value(r, &o, by)) ||
            !tpl_out_text(r, &o, text.text, from, end < s.len ? end + 1 : end))
            return false;
        if (end == s.len)
            return tpl_out_take(r, &o, out);
        from = end + 1;
    }
}

static bool filter_default(ARGS) /* default_value boolean */
{
    UNUSED;
    *out = v;
    if (v.kind != TPL_UNDEFINED && (tpl_truth(v) || !truth_or(a[1], false)))
        return true;
    *out = a[0];
    return tpl_given(a[0]) || tpl_text(r, STR(""), false, out);
}

/* A whole number at the start and end of the text, blanks aside. */
static bool text_to_number(struct str s, double *out)
{
    size_t from = tpl_space_after(s, 0), end = tpl_space_before(s, s.len);
    struct str t = str_slice(s, from, end);

    if (t.len && t.ptr[0] == '+')
        t = str_skip(t, 1);
    return json_to_double(t, out);
}

static bool filter_int(ARGS) /* default base */
{
    double d;
    int64_t i;

    UNUSED;
    *out = tpl_given(a[0]) ? a[0] : tpl_int(0);
    if (tpl_given(a[1]) && (a[1].kind != TPL_INT || a[1].integer != 10))
        return tpl_fail(r, ERR_UNSUPPORTED, "knows only the base 10");
    if (v.kind == TPL_INT || v.kind == TPL_BOOL) {
        *out = tpl_int(tpl_integer(v));
        return true;
    }
    if (v.kind == TPL_TEXT && str_to_i64(str_trim(tpl_str(v)), &i)) {
        *out = tpl_int(i);
        return true;
    }
    if (v.kind == TPL_FLOAT)
        d = tpl_number(v);
    else if (v.kind != TPL_TEXT || !text_to_number(tpl_str(v), &d))
        return true;
    if (d > -9e18 && d < 9e18)
        *out = tpl_int((int64_t)d);
    return true;
}

static bool filter_float(ARGS) /* default */
{
    double d;

    UNUSED;
    if (tpl_is_number(v))
        return tpl_float(r, tpl_number(v), out);
    if (v.kind == TPL_TEXT && text_to_number(tpl_str(v), &d))
        return tpl_float(r, d, out);
    *out = a[0];
    return tpl_given(a[0]) || tpl_float(r, 0, out);
}

static bool filter_abs(ARGS)
{
    UNUSED;
    if (!tpl_is_number(v))
        return tpl_fail(r, ERR_INVALID, "wants a number, not %s", tpl_kind_name(v));
    if (v.kind == TPL_FLOAT)
        return tpl_float(r, fabs(tpl_number(v)), out);
    if (tpl_integer(v) == INT64_MIN)
        return tpl_fail(r, ERR_LIMIT, "an integer beyond 64 bits");
    *out = tpl_int(tpl_integer(v) < 0 ? -tpl_integer(v) : tpl_integer(v));
    return true;
}

static bool filter_round(ARGS) /* precision method */
{
    int64_t precision;

    UNUSED;
    if (!tpl_is_number(v) || !tpl_int_arg(r, a[0], 0, &precision))
        return tpl_fail(r, ERR_INVALID, "wants a number, not %s", tpl_kind_name(v));
    if (precision < 0 || precision > 15)
        return tpl_fail(r, ERR_UNSUPPORTED, "rounds to 0 to 15 places");
    struct str how = a[1].kind == TPL_TEXT ? tpl_str(a[1]) : STR("common");
    double scale = pow(10, (double)precision), d = tpl_number(v) * scale;
    return tpl_float(r,
                     (str_eq(how, STR("ceil"))    ? ceil(d)
                      : str_eq(how, STR("floor")) ? floor(d)
                                                  : nearbyint(d)) /
                         scale,
                     out);
}

static bool filter_attr(ARGS) /* name */
{
    UNUSED;
    if (a[0].kind != TPL_TEXT)
        return tpl_fail(r, ERR_INVALID, "wants the name of an attribute");
    return tpl_attr(r, v, tpl_str(a[0]), out);
}

static bool separators(struct tpl_run *r, struct tpl_value v, struct tpl_json_form *f)
{
    if (!tpl_given(v) || v.kind == TPL_NONE)
        return true;
    if (v.kind != TPL_LIST || v.list->count != 2 || v.list->item[0].kind != TPL_TEXT ||
        v.list->item[1].kind != TPL_TEXT)
        return tpl_fail(r, ERR_INVALID, "separators are two strs");
    f->between = tpl_str(v.list->item[0]);
    f->colon = tpl_str(v.list->item[1]);
    return true;
}

/* One origin for all of it: the user's if any of it is. A JSON text in a hundred pieces would help nobody. */
static bool in_one_piece(struct tpl_run *r, struct tpl_out *o, struct tpl_value *out)
{
    bool user = false;

    for (size_t i = 0; i < o->mark_count; i++)
        user |= o->mark[i].user;
    return tpl_text(r, str_of(o->len ? o->ptr : "", o->len), user, out);
}

static bool filter_tojson(ARGS) /* indent ensure_ascii separators sort_keys */
{
    struct tpl_out o = {0};
    struct tpl_json_form f = {
        .between = STR(", "), .colon = STR(": "), .sorted = truth_or(a[3], false), .ascii = truth_or(a[1], false)};

    UNUSED;
    if (!tpl_int_arg(r, a[0], -1, &f.indent))
        return false;
    if (f.indent > 1000)
        return tpl_fail(r, ERR_LIMIT, "an indent of more than 1000");
    if (f.indent >= 0)
        f.between = STR(",");
    return separators(r, a[2], &f) && tpl_out_json(r, &o, v, &f) && in_one_piece(r, &o, out);
}

const struct tpl_builtin tpl_filters[] = {
    /* clang-format off */
    {"abs", "", filter_abs}, {"attr", "name", filter_attr}, {"capitalize", NULL, filter_capitalize}, {"count", "", filter_length},
    {"d", "default_value boolean", filter_default}, {"default", "default_value boolean", filter_default},
    {"dictsort", "case_sensitive by reverse", filter_dictsort}, {"e", "", filter_escape}, {"escape", "", filter_escape},
    {"first", "", filter_first}, {"float", "default", filter_float}, {"indent", "width first blank", filter_indent},
    {"int", "default base", filter_int}, {"items", "", filter_items}, {"join", "d attribute", filter_join},
    {"last", "", filter_last}, {"length", "", filter_length}, {"list", "", filter_list}, {"lower", NULL, filter_lower},
    {"map", NULL, filter_map}, {"max", "", filter_max}, {"min", "", filter_min}, {"reject", NULL, filter_reject},
    {"rejectattr", NULL, filter_rejectattr}, {"replace", NULL, filter_replace}, {"reverse", "", filter_reverse},
    {"round", "precision method", filter_round}, {"safe", "", filter_same}, {"select", NULL, filter_select},
    {"selectattr", NULL, filter_selectattr}, {"sort", "reverse case_sensitive attribute", filter_sort},
    {"string", "", filter_string}, {"sum", "attribute start", filter_sum}, {"title", "", filter_title},
    {"tojson", "indent ensure_ascii separators sort_keys", filter_tojson}, {"trim", NULL, filter_trim},
    {"unique", "case_sensitive attribute", filter_unique}, {"upper", NULL, filter_upper}, {0},
    /* clang-format on */
};
