/* rehearse.c: `hearth rehearse`: the whole story in under a minute, with simulated vendors, no keys and no network: seven
 * jobs, two failures, a fence that holds, and the bill. Everything but the vendors is the real thing. */
#include "base/json.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include <unistd.h>

enum { CALL_TIMEOUT_MS = 20000, SCENES_MAX = 32 };

struct scene {
    const char *job;
    const char *expect; /* target that must answer; NULL: nobody may */
};

/* One line of the closing table. */
struct line {
    const char *act, *job;
    char target[256], attempts[12], call[32], why[400];
    int status;
    int64_t ms;
    bool as_told;
};

struct play {
    struct stage *stage;
    struct service *service;
    struct buf url;
    struct line line[SCENES_MAX];
    int lines;
};

static const char *const question[] = {
    "Sum up this note in one line: the roof needs two new tiles before winter, the gutter is fine.",
};

static void write_chat(struct buf *out, const char *job)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "model");
    json_text(&w, job);
    if (strcmp(job, "embed") == 0) {
        json_key(&w, "input");
        json_text(&w, question[0]);
    } else {
        json_key(&w, "messages");
        json_raw(&w, STR("[{\"role\":\"user\",\"content\":"));
        w.comma = false;
        json_text(&w, question[0]);
        (void)buf_append_text(out, "}]");
        w.comma = true;
    }
    json_object_end(&w);
}

static void error_message(const struct fetch_reply *r, char *out, size_t out_bytes)
{
    struct arena a = ARENA_INIT(1 * MiB);
    struct json_node *root;
    struct str text = STR_NONE;
    if (json_parse(&a, buf_str(&r->body), &root, NULL) == 0)
        text = str_slice(json_get_text(json_get(root, "error"), "message"), 0, out_bytes - 1);
    if (text.len)
        memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    arena_fini(&a);
}

static void play_scene(struct play *p, const char *act, const struct scene *sc)
{
    struct line *l = &p->line[p->lines++];
    AUTO_BUF struct buf body = BUF_INIT(16 * KiB), url = BUF_INIT(1 * KiB);
    struct fetch_reply r;
    int64_t start_us = clock_mono_us(clock_system());
    write_chat(&body, sc->job);
    (void)buf_append_format(&url, "%.*s/v1/%s", STR_FMT(buf_str(&p->url)), strcmp(sc->job, "embed") == 0 ? "embeddings" : "chat/completions");
    *l = (struct line){.act = act, .job = sc->job};
    int rc = cli_fetch(&r, buf_str(&url), STR_NONE, buf_str(&body), NULL, NULL, CALL_TIMEOUT_MS, NULL, NULL);
    l->ms = (clock_mono_us(clock_system()) - start_us) / 1000;
    l->status = rc ? 0 : r.status;
    text_format(l->target, sizeof l->target, "%s", r.target);
    text_format(l->attempts, sizeof l->attempts, "%s", r.attempts);
    text_format(l->call, sizeof l->call, "%s", r.call);
    if (l->status != 200)
        error_message(&r, l->why, sizeof l->why);
    l->as_told = sc->expect ? l->status == 200 && strcmp(l->target, sc->expect) == 0 : l->status == 503;
    printf("  %-8s -> %-30s %s attempt%s, %lld ms%s\n", l->job, l->status == 200 ? l->target : "nobody: it fails", l->attempts,
           strcmp(l->attempts, "1") == 0 ? "" : "s", (long long)l->ms, l->as_told ? "" : "   NOT AS IT SHOULD BE");
    if (l->status != 200)
        printf("           %s\n", rc ? r.problem : l->why);
    (void)fflush(stdout);
    fetch_reply_fini(&r);
}

static void play_act(struct play *p, const char *act, const char *told, const struct scene *scenes, size_t count)
{
    printf("\n%s\n", told);
    for (size_t i = 0; i < count; i++)
        play_scene(p, act, &scenes[i]);
}

static const struct scene act_one[] = {
    {"bulk", "deepseek/deepseek-flash"}, {"reason", "deepseek/deepseek-v4-pro"}, {"long", "kimi/kimi-k2.6"},
    {"fast", "groq/openai/gpt-oss-120b"}, {"hard", "claude/claude-opus-5-5"}, {"private", "closet/llama3.1:8b"},
    {"embed", "closet/nomic-embed-text"},
};
static const struct scene act_two[] = {{"bulk", "closet/llama3.1:8b"}, {"reason", "claude/claude-sonnet-5-5"}};
static const struct scene act_three[] = {{"bulk", "claude/claude-sonnet-5-5"}, {"private", NULL}, {"embed", NULL}};

static void play_all(struct play *p)
{
    play_act(p, "all up", "All five vendors are up. Each job goes to the cheapest place that does it well:", act_one, COUNT_OF(act_one));
    stage_down(p->stage, STAGE_DEEPSEEK);
    play_act(p, "deepseek down", "DeepSeek goes down. Nobody who asks notices:", act_two, COUNT_OF(act_two));
    stage_down(p->stage, STAGE_CLOSET);
    play_act(p, "closet down", "The machine in the closet goes down too. bulk goes to Claude; what is private fails rather than leave the house:",
             act_three, COUNT_OF(act_three));
}

/* --- the bill ------------------------------------------------------------------------------------------------------------------- */

struct costs {
    const struct play *play;
    int64_t nusd[SCENES_MAX];
    bool found[SCENES_MAX];
    enum regime regime[SCENES_MAX];
};

static int on_call(const struct usage_call *c, void *ctx)
{
    struct costs *k = ctx;
    for (int i = 0; i < k->play->lines; i++)
        if (strcmp(k->play->line[i].call, c->call) == 0) {
            k->found[i] = true;
            k->nusd[i] = c->cost_nusd;
            k->regime[i] = c->regime;
        }
    return 0;
}

static void print_cost(const struct costs *k, int i)
{
    AUTO_BUF struct buf text = BUF_INIT(100);
    if (!k->found[i])
        (void)buf_append_text(&text, "not booked");
    else if (k->nusd[i] == COST_UNKNOWN)
        (void)buf_append_text(&text, k->regime[i] == REGIME_POWER ? "electricity (not metered)" : "unknown");
    else if (buf_append_text(&text, "$ ") == 0)
        (void)buf_append_scaled(&text, k->nusd[i], 9);
    printf("%.*s\n", STR_FMT(buf_str(&text)));
}

static bool print_table(const struct play *p)
{
    struct costs k = {.play = p};
    struct usage_filter all = {0};
    struct ledger_reader *books;
    struct err e = {0};
    if (ledger_reader_open(&books, stage_data_dir(p->stage), &e) < 0) {
        cli_fail_err(&e);
        return false;
    }
    bool fine = ledger_calls(books, &all, on_call, &k, &e) == 0;
    ledger_reader_close(books);
    printf("\nWhat the books say:\n  %-14s %-8s %-30s %8s %8s  %s\n", "", "job", "target", "attempts", "ms", "cost");
    for (int i = 0; i < p->lines; i++) {
        const struct line *l = &p->line[i];
        printf("  %-14s %-8s %-30s %8s %8lld  ", l->act, l->job, l->status == 200 ? l->target : "failed, stayed home", l->attempts, (long long)l->ms);
        print_cost(&k, i);
        fine = fine && l->as_told && k.found[i];
    }
    return fine;
}

static int perform(struct play *p)
{
    struct err e = {0};
    AUTO_BUF struct buf address = BUF_INIT(4 * KiB);
    struct service_options opt = {.config = stage_config(p->stage), .data_dir = stage_data_dir(p->stage), .listen = STR("127.0.0.1:0")};
    int rc = service_open(&p->service, &opt, &e);
    if (rc == 0)
        rc = service_start(p->service, &e);
    if (rc == 0)
        rc = service_address(p->service, 0, &address);
    if (rc == 0)
        rc = buf_append_format(&p->url, "http://%.*s", STR_FMT(buf_str(&address)));
    if (rc)
        return cli_fail_err(&e);
    printf("A rehearsal: the vendors are simulated on this machine, with their real formats and prices (state of 2026-10).\n"
           "Router, failover, fence and ledger are the real ones; nothing is booked in your own ledger.\n");
    play_all(p);
    bool fine = print_table(p);
    printf("\n%s\n", fine ? "Everything went as it should. Next: put a key into the environment (DEEPSEEK_API_KEY, ...) or start Ollama, and run `hearth serve`."
                          : "Something did not go as it should; the lines above say what.");
    return fine ? EXIT_OK : EXIT_FAILED;
}

static int run(int argc, char **argv)
{
    int words;
    int end = cli_parse(&command_rehearse, NULL, 0, "Takes a few seconds. Exits 0 when everything went as the story says.", argc, argv, &words);
    if (end)
        return end - 1;
    if (words)
        return cli_usage_error(&command_rehearse, "unexpected `%s`", argv[0]);
    struct play p = {.url = BUF_INIT(1 * KiB)};
    struct err e = {0};
    log_init(LOG_ERROR, !isatty(STDERR_FILENO)); /* the story is told here, not in the log */
    if (stage_open(&p.stage, &e) < 0)
        return cli_fail_err(&e);
    int status = perform(&p);
    if (p.service)
        service_stop(p.service, 1000);
    service_close(p.service);
    stage_close(p.stage);
    buf_fini(&p.url);
    return status;
}

const struct cli_command command_rehearse = {
    .name = "rehearse", .synopsis = "", .summary = "see it all work with simulated vendors: no keys, no network", .run = run,
};
