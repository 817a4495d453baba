/* engine_child.c: starts the process that computes, asks it, and ends it.
 *
 * It is this program again, with nothing of ours: a clean environment (which holds secrets here), no descriptor but its two sockets,
 * /dev/null and the log. Its answers are those of a process that read untrusted files: they are parsed, bounded, and never obeyed. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/engine_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    ANSWER_MS = 120 * 1000, /* a large model on a slow disk */
    END_MS = 5000,          /* calls are ended, memory of models is given back */
    LOOK_MS = 5,
    HIGH_FD = 16,           /* out of the way of the numbers that the child gets */
};

static int64_t now_ms(void)
{
    return clock_mono_us(clock_system()) / 1000;
}

/* --- starting -------------------------------------------------------------------------------------------------------------- */

static int prepare(posix_spawn_file_actions_t *a, int control, int listener)
{
    int rc = posix_spawn_file_actions_addopen(a, STDIN_FILENO, "/dev/null", O_RDWR, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(a, STDIN_FILENO, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(a, control, ENGINE_CONTROL_FD);
    if (rc == 0 && listener >= 0)
        rc = posix_spawn_file_actions_adddup2(a, listener, ENGINE_LISTENER_FD);
    return rc ? rc : posix_spawn_file_actions_addclosefrom_np(a, listener >= 0 ? ENGINE_LISTENER_FD + 1 : ENGINE_CONTROL_FD + 1);
}

/* Nothing; but a build that watches itself (and has no walls for that reason) says where its reports go. */
static void fill_environment(char *out[], size_t room)
{
    static const char *const kept[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS="};
    size_t count = 0;
    for (char **at = environ; at && *at && !confine_available(); at++)
        for (size_t i = 0; i < COUNT_OF(kept); i++)
            if (str_starts(str_from(*at), str_from(kept[i])) && count + 1 < room)
                out[count++] = *at;
    out[count] = NULL;
}

/* posix_spawn and not fork: the daemon has threads, and much memory. */
static int spawn(pid_t *pid, int control, int listener)
{
    enum log_level lowest;
    bool json;
    char log[32];
    log_settings(&lowest, &json);
    lowest = listener < 0 && lowest < LOG_WARN ? LOG_WARN : lowest; /* for a look only: who looks tells what came of it */
    text_format(log, sizeof log, "%s:%d", json ? "json" : "human", (int)lowest);
    char *argv[] = {(char *)(uintptr_t)"hearth", (char *)(uintptr_t)"engine", (char *)(uintptr_t)"--by-daemon", log, NULL}, *environment[8];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    fill_environment(environment, COUNT_OF(environment));
    (void)sigemptyset(&none);
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = prepare(&actions, control, listener);
        if (rc == 0)
            rc = posix_spawnattr_setsigmask(&attr, &none);
        if (rc == 0)
            rc = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
        if (rc == 0)
            rc = posix_spawn(pid, "/proc/self/exe", &actions, &attr, argv, environment);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int hear(struct engine_child *c, struct buf *reply, struct err *e)
{
    size_t none = 0;
    int64_t until_ms = now_ms() + ANSWER_MS, left_ms;
    struct pollfd p = {.fd = c->control, .events = POLLIN};
    while ((left_ms = until_ms - now_ms()) > 0) {
        if (poll(&p, 1, (int)left_ms) <= 0)
            continue;
        int rc = engine_wire_receive(c->control, reply, NULL, &none, e);
        if (rc != ERR_BUSY)
            return rc;
    }
    (void)kill(c->pid, SIGKILL); /* a late answer would be taken for the next one */
    return err_set(e, ERR_TIMEOUT, "the engine process did not answer for %d s, and was killed", ANSWER_MS / 1000);
}

/* {"ok":true,...} is 0; its story otherwise. `walls` (may be NULL) gets what it says of them. */
static int judge(struct str reply, struct confinement *walls, struct err *e)
{
    struct arena a = ARENA_INIT(4 * MiB);
    struct json_node *root = NULL;
    int rc = json_parse(&a, reply, &root, NULL);
    if (rc < 0)
        rc = err_set(e, ERR_SYNTAX, "the engine process answers what is no JSON");
    else if (!json_get_bool(root, "ok", false))
        rc = err_set(e, ERR_INVALID, "%.*s", STR_FMT(str_slice(json_get_text(root, "error"), 0, 800)));
    else if (walls)
        *walls = (struct confinement){.system_calls = json_get_bool(root, "system_calls", false),
                                      .no_new_privileges = json_get_bool(root, "no_new_privileges", false),
                                      .network_namespace = json_get_bool(root, "network_namespace", false)};
    arena_fini(&a);
    return rc;
}

static int first_word(struct engine_child *c, struct err *e)
{
    struct err why = {0};
    AUTO_BUF struct buf reply = BUF_INIT(ENGINE_PACKET);
    int rc = hear(c, &reply, &why);
    if (rc == 0)
        rc = judge(buf_str(&reply), &c->walls, &why);
    if (rc == 0 && confine_available() && !c->walls.system_calls)
        rc = err_set(&why, ERR_REFUSED, "it has not given up its system calls");
    return rc < 0 ? err_set(e, rc == ERR_INVALID ? ERR_REFUSED : rc, "the engine process could not be started behind its walls: %.700s", why.text) : 0;
}

static int start_with(struct engine_child *c, int theirs, int listener, struct err *e)
{
    int high = fcntl(theirs, F_DUPFD_CLOEXEC, HIGH_FD), high_listener = listener < 0 ? -1 : fcntl(listener, F_DUPFD_CLOEXEC, HIGH_FD);
    int rc = high < 0 || (listener >= 0 && high_listener < 0) ? errno : spawn(&c->pid, high, high_listener);
    if (high >= 0)
        (void)close(high);
    if (high_listener >= 0)
        (void)close(high_listener);
    return rc ? err_set_errno(e, ERR_IO, rc, "the engine process cannot be started") : 0;
}

int engine_child_start(struct engine_child *out, int listener, struct err *e)
{
    int pair[2];
    struct engine_child c = {.control = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set_errno(e, ERR_IO, errno, "a control socket for the engine");
    c.control = pair[0];
    int rc = start_with(&c, pair[1], listener, e);
    (void)close(pair[1]);
    if (rc == 0)
        rc = first_word(&c, e);
    if (rc < 0)
        engine_child_end(&c, NULL);
    else
        *out = c;
    return rc;
}

/* --- asking and ending ----------------------------------------------------------------------------------------------------- */

int engine_child_ask(struct engine_child *c, struct str command, const int *pass, size_t count, struct buf *reply, struct err *e)
{
    int rc = engine_wire_send(c->control, command, pass, count, e);
    if (rc == 0)
        rc = hear(c, reply, e);
    return rc < 0 ? rc : judge(buf_str(reply), NULL, e);
}

bool engine_child_gone(const struct engine_child *c)
{
    struct pollfd p = {.fd = c->control};
    return poll(&p, 1, 0) > 0; /* only POLLHUP and POLLERR come unasked */
}

static void tell_how(int status, char how[64])
{
    if (!how)
        return;
    if (WIFSIGNALED(status))
        text_format(how, 64, "was killed by signal %d (%s)", WTERMSIG(status), sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "?");
    else
        text_format(how, 64, "ended with status %d", WEXITSTATUS(status));
}

void engine_child_end(struct engine_child *c, char how[64])
{
    int status = 0;
    if (c->control >= 0)
        (void)close(c->control);
    c->control = -1;
    if (c->pid <= 0)
        return;
    int64_t until_ms = now_ms() + END_MS;
    pid_t got;
    while ((got = waitpid(c->pid, &status, WNOHANG)) == 0 && now_ms() < until_ms)
        (void)poll(NULL, 0, LOOK_MS);
    if (got == 0) {
        (void)kill(c->pid, SIGKILL);
        while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
            ;
    }
    c->pid = 0;
    tell_how(status, how);
}
