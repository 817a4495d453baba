/* engine_priv.h: what the rooms of the engine as a process share.
 *
 *   engine.c          the command `hearth engine`: its options, and which of the two ways it goes
 *   engine_process.c  the process inside: loop, face, walls, loaded models
 *   engine_hand.c     by hand: files and an address
 *   engine_inside.c   by the daemon: commands over a control socket
 *   engine_wire.c     packets of the control socket, for both sides
 *   engine_child.c    outside: starts that process, asks it, ends it
 *   engine_files.c    outside: the model files of a config, opened
 *   engine_keeper.c   outside: one process kept alive beside a running service (door: engine_keeper.h)
 *
 * The control protocol is in docs/internals/engine.md. */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "cli/engine_keeper.h"
#include "config/config.h"
#include "engine/confine.h"
#include "engine/kv.h"
#include "net/loop.h"
#include <sys/types.h>

struct engine_face;
struct gguf;
struct host;
struct host_options;
struct room;

enum {
    ENGINE_MODELS = 32,      /* of one process */
    ENGINE_PARTS = 250,      /* files of one model: descriptors that one packet of the control socket takes */
    ENGINE_PACKET = 64 * 1024,
    ENGINE_CONTROL_FD = 3, ENGINE_LISTENER_FD = 4, /* where a process that the daemon starts finds them */
};

/* --- engine_process.c ------------------------------------------------------------------------------------------------------ */

struct engine_loaded {
    struct engine_loaded *next;
    struct host *host;
    int64_t id;       /* the daemon's number for it; 0 by hand */
    struct str name;  /* it is served under; ptr NULL: not yet. Owned */
    bool leaving;     /* its last calls are under way */
    bool stays;       /* beside the model that is loaded next; of one that goes then nothing is promised any more */
};
struct engine_process {
    struct loop *loop;
    struct engine_face *face;
    struct engine_loaded *loaded;
    struct confinement walls;
    struct room *room; /* how much memory there is; opened before the walls */
};
int engine_process_open(struct engine_process *p, struct err *e);
/* The walls; where this build has none: a warning. To be called before any thread is started. */
int engine_process_confine(struct engine_process *p, bool open, struct err *e);
/* Loading a model is three steps, of which the second takes long and may be done by another thread: what memory it may take is planned; its
 * host is opened; and it is told of, and loaded, and not served yet. */
void engine_process_plan(const struct engine_process *p, struct host_options *o);
int engine_process_loaded(struct engine_process *p, struct host *h, const struct host_options *o, struct str name, int64_t id, struct err *e); /* takes h */
/* All three. Takes `file`, also when it fails. */
int engine_process_load(struct engine_process *p, struct gguf *file, const struct host_options *o, struct str name, int64_t id, struct err *e);
int engine_process_serve(struct engine_process *p, struct engine_loaded *l, struct str name, struct err *e);
void engine_process_drop(struct engine_process *p, struct engine_loaded *l); /* at once, or with its last call */
void engine_process_close(struct engine_process *p); /* every call ends, and is told so */

struct engine_asked { /* on the command line */
    const char *listen, *kernels, *name;
    int64_t threads, context, calls;
    const char *kv;   /* a name, or NULL */
    const char *keep; /* a duration, or NULL */
    int64_t keep_us;  /* the same */
    bool open; /* not shut in */
    char **file;
    int file_count;
};
int engine_by_hand(const struct engine_asked *a);
int engine_by_daemon(void);

/* --- engine_wire.c --------------------------------------------------------------------------------------------------------- */

/* One packet with descriptors. ERR_CLOSED: nobody is at the other end. Neither waits. */
int engine_wire_send(int fd, struct str packet, const int *pass, size_t count, struct err *e);
/* The next packet, in place of what `packet` held; *count: room in `got` for its descriptors, then how many came; they are the caller's.
 * ERR_BUSY: there is none now. */
int engine_wire_receive(int fd, struct buf *packet, int *got, size_t *count, struct err *e);

/* --- engine_child.c -------------------------------------------------------------------------------------------------------- */

struct engine_child {
    pid_t pid;   /* 0: there is none */
    int control; /* -1: none */
    struct confinement walls; /* as it says */
};
/* From fork to its first word. `listener` -1: it serves nobody. ERR_REFUSED: it could not be shut in. */
int engine_child_start(struct engine_child *out, int listener, struct err *e);
/* One command and its answer, which is in `reply`. A refusal is ERR_INVALID with its story; ERR_CLOSED: the process ended; ERR_TIMEOUT: it
 * was killed. */
int engine_child_ask(struct engine_child *c, struct str command, const int *pass, size_t count, struct buf *reply, struct err *e);
bool engine_child_gone(const struct engine_child *c); /* its end of the control socket is closed */
/* Tells it to end and waits; one that does not is killed. `how` (may be NULL): "ended with status 0", "was killed by signal 9 (Killed)". */
void engine_child_end(struct engine_child *c, char how[64]);

/* --- engine_files.c -------------------------------------------------------------------------------------------------------- */

struct engine_file { /* a model as the config has it, with its files open */
    struct str name, path; /* owned; path: of the first part, for messages */
    struct config_mark mark;
    int64_t id;      /* the number under which the process has it; 0: not loaded */
    int64_t context, threads, calls, keep_ms;
    enum kv_type kv;
    int *fd;         /* (count) owned */
    size_t count;
};
struct engine_files {
    struct engine_file model[ENGINE_MODELS];
    size_t count;
};
/* Of the config's engine; none when it has none. Errors have the line of the file's name. */
int engine_files_open(struct engine_files *out, const struct config *c, struct err *e);
void engine_files_close(struct engine_files *f);
bool engine_file_same(const struct engine_file *a, const struct engine_file *b); /* the same files as they were, and the same options */
/* Has the process load it, under f->id, to stand beside those of `files` that have a number. */
int engine_file_load(const struct engine_file *f, const struct engine_files *files, struct engine_child *c, struct err *e);
/* What it serves is exactly this from now on; NULL for none of the second. Of one name in both the first counts. */
int engine_files_serve(const struct engine_files *a, const struct engine_files *b, struct engine_child *c, struct err *e);
