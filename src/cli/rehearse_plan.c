/* rehearse_plan.c: a flat plan's life, rehearsed: a conversation that Claude Code has under its owner's plan, which is spent at the third
 * message; it goes on with DeepSeek, with Kimi when that one is down too, and is back at the plan after the reset. The window is a
 * simulated one of seconds; what watches it, books it and moves the calls is the real thing. */
#include "base/clock.h"
#include "base/json.h"
#include "cli/rehearse_priv.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "mesh/mesh.h"
#include <poll.h>

enum { PLANS_ARENA_MAX = 16 << 20, MARGIN_MS = 200 };

#define UNIFIED "header anthropic-ratelimit-unified-"
#define STEP "usage 42000 900 cached 38000 reply \"This answer is simulated: its words are always these.\" "

/* They have none of the conversation in their caches, and read all of it. */
static const char script_elsewhere[] = "first 120 usage 42000 900 reply \"This answer is simulated: its words are always these.\"";

static const char script_open[] =
    "first 150 " STEP UNIFIED "status allowed " UNIFIED "5h-status allowed " UNIFIED "5h-utilization 0.71; "
    "first 150 " STEP UNIFIED "status allowed_warning " UNIFIED "5h-status allowed_warning " UNIFIED "5h-utilization 0.97";

int plan_script_spent(struct buf *out, int64_t *wait_ms)
{
    int64_t now_ms = clock_wall_ms(clock_system()), reset_s = now_ms / 1000 + PLAN_RESET_S, left_ms = reset_s * 1000 - now_ms;
    *wait_ms = left_ms + 1000 + left_ms / 10 + MARGIN_MS; /* the plan's own caution, see jitter() in ledger/plan.c */
    return buf_append_format(out,
                             "status 429 " UNIFIED "status rejected " UNIFIED "representative-claim five_hour " UNIFIED
                             "5h-status rejected " UNIFIED "5h-utilization 1 " UNIFIED "5h-reset %lld; first 150 " STEP UNIFIED
                             "status allowed " UNIFIED "5h-status allowed " UNIFIED "5h-utilization 0.01",
                             (long long)reset_s);
}

/* What must answer a message, and what is said of it. */
struct message {
    const char *expect, *says;
};
struct judge {
    const struct message *message;
    bool fine;
};

static const char *judge_line(const struct play_line *l, void *ctx)
{
    struct judge *j = ctx;
    bool as_told = l->status == 200 && strcmp(l->target, j->message->expect) == 0;
    j->fine = j->fine && as_told;
    return as_told ? j->message->says : "NOT AS IT SHOULD BE";
}

static const struct message messages[] = {
    {"plan/claude-opus-5-5", "71 % of its window used"},
    {"plan/claude-opus-5-5", "97 %: the provider warns"},
    {"deepseek/deepseek-v4-pro", "the plan is spent; it goes on here"},
    {"kimi/kimi-k2.6", "DeepSeek is down as well"},
    {"plan/claude-opus-5-5", "after the reset: back by itself"},
};

static bool say(struct play *p, int number)
{
    struct judge j = {.message = &messages[number - 1], .fine = true};
    (void)play_talk(p, "flat plan", "code", number, judge_line, &j);
    return j.fine;
}

bool rehearse_plan(struct play *p)
{
    AUTO_BUF struct buf spent = BUF_INIT(4 * KiB);
    struct err e = {0};
    int64_t wait_ms = 0;
    printf("\nA conversation under a flat plan (its window is simulated, and lasts seconds here instead of five hours):\n");
    bool fine = stage_script(p->stage, STAGE_PLAN, script_open, &e) == 0 && stage_script(p->stage, STAGE_DEEPSEEK, script_elsewhere, &e) == 0 &&
                stage_script(p->stage, STAGE_KIMI, script_elsewhere, &e) == 0;
    fine = say(p, 1) && say(p, 2) && fine;
    fine = plan_script_spent(&spent, &wait_ms) == 0 && buf_text(&spent) && stage_script(p->stage, STAGE_PLAN, spent.ptr, &e) == 0 && fine;
    int64_t end_ms = clock_mono_us(clock_system()) / 1000 + wait_ms;
    fine = say(p, 3) && fine;
    stage_down(p->stage, STAGE_DEEPSEEK);
    fine = say(p, 4) && fine;
    fine = stage_up(p->stage, STAGE_DEEPSEEK, &e) == 0 && stage_usual(p->stage, STAGE_DEEPSEEK, &e) == 0 &&
           stage_usual(p->stage, STAGE_KIMI, &e) == 0 && fine;
    int64_t left_ms = end_ms - clock_mono_us(clock_system()) / 1000;
    if (left_ms > 0)
        (void)poll(NULL, 0, (int)left_ms);
    fine = say(p, 5) && fine;
    if (e.text[0])
        cli_fail_err(&e);
    return fine;
}

/* --- the money of both regimes ------------------------------------------------------------------------------------------------ */

struct elsewhere {
    const struct play *play;
    struct str plan;
    int64_t calls, nusd;
};

static int on_call(const struct usage_call *c, void *ctx)
{
    struct elsewhere *k = ctx;
    for (int i = 0; i < k->play->lines; i++) {
        const struct play_line *l = &k->play->line[i];
        if (!l->plan.len || !str_eq(l->plan, k->plan) || l->status != 200 || c->regime == REGIME_PLAN || strcmp(l->call, c->call) != 0)
            continue;
        k->calls++;
        k->nusd += c->cost_nusd == COST_UNKNOWN ? 0 : c->cost_nusd;
    }
    return 0;
}

static void print_plan(const struct mesh_plan *p, const struct elsewhere *k)
{
    AUTO_BUF struct buf out = BUF_INIT(8 * KiB);
    (void)buf_append_format(&out, "Within the plan of %.*s ", STR_FMT(p->upstream));
    cli_count(&out, p->month_attempts);
    (void)buf_append_text(&out, p->month_attempts == 1 ? " answer, which in credits is " : " answers, which in credits are ");
    cli_money(&out, p->month_list_nusd);
    if (p->month_unknown)
        (void)buf_append_format(&out, " and %lld of unknown price", (long long)p->month_unknown);
    if (p->monthly_nusd) {
        (void)buf_append_text(&out, " (its fee is ");
        cli_money(&out, p->monthly_nusd);
        (void)buf_append_text(&out, " a month)");
    }
    if (k->calls) {
        (void)buf_append_format(&out, "; while it was spent %lld went elsewhere, for ", (long long)k->calls);
        cli_money(&out, k->nusd);
    }
    printf("%.*s\n", STR_FMT(buf_str(&out)));
}

bool play_plan_bill(const struct play *p)
{
    struct mesh *m = NULL;
    struct ledger_reader *books = NULL;
    struct arena a = ARENA_INIT(PLANS_ARENA_MAX);
    struct mesh_plan *plan = NULL;
    struct err e = {0};
    int count = 0;
    int rc = mesh_open(&m, &(struct mesh_options){.config = stage_config(p->stage), .clock = clock_system()}, &e);
    if (rc == 0 && mesh_plans(m, &a, &plan, &count) < 0)
        rc = err_set(&e, ERR_NOMEM, "the plans");
    if (rc == 0)
        rc = ledger_reader_open(&books, stage_data_dir(p->stage), &e);
    if (rc == 0)
        rc = mesh_plans_month(books, plan, count, clock_wall_ms(clock_system()), &e);
    for (int i = 0; rc == 0 && i < count; i++) {
        struct elsewhere k = {.play = p, .plan = plan[i].upstream};
        rc = ledger_calls(books, &(struct usage_filter){0}, on_call, &k, &e);
        if (rc == 0)
            print_plan(&plan[i], &k);
    }
    ledger_reader_close(books);
    mesh_close(m);
    arena_fini(&a);
    return rc == 0 || cli_fail_err(&e) == EXIT_OK;
}
