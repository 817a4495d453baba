/* test_ask.c: `hearth ask` beside a daemon that is slow. What it does otherwise is in scenarios. */
#include "cli_kit.h"
#include "slow_kit.h"

enum { SLOW_MS = 1200 }; /* of a daemon on a machine that is busy, per answer */

/* It used to take the daemon for gone, opened the books itself, and said that somebody else had them open. */
TEST(a_daemon_that_takes_its_time_is_asked_all_the_same)
{
    static const struct slow_reply replies[] = {
        {"/healthz", "text/plain", "ok\n"},
        {NULL, "text/event-stream",
         "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"from the daemon\"}}]}\n\ndata: [DONE]\n\n"}};
    struct cli_world w;
    struct cli_run r;
    struct slow daemon;
    AUTO_BUF struct buf config = BUF_INIT(4 * KiB);
    REQUIRE(cli_world_open(&w) && slow_open(&daemon, SLOW_MS, replies));
    REQUIRE(buf_append_format(&config,
                              "listen: 127.0.0.1:%d\nupstreams: { a: { url: \"http://127.0.0.1:1/v1\" } }\n"
                              "jobs: { bulk: { chain: [a/m] } }\n",
                              daemon.port) == 0);
    REQUIRE(cli_write(&w, "hearth.yaml", buf_str(&config)));
    REQUIRE(cli_do(&r, &w, CLI("ask", "hello")));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "from the daemon");
    cli_run_fini(&r);
    slow_close(&daemon);
    cli_world_close(&w);
}
