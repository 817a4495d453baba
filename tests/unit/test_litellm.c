/* test_litellm.c: the import of LiteLLM's configs.
 *
 * tests/golden/litellm holds the files: NAME.yaml becomes NAME.hearth.yaml, with the notes in NAME.notes; each bad-*.yaml
 * begins with the comment `# expect: ` and the one line that must be reported. Whatever is a key in them says CANARY. */
#include "config/litellm.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/litellm_priv.h"
#include "litellm_kit.h"
#include "mesh/mesh.h"
#include "test.h"
#include <dirent.h>
#include <limits.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 * 1024 };

/* --- files --------------------------------------------------------------------------------------------- */

static const char *golden(struct buf *path, const char *name)
{
    static const char *const roots[] = {"", "../", "../../", "../../../"};
    for (size_t i = 0; i < COUNT_OF(roots); i++) {
        buf_clear(path);
        const char *text =
            buf_append_format(path, "%stests/golden/litellm/%s", roots[i], name) == 0 ? buf_text(path) : NULL;
        if (text && access(text, R_OK) == 0)
            return text;
    }
    return NULL;
}

static bool read_golden(struct buf *out, const char *name)
{
    AUTO_BUF struct buf path = BUF_INIT(PATH_MAX);
    const char *text = golden(&path, name);
    buf_clear(out);
    return text && buf_read_file(out, text, NULL) == 0;
}

static void expect_same(const char *name, struct str got)
{
    AUTO_BUF struct buf want = BUF_INIT(FILE_BYTES_MAX);
    if (!read_golden(&want, name))
        test_fail(__FILE__, __LINE__, "cannot read %s", name);
    else if (!str_eq(buf_str(&want), got))
        test_fail(__FILE__, __LINE__, "%s differs; got:\n%.*s", name, STR_FMT(got));
}

static void write_notes(const struct litellm_import *im, struct buf *out)
{
    for (const struct litellm_note *n = im->note; n; n = n->next)
        (void)buf_append_format(out, "%d:%d %s %.*s: %.*s\n", n->mark.line, n->mark.column, litellm_kind_word(n->kind),
                                STR_FMT(n->key), STR_FMT(n->text));
    for (int i = 0; i < im->name_count; i++)
        (void)buf_append_format(out, "name %.*s: %.*s %.*s\n", STR_FMT(im->name[i].name), STR_FMT(im->name[i].as),
                                STR_FMT(im->name[i].to));
}

static bool is_config(struct str yaml, struct err *e)
{
    struct config *c = NULL;
    struct mesh *m = NULL;
    int rc = config_read(&c, yaml, STR("result"), e);
    if (rc == 0)
        rc = mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, e);
    mesh_close(m);
    config_free(c);
    return rc == 0;
}

/* --- whole files ----------------------------------------------------------------------------------------- */

static void expect_import(const char *name)
{
    char file[64];
    struct litellm_import *im = NULL;
    struct err e = {0};
    AUTO_BUF struct buf text = BUF_INIT(FILE_BYTES_MAX), notes = BUF_INIT(FILE_BYTES_MAX);
    text_format(file, sizeof file, "%s.yaml", name);
    REQUIRE(read_golden(&text, file));
    if (litellm_import(&im, buf_str(&text), str_from(file), &litellm_kit_world, &e) < 0) {
        test_fail(__FILE__, __LINE__, "%s: %d:%d: %s", file, e.line, e.column, e.text);
        return;
    }
    write_notes(im, &notes);
    text_format(file, sizeof file, "%s.hearth.yaml", name);
    expect_same(file, buf_str(&im->yaml));
    text_format(file, sizeof file, "%s.notes", name);
    expect_same(file, buf_str(&notes));
    EXPECT(str_find(buf_str(&im->yaml), STR("CANARY")) < 0 && str_find(buf_str(&notes), STR("CANARY")) < 0);
    EXPECT(is_config(buf_str(&im->yaml), &e));
    litellm_import_free(im);
}

TEST(a_small_file_becomes_its_golden_result)
{
    expect_import("small");
}

TEST(a_homelab_becomes_its_golden_result)
{
    expect_import("homelab");
}

TEST(every_kind_of_key_becomes_its_golden_result_or_a_note)
{
    expect_import("everything");
}

TEST(a_file_of_the_field_becomes_its_golden_result)
{
    expect_import("field");
}

static void expect_refused(const char *name)
{
    AUTO_BUF struct buf text = BUF_INIT(FILE_BYTES_MAX), got = BUF_INIT(8 * KiB);
    struct litellm_import *im = NULL;
    struct err e = {0};
    REQUIRE(read_golden(&text, name));
    struct str rest = buf_str(&text), first, prefix = STR("# expect: ");
    REQUIRE(str_cut(&rest, '\n', &first) && str_starts(first, prefix));
    EXPECT(litellm_import(&im, buf_str(&text), str_from(name), &litellm_kit_world, &e) < 0 && !im);
    (void)config_error(&got, str_from(name), &e);
    if (!str_eq(buf_str(&got), str_skip(first, prefix.len)))
        test_fail(__FILE__, __LINE__, "%s: got: %.*s", name, STR_FMT(buf_str(&got)));
    litellm_import_free(im);
}

TEST(what_may_not_be_carried_is_refused_by_its_line)
{
    AUTO_BUF struct buf path = BUF_INIT(PATH_MAX);
    int count = 0;
    DIR *folder = golden(&path, "") ? opendir(path.ptr) : NULL;
    REQUIRE(folder);
    for (const struct dirent *d = readdir(folder); d; d = readdir(folder))
        if (str_starts(str_from(d->d_name), STR("bad-"))) {
            expect_refused(d->d_name);
            count++;
        }
    closedir(folder);
    EXPECT(count >= 12);
}

/* --- parts ------------------------------------------------------------------------------------------------- */

static struct litellm_import *import_text(const char *text, const struct litellm_world *w)
{
    struct litellm_import *im = NULL;
    struct err e = {0};
    if (litellm_import(&im, str_from(text), STR("t.yaml"), w, &e) < 0)
        test_fail(__FILE__, __LINE__, "%d:%d: %s", e.line, e.column, e.text);
    else if (!is_config(buf_str(&im->yaml), &e) && w == &litellm_kit_world)
        test_fail(__FILE__, __LINE__, "the result is no config: %d:%d: %s\n%.*s", e.line, e.column, e.text,
                  STR_FMT(buf_str(&im->yaml)));
    return im;
}

static void expect_holds(const char *text, const char *want)
{
    struct litellm_import *im = import_text(text, &litellm_kit_world);
    if (im && str_find(buf_str(&im->yaml), str_from(want)) < 0)
        test_fail(__FILE__, __LINE__, "lacks %s:\n%.*s", want, STR_FMT(buf_str(&im->yaml)));
    litellm_import_free(im);
}

static void expect_told(const char *text, enum litellm_kind kind, const char *want)
{
    struct litellm_import *im = import_text(text, &litellm_kit_world);
    bool told = false;
    for (const struct litellm_note *n = im ? im->note : NULL; n; n = n->next)
        told = told || (n->kind == kind && str_find(n->text, str_from(want)) >= 0);
    if (!told)
        test_fail(__FILE__, __LINE__, "not told: %s", want);
    litellm_import_free(im);
}

TEST(prices_per_token_become_prices_per_million_exactly)
{
    static const struct {
        const char *text;
        int64_t nusd; /* -1: refused */
    } rows[] = {
        {"0.00000015", 150000000},
        {"1.5e-07", 150000000},
        {"1.5E-7", 150000000},
        {"6e-7", 600000000},
        {"0", 0},
        {"0.0", 0},
        {"0e99", -1},
        {"1e-6", 1000000000},
        {"0.1", INT64_C(100000000000000)},
        {".0000003", 300000000},
        {"0.2", -1},
        {"1e3", -1},
        {"", -1},
        {"e-7", -1},
        {"1e", -1},
        {"1e-", -1},
        {"-1e-7", -1},
        {"1.2.3", -1},
        {"1e-7x", -1},
        {"1e-16", 0},
        {"2.7999999999999997e-07", 279999999},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t got = -1;
        bool good = litellm_price(str_from(rows[i].text), &got);
        if (good != (rows[i].nusd >= 0) || got != rows[i].nusd) /* what is refused is not told either */
            test_fail(__FILE__, __LINE__, "`%s`: got %d, %lld", rows[i].text, good, (long long)got);
    }
}

TEST(a_host_looks_like_home_by_its_address_or_by_an_ending_no_public_name_has)
{
    static const char *const home[] = {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1",          "169.254.1.1",
                                       "::1",       "fd00::1",  "fe80::1",    "::ffff:10.0.0.1",      "localhost",
                                       "ollama",    "gpu.lan",  "nas.local",  "host.docker.internal", "box.home.arpa"};
    static const char *const cloud[] = {"8.8.8.8", "172.32.0.1",        "100.64.0.1", "api.openai.com", "2001:db8::1",
                                        "",        "local.example.com", ".lan",       "::ffff:8.8.8.8"};
    for (size_t i = 0; i < COUNT_OF(home); i++)
        if (!config_host_looks_home(str_from(home[i])))
            test_fail(__FILE__, __LINE__, "%s is home", home[i]);
    for (size_t i = 0; i < COUNT_OF(cloud); i++)
        if (config_host_looks_home(str_from(cloud[i])))
            test_fail(__FILE__, __LINE__, "%s is not home", cloud[i]);
    EXPECT_STR(config_url_host(STR("http://[::1]:80/x")), "::1");
    EXPECT_STR(config_url_host(STR("https://a.example:443/v1")), "a.example");
    EXPECT_STR(config_url_host(STR("b:1")), "b");
}

TEST(strategies_become_balances)
{
    static const struct {
        const char *strategy, *want;
    } rows[] = {
        {"simple-shuffle", "balance: weighted"},        {"least-busy", "balance: least_busy"},
        {"latency-based-routing", "balance: fastest"},  {"cost-based-routing", "balance: cheapest"},
        {"usage-based-routing", "balance: least_busy"}, {"auto_router", "balance: weighted"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
        REQUIRE(buf_append_format(&text,
                                  "model_list:\n"
                                  "  - { model_name: a, litellm_params: { model: openai/gpt-4o } }\n"
                                  "  - { model_name: a, litellm_params: { model: groq/openai/gpt-oss-20b } }\n"
                                  "router_settings: { routing_strategy: %s }\n",
                                  rows[i].strategy) == 0);
        expect_holds(buf_text(&text), rows[i].want);
    }
}

TEST(order_levels_are_steps_one_after_the_other)
{
    expect_holds(
        "model_list:\n"
        "  - { model_name: a, litellm_params: { model: openai/gpt-4o, order: 2 } }\n"
        "  - { model_name: a, litellm_params: { model: groq/openai/gpt-oss-20b, order: 1, weight: 1 } }\n"
        "  - { model_name: a, litellm_params: { model: groq/openai/gpt-oss-120b, order: 1, weight: 4 } }\n",
        "- [groq/openai/gpt-oss-20b, { target: groq/openai/gpt-oss-120b, weight: 4 }]\n      - openai/gpt-4o\n");
}

TEST(a_limit_a_minute_is_that_of_its_model)
{
    expect_holds("model_list:\n"
                 "  - { model_name: a, litellm_params: { model: openai/gpt-4o, rpm: 60, tpm: 200000 } }\n"
                 "  - { model_name: b, litellm_params: { model: openai/gpt-4.1, rpm: 60, tpm: 200000 } }\n"
                 "  - { model_name: c, litellm_params: { model: openai/gpt-4o, rpm: 60, tpm: 200000 } }\n"
                 "  - { model_name: d, litellm_params: { model: openai/gpt-4o, rpm: 0 } }\n",
                 "  openai: { vendor: openai, key: \"env:OPENAI_API_KEY\", rpm: 60, tpm: 200000 }\n"
                 "  openai-2: { vendor: openai, key: \"env:OPENAI_API_KEY\", rpm: 60, tpm: 200000 }\n"
                 "  openai-3: { vendor: openai, key: \"env:OPENAI_API_KEY\" }\njobs:");
    expect_told("model_list:\n"
                "  - { model_name: a, litellm_params: { model: openai/gpt-4o, rpm: 60 } }\n"
                "  - { model_name: c, litellm_params: { model: openai/gpt-4o, rpm: 60 } }\n",
                LITELLM_STRICTER, "is one limit for all entries of openai/gpt-4o");
}

TEST(anthropic_s_models_at_an_address_of_your_own_are_called_in_anthropic_s_dialect)
{
    static const char *const bases[] = {"http://10.0.0.9:4000", "http://10.0.0.9:4000/", "http://10.0.0.9:4000/v1", "http://10.0.0.9:4000/v1/messages"};
    for (size_t i = 0; i < COUNT_OF(bases); i++) {
        AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
        REQUIRE(buf_append_format(&text,
                                  "model_list:\n  - { model_name: a, litellm_params: { model: anthropic/claude-sonnet-5-5, api_base: \"%s\", "
                                  "api_key: os.environ/KEY } }\n",
                                  bases[i]) == 0);
        expect_holds(buf_text(&text), "  anthropic: { vendor: anthropic, dialect: anthropic, url: \"http://10.0.0.9:4000\", place: home, key: \"env:KEY\" }\n");
    }
    expect_holds("model_list:\n  - { model_name: a, litellm_params: { model: anthropic/claude-sonnet-5-5, api_base: \"https://api.anthropic.com\" } }\n",
                 "  anthropic: { vendor: anthropic, key: \"env:ANTHROPIC_API_KEY\" }\n");
}

TEST(all_addresses_are_called_on_loopback)
{
    expect_holds("model_list:\n  - { model_name: a, litellm_params: { model: openai/x, api_base: "
                 "\"http://0.0.0.0:8000/v1\" } }\n",
                 "local: { url: \"http://127.0.0.1:8000/v1\", place: home }");
}

TEST(fallbacks_that_go_round_end)
{
    expect_holds("model_list:\n"
                 "  - { model_name: a, litellm_params: { model: openai/gpt-4o } }\n"
                 "  - { model_name: b, litellm_params: { model: openai/gpt-4.1 } }\n"
                 "litellm_settings: { fallbacks: [{ a: [b] }, { b: [a] }] }\n",
                 "- openai/gpt-4o\n      - openai/gpt-4.1    # fallbacks, line 4\n  b:");
}

TEST(lists_that_mean_nothing_are_told)
{
    struct litellm_import *im =
        import_text("model_list: [{ model_name: a, litellm_params: { model: openai/gpt-4o } }]\n"
                    "router_settings:\n"
                    "  fallbacks: { a: [b] }\n"
                    "  context_window_fallbacks: [a, { nobody: [a] }]\n"
                    "  model_group_alias: [x]\n"
                    "litellm_settings: { fallbacks: [{ a: [a] }] }\n",
                    &litellm_kit_world);
    REQUIRE(im);
    EXPECT_I64(im->note_count[LITELLM_LOST], 5);
    litellm_import_free(im);
}

TEST(a_fallback_may_name_what_a_wildcard_stands_for)
{
    expect_holds("model_list:\n"
                 "  - { model_name: a, litellm_params: { model: groq/openai/gpt-oss-20b } }\n"
                 "  - { model_name: openai/*, litellm_params: { model: openai/* } }\n"
                 "litellm_settings: { fallbacks: [{ a: [openai/gpt-5.4-mini] }] }\n",
                 "- groq/openai/gpt-oss-20b\n      - openai/gpt-5.4-mini    # fallbacks, line 4\n");
}

TEST(a_budget_without_a_price_is_told_for_it_would_refuse_every_call)
{
    struct litellm_import *im = import_text(
        "model_list:\n"
        "  - { model_name: a, litellm_params: { model: mistral/x, max_budget: 1, budget_duration: 1d } }\n"
        "  - { model_name: b, litellm_params: { model: openai/gpt-4o, max_budget: 1, budget_duration: 1d } }\n",
        &litellm_kit_world);
    REQUIRE(im);
    int told = 0;
    for (const struct litellm_note *n = im->note; n; n = n->next)
        told += str_find(n->text, STR("REFUSED")) > 0;
    EXPECT_I64(told, 1);
    litellm_import_free(im);
}

TEST(large_groups_and_long_chains_stay_within_their_bounds_and_say_so)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    REQUIRE(buf_append_text(&text, "model_list:\n") == 0);
    for (int i = 0; i < 300; i++) /* 18 full steps and a rest: two more than a chain has */
        (void)buf_append_format(&text, "  - { model_name: a, litellm_params: { model: ollama/m%d } }\n", i);
    struct litellm_import *im = import_text(buf_text(&text), &litellm_kit_world);
    REQUIRE(im);
    EXPECT(str_find(buf_str(&im->yaml), STR("ollama/m255")) > 0 &&
           str_find(buf_str(&im->yaml), STR("ollama/m256")) < 0);
    EXPECT(im->note_count[LITELLM_LOST] == 300 - 256);
    litellm_import_free(im);
}

TEST(one_literal_key_gets_one_name_and_another_key_another)
{
    static const char text[] =
        "model_list:\n"
        "  - { model_name: a, litellm_params: { model: openai/gpt-4o, api_key: CANARY-1 } }\n"
        "  - { model_name: b, litellm_params: { model: openai/gpt-4.1, api_key: CANARY-1 } }\n"
        "  - { model_name: c, litellm_params: { model: openai/gpt-4.1, api_key: CANARY-2 } }\n"
        "  - { model_name: d, litellm_params: { model: groq/openai/gpt-oss-20b, api_key: CANARY-3 } }\n"
        "  - { model_name: e, litellm_params: { model: groq/x, api_key: os.environ/GROQ_API_KEY } }\n";
    struct litellm_import *im = import_text(text, &litellm_kit_world);
    REQUIRE(im);
    struct str yaml = buf_str(&im->yaml);
    EXPECT(str_find(yaml, STR("openai: { vendor: openai, key: \"env:OPENAI_API_KEY\" }")) > 0);
    EXPECT(str_find(yaml, STR("openai-2: { vendor: openai, key: \"env:OPENAI_API_KEY_2\" }")) > 0);
    EXPECT(str_find(yaml, STR("groq: { vendor: groq, key: \"env:GROQ_API_KEY_2\" }")) >
           0); /* the plain one means another key */
    EXPECT(str_find(yaml, STR("CANARY")) < 0);
    EXPECT_I64(im->note_count[LITELLM_SECRET], 4);
    litellm_import_free(im);
}

TEST(every_model_name_stays_a_name_that_clients_can_ask_for)
{
    static const char *const names[] = {"gpt-4o",  "GPT-4o",         "openai/gpt-4o", "llama3.1:8b",
                                        "a b c d", "Qwen/Qwen3-32B", "x@y+z",         "_odd"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
        REQUIRE(buf_append_format(&text,
                                  "model_list: [{ model_name: \"%s\", litellm_params: { model: openai/gpt-4o } }]\n",
                                  names[i]) == 0);
        struct litellm_import *im = import_text(buf_text(&text), &litellm_kit_world);
        REQUIRE(im);
        EXPECT_I64(im->name_count, 1);
        EXPECT(im->name_count == 1 && (str_eq(im->name[0].as, STR("job")) || str_eq(im->name[0].as, STR("alias")) ||
                                       (i == COUNT_OF(names) - 1 && str_eq(im->name[0].as, STR("renamed")))));
        litellm_import_free(im);
    }
}

/* --- what files of the field hold --------------------------------------------------------------------------- */

#define LIST(entries) "model_list:\n" entries
#define ENTRY(name, params) "  - { model_name: " name ", litellm_params: { " params " } }\n"

TEST(what_has_no_order_comes_after_what_has_one_however_it_is_written)
{
    expect_holds(LIST(ENTRY("a", "model: openai/gpt-4o") ENTRY("a", "model: groq/openai/gpt-oss-20b, order: \"2\"")
                          ENTRY("a", "model: groq/openai/gpt-oss-120b, order: 1.0")),
                 "      - groq/openai/gpt-oss-120b\n      - groq/openai/gpt-oss-20b\n      - openai/gpt-4o\n");
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o, order: first")), LITELLM_LOST, "is no whole number");
}

TEST(a_weight_of_zero_is_not_drawn_but_answers_when_the_others_do_not)
{
    expect_holds(LIST(ENTRY("a", "model: openai/gpt-4o, weight: 0") ENTRY("a", "model: openai/gpt-4.1, weight: 2")
                          ENTRY("a", "model: openai/gpt-4o-mini")),
                 "      - openai/gpt-4.1\n      - [openai/gpt-4o, openai/gpt-4o-mini]\n");
    expect_holds(LIST(ENTRY("a", "model: openai/gpt-4o, weight: 0") ENTRY("a", "model: openai/gpt-4.1, weight: 0")),
                 "      - [openai/gpt-4o, openai/gpt-4.1]\n");
}

TEST(weights_are_of_one_kind_that_of_the_first_of_the_group)
{
    /* 60 requests a minute beside 100000 tokens a minute are not 60 beside 100000 */
    expect_holds(LIST(ENTRY("a", "model: openai/gpt-4o, rpm: 60") ENTRY("a", "model: openai/gpt-4.1, tpm: 100000")),
                 "      - openai/gpt-4o\n      - openai-2/gpt-4.1\n");
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o") ENTRY("a", "model: openai/gpt-4.1, weight: 3")),
                LITELLM_DIFFERENT, "counts only where the first of its group has one");
    expect_holds(LIST(ENTRY("a", "model: openai/gpt-4o, weight: 1") ENTRY("a", "model: openai/gpt-4o, weight: 1")
                          ENTRY("a", "model: openai/gpt-4.1, weight: 1")),
                 "[{ target: openai/gpt-4o, weight: 2 }, openai/gpt-4.1]");
}

TEST(a_pattern_made_of_a_name_catches_the_name)
{
    struct litellm_import *im = import_text(LIST(ENTRY("Über-Modell", "model: openai/gpt-4o")), &litellm_kit_world);
    REQUIRE(im);
    EXPECT(str_find(buf_str(&im->yaml), STR("  \"*ber-Modell\": ber-modell\n")) > 0);
    EXPECT(str_match_glob(STR("*ber-Modell"), STR("Über-Modell")));
    litellm_import_free(im);
}

TEST(a_year_s_budget_does_not_become_twelve)
{
    static const struct {
        const char *duration, *want;
    } rows[] = {{"1y", "budget: { month: 0.986301369 USD }"},
                {"3mo", "budget: { month: 4 USD }"},
                {"1mo", "budget: { month: 12 USD }"},
                {"30d", "budget: { month: 12 USD }"},
                {"2w", "budget: { month: 12 USD }"},
                {"24h", "budget: { day: 12 USD }"},
                {"yearly", "budget: { month: 0.986301369 USD }"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
        REQUIRE(buf_append_format(&text, LIST(ENTRY("a", "model: openai/gpt-4o, max_budget: 12, budget_duration: %s")),
                                  rows[i].duration) == 0);
        expect_holds(buf_text(&text), rows[i].want);
    }
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o, max_budget: 12, budget_duration: soon")), LITELLM_DIFFERENT,
                "`soon` is no time");
}

TEST(a_budget_of_the_whole_is_shared_by_what_costs_money)
{
    expect_holds(LIST(ENTRY("a", "model: openai/gpt-4o") ENTRY("b", "model: groq/openai/gpt-oss-20b")
                          ENTRY("c", "model: ollama/x") ENTRY(
                              "d", "model: mistral/y")) "litellm_settings: { max_budget: 30, budget_duration: 30d }\n",
                 "key: \"env:GROQ_API_KEY\", budget: { month: 15 USD } }\n"
                 "  ollama: { vendor: ollama, url: \"http://127.0.0.1:11434/v1\", place: home }\n"
                 "  mistral: { url: \"https://api.mistral.ai/v1\", key: \"env:MISTRAL_API_KEY\" }\n");
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o")
                         ENTRY("d", "model: mistral/y")) "litellm_settings: { max_budget: 30, budget_duration: 30d }\n",
                LITELLM_LOST, "has no part of max_budget");
}

TEST(a_key_without_a_value_means_nothing)
{
    struct litellm_import *im = import_text(
        LIST(ENTRY(
            "a",
            "model: openai/gpt-4o, tpm: ~, api_version: null")) "general_settings: { custom_auth: null, alerting: }\n"
                                                                "litellm_settings: { cache: False }\n",
        &litellm_kit_world);
    REQUIRE(im);
    EXPECT(!im->note);
    litellm_import_free(im);
}

TEST(what_litellm_keeps_to_itself_is_not_sent_to_vendors)
{
    static const char *const keys[] = {
        "ssl_verify", "cache_control_injection_points", "allowed_openai_params",   "headers",
        "guardrails", "input_cost_per_audio_token",     "supports_system_message", "output_cost_per_image",
        "metadata"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        AUTO_BUF struct buf text = BUF_INIT(4 * KiB);
        REQUIRE(buf_append_format(&text, LIST(ENTRY("a", "model: openai/gpt-4o, %s: 1")), keys[i]) == 0);
        struct litellm_import *im = import_text(buf_text(&text), &litellm_kit_world);
        REQUIRE(im);
        if (str_find(buf_str(&im->yaml), STR("defaults")) >= 0 || !im->note)
            test_fail(__FILE__, __LINE__, "%s is sent, or not told", keys[i]);
        EXPECT_I64(im->note_count[LITELLM_SECRET], 0);
        litellm_import_free(im);
    }
}

TEST(a_value_of_the_wrong_kind_is_told)
{
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o, api_key: [os.environ/A, os.environ/B]")), LITELLM_LOST,
                "must be one value, not a list");
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o, max_parallel_requests: many")), LITELLM_LOST,
                "is no whole number above zero");
}

TEST(tags_and_what_stands_beside_a_model_in_a_list_are_told)
{
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o, tags: [team-a]")), LITELLM_LOST,
                "tags do not choose among models");
    expect_told(LIST(ENTRY("a", "model: openai/gpt-4o, weight: heavy")), LITELLM_LOST, "is no number of at least 0");
    expect_told(
        LIST(ENTRY("a", "model: openai/gpt-4o") ENTRY(
            "b", "model: openai/gpt-4.1")) "router_settings: { fallbacks: [{ a: [{ model: b, temperature: 0 }] }] }\n",
        LITELLM_LOST, "only the model of such an entry is used");
    expect_told(
        LIST(ENTRY(
            "a", "model: openai/gpt-4o")) "router_settings: { model_group_alias: { b: { model: a, hidden: true } } }\n",
        LITELLM_LOST, "only the model of such an entry is used");
}

/* The client's `openai/gpt-4o` must not be answered by another account than before. */
TEST(the_upstream_behind_a_star_has_the_name_that_clients_write)
{
    static const char text[] = LIST(ENTRY("a", "model: openai/gpt-4o, api_key: os.environ/MINE")
                                        ENTRY("openai/*", "model: openai/*, api_key: os.environ/THEIRS")
                                            ENTRY("openai/*", "model: openai/*, api_key: os.environ/OTHERS"));
    expect_holds(text, "  openai-2: { vendor: openai, key: \"env:MINE\" }\n"
                       "  openai: { vendor: openai, key: \"env:THEIRS\" }\n"
                       "  openai-3: { vendor: openai, key: \"env:OTHERS\" }\n"
                       "jobs:\n  a:    # a, line 2\n    chain:\n      - openai-2/gpt-4o\n");
    expect_told(text, LITELLM_LOST, "a pattern leads to one upstream, openai: this one is asked for as `openai-3/`");
}

TEST(an_upstream_behind_two_stars_keeps_the_name_of_the_first)
{
    struct litellm_import *im =
        import_text(LIST(ENTRY("openai/*", "model: openai/*") ENTRY("team/*", "model: openai/*")), &litellm_kit_world);
    REQUIRE(im);
    EXPECT(str_find(buf_str(&im->yaml), STR("  openai: { vendor: openai")) > 0);
    EXPECT(im->name_count == 2 && str_eq(im->name[0].as, STR("target")) && str_eq(im->name[1].as, STR("model")));
    litellm_import_free(im);
}

static const char *some_variables(const char *name)
{
    return str_eq(str_from(name), STR("T")) ? "45" : str_eq(str_from(name), STR("M")) ? "openai/gpt-4o" : NULL;
}

TEST(values_of_the_environment_are_copied_and_told_and_keys_are_not)
{
    struct litellm_world world = litellm_kit_world;
    world.variable = some_variables;
    struct litellm_import *im = import_text(
        LIST(ENTRY(
            "a",
            "model: os.environ/M, timeout: os.environ/T, api_key: os.environ/M")) "router_settings: { stream_timeout: "
                                                                                  "os.environ/NONE }\n",
        &world);
    REQUIRE(im);
    EXPECT(str_find(buf_str(&im->yaml), STR("openai: { vendor: openai, key: \"env:M\", timeout: { total: 45s } }")) >
           0);
    EXPECT_I64(im->note_count[LITELLM_DIFFERENT], 2);
    EXPECT_I64(im->note_count[LITELLM_LOST], 1);
    litellm_import_free(im);
}

TEST(a_group_alias_may_stand_for_what_a_pattern_catches)
{
    struct litellm_import *im =
        import_text(LIST(ENTRY("claude-*", "model: anthropic/claude-*")) "router_settings: { model_group_alias: { "
                                                                         "best: claude-opus-5-5, gone: nowhere } }\n",
                    &litellm_kit_world);
    REQUIRE(im);
    EXPECT(str_find(buf_str(&im->yaml), STR("  best: anthropic/claude-opus-5-5\n")) > 0);
    EXPECT(im->name_count == 3 && str_eq(im->name[2].name, STR("gone")) && str_eq(im->name[2].as, STR("none")));
    litellm_import_free(im);
}

TEST(a_base_model_gives_price_and_context)
{
    expect_holds("model_list:\n  - { model_name: a, litellm_params: { model: azure/mine, api_base: "
                 "\"https://x.openai.azure.com\" }, model_info: { base_model: azure/gpt-4.1 } }\n",
                 "prices:    # USD per million tokens\n  x/mine: { input: 2, cached: 0.5,");
    expect_told("model_list:\n  - { model_name: a, litellm_params: { model: azure/mine, api_base: "
                "\"https://x.openai.azure.com\" }, model_info: { base_model: azure/nobodys } }\n",
                LITELLM_LOST, "is not in the table of models");
}

TEST(limits_of_the_whole_land)
{
    expect_holds(
        LIST(ENTRY("a", "model: openai/gpt-4o") ENTRY(
            "b", "model: openai/gpt-4.1, max_parallel_requests: 3")) "general_settings: { max_request_size_mb: 20, "
                                                                     "global_max_parallel_requests: 500,\n"
                                                                     "                    "
                                                                     "maximum_spend_logs_retention_period: 90d }\n"
                                                                     "router_settings: { "
                                                                     "default_max_parallel_requests: 7 }\n",
        "limits: { body: 20 MiB, calls: 500 }\n"
        "ledger: { keep: 90d }    # sums of older calls stay\n"
        "upstreams:\n"
        "  openai: { vendor: openai, key: \"env:OPENAI_API_KEY\", concurrent: 7 }\n"
        "  openai-2: { vendor: openai, key: \"env:OPENAI_API_KEY\", concurrent: 3 }\n");
}

static int torture_import(void *ctx)
{
    struct buf *text = ctx;
    struct litellm_import *im = NULL;
    struct err e = {0};
    int rc = litellm_import(&im, buf_str(text), STR("t.yaml"), &litellm_kit_world, &e);
    if (rc < 0 && rc != ERR_NOMEM)
        test_fail(__FILE__, __LINE__, "out of memory was told as %s: %s", err_name(rc), e.text);
    EXPECT((rc < 0) == !im);
    litellm_import_free(im);
    return rc;
}

TEST(importing_survives_every_failed_allocation)
{
    AUTO_BUF struct buf text = BUF_INIT(FILE_BYTES_MAX);
    REQUIRE(read_golden(&text, "everything.yaml"));
    (void)test_torture("litellm_import", torture_import, &text); /* counts and judges for itself */
}
