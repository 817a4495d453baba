/* engine.h: a model that is loaded and ready to compute: its file, its weights, its threads and its memory of what was read.
 *
 * This is the bundle that commands and the server work with; each part has its own header. Loading maps the file and reads no
 * weight; all buffers for the worst case are made here (they take memory as they are used), and what they take is told. One thread drives
 * an engine. */
#pragma once
#include "engine/forward.h"

struct engine_options {
    const char *kernels;   /* "ref", "avx2", …; NULL: the best this machine has */
    size_t threads;        /* 0: one for each core this process may use */
    enum kv_type kv_type;
    size_t context;        /* tokens of all sequences together that the KV cache holds; 0: what the model was trained for, as far as memory goes */
    uint64_t memory_free;  /* bytes that this model may come to take, its weights among them; bounds a context of 0. 0: not known */
    uint64_t memory_all;   /* bytes that there are at all; a context beyond is refused. 0: not known */
    uint64_t memory_others; /* of these, what other models here may come to take of their own (not mapped) */
    size_t rows_max;       /* tokens of one step; 0: 256 */
    size_t wanted_max;     /* results of one step; 0: 1 */
};

struct engine {
    struct gguf *file;
    struct model *model;
    struct pool *pool;
    struct kv_pool *kv;
    struct forward *forward;
    const struct kernels *kernels;
    size_t rows_max;
    size_t rows_usual;     /* several texts together: more than these make no step faster, and take memory */
    size_t context;        /* tokens of one text at most */
    size_t context_wished; /* what it would have been with more memory */
};

struct engine_memory { /* bytes */
    uint64_t weights;  /* mapped from the file */
    uint64_t kv;       /* when every page is in use */
    uint64_t work;     /* buffers of a step */
};

/* Takes `file`, also when it fails. ERR_INVALID for an option that cannot be, ERR_LIMIT: a context beyond all memory; ERR_UNSUPPORTED, ERR_SYNTAX, ERR_NOMEM. */
int engine_open(struct engine **out, struct gguf *file, const struct engine_options *opt, struct err *e);
void engine_close(struct engine *e);
struct engine_memory engine_memory(const struct engine *e);
uint64_t engine_context_of(const struct engine *e, uint64_t bytes); /* tokens whose keys and values take so much */

/* Runs tokens through, as many steps as it takes; `out`: what came of the last token (engine_result_floats() of them). A model
 * that sees both ways gives the pooled state of all of them, scaled to length 1. ERR_LIMIT when they do not fit. */
int engine_read(struct engine *e, struct kv_sequence *s, const int32_t *token, size_t count, float *out, struct err *err);
size_t engine_result_floats(const struct engine *e); /* the vocabulary, or the width of an embedding */
