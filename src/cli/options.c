/* options.c: the option parser of all subcommands, and --help from the same rows. */
#include "cli/cli_priv.h"
#include "base/buf.h"
#include <stdarg.h>

cli_help_fn *cli_help_as;

static void print_row(const char *left, const char *help)
{
    printf("  %-26s %s\n", left, help);
}

static void print_command_help(const struct cli_command *cmd, const struct cli_option *o, size_t count, const char *details)
{
    printf("usage: hearth %s %s\n\n%s\n\n", cmd->name, cmd->synopsis, cmd->summary);
    for (size_t i = 0; i < count; i++) {
        AUTO_BUF struct buf left = BUF_INIT(200);
        char letter[] = {'-', o[i].letter, ',', ' ', '\0'};
        (void)buf_append_format(&left, "%s--%s%s%s", o[i].letter ? letter : "    ", o[i].name, o[i].argument ? " " : "",
                                o[i].argument ? o[i].argument : "");
        print_row(buf_text(&left) ? buf_text(&left) : o[i].name, o[i].help);
    }
    print_row("-h, --help", "this text");
    if (details)
        printf("\n%s\n", details);
}

int cli_usage_error(const struct cli_command *cmd, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "hearth %s: ", cmd->name);
    vfprintf(stderr, format, args);
    fprintf(stderr, "; see `hearth %s --help`\n", cmd->name);
    va_end(args);
    return EXIT_TYPED_WRONG;
}

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "hearth: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    return EXIT_FAILED;
}

int cli_fail_err(const struct err *e)
{
    return cli_fail("%s", e->text);
}

int cli_print(struct str text)
{
    bool fine = (text.len == 0 || fwrite(text.ptr, 1, text.len, stdout) == text.len) && fflush(stdout) == 0;
    return fine ? EXIT_OK : EXIT_FAILED;
}

static const struct cli_option *find(const struct cli_option *o, size_t count, struct str name, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (letter ? o[i].letter == letter : str_eq(str_from(o[i].name), name))
            return &o[i];
    return NULL;
}

static bool store(const struct cli_option *o, const char *text)
{
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)o->value = true;
        return true;
    case OPTION_TEXT:
        *(const char **)o->value = text;
        return true;
    case OPTION_NUMBER:
        return str_to_i64(str_from(text), o->value);
    }
    return false;
}

int cli_parse(const struct cli_command *cmd, const struct cli_option *options, size_t count, const char *details, int argc,
              char **argv, int *words)
{
    *words = 0;
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        struct str arg = str_from(argv[i]), value = STR_NONE;
        if (only_words || arg.len < 2 || arg.ptr[0] != '-') {
            argv[(*words)++] = argv[i];
            continue;
        }
        if (str_eq(arg, STR("--"))) {
            only_words = true;
            continue;
        }
        if (str_eq(arg, STR("--help")) || str_eq(arg, STR("-h"))) {
            (cli_help_as ? cli_help_as : print_command_help)(cmd, options, count, details);
            return EXIT_OK + 1;
        }
        bool is_long = str_starts(arg, STR("--"));
        struct str name = str_skip(arg, is_long ? 2 : 1);
        ptrdiff_t equals = is_long ? str_find_char(name, '=') : -1;
        if (equals >= 0) {
            value = str_skip(name, (size_t)equals + 1);
            name = str_slice(name, 0, (size_t)equals);
        } else if (!is_long && name.len > 1) {
            value = str_skip(name, 1);
            name = str_slice(name, 0, 1);
        }
        const struct cli_option *o = find(options, count, name, is_long ? 0 : name.ptr[0]);
        if (!o)
            return cli_usage_error(cmd, "there is no option %.*s", STR_FMT(arg)) + 1;
        if (o->kind == OPTION_FLAG && value.ptr)
            return cli_usage_error(cmd, "--%s takes no value", o->name) + 1;
        if (o->kind != OPTION_FLAG && !value.ptr && ++i < argc)
            value = str_from(argv[i]);
        if (o->kind != OPTION_FLAG && !value.ptr)
            return cli_usage_error(cmd, "--%s needs a value", o->name) + 1;
        if (o->kind != OPTION_FLAG && !value.len) /* a variable of a script that is not set must not lift a limit */
            return cli_usage_error(cmd, "--%s: its value is empty; leave the option out, or give it one", o->name) + 1;
        if (!store(o, value.ptr)) /* slices of argv end at its NUL */
            return cli_usage_error(cmd, "--%s: %s is no number", o->name, value.ptr) + 1;
    }
    return 0;
}
