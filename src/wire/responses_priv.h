/* responses_priv.h: what the responses*.c files share.
 *
 *   responses.c           the table of the dialect, its limits and errors, ids and seals
 *   responses_request.c   a client's request, with responses_settings.c for tools and the like, responses_input.c for its `input`
 *   responses_write.c     an upstream's request, with responses_write_input.c
 *   responses_answer.c    an upstream's answer    responses_event.c    its stream
 *   responses_object.c    a client's answer       responses_stream.c   its stream */
#pragma once
#include "wire/codec.h"

/* An item of `input` without a neutral form is an OPAQUE part with this detail; a part of a message's content has none. */
#define RESPONSES_ITEM STR("item")

/* Reasoning that did not come from this dialect travels in encrypted_content, behind one of these marks, so that clients that hand
 * their items back keep it: the seal of another vendor on the summary of that item, or thinking that only its vendor can read. */
#define RESPONSES_SEAL STR("hearth-seal:")
#define RESPONSES_HIDDEN STR("hearth-hidden:")
#define RESPONSES_FOREIGN "rs_hx_" /* how ids of reasoning items begin that no vendor of this dialect knows */

int responses_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e);
int responses_input_read(struct chat *c, struct str input, struct err *e);
int responses_request_write(const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e);

/* --- answers that come --- */

int responses_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e);
int responses_event_read(struct stream_reader *r, struct str name, struct str data);
/* The parts that an output item is made of. False when memory is out. */
bool responses_item_read(struct chat_answer *a, const struct json_node *item);
/* `reason` is the raw text of incomplete_details.reason, or empty. */
enum finish responses_finish(struct str status, struct str reason, bool has_calls);

/* --- answers that go --- */

struct responses_item {
    enum part_kind kind;            /* TEXT, REFUSAL, REASONING, HIDDEN, CALL */
    bool custom, added;             /* added: it begins, and is empty */
    struct str id, call_id, name;
    struct str space;               /* of a CALL: the namespace that its name begins with, or empty */
    struct str text;                /* of a CALL its arguments */
    struct str encrypted;           /* of REASONING, HIDDEN: encrypted_content, or empty */
    const char *status;
};
void responses_item_write(struct json_writer *j, const struct responses_item *item);
/* {"type":"output_text","text":…} or a refusal. */
void responses_content_write(struct json_writer *j, enum part_kind kind, struct str text);

struct responses_object {
    const struct chat *asked; /* or NULL */
    struct str id, model;
    int64_t created_s;
    bool running;
    enum finish finish;       /* unless running */
    const struct wire_error *error; /* it failed; or NULL */
    struct str items;         /* JSON, without the brackets */
    const struct usage *usage; /* or NULL */
};
void responses_object_write(struct json_writer *j, const struct responses_object *o);
/* completed, incomplete: the last word of its event, too. */
const char *responses_status(enum finish finish);
const char *responses_error_code(const struct wire_error *e);
int responses_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out);

/* resp_…; of items prefix_…_index. In the arena; ptr NULL when memory is out. */
struct str responses_id(struct str id, struct arena *a);
struct str responses_item_id(const char *prefix, struct str id, int index, struct arena *a);
struct str responses_joined(struct str a, struct str b, struct arena *arena);
int responses_begin(struct stream_writer *w, struct buf *out);
int responses_open(struct stream_writer *w, struct buf *out);
int responses_piece(struct stream_writer *w, struct str text, struct buf *out);
int responses_close(struct stream_writer *w, struct buf *out);
int responses_end(struct stream_writer *w, struct buf *out);
int responses_fail(struct stream_writer *w, const struct wire_error *e, struct buf *out);
