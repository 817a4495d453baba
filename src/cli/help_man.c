/* help_man.c: the man page: what every command says of itself, as roff. The commands' tables live in their run functions, so
 * each is asked for its --help, and options.c hands the rows here instead of printing them. */
#include "cli/cli_priv.h"
#include "hearth_version.h"

/* Text as it stands: no word of it is a request, no dash a hyphen. */
static void put_text(struct str s)
{
    bool begin = true;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (begin && (c == '.' || c == '\''))
            printf("\\&");
        begin = c == '\n';
        if (c == '\\')
            printf("\\e");
        else if (c == '-')
            printf("\\-");
        else
            putchar(c);
    }
}

static void put_option(const struct cli_option *o)
{
    printf(".TP\n");
    if (o->letter)
        printf("\\fB\\-%c\\fR, ", o->letter);
    printf("\\fB\\-\\-");
    put_text(str_from(o->name));
    printf("\\fR");
    if (o->argument)
        printf(" \\fI%s\\fR", o->argument);
    printf("\n");
    put_text(str_from(o->help));
    printf("\n");
}

void man_command(const struct cli_command *cmd, const struct cli_option *o, size_t count, const char *details)
{
    printf(".SS \"hearth %s ", cmd->name);
    put_text(str_from(cmd->synopsis));
    printf("\"\n");
    put_text(str_from(cmd->summary));
    printf("\n");
    for (size_t i = 0; i < count; i++)
        put_option(&o[i]);
    if (details) {
        printf(".PP\n.nf\n");
        put_text(str_from(details));
        printf("\n.fi\n");
    }
}

static const char head[] = ".\\\" Written by `hearth help --man`.\n"
                           ".TH HEARTH 1 \"\" \"hearth " HEARTH_VERSION "\" \"User Commands\"\n"
                           ".SH NAME\n"
                           "hearth \\- run your own AI at home\n"
                           ".SH SYNOPSIS\n"
                           ".B hearth\n"
                           ".I COMMAND\n"
                           "[\\fIoptions\\fR]\n"
                           ".SH DESCRIPTION\n"
                           "Hearth sits in front of everything that can answer a model request: models on your own "
                           "machines, cheap metered APIs, fast ones.\n"
                           "It sends each request to the cheapest place that can do it well, keeps private work inside "
                           "the building, keeps working when one\n"
                           "of those places fails, and says what everything cost.\n"
                           "Clients speak to it as to an OpenAI\\-compatible server.\n"
                           ".SH COMMANDS\n";

static const char tail[] =
    ".SH SIGNALS\n"
    "Of \\fBhearth serve\\fR:\n"
    ".TP\n.BR SIGTERM \", \" SIGINT\n"
    "No new connections; calls under way get the time of \\fBdrain\\fR in the config to end. A second one ends them "
    "now.\n"
    ".TP\n.B SIGHUP\n"
    "The config is read again. New calls follow it, calls under way keep the one they began with. A config that cannot "
    "be is refused in\n"
    "the log, and the one in force stays.\n"
    ".SH FILES\n"
    ".TP\n.I hearth.yaml\n"
    "The config: \\fB\\-\\-config\\fR, else \\fI$HEARTH_CONFIG\\fR, \\fI./hearth.yaml\\fR, "
    "\\fI~/.config/hearth/hearth.yaml\\fR,\n"
    "\\fI/etc/hearth/hearth.yaml\\fR. \\fBhearth config reference\\fR lists every option.\n"
    ".TP\n.I ~/.local/share/hearth\n"
    "The data folder, with the ledger; \\fB\\-\\-data\\fR, \\fI$HEARTH_DATA\\fR or \\fBdata\\fR in the config name "
    "another.\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B HEARTH_CONFIG\nThe config.\n"
    ".TP\n.B HEARTH_DATA\nThe data folder.\n"
    ".TP\n.B HEARTH_KEY\nThe key that callers from other machines show. \\fBserve \\-\\-make\\-key\\fR makes one when "
    "it is missing.\n"
    ".TP\n.BR OLLAMA_HOST \", \" LLAMA_ARG_PORT\nWithout a config: where an Ollama, and on which port a llama-server is "
    "looked for, beside 127.0.0.1:11434 and port 8080.\n"
    ".TP\n.BR DEEPSEEK_API_KEY \", \" ANTHROPIC_API_KEY \", \" OPENAI_API_KEY \", ...\nWithout a config: the vendors "
    "whose keys are there are used. A config names its variables itself.\n"
    ".TP\n.BR container \", \" KUBERNETES_SERVICE_HOST\nTell that this is a container.\n"
    ".TP\n.BR NOTIFY_SOCKET \", \" WATCHDOG_USEC\nHow the service manager is told that Hearth is ready, reloads, stops "
    "and lives.\n"
    ".SH EXIT STATUS\n"
    "0: it worked. 1: it failed, and standard error says why. 2: the command line was wrong.\n"
    ".SH SEE ALSO\n"
    "The folder \\fIdocs\\fR of the source: the reference of options, vendors, headers, errors, failures and metrics, and how it all works.\n";

int man_page(void)
{
    fputs(head, stdout);
    for (size_t i = 0; cli_commands[i]; i++) {
        char name[32], help[] = "--help";
        text_format(name, sizeof name, "%s", cli_commands[i]->name);
        char *argv[] = {name, help, NULL};
        cli_help_as = man_command;
        (void)cli_commands[i]->run(2, argv); /* --help cannot fail */
    }
    cli_help_as = NULL;
    fputs(tail, stdout);
    return fflush(stdout) == 0 ? EXIT_OK : EXIT_FAILED;
}
