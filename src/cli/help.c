/* help.c: `hearth help`: the commands, and the references that are made from the program's own tables. */
#include "cli/cli_priv.h"
#include "gateway/gateway.h"
#include "wire/codec.h"

void cli_help(FILE *to)
{
    fprintf(to, "hearth: run your own AI at home. It sends each request to the cheapest place that can do it well,\n"
                "keeps private work inside the building, and says what everything cost.\n\n"
                "usage: hearth COMMAND [options]\n\n");
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(to, "  %-12s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(to, "\n`hearth COMMAND --help` tells more. `hearth rehearse` shows it all with simulated vendors, no keys "
                "and no network.\n");
}

/* `hearth help keys` is `hearth keys --help`. */
static int help_of(const char *name)
{
    char flag[] = "--help";
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(name, cli_commands[i]->name) == 0)
            return cli_commands[i]->run(2, (char *[]){(char *)(uintptr_t)name, flag, NULL});
    return cli_usage_error(&command_help, "there is no command `%s`", name);
}

static int run(int argc, char **argv)
{
    bool metrics = false, translation = false, vendors = false, man = false;
    const struct cli_option options[] = {
        {0, "metrics", NULL, "the reference of /metrics", OPTION_FLAG, &metrics},
        {0, "translation", NULL, "the reference of what a translation cannot carry", OPTION_FLAG, &translation},
        {0, "vendors", NULL, "the reference of known vendors", OPTION_FLAG, &vendors},
        {0, "man", NULL, "the man page", OPTION_FLAG, &man},
    };
    int words;
    int end = cli_parse(&command_help, options, COUNT_OF(options), NULL, argc, argv, &words);
    if (end)
        return end - 1;
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    if (metrics)
        return metrics_reference(&text) < 0 ? cli_fail("out of memory") : cli_print(buf_str(&text));
    if (translation)
        return codec_reference(&text) < 0 ? cli_fail("out of memory") : cli_print(buf_str(&text));
    if (vendors)
        return vendor_reference(&text) < 0 ? cli_fail("out of memory") : cli_print(buf_str(&text));
    if (man)
        return man_page();
    if (words > 1)
        return cli_usage_error(&command_help, "one command at a time");
    if (words == 1)
        return help_of(argv[0]);
    cli_help(stdout);
    return EXIT_OK;
}

const struct cli_command command_help = {
    .name = "help",
    .synopsis = "[COMMAND] [options]",
    .summary = "this, or more of one command; and references made from the program's own tables",
    .run = run,
};
