/* model_rope.c: by what angle each pair of elements turns per position, with the ways models stretch it (GGUF reference, section 6). */
#include "engine/model_priv.h"
#include <math.h>

enum scaling { SCALE_NONE, SCALE_LINEAR, SCALE_YARN, SCALE_LONG };

static enum scaling scaling_of(struct reading *r, double *factor)
{
    struct str type = read_text(r, "rope.scaling.type", STR("linear"));
    *factor = read_f64(r, "rope.scaling.factor", read_f64(r, "rope.scale_linear", 1));
    if (!(*factor > 0))
        *factor = 1;
    if (str_eq(type, STR("none")))
        *factor = 1;
    if (str_eq(type, STR("yarn")))
        return SCALE_YARN;
    if (str_eq(type, STR("longrope")))
        return SCALE_LONG;
    if (!str_eq(type, STR("none")) && !str_eq(type, STR("linear")))
        (void)read_fail(r, ERR_UNSUPPORTED, "`rope.scaling.type` is `%s`; the engine knows none, linear, yarn and longrope", gguf_shown(type).text);
    return *factor == 1 ? SCALE_NONE : SCALE_LINEAR;
}

/* Where YaRN stops stretching: 1 = the angle as trained, 0 = stretched. */
static double yarn_keeps(struct reading *r, size_t i, size_t dims, double base)
{
    double trained = (double)read_u64(r, "rope.scaling.original_context_length", r->m->context_trained);
    double fast = read_f64(r, "rope.scaling.yarn_beta_fast", 32), slow = read_f64(r, "rope.scaling.yarn_beta_slow", 1);
    double n = (double)dims;
    double from = fmax(0, floor(n * log(trained / (fast * 2 * M_PI)) / (2 * log(base))));
    double to = fmin(n - 1, ceil(n * log(trained / (slow * 2 * M_PI)) / (2 * log(base))));
    double along = ((double)i - from) / fmax(0.001, to - from);
    return 1 - fmin(1, fmax(0, along));
}

static void rope_build(struct reading *r, struct rope *rope, double base, enum scaling scaling, double factor, const float *divisor)
{
    size_t half = rope->dims / 2;
    rope->step = arena_alloc(&r->m->arena, (half + 1) * sizeof(float));
    if (!rope->step) {
        (void)read_fail(r, ERR_NOMEM, "model");
        return;
    }
    for (size_t i = 0; i < half; i++) {
        double step = pow(base, -2.0 * (double)i / (double)rope->dims);
        if (divisor)
            step /= (double)divisor[i];
        if (scaling == SCALE_LINEAR)
            step /= factor;
        if (scaling == SCALE_YARN) {
            double keeps = yarn_keeps(r, i, rope->dims, base);
            step = step / factor * (1 - keeps) + step * keeps;
        }
        rope->step[i] = (float)step;
    }
    double size = read_f64(r, "rope.scaling.attn_factor", 1);
    rope->size = (float)(scaling == SCALE_YARN ? size * (1 + 0.1 * log(factor)) : size);
}

/* `context`: phi3's two lists of divisors, chosen by how long a sequence may become. */
static const float *divisors(struct reading *r, size_t half, size_t context)
{
    uint64_t trained = read_u64(r, "rope.scaling.original_context_length", r->m->context_trained);
    const char *which = context > trained ? "rope_factors_long.weight" : "rope_factors_short.weight";
    const float *list = read_vector(r, which, half, OPTIONAL);
    if (!list)
        list = read_vector(r, "rope_freqs.weight", half, OPTIONAL);
    for (size_t i = 0; list && i < half; i++)
        if (!(list[i] > 0))
            (void)read_fail(r, ERR_SYNTAX, "the file's list of rope factors holds a number that is not above 0");
    return list;
}

void read_ropes(struct reading *r, size_t context)
{
    struct model *m = r->m;
    m->rope.dims = m->rope_local.dims = (size_t)read_u64(r, "rope.dimension_count", m->head_dim);
    m->rope_local.form = m->rope.form;
    if (m->rope.form == ROPE_NONE || r->rc < 0)
        return;
    if (m->rope.dims == 0 || m->rope.dims > m->head_dim || m->rope.dims % 2) {
        (void)read_fail(r, ERR_SYNTAX, "`rope.dimension_count` is %zu, with heads of %zu", m->rope.dims, m->head_dim);
        return;
    }
    double base = read_f64(r, "rope.freq_base", 10000), factor;
    double local = read_f64(r, "rope.freq_base_swa", str_eq(m->architecture, STR("gemma3")) ? 10000 : base);
    if (!(base > 1) || !(local > 1) || !isfinite(base) || !isfinite(local)) {
        (void)read_fail(r, ERR_SYNTAX, "`rope.freq_base` is %g: it has to be a number above 1", base > 1 ? local : base);
        return;
    }
    enum scaling scaling = scaling_of(r, &factor);
    rope_build(r, &m->rope, base, scaling, factor, divisors(r, m->rope.dims / 2, context));
    /* Layers with a window were never stretched where they have a base of their own (gemma3). */
    bool own = str_eq(m->architecture, STR("gemma3"));
    rope_build(r, &m->rope_local, local, own ? SCALE_NONE : scaling, own ? 1 : factor, NULL);
}
