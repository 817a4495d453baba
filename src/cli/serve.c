/* serve.c: `hearth serve`: the daemon. Without a config, on a terminal, it uses what it finds, and says so. */
#include "base/log.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* For a person, who wants to see something happen. `hearth ask` looks at the config's address, not at --listen. */
static void say_what_next(struct str address, bool ask)
{
    if (!isatty(STDERR_FILENO) || str_starts(address, STR("unix:")))
        return;
    log_line(LOG_INFO, "serve", "clients take http://%.*s/v1 as base URL, and a job's name as model", STR_FMT(address));
    if (ask)
        log_line(LOG_INFO, "serve", "in another terminal: hearth ask \"Why is the sky blue?\"");
}

static void say_addresses(const struct service *s, const char *listen)
{
    for (int i = 0; i < service_address_count(s); i++) {
        AUTO_BUF struct buf address = BUF_INIT(4 * KiB);
        if (service_address(s, i, &address) == 0)
            log_line(LOG_INFO, "serve", "listening on %.*s", STR_FMT(buf_str(&address)));
        if (i == 0 && address.len)
            say_what_next(buf_str(&address), !listen);
    }
}

static void say_lines(enum log_level level, struct str text)
{
    struct str line;
    while (str_cut(&text, '\n', &line))
        if (line.len)
            log_line(level, "config", "%.*s", STR_FMT(line));
}

static int fail_at(const struct config *c, const struct err *e)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    (void)config_error(&text, c->path, e);
    fprintf(stderr, "%.*s\n", STR_FMT(buf_str(&text)));
    return EXIT_FAILED;
}

static int run_service(const struct config *c, struct str data, const char *listen, bool make_key, const struct daemon_options *daemon)
{
    struct service *s;
    struct err e = {0};
    AUTO_BUF struct buf key = BUF_INIT(8 * KiB);
    const char *given = getenv("HEARTH_KEY");
    if (make_key ? container_key(&key, data, &e) < 0 : given && buf_append_text(&key, given) < 0)
        return cli_fail_err(&e);
    notify_open();
    /* Four times as often as it must be, so that one late turn is no death sentence. */
    int64_t pulse_ms = notify_watchdog_ms() / 4;
    struct service_options opt = {.pulse_ms = pulse_ms, .pulse = daemon_pulse, .config = c, .data_dir = data, .listen = str_from(listen), .key = str_trim(buf_str(&key))};
    if (service_open(&s, &opt, &e) < 0)
        return e.line ? fail_at(c, &e) : cli_fail_err(&e);
    int status = EXIT_FAILED;
    if (service_start(s, &e) < 0) {
        cli_fail_err(&e);
        service_stop(s, 0);
    } else {
        say_addresses(s, listen);
        status = daemon_run(s, daemon);
    }
    service_close(s);
    return status;
}

static int serve_rehearsal(const char *config, const char *listen)
{
    struct stage *stage;
    struct err e = {0};
    AUTO_BUF struct buf found = BUF_INIT(8 * KiB);
    if (config || config_find(&found, NULL, NULL) == 0)
        return cli_fail("simulated vendors never answer beside a config: %s is there. `hearth rehearse --config FILE` plays it "
                        "through without a server; `hearth serve` uses it",
                        config ? config : buf_text(&found));
    if (listen && !str_starts(str_from(listen), STR("127.")) && !str_starts(str_from(listen), STR("localhost:")))
        return cli_fail("simulated vendors answer on loopback only, not on %s: leave --listen away", listen);
    if (in_container())
        return cli_fail("simulated vendors do not answer in a container: give this one a config, or look around with "
                        "`hearth rehearse`, which needs no server");
    if (stage_open(&stage, &e) < 0)
        return cli_fail_err(&e);
    log_line(LOG_WARN, "serve", "a rehearsal: every vendor behind this server is SIMULATED, and nothing is booked in your ledger");
    int status = run_service(stage_config(stage), stage_data_dir(stage), listen, false, &(struct daemon_options){0});
    stage_close(stage);
    return status;
}

static int serve_nothing_found(const struct err *e, const char *listen)
{
    cli_fail_err(e);
    if (!in_container() && cli_ask_yes("Shall simulated vendors answer instead, to look around?"))
        return serve_rehearsal(NULL, listen);
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

/* `path` is the file that was read at the start: when that is gone, nothing else is meant. NULL: there was none. */
static int read_again(struct config **out, struct err *e, void *path)
{
    struct stat st;
    if (path && stat(path, &st) == 0 && !S_ISREG(st.st_mode)) /* `--config <(...)`: its one reader is through, and another would wait */
        return err_set(e, ERR_UNSUPPORTED, "%s is no file that can be read again", (const char *)path);
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB), made = BUF_INIT(256 * KiB);
    int rc = cli_config_or_make(out, path, &made, false, &said, e);
    if (rc)
        return rc;
    say_lines(LOG_INFO, buf_str(&said));
    if (made.len && in_container())
        container_hosts(*out);
    return 0;
}

/* What the command line asks for. */
struct wishes {
    const char *config, *data, *listen;
    bool write, make_key;
};

static int serve_config(struct wishes w)
{
    struct config *c = NULL;
    struct err e = {0};
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB), data = BUF_INIT(8 * KiB), made = BUF_INIT(256 * KiB), path = BUF_INIT(8 * KiB);
    int rc = cli_config_or_make(&c, w.config, &made, true, &said, &e);
    if (rc == ERR_NOT_FOUND && !w.config)
        return serve_nothing_found(&e, w.listen);
    if (rc)
        return cli_fail_err(&e);
    say_lines(LOG_INFO, buf_str(&said));
    daemon_log(c);
    if (!made.len) /* our own orders are meant as they are */
        daemon_say_warnings(c);
    if (!made.len && !w.listen && in_container())
        container_say_listen(c);
    if (made.len && in_container()) {
        w.make_key = true;
        w.listen = w.listen ? w.listen : CONTAINER_LISTEN;
        container_hosts(c);
    }
    if (made.len && keep_made(buf_str(&made), w.write)) {
        config_free(c);
        return EXIT_FAILED;
    }
    int status = EXIT_FAILED;
    bool named = made.len == 0;
    if (named && (buf_append(&path, c->path) < 0 || !buf_text(&path)))
        cli_fail("out of memory");
    else if (config_data_dir(&data, w.data, c, &e) < 0)
        cli_fail_err(&e);
    else
        status = run_service(c, buf_str(&data), w.listen, w.make_key,
                             &(struct daemon_options){.read_config = read_again, .ctx = named ? path.ptr : NULL});
    config_free(c);
    return status;
}

static int run(int argc, char **argv)
{
    const char *config = NULL, *data = NULL, *listen = NULL;
    bool rehearse = false, write = false, make_key = false;
    const struct cli_option options[] = {
        {'c', "config", "FILE", "the config; else $HEARTH_CONFIG, ./hearth.yaml, ~/.config/hearth/hearth.yaml, /etc/hearth/hearth.yaml", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder; else $HEARTH_DATA, data: of the config, ~/.local/share/hearth", OPTION_TEXT, &data},
        {'l', "listen", "ADDRESS", "in place of the config's; HOST:PORT or unix:/path", OPTION_TEXT, &listen},
        {0, "make-key", NULL, "without $HEARTH_KEY a key is made, kept in the data folder and told in the log once; for containers", OPTION_FLAG, &make_key},
        {0, "write", NULL, "without a config: write the one that was made as ./hearth.yaml, without asking", OPTION_FLAG, &write},
        {0, "rehearse", NULL, "simulated vendors on loopback, no config, no keys; nothing is booked", OPTION_FLAG, &rehearse},
    };
    int words;
    int end = cli_parse(&command_serve, options, COUNT_OF(options),
                        "Stops on SIGTERM or SIGINT: calls under way get `drain:` of the config to end, a second signal ends them now.\n"
                        "SIGHUP reads the config again. Callers from other machines need a key: one of `hearth keys`, or the one in\n"
                        "$HEARTH_KEY.",
                        argc, argv, &words);
    if (end)
        return end - 1;
    if (words)
        return cli_usage_error(&command_serve, "unexpected `%s`", argv[0]);
    daemon_block_signals(); /* before any thread starts, so that only the daemon's descriptor sees them */
    struct wishes wishes = {.config = config, .data = data, .listen = listen, .write = write, .make_key = make_key};
    return rehearse ? serve_rehearsal(config, listen) : serve_config(wishes);
}

const struct cli_command command_serve = {
    .name = "serve", .synopsis = "[options]", .summary = "run the mesh: one server, in the dialects of OpenAI, Anthropic and Ollama, in front of everything you have", .run = run,
};
