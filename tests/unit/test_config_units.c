/* test_config_units.c: units as people write them, the checks of names and addresses, the guess at what was meant. */
#include "config/config_priv.h"
#include "test.h"

struct unit_case {
    const char *text;
    int64_t value; /* NONE: must be refused */
};
#define NONE INT64_MIN

static void check_units(const char *what, bool (*to)(struct str, int64_t *), const struct unit_case *cases,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t got = NONE;
        bool good = to(str_from(cases[i].text), &got);
        if (good != (cases[i].value != NONE) || (good && got != cases[i].value))
            test_fail(__FILE__, __LINE__, "%s \"%s\": got %s %lld", what, cases[i].text, good ? "yes" : "no",
                      (long long)got);
        if (!good && got != NONE)
            test_fail(__FILE__, __LINE__, "%s \"%s\": refused, but written", what, cases[i].text);
    }
}

TEST(durations_need_a_unit_and_whole_milliseconds)
{
    static const struct unit_case cases[] = {
        {"5s", 5000},
        {"250ms", 250},
        {"1.5s", 1500},
        {"2m", 120000},
        {"1m30s", 90000},
        {"5h", 18000000},
        {"7d", 604800000},
        {"400d", INT64_C(34560000000)},
        {"0s", 0},
        {"1500us", NONE},
        {"2000us", 2},
        {"", NONE},
        {"5", NONE},
        {"5.", NONE},
        {"5 s", NONE},
        {"-5s", NONE},
        {"s", NONE},
        {"5x", NONE},
        {"1m30", NONE},
        {"5s ", NONE},
        {"99999999999999d", NONE},
    };
    check_units("duration", config_to_duration_ms, cases, COUNT_OF(cases));
}

TEST(sizes_are_exact_bytes)
{
    static const struct unit_case cases[] = {
        {"0", 0},
        {"65536", 65536},
        {"1KiB", 1024},
        {"64 MiB", 67108864},
        {"1.5 MiB", 1572864},
        {"2 GiB", 2147483648},
        {"1 kB", 1000},
        {"1MB", 1000000},
        {"12 B", 12},
        {"", NONE},
        {"1k", NONE},
        {"1M", NONE},
        {"-1", NONE},
        {"0.0000001 MiB", NONE},
        {"1.1 KiB", NONE},
        {"9999999999999999 GiB", NONE},
        {"1 MiB 1", NONE},
        {"MiB", NONE},
    };
    check_units("size", config_to_bytes, cases, COUNT_OF(cases));
}

TEST(token_counts_take_thousands_and_millions)
{
    static const struct unit_case cases[] = {
        {"8000", 8000}, {"100k", 100000}, {"1.5k", 1500}, {"1m", 1000000}, {"2M", 2000000}, {"128K", 128000},
        {"", NONE},     {"1.5", NONE},    {"k", NONE},    {"100kk", NONE}, {"-1k", NONE},   {"1e3", NONE},
    };
    check_units("tokens", config_to_tokens, cases, COUNT_OF(cases));
}

TEST(times_of_day_have_two_digits_each)
{
    static const struct unit_case cases[] = {
        {"00:00", 0},    {"09:00", 540},     {"23:59", 1439}, {"24:00", 1440}, {"24:01", NONE},
        {"25:00", NONE}, {"9:00", NONE},     {"09:60", NONE}, {"09-00", NONE}, {"09:0", NONE},
        {"", NONE},      {"09:00:00", NONE}, {"ab:cd", NONE},
    };
    check_units("time of day", config_to_minute, cases, COUNT_OF(cases));
}

TEST(offsets_from_utc_have_a_sign)
{
    static const struct unit_case cases[] = {
        {"+08:00", 480}, {"-03:30", -210}, {"+00:00", 0}, {"Z", 0},
        {"08:00", NONE}, {"+8", NONE},     {"", NONE},    {"CET", NONE},
    };
    check_units("offset", config_to_offset_minutes, cases, COUNT_OF(cases));
}

TEST(weekdays_are_lists_of_spans)
{
    static const struct {
        const char *text;
        unsigned bits;
    } cases[] = {
        {"sun", 0x01},     {"mon-fri", 0x3e}, {"sat,sun", 0x41}, {"fri-mon", 0x63},  {"mon, wed ,fri", 0x2a},
        {"mon-sun", 0x7f}, {"mon-mon", 0x02}, {"", 0},           {"mon,", 0},        {",mon", 0},
        {"Mon", 0},        {"monday", 0},     {"mon-", 0},       {"mon-tue-wed", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned got = 0;
        bool good = config_to_weekdays(str_from(cases[i].text), &got);
        if (good != (cases[i].bits != 0) || got != cases[i].bits)
            test_fail(__FILE__, __LINE__, "\"%s\": got %x", cases[i].text, got);
    }
}

TEST(money_is_exact_in_usd_and_rounded_once_in_other_currencies)
{
    struct config c = {.fx_count = 2};
    c.fx[0].currency = STR("EUR");
    c.fx[0].usd_scaled9 = 1080000000;
    c.fx[1].currency = STR("JPY");
    c.fx[1].usd_scaled9 = 6500000;
    static const struct {
        const char *text;
        bool bare;
        int rc;
        int64_t nusd;
    } cases[] = {
        {"10 USD", false, 0, INT64_C(10000000000)},
        {"10USD", false, 0, INT64_C(10000000000)},
        {"0.000000001 USD", false, 0, 1},
        {"0.25 EUR", false, 0, 270000000},
        {"0.000000001 EUR", false, 0, 1},
        {"0.0000000005 USD", false, ERR_INVALID, 0},
        {"3 JPY", false, 0, 19500000},
        {"0.000000077 JPY", false, 0, 1}, /* 0.5005: up */
        {"0.000000076 JPY", false, 0, 0}, /* 0.494: down */
        {"0.15", true, 0, 150000000},
        {"0.15", false, ERR_INVALID, 0},
        {"1 CHF", false, ERR_NOT_FOUND, 0},
        {"9000000000 EUR", false, ERR_LIMIT, 0},
        {"99999999999 USD", false, ERR_INVALID, 0},
        {"-1 USD", false, ERR_INVALID, 0},
        {"USD", false, ERR_INVALID, 0},
        {"1 usd", false, ERR_INVALID, 0},
        {"1 USDT", false, ERR_INVALID, 0},
        {"", true, ERR_INVALID, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct str currency;
        int64_t got = 0;
        int rc = config_to_nusd(&c, str_from(cases[i].text), cases[i].bare, &got, &currency);
        if (rc != cases[i].rc || got != cases[i].nusd)
            test_fail(__FILE__, __LINE__, "\"%s\": got %d, %lld", cases[i].text, rc, (long long)got);
    }
}

struct check_case {
    const char *(*check)(struct str);
    const char *text;
    bool good;
};

TEST(checks_of_text_know_good_from_bad)
{
    static const struct check_case cases[] = {
        {config_check_name, "a", true},
        {config_check_name, "0.a_b-c", true},
        {config_check_name, "", false},
        {config_check_name, "A", false},
        {config_check_name, ".a", false},
        {config_check_name, "-a", false},
        {config_check_name, "a/b", false},
        {config_check_name, "a*", false},
        {config_check_name, "0123456789012345678901234567890123456789012345678901234567890123", true},
        {config_check_name, "01234567890123456789012345678901234567890123456789012345678901234", false},
        {config_check_alias_name, "claude-*", true},
        {config_check_alias_name, "*", true},
        {config_check_alias_name, "*-mini", true},
        {config_check_alias_name, "gpt 4", false},
        {config_check_alias_to, "hard", true},
        {config_check_alias_to, "a/B:c", true},
        {config_check_alias_to, "a*", false},
        {config_check_alias_to, "/b", false},
        {config_check_target, "a/b", true},
        {config_check_target, "groq/openai/gpt-oss-120b", true},
        {config_check_target, "a/llama3.1:8b", true},
        {config_check_target, "a/\xc3\xa4", true},
        {config_check_target, "a", false},
        {config_check_target, "/b", false},
        {config_check_target, "a/", false},
        {config_check_target, "a/b c", false},
        {config_check_target, "A/b", false},
        {config_check_http_url, "http://10.0.0.7:11434", true},
        {config_check_http_url, "https://api.example.org/v1", true},
        {config_check_http_url, "https://[::1]:8080/x", true},
        {config_check_http_url, "http://localhost", true},
        {config_check_http_url, "http://h/p?q=1", true},
        {config_check_http_url, "http://h?q=a@b", true},
        {config_check_http_url, "http://h.1a", true},
        {config_check_http_url, "http://0xfg", true},
        {config_check_http_url, "http://127.1/v1", false}, /* numbers that are no address: who would know which? */
        {config_check_http_url, "http://134744072/v1", false},
        {config_check_http_url, "http://0x08080808", false},
        {config_check_http_url, "http://10.0.0.300", false},
        {config_check_http_url, "http://closet.lan.:80/v1", false}, /* the transport does not take it */
        {config_check_http_url, "http://closet.lan./v1", false},
        {config_check_http_url, "http://closet.lan/v1.", true},
        {config_check_http_url, "http://10.0.0.7.:80", false},
        {config_check_http_url, "ftp://h", false},
        {config_check_http_url, "http://", false},
        {config_check_http_url, "http:///x", false},
        {config_check_http_url, "http://h:0", false},
        {config_check_http_url, "http://h:65536", false},
        {config_check_http_url, "http://h:", false},
        {config_check_http_url, "http://u:p@h", false},
        {config_check_http_url, "http://h/#f", false},
        {config_check_http_url, "http://h/ x", false},
        {config_check_http_url, "http://[::1", false},
        {config_check_http_url, "http://[::x]", false},
        {config_check_http_url, "http://h/\xc3\xa4", false},
        {config_check_upstream_url, "unix:/run/x.sock", true},
        {config_check_upstream_url, "unix:x.sock", false},
        {config_check_upstream_url, "unix:/", false},
        {config_check_upstream_url, "http://h/p?q=1", false},
        {config_check_listen, "127.0.0.1:4242", true},
        {config_check_listen, "[::1]:0", true},
        {config_check_listen, ":4242", true},
        {config_check_listen, "localhost:1", true},
        {config_check_listen, "unix:/run/h.sock", true},
        {config_check_listen, "4242", false},
        {config_check_listen, "127.0.0.1", false},
        {config_check_listen, "::1:4242", false},
        {config_check_listen, "a:b", false},
        {config_check_listen, "a:65536", false},
        {config_check_listen, "unix:h.sock", false},
        {config_check_listen, "a:1:2", false},
        {config_check_network, "10.0.0.0/8", true},
        {config_check_network, "203.0.113.7/32", true},
        {config_check_network, "fd00::/8", true},
        {config_check_network, "fc00::/7", true},
        {config_check_network, "::1/128", true},
        {config_check_network, "2001:db8::/29", true},
        {config_check_network, "0.0.0.0/0", false},
        {config_check_network, "128.0.0.0/1", false},
        {config_check_network, "64.0.0.0/7", false},
        {config_check_network, "::/0", false},
        {config_check_network, "::/128", false},
        {config_check_network, "2000::/3", false},
        {config_check_network, "2600::/15", false},
        {config_check_network, "fc00::/6", false},
        {config_check_network, "::ffff:0:0/96", false},
        {config_check_network, "::ffff:10.0.0.0/104", false},
        {config_check_network, "::ffff:0:8.8.8.0/120", false},
        {config_check_network, "64:ff9b::/96", false},
        {config_check_network, "64:ff9b::808:808/128", false},
        {config_check_network, "64:ff9b::/32", false},
        {config_check_network, "2001::/20", false},
        {config_check_network, "64:ff9b:1::/48", false},
        {config_check_network, "2002::/16", false},
        {config_check_network, "2001::/32", false},
        {config_check_network, "10.0.0.0/33", false},
        {config_check_network, "::/129", false},
        {config_check_network, "10.0.0.0", false},
        {config_check_network, "10.0.0/8", false},
        {config_check_network, "10.0.0.0/", false},
        {config_check_network, "10.0.0.0/+8", false},
        {config_check_network, "/8", false},
        {config_check_network, "lan/8", false},
        {config_check_host, "hearth.lan", true},
        {config_check_host, "10.0.0.7", true},
        {config_check_host, "[fd00::1]", true},
        {config_check_host, "hearth.lan:1", false},
        {config_check_host, "http://h", false},
        {config_check_host, "", false},
        {config_check_host, "*", false},
        {config_check_origin, "https://h", true},
        {config_check_origin, "http://h:3000", true},
        {config_check_origin, "http://h/", false},
        {config_check_origin, "null", false},
        {config_check_origin, "h", false},
        {config_check_resolver, "127.0.0.1:53", true},
        {config_check_resolver, "127.0.0.1", true},
        {config_check_resolver, "[::1]:53", true},
        {config_check_resolver, "dns:53", false},
        {config_check_resolver, "127.0.0.1:0", false},
        {config_check_secret, "env:A_KEY1", true},
        {config_check_secret, "file:/x", true},
        {config_check_secret, "passthrough", true},
        {config_check_secret, "env:", false},
        {config_check_secret, "env:1A", false},
        {config_check_secret, "env:A-B", false},
        {config_check_secret, "file:", false},
        {config_check_secret, "sk-1", false},
        {config_check_secret, "Passthrough", false},
        {config_check_tag, "night", true},
        {config_check_tag, "a,b", false},
        {config_check_tag, "a b", false},
        {config_check_default_key, "max_tokens", true},
        {config_check_default_key, "model", false},
        {config_check_default_key, "messages", false},
        {config_check_default_key, "stream", false},
        {config_check_default_key, "prompt", false},
        {config_check_default_key, "input", false},
        {config_check_default_key, "stream_options", true},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if ((cases[i].check(str_from(cases[i].text)) == NULL) != cases[i].good)
            test_fail(__FILE__, __LINE__, "case %zu, \"%s\" should be %s", i, cases[i].text,
                      cases[i].good ? "accepted" : "refused");
}

TEST(the_nearest_key_is_found_and_far_words_are_left_alone)
{
    static const char *const keys[] = {"upstreams", "jobs", "aliases", "limits", "listen", "fx", "key"};
    static const struct {
        const char *word, *near;
    } cases[] = {
        {"upstrems", "upstreams"},
        {"upstream", "upstreams"},
        {"job", "jobs"},
        {"jbos", "jobs"},
        {"kye", "key"},
        {"limit", "limits"},
        {"lisen", "listen"},
        {"zebra", NULL},
        {"foo", NULL},
        {"", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *got = config_nearest(str_from(cases[i].word), keys, COUNT_OF(keys));
        EXPECT_STR(str_from(got ? got : "none"), cases[i].near ? cases[i].near : "none");
    }
}

TEST(quoted_text_is_short_whole_and_harmless)
{
    EXPECT_STR(str_from(config_quoted(STR("plain")).text), "`plain`");
    EXPECT_STR(str_from(config_quoted(STR("a\x1b[2J\nb\x7f")).text), "`a?[2J?b?`");
    EXPECT_STR(str_from(config_quoted(STR("\xc2\x9b!")).text), "`?!`");
    EXPECT_STR(str_from(config_quoted(STR("")).text), "``");
    char sixty[65];
    memset(sixty, 'x', sizeof sixty);
    EXPECT_I64(strlen(config_quoted(str_of(sixty, 60)).text), 62);
    EXPECT_I64(strlen(config_quoted(str_of(sixty, 61)).text), 65); /* 60, three dots, two quotes */
    memcpy(sixty + 58, "\xe2\x82\xac!!!", 6);
    struct str cut =
        str_from(config_quoted(str_of(sixty, 65)).text); /* the euro sign does not fit: none of it is there */
    EXPECT_I64(cut.len, 58 + 5);
    EXPECT(str_ends(cut, STR("xx...`")));
}

TEST(values_are_told_in_the_units_they_are_written_in)
{
    static const struct {
        enum option_kind kind;
        int64_t value;
        const char *text;
    } cases[] = {
        {OPTION_DURATION, 86400000, "1d"},
        {OPTION_DURATION, 90000, "90s"},
        {OPTION_DURATION, 1, "1ms"},
        {OPTION_SIZE, 1024, "1 KiB"},
        {OPTION_SIZE, 512 << 20, "512 MiB"},
        {OPTION_SIZE, 7, "7"},
        {OPTION_TOKENS, 100000, "100k"},
        {OPTION_MONEY, INT64_C(5000000000), "5 USD"},
        {OPTION_MINUTE, 540, "09:00"},
        {OPTION_OFFSET, -210, "-03:30"},
        {OPTION_COUNT, -1, "-1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        EXPECT_STR(str_from(config_value_words(cases[i].kind, cases[i].value).text), cases[i].text);
}

TEST(a_reserve_is_a_part_of_a_window)
{
    static const struct {
        const char *text;
        int64_t ppm;
    } cases[] = {{"", 0}, {"20%", 200000}, {"20% for interactive", 200000}, {"0.5%", 5000}, {"100%", 1000000}, {"20", -1},
                 {"% for interactive", -1}, {"-5%", -1}, {"20% for batch", -1}, {"20%%", -1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        EXPECT_I64(config_reserve_ppm(str_from(cases[i].text)), cases[i].ppm);
    EXPECT(!config_check_reserve(STR("99%")) && config_check_reserve(STR("100%")) && config_check_reserve(STR("much")));
}
