/* plan_signal.h: what a provider says of a flat plan's usage windows: in the headers of its answers, in the answer of its
 * quota endpoint, and in the error it gives once a window is used up.
 *
 * Nothing is judged here: a signal says what stood there, in one unit (parts per million, UTC milliseconds). Values that
 * make no sense (negative, not a number, a year beyond this century) count as not said. Windows are read whatever their
 * name, for new ones appear; they are named by their span, `5h` and `7d`, and those of a model class by span and class,
 * `7d_opus`. Safe from any thread; nothing here allocates but the trees of bodies, into the caller's arena. */
#pragma once
#include "base/arena.h"

enum plan_status { PLAN_UNSAID, PLAN_ALLOWED, PLAN_WARNING, PLAN_REJECTED };

enum {
    PLAN_WINDOWS_MAX = 12, /* Claude sends 3, with overage 4; more are left out */
    PLAN_NAME_BYTES = 32,  /* "7d_overage_included" fits */
    PLAN_USED_MAX = 100000000, /* ppm: a hundred times the window; beyond it nobody means it */
};

struct plan_window_signal {
    char name[PLAN_NAME_BYTES];
    enum plan_status status;
    int64_t used_ppm; /* -1: not said; may pass 1000000 */
    int64_t reset_ms; /* UTC; 0: not said */
    int64_t span_ms;  /* 0: not said */
    bool sliding;     /* use falls out continuously; else all of it at the reset */
};

struct plan_signal {
    bool unified;                /* the family of headers that Claude's plans send was there */
    enum plan_status status;     /* of the request as a whole */
    int64_t reset_ms;            /* of the window that decides; 0: not said */
    char claim[PLAN_NAME_BYTES]; /* its name; empty: not said */
    bool overage_in_use;         /* this answer is paid beside the plan */
    enum plan_status overage;
    char overage_reason[64];     /* why there is none; [a-z0-9_] */
    bool spent;                  /* the provider's own error for a window that is used up */
    int64_t wait_ms;             /* what that error says of the reset; -1: nothing */
    int64_t date_ms;             /* the provider's clock; 0: not said */
    struct plan_window_signal window[PLAN_WINDOWS_MAX];
    int window_count;
};

void plan_signal_init(struct plan_signal *s);
/* One header of an answer; others than those of plans are passed over. Names in any case. */
void plan_signal_header(struct plan_signal *s, struct str name, struct str value);
/* All headers are read: windows that are named by their place get the name of their span. */
void plan_signal_headers_end(struct plan_signal *s);
/* The body of an error: sets `spent` and `wait_ms` when it says that a window is used up, and nothing otherwise. */
void plan_signal_error(struct plan_signal *s, struct str body, struct arena *a);
/* The answer of a quota endpoint, of whichever of the known shapes (Claude's, GLM's, MiniMax's). ERR_SYNTAX when it is no
 * JSON, ERR_INVALID when it tells of no window, ERR_NOMEM. */
int plan_signal_quota(struct plan_signal *s, struct str body, struct arena *a);

const struct plan_window_signal *plan_signal_window(const struct plan_signal *s, struct str name); /* NULL: not there */
const char *plan_status_name(enum plan_status s); /* "unknown", "allowed", "allowed_warning", "rejected" */
/* "5h", "7d_opus": the span of a name, 0 when it names none. */
int64_t plan_name_span_ms(struct str name);
/* "2026-11-21T13:02:35.5+02:00"; without a zone it is UTC. False when it is none. */
bool plan_read_iso(struct str s, int64_t *wall_ms);
