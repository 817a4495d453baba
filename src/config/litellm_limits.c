/* litellm_limits.c: time limits, budgets, rates and prices of one world in those of the other. What has no exact counterpart
 * becomes the stricter one, and is told. */
#include "base/mem.h"
#include "config/litellm_priv.h"

static const int64_t hour_us = INT64_C(3600000000), day_us = 24 * INT64_C(3600000000);

int64_t litellm_seconds(struct litellm *im, const struct config_item *item)
{
    const int64_t ms_max = 24 * INT64_C(3600000); /* a day: the range of all of Hearth's time limits holds it */
    int64_t us;
    if (!item || item->value->kind != NODE_SCALAR)
        return 0;
    if (!str_to_duration_us(item->value->text, &us) || us < 1000) {
        litellm_note(im, LITELLM_LOST, item->key->mark, item->key->text, "is no number of seconds");
        return 0;
    }
    return us / 1000 > ms_max ? ms_max : us / 1000;
}

int64_t litellm_count(struct litellm *im, const struct config_item *item)
{
    int64_t n;
    if (!item || item->value->kind != NODE_SCALAR)
        return 0;
    if (str_to_scaled(item->value->text, 0, &n) && n >= 1)
        return n;
    litellm_note(im, LITELLM_LOST, item->key->mark, item->key->text, "is no whole number above zero");
    return 0;
}

/* "30d", "24h", "3mo", "1y", "monthly"; a bare number is seconds. */
static bool to_period_us(struct str s, int64_t *out)
{
    enum { COUNT_MAX = 5000 };
    static const struct {
        const char *word;
        int days;
    } words[] = {{"daily", 1}, {"weekly", 7}, {"monthly", 30}, {"yearly", 365}},
      units[] = {{"months", 30}, {"month", 30}, {"mo", 30},     {"weeks", 7},  {"week", 7}, {"w", 7},
                 {"days", 1},    {"day", 1},    {"years", 365}, {"year", 365}, {"yr", 365}, {"y", 365}};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (str_eq_fold(s, str_from(words[i].word))) {
            *out = words[i].days * day_us;
            return true;
        }
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        struct str unit = str_from(units[i].word);
        int64_t n;
        if (!str_ends(s, unit) || !str_to_i64(str_trim(str_slice(s, 0, s.len - unit.len)), &n) || n < 1 ||
            n > COUNT_MAX)
            continue;
        *out = n * units[i].days * day_us;
        return true;
    }
    return str_to_duration_us(s, out) && *out > 0;
}

bool litellm_days(const struct config_node *n, int64_t *days)
{
    int64_t us;
    if (n->kind != NODE_SCALAR || !to_period_us(n->text, &us))
        return false;
    *days = us / day_us + (us % day_us != 0);
    return true;
}

/* Sets the window that holds at least as well: the next longer one with the same amount, or the month's share of one that
 * is longer than a month. */
static void set_budget(struct litellm *im, struct config_mark at, const char *key, int64_t nusd, struct str period,
                       int64_t budget[3])
{
    static const char *const names[] = {"hour", "day", "month"};
    int64_t us = 0, length[] = {hour_us, day_us, 30 * day_us};
    int window = 0;
    if (!to_period_us(period, &us)) {
        if (period.len)
            litellm_note(im, LITELLM_DIFFERENT, at, str_from(key),
                         "%s is no time that this importer can read: here it is the month's",
                         config_quoted(period).text);
        else
            litellm_note(im, LITELLM_DIFFERENT, at, str_from(key),
                         "a budget without a time that ends never opens again in LiteLLM; here it is the month's");
        us = 30 * day_us;
    }
    if (us > day_us && us / day_us <= 31 && us > 30 * day_us)
        us = 30 * day_us;
    while (window < 2 && us > length[window])
        window++;
    if (us > length[window])
        nusd = (int64_t)((__int128)nusd * length[window] / us);
    if (us != length[window])
        litellm_note(im, LITELLM_STRICTER, at, str_from(key),
                     "windows are an hour, a day or a month: this is a budget per %s now, at least as strict",
                     names[window]);
    else
        litellm_note(im, LITELLM_STRICTER, at, str_from(key),
                     "a call whose worst case does not fit is not made; LiteLLM looked afterwards");
    budget[window] = budget[window] < 0 || nusd < budget[window] ? nusd : budget[window];
}

void litellm_budget(struct litellm *im, const struct litellm_deployment *d, struct litellm_upstream *u)
{
    const struct config_item *i = litellm_item(d->params, "max_budget");
    int64_t nusd;
    if (!i || i->value->kind != NODE_SCALAR)
        return;
    if (!str_to_scaled(i->value->text, 9, &nusd)) {
        litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text, "is no amount of dollars");
        return;
    }
    set_budget(im, i->key->mark, "max_budget", nusd, litellm_text(d->params, "budget_duration"), u->budget_nusd);
}

static int64_t a_minute(struct litellm *im, const struct litellm_deployment *d, const char *key, int64_t most)
{
    const struct config_item *i = litellm_item(d->params, key);
    int64_t n = 0;
    if (!i || i->value->kind != NODE_SCALAR)
        return 0;
    if (str_to_i64(i->value->text, &n) && n >= 1 && n <= most)
        return n;
    litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text, "is no number from 1 to %lld: there is no such limit here", (long long)most);
    return 0;
}

/* Theirs is the limit of an entry, ours that of an upstream: each model that has one gets an upstream of its own. */
void litellm_rates(struct litellm *im, const struct litellm_deployment *d, struct litellm_upstream *u)
{
    u->rpm = a_minute(im, d, "rpm", 1000000);
    u->tpm = a_minute(im, d, "tpm", INT64_C(1000000000));
    if (u->rpm || u->tpm)
        u->limited = d->model;
}

static int upstreams_of(const struct litellm *im, struct str provider)
{
    int n = 0;
    for (const struct litellm_upstream *u = im->upstream; u; u = u->next)
        n += str_eq(u->provider, provider);
    return n;
}

static void take_smaller(const int64_t budget[3], struct litellm_upstream *u)
{
    for (int k = 0; k < 3; k++)
        if (budget[k] >= 0 && (u->budget_nusd[k] < 0 || budget[k] < u->budget_nusd[k]))
            u->budget_nusd[k] = budget[k];
}

/* provider_budget_config: { openai: { budget_limit: 10, time_period: 1d } } */
static void provider_budget(struct litellm *im, const struct config_item *i)
{
    struct str amount = litellm_text(i->value, "budget_limit"), period = litellm_text(i->value, "time_period");
    int64_t nusd, budget[3] = {-1, -1, -1};
    if (!amount.len)
        amount = litellm_text(i->value, "max_budget");
    if (!period.len)
        period = litellm_text(i->value, "budget_duration");
    int n = upstreams_of(im, i->key->text);
    if (n == 0 || !str_to_scaled(amount, 9, &nusd)) {
        litellm_note(im, LITELLM_LOST, i->key->mark, STR("provider_budget_config"),
                     "no upstream of this provider, or no amount of dollars");
        return;
    }
    if (n > 1)
        litellm_note(im, LITELLM_STRICTER, i->key->mark, STR("provider_budget_config"),
                     "its %d upstreams share it in equal parts", n);
    set_budget(im, i->key->mark, "provider_budget_config", nusd / n, period, budget);
    for (struct litellm_upstream *u = im->upstream; u; u = u->next)
        if (str_eq(u->provider, i->key->text))
            take_smaller(budget, u);
}

/* Under a budget every call to a model without a known price would be refused. */
static bool is_all_priced(const struct litellm *im, const struct litellm_upstream *u)
{
    bool priced = false;
    for (const struct litellm_deployment *d = im->deployment; d; d = d->next) {
        if (d->up != u)
            continue;
        if (d->wildcard) { /* of a vendor in the table of models; for the others it is told */
            priced = priced || u->vendor.len;
            continue;
        }
        if (!d->priced && (d->price[0] == INT64_MIN || d->price[3] == INT64_MIN))
            return false;
        priced = true;
    }
    return priced;
}

/* litellm_settings.max_budget: what all calls together may cost. It becomes equal parts of the upstreams that cost money. */
static void whole_budget(struct litellm *im)
{
    const struct config_item *i = litellm_item(im->settings, "max_budget");
    int64_t nusd, budget[3] = {-1, -1, -1};
    int n = 0;
    if (!i)
        return;
    for (const struct litellm_upstream *u = im->upstream; u; u = u->next)
        n += !u->home && is_all_priced(im, u);
    if (n == 0 || i->value->kind != NODE_SCALAR || !str_to_scaled(i->value->text, 9, &nusd)) {
        litellm_note(im, LITELLM_LOST, i->key->mark, STR("litellm_settings.max_budget"), "%s",
                     n ? "is no amount of dollars" : "there is no upstream whose models all have a known price");
        return;
    }
    litellm_note(im, LITELLM_STRICTER, i->key->mark, STR("litellm_settings.max_budget"),
                 "there is no budget of the whole: %d upstream%s it, in equal parts", n, n == 1 ? " has" : "s share");
    set_budget(im, i->key->mark, "litellm_settings.max_budget", nusd / n, litellm_text(im->settings, "budget_duration"),
               budget);
    for (struct litellm_upstream *u = im->upstream; u; u = u->next)
        if (!u->home && is_all_priced(im, u))
            take_smaller(budget, u);
        else if (!u->home)
            litellm_note(im, LITELLM_LOST, i->key->mark, u->name,
                         "has no part of max_budget: a model of it has no known price, and all its calls would be "
                         "refused. Write its prices, and a `budget`");
}

void litellm_shared_budgets(struct litellm *im)
{
    const struct config_item *map = litellm_setting(im, "provider_budget_config");
    for (const struct config_item *i = map && map->value->kind == NODE_MAP ? map->value->first : NULL; i; i = i->next)
        provider_budget(im, i);
    whole_budget(im);
}

/* --- prices -------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Dollars per token, as people write them (0.00000015, 1.5e-07): times 10^15 that is nano-dollars per million. Digits
 * beyond that are far below what anybody pays and are left off. */
bool litellm_price(struct str text, int64_t *nusd_mtok)
{
    enum { SCALE = 15 };
    int64_t value = 0, exponent = 0;
    int decimals = 0;
    size_t i = 0, digits = 0;
    bool point = false;
    for (; i < text.len && (is_digit(text.ptr[i]) || (text.ptr[i] == '.' && !point)); i++) {
        if (text.ptr[i] == '.') {
            point = true;
            continue;
        }
        digits++;
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text.ptr[i] - '0', &value) ||
            digits > 40)
            return false;
        decimals += point;
    }
    if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E')) {
        struct str rest = str_skip(text, i + 1);
        bool negative = rest.len && rest.ptr[0] == '-';
        if (rest.len && (rest.ptr[0] == '-' || rest.ptr[0] == '+'))
            rest = str_skip(rest, 1);
        if (!str_to_i64(rest, &exponent) || exponent > 60)
            return false;
        exponent = negative ? -exponent : exponent;
        i = text.len;
    }
    if (digits == 0 || i != text.len)
        return false;
    for (exponent += SCALE - decimals; exponent > 0 && value; exponent--)
        if (__builtin_mul_overflow(value, 10, &value))
            return false;
    for (; exponent < 0 && value; exponent++)
        value /= 10;
    if (value > INT64_C(100000) * 1000000000) /* the most that `prices` takes */
        return false;
    *nusd_mtok = value;
    return true;
}

void litellm_prices(struct litellm *im, struct litellm_deployment *d, bool keep)
{
    static const char *const keys[] = {"input_cost_per_token", "cache_read_input_token_cost",
                                       "cache_creation_input_token_cost", "output_cost_per_token"};
    for (size_t k = 0; k < COUNT_OF(keys); k++) {
        const struct config_item *i = litellm_item(d->params, keys[k]);
        if (!i)
            i = litellm_item(d->info, keys[k]);
        if (!i || i->value->kind != NODE_SCALAR)
            continue;
        if (!keep)
            litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text,
                         "it was the price of the retired model; the successor has its own");
        else if (!litellm_price(i->value->text, &d->price[k]))
            litellm_note(im, LITELLM_LOST, i->key->mark, i->key->text, "is no price per token");
    }
}
