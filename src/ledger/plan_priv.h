/* plan_priv.h: the state of a plan, between the files that keep it (plan.c, plan_windows.c), judge answers (plan_judge.c), count between signals (plan_count.c), write and
 * read it (plan_state.c) and show it (plan_show.c). */
#pragma once
#include "ledger/ledger_priv.h"
#include "ledger/plan.h"

enum {
    HOLDERS_MAX = 64,       /* credentials of one plan: a household, not a company */
    FAMILIES_BYTES = 96,
    PLAN_BUCKETS = 12,      /* of a sliding window's span */
    PLAN_STATE_MAX = 16 << 10,
    PLAN_PPM = 1000000,
};
#define PLAN_REST_MAX_MS (INT64_C(32) * 86400000) /* no window is longer than a month */

/* A moment to come, on both clocks; wall_ms 0: not known. */
struct plan_moment {
    int64_t wall_ms, mono_ms;
};

struct plan_span { /* a window of one holder */
    char name[PLAN_NAME_BYTES];
    char families[FAMILIES_BYTES]; /* "opus,fable": whose answers told of it, if it is of a model class */
    enum plan_status status;
    bool sliding;
    int64_t span_ms;               /* 0: not known */
    int64_t used_ppm;              /* -1: not known */
    bool word;                     /* it is the provider's of this very window; else it has begun anew since */
    int64_t seen_ms;               /* of that word, wall; 0: never */
    struct plan_moment reset;
    bool reset_estimate;           /* it is ours */
    /* counted here, at list prices */
    int64_t own_nusd;              /* since the provider's word, or since it opened */
    int64_t rate_ppm;              /* what a dollar of it is of the window; 0: not known */
    int64_t anchor_ppm;            /* the word that the rate is measured from; -1: none */
    int64_t anchor_nusd;           /* counted since */
    int64_t bucket[PLAN_BUCKETS];  /* of a sliding window; the one of `bucket_at` is the newest */
    int64_t bucket_at;             /* number of it: wall time by the length of a bucket */
    int64_t seen_nusd;             /* in the buckets when the provider's word came */
};

struct plan_block {
    char family[PLAN_FAMILY_BYTES]; /* empty: all calls of the holder */
    char window[PLAN_NAME_BYTES];
    int64_t since_ms;               /* wall */
    struct plan_moment until;
    bool overage;
    uint64_t turn;                  /* when it was made */
    uint64_t probe;                 /* turn of the probe that is out; 0: none */
};

struct plan_holder_state {
    uint64_t id; /* 0: free */
    uint64_t turn;
    uint64_t version;      /* of what the journal has */
    int64_t used_last_ms;  /* wall */
    int64_t written_mono_ms;
    bool changed, urgent;  /* since it was written; so that it matters */
    bool speaks;           /* its provider has told windows before */
    bool paying;           /* its last answer was billed beside the plan */
    bool elsewhere;        /* no credential of calls: told by plan_estimated */
    struct plan_span span[PLAN_WINDOWS_MAX];
    int span_count;
    struct plan_block block[PLAN_BLOCKS_MAX];
    int block_count;
};

struct plan {
    struct plan *next; /* in the ledger's list */
    char *upstream;    /* owned */
    uint8_t secret[16];
    pthread_mutex_t lock; /* a leaf; guards all below */
    struct plan_terms terms;
    struct plan_holder_state *holder[HOLDERS_MAX]; /* owned */
    int holder_count;
    struct plan_event event[PLAN_EVENTS_MAX];
    int64_t event_total;
};

/* plan.c */
int64_t plan_left_ms(const struct plan_moment *m, struct plan_now now); /* 0: either clock is past it */
struct plan_moment plan_in(int64_t ms, struct plan_now now);

/* plan_windows.c. Under the lock. */
struct plan_holder_state *plan_holder_find(const struct plan *p, uint64_t id); /* NULL: not known */
struct plan_holder_state *plan_holder_take(struct plan *p, uint64_t id); /* NULL without memory: then nothing stands in the way */
struct plan_span *plan_span_find(struct plan_holder_state *h, struct str name);
/* There are PLAN_WINDOWS_MAX: a new one takes the place of the one told longest ago. NULL: none can make way. */
struct plan_span *plan_span_take(struct plan_holder_state *h, struct str name, int64_t span_ms, struct plan_now now);
void plan_spans_configured(const struct plan *p, struct plan_holder_state *h, struct plan_now now);
void plan_spans_roll(struct plan_holder_state *h, struct plan_now now);
void plan_spans_told(struct plan_holder_state *h, const struct plan_signal *s, const char *family, struct plan_now now);
struct str plan_window_class(struct str window); /* "7d_opus": "opus"; empty for a window of all models */
bool plan_span_covers(const struct plan_span *s, const char *family);

/* plan_judge.c */
bool plan_block_covers(const struct plan_block *b, const char *family);
void plan_why_say(struct plan_why *why, const char *window, const struct plan_moment *until, int64_t wait_ms, struct plan_now now);

/* plan_count.c. Under the lock. */
void plan_span_roll(struct plan_span *s, struct plan_now now); /* a window past its reset is empty */
void plan_span_told(struct plan_span *s, const struct plan_window_signal *w, int64_t date_ms, struct plan_now now);
void plan_span_count(struct plan_span *s, int64_t nusd, struct plan_now now);
int64_t plan_span_used_ppm(const struct plan_span *s, struct plan_now now, bool *estimate); /* -1: not known */

/* plan_state.c */
int plan_state_write(const struct plan_holder_state *h, struct buf *out);
int plan_state_read(struct plan_holder_state *h, struct str text, struct plan_now now); /* ERR_SYNTAX: not ours */
int plan_secret(struct ledger *l, uint8_t out[16], struct err *e); /* of the data folder; made when it is not there */

/* plan_show.c */
int plan_view_one(const char *upstream, struct plan_holder_state *h, struct plan_now now,
                  int (*fn)(const struct plan_view *v, void *ctx), void *ctx);
