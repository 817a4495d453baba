/* engine_keeper.h: the built-in engine beside a running service: its listening socket, its one process, and what happens when that ends.
 *
 * The socket is the keeper's for as long as it lives, so calls queue on it while there is no process. Safe from one thread. */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct config;
struct engine_keeper;
struct gateway_engine;
struct news;

/* Opens the socket in the data folder, starts the process and loads the models of the config. Without an engine in it the keeper does
 * nothing until a config has one. `news` (may be NULL) hears when it ends and when it is back, and outlives the keeper. Errors of models have their line. */
int engine_keeper_open(struct engine_keeper **out, const struct config *c, struct str data_dir, struct news *news, struct err *e);
struct str engine_keeper_socket(const struct engine_keeper *k); /* its path; empty: there was no engine yet */
/* Another config, in two steps: what is new in it is loaded and served beside what was there; then, when it is in force (or not), what
 * is left over goes with its last call. Each offer is settled. */
int engine_keeper_offer(struct engine_keeper *k, const struct config *c, struct err *e);
void engine_keeper_settle(struct engine_keeper *k, bool taken);
void engine_keeper_look(const struct engine_keeper *k, struct gateway_engine *out); /* any thread */
void engine_keeper_close(struct engine_keeper *k); /* the process has ended when it returns; NULL is fine */

/* Would `serve` take the models of this config? Loads them in a process of its own. The error has its line. */
int engine_config_try(const struct config *c, struct err *e);
int engine_socket_path(struct buf *out, struct str data_dir);
