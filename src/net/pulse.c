/* pulse.c: see pulse.h. */
#include "net/pulse.h"
#include "base/mem.h"
#include "net/loop.h"
#include <assert.h>
#include <stdatomic.h>

struct member {
    struct pulse *pulse;
    struct loop *loop; /* NULL: has not joined */
    struct loop_timer timer;
    _Atomic int64_t turned_us; /* written by its loop, read by the first */
};
struct pulse {
    int64_t every_ms;
    void (*fn)(void *ctx);
    void *ctx;
    int count;
    struct member member[];
};

int pulse_open(struct pulse **out, int loops, int64_t every_ms, void (*fn)(void *ctx), void *ctx, struct err *e)
{
    assert(loops > 0 && every_ms > 0);
    struct pulse *p = mem_zalloc(sizeof *p + (size_t)loops * sizeof *p->member);
    if (!p)
        return err_set(e, ERR_NOMEM, "pulse");
    p->every_ms = every_ms;
    p->fn = fn;
    p->ctx = ctx;
    p->count = loops;
    *out = p;
    return 0;
}

void pulse_close(struct pulse *p)
{
    for (int i = 0; p && i < p->count; i++)
        assert(!p->member[i].loop);
    mem_free(p);
}

static bool all_turn(const struct pulse *p, int64_t now_us)
{
    for (int i = 0; i < p->count; i++)
        if (now_us - atomic_load(&p->member[i].turned_us) > 2 * p->every_ms * 1000)
            return false;
    return true;
}

static void on_time(struct loop_timer *t)
{
    struct member *m = (struct member *)(void *)((char *)t - offsetof(struct member, timer));
    struct pulse *p = m->pulse;
    int64_t now_us = loop_now_us(m->loop);
    atomic_store(&m->turned_us, now_us);
    if (m == &p->member[0] && all_turn(p, now_us))
        p->fn(p->ctx);
    int rc = loop_timer_set(m->loop, t, p->every_ms, on_time);
    assert(rc == 0); /* its place in the heap has just become free */
}

int pulse_join(struct pulse *p, int index, struct loop *l)
{
    assert(index < p->count && !p->member[index].loop);
    struct member *m = &p->member[index];
    int rc = loop_timer_set(l, &m->timer, p->every_ms, on_time);
    if (rc < 0)
        return rc;
    m->pulse = p;
    m->loop = l;
    atomic_store(&m->turned_us, loop_now_us(l));
    return 0;
}

void pulse_leave(struct pulse *p, int index)
{
    struct member *m = &p->member[index];
    if (m->loop)
        loop_timer_cancel(m->loop, &m->timer);
    m->loop = NULL;
}
