/* usage.c: `hearth usage`: what was asked, where it went, and what it cost. Reads the books beside a running daemon. Sums as a
 * table are in usage_table.c. */
#include "cli/usage_priv.h"
#include "base/json.h"

enum format { FORMAT_TABLE, FORMAT_LINES_JSON, FORMAT_LINES_CSV };

struct report {
    enum format format;
    struct json_writer w;
    struct buf out;
    int64_t rows;
};

/* Nonzero when the reader left: it has seen enough. */
static int flush(struct report *r)
{
    if (r->out.len < 32 * KiB)
        return 0;
    int stop = cli_print(buf_str(&r->out)) != EXIT_OK;
    buf_clear(&r->out);
    return stop;
}

/* --- calls -------------------------------------------------------------------------------------------------------------------- */

static void call_json(struct report *r, const struct usage_call *c)
{
    struct json_writer w = JSON_WRITER(&r->out);
    usage_call_show(&w, c);
    (void)buf_append_char(&r->out, '\n');
}

void usage_csv_text(struct buf *out, struct str s)
{
    bool quote = str_find_char(s, ',') >= 0 || str_find_char(s, '"') >= 0;
    if (quote)
        (void)buf_append_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            (void)buf_append_char(out, '"');
        (void)buf_append_char(out, s.ptr[i]);
    }
    (void)buf_append_text(out, quote ? "\"," : ",");
}

static void csv_usage(struct buf *out, const struct usage *u)
{
    (void)buf_append_format(out, "%lld,%lld,%lld,%lld,%lld,", (long long)u->input, (long long)u->cached, (long long)u->cache_write,
                            (long long)u->output, (long long)u->reasoning);
}

static void csv_cost(struct buf *out, int64_t nusd)
{
    if (nusd != COST_UNKNOWN)
        (void)buf_append_i64(out, nusd);
}

static void call_csv(struct report *r, const struct usage_call *c)
{
    struct buf *out = &r->out;
    char iso[CIVIL_ISO_BYTES];
    civil_iso(c->wall_ms, iso);
    (void)buf_append_format(out, "%s,%s,", c->call, iso);
    usage_csv_text(out, c->job);
    usage_csv_text(out, c->target);
    (void)buf_append_format(out, "%s,%s,%d,", c->attempts ? regime_name(c->regime) : "-", call_outcome_name(c->outcome), c->attempts);
    csv_usage(out, &c->usage);
    (void)buf_append_format(out, "%s,", c->estimated ? "true" : "false");
    usage_csv_text(out, c->tags);
    usage_csv_text(out, c->task);
    usage_csv_text(out, c->key);
    csv_cost(out, c->cost_nusd);
    (void)buf_append_format(out, ",%lld,%lld\n", (long long)c->first_ms, (long long)c->total_ms);
}

static void call_line(struct report *r, const struct usage_call *c)
{
    struct buf *out = &r->out;
    char iso[CIVIL_ISO_BYTES];
    civil_iso(c->wall_ms, iso);
    if (r->rows == 1)
        (void)buf_append_format(out, "%-19s  %-26s  %-12s  %-34s  %-7s %8s %10s %10s  %s\n", "time (UTC)", "call", "job", "target", "outcome",
                                "attempts", "tokens in", "tokens out", "cost");
    (void)buf_append_format(out, "%.19s  %s  %-12.*s  %-34.*s  %-7s %8d %10lld %10lld  ", iso, c->call, STR_FMT(c->job), STR_FMT(c->target),
                            call_outcome_name(c->outcome), c->attempts, (long long)c->usage.input, (long long)c->usage.output);
    if (c->cost_nusd == COST_UNKNOWN)
        (void)buf_append_text(out, "unknown");
    else if (buf_append_text(out, "$ ") == 0)
        (void)buf_append_scaled(out, c->cost_nusd, 9);
    (void)buf_append_text(out, c->estimated ? "  (tokens estimated)\n" : "\n");
}

static int on_call(const struct usage_call *c, void *ctx)
{
    struct report *r = ctx;
    r->rows++;
    if (r->format == FORMAT_LINES_JSON)
        call_json(r, c);
    else if (r->format == FORMAT_LINES_CSV)
        call_csv(r, c);
    else
        call_line(r, c);
    return flush(r);
}

/* --- groups ------------------------------------------------------------------------------------------------------------------- */

static void group_csv(struct report *r, const struct usage_group *g)
{
    usage_csv_text(&r->out, g->name);
    (void)buf_append_format(&r->out, "%lld,%lld,%lld,", (long long)g->calls, (long long)g->failed, (long long)g->attempts);
    csv_usage(&r->out, &g->usage);
    (void)buf_append_format(&r->out, "%lld,%lld,%lld\n", (long long)g->cost_nusd, (long long)g->cost_unknown, (long long)g->estimated);
}

static int on_group(const struct usage_group *g, void *ctx)
{
    struct report *r = ctx;
    if (r->format == FORMAT_LINES_JSON)
        usage_group_show(&r->w, g);
    else
        group_csv(r, g);
    return flush(r);
}

/* --- the command --------------------------------------------------------------------------------------------------------------- */

enum { DAY_MS = 86400000, DAYS_BACK_MAX = 100000 };

/* 2026-11: its first day. */
static bool parse_month(struct str month, int64_t *out)
{
    char first[16];
    return month.len == 7 && usage_day_read(str_of(first, text_format(first, sizeof first, "%.*s-01", STR_FMT(month))), out);
}

/* A date, `today`, `yesterday`, or `7d`: seven days ago; all of them days of UTC. */
static bool parse_day(const char *text, int64_t *out)
{
    struct str day = str_from(text);
    int64_t today = clock_wall_ms(clock_system()) / DAY_MS * DAY_MS;
    uint64_t back = 0;
    if (str_eq(day, STR("yesterday")))
        back = 1;
    else if (str_ends(day, STR("d"))) {
        if (!str_to_u64(str_slice(day, 0, day.len - 1), &back) || back > DAYS_BACK_MAX)
            return false;
    } else if (!str_eq(day, STR("today")))
        return usage_day_read(day, out) || parse_month(day, out);
    *out = today - (int64_t)back * DAY_MS;
    return true;
}

const char *usage_no_calls(const struct usage_filter *f)
{
    bool filtered = f->from_ms || f->to_ms || f->job.len || f->target.len || f->key.len || f->tag.len || f->task.len;
    return filtered ? "no such calls\n" : "no calls yet\n";
}

static int report_calls(struct ledger_reader *books, const struct usage_filter *f, enum format format)
{
    struct report r = {.format = format, .out = BUF_INIT(1 * MiB)};
    struct err e = {0};
    if (format == FORMAT_LINES_CSV)
        (void)buf_append_text(&r.out, "call,time,job,target,regime,outcome,attempts,input,cached,cache_write,output,reasoning,estimated,tags,task,key,cost_nusd,first_ms,total_ms\n");
    int rc = ledger_calls(books, f, on_call, &r, &e);
    if (rc == 0 && r.rows == 0 && format == FORMAT_TABLE)
        (void)buf_append_text(&r.out, usage_no_calls(f));
    int status = rc ? cli_fail_err(&e) : cli_print(buf_str(&r.out));
    buf_fini(&r.out);
    return status;
}

static int report_groups(struct ledger_reader *books, const struct usage_filter *f, enum usage_by by, enum format format)
{
    struct report r = {.format = format, .out = BUF_INIT(64 * MiB)};
    struct err e = {0};
    r.w = JSON_WRITER(&r.out);
    if (format == FORMAT_LINES_JSON)
        json_array_begin(&r.w);
    else
        (void)buf_append_text(&r.out, "name,calls,failed,attempts,input,cached,cache_write,output,reasoning,cost_nusd,cost_unknown,estimated\n");
    int rc = ledger_groups(books, by, f, on_group, &r, &e);
    if (format == FORMAT_LINES_JSON) {
        json_array_end(&r.w);
        (void)buf_append_char(&r.out, '\n');
    }
    int status = rc ? cli_fail_err(&e) : cli_print(buf_str(&r.out));
    buf_fini(&r.out);
    return status;
}

/* What was left out, because only sums are left of it. To standard error: the report may be read by a program. */
static void say_pruned(struct ledger_reader *books, const struct usage_filter *f, bool calls)
{
    struct err e;
    int64_t count = 0, until_ms = 0;
    char iso[CIVIL_ISO_BYTES];
    bool tagged = f->tag.len || f->task.len;
    if ((!calls && !tagged) || ledger_pruned(books, f, &count, &until_ms, &e) < 0 || !count)
        return;
    AUTO_BUF struct buf text = BUF_INIT(1 * KiB);
    civil_iso(until_ms, iso);
    cli_count(&text, count);
    fprintf(stderr, "hearth: of %.*s calls before %.10s only sums are left (ledger.keep), without tags and tasks: they are not in here\n",
            STR_FMT(buf_str(&text)), iso);
}

static const char details[] =
    "Amounts are US dollars as charged when the call was made, other currencies converted by `fx`. `+ N calls of unknown cost` are\n"
    "not in the sum beside it. A call counts under its last target; with several tags under each, in the total once. `-`: no job\n"
    "(the call named a target), no attempt, no key or no tag. DAY is a day of UTC: 2026-11-21, 2026-11 (its first), today, yesterday,\n"
    "or 7d (seven days ago). What `ledger.keep` has pruned is in the sums by job, target, regime, day and key; single calls, tags\n"
    "and tasks of it are gone, and by tag it is one row, `(tags gone)`.\n\n"
    "--json fields of a call (one object a line with --calls): call, time, job, target, regime (credit, plan, power), outcome\n"
    "(done, failed, left: the client went away, cut: it broke off after content, lost: the server died), attempts, input,\n"
    "cached, cache_write, output, reasoning (tokens), estimated, tags, task, key, cost_nusd (nano-dollars; null: unknown),\n"
    "first_ms, total_ms. Of an attempt (--attempts, where --target is its own): call, attempt (its number), time, job, target,\n"
    "regime, ok, reason (done, or what went wrong), the token counts, estimated, cost_nusd, first_ms, total_ms. Of a group: name,\n"
    "calls, failed, attempts, the token sums, cost_nusd (of the calls whose cost is known), cost_unknown (calls whose cost is\n"
    "not), estimated (calls with estimated tokens).";

static int run(int argc, char **argv)
{
    const char *by_text = "job", *data = NULL, *config = NULL, *from = NULL, *to = NULL, *job = NULL, *target = NULL, *key = NULL, *tag = NULL,
               *task = NULL;
    bool json = false, csv = false, calls = false, attempts = false;
    const struct cli_option options[] = {
        {'b', "by", "WHAT", "group by job (default), target, regime, day (UTC), key or tag", OPTION_TEXT, &by_text},
        {0, "calls", NULL, "every call instead of sums", OPTION_FLAG, &calls},
        {0, "attempts", NULL, "every attempt of every call, and why it ended", OPTION_FLAG, &attempts},
        {0, "json", NULL, "JSON; with --calls or --attempts one object a line", OPTION_FLAG, &json},
        {0, "csv", NULL, "comma-separated values with a head line", OPTION_FLAG, &csv},
        {0, "from", "DAY", "calls from that day on", OPTION_TEXT, &from},
        {0, "to", "DAY", "calls before that day", OPTION_TEXT, &to},
        {0, "job", "NAME", "of one job", OPTION_TEXT, &job},
        {0, "target", "NAME", "answered by one target", OPTION_TEXT, &target},
        {0, "key", "NAME", "of one key", OPTION_TEXT, &key},
        {0, "tag", "TAG", "with a tag", OPTION_TEXT, &tag},
        {0, "task", "ID", "of one task", OPTION_TEXT, &task},
        {'c', "config", "FILE", "the config that names the data folder", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder", OPTION_TEXT, &data},
    };
    int words;
    int end = cli_parse(&command_usage, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    enum usage_by by;
    struct usage_filter f = {.job = str_from(job), .target = str_from(target), .key = str_from(key), .tag = str_from(tag), .task = str_from(task)};
    if (words)
        return cli_usage_error(&command_usage, "unexpected `%s`", argv[0]);
    if (!usage_by_read(str_from(by_text), &by))
        return cli_usage_error(&command_usage, "--by is job, target, regime, day, key or tag, not `%s`", by_text);
    if ((from && !parse_day(from, &f.from_ms)) || (to && !parse_day(to, &f.to_ms)))
        return cli_usage_error(&command_usage, "a day looks like 2026-11-21, 2026-11, today, yesterday or 7d");
    if (from && to && f.from_ms >= f.to_ms)
        return cli_usage_error(&command_usage, "--from %s is not before --to %s, so there can be no calls", from, to);
    if (json && csv)
        return cli_usage_error(&command_usage, "--json or --csv, not both");
    if (calls && attempts)
        return cli_usage_error(&command_usage, "--calls or --attempts, not both");
    AUTO_BUF struct buf dir = BUF_INIT(8 * KiB);
    struct err e = {0};
    struct ledger_reader *books;
    if (cli_data_dir(&dir, data, config, &e) < 0 || ledger_reader_open(&books, buf_str(&dir), &e) < 0)
        return cli_fail_err(&e);
    enum format format = json ? FORMAT_LINES_JSON : csv ? FORMAT_LINES_CSV : FORMAT_TABLE;
    enum usage_lines lines = json ? USAGE_LINES_JSON : csv ? USAGE_LINES_CSV : USAGE_LINES_TEXT;
    int status = attempts               ? usage_attempts(books, &f, lines)
                 : calls                ? report_calls(books, &f, format)
                 : format == FORMAT_TABLE ? usage_table(books, &f, by, by_text)
                                          : report_groups(books, &f, by, format);
    say_pruned(books, &f, calls || attempts);
    ledger_reader_close(books);
    return status;
}

const struct cli_command command_usage = {
    .name = "usage", .synopsis = "[options]", .summary = "what was asked, where it went, and what it cost", .run = run,
};
