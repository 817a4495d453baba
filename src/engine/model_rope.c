/* model_rope.c: by what angle each pair of elements turns per position, with the ways models stretch it (GGUF reference, section 6). */
#include "engine/model_priv.h"
#include <math.h>

enum scaling { SCALE_NONE, SCALE_LINEAR, SCALE_YARN, SCALE_LONG };

/* Files of gemma3 that Ollama made of the larger ones (those with pictures) say neither the base nor the factor that they were trained with. */
static double as_published(const struct reading *r)
{
    enum { LONG = 131072 };
    uint64_t base = gguf_key_index(r->g, "gemma3.rope.freq_base");
    return str_eq(r->m->architecture, STR("gemma3")) && base == gguf_key_count(r->g) && r->m->context_trained >= LONG ? 8 : 1;
}

static enum scaling long_only(struct reading *r, double factor)
{
    if (factor != 1)
        (void)read_fail(r, ERR_UNSUPPORTED, "`rope.scaling.factor` is %g beside the type longrope: the engine takes its lists of factors alone", factor);
    if (!gguf_tensor_find(r->g, "rope_factors_long.weight"))
        (void)read_fail(r, ERR_SYNTAX, "`rope.scaling.type` is longrope, and the file has no tensor `rope_factors_long.weight`");
    return SCALE_LONG;
}

static enum scaling scaling_of(struct reading *r, double *factor)
{
    struct str type = read_text(r, "rope.scaling.type", STR("linear"));
    *factor = read_f64(r, "rope.scaling.factor", read_f64(r, "rope.scale_linear", as_published(r)));
    if (*factor < 0)
        (void)read_fail(r, ERR_SYNTAX, "`rope.scaling.factor` is %g, below 0", *factor);
    if (*factor == 0) /* files mean: not set */
        *factor = 1;
    if (str_eq(type, STR("none")))
        *factor = 1;
    if (str_eq(type, STR("yarn")))
        return SCALE_YARN;
    if (str_eq(type, STR("longrope")))
        return long_only(r, *factor);
    if (!str_eq(type, STR("none")) && !str_eq(type, STR("linear")))
        (void)read_fail(r, ERR_UNSUPPORTED, "`rope.scaling.type` is `%s`; the engine knows none, linear, yarn and longrope", gguf_shown(type).text);
    return *factor == 1 ? SCALE_NONE : SCALE_LINEAR;
}

/* Where YaRN stops stretching: 1 = the angle as trained, 0 = stretched. */
static double yarn_keeps(struct reading *r, size_t i, size_t dims, double base)
{
    double trained = (double)read_u64(r, "rope.scaling.original_context_length", r->m->context_trained);
    double fast = read_f64(r, "rope.scaling.yarn_beta_fast", read_f64(r, "rope.scaling.beta_fast", 32));
    double slow = read_f64(r, "rope.scaling.yarn_beta_slow", read_f64(r, "rope.scaling.beta_slow", 1));
    double n = (double)dims;
    double from = fmax(0, floor(n * log(trained / (fast * 2 * M_PI)) / (2 * log(base))));
    double to = fmin(n - 1, ceil(n * log(trained / (slow * 2 * M_PI)) / (2 * log(base))));
    double along = ((double)i - from) / fmax(0.001, to - from);
    return 1 - fmin(1, fmax(0, along));
}

/* By how much YaRN makes vectors larger, where the model does not say more (`rope.scaling.attn_factor`). */
static double yarn_size(double factor)
{
    return factor > 1 ? 1 + 0.1 * log(factor) : 1;
}

/* What YaRN could be told differently, and no model of these architectures is known to be: only as it is anyway. */
static void check_yarn(struct reading *r, enum scaling scaling, double factor)
{
    double blend = read_f64(r, "rope.scaling.yarn_ext_factor", read_f64(r, "rope.scaling.extrapolation_factor", -1)); /* below 0: not set */
    double size = read_f64(r, "rope.scaling.yarn_attn_factor", -1), right = scaling == SCALE_YARN ? yarn_size(factor) : 1;
    if (blend >= 0 && blend != (scaling == SCALE_YARN))
        (void)read_fail(r, ERR_UNSUPPORTED, "`rope.scaling.yarn_ext_factor` is %g; the engine takes %d here", blend, scaling == SCALE_YARN);
    if (size >= 0 && size != 1 && fabs(size - right) > 1e-4) /* 1 is the reference's word for "as usual" */
        (void)read_fail(r, ERR_UNSUPPORTED, "`rope.scaling.yarn_attn_factor` is %g; the engine takes %g here", size, right);
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
    rope->size = (float)(scaling == SCALE_YARN ? size * yarn_size(factor) : size);
}

/* `context`: phi3's two lists of divisors, chosen by how long a sequence may become. */
static const float *divisors(struct reading *r, size_t half, size_t context)
{
    uint64_t trained = read_u64(r, "rope.scaling.original_context_length", r->m->context_trained);
    const float *longer = read_vector(r, "rope_factors_long.weight", half, OPTIONAL), *shorter = read_vector(r, "rope_factors_short.weight", half, OPTIONAL);
    const float *list = context > trained ? longer : shorter;
    if (!longer != !shorter)
        (void)read_fail(r, ERR_SYNTAX, "the file has one of the tensors `rope_factors_long.weight` and `rope_factors_short.weight`, and not the other");
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
    /* Layers with a window were never stretched where they have a base of their own (gemma3). The other names are Ollama's. */
    bool own = str_eq(m->architecture, STR("gemma3"));
    double base = read_f64(r, "rope.freq_base", own ? read_f64(r, "rope.global.freq_base", 1e6) : 10000), factor;
    double local = read_f64(r, "rope.freq_base_swa", own ? read_f64(r, "rope.local.freq_base", 10000) : base);
    if (!(base > 1) || !(local > 1) || !isfinite(base) || !isfinite(local)) {
        (void)read_fail(r, ERR_SYNTAX, "`rope.freq_base` is %g: it has to be a number above 1", base > 1 ? local : base);
        return;
    }
    enum scaling scaling = scaling_of(r, &factor);
    check_yarn(r, scaling, factor);
    if (r->rc < 0)
        return;
    const float *divisor = divisors(r, m->rope.dims / 2, context);
    rope_build(r, &m->rope, base, scaling, factor, divisor);
    rope_build(r, &m->rope_local, local, own ? SCALE_NONE : scaling, own ? 1 : factor, own ? NULL : divisor);
}
