/* plan.c: the rules of a flat plan: what spends it, whom that rests, for how long, and how it comes back.
 *
 *   open --429 that names a spent window, or a 200 billed beside the plan--> resting until the latest reset
 *   resting --the reset has passed--> half-open: one call is let through as a probe
 *   half-open --answered within the plan--> open;  --refused again--> resting;  --anything else--> the next call is the probe
 *
 * A plain 429 and an overload change nothing here: they are trouble of the moment, and the mesh deals with them. */
#include "ledger/plan_priv.h"
#include "base/mem.h"
#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
    REST_UNKNOWN_MS = 600000,  /* refused without a word about when: asking again that often costs nothing */
    REST_PAID_MS = 3600000,    /* billed without a word about when: asking again costs a call */
    JITTER_MS = 30000,
    PROBE_WAIT_MS = 1000,
    JOURNAL_EVERY_MS = 10000,
};

/* --- moments ------------------------------------------------------------------------------------------------------------ */

struct plan_moment plan_in(int64_t ms, struct plan_now now)
{
    ms = ms < 0 ? 0 : ms > PLAN_REST_MAX_MS ? PLAN_REST_MAX_MS : ms;
    return (struct plan_moment){now.wall_ms + ms, now.mono_ms + ms};
}

int64_t plan_left_ms(const struct plan_moment *m, struct plan_now now)
{
    int64_t wall = m->wall_ms - now.wall_ms, mono = m->mono_ms - now.mono_ms;
    int64_t left = wall < mono ? wall : mono;
    return left > 0 ? left : 0;
}

/* --- names -------------------------------------------------------------------------------------------------------------- */

/* The first part of the name that is a word and not the maker's. */
void plan_family(struct str model, char out[PLAN_FAMILY_BYTES])
{
    static const struct str makers[] = {STR("claude"), STR("anthropic")};
    size_t slash = 0;
    for (size_t i = 0; i < model.len; i++)
        if (model.ptr[i] == '/')
            slash = i + 1;
    struct str rest = str_skip(model, slash);
    size_t i = 0;
    out[0] = '\0';
    while (i < rest.len) {
        size_t from = i;
        bool word = true;
        for (; i < rest.len && !strchr("-._:@ ", rest.ptr[i]); i++)
            word = word && (rest.ptr[i] | 0x20) >= 'a' && (rest.ptr[i] | 0x20) <= 'z';
        struct str part = str_slice(rest, from, i++);
        bool maker = false;
        for (size_t k = 0; k < COUNT_OF(makers); k++)
            maker = maker || str_eq_fold(part, makers[k]);
        if (!word || maker || part.len == 0 || part.len >= PLAN_FAMILY_BYTES)
            continue;
        for (size_t k = 0; k < part.len; k++)
            out[k] = (char)(part.ptr[k] | 0x20);
        out[part.len] = '\0';
        return;
    }
}

/* "7d_opus" -> "opus"; empty for a window of all models. */
static struct str class_of(struct str window)
{
    ptrdiff_t at = str_find_char(window, '_');
    return at < 0 ? STR_NONE : str_skip(window, (size_t)at + 1);
}

static bool list_has(struct str list, struct str word)
{
    struct str one;
    while (str_cut(&list, ',', &one))
        if (str_eq(one, word))
            return true;
    return false;
}

/* A class that is a family's name is of that family; any other is of those whose answers have told of it. */
bool plan_span_covers(const struct plan_span *s, const char *family)
{
    static const struct str names[] = {STR("opus"), STR("sonnet"), STR("haiku"), STR("fable")};
    struct str class = class_of(str_from(s->name));
    if (!class.len)
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_eq(class, names[i]))
            return str_eq(class, str_from(family));
    return family[0] && list_has(str_from(s->families), str_from(family));
}

static void add_family(struct plan_span *s, const char *family)
{
    size_t len = strlen(s->families), more = strlen(family);
    if (!class_of(str_from(s->name)).len || !more || list_has(str_from(s->families), str_from(family)) ||
        len + more + 2 > sizeof s->families)
        return;
    text_format(s->families + len, sizeof s->families - len, "%s%s", len ? "," : "", family);
}

/* --- credentials -------------------------------------------------------------------------------------------------------- */

uint64_t plan_holder(const struct plan *p, struct str credential)
{
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    unsigned bytes = 0;
    uint64_t id;
    (void)HMAC(EVP_sha256(), p->secret, sizeof p->secret, (const unsigned char *)(credential.len ? credential.ptr : ""),
               credential.len, digest, &bytes);
    assert(bytes >= sizeof id); /* it only fails without memory at the library's own start */
    memcpy(&id, digest, sizeof id);
    return id ? id : 1;
}

static struct plan_holder_state *find_holder(const struct plan *p, uint64_t id)
{
    for (int i = 0; i < p->holder_count; i++)
        if (p->holder[i]->id == id)
            return p->holder[i];
    return NULL;
}

/* Which one to forget: that was used longest ago, of those that rest for nothing if there is such a one. */
static int oldest_holder(const struct plan *p)
{
    int found = 0;
    for (int i = 1; i < p->holder_count; i++) {
        const struct plan_holder_state *h = p->holder[i], *best = p->holder[found];
        bool freer = !h->block_count && best->block_count, less_free = h->block_count && !best->block_count;
        if (freer || (!less_free && h->used_last_ms < best->used_last_ms))
            found = i;
    }
    return found;
}

/* NULL without memory: then nothing is known, and nothing stands in the way. */
static struct plan_holder_state *take_holder(struct plan *p, uint64_t id)
{
    struct plan_holder_state *h = find_holder(p, id);
    if (h)
        return h;
    if (p->holder_count == HOLDERS_MAX) {
        h = p->holder[oldest_holder(p)];
    } else {
        if (!(h = new0(struct plan_holder_state)))
            return NULL;
        p->holder[p->holder_count++] = h;
    }
    *h = (struct plan_holder_state){.id = id, .turn = 1};
    return h;
}

/* --- windows ------------------------------------------------------------------------------------------------------------ */

static struct plan_span *find_span(struct plan_holder_state *h, struct str name)
{
    for (int i = 0; i < h->span_count; i++)
        if (str_eq(str_from(h->span[i].name), name))
            return &h->span[i];
    return NULL;
}

static struct plan_span *take_span(struct plan_holder_state *h, struct str name, int64_t span_ms)
{
    struct plan_span *s = find_span(h, name);
    if (s || h->span_count == PLAN_WINDOWS_MAX)
        return s;
    s = &h->span[h->span_count++];
    *s = (struct plan_span){.used_ppm = -1, .anchor_ppm = -1, .span_ms = span_ms};
    text_format(s->name, sizeof s->name, "%.*s", STR_FMT(str_slice(name, 0, sizeof s->name - 1)));
    return s;
}

static void span_name(char out[PLAN_NAME_BYTES], int64_t ms)
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}};
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (ms % units[i].ms == 0 || i + 1 == COUNT_OF(units)) {
            text_format(out, PLAN_NAME_BYTES, "%lld%c", (long long)(ms / units[i].ms), units[i].unit);
            return;
        }
}

/* The windows that the config names are counted before the provider has said a word. */
static void configured_spans(const struct plan *p, struct plan_holder_state *h)
{
    for (int i = 0; i < p->terms.window_count; i++) {
        char name[PLAN_NAME_BYTES];
        span_name(name, p->terms.window_ms[i]);
        struct plan_span *s = take_span(h, str_from(name), p->terms.window_ms[i]);
        if (s && !s->seen_ms)
            s->sliding = p->terms.sliding;
    }
}

static void roll(struct plan_holder_state *h, struct plan_now now)
{
    for (int i = 0; i < h->span_count; i++)
        plan_span_roll(&h->span[i], now);
}

static void hear_windows(struct plan_holder_state *h, const struct plan_signal *s, const char *family, struct plan_now now)
{
    for (int i = 0; i < s->window_count; i++) {
        const struct plan_window_signal *w = &s->window[i];
        struct plan_span *span = take_span(h, str_from(w->name), w->span_ms);
        if (!span)
            continue;
        enum plan_status before = span->status;
        plan_span_told(span, w, s->date_ms, now);
        add_family(span, family);
        h->urgent = h->urgent || span->status != before;
    }
    h->changed = h->changed || s->window_count;
    h->speaks = h->speaks || s->unified;
}

/* --- may it go? ----------------------------------------------------------------------------------------------------------- */

static bool blocks(const struct plan_block *b, const char *family)
{
    return !b->family[0] || str_eq(str_from(b->family), str_from(family));
}

static void say_why(struct plan_why *why, const char *window, const struct plan_moment *until, int64_t wait_ms, struct plan_now now)
{
    *why = (struct plan_why){.wait_ms = wait_ms, .until_ms = until->wall_ms ? now.wall_ms + plan_left_ms(until, now) : 0};
    text_format(why->window, sizeof why->window, "%s", window);
}

/* PLAN_OPEN, PLAN_PROBE (no block is left but such whose time has come) or PLAN_SPENT. */
static enum plan_pass pass_blocks(const struct plan_holder_state *h, const char *family, struct plan_why *why, struct plan_now now)
{
    enum plan_pass pass = PLAN_OPEN;
    for (int i = 0; i < h->block_count; i++) {
        const struct plan_block *b = &h->block[i];
        if (!blocks(b, family))
            continue;
        int64_t left = plan_left_ms(&b->until, now);
        if (left || b->probe) {
            say_why(why, b->window, &b->until, left ? left : PROBE_WAIT_MS, now);
            return PLAN_SPENT;
        }
        pass = PLAN_PROBE;
    }
    return pass;
}

static bool is_kept(const struct plan *p, const struct plan_holder_state *h, const char *family, struct plan_why *why, struct plan_now now)
{
    for (int i = 0; i < h->span_count; i++) {
        const struct plan_span *s = &h->span[i];
        bool estimate;
        if (!plan_span_covers(s, family) || plan_span_used_ppm(s, now, &estimate) < PLAN_PPM - p->terms.reserve_ppm)
            continue;
        say_why(why, s->name, &s->reset, s->reset.wall_ms ? plan_left_ms(&s->reset, now) : -1, now);
        return true;
    }
    return false;
}

/* Use beside Hearth is of the same account when only one is known. */
static const struct plan_holder_state *same_elsewhere(const struct plan *p, struct plan_now now)
{
    enum { TOLD_MS = 3600000 }; /* whoever watches the logs tells when they change; beyond that it is not watched any more */
    const struct plan_holder_state *found = NULL;
    for (int i = 0; i < p->holder_count; i++)
        if (p->holder[i]->elsewhere && now.wall_ms - p->holder[i]->used_last_ms < TOLD_MS)
            found = p->holder[i];
    return p->holder_count == 2 ? found : NULL;
}

/* Under the lock. */
static enum plan_pass look(struct plan *p, struct plan_holder_state *h, const struct plan_ask *ask, const char *family, struct plan_why *why)
{
    *why = (struct plan_why){.wait_ms = -1};
    roll(h, ask->now);
    enum plan_pass pass = pass_blocks(h, family, why, ask->now);
    if (pass == PLAN_SPENT || !ask->batch || !p->terms.reserve_ppm)
        return pass;
    const struct plan_holder_state *beside = same_elsewhere(p, ask->now);
    bool kept = is_kept(p, h, family, why, ask->now) || (beside && is_kept(p, beside, family, why, ask->now));
    return kept ? PLAN_KEPT : pass;
}

enum plan_pass plan_look(struct plan *p, const struct plan_ask *ask, struct plan_why *why)
{
    char family[PLAN_FAMILY_BYTES];
    plan_family(ask->model, family);
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = find_holder(p, ask->holder);
    *why = (struct plan_why){.wait_ms = -1};
    enum plan_pass pass = h ? look(p, h, ask, family, why) : PLAN_OPEN;
    (void)pthread_mutex_unlock(&p->lock);
    return pass;
}

bool plan_is_billed(struct plan *p, uint64_t holder)
{
    (void)pthread_mutex_lock(&p->lock);
    const struct plan_holder_state *h = find_holder(p, holder);
    bool billed = h && h->paying && p->terms.overage_allow;
    (void)pthread_mutex_unlock(&p->lock);
    return billed;
}

enum plan_pass plan_enter(struct plan *p, const struct plan_ask *ask, struct plan_ticket *t, struct plan_why *why)
{
    struct plan_ticket got = {.plan = p, .holder = ask->holder};
    plan_family(ask->model, got.family);
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = take_holder(p, ask->holder);
    enum plan_pass pass = PLAN_OPEN;
    if (h) {
        configured_spans(p, h);
        pass = look(p, h, ask, got.family, why);
    }
    if (h && (pass == PLAN_OPEN || pass == PLAN_PROBE)) {
        got.turn = ++h->turn;
        got.probe = pass == PLAN_PROBE;
        got.paying = h->paying && p->terms.overage_allow;
        h->used_last_ms = ask->now.wall_ms;
        for (int i = 0; got.probe && i < h->block_count; i++)
            if (blocks(&h->block[i], got.family))
                h->block[i].probe = got.turn;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (pass == PLAN_OPEN || pass == PLAN_PROBE)
        *t = got;
    return pass;
}

void plan_leave(struct plan_ticket *t)
{
    struct plan *p = t->plan;
    if (!p)
        return;
    if (t->probe) {
        (void)pthread_mutex_lock(&p->lock);
        struct plan_holder_state *h = find_holder(p, t->holder);
        for (int i = 0; h && i < h->block_count; i++)
            if (h->block[i].probe == t->turn)
                h->block[i].probe = 0;
        (void)pthread_mutex_unlock(&p->lock);
    }
    t->plan = NULL;
}

/* --- what came of it ------------------------------------------------------------------------------------------------------- */

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
    say_why(&out->why, b->window, &b->until, plan_left_ms(&b->until, now), now);
    if (!known)
        note_event(p, h, b, false, now);
}

/* Answered within the plan: what was made before this call began is over. */
static void lift(struct plan *p, struct plan_holder_state *h, const struct plan_ticket *t, struct plan_heard *out, struct plan_now now)
{
    int kept = 0;
    for (int i = 0; i < h->block_count; i++) {
        const struct plan_block *b = &h->block[i];
        if (!blocks(b, t->family) || b->turn >= t->turn) {
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
    const struct plan_span *s = find_span(h, str_from(w->name)); /* its reset is bounded, and by the provider's own clock */
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
        const struct plan_span *span = find_span(h, str_from(w->name));
        if (w->status != PLAN_REJECTED || !is_window(str_from(w->name), s) || (span && !plan_span_covers(span, family)))
            continue;
        bool of_all = !class_of(str_from(w->name)).len;
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
        if (!v.any && class_of(str_from(s->claim)).len) /* the one that decides is of a model class */
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
    struct plan_holder_state *h = find_holder(p, t->holder);
    if (h) {
        roll(h, a->now);
        hear_windows(h, a->signal, t->family, a->now);
        if (a->http_status == 429)
            refused(p, h, t, a, out);
        else if (a->http_status >= 200 && a->http_status < 300)
            answered(p, h, t, a, out);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

void plan_used(const struct plan_ticket *t, int64_t nusd, struct plan_now now)
{
    struct plan *p = t->plan;
    if (!p || nusd <= 0)
        return;
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = find_holder(p, t->holder);
    for (int i = 0; h && i < h->span_count; i++)
        if (plan_span_covers(&h->span[i], t->family)) {
            plan_span_roll(&h->span[i], now);
            plan_span_count(&h->span[i], nusd, now);
            h->changed = true;
        }
    (void)pthread_mutex_unlock(&p->lock);
}

void plan_told(struct plan *p, uint64_t holder, const struct plan_signal *signal, struct plan_now now)
{
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = take_holder(p, holder);
    if (h) {
        roll(h, now);
        hear_windows(h, signal, "", now);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

/* --- use elsewhere -------------------------------------------------------------------------------------------------------------- */

/* What a dollar is of that window, where the provider's words have shown it; the largest, for an estimate should err on the side of
 * those whom it keeps a place for. */
static int64_t rate_known(struct plan *p, struct plan_holder_state *elsewhere, const char *window)
{
    const struct plan_span *before = elsewhere ? find_span(elsewhere, str_from(window)) : NULL;
    int64_t rate = 0;
    for (int i = 0; i < p->holder_count; i++)
        for (int k = 0; k < p->holder[i]->span_count; k++) {
            const struct plan_span *s = &p->holder[i]->span[k];
            if (!p->holder[i]->elsewhere && str_eq(str_from(s->name), str_from(window)) && s->rate_ppm > rate)
                rate = s->rate_ppm;
        }
    return rate || !before ? rate : before->rate_ppm; /* one that was learned before a restart */
}

static void estimate(struct plan_span *s, const struct plan_estimate *w, int64_t rate_ppm, struct plan_now now)
{
    int64_t left = w->reset_ms - now.wall_ms;
    s->own_nusd = w->list_nusd;
    s->rate_ppm = rate_ppm;
    s->reset = w->reset_ms && left > 0 ? plan_in(left > s->span_ms && s->span_ms ? s->span_ms : left, now) : (struct plan_moment){0};
    s->reset_estimate = w->reset_ms != 0;
}

uint64_t plan_estimated(struct plan *p, const struct plan_estimate *w, int count, struct plan_now now)
{
    uint64_t id = plan_holder(p, STR("\nelsewhere")); /* no header can hold that */
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = take_holder(p, id);
    int64_t rate_ppm[PLAN_WINDOWS_MAX];
    for (int i = 0; i < count && i < PLAN_WINDOWS_MAX; i++)
        rate_ppm[i] = rate_known(p, h, w[i].name);
    if (h) {
        h->elsewhere = h->changed = true;
        h->used_last_ms = now.wall_ms;
        h->span_count = 0;
    }
    for (int i = 0; h && i < count && i < PLAN_WINDOWS_MAX; i++) {
        struct plan_span *s = take_span(h, str_from(w[i].name), plan_name_span_ms(str_from(w[i].name)));
        if (s)
            estimate(s, &w[i], rate_ppm[i], now);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return id;
}

/* --- the journal -------------------------------------------------------------------------------------------------------------- */

int plan_journal(struct plan *p, uint64_t holder, struct ledger_writer *w, struct plan_now now)
{
    int rc = 0;
    AUTO_BUF struct buf state = BUF_INIT(PLAN_STATE_MAX);
    (void)pthread_mutex_lock(&p->lock);
    struct plan_holder_state *h = find_holder(p, holder);
    bool due = h && h->changed && (h->urgent || !h->version || now.mono_ms - h->written_mono_ms >= JOURNAL_EVERY_MS);
    if (due && (rc = plan_state_write(h, &state)) == 0) {
        struct ledger_plan_state r = {.wall_ms = now.wall_ms, .version = h->version + 1, .holder = holder,
                                      .upstream = str_from(p->upstream), .state = buf_str(&state)};
        rc = ledger_plan_noted(w, &r);
        if (rc == 0) {
            h->version++;
            h->changed = h->urgent = false;
            h->written_mono_ms = now.mono_ms;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

/* --- making them ---------------------------------------------------------------------------------------------------------------- */

static void plan_free(struct plan *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->holder_count; i++)
        mem_free(p->holder[i]);
    (void)pthread_mutex_destroy(&p->lock);
    explicit_bzero(p->secret, sizeof p->secret);
    mem_free(p->upstream);
    mem_free(p);
}

void plans_free(struct plan *list)
{
    while (list) {
        struct plan *next = list->next;
        plan_free(list);
        list = next;
    }
}

struct loading {
    struct plan *plan;
    struct plan_now now;
};

/* What cannot be read is of a later version: the plan begins anew, and the next answer tells. */
static int load(const struct ledger_plan_state *r, void *ctx)
{
    struct loading *l = ctx;
    struct plan *p = l->plan;
    if (!str_eq(r->upstream, str_from(p->upstream)) || p->holder_count == HOLDERS_MAX)
        return 0;
    struct plan_holder_state *h = new0(struct plan_holder_state);
    if (!h)
        return ERR_NOMEM;
    h->id = r->holder;
    h->version = r->version;
    if (plan_state_read(h, r->state, l->now) < 0) {
        mem_free(h);
        return 0;
    }
    p->holder[p->holder_count++] = h;
    return 0;
}

static int make(struct plan **out, struct ledger *l, struct str upstream, struct err *e)
{
    struct plan *p = new0(struct plan);
    AUTO_BUF struct buf name = BUF_INIT(upstream.len + 1);
    if (p && buf_append(&name, upstream) == 0 && buf_text(&name))
        p->upstream = mem_dup_text(name.ptr);
    if (!p || !p->upstream) {
        mem_free(p);
        return err_set(e, ERR_NOMEM, "the plan of %.*s", STR_FMT(upstream));
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    struct loading loading = {.plan = p, .now = {clock_wall_ms(l->clock), clock_mono_us(l->clock) / 1000}};
    struct ledger_reader *r = NULL;
    int rc = plan_secret(l, p->secret, e);
    if (rc == 0)
        rc = ledger_reader_open(&r, str_from(l->dir), e);
    if (rc == 0)
        rc = ledger_plan_states(r, load, &loading, e);
    ledger_reader_close(r);
    if (rc < 0) {
        plan_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

int ledger_plan(struct plan **out, struct ledger *l, struct str upstream, const struct plan_terms *t, struct err *e)
{
    int rc = 0;
    (void)pthread_mutex_lock(&l->budgets_lock);
    struct plan *p = l->plans;
    while (p && !str_eq(str_from(p->upstream), upstream))
        p = p->next;
    if (!p && (rc = make(&p, l, upstream, e)) == 0) {
        p->next = l->plans;
        l->plans = p;
    }
    (void)pthread_mutex_unlock(&l->budgets_lock);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&p->lock);
    p->terms = *t;
    (void)pthread_mutex_unlock(&p->lock);
    *out = p;
    return 0;
}
