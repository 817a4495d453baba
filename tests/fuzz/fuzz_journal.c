/* fuzz_journal.c: any bytes as journal. The first byte picks the door: a segment's records as they stand, one payload,
 * payloads framed with right checksums (which no fuzzer guesses) and then damaged, or a header and a file's name. Whatever
 * is read means the same when it is written again, and nothing behind a bad record is believed. */
#include "base/crc32c.h"
#include "base/mem.h"
#include "ledger_kit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES_MAX = 64 };

/* Writing what was read gives the bytes it was read from, up to what a later version may have added. */
static void check_record(const struct record *r, struct str payload)
{
    AUTO_BUF struct buf again = BUF_INIT(2 * RECORD_PAYLOAD_MAX);
    struct record twin;
    int rc = kit_record_put(&again, r);
    assert(rc == 0);
    struct str body = str_skip(buf_str(&again), RECORD_HEADER_BYTES);
    bool read = record_read((uint8_t)r->type, body, &twin);
    assert(read);
    size_t unread = r->type == RECORD_PLAN ? sizeof r->call : 0; /* it is of no call, and zeros are written */
    assert(str_starts(str_skip(payload, unread), str_skip(body, unread)));
    if (unread)
        twin.call = r->call;
    assert(kit_record_eq(r, &twin));
    assert(journal_record_at(buf_str(&again)) == again.len);
}

/* Adds to the book what is there, and says how many records that were. */
static size_t scan_all(struct journal_scan *s, struct book *book, enum journal_step *last)
{
    struct record r;
    size_t count = 0, before = s->at;
    while ((*last = journal_next(s, &r)) == JOURNAL_RECORD) {
        count++;
        assert(s->at >= before + RECORD_HEADER_BYTES + sizeof r.call && s->at <= s->bytes.len);
        before = s->at;
        int rc = book ? book_add(book, &r) : 0;
        assert(rc == 0);
    }
    return count;
}

static void check_book(const struct book *b)
{
    struct store_call **call = book_sorted(b);
    assert(call);
    for (size_t i = 0; i < b->count; i++) {
        assert(i == 0 || memcmp(call[i - 1]->id, call[i]->id, STORE_ID_BYTES) < 0);
        assert(call[i]->opened || call[i]->closed || call[i]->attempts);
        for (const struct store_attempt *a = call[i]->attempts; a; a = a->next) {
            assert(a->opened || a->closed);
            assert(!a->next || a->number < a->next->number);
        }
    }
    mem_free(call);
}

/* What is told twice is not told anew. */
static void check_twice(struct str bytes)
{
    struct book once, twice;
    enum journal_step last;
    book_init(&once, 64 * MiB);
    book_init(&twice, 64 * MiB);
    for (int i = 0; i < 3; i++)
        (void)scan_all(&(struct journal_scan){.bytes = bytes}, i ? &twice : &once, &last);
    assert(once.count == twice.count && once.arena.used == twice.arena.used);
    check_book(&once);
    struct store_call **a = book_sorted(&once), **b = book_sorted(&twice);
    assert(a && b);
    for (size_t i = 0; i < once.count; i++)
        assert(a[i]->opened == b[i]->opened && a[i]->closed == b[i]->closed && a[i]->wall_ms == b[i]->wall_ms &&
               str_eq(a[i]->target, b[i]->target) && a[i]->first_ms == b[i]->first_ms);
    mem_free(a);
    mem_free(b);
    book_fini(&once);
    book_fini(&twice);
}

static void try_segment(struct str bytes)
{
    struct journal_scan scan = {.bytes = bytes};
    enum journal_step last, again;
    size_t count = scan_all(&scan, NULL, &last);
    assert(count == 0 || journal_has_record(bytes));
    assert(journal_record_at(str_skip(bytes, scan.at)) == 0);
    struct journal_scan prefix = {.bytes = str_slice(bytes, 0, scan.at)};
    size_t in_prefix = scan_all(&prefix, NULL, &again);
    assert(in_prefix == count && prefix.at == scan.at && prefix.skipped == scan.skipped && again == JOURNAL_MORE);
    check_twice(bytes);
}

static void try_payload(struct str text)
{
    struct record r;
    if (text.len && record_read((uint8_t)text.ptr[0], str_skip(text, 1), &r))
        check_record(&r, str_skip(text, 1));
}

static void frame(struct buf *out, uint8_t version, uint8_t type, struct str payload)
{
    uint8_t head[RECORD_HEADER_BYTES] = {version, type};
    uint32_t length = (uint32_t)payload.len;
    memcpy(head + 4, &length, sizeof length);
    uint32_t crc = crc32c(crc32c(0, head, 8), payload.ptr, payload.len);
    memcpy(head + 8, &crc, sizeof crc);
    int rc = buf_append(out, str_of(head, sizeof head)) | buf_append(out, payload);
    assert(rc == 0);
}

/* (version, type, length, payload)… behind one byte of where to damage the result. */
static void try_frames(struct str text)
{
    AUTO_BUF struct buf out = BUF_INIT(MiB);
    size_t end[FRAMES_MAX], frames = 0, readable[FRAMES_MAX + 1] = {0};
    struct str rest = str_skip(text, 1);
    struct record r;
    while (rest.len >= 3 && frames < FRAMES_MAX) {
        uint8_t version = (uint8_t)rest.ptr[0] | 1, type = (uint8_t)rest.ptr[1];
        struct str payload = str_slice(rest, 3, 3 + (size_t)(uint8_t)rest.ptr[2]);
        rest = str_skip(rest, 3 + payload.len);
        frame(&out, version, type, payload);
        end[frames] = out.len;
        readable[frames + 1] = readable[frames] + (version == RECORD_VERSION && record_read(type, payload, &r));
        frames++;
    }
    struct journal_scan scan = {.bytes = buf_str(&out)};
    enum journal_step last;
    size_t count = scan_all(&scan, NULL, &last);
    assert(count == readable[frames] && scan.at == out.len && last == JOURNAL_MORE);
    assert((size_t)scan.skipped == frames - count);
    check_twice(buf_str(&out));
    if (!out.len)
        return;
    size_t at = (uint8_t)text.ptr[0] % out.len, hit = 0;
    while (end[hit] <= at)
        hit++;
    out.ptr[at] ^= 0x10;
    struct journal_scan damaged = {.bytes = buf_str(&out)};
    count = scan_all(&damaged, NULL, &last);
    assert(count == readable[hit] && damaged.at == (hit ? end[hit - 1] : 0)); /* up to the damage, and no further */
    if (hit + 1 < frames)
        assert(journal_has_record(str_skip(buf_str(&out), damaged.at + 1)));
}

static void try_names(struct str text)
{
    struct journal_header h;
    struct segment_name n;
    char name[SEGMENT_NAME_BYTES];
    if (journal_header_read(text, &h)) {
        uint8_t again[JOURNAL_HEADER_BYTES];
        journal_header_write(&h, again);
        assert(memcmp(again, text.ptr, sizeof again) == 0);
    }
    AUTO_BUF struct buf file = BUF_INIT(MiB);
    int rc = buf_append(&file, text);
    if (rc == 0 && buf_text(&file) && segment_name_read(file.ptr, &n)) {
        segment_name_write(n, name);
        assert(strcmp(name, file.ptr) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const door[])(struct str) = {try_segment, try_payload, try_frames, try_names};
    if (size < 2)
        return 0;
    door[data[0] % COUNT_OF(door)](str_of(data + 1, size - 1));
    return 0;
}
