/* config_units.c: durations, sizes, counts of tokens, times of day and money as people write them in the file.
 *
 * Exact or refused: a value that does not fit its unit is not rounded, except where one currency becomes another. */
#include "base/mem.h"
#include "config/config_priv.h"

struct suffix {
    struct str name;
    int64_t factor;
};
/* clang-format off */
#define SUFFIX(name, factor) {{name, sizeof(name) - 1}, factor}
/* clang-format on */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the number at the front: digits and dots, which str_to_scaled judges. */
static struct str take_number(struct str *s)
{
    size_t n = 0;
    while (n < s->len && (is_digit(s->ptr[n]) || s->ptr[n] == '.'))
        n++;
    struct str number = str_slice(*s, 0, n);
    *s = str_skip(*s, n);
    while (s->len && s->ptr[0] == ' ')
        *s = str_skip(*s, 1);
    return number;
}

/* "1.5m" with {"m", 1000000}: the product must be whole. */
static bool to_scaled_unit(struct str s, const struct suffix *suffix, size_t suffix_count, int64_t *out)
{
    enum { DECIMALS = 6 };
    int64_t number;
    if (!str_to_scaled(take_number(&s), DECIMALS, &number))
        return false;
    for (size_t i = 0; i < suffix_count; i++) {
        if (!str_eq(s, suffix[i].name))
            continue;
        __int128 product = (__int128)number * suffix[i].factor;
        if (product % 1000000 || product / 1000000 > INT64_MAX)
            return false;
        *out = (int64_t)(product / 1000000);
        return true;
    }
    return false;
}

bool config_to_bytes(struct str s, int64_t *out)
{
    static const struct suffix units[] = {
        SUFFIX("", 1),          SUFFIX("B", 1),         SUFFIX("kB", 1000),
        SUFFIX("KB", 1000),     SUFFIX("MB", 1000000),  SUFFIX("GB", 1000000000),
        SUFFIX("KiB", 1 << 10), SUFFIX("MiB", 1 << 20), SUFFIX("GiB", 1 << 30),
    };
    return to_scaled_unit(s, units, COUNT_OF(units), out);
}

bool config_to_tokens(struct str s, int64_t *out)
{
    static const struct suffix units[] = {
        SUFFIX("", 1), SUFFIX("k", 1000), SUFFIX("K", 1000), SUFFIX("m", 1000000), SUFFIX("M", 1000000),
    };
    return to_scaled_unit(s, units, COUNT_OF(units), out);
}

/* A bare number is refused: 400 for "400 days" would throw a year of ledger away. */
bool config_to_duration_ms(struct str s, int64_t *out)
{
    int64_t us;
    if (s.len == 0 || is_digit(s.ptr[s.len - 1]) || s.ptr[s.len - 1] == '.')
        return false;
    if (!str_to_duration_us(s, &us) || us % 1000)
        return false;
    *out = us / 1000;
    return true;
}

/* "HH:MM" */
static bool to_hours_minutes(struct str s, int64_t *out)
{
    if (s.len != 5 || s.ptr[2] != ':')
        return false;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && !is_digit(s.ptr[i]))
            return false;
    int hour = (s.ptr[0] - '0') * 10 + s.ptr[1] - '0', minute = (s.ptr[3] - '0') * 10 + s.ptr[4] - '0';
    *out = hour * 60 + minute;
    return minute < 60;
}

bool config_to_minute(struct str s, int64_t *out)
{
    int64_t minute;
    if (!to_hours_minutes(s, &minute) || minute > 24 * 60)
        return false;
    *out = minute;
    return true;
}

bool config_to_offset_minutes(struct str s, int64_t *out)
{
    int64_t minutes = 0;
    bool signed_time = s.len == 6 && (s.ptr[0] == '+' || s.ptr[0] == '-') && to_hours_minutes(str_skip(s, 1), &minutes);
    if (!signed_time && !str_eq(s, STR("Z")))
        return false;
    *out = signed_time && s.ptr[0] == '-' ? -minutes : minutes;
    return true;
}

static int weekday(struct str s)
{
    static const struct str names[] = {{"sun", 3}, {"mon", 3}, {"tue", 3}, {"wed", 3},
                                       {"thu", 3}, {"fri", 3}, {"sat", 3}};
    for (int i = 0; i < 7; i++)
        if (str_eq(s, names[i]))
            return i;
    return -1;
}

bool config_to_weekdays(struct str s, unsigned *bits)
{
    unsigned found = 0;
    struct str rest = s, part;
    if (s.len == 0 || s.ptr[s.len - 1] == ',')
        return false;
    while (str_cut(&rest, ',', &part)) {
        part = str_trim(part);
        ptrdiff_t dash = str_find_char(part, '-');
        int from = weekday(dash < 0 ? part : str_slice(part, 0, (size_t)dash));
        int to = dash < 0 ? from : weekday(str_skip(part, (size_t)dash + 1));
        if (from < 0 || to < 0)
            return false;
        for (int day = from;; day = (day + 1) % 7) { /* fri-mon goes over the week's end */
            found |= 1u << day;
            if (day == to)
                break;
        }
    }
    *bits = found;
    return true;
}

static bool is_currency(struct str s)
{
    return s.len == 3 && s.ptr[0] >= 'A' && s.ptr[0] <= 'Z' && s.ptr[1] >= 'A' && s.ptr[1] <= 'Z' && s.ptr[2] >= 'A' &&
           s.ptr[2] <= 'Z';
}

int config_to_nusd(const struct config *c, struct str s, bool bare_usd, int64_t *out, struct str *currency)
{
    enum { NANO_DECIMALS = 9 };
    int64_t amount, rate = 0;
    struct str number = take_number(&s), usd = STR("USD");
    if (!str_to_scaled(number, NANO_DECIMALS, &amount))
        return ERR_INVALID;
    *currency = bare_usd && s.len == 0 ? usd : s;
    if (!is_currency(*currency))
        return ERR_INVALID;
    if (str_eq(*currency, usd)) {
        *out = amount;
        return 0;
    }
    for (int i = 0; i < c->fx_count; i++)
        if (str_eq(c->fx[i].currency, *currency))
            rate = c->fx[i].usd_scaled9;
    if (rate == 0)
        return ERR_NOT_FOUND;
    __int128 nusd = ((__int128)amount * rate + 500000000) / 1000000000;
    if (nusd > INT64_MAX)
        return ERR_LIMIT;
    *out = (int64_t)nusd;
    return 0;
}

int64_t config_reserve_ppm(struct str reserve)
{
    static const struct str for_whom = STR(" for interactive");
    int64_t ppm;
    if (str_ends(reserve, for_whom))
        reserve = str_slice(reserve, 0, reserve.len - for_whom.len);
    if (!reserve.len)
        return 0;
    if (!str_ends(reserve, STR("%")) || !str_to_scaled(str_slice(reserve, 0, reserve.len - 1), 4, &ppm))
        return -1;
    return ppm;
}
