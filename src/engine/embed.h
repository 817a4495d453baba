/* embed.h: from the states of a text's tokens to its one vector. */
#pragma once
#include "engine/model.h"

/* state: (rows, width) in the text's order; out: (width), pooled as the model's file says (mean where it says nothing) and scaled to
 * length 1. Sums run in the order of the rows, in double. */
void embed_pool(const struct model *m, const float *state, size_t rows, float *out);
