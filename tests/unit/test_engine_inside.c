/* test_engine_inside.c: the engine process over its control socket, as the daemon has it: what becomes of calls while a model is being loaded. */
#include "base/json.h"
#include "cli_kit.h"
#include "engine/synthetic.h"
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { CONTROL = 3, LISTENER = 4 /* the numbers under which it has them */, PACKET = 64 * KiB };

struct inside {
    struct cli_world world;
    pid_t pid;
    int control;
    char socket[100];
};

static int model_file(const struct inside *p, const char *shape)
{
    char path[128];
    struct err e = {0};
    (void)text_format(path, sizeof path, "%s/%s", p->world.folder, shape);
    if (synthetic_write(path, str_from(shape), STR("Q8_0"), 1, &e) < 0)
        test_fail(__FILE__, __LINE__, "%s", e.text);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool say(const struct inside *p, const char *command, int file)
{
    char room[CMSG_SPACE(sizeof file)] = {0};
    struct iovec v = {(void *)(uintptr_t)command, strlen(command)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (file >= 0) {
        m.msg_control = room;
        m.msg_controllen = sizeof room;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof file);
        memcpy(CMSG_DATA(c), &file, sizeof file);
    }
    return sendmsg(p->control, &m, MSG_NOSIGNAL) == (ssize_t)v.iov_len;
}

static bool answered(const struct inside *p, int wait_ms)
{
    struct pollfd f = {.fd = p->control, .events = POLLIN};
    return poll(&f, 1, wait_ms) > 0;
}

static void expect_ok(const struct inside *p)
{
    char text[PACKET];
    ssize_t n = answered(p, CLI_WAIT_MS) ? recv(p->control, text, sizeof text, 0) : -1;
    if (n <= 0 || str_find(str_of(text, (size_t)n), STR("\"ok\":true")) < 0)
        test_fail(__FILE__, __LINE__, "the engine answers: %.*s", n > 0 ? (int)n : 7, n > 0 ? text : "nothing");
}

/* What the daemon gives it: two sockets, /dev/null, a log, and no environment but where a sanitizer reports. */
static void become_engine(int control, int listener)
{
    char *argv[] = {(char *)(uintptr_t)"hearth", (char *)(uintptr_t)"engine", (char *)(uintptr_t)"--by-daemon", (char *)(uintptr_t)"human:2", NULL};
    char *env[8] = {NULL};
    size_t kept = 0;
    for (char **at = environ; *at && kept + 1 < COUNT_OF(env); at++)
        if (strstr(*at, "SAN_OPTIONS="))
            env[kept++] = *at;
    const char *binary = cli_binary();
    int high = fcntl(control, F_DUPFD, 16), high_listener = fcntl(listener, F_DUPFD, 16);
    if (dup2(high, CONTROL) == CONTROL && dup2(high_listener, LISTENER) == LISTENER) {
        for (int fd = LISTENER + 1; fd < 256; fd++)
            (void)close(fd);
        (void)execve(binary, argv, env);
    }
    _exit(127);
}

static bool start(struct inside *p)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int pair[2], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (!cli_world_open(&p->world) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return false;
    (void)text_format(p->socket, sizeof p->socket, "%s/s", p->world.folder);
    (void)text_format(at.sun_path, sizeof at.sun_path, "%s", p->socket);
    bool listens = bind(listener, (struct sockaddr *)&at, sizeof at) == 0 && listen(listener, 16) == 0;
    p->pid = listens ? fork() : -1;
    if (p->pid == 0)
        become_engine(pair[1], listener);
    (void)close(pair[1]);
    (void)close(listener);
    p->control = pair[0];
    if (p->pid > 0)
        expect_ok(p); /* its first word */
    return p->pid > 0;
}

static void end(struct inside *p)
{
    int status = -1;
    (void)close(p->control); /* its life line */
    while (p->pid > 0 && waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    EXPECT_I64(status, 0);
    cli_world_close(&p->world);
}

/* One stream from its first byte to its last. */
static bool stream_whole(const struct inside *p)
{
    static const char body[] = "{\"model\":\"one\",\"messages\":[{\"role\":\"user\",\"content\":\"one two three\"}],\"max_tokens\":3,\"stream\":true}";
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = CLI_WAIT_MS / 1000};
    AUTO_BUF struct buf b = BUF_INIT(1 * MiB);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)text_format(to.sun_path, sizeof to.sun_path, "%s", p->socket);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)buf_append_format(&b, "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                            strlen(body), body);
    bool sent = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && send(fd, b.ptr, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
    buf_clear(&b);
    ssize_t n = sent ? 1 : 0;
    while (n > 0 && buf_reserve(&b, 4 * KiB) == 0) {
        n = recv(fd, b.ptr + b.len, 4 * KiB, 0);
        b.len += n > 0 ? (size_t)n : 0;
    }
    (void)close(fd);
    return n == 0 && str_find(buf_str(&b), STR("data: [DONE]")) >= 0;
}

/* Loads the model with the large vocabulary: how many streams of the other one were whole before the answer came. On the loop it is none,
 * whatever the machine does meanwhile: the command lies in its socket before the stream is asked for, and is answered before it goes on. */
static int streams_during_load(struct inside *p, int file, int id)
{
    char command[128];
    int whole = 0;
    (void)text_format(command, sizeof command, "{\"do\":\"load\",\"id\":%d,\"name\":\"slow\",\"path\":\"slow\",\"threads\":1}", id);
    EXPECT(say(p, command, file));
    while (stream_whole(p) && !answered(p, 0))
        whole++;
    expect_ok(p);
    EXPECT(say(p, "{\"do\":\"serve\",\"models\":[{\"id\":1,\"name\":\"one\"}]}", -1)); /* the new one goes */
    expect_ok(p);
    return whole;
}

/* A load takes as long as dozens of streams; several tries are for machines that stop us in the middle of one. */
TEST(while_a_model_is_loaded_streams_of_another_begin_and_end)
{
    enum { TRIES = 20 };
    struct inside p = {.pid = -1, .control = -1};
    REQUIRE(start(&p));
    int one = model_file(&p, "tiny-qwen2"), slow = model_file(&p, "tiny-vocabulary"), whole = 0;
    EXPECT(say(&p, "{\"do\":\"load\",\"id\":1,\"name\":\"one\",\"path\":\"one\",\"threads\":1}", one));
    expect_ok(&p);
    EXPECT(say(&p, "{\"do\":\"serve\",\"models\":[{\"id\":1,\"name\":\"one\"}]}", -1));
    expect_ok(&p);
    EXPECT(stream_whole(&p));
    for (int i = 0; i < TRIES && whole == 0; i++)
        whole = streams_during_load(&p, slow, 2 + i);
    EXPECT(whole > 0);
    (void)close(one);
    (void)close(slow);
    end(&p);
}
