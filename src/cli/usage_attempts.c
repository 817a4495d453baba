/* usage_attempts.c: `hearth usage --attempts`: every attempt of every call, and why it ended. A call says where its answer came
 * from; what was tried before that, and why it failed, is told here. */
#include "base/json.h"
#include "cli/usage_priv.h"

enum { PRINT_BYTES = 32 * 1024 };

struct list {
    enum usage_lines lines;
    struct buf out;
    int64_t rows;
};

static void row_csv(struct buf *out, const struct usage_attempt *a)
{
    char iso[CIVIL_ISO_BYTES];
    civil_iso(a->wall_ms, iso);
    (void)buf_append_format(out, "%s,%d,%s,", a->call, a->number, iso);
    usage_csv_text(out, a->job);
    usage_csv_text(out, a->target);
    (void)buf_append_format(out, "%s,%s,", regime_name(a->regime), a->ok ? "true" : "false");
    usage_csv_text(out, a->reason);
    (void)buf_append_format(out, "%lld,%lld,%lld,%lld,%lld,%s,", (long long)a->usage.input, (long long)a->usage.cached,
                            (long long)a->usage.cache_write, (long long)a->usage.output, (long long)a->usage.reasoning,
                            a->estimated ? "true" : "false");
    if (a->cost_nusd != COST_UNKNOWN)
        (void)buf_append_i64(out, a->cost_nusd);
    (void)buf_append_format(out, ",%lld,%lld\n", (long long)a->first_ms, (long long)a->total_ms);
}

static void row_text(struct list *l, const struct usage_attempt *a)
{
    struct buf *out = &l->out;
    char iso[CIVIL_ISO_BYTES];
    civil_iso(a->wall_ms, iso);
    if (l->rows == 1)
        (void)buf_append_format(out, "%-19s  %-28s  %-34s  %-16s %8s %10s %10s  %s\n", "time (UTC)", "attempt", "target", "reason", "ms",
                                "tokens in", "tokens out", "cost");
    (void)buf_append_format(out, "%.19s  %s.%-*d  %-34.*s  %-16.*s ", iso, a->call, 1, a->number, STR_FMT(a->target), STR_FMT(a->reason));
    if (a->total_ms < 0)
        (void)buf_append_format(out, "%8s ", "-");
    else
        (void)buf_append_format(out, "%8lld ", (long long)a->total_ms);
    (void)buf_append_format(out, "%10lld %10lld  ", (long long)a->usage.input, (long long)a->usage.output);
    cli_money(out, a->cost_nusd);
    (void)buf_append_text(out, a->estimated ? "  (tokens estimated)\n" : "\n");
}

static int on_attempt(const struct usage_attempt *a, void *ctx)
{
    struct list *l = ctx;
    l->rows++;
    if (l->lines == USAGE_LINES_JSON) {
        struct json_writer w = JSON_WRITER(&l->out);
        usage_attempt_show(&w, a);
        (void)buf_append_char(&l->out, '\n');
    } else if (l->lines == USAGE_LINES_CSV) {
        row_csv(&l->out, a);
    } else {
        row_text(l, a);
    }
    if (l->out.len < PRINT_BYTES)
        return 0;
    int stop = cli_print(buf_str(&l->out)) != EXIT_OK; /* the reader left: it has seen enough */
    buf_clear(&l->out);
    return stop;
}

int usage_attempts(struct ledger_reader *books, const struct usage_filter *f, enum usage_lines lines)
{
    struct list l = {.lines = lines, .out = BUF_INIT(1 * MiB)};
    struct err e = {0};
    if (lines == USAGE_LINES_CSV)
        (void)buf_append_text(&l.out, "call,attempt,time,job,target,regime,ok,reason,input,cached,cache_write,output,reasoning,estimated,"
                                      "cost_nusd,first_ms,total_ms\n");
    int rc = ledger_attempts(books, f, on_attempt, &l, &e);
    if (rc == 0 && l.rows == 0 && lines == USAGE_LINES_TEXT)
        (void)buf_append_text(&l.out, usage_no_calls(f));
    int status = rc ? cli_fail_err(&e) : cli_print(buf_str(&l.out));
    buf_fini(&l.out);
    return status;
}
