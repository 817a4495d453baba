/* litellm_priv.h: what the files of the importer share; see litellm.h.
 *
 *   litellm.c            the whole: reads, calls the others in turn, keeps the notes
 *   litellm_provider.c   LiteLLM's providers, and which of them Hearth reaches
 *   litellm_keys.c       which key of the file means what here: used, moot, lost, code
 *   litellm_environ.c    `os.environ/NAME` where it is no key
 *   litellm_model.c      an entry of model_list: its group, its name, its weight
 *   litellm_place.c      its upstream, its key
 *   litellm_limits.c     budgets, time limits, prices: numbers of one world in those of the other
 *   litellm_lists.c      the fallback lists as they stand in the file
 *   litellm_chain.c      groups and fallbacks become chains; the proof that private groups stay at home
 *   litellm_defaults.c   parameters of the entries become defaults of the job
 *   litellm_write.c      the hearth.yaml
 *
 * Memory that is out is kept as a flag and told once, at the end of a stage. */
#pragma once
#include "config/config_priv.h"
#include "config/litellm.h"

enum { LITELLM_STEPS_MAX = CONFIG_STEPS_MAX, LITELLM_DEPTH_MAX = 8 };
#define LITELLM_ORDER_NONE (INT64_MAX - 1)

enum litellm_reach { REACH_VENDOR, REACH_URL, REACH_LOCAL, REACH_AZURE, REACH_NOT };
struct litellm_provider {
    const char *name;
    enum litellm_reach reach;
    const char *vendor;  /* of Hearth's table, or NULL */
    const char *url;     /* without `api_base`; NULL: it must be given */
    const char *key_env; /* where LiteLLM looks for its key; the vendor's when NULL */
};
/* The provider of `openai/gpt-4o`, and `gpt-4o` in *model; NULL when nobody knows it. */
const struct litellm_provider *litellm_provider_of(struct str written, struct str forced, struct str *model);
bool litellm_key_is_placeholder(struct str key);

struct litellm_upstream {
    struct str name, vendor, dialect, url, key; /* dialect: empty for the usual one; key: env:NAME or empty */
    struct str provider;
    bool home, claimed;                          /* claimed: its name is what clients write before the slash */
    int64_t total_ms, first_byte_ms, concurrent; /* 0: Hearth's own */
    int64_t rpm, tpm;                            /* 0: none */
    struct str limited;                          /* the model that they are meant for; empty without them */
    int64_t budget_nusd[3];                      /* hour, day, month; -1 none */
    struct litellm_upstream *next;
};
struct litellm_group;
struct litellm_deployment {
    const struct config_node *params, *info;
    struct config_mark mark; /* of the model */
    struct litellm_group *group;
    struct litellm_upstream *up; /* NULL: left out */
    struct str written, model, target, id;
    int64_t share[3];                 /* weight, rpm, tpm, in thousandths; -1 not given */
    int64_t order;                    /* LITELLM_ORDER_NONE: after all that have one */
    int64_t context;                  /* tokens, 0 unknown */
    bool embedding, wildcard, priced; /* priced: the table of models knows what it costs */
    int64_t price[4]; /* input, cached, cache_write, output: nano-dollars per million tokens, INT64_MIN not given */
    struct litellm_deployment *next;
};
struct litellm_member {
    struct litellm_deployment *of;
    int64_t weight;
};
struct litellm_step {
    struct litellm_member member[CONFIG_TARGETS_MAX];
    int count;
    int64_t max_context;
    const char *why; /* "fallbacks", ...; NULL for the group itself */
    struct config_mark mark;
};
struct litellm_group {
    struct str name, job; /* job empty: reached without one */
    struct config_mark mark;
    bool is_private, visited;
    struct config_mark private_mark;
    struct litellm_step step[LITELLM_STEPS_MAX];
    int step_count;
    const char *balance;
    struct litellm_group *next;
};

struct litellm {
    struct config scratch; /* its arena holds everything; config_to_json writes there */
    struct config_reader reader;
    const struct litellm_world *world;
    struct err *e;
    bool nomem;
    const struct config_node *root, *router, *settings, *general;
    struct litellm_note *note;
    struct litellm_deployment *deployment;
    struct litellm_group *group;
    struct litellm_upstream *upstream;
    struct litellm_secret *secret;
    int upstream_count, group_count, job_count;
};

/* --- litellm.c --------------------------------------------------------------------------------------- */

void litellm_note(struct litellm *im, enum litellm_kind kind, struct config_mark at, struct str key, const char *format,
                  ...) __attribute__((format(printf, 5, 6)));
int litellm_refuse(struct litellm *im, struct config_mark at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct str litellm_format(struct litellm *im, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *litellm_alloc(struct litellm *im, size_t bytes);
/* The text of a scalar, `os.environ/X` left as it is; STR_NONE without one. */
struct str litellm_text(const struct config_node *map, const char *key);
const struct config_item *litellm_item(const struct config_node *map, const char *key); /* NULL when it is empty, too */
/* router_settings win over litellm_settings. */
const struct config_item *litellm_setting(const struct litellm *im, const char *key);
/* NAME of `os.environ/NAME`, or STR_NONE. */
struct str litellm_variable(struct str text);

/* litellm_environ.c: puts the values of today into everything that may be copied, and tells it. */
void litellm_environ_read(struct litellm *im);
struct str litellm_value_of(struct litellm *im, struct str name);

/* --- litellm_keys.c ------------------------------------------------------------------------------------ */

/* Notes every key that is not used; refuses Python code. */
int litellm_settings_tell(struct litellm *im);
/* The same for one entry of model_list; parameters that become defaults are left alone. */
void litellm_entry_tell(struct litellm *im, const struct litellm_deployment *d);
/* This key of litellm_params goes into the request when the client does not give it. */
bool litellm_is_default(struct str key);

/* --- litellm_model.c, litellm_place.c, litellm_limits.c -------------------------------------------------- */

/* Where it can be reached: fills d->up, d->model and d->target, or leaves d->up NULL with a note. */
void litellm_place(struct litellm *im, struct litellm_deployment *d);
/* After all entries are placed: the upstream behind `NAME/` and a star gets that NAME; fills d->target. */
void litellm_upstreams_name(struct litellm *im);
void litellm_prices(struct litellm *im, struct litellm_deployment *d, bool keep);

int litellm_models_read(struct litellm *im);
int litellm_private_aliases(struct litellm *im);
/* env:NAME of an upstream's key, empty when it needs none; a literal key gets a name and a note. */
struct str litellm_key_reference(struct litellm *im, const struct litellm_provider *p,
                                 const struct litellm_deployment *d, bool home, bool own_url);
/* a-z 0-9 . _ - made of any text, and not taken yet by what `taken` knows. */
struct str litellm_free_name(struct litellm *im, struct str wish,
                             bool (*taken)(const struct litellm *im, struct str name));
/* Seconds, as LiteLLM writes time limits, in milliseconds within Hearth's range; 0 when there is none. */
int64_t litellm_seconds(struct litellm *im, const struct config_item *item);
void litellm_budget(struct litellm *im, const struct litellm_deployment *d, struct litellm_upstream *u);
void litellm_rates(struct litellm *im, const struct litellm_deployment *d, struct litellm_upstream *u);
/* provider_budget_config, and max_budget of the whole. */
void litellm_shared_budgets(struct litellm *im);
/* A span of time in whole days, rounded up. */
bool litellm_days(const struct config_node *n, int64_t *days);
/* A whole number of at least 1, `2.0` too; 0 when there is none, with a note when it is something else. */
int64_t litellm_count(struct litellm *im, const struct config_item *item);
/* A price per token as nano-dollars per million; false when it is none. */
bool litellm_price(struct str text, int64_t *nusd_mtok);

/* --- litellm_chain.c, litellm_write.c ------------------------------------------------------------------------ */

/* litellm_lists.c: notes what of the fallback lists and group aliases can mean nothing. */
void litellm_lists_tell(struct litellm *im);
struct litellm_group *litellm_group_named(const struct litellm *im, struct str name);
/* A model that only a pattern of the list stands for, made for the occasion; NULL when none does. */
struct litellm_deployment *litellm_by_wildcard(struct litellm *im, struct str name);
int litellm_chains_build(struct litellm *im);
int litellm_write(struct litellm *im, struct litellm_import *out, struct str name);

struct litellm_writer {
    struct litellm *im;
    struct litellm_import *out;
    struct buf *b; /* borrowed */
    struct litellm_name *name;
    int default_count; /* of the job being written */
    int rc;            /* first error of the buf */
};
void litellm_put(struct litellm_writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Plain where nobody could read it as anything else, else quoted as JSON, which is YAML. */
void litellm_put_text(struct litellm_writer *w, struct str s);
/* litellm_defaults.c: the line `defaults: { ... }` of a job, if it has any. */
void litellm_put_defaults(struct litellm_writer *w, const struct litellm_group *g);
