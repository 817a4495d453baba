/* test_plan_signal.c: what providers say of their plans: headers, errors, quota endpoints. */
#include "wire/plan_signal.h"
#include "base/buf.h"
#include "base/err.h"
#include "test.h"

static struct plan_signal read_lines(const char *lines)
{
    struct plan_signal s;
    struct str rest = str_from(lines), line, name;
    plan_signal_init(&s);
    while (str_cut(&rest, '\n', &line))
        if (str_cut(&line, ':', &name))
            plan_signal_header(&s, name, str_trim(line));
    plan_signal_headers_end(&s);
    return s;
}

static struct plan_window_signal window(const struct plan_signal *s, const char *name)
{
    const struct plan_window_signal *w = plan_signal_window(s, str_from(name));
    return w ? *w : (struct plan_window_signal){.used_ppm = -2};
}

#define U "anthropic-ratelimit-unified-"

TEST(an_allowed_answer_tells_its_windows)
{
    struct plan_signal s = read_lines(U "status: allowed\n" U "reset: 1785182400\n" U "representative-claim: five_hour\n" U
                                        "5h-status: allowed\n" U "5h-reset: 1785182400\n" U "5h-utilization: 0.01\n" U
                                        "7d-status: allowed\n" U "7d-reset: 1785542400\n" U "7d-utilization: 0.37\n" U
                                        "overage-status: rejected\n" U "overage-disabled-reason: org_level_disabled\n");
    EXPECT(s.unified && !s.spent && !s.overage_in_use);
    EXPECT(s.status == PLAN_ALLOWED && s.overage == PLAN_REJECTED);
    EXPECT_STR(str_from(s.claim), "5h");
    EXPECT_STR(str_from(s.overage_reason), "org_level_disabled");
    EXPECT_I64(s.window_count, 2);
    EXPECT_I64(s.reset_ms, 1785182400000);
    EXPECT_I64(window(&s, "5h").used_ppm, 10000);
    EXPECT_I64(window(&s, "5h").span_ms, 5 * 3600000);
    EXPECT_I64(window(&s, "7d").used_ppm, 370000);
    EXPECT_I64(window(&s, "7d").reset_ms, 1785542400000);
}

TEST(a_warning_is_no_rejection)
{
    struct plan_signal s = read_lines(U "status: allowed_warning\n" U "5h-status: allowed_warning\n" U "5h-utilization: 0.91\n" U
                                        "5h-surpassed-threshold: 0.9\n");
    EXPECT(s.status == PLAN_WARNING && window(&s, "5h").status == PLAN_WARNING);
    EXPECT_I64(s.window_count, 1);
}

TEST(a_rejected_window_is_told_apart_from_the_others)
{
    struct plan_signal s = read_lines(U "status: rejected\n" U "5h-status: rejected\n" U "5h-reset: 1785182400\n" U
                                        "5h-utilization: 1.02\n" U "7d-status: allowed\n");
    EXPECT(window(&s, "5h").status == PLAN_REJECTED && window(&s, "7d").status == PLAN_ALLOWED);
    EXPECT_I64(window(&s, "5h").used_ppm, 1020000);
    s = read_lines(U "status: rejected\n" U "representative-claim: seven_day_overage_included\n" U "5h-status: allowed\n" U
                     "7d-status: allowed\n" U "7d_oi-status: rejected\n" U "7d_oi-reset: 1785542400\n");
    EXPECT(window(&s, "7d_oi").status == PLAN_REJECTED && window(&s, "7d").status == PLAN_ALLOWED);
    EXPECT_STR(str_from(s.claim), "7d_oi");
    EXPECT_I64(window(&s, "7d_oi").span_ms, 7 * INT64_C(86400000));
}

TEST(an_answer_without_windows_says_nothing_of_a_plan)
{
    struct plan_signal s = read_lines("content-type: application/json\nretry-after: 30\nanthropic-ratelimit-requests-limit: 5\n");
    EXPECT(!s.window_count && !s.spent && !s.unified);
}

TEST(unknown_windows_are_kept_and_names_compare_in_any_case)
{
    struct plan_signal s = read_lines("Anthropic-RateLimit-Unified-30D_Moon-Status: Allowed\nANTHROPIC-RATELIMIT-UNIFIED-30D_MOON-"
                                      "UTILIZATION: 0.5\n" U "grace-status: allowed\n" U "fallback: available\n" U
                                      "fallback-percentage: 0.5\n" U "upgrade-paths: a,b\n" U "bad name-status: allowed\n");
    EXPECT_I64(s.window_count, 2);
    EXPECT(window(&s, "30d_moon").status == PLAN_ALLOWED);
    EXPECT_I64(window(&s, "30d_moon").used_ppm, 500000);
    EXPECT_I64(window(&s, "30d_moon").span_ms, 30 * INT64_C(86400000));
    EXPECT(window(&s, "grace").status == PLAN_ALLOWED);
}

TEST(overage_in_use_is_seen)
{
    struct plan_signal s = read_lines(U "status: rejected\n" U "overage-status: allowed\n" U "overage-in-use: true\n" U
                                        "overage-utilization: 0.2\n");
    EXPECT(s.overage_in_use && s.overage == PLAN_ALLOWED && s.window_count == 0);
    s = read_lines(U "overage-in-use: false\n");
    EXPECT(!s.overage_in_use);
}

TEST(absurd_values_count_as_not_said)
{
    static const char *const used[] = {"-0.5", "1e3", "", ".", "0.5x", "NaN", "101", "99999999999999999999", "0x1", "+1"};
    static const char *const resets[] = {"0", "-5", "abc", "99999999999999999999", "12345", "2026-13-01T00:00:00Z", "4102444800"};
    for (size_t i = 0; i < COUNT_OF(used); i++) {
        struct plan_signal s;
        plan_signal_init(&s);
        plan_signal_header(&s, STR(U "5h-utilization"), str_from(used[i]));
        EXPECT_I64(window(&s, "5h").used_ppm, -1);
    }
    for (size_t i = 0; i < COUNT_OF(resets); i++) {
        struct plan_signal s;
        plan_signal_init(&s);
        plan_signal_header(&s, STR(U "5h-reset"), str_from(resets[i]));
        EXPECT_I64(window(&s, "5h").reset_ms, 0);
    }
    struct plan_signal s = read_lines(U "5h-utilization: 0.12345678901234567890\n" U "status: perhaps\n");
    EXPECT_I64(window(&s, "5h").used_ppm, 123456);
    EXPECT(s.status == PLAN_UNSAID);
}

TEST(more_windows_than_anyone_sends_are_left_out)
{
    struct plan_signal s;
    plan_signal_init(&s);
    for (int i = 0; i < 40; i++) {
        char name[64];
        text_format(name, sizeof name, U "%dh-status", i + 1);
        plan_signal_header(&s, str_from(name), STR("rejected"));
    }
    EXPECT_I64(s.window_count, PLAN_WINDOWS_MAX);
}

TEST(codex_windows_are_named_by_their_span)
{
    struct plan_signal s = read_lines("X-Codex-Primary-Used-Percent: 100\nX-Codex-Secondary-Used-Percent: 80.5\n"
                                      "X-Codex-Primary-Window-Minutes: 300\nX-Codex-Secondary-Window-Minutes: 10080\n"
                                      "X-Codex-Primary-Reset-At: 1777936568\nX-Codex-Primary-Over-Secondary-Limit-Percent: 0\n"
                                      "X-Codex-Credits-Has-Credits: False\n");
    EXPECT_I64(s.window_count, 2);
    EXPECT_I64(window(&s, "5h").used_ppm, 1000000);
    EXPECT_I64(window(&s, "5h").reset_ms, 1777936568000);
    EXPECT_I64(window(&s, "7d").used_ppm, 805000);
    EXPECT(window(&s, "5h").status == PLAN_UNSAID && !s.unified); /* full is not spent: only its error says so */
}

static bool spent(const char *body, int64_t *wait_ms)
{
    struct arena a = ARENA_INIT(1 * MiB);
    struct plan_signal s;
    plan_signal_init(&s);
    plan_signal_error(&s, str_from(body), &a);
    *wait_ms = s.reset_ms ? s.reset_ms : s.wait_ms;
    arena_fini(&a);
    return s.spent;
}

TEST(a_usage_limit_error_is_told_from_a_plain_429)
{
    int64_t wait;
    EXPECT(spent("{\"error\":{\"type\":\"usage_limit_reached\",\"message\":\"The usage limit has been reached\","
                 "\"resets_at\":1777936568,\"resets_in_seconds\":13872}}", &wait));
    EXPECT_I64(wait, 13872000);
    EXPECT(spent("{\"error\":{\"code\":\"1308\",\"message\":\"\xe5\xb7\xb2\xe8\xbe\xbe\xe5\x88\xb0\"}}", &wait));
    EXPECT_I64(wait, -1);
    EXPECT(spent("{\"error\":{\"code\":1310,\"message\":\"Weekly/Monthly Limit Exhausted\"}}", &wait));
    EXPECT(!spent("{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Number of requests has exceeded your rate limit\"}}", &wait));
    EXPECT(!spent("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", &wait));
    EXPECT(!spent("{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"Extra usage is required for long context requests.\"}}", &wait));
    EXPECT(!spent("{\"error\":{\"message\":\"Rate limit exhausted, try again in a second\"}}", &wait));
    EXPECT(!spent("<html>usage limit reached</html>", &wait));
}

static int quota(struct plan_signal *s, const char *body)
{
    struct arena a = ARENA_INIT(1 * MiB);
    plan_signal_init(s);
    int rc = plan_signal_quota(s, str_from(body), &a);
    arena_fini(&a);
    return rc;
}

TEST(claudes_endpoint_counts_in_percent)
{
    struct plan_signal s;
    REQUIRE(quota(&s, "{\"five_hour\":{\"utilization\":37.5,\"resets_at\":\"2026-11-21T13:00:00.5+02:00\"},\"seven_day\":{\"utilization\":4,"
                      "\"resets_at\":null},\"seven_day_opus\":{\"utilization\":100,\"resets_at\":\"2026-11-25T00:00:00Z\"},"
                      "\"seven_day_sonnet\":null,\"extra_usage\":{\"is_enabled\":true,\"utilization\":12}}") == 0);
    EXPECT_I64(s.window_count, 3);
    EXPECT_I64(window(&s, "5h").used_ppm, 375000);
    EXPECT_I64(window(&s, "5h").reset_ms, 1795258800000); /* 11:00 UTC */
    EXPECT_I64(window(&s, "7d").used_ppm, 40000);
    EXPECT_I64(window(&s, "7d").reset_ms, 0);
    EXPECT_I64(window(&s, "7d_opus").used_ppm, 1000000);
}

TEST(glms_endpoint_names_its_spans)
{
    struct plan_signal s;
    REQUIRE(quota(&s, "{\"code\":200,\"data\":{\"limits\":[{\"type\":\"TOKENS_LIMIT\",\"unit\":3,\"number\":5,\"percentage\":6,"
                      "\"nextResetTime\":1769563775988},{\"type\":\"TIME_LIMIT\",\"unit\":5,\"number\":1,\"percentage\":3}]}}") == 0);
    EXPECT_I64(window(&s, "5h").used_ppm, 60000);
    EXPECT_I64(window(&s, "5h").reset_ms, 1769563775988);
    EXPECT_I64(window(&s, "30d").used_ppm, 30000);
    REQUIRE(quota(&s, "{\"data\":{\"limits\":[{\"type\":\"TIME_LIMIT\",\"percentage\":6},{\"type\":\"TOKENS_LIMIT\",\"percentage\":3}]}}") == 0);
    EXPECT_I64(window(&s, "5h").used_ppm, 60000);
    EXPECT_I64(window(&s, "7d").used_ppm, 30000);
}

TEST(minimaxs_endpoint_counts_what_is_left)
{
    struct plan_signal s;
    REQUIRE(quota(&s, "{\"model_remains\":[{\"start_time\":1769550000000,\"end_time\":1769568000000,\"current_interval_total_count\":1500,"
                      "\"current_interval_usage_count\":1245,\"model_name\":\"MiniMax-M2\"}],\"base_resp\":{\"status_code\":0}}") == 0);
    EXPECT_I64(window(&s, "5h").used_ppm, 170000);
    EXPECT_I64(window(&s, "5h").reset_ms, 1769568000000);
    EXPECT(window(&s, "5h").sliding);
    EXPECT(quota(&s, "{\"model_remains\":[{\"current_interval_total_count\":0,\"current_interval_usage_count\":0}]}") == ERR_INVALID);
    EXPECT(quota(&s, "{\"model_remains\":[{\"current_interval_total_count\":10,\"current_interval_usage_count\":11}]}") == ERR_INVALID);
    EXPECT(quota(&s, "{\"a\":1}") == ERR_INVALID);
    EXPECT(quota(&s, "[1]") == ERR_INVALID);
    EXPECT(quota(&s, "nope") == ERR_SYNTAX);
}

TEST(times_are_read_in_their_own_zone)
{
    int64_t ms = 0;
    EXPECT(plan_read_iso(STR("2026-11-21T13:02:35Z"), &ms));
    EXPECT_I64(ms, 1795266155000);
    EXPECT(plan_read_iso(STR("2026-11-21 15:02:35.123+02:00"), &ms));
    EXPECT_I64(ms, 1795266155000);
    EXPECT(plan_read_iso(STR("2026-11-21T08:02:35-0500"), &ms));
    EXPECT_I64(ms, 1795266155000);
    EXPECT(!plan_read_iso(STR("2026-11-21"), &ms) && !plan_read_iso(STR("2026-11-21T13:02:35+2"), &ms) &&
           !plan_read_iso(STR("2026-11-21T25:02:35Z"), &ms) && !plan_read_iso(STR("2026-11-21T13:02:35+20:00"), &ms));
}

TEST(the_providers_clock_is_kept)
{
    struct plan_signal s = read_lines("Date: Sat, 21 Nov 2026 13:02:35 GMT\n");
    EXPECT_I64(s.date_ms, 1795266155000);
    s = read_lines("Date: Sun, 06 Nov 1904 08:49:37 GMT\n");
    EXPECT_I64(s.date_ms, 0);
    s = read_lines("Date: yesterday\n");
    EXPECT_I64(s.date_ms, 0);
}
