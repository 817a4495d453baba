/* service_priv.h: what the files of the running service share: the service, and its workers, one per loop thread. */
#pragma once
#include "cli/cli_priv.h"
#include "net/loop.h"
#include <pthread.h>
#include <stdatomic.h>

enum { SERVICE_LOOPS_MAX = 64, SERVICE_LISTENERS_MAX = 8 };

struct gateway_loop;
struct mesh_loop;

struct worker {
    struct service *service;
    struct loop *loop;
    struct mesh_loop *mesh;
    struct gateway_loop *gateway;
    pthread_t thread;
    bool running;
    struct loop_timer idle_check, drain_check;
    bool was_busy;
    atomic_bool drained; /* while draining: nothing of this loop is under way; written by its thread, read by all */
};

struct service {
    const struct config *config;
    struct ledger *ledger;
    struct resolver *resolver;
    struct mesh *mesh;
    struct gateway *gateway;
    struct worker worker[SERVICE_LOOPS_MAX];
    int loops;
    int listener[SERVICE_LISTENERS_MAX];
    int listener_count;
    struct str unix_path[SERVICE_LISTENERS_MAX]; /* to be unlinked; borrowed from the config */
    int drained_fd;                              /* an eventfd: readable when all workers are drained */
    atomic_int left_listeners;                   /* workers that have stopped accepting */
};

/* service.c: the addresses are free for another process from here on. */
void service_listeners_close(struct service *s);
