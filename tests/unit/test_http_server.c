/* test_http_server.c: the HTTP server with clients that mean well: requests, replies, streams, early refusals, draining,
 * and the server when memory runs out. The others are in test_http_hostile.c. */
#include "http_kit.h"

/* --- ordinary life */

TEST(requests_on_one_connection_are_answered_one_after_the_other)
{
    OPEN_SITE();
    int fd = dial(&s);
    for (int i = 0; i < 3; i++) {
        buf_clear(&b);
        say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        hear(&s, fd, &b, "\r\n\r\nhello");
        EXPECT_STR(buf_str(&b), "HTTP/1.1 200 OK\r\ndate: Tue, 14 Nov 2023 22:13:20 GMT\r\ncontent-type: text/plain\r\n"
                                "content-length: 5\r\n\r\nhello");
    }
    EXPECT_I64(s.requests, 3);
    EXPECT_I64(http_server_connections(s.server), 1);
    clock_advance(&s.clock, 1000);
    turn(&s);
    buf_clear(&b);
    say(&s, fd, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "\r\n\r\n/b");
    EXPECT(str_find(buf_str(&b), STR("22:13:21 GMT")) > 0);
    close(fd);
    UNTIL(&s, http_server_connections(s.server) == 0);
    EXPECT_I64(s.gone, 0);
    site_close(&s);
}

TEST(a_request_may_come_in_two_pieces_cut_anywhere)
{
    OPEN_SITE();
    const struct str text[] = {
        STR("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"),
        STR("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")};
    int fd = dial(&s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (size_t i = 0; i < COUNT_OF(text); i++)
        for (size_t cut = 1; cut < text[i].len; cut++) {
            buf_clear(&b);
            say_bytes(&s, fd, str_slice(text[i], 0, cut));
            turn(&s);
            turn(&s);
            EXPECT_I64(b.len, 0);
            say_bytes(&s, fd, str_skip(text[i], cut));
            hear(&s, fd, &b, "\r\n\r\nhello");
            REQUIRE(b.len > 0);
        }
    EXPECT_I64(s.requests, text[0].len - 1 + text[1].len - 1);
    close(fd);
    site_close(&s);
}

TEST(pipelined_requests_are_answered_in_order_and_without_recursion)
{
    OPEN_SITE();
    AUTO_BUF struct buf all = BUF_INIT(1 << 20);
    for (int i = 0; i < 500; i++)
        EXPECT(buf_append_format(&all, "GET /n%d. HTTP/1.1\r\nHost: x\r\n\r\n", i) == 0);
    int fd = dial(&s);
    say_bytes(&s, fd, buf_str(&all));
    hear(&s, fd, &b, "/n499.");
    struct str rest = buf_str(&b);
    for (int i = 0; i < 500; i++) {
        char name[20];
        text_format(name, sizeof name, "\r\n\r\n/n%d.", i);
        ptrdiff_t at = str_find(rest, str_from(name));
        REQUIRE(at > 0);
        rest = str_skip(rest, (size_t)at);
    }
    EXPECT_I64(s.requests, 500);
    EXPECT_I64(s.depth_max, 1);
    turn(&s);
    EXPECT(s.server->conn->in.ptr == NULL); /* nothing is kept for an idle connection */
    close(fd);
    site_close(&s);
}

TEST(large_bodies_arrive_whole)
{
    enum { BYTES = 3 << 20 };
    OPEN_SITE();
    AUTO_BUF struct buf text = BUF_INIT(BYTES + 64 * KiB);
    for (int chunked = 0; chunked < 2; chunked++) {
        buf_clear(&text);
        buf_clear(&b);
        EXPECT(buf_append_format(&text,
                                 chunked ? "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n"
                                         : "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
                                 BYTES) == 0);
        size_t head = text.len;
        EXPECT(buf_reserve(&text, BYTES) == 0);
        for (int i = 0; i < BYTES; i++)
            text.ptr[text.len++] = (char)('a' + i % 23);
        if (chunked)
            EXPECT(buf_append_text(&text, "\r\n0\r\n\r\n") == 0);
        int fd = dial(&s);
        EXPECT(say_bytes(&s, fd, buf_str(&text)));
        for (int turns = 0; turns < TURNS_MAX && b.len < BYTES; turns++) {
            turn(&s);
            hear_some(fd, &b);
        }
        REQUIRE(b.len > BYTES);
        EXPECT(memcmp(b.ptr + b.len - BYTES, text.ptr + head, BYTES) == 0);
        close(fd);
    }
    EXPECT_I64(s.requests, 2);
    site_close(&s);
}

TEST(http_1_0_is_closed_unless_keep_alive_was_asked_for)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /a HTTP/1.0\r\n\r\n");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_find(buf_str(&b), STR("connection: close\r\n\r\n/a")) > 0);
    close(fd);
    buf_clear(&b);
    fd = dial(&s);
    say(&s, fd, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    hear(&s, fd, &b, "connection: keep-alive\r\n\r\n/a");
    buf_clear(&b);
    say(&s, fd, "GET /b HTTP/1.0\r\n\r\n");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    close(fd);
    site_close(&s);
}

TEST(a_client_that_asks_for_it_is_closed_after_the_reply)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_find(buf_str(&b), STR("connection: close\r\n\r\n/a")) > 0);
    EXPECT_I64(s.requests, 1);
    close(fd);
    site_close(&s);
}

TEST(the_body_of_a_reply_to_head_or_204_is_left_out)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd,
        "HEAD /12345 HTTP/1.1\r\nHost: x\r\n\r\nGET /empty HTTP/1.1\r\nHost: x\r\n\r\nGET /z HTTP/1.1\r\nHost: "
        "x\r\n\r\n");
    hear(&s, fd, &b, "/z");
    EXPECT(str_find(buf_str(&b), STR("content-length: 6\r\n\r\nHTTP/1.1 204 No Content\r\n")) > 0);
    EXPECT_I64(count_of(buf_str(&b), "content-length"), 2);
    say(&s, fd, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    buf_clear(&b);
    EXPECT_I64(http_reply_write(s.held, STR("unseen")), 0);
    http_reply_end(s.held);
    say(&s, fd, "GET /z HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "/z");
    EXPECT(str_find(buf_str(&b), STR("transfer-encoding: chunked\r\n\r\nHTTP/1.1 200 OK")) > 0);
    close(fd);
    site_close(&s);
}

TEST(a_stream_is_sent_chunk_by_chunk_and_the_connection_lives_on)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    EXPECT(http_reply_begun(s.held));
    EXPECT_I64(http_reply_write(s.held, STR("hello")), 0);
    EXPECT_I64(http_reply_write(s.held, STR("")), 0);
    EXPECT(http_reply_pending(s.held) > 0);
    hear(&s, fd, &b, "5\r\nhello\r\n");
    EXPECT_I64(http_reply_pending(s.held), 0);
    EXPECT_I64(http_reply_write(s.held, STR("0123456789abcdef!")), 0);
    http_reply_end(s.held);
    hear(&s, fd, &b, "\r\n\r\n5\r\nhello\r\n11\r\n0123456789abcdef!\r\n0\r\n\r\n");
    say(&s, fd, "GET /z HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "\r\n\r\n/z");
    close(fd);
    site_close(&s);
}

TEST(a_stream_to_http_1_0_ends_with_the_connection)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(&s, s.held);
    EXPECT_I64(http_reply_write(s.held, STR("hello")), 0);
    http_reply_end(s.held);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_ends(buf_str(&b), STR("connection: close\r\n\r\nhello")));
    EXPECT(str_find(buf_str(&b), STR("chunked")) < 0);
    close(fd);
    site_close(&s);
}

TEST(an_aborted_stream_does_not_look_complete)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    EXPECT_I64(http_reply_write(s.held, STR("hello")), 0);
    hear(&s, fd, &b, "hello\r\n");
    http_reply_abort(s.held);
    hear(&s, fd, &b, NULL);
    EXPECT(str_ends(buf_str(&b), STR("hello\r\n")));
    close(fd);
    buf_clear(&b);
    fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.0\r\n\r\n");
    s.held = NULL;
    UNTIL(&s, s.held);
    EXPECT_I64(http_reply_write(s.held, STR("hello")), 0);
    hear(&s, fd, &b, "hello");
    http_reply_abort(s.held);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_RESET); /* an end would be the proper end of a 1.0 stream */
    close(fd);
    EXPECT_I64(s.gone, 0);
    site_close(&s);
}

static void on_answer_mail(void *arg)
{
    EXPECT_I64(http_reply(arg, 200, NULL, 0, STR("by mail")), 0);
}

TEST(a_reply_may_come_from_any_other_event_of_the_loop)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    EXPECT(loop_post(s.loop, on_answer_mail, s.held) == 0);
    hear(&s, fd, &b, "\r\n\r\nby mail");
    close(fd);
    site_close(&s);
}

TEST(no_byte_reaches_the_client_before_the_commit_of_its_turn)
{
    OPEN_SITE();
    int fd = dial(&s);
    s.client = fd;
    say(&s, fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "/a");
    EXPECT(!s.early);
    close(fd);
    site_close(&s);
}

TEST(the_end_of_a_drained_stream_waits_for_the_commit_of_its_turn)
{
    OPEN_SITE(.write_high_bytes = 10, .write_low_bytes = 10);
    int fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.0\r\n\r\n");
    UNTIL(&s, s.held);
    hear(&s, fd, &b, "\r\n\r\n");
    s.client = fd;
    s.end_when_drained = true;
    EXPECT_I64(http_reply_write(s.held, STR("0123456789")), 1);
    UNTIL(&s, (hear_some(fd, &b), s.drained));
    EXPECT_I64(s.open_at_commit, 1);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    close(fd);
    site_close(&s);
}

TEST(the_handler_keeps_its_data_from_head_to_request)
{
    OPEN_SITE(.handler.on_head = on_head);
    int fd = dial(&s);
    say(&s, fd, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n");
    UNTIL(&s, s.heads == 1);
    EXPECT_I64(s.requests, 0);
    say(&s, fd, "abc");
    UNTIL(&s, s.held);
    EXPECT(http_exchange_get(s.held) == &s.heads);
    EXPECT(http_exchange_loop(s.held) == s.loop);
    EXPECT(http_exchange_is_local(s.held));
    const struct http_request *r = http_exchange_request(s.held);
    EXPECT_STR(r->body, "abc");
    EXPECT_I64(r->body_length, 3);
    http_exchange_body_free(s.held);
    EXPECT_I64(r->body.len, 0);
    EXPECT_STR(http_request_header(r, "content-length"), "3");
    http_reply_abort(s.held);
    close(fd);
    site_close(&s);
}

TEST(nagle_is_off_on_every_accepted_connection)
{
    OPEN_SITE();
    int fd = dial(&s), on = 0;
    UNTIL(&s, http_server_connections(s.server) == 1);
    EXPECT(getsockopt(s.server->conn->io.fd, IPPROTO_TCP, TCP_NODELAY, &on, &(socklen_t){sizeof on}) == 0 && on);
    EXPECT(fcntl(s.server->conn->io.fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    site_close(&s);
}

TEST(a_header_that_would_split_the_reply_is_refused)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /inject HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "\r\n\r\nno");
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 500 ")));
    EXPECT(str_find(buf_str(&b), STR("cookie")) < 0);
    close(fd);
    site_close(&s);
}

TEST(blocks_are_kept_for_the_next_request_up_to_a_bound)
{
    enum { MANY = 100 };
    struct http_pool p = {0};
    void *block[MANY];
    size_t size = 0;
    for (int i = 0; i < MANY; i++) {
        block[i] = http_pool_get(&p, 300, &size);
        REQUIRE(block[i]);
        EXPECT_I64(size, 512);
    }
    for (int i = 0; i < MANY; i++)
        http_pool_put(&p, block[i], size);
    int kept = 0;
    for (int i = 0; i < HTTP_POOL_CLASSES; i++)
        kept += p.count[i];
    EXPECT(kept <= 32);
    http_pool_fini(&p);
}

/* --- bodies that are taken as they come */

static struct buf taken;

static void divert_head(struct http_exchange *x, void *ctx)
{
    on_head(x, ctx);
    http_exchange_divert(x);
}

/* A piece that begins with '!' is refused. */
static void take_piece(struct http_exchange *x, struct str bytes, void *ctx)
{
    (void)ctx;
    if (bytes.ptr[0] == '!')
        EXPECT_I64(http_reply(x, 400, &plain, 1, STR("no")), 0);
    else
        EXPECT_I64(buf_append(&taken, bytes), 0);
}

TEST(a_diverted_body_is_handed_on_as_it_comes_and_not_held)
{
    struct gauge held = {.max = 1000};
    OPEN_SITE(.handler.on_head = divert_head, .handler.on_body = take_piece, .body_bytes_max = 100000, .held = &held);
    static char much[50000];
    memset(much, 'm', sizeof much);
    taken = BUF_INIT(MiB);
    int fd = dial(&s);
    say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 50003\r\n\r\nabc"); /* more than may be held */
    UNTIL(&s, taken.len == 3);
    EXPECT_I64(s.requests, 0);
    EXPECT_I64(held.used, 0);
    say_bytes(&s, fd, str_of(much, sizeof much));
    hear(&s, fd, &b, "\r\n\r\n/a");
    EXPECT_I64(taken.len, 50003);
    buf_clear(&taken);
    buf_clear(&b);
    say(&s, fd, "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nd");
    UNTIL(&s, taken.len == 4);
    say(&s, fd, "e\r\n0\r\n\r\nPOST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nf");
    hear(&s, fd, &b, "\r\n\r\n/c");
    EXPECT_STR(buf_str(&taken), "abcdef");
    EXPECT_I64(s.requests, 3);
    EXPECT_I64(held.used, 0);
    close(fd);
    UNTIL(&s, http_server_connections(s.server) == 0);
    buf_fini(&taken);
    site_close(&s);
}

TEST(a_diverted_body_has_its_limit_and_may_be_refused_in_the_middle)
{
    OPEN_SITE(.handler.on_head = divert_head, .handler.on_body = take_piece, .body_bytes_max = 10);
    taken = BUF_INIT(MiB);
    int fd = dial(&s);
    say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nabcdefgh\r\n");
    UNTIL(&s, taken.len == 8);
    say(&s, fd, "3\r\nijk\r\n0\r\n\r\n");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 413 ")));
    close(fd);
    buf_clear(&b);
    fd = dial(&s);
    say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
    UNTIL(&s, taken.len == 11);
    say(&s, fd, "!");
    hear(&s, fd, &b, "\r\n\r\nno");
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 400 ")));
    say(&s, fd, "defgh");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT_I64(taken.len, 11);
    EXPECT_I64(s.requests, 0);
    close(fd);
    buf_fini(&taken);
    site_close(&s);
}

/* --- 100-continue and early refusals */

TEST(continue_is_said_only_when_asked_for_and_only_when_the_head_was_accepted)
{
    OPEN_SITE(.handler.on_head = on_head);
    int fd = dial(&s);
    say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    hear(&s, fd, &b, "HTTP/1.1 100 Continue\r\n\r\n");
    say(&s, fd, "abc");
    hear(&s, fd, &b, "\r\n\r\nabc");
    buf_clear(&b);
    say(&s, fd,
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc"); /* did not wait */
    hear(&s, fd, &b, "\r\n\r\nabc");
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 200 ")));
    buf_clear(&b);
    say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n");
    UNTIL(&s, s.heads == 3);
    say(&s, fd, "abc");
    hear(&s, fd, &b, "\r\n\r\nabc");
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 200 ")));
    buf_clear(&b);
    say(&s, fd, "POST /forbidden HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 403 ")));
    EXPECT_I64(s.requests, 3);
    close(fd);
    site_close(&s);
}

TEST(an_early_refusal_reaches_a_client_that_is_still_sending)
{
    enum { BYTES = 8 << 20 };
    OPEN_SITE(.handler.on_head = on_head);
    int fd = dial(&s);
    AUTO_BUF struct buf body = BUF_INIT(BYTES);
    EXPECT(buf_reserve(&body, BYTES) == 0);
    memset(body.ptr, 'x', BYTES);
    say(&s, fd, "POST /forbidden HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n");
    EXPECT(say_bytes(&s, fd, str_of(body.ptr, BYTES))); /* all of it is taken (and dropped) before the client looks */
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 403 Forbidden\r\n")));
    EXPECT(str_ends(buf_str(&b), STR("connection: close\r\n\r\nnot here")));
    EXPECT_I64(s.requests, 0);
    EXPECT_I64(http_server_connections(s.server), 1); /* lingering */
    close(fd);
    UNTIL(&s, http_server_connections(s.server) == 0);
    site_close(&s);
}

TEST(a_refused_client_that_never_leaves_is_closed_after_a_while)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "nonsense\r\n\r\n");
    hear(&s, fd, &b, NULL);
    EXPECT_I64(http_server_connections(s.server), 1);
    clock_advance(&s.clock, 4999);
    turn(&s);
    EXPECT_I64(http_server_connections(s.server), 1);
    clock_advance(&s.clock, 2);
    UNTIL(&s, http_server_connections(s.server) == 0);
    close(fd);
    site_close(&s);
}

TEST(a_stream_begun_in_on_head_is_the_reply_and_no_request_follows)
{
    OPEN_SITE(.handler.on_head = on_head);
    int fd = dial(&s);
    say(&s, fd, "GET /stream-from-head HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    EXPECT_I64(http_reply_write(s.held, STR("hello")), 0);
    http_reply_end(s.held);
    hear(&s, fd, &b, "5\r\nhello\r\n0\r\n\r\n");
    EXPECT_I64(s.requests, 0);
    close(fd);
    site_close(&s);
}

TEST(a_reply_in_on_head_to_a_request_without_a_body_keeps_the_connection)
{
    OPEN_SITE(.handler.on_head = on_head);
    int fd = dial(&s);
    say(&s, fd, "GET /forbidden HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(&s, fd, &b, "\r\n\r\n/a");
    EXPECT(str_starts(buf_str(&b), STR("HTTP/1.1 403 ")));
    EXPECT_I64(s.requests, 1);
    close(fd);
    site_close(&s);
}

/* --- draining, closing */

/* An idle connection may have a request on its way: closing it now would lose that one. */
TEST(while_draining_each_connection_closes_with_its_next_reply_and_idle_ones_hold_nobody_up)
{
    OPEN_SITE();
    int idle = dial(&s), busy = dial(&s), sending = dial(&s);
    say(&s, busy, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    say(&s, sending, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n");
    UNTIL(&s, s.held && http_server_connections(s.server) == 3);
    for (int i = 0; i < 5; i++)
        turn(&s);
    http_server_drain(s.server);
    EXPECT_I64(http_server_connections(s.server), 3);
    EXPECT_I64(http_server_busy(s.server), 2);
    say(&s, idle, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT(hear(&s, idle, &b, NULL) == HEARD_END);
    EXPECT(str_ends(buf_str(&b), STR("connection: close\r\n\r\n/b")));
    say(&s, sending, "abc");
    EXPECT(hear(&s, sending, &b, NULL) == HEARD_END);
    EXPECT(str_ends(buf_str(&b), STR("connection: close\r\n\r\nabc")));
    EXPECT_I64(http_reply(s.held, 200, NULL, 0, STR("done")), 0);
    EXPECT(hear(&s, busy, &b, NULL) == HEARD_END);
    EXPECT(str_ends(buf_str(&b), STR("connection: close\r\n\r\ndone")));
    EXPECT_I64(http_server_connections(s.server), 0);
    EXPECT_I64(http_server_busy(s.server), 0);
    EXPECT_I64(s.gone, 0);
    close(idle);
    close(busy);
    close(sending);
    site_close(&s);
}

TEST(draining_serves_what_the_kernel_has_accepted_already)
{
    OPEN_SITE();
    int fd = dial(&s); /* the server has not turned since: this one waits in the backlog */
    http_server_drain(s.server);
    say(&s, fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_ends(buf_str(&b), STR("connection: close\r\n\r\n/a")));
    close(fd);
    site_close(&s);
}

TEST(a_stream_under_way_when_draining_begins_is_the_last_of_its_connection)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    hear(&s, fd, &b, "\r\n\r\n"); /* its head, which promised to keep the connection */
    http_server_drain(s.server);
    http_reply_end(s.held);
    EXPECT(hear(&s, fd, &b, NULL) == HEARD_END);
    EXPECT(str_ends(buf_str(&b), STR("0\r\n\r\n")));
    close(fd);
    site_close(&s);
}

TEST(closing_the_server_tells_the_handler_of_open_exchanges)
{
    OPEN_SITE();
    int fd = dial(&s);
    say(&s, fd, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    UNTIL(&s, s.held);
    site_close(&s);
    EXPECT_I64(s.gone, 1);
    close(fd);
}

/* --- memory runs out */

static int converse(void *ctx)
{
    (void)ctx;
    struct site s;
    struct buf b = BUF_INIT(1 << 20);
    bool answered = false;
    int rc = ERR_NOMEM, fd = -1;
    if (site_open(&s, (struct http_server_options){.handler = {.on_head = on_head, .on_refuse = on_refuse}})) {
        fd = dial(&s);
        /* in two pieces, chunked, then a bad one: heads in pieces, bodies, replies and refusals all allocate */
        (void)say(&s, fd, "POST /a HTTP/1.1\r\nHost: x\r\nTransf");
        UNTIL(&s, http_server_connections(s.server) == 1 || hear_some(fd, &b) != HEARD_MORE);
        turn(&s);
        (void)say(&s, fd, "er-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET  /bad HTTP/1.1\r\n\r\n");
        enum heard h = HEARD_MORE;
        for (int turns = 0; turns < TURNS_MAX && h == HEARD_MORE; turns++) {
            turn(&s);
            h = hear_some(fd, &b);
        }
        EXPECT(h != HEARD_MORE);
        answered = str_find(buf_str(&b), STR("\r\n\r\nabcHTTP/1.1 400 ")) > 0;
        rc = answered ? 0 : ERR_NOMEM;
    }
    if (fd >= 0)
        close(fd);
    site_close(&s);
    buf_fini(&b);
    return rc;
}

TEST(the_server_survives_every_failing_allocation)
{
    test_torture("http_server", converse, NULL);
}
