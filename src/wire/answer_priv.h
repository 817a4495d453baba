/* answer_priv.h: what the answer*.c files share: the reader of one answer or chunk. */
#pragma once
#include "wire/wire.h"

struct answer_reader {
    struct json_scan scan;
    struct wire_answer *out; /* borrowed */
    bool keep_content;       /* whole answers: lend the first choice's content */
    bool side_usage;         /* out->usage comes from a place that a top-level usage overrides */
    bool estimate;           /* fill out->tokens_estimated */
    bool vector_missing;     /* an embedding without numbers */
    int64_t timed_cached;    /* timings.cache_n, 0 when nobody said it */
};

/* Steps into the object or array that starts here; anything else is skipped. */
bool answer_object_enter(struct answer_reader *r);
bool answer_array_enter(struct answer_reader *r);
/* True when the value here is something: a non-empty string, array or object. It is skipped. */
bool answer_filled_skip(struct answer_reader *r);

/* What a message or delta says, counted into r->out. */
void answer_message_read(struct answer_reader *r);
/* The value of `content`, or of a legacy completion's `text`. */
void answer_content_read(struct answer_reader *r);

/* The usage object that starts here, in any vendor's dress. False (and *out untouched) when it is no object, or does
 * not say how many tokens went in and, if it says so at all, came out. */
bool answer_usage_read(struct json_scan *s, struct usage *out);
bool answer_usage_read_responses(struct json_scan *s, struct usage *out); /* in the words of the Responses API */
int64_t answer_cost_read(struct json_scan *s); /* what the vendor says it charged, in nano-dollars; -1 when that is no amount */

/* A count of tokens that makes sense: 0 or more; negative: absent, or nonsense. It is consumed. */
int64_t answer_count_read(struct json_scan *s);

/* A finish reason, as it stands in the JSON, whatever vendor's word it is. FINISH_OTHER for what nobody knows. */
enum finish answer_finish_of(struct str raw);
