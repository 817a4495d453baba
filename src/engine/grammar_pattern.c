/* grammar_pattern.c: the regular part of ECMAScript's expressions, made into a deterministic automaton over characters and then into
 * states over the bytes of a JSON string.
 *
 * Understood: literals, escapes (\d \w \s and their opposites, \t \n \r \f \v \0 \xHH \uHHHH \u{…}), classes, ., groups, |, the
 * quantifiers (lazy ones describe the same strings), ^ and $. Not regular, or not understood, and refused: back references,
 * look-around, \b, \p. As JSON Schema has it, a pattern may match anywhere in the string unless it is anchored. Characters are written
 * in their canonical form: themselves, or the short escape.
 * The steps: text -> tree -> nodes (an automaton with empty steps) -> sets of nodes -> states of the net. */
#include "engine/grammar_priv.h"

enum {
    PATTERN_BYTES_MAX = 1024,
    TREE_DEPTH_MAX = 64,
    NODES_MAX = 8192, SETS_MAX = 2048,
    REPEAT_MAX = 1000,
    RANGES_MAX = 512, /* of one class */
    ARENA_MAX = 16 * 1024 * 1024,
    STEPS_MAX = 30 * 1000 * 1000,      /* some tenths of a second; patterns of real schemas need some ten thousand, `email` five million */
    STEPS_ALL_MAX = 300 * 1000 * 1000, /* of all patterns of a schema: about a second */
};
#define CHAR_LAST 0x10FFFFu

enum tree_kind { TREE_EMPTY, TREE_CLASS, TREE_THEN, TREE_OR, TREE_REPEAT, TREE_BEGIN, TREE_END };
struct tree {
    enum tree_kind kind;
    struct tree *a, *b;
    uint32_t min, max; /* TREE_REPEAT; max LEFT_FREE: any */
    struct range *range;
    size_t count;
    bool counted; /* in the borders */
};

struct reader {
    struct arena arena;
    struct str text;
    size_t at;
    int depth, rc;
    size_t steps;
    const char *why;
};

static struct tree *refuse(struct reader *r, int code, const char *why)
{
    if (r->rc == 0) {
        r->rc = code;
        r->why = why;
    }
    return NULL;
}

static void spend(struct reader *r, size_t steps)
{
    r->steps += steps;
    if (r->steps > STEPS_MAX)
        refuse(r, ERR_LIMIT, "the pattern is too complex");
}

static struct tree *tree_new(struct reader *r, enum tree_kind kind, struct tree *a, struct tree *b)
{
    struct tree *t = r->rc < 0 ? NULL : arena_new(&r->arena, struct tree);
    if (!t)
        return refuse(r, ERR_NOMEM, "no memory for the pattern");
    *t = (struct tree){.kind = kind, .a = a, .b = b};
    return t;
}

static int peek(const struct reader *r)
{
    return r->at < r->text.len ? (uint8_t)r->text.ptr[r->at] : -1;
}

static bool take(struct reader *r, char c)
{
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

/* One code point of the pattern, which is UTF-8 that the JSON scanner has checked. */
static uint32_t take_char(struct reader *r)
{
    size_t len;
    uint32_t c = str_utf8_at(r->text, r->at, &len);
    r->at += len;
    return c;
}

/* --- classes ------------------------------------------------------------------------------------------------------------ */

struct set {
    struct range range[RANGES_MAX];
    size_t count;
};

static void set_add(struct reader *r, struct set *s, uint32_t low, uint32_t high)
{
    if (s->count == RANGES_MAX)
        refuse(r, ERR_LIMIT, "a class of more than 512 ranges");
    else if (r->rc == 0)
        s->range[s->count++] = (struct range){low, high};
}

static void set_tidy(struct set *s) /* ascending and apart */
{
    for (size_t i = 1; i < s->count; i++) {
        struct range x = s->range[i];
        size_t j = i;
        for (; j > 0 && s->range[j - 1].low > x.low; j--)
            s->range[j] = s->range[j - 1];
        s->range[j] = x;
    }
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (kept > 0 && s->range[i].low <= s->range[kept - 1].high + 1) {
            if (s->range[i].high > s->range[kept - 1].high)
                s->range[kept - 1].high = s->range[i].high;
        } else {
            s->range[kept++] = s->range[i];
        }
    }
    s->count = kept;
}

static void set_invert(struct reader *r, struct set *s)
{
    struct set was = *s;
    uint32_t from = 0;

    set_tidy(&was);
    s->count = 0;
    for (size_t i = 0; i < was.count; i++) {
        if (was.range[i].low > from)
            set_add(r, s, from, was.range[i].low - 1);
        from = was.range[i].high + 1;
    }
    if (from <= CHAR_LAST)
        set_add(r, s, from, CHAR_LAST);
}

/* \d \w \s and their opposites; false if the letter is none of them. */
static bool set_named(struct reader *r, struct set *out, char letter)
{
    struct set s = {.count = 0};
    char small = (char)(letter | 0x20);

    if (small == 'd' || small == 'w')
        set_add(r, &s, '0', '9');
    if (small == 'w') {
        set_add(r, &s, 'A', 'Z');
        set_add(r, &s, 'a', 'z');
        set_add(r, &s, '_', '_');
    }
    if (small == 's') {
        static const struct range blank[] = {{9, 13}, {32, 32}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A},
                                             {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
        for (size_t i = 0; i < COUNT_OF(blank); i++)
            set_add(r, &s, blank[i].low, blank[i].high);
    }
    if (s.count == 0)
        return false;
    if (letter != small)
        set_invert(r, &s);
    for (size_t i = 0; i < s.count; i++)
        set_add(r, out, s.range[i].low, s.range[i].high);
    return true;
}

static uint32_t take_hex(struct reader *r, int count)
{
    uint32_t c = 0;
    for (int i = 0; i < count; i++) {
        int x = peek(r), digit = x < 0 ? -1 : hex_digit((char)x);
        if (digit < 0) {
            refuse(r, ERR_INVALID, "an escape that lacks hexadecimal digits");
            return 0;
        }
        c = c * 16 + (uint32_t)digit;
        r->at++;
    }
    return c;
}

static uint32_t take_unicode(struct reader *r)
{
    if (take(r, '{')) {
        uint32_t c = 0;
        do
            c = c < CHAR_LAST ? c * 16 + take_hex(r, 1) : c;
        while (r->rc == 0 && peek(r) != '}');
        take(r, '}');
        if (c > CHAR_LAST)
            refuse(r, ERR_INVALID, "an escape beyond Unicode");
        return c;
    }
    uint32_t c = take_hex(r, 4);
    if (c >= 0xD800 && c <= 0xDBFF && peek(r) == '\\' && r->at + 1 < r->text.len && r->text.ptr[r->at + 1] == 'u') {
        r->at += 2;
        return 0x10000 + ((c & 0x3FF) << 10) + (take_hex(r, 4) & 0x3FF);
    }
    return c;
}

/* After a backslash. Adds to the set; *single gets the character if it is one. */
static void escape(struct reader *r, struct set *s, bool in_class, int64_t *single)
{
    static const char letter[] = "tnrfv", value[] = "\t\n\r\f\v";
    *single = -1;
    if (peek(r) < 0) {
        refuse(r, ERR_INVALID, "a backslash at the end");
        return;
    }
    if (set_named(r, s, (char)peek(r))) {
        r->at++;
        return;
    }
    uint32_t c = take_char(r);
    const char *at = c && c < 128 ? strchr(letter, (int)c) : NULL;
    if (at)
        c = (uint8_t)value[at - letter];
    else if (c == 'b' && in_class)
        c = 8;
    else if (c == 'x')
        c = take_hex(r, 2);
    else if (c == 'u')
        c = take_unicode(r);
    else if (c == '0' && !(peek(r) >= '0' && peek(r) <= '9'))
        c = 0;
    else if ((c >= '0' && c <= '9') || c == 'k')
        refuse(r, ERR_UNSUPPORTED, "back references are not regular");
    else if ((c | 32) >= 'a' && (c | 32) <= 'z' && c < 128)
        refuse(r, ERR_UNSUPPORTED, "an escape that is not understood (of letters: \\d \\w \\s \\D \\W \\S \\t \\n \\r \\f \\v \\x \\u)");
    set_add(r, s, c, c);
    *single = c;
}

static struct tree *tree_class(struct reader *r, struct set *s)
{
    struct tree *t = tree_new(r, TREE_CLASS, NULL, NULL);
    if (!t)
        return NULL;
    set_tidy(s);
    t->count = s->count;
    t->range = arena_new_array(&r->arena, struct range, s->count + 1);
    if (!t->range)
        return refuse(r, ERR_NOMEM, "no memory for the pattern");
    memcpy(t->range, s->range, s->count * sizeof *s->range);
    return t;
}

static void class_item(struct reader *r, struct set *s)
{
    int64_t low, high;
    if (take(r, '\\')) {
        escape(r, s, true, &low);
    } else {
        low = take_char(r);
        set_add(r, s, (uint32_t)low, (uint32_t)low);
    }
    if (peek(r) != '-' || r->at + 1 >= r->text.len || r->text.ptr[r->at + 1] == ']' || r->rc < 0)
        return;
    r->at++;
    size_t before = s->count;
    if (take(r, '\\'))
        escape(r, s, true, &high);
    else
        high = take_char(r);
    if (low < 0 || high < low) {
        refuse(r, ERR_INVALID, "a range in a class whose ends are not in order");
        return;
    }
    s->count = before;
    set_add(r, s, (uint32_t)low, (uint32_t)high);
}

static struct tree *read_class(struct reader *r)
{
    struct set s = {.count = 0};
    bool inverted = take(r, '^');

    while (r->rc == 0 && !take(r, ']')) {
        if (peek(r) < 0)
            return refuse(r, ERR_INVALID, "a class that is not closed");
        class_item(r, &s);
    }
    if (inverted)
        set_invert(r, &s);
    return tree_class(r, &s);
}

/* --- the tree ------------------------------------------------------------------------------------------------------------- */

static struct tree *read_or(struct reader *r);

static struct tree *read_group(struct reader *r)
{
    if (take(r, '?')) {
        if (take(r, '<')) {
            if (peek(r) == '=' || peek(r) == '!')
                return refuse(r, ERR_UNSUPPORTED, "look-around is not understood");
            while (peek(r) >= 0 && peek(r) != '>')
                r->at++;
            take(r, '>');
        } else if (!take(r, ':')) {
            return refuse(r, ERR_UNSUPPORTED, "look-around and flags are not understood");
        }
    }
    if (++r->depth > TREE_DEPTH_MAX)
        return refuse(r, ERR_LIMIT, "groups nested more than 64 deep");
    struct tree *t = read_or(r);
    r->depth--;
    return take(r, ')') ? t : refuse(r, ERR_INVALID, "a group that is not closed");
}

static struct tree *read_atom(struct reader *r)
{
    struct set s = {.count = 0};
    int64_t single;

    if (take(r, '('))
        return read_group(r);
    if (take(r, '['))
        return read_class(r);
    if (take(r, '^'))
        return tree_new(r, TREE_BEGIN, NULL, NULL);
    if (take(r, '$'))
        return tree_new(r, TREE_END, NULL, NULL);
    if (take(r, '.')) {
        set_add(r, &s, '\n', '\n');
        set_add(r, &s, '\r', '\r');
        set_add(r, &s, 0x2028, 0x2029);
        set_invert(r, &s);
    } else if (take(r, '\\')) {
        escape(r, &s, false, &single);
    } else if (peek(r) == '*' || peek(r) == '+' || peek(r) == '?') {
        return refuse(r, ERR_INVALID, "a quantifier with nothing before it");
    } else {
        uint32_t c = take_char(r);
        set_add(r, &s, c, c);
    }
    return tree_class(r, &s);
}

static bool take_count(struct reader *r, uint32_t *out)
{
    size_t from = r->at;
    uint64_t value;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    if (r->at == from)
        return false;
    if (!str_to_u64(str_slice(r->text, from, r->at), &value) || value > REPEAT_MAX) {
        refuse(r, ERR_UNSUPPORTED, "a quantifier above 1000");
        value = 0;
    }
    *out = (uint32_t)value;
    return true;
}

/* {2}, {2,}, {2,5}; anything else in braces is text, as in ECMAScript. */
static bool take_braces(struct reader *r, uint32_t *min, uint32_t *max)
{
    size_t from = r->at;
    if (take(r, '{') && take_count(r, min)) {
        *max = *min;
        if (take(r, ',') && !take_count(r, max))
            *max = LEFT_FREE;
        if (take(r, '}'))
            return true;
    }
    r->at = from;
    return false;
}

static struct tree *read_quantified(struct reader *r)
{
    struct tree *t = read_atom(r);

    for (int times = 0; r->rc == 0; times++) {
        uint32_t min = 0, max = LEFT_FREE;
        if (take(r, '+'))
            min = 1;
        else if (take(r, '?'))
            max = 1;
        else if (!take(r, '*') && !take_braces(r, &min, &max))
            break;
        if (times > 0)
            return refuse(r, ERR_INVALID, "a quantifier after a quantifier");
        take(r, '?'); /* lazy: the same strings */
        if (max < min)
            return refuse(r, ERR_INVALID, "a quantifier whose numbers are not in order");
        t = tree_new(r, TREE_REPEAT, t, NULL);
        if (t) {
            t->min = min;
            t->max = max;
        }
    }
    return t;
}

static struct tree *read_or(struct reader *r)
{
    struct tree *all = NULL;
    do {
        struct tree *one = NULL;
        while (r->rc == 0 && peek(r) >= 0 && peek(r) != '|' && peek(r) != ')') {
            struct tree *next = read_quantified(r);
            one = one ? tree_new(r, TREE_THEN, one, next) : next;
        }
        if (!one)
            one = tree_new(r, TREE_EMPTY, NULL, NULL);
        all = all ? tree_new(r, TREE_OR, all, one) : one;
    } while (r->rc == 0 && take(r, '|'));
    return all;
}

/* --- nodes ---------------------------------------------------------------------------------------------------------------- */

enum node_kind { NODE_CLASS, NODE_SPLIT, NODE_BEGIN, NODE_END, NODE_FINAL };
struct node {
    enum node_kind kind;
    uint32_t a, b; /* where it leads; b: NODE_SPLIT only */
    struct tree *class; /* NULL: any character */
};
struct program {
    struct reader *r;
    struct node node[NODES_MAX];
    uint32_t count;
};

static uint32_t node_add(struct program *p, enum node_kind kind, uint32_t a, uint32_t b, struct tree *class)
{
    if (p->count == NODES_MAX) {
        refuse(p->r, ERR_LIMIT, "the pattern is too large: its repetitions need more than 8192 steps");
        return 0;
    }
    p->node[p->count] = (struct node){kind, a, b, class};
    return p->count++;
}

/* Built from the back: returns where the tree begins when it continues at `then`. */
static uint32_t emit(struct program *p, struct tree *t, uint32_t then)
{
    spend(p->r, 1); /* what repeats nothing adds no nodes that would be counted */
    if (p->r->rc < 0)
        return 0;
    switch (t->kind) {
    case TREE_EMPTY: return then;
    case TREE_CLASS: return node_add(p, NODE_CLASS, then, 0, t);
    case TREE_THEN: return emit(p, t->a, emit(p, t->b, then));
    case TREE_OR: return node_add(p, NODE_SPLIT, emit(p, t->a, then), emit(p, t->b, then), NULL);
    case TREE_BEGIN: return node_add(p, NODE_BEGIN, then, 0, NULL);
    case TREE_END: return node_add(p, NODE_END, then, 0, NULL);
    case TREE_REPEAT: break;
    }
    if (t->max == LEFT_FREE) {
        uint32_t loop = node_add(p, NODE_SPLIT, 0, then, NULL);
        if (p->r->rc == 0)
            p->node[loop].a = emit(p, t->a, loop);
        then = loop;
    } else {
        for (uint32_t i = t->min; i < t->max && p->r->rc == 0; i++)
            then = node_add(p, NODE_SPLIT, emit(p, t->a, then), then, NULL);
    }
    for (uint32_t i = 0; i < t->min && p->r->rc == 0; i++)
        then = emit(p, t->a, then);
    return then;
}

/* --- sets of nodes, and the net --------------------------------------------------------------------------------------------- */

struct sets {
    struct program *p;
    struct arena *arena;
    uint64_t *set[SETS_MAX];
    bool accepts[SETS_MAX];
    uint32_t *next[SETS_MAX]; /* by class of characters; UINT32_MAX: nowhere */
    uint32_t count, words;
    uint32_t *border; /* where classes of characters begin, ascending; the first is 0 */
    uint32_t border_count;
    uint32_t stack[NODES_MAX], final;
};

static bool has(const uint64_t *set, uint32_t node)
{
    return set[node / 64] >> node % 64 & 1;
}

static void add(struct sets *s, uint64_t *set, uint32_t node, uint32_t *top)
{
    if (has(set, node))
        return;
    set[node / 64] |= 1ull << node % 64;
    s->stack[(*top)++] = node;
}

/* Follows what needs no character. */
static void close_over(struct sets *s, uint64_t *set, bool at_begin, bool at_end)
{
    uint32_t top = 0;
    for (uint32_t i = 0; i < s->p->count; i++) {
        if (has(set, i))
            s->stack[top++] = i;
    }
    while (top > 0) {
        const struct node *x = &s->p->node[s->stack[--top]];
        if (x->kind == NODE_SPLIT || (x->kind == NODE_BEGIN && at_begin) || (x->kind == NODE_END && at_end))
            add(s, set, x->a, &top);
        if (x->kind == NODE_SPLIT)
            add(s, set, x->b, &top);
    }
}

/* The number of this set (closed already), added if it is new. */
static uint32_t number(struct sets *s, uint64_t *set, bool at_begin)
{
    size_t bytes = s->words * sizeof *set;
    spend(s->p->r, s->count);
    if (has(set, s->final)) { /* matched: whatever follows, it stays so */
        memset(set, 0, bytes);
        set[s->final / 64] |= 1ull << s->final % 64;
    }
    for (uint32_t i = 0; i < s->count && !at_begin; i++) {
        if (memcmp(s->set[i], set, bytes) == 0)
            return i;
    }
    uint64_t *copy = s->count < SETS_MAX ? arena_alloc(s->arena, bytes) : NULL;
    uint64_t *end = copy ? arena_alloc(s->arena, bytes) : NULL;
    uint32_t *next = end ? arena_new_array(s->arena, uint32_t, s->border_count) : NULL;
    if (!next) {
        refuse(s->p->r, ERR_LIMIT, "the pattern needs more than 2048 states");
        return 0;
    }
    memcpy(copy, set, bytes);
    memcpy(end, set, bytes);
    close_over(s, end, at_begin, true);
    s->set[s->count] = copy;
    s->accepts[s->count] = has(end, s->final);
    s->next[s->count] = next;
    return s->count++;
}

static bool class_has(const struct node *x, uint32_t c)
{
    if (!x->class)
        return true;
    for (size_t i = 0; i < x->class->count; i++) { /* few, and the pattern's length bounds them */
        if (c >= x->class->range[i].low && c <= x->class->range[i].high)
            return true;
    }
    return false;
}

static void borders(struct sets *s)
{
    uint32_t all = 2;
    for (uint32_t i = 0; i < s->p->count; i++) {
        struct tree *t = s->p->node[i].class;
        all += t && !t->counted ? 2 * (uint32_t)t->count : 0;
        if (t)
            t->counted = true;
    }
    for (uint32_t i = 0; i < s->p->count; i++) {
        if (s->p->node[i].class)
            s->p->node[i].class->counted = false;
    }
    s->border = arena_new_array(s->arena, uint32_t, all);
    if (!s->border) {
        refuse(s->p->r, ERR_LIMIT, "the pattern's classes are too large");
        return;
    }
    s->border_count = 1;
    for (uint32_t i = 0; i < s->p->count; i++) {
        struct tree *t = s->p->node[i].class;
        if (!t || t->counted)
            continue;
        t->counted = true;
        for (size_t k = 0; k < 2 * t->count; k++) {
            uint32_t b = k % 2 ? t->range[k / 2].high + 1 : t->range[k / 2].low, at = s->border_count;
            while (at > 0 && s->border[at - 1] > b)
                at--;
            if (b > CHAR_LAST || (at > 0 && s->border[at - 1] == b))
                continue;
            memmove(s->border + at + 1, s->border + at, (s->border_count++ - at) * sizeof *s->border);
            s->border[at] = b;
        }
    }
}

static void determine(struct sets *s, uint32_t start)
{
    uint64_t *work = arena_new_array(s->arena, uint64_t, s->words);
    if (!work) {
        refuse(s->p->r, ERR_NOMEM, "no memory for the pattern");
        return;
    }
    work[start / 64] |= 1ull << start % 64;
    close_over(s, work, true, false);
    number(s, work, true);
    for (uint32_t i = 0; i < s->count && s->p->r->rc == 0; i++) {
        for (uint32_t c = 0; c < s->border_count && s->p->r->rc == 0; c++) {
            bool any = false;
            spend(s->p->r, 2 * s->p->count);
            memset(work, 0, s->words * sizeof *work);
            for (uint32_t k = 0; k < s->p->count; k++) {
                const struct node *x = &s->p->node[k];
                if (has(s->set[i], k) && (x->kind == NODE_CLASS || x->kind == NODE_FINAL) && class_has(x, s->border[c])) {
                    work[x->a / 64] |= 1ull << x->a % 64;
                    any = true;
                }
            }
            close_over(s, work, false, false);
            s->next[i][c] = any ? number(s, work, false) : UINT32_MAX;
        }
    }
}

/* One set's edges, those with one target together. `state` gives each set its state. */
static void lower(struct net *n, const struct sets *s, uint32_t i, uint32_t from, const uint32_t *state, struct range *room)
{
    for (uint32_t first = 0; first < s->border_count; first++) {
        uint32_t target = s->next[i][first];
        bool done = target == UINT32_MAX;
        for (uint32_t c = 0; c < first && !done; c++)
            done = s->next[i][c] == target;
        spend(s->p->r, first);
        if (done || s->p->r->rc < 0)
            continue;
        size_t count = 0;
        for (uint32_t c = first; c < s->border_count; c++) {
            if (s->next[i][c] != target)
                continue;
            uint32_t last = c + 1 < s->border_count ? s->border[c + 1] - 1 : CHAR_LAST;
            if (count > 0 && room[count - 1].high + 1 == s->border[c])
                room[count - 1].high = last;
            else
                room[count++] = (struct range){s->border[c], last};
        }
        spend(s->p->r, s->border_count);
        json_class(n, from, room, count, state[target]);
    }
}

/* Layers, one per number of characters, when the length matters; else one that leads into itself. */
static void layers(struct net *n, struct sets *s, uint32_t from, uint32_t min, uint32_t max, uint32_t to)
{
    uint32_t last = max == LEFT_FREE ? min : max;
    uint32_t *here = arena_new_array(s->arena, uint32_t, s->count), *next = arena_new_array(s->arena, uint32_t, s->count);
    struct range *room = arena_new_array(s->arena, struct range, s->border_count);
    if (!here || !next || !room) {
        refuse(s->p->r, ERR_NOMEM, "no memory for the pattern");
        return;
    }
    for (uint32_t i = 0; i < s->count; i++)
        here[i] = net_state(n);
    net_byte(n, from, '"', '"', here[0]);
    for (uint32_t layer = 0; layer <= last && n->rc == 0 && s->p->r->rc == 0; layer++) {
        bool loops = layer == last && max == LEFT_FREE;
        for (uint32_t i = 0; i < s->count && layer < last; i++)
            next[i] = net_state(n);
        for (uint32_t i = 0; i < s->count && n->rc == 0; i++) {
            if (layer >= min && s->accepts[i])
                net_byte(n, here[i], '"', '"', to);
            if (loops || layer < last)
                lower(n, s, i, here[i], loops ? here : next, room);
        }
        uint32_t *t = here;
        here = next;
        next = t;
    }
}

static void build(struct net *n, uint32_t from, struct reader *r, struct tree *t, uint32_t min, uint32_t max, uint32_t to)
{
    struct program *p = arena_new(&r->arena, struct program);
    struct sets *s = arena_new(&r->arena, struct sets);
    if (!p || !s) {
        refuse(r, ERR_NOMEM, "no memory for the pattern");
        return;
    }
    p->r = r;
    uint32_t final = node_add(p, NODE_FINAL, 0, 0, NULL); /* after a match, any characters */
    uint32_t body = emit(p, t, final);
    uint32_t again = node_add(p, NODE_SPLIT, body, 0, NULL);
    uint32_t skip = node_add(p, NODE_CLASS, again, 0, NULL); /* before it too */
    p->node[again].b = skip;
    *s = (struct sets){.p = p, .arena = &r->arena, .words = (p->count + 63) / 64, .final = final};
    borders(s);
    if (r->rc == 0)
        determine(s, again);
    if (r->rc == 0)
        layers(n, s, from, min, max, to);
}

int pattern_build(struct net *n, uint32_t from, struct str pattern, uint32_t min, uint32_t max, uint32_t to, const char **why)
{
    struct reader r = {.arena = ARENA_INIT(ARENA_MAX), .text = pattern, };

    if (pattern.len > PATTERN_BYTES_MAX)
        refuse(&r, ERR_LIMIT, "a pattern of more than 1024 bytes");
    struct tree *t = r.rc < 0 ? NULL : read_or(&r);
    if (r.rc == 0 && r.at < pattern.len)
        refuse(&r, ERR_INVALID, "a closing bracket too many");
    if (r.rc == 0)
        build(n, from, &r, t, min, max, to);
    n->pattern_steps += r.steps;
    if (n->pattern_steps > STEPS_ALL_MAX)
        refuse(&r, ERR_LIMIT, "with the other patterns of the schema it is too complex");
    arena_fini(&r.arena);
    *why = r.why;
    return r.rc;
}

/* --- formats: patterns that are exact, but for e-mail, which is narrower (a dotted name at a dotted host) ----------------------- */

#define MONTHS_ANY_YEAR                                                                                              \
    "((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|02-(0[1-9]|1\\d|2[0-8]))"
#define LEAP_YEAR "(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
#define DATE "(\\d{4}-" MONTHS_ANY_YEAR "|" LEAP_YEAR "-02-29)"
#define TIME "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define BYTE "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define ATOM "[A-Za-z0-9!#%&'*+/=?^_`{|}~$-]+"

struct str format_pattern(struct str format)
{
    static const struct {
        struct str name, pattern;
    } row[] = {
        {STR("date"), STR("^" DATE "$")},
        {STR("time"), STR("^" TIME "$")},
        {STR("date-time"), STR("^" DATE "T" TIME "$")},
        {STR("duration"), STR("^P((\\d{1,9}Y(\\d{1,9}M(\\d{1,9}D)?)?|\\d{1,9}M(\\d{1,9}D)?|\\d{1,9}D)(T(\\d{1,9}H(\\d{1,9}M(\\d{1,9}S)?)?|\\d{1,9}M"
                              "(\\d{1,9}S)?|\\d{1,9}S))?|T(\\d{1,9}H(\\d{1,9}M(\\d{1,9}S)?)?|\\d{1,9}M(\\d{1,9}S)?|\\d{1,9}S)|\\d{1,9}W)$")},
        {STR("uuid"), STR("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")},
        {STR("ipv4"), STR("^(" BYTE "\\.){3}" BYTE "$")},
        {STR("email"), STR("^" ATOM "(\\." ATOM "){0,8}@" "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?"
                           "(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?){1,4}$")},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        if (str_eq(format, row[i].name))
            return row[i].pattern;
    }
    return STR_NONE;
}
