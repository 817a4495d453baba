/* test_routes.c: what a config becomes, what is refused with its line, and what a model name means. */
#include "config/config.h"
#include "mesh/mesh_priv.h"
#include "test.h"

struct made {
    struct config *config;
    struct mesh *mesh;
    struct err e;
    int rc;
};

static struct made make(const char *yaml)
{
    struct made m = {0};
    m.rc = config_read(&m.config, str_from(yaml), STR("t.yaml"), &m.e);
    if (m.rc == 0)
        m.rc = mesh_open(&m.mesh, &(struct mesh_options){.config = m.config, .clock = clock_system()}, &m.e);
    return m;
}

static void unmake(struct made *m)
{
    mesh_close(m->mesh);
    config_free(m->config);
}

#define UPSTREAMS                                                                  \
    "upstreams:\n"                                                                 \
    "  closet: { url: \"http://10.0.0.7:11434/v1\", place: home }\n"               \
    "  cloud: { url: \"https://api.example.com/v1\" }\n"                           \
    "  other: { url: \"https://other.example.com/v1\", models: [shared, lone] }\n" \
    "jobs:\n"

static void expect_refused(const char *yaml, int line, const char *word)
{
    struct made m = make(yaml);
    if (m.rc == 0)
        test_fail(__FILE__, __LINE__, "taken: %s", yaml);
    else if (m.e.line != line || !strstr(m.e.text, word))
        test_fail(__FILE__, __LINE__, "%d:%d %s (expected line %d and \"%s\")", m.e.line, m.e.column, m.e.text, line, word);
    unmake(&m);
}

TEST(a_home_job_that_could_reach_the_cloud_is_refused_with_its_line)
{
    expect_refused(UPSTREAMS "  bulk: { chain: [cloud/a] }\n  mine: { chain: [closet/m, cloud/a], boundary: home }\n", 7, "boundary home");
    expect_refused(UPSTREAMS "  private: { chain: [closet/m, cloud/a] }\n", 6, "boundary home");
    expect_refused(UPSTREAMS "  embed: { chain: [cloud/text-embedding] }\n", 6, "boundary: any");
    expect_refused(UPSTREAMS "  private: { chain: [closet/m], boundary: any }\n", 6, "private");
    expect_refused(UPSTREAMS "  mine: { chain: [[closet/m, cloud/a]], boundary: home }\n", 6, "boundary home");
    expect_refused(UPSTREAMS "  mine: { chain: [{ try: cloud/a, when: { tags: [x] } }], boundary: home }\n", 6, "boundary home");
    expect_refused(UPSTREAMS "  mine: { chain: [\"closet/gpt-oss:120b-cloud\"], boundary: home }\n", 6, "cloud");
    expect_refused(UPSTREAMS "  mine: { chain: [\"closet/qwen3:cloud\"], boundary: home }\n", 6, "cloud");
}

TEST(an_alias_called_private_leads_to_a_job_at_home_or_is_refused)
{
    expect_refused(UPSTREAMS "  bulk: { chain: [closet/m, cloud/a] }\naliases: { private: bulk }\n", 7, "private");
    expect_refused(UPSTREAMS "  bulk: { chain: [closet/m] }\naliases: { Private: bulk }\n", 7, "boundary: home");
    expect_refused(UPSTREAMS "  bulk: { chain: [closet/m] }\naliases: { private: cloud/a }\n", 7, "private");
    struct made m = make(UPSTREAMS "  mine: { chain: [closet/m], boundary: home }\naliases: { private: mine }\n");
    EXPECT_I64(m.rc, 0);
    unmake(&m);
}

TEST(a_home_claim_for_a_public_address_is_refused)
{
    expect_refused("upstreams:\n  x: { url: \"http://8.8.8.8/v1\", place: home }\njobs:\n  a: { chain: [x/m] }\n", 2, "home_networks");
    struct made m = make("home_networks: [8.8.8.0/24]\nupstreams:\n  x: { url: \"http://8.8.8.8/v1\", place: home }\njobs:\n  a: { chain: [x/m], boundary: home }\n");
    EXPECT_I64(m.rc, 0);
    unmake(&m);
}

TEST(vectors_of_two_models_are_not_mixed)
{
    expect_refused(UPSTREAMS "  embed: { chain: [closet/nomic-embed-text, closet/mxbai-embed-large] }\n", 6, "do not mix");
    expect_refused(UPSTREAMS "  embed: { chain: [closet/nomic-embed-text, \"closet/llama3.1:8b\"] }\n", 6, "do not mix");
}

#define ENGINE "upstreams:\n  engine: { dialect: engine, models: { \"llama3.2:3b\": m.gguf } }\njobs:\n"

TEST(the_built_in_engine_is_at_home_and_has_the_models_of_the_config)
{
    struct made m = make(ENGINE "  a: { chain: [\"engine/llama3.2:3b\"], boundary: home }\n");
    EXPECT_I64(m.rc, 0);
    EXPECT(m.rc == 0 && m.mesh->upstream[0].home && m.mesh->upstream[0].regime == REGIME_POWER);
    EXPECT(m.rc == 0 && m.mesh->upstream[0].unix_path.len > 0 && !m.mesh->upstream[0].probe_url.len);
    unmake(&m);
    expect_refused("upstreams:\n  x: { dialect: engine }\n", 2, "name its models and their files");
    expect_refused(ENGINE "  a: { chain: [\"engine/llama3.2:1b\"] }\n", 4, "the engine has no model llama3.2:1b under `models`; it has llama3.2:3b");
}

TEST(what_overflows_is_dropped_by_the_engine_alone)
{
    struct made m = make(ENGINE "  a: { chain: [\"engine/llama3.2:3b\"], overflow: drop_oldest }\n  b: { chain: [\"engine/llama3.2:3b\"], overflow: error }\n"
                                "  c: { chain: [\"engine/llama3.2:3b\"] }\n");
    EXPECT_I64(m.rc, 0);
    EXPECT(m.rc == 0 && m.mesh->job[0].drop_oldest && !m.mesh->job[1].drop_oldest && !m.mesh->job[2].drop_oldest);
    unmake(&m);
    m = make(UPSTREAMS "  a: { chain: [cloud/a], overflow: error }\n");
    EXPECT_I64(m.rc, 0);
    unmake(&m);
    expect_refused(UPSTREAMS "  a: { chain: [cloud/a], overflow: drop_oldest }\n", 6, "none of its models is in the chain");
}

TEST(a_plan_needs_its_credential_and_no_client_is_asked_for_a_quota)
{
#define PLAN(more) "upstreams:\n  plan: { url: \"https://api.example.com/v1\", regime: plan" more " }\njobs:\n  a: { chain: [plan/m] }\n"
    struct made m = make(PLAN(", key: passthrough, plan: { windows: [5h, 7d], reserve: 20% for interactive }"));
    EXPECT_I64(m.rc, 0);
    unmake(&m);
    expect_refused(PLAN(""), 2, "credential");
    expect_refused(PLAN(", key: passthrough, plan: { quota: \"https://api.example.com/q\" }"), 2, "quota");
    expect_refused("upstreams:\n  plan: { url: \"https://api.example.com/v1\", plan: { windows: 5h } }\njobs:\n  a: { chain: [plan/m] }\n", 2,
                   "regime: plan");
}

TEST(names_that_do_not_exist_are_refused_where_they_stand)
{
    expect_refused(UPSTREAMS "  a: { chain: [nowhere/m] }\n", 6, "nowhere");
    expect_refused(UPSTREAMS "  a: { chain: [cloud/a] }\naliases: { x: nojob }\n", 7, "nojob");
    expect_refused("upstreams:\n  x: { vendor: acme }\njobs:\n  a: { chain: [x/m] }\n", 2, "acme");
}

struct lookup {
    const char *model, *job, *target; /* expected; both NULL: an error */
    const char *word;
};

TEST(a_model_name_is_a_job_an_alias_a_target_or_a_bare_model)
{
    struct made m = make(UPSTREAMS "  bulk: { chain: [cloud/a, closet/shared] }\n  hard: { chain: [cloud/big] }\n"
                         "aliases: { gpt-4o: hard, \"claude-*\": hard, \"claude-haiku-*\": bulk, direct: closet/shared }\n");
    REQUIRE(m.rc == 0);
    static const struct lookup cases[] = {
        {"bulk", "bulk", NULL, NULL}, {"gpt-4o", "hard", NULL, NULL}, {"claude-opus", "hard", NULL, NULL},
        {"claude-haiku-4", "bulk", NULL, NULL}, {"direct", NULL, "closet/shared", NULL}, {"cloud/a", NULL, "cloud/a", NULL},
        {"cloud/not-in-config", NULL, "cloud/not-in-config", NULL}, {"big", NULL, "cloud/big", NULL}, {"lone", NULL, "other/lone", NULL},
        {"shared", NULL, NULL, "closet/shared, other/shared"}, {"nothing", NULL, NULL, "bulk, hard"}, {"", NULL, NULL, "no job"}, {"cloud/", NULL, NULL, "no job"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct route r;
        struct arena a = ARENA_INIT(64 * KiB);
        struct err e = {0};
        int rc = route_find(&r, m.mesh, str_from(cases[i].model), &a, &e);
        bool fine = cases[i].word ? rc < 0 && strstr(e.text, cases[i].word)
                    : cases[i].job ? rc == 0 && r.job && str_eq(r.job->name, str_from(cases[i].job))
                                   : rc == 0 && r.target && str_eq(r.target->name, str_from(cases[i].target));
        if (!fine)
            test_fail(__FILE__, __LINE__, "%s: rc %d, %s", cases[i].model, rc, e.text);
        arena_fini(&a);
    }
    unmake(&m);
}

TEST(only_home_networks_are_home)
{
    struct made m = make("home_networks: [203.0.113.0/24]\n" "upstreams:\n  x: { url: \"http://127.0.0.1/v1\" }\njobs:\n  a: { chain: [x/m] }\n");
    REQUIRE(m.rc == 0);
    static const struct { const char *host; bool home; } cases[] = {
        {"127.0.0.1", true}, {"127.255.0.9", true}, {"10.1.2.3", true}, {"172.16.0.1", true}, {"172.32.0.1", false}, {"192.168.9.9", true},
        {"169.254.1.1", true}, {"8.8.8.8", false}, {"203.0.113.77", true}, {"203.0.114.1", false}, {"[::1]", true}, {"[fe80::1]", true},
        {"[fd00::1]", true}, {"[2001:db8::1]", false}, {"[::ffff:10.0.0.1]", true}, {"[::ffff:8.8.8.8]", false}, {"[::]", false}, {"0.0.0.0", false},
        {"localhost", true}, {"example.com", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (mesh_is_home_address(m.mesh, str_from(cases[i].host)) != cases[i].home)
            test_fail(__FILE__, __LINE__, "%s", cases[i].host);
    unmake(&m);
}

TEST(a_chain_that_is_not_cheap_first_is_warned_about)
{
    struct made m = make("upstreams:\n  c: { vendor: anthropic, key: \"env:NO_SUCH_VARIABLE_HERE\" }\n  d: { url: \"https://d.example/v1\", vendor: deepseek }\n"
                         "jobs:\n  bulk: { chain: [c/claude-opus-5-5, d/deepseek-flash] }\n  old: { chain: [d/deepseek-chat] }\n");
    REQUIRE(m.rc == 0);
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    EXPECT_I64(mesh_warnings(m.mesh, &text), 0);
    EXPECT(str_find(buf_str(&text), STR("not cheap-first")) >= 0);
    EXPECT(str_find(buf_str(&text), STR("retired; its successor is deepseek-flash")) >= 0);
    EXPECT(str_find(buf_str(&text), STR("NO_SUCH_VARIABLE_HERE")) >= 0);
    unmake(&m);
}

static int open_and_close(void *ctx)
{
    struct made m = {.config = ctx};
    int rc = mesh_open(&m.mesh, &(struct mesh_options){.config = ctx, .clock = clock_system()}, &m.e);
    mesh_close(m.mesh);
    return rc;
}

TEST(opening_a_mesh_survives_every_failed_allocation)
{
    struct made m = make(UPSTREAMS "  bulk: { chain: [[cloud/a, { target: other/b, weight: 3 }], closet/shared], defaults: { max_tokens: 800 } }\naliases: { \"claude-*\": bulk }\n");
    REQUIRE(m.rc == 0);
    test_torture("mesh_open", open_and_close, m.config);
    unmake(&m);
}

TEST(explain_tells_other_names_of_jobs_and_patterns_in_the_order_in_which_they_count)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB), json = BUF_INIT(64 * KiB);
    struct made m = make(UPSTREAMS "  bulk: { chain: [cloud/a] }\n  hard: { chain: [cloud/a] }\n"
                                   "aliases: { \"*\": bulk, gpt-4o: hard, gpt-5: hard, \"gpt-4*\": bulk, \"gpt-*\": hard, direct: cloud/a }\n");
    REQUIRE(m.rc == 0);
    EXPECT_I64(mesh_explain(m.mesh, &text, false, NULL, NULL), 0);
    EXPECT_I64(mesh_explain(m.mesh, &json, true, NULL, NULL), 0);
    static const char *const told[] = {
        "  hard (boundary any)\n    also asked for as gpt-4o, gpt-5\n",
        "  aliases of targets\n    direct -> cloud/a\n  patterns, for names that are no job and no alias; the first that matches counts\n"
        "    gpt-4* -> bulk\n    gpt-* -> hard\n    * -> bulk\n"};
    for (size_t i = 0; i < COUNT_OF(told); i++)
        if (str_find(buf_str(&text), str_from(told[i])) < 0)
            test_fail(__FILE__, __LINE__, "\"%s\" is not in:\n%.*s", told[i], STR_FMT(buf_str(&text)));
    EXPECT(str_find(buf_str(&json), STR("patterns")) < 0);
    unmake(&m);
}

TEST(explain_tells_places_lines_balance_and_hedges)
{
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB), json = BUF_INIT(64 * KiB), warnings = BUF_INIT(64 * KiB);
    struct made m = make("upstreams:\n  a: { url: \"http://10.0.0.7/v1\", concurrent: 4 }\n  b: { url: \"https://b.example.com/v1\", rpm: 60, tpm: 90k }\njobs:\n"
                         "  fast: { chain: [[a/m, b/m]], balance: fastest }\n"
                         "  hard: { chain: [{ try: a/m, hedge_after: 1500ms }, { try: b/m, hedge_after: 2s }] }\n");
    REQUIRE(m.rc == 0);
    EXPECT_I64(mesh_explain(m.mesh, &text, false, NULL, NULL), 0);
    EXPECT_I64(mesh_explain(m.mesh, &json, true, NULL, NULL), 0);
    EXPECT_I64(mesh_warnings(m.mesh, &warnings), 0);
    static const char *const told[] = {"4 at once, 32 may wait 2 s", "60 calls a minute; 90000 tokens a minute", "one of 2, the fastest of late first",
                                       "after 1.5 s without content the next one is asked as well"};
    for (size_t i = 0; i < COUNT_OF(told); i++)
        if (str_find(buf_str(&text), str_from(told[i])) < 0)
            test_fail(__FILE__, __LINE__, "\"%s\" is not in:\n%.*s", told[i], STR_FMT(buf_str(&text)));
    EXPECT(str_find(buf_str(&json), STR("\"step\":1,\"balance\":\"fastest\",\"hedge_after_ms\":null,\"concurrent\":4,\"queue_max\":32,"
                                        "\"queue_wait_ms\":2000,\"rpm\":null,\"tpm\":null,\"target\":\"a/m\"")) > 0);
    EXPECT(str_find(buf_str(&json), STR("\"rpm\":60,\"tpm\":90000,\"target\":\"b/m\"")) > 0);
    EXPECT(str_find(buf_str(&warnings), STR("job hard: hedge_after on its last step does nothing")) >= 0);
    unmake(&m);
}
