/* test_mesh_call.c: calls through a real mesh, journal and transport, with a simulated upstream on another thread: what
 * happens when the journal cannot be written, when memory runs out, in which order things reach the books, and what the built-in
 * engine is told that nobody else is. */
#include "config/config.h"
#include "ledger/ledger.h"
#include "mesh/mesh.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "sim/sim.h"
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct house {
    struct sim *sim;
    struct config *config;
    struct ledger *ledger;
    struct resolver *names;
    struct mesh *mesh;
    struct loop *loop;
    struct mesh_loop *ml;
    char dir[64], socket[80]; /* of the engine */
    /* the next call */
    enum dialect dialect;
    const char *tags;
    /* the answer of the current call */
    char dropped[32], target[32]; /* headers */
    int status;
    bool over, begun, cut;
    struct buf body;
};

static void read_head(struct house *h, const struct mesh_head *head)
{
    h->status = head->status;
    for (size_t i = 0; i < head->header_count; i++) {
        char *to = str_eq(head->header[i].name, STR("x-hearth-dropped")) ? h->dropped : str_eq(head->header[i].name, STR("x-hearth-target")) ? h->target : NULL;
        if (to)
            text_format(to, sizeof h->dropped, "%.*s", STR_FMT(head->header[i].value));
    }
}

static void on_whole(void *ctx, const struct mesh_head *head, struct str body)
{
    struct house *h = ctx;
    read_head(h, head);
    (void)buf_append(&h->body, body);
    h->over = true;
}

static void on_begin(void *ctx, const struct mesh_head *head)
{
    struct house *h = ctx;
    read_head(h, head);
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
    const char *dir;
    int a = -1, b = -1;
    bool fine = (dir = mkdtemp(h->dir)) && text_format(h->socket, sizeof h->socket, "%s/engine.sock", dir) && sim_open(&h->sim, &e) == 0 && (a = sim_add(h->sim, "a", "openai", 0, &e)) >= 0 &&
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
           mesh_open(&h->mesh, &(struct mesh_options){.config = h->config, .ledger = h->ledger, .resolver = h->names, .clock = clock_system(),
                                                            .engine_socket = str_from(h->socket)}, &e) == 0 &&
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
    struct mesh_ask ask = {.dialect = h->dialect, .op = WIRE_CHAT, .body = str_from(body), .key = STR("-"), .received_us = clock_mono_us(clock_system()), .sink = &sink,
                           .ctx = h, .tags = h->tags ? str_from(h->tags) : STR_NONE};
    int64_t start = clock_mono_us(clock_system());
    h->over = h->begun = h->cut = false;
    h->status = 0;
    h->dropped[0] = h->target[0] = '\0';
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

/* --- the built-in engine ---------------------------------------------------------------------------------------------------------- */

/* Stands where the engine listens: takes one request after the other, keeps the last, and gives the same answer to all. */
struct peer {
    int fd;
    pthread_t thread;
    const char *reply;
    char request[8192];
};

static uint64_t number_at(const char *digits)
{
    uint64_t n = 0;
    (void)str_to_u64(str_of(digits, strspn(digits, "0123456789")), &n);
    return n;
}

static bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length: ");
    return end && length && strlen(end + 4) >= number_at(length + strlen("content-length: "));
}

static void *peer_main(void *arg)
{
    struct peer *p = arg;
    for (int fd; (fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0; (void)close(fd)) { /* until the listener is shut down */
        size_t len = 0;
        ssize_t n;
        p->request[0] = '\0';
        while (!is_whole(p->request) && (n = recv(fd, p->request + len, sizeof p->request - 1 - len, 0)) > 0)
            p->request[len += (size_t)n] = '\0';
        (void)send(fd, p->reply, strlen(p->reply), MSG_NOSIGNAL);
    }
    return NULL;
}

static bool peer_open(struct peer *p, const struct house *h, const char *reply)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    text_format(at.sun_path, sizeof at.sun_path, "%s", h->socket);
    *p = (struct peer){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .reply = reply};
    return p->fd >= 0 && bind(p->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(p->fd, 8) == 0 && pthread_create(&p->thread, NULL, peer_main, p) == 0;
}

/* The request is complete when this returns. */
static void peer_close(struct peer *p)
{
    (void)shutdown(p->fd, SHUT_RDWR);
    (void)pthread_join(p->thread, NULL);
    (void)close(p->fd);
}

#define ENGINE " }\n  engine: { dialect: engine, timeout: { first_byte: 7s }, models: { tiny: tiny.gguf }"
#define ANSWER(headers, body) "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n" headers "\r\n" body
#define FINE "{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}"
#define SAYING(members) "{" members "\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"

/* One call with the engine in front, and what it was told of it: the text of the member, without the conversation's name. */
static bool told(const char *chain, enum dialect dialect, const char *tags, const char *body, char out[256])
{
    struct house h;
    struct peer p;
    if (!house_open_with(&h, "reply \"a\"", "reply \"b\"", ENGINE, chain))
        return false;
    bool fine = peer_open(&p, &h, ANSWER("", FINE));
    h.dialect = dialect;
    h.tags = tags;
    fine = fine && house_call(&h, body) && h.status == 200;
    EXPECT_STR(str_from(h.target), "engine/tiny");
    peer_close(&p);
    house_close(&h);
    const char *member = strstr(p.request, "\"hearth\":"), *end = member ? strchr(member, '}') : NULL, *talk = member ? strstr(member, ",\"conversation\":\"") : NULL;
    text_format(out, 256, "%.*s", end ? (int)(end - member + 1) : 0, member ? member : "");
    bool once = member && !strstr(member + 1, "\"hearth\":"), named = talk && talk < end;
    if (named && once) {
        size_t name = strlen(",\"conversation\":\"0123456789abcdef\"");
        char *at = strstr(out, ",\"conversation\":\"");
        memmove(at, at + name, strlen(at + name) + 1);
    }
    return fine && once && named;
}

TEST(the_engine_is_told_class_deadline_conversation_and_overflow)
{
    static const struct {
        const char *chain, *tags;
        enum dialect dialect;
        const char *body, *told;
    } row[] = {
        {"[engine/tiny]", NULL, DIALECT_OPENAI, SAYING(""), "\"hearth\":{\"class\":\"interactive\",\"deadline_ms\":6650,\"alive_ms\":1750}"},
        {"[engine/tiny]", "night,batch", DIALECT_OPENAI, SAYING(""), "\"hearth\":{\"class\":\"batch\",\"deadline_ms\":6650,\"alive_ms\":1750}"},
        {"[engine/tiny]", "batch", DIALECT_OPENAI, SAYING("\"hearth\":{\"class\":\"interactive\"},"), "\"hearth\":{\"class\":\"interactive\",\"deadline_ms\":6650,\"alive_ms\":1750}"},
        {"[engine/tiny]", NULL, DIALECT_OPENAI, SAYING("\"hearth\":{\"class\":\"batch\",\"conversation\":\"mine\"},"), "\"hearth\":{\"class\":\"batch\",\"deadline_ms\":6650,\"alive_ms\":1750}"},
        {"[engine/tiny]", NULL, DIALECT_OPENAI, SAYING("\"hearth\":{\"overflow\":\"drop_oldest\"},"),
         "\"hearth\":{\"class\":\"interactive\",\"deadline_ms\":6650,\"alive_ms\":1750,\"overflow\":\"drop_oldest\"}"},
        {"[engine/tiny, b/m], overflow: drop_oldest", NULL, DIALECT_OPENAI, SAYING(""),
         "\"hearth\":{\"class\":\"interactive\",\"deadline_ms\":6650,\"alive_ms\":1750,\"overflow\":\"drop_oldest\"}"},
        {"[engine/tiny], overflow: drop_oldest", NULL, DIALECT_OPENAI, SAYING("\"hearth\":{\"overflow\":\"error\"},"),
         "\"hearth\":{\"class\":\"interactive\",\"deadline_ms\":6650,\"alive_ms\":1750}"},
        {"[engine/tiny], overflow: drop_oldest", "batch", DIALECT_ANTHROPIC, SAYING("\"max_tokens\":5,"),
         "\"hearth\":{\"class\":\"batch\",\"deadline_ms\":6650,\"alive_ms\":1750,\"overflow\":\"drop_oldest\"}"},
        {"[engine/tiny]", NULL, DIALECT_OLLAMA, SAYING("\"stream\":false,\"hearth\":{\"class\":\"batch\"},"), "\"hearth\":{\"class\":\"batch\",\"deadline_ms\":6650,\"alive_ms\":1750}"},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        char said[256] = "";
        if (!told(row[i].chain, row[i].dialect, row[i].tags, row[i].body, said) || strcmp(said, row[i].told) != 0)
            test_fail(__FILE__, __LINE__, "row %zu: it was told %s", i, said);
    }
    char said[256] = "";
    EXPECT(told("[engine/tiny]", DIALECT_OPENAI, NULL, SAYING("\"hearth\":{\"deadline_ms\":2000},"), said));
    const char *ms = strstr(said, "\"deadline_ms\":");
    EXPECT(ms && number_at(ms + 14) > 0 && number_at(ms + 14) <= 2000); /* less what has passed since it came */
}

/* Turns of one conversation have one name, others another, and so has every process. */
TEST(a_conversations_name_stays_the_same)
{
    struct house h;
    struct peer p;
    char name[5][32] = {""};
    static const char *const body[] = {
        SAYING(""), "{\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"},{\"role\":\"assistant\",\"content\":\"yes\"},{\"role\":\"user\",\"content\":\"more\"}]}",
        "{\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"other\"}]}", SAYING("\"hearth\":{\"conversation\":\"x\"},"),
        "{\"hearth\":{\"conversation\":\"x\"},\"model\":\"bulk\",\"messages\":[{\"role\":\"user\",\"content\":\"other\"}]}"};
    REQUIRE(house_open_with(&h, "reply \"a\"", "reply \"b\"", ENGINE, "[engine/tiny]"));
    for (size_t i = 0; i < COUNT_OF(body); i++) {
        REQUIRE(peer_open(&p, &h, ANSWER("", FINE)));
        EXPECT(house_call(&h, body[i]) && h.status == 200);
        peer_close(&p);
        EXPECT_I64(unlink(h.socket), 0);
        const char *at = strstr(p.request, "\"conversation\":\"");
        REQUIRE(at);
        text_format(name[i], sizeof name[i], "%.16s", at + 16);
    }
    EXPECT(strcmp(name[0], name[1]) == 0 && strcmp(name[0], name[2]) != 0 && strcmp(name[0], name[3]) != 0 && strcmp(name[3], name[4]) == 0);
    house_close(&h);
}

/* What is between us and the engine is nobody else's business, in no dialect, whoever wrote it. */
TEST(a_foreign_server_is_told_nothing_of_it)
{
    static const char *const chain[] = {"[a/m]", "[a/m, engine/tiny], overflow: drop_oldest"};
    static const enum dialect dialect[] = {DIALECT_OPENAI, DIALECT_ANTHROPIC, DIALECT_OLLAMA, DIALECT_RESPONSES};
    static const char *const body[] = {SAYING("\"max_tokens\":5,\"hearth\":{\"class\":\"batch\",\"conversation\":\"secret\",\"overflow\":\"drop_oldest\"},\"stream\":false,"),
                                       "{\"model\":\"bulk\",\"input\":\"hello\",\"hearth\":{\"class\":\"batch\",\"conversation\":\"secret\"}}"};
    for (size_t c = 0; c < COUNT_OF(chain); c++)
        for (size_t d = 0; d < COUNT_OF(dialect); d++) {
            struct house h;
            AUTO_BUF struct buf seen = BUF_INIT(MiB);
            REQUIRE(house_open_with(&h, "reply \"fine\"", "reply \"b\"", ENGINE, chain[c]));
            h.dialect = dialect[d];
            EXPECT(house_call(&h, body[dialect[d] == DIALECT_RESPONSES]) && h.status == 200);
            EXPECT(sim_last_request(h.sim, 0, &seen) == 0 && str_find(buf_str(&seen), STR("hello")) > 0);
            EXPECT(str_find(buf_str(&seen), STR("hearth\"")) < 0 && str_find(buf_str(&seen), STR("secret")) < 0);
            house_close(&h);
        }
}

/* What the engine left out is told to the client in a header, in its own dialect too; a foreign server's word for it is none. */
TEST(what_the_engine_left_out_reaches_the_client)
{
    static const char chunk[] = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\nx-hearth-dropped: 321\r\n\r\n"
                                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"fine\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    static const struct {
        enum dialect dialect;
        const char *reply, *body, *dropped;
    } row[] = {
        {DIALECT_OPENAI, ANSWER("x-hearth-dropped: 321\r\n", FINE), SAYING(""), "321"},
        {DIALECT_ANTHROPIC, ANSWER("x-hearth-dropped: 321\r\n", FINE), SAYING("\"max_tokens\":5,"), "321"},
        {DIALECT_OPENAI, chunk, SAYING("\"stream\":true,"), "321"},
        {DIALECT_OLLAMA, chunk, SAYING(""), "321"},
        {DIALECT_OPENAI, ANSWER("", FINE), SAYING(""), ""},
        {DIALECT_OPENAI, ANSWER("x-hearth-dropped: 0\r\n", FINE), SAYING(""), ""},
        {DIALECT_OPENAI, ANSWER("x-hearth-dropped: lots\r\n", FINE), SAYING(""), ""},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++) {
        struct house h;
        struct peer p;
        REQUIRE(house_open_with(&h, "reply \"a\"", "reply \"b\"", ENGINE, "[engine/tiny], overflow: drop_oldest"));
        REQUIRE(peer_open(&p, &h, row[i].reply));
        h.dialect = row[i].dialect;
        EXPECT(house_call(&h, row[i].body) && h.status == 200 && str_find(buf_str(&h.body), STR("fine")) > 0);
        EXPECT_STR(str_from(h.dropped), row[i].dropped);
        peer_close(&p);
        house_close(&h);
    }
}

#define REFUSED(code) "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\ncontent-type: application/json\r\n\r\n" \
                      "{\"error\":{\"message\":\"not now\",\"type\":\"server_error\",\"code\":\"" code "\"}}"

/* A full line, or one that is too long for the call's deadline, is a reason to go on, and none to let the engine rest. */
TEST(an_engine_that_is_busy_is_passed_over_and_asked_again)
{
    static const char *const reply[] = {REFUSED("queue_full"), REFUSED("deadline")};
    static const char *const reason[] = {"queue_full", "deadline"};
    for (size_t i = 0; i < COUNT_OF(reply); i++) {
        struct house h;
        struct peer p;
        REQUIRE(house_open_with(&h, "reply \"a\"", "reply \"b\"", ENGINE, "[engine/tiny, b/m]"));
        REQUIRE(peer_open(&p, &h, reply[i]));
        for (int n = 0; n < 2; n++) {
            EXPECT(house_call(&h, SAYING("")) && h.status == 200);
            EXPECT_STR(str_from(h.target), "b/m");
            EXPECT(is_whole(p.request)); /* it was asked */
            p.request[0] = '\0';
        }
        EXPECT(books_hold(&h, reason[i]));
        peer_close(&p);
        house_close(&h);
    }
}

static int one_told(void *ctx)
{
    struct house *h = ctx;
    if (!house_call(h, SAYING("\"hearth\":{\"class\":\"batch\"},"))) {
        test_fail(__FILE__, __LINE__, "a call did not end");
        return 0;
    }
    return h->status == 200 && strcmp(h->target, "engine/tiny") == 0 ? 0 : -1;
}

TEST(a_call_to_the_engine_survives_every_failed_allocation)
{
    struct house h;
    struct peer p;
    REQUIRE(house_open_with(&h, "reply \"a\"", "reply \"b\"", ENGINE, "[engine/tiny], overflow: drop_oldest"));
    REQUIRE(peer_open(&p, &h, ANSWER("x-hearth-dropped: 5\r\n", FINE)));
    EXPECT_I64(one_told(&h), 0);
    test_torture("own", one_told, &h);
    EXPECT_I64(one_told(&h), 0);
    peer_close(&p);
    house_close(&h);
}
