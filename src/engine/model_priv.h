/* model_priv.h: reading a model file: keys by the architecture's name, tensors with their shape demanded. (model*.c)
 *
 *   model.c         the families, and how each reads its file
 *   model_read.c    keys and tensors, each of the kind and shape that is needed
 *   model_rope.c    angles
 *   model_unread.c  what nobody read: harmless, neutral, or a reason to refuse the file */
#pragma once
#include "engine/model.h"

struct reading {
    struct model *m;
    const struct gguf *g;
    struct err *e;
    int rc;          /* the first error; later calls do nothing */
    size_t layer;    /* whose tensors are read */
    bool *key_read;    /* (keys of the file), in the arena: asked for by name */
    bool *tensor_read; /* (tensors of the file), likewise */
};

/* Keys: "attention.head_count" stands for "llama.attention.head_count". */
uint64_t read_u64(struct reading *r, const char *key, uint64_t otherwise);
uint64_t read_u64_needed(struct reading *r, const char *key, uint64_t most);
double read_f64_needed(struct reading *r, const char *key); /* 0 or more */
double read_f64(struct reading *r, const char *key, double otherwise);
bool read_bool(struct reading *r, const char *key, bool otherwise);
bool read_array(struct reading *r, const char *key, struct gguf_array *out); /* false: there is none */
struct str read_text(struct reading *r, const char *key, struct str otherwise);

enum need { NEEDED, OPTIONAL };
/* A matrix of `rows` rows of `k`; rows 0 = any. In a layer, NAME stands for "blk.N.NAME". */
struct weight read_matrix(struct reading *r, const char *name, size_t k, size_t rows, enum need need);
/* One row of `n` numbers. */
const float *read_vector(struct reading *r, const char *name, size_t n, enum need need);
int read_fail(struct reading *r, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The first of several such rows (bert's token types). */
const float *read_first_row(struct reading *r, const char *name, size_t n, enum need need);
/* After everything was read: ERR_UNSUPPORTED with the name of what would be left out of the computation. */
void read_check_unread(struct reading *r);
void read_ropes(struct reading *r, size_t context);
