/* test_http_plain.c: what only the transport of http:// and unix sockets promises: replies read strictly and the same
 * however they are cut, replies that come before the request is out, connections kept by the rules, pauses that cost
 * nothing. */
#include "fetch_kit.h"
#include "net/http_client_priv.h"

/* --- replies ------------------------------------------------------------------------------------------------------- */

TEST(what_could_be_read_in_two_ways_is_refused)
{
    static const struct {
        const char *path;
        int heads;
        const char *body;
    } table[] = {
        {"/both", 0, ""},          {"/chunked-twice", 0, ""},   {"/chunked-again", 0, ""},
        {"/plus-length", 0, ""},   {"/minus-length", 0, ""},    {"/list-length", 0, ""},
        {"/no-length", 0, ""},     {"/huge-length", 0, ""},     {"/blank-name", 0, ""},
        {"/leading-blank", 0, ""}, {"/lower-http", 0, ""},      {"/status-1000", 0, ""},
        {"/chunk-blank", 1, ""},   {"/chunk-hex", 1, ""},       {"/chunk-minus", 1, ""},
        {"/chunk-huge", 1, ""},    {"/chunk-long", 1, "hello"}, {"/chunk-lf", 1, ""},
        {"/trailer-nul", 1, ""},
    };
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct run r;
        run_path(&r, &w, table[i].path);
        if (r.result.end != FETCH_PROTOCOL || r.heads != table[i].heads || !r.result.detail[0])
            test_fail(__FILE__, __LINE__, "%s: ended as \"%s\" (%s), %d heads", table[i].path,
                      fetch_end_text(r.result.end), r.result.detail, r.heads);
        EXPECT_STR(buf_str(&r.body), table[i].body);
        run_fini(&r);
    }
    world_close(&w);
}

TEST(a_connection_is_kept_when_the_reply_allows_it)
{
    static const struct {
        const char *path, *method, *body;
        bool kept;
    } table[] = {
        {"/same-lengths", "POST", "abc", true}, {"/extension", "POST", "abc", true},
        {"/bare-lf", "POST", "abc", true},      {"/204-length", "POST", "", true},
        {"/304-length", "POST", "", true},      {"/old-kept", "POST", "abc", true},
        {"/says-close", "POST", "abc", false},  {"/old", "POST", "abc", false},
        {"/old-chunked", "POST", "abc", false},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct world w;
        REQUIRE(world_open(&w));
        for (int again = 0; again < 2; again++) {
            struct run r;
            run_path(&r, &w, table[i].path);
            if (r.result.end != FETCH_OK || r.result.reused != (again && table[i].kept))
                test_fail(__FILE__, __LINE__, "%s: ended as \"%s\" (%s), reused %d", table[i].path,
                          fetch_end_text(r.result.end), r.result.detail, r.result.reused);
            EXPECT_STR(buf_str(&r.body), table[i].body);
            run_fini(&r);
        }
        world_close(&w);
    }
}

/* The same bytes in two parts, and one by one, give the same head, body and end. */
static void read_cut(const char *text, size_t cut, size_t step, struct buf *seen)
{
    struct http_fields room = {0};
    struct http_head h;
    struct http_body b = {0};
    http_head_init(&h, 4096);
    AUTO_BUF struct buf all = BUF_INIT(64 * KiB);
    (void)buf_append_text(&all, text);
    bool head_done = false, ended = false;
    for (size_t at = 0, n; at < all.len && !ended; at += n) {
        n = at < cut ? cut : step;
        n = n < all.len - at ? n : all.len - at;
        char *part = mem_dup(all.ptr + at, n); /* the sanitizer sees who reads past it */
        size_t used = 0, more = 0;
        if (!head_done) {
            enum http_head_rc rc = http_head_feed(&h, &room, part, n, &used);
            head_done = rc == HEAD_COMPLETE;
            ended = rc != HEAD_COMPLETE && rc != HEAD_MORE;
            if (ended || head_done)
                (void)buf_append_format(seen, "%d:%d", rc, h.status);
            for (size_t i = 0; head_done && i < h.count; i++)
                (void)buf_append_format(seen, "|%.*s=%.*s", STR_FMT(h.header[i].name), STR_FMT(h.header[i].value));
            if (head_done)
                http_body_init(&b, &h, false);
        }
        struct str data = STR_NONE;
        int rc = 0;
        if (head_done)
            rc = http_body_feed(&b, part + used, n - used, &data, &more);
        (void)buf_append(seen, data);
        if (head_done && rc)
            (void)buf_append_format(seen, "|%d at %zu", rc, at + used + more);
        ended |= rc != 0;
        mem_free(part);
    }
    mem_free(room.at);
    http_head_fini(&h);
}

TEST(a_reply_is_read_the_same_however_it_is_cut)
{
    for (size_t i = 0; i < COUNT_OF(replies); i++) {
        AUTO_BUF struct buf whole = BUF_INIT(64 * KiB);
        size_t len = strlen(replies[i].reply);
        read_cut(replies[i].reply, 0, len + 1, &whole);
        for (size_t cut = 0; cut <= len; cut++) {
            AUTO_BUF struct buf parts = BUF_INIT(64 * KiB);
            read_cut(replies[i].reply, cut, cut == 0 ? 1 : len, &parts);
            if (!str_eq(buf_str(&whole), buf_str(&parts)))
                test_fail(__FILE__, __LINE__, "%s cut at %zu: \"%.*s\" instead of \"%.*s\"", replies[i].path, cut,
                          STR_FMT(buf_str(&parts)), STR_FMT(buf_str(&whole)));
        }
    }
}

/* --- sending ------------------------------------------------------------------------------------------------------- */

static char large[8 << 20];

static struct world *looked_at;
static int requests_at_commit;
static void look(struct loop_task *t)
{
    (void)t;
    (void)poll(NULL, 0, 20); /* long enough for a byte that left too early */
    requests_at_commit = atomic_load(&looked_at->server.requests);
}

TEST(no_byte_leaves_before_the_send_phase)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct loop_task task = {0};
    looked_at = &w;
    for (int kept = 0; kept < 2; kept++) {
        struct run r;
        run_init(&r, &w, "/ok");
        run_start(&r);
        loop_defer(w.loop, LOOP_COMMIT, &task, look);
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT(r.result.reused == (kept == 1));
        EXPECT_I64(requests_at_commit, kept);
        run_fini(&r);
    }
    world_close(&w);
}

TEST(a_body_of_more_pieces_than_leave_at_once_arrives_whole)
{
    enum { N = 1000 };
    struct world w;
    REQUIRE(world_open(&w));
    struct str pieces[N];
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = pattern(i);
    for (size_t i = 0; i < N; i++)
        pieces[i] = str_of(large + i * 333, i % 7 == 3 ? 0 : 333);
    size_t bytes = 0;
    for (size_t i = 0; i < N; i++)
        bytes += pieces[i].len;
    struct run r;
    run_init(&r, &w, "/echo");
    (void)run_start_with(&r, (struct http_fetch_options){.body = pieces, .body_count = N});
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    EXPECT_I64(r.received, bytes);
    size_t at = 0;
    for (size_t i = 0; i < N; at += pieces[i++].len)
        EXPECT(str_eq(str_slice(buf_str(&r.body), at, at + pieces[i].len), pieces[i]));
    run_fini(&r);
    world_close(&w);
}

TEST(a_reply_that_comes_before_the_request_is_out_is_heard_and_its_connection_closed)
{
    static const char *const paths[] = {"/early", "/early-close"};
    const struct str body = {large, sizeof large};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct world w;
        REQUIRE(world_open(&w));
        struct run r;
        run_init(&r, &w, paths[i]);
        (void)run_start_with(&r, (struct http_fetch_options){.body = &body, .body_count = 1});
        TURN_UNTIL(&w, r.heads == 1);
        EXPECT(r.fetch == NULL || !http_fetch_sent_all(r.fetch));
        run_finish(&r);
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT_I64(r.result.status, 413);
        EXPECT_STR(buf_str(&r.body), "abc");
        run_fini(&r);
        run_path(&r, &w, "/ok");
        EXPECT_I64(r.result.end, FETCH_OK);
        EXPECT(!r.result.reused);
        run_fini(&r);
        world_close(&w);
    }
}

TEST(a_body_that_is_freed_before_it_was_sent_ends_as_a_reset)
{
    struct world w;
    REQUIRE(world_open(&w));
    char *bytes = mem_alloc(sizeof large);
    memset(bytes, 'x', sizeof large);
    struct str body = {bytes, sizeof large};
    struct run r;
    run_init(&r, &w, "/held"); /* its body is not read before it is gone here */
    (void)run_start_with(&r, (struct http_fetch_options){.body = &body, .body_count = 1});
    TURN_UNTIL(&w, atomic_load(&w.server.connections) == 1);
    EXPECT(!http_fetch_sent_all(r.fetch));
    http_fetch_body_free(r.fetch);
    mem_free(bytes); /* the sanitizer sees who still reads it */
    atomic_store(&w.server.released, 1);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_RESET);
    EXPECT_I64(r.heads, 0);
    run_fini(&r);
    world_close(&w);
}

TEST(cancelling_while_the_request_is_still_being_sent_is_seen_at_once)
{
    struct world w;
    REQUIRE(world_open(&w));
    const struct str body = {large, sizeof large};
    struct run r;
    run_init(&r, &w, "/early-silent");
    (void)run_start_with(&r, (struct http_fetch_options){.body = &body, .body_count = 1});
    TURN_UNTIL(&w, atomic_load(&w.server.requests) == 1);
    EXPECT(!http_fetch_sent_all(r.fetch));
    int64_t start = now_ms();
    http_fetch_cancel(r.fetch);
    WAIT_UNTIL(atomic_load(&w.server.ended) == 1);
    EXPECT(now_ms() - start < 100);
    EXPECT_I64(r.dones, 0);
    run_fini(&r);
    world_close(&w);
}

/* --- pauses -------------------------------------------------------------------------------------------------------- */

TEST(a_paused_connection_that_breaks_does_not_spin_and_gives_what_it_had)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/reset");
    r.pause_each = true;
    run_start(&r);
    TURN_UNTIL(&w, r.body_calls == 1 && atomic_load(&w.server.ended) == 1);
    for (int i = 0; i < 5; i++)
        loop_turn(w.loop, 0);
    int64_t start = now_ms();
    loop_turn(w.loop, 50); /* nothing to do: it waits */
    EXPECT(now_ms() - start >= 45);
    EXPECT_I64(r.dones, 0);
    while (r.dones == 0 && r.body_calls < 100) {
        http_fetch_resume(r.fetch);
        loop_turn(w.loop, 20);
    }
    EXPECT_I64(r.result.end, FETCH_RESET);
    EXPECT_I64(r.received, 30000);
    run_fini(&r);
    world_close(&w);
}

TEST(a_fetch_may_be_cancelled_while_it_holds_bytes)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_init(&r, &w, "/chunked");
    r.pause_head = true;
    run_start(&r);
    TURN_UNTIL(&w, r.heads == 1);
    http_fetch_resume(r.fetch);
    http_fetch_cancel(r.fetch);
    loop_turn(w.loop, 0);
    EXPECT_I64(r.dones + r.body_calls, 0);
    run_fini(&r);
    world_close(&w);
}

/* --- connections --------------------------------------------------------------------------------------------------- */

TEST(a_kept_connection_is_closed_after_two_minutes)
{
    struct clock clock = clock_fake(1700000000000);
    opt_clock = &clock;
    struct world w;
    REQUIRE(world_open(&w));
    opt_clock = NULL;
    struct run r;
    run_path(&r, &w, "/ok");
    run_fini(&r);
    clock_advance(&clock, 60 * 1000);
    loop_turn(w.loop, 0);
    EXPECT_I64(atomic_load(&w.server.ended), 0);
    run_path(&r, &w, "/ok");
    EXPECT(r.result.reused);
    run_fini(&r);
    for (int i = 0; i < 5; i++) {
        clock_advance(&clock, 30 * 1000);
        loop_turn(w.loop, 0);
    }
    WAIT_UNTIL(atomic_load(&w.server.ended) == 1);
    world_close(&w);
}

TEST(an_address_that_is_no_longer_allowed_is_not_reached_by_a_kept_connection)
{
    struct world w;
    REQUIRE(world_open(&w));
    struct run r;
    run_path(&r, &w, "/ok");
    run_fini(&r);
    run_init(&r, &w, "/ok");
    atomic_store(&allowed_once, 0);
    r.allow = allow_first_time; /* when it is looked up, and not when it is to be used */
    run_start(&r);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_FENCED);
    EXPECT_I64(atomic_load(&w.server.requests), 1);
    run_fini(&r);
    world_close(&w);
}

TEST(after_a_busy_time_a_few_connections_stay)
{
    enum { N = 60, KEPT = 32 };
    struct world w;
    REQUIRE(world_open(&w));
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
        run_fini(&r[i]);
    }
    http_client_trim(w.client);
    WAIT_UNTIL(atomic_load(&w.server.ended) == N - KEPT);
    run_path(&r[0], &w, "/ok");
    EXPECT(r[0].result.reused);
    run_fini(&r[0]);
    world_close(&w);
}

TEST(a_unix_socket_whose_queue_is_full_is_waited_for)
{
    struct world w;
    REQUIRE(world_open(&w));
    char dir[] = "/tmp/hearth-test-XXXXXX";
    REQUIRE(mkdtemp(dir));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)text_format(at.sun_path, sizeof at.sun_path, "%s/s", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), filler[4];
    REQUIRE(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 0) == 0);
    for (size_t i = 0; i < COUNT_OF(filler); i++) {
        filler[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)!connect(filler[i], (struct sockaddr *)&at, sizeof at);
    }
    struct run r;
    run_init(&r, &w, "http://engine/ok");
    (void)run_start_with(&r, (struct http_fetch_options){.unix_path = str_from(at.sun_path)});
    for (int i = 0; i < 5; i++)
        loop_turn(w.loop, 20);
    EXPECT_I64(r.dones, 0);
    struct server local = {.fd = fd, .last_head = BUF_INIT(4 * MiB), .last_body = BUF_INIT(64 * MiB)};
    pthread_mutex_init(&local.lock, NULL);
    (void)!pthread_create(&local.thread, NULL, server_main, &local);
    run_finish(&r);
    EXPECT_I64(r.result.end, FETCH_OK);
    run_fini(&r);
    for (size_t i = 0; i < COUNT_OF(filler); i++)
        close(filler[i]);
    world_close(&w);
    server_stop(&local);
    (void)unlink(at.sun_path);
    (void)rmdir(dir);
}

/* --- memory -------------------------------------------------------------------------------------------------------- */

/* A head in parts and a pause in it, which are what allocates while a reply comes in. */
TEST(a_reply_in_parts_survives_every_failed_allocation)
{
    static const char *const paths[] = {"/long-header", "/chunked"};
    struct world w;
    REQUIRE(world_open(&w));
    for (size_t k = 0; k < COUNT_OF(paths); k++) {
        long n = 1, visited = 0;
        for (; n < 1000; n++) {
            struct run r;
            run_init(&r, &w, paths[k]);
            (void)buf_reserve(&r.head, 60000);
            (void)buf_reserve(&r.body, 1000);
            r.pause_head = true;
            mem_fail_at(n);
            struct http_fetch_options opt = {.url = buf_str(&r.url),
                                             .method = STR("POST"),
                                             .pool = (uint32_t)(n + (long)k * 1000),
                                             .on_head = on_head,
                                             .on_body = on_body,
                                             .on_done = on_done,
                                             .ctx = &r};
            int rc = http_fetch_start(&r.fetch, w.client, &opt, NULL);
            if (rc == 0)
                TURN_UNTIL(&w, r.dones == 1 || r.heads == 1);
            if (rc == 0 && r.dones == 0)
                http_fetch_resume(r.fetch);
            if (rc == 0)
                TURN_UNTIL(&w, r.dones == 1);
            visited = mem_visited();
            mem_fail_at(0);
            EXPECT(rc == ERR_NOMEM || r.result.end == FETCH_NOMEM || r.result.end == FETCH_OK);
            run_fini(&r);
            if (visited < n)
                break;
        }
        printf("torture reply of %s: %ld allocation points\n", paths[k], n - 1);
        EXPECT(n > 3 && n < 1000);
    }
    world_close(&w);
}
