/* test_browser.c: which Host a request may carry. */
#include "gateway/gateway_priv.h"
#include "test.h"

static const struct {
    const char *host;
    bool listed, given; /* with `hosts:` and `listen:` of the config; with --listen 10.0.0.9:80 in place of the latter */
} rows[] = {
    {"localhost", true, true},          {"LOCALHOST:4242", true, true},       {"127.0.0.1:4242", true, true},
    {"127.9.9.9", true, true},          {"[::1]:4242", true, true},           {"hearth.lan:80", true, true},
    {"192.168.1.5:4242", true, false},  {"192.168.1.5", true, false},         {"[fd00::5]:4242", true, false},
    {"BOX:4242", true, false},          {"10.0.0.9:80", false, true},         {"192.168.1.6:4242", false, false},
    {"evil.test", false, false},        {"127.0.0.1.evil.test", false, false}, {"0.0.0.0:4242", false, false},
    {"unix", false, false},             {"[::]:4242", false, false},         {"192.168.1.5.evil.test", false, false},
};

TEST(the_host_is_loopback_or_written_in_the_config)
{
    struct config c = {.hosts = {{.text = STR("hearth.lan")}}, .host_count = 1, .listen_count = 7};
    static const char *const listen[] = {"0.0.0.0:4242", "[::]:4242", ":4242", "unix:/run/x", "192.168.1.5:4242", "[fd00::5]:4242", "box:4242"};
    for (size_t i = 0; i < COUNT_OF(listen); i++)
        c.listen[i].text = str_from(listen[i]);
    struct gateway by_config = {.config = &c}, by_option = {.config = &c, .listen = STR("10.0.0.9:80")};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct str host = str_from(rows[i].host);
        if (browser_host_is_ours(&by_config, host) != rows[i].listed || browser_host_is_ours(&by_option, host) != rows[i].given)
            test_fail(__FILE__, __LINE__, "Host %s is judged wrong", rows[i].host);
    }
}

