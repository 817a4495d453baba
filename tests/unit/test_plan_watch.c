/* test_plan_watch.c: `hearth plan --watch`: what a client's own logs show, each answer once, in the reader's time zone. */
#include "cli_kit.h"

/* An answer's line, so long ago. */
static void put_line(struct buf *out, int64_t ago_ms, const char *message, int output)
{
    char iso[CIVIL_ISO_BYTES];
    civil_iso(clock_wall_ms(clock_system()) - ago_ms, iso);
    (void)buf_append_format(out,
                            "{\"type\":\"assistant\",\"timestamp\":\"%s\",\"requestId\":\"req_%s\",\"message\":{\"id\":\"%s\",\"model\":"
                            "\"claude-opus-5-5\",\"usage\":{\"input_tokens\":100,\"cache_read_input_tokens\":900,\"output_tokens\":%d}}}\n",
                            iso, message, message, output);
}

enum { MINUTE = 60000, HOUR = 3600000 };

TEST(logs_are_told_as_a_block_and_a_week_and_each_answer_counts_once)
{
    struct cli_world w;
    struct cli_run r;
    AUTO_BUF struct buf one = BUF_INIT(64 * KiB), two = BUF_INIT(64 * KiB), opened = BUF_INIT(64);
    char path[128];
    REQUIRE(cli_world_open(&w));
    cli_env(&w, "TZ", "JST-9"); /* nine hours before UTC, as POSIX writes what others call +9 */
    text_format(path, sizeof path, "%s/p", w.folder);
    REQUIRE(mkdir(path, 0700) == 0);
    put_line(&one, 30 * HOUR, "old", 1);       /* of the week, not of the block */
    put_line(&one, 8 * 24 * HOUR, "older", 1); /* of neither */
    put_line(&one, 2 * HOUR, "a", 10);
    (void)buf_append_text(&one, "{\"type\":\"user\"}\nnot json\n");
    put_line(&two, 2 * HOUR, "a", 10); /* the same answer in another log */
    put_line(&two, HOUR, "b", 20);
    REQUIRE(cli_write(&w, "p/one.jsonl", buf_str(&one)) && cli_write(&w, "p/two.jsonl", buf_str(&two)) &&
            cli_write(&w, "p/other.txt", buf_str(&two)));
    struct civil c = civil_from_ms(clock_wall_ms(clock_system()) - 2 * HOUR + 9 * HOUR);
    REQUIRE(cli_do(&r, &w, CLI("plan", "--watch", "p", "--once", "--json")));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "\"files\":2,\"left_out\":0,\"duplicates\":1");
    EXPECT_SAYS(&r, "{\"window\":\"5h\",\"source\":\"estimate\",\"answers\":2,\"input\":2000,\"cached\":1800,\"cache_write\":0,\"output\":30");
    EXPECT_SAYS(&r, "{\"window\":\"7d\",\"source\":\"estimate\",\"answers\":3,\"input\":3000");
    cli_run_fini(&r);
    REQUIRE(cli_do(&r, &w, CLI("plan", "--watch", "p", "--once")));
    EXPECT_I64(r.status, 0);
    (void)buf_append_format(&opened, "%02d:%02d, resets about", c.hour, c.minute);
    EXPECT_SAYS(&r, "an estimate from 2 logs");
    if (buf_text(&opened) && c.minute < 59) /* the minute may turn between our clock and the command's */
        EXPECT_SAYS(&r, opened.ptr);
    cli_run_fini(&r);
    cli_world_close(&w);
}

TEST(a_folder_without_logs_and_one_that_is_not_there)
{
    struct cli_world w;
    struct cli_run r;
    REQUIRE(cli_world_open(&w));
    REQUIRE(cli_do(&r, &w, CLI("plan", "--watch", ".", "--once")));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "none is open");
    cli_run_fini(&r);
    REQUIRE(cli_do(&r, &w, CLI("plan", "--watch", "nowhere")));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "is no folder");
    cli_run_fini(&r);
    cli_world_close(&w);
}

static bool append(const struct cli_world *w, const char *name, struct str text)
{
    char path[256];
    text_format(path, sizeof path, "%s/%s", w->folder, name);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    bool fine = fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len;
    return fd >= 0 && close(fd) == 0 && fine;
}

TEST(it_goes_on_watching_and_reads_what_is_added_and_only_whole_lines)
{
    struct cli_world w;
    struct cli_run r;
    AUTO_BUF struct buf log = BUF_INIT(64 * KiB);
    REQUIRE(cli_world_open(&w));
    put_line(&log, HOUR, "a", 10);
    REQUIRE(cli_write(&w, "one.jsonl", buf_str(&log)));
    REQUIRE(cli_start(&r, &w, false, CLI("plan", "--watch", ".", "--json")));
    EXPECT(cli_until(&r, "\"answers\":1,\"input\":1000"));
    size_t whole = log.len;
    put_line(&log, MINUTE, "b", 20);
    REQUIRE(append(&w, "one.jsonl", str_slice(buf_str(&log), whole, whole + 20))); /* half a line, as while it is being written */
    REQUIRE(append(&w, "one.jsonl", str_skip(buf_str(&log), whole + 20)));
    EXPECT(cli_until(&r, "\"answers\":2,\"input\":2000,\"cached\":1800,\"cache_write\":0,\"output\":30"));
    EXPECT_SAYS(&r, "\"duplicates\":0");
    cli_end(&r, SIGINT);
    cli_run_fini(&r);
    cli_world_close(&w);
}
