/* template_method.c: the methods of texts, lists, dicts and loops: Python's, as far as templates
 * use them. Lists and dicts that came in with the conversation may be changed, too: they are the rendering's own copy. */
#include "engine/template_priv.h"

#define ARGS \
    struct tpl_run *r, struct tpl_value v, const struct tpl_value *a, const struct tpl_args *args, struct tpl_value *out
#define UNUSED (void)r, (void)v, (void)a, (void)args

bool tpl_text_arg(struct tpl_run *r, struct tpl_value v, struct str *out)
{
    if (v.kind != TPL_TEXT)
        return tpl_fail(r, ERR_INVALID, "wants a str, not %s", tpl_kind_name(v));
    *out = tpl_str(v);
    return true;
}

bool tpl_int_arg(struct tpl_run *r, struct tpl_value v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (!tpl_given(v) || v.kind == TPL_NONE)
        return true;
    if (v.kind != TPL_INT && v.kind != TPL_BOOL)
        return tpl_fail(r, ERR_INVALID, "wants an integer, not %s", tpl_kind_name(v));
    *out = tpl_integer(v);
    return true;
}

/* --- cutting ------------------------------------------------------------------------------------------------------------ */

/* False also when steps are out; see r->rc. */
static bool one_of(struct tpl_run *r, struct str set, uint32_t c)
{
    if (!tpl_steps(r, set.len / 16))
        return false;
    for (size_t i = 0, n; i < set.len; i += n) {
        if (str_utf8_at(set, i, &n) == c)
            return true;
    }
    return false;
}

static bool strip(struct tpl_run *r, struct tpl_value v, struct tpl_value chars, bool left, bool right,
                  struct tpl_value *out)
{
    struct str s = tpl_str(v), set = STR_NONE;
    size_t from = 0, to = s.len, n;

    if (tpl_given(chars) && chars.kind != TPL_NONE && !tpl_text_arg(r, chars, &set))
        return false;
    bool blanks = !tpl_given(chars) || chars.kind == TPL_NONE;
    if (left && blanks)
        from = tpl_space_after(s, 0);
    if (left && !blanks) {
        for (; from < s.len && one_of(r, set, str_utf8_at(s, from, &n)); from += n)
            ;
    }
    if (right && blanks)
        to = from + tpl_space_before(str_skip(s, from), s.len - from);
    while (right && !blanks && to > from) {
        size_t at = to - 1;
        while (at > from && to - at < 4 && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
            at--;
        if (!one_of(r, set, str_utf8_at(str_slice(s, 0, to), at, &n)) || at + n != to)
            break;
        to = at;
    }
    return tpl_steps(r, (s.len + set.len) / 64) && tpl_text_slice(r, v.text, from, to, out);
}

static bool text_strip(ARGS)
{
    UNUSED;
    return strip(r, v, a[0], true, true, out);
}

static bool text_lstrip(ARGS)
{
    UNUSED;
    return strip(r, v, a[0], true, false, out);
}

static bool text_rstrip(ARGS)
{
    UNUSED;
    return strip(r, v, a[0], false, true, out);
}

static bool add_slice(struct tpl_run *r, struct tpl_value v, size_t from, size_t to, struct tpl_list *l)
{
    struct tpl_value part;

    return tpl_steps(r, 1 + (to - from) / 64) && tpl_text_slice(r, v.text, from, to, &part) && tpl_list_add(r, l, part);
}

static bool split_blanks(struct tpl_run *r, struct tpl_value v, int64_t most, struct tpl_list *l)
{
    struct str s = tpl_str(v);
    size_t at = tpl_space_after(s, 0), n;

    if (!tpl_steps(r, s.len / 16))
        return false;
    for (; at < s.len && most != 0; most--) {
        size_t end = at;
        while (end < s.len && !tpl_is_space(str_utf8_at(s, end, &n)))
            end += n;
        if (!add_slice(r, v, at, end, l))
            return false;
        at = tpl_space_after(s, end);
    }
    return at >= s.len || add_slice(r, v, at, s.len, l);
}

static bool text_split(ARGS) /* sep maxsplit */
{
    struct tpl_value list;
    struct str s = tpl_str(v), sep = STR_NONE;
    int64_t most;

    UNUSED;
    if (!tpl_int_arg(r, a[1], -1, &most) || !tpl_list(r, 0, &list))
        return false;
    *out = list;
    if (!tpl_given(a[0]) || a[0].kind == TPL_NONE)
        return split_blanks(r, v, most, list.list);
    if (!tpl_text_arg(r, a[0], &sep))
        return false;
    if (sep.len == 0)
        return tpl_fail(r, ERR_INVALID, "split by nothing");
    size_t at = 0;
    for (; most != 0; most--) {
        ptrdiff_t found = str_find(str_skip(s, at), sep);
        if (found < 0)
            break;
        if (!add_slice(r, v, at, at + (size_t)found, list.list))
            return false;
        at += (size_t)found + sep.len;
    }
    return add_slice(r, v, at, s.len, list.list);
}

/* *out: -1 when it is nowhere. */
static bool find_last(struct tpl_run *r, struct str s, struct str what, ptrdiff_t *out)
{
    *out = -1;
    if (!tpl_steps(r, s.len / 64))
        return false;
    for (size_t at = s.len >= what.len ? s.len - what.len + 1 : 0; at-- > 0 && *out < 0;) {
        if (what.len && s.ptr[at] != what.ptr[0])
            continue;
        if (!tpl_steps(r, what.len / 64))
            return false;
        if (what.len == 0 || memcmp(s.ptr + at, what.ptr, what.len) == 0)
            *out = (ptrdiff_t)at;
    }
    return true;
}

/* From the right; without a separator only as split() does, whose result is the same unless maxsplit is given. */
static bool text_rsplit(ARGS) /* sep maxsplit */
{
    struct tpl_value list, back;
    struct str s = tpl_str(v), sep = STR_NONE;
    int64_t most;

    if (!tpl_int_arg(r, a[1], -1, &most) || !tpl_list(r, 0, &list))
        return false;
    if (most < 0)
        return text_split(r, v, a, args, out);
    if (!tpl_given(a[0]) || a[0].kind == TPL_NONE)
        return tpl_fail(r, ERR_UNSUPPORTED, "rsplit by blanks with maxsplit is not supported");
    if (!tpl_text_arg(r, a[0], &sep))
        return false;
    if (sep.len == 0)
        return tpl_fail(r, ERR_INVALID, "split by nothing");
    size_t end = s.len;
    for (; most > 0; most--) {
        ptrdiff_t found;
        if (!find_last(r, str_slice(s, 0, end), sep, &found))
            return false;
        if (found < 0)
            break;
        if (!add_slice(r, v, (size_t)found + sep.len, end, list.list))
            return false;
        end = (size_t)found;
    }
    if (!add_slice(r, v, 0, end, list.list))
        return false;
    const struct tpl_value part[] = {TPL_VALUE_ABSENT, TPL_VALUE_ABSENT, tpl_int(-1)};
    if (!tpl_slice(r, list, part, &back))
        return false;
    *out = back;
    return true;
}

static bool text_splitlines(ARGS)
{
    struct tpl_value list;
    struct str s = tpl_str(v);

    UNUSED;
    if (!tpl_list(r, 0, &list))
        return false;
    for (size_t at = 0; at < s.len;) {
        size_t end = at;
        while (end < s.len && s.ptr[end] != '\n' && s.ptr[end] != '\r')
            end++;
        if (!add_slice(r, v, at, end, list.list))
            return false;
        at = end + 1 + (end + 1 < s.len && s.ptr[end] == '\r' && s.ptr[end + 1] == '\n');
    }
    *out = list;
    return true;
}

static bool affix(struct tpl_run *r, struct tpl_value v, struct tpl_value what, bool (*has)(struct str, struct str),
                  struct tpl_value *out)
{
    struct str s = STR_NONE;

    *out = tpl_bool(false);
    if (what.kind == TPL_LIST && what.tuple) {
        for (size_t i = 0; i < what.list->count && !out->truth; i++) {
            if (!tpl_text_arg(r, what.list->item[i], &s) || !tpl_steps(r, 1 + s.len / 64))
                return false;
            *out = tpl_bool(has(tpl_str(v), s));
        }
        return true;
    }
    if (!tpl_text_arg(r, what, &s) || !tpl_steps(r, s.len / 64))
        return false;
    *out = tpl_bool(has(tpl_str(v), s));
    return true;
}

static bool text_startswith(ARGS)
{
    UNUSED;
    return affix(r, v, a[0], str_starts, out);
}

static bool text_endswith(ARGS)
{
    UNUSED;
    return affix(r, v, a[0], str_ends, out);
}

static bool text_removeprefix(ARGS)
{
    struct str what = STR_NONE;

    UNUSED;
    if (!tpl_text_arg(r, a[0], &what) || !tpl_steps(r, what.len / 64))
        return false;
    return tpl_text_slice(r, v.text, str_starts(tpl_str(v), what) ? what.len : 0, tpl_str(v).len, out);
}

static bool text_removesuffix(ARGS)
{
    struct str what = STR_NONE;

    UNUSED;
    if (!tpl_text_arg(r, a[0], &what) || !tpl_steps(r, what.len / 64))
        return false;
    return tpl_text_slice(r, v.text, 0, tpl_str(v).len - (str_ends(tpl_str(v), what) ? what.len : 0), out);
}

static bool text_replace(ARGS) /* old new count */
{
    struct tpl_out o = {0};
    struct str s = tpl_str(v), old = STR_NONE, with = STR_NONE;
    int64_t most;

    UNUSED;
    if (!tpl_text_arg(r, a[0], &old) || !tpl_text_arg(r, a[1], &with) || !tpl_int_arg(r, a[2], -1, &most))
        return false;
    size_t at = 0;
    for (; most != 0; most--) {
        ptrdiff_t found = old.len ? str_find(str_skip(s, at), old) : 0;
        if (found < 0 || !tpl_steps(r, 1))
            break;
        if (!tpl_out_text(r, &o, v.text, at, at + (size_t)found) || !tpl_out_value(r, &o, a[1]))
            return false;
        at += (size_t)found + old.len;
        if (old.len)
            continue;
        if (at >= s.len) /* between all characters, and at both ends */
            return tpl_out_take(r, &o, out);
        size_t n = tpl_char_bytes(s, at);
        if (!tpl_out_text(r, &o, v.text, at, at + n))
            return false;
        at += n;
    }
    return r->rc == 0 && tpl_out_text(r, &o, v.text, at, s.len) && tpl_out_take(r, &o, out);
}

/* --- letters ------------------------------------------------------------------------------------------------------------- */

/* ASCII, Latin-1, Greek and Cyrillic: pairs whose halves lie `apart`. Others stay as they are. */
static const struct case_range {
    uint32_t from, to; /* of the capitals */
    uint32_t apart;
} CASES[] = {{'A', 'Z', 32},     {0xC0, 0xD6, 32},   {0xD8, 0xDE, 32},  {0x391, 0x3A1, 32},
             {0x3A3, 0x3A9, 32}, {0x410, 0x42F, 32}, {0x400, 0x40F, 80}};

enum letter { NO_LETTER, CAPITAL, SMALL };

static enum letter letter_of(uint32_t c, uint32_t *other)
{
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        const struct case_range *k = &CASES[i];
        if (c >= k->from && c <= k->to) {
            *other = c + k->apart;
            return CAPITAL;
        }
        if (c >= k->from + k->apart && c <= k->to + k->apart) {
            *other = c - k->apart;
            return SMALL;
        }
    }
    return NO_LETTER;
}

enum casing { ALL_UPPER, ALL_LOWER, FIRST_UPPER, WORDS_UPPER };

static bool recase(struct tpl_run *r, struct tpl_value v, enum casing how, struct tpl_value *out)
{
    struct str s = tpl_str(v);
    char *copy = tpl_alloc(r, s.len + 1);
    bool starts = true;

    if (!copy || !tpl_steps(r, s.len / 16))
        return false;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    for (size_t i = 0, n; i < s.len; i += n) {
        uint32_t other, c = str_utf8_at(s, i, &n);
        enum letter is = letter_of(c, &other);
        bool upper = how == ALL_UPPER || (how != ALL_LOWER && starts);
        if (is != NO_LETTER && (is == SMALL) == upper) { /* both halves of a pair are equally long */
            (void)str_utf8_put(other, copy + i);
        }
        starts = how == WORDS_UPPER && is == NO_LETTER && c < 0x80;
    }
    struct tpl_text *t = tpl_alloc(r, sizeof(*t));
    if (!t)
        return false;
    *t = (struct tpl_text){str_of(copy, s.len), v.text->mark, v.text->mark_count};
    *out = (struct tpl_value){.kind = TPL_TEXT, .text = t};
    return true;
}

static bool text_upper(ARGS)
{
    UNUSED;
    return recase(r, v, ALL_UPPER, out);
}

static bool text_lower(ARGS)
{
    UNUSED;
    return recase(r, v, ALL_LOWER, out);
}

static bool text_capitalize(ARGS)
{
    UNUSED;
    return recase(r, v, FIRST_UPPER, out);
}

static bool text_title(ARGS)
{
    UNUSED;
    return recase(r, v, WORDS_UPPER, out);
}

/* --- looking --------------------------------------------------------------------------------------------------------------- */

static bool position(struct tpl_run *r, struct tpl_value v, ptrdiff_t found, struct tpl_value *out)
{
    *out = tpl_int(found < 0 ? -1 : (int64_t)tpl_char_count(str_slice(tpl_str(v), 0, (size_t)found)));
    return tpl_steps(r, tpl_str(v).len / 64);
}

static bool text_find(ARGS)
{
    struct str what = STR_NONE;

    UNUSED;
    return tpl_text_arg(r, a[0], &what) && position(r, v, what.len ? str_find(tpl_str(v), what) : 0, out);
}

static bool text_rfind(ARGS)
{
    struct str what = STR_NONE;

    ptrdiff_t found;

    UNUSED;
    return tpl_text_arg(r, a[0], &what) && find_last(r, tpl_str(v), what, &found) && position(r, v, found, out);
}

static bool text_index(ARGS)
{
    return text_find(r, v, a, args, out) && (out->integer >= 0 || tpl_fail(r, ERR_INVALID, "the text is not in it"));
}

static bool text_count(ARGS)
{
    struct str what, rest = tpl_str(v);
    int64_t n = 0;

    UNUSED;
    if (!tpl_text_arg(r, a[0], &what))
        return false;
    if (what.len == 0)
        n = (int64_t)tpl_char_count(rest) + 1;
    for (ptrdiff_t found; what.len && (found = str_find(rest, what)) >= 0; n++)
        rest = str_skip(rest, (size_t)found + what.len);
    *out = tpl_int(n);
    return tpl_steps(r, tpl_str(v).len / 64);
}

static bool all_of(struct tpl_run *r, struct str s, bool (*is)(uint32_t c), struct tpl_value *out)
{
    bool all = s.len > 0;

    for (size_t i = 0, n; i < s.len && all; i += n)
        all = is(str_utf8_at(s, i, &n));
    *out = tpl_bool(all);
    return tpl_steps(r, s.len / 16);
}

static bool is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(uint32_t c)
{
    uint32_t other;

    return letter_of(c, &other) != NO_LETTER;
}

static bool text_isdigit(ARGS)
{
    UNUSED;
    return all_of(r, tpl_str(v), is_digit, out);
}

static bool text_isalpha(ARGS)
{
    UNUSED;
    return all_of(r, tpl_str(v), is_letter, out);
}

static bool text_isspace(ARGS)
{
    UNUSED;
    return all_of(r, tpl_str(v), tpl_is_space, out);
}

static bool cased(struct tpl_run *r, struct tpl_value v, const char *test, struct tpl_value *out)
{
    return tpl_call_row(r, tpl_builtin_find(tpl_tests, str_from(test)), v, &(struct tpl_args){0}, out);
}

static bool text_isupper(ARGS)
{
    UNUSED;
    return cased(r, v, "upper", out);
}

static bool text_islower(ARGS)
{
    UNUSED;
    return cased(r, v, "lower", out);
}

static bool text_join(ARGS)
{
    struct tpl_list items;
    struct tpl_out o = {0};
    struct str s = STR_NONE;

    UNUSED;
    if (!tpl_items(r, a[0], &items))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        if (!tpl_text_arg(r, items.item[i], &s) || (i && !tpl_out_value(r, &o, v)) ||
            !tpl_out_value(r, &o, items.item[i]))
            return false;
    }
    return tpl_out_take(r, &o, out);
}

/* {}, {0}, {name}, {{ and }}; what stands behind a ':' or '.' is not supported. */
static bool field(struct tpl_run *r, struct str name, const struct tpl_args *args, size_t *next, struct tpl_value *out)
{
    uint64_t index = *next;

    for (size_t i = 0; i < args->named_count; i++) {
        if (str_eq(args->key[i], name)) {
            *out = args->named[i];
            return true;
        }
    }
    if (name.len && !str_to_u64(name, &index))
        return tpl_fail(r, ERR_UNSUPPORTED, "format does not know {%.*s}", STR_FMT(str_slice(name, 0, 60)));
    if (index >= args->count)
        return tpl_fail(r, ERR_INVALID, "format has no argument for {%.*s}", STR_FMT(str_slice(name, 0, 60)));
    *next += name.len == 0;
    *out = args->at[index];
    return true;
}

static bool text_format_method(ARGS)
{
    struct tpl_out o = {0};
    struct str s = tpl_str(v);
    size_t next = 0;

    UNUSED;
    for (size_t at = 0; at < s.len;) {
        char c = s.ptr[at];
        bool twice = at + 1 < s.len && s.ptr[at + 1] == c;
        if ((c == '{' || c == '}') && !twice) {
            ptrdiff_t end = c == '{' ? str_find_char(str_skip(s, at), '}') : -1;
            struct tpl_value arg;
            if (end < 0)
                return tpl_fail(r, ERR_INVALID, "a single bracket in format");
            if (!field(r, str_slice(s, at + 1, at + (size_t)end), args, &next, &arg) || !tpl_out_value(r, &o, arg))
                return false;
            at += (size_t)end + 1;
            continue;
        }
        if (!tpl_out_text(r, &o, v.text, at, at + 1))
            return false;
        at += c == '{' || c == '}' ? 2 : 1;
    }
    return tpl_out_take(r, &o, out);
}

static const struct tpl_builtin text_methods[] = {
    /* clang-format off */
    {"capitalize", "", text_capitalize}, {"count", "sub", text_count}, {"endswith", "suffix", text_endswith},
    {"find", "sub", text_find}, {"format", NULL, text_format_method}, {"index", "sub", text_index}, {"isalpha", "", text_isalpha}, {"isdigit", "", text_isdigit},
    {"islower", "", text_islower}, {"isspace", "", text_isspace}, {"isupper", "", text_isupper}, {"join", "iterable", text_join},
    {"lower", "", text_lower}, {"lstrip", "chars", text_lstrip}, {"removeprefix", "prefix", text_removeprefix},
    {"removesuffix", "suffix", text_removesuffix}, {"replace", "old new count", text_replace}, {"rfind", "sub", text_rfind},
    {"rsplit", "sep maxsplit", text_rsplit}, {"rstrip", "chars", text_rstrip}, {"split", "sep maxsplit", text_split},
    {"splitlines", "", text_splitlines}, {"startswith", "prefix", text_startswith}, {"strip", "chars", text_strip},
    {"title", "", text_title}, {"upper", "", text_upper}, {0},
    /* clang-format on */
};

/* --- lists ------------------------------------------------------------------------------------------------------------------ */

static bool list_append(ARGS)
{
    UNUSED;
    *out = TPL_VALUE_NONE;
    if (!tpl_given(a[0]))
        return tpl_fail(r, ERR_INVALID, "append wants a value");
    return tpl_list_add(r, v.list, a[0]);
}

static bool list_extend(ARGS)
{
    struct tpl_list items;

    UNUSED;
    *out = TPL_VALUE_NONE;
    if (!tpl_items(r, a[0], &items))
        return false;
    for (size_t i = 0; i < items.count; i++) {
        if (!tpl_steps(r, 1) || !tpl_list_add(r, v.list, items.item[i]))
            return false;
    }
    return true;
}

static bool list_insert(ARGS) /* index object */
{
    int64_t at, count = (int64_t)v.list->count;

    UNUSED;
    *out = TPL_VALUE_NONE;
    if (!tpl_int_arg(r, a[0], 0, &at) || !tpl_given(a[1]) || !tpl_steps(r, v.list->count / 16) ||
        !tpl_list_add(r, v.list, a[1]))
        return r->rc == 0 && tpl_fail(r, ERR_INVALID, "insert wants a value");
    if (at < 0)
        at = at + count < 0 ? 0 : at + count;
    if (at > count)
        at = count;
    memmove(v.list->item + at + 1, v.list->item + at, (size_t)(count - at) * sizeof(*v.list->item));
    v.list->item[at] = a[1];
    return true;
}

static bool list_pop(ARGS) /* index */
{
    int64_t at, count = (int64_t)v.list->count;

    UNUSED;
    if (!tpl_int_arg(r, a[0], -1, &at) || !tpl_steps(r, v.list->count / 16))
        return false;
    if (at < 0)
        at += count;
    if (at < 0 || at >= count)
        return tpl_fail(r, ERR_INVALID, "pop from beyond the end of a list");
    *out = v.list->item[at];
    memmove(v.list->item + at, v.list->item + at + 1, (size_t)(count - at - 1) * sizeof(*v.list->item));
    v.list->count--;
    return true;
}

static bool list_index(ARGS)
{
    UNUSED;
    for (size_t i = 0; i < v.list->count; i++) {
        bool same;
        if (!tpl_equal(r, v.list->item[i], a[0], &same))
            return false;
        if (same) {
            *out = tpl_int((int64_t)i);
            return true;
        }
    }
    return tpl_fail(r, ERR_INVALID, "the value is not in the list");
}

static bool list_count(ARGS)
{
    int64_t n = 0;

    UNUSED;
    for (size_t i = 0; i < v.list->count; i++) {
        bool same;
        if (!tpl_equal(r, v.list->item[i], a[0], &same))
            return false;
        n += same;
    }
    *out = tpl_int(n);
    return true;
}

static const struct tpl_builtin list_methods[] = {
    {"append", "object", list_append},
    {"count", "value", list_count},
    {"extend", "iterable", list_extend},
    {"index", "value", list_index},
    {"insert", "index object", list_insert},
    {"pop", "index", list_pop},
    {0},
};

/* --- dicts ------------------------------------------------------------------------------------------------------------------- */

static bool dict_get(ARGS) /* key default */
{
    UNUSED;
    const struct tpl_entry *there = a[0].kind == TPL_TEXT ? tpl_dict_find(r, v.dict, tpl_str(a[0])) : NULL;
    struct tpl_value value = there ? there->value : TPL_VALUE_ABSENT;
    if (r->rc || (a[0].kind != TPL_TEXT && !tpl_index(r, v, a[0], &value)))
        return false;
    if (value.kind == TPL_UNDEFINED || !tpl_given(value))
        value = tpl_given(a[1]) ? a[1] : TPL_VALUE_NONE;
    *out = value;
    return true;
}

static bool dict_items(ARGS)
{
    UNUSED;
    return tpl_call_row(r, tpl_builtin_find(tpl_filters, STR("items")), v, args, out);
}

static bool dict_keys(ARGS)
{
    struct tpl_list items;

    UNUSED;
    if (!tpl_items(r, v, &items) || !tpl_list(r, 0, out))
        return false;
    *out->list = items;
    return true;
}

static bool dict_values(ARGS)
{
    UNUSED;
    if (!tpl_list(r, v.dict->count, out) || !tpl_steps(r, v.dict->count / 16))
        return false;
    for (size_t i = 0; i < v.dict->count; i++)
        out->list->item[out->list->count++] = v.dict->entry[i].value;
    return true;
}

bool tpl_dict_put_all(struct tpl_run *r, struct tpl_value from, struct tpl_dict *to)
{
    if (from.kind != TPL_DICT)
        return tpl_fail(r, ERR_INVALID, "wants a dict, not %s", tpl_kind_name(from));
    size_t count = from.dict->count;
    for (size_t i = 0; i < count; i++) {
        if (!tpl_steps(r, 1) || !tpl_dict_set(r, to, from.dict->entry[i].key, from.dict->entry[i].value))
            return false;
    }
    return true;
}

bool tpl_dict_put_named(struct tpl_run *r, const struct tpl_args *args, struct tpl_dict *to)
{
    for (size_t i = 0; i < args->named_count; i++) {
        struct tpl_value key;
        if (!tpl_text(r, args->key[i], false, &key) || !tpl_dict_set(r, to, key, args->named[i]))
            return false;
    }
    return true;
}

static bool dict_update(ARGS)
{
    UNUSED;
    *out = TPL_VALUE_NONE;
    return (args->count == 0 || tpl_dict_put_all(r, args->at[0], v.dict)) && tpl_dict_put_named(r, args, v.dict);
}

static bool dict_copy(ARGS)
{
    struct tpl_value copy;

    UNUSED;
    if (!tpl_dict(r, v.dict->count, &copy) || !tpl_dict_put_all(r, v, copy.dict))
        return false;
    *out = copy;
    return true;
}

static bool dict_pop(ARGS) /* key default */
{
    struct tpl_dict *d = v.dict;

    UNUSED;
    for (size_t i = 0; i < d->count; i++) {
        bool same;
        if (!tpl_equal(r, d->entry[i].key, a[0], &same))
            return false;
        if (!same)
            continue;
        *out = d->entry[i].value;
        memmove(d->entry + i, d->entry + i + 1, (d->count - i - 1) * sizeof(*d->entry));
        d->count--;
        return true;
    }
    *out = a[1];
    return tpl_given(a[1]) || tpl_fail(r, ERR_INVALID, "the dict has no such key");
}

static const struct tpl_builtin dict_methods[] = {
    {"copy", "", dict_copy},          {"get", "key default", dict_get},
    {"items", "", dict_items},        {"keys", "", dict_keys},
    {"pop", "key default", dict_pop}, {"update", NULL, dict_update},
    {"values", "", dict_values},      {0},
};

/* --- loops ------------------------------------------------------------------------------------------------------------------- */

static bool loop_cycle(ARGS)
{
    UNUSED;
    if (args->count == 0)
        return tpl_fail(r, ERR_INVALID, "cycle wants values");
    *out = args->at[v.loop->index % args->count];
    return true;
}

static const struct tpl_builtin loop_methods[] = {{"cycle", NULL, loop_cycle}, {0}};

const struct tpl_builtin *tpl_method_find(struct tpl_value self, struct str name)
{
    switch (self.kind) {
    case TPL_TEXT: return tpl_builtin_find(text_methods, name);
    case TPL_LIST: return tpl_builtin_find(list_methods, name);
    case TPL_DICT: return tpl_builtin_find(dict_methods, name);
    case TPL_LOOP: return tpl_builtin_find(loop_methods, name);
    default: return NULL;
    }
}
