/* scenario_chaos.c: everything at once. Guests ask, read, dawdle and leave as a seeded die falls, while deeds (lines of this
 * very language: reloads, keys, upstreams that go and come) happen to the binary. Afterwards each guest that stayed must have
 * a whole reply, or one whose end is visibly missing because its upstream went while it was passed on; the books are held
 * against what they got by `expect ledger answered`. */
#include "base/clock.h"
#include "scenario.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GUESTS_MAX = 48, LINES_MAX = 48, END_MS = 12000 * SLOWER, DEED_MS = 60, SIP_BYTES = 2048, SIP_MS = 5, ID_BYTES = 26 };

enum manner {
    STAYS,   /* reads to the end */
    DAWDLES, /* the same, in small sips */
    LEAVES,  /* resets after so many bytes of the reply, or none */
    BREAKS,  /* resets in the middle of its own request */
    MANNERS
};
struct guest {
    struct client client; /* fd -1: the place is free */
    enum manner manner;
    struct buf request;
    size_t sent, reads; /* reads: of the reply, then it leaves */
    int64_t sip_ms;     /* not before then */
};
struct chaos {
    struct guest guest[GUESTS_MAX];
    int guests;
    struct words ask[LINES_MAX];
    struct str deed[LINES_MAX];
    int asks, deeds;
    struct rng rng;
    bool over; /* nobody new comes */
};

static int die(struct chaos *c, int sides)
{
    return (int)rng_below(&c->rng, (uint64_t)sides);
}

/* --- guests --------------------------------------------------------------------------------------------------------- */

static void part(struct guest *g, bool reset)
{
    struct linger now = {.l_onoff = 1};
    if (reset)
        (void)setsockopt(g->client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now); /* close then sends RST */
    client_close(&g->client);
    g->client = (struct client){.fd = -1};
    buf_fini(&g->request);
}

/* ask PATH BODY [KEY] */
static bool write_request(struct scenario *s, struct guest *g, struct words ask)
{
    struct str path = words_next(&ask), body = words_next(&ask), key = words_next(&ask);
    g->request = BUF_INIT(4 * MiB);
    return body.ptr &&
           buf_append_format(&g->request,
                             "POST %.*s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\n"
                             "connection: close\r\ncontent-length: %zu\r\n",
                             STR_FMT(path), s->port, body.len) == 0 &&
           (!key.len || buf_append_format(&g->request, "x-hearth-key: %.*s\r\n", STR_FMT(key)) == 0) &&
           buf_append_text(&g->request, "\r\n") == 0 && buf_append(&g->request, body) == 0;
}

static bool come(struct scenario *s, struct chaos *c, struct guest *g)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)s->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int small = SIP_BYTES;
    *g = (struct guest){.client = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)},
                        .manner = (enum manner)die(c, MANNERS),
                        .reads = die(c, 3) ? (size_t)die(c, 4000) : 0};
    g->client.in = g->client.decoded = BUF_INIT(64 * MiB);
    if (g->manner == DAWDLES)
        (void)setsockopt(g->client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (g->client.fd < 0 || connect(g->client.fd, (struct sockaddr *)&a, sizeof a) != 0 ||
        fcntl(g->client.fd, F_SETFL, O_NONBLOCK) < 0)
        return scenario_fail(s, "chaos: cannot connect: errno %d", errno);
    return write_request(s, g, c->ask[die(c, c->asks)]) || scenario_fail(s, "chaos: ask PATH BODY [KEY]");
}

/* Takes the reply of a guest that stayed, and notes its call when it was answered or cut. */
static bool judge(struct scenario *s, struct guest *g)
{
    replies_parse(&g->client);
    const struct reply *r = g->client.reply_count ? &g->client.reply[0] : NULL;
    struct str id = r ? reply_header(r, STR("x-hearth-call")) : STR_NONE;
    bool stream = r && str_starts(reply_header(r, STR("content-type")), STR("text/event-stream"));
    bool answered = r && r->status == 200 && id.len == ID_BYTES, done = true;
    if (!r || (!r->complete && (stream || !answered))) /* a stream that breaks off says so and ends */
        return scenario_fail(s, "chaos: a reply is not whole: %.*s",
                             STR_FMT(str_slice(buf_str(&g->client.in), 0, 2000)));
    if (stream)
        (void)reply_last_event(r, &done);
    if (answered && done) /* the ceiling of either is far above a scenario's time */
        (void)buf_append_format(r->complete ? &s->storm_ids : &s->cut_ids, "%.*s\n", STR_FMT(id));
    return true;
}

static void speak(struct guest *g)
{
    size_t all = g->manner == BREAKS ? g->request.len / 2 : g->request.len;
    ssize_t n = send(g->client.fd, g->request.ptr + g->sent, all - g->sent, MSG_NOSIGNAL);
    if (n > 0)
        g->sent += (size_t)n;
    if (n < 0 && errno != EAGAIN)
        g->sent = all; /* refused early: the reply says why */
    if (g->manner == BREAKS && g->sent >= all)
        part(g, true);
}

static bool listen_to(struct scenario *s, const struct chaos *c, struct guest *g)
{
    char bytes[16 * 1024];
    bool sips = g->manner == DAWDLES && !c->over;
    ssize_t n = recv(g->client.fd, bytes, sips ? SIP_BYTES : sizeof bytes, 0);
    g->sip_ms = sips ? now_ms() + SIP_MS : 0;
    if (n > 0 && buf_append(&g->client.in, str_of(bytes, (size_t)n)) != 0)
        return scenario_fail(s, "chaos: out of memory");
    if (n > 0 || (n < 0 && errno == EAGAIN))
        return true;
    bool refused = n < 0 && g->sent < g->request.len; /* closed on a body that nobody wanted */
    bool fine = g->manner != STAYS && g->manner != DAWDLES ? true : refused || judge(s, g);
    part(g, false);
    return fine;
}

static short awaited(const struct guest *g, int64_t now)
{
    bool speaks = g->manner == BREAKS || g->sent < g->request.len;
    return (short)((speaks ? POLLOUT : 0) | (now >= g->sip_ms ? POLLIN : 0));
}

static bool look_after(struct scenario *s, const struct chaos *c, struct guest *g, int events)
{
    if (events & POLLOUT)
        speak(g);
    if (g->client.fd >= 0 && events & (POLLIN | POLLHUP | POLLERR) && !listen_to(s, c, g))
        return false;
    if (g->client.fd >= 0 && g->manner == LEAVES && g->sent == g->request.len && g->client.in.len >= g->reads)
        part(g, true);
    return true;
}

/* --- the party -------------------------------------------------------------------------------------------------------- */

static int here_now(const struct chaos *c)
{
    int n = 0;
    for (int i = 0; i < c->guests; i++)
        n += c->guest[i].client.fd >= 0;
    return n;
}

static bool look_around(struct scenario *s, struct chaos *c)
{
    struct pollfd p[GUESTS_MAX];
    for (int i = 0; i < c->guests; i++) {
        struct guest *g = &c->guest[i];
        if (g->client.fd < 0 && !c->over && !come(s, c, g))
            return false;
        p[i] = (struct pollfd){.fd = g->client.fd, .events = awaited(g, now_ms())};
    }
    (void)poll(p, (nfds_t)c->guests, POLL_MS);
    for (int i = 0; i < c->guests; i++)
        if (p[i].fd >= 0 && p[i].revents && !look_after(s, c, &c->guest[i], p[i].revents))
            return false;
    return true;
}

static bool line_read(struct scenario *s, struct str line, struct words *w)
{
    struct str rest = s->rest;
    s->rest = line;
    bool ok = words_read(s, w);
    s->rest = rest;
    return ok;
}

static bool deed(struct scenario *s, struct str line)
{
    struct words w;
    return line_read(s, line, &w) && scenario_line(s, &w);
}

static bool party(struct scenario *s, struct chaos *c, int64_t ms)
{
    int64_t until = now_ms() + ms, next = now_ms();
    while (now_ms() < until) {
        if (!look_around(s, c))
            return false;
        if (now_ms() < next)
            continue;
        if (!deed(s, c->deed[die(c, c->deeds)]))
            return false;
        next = now_ms() + 1 + die(c, DEED_MS);
    }
    c->over = true;
    for (until = now_ms() + END_MS; here_now(c) && now_ms() < until;)
        if (!look_around(s, c))
            return false;
    return here_now(c) == 0 || scenario_fail(s, "chaos: %d guests were never answered", here_now(c));
}

static bool sort_lines(struct scenario *s, struct chaos *c, struct str text)
{
    struct str line;
    while (str_cut(&text, '\n', &line)) {
        line = str_trim(line);
        if (c->asks == LINES_MAX || c->deeds == LINES_MAX)
            return scenario_fail(s, "chaos: too many lines");
        if (line.len == 0)
            continue;
        c->deed[c->deeds] = line;
        if (!str_starts(line, STR("ask ")))
            c->deeds++;
        else if (!line_read(s, str_skip(line, 4), &c->ask[c->asks++]))
            return false;
    }
    return (c->asks && c->deeds) || scenario_fail(s, "chaos needs lines to ask and lines to do");
}

/* chaos SEED GUESTS MS <<X: of its lines, `ask PATH BODY [KEY]` are the guests'; the others are done one at a time. */
bool chaos_verb(struct scenario *s, struct words *w)
{
    static struct chaos c; /* a scenario is a process of its own, and this is too large for its stack */
    int64_t seed, guests, ms;
    if (!words_number(w, &seed) || !words_number(w, &guests) || guests < 1 || guests > GUESTS_MAX ||
        !words_number(w, &ms) || !w->here_raw.ptr)
        return scenario_fail(s, "chaos SEED GUESTS MS <<X");
    c = (struct chaos){.guests = (int)guests};
    rng_seed(&c.rng, (uint64_t)seed);
    for (int i = 0; i < GUESTS_MAX; i++)
        c.guest[i].client.fd = -1;
    buf_clear(&s->storm_ids);
    buf_clear(&s->cut_ids);
    bool ok = sort_lines(s, &c, w->here_raw) && party(s, &c, ms);
    for (int i = 0; i < c.guests; i++)
        if (c.guest[i].client.fd >= 0)
            part(&c.guest[i], true);
    return ok;
}
