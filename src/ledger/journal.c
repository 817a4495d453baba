/* journal.c: records of the journal to bytes and back; docs/internals/journal.md draws them.
 *
 * Writing is the hot path (four records a call): the size is known first, room is made once, and the members are laid
 * down one after the other. Reading trusts nothing: a cursor that goes wrong once stays wrong. */
#include "ledger/journal_priv.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include <endian.h>

/* These numbers are in files; new ones go to the end. */
static_assert(CALL_DONE == 0 && CALL_FAILED == 1 && CALL_LEFT == 2 && CALL_CUT == 3 && CALL_LOST == 4, "journal format");
static_assert(WIRE_CHAT == 0 && WIRE_COMPLETIONS == 1 && WIRE_EMBEDDINGS == 2 && WIRE_GENERATE == 3 && WIRE_EMBED_ONE == 4 && WIRE_COUNT_TOKENS == 5 &&
              WIRE_RERANK == 6 && WIRE_TRANSCRIBE == 7 && WIRE_TRANSLATE == 8, "journal format");
static_assert(REGIME_CREDIT == 0 && REGIME_PLAN == 1 && REGIME_POWER == 2, "journal format");

/* --- writing ---------------------------------------------------------------------------------------------------- */

static uint8_t *put_u8(uint8_t *at, unsigned n)
{
    *at = (uint8_t)n;
    return at + 1;
}

static uint8_t *put_u16(uint8_t *at, uint16_t n)
{
    n = htole16(n);
    memcpy(at, &n, sizeof n);
    return at + sizeof n;
}

static uint8_t *put_u32(uint8_t *at, uint32_t n)
{
    n = htole32(n);
    memcpy(at, &n, sizeof n);
    return at + sizeof n;
}

static uint8_t *put_i64(uint8_t *at, int64_t n)
{
    uint64_t raw = htole64((uint64_t)n);
    memcpy(at, &raw, sizeof raw);
    return at + sizeof raw;
}

static uint8_t *put_id(uint8_t *at, const struct id *id)
{
    memcpy(at, id->byte, sizeof id->byte);
    return at + sizeof id->byte;
}

static uint8_t *put_str(uint8_t *at, struct str s)
{
    at = put_u16(at, (uint16_t)s.len);
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

/* Bytes a string takes; beyond any limit when it is too long, so that the sum of a record cannot pass. */
static size_t size_of_str(struct str s)
{
    return s.len <= UINT16_MAX ? sizeof(uint16_t) + s.len : RECORD_PAYLOAD_MAX + 1;
}

/* Room for a record with that payload. The header is written by `finish`, when the payload stands. */
static int begin(struct buf *out, size_t payload_bytes, uint8_t **payload)
{
    if (payload_bytes > RECORD_PAYLOAD_MAX)
        return ERR_LIMIT;
    int rc = buf_reserve(out, RECORD_HEADER_BYTES + payload_bytes);
    if (rc == 0)
        *payload = (uint8_t *)out->ptr + out->len + RECORD_HEADER_BYTES;
    return rc;
}

static void finish(struct buf *out, enum record_type type, const uint8_t *payload_end)
{
    uint8_t *head = (uint8_t *)out->ptr + out->len;
    size_t payload_bytes = (size_t)(payload_end - head) - RECORD_HEADER_BYTES;
    uint8_t *at = put_u8(head, RECORD_VERSION);
    at = put_u8(at, type);
    at = put_u16(at, 0);
    at = put_u32(at, (uint32_t)payload_bytes);
    uint32_t crc = crc32c(0, head, 8);
    put_u32(at, crc32c(crc, head + RECORD_HEADER_BYTES, payload_bytes));
    out->len += RECORD_HEADER_BYTES + payload_bytes;
}

int record_put_call_open(struct buf *out, const struct ledger_call_open *r)
{
    size_t bytes = 16 + 8 + 1 + 1 + size_of_str(r->job) + size_of_str(r->asked) + size_of_str(r->key) +
                   size_of_str(r->tags) + size_of_str(r->task);
    uint8_t *at = NULL;
    int rc = begin(out, bytes, &at);
    if (rc < 0)
        return rc;
    at = put_id(at, &r->call);
    at = put_i64(at, r->wall_ms);
    at = put_u8(at, r->op);
    at = put_u8(at, r->home);
    at = put_str(at, r->job);
    at = put_str(at, r->asked);
    at = put_str(at, r->key);
    at = put_str(at, r->tags);
    at = put_str(at, r->task);
    finish(out, RECORD_CALL_OPEN, at);
    return 0;
}

int record_put_attempt_open(struct buf *out, const struct ledger_attempt_open *r)
{
    uint8_t *at = NULL;
    int rc = begin(out, 16 + 4 + 8 + 1 + 8 + 8 + 4 + size_of_str(r->target), &at);
    if (rc < 0)
        return rc;
    at = put_id(at, &r->call);
    at = put_u32(at, (uint32_t)r->attempt);
    at = put_i64(at, r->wall_ms);
    at = put_u8(at, r->regime);
    at = put_i64(at, r->hold_nusd);
    at = put_i64(at, r->input_estimated);
    at = put_u32(at, (uint32_t)r->price_row);
    at = put_str(at, r->target);
    finish(out, RECORD_ATTEMPT_OPEN, at);
    return 0;
}

int record_put_attempt_close(struct buf *out, const struct ledger_attempt_close *r)
{
    uint8_t *at = NULL;
    int rc = begin(out, 16 + 4 + 1 + 1 + 9 * 8 + size_of_str(r->reason) + r->billed, &at);
    if (rc < 0)
        return rc;
    const struct usage *u = &r->usage;
    at = put_id(at, &r->call);
    at = put_u32(at, (uint32_t)r->attempt);
    at = put_u8(at, r->ok);
    at = put_u8(at, u->reported);
    at = put_i64(at, u->input);
    at = put_i64(at, u->cached);
    at = put_i64(at, u->cache_write);
    at = put_i64(at, u->output);
    at = put_i64(at, u->reasoning);
    at = put_i64(at, u->cost_nusd);
    at = put_i64(at, r->cost_nusd);
    at = put_i64(at, r->first_ms);
    at = put_i64(at, r->total_ms);
    at = put_str(at, r->reason);
    if (r->billed) /* a member of its own only where it says something: nearly nowhere */
        at = put_u8(at, 1);
    finish(out, RECORD_ATTEMPT_CLOSE, at);
    return 0;
}

int record_put_call_close(struct buf *out, const struct ledger_call_close *r)
{
    uint8_t *at = NULL;
    int rc = begin(out, 16 + 1 + 4 + 4 + 8 + 8 + size_of_str(r->target) + (r->story.len ? size_of_str(r->story) : 0), &at);
    if (rc < 0)
        return rc;
    at = put_id(at, &r->call);
    at = put_u8(at, r->outcome);
    at = put_u32(at, (uint32_t)r->attempts);
    at = put_u32(at, (uint32_t)r->http_status);
    at = put_i64(at, r->first_ms);
    at = put_i64(at, r->total_ms);
    at = put_str(at, r->target);
    if (r->story.len) /* a member of its own only where there is something to tell */
        at = put_str(at, r->story);
    finish(out, RECORD_CALL_CLOSE, at);
    return 0;
}

int record_put_plan(struct buf *out, const struct ledger_plan_state *r)
{
    static const struct id none;
    uint8_t *at = NULL;
    int rc = begin(out, 16 + 3 * 8 + size_of_str(r->upstream) + size_of_str(r->state), &at);
    if (rc < 0)
        return rc;
    at = put_id(at, &none);
    at = put_i64(at, r->wall_ms);
    at = put_i64(at, (int64_t)r->version);
    at = put_i64(at, (int64_t)r->holder);
    at = put_str(at, r->upstream);
    at = put_str(at, r->state);
    finish(out, RECORD_PLAN, at);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct cursor {
    struct str rest;
    bool bad; /* sticks: everything after reads as zero */
};

static bool take(struct cursor *c, void *out, size_t bytes)
{
    if (c->bad || c->rest.len < bytes) {
        c->bad = true;
        memset(out, 0, bytes);
        return false;
    }
    memcpy(out, c->rest.ptr, bytes);
    c->rest = str_skip(c->rest, bytes);
    return true;
}

/* A small number below `end`: an enum or a bool of a later version is not one we can tell anything about. */
static unsigned take_below(struct cursor *c, unsigned end)
{
    uint8_t n;
    if (take(c, &n, sizeof n) && n >= end)
        c->bad = true;
    return n;
}

static uint32_t take_u32(struct cursor *c)
{
    uint32_t n;
    (void)take(c, &n, sizeof n);
    return le32toh(n);
}

/* A count kept as u32 that is an int in memory. */
static int take_count(struct cursor *c)
{
    uint32_t n = take_u32(c);
    if (n > INT32_MAX)
        c->bad = true;
    return (int)n;
}

static int64_t take_i64(struct cursor *c)
{
    uint64_t n;
    (void)take(c, &n, sizeof n);
    return (int64_t)le64toh(n);
}

static struct str take_str(struct cursor *c)
{
    uint16_t len;
    (void)take(c, &len, sizeof len);
    len = le16toh(len);
    if (c->bad || c->rest.len < len) {
        c->bad = true;
        return STR_NONE;
    }
    struct str s = str_of(c->rest.ptr, len);
    c->rest = str_skip(c->rest, len);
    return s;
}

static void read_call_open(struct cursor *c, struct ledger_call_open *r)
{
    r->wall_ms = take_i64(c);
    r->op = (enum wire_op)take_below(c, WIRE_OP_COUNT);
    r->home = take_below(c, 2);
    r->job = take_str(c);
    r->asked = take_str(c);
    r->key = take_str(c);
    r->tags = take_str(c);
    r->task = take_str(c);
}

static void read_attempt_open(struct cursor *c, struct ledger_attempt_open *r)
{
    r->attempt = take_count(c);
    r->wall_ms = take_i64(c);
    r->regime = (enum regime)take_below(c, REGIME_POWER + 1);
    r->hold_nusd = take_i64(c);
    r->input_estimated = take_i64(c);
    r->price_row = (int32_t)take_u32(c);
    r->target = take_str(c);
}

static void read_attempt_close(struct cursor *c, struct ledger_attempt_close *r)
{
    struct usage *u = &r->usage;
    r->attempt = take_count(c);
    r->ok = take_below(c, 2);
    u->reported = take_below(c, 2);
    u->input = take_i64(c);
    u->cached = take_i64(c);
    u->cache_write = take_i64(c);
    u->output = take_i64(c);
    u->reasoning = take_i64(c);
    u->cost_nusd = take_i64(c);
    r->cost_nusd = take_i64(c);
    r->first_ms = take_i64(c);
    r->total_ms = take_i64(c);
    r->reason = take_str(c);
    r->billed = c->rest.len && c->rest.ptr[0] == 1; /* not in records of earlier versions */
}

static void read_call_close(struct cursor *c, struct ledger_call_close *r)
{
    r->outcome = (enum call_outcome)take_below(c, CALL_LOST + 1);
    r->attempts = take_count(c);
    r->http_status = take_count(c);
    r->first_ms = take_i64(c);
    r->total_ms = take_i64(c);
    r->target = take_str(c);
    r->story = c->rest.len ? take_str(c) : STR_NONE; /* not in records of earlier versions */
}

static void read_plan(struct cursor *c, struct ledger_plan_state *r)
{
    r->wall_ms = take_i64(c);
    r->version = (uint64_t)take_i64(c);
    r->holder = (uint64_t)take_i64(c);
    r->upstream = take_str(c);
    r->state = take_str(c);
}

bool record_read(uint8_t type, struct str payload, struct record *out)
{
    struct cursor c = {.rest = payload};
    struct record r = {.type = (enum record_type)type};
    struct id call;
    (void)take(&c, call.byte, sizeof call.byte);
    switch (type) {
    case RECORD_CALL_OPEN:
        read_call_open(&c, &r.call_open);
        break;
    case RECORD_ATTEMPT_OPEN:
        read_attempt_open(&c, &r.attempt_open);
        break;
    case RECORD_ATTEMPT_CLOSE:
        read_attempt_close(&c, &r.attempt_close);
        break;
    case RECORD_CALL_CLOSE:
        read_call_close(&c, &r.call_close);
        break;
    case RECORD_PLAN:
        read_plan(&c, &r.plan);
        break;
    default:
        return false;
    }
    r.call = call;
    if (!c.bad)
        *out = r;
    return !c.bad;
}
