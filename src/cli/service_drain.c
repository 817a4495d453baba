/* service_drain.c: how a service stops without cutting anybody off.
 *
 *   service_drain   /readyz says 503; every loop takes what the kernel has accepted already and then no more; the last
 *                   loop to do so closes the listeners. Calls go on; each connection may end with one more reply, which
 *                   says `connection: close`.
 *   drained         no call and no reply is under way on any loop: the eventfd becomes readable
 *   service_halt    the threads end; service_close then ends what is left, and tells its clients */
#include "cli/service_priv.h"
#include "gateway/gateway.h"
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

enum { CHECK_MS = 20 };

static bool all_drained(const struct service *s)
{
    for (int i = 0; i < s->loops; i++)
        if (!atomic_load(&s->worker[i].drained))
            return false;
    return true;
}

static void on_drain_check(struct loop_timer *t)
{
    struct worker *w = (struct worker *)(void *)((char *)t - offsetof(struct worker, drain_check));
    bool idle = worker_calls(w) == 0 && gateway_loop_busy(w->gateway) == 0;
    atomic_store(&w->drained, idle);
    if (idle && all_drained(w->service))
        (void)eventfd_write(w->service->drained_fd, 1); /* fails only when it is readable already */
    if (loop_timer_set(w->loop, t, CHECK_MS, on_drain_check) < 0)
        (void)eventfd_write(w->service->drained_fd, 1); /* without memory for a timer it cannot be waited for */
}

static void start_drain(void *arg)
{
    struct worker *w = arg;
    gateway_loop_drain(w->gateway);
    if (atomic_fetch_add(&w->service->left_listeners, 1) + 1 == w->service->loops)
        service_listeners_close(w->service);
    if (loop_timer_set(w->loop, &w->drain_check, CHECK_MS, on_drain_check) <
        0) /* not at once: what has come is read first */
        on_drain_check(&w->drain_check);
}

void service_drain(struct service *s)
{
    s->draining = true;
    gateway_drain(s->gateway);
    for (int i = 0; i < s->loops; i++)
        if (!s->worker[i].running || loop_post(s->worker[i].loop, start_drain, &s->worker[i]) < 0)
            (void)eventfd_write(s->drained_fd, 1); /* it cannot be told: the halt ends it */
}

int service_drained_fd(const struct service *s)
{
    return s->drained_fd;
}

void service_halt(struct service *s)
{
    for (int i = 0; i < s->loops; i++)
        if (s->worker[i].running)
            loop_stop(s->worker[i].loop);
    for (int i = 0; i < s->loops; i++) {
        if (s->worker[i].running)
            (void)pthread_join(s->worker[i].thread, NULL);
        s->worker[i].running = false;
    }
}

void service_stop(struct service *s, int grace_ms)
{
    service_drain(s);
    struct pollfd drained = {.fd = s->drained_fd, .events = POLLIN};
    while (poll(&drained, 1, grace_ms) < 0 && errno == EINTR)
        ;
    service_halt(s);
}
