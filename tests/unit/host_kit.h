/* host_kit.h: a host with a tiny made-up model, and calls whose events are kept for looking at. (test_host*.c) */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "engine/host.h"
#include "engine/synthetic.h"
#include "test.h"
#include <pthread.h>
#include <time.h>
#include <unistd.h>

enum { HOST_WAIT_MS = 60000 };

struct said { /* everything one call said */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf text, reasoning, names, arguments, pieces, failed;
    size_t tokens, calls, call_ends, broken, vectors, workings, events;
    float vector[512];
    size_t vector_count;
    double logprob_sum;
    bool order_wrong; /* something after the end, arguments outside of a call */
    int ended;
    enum host_finish finish;
    struct sched_counts counts;
    size_t cancel_at; /* cancel after so many events; 0: never */
    struct host_call *call;
};

static inline void said_init(struct said *s)
{
    *s = (struct said){0};
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    s->text = s->reasoning = s->names = s->arguments = s->pieces = s->failed = BUF_INIT(4 * MiB);
}

static inline void said_fini(struct said *s)
{
    buf_fini(&s->text);
    buf_fini(&s->reasoning);
    buf_fini(&s->names);
    buf_fini(&s->arguments);
    buf_fini(&s->pieces);
    buf_fini(&s->failed);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->changed);
}

static inline void said_event(void *ctx, const struct host_event *ev)
{
    struct said *s = ctx;
    (void)pthread_mutex_lock(&s->lock);
    s->order_wrong = s->order_wrong || s->ended;
    switch (ev->said) {
    case HOST_SAID_WORKING:
        s->workings++;
        break;
    case HOST_SAID_TEXT:
        (void)buf_append(&s->text, ev->text);
        break;
    case HOST_SAID_REASONING:
        (void)buf_append(&s->reasoning, ev->text);
        break;
    case HOST_SAID_CALL:
        s->order_wrong = s->order_wrong || s->calls != s->call_ends || ev->call != s->calls;
        s->calls++;
        (void)buf_append(&s->names, ev->text);
        (void)buf_append_char(&s->names, ';');
        break;
    case HOST_SAID_ARGUMENTS:
        s->order_wrong = s->order_wrong || s->calls != s->call_ends + 1;
        (void)buf_append(&s->arguments, ev->text);
        break;
    case HOST_SAID_CALL_END:
        s->call_ends++;
        s->broken += ev->broken;
        (void)buf_append_char(&s->arguments, ';');
        break;
    case HOST_SAID_TOKEN:
        s->tokens++;
        s->logprob_sum += (double)ev->choice->logprob;
        (void)buf_append(&s->pieces, ev->text);
        break;
    case HOST_SAID_VECTOR:
        s->vectors++;
        s->vector_count = ev->vector_count;
        memcpy(s->vector, ev->vector, (ev->vector_count < 512 ? ev->vector_count : 512) * sizeof *s->vector);
        break;
    case HOST_ENDED:
        s->ended++;
        s->finish = ev->finish;
        s->counts = ev->counts;
        (void)buf_append(&s->failed, ev->text);
        break;
    }
    s->events++;
    if (s->call && s->cancel_at && s->events == s->cancel_at)
        host_cancel(s->call);
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

/* Until `events` were said or the call has ended. */
static inline void said_wait(struct said *s, size_t events)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HOST_WAIT_MS / 1000;
    (void)pthread_mutex_lock(&s->lock);
    int rc = 0;
    while (!s->ended && s->events < events && rc == 0)
        rc = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    (void)pthread_mutex_unlock(&s->lock);
    if (rc != 0)
        test_fail(__FILE__, __LINE__, "a call did not go on for %d s", HOST_WAIT_MS / 1000);
}

/* Puts `to` in the place of `from`, which is as long, in a file. */
static inline bool file_patch(const char *path, const char *from, const char *to)
{
    struct buf b = BUF_INIT(64 * MiB);
    struct err e = {0};
    bool done = buf_read_file(&b, path, &e) == 0 && strlen(from) == strlen(to);
    int64_t at = done ? str_find(buf_str(&b), str_from(from)) : -1;
    if (at >= 0)
        memcpy(b.ptr + at, to, strlen(to));
    FILE *f = at >= 0 ? fopen(path, "wb") : NULL;
    done = f && fwrite(b.ptr, 1, b.len, f) == b.len;
    if (f)
        done = fclose(f) == 0 && done;
    buf_fini(&b);
    return done;
}

/* The file is gone when this returns: the host has it mapped. With `from`, a text in it is replaced by one as long first. */
static inline struct host *host_of_patched(const char *shape, const struct host_options *opt, const char *from, const char *to)
{
    char path[64];
    struct gguf *g = NULL;
    struct host *h = NULL;
    struct err e = {0};
    (void)text_format(path, sizeof path, "/tmp/hearth-host-%d.gguf", (int)getpid());
    int rc = synthetic_write(path, str_from(shape), STR("Q8_0"), 3, &e);
    if (rc == 0 && from && !file_patch(path, from, to))
        rc = err_set(&e, ERR_NOT_FOUND, "the file does not have the text to be replaced");
    if (rc == 0)
        rc = gguf_open(&g, path, &e);
    if (rc == 0)
        rc = host_open(&h, g, opt, clock_system(), &e);
    (void)unlink(path);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "%s: %s", shape, e.text);
    return rc < 0 ? NULL : h;
}

static inline struct host *host_of(const char *shape, const struct host_options *opt)
{
    return host_of_patched(shape, opt, NULL, NULL);
}

static inline int call_begin(struct host *h, const struct host_request *r, struct said *s, struct err *e)
{
    struct host_sink sink = {said_event, s};
    (void)pthread_mutex_lock(&s->lock); /* so that `call` is there before the first event is counted */
    int rc = host_begin(h, r, &sink, NULL, &s->call, e);
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

/* From begin to end. */
static inline int call_run(struct host *h, const struct host_request *r, struct said *s, struct err *e)
{
    int rc = call_begin(h, r, s, e);
    if (rc < 0)
        return rc;
    said_wait(s, SIZE_MAX);
    host_release(s->call);
    s->call = NULL;
    return 0;
}
