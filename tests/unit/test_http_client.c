/* test_http_client.c: requests to upstreams: what is sent, what each way to end means, when connections are reused and when
 * not, and that a cancelled fetch closes its connection at any stage. What is promised for both transports is tested over
 * both. It is one piece because all of it is one header's promises. */
#include "fetch_kit.h"
#include "base/mem.h"
#include "net/http_curl_priv.h"

/* --- requests ------------------------------------------------------------------------------------------------------ */

static struct str last_head(struct world *w)
{
    return buf_str(&w->server.last_head); /* the server is idle when a test looks */
}

TEST_BOTH(a_post_carries_its_headers_length_and_body_and_nothing_else)
{
    struct world w;
    REQUIRE(world_open(&w));
    static const struct http_header headers[] = {
        {{"authorization", 13}, {"Bearer k", 8}},
        {{"content-type", 12}, {"application/json", 16}},
        {{"x-empty", 7}, {"", 0}},
        {{"Content-Length", 14}, {"999", 3}},
        {{"Expect", 6}, {"100-continue", 12}},
        {{"accept-encoding", 15}, {"gzip", 4}},
        {{"Transfer-Encoding", 17}, {"chunked", 7}},
        {{"host", 4}, {"evil", 4}},
    };
    struct str pieces[] = {STR("{\"a\":"), STR(""), STR("1"), STR("}")};
    struct run r;
    run_init(&r, &w, "/echo?x=%20../y");
    (void)buf_append_text(&r.url, "");
    r.url.len -= 10;
    (void)run_start_with(
        &r, (struct http_fetch_options){
                .header = headers, .header_count = COUNT_OF(headers), .body = pieces, .body_count = COUNT_OF(pieces)});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT_STR(buf_str(&r.body), "{\"a\":1}");
    struct buf want = BUF_INIT(1000);
    (void)buf_append_format(&want,
                            "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nauthorization: Bearer k\r\n"
                            "content-type: application/json\r\nx-empty:\r\naccept-encoding: identity\r\n"
                            "Content-Length: 7\r\n\r\n",
                            w.server.port);
    EXPECT_STR(last_head(&w), buf_text(&want));
    buf_fini(&want);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(a_body_of_any_size_and_cut_arrives_whole)
{
    static const size_t sizes[] = {0, 1, 1024, 65534, 65535, 65536, 200000, 3000000};
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        for (int cuts = 1; cuts <= 3; cuts++) {
            struct buf body = BUF_INIT(4 * MiB);
            for (size_t k = 0; k < sizes[i]; k++)
                (void)buf_append_char(&body, pattern(k));
            struct str all = buf_str(&body), pieces[3];
            for (int k = 0; k < cuts; k++)
                pieces[k] =
                    str_slice(all, all.len * (size_t)k / (size_t)cuts, all.len * ((size_t)k + 1) / (size_t)cuts);
            struct run r;
            run_init(&r, &w, "/echo");
            (void)run_start_with(&r, (struct http_fetch_options){.body = pieces, .body_count = (size_t)cuts});
            run_finish(&r);
            EXPECT_I64(r.result.end, FETCH_OK);
            EXPECT_I64(r.received, sizes[i]);
            EXPECT(r.in_order);
            EXPECT(str_find(last_head(&w), STR("100-continue")) < 0);
            run_fini(&r);
            buf_fini(&body);
        }
    }
    EXPECT_I64(atomic_load(&w.server.connections), 1);
    world_close(&w);
}

/* The reply's own bytes come only when the server has read all: nothing may arrive before its time, and everything must in the end. */
TEST_BOTH(a_body_that_is_still_coming_is_sent_as_far_as_it_is_there)
{
    static const size_t steps[] = {1, 2, 65536, 65536, 100001, 250000}; /* the third is told twice, and once beyond the cut of the pieces */
    enum { BYTES = 300000, CUT = 100000 };
    struct world w;
    REQUIRE(world_open(&w));
    struct buf body = BUF_INIT(BYTES);
    for (size_t k = 0; k < BYTES; k++)
        (void)buf_append_char(&body, pattern(k));
    struct str pieces[2] = {str_slice(buf_str(&body), 0, CUT), str_skip(buf_str(&body), CUT)};
    struct run r;
    run_init(&r, &w, "/echo");
    (void)run_start_with(&r, (struct http_fetch_options){.body = pieces, .body_count = 2, .body_ready = 1});
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        http_fetch_body_ready(r.fetch, steps[i]);
        for (int turns = 0; turns < 20; turns++)
            (void)loop_turn(w.loop, 1);
        EXPECT(r.fetch && !http_fetch_sent_all(r.fetch));
        EXPECT_I64(r.heads, 0);
        EXPECT_I64(r.received, 0);
    }
    http_fetch_body_ready(r.fetch, SIZE_MAX);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT_I64(r.received, BYTES);
    EXPECT(r.in_order);
    run_fini(&r);
    /* one that fails before all of it was there, and one that is given up */
    run_init(&r, &w, "/ok");
    (void)run_start_with(&r, (struct http_fetch_options){.body = pieces, .body_count = 2, .body_ready = 5});
    for (int turns = 0; turns < 20; turns++)
        (void)loop_turn(w.loop, 1);
    http_fetch_body_ready(r.fetch, 10); /* and given up before that leaves */
    http_fetch_cancel(r.fetch);
    run_fini(&r);
    buf_fini(&body);
    world_close(&w);
}

TEST_BOTH(methods_are_sent_as_given)
{
    static const struct {
        const char *method;
        int body;
        const char *line;
    } table[] = {
        {"GET", 0, "GET /ok HTTP/1.1\r\n"},   {"DELETE", 0, "DELETE /ok HTTP/1.1\r\n"},
        {"PUT", 1, "PUT /ok HTTP/1.1\r\n"},   {"POST", 1, "POST /ok HTTP/1.1\r\n"},
        {"HEAD", 0, "HEAD /ok HTTP/1.1\r\n"}, {"POST", 0, "POST /ok HTTP/1.1\r\n"},
        {"GET", 1, "GET /ok HTTP/1.1\r\n"},   {"GET", 0, "GET /ok HTTP/1.1\r\n"},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct run r;
        run_init(&r, &w, "/ok");
        (void)run_start_with(&r, (struct http_fetch_options){.method = str_from(table[i].method),
                                                             .body = &small_body,
                                                             .body_count = (size_t)table[i].body});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT(str_starts(last_head(&w), str_from(table[i].line)));
        bool has_length = str_find(last_head(&w), STR("Content-Length")) >= 0;
        EXPECT(has_length == (table[i].body || str_eq(str_from(table[i].method), STR("POST"))));
        EXPECT_I64(w.server.last_body.len, table[i].body ? (long long)small_body.len : 0);
        run_fini(&r);
    }
    world_close(&w);
}

TEST(what_cannot_be_asked_for_is_refused_at_the_start)
{
    static const struct {
        const char *url, *method, *name, *value;
    } table[] = {
        {"ftp://h/", "POST", "a", "b"},           {"http://", "POST", "a", "b"},
        {"http://h:0/", "POST", "a", "b"},        {"http://h:70000/", "POST", "a", "b"},
        {"http://u@h/", "POST", "a", "b"},        {"http://h\\@x/", "POST", "a", "b"},
        {"http://[::1/", "POST", "a", "b"},       {"http://[zz]/", "POST", "a", "b"},
        {"http://h/a b", "POST", "a", "b"},       {"http://h/#x", "POST", "a", "b"},
        {"http://h:1:2/", "POST", "a", "b"},      {"http://h\xC3\xA4/", "POST", "a", "b"},
        {"http://h:/x", "POST", "a", "b"},        {"http://127.1/", "POST", "a", "b"},
        {"http://0x7f.0x1/", "POST", "a", "b"},   {"http://h./", "POST", "a", "b"},
        {"http://2130706433/", "POST", "a", "b"}, {"http://h/", "", "a", "b"},
        {"http://h/", "PO ST", "a", "b"},         {"http://h/", "POST", "a", "b\r\nc: d"},
        {"http://h/", "POST", "a:", "b"},         {"http://h/", "POST", "", "b"},
        {"http://h/", "POST", "a;", "b"},         {"", "POST", "a", "b"},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct http_header h = {str_from(table[i].name), str_from(table[i].value)};
        struct http_fetch *f = NULL;
        struct err e = {0};
        int rc = http_fetch_start(
            &f, w.client,
            &(struct http_fetch_options){
                .url = str_from(table[i].url), .method = str_from(table[i].method), .header = &h, .header_count = 1},
            &e);
        if (rc != ERR_INVALID || !e.text[0] || f)
            test_fail(__FILE__, __LINE__, "%s was not refused", table[i].url);
    }
    world_close(&w);
}

/* --- replies ------------------------------------------------------------------------------------------------------- */

TEST_BOTH(replies_are_handed_out_as_they_are)
{
    static const struct {
        const char *path, *head, *body;
    } table[] = {
        {"/ok", "200|content-type=text/plain|x-two=a b|content-length=5", "hello"},
        {"/empty", "204", ""},
        {"/chunked", "200|transfer-encoding=chunked", "hello world"},
        {"/informational", "201|content-length=2", "ok"},
        {"/until-close", "200", "old style"},
        {"/error", "529|content-length=4", "busy"},
        {"/redirect", "302|location=/ok|content-length=0", ""},
        {"/identity", "200|content-encoding=identity|content-length=3", "abc"},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct run r;
        int before = atomic_load(&w.server.requests);
        run_path(&r, &w, table[i].path);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(buf_str(&r.head), table[i].head);
        EXPECT_STR(buf_str(&r.body), table[i].body);
        EXPECT_I64(r.heads, 1);
        EXPECT_I64(r.dones, 1);
        EXPECT(r.result.sent);
        EXPECT_STR(str_from(r.result.peer), "127.0.0.1");
        EXPECT_STR(str_from(r.result.detail), "");
        EXPECT_I64(atomic_load(&w.server.requests) - before, 1); /* no redirect is followed */
        run_fini(&r);
    }
    world_close(&w);
}

TEST_BOTH(each_way_to_fail_has_its_name)
{
    static const struct {
        const char *path;
        enum fetch_end end;
        int heads;
    } table[] = {
        {"/truncated", FETCH_TRUNCATED, 1},     {"/cut-chunk", FETCH_TRUNCATED, 1},
        {"/no-last-chunk", FETCH_TRUNCATED, 1}, {"/bad-chunk", FETCH_PROTOCOL, 1},
        {"/nothing", FETCH_RESET, 0},           {"/half-head", FETCH_RESET, 0},
        {"/no-http", FETCH_PROTOCOL, 0},        {"/bad-status", FETCH_PROTOCOL, 0},
        {"/status-99", FETCH_PROTOCOL, 0},      {"/http-9", FETCH_PROTOCOL, 0},
        {"/http-2", FETCH_PROTOCOL, 0},         {"/gzip", FETCH_PROTOCOL, 0},
        {"/gzip-transfer", FETCH_PROTOCOL, 0},  {"/two-lengths", FETCH_PROTOCOL, 0},
        {"/bad-length", FETCH_PROTOCOL, 0},     {"/control-byte", FETCH_PROTOCOL, 0},
        {"/bare-cr", FETCH_PROTOCOL, 0},        {"/bad-name", FETCH_PROTOCOL, 0},
        {"/switch", FETCH_PROTOCOL, 0},         {"/fold-first", FETCH_PROTOCOL, 0},
        {"/folded", FETCH_PROTOCOL, 0},         {"/many-headers", FETCH_TOO_LARGE, 0},
        {"/long-line", FETCH_TOO_LARGE, 0},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct run r;
        int before = atomic_load(&w.server.requests);
        run_path(&r, &w, table[i].path);
        if (r.result.end != table[i].end || r.heads != table[i].heads || !r.result.sent)
            test_fail(__FILE__, __LINE__, "%s: ended as \"%s\" (%s), %d heads", table[i].path,
                      fetch_end_text(r.result.end), r.result.detail, r.heads);
        EXPECT_I64(r.result.status, table[i].heads ? 200 : 0);
        EXPECT_I64(atomic_load(&w.server.requests) - before, 1); /* and nothing is sent again */
        run_fini(&r);
    }
    world_close(&w);
}

/* Whoever takes signs of work waits as long as they come; to others they are a head without an end. */
TEST_BOTH(signs_of_work_are_told_to_who_takes_them)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/working");
    (void)run_start_with(&r, (struct http_fetch_options){.body = &small_body, .body_count = 1, .on_interim = on_interim});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT_STR(buf_str(&r.head), "200|content-length=2");
    EXPECT(r.interims > 1);
    run_fini(&r);
    run_path(&r, &w, "/working");
    EXPECT_I64(r.result.end, FETCH_TOO_LARGE);
    EXPECT_I64(r.interims + r.heads, 0);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(a_compressed_reply_is_refused_with_the_reason)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/gzip");
    EXPECT_STR(str_from(r.result.detail), "the body is compressed, though identity was asked for");
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(a_long_header_arrives_whole)
{
    struct world w;
    REQUIRE(world_open(&w));
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_path(&r, &w, "/long-header");
        EXPECT_I64(r.result.end, FETCH_OK);
        struct str value = str_skip(buf_str(&r.head), strlen("200|content-length=0|x-long="));
        EXPECT_I64(value.len, 40 * 1024);
        for (size_t k = 0; k < value.len; k++)
            r.in_order &= value.ptr[k] == pattern(k);
        EXPECT(r.in_order);
        run_fini(&r);
    }
    world_close(&w);
}

/* --- connections --------------------------------------------------------------------------------------------------- */

TEST_BOTH(a_connection_is_kept_and_used_again_in_its_pool_only)
{
    struct world w;
    REQUIRE(world_open(&w));
    static const struct {
        uint32_t pool;
        int connections;
        bool reused;
    } steps[] = {{1, 1, false}, {1, 1, true}, {2, 2, false}, {2, 2, true}, {1, 2, true}, {3, 3, false}};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct run r;
        run_init(&r, &w, "/ok");
        (void)run_start_with(&r, (struct http_fetch_options){.pool = steps[i].pool});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_I64(atomic_load(&w.server.connections), steps[i].connections);
        EXPECT(r.result.reused == steps[i].reused);
        EXPECT(r.reused_in_head == steps[i].reused);
        EXPECT((r.result.connect_us == 0) == steps[i].reused);
        run_fini(&r);
    }
    world_close(&w);
}

TEST_BOTH(many_at_once_share_what_they_can_and_all_end)
{
    enum { N = 300 };
    struct world w;
    REQUIRE(world_open(&w));
    struct run *r = new0_array(struct run, N);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            run_init(&r[i], &w, "/ok");
            run_start(&r[i]);
        }
        for (int i = 0; i < N; i++) {
            run_finish(&r[i]);
            EXPECT_I64(r[i].result.end, FETCH_OK);
            EXPECT_STR(buf_str(&r[i].body), "hello");
            run_fini(&r[i]);
        }
    }
    /* The second round finds the first one's connections, except those of lanes that were full when it started. */
    EXPECT(atomic_load(&w.server.connections) < N + N / 2);
    mem_free(r);
    world_close(&w);
}

TEST_BOTH(no_more_idle_connections_are_kept_than_allowed)
{
    enum { N = 20 };
    struct world w;
    REQUIRE(world_open_both(&w, (struct http_client_options){.connections_max = 4}, false));
    struct run r[N];
    for (int i = 0; i < N; i++) {
        run_init(&r[i], &w, "/ok");
        r[i].pause_head = true; /* all hold their connection until all have one */
        run_start(&r[i]);
    }
    for (int i = 0; i < N; i++)
        TURN_UNTIL(&w, r[i].heads == 1);
    for (int i = 0; i < N; i++) {
        http_fetch_resume(r[i].fetch);
        run_finish(&r[i]);
        EXPECT_I64(r[i].result.end, FETCH_OK);
        run_fini(&r[i]);
    }
    TURN_UNTIL(&w, atomic_load(&w.server.ended) == N - 4);
    loop_turn(w.loop, 50);
    EXPECT_I64(atomic_load(&w.server.ended), N - 4);
    world_close(&w);
}

/* Longer than a tick of the kernel, which is as exact as it knows when the last reply ended. */
static void rest_a_tick(struct world *w)
{
    for (int64_t end = now_ms() + 30; now_ms() < end;)
        loop_turn(w->loop, 10);
}

TEST_BOTH(a_kept_connection_that_dies_before_the_first_byte_is_stale_and_nothing_is_sent_twice)
{
    /* Small and large bodies take different ways inside libcurl. */
    static char large[300000];
    memset(large, 'x', sizeof large);
    const struct str bodies[] = {small_body, {large, sizeof large}};
    for (size_t b = 0; b < COUNT_OF(bodies); b++) {
        for (int spare = 0; spare < 2; spare++) { /* with another idle connection at hand, too */
            struct world w;
            REQUIRE(world_open(&w));
            struct run one, two, last;
            run_init(&one, &w, "/die-second");
            run_init(&two, &w, "/die-second");
            run_start(&one);
            if (spare)
                run_start(&two);
            run_finish(&one);
            if (spare)
                run_finish(&two);
            rest_a_tick(&w);
            int requests = atomic_load(&w.server.requests), connections = atomic_load(&w.server.connections);
            run_init(&last, &w, "/die-second");
            (void)run_start_with(&last, (struct http_fetch_options){.body = &bodies[b], .body_count = 1});
            run_finish(&last);
            EXPECT_I64(last.result.end, FETCH_STALE);
            EXPECT(last.result.sent && last.result.reused);
            EXPECT_I64(last.heads, 0);
            EXPECT_I64(atomic_load(&w.server.requests), requests + 1);
            EXPECT_I64(atomic_load(&w.server.connections), connections);
            run_fini(&one);
            run_fini(&two);
            run_fini(&last);
            world_close(&w);
        }
    }
}

TEST(a_kept_connection_that_dies_in_the_middle_of_the_head_is_a_reset)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/mumble-second");
    EXPECT_I64(r.result.end, FETCH_OK);
    run_fini(&r);
    int requests = atomic_load(&w.server.requests);
    run_path(&r, &w, "/mumble-second");
    EXPECT_I64(r.result.end, FETCH_RESET);
    EXPECT(r.result.sent && r.result.reused);
    EXPECT_I64(atomic_load(&w.server.requests), requests + 1);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(a_connection_the_peer_closed_while_idle_is_replaced_without_a_failure)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/until-close");
    run_fini(&r);
    run_path(&r, &w, "/ok");
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT(!r.result.reused);
    run_fini(&r);
    world_close(&w);
}

TEST(bytes_nobody_asked_for_are_not_the_next_reply)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/excess");
    EXPECT_STR(buf_str(&r.body), "ok");
    run_fini(&r);
    TURN_UNTIL(&w, atomic_load(&w.server.ended) == 1); /* we end it, the server notices */
    run_path(&r, &w, "/ok");
    EXPECT_STR(buf_str(&r.body), "hello");
    EXPECT(!r.result.reused);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(a_unix_socket_can_stand_in_for_the_host)
{
    struct world w;
    REQUIRE(world_open(&w));
    char dir[] = "/tmp/hearth-test-XXXXXX";
    REQUIRE(mkdtemp(dir));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)text_format(at.sun_path, sizeof at.sun_path, "%s/s", dir);
    int tcp = w.server.fd, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 10) == 0);
    struct server local = {
        .fd = fd, .tls = w.server.tls, .last_head = BUF_INIT(4 * MiB), .last_body = BUF_INIT(64 * MiB)};
    pthread_mutex_init(&local.lock, NULL);
    (void)!pthread_create(&local.thread, NULL, server_main, &local);
    for (int i = 0; i < 2; i++) {
        struct run r;
        run_init(&r, &w, over ? "https://engine/ok" : "http://engine/ok");
        r.allow = NULL;
        (void)run_start_with(&r, (struct http_fetch_options){.unix_path = str_from(at.sun_path)});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(buf_str(&r.body), "hello");
        EXPECT(r.result.reused == (i == 1));
        EXPECT_STR(str_from(r.result.peer), "");
        run_fini(&r);
    }
    struct run tcp_run; /* and the handle forgets it */
    run_path(&tcp_run, &w, "/ok");
    EXPECT_I64(tcp_run.result.end, FETCH_OK);
    EXPECT(!tcp_run.result.reused);
    run_fini(&tcp_run);
    EXPECT(tcp == w.server.fd);
    world_close(&w);
    server_stop(&local);
    (void)unlink(at.sun_path);
    (void)rmdir(dir);
}

TEST_BOTH(an_absent_unix_socket_fails_as_a_connection)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, over ? "https://engine/ok" : "http://engine/ok");
    (void)run_start_with(&r, (struct http_fetch_options){.unix_path = STR("/nonexistent/socket")});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_CONNECT);
    EXPECT(!r.result.sent);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(a_refused_connection_says_so)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, over ? "https://127.0.0.1:1/x" : "http://127.0.0.1:1/x");
    EXPECT_I64(r.result.end, FETCH_CONNECT);
    EXPECT(!r.result.sent && r.result.detail[0]);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(proxy_variables_do_not_count)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/ok");
    EXPECT_I64(r.result.end, FETCH_OK);
    run_fini(&r);
    world_close(&w);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

TEST_BOTH(every_descriptor_closes_on_exec)
{
    bool before[1024]; /* what we were started with ourselves */
    for (int fd = 0; fd < (int)COUNT_OF(before); fd++)
        before[fd] = fcntl(fd, F_GETFD) >= 0;
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/ok");
    for (int fd = 0; fd < (int)COUNT_OF(before); fd++) {
        int flags = fcntl(fd, F_GETFD);
        if (!before[fd] && flags >= 0 && !(flags & FD_CLOEXEC))
            test_fail(__FILE__, __LINE__, "descriptor %d would be inherited", fd);
    }
    run_fini(&r);
    world_close(&w);
}

/* A listener whose queue is full: connecting to it stays pending. Port 0 picks one. */
struct full {
    int fd, port, filler[8];
};

static bool full_open(struct full *b, int family, int port)
{
    struct sockaddr_storage at = {.ss_family = (sa_family_t)family};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
    socklen_t len = family == AF_INET ? sizeof *v4 : sizeof *v6;
    if (family == AF_INET)
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        v6->sin6_addr = in6addr_loopback;
    v4->sin_port = htons((uint16_t)port); /* the port lies at the same place in both */
    b->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = bind(b->fd, (struct sockaddr *)&at, len) == 0 && listen(b->fd, 0) == 0;
    (void)!getsockname(b->fd, (struct sockaddr *)&at, &len);
    b->port = ntohs(v4->sin_port);
    for (size_t i = 0; i < COUNT_OF(b->filler); i++) {
        b->filler[i] = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(b->filler[i], (struct sockaddr *)&at, len);
    }
    return good;
}

static void full_close(struct full *b)
{
    for (size_t i = 0; i < COUNT_OF(b->filler); i++)
        close(b->filler[i]);
    close(b->fd);
}

static int pipe_events;
static void on_pipe(struct loop_io *io, uint32_t events)
{
    (void)io, (void)events;
    pipe_events++;
}

/* libcurl closes a socket that is still connecting by itself, past our callback, and its number is soon used again: here
 * by a pipe, which must stay watched whatever the client does later. */
TEST_BOTH(a_descriptor_that_libcurl_closed_by_itself_is_forgotten_at_once)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct full b;
    REQUIRE(full_open(&b, AF_INET, 0));
    struct run r;
    run_init(&r, &w, "");
    (void)buf_append_format(&r.url, "%s://127.0.0.1:%d/", scheme(), b.port);
    run_start(&r);
    loop_turn(w.loop, 10);
    loop_turn(w.loop, 10);
    http_fetch_cancel(r.fetch);
    int ends[2];
    struct loop_io io = LOOP_IO_INIT;
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(loop_io_add(w.loop, &io, ends[0], EPOLLIN, on_pipe) == 0);
    http_client_close(w.client);
    w.client = NULL;
    pipe_events = 0;
    REQUIRE(write(ends[1], "x", 1) == 1);
    loop_turn(w.loop, 100);
    EXPECT_I64(pipe_events, 1);
    loop_io_del(w.loop, &io);
    close(ends[0]);
    close(ends[1]);
    full_close(&b);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(of_two_addresses_the_one_that_answers_is_used)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct full b; /* 127.0.0.1 is silent, ::1 answers */
    REQUIRE(full_open(&b, AF_INET, 0));
    struct sockaddr_in6 at = {
        .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback, .sin6_port = htons((uint16_t)b.port)};
    struct server local = {.tls = w.server.tls, .last_head = BUF_INIT(4 * MiB), .last_body = BUF_INIT(64 * MiB)};
    local.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool v6 = bind(local.fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(local.fd, 10) == 0;
    pthread_mutex_init(&local.lock, NULL);
    if (v6)
        (void)!pthread_create(&local.thread, NULL, server_main, &local);
    else
        printf("not tested: no IPv6 here\n");
    for (uint32_t i = 0; v6 && i < 6; i++) {
        struct run r;
        run_init(&r, &w, "");
        (void)buf_append_format(&r.url, "%s://localhost:%d/ok", scheme(), b.port);
        (void)run_start_with(&r, (struct http_fetch_options){.pool = i / 2});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(str_from(r.result.peer), "::1");
        EXPECT(r.result.reused == (i % 2 == 1));
        run_fini(&r);
    }
    full_close(&b);
    world_close(&w);
    if (v6)
        server_stop(&local);
}

TEST_BOTH(nagle_is_off)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/ok");
    int found = 0;
    for (int fd = 3; fd < 1024; fd++) { /* our end of the kept connection is the one whose peer is the server's port */
        struct sockaddr_in peer;
        socklen_t len = sizeof peer, off_len = sizeof(int);
        int off = 0;
        if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != w.server.port)
            continue;
        found++;
        EXPECT(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &off, &off_len) == 0 && off);
    }
    EXPECT_I64(found, 1);
    run_fini(&r);
    world_close(&w);
}

/* --- the fence ----------------------------------------------------------------------------------------------------- */

TEST_BOTH(an_address_that_is_not_allowed_is_never_connected_to)
{
    struct world w;
    REQUIRE(world_open_both(&w, (struct http_client_options){0}, true));
    struct buf name = BUF_INIT(100), other = BUF_INIT(100);
    (void)buf_append_format(&name, "%s://localhost:%d/ok", scheme(), w.server.port);
    (void)buf_append_format(&other, "%s://good.test:%d/ok", scheme(), w.server.port);
    const char *const urls[] = {"/ok", buf_text(&name), buf_text(&other)};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct run r;
        run_init(&r, &w, urls[i]);
        r.allow = allow_none;
        run_start(&r);
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_FENCED);
        EXPECT(!r.result.sent && r.allow_calls >= 1);
        EXPECT(str_ends(str_from(r.result.detail), STR("allowed"))); /* by the first check already */
        run_fini(&r);
    }
    EXPECT_I64(atomic_load(&w.server.connections), 0);
    buf_fini(&name);
    buf_fini(&other);
    world_close(&w);
}

TEST_BOTH(the_address_is_checked_again_when_the_socket_opens)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/ok");
    atomic_store(&allowed_once, 0);
    r.allow = allow_first_time;
    run_start(&r);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_FENCED);
    EXPECT_I64(r.allow_calls, 2);
    EXPECT_I64(atomic_load(&w.server.connections), 0);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(names_are_looked_up_off_the_loop_and_tried_where_allowed)
{
    struct world w;
    REQUIRE(world_open_both(&w, (struct http_client_options){0}, true));
    const char *const hosts[] = {"localhost", "good.test"};
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        for (int again = 0; again < 2; again++) {
            struct run r;
            run_init(&r, &w, "");
            (void)buf_append_format(&r.url, "%s://%s:%d/ok", scheme(), hosts[i], w.server.port);
            r.allow = allow_v4;
            run_start(&r);
            run_finish(&r);
            EXPECT_I64(r.result.end, FETCH_OK);
            EXPECT(r.result.reused == (again == 1));
            EXPECT_STR(str_from(r.result.peer), "127.0.0.1");
            run_fini(&r);
        }
    }
    world_close(&w);
}

TEST_BOTH(a_name_that_does_not_exist_fails_with_the_resolver_s_words)
{
    struct world w;
    REQUIRE(world_open_both(&w, (struct http_client_options){0}, true));
    struct run r;
    run_init(&r, &w, "http://silent.test/ok");
    (void)run_start_with(&r, (struct http_fetch_options){.connect_timeout_ms = 14000});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_RESOLVE);
    EXPECT_STR(str_from(r.result.detail), "the name server did not answer");
    EXPECT(!r.result.sent);
    run_fini(&r);
    world_close(&w);
}

/* --- time limits and cancelling ------------------------------------------------------------------------------------ */

TEST(the_connect_timeout_covers_name_connection_and_handshake)
{
    struct world w;
    REQUIRE(world_open_both(&w, (struct http_client_options){0}, true));
    struct full b;
    REQUIRE(full_open(&b, AF_INET, 0));
    struct buf connecting = BUF_INIT(100), handshake = BUF_INIT(100);
    (void)buf_append_format(&connecting, "http://127.0.0.1:%d/", b.port);
    (void)buf_append_format(&handshake, "https://127.0.0.1:%d/", w.server.port); /* a server that waits for a request */
    const char *const urls[] = {"http://silent.test/", buf_text(&connecting), buf_text(&handshake)};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        struct run r;
        run_init(&r, &w, urls[i]);
        int64_t start = now_ms();
        (void)run_start_with(&r, (struct http_fetch_options){.connect_timeout_ms = 150});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_CONNECT_TIMEOUT);
        EXPECT(!r.result.sent && r.result.detail[0]);
        EXPECT(now_ms() - start >= 100); /* the loop reads its clock once a turn */
        EXPECT(now_ms() - start < 3000);
        run_fini(&r);
    }
    buf_fini(&connecting);
    buf_fini(&handshake);
    full_close(&b);
    world_close(&w);
}

/* A limit that a busy machine passes before the request is out says nothing: then a longer one is tried. */
TEST_BOTH(after_the_request_has_left_time_is_the_caller_s)
{
    struct world w;
    REQUIRE(world_open(&w));
    bool left = false;
    for (int limit_ms = 50; !left && limit_ms < 5000; limit_ms *= 4) {
        struct run r;
        run_init(&r, &w, "/silent");
        (void)run_start_with(&r, (struct http_fetch_options){.connect_timeout_ms = limit_ms});
        TURN_UNTIL(&w, r.dones || atomic_load(&w.server.requests) == 1);
        left = r.dones == 0;
        for (int64_t end = now_ms() + 4 * limit_ms; left && now_ms() < end;)
            loop_turn(w.loop, 20);
        EXPECT_I64(r.dones, left ? 0 : 1);
        EXPECT(left || r.result.end == FETCH_CONNECT_TIMEOUT);
        if (r.dones == 0)
            http_fetch_cancel(r.fetch);
        run_fini(&r);
    }
    EXPECT(left);
    world_close(&w);
}

/* Cancels and checks that the server sees it soon, without a further turn of our loop. */
static void cancel_and_check(struct run *r, int closed_before)
{
    int64_t start = now_ms();
    http_fetch_cancel(r->fetch);
    WAIT_UNTIL(atomic_load(&r->w->server.closed) > closed_before);
    EXPECT(now_ms() - start < 100);
    for (int i = 0; i < 3; i++)
        loop_turn(r->w->loop, 0);
    EXPECT_I64(r->dones, 0);
}

TEST_BOTH(cancelling_closes_the_connection_while_waiting_for_the_reply)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/silent");
    run_start(&r);
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 1);
    cancel_and_check(&r, 0);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(cancelling_closes_the_connection_in_the_middle_of_a_stream)
{
    for (int paused = 0; paused < 2; paused++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        run_init(&r, &w, "/stream");
        r.pause_each = paused;
        run_start(&r);
        TURN_UNTIL(&w, r.body_calls == 1);
        cancel_and_check(&r, 0);
        run_fini(&r);
        world_close(&w);
    }
}

TEST_BOTH(cancelling_from_inside_a_callback_is_safe_and_as_quick)
{
    for (int where = 0; where < 2; where++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        run_init(&r, &w, "/stream");
        r.cancel_in_head = where == 0;
        r.cancel_in_body = where == 1;
        run_start(&r);
        TURN_UNTIL(&w, r.heads == 1 && (where == 0 || r.body_calls == 1));
        int64_t start = now_ms();
        WAIT_UNTIL(atomic_load(&w.server.closed) == 1);
        EXPECT(now_ms() - start < 100);
        loop_turn(w.loop, 0);
        EXPECT_I64(r.dones, 0);
        EXPECT_I64(r.body_calls, where);
        run_fini(&r);
        world_close(&w);
    }
}

TEST_BOTH(a_callback_may_cancel_another_fetch)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run victim, r;
    run_init(&victim, &w, "/silent");
    run_start(&victim);
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 1);
    run_init(&r, &w, "/ok");
    r.cancel_other = victim.fetch;
    run_start(&r);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    WAIT_UNTIL(atomic_load(&w.server.closed) == 1);
    EXPECT_I64(victim.dones, 0);
    run_fini(&victim);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(cancelling_in_on_done_changes_nothing)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/ok");
    r.cancel_in_done = true;
    run_start(&r);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    run_fini(&r);
    run_path(&r, &w, "/ok");
    EXPECT(r.result.reused);
    run_fini(&r);
    world_close(&w);
}

TEST(cancelling_waits_for_nothing_at_any_stage_before_the_request)
{
    struct world w;
    REQUIRE(world_open_both(&w, (struct http_client_options){0}, true));
    struct full b;
    REQUIRE(full_open(&b, AF_INET, 0));
    struct buf connecting = BUF_INIT(100), handshake = BUF_INIT(100);
    (void)buf_append_format(&connecting, "http://127.0.0.1:%d/", b.port);
    (void)buf_append_format(&handshake, "https://127.0.0.1:%d/", w.server.port);
    const char *const urls[] = {"http://silent.test/", buf_text(&connecting), buf_text(&handshake), "/ok"};
    for (size_t i = 0; i < COUNT_OF(urls); i++) {
        for (int turns = 0; turns < 4; turns++) {
            struct run r;
            run_init(&r, &w, urls[i]);
            run_start(&r);
            for (int k = 0; k < turns && r.fetch; k++)
                loop_turn(w.loop, i == 3 ? 0 : 10);
            int64_t start = now_ms();
            int dones = r.dones;
            if (r.fetch)
                http_fetch_cancel(r.fetch);
            EXPECT(now_ms() - start < 100);
            loop_turn(w.loop, 0);
            EXPECT_I64(r.dones, dones);
            run_fini(&r);
        }
    }
    buf_fini(&connecting);
    buf_fini(&handshake);
    full_close(&b);
    world_close(&w);
}

TEST_BOTH(closing_the_client_cancels_what_is_under_way)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r[3];
    static const char *const paths[] = {"/silent", "/stream", "/ok"};
    for (int i = 0; i < 2; i++) {
        run_init(&r[i], &w, paths[i]);
        run_start(&r[i]);
    }
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 2);
    run_init(&r[2], &w, paths[2]);
    run_start(&r[2]);
    world_close(&w);
    EXPECT_I64(atomic_load(&w.server.closed), 2);
    for (int i = 0; i < 3; i++) {
        EXPECT_I64(r[i].dones, 0);
        run_fini(&r[i]);
    }
}

/* --- pausing ------------------------------------------------------------------------------------------------------- */

TEST_BOTH(a_slow_consumer_gets_every_byte_once_and_holds_the_server_back)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/flood");
    r.keep_body = false;
    r.pause_each = true;
    run_start(&r);
    TURN_UNTIL(&w, r.body_calls == 1);
    struct mallinfo2 before = mallinfo2();
    long flooded = -1;
    for (int quiet = 0; quiet < 10; quiet++) { /* until the server cannot write any more */
        loop_turn(w.loop, 20);
        if (flooded != atomic_load(&w.server.flooded))
            quiet = 0;
        flooded = atomic_load(&w.server.flooded);
    }
    EXPECT(flooded < FLOOD_BYTES / 2);
    EXPECT_I64(r.body_calls, 1);
    int resumes = 0;
    while (r.dones == 0 && resumes < 1000000) {
        int calls = r.body_calls;
        if (resumes == 2000)
            r.pause_each = false;
        if (r.fetch)
            http_fetch_resume(r.fetch);
        resumes++;
        if (resumes == 1000)
            EXPECT(mallinfo2().uordblks < before.uordblks + 256 * KiB);
        for (int64_t end = now_ms() + 5000; r.body_calls == calls && r.dones == 0 && now_ms() < end;)
            loop_turn(w.loop, 20);
    }
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT_I64(r.received, FLOOD_BYTES);
    EXPECT(r.in_order);
    EXPECT(resumes >= 2000);
    run_fini(&r);
    world_close(&w);
}

TEST_BOTH(a_pause_in_the_head_holds_the_body)
{
    static const char *const paths[] = {"/ok", "/chunked"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        run_init(&r, &w, paths[i]);
        r.pause_head = r.pause_each = true;
        run_start(&r);
        TURN_UNTIL(&w, r.heads == 1);
        for (int k = 0; k < 5; k++)
            loop_turn(w.loop, 10);
        EXPECT_I64(r.body_calls, 0);
        EXPECT_I64(r.dones, 0);
        for (int64_t end = now_ms() + 5000; r.dones == 0 && now_ms() < end;) {
            http_fetch_resume(r.fetch);
            loop_turn(w.loop, 20);
        }
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_STR(buf_str(&r.body), i ? "hello world" : "hello");
        run_fini(&r);
        world_close(&w);
    }
}

/* --- the body's life ----------------------------------------------------------------------------------------------- */

TEST_BOTH(the_body_may_go_once_it_is_sent)
{
    static const size_t sizes[] = {1000, 300000};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        char *bytes = mem_alloc(sizes[i]);
        memset(bytes, 'x', sizes[i]);
        struct str pieces[2] = {{bytes, sizes[i] / 2}, {bytes + sizes[i] / 2, sizes[i] / 2}};
        run_init(&r, &w, "/stream");
        (void)run_start_with(&r, (struct http_fetch_options){.body = pieces, .body_count = 2});
        EXPECT(!http_fetch_sent_all(r.fetch));
        TURN_UNTIL(&w, r.body_calls == 1);
        EXPECT(http_fetch_sent_all(r.fetch));
        http_fetch_body_free(r.fetch);
        mem_free(bytes); /* the sanitizer sees who still reads it */
        loop_turn(w.loop, 0);
        http_fetch_cancel(r.fetch);
        run_fini(&r);
        world_close(&w);
    }
}

/* --- TLS ----------------------------------------------------------------------------------------------------------- */

static int trusted(const char *ca_file)
{
    struct trust t = {.ca_file = ca_file ? mem_dup_text(ca_file) : NULL};
    struct err e = {0};
    int rc = trust_load(&t, 0, &e);
    int count = rc < 0 ? rc : sk_X509_OBJECT_num(X509_STORE_get0_objects(t.store));
    trust_fini(&t);
    return count;
}

TEST(an_authority_of_ones_own_is_trusted_beside_the_systems)
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1"));
    int system = trusted(NULL), both = trusted(a.path);
    EXPECT_I64(both, (system > 0 ? system : 0) + 1); /* a machine without ca-certificates has none of its own */
    EXPECT_I64(trusted("/nowhere/ca.pem"), ERR_NOT_FOUND);
    EXPECT_I64(trusted("/dev/null"), ERR_INVALID);
    authority_close(&a);
}

TEST(https_works_with_the_right_authority_and_keeps_its_connection)
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1"));
    struct world w;
    REQUIRE(world_open_with(&w, a.context, (struct http_client_options){.ca_file = a.path}, false));
    static char large[200000];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = pattern(i);
    const struct str bodies[] = {small_body, {large, 20000}, {large, sizeof large}};
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct run r;
        run_init(&r, &w, "/echo");
        (void)run_start_with(&r, (struct http_fetch_options){.body = &bodies[i], .body_count = 1});
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT(str_eq(buf_str(&r.body), bodies[i]));
        EXPECT(r.result.reused == (i > 0));
        run_fini(&r);
    }
    world_close(&w);
    authority_close(&a);
}

static void expect_sessions_resumed(int version)
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1"));
    SSL_CTX_set_max_proto_version(a.context, version);
    SSL_CTX_set_session_cache_mode(a.context, SSL_SESS_CACHE_OFF); /* tickets alone, as servers of many machines have it */
    struct world w;
    REQUIRE(world_open_with(&w, a.context, (struct http_client_options){.ca_file = a.path}, false));
    struct run r[3];
    for (uint32_t i = 0; i < COUNT_OF(r); i++) { /* all open at once, so each has its own handle inside */
        run_init(&r[i], &w, "/stream");
        (void)run_start_with(&r[i], (struct http_fetch_options){.pool = i});
        TURN_UNTIL(&w, r[i].body_calls == 1);
    }
    EXPECT_I64(atomic_load(&w.server.resumed), 2);
    for (uint32_t i = 0; i < COUNT_OF(r); i++) {
        http_fetch_cancel(r[i].fetch);
        run_fini(&r[i]);
    }
    world_close(&w);
    authority_close(&a);
}

TEST(tls_sessions_are_resumed_across_connections_and_pools)
{
    expect_sessions_resumed(TLS1_3_VERSION);
}

TEST(tls_sessions_of_version_1_2_are_resumed_by_their_tickets)
{
    expect_sessions_resumed(TLS1_2_VERSION);
}

TEST(a_certificate_that_does_not_fit_is_refused)
{
    struct authority right, wrong, other_name;
    REQUIRE(authority_open(&right, "IP:127.0.0.1"));
    REQUIRE(authority_open(&wrong, "IP:127.0.0.1"));
    REQUIRE(authority_open(&other_name, "DNS:elsewhere.test"));
    const struct {
        const struct authority *server;
        const char *ca_file;
    } table[] = {{&right, wrong.path}, {&other_name, other_name.path}, {&right, "/nonexistent/ca.pem"}};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct world w;
        REQUIRE(world_open_with(&w, table[i].server->context, (struct http_client_options){.ca_file = table[i].ca_file},
                                false));
        struct run r;
        run_path(&r, &w, "/ok");
        EXPECT_I64(r.result.end, FETCH_TLS);
        EXPECT(!r.result.sent && r.result.detail[0]);
        if (i == 2)
            EXPECT_STR(str_from(r.result.detail), "/nonexistent/ca.pem cannot be read: No such file or directory");
        EXPECT_I64(atomic_load(&w.server.requests), 0);
        run_fini(&r);
        world_close(&w);
    }
    authority_close(&right);
    authority_close(&wrong);
    authority_close(&other_name);
}

TEST(cancelling_a_tls_stream_closes_it_at_once)
{
    struct authority a;
    REQUIRE(authority_open(&a, "IP:127.0.0.1"));
    struct world w;
    REQUIRE(world_open_with(&w, a.context, (struct http_client_options){.ca_file = a.path}, false));
    struct run r;
    run_init(&r, &w, "/stream");
    run_start(&r);
    TURN_UNTIL(&w, r.body_calls == 1);
    cancel_and_check(&r, 0);
    run_fini(&r);
    world_close(&w);
    authority_close(&a);
}

/* --- memory -------------------------------------------------------------------------------------------------------- */

static int torture_open(void *ctx)
{
    struct world *w = ctx;
    struct http_client *c = NULL;
    struct http_client_options opt = {.loop = w->loop, .resolver = w->resolver, .ca_file = "/nonexistent"};
    int rc = http_client_open(&c, &opt, NULL);
    if (rc == 0)
        http_client_close(c);
    return rc;
}

TEST(opening_a_client_survives_every_failed_allocation)
{
    struct world w;
    REQUIRE(world_open(&w));
    EXPECT(test_torture("http_client_open", torture_open, &w) >= 2);
    world_close(&w);
}

/* The n-th allocation from http_fetch_start on fails; on_done still comes exactly once, or the start says no. */
TEST_BOTH(a_fetch_survives_every_failed_allocation)
{
    struct world w;
    REQUIRE(world_open_both(&w, (struct http_client_options){0}, true));
    struct str pieces[] = {STR("a"), STR("b")};
    long n = 1, visited = 0;
    for (; n < 1000; n++) {
        struct run r;
        run_init(&r, &w, "");
        (void)buf_append_format(&r.url, "%s://good.test:%d/ok", scheme(), w.server.port);
        (void)buf_reserve(&r.head, 1000);
        (void)buf_reserve(&r.body, 1000);
        struct http_fetch_options opt = {.url = buf_str(&r.url),
                                         .method = STR("POST"),
                                         .body = pieces,
                                         .body_count = 2,
                                         .pool = (uint32_t)n,
                                         .connect_timeout_ms = 5000,
                                         .on_head = on_head,
                                         .on_body = on_body,
                                         .on_done = on_done,
                                         .ctx = &r};
        mem_fail_at(n);
        int rc = http_fetch_start(&r.fetch, w.client, &opt, NULL);
        if (rc == 0)
            TURN_UNTIL(&w, r.dones == 1);
        visited = mem_visited();
        mem_fail_at(0);
        bool failed = rc == ERR_NOMEM || r.result.end == FETCH_NOMEM;
        EXPECT(rc == 0 || rc == ERR_NOMEM);
        EXPECT(failed || r.result.end == FETCH_OK || r.result.end == FETCH_RESOLVE);
        run_fini(&r);
        if (visited < n)
            break;
    }
    printf("torture http_fetch_start over %s: %ld allocation points\n", scheme(), n - 1);
    EXPECT(n > 4 && n < 1000);
    world_close(&w);
}
