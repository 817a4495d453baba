/* test_plan.c: a flat plan's life under a clock of the test's own: open, warning, spent, overflow, reset, probe, back; what
 * is no spent plan; bills beside it; races; wrong clocks; a restart in the middle; estimates and pace. */
#include "ledger/plan_priv.h"
#include "ledger_kit.h"
#include "test.h"

enum { MINUTE = 60000, HOUR = 3600000 };
#define DAY INT64_C(86400000)
#define START INT64_C(1795266000000) /* 2026-11-21T13:00:00Z */
#define U "anthropic-ratelimit-unified-"

struct house {
    struct kit_dir dir;
    struct clock clock;
    struct ledger *ledger;
    struct ledger_writer *writer;
    struct plan *plan;
    struct plan_terms terms;
    uint64_t holder;
    struct rng rng;
};

static bool house_open(struct house *h)
{
    struct ledger_options opt = {.dir = str_from(h->dir.path), .clock = &h->clock, .fold_every_ms = 3600000};
    bool fine = ledger_open(&h->ledger, &opt, NULL) == 0 && ledger_writer_open(&h->writer, h->ledger, 0, NULL) == 0 &&
                ledger_plan(&h->plan, h->ledger, STR("plan"), &h->terms, NULL) == 0;
    if (fine)
        h->holder = plan_holder(h->plan, STR("Bearer sk-ant-oat-secret"));
    return fine;
}

static bool house_make(struct house *h)
{
    *h = (struct house){.dir = kit_dir_make(), .clock = clock_fake(START), .terms = {.window_ms = {5 * HOUR, 7 * DAY}, .window_count = 2}};
    rng_seed(&h->rng, 42);
    return house_open(h);
}

static void house_leave(struct house *h)
{
    ledger_writer_close(h->writer);
    ledger_close(h->ledger);
}

static void house_close(struct house *h)
{
    house_leave(h);
    kit_remove(h->dir.path);
}

static struct plan_now now_of(const struct house *h)
{
    return (struct plan_now){clock_wall_ms(&h->clock), clock_mono_us(&h->clock) / 1000};
}

static enum plan_pass enter_as(struct house *h, const char *model, bool batch, struct plan_ticket *t, struct plan_why *why)
{
    struct plan_ask ask = {.holder = h->holder, .model = str_from(model), .batch = batch, .now = now_of(h)};
    *t = (struct plan_ticket){0};
    return plan_enter(h->plan, &ask, t, why);
}

static enum plan_pass enter(struct house *h, struct plan_ticket *t)
{
    struct plan_why why;
    return enter_as(h, "claude-opus-5-5", false, t, &why);
}

static enum plan_pass look(struct house *h, const char *model)
{
    struct plan_why why;
    return plan_look(h->plan, &(struct plan_ask){.holder = h->holder, .model = str_from(model), .now = now_of(h)}, &why);
}

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

static struct plan_heard hear(struct house *h, struct plan_ticket *t, int status, int64_t retry_after_ms, const struct plan_signal *s)
{
    struct plan_heard out;
    plan_answered(t, &(struct plan_answer){.http_status = status, .signal = s, .retry_after_ms = retry_after_ms, .speaks = true,
                                           .now = now_of(h), .rng = &h->rng}, &out);
    (void)plan_journal(h->plan, t->holder, h->writer, now_of(h));
    (void)ledger_flush(h->writer, NULL);
    return out;
}

/* A whole call of that model: its answer's headers; %lld is the reset in Unix seconds, `in` ms from now. */
static struct plan_heard call_as(struct house *h, const char *model, int status, int64_t retry_after_ms, const char *format, int64_t in)
{
    struct plan_ticket t;
    struct plan_why why;
    struct plan_heard out = {.verdict = (enum plan_verdict)99};
    char lines[1024];
    long long at = (clock_wall_ms(&h->clock) + in) / 1000;
    AUTO_BUF struct buf text = BUF_INIT(1024);
    struct str rest = str_from(format), part;
    for (bool first = true; str_cut(&rest, '@', &part); first = false) {
        if (!first)
            (void)buf_append_format(&text, "%lld", at);
        (void)buf_append(&text, part);
    }
    text_format(lines, sizeof lines, "%.*s", STR_FMT(buf_str(&text)));
    struct plan_signal s = read_lines(lines);
    enum plan_pass pass = enter_as(h, model, false, &t, &why);
    if (pass != PLAN_OPEN && pass != PLAN_PROBE)
        return out;
    out = hear(h, &t, status, retry_after_ms, &s);
    plan_leave(&t);
    return out;
}

static struct plan_heard call(struct house *h, int status, const char *format, int64_t in)
{
    return call_as(h, "claude-opus-5-5", status, -1, format, in);
}

#define FINE U "status: allowed\n" U "5h-status: allowed\n" U "5h-reset: @\n" U "5h-utilization: 0.5\n" U "7d-status: allowed\n"
#define REJECTED                                                                                                          \
    U "status: rejected\n" U "representative-claim: five_hour\n" U "5h-status: rejected\n" U "5h-reset: @\n" U "5h-utilization: 1\n" U \
      "7d-status: allowed\n"

static bool find_window(const struct house *h, const char *name, struct plan_window_view *out);

TEST(a_plan_lives_open_warning_spent_resting_probe_back)
{
    struct house h;
    struct plan_ticket t, other;
    REQUIRE(house_make(&h));
    EXPECT(call(&h, 200, FINE, 2 * HOUR).verdict == PLAN_FINE);
    EXPECT(call(&h, 200, U "status: allowed_warning\n" U "5h-status: allowed_warning\n" U "5h-utilization: 0.95\n", 0).verdict == PLAN_FINE);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN); /* a warning stops nobody */
    struct plan_heard heard = call(&h, 429, REJECTED, 2 * HOUR);
    EXPECT(heard.verdict == PLAN_EXHAUSTED && heard.became_spent);
    EXPECT_STR(str_from(heard.why.window), "5h");
    EXPECT(heard.why.wait_ms > 2 * HOUR && heard.why.wait_ms <= 2 * HOUR + 31000);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT && look(&h, "claude-sonnet-5-5") == PLAN_SPENT);
    clock_advance(&h.clock, 2 * HOUR);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT); /* the jitter */
    clock_advance(&h.clock, 31000);
    EXPECT(enter(&h, &t) == PLAN_PROBE && t.probe);
    EXPECT(enter(&h, &other) == PLAN_SPENT); /* one finds out */
    struct plan_signal s = read_lines(U "status: allowed\n" U "5h-status: allowed\n" U "5h-utilization: 0.01\n");
    heard = hear(&h, &t, 200, -1, &s);
    EXPECT(heard.verdict == PLAN_FINE && heard.came_back);
    plan_leave(&t);
    EXPECT(enter(&h, &t) == PLAN_OPEN && enter(&h, &other) == PLAN_OPEN);
    plan_leave(&t);
    plan_leave(&other);
    struct plan_event ev[PLAN_EVENTS_MAX];
    EXPECT_I64(plan_events(h.plan, ev), 2);
    EXPECT(!ev[0].back && ev[1].back && ev[1].wall_ms - ev[0].wall_ms == 2 * HOUR + 31000);
    house_close(&h);
}

TEST(a_probe_that_is_refused_rests_it_again_and_one_that_finds_nothing_out_lets_the_next_go)
{
    struct house h;
    struct plan_ticket t;
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, HOUR);
    clock_advance(&h.clock, HOUR + 31000);
    EXPECT(enter(&h, &t) == PLAN_PROBE);
    struct plan_signal overloaded = read_lines("x: y\n");
    EXPECT(hear(&h, &t, 529, -1, &overloaded).verdict == PLAN_FINE);
    plan_leave(&t);
    struct plan_heard heard = call(&h, 429, REJECTED, HOUR);
    EXPECT(heard.verdict == PLAN_EXHAUSTED && !heard.became_spent); /* people know */
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    clock_advance(&h.clock, HOUR + 31000);
    EXPECT(call(&h, 200, FINE, HOUR).came_back);
    house_close(&h);
}

TEST(a_plain_429_or_an_overload_is_no_spent_plan)
{
    struct house h;
    REQUIRE(house_make(&h));
    EXPECT(call(&h, 200, FINE, HOUR).verdict == PLAN_FINE);
    EXPECT(call(&h, 429, FINE, HOUR).verdict == PLAN_FINE); /* windows allowed: trouble of the moment */
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN);
    EXPECT(call(&h, 529, FINE, HOUR).verdict == PLAN_FINE);
    EXPECT(call(&h, 503, REJECTED, HOUR).verdict == PLAN_FINE);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN);
    EXPECT(call(&h, 429, "", 0).verdict == PLAN_REQUEST); /* no windows: what it asks for is not in the plan */
    EXPECT(call(&h, 429, U "status: rejected\n" U "overage-disabled-reason: org_level_disabled\n", 0).verdict == PLAN_REQUEST);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN);
    house_close(&h);
}

TEST(a_429_of_a_provider_that_tells_no_windows_is_trouble)
{
    struct house h;
    struct plan_ticket t;
    struct plan_heard out;
    struct plan_signal s;
    plan_signal_init(&s);
    REQUIRE(house_make(&h));
    REQUIRE(enter(&h, &t) == PLAN_OPEN);
    plan_answered(&t, &(struct plan_answer){.http_status = 429, .signal = &s, .retry_after_ms = 5000, .now = now_of(&h), .rng = &h.rng}, &out);
    EXPECT(out.verdict == PLAN_FINE);
    plan_leave(&t);
    EXPECT(look(&h, "glm-4.6") == PLAN_OPEN);
    REQUIRE(enter(&h, &t) == PLAN_OPEN);
    s.spent = true; /* its own error for it */
    plan_answered(&t, &(struct plan_answer){.http_status = 429, .signal = &s, .retry_after_ms = -1, .now = now_of(&h), .rng = &h.rng}, &out);
    EXPECT(out.verdict == PLAN_EXHAUSTED && out.became_spent);
    plan_leave(&t);
    EXPECT(look(&h, "glm-4.6") == PLAN_SPENT);
    clock_advance(&h.clock, 10 * MINUTE + 31000); /* without a word about when, it is asked again soon */
    EXPECT(look(&h, "glm-4.6") == PLAN_PROBE);
    house_close(&h);
}

TEST(it_rests_until_the_latest_of_retry_after_and_the_rejected_windows)
{
    struct house h;
    REQUIRE(house_make(&h));
    struct plan_heard heard = call_as(&h, "claude-opus-5-5", 429, 3 * DAY, REJECTED, HOUR);
    EXPECT(heard.why.wait_ms > 3 * DAY && heard.why.wait_ms <= 3 * DAY + 31000);
    house_close(&h);
    REQUIRE(house_make(&h));
    heard = call_as(&h, "claude-opus-5-5", 429, 1000, U "status: rejected\n" U "5h-status: rejected\n" U "5h-reset: @\n" U
                    "7d-status: allowed\n" U "7d-reset: 1796000000\n", HOUR);
    EXPECT(heard.why.wait_ms > HOUR && heard.why.wait_ms <= HOUR + 31000); /* not the one that is allowed */
    house_close(&h);
    REQUIRE(house_make(&h));
    heard = call(&h, 429, U "status: rejected\n" U "5h-status: rejected\n" U "5h-reset: 1795266300\n" U "7d-status: rejected\n" U "7d-reset: @\n", 2 * DAY);
    EXPECT(heard.why.wait_ms > 2 * DAY);
    EXPECT_STR(str_from(heard.why.window), "7d");
    house_close(&h);
}

/* A provider that names its windows anew every few weeks, or a hostile one: the windows of today are heard all the same. */
TEST(windows_that_are_told_no_more_make_way)
{
    struct house h;
    struct plan_window_view v;
    REQUIRE(house_make(&h));
    h.terms = (struct plan_terms){0};
    REQUIRE(ledger_plan(&h.plan, h.ledger, STR("plan"), &h.terms, NULL) == 0);
    for (int i = 0; i < 8; i++) {
        char lines[512];
        text_format(lines, sizeof lines, U "status: allowed\n" U "%dd_a-utilization: 0.1\n" U "%dd_b-utilization: 0.1\n" U "%dd_c-utilization: 0.1\n", i + 1, i + 1, i + 1);
        EXPECT_I64(call(&h, 200, lines, 0).verdict, PLAN_FINE);
        clock_advance(&h.clock, 1000);
    }
    EXPECT(!find_window(&h, "1d_a", &v) && find_window(&h, "8d_c", &v));
    EXPECT_I64(call(&h, 429, REJECTED, 3600000).verdict, PLAN_EXHAUSTED);
    EXPECT(find_window(&h, "5h", &v) && v.spent);
    EXPECT(find_window(&h, "7d", &v) && find_window(&h, "8d_c", &v));
    EXPECT_I64(look(&h, "claude-opus-5-5"), PLAN_SPENT);
    clock_advance(&h.clock, 3590000);
    EXPECT_I64(look(&h, "claude-opus-5-5"), PLAN_SPENT);
    clock_advance(&h.clock, 45000);
    EXPECT_I64(look(&h, "claude-opus-5-5"), PLAN_PROBE);
    house_close(&h);
}

TEST(a_model_classes_window_rests_that_family_alone)
{
    struct house h;
    REQUIRE(house_make(&h));
    struct plan_heard heard = call_as(&h, "claude-fable-5-1", 429, -1, U "status: rejected\n" U "representative-claim: seven_day_overage_included\n" U
                                      "5h-status: allowed\n" U "7d-status: allowed\n" U "7d_oi-status: rejected\n" U "7d_oi-reset: @\n", DAY);
    EXPECT(heard.verdict == PLAN_EXHAUSTED);
    EXPECT_STR(str_from(heard.family), "fable");
    EXPECT(look(&h, "claude-fable-5") == PLAN_SPENT);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN && look(&h, "claude-sonnet-5-5") == PLAN_OPEN);
    /* An opus window that is told on another family's answer is not that family's. */
    EXPECT(call_as(&h, "claude-sonnet-5-5", 200, -1, U "status: allowed\n" U "7d_opus-status: rejected\n" U "7d_opus-reset: @\n", DAY).verdict == PLAN_FINE);
    EXPECT(look(&h, "claude-sonnet-5-5") == PLAN_OPEN);
    /* The whole plan spent beside it, and back: the family still rests. */
    (void)call(&h, 429, REJECTED, HOUR);
    EXPECT(look(&h, "claude-sonnet-5-5") == PLAN_SPENT);
    clock_advance(&h.clock, HOUR + 31000);
    EXPECT(call(&h, 200, FINE, HOUR).came_back);
    EXPECT(look(&h, "claude-sonnet-5-5") == PLAN_OPEN && look(&h, "claude-fable-5") == PLAN_SPENT);
    house_close(&h);
}

TEST(a_missing_window_keeps_its_value_and_one_past_its_reset_is_empty)
{
    struct house h;
    struct plan_window_view w;
    REQUIRE(house_make(&h));
    (void)call(&h, 200, FINE U "7d-utilization: 0.3\n", HOUR);
    (void)call(&h, 200, U "5h-utilization: 0.6\n", 0);
    REQUIRE(find_window(&h, "7d", &w));
    EXPECT(w.used_ppm == 300000 && !w.estimate);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT_I64(w.used_ppm, 600000);
    clock_advance(&h.clock, HOUR);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 0 && w.estimate && w.reset_ms == 0 && w.status == PLAN_UNSAID);
    REQUIRE(find_window(&h, "7d", &w));
    EXPECT_I64(w.used_ppm, 300000);
    house_close(&h);
}

TEST(a_200_that_is_billed_beside_the_plan_is_seen_and_spends_it)
{
    static const char *const bills[] = {
        REJECTED U "overage-status: allowed\n" U "overage-in-use: true\n",
        U "status: allowed\n" U "overage-in-use: true\n", /* accounts on overage may get no windows at all */
        REJECTED,                                          /* rejected, and yet answered */
    };
    for (size_t i = 0; i < COUNT_OF(bills); i++) {
        struct house h;
        REQUIRE(house_make(&h));
        struct plan_heard heard = call(&h, 200, bills[i], 2 * HOUR);
        EXPECT(heard.verdict == PLAN_PAID && heard.became_spent);
        EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
        clock_advance(&h.clock, 2 * HOUR + 31000);
        heard = call(&h, 200, FINE, HOUR);
        EXPECT(heard.verdict == PLAN_FINE && heard.came_back);
        house_close(&h);
    }
}

TEST(with_overage_allowed_calls_go_on_and_are_known_to_be_paid)
{
    struct house h;
    struct plan_ticket t;
    REQUIRE(house_make(&h));
    h.terms.overage_allow = true;
    REQUIRE(ledger_plan(&h.plan, h.ledger, STR("plan"), &h.terms, NULL) == 0);
    struct plan_heard heard = call(&h, 200, REJECTED U "overage-in-use: true\n", HOUR);
    EXPECT(heard.verdict == PLAN_PAID && !heard.became_spent);
    REQUIRE(enter(&h, &t) == PLAN_OPEN);
    EXPECT(t.paying); /* so that it is held for, and booked, as credit */
    plan_leave(&t);
    EXPECT(call(&h, 200, FINE, HOUR).verdict == PLAN_FINE);
    REQUIRE(enter(&h, &t) == PLAN_OPEN);
    EXPECT(!t.paying);
    plan_leave(&t);
    EXPECT(call(&h, 429, REJECTED, HOUR).verdict == PLAN_EXHAUSTED); /* that is no bill */
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    house_close(&h);
}

TEST(an_answer_to_a_call_from_before_opens_nothing)
{
    struct house h;
    struct plan_ticket slow, fast;
    struct plan_signal fine = read_lines(U "status: allowed\n" U "5h-status: allowed\n");
    REQUIRE(house_make(&h));
    REQUIRE(enter(&h, &slow) == PLAN_OPEN && enter(&h, &fast) == PLAN_OPEN);
    struct plan_signal s = read_lines(U "status: rejected\n" U "5h-status: rejected\n" U "5h-reset: 1795269600\n");
    EXPECT(hear(&h, &fast, 429, -1, &s).became_spent);
    EXPECT(!hear(&h, &slow, 200, -1, &fine).came_back);
    plan_leave(&fast);
    plan_leave(&slow);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    REQUIRE(enter(&h, &slow) == PLAN_SPENT);
    /* Two that are refused at once say it once. */
    house_close(&h);
    REQUIRE(house_make(&h));
    REQUIRE(enter(&h, &slow) == PLAN_OPEN && enter(&h, &fast) == PLAN_OPEN);
    EXPECT(hear(&h, &fast, 429, -1, &s).became_spent);
    struct plan_heard second = hear(&h, &slow, 429, -1, &s);
    EXPECT(second.verdict == PLAN_EXHAUSTED && !second.became_spent);
    house_close(&h);
}

TEST(credentials_do_not_rest_for_one_another)
{
    struct house h;
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, HOUR);
    h.holder = plan_holder(h.plan, STR("Bearer another"));
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN);
    EXPECT(call(&h, 200, FINE, HOUR).verdict == PLAN_FINE && !call(&h, 200, FINE, HOUR).came_back);
    h.holder = plan_holder(h.plan, STR("Bearer sk-ant-oat-secret"));
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    house_close(&h);
}

TEST(many_credentials_push_out_the_idle_ones_first)
{
    struct house h;
    REQUIRE(house_make(&h));
    uint64_t spent = h.holder;
    (void)call(&h, 429, REJECTED, 4 * HOUR);
    for (int i = 0; i < 3 * HOLDERS_MAX; i++) {
        char name[32];
        text_format(name, sizeof name, "Bearer %d", i);
        h.holder = plan_holder(h.plan, str_from(name));
        clock_advance(&h.clock, 1000);
        (void)call(&h, 200, FINE, HOUR);
    }
    EXPECT_I64(h.plan->holder_count, HOLDERS_MAX);
    h.holder = spent;
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    house_close(&h);
}

TEST(the_reserve_keeps_the_tail_of_a_window_from_batch_calls)
{
    struct house h;
    struct plan_ticket t;
    struct plan_why why;
    REQUIRE(house_make(&h));
    h.terms.reserve_ppm = 200000;
    REQUIRE(ledger_plan(&h.plan, h.ledger, STR("plan"), &h.terms, NULL) == 0);
    (void)call(&h, 200, FINE U "5h-utilization: 0.79\n", HOUR);
    EXPECT(enter_as(&h, "claude-opus-5-5", true, &t, &why) == PLAN_OPEN);
    plan_leave(&t);
    (void)call(&h, 200, FINE U "5h-utilization: 0.80\n", HOUR);
    EXPECT(enter_as(&h, "claude-opus-5-5", true, &t, &why) == PLAN_KEPT);
    EXPECT_STR(str_from(why.window), "5h");
    EXPECT_I64(why.wait_ms, HOUR);
    EXPECT(enter_as(&h, "claude-opus-5-5", false, &t, &why) == PLAN_OPEN);
    plan_leave(&t);
    clock_advance(&h.clock, HOUR);
    EXPECT(enter_as(&h, "claude-opus-5-5", true, &t, &why) == PLAN_OPEN);
    plan_leave(&t);
    house_close(&h);
}

/* --- clocks ---------------------------------------------------------------------------------------------------------------- */

TEST(a_clock_that_jumps_back_makes_no_wait_longer)
{
    struct house h;
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, HOUR);
    h.clock.fake_wall_ms -= 365 * DAY;
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    clock_advance(&h.clock, HOUR + 31000);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_PROBE);
    house_close(&h);
}

TEST(a_clock_that_jumps_ahead_costs_one_probe)
{
    struct house h;
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, HOUR);
    h.clock.fake_wall_ms += 365 * DAY; /* or the machine slept: the other clock stood still */
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_PROBE);
    h.clock.fake_wall_ms -= 365 * DAY;
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    house_close(&h);
}

TEST(resets_that_make_no_sense_are_bounded)
{
    struct house h;
    REQUIRE(house_make(&h));
    struct plan_heard heard = call(&h, 429, REJECTED, 300 * DAY);
    EXPECT(heard.why.wait_ms <= 5 * HOUR + 31000); /* no five hours are longer */
    house_close(&h);
    REQUIRE(house_make(&h));
    heard = call(&h, 429, REJECTED, -DAY); /* past: it is asked again in a moment */
    EXPECT(heard.verdict == PLAN_EXHAUSTED && heard.why.wait_ms <= 31000);
    house_close(&h);
    REQUIRE(house_make(&h));
    heard = call_as(&h, "claude-opus-5-5", 429, 900 * DAY, REJECTED, HOUR);
    EXPECT(heard.why.wait_ms <= PLAN_REST_MAX_MS);
    house_close(&h);
}

TEST(a_wrong_clock_here_is_seen_by_the_providers_date)
{
    struct house h;
    struct plan_window_view w;
    REQUIRE(house_make(&h));
    h.clock.fake_wall_ms -= 3 * HOUR; /* three hours slow; the provider says 13:00, and a reset at 14:00 */
    struct plan_heard heard = call(&h, 429, REJECTED "date: Sat, 21 Nov 2026 13:00:00 GMT\n", 4 * HOUR);
    EXPECT(heard.why.wait_ms >= HOUR && heard.why.wait_ms <= HOUR + 31000);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT_I64(w.reset_ms - clock_wall_ms(&h.clock), HOUR);
    house_close(&h);
}

/* --- restarts --------------------------------------------------------------------------------------------------------------- */

TEST(what_is_spent_stays_spent_over_a_restart)
{
    struct house h;
    struct plan_window_view w;
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, 2 * HOUR);
    uint64_t holder = h.holder;
    house_leave(&h);
    clock_advance(&h.clock, HOUR);
    h.clock.fake_mono_us = 5000000; /* another boot */
    REQUIRE(house_open(&h));
    EXPECT(h.holder == holder); /* the same secret */
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.spent && w.status == PLAN_REJECTED && w.used_ppm == 1000000 && !w.estimate);
    clock_advance(&h.clock, HOUR + 31000);
    EXPECT(call(&h, 200, FINE, HOUR).came_back);
    house_leave(&h);
    REQUIRE(house_open(&h));
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN);
    house_close(&h);
}

TEST(a_restart_with_a_clock_set_back_waits_no_longer_than_before)
{
    struct house h;
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, HOUR);
    house_leave(&h);
    h.clock.fake_wall_ms -= 100 * DAY;
    REQUIRE(house_open(&h));
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_SPENT);
    clock_advance(&h.clock, HOUR + 31000);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_PROBE);
    house_close(&h);
}

TEST(the_credential_is_nowhere_in_the_folder)
{
    struct house h;
    char path[256];
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, HOUR);
    house_leave(&h);
    static const char *const files[] = {"ledger.db", "ledger.db-wal", "plan.key", "lock"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        AUTO_BUF struct buf bytes = BUF_INIT(16 * MiB);
        kit_join(path, h.dir.path, files[i]);
        if (buf_read_file(&bytes, path, NULL) == 0)
            EXPECT(str_find(buf_str(&bytes), STR("sk-ant-oat")) < 0);
    }
    struct stat st;
    kit_join(path, h.dir.path, "plan.key");
    REQUIRE(stat(path, &st) == 0);
    EXPECT_I64(st.st_mode & 0777, 0600);
    EXPECT_I64(st.st_size, 16);
    kit_remove(h.dir.path);
}

struct seen_views {
    int count;
    bool spent;
};

static int see_view(const struct plan_view *v, void *ctx)
{
    struct seen_views *s = ctx;
    s->count++;
    s->spent = s->spent || v->block_count;
    return 0;
}

static int count_stored(const struct store_plan *p, void *ctx)
{
    *(int *)ctx += str_eq(p->upstream, STR("plan")) && p->holder && p->version && p->state.len;
    return 0;
}

TEST(a_credential_that_was_renewed_long_ago_is_not_shown)
{
    struct house h;
    struct seen_views seen = {0};
    REQUIRE(house_make(&h));
    (void)call(&h, 200, FINE, HOUR);
    clock_advance(&h.clock, 7 * DAY);
    EXPECT_I64(plan_views(h.plan, now_of(&h), see_view, &seen), 0);
    EXPECT_I64(seen.count, 1);
    clock_advance(&h.clock, 2 * DAY);
    EXPECT_I64(plan_views(h.plan, now_of(&h), see_view, &seen), 0);
    EXPECT_I64(seen.count, 1);
    house_close(&h);
}

TEST(a_reader_beside_sees_it_too)
{
    struct house h;
    struct ledger_reader *r = NULL;
    struct seen_views seen = {0};
    REQUIRE(house_make(&h));
    (void)call(&h, 429, REJECTED, HOUR);
    REQUIRE(ledger_reader_open(&r, str_from(h.dir.path), NULL) == 0);
    EXPECT_I64(ledger_plan_views(r, now_of(&h), see_view, &seen, NULL), 0);
    EXPECT(seen.count == 1 && seen.spent);
    ledger_reader_close(r);
    char backup[256];
    struct ledger_backup found;
    struct store *s = NULL;
    struct kit_dir aside = kit_dir_make();
    kit_join(backup, aside.path, "copy.db");
    EXPECT_I64(ledger_backup(str_from(h.dir.path), backup, false, &found, NULL), 0);
    REQUIRE(store_open(&s, backup, true, NULL) == 0);
    int stored = 0;
    EXPECT_I64(store_plans(s, count_stored, &stored, NULL), 0);
    EXPECT_I64(stored, 1);
    store_close(s);
    kit_remove(aside.path);
    house_close(&h);
}

/* --- estimates ------------------------------------------------------------------------------------------------------------------ */

struct finding {
    const char *name;
    struct plan_window_view *out;
    bool found;
    uint64_t holder;
};

static int find_in(const struct plan_view *v, void *ctx)
{
    struct finding *f = ctx;
    for (int i = 0; v->holder == f->holder && i < v->window_count; i++)
        if (strcmp(v->window[i].name, f->name) == 0) {
            *f->out = v->window[i];
            f->found = true;
        }
    return 0;
}

static bool find_window(const struct house *h, const char *name, struct plan_window_view *out)
{
    struct finding f = {.name = name, .out = out, .holder = h->holder};
    (void)plan_views(h->plan, now_of(h), find_in, &f);
    return f.found;
}

static void use(struct house *h, int64_t nusd)
{
    struct plan_ticket t;
    if (enter(h, &t) == PLAN_OPEN)
        plan_used(&t, nusd, now_of(h));
    plan_leave(&t);
}

TEST(between_two_words_use_is_estimated_and_the_next_word_corrects_it)
{
    struct house h;
    struct plan_window_view w;
    REQUIRE(house_make(&h));
    (void)call(&h, 200, FINE U "5h-utilization: 0.10\n", 2 * HOUR);
    use(&h, 1000000000); /* a dollar of it */
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 100000 && !w.estimate && w.own_nusd == 1000000000); /* nobody knows yet what a dollar is */
    (void)call(&h, 200, FINE U "5h-utilization: 0.20\n", 2 * HOUR);
    use(&h, 500000000);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 250000 && w.estimate);
    (void)call(&h, 200, FINE U "5h-utilization: 0.22\n", 2 * HOUR);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 220000 && !w.estimate); /* the provider is right */
    use(&h, INT64_MAX);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 1000000 && w.estimate);
    EXPECT(look(&h, "claude-opus-5-5") == PLAN_OPEN); /* full by our own count spends nothing */
    house_close(&h);
}

static int find_elsewhere(const struct plan_view *v, void *ctx)
{
    if (v->elsewhere && v->window_count > 0)
        *(struct plan_window_view *)ctx = v->window[0];
    return 0;
}

TEST(use_beside_hearth_is_an_estimate_that_keeps_the_reserve_and_spends_nothing)
{
    struct house h;
    struct plan_ticket t;
    struct plan_why why;
    REQUIRE(house_make(&h));
    h.terms.reserve_ppm = 200000;
    REQUIRE(ledger_plan(&h.plan, h.ledger, STR("plan"), &h.terms, NULL) == 0);
    (void)call(&h, 200, FINE U "5h-utilization: 0.10\n", 2 * HOUR);
    use(&h, 1000000000);
    (void)call(&h, 200, FINE U "5h-utilization: 0.20\n", 2 * HOUR); /* a dollar is a tenth */
    struct plan_estimate told = {.name = "5h", .list_nusd = 12000000000, .reset_ms = clock_wall_ms(&h.clock) + HOUR};
    uint64_t beside = plan_estimated(h.plan, &told, 1, now_of(&h));
    EXPECT(beside != h.holder);
    EXPECT(enter_as(&h, "claude-opus-5-5", true, &t, &why) == PLAN_KEPT);
    EXPECT_STR(str_from(why.window), "5h");
    EXPECT(enter_as(&h, "claude-opus-5-5", false, &t, &why) == PLAN_OPEN); /* more than full, and yet only an estimate */
    plan_leave(&t);
    REQUIRE(plan_journal(h.plan, beside, h.writer, now_of(&h)) == 0 && ledger_flush(h.writer, NULL) == 0);
    house_leave(&h);
    REQUIRE(house_open(&h));
    struct plan_window_view w = {.used_ppm = -1};
    (void)plan_views(h.plan, now_of(&h), find_elsewhere, &w);
    EXPECT(w.used_ppm == 1000000 && w.estimate && w.own_nusd == 12000000000 && w.reset_estimate && !w.spent);
    EXPECT_I64(w.reset_ms, told.reset_ms);
    struct plan_now between = now_of(&h); /* the wall clock has come to its next millisecond, the other one not yet */
    between.mono_ms++;
    (void)plan_views(h.plan, between, find_elsewhere, &w);
    EXPECT_I64(w.reset_ms, told.reset_ms);
    between.mono_ms += 60000;
    (void)plan_views(h.plan, between, find_elsewhere, &w);
    EXPECT_I64(w.reset_ms, told.reset_ms - 60001);
    told.list_nusd = 5000000000; /* what is told replaces what was */
    (void)plan_estimated(h.plan, &told, 1, now_of(&h));
    (void)plan_views(h.plan, now_of(&h), find_elsewhere, &w);
    EXPECT_I64(w.used_ppm, 500000);
    told.list_nusd = 9000000000;
    (void)plan_estimated(h.plan, &told, 1, now_of(&h));
    EXPECT(enter_as(&h, "claude-opus-5-5", true, &t, &why) == PLAN_KEPT);
    clock_advance(&h.clock, HOUR);
    EXPECT(enter_as(&h, "claude-opus-5-5", true, &t, &why) == PLAN_OPEN); /* its window has begun anew */
    plan_leave(&t);
    told.reset_ms = 0;
    (void)plan_estimated(h.plan, &told, 1, now_of(&h));
    uint64_t mine = h.holder;
    h.holder = plan_holder(h.plan, STR("another"));
    EXPECT(enter_as(&h, "claude-opus-5-5", false, &t, &why) == PLAN_OPEN);
    plan_leave(&t);
    h.holder = mine;
    EXPECT(enter_as(&h, "claude-opus-5-5", true, &t, &why) == PLAN_OPEN); /* of two, nobody knows whose it is */
    plan_leave(&t);
    house_close(&h);
}

TEST(a_window_nobody_has_told_of_opens_with_its_first_call)
{
    struct house h;
    struct plan_window_view w;
    REQUIRE(house_make(&h));
    use(&h, 1000);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == -1 && w.own_nusd == 1000 && w.reset_estimate);
    EXPECT_I64(w.reset_ms, START + 5 * HOUR);
    clock_advance(&h.clock, 6 * HOUR); /* a gap */
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.own_nusd == 0 && w.reset_ms == 0);
    use(&h, 70);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.own_nusd == 70 && w.reset_ms == START + 11 * HOUR);
    house_close(&h);
}

TEST(use_falls_out_of_a_sliding_window)
{
    struct house h;
    struct plan_window_view w;
    REQUIRE(house_make(&h));
    h.terms.sliding = true;
    REQUIRE(ledger_plan(&h.plan, h.ledger, STR("plan"), &h.terms, NULL) == 0);
    use(&h, 1000000000);
    struct plan_signal s;
    plan_signal_init(&s);
    s.window[s.window_count++] = (struct plan_window_signal){.name = "5h", .used_ppm = 500000, .span_ms = 5 * HOUR, .sliding = true};
    plan_told(h.plan, h.holder, &s, now_of(&h));
    clock_advance(&h.clock, HOUR);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 500000 && w.sliding);
    clock_advance(&h.clock, 5 * HOUR);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 0 && w.estimate);
    plan_told(h.plan, h.holder, &s, now_of(&h)); /* used elsewhere: it goes evenly */
    clock_advance(&h.clock, 5 * HOUR / 2);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.used_ppm == 250000 && w.estimate);
    house_close(&h);
}

TEST(the_pace_tells_when_a_window_will_be_spent)
{
    struct house h;
    struct plan_window_view w;
    REQUIRE(house_make(&h));
    (void)call(&h, 200, FINE U "5h-utilization: 0.80\n", 3 * HOUR); /* 80 % in two hours */
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT_I64(w.pace_ppm, 2000000);
    EXPECT_I64(w.spent_at_ms, START + HOUR / 2);
    (void)call(&h, 200, FINE U "5h-utilization: 0.20\n", 3 * HOUR);
    REQUIRE(find_window(&h, "5h", &w));
    EXPECT(w.pace_ppm == 500000 && w.spent_at_ms == 0);
    house_close(&h);
}

/* --- the odd ends ------------------------------------------------------------------------------------------------------------------ */

TEST(families_are_read_from_models_names)
{
    static const struct {
        const char *model, *family;
    } cases[] = {{"claude-opus-5-5", "opus"}, {"claude-3-5-sonnet-20241022", "sonnet"}, {"anthropic/claude-fable-5", "fable"},
                 {"glm-4.6", "glm"}, {"gpt-5.3-codex", "gpt"}, {"CLAUDE-Haiku-5", "haiku"}, {"", ""}, {"123", ""}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char family[PLAN_FAMILY_BYTES];
        plan_family(str_from(cases[i].model), family);
        EXPECT_STR(str_from(family), cases[i].family);
    }
}

TEST(a_state_that_is_not_ours_is_left_out)
{
    static const char *const texts[] = {"", "{", "[]x", "{\"windows\":[{}]}", "{\"windows\":[{\"name\":\"5h\",\"status\":9}]}",
                                        "{\"rests\":[{\"window\":\"5h\"}]}",
                                        "{\"windows\":[{\"name\":\"a name that is longer than any window's name\"}]}",
                                        "{\"windows\":[{\"name\":\"5h\",\"used_ppm\":900000000000}]}"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct plan_holder_state h = {0};
        EXPECT(plan_state_read(&h, str_from(texts[i]), (struct plan_now){START, 0}) < 0);
    }
}

static int torture_plan(void *ctx)
{
    (void)ctx;
    struct house h;
    struct plan_ticket t;
    if (!house_make(&h)) {
        if (h.plan == NULL && h.writer)
            ledger_writer_close(h.writer);
        ledger_close(h.ledger);
        kit_remove(h.dir.path);
        return 1;
    }
    struct plan_signal s = read_lines(U "status: rejected\n" U "5h-status: rejected\n" U "5h-reset: 1795269600\n");
    int rc = 0;
    if (enter(&h, &t) == PLAN_OPEN) { /* without memory nothing is known, and nothing stands in the way */
        (void)hear(&h, &t, 429, -1, &s);
        rc = plan_journal(h.plan, h.holder, h.writer, now_of(&h));
        plan_leave(&t);
    }
    house_close(&h);
    return rc;
}

TEST(no_allocation_is_missed)
{
    EXPECT(test_torture("ledger_plan", torture_plan, NULL) > 0);
}
