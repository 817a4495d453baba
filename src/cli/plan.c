/* plan.c: `hearth plan`: how the windows of flat plans stand, when they begin anew, what they come to at this pace, and what
 * the month's use would have cost in credits. Reads config and books; a daemon may run beside it or not. */
#include "cli/plan_priv.h"
#include "base/json.h"
#include "config/config.h"
#include "ledger/plan.h"
#include "mesh/mesh.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MS = 86400000, PLANS_ARENA_MAX = 64 << 20 };

/* --- times ------------------------------------------------------------------------------------------------------------------- */

void plan_say_time(struct buf *out, int64_t wall_ms, int64_t now_ms)
{
    static const char *const day[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    struct civil c = civil_local(wall_ms), today = civil_local(now_ms);
    if (c.year == today.year && c.month == today.month && c.day == today.day)
        (void)buf_append_format(out, "%02d:%02d", c.hour, c.minute);
    else if (wall_ms > now_ms && wall_ms - now_ms < 6 * (int64_t)DAY_MS)
        (void)buf_append_format(out, "%s %02d:%02d", day[c.weekday], c.hour, c.minute);
    else
        (void)buf_append_format(out, "%d-%02d-%02d %02d:%02d", c.year, c.month, c.day, c.hour, c.minute);
}

void plan_say_in(struct buf *out, int64_t ms)
{
    long long minutes = (ms + MINUTE_MS - 1) / MINUTE_MS;
    if (minutes >= 2 * 24 * 60)
        (void)buf_append_format(out, "in %lld d %lld h", minutes / (24 * 60), minutes / 60 % 24);
    else if (minutes >= 60)
        (void)buf_append_format(out, "in %lld h %lld min", minutes / 60, minutes % 60);
    else
        (void)buf_append_format(out, "in %lld min", minutes);
}

/* --- one credential -------------------------------------------------------------------------------------------------------- */

struct telling {
    struct buf *out;
    struct plan_now now;
    struct str upstream;
    bool elsewhere; /* what is told now went not through here */
    int credentials;
};

static void tell_used(struct buf *out, const struct plan_window_view *w)
{
    if (w->used_ppm >= 0)
        (void)buf_append_format(out, "%5lld %% used", (long long)((w->used_ppm + 5000) / 10000));
    else
        (void)buf_append_text(out, "use not known");
}

static void tell_source(struct telling *t, const struct plan_window_view *w)
{
    if (w->used_ppm < 0 || !w->seen_ms) {
        (void)buf_append_text(t->out, t->elsewhere ? " (estimate); " : "; through Hearth ");
        cli_money(t->out, w->own_nusd);
        (void)buf_append_text(t->out, " at list prices");
    } else {
        (void)buf_append_text(t->out, w->estimate ? " (estimate; the provider's last word is of " : " (the provider's word of ");
        plan_say_time(t->out, w->seen_ms, t->now.wall_ms);
        (void)buf_append_char(t->out, ')');
    }
}

static void tell_reset(struct telling *t, const struct plan_window_view *w)
{
    if (!w->reset_ms) {
        if (!w->sliding && !t->elsewhere)
            (void)buf_append_text(t->out, ", begins with the next call");
        return;
    }
    (void)buf_append_text(t->out, w->sliding ? ", all of it free again at " : w->reset_estimate ? ", resets about " : ", resets ");
    plan_say_time(t->out, w->reset_ms, t->now.wall_ms);
    (void)buf_append_text(t->out, " (");
    plan_say_in(t->out, w->reset_ms - t->now.wall_ms);
    (void)buf_append_char(t->out, ')');
}

static void tell_pace(struct telling *t, const struct plan_window_view *w)
{
    if (w->spent) {
        (void)buf_append_text(t->out, "; SPENT");
    } else if (w->spent_at_ms) {
        (void)buf_append_text(t->out, "; at this pace spent at ");
        plan_say_time(t->out, w->spent_at_ms, t->now.wall_ms);
    } else if (w->pace_ppm >= 0) {
        (void)buf_append_format(t->out, "; at this pace %lld %% by then", (long long)((w->pace_ppm + 5000) / 10000));
    }
}

static void tell_rest(struct telling *t, const struct plan_block_view *b)
{
    (void)buf_append_format(t->out, "    %s %s its %s window is spent since ", b->family[0] ? b->family : "all", b->family[0] ? "models rest:" : "calls rest:",
                            b->window[0] ? b->window : "usage");
    plan_say_time(t->out, b->since_ms, t->now.wall_ms);
    if (b->until_ms > t->now.wall_ms) {
        (void)buf_append_text(t->out, "; they go to their next step until ");
        plan_say_time(t->out, b->until_ms, t->now.wall_ms);
    } else {
        (void)buf_append_text(t->out, "; its reset has passed, and the next call finds out whether it is open");
    }
    (void)buf_append_text(t->out, b->overage ? " (the provider would go on, and bill it)\n" : "\n");
}

static int tell_credential(const struct plan_view *v, void *ctx)
{
    struct telling *t = ctx;
    char holder[PLAN_HOLDER_TEXT];
    if (!str_eq(v->upstream, t->upstream))
        return 0;
    plan_holder_text(v->holder, holder);
    t->credentials++;
    t->elsewhere = v->elsewhere;
    if (v->elsewhere)
        (void)buf_append_text(t->out, "  beside Hearth, by a client's own logs, told ");
    else
        (void)buf_append_format(t->out, "  credential %.8s, last used ", holder);
    plan_say_time(t->out, v->used_last_ms, t->now.wall_ms);
    (void)buf_append_text(t->out, v->paying ? "; its last answer was billed beside the plan\n" : "\n");
    for (int i = 0; i < v->window_count; i++) {
        (void)buf_append_format(t->out, "    %-8s ", v->window[i].name);
        tell_used(t->out, &v->window[i]);
        tell_source(t, &v->window[i]);
        tell_reset(t, &v->window[i]);
        tell_pace(t, &v->window[i]);
        (void)buf_append_char(t->out, '\n');
    }
    for (int i = 0; i < v->block_count; i++)
        tell_rest(t, &v->block[i]);
    return 0;
}

/* --- one plan ------------------------------------------------------------------------------------------------------------------ */

static void tell_month(struct buf *out, const struct mesh_plan *p)
{
    (void)buf_append_text(out, "  this month (UTC) ");
    cli_count(out, p->month_attempts);
    (void)buf_append_text(out, p->month_attempts == 1 ? " answer, in credits " : " answers, in credits ");
    cli_money(out, p->month_list_nusd);
    if (p->month_unknown)
        (void)buf_append_format(out, " and %lld of unknown price", (long long)p->month_unknown);
    if (p->monthly_nusd) {
        (void)buf_append_text(out, "; the fee is ");
        cli_money(out, p->monthly_nusd);
    }
    if (p->month_billed) {
        (void)buf_append_format(out, "; %lld billed beside the plan, ", (long long)p->month_billed);
        cli_money(out, p->month_billed_nusd);
    }
    (void)buf_append_char(out, '\n');
}

static int tell_plan(struct buf *out, struct ledger_reader *books, const struct mesh_plan *p, struct plan_now now, struct err *e)
{
    struct telling t = {.out = out, .now = now, .upstream = p->upstream};
    (void)buf_append_format(out, "%.*s%s\n", STR_FMT(p->upstream), p->off ? " (plans are switched off)" : "");
    int rc = ledger_plan_views(books, now, tell_credential, &t, e);
    if (rc == 0 && !t.credentials)
        (void)buf_append_text(out, "  no call has gone there yet\n");
    tell_month(out, p);
    return rc;
}

static int tell_all(struct buf *out, struct ledger_reader *books, struct arena *a, struct mesh_plan *p, int count, struct plan_now now, bool json,
                    struct err *e)
{
    int rc = mesh_plans_month(books, p, count, now.wall_ms, e);
    if (rc == 0 && json)
        rc = mesh_plans_books(books, a, p, count, now.wall_ms, e);
    if (rc < 0)
        return rc;
    struct json_writer w = JSON_WRITER(out);
    if (json) {
        json_object_begin(&w);
        json_key(&w, "plans");
        json_array_begin(&w);
    }
    for (int i = 0; rc == 0 && i < count; i++) {
        if (json)
            mesh_plan_show(&w, &p[i]);
        else
            rc = tell_plan(out, books, &p[i], now, e);
    }
    if (json) {
        json_array_end(&w);
        json_object_end(&w);
        (void)buf_append_char(out, '\n');
        if (w.rc < 0)
            rc = err_set(e, w.rc, "the report does not fit into memory");
    } else if (!count) {
        (void)buf_append_text(out, "no upstream of the config has `regime: plan`; docs/guide/plan.md says how\n");
    }
    return rc;
}

/* --- the command ------------------------------------------------------------------------------------------------------------------ */

static int report(const struct config *c, const char *data, const char *config, bool json)
{
    struct mesh *m = NULL;
    struct ledger_reader *books = NULL;
    struct arena a = ARENA_INIT(PLANS_ARENA_MAX);
    struct mesh_plan *p = NULL;
    struct err e = {0};
    int count = 0;
    AUTO_BUF struct buf dir = BUF_INIT(8 * KiB), out = BUF_INIT(64 * MiB);
    struct plan_now now = {clock_wall_ms(clock_system()), clock_mono_us(clock_system()) / 1000};
    int rc = mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, &e);
    if (rc == 0)
        rc = cli_data_dir(&dir, data, config, &e);
    if (rc == 0)
        rc = ledger_reader_open(&books, buf_str(&dir), &e);
    if (rc == 0 && mesh_plans(m, &a, &p, &count) < 0)
        rc = err_set(&e, ERR_NOMEM, "the plans");
    if (rc == 0)
        rc = tell_all(&out, books, &a, p, count, now, json, &e);
    ledger_reader_close(books);
    mesh_close(m);
    arena_fini(&a);
    return rc < 0 ? cli_fail_err(&e) : cli_print(buf_str(&out));
}

static const char details[] =
    "A window is SPENT when the provider says so, never by our count. What is used is the provider's word, or an estimate from what\n"
    "has gone through Hearth since; resets are in your own time zone. A credential is shown by a keyed hash: it is kept nowhere.\n\n"
    "--watch DIR reads the logs that Claude Code keeps below DIR (~/.claude/projects) and tells the 5-hour block and the last\n"
    "seven days that they show, at list prices: an estimate, for those who do not send it through Hearth. It goes on watching, prints\n"
    "a report whenever there is more, and tells the daemon that the config names, which shows it and keeps the reserve by it.\n\n"
    "--json: one object, plans; of each: upstream, off, monthly_nusd (the fee), month (attempts, list_nusd: what they would have\n"
    "cost in credits, unknown: of unknown price, billed, billed_nusd), credentials (credential, used_last, paying, windows, rests)\n"
    "and events (of a running daemon: GET /hearth/v1/plan has them; empty here). The fields of a window are in docs/reference/openapi.json.";

static int run(int argc, char **argv)
{
    const char *data = NULL, *config = NULL, *watch = NULL, *upstream = NULL;
    bool json = false, once = false, made;
    const struct cli_option options[] = {
        {0, "watch", "DIR", "watch a client's local logs below DIR instead, and tell the daemon what they show", OPTION_TEXT, &watch},
        {0, "once", NULL, "with --watch: tell it once, and end", OPTION_FLAG, &once},
        {0, "upstream", "NAME", "with --watch: the plan that is used there, when the config has several", OPTION_TEXT, &upstream},
        {0, "json", NULL, "the same as JSON", OPTION_FLAG, &json},
        {'c', "config", "FILE", "the config", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder", OPTION_TEXT, &data},
    };
    int words;
    int end = cli_parse(&command_plan, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (words)
        return cli_usage_error(&command_plan, "unexpected `%s`", argv[0]);
    if (watch)
        return plan_watch(&(struct plan_watch_options){.dir = watch, .upstream = upstream, .config = config, .data = data, .json = json, .once = once});
    if (once || upstream)
        return cli_usage_error(&command_plan, "--once and --upstream go with --watch");
    struct config *c = NULL;
    struct err e = {0};
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB);
    if (cli_config(&c, config, &made, &said, &e) < 0)
        return cli_fail_err(&e);
    int status = report(c, data, config, json);
    config_free(c);
    return status;
}

const struct cli_command command_plan = {
    .name = "plan", .synopsis = "[options]", .summary = "how the windows of flat plans stand", .run = run,
};
