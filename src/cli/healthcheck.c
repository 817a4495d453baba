/* healthcheck.c: `hearth healthcheck`: is the server that this config describes ready? For containers and scripts, which look
 * at the exit status. It looks nowhere but at the config, and asks nobody but that server. */
#include "cli/cli_priv.h"
#include "config/config.h"

enum { PATIENCE_MS = 3000 };

/* The first address of the config; the default when there is none. A config that cannot be read now (it is being edited, or was
 * refused by a reload) says nothing of the server that runs: that one is looked for where it usually is. */
static int find_address(struct buf *out, const char *path)
{
    AUTO_BUF struct buf found = BUF_INIT(8 * KiB);
    struct config *c = NULL;
    struct err e = {0};
    int rc = config_find(&found, path, &e);
    if (rc == 0 && buf_text(&found) && config_load(&c, found.ptr, &e) < 0)
        fprintf(stderr, "hearth: the config cannot be read (%s); looking at the usual address\n", e.text);
    if (rc < 0 && path)
        return cli_fail_err(&e);
    rc = buf_append(out, c && c->listen_count ? c->listen[0].text : STR("127.0.0.1:4242"));
    config_free(c);
    return rc;
}

static int ask(struct str address, const char *page)
{
    AUTO_BUF struct buf url = BUF_INIT(8 * KiB), unix_path = BUF_INIT(4 * KiB);
    struct fetch_reply r;
    if (cli_base_url(&url, &unix_path, address) < 0 || buf_append_text(&url, page) < 0)
        return cli_fail("out of memory");
    int rc = cli_fetch(&r, buf_str(&url), buf_str(&unix_path), STR_NONE, NULL, NULL, PATIENCE_MS, NULL, NULL);
    int status = EXIT_OK;
    if (rc < 0)
        status = cli_fail("%.*s: %s; `hearth serve` is not running there, or --listen names another address",
                          STR_FMT(buf_str(&url)), r.problem);
    else if (r.status != 200)
        status = cli_fail("%.*s: %d %.*s", STR_FMT(buf_str(&url)), r.status,
                          STR_FMT(str_trim(str_slice(buf_str(&r.body), 0, 200))));
    fetch_reply_fini(&r);
    return status;
}

static int run(int argc, char **argv)
{
    const char *config = NULL, *listen = NULL;
    bool live = false;
    const struct cli_option options[] = {
        {'c', "config", "FILE", "the config whose first `listen` address is asked; found as `serve` finds it",
         OPTION_TEXT, &config},
        {'l', "listen", "ADDRESS", "ask there instead; HOST:PORT or unix:/path", OPTION_TEXT, &listen},
        {0, "live", NULL, "ask /healthz (the process serves) instead of /readyz (it takes new calls)", OPTION_FLAG,
         &live},
    };
    int words;
    int end = cli_parse(&command_healthcheck, options, COUNT_OF(options),
                        "Exits 0 when the answer is yes, else 1; says why on standard error.", argc, argv, &words);
    if (end)
        return end - 1;
    if (words)
        return cli_usage_error(&command_healthcheck, "unexpected `%s`", argv[0]);
    AUTO_BUF struct buf address = BUF_INIT(4 * KiB);
    int rc = listen ? buf_append_text(&address, listen) : find_address(&address, config);
    if (rc)
        return EXIT_FAILED;
    return ask(buf_str(&address), live ? "/healthz" : "/readyz");
}

const struct cli_command command_healthcheck = {
    .name = "healthcheck",
    .synopsis = "[options]",
    .summary = "ask a running server whether it is ready",
    .run = run,
};
