/* scenario_engine.c: model files with made-up weights, and the engine process that the binary starts. */
#include "engine/synthetic.h"
#include "scenario.h"
#include <dirent.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ENGINE_MS = 10000 * SLOWER };

/* model FILE SHAPE QUANT SEED */
bool model_verb(struct scenario *s, struct words *w)
{
    struct str file = words_next(w), shape = words_next(w), quant = words_next(w);
    int64_t seed;
    struct err e = {0};
    if (!words_number(w, &seed))
        return scenario_fail(s, "model FILE SHAPE QUANT SEED");
    const char *path = arena_format(&s->arena, "%s/%.*s", s->folder, STR_FMT(file));
    return synthetic_write(path, shape, quant, (uint64_t)seed, &e) == 0 || scenario_fail(s, "%s", e.text);
}

/* The fields of /proc/PID/stat behind the name: state, parent. */
static bool is_child(struct scenario *s, const char *pid)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    struct str word = STR_NONE, rest;
    uint64_t parent;
    if (buf_read_file(&text, arena_format(&s->arena, "/proc/%s/stat", pid), NULL) < 0)
        return false;
    rest = buf_str(&text);
    ptrdiff_t end = -1;
    for (size_t i = 0; i < rest.len; i++)
        end = rest.ptr[i] == ')' ? (ptrdiff_t)i : end;
    rest = str_skip(rest, (size_t)end + 2);
    bool told = str_cut(&rest, ' ', &word) && !str_eq(word, STR("Z")) && str_cut(&rest, ' ', &word);
    return told && str_to_u64(word, &parent) && (pid_t)parent == s->pid;
}

/* How many children the binary has, and one of them. */
static int children(struct scenario *s, pid_t *pid)
{
    int count = 0;
    uint64_t n;
    DIR *d = opendir("/proc");
    for (struct dirent *entry; d && (entry = readdir(d));)
        if (str_to_u64(str_from(entry->d_name), &n) && is_child(s, entry->d_name)) {
            *pid = (pid_t)n;
            count++;
        }
    if (d)
        (void)closedir(d);
    return count;
}

/* What the engine says of itself on its own socket, which only its daemon uses otherwise; false when it says nothing. */
static bool ask_engine(struct scenario *s, struct buf *reply)
{
    static const char request[] = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char some[4096];
    ssize_t n = 0;
    (void)text_format(a.sun_path, sizeof a.sun_path, "%.80s/data/engine.sock", s->folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 5};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0 && write(fd, request, sizeof request - 1) == (ssize_t)sizeof request - 1)
        while ((n = read(fd, some, sizeof some)) > 0 && buf_append(reply, str_of(some, (size_t)n)) == 0)
            ;
    if (fd >= 0)
        (void)close(fd);
    return reply->len > 0;
}

/* engine running [N], engine waiting [N]: until a model of it computes so many calls, 1 if nothing is said, or has them in its line. */
static bool wait_until(struct scenario *s, struct words *w, const char *what)
{
    int64_t until_ms = now_ms() + ENGINE_MS, count = 1;
    if (words_peek(w).ptr && !words_number(w, &count))
        return false;
    const char *wanted = arena_format(&s->arena, "\"%s\":%lld", what, (long long)count);
    do {
        AUTO_BUF struct buf reply = BUF_INIT(64 * KiB);
        ptrdiff_t at = ask_engine(s, &reply) ? str_find(buf_str(&reply), str_from(wanted)) : -1;
        char next = at >= 0 ? str_skip(buf_str(&reply), (size_t)at + strlen(wanted)).ptr[0] : '0';
        if (next == ',' || next == '}')
            return true;
    } while (poll_again(s, until_ms));
    return scenario_fail(s, "the engine has not %lld calls %s", (long long)count, what);
}

/* engine kill | stop | TERM: to its process, of which there is one. */
bool engine_verb(struct scenario *s, struct words *w)
{
    static const struct {
        const char *word;
        int number;
    } known[] = {{"kill", SIGKILL}, {"stop", SIGSTOP}, {"TERM", SIGTERM}, {"INT", SIGINT}};
    struct str what = words_next(w);
    int64_t until_ms = now_ms() + ENGINE_MS;
    pid_t pid = 0;
    if (str_eq(what, STR("running")) || str_eq(what, STR("waiting")))
        return wait_until(s, w, str_eq(what, STR("running")) ? "running" : "waiting");
    while (s->pid && children(s, &pid) != 1)
        if (!poll_again(s, until_ms))
            return scenario_fail(s, "the binary has no engine process, or several");
    for (size_t i = 0; i < COUNT_OF(known) && pid; i++)
        if (str_eq(what, str_from(known[i].word))) {
            s->engine_pid = pid;
            return kill(pid, known[i].number) == 0 || scenario_fail(s, "the signal could not be sent");
        }
    return scenario_fail(s, "engine kill | stop | TERM | INT, while the binary runs");
}

static bool is_gone(struct scenario *s, pid_t pid)
{
    AUTO_BUF struct buf text = BUF_INIT(8 * KiB);
    bool there = buf_read_file(&text, arena_format(&s->arena, "/proc/%d/stat", (int)pid), NULL) == 0;
    return !there || str_find(buf_str(&text), STR(") Z ")) >= 0; /* nobody may have waited for it here */
}

/* expect engine processes N; engine same, engine other, engine gone: than the one that got a signal last. */
bool expect_engine(struct scenario *s, struct words *w)
{
    int64_t want;
    pid_t pid = 0;
    int count = children(s, &pid);
    if (words_take(w, "processes"))
        return (words_number(w, &want) && count == want) || scenario_fail(s, "the binary has %d engine processes", count);
    if (words_take(w, "gone"))
        return is_gone(s, s->engine_pid) || scenario_fail(s, "the engine process is still there");
    bool same = pid == s->engine_pid;
    if (count != 1 || (!words_take(w, same ? "same" : "other")))
        return scenario_fail(s, "%d engine processes; it is %s as before", count, same ? "the same" : "not the same");
    return true;
}
