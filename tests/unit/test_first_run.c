/* test_first_run.c: `hearth serve` without a config, on a terminal and off it, beside simulated Ollama and llama-server. */
#include "cli_kit.h"
#include "sim/sim.h"
#include "slow_kit.h"

struct house {
    struct cli_world world;
    struct sim *sim;
    int ollama, llama; /* index */
};

static bool house_open(struct house *h, bool ollama, bool llama)
{
    char text[64];
    *h = (struct house){.ollama = -1, .llama = -1};
    if (!cli_world_open(&h->world) || sim_open(&h->sim, NULL) < 0)
        return false;
    if (ollama)
        h->ollama = sim_add(h->sim, "o", "ollama", 0, NULL);
    if (llama)
        h->llama = sim_add(h->sim, "l", "llama-server", 0, NULL);
    if (h->ollama >= 0) {
        text_format(text, sizeof text, "127.0.0.1:%d", sim_port(h->sim, h->ollama));
        cli_env(&h->world, "OLLAMA_HOST", text);
    }
    text_format(text, sizeof text, "%d", h->llama >= 0 ? sim_port(h->sim, h->llama) : 1); /* nobody listens on port 1 */
    cli_env(&h->world, "LLAMA_ARG_PORT", text);
    return true;
}

static void house_close(struct house *h)
{
    sim_close(h->sim);
    cli_world_close(&h->world);
}

static int count_lines(struct str text)
{
    struct str line;
    int n = 0;
    while (str_cut(&text, '\n', &line))
        n++;
    return n;
}

/* The part of `config check --json`: every job with its targets in order. */
static bool jobs_of(const struct cli_world *w, struct buf *out)
{
    struct cli_run r;
    bool good = cli_do(&r, w, CLI("config", "check", "--json")) && r.status == 0;
    struct str rest = buf_str(&r.out), target = STR("\"target\":\""), job = STR("\"job\":\"");
    for (size_t i = 0; good && i < rest.len; i++) {
        struct str here = str_skip(rest, i), value;
        size_t skip = str_starts(here, target) ? target.len : str_starts(here, job) ? job.len : 0;
        here = str_skip(here, skip);
        if (skip && str_cut(&here, '"', &value))
            good = buf_append_format(out, "%s%.*s", skip == job.len ? "\n" : " ", STR_FMT(value)) == 0;
    }
    if (!good)
        test_fail(__FILE__, __LINE__, "config check: %.*s", STR_FMT(buf_str(&r.out)));
    cli_run_fini(&r);
    return good;
}

TEST(a_yes_on_the_terminal_writes_the_config_and_serves_from_it)
{
    struct house h;
    struct cli_run r;
    AUTO_BUF struct buf file = BUF_INIT(64 * KiB), before = BUF_INIT(64 * KiB), after = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, false));
    cli_env(&h.world, "DEEPSEEK_API_KEY", "sk-canary-deepseek");
    cli_env(&h.world, "ANTHROPIC_API_KEY", "sk-canary-anthropic");
    EXPECT(jobs_of(&h.world, &before)); /* of what was found, without a file */
    REQUIRE(cli_start(&r, &h.world, true, CLI("serve", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "[y/N] "));
    EXPECT(cli_say(&r, "y\n"));
    EXPECT(cli_until(&r, "listening on"));
    EXPECT(cli_until(&r, "clients take http://127.0.0.1:"));
    cli_end(&r, SIGTERM);
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "found DeepSeek: its key is in DEEPSEEK_API_KEY; at most 10 USD a month");
    EXPECT_SAYS(&r, "found Anthropic");
    EXPECT_SAYS(&r, "to chat: llama3.1:8b");
    EXPECT_SAYS(&r, "written to hearth.yaml");
    for (size_t i = 0; i < 7; i++) {
        static const char *const jobs[] = {"job bulk (", "job reason (",  "job long (", "job fast (",
                                           "job hard (", "job private (", "job embed ("};
        EXPECT_SAYS(&r, jobs[i]);
    }
    EXPECT_HIDES(&r, "canary");
    EXPECT(cli_read(&h.world, "hearth.yaml", &file));
    EXPECT(str_find(buf_str(&file), STR("canary")) < 0);
    EXPECT(count_lines(buf_str(&file)) <= 40);
    EXPECT(str_find(buf_str(&file),
                    STR("deepseek: { vendor: deepseek, key: \"env:DEEPSEEK_API_KEY\", budget: { month: 10 USD } }")) >
           0);
    EXPECT(str_find(
               buf_str(&file),
               STR("anthropic: { vendor: anthropic, key: \"env:ANTHROPIC_API_KEY\", budget: { month: 10 USD } }")) > 0);
    EXPECT(str_find(buf_str(&file), STR("private: { chain: [\"ollama/llama3.1:8b\"], boundary: home }")) > 0);
    EXPECT(str_find(buf_str(&file), STR("embed: { chain: [\"ollama/nomic-embed-text:latest\"], boundary: home }")) > 0);
    EXPECT(str_find(buf_str(&file), STR("bulk: { chain: [\"ollama/llama3.1:8b\", ")) > 0); /* at home first */
    EXPECT(jobs_of(&h.world, &after));                                                     /* of the file */
    EXPECT(before.len > 100 && str_eq(buf_str(&before), buf_str(&after)));
    cli_run_fini(&r);
    house_close(&h);
}

TEST(a_no_writes_nothing_and_serves_all_the_same)
{
    struct house h;
    struct cli_run r;
    AUTO_BUF struct buf file = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, false));
    REQUIRE(cli_start(&r, &h.world, true, CLI("serve", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "[y/N] "));
    EXPECT(cli_say(&r, "\n"));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT_I64(r.status, 0);
    EXPECT(!cli_read(&h.world, "hearth.yaml", &file));
    cli_run_fini(&r);
    house_close(&h);
}

TEST(control_c_at_the_question_ends_the_program)
{
    struct house h;
    struct cli_run r;
    REQUIRE(house_open(&h, true, false));
    REQUIRE(cli_start(&r, &h.world, true, CLI("serve", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "[y/N] "));
    cli_end(&r, SIGINT);
    EXPECT_HIDES(&r, "listening on");
    EXPECT_I64(r.status, 128);
    cli_run_fini(&r);
    house_close(&h);
}

TEST(scripts_write_without_a_question_and_never_over_a_file)
{
    struct house h;
    struct cli_run r;
    AUTO_BUF struct buf file = BUF_INIT(64 * KiB), again = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, false));
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--write", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT(cli_read(&h.world, "hearth.yaml", &file) && file.len > 0);
    cli_run_fini(&r);
    EXPECT(cli_write(&h.world, "hearth.yaml",
                     STR("upstreams: { a: { url: \"http://127.0.0.1:1/v1\" } }\njobs: { bulk: { chain: [a/m] } }\n")));
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--write", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT_HIDES(&r, "written");
    EXPECT(cli_read(&h.world, "hearth.yaml", &again) && str_starts(buf_str(&again), STR("upstreams: { a")));
    cli_run_fini(&r);
    house_close(&h);
}

TEST(without_a_terminal_nothing_is_asked_and_nothing_written)
{
    struct house h;
    struct cli_run r;
    AUTO_BUF struct buf file = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, false));
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT_HIDES(&r, "[y/N]");
    EXPECT(!cli_read(&h.world, "hearth.yaml", &file));
    cli_run_fini(&r);
    house_close(&h);
}

/* `MOONSHOT_API_KEY=` or blanks, as compose files leave them: a job built on that would be answered by nobody. */
TEST(a_variable_that_is_empty_or_blank_is_no_key)
{
    struct house h;
    AUTO_BUF struct buf jobs = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, false));
    cli_env(&h.world, "MOONSHOT_API_KEY", " \t ");
    cli_env(&h.world, "OPENAI_API_KEY", "");
    EXPECT(jobs_of(&h.world, &jobs));
    EXPECT(str_find(buf_str(&jobs), STR("ollama/")) > 0);
    EXPECT(str_find(buf_str(&jobs), STR("moonshot/")) < 0 && str_find(buf_str(&jobs), STR("openai/gpt")) < 0);
    house_close(&h);
}

static void says(const struct cli_world *w, const char *const *words, int status, const char *text)
{
    struct cli_run r;
    REQUIRE(cli_do(&r, w, words));
    EXPECT_I64(r.status, status);
    EXPECT_SAYS(&r, text);
    cli_run_fini(&r);
}

TEST(help_of_a_command_is_what_it_says_itself_and_options_of_another_are_refused)
{
    struct cli_world w;
    REQUIRE(cli_world_open(&w));
    says(&w, CLI("help", "keys"), 0, "usage: hearth keys add|list|rotate|revoke");
    says(&w, CLI("help", "help"), 0, "usage: hearth help [COMMAND]");
    says(&w, CLI("help", "nothing"), 2, "there is no command `nothing`");
    says(&w, CLI("help", "keys", "usage"), 2, "one command at a time");
    says(&w, CLI("config", "check", "--strict"), 2, "belong to import");
    says(&w, CLI("keys", "add", "web", "--jobs", ""), 2, "--jobs: its value is empty");
    cli_world_close(&w);
}

static void write_config(const struct house *h, const char *text)
{
    char path[128];
    text_format(path, sizeof path, "%s/hearth.yaml", h->world.folder);
    FILE *f = fopen(path, "w");
    EXPECT(f && fputs(text, f) >= 0);
    EXPECT(f && fclose(f) == 0);
}

/* Neither the one that this machine would make, nor what lies elsewhere, nor a pipe that would never end. */
TEST(a_config_that_is_gone_is_not_replaced_by_another_at_a_reload)
{
    struct house h;
    struct cli_run r;
    char path[128];
    REQUIRE(house_open(&h, true, false));
    write_config(&h, "upstreams: { a: { url: \"http://127.0.0.1:1/v1\" } }\njobs: { mine: { chain: [a/m] } }\n");
    text_format(path, sizeof path, "%s/hearth.yaml", h.world.folder);
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    EXPECT(unlink(path) == 0);
    EXPECT(kill(r.pid, SIGHUP) == 0);
    EXPECT(cli_until(&r, "the configuration ./hearth.yaml (as given): No such file or directory; the config in force stays"));
    EXPECT(mkfifo(path, 0600) == 0);
    EXPECT(kill(r.pid, SIGHUP) == 0);
    EXPECT(cli_until(&r, "./hearth.yaml is no file that can be read again; the config in force stays"));
    EXPECT(unlink(path) == 0);
    write_config(&h, "upstreams: { b: { url: \"http://127.0.0.1:1/v1\" } }\n");
    EXPECT(kill(r.pid, SIGHUP) == 0);
    EXPECT(cli_until(&r, "read again (1)"));
    cli_end(&r, SIGTERM);
    EXPECT_HIDES(&r, "found ollama");
    cli_run_fini(&r);
    house_close(&h);
}

TEST(of_two_places_with_the_same_model_the_faster_is_asked_first)
{
    struct house h;
    struct cli_run r;
    struct sim_seen ollama, llama;
    AUTO_BUF struct buf file = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, true));
    REQUIRE(sim_script(h.sim, h.ollama, "first 2000 reply \"slow\"", NULL) == 0);
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--write", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT_SAYS(&r, "asking each for eight tokens"); /* before it does */
    EXPECT_SAYS(&r, "llama-server is asked first");
    EXPECT(cli_read(&h.world, "hearth.yaml", &file));
    EXPECT(str_find(buf_str(&file),
                    STR("private: { chain: [\"llama-server/llama-3.1-8b-instruct\", \"ollama/llama3.1:8b\"]")) > 0);
    sim_seen(h.sim, h.ollama, &ollama);
    sim_seen(h.sim, h.llama, &llama);
    EXPECT(ollama.requests == 1 && llama.requests == 1);
    cli_run_fini(&r);
    house_close(&h);
}

/* As on a machine that is loading a model. */
TEST(an_ollama_that_takes_a_second_to_say_what_it_has_is_found)
{
    static const struct slow_reply replies[] = {
        {NULL, "application/json", "{\"models\":[{\"name\":\"llama3.1:8b\",\"model\":\"llama3.1:8b\"}]}"}};
    struct house h;
    struct cli_run r;
    struct slow ollama;
    char text[64];
    REQUIRE(house_open(&h, false, false) && slow_open(&ollama, 1200, replies));
    text_format(text, sizeof text, "127.0.0.1:%d", ollama.port);
    cli_env(&h.world, "OLLAMA_HOST", text);
    EXPECT(cli_do(&r, &h.world, CLI("config", "check")));
    EXPECT_SAYS(&r, "ollama/llama3.1:8b");
    cli_run_fini(&r);
    slow_close(&ollama);
    house_close(&h);
}

TEST(a_place_that_takes_too_long_to_measure_comes_last)
{
    struct house h;
    struct cli_run r;
    AUTO_BUF struct buf file = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, true));
    REQUIRE(sim_script(h.sim, h.ollama, "hang", NULL) == 0);
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--write", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT_SAYS(&r, "ollama gave no answer within 3 s");
    EXPECT(cli_read(&h.world, "hearth.yaml", &file));
    EXPECT(str_find(buf_str(&file), STR("private: { chain: [\"llama-server/")) > 0);
    cli_run_fini(&r);
    house_close(&h);
}

TEST(asking_and_checking_never_measure)
{
    struct house h;
    struct cli_run r;
    struct sim_seen seen;
    REQUIRE(house_open(&h, true, true));
    EXPECT(cli_do(&r, &h.world, CLI("config", "check")) && r.status == 0);
    sim_seen(h.sim, h.ollama, &seen);
    EXPECT_I64(seen.requests, 0);
    cli_run_fini(&r);
    house_close(&h);
}

TEST(every_form_of_ollama_host_is_understood)
{
    static const char *const forms[] = {"127.0.0.1:%d", "http://127.0.0.1:%d", "http://127.0.0.1:%d/", "0.0.0.0:%d",
                                        ":%d",          "localhost:%d",        "\"127.0.0.1:%d\"",     "[::]:%d"};
    struct house h;
    REQUIRE(house_open(&h, true, false));
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct cli_world w;
        struct cli_run r;
        AUTO_BUF struct buf value = BUF_INIT(100);
        struct str form = str_from(forms[i]);
        ptrdiff_t at = str_find(form, STR("%d"));
        REQUIRE(cli_world_open(&w));
        REQUIRE(buf_append_format(&value, "%.*s%d%.*s", STR_FMT(str_slice(form, 0, (size_t)at)),
                                  sim_port(h.sim, h.ollama), STR_FMT(str_skip(form, (size_t)at + 2))) == 0);
        cli_env(&w, "OLLAMA_HOST", buf_text(&value));
        cli_env(&w, "LLAMA_ARG_PORT", "1");
        EXPECT(cli_do(&r, &w, CLI("config", "check")) && r.status == 0);
        EXPECT_SAYS(&r, "ollama/llama3.1:8b");
        cli_run_fini(&r);
        cli_world_close(&w);
    }
    house_close(&h);
}

TEST(an_ollama_outside_the_house_is_passed_over_and_said)
{
    struct house h;
    struct cli_run r;
    REQUIRE(house_open(&h, false, true));
    cli_env(&h.world, "OLLAMA_HOST", "https://ollama.example.com");
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT_SAYS(&r, "does not look like home");
    cli_run_fini(&r);
    house_close(&h);
}

TEST(every_vendor_of_the_table_is_found_by_its_key_with_a_cap_and_the_file_stays_short)
{
    static const char *const keys[] = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY",  "DEEPSEEK_API_KEY", "MOONSHOT_API_KEY",
                                       "GROQ_API_KEY",   "OPENROUTER_API_KEY", "GEMINI_API_KEY"};
    struct house h;
    struct cli_run r;
    AUTO_BUF struct buf file = BUF_INIT(64 * KiB);
    REQUIRE(house_open(&h, true, true));
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        cli_env(&h.world, keys[i], "sk-canary");
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve", "--write", "--listen", "127.0.0.1:0")));
    EXPECT(cli_until(&r, "listening on"));
    cli_end(&r, SIGTERM);
    EXPECT(cli_read(&h.world, "hearth.yaml", &file));
    EXPECT(count_lines(buf_str(&file)) <= 40);
    int caps = 0;
    for (struct str rest = buf_str(&file), line; str_cut(&rest, '\n', &line);)
        caps += str_find(line, STR("budget: { month: 10 USD }")) > 0;
    EXPECT_I64(caps, COUNT_OF(keys));
    EXPECT_HIDES(&r, "cheap-first");
    cli_run_fini(&r);
    EXPECT(cli_do(&r, &h.world, CLI("config", "check")) && r.status == 0);
    EXPECT_HIDES(&r, "warning: job bulk"); /* cheap first where the price is what counts, and nothing retired */
    EXPECT_HIDES(&r, "warning: job reason");
    EXPECT_HIDES(&r, "warning: job long");
    EXPECT_HIDES(&r, "retired");
    cli_run_fini(&r);
    house_close(&h);
}

TEST(simulated_vendors_answer_on_loopback_only_and_the_refusal_says_what_to_do)
{
    struct house h;
    struct cli_run r;
    REQUIRE(house_open(&h, false, false));
    REQUIRE(cli_do(&r, &h.world, CLI("serve", "--rehearse", "--listen", "0.0.0.0:0")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "on loopback only, not on 0.0.0.0:0: leave --listen away");
    cli_run_fini(&r);
    cli_env(&h.world, "container", "oci");
    REQUIRE(cli_do(&r, &h.world, CLI("serve", "--rehearse", "--listen", "127.0.0.1:0")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "do not answer in a container");
    EXPECT_SAYS(&r, "`hearth rehearse`");
    cli_run_fini(&r);
    house_close(&h);
}

static void expect_warning(const char *config, bool warned)
{
    struct house h;
    struct cli_run r;
    REQUIRE(house_open(&h, false, false));
    cli_env(&h.world, "HEARTH_KEY", "sk-anything-0123456789");
    cli_env(&h.world, "container", "oci");
    REQUIRE(cli_write(&h.world, "hearth.yaml", str_from(config)));
    REQUIRE(cli_start(&r, &h.world, false, CLI("serve")));
    EXPECT(cli_until(&r, "listening on"));
    if ((str_find(buf_str(&r.out), STR("nobody outside this container")) >= 0) != warned)
        test_fail(__FILE__, __LINE__, "%s: %.*s", config, STR_FMT(buf_str(&r.out)));
    cli_run_fini(&r);
    house_close(&h);
}

TEST(a_config_that_nobody_outside_its_container_can_reach_is_warned_of)
{
#define REST "upstreams: { x: { url: \"http://127.0.0.1:9/v1\", place: home } }\njobs: { a: { chain: [x/m] } }\n"
    expect_warning("listen: \"127.0.0.1:0\"\n" REST, true);
    expect_warning("listen: [\"127.0.0.1:0\", \"0.0.0.0:0\"]\n" REST, false);
#undef REST
}

TEST(without_books_the_reader_is_told_who_makes_them)
{
    struct house h;
    struct cli_run r;
    REQUIRE(house_open(&h, false, false));
    REQUIRE(cli_do(&r, &h.world, CLI("usage")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "there are no books yet");
    EXPECT_SAYS(&r, "`hearth serve` makes it");
    cli_run_fini(&r);
    house_close(&h);
}
