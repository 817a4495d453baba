/* grammar_priv.h: the network under a grammar, how it is built, and what compiles into it.
 *
 * A net is made of states and edges: a byte of a range, nothing, or a call of a rule (its start is entered, and the edge's end after
 * the rule's accepting state). State 0 leads nowhere: what cannot be built goes there. Errors stick in net->rc, so that builders need
 * not check; all of them add edges that leave `from` and arrive at `to`, and none that come back to `from`. */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "engine/grammar.h"

enum {
    NET_STATES_MAX = 1 << 19, NET_EDGES_MAX = 1 << 20, /* some 30 MiB while a schema is compiled */
    NET_RULES_MAX = 4096,
    RUN_DEPTH_MAX = 64,       /* calls inside calls: nesting of what refers to itself, and of free JSON */
    HEIGHT_NONE = UINT16_MAX, /* of a state that no finite text leads on from */
    LEFT_FREE = UINT32_MAX,   /* any number of characters */
};

enum edge_kind { EDGE_BYTE, EDGE_EMPTY, EDGE_CALL };

struct net_edge {
    uint32_t to, rule, next; /* next: of the same state, while building */
    uint8_t kind, low, high;
};
struct net_state {
    uint32_t edges;
    uint32_t left;   /* inside a string: how many characters may follow, plus one; LEFT_FREE; 0: elsewhere */
    uint16_t height; /* calls that the way out needs at least */
    bool accept;
};
struct net_rule {
    uint32_t start, end;
};
struct net {
    struct net_state *state;
    struct net_edge *edge;
    struct net_rule *rule;
    uint32_t state_count, state_max, edge_count, edge_max, rule_count, rule_max;
    uint32_t tail_to, tail[4]; /* states from where 1 to 3 more bytes of a character lead to tail_to */
    int rc;
    struct err *e;
    /* rules that several builders call; 0: not built yet */
    uint32_t rule_char, rule_blank, rule_value, rule_object, rule_array;
    size_t pattern_steps; /* what its patterns have cost until now */
};
struct range {
    uint32_t low, high; /* code points */
};

static inline int hex_digit(char c) /* its value, or -1 */
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Compiled: edges lie together, what leads nowhere is gone. */
struct grammar {
    uint32_t state_count, edge_count, start, char_start;
    uint32_t *first; /* (state_count + 1) */
    struct net_edge *edge;
    uint32_t *left;
    uint16_t *height;
    uint8_t *flags; /* STATE_ACCEPT, STATE_READS */
    uint32_t *rule_start;
    uint32_t rule_count;
    uint8_t class_of[256], class_byte[256];
    uint32_t class_count;
};
enum { STATE_ACCEPT = 1, STATE_READS = 2 };

/* grammar_net.c */
int net_init(struct net *n, struct err *e);
void net_fini(struct net *n);
int net_fail(struct net *n, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint32_t net_state(struct net *n);
uint32_t net_rule(struct net *n); /* a rule with a start and an accepting end */
void net_byte(struct net *n, uint32_t from, uint8_t low, uint8_t high, uint32_t to);
void net_empty(struct net *n, uint32_t from, uint32_t to);
void net_call(struct net *n, uint32_t from, uint32_t rule, uint32_t to);
void net_text(struct net *n, uint32_t from, struct str text, uint32_t to);
int net_compile(struct net *n, uint32_t rule, struct grammar **out);

/* grammar_json.c: free JSON */
uint32_t json_rule_blank(struct net *n);
uint32_t json_rule_value(struct net *n);
uint32_t json_rule_object(struct net *n);
void json_string_free(struct net *n, uint32_t from, uint32_t min, uint32_t max, uint32_t to); /* max LEFT_FREE: any */
void json_number_free(struct net *n, uint32_t from, bool integer, uint32_t to);
/* One character of a string, written in its canonical way, that lies in one of the ranges (ascending, apart). */
void json_class(struct net *n, uint32_t from, const struct range *range, size_t count, uint32_t to);

/* grammar_number.c. Bounds are JSON numbers as text, ptr NULL for none. */
struct number_bounds {
    struct str low, high;
    bool low_out, high_out; /* the bound itself is out */
};
int number_build(struct net *n, uint32_t from, const struct number_bounds *b, bool integer, uint32_t to, const char **why);

/* grammar_pattern.c: the inside of a string and its closing quote. 0, or a code with the reason in *why. */
int pattern_build(struct net *n, uint32_t from, struct str pattern, uint32_t min, uint32_t max, uint32_t to, const char **why);
struct str format_pattern(struct str format); /* ptr NULL if it is none that can be enforced */

/* grammar_schema.c, and grammar_merge.c under it */
struct path {
    const struct path *up;
    struct str part;
};
struct forms {
    struct net *net;
    struct arena *arena;
    const struct json_node *root;
    struct forms_rule {
        const struct json_node *node;
        uint32_t rule;
        char *path; /* in the arena */
        struct forms_rule *next;
    } *rules, *last; /* in the order they were met; those after `built` still wait */
    size_t steps;    /* members walked over while schemas were put together */
};
enum {
    SCHEMA_DEPTH_MAX = 64,
    FORMS_STEPS_MAX = 64 * 1000 * 1000, /* some tenths of a second; schemas of whole APIs need some ten thousand */
};
int forms_fail(struct forms *f, const struct path *p, int code, const char *format, ...) __attribute__((format(printf, 4, 5)));
char *forms_path(struct forms *f, const struct path *p);
/* The schema that a $ref names; NULL after an error. */
const struct json_node *forms_resolve(struct forms *f, const struct json_node *ref, const struct path *p);
/* A schema that says what all of these say; NULL after an error. */
const struct json_node *forms_merge(struct forms *f, const struct json_node *const *schema, size_t count, const struct path *p);
/* The same without these members. */
struct json_node *forms_without(struct forms *f, const struct json_node *schema, const char *const *key, size_t count);
/* A number (from 1) of an alternative that may overlap with another, whose number is *other; 0 if all are apart. */
size_t forms_overlap(struct forms *f, const struct json_node *list, const struct path *p, size_t *other);
enum keyword_kind { KEYWORD_UNKNOWN, KEYWORD_ENFORCED, KEYWORD_ANNOTATION };
enum keyword_kind forms_keyword(struct str key);
bool forms_only_says(const struct json_node *schema, const char *key); /* besides annotations, nothing else */
