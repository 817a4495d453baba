/* fetch.c: one HTTP request from the command line, on a loop of its own, until its answer is there. A person may give it up:
 * then the connection is closed at once, so that the server cancels the call and nobody pays for the rest. */
#include "base/mem.h"
#include "cli/cli_priv.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/sse.h"
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct errand {
    struct fetch_reply *out;
    struct loop *loop;
    struct http_fetch *fetch;
    struct loop_timer timer;
    struct sse_reader sse;
    struct loop_io signals, reader; /* of fetch_watch */
    bool events, over;
    int (*on_event)(struct str data, void *ctx);
    void *ctx;
};

static void copy_text(char *out, size_t out_bytes, struct str s)
{
    s = str_slice(s, 0, out_bytes - 1); /* for display; names longer than this do not exist */
    if (s.len)
        memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
}

static int on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx)
{
    (void)f;
    struct errand *job = ctx;
    struct fetch_reply *r = job->out;
    r->status = h->status;
    copy_text(r->call, sizeof r->call, http_fetch_header(h, "x-hearth-call"));
    copy_text(r->target, sizeof r->target, http_fetch_header(h, "x-hearth-target"));
    copy_text(r->attempts, sizeof r->attempts, http_fetch_header(h, "x-hearth-attempts"));
    copy_text(r->job, sizeof r->job, http_fetch_header(h, "x-hearth-job"));
    job->events = job->on_event && h->status == 200 && str_starts_fold(http_fetch_header(h, "content-type"), STR("text/event-stream"));
    return 0;
}

static int on_sse(const struct sse_event *ev, void *ctx)
{
    struct errand *job = ctx;
    return ev->data.ptr ? job->on_event(ev->data, job->ctx) : 0;
}

/* --- giving up ------------------------------------------------------------------------------------------------------- */

static int signals_fd = -1; /* of the whole process: signals are */

int cli_watch_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread starts, so that only the descriptor sees them */
    signals_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals_fd < 0 ? ERR_IO : 0;
}

static void give_up(struct errand *job, const char *why, int signal_number)
{
    if (job->over)
        return;
    http_fetch_cancel(job->fetch);
    copy_text(job->out->problem, sizeof job->out->problem, str_from(why));
    job->out->given_up = true;
    job->out->signal_number = signal_number;
    job->over = true;
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    struct errand *job = (struct errand *)(void *)((char *)io - offsetof(struct errand, signals));
    struct signalfd_siginfo info;
    (void)events;
    if (read(io->fd, &info, sizeof info) == sizeof info)
        give_up(job, "interrupted", (int)info.ssi_signo);
}

/* Nothing is asked of standard output: only its end is told. */
static void on_reader_gone(struct loop_io *io, uint32_t events)
{
    struct errand *job = (struct errand *)(void *)((char *)io - offsetof(struct errand, reader));
    (void)events;
    loop_io_del(job->loop, io);
    give_up(job, "nobody reads it any more", 0);
}

static int watch(struct errand *job)
{
    if (signals_fd < 0)
        return 0;
    (void)loop_io_add(job->loop, &job->reader, STDOUT_FILENO, 0, on_reader_gone); /* a file cannot be watched, and never ends */
    return loop_io_add(job->loop, &job->signals, signals_fd, EPOLLIN, on_signal);
}

/* --- the answer ------------------------------------------------------------------------------------------------------ */

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct errand *job = ctx;
    int rc = job->events ? sse_feed(&job->sse, bytes, on_sse, job) : buf_append(&job->out->body, bytes);
    if (rc == FETCH_GIVE_UP) {
        give_up(job, "nobody reads it any more", 0);
    } else if (rc < 0) {
        http_fetch_cancel(f);
        copy_text(job->out->problem, sizeof job->out->problem, STR("the answer is too large"));
        job->over = true;
    }
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    (void)f;
    struct errand *job = ctx;
    if (job->events)
        (void)sse_finish(&job->sse, on_sse, job);
    if (r->end != FETCH_OK)
        copy_text(job->out->problem, sizeof job->out->problem, str_from(r->detail[0] ? r->detail : fetch_end_text(r->end)));
    job->over = true;
}

static void on_timeout(struct loop_timer *t)
{
    struct errand *job = (struct errand *)(void *)((char *)t - offsetof(struct errand, timer));
    http_fetch_cancel(job->fetch);
    copy_text(job->out->problem, sizeof job->out->problem, STR("no answer in time"));
    job->over = true;
}

int cli_fetch(struct fetch_reply *out, struct str url, struct str unix_path, struct str body, const char *extra_name,
              const char *extra_value, int timeout_ms, int (*on_event)(struct str data, void *ctx), void *ctx)
{
    *out = (struct fetch_reply){.body = BUF_INIT(64 * MiB)};
    struct errand job = {.out = out, .on_event = on_event, .ctx = ctx, .signals = LOOP_IO_INIT, .reader = LOOP_IO_INIT};
    struct resolver *names = NULL;
    struct http_client *client = NULL;
    struct err e = {0};
    sse_reader_init(&job.sse, 8 * MiB);
    struct http_header h[] = {{STR("content-type"), STR("application/json")}, {str_from(extra_name), str_from(extra_value)}};
    struct http_fetch_options opt = {
        .url = url, .unix_path = unix_path, .method = body.ptr ? STR("POST") : STR("GET"), .header = h, .header_count = extra_name ? 2 : 1,
        .body = &body, .body_count = body.ptr ? 1 : 0, .connect_timeout_ms = timeout_ms < 5000 ? timeout_ms : 5000,
        .on_head = on_head, .on_body = on_body, .on_done = on_done, .ctx = &job,
    };
    int rc = loop_open(&job.loop, &(struct loop_options){.clock = clock_system()}, &e);
    if (rc == 0)
        rc = resolver_open(&names, &(struct resolver_options){.clock = clock_system()}, &e);
    if (rc == 0)
        rc = http_client_open(&client, &(struct http_client_options){.loop = job.loop, .resolver = names}, &e);
    if (rc == 0)
        rc = http_fetch_start(&job.fetch, client, &opt, &e);
    if (rc == 0)
        rc = loop_timer_set(job.loop, &job.timer, timeout_ms, on_timeout);
    if (rc == 0)
        rc = watch(&job);
    while (rc == 0 && !job.over)
        loop_turn(job.loop, -1);
    if (rc)
        copy_text(out->problem, sizeof out->problem, str_from(e.text));
    if (job.loop) {
        loop_timer_cancel(job.loop, &job.timer);
        loop_io_del(job.loop, &job.signals);
        loop_io_del(job.loop, &job.reader);
    }
    http_client_close(client);
    resolver_close(names);
    loop_close(job.loop);
    sse_reader_fini(&job.sse);
    return rc == 0 && !out->problem[0] ? 0 : ERR_IO;
}

void fetch_reply_fini(struct fetch_reply *r)
{
    buf_fini(&r->body);
}
