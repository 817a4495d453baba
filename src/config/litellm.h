/* litellm.h: a LiteLLM config.yaml as a hearth.yaml.
 *
 * Reads the file, maps what Hearth has a place for, and tells of everything else: nothing is dropped in silence, no secret
 * is copied, and a group that must stay at home is refused when a chain of its own leads out. What is known about vendors
 * and models belongs to those above, who hand it in; so does the proof that the result is a config. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/config.h"

struct litellm_fact {
    bool retired, embedding;
    const char *successor;                      /* NULL: none is known */
    int64_t input, cached, cache_write, output; /* nano-dollars per million tokens, INT64_MIN where unknown */
    int64_t context_tokens;                     /* 0: unknown */
};
/* What the importer asks of the world. */
struct litellm_world {
    bool (*vendor)(struct str name, const char **url, const char **key_env); /* key_env may become NULL */
    bool (*model)(struct str vendor, struct str model, struct litellm_fact *out);
    const char *(*variable)(const char *name); /* of the environment; NULL when it is not set */
    /* Where clients reach it, which LiteLLM's file does not say: for `listen`, and `hosts` with commas; may be empty. */
    struct str listen, hosts;
};

/* clang-format off */
/*    kind             word         heading of the report                                                               */
#define LITELLM_NOTES(X)                                                                                               \
    X(LITELLM_SECRET,    "secret",    "keys that stand in the file: NOT copied, to be set in Hearth's environment")    \
    X(LITELLM_RETIRED,   "retired",   "retired model names, replaced by their successors (USD per million tokens)")    \
    X(LITELLM_SKIPPED,   "skipped",   "models left out")                                                               \
    X(LITELLM_LOST,      "lost",      "not carried")                                                                   \
    X(LITELLM_STRICTER,  "stricter",  "stricter than before")                                                          \
    X(LITELLM_DIFFERENT, "different", "works differently")                                                             \
    X(LITELLM_MOOT,      "moot",      "not needed any more")
/* clang-format on */
enum litellm_kind {
#define X(name, word, heading) name,
    LITELLM_NOTES(X)
#undef X
        LITELLM_KINDS
};
struct litellm_note {
    enum litellm_kind kind;
    struct config_mark mark;
    struct str key, text; /* `router_settings.retry_after`; what became of it */
    const struct litellm_note *next;
};
/* A name that clients use, and what it is from now on. */
struct litellm_name {
    struct str name, as, to; /* as: job, alias, target, model, renamed, none */
};
struct litellm_import {
    struct arena arena;
    struct buf yaml;                 /* the hearth.yaml */
    const struct litellm_note *note; /* in the order of the file */
    const struct litellm_name *name;
    int name_count, group_count, job_count, upstream_count;
    int note_count[LITELLM_KINDS];
};

/* ERR_SYNTAX, ERR_INVALID, ... with line and column: no YAML, no LiteLLM file, or something that may not be carried at all
 * (a private group that leads out, Python code). `name` is how the result calls the file. */
int litellm_import(struct litellm_import **out, struct str text, struct str name, const struct litellm_world *w,
                   struct err *e);
void litellm_import_free(struct litellm_import *im);
const char *litellm_kind_word(enum litellm_kind k);
const char *litellm_kind_heading(enum litellm_kind k);

/* A host that stands in a house by the look of it: loopback and private addresses, localhost, names without a dot or with
 * an ending that no public name has. A guess to begin with; what counts is the address, looked at when it is called. */
bool config_host_looks_home(struct str host);
/* https://user@[::1]:80/x -> ::1 without the brackets. */
struct str config_url_host(struct str url);
