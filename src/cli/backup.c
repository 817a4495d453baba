/* backup.c: `hearth backup`: the books in one file, taken beside a running daemon; and what is in such a file. */
#include "base/json.h"
#include "cli/cli_priv.h"
#include "ledger/ledger.h"

static void write_json(struct buf *out, const char *path, const struct ledger_backup *b)
{
    struct json_writer w = JSON_WRITER(out);
    char iso[CIVIL_ISO_BYTES];
    struct {
        const char *key;
        int64_t n;
    } rows[] = {{"calls", b->calls}, {"pruned", b->pruned}, {"in_flight", b->in_flight}, {"cost_nusd", b->cost_nusd},
                {"cost_unknown", b->cost_unknown}};
    bool any = b->calls || b->pruned;
    json_object_begin(&w);
    json_key(&w, "file");
    json_text(&w, path);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        json_key(&w, rows[i].key);
        json_i64(&w, rows[i].n);
    }
    civil_iso(b->first_ms, iso);
    json_key(&w, "first");
    json_text(&w, any ? iso : NULL);
    civil_iso(b->last_ms, iso);
    json_key(&w, "last");
    json_text(&w, any ? iso : NULL);
    json_object_end(&w);
    (void)buf_append_char(out, '\n'); /* an output that cannot grow is told by json_done below */
}

static void write_text(struct buf *out, const char *path, const struct ledger_backup *b)
{
    char first[CIVIL_ISO_BYTES], last[CIVIL_ISO_BYTES];
    civil_iso(b->first_ms, first);
    civil_iso(b->last_ms, last);
    (void)buf_append_format(out, "%s: sound; ", path);
    cli_count(out, b->calls);
    (void)buf_append_text(out, b->calls == 1 ? " call" : " calls");
    if (b->pruned) {
        (void)buf_append_text(out, ", sums of ");
        cli_count(out, b->pruned);
        (void)buf_append_text(out, " older ones");
    }
    if (b->in_flight)
        (void)buf_append_format(out, ", %lld in flight", (long long)b->in_flight);
    if (b->calls || b->pruned) {
        (void)buf_append_format(out, "; %.10s to %.10s; ", first, last);
        cli_money(out, b->cost_nusd);
    }
    if (b->cost_unknown)
        (void)buf_append_format(out, " and %lld of unknown cost", (long long)b->cost_unknown);
    (void)buf_append_char(out, '\n');
}

static const char details[] =
    "FILE holds everything that was booked until now, also what a running daemon has only in its journal; a file that exists is\n"
    "left alone without --force. --check opens FILE, verifies it and says what is in it; nothing else is needed for that.\n\n"
    "To restore: stop `hearth serve`, give it a folder with nothing in it (mkdir -m 700 DIR), put FILE there as DIR/ledger.db,\n"
    "and start it with --data DIR. Calls in flight when the backup was taken are booked as lost, at what was held for them.\n\n"
    "--json: one object: file, calls, pruned (calls of which only sums are kept), in_flight, cost_nusd (nano-dollars, where it is\n"
    "known), cost_unknown (calls whose cost is not), first, last (times of the first and last call; null when there is none).";

static int run(int argc, char **argv)
{
    const char *data = NULL, *config = NULL;
    bool json = false, check = false, force = false;
    const struct cli_option options[] = {
        {0, "check", NULL, "verify FILE and say what is in it; makes nothing", OPTION_FLAG, &check},
        {'f', "force", NULL, "replace FILE if it exists", OPTION_FLAG, &force},
        {0, "json", NULL, "the same as JSON", OPTION_FLAG, &json},
        {'c', "config", "FILE", "the config that names the data folder", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder", OPTION_TEXT, &data},
    };
    int words;
    int end = cli_parse(&command_backup, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (words == 1 && !argv[0][0])
        return cli_usage_error(&command_backup, "the name of FILE is empty");
    if (words != 1)
        return cli_usage_error(&command_backup, words ? "one FILE, not `%s` too" : "it needs the FILE", words ? argv[1] : "");
    AUTO_BUF struct buf dir = BUF_INIT(8 * KiB);
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    struct ledger_backup found;
    struct err e = {0};
    int rc = check ? ledger_backup_check(argv[0], &found, &e) : cli_data_dir(&dir, data, config, &e);
    if (rc == 0 && !check)
        rc = ledger_backup(buf_str(&dir), argv[0], force, &found, &e);
    if (rc < 0)
        return cli_fail_err(&e);
    if (json)
        write_json(&out, argv[0], &found);
    else
        write_text(&out, argv[0], &found);
    return cli_print(buf_str(&out));
}

const struct cli_command command_backup = {
    .name = "backup", .synopsis = "[options] FILE", .summary = "the books in one file, beside a running daemon", .run = run,
};
