/* test_engine_face.c: the real `hearth engine` on a unix socket, with tiny made-up models: whole answers and streams, tools, embeddings, refusals, clients
 * that leave, a full queue, memory over thousands of calls, an end in the middle. */
#include "base/base64.h"
#include "base/json.h"
#include "cli_kit.h"
#include "engine/synthetic.h"
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

struct reply {
    int status;
    struct buf raw, body; /* body: without chunks */
};

static struct cli_world world;
static struct cli_run process;

static bool engine_start(const char *const *more)
{
    char path[128];
    static char address[128];
    struct err e = {0};
    const char *argv[16] = {"engine", "chat.gguf", "vectors.gguf", "--listen", address, "--threads", "2", "--context", "2048"};
    static const char *const shapes[][2] = {{"chat.gguf", "tiny-qwen2"}, {"vectors.gguf", "tiny-bert"}};
    size_t n = 9;
    for (size_t i = 0; more && more[i]; i++)
        argv[n++] = more[i];
    if (!cli_world_open(&world))
        return false;
    (void)text_format(address, sizeof address, "unix:%s/s", world.folder);
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        (void)text_format(path, sizeof path, "%s/%s", world.folder, shapes[i][0]);
        if (synthetic_write(path, str_from(shapes[i][1]), STR("Q8_0"), 3, &e) < 0)
            return false;
    }
    bool up = cli_start(&process, &world, false, argv) && cli_until(&process, "listening on");
    if (!up)
        test_fail(__FILE__, __LINE__, "the engine did not start: %.*s", STR_FMT(buf_str(&process.out)));
    return up;
}

static void engine_end(void)
{
    cli_end(&process, SIGTERM);
    EXPECT_I64(process.status, 0);
    EXPECT_HIDES(&process, "Assertion");
    cli_run_fini(&process);
    cli_world_close(&world);
}

/* --- a client -------------------------------------------------------------------------------------------------------------------------------- */

static int ask(const char *method, const char *path, const char *body)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = CLI_WAIT_MS / 1000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)text_format(to.sun_path, sizeof to.sun_path, "%s/s", world.folder);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    struct buf b = BUF_INIT(16 * MiB);
    (void)buf_append_format(&b, "%s %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", method,
                            path, strlen(body));
    (void)buf_append_text(&b, body);
    bool sent = connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && send(fd, b.ptr, b.len, MSG_NOSIGNAL) == (ssize_t)b.len;
    buf_fini(&b);
    if (!sent)
        test_fail(__FILE__, __LINE__, "cannot ask: %s", strerror(errno));
    return fd;
}

static void unchunk(struct str rest, struct buf *out)
{
    struct str line;
    while (str_cut(&rest, '\n', &line)) {
        size_t n = 0;
        for (size_t i = 0; i + 1 < line.len; i++)
            n = n * 16 + (size_t)(line.ptr[i] <= '9' ? line.ptr[i] - '0' : (line.ptr[i] | 32) - 'a' + 10);
        if (n == 0 || n + 2 > rest.len)
            return;
        (void)buf_append(out, str_slice(rest, 0, n));
        rest = str_skip(rest, n + 2);
    }
}

static void take(int fd, struct reply *r)
{
    *r = (struct reply){.raw = BUF_INIT(64 * MiB), .body = BUF_INIT(64 * MiB)};
    ssize_t n = 1;
    while (n > 0 && buf_reserve(&r->raw, 64 * KiB) == 0) {
        n = recv(fd, r->raw.ptr + r->raw.len, 64 * KiB, 0);
        r->raw.len += n > 0 ? (size_t)n : 0;
    }
    (void)close(fd);
    struct str all = buf_str(&r->raw);
    int64_t head = str_find(all, STR("\r\n\r\n"));
    if (all.len < 12 || head < 0)
        return;
    r->status = (all.ptr[9] - '0') * 100 + (all.ptr[10] - '0') * 10 + all.ptr[11] - '0';
    struct str body = str_skip(all, (size_t)head + 4);
    if (str_find(str_slice(all, 0, (size_t)head), STR("transfer-encoding: chunked")) >= 0)
        unchunk(body, &r->body);
    else
        (void)buf_append(&r->body, body);
}

static void reply_fini(struct reply *r)
{
    buf_fini(&r->raw);
    buf_fini(&r->body);
}

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_str(b), str_from(text)) >= 0;
}

static void fetch(struct reply *r, const char *path, const char *body)
{
    take(ask(body ? "POST" : "GET", path, body ? body : ""), r);
}

static struct json_node *tree(struct arena *a, const struct reply *r)
{
    struct json_node *n = NULL;
    struct err e = {0};
    if (json_parse(a, buf_str(&r->body), &n, &e) < 0)
        test_fail(__FILE__, __LINE__, "no JSON (%s): %.*s", e.text, STR_FMT(buf_str(&r->body)));
    return n;
}

static const struct json_node *choice_of(const struct json_node *root)
{
    const struct json_node *choices = json_get(root, "choices");
    return choices ? choices->child : NULL;
}

/* What a stream says all together. */
struct joined {
    struct buf content, arguments, name;
    size_t chunks, logprobs;
    bool done, usage, hearth;
    struct str finish;
};

static void join(struct arena *a, const struct reply *r, struct joined *j)
{
    struct str rest = buf_str(&r->body), line;
    *j = (struct joined){.content = BUF_INIT(MiB), .arguments = BUF_INIT(MiB), .name = BUF_INIT(MiB)};
    while (str_cut(&rest, '\n', &line)) {
        struct json_node *n = NULL;
        struct err e = {0};
        if (!line.len)
            continue;
        EXPECT(str_starts(line, STR("data: ")) && !j->done);
        line = str_skip(line, 6);
        j->done = str_eq(line, STR("[DONE]"));
        if (j->done)
            continue;
        if (json_parse(a, line, &n, &e) < 0)
            test_fail(__FILE__, __LINE__, "%s: %.*s", e.text, STR_FMT(line));
        j->chunks++;
        j->usage = j->usage || json_get(n, "usage");
        j->hearth = j->hearth || json_get(n, "hearth");
        const struct json_node *c = choice_of(n), *delta = json_get(c, "delta"), *calls = json_get(delta, "tool_calls");
        (void)buf_append(&j->content, json_get_text(c && !delta ? c : delta, delta ? "content" : "text"));
        for (const struct json_node *t = calls ? calls->child : NULL; t; t = t->next) {
            (void)buf_append(&j->name, json_get_text(json_get(t, "function"), "name"));
            (void)buf_append(&j->arguments, json_get_text(json_get(t, "function"), "arguments"));
        }
        const struct json_node *content = json_get(json_get(c, "logprobs"), "content");
        j->logprobs += content ? content->count : 0;
        if (json_get_text(c, "finish_reason").len)
            j->finish = json_get_text(c, "finish_reason");
    }
}

static void joined_fini(struct joined *j)
{
    buf_fini(&j->content);
    buf_fini(&j->arguments);
    buf_fini(&j->name);
}

#define CHAT(members) "{\"model\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":\"hello there\"}],\"temperature\":0" members "}"
#define TOOLS ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look\",\"parameters\":{\"type\":\"object\",\"properties\":{\"at\":{\"enum\":[\"sky \\\"and\\\" "\
              "sea\",\"earth\"]}},\"required\":[\"at\"]}}}]"

/* --- answers ----------------------------------------------------------------------------------------------------------------------------------- */

TEST(a_stream_says_what_the_whole_answer_says)
{
    static const char *const asks[][3] = {
        {"/v1/chat/completions", CHAT(",\"max_tokens\":30"), CHAT(",\"max_tokens\":30,\"stream\":true,\"stream_options\":{\"include_usage\":true}")},
        {"/v1/chat/completions", CHAT(",\"max_tokens\":30,\"logprobs\":true,\"top_logprobs\":3"),
         CHAT(",\"max_tokens\":30,\"logprobs\":true,\"top_logprobs\":3,\"stream\":true")},
        {"/v1/chat/completions", CHAT(",\"max_tokens\":90,\"tool_choice\":\"required\"" TOOLS), CHAT(",\"max_tokens\":90,\"tool_choice\":\"required\",\"stream\":true" TOOLS)},
        {"/v1/completions", "{\"model\":\"chat\",\"prompt\":\"once upon\",\"temperature\":0,\"max_tokens\":20,\"logprobs\":2}",
         "{\"model\":\"chat\",\"prompt\":\"once upon\",\"temperature\":0,\"max_tokens\":20,\"stream\":true}"},
    };
    REQUIRE(engine_start(NULL));
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        struct arena a = ARENA_INIT(16 * MiB);
        struct reply whole, parts;
        struct joined j;
        fetch(&whole, asks[i][0], asks[i][1]);
        fetch(&parts, asks[i][0], asks[i][2]);
        EXPECT_I64(whole.status, 200);
        EXPECT_I64(parts.status, 200);
        const struct json_node *root = tree(&a, &whole), *c = choice_of(root), *message = json_get(c, "message");
        join(&a, &parts, &j);
        bool chat = i < 3;
        EXPECT(j.done && j.chunks > 3 && j.hearth && j.usage == (i == 0));
        EXPECT(str_eq(buf_str(&j.content), json_get_text(chat ? message : c, chat ? "content" : "text")));
        EXPECT(str_eq(j.finish, json_get_text(c, "finish_reason")));
        const struct json_node *calls = json_get(message, "tool_calls"), *function = calls ? json_get(calls->child, "function") : NULL;
        EXPECT(!!calls == (i == 2) && str_eq(buf_str(&j.arguments), json_get_text(function, "arguments")));
        EXPECT(i != 2 || (str_eq(buf_str(&j.name), STR("look")) && str_eq(j.finish, STR("tool_calls")) && json_check(buf_str(&j.arguments), NULL) == 0));
        int64_t prompt = 0, answer = 0, total = 0;
        const struct json_node *usage = json_get(root, "usage"), *logprobs = json_get(c, "logprobs");
        EXPECT(json_get_i64(usage, "prompt_tokens", &prompt) && json_get_i64(usage, "completion_tokens", &answer) && json_get_i64(usage, "total_tokens", &total));
        EXPECT(prompt > 0 && answer > 0 && total == prompt + answer && json_get(root, "hearth"));
        if (i == 1)
            EXPECT(json_get(logprobs, "content")->count == (uint32_t)answer && j.logprobs == (size_t)answer);
        if (i == 3)
            EXPECT(json_get(logprobs, "tokens")->count == (uint32_t)answer && json_get(logprobs, "token_logprobs")->count == (uint32_t)answer &&
                   json_get(logprobs, "top_logprobs")->count == (uint32_t)answer && json_get(logprobs, "text_offset")->count == (uint32_t)answer);
        joined_fini(&j);
        reply_fini(&whole);
        reply_fini(&parts);
        arena_fini(&a);
    }
    engine_end();
}

TEST(what_is_dropped_is_announced)
{
    REQUIRE(engine_start(CLI("--calls", "2")));
    struct buf body = BUF_INIT(4 * MiB);
    for (int drop = 0; drop <= 1; drop++) {
        buf_clear(&body);
        (void)buf_append_format(&body, "{\"model\":\"chat\",\"max_tokens\":4,\"hearth\":{\"overflow\":\"%s\"},\"messages\":[", drop ? "drop_oldest" : "error");
        for (int i = 0; i < 200; i++)
            (void)buf_append_text(&body, "{\"role\":\"user\",\"content\":\"the people of the city went down to the water\"},{\"role\":\"assistant\",\"content\":\"so it was\"},");
        (void)buf_append_text(&body, "{\"role\":\"user\",\"content\":\"and now?\"}]}");
        struct reply r;
        fetch(&r, "/v1/chat/completions", buf_text(&body));
        if (drop) {
            struct arena a = ARENA_INIT(MiB);
            int64_t dropped = 0, prompt = 0;
            struct json_node *root = tree(&a, &r);
            EXPECT_I64(r.status, 200);
            EXPECT(json_get_i64(json_get(root, "hearth"), "dropped_tokens", &dropped) && json_get_i64(json_get(root, "usage"), "prompt_tokens", &prompt));
            char header[64];
            (void)text_format(header, sizeof header, "\r\nx-hearth-dropped: %lld\r\n", (long long)dropped);
            EXPECT(dropped > 500 && prompt <= 2044 && prompt > 1900 && has(&r.raw, header));
            arena_fini(&a);
        } else {
            EXPECT_I64(r.status, 400);
            EXPECT(has(&r.body, "context_length_exceeded") && has(&r.body, "the context holds 2048"));
        }
        reply_fini(&r);
    }
    buf_fini(&body);
    engine_end();
}

TEST(a_thousand_texts_have_their_vectors_in_order)
{
    enum { TEXTS = 1000 };
    REQUIRE(engine_start(NULL));
    struct arena a = ARENA_INIT(64 * MiB);
    struct buf body = BUF_INIT(MiB);
    struct reply r[2];
    for (int base64 = 0; base64 <= 1; base64++) {
        buf_clear(&body);
        (void)buf_append_format(&body, "{\"model\":\"vectors\",\"encoding_format\":\"%s\",\"input\":[", base64 ? "base64" : "float");
        for (int i = 0; i < TEXTS; i++) /* long and short ones, so that some overtake others */
            (void)buf_append_format(&body, "%s\"%s%s\"", i ? "," : "", i % 3 ? "water" : "the people of the city went down to the water", i % 7 == 0 ? " again" : "");
        (void)buf_append_text(&body, "]}");
        fetch(&r[base64], "/v1/embeddings", buf_text(&body));
        EXPECT_I64(r[base64].status, 200);
    }
    const struct json_node *floats = json_get(tree(&a, &r[0]), "data"), *coded = json_get(tree(&a, &r[1]), "data");
    REQUIRE(floats && coded && floats->count == TEXTS && coded->count == TEXTS);
    const struct json_node *f = floats->child, *c = coded->child, *kind[4] = {NULL};
    for (int64_t i = 0; i < TEXTS; i++, f = f->next, c = c->next) {
        int64_t index = -1;
        EXPECT(json_get_i64(f, "index", &index) && index == i && json_get_i64(c, "index", &index) && index == i);
        size_t k = (size_t)(i % 3 ? 0 : 1) + (i % 7 == 0 ? 2 : 0);
        kind[k] = kind[k] ? kind[k] : f;
        EXPECT(str_eq(json_get(kind[k], "embedding")->text, json_get(f, "embedding")->text));
        struct buf bytes = BUF_INIT(64 * KiB);
        const struct json_node *v = json_get(f, "embedding");
        EXPECT(base64_read(json_get_text(c, "embedding"), &bytes) == 0 && bytes.len == v->count * sizeof(float));
        size_t at = 0;
        for (const struct json_node *n = v->child; n && bytes.len == v->count * sizeof(float); n = n->next, at++) {
            double d = 0;
            float got;
            memcpy(&got, bytes.ptr + at * sizeof got, sizeof got);
            EXPECT(json_to_double(n->text, &d) && (float)d == got);
        }
        buf_fini(&bytes);
    }
    EXPECT(!str_eq(json_get(kind[0], "embedding")->text, json_get(kind[1], "embedding")->text));
    reply_fini(&r[0]);
    reply_fini(&r[1]);
    buf_fini(&body);
    arena_fini(&a);
    engine_end();
}

/* --- refusals ------------------------------------------------------------------------------------------------------------------------------------ */

TEST(what_cannot_be_is_refused_in_words)
{
    static const struct {
        const char *path, *body, *says;
        int status;
    } asks[] = {
        {"/v1/nothing", "{}", "there is nothing here", 404},
        {"/v1/chat/completions", NULL, "asked with POST", 405},
        {"/v1/completions", "{\"model\":\"chat\",\"prompt\":[\"a\",\"b\"]}", "`prompt` must be one text (lists and token numbers are not served here)", 400},
        {"/v1/chat/completions", "{\"model\":\"other\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "no model `other`", 404},
        {"/v1/chat/completions", "{\"model\":", "", 400},
        {"/v1/chat/completions", CHAT(",\"temperature\":2000"), "", 400}, /* twice, and too hot */
        {"/v1/chat/completions", CHAT(",\"top_p\":7"), "top_p", 400},
        {"/v1/chat/completions", CHAT(",\"max_tokens\":5000"), "may have 5000; the context holds 2048", 400},
        {"/v1/chat/completions", "{\"model\":\"vectors\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}", "it does not write", 400},
        {"/v1/embeddings", "{\"model\":\"chat\",\"input\":\"a\"}", "no embeddings", 400},
        {"/v1/chat/completions", CHAT(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\",\"minProperties\":3}}}"),
         "minProperties", 400},
        {"/v1/chat/completions", CHAT(",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"fly\"}}" TOOLS), "`fly`", 400},
    };
    REQUIRE(engine_start(NULL));
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        struct reply r;
        struct arena a = ARENA_INIT(MiB);
        fetch(&r, asks[i].path, asks[i].body); /* without one: GET */
        if (r.status != asks[i].status || !has(&r.body, asks[i].says) || !json_get_text(json_get(tree(&a, &r), "error"), "message").len)
            test_fail(__FILE__, __LINE__, "%s %s: %d, not %d with `%s`: %.*s", asks[i].path, asks[i].body ? asks[i].body : "", r.status, asks[i].status, asks[i].says, STR_FMT(buf_str(&r.body)));
        arena_fini(&a);
        reply_fini(&r);
    }
    engine_end();
}

/* --- clients that leave ----------------------------------------------------------------------------------------------------------------------------- */

/* It would go on for two thousand tokens: one token's bias makes it the only one. */
#define ENDLESS CHAT(",\"stream\":true,\"max_tokens\":1900,\"logit_bias\":{\"300\":100}")

static int64_t counted(const char *what)
{
    struct reply r;
    struct arena a = ARENA_INIT(MiB);
    int64_t n = -1;
    fetch(&r, "/v1/models", NULL);
    const struct json_node *data = json_get(tree(&a, &r), "data");
    if (data)
        (void)json_get_i64(data->child, what, &n);
    reply_fini(&r);
    arena_fini(&a);
    return n;
}

static bool becomes(const char *what, int64_t n)
{
    for (int i = 0; i < 200 * SLOWER; i++) {
        if (counted(what) == n)
            return true;
        (void)usleep(10000);
    }
    return false;
}

TEST(a_client_that_leaves_ends_its_call)
{
    REQUIRE(engine_start(NULL));
    for (int i = 0; i < 3; i++) {
        char bytes[64];
        int fd = ask("POST", "/v1/chat/completions", ENDLESS);
        EXPECT(recv(fd, bytes, sizeof bytes, 0) > 0);
        EXPECT(becomes("running", 1));
        if (i == 1) { /* by a reset */
            struct linger now = {1, 0};
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        }
        (void)close(fd);
        EXPECT(becomes("running", 0));
    }
    engine_end();
}

/* One place and 64 that wait: the 66th is told so at once, and when to come back. */
TEST(a_full_queue_is_told_at_once)
{
    enum { ALL = 65 };
    int fd[ALL];
    REQUIRE(engine_start(CLI("--calls", "1")));
    for (int i = 0; i < ALL; i++)
        fd[i] = ask("POST", "/v1/chat/completions", ENDLESS);
    EXPECT(becomes("waiting", ALL - 1));
    struct reply r;
    fetch(&r, "/v1/chat/completions", CHAT(""));
    EXPECT_I64(r.status, 503);
    EXPECT(has(&r.raw, "\r\nretry-after: 1\r\n") && has(&r.body, "queue_full"));
    reply_fini(&r);
    for (int i = 0; i < ALL; i++)
        (void)close(fd[i]);
    EXPECT(becomes("waiting", 0) && becomes("running", 0));
    fetch(&r, "/v1/chat/completions", CHAT(",\"max_tokens\":2"));
    EXPECT_I64(r.status, 200);
    reply_fini(&r);
    engine_end();
}

/* The end comes while one answers and one waits: both are told. */
TEST(a_signal_ends_what_is_under_way)
{
    REQUIRE(engine_start(CLI("--calls", "1")));
    char bytes[16];
    int first = ask("POST", "/v1/chat/completions", ENDLESS);
    EXPECT(recv(first, bytes, sizeof bytes, 0) > 0);
    int second = ask("POST", "/v1/chat/completions", ENDLESS);
    EXPECT(becomes("waiting", 1));
    (void)kill(process.pid, SIGTERM);
    struct reply r;
    take(second, &r);
    EXPECT_I64(r.status, 503);
    EXPECT(has(&r.body, "being stopped"));
    reply_fini(&r);
    take(first, &r);
    EXPECT(has(&r.raw, "being stopped") && !has(&r.raw, "[DONE]"));
    reply_fini(&r);
    cli_end(&process, 0);
    EXPECT_I64(process.status, 0);
    cli_run_fini(&process);
    cli_world_close(&world);
}

/* --- memory ------------------------------------------------------------------------------------------------------------------------------------------- */

static int64_t anonymous_kib(void)
{
    char path[64];
    struct buf b = BUF_INIT(64 * KiB);
    int64_t kib = -1;
    (void)text_format(path, sizeof path, "/proc/%d/status", (int)process.pid);
    struct str rest, line;
    if (buf_read_file(&b, path, NULL) == 0)
        for (rest = buf_str(&b); str_cut(&rest, '\n', &line);)
            if (str_starts(line, STR("RssAnon:")))
                (void)str_to_i64(str_trim(str_slice(line, 8, line.len - 3)), &kib);
    buf_fini(&b);
    return kib;
}

static void calls_run(int count)
{
    static const char *const bodies[] = {CHAT(",\"max_tokens\":3"), CHAT(",\"max_tokens\":3,\"stream\":true"), CHAT(",\"max_tokens\":8,\"response_format\":{\"type\":\"json_object\"}"),
                                         CHAT(",\"top_p\":7"), CHAT(",\"max_tokens\":5,\"tool_choice\":\"required\"" TOOLS)};
    for (int i = 0; i < count; i++) {
        struct reply r;
        fetch(&r, "/v1/chat/completions", bodies[i % 5]);
        EXPECT(r.status == (i % 5 == 3 ? 400 : 200));
        reply_fini(&r);
    }
}

TEST(two_thousand_calls_leave_no_memory_behind)
{
    REQUIRE(engine_start(NULL));
    calls_run(300);
    int64_t before = anonymous_kib();
    calls_run(SLOWER > 1 ? 300 : 2000);
    int64_t after = anonymous_kib();
    printf("engine: %lld KiB anonymous after 300 calls, %lld KiB after the next\n", (long long)before, (long long)after);
    EXPECT(before > 0 && (SANITIZED || after < before + 1024)); /* a sanitizer keeps what was freed */
    engine_end();
}

/* A client that reads nothing holds its own call back, not the others and not the memory; when it reads, all of its answer is there. */
TEST(a_client_that_does_not_read_holds_its_call_back)
{
    enum { TOKENS = 1900, KIB_MAX = 2048 /* what is queued for it, and the pages of its text */ };
    REQUIRE(engine_start(CLI("--calls", "1")));
    calls_run(20);
    int64_t before = anonymous_kib();
    int fd = ask("POST", "/v1/chat/completions", CHAT(",\"stream\":true,\"max_tokens\":1900,\"logit_bias\":{\"300\":100},\"logprobs\":true,\"top_logprobs\":20"));
    EXPECT(becomes("running", 1));
    for (int i = 0; i < 5; i++) { /* the only place is its own, as long as it computes */
        struct reply r;
        fetch(&r, "/v1/chat/completions", CHAT(",\"max_tokens\":3"));
        EXPECT_I64(r.status, 200);
        reply_fini(&r);
    }
    int64_t unread = anonymous_kib() - before;
    int64_t left = 0;
    for (int i = 0; i < 200 * SLOWER && left != 1; i++) { /* what is told is a moment old */
        left = counted("running") + counted("waiting");
        (void)usleep(1000);
    }
    EXPECT_I64(left, 1); /* it has not ended */
    if (!SANITIZED && unread > KIB_MAX)
        test_fail(__FILE__, __LINE__, "%lld KiB for a client that does not read", (long long)unread);
    struct reply r;
    struct arena a = ARENA_INIT(64 * MiB);
    struct joined j;
    take(fd, &r);
    join(&a, &r, &j);
    EXPECT(j.done && j.logprobs == TOKENS && str_eq(j.finish, STR("length")));
    printf("engine: %lld KiB for a client that does not read; then it read %zu KiB\n", (long long)unread, r.raw.len / 1024);
    EXPECT(becomes("running", 0) && becomes("waiting", 0));
    joined_fini(&j);
    arena_fini(&a);
    reply_fini(&r);
    engine_end();
}

static int64_t now_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static bool answered(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

/* A text of megabytes takes long to be cut into tokens: requests that come after it, and the streams of others, do not wait for it. */
TEST(a_long_request_holds_nobody_else_back)
{
    enum { WORDS = 400000, ROUNDS = 3 }; /* beyond a million tokens */
    struct buf body = BUF_INIT(64 * MiB);
    REQUIRE(engine_start(NULL));
    (void)buf_append_text(&body, "{\"model\":\"chat\",\"prompt\":\"");
    for (int i = 0; i < WORDS; i++)
        (void)buf_append_format(&body, "water%d people ", i % 7919);
    (void)buf_append_text(&body, "\"}");
    int64_t least_us = INT64_MAX, whole_us = 0;
    for (int round = 0; round < ROUNDS; round++) { /* the best of them: the machine may be busy */
        struct reply r;
        int64_t began_us = now_us(), most_us = 0;
        int fd = ask("POST", "/v1/completions", buf_text(&body));
        while (!answered(fd)) {
            int64_t at_us = now_us();
            fetch(&r, "/v1/chat/completions", CHAT(",\"max_tokens\":1"));
            EXPECT_I64(r.status, 200);
            reply_fini(&r);
            most_us = now_us() - at_us > most_us ? now_us() - at_us : most_us;
        }
        int64_t took_us = now_us() - began_us;
        take(fd, &r);
        EXPECT_I64(r.status, 400);
        EXPECT(has(&r.body, "1048576"));
        reply_fini(&r);
        if (most_us < least_us) {
            least_us = most_us;
            whole_us = took_us;
        }
    }
    printf("engine: a request of %zu KiB took %lld ms to be refused; others meanwhile %lld ms at most\n", body.len / 1024, (long long)whole_us / 1000,
           (long long)least_us / 1000);
    EXPECT(least_us < whole_us / 3);
    buf_fini(&body);
    engine_end();
}

TEST(what_a_model_holds_and_did_is_told)
{
    struct reply r;
    struct arena a = ARENA_INIT(MiB);
    REQUIRE(engine_start(NULL));
    fetch(&r, "/v1/completions", "{\"model\":\"chat\",\"prompt\":\"once upon\",\"temperature\":0,\"max_tokens\":7,\"logit_bias\":{\"300\":100}}");
    EXPECT_I64(r.status, 200);
    reply_fini(&r);
    EXPECT(becomes("running", 0));
    fetch(&r, "/v1/models", NULL);
    const struct json_node *h = json_get(json_get(tree(&a, &r), "data")->child, "hearth");
    int64_t answer = 0, weights = 0, pages = 0, calls = 0;
    EXPECT(json_get_i64(h, "answer_tokens", &answer) && answer == 7 && json_get_i64(h, "calls", &calls) && calls == 1);
    EXPECT(json_get_i64(h, "weights_bytes", &weights) && weights > 0 && json_get_i64(h, "cache_bytes", &pages) && pages > 0);
    reply_fini(&r);
    fetch(&r, "/metrics", NULL);
    EXPECT_I64(r.status, 200);
    static const char *const lines[] = {"\nhearth_model_answer_tokens_total{model=\"chat\"} 7\n", "\nhearth_model_calls_total{model=\"vectors\"} 0\n",
                                        "\n# TYPE hearth_model_busy_seconds_total counter\nhearth_model_busy_seconds_total{model=\"chat\"} 0."};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        if (!has(&r.body, lines[i]))
            test_fail(__FILE__, __LINE__, "no line `%s` in %.*s", lines[i], STR_FMT(buf_str(&r.body)));
    reply_fini(&r);
    arena_fini(&a);
    engine_end();
}
