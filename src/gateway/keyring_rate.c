/* keyring_rate.c: how many calls a key made in the last minute: a ring of 61 seconds, of which the oldest has wholly left
 * the minute. So no 60 s, wherever they begin, hold more than the limit; what it costs is that a call may count for up to a
 * second longer than a minute. All loops share it behind a lock of a few instructions. */
#include "base/mem.h"
#include "gateway/keyring.h"
#include <assert.h>
#include <stdatomic.h>

enum { SLOTS = 61, SECOND_MS = 1000 };

struct key_rate {
    atomic_int refs;
    atomic_flag lock; /* guards what follows */
    int64_t second;   /* of the newest slot */
    int64_t sum;
    uint32_t slot[SLOTS]; /* by second % SLOTS */
};
static_assert(KEY_RPM_MAX <= UINT32_MAX, "a slot holds a whole minute's calls");

struct key_rate *key_rate_new(void)
{
    struct key_rate *r = new0(struct key_rate);
    if (r)
        atomic_init(&r->refs, 1);
    return r;
}

struct key_rate *key_rate_ref(struct key_rate *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void key_rate_unref(struct key_rate *r)
{
    if (r && atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1)
        mem_free(r);
}

/* Empties the slots of the seconds that have passed. Loops read their clocks apart, so time may seem to step back a
 * little: then the newest slot is meant. */
static void move_on(struct key_rate *r, int64_t second)
{
    if (second - r->second >= SLOTS) {
        memset(r->slot, 0, sizeof r->slot);
        r->sum = 0;
        r->second = second;
    }
    while (r->second < second) {
        uint32_t *oldest = &r->slot[++r->second % SLOTS];
        r->sum -= *oldest;
        *oldest = 0;
    }
}

/* When the first of the seconds that still count leaves. */
static int64_t wait_ms(const struct key_rate *r, int64_t rpm, int64_t now_ms)
{
    int64_t left = r->sum, second = r->second - SLOTS + 1;
    while (second < r->second && (left -= r->slot[(second + SLOTS) % SLOTS]) >= rpm)
        second++;
    int64_t wait = (second + SLOTS) * SECOND_MS - now_ms;
    return wait > 0 ? wait : 1;
}

int64_t key_rate_take(struct key_rate *r, int64_t rpm, int64_t now_ms)
{
    int64_t wait = 0;
    while (atomic_flag_test_and_set_explicit(&r->lock, memory_order_acquire))
        ; /* pairs with the clear below; held for a few instructions */
    move_on(r, now_ms / SECOND_MS);
    if (r->sum >= rpm) {
        wait = wait_ms(r, rpm, now_ms);
    } else {
        r->slot[r->second % SLOTS]++;
        r->sum++;
    }
    atomic_flag_clear_explicit(&r->lock, memory_order_release);
    return wait;
}
