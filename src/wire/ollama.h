/* ollama.h: what an Ollama says about the models it has loaded (/api/ps), and whether one of them spilled to the CPU: it does so
 * without a word when the memory of the GPU is too small, and becomes several times slower. */
#pragma once
#include "base/err.h"

enum { OLLAMA_NAME_BYTES = 200, OLLAMA_LOADED_MAX = 64 };

struct ollama_loaded {
    char name[OLLAMA_NAME_BYTES];
    int64_t bytes, gpu_bytes; /* all of it; the part in the GPU's memory, never more than that */
    int64_t context;          /* tokens it was loaded for; 0 when an old version does not say */
};
/* Reads the body of /api/ps; models without a usable name are passed over, and no more than `max` are taken. Returns their
 * count, or ERR_SYNTAX, ERR_NOMEM. */
int ollama_loaded_read(struct str body, struct ollama_loaded *out, int max, struct err *e);
/* The share that the CPU computes, in percent, rounded up; 0: all of it is on the GPU. */
int ollama_spill_percent(const struct ollama_loaded *m);
/* The same model by Ollama's rules: any case, `:latest` may be left out. */
bool ollama_same_model(struct str a, struct str b);
