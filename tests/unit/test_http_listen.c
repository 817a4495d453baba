/* test_http_listen.c: listening sockets from their spelling and back, and the rules for socket files. */
#include "http_kit.h"
#include <sys/stat.h>
#include <sys/un.h>

/* --- listeners */

TEST(addresses_to_listen_on_are_read_and_written)
{
    static const struct {
        const char *in, *begin; /* NULL: refused */
    } t[] = {{"127.0.0.1:0", "127.0.0.1:"},
             {"localhost:0", "127.0.0.1:"},
             {"[::1]:0", "[::1]:"},
             {":0", ":"},
             {"0.0.0.0:0", "0.0.0.0:"},
             {"127.0.0.1", NULL},
             {"127.0.0.1:x", NULL},
             {"127.0.0.1:65536", NULL},
             {"::1:80", NULL},
             {"example.com:80", NULL},
             {"", NULL},
             {"unix:", NULL},
             {"unix:relative", NULL},
             {"[::1:80", NULL},
             {"127.0.0.1:", NULL}};
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        struct err e = {0};
        int fd = -1, rc = http_listener_open(&fd, str_from(t[i].in), &e);
        AUTO_BUF struct buf b = BUF_INIT(100);
        if (!t[i].begin) {
            if (rc != ERR_INVALID || !e.text[0])
                test_fail(__FILE__, __LINE__, "\"%s\": %d", t[i].in, rc);
            continue;
        }
        if (rc < 0) {
            EXPECT(strstr(t[i].in, "::1") && rc == ERR_IO); /* a machine without IPv6 */
            continue;
        }
        EXPECT(http_listener_address(fd, &b) == 0);
        EXPECT(str_starts(buf_str(&b), str_from(t[i].begin)) && b.len > strlen(t[i].begin));
        EXPECT(!str_ends(buf_str(&b), STR(":0")));
        int twice = -1;
        EXPECT_I64(http_listener_open(&twice, buf_str(&b), &e), ERR_BUSY);
        close(fd);
    }
}

static int dial_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path, path, strlen(path));
    EXPECT(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

TEST(a_unix_listener_is_private_and_replaces_only_what_is_dead)
{
    char dir[] = "/tmp/hearth-test-XXXXXX";
    REQUIRE(mkdtemp(dir));
    AUTO_BUF struct buf address = BUF_INIT(300);
    AUTO_BUF struct buf b = BUF_INIT(10000);
    EXPECT(buf_append_format(&address, "unix:%s/s", dir) == 0);
    const char *path = buf_text(&address) + 5;
    struct site s;
    struct err e;
    REQUIRE(site_open_at(&s, (struct http_server_options){0}, buf_str(&address)));
    struct stat st;
    EXPECT(stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0600);
    EXPECT(str_eq(buf_str(&s.address), buf_str(&address)));
    int fd = dial_unix(path);
    say(&s, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    EXPECT(http_exchange_is_local(s.held));
    EXPECT_I64(http_reply(s.held, 200, NULL, 0, STR("hello")), 0);
    hear(&s, fd, &b, "hello");
    close(fd);
    int second = -1;
    EXPECT_I64(http_listener_open(&second, buf_str(&address), &e), ERR_BUSY); /* somebody listens */
    site_close(&s);
    EXPECT(stat(path, &st) == 0); /* stale now */
    EXPECT_I64(http_listener_open(&second, buf_str(&address), &e), 0);
    close(second);
    unlink(path);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    EXPECT_I64(http_listener_open(&second, buf_str(&address), &e), ERR_EXISTS);
    EXPECT(stat(path, &st) == 0 && S_ISREG(st.st_mode));
    close(file);
    unlink(path);
    while (address.len < 130)
        EXPECT(buf_append_text(&address, "/long") == 0);
    EXPECT_I64(http_listener_open(&second, buf_str(&address), &e), ERR_INVALID);
    rmdir(dir);
}
