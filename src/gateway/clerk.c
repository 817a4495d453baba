/* clerk.c: see clerk.h. One lock guards the queue; nothing is done under it but linking. */
#include "gateway/clerk.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include <poll.h>
#include <pthread.h>

enum { JOBS_MAX = 32, RETRY_MS = 100 };

struct clerk {
    struct clerk_options opt;
    pthread_t thread;
    bool running; /* the thread was started and not joined; under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct clerk_job *first, **last; /* under the lock */
    int count;
    bool stop;
};

static struct timespec in_ms(int ms)
{
    int64_t at_us = clock_mono_us(clock_system()) + ms * (int64_t)1000;
    return (struct timespec){.tv_sec = at_us / 1000000, .tv_nsec = at_us % 1000000 * 1000};
}

static void append(struct clerk *c, struct clerk_job *job)
{
    job->next = NULL;
    *c->last = job;
    c->last = &job->next;
    c->count++;
}

/* The next job, or NULL when it is time for something else. Waits at most so long (-1: until something happens). */
static struct clerk_job *next_job(struct clerk *c, int wait_ms, bool *stop)
{
    struct timespec until = in_ms(wait_ms < 0 ? 0 : wait_ms);
    (void)pthread_mutex_lock(&c->lock);
    int rc = 0;
    while (!c->stop && !c->first && rc == 0)
        rc = wait_ms < 0 ? pthread_cond_wait(&c->wake, &c->lock) : pthread_cond_timedwait(&c->wake, &c->lock, &until);
    struct clerk_job *job = c->stop ? NULL : c->first;
    if (job) {
        c->first = job->next;
        c->last = c->first ? c->last : &c->first;
        c->count--;
    }
    *stop = c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    return job;
}

static void hand_back(void *arg)
{
    struct clerk_job *job = arg;
    job->done(job);
}

/* False when there was no memory to hand it back: then it waits in the queue. */
static bool work(struct clerk *c, struct clerk_job *job)
{
    if (!job->ran)
        job->run(job);
    job->ran = true;
    if (loop_post(job->loop, hand_back, job) == 0)
        return true;
    (void)pthread_mutex_lock(&c->lock);
    append(c, job);
    (void)pthread_mutex_unlock(&c->lock);
    return false;
}

static void *run(void *arg)
{
    struct clerk *c = arg;
    bool stop = false, handed = true;
    int64_t tick_us = clock_mono_us(clock_system());
    while (!stop) {
        int64_t left_us = tick_us - clock_mono_us(clock_system());
        if (c->opt.tick && left_us <= 0) {
            c->opt.tick(c->opt.ctx);
            tick_us = clock_mono_us(clock_system()) + c->opt.tick_ms * (int64_t)1000;
            left_us = c->opt.tick_ms * (int64_t)1000;
        }
        if (!handed)
            (void)poll(NULL, 0, RETRY_MS);
        struct clerk_job *job = next_job(c, c->opt.tick ? (int)(left_us / 1000) + 1 : -1, &stop);
        handed = !job || work(c, job);
    }
    return NULL;
}

/* Under the lock. */
static bool start(struct clerk *c)
{
    if (!c->running)
        c->running = pthread_create(&c->thread, NULL, run, c) == 0;
    return c->running;
}

int clerk_open(struct clerk **out, const struct clerk_options *opt, struct err *e)
{
    struct clerk *c = new0(struct clerk);
    pthread_condattr_t attr;
    if (!c)
        return err_set(e, ERR_NOMEM, "clerk");
    c->opt = *opt;
    c->opt.jobs_max = opt->jobs_max ? opt->jobs_max : JOBS_MAX;
    c->last = &c->first;
    (void)pthread_mutex_init(&c->lock, NULL); /* with glibc these cannot fail */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (opt->tick && !start(c)) {
        clerk_close(c);
        return err_set(e, ERR_NOMEM, "starting a thread");
    }
    *out = c;
    return 0;
}

bool clerk_submit(struct clerk *c, struct clerk_job *job)
{
    (void)pthread_mutex_lock(&c->lock);
    bool fine = !c->stop && c->count < c->opt.jobs_max && start(c);
    job->ran = false;
    if (fine)
        append(c, job);
    (void)pthread_mutex_unlock(&c->lock);
    if (fine)
        (void)pthread_cond_signal(&c->wake);
    return fine;
}

void clerk_stop(struct clerk *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    bool joins = c->running;
    c->running = false;
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_cond_signal(&c->wake);
    if (joins)
        (void)pthread_join(c->thread, NULL);
}

void clerk_close(struct clerk *c)
{
    if (!c)
        return;
    clerk_stop(c);
    while (c->first) {
        struct clerk_job *job = c->first;
        c->first = job->next;
        job->done(job);
    }
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}
