/* anthropic_priv.h: what the files of the Anthropic dialect share.
 *
 *   anthropic.c           the table, finish reasons, usage, errors, what it cannot say
 *   anthropic_model.c     what each generation of Claude models accepts
 *   anthropic_request.c   a client's request       anthropic_block.c   its content blocks
 *   anthropic_write.c     an upstream's request    anthropic_turn.c    its messages, in the order that is asked for
 *                                                  anthropic_part.c    their content blocks
 *   anthropic_wish.c      its thinking, format…    anthropic_tool.c    tools, both ways
 *   anthropic_answer.c    whole answers, both ways
 *   anthropic_stream.c    a stream, read           anthropic_event.c   a stream, written */
#pragma once
#include "wire/codec.h"

/* --- members of an object, raw ------------------------------------------------------------------------------------ */

enum { FIELDS_MAX = 16 };
/* One object's known members, as raw JSON; empty where a member is absent or null. */
struct fields {
    struct str raw[FIELDS_MAX];
    bool odd; /* it has others, too, that are not null */
};
/* ERR_SYNTAX: it is no object, or a known member is there twice. The first consumes one that `s` stands before. */
int anthropic_fields_walk(struct fields *f, const struct str *names, size_t count, struct json_scan *s, struct err *e);
int anthropic_fields_read(struct fields *f, const struct str *names, size_t count, struct str text, struct err *e);
/* A raw string, unescaped in the arena: ERR_INVALID when it is another type. Absent: empty. */
int anthropic_raw_text(struct str raw, struct arena *a, struct str *out);
/* The same for a piece of a stream, which outlives nothing: `scratch` holds it when there were escapes. */
int anthropic_raw_piece(struct str raw, struct buf *scratch, struct str *out);

/* --- reading requests --------------------------------------------------------------------------------------------- */

struct anthropic_read {
    struct chat *chat;
    struct err *err;
    struct json_scan scan;
    const char *list;     /* "system", "messages": what `index` counts in; NULL */
    int64_t index, block; /* -1: not there */
};
/* ERR_INVALID: "messages.3.content.0.text must be a string". */
int anthropic_bad(const struct anthropic_read *r, const char *member, const char *must);
/* A raw string, unescaped; ERR_INVALID with the story when it is another type, ERR_NOMEM. Absent: empty. */
int anthropic_text(const struct anthropic_read *r, struct str raw, const char *member, struct str *out);
int anthropic_nomem(const struct anthropic_read *r);
/* The members of an object that are not among `names`: lost by name. For objects that are `odd`. */
int anthropic_odd(const struct anthropic_read *r, const char *list, const struct str *names, size_t count, struct str object, bool kept);
/* The value that the scan stands before, raw: an object. */
int anthropic_object_read(struct anthropic_read *r, const char *member, struct str *out);
int anthropic_tools_read(struct anthropic_read *r);
int anthropic_choice_read(struct anthropic_read *r);
/* A string (one TEXT part) or an array of blocks, which the scan of `r` stands before; parts are appended. */
int anthropic_content_read(struct anthropic_read *r, struct part **list);

/* --- models ------------------------------------------------------------------------------------------------------- */

enum claude_thinking { THINKS_NOT, THINKS_BY_BUDGET, THINKS_EITHER, THINKS_ADAPTIVE, THINKS_UNKNOWN };
/* What a model takes. */
struct claude_facts {
    const char *family; /* "opus"; NULL: all */
    int from;           /* first version, 100 * major + minor */
    enum claude_thinking thinking;
    bool sampling;    /* temperature, top_p, top_k at will */
    bool one_sampler; /* temperature or top_p, not both */
    bool prefill;     /* goes on from a last message of the assistant */
    bool schema;      /* output_config.format */
    bool effort;      /* output_config.effort, as far as high; max with the adaptive ones */
    bool xhigh;       /* knows that effort */
};
const struct claude_facts *claude_facts(struct str model);

/* --- writing requests --------------------------------------------------------------------------------------------- */

struct anthropic_write {
    const struct chat *chat;
    const struct chat_write *how;
    const struct claude_facts *model;
    struct json_writer *json;
    struct err *err;
    bool own; /* the request came in this dialect */
    bool thinks;
    int64_t budget; /* of thinking; -1: the model decides */
    int64_t max_tokens;
    int marks; /* cache_control so far */
};
int anthropic_lost(struct anthropic_write *w, struct str field); /* codec_cannot */
void anthropic_cache(struct anthropic_write *w, struct str mark);
struct str anthropic_id_safe(struct anthropic_write *w, struct str id); /* of a call; ptr NULL: no memory */
struct str anthropic_name_safe(struct anthropic_write *w, struct str name); /* of a tool */

struct str anthropic_own(const struct anthropic_write *w, struct str name); /* c->own, for a request of this dialect */
void anthropic_member(struct anthropic_write *w, const char *key, struct str text);
void anthropic_member_raw(struct anthropic_write *w, const char *key, struct str raw);
int anthropic_tools_write(struct anthropic_write *w);

struct turn_item {
    struct turn_item *next;
    const struct part *part;
    struct str id; /* of CALL and RESULT: as it is written */
    bool answered; /* of CALL: its result is there */
};
struct turn_list {
    struct turn_item *first, **end;
};
/* A message as Anthropic wants it: roles alternate, results come first, each right after the message with its call. */
struct turn {
    struct turn *next;
    enum chat_role role; /* USER or ASSISTANT */
    struct turn_list result, item;
    size_t number, call_count;
};
struct turns {
    struct turn *first, *last, *before_last;
    size_t call_count;
};
int anthropic_turns_make(struct anthropic_write *w, struct turns *out);
/* The last message of the assistant calls tools and does not begin with its thinking. */
bool anthropic_turns_unthought(const struct turns *t);
/* The end of the conversation, once it is known whether the model thinks. */
int anthropic_turns_close(struct anthropic_write *w, struct turns *t);
int anthropic_turns_write(struct anthropic_write *w, const struct turns *t);

void anthropic_tokens_decide(struct anthropic_write *w);
/* Sets `thinks`, `budget` and perhaps max_tokens. */
int anthropic_thinking_decide(struct anthropic_write *w, const struct turns *turns);
void anthropic_thinking_write(struct anthropic_write *w);
int anthropic_output_config_write(struct anthropic_write *w);
int anthropic_sampling_write(struct anthropic_write *w);

/* --- answers ------------------------------------------------------------------------------------------------------ */

/* HIDDEN parts that are not Anthropic's own go to a client, and come back, under this mark. */
#define ANTHROPIC_FOREIGN "hx_"

enum finish anthropic_finish(struct str stop_reason);
const char *anthropic_stop_reason(enum finish f, bool by_sequence);
/* Merges a usage object into what is known: what it does not tell, or tells as 0 against a known prompt, stays. */
int anthropic_usage_read(struct usage *u, bool *has, struct str raw, struct err *e);
void anthropic_usage_write(struct json_writer *w, const struct usage *u);
int anthropic_error_write(const struct wire_error *e, struct buf *out);

enum anthropic_event {
    EVENT_PING,
    EVENT_START,
    EVENT_BLOCK,
    EVENT_DELTA,
    EVENT_BLOCK_STOP,
    EVENT_END,
    EVENT_STOP,
    EVENT_ERROR,
    EVENT_UNKNOWN
};
extern const struct str anthropic_events[EVENT_UNKNOWN];

int anthropic_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e);
int anthropic_request_write(const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e);
int anthropic_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e);
int anthropic_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out);
int anthropic_event_read(struct stream_reader *r, struct str name, struct str data);
int anthropic_begin(struct stream_writer *w, struct buf *out);
int anthropic_open(struct stream_writer *w, struct buf *out);
int anthropic_piece(struct stream_writer *w, struct str text, struct buf *out);
int anthropic_close(struct stream_writer *w, struct buf *out);
int anthropic_end(struct stream_writer *w, struct buf *out);
int anthropic_stream_error(struct stream_writer *w, const struct wire_error *e, struct buf *out);
