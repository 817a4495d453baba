/* service_priv.h: what the files of the running service share: the service, and its workers, one per loop thread. */
#pragma once
#include "cli/cli_priv.h"
#include "cli/engine_keeper.h"
#include "gateway/gateway.h"
#include "net/loop.h"
#include <pthread.h>
#include <stdatomic.h>

enum {
    SERVICE_LOOPS_MAX = 64,
    SERVICE_LISTENERS_MAX = 8,
    GENERATIONS_MAX = 8, /* configs with calls under way at once: whoever reloads faster than calls end has to wait */
};

struct mesh_counts;
struct mesh_loop;
struct round;

/* A config, and the mesh that was made of it. */
struct generation {
    const struct config *config;
    bool owns_config; /* the first one is the caller's */
    struct mesh *mesh;
    int place;        /* among those in use: it gives the numbers of its journals */
    atomic_int parts; /* loops that still have their mesh_loop of it */
};
struct retired {
    struct mesh_loop *mesh;
    struct generation *generation;
    bool quiet; /* had no calls when it was looked at last */
};

struct worker {
    struct service *service;
    struct loop *loop;
    struct mesh_loop *mesh;                  /* of `generation`: takes new calls */
    struct generation *generation;           /* its thread only */
    struct retired retired[GENERATIONS_MAX]; /* with calls that began under an earlier config */
    int retired_count;
    struct mesh_counts *counts;  /* owned; of this loop, whatever the config */
    struct mesh_loop *next_mesh; /* between the rounds of a reload */
    struct round *round;
    struct gateway_loop *gateway;
    pthread_t thread;
    bool running;
    struct loop_timer idle_check, drain_check;
    bool was_busy;
    uint64_t calls_before; /* of its mesh, at the last look */
    atomic_bool drained; /* while draining: nothing of this loop is under way; written by its thread, read by all */
};

struct service_asks {
    pthread_mutex_t lock; /* guards the two below; a leaf */
    struct service_ask *first;
    int count;
    int fd; /* an eventfd: readable when something was asked */
};

struct service {
    const struct config *started_with;
    struct pulse *pulse; /* NULL: nobody wants to know whether the loops turn */
    bool listen_given;   /* in place of the config's */
    struct service_asks asks;
    struct ledger *ledger;
    struct news *news;   /* what happens, for those who watch */
    struct resolver *resolver;
    struct engine_keeper *engine; /* the built-in one, if a config has it */
    struct gauge calls, held;      /* of all loops together */
    struct generation *generation; /* in force; the daemon's thread only */
    atomic_bool place_taken[GENERATIONS_MAX];
    struct gateway *gateway;
    struct worker worker[SERVICE_LOOPS_MAX];
    int loops;
    int listener[SERVICE_LISTENERS_MAX];
    int listener_count;
    struct str unix_path[SERVICE_LISTENERS_MAX]; /* to be unlinked; borrowed from the config */
    int drained_fd;                              /* an eventfd: readable when all workers are drained */
    bool draining;                               /* the daemon's thread only */
    atomic_int left_listeners;                   /* workers that have stopped accepting */
};

/* service.c: the addresses are free for another process from here on. */
void service_listeners_close(struct service *s);

/* service_ask.c */
int service_asks_open(struct service_asks *q, struct err *e);
void service_asks_close(struct service_asks *q); /* when no loop runs any more */
int service_ask_reload(void *service, struct loop *l, gateway_told_fn *told, void *arg); /* any loop */

/* service_reload.c */
void generation_free(struct generation *g);
int generation_journal(const struct service *s, const struct generation *g, int worker);
void worker_retired_close(struct worker *w, bool all); /* those without calls; all: ends what they have */
size_t worker_calls(const struct worker *w);           /* under way, of all generations */
