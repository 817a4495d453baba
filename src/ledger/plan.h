/* plan.h: how much of a flat plan's windows is used, and whether its next call may go.
 *
 * One plan per upstream, and in it one state per credential, which is known by a keyed hash only: 64 bits under a secret of
 * this data folder, so that nothing kept or shown leads back to it. A window is spent when the provider says so and never by
 * our own count; what is counted here between its words is told as an estimate. A spent window rests its calls until the
 * provider's reset; then one call goes first as a probe, and the others follow when it was answered.
 *
 * Time comes twice, for a wall clock may jump: whatever waits is over when either clock has passed its end, and no wait is
 * longer than the window it is for. State goes through the journal and survives the process. Safe from any thread. */
#pragma once
#include "base/clock.h"
#include "ledger/ledger.h"
#include "wire/plan_signal.h"

struct plan; /* owned by the ledger */

enum { PLAN_FAMILY_BYTES = 24 };

struct plan_terms { /* as the config has them */
    int64_t window_ms[4];
    int window_count;
    bool sliding;
    bool overage_allow;  /* calls go on when the provider bills them beside the plan */
    int64_t reserve_ppm; /* of each window, kept from calls that are not interactive; 0: nothing */
};
/* The plan of that upstream with what is known of it; the same object whenever it is asked for again, under the new terms. */
int ledger_plan(struct plan **out, struct ledger *l, struct str upstream, const struct plan_terms *t, struct err *e);

struct plan_now {
    int64_t wall_ms, mono_ms;
};

uint64_t plan_holder(const struct plan *p, struct str credential); /* the keyed hash; never 0 */
/* The part of a model's name that limits of a model class go by: "claude-opus-4-5" is of "opus". */
void plan_family(struct str model, char out[PLAN_FAMILY_BYTES]);

/* --- may it go? ----------------------------------------------------------------------------------------------------- */

struct plan_ask {
    uint64_t holder;
    struct str model;
    bool batch; /* not interactive */
    struct plan_now now;
};
enum plan_pass {
    PLAN_OPEN,
    PLAN_PROBE, /* as the one call that finds out whether a window is open again */
    PLAN_SPENT, /* no: why->wait_ms says for how long */
    PLAN_KEPT,  /* no: what is left is for others */
};
struct plan_why {
    char window[PLAN_NAME_BYTES]; /* that is in the way */
    int64_t wait_ms;              /* -1: not known */
    int64_t until_ms;             /* wall; 0: not known */
};
/* What a call carries while it is under way. */
struct plan_ticket {
    struct plan *plan; /* NULL: none */
    uint64_t holder;
    uint64_t turn;
    char family[PLAN_FAMILY_BYTES];
    bool probe;
    bool paying; /* the provider has billed the last one beside the plan, and that is allowed */
    bool judged;
};
enum plan_pass plan_look(struct plan *p, const struct plan_ask *ask, struct plan_why *why); /* takes nothing */
/* PLAN_OPEN or PLAN_PROBE fill the ticket, which must end in plan_leave. */
enum plan_pass plan_enter(struct plan *p, const struct plan_ask *ask, struct plan_ticket *t, struct plan_why *why);
bool plan_is_billed(struct plan *p, uint64_t holder); /* the provider has billed its last answer beside the plan, and that is allowed */
void plan_leave(struct plan_ticket *t); /* a probe that found nothing out lets the next call be it; fine when empty */

/* --- what came of it -------------------------------------------------------------------------------------------------- */

struct plan_answer {
    int http_status;
    const struct plan_signal *signal;
    int64_t retry_after_ms; /* -1: not said; days are fine */
    bool speaks;            /* this provider says on every answer how its windows are */
    struct plan_now now;
    struct rng *rng;
};
enum plan_verdict {
    PLAN_FINE,      /* nothing of the plan is in the way */
    PLAN_PAID,      /* answered, and billed beside the plan */
    PLAN_EXHAUSTED, /* refused: a window is spent */
    PLAN_REQUEST,   /* refused for what it asks; no window is spent, and elsewhere it would only cost */
};
struct plan_heard {
    enum plan_verdict verdict;
    bool became_spent, came_back; /* worth a line to people; said once each */
    struct plan_why why;          /* of became_spent and PLAN_EXHAUSTED */
    char family[PLAN_FAMILY_BYTES]; /* the only one that rests; empty: all of it */
};
/* Once per ticket. */
void plan_answered(struct plan_ticket *t, const struct plan_answer *a, struct plan_heard *out);
/* What it used, at list prices: what estimates are made from. */
void plan_used(const struct plan_ticket *t, int64_t nusd, struct plan_now now);
/* The answer of the plan's quota endpoint. */
void plan_told(struct plan *p, uint64_t holder, const struct plan_signal *signal, struct plan_now now);
/* A window as a client's own logs show it that goes to the provider directly. It is an estimate: it spends nothing and opens nothing. */
struct plan_estimate {
    char name[PLAN_NAME_BYTES];
    int64_t list_nusd; /* since it opened */
    int64_t reset_ms;  /* wall; 0: not known */
};
/* What is told replaces what was told before; the holder that it is kept under. */
uint64_t plan_estimated(struct plan *p, const struct plan_estimate *w, int count, struct plan_now now);
/* Puts the holder's state into the journal when it is due: at once after a change that matters, else every few seconds. */
int plan_journal(struct plan *p, uint64_t holder, struct ledger_writer *w, struct plan_now now);

/* --- looking in ------------------------------------------------------------------------------------------------------- */

struct plan_window_view {
    char name[PLAN_NAME_BYTES];
    enum plan_status status;
    bool spent;               /* calls rest for it now */
    bool estimate;            /* used_ppm is ours; else the provider's word of seen_ms */
    bool sliding;
    int64_t used_ppm;         /* -1: not known */
    int64_t own_nusd;         /* what went through here since it opened, or since the provider's last word; list prices */
    int64_t reset_ms;         /* wall; 0: not known */
    bool reset_estimate;
    int64_t span_ms;
    int64_t seen_ms;          /* the provider's last word; 0: none */
    int64_t pace_ppm;         /* of the window by its reset if it goes on like this; -1: not known */
    int64_t spent_at_ms;      /* at this pace; 0: not before the reset */
};
enum { PLAN_BLOCKS_MAX = 6 };
struct plan_block_view {
    char family[PLAN_FAMILY_BYTES]; /* empty: all */
    char window[PLAN_NAME_BYTES];
    int64_t since_ms, until_ms; /* wall */
    bool overage;               /* the provider would go on, and bill it */
    bool probing;
};
struct plan_view {
    struct str upstream;
    uint64_t holder;
    int64_t used_last_ms; /* wall */
    bool paying;
    bool elsewhere;       /* no credential: what plan_estimated was told */
    const struct plan_window_view *window;
    int window_count;
    const struct plan_block_view *block;
    int block_count;
};
/* Every credential that was used in the last eight days. fn returns 0 to go on; it must not call back into the plan. */
int plan_views(struct plan *p, struct plan_now now, int (*fn)(const struct plan_view *v, void *ctx), void *ctx);
/* One object with the fields that docs/reference/openapi.json gives a credential, and one that it gives an event. */
struct json_writer;
void plan_view_show(struct json_writer *w, const struct plan_view *v, struct plan_now now);
struct plan_event;
void plan_event_show(struct json_writer *w, const struct plan_event *ev);
#define PLAN_HOLDER_TEXT 17
void plan_holder_text(uint64_t holder, char out[PLAN_HOLDER_TEXT]); /* how people see it: 16 hexadecimal digits */
/* The same from the books, without a daemon. */
int ledger_plan_views(struct ledger_reader *r, struct plan_now now, int (*fn)(const struct plan_view *v, void *ctx), void *ctx,
                      struct err *e);

struct plan_event {
    int64_t wall_ms;
    bool back; /* else spent */
    uint64_t holder;
    char window[PLAN_NAME_BYTES], family[PLAN_FAMILY_BYTES];
    int64_t until_ms;
    bool overage;
};
/* The newest last; at most so many of this process. */
enum { PLAN_EVENTS_MAX = 32 };
int plan_events(struct plan *p, struct plan_event out[PLAN_EVENTS_MAX]);
