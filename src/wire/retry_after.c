/* retry_after.c: how long a vendor asks us to wait: response headers and sentences in error messages; see wire.h. */
#include "base/clock.h"
#include "wire/failure_priv.h"

enum { US_PER_MS = 1000 };

/* Up, so that we are not back a moment too early. */
static int64_t ms_from_us(int64_t us)
{
    return us / US_PER_MS + (us % US_PER_MS > 0);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* --- headers ------------------------------------------------------------------------------------------------------ */

/* Seconds, decimals too, or a span with units ("2m59.56s"). Decimals below a microsecond, which servers written in Go
 * send, are left out. */
static int64_t read_span(struct str value)
{
    char kept[64];
    size_t n = 0, decimals = 0;
    bool behind_dot = false;
    if (value.len > sizeof kept)
        return -1;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        behind_dot = c == '.' || (behind_dot && is_digit(c));
        decimals = behind_dot && c != '.' ? decimals + 1 : 0;
        if (decimals <= 6)
            kept[n++] = c;
    }
    int64_t us;
    return str_to_duration_us(str_of(kept, n), &us) ? ms_from_us(us) : -1;
}

static int64_t read_retry_after(struct str value, int64_t wall_ms)
{
    int64_t date_ms;
    if (civil_parse_http(value, &date_ms))
        return date_ms > wall_ms ? date_ms - wall_ms : 0;
    return read_span(value);
}

/* A moment as Unix milliseconds (OpenRouter) or seconds, or a span like its siblings with a suffix. */
static int64_t read_reset(struct str value, int64_t wall_ms)
{
    const int64_t span_max_s = 1000000000; /* a bare number above it is a moment after 2001 */
    const int64_t moment_max_s = 100000000000;
    int64_t n;
    if (!str_to_i64(value, &n) || n < span_max_s)
        return read_span(value);
    int64_t moment_ms = n < moment_max_s ? n * 1000 : n;
    return moment_ms > wall_ms ? moment_ms - wall_ms : 0;
}

int64_t retry_after_read(struct str name_lower, struct str value, int64_t wall_ms)
{
    int64_t us;
    value = str_trim(value);
    if (str_eq(name_lower, STR("retry-after")))
        return read_retry_after(value, wall_ms);
    if (str_eq(name_lower, STR("retry-after-ms")))
        return str_to_scaled(value, 3, &us) ? ms_from_us(us) : -1;
    if (str_eq(name_lower, STR("x-ratelimit-reset")))
        return read_reset(value, wall_ms);
    if (str_starts(name_lower, STR("x-ratelimit-reset-")))
        return read_span(value);
    return -1;
}

/* --- sentences ---------------------------------------------------------------------------------------------------- */

/* Longest first where one is the beginning of another. */
static const struct {
    struct str name;
    int64_t us;
} units[] = {
    {STR("milliseconds"), 1000}, {STR("millisecond"), 1000}, {STR("ms"), 1000},         {STR("seconds"), 1000000},
    {STR("second"), 1000000},    {STR("secs"), 1000000},     {STR("sec"), 1000000},     {STR("s"), 1000000},
    {STR("minutes"), 60000000},  {STR("minute"), 60000000},  {STR("mins"), 60000000},   {STR("min"), 60000000},
    {STR("m"), 60000000},        {STR("hours"), 3600000000}, {STR("hour"), 3600000000}, {STR("h"), 3600000000},
    {STR("days"), 86400000000},  {STR("day"), 86400000000},  {STR("d"), 86400000000},
};

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The unit that stands at the start, 0 if none does; *len is what it takes. */
static int64_t unit_at(struct str s, size_t *len)
{
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        size_t n = units[i].name.len;
        if (str_starts_fold(s, units[i].name) && (s.len == n || !is_letter(s.ptr[n]))) {
            *len = n;
            return units[i].us;
        }
    }
    return 0;
}

/* A number of at most nine digits, millionths of it in *out; a dot that ends a sentence is not part of it. */
static bool take_number(struct str *s, int64_t *out)
{
    size_t n = 0;
    while (n < s->len && n < 16 &&
           (is_digit(s->ptr[n]) || (s->ptr[n] == '.' && n + 1 < s->len && is_digit(s->ptr[n + 1]))))
        n++;
    struct str number = str_slice(*s, 0, n), whole;
    struct str rest = number;
    if (!str_cut(&rest, '.', &whole) || whole.len > 9 ||
        !str_to_scaled(number.len > whole.len + 7 ? str_slice(number, 0, whole.len + 7) : number, 6, out))
        return false;
    *s = str_skip(*s, n);
    return true;
}

/* "7.66s", "1m26.4s", "20 minutes", "5" (seconds). */
static int64_t read_words(struct str s)
{
    int64_t total_us = -1, millionths;
    while (take_number(&s, &millionths)) {
        struct str behind = s.len && s.ptr[0] == ' ' ? str_skip(s, 1) : s;
        size_t len = 0;
        int64_t unit = unit_at(behind, &len);
        if (unit == 0)
            return ms_from_us(total_us < 0 ? millionths : total_us);
        total_us = (total_us < 0 ? 0 : total_us) + (int64_t)((__int128)millionths * unit / 1000000);
        s = str_skip(behind, len);
    }
    return total_us < 0 ? -1 : ms_from_us(total_us);
}

int64_t retry_in_text(struct str text)
{
    static const struct str leads[] = {STR("try again in "), STR("try again after "), STR("retry in "),
                                       STR("retry after ")};
    for (size_t at = 0; at < text.len; at++) {
        for (size_t i = 0; i < COUNT_OF(leads); i++) {
            struct str rest = str_skip(text, at);
            int64_t ms = str_starts_fold(rest, leads[i]) ? read_words(str_skip(rest, leads[i].len)) : -1;
            if (ms >= 0)
                return ms;
        }
    }
    return -1;
}
