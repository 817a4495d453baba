/* forward.h: one pass of tokens through the network: from token numbers to logits, or to the states that embeddings are made of.
 *
 * A step takes rows: tokens of one or many sequences, each at its position. It writes their keys and values into the sequences'
 * pages and computes what was wanted of which row. The result of a row depends on its sequence alone: not on the other rows, how
 * the sequence was cut into steps, or the number of threads.
 * Everything is sized when the forward is made; a step allocates nothing. The large buffers take memory only as far as steps have rows.
 * One step at a time. */
#pragma once
#include "engine/kv.h"
#include "engine/model.h"
#include "engine/pool.h"

struct forward;

struct forward_options {
    const struct kernels *kernels;
    struct pool *pool;     /* borrowed, as are the model and the KV pool */
    enum kv_type kv_type;
    size_t rows_max;       /* of one step; for a model that sees both ways, the longest text */
    size_t wanted_max;     /* results of one step */
};

struct forward_row {
    int32_t token;
    struct kv_sequence *sequence; /* its pages for this row are reserved */
    bool wanted;
};

int forward_new(struct forward **out, const struct model *m, struct kv_pool *kv, const struct forward_options *opt, struct err *e);
void forward_free(struct forward *f);
size_t forward_bytes(const struct forward *f); /* what it holds in memory after the largest step it can do */
void forward_rest(struct forward *f);          /* nothing to do: what a large step took is given back */
void forward_empty(struct forward *f);         /* what any step took is */

/* Rows of one sequence stand together; the first goes to the sequence's `length`, and `length` moves on past the last. Tokens are
 * in the vocabulary (asserted). out: (wanted rows, vocab) logits if the model has an output, else (wanted rows, width) states.
 * A model that sees both ways must get a sequence whole, from an empty one. */
void forward_step(struct forward *f, const struct forward_row *row, size_t rows, float *out);
