/* engine.c: `hearth engine`: the process that computes. It shuts itself in, and answers on sockets that it has.
 *
 * Two ways to start it. By hand (engine_hand.c): model files and an address. By the daemon (engine_inside.c): a listening socket and a
 * control socket it inherits, over which models come as open descriptors; then not even their files are opened here. */
#include "cli/engine_priv.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include "engine/pool.h"

enum { CALLS_MAX = 256 };

static const char details[] =
    "The process opens its files and its address, and then gives up what it does not need: it cannot connect to anything, open another file\n"
    "or start a program; `hearth doctor --fence` shows it. It has no keys and no ledger: put `hearth serve` in front, or listen on a unix\n"
    "socket. Models are served under their file names without .gguf. What they hold and how fast they are: GET /v1/models, GET /metrics.";

/* "json:1", "human:2": the daemon's form and lowest level. */
static void log_as(struct str how)
{
    struct str form;
    uint64_t level = LOG_INFO;
    (void)str_cut(&how, ':', &form);
    log_init(str_to_u64(how, &level) && level <= LOG_ERROR ? (enum log_level)level : LOG_INFO, str_eq(form, STR("json")));
}

static int run(int argc, char **argv)
{
    const char *by_daemon = NULL;
    struct engine_asked a = {.listen = "127.0.0.1:4243"};
    const struct cli_option options[] = {
        {'l', "listen", "ADDRESS", "HOST:PORT or unix:/path (127.0.0.1:4243)", OPTION_TEXT, &a.listen},
        {'n', "name", "NAME", "serve the one model under this name", OPTION_TEXT, &a.name},
        {'c', "context", "N", "tokens of all calls together that are kept in memory (what the model was trained for, as far as memory goes)", OPTION_NUMBER, &a.context},
        {0, "calls", "N", "calls that are computed at once (8)", OPTION_NUMBER, &a.calls},
        {0, "kv", "TYPE", "how keys and values are kept: f16 (the default), f32 or q8_0", OPTION_TEXT, &a.kv},
        {0, "keep", "TIME", "a model that nobody used for so long gives its memory back (30m)", OPTION_TEXT, &a.keep},
        {0, "threads", "N", "threads (one for each core)", OPTION_NUMBER, &a.threads},
        {0, "kernels", "NAME", "ref, or a level of this machine such as avx2 (the best)", OPTION_TEXT, &a.kernels},
        {0, "open", NULL, "do not shut the process in (for debugging)", OPTION_FLAG, &a.open},
        {0, "by-daemon", "LOG", "as `serve` starts it: sockets and models are inherited; LOG is its form and level, human:1", OPTION_TEXT, &by_daemon},
    };
    int words;
    int end = cli_parse(&command_engine, options, COUNT_OF(options), details, argc, argv, &words);
    if (end)
        return end - 1;
    if (by_daemon) {
        log_as(str_from(by_daemon));
        return words ? cli_usage_error(&command_engine, "--by-daemon takes no files") : engine_by_daemon();
    }
    if (words < 1 || words > ENGINE_MODELS)
        return cli_usage_error(&command_engine, words ? "%d model files at most" : "which model files?", ENGINE_MODELS);
    if (a.name && words > 1)
        return cli_usage_error(&command_engine, "--name is for one model");
    if (a.threads < 0 || a.threads > POOL_THREADS_MAX)
        return cli_usage_error(&command_engine, "--threads is at most %d", POOL_THREADS_MAX);
    if (a.context < 0 || a.calls < 0 || a.calls > CALLS_MAX)
        return cli_usage_error(&command_engine, a.context < 0 ? "--context cannot be below 0" : "--calls is at most %d", CALLS_MAX);
    if (a.kv && kv_type_named(a.kv) == KV_TYPE_END)
        return cli_usage_error(&command_engine, "--kv is f16, f32 or q8_0");
    if (a.keep && (!str_to_duration_us(str_from(a.keep), &a.keep_us) || a.keep_us <= 0))
        return cli_usage_error(&command_engine, "--keep is a time such as 30m");
    a.file = argv;
    a.file_count = words;
    return engine_by_hand(&a);
}

const struct cli_command command_engine = {
    .name = "engine", .synopsis = "FILE... [options]", .summary = "serve model files from a process that is shut in", .run = run,
};
