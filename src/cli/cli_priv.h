/* cli_priv.h: what the subcommands share: the option parser and its tables, and a running Hearth in this process. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include <stdio.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_TYPED_WRONG = 2 };

/* --- options: one row each, for the parser and for --help ------------------------------------------------------------- */

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };
struct cli_option {
    char letter;          /* 0: none */
    const char *name;     /* without the dashes */
    const char *argument; /* for --help; NULL for flags */
    const char *help;
    enum option_kind kind;
    void *value;          /* bool *, const char **, int64_t * */
};
struct cli_command {
    const char *name;
    const char *synopsis; /* "[options] [text...]" */
    const char *summary;  /* one line */
    int (*run)(int argc, char **argv);
};
extern const struct cli_command command_serve, command_ask, command_usage, command_plan, command_explain, command_backup, command_keys, command_config, command_rehearse,
    command_engine, command_bench, command_logits, command_tokenize, command_doctor, command_healthcheck, command_help;
extern const struct cli_command *const cli_commands[]; /* all of them; ends with NULL */
void cli_help(FILE *to);

/* Sorts options from words; argv keeps the words in front, *words says how many. Returns 0, or the exit status plus one when
 * the program is to end now (--help, or a mistake that has been told). */
int cli_parse(const struct cli_command *cmd, const struct cli_option *options, size_t count, const char *details, int argc,
              char **argv, int *words);
/* When set, --help hands its rows here instead of printing them. */
typedef void cli_help_fn(const struct cli_command *cmd, const struct cli_option *options, size_t count, const char *details);
extern cli_help_fn *cli_help_as;
cli_help_fn man_command;
int man_page(void); /* of all commands, to standard output */
int cli_usage_error(const struct cli_command *cmd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "hearth: text" on standard error; returns EXIT_FAILED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_fail_err(const struct err *e);
/* All of it to standard output; EXIT_OK or EXIT_FAILED. */
int cli_print(struct str text);
/* Numbers for people: "1,234"; "$ 0.001234" or "unknown". A buffer that is full stays as it is. */
void cli_count(struct buf *out, int64_t n);
void cli_money(struct buf *out, int64_t nusd);

/* --- the service manager ------------------------------------------------------------------------------------------------- */

void notify_open(void); /* before any thread starts */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2))); /* any thread; never waits */
int64_t notify_watchdog_ms(void); /* how often it must hear of us; 0: it need not */

/* --- a running Hearth --------------------------------------------------------------------------------------------------- */

struct config;
struct service;

struct service_options {
    const struct config *config;
    struct str data_dir;
    struct str listen; /* one address in place of the config's; empty: the config's */
    struct str key;
    int64_t pulse_ms; /* `pulse` is called about so often, as long as all loops turn; 0: never */
    void (*pulse)(void *ctx);
};
/* Everything is open and the addresses are bound; nothing runs yet. */
int service_open(struct service **out, const struct service_options *opt, struct err *e);
int service_start(struct service *s, struct err *e);
/* "127.0.0.1:4242", as it is really bound. */
int service_address(const struct service *s, int i, struct buf *out);
int service_address_count(const struct service *s);
/* New calls follow this config from the return on; those under way keep theirs. It is taken when 0 is returned; otherwise
 * nothing has changed. `said`: lines about what takes effect only with a restart. */
int service_reload(struct service *s, struct config *c, struct buf *said, struct err *e);
void service_say_refused(struct service *s, const struct err *e); /* to those who watch: a config that was not taken */
/* The admin API asks for it: the descriptor is readable, and service_asked answers all who asked with what `reload` returns
 * and writes. */
int service_asked_fd(const struct service *s);
void service_asked(struct service *s, int (*reload)(struct buf *text, void *ctx), void *ctx);
/* Takes no new connections and says so; calls go on. The descriptor becomes readable when the last one has ended. */
void service_drain(struct service *s);
int service_drained_fd(const struct service *s);
/* Ends the threads at once. service_close then ends the calls that are left, and tells their clients. */
void service_halt(struct service *s);
void service_stop(struct service *s, int grace_ms); /* drain, wait at most so long, halt */
void service_close(struct service *s);
const struct config *service_config(const struct service *s); /* the one that is in force; the daemon's thread only */

/* The rest of the process's life, from daemon_block_signals (before any thread starts) to its exit status. */
void daemon_block_signals(void);
struct daemon_options {
    /* Reads the config again; NULL: there is none to read. */
    int (*read_config)(struct config **out, struct err *e, void *ctx);
    void *ctx;
};
int daemon_run(struct service *s, const struct daemon_options *opt);
void daemon_log(const struct config *c); /* the log as this config wants it */
void daemon_pulse(void *unused);         /* all loops turn */
/* Says in the log what `hearth config check` would warn of. */
void daemon_say_warnings(const struct config *c);

/* How much this process may take on at once, from the limit of open files, which is raised as far as it goes. */
struct capacity {
    int64_t calls;       /* limits.calls of the config, if it says so */
    int64_t connections; /* of clients */
};
struct capacity capacity_find(const struct config *c);

/* --- one request from the command line, blocking ---------------------------------------------------------------------------- */

struct fetch_reply {
    int status;
    struct buf body;
    char call[32], target[256], attempts[12], job[128]; /* x-hearth-* of the answer; "" when absent */
    char problem[300];  /* "" when an answer came */
    bool given_up;      /* see cli_watch_open */
    int signal_number;  /* by this signal; 0: standard output has no reader */
};
enum { FETCH_GIVE_UP = 1 }; /* of on_event */
/* body NULL ptr: GET. on_event (may be NULL) gets the data of each server-sent event of a 200 as it comes; the body is then
 * empty; it returns 0, or FETCH_GIVE_UP. Returns 0 when an answer came, whatever its status. */
int cli_fetch(struct fetch_reply *out, struct str url, struct str unix_path, struct str body, const char *extra_name,
              const char *extra_value, int timeout_ms, int (*on_event)(struct str data, void *ctx), void *ctx);
/* From now on a fetch ends at once at SIGINT, SIGTERM or SIGHUP, and when nobody reads standard output any more. Before any thread
 * is started. */
int cli_watch_open(void);
void fetch_reply_fini(struct fetch_reply *r);
/* How this machine reaches what listens there; unix_path is empty for TCP. */
int cli_base_url(struct buf *url, struct buf *unix_path, struct str address);

/* --- finding and making configs ------------------------------------------------------------------------------------------------ */

/* The config named or found; *made is set when there was none and one was made from what this machine has (keys in the
 * environment, Ollama or llama-server on loopback); ERR_NOT_FOUND when there is nothing at all. `said` tells what was found. */
int cli_config(struct config **out, const char *given, bool *made, struct buf *said, struct err *e);
/* The data folder a command means that reads it without a daemon: --data, else as the config says. */
int cli_data_dir(struct buf *out, const char *data, const char *config_path, struct err *e);
/* The same with the text of a config that was made in `yaml`, empty when one was found. `measure`: where a model runs at two
 * places at home, the faster one comes first (seconds, and a model may be loaded for it). */
int cli_config_or_make(struct config **out, const char *given, struct buf *yaml, bool measure, struct buf *said, struct err *e);
bool in_container(void);
#define CONTAINER_LISTEN "0.0.0.0:4242" /* where a server without a config is reached in a container */
/* $HEARTH_KEY, or the one kept in the data folder; made there, and told in the log, when there is none. */
int container_key(struct buf *key, struct str data, struct err *e);
void container_say_listen(const struct config *c); /* warns when the config's addresses are loopback alone */
void container_hosts(struct config *c); /* the names by which other containers know this one, for a config that was made */
/* Asks a person on the terminal; no terminal, no answer within a minute and anything but `y` are no. SIGINT ends the program meanwhile. */
bool cli_ask_yes(const char *question);
/* A file of the user's, whole or not at all; ERR_EXISTS when it is there and `replace` is not set. */
int cli_write_file(const char *path, struct str text, bool replace, struct err *e);

struct import_options {
    const char *out;           /* NULL: standard output */
    const char *listen, *hosts; /* of the result; NULL: none */
    bool force, strict, json;
};
/* `config import litellm FILE`; the exit status. */
int cli_import_litellm(const char *path, const struct import_options *opt);

/* Does anybody listen where a URL leads? First begin for each (it returns NULL), then one wait for all, then why_not: NULL, or
 * static text. URLs outlive it. The functions over URLs are as mesh_explain takes them. (awake.c) */
struct cli_awake;
struct cli_awake *cli_awake_new(void); /* NULL: no memory */
void cli_awake_free(struct cli_awake *a);
const char *cli_awake_begin(struct str url, void *awake);
void cli_awake_wait(struct cli_awake *a);
const char *cli_awake_why_not(struct str url, void *awake);

/* One line for each model at home that its Ollama computes on the CPU in part; asks each home upstream that is awake, for half
 * a second at most. */
void cli_warn_spills(const struct config *c, struct cli_awake *awake, struct buf *out);

/* --- simulated vendors ------------------------------------------------------------------------------------------------------------ */

struct stage; /* simulated vendors and the config that points at them */
int stage_open(struct stage **out, struct err *e);
/* The owner's config with a simulated upstream in place of each of its own, and of each URL a job requires. Takes `own`, also
 * when it fails. Nothing of the config is reached, and no secret read. */
int stage_open_own(struct stage **out, struct config *own, struct err *e);
struct config *stage_config(struct stage *s); /* owned by the stage */
struct str stage_data_dir(struct stage *s);   /* temporary; removed by stage_close */
/* Of a stage_open: in this order. Of a stage_open_own: by the number of the upstream in the config, then what jobs require. */
enum stage_actor { STAGE_DEEPSEEK, STAGE_CLOSET, STAGE_CLAUDE, STAGE_KIMI, STAGE_GROQ, STAGE_PLAN };
int stage_script(struct stage *s, int who, const char *script, struct err *e); /* in the language of sim/sim.h */
int stage_usual(struct stage *s, int who, struct err *e); /* it behaves as it did at the beginning */
void stage_down(struct stage *s, int who);
int stage_up(struct stage *s, int who, struct err *e);
long stage_requests(struct stage *s, int who); /* that reached it so far */
void stage_close(struct stage *s);
