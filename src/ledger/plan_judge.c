/* plan_judge.c: what an answer means for its plan: what spends it, whom that rests and for how long, and what opens it again.
 * The states are drawn in plan.c. */
#include "ledger/plan_priv.h"

enum {
    REST_UNKNOWN_MS = 600000,  /* refused without a word about when: asking again that often costs nothing */
    REST_PAID_MS = 3600000,    /* billed without a word about when: asking again costs a call */
    JITTER_MS = 30000,
};

bool plan_block_covers(const struct plan_block *b, const char *family)
{
    return !b->family[0] || str_eq(str_from(b->family), str_from(family));
}

void plan_why_say(struct plan_why *why, const char *window, const struct plan_moment *until, int64_t wait_ms, struct plan_now now)
{
    *why = (struct plan_why){.wait_ms = wait_ms, .until_ms = until->wall_ms ? now.wall_ms + plan_left_ms(until, now) : 0};
    text_format(why->window, sizeof why->window, "%s", window);
}

static void note_event(struct plan *p, const struct plan_holder_state *h, const struct plan_block *b, bool back, struct plan_now now)
{
    struct plan_event *ev = &p->event[p->event_total++ % PLAN_EVENTS_MAX];
    *ev = (struct plan_event){.wall_ms = now.wall_ms, .back = back, .holder = h->id, .until_ms = b->until.wall_ms, .overage = b->overage};
    text_format(ev->window, sizeof ev->window, "%s", b->window);
    text_format(ev->family, sizeof ev->family, "%s", b->family);
}

/* One block per family; a new one replaces the old, and says so only when the old one was not there. */
static void rest(struct plan *p, struct plan_holder_state *h, const struct plan_block *b, struct plan_heard *out, struct plan_now now)
{
    struct plan_block *at = NULL;
    for (int i = 0; i < h->block_count && !at; i++)
        if (str_eq(str_from(h->block[i].family), str_from(b->family)))
            at = &h->block[i];
    bool known = at != NULL;
    if (!at) /* full only with five families: then the last one makes way */
        at = &h->block[h->block_count < PLAN_BLOCKS_MAX ? h->block_count++ : PLAN_BLOCKS_MAX - 1];
    *at = *b;
    at->turn = ++h->turn;
    h->changed = h->urgent = true;
    out->became_spent = !known;
    text_format(out->family, sizeof out->family, "%s", b->family);
    plan_why_say(&out->why, b->window, &b->until, plan_left_ms(&b->until, now), now);
    if (!known)
        note_event(p, h, b, false, now);
}

/* Answered within the plan: what was made before this call began is over. */
static void lift(struct plan *p, struct plan_holder_state *h, const struct plan_ticket *t, struct plan_heard *out, struct plan_now now)
{
    int kept = 0;
    for (int i = 0; i < h->block_count; i++) {
        const struct plan_block *b = &h->block[i];
        if (!plan_block_covers(b, t->family) || b->turn >= t->turn) {
            h->block[kept++] = *b;
            continue;
        }
        out->came_back = true;
        text_format(out->family, sizeof out->family, "%s", b->family);
        text_format(out->why.window, sizeof out->why.window, "%s", b->window);
        note_event(p, h, b, true, now);
        h->changed = h->urgent = true;
    }
    h->block_count = kept;
}

/* What of a refusal (or of a bill) is spent. */
struct verdict {
    bool any;         /* a window is named that says rejected and is of this call's model */
    bool all;         /* one of them is of all models */
    int64_t reset_ms; /* until the latest of their resets; -1: none is told */
    const char *window;
};

static int64_t window_left_ms(struct plan_holder_state *h, const struct plan_window_signal *w, struct plan_now now)
{
    const struct plan_span *s = plan_span_find(h, str_from(w->name)); /* its reset is bounded, and by the provider's own clock */
    return w->reset_ms && s ? (s->reset.wall_ms ? plan_left_ms(&s->reset, now) : 0) : -1;
}

static bool is_window(struct str name, const struct plan_signal *s)
{
    return plan_name_span_ms(name) || str_eq(name, str_from(s->claim)) || str_starts(name, STR("primary")) || str_starts(name, STR("secondary"));
}

static struct verdict judge_windows(struct plan_holder_state *h, const struct plan_signal *s, const char *family, struct plan_now now)
{
    struct verdict v = {.reset_ms = -1, .window = s->claim};
    for (int i = 0; i < s->window_count; i++) {
        const struct plan_window_signal *w = &s->window[i];
        const struct plan_span *span = plan_span_find(h, str_from(w->name));
        if (w->status != PLAN_REJECTED || !is_window(str_from(w->name), s) || (span && !plan_span_covers(span, family)))
            continue;
        bool of_all = !plan_window_class(str_from(w->name)).len;
        int64_t left = window_left_ms(h, w, now);
        v.any = true;
        v.all = v.all || of_all;
        if (left >= v.reset_ms) {
            v.reset_ms = left;
            v.window = w->name;
        }
    }
    return v;
}

/* The moment of the window that decides, when no single one is named. Bounded like those of windows. */
static int64_t claimed_left_ms(const struct plan_signal *s, struct plan_now now)
{
    struct plan_window_signal w = {.used_ppm = -1, .reset_ms = s->reset_ms, .span_ms = plan_name_span_ms(str_from(s->claim))};
    struct plan_span span = {.used_ppm = -1, .anchor_ppm = -1, .span_ms = w.span_ms};
    if (!s->reset_ms)
        return -1;
    plan_span_told(&span, &w, s->date_ms, now);
    return span.reset.wall_ms ? plan_left_ms(&span.reset, now) : 0;
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* So that not all calls of a house come back in one moment: 1 to 30 s, but no more than a tenth of a short wait. A wait that is over
 * already is somebody's wrong clock: all of it, then. */
static int64_t jitter(const struct plan_answer *a, int64_t wait_ms)
{
    int64_t most = wait_ms <= 0 || wait_ms > 10 * (int64_t)JITTER_MS ? JITTER_MS : 1000 + wait_ms / 10;
    return 1000 + (int64_t)rng_below(a->rng, (uint64_t)(most - 1000) + 1);
}

static void exhaust(struct plan *p, struct plan_holder_state *h, const struct plan_ticket *t, const struct plan_answer *a,
                    const struct verdict *v, bool paid, struct plan_heard *out)
{
    int64_t wait = latest(a->retry_after_ms, v->reset_ms);
    if (wait < 0)
        wait = paid ? REST_PAID_MS : REST_UNKNOWN_MS;
    wait += jitter(a, wait);
    bool all = v->all || !v->any || !t->family[0];
    struct plan_block b = {.since_ms = a->now.wall_ms, .until = plan_in(wait, a->now), .overage = paid};
    text_format(b.family, sizeof b.family, "%s", all ? "" : t->family);
    text_format(b.window, sizeof b.window, "%s", v->window);
    rest(p, h, &b, out, a->now);
}

/* 429: is it the plan, the request, or trouble of the moment? */
static void refused(struct plan *p, struct plan_holder_state *h, const struct plan_ticket *t, const struct plan_answer *a,
                    struct plan_heard *out)
{
    const struct plan_signal *s = a->signal;
    struct verdict v = judge_windows(h, s, t->family, a->now);
    if (s->spent) {
        v.all = true;
        v.reset_ms = latest(latest(v.reset_ms, s->wait_ms), claimed_left_ms(s, a->now));
        out->verdict = PLAN_EXHAUSTED;
    } else if (!s->unified) {
        out->verdict = a->speaks || h->speaks ? PLAN_REQUEST : PLAN_FINE;
    } else if (s->status == PLAN_REJECTED || (s->status == PLAN_UNSAID && v.any)) {
        if (!v.any)
            v.reset_ms = claimed_left_ms(s, a->now);
        out->verdict = v.reset_ms < 0 ? PLAN_REQUEST : PLAN_EXHAUSTED;
        if (!v.any && plan_window_class(str_from(s->claim)).len) /* the one that decides is of a model class */
            v.any = true;
    }
    if (out->verdict == PLAN_EXHAUSTED)
        exhaust(p, h, t, a, &v, false, out);
}

static void answered(struct plan *p, struct plan_holder_state *h, const struct plan_ticket *t, const struct plan_answer *a,
                     struct plan_heard *out)
{
    const struct plan_signal *s = a->signal;
    bool paid = s->overage_in_use || s->status == PLAN_REJECTED; /* rejected, and yet answered */
    if (h->paying != paid)
        h->changed = h->urgent = true;
    h->paying = paid;
    if (!paid) {
        lift(p, h, t, out, a->now);
        return;
    }
    out->verdict = PLAN_PAID;
    if (p->terms.overage_allow)
        return;
    struct verdict v = judge_windows(h, s, t->family, a->now);
    if (!v.any)
        v.reset_ms = claimed_left_ms(s, a->now);
    exhaust(p, h, t, a, &v, true, out);
}

void plan_answered(struct plan_ticket *t, const struct plan_answer *a, struct plan_heard *out)
{
    struct plan *p = t->plan;
    *out = (struct plan_heard){.verdict = PLAN_FINE, .why = {.wait_ms = -1}};
    if (!p || t->judged)
        return;
    t->judged = true;
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = plan_holder_find(p, t->holder);
    if (h) {
        plan_spans_roll(h, a->now);
        plan_spans_told(h, a->signal, t->family, a->now);
        if (a->http_status == 429)
            refused(p, h, t, a, out);
        else if (a->http_status >= 200 && a->http_status < 300)
            answered(p, h, t, a, out);
    }
    (void)pthread_mutex_unlock(&p->lock);
}
