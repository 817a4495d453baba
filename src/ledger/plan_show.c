/* plan_show.c: plans as people read them: what is used, what it comes to at this pace, what rests and until when. */
#include "base/json.h"
#include "base/mem.h"
#include "ledger/plan_priv.h"

enum {
    PACE_AFTER_PERCENT = 2, /* of the window: before that a pace is chance */
    SAME_SECOND_MS = 1000,
};
#define FORGOTTEN_MS (8 * INT64_C(86400000)) /* credentials are renewed: what was not used for longer than the usual windows last is gone */

/* How the window will stand at its reset if it goes on like this, and when it is full. Only of fixed windows: what falls
 * out of a sliding one meanwhile is not ours to know. */
static void pace(struct plan_window_view *v, const struct plan_moment *reset, struct plan_now now)
{
    v->pace_ppm = -1;
    if (v->sliding || v->used_ppm < 0 || !reset->wall_ms || !v->span_ms)
        return;
    int64_t left = plan_left_ms(reset, now), gone = v->span_ms - left;
    if (gone < v->span_ms / 100 * PACE_AFTER_PERCENT)
        return;
    v->pace_ppm = (int64_t)((__int128)v->used_ppm * v->span_ms / gone);
    if (v->used_ppm > 0 && v->used_ppm < PLAN_PPM && v->pace_ppm > PLAN_PPM)
        v->spent_at_ms = now.wall_ms + (int64_t)((__int128)(PLAN_PPM - v->used_ppm) * gone / v->used_ppm);
}

/* As it was told, as long as the clocks agree: both are read in milliseconds, so what is left may be one short. */
static int64_t reset_shown_ms(const struct plan_moment *reset, struct plan_now now)
{
    int64_t ms = now.wall_ms + plan_left_ms(reset, now), off = reset->wall_ms - ms;
    return off > -SAME_SECOND_MS && off < SAME_SECOND_MS ? reset->wall_ms : ms;
}

static struct plan_window_view view_span(struct plan_holder_state *h, struct plan_span *s, struct plan_now now)
{
    plan_span_roll(s, now);
    struct plan_window_view v = {.status = s->status, .sliding = s->sliding, .own_nusd = s->own_nusd, .span_ms = s->span_ms,
                                 .seen_ms = s->seen_ms, .reset_estimate = s->reset_estimate};
    text_format(v.name, sizeof v.name, "%s", s->name);
    v.used_ppm = plan_span_used_ppm(s, now, &v.estimate);
    v.reset_ms = s->reset.wall_ms ? reset_shown_ms(&s->reset, now) : 0;
    for (int i = 0; i < h->block_count; i++)
        v.spent = v.spent || str_eq(str_from(h->block[i].window), str_from(s->name));
    pace(&v, &s->reset, now);
    return v;
}

int plan_view_one(const char *upstream, struct plan_holder_state *h, struct plan_now now,
                  int (*fn)(const struct plan_view *v, void *ctx), void *ctx)
{
    if (now.wall_ms - h->used_last_ms > FORGOTTEN_MS)
        return 0;
    struct plan_window_view window[PLAN_WINDOWS_MAX];
    struct plan_block_view block[PLAN_BLOCKS_MAX];
    for (int i = 0; i < h->span_count; i++)
        window[i] = view_span(h, &h->span[i], now);
    for (int i = 0; i < h->block_count; i++) {
        const struct plan_block *b = &h->block[i];
        block[i] = (struct plan_block_view){.since_ms = b->since_ms, .until_ms = now.wall_ms + plan_left_ms(&b->until, now),
                                            .overage = b->overage, .probing = b->probe != 0};
        text_format(block[i].family, sizeof block[i].family, "%s", b->family);
        text_format(block[i].window, sizeof block[i].window, "%s", b->window);
    }
    struct plan_view v = {.upstream = str_from(upstream), .holder = h->id, .used_last_ms = h->used_last_ms, .paying = h->paying, .elsewhere = h->elsewhere,
                          .window = window, .window_count = h->span_count, .block = block, .block_count = h->block_count};
    return fn(&v, ctx);
}

int plan_views(struct plan *p, struct plan_now now, int (*fn)(const struct plan_view *v, void *ctx), void *ctx)
{
    int rc = 0;
    (void)pthread_mutex_lock(&p->lock);
    for (int i = 0; rc == 0 && i < p->holder_count; i++)
        rc = plan_view_one(p->upstream, p->holder[i], now, fn, ctx);
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

int plan_events(struct plan *p, struct plan_event out[PLAN_EVENTS_MAX])
{
    (void)pthread_mutex_lock(&p->lock);
    int64_t from = p->event_total > PLAN_EVENTS_MAX ? p->event_total - PLAN_EVENTS_MAX : 0;
    int count = (int)(p->event_total - from);
    for (int i = 0; i < count; i++)
        out[i] = p->event[(from + i) % PLAN_EVENTS_MAX];
    (void)pthread_mutex_unlock(&p->lock);
    return count;
}

struct viewing {
    struct plan_now now;
    int (*fn)(const struct plan_view *v, void *ctx);
    void *ctx;
};

static int view_state(const struct ledger_plan_state *r, void *ctx)
{
    struct viewing *v = ctx;
    AUTO_BUF struct buf name = BUF_INIT(64 * KiB);
    struct plan_holder_state *h = new0(struct plan_holder_state);
    int rc = h && buf_append(&name, r->upstream) == 0 && buf_text(&name) ? 0 : ERR_NOMEM;
    if (rc == 0) {
        h->id = r->holder;
        if (plan_state_read(h, r->state, v->now) == 0) /* of a later version: that one tells it */
            rc = plan_view_one(name.ptr, h, v->now, v->fn, v->ctx);
    }
    mem_free(h);
    return rc;
}

int ledger_plan_views(struct ledger_reader *r, struct plan_now now, int (*fn)(const struct plan_view *v, void *ctx), void *ctx,
                      struct err *e)
{
    struct viewing v = {.now = now, .fn = fn, .ctx = ctx};
    return ledger_plan_states(r, view_state, &v, e);
}

/* --- as JSON ------------------------------------------------------------------------------------------------------------ */

void plan_holder_text(uint64_t holder, char out[PLAN_HOLDER_TEXT])
{
    text_format(out, PLAN_HOLDER_TEXT, "%016llx", (unsigned long long)holder);
}

static void member_text(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_text(w, text && text[0] ? text : NULL);
}

static void member_i64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_i64(w, n);
}

/* null where it is not known */
static void member_known(struct json_writer *w, const char *key, int64_t n, bool known)
{
    json_key(w, key);
    known ? json_i64(w, n) : json_null(w);
}

static void member_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    char iso[CIVIL_ISO_BYTES];
    if (wall_ms)
        civil_iso(wall_ms, iso);
    member_text(w, key, wall_ms ? iso : NULL);
}

static void member_bool(struct json_writer *w, const char *key, bool b)
{
    json_key(w, key);
    json_bool(w, b);
}

static void show_window(struct json_writer *w, const struct plan_window_view *v, struct plan_now now)
{
    json_object_begin(w);
    member_text(w, "window", v->name);
    member_text(w, "kind", v->sliding ? "sliding" : "fixed");
    member_text(w, "status", plan_status_name(v->status));
    member_bool(w, "spent", v->spent);
    member_known(w, "used_ppm", v->used_ppm, v->used_ppm >= 0);
    member_text(w, "source", v->estimate ? "estimate" : "provider");
    member_time(w, "seen", v->seen_ms);
    member_i64(w, "own_nusd", v->own_nusd);
    member_known(w, "span_s", v->span_ms / 1000, v->span_ms > 0);
    member_time(w, "resets", v->reset_ms);
    member_known(w, "resets_in_s", (v->reset_ms - now.wall_ms) / 1000, v->reset_ms != 0);
    member_text(w, "resets_source", v->reset_ms ? (v->reset_estimate ? "estimate" : "provider") : NULL);
    member_known(w, "pace_ppm", v->pace_ppm, v->pace_ppm >= 0);
    member_time(w, "spent_at", v->spent_at_ms);
    json_object_end(w);
}

static void show_rest(struct json_writer *w, const struct plan_block_view *b)
{
    json_object_begin(w);
    member_text(w, "window", b->window);
    member_text(w, "family", b->family);
    member_time(w, "since", b->since_ms);
    member_time(w, "until", b->until_ms);
    member_bool(w, "overage", b->overage);
    member_bool(w, "probing", b->probing);
    json_object_end(w);
}

void plan_view_show(struct json_writer *w, const struct plan_view *v, struct plan_now now)
{
    char holder[PLAN_HOLDER_TEXT];
    plan_holder_text(v->holder, holder);
    json_object_begin(w);
    member_text(w, "credential", holder);
    member_time(w, "used_last", v->used_last_ms);
    member_bool(w, "paying", v->paying);
    member_bool(w, "elsewhere", v->elsewhere);
    json_key(w, "windows");
    json_array_begin(w);
    for (int i = 0; i < v->window_count; i++)
        show_window(w, &v->window[i], now);
    json_array_end(w);
    json_key(w, "rests");
    json_array_begin(w);
    for (int i = 0; i < v->block_count; i++)
        show_rest(w, &v->block[i]);
    json_array_end(w);
    json_object_end(w);
}

void plan_event_show(struct json_writer *w, const struct plan_event *ev)
{
    char holder[PLAN_HOLDER_TEXT];
    plan_holder_text(ev->holder, holder);
    json_object_begin(w);
    member_time(w, "time", ev->wall_ms);
    member_text(w, "event", ev->back ? "back" : "spent");
    member_text(w, "credential", holder);
    member_text(w, "window", ev->window);
    member_text(w, "family", ev->family);
    member_time(w, "until", ev->back ? 0 : ev->until_ms);
    member_bool(w, "overage", ev->overage);
    json_object_end(w);
}
