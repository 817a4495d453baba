/* serve.c: `hearth serve`: the daemon. Without a config, on a terminal, it uses what it finds, and says so. */
#include "base/log.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "mesh/mesh.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { DRAIN_MS = 10000 }; /* an answer usually ends within this; a second signal ends it at once */

static void say_addresses(const struct service *s)
{
    for (int i = 0; i < service_address_count(s); i++) {
        AUTO_BUF struct buf address = BUF_INIT(4 * KiB);
        if (service_address(s, i, &address) == 0)
            log_line(LOG_INFO, "serve", "listening on %.*s", STR_FMT(buf_str(&address)));
    }
}

static void say_lines(enum log_level level, struct str text)
{
    struct str line;
    while (str_cut(&text, '\n', &line))
        if (line.len)
            log_line(level, "config", "%.*s", STR_FMT(line));
}

/* Warnings need the routes; the service makes its own, so this is a look beside it. */
static void say_warnings(const struct config *c)
{
    struct mesh *m;
    struct err e;
    if (mesh_open(&m, &(struct mesh_options){.config = c, .clock = clock_system()}, &e) < 0)
        return; /* service_open tells the error */
    AUTO_BUF struct buf text = BUF_INIT(64 * KiB);
    (void)mesh_warnings(m, &text);
    say_lines(LOG_WARN, buf_str(&text));
    mesh_close(m);
}

static int wait_and_stop(struct service *s, const sigset_t *signals)
{
    int got;
    if (sigwait(signals, &got) != 0)
        return EXIT_FAILED;
    log_line(LOG_INFO, "serve", "stopping: answers under way get %d s; once more to stop now", DRAIN_MS / 1000);
    (void)pthread_sigmask(SIG_UNBLOCK, signals, NULL); /* a second signal ends the process by default */
    service_stop(s, DRAIN_MS);
    return EXIT_OK;
}

static int fail_at(const struct config *c, const struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    (void)config_error(&text, c->path, e);
    fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&text)));
    return EXIT_FAILED;
}

static int run_service(const struct config *c, struct str data, const char *listen, const sigset_t *signals)
{
    struct service *s;
    struct err e = {0};
    const char *key = getenv("HEARTH_KEY");
    struct service_options opt = {.config = c, .data_dir = data, .listen = str_from(listen), .key = str_from(key)};
    if (service_open(&s, &opt, &e) < 0)
        return e.line ? fail_at(c, &e) : cli_fail_err(&e);
    int status = EXIT_FAILED;
    if (service_start(s, &e) < 0) {
        cli_fail_err(&e);
        service_stop(s, 0);
    } else {
        say_addresses(s);
        status = wait_and_stop(s, signals);
    }
    service_close(s);
    return status;
}

static int serve_rehearsal(const char *config, const char *listen, const sigset_t *signals)
{
    struct stage *stage;
    struct err e = {0};
    AUTO_BUF struct buf found = BUF_INIT(8 * KiB);
    if (config || config_find(&found, NULL, NULL) == 0)
        return cli_fail("--rehearse plays with simulated vendors and never beside a config (promise 9)");
    if (in_container())
        return cli_fail("simulated vendors do not answer in a container (promise 9): give this container a config");
    if (listen && !str_starts(str_from(listen), STR("127.")) && !str_starts(str_from(listen), STR("localhost:")))
        return cli_fail("simulated vendors answer on loopback only (promise 9)");
    if (stage_open(&stage, &e) < 0)
        return cli_fail_err(&e);
    log_line(LOG_WARN, "serve", "a rehearsal: every vendor behind this server is SIMULATED, and nothing is booked in your ledger");
    int status = run_service(stage_config(stage), stage_data_dir(stage), listen, signals);
    stage_close(stage);
    return status;
}

static int serve_nothing_found(const struct err *e, const char *listen, const sigset_t *signals)
{
    cli_fail_err(e);
    if (!in_container() && cli_ask_yes("Shall simulated vendors answer instead, to look around?"))
        return serve_rehearsal(NULL, listen, signals);
    return EXIT_FAILED;
}

/* A config that was made is kept when its owner wants it; it runs as it is either way. */
static int keep_made(struct str yaml, bool write)
{
    static const char name[] = "hearth.yaml";
    struct err e = {0};
    if (!write && !cli_ask_yes("Write this as hearth.yaml here, to keep and change it?"))
        return 0;
    int rc = cli_write_file(name, yaml, false, &e);
    if (rc)
        return cli_fail_err(&e);
    log_line(LOG_INFO, "config", "written to %s; from now on it is used here", name);
    return 0;
}

static int serve_config(const char *path, const char *data_given, const char *listen, bool write, const sigset_t *signals)
{
    struct config *c = NULL;
    struct err e = {0};
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB), data = BUF_INIT(8 * KiB), made = BUF_INIT(256 * KiB);
    int rc = cli_config_or_make(&c, path, &made, true, &said, &e);
    if (rc == ERR_NOT_FOUND && !path)
        return serve_nothing_found(&e, listen, signals);
    if (rc)
        return cli_fail_err(&e);
    say_lines(LOG_INFO, buf_str(&said));
    if (!made.len) /* our own orders are meant as they are */
        say_warnings(c);
    if (made.len && keep_made(buf_str(&made), write)) {
        config_free(c);
        return EXIT_FAILED;
    }
    int status = EXIT_FAILED;
    if (config_data_dir(&data, data_given, c, &e) < 0)
        cli_fail_err(&e);
    else
        status = run_service(c, buf_str(&data), listen, signals);
    config_free(c);
    return status;
}

static int run(int argc, char **argv)
{
    const char *config = NULL, *data = NULL, *listen = NULL;
    bool rehearse = false, write = false;
    const struct cli_option options[] = {
        {'c', "config", "FILE", "the config; else $HEARTH_CONFIG, ./hearth.yaml, ~/.config/hearth/hearth.yaml, /etc/hearth/hearth.yaml", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder; else $HEARTH_DATA, data: of the config, ~/.local/share/hearth", OPTION_TEXT, &data},
        {'l', "listen", "ADDRESS", "in place of the config's; HOST:PORT or unix:/path", OPTION_TEXT, &listen},
        {0, "write", NULL, "without a config: write the one that was made as ./hearth.yaml, without asking", OPTION_FLAG, &write},
        {0, "rehearse", NULL, "simulated vendors on loopback, no config, no keys; nothing is booked", OPTION_FLAG, &rehearse},
    };
    int words;
    int end = cli_parse(&command_serve, options, COUNT_OF(options),
                        "Stops on SIGTERM or SIGINT; answers under way may end. Callers from other machines need a key: one of\n"
                        "`hearth keys`, or the one in $HEARTH_KEY.",
                        argc, argv, &words);
    if (end)
        return end - 1;
    if (words)
        return cli_usage_error(&command_serve, "unexpected `%s`", argv[0]);
    sigset_t signals; /* blocked before any thread starts, so that only sigwait sees them */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    return rehearse ? serve_rehearsal(config, listen, &signals) : serve_config(config, data, listen, write, &signals);
}

const struct cli_command command_serve = {
    .name = "serve", .synopsis = "[options]", .summary = "run the mesh: an OpenAI-compatible server in front of everything you have", .run = run,
};
