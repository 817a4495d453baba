/* writer.c: the door for loops: appending records and flushing them. Hot path: an append is some stores into a buffer, a
 * flush one write(2) and a few atomics. */
#include "base/mem.h"
#include "ledger/ledger_priv.h"
#include <assert.h>

struct ledger_writer {
    struct ledger *ledger;
    struct journal_slot *slot;
    struct segment segment;
    bool writable;
};

int ledger_writer_open(struct ledger_writer **out, struct ledger *l, int index, struct err *e)
{
    assert(index >= 0);
    if (index >= LEDGER_WRITERS_MAX)
        return err_set(e, ERR_LIMIT, "the ledger takes at most %d writers", LEDGER_WRITERS_MAX);
    struct ledger_writer *w = new0(struct ledger_writer);
    if (!w)
        return err_set(e, ERR_NOMEM, "opening a ledger writer");
    w->ledger = l;
    w->slot = &l->slot[index];
    w->writable = true;
    bool taken = atomic_exchange(&w->slot->taken, true);
    assert(!taken); /* two threads in one journal would be our bug */
    uint64_t flushed = atomic_load_explicit(&w->slot->flushed, memory_order_acquire);
    segment_init(&w->segment, l->journal_fd, (uint32_t)index, (uint32_t)(flushed >> 32));
    *out = w;
    return 0;
}

void ledger_writer_close(struct ledger_writer *w)
{
    if (!w)
        return;
    (void)ledger_flush(w, NULL); /* a last try; whoever needed these records durable has flushed himself and was told */
    segment_fini(&w->segment);
    atomic_store(&w->slot->taken, false);
    mem_free(w);
}

int ledger_call_opened(struct ledger_writer *w, const struct ledger_call_open *r)
{
    return record_put_call_open(&w->segment.pending, r);
}

int ledger_attempt_opened(struct ledger_writer *w, const struct ledger_attempt_open *r)
{
    assert(r->attempt > 0);
    return record_put_attempt_open(&w->segment.pending, r);
}

int ledger_attempt_closed(struct ledger_writer *w, const struct ledger_attempt_close *r)
{
    assert(r->attempt > 0);
    return record_put_attempt_close(&w->segment.pending, r);
}

int ledger_call_closed(struct ledger_writer *w, const struct ledger_call_close *r)
{
    assert(r->attempts >= 0 && r->http_status >= 0);
    return record_put_call_close(&w->segment.pending, r);
}

int ledger_plan_noted(struct ledger_writer *w, const struct ledger_plan_state *r)
{
    return record_put_plan(&w->segment.pending, r);
}

bool ledger_dirty(const struct ledger_writer *w)
{
    return w->segment.pending.len > 0;
}

bool ledger_writable(const struct ledger_writer *w)
{
    return w->writable;
}

int ledger_flush(struct ledger_writer *w, struct err *e)
{
    struct segment *s = &w->segment;
    if (s->pending.len == 0)
        return 0;
    if (s->fd >= 0 && (s->good >= w->ledger->segment_bytes ||
                       atomic_load_explicit(&w->slot->rotate, memory_order_relaxed))) {
        segment_finish(s);
        atomic_store_explicit(&w->slot->rotate, false, memory_order_relaxed);
    }
    int rc = segment_flush(s, e);
    w->writable = rc == 0;
    if (rc < 0)
        return rc;
    assert(s->good <= UINT32_MAX);
    atomic_store_explicit(&w->slot->flushed, (uint64_t)s->seq << 32 | s->good, memory_order_release);
    if (!atomic_exchange(&w->ledger->keeper.work, true)) /* pairs with the exchange in keeper_sync */
        keeper_wake(w->ledger);
    return 0;
}

void ledger_forget(struct ledger_writer *w, const struct id *call)
{
    struct buf *pending = &w->segment.pending;
    size_t kept = 0;
    for (size_t at = 0; at < pending->len;) {
        size_t bytes = journal_record_at(str_skip(buf_str(pending), at));
        assert(bytes >= RECORD_HEADER_BYTES + sizeof call->byte); /* all of it is ours */
        if (memcmp(pending->ptr + at + RECORD_HEADER_BYTES, call->byte, sizeof call->byte) != 0) {
            memmove(pending->ptr + kept, pending->ptr + at, bytes);
            kept += bytes;
        }
        at += bytes;
    }
    pending->len = kept;
}

uint64_t ledger_journal_bytes(const struct ledger *l)
{
    uint64_t bytes = 0;
    for (int i = 0; i < LEDGER_WRITERS_MAX; i++)
        bytes += atomic_load_explicit(&l->slot[i].flushed, memory_order_relaxed) & UINT32_MAX;
    return bytes;
}
