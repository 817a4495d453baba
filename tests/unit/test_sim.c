/* test_sim.c: the simulated vendors, asked over real sockets: their answers, their habits, and all the ways to break
 * off. */
#include "test.h"
#include "base/json.h"
#include "sim/sim_priv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 5000 * SLOWER };

/* --- a small client ----------------------------------------------------------------------------------------------- */

static int connect_to(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Reads what comes within the time: 1 something, 0 the end, -1 a reset or nothing. */
static int read_some(int fd, struct buf *out)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, WAIT_MS) <= 0 || buf_reserve(out, 64 * KiB) != 0)
        return -1;
    ssize_t n = recv(fd, out->ptr + out->len, 64 * KiB, 0);
    if (n > 0)
        out->len += (size_t)n;
    return n > 0 ? 1 : (int)n;
}

/* To the end of the connection; how it ended. */
static int read_all(int fd, struct buf *out)
{
    int rc;
    while ((rc = read_some(fd, out)) > 0)
        ;
    return rc;
}

static bool send_text(int fd, struct str text)
{
    return send(fd, text.ptr, text.len, MSG_NOSIGNAL) == (ssize_t)text.len;
}

static void request_text(struct buf *out, const char *path, const char *body)
{
    (void)buf_append_format(
        out, "POST %s HTTP/1.1\r\nhost: x\r\nX-Odd-Case: 1\r\nconnection: close\r\ncontent-length: %zu\r\n\r\n%s", path,
        strlen(body), body);
}

/* Asks and reads to the end. 0: closed properly, -1: reset. */
static int ask(int port, const char *path, const char *body, struct buf *out)
{
    AUTO_BUF struct buf text = BUF_INIT(1 * MiB);
    int fd = connect_to(port);
    if (fd < 0)
        return -1;
    request_text(&text, path, body);
    int rc = send_text(fd, buf_str(&text)) ? read_all(fd, out) : -1;
    close(fd);
    return rc;
}

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_from(text)) >= 0;
}

#define CHAT "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define STREAM "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}"
#define STREAM_USAGE                                                                                                 \
    "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\"," \
    "\"content\":\"hello\"}]}"

/* One upstream of a flavour under a script, asked once. */
static int ask_once(const char *flavour, const char *script, const char *path, const char *body, struct buf *out)
{
    struct sim *s;
    struct err e = {0};
    buf_clear(out);
    if (sim_open(&s, &e) != 0)
        return -2;
    int index = sim_add(s, "a", flavour, 0, &e), rc = -2;
    if (index >= 0 && sim_script(s, index, script, &e) == 0)
        rc = ask(sim_port(s, index), path, body, out);
    sim_close(s);
    return rc;
}

/* --- scripts ------------------------------------------------------------------------------------------------------ */

TEST(scripts_of_the_language_are_accepted)
{
    static const char *const good[] = {
        "reply",
        "",
        "reply \"a; b\"; status 500",
        "status 429 header retry-after 3 body \"x\"",
        "tokens 5 every 10 bytes 3",
        "first 10 head 20 ping 5",
        "refuse",
        "hang",
        "drop -1",
        "drop 0",
        "cut 2 tokens 9",
        "sse-error 1 \"boom\"",
        "error-200 \"no\"",
        "garbage;empty;no-choices;html;malformed",
        "usage off",
        "usage 10 20 cached 3",
        "finish length",
        "tool f \"{}\"",
        "reasoning \"hm\" reply \"x\"",
        "refusal \"no\"",
        "raw \"HTTP/1.1 200\\r\\n\\x41\"",
        "slow-read",
        "redirect http://x/",
        "status 302 redirect /y",
        "fault context status 400",
        "reply;",
        "close echo",
        "forwards m reply",
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct sim_script *s = NULL;
        struct err e = {0};
        if (sim_script_parse(&s, str_from(good[i]), &e) != 0)
            test_fail(__FILE__, __LINE__, "`%s` was refused: %s", good[i], e.text);
        sim_script_unref(s);
    }
}

TEST(malformed_scripts_are_refused_with_a_story)
{
    static const char *const bad[] = {
        "jump",          "status",      "status x",       "status 99",     "tokens",
        "tokens 0",      "tokens -1",   "drop -2",        "reply \"x",     "\"x\"",
        "header a",      "usage maybe", "usage 1",        "fault nothing", "file /does/not/exist",
        "reply \"\\q\"", "tool f",      "every 99999999",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sim_script *s = NULL;
        struct err e = {0};
        if (sim_script_parse(&s, str_from(bad[i]), &e) == 0 || e.text[0] == '\0' || s)
            test_fail(__FILE__, __LINE__, "`%s` was accepted", bad[i]);
        sim_script_unref(s);
    }
}

TEST(steps_are_used_up_and_the_last_one_stays)
{
    struct sim_script *s;
    REQUIRE(sim_script_parse(&s, STR("status 500; status 501; reply"), NULL) == 0);
    EXPECT_I64(sim_script_take(s)->status, 500);
    EXPECT_I64(sim_script_take(s)->status, 501);
    EXPECT_I64(sim_script_take(s)->act, ACT_REPLY);
    EXPECT_I64(sim_script_take(s)->act, ACT_REPLY);
    sim_script_unref(s);
}

TEST(steps_for_what_a_body_holds_are_no_part_of_the_turns)
{
    struct sim_script *s;
    REQUIRE(sim_script_parse(&s, STR("when \"a b\" status 400; status 500; when b status 401; reply"), NULL) == 0);
    EXPECT_I64(sim_script_when(s, STR("xa bx"))->status, 400);
    EXPECT_I64(sim_script_when(s, STR("b"))->status, 401);
    EXPECT(sim_script_when(s, STR("c")) == NULL);
    EXPECT_I64(sim_script_take(s)->status, 500);
    EXPECT_I64(sim_script_take(s)->act, ACT_REPLY);
    EXPECT_I64(sim_script_take(s)->act, ACT_REPLY);
    sim_script_unref(s);
    REQUIRE(sim_script_parse(&s, STR("when x status 400"), NULL) == 0);
    EXPECT_I64(sim_script_take(s)->act, ACT_REPLY); /* the usual answer for everybody else */
    sim_script_unref(s);
}

TEST(a_step_for_what_a_body_holds_answers_in_its_place)
{
    struct sim *s;
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    REQUIRE(sim_open(&s, NULL) == 0);
    int a = sim_add(s, "a", "openai", 0, NULL);
    REQUIRE(sim_script(s, a, "when NEEDLE reply \"found\"; reply \"usual\"", NULL) == 0);
    EXPECT_I64(ask(sim_port(s, a), "/v1/chat/completions", CHAT, &out), 0);
    EXPECT(str_find(buf_str(&out), STR("usual")) >= 0);
    buf_clear(&out);
    EXPECT_I64(ask(sim_port(s, a), "/v1/chat/completions", "{\"messages\":[{\"role\":\"user\",\"content\":\"NEEDLE\"}]}", &out), 0);
    EXPECT(str_find(buf_str(&out), STR("found")) >= 0);
    sim_close(s);
}

static int parse_for_torture(void *ctx)
{
    struct sim_script *s;
    (void)ctx;
    int rc =
        sim_script_parse(&s, STR("status 429 header a b header c d; reply \"x\" reasoning \"y\"; raw \"z\""), NULL);
    if (rc == 0)
        sim_script_unref(s);
    return rc;
}

TEST(script_parsing_survives_without_memory)
{
    test_torture("sim_script_parse", parse_for_torture, NULL);
}

static int open_for_torture(void *ctx)
{
    struct sim *s;
    (void)ctx;
    int rc = sim_open(&s, NULL);
    if (rc)
        return rc;
    rc = sim_add(s, "a", "openai", 0, NULL);
    if (rc >= 0)
        rc = sim_script(s, rc, "reply \"x\"", NULL);
    sim_close(s);
    return rc;
}

TEST(opening_survives_without_memory)
{
    test_torture("sim_open", open_for_torture, NULL);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

TEST(paths_of_each_vendor_find_their_door)
{
    static const struct {
        const char *flavour, *path;
        enum sim_endpoint ep;
    } rows[] = {
        {"openai", "/v1/chat/completions", EP_CHAT},
        {"openai", "/chat/completions", EP_UNKNOWN},
        {"deepseek", "/chat/completions", EP_CHAT},
        {"groq", "/openai/v1/chat/completions", EP_CHAT},
        {"openrouter", "/api/v1/models", EP_MODELS},
        {"gemini", "/v1beta/openai/embeddings", EP_EMBEDDINGS},
        {"ollama", "/api/tags", EP_TAGS},
        {"openai", "/api/tags", EP_ROOT},
        {"ollama", "/v1/models/a/b", EP_MODEL},
        {"openai", "/v1/completions", EP_COMPLETIONS},
        {"openai", "/", EP_ROOT},
        {"openai", "/v1/nothing", EP_UNKNOWN},
        {"llama-server", "/health", EP_HEALTH},
        {"llama-server", "/completions", EP_COMPLETIONS},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct sim_flavour *f = sim_flavour_find(str_from(rows[i].flavour));
        REQUIRE(f);
        if (sim_endpoint_find(f, str_from(rows[i].path)) != rows[i].ep)
            test_fail(__FILE__, __LINE__, "%s %s", rows[i].flavour, rows[i].path);
    }
}

TEST(chunked_requests_are_decoded_wherever_they_are_cut)
{
    static const char raw[] = "HEAD5\r\nhello\r\n1;x=y\r\n \r\nA\r\n0123456789\r\n0\r\ntrailer: 1\r\n\r\nNEXT";
    for (size_t cut = 4; cut <= sizeof raw - 1; cut++) {
        AUTO_BUF struct buf in = BUF_INIT(1 * KiB);
        size_t decoded = 0, at = 0;
        REQUIRE(buf_append(&in, str_of(raw, cut)) == 0);
        enum sim_read first = sim_chunks_read(&in, 4, &decoded, &at);
        EXPECT(first != READ_BAD);
        REQUIRE(buf_append(&in, str_of(raw + cut, sizeof raw - 1 - cut)) == 0);
        EXPECT(sim_chunks_read(&in, 4, &decoded, &at) == READ_DONE || first == READ_DONE);
        EXPECT_STR(str_of(in.ptr + 4, decoded), "hello 0123456789");
        EXPECT_STR(str_of(in.ptr + 4 + at, in.len - 4 - at), "NEXT");
    }
}

TEST(the_last_request_is_kept_as_it_arrived)
{
    struct sim *s;
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB), last = BUF_INIT(1 * MiB), sent = BUF_INIT(1 * MiB);
    REQUIRE(sim_open(&s, NULL) == 0);
    int a = sim_add(s, "a", "openai", 0, NULL);
    EXPECT_I64(ask(sim_port(s, a), "/v1/chat/completions", CHAT, &out), 0);
    request_text(&sent, "/v1/chat/completions", CHAT);
    EXPECT_I64(sim_last_request(s, a, &last), 0);
    EXPECT(str_eq(buf_str(&last), buf_str(&sent)));
    buf_clear(&out);
    EXPECT_I64(ask(sim_port(s, a), "/v1/chat/completions", CHAT, &out), 0);
    size_t one = sent.len;
    buf_clear(&last);
    EXPECT_I64(sim_wire(s, a, &last), 0);
    EXPECT_I64(last.len, 2 * one);
    EXPECT(str_eq(str_skip(buf_str(&last), one), buf_str(&sent)));
    sim_seen_reset(s, a);
    buf_clear(&last);
    EXPECT_I64(sim_wire(s, a, &last), 0);
    EXPECT_I64(last.len, 0);
    sim_close(s);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static struct str body_of(const struct buf *reply)
{
    ptrdiff_t at = str_find(buf_str(reply), STR("\r\n\r\n"));
    return at < 0 ? STR("") : str_skip(buf_str(reply), (size_t)at + 4);
}

TEST(whole_answers_of_every_flavour_are_json_with_usage)
{
    static const char *const flavours[] = {"openai",    "deepseek", "moonshot",     "groq",  "openrouter",
                                           "anthropic", "ollama",   "llama-server", "gemini"};
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (size_t i = 0; i < COUNT_OF(flavours); i++) {
        struct arena a = ARENA_INIT(1 * MiB);
        struct json_node *root;
        int64_t tokens = 0;
        EXPECT_I64(ask_once(flavours[i], "reply \"one two\" usage 10 20", "/v1/chat/completions", CHAT, &out), 0);
        REQUIRE(json_parse(&a, body_of(&out), &root, NULL) == 0);
        const struct json_node *choices = json_get(root, "choices");
        EXPECT_STR(json_get_text(json_get(choices->child, "message"), "content"), "one two");
        EXPECT_STR(json_get_text(choices->child, "finish_reason"), "stop");
        EXPECT(json_get_i64(json_get(root, "usage"), "completion_tokens", &tokens) && tokens == 20);
        EXPECT_STR(json_get_text(root, "model"), "m");
        arena_fini(&a);
    }
}

TEST(streams_put_usage_where_their_vendor_does)
{
    static const struct {
        const char *flavour, *body, *there, *not_there;
    } rows[] = {
        {"openai", STREAM, "[DONE]", "usage"},
        {"openai", STREAM_USAGE, "\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20", "x_groq"},
        {"openai", STREAM_USAGE, "\"usage\":null", "x_groq"},
        {"anthropic", STREAM, "[DONE]", "usage"},
        {"ollama", STREAM_USAGE, "\"choices\":[],\"usage\":{", "\"usage\":null"},
        {"deepseek", STREAM, "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10", "\"choices\":[]"},
        {"moonshot", STREAM, "\"finish_reason\":\"stop\",\"usage\":{", "\"choices\":[]"},
        {"groq", STREAM, "\"x_groq\":{\"id\":\"req_simulated\",\"usage\":{", "\"choices\":[]"},
        {"openrouter", STREAM,
         "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":{",
         "\"choices\":[]"},
        {"gemini", STREAM, "[DONE]", "usage"},
        {"gemini", STREAM_USAGE, "\"finish_reason\":\"stop\"}],\"usage\":{", "\"choices\":[]"},
    };
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EXPECT_I64(ask_once(rows[i].flavour, "reply \"one two three four\" usage 10 20", "/v1/chat/completions",
                            rows[i].body, &out),
                   0);
        if (!has(&out, rows[i].there) || has(&out, rows[i].not_there))
            test_fail(__FILE__, __LINE__, "row %zu (%s): %.*s", i, rows[i].flavour, STR_FMT(buf_str(&out)));
        EXPECT(has(&out, "\"delta\":{\"content\":\"one two \"}") || has(&out, "\"content\":\"one two \"}"));
    }
}

TEST(what_is_scripted_is_what_is_sent)
{
    static const struct {
        const char *script, *body, *there;
    } rows[] = {
        {"echo", CHAT, "\"content\":\"hello\""},
        {"tokens 3", CHAT, "\"content\":\"the quick brown \""},
        {"tokens 2 bytes 5", STREAM, "\"content\":\"uick \""},
        {"tool f \"{\\\"a\\\":1}\"", CHAT, "\"arguments\":\"{\\\"a\\\":1}\""},
        {"tool f \"{\\\"a\\\":1}\"", STREAM, "\"finish_reason\":\"tool_calls\""},
        {"refusal \"I may not\"", CHAT, "\"refusal\":\"I may not\""},
        {"reply finish length", CHAT, "\"finish_reason\":\"length\""},
        {"status 429 header retry-after 3", CHAT, "retry-after: 3\r\n"},
        {"status 429", CHAT, "\"code\":\"rate_limit_exceeded\""},
        {"fault overload", CHAT, "HTTP/1.1 503"},
        {"status 400 fault context", CHAT, "context_length_exceeded"},
        {"error-200 \"gone\"", CHAT, "HTTP/1.1 200 OK"},
        {"error-200 \"gone\"", STREAM, "\"message\":\"gone\""},
        {"sse-error 1 \"boom\"", STREAM, "\"message\":\"boom\""},
        {"html status 502", CHAT, "HTTP/1.1 502"},
        {"no-choices", CHAT, "\"choices\":[]"},
        {"empty", CHAT, "content-length: 0"},
        {"redirect http://x/", CHAT, "location: http://x/"},
        {"raw \"HTTP/1.1 299 Odd\\r\\n\\r\\nx\"", CHAT, "HTTP/1.1 299 Odd\r\n\r\nx"},
        {"head 60 ping 20", STREAM, ": keep-alive\n\n"},
        {"reply usage off", CHAT, "\"finish_reason\":\"stop\"}]}"},
    };
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EXPECT_I64(ask_once("openai", rows[i].script, "/v1/chat/completions", rows[i].body, &out), 0);
        if (!has(&out, rows[i].there))
            test_fail(__FILE__, __LINE__, "`%s`: %.*s", rows[i].script, STR_FMT(buf_str(&out)));
    }
}

TEST(breaking_off_looks_as_it_should)
{
    static const struct {
        const char *script, *body;
        int end; /* 0 closed, -1 reset */
        const char *there, *not_there;
    } rows[] = {
        {"drop -1", CHAT, -1, "", "HTTP"},
        {"drop 0", STREAM, -1, "HTTP/1.1 200", "data:"},
        {"reply \"a b c d e f g h i j k l\" drop 1", STREAM, -1, "\"role\"", "\"content\":\"a"},
        {"reply \"a b c d e f g h i j k l\" drop 2", STREAM, -1, "\"content\":\"a b c \"", "\"content\":\"d"},
        {"reply cut 1", STREAM, 0, "0\r\n\r\n", "finish_reason\":\"stop"},
        {"reply cut 0", CHAT, 0, "\"object\"", "finish_reason"},
        {"refuse", CHAT, -1, "", "HTTP"},
        {"malformed", STREAM, 0, "\"choices\":[{\n\n", "DONE"},
        {"garbage", CHAT, 0, "no HTTP at all", "200"},
    };
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int end = ask_once("openai", rows[i].script, "/v1/chat/completions", rows[i].body, &out);
        if (end != rows[i].end || !has(&out, rows[i].there) || has(&out, rows[i].not_there))
            test_fail(__FILE__, __LINE__, "`%s`: end %d, %.*s", rows[i].script, end, STR_FMT(buf_str(&out)));
    }
}

TEST(embeddings_depend_on_the_text_alone_and_come_in_base64_when_asked)
{
    AUTO_BUF struct buf one = BUF_INIT(1 * MiB), two = BUF_INIT(1 * MiB);
    EXPECT_I64(ask_once("openai", "reply", "/v1/embeddings", "{\"model\":\"e\",\"input\":\"x\"}", &one), 0);
    EXPECT_I64(ask_once("openai", "reply", "/v1/embeddings", "{\"model\":\"e\",\"input\":[\"y\",\"x\"]}", &two), 0);
    ptrdiff_t at = str_find(buf_str(&one), STR("\"embedding\":["));
    REQUIRE(at > 0);
    struct str vector = str_skip(buf_str(&one), (size_t)at);
    vector = str_slice(vector, 0, (size_t)str_find_char(vector, ']'));
    EXPECT(str_find(buf_str(&two), vector) > 0);
    EXPECT(has(&two, "\"index\":1"));
    EXPECT_I64(ask_once("openai", "tokens 4", "/v1/embeddings",
                        "{\"model\":\"e\",\"input\":\"x\",\"encoding_format\":\"base64\"}", &one),
               0);
    at = str_find(buf_str(&one), STR("\"embedding\":\""));
    REQUIRE(at > 0);
    struct str base64 = str_skip(buf_str(&one), (size_t)at + 13);
    EXPECT_I64(str_find_char(base64, '"'), 24); /* 16 bytes */
}

TEST(ollama_is_found_by_discovery)
{
    static const struct {
        const char *path, *there;
    } rows[] = {{"/api/tags", "\"llama3.1:8b\""},      {"/api/version", "\"version\""}, {"/api/ps", "size_vram"},
                {"/api/show", "llama.context_length"}, {"/", "Ollama is running"},      {"/v1/models", "\"owned_by\""}};
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EXPECT_I64(ask_once("ollama", "status 500", rows[i].path, "{}", &out), 0);
        EXPECT(has(&out, "HTTP/1.1 200") && has(&out, rows[i].there));
    }
    EXPECT_I64(ask_once("ollama", "forwards mine reply", "/api/tags", "{}", &out), 0);
    EXPECT(has(&out, "\"mine\"") && has(&out, "remote_host"));
}

/* --- lives -------------------------------------------------------------------------------------------------------- */

/* The n-th look that finds it; false when it does not come. */
static bool comes_true(struct sim *s, int upstream, bool (*fn)(const struct sim_seen *n))
{
    for (int i = 0; i < WAIT_MS; i++) {
        struct sim_seen seen;
        sim_seen(s, upstream, &seen);
        if (fn(&seen))
            return true;
        (void)poll(NULL, 0, 1);
    }
    return false;
}

static bool one_open(const struct sim_seen *n)
{
    return n->requests == 1 && n->open == 1;
}

static bool one_aborted(const struct sim_seen *n)
{
    return n->aborted == 1 && n->open == 0 && n->completed == 0;
}

TEST(a_client_that_leaves_is_noticed_in_every_wait)
{
    static const char *const scripts[] = {"hang", "first 60000", "head 60000", "tokens 1000 every 60000",
                                          "head 60000 ping 10"};
    for (size_t i = 0; i < COUNT_OF(scripts); i++) {
        struct sim *s;
        AUTO_BUF struct buf text = BUF_INIT(1 * KiB);
        REQUIRE(sim_open(&s, NULL) == 0);
        int a = sim_add(s, "a", "openai", 0, NULL);
        EXPECT_I64(sim_script(s, a, scripts[i], NULL), 0);
        int fd = connect_to(sim_port(s, a));
        request_text(&text, "/v1/chat/completions", STREAM);
        EXPECT(send_text(fd, buf_str(&text)));
        EXPECT(comes_true(s, a, one_open));
        close(fd);
        EXPECT(comes_true(s, a, one_aborted));
        sim_close(s);
    }
}

TEST(down_refuses_and_up_serves_on_the_same_port)
{
    struct sim *s;
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    REQUIRE(sim_open(&s, NULL) == 0);
    int a = sim_add(s, "a", "openai", 0, NULL), port = sim_port(s, a);
    EXPECT_I64(ask(port, "/v1/chat/completions", CHAT, &out), 0);
    int kept = connect_to(port);
    sim_down(s, a);
    EXPECT_I64(connect_to(port), -1);
    EXPECT(read_all(kept, &out) <= 0);
    close(kept);
    EXPECT_I64(sim_up(s, a, NULL), 0);
    EXPECT_I64(sim_port(s, a), port);
    buf_clear(&out);
    EXPECT_I64(ask(port, "/v1/chat/completions", CHAT, &out), 0);
    EXPECT(has(&out, "HTTP/1.1 200"));
    sim_close(s);
}

TEST(counts_tell_requests_from_questions_about_the_server)
{
    struct sim *s;
    struct sim_seen seen;
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    REQUIRE(sim_open(&s, NULL) == 0);
    int a = sim_add(s, "a", "ollama", 0, NULL);
    EXPECT_I64(ask(sim_port(s, a), "/api/tags", "{}", &out), 0);
    EXPECT_I64(ask(sim_port(s, a), "/v1/chat/completions", CHAT, &out), 0);
    sim_seen(s, a, &seen);
    EXPECT_I64(seen.connections, 2);
    EXPECT_I64(seen.requests, 1);
    EXPECT_I64(seen.completed, 1);
    EXPECT_I64(seen.probes, 1);
    EXPECT_I64(seen.aborted, 0);
    EXPECT_I64(seen.open, 0);
    sim_seen_reset(s, a);
    sim_seen(s, a, &seen);
    EXPECT_I64(seen.connections, 0);
    sim_close(s);
}

TEST(a_large_stream_goes_on_as_fast_as_it_is_read)
{
    AUTO_BUF struct buf out = BUF_INIT(64 * MiB);
    EXPECT_I64(ask_once("openai", "tokens 1000 bytes 8000", "/v1/chat/completions", STREAM, &out), 0);
    EXPECT(out.len > 8000000);
    EXPECT(has(&out, "[DONE]"));
}

TEST(pipelined_requests_are_answered_in_order)
{
    static const char two[] = "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}"
                              "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
    struct sim *s;
    AUTO_BUF struct buf out = BUF_INIT(1 * MiB);
    REQUIRE(sim_open(&s, NULL) == 0);
    int a = sim_add(s, "a", "openai", 0, NULL);
    EXPECT_I64(sim_script(s, a, "reply \"one\" first 50; reply \"two\"", NULL), 0);
    int fd = connect_to(sim_port(s, a));
    EXPECT(send_text(fd, str_from(two)));
    EXPECT_I64(read_all(fd, &out), 0);
    EXPECT(str_find(buf_str(&out), STR("\"one\"")) > 0);
    EXPECT(str_find(buf_str(&out), STR("\"two\"")) > str_find(buf_str(&out), STR("\"one\"")));
    close(fd);
    sim_close(s);
}

TEST(unknown_flavours_and_taken_ports_are_refused)
{
    struct sim *s;
    struct err e = {0};
    REQUIRE(sim_open(&s, NULL) == 0);
    EXPECT_I64(sim_add(s, "a", "nobody", 0, &e), ERR_NOT_FOUND);
    int a = sim_add(s, "a", "openai", 0, &e);
    EXPECT_I64(sim_add(s, "b", "openai", sim_port(s, a), &e), ERR_IO);
    EXPECT(e.text[0] != '\0');
    sim_close(s);
}
