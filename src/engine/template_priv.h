/* template_priv.h: what the rooms of the template engine share: tokens, the tree, values and the state of a rendering.
 *
 *   source --template_lex.c--> tokens --template_parse.c--> tree --template_eval.c--> pieces
 *                                                                     |
 *                 template_value.c  template_print.c  template_{filter,test,method,function}.c
 *
 * Everything of a compiled template lives in its arena, everything of a rendering in the rendering's. Inside, functions
 * return false when they failed; the story is then in the `struct err` of the compilation or rendering. */
#pragma once
#include "engine/template.h"

enum {
    TPL_DEPTH_MAX = 200, /* brackets in brackets, blocks in blocks */
    TPL_ARGS_MAX = 16,   /* of a call */
};
#define TPL_TREE_BYTES_MAX (128 * MiB) /* TEMPLATE_SOURCE_MAX of the densest source */

/* --- tokens ------------------------------------------------------------------------------------------------------ */

enum tpl_op {
    OP_NONE,
    OP_ADD,
    OP_SUB,
    OP_DIV,
    OP_FLOORDIV,
    OP_MUL,
    OP_POW,
    OP_MOD,
    OP_CONCAT,
    OP_LBRACKET,
    OP_RBRACKET,
    OP_LPAREN,
    OP_RPAREN,
    OP_LBRACE,
    OP_RBRACE,
    OP_EQ,
    OP_NE,
    OP_GT,
    OP_GE,
    OP_LT,
    OP_LE,
    OP_ASSIGN,
    OP_DOT,
    OP_COLON,
    OP_PIPE,
    OP_COMMA,
    OP_SEMICOLON,
    OP_IN,
    OP_NOT_IN
};

enum tpl_token_kind {
    TOK_END,
    TOK_DATA,
    TOK_PRINT,
    TOK_PRINT_END,
    TOK_BLOCK,
    TOK_BLOCK_END,
    TOK_NAME,
    TOK_TEXT,
    TOK_INT,
    TOK_FLOAT,
    TOK_OP
};

struct tpl_token {
    enum tpl_token_kind kind;
    enum tpl_op op;
    int line;
    struct str text; /* DATA, NAME and TEXT (escapes resolved); the source of others */
    int64_t integer;
    double number;
};

struct tpl_tokens {
    struct tpl_token *at; /* mem.h's; the last is TOK_END */
    size_t count, max;
};

/* On failure too, the caller frees `out->at`. Texts point into `source` or `a`. */
int tpl_lex(struct str source, struct arena *a, struct tpl_tokens *out, struct err *e);

/* --- values ------------------------------------------------------------------------------------------------------ */

enum tpl_kind {
    TPL_UNDEFINED,
    TPL_NONE,
    TPL_BOOL,
    TPL_INT,
    TPL_FLOAT,
    TPL_TEXT,
    TPL_LIST,
    TPL_DICT,
    TPL_NAMESPACE,
    TPL_LOOP,
    TPL_MACRO,
    TPL_FUNCTION,
    TPL_METHOD,
    TPL_ABSENT /* an argument that was not given; never the value of anything */
};

struct tpl_value {
    enum tpl_kind kind;
    bool tuple; /* of a list: it prints as one */
    union {
        bool truth;
        int64_t integer;
        struct tpl_float *number;
        struct tpl_text *text;
        struct tpl_list *list;
        struct tpl_dict *dict; /* TPL_NAMESPACE too */
        struct tpl_loop *loop;
        struct tpl_macro *macro;
        const struct tpl_builtin *function;
        struct tpl_method *method;
        const struct str *hint; /* TPL_UNDEFINED: what was not there, for the error */
    };
};

struct tpl_float {
    double number;
    struct str raw; /* an integer of JSON beyond 64 bits prints as it came; else empty */
};

/* A run of a text has one origin. */
struct tpl_mark {
    size_t end;
    bool user;
};
struct tpl_text {
    struct str s;
    const struct tpl_mark *mark; /* ascending; the last ends at s.len; none for an empty text */
    size_t mark_count;
};
struct tpl_list {
    struct tpl_value *item;
    size_t count, max;
};
struct tpl_entry {
    struct tpl_value key, value;
};
struct tpl_dict {
    struct tpl_entry *entry; /* in the order of insertion */
    size_t count, max;
};
struct tpl_loop {
    const struct tpl_value *item;
    size_t index, count;
    int64_t depth; /* from 1 */
};
struct tpl_macro {
    const struct tpl_node *node;
    struct tpl_scope *scope; /* where it was defined */
};
struct tpl_method {
    struct tpl_value self;
    const struct tpl_builtin *row;
};

/* --- the tree ---------------------------------------------------------------------------------------------------- */

enum tpl_node_kind {
    NODE_LITERAL,
    NODE_NAME,
    NODE_ATTR,
    NODE_INDEX,
    NODE_SLICE,
    NODE_CALL,
    NODE_FILTER,
    NODE_TEST,
    NODE_NOT,
    NODE_NEG,
    NODE_POS,
    NODE_AND,
    NODE_OR,
    NODE_ARITH,
    NODE_CONCAT,
    NODE_COMPARE,
    NODE_COND,
    NODE_LIST,
    NODE_TUPLE,
    NODE_DICT,
    NODE_ARG, /* of a call, list or dict: `a` is the value, `name` the keyword, `b` a dict's key, `op` of a comparison */
    NODE_DATA,
    NODE_PRINT,
    NODE_IF,
    NODE_FOR,
    NODE_SET,
    NODE_SET_BLOCK,
    NODE_MACRO,
    NODE_FILTER_BLOCK,
    NODE_WITH,
    NODE_SCOPE,
    NODE_BREAK,
    NODE_CONTINUE
};

struct tpl_node {
    enum tpl_node_kind kind;
    enum tpl_op op;
    int line;
    struct str name;
    struct tpl_value literal;
    const struct tpl_builtin *row; /* FILTER, TEST: NULL when there is none of that name, an error once it is used */
    const struct tpl_node *a, *b, *c, *d;
    const struct tpl_node *args; /* a list by `next` */
    const struct tpl_node *body, *other;
    const struct tpl_node *next;
};
/* IF: a = condition, body, other = the else branch. FOR: a = target, b = iterable, c = filter, body, other. SET: a = target,
 * b = value. SET_BLOCK: a = target, b = filter chain on NODE_NAME "" or NULL, body. MACRO: name, args (name, a = default), body.
 * FILTER_BLOCK: b, body. WITH: args (name, a), body. COND: a if b else c. SLICE: a[b:c:d]. */

struct template
{
    struct arena arena; /* owned; holds source and tree */
    struct str source;
    const struct tpl_node *body;
};

int tpl_parse(struct template *t, const struct tpl_tokens *tokens, struct err *e);

/* --- a rendering ------------------------------------------------------------------------------------------------- */

/* A text that grows, with its marks. */
struct tpl_out {
    char *ptr;
    size_t len, cap;
    struct tpl_mark *mark;
    size_t mark_count, mark_max;
    size_t bytes_max; /* 0: only the memory limits it */
};

struct tpl_var {
    struct str name;
    struct tpl_value value;
    struct tpl_var *next;
};
struct tpl_scope {
    struct tpl_scope *up;
    struct tpl_var *var;
};

struct tpl_run {
    const struct template_limits *limits;
    const struct civil *now;
    struct arena arena; /* owned */
    uint64_t steps;
    uint32_t depth;
    int64_t loop_depth;
    struct tpl_scope *scope;
    struct tpl_out *out;
    const struct tpl_node *at; /* what is being worked out, for errors */
    int rc;                    /* of the failure that ends the rendering */
    struct err *err;
};

/* What a call was given. */
struct tpl_args {
    struct tpl_value *at;
    size_t count;
    struct str *key;
    struct tpl_value *named;
    size_t named_count;
};

/* A filter, test, function or method: one row. `v` is what it works on (TPL_ABSENT for functions), a[] what `params` names, in
 * that order, TPL_ABSENT where not given. With params NULL it reads `args` itself. */
struct tpl_builtin {
    const char *name;
    const char *params; /* "width first blank" */
    bool (*fn)(struct tpl_run *r, struct tpl_value v, const struct tpl_value *a, const struct tpl_args *args,
               struct tpl_value *out);
};

/* Errors: the story begins with the line and the construct at r->at. Always false. */
bool tpl_fail(struct tpl_run *r, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool tpl_steps(struct tpl_run *r, uint64_t n);    /* counts them; false when there are too many */
void *tpl_alloc(struct tpl_run *r, size_t bytes); /* cleared; NULL after tpl_fail */
void *tpl_alloc_array(struct tpl_run *r, size_t count, size_t bytes);

/* Making values. */
static inline struct tpl_value tpl_bool(bool b)
{
    return (struct tpl_value){.kind = TPL_BOOL, .truth = b};
}
static inline struct tpl_value tpl_int(int64_t i)
{
    return (struct tpl_value){.kind = TPL_INT, .integer = i};
}
static inline struct tpl_value tpl_undefined(const struct str *hint)
{
    return (struct tpl_value){.kind = TPL_UNDEFINED, .hint = hint};
}
#define TPL_VALUE_NONE ((struct tpl_value){.kind = TPL_NONE})
#define TPL_VALUE_ABSENT ((struct tpl_value){.kind = TPL_ABSENT})
bool tpl_float(struct tpl_run *r, double d, struct tpl_value *out);
bool tpl_text(struct tpl_run *r, struct str borrowed, bool user, struct tpl_value *out);
bool tpl_text_slice(struct tpl_run *r, const struct tpl_text *t, size_t from, size_t to, struct tpl_value *out);
bool tpl_list(struct tpl_run *r, size_t room, struct tpl_value *out);
bool tpl_list_add(struct tpl_run *r, struct tpl_list *l, struct tpl_value v);
bool tpl_dict(struct tpl_run *r, size_t room, struct tpl_value *out);
bool tpl_dict_set(struct tpl_run *r, struct tpl_dict *d, struct tpl_value key, struct tpl_value value);
bool tpl_from_json(struct tpl_run *r, const struct json_node *n, bool user, struct tpl_value *out);

/* Reading arguments: tpl_int_arg takes `otherwise` for what was not given, or none. */
static inline bool tpl_given(struct tpl_value v)
{
    return v.kind != TPL_ABSENT;
}
bool tpl_text_arg(struct tpl_run *r, struct tpl_value v, struct str *out);
bool tpl_int_arg(struct tpl_run *r, struct tpl_value v, int64_t otherwise, int64_t *out);
bool tpl_dict_put_all(struct tpl_run *r, struct tpl_value from, struct tpl_dict *to);
bool tpl_dict_put_named(struct tpl_run *r, const struct tpl_args *args, struct tpl_dict *to);

/* Reading them. */
const char *tpl_kind_name(struct tpl_value v); /* as Python calls it */
bool tpl_truth(struct tpl_value v);
static inline bool tpl_is_number(struct tpl_value v)
{
    return v.kind == TPL_BOOL || v.kind == TPL_INT || v.kind == TPL_FLOAT;
}
double tpl_number(struct tpl_value v);   /* of a number */
int64_t tpl_integer(struct tpl_value v); /* of a boolean or integer */
static inline struct str tpl_str(struct tpl_value v)
{
    return v.text->s;
}
/* Comparisons may fail (depth, steps). */
bool tpl_equal(struct tpl_run *r, struct tpl_value a, struct tpl_value b, bool *out);
bool tpl_compare(struct tpl_run *r, struct tpl_value a, struct tpl_value b, int *out);
bool tpl_contains(struct tpl_run *r, struct tpl_value item, struct tpl_value in, bool *out);
const struct tpl_entry *tpl_dict_find(struct tpl_run *r, const struct tpl_dict *d,
                                      struct str key); /* NULL: none; see r->rc */
/* What a loop would walk, as a list of its own. */
bool tpl_items(struct tpl_run *r, struct tpl_value v, struct tpl_list *out);
/* x.name and x[key]; undefined when there is none. */
bool tpl_attr(struct tpl_run *r, struct tpl_value v, struct str name, struct tpl_value *out);
bool tpl_index(struct tpl_run *r, struct tpl_value v, struct tpl_value key, struct tpl_value *out);
bool tpl_slice(struct tpl_run *r, struct tpl_value v, const struct tpl_value part[3], struct tpl_value *out);
size_t tpl_char_bytes(struct str s, size_t at); /* of the character there; a stray byte is one */
size_t tpl_char_count(struct str s);
bool tpl_is_space(uint32_t c);                     /* Python's */
size_t tpl_space_before(struct str s, size_t end); /* s[:end] without trailing white space ends here */
size_t tpl_space_after(struct str s, size_t from);

/* Growing texts. */
bool tpl_out_add(struct tpl_run *r, struct tpl_out *o, struct str s, bool user);
bool tpl_out_text(struct tpl_run *r, struct tpl_out *o, const struct tpl_text *t, size_t from, size_t to);
bool tpl_out_value(struct tpl_run *r, struct tpl_out *o, struct tpl_value v); /* as {{ v }} prints it */
bool tpl_out_repr(struct tpl_run *r, struct tpl_out *o, struct tpl_value v);
bool tpl_out_take(struct tpl_run *r, struct tpl_out *o, struct tpl_value *out); /* `o` is spent */
struct tpl_json_form {
    int64_t indent; /* < 0: on one line */
    struct str between, colon;
    bool sorted, ascii;
};
bool tpl_out_json(struct tpl_run *r, struct tpl_out *o, struct tpl_value v, const struct tpl_json_form *f);

/* Evaluating. */
bool tpl_call(struct tpl_run *r, struct tpl_value callee, const struct tpl_args *args, struct tpl_value *out);
bool tpl_call_row(struct tpl_run *r, const struct tpl_builtin *row, struct tpl_value v, const struct tpl_args *args,
                  struct tpl_value *out);
extern const struct tpl_builtin tpl_filters[], tpl_tests[], tpl_functions[]; /* each ends with a row without a name */
const struct tpl_builtin *tpl_builtin_find(const struct tpl_builtin *table, struct str name);
const struct tpl_builtin *tpl_method_find(struct tpl_value self, struct str name);
