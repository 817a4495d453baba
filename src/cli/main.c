/* main.c: `hearth COMMAND …`: finds the command and hands over. Nothing else grows here. */
#include "base/log.h"
#include "cli/cli_priv.h"
#include "hearth_version.h"
#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

const struct cli_command *const cli_commands[] = {
    &command_serve, &command_ask, &command_usage, &command_plan, &command_explain, &command_backup, &command_keys, &command_config, &command_rehearse,
    &command_engine, &command_bench, &command_logits, &command_tokenize, &command_doctor, &command_healthcheck, &command_help, NULL,
};

/* Names that scripts and docs may know already; what is there is found before. */
static bool is_planned(const char *name)
{
    static const char *const planned[] = {"models", "pull", "fit"};
    for (size_t i = 0; i < COUNT_OF(planned); i++)
        if (strcmp(name, planned[i]) == 0)
            return true;
    return false;
}

/* Prompts and keys pass through this memory: it is not written to disk when the process dies (promise 8). */
static void no_core_dumps(void)
{
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none); /* cannot fail: lowering is always allowed */
#ifndef __SANITIZE_ADDRESS__ /* the leak checker needs to trace us */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* What the C library keeps of memory that was given back. It raises the last two limits by itself once something large was
 * freed, and then the top of a thread's heap stays for good, for malloc_trim does not reach it. Another C library may not
 * know these, and need not. */
static void bound_kept_memory(void)
{
    enum { ARENAS = 2, KEPT_AT_TOP = 256 << 10, OWN_MAPPING_FROM = 4 << 20 };
    (void)mallopt(M_ARENA_MAX, ARENAS); /* a handful of threads; each arena more is memory at rest */
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_AT_TOP);
    (void)mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_FROM); /* prompts of a megabyte come from the heap */
}

int main(int argc, char **argv)
{
    no_core_dumps();
    bound_kept_memory();
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a journal at the file size limit is an error we handle, not our end */
    log_init(LOG_INFO, !isatty(STDERR_FILENO));
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--version") == 0) {
        printf("hearth %s (%s)\n", HEARTH_VERSION, HEARTH_BUILD_ID);
        return EXIT_OK;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        cli_help(stdout);
        return EXIT_OK;
    }
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(name, cli_commands[i]->name) == 0)
            return cli_commands[i]->run(argc - 1, argv + 1);
    if (is_planned(name)) {
        fprintf(stderr, "hearth: `%s` is planned and not there yet; `hearth --help` shows what is\n", name);
        return EXIT_TYPED_WRONG;
    }
    if (name[0])
        fprintf(stderr, "hearth: there is no command `%s`\n\n", name);
    cli_help(stderr);
    return EXIT_TYPED_WRONG;
}
