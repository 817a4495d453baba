/* upstream.c: the model server that the benches measure against: cheap, always the same, one thread.
 *
 *   bench_upstream [--chunks N] [--every MS] [--bytes N] [--reply N] [--after MS] [--dialect anthropic]
 *
 * Answers a POST with N bytes of JSON, at once or MS later, or, when its body says "stream":true, with N events of B bytes of text MS
 * apart (0: for ever), the streams spread evenly over the interval. In Anthropic's dialect the texts are as long as they would be
 * in OpenAI's, for which the sizes are meant. Prints "listening 127.0.0.1:PORT". It belongs to the
 * benches and uses nothing of Hearth; what it costs is outside of every figure. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    KEPT_BYTES = 2048, /* of a request: its head, and the start of its body, where "stream" stands */
    READ_BYTES = 256 * 1024,
    EVENTS = 256,
    SLOTS = 1000, /* of the timing wheel: an interval is this many steps */
    EVENT_BYTES_MAX = 64 * 1024,
    AFTER_MS_MAX = 60 * 1000,
};

struct connection {
    int fd;
    bool streaming, wants_usage;
    char *kept; /* the start of the request */
    size_t kept_len, body_left;
    bool in_body;
    long sent_events;
    int64_t due_us;                /* when its reply is */
    struct connection *next, **at; /* in its slot of the wheel, or among those that wait for their reply */
};

static struct {
    long chunks;
    int every_ms, bytes, reply, after_ms;
    bool anthropic;
} want = {.chunks = 0, .every_ms = 20, .bytes = 32, .reply = 1024};

static struct connection *wheel[SLOTS];
static int epoll, next_slot, current_slot;
static long listed_count; /* connections in the wheel and in the line */
static struct connection *line, **line_end = &line; /* whose replies are due, the first one first */
static char *read_buffer, *reply, *event, *stream_start;
static size_t reply_len, event_len, stream_start_len;

static void die(const char *what)
{
    fprintf(stderr, "bench_upstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *get(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        die("memory");
    return p;
}

/* ---- what is answered ---- */

static void fill(char *to, int bytes)
{
    static const char words[] = "The kettle sings while the router counts its coins. ";
    for (int i = 0; i < bytes; i++)
        to[i] = words[i % (int)(sizeof words - 1)];
}

/* A JSON text in two halves, with a text of ours between them. */
struct form {
    const char *before, *after;
};
static const struct form openai_reply = {
    "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"m\",\"choices\":"
    "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
    "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":190,"
    "\"total_tokens\":390}}"};
static const struct form anthropic_reply = {
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[{\"type\":\"text\",\"text\":\"",
    "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":200,\"output_tokens\":190}}"};
static const struct form openai_event = {
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"",
    "\"},\"finish_reason\":null}]}\n\n"};
static const struct form anthropic_event = {
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"",
    "\"}}\n\n"};
/* What stands before the first event, in its chunk of HTTP. */
static const char anthropic_start[] =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
    "\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":200,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
    "\n\n";

static size_t form_len(const struct form *f)
{
    return strlen(f->before) + strlen(f->after);
}

static int text_len(const struct form *f, int bytes)
{
    return bytes > (int)form_len(f) ? bytes - (int)form_len(f) : 1;
}

static size_t form_fill(char *to, const struct form *f, int text)
{
    int at = sprintf(to, "%s", f->before);
    fill(to + at, text);
    return (size_t)(at + text) + (size_t)sprintf(to + at + text, "%s", f->after);
}

static void make_reply(void)
{
    const struct form *f = want.anthropic ? &anthropic_reply : &openai_reply;
    int text = text_len(&openai_reply, want.reply), bytes = (int)form_len(f) + text;
    reply = get((size_t)bytes + 256);
    int at = sprintf(reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", bytes);
    reply_len = (size_t)at + form_fill(reply + at, f, text);
}

/* One event in its chunk of HTTP. */
static void make_event(void)
{
    const struct form *f = want.anthropic ? &anthropic_event : &openai_event;
    int text = text_len(&openai_event, want.bytes), bytes = (int)form_len(f) + text;
    event = get((size_t)bytes + 64);
    int at = sprintf(event, "%x\r\n", bytes);
    at += (int)form_fill(event + at, f, text);
    event_len = (size_t)(at + sprintf(event + at, "\r\n"));
}

/* The head of a stream, and what comes before its events. */
static void make_stream_start(void)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    stream_start = get(sizeof head + sizeof anthropic_start + 64);
    int at = sprintf(stream_start, "%s", head);
    if (want.anthropic)
        at += sprintf(stream_start + at, "%zx\r\n%s\r\n", strlen(anthropic_start), anthropic_start);
    stream_start_len = (size_t)at;
}

/* ---- connections ---- */

static void leave_list(struct connection *c)
{
    if (!c->at)
        return;
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    if (line_end == &c->next)
        line_end = c->at;
    c->at = NULL;
    listed_count--;
}

static void enter_wheel(struct connection *c, int slot)
{
    c->next = wheel[slot];
    if (c->next)
        c->next->at = &c->next;
    c->at = &wheel[slot];
    wheel[slot] = c;
    listed_count++;
}

static void enter_line(struct connection *c)
{
    c->due_us = now_us() + (int64_t)want.after_ms * 1000;
    c->next = NULL;
    c->at = line_end;
    *line_end = c;
    line_end = &c->next;
    listed_count++;
}

static void connection_close(struct connection *c)
{
    leave_list(c);
    close(c->fd);
    free(c->kept);
    free(c);
}

/* What does not fit into the socket is lost and the connection with it: nobody here reads that slowly. */
static bool put(struct connection *c, const char *p, size_t n)
{
    return send(c->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* Of OpenAI's dialect: nobody asks for a bounded stream in the other. */
static bool finish_stream(struct connection *c)
{
    static const char stop[] =
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\","
        "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    static const char usage[] =
        "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"m\","
        "\"choices\":[],\"usage\":{\"prompt_tokens\":200,\"completion_tokens\":190,\"total_tokens\":390}}\n\n";
    char end[1024];
    const char *counted = c->wants_usage ? usage : "";
    int n =
        sprintf(end, "%zx\r\n%s%sdata: [DONE]\n\n\r\n0\r\n\r\n", strlen(stop) + strlen(counted) + 14, stop, counted);
    c->streaming = false;
    leave_list(c);
    return put(c, end, (size_t)n);
}

static bool send_event(struct connection *c)
{
    if (want.chunks && c->sent_events++ >= want.chunks)
        return finish_stream(c);
    return put(c, event, event_len);
}

/* The request is whole. */
static bool answer(struct connection *c)
{
    bool stream = memmem(c->kept, c->kept_len, "\"stream\":true", 13) != NULL;
    c->wants_usage = memmem(c->kept, c->kept_len, "include_usage", 13) != NULL;
    c->kept_len = 0;
    c->in_body = false;
    if (!stream && want.after_ms) {
        enter_line(c);
        return true;
    }
    if (!stream)
        return put(c, reply, reply_len);
    c->streaming = true;
    c->sent_events = 0;
    enter_wheel(c, next_slot++ % SLOTS); /* one after the other, so that each slot has its share */
    next_slot %= SLOTS;
    return put(c, stream_start, stream_start_len);
}

/* Keeps the start of the request; returns false when its head is none of ours. */
static bool take(struct connection *c, const char *p, size_t n)
{
    size_t room = KEPT_BYTES - c->kept_len, kept = n < room ? n : room;
    size_t before = c->kept_len;
    memcpy(c->kept + before, p, kept);
    c->kept_len += kept;
    if (!c->in_body) {
        char *end = memmem(c->kept, c->kept_len, "\r\n\r\n", 4);
        if (!end)
            return kept == n; /* a head longer than what we keep */
        *end = '\0';
        char *length = strcasestr(c->kept, "\r\ncontent-length:");
        *end = '\r';
        if (!length)
            return false;
        c->in_body = true;
        c->body_left = strtoul(length + 17, NULL, 10);
        size_t head_left = (size_t)(end + 4 - c->kept) - before;
        n -= head_left;
    }
    if (n > c->body_left || c->at)
        return false; /* nobody pipelines to a model server */
    c->body_left -= n;
    return c->body_left > 0 || answer(c);
}

static void connection_read(struct connection *c)
{
    ssize_t n = recv(c->fd, read_buffer, READ_BYTES, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !take(c, read_buffer, (size_t)n))
        connection_close(c);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *c = get(sizeof *c);
        c->fd = fd;
        c->kept = get(KEPT_BYTES + 1);
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
            die("epoll_ctl");
    }
}

/* Turns the wheel to where the clock is and serves the slots passed. */
static void turn_wheel(int64_t started_us)
{
    static int64_t turned;
    int64_t due = (now_us() - started_us) * SLOTS / ((int64_t)want.every_ms * 1000);
    if (due - turned > SLOTS)
        turned = due - SLOTS; /* we were not running: no burst for what was missed */
    for (; turned < due; turned++) {
        struct connection *c = wheel[current_slot], *next;
        for (; c; c = next) {
            next = c->next;
            if (!send_event(c))
                connection_close(c);
        }
        current_slot = (current_slot + 1) % SLOTS;
    }
}

static void serve_line(void)
{
    for (int64_t now = now_us(); line && line->due_us <= now;) {
        struct connection *c = line;
        leave_list(c);
        if (!put(c, reply, reply_len))
            connection_close(c);
    }
}

static int listen_anywhere(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) < 0)
        die("listen");
    printf("listening 127.0.0.1:%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        long n = atol(argv[i + 1]);
        if (strcmp(argv[i], "--chunks") == 0)
            want.chunks = n;
        else if (strcmp(argv[i], "--every") == 0 && n > 0)
            want.every_ms = (int)n;
        else if (strcmp(argv[i], "--bytes") == 0 && n <= EVENT_BYTES_MAX)
            want.bytes = (int)n;
        else if (strcmp(argv[i], "--reply") == 0 && n <= EVENT_BYTES_MAX)
            want.reply = (int)n;
        else if (strcmp(argv[i], "--after") == 0 && n >= 0 && n <= AFTER_MS_MAX)
            want.after_ms = (int)n;
        else if (strcmp(argv[i], "--dialect") == 0)
            want.anthropic = strcmp(argv[i + 1], "anthropic") == 0;
        else
            return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    make_reply();
    make_event();
    make_stream_start();
    read_buffer = get(READ_BYTES);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_anywhere();
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &ev) < 0)
        die("epoll");
    for (int64_t started = now_us();;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, listed_count ? 1 : -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                connection_read(events[i].data.ptr);
            else
                accept_all(listener);
        }
        turn_wheel(started);
        serve_line();
    }
}
