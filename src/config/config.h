/* config.h: one YAML file, read once into plain structs that never change again.
 *
 * The parser knows shapes, names and ranges (unknown or duplicate keys, wrong types, values out of range are errors
 * with line and column) and nothing of routing: that a target's upstream exists, that a chain stays at home, what a
 * vendor is are questions of `mesh`, which answers them with the marks kept here. Secrets stay references (`env:NAME`,
 * `file:PATH`) until config_secret reads them. Everything lives in the config's own arena. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct config_mark {
    int line, column; /* 1-based; 0 = not from the file */
};
struct config_text {
    struct str text; /* ptr NULL = not given */
    struct config_mark mark;
};

enum config_place { PLACE_UNSET, PLACE_HOME, PLACE_CLOUD };
enum config_balance {
    BALANCE_UNSET,
    BALANCE_ORDER,
    BALANCE_WEIGHTED,
    BALANCE_LEAST_BUSY,
    BALANCE_FASTEST,
    BALANCE_CHEAPEST
};
enum config_log_format { CONFIG_LOG_AUTO, CONFIG_LOG_HUMAN, CONFIG_LOG_JSON };
enum config_kv { CONFIG_KV_F16, CONFIG_KV_Q8_0, CONFIG_KV_F32 }; /* how the engine keeps keys and values */
enum config_overflow { CONFIG_OVERFLOW_UNSET, CONFIG_OVERFLOW_ERROR, CONFIG_OVERFLOW_DROP_OLDEST };
enum config_boundary { BOUNDARY_UNSET, BOUNDARY_HOME, BOUNDARY_ANY };

struct config_upstream {
    struct config_text name, vendor, dialect, url, key, regime, unix_path; /* url unix:/path lands in unix_path */
    struct config_mark mark, place_mark;
    enum config_place place;
    int64_t connect_ms, first_byte_ms, idle_ms, total_ms;         /* defaults filled in */
    int concurrent;                                               /* 0 = no limit */
    int rpm;                                                      /* calls a minute; 0 = no limit */
    int64_t tpm;                                                  /* tokens a minute; 0 = no limit */
    int watts;                                                    /* what it draws while it works; 0 = unknown */
    int queue_max, queue_wait_ms;                                 /* defaults filled in */
    int64_t budget_hour_nusd, budget_day_nusd, budget_month_nusd; /* -1 = none */
    struct config_mark budget_mark;
    int64_t plan_monthly_nusd;
    int64_t plan_window_ms[4];
    int plan_window_count;
    bool plan_sliding, plan_overage_allow;
    struct config_text plan_reserve; /* "20%"; config_reserve_ppm reads it */
    struct config_text plan_quota;   /* URL of its quota endpoint */
    struct config_text models[64]; /* `models: [..]`: bare names it serves, for /v1/models and bare-name lookups */
    int model_count;
    /* The built-in engine (at most one upstream is it): `models: { NAME: FILE }`, files as paths that can be opened, from where the config lies. */
    bool engine;
    struct config_text model_file[32]; /* of models[i] */
    struct config_mark model_mark;     /* of `models` */
    int64_t engine_context;            /* tokens; 0 = what each model was trained for, as far as memory goes */
    int engine_threads, engine_calls;  /* 0 = as many as cores; calls that are computed at once */
    int64_t engine_keep_ms;            /* unused for so long, a model gives its memory back */
    enum config_kv engine_kv;
    struct config_mark context_mark, threads_mark, calls_mark, keep_mark, kv_mark;
};

struct config_target {
    struct config_text name; /* upstream/model */
    int weight;              /* default 1 */
};
struct config_step {
    struct config_mark mark;
    const struct config_target *target;
    int target_count;
    enum config_balance balance;
    int64_t hedge_after_ms; /* 0 = none */
    int64_t max_context;    /* tokens; 0 = no condition */
    unsigned needs;         /* bits: 1 tools, 2 vision, 4 json (as enum wire_need) */
    const struct str *tags; /* all must be on the call */
    int tag_count;
};
struct config_default {
    struct str key;
    struct str json; /* the YAML value as JSON text */
    struct config_mark mark;
};
struct config_job {
    struct config_text name;
    struct config_mark mark;
    const struct config_step *step;
    int step_count;
    enum config_balance balance;
    enum config_boundary boundary;
    struct config_mark boundary_mark;
    enum config_overflow overflow;
    struct config_mark overflow_mark;
    struct config_text requires_url;
    const struct config_default *defaults;
    int default_count;
};
struct config_alias {
    struct config_text name, to;
};
/* Several rows of one target when it has hours: those first, in the order of the file, then the one for all other times
 * (weekdays 0). The first that covers the moment counts. */
struct config_price {
    struct config_text target;                  /* upstream/model */
    int64_t input, cached, cache_write, output; /* nano-dollars per million tokens; INT64_MIN = not given */
    uint8_t weekdays;                           /* as struct model_hours of wire/models.h */
    int16_t utc_offset_min;
    struct {
        int16_t from_min, to_min;
    } span[4];
};

struct config {
    struct arena arena;
    struct str path; /* "" for built-in */
    struct config_text listen[8];
    int listen_count;
    struct config_text home_networks[32];
    int home_network_count;
    struct config_text hosts[16]; /* Host names accepted beside loopback literals and localhost */
    int host_count;
    struct config_text origins[16];
    int origin_count;
    struct config_text data, resolver, ca_file;
    int loops; /* 0 = as many as cores, at most 4 */
    bool plans_off; /* upstreams under regime plan get no call */
    bool successors_allow;
    bool compat_litellm; /* LiteLLM's response headers beside ours */
    struct config_upstream *upstream;
    int upstream_count;
    struct config_job *job;
    int job_count;
    struct config_alias *alias;
    int alias_count;
    struct config_price *price;
    int price_count;
    struct {
        struct str currency;
        int64_t usd_scaled9;
    } fx[16];
    int fx_count;
    int64_t electricity_nusd_kwh; /* -1 = not given */
    int64_t ledger_keep_ms;       /* 0 = forever */
    int64_t body_bytes_max;       /* default 64 MiB */
    int64_t buffered_bytes_max;   /* of all calls together; default 512 MiB */
    int calls_max;                /* under way at once; 0 = what the limit of open files allows */
    int64_t head_after_ms;        /* promise 3; default 20 s */
    enum config_log_format log_format;
    int log_level;                /* as enum log_level of base/log.h */
    int64_t drain_ms;             /* what calls get to end when the process stops; default 30 s */
    int hops_max;                 /* attempts one call may make; default 8 */
};

/* Errors: e->line and e->column are set; "hearth.yaml:12:7: message" is made by config_error. */
int config_read(struct config **out, struct str text, struct str path, struct err *e);
int config_load(struct config **out, const char *path, struct err *e);
void config_free(struct config *c);
/* The search order of the design: `given` (may be NULL), $HEARTH_CONFIG, ./hearth.yaml, ~/.config/…, /etc/…. Writes the
 * path found; ERR_NOT_FOUND when there is none (and when a named one is missing, with the name). */
int config_find(struct buf *out, const char *given, struct err *e);
/* --data, $HEARTH_DATA, data:, ~/.local/share/hearth. */
int config_data_dir(struct buf *out, const char *given, const struct config *c, struct err *e);
/* path:line:column: message, or path: message. */
int config_error(struct buf *out, struct str path, const struct err *e);
/* Resolves env:NAME and file:PATH; the text "passthrough" is the caller's business. ERR_NOT_FOUND tells what is
 * missing. */
int config_secret(struct buf *out, struct str reference, struct err *e);
/* Millionths of a window that `plan.reserve` means: "20%", "20% for interactive"; 0 when it is not given, -1 when it is none. */
int64_t config_reserve_ppm(struct str reserve);
/* The option table as reference text (docs/reference/config.md is made from it). */
int config_reference(struct buf *out);
