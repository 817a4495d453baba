/* embed.h: texts into vectors, between dialects: OpenAI's /v1/embeddings, Ollama's /api/embed and its older /api/embeddings.
 *
 * A neutral form of the question and of the answer, as chat.h has them for conversations. Everything lives in the arena that the caller
 * gives and points into the bodies, which must outlive it. Vectors stay as they came, as JSON text or base64, and are turned into the
 * other only when the client reads no other: a number is not read and printed anew on its way. One thread at a time. */
#pragma once
#include "wire/codec.h"

struct embed_input {
    struct embed_input *next;
    struct str text;
    struct str tokens; /* raw array of token ids, in place of a text */
};
struct embed {
    struct arena *arena; /* borrowed */
    enum dialect from;
    struct str model;
    struct embed_input *input;
    size_t count;       /* 0: an Ollama is but to load the model */
    int64_t dimensions; /* -1: not given */
    bool base64;        /* the client reads vectors as base64 of little-endian floats */
    bool single;        /* Ollama's older form, whose answer is one vector */
    struct str user;
    struct chat_member *extra; /* members without a neutral form */
};
/* DIALECT_OPENAI, or DIALECT_OLLAMA with WIRE_EMBEDDINGS or WIRE_EMBED_ONE; m->arena is given. ERR_SYNTAX, ERR_INVALID with a story
 * fit for the client's 400, ERR_NOMEM. */
int embed_read(struct embed *m, enum dialect from, enum wire_op op, struct str body, struct err *e);
/* What call_read finds in a request of OpenAI's: sizes and tokens. */
void embed_facts(const struct embed *m, struct call *out);
/* The request for an upstream. ERR_INVALID names what that dialect cannot express; ERR_NOMEM, ERR_LIMIT. */
int embed_write(const struct embed *m, enum dialect to, const struct chat_write *w, struct buf *out, struct err *e);

struct vector {
    struct vector *next;
    struct str numbers; /* raw array of numbers; ptr NULL: it came as base64 */
    struct str base64;
};
struct embed_answer {
    struct arena *arena; /* borrowed */
    struct str model;
    struct vector *vector; /* in the order of the inputs */
    size_t count;
    struct usage usage;
    bool has_usage, has_error; /* has_error: it is an error after all: failure_read has the rest */
    int64_t elapsed_us;        /* for Ollama's clients; 0: not known */
};
/* a->arena is given. ERR_SYNTAX when it is no answer at all, ERR_NOMEM. */
int embed_answer_read(struct embed_answer *a, enum dialect from, struct str body, struct err *e);
/* As the client of that question reads it; a->model is the name it asked for. ERR_SYNTAX when a vector cannot be turned into what it
 * reads; ERR_NOMEM, ERR_LIMIT. */
int embed_answer_write(const struct embed_answer *a, const struct embed *asked, struct buf *out);
