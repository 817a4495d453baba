/* journal_read.c: finds the records in the bytes of a journal segment, and the segments in their folder.
 *
 * The bytes may come from a crash, a full disk or a bad one: a record counts only when its checksum says so. Where they
 * stop making sense, the reader stops; whether that is the torn tail of a crash or damage in the middle is told by
 * looking for a whole record further on. */
#include "base/crc32c.h"
#include "base/mem.h"
#include "ledger/journal_priv.h"
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The last byte of the magic is a line end, so that a transfer that changes line ends is noticed. */
static const uint8_t magic[8] = {'h', 'e', 'a', 'r', 't', 'h', 'J', '\n'};
enum { JOURNAL_FORMAT = 1 };

static uint32_t read_u32(const char *at)
{
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return le32toh(n);
}

static void write_u32(uint8_t *at, uint32_t n)
{
    n = htole32(n);
    memcpy(at, &n, sizeof n);
}

/* --- the head of a segment: magic, format, writer, seq, id, checksum -------------------------------------------- */

void journal_header_write(const struct journal_header *h, uint8_t out[JOURNAL_HEADER_BYTES])
{
    memcpy(out, magic, sizeof magic);
    write_u32(out + 8, JOURNAL_FORMAT);
    write_u32(out + 12, h->writer);
    write_u32(out + 16, h->seq);
    write_u32(out + 20, (uint32_t)h->id);
    write_u32(out + 24, (uint32_t)(h->id >> 32));
    write_u32(out + 28, crc32c(0, out, 28));
}

bool journal_header_read(struct str bytes, struct journal_header *out)
{
    if (bytes.len < JOURNAL_HEADER_BYTES || memcmp(bytes.ptr, magic, sizeof magic) != 0 ||
        read_u32(bytes.ptr + 8) != JOURNAL_FORMAT || read_u32(bytes.ptr + 28) != crc32c(0, bytes.ptr, 28))
        return false;
    *out = (struct journal_header){
        .writer = read_u32(bytes.ptr + 12),
        .seq = read_u32(bytes.ptr + 16),
        .id = read_u32(bytes.ptr + 20) | (uint64_t)read_u32(bytes.ptr + 24) << 32,
    };
    return true;
}

/* --- records: version u8, type u8, reserved u16, length u32, checksum u32, payload ------------------------------ */

static bool length_is_plausible(struct str bytes, uint32_t *length)
{
    *length = read_u32(bytes.ptr + 4);
    return bytes.ptr[0] != 0 && *length <= RECORD_PAYLOAD_MAX;
}

size_t journal_record_at(struct str bytes)
{
    uint32_t length;
    if (bytes.len < RECORD_HEADER_BYTES || !length_is_plausible(bytes, &length) ||
        bytes.len - RECORD_HEADER_BYTES < length)
        return 0;
    uint32_t crc = crc32c(0, bytes.ptr, 8);
    crc = crc32c(crc, bytes.ptr + RECORD_HEADER_BYTES, length);
    return crc == read_u32(bytes.ptr + 8) ? RECORD_HEADER_BYTES + (size_t)length : 0;
}

enum journal_step journal_next(struct journal_scan *s, struct record *out)
{
    for (;;) {
        struct str rest = str_skip(s->bytes, s->at);
        uint32_t length;
        if (rest.len < RECORD_HEADER_BYTES)
            return JOURNAL_MORE;
        if (!length_is_plausible(rest, &length))
            return JOURNAL_BAD;
        if (rest.len - RECORD_HEADER_BYTES < length)
            return JOURNAL_MORE;
        size_t bytes = journal_record_at(rest);
        if (!bytes)
            return JOURNAL_BAD;
        s->at += bytes;
        struct str payload = str_of(rest.ptr + RECORD_HEADER_BYTES, length);
        if ((uint8_t)rest.ptr[0] == RECORD_VERSION && record_read((uint8_t)rest.ptr[1], payload, out))
            return JOURNAL_RECORD;
        s->skipped++; /* its checksum is right: a later version wrote it, and we know where it ends */
    }
}

bool journal_has_record(struct str bytes)
{
    for (size_t at = 0; at + RECORD_HEADER_BYTES <= bytes.len; at++)
        if (journal_record_at(str_skip(bytes, at)))
            return true;
    return false;
}

/* --- names: w<writer>-<seq>.hj ---------------------------------------------------------------------------------- */

void segment_name_write(struct segment_name n, char out[SEGMENT_NAME_BYTES])
{
    text_format(out, SEGMENT_NAME_BYTES, "w%u-%06u.hj", n.writer, n.seq);
}

bool segment_name_read(const char *file, struct segment_name *out)
{
    struct str rest = str_from(file);
    uint64_t writer, seq;
    struct str part;
    if (!str_starts(rest, STR("w")) || !str_ends(rest, STR(".hj")))
        return false;
    rest = str_slice(rest, 1, rest.len - 3);
    if (!str_cut(&rest, '-', &part) || !str_to_u64(part, &writer) || !str_to_u64(rest, &seq) || writer > UINT32_MAX ||
        seq > UINT32_MAX)
        return false;
    *out = (struct segment_name){.writer = (uint32_t)writer, .seq = (uint32_t)seq};
    char again[SEGMENT_NAME_BYTES]; /* only names that we write: no second spelling of one segment */
    segment_name_write(*out, again);
    return strcmp(file, again) == 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct segment_name *x = a, *y = b;
    if (x->writer != y->writer)
        return x->writer < y->writer ? -1 : 1;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

static int list_add(struct segment_list *l, size_t *room, struct segment_name n)
{
    if (l->count == *room) {
        struct segment_name *item = mem_grow(l->item, room, 16, sizeof *item);
        if (!item)
            return ERR_NOMEM;
        l->item = item;
    }
    l->item[l->count++] = n;
    return 0;
}

int segment_list_read(struct segment_list *out, int journal_fd, struct err *e)
{
    int fd = openat(journal_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* closedir takes its descriptor along */
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return err_set_errno(e, ERR_IO, error, "listing the journal");
    }
    struct segment_list l = {0};
    size_t room = 0;
    int rc = 0;
    struct dirent *entry;
    while (errno = 0, rc == 0 && (entry = readdir(dir))) {
        struct segment_name n;
        if (segment_name_read(entry->d_name, &n) && list_add(&l, &room, n) < 0)
            rc = err_set(e, ERR_NOMEM, "listing the journal");
    }
    if (rc == 0 && errno)
        rc = err_set_errno(e, ERR_IO, errno, "listing the journal");
    closedir(dir);
    if (rc < 0) {
        segment_list_fini(&l);
        return rc;
    }
    if (l.count)
        qsort(l.item, l.count, sizeof *l.item, compare_names);
    *out = l;
    return 0;
}

void segment_list_fini(struct segment_list *l)
{
    mem_free(l->item);
    *l = (struct segment_list){0};
}
