/* config_priv.h: what the files of config/ share: the YAML tree, the rows of the option table, and the units.
 *
 * The way of a file: yaml.c makes a tree with marks, option_read.c walks it along the rows of options.c and writes the
 * structs of config.h, and the shapes that no row can describe (chains, prices, defaults) have readers of their own. */
#pragma once
#include "config/config.h"

/* --- bounds: a file is written by hand; these are far above what anyone needs and keep a hostile one harmless  */

enum {
    CONFIG_BYTES_MAX = 1024 * 1024,          /* of the file */
    CONFIG_DEPTH_MAX = 32,                   /* the deepest key of ours is at 7; `defaults` may hold JSON schemas */
    CONFIG_NODES_MAX = 128 * 1024,           /* with every alias counted as what it stands for */
    CONFIG_TEXT_BYTES_MAX = 2 * 1024 * 1024, /* of all scalars, aliases counted likewise */
    CONFIG_MAP_KEYS_MAX = 1024,              /* keys of one map: bounds the search for duplicates */
    CONFIG_ANCHORS_MAX = 256,
    CONFIG_VALUE_BYTES_MAX = 4096, /* of one text that an option takes: a path, a URL */
    CONFIG_NAME_BYTES_MAX = 64,
    CONFIG_ALIAS_BYTES_MAX = 128,
    CONFIG_TARGET_BYTES_MAX = 256,
    CONFIG_UPSTREAMS_MAX = 256,
    CONFIG_JOBS_MAX = 256,
    CONFIG_STEPS_MAX = 16,
    CONFIG_TARGETS_MAX = 16, /* of one step */
    CONFIG_TAGS_MAX = 16,
    CONFIG_DEFAULTS_MAX = 12, /* each is an edit of the request; below JSON_EDITS_MAX of base/json.h */
    CONFIG_HOURS_MAX = 16,    /* entries of one price */
};

/* --- the tree (yaml.c) --------------------------------------------------------------------------- */

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct config_node {
    enum node_kind kind;
    bool plain; /* a scalar without quotes */
    struct config_mark mark;
    struct str text;           /* of a scalar */
    struct config_item *first; /* of a list or map */
    int count;
};
struct config_item {
    const struct config_node *key; /* a scalar; NULL in lists */
    const struct config_node *value;
    struct config_item *next;
};

/* The root of the one document, a map; an empty file gives an empty map. Everything lies in the arena. */
int config_yaml_read(struct arena *a, struct str text, const struct config_node **root, struct err *e);
/* The same for files of other programs, in which merge keys (`<<: *base`) are usual. */
int config_yaml_read_foreign(struct arena *a, struct str text, const struct config_node **root, struct err *e);
/* NULL when `map` has no such key. */
const struct config_item *config_node_find(const struct config_node *map, const char *key);
/* Written as nothing, `~` or `null`. */
bool config_node_empty(const struct config_node *n);

/* --- the option table ---------------------------------------------------------------------------- */

struct config_reader {
    struct config *c; /* what is being made; texts live in its arena */
    struct err *e;
};
struct config_option;
typedef int config_read_fn(struct config_reader *r, const struct config_option *o, const struct config_item *item,
                           void *base);

/* clang-format off */
/*    name             the value is         what it must be                                        */
#define OPTION_KINDS(X)                                                                                      \
    X(OPTION_TEXT, "text", "must be text")                                                                   \
    X(OPTION_TEXTS, "text or list", "must be a text or a list of texts")                                     \
    X(OPTION_WORD, "word", "must be a word")                                                                 \
    X(OPTION_BITS, "word or list", "must be a word or a list of words")                                      \
    X(OPTION_COUNT, "number", "must be a whole number")                                                      \
    X(OPTION_TOKENS, "tokens", "must be a count of tokens such as 8000, 100k or 1.5m")                       \
    X(OPTION_DURATION, "duration", "must be a duration with its unit such as 500ms, 5s, 2m or 400d")         \
    X(OPTION_DURATIONS, "duration or list", "must be a duration with its unit such as 5h or 7d, or a list")  \
    X(OPTION_SIZE, "size", "must be a size such as 65536, 512 KiB or 64 MiB")                                \
    X(OPTION_MONEY, "money", "must be an amount and its currency such as 10 USD")                            \
    X(OPTION_PRICE, "price", "must be a price per million tokens such as 0.15 (USD) or 0.14 EUR")            \
    X(OPTION_ENERGY, "energy price", "must be a price such as 0.25 EUR/kWh")                                 \
    X(OPTION_MINUTE, "time of day", "must be a time of day between \"00:00\" and \"24:00\"")                 \
    X(OPTION_OFFSET, "UTC offset", "must be an offset from UTC such as \"+08:00\"")                          \
    X(OPTION_SECTION, "map", "must be a map")                                                                \
    X(OPTION_OWN, "", "")
/* clang-format on */

enum option_kind {
#define X(name, is, must) name,
    OPTION_KINDS(X)
#undef X
};

/* One row: the key, where its value goes, what it may be, and the words of the reference. */
struct config_option {
    const char *key, *text; /* text: what it does */
    enum option_kind kind;
    bool required, secret; /* secret: a wrong value is never repeated */
    bool early;            /* read before the others: money needs `fx` */
    size_t offset, bytes;  /* of the field; bytes 0: the value is checked and not kept */
    size_t count_offset;   /* of the int beside an array */
    size_t mark_offset;    /* of the mark beside the field; 0: it has none (no struct begins with one) */
    int64_t min, max;      /* range of a number, or of each; most bytes of a text (0: CONFIG_VALUE_BYTES_MAX) */
    int room_min, room;    /* fewest and most parts of an array */
    int64_t missing;       /* a number that is not given */
    int64_t first_word;    /* the number of words[0] */
    const char *standard;  /* the default as one would write it; read like a given value when the key is missing */
    const char *absent;    /* for the reference: what holds without the key, where that is no value */
    const char *zero;      /* a word that stands for 0 */
    const char *const *words;
    const char *(*check)(struct str text); /* NULL when all is well, else "must be …" */
    config_read_fn *read;                  /* of OPTION_OWN */
    const struct option_table *table;      /* the keys below: of a section, or of each part of an own shape */
    const char *part;                      /* for the reference: ".NAME" or "[]" between this key and those below */
    const char *shape;                     /* for the reference: what an own shape looks like */
};
struct option_table {
    const struct config_option *row;
    int count;
};
enum { OPTION_ROWS_MAX = 32 };

#define OPTION_TABLE(rows)   \
    {                        \
        rows, COUNT_OF(rows) \
    }
#define FIELD(T, member) .offset = offsetof(struct T, member), .bytes = sizeof(((struct T *)0)->member)
#define FIELDS(T, member, n)                                 \
    FIELD(T, member), .count_offset = offsetof(struct T, n), \
                      .room = sizeof(((struct T *)0)->member) / sizeof(((struct T *)0)->member[0])
#define MARK(T, member) .mark_offset = offsetof(struct T, member)

extern const struct option_table config_options; /* of the top level (options.c) */
extern const struct option_table config_upstream_options, config_job_options, config_step_options,
    config_member_options, config_price_options, config_hours_options;

/* What the rows below `prices` fill before it becomes one or more struct config_price. */
struct price_reading {
    struct config_price row;
    const struct config_node *hours; /* a list, or NULL */
};
struct hours_reading {
    struct config_price row; /* prices not given here stay INT64_MIN */
    int from_min, to_min;
};

/* option_read.c: reads `map` (NULL: nothing is given) along the rows into `base`, fills in defaults. `at` is where a
 * missing key is reported. */
int config_option_read_map(struct config_reader *r, const struct option_table *t, const struct config_node *map,
                           struct config_mark at, void *base);
/* A text or a list of texts under an option's rules, into the array and count of its row. */
int config_option_read_texts(struct config_reader *r, const struct config_option *o, const struct config_node *n, void *base);
/* A text under an option's rules, into *out. */
int config_option_read_text(struct config_reader *r, const struct config_option *o, const struct config_node *n,
                            struct config_text *out);
/* The item's value if it is a map, NULL in *map when it is empty; an error when it is something else or has more than
 * `count_max` keys. */
int config_option_map(struct config_reader *r, const struct config_item *item, int count_max,
                      const struct config_node **map);

/* A key that is a name of its owner's choice, held against `check`. */
int config_read_name(struct config_reader *r, const struct config_node *key, const char *(*check)(struct str),
                     struct config_text *out);

/* The readers of their own. */
config_read_fn config_read_upstreams, config_read_jobs, config_read_aliases, config_read_chain, config_read_try,
    config_read_tags, config_read_models, config_read_defaults, config_read_prices, config_read_hours, config_read_days, config_read_fx;
/* config_engine.c: an upstream as a whole against the rules of the built-in engine, which is always home; and that there is one at most. */
int config_check_engine(struct config_reader *r, struct config_upstream *u);
int config_check_engines(struct config_reader *r);
/* Jobs and aliases share one namespace; to be called when both are read. */
int config_check_namespace(struct config_reader *r);

/* --- how errors speak (option_read.c) ------------------------------------------------------------ */

struct config_words { /* text of bounded size, by value; longer ones end in "..." */
    char text[96];
};
struct config_words config_quoted(struct str s);                           /* `text`, control characters shown as ? */
struct config_words config_found(const struct config_node *n);             /* `text`, "a list", "a map", "nothing" */
struct config_words config_value_words(enum option_kind k, int64_t value); /* 90000 of OPTION_DURATION: "90s" */
/* The candidate that `word` was probably meant to be, or NULL. */
const char *config_nearest(struct str word, const char *const *candidate, int count);
const char *config_kind_name(enum option_kind k);

#define FAIL(r, at, ...) err_set_at((r)->e, ERR_INVALID, (at).line, (at).column, __VA_ARGS__)
#define FAIL_NOMEM(r) err_set((r)->e, ERR_NOMEM, "out of memory while reading the configuration")

/* --- units (config_units.c): false when the text is no such thing -------------------------------- */

bool config_to_duration_ms(struct str s, int64_t *out); /* a unit is required; whole milliseconds */
bool config_to_bytes(struct str s, int64_t *out);
bool config_to_tokens(struct str s, int64_t *out);
bool config_to_minute(struct str s, int64_t *out);         /* "09:00" = 540; "24:00" is the end of the day */
bool config_to_offset_minutes(struct str s, int64_t *out); /* "+08:00" = 480, "Z" = 0 */
bool config_to_weekdays(struct str s, unsigned *bits);     /* "mon-fri", "sat,sun"; bit 0 = Sunday */
/* An amount with its currency (`bare_usd`: without one it is USD). 0, ERR_INVALID when it is none, ERR_NOT_FOUND when
 * `fx` does not have the currency (named in *currency), ERR_LIMIT when it is more than 63 bits of nano-dollars. */
int config_to_nusd(const struct config *c, struct str s, bool bare_usd, int64_t *out, struct str *currency);

/* --- checks of text (config_check.c): NULL when all is well, else "must be …" -------------------- */

const char *config_check_name(struct str s);
const char *config_check_alias_name(struct str s);
const char *config_check_alias_to(struct str s);
const char *config_check_target(struct str s);
const char *config_check_model(struct str s);
const char *config_check_upstream_url(struct str s);
const char *config_check_http_url(struct str s);
const char *config_check_reserve(struct str s);
const char *config_check_listen(struct str s);
const char *config_check_network(struct str s);
const char *config_check_host(struct str s);
const char *config_check_origin(struct str s);
const char *config_check_resolver(struct str s);
const char *config_check_secret(struct str s);
const char *config_check_tag(struct str s);
const char *config_check_default_key(struct str s);

/* --- config_json.c ------------------------------------------------------------------------------- */

/* The JSON text of a value, scalars by YAML's core schema, in the config's arena. */
int config_to_json(struct config_reader *r, const struct config_node *n, struct str *out);
