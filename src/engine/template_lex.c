/* template_lex.c: a template's text as tokens, white space between tags settled on the way.
 *
 * The rules are Jinja2's with trim_blocks and lstrip_blocks: a newline behind `%}` or `#}` goes, and so do blanks between the
 * start of a line and `{%` or `{#`; `-` takes all white space on its side, `+` takes none. Inside brackets a tag's end is no
 * end, so that {{ {'a': {}} }} works. Line ends count as \n, and one at the very end of the source goes. */
#include "engine/template_priv.h"
#include "base/mem.h"

struct lexer {
    struct str s;
    size_t at;
    int line;
    bool line_starts; /* the last thing consumed ended a line, or nothing was */
    char open[TPL_DEPTH_MAX];
    size_t open_count; /* brackets of this tag that are still open */
    struct arena *arena;
    struct tpl_tokens *out;
    struct err *err;
    int rc;
};

static bool broken(struct lexer *x, int code, const char *what)
{
    x->rc = err_set_at(x->err, code, x->line, 0, "template line %d: %s", x->line, what);
    return false;
}

static bool add(struct lexer *x, struct tpl_token t)
{
    struct tpl_tokens *out = x->out;

    if (out->count == out->max) {
        struct tpl_token *grown = mem_grow(out->at, &out->max, 256, sizeof *grown);
        if (!grown)
            return broken(x, ERR_NOMEM, "out of memory");
        out->at = grown;
    }
    t.line = x->line;
    out->at[out->count++] = t;
    return true;
}

static void skip_to(struct lexer *x, size_t at)
{
    for (; x->at < at; x->at++)
        x->line += x->s.ptr[x->at] == '\n';
}

static bool looking_at(const struct lexer *x, size_t at, struct str what)
{
    return str_starts(str_skip(x->s, at), what);
}

/* Where the text [from, end) before a tag ends once the tag has had its say. */
static size_t text_end(const struct lexer *x, size_t from, size_t end, char sign, bool print)
{
    if (sign == '-') {
        size_t n = tpl_space_before(str_skip(x->s, from), end - from);
        return from + n;
    }
    if (sign == '+' || print)
        return end;
    size_t line = end;
    while (line > from && x->s.ptr[line - 1] != '\n')
        line--;
    if (line == from && !x->line_starts)
        return end;
    return tpl_space_after(str_slice(x->s, 0, end), line) == end ? line : end;
}

static bool add_text(struct lexer *x, size_t from, size_t to)
{
    struct tpl_token t = {.kind = TOK_DATA, .text = str_slice(x->s, from, to)};

    return t.text.len == 0 || add(x, t);
}

/* What a tag's end takes behind it; `sign` stands before the closing pair, which ends at x->at. */
static void after_tag(struct lexer *x, char sign, bool print)
{
    size_t end = x->at;

    if (sign == '-')
        end = tpl_space_after(x->s, x->at);
    else if (sign != '+' && !print && end < x->s.len && x->s.ptr[end] == '\n')
        end++;
    skip_to(x, end);
    x->line_starts = x->s.ptr[end - 1] == '\n';
}

static bool comment(struct lexer *x)
{
    ptrdiff_t end = str_find(str_skip(x->s, x->at), STR("#}"));

    if (end < 0)
        return broken(x, ERR_SYNTAX, "a comment has no end (#})");
    char sign = end > 0 ? x->s.ptr[x->at + (size_t)end - 1] : 0;
    skip_to(x, x->at + (size_t)end + 2);
    after_tag(x, sign, false);
    return true;
}

/* At `word` with white space around it and then the tag's end: the position behind, and the sign there. 0 when it is not so. */
static size_t bare_tag(const struct lexer *x, size_t at, struct str word, char *sign)
{
    at = tpl_space_after(x->s, at);
    if (!looking_at(x, at, word))
        return 0;
    at = tpl_space_after(x->s, at + word.len);
    *sign = 0;
    if (at < x->s.len && (x->s.ptr[at] == '-' || x->s.ptr[at] == '+'))
        *sign = x->s.ptr[at++];
    return looking_at(x, at, STR("%}")) ? at + 2 : 0;
}

static char sign_at(const struct lexer *x, size_t at)
{
    char c = at < x->s.len ? x->s.ptr[at] : 0;

    return c == '-' || c == '+' ? c : 0;
}

/* Behind {% raw %}: everything up to {% endraw %} is text. */
static bool raw(struct lexer *x)
{
    size_t from = x->at, at = from;

    for (;;) {
        ptrdiff_t found = str_find(str_skip(x->s, at), STR("{%"));
        if (found < 0)
            return broken(x, ERR_SYNTAX, "{% raw %} has no {% endraw %}");
        at += (size_t)found;
        char before = sign_at(x, at + 2), after;
        size_t end = bare_tag(x, at + 2 + (before != 0), STR("endraw"), &after);
        if (end) {
            if (!add_text(x, from, text_end(x, from, at, before, false)))
                return false;
            skip_to(x, end);
            after_tag(x, after, false);
            return true;
        }
        at += 2;
    }
}

/* --- inside a tag ------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return (unsigned char)(c - '0') < 10;
}

static bool is_name(char c)
{
    return ((unsigned char)((c | 32) - 'a') < 26) || c == '_' || (unsigned char)c >= 0x80;
}

static bool number(struct lexer *x)
{
    char digits[64];
    size_t n = 0, at = x->at;
    bool floating = false;
    const char *p = x->s.ptr;

    for (; at < x->s.len && n < sizeof(digits) - 1; at++) {
        char c = p[at], next = at + 1 < x->s.len ? p[at + 1] : 0;
        if (c == '_' && is_digit(next))
            continue;
        bool point = c == '.' && !floating && is_digit(next);
        bool power = (c | 32) == 'e' &&
                     (is_digit(next) || ((next == '-' || next == '+') && at + 2 < x->s.len && is_digit(p[at + 2])));
        if (!is_digit(c) && !point && !power)
            break;
        floating |= point || power;
        digits[n++] = c;
        if (power) { /* its sign and digits follow, and nothing after them */
            digits[n++] = next;
            for (at += 2; at < x->s.len && is_digit(p[at]) && n < sizeof(digits) - 1; at++)
                digits[n++] = p[at];
            break;
        }
    }
    struct tpl_token t = {.kind = floating ? TOK_FLOAT : TOK_INT, .text = str_slice(x->s, x->at, at)};
    struct str text = str_of(digits, n);
    if (floating ? !json_to_double(text, &t.number) : !str_to_i64(text, &t.integer))
        return broken(x, ERR_UNSUPPORTED, "a number beyond 64 bits, or not written as one");
    if (at < x->s.len && (is_name(p[at]) || is_digit(p[at])))
        return broken(x, ERR_SYNTAX, "a number runs into a name");
    x->at = at;
    return add(x, t);
}

static bool digits_of(struct str s, size_t at, size_t count, unsigned base, uint32_t *out)
{
    uint32_t value = 0;

    for (size_t i = 0; i < count; i++) {
        char c = at + i < s.len ? s.ptr[at + i] : 0;
        unsigned d = is_digit(c)                      ? (unsigned)(c - '0')
                     : (unsigned)((c | 32) - 'a') < 6 ? (unsigned)((c | 32) - 'a') + 10
                                                      : 99;
        if (d >= base)
            return false;
        value = value * base + d;
    }
    *out = value;
    return true;
}

/* A backslash at s[at]: writes what it stands for (never longer than what stands there) and returns how much of s it took. 0 is
 * an error. */
static size_t escape(struct str s, size_t at, char *to, size_t *written)
{
    static const char letter[] = "n\nt\tr\ra\ab\bf\fv\v\\\\''\"\"";
    char c = s.ptr[at + 1];
    uint32_t code, low;

    for (size_t i = 0; i + 1 < sizeof(letter) - 1; i += 2) {
        if (letter[i] == c) {
            to[0] = letter[i + 1];
            *written = 1;
            return 2;
        }
    }
    *written = 0;
    if (c == '\n')
        return 2;
    size_t width = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (width) {
        if (!digits_of(s, at + 2, width, 16, &code) || code > 0x10FFFF)
            return 0;
        size_t taken = 2 + width;
        if (code >= 0xD800 && code < 0xDC00 && c == 'u' && at + 12 <= s.len && s.ptr[at + 6] == '\\' &&
            s.ptr[at + 7] == 'u' && digits_of(s, at + 8, 4, 16, &low) && low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            taken = 12;
        }
        *written = str_utf8_put(code >= 0xD800 && code < 0xE000 ? 0xFFFD : code, to);
        return taken;
    }
    size_t octal = 0;
    while (octal < 3 && digits_of(s, at + 1 + octal, 1, 8, &code))
        octal++;
    if (octal) {
        (void)digits_of(s, at + 1, octal, 8, &code);
        *written = str_utf8_put(code, to);
        return 1 + octal;
    }
    to[0] = '\\'; /* Python keeps what it does not know */
    *written = 1;
    return 1;
}

static bool text(struct lexer *x)
{
    char quote = x->s.ptr[x->at];
    size_t end = x->at + 1;
    bool escaped = false;

    while (end < x->s.len && x->s.ptr[end] != quote) {
        escaped |= x->s.ptr[end] == '\\';
        end += x->s.ptr[end] == '\\' ? 2 : 1;
    }
    if (end >= x->s.len)
        return broken(x, ERR_SYNTAX, "a text in quotes has no end");
    struct tpl_token t = {.kind = TOK_TEXT, .text = str_slice(x->s, x->at + 1, end)};
    if (escaped) {
        char *plain = arena_alloc(x->arena, t.text.len + 4);
        if (!plain)
            return broken(x, ERR_NOMEM, "out of memory");
        size_t n = 0;
        for (size_t i = 0; i < t.text.len;) {
            size_t written = 1, taken = 1;
            if (t.text.ptr[i] == '\\')
                taken = escape(t.text, i, plain + n, &written);
            else
                plain[n] = t.text.ptr[i];
            if (taken == 0)
                return broken(x, ERR_SYNTAX, "an escape (\\x, \\u, \\U) in a text lacks digits");
            n += written;
            i += taken;
        }
        t.text = str_of(plain, n);
    }
    if (!add(x, t))
        return false;
    skip_to(x, end + 1);
    return true;
}

static const struct op_row {
    struct str text;
    enum tpl_op op;
} ops[] = {
    /* the longer ones first */
    {{"//", 2}, OP_FLOORDIV}, {{"**", 2}, OP_POW},      {{"==", 2}, OP_EQ},    {{"!=", 2}, OP_NE},
    {{">=", 2}, OP_GE},       {{"<=", 2}, OP_LE},       {{"+", 1}, OP_ADD},    {{"-", 1}, OP_SUB},
    {{"/", 1}, OP_DIV},       {{"*", 1}, OP_MUL},       {{"%", 1}, OP_MOD},    {{"~", 1}, OP_CONCAT},
    {{"[", 1}, OP_LBRACKET},  {{"]", 1}, OP_RBRACKET},  {{"(", 1}, OP_LPAREN}, {{")", 1}, OP_RPAREN},
    {{"{", 1}, OP_LBRACE},    {{"}", 1}, OP_RBRACE},    {{">", 1}, OP_GT},     {{"<", 1}, OP_LT},
    {{"=", 1}, OP_ASSIGN},    {{".", 1}, OP_DOT},       {{":", 1}, OP_COLON},  {{"|", 1}, OP_PIPE},
    {{",", 1}, OP_COMMA},     {{";", 1}, OP_SEMICOLON},
};

static bool bracket(struct lexer *x, enum tpl_op op)
{
    char opens = op == OP_LPAREN ? ')' : op == OP_LBRACKET ? ']' : op == OP_LBRACE ? '}' : 0;

    if (opens) {
        if (x->open_count == TPL_DEPTH_MAX)
            return broken(x, ERR_LIMIT, "brackets stand more than 200 deep");
        x->open[x->open_count++] = opens;
    } else if (op == OP_RPAREN || op == OP_RBRACKET || op == OP_RBRACE) {
        if (x->open_count == 0 || x->open[--x->open_count] != x->s.ptr[x->at])
            return broken(x, ERR_SYNTAX, "a closing bracket that does not match");
    }
    return true;
}

static bool operator(struct lexer *x)
{
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        if (!looking_at(x, x->at, ops[i].text))
            continue;
        if (!bracket(x, ops[i].op))
            return false;
        struct tpl_token t = {.kind = TOK_OP, .op = ops[i].op, .text = ops[i].text};
        x->at += ops[i].text.len;
        return add(x, t);
    }
    return broken(x, ERR_SYNTAX, "a character that means nothing inside a tag");
}

static bool tag_ends(const struct lexer *x, bool print, char *sign)
{
    struct str pair = print ? STR("}}") : STR("%}");
    char c = sign_at(x, x->at);

    *sign = c && !(print && c == '+') && looking_at(x, x->at + 1, pair) ? c : 0;
    return x->open_count == 0 && (*sign || looking_at(x, x->at, pair));
}

static bool tag(struct lexer *x, bool print)
{
    char sign;
    int line = x->line;

    if (!add(x, (struct tpl_token){.kind = print ? TOK_PRINT : TOK_BLOCK}))
        return false;
    x->open_count = 0;
    for (;;) {
        skip_to(x, tpl_space_after(x->s, x->at));
        if (x->at >= x->s.len) {
            x->line = line;
            return broken(x, ERR_SYNTAX, print ? "{{ has no end (}})" : "{% has no end (%})");
        }
        if (tag_ends(x, print, &sign))
            break;
        char c = x->s.ptr[x->at];
        bool ok;
        if (is_digit(c)) {
            ok = number(x);
        } else if (c == '\'' || c == '"') {
            ok = text(x);
        } else if (is_name(c)) {
            size_t end = x->at;
            while (end < x->s.len && (is_name(x->s.ptr[end]) || is_digit(x->s.ptr[end])))
                end++;
            ok = add(x, (struct tpl_token){.kind = TOK_NAME, .text = str_slice(x->s, x->at, end)});
            x->at = end;
        } else {
            ok = operator(x);
        }
        if (!ok)
            return false;
    }
    if (!add(x, (struct tpl_token){.kind = print ? TOK_PRINT_END : TOK_BLOCK_END}))
        return false;
    x->at += 2 + (sign != 0);
    after_tag(x, sign, print);
    return true;
}

static size_t next_tag(const struct lexer *x)
{
    for (size_t at = x->at; at + 1 < x->s.len; at++) {
        char c = x->s.ptr[at + 1];
        if (x->s.ptr[at] == '{' && (c == '{' || c == '%' || c == '#'))
            return at;
    }
    return x->s.len;
}

static bool next(struct lexer *x)
{
    size_t start = next_tag(x);

    if (start == x->s.len) {
        bool ok = add_text(x, x->at, start);
        x->at = start;
        return ok;
    }
    char kind = x->s.ptr[start + 1], sign = sign_at(x, start + 2), after;
    if (!add_text(x, x->at, text_end(x, x->at, start, sign, kind == '{')))
        return false;
    skip_to(x, start + 2 + (sign != 0));
    x->line_starts = false;
    if (kind == '#')
        return comment(x);
    size_t behind = kind == '%' ? bare_tag(x, x->at, STR("raw"), &after) : 0;
    if (behind) {
        skip_to(x, after == '-' ? tpl_space_after(x->s, behind) : behind);
        return raw(x);
    }
    return tag(x, kind == '{');
}

/* Line ends as \n, without one at the end. */
static bool normalize(struct str source, struct arena *a, struct str *out)
{
    char *copy = arena_alloc(a, source.len + 1);
    if (!copy)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < source.len; i++) {
        char c = source.ptr[i];
        if (c == '\r') {
            c = '\n';
            i += i + 1 < source.len && source.ptr[i + 1] == '\n';
        }
        copy[n++] = c;
    }
    *out = str_of(copy, n && copy[n - 1] == '\n' ? n - 1 : n);
    return true;
}

int tpl_lex(struct str source, struct arena *a, struct tpl_tokens *out, struct err *e)
{
    struct lexer x = {.line = 1, .line_starts = true, .arena = a, .out = out, .err = e};

    if (!normalize(source, a, &x.s))
        return err_set(e, ERR_NOMEM, "out of memory for a template");
    while (x.at < x.s.len) {
        if (!next(&x))
            return x.rc;
    }
    return add(&x, (struct tpl_token){.kind = TOK_END}) ? 0 : x.rc;
}
