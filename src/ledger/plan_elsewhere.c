/* plan_elsewhere.c: use of a plan beside Hearth, as a client's own logs show it: never more than an estimate. */
#include "ledger/plan_priv.h"

/* What a dollar is of that window, where the provider's words have shown it; the largest, for an estimate should err on the side of
 * those whom it keeps a place for. */
static int64_t rate_known(struct plan *p, struct plan_holder_state *elsewhere, const char *window)
{
    const struct plan_span *before = elsewhere ? plan_span_find(elsewhere, str_from(window)) : NULL;
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
    struct plan_holder_state *h = plan_holder_take(p, id);
    int64_t rate_ppm[PLAN_WINDOWS_MAX];
    for (int i = 0; i < count && i < PLAN_WINDOWS_MAX; i++)
        rate_ppm[i] = rate_known(p, h, w[i].name);
    if (h) {
        h->elsewhere = h->changed = true;
        h->used_last_ms = now.wall_ms;
        h->span_count = 0;
    }
    for (int i = 0; h && i < count && i < PLAN_WINDOWS_MAX; i++) {
        struct plan_span *s = plan_span_take(h, str_from(w[i].name), plan_name_span_ms(str_from(w[i].name)), now);
        if (s)
            estimate(s, &w[i], rate_ppm[i], now);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return id;
}
