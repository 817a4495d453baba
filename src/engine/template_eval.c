/* template_eval.c: walks the tree of a template and prints.
 *
 * Scopes are Jinja's: `for`, macros, `with` and block bodies have their own, so a `set` inside a loop is forgotten at the end of
 * its turn (that is what namespaces are for), while `if` has none. A macro sees the scope it was defined in. */
#include "engine/template_priv.h"
#include "base/mem.h"
#include <math.h>

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_FAILED };

static bool eval(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out);
static enum flow exec(struct tpl_run *r, const struct tpl_node *n);

/* --- scopes --------------------------------------------------------------------------------------------------------- */

static struct tpl_scope *scope_below(struct tpl_run *r, struct tpl_scope *up)
{
    struct tpl_scope *s = tpl_alloc(r, sizeof(*s));

    if (s)
        s->up = up;
    return s;
}

static struct tpl_var *find_in(struct tpl_run *r, const struct tpl_scope *s, struct str name)
{
    uint64_t looked = 0;
    struct tpl_var *v = s->var;

    for (; v && !str_eq(v->name, name); v = v->next)
        looked++;
    return tpl_steps(r, looked * (1 + name.len / 64) / 16) ? v : NULL;
}

static bool set_var(struct tpl_run *r, struct tpl_scope *s, struct str name, struct tpl_value value)
{
    struct tpl_var *v = find_in(r, s, name);

    if (r->rc)
        return false;
    if (!v) {
        v = tpl_alloc(r, sizeof(*v));
        if (!v)
            return false;
        v->name = name;
        v->next = s->var;
        s->var = v;
    }
    v->value = value;
    return true;
}

static bool get_var(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    for (const struct tpl_scope *s = r->scope; s; s = s->up) {
        struct tpl_var *v = find_in(r, s, n->name);
        if (r->rc)
            return false;
        if (v) {
            *out = v->value;
            return true;
        }
    }
    const struct tpl_builtin *f = tpl_builtin_find(tpl_functions, n->name);
    *out = f ? (struct tpl_value){.kind = TPL_FUNCTION, .function = f} : tpl_undefined(&n->name);
    return true;
}

static bool assign(struct tpl_run *r, const struct tpl_node *target, struct tpl_value value)
{
    struct tpl_value space;
    struct tpl_list items;

    switch (target->kind) {
    case NODE_NAME: return set_var(r, r->scope, target->name, value);
    case NODE_ATTR:
        if (!get_var(r, target->a, &space))
            return false;
        if (space.kind != TPL_NAMESPACE)
            return tpl_fail(r, ERR_INVALID, "only a namespace() takes attributes, not %s", tpl_kind_name(space));
        struct tpl_value key;
        return tpl_text(r, target->name, false, &key) && tpl_dict_set(r, space.dict, key, value);
    default:
        if (!tpl_items(r, value, &items))
            return false;
        size_t i = 0;
        for (const struct tpl_node *t = target->args; t; t = t->next, i++) {
            if (i < items.count && !assign(r, t->a, items.item[i]))
                return false;
        }
        return i == items.count || tpl_fail(r, ERR_INVALID, "%zu names for %zu values", i, items.count);
    }
}

/* --- calls ------------------------------------------------------------------------------------------------------------ */

const struct tpl_builtin *tpl_builtin_find(const struct tpl_builtin *table, struct str name)
{
    for (; table->name; table++) {
        if (str_eq(str_from(table->name), name))
            return table;
    }
    return NULL;
}

static bool collect_args(struct tpl_run *r, const struct tpl_node *list, struct tpl_args *args)
{
    size_t count = 0, named = 0;

    for (const struct tpl_node *n = list; n; n = n->next) {
        count += !n->name.ptr;
        named += n->name.ptr != NULL;
    }
    *args = (struct tpl_args){0};
    if (count && !(args->at = tpl_alloc_array(r, count, sizeof(*args->at))))
        return false;
    if (named && (!(args->key = tpl_alloc_array(r, named, sizeof(*args->key))) ||
                  !(args->named = tpl_alloc_array(r, named, sizeof(*args->named)))))
        return false;
    for (const struct tpl_node *n = list; n; n = n->next) {
        struct tpl_value v;
        if (!eval(r, n->a, &v))
            return false;
        if (n->name.ptr) {
            args->key[args->named_count] = n->name;
            args->named[args->named_count++] = v;
        } else {
            args->at[args->count++] = v;
        }
    }
    return true;
}

/* Which of `params` ("width first blank") is called that; -1. */
static int param_index(const char *params, struct str name)
{
    struct str rest = str_from(params), word;

    for (int i = 0; str_cut(&rest, ' ', &word); i++) {
        if (str_eq(word, name))
            return i;
    }
    return -1;
}

static size_t param_count(const char *params)
{
    struct str rest = str_from(params), word;
    size_t n = 0;

    while (str_cut(&rest, ' ', &word))
        n++;
    return n;
}

bool tpl_call_row(struct tpl_run *r, const struct tpl_builtin *row, struct tpl_value v, const struct tpl_args *args,
                  struct tpl_value *out)
{
    struct tpl_value bound[TPL_ARGS_MAX];

    if (!row->params)
        return row->fn(r, v, NULL, args, out);
    size_t count = param_count(row->params);
    if (args->count > count)
        return tpl_fail(r, ERR_INVALID, "%s takes %zu arguments, not %zu", row->name, count, args->count);
    for (size_t i = 0; i < count; i++)
        bound[i] = i < args->count ? args->at[i] : TPL_VALUE_ABSENT;
    for (size_t i = 0; i < args->named_count; i++) {
        int at = param_index(row->params, args->key[i]);
        if (at < 0 || bound[at].kind != TPL_ABSENT)
            return tpl_fail(r, at < 0 ? ERR_UNSUPPORTED : ERR_INVALID, "%s %s '%.*s'", row->name,
                            at < 0 ? "takes no argument" : "was given twice its argument",
                            STR_FMT(str_slice(args->key[i], 0, 60)));
        bound[at] = args->named[i];
    }
    return row->fn(r, v, bound, args, out);
}

/* Runs a body into a text of its own, in a scope of its own. */
static enum flow capture(struct tpl_run *r, struct tpl_scope *scope, const struct tpl_node *body, struct tpl_value *out)
{
    struct tpl_out held = {0}, *outer = r->out;
    struct tpl_scope *before = r->scope;

    if (!scope)
        return FLOW_FAILED;
    r->out = &held;
    r->scope = scope;
    enum flow f = exec(r, body);
    r->out = outer;
    r->scope = before;
    return f != FLOW_FAILED && !tpl_out_take(r, &held, out) ? FLOW_FAILED : f;
}

static bool bind_macro(struct tpl_run *r, const struct tpl_node *macro, const struct tpl_args *args,
                       struct tpl_scope *scope)
{
    size_t i = 0, used = 0;

    for (const struct tpl_node *p = macro->args; p; p = p->next, i++) {
        struct tpl_value v = tpl_undefined(&p->name);
        bool given = i < args->count;
        if (given)
            v = args->at[i];
        for (size_t k = 0; k < args->named_count; k++) {
            if (!str_eq(args->key[k], p->name))
                continue;
            if (given)
                return tpl_fail(r, ERR_INVALID, "the macro was given twice its argument '%.*s'",
                                STR_FMT(str_slice(p->name, 0, 60)));
            given = true;
            v = args->named[k];
            used++;
        }
        if (!given && p->a) { /* a default may read the parameters before it */
            struct tpl_scope *before = r->scope;
            r->scope = scope;
            bool ok = eval(r, p->a, &v);
            r->scope = before;
            if (!ok)
                return false;
        }
        if (!set_var(r, scope, p->name, v))
            return false;
    }
    if (args->count > i || used < args->named_count)
        return tpl_fail(r, ERR_INVALID, "the macro %.*s has no such parameter", STR_FMT(str_slice(macro->name, 0, 60)));
    return true;
}

static bool call_macro(struct tpl_run *r, const struct tpl_macro *m, const struct tpl_args *args, struct tpl_value *out)
{
    struct tpl_scope *scope = scope_below(r, m->scope);
    int64_t loops = r->loop_depth;

    if (!scope || !bind_macro(r, m->node, args, scope))
        return false;
    r->loop_depth = 0;
    bool ok = capture(r, scope, m->node->body, out) != FLOW_FAILED;
    r->loop_depth = loops;
    return ok;
}

bool tpl_call(struct tpl_run *r, struct tpl_value callee, const struct tpl_args *args, struct tpl_value *out)
{
    switch (callee.kind) {
    case TPL_MACRO: return call_macro(r, callee.macro, args, out);
    case TPL_FUNCTION: return tpl_call_row(r, callee.function, TPL_VALUE_ABSENT, args, out);
    case TPL_METHOD: return tpl_call_row(r, callee.method->row, callee.method->self, args, out);
    case TPL_UNDEFINED:
        return tpl_fail(r, ERR_UNSUPPORTED, "%.*s is no function that we have",
                        STR_FMT(str_slice(*callee.hint, 0, 120)));
    default: return tpl_fail(r, ERR_INVALID, "%s cannot be called", tpl_kind_name(callee));
    }
}

static bool eval_call(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_args args;
    struct tpl_value callee;

    if (!eval(r, n->a, &callee) || !collect_args(r, n->args, &args))
        return false;
    r->at = n;
    return tpl_call(r, callee, &args, out);
}

static bool eval_filter(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_args args;
    struct tpl_value v;

    if (!eval(r, n->a, &v) || !collect_args(r, n->args, &args))
        return false;
    r->at = n;
    if (!n->row)
        return tpl_fail(r, ERR_UNSUPPORTED, "there is no %s of that name here",
                        n->kind == NODE_TEST ? "test" : "filter");
    return tpl_call_row(r, n->row, v, &args, out);
}

/* --- operators ---------------------------------------------------------------------------------------------------------- */

static bool join(struct tpl_run *r, struct tpl_value a, struct tpl_value b, struct tpl_value *out)
{
    struct tpl_out o = {0};

    return tpl_out_value(r, &o, a) && tpl_out_value(r, &o, b) && tpl_out_take(r, &o, out);
}

static bool repeat(struct tpl_run *r, struct tpl_value what, int64_t times, struct tpl_value *out)
{
    struct tpl_out o = {0};
    struct tpl_value list;

    if (what.kind == TPL_TEXT) {
        for (int64_t i = 0; i < times && tpl_str(what).len; i++) {
            if (!tpl_steps(r, 1) || !tpl_out_value(r, &o, what))
                return false;
        }
        return tpl_out_take(r, &o, out);
    }
    if (!tpl_list(r, 0, &list))
        return false;
    for (int64_t i = 0; i < times && what.list->count; i++) {
        for (size_t k = 0; k < what.list->count; k++) {
            if (!tpl_steps(r, 1) || !tpl_list_add(r, list.list, what.list->item[k]))
                return false;
        }
    }
    list.tuple = what.tuple;
    *out = list;
    return true;
}

static bool add_lists(struct tpl_run *r, struct tpl_value a, struct tpl_value b, struct tpl_value *out)
{
    if (!tpl_list(r, a.list->count + b.list->count, out) || !tpl_steps(r, (a.list->count + b.list->count) / 16))
        return false;
    out->tuple = a.tuple;
    for (size_t i = 0; i < a.list->count + b.list->count; i++)
        out->list->item[i] = i < a.list->count ? a.list->item[i] : b.list->item[i - a.list->count];
    out->list->count = a.list->count + b.list->count;
    return true;
}

static bool float_arithmetic(struct tpl_run *r, enum tpl_op op, double a, double b, struct tpl_value *out)
{
    if ((op == OP_DIV || op == OP_FLOORDIV || op == OP_MOD) && b == 0)
        return tpl_fail(r, ERR_INVALID, "division by zero");
    switch (op) {
    case OP_ADD: return tpl_float(r, a + b, out);
    case OP_SUB: return tpl_float(r, a - b, out);
    case OP_MUL: return tpl_float(r, a * b, out);
    case OP_DIV: return tpl_float(r, a / b, out);
    case OP_FLOORDIV: return tpl_float(r, floor(a / b), out);
    default: {
        double m = fmod(a, b);
        return tpl_float(r, m != 0 && (m < 0) != (b < 0) ? m + b : m, out);
    }
    }
}

static bool int_arithmetic(struct tpl_run *r, enum tpl_op op, int64_t a, int64_t b, struct tpl_value *out)
{
    int64_t c = 0;
    bool over = false;

    if (op == OP_FLOORDIV || op == OP_MOD) {
        if (b == 0)
            return tpl_fail(r, ERR_INVALID, "division by zero");
        if (b == -1) { /* INT64_MIN / -1 traps */
            over = op == OP_FLOORDIV && __builtin_sub_overflow((int64_t)0, a, &c);
        } else {
            int64_t q = a / b, m = a % b;
            bool down = m != 0 && (m < 0) != (b < 0);
            c = op == OP_MOD ? (down ? m + b : m) : q - down;
        }
    } else {
        over = op == OP_ADD   ? __builtin_add_overflow(a, b, &c)
               : op == OP_SUB ? __builtin_sub_overflow(a, b, &c)
                              : __builtin_mul_overflow(a, b, &c);
    }
    if (over)
        return tpl_fail(r, ERR_LIMIT, "an integer beyond 64 bits");
    *out = tpl_int(c);
    return true;
}

static bool arithmetic(struct tpl_run *r, enum tpl_op op, struct tpl_value a, struct tpl_value b, struct tpl_value *out)
{
    static const char *const sign[] = {[OP_ADD] = "+",       [OP_SUB] = "-", [OP_MUL] = "*", [OP_DIV] = "/",
                                       [OP_FLOORDIV] = "//", [OP_MOD] = "%", [OP_POW] = "**"};
    bool texts = a.kind == TPL_TEXT && b.kind == TPL_TEXT, lists = a.kind == TPL_LIST && b.kind == TPL_LIST;

    if (op == OP_POW || (op == OP_MOD && a.kind == TPL_TEXT))
        return tpl_fail(r, ERR_UNSUPPORTED, "the operator %s is not supported%s", sign[op],
                        op == OP_MOD ? " on a str" : "");
    if (tpl_is_number(a) && tpl_is_number(b)) {
        if (a.kind == TPL_FLOAT || b.kind == TPL_FLOAT || op == OP_DIV)
            return float_arithmetic(r, op, tpl_number(a), tpl_number(b), out);
        return int_arithmetic(r, op, tpl_integer(a), tpl_integer(b), out);
    }
    if (op == OP_ADD && texts)
        return join(r, a, b, out);
    if (op == OP_ADD && lists && a.tuple == b.tuple)
        return add_lists(r, a, b, out);
    if (op == OP_MUL && (a.kind == TPL_TEXT || a.kind == TPL_LIST) && (b.kind == TPL_INT || b.kind == TPL_BOOL))
        return repeat(r, a, tpl_integer(b), out);
    if (op == OP_MUL && (b.kind == TPL_TEXT || b.kind == TPL_LIST) && (a.kind == TPL_INT || a.kind == TPL_BOOL))
        return repeat(r, b, tpl_integer(a), out);
    struct tpl_value bad = a.kind == TPL_UNDEFINED ? a : b;
    if (bad.kind == TPL_UNDEFINED)
        return tpl_fail(r, ERR_INVALID, "%s with %.*s, which is undefined", sign[op],
                        STR_FMT(str_slice(*bad.hint, 0, 120)));
    return tpl_fail(r, ERR_INVALID, "%s does not take %s and %s", sign[op], tpl_kind_name(a), tpl_kind_name(b));
}

/* A chain a + b + c + … of texts is put together once, not once per sign: prompts are long. */
static bool eval_chain(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    const struct tpl_node *operand[64];
    size_t count = 0;
    const struct tpl_node *first = n;

    while (first->kind == n->kind && first->op == n->op && count < COUNT_OF(operand)) {
        operand[count++] = first;
        first = first->a;
    }
    struct tpl_value v, next;
    struct tpl_out o = {0};
    bool open = false; /* what came until now is in `o`, not in `v` */
    if (!eval(r, first, &v))
        return false;
    while (count-- > 0) {
        r->at = operand[count];
        if (!eval(r, operand[count]->b, &next))
            return false;
        r->at = operand[count];
        bool texts = n->op == OP_CONCAT || (n->op == OP_ADD && (open || v.kind == TPL_TEXT) && next.kind == TPL_TEXT);
        if (texts && !open && !tpl_out_value(r, &o, v))
            return false;
        if (!texts && open && !tpl_out_take(r, &o, &v))
            return false;
        open = texts;
        if (texts ? !tpl_out_value(r, &o, next) : !arithmetic(r, n->op, v, next, &v))
            return false;
    }
    if (open)
        return tpl_out_take(r, &o, out);
    *out = v;
    return true;
}

static bool compare_once(struct tpl_run *r, enum tpl_op op, struct tpl_value a, struct tpl_value b, bool *out)
{
    int order;

    switch (op) {
    case OP_EQ: return tpl_equal(r, a, b, out);
    case OP_NE:
        if (!tpl_equal(r, a, b, out))
            return false;
        *out = !*out;
        return true;
    case OP_IN: return tpl_contains(r, a, b, out);
    case OP_NOT_IN:
        if (!tpl_contains(r, a, b, out))
            return false;
        *out = !*out;
        return true;
    default: break;
    }
    if (!tpl_compare(r, a, b, &order))
        return false;
    bool nan = (a.kind == TPL_FLOAT && isnan(tpl_number(a))) || (b.kind == TPL_FLOAT && isnan(tpl_number(b)));
    *out = !nan && (op == OP_LT ? order < 0 : op == OP_LE ? order <= 0 : op == OP_GT ? order > 0 : order >= 0);
    return true;
}

static bool eval_compare(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_value left, right;
    bool holds = true;

    if (!eval(r, n->a, &left))
        return false;
    for (const struct tpl_node *c = n->args; c && holds; c = c->next) {
        if (!eval(r, c->a, &right))
            return false;
        r->at = n;
        if (!compare_once(r, c->op, left, right, &holds))
            return false;
        left = right;
    }
    *out = tpl_bool(holds);
    return true;
}

static bool eval_sign(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_value v;

    if (!eval(r, n->a, &v))
        return false;
    r->at = n;
    if (!tpl_is_number(v))
        return tpl_fail(r, ERR_INVALID, "wants a number, not %s", tpl_kind_name(v));
    if (v.kind == TPL_FLOAT)
        return tpl_float(r, n->kind == NODE_NEG ? -tpl_number(v) : tpl_number(v), out);
    return int_arithmetic(r, n->kind == NODE_NEG ? OP_SUB : OP_ADD, 0, tpl_integer(v), out);
}

/* --- expressions ---------------------------------------------------------------------------------------------------------- */

static bool eval_list(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_value list;

    if (!tpl_list(r, 0, &list))
        return false;
    for (const struct tpl_node *a = n->args; a; a = a->next) {
        struct tpl_value v;
        if (!eval(r, a->a, &v) || !tpl_list_add(r, list.list, v))
            return false;
    }
    list.tuple = n->kind == NODE_TUPLE;
    *out = list;
    return true;
}

static bool eval_dict(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_value dict;

    if (!tpl_dict(r, 0, &dict))
        return false;
    for (const struct tpl_node *a = n->args; a; a = a->next) {
        struct tpl_value key, v;
        if (!eval(r, a->b, &key) || !eval(r, a->a, &v))
            return false;
        r->at = n;
        if (!tpl_dict_set(r, dict.dict, key, v))
            return false;
    }
    *out = dict;
    return true;
}

static bool eval_slice(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    const struct tpl_node *part[] = {n->b, n->c, n->d};
    struct tpl_value v, bound[3];

    if (!eval(r, n->a, &v))
        return false;
    for (size_t i = 0; i < 3; i++) {
        bound[i] = TPL_VALUE_ABSENT;
        if (part[i] && !eval(r, part[i], &bound[i]))
            return false;
    }
    r->at = n;
    return tpl_slice(r, v, bound, out);
}

static bool eval_index(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_value v, key;

    if (!eval(r, n->a, &v) || (n->kind == NODE_INDEX && !eval(r, n->b, &key)))
        return false;
    r->at = n;
    return n->kind == NODE_INDEX ? tpl_index(r, v, key, out) : tpl_attr(r, v, n->name, out);
}

static bool eval_logic(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    struct tpl_value v;

    if (!eval(r, n->kind == NODE_COND ? n->c : n->a, &v))
        return false;
    bool truth = tpl_truth(v);
    switch (n->kind) {
    case NODE_NOT: *out = tpl_bool(!truth); return true;
    case NODE_AND:
    case NODE_OR:
        if (truth == (n->kind == NODE_AND))
            return eval(r, n->b, out);
        *out = v;
        return true;
    default: break;
    }
    static const struct str no_else = {"a condition without else", 24};
    if (truth || n->b)
        return eval(r, truth ? n->a : n->b, out);
    *out = tpl_undefined(&no_else);
    return true;
}

static bool eval_inner(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    switch (n->kind) {
    case NODE_LITERAL: *out = n->literal; return true;
    case NODE_NAME: return get_var(r, n, out);
    case NODE_ATTR:
    case NODE_INDEX: return eval_index(r, n, out);
    case NODE_SLICE: return eval_slice(r, n, out);
    case NODE_CALL: return eval_call(r, n, out);
    case NODE_FILTER:
    case NODE_TEST: return eval_filter(r, n, out);
    case NODE_NOT:
    case NODE_AND:
    case NODE_OR:
    case NODE_COND: return eval_logic(r, n, out);
    case NODE_NEG:
    case NODE_POS: return eval_sign(r, n, out);
    case NODE_ARITH:
    case NODE_CONCAT: return eval_chain(r, n, out);
    case NODE_COMPARE: return eval_compare(r, n, out);
    case NODE_LIST:
    case NODE_TUPLE: return eval_list(r, n, out);
    default: return eval_dict(r, n, out);
    }
}

static bool eval(struct tpl_run *r, const struct tpl_node *n, struct tpl_value *out)
{
    r->at = n;
    if (!tpl_steps(r, 1))
        return false;
    if (++r->depth > r->limits->depth_max)
        return tpl_fail(r, ERR_LIMIT, "calls and expressions nest more than %u deep", r->limits->depth_max);
    bool ok = eval_inner(r, n, out);
    r->depth--;
    return ok;
}

/* --- statements ----------------------------------------------------------------------------------------------------------- */

static bool keeps(struct tpl_run *r, const struct tpl_node *n, struct tpl_value item, bool *out)
{
    struct tpl_value v;
    struct tpl_scope *before = r->scope;

    r->scope = scope_below(r, before);
    bool ok = r->scope && assign(r, n->a, item) && eval(r, n->c, &v);
    r->scope = before;
    *out = ok && tpl_truth(v);
    return ok;
}

static bool loop_items(struct tpl_run *r, const struct tpl_node *n, struct tpl_list *items)
{
    struct tpl_value v;

    if (!eval(r, n->b, &v))
        return false;
    r->at = n;
    if (!tpl_items(r, v, items) || !n->c)
        return r->rc == 0;
    size_t kept = 0;
    for (size_t i = 0; i < items->count; i++) {
        bool keep;
        if (!keeps(r, n, items->item[i], &keep))
            return false;
        if (keep)
            items->item[kept++] = items->item[i];
    }
    items->count = kept;
    return true;
}

static enum flow turn(struct tpl_run *r, const struct tpl_node *n, struct tpl_value loop, struct tpl_value item)
{
    struct tpl_scope *before = r->scope;
    enum flow f = FLOW_FAILED;

    r->scope = scope_below(r, before);
    if (r->scope && set_var(r, r->scope, STR("loop"), loop) && assign(r, n->a, item))
        f = exec(r, n->body);
    r->scope = before;
    return f;
}

static enum flow exec_for(struct tpl_run *r, const struct tpl_node *n)
{
    struct tpl_list items;
    struct tpl_loop *loop;

    if (!loop_items(r, n, &items) || !(loop = tpl_alloc(r, sizeof(*loop))))
        return FLOW_FAILED;
    r->loop_depth++;
    *loop = (struct tpl_loop){.item = items.item, .count = items.count, .depth = r->loop_depth};
    enum flow f = FLOW_ON;
    for (; loop->index < items.count && f != FLOW_BREAK; loop->index++) {
        r->at = n;
        f = tpl_steps(r, 1) ? turn(r, n, (struct tpl_value){.kind = TPL_LOOP, .loop = loop}, items.item[loop->index])
                            : FLOW_FAILED;
        if (f == FLOW_FAILED)
            return f;
    }
    r->loop_depth--;
    if (items.count || !n->other)
        return FLOW_ON;
    return exec(r, n->other);
}

static enum flow exec_if(struct tpl_run *r, const struct tpl_node *n)
{
    for (;;) {
        struct tpl_value v;
        if (!eval(r, n->a, &v))
            return FLOW_FAILED;
        if (tpl_truth(v))
            return exec(r, n->body);
        if (!n->other || n->other->kind != NODE_IF || n->other->next)
            return exec(r, n->other);
        n = n->other; /* elif */
    }
}

/* The filters of a block work on the name that no template can write. */
static bool through(struct tpl_run *r, const struct tpl_node *filters, struct tpl_value *v)
{
    struct tpl_scope *before = r->scope;

    if (!filters)
        return true;
    r->scope = scope_below(r, before);
    bool ok = r->scope && set_var(r, r->scope, STR_NONE, *v) && eval(r, filters, v);
    r->scope = before;
    return ok;
}

static enum flow exec_block(struct tpl_run *r, const struct tpl_node *n)
{
    struct tpl_value v;
    enum flow f = capture(r, scope_below(r, r->scope), n->body, &v);

    if (f == FLOW_FAILED || !through(r, n->b, &v))
        return FLOW_FAILED;
    r->at = n;
    bool ok = n->kind == NODE_SET_BLOCK ? assign(r, n->a, v) : tpl_out_value(r, r->out, v);
    return ok ? f : FLOW_FAILED;
}

static enum flow exec_scope(struct tpl_run *r, const struct tpl_node *n)
{
    struct tpl_scope *before = r->scope, *scope = scope_below(r, before);

    for (const struct tpl_node *a = n->args; scope && a; a = a->next) {
        struct tpl_value v;
        if (!eval(r, a->a, &v) || !set_var(r, scope, a->name, v))
            return FLOW_FAILED;
    }
    if (!scope)
        return FLOW_FAILED;
    r->scope = scope;
    enum flow f = exec(r, n->body);
    r->scope = before;
    return f;
}

static bool exec_macro(struct tpl_run *r, const struct tpl_node *n)
{
    struct tpl_macro *m = tpl_alloc(r, sizeof(*m));

    if (!m)
        return false;
    *m = (struct tpl_macro){n, r->scope};
    return set_var(r, r->scope, n->name, (struct tpl_value){.kind = TPL_MACRO, .macro = m});
}

static bool exec_plain(struct tpl_run *r, const struct tpl_node *n)
{
    struct tpl_value v;

    switch (n->kind) {
    case NODE_DATA: return tpl_out_add(r, r->out, n->name, false);
    case NODE_PRINT:
        if (!eval(r, n->a, &v))
            return false;
        r->at = n;
        return tpl_out_value(r, r->out, v);
    case NODE_SET:
        if (!eval(r, n->b, &v))
            return false;
        r->at = n;
        return assign(r, n->a, v);
    default: return exec_macro(r, n);
    }
}

static enum flow exec_one(struct tpl_run *r, const struct tpl_node *n)
{
    switch (n->kind) {
    case NODE_IF: return exec_if(r, n);
    case NODE_FOR: return exec_for(r, n);
    case NODE_SET_BLOCK:
    case NODE_FILTER_BLOCK: return exec_block(r, n);
    case NODE_WITH:
    case NODE_SCOPE: return exec_scope(r, n);
    case NODE_BREAK: return FLOW_BREAK;
    case NODE_CONTINUE: return FLOW_CONTINUE;
    default: return exec_plain(r, n) ? FLOW_ON : FLOW_FAILED;
    }
}

static enum flow exec(struct tpl_run *r, const struct tpl_node *n)
{
    enum flow f = FLOW_ON;

    if (++r->depth > r->limits->depth_max) {
        tpl_fail(r, ERR_LIMIT, "calls and expressions nest more than %u deep", r->limits->depth_max);
        return FLOW_FAILED;
    }
    for (; n && f == FLOW_ON; n = n->next) {
        r->at = n;
        f = tpl_steps(r, 1) ? exec_one(r, n) : FLOW_FAILED;
    }
    r->depth--;
    return f;
}

/* --- from outside ----------------------------------------------------------------------------------------------------------- */

int template_compile(struct template **out, struct str source, struct err *e)
{
    if (source.len > TEMPLATE_SOURCE_MAX)
        return err_set(e, ERR_LIMIT, "a chat template of %zu bytes is longer than %zu", source.len,
                       TEMPLATE_SOURCE_MAX);
    struct template *t = new0(struct template);
    if (!t)
        return err_set(e, ERR_NOMEM, "out of memory for a template");
    t->arena = ARENA_INIT(TPL_TREE_BYTES_MAX);
    struct tpl_tokens tokens = {0};
    int rc = tpl_lex(source, &t->arena, &tokens, e);
    if (rc == 0)
        rc = tpl_parse(t, &tokens, e);
    mem_free(tokens.at);
    if (rc < 0) {
        template_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void template_free(struct template *t)
{
    if (!t)
        return;
    arena_fini(&t->arena);
    mem_free(t);
}

static bool set_inputs(struct tpl_run *r, const struct template_input *input, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tpl_value v;
        if (!tpl_from_json(r, input[i].value, !input[i].trusted, &v) || !set_var(r, r->scope, input[i].name, v))
            return false;
    }
    return true;
}

static int give(const struct tpl_run *r, const struct tpl_out *o, struct arena *a, struct template_output *out,
                struct err *e)
{
    struct str text = arena_dup(a, str_of(o->len ? o->ptr : "", o->len));
    struct template_piece *piece = text.ptr ? arena_new_array(a, struct template_piece, o->mark_count) : NULL;

    if (!piece)
        return err_set(e, ERR_NOMEM, "out of memory for a prompt of %zu bytes", o->len);
    size_t from = 0;
    for (size_t i = 0; i < o->mark_count; i++) {
        piece[i] = (struct template_piece){str_slice(text, from, o->mark[i].end), !o->mark[i].user};
        from = o->mark[i].end;
    }
    *out = (struct template_output){.piece = piece, .count = o->mark_count, .steps = r->steps};
    return 0;
}

int template_render(const struct template *t, const struct template_input *input, size_t input_count,
                    const struct civil *now, const struct template_limits *limits, struct arena *a,
                    struct template_output *out, struct err *e)
{
    struct tpl_out printed = {.bytes_max = limits->output_bytes_max};
    struct tpl_run r = {
        .limits = limits, .now = now, .arena = ARENA_INIT(limits->memory_bytes_max), .out = &printed, .err = e};

    r.scope = scope_below(&r, NULL);
    if (r.scope && set_inputs(&r, input, input_count))
        (void)exec(&r, t->body); /* r.rc tells */
    int rc = r.rc;
    if (rc == 0)
        rc = give(&r, &printed, a, out, e);
    arena_fini(&r.arena);
    return rc;
}
