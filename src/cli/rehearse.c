/* rehearse.c: `hearth rehearse`: the whole story in under a minute, with simulated vendors, no keys and no network: seven
 * jobs, a flat plan that is spent and comes back, two failures, a fence that holds, and the bill. Everything but the vendors is the real thing. With a config of one's
 * own it is rehearse_own.c that tells. */
#include "cli/rehearse_priv.h"
#include "base/log.h"
#include <unistd.h>

enum { SCENES_MAX = 32 };

struct scene {
    const char *job;
    const char *expect; /* target that must answer; NULL: nobody may */
};

/* What a scene must come to; whether all did is remembered. */
struct judge {
    const struct scene *scene;
    bool fine;
};

static const char *judge_line(const struct play_line *l, void *ctx)
{
    struct judge *j = ctx;
    const char *expect = j->scene->expect;
    bool as_told = expect ? l->status == 200 && strcmp(l->target, expect) == 0 : l->status == 503;
    j->fine = j->fine && as_told;
    return as_told ? NULL : "NOT AS IT SHOULD BE";
}

static bool play_act(struct play *p, const char *act, const char *told, const struct scene *scenes, size_t count)
{
    struct judge j = {.fine = true};
    printf("\n%s\n", told);
    for (size_t i = 0; i < count; i++) {
        j.scene = &scenes[i];
        (void)play_ask(p, act, scenes[i].job, strcmp(scenes[i].job, "embed") == 0, judge_line, &j);
    }
    return j.fine;
}

static const struct scene act_one[] = {
    {"bulk", "deepseek/deepseek-flash"}, {"reason", "deepseek/deepseek-v4-pro"}, {"long", "kimi/kimi-k2.6"},
    {"fast", "groq/openai/gpt-oss-120b"}, {"hard", "claude/claude-opus-5-5"}, {"private", "closet/llama3.1:8b"},
    {"embed", "closet/nomic-embed-text"},
};
static const struct scene act_two[] = {{"bulk", "closet/llama3.1:8b"}, {"reason", "claude/claude-sonnet-5-5"}};
static const struct scene act_three[] = {{"bulk", "claude/claude-sonnet-5-5"}, {"private", NULL}, {"embed", NULL}};

static bool play_all(struct play *p)
{
    bool fine = play_act(p, "all up", "All vendors are up. Each job goes to the cheapest place that does it well:", act_one, COUNT_OF(act_one));
    fine &= rehearse_plan(p);
    stage_down(p->stage, STAGE_DEEPSEEK);
    fine &= play_act(p, "deepseek down", "DeepSeek goes down. Nobody who asks notices:", act_two, COUNT_OF(act_two));
    stage_down(p->stage, STAGE_CLOSET);
    fine &= play_act(p, "closet down", "The machine in the closet goes down too. bulk goes to Claude; what is private fails rather than leave the house:",
             act_three, COUNT_OF(act_three));
    return fine;
}

static int perform(struct play *p)
{
    struct err e = {0};
    if (play_start(p, &e) < 0)
        return cli_fail_err(&e);
    printf("A rehearsal: the vendors are simulated on this machine, with their real formats and prices (state of 2026-10).\n"
           "Router, failover, fence and ledger are the real ones; nothing is booked in your own ledger.\n");
    bool fine = play_all(p);
    fine = play_bill(p) && play_plan_bill(p) && fine;
    printf("\n%s\n", fine ? "Everything went as it should. Next: put a key into the environment (DEEPSEEK_API_KEY, ...) or start Ollama, and run `hearth serve`."
                          : "Something did not go as it should; the lines above say what.");
    return fine ? EXIT_OK : EXIT_FAILED;
}

static int rehearse_story(void)
{
    struct play_line line[SCENES_MAX];
    struct play p = {.url = BUF_INIT(1 * KiB), .line = line, .lines_max = SCENES_MAX};
    struct err e = {0};
    if (stage_open(&p.stage, &e) < 0)
        return cli_fail_err(&e);
    int status = perform(&p);
    play_stop(&p);
    stage_close(p.stage);
    buf_fini(&p.url);
    return status;
}

static int run(int argc, char **argv)
{
    const char *config = NULL;
    const struct cli_option options[] = {
        {'c', "config", "FILE", "your own config, with a simulated upstream in place of each: what if one of them dies?", OPTION_TEXT, &config},
    };
    int words;
    int end = cli_parse(&command_rehearse, options, COUNT_OF(options),
                        "Takes a few seconds. Exits 0 when everything went as the story says; with --config, when with all upstreams up\n"
                        "each job is answered. Nothing of that config is reached, and none of its secrets is read.",
                        argc, argv, &words);
    if (end)
        return end - 1;
    if (words)
        return cli_usage_error(&command_rehearse, "unexpected `%s`", argv[0]);
    log_init(LOG_ERROR, !isatty(STDERR_FILENO)); /* the story is told here, not in the log */
    return config ? rehearse_own(config) : rehearse_story();
}

const struct cli_command command_rehearse = {
    .name = "rehearse", .synopsis = "[--config FILE]", .summary = "see it all work with simulated vendors: no keys, no network", .run = run,
};
