/* test_journal.c: records and segments of the journal, and the checksum that guards them. */
#include "ledger_kit.h"
#include "base/crc32c.h"
#include "test.h"

static struct id id_of(unsigned n)
{
    struct id id = {{0x01, 0x93, 0x4f, 0x00, 0x00, 0x00}};
    id.byte[14] = (uint8_t)(n >> 8);
    id.byte[15] = (uint8_t)n;
    return id;
}

static struct record sample_call_open(void)
{
    return (struct record){.type = RECORD_CALL_OPEN,
                           .call_open = {.call = id_of(1), .wall_ms = 1795266155123, .op = WIRE_EMBEDDINGS, .home = true,
                                         .job = STR("private"), .asked = STR("gpt-4o"), .key = STR("laptop"),
                                         .tags = STR("a,b"), .task = STR("t-17")}};
}

static struct record sample_attempt_open(void)
{
    return (struct record){.type = RECORD_ATTEMPT_OPEN,
                           .attempt_open = {.call = id_of(1), .attempt = 2, .wall_ms = 1795266155124,
                                            .target = STR("groq/openai/gpt-oss-120b"), .regime = REGIME_POWER,
                                            .hold_nusd = COST_UNKNOWN, .input_estimated = 812, .price_row = -1}};
}

static struct record sample_attempt_close(void)
{
    return (struct record){.type = RECORD_ATTEMPT_CLOSE,
                           .attempt_close = {.call = id_of(1), .attempt = 2, .ok = true, .reason = STR("done"),
                                             .usage = {.input = 900, .cached = 100, .cache_write = 50, .output = 33,
                                                       .reasoning = 12, .cost_nusd = -1, .reported = true},
                                             .cost_nusd = 123456, .first_ms = 210, .total_ms = 1900}};
}

static struct record sample_call_close(void)
{
    return (struct record){.type = RECORD_CALL_CLOSE,
                           .call_close = {.call = id_of(0x0102), .outcome = CALL_CUT, .target = STR("a/b"), .attempts = 3,
                                          .http_status = 200, .first_ms = -1, .total_ms = 258}};
}

static size_t samples(struct record out[4])
{
    out[0] = sample_call_open();
    out[1] = sample_attempt_open();
    out[2] = sample_attempt_close();
    out[3] = sample_call_close();
    return 4;
}

TEST(crc32c_gives_the_published_checksums)
{
    uint8_t bytes[32];
    EXPECT_I64(crc32c(0, "", 0), 0);
    EXPECT_I64(crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes); /* RFC 3720, B.4 */
    EXPECT_I64(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    EXPECT_I64(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    EXPECT_I64(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
}

TEST(crc32c_of_parts_is_that_of_the_whole)
{
    uint8_t bytes[67];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37);
    uint32_t whole = crc32c(0, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++)
        EXPECT(crc32c(crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut) == whole);
}

TEST(crc32c_by_the_processor_and_by_the_tables_are_one)
{
    uint8_t bytes[67];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 91 + 5);
    for (size_t from = 0; from < 9; from++)
        for (size_t to = from; to <= sizeof bytes; to++)
            EXPECT(crc32c(7, bytes + from, to - from) == crc32c_by_table(7, bytes + from, to - from));
}

TEST(every_record_comes_back_as_it_was_written)
{
    struct record want[9], got;
    size_t count = samples(want);
    /* and the extremes of every member */
    want[count] = (struct record){.type = RECORD_CALL_OPEN, .call_open = {.wall_ms = INT64_MIN}};
    memset(want[count++].call_open.call.byte, 0xff, 16);
    want[count++] = (struct record){.type = RECORD_ATTEMPT_OPEN,
                                    .attempt_open = {.attempt = INT32_MAX, .hold_nusd = INT64_MAX,
                                                     .input_estimated = INT64_MAX, .price_row = INT32_MIN}};
    want[count++] = (struct record){.type = RECORD_ATTEMPT_CLOSE,
                                    .attempt_close = {.attempt = 1, .cost_nusd = COST_UNKNOWN,
                                                      .usage = {.input = INT64_MAX, .output = INT64_MIN}}};
    want[count++] = (struct record){.type = RECORD_CALL_CLOSE, .call_close = {.outcome = CALL_LOST}};
    want[count] = sample_call_close();
    want[count++].call_close.story = STR("{\"skips\":[]}");
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    for (size_t i = 0; i < count; i++)
        EXPECT(kit_record_put(&out, &want[i]) == 0);
    struct journal_scan scan = {.bytes = buf_str(&out)};
    for (size_t i = 0; i < count; i++) {
        REQUIRE(journal_next(&scan, &got) == JOURNAL_RECORD);
        EXPECT(kit_record_eq(&got, &want[i]));
    }
    EXPECT(journal_next(&scan, &got) == JOURNAL_MORE);
    EXPECT_I64(scan.at, out.len);
    EXPECT_I64(scan.skipped, 0);
}

/* The format is dear to change: these bytes are in docs/internals/journal.md. */
TEST(a_close_record_is_these_bytes)
{
    static const uint8_t want[] = {
        1, 4, 0, 0, 46, 0, 0, 0, 0, 0, 0, 0,                            /* version, type, reserved, length, checksum */
        1, 0x93, 0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2,           /* id */
        3,                                                              /* cut */
        3, 0, 0, 0, 200, 0, 0, 0,                                       /* attempts, status */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 1, 0, 0, 0, 0, 0, 0, /* first, total */
        3, 0, 'a', '/', 'b',
    };
    AUTO_BUF struct buf out = BUF_INIT(KiB);
    struct record r = sample_call_close();
    REQUIRE(kit_record_put(&out, &r) == 0);
    REQUIRE(out.len == sizeof want);
    EXPECT(memcmp(out.ptr, want, 8) == 0);
    EXPECT(memcmp(out.ptr + 12, want + 12, sizeof want - 12) == 0);
    uint32_t crc;
    memcpy(&crc, out.ptr + 8, 4);
    EXPECT_I64(crc, crc32c(crc32c(0, want, 8), want + 12, sizeof want - 12));
}

TEST(a_string_beyond_64_KiB_is_refused_and_nothing_is_written)
{
    AUTO_BUF struct buf out = BUF_INIT(4 * MiB), text = BUF_INIT(MiB);
    REQUIRE(buf_reserve(&text, 70000) == 0);
    memset(text.ptr, 'x', 70000);
    struct record r = sample_call_open();
    r.call_open.tags = str_of(text.ptr, 65535);
    EXPECT_I64(kit_record_put(&out, &r), 0);
    size_t before = out.len;
    r.call_open.tags = str_of(text.ptr, 65536);
    EXPECT_I64(kit_record_put(&out, &r), ERR_LIMIT);
    EXPECT_I64(out.len, before);
    struct journal_scan scan = {.bytes = buf_str(&out)};
    struct record got;
    REQUIRE(journal_next(&scan, &got) == JOURNAL_RECORD);
    EXPECT_I64(got.call_open.tags.len, 65535);
}

TEST(a_full_buffer_refuses_the_next_record_whole)
{
    AUTO_BUF struct buf out = BUF_INIT(100);
    struct record r = sample_call_close();
    EXPECT_I64(kit_record_put(&out, &r), 0);
    EXPECT_I64(kit_record_put(&out, &r), ERR_LIMIT);
    EXPECT_I64(out.len, 12 + 46);
}

/* The four samples as one segment's records; `end` says where each ends. */
static bool write_samples(struct buf *out, size_t end[4])
{
    struct record r[4];
    size_t count = samples(r);
    for (size_t i = 0; i < count; i++) {
        if (kit_record_put(out, &r[i]) < 0)
            return false;
        end[i] = out->len;
    }
    return true;
}

static size_t count_records(struct str bytes, enum journal_step *last, size_t *at)
{
    struct journal_scan scan = {.bytes = bytes};
    struct record r;
    size_t n = 0;
    while ((*last = journal_next(&scan, &r)) == JOURNAL_RECORD)
        n++;
    *at = scan.at;
    return n;
}

TEST(a_tail_torn_at_any_byte_costs_only_the_record_it_tears)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    size_t end[4], at;
    REQUIRE(write_samples(&out, end));
    for (size_t cut = 0; cut <= out.len; cut++) {
        size_t whole = 0;
        while (whole < 4 && end[whole] <= cut)
            whole++;
        enum journal_step last;
        EXPECT_I64(count_records(str_of(out.ptr, cut), &last, &at), whole);
        EXPECT_I64(at, whole ? end[whole - 1] : 0);
        EXPECT(last == JOURNAL_MORE);
        EXPECT(!journal_has_record(str_skip(str_of(out.ptr, cut), at + 1)));
    }
}

TEST(a_changed_bit_anywhere_stops_the_reader_there_and_is_known_as_damage)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    size_t end[4];
    REQUIRE(write_samples(&out, end));
    for (size_t bit = 0; bit < end[2] * 8; bit++) {
        out.ptr[bit / 8] ^= (char)(1 << bit % 8);
        size_t whole = 0, at;
        while (end[whole] <= bit / 8)
            whole++;
        enum journal_step last;
        EXPECT_I64(count_records(buf_str(&out), &last, &at), whole);
        EXPECT_I64(at, whole ? end[whole - 1] : 0);
        EXPECT(journal_has_record(str_skip(buf_str(&out), at + 1)));
        out.ptr[bit / 8] ^= (char)(1 << bit % 8);
    }
}

TEST(zeros_after_a_power_loss_are_a_torn_tail)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    size_t end[4], at;
    REQUIRE(write_samples(&out, end) && buf_reserve(&out, 5000) == 0);
    memset(out.ptr + out.len, 0, 5000);
    out.len += 5000;
    enum journal_step last;
    EXPECT_I64(count_records(buf_str(&out), &last, &at), 4);
    EXPECT_I64(at, end[3]);
    EXPECT(last == JOURNAL_BAD);
    EXPECT(!journal_has_record(str_skip(buf_str(&out), at + 1)));
}

/* Gives the record that begins at `at` another head, and a checksum that fits it. */
static void forge(char *at, uint8_t version, uint8_t type, uint16_t reserved)
{
    uint32_t length, crc;
    at[0] = (char)version;
    at[1] = (char)type;
    memcpy(at + 2, &reserved, sizeof reserved);
    memcpy(&length, at + 4, sizeof length);
    crc = crc32c(crc32c(0, at, 8), at + 12, length);
    memcpy(at + 8, &crc, sizeof crc);
}

TEST(records_of_unknown_type_or_version_are_stepped_over)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    size_t end[4];
    REQUIRE(write_samples(&out, end));
    forge(out.ptr + end[0], 1, 77, 0);
    forge(out.ptr + end[1], 2, RECORD_ATTEMPT_CLOSE, 0);
    forge(out.ptr + end[2], 1, RECORD_CALL_CLOSE, 0xabcd); /* reserved bits say nothing yet */
    struct journal_scan scan = {.bytes = buf_str(&out)};
    struct record r;
    EXPECT(journal_next(&scan, &r) == JOURNAL_RECORD && r.type == RECORD_CALL_OPEN);
    EXPECT(journal_next(&scan, &r) == JOURNAL_RECORD && r.type == RECORD_CALL_CLOSE);
    EXPECT_I64(scan.skipped, 2);
    EXPECT_I64(scan.at, out.len);
}

TEST(a_payload_that_is_too_short_is_refused_and_a_longer_one_is_read)
{
    struct record r[4], got;
    size_t count = samples(r);
    for (size_t i = 0; i < count; i++) {
        AUTO_BUF struct buf out = BUF_INIT(4 * KiB);
        REQUIRE(kit_record_put(&out, &r[i]) == 0);
        size_t payload = out.len - RECORD_HEADER_BYTES;
        if (r[i].type == RECORD_CALL_CLOSE) /* what comes later stands behind a story, which may be empty */
            REQUIRE(buf_append(&out, str_of("\0", 2)) == 0);
        REQUIRE(buf_append(&out, STR("what a later version adds")) == 0);
        struct str longer = str_skip(buf_str(&out), RECORD_HEADER_BYTES);
        EXPECT(record_read((uint8_t)r[i].type, longer, &got) && kit_record_eq(&got, &r[i]));
        for (size_t len = 0; len < payload; len++)
            EXPECT(!record_read((uint8_t)r[i].type, str_of(longer.ptr, len), &got));
    }
}

TEST(a_story_that_breaks_off_is_refused_and_a_close_without_one_is_whole)
{
    struct record r = sample_call_close(), got;
    AUTO_BUF struct buf out = BUF_INIT(4 * KiB);
    r.call_close.story = STR("{\"lost\":[\"seed\"]}");
    REQUIRE(kit_record_put(&out, &r) == 0);
    struct str payload = str_skip(buf_str(&out), RECORD_HEADER_BYTES);
    size_t without = payload.len - r.call_close.story.len - 2;
    for (size_t len = without + 1; len < payload.len; len++)
        EXPECT(!record_read(RECORD_CALL_CLOSE, str_of(payload.ptr, len), &got));
    EXPECT(record_read(RECORD_CALL_CLOSE, str_of(payload.ptr, without), &got) && got.call_close.story.len == 0);
}

TEST(enums_and_flags_out_of_range_are_refused)
{
    static const struct { enum record_type type; size_t offset; } bad[] = {
        {RECORD_CALL_OPEN, 24},     /* op */
        {RECORD_CALL_OPEN, 25},     /* home */
        {RECORD_ATTEMPT_OPEN, 28},  /* regime */
        {RECORD_ATTEMPT_OPEN, 19},  /* attempt, beyond an int */
        {RECORD_ATTEMPT_CLOSE, 20}, /* ok */
        {RECORD_ATTEMPT_CLOSE, 21}, /* reported */
        {RECORD_CALL_CLOSE, 16},    /* outcome */
        {RECORD_CALL_CLOSE, 20},    /* attempts, beyond an int */
    };
    struct record r[4], got;
    (void)samples(r);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        AUTO_BUF struct buf out = BUF_INIT(4 * KiB);
        REQUIRE(kit_record_put(&out, &r[bad[i].type - 1]) == 0);
        struct str payload = str_skip(buf_str(&out), RECORD_HEADER_BYTES);
        EXPECT(record_read((uint8_t)bad[i].type, payload, &got));
        out.ptr[RECORD_HEADER_BYTES + bad[i].offset] = (char)0x80;
        EXPECT(!record_read((uint8_t)bad[i].type, payload, &got));
    }
}

TEST(a_segment_header_comes_back_and_any_changed_bit_voids_it)
{
    struct journal_header h = {.writer = 7, .seq = 4711, .id = 0x8123456789abcdef}, got = {0};
    uint8_t bytes[JOURNAL_HEADER_BYTES];
    journal_header_write(&h, bytes);
    struct str text = str_of(bytes, sizeof bytes);
    EXPECT(journal_header_read(text, &got));
    EXPECT(got.writer == h.writer && got.seq == h.seq && got.id == h.id);
    EXPECT(!journal_header_read(str_of(bytes, sizeof bytes - 1), &got));
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT(!journal_header_read(text, &got));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

TEST(only_names_that_we_write_are_segments)
{
    static const struct { const char *name; bool good; } rows[] = {
        {"w0-000001.hj", true},      {"w255-123456.hj", true},  {"w3-4294967295.hj", true}, {"w3-4294967296.hj", false},
        {"w0-1.hj", false},          {"w00-000001.hj", false},  {"w-000001.hj", false},     {"w0-.hj", false},
        {"w0-000001.hj.damaged", false}, {"0-000001.hj", false}, {"w0-00000x.hj", false},   {".hj", false},
        {"w0000001.hj", false},      {"w0--00001.hj", false},   {"", false},                {"w+1-000001.hj", false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct segment_name n = {0};
        bool good = segment_name_read(rows[i].name, &n);
        if (good != rows[i].good)
            test_fail(__FILE__, __LINE__, "%s: %d", rows[i].name, good);
        char again[SEGMENT_NAME_BYTES];
        segment_name_write(n, again);
        if (good)
            EXPECT_STR(str_from(again), rows[i].name);
    }
}

/* --- files ------------------------------------------------------------------------------------------------------ */

struct desk { /* a folder with the segments of writer 0 */
    struct kit_dir dir;
    int fd;
    struct segment segment;
};

static struct desk desk_open(void)
{
    struct desk d = {.dir = kit_dir_make()};
    d.fd = open(d.dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    segment_init(&d.segment, d.fd, 0, 0);
    return d;
}

static void desk_close(struct desk *d)
{
    segment_fini(&d->segment);
    close(d->fd);
    kit_remove(d->dir.path);
}

static size_t desk_count(struct desk *d, const char *name)
{
    char path[256];
    kit_join(path, d->dir.path, name);
    AUTO_BUF struct buf file = BUF_INIT(16 * MiB);
    struct journal_header h;
    enum journal_step last;
    size_t at;
    if (buf_read_file(&file, path, NULL) < 0 || !journal_header_read(buf_str(&file), &h))
        return SIZE_MAX;
    size_t n = count_records(str_skip(buf_str(&file), JOURNAL_HEADER_BYTES), &last, &at);
    return last == JOURNAL_MORE && at + JOURNAL_HEADER_BYTES == file.len ? n : SIZE_MAX;
}

TEST(a_flush_puts_whole_records_into_a_private_file)
{
    struct desk d = desk_open();
    struct record r = sample_call_open();
    for (int i = 0; i < 3; i++) {
        EXPECT_I64(kit_record_put(&d.segment.pending, &r), 0);
        EXPECT_I64(segment_flush(&d.segment, NULL), 0);
        EXPECT_I64(d.segment.pending.len, 0);
        EXPECT_I64(desk_count(&d, "w0-000001.hj"), i + 1);
    }
    segment_finish(&d.segment);
    EXPECT_I64(kit_record_put(&d.segment.pending, &r), 0);
    EXPECT_I64(segment_flush(&d.segment, NULL), 0);
    EXPECT_I64(desk_count(&d, "w0-000001.hj"), 3);
    EXPECT_I64(desk_count(&d, "w0-000002.hj"), 1);
    struct stat st;
    EXPECT(fstatat(d.fd, "w0-000002.hj", &st, 0) == 0 && (st.st_mode & 0777) == 0600);
    desk_close(&d);
}

TEST(a_write_that_falls_short_leaves_the_file_as_it_was_and_is_made_good_later)
{
    struct desk d = desk_open();
    struct record r = sample_attempt_close();
    struct err e = {0};
    EXPECT_I64(kit_record_put(&d.segment.pending, &r), 0);
    EXPECT_I64(segment_flush(&d.segment, &e), 0);
    uint64_t good = d.segment.good;
    for (int i = 0; i < 5; i++)
        EXPECT_I64(kit_record_put(&d.segment.pending, &r), 0);
    size_t pending = d.segment.pending.len;
    kit_limit_files(good + pending / 2); /* in the middle of the third record */
    EXPECT_I64(segment_flush(&d.segment, &e), ERR_IO);
    EXPECT_I64(segment_flush(&d.segment, &e), ERR_IO);
    kit_limit_files(RLIM_INFINITY);
    EXPECT_I64(d.segment.pending.len, pending);
    EXPECT_I64(d.segment.good, good);
    EXPECT_I64(desk_count(&d, "w0-000001.hj"), 1);
    EXPECT_I64(segment_flush(&d.segment, &e), 0);
    EXPECT_I64(desk_count(&d, "w0-000001.hj"), 6);
    desk_close(&d);
}

TEST(the_first_write_of_a_segment_may_fail_too)
{
    struct desk d = desk_open();
    struct record r = sample_attempt_close();
    EXPECT_I64(kit_record_put(&d.segment.pending, &r), 0);
    kit_limit_files(10);
    EXPECT_I64(segment_flush(&d.segment, NULL), ERR_IO);
    kit_limit_files(RLIM_INFINITY);
    EXPECT_I64(segment_flush(&d.segment, NULL), 0);
    EXPECT_I64(desk_count(&d, "w0-000001.hj"), 1);
    desk_close(&d);
}

TEST(segments_are_listed_by_writer_and_number_and_other_files_are_left_alone)
{
    static const char *const made[] = {"w10-000002.hj", "w2-000010.hj", "w2-000009.hj", "notes.txt", "w2-000001.hj.damaged",
                                       "w0-1000000.hj", "w0-000007.hj"};
    static const struct segment_name want[] = {{0, 7}, {0, 1000000}, {2, 9}, {2, 10}, {10, 2}};
    struct desk d = desk_open();
    for (size_t i = 0; i < COUNT_OF(made); i++)
        close(openat(d.fd, made[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    struct segment_list list = {0};
    EXPECT_I64(segment_list_read(&list, d.fd, NULL), 0);
    EXPECT_I64(list.count, COUNT_OF(want));
    for (size_t i = 0; i < list.count && i < COUNT_OF(want); i++)
        EXPECT(list.item[i].writer == want[i].writer && list.item[i].seq == want[i].seq);
    segment_list_fini(&list);
    desk_close(&d);
}

static int torture_list(void *ctx)
{
    struct segment_list list = {0};
    int rc = segment_list_read(&list, *(int *)ctx, NULL);
    segment_list_fini(&list);
    return rc;
}

TEST(listing_segments_survives_any_failed_allocation)
{
    struct desk d = desk_open();
    for (unsigned i = 0; i < 40; i++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name_write((struct segment_name){i % 3, i}, name);
        close(openat(d.fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    (void)test_torture("segment_list_read", torture_list, &d.fd);
    desk_close(&d);
}

static int torture_put(void *ctx)
{
    (void)ctx;
    AUTO_BUF struct buf out = BUF_INIT(64 * KiB);
    struct record r[4];
    size_t count = samples(r), len = 0;
    for (size_t i = 0; i < count; i++) {
        int rc = kit_record_put(&out, &r[i]);
        if (rc < 0)
            return out.len == len ? rc : 0; /* success where failure is due would be seen as such */
        len = out.len;
    }
    return 0;
}

TEST(appending_survives_any_failed_allocation)
{
    (void)test_torture("record_put", torture_put, NULL);
}
