/* oracle.h: the forward pass once more, in double precision and with nothing of the engine's but the file reader and the plain
 * decoding of blocks: written from the published descriptions (GGUF reference, sections 5 and 6), slow and direct. */
#pragma once
#include "engine/gguf.h"

enum { ORACLE_CONTEXT = 512 /* how long a sequence may become: phi3 chooses its angles by it */ };

/* Logits of the last of `count` tokens, or for a model without an output the pooled vector of length 1. To be freed with mem_free;
 * *n says how many numbers. */
double *oracle_run(const struct gguf *g, const int *token, size_t count, size_t *n);
