/* load.c: a load generator for one HTTP server on loopback: one thread, keep-alive connections, the same request each time.
 *
 *   bench_load closed PORT  --connections N --seconds S --body BYTES     as many calls as the server can take
 *   bench_load open PORT    --rate N --seconds S --body BYTES            N calls a second whatever happens; latency is
 *                                                                        counted from when a call was due, not sent
 *   bench_load flood PORT   --rate N --seconds S --connections N         the same, more than there is room for: 429 and 503
 *                                                                        with retry-after are counted as refusals, and the
 *                                                                        latencies are theirs
 *   bench_load streams PORT --connections N --seconds S --every MS       N endless streams, a chunk per MS each
 *
 * --dialect anthropic or ollama asks as their clients do; without it, OpenAI's. --pid PID adds what that process used meanwhile: CPU from its own clock (all threads, nanoseconds), anonymous memory.
 * Prints one JSON object. It belongs to the benches and uses nothing of Hearth, so that both sides are measured alike. */
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
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_MAX = 16 * 1024,
    READ_BYTES = 256 * 1024,
    EVENTS = 256,
    WARM_UP_US = 500 * 1000, /* of a closed loop: connections are made, caches filled */
    OPENINGS_AT_ONCE = 64,   /* streams that are being opened: fewer than any listen backlog */
    OPENING_QUIET_US_MAX = 20 * 1000000, /* of which not one was opened: it ends as broken; how long all take is told */
    STALL_INTERVALS = 3, /* a stream is stalled when nothing comes for this many of its intervals */
    OPEN_LOOP_CONNECTIONS = 64,
    FLOOD_CONNECTIONS = 512,
    LATE_US = 50 * 1000, /* what a refusal may take */
    QUIET_US_MAX = 5 * 1000000, /* a closed or open loop with no answer for this long ends as broken */
};

enum parse { IN_HEAD, IN_LENGTH, IN_CHUNK_SIZE, IN_CHUNK, IN_CHUNK_END, IN_TRAILER };

struct connection {
    int fd;
    bool busy, streaming, cut, stalled, refused;
    bool waits_to_write; /* whether epoll was told */
    enum parse state;
    size_t sent; /* of the request */
    size_t left; /* of the body, or of the chunk */
    char *head;  /* while in the head */
    size_t head_len;
    int matched;     /* how much of the dialect's mark was seen, across reads */
    int64_t due_us;  /* when the call was to leave */
    int64_t last_us; /* when the last chunk came */
};

/* How a dialect's client asks, and what stands once in each of its events. */
static const struct dialect {
    const char *name, *path, *more, *mark;
} dialects[] = {
    {"openai", "/v1/chat/completions", "", "data: "},
    {"anthropic", "/v1/messages", "\"max_tokens\":1000,", "data: "},
    {"ollama", "/api/chat", "", "\"done\":"},
};

static struct {
    const char *mode;
    const struct dialect *dialect;
    int port, connections, seconds, rate, every_ms, pid;
    size_t body;
} want = {.dialect = dialects, .connections = 32, .seconds = 3, .rate = 300, .every_ms = 1000, .body = 1024};

static struct connection *connections;
static int epoll, free_count, *free_list, established, opening;
static char *request, *read_buffer;
static size_t request_len;
static long all_answered, answered, refused, late, errors, chunks, cuts, stalls, latency_count, latency_max;
static uint32_t *latencies;
static bool measuring, flood;
static int64_t last_answer_us, opening_us;

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *get(size_t bytes)
{
    void *p = calloc(1, bytes);
    if (!p)
        die("memory");
    return p;
}

/* ---- what the server's process uses ---- */

static int64_t cpu_ns(void)
{
    clockid_t clock;
    struct timespec t;
    if (!want.pid || clock_getcpuclockid(want.pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static long anonymous_kib(void)
{
    char path[64], line[256];
    long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", want.pid);
    FILE *f = want.pid ? fopen(path, "r") : NULL;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return kib;
}

/* ---- the request: a chat call whose last message is as long as asked ---- */

static void make_request(void)
{
    bool stream = strcmp(want.mode, "streams") == 0;
    static const char before[] = "{\"model\":\"bench\",%s\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"";
    static const char after[] = "\"}]}";
    static const char words[] = "The kettle sings while the router counts its coins. ";
    char start[256], head[512];
    int start_len = snprintf(start, sizeof start, before, want.dialect->more, stream ? "true" : "false");
    size_t text = want.body > (size_t)start_len + sizeof after ? want.body - (size_t)start_len - (sizeof after - 1) : 1;
    size_t body = (size_t)start_len + text + sizeof after - 1;
    int head_len =
        snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                 "Authorization: Bearer EMPTY\r\nAccept: */*\r\nContent-Length: %zu\r\n\r\n",
                 want.dialect->path, want.port, body);
    request_len = (size_t)head_len + body;
    request = get(request_len + 1);
    char *at = request;
    memcpy(at, head, (size_t)head_len);
    at += head_len;
    memcpy(at, start, (size_t)start_len);
    at += start_len;
    for (size_t i = 0; i < text; i++)
        *at++ = words[i % (sizeof words - 1)];
    memcpy(at, after, sizeof after - 1);
}

/* ---- connections ---- */

static void connection_open(struct connection *c)
{
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)want.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        die("connect");
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
        die("epoll_ctl");
}

static void connection_watch(struct connection *c, bool writable)
{
    if (c->waits_to_write == writable)
        return;
    c->waits_to_write = writable;
    struct epoll_event ev = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &ev);
}

static void connection_write(struct connection *c)
{
    while (c->sent < request_len) {
        ssize_t n = send(c->fd, request + c->sent, request_len - c->sent, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN || errno == ENOTCONN)
                connection_watch(c, true);
            return; /* other errors are seen when reading */
        }
        c->sent += (size_t)n;
    }
    connection_watch(c, false);
}

static void call_start(struct connection *c, int64_t due_us)
{
    c->busy = true;
    c->refused = false;
    c->state = IN_HEAD;
    c->sent = c->head_len = 0;
    c->due_us = due_us;
    if (!c->head)
        c->head = get(HEAD_MAX);
    connection_write(c);
}

static void connection_drop(struct connection *c)
{
    bool was_busy = c->busy;
    close(c->fd);
    c->fd = -1;
    c->busy = c->waits_to_write = false;
    if (strcmp(want.mode, "streams") == 0) {
        c->cut = true;
        cuts++;
        opening -= !c->streaming;
        return;
    }
    connection_open(c);
    if (was_busy) { /* an idle one is on the list already, and losing it is no error */
        errors++;
        free_list[free_count++] = (int)(c - connections);
    }
}

static void call_done(struct connection *c)
{
    int64_t now = now_us();
    c->busy = false;
    last_answer_us = now;
    if (c->streaming) { /* an endless stream has no end */
        connection_drop(c);
        return;
    }
    all_answered += !c->refused;
    if (measuring) {
        answered += !c->refused;
        refused += c->refused;
        late += c->refused && now - c->due_us > LATE_US;
        if (c->refused == flood && latency_count < latency_max)
            latencies[latency_count++] = (uint32_t)(now - c->due_us);
    }
    if (strcmp(want.mode, "closed") == 0)
        call_start(c, now);
    else
        free_list[free_count++] = (int)(c - connections);
}

/* ---- reading answers ---- */

static void count_events(struct connection *c, const char *p, size_t n)
{
    const char *mark = want.dialect->mark;
    const int mark_len = (int)strlen(mark);
    for (const char *end = p + n; p < end;) {
        if (c->matched == 0) {
            p = memchr(p, mark[0], (size_t)(end - p));
            if (!p)
                return;
        }
        c->matched = *p == mark[c->matched] ? c->matched + 1 : (*p == mark[0]);
        p++;
        if (c->matched < mark_len)
            continue;
        c->matched = 0;
        int64_t now = now_us();
        if (measuring) {
            chunks++;
            if (!c->stalled && now - c->last_us > (int64_t)STALL_INTERVALS * want.every_ms * 1000) {
                c->stalled = true;
                stalls++;
            }
        }
        c->last_us = now;
    }
}

static bool is_refusal(const char *head)
{
    bool status = strncmp(head, "HTTP/1.1 429", 12) == 0 || strncmp(head, "HTTP/1.1 503", 12) == 0;
    return status && strcasestr(head, "\r\nretry-after:") && strcasestr(head, "\r\ncontent-length:");
}

/* The head is whole: what follows, or false when this is no good answer. */
static bool head_read(struct connection *c)
{
    c->head[c->head_len] = '\0';
    c->refused = flood && is_refusal(c->head);
    if (!c->refused && strncmp(c->head, "HTTP/1.1 200", 12) != 0) {
        static bool told; /* one is enough */
        if (!told)
            fprintf(stderr, "bench_load: not a 200:\n%s\n", c->head);
        told = true;
        return false;
    }
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->streaming = strcmp(want.mode, "streams") == 0;
    c->left = length ? strtoul(length + 17, NULL, 10) : 0;
    c->state = length ? IN_LENGTH : IN_CHUNK_SIZE;
    if (c->streaming) {
        established++;
        opening--;
        c->last_us = now_us();
        free(c->head); /* ten thousand of them would be as much as what is measured */
        c->head = NULL;
    }
    return length || strcasestr(c->head ? c->head : "", "\r\ntransfer-encoding: chunked") || c->streaming;
}

/* Takes bytes of the head; returns how many belonged to it, or -1. */
static ssize_t take_head(struct connection *c, const char *p, size_t n)
{
    size_t before = c->head_len, room = HEAD_MAX - 1 - before, taken = n < room ? n : room;
    memcpy(c->head + before, p, taken);
    c->head_len += taken;
    char *end = memmem(c->head, c->head_len, "\r\n\r\n", 4);
    if (!end)
        return taken < n ? -1 : (ssize_t)taken;
    size_t head_bytes = (size_t)(end - c->head) + 4;
    c->head_len = head_bytes;
    return head_read(c) ? (ssize_t)(head_bytes - before) : -1;
}

/* Goes through one read's bytes. Returns false when the answer is broken. */
static bool take(struct connection *c, const char *p, size_t n)
{
    while (n > 0 && c->busy) {
        size_t used = 1;
        switch (c->state) {
        case IN_HEAD: {
            ssize_t taken = take_head(c, p, n);
            if (taken < 0)
                return false;
            used = (size_t)taken;
            break;
        }
        case IN_LENGTH:
        case IN_CHUNK:
            used = n < c->left ? n : c->left;
            if (c->streaming)
                count_events(c, p, used);
            c->left -= used;
            if (c->left == 0 && c->state == IN_CHUNK)
                c->state = IN_CHUNK_END;
            else if (c->left == 0)
                call_done(c);
            break;
        case IN_CHUNK_SIZE:
            if (*p == '\n') {
                c->state = c->left ? IN_CHUNK : IN_TRAILER;
            } else if (*p != '\r') {
                int digit = *p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10;
                c->left = c->left * 16 + (size_t)digit;
            }
            break;
        case IN_CHUNK_END: /* its CR LF */
            if (*p == '\n')
                c->state = IN_CHUNK_SIZE;
            break;
        case IN_TRAILER: /* none is expected: its CR LF is the end */
            if (*p == '\n')
                call_done(c);
            break;
        }
        p += used;
        n -= used;
    }
    return true;
}

static void connection_read(struct connection *c)
{
    ssize_t n = recv(c->fd, read_buffer, READ_BYTES, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !take(c, read_buffer, (size_t)n))
        connection_drop(c);
}

static void serve_events(int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll, events, EVENTS, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (!c) /* the open loop's timer */
            continue;
        if (events[i].events & EPOLLOUT)
            connection_write(c);
        if (c->fd >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            connection_read(c);
    }
}

/* ---- the three loops ---- */

static void check_alive(int64_t now)
{
    if (now - last_answer_us > QUIET_US_MAX) {
        fprintf(stderr, "bench_load: no answer for %d s\n", QUIET_US_MAX / 1000000);
        exit(1);
    }
}

static void run_closed(int64_t *started_us, int64_t *cpu)
{
    int64_t begin = last_answer_us = now_us();
    for (int i = 0; i < want.connections; i++) {
        connection_open(&connections[i]);
        call_start(&connections[i], begin);
    }
    for (int64_t now = begin, end = INT64_MAX; now < end; now = now_us()) {
        serve_events(100);
        check_alive(now);
        while (free_count) /* after an error */
            call_start(&connections[free_list[--free_count]], now);
        if (!measuring && now - begin > WARM_UP_US) {
            measuring = true;
            *started_us = now;
            *cpu = cpu_ns();
            end = now + (int64_t)want.seconds * 1000000;
        }
    }
}

static void run_open(int64_t *started_us, int64_t *cpu)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    if (timer < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &ev) < 0)
        die("timerfd");
    for (int i = 0; i < want.connections; i++) {
        connection_open(&connections[i]);
        free_list[free_count++] = i;
    }
    long warm = flood ? 0 : want.rate, total = warm + (long)want.rate * want.seconds; /* the first second warms up */
    int64_t begin = last_answer_us = now_us();
    for (long next = 0; next < total;) {
        int64_t due = begin + next * 1000000 / want.rate, now = now_us();
        check_alive(now);
        if (due <= now && free_count) {
            if (next++ == warm) {
                measuring = true;
                *started_us = now;
                *cpu = cpu_ns();
            }
            call_start(&connections[free_list[--free_count]], due);
            continue;
        }
        struct itimerspec at = {.it_value = {.tv_sec = due / 1000000, .tv_nsec = due % 1000000 * 1000}};
        if (due > now)
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
        serve_events(100);
        uint64_t ticks;
        (void)!read(timer, &ticks, sizeof ticks); /* only to quieten it */
    }
    while (free_count < want.connections) { /* the last answers count too */
        serve_events(100);
        check_alive(now_us());
    }
}

static void run_streams(int64_t *started_us, int64_t *cpu)
{
    int opened = 0, seen = 0;
    int64_t begin = now_us(), progress_us = begin;
    while (established + cuts < want.connections) {
        while (opened < want.connections && opening < OPENINGS_AT_ONCE) {
            connection_open(&connections[opened]);
            call_start(&connections[opened++], 0);
            opening++;
        }
        serve_events(100);
        if (established + cuts != seen) {
            seen = (int)(established + cuts);
            progress_us = now_us();
        } else if (now_us() - progress_us > OPENING_QUIET_US_MAX) {
            fprintf(stderr, "bench_load: of %d streams %d were opened in %lld s, and none in the last %d s\n", want.connections,
                    established, (long long)(now_us() - begin) / 1000000, OPENING_QUIET_US_MAX / 1000000);
            exit(1);
        }
    }
    opening_us = now_us() - begin;
    /* One interval more, so that each has had its first chunk. */
    for (int64_t from = now_us(), now = from, end = INT64_MAX; now < end; now = now_us()) {
        serve_events(100);
        if (!measuring && now - from > (int64_t)want.every_ms * 1000) {
            for (int i = 0; i < want.connections; i++)
                connections[i].last_us = now;
            measuring = true;
            *started_us = now;
            *cpu = cpu_ns();
            end = now + (int64_t)want.seconds * 1000000;
        }
    }
    int64_t now = now_us();
    for (int i = 0; i < want.connections; i++)
        if (!connections[i].cut && !connections[i].stalled &&
            now - connections[i].last_us > (int64_t)STALL_INTERVALS * want.every_ms * 1000)
            stalls++;
}

/* ---- */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static long percentile(int per_mille)
{
    return latency_count ? latencies[(latency_count - 1) * per_mille / 1000] : 0;
}

static void read_options(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr,
                "usage: bench_load closed|open|flood|streams PORT [--connections N] [--seconds S] [--rate N] [--every MS]\n"
                "                  [--body BYTES] [--dialect NAME] [--pid PID]\n");
        exit(2);
    }
    want.mode = argv[1];
    want.port = atoi(argv[2]);
    flood = strcmp(want.mode, "flood") == 0;
    if (flood || strcmp(want.mode, "open") == 0)
        want.connections = flood ? FLOOD_CONNECTIONS : OPEN_LOOP_CONNECTIONS;
    for (int i = 3; i + 1 < argc; i += 2) {
        struct {
            const char *name;
            int *to;
        } options[] = {{"--connections", &want.connections},
                       {"--seconds", &want.seconds},
                       {"--rate", &want.rate},
                       {"--every", &want.every_ms},
                       {"--pid", &want.pid}};
        for (size_t o = 0; o < sizeof options / sizeof *options; o++)
            if (strcmp(argv[i], options[o].name) == 0)
                *options[o].to = atoi(argv[i + 1]);
        for (size_t d = 0; d < sizeof dialects / sizeof *dialects; d++)
            if (strcmp(argv[i], "--dialect") == 0 && strcmp(argv[i + 1], dialects[d].name) == 0)
                want.dialect = &dialects[d];
        if (strcmp(argv[i], "--body") == 0)
            want.body = strtoul(argv[i + 1], NULL, 10);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files); /* too few shows when a socket is asked for */
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        die("epoll");
    connections = get((size_t)want.connections * sizeof *connections);
    free_list = get((size_t)want.connections * sizeof *free_list);
    read_buffer = get(READ_BYTES);
    latency_max = 4 * 1000 * 1000;
    latencies = get((size_t)latency_max * sizeof *latencies);
    make_request();

    int64_t started_us = 0, cpu_before = 0;
    if (strcmp(want.mode, "closed") == 0)
        run_closed(&started_us, &cpu_before);
    else if (flood || strcmp(want.mode, "open") == 0)
        run_open(&started_us, &cpu_before);
    else
        run_streams(&started_us, &cpu_before);
    int64_t used_ns = cpu_ns() - cpu_before, took_us = now_us() - started_us;
    qsort(latencies, (size_t)latency_count, sizeof *latencies, by_value);
    printf("{\"answered\":%ld,\"with_warm_up\":%ld,\"errors\":%ld,\"seconds\":%.3f,\"cpu_ns\":%lld,\"anonymous_kib\":%ld,\"p50_us\":%ld,"
           "\"p99_us\":%ld,\"max_us\":%ld,\"refused\":%ld,\"late\":%ld,\"streams\":%d,\"opening_seconds\":%.1f,\"chunks\":%ld,\"stalled\":%ld,\"cut\":%ld}\n",
           answered, all_answered, errors, (double)took_us / 1e6, (long long)used_ns, anonymous_kib(), percentile(500),
           percentile(990), percentile(1000), refused, late, established, (double)opening_us / 1e6, chunks, stalls, cuts);
    return 0;
}
