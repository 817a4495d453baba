/* scenario.h: one scenario under way: the real binary between simulated upstreams and scripted clients. The language is
 * described in docs/internals/scenarios.md.
 *
 *   run.c               main: files, workers, the verdict
 *   scenario.c          reads the file line by line and hands each to its verb
 *   scenario_text.c     words, here-texts, $names and {{text*count}}
 *   scenario_process.c  the binary: start, stop, kill, its commands; its output and files
 *   scenario_client.c   connections to it;  scenario_reply.c  what came back, taken apart
 *   scenario_expect.c   expectations of replies;  scenario_world.c  of upstreams, ledger, logs and files
 *   scenario_flood.c    more calls than there is room for
 *   scenario_chaos.c    everything at once, as a die falls
 *   scenario_storm.c    kill -9 under load;  scenario_crowd.c  very many streams at once
 *   scenario_metrics.c  a page of metrics;  scenario_notify.c  the service manager;  scenario_dns.c  a name server of ours
 *   scenario_timed.c    a client and an upstream that time what happens between them;
 *   scenario_tls.c      TLS in front of one;  scenario_clock.c  the wall clock
 *   scenario_limits.c   a disk that fills up, and memory;  scenario_rows.c  one file for scenarios that are alike
 *   scenario_engine.c   model files, and the process that computes them
 *   scenario_elsewhere.c  clients that are not on this machine;  scenario_keep.c  texts kept under a name
 *
 * Functions return false after writing the story with scenario_fail. All waits are bounded and end with the event. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "patience.h"
#include "sim/sim.h"
#include <stdio.h>
#include <sys/types.h>

enum {
    UPSTREAMS_MAX = 16,
    CLIENTS_MAX = 512,
    HOLE_FDS = 4,
    WORDS_MAX = 160, /* a head of twenty headers in a script */
    COLUMNS_MAX = 8,
    REPLIES_MAX = 64,
    KEPT_MAX = 32,
    SCENARIO_LIMIT_MS = 30000 * SLOWER,
    POLL_MS = 2
};

struct upstream {
    struct str name;
    int port, sim; /* sim: index in the simulator, -1 for a hole */
    int hole[HOLE_FDS], hole_count;
    struct tls_front *tls; /* NULL: plain */
};

struct reply {
    int status;
    struct str head, body; /* point into the client's buffers; body is decoded */
    bool complete;
    size_t raw_end; /* where the next one begins */
};

struct client {
    struct str name; /* ptr NULL: foreground */
    int fd;          /* -1 once closed by us */
    struct buf in, decoded;
    bool closed; /* by the server */
    int64_t started_ms, ended_ms;
    struct reply reply[REPLIES_MAX];
    int reply_count;
};

struct crowd;
struct words;
struct column {
    struct str name, text;
};

struct dns;
struct timed;
struct authority;
struct tls_front;
struct kept {
    struct str name, text;
};

struct flood_seen {
    int answered, refused; /* refused: 429 or 503 with retry-after */
    int late;              /* of the refused: slower than promised */
    int other;
};

struct scenario {
    const char *binary, *path;
    char folder[256];
    struct arena arena;
    struct str rest; /* of the file */
    int line;
    struct buf problem, config, upstreams, env;
    char *argument;    /* one more for `serve`; NULL: none */
    bool config_alone; /* it names its upstreams itself */
    int64_t deadline_ms;
    bool int_ignored; /* what is started next begins with SIGINT ignored */
    struct sim *sim;
    struct upstream upstream[UPSTREAMS_MAX];
    int upstream_count;
    struct dns *dns;
    struct timed *timed;
    struct authority *authority;
    int port, reserved_fd;
    pid_t pid; /* 0: not running */
    pid_t engine_pid; /* the engine process that got a signal last */
    struct client client[CLIENTS_MAX];
    int client_count;
    struct client *current;
    int current_reply;
    int64_t aborted_ms; /* when a client was aborted last */
    struct buf cli;     /* output of the last `cli` */
    int cli_status;
    bool has_clock; /* of its own */
    int64_t memory_kib;
    int row, row_count; /* which row of `each` this run is for, of how many; 0 of 0 without */
    struct str row_text;
    struct column column[COLUMNS_MAX];
    int column_count;
    struct buf storm_ids; /* of the calls that the last storm saw answered, one a line */
    struct buf cut_ids;   /* of those whose answer began and has no end */
    int storm_clients;
    struct crowd *crowd; /* owned; the last one */
    int notify_fd;       /* of the service manager we play; 0: none */
    struct buf notified;
    int64_t watchdog_ms;            /* what the binary was told */
    int64_t pulse_us, pulse_gap_us; /* when the last pulse was sent, the longest time between two */
    uint32_t elsewhere;       /* an address of ours that is not loopback; 0: `elsewhere` was not said */
    struct kept kept[KEPT_MAX];
    int kept_count;
    bool from_elsewhere;      /* the next connection comes from there */
    struct flood_seen flood; /* of the last one */
};

bool scenario_run(struct scenario *s);
bool scenario_line(struct scenario *s, struct words *w); /* does what the line says */
bool scenario_fail(struct scenario *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t now_ms(void);
/* Waits POLL_MS for the next look at something; false when the time (or the scenario's own) is over. */
bool poll_again(const struct scenario *s, int64_t until_ms);

/* --- words -------------------------------------------------------------------------------------------------------- */

struct words {
    struct str word[WORDS_MAX];
    int count, at;
    struct str tail; /* what follows word[at - 1] on the line, raw */
    struct str after[WORDS_MAX];
    struct str here, here_raw; /* the here-text, expanded, and as it stands; ptr NULL if there is none */
    bool background; /* the line ends in & */
};
/* The next line with anything on it; false at the end of the file or on an error (then s->problem is set). */
bool words_read(struct scenario *s, struct words *w);
struct str words_next(struct words *w); /* ptr NULL when there is none */
struct str words_peek(const struct words *w);
bool words_take(struct words *w, const char *word); /* consumes it if it comes next */
bool words_number(struct words *w, int64_t *out);
bool text_expand(struct scenario *s, struct str text, struct buf *out);
char *text_c(struct scenario *s, struct str text);
bool each_verb(struct scenario *s, struct words *w);
struct str row_column(const struct scenario *s, struct str name);

/* --- the binary --------------------------------------------------------------------------------------------------- */

bool process_start(struct scenario *s);
bool process_start_refused(struct scenario *s, struct str why);
bool process_end(struct scenario *s, int signal);
bool process_signal(struct scenario *s, struct str name);
bool process_ended(struct scenario *s, int limit_ms); /* by itself, with status 0 */
bool process_rewrite(struct scenario *s);             /* writes the config as it is told now */
bool process_reload(struct scenario *s);              /* writes the config as it is told now, and sends SIGHUP */
bool process_cli(struct scenario *s, struct words *w, struct buf *out, int *status);
bool process_cli_left(struct scenario *s, struct words *w, struct buf *out, int *status);
void process_fini(struct scenario *s);
bool disk_verb(struct scenario *s, struct words *w);
bool memory_verb(struct scenario *s, struct words *w);
bool expect_memory(struct scenario *s, struct words *w);
bool output_read(struct scenario *s, struct buf *out);
/* Calls fn for each file below the data folder; true when all returned true. */
bool files_each(struct scenario *s, bool (*fn)(struct scenario *s, const char *path, void *ctx), void *ctx);
void folder_remove(const char *path);

/* --- clients ------------------------------------------------------------------------------------------------------ */

bool client_verb(struct scenario *s, struct words *w, int times);
bool client_until_verb(struct scenario *s, struct words *w);
bool probe_verb(struct scenario *s, struct words *w);
bool send_verb(struct scenario *s, struct words *w);
bool burst_verb(struct scenario *s, struct words *w);
bool raw_verb(struct scenario *s, struct words *w);
bool flood_verb(struct scenario *s, struct words *w);
bool expect_flood(struct scenario *s, struct words *w);
bool storm_verb(struct scenario *s, struct words *w);
bool expect_storm_books(struct scenario *s, struct str lines);
bool expect_answered_books(struct scenario *s, struct str lines);
bool chaos_verb(struct scenario *s, struct words *w);
bool notify_verb(struct scenario *s, struct words *w);
bool expect_notified(struct scenario *s, struct words *w);
void notify_close(struct scenario *s);
void notify_hear(struct scenario *s); /* often enough, for its queue is short */
bool crowd_verb(struct scenario *s, struct words *w);
bool expect_crowd(struct scenario *s, struct words *w);
void crowd_close(struct scenario *s);
bool wait_verb(struct scenario *s, struct words *w);
bool file_verb(struct scenario *s, struct words *w);
bool keep_verb(struct scenario *s, struct words *w);
struct str kept_text(const struct scenario *s, struct str name);
bool expect_mode(struct scenario *s, struct words *w);
bool elsewhere_verb(struct scenario *s, struct words *w);
bool model_verb(struct scenario *s, struct words *w);
bool engine_verb(struct scenario *s, struct words *w);
bool expect_engine(struct scenario *s, struct words *w);
bool abort_verb(struct scenario *s, struct words *w);
bool read_verb(struct scenario *s, struct words *w);
bool reply_verb(struct scenario *s, struct words *w);
struct client *client_connect(struct scenario *s, struct str name);
bool client_send(struct scenario *s, struct client *c, struct str bytes);
/* Reads what is there; waits for something at most until then. */
void client_read_some(struct client *c, int64_t until_ms);
void client_close(struct client *c);
void replies_parse(struct client *c);
struct str reply_header(const struct reply *r, struct str name); /* ptr NULL if absent */
/* The text of the answer: message content, or the joined deltas of a stream. */
bool reply_content(const struct reply *r, struct buf *out);
/* The last `data:` of a stream before [DONE]; *done tells whether [DONE] came. */
struct str reply_last_event(const struct reply *r, bool *done);

/* --- expectations ------------------------------------------------------------------------------------------------- */

bool expect_verb(struct scenario *s, struct words *w);
bool expect_metrics(struct scenario *s, struct words *w);
bool expect_world(struct scenario *s, struct str what, struct words *w, bool *known);
/* The value at a path such as .error.code or .choices[0].text, unquoted; false when it is not there. */
bool json_path(struct scenario *s, struct str json, struct str path, struct buf *out);
struct upstream *upstream_named(struct scenario *s, struct str name);
/* One of: is "x" | contains "x" | lacks "x" | "x" (exact), and a here-text as the exact text. */
bool expect_text(struct scenario *s, const char *what, struct str got, struct words *w);

/* --- times -------------------------------------------------------------------------------------------------------- */

int timed_open(struct scenario *s); /* the port of the timed upstream, or 0 */
bool timed_verb(struct scenario *s, struct words *w);
bool clock_verb(struct scenario *s, struct words *w);
void timed_close(struct timed *t);

/* --- TLS ---------------------------------------------------------------------------------------------------------- */

/* kind: good, expired, early, wrong-name, self-signed, silent (its handshake never ends). */
bool tls_front_open(struct scenario *s, struct tls_front **out, struct str kind, int behind_port);
int tls_front_port(const struct tls_front *t);
void tls_front_close(struct tls_front *t);
void tls_authority_free(struct authority *a);

/* --- names -------------------------------------------------------------------------------------------------------- */

bool dns_verb(struct scenario *s, struct words *w); /* dns NAME ADDRESS | dns NAME nothing | dns NAME silent */
int dns_port(struct scenario *s);
void dns_close(struct dns *d);
