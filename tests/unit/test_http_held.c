/* test_http_held.c: what the server holds for all its clients together has a ceiling: bodies that do not fit are refused,
 * unsent output counts, and everything is given back. */
#include "http_kit.h"
#include <sys/resource.h>

static int64_t used(const struct gauge *g)
{
    return (int64_t)atomic_load(&g->used);
}

TEST(a_body_that_does_not_fit_is_refused_before_it_is_read)
{
    struct gauge held = {.max = 100 * KiB};
    OPEN_SITE(.held = &held);
    gauge_add(&held, 60 * KiB);
    expect_refusal(&s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 503 ");
    EXPECT_I64(s.requests, 0);
    EXPECT_I64(used(&held), 60 * KiB);
    int fd = dial(&s);
    say(&s, fd, "POST /fits HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    hear(&s, fd, &b, "hello");
    EXPECT_I64(used(&held), 60 * KiB);
    gauge_add(&held, 60 * KiB); /* above the ceiling by now: what has no body is still answered */
    say(&s, fd, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "/small");
    expect_refusal(&s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 503 ");
    expect_refusal(&s, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 503 ");
    close(fd);
    site_close(&s);
}

TEST(a_chunked_body_is_refused_when_it_passes_the_ceiling_and_its_bytes_are_given_back)
{
    enum { PIECE = 4096 };
    struct gauge held = {.max = 64 * KiB};
    OPEN_SITE(.held = &held);
    int fd = dial(&s);
    say(&s, fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    static char piece[PIECE + 8];
    size_t head = text_format(piece, sizeof piece, "%x\r\n", PIECE);
    memset(piece + head, 'x', PIECE - head);
    piece[head + PIECE - 2] = '\0';
    AUTO_BUF struct buf chunk = BUF_INIT(1 * MiB);
    EXPECT(buf_append(&chunk, str_of(piece, head)) == 0);
    for (int i = 0; i < PIECE; i++)
        EXPECT(buf_append_char(&chunk, 'x') == 0);
    EXPECT(buf_append_text(&chunk, "\r\n") == 0);
    for (int i = 0; i < 64; i++)
        if (!say_bytes(&s, fd, buf_str(&chunk)))
            break;
    EXPECT(hear(&s, fd, &b, "503 ") != HEARD_RESET);
    UNTIL(&s, used(&held) == 0);
    EXPECT_I64(s.requests, 0);
    close(fd);
    site_close(&s);
}

TEST(output_that_a_client_does_not_take_counts_until_it_is_gone)
{
    struct gauge held = {.max = 64 * MiB};
    OPEN_SITE(.held = &held);
    int fd = dial(&s);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    say(&s, fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, used(&held) > 0);
    EXPECT(used(&held) < 5 * (int64_t)MiB);
    close(fd);
    UNTIL(&s, used(&held) == 0);
    site_close(&s);
}

enum { UPLOADS = 14, UPLOAD_BYTES = 60 << 20, CEILING = 128 << 20, GROWTH_MAX = 64 << 20 };

struct upload {
    int fd;
    size_t sent;
    bool over;
    char status[16];
};

/* A piece of the body, and what the server says. */
static void upload_some(struct upload *u)
{
    static char zeros[256 * 1024];
    size_t rest = UPLOAD_BYTES - u->sent;
    ssize_t n = rest ? send(u->fd, zeros, rest < sizeof zeros ? rest : sizeof zeros, MSG_NOSIGNAL) : 0;
    if (n > 0)
        u->sent += (size_t)n;
    char text[4096];
    n = recv(u->fd, text, sizeof text, 0);
    if (n > 0 && !u->status[0])
        memcpy(u->status, text, sizeof u->status - 1);
    u->over = n == 0 || (n < 0 && errno != EAGAIN) || u->status[0];
}

static int64_t peak_kib(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_maxrss;
}

/* Each announces 60 MiB while there is room, and then all of them send: memory has a ceiling all the same. */
TEST(many_uploads_at_once_stay_below_the_ceiling_and_each_is_told)
{
    struct gauge held = {.max = CEILING};
    OPEN_SITE(.held = &held);
    struct upload up[UPLOADS] = {0};
    int64_t most = 0, before_kib = peak_kib();
    int over = 0, refused = 0;
    for (int i = 0; i < UPLOADS; i++) {
        char head[128];
        up[i].fd = dial(&s);
        text_format(head, sizeof head, "POST /empty HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", UPLOAD_BYTES);
        say(&s, up[i].fd, head);
    }
    for (int turns = 0; turns < 100000 && over < UPLOADS; turns++) {
        over = 0;
        for (int i = 0; i < UPLOADS; i++) {
            if (!up[i].over)
                upload_some(&up[i]);
            over += up[i].over;
        }
        loop_turn(s.loop, 0);
        most = used(&held) > most ? used(&held) : most;
    }
    EXPECT_I64(over, UPLOADS);
    for (int i = 0; i < UPLOADS; i++) {
        bool no = strncmp(up[i].status, "HTTP/1.1 503", 12) == 0;
        EXPECT(no || strncmp(up[i].status, "HTTP/1.1 204", 12) == 0);
        refused += no;
        close(up[i].fd);
    }
    EXPECT(refused > 0 && refused < UPLOADS && s.requests == UPLOADS - refused);
    EXPECT(most <= CEILING + GROWTH_MAX); /* one growth beyond it, counted and refused before a byte of it is written */
    EXPECT(SANITIZED || peak_kib() - before_kib < (CEILING + (16 << 20)) / 1024); /* a sanitizer's memory says nothing */
    UNTIL(&s, used(&held) == 0);
    site_close(&s);
}
