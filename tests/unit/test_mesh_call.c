/* test_mesh_call.c: calls through a real mesh, journal and transport, with a simulated upstream on another thread: what
 * happens when the journal cannot be written, when memory runs out, and in which order things reach the books. */
#include "config/config.h"
#include "ledger/ledger.h"
#include "mesh/mesh.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "sim/sim.h"
#include "test.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct house {
    struct sim *sim;
    struct config *config;
    struct ledger *ledger;
    struct resolver *names;
    struct mesh *mesh;
    struct loop *loop;
    struct mesh_loop *ml;
    char dir[64];
    /* the answer of the current call */
    int status;
    bool over, begun, cut;
    struct buf body;
};

static void on_whole(void *ctx, const struct mesh_head *head, struct str body)
{
    struct house *h = ctx;
    h->status = head->status;
    (void)buf_append(&h->body, body);
    h->over = true;
}

static void on_begin(void *ctx, const struct mesh_head *head)
{
    struct house *h = ctx;
    h->status = head->status;
    h->begun = true;
}

static int on_write(void *ctx, struct str bytes)
{
    return buf_append(&((struct house *)ctx)->body, bytes);
}

static void on_end(void *ctx)
{
    ((struct house *)ctx)->over = true;
}

static void on_cut(void *ctx)
{
    ((struct house *)ctx)->over = ((struct house *)ctx)->cut = true;
}

static const struct mesh_sink sink = {on_whole, on_begin, on_write, on_end, on_cut};

static void house_close(struct house *h)
{
    mesh_loop_close(h->ml);
    loop_close(h->loop);
    mesh_close(h->mesh);
    resolver_close(h->names);
    ledger_close(h->ledger);
    config_free(h->config);
    sim_close(h->sim);
    buf_fini(&h->body);
    char command[128];
    text_format(command, sizeof command, "rm -rf '%s'", h->dir);
    if (h->dir[0] && system(command) != 0)
        test_fail(__FILE__, __LINE__, "%s stays behind", h->dir);
}

/* Two upstreams, a and b; `more` is written into a's row, `chain` is the job's. */
static bool house_open_with(struct house *h, const char *script_a, const char *script_b, const char *more, const char *chain)
{
    struct err e = {0};
    *h = (struct house){.body = BUF_INIT(4 * MiB)};
    text_format(h->dir, sizeof h->dir, "/tmp/hearth-test-XXXXXX");
    char yaml[1024];
    int a = -1, b = -1;
    bool fine = mkdtemp(h->dir) && sim_open(&h->sim, &e) == 0 && (a = sim_add(h->sim, "a", "openai", 0, &e)) >= 0 &&
                (b = sim_add(h->sim, "b", "openai", 0, &e)) >= 0 && sim_script(h->sim, a, script_a, &e) == 0 &&
                sim_script(h->sim, b, script_b, &e) == 0;
    if (fine)
        text_format(yaml, sizeof yaml,
                    "upstreams:\n  a: { url: \"http://127.0.0.1:%d/v1\"%s }\n  b: { url: \"http://127.0.0.1:%d/v1\" }\n"
                    "jobs:\n  bulk: { chain: %s }\nprices: { a/m: { input: 1, output: 2 } }\n", sim_port(h->sim, a), more,
                    sim_port(h->sim, b), chain);
    fine = fine && config_read(&h->config, str_from(yaml), STR("t.yaml"), &e) == 0 &&
           ledger_open(&h->ledger, &(struct ledger_options){.dir = str_from(h->dir), .clock = clock_system()}, &e) == 0 &&
           resolver_open(&h->names, &(struct resolver_options){.clock = clock_system()}, &e) == 0 &&
           mesh_open(&h->mesh, &(struct mesh_options){.config = h->config, .ledger = h->ledger, .resolver = h->names, .clock = clock_system()}, &e) == 0 &&
           loop_open(&h->loop, &(struct loop_options){.clock = clock_system()}, &e) == 0 &&
           mesh_loop_open(&h->ml, &(struct mesh_loop_options){.mesh = h->mesh, .loop = h->loop}, &e) == 0;
    if (!fine) {
        test_fail(__FILE__, __LINE__, "the house does not open: %s", e.text);
        house_close(h);
    }
    return fine;
}

static bool house_open(struct house *h, const char *script)
{
    return house_open_with(h, script, "reply \"b\"", "", "[a/m]");
}

/* Runs one call to its end; false when it does not end within ten seconds. */
static bool house_call(struct house *h, const char *body)
{
    enum { TURN_MS = 50, LIMIT_MS = 10000 * SLOWER };
    struct mesh_call *call;
    struct mesh_ask ask = {.op = WIRE_CHAT, .body = str_from(body), .key = STR("-"), .received_us = clock_mono_us(clock_system()), .sink = &sink, .ctx = h};
    int64_t start = clock_mono_us(clock_system());
    h->over = h->begun = h->cut = false;
    h->status = 0;
    buf_clear(&h->body);
    if (mesh_call_start(&call, h->ml, &ask) < 0) {
        h->over = true; /* refused for want of memory */
        h->status = 503;
    }
    while ((!h->over || mesh_loop_calls(h->ml)) && clock_mono_us(clock_system()) - start < LIMIT_MS * 1000)
        loop_turn(h->loop, TURN_MS);
    return h->over && mesh_loop_calls(h->ml) == 0;
}

#define QUESTION "{\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define STREAMED "{\"model\":\"bulk\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"

TEST(a_call_is_answered_and_booked)
{
    struct house h;
    REQUIRE(house_open(&h, "reply \"fine\""));
    EXPECT(house_call(&h, QUESTION) && h.status == 200 && str_find(buf_str(&h.body), STR("fine")) > 0);
    EXPECT(house_call(&h, STREAMED) && h.status == 200 && h.begun && str_find(buf_str(&h.body), STR("[DONE]")) > 0);
    house_close(&h);
}

/* Open record first: when the journal takes nothing, nothing leaves. */
TEST(without_a_journal_nothing_leaves_and_it_recovers)
{
    struct house h;
    struct sim_seen seen;
    struct rlimit before, none;
    REQUIRE(house_open(&h, "reply \"fine\""));
    signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
    none = (struct rlimit){1, before.rlim_max};
    EXPECT(house_call(&h, QUESTION) && h.status == 200);
    sim_seen_reset(h.sim, 0);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &none) == 0);
    bool ended = house_call(&h, QUESTION);
    int status = h.status;
    bool ready = mesh_loop_ready(h.ml);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &before) == 0);
    sim_seen(h.sim, 0, &seen);
    EXPECT(ended && !ready);
    EXPECT_I64(status, 503);
    EXPECT_I64(seen.requests, 0);
    EXPECT(str_find(buf_str(&h.body), STR("journal")) >= 0);
    EXPECT(house_call(&h, QUESTION) && h.status == 200 && mesh_loop_ready(h.ml));
    house_close(&h);
}

static int one_call(void *ctx)
{
    struct house *h = ctx;
    if (!house_call(h, QUESTION)) {
        test_fail(__FILE__, __LINE__, "a call did not end");
        return 0;
    }
    return h->status == 200 ? 0 : -1;
}

TEST(a_call_survives_every_failed_allocation)
{
    struct house h;
    REQUIRE(house_open(&h, "reply \"fine\""));
    REQUIRE(house_call(&h, QUESTION));
    test_torture("mesh_call", one_call, &h);
    EXPECT(house_call(&h, QUESTION) && h.status == 200);
    house_close(&h);
}

static bool books_hold(struct house *h, const char *word)
{
    char command[256];
    text_format(command, sizeof command, "grep -rqa %s '%s'", word, h->dir);
    return system(command) == 0;
}

TEST(the_loser_of_a_hedge_is_an_attempt_in_the_books)
{
    struct house h;
    struct sim_seen seen;
    REQUIRE(house_open_with(&h, "hang", "reply \"second\"", "", "[{ try: a/m, hedge_after: 30ms }, b/m]"));
    EXPECT(house_call(&h, QUESTION) && h.status == 200 && str_find(buf_str(&h.body), STR("second")) > 0);
    EXPECT(books_hold(&h, "hedged"));
    EXPECT(house_call(&h, STREAMED) && h.status == 200 && str_find(buf_str(&h.body), STR("second")) > 0);
    sim_seen(h.sim, 0, &seen);
    EXPECT_I64(seen.requests, 2);
    house_close(&h);
}

TEST(a_hedged_call_survives_every_failed_allocation)
{
    struct house h;
    REQUIRE(house_open_with(&h, "hang", "reply \"second\"", ", timeout: { first_byte: 200ms }", "[{ try: a/m, hedge_after: 5ms }, b/m]"));
    REQUIRE(house_call(&h, QUESTION));
    test_torture("hedge", one_call, &h);
    EXPECT(house_call(&h, QUESTION) && h.status == 200);
    house_close(&h);
}

/* Two calls for one place: the second waits in the line, gets the place by a message, and is answered. */
static int two_calls(void *ctx)
{
    enum { TURN_MS = 50, TURNS_MAX = 200 * SLOWER };
    struct house *h = ctx;
    struct mesh_call *call[2] = {NULL, NULL};
    bool fine = true;
    buf_clear(&h->body);
    for (int i = 0; i < 2; i++) {
        struct mesh_ask ask = {.op = WIRE_CHAT, .body = str_from(QUESTION), .key = STR("-"), .received_us = clock_mono_us(clock_system()), .sink = &sink, .ctx = h};
        fine = mesh_call_start(&call[i], h->ml, &ask) == 0 && fine;
    }
    int turns = 0;
    while (mesh_loop_calls(h->ml) && turns++ < TURNS_MAX)
        loop_turn(h->loop, TURN_MS);
    if (mesh_loop_calls(h->ml))
        test_fail(__FILE__, __LINE__, "a call did not end");
    struct str first = buf_str(&h->body), word = STR("\"content\":\"fine\"");
    ptrdiff_t at = str_find(first, word);
    fine = fine && at >= 0 && str_find(str_skip(first, (size_t)at + 1), word) >= 0;
    return fine ? 0 : -1;
}

TEST(a_call_that_waits_in_line_survives_every_failed_allocation)
{
    struct house h;
    REQUIRE(house_open_with(&h, "reply \"fine\"", "reply \"b\"", ", concurrent: 1, queue: { max: 1, wait: 2s }", "[a/m]"));
    EXPECT_I64(two_calls(&h), 0);
    test_torture("queue", two_calls, &h);
    EXPECT_I64(two_calls(&h), 0);
    house_close(&h);
}

TEST(the_end_of_the_grace_tells_a_stream_that_it_was_cut)
{
    enum { TURNS_MAX = 400 * SLOWER, TURN_MS = 25 };
    struct house h;
    struct mesh_call *call;
    REQUIRE(house_open(&h, "tokens 1000 every 50"));
    struct mesh_ask ask = {.op = WIRE_CHAT, .body = str_from(STREAMED), .key = STR("-"), .received_us = clock_mono_us(clock_system()), .sink = &sink, .ctx = &h};
    EXPECT_I64(mesh_call_start(&call, h.ml, &ask), 0);
    for (int i = 0; i < TURNS_MAX && !h.begun; i++)
        loop_turn(h.loop, TURN_MS);
    EXPECT(h.begun && !h.over);
    mesh_loop_end_calls(h.ml);
    EXPECT(h.over && !h.cut && mesh_loop_calls(h.ml) == 0);
    EXPECT(str_find(buf_str(&h.body), STR("stream_interrupted")) > 0);
    house_close(&h);
}
