/* ollama_priv.h: what the files of Ollama's dialect share. */
#pragma once
#include "wire/codec.h"

int ollama_request_read(struct chat *c, enum wire_op op, struct str body, struct err *e);
int ollama_request_write(const struct chat *c, const struct chat_write *w, struct buf *out, struct err *e);
int ollama_answer_read(struct chat_answer *a, enum wire_op op, struct str body, struct err *e);
int ollama_answer_write(const struct chat_answer *a, enum wire_op op, struct lost *lost, struct buf *out);
int ollama_event_read(struct stream_reader *r, struct str name, struct str data);
int ollama_stream_begin(struct stream_writer *w, struct buf *out);
int ollama_stream_open(struct stream_writer *w, struct buf *out);
int ollama_stream_piece(struct stream_writer *w, struct str text, struct buf *out);
int ollama_stream_close(struct stream_writer *w, struct buf *out);
int ollama_stream_end(struct stream_writer *w, struct buf *out);
int ollama_stream_error(struct stream_writer *w, const struct wire_error *e, struct buf *out);

/* --- reading requests -------------------------------------------------------------------------------------------- */

enum { OLLAMA_CALLS_KNOWN_MAX = STREAM_CALLS_MAX }; /* a result of a call further back is taken as it says */
struct ollama_reader {
    struct chat *chat;
    struct err *err;
    struct chat_member **extra; /* ends of lists, so that the thousandth costs what the first did */
    struct chat_text **stop;
    size_t at;             /* message under way, from 0 */
    bool in_results;       /* the last message takes results */
    struct part **results; /* its end */
    struct ollama_known {
        struct part *call;
        size_t at; /* its message */
        bool answered;
    } known[OLLAMA_CALLS_KNOWN_MAX]; /* the last calls, as a ring */
    size_t call_count;
};
int ollama_no_memory(struct ollama_reader *r);
/* null counts as not given, everywhere: so it is with the server. */
static inline bool ollama_given(const struct json_node *v)
{
    return v && v->type != JSON_NULL;
}
/* Those that are not given leave `out` and the list alone; `end` is the end of a list of parts, and moves on. */
int ollama_text_read(struct ollama_reader *r, const struct json_node *v, const char *name, struct str *out);
int ollama_images_read(struct ollama_reader *r, const struct json_node *v, const char *name, struct part ***end);
int ollama_words_add(struct ollama_reader *r, enum part_kind kind, struct str text, struct part ***end);
int ollama_messages_read(struct ollama_reader *r, const struct json_node *v);

/* --- reading answers ------------------------------------------------------------------------------------------------------- */

/* A Go server takes member names in any case, and the last one wins: could `key` be taken for `name`? Letters that fold to
 * ASCII count (U+017F is an s, U+212A a k). */
bool ollama_key_passes_for(struct str key, struct str name);
/* A name fit for headers and logs; ERR_INVALID says what is wrong with it. */
int ollama_model_check(struct str model, struct err *e);

/* One JSON object of an answer: the whole, or a line of a stream. Slices of it, strings raw. */
struct ollama_line {
    struct str model, created_at;
    struct str content, thinking; /* ptr NULL: not there */
    struct str calls;             /* the array of tool_calls; ptr NULL: none */
    bool says;                    /* message or response is there */
    bool has_error, done;
    struct str done_reason;
    bool has_usage;
    int64_t input, output;
};
/* The text of a string of it; "" when it is not there. ptr NULL when memory is out. */
static inline struct str ollama_plain(struct str raw, struct arena *a)
{
    return raw.len ? json_unescape_arena(raw, a) : STR("");
}
int ollama_line_read(struct str text, struct ollama_line *out, struct err *e);
enum finish ollama_finish(const struct ollama_line *line, bool called);
struct usage ollama_usage(const struct ollama_line *line);

/* One call of a line, in its order. Strings raw; arguments are a value, or what stood in a string (then in_string). */
struct ollama_call {
    struct str id, name, arguments;
    bool in_string;
};
/* Scans `line->calls`: `s` is to be begun with json_scan_init and json_enter. False behind the last. */
bool ollama_call_next(struct json_scan *s, struct ollama_call *out);

/* --- writing ------------------------------------------------------------------------------------------------------- */

/* model and created_at, and the key of what is said with all before its text: {"role":"assistant","content": or response. */
void ollama_says_begin(struct json_writer *w, enum wire_op op, struct str model, int64_t created_s);
void ollama_says_end(struct json_writer *w, enum wire_op op);
/* {"id":…,"function":{"index":…,"name":…,"arguments":{…}}} */
int ollama_call_write(struct json_writer *w, int index, const struct part *call, struct arena *a);
/* done_reason and done, duration and counts. */
void ollama_done_write(struct json_writer *w, enum finish finish, const struct usage *usage, int64_t elapsed_us);

/* A request being written. */
struct ollama_writer {
    const struct chat *chat;
    const struct chat_write *to;
    struct json_writer json;
    struct err *err;
    const struct part
        *call[OLLAMA_CALLS_KNOWN_MAX]; /* the last calls, as a ring: where results find the name of their tool */
    size_t call_count;
    bool options_open;
};
/* That field cannot be said: 0 when it is but lost. */
int ollama_cannot(struct ollama_writer *w, const char *field);
int ollama_messages_write(struct ollama_writer *w);
int ollama_prompt_write(struct ollama_writer *w); /* for /api/generate */
