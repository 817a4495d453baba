/* test_upgrade.c: the data folder of an earlier version, taken over by today's binary. tests/golden/folder-1 holds one: a
 * ledger.db of format 1 (as SQL) and a segment of the journal (as hexadecimal digits), as the first version of Hearth left them
 * when it was killed in the middle of a call, and what that version itself told of them (usage.jsonl). It had no keys and no admin
 * token: these are in the first format that either file had, written by hand. */
#include "cli_kit.h"
#include <arpa/inet.h>
#include <sqlite3.h>
#include <sys/socket.h>

#define LAPTOP "hearth_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TOKEN "hearth_admin_fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

struct house {
    struct cli_world world;
    struct cli_run daemon;
    int port;
};

static bool golden(struct buf *out, const char *name)
{
    char path[200];
    buf_clear(out);
    text_format(path, sizeof path, "tests/golden/folder-1/%s", name);
    return buf_read_file(out, path, NULL) == 0;
}

static bool lay(struct house *h, const char *from, const char *to)
{
    AUTO_BUF struct buf bytes = BUF_INIT(1 * MiB);
    char path[200];
    text_format(path, sizeof path, "%s/%s", h->world.folder, to);
    return golden(&bytes, from) && cli_write(&h->world, to, buf_str(&bytes)) && chmod(path, 0600) == 0;
}

static bool lay_database(struct house *h)
{
    AUTO_BUF struct buf sql = BUF_INIT(1 * MiB);
    char path[200];
    sqlite3 *db = NULL;
    text_format(path, sizeof path, "%s/data/ledger.db", h->world.folder);
    bool good = golden(&sql, "ledger.sql") && buf_text(&sql) && sqlite3_open(path, &db) == SQLITE_OK &&
                sqlite3_exec(db, sql.ptr, NULL, NULL, NULL) == SQLITE_OK;
    return sqlite3_close(db) == SQLITE_OK && good && chmod(path, 0600) == 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool lay_segment(struct house *h)
{
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB), bytes = BUF_INIT(1 * MiB);
    bool good = golden(&text, "w0-000001.hj.hex");
    for (size_t i = 0; good && i + 1 < text.len; i += 2) {
        i += text.ptr[i] == '\n';
        int high = i + 1 < text.len ? digit(text.ptr[i]) : -1, low = high >= 0 ? digit(text.ptr[i + 1]) : -1;
        good = low >= 0 && buf_append_char(&bytes, (char)(high * 16 + low)) == 0;
    }
    return good && cli_write(&h->world, "data/journal/w0-000001.hj", buf_str(&bytes));
}

static bool house_open(struct house *h)
{
    char data[100], journal[100];
    *h = (struct house){.port = -1};
    if (!cli_world_open(&h->world))
        return false;
    text_format(data, sizeof data, "%s/data", h->world.folder);
    text_format(journal, sizeof journal, "%s/data/journal", h->world.folder);
    return mkdir(data, 0700) == 0 && mkdir(journal, 0700) == 0 && lay_database(h) && lay_segment(h) && lay(h, "keys.json", "data/keys.json") &&
           lay(h, "admin-token", "data/admin-token") &&
           cli_write(&h->world, "hearth.yaml",
                     STR("listen: 127.0.0.1:0\n"
                         "upstreams: { kimi: { url: \"http://127.0.0.1:9/v1\" }, groq: { url: \"http://127.0.0.1:9/v1\" } }\n"
                         "jobs: { bulk: { chain: [kimi/b] }, fast: { chain: [groq/a] } }\n"));
}

static void house_close(struct house *h)
{
    cli_run_fini(&h->daemon);
    cli_world_close(&h->world);
}

/* Starts today's daemon and takes its port from what it says. */
static bool serve(struct house *h)
{
    uint64_t port;
    if (!cli_start(&h->daemon, &h->world, false, CLI("serve", "--config", "hearth.yaml", "--data", "data")) ||
        !cli_until(&h->daemon, "listening on 127.0.0.1:"))
        return false;
    struct str said = buf_str(&h->daemon.out), begin = STR("listening on 127.0.0.1:");
    said = str_skip(said, (size_t)str_find(said, begin) + begin.len);
    size_t n = 0;
    while (n < said.len && said.ptr[n] >= '0' && said.ptr[n] <= '9')
        n++;
    h->port = str_to_u64(str_slice(said, 0, n), &port) ? (int)port : -1;
    return h->port > 0;
}

static bool get(struct house *h, const char *path, const char *bearer, struct buf *out)
{
    AUTO_BUF struct buf request = BUF_INIT(4 * KiB);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)h->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = buf_append_format(&request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer %s\r\n\r\n",
                                  path, bearer) == 0 &&
                connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
                send(fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
    buf_clear(out);
    while (good && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, CLI_WAIT_MS) == 1 && buf_reserve(out, 16 * KiB) == 0) {
        ssize_t n = recv(fd, out->ptr + out->len, 16 * KiB, 0);
        if (n <= 0)
            break;
        out->len += (size_t)n;
    }
    close(fd);
    return good && out->len > 0;
}

static void expect_reply(struct house *h, const char *path, const char *bearer, const char *status, const char *has,
                         const char *lacks)
{
    AUTO_BUF struct buf reply = BUF_INIT(1 * MiB);
    if (!get(h, path, bearer, &reply) || !str_starts(buf_str(&reply), str_from(status)) ||
        str_find(buf_str(&reply), str_from(has)) < 0 || str_find(buf_str(&reply), str_from(lacks)) >= 0)
        test_fail(__FILE__, __LINE__, "%s: %.*s", path, STR_FMT(buf_str(&reply)));
}

/* What the old version told of each call is still told, member for member; newer ones may stand behind. */
static void expect_usage(struct house *h)
{
    AUTO_BUF struct buf old = BUF_INIT(64 * KiB);
    struct cli_run r;
    struct str rest, now_rest, was, is;
    REQUIRE(golden(&old, "usage.jsonl") && cli_do(&r, &h->world, CLI("usage", "--calls", "--json", "--data", "data")));
    EXPECT_I64(r.status, 0);
    rest = buf_str(&old);
    now_rest = buf_str(&r.out);
    int calls = 0;
    while (str_cut(&rest, '\n', &was) && was.len) {
        bool there = str_cut(&now_rest, '\n', &is);
        if (!there || !str_starts(is, str_slice(was, 0, was.len - 1)))
            test_fail(__FILE__, __LINE__, "was %.*s\nis %.*s", STR_FMT(was), there ? (int)is.len : 0, is.ptr);
        calls++;
    }
    EXPECT_I64(calls, 6);
    EXPECT_I64((int64_t)now_rest.len, 0);
    cli_run_fini(&r);
}

TEST(an_old_data_folder_is_taken_over_with_all_its_calls_its_keys_and_its_token)
{
    struct house h;
    struct cli_run r;
    REQUIRE(house_open(&h));
    REQUIRE(cli_do(&r, &h.world, CLI("usage", "--data", "data"))); /* a reader changes nothing, and says who does */
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "`hearth serve` brings it to");
    cli_run_fini(&r);
    for (int round = 0; round < 2; round++) { /* the second start finds what the first one made of it */
        REQUIRE(serve(&h));
        expect_usage(&h);
        expect_reply(&h, "/hearth/v1/status", TOKEN, "HTTP/1.1 200", "\"ready\":true", "\"error\"");
        expect_reply(&h, "/v1/models", LAPTOP, "HTTP/1.1 200", "\"bulk\"", "\"fast\"");
        expect_reply(&h, "/v1/models", "sk-brought-along-from-litellm", "HTTP/1.1 200", "\"fast\"", "\"error\"");
        expect_reply(&h, "/v1/models", "sk-ended", "HTTP/1.1 401", "revoked", "\"fast\"");
        cli_end(&h.daemon, SIGTERM);
        EXPECT_I64(h.daemon.status, 0);
        cli_run_fini(&h.daemon);
        expect_usage(&h);
    }
    REQUIRE(cli_do(&r, &h.world, CLI("keys", "list", "--json", "--data", "data")));
    EXPECT_SAYS(&r, "\"laptop\"");
    EXPECT_SAYS(&r, "\"rpm\":60");
    cli_run_fini(&r);
    house_close(&h);
}

static bool set_version(struct house *h, int version, int *is)
{
    char path[200], sql[64];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    text_format(path, sizeof path, "%s/data/ledger.db", h->world.folder);
    text_format(sql, sizeof sql, "PRAGMA user_version = %d", version);
    bool good = sqlite3_open(path, &db) == SQLITE_OK && (!version || sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK) &&
                sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
    *is = good ? sqlite3_column_int(st, 0) : -1;
    (void)sqlite3_finalize(st);
    return sqlite3_close(db) == SQLITE_OK && good;
}

/* Who goes back to an earlier version meets it. */
TEST(a_data_folder_of_a_newer_version_is_refused_with_the_way_out_and_left_as_it_is)
{
    enum { NEWER = 99 };
    static const char *const tries[][6] = {{"serve", "--config", "hearth.yaml", "--data", "data", NULL}, {"usage", "--data", "data", NULL}};
    struct house h;
    struct cli_run r;
    int version = 0;
    AUTO_BUF struct buf before = BUF_INIT(1 * MiB), after = BUF_INIT(1 * MiB);
    REQUIRE(house_open(&h) && set_version(&h, NEWER, &version));
    EXPECT(cli_read(&h.world, "data/journal/w0-000001.hj", &before));
    for (size_t i = 0; i < COUNT_OF(tries); i++) {
        REQUIRE(cli_do(&r, &h.world, tries[i]));
        EXPECT_I64(r.status, 1);
        EXPECT_SAYS(&r, "data/ledger.db was written by a newer version of Hearth (format 99, this one knows ");
        EXPECT_SAYS(&r, "run that version, or restore a backup that this one made");
        cli_run_fini(&r);
    }
    EXPECT(set_version(&h, 0, &version));
    EXPECT_I64(version, NEWER);
    EXPECT(cli_read(&h.world, "data/journal/w0-000001.hj", &after) && str_eq(buf_str(&before), buf_str(&after)));
    /* After an orderly end of the newer version nothing is to be folded; the start looks at the version all the same. */
    char path[200];
    text_format(path, sizeof path, "%s/data/journal/w0-000001.hj", h.world.folder);
    EXPECT(unlink(path) == 0);
    text_format(path, sizeof path, "%s/data/lock", h.world.folder);
    EXPECT(truncate(path, 0) == 0);
    REQUIRE(cli_do(&r, &h.world, tries[0]));
    EXPECT_I64(r.status, 1);
    EXPECT_SAYS(&r, "newer version of Hearth");
    cli_run_fini(&r);
    house_close(&h);
}
