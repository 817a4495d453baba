/* plan_signal.c: reading what providers say of their plans. One family of headers per provider, each a small table; the
 * shapes of quota endpoints are told apart by a member that only one of them has. */
#include "wire/plan_signal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum { PPM = 1000000, SECOND_MS = 1000, MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MS = 86400000 };

void plan_signal_init(struct plan_signal *s)
{
    *s = (struct plan_signal){.wait_ms = -1};
}

const char *plan_status_name(enum plan_status s)
{
    static const char *const names[] = {
        [PLAN_UNSAID] = "unknown", [PLAN_ALLOWED] = "allowed", [PLAN_WARNING] = "allowed_warning", [PLAN_REJECTED] = "rejected"};
    return names[s];
}

/* --- values ----------------------------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A decimal number times `scale`, cut behind its millionth part; -1 for a sign, an exponent or anything else. */
static int64_t read_scaled(struct str s, int64_t scale)
{
    int64_t whole = 0, part = 0, unit = PPM;
    size_t i = 0;
    s = str_trim(s);
    for (; i < s.len && is_digit(s.ptr[i]); i++)
        if ((whole = whole * 10 + (s.ptr[i] - '0')) > PLAN_USED_MAX)
            return -1;
    if (i < s.len && s.ptr[i] == '.')
        for (i++; i < s.len && is_digit(s.ptr[i]); i++)
            if (unit > 1)
                part += (s.ptr[i] - '0') * (unit /= 10);
    if (i != s.len || s.len == 0 || str_eq(s, STR(".")))
        return -1;
    int64_t n = whole * scale + (int64_t)((__int128)part * scale / PPM);
    return n <= PLAN_USED_MAX ? n : -1;
}

static int64_t read_fraction(struct str s)
{
    return read_scaled(s, PPM);
}

static int64_t read_percent(struct str s)
{
    return read_scaled(s, PPM / 100);
}

/* Between 2001 and 2100, or it is no moment. */
static int64_t sane_moment(int64_t ms)
{
    const int64_t first = 1000000000000, last = 4102444800000;
    return ms >= first && ms < last ? ms : 0;
}

static bool two_digits(struct str s, size_t at, int *out)
{
    if (at + 2 > s.len || !is_digit(s.ptr[at]) || !is_digit(s.ptr[at + 1]))
        return false;
    *out = (s.ptr[at] - '0') * 10 + (s.ptr[at + 1] - '0');
    return true;
}

/* "Z", "+02:00", "-0530" or nothing. */
static bool read_zone(struct str s, int64_t *offset_ms)
{
    int hours, minutes = 0;
    *offset_ms = 0;
    if (s.len == 0 || str_eq_fold(s, STR("z")))
        return true;
    bool west = s.ptr[0] == '-';
    if ((!west && s.ptr[0] != '+') || !two_digits(s, 1, &hours))
        return false;
    size_t at = s.len > 3 && s.ptr[3] == ':' ? 4 : 3;
    if (s.len != at && (s.len != at + 2 || !two_digits(s, at, &minutes)))
        return false;
    *offset_ms = (hours * 60 + minutes) * (int64_t)MINUTE_MS * (west ? -1 : 1);
    return hours <= 14 && minutes < 60;
}

bool plan_read_iso(struct str s, int64_t *wall_ms)
{
    struct civil c = {0};
    int century, year;
    s = str_trim(s);
    if (s.len < 19 || !two_digits(s, 0, &century) || !two_digits(s, 2, &year) || s.ptr[4] != '-' || !two_digits(s, 5, &c.month) ||
        s.ptr[7] != '-' || !two_digits(s, 8, &c.day) || (s.ptr[10] != 'T' && s.ptr[10] != ' ') || !two_digits(s, 11, &c.hour) ||
        s.ptr[13] != ':' || !two_digits(s, 14, &c.minute) || s.ptr[16] != ':' || !two_digits(s, 17, &c.second))
        return false;
    c.year = century * 100 + year;
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31 || c.hour > 23 || c.minute > 59 || c.second > 60)
        return false;
    size_t at = 19;
    if (at < s.len && s.ptr[at] == '.')
        for (at++; at < s.len && is_digit(s.ptr[at]);)
            at++;
    int64_t offset_ms;
    if (!read_zone(str_skip(s, at), &offset_ms))
        return false;
    *wall_ms = civil_to_ms(&c) - offset_ms;
    return true;
}

/* Unix seconds, Unix milliseconds, or ISO 8601; 0 when it says no moment. */
static int64_t read_moment(struct str s)
{
    const int64_t seconds_max = 100000000000; /* as seconds the year 5138, as milliseconds 1973 */
    int64_t n, ms = 0;
    s = str_trim(s);
    ptrdiff_t dot = str_find_char(s, '.');
    if (str_to_i64(s, &n) || (dot > 0 && s.len < 32 && str_to_i64(str_slice(s, 0, (size_t)dot), &n)))
        ms = n > 0 && n < seconds_max ? n * SECOND_MS : n;
    else if (!plan_read_iso(s, &ms))
        return 0;
    return sane_moment(ms);
}

static enum plan_status read_status(struct str s)
{
    s = str_trim(s);
    if (str_eq_fold(s, STR("allowed")))
        return PLAN_ALLOWED;
    if (str_eq_fold(s, STR("allowed_warning")))
        return PLAN_WARNING;
    return str_eq_fold(s, STR("rejected")) ? PLAN_REJECTED : PLAN_UNSAID;
}

/* --- names ------------------------------------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* [0-9a-z_]+ that fits, in lower case; false on anything else. */
static bool read_name(struct str s, char *out, size_t room)
{
    if (s.len == 0 || s.len >= room)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = lower(s.ptr[i]);
        if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '_')
            return false;
        out[i] = c;
    }
    out[s.len] = '\0';
    return true;
}

/* The provider's long names for what its headers name by the span. */
static const struct {
    struct str name, as;
} long_names[] = {
    {STR("seven_day_overage_included"), STR("7d_oi")},
    {STR("five_hour"), STR("5h")},
    {STR("seven_day"), STR("7d")},
};

/* "seven_day_opus" -> "7d_opus" */
static bool read_long_name(struct str s, char *out, size_t room)
{
    char whole[64], known[80];
    if (!read_name(s, whole, sizeof whole))
        return false;
    s = str_from(whole);
    for (size_t i = 0; i < COUNT_OF(long_names); i++) {
        struct str class = str_skip(s, long_names[i].name.len);
        if (!str_starts(s, long_names[i].name) || (class.len && class.ptr[0] != '_'))
            continue;
        text_format(known, sizeof known, "%.*s%.*s", STR_FMT(long_names[i].as), STR_FMT(class));
        return read_name(str_from(known), out, room);
    }
    return read_name(s, out, room);
}

int64_t plan_name_span_ms(struct str name)
{
    size_t digits = 0;
    int64_t n = 0;
    while (digits < name.len && digits < 4 && is_digit(name.ptr[digits]))
        n = n * 10 + (name.ptr[digits++] - '0');
    if (digits == 0 || digits == name.len || (name.len > digits + 1 && name.ptr[digits + 1] != '_'))
        return 0;
    switch (name.ptr[digits]) {
    case 'm': return n * MINUTE_MS;
    case 'h': return n * HOUR_MS;
    case 'd': return n * DAY_MS;
    case 'w': return n * 7 * DAY_MS;
    }
    return 0;
}

static void name_span(struct plan_window_signal *w, int64_t span_ms)
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{DAY_MS, 'd'}, {HOUR_MS, 'h'}, {MINUTE_MS, 'm'}};
    w->span_ms = span_ms;
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (span_ms % units[i].ms == 0) {
            text_format(w->name, sizeof w->name, "%lld%c", (long long)(span_ms / units[i].ms), units[i].unit);
            return;
        }
}

const struct plan_window_signal *plan_signal_window(const struct plan_signal *s, struct str name)
{
    for (int i = 0; i < s->window_count; i++)
        if (str_eq(str_from(s->window[i].name), name))
            return &s->window[i];
    return NULL;
}

/* NULL when there are too many. */
static struct plan_window_signal *window_of(struct plan_signal *s, const char *name)
{
    for (int i = 0; i < s->window_count; i++)
        if (str_eq(str_from(s->window[i].name), str_from(name)))
            return &s->window[i];
    if (s->window_count == PLAN_WINDOWS_MAX)
        return NULL;
    struct plan_window_signal *w = &s->window[s->window_count++];
    *w = (struct plan_window_signal){.used_ppm = -1, .span_ms = plan_name_span_ms(str_from(name))};
    text_format(w->name, sizeof w->name, "%s", name);
    return w;
}

/* --- Claude: anthropic-ratelimit-unified-* ------------------------------------------------------------------------------ */

static void overage_field(struct plan_signal *s, struct str field, struct str value)
{
    value = str_trim(value);
    if (str_eq_fold(field, STR("status")))
        s->overage = read_status(value);
    else if (str_eq_fold(field, STR("in-use")))
        s->overage_in_use = str_eq_fold(value, STR("true")) || str_eq(value, STR("1"));
    else if (str_eq_fold(field, STR("disabled-reason")) && !read_name(value, s->overage_reason, sizeof s->overage_reason))
        s->overage_reason[0] = '\0';
}

/* 5h-status, 7d_oi-reset. What else there is (-surpassed-threshold) makes no window of its own. */
static void window_field(struct plan_signal *s, struct str window, struct str field, struct str value)
{
    char name[PLAN_NAME_BYTES];
    bool status = str_eq_fold(field, STR("status")), reset = str_eq_fold(field, STR("reset"));
    if (!(status || reset || str_eq_fold(field, STR("utilization"))) || !read_name(window, name, sizeof name))
        return;
    struct plan_window_signal *w = window_of(s, name);
    if (!w)
        return;
    if (status)
        w->status = read_status(value);
    else if (reset)
        w->reset_ms = read_moment(value);
    else
        w->used_ppm = read_fraction(value);
}

static void unified(struct plan_signal *s, struct str rest, struct str value)
{
    ptrdiff_t dash = str_find_char(rest, '-');
    s->unified = true;
    if (str_eq_fold(rest, STR("status")))
        s->status = read_status(value);
    else if (str_eq_fold(rest, STR("reset")))
        s->reset_ms = read_moment(value);
    else if (str_eq_fold(rest, STR("representative-claim")) && !read_long_name(str_trim(value), s->claim, sizeof s->claim))
        s->claim[0] = '\0';
    if (dash <= 0)
        return;
    struct str head = str_slice(rest, 0, (size_t)dash), field = str_skip(rest, (size_t)dash + 1);
    if (str_eq_fold(head, STR("overage")))
        overage_field(s, field, value);
    else if (!str_eq_fold(head, STR("fallback")) && !str_eq_fold(head, STR("upgrade")))
        window_field(s, head, field, value);
}

/* --- Codex: x-codex-primary-*, x-codex-secondary-* ----------------------------------------------------------------------- */

static void codex(struct plan_signal *s, struct str rest, struct str value)
{
    static const struct str places[] = {STR("primary"), STR("secondary")};
    int64_t n;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        if (!str_starts_fold(rest, places[i]) || rest.len <= places[i].len || rest.ptr[places[i].len] != '-')
            continue;
        struct str field = str_skip(rest, places[i].len + 1);
        bool used = str_eq_fold(field, STR("used-percent")), minutes = str_eq_fold(field, STR("window-minutes"));
        if (!used && !minutes && !str_eq_fold(field, STR("reset-at")))
            return;
        struct plan_window_signal *w = window_of(s, places[i].ptr);
        if (!w)
            return;
        if (used)
            w->used_ppm = read_percent(value);
        else if (!minutes)
            w->reset_ms = read_moment(value);
        else if (str_to_i64(str_trim(value), &n) && n > 0 && n <= 366 * 24 * 60)
            w->span_ms = n * MINUTE_MS;
        return;
    }
}

void plan_signal_header(struct plan_signal *s, struct str name, struct str value)
{
    static const struct str claude = STR("anthropic-ratelimit-unified-"), openai = STR("x-codex-");
    if (str_starts_fold(name, claude))
        unified(s, str_skip(name, claude.len), value);
    else if (str_starts_fold(name, openai))
        codex(s, str_skip(name, openai.len), value);
    else if (str_eq_fold(name, STR("date")))
        s->date_ms = civil_parse_http(str_trim(value), &s->date_ms) ? sane_moment(s->date_ms) : 0;
}

void plan_signal_headers_end(struct plan_signal *s)
{
    for (int i = 0; i < s->window_count; i++) {
        struct plan_window_signal *w = &s->window[i];
        struct plan_window_signal named = *w;
        if (!w->span_ms || plan_name_span_ms(str_from(w->name)))
            continue;
        name_span(&named, w->span_ms);
        if (!plan_signal_window(s, str_from(named.name))) /* two of one span keep their places' names */
            *w = named;
    }
}

/* --- the error of a used-up window --------------------------------------------------------------------------------------- */

/* Codes and types first: Codex, GLM (5 hours, week or month, 5 hours once more). */
static const struct str spent_codes[] = {STR("usage_limit_reached"), STR("1308"), STR("1310"), STR("1316")};
static const struct str spent_words[] = {STR("usage limit has been reached"), STR("usage limit reached"),
                                         STR("hit your usage limit"), STR("reached your usage limit"),
                                         STR("limit exhausted")};

static bool says_spent(const struct json_node *error)
{
    static const char *const members[] = {"type", "code"};
    for (size_t m = 0; m < COUNT_OF(members); m++) {
        const struct json_node *n = json_get(error, members[m]);
        for (size_t i = 0; n && i < COUNT_OF(spent_codes); i++)
            if ((n->type == JSON_STRING || n->type == JSON_NUMBER) && str_eq(n->text, spent_codes[i]))
                return true;
    }
    struct str message = json_get_text(error, "message");
    if (str_contains_fold(message, STR("rate limit")))
        return false; /* "rate limit exhausted": of this minute, not of the window */
    for (size_t i = 0; i < COUNT_OF(spent_words); i++)
        if (message.len && str_contains_fold(message, spent_words[i]))
            return true;
    return false;
}

void plan_signal_error(struct plan_signal *s, struct str body, struct arena *a)
{
    struct json_node *root = NULL;
    int64_t n;
    if (json_parse(a, body, &root, NULL) < 0)
        return;
    const struct json_node *error = json_get(root, "error");
    if (!error || error->type != JSON_OBJECT)
        error = root;
    if (!says_spent(error))
        return;
    s->spent = true;
    if (json_get_i64(error, "resets_in_seconds", &n) && n >= 0 && n <= 366 * (DAY_MS / SECOND_MS))
        s->wait_ms = n * SECOND_MS;
    else if (json_get_i64(error, "resets_at", &n) && n > 0 && n < 100000000000)
        s->reset_ms = sane_moment(n * SECOND_MS);
}

/* --- quota endpoints -------------------------------------------------------------------------------------------------------- */

static int64_t member_moment(const struct json_node *object, const char *key)
{
    const struct json_node *n = json_get(object, key);
    return n && (n->type == JSON_STRING || n->type == JSON_NUMBER) ? read_moment(n->text) : 0;
}

static int64_t member_percent(const struct json_node *object, const char *key)
{
    const struct json_node *n = json_get(object, key);
    return n && (n->type == JSON_STRING || n->type == JSON_NUMBER) ? read_percent(n->text) : -1;
}

/* {"five_hour": {"utilization": 37.0, "resets_at": "…"}, "seven_day_opus": null, "extra_usage": {…}}: percent here. */
static void quota_claude(struct plan_signal *s, const struct json_node *root)
{
    for (const struct json_node *n = root->child; n; n = n->next) {
        char name[PLAN_NAME_BYTES];
        int64_t used = member_percent(n, "utilization");
        if (n->type != JSON_OBJECT || used < 0 || str_eq(n->key, STR("extra_usage")) ||
            !read_long_name(n->key, name, sizeof name))
            continue;
        struct plan_window_signal *w = window_of(s, name);
        if (!w)
            return;
        w->used_ppm = used;
        w->reset_ms = member_moment(n, "resets_at");
    }
}

/* A limit says its span as a number of units (3: hours, 5: months); without that, its type says which of the two it is. */
static int64_t glm_span_ms(const struct json_node *limit)
{
    int64_t unit, number;
    if (json_get_i64(limit, "unit", &unit) && json_get_i64(limit, "number", &number) && number > 0 && number <= 31) {
        if (unit == 3)
            return number * HOUR_MS;
        if (unit == 5)
            return number * 30 * DAY_MS;
    }
    return str_eq(json_get_text(limit, "type"), STR("TIME_LIMIT")) ? 5 * HOUR_MS : 7 * (int64_t)DAY_MS;
}

static void quota_glm(struct plan_signal *s, const struct json_node *limits)
{
    for (const struct json_node *n = limits->child; n; n = n->next) {
        struct plan_window_signal named = {0};
        int64_t used = member_percent(n, "percentage");
        if (used < 0)
            continue;
        name_span(&named, glm_span_ms(n));
        struct plan_window_signal *w = window_of(s, named.name);
        if (!w)
            return;
        w->span_ms = named.span_ms;
        w->used_ppm = used;
        w->reset_ms = member_moment(n, "nextResetTime");
    }
}

/* What is left: some versions say so by name; in the others the count that is called usage is what is left of the total,
 * which is how the public tools for this plan read it. */
static int64_t minimax_left(const struct json_node *n)
{
    static const char *const names[] = {"current_interval_remaining_count", "current_interval_remains_count",
                                        "current_interval_usage_count"};
    int64_t left;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_get_i64(n, names[i], &left))
            return left;
    return -1;
}

/* The first model's: the plan's windows are one for all. */
static void quota_minimax(struct plan_signal *s, const struct json_node *models)
{
    const int64_t count_max = 1000000000; /* so that a million times it fits */
    const struct json_node *n = models->child;
    int64_t total, left = n ? minimax_left(n) : -1;
    if (!n || !json_get_i64(n, "current_interval_total_count", &total) || total <= 0 || total > count_max || left < 0 || left > total)
        return;
    struct plan_window_signal *w = window_of(s, "5h");
    if (!w)
        return;
    int64_t from = member_moment(n, "start_time");
    w->used_ppm = (total - left) * PPM / total;
    w->reset_ms = member_moment(n, "end_time");
    w->sliding = true;
    if (from && w->reset_ms > from && w->reset_ms - from <= DAY_MS)
        w->span_ms = w->reset_ms - from;
}

int plan_signal_quota(struct plan_signal *s, struct str body, struct arena *a)
{
    struct json_node *root = NULL;
    int rc = json_parse(a, body, &root, NULL);
    if (rc < 0)
        return rc;
    const struct json_node *limits = json_get(json_get(root, "data"), "limits"), *models = json_get(root, "model_remains");
    int before = s->window_count;
    if (limits && limits->type == JSON_ARRAY)
        quota_glm(s, limits);
    else if (models && models->type == JSON_ARRAY)
        quota_minimax(s, models);
    else if (root->type == JSON_OBJECT)
        quota_claude(s, root);
    return s->window_count > before ? 0 : ERR_INVALID;
}
