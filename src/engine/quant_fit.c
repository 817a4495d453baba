/* quant_fit.c: which step tells a handful of weights best, in the few codes that a block has.
 *
 * The step that just reaches the greatest weight wastes codes on one outlier; so a few steps around it are tried, each is bettered
 * once by least squares against the codes it leads to, and the one that loses least is taken. */
#include "engine/quant_priv.h"
#include <math.h>

/* To the nearest whole number, even ones first, between bounds below 2^22. Adding 1.5·2^23 leaves no bits for a fraction: one
 * instruction instead of a call. NaN cannot come: weights are finite. */
static inline float nearest(float steps, float low, float high)
{
    float inside = steps < low ? low : steps > high ? high : steps;
    return inside + 0x1.8p23f - 0x1.8p23f;
}

int quant_code_signed(float x, float step, int half)
{
    return step == 0 ? 0 : (int)nearest(x / step, (float)-half, (float)(half - 1));
}

int quant_code_affine(float x, float step, float floor_, int top)
{
    return step == 0 ? 0 : (int)nearest((x + floor_) / step, 0, (float)top);
}

int quant_code_nl(float x, float step)
{
    float steps = step == 0 ? 0 : x / step;
    int code = 0;
    while (code < 15 && steps > (float)(quant_nl[code] + quant_nl[code + 1]) / 2)
        code++;
    return code;
}

/* The one of greatest size, with its sign. */
static float greatest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    return most;
}

/* What is lost is Σx² − (Σxv)²/Σv² with the best step for the values v that codes stand for, which is Σxv/Σv²: so the greatest
 * (Σxv)²/Σv² wins. */
struct best {
    float gain, step;
};

static void better(struct best *b, float xv, float vv)
{
    if (vv > 0 && xv * xv > b->gain * vv)
        *b = (struct best){xv * xv / vv, xv / vv};
}

enum { TRIES = 3 }; /* to each side of the step that reaches the greatest */
static const float TRY_EACH = 0.04f;

float quant_fit_signed(const float *x, size_t n, int half)
{
    float first = greatest(x, n) / (float)-half;
    struct best b = {0, first};
    for (int k = -TRIES; first != 0 && k <= TRIES; k++) {
        float inverse = 1 / (first * (1 + TRY_EACH * (float)k)), xv = 0, vv = 0;
        for (size_t i = 0; i < n; i++) {
            float v = nearest(x[i] * inverse, (float)-half, (float)(half - 1));
            xv += x[i] * v;
            vv += v * v;
        }
        better(&b, xv, vv);
    }
    return b.step;
}

float quant_fit_nl(const float *x, size_t n)
{
    float first = greatest(x, n) / (float)quant_nl[0];
    struct best b = {0, first};
    for (int k = -TRIES; first != 0 && k <= TRIES; k++) {
        float step = first * (1 + TRY_EACH * (float)k), xv = 0, vv = 0;
        for (size_t i = 0; i < n; i++) {
            float v = (float)quant_nl[quant_code_nl(x[i], step)];
            xv += x[i] * v;
            vv += v * v;
        }
        better(&b, xv, vv);
    }
    return b.step;
}

/* x against the codes that (step, floor) lead to: what is lost, and the sums that least squares need. */
struct against {
    float lost, q, qq, x, qx;
};

static struct against against(const float *x, size_t n, int top, float step, float floor_)
{
    struct against sum = {0};
    float inverse = step > 0 ? 1 / step : 0;
    for (size_t i = 0; i < n; i++) {
        float q = nearest((x[i] + floor_) * inverse, 0, (float)top), off = step * q - floor_ - x[i];
        sum.lost += off * off;
        sum.q += q;
        sum.qq += q * q;
        sum.x += x[i];
        sum.qx += q * x[i];
    }
    return sum;
}

/* False where least squares has no answer that a block can hold. */
static bool better_affine(const struct against *s, float count, float *step, float *floor_)
{
    float det = count * s->qq - s->q * s->q;
    if (det <= 0)
        return false;
    *step = (count * s->qx - s->q * s->x) / det;
    *floor_ = -(s->qq * s->x - s->q * s->qx) / det;
    return *step > 0 && *floor_ >= 0;
}

void quant_fit_affine(const float *x, size_t n, int top, float *step, float *floor_)
{
    enum { ROUNDS = 4 };
    float low = 0, high = 0, s, f;
    for (size_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    *step = (high - low) / (float)top;
    *floor_ = -low;
    struct against best = against(x, n, top, *step, *floor_);
    for (int round = 0; round < ROUNDS && best.lost > 0 && better_affine(&best, (float)n, &s, &f); round++) {
        struct against now = against(x, n, top, s, f);
        if (now.lost >= best.lost)
            break;
        best = now;
        *step = s;
        *floor_ = f;
    }
}
