/* template_parse.c: tokens into the tree, by recursive descent with the precedences of Jinja2:
 *
 *   a if c else b < or < and < not < comparisons, in < + - < ~ < * / // % < unary < . [] () < | is
 *
 * Chains of the same level are loops, not recursion; what nests (brackets, blocks) may do so TPL_DEPTH_MAX deep. A statement we
 * do not have is ERR_UNSUPPORTED here; an unknown filter or test is one only when it is reached. The file is one piece, for the
 * grammar is one recursion: bodies hold statements, and statements hold expressions and bodies. */
#include "engine/template_priv.h"
#include <stdarg.h>

struct parser {
    struct template *t;
    const struct tpl_token *at;
    uint32_t depth;
    uint32_t loops; /* that we are inside of */
    struct err *err;
    int rc;
};

static struct tpl_node *expression(struct parser *p, bool conditional);
static struct tpl_node *unary(struct parser *p, bool filtered);
static bool body(struct parser *p, const char *const *ends, const struct tpl_node **out);

/* --- helpers ------------------------------------------------------------------------------------------------------ */

__attribute__((format(printf, 3, 4))) static void *broken(struct parser *p, int code, const char *format, ...)
{
    char text[300];
    struct buf b = BUF_INIT(sizeof(text) - 1);
    va_list args;

    if (p->rc)
        return NULL;
    va_start(args, format);
    (void)buf_append_format_v(&b, format, args); /* a story that does not fit is left out */
    va_end(args);
    p->rc = err_set_at(p->err, code, p->at->line, 0, "template line %d: %.*s", p->at->line, STR_FMT(buf_str(&b)));
    buf_fini(&b);
    return NULL;
}

static struct tpl_node *node(struct parser *p, enum tpl_node_kind kind)
{
    struct tpl_node *n = arena_new(&p->t->arena, struct tpl_node);

    if (!n)
        return broken(p, ERR_LIMIT, "the template is too large, or memory is out");
    n->kind = kind;
    n->line = p->at->line;
    return n;
}

static bool down(struct parser *p)
{
    if (++p->depth <= TPL_DEPTH_MAX)
        return true;
    broken(p, ERR_LIMIT, "nested more than %d deep", TPL_DEPTH_MAX);
    return false;
}

static bool is_op(const struct parser *p, enum tpl_op op)
{
    return p->at->kind == TOK_OP && p->at->op == op;
}

static bool is_name(const struct parser *p, const char *name)
{
    return p->at->kind == TOK_NAME && str_eq(p->at->text, str_from(name));
}

static bool take_op(struct parser *p, enum tpl_op op)
{
    bool there = is_op(p, op);

    p->at += there;
    return there;
}

static bool take_name(struct parser *p, const char *name)
{
    bool there = is_name(p, name);

    p->at += there;
    return there;
}

static void *unexpected(struct parser *p, const char *wanted)
{
    static const char *const kind[] = {[TOK_END] = "the end of the template",
                                       [TOK_DATA] = "text",
                                       [TOK_PRINT] = "{{",
                                       [TOK_PRINT_END] = "}}",
                                       [TOK_BLOCK] = "{%",
                                       [TOK_BLOCK_END] = "%}"};

    if (p->at->kind < COUNT_OF(kind))
        return broken(p, ERR_SYNTAX, "expected %s, found %s", wanted, kind[p->at->kind]);
    return broken(p, ERR_SYNTAX, "expected %s, found '%.*s'", wanted,
                  (int)(p->at->text.len < 40 ? p->at->text.len : 40), p->at->text.ptr);
}

static bool expect_op(struct parser *p, enum tpl_op op, const char *wanted)
{
    return take_op(p, op) || unexpected(p, wanted);
}

static bool expect_name(struct parser *p, struct str *out)
{
    if (p->at->kind != TOK_NAME)
        return unexpected(p, "a name");
    *out = p->at++->text;
    return true;
}

static struct tpl_node *literal(struct parser *p, struct tpl_value v)
{
    struct tpl_node *n = node(p, NODE_LITERAL);

    if (n)
        n->literal = v;
    return n;
}

/* Of the template, so never from a user. */
static struct tpl_node *text_literal(struct parser *p, struct str s)
{
    struct {
        struct tpl_text text;
        struct tpl_mark mark;
    } *both = arena_zalloc(&p->t->arena, sizeof(*both));

    if (!both)
        return broken(p, ERR_LIMIT, "the template is too large, or memory is out");
    both->mark = (struct tpl_mark){.end = s.len};
    both->text = (struct tpl_text){.s = s, .mark = &both->mark, .mark_count = s.len > 0};
    return literal(p, (struct tpl_value){.kind = TPL_TEXT, .text = &both->text});
}

/* --- expressions --------------------------------------------------------------------------------------------------- */

struct list {
    const struct tpl_node **tail;
    size_t count;
};

static bool add_arg(struct parser *p, struct list *l, struct str name, const struct tpl_node *key,
                    const struct tpl_node *value)
{
    struct tpl_node *arg = value ? node(p, NODE_ARG) : NULL;

    if (!arg)
        return false;
    arg->name = name;
    arg->a = value;
    arg->b = key;
    *l->tail = arg;
    l->tail = (const struct tpl_node **)&arg->next;
    l->count++;
    return true;
}

/* Behind "(": up to and with ")". */
static bool call_args(struct parser *p, struct tpl_node *call)
{
    struct list l = {.tail = &call->args};
    bool named = false;

    while (!take_op(p, OP_RPAREN)) {
        if (l.count && !expect_op(p, OP_COMMA, "',' or ')'"))
            return false;
        if (l.count && take_op(p, OP_RPAREN))
            break;
        if (is_op(p, OP_MUL) || is_op(p, OP_POW))
            return broken(p, ERR_UNSUPPORTED, "'*' and '**' arguments are not supported");
        struct str name = STR_NONE;
        if (p->at->kind == TOK_NAME && p->at[1].kind == TOK_OP && p->at[1].op == OP_ASSIGN) {
            name = p->at->text;
            p->at += 2;
            named = true;
        } else if (named) {
            return broken(p, ERR_SYNTAX, "an argument without a name stands after one with a name");
        }
        if (l.count == TPL_ARGS_MAX)
            return broken(p, ERR_UNSUPPORTED, "a call has more than %d arguments", TPL_ARGS_MAX);
        if (!add_arg(p, &l, name, NULL, expression(p, true)))
            return false;
    }
    return true;
}

/* Behind the opening bracket: elements up to `close`. */
static bool elements(struct parser *p, struct list *l, enum tpl_op close)
{
    while (!take_op(p, close)) {
        if (l->count && !expect_op(p, OP_COMMA, "',' or a closing bracket"))
            return false;
        if (l->count && take_op(p, close))
            break;
        if (!add_arg(p, l, STR_NONE, NULL, expression(p, true)))
            return false;
    }
    return true;
}

static struct tpl_node *list_literal(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_LIST);
    struct list l = {.tail = n ? &n->args : NULL};

    return n && elements(p, &l, OP_RBRACKET) ? n : NULL;
}

static struct tpl_node *dict_literal(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_DICT);
    struct list l = {.tail = n ? &n->args : NULL};

    while (n && !take_op(p, OP_RBRACE)) {
        if (l.count && !expect_op(p, OP_COMMA, "',' or '}'"))
            return NULL;
        if (l.count && take_op(p, OP_RBRACE))
            break;
        struct tpl_node *key = expression(p, true);
        if (!key || !expect_op(p, OP_COLON, "':'") || !add_arg(p, &l, STR_NONE, key, expression(p, true)))
            return NULL;
    }
    return n;
}

/* Behind "(": one expression, or a tuple. */
static struct tpl_node *parenthesis(struct parser *p)
{
    struct tpl_node *tuple = node(p, NODE_TUPLE), *first;

    if (!tuple || take_op(p, OP_RPAREN))
        return tuple;
    first = expression(p, true);
    if (!first || take_op(p, OP_RPAREN))
        return first;
    struct list l = {.tail = &tuple->args};
    if (!add_arg(p, &l, STR_NONE, NULL, first) || !elements(p, &l, OP_RPAREN))
        return NULL;
    return tuple;
}

static struct tpl_node *texts(struct parser *p)
{
    struct str s = p->at++->text;

    while (p->at->kind == TOK_TEXT) { /* 'a' 'b' is 'ab' */
        char *joined = arena_alloc(&p->t->arena, s.len + p->at->text.len + 1);
        if (!joined)
            return broken(p, ERR_LIMIT, "the template is too large, or memory is out");
        if (s.len)
            memcpy(joined, s.ptr, s.len);
        if (p->at->text.len)
            memcpy(joined + s.len, p->at->text.ptr, p->at->text.len);
        s = str_of(joined, s.len + p->at->text.len);
        p->at++;
    }
    return text_literal(p, s);
}

static struct tpl_node *name(struct parser *p)
{
    static const struct {
        const char *name;
        struct tpl_value value;
    } constants[] = {
        {"true", {.kind = TPL_BOOL, .truth = true}},
        {"True", {.kind = TPL_BOOL, .truth = true}},
        {"false", {.kind = TPL_BOOL}},
        {"False", {.kind = TPL_BOOL}},
        {"none", {.kind = TPL_NONE}},
        {"None", {.kind = TPL_NONE}},
    };

    for (size_t i = 0; i < COUNT_OF(constants); i++) {
        if (take_name(p, constants[i].name))
            return literal(p, constants[i].value);
    }
    struct tpl_node *n = node(p, NODE_NAME);
    if (n)
        n->name = p->at++->text;
    return n;
}

static struct tpl_node *number(struct parser *p)
{
    struct tpl_float *f = arena_new(&p->t->arena, struct tpl_float);

    if (!f)
        return broken(p, ERR_LIMIT, "the template is too large, or memory is out");
    f->number = p->at++->number;
    return literal(p, (struct tpl_value){.kind = TPL_FLOAT, .number = f});
}

static struct tpl_node *primary(struct parser *p)
{
    switch (p->at->kind) {
    case TOK_NAME: return name(p);
    case TOK_TEXT: return texts(p);
    case TOK_INT: return literal(p, tpl_int(p->at++->integer));
    case TOK_FLOAT: return number(p);
    default: break;
    }
    if (!down(p))
        return NULL;
    struct tpl_node *n = take_op(p, OP_LPAREN)     ? parenthesis(p)
                         : take_op(p, OP_LBRACKET) ? list_literal(p)
                         : take_op(p, OP_LBRACE)   ? dict_literal(p)
                                                   : unexpected(p, "an expression");
    p->depth--;
    return n;
}

/* Behind "[": an index or a slice. */
static struct tpl_node *subscript(struct parser *p, struct tpl_node *of)
{
    struct tpl_node *n = node(p, NODE_INDEX);
    size_t colons = 0;

    if (!n)
        return NULL;
    const struct tpl_node **part[] = {&n->b, &n->c, &n->d};
    n->a = of;
    while (!is_op(p, OP_RBRACKET)) {
        if (take_op(p, OP_COLON)) {
            if (++colons > 2)
                return broken(p, ERR_SYNTAX, "a slice has at most two ':'");
            continue;
        }
        if (*part[colons])
            return unexpected(p, "']'");
        if (!(*part[colons] = expression(p, true)))
            return NULL;
    }
    p->at++;
    if (colons)
        n->kind = NODE_SLICE;
    else if (!n->b)
        return broken(p, ERR_SYNTAX, "[] without an index");
    return n;
}

static struct tpl_node *attribute(struct parser *p, struct tpl_node *of)
{
    struct tpl_node *n = node(p, p->at->kind == TOK_INT ? NODE_INDEX : NODE_ATTR);

    if (!n)
        return NULL;
    n->a = of;
    if (n->kind == NODE_INDEX)
        return (n->b = literal(p, tpl_int(p->at++->integer))) ? n : NULL;
    return expect_name(p, &n->name) ? n : NULL;
}

static struct tpl_node *call(struct parser *p, struct tpl_node *callee)
{
    struct tpl_node *n = node(p, NODE_CALL);

    if (!n)
        return NULL;
    n->a = callee;
    return call_args(p, n) ? n : NULL;
}

static struct tpl_node *postfix(struct parser *p, struct tpl_node *n)
{
    while (n) {
        if (take_op(p, OP_DOT))
            n = attribute(p, n);
        else if (take_op(p, OP_LBRACKET))
            n = subscript(p, n);
        else if (take_op(p, OP_LPAREN))
            n = call(p, n);
        else
            return n;
    }
    return NULL;
}

/* Behind "|". */
static struct tpl_node *filter(struct parser *p, const struct tpl_node *of)
{
    struct tpl_node *n = node(p, NODE_FILTER);

    if (!n || !expect_name(p, &n->name))
        return NULL;
    n->a = of;
    n->row = tpl_builtin_find(tpl_filters, n->name);
    return take_op(p, OP_LPAREN) && !call_args(p, n) ? NULL : n;
}

static bool starts_test_argument(const struct parser *p)
{
    static const char *const no[] = {"else", "or", "and", "if", "is", "in", "not"};

    for (size_t i = 0; i < COUNT_OF(no); i++) {
        if (is_name(p, no[i]))
            return false;
    }
    return (p->at->kind >= TOK_NAME && p->at->kind <= TOK_FLOAT) || is_op(p, OP_LBRACKET) || is_op(p, OP_LBRACE);
}

/* Behind "is". */
static struct tpl_node *test(struct parser *p, const struct tpl_node *of)
{
    bool negated = take_name(p, "not");
    struct tpl_node *n = node(p, NODE_TEST);

    if (!n || !expect_name(p, &n->name))
        return NULL;
    n->a = of;
    n->row = tpl_builtin_find(tpl_tests, n->name);
    struct list l = {.tail = &n->args};
    if (take_op(p, OP_LPAREN)) {
        if (!call_args(p, n))
            return NULL;
    } else if (starts_test_argument(p)) {
        struct tpl_node *first = primary(p);
        if (!first || !add_arg(p, &l, STR_NONE, NULL, postfix(p, first)))
            return NULL;
    }
    if (!negated)
        return n;
    struct tpl_node *not = node(p, NODE_NOT);
    if (not )
        not ->a = n;
    return not ;
}

static struct tpl_node *filters(struct parser *p, struct tpl_node *n)
{
    while (n) {
        if (take_op(p, OP_PIPE))
            n = filter(p, n);
        else if (take_name(p, "is"))
            n = test(p, n);
        else if (take_op(p, OP_LPAREN))
            n = call(p, n);
        else
            return n;
    }
    return NULL;
}

static struct tpl_node *unary(struct parser *p, bool filtered)
{
    struct tpl_node *n;

    if (is_op(p, OP_SUB) || is_op(p, OP_ADD)) {
        n = node(p, is_op(p, OP_SUB) ? NODE_NEG : NODE_POS);
        p->at++;
        if (!n || !down(p))
            return NULL;
        n->a = unary(p, false);
        p->depth--;
        if (!n->a)
            return NULL;
    } else {
        n = primary(p);
    }
    n = postfix(p, n);
    return n && filtered ? filters(p, n) : n;
}

enum level { LEVEL_ADD, LEVEL_CONCAT, LEVEL_MUL, LEVEL_UNARY };

static bool at_level(const struct parser *p, enum level level)
{
    if (p->at->kind != TOK_OP)
        return false;
    switch (p->at->op) {
    case OP_ADD:
    case OP_SUB: return level == LEVEL_ADD;
    case OP_CONCAT: return level == LEVEL_CONCAT;
    case OP_MUL:
    case OP_DIV:
    case OP_FLOORDIV:
    case OP_MOD:
    case OP_POW: return level == LEVEL_MUL; /* ** is refused when it is reached */
    default: return false;
    }
}

static struct tpl_node *arithmetic(struct parser *p, enum level level)
{
    struct tpl_node *left = level == LEVEL_UNARY - 1 ? unary(p, true) : arithmetic(p, level + 1);

    while (left && at_level(p, level)) {
        struct tpl_node *n = node(p, level == LEVEL_CONCAT ? NODE_CONCAT : NODE_ARITH);
        if (!n)
            return NULL;
        n->op = p->at++->op;
        n->a = left;
        n->b = level == LEVEL_UNARY - 1 ? unary(p, true) : arithmetic(p, level + 1);
        left = n->b ? n : NULL;
    }
    return left;
}

static enum tpl_op comparison(struct parser *p)
{
    if (p->at->kind == TOK_OP && p->at->op >= OP_EQ && p->at->op <= OP_LE)
        return p->at++->op;
    if (take_name(p, "in"))
        return OP_IN;
    if (is_name(p, "not") && p->at[1].kind == TOK_NAME && str_eq(p->at[1].text, STR("in"))) {
        p->at += 2;
        return OP_NOT_IN;
    }
    return OP_NONE;
}

static struct tpl_node *compare(struct parser *p)
{
    struct tpl_node *first = arithmetic(p, LEVEL_ADD), *n = NULL;
    struct list l = {0};
    enum tpl_op op;

    while (first && (op = comparison(p)) != OP_NONE) {
        if (!n) {
            n = node(p, NODE_COMPARE);
            if (!n)
                return NULL;
            n->a = first;
            l.tail = &n->args;
        }
        struct tpl_node *arg = node(p, NODE_ARG);
        if (!arg || !(arg->a = arithmetic(p, LEVEL_ADD)))
            return NULL;
        arg->op = op;
        *l.tail = arg;
        l.tail = (const struct tpl_node **)&arg->next;
    }
    return first && n ? n : first;
}

static struct tpl_node * not(struct parser * p)
{
    if (!is_name(p, "not"))
        return compare(p);
    struct tpl_node *n = node(p, NODE_NOT);
    p->at++;
    if (!n || !down(p))
        return NULL;
    n->a = not(p);
    p->depth--;
    return n->a ? n : NULL;
}

static struct tpl_node *logic(struct parser *p, bool and)
{
    struct tpl_node *left = and? not(p) : logic(p, true);

    while (left && take_name(p, and? "and" : "or")) {
        struct tpl_node *n = node(p, and? NODE_AND : NODE_OR);
        if (!n)
            return NULL;
        n->a = left;
        n->b = and? not(p) : logic(p, true);
        left = n->b ? n : NULL;
    }
    return left;
}

static struct tpl_node *expression(struct parser *p, bool conditional)
{
    if (!down(p))
        return NULL;
    struct tpl_node *n = logic(p, false);
    while (n && conditional && take_name(p, "if")) {
        struct tpl_node *cond = node(p, NODE_COND);
        if (!cond)
            return NULL;
        cond->a = n;
        cond->c = logic(p, false);
        if (!cond->c || (take_name(p, "else") && !(cond->b = expression(p, true))))
            return NULL;
        n = cond;
    }
    p->depth--;
    return n;
}

/* One expression, or several with commas: a tuple. */
static struct tpl_node *tuple(struct parser *p, bool conditional)
{
    struct tpl_node *first = expression(p, conditional);

    if (!first || !is_op(p, OP_COMMA))
        return first;
    struct tpl_node *n = node(p, NODE_TUPLE);
    struct list l = {.tail = n ? &n->args : NULL};
    if (!n || !add_arg(p, &l, STR_NONE, NULL, first))
        return NULL;
    while (take_op(p, OP_COMMA)) {
        if (p->at->kind == TOK_PRINT_END || p->at->kind == TOK_BLOCK_END)
            break;
        if (!add_arg(p, &l, STR_NONE, NULL, expression(p, conditional)))
            return NULL;
    }
    return n;
}

/* --- statements ---------------------------------------------------------------------------------------------------- */

static bool block_end(struct parser *p)
{
    if (p->at->kind != TOK_BLOCK_END)
        return unexpected(p, "%}");
    p->at++;
    return true;
}

/* a, (a, b) or ns.a */
static struct tpl_node *target(struct parser *p)
{
    bool bracket = take_op(p, OP_LPAREN);
    struct tpl_node *all = NULL;
    struct list l = {0};

    for (;;) {
        struct tpl_node *n = node(p, NODE_NAME);
        if (!n || !expect_name(p, &n->name))
            return NULL;
        if (take_op(p, OP_DOT)) {
            struct tpl_node *attr = node(p, NODE_ATTR);
            if (!attr || !expect_name(p, &attr->name))
                return NULL;
            attr->a = n;
            n = attr;
        }
        if (!all && !is_op(p, OP_COMMA)) {
            if (bracket && !expect_op(p, OP_RPAREN, "')'"))
                return NULL;
            return n;
        }
        if (!all) {
            all = node(p, NODE_TUPLE);
            if (!all)
                return NULL;
            l.tail = &all->args;
        }
        if (!add_arg(p, &l, STR_NONE, NULL, n))
            return NULL;
        if (take_op(p, OP_COMMA) && p->at->kind == TOK_NAME && !is_name(p, "in"))
            continue;
        if (bracket && !expect_op(p, OP_RPAREN, "')'"))
            return NULL;
        return all;
    }
}

static const char *const END_IF[] = {"elif", "else", "endif", NULL}, *const END_FOR[] = {"else", "endfor", NULL},
                         *const ENDFOR[] = {"endfor", NULL}, *const ENDIF[] = {"endif", NULL},
                         *const ENDSET[] = {"endset", NULL}, *const ENDMACRO[] = {"endmacro", NULL},
                         *const ENDFILTER[] = {"endfilter", NULL}, *const ENDWITH[] = {"endwith", NULL},
                         *const ENDGENERATION[] = {"endgeneration", NULL};

/* The body up to one of `ends`, whose name is then the next token. */
static bool body_to(struct parser *p, const char *const *ends, const struct tpl_node **out)
{
    return block_end(p) && body(p, ends, out);
}

static struct tpl_node *if_statement(struct parser *p)
{
    struct tpl_node *first = node(p, NODE_IF), *n = first;

    while (n) {
        if (!(n->a = tuple(p, true)) || !body_to(p, END_IF, &n->body))
            return NULL;
        if (take_name(p, "elif")) {
            struct tpl_node *next = node(p, NODE_IF);
            n->other = next;
            n = next;
            continue;
        }
        if (take_name(p, "else") && !body_to(p, ENDIF, &n->other))
            return NULL;
        p->at++; /* endif */
        return first;
    }
    return NULL;
}

static struct tpl_node *for_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_FOR);

    if (!n || !(n->a = target(p)))
        return NULL;
    if (!take_name(p, "in"))
        return unexpected(p, "in");
    if (!(n->b = tuple(p, false)))
        return NULL;
    if (take_name(p, "if") && !(n->c = expression(p, true)))
        return NULL;
    if (is_name(p, "recursive"))
        return broken(p, ERR_UNSUPPORTED, "{%% for … recursive %%} is not supported");
    p->loops++;
    bool ok = body_to(p, END_FOR, &n->body);
    p->loops--;
    if (!ok || (take_name(p, "else") && !body_to(p, ENDFOR, &n->other)))
        return NULL;
    p->at++; /* endfor */
    return n;
}

static struct tpl_node *set_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_SET);

    if (!n || !(n->a = target(p)))
        return NULL;
    if (take_op(p, OP_ASSIGN))
        return (n->b = tuple(p, true)) ? n : NULL;
    n->kind = NODE_SET_BLOCK;
    if (is_op(p, OP_PIPE)) {
        struct tpl_node *held = node(p, NODE_NAME); /* the name that no template can write: the block's text */
        if (!(n->b = filters(p, held)))
            return NULL;
    }
    if (!body_to(p, ENDSET, &n->body))
        return NULL;
    p->at++;
    return n;
}

static struct tpl_node *macro_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_MACRO);
    struct list l = {.tail = n ? &n->args : NULL};

    if (!n || !expect_name(p, &n->name) || !expect_op(p, OP_LPAREN, "'('"))
        return NULL;
    while (!take_op(p, OP_RPAREN)) {
        struct tpl_node *arg;
        struct str name = STR_NONE;
        if (l.count && !expect_op(p, OP_COMMA, "',' or ')'"))
            return NULL;
        if (l.count == TPL_ARGS_MAX)
            return broken(p, ERR_UNSUPPORTED, "a macro has more than %d parameters", TPL_ARGS_MAX);
        if (!expect_name(p, &name) || !(arg = node(p, NODE_ARG)))
            return NULL;
        arg->name = name;
        if (take_op(p, OP_ASSIGN) && !(arg->a = expression(p, true)))
            return NULL;
        *l.tail = arg;
        l.tail = (const struct tpl_node **)&arg->next;
        l.count++;
    }
    uint32_t loops = p->loops;
    p->loops = 0;
    bool ok = body_to(p, ENDMACRO, &n->body);
    p->loops = loops;
    p->at += ok;
    return ok ? n : NULL;
}

static struct tpl_node *filter_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_FILTER_BLOCK), *held = node(p, NODE_NAME);

    if (!n || !held || !(held = filter(p, held)) || !(n->b = filters(p, held)) || !body_to(p, ENDFILTER, &n->body))
        return NULL;
    p->at++;
    return n;
}

static struct tpl_node *with_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_WITH);
    struct list l = {.tail = n ? &n->args : NULL};

    while (n && p->at->kind != TOK_BLOCK_END) {
        struct str name = STR_NONE;
        if (l.count && !expect_op(p, OP_COMMA, "','"))
            return NULL;
        if (!expect_name(p, &name) || !expect_op(p, OP_ASSIGN, "'='") ||
            !add_arg(p, &l, name, NULL, expression(p, true)))
            return NULL;
    }
    if (!n || !body_to(p, ENDWITH, &n->body))
        return NULL;
    p->at++;
    return n;
}

/* {% generation %} only marks what the model said, for those who train. */
static struct tpl_node *generation_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_SCOPE);

    if (!n || !body_to(p, ENDGENERATION, &n->body))
        return NULL;
    p->at++;
    return n;
}

static struct tpl_node *loop_control(struct parser *p, enum tpl_node_kind kind)
{
    return p->loops ? node(p, kind) : broken(p, ERR_SYNTAX, "{%% break %%} or {%% continue %%} outside a loop");
}

static void *unknown_statement(struct parser *p)
{
    struct str what = str_slice(p->at->text, 0, 40);
    bool ends = str_starts(what, STR("end")) || str_eq(what, STR("else")) || str_eq(what, STR("elif"));

    return broken(p, ends ? ERR_SYNTAX : ERR_UNSUPPORTED, "{%% %.*s %%} %s", STR_FMT(what),
                  ends ? "has nothing to end here" : "is not supported");
}

/* Behind {%. */
static struct tpl_node *statement(struct parser *p)
{
    static const struct {
        const char *name;
        struct tpl_node *(*parse)(struct parser *p);
    } rows[] = {{"if", if_statement},
                {"for", for_statement},
                {"set", set_statement},
                {"macro", macro_statement},
                {"filter", filter_statement},
                {"with", with_statement},
                {"generation", generation_statement}};
    struct tpl_node *n = NULL;
    bool known = false;

    for (size_t i = 0; i < COUNT_OF(rows) && !known; i++) {
        if ((known = take_name(p, rows[i].name)))
            n = rows[i].parse(p);
    }
    if (!known && take_name(p, "break"))
        n = loop_control(p, NODE_BREAK);
    else if (!known && take_name(p, "continue"))
        n = loop_control(p, NODE_CONTINUE);
    else if (!known && p->at->kind != TOK_NAME)
        return unexpected(p, "a statement");
    else if (!known)
        return unknown_statement(p);
    return n && block_end(p) ? n : NULL;
}

static struct tpl_node *print_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_PRINT);

    if (!n || !(n->a = tuple(p, true)))
        return NULL;
    if (p->at->kind != TOK_PRINT_END)
        return unexpected(p, "}}");
    p->at++;
    return n;
}

static struct tpl_node *data_statement(struct parser *p)
{
    struct tpl_node *n = node(p, NODE_DATA);

    if (n)
        n->name = p->at++->text;
    return n;
}

static bool ends_here(const struct parser *p, const char *const *ends)
{
    struct parser ahead = *p;

    ahead.at++;
    for (; ends && *ends; ends++) {
        if (is_name(&ahead, *ends))
            return true;
    }
    return false;
}

static bool body(struct parser *p, const char *const *ends, const struct tpl_node **out)
{
    const struct tpl_node **tail = out;

    if (!down(p))
        return false;
    for (;;) {
        struct tpl_node *n;
        if (p->at->kind == TOK_END) {
            if (ends) {
                const char *last = *ends;
                while (*ends)
                    last = *ends++;
                return broken(p, ERR_SYNTAX, "the template ends before {%% %s %%}", last);
            }
            break;
        }
        if (p->at->kind == TOK_BLOCK && ends_here(p, ends)) {
            p->at++;
            break;
        }
        if (p->at->kind == TOK_BLOCK) {
            p->at++;
            n = statement(p);
        } else if (p->at->kind == TOK_PRINT) {
            p->at++;
            n = print_statement(p);
        } else {
            n = data_statement(p);
        }
        if (!n)
            return false;
        *tail = n;
        tail = &n->next;
    }
    p->depth--;
    return true;
}

int tpl_parse(struct template *t, const struct tpl_tokens *tokens, struct err *e)
{
    struct parser p = {.t = t, .at = tokens->at, .err = e};

    return body(&p, NULL, &t->body) ? 0 : p.rc;
}
