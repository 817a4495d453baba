/* test_backup.c: a backup taken beside a process that writes holds every call that was booked before, whole, and restores. */
#include "ledger_kit.h"
#include "test.h"
#include <sys/wait.h>

enum { SOON_MS = 5, NEVER_MS = -1, TRIES_MAX = 5000 * SLOWER, CALLS_BEFORE = 300 };
static const int64_t day0_ms = 1795219200000; /* 2026-11-21 00:00 UTC */

struct house {
    struct kit_dir dir;
    struct clock clock;
    struct ledger *ledger;
    struct ledger_writer *writer;
    struct id_source ids;
};

static bool house_open(struct house *h, struct kit_dir dir, int64_t fold_every_ms)
{
    struct rng rng;
    rng_seed(&rng, 1);
    *h = (struct house){.dir = dir, .clock = clock_fake(day0_ms)};
    id_source_init(&h->ids, rng);
    struct ledger_options opt = {.dir = str_from(h->dir.path), .clock = &h->clock, .fold_every_ms = fold_every_ms,
                                 .keep_ms = 86400000};
    return ledger_open(&h->ledger, &opt, NULL) == 0 && ledger_writer_open(&h->writer, h->ledger, 0, NULL) == 0;
}

static bool house_make(struct house *h, int64_t fold_every_ms)
{
    return house_open(h, kit_dir_make(), fold_every_ms);
}

static void house_shut(struct house *h)
{
    ledger_writer_close(h->writer);
    ledger_close(h->ledger);
    h->writer = NULL;
    h->ledger = NULL;
}

static struct id begin(struct house *h, int n)
{
    int64_t wall_ms = day0_ms + n;
    struct id id = id_next(&h->ids, wall_ms);
    struct ledger_call_open call = {.call = id, .wall_ms = wall_ms, .job = n % 3 ? STR("bulk") : STR("fast"), .key = STR("-"),
                                    .tags = STR("x"), .task = STR("t")};
    struct ledger_attempt_open attempt = {.call = id, .attempt = 1, .wall_ms = wall_ms, .target = STR("groq/a"), .hold_nusd = 900};
    EXPECT_I64(ledger_call_opened(h->writer, &call) | ledger_attempt_opened(h->writer, &attempt), 0);
    EXPECT_I64(ledger_flush(h->writer, NULL), 0);
    return id;
}

static void end(struct house *h, const struct id *id, int n)
{
    struct ledger_attempt_close attempt = {.call = *id, .attempt = 1, .ok = true, .reason = STR("done"),
                                           .cost_nusd = n % 7 ? n : COST_UNKNOWN,
                                           .usage = {.input = 10 + n, .output = 5, .cost_nusd = -1, .reported = true}};
    struct ledger_call_close call = {.call = *id, .outcome = CALL_DONE, .target = STR("groq/a"), .attempts = 1, .http_status = 200};
    EXPECT_I64(ledger_attempt_closed(h->writer, &attempt) | ledger_call_closed(h->writer, &call), 0);
    EXPECT_I64(ledger_flush(h->writer, NULL), 0);
}

static void whole(struct house *h, int n)
{
    struct id id = begin(h, n);
    end(h, &id, n);
}

static int write_line(const struct usage_call *u, void *ctx)
{
    return buf_append_format(ctx, "%s %.*s %.*s %.*s %d x%d %d %d $%lld %d %.*s\n", u->call, STR_FMT(u->job), STR_FMT(u->target),
                             STR_FMT(u->tags), (int)u->outcome, u->attempts, (int)u->usage.input, (int)u->usage.output,
                             (long long)u->cost_nusd, u->estimated, STR_FMT(u->task));
}

static int count_lines(struct str text)
{
    int n = 0;
    struct str line;
    while (str_cut(&text, '\n', &line))
        n += line.len > 0;
    return n;
}

/* Every call that the books of that folder tell, a line each. */
static int tell(const char *dir, struct buf *out)
{
    struct ledger_reader *r = NULL;
    struct usage_filter any = {0};
    buf_clear(out);
    if (ledger_reader_open(&r, str_from(dir), NULL) == 0)
        EXPECT_I64(ledger_calls(r, &any, write_line, out, NULL), 0);
    ledger_reader_close(r);
    return count_lines(buf_str(out));
}

/* As the manual says: an empty folder, the file in it under its name, and a start. */
static struct kit_dir restore(const char *file)
{
    struct kit_dir dir = kit_dir_make();
    char to[256];
    kit_join(to, dir.path, LEDGER_STORE_FILE);
    EXPECT_I64(rename(file, to), 0);
    struct ledger_options opt = {.dir = str_from(dir.path), .clock = clock_system()};
    struct ledger *l = NULL;
    EXPECT_I64(ledger_open(&l, &opt, NULL), 0);
    ledger_close(l);
    return dir;
}

static bool has_line(struct str text, struct str line)
{
    return str_find(text, line) >= 0;
}

/* --- the tests -------------------------------------------------------------------------------------------------- */

TEST(a_backup_under_load_restores_every_call_that_was_booked_before_it_after_kill_9_too)
{
    struct house h;
    AUTO_BUF struct buf before = BUF_INIT(64 * MiB);
    AUTO_BUF struct buf after = BUF_INIT(64 * MiB);
    AUTO_BUF struct buf original = BUF_INIT(64 * MiB);
    struct kit_dir aside = kit_dir_make();
    char file[256];
    kit_join(file, aside.path, "books");
    struct kit_dir dir = kit_dir_make();
    pid_t child = fork();
    if (child == 0) { /* writes until it is killed, folding all the time */
        if (!house_open(&h, dir, SOON_MS))
            _exit(1);
        for (int n = 1;; n++)
            whole(&h, n);
    }
    int tries = 0;
    while (tell(dir.path, &before) < CALLS_BEFORE && tries++ < TRIES_MAX)
        kit_pause();
    struct ledger_backup made = {0}, found = {0};
    struct err e = {0};
    int rc = ledger_backup(str_from(dir.path), file, false, &made, &e);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    if (rc < 0)
        test_fail(__FILE__, __LINE__, "backup: %s", e.text);
    int booked = count_lines(buf_str(&before));
    EXPECT(booked >= CALLS_BEFORE && made.calls >= booked && made.in_flight <= 1);
    EXPECT(ledger_backup_check(file, &found, NULL) == 0 && found.calls == made.calls && found.cost_nusd == made.cost_nusd);

    struct kit_dir restored = restore(file);
    EXPECT_I64(tell(restored.path, &after), made.calls + made.in_flight);
    (void)tell(dir.path, &original);
    struct str rest = buf_str(&before), line;
    while (str_cut(&rest, '\n', &line))
        if (line.len && !has_line(buf_str(&after), line))
            test_fail(__FILE__, __LINE__, "lost: %.*s", STR_FMT(line));
    rest = buf_str(&after);
    for (int64_t n = 0; n < made.calls && str_cut(&rest, '\n', &line); n++)
        EXPECT(has_line(buf_str(&original), line)); /* and nothing in it that never was */
    kit_remove(restored.path);
    kit_remove(aside.path);
    kit_remove(dir.path);
}

TEST(what_only_the_journal_has_is_in_the_backup_and_what_is_in_flight_is_lost_by_restoring)
{
    struct house h;
    AUTO_BUF struct buf told = BUF_INIT(MiB);
    AUTO_BUF struct buf restored_told = BUF_INIT(MiB);
    struct kit_dir aside = kit_dir_make();
    char file[256];
    kit_join(file, aside.path, "books");
    for (int folded = 0; folded < 3; folded++) {
        REQUIRE(house_make(&h, NEVER_MS));
        keeper_stop(h.ledger);
        whole(&h, 1);
        struct id half = begin(&h, 2), open = begin(&h, 3);
        if (folded) /* a call may begin in the store and end in the journal */
            EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
        end(&h, &half, 2);
        whole(&h, 4);
        if (folded == 2)
            EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
        struct ledger_backup made = {0};
        EXPECT_I64(ledger_backup(str_from(h.dir.path), file, true, &made, NULL), 0);
        EXPECT(made.calls == 3 && made.in_flight == 1 && made.pruned == 0 && made.cost_nusd == 1 + 2 + 4 && made.cost_unknown == 0);
        EXPECT(made.first_ms == day0_ms + 1 && made.last_ms == day0_ms + 4);
        struct stat st = {0};
        EXPECT(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600);
        EXPECT_I64(tell(h.dir.path, &told), 3);
        struct kit_dir restored = restore(file);
        EXPECT_I64(tell(restored.path, &restored_told), 4);
        struct str rest = buf_str(&told), line;
        while (str_cut(&rest, '\n', &line))
            EXPECT(has_line(buf_str(&restored_told), line));
        char text[ID_TEXT_BYTES], lost[128];
        id_to_text(&open, text);
        text_format(lost, sizeof lost, "%s fast groq/a x 4 x1 0 0 $900 1 t", text);
        EXPECT(has_line(buf_str(&restored_told), str_from(lost)));
        kit_remove(restored.path);
        house_shut(&h);
        kit_remove(h.dir.path);
    }
    kit_remove(aside.path);
}

TEST(sums_of_pruned_days_are_in_the_backup)
{
    struct house h;
    struct kit_dir aside = kit_dir_make();
    char file[256];
    kit_join(file, aside.path, "books");
    REQUIRE(house_make(&h, NEVER_MS));
    keeper_stop(h.ledger);
    for (int n = 1; n <= 7; n++)
        whole(&h, n);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    clock_advance(&h.clock, 3 * (int64_t)86400000);
    bool more = false;
    EXPECT_I64(ledger_prune(h.ledger, NULL, NULL, &more, NULL), 0);
    struct ledger_backup made = {0};
    EXPECT_I64(ledger_backup(str_from(h.dir.path), file, false, &made, NULL), 0);
    EXPECT(made.calls == 0 && made.pruned == 7 && made.cost_nusd == 21 && made.cost_unknown == 1);
    EXPECT(made.first_ms == day0_ms && made.last_ms == day0_ms + 86400000 - 1);
    house_shut(&h);
    kit_remove(h.dir.path);
    kit_remove(aside.path);
}

TEST(a_file_that_exists_is_left_alone_unless_it_is_to_be_replaced_and_nothing_else_is_left)
{
    struct house h;
    struct err e = {0};
    struct ledger_backup made = {0};
    struct kit_dir aside = kit_dir_make();
    char file[256], nowhere[256];
    kit_join(file, aside.path, "books");
    kit_join(nowhere, aside.path, "no/such/books");
    REQUIRE(house_make(&h, NEVER_MS));
    whole(&h, 1);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    EXPECT_I64(ledger_backup(str_from(h.dir.path), file, false, &made, &e), ERR_BUSY);
    EXPECT(str_find(str_from(e.text), STR("--force")) >= 0);
    struct stat st = {0};
    EXPECT(stat(file, &st) == 0 && st.st_size == 0);
    EXPECT_I64(ledger_backup(str_from(h.dir.path), file, true, &made, &e), 0);
    EXPECT(stat(file, &st) == 0 && st.st_size > 0);
    EXPECT_I64(ledger_backup(str_from(h.dir.path), aside.path, true, &made, &e), ERR_INVALID);
    EXPECT_I64(ledger_backup(str_from(h.dir.path), nowhere, true, &made, &e), ERR_IO);
    EXPECT_I64(ledger_backup(STR("/nowhere"), file, true, &made, &e), ERR_NOT_FOUND);
    kit_limit_files(4096); /* a full disk */
    EXPECT_I64(ledger_backup(str_from(h.dir.path), file, true, &made, &e), ERR_IO);
    kit_limit_files(RLIM_INFINITY);
    EXPECT_I64(ledger_backup_check(file, &made, NULL), 0); /* the one before is still whole */
    DIR *d = opendir(aside.path);
    int files = 0;
    for (struct dirent *entry; d && (entry = readdir(d));)
        files += entry->d_name[0] != '.';
    if (d)
        closedir(d);
    EXPECT_I64(files, 1);
    house_shut(&h);
    kit_remove(h.dir.path);
    kit_remove(aside.path);
}

/* There it would take the place of the books that the daemon has open, or of its keys. */
TEST(the_data_folder_is_no_place_for_a_backup)
{
    static const char *const names[] = {"ledger.db", "keys.json", "new.db"};
    struct house h;
    REQUIRE(house_make(&h, SOON_MS));
    struct id id = begin(&h, 1);
    end(&h, &id, 1);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct ledger_backup found;
        struct err e = {0};
        char path[256];
        kit_join(path, h.dir.path, names[i]);
        EXPECT_I64(ledger_backup(str_from(h.dir.path), path, true, &found, &e), ERR_INVALID);
        EXPECT(strstr(e.text, "is the data folder"));
    }
    EXPECT(!kit_exists(h.dir.path, "new.db") && !kit_exists(h.dir.path, "keys.json"));
    house_shut(&h);
    kit_remove(h.dir.path);
}

TEST(what_is_no_backup_or_a_damaged_one_is_told)
{
    struct house h;
    struct err e = {0};
    struct ledger_backup made = {0};
    struct kit_dir aside = kit_dir_make();
    char file[256];
    kit_join(file, aside.path, "books");
    EXPECT_I64(ledger_backup_check(file, &made, &e), ERR_NOT_FOUND);
    close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    EXPECT_I64(ledger_backup_check(file, &made, &e), ERR_INVALID);
    REQUIRE(house_make(&h, NEVER_MS));
    for (int n = 1; n <= 500; n++)
        whole(&h, n);
    EXPECT_I64(ledger_backup(str_from(h.dir.path), file, true, &made, &e), 0);
    EXPECT_I64(made.calls, 500);
    house_shut(&h);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    struct stat st = {0};
    EXPECT_I64(fstat(fd, &st), 0);
    char zeros[4096] = {0};
    for (off_t at = 4096; at < st.st_size; at += 3 * 4096)
        EXPECT_I64(pwrite(fd, zeros, sizeof zeros, at), sizeof zeros);
    close(fd);
    EXPECT_I64(ledger_backup_check(file, &made, &e), ERR_IO);
    EXPECT(str_find(str_from(e.text), str_from(file)) >= 0);
    kit_remove(h.dir.path);
    kit_remove(aside.path);
}

struct torture {
    const char *dir, *file;
};

static int torture_backup(void *ctx)
{
    struct torture *t = ctx;
    struct ledger_backup made;
    return ledger_backup(str_from(t->dir), t->file, true, &made, NULL);
}

TEST(a_backup_survives_any_failed_allocation)
{
    struct house h;
    struct kit_dir aside = kit_dir_make();
    char file[256];
    kit_join(file, aside.path, "books");
    REQUIRE(house_make(&h, NEVER_MS));
    keeper_stop(h.ledger);
    whole(&h, 1);
    EXPECT_I64(keeper_fold(h.ledger, NULL), 0);
    whole(&h, 2);
    (void)test_torture("ledger_backup", torture_backup, &(struct torture){h.dir.path, file});
    house_shut(&h);
    kit_remove(h.dir.path);
    kit_remove(aside.path);
}
