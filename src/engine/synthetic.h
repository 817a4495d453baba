/* synthetic.h: model files of true shapes with made-up weights: for measuring without a download, and for tests.
 *
 * A file has everything a real one has: metadata, a vocabulary of the right kind and size in which any text can be told, the
 * family's special tokens and a chat template in its form; but it was never trained, so what it answers means nothing. The same
 * arguments give the same bytes with the same build.
 * Tensors of up to a million weights are drawn one by one; larger ones repeat a million drawn weights, block by block in random
 * order, so that a file is written about as fast as the disk takes it. */
#pragma once
#include "base/err.h"

/* Writes `path`, replacing what is there. ERR_NOT_FOUND for a shape or quantisation that is not listed, ERR_IO, ERR_NOMEM; a file
 * that could not be finished is removed. */
int synthetic_write(const char *path, struct str shape, struct str quant, uint64_t seed, struct err *e);

/* The names, and NULL after the last. Shapes: "llama-3.2-1b" … and "tiny-llama" …, which are a few layers of 256. Quantisations:
 * "Q4_K_M" …: how the weights of such files are usually mixed. */
const char *synthetic_shape_at(size_t index);
const char *synthetic_quant_at(size_t index);
