/* pick.c: which kernels this machine runs. */
#include "engine/kernels/kernels.h"

enum { LEVELS_MAX = 8 };

/* Fastest last. */
static size_t levels(const struct kernels *out[LEVELS_MAX])
{
    size_t n = 0;
    const struct kernels *all[] = {kernels_ref(), kernels_avx2(), kernels_vnni(), kernels_neon()};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i])
            out[n++] = all[i];
    return n;
}

void kernels_names(struct buf *out)
{
    const struct kernels *level[LEVELS_MAX];
    size_t n = levels(level);
    for (size_t i = 0; i < n; i++)
        (void)buf_append_format(out, "%s%s", i ? ", " : "", level[i]->name);
}

const struct kernels *kernels_pick(const char *name)
{
    const struct kernels *level[LEVELS_MAX];
    size_t n = levels(level);
    if (!name)
        return level[n - 1];
    for (size_t i = 0; i < n; i++)
        if (strcmp(level[i]->name, name) == 0)
            return level[i];
    return NULL;
}
