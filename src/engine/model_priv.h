/* model_priv.h: reading a model file: keys by the architecture's name, tensors with their shape demanded. (model*.c) */
#pragma once
#include "engine/model.h"

struct reading {
    struct model *m;
    const struct gguf *g;
    struct err *e;
    int rc;          /* the first error; later calls do nothing */
    size_t layer;    /* whose tensors are read */
};

/* Keys: "attention.head_count" stands for "llama.attention.head_count". */
uint64_t read_u64(struct reading *r, const char *key, uint64_t otherwise);
uint64_t read_u64_needed(struct reading *r, const char *key, uint64_t most);
double read_f64(struct reading *r, const char *key, double otherwise);
bool read_bool(struct reading *r, const char *key, bool otherwise);
bool read_array(struct reading *r, const char *key, struct gguf_array *out); /* false: there is none */
struct str read_text(struct reading *r, const char *key, struct str otherwise);

enum need { NEEDED, OPTIONAL };
/* A matrix of `rows` rows of `k`; rows 0 = any. In a layer, NAME stands for "blk.N.NAME". */
struct weight read_matrix(struct reading *r, const char *name, size_t k, size_t rows, enum need need);
const float *read_vector(struct reading *r, const char *name, size_t n, enum need need);
int read_fail(struct reading *r, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

void read_ropes(struct reading *r, size_t context);
