/* template_value.c: the values of a rendering: made, read, compared. They live in the rendering's arena and are never freed one
 * by one, so that each of them may be shared; only lists, dicts and namespaces change. */
#include "engine/template_priv.h"
#include <math.h>
#include <stdarg.h>

static const struct str NO_ITEM = {"the item beyond the first or last", 33},
                        NO_KEY = {"an entry that is not there", 26}, NO_INDEX = {"an element that is not there", 28};

/* --- memory and errors --------------------------------------------------------------------------------------------- */

static struct str construct(const struct tpl_node *n, struct buf *b)
{
    static const char *const plain[] = {
        [NODE_NOT] = "not",
        [NODE_NEG] = "-",
        [NODE_POS] = "+",
        [NODE_AND] = "and",
        [NODE_OR] = "or",
        [NODE_ARITH] = "arithmetic",
        [NODE_CONCAT] = "~",
        [NODE_COMPARE] = "a comparison",
        [NODE_COND] = "a if c else b",
        [NODE_LIST] = "a list",
        [NODE_TUPLE] = "a tuple",
        [NODE_DICT] = "a dict",
        [NODE_INDEX] = "[]",
        [NODE_SLICE] = "[:]",
        [NODE_CALL] = "a call",
        [NODE_PRINT] = "{{ }}",
        [NODE_IF] = "{% if %}",
        [NODE_FOR] = "{% for %}",
        [NODE_SET] = "{% set %}",
        [NODE_SET_BLOCK] = "{% set %}",
        [NODE_FILTER_BLOCK] = "{% filter %}",
        [NODE_WITH] = "{% with %}",
        [NODE_LITERAL] = "a constant",
        [NODE_ARG] = "an argument",
        [NODE_DATA] = "text",
        [NODE_SCOPE] = "{% generation %}",
        [NODE_BREAK] = "{% break %}",
        [NODE_CONTINUE] = "{% continue %}",
    };
    const char *kind = n->kind == NODE_FILTER  ? "filter '"
                       : n->kind == NODE_TEST  ? "test '"
                       : n->kind == NODE_MACRO ? "macro '"
                       : n->kind == NODE_ATTR  ? "'."
                                               : "'";
    struct str name = str_slice(n->name, 0, 60);

    if (n->kind < COUNT_OF(plain) && plain[n->kind])
        return str_from(plain[n->kind]);
    (void)buf_append_format(b, "%s%.*s'", kind, STR_FMT(name)); /* a name that does not fit is left out */
    return buf_str(b);
}

bool tpl_fail(struct tpl_run *r, int code, const char *format, ...)
{
    char words[600] = "";
    struct buf b = BUF_INIT(200), story = BUF_INIT(sizeof(words) - 1);
    va_list args;

    if (r->rc)
        return false;
    va_start(args, format);
    if (buf_append_format_v(&story, format, args) < 0)
        (void)buf_append_text(&story, "an error whose text is too long to tell");
    va_end(args);
    if (r->at) {
        struct str what = construct(r->at, &b);
        r->rc = err_set_at(r->err, code, r->at->line, 0, "template line %d, %.*s: %.*s", r->at->line, STR_FMT(what),
                           STR_FMT(buf_str(&story)));
    } else {
        r->rc = err_set(r->err, code, "template: %.*s", STR_FMT(buf_str(&story)));
    }
    buf_fini(&story);
    buf_fini(&b);
    return false;
}

bool tpl_steps(struct tpl_run *r, uint64_t n)
{
    r->steps += n;
    if (r->steps <= r->limits->steps_max)
        return true;
    return tpl_fail(r, ERR_LIMIT, "the template needs more than %llu steps", (unsigned long long)r->limits->steps_max);
}

/* The arena counts what is asked for and hands out multiples of 16. */
static void *alloc(struct tpl_run *r, size_t bytes)
{
    bytes = bytes < 16 ? 16 : (bytes + 15) & ~(size_t)15;
    bool fits = bytes <= r->arena.max && r->arena.used <= r->arena.max - bytes;
    void *p = fits ? arena_alloc(&r->arena, bytes) : NULL;
    if (p)
        return p;
    if (fits)
        tpl_fail(r, ERR_NOMEM, "out of memory");
    else
        tpl_fail(r, ERR_LIMIT, "the template needs more than %zu bytes of memory", r->arena.max);
    return NULL;
}

void *tpl_alloc(struct tpl_run *r, size_t bytes)
{
    void *p = alloc(r, bytes);

    return p ? memset(p, 0, bytes) : NULL;
}

void *tpl_alloc_array(struct tpl_run *r, size_t count, size_t bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, bytes, &total)) {
        tpl_fail(r, ERR_LIMIT, "the template needs more than %zu bytes of memory", r->arena.max);
        return NULL;
    }
    return tpl_alloc(r, total);
}

/* --- texts --------------------------------------------------------------------------------------------------------- */

size_t tpl_char_bytes(struct str s, size_t at)
{
    size_t n;

    (void)str_utf8_at(s, at, &n);
    return n;
}

size_t tpl_char_count(struct str s)
{
    size_t count = 0;

    for (size_t i = 0; i < s.len; count++)
        i += tpl_char_bytes(s, i);
    return count;
}

bool tpl_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t tpl_space_after(struct str s, size_t from)
{
    size_t n;

    while (from < s.len && tpl_is_space(str_utf8_at(s, from, &n)))
        from += n;
    return from;
}

size_t tpl_space_before(struct str s, size_t end)
{
    while (end > 0) {
        size_t at = end - 1, n;
        while (at > 0 && end - at < 4 && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
            at--;
        if (!tpl_is_space(str_utf8_at(str_slice(s, 0, end), at, &n)) || at + n != end)
            break;
        end = at;
    }
    return end;
}

bool tpl_text(struct tpl_run *r, struct str borrowed, bool user, struct tpl_value *out)
{
    struct {
        struct tpl_text text;
        struct tpl_mark mark;
    } *both = tpl_alloc(r, sizeof(*both));

    if (!both)
        return false;
    both->mark = (struct tpl_mark){borrowed.len, user};
    both->text = (struct tpl_text){borrowed, &both->mark, borrowed.len > 0};
    *out = (struct tpl_value){.kind = TPL_TEXT, .text = &both->text};
    return true;
}

/* The first run that ends behind `at`. */
static size_t mark_at(const struct tpl_text *t, size_t at)
{
    size_t low = 0, high = t->mark_count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->mark[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool tpl_text_slice(struct tpl_run *r, const struct tpl_text *t, size_t from, size_t to, struct tpl_value *out)
{
    if (from >= to)
        return tpl_text(r, STR(""), false, out);
    size_t first = mark_at(t, from), last = mark_at(t, to - 1), count = last - first + 1;
    if (count == 1)
        return tpl_text(r, str_slice(t->s, from, to), t->mark[first].user, out);

    struct tpl_text *slice = tpl_alloc(r, sizeof(*slice));
    struct tpl_mark *mark = slice ? tpl_alloc_array(r, count, sizeof(*mark)) : NULL;
    if (!mark || !tpl_steps(r, count / 16))
        return false;
    for (size_t i = 0; i < count; i++)
        mark[i] = (struct tpl_mark){t->mark[first + i].end - from, t->mark[first + i].user};
    mark[count - 1].end = to - from;
    *slice = (struct tpl_text){str_slice(t->s, from, to), mark, count};
    *out = (struct tpl_value){.kind = TPL_TEXT, .text = slice};
    return true;
}

/* --- growing texts --------------------------------------------------------------------------------------------------- */

static bool room(struct tpl_run *r, struct tpl_out *o, size_t more)
{
    if (o->bytes_max && (more > o->bytes_max || o->len > o->bytes_max - more))
        return tpl_fail(r, ERR_LIMIT, "the template prints more than %zu bytes", o->bytes_max);
    if (o->cap - o->len >= more)
        return true;
    size_t cap = o->cap ? o->cap * 2 : 64;
    if (cap < o->len + more)
        cap = o->len + more;
    char *grown = alloc(r, cap);
    if (!grown)
        return false;
    if (o->len)
        memcpy(grown, o->ptr, o->len);
    o->ptr = grown;
    o->cap = cap;
    return true;
}

bool tpl_out_add(struct tpl_run *r, struct tpl_out *o, struct str s, bool user)
{
    if (s.len == 0)
        return true;
    if (!tpl_steps(r, s.len / 64) || !room(r, o, s.len))
        return false;
    memcpy(o->ptr + o->len, s.ptr, s.len);
    o->len += s.len;
    if (o->mark_count && o->mark[o->mark_count - 1].user == user) {
        o->mark[o->mark_count - 1].end = o->len;
        return true;
    }
    if (o->mark_count == o->mark_max) {
        size_t max = o->mark_max ? o->mark_max * 2 : 2;
        struct tpl_mark *grown = alloc(r, max * sizeof(*grown));
        if (!grown)
            return false;
        if (o->mark_count)
            memcpy(grown, o->mark, o->mark_count * sizeof(*grown));
        o->mark = grown;
        o->mark_max = max;
    }
    o->mark[o->mark_count++] = (struct tpl_mark){o->len, user};
    return true;
}

bool tpl_out_text(struct tpl_run *r, struct tpl_out *o, const struct tpl_text *t, size_t from, size_t to)
{
    for (size_t i = mark_at(t, from); from < to; i++) {
        size_t end = t->mark[i].end < to ? t->mark[i].end : to;
        if (!tpl_out_add(r, o, str_slice(t->s, from, end), t->mark[i].user))
            return false;
        from = end;
    }
    return true;
}

bool tpl_out_take(struct tpl_run *r, struct tpl_out *o, struct tpl_value *out)
{
    struct tpl_text *t = tpl_alloc(r, sizeof(*t));

    if (!t)
        return false;
    *t = (struct tpl_text){str_of(o->len ? o->ptr : "", o->len), o->mark, o->mark_count};
    *out = (struct tpl_value){.kind = TPL_TEXT, .text = t};
    *o = (struct tpl_out){0};
    return true;
}

/* --- lists, dicts, numbers ------------------------------------------------------------------------------------------- */

bool tpl_float(struct tpl_run *r, double d, struct tpl_value *out)
{
    struct tpl_float *f = tpl_alloc(r, sizeof(*f));

    if (!f)
        return false;
    f->number = d;
    *out = (struct tpl_value){.kind = TPL_FLOAT, .number = f};
    return true;
}

bool tpl_list(struct tpl_run *r, size_t most, struct tpl_value *out)
{
    struct tpl_list *l = tpl_alloc(r, sizeof(*l));

    if (!l || (most && !(l->item = tpl_alloc_array(r, most, sizeof(*l->item)))))
        return false;
    l->max = most;
    *out = (struct tpl_value){.kind = TPL_LIST, .list = l};
    return true;
}

bool tpl_list_add(struct tpl_run *r, struct tpl_list *l, struct tpl_value v)
{
    if (l->count == l->max) {
        size_t max = l->max ? l->max * 2 : 4;
        struct tpl_value *grown = tpl_alloc_array(r, max, sizeof(*grown));
        if (!grown)
            return false;
        if (l->count)
            memcpy(grown, l->item, l->count * sizeof(*grown));
        l->item = grown;
        l->max = max;
    }
    l->item[l->count++] = v;
    return true;
}

bool tpl_dict(struct tpl_run *r, size_t most, struct tpl_value *out)
{
    struct tpl_dict *d = tpl_alloc(r, sizeof(*d));

    if (!d || (most && !(d->entry = tpl_alloc_array(r, most, sizeof(*d->entry)))))
        return false;
    d->max = most;
    *out = (struct tpl_value){.kind = TPL_DICT, .dict = d};
    return true;
}

const struct tpl_entry *tpl_dict_find(struct tpl_run *r, const struct tpl_dict *d, struct str key)
{
    if (!tpl_steps(r, d->count * (1 + key.len / 64) / 16))
        return NULL;
    for (size_t i = 0; i < d->count; i++) {
        if (d->entry[i].key.kind == TPL_TEXT && str_eq(tpl_str(d->entry[i].key), key))
            return &d->entry[i];
    }
    return NULL;
}

/* Any key: `*out` is NULL when there is none. */
static bool find_any(struct tpl_run *r, const struct tpl_dict *d, struct tpl_value key, struct tpl_entry **out)
{
    *out = NULL;
    if (!tpl_steps(r, d->count * (1 + (key.kind == TPL_TEXT ? tpl_str(key).len / 64 : 0)) / 16))
        return false;
    for (size_t i = 0; i < d->count; i++) {
        bool same = false;
        if (d->entry[i].key.kind == TPL_TEXT && key.kind == TPL_TEXT)
            same = str_eq(tpl_str(d->entry[i].key), tpl_str(key));
        else if (!tpl_equal(r, d->entry[i].key, key, &same))
            return false;
        if (same) {
            *out = &d->entry[i];
            return true;
        }
    }
    return true;
}

static bool add_entry(struct tpl_run *r, struct tpl_dict *d, struct tpl_value key, struct tpl_value value)
{
    if (d->count == d->max) {
        size_t max = d->max ? d->max * 2 : 4;
        struct tpl_entry *grown = tpl_alloc_array(r, max, sizeof(*grown));
        if (!grown)
            return false;
        if (d->count)
            memcpy(grown, d->entry, d->count * sizeof(*grown));
        d->entry = grown;
        d->max = max;
    }
    d->entry[d->count++] = (struct tpl_entry){key, value};
    return true;
}

bool tpl_dict_set(struct tpl_run *r, struct tpl_dict *d, struct tpl_value key, struct tpl_value value)
{
    struct tpl_entry *there;

    if (key.kind != TPL_TEXT && !tpl_is_number(key) && key.kind != TPL_NONE)
        return tpl_fail(r, ERR_INVALID, "a %s cannot be a key", tpl_kind_name(key));
    if (!find_any(r, d, key, &there))
        return false;
    if (!there)
        return add_entry(r, d, key, value);
    there->value = value;
    return true;
}

static bool number_from_json(struct tpl_run *r, struct str raw, struct tpl_value *out)
{
    bool floating = str_find_char(raw, '.') >= 0 || str_find_char(raw, 'e') >= 0 || str_find_char(raw, 'E') >= 0;
    int64_t i;
    double d;

    if (!floating && json_to_i64(raw, &i)) {
        *out = tpl_int(i);
        return true;
    }
    if (!json_to_double(raw, &d))
        d = raw.ptr[0] == '-' ? -HUGE_VAL : HUGE_VAL;
    if (!tpl_float(r, d, out))
        return false;
    if (!floating)
        out->number->raw = raw;
    return true;
}

static bool children_from_json(struct tpl_run *r, const struct json_node *n, bool user, struct tpl_value *out)
{
    bool object = n->type == JSON_OBJECT;

    if (object ? !tpl_dict(r, n->count, out) : !tpl_list(r, n->count, out))
        return false;
    for (const struct json_node *m = n->child; m; m = m->next) {
        struct tpl_value key, value;
        if (!tpl_from_json(r, m, user, &value))
            return false;
        /* The tree has no key twice: nothing to look up. */
        if (object ? !tpl_text(r, m->key, user, &key) || !add_entry(r, out->dict, key, value)
                   : !tpl_list_add(r, out->list, value))
            return false;
    }
    return true;
}

bool tpl_from_json(struct tpl_run *r, const struct json_node *n, bool user, struct tpl_value *out)
{
    if (!tpl_steps(r, 1))
        return false;
    switch (n->type) {
    case JSON_TRUE:
    case JSON_FALSE: *out = tpl_bool(n->type == JSON_TRUE); return true;
    case JSON_NUMBER: return number_from_json(r, n->text, out);
    case JSON_STRING: return tpl_text(r, n->text, user, out);
    case JSON_ARRAY:
    case JSON_OBJECT: return children_from_json(r, n, user, out);
    default: *out = TPL_VALUE_NONE; return true;
    }
}

/* --- reading --------------------------------------------------------------------------------------------------------- */

const char *tpl_kind_name(struct tpl_value v)
{
    static const char *const name[] = {
        [TPL_UNDEFINED] = "undefined value",
        [TPL_NONE] = "None",
        [TPL_BOOL] = "bool",
        [TPL_INT] = "int",
        [TPL_FLOAT] = "float",
        [TPL_TEXT] = "str",
        [TPL_LIST] = "list",
        [TPL_DICT] = "dict",
        [TPL_NAMESPACE] = "namespace",
        [TPL_LOOP] = "loop",
        [TPL_MACRO] = "macro",
        [TPL_FUNCTION] = "function",
        [TPL_METHOD] = "method",
        [TPL_ABSENT] = "nothing",
    };

    return v.kind == TPL_LIST && v.tuple ? "tuple" : name[v.kind];
}

double tpl_number(struct tpl_value v)
{
    return v.kind == TPL_BOOL ? v.truth : v.kind == TPL_INT ? (double)v.integer : v.number->number;
}

int64_t tpl_integer(struct tpl_value v)
{
    return v.kind == TPL_BOOL ? v.truth : v.integer;
}

bool tpl_truth(struct tpl_value v)
{
    switch (v.kind) {
    case TPL_UNDEFINED:
    case TPL_NONE:
    case TPL_ABSENT: return false;
    case TPL_BOOL: return v.truth;
    case TPL_INT: return v.integer != 0;
    case TPL_FLOAT: return v.number->number != 0;
    case TPL_TEXT: return v.text->s.len > 0;
    case TPL_LIST: return v.list->count > 0;
    case TPL_DICT: return v.dict->count > 0;
    default: return true;
    }
}

static bool equal_children(struct tpl_run *r, struct tpl_value a, struct tpl_value b, bool *out)
{
    size_t count = a.kind == TPL_LIST ? a.list->count : a.dict->count;

    *out = false;
    if (count != (a.kind == TPL_LIST ? b.list->count : b.dict->count) || a.tuple != b.tuple)
        return true;
    if (++r->depth > r->limits->depth_max)
        return tpl_fail(r, ERR_LIMIT, "values nested more than %u deep", r->limits->depth_max);
    *out = true;
    bool ok = true;
    for (size_t i = 0; i < count && *out && ok; i++) {
        struct tpl_value x, y = TPL_VALUE_NONE;
        if (a.kind == TPL_LIST) {
            x = a.list->item[i];
            y = b.list->item[i];
        } else {
            struct tpl_entry *there;
            x = a.dict->entry[i].value;
            ok = find_any(r, b.dict, a.dict->entry[i].key, &there);
            if (!ok || !there) {
                *out = false;
                break;
            }
            y = there->value;
        }
        ok = tpl_equal(r, x, y, out);
    }
    r->depth--;
    return ok;
}

bool tpl_equal(struct tpl_run *r, struct tpl_value a, struct tpl_value b, bool *out)
{
    *out = false;
    if (!tpl_steps(r, 1))
        return false;
    if (tpl_is_number(a) && tpl_is_number(b)) {
        *out = a.kind == TPL_FLOAT || b.kind == TPL_FLOAT ? tpl_number(a) == tpl_number(b)
                                                          : tpl_integer(a) == tpl_integer(b);
        return true;
    }
    if (a.kind != b.kind)
        return true;
    switch (a.kind) {
    case TPL_TEXT: *out = str_eq(tpl_str(a), tpl_str(b)); return tpl_steps(r, tpl_str(a).len / 64);
    case TPL_LIST:
    case TPL_DICT: return equal_children(r, a, b, out);
    case TPL_UNDEFINED:
    case TPL_NONE: *out = true; return true;
    default: *out = a.list == b.list; return true; /* the same thing */
    }
}

static bool compare_lists(struct tpl_run *r, const struct tpl_list *a, const struct tpl_list *b, int *out)
{
    bool ok = true;

    if (++r->depth > r->limits->depth_max)
        return tpl_fail(r, ERR_LIMIT, "values nested more than %u deep", r->limits->depth_max);
    for (size_t i = 0; ok && i < a->count && i < b->count; i++) {
        bool same;
        ok = tpl_equal(r, a->item[i], b->item[i], &same);
        if (ok && !same) {
            ok = tpl_compare(r, a->item[i], b->item[i], out);
            r->depth--;
            return ok;
        }
    }
    r->depth--;
    *out = (a->count > b->count) - (a->count < b->count);
    return ok;
}

bool tpl_compare(struct tpl_run *r, struct tpl_value a, struct tpl_value b, int *out)
{
    if (!tpl_steps(r, 1))
        return false;
    if (tpl_is_number(a) && tpl_is_number(b)) {
        double x = tpl_number(a), y = tpl_number(b);
        *out = (x > y) - (x < y);
        if (a.kind != TPL_FLOAT && b.kind != TPL_FLOAT)
            *out = (tpl_integer(a) > tpl_integer(b)) - (tpl_integer(a) < tpl_integer(b));
        return true;
    }
    if (a.kind == TPL_TEXT && b.kind == TPL_TEXT) {
        *out = str_compare(tpl_str(a), tpl_str(b)); /* of UTF-8: the order of code points */
        return tpl_steps(r, tpl_str(a).len / 64);
    }
    if (a.kind == TPL_LIST && b.kind == TPL_LIST)
        return compare_lists(r, a.list, b.list, out);
    return tpl_fail(r, ERR_INVALID, "%s and %s have no order", tpl_kind_name(a), tpl_kind_name(b));
}

bool tpl_contains(struct tpl_run *r, struct tpl_value item, struct tpl_value in, bool *out)
{
    struct tpl_entry *there;

    *out = false;
    switch (in.kind) {
    case TPL_TEXT:
        if (item.kind != TPL_TEXT)
            return tpl_fail(r, ERR_INVALID, "'in' a str wants a str, not %s", tpl_kind_name(item));
        *out = tpl_str(item).len == 0 || str_find(tpl_str(in), tpl_str(item)) >= 0;
        return tpl_steps(r, tpl_str(in).len / 64);
    case TPL_DICT:
        if (!find_any(r, in.dict, item, &there))
            return false;
        *out = there != NULL;
        return true;
    case TPL_LIST:
        for (size_t i = 0; i < in.list->count && !*out; i++) {
            if (!tpl_equal(r, in.list->item[i], item, out))
                return false;
        }
        return true;
    case TPL_UNDEFINED: return true;
    default: return tpl_fail(r, ERR_INVALID, "'in' wants a str, list or dict, not %s", tpl_kind_name(in));
    }
}

static bool characters(struct tpl_run *r, const struct tpl_text *t, struct tpl_list *l)
{
    for (size_t i = 0, n; i < t->s.len; i += n) {
        struct tpl_value c;
        n = tpl_char_bytes(t->s, i);
        if (!tpl_steps(r, 1) || !tpl_text_slice(r, t, i, i + n, &c) || !tpl_list_add(r, l, c))
            return false;
    }
    return true;
}

bool tpl_items(struct tpl_run *r, struct tpl_value v, struct tpl_list *out)
{
    *out = (struct tpl_list){0};
    switch (v.kind) {
    case TPL_UNDEFINED: return true;
    case TPL_TEXT: return characters(r, v.text, out);
    case TPL_LIST:
        out->item = tpl_alloc_array(r, v.list->count, sizeof(*out->item));
        if (!out->item || !tpl_steps(r, v.list->count / 16))
            return false;
        if (v.list->count)
            memcpy(out->item, v.list->item, v.list->count * sizeof(*out->item));
        out->count = out->max = v.list->count;
        return true;
    case TPL_DICT:
        for (size_t i = 0; i < v.dict->count; i++) {
            if (!tpl_steps(r, 1) || !tpl_list_add(r, out, v.dict->entry[i].key))
                return false;
        }
        return true;
    default: return tpl_fail(r, ERR_INVALID, "%s cannot be walked through", tpl_kind_name(v));
    }
}

/* --- attributes, indices, slices --------------------------------------------------------------------------------------- */

static bool loop_attr(struct tpl_loop *l, struct str name, struct tpl_value *out)
{
    const struct {
        const char *name;
        struct tpl_value value;
    } rows[] = {
        {"index", tpl_int((int64_t)l->index + 1)},
        {"index0", tpl_int((int64_t)l->index)},
        {"first", tpl_bool(l->index == 0)},
        {"last", tpl_bool(l->index + 1 == l->count)},
        {"length", tpl_int((int64_t)l->count)},
        {"revindex", tpl_int((int64_t)(l->count - l->index))},
        {"revindex0", tpl_int((int64_t)(l->count - l->index) - 1)},
        {"depth", tpl_int(l->depth)},
        {"depth0", tpl_int(l->depth - 1)},
        {"previtem", l->index ? l->item[l->index - 1] : tpl_undefined(&NO_ITEM)},
        {"nextitem", l->index + 1 < l->count ? l->item[l->index + 1] : tpl_undefined(&NO_ITEM)},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (str_eq(str_from(rows[i].name), name)) {
            *out = rows[i].value;
            return true;
        }
    }
    return false;
}

static bool member(struct tpl_run *r, struct tpl_value v, struct str name, struct tpl_value *out)
{
    const struct tpl_entry *there =
        v.kind == TPL_DICT || v.kind == TPL_NAMESPACE ? tpl_dict_find(r, v.dict, name) : NULL;

    if (there)
        *out = there->value;
    return there || (v.kind == TPL_LOOP && loop_attr(v.loop, name, out));
}

static bool not_there(struct tpl_run *r, struct tpl_value v, struct str name, struct tpl_value *out)
{
    struct tpl_out o = {0};
    struct tpl_value hint;
    const char *kind = tpl_kind_name(v);

    if (r->rc)
        return false;
    if (!tpl_out_add(r, &o, STR("a member '"), false) || !tpl_out_add(r, &o, str_slice(name, 0, 60), false) ||
        !tpl_out_add(r, &o, STR("' of "), false) || !tpl_out_add(r, &o, str_from(kind), false) ||
        !tpl_out_take(r, &o, &hint))
        return false;
    *out = tpl_undefined(&hint.text->s);
    return true;
}

static bool method(struct tpl_run *r, struct tpl_value v, struct str name, struct tpl_value *out)
{
    const struct tpl_builtin *row = tpl_method_find(v, name);
    struct tpl_method *m = row ? tpl_alloc(r, sizeof(*m)) : NULL;

    if (!m)
        return false;
    *m = (struct tpl_method){v, row};
    *out = (struct tpl_value){.kind = TPL_METHOD, .method = m};
    return true;
}

/* As in Python, x.items is the method even if x has such a key; x['items'] is the key. */
bool tpl_attr(struct tpl_run *r, struct tpl_value v, struct str name, struct tpl_value *out)
{
    if (v.kind == TPL_UNDEFINED)
        return tpl_fail(r, ERR_INVALID, "cannot read '%.*s' of %.*s, which is undefined",
                        STR_FMT(str_slice(name, 0, 60)), STR_FMT(*v.hint));
    return method(r, v, name, out) || member(r, v, name, out) || not_there(r, v, name, out);
}

bool tpl_index(struct tpl_run *r, struct tpl_value v, struct tpl_value key, struct tpl_value *out)
{
    struct tpl_entry *there;

    if (v.kind == TPL_UNDEFINED)
        return tpl_fail(r, ERR_INVALID, "cannot index %.*s, which is undefined", STR_FMT(*v.hint));
    if (v.kind == TPL_DICT && key.kind != TPL_TEXT) {
        if (!find_any(r, v.dict, key, &there))
            return false;
        *out = there ? there->value : tpl_undefined(&NO_KEY);
        return true;
    }
    if (key.kind == TPL_TEXT)
        return member(r, v, tpl_str(key), out) || method(r, v, tpl_str(key), out) || not_there(r, v, tpl_str(key), out);
    if ((v.kind == TPL_LIST || v.kind == TPL_TEXT) && (key.kind == TPL_INT || key.kind == TPL_BOOL)) {
        if (v.kind == TPL_TEXT && !tpl_steps(r, tpl_str(v).len / 16))
            return false;
        size_t count = v.kind == TPL_LIST ? v.list->count : tpl_char_count(tpl_str(v));
        int64_t i = tpl_integer(key);
        if (i < 0)
            i += (int64_t)count;
        *out = tpl_undefined(&NO_INDEX);
        if (i < 0 || (uint64_t)i >= count)
            return true;
        if (v.kind == TPL_LIST) {
            *out = v.list->item[i];
            return true;
        }
        size_t at = 0;
        for (int64_t n = 0; n < i; n++)
            at += tpl_char_bytes(tpl_str(v), at);
        return tpl_text_slice(r, v.text, at, at + tpl_char_bytes(tpl_str(v), at), out);
    }
    *out = tpl_undefined(&NO_INDEX);
    return true;
}

/* One end of a slice, as Python clamps it. */
static bool slice_end(struct tpl_run *r, struct tpl_value v, int64_t count, bool back, int64_t otherwise, int64_t *out)
{
    int64_t low = back ? -1 : 0, high = back ? count - 1 : count;

    *out = otherwise;
    if (v.kind == TPL_ABSENT || v.kind == TPL_NONE)
        return true;
    if (v.kind != TPL_INT && v.kind != TPL_BOOL)
        return tpl_fail(r, ERR_INVALID, "a slice wants integers, not %s", tpl_kind_name(v));
    int64_t i = tpl_integer(v);
    if (i < 0)
        i += count;
    *out = i < low ? low : i > high ? high : i;
    return true;
}

static bool slice_text(struct tpl_run *r, const struct tpl_text *t, int64_t from, int64_t to, struct tpl_value *out)
{
    size_t at = 0, start = 0;
    int64_t n = 0;

    for (; n < to && at < t->s.len; n++) {
        if (n == from)
            start = at;
        at += tpl_char_bytes(t->s, at);
    }
    return tpl_steps(r, t->s.len / 64) && tpl_text_slice(r, t, from < to ? start : at, at, out);
}

bool tpl_slice(struct tpl_run *r, struct tpl_value v, const struct tpl_value part[3], struct tpl_value *out)
{
    int64_t from, to, step = 1, count;
    struct tpl_list all;

    if (v.kind == TPL_UNDEFINED)
        return tpl_fail(r, ERR_INVALID, "cannot slice %.*s, which is undefined", STR_FMT(*v.hint));
    if (v.kind != TPL_LIST && v.kind != TPL_TEXT)
        return tpl_fail(r, ERR_INVALID, "%s cannot be sliced", tpl_kind_name(v));
    if (!slice_end(r, part[2], INT64_MAX / 4, false, 1, &step))
        return false;
    if (part[2].kind == TPL_INT && part[2].integer < 0)
        step = part[2].integer < -(INT64_MAX / 4) ? -(INT64_MAX / 4) : part[2].integer;
    if (step == 0)
        return tpl_fail(r, ERR_INVALID, "the step of a slice cannot be 0");
    if (v.kind == TPL_TEXT && !tpl_steps(r, tpl_str(v).len / 16))
        return false;
    count = (int64_t)(v.kind == TPL_LIST ? v.list->count : tpl_char_count(tpl_str(v)));
    if (!slice_end(r, part[0], count, step < 0, step < 0 ? count - 1 : 0, &from) ||
        !slice_end(r, part[1], count, step < 0, step < 0 ? -1 : count, &to))
        return false;
    if (v.kind == TPL_TEXT && step == 1)
        return slice_text(r, v.text, from, to, out);
    struct tpl_value list;
    if (!tpl_items(r, v, &all) || !tpl_list(r, 0, &list))
        return false;
    for (int64_t i = from; step > 0 ? i < to : i > to; i += step) {
        if (!tpl_steps(r, 1) || !tpl_list_add(r, list.list, all.item[i]))
            return false;
    }
    list.tuple = v.tuple;
    if (v.kind == TPL_LIST) {
        *out = list;
        return true;
    }
    struct tpl_out o = {0};
    for (size_t i = 0; i < list.list->count; i++) {
        const struct tpl_text *c = list.list->item[i].text;
        if (!tpl_out_text(r, &o, c, 0, c->s.len))
            return false;
    }
    return tpl_out_take(r, &o, out);
}
