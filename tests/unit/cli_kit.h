/* cli_kit.h: the real binary, on a terminal or not, in an empty folder with an environment of our choice. */
#pragma once
#include "base/buf.h"
#include "base/clock.h"
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLI_WAIT_MS = 30000 * SLOWER, CLI_ENV_MAX = 32 };
#define CLI_UNUSED __attribute__((unused))

struct cli_world {
    char folder[64];
    char *env[CLI_ENV_MAX];
    int env_count;
    struct buf texts[CLI_ENV_MAX];
};
struct cli_run {
    pid_t pid;
    int fd;
    struct buf out;
    int status; /* exit status once it has ended */
};

static CLI_UNUSED const char *cli_binary(void)
{
    static char path[512];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 16);
    while (n > 0 && path[n - 1] != '/')
        n--;
    memcpy(path + (n < 0 ? 0 : n), "hearth", sizeof "hearth");
    return path;
}

static CLI_UNUSED void cli_env(struct cli_world *w, const char *name, const char *value)
{
    struct buf *b = &w->texts[w->env_count];
    *b = BUF_INIT(4 * KiB);
    if (w->env_count + 1 < CLI_ENV_MAX && buf_append_format(b, "%s=%s", name, value) == 0 && buf_text(b))
        w->env[w->env_count++] = b->ptr;
}

static CLI_UNUSED bool cli_world_open(struct cli_world *w)
{
    *w = (struct cli_world){.folder = "/tmp/hearth-test-XXXXXX"};
    if (!mkdtemp(w->folder))
        return false;
    cli_env(w, "HOME", w->folder);
    for (char **e = environ; *e; e++) /* where sanitizers report */
        if (strstr(*e, "SAN_OPTIONS="))
            w->env[w->env_count++] = *e;
    return true;
}

static CLI_UNUSED int cli_remove_one(const char *path, const struct stat *s, int flag, struct FTW *walk)
{
    (void)s, (void)flag, (void)walk;
    return remove(path);
}

static CLI_UNUSED void cli_world_close(struct cli_world *w)
{
    for (int i = 0; i < CLI_ENV_MAX; i++)
        buf_fini(&w->texts[i]);
    if (w->folder[0])
        (void)nftw(w->folder, cli_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* argv ends with NULL and begins with the command; its output and errors come together. */
static CLI_UNUSED bool cli_start(struct cli_run *r, const struct cli_world *w, bool terminal,
                                 const char *const *command)
{
    const char *argv[24] = {cli_binary()};
    int pipes[2] = {-1, -1}, slave = -1;
    for (int i = 0; command[i] && i < 22; i++)
        argv[i + 1] = command[i];
    *r = (struct cli_run){.pid = -1, .fd = -1, .out = BUF_INIT(4 * MiB), .status = -1};
    if (terminal ? openpty(&r->fd, &slave, NULL, NULL, NULL) : pipe(pipes))
        return false;
    r->fd = terminal ? r->fd : pipes[0];
    r->pid = fork();
    if (r->pid == 0) { /* what threads held is gone with them: nothing here but system calls */
        int nothing = open("/dev/null", O_RDWR), to = terminal ? slave : pipes[1];
        if (setsid() < 0 || chdir(w->folder) || dup2(terminal ? slave : nothing, 0) < 0 || dup2(to, 1) < 0 ||
            dup2(to, 2) < 0)
            _exit(126);
        (void)signal(SIGINT, SIG_DFL); /* ignored when the tests are a shell's background job */
        execve(argv[0], (char *const *)argv, w->env);
        _exit(127);
    }
    close(terminal ? slave : pipes[1]);
    return r->pid > 0;
}

/* Reads until `text` was said, or (NULL) the end; false when that does not happen in time. */
static CLI_UNUSED bool cli_until(struct cli_run *r, const char *text)
{
    int64_t end = clock_mono_us(clock_system()) + CLI_WAIT_MS * INT64_C(1000);
    while (!text || str_find(buf_str(&r->out), str_from(text)) < 0) {
        int64_t left = (end - clock_mono_us(clock_system())) / 1000;
        struct pollfd p = {.fd = r->fd, .events = POLLIN};
        if (left <= 0 || poll(&p, 1, (int)left) <= 0 || buf_reserve(&r->out, 4 * KiB))
            return false;
        ssize_t n = read(r->fd, r->out.ptr + r->out.len, 4 * KiB);
        if (n <= 0) /* a terminal whose other side is gone says EIO */
            return !text;
        r->out.len += (size_t)n;
    }
    return true;
}

static CLI_UNUSED bool cli_say(struct cli_run *r, const char *text)
{
    return write(r->fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Ends it with a signal (0: waits for its own end) and takes its status. */
static CLI_UNUSED void cli_end(struct cli_run *r, int signal)
{
    int status;
    if (r->pid <= 0)
        return;
    if (signal)
        (void)kill(r->pid, signal);
    if (!cli_until(r, NULL))
        (void)kill(r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    close(r->fd);
    r->pid = -1;
}

static CLI_UNUSED void cli_run_fini(struct cli_run *r)
{
    cli_end(r, SIGKILL);
    buf_fini(&r->out);
}

/* Runs a command to its end, without a terminal. */
static CLI_UNUSED bool cli_do(struct cli_run *r, const struct cli_world *w, const char *const *command)
{
    if (!cli_start(r, w, false, command))
        return false;
    cli_end(r, 0);
    return true;
}

static CLI_UNUSED bool cli_read(const struct cli_world *w, const char *name, struct buf *out)
{
    char path[200];
    text_format(path, sizeof path, "%s/%s", w->folder, name);
    return buf_read_file(out, path, NULL) == 0;
}

static CLI_UNUSED bool cli_write(const struct cli_world *w, const char *name, struct str text)
{
    char path[200];
    text_format(path, sizeof path, "%s/%s", w->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len;
    if (fd >= 0)
        close(fd);
    return good;
}

#define CLI(...) ((const char *const[]){__VA_ARGS__, NULL})
#define EXPECT_SAYS(run, text)                                                                                \
    do {                                                                                                      \
        if (str_find(buf_str(&(run)->out), str_from(text)) < 0)                                               \
            test_fail(__FILE__, __LINE__, "does not say `%s`:\n%.*s", (text), STR_FMT(buf_str(&(run)->out))); \
    } while (0)
#define EXPECT_HIDES(run, text)                                                                       \
    do {                                                                                              \
        if (str_find(buf_str(&(run)->out), str_from(text)) >= 0)                                      \
            test_fail(__FILE__, __LINE__, "says `%s`:\n%.*s", (text), STR_FMT(buf_str(&(run)->out))); \
    } while (0)
