/* grammar_json.c: the parts of JSON that need no schema: characters, strings, numbers, blanks, and any value.
 *
 * Blanks are bounded, so that a model cannot stay in them: after `{`, `[` and a comma, and before `}` and `]`, one space or a line
 * break with at most BLANKS_MAX spaces; after a colon one space; none elsewhere. Numbers have at most DIGITS_MAX digits before the
 * point and as many after it, and two of exponent, for the same reason and so that they stay finite. */
#include "engine/grammar_priv.h"

enum { BLANKS_MAX = 24, DIGITS_MAX = 18 };

static void hex(struct net *n, uint32_t from, uint32_t to)
{
    net_byte(n, from, '0', '9', to);
    net_byte(n, from, 'a', 'f', to);
    net_byte(n, from, 'A', 'F', to);
}

/* --- characters ------------------------------------------------------------------------------------------------------ */

/* A state from where any `more` continuation bytes lead to `to`. */
static uint32_t tail(struct net *n, int more, uint32_t to)
{
    if (more == 0)
        return to;
    if (n->tail_to != to) {
        n->tail_to = to;
        memset(n->tail, 0, sizeof n->tail);
    }
    if (!n->tail[more]) {
        uint32_t next = tail(n, more - 1, to);
        n->tail[more] = net_state(n);
        net_byte(n, n->tail[more], 0x80, 0xBF, next);
    }
    return n->tail[more];
}

/* Bytes from `low` to `high`, both `count` long, as one UTF-8 length has them. */
static void utf8_between(struct net *n, uint32_t from, const uint8_t *low, const uint8_t *high, int count, uint32_t to)
{
    static const uint8_t least[4] = {0x80, 0x80, 0x80, 0x80}, most[4] = {0xBF, 0xBF, 0xBF, 0xBF};

    if (count == 1) {
        net_byte(n, from, low[0], high[0], to);
        return;
    }
    if (low[0] == high[0]) {
        if (memcmp(low + 1, least, (size_t)count - 1) == 0 && memcmp(high + 1, most, (size_t)count - 1) == 0) {
            net_byte(n, from, low[0], low[0], tail(n, count - 1, to));
            return;
        }
        uint32_t s = net_state(n);
        net_byte(n, from, low[0], low[0], s);
        utf8_between(n, s, low + 1, high + 1, count - 1, to);
        return;
    }
    int first = low[0], last = high[0];
    if (memcmp(low + 1, least, (size_t)count - 1) != 0) {
        uint32_t s = net_state(n);
        net_byte(n, from, low[0], low[0], s);
        utf8_between(n, s, low + 1, most, count - 1, to);
        first++;
    }
    if (memcmp(high + 1, most, (size_t)count - 1) != 0) {
        uint32_t s = net_state(n);
        net_byte(n, from, high[0], high[0], s);
        utf8_between(n, s, least, high + 1, count - 1, to);
        last--;
    }
    if (first <= last)
        net_byte(n, from, (uint8_t)first, (uint8_t)last, tail(n, count - 1, to));
}

/* Code points from 0x80 up, without the surrogates. */
static void utf8_range(struct net *n, uint32_t from, struct range r, uint32_t to)
{
    static const struct range part[] = {{0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, 0x10FFFF}};

    for (size_t i = 0; i < COUNT_OF(part); i++) {
        uint32_t low = r.low > part[i].low ? r.low : part[i].low, high = r.high < part[i].high ? r.high : part[i].high;
        uint8_t a[4], b[4];
        if (low > high)
            continue;
        int count = (int)str_utf8_put(low, (char *)a);
        (void)str_utf8_put(high, (char *)b);
        utf8_between(n, from, a, b, count, to);
    }
}

static char short_escape(uint32_t c)
{
    static const char letters[] = "btn\0fr"; /* of 8 to 13 */
    return c == '"' || c == '\\' ? (char)c : c >= 8 && c <= 13 ? letters[c - 8] : '\0';
}

static bool in_ranges(uint32_t c, const struct range *range, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (c >= range[i].low && c <= range[i].high)
            return true;
    }
    return false;
}

/* What must be escaped: the short escape where there is one, else \u00XX. */
static void class_escaped(struct net *n, uint32_t from, const struct range *range, size_t count, uint32_t to)
{
    uint32_t slash = 0, high[2] = {0}, zeros = 0;

    for (uint32_t c = 0; c <= '\\'; c++) {
        if ((c >= 0x20 && c != '"' && c != '\\') || !in_ranges(c, range, count))
            continue;
        if (!slash) {
            slash = net_state(n);
            net_byte(n, from, '\\', '\\', slash);
        }
        if (short_escape(c)) {
            net_byte(n, slash, (uint8_t)short_escape(c), (uint8_t)short_escape(c), to);
            continue;
        }
        if (!zeros) {
            zeros = net_state(n);
            net_text(n, slash, STR("u00"), zeros);
        }
        if (!high[c >> 4]) {
            high[c >> 4] = net_state(n);
            net_byte(n, zeros, (uint8_t)('0' + (c >> 4)), (uint8_t)('0' + (c >> 4)), high[c >> 4]);
        }
        uint8_t digit = (uint8_t)(c & 15);
        if (digit < 10) {
            net_byte(n, high[c >> 4], (uint8_t)('0' + digit), (uint8_t)('0' + digit), to);
        } else {
            net_byte(n, high[c >> 4], (uint8_t)('a' + digit - 10), (uint8_t)('a' + digit - 10), to);
            net_byte(n, high[c >> 4], (uint8_t)('A' + digit - 10), (uint8_t)('A' + digit - 10), to);
        }
    }
}

void json_class(struct net *n, uint32_t from, const struct range *range, size_t count, uint32_t to)
{
    static const struct range plain[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x7F}};

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < COUNT_OF(plain); k++) {
            uint32_t low = range[i].low > plain[k].low ? range[i].low : plain[k].low;
            uint32_t high = range[i].high < plain[k].high ? range[i].high : plain[k].high;
            if (low <= high)
                net_byte(n, from, (uint8_t)low, (uint8_t)high, to);
        }
        utf8_range(n, from, range[i], to);
    }
    class_escaped(n, from, range, count, to);
}

/* \uXXXX: any but lone halves of a pair. */
static void unicode_escape(struct net *n, uint32_t from, uint32_t to)
{
    uint32_t h1 = net_state(n), h2 = net_state(n), h3 = net_state(n), d = net_state(n), s2 = net_state(n), s1 = net_state(n);
    uint32_t pair = net_state(n), low = net_state(n), low2 = net_state(n);

    net_byte(n, from, '0', '9', h3);
    net_byte(n, from, 'a', 'c', h3);
    net_byte(n, from, 'A', 'C', h3);
    net_byte(n, from, 'e', 'f', h3);
    net_byte(n, from, 'E', 'F', h3);
    net_byte(n, from, 'd', 'd', d);
    net_byte(n, from, 'D', 'D', d);
    hex(n, h3, h2);
    hex(n, h2, h1);
    hex(n, h1, to);
    net_byte(n, d, '0', '7', h2);
    net_byte(n, d, '8', '9', s2);
    net_byte(n, d, 'a', 'b', s2);
    net_byte(n, d, 'A', 'B', s2);
    hex(n, s2, s1);
    uint32_t after = net_state(n);
    hex(n, s1, after);
    net_text(n, after, STR("\\u"), pair);
    net_byte(n, pair, 'd', 'd', low);
    net_byte(n, pair, 'D', 'D', low);
    net_byte(n, low, 'c', 'f', low2);
    net_byte(n, low, 'C', 'F', low2);
    hex(n, low2, h1);
}

static uint32_t rule_char(struct net *n)
{
    if (n->rule_char)
        return n->rule_char;
    uint32_t rule = n->rule_char = net_rule(n);
    if (n->rc < 0)
        return 0;
    uint32_t start = n->rule[rule].start, end = n->rule[rule].end, slash = net_state(n), u = net_state(n);
    net_byte(n, start, 0x20, 0x21, end);
    net_byte(n, start, 0x23, 0x5B, end);
    net_byte(n, start, 0x5D, 0x7F, end);
    utf8_range(n, start, (struct range){0x80, 0x10FFFF}, end);
    net_byte(n, start, '\\', '\\', slash);
    for (const char *c = "\"\\/bfnrt"; *c; c++)
        net_byte(n, slash, (uint8_t)*c, (uint8_t)*c, end);
    net_byte(n, slash, 'u', 'u', u);
    unicode_escape(n, u, end);
    return rule;
}

void json_string_free(struct net *n, uint32_t from, uint32_t min, uint32_t max, uint32_t to)
{
    uint32_t rule = rule_char(n), at = net_state(n), last = max == LEFT_FREE ? min : max;

    net_byte(n, from, '"', '"', at);
    for (uint32_t i = 0; n->rc == 0; i++) {
        n->state[at].left = max == LEFT_FREE ? LEFT_FREE : max - i + 1;
        if (i >= min)
            net_byte(n, at, '"', '"', to);
        if (i == last)
            break;
        uint32_t next = net_state(n);
        net_call(n, at, rule, next);
        at = next;
    }
    if (max == LEFT_FREE)
        net_call(n, at, rule, at);
}

/* --- numbers and blanks ------------------------------------------------------------------------------------------------ */

/* At least `min` digits, at most `max`. */
static void digits(struct net *n, uint32_t from, int min, int max, uint32_t to)
{
    for (int i = 0; i < max; i++) {
        if (i >= min)
            net_empty(n, from, to);
        uint32_t next = net_state(n);
        net_byte(n, from, '0', '9', next);
        from = next;
    }
    net_empty(n, from, to);
}

void json_number_free(struct net *n, uint32_t from, bool integer, uint32_t to)
{
    uint32_t whole = net_state(n), first = net_state(n), minus = net_state(n), after = net_state(n), zero = net_state(n);

    for (int negative = 0; negative < 2; negative++) {
        uint32_t at = negative ? minus : from;
        net_byte(n, at, '0', '0', negative && integer ? 0 : zero); /* no -0 */
        net_byte(n, at, '1', '9', first);
    }
    net_byte(n, from, '-', '-', minus);
    net_empty(n, zero, whole);
    digits(n, first, 0, DIGITS_MAX - 1, whole);
    net_empty(n, whole, to);
    if (integer)
        return;
    uint32_t point = net_state(n), e = net_state(n), sign = net_state(n);
    net_byte(n, whole, '.', '.', point);
    digits(n, point, 1, DIGITS_MAX, after);
    net_empty(n, after, to);
    for (int k = 0; k < 2; k++) {
        net_byte(n, k ? after : whole, 'e', 'e', e);
        net_byte(n, k ? after : whole, 'E', 'E', e);
    }
    net_byte(n, e, '+', '+', sign);
    net_byte(n, e, '-', '-', sign);
    net_empty(n, e, sign);
    digits(n, sign, 1, 2, to);
}

uint32_t json_rule_blank(struct net *n)
{
    if (n->rule_blank)
        return n->rule_blank;
    uint32_t rule = n->rule_blank = net_rule(n);
    if (n->rc < 0)
        return 0;
    uint32_t start = n->rule[rule].start, end = n->rule[rule].end, at = net_state(n);
    net_empty(n, start, end);
    net_byte(n, start, ' ', ' ', end);
    net_byte(n, start, '\n', '\n', at);
    for (int i = 0; i <= BLANKS_MAX; i++) {
        net_empty(n, at, end);
        uint32_t next = i < BLANKS_MAX ? net_state(n) : 0;
        net_byte(n, at, ' ', ' ', next);
        at = next;
    }
    return rule;
}

/* --- any value --------------------------------------------------------------------------------------------------------- */

/* `open`, and between commas what `member` makes, and `close`. */
static uint32_t container(struct net *n, uint32_t *rule, char open, char close, bool keys)
{
    if (*rule)
        return *rule;
    uint32_t made = *rule = net_rule(n), blank = json_rule_blank(n), value = json_rule_value(n);
    if (n->rc < 0)
        return 0;
    uint32_t in = net_state(n), item = net_state(n), after = net_state(n), comma = net_state(n), last = net_state(n);
    net_byte(n, n->rule[made].start, (uint8_t)open, (uint8_t)open, in);
    net_byte(n, in, (uint8_t)close, (uint8_t)close, n->rule[made].end);
    net_call(n, in, blank, item);
    uint32_t at = item;
    if (keys) {
        uint32_t key = net_state(n), colon = net_state(n);
        json_string_free(n, item, 0, LEFT_FREE, key);
        net_byte(n, key, ':', ':', colon);
        at = net_state(n);
        net_empty(n, colon, at);
        net_byte(n, colon, ' ', ' ', at);
    }
    net_call(n, at, value, after);
    net_byte(n, after, ',', ',', comma);
    net_call(n, comma, blank, item);
    net_call(n, after, blank, last);
    net_byte(n, last, (uint8_t)close, (uint8_t)close, n->rule[made].end);
    return made;
}

uint32_t json_rule_object(struct net *n)
{
    return container(n, &n->rule_object, '{', '}', true);
}

static uint32_t rule_array(struct net *n)
{
    return container(n, &n->rule_array, '[', ']', false);
}

uint32_t json_rule_value(struct net *n)
{
    if (n->rule_value)
        return n->rule_value;
    uint32_t rule = n->rule_value = net_rule(n);
    if (n->rc < 0)
        return 0;
    uint32_t start = n->rule[rule].start, end = n->rule[rule].end;
    net_text(n, start, STR("null"), end);
    net_text(n, start, STR("true"), end);
    net_text(n, start, STR("false"), end);
    json_string_free(n, start, 0, LEFT_FREE, end);
    json_number_free(n, start, false, end);
    net_call(n, start, json_rule_object(n), end);
    net_call(n, start, rule_array(n), end);
    return rule;
}

int grammar_any_object(struct grammar **out, struct err *e)
{
    struct net n;
    int rc = net_init(&n, e);

    if (rc == 0) {
        uint32_t rule = json_rule_object(&n);
        rc = net_compile(&n, rule, out);
    }
    net_fini(&n);
    return rc;
}
