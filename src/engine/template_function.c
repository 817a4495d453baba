/* template_function.c: the global functions of templates. strftime_now tells the date that the rendering was given. */
#include "engine/template_priv.h"

#define ARGS \
    struct tpl_run *r, struct tpl_value v, const struct tpl_value *a, const struct tpl_args *args, struct tpl_value *out
#define UNUSED (void)r, (void)v, (void)a, (void)args

static bool make_dict(struct tpl_run *r, const struct tpl_args *args, enum tpl_kind kind, struct tpl_value *out)
{
    struct tpl_value d;

    if (args->count > 1)
        return tpl_fail(r, ERR_INVALID, "takes one dict and named values");
    if (!tpl_dict(r, 0, &d) || (args->count && !tpl_dict_put_all(r, args->at[0], d.dict)) ||
        !tpl_dict_put_named(r, args, d.dict))
        return false;
    d.kind = kind;
    *out = d;
    return true;
}

static bool function_dict(ARGS)
{
    UNUSED;
    return make_dict(r, args, TPL_DICT, out);
}

static bool function_namespace(ARGS)
{
    UNUSED;
    return make_dict(r, args, TPL_NAMESPACE, out);
}

static bool function_raise_exception(ARGS)
{
    struct tpl_out o = {0};
    struct tpl_value text;

    UNUSED;
    (void)out;
    if (!tpl_out_value(r, &o, a[0]) || !tpl_out_take(r, &o, &text))
        return false;
    return tpl_fail(r, ERR_INVALID, "the template does not take this conversation: %.*s",
                    STR_FMT(str_slice(tpl_str(text), 0, 300)));
}

static bool function_range(ARGS) /* start stop step */
{
    int64_t from = 0, to, step;
    struct tpl_value list;

    UNUSED;
    if (!tpl_int_arg(r, a[0], 0, &to) || !tpl_int_arg(r, a[2], 1, &step) ||
        (tpl_given(a[1]) && (from = to, !tpl_int_arg(r, a[1], 0, &to))))
        return false;
    if (step == 0 || !tpl_given(a[0]))
        return tpl_fail(r, ERR_INVALID, "range wants an end, and a step that is not 0");
    if (!tpl_list(r, 0, &list))
        return false;
    while (step > 0 ? from < to : from > to) {
        if (!tpl_steps(r, 1) || !tpl_list_add(r, list.list, tpl_int(from)))
            return false;
        if (__builtin_add_overflow(from, step, &from))
            break;
    }
    *out = list;
    return true;
}

static bool function_tojson(ARGS)
{
    struct tpl_args rest = *args;

    UNUSED;
    if (args->count == 0)
        return tpl_fail(r, ERR_INVALID, "tojson wants a value");
    rest.at++;
    rest.count--;
    return tpl_call_row(r, tpl_builtin_find(tpl_filters, STR("tojson")), args->at[0], &rest, out);
}

static const char *const MONTHS[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"},
                         *const DAYS[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

static int day_of_year(const struct civil *c)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (c->year % 4 == 0 && c->year % 100 != 0) || c->year % 400 == 0;

    return before[c->month - 1] + c->day + (leap && c->month > 2);
}

/* One conversion; 0 when there is none of that letter. */
static size_t put_time(char text[32], const struct civil *c, char letter, bool bare)
{
    int two = bare ? 1 : 2;
    int hour = c->hour % 12 ? c->hour % 12 : 12;

    switch (letter) {
    case 'd': return text_format(text, 32, "%0*d", two, c->day);
    case 'e': return text_format(text, 32, "%*d", two, c->day);
    case 'm': return text_format(text, 32, "%0*d", two, c->month);
    case 'H': return text_format(text, 32, "%0*d", two, c->hour);
    case 'I': return text_format(text, 32, "%0*d", two, hour);
    case 'M': return text_format(text, 32, "%0*d", two, c->minute);
    case 'S': return text_format(text, 32, "%0*d", two, c->second);
    case 'y': return text_format(text, 32, "%0*d", two, c->year % 100);
    case 'j': return text_format(text, 32, "%0*d", bare ? 1 : 3, day_of_year(c));
    case 'Y': return text_format(text, 32, "%04d", c->year);
    case 'p': return text_format(text, 32, "%s", c->hour < 12 ? "AM" : "PM");
    case 'b':
    case 'h': return text_format(text, 32, "%.3s", MONTHS[c->month - 1]);
    case 'B': return text_format(text, 32, "%s", MONTHS[c->month - 1]);
    case 'a': return text_format(text, 32, "%.3s", DAYS[c->weekday]);
    case 'A': return text_format(text, 32, "%s", DAYS[c->weekday]);
    case 'w': return text_format(text, 32, "%d", c->weekday);
    case 'u': return text_format(text, 32, "%d", c->weekday ? c->weekday : 7);
    case 'F': return text_format(text, 32, "%04d-%02d-%02d", c->year, c->month, c->day);
    case 'D': return text_format(text, 32, "%02d/%02d/%02d", c->month, c->day, c->year % 100);
    case 'T': return text_format(text, 32, "%02d:%02d:%02d", c->hour, c->minute, c->second);
    case 'R': return text_format(text, 32, "%02d:%02d", c->hour, c->minute);
    case 'n': return text_format(text, 32, "\n");
    case 't': return text_format(text, 32, "\t");
    case '%': return text_format(text, 32, "%%");
    default: return 0;
    }
}

static bool function_strftime_now(ARGS)
{
    struct tpl_out o = {0};
    struct str s = STR_NONE;

    UNUSED;
    if (!tpl_text_arg(r, a[0], &s))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char text[32];
        bool percent = s.ptr[i] == '%' && i + 1 < s.len, bare = percent && s.ptr[i + 1] == '-' && i + 2 < s.len;
        if (!percent) {
            if (!tpl_out_add(r, &o, str_slice(s, i, i + 1), false))
                return false;
            continue;
        }
        i += 1 + bare;
        size_t n = put_time(text, r->now, s.ptr[i], bare);
        if (n == 0)
            return tpl_fail(r, ERR_UNSUPPORTED, "strftime_now does not know %%%c", s.ptr[i]);
        if (!tpl_out_add(r, &o, str_of(text, n), false))
            return false;
    }
    return tpl_out_take(r, &o, out);
}

const struct tpl_builtin tpl_functions[] = {
    {"dict", NULL, function_dict},
    {"namespace", NULL, function_namespace},
    {"raise_exception", "message", function_raise_exception},
    {"range", "start stop step", function_range},
    {"strftime_now", "format", function_strftime_now},
    {"tojson", NULL, function_tojson},
    {0},
};
