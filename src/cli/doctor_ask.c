/* doctor_ask.c: one request to an upstream with its times: the connection (name, TCP, TLS), and from the request to the first
 * byte of the answer. The fence holds here as it does for calls: a home upstream outside the house hears nothing. */
#include "base/clock.h"
#include "base/mem.h"
#include "cli/doctor_priv.h"
#include "mesh/mesh.h"
#include "net/http_client.h"
#include "net/resolve.h"
#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, WHOLE_MS = 15000, BODY_BYTES_MAX = 16 * 1024 * 1024, HEADERS_MAX = 6 };

struct doctor_client {
    struct loop *loop;
    struct resolver *names;
    struct http_client *http;
    const struct mesh *mesh;
    struct str unix_path;
    bool home;
    /* the request under way */
    struct doctor_reply *reply;
    struct http_fetch *fetch;
    struct loop_timer timer;
    int64_t begin_us;
    bool over;
};

static bool allow(const struct sockaddr *a, void *ctx)
{
    const struct doctor_client *c = ctx;
    char text[INET6_ADDRSTRLEN] = "";
    const void *bytes = a->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)(const void *)a)->sin_addr;
    return !c->home ||
           (inet_ntop(a->sa_family, bytes, text, sizeof text) && mesh_is_home_address(c->mesh, str_from(text)));
}

int doctor_client_open(struct doctor_client **out, const struct doctor *d, const struct config_upstream *u,
                       struct err *e)
{
    struct doctor_client *c = new0(struct doctor_client);
    AUTO_BUF struct buf ca = BUF_INIT(8 * KiB);
    struct str ca_file = d->config->ca_file.text;
    if (!c)
        return err_set(e, ERR_NOMEM, "doctor");
    c->mesh = d->mesh;
    c->home = u->place == PLACE_HOME;
    c->unix_path = u->unix_path.text;
    int rc = ca_file.ptr && (buf_append(&ca, ca_file) || !buf_text(&ca)) ? err_set(e, ERR_NOMEM, "doctor") : 0;
    if (rc == 0)
        rc = loop_open(&c->loop, &(struct loop_options){.clock = clock_system()}, e);
    if (rc == 0)
        rc = resolver_open(&c->names,
                           &(struct resolver_options){.clock = clock_system(), .server = d->config->resolver.text}, e);
    if (rc == 0)
        rc = http_client_open(
            &c->http, &(struct http_client_options){.loop = c->loop, .resolver = c->names, .ca_file = ca.ptr}, e);
    if (rc) {
        doctor_client_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

void doctor_client_close(struct doctor_client *c)
{
    if (!c)
        return;
    http_client_close(c->http);
    resolver_close(c->names);
    loop_close(c->loop);
    mem_free(c);
}

static void copy_text(char *out, size_t out_bytes, const char *text)
{
    struct str s = str_slice(str_from(text), 0, out_bytes - 1); /* for display */
    memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
}

static int on_head(struct http_fetch *f, const struct http_fetch_head *h, void *ctx)
{
    (void)f;
    struct doctor_client *c = ctx;
    struct doctor_reply *r = c->reply;
    r->status = h->status;
    r->reused = h->reused;
    r->first_byte_us = clock_mono_us(clock_system()) - c->begin_us;
    r->answered_ms = clock_wall_ms(clock_system());
    if (!civil_parse_http(http_fetch_header(h, "date"), &r->date_ms))
        r->date_ms = INT64_MIN;
    return 0;
}

static int on_body(struct http_fetch *f, struct str bytes, void *ctx)
{
    struct doctor_client *c = ctx;
    if (buf_append(&c->reply->body, bytes) == 0)
        return 0;
    http_fetch_cancel(f);
    copy_text(c->reply->detail, sizeof c->reply->detail, "the answer is too large");
    buf_clear(&c->reply->body);
    c->over = true;
    return 0;
}

static void on_done(struct http_fetch *f, const struct http_fetch_result *r, void *ctx)
{
    (void)f;
    struct doctor_client *c = ctx;
    c->reply->end = r->end;
    c->reply->connect_us = r->connect_us;
    copy_text(c->reply->peer, sizeof c->reply->peer, r->peer);
    copy_text(c->reply->detail, sizeof c->reply->detail, r->detail[0] ? r->detail : fetch_end_text(r->end));
    c->over = true;
}

static void on_timeout(struct loop_timer *t)
{
    struct doctor_client *c = (struct doctor_client *)(void *)((char *)t - offsetof(struct doctor_client, timer));
    http_fetch_cancel(c->fetch);
    c->reply->end = FETCH_RESET;
    copy_text(c->reply->detail, sizeof c->reply->detail, "it took the connection and did not answer in time");
    c->over = true;
}

void doctor_get(struct doctor_client *c, struct str url, const struct doctor_secret *header, int header_count,
                struct doctor_reply *out)
{
    struct http_header h[HEADERS_MAX] = {{STR("accept"), STR("application/json")}};
    struct err e = {0};
    size_t n = 1;
    *out = (struct doctor_reply){.end = FETCH_NOMEM, .body = BUF_INIT(BODY_BYTES_MAX), .date_ms = INT64_MIN};
    for (int i = 0; i < header_count && n < HEADERS_MAX; i++)
        if (header[i].name)
            h[n++] = (struct http_header){str_from(header[i].name), str_from(header[i].value)};
    c->reply = out;
    c->over = false;
    c->begin_us = clock_mono_us(clock_system());
    struct http_fetch_options opt = {
        .url = url,
        .unix_path = c->unix_path,
        .method = STR("GET"),
        .header = h,
        .header_count = n,
        .connect_timeout_ms = CONNECT_MS,
        .allow = allow,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
        .ctx = c,
    };
    if (http_fetch_start(&c->fetch, c->http, &opt, &e) < 0) {
        copy_text(out->detail, sizeof out->detail, e.text);
        return;
    }
    if (loop_timer_set(c->loop, &c->timer, WHOLE_MS, on_timeout) < 0) {
        http_fetch_cancel(c->fetch);
        return;
    }
    while (!c->over)
        loop_turn(c->loop, -1);
    loop_timer_cancel(c->loop, &c->timer);
    if (out->first_byte_us > out->connect_us)
        out->first_byte_us -= out->connect_us;
}

static int url_port(struct str url)
{
    ptrdiff_t mark = str_find(url, STR("://"));
    struct str rest = str_skip(url, mark < 0 ? 0 : (size_t)mark + 3), authority;
    uint64_t port = str_starts(url, STR("https")) ? 443 : 80;
    if (!str_cut(&rest, '/', &authority))
        return (int)port;
    for (size_t i = authority.len; i > 0 && authority.ptr[i - 1] != ']'; i--)
        if (authority.ptr[i - 1] == ':')
            (void)str_to_u64(str_skip(authority, i), &port); /* else the scheme's own */
    return (int)port;
}

static int64_t time_connect(const struct sockaddr *a, socklen_t size)
{
    enum { PATIENCE_MS = 2000 };
    int problem = 0;
    socklen_t problem_size = sizeof problem;
    int64_t begin = clock_mono_us(clock_system());
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool good = connect(fd, a, size) == 0 ||
                (poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, PATIENCE_MS) == 1 &&
                 getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &problem_size) == 0 && problem == 0);
    int64_t took = clock_mono_us(clock_system()) - begin;
    close(fd);
    return good ? took : -1;
}

int64_t doctor_network_us(const char *peer, struct str url)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)url_port(url))};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
    bool is_v4 = inet_pton(AF_INET, peer, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, peer, &v6.sin6_addr) != 1)
        return -1;
    int64_t best = -1;
    for (int i = 0; i < 2; i++) {
        int64_t us =
            is_v4 ? time_connect((struct sockaddr *)&v4, sizeof v4) : time_connect((struct sockaddr *)&v6, sizeof v6);
        best = us >= 0 && (best < 0 || us < best) ? us : best;
    }
    return best;
}
