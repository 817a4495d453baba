/* scenario_storm.c: kill -9 under load. A storm keeps N clients asking without a pause, kills the binary in the middle
 * of it, and remembers the ids of the calls whose answers came whole; the books are then held against that. */
#include "base/mem.h"
#include "scenario.h"
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { STORM_MAX = 64, ID_BYTES = 26 };

struct storm {
    struct client *client[STORM_MAX];
    int count;
    struct str request;
};

static bool ask_again(struct scenario *s, struct storm *t, int i)
{
    struct client *c = client_connect(s, STR("storm")), *old = t->client[i];
    if (!c)
        return false;
    if (old) { /* its place is used again: a storm asks more often than there are places */
        client_close(old);
        *old = *c;
        s->client_count--;
        c = old;
    }
    t->client[i] = c;
    return client_send(s, c, t->request);
}

/* Takes what came; true when the answer is whole, and its id has been noted. */
static bool harvest(struct scenario *s, struct client *c)
{
    client_read_some(c, now_ms());
    replies_parse(c);
    if (!c->reply_count || !c->reply[0].complete)
        return false;
    struct str id = reply_header(&c->reply[0], STR("x-hearth-call"));
    if (c->reply[0].status == 200 && id.len == ID_BYTES)
        (void)buf_append_format(&s->storm_ids, "%.*s\n", STR_FMT(id)); /* its ceiling is far above a scenario's time */
    return true;
}

/* storm N MS METHOD PATH <<EOF: N clients for so long, then SIGKILL. */
bool storm_verb(struct scenario *s, struct words *w)
{
    struct storm t = {0};
    int64_t count, ms;
    AUTO_BUF struct buf request = BUF_INIT(1 * MiB);
    if (!words_number(w, &count) || count > STORM_MAX || !words_number(w, &ms))
        return scenario_fail(s, "storm N MS METHOD PATH");
    struct str method = words_next(w), path = words_next(w);
    (void)buf_append_format(
        &request,
        "%.*s %.*s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n",
        STR_FMT(method), STR_FMT(path), s->port, w->here.len);
    (void)buf_append(&request, w->here);
    t.request = buf_str(&request);
    t.count = (int)count;
    s->storm_clients = (int)count;
    buf_clear(&s->storm_ids);
    for (int i = 0; i < t.count; i++)
        if (!ask_again(s, &t, i))
            return false;
    for (int64_t until = now_ms() + ms; now_ms() < until;) {
        struct pollfd p[STORM_MAX];
        for (int i = 0; i < t.count; i++)
            p[i] = (struct pollfd){.fd = t.client[i]->fd, .events = POLLIN};
        (void)poll(p, (nfds_t)t.count, POLL_MS);
        for (int i = 0; i < t.count; i++)
            if (p[i].revents && (harvest(s, t.client[i]) || t.client[i]->closed) && !ask_again(s, &t, i))
                return false;
    }
    bool ok = process_end(s, SIGKILL);
    for (int i = 0; i < t.count; i++)
        while (!harvest(s, t.client[i]) && !t.client[i]->closed) /* what was on its way has arrived: the peer is dead */
            ;
    return ok;
}

/* --- the books against it ----------------------------------------------------------------------------------------- */

static int occurrences(struct str text, struct str id)
{
    int n = 0;
    ptrdiff_t at;
    while ((at = str_find(text, id)) >= 0) {
        n++;
        text = str_skip(text, (size_t)at + id.len);
    }
    return n;
}

/* Each call of `ids` has its line, once, and it says `outcome`. */
static bool booked_as(struct scenario *s, struct str lines, struct str ids, struct str outcome, int *count)
{
    struct str id;
    for (*count = 0; str_cut(&ids, '\n', &id); ++*count) {
        int n = occurrences(lines, id);
        ptrdiff_t at = str_find(lines, id);
        struct str line = STR_NONE, rest = str_skip(lines, at > 0 ? (size_t)at : 0);
        if (n != 1)
            return scenario_fail(s, "ledger: call %.*s was answered and is there %d times", STR_FMT(id), n);
        (void)str_cut(&rest, '\n', &line);
        if (str_find(line, outcome) < 0)
            return scenario_fail(s, "ledger: call %.*s is booked as %.*s, not with %.*s", STR_FMT(id), STR_FMT(line),
                                 STR_FMT(outcome));
    }
    return true;
}

static bool seen_ids_are_done(struct scenario *s, struct str lines, int *seen)
{
    return booked_as(s, lines, buf_str(&s->storm_ids), STR("\"outcome\":\"done\""), seen);
}

/* Each call that was seen answered is booked as done, each whose answer lacked its end as cut. */
bool expect_answered_books(struct scenario *s, struct str lines)
{
    int seen, cut;
    return seen_ids_are_done(s, lines, &seen) &&
           booked_as(s, lines, buf_str(&s->cut_ids), STR("\"outcome\":\"cut\""), &cut) &&
           (seen > 0 || scenario_fail(s, "ledger: nobody was answered"));
}

/* Every line's own id is there once; those that nobody saw are no more than were in flight. */
bool expect_storm_books(struct scenario *s, struct str lines)
{
    struct str rest = lines, line;
    int seen, count = 0, lost = 0;
    if (!seen_ids_are_done(s, lines, &seen))
        return false;
    while (str_cut(&rest, '\n', &line)) {
        AUTO_BUF struct buf id = BUF_INIT(1 * KiB);
        if (!json_path(s, line, STR(".call"), &id) || occurrences(lines, buf_str(&id)) != 1)
            return scenario_fail(s, "ledger: a line without an id of its own: %.*s", STR_FMT(line));
        count++;
        lost += str_find(line, STR("\"outcome\":\"lost\"")) >= 0;
    }
    if (seen == 0 || count < seen || count - seen > s->storm_clients || lost > s->storm_clients)
        return scenario_fail(s, "ledger: %d lines (%d lost) for %d answered calls and %d clients", count, lost, seen,
                             s->storm_clients);
    return true;
}
