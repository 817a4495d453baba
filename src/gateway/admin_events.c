/* admin_events.c: GET /hearth/v1/events: what happens, as it happens, in server-sent events. Each loop wakes for its own readers; what a
 * reader does not take is not kept for it: who falls behind by PENDING_MAX is dropped, and may come back with `last-event-id`. */
#include "base/mem.h"
#include "gateway/admin_priv.h"
#include "hearth_version.h"
#include "net/loop.h"

enum {
    READERS_MAX = 16,       /* of one loop: consoles, not crowds */
    PENDING_MAX = 64 << 10, /* bytes a reader may leave untaken, beyond what the kernel holds */
    ALIVE_MS = 15000,       /* a sign of life as often: who is gone shows */
};

struct reader {
    struct reply_owner owner; /* first */
    struct reader *next, **link;
    struct gateway_loop *gl;
    struct http_exchange *x;
    uint64_t at, missed;
};

static void unlink_reader(struct reader *r)
{
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    if (!r->gl->readers)
        loop_timer_cancel(r->gl->loop, &r->gl->readers_timer);
    r->gl->reader_count--;
    mem_free(r);
}

static void on_gone(struct reply_owner *o)
{
    unlink_reader((struct reader *)o);
}

/* Ends it without a proper end, so that it is seen. */
static void drop(struct reader *r)
{
    struct http_exchange *x = r->x;
    http_exchange_set(x, NULL);
    unlink_reader(r);
    http_reply_abort(x);
}

/* False when the reader is no more. */
static bool give(struct reader *r, struct str bytes)
{
    if (http_reply_write(r->x, bytes) >= 0 && http_reply_pending(r->x) <= PENDING_MAX)
        return true;
    drop(r);
    return false;
}

static bool give_missed(struct reader *r)
{
    AUTO_BUF struct buf text = BUF_INIT(256);
    if (!r->missed)
        return true;
    (void)buf_append_format(&text, "event: missed\ndata: {\"count\":%llu}\n\n", (unsigned long long)r->missed);
    r->missed = 0;
    return give(r, buf_str(&text));
}

static void give_news(struct reader *r)
{
    struct news *news = r->gl->gateway->news;
    for (;;) {
        AUTO_BUF struct buf text = BUF_INIT(NEWS_BYTES_MAX + 256);
        int rc = news_read(news, &r->at, &r->missed, &text);
        if (!give_missed(r) || rc <= 0 || !give(r, buf_str(&text)))
            return;
    }
}

static void give_all(struct gateway_loop *gl)
{
    for (struct reader *r = gl->readers, *next; r; r = next) {
        next = r->next;
        give_news(r);
    }
}

static void on_alive(struct loop_timer *t)
{
    struct gateway_loop *gl = (struct gateway_loop *)(void *)((char *)t - offsetof(struct gateway_loop, readers_timer));
    give_all(gl); /* a word may have been lost for want of memory */
    for (struct reader *r = gl->readers, *next; r; r = next) {
        next = r->next;
        (void)give(r, STR(": alive\n\n"));
    }
    if (gl->readers && loop_timer_set(gl->loop, t, ALIVE_MS, on_alive) < 0)
        events_loop_end(gl);
}

/* --- the word of news ------------------------------------------------------------------------------------------------------- */

/* The message itself: it may come when the gateway's part of the loop is closed already. */
struct word {
    struct loop *loop;
    struct gateway_loop *gl; /* NULL: closed; its loop's thread only */
    atomic_bool on_its_way;  /* any thread; pairs with the exchange in on_told */
};

static void on_word(void *arg)
{
    struct word *word = arg;
    if (!word->gl) {
        mem_free(word);
        return;
    }
    atomic_store(&word->on_its_way, false); /* before the reading: what is told from here on sends another */
    give_all(word->gl);
}

static void on_told(void *ctx) /* any thread */
{
    struct word *word = ctx;
    if (!atomic_exchange(&word->on_its_way, true) && loop_post(word->loop, on_word, word) < 0)
        atomic_store(&word->on_its_way, false);
}

/* --- coming and going ----------------------------------------------------------------------------------------------------------- */

static bool hello(struct reader *r)
{
    AUTO_BUF struct buf text = BUF_INIT(1 * KiB);
    char iso[CIVIL_ISO_BYTES];
    civil_iso(loop_wall_ms(r->gl->loop), iso);
    return buf_append_format(&text, "event: hello\ndata: {\"time\":\"%s\",\"version\":\"%s\"}\n\n", iso, HEARTH_VERSION) == 0 &&
           give(r, buf_str(&text));
}

/* Behind the event that it had last, if it says so and that one is of this process. */
static uint64_t begin_at(struct gateway_loop *gl, const struct http_request *req)
{
    int64_t last;
    uint64_t newest = news_newest(gl->gateway->news);
    struct str id = str_trim(http_request_header(req, "last-event-id"));
    bool told = id.len && str_to_i64(id, &last) && last > 0;
    return told && (uint64_t)last < newest ? (uint64_t)last : newest;
}

static void begin(struct gateway_loop *gl, struct http_exchange *x)
{
    const struct http_request *req = http_exchange_request(x);
    struct http_header h[REPLY_HEADERS_MAX];
    struct reader *r = new0(struct reader);
    if (!r || (!loop_timer_pending(&gl->readers_timer) && loop_timer_set(gl->loop, &gl->readers_timer, ALIVE_MS, on_alive) < 0)) {
        mem_free(r);
        reply_error_later(gl, x, 503, "overloaded", 1000, "out of memory; try again");
        return;
    }
    size_t n = mesh_headers_none(h, "-");
    h[n++] = (struct http_header){STR("content-type"), STR("text/event-stream; charset=utf-8")};
    h[n++] = (struct http_header){STR("cache-control"), STR("no-store")};
    h[n++] = (struct http_header){STR("x-accel-buffering"), STR("no")};
    n += browser_headers(gl->gateway, req, h + n);
    *r = (struct reader){.owner = {.on_gone = on_gone}, .gl = gl, .x = x, .next = gl->readers, .link = &gl->readers, .at = begin_at(gl, req)};
    if (r->next)
        r->next->link = &r->next;
    gl->readers = r;
    gl->reader_count++;
    http_exchange_set(x, r);
    (void)http_reply_begin(x, 200, h, n); /* a failure shows at the first write */
    if (!http_reply_begun(x))
        drop(r);
    else if (hello(r))
        give_news(r);
}

void admin_events(const struct admin_ask *ask)
{
    struct gateway_loop *gl = ask->gl;
    if (http_exchange_request(ask->x)->method == HTTP_HEAD)
        reply_with(gl, ask->x, 200, STR("text/event-stream; charset=utf-8"), STR_NONE);
    else if (atomic_load(&gl->gateway->draining))
        reply_error_later(gl, ask->x, 503, "busy", 1000, "Hearth is stopping");
    else if (!gl->gateway->news || gl->reader_count == READERS_MAX)
        reply_error_later(gl, ask->x, 503, "busy", 1000, "%d read along already; try again", gl->reader_count);
    else
        begin(gl, ask->x);
}

int events_loop_open(struct gateway_loop *gl)
{
    if (!gl->gateway->news)
        return 0;
    struct word *word = new0(struct word);
    if (!word)
        return ERR_NOMEM;
    *word = (struct word){.loop = gl->loop, .gl = gl};
    int rc = news_watch(gl->gateway->news, on_told, word);
    if (rc < 0)
        mem_free(word);
    else
        gl->word = word;
    return rc;
}

void events_loop_end(struct gateway_loop *gl)
{
    give_all(gl);
    while (gl->readers) {
        struct reader *r = gl->readers;
        struct http_exchange *x = r->x;
        http_exchange_set(x, NULL);
        unlink_reader(r);
        http_reply_end(x);
    }
}

void events_loop_close(struct gateway_loop *gl)
{
    struct word *word = gl->word;
    if (!word)
        return;
    news_unwatch(gl->gateway->news, word); /* no other is sent from here on */
    gl->word = NULL;
    word->gl = NULL;
    if (!atomic_load(&word->on_its_way))
        mem_free(word);
}
