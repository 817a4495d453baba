/* test_http_hostile.c: the HTTP server with clients that send nonsense, too much, too slowly or nothing, that read nothing,
 * and that leave in the middle. */
#include "http_kit.h"
#include <sys/resource.h>

/* --- refusals of this layer */

TEST(improper_requests_are_answered_and_closed)
{
    OPEN_SITE(.body_bytes_max = 10, .head_bytes_max = 300, .headers_max = 3);
    static const char *t[][2] = {
        {"GET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"\x16\x03\x01", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", "HTTP/1.1 413 Content Too Large\r\n"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n", "HTTP/1.1 413 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 415 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nExpect: magic\r\nContent-Length: 1\r\n\r\n", "HTTP/1.1 417 "},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n", "HTTP/1.1 431 "},
        {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505 "},
    };
    for (size_t i = 0; i < COUNT_OF(t); i++)
        expect_refusal(&s, t[i][0], t[i][1]);
    char text[400];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    expect_refusal(&s, text, "HTTP/1.1 414 ");
    memcpy(text, "GET /path HTTP/1.1\r\n", 20);
    expect_refusal(&s, text, "HTTP/1.1 431 ");
    EXPECT_I64(s.requests, 0);
    site_close(&s);
}

TEST(the_handler_words_the_refusal_and_learns_the_path)
{
    OPEN_SITE(.handler.on_refuse = on_refuse, .head_bytes_max = 300);
    expect_refusal(&s, "POST /v1/messages HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n", "HTTP/1.1 400 ");
    EXPECT_I64(s.last_refusal, 400);
    EXPECT_STR(str_from(s.last_path), "/v1/messages");
    char text[400];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    memcpy(text, "POST /v1/chat HTTP/1.1\r\n", 24);
    expect_refusal(&s, text, "HTTP/1.1 431 ");
    EXPECT_STR(str_from(s.last_path), "/v1/chat");
    expect_refusal(&s, "POST\r\n\r\n", "HTTP/1.1 400 ");
    EXPECT_STR(str_from(s.last_path), "");
    EXPECT_I64(s.refused, 3);
    site_close(&s);
}

TEST(a_refusal_comes_after_the_replies_before_it)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd,
        "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET  /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    ptrdiff_t good = str_find(buf_str(&b), STR("\r\n\r\n/aHTTP/1.1 400 "));
    EXPECT(good > 0);
    EXPECT_I64(s.requests, 1);
    close(fd);
    site_close(&s);
}

TEST(a_refused_client_that_goes_on_sending_is_closed_after_so_many_bytes)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "nonsense\r\n\r\n");
    hear(&s, fd, &b, NULL);
    REQUIRE(s.server->conn && s.server->conn->state == HTTP_LINGER);
    s.server->conn->dropped_bytes = 64 << 20; /* as if it had sent them */
    say(&s, fd, "and more nonsense");
    UNTIL(&s, http_server_connections(s.server) == 0);
    close(fd);
    site_close(&s);
}

/* --- clients that leave */

static void leave(int fd, bool reset)
{
    struct linger l = {.l_onoff = 1};
    if (reset)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    close(fd);
}

TEST(a_client_that_leaves_while_its_reply_is_outstanding_is_noticed)
{
    OPEN_SITE();
    for (int how = 0; how < 3; how++) {
        int fd = dial(&s);
        say(&s, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
        UNTIL(&s, s.held);
        if (how == 2) { /* FIN alone: it could still read, and is gone all the same */
            shutdown(fd, SHUT_WR);
            UNTIL(&s, s.gone == 3);
        }
        leave(fd, how == 1);
        UNTIL(&s, s.gone == how + 1);
        EXPECT_I64(http_server_connections(s.server), 0);
    }
    site_close(&s);
}

TEST(leaving_is_noticed_while_the_output_is_full_and_nothing_is_read)
{
    OPEN_SITE(.write_high_bytes = 100000, .write_low_bytes = 1000);
    for (int how = 0; how < 2; how++) {
        int fd = dial(&s);
        say(&s, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        UNTIL(&s, s.held);
        static const char piece[60000];
        for (int full = 0; full < 5;) { /* until the kernel takes no more */
            full = http_reply_write(s.held, str_of(piece, sizeof piece)) == 1 ? full + 1 : 0;
            turn(&s);
        }
        EXPECT(s.server->conn->blocked);
        leave(fd, how == 1);
        UNTIL(&s, s.gone == how + 1);
    }
    site_close(&s);
}

TEST(leaving_in_the_middle_of_a_request_is_told_only_to_a_handler_that_knows_it)
{
    for (int knows = 0; knows < 2; knows++) {
        OPEN_SITE(.handler.on_head = knows ? on_head : NULL);
        int fd = dial(&s);
        say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
        UNTIL(&s, s.server->conn && s.server->conn->state == HTTP_BODY);
        close(fd);
        UNTIL(&s, http_server_connections(s.server) == 0);
        EXPECT_I64(s.gone, knows);
        site_close(&s);
    }
}

TEST(a_client_that_closes_its_side_after_a_complete_reply_still_gets_all_of_it)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.server->conn && s.server->conn->blocked);
    shutdown(fd, SHUT_WR);
    UNTIL(&s, s.server->conn->fin);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(b.len > 4 << 20);
    EXPECT_I64(s.gone, 0);
    close(fd);
    UNTIL(&s, http_server_connections(s.server) == 0);
    site_close(&s);
}

TEST(a_handler_may_drop_the_connection_from_inside_its_request)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /gone-at-once HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, NULL);
    EXPECT_I64(b.len, 0);
    EXPECT_I64(s.requests, 1);
    EXPECT_I64(s.gone, 0);
    close(fd);
    site_close(&s);
}

/* --- back-pressure and bounds */

TEST(a_full_stream_is_told_to_stop_and_told_when_to_go_on)
{
    OPEN_SITE(.write_high_bytes = 100000, .write_low_bytes = 10000);
    int fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.0\r\n\r\n");
    UNTIL(&s, s.held);
    AUTO_BUF struct buf sent = BUF_INIT(64 << 20);
    int rounds = 0;
    for (unsigned n = 0; rounds < 3 && n < 2000; n++) {
        char piece[30000];
        memset(piece, (int)('a' + n % 26), sizeof piece);
        EXPECT(buf_append(&sent, str_of(piece, sizeof piece)) == 0);
        if (http_reply_write(s.held, str_of(piece, sizeof piece)) == 0 || (turn(&s), s.drained > rounds)) {
            rounds = s.drained; /* the kernel took it in the same turn */
            continue;
        }
        EXPECT(http_reply_pending(s.held) < 100000 + 30000);
        for (int turns = 0; turns < TURNS_MAX && s.drained == rounds; turns++) {
            hear_some(fd, &b);
            turn(&s);
        }
        EXPECT_I64(s.drained, rounds + 1);
        rounds++;
        EXPECT(http_reply_pending(s.held) < 10000);
    }
    http_reply_end(s.held);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_ends(buf_str(&b), buf_str(&sent)));
    close(fd);
    site_close(&s);
}

TEST(pipelined_input_is_bounded_and_a_leaving_client_is_noticed_all_the_same)
{
    OPEN_SITE(.head_bytes_max = 1000);
    int fd = dial(&s);
    static char junk[150000];
    memset(junk, 'j', sizeof junk);
    say(&s, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    (void)send(fd, junk, sizeof junk, MSG_NOSIGNAL);
    UNTIL(&s, s.server->conn->dropped_bytes > 0); /* beyond the bound it is read and dropped, so that a FIN gets through */
    for (int i = 0; i < 20; i++)
        turn(&s);
    EXPECT(s.server->conn->in.len <= 1000 + HTTP_SCRATCH_BYTES);
    shutdown(fd, SHUT_WR);
    UNTIL(&s, s.gone == 1);
    close(fd);
    site_close(&s);
}

TEST(requests_of_a_client_that_reads_no_replies_wait)
{
    OPEN_SITE();
    int fd = dial(&s);
    for (int i = 0; i < 4; i++)
        say(&s, fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.server->conn && s.server->conn->blocked);
    for (int i = 0; i < 20; i++)
        turn(&s);
    EXPECT_I64(s.requests, 1);
    for (int turns = 0; turns < 20 * TURNS_MAX && b.len < 4u * (4u << 20); turns++) {
        hear_some(fd, &b);
        turn(&s);
    }
    EXPECT_I64(s.requests, 4);
    close(fd);
    site_close(&s);
}

TEST(connections_above_the_limit_wait_in_the_backlog)
{
    OPEN_SITE(.connections_max = 2);
    int fd[3];
    for (int i = 0; i < 3; i++)
        fd[i] = dial(&s);
    say(&s, fd[2], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, http_server_connections(s.server) == 2);
    for (int i = 0; i < 20; i++)
        turn(&s);
    EXPECT_I64(s.requests, 0);
    EXPECT_I64(s.server->listener->io.fd, -1); /* out of epoll: a listener that stays ready would spin */
    close(fd[0]);
    hear(&s, fd[2], &b, "/a");
    close(fd[1]);
    close(fd[2]);
    site_close(&s);
}

TEST(without_descriptors_the_listener_backs_off_and_comes_back)
{
    OPEN_SITE();
    struct rlimit old, low;
    int fd = dial(&s);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
    int free_fd = dup(fd); /* the lowest free number: nothing from here on */
    low = (struct rlimit){(rlim_t)free_fd, old.rlim_max};
    close(free_fd);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
    UNTIL(&s, loop_timer_pending(&s.server->accept_timer));
    EXPECT_I64(s.server->listener->io.fd, -1);
    EXPECT_I64(http_server_connections(s.server), 0);
    setrlimit(RLIMIT_NOFILE, &old);
    for (int i = 0; i < 5; i++)
        turn(&s);
    EXPECT_I64(http_server_connections(s.server), 0);
    clock_advance(&s.clock, 100);
    UNTIL(&s, http_server_connections(s.server) == 1);
    close(fd);
    site_close(&s);
}

TEST(an_idle_connection_is_small_and_so_is_one_with_a_stream)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd,
        "POST /stream HTTP/1.1\r\nHost: localhost:4242\r\nContent-Length: 3\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: "
        "5\r\n\r\nabc");
    UNTIL(&s, s.held);
    http_exchange_body_free(s.held);
    EXPECT_I64(http_reply_write(s.held, STR("data: {}\n\n")), 0);
    hear(&s, fd, &b, "data: {}");
    const struct http_conn *c = s.server->conn;
    EXPECT(sizeof *c <= 256);
    EXPECT(sizeof *c + c->x->block_size <= 2048);
    EXPECT(!c->in.ptr && !c->out.head && !c->x->body.ptr);
    http_reply_end(s.held);
    hear(&s, fd, &b, "0\r\n\r\n");
    EXPECT(!c->in.ptr && !c->out.head && !c->x);
    close(fd);
    site_close(&s);
}

/* --- time-outs */

/* Passes time in steps, letting the server notice each. */
static void pass(struct site *s, int64_t ms)
{
    for (int i = 0; i < 10; i++) {
        clock_advance(&s->clock, ms / 10);
        turn(s);
    }
}

TEST(a_head_that_does_not_come_in_time_is_refused_however_it_drips)
{
    OPEN_SITE(.head_timeout_ms = 1000);
    int fd = dial(&s);
    const char *drip = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    for (int i = 0; i < 9; i++) {
        say_bytes(&s, fd, str_of(drip + i, 1));
        turn(&s);
        clock_advance(&s.clock, 100);
        turn(&s);
    }
    EXPECT_I64(hear_some(fd, &b), HEARD_MORE);
    EXPECT_I64(b.len, 0);
    clock_advance(&s.clock, 200);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 408 ")));
    close(fd);
    site_close(&s);
}

TEST(a_body_that_stops_coming_is_refused)
{
    OPEN_SITE(.body_timeout_ms = 1000, .handler.on_refuse = on_refuse);
    int fd = dial(&s);
    say(&s, fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab");
    UNTIL(&s, s.server->conn && s.server->conn->state == HTTP_BODY);
    pass(&s, 900);
    say(&s, fd, "c");
    UNTIL(&s, s.server->conn->x->body.len == 3);
    pass(&s, 900);
    EXPECT_I64(s.refused, 0);
    pass(&s, 200);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 408 ")));
    EXPECT_STR(str_from(s.last_path), "/p");
    close(fd);
    site_close(&s);
}

TEST(a_body_that_drips_is_refused_after_its_first_half_minute)
{
    OPEN_SITE(.body_rate_min = 10);
    int fd = dial(&s), dripped = 0;
    say(&s, fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    UNTIL(&s, s.server->conn && s.server->conn->state == HTTP_BODY);
    while (s.server->conn->state == HTTP_BODY && dripped < 100) {
        clock_advance(&s.clock, 1000);
        say(&s, fd, "x");
        dripped++;
        UNTIL(&s, s.server->conn->state != HTTP_BODY || (int)s.server->conn->x->body.len == dripped);
    }
    EXPECT_I64(dripped, 31);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 408 ")));
    close(fd);
    site_close(&s);
}

TEST(an_idle_connection_is_closed_and_a_busy_one_is_not)
{
    OPEN_SITE(.idle_timeout_ms = 1000);
    int fd = dial(&s), busy = dial(&s);
    say(&s, busy, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    say(&s, fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "/a");
    UNTIL(&s, s.held);
    pass(&s, 900);
    EXPECT_I64(http_server_connections(s.server), 2);
    pass(&s, 10500);
    pass(&s, 500);
    EXPECT_I64(http_server_connections(s.server), 1);
    EXPECT_I64(hear_some(fd, &b), HEARD_END);
    EXPECT_I64(http_reply(s.held, 200, NULL, 0, STR("late")), 0);
    hear(&s, busy, &b, "late");
    pass(&s, 900); /* counted from the end of the reply */
    EXPECT_I64(http_server_connections(s.server), 1);
    pass(&s, 200);
    EXPECT_I64(http_server_connections(s.server), 0);
    close(fd);
    close(busy);
    site_close(&s);
}

TEST(a_client_that_takes_no_output_is_gone_after_the_write_timeout)
{
    OPEN_SITE(.write_timeout_ms = 1000);
    int fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    static const char piece[60000];
    while (!s.server->conn->blocked) {
        (void)http_reply_write(s.held, str_of(piece, sizeof piece));
        turn(&s);
    }
    for (int i = 0; i < 100; i++)
        (void)http_reply_write(s.held, str_of(piece, sizeof piece));
    pass(&s, 900);
    EXPECT_I64(s.gone, 0);
    size_t pending = http_reply_pending(s.held);
    while (http_reply_pending(s.held) == pending) { /* it reads a little: the time starts again */
        (void)hear_some(fd, &b);
        turn(&s);
    }
    EXPECT(s.server->conn->blocked);
    pass(&s, 900);
    EXPECT_I64(s.gone, 0);
    pass(&s, 200);
    EXPECT_I64(s.gone, 1);
    close(fd);
    site_close(&s);
}
