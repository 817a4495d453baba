/* minute.c: how much of something there was in the last minute: a ring of 61 seconds, of which the oldest has wholly left
 * the minute. So no 60 s, wherever they begin, hold more than the limit; what it costs is that something may count for up to
 * a second longer than a minute. All loops share it behind a lock of a few instructions. */
#include "ledger/ledger.h"
#include <assert.h>

enum { SECOND_MS = 1000 };

static void minute_lock(struct minute *m)
{
    while (atomic_flag_test_and_set_explicit(&m->lock, memory_order_acquire))
        ; /* pairs with the clear in minute_unlock; held for a few instructions */
}

static void minute_unlock(struct minute *m)
{
    atomic_flag_clear_explicit(&m->lock, memory_order_release);
}

/* Empties the slots of the seconds that have passed. Loops read their clocks apart, so time may seem to step back a
 * little: then the newest slot is meant. */
static void move_on(struct minute *m, int64_t second)
{
    if (second - m->second >= MINUTE_SLOTS) {
        memset(m->slot, 0, sizeof m->slot);
        m->sum = 0;
        m->second = second;
    }
    while (m->second < second) {
        int64_t *oldest = &m->slot[++m->second % MINUTE_SLOTS];
        m->sum -= *oldest;
        *oldest = 0;
    }
}

/* Until so many of the seconds that still count have left that `amount` fits. */
static int64_t wait_ms(const struct minute *m, int64_t amount, int64_t limit, int64_t now_ms)
{
    int64_t left = m->sum, second = m->second - MINUTE_SLOTS + 1;
    while (second < m->second && (left -= m->slot[(second + MINUTE_SLOTS) % MINUTE_SLOTS]) > limit - amount)
        second++;
    int64_t wait = (second + MINUTE_SLOTS) * SECOND_MS - now_ms;
    return wait > 0 ? wait : 1;
}

int64_t minute_take(struct minute *m, int64_t amount, int64_t limit, int64_t now_ms)
{
    assert(amount >= 0 && amount <= limit);
    int64_t wait = 0;
    minute_lock(m);
    move_on(m, now_ms / SECOND_MS);
    if (m->sum > limit - amount) {
        wait = wait_ms(m, amount, limit, now_ms);
    } else {
        m->slot[m->second % MINUTE_SLOTS] += amount;
        m->sum += amount;
    }
    minute_unlock(m);
    return wait;
}

int64_t minute_wait(struct minute *m, int64_t limit, int64_t now_ms)
{
    minute_lock(m);
    move_on(m, now_ms / SECOND_MS);
    int64_t wait = m->sum > limit - 1 ? wait_ms(m, 1, limit, now_ms) : 0;
    minute_unlock(m);
    return wait;
}

void minute_settle(struct minute *m, int64_t taken, int64_t truth, int64_t taken_ms, int64_t now_ms)
{
    assert(taken >= 0 && truth >= 0);
    minute_lock(m);
    move_on(m, now_ms / SECOND_MS);
    int64_t then = truth < taken ? taken_ms / SECOND_MS : m->second, more = truth - taken;
    if (then > m->second)
        then = m->second;
    if (m->second - then < MINUTE_SLOTS) { /* else what was too much has left the minute already */
        int64_t *slot = &m->slot[then % MINUTE_SLOTS];
        if (more < -*slot) /* taken a moment before the clock of another loop: it stands in the slot after */
            more = -*slot;
        *slot += more;
        m->sum += more;
    }
    minute_unlock(m);
}
