/* rerank.h: the answers of rerankers, which know no standard: Cohere and those who follow it say `results`, Voyage says `data`, and
 * text-embeddings-inference a bare array. Each is read here, and told again in one shape that all of their clients understand.
 *
 * Scores and documents stay the JSON text they came as. Everything points into the answer, which must outlive it. Knows no sockets. */
#pragma once
#include "wire/wire.h"

struct rerank_answer {
    struct str list;        /* raw array of the items */
    bool bare, has_results; /* the array alone; a member of that very name */
    bool has_error;         /* it is an error after all: failure_read has the rest */
    struct str id, model, meta, usage_raw; /* raw values; ptr NULL: not given */
    int64_t count;
    struct usage usage;
    bool has_usage;
};
/* ERR_SYNTAX when it is no JSON of these shapes, or an item lacks its index or score. Blanks and a byte order mark before it are fine. */
int rerank_read(struct rerank_answer *a, struct str body, struct err *e);
void rerank_facts(const struct rerank_answer *a, struct wire_answer *out);
/* Is it what that client reads as it stands? `texts`: it asked as the clients of text-embeddings-inference do. */
bool rerank_passes(const struct rerank_answer *a, bool texts);
/* Told for that client: an array of {index, score, text?}; or {id, model, results, data, usage, meta?} with {index, relevance_score,
 * document?} in both lists. The id and the model's name are used where the answer has none. ERR_NOMEM, ERR_LIMIT. */
int rerank_write(const struct rerank_answer *a, bool texts, struct str id, struct str model, struct buf *out);
