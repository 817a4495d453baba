/* config_cmd.c: `hearth config check`: would `serve` take this file, and what would it do? (`import` is in import.c.) */
#include "cli/cli_priv.h"
#include "cli/engine_keeper.h"
#include "config/config.h"
#include "mesh/mesh.h"

static int fail_at(struct str path, const struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    (void)config_error(&text, path, e);
    fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&text)));
    return EXIT_FAILED;
}

/* Told twice: the first time only finds out who is to be looked for, all at once. */
static bool tell(const struct config *c, const struct mesh *m, bool json, struct cli_awake *awake, struct buf *out, struct buf *warnings)
{
    AUTO_BUF struct buf nobody = BUF_INIT(4 * MiB);
    if (mesh_explain(m, &nobody, false, cli_awake_begin, awake) < 0)
        return false;
    cli_awake_wait(awake);
    if (mesh_explain(m, out, json, cli_awake_why_not, awake) < 0 || mesh_warnings(m, warnings) < 0)
        return false;
    cli_warn_spills(c, awake, warnings);
    return true;
}

/* Who reads `answers now` beside a vendor may think that its key was tried. */
static void tell_what_was_not_asked(const struct config *c, struct buf *out)
{
    for (int i = 0; i < c->upstream_count; i++)
        if (c->upstream[i].place != PLACE_HOME) {
            (void)buf_append_text(out, "Only places at home were asked whether they are there; `hearth doctor` tries keys and models of all.\n");
            return;
        }
}

static int explain(const struct config *c, const struct mesh *m, bool json)
{
    AUTO_BUF struct buf out = BUF_INIT(4 * MiB), warnings = BUF_INIT(1 * MiB);
    if (!json)
        (void)buf_append_format(&out, "%.*s is fine: %d upstream%s, %d job%s\n", STR_FMT(c->path), c->upstream_count,
                                c->upstream_count == 1 ? "" : "s", c->job_count, c->job_count == 1 ? "" : "s");
    struct cli_awake *awake = cli_awake_new();
    bool told = awake && tell(c, m, json, awake, &out, &warnings);
    cli_awake_free(awake);
    if (!told)
        return cli_fail("out of memory");
    if (json)
        (void)buf_append_char(&out, '\n');
    else
        tell_what_was_not_asked(c, &out);
    struct str rest = buf_str(&warnings), line;
    while (str_cut(&rest, '\n', &line))
        fprintf(stderr, "warning: %.*s\n", STR_FMT(line));
    return cli_print(buf_str(&out));
}

static int check(const char *path, bool json)
{
    struct config *c = NULL;
    struct mesh *m = NULL;
    struct err e = {0};
    bool made;
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB);
    if (cli_config(&c, path, &made, &said, &e) < 0)
        return e.line ? fail_at(STR_NONE, &e) : cli_fail_err(&e);
    int status;
    if (mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, &e) < 0 ||
        engine_config_try(c, &e) < 0)
        status = fail_at(c->path, &e);
    else
        status = explain(c, m, json);
    mesh_close(m);
    config_free(c);
    return status;
}

static int run(int argc, char **argv)
{
    const char *config = NULL;
    bool json = false;
    struct import_options import = {0};
    const struct cli_option options[] = {
        {'c', "config", "FILE", "which file; it may also follow as a word", OPTION_TEXT, &config},
        {0, "json", NULL, "the jobs and their targets as JSON; of an import, its report (on standard error)", OPTION_FLAG, &json},
        {'o', "output", "FILE", "import: write the result there, not to standard output", OPTION_TEXT, &import.out},
        {0, "listen", "ADDRESS", "import: where the result listens; LiteLLM's own is 0.0.0.0:4000", OPTION_TEXT, &import.listen},
        {0, "hosts", "A,B", "import: names and addresses under which clients reach it", OPTION_TEXT, &import.hosts},
        {0, "force", NULL, "import: replace that file", OPTION_FLAG, &import.force},
        {0, "strict", NULL, "import: fail when a model has to be left out", OPTION_FLAG, &import.strict},
    };
    int words;
    int end = cli_parse(&command_config, options, COUNT_OF(options),
                        "check      exits 0 exactly when `serve` would take the file, whatever is reachable; tells for each job who\n"
                        "           would answer now, and why the others would not\n"
                        "           --json: a list of jobs, each with job, boundary, and targets: target, place, regime, answers,\n"
                        "           conditional (its step has a `when`), why_not (null: nothing), input_nusd_mtok and\n"
                        "           output_nusd_mtok (nano-dollars per million tokens; null: unknown), step, balance, hedge_after_ms,\n"
                        "           concurrent, queue_max, queue_wait_ms, rpm and tpm of its upstream (null: none)\n"
                        "import     makes a hearth.yaml of a LiteLLM config.yaml (`-`: standard input): the result on standard\n"
                        "           output, on standard error the report of what became of every key; the result always passes\n"
                        "           `config check`\n"
                        "           --json: file, groups, jobs, upstreams (counts), names (name, as: job, alias, target, model, renamed or\n"
                        "           none, to), notes (kind: secret, retired, skipped, lost, stricter, different or moot, line, column, key,\n"
                        "           text); of a refusal: file, refused (line, column, text)\n"
                        "reference  prints every option with its type, default and range",
                        argc, argv, &words);
    if (end)
        return end - 1;
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    if (words == 1 && strcmp(argv[0], "reference") == 0)
        return config_reference(&text) < 0 ? cli_fail("out of memory") : cli_print(buf_str(&text));
    import.json = json;
    if (words == 3 && strcmp(argv[0], "import") == 0 && strcmp(argv[1], "litellm") == 0)
        return cli_import_litellm(argv[2], &import);
    if (words && strcmp(argv[0], "import") == 0)
        return cli_usage_error(&command_config, "say `hearth config import litellm FILE`");
    if (words < 1 || words > 2 || strcmp(argv[0], "check") != 0)
        return cli_usage_error(&command_config, "say check [FILE], import litellm FILE or reference");
    if (import.out || import.listen || import.hosts || import.force || import.strict)
        return cli_usage_error(&command_config, "--output, --listen, --hosts, --force and --strict belong to import");
    return check(words == 2 ? argv[1] : config, json);
}

const struct cli_command command_config = {
    .name = "config", .synopsis = "check [FILE] | import litellm FILE | reference", .summary = "check a config and explain what it does", .run = run,
};
