/* template_print.c: values as text: as {{ }} prints them (Python's str), as they stand inside a printed list (repr), and as
 * json.dumps writes them. */
#include "engine/template_priv.h"
#include <math.h>

static bool add(struct tpl_run *r, struct tpl_out *o, struct str s)
{
    return tpl_out_add(r, o, s, false);
}

/* The shortest digits that give the same double again, laid out as Python does. */
static bool put_float(struct tpl_run *r, struct tpl_out *o, const struct tpl_float *f, bool json)
{
    char e[40], text[48];
    double d = f->number, back = 0;

    if (f->raw.len)
        return add(r, o, f->raw);
    if (isnan(d))
        return add(r, o, json ? STR("NaN") : STR("nan"));
    if (isinf(d))
        return add(r, o, json ? (d < 0 ? STR("-Infinity") : STR("Infinity")) : d < 0 ? STR("-inf") : STR("inf"));
    size_t n = 0;
    for (int digits = 0; digits <= 16; digits++) {
        n = text_format(e, sizeof(e), "%.*e", digits, d);
        if (json_to_double(str_of(e, n), &back) && back == d)
            break;
    }
    /* [-]D[.DDD]e±XX */
    struct str all = str_of(e, n), digits;
    bool negative = e[0] == '-';
    (void)str_cut(&all, 'e', &digits);
    int64_t power = 0;
    (void)str_to_i64(all.ptr[0] == '+' ? str_skip(all, 1) : all, &power);
    char plain[24];
    size_t count = 0;
    for (size_t i = negative; i < digits.len; i++) {
        if (digits.ptr[i] != '.')
            plain[count++] = digits.ptr[i];
    }
    while (count > 1 && plain[count - 1] == '0')
        count--;
    if (negative && !add(r, o, STR("-")))
        return false;
    if (power < -4 || power >= 16) {
        n = text_format(text, sizeof(text), "%c%s%.*se%c%02d", plain[0], count > 1 ? "." : "", (int)count - 1,
                        plain + 1, power < 0 ? '-' : '+', (int)(power < 0 ? -power : power));
        return add(r, o, str_of(text, n));
    }
    if (power < 0)
        return add(r, o, str_slice(STR("0.0000"), 0, (size_t)(1 - power))) && add(r, o, str_of(plain, count));
    size_t whole = (size_t)power + 1;
    bool ok = add(r, o, str_of(plain, count < whole ? count : whole));
    for (size_t i = count; ok && i < whole; i++)
        ok = add(r, o, STR("0"));
    return ok && add(r, o, STR(".")) && add(r, o, count > whole ? str_of(plain + whole, count - whole) : STR("0"));
}

static bool put_int(struct tpl_run *r, struct tpl_out *o, int64_t i)
{
    char text[24];

    return add(r, o, str_of(text, text_format(text, sizeof(text), "%lld", (long long)i)));
}

static bool down(struct tpl_run *r)
{
    return ++r->depth <= r->limits->depth_max ||
           tpl_fail(r, ERR_LIMIT, "values nested more than %u deep", r->limits->depth_max);
}

/* --- str and repr --------------------------------------------------------------------------------------------------- */

/* What Python's repr writes as an escape, the common part of it: controls, and blanks that are not the space. */
static bool is_printable(uint32_t c)
{
    return c >= 32 && c != 127 && !(c >= 0x80 && c <= 0xA0) && c != 0xAD && !(c > 0x80 && tpl_is_space(c)) &&
           !(c >= 0x200B && c <= 0x200F) && !(c >= 0x202A && c <= 0x202E) && !(c >= 0x2060 && c <= 0x206F) &&
           c != 0xFEFF && !(c >= 0xE000 && c <= 0xF8FF) && !(c >= 0xFFF0 && c <= 0xFFFB);
}

static bool put_text_repr(struct tpl_run *r, struct tpl_out *o, const struct tpl_text *t)
{
    bool two = str_find_char(t->s, '\'') >= 0 && str_find_char(t->s, '"') < 0;
    char quote = two ? '"' : '\'', text[16];
    size_t from = 0;

    if (!tpl_steps(r, t->s.len / 16) || !add(r, o, str_of(&quote, 1)))
        return false;
    for (size_t i = 0, n; i < t->s.len; i += n) {
        uint32_t c = str_utf8_at(t->s, i, &n);
        size_t len = 0;
        if (c == (unsigned char)quote || c == '\\')
            len = text_format(text, sizeof(text), "\\%c", (char)c);
        else if (c == '\n' || c == '\r' || c == '\t')
            len = text_format(text, sizeof(text), "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        else if (!is_printable(c))
            len = text_format(text, sizeof(text), c < 256 ? "\\x%02x" : "\\u%04x", (unsigned)c);
        if (len == 0)
            continue;
        if (!tpl_out_text(r, o, t, from, i) || !add(r, o, str_of(text, len)))
            return false;
        from = i + n;
    }
    return tpl_out_text(r, o, t, from, t->s.len) && add(r, o, str_of(&quote, 1));
}

static bool put_list(struct tpl_run *r, struct tpl_out *o, struct tpl_value v)
{
    if (!add(r, o, v.tuple ? STR("(") : STR("[")))
        return false;
    for (size_t i = 0; i < v.list->count; i++) {
        if ((i && !add(r, o, STR(", "))) || !tpl_out_repr(r, o, v.list->item[i]))
            return false;
    }
    return add(r, o, !v.tuple ? STR("]") : v.list->count == 1 ? STR(",)") : STR(")"));
}

static bool put_dict(struct tpl_run *r, struct tpl_out *o, const struct tpl_dict *d)
{
    if (!add(r, o, STR("{")))
        return false;
    for (size_t i = 0; i < d->count; i++) {
        if ((i && !add(r, o, STR(", "))) || !tpl_out_repr(r, o, d->entry[i].key) || !add(r, o, STR(": ")) ||
            !tpl_out_repr(r, o, d->entry[i].value))
            return false;
    }
    return add(r, o, STR("}"));
}

bool tpl_out_repr(struct tpl_run *r, struct tpl_out *o, struct tpl_value v)
{
    if (!tpl_steps(r, 1) || !down(r))
        return false;
    bool ok;
    switch (v.kind) {
    case TPL_NONE: ok = add(r, o, STR("None")); break;
    case TPL_BOOL: ok = add(r, o, v.truth ? STR("True") : STR("False")); break;
    case TPL_INT: ok = put_int(r, o, v.integer); break;
    case TPL_FLOAT: ok = put_float(r, o, v.number, false); break;
    case TPL_TEXT: ok = put_text_repr(r, o, v.text); break;
    case TPL_LIST: ok = put_list(r, o, v); break;
    case TPL_DICT: ok = put_dict(r, o, v.dict); break;
    case TPL_NAMESPACE: ok = add(r, o, STR("<Namespace ")) && put_dict(r, o, v.dict) && add(r, o, STR(">")); break;
    case TPL_UNDEFINED: ok = add(r, o, STR("Undefined")); break;
    default: ok = add(r, o, STR("<")) && add(r, o, str_from(tpl_kind_name(v))) && add(r, o, STR(">"));
    }
    r->depth--;
    return ok;
}

bool tpl_out_value(struct tpl_run *r, struct tpl_out *o, struct tpl_value v)
{
    if (v.kind == TPL_TEXT)
        return tpl_out_text(r, o, v.text, 0, v.text->s.len);
    return v.kind == TPL_UNDEFINED || v.kind == TPL_ABSENT || tpl_out_repr(r, o, v);
}

/* --- JSON ----------------------------------------------------------------------------------------------------------- */

struct writer {
    struct tpl_run *r;
    struct tpl_out *o;
    const struct tpl_json_form *form;
    int64_t level;
};

static bool put_json(struct writer *w, struct tpl_value v);

static size_t json_escape(char text[16], uint32_t c, bool ascii)
{
    static const char letter[] = "\"\"\\\\\nn\rr\tt\bb\ff";

    for (size_t i = 0; i + 1 < sizeof(letter) - 1; i += 2) {
        if (c == (unsigned char)letter[i])
            return text_format(text, 16, "\\%c", letter[i + 1]);
    }
    if (c < 32 || (ascii && c >= 127 && c < 0x10000))
        return text_format(text, 16, "\\u%04x", (unsigned)c);
    if (ascii && c >= 0x10000)
        return text_format(text, 16, "\\u%04x\\u%04x", (unsigned)(0xD800 + ((c - 0x10000) >> 10)),
                           (unsigned)(0xDC00 + ((c - 0x10000) & 1023)));
    return 0;
}

static bool put_json_text(struct writer *w, const struct tpl_text *t)
{
    size_t from = 0;
    char text[16];

    if (!tpl_steps(w->r, t->s.len / 16) || !add(w->r, w->o, STR("\"")))
        return false;
    for (size_t i = 0, n; i < t->s.len; i += n) {
        uint32_t c = str_utf8_at(t->s, i, &n);
        size_t len = json_escape(text, c, w->form->ascii);
        if (len == 0)
            continue;
        if (!tpl_out_text(w->r, w->o, t, from, i) || !add(w->r, w->o, str_of(text, len)))
            return false;
        from = i + n;
    }
    return tpl_out_text(w->r, w->o, t, from, t->s.len) && add(w->r, w->o, STR("\""));
}

static bool new_line(struct writer *w)
{
    if (w->form->indent < 0)
        return true;
    int64_t blanks = w->level * w->form->indent;
    bool ok = add(w->r, w->o, STR("\n"));
    for (; ok && blanks > 0; blanks -= 16)
        ok = tpl_steps(w->r, 1) &&
             add(w->r, w->o, str_slice(STR("                "), 0, blanks < 16 ? (size_t)blanks : 16));
    return ok;
}

/* Keys are strings; others become what Python makes of them. */
static bool put_json_key(struct writer *w, struct tpl_value key)
{
    if (key.kind == TPL_TEXT)
        return put_json_text(w, key.text);
    return add(w->r, w->o, STR("\"")) && put_json(w, key) && add(w->r, w->o, STR("\""));
}

/* By key, stably; dicts of tools are small, and the steps are counted. */
static bool sorted_entries(struct writer *w, const struct tpl_dict *d, struct tpl_entry **out)
{
    struct tpl_entry *e = tpl_alloc_array(w->r, d->count, sizeof(*e));

    if (!e)
        return false;
    for (size_t i = 0; i < d->count; i++) {
        size_t at = i;
        int order = 1;
        for (; at > 0; at--) {
            if (!tpl_compare(w->r, e[at - 1].key, d->entry[i].key, &order))
                return false;
            if (order <= 0)
                break;
            e[at] = e[at - 1];
        }
        e[at] = d->entry[i];
    }
    *out = e;
    return true;
}

static bool put_json_children(struct writer *w, struct tpl_value v)
{
    bool list = v.kind == TPL_LIST;
    size_t count = list ? v.list->count : v.dict->count;
    struct tpl_entry *entry = list ? NULL : v.dict->entry;

    if (count == 0)
        return add(w->r, w->o, list ? STR("[]") : STR("{}"));
    if ((!list && w->form->sorted && !sorted_entries(w, v.dict, &entry)) ||
        !add(w->r, w->o, list ? STR("[") : STR("{")))
        return false;
    w->level++;
    for (size_t i = 0; i < count; i++) {
        if ((i && !add(w->r, w->o, w->form->between)) || !new_line(w) ||
            (!list && (!put_json_key(w, entry[i].key) || !add(w->r, w->o, w->form->colon))) ||
            !put_json(w, list ? v.list->item[i] : entry[i].value))
            return false;
    }
    w->level--;
    return new_line(w) && add(w->r, w->o, list ? STR("]") : STR("}"));
}

static bool put_json(struct writer *w, struct tpl_value v)
{
    if (!tpl_steps(w->r, 1) || !down(w->r))
        return false;
    bool ok;
    switch (v.kind) {
    case TPL_NONE: ok = add(w->r, w->o, STR("null")); break;
    case TPL_BOOL: ok = add(w->r, w->o, v.truth ? STR("true") : STR("false")); break;
    case TPL_INT: ok = put_int(w->r, w->o, v.integer); break;
    case TPL_FLOAT: ok = put_float(w->r, w->o, v.number, true); break;
    case TPL_TEXT: ok = put_json_text(w, v.text); break;
    case TPL_LIST:
    case TPL_DICT: ok = put_json_children(w, v); break;
    default: ok = tpl_fail(w->r, ERR_INVALID, "%s cannot be written as JSON", tpl_kind_name(v));
    }
    w->r->depth--;
    return ok;
}

bool tpl_out_json(struct tpl_run *r, struct tpl_out *o, struct tpl_value v, const struct tpl_json_form *f)
{
    struct writer w = {.r = r, .o = o, .form = f};

    return put_json(&w, v);
}
