/* run.c: the scenario runner.
 *
 *   run [-j N] [--keep] BINARY FILE.t...
 *
 * Each file runs in a process of its own with a fresh folder, N at a time. Prints `ok NAME (ms)` or
 * `FAIL NAME: line N: why` per file, and `N passed, N failed` at the end. --keep leaves the folders. */
#include "base/mem.h"
#include "scenario.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS_MAX = 16, GRACE_MS = 10000 };

struct options {
    const char *binary;
    int workers;
    bool keep;
};
struct worker {
    pid_t pid; /* 0: free */
    const char *path;
    int64_t until_ms;
};

/* failover_reset.t -> failover_reset */
static struct str name_of(const char *path)
{
    struct str s = str_from(path);
    for (size_t i = s.len; i > 0; i--)
        if (s.ptr[i - 1] == '/') {
            s = str_skip(s, i);
            break;
        }
    return str_ends(s, STR(".t")) ? str_slice(s, 0, s.len - 2) : s;
}

/* One run of a file, for the row of its `each` if it has one; *rows is how many there are. */
static bool run_row(const struct options *opt, const char *path, int row, int *rows)
{
    struct scenario *s = new0(struct scenario);
    const char *tmp = getenv("TMPDIR");
    if (!s)
        return false;
    s->binary = opt->binary;
    s->path = path;
    s->row = row;
    s->arena = ARENA_INIT(1024 * MiB);
    s->reserved_fd = -1;
    s->problem = BUF_INIT(64 * KiB);
    s->config = s->upstreams = s->env = s->cli = s->storm_ids = s->cut_ids = BUF_INIT(64 * MiB);
    (void)text_format(s->folder, sizeof s->folder, "%s/hearth-scenario-XXXXXX",
                      tmp && strlen(tmp) < 200 ? tmp : "/tmp");
    if (!mkdtemp(s->folder))
        return false;
    bool ok = scenario_run(s);
    if (!ok)
        printf("FAIL %.*s: line %d: %.*s%s%.*s\n", STR_FMT(name_of(path)), s->line, STR_FMT(buf_str(&s->problem)),
               s->row_text.len ? "; row: " : "", STR_FMT(str_slice(s->row_text, 0, 200)));
    if (opt->keep)
        printf("kept %s\n", s->folder);
    else
        folder_remove(s->folder);
    *rows = s->row_count;
    buf_fini(&s->problem);
    buf_fini(&s->config);
    buf_fini(&s->upstreams);
    buf_fini(&s->env);
    buf_fini(&s->cli);
    buf_fini(&s->storm_ids);
    buf_fini(&s->cut_ids);
    arena_fini(&s->arena);
    mem_free(s);
    return ok;
}

/* In a process of its own. */
static int run_one(const struct options *opt, const char *path)
{
    int64_t started = now_ms();
    int rows = 0;
    bool ok = true;
    for (int row = 0; row == 0 || row < rows; row++)
        ok = run_row(opt, path, row, &rows) && ok;
    if (ok)
        printf("ok %.*s (%lld ms)\n", STR_FMT(name_of(path)), (long long)(now_ms() - started));
    (void)fflush(stdout); /* the exit that follows would not tell either */
    return ok ? 0 : 1;
}

static void start_worker(struct worker *w, const struct options *opt, const char *path)
{
    (void)fflush(stdout); /* what is buffered must not be printed twice */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        (void)signal(SIGPIPE, SIG_IGN); /* TLS writes without MSG_NOSIGNAL; the binary gets the default back */
        exit(run_one(opt, path));
    }
    *w = (struct worker){.pid = pid, .path = path, .until_ms = now_ms() + SCENARIO_LIMIT_MS + GRACE_MS};
}

/* Reaps the worker if it has ended or must end; 1 passed, 0 failed, -1 still at it. */
static int look_after(struct worker *w)
{
    int status;
    if (w->pid < 0) { /* fork failed */
        printf("FAIL %.*s: cannot fork\n", STR_FMT(name_of(w->path)));
        w->pid = 0;
        return 0;
    }
    pid_t got = waitpid(w->pid, &status, WNOHANG);
    if (got != w->pid && now_ms() < w->until_ms)
        return -1;
    if (got != w->pid) {
        (void)kill(w->pid, SIGKILL); /* what it started dies with it */
        (void)waitpid(w->pid, &status, 0);
        printf("FAIL %.*s: it hangs\n", STR_FMT(name_of(w->path)));
    } else if (WIFSIGNALED(status)) {
        printf("FAIL %.*s: the runner died of signal %d\n", STR_FMT(name_of(w->path)), WTERMSIG(status));
    }
    w->pid = 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int run_all(const struct options *opt, char **path, int count)
{
    struct worker worker[WORKERS_MAX] = {0};
    int passed = 0, failed = 0, next = 0;
    while (passed + failed < count) {
        for (int i = 0; i < opt->workers; i++) {
            if (worker[i].pid == 0 && next < count)
                start_worker(&worker[i], opt, path[next++]);
            int verdict = worker[i].pid ? look_after(&worker[i]) : -1;
            passed += verdict == 1;
            failed += verdict == 0;
        }
        (void)poll(NULL, 0, POLL_MS);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || passed == 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct options opt = {.workers = 1};
    int i = 1;
    uint64_t n;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (str_eq(str_from(argv[i]), STR("--keep"))) {
            opt.keep = true;
        } else if (str_eq(str_from(argv[i]), STR("-j")) && i + 1 < argc && str_to_u64(str_from(argv[i + 1]), &n) &&
                   n >= 1 && n <= WORKERS_MAX) {
            opt.workers = (int)n;
            i++;
        } else {
            break;
        }
    }
    if (argc - i < 2) {
        (void)fputs("usage: run [-j N] [--keep] BINARY FILE.t...\n", stderr);
        return 2;
    }
    opt.binary = realpath(argv[i], NULL);
    if (!opt.binary) {
        (void)fprintf(stderr, "run: %s: %s\n", argv[i], strerror(errno));
        return 2;
    }
    int status = run_all(&opt, argv + i + 1, argc - i - 1);
    mem_free((void *)(uintptr_t)opt.binary);
    return status;
}
