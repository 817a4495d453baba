/* json_number.c: JSON numbers: their grammar, and their value as a 64-bit integer or a double. */
#define HEARTH_BASE_IMPLEMENTATION
#include "base/json.h"
#include "base/json_priv.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>

static inline bool is_digit(const char *p, const char *end)
{
    return p < end && (unsigned char)(*p - '0') < 10;
}

static inline const char *digits(const char *p, const char *end)
{
    while (is_digit(p, end))
        p++;
    return p;
}

const char *json_number_end(const char *p, const char *end)
{
    if (p < end && *p == '-')
        p++;
    if (!is_digit(p, end))
        return NULL;
    p = *p == '0' ? p + 1 : digits(p, end); /* in 012, the number ends behind the 0 */
    if (p < end && *p == '.') {
        if (!is_digit(++p, end))
            return NULL;
        p = digits(p, end);
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        if (!is_digit(p, end))
            return NULL;
        p = digits(p, end);
    }
    return p;
}

static bool is_number(struct str raw)
{
    return raw.len > 0 && json_number_end(raw.ptr, raw.ptr + raw.len) == raw.ptr + raw.len;
}

/* A number as (-1)^negative * value * 10^exponent, `value` without trailing zeros. */
struct decimal {
    bool negative, too_long; /* more significant digits than 64 bits hold */
    uint64_t value;
    int64_t exponent;
};

static void decimal_digit(struct decimal *d, unsigned digit, int64_t *zeros)
{
    if (digit == 0) {
        ++*zeros; /* counts only if another digit follows */
        return;
    }
    for (; *zeros >= 0 && !d->too_long; --*zeros)
        d->too_long = d->value != 0 && __builtin_mul_overflow(d->value, 10, &d->value);
    *zeros = 0;
    d->too_long = d->too_long || __builtin_add_overflow(d->value, digit, &d->value);
}

/* The exponent that is written behind the 'e'; one that is out of all proportion stays so. */
static int64_t written_exponent(const char *p, const char *end)
{
    enum { OUT_OF_PROPORTION = 1 << 30 }; /* no number on one line has as many digits to make up for it */
    bool negative = *p == '-';
    int64_t exponent = 0;

    if (*p == '-' || *p == '+')
        p++;
    for (; p < end && exponent < OUT_OF_PROPORTION; p++)
        exponent = exponent * 10 + (*p - '0');
    return negative ? -exponent : exponent;
}

static struct decimal decimal_read(struct str raw)
{
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    struct decimal d = {.negative = *p == '-'};
    int64_t zeros = 0;
    bool fraction = false;

    for (p += d.negative; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        decimal_digit(&d, (unsigned)(*p - '0'), &zeros);
        d.exponent -= fraction;
    }
    d.exponent += zeros;
    if (p < end)
        d.exponent += written_exponent(p + 1, end);
    return d;
}

bool json_to_i64(struct str raw, int64_t *out)
{
    if (!is_number(raw))
        return false;
    struct decimal d = decimal_read(raw);
    if (d.too_long)
        return false;
    if (d.value == 0) {
        *out = 0;
        return true;
    }
    if (d.exponent < 0 || d.exponent > 18)
        return false;
    for (; d.exponent > 0; d.exponent--) {
        if (__builtin_mul_overflow(d.value, 10, &d.value))
            return false;
    }
    if (d.value > (uint64_t)INT64_MAX + d.negative)
        return false;
    *out = d.negative ? (int64_t)(0 - d.value) : (int64_t)d.value;
    return true;
}

/* strtod wants a terminated copy and follows the locale; the program never leaves the "C" locale. */
bool json_to_double(struct str raw, double *out)
{
    char few[64], *text = few;

    if (!is_number(raw))
        return false;
    if (raw.len >= sizeof(few) && !(text = mem_alloc(raw.len + 1)))
        return false;
    memcpy(text, raw.ptr, raw.len);
    text[raw.len] = '\0';
    double value = strtod(text, NULL);
    if (text != few)
        mem_free(text);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}
