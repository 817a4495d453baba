/* test_spool.c: few bytes in memory, many in a file without a name, and what is counted of both. */
#include "base/spool.h"
#include "test.h"
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

enum { MEMORY_MAX = 64 * 1024, PIECE = 10000 };

struct house {
    char dir[32];
    struct gauge memory, file;
    struct spool spool;
};

static void house_open(struct house *h, const char *at)
{
    *h = (struct house){.memory = {.max = 10 * (int64_t)MiB}, .file = {.max = 10 * (int64_t)MiB}};
    (void)text_format(h->dir, sizeof h->dir, "%s", at);
    if (!mkdtemp(h->dir))
        test_fail(__FILE__, __LINE__, "no folder");
    h->spool = SPOOL_INIT(str_from(h->dir), MEMORY_MAX);
    h->spool.memory_held = &h->memory;
    h->spool.file_held = &h->file;
}

static void house_close(struct house *h)
{
    spool_fini(&h->spool);
    EXPECT_I64(h->memory.used, 0);
    EXPECT_I64(h->file.used, 0);
    EXPECT_I64(rmdir(h->dir), 0); /* nothing lies in it, nor ever did */
}

static int entries(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        (void)closedir(d);
    return n - 2;
}

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 251);
}

static int fill(struct spool *s, size_t bytes, struct err *e)
{
    char piece[PIECE];
    int rc = 0;
    for (size_t at = 0; at < bytes && rc == 0;) {
        size_t n = bytes - at < PIECE ? bytes - at : PIECE;
        for (size_t i = 0; i < n; i++)
            piece[i] = byte_at(at + i);
        rc = spool_append(s, str_of(piece, n), e);
        at += n;
    }
    return rc;
}

static void expect_whole(const struct spool *s, size_t bytes)
{
    struct str text = spool_text(s);
    size_t wrong = 0;
    EXPECT_I64(text.len, bytes);
    for (size_t i = 0; i < text.len; i++)
        wrong += text.ptr[i] != byte_at(i);
    EXPECT_I64(wrong, 0);
}

TEST(what_came_is_there_whole_whether_its_length_was_told_or_not)
{
    static const size_t sizes[] = {0, 1, PIECE, MEMORY_MAX - 1, MEMORY_MAX, MEMORY_MAX + 1, 3 * MEMORY_MAX, 5 * MiB};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int told = 0; told < 2; told++) {
            struct house h;
            struct err e = {0};
            house_open(&h, "/tmp/hearth-spool-XXXXXX");
            EXPECT_I64(told ? spool_expect(&h.spool, sizes[i], &e) : 0, 0);
            EXPECT_I64(fill(&h.spool, sizes[i], &e), 0);
            EXPECT_I64(spool_settle(&h.spool, &e), 0);
            expect_whole(&h.spool, sizes[i]);
            bool file = sizes[i] > MEMORY_MAX;
            EXPECT_I64(h.spool.fd >= 0, file);
            EXPECT_I64(h.file.used, file ? (int64_t)sizes[i] : 0);
            EXPECT(file ? h.memory.used == 0 : h.memory.used >= (int64_t)sizes[i]);
            EXPECT_I64(entries(h.dir), 0);
            house_close(&h);
        }
}

TEST(a_told_length_has_its_place_before_it_has_come)
{
    struct house h;
    struct err e = {0};
    house_open(&h, "/tmp/hearth-spool-XXXXXX");
    EXPECT_I64(spool_expect(&h.spool, MiB, &e), 0);
    const char *place = h.spool.map;
    EXPECT_I64(spool_append(&h.spool, STR("abc"), &e), 0);
    EXPECT_STR(spool_text(&h.spool), "abc");
    EXPECT_I64(spool_append(&h.spool, STR("def"), &e), 0);
    EXPECT_STR(spool_text(&h.spool), "abcdef");
    EXPECT(spool_text(&h.spool).ptr == place);
    house_close(&h);
}

TEST(full_gauges_and_a_missing_folder_are_errors)
{
    struct house h;
    struct err e = {0};
    house_open(&h, "/tmp/hearth-spool-XXXXXX");
    h.file.max = MiB;
    EXPECT_I64(spool_expect(&h.spool, MiB + 1, &e), ERR_BUSY);
    spool_fini(&h.spool);
    EXPECT_I64(fill(&h.spool, MiB + 1, &e), ERR_BUSY);
    spool_fini(&h.spool);
    h.memory.max = 1000;
    EXPECT_I64(fill(&h.spool, PIECE, &e), ERR_BUSY);
    spool_fini(&h.spool);
    h.memory.max = (int64_t)MiB;
    h.spool.dir = STR("/nowhere/at/all");
    EXPECT_I64(spool_expect(&h.spool, MiB, &e), ERR_IO);
    EXPECT(str_find(str_from(e.text), STR("/nowhere/at/all")) >= 0);
    spool_fini(&h.spool);
    house_close(&h);
}

static int spool_once(void *ctx)
{
    struct house *h = ctx;
    struct err e = {0};
    int rc = fill(&h->spool, 2 * MEMORY_MAX, &e);
    rc = rc ? rc : spool_settle(&h->spool, &e);
    if (rc == 0)
        expect_whole(&h->spool, 2 * MEMORY_MAX);
    spool_fini(&h->spool);
    return rc;
}

TEST(want_of_memory_is_told)
{
    struct house h;
    house_open(&h, "/tmp/hearth-spool-XXXXXX");
    (void)test_torture("spool_append", spool_once, &h);
    house_close(&h);
}
