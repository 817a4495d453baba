/* scenario_client.c: clients of the binary on plain sockets: they ask, read, wait, leave in every way there is, and
 * send whatever bytes they like. */
#include "scenario.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_MS = 15000 * SLOWER, CONNECT_MS = 2000 * SLOWER };

/* --- sockets ------------------------------------------------------------------------------------------------------ */

struct client *client_connect(struct scenario *s, struct str name)
{
    if (s->client_count == CLIENTS_MAX) {
        (void)scenario_fail(s, "more than %d clients", CLIENTS_MAX);
        return NULL;
    }
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(s->elsewhere)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (s->from_elsewhere && fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof from) != 0) {
        (void)scenario_fail(s, "cannot call from elsewhere: %s", strerror(errno));
        close(fd);
        return NULL;
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) { /* loopback: succeeds or fails at once */
        if (fd >= 0)
            close(fd);
        (void)scenario_fail(s, "cannot connect to 127.0.0.1:%d", s->port);
        return NULL;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* several sends shall be several packets */
    struct client *c = &s->client[s->client_count++];
    *c = (struct client){
        .name = name, .fd = fd, .in = BUF_INIT(256 * MiB), .decoded = BUF_INIT(256 * MiB), .started_ms = now_ms()};
    s->current = c;
    s->current_reply = 0;
    return c;
}

/* What the other side does not take within the time is left; what it does with it is for the expectations to find. */
bool client_send(struct scenario *s, struct client *c, struct str bytes)
{
    int64_t until = now_ms() + REPLY_MS;
    while (bytes.len) {
        ssize_t n = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            bytes = str_skip(bytes, (size_t)n);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return true; /* the server hung up: perhaps it answered before it did */
        struct pollfd p = {.fd = c->fd, .events = POLLOUT};
        (void)poll(&p, 1, POLL_MS);
        if (now_ms() > until || now_ms() > s->deadline_ms)
            return scenario_fail(s, "the request could not be sent within %d ms", REPLY_MS);
    }
    return true;
}

void client_read_some(struct client *c, int64_t until_ms)
{
    int64_t left = until_ms - now_ms();
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (c->fd < 0 || c->closed || poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
        return;
    if (buf_reserve(&c->in, 64 * KiB) != 0)
        return;
    ssize_t n = recv(c->fd, c->in.ptr + c->in.len, 64 * KiB, MSG_DONTWAIT);
    if (n > 0)
        c->in.len += (size_t)n;
    else if (n == 0 || errno != EAGAIN)
        c->closed = true;
    if (c->closed)
        c->ended_ms = now_ms();
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_fini(&c->in);
    buf_fini(&c->decoded);
}

/* --- asking ------------------------------------------------------------------------------------------------------- */

static bool is_method(struct str word)
{
    return word.len && word.ptr[0] >= 'A' && word.ptr[0] <= 'Z';
}

struct asking {
    struct str name, method, target, body;
    struct buf headers;
    bool host, type, has_body, elsewhere;
};

static bool read_asking(struct scenario *s, struct words *w, struct asking *a)
{
    if (!is_method(words_peek(w)))
        a->name = words_next(w);
    a->method = words_next(w);
    a->target = words_next(w);
    a->body = w->here;
    a->has_body = w->here.ptr != NULL;
    if (!a->target.ptr)
        return scenario_fail(s, "expected METHOD PATH");
    a->elsewhere = words_take(w, "elsewhere");
    if (a->elsewhere && !s->elsewhere)
        return scenario_fail(s, "say `elsewhere` at the top first");
    while (words_take(w, "-H")) {
        struct str header = words_next(w);
        a->host |= str_starts_fold(header, STR("host:"));
        a->type |= str_starts_fold(header, STR("content-type:"));
        if (buf_append_format(&a->headers, "%.*s\r\n", STR_FMT(header)) != 0)
            return scenario_fail(s, "out of memory");
    }
    return words_peek(w).ptr == NULL || scenario_fail(s, "unexpected `%.*s`", STR_FMT(words_peek(w)));
}

static bool ask(struct scenario *s, const struct asking *a)
{
    AUTO_BUF struct buf text = BUF_INIT(256 * MiB);
    s->from_elsewhere = a->elsewhere;
    struct client *c = client_connect(s, a->name);
    s->from_elsewhere = false;
    if (!c)
        return false;
    (void)buf_append_format(&text, "%.*s %.*s HTTP/1.1\r\n%.*s", STR_FMT(a->method), STR_FMT(a->target),
                            STR_FMT(buf_str(&a->headers)));
    if (!a->host)
        (void)buf_append_format(&text, "host: 127.0.0.1:%d\r\n", s->port);
    if (a->has_body && !a->type)
        (void)buf_append_text(&text, "content-type: application/json\r\n");
    if (a->has_body)
        (void)buf_append_format(&text, "content-length: %zu\r\n", a->body.len);
    (void)buf_append_text(&text, "\r\n");
    if (buf_append(&text, a->body) != 0)
        return scenario_fail(s, "out of memory");
    return client_send(s, c, buf_str(&text));
}

/* Replies are taken apart anew each time, so a large one only when it has grown by an eighth, or nothing more comes. */
static void parse_grown(struct client *c, size_t *parsed)
{
    struct pollfd more = {.fd = c->fd, .events = POLLIN};
    bool grown = c->in.len - *parsed > *parsed / 8;
    if (!grown && !c->closed && poll(&more, 1, 0) > 0)
        return;
    *parsed = c->in.len;
    replies_parse(c);
}

static bool read_reply(struct scenario *s, struct client *c, int count)
{
    int64_t until = now_ms() + REPLY_MS;
    if (until > s->deadline_ms)
        until = s->deadline_ms;
    size_t parsed = c->in.len;
    replies_parse(c);
    while (!c->closed && !(c->reply_count >= count && c->reply[count - 1].complete)) {
        size_t before = c->in.len;
        if (now_ms() >= until)
            return scenario_fail(s, "no complete reply (%d of %d begun, %zu bytes) in time", c->reply_count, count,
                                 c->in.len);
        client_read_some(c, until);
        if (c->in.len != before || c->closed)
            parse_grown(c, &parsed);
    }
    c->ended_ms = now_ms();
    s->current = c;
    s->current_reply = c->reply_count ? c->reply_count - 1 : 0;
    return true;
}

bool client_verb(struct scenario *s, struct words *w, int times)
{
    struct asking a = {.headers = BUF_INIT(32 * MiB)};
    bool ok = read_asking(s, w, &a);
    for (int i = 0; ok && i < times; i++) {
        ok = ask(s, &a) && (w->background || read_reply(s, s->current, 1));
        if (ok && i + 1 < times && !w->background) { /* only the last is looked at */
            client_close(s->current);
            s->client_count--;
        }
    }
    buf_fini(&a.headers);
    return ok;
}

/* client-until STATUS MS METHOD PATH ...: asks again until the answer has that status. */
bool client_until_verb(struct scenario *s, struct words *w)
{
    struct asking a = {.headers = BUF_INIT(1 * MiB)};
    int64_t status, limit;
    if (!words_number(w, &status) || !words_number(w, &limit) || !read_asking(s, w, &a)) {
        buf_fini(&a.headers);
        return scenario_fail(s, "client-until STATUS MS METHOD PATH");
    }
    int64_t until = now_ms() + limit * SLOWER;
    bool ok, again = true;
    while ((ok = ask(s, &a) && read_reply(s, s->current, 1)) && again &&
           (!s->current->reply_count || s->current->reply[0].status != status)) {
        again = poll_again(s, until);
        client_close(s->current);
        s->client_count--;
    }
    buf_fini(&a.headers);
    return ok &&
           (again || scenario_fail(s, "expected status %lld within %lld ms", (long long)status, (long long)limit));
}

/* burst N METHOD PATH ...: N at once; their replies are looked at with `expect burst`. */
bool burst_verb(struct scenario *s, struct words *w)
{
    struct asking a = {.headers = BUF_INIT(1 * MiB)};
    int64_t count = 0;
    bool ok = words_number(w, &count) && read_asking(s, w, &a);
    int first = s->client_count;
    a.name = STR("burst");
    for (int i = 0; i < first; i++)
        if (str_eq(s->client[i].name, STR("burst")))
            s->client[i].name = STR("old");
    for (int64_t i = 0; ok && i < count; i++)
        ok = ask(s, &a);
    for (int64_t i = 0; ok && i < count; i++)
        ok = read_reply(s, &s->client[first + i], 1);
    buf_fini(&a.headers);
    return ok || scenario_fail(s, "burst N METHOD PATH");
}

/* probe UPSTREAM N MS METHOD PATH ...: asks again and again until the upstream has seen N requests; the client whose
 * request that was stays under the name `probe`, its reply not waited for. */
bool probe_verb(struct scenario *s, struct words *w)
{
    struct asking a = {.headers = BUF_INIT(1 * MiB)};
    struct upstream *u = upstream_named(s, words_next(w));
    int64_t count, limit, until;
    struct sim_seen seen = {0};
    bool ok = u && words_number(w, &count) && words_number(w, &limit) && read_asking(s, w, &a);
    if (!ok) {
        buf_fini(&a.headers);
        return scenario_fail(s, "probe UPSTREAM N MS METHOD PATH");
    }
    until = now_ms() + limit * SLOWER;
    a.name = STR("probe");
    while (ok && seen.requests < count) {
        ok = ask(s, &a);
        struct client *c = s->current;
        while (ok && seen.requests < count && !c->closed && !(c->reply_count && c->reply[0].complete)) {
            client_read_some(c, now_ms() + POLL_MS);
            replies_parse(c);
            sim_seen(s->sim, u->sim, &seen);
        }
        if (ok && seen.requests < count) {
            client_close(c);
            s->client_count--;
            ok = poll_again(s, until) ||
                 scenario_fail(s, "upstream %.*s: expected %lld requests within %lld ms, got %ld", STR_FMT(u->name),
                               (long long)count, (long long)limit, seen.requests);
        }
    }
    buf_fini(&a.headers);
    return ok;
}

/* --- raw bytes ---------------------------------------------------------------------------------------------------- */

static void unescape(struct str line, struct buf *out)
{
    static const char from[] = "rnt0\\", to[] = "\r\n\t\0\\";
    while (line.len) {
        const char *known = line.len > 1 && line.ptr[0] == '\\' ? memchr(from, line.ptr[1], sizeof from - 1) : NULL;
        (void)buf_append_char(out, known ? to[known - from] : line.ptr[0]);
        line = str_skip(line, known ? 2 : 1);
    }
}

/* Waits for nothing to happen: while we pause, the server may hang up. */
static void pause_client(struct scenario *s, struct client *c, int64_t ms)
{
    int64_t until = now_ms() + ms;
    while (!c->closed && now_ms() < until && now_ms() < s->deadline_ms)
        client_read_some(c, until);
}

static bool send_lines(struct scenario *s, struct client *c, struct str text)
{
    struct str line;
    while (str_cut(&text, '\n', &line)) {
        int64_t ms;
        if (str_starts(line, STR("pause ")) && str_to_i64(str_skip(line, 6), &ms)) {
            pause_client(s, c, ms);
            continue;
        }
        AUTO_BUF struct buf bytes = BUF_INIT(256 * MiB);
        unescape(line, &bytes);
        if (!client_send(s, c, buf_str(&bytes)))
            return false;
    }
    return true;
}

/* raw [NAME] [replies N] <<EOF ... [&]: the lines without their ends, escapes resolved; a line `pause MS` waits. */
bool raw_verb(struct scenario *s, struct words *w)
{
    int64_t replies = 1;
    struct str name = words_peek(w).ptr && !str_eq(words_peek(w), STR("replies")) ? words_next(w) : STR_NONE;
    if (words_take(w, "replies") && !words_number(w, &replies))
        return scenario_fail(s, "raw replies N");
    struct client *c = client_connect(s, name);
    return c && send_lines(s, c, w->here) && (w->background || read_reply(s, c, (int)replies));
}

/* --- clients with a name ------------------------------------------------------------------------------------------ */

static struct client *named(struct scenario *s, struct words *w)
{
    struct str name = words_next(w);
    for (int i = s->client_count - 1; i >= 0; i--)
        if (name.ptr && str_eq(s->client[i].name, name))
            return &s->client[i];
    (void)scenario_fail(s, "there is no client `%.*s`", STR_FMT(name));
    return NULL;
}

bool wait_verb(struct scenario *s, struct words *w)
{
    struct client *c = named(s, w);
    int64_t replies = 1;
    if (words_take(w, "replies") && !words_number(w, &replies))
        return scenario_fail(s, "wait NAME [replies N]");
    return c && read_reply(s, c, (int)replies);
}

/* send NAME <<EOF: more bytes, as they stand; `send NAME lines`: as `raw` sends them. */
bool send_verb(struct scenario *s, struct words *w)
{
    struct client *c = named(s, w);
    return c && (words_take(w, "lines") ? send_lines(s, c, w->here) : client_send(s, c, w->here));
}

/* abort NAME rst | fin: rst resets the connection, fin ends our side of it and reads nothing more. */
bool abort_verb(struct scenario *s, struct words *w)
{
    struct client *c = named(s, w);
    struct linger reset = {.l_onoff = 1};
    if (!c)
        return false;
    s->aborted_ms = now_ms();
    if (words_take(w, "fin")) {
        (void)shutdown(c->fd, SHUT_WR); /* fails only when the server was faster */
        return true;
    }
    if (!words_take(w, "rst"))
        return scenario_fail(s, "abort NAME rst|fin");
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(c->fd);
    c->fd = -1;
    return true;
}

/* read NAME until "text" */
bool read_verb(struct scenario *s, struct words *w)
{
    struct client *c = named(s, w);
    bool until_word = c && words_take(w, "until");
    struct str text = words_next(w);
    if (!until_word || !text.ptr)
        return scenario_fail(s, "read NAME until \"text\"");
    int64_t until = now_ms() + REPLY_MS;
    if (until > s->deadline_ms)
        until = s->deadline_ms;
    while (str_find(buf_str(&c->in), text) < 0) {
        if (c->closed || now_ms() >= until)
            return scenario_fail(s, "`%.*s` does not come; %s after %zu bytes: %.*s", STR_FMT(text),
                                 c->closed ? "closed" : "time over", c->in.len,
                                 STR_FMT(str_slice(buf_str(&c->in), 0, 800)));
        client_read_some(c, until);
    }
    replies_parse(c);
    s->current = c;
    s->current_reply = c->reply_count ? c->reply_count - 1 : 0;
    return true;
}

/* reply N: looks at the N-th reply of the current client. */
bool reply_verb(struct scenario *s, struct words *w)
{
    int64_t n;
    if (!s->current || !words_number(w, &n) || n < 1 || n > s->current->reply_count)
        return scenario_fail(s, "there is no such reply; %d came", s->current ? s->current->reply_count : 0);
    s->current_reply = (int)n - 1;
    return true;
}
