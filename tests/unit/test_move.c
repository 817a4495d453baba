/* test_move.c: the move from LiteLLM as docs/guide/from-litellm.md tells it, with the real binary beside a simulated Ollama and
 * two simulated vendors. The clients' side of it (names, key, Host, headers they read) stays word for word what it was. */
#include "cli_kit.h"
#include "sim/sim.h"
#include <arpa/inet.h>
#include <sys/socket.h>

struct move {
    struct cli_world world;
    struct sim *sim;
    int ollama, vendor, other;
    struct cli_run daemon;
    int port;
};

static bool write_old_config(struct move *m)
{
    AUTO_BUF struct buf yaml = BUF_INIT(16 * KiB);
    return buf_append_format(
               &yaml,
               "model_list:\n"
               "  - model_name: Llama3.1:8b\n"
               "    litellm_params: { model: ollama_chat/llama3.1:8b, api_base: \"http://127.0.0.1:%d\" }\n"
               "  - model_name: private\n"
               "    litellm_params: { model: ollama/llama3.1:8b, api_base: \"http://127.0.0.1:%d\", tags: [local] }\n"
               "  - model_name: team/gpt-4o\n"
               "    litellm_params: { model: openai/gpt-6-luna, api_base: \"http://127.0.0.1:%d/v1\", api_key: "
               "sk-CANARY-literal }\n"
               "  - model_name: cheap\n"
               "    litellm_params: { model: openai_like/deepseek-flash, api_base: \"http://127.0.0.1:%d\", api_key: "
               "os.environ/OTHER_KEY,\n"
               "                      input_cost_per_token: 1.5e-07, output_cost_per_token: 6e-07 }\n"
               "router_settings:\n"
               "  fallbacks: [{ team/gpt-4o: [cheap] }]\n"
               "general_settings: { master_key: os.environ/LITELLM_MASTER_KEY }\n",
               sim_port(m->sim, m->ollama), sim_port(m->sim, m->ollama), sim_port(m->sim, m->vendor),
               sim_port(m->sim, m->other)) == 0 &&
           cli_write(&m->world, "config.yaml", buf_str(&yaml));
}

static bool move_open(struct move *m)
{
    *m = (struct move){.port = -1};
    if (!cli_world_open(&m->world) || sim_open(&m->sim, NULL) < 0)
        return false;
    m->ollama = sim_add(m->sim, "o", "ollama", 0, NULL);
    m->vendor = sim_add(m->sim, "v", "openai", 0, NULL);
    m->other = sim_add(m->sim, "w", "deepseek", 0, NULL);
    cli_env(&m->world, "LITELLM_MASTER_KEY", "sk-CANARY-master-0123456789abcdef");
    cli_env(&m->world, "OTHER_KEY", "sk-other");
    cli_env(&m->world, "TEAM_GPT_4O_API_KEY", "sk-CANARY-literal");
    return m->ollama >= 0 && m->vendor >= 0 && m->other >= 0 && write_old_config(m);
}

static void move_close(struct move *m)
{
    cli_run_fini(&m->daemon);
    sim_close(m->sim);
    cli_world_close(&m->world);
}

/* Starts the daemon and takes its port from what it says. */
static bool serve(struct move *m)
{
    uint64_t port;
    if (!cli_start(&m->daemon, &m->world, false, CLI("serve", "--listen", "127.0.0.1:0")) ||
        !cli_until(&m->daemon, "listening on 127.0.0.1:"))
        return false;
    struct str said = buf_str(&m->daemon.out), begin = STR("listening on 127.0.0.1:");
    said = str_skip(said, (size_t)str_find(said, begin) + begin.len);
    size_t n = 0;
    while (n < said.len && said.ptr[n] >= '0' && said.ptr[n] <= '9')
        n++;
    m->port = str_to_u64(str_slice(said, 0, n), &port) ? (int)port : -1;
    return m->port > 0;
}

/* One call as a client of LiteLLM makes it; the whole reply into `out`. */
static bool call(struct move *m, const char *model, struct buf *out)
{
    AUTO_BUF struct buf request = BUF_INIT(4 * KiB), body = BUF_INIT(2 * KiB);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)m->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = buf_append_format(&body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}",
                                  model) == 0 &&
                buf_append_format(
                    &request,
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: litellm:4000\r\nConnection: close\r\n"
                    "Authorization: Bearer sk-CANARY-master-0123456789abcdef\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n%.*s",
                    body.len, STR_FMT(buf_str(&body))) == 0 &&
                connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
                send(fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len;
    buf_clear(out);
    while (good && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, CLI_WAIT_MS) == 1 &&
           buf_reserve(out, 16 * KiB) == 0) {
        ssize_t n = recv(fd, out->ptr + out->len, 16 * KiB, 0);
        if (n <= 0)
            break;
        out->len += (size_t)n;
    }
    close(fd);
    return good && out->len > 0;
}

static void expect_call(struct move *m, const char *model, const char *status, const char *target)
{
    AUTO_BUF struct buf reply = BUF_INIT(1 * MiB);
    char want[200];
    if (!call(m, model, &reply)) {
        test_fail(__FILE__, __LINE__, "no reply for %s", model);
        return;
    }
    text_format(want, sizeof want, "x-litellm-model-id: %s\r\n", target);
    if (!str_starts(buf_str(&reply), str_from(status)) || str_find(buf_str(&reply), str_from(want)) < 0)
        test_fail(__FILE__, __LINE__, "%s: %.*s", model, STR_FMT(buf_str(&reply)));
}

TEST(the_guide_followed_word_by_word_works_and_no_client_changes)
{
    struct move m;
    struct cli_run r;
    AUTO_BUF struct buf made = BUF_INIT(64 * KiB), old = BUF_INIT(64 * KiB), after = BUF_INIT(64 * KiB);
    REQUIRE(move_open(&m) && cli_read(&m.world, "config.yaml", &old));
    REQUIRE(cli_do(&r, &m.world,
                   CLI("config", "import", "litellm", "config.yaml", "--listen", "0.0.0.0:4000", "--hosts", "litellm",
                       "-o", "hearth.yaml")));
    EXPECT_I64(r.status, 0);
    EXPECT_SAYS(&r, "set it as TEAM_GPT_4O_API_KEY");
    EXPECT_SAYS(&r, "hearth keys add litellm --from env:LITELLM_MASTER_KEY");
    EXPECT_HIDES(&r, "CANARY");
    cli_run_fini(&r);
    EXPECT(cli_read(&m.world, "hearth.yaml", &made) && str_find(buf_str(&made), STR("CANARY")) < 0);
    REQUIRE(cli_do(&r, &m.world, CLI("config", "import", "litellm", "config.yaml", "-o", "hearth.yaml")));
    EXPECT_I64(r.status, 1); /* it is there, and stays as it is */
    EXPECT_SAYS(&r, "--force replaces it");
    cli_run_fini(&r);
    REQUIRE(cli_do(&r, &m.world, CLI("config", "check")));
    EXPECT_I64(r.status, 0);
    cli_run_fini(&r);
    REQUIRE(cli_do(&r, &m.world, CLI("keys", "add", "litellm", "--from", "env:LITELLM_MASTER_KEY")));
    EXPECT_I64(r.status, 0);
    cli_run_fini(&r);
    REQUIRE(serve(&m));
    expect_call(&m, "Llama3.1:8b", "HTTP/1.1 200", "ollama/llama3.1:8b");
    expect_call(&m, "private", "HTTP/1.1 200", "ollama/llama3.1:8b");
    expect_call(&m, "team/gpt-4o", "HTTP/1.1 200", "local/gpt-6-luna");
    expect_call(&m, "cheap", "HTTP/1.1 200", "local-2/deepseek-flash");
    REQUIRE(sim_script(m.sim, m.vendor, "status 500", NULL) == 0);
    expect_call(&m, "team/gpt-4o", "HTTP/1.1 200", "local-2/deepseek-flash"); /* its fallback */
    sim_down(m.sim, m.ollama);
    expect_call(&m, "private", "HTTP/1.1 503", "-"); /* and never outside */
    cli_end(&m.daemon, SIGTERM);
    EXPECT_I64(m.daemon.status, 0);
    REQUIRE(cli_do(&r, &m.world, CLI("usage", "--calls", "--json")));
    EXPECT_SAYS(&r, "\"key\":\"litellm\"");
    cli_run_fini(&r);
    EXPECT(cli_read(&m.world, "config.yaml", &after) &&
           str_eq(buf_str(&old), buf_str(&after))); /* the way back is open */
    move_close(&m);
}
