/* test_doctor.c: `hearth doctor` beside simulated vendors and a simulated Ollama. */
#include "base/json.h"
#include "cli_kit.h"
#include "sim/sim.h"

struct clinic {
    struct cli_world world;
    struct sim *sim;
    int ollama, deepseek;
    struct buf yaml;
};

static const char jobs[] = "jobs:\n"
                           "  bulk: { chain: [deepseek/deepseek-flash, ollama/llama3.1:8b] }\n"
                           "  private: { chain: [ollama/llama3.1:8b], boundary: home }\n";

static bool clinic_open(struct clinic *c, const char *more_jobs)
{
    *c = (struct clinic){.yaml = BUF_INIT(64 * KiB)};
    if (!cli_world_open(&c->world) || sim_open(&c->sim, NULL) < 0)
        return false;
    c->ollama = sim_add(c->sim, "o", "ollama", 0, NULL);
    c->deepseek = sim_add(c->sim, "d", "deepseek", 0, NULL);
    cli_env(&c->world, "DEEPSEEK_API_KEY", "sk-CANARY-key");
    return c->ollama >= 0 && c->deepseek >= 0 &&
           buf_append_format(
               &c->yaml,
               "upstreams:\n"
               "  deepseek: { vendor: deepseek, url: \"http://127.0.0.1:%d\", key: \"env:DEEPSEEK_API_KEY\" }\n"
               "  ollama: { vendor: ollama, url: \"http://127.0.0.1:%d/v1\", place: home }\n%s%s",
               sim_port(c->sim, c->deepseek), sim_port(c->sim, c->ollama), jobs, more_jobs) == 0 &&
           cli_write(&c->world, "hearth.yaml", buf_str(&c->yaml));
}

static void clinic_close(struct clinic *c)
{
    sim_close(c->sim);
    buf_fini(&c->yaml);
    cli_world_close(&c->world);
}

static const char healthy_ps[] =
    "ps \"{\\\"models\\\":[{\\\"name\\\":\\\"llama3.1:8b\\\",\\\"size\\\":6000000000,\\\"size_vram\\\":6000000000,"
    "\\\"context_length\\\":32768}]}\"";

TEST(a_healthy_house_is_well)
{
    struct clinic c;
    struct cli_run r;
    REQUIRE(clinic_open(&c, ""));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "all is well");
    EXPECT_SAYS(&r, "ok   key: is accepted");
    EXPECT_SAYS(&r, "ok   model: deepseek-flash is there");
    EXPECT_SAYS(&r, "ok   model: llama3.1:8b is there");
    EXPECT_SAYS(&r, "ok   spill: llama3.1:8b is wholly on the GPU");
    EXPECT_SAYS(&r, "info version: Ollama 0.14.2");
    EXPECT_SAYS(&r, "ms to the first byte");
    EXPECT_HIDES(&r, "CANARY");
    cli_run_fini(&r);
    struct sim_seen seen;
    sim_seen(c.sim, c.deepseek, &seen);
    EXPECT_I64(seen.requests, 0); /* lists only, no call that costs */
    clinic_close(&c);
}

TEST(a_model_that_spilled_to_the_cpu_is_reported_with_its_share_and_a_way_out)
{
    struct clinic c;
    struct cli_run r;
    REQUIRE(clinic_open(&c, ""));
    REQUIRE(
        sim_script(
            c.sim, c.ollama,
            "ps "
            "\"{\\\"models\\\":[{\\\"name\\\":\\\"llama3.1:8b\\\",\\\"size\\\":8589934592,\\\"size_vram\\\":6442450944,"
            "\\\"context_length\\\":4096},{\\\"name\\\":\\\"other:1b\\\",\\\"size\\\":1048576,\\\"context_length\\\":"
            "2048}]}\"",
            NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r,
                "warn spill: llama3.1:8b does not fit the GPU: 2048 of 8192 MiB, so 25 % of it is computed by the CPU");
    EXPECT_SAYS(&r, "OLLAMA_KV_CACHE_TYPE=q8_0");
    EXPECT_SAYS(&r, "warn spill: other:1b runs on the CPU alone");
    EXPECT_SAYS(&r, "warn context: llama3.1:8b is loaded for 4096 tokens");
    EXPECT_SAYS(&r, "OLLAMA_CONTEXT_LENGTH=8192");
    EXPECT_HIDES(&r, "context: other:1b"); /* nobody here calls it */
    cli_run_fini(&r);
    REQUIRE(cli_do(&r, &c.world, CLI("config", "check")));
    EXPECT_I64(r.status, 0); /* whatever is reachable, and however slow it is */
    EXPECT_SAYS(&r, "warning: upstream ollama: llama3.1:8b does not fit its GPU, 25 % of it is computed by the CPU");
    cli_run_fini(&r);
    clinic_close(&c);
}

TEST(the_context_that_a_chain_sends_is_what_a_model_must_be_loaded_for)
{
    struct clinic c;
    struct cli_run r;
    REQUIRE(clinic_open(
        &c,
        "  long: { chain: [{ try: ollama/LLAMA3.1:8B, when: { max_context: 100k } }, deepseek/deepseek-flash] }\n"));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_SAYS(&r, "warn context: llama3.1:8b is loaded for 32768 tokens: Ollama cuts longer prompts without a word, "
                    "and a chain sends longer ones");
    EXPECT_SAYS(&r, "OLLAMA_CONTEXT_LENGTH=100000");
    cli_run_fini(&r);
    clinic_close(&c);
}

TEST(a_refused_key_and_a_missing_one_are_told_without_the_key)
{
    struct clinic c;
    struct cli_run r;
    REQUIRE(clinic_open(&c, ""));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(sim_script(c.sim, c.deepseek, "info \"HTTP/1.1 401 Unauthorized\\r\\ncontent-length: 2\\r\\n\\r\\n{}\"",
                       NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "fail key: it refuses the key (401)");
    EXPECT_HIDES(&r, "CANARY");
    cli_run_fini(&r);
    c.world.env[c.world.env_count - 1] = NULL; /* the key */
    REQUIRE(cli_do(&r, &c.world, CLI("doctor", "--json")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "\"subject\":\"deepseek\",\"check\":\"key\",\"level\":\"fail\"");
    EXPECT_SAYS(&r, "DEEPSEEK_API_KEY");
    cli_run_fini(&r);
    clinic_close(&c);
}

TEST(missing_and_retired_models_are_told_with_their_lines_and_what_to_write)
{
    struct clinic c;
    struct cli_run r;
    REQUIRE(clinic_open(&c, "  old: { chain: [deepseek/deepseek-chat, ollama/mistral:7b, deepseek/nowhere] }\naliases: "
                            "{ x: ollama/phi4 }\n"));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "warn retired: deepseek-chat (line 7) is retired; its successor is deepseek-flash: 0.28 in, 0.42 "
                    "out before, 0.15 in, 0.6 out now");
    EXPECT_SAYS(&r, "fail model: mistral:7b (line 7) is not among its 3 models");
    EXPECT_SAYS(&r, "Run `ollama pull mistral:7b` there");
    EXPECT_SAYS(&r, "fail model: nowhere (line 7)");
    EXPECT_SAYS(&r, "fail model: phi4 (line 8)");
    cli_run_fini(&r);
    clinic_close(&c);
}

TEST(a_clock_that_is_off_is_told)
{
    struct clinic c;
    struct cli_run r;
    REQUIRE(clinic_open(&c, ""));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(
        sim_script(c.sim, c.deepseek,
                   "info \"HTTP/1.1 200 OK\\r\\ndate: Sun, 06 Nov 1994 08:49:37 GMT\\r\\ncontent-length: 55\\r\\n\\r\\n"
                   "{\\\"data\\\":[{\\\"id\\\":\\\"deepseek-flash\\\"},{\\\"id\\\":\\\"deepseek-v4\\\"}]}\"",
                   NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "warn clock: its clock is ");
    EXPECT_SAYS(&r, " s behind this machine's");
    cli_run_fini(&r);
    clinic_close(&c);
}

TEST(who_does_not_answer_is_told_and_the_others_are_looked_at_all_the_same)
{
    struct clinic c;
    struct cli_run r;
    REQUIRE(clinic_open(&c, ""));
    sim_down(c.sim, c.deepseek);
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "fail reachable: ");
    EXPECT_SAYS(&r, "ok   model: llama3.1:8b is there");
    EXPECT_SAYS(&r, "1 of these wants a look");
    cli_run_fini(&r);
    clinic_close(&c);
}

TEST(a_data_folder_that_others_can_read_or_nobody_can_write_is_told)
{
    struct clinic c;
    struct cli_run r;
    char path[100];
    REQUIRE(clinic_open(&c, ""));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    text_format(path, sizeof path, "%s/data", c.world.folder);
    REQUIRE(mkdir(path, 0755) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor", "--data", path)));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "warn data: others can look into ");
    EXPECT_SAYS(&r, "chmod 700");
    cli_run_fini(&r);
    REQUIRE(chmod(path, 0700) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor", "--data", path)));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "ok   journal: journal and ledger can be read");
    cli_run_fini(&r);
    text_format(path, sizeof path, "%s/hearth.yaml", c.world.folder);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor", "--data", path)));
    EXPECT_SAYS(&r, "fail data: ");
    cli_run_fini(&r);
    clinic_close(&c);
}

TEST(it_works_beside_a_running_daemon)
{
    struct clinic c;
    struct cli_run daemon, r;
    REQUIRE(clinic_open(&c, ""));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(cli_start(&daemon, &c.world, false, CLI("serve", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&daemon, "listening on"));
    REQUIRE(cli_do(&r, &c.world, CLI("doctor")));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "ok   journal:");
    cli_run_fini(&r);
    cli_end(&daemon, SIGTERM);
    EXPECT_I64(daemon.status, 0);
    cli_run_fini(&daemon);
    clinic_close(&c);
}

TEST(the_json_of_the_findings_is_json_with_the_latency_apart)
{
    struct clinic c;
    struct cli_run r;
    struct arena a = ARENA_INIT(4 * MiB);
    struct json_node *root;
    REQUIRE(clinic_open(&c, ""));
    REQUIRE(sim_script(c.sim, c.ollama, healthy_ps, NULL) == 0);
    REQUIRE(cli_do(&r, &c.world, CLI("doctor", "--json")));
    REQUIRE(json_parse(&a, buf_str(&r.out), &root, NULL) == 0);
    EXPECT(json_get_bool(root, "well", false));
    const struct json_node *l = json_get(root, "latency");
    REQUIRE(l && l->count == 2);
    for (const struct json_node *n = l->child; n; n = n->next) {
        int64_t network = -1, first = -1;
        EXPECT(json_get_i64(n, "network_us", &network) && json_get_i64(n, "first_byte_us", &first));
        EXPECT(network >= 0 && network <= first);
    }
    arena_fini(&a);
    cli_run_fini(&r);
    clinic_close(&c);
}

/* --- dialects ------------------------------------------------------------------------------------------------------------ */

static void expect_asked(struct sim *sim, int upstream, const char *path, const char *has, const char *lacks)
{
    AUTO_BUF struct buf head = BUF_INIT(64 * KiB);
    REQUIRE(sim_last_probe(sim, upstream, &head) == 0);
    if (!str_starts(buf_str(&head), str_from(path)) || str_find(buf_str(&head), str_from(has)) < 0 ||
        (lacks && str_find(buf_str(&head), str_from(lacks)) >= 0))
        test_fail(__FILE__, __LINE__, "wanted %s with %s: %.*s", path, has, STR_FMT(buf_str(&head)));
}

/* Each list is asked for where that dialect's servers have it, and the key is shown as they want it. */
TEST(upstreams_of_every_dialect_are_looked_at_as_they_want_it)
{
    static const struct {
        const char *flavour, *row, *end, *model, *path, *has, *lacks;
    } rows[] = {
        {"anthropic", "dialect: anthropic", "", "claude-opus-5-5", "GET /v1/models?limit=1000 ",
         "x-api-key: sk-CANARY-key", "uthorization"},
        {"anthropic", "dialect: anthropic", "/v1/", "claude-opus-5-5", "GET /v1/models?limit=1000 ",
         "anthropic-version: 2023-06-01", NULL},
        {"anthropic", "vendor: anthropic", "/v1", "claude-opus-5-5", "GET /v1/models ", "x-api-key: sk-CANARY-key",
         "uthorization"},
        {"openai", "dialect: responses", "/v1", "gpt-6-luna", "GET /v1/models ",
         "uthorization: Bearer sk-CANARY-key", "x-api-key"},
        {"openai", "vendor: openai", "/v1/", "gpt-6-luna", "GET /v1/models ",
         "uthorization: Bearer sk-CANARY-key", "x-api-key"},
        {"ollama", "dialect: ollama", "", "llama3.1:8b", "GET /api/tags ", "uthorization: Bearer sk-CANARY-key",
         "x-api-key"},
        {"ollama", "dialect: ollama", "/api", "nomic-embed-text", "GET /api/tags ", "uthorization: Bearer", NULL},
        {"ollama", "vendor: ollama", "", "llama3.1:8b", "GET /v1/models ", "uthorization: Bearer", NULL},
        {"llama-server", "vendor: llama-server, dialect: anthropic", "/v1", "llama-3.1-8b-instruct",
         "GET /v1/models?limit=1000 ", "uthorization: Bearer", "x-api-key"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct clinic c = {.yaml = BUF_INIT(64 * KiB)};
        struct cli_run r;
        AUTO_BUF struct buf there = BUF_INIT(1 * KiB);
        REQUIRE(cli_world_open(&c.world) && sim_open(&c.sim, NULL) == 0);
        int up = sim_add(c.sim, "u", rows[i].flavour, 0, NULL);
        cli_env(&c.world, "THE_KEY", "sk-CANARY-key");
        REQUIRE(up >= 0 && buf_append_format(&c.yaml, "upstreams:\n  u: { key: \"env:THE_KEY\", %s, url: \"http://127.0.0.1:%d%s\"", rows[i].row,
                                             sim_port(c.sim, up), rows[i].end) == 0);
        REQUIRE(buf_append_format(&c.yaml, " }\njobs:\n  a: { chain: [\"u/%s\"] }\n", rows[i].model) == 0);
        REQUIRE(cli_write(&c.world, "hearth.yaml", buf_str(&c.yaml)) && cli_do(&r, &c.world, CLI("doctor")));
        REQUIRE(buf_append_format(&there, "ok   model: %s is there", rows[i].model) == 0);
        EXPECT_I64(r.status, 0);
        EXPECT_SAYS(&r, buf_text(&there));
        EXPECT_SAYS(&r, "ok   key: is accepted");
        EXPECT_SAYS(&r, "ms to the first byte");
        EXPECT_HIDES(&r, "CANARY");
        expect_asked(c.sim, up, rows[i].path, rows[i].has, rows[i].lacks);
        cli_run_fini(&r);
        clinic_close(&c);
    }
}
