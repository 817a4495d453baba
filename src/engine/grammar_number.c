/* grammar_number.c: numbers between two bounds, compared digit by digit in decimal, so that nothing is rounded.
 *
 * For each length of the part before the point there is a grid of states: how many digits were written, and whether they are so far
 * the same as the lower bound's (`low`) and the upper one's (`high`). Once they differ the right way, that bound no longer matters. */
#include "engine/grammar_priv.h"

enum { DIGITS_MAX = 18 };

struct decimal { /* not negative */
    uint8_t digit[2 * DIGITS_MAX]; /* of the whole part, without leading zeros (but "0"), then of the fraction */
    int whole, fraction;
    bool none; /* no bound */
};

struct interval {
    struct decimal low, high;
    bool low_out, high_out;
    bool integer;
};

/* "-12.5e1" as sign and digits; false when it has more digits than are compared. */
static bool decimal_read(struct str text, struct decimal *d, bool *negative)
{
    int64_t exponent = 0;
    uint8_t digit[64];
    int count = 0, point = -1;
    size_t i = 0;

    *negative = text.len > 0 && text.ptr[0] == '-';
    for (i = *negative; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        if (text.ptr[i] == '.') {
            point = count;
            continue;
        }
        if (count == 64)
            return false;
        digit[count++] = (uint8_t)(text.ptr[i] - '0');
    }
    if (i < text.len) {
        struct str e = str_skip(text, i + 1);
        if (e.len > 1 && e.ptr[0] == '+')
            e = str_skip(e, 1);
        if (!str_to_i64(e, &exponent) || exponent < -64 || exponent > 64)
            return false;
    }
    int whole = (point < 0 ? count : point) + (int)exponent, lead = 0;
    while (lead < count && digit[lead] == 0)
        lead++;
    while (count > lead && digit[count - 1] == 0)
        count--;
    *d = (struct decimal){0};
    if (lead == count) { /* zero */
        d->whole = 1;
        *negative = false;
        return true;
    }
    d->whole = whole - lead > 0 ? whole - lead : 1;
    if (d->whole > DIGITS_MAX)
        return false;
    /* digit[k] stands `whole - k` places before the point */
    int shift = d->whole - whole;
    for (int k = lead; k < count; k++) {
        int at = k + shift;
        if (at < 0 || at >= d->whole + DIGITS_MAX)
            return false;
        d->digit[at] = digit[k];
        d->fraction = at >= d->whole ? at - d->whole + 1 : 0;
    }
    return true;
}

static uint8_t digit_at(const struct decimal *d, int at)
{
    return at < d->whole + d->fraction ? d->digit[at] : 0;
}

static bool zeros_from(const struct decimal *d, int at)
{
    for (; at < d->whole + d->fraction; at++) {
        if (d->digit[at])
            return false;
    }
    return true;
}

/* May the number end here, as if zeros followed? */
static bool may_end(const struct interval *v, int at, bool low, bool high)
{
    if (low && !(zeros_from(&v->low, at) && !v->low_out))
        return false;
    return !high || !zeros_from(&v->high, at) || !v->high_out;
}

/* The grid for numbers with `whole` digits before the point. */
static void grid(struct net *n, uint32_t from, const struct interval *v, int whole, bool low_tight, bool high_tight, uint32_t to)
{
    uint32_t cell[2 * DIGITS_MAX + 1][2][2] = {0}, point[2][2] = {0};
    int last = v->integer ? whole : whole + DIGITS_MAX;

    cell[0][low_tight][high_tight] = from;
    for (int at = 0; at <= last; at++) {
        for (int tight = 0; tight < 4; tight++) {
            bool low = tight & 1, high = tight & 2;
            uint32_t here = cell[at][low][high];
            if (at == whole && here && !v->integer) { /* a point, then at least one digit */
                if (!point[low][high])
                    point[low][high] = net_state(n);
                net_byte(n, here, '.', '.', point[low][high]);
            }
            if (here && at >= whole && may_end(v, at, low, high))
                net_empty(n, here, to);
            if (at == whole)
                here = point[low][high];
            if (!here || at == last)
                continue;
            int a = low ? digit_at(&v->low, at) : 0, b = high ? digit_at(&v->high, at) : 9;
            for (int d = at == 0 && whole > 1 && a == 0 ? 1 : a; d <= b; d++) {
                uint32_t *next = &cell[at + 1][low && d == a][high && d == b];
                if (!*next)
                    *next = net_state(n);
                net_byte(n, here, (uint8_t)('0' + d), (uint8_t)('0' + d), *next);
            }
        }
    }
}

/* low <= x <= high, all of them not negative. Two equal bounds of one length share their digits, each in its own flag. */
static void magnitudes(struct net *n, uint32_t from, const struct interval *v, uint32_t to)
{
    for (int whole = 1; whole <= DIGITS_MAX; whole++) {
        if (v->low.whole > whole || (!v->high.none && v->high.whole < whole))
            continue;
        grid(n, from, v, whole, v->low.whole == whole, !v->high.none && v->high.whole == whole, to);
    }
}

static const struct decimal ZERO = {.whole = 1}, NO_BOUND = {.none = true};

int number_build(struct net *n, uint32_t from, const struct number_bounds *b, bool integer, uint32_t to, const char **why)
{
    struct decimal low = NO_BOUND, high = NO_BOUND;
    bool low_negative = true, high_negative = false;

    if ((b->low.ptr && !decimal_read(b->low, &low, &low_negative)) || (b->high.ptr && !decimal_read(b->high, &high, &high_negative))) {
        *why = "bounds have at most 18 digits before the point and 18 after it";
        return ERR_UNSUPPORTED;
    }
    if (!high_negative) { /* 0 or more: from the lower bound, or from 0 when that is below */
        struct interval v = {.low = low_negative ? ZERO : low, .high = high, .low_out = !low_negative && b->low_out,
                             .high_out = b->high_out, .integer = integer};
        magnitudes(n, from, &v, to);
    }
    if (low_negative) { /* below 0, with the bounds' parts changed */
        uint32_t minus = net_state(n);
        struct interval v = {.low = high_negative ? high : ZERO, .high = low, .low_out = !high_negative || b->high_out,
                             .high_out = b->low_out, .integer = integer};
        net_byte(n, from, '-', '-', minus);
        magnitudes(n, minus, &v, to);
    }
    return 0;
}
