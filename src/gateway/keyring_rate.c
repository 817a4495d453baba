/* keyring_rate.c: how many calls a key made in the last minute; it outlives the key's snapshots. */
#include "base/mem.h"
#include "gateway/keyring.h"
#include "ledger/ledger.h"

struct key_rate {
    atomic_int refs;
    struct minute calls;
};

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

int64_t key_rate_take(struct key_rate *r, int64_t rpm, int64_t now_ms)
{
    return minute_take(&r->calls, 1, rpm, now_ms);
}
