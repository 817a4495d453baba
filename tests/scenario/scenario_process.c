/* scenario_process.c: the real binary, started in a folder of its own with a clean environment; what it prints, and the
 * files it leaves. Only processes started here are ever signalled, by their id. */
#include "scenario.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_MS = 10000 * SLOWER, END_MS = 10000 * SLOWER, CLI_MS = 10000 * SLOWER, OUTPUT_MAX = 16 * 1024 * 1024, ENV_MAX = 64, ARGS_MAX = 40 };

extern char **environ;

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool write_config(struct scenario *s)
{
    char *path = arena_format(&s->arena, "%s/hearth.yaml", s->folder);
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f)
        return scenario_fail(s, "cannot write the config");
    AUTO_BUF struct buf text = BUF_INIT(16 * MiB);
    bool ok = text_expand(s, buf_str(&s->config), &text);
    (void)fprintf(f, "%.*s\nlisten: 127.0.0.1:%d\n", STR_FMT(buf_str(&text)), s->port);
    if (s->upstreams.len && !s->config_alone)
        (void)fprintf(f, "upstreams:\n%.*s", STR_FMT(buf_str(&s->upstreams)));
    return fclose(f) == 0 ? ok : scenario_fail(s, "cannot write the config");
}

bool output_read(struct scenario *s, struct buf *out)
{
    char *path = arena_format(&s->arena, "%s/output.log", s->folder);
    struct err e = {0};
    return path && (access(path, F_OK) != 0 || buf_read_file(out, path, &e) == 0);
}

static bool each_below(struct scenario *s, const char *folder, bool (*fn)(struct scenario *, const char *, void *),
                       void *ctx)
{
    DIR *d = opendir(folder);
    struct dirent *entry;
    bool ok = true;
    if (!d)
        return true;
    while (ok && (entry = readdir(d))) {
        if (entry->d_name[0] == '.' && (!entry->d_name[1] || (entry->d_name[1] == '.' && !entry->d_name[2])))
            continue;
        char *path = arena_format(&s->arena, "%s/%s", folder, entry->d_name);
        struct stat st;
        if (!path || lstat(path, &st) != 0)
            continue; /* gone meanwhile */
        ok = S_ISDIR(st.st_mode) ? each_below(s, path, fn, ctx) : S_ISREG(st.st_mode) ? fn(s, path, ctx) : true;
    }
    (void)closedir(d);
    return ok;
}

bool files_each(struct scenario *s, bool (*fn)(struct scenario *, const char *, void *), void *ctx)
{
    char *data = arena_format(&s->arena, "%s/data", s->folder);
    return data && each_below(s, data, fn, ctx);
}

void folder_remove(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        char below[4096];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (strlen(path) + strlen(entry->d_name) + 2 > sizeof below)
            continue;
        (void)text_format(below, sizeof below, "%s/%s", path, entry->d_name);
        if (unlink(below) != 0)
            folder_remove(below);
    }
    if (d)
        (void)closedir(d);
    (void)rmdir(path); /* what stays behind is seen by whoever cleans the temporary folder */
}

/* --- a free port -------------------------------------------------------------------------------------------------- */

/* Bound but not listening: nobody else is given the port, and the binary can still take it (both say SO_REUSEADDR). */
static bool reserve_port(struct scenario *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int on = 1;
    if (s->reserved_fd >= 0)
        return true;
    s->reserved_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->reserved_fd < 0 || setsockopt(s->reserved_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(s->reserved_fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        getsockname(s->reserved_fd, (struct sockaddr *)&a, &len) != 0)
        return scenario_fail(s, "no free port");
    s->port = ntohs(a.sin_port);
    return true;
}

/* --- start -------------------------------------------------------------------------------------------------------- */

static bool passes(const char *variable)
{
    static const char *const kept[] = {
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=", "LLVM_PROFILE_FILE="};
    for (size_t i = 0; i < COUNT_OF(kept); i++)
        if (strncmp(variable, kept[i], strlen(kept[i])) == 0)
            return true;
    return false;
}

static char **make_env(struct scenario *s)
{
    char **env = arena_new_array(&s->arena, char *, ENV_MAX);
    int n = 0;
    struct str rest = buf_str(&s->env), one;
    if (!env)
        return NULL;
    env[n++] = arena_format(&s->arena, "PATH=/usr/bin:/bin");
    env[n++] = arena_format(&s->arena, "HOME=%s", s->folder);
    for (char **e = environ; *e && n < ENV_MAX / 2; e++)
        if (passes(*e))
            env[n++] = *e;
    while (n < ENV_MAX - 1 && str_cut(&rest, '\n', &one))
        env[n++] = text_c(s, one);
    return env;
}

/* In the child: only calls that are allowed between fork and exec. */
static void become(struct scenario *s, char **argv, char **env, int out_fd, int err_fd, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind if we die first */
    if (getppid() != parent || chdir(s->folder) != 0 || dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0)
        _exit(127);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0)
        _exit(127);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, s->int_ignored ? SIG_IGN : SIG_DFL); /* however the runner was started */
    execve(s->binary, argv, env);
    _exit(127);
}

/* `pipe_fd`: what it prints goes there, and only what it complains about into the file; -1: both into the file. */
static bool spawn_to(struct scenario *s, char **argv, const char *output, int flags, int pipe_fd, pid_t *pid)
{
    char *path = arena_format(&s->arena, "%s/%s", s->folder, output);
    char **env = make_env(s);
    int fd = path && env ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600) : -1;
    pid_t parent = getpid();
    if (fd < 0)
        return scenario_fail(s, "cannot open %s", output);
    *pid = fork();
    if (*pid == 0)
        become(s, argv, env, pipe_fd < 0 ? fd : pipe_fd, fd, parent);
    close(fd);
    return *pid > 0 || scenario_fail(s, "cannot fork");
}

static bool spawn(struct scenario *s, char **argv, const char *output, int flags, pid_t *pid)
{
    return spawn_to(s, argv, output, flags, -1, pid);
}

static bool answers(struct scenario *s)
{
    struct client *c = client_connect(s, STR_NONE);
    if (!c)
        return false;
    AUTO_BUF struct buf ask = BUF_INIT(1 * KiB);
    (void)buf_append_format(&ask, "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nconnection: close\r\n\r\n", s->port);
    bool ok = client_send(s, c, buf_str(&ask));
    while (ok && !c->closed && now_ms() < s->deadline_ms)
        client_read_some(c, s->deadline_ms);
    replies_parse(c);
    ok = ok && c->reply_count && c->reply[0].status == 200;
    client_close(c);
    s->client_count--; /* nobody saw it */
    s->current = NULL;
    buf_clear(&s->problem);
    return ok;
}

static bool fail_with_output(struct scenario *s, const char *what)
{
    AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX);
    (void)output_read(s, &out); /* then there is nothing to show */
    struct str text = buf_str(&out);
    return scenario_fail(s, "%s; it said: %.*s", what,
                         STR_FMT(str_trim(str_skip(text, text.len > 1500 ? text.len - 1500 : 0))));
}

static bool run_serve(struct scenario *s)
{
    char *argv[] = {(char *)(uintptr_t)s->binary,
                    "serve",
                    "--config",
                    arena_format(&s->arena, "%s/hearth.yaml", s->folder),
                    "--data",
                    arena_format(&s->arena, "%s/data", s->folder),
                    s->argument,
                    NULL};
    if (s->pid)
        return scenario_fail(s, "the binary runs already");
    return reserve_port(s) && write_config(s) && spawn(s, argv, "output.log", O_APPEND, &s->pid);
}

bool process_start(struct scenario *s)
{
    if (!run_serve(s))
        return false;
    int64_t until = now_ms() + READY_MS;
    while (!answers(s)) {
        int status;
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            s->pid = 0;
            return fail_with_output(s, "the binary ended before it was ready");
        }
        if (!poll_again(s, until))
            return fail_with_output(s, "the binary does not become ready");
    }
    return true;
}

/* --- end ---------------------------------------------------------------------------------------------------------- */

static bool wait_end(struct scenario *s, pid_t pid, int limit_ms, int *status)
{
    int64_t until = now_ms() + limit_ms;
    while (waitpid(pid, status, WNOHANG) != pid)
        if (!poll_again(s, until))
            return false;
    return true;
}

bool process_end(struct scenario *s, int signal)
{
    int status = 0;
    if (!s->pid)
        return scenario_fail(s, "the binary does not run");
    (void)kill(s->pid, signal);
    if (!wait_end(s, s->pid, END_MS, &status))
        return fail_with_output(s, "the binary does not end");
    s->pid = 0;
    if (signal == SIGTERM && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return fail_with_output(s, "the binary did not end with status 0");
    return true;
}

bool process_signal(struct scenario *s, struct str name)
{
    static const struct {
        const char *name;
        int number;
    } known[] = {{"TERM", SIGTERM}, {"INT", SIGINT}, {"HUP", SIGHUP}};
    if (!s->pid)
        return scenario_fail(s, "the binary does not run");
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (str_eq(name, str_from(known[i].name)))
            return kill(s->pid, known[i].number) == 0 || scenario_fail(s, "the signal could not be sent");
    return scenario_fail(s, "signal TERM | INT | HUP");
}

bool process_ended(struct scenario *s, int limit_ms)
{
    int status = 0;
    if (!s->pid)
        return scenario_fail(s, "the binary does not run");
    if (!wait_end(s, s->pid, limit_ms * SLOWER, &status))
        return fail_with_output(s, "the binary has not ended");
    s->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail_with_output(s, "the binary did not end with status 0");
    return true;
}

bool process_rewrite(struct scenario *s)
{
    return write_config(s);
}

bool process_reload(struct scenario *s)
{
    return write_config(s) && process_signal(s, STR("HUP"));
}

/* `refused "why"`: the binary must not take this config. */
bool process_start_refused(struct scenario *s, struct str why)
{
    int status = 0;
    if (!run_serve(s))
        return false;
    if (!wait_end(s, s->pid, END_MS, &status))
        return scenario_fail(s, "expected that the config is refused, got a running binary");
    s->pid = 0;
    AUTO_BUF struct buf out = BUF_INIT(OUTPUT_MAX);
    if (!output_read(s, &out))
        return scenario_fail(s, "no output");
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 0)
        return scenario_fail(s, "expected an exit status other than 0, got %d", status);
    if (str_find(buf_str(&out), why) < 0)
        return fail_with_output(s, "the config was refused for another reason");
    return true;
}

void process_fini(struct scenario *s)
{
    if (s->pid) {
        int status;
        (void)kill(s->pid, SIGKILL);
        while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
            ;
        s->pid = 0;
    }
    if (s->reserved_fd >= 0)
        close(s->reserved_fd);
}

/* --- its commands ------------------------------------------------------------------------------------------------- */

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list && strcmp(word, *list) != 0)
        list++;
    return *list != NULL;
}

static void cli_arguments(struct scenario *s, struct words *w, char **argv)
{
    static const char *const alone[] = {"engine", "bench", "logits", "tokenize", "help", NULL}, *const no_data[] = {"rehearse", "config", "healthcheck", NULL};
    int n = 1;
    struct str word;
    argv[0] = (char *)(uintptr_t)s->binary;
    while ((word = words_next(w)).ptr && n < ARGS_MAX - 5)
        argv[n++] = text_c(s, word);
    if (n == 1 || is_one_of(argv[1], alone))
        return;
    argv[n++] = (char *)(uintptr_t) "--config";
    argv[n++] = arena_format(&s->arena, "%s/hearth.yaml", s->folder);
    if (!is_one_of(argv[1], no_data)) {
        argv[n++] = (char *)(uintptr_t) "--data";
        argv[n] = arena_format(&s->arena, "%s/data", s->folder);
    }
}

static bool cli_result(struct scenario *s, char **argv, pid_t pid, struct buf *out, int *status)
{
    char *path = arena_format(&s->arena, "%s/cli.log", s->folder);
    if (!wait_end(s, pid, CLI_MS, status)) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, status, 0);
        return scenario_fail(s, "`%s` does not end", argv[1]);
    }
    *status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
    buf_clear(out);
    struct err e = {0};
    return buf_read_file(out, path, &e) == 0 || scenario_fail(s, "%s", e.text);
}

bool process_cli(struct scenario *s, struct words *w, struct buf *out, int *status)
{
    char *argv[ARGS_MAX] = {0};
    pid_t pid;
    cli_arguments(s, w, argv);
    return reserve_port(s) && write_config(s) && spawn(s, argv, "cli.log", O_TRUNC, &pid) && cli_result(s, argv, pid, out, status);
}

/* `cli-left pipe|int|int-ignored WORDS…`: when the first byte is printed, its reader goes away, or it gets SIGINT; the last
 * was started like a shell's background job, which ignores that signal until it says otherwise. */
bool process_cli_left(struct scenario *s, struct words *w, struct buf *out, int *status)
{
    char *argv[ARGS_MAX] = {0}, first;
    int ends[2];
    pid_t pid;
    struct str how = words_next(w);
    s->int_ignored = str_eq(how, STR("int-ignored"));
    bool by_signal = s->int_ignored || str_eq(how, STR("int"));
    cli_arguments(s, w, argv);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return scenario_fail(s, "no pipe");
    bool ok = reserve_port(s) && write_config(s) && spawn_to(s, argv, "cli.log", O_TRUNC, ends[1], &pid);
    s->int_ignored = false;
    close(ends[1]);
    struct pollfd printed = {.fd = ends[0], .events = POLLIN};
    if (ok && (poll(&printed, 1, CLI_MS) != 1 || read(ends[0], &first, 1) != 1))
        (void)scenario_fail(s, "it printed nothing");
    if (ok && by_signal)
        (void)kill(pid, SIGINT);
    else
        close(ends[0]);
    ok = ok && cli_result(s, argv, pid, out, status) && s->problem.len == 0;
    if (by_signal)
        close(ends[0]);
    return ok;
}
