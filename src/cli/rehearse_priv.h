/* rehearse_priv.h: what both rehearsals share: a running Hearth in front of a stage, calls to it, and their bill. */
#pragma once
#include "cli/cli_priv.h"

/* One call of a rehearsal; a line of the closing table. */
struct play_line {
    const char *act, *job;
    char target[256], attempts[12], call[32], why[400];
    int status;
    int64_t ms;
    struct str plan; /* whose life it is part of; empty: of none */
};

struct play {
    struct stage *stage;
    struct service *service; /* NULL between acts */
    struct buf url;
    bool credential;         /* calls carry a credential of the client's own, for upstreams it is passed through to */
    struct play_line *line;  /* room for lines_max, the caller's */
    int lines, lines_max;
};

/* A Hearth with the stage's config and data folder, on a free port of loopback. play_stop before the next play_start. */
int play_start(struct play *p, struct err *e);
void play_stop(struct play *p);
/* Asks one job, and prints what came of it, with `remark` at the end of the line (NULL: none; told after the call). */
struct play_line *play_ask(struct play *p, const char *act, const char *job, bool embeds,
                           const char *(*remark)(const struct play_line *l, void *ctx), void *ctx);
/* One more message of a conversation that Claude Code has, under a credential of its own. */
struct play_line *play_talk(struct play *p, const char *act, const char *job, int message,
                            const char *(*remark)(const struct play_line *l, void *ctx), void *ctx);
/* Prints the table of job, target, attempts, time and cost. False when a call is not in the books. */
bool play_bill(const struct play *p);

/* Under the table: what the plans of the stage's config were worth, and what their calls cost elsewhere. */
bool play_plan_bill(const struct play *p);

/* rehearse_plan.c: a plan's life. False when something was not as it should be. */
bool rehearse_plan(struct play *p);
enum { PLAN_RESET_S = 2 }; /* how long a simulated window stays spent */
/* The script of a plan whose window is spent now, and open again at the reset; *wait_ms: from now on until calls are back there. */
int plan_script_spent(struct buf *out, int64_t *wait_ms);

int rehearse_own(const char *config);
