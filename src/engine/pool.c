/* pool.c: threads, a barrier, and how to wait: spin shortly, then sleep in the kernel. */
#include "engine/pool.h"
#include "base/mem.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPINS_MAX = 2000 }; /* some 50 us of pauses */

struct pool {
    size_t threads, started;
    pthread_t thread[POOL_THREADS_MAX];
    void (*fn)(void *ctx, size_t thread); /* written before `round` moves on, read after it was seen to */
    void *ctx;
    bool stop;
    _Alignas(64) atomic_uint round;   /* moves on when there is something to run; the threads wait for it */
    _Alignas(64) atomic_uint arrived; /* at the barrier, this time */
    _Alignas(64) atomic_uint passed;  /* barriers so far; those who arrived wait for it to move on */
    _Alignas(64) atomic_uint sleepers; /* on `round` or `passed`: a wake is needed only when there are some */
};

static void pause_shortly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Until *word is no longer `seen`. */
static void wait_while(struct pool *p, atomic_uint *word, unsigned seen)
{
    for (int i = 0; i < SPINS_MAX; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen)
            return;
        pause_shortly();
    }
    (void)atomic_fetch_add(&p->sleepers, 1); /* before the kernel compares: pairs with the load in wake_all */
    while (atomic_load(word) == seen)
        (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    (void)atomic_fetch_sub(&p->sleepers, 1);
}

static void wake_all(struct pool *p, atomic_uint *word)
{
    (void)atomic_fetch_add(word, 1);
    if (atomic_load(&p->sleepers))
        (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, POOL_THREADS_MAX, NULL, NULL, 0);
}

void pool_barrier(struct pool *p)
{
    unsigned seen = atomic_load(&p->passed);
    if (atomic_fetch_add(&p->arrived, 1) + 1 == p->threads) {
        atomic_store(&p->arrived, 0);
        wake_all(p, &p->passed);
    } else {
        wait_while(p, &p->passed, seen);
    }
}

struct start {
    struct pool *pool;
    size_t index;
};

static void *thread_main(void *arg)
{
    struct start s = *(struct start *)arg;
    mem_free(arg);
    struct pool *p = s.pool;
    for (unsigned round = 0;; round++) {
        wait_while(p, &p->round, round);
        if (p->stop)
            return NULL;
        p->fn(p->ctx, s.index);
        pool_barrier(p);
    }
}

int pool_new(struct pool **out, size_t threads, struct err *e)
{
    if (threads < 1 || threads > POOL_THREADS_MAX)
        return err_set(e, ERR_INVALID, "%zu threads: it takes 1 to %d", threads, POOL_THREADS_MAX);
    struct pool *p = mem_zalloc_aligned(64, sizeof *p);
    if (!p)
        return err_set(e, ERR_NOMEM, "threads of the engine");
    p->threads = threads;
    for (size_t i = 1; i < threads; i++) {
        struct start *s = new0(struct start);
        if (s)
            *s = (struct start){p, i};
        if (!s || pthread_create(&p->thread[i], NULL, thread_main, s) != 0) {
            mem_free(s);
            pool_free(p);
            return err_set(e, ERR_NOMEM, "cannot start thread %zu of %zu", i + 1, threads);
        }
        p->started = i;
    }
    *out = p;
    return 0;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    p->stop = true;
    wake_all(p, &p->round);
    for (size_t i = 1; i <= p->started; i++)
        (void)pthread_join(p->thread[i], NULL);
    mem_free(p);
}

size_t pool_threads(const struct pool *p)
{
    return p->threads;
}

unsigned pool_barriers(const struct pool *p)
{
    return atomic_load(&p->passed);
}

void pool_run(struct pool *p, void (*fn)(void *ctx, size_t thread), void *ctx)
{
    p->fn = fn;
    p->ctx = ctx;
    wake_all(p, &p->round);
    fn(ctx, 0);
    pool_barrier(p);
}
