/* test_rehearse.c: `hearth rehearse` tells its story to the end, the flat plan's life among it, and the money of both regimes. */
#include "cli_kit.h"

TEST(the_story_is_told_and_everything_goes_as_it_should)
{
    struct cli_world w;
    struct cli_run r;
    REQUIRE(cli_world_open(&w));
    REQUIRE(cli_do(&r, &w, CLI("rehearse")));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "(its window is simulated, and lasts seconds here instead of five hours)");
    EXPECT_SAYS(&r, "the plan is spent; it goes on here");
    EXPECT_SAYS(&r, "kimi/kimi-k2.6                 2 attempts");
    EXPECT_SAYS(&r, "after the reset: back by itself");
    EXPECT_SAYS(&r, "plan/claude-opus-5-5                  1      ");
    EXPECT_SAYS(&r, "within the plan\n");
    EXPECT_SAYS(&r, "Within the plan of plan 3 answers, which in credits are $ 0.124800 (its fee is $ 100.000000 a month); while it was spent 2 went "
                    "elsewhere, for $ ");
    EXPECT_SAYS(&r, "Everything went as it should.");
    cli_run_fini(&r);
    cli_world_close(&w);
}
