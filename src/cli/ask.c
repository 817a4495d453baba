/* ask.c: `hearth ask`: one question from the terminal, its answer as it comes, and what it cost on standard error. Uses the
 * running daemon; without one it opens the mesh for this one call. */
#include "base/json.h"
#include "base/log.h"
#include "cli/cli_priv.h"
#include "config/config.h"
#include "ledger/ledger.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ASK_TIMEOUT_MS = 900000,
    LOOK_TIMEOUT_MS = 5000, /* a daemon that is there and busy; where there is none, the refusal comes at once */
    STOP_MS = 5000,         /* our own service books a call that was cancelled; it takes that long on a busy machine only */
};

struct answer {
    bool quiet;            /* --json: nothing is printed while it comes */
    bool any;
    bool unread;           /* standard output takes no more */
    char last;             /* last character printed */
    struct buf error;      /* message of an error event */
    int64_t input, output; /* tokens; -1 unknown */
};

static void print_part(struct answer *a, struct str text)
{
    if (text.len == 0)
        return;
    a->any = true;
    a->last = text.ptr[text.len - 1];
    if (!a->quiet)
        a->unread = cli_print(text) != EXIT_OK;
}

static void read_usage(struct answer *a, const struct json_node *root)
{
    const struct json_node *usage = json_get(root, "usage");
    (void)json_get_i64(usage, "prompt_tokens", &a->input);
    (void)json_get_i64(usage, "completion_tokens", &a->output);
}

static int on_event(struct str data, void *ctx)
{
    struct answer *a = ctx;
    struct arena arena = ARENA_INIT(64 * MiB);
    struct json_node *root;
    if (json_parse(&arena, data, &root, NULL) == 0) {
        const struct json_node *choices = json_get(root, "choices");
        const struct json_node *error = json_get(root, "error");
        if (choices && choices->child)
            print_part(a, json_get_text(json_get(choices->child, "delta"), "content"));
        if (error && error->type == JSON_OBJECT) {
            buf_clear(&a->error);
            (void)buf_append(&a->error, json_get_text(error, "message"));
        }
        read_usage(a, root);
    }
    arena_fini(&arena);
    return a->unread ? FETCH_GIVE_UP : 0;
}

static void write_question(struct buf *out, const char *job, struct str text, bool stream)
{
    struct json_writer w = JSON_WRITER(out);
    json_object_begin(&w);
    json_key(&w, "model");
    json_text(&w, job);
    json_key(&w, "messages");
    json_array_begin(&w);
    json_object_begin(&w);
    json_key(&w, "role");
    json_text(&w, "user");
    json_key(&w, "content");
    json_str(&w, text);
    json_object_end(&w);
    json_array_end(&w);
    if (stream) {
        json_key(&w, "stream");
        json_bool(&w, true);
        json_key(&w, "stream_options");
        json_raw(&w, STR("{\"include_usage\":true}"));
    }
    json_object_end(&w);
}

/* --- where to ask --------------------------------------------------------------------------------------------------------------- */

struct place {
    struct buf url, unix_path; /* base without path */
    struct service *service;   /* ours, when there was no daemon */
    struct config *config;
    struct buf data;
};

static void place_fini(struct place *p)
{
    if (p->service)
        service_stop(p->service, STOP_MS);
    service_close(p->service);
    config_free(p->config);
    buf_fini(&p->url);
    buf_fini(&p->unix_path);
    buf_fini(&p->data);
}

static int set_address(struct place *p, struct str address)
{
    return cli_base_url(&p->url, &p->unix_path, address);
}

static bool daemon_answers(const struct place *p)
{
    AUTO_BUF struct buf url = BUF_INIT(4 * KiB);
    struct fetch_reply r;
    if (buf_append(&url, buf_str(&p->url)) || buf_append_text(&url, "/healthz"))
        return false;
    bool up = cli_fetch(&r, buf_str(&url), buf_str(&p->unix_path), STR_NONE, NULL, NULL, LOOK_TIMEOUT_MS, NULL, NULL) == 0 && r.status == 200;
    fetch_reply_fini(&r);
    return up;
}

static int open_own(struct place *p, struct err *e)
{
    AUTO_BUF struct buf address = BUF_INIT(4 * KiB);
    struct service_options opt = {.config = p->config, .data_dir = buf_str(&p->data), .listen = STR("127.0.0.1:0"),
                                  .key = str_from(getenv("HEARTH_KEY"))};
    log_init(LOG_WARN, !isatty(STDERR_FILENO)); /* what it says of itself while it starts is no part of the answer */
    int rc = service_open(&p->service, &opt, e);
    if (rc == 0)
        rc = service_start(p->service, e);
    if (rc == 0)
        rc = service_address(p->service, 0, &address);
    return rc ? rc : set_address(p, buf_str(&address));
}

static int find_place(struct place *p, const char *config, const char *data, struct err *e)
{
    bool made = false;
    AUTO_BUF struct buf said = BUF_INIT(64 * KiB);
    p->url.max = p->unix_path.max = p->data.max = 8 * KiB;
    int rc = cli_config(&p->config, config, &made, &said, e);
    if (rc && (rc != ERR_NOT_FOUND || config))
        return rc;
    struct str address = p->config && p->config->listen_count ? p->config->listen[0].text : STR("127.0.0.1:4242");
    struct err ignored;
    if (config_data_dir(&p->data, data, p->config, &ignored) < 0)
        buf_clear(&p->data);
    if (set_address(p, address))
        return err_set(e, ERR_NOMEM, "address");
    if (daemon_answers(p))
        return 0;
    if (!p->config)
        return rc; /* neither a daemon nor anything to make one of: the story is in e */
    return open_own(p, e);
}

/* --- the bill --------------------------------------------------------------------------------------------------------------------- */

struct bill {
    const char *call;
    int64_t cost_nusd, total_ms, input, output;
    bool found, estimated;
};

static int on_call(const struct usage_call *c, void *ctx)
{
    struct bill *b = ctx;
    if (strcmp(c->call, b->call) != 0)
        return 0;
    b->found = true;
    b->cost_nusd = c->cost_nusd;
    b->total_ms = c->total_ms;
    b->input = c->usage.input;
    b->output = c->usage.output;
    b->estimated = c->estimated;
    return 1;
}

static void print_bill(const struct place *p, const struct fetch_reply *r, const struct answer *a, int64_t since_ms)
{
    struct bill b = {.call = r->call};
    struct usage_filter f = {.from_ms = since_ms};
    struct ledger_reader *books;
    if (p->data.len && ledger_reader_open(&books, buf_str(&p->data), NULL) == 0) {
        (void)ledger_calls(books, &f, on_call, &b, NULL); /* without the books the bill is shorter */
        ledger_reader_close(books);
    }
    AUTO_BUF struct buf line = BUF_INIT(4 * KiB);
    (void)buf_append_format(&line, "[%s, %s attempt%s", r->target, r->attempts, strcmp(r->attempts, "1") == 0 ? "" : "s");
    if (b.found) {
        (void)buf_append_format(&line, ", %lld tokens in, %lld out%s, ", (long long)b.input, (long long)b.output, b.estimated ? " (estimated)" : "");
        if (b.cost_nusd == COST_UNKNOWN)
            (void)buf_append_text(&line, "cost unknown");
        else if (buf_append_text(&line, "$ ") == 0)
            (void)buf_append_scaled(&line, b.cost_nusd, 9);
        (void)buf_append_format(&line, ", %lld.%02lld s", (long long)(b.total_ms / 1000), (long long)(b.total_ms % 1000 / 10));
    } else if (a->input >= 0) { /* its books are not ours to read */
        (void)buf_append_format(&line, ", %lld tokens in, %lld out", (long long)a->input, (long long)a->output);
    }
    fprintf(stderr, "%.*s]\n", STR_FMT(buf_str(&line)));
}

/* --- asking ------------------------------------------------------------------------------------------------------------------------ */

static int tell_error(const struct fetch_reply *r)
{
    struct arena a = ARENA_INIT(4 * MiB);
    struct json_node *root = NULL;
    struct str message = STR_NONE;
    if (json_parse(&a, buf_str(&r->body), &root, NULL) == 0)
        message = json_get_text(json_get(root, "error"), "message");
    int status = message.len ? cli_fail("%.*s", STR_FMT(message)) : cli_fail("the server answered %d", r->status);
    arena_fini(&a);
    return status;
}

static int ask(struct place *p, const char *job, struct str text, bool json, int *signal_number)
{
    AUTO_BUF struct buf body = BUF_INIT(64 * MiB), url = BUF_INIT(8 * KiB);
    struct answer a = {.quiet = json, .error = BUF_INIT(64 * KiB), .input = -1, .output = -1};
    struct fetch_reply r;
    const char *key = getenv("HEARTH_KEY");
    int64_t since_ms = clock_wall_ms(clock_system()) - 1000; /* a second of slack between two clocks' readings */
    write_question(&body, job, text, !json);
    if (buf_append(&url, buf_str(&p->url)) || buf_append_text(&url, "/v1/chat/completions"))
        return cli_fail("out of memory");
    int rc = cli_fetch(&r, buf_str(&url), buf_str(&p->unix_path), buf_str(&body), key ? "x-hearth-key" : NULL, key, ASK_TIMEOUT_MS,
                       json ? NULL : on_event, &a);
    int status = EXIT_OK;
    if (r.given_up)
        status = cli_fail("%s: the call was cancelled; `hearth usage --calls` has what was paid until then", r.problem);
    else if (rc)
        status = cli_fail("no answer: %s", r.problem);
    else if (r.status != 200)
        status = tell_error(&r);
    else if (json && (status = cli_print(buf_str(&r.body))) == EXIT_OK)
        status = cli_print(STR("\n"));
    if (a.any && !json && a.last != '\n' && !a.unread)
        printf("\n");
    if (a.error.len)
        status = cli_fail("%.*s", STR_FMT(buf_str(&a.error)));
    (void)fflush(stdout);
    if (rc == 0 && r.target[0] && strcmp(r.target, "-") != 0)
        print_bill(p, &r, &a, since_ms);
    *signal_number = r.signal_number;
    fetch_reply_fini(&r);
    buf_fini(&a.error);
    return status;
}

static int read_question(struct buf *out, int words, char **argv)
{
    struct err e = {0};
    for (int i = 0; i < words; i++)
        if (buf_append_format(out, "%s%s", i ? " " : "", argv[i]))
            return ERR_LIMIT;
    if (words && isatty(STDIN_FILENO))
        return 0;
    AUTO_BUF struct buf piped = BUF_INIT(32 * MiB);
    int rc = buf_read_fd(&piped, STDIN_FILENO, "standard input", &e);
    if (rc == 0 && piped.len && out->len)
        rc = buf_append_text(out, "\n\n");
    return rc ? rc : buf_append(out, buf_str(&piped));
}

/* A shell wants to see that it was the signal: then it stops its loop, too. */
static void end_by(int signal_number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    (void)fflush(stdout);
    (void)signal(signal_number, SIG_DFL); /* a shell's background job is started with SIGINT ignored */
    (void)raise(signal_number);           /* waits, for it is blocked */
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int run(int argc, char **argv)
{
    const char *job = "bulk", *config = NULL, *data = NULL;
    bool json = false;
    const struct cli_option options[] = {
        {'j', "job", "JOB", "the job, alias or target to ask (default: bulk)", OPTION_TEXT, &job},
        {0, "json", NULL, "the whole answer as JSON, when it is complete", OPTION_FLAG, &json},
        {'c', "config", "FILE", "the config", OPTION_TEXT, &config},
        {'d', "data", "DIR", "the data folder", OPTION_TEXT, &data},
    };
    int words;
    int end = cli_parse(&command_ask, options, COUNT_OF(options),
                        "The question is the words, standard input, or both (words first). The answer goes to standard output; target,\n"
                        "attempts, tokens, cost and time go to standard error. --json prints the answer as the server sent it, an OpenAI chat\n"
                        "completion: id, model, choices (message, finish_reason), usage, and whatever the vendor adds.",
                        argc, argv, &words);
    if (end)
        return end - 1;
    AUTO_BUF struct buf question = BUF_INIT(48 * MiB);
    if (words == 0 && isatty(STDIN_FILENO))
        return cli_usage_error(&command_ask, "ask something, or pipe it in");
    if (read_question(&question, words, argv) < 0)
        return cli_fail("the question could not be read, or it is larger than %zu MiB", question.max / MiB);
    if (str_trim(buf_str(&question)).len == 0)
        return cli_usage_error(&command_ask, "the question is empty");
    struct place p = {0};
    struct err e = {0};
    int signal_number = 0;
    if (cli_watch_open() < 0)
        return cli_fail("out of descriptors");
    int status = find_place(&p, config, data, &e) < 0 ? cli_fail_err(&e) : ask(&p, job, buf_str(&question), json, &signal_number);
    place_fini(&p);
    if (signal_number)
        end_by(signal_number);
    return status;
}

const struct cli_command command_ask = {
    .name = "ask", .synopsis = "[options] [question...]", .summary = "ask one question and stream the answer", .run = run,
};
