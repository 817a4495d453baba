/* test_http_share.c: two servers on one listener: the one that has clearly more connections leaves the next ones to the other. */
#include "http_kit.h"

enum { CLIENTS = 60 };

struct pair {
    struct site a; /* `site`'s machinery serves both; only the numbers of connections count here */
    struct loop *loop_b;
    struct http_server *b;
    struct http_share share;
    int client[CLIENTS];
    int clients;
};

static bool pair_open(struct pair *p)
{
    *p = (struct pair){0};
    struct http_server_options opt = {.share = &p->share};
    if (!site_open(&p->a, opt))
        return false;
    opt.handler = (struct http_handler){.on_request = on_request, .on_gone = on_gone};
    return loop_open(&p->loop_b, &(struct loop_options){.clock = &p->a.clock}, NULL) == 0 &&
           http_server_open(&p->b, p->loop_b, &opt, NULL) == 0 && http_server_listen(p->b, p->a.listener) == 0;
}

static void pair_close(struct pair *p)
{
    for (int i = 0; i < p->clients; i++)
        close(p->client[i]);
    http_server_close(p->b);
    loop_close(p->loop_b);
    site_close(&p->a);
}

static void dial_some(struct pair *p, int count)
{
    for (int i = 0; i < count; i++)
        p->client[p->clients++] = dial(&p->a);
}

static void turns(struct loop *l)
{
    for (int i = 0; i < 40; i++)
        loop_turn(l, 0);
}

TEST(a_loop_well_above_its_share_leaves_connections_to_the_others_until_they_caught_up)
{
    struct pair p;
    REQUIRE(pair_open(&p));
    dial_some(&p, CLIENTS - 1);
    turns(p.a.loop); /* the other loop sleeps */
    size_t taken = http_server_connections(p.a.server);
    EXPECT(taken >= 20 && taken <= 26); /* alone it is at twice the mean: a quarter and 8 above is reached soon */
    turns(p.loop_b);
    EXPECT_I64(http_server_connections(p.b), CLIENTS - 1 - taken);
    clock_advance(&p.a.clock, 1000); /* now it is looked at again, and this one is below the mean */
    turns(p.a.loop);
    dial_some(&p, 1);
    turns(p.a.loop);
    EXPECT_I64(http_server_connections(p.a.server), taken + 1);
    EXPECT_I64(atomic_load(&p.share.connections), CLIENTS);
    pair_close(&p);
}

TEST(when_nobody_else_takes_connections_a_loop_takes_all_of_them)
{
    struct pair p;
    REQUIRE(pair_open(&p));
    http_server_drain(p.b); /* of what waits by then it would take all */
    dial_some(&p, 30);
    turns(p.a.loop);
    clock_advance(&p.a.clock, 1000);
    turns(p.a.loop);
    EXPECT_I64(http_server_connections(p.a.server), 30);
    pair_close(&p);
}

/* The one wake-up that a connection is worth may have gone to the loop that leaves it. */
TEST(what_nobody_takes_is_taken_in_the_end)
{
    struct pair p;
    REQUIRE(pair_open(&p));
    dial_some(&p, CLIENTS);
    turns(p.a.loop); /* the other loop sleeps, and goes on sleeping */
    EXPECT(http_server_connections(p.a.server) < CLIENTS);
    for (int i = 0; i < CLIENTS && http_server_connections(p.a.server) < CLIENTS; i++) {
        clock_advance(&p.a.clock, 20);
        turns(p.a.loop);
    }
    EXPECT_I64(http_server_connections(p.a.server), CLIENTS);
    pair_close(&p);
}

TEST(few_connections_are_taken_by_whoever_is_awake)
{
    struct pair p;
    REQUIRE(pair_open(&p));
    dial_some(&p, 12);
    turns(p.a.loop);
    EXPECT_I64(http_server_connections(p.a.server), 12);
    pair_close(&p);
}

TEST(a_loop_that_resumes_when_connections_close_counts_right)
{
    struct pair p;
    REQUIRE(pair_open(&p));
    dial_some(&p, 30);
    turns(p.a.loop);
    for (int i = 0; i < p.clients; i++)
        close(p.client[i]);
    p.clients = 0;
    turns(p.a.loop);
    turns(p.loop_b);
    clock_advance(&p.a.clock, 1000);
    turns(p.a.loop);
    turns(p.loop_b);
    EXPECT_I64(atomic_load(&p.share.connections), 0);
    EXPECT_I64(atomic_load(&p.share.listening), 2);
    pair_close(&p);
    EXPECT_I64(atomic_load(&p.share.servers), 0);
    EXPECT_I64(atomic_load(&p.share.listening), 0);
}
