/* embed.c: mean, first or last state, scaled to length 1. */
#include "engine/embed.h"
#include <math.h>

static double pooled(const struct model *m, const float *state, size_t rows, size_t i)
{
    if (m->pooling == POOL_FIRST)
        return (double)state[i];
    if (m->pooling == POOL_LAST)
        return (double)state[(rows - 1) * m->width + i];
    double sum = 0;
    for (size_t row = 0; row < rows; row++)
        sum += (double)state[row * m->width + i];
    return sum / (double)rows;
}

void embed_pool(const struct model *m, const float *state, size_t rows, float *out)
{
    double square = 0;
    for (size_t i = 0; i < m->width; i++) {
        double v = pooled(m, state, rows, i);
        out[i] = (float)v;
        square += v * v;
    }
    float scale = square > 0 ? (float)(1 / sqrt(square)) : 0;
    for (size_t i = 0; i < m->width; i++)
        out[i] *= scale;
}
