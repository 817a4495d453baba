/* test_resolve.c: names to addresses. The tests own the DNS: a small responder on a loopback UDP port. */
#include "net/resolve.h"
#include "base/buf.h"
#include "test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* --- a name server ------------------------------------------------------------------------------------------------- */

/* Names say what the answer is: "two.test" has two A and one AAAA, "v6.test" only AAAA, "none.test" exists without
 * addresses, "silent.test" is never answered, "broken.test" gets garbage, all others do not exist. */
struct dns {
    int fd, port;
    pthread_t thread;
    atomic_int asked; /* queries seen */
};

static size_t put_record(uint8_t *out, int type, const char *address)
{
    static const uint8_t head[] = {0xC0, 0x0C, 0, 0,  0, 1,
                                   0,    0,    0, 60, 0, 0}; /* the question's name, class IN, TTL 60 */
    memcpy(out, head, sizeof head);
    out[3] = (uint8_t)type;
    size_t n = type == 1 ? 4 : 16;
    out[11] = (uint8_t)n;
    (void)inet_pton(type == 1 ? AF_INET : AF_INET6, address, out + sizeof head);
    return sizeof head + n;
}

/* Turns the query in `m` into the answer; 0 = no answer. */
static size_t dns_answer(uint8_t *m, size_t len)
{
    char name[256] = "";
    size_t at = 12, used = 0;
    while (at < len && m[at] && used + m[at] + 2 < sizeof name) {
        if (used)
            name[used++] = '.';
        memcpy(name + used, m + at + 1, m[at]);
        used += m[at];
        at += (size_t)m[at] + 1;
    }
    struct str host = str_of(name, used);
    int type = m[at + 2];
    at += 5;
    if (str_eq(host, STR("silent.test")))
        return 0;
    bool two = str_eq(host, STR("two.test")), v6 = str_eq(host, STR("v6.test")), none = str_eq(host, STR("none.test"));
    bool broken = str_eq(host, STR("broken.test"));
    m[2] = 0x81;
    m[3] = two || v6 || none || broken ? 0x80 : 0x83;
    m[7] = 0;
    memset(m + 8, 0, 4);
    if (two && type == 1) {
        m[7] = 2;
        at += put_record(m + at, 1, "127.0.0.5");
        at += put_record(m + at, 1, "127.0.0.6");
    } else if ((two || v6) && type == 28) {
        m[7] = 1;
        at += put_record(m + at, 28, "::1");
    } else if (broken) {
        m[7] = 9; /* records that are not there */
    }
    return at;
}

static void *dns_main(void *arg)
{
    struct dns *d = arg;
    uint8_t m[1024];
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_len = sizeof from;
        ssize_t n = recvfrom(d->fd, m, 512, 0, (struct sockaddr *)&from, &from_len);
        if (n <= 1)
            return NULL; /* told to stop */
        atomic_fetch_add(&d->asked, 1);
        size_t len = dns_answer(m, (size_t)n);
        if (len)
            (void)!sendto(d->fd, m, len, 0, (struct sockaddr *)&from, from_len);
    }
}

static void dns_start(struct dns *d)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    (void)!bind(d->fd, (struct sockaddr *)&at, len);
    (void)!getsockname(d->fd, (struct sockaddr *)&at, &len);
    d->port = ntohs(at.sin_port);
    atomic_store(&d->asked, 0);
    (void)!pthread_create(&d->thread, NULL, dns_main, d);
}

static void dns_stop(struct dns *d)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons((uint16_t)d->port)};
    (void)!sendto(d->fd, "", 1, 0, (struct sockaddr *)&at, sizeof at);
    pthread_join(d->thread, NULL);
    close(d->fd);
}

/* --- one loop, one resolver ---------------------------------------------------------------------------------------- */

struct world {
    struct dns dns;
    struct loop *loop;
    struct resolver *resolver;
    struct clock clock;
};

static bool world_open(struct world *w, bool own_dns, int threads)
{
    *w = (struct world){.clock = clock_fake(0)};
    struct buf server = BUF_INIT(64);
    if (own_dns) {
        dns_start(&w->dns);
        (void)buf_append_format(&server, "127.0.0.1:%d", w->dns.port);
    }
    struct resolver_options opt = {.server = buf_str(&server), .threads = threads, .clock = &w->clock};
    bool ok = loop_open(&w->loop, &(struct loop_options){.clock = clock_system()}, NULL) == 0 &&
              resolver_open(&w->resolver, &opt, NULL) == 0;
    buf_fini(&server);
    return ok;
}

static void world_close(struct world *w)
{
    resolver_close(w->resolver);
    loop_close(w->loop);
    if (w->dns.port)
        dns_stop(&w->dns);
}

struct got {
    int count; /* answers */
    struct resolve_answer answer;
};

static void keep(const struct resolve_answer *a, void *ctx)
{
    struct got *g = ctx;
    g->count++;
    g->answer = *a;
}

/* Turns until `want` answers came, or 20 seconds passed. */
static void wait_for(struct world *w, struct got *g, int want)
{
    int64_t end = clock_mono_us(clock_system()) + 20000000;
    while (g->count < want && clock_mono_us(clock_system()) < end)
        loop_turn(w->loop, 100);
}

static struct got ask(struct world *w, const char *host)
{
    struct got g = {0};
    struct resolve_query *q = resolve_start(w->resolver, w->loop, str_from(host), 443, keep, &g);
    EXPECT(q != NULL);
    EXPECT_I64(g.count, 0); /* never from inside */
    wait_for(w, &g, 1);
    EXPECT_I64(g.count, 1);
    return g;
}

static void address_text(const struct sockaddr_storage *a, char out[80])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    const void *bytes = a->ss_family == AF_INET ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr;
    (void)inet_ntop(a->ss_family, bytes, ip, sizeof ip);
    (void)text_format(out, 80, "%s %d", ip, ntohs(a->ss_family == AF_INET ? v4->sin_port : v6->sin6_port));
}

static void expect_addresses(const struct got *g, const char *const *want, int count)
{
    EXPECT_I64(g->answer.count, count);
    for (int i = 0; i < count && i < g->answer.count; i++) {
        char text[80];
        address_text(&g->answer.address[i], text);
        EXPECT_STR(str_from(text), want[i]);
    }
}

/* --- tests --------------------------------------------------------------------------------------------------------- */

TEST(addresses_and_localhost_need_no_one)
{
    static const struct {
        const char *host, *want[2];
        int count;
    } table[] = {
        {"127.0.0.1", {"127.0.0.1 443"}, 1},
        {"::1", {"::1 443"}, 1},
        {"[::1]", {"::1 443"}, 1},
        {"localhost", {"127.0.0.1 443", "::1 443"}, 2},
        {"LOCALHOST", {"127.0.0.1 443", "::1 443"}, 2},
        {"localhost.", {"127.0.0.1 443", "::1 443"}, 2},
    };
    struct world w;
    REQUIRE(world_open(&w, true, 0));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct got g = ask(&w, table[i].host);
        expect_addresses(&g, table[i].want, table[i].count);
    }
    EXPECT_I64(atomic_load(&w.dns.asked), 0);
    world_close(&w);
}

TEST(what_is_no_name_fails_without_asking)
{
    struct world w;
    REQUIRE(world_open(&w, true, 0));
    char large[300];
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    const char *const bad[] = {"", large};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct got g = ask(&w, bad[i]);
        EXPECT_I64(g.answer.count, 0);
        EXPECT_STR(str_from(g.answer.problem), "not a host name");
    }
    EXPECT_I64(atomic_load(&w.dns.asked), 0);
    world_close(&w);
}

TEST(the_given_server_answers_with_all_its_addresses)
{
    struct world w;
    REQUIRE(world_open(&w, true, 0));
    struct got two = ask(&w, "two.test"), v6 = ask(&w, "v6.test");
    expect_addresses(&two, (const char *const[]){"127.0.0.5 443", "127.0.0.6 443", "::1 443"}, 3);
    expect_addresses(&v6, (const char *const[]){"::1 443"}, 1);
    world_close(&w);
}

TEST(a_failure_says_which)
{
    static const struct {
        const char *host, *problem;
    } table[] = {
        {"missing.test", "no such name"},
        {"none.test", "the name has no address"},
        {"broken.test", "the name server's answer is malformed"},
        {"silent.test", "the name server did not answer"},
    };
    struct world w;
    REQUIRE(world_open(&w, true, 0));
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        struct got g = ask(&w, table[i].host);
        EXPECT_I64(g.answer.count, 0);
        EXPECT_STR(str_from(g.answer.problem), table[i].problem);
    }
    world_close(&w);
}

TEST(answers_are_kept_for_their_time_and_failures_for_a_second)
{
    struct world w;
    REQUIRE(world_open(&w, true, 0));
    (void)ask(&w, "two.test");
    (void)ask(&w, "missing.test");
    int asked = atomic_load(&w.dns.asked);
    (void)ask(&w, "TWO.test");
    (void)ask(&w, "missing.test");
    EXPECT_I64(atomic_load(&w.dns.asked), asked);
    clock_advance(&w.clock, 1001);
    (void)ask(&w, "two.test");
    EXPECT_I64(atomic_load(&w.dns.asked), asked);
    (void)ask(&w, "missing.test");
    EXPECT(atomic_load(&w.dns.asked) > asked);
    asked = atomic_load(&w.dns.asked);
    clock_advance(&w.clock, 30000);
    (void)ask(&w, "two.test");
    EXPECT(atomic_load(&w.dns.asked) > asked);
    world_close(&w);
}

TEST(calls_for_one_name_ask_once)
{
    struct world w;
    REQUIRE(world_open(&w, true, 4));
    struct got g = {0};
    for (int i = 0; i < 20; i++)
        EXPECT(resolve_start(w.resolver, w.loop, STR("two.test"), 80 + i, keep, &g) != NULL);
    wait_for(&w, &g, 20);
    EXPECT_I64(g.count, 20);
    EXPECT_I64(atomic_load(&w.dns.asked), 2); /* A and AAAA */
    world_close(&w);
}

TEST(a_silent_name_does_not_hold_up_another)
{
    struct world w;
    REQUIRE(world_open(&w, true, 2));
    struct got slow = {0}, quick = {0};
    struct resolve_query *q = resolve_start(w.resolver, w.loop, STR("silent.test"), 80, keep, &slow);
    REQUIRE(q != NULL);
    (void)resolve_start(w.resolver, w.loop, STR("two.test"), 80, keep, &quick);
    wait_for(&w, &quick, 1);
    EXPECT_I64(quick.count, 1);
    EXPECT_I64(slow.count, 0);
    resolve_cancel(q);
    world_close(&w);
}

TEST(cancel_waits_for_nobody)
{
    struct world w;
    REQUIRE(world_open(&w, true, 1));
    struct got g = {0};
    int64_t start = clock_mono_us(clock_system());
    struct resolve_query *busy = resolve_start(w.resolver, w.loop, STR("silent.test"), 80, keep, &g);
    while (atomic_load(&w.dns.asked) == 0 && clock_mono_us(clock_system()) - start < 5000000)
        (void)poll(NULL, 0, 1);
    struct resolve_query *queued = resolve_start(w.resolver, w.loop, STR("other.test"), 80, keep, &g);
    struct resolve_query *posted = resolve_start(w.resolver, w.loop, STR("127.0.0.1"), 80, keep, &g);
    REQUIRE(busy && queued && posted);
    start = clock_mono_us(clock_system());
    resolve_cancel(busy);
    resolve_cancel(queued);
    resolve_cancel(posted);
    EXPECT(clock_mono_us(clock_system()) - start < 100000);
    loop_turn(w.loop, 0);
    loop_turn(w.loop, 0);
    EXPECT_I64(g.count, 0);
    world_close(&w); /* does not wait for the silent name either */
    EXPECT(clock_mono_us(clock_system()) - start < 1000000);
}

TEST(without_a_server_the_system_is_asked)
{
    struct world w;
    REQUIRE(world_open(&w, false, 0));
    struct got g = ask(&w, "127.1"); /* no literal of ours, but getaddrinfo knows it without any network */
    expect_addresses(&g, (const char *const[]){"127.0.0.1 443"}, 1);
    world_close(&w);
}

TEST(a_server_that_is_no_address_is_refused)
{
    static const char *const bad[] = {"127.0.0.1", "dns.test:53", "127.0.0.1:0", "127.0.0.1:99999", "[::1]:53", ":53"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct resolver *r = NULL;
        struct err e = {0};
        EXPECT_I64(resolver_open(&r, &(struct resolver_options){.server = str_from(bad[i])}, &e), ERR_INVALID);
        EXPECT(r == NULL && e.text[0]);
    }
}

static int torture_resolve(void *ctx)
{
    struct world *w = ctx;
    struct resolver *r = NULL;
    int rc = resolver_open(&r, &(struct resolver_options){.clock = &w->clock}, NULL);
    if (rc < 0)
        return rc;
    struct got g = {0};
    struct resolve_query *q = resolve_start(r, w->loop, STR("localhost"), 1, keep, &g);
    struct resolve_query *name = resolve_start(r, w->loop, STR("no.invalid"), 1, keep, &g);
    if (q)
        resolve_cancel(q);
    if (name)
        resolve_cancel(name);
    loop_turn(w->loop, 0);
    resolver_close(r);
    return q && name ? 0 : ERR_NOMEM;
}

TEST(asking_survives_every_failed_allocation)
{
    struct world w;
    REQUIRE(world_open(&w, false, 0));
    EXPECT(test_torture("resolve_start", torture_resolve, &w) >= 5);
    world_close(&w);
}
