/* test_config.c: whole files: what they mean, where they are wrong, and where they are looked for.
 *
 * tests/golden/config holds the files: each good-*.yaml must be accepted; each bad-*.yaml begins with the comment
 * `# expect: ` and the one line that must be reported. */
#include "base/json.h"
#include "config/config.h"
#include "config/config_priv.h"
#include "test.h"
#include "wire/models.h"
#include "wire/wire.h"
#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPECT_MARK(m, l, c) EXPECT_I64((m).line * 1000 + (m).column, (l)*1000 + (c))

enum { FILE_BYTES_MAX = 64 * 1024 };

/* Tests are started in the root of the tree, or somewhere in its build folder. */
static bool golden_path(struct buf *out, const char *name)
{
    static const char *const roots[] = {"", "../", "../../", "../../../"};
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        buf_clear(out);
        const char *text =
            buf_append_format(out, "%stests/golden/config/%s", roots[i], name) == 0 ? buf_text(out) : NULL;
        if (text && access(text, R_OK) == 0)
            return true;
    }
    return false;
}

static bool golden_read(struct buf *out, const char *name)
{
    AUTO_BUF struct buf path = BUF_INIT(PATH_MAX);
    if (!golden_path(&path, name))
        return false;
    buf_clear(out);
    return buf_read_file(out, buf_text(&path), NULL) == 0;
}

static struct config *read_text(const char *text)
{
    struct config *c = NULL;
    struct err e = {0};
    if (config_read(&c, str_from(text), STR("t.yaml"), &e) < 0)
        test_fail(__FILE__, __LINE__, "refused: %d:%d: %s", e.line, e.column, e.text);
    return c;
}

static struct config *read_golden(const char *name)
{
    AUTO_BUF struct buf text = BUF_INIT(FILE_BYTES_MAX);
    if (!golden_read(&text, name) || !buf_text(&text)) {
        test_fail(__FILE__, __LINE__, "cannot read the golden file %s", name);
        return NULL;
    }
    return read_text(text.ptr);
}

/* Reads text that must be refused, and gives the story as "line:column: message". */
static void refusal(const char *text, char *out, size_t out_bytes)
{
    struct config *c = NULL;
    struct err e = {0};
    int rc = config_read(&c, str_from(text), STR("t.yaml"), &e);
    EXPECT(rc < 0 && rc == e.code && !c);
    text_format(out, out_bytes, "%d:%d: %s", e.line, e.column, rc < 0 ? e.text : "accepted");
    config_free(c);
}

#define EXPECT_REFUSED(text, want)              \
    do {                                        \
        char story_[1100];                      \
        refusal((text), story_, sizeof story_); \
        EXPECT_STR(str_from(story_), (want));   \
    } while (0)

static const struct config_upstream *upstream(const struct config *c, const char *name)
{
    for (int i = 0; i < c->upstream_count; i++)
        if (str_eq(c->upstream[i].name.text, str_from(name)))
            return &c->upstream[i];
    static const struct config_upstream none;
    test_fail(__FILE__, __LINE__, "no upstream %s", name);
    return &none;
}

static const struct config_job *job(const struct config *c, const char *name)
{
    for (int i = 0; i < c->job_count; i++)
        if (str_eq(c->job[i].name.text, str_from(name)))
            return &c->job[i];
    static const struct config_job none;
    test_fail(__FILE__, __LINE__, "no job %s", name);
    return &none;
}

/* --- meaning ------------------------------------------------------------------------------------- */

static void check_design_upstreams(const struct config *c)
{
    EXPECT_I64(c->upstream_count, 7);
    const struct config_upstream *u = upstream(c, "deepseek");
    EXPECT_STR(u->vendor.text, "deepseek");
    EXPECT_STR(u->key.text, "env:DEEPSEEK_API_KEY");
    EXPECT_MARK(u->mark, 5, 3);
    EXPECT_MARK(u->key.mark, 7, 10);
    EXPECT(!u->url.text.ptr && !u->dialect.text.ptr && u->place == PLACE_UNSET && u->budget_month_nusd == -1);
    u = upstream(c, "kimi");
    EXPECT_I64(u->budget_month_nusd, INT64_C(10000000000));
    EXPECT(u->budget_day_nusd == -1 && u->budget_hour_nusd == -1 && u->budget_mark.line == 8);
    u = upstream(c, "plan");
    EXPECT_STR(u->key.text, "passthrough");
    EXPECT_STR(u->regime.text, "plan");
    EXPECT_I64(u->plan_monthly_nusd, INT64_C(100000000000));
    EXPECT(u->plan_window_count == 2 && u->plan_window_ms[0] == 18000000 && u->plan_window_ms[1] == 604800000);
    u = upstream(c, "closet");
    EXPECT_STR(u->dialect.text, "ollama");
    EXPECT_STR(u->url.text, "http://10.0.0.7:11434");
    EXPECT(u->place == PLACE_HOME && u->place_mark.line == 19 && u->concurrent == 4);
    EXPECT(u->connect_ms == 5000 && u->first_byte_ms == 120000 && u->idle_ms == 120000 && u->total_ms == 900000);
    u = upstream(c, "engine");
    EXPECT_STR(u->dialect.text, "engine");
    EXPECT(u->connect_ms == 5000 && u->first_byte_ms == 120000 && u->idle_ms == 120000 && u->total_ms == 900000);
    EXPECT(u->queue_max == 32 && u->queue_wait_ms == 2000 && u->concurrent == 0);
}

TEST(what_a_plan_allows_is_read_and_has_its_defaults)
{
    struct config *c = NULL;
    struct err e = {0};
    REQUIRE(config_read(&c, STR("plans: off\nupstreams:\n  p: { url: \"https://a.example/v1\", regime: plan, plan: { kind: sliding, overage: allow, "
                                "reserve: 20% for interactive, quota: \"https://a.example/q\" } }\n  q: { url: \"https://a.example/v1\" }\n"),
                        STR("t.yaml"), &e) == 0);
    const struct config_upstream *p = &c->upstream[0], *q = &c->upstream[1];
    EXPECT(c->plans_off && p->plan_sliding && p->plan_overage_allow && config_reserve_ppm(p->plan_reserve.text) == 200000);
    EXPECT_STR(p->plan_quota.text, "https://a.example/q");
    EXPECT(!q->plan_sliding && !q->plan_overage_allow && !q->plan_reserve.text.len && !q->plan_quota.text.len);
    config_free(c);
}

static void check_design_jobs(const struct config *c)
{
    EXPECT_I64(c->job_count, 8);
    const struct config_job *j = job(c, "bulk");
    EXPECT(j->step_count == 3 && j->boundary == BOUNDARY_UNSET && j->balance == BALANCE_ORDER);
    EXPECT_STR(j->step[1].target[0].name.text, "closet/llama3.1:8b");
    EXPECT_I64(j->step[1].target[0].weight, 1);
    j = job(c, "fast");
    EXPECT(j->step_count == 1 && j->step[0].target_count == 2 && j->balance == BALANCE_FASTEST);
    EXPECT_STR(j->step[0].target[0].name.text, "groq/openai/gpt-oss-120b");
    EXPECT(j->step[0].balance == BALANCE_UNSET);
    j = job(c, "hard");
    EXPECT_I64(j->step_count, 2);
    EXPECT_STR(j->step[1].target[0].name.text, "deepseek/deepseek-v4-pro");
    EXPECT(j->step[1].max_context == 100000 && j->step[1].hedge_after_ms == 2000 && j->step[0].hedge_after_ms == 0);
    j = job(c, "private");
    EXPECT(j->boundary == BOUNDARY_HOME && j->boundary_mark.line == 29 && j->mark.line == 29);
    j = job(c, "archive");
    EXPECT_STR(j->requires_url.text, "http://127.0.0.1:8000/health");
    REQUIRE(j->default_count == 1);
    EXPECT_STR(j->defaults[0].key, "max_tokens");
    EXPECT_STR(j->defaults[0].json, "800");
}

TEST(the_example_of_the_design_means_what_it_says)
{
    struct config *c = read_golden("good-design.yaml");
    REQUIRE(c);
    EXPECT_I64(c->listen_count, 1);
    EXPECT_STR(c->listen[0].text, "127.0.0.1:4242");
    EXPECT_MARK(c->listen[0].mark, 2, 9);
    EXPECT_I64(c->home_network_count, 1);
    EXPECT_STR(c->home_networks[0].text, "10.0.0.0/8");
    check_design_upstreams(c);
    check_design_jobs(c);
    REQUIRE(c->alias_count == 2);
    EXPECT_STR(c->alias[1].name.text, "claude-*");
    EXPECT_STR(c->alias[1].to.text, "hard");
    REQUIRE(c->price_count == 1);
    EXPECT_STR(c->price[0].target.text, "deepseek/deepseek-flash");
    EXPECT(c->price[0].input == 150000000 && c->price[0].cached == 3000000 && c->price[0].output == 600000000);
    EXPECT(c->price[0].cache_write == INT64_MIN && c->price[0].weekdays == 0 && c->price[0].span[0].to_min == 0);
    REQUIRE(c->fx_count == 1);
    EXPECT_STR(c->fx[0].currency, "EUR");
    EXPECT_I64(c->fx[0].usd_scaled9, 1080000000);
    EXPECT_I64(c->electricity_nusd_kwh, 270000000);
    EXPECT_I64(c->ledger_keep_ms, INT64_C(34560000000));
    EXPECT(c->hops_max == 8 && c->head_after_ms == 20000 && c->loops == 0 && !c->successors_allow);
    EXPECT_STR(c->path, "t.yaml");
    config_free(c);
}

TEST(an_empty_file_is_all_defaults)
{
    struct config *c = read_text("");
    REQUIRE(c);
    EXPECT_I64(c->listen_count, 1);
    EXPECT_STR(c->listen[0].text, "127.0.0.1:4242");
    EXPECT_MARK(c->listen[0].mark, 0, 0);
    EXPECT(c->hops_max == 8 && c->head_after_ms == 20000 && c->body_bytes_max == 64 << 20 && c->loops == 0);
    EXPECT(c->electricity_nusd_kwh == -1 && c->ledger_keep_ms == 0 && !c->successors_allow && !c->data.text.ptr);
    EXPECT(c->upstream_count + c->job_count + c->alias_count + c->price_count + c->fx_count + c->host_count == 0);
    config_free(c);
}

TEST(every_option_lands_in_its_field)
{
    struct config *c = read_golden("good-everything.yaml");
    REQUIRE(c);
    EXPECT_I64(c->listen_count, 4);
    EXPECT_STR(c->listen[3].text, "unix:/run/hearth.sock");
    EXPECT(c->home_network_count == 2 && c->host_count == 2 && c->origin_count == 1);
    EXPECT_STR(c->hosts[1].text, "[fd00::1]");
    EXPECT_STR(c->origins[0].text, "https://chat.example.org:8443");
    EXPECT_STR(c->data.text, "~/hearth-data");
    EXPECT_STR(c->resolver.text, "127.0.0.1:5353");
    EXPECT_STR(c->ca_file.text, "/etc/ssl/own.pem");
    EXPECT(c->loops == 2 && c->successors_allow && c->hops_max == 64 && c->head_after_ms == 1000);
    EXPECT_I64(c->body_bytes_max, 1572864);
    EXPECT_I64(c->ledger_keep_ms, INT64_C(36500) * 86400000);
    const struct config_upstream *u = upstream(c, "full.house-1");
    EXPECT(u->place == PLACE_CLOUD && u->concurrent == 4 && u->watts == 0 && u->queue_max == 0 && u->queue_wait_ms == 0);
    EXPECT(u->connect_ms == 1500 && u->first_byte_ms == 90000 && u->idle_ms == 120000 && u->total_ms == 3600000);
    EXPECT(u->budget_hour_nusd == 500000000 && u->budget_day_nusd == INT64_C(5400000000));
    EXPECT(u->budget_month_nusd == INT64_C(100000000000) && u->plan_monthly_nusd == INT64_C(21600000000));
    EXPECT(u->plan_window_count == 1 && u->plan_window_ms[0] == 18000000 && u->model_count == 3);
    EXPECT_STR(u->models[1].text, "llama3.1:8b");
    EXPECT_STR(u->key.text, "file:~/.keys/moonshot");
    EXPECT_STR(u->regime.text, "credit");
    u = upstream(c, "socket");
    EXPECT_STR(u->unix_path.text, "/run/model.sock");
    EXPECT(u->rpm == 60 && u->tpm == 200000);
    EXPECT(u->watts == 285 && !u->url.text.ptr && u->unix_path.mark.line == 27);
    EXPECT_I64(c->alias_count, 3);
    config_free(c);
}

/* Files are meant from where the config lies, whatever folder the daemon was started in. */
TEST(models_of_the_engine_have_files_beside_the_config)
{
    struct config *c = NULL;
    struct err e = {0};
    EXPECT_I64(config_read(&c, STR("upstreams:\n  e: { dialect: engine, context: 8k, threads: 4, models: { \"a:1b\": sub/a.gguf, b: /srv/b.gguf } }\n"),
                           STR("/etc/hearth/hearth.yaml"), &e), 0);
    if (!c)
        return;
    const struct config_upstream *u = c->upstream;
    EXPECT(u->engine && u->place == PLACE_HOME && u->model_count == 2);
    EXPECT_STR(u->models[0].text, "a:1b");
    EXPECT_STR(u->model_file[0].text, "/etc/hearth/sub/a.gguf");
    EXPECT_STR(u->model_file[1].text, "/srv/b.gguf");
    EXPECT(u->engine_context == 8000 && u->engine_threads == 4 && u->engine_calls == 8);
    config_free(c);
    c = NULL;
    EXPECT_I64(config_read(&c, STR("upstreams:\n  e: { dialect: engine, models: { a: a.gguf } }\n"), STR("hearth.yaml"), &e), 0);
    if (c)
        EXPECT_STR(c->upstream->model_file[0].text, "a.gguf");
    config_free(c);
}

TEST(steps_have_three_shapes)
{
    struct config *c = read_golden("good-everything.yaml");
    REQUIRE(c);
    const struct config_job *j = job(c, "steps");
    EXPECT(j->balance == BALANCE_CHEAPEST && j->boundary == BOUNDARY_ANY);
    REQUIRE(j->step_count == 4);
    EXPECT_STR(j->step[0].target[0].name.text, "full.house-1/a/b:c");
    EXPECT_MARK(j->step[0].mark, 35, 9);
    const struct config_step *group = &j->step[1];
    REQUIRE(group->target_count == 3);
    EXPECT(group->target[0].weight == 1 && group->target[1].weight == 1000 && group->target[2].weight == 1);
    const struct config_step *map = &j->step[2];
    REQUIRE(map->target_count == 1 && map->tag_count == 2);
    EXPECT_STR(map->target[0].name.text, "socket/four");
    EXPECT(map->balance == BALANCE_LEAST_BUSY && map->hedge_after_ms == 250 && map->max_context == 1500000);
    EXPECT(map->needs == (NEED_TOOLS | NEED_JSON));
    EXPECT_STR(map->tags[1], "team:a");
    const struct config_step *last = &j->step[3];
    REQUIRE(last->target_count == 2 && last->tag_count == 1);
    EXPECT(last->balance == BALANCE_WEIGHTED && last->needs == NEED_VISION && last->target[1].weight == 3);
    EXPECT_STR(last->tags[0], "x");
    config_free(c);
}

TEST(hours_become_rows_before_the_row_of_all_other_times)
{
    struct config *c = read_golden("good-everything.yaml");
    REQUIRE(c);
    REQUIRE(c->price_count == 7);
    EXPECT(c->price[0].cache_write == 1080000000 && c->price[0].cached == 0 && c->price[0].output == 600000000);
    const struct config_price *p = &c->price[1]; /* Monday to Friday, all its own but cache_write */
    EXPECT_STR(p->target.text, "socket/m");
    EXPECT(p->weekdays == 0x3e && p->utc_offset_min == 480 && p->span[0].from_min == 540 && p->span[0].to_min == 720);
    EXPECT(p->input == 2000000000 && p->cached == 500000000 && p->output == 8000000000 && p->cache_write == INT64_MIN);
    p = &c->price[2]; /* the weekend and Monday; input is the target's */
    EXPECT(p->weekdays == 0x43 && p->utc_offset_min == -210 && p->span[0].from_min == 0 && p->span[0].to_min == 1440);
    EXPECT(p->input == 1000000000 && p->output == 2000000000 && p->cached == INT64_MIN);
    p = &c->price[3]; /* over midnight: two spans */
    EXPECT(p->weekdays == 0x7f && p->span[0].from_min == 1320 && p->span[0].to_min == 1440);
    EXPECT(p->span[1].from_min == 0 && p->span[1].to_min == 360 && p->input == 500000000);
    p = &c->price[4]; /* up to midnight */
    EXPECT(p->span[0].from_min == 1200 && p->span[0].to_min == 1440 && p->span[1].to_min == 0);
    EXPECT(p->weekdays == 0x20 && p->cache_write == 3000000000 && p->output == 4000000000);
    p = &c->price[5]; /* the rest of the time */
    EXPECT(p->weekdays == 0 && p->span[0].to_min == 0 && p->input == 1000000000 && p->cached == INT64_MIN);
    EXPECT_STR(c->price[6].target.text, "socket/night"); /* hours alone: outside of them nothing is said */
    EXPECT(c->price[6].weekdays == 0x7f && c->price[6].input == 100000000 && c->price[6].output == INT64_MIN);
    config_free(c);
}

TEST(defaults_become_json_by_the_core_schema)
{
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"800", "800"},
        {"0800", "800"},
        {"-3", "-3"},
        {"+7", "7"},
        {"0", "0"},
        {"-0", "-0"},
        {"000", "0"},
        {".5", "0.5"},
        {"-.5", "-0.5"},
        {"3.", "3"},
        {"1.50", "1.50"},
        {"1e-1", "1e-1"},
        {"1E+5", "1e+5"},
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"0x1f", "31"},
        {"0o17", "15"},
        {"0xg", "\"0xg\""},
        {"0x", "\"0x\""},
        {"0xfffffffffffffffff", "\"0xfffffffffffffffff\""},
        {"1.2.3", "\"1.2.3\""},
        {".", "\".\""},
        {"+", "\"+\""},
        {"1e", "\"1e\""},
        {"e1", "\"e1\""},
        {"1 2", "\"1 2\""},
        {"true", "true"},
        {"True", "true"},
        {"FALSE", "false"},
        {"yes", "\"yes\""},
        {"tRue", "\"tRue\""},
        {"null", "null"},
        {"~", "null"},
        {"", "null"},
        {"Null", "null"},
        {"text", "\"text\""},
        {"\"800\"", "\"800\""},
        {"'true'", "\"true\""},
        {"\"a\\\"\\n\\u00e9\"", "\"a\\\"\\n\xc3\xa9\""},
        {"[1, two, [~]]", "[1,\"two\",[null]]"},
        {"{a: 1, \"b c\": {d: []}}", "{\"a\":1,\"b c\":{\"d\":[]}}"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[200];
        text_format(text, sizeof text, "jobs:\n  j:\n    chain: [a/b]\n    defaults:\n      x: %s\n", cases[i].yaml);
        struct config *c = read_text(text);
        if (c && c->job[0].default_count == 1) {
            EXPECT_STR(c->job[0].defaults[0].json, cases[i].json);
            EXPECT(json_check(c->job[0].defaults[0].json, NULL) == 0);
            EXPECT_MARK(c->job[0].defaults[0].mark, 5, 7);
        } else {
            test_fail(__FILE__, __LINE__, "no default for %s", cases[i].yaml);
        }
        config_free(c);
    }
}

TEST(an_alias_of_yaml_means_what_its_anchor_holds)
{
    struct config *c = read_golden("good-anchors.yaml");
    REQUIRE(c);
    EXPECT(upstream(c, "two")->first_byte_ms == 600000 && upstream(c, "two")->connect_ms == 5000);
    EXPECT_I64(upstream(c, "three")->place, PLACE_HOME);
    EXPECT(job(c, "second")->step_count == 2 && job(c, "second")->boundary == BOUNDARY_HOME);
    EXPECT(job(c, "third")->step_count == 2 && job(c, "third")->boundary == BOUNDARY_UNSET);
    config_free(c);
}

/* --- errors -------------------------------------------------------------------------------------- */

typedef void each_fn(const char *name, struct buf *text);

static int each_golden(const char *prefix, each_fn *fn)
{
    AUTO_BUF struct buf folder = BUF_INIT(PATH_MAX), text = BUF_INIT(FILE_BYTES_MAX);
    DIR *d = golden_path(&folder, "") ? opendir(buf_text(&folder)) : NULL;
    int count = 0;
    for (struct dirent *entry; d && (entry = readdir(d));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
            continue;
        count++;
        if (golden_read(&text, entry->d_name))
            fn(entry->d_name, &text);
        else
            test_fail(__FILE__, __LINE__, "cannot read %s", entry->d_name);
    }
    if (d)
        closedir(d);
    return count;
}

static void check_good(const char *name, struct buf *text)
{
    struct config *c = NULL;
    struct err e = {0};
    if (config_read(&c, buf_str(text), str_from(name), &e) < 0)
        test_fail(__FILE__, __LINE__, "%s:%d:%d: %s", name, e.line, e.column, e.text);
    config_free(c);
}

static void check_bad(const char *name, struct buf *text)
{
    struct config *c = NULL;
    struct err e = {0};
    struct str rest = buf_str(text), expected = STR_NONE;
    AUTO_BUF struct buf story = BUF_INIT(4096);
    if (!str_cut(&rest, '\n', &expected) || !str_starts(expected, STR("# expect: ")))
        test_fail(__FILE__, __LINE__, "%s does not begin with its expectation", name);
    int rc = config_read(&c, buf_str(text), str_from(name), &e);
    if (rc >= 0)
        test_fail(__FILE__, __LINE__, "%s was accepted", name);
    else if (config_error(&story, str_from(name), &e) < 0 || !str_eq(buf_str(&story), str_skip(expected, 10)))
        test_fail(__FILE__, __LINE__, "%s: got \"%.*s\"", name, STR_FMT(story));
    EXPECT(str_find(buf_str(&story), STR("THISISSECRET")) < 0);
    config_free(c);
}

TEST(every_good_file_is_accepted)
{
    EXPECT(each_golden("good-", check_good) >= 7);
}

TEST(every_bad_file_is_refused_at_its_place_with_its_story)
{
    EXPECT(each_golden("bad-", check_bad) >= 100);
}

TEST(unknown_keys_name_the_nearest_known_one)
{
    EXPECT_REFUSED("upstrems:\n", "1:1: unknown key `upstrems`; did you mean `upstreams`?");
    EXPECT_REFUSED("jobs:\n  b: { chain: [a/b], blance: order }\n",
                   "2:22: unknown key `blance`; did you mean `balance`?");
}

TEST(a_wrong_secret_is_not_repeated_anywhere_in_its_error)
{
    static const char *const rows[] = {"key: THISISSECRET",
                                       "key: env:THIS-ISSECRET",
                                       "key: \"sk-THISISSECRET\\n\"",
                                       "url: https://user:THISISSECRET@h/v1",
                                       "url: https://h/?key=THISISSECRET",
                                       "key: [THISISSECRET]",
                                       "key: { THISISSECRET: 1 }"};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[200], story[1100];
        text_format(text, sizeof text, "upstreams:\n  a:\n    vendor: x\n    %s\n", rows[i]);
        refusal(text, story, sizeof story);
        EXPECT(!strstr(story, "SECRET") && str_starts(str_from(story), STR("4:")));
    }
}

/* --- bounds -------------------------------------------------------------------------------------- */

/* `count` times `row` (with a number in it) under `head`; refused or not. */
static bool accepts_many(const char *head, const char *row, int count)
{
    AUTO_BUF struct buf text = BUF_INIT(2 * MiB);
    EXPECT(buf_append_text(&text, head) == 0);
    for (int i = 0; i < count; i++) {
        struct str rest = str_from(row), part = STR_NONE;
        EXPECT(str_cut(&rest, '#', &part) &&
               buf_append_format(&text, "%.*s%d%.*s\n", STR_FMT(part), i, STR_FMT(rest)) == 0);
    }
    struct config *c = NULL;
    int rc = config_read(&c, buf_str(&text), STR("t.yaml"), NULL);
    config_free(c);
    return rc == 0;
}

TEST(bounds_hold_to_the_very_number)
{
    EXPECT(accepts_many("upstreams:\n", "  u#: { vendor: x }", 256));
    EXPECT(!accepts_many("upstreams:\n", "  u#: { vendor: x }", 257));
    EXPECT(accepts_many("jobs:\n", "  j#: { chain: [a/b] }", 256));
    EXPECT(!accepts_many("jobs:\n", "  j#: { chain: [a/b] }", 257));
    EXPECT(accepts_many("jobs:\n  j:\n    chain:\n", "    - a/b#", 16));
    EXPECT(!accepts_many("jobs:\n  j:\n    chain:\n", "    - a/b#", 17));
    EXPECT(accepts_many("jobs:\n  j:\n    chain:\n    -\n", "      - a/b#", 16));
    EXPECT(!accepts_many("jobs:\n  j:\n    chain:\n    -\n", "      - a/b#", 17));
    EXPECT(accepts_many("aliases:\n", "  a#: b", 1024));
    EXPECT(!accepts_many("aliases:\n", "  a#: b", 1025));
    EXPECT(accepts_many("jobs:\n  j:\n    chain: [a/b]\n    defaults:\n      x:\n", "        k#: 1", 1024));
    EXPECT(!accepts_many("jobs:\n  j:\n    chain: [a/b]\n    defaults:\n      x:\n", "        k#: 1", 1025));
    EXPECT(accepts_many("upstreams:\n  u:\n    vendor: x\n    models:\n", "    - m#", 64));
    EXPECT(!accepts_many("upstreams:\n  u:\n    vendor: x\n    models:\n", "    - m#", 65));
}

TEST(a_file_is_at_most_a_mebibyte)
{
    AUTO_BUF struct buf text = BUF_INIT(2 * MiB);
    while (text.len < MiB)
        EXPECT(buf_append_text(&text, "# sixteen bytes\n") == 0);
    struct config *c = NULL;
    struct err e = {0};
    EXPECT_I64(config_read(&c, buf_str(&text), STR("t.yaml"), &e), 0);
    config_free(c);
    c = NULL;
    EXPECT(buf_append_char(&text, '\n') == 0);
    EXPECT_I64(config_read(&c, buf_str(&text), STR("t.yaml"), &e), ERR_LIMIT);
    EXPECT(!c && e.line == 0);
}

TEST(aliases_cannot_grow_without_bound)
{
    /* 400 aliases of an anchor with 600 values: 240,000 values from four kilobytes. */
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    EXPECT(buf_append_text(&text, "jobs:\n  j:\n    chain: [a/b]\n    defaults:\n      x: &x [1") == 0);
    for (int i = 0; i < 600; i++)
        EXPECT(buf_append_text(&text, ", 1") == 0);
    EXPECT(buf_append_text(&text, "]\n      y: [*x") == 0);
    for (int i = 0; i < 400; i++)
        EXPECT(buf_append_text(&text, ", *x") == 0);
    EXPECT(buf_append_text(&text, "]\n") == 0);
    struct config *c = NULL;
    struct err e = {0};
    EXPECT_I64(config_read(&c, buf_str(&text), STR(""), &e), ERR_LIMIT);
    EXPECT_I64(e.line, 6);
    config_free(c);
}

/* --- torture ------------------------------------------------------------------------------------- */

static int torture_read(void *ctx)
{
    struct buf *text = ctx;
    struct config *c = NULL;
    struct err e = {0};
    int rc = config_read(&c, buf_str(text), STR("t.yaml"), &e);
    if (rc < 0 && rc != ERR_NOMEM)
        test_fail(__FILE__, __LINE__, "out of memory was told as %s: %s", err_name(rc), e.text);
    if (rc < 0 && c)
        test_fail(__FILE__, __LINE__, "an output was written on failure");
    config_free(c);
    return rc;
}

TEST(reading_survives_every_failed_allocation)
{
    static const char *const names[] = {"good-design.yaml", "good-everything.yaml", "good-anchors.yaml"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO_BUF struct buf text = BUF_INIT(FILE_BYTES_MAX);
        REQUIRE(golden_read(&text, names[i]));
        (void)test_torture("config_read", torture_read, &text); /* counts and judges for itself */
    }
}

static int torture_bad(void *ctx)
{
    struct config *c = NULL;
    struct err e = {0};
    int rc = config_read(&c, str_from(ctx), STR("t.yaml"), &e);
    EXPECT(rc < 0 && !c && e.text[0]);
    return rc == ERR_INVALID ? 0 : rc;
}

TEST(refusing_survives_every_failed_allocation)
{
    char unknown[] = "jobs:\n  j: { chain: [a/b], zebra: 1 }\n";
    char word[] = "jobs:\n  j: { chain: [a/b], balance: best }\n";
    char deep[] = "jobs:\n  j: { chain: [a/b], defaults: { a: [1, { b: .nan }] } }\n";
    (void)test_torture("config_read of an unknown key", torture_bad, unknown); /* counts and judges for itself */
    (void)test_torture("config_read of a wrong word", torture_bad, word);
    (void)test_torture("config_read of an odd default", torture_bad, deep);
}

static int torture_reference(void *ctx)
{
    (void)ctx;
    AUTO_BUF struct buf out = BUF_INIT(FILE_BYTES_MAX);
    return config_reference(&out);
}

TEST(the_reference_survives_every_failed_allocation)
{
    (void)test_torture("config_reference", torture_reference, NULL); /* counts and judges for itself */
}

/* --- the reference ------------------------------------------------------------------------------- */

static void expect_rows(struct str text, const struct option_table *t)
{
    for (int i = 0; i < t->count; i++) {
        char key[64];
        text_format(key, sizeof key, "%s` |", t->row[i].key);
        if (str_find(text, str_from(key)) < 0)
            test_fail(__FILE__, __LINE__, "the reference leaves out %s", t->row[i].key);
        if (!t->row[i].text ||
            (!t->row[i].required && !t->row[i].standard && !t->row[i].absent && t->row[i].kind != OPTION_SECTION))
            test_fail(__FILE__, __LINE__, "%s has no text, or no default is told", t->row[i].key);
        if (t->row[i].table)
            expect_rows(text, t->row[i].table);
    }
}

TEST(the_reference_tells_every_option)
{
    AUTO_BUF struct buf out = BUF_INIT(FILE_BYTES_MAX);
    REQUIRE(config_reference(&out) == 0);
    expect_rows(buf_str(&out), &config_options);
    EXPECT(str_find(buf_str(&out), STR("| `upstreams.NAME.timeout.connect` | duration, 1ms to 10m | `5s` |")) > 0);
    EXPECT(str_find(buf_str(&out), STR("| `jobs.NAME.chain[].when.max_context` | tokens, 1 to 100m | any |")) > 0);
    AUTO_BUF struct buf small = BUF_INIT(100);
    EXPECT_I64(config_reference(&small), ERR_LIMIT);
}

/* The example in the reference is a file that works. */
TEST(the_example_in_the_reference_is_accepted)
{
    AUTO_BUF struct buf out = BUF_INIT(FILE_BYTES_MAX);
    REQUIRE(config_reference(&out) == 0);
    ptrdiff_t from = str_find(buf_str(&out), STR("```yaml\n"));
    REQUIRE(from > 0);
    struct str example = str_skip(buf_str(&out), (size_t)from + 8);
    example = str_slice(example, 0, (size_t)str_find(example, STR("```")));
    struct config *c = NULL;
    EXPECT_I64(config_read(&c, example, STR("reference"), NULL), 0);
    REQUIRE(c);
    EXPECT(c->price_count == 3 && c->price[0].cached == 3000000 && c->price[0].input == 300000000);
    config_free(c);
}

/* --- finding files ------------------------------------------------------------------------------- */

struct place { /* an empty folder that is home and working folder, until place_leave */
    char folder[64];
    char *home, *before;
};

static void place_enter(struct place *p)
{
    text_format(p->folder, sizeof p->folder, "/tmp/hearth-test-config-XXXXXX");
    p->before = getcwd(NULL, 0);
    const char *home = getenv("HOME");
    p->home = home ? mem_dup_text(home) : NULL;
    if (!mkdtemp(p->folder) || chdir(p->folder) != 0)
        test_fail(__FILE__, __LINE__, "cannot make a folder");
    setenv("HOME", p->folder, 1);
    unsetenv("HEARTH_CONFIG");
    unsetenv("HEARTH_DATA");
}

static void place_leave(struct place *p)
{
    static const char *const files[] = {"hearth.yaml", "other.yaml", "key", ".config/hearth/hearth.yaml"};
    for (size_t i = 0; i < COUNT_OF(files); i++)
        (void)unlink(files[i]); /* not every test makes every file */
    (void)rmdir(".config/hearth");
    (void)rmdir(".config");
    EXPECT(chdir(p->before) == 0);
    EXPECT(rmdir(p->folder) == 0);
    if (p->home)
        setenv("HOME", p->home, 1);
    mem_free(p->home);
    (free)(p->before); /* getcwd's own allocation */
}

static void put_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    EXPECT(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void expect_found(const char *given, int want_rc, const char *want)
{
    AUTO_BUF struct buf out = BUF_INIT(PATH_MAX);
    struct err e = {0};
    int rc = config_find(&out, given, &e);
    EXPECT_I64(rc, want_rc);
    if (rc == 0)
        EXPECT_STR(buf_str(&out), want);
    else if (!strstr(e.text, want) || out.len)
        test_fail(__FILE__, __LINE__, "got \"%s\"", e.text);
}

TEST(the_configuration_is_searched_in_order)
{
    struct place p;
    place_enter(&p);
    char in_home[128];
    text_format(in_home, sizeof in_home, "%s/.config/hearth/hearth.yaml", p.folder);
    if (access("/etc/hearth/hearth.yaml", F_OK) != 0)
        expect_found(NULL, ERR_NOT_FOUND, "./hearth.yaml");
    EXPECT(mkdir(".config", 0700) == 0 && mkdir(".config/hearth", 0700) == 0);
    put_file(".config/hearth/hearth.yaml", "version: 1\n");
    expect_found(NULL, 0, in_home);
    put_file("hearth.yaml", "version: 1\n");
    expect_found(NULL, 0, "./hearth.yaml");
    setenv("HEARTH_CONFIG", "other.yaml", 1);
    expect_found(NULL, ERR_NOT_FOUND, "other.yaml"); /* named and missing: no other one takes its place */
    put_file("other.yaml", "version: 1\n");
    expect_found(NULL, 0, "other.yaml");
    expect_found("hearth.yaml", 0, "hearth.yaml");
    expect_found("missing.yaml", ERR_NOT_FOUND, "missing.yaml");
    setenv("HEARTH_CONFIG", "", 1); /* empty is not set */
    expect_found(NULL, 0, "./hearth.yaml");
    unsetenv("HEARTH_CONFIG");
    place_leave(&p);
}

TEST(a_file_is_loaded_with_its_path_and_a_missing_one_is_named)
{
    struct place p;
    place_enter(&p);
    put_file("hearth.yaml", "loops: 3\n");
    struct config *c = NULL;
    struct err e = {0};
    EXPECT_I64(config_load(&c, "hearth.yaml", &e), 0);
    EXPECT(c && c->loops == 3);
    if (c)
        EXPECT_STR(c->path, "hearth.yaml");
    config_free(c);
    c = NULL;
    EXPECT_I64(config_load(&c, "missing.yaml", &e), ERR_NOT_FOUND);
    EXPECT(!c && strstr(e.text, "missing.yaml") && e.line == 0);
    EXPECT_I64(config_load(&c, ".", &e), ERR_IO);
    place_leave(&p);
}

static void expect_data(const char *given, const struct config *c, const char *want)
{
    AUTO_BUF struct buf out = BUF_INIT(PATH_MAX);
    struct err e = {0};
    if (config_data_dir(&out, given, c, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    EXPECT_STR(buf_str(&out), want);
}

TEST(the_data_folder_is_given_in_four_ways)
{
    struct place p;
    place_enter(&p);
    char text[128];
    struct config *c = read_text("data: /srv/hearth\n"), *home = read_text("data: ~/hearth\n"), *bare = read_text("");
    text_format(text, sizeof text, "%s/.local/share/hearth", p.folder);
    expect_data(NULL, bare, text);
    expect_data(NULL, NULL, text);
    text_format(text, sizeof text, "%s/hearth", p.folder);
    expect_data(NULL, home, text);
    expect_data(NULL, c, "/srv/hearth");
    setenv("HEARTH_DATA", "/env", 1);
    expect_data(NULL, c, "/env");
    expect_data("/given", c, "/given");
    unsetenv("HEARTH_DATA");
    unsetenv("HOME");
    AUTO_BUF struct buf out = BUF_INIT(PATH_MAX);
    EXPECT_I64(config_data_dir(&out, NULL, bare, NULL), ERR_NOT_FOUND);
    config_free(c);
    config_free(home);
    config_free(bare);
    place_leave(&p);
}

static void expect_secret(const char *reference, int want_rc, const char *want)
{
    AUTO_BUF struct buf out = BUF_INIT(1024);
    struct err e = {0};
    int rc = config_secret(&out, str_from(reference), &e);
    EXPECT_I64(rc, want_rc);
    if (rc == 0)
        EXPECT_STR(buf_str(&out), want);
    else if (out.len || !strstr(e.text, want) || strstr(e.text, "SECRET"))
        test_fail(__FILE__, __LINE__, "%s gave \"%s\"", reference, e.text);
}

TEST(secrets_come_from_the_environment_or_a_file)
{
    struct place p;
    place_enter(&p);
    setenv("HEARTH_TEST_KEY", "sk-1", 1);
    expect_secret("env:HEARTH_TEST_KEY", 0, "sk-1");
    setenv("HEARTH_TEST_KEY", "SECRET\r\nx-evil: 1", 1);
    expect_secret("env:HEARTH_TEST_KEY", ERR_INVALID, "env:HEARTH_TEST_KEY");
    setenv("HEARTH_TEST_KEY", "", 1);
    expect_secret("env:HEARTH_TEST_KEY", ERR_NOT_FOUND, "env:HEARTH_TEST_KEY is empty");
    unsetenv("HEARTH_TEST_KEY");
    expect_secret("env:HEARTH_TEST_KEY", ERR_NOT_FOUND, "HEARTH_TEST_KEY is not set");
    put_file("key", "  sk-2\n");
    expect_secret("file:key", 0, "sk-2");
    expect_secret("file:~/key", 0, "sk-2");
    put_file("key", "SECRET-a\nSECRET-b\n");
    expect_secret("file:key", ERR_INVALID, "file:key");
    put_file("key", "\n");
    expect_secret("file:key", ERR_NOT_FOUND, "file:key is empty");
    expect_secret("file:missing", ERR_NOT_FOUND, "missing");
    expect_secret("sk-SECRET", ERR_INVALID, "env:NAME");
    expect_secret("passthrough", ERR_INVALID, "env:NAME");
    place_leave(&p);
}

static int torture_secret(void *ctx)
{
    AUTO_BUF struct buf out = BUF_INIT(1024);
    struct err e = {0};
    return config_secret(&out, str_from(ctx), &e);
}

static int torture_find(void *ctx)
{
    (void)ctx;
    AUTO_BUF struct buf out = BUF_INIT(PATH_MAX);
    return config_find(&out, NULL, NULL);
}

TEST(finding_survives_every_failed_allocation)
{
    struct place p;
    place_enter(&p);
    char from_file[] = "file:~/key", from_environment[] = "env:HOME";
    put_file("key", "sk-2\n");
    put_file("hearth.yaml", "version: 1\n");
    (void)test_torture("config_secret of a file", torture_secret, from_file); /* counts and judges for itself */
    (void)test_torture("config_secret of a variable", torture_secret, from_environment);
    (void)test_torture("config_find", torture_find, NULL);
    place_leave(&p);
}

TEST(errors_begin_with_their_place)
{
    AUTO_BUF struct buf out = BUF_INIT(1024);
    struct err e;
    (void)err_set_at(&e, ERR_INVALID, 12, 7, "wrong");
    EXPECT(config_error(&out, STR("hearth.yaml"), &e) == 0);
    EXPECT_STR(buf_str(&out), "hearth.yaml:12:7: wrong");
    buf_clear(&out);
    (void)err_set(&e, ERR_INVALID, "wrong");
    EXPECT(config_error(&out, STR("hearth.yaml"), &e) == 0);
    EXPECT_STR(buf_str(&out), "hearth.yaml: wrong");
    buf_clear(&out);
    EXPECT(config_error(&out, STR(""), &e) == 0);
    EXPECT_STR(buf_str(&out), "(built-in configuration): wrong");
}

/* The rows of config_price and model_hours are read by the same code elsewhere. */
TEST(hours_of_the_configuration_have_the_shape_of_the_price_book)
{
    struct config_price p = {0};
    struct model_hours h = {0};
    EXPECT(sizeof p.span == sizeof h.span && sizeof p.weekdays == sizeof h.weekdays);
    EXPECT(sizeof p.utc_offset_min == sizeof h.utc_offset_min && MODEL_UNKNOWN == INT64_MIN);
}
