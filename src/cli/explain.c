/* explain.c: `hearth explain CALL`: every candidate of one call, and why it was taken or skipped. Reads the books, where a
 * daemon may be writing; who would have come next is told by the config of today. */
#include "base/json.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include "mesh/mesh.h"

enum { EXPLAIN_ARENA_MAX = 64 << 20 };

/* --- for people ------------------------------------------------------------------------------------------------------------- */

static void tell_seconds(struct buf *out, int64_t ms)
{
    if (ms < 10000)
        (void)buf_append_format(out, "%lld ms", (long long)ms);
    else if (ms < 600000)
        (void)buf_append_format(out, "%lld s", (long long)((ms + 500) / 1000));
    else if (ms < 36000000)
        (void)buf_append_format(out, "%lld min", (long long)((ms + 30000) / 60000));
    else
        (void)buf_append_format(out, "%lld h", (long long)((ms + 1800000) / 3600000));
}

static void tell_head(struct buf *out, const struct ledger_call *c, const struct mesh_story *s)
{
    char iso[CIVIL_ISO_BYTES];
    civil_iso(c->call.wall_ms, iso);
    (void)buf_append_format(out, "call %s, %.19s UTC\n", c->call.call, iso);
    if (c->call.job.len && !str_eq(c->call.job, STR("-")))
        (void)buf_append_format(out, "  job %.*s, ", STR_FMT(c->call.job));
    else
        (void)buf_append_text(out, "  ");
    (void)buf_append_format(out, "asked for as `%.*s`", STR_FMT(c->asked));
    if (s->dialect.len)
        (void)buf_append_format(out, " in the dialect %.*s", STR_FMT(s->dialect));
    (void)buf_append_format(out, "; boundary %s", c->home ? "home" : "any");
    if (c->call.key.len && !str_eq(c->call.key, STR("-")))
        (void)buf_append_format(out, "; key %.*s", STR_FMT(c->call.key));
    if (c->call.tags.len)
        (void)buf_append_format(out, "; tags %.*s", STR_FMT(c->call.tags));
    (void)buf_append_char(out, '\n');
}

static void tell_outcome(struct buf *out, const struct ledger_call *c)
{
    static const char *const how[] = {
        [CALL_DONE] = "answered by ", [CALL_FAILED] = "nobody could answer it",
        [CALL_LEFT] = "its client left before the answer was complete", [CALL_CUT] = "its answer was cut off at ",
        [CALL_LOST] = "lost: the process ended while it was under way; it is charged at what it could have cost at most"};
    const struct usage_call *u = &c->call;
    if (c->under_way) {
        (void)buf_append_text(out, "  still under way: what follows is what is known by now\n");
        return;
    }
    (void)buf_append_format(out, "  %s", how[u->outcome]);
    if (u->outcome == CALL_DONE || u->outcome == CALL_CUT)
        (void)buf_append_format(out, "%.*s", STR_FMT(u->target));
    if (c->http_status)
        (void)buf_append_format(out, ", status %d", c->http_status);
    if (u->total_ms >= 0) {
        (void)buf_append_text(out, ", ");
        tell_seconds(out, u->total_ms);
    }
    (void)buf_append_text(out, ", ");
    cli_money(out, u->cost_nusd);
    (void)buf_append_text(out, u->estimated ? " (tokens estimated)\n\n" : "\n\n");
}

static void tell_price(struct buf *out, const struct mesh_candidate *c)
{
    (void)buf_append_text(out, "\n      compared at ");
    cli_money(out, c->price_nusd);
    if (c->price_cached) {
        (void)buf_append_text(out, ", with ");
        cli_count(out, c->price_cached);
        (void)buf_append_text(out, " tokens taken to be cached there");
    }
}

static void tell_attempt(struct buf *out, const struct mesh_candidate *c)
{
    const struct usage_attempt *a = c->attempt;
    (void)buf_append_format(out, "attempt %d: %s\n      %s", a->number, c->words, regime_name(a->regime));
    if (c->dialect.len)
        (void)buf_append_format(out, ", translated to %.*s", STR_FMT(c->dialect));
    if (c->beside)
        (void)buf_append_format(out, ", asked beside attempt %d, which had brought nothing yet", c->beside);
    if (c->probe)
        (void)buf_append_text(out, ", as the one call that finds out whether it is back");
    if (a->total_ms >= 0) {
        (void)buf_append_text(out, ", ");
        tell_seconds(out, a->total_ms);
    }
    if (a->first_ms >= 0) {
        (void)buf_append_text(out, " (first content after ");
        tell_seconds(out, a->first_ms);
        (void)buf_append_char(out, ')');
    }
    (void)buf_append_text(out, ", tokens in ");
    cli_count(out, a->usage.input);
    if (a->usage.cached) {
        (void)buf_append_text(out, " (cached ");
        cli_count(out, a->usage.cached);
        (void)buf_append_char(out, ')');
    }
    (void)buf_append_text(out, ", out ");
    cli_count(out, a->usage.output);
    (void)buf_append_text(out, a->estimated ? " (estimated), " : ", ");
    cli_money(out, a->cost_nusd);
}

static void tell_candidate(struct buf *out, int number, const struct mesh_candidate *c)
{
    (void)buf_append_format(out, "%4d. %.*s  ", number, STR_FMT(c->target));
    switch (c->took) {
    case MESH_TRIED:
        tell_attempt(out, c);
        break;
    case MESH_SKIPPED:
        (void)buf_append_format(out, "skipped: %s", c->words);
        if (c->note.len)
            (void)buf_append_format(out, " (%.*s)", STR_FMT(c->note));
        if (c->back_ms >= 0) {
            (void)buf_append_text(out, ", back in ");
            tell_seconds(out, c->back_ms);
        }
        break;
    case MESH_NOT_ASKED:
        (void)buf_append_text(out, "not asked: it stands in today's chain, and was not needed");
        break;
    }
    if (c->priced)
        tell_price(out, c);
    if (c->advice)
        (void)buf_append_format(out, "\n      what you can do: %s", c->advice);
    (void)buf_append_char(out, '\n');
}

static void tell(struct buf *out, const struct ledger_call *c, const struct mesh_story *s)
{
    tell_head(out, c, s);
    tell_outcome(out, c);
    for (int i = 0; i < s->count; i++)
        tell_candidate(out, i + 1, &s->candidate[i]);
    if (!s->count)
        (void)buf_append_text(out, "  no candidate was looked at\n");
    if (s->more)
        (void)buf_append_format(out, "  and %lld more that were skipped, of which nothing was kept\n", (long long)s->more);
    if (s->at.len) {
        (void)buf_append_format(out, "\n  the conversation %s: ", s->stayed ? "stayed" : "moved");
        cli_count(out, s->prefix);
        (void)buf_append_format(out, " tokens of it were cached at %.*s", STR_FMT(str_eq(s->at, STR("-")) ? STR("a place that is in no chain any more") : s->at));
        (void)buf_append_format(out, "%s%s\n", s->why_words ? "; " : "", s->why_words ? s->why_words : "");
    }
    for (int i = 0; i < s->lost_count; i++)
        (void)buf_append_format(out, "%s%.*s", i ? ", " : "\n  lost in translation (docs/reference/translation.md): ", STR_FMT(s->lost[i]));
    if (s->lost_count)
        (void)buf_append_char(out, '\n');
}

/* --- the command ------------------------------------------------------------------------------------------------------------- */

static int chains_of(const char *config, struct arena *a, struct mesh_chains *out, struct err *e)
{
    struct config *c = NULL;
    struct mesh *m = NULL;
    bool made;
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB);
    int rc = cli_config(&c, config, &made, &said, e);
    if (rc == ERR_NOT_FOUND && !config) /* the books tell their part without it */
        return 0;
    if (rc == 0)
        rc = mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, e);
    if (rc == 0 && mesh_chains(m, a, out) < 0)
        rc = err_set(e, ERR_NOMEM, "the chains of the config");
    mesh_close(m);
    config_free(c);
    return rc;
}

static int explain(const struct id *call, const char *data, const char *config, bool json)
{
    struct ledger_reader *books = NULL;
    struct ledger_call told;
    struct mesh_story story;
    struct mesh_chains now = {0};
    struct arena a = ARENA_INIT(EXPLAIN_ARENA_MAX);
    struct err e = {0};
    AUTO_BUF struct buf dir = BUF_INIT(8 * KiB), out = BUF_INIT(16 * MiB);
    int rc = cli_data_dir(&dir, data, config, &e);
    if (rc == 0)
        rc = ledger_reader_open(&books, buf_str(&dir), &e);
    if (rc == 0)
        rc = ledger_call_find(books, call, &a, &told, &e);
    if (rc == 0)
        rc = chains_of(config, &a, &now, &e);
    if (rc == 0)
        rc = mesh_story_read(&story, &told, &now, &a, &e);
    if (rc == 0 && json) {
        struct json_writer w = JSON_WRITER(&out);
        mesh_story_show(&w, &told, &story);
        (void)buf_append_char(&out, '\n');
        if (w.rc < 0)
            rc = err_set(&e, w.rc, "the report does not fit into memory");
    } else if (rc == 0) {
        tell(&out, &told, &story);
    }
    ledger_reader_close(books);
    arena_fini(&a);
    return rc < 0 ? cli_fail_err(&e) : cli_print(buf_str(&out));
}

static const char details[] =
    "CALL is the id of a call, as in the header x-hearth-call and in `hearth usage --calls`; the id of one of its attempts (CALL.2)\n"
    "will do. Reasons are those of docs/reference/failures.md, as they were kept when the call was made. Candidates that would have\n"
    "come next are told from today's config. Times until something is back are as of then.\n\n"
    "--json: one object: the fields of `usage --calls --json`, under_way, asked (the model as the client wrote it), boundary,\n"
    "http_status (null while not known), dialect (the client's; empty where nothing needed to be kept), conversation (null, or at: where\n"
    "its prefix was cached, prefix: tokens of it, stayed, why: prefix, cheaper, order, repaid, unpriced, or empty), candidates, more (skips that\n"
    "were not kept) and lost (fields that a translation left out). A candidate has target and took (tried, skipped, not_asked);\n"
    "unless not_asked reason (a code), words and advice (null where there is nothing to do); skipped: note and back_ms (null: not\n"
    "said); tried: attempt (its number), regime, dialect (empty: the client's own), hedges (the attempt that it was asked beside, or\n"
    "null), probe, input, cached, output, estimated, cost_nusd, first_ms and total_ms (null: not known). Where prices were compared\n"
    "(`balance: cheapest`, or staying with going back): price_nusd (null: no known price) and price_cached (tokens taken to be cached there).";

static int run(int argc, char **argv)
{
    const char *data = NULL, *config = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {0, "json", NULL, "the same as JSON", OPTION_FLAG, &json},
        {'c', "config", "FILE", "the config", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder", OPTION_TEXT, &data},
    };
    int words;
    int end = cli_parse(&command_explain, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (words != 1)
        return cli_usage_error(&command_explain, words ? "one call at a time" : "which call? `hearth usage --calls` lists them");
    struct id call;
    struct str text = str_from(argv[0]);
    ptrdiff_t dot = str_find_char(text, '.');
    if (!id_from_text(dot < 0 ? text : str_slice(text, 0, (size_t)dot), &call))
        return cli_usage_error(&command_explain, "`%s` is no id of a call: they have 26 letters and digits", argv[0]);
    return explain(&call, data, config, json);
}

const struct cli_command command_explain = {
    .name = "explain", .synopsis = "CALL [options]", .summary = "why a call went where it went", .run = run,
};
